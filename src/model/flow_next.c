/* flow_next.c - where a phase leads to: `next`, by outcome or whatever it is. */
#include <stdio.h>
#include <string.h>

#include "model/flow_part.h"

/* Does it declare outcomes, so that `next` can tell them apart? */
static bool decides(const ml_activity *a) {
  return a->outcome_count > 1
         || (a->outcome_count == 1 && !ml_str_is(a->outcomes[0].id, "done"));
}

/* ---- one target ---- */

typedef struct names {
  const ml_flow *f;
  const ml_list *list;
} names;

static ml_str phase_word(const void *arg, size_t i) {
  const names *n = arg;

  return n->f->phases[n->list->first_phase + i].name;
}

static void tell_no_phase(ml_fpass *p, const ml_fwho *w, const ml_list *l,
                          ml_str name) {
  names n = {p->f, l};
  ml_str near_ = ml_fp_nearest(name, phase_word, &n, l->phase_count);

  for (uint16_t i = 0; i < p->f->phase_count; i++)
    if (ml_str_eq(p->f->phases[i].name, name)) {
      ml_fp_fault(p, w, "'next' names phase '%s', which stands in another list "
                  "of phases; only phases of the same list can follow",
                  ml_fp_show(name).s);
      return;
    }
  if (near_.p != NULL)
    ml_fp_fault(p, w, "'next' names '%s', which is no phase of this list; did "
                "you mean '%s'?", ml_fp_show(name).s, ml_fp_show(near_).s);
  else
    ml_fp_fault(p, w, "'next' names '%s', which is no phase of this list",
                ml_fp_show(name).s);
}

/* True when it is { "kind": "join" } or { "kind": "finish" }. */
static bool is_mark(const ml_json *v) {
  return v->type == ML_JOBJ && v->count == 1
         && ml_json_str(v, "kind").p != NULL;
}

static bool parse_mark(ml_fpass *p, const ml_fwho *w, const ml_list *l,
                       const ml_json *v, int32_t *to) {
  ml_str kind = ml_json_str(v, "kind");

  if (ml_str_is(kind, "join")) {
    if (l->branch < 0)
      ml_fp_fault(p, w, "'next' is ml.join, which ends a branch; this phase "
                  "stands in none: use ml.finish");
    *to = ML_TO_JOIN;
    return l->branch >= 0;
  }
  if (ml_str_is(kind, "finish")) {
    if (l->branch >= 0)
      ml_fp_fault(p, w, "'next' is ml.finish, which ends the process; inside a "
                  "branch use ml.join");
    *to = ML_TO_FINISH;
    return l->branch < 0;
  }
  ml_fp_fault(p, w, "'next' must be a phase's name, ml.join or ml.finish");
  return false;
}

static bool parse_target(ml_fpass *p, const ml_fwho *w, const ml_list *l,
                         const ml_json *v, int32_t *to) {
  if (v->type == ML_JSTR) {
    for (uint16_t i = 0; i < l->phase_count; i++)
      if (ml_str_eq(p->f->phases[l->first_phase + i].name, v->s)) {
        *to = l->first_phase + i;
        return true;
      }
    tell_no_phase(p, w, l, v->s);
    return false;
  }
  if (is_mark(v))
    return parse_mark(p, w, l, v, to);
  ml_fp_fault(p, w, "'next' must be a phase's name, ml.join or ml.finish, not "
              "%s", ml_fp_type(v));
  return false;
}

/* ---- by outcome ---- */

/* The one entry whose outcome decides, or NULL and told. */
static const ml_activity *find_decider(ml_fpass *p, const ml_fwho *w,
                                       ml_phase *ph) {
  int found = 0;

  for (uint16_t i = 0; i < ph->activity_count; i++)
    if (decides(&p->f->activities[ph->first_activity + i])) {
      ph->decider = ph->first_activity + i;
      found++;
    }
  if (found == 0 && ph->activity_count == 1) {
    ph->decider = ph->first_activity;    /* it has 'done' */
    found = 1;
  }
  if (found == 1)
    return &p->f->activities[ph->decider];
  ph->decider = -1;
  ml_fp_fault(p, w, "'next' by outcome needs exactly one entry that has "
              "outcomes; this phase has %s", found == 0 ? "none" : "several");
  return NULL;
}

static ml_str outcome_word(const void *arg, size_t i) {
  return ((const ml_activity *)arg)->outcomes[i].id;
}

static bool check_outcome(ml_fpass *p, const ml_fwho *w, const ml_activity *a,
                          ml_str id) {
  ml_str near_ = ml_fp_nearest(id, outcome_word, a, a->outcome_count);
  ml_buf list = {0};

  if (ml_flow_outcome(a, id) != NULL)
    return true;
  for (uint16_t i = 0; i < a->outcome_count; i++)
    ml_buf_printf(&list, "%s'%s'", i > 0 ? ", " : "",
                  ml_fp_show(a->outcomes[i].id).s);
  if (list.bad)
    p->nomem = true;
  ml_fp_fault(p, w, "'next' maps '%s', which is no outcome of '%s'; it has "
              "%.200s%s%s%s", ml_fp_show(id).s, ml_fp_show(a->label).s,
              list.p != NULL ? list.p : "",
              near_.p != NULL ? "; did you mean '" : "",
              near_.p != NULL ? ml_fp_show(near_).s : "",
              near_.p != NULL ? "'?" : "");
  ml_buf_free(&list);
  return false;
}

static bool parse_map(ml_fpass *p, const ml_fwho *w, ml_phase *ph,
                      const ml_list *l, const ml_json *v) {
  const ml_activity *a = find_decider(p, w, ph);
  bool ok = a != NULL;

  ph->next = ml_fp_room(p, v->count, sizeof *ph->next);
  for (uint32_t i = 0; a != NULL && ph->next != NULL && i < v->count; i++) {
    const ml_jmember *m = &v->obj[i];
    ml_next *n = &ph->next[ph->next_count];

    if (m->key.n == 0 && m->value.type == ML_JARR) {
      ml_fp_fault(p, w, "'next' has more than one default");
      ok = false;
      continue;
    }
    if (m->key.n > 0 && !check_outcome(p, w, a, m->key)) {
      ok = false;
      continue;
    }
    if (!parse_target(p, w, l, &m->value, &n->to)) {
      ok = false;
      continue;
    }
    if (m->key.n > 0)
      n->outcome = ml_fp_keep(p, m->key);
    ph->next_count++;
  }
  return ok;
}

/* ---- every outcome leads somewhere ---- */

static bool leads(const ml_phase *ph, bool decider, ml_str outcome) {
  for (uint16_t i = 0; i < ph->next_count; i++)
    if (ph->next[i].outcome.p == NULL
        || (decider && ml_str_eq(ph->next[i].outcome, outcome)))
      return true;
  return false;
}

/* All other outcomes are Failures: this one goes to the next phase. */
static bool only_way_on(const ml_activity *a) {
  uint16_t on = 0;

  for (uint16_t k = 0; k < a->outcome_count; k++)
    on += !a->outcomes[k].fails;
  return on == 1 && a->outcome_count > 1;
}

static void check_mapped(ml_fpass *p, const ml_phase *ph, ml_str at) {
  for (uint16_t i = 0; i < ph->activity_count; i++) {
    const ml_activity *a = &p->f->activities[ph->first_activity + i];
    ml_fwho w = ml_fp_who(NULL, at, "phase", ph->name);

    for (uint16_t k = 0; k < a->outcome_count; k++)
      if (!ml_str_is(a->outcomes[k].id, "done") && !a->outcomes[k].fails
          && !(only_way_on(a) && ph->next_count == 0)
          && !leads(ph, ph->decider == ph->first_activity + i,
                    a->outcomes[k].id))
        ml_fp_fault(p, &w, "outcome '%s' of '%s' leads nowhere: map it in "
                    "'next', or give 'next' a default",
                    ml_fp_show(a->outcomes[k].id).s, ml_fp_show(a->label).s);
  }
}

static void parse_next(ml_fpass *p, uint16_t index) {
  ml_phase *ph = &p->f->phases[index];
  const ml_list *l = &p->f->lists[ph->list];
  const ml_json *v = ml_json_get(p->phase_src[index], "next");
  ml_fwho w = ml_fp_who(NULL, p->phase_at[index], "phase", ph->name);
  unsigned before = p->faults;
  bool ok = true;

  if (v != NULL && v->type == ML_JOBJ && !is_mark(v)
      && ml_json_get(v, "$not_data") == NULL) {
    ok = parse_map(p, &w, ph, l, v);
  } else if (v != NULL) {
    ph->next = ml_fp_room(p, 1, sizeof *ph->next);
    ok = ph->next != NULL && parse_target(p, &w, l, v, &ph->next[0].to);
    ph->next_count = ok ? 1 : 0;
  }
  if (ok)
    check_mapped(p, ph, p->phase_at[index]);
  if (p->faults != before)
    p->list_bad[ph->list] = true;
}

void ml_fp_nexts(ml_fpass *p) {
  for (uint16_t i = 0; i < p->f->phase_count && !p->nomem; i++)
    parse_next(p, i);
}
