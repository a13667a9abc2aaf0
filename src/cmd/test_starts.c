/* test_starts.c - operations on triggers: polls and webhooks. */
#include <string.h>

#include "cmd/test_op.h"
#include "cmd/torture_world.h"

/* "orders", or "order-delivery/orders": the workflow and its trigger. */
static ml_rc find_trigger(ml_op *o, const char *kind, ml_str *workflow,
                          ml_str *name) {
  ml_run *r = o->w->run;
  const char *slash;
  ml_str whole;
  ml_rc rc = ml_op_text(o, 0, "the trigger's name", &whole);

  if (rc != ML_OK)
    return rc;
  *name = whole;
  slash = whole.n > 0 ? memchr(whole.p, '/', whole.n) : NULL;
  for (size_t i = 0; i < ml_run_workflow_count(r); i++) {
    const ml_workflow *wf = ml_run_workflow_at(r, i);
    int t;

    if (slash != NULL) {
      *name = (ml_str){slash + 1, (size_t)(ml_str_end(whole) - slash - 1)};
      if (!ml_str_eq(wf->name, (ml_str){whole.p, (size_t)(slash - whole.p)}))
        continue;
    }
    t = ml_op_in_force(wf) ? ml_flow_trigger(wf->flow, *name) : -1;
    if (t < 0 || !ml_str_is(wf->flow->triggers[t].kind, kind))
      continue;
    *workflow = wf->name;
    return ML_OK;
  }
  return ml_err_set(&o->e, ML_NOT_FOUND, "", "no workflow here has a %s '%.*s'",
                    kind, (int)(whole.n > 80 ? 80 : whole.n), whole.p);
}

/* The same after an answer was lost: what began since then by itself. */
static ml_rc put_begun(ml_op *o) {
  ml_row_process *list;
  size_t count;
  ml_rc rc = ml_op_read_all(o, &list, &count);

  if (rc != ML_OK)
    return rc;
  ml_jw_arr(o->out);
  for (size_t i = 0; i < count; i++) {
    char id[ML_ID_MAX];

    ml_id_text(id, list[i].id, 0);
    if (list[i].n > o->w->torture->n_before && list[i].parent_n == 0)
      ml_op_put_id(o->out, ml_str_of(id));
  }
  ml_jw_end(o->out);
  return ML_OK;
}

/* A signed request that was taken is refused when it comes again. */
static bool was_taken(const ml_op *o, ml_rc rc) {
  return rc == ML_EXISTS && o->w->torture != NULL && o->w->torture->repeated;
}

/* {"started":[ids]} as a list of processes. */
static ml_rc put_started(ml_op *o, ml_str answer) {
  ml_json *v = NULL;
  const ml_json *list;

  if (o->w->torture != NULL && o->w->torture->repeated)
    return put_begun(o);
  if (ml_json_parse(o->a, answer.p, answer.n, NULL, &v, NULL) != ML_OK)
    return ml_err_set(&o->e, ML_CORRUPT, "", "the trigger gave no answer");
  list = ml_json_get(v, "started");
  ml_jw_arr(o->out);
  for (uint32_t i = 0; list != NULL && list->type == ML_JARR && i < list->count;
       i++)
    ml_op_put_id(o->out, list->arr[i].s);
  ml_jw_end(o->out);
  return ML_OK;
}

typedef struct polled {          /* how far a poll has come, as it is on disk */
  ml_arena *a;
  ml_str workflow, name;
  ml_str state;
  int64_t due_ms;
} polled;

static void work_polled(void *arg, ml_read *rd) {
  polled *p = arg;
  ml_row_trigger *rows;
  size_t count;

  if (ml_read_triggers(rd, p->a, &rows, &count) != ML_OK)
    return;
  for (size_t i = 0; i < count; i++)
    if (ml_str_eq(rows[i].workflow, p->workflow) &&
        ml_str_eq(rows[i].name, p->name)) {
      p->state = rows[i].state;
      p->due_ms = rows[i].due_ms;
    }
}

/* Under torture: was this poll done already, when the engine was killed?  Then
** what it keeps is on disk, and the next one would be another. */
static bool was_polled(ml_op *o, ml_str workflow, ml_str name) {
  ml_torture *x = o->w->torture;
  polled p = {.a = o->a, .workflow = workflow, .name = name};

  if (x == NULL || ml_world_read(o->w, work_polled, &p) != ML_OK)
    return false;
  if (x->repeated)
    return !ml_str_eq(p.state, x->poll_state) || p.due_ms != x->poll_due_ms;
  x->poll_state = p.state;
  x->poll_due_ms = p.due_ms;
  return false;
}

/* w:poll "changed": run it now; what it started */
ml_rc ml_op_poll(ml_op *o) {
  ml_str workflow, name;
  ml_came *c = ml_world_came(o->w);
  ml_rc rc = c != NULL ? find_trigger(o, "poll", &workflow, &name)
                       : ml_op_starved(o);

  if (rc != ML_OK)
    return rc;
  if (was_polled(o, workflow, name))
    return put_begun(o);
  ml_run_poll_now(o->w->run, workflow, name, ml_world_hooked, c);
  rc = ml_world_wait(o->w, c, &o->e);
  return rc == ML_OK ? put_started(o, c->text) : rc;
}

/* w:polls(true): from now on polls run when they are due */
ml_rc ml_op_polls(ml_op *o) {
  const ml_json *on = ml_op_arg(o, 0);
  ml_rc rc;

  if (on == NULL || on->type != ML_JBOOL)
    return ml_err_set(&o->e, ML_INVALID, "", "w:polls(true) or w:polls(false)");
  ml_run_hold_polls(o->w->run, !on->b);
  if (o->w->torture != NULL)
    o->w->torture->polls = on->b;
  rc = ml_world_settle(o->w, &o->e);
  if (rc == ML_OK)
    ml_jw_null(o->out);
  return rc;
}

/* ---- webhooks ---- */

enum { HEADERS_MAX = 64 };

typedef struct posting {         /* the request as it would come in */
  ml_str body;
  bool is_json;
  const ml_json *opts;
  ml_http_header headers[HEADERS_MAX];
  size_t count;
} posting;

static void put_map(ml_jw *w, const char *key, const ml_json *map) {
  ml_jw_key(w, key);
  ml_jw_obj(w);
  for (uint32_t i = 0; map != NULL && map->type == ML_JOBJ && i < map->count;
       i++)
    if (map->obj[i].value.type == ML_JSTR) {
      ml_jw_keyn(w, map->obj[i].key);
      ml_jw_str(w, map->obj[i].value.s);
    }
  ml_jw_end(w);
}

static ml_rc add_header(ml_op *o, posting *p, ml_str name, ml_str value) {
  char *low = ml_arena_dup(o->a, name.p, name.n);

  if (low == NULL)
    return ml_op_starved(o);
  if (p->count == HEADERS_MAX)
    return ml_err_set(&o->e, ML_LIMIT, "", "w:post has more than %d headers",
                      HEADERS_MAX);
  for (size_t i = 0; i < name.n; i++)
    if (low[i] >= 'A' && low[i] <= 'Z')
      low[i] = (char)(low[i] + 32);
  p->headers[p->count++] = (ml_http_header){{low, name.n}, value};
  return ML_OK;
}

/* sign = true: as its sender would, now and under a new id; `id` and `at` (ms)
** make it another one's repetition, or a late one. */
static ml_rc sign(ml_op *o, posting *p, ml_str workflow, ml_str name) {
  ml_str id = ml_json_str(p->opts, "id");
  int64_t at = ml_json_int(p->opts, "at", ml_world_now(o->w));
  ml_hook_headers made;
  ml_rc rc;

  if (id.p == NULL) {
    const char *text = ml_arena_printf(o->a, "test_%llu",
                                       (unsigned long long)++o->w->posts);

    if (text == NULL)
      return ml_op_starved(o);
    id = ml_str_of(text);
  }
  rc = ml_run_hook_sign(o->w->run, workflow, name, id, at, p->body, o->a, &made,
                        &o->e);
  for (size_t i = 0; rc == ML_OK && i < made.count; i++)
    rc = add_header(o, p, made.list[i].name, made.list[i].value);
  return rc;
}

static ml_rc fill_posting(ml_op *o, posting *p, ml_str workflow, ml_str name) {
  const ml_json *body = ml_op_arg(o, 1), *headers;
  ml_buf text = {0};
  ml_rc rc = ml_op_table(o, 2, "w:post's options", &p->opts);

  if (rc != ML_OK)
    return rc;
  p->is_json = body != NULL && body->type != ML_JSTR;
  if (p->is_json)
    ml_json_print(&text, body);
  else if (body != NULL)
    ml_buf_put(&text, body->s.p, body->s.n);
  p->body.n = text.len;
  p->body.p = text.bad ? NULL : ml_arena_dup(o->a, text.p != NULL ? text.p : "",
                                             text.len);
  ml_buf_free(&text);
  if (p->body.p == NULL)
    return ml_op_starved(o);
  if (p->is_json)
    rc = add_header(o, p, ML_STR("content-type"), ML_STR("application/json"));
  headers = ml_json_get(p->opts, "headers");
  for (uint32_t i = 0; rc == ML_OK && headers != NULL
                       && headers->type == ML_JOBJ && i < headers->count; i++)
    if (headers->obj[i].value.type == ML_JSTR)
      rc = add_header(o, p, headers->obj[i].key, headers->obj[i].value.s);
  if (rc == ML_OK && ml_json_bool(p->opts, "sign", false))
    rc = sign(o, p, workflow, name);
  return rc;
}

/* As the API hands a request to a hook. */
static const char *request_json(ml_op *o, const posting *p, ml_str id,
                                size_t *len) {
  ml_buf b = {0};
  const char *text = NULL;
  ml_jw w;

  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "method", "POST");
  if (id.p != NULL)
    ml_jw_kstr(&w, "id", id);
  ml_jw_key(&w, "headers");
  ml_jw_obj(&w);
  for (size_t i = 0; i < p->count; i++) {
    ml_jw_keyn(&w, p->headers[i].name);
    ml_jw_str(&w, p->headers[i].value);
  }
  ml_jw_end(&w);
  put_map(&w, "query", ml_json_get(p->opts, "query"));
  ml_jw_kstr(&w, "body", p->body);
  ml_jw_end(&w);
  *len = b.len;
  if (!b.bad)
    text = ml_arena_dup(o->a, b.p, b.len);
  ml_buf_free(&b);
  return text;
}

/* w:post("orders", body, { headers =, query =, sign = true, id =, at = }): a
** table goes as JSON */
ml_rc ml_op_post(ml_op *o) {
  ml_str workflow, name;
  const char *text;
  size_t len;
  ml_replay replay;
  posting *p = ml_arena_zero(o->a, sizeof *p);
  ml_came *c = ml_world_came(o->w);
  ml_hook_request q;
  ml_rc rc = c != NULL && p != NULL
             ? find_trigger(o, "webhook", &workflow, &name) : ml_op_starved(o);

  if (rc == ML_OK)
    rc = fill_posting(o, p, workflow, name);
  if (rc != ML_OK)
    return rc;
  q = (ml_hook_request){p->body, p->headers, p->count};
  rc = ml_run_hook_check(o->w->run, workflow, name, &q, o->a, &replay, &o->e);
  if (rc != ML_OK || replay.id.n > 0)
    ml_torture_dated(o->w->torture);
  if (rc != ML_OK)
    return rc;
  text = request_json(o, p, replay.id, &len);
  if (text == NULL)
    return ml_op_starved(o);
  ml_run_hook(o->w->run, workflow, name, (ml_str){text, len}, &replay,
              ml_world_hooked, c);
  rc = ml_world_wait(o->w, c, &o->e);
  return rc == ML_OK || was_taken(o, rc) ? put_started(o, c->text) : rc;
}
