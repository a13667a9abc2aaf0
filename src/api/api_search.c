/* api_search.c - GET /v1/processes by a filter and an order. */
#include "api/api_search.h"

#include <string.h>

#include "run/run.h"

/* A name that is nobody's id but one person's name. */
static ml_str person(void *arg, ml_str name) {
  const ml_run *r = arg;
  ml_str id = ML_NOSTR;

  if (ml_run_user(r, name) != NULL)
    return ML_NOSTR;
  for (size_t i = 0; i < ml_run_user_count(r); i++) {
    const ml_row_user *u = ml_run_user_at(r, i);

    if (!ml_str_eq(u->name, name))
      continue;
    if (id.p != NULL)
      return ML_NOSTR;           /* two of that name: neither */
    id = u->id;
  }
  return id;
}

ml_rc ml_finding_make(ml_call *c, const ml_workflow *wf, ml_str where,
                      const ml_json *json, ml_str order, ml_finding *f) {
  ml_filter_conf conf = {.flow = wf->flow, .now_ms = ml_api_now(c->api),
                         .person = person, .arg = c->run};

  f->want.workflow = wf->no;
  f->want.filter = &f->filter;
  f->want.team = c->who.team;
  if (json != NULL)
    return ml_filter_of_json(&c->arena, &conf, json, order, &f->filter, &c->err);
  return ml_filter_parse(&c->arena, &conf, where, order, &f->filter, &c->err);
}

ml_rc ml_finding_read(ml_call *c, ml_read *r) {
  ml_finding *f = c->state;
  ml_rc rc = ml_read_search(r, &c->arena, &f->want, &f->out, &c->err);

  if (rc != ML_OK)
    return rc;
  f->seen = ml_arena_zero(&c->arena, (f->out.count + 1) * sizeof *f->seen);
  if (f->seen == NULL)
    return ML_NOMEM;
  for (size_t i = 0; i < f->out.count && rc == ML_OK; i++) {
    f->seen[i].row = f->out.rows[i];
    rc = ml_process_read_parent(c, r, &f->seen[i]);
  }
  return rc;
}

bool ml_search_asked(const ml_call *c) {
  static const char *const names[] = {"where", "order", "skip", "explain"};

  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (ml_call_query(c, names[i]).p != NULL)
      return true;
  return false;
}

/* Where the next page begins: the order's value and the number. */
static void put_next(ml_call *c, const ml_finding *f) {
  ml_buf b = {0};

  ml_skey_pack(&b, &f->out.next);
  if (b.bad)
    c->out.bad = true;
  ml_cursor_put(c, 's', f->out.next_n, 0, (ml_str){b.p, b.len});
  ml_buf_free(&b);
}

static bool get_from(ml_call *c, ml_finding *f) {
  int64_t n, unused;
  ml_unpack u;
  ml_str text;

  if (!ml_cursor_get(c, 's', &n, &unused, &text))
    return false;
  if (text.p == NULL)
    return true;
  u = ml_unpack_of(text.p, text.n);
  if (!ml_skey_unpack(&u, &f->want.after)) {
    ml_call_problem(c, 400, NULL, NULL, NULL, "cursor: this is no cursor of this "
                    "list; take it from \"next\" of the page before");
    return false;
  }
  f->want.from = true;
  f->want.skip = 0;              /* the first page has skipped them */
  f->want.after_n = n;
  return true;
}

static void send_finding(ml_call *c) {
  ml_finding *f = c->state;

  ml_list_begin(c);
  for (size_t i = 0; i < f->out.count; i++)
    ml_process_put_seen(c, &f->seen[i]);
  if (f->out.more)
    put_next(c, f);
  else
    ml_list_last(c);
  if (ml_call_query_bool(c, "explain")) {
    ml_jw_key(&c->w, "explain");
    ml_jw_obj(&c->w);
    ml_jw_kstr(&c->w, "plan", f->out.plan);
    ml_jw_kbool(&c->w, "indexed", f->out.indexed);
    ml_jw_kint(&c->w, "lookedAt", (int64_t)f->out.looked);
    ml_jw_end(&c->w);
  }
  ml_list_send(c);
}

/* Parameters that say what the filter itself can say. */
static bool has_other(ml_call *c) {
  static const char *const names[] = {"status", "run", "state", "assigned_to",
                                      "parent", "entity", "record",
                                      "belongs_to", "booking", "deleted"};

  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (ml_call_query(c, names[i]).p != NULL) {
      ml_call_problem(c, 400, NULL, NULL, NULL, "%s: with where, order, skip or "
                      "explain it belongs into the filter itself (where=status "
                      "= 'OPEN')", names[i]);
      return true;
    }
  return false;
}

void ml_search_list(ml_call *c) {
  ml_finding *f = ml_call_alloc(c, sizeof *f);
  ml_str name = ml_call_query(c, "workflow");
  const ml_workflow *wf;
  ml_rc rc;

  if (f == NULL || has_other(c))
    return;
  if (name.p == NULL) {
    ml_call_problem(c, 400, NULL, NULL, NULL, "workflow: where, order, skip and "
                    "explain are about the processes of one workflow; name it");
    return;
  }
  wf = ml_run_workflow(c->run, name);
  if (wf == NULL) {
    ml_call_problem(c, 400, NULL, NULL, NULL,
                    "workflow: there is no workflow '%.100s'", name.p);
    return;
  }
  c->state = f;
  f->want.limit = ml_call_limit(c);
  f->want.skip = (size_t)ml_call_query_int(c, "skip", 0);
  rc = ml_finding_make(c, wf, ml_call_query(c, "where"), NULL,
                       ml_call_query(c, "order"), f);
  if (rc == ML_INVALID || rc == ML_LIMIT)
    ml_call_problem(c, 400, NULL, NULL, NULL, "%s: %s", c->err.at, c->err.text);
  else if (rc != ML_OK)
    ml_call_refuse(c, rc, &c->err);
  else if (get_from(c, f))
    ml_call_read(c, ml_finding_read, send_finding);
}
