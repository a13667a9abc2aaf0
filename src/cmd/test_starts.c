/* test_starts.c - operations on triggers: polls and webhooks. */
#include <string.h>

#include "cmd/test_op.h"

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

/* {"started":[ids]} as a list of processes. */
static ml_rc put_started(ml_op *o, ml_str answer) {
  ml_json *v = NULL;
  const ml_json *list;

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

/* w:poll "changed": run it now; what it started */
ml_rc ml_op_poll(ml_op *o) {
  ml_str workflow, name;
  ml_came *c = ml_world_came(o->w);
  ml_rc rc = c != NULL ? find_trigger(o, "poll", &workflow, &name)
                       : ml_op_starved(o);

  if (rc != ML_OK)
    return rc;
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
  rc = ml_world_settle(o->w, &o->e);
  if (rc == ML_OK)
    ml_jw_null(o->out);
  return rc;
}

static void put_map(ml_jw *w, const char *key, const ml_json *map,
                    bool json_body) {
  ml_jw_key(w, key);
  ml_jw_obj(w);
  if (json_body)
    ml_jw_kstrz(w, "content-type", "application/json");
  for (uint32_t i = 0; map != NULL && map->type == ML_JOBJ && i < map->count;
       i++)
    if (map->obj[i].value.type == ML_JSTR) {
      ml_jw_keyn(w, map->obj[i].key);
      ml_jw_str(w, map->obj[i].value.s);
    }
  ml_jw_end(w);
}

/* As the API hands a request to a hook. */
static void put_request(ml_buf *b, const ml_json *body, const ml_json *opts) {
  ml_buf text = {0};
  ml_jw w;

  if (body != NULL && body->type != ML_JSTR)
    ml_json_print(&text, body);
  else if (body != NULL)
    ml_buf_put(&text, body->s.p, body->s.n);
  ml_jw_init(&w, b);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "method", "POST");
  put_map(&w, "headers", ml_json_get(opts, "headers"),
          body != NULL && body->type != ML_JSTR);
  put_map(&w, "query", ml_json_get(opts, "query"), false);
  ml_jw_kstr(&w, "body", (ml_str){text.p != NULL ? text.p : "", text.len});
  ml_jw_end(&w);
  b->bad = b->bad || text.bad;
  ml_buf_free(&text);
}

/* w:post("orders", body, { headers =, query = }): a table goes as JSON */
ml_rc ml_op_post(ml_op *o) {
  ml_str workflow, name;
  ml_buf b = {0};
  char *text;
  const ml_json *opts;
  ml_came *c = ml_world_came(o->w);
  ml_rc rc = c != NULL ? find_trigger(o, "webhook", &workflow, &name)
                       : ml_op_starved(o);

  if (rc == ML_OK)
    rc = ml_op_table(o, 2, "w:post's options", &opts);
  if (rc != ML_OK)
    return rc;
  put_request(&b, ml_op_arg(o, 1), opts);
  text = b.bad ? NULL : ml_arena_dup(o->a, b.p, b.len);
  if (text == NULL) {
    ml_buf_free(&b);
    return ml_op_starved(o);
  }
  ml_run_hook(o->w->run, workflow, name, (ml_str){text, b.len},
              ml_world_hooked, c);
  ml_buf_free(&b);
  rc = ml_world_wait(o->w, c, &o->e);
  return rc == ML_OK ? put_started(o, c->text) : rc;
}
