/* flow_limit.c - what a workflow and an activity allow their scripts. */
#include <string.h>

#include "model/flow_part.h"

/* Its value as the table of bound.c has it; told when it has none. */
static void read_one(ml_fpass *p, const ml_fwho *w, ml_bound b,
                     const ml_json *v, uint64_t *out) {
  const ml_bound_row *r = &ml_bound_rows[b];
  ml_err e = {0};
  ml_rc rc = ML_INVALID;

  if (v->type == ML_JSTR && r->unit != ML_IN_COUNT) {
    rc = ml_bound_read(b, v->s, out, &e);
  } else if (v->type == ML_JINT && r->unit != ML_IN_MS) {
    rc = ml_bound_judge(b, v->i, &e);
    *out = rc == ML_OK ? (uint64_t)v->i : 0;
  } else {
    ml_bound_judge(b, -1, &e);                /* for its sentence */
  }
  if (rc != ML_OK)
    ml_fp_fault(p, w, "'%s' %s", r->name, e.text);
}

static int find(ml_str key, bool activity) {
  for (int b = 0; b < ML_BOUND_COUNT; b++)
    if (ml_bound_rows[b].name != NULL && ml_str_is(key, ml_bound_rows[b].name)
        && (ml_bound_rows[b].activity || !activity))
      return b;
  return -1;
}

static void unknown(ml_fpass *p, const ml_fwho *w, ml_str key, bool activity) {
  ml_buf known = {0};

  for (int b = 0; b < ML_BOUND_COUNT; b++)
    if (ml_bound_rows[b].name != NULL && (ml_bound_rows[b].activity || !activity))
      ml_buf_printf(&known, "%s%s", known.len > 0 ? ", " : "",
                    ml_bound_rows[b].name);
  ml_fp_fault(p, w, "there is no limit '%s'; %s may set %s%s",
              ml_fp_show(key).s, activity ? "an activity" : "a workflow",
              known.p != NULL ? known.p : "", activity ? "" : ", calls");
  p->nomem = p->nomem || known.bad;
  ml_buf_free(&known);
}

static void read_calls(ml_fpass *p, const ml_fwho *w, const ml_json *o) {
  int64_t calls;

  if (!ml_fp_int(p, w, o, "calls", 1, ML_FLOW_CALLS_MAX, &calls))
    return;
  if (p->f->calls != 0)
    ml_fp_fault(p, w, "'calls' stands beside 'limits' already");
  p->f->calls = (uint32_t)calls;
}

/* The members of `v` into *out. */
static void read_all(ml_fpass *p, const ml_fwho *w, const ml_json *v,
                     bool activity, ml_bounds *out) {
  for (uint32_t i = 0; i < v->count; i++) {
    ml_str key = v->obj[i].key;
    int b = find(key, activity);

    if (b >= 0)
      read_one(p, w, (ml_bound)b, &v->obj[i].value, &out->v[b]);
    else if (!activity && ml_str_is(key, "calls"))
      read_calls(p, w, v);
    else if (!ml_str_is(key, "at"))
      unknown(p, w, key, activity);
  }
}

/* The table, or NULL: there is none, or what stands there was told. */
static const ml_json *table_of(ml_fpass *p, const ml_fwho *w,
                               const ml_json *o) {
  const ml_json *v = ml_json_get(o, "limits");

  if (v == NULL || (v->type == ML_JARR && v->count == 0))
    return NULL;
  if (v->type == ML_JOBJ && ml_json_get(v, "$not_data") == NULL)
    return v;
  ml_fp_fault(p, w, "'limits' must be a table such as { units = 1000000 }, not %s",
              ml_fp_type(v));
  return NULL;
}

void ml_fp_limits(ml_fpass *p, const ml_json *o, ml_str at) {
  ml_fwho w = ml_fp_who(ml_json_get(o, "limits"), at, "limits", ML_NOSTR);
  const ml_json *v = table_of(p, &w, o);

  if (v == NULL)
    return;
  p->f->limits = ml_fp_room(p, 1, sizeof *p->f->limits);
  if (p->f->limits != NULL)
    read_all(p, &w, v, false, p->f->limits);
}

ml_bounds *ml_fp_own_limits(ml_fpass *p, const ml_json *o, const ml_fwho *w) {
  const ml_json *v = table_of(p, w, o);
  const ml_bounds *all = p->f->limits;
  ml_bounds *own;

  if (v == NULL)
    return p->f->limits;
  own = ml_fp_room(p, 1, sizeof *own);
  if (own == NULL)
    return NULL;
  read_all(p, w, v, true, own);
  for (ml_bound b = 0; all != NULL && b < ML_BOUND_COUNT; b++) {
    if (own->v[b] == 0) {
      own->v[b] = all->v[b];
    } else if (all->v[b] != 0 && own->v[b] > all->v[b]) {
      ml_buf most = {0};

      ml_bound_put(&most, b, all->v[b]);
      ml_fp_fault(p, w, "'%s' is more than the %s of its workflow",
                  ml_bound_rows[b].name, most.p != NULL ? most.p : "limit");
      ml_buf_free(&most);
    }
  }
  return own;
}

void ml_flow_bound(ml_flow *f, const ml_bounds *operator_) {
  uint64_t most = ml_bound_of(f->limits, operator_, ML_BOUND_RESULT, NULL);

  for (uint16_t i = 0; i < f->field_count; i++)
    f->fields[i].most = (uint32_t)most;
}
