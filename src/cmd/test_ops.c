/* test_ops.c - the list of operations, and those on time and processes. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd/test_op.h"

/* ---- arguments ---- */

const ml_json *ml_op_arg(const ml_op *o, size_t i) {
  const ml_json *v = ml_json_at(o->args, i);

  return v != NULL && v->type != ML_JNULL ? v : NULL;
}

ml_rc ml_op_text(ml_op *o, size_t i, const char *what, ml_str *out) {
  const ml_json *v = ml_op_arg(o, i);

  if (v == NULL || v->type != ML_JSTR)
    return ml_err_set(&o->e, ML_INVALID, "", "%s must be a text", what);
  *out = v->s;
  return ML_OK;
}

ml_rc ml_op_table(ml_op *o, size_t i, const char *what, const ml_json **out) {
  const ml_json *v = ml_op_arg(o, i);

  *out = v;
  if (v == NULL || v->type == ML_JOBJ)
    return ML_OK;
  *out = NULL;
  if (v->type == ML_JARR && v->count == 0)
    return ML_OK;
  return ml_err_set(&o->e, ML_INVALID, "", "%s must be a table of names", what);
}

ml_rc ml_op_process(ml_op *o, ml_str id, int64_t *n) {
  uint8_t bytes[16];
  uint32_t no;

  *n = 0;
  if (ml_id_of(id, bytes, &no) && no == 0)
    *n = ml_process_id_n(bytes);
  return *n > 0 ? ML_OK
                : ml_err_set(&o->e, ML_INVALID, "", "a process is wanted");
}

void ml_op_put_id(ml_jw *w, ml_str id) {
  ml_jw_obj(w);
  ml_jw_kstr(w, "$process", id);
  ml_jw_end(w);
}

ml_rc ml_op_starved(ml_op *o) {
  return ml_err_set(&o->e, ML_NOMEM, "", "memory is short");
}

bool ml_op_in_force(const ml_workflow *wf) {
  return wf != NULL && wf->flow != NULL;
}

/* ---- time ---- */

ml_rc ml_op_pass(ml_op *o) {
  const ml_json *ms = ml_op_arg(o, 0);
  ml_rc rc;

  if (ms == NULL || ms->type != ML_JINT || ms->i < 0)
    return ml_err_set(&o->e, ML_INVALID, "", "w:pass wants a duration");
  rc = ml_world_pass(o->w, ms->i, &o->e);
  if (rc == ML_OK)
    ml_jw_null(o->out);
  return rc;
}

ml_rc ml_op_now(ml_op *o) {
  ml_jw_int(o->out, ml_world_now(o->w));
  return ML_OK;
}

/* ---- inputs ---- */

/* An input for a process, by this person or the system. */
ml_input *ml_op_input(ml_op *o, ml_event_kind kind, int64_t n) {
  ml_input *in = ml_input_new();

  if (in == NULL) {
    ml_op_starved(o);
    return NULL;
  }
  in->n = n;
  in->ev.kind = kind;
  in->ev.actor.who = o->who;
  in->ev.actor.operator_ = o->who.p == NULL;
  return in;
}

static ml_rc put(ml_op *o, ml_input *in, ml_came **out) {
  ml_came *c = ml_world_came(o->w);

  if (out != NULL)
    *out = c;
  if (c == NULL) {
    ml_input_free(in);
    return ml_op_starved(o);
  }
  return ml_world_put(o->w, in, c, &o->e);
}

ml_rc ml_op_send(ml_op *o, ml_input *in) {
  ml_rc rc = put(o, in, NULL);

  if (rc == ML_OK)
    ml_jw_null(o->out);
  return rc;
}

static int render_id(void *arg, const ml_process *p, const ml_flow *f,
                     const ml_made *made, ml_buf *out) {
  char id[ML_ID_MAX];

  (void)arg;
  (void)f;
  (void)made;
  ml_id_text(id, p->id, 0);
  ml_buf_puts(out, id);
  return 201;
}

/* w:start("order-delivery", { q_kintoneId = "42" }, { subject = ".." }) */
ml_rc ml_op_start(ml_op *o) {
  const ml_json *data, *opts;
  ml_str name;
  ml_input *in;
  ml_came *c = NULL;
  ml_rc rc = ml_op_text(o, 0, "the workflow's name", &name);

  if (rc == ML_OK)
    rc = ml_op_table(o, 1, "the data", &data);
  if (rc == ML_OK)
    rc = ml_op_table(o, 2, "w:start's options", &opts);
  if (rc != ML_OK)
    return rc;
  in = ml_op_input(o, ML_EV_STARTED, 0);
  if (in == NULL)
    return ML_NOMEM;
  in->workflow = name;
  in->ev.data = data;
  in->ev.subject = ml_json_str(opts, "subject");
  in->render = render_id;
  rc = put(o, in, &c);
  if (rc == ML_OK)
    ml_op_put_id(o->out, c->text);
  return rc;
}

/* p:signal("paid", { ... }) */
ml_rc ml_op_signal(ml_op *o) {
  ml_input *in;
  int64_t n;
  ml_str name;
  ml_rc rc = ml_op_text(o, 0, "the signal's name", &name);

  if (rc == ML_OK)
    rc = ml_op_process(o, o->process, &n);
  if (rc != ML_OK)
    return rc;
  in = ml_op_input(o, ML_EV_SIGNALLED, n);
  if (in == NULL)
    return ML_NOMEM;
  in->ev.text = name;
  in->ev.data = ml_op_arg(o, 1);
  return ml_op_send(o, in);
}

/* p:cancel(reason) */
ml_rc ml_op_cancel(ml_op *o) {
  const ml_json *reason = ml_op_arg(o, 0);
  ml_input *in;
  int64_t n;
  ml_rc rc = ml_op_process(o, o->process, &n);

  if (rc != ML_OK)
    return rc;
  in = ml_op_input(o, ML_EV_CANCELLED, n);
  if (in == NULL)
    return ML_NOMEM;
  if (reason != NULL && reason->type == ML_JSTR)
    in->ev.text = reason->s;
  return ml_op_send(o, in);
}

/* p:retry(label or nothing), p:skip(label, outcome) */
static ml_rc on_act(ml_op *o, ml_event_kind kind, bool must) {
  const ml_json *label = ml_op_arg(o, 0), *outcome = ml_op_arg(o, 1);
  ml_op_state s;
  const ml_act *a = NULL;
  ml_input *in;
  int64_t n;
  ml_rc rc = ml_op_process(o, o->process, &n);

  if (rc != ML_OK)
    return rc;
  if (label == NULL ? must : label->type != ML_JSTR)
    return ml_err_set(&o->e, ML_INVALID, "", "the label of an activity is wanted");
  in = ml_op_input(o, kind, n);
  if (in == NULL)
    return ML_NOMEM;
  if (label != NULL) {
    rc = ml_op_read(o, n, &s);
    if (rc == ML_OK)
      a = ml_op_act(&s, label->s);
    in->ev.no = a != NULL ? a->no : 0;
    ml_process_free(s.p);
    if (rc == ML_OK && a == NULL)
      rc = ml_err_set(&o->e, ML_NOT_FOUND, "", "the process has no activity "
                      "'%.*s' now", (int)label->s.n, label->s.p);
  }
  if (outcome != NULL && outcome->type == ML_JSTR)
    in->ev.outcome = outcome->s;
  if (rc == ML_OK)
    return ml_op_send(o, in);
  ml_input_free(in);
  return rc;
}

ml_rc ml_op_retry(ml_op *o) { return on_act(o, ML_EV_RETRIED, false); }
ml_rc ml_op_skip(ml_op *o) { return on_act(o, ML_EV_SKIPPED, true); }

/* p:comment("text", "shared") */
ml_rc ml_op_comment(ml_op *o) {
  const ml_json *seen = ml_op_arg(o, 1);
  ml_input *in;
  int64_t n;
  ml_str text;
  ml_rc rc = ml_op_text(o, 0, "the comment", &text);

  if (rc == ML_OK)
    rc = ml_op_process(o, o->process, &n);
  if (rc != ML_OK)
    return rc;
  in = ml_op_input(o, ML_EV_COMMENTED, n);
  if (in == NULL)
    return ML_NOMEM;
  in->ev.text = text;
  in->ev.visibility = seen != NULL && seen->type == ML_JSTR ? seen->s
                                                            : ML_STR("private");
  return ml_op_send(o, in);
}

/* p:set({ field = value }, { subject =, state =, assignedTo = }) */
ml_rc ml_op_set(ml_op *o) {
  const ml_json *data, *more;
  ml_input *in;
  int64_t n;
  ml_rc rc = ml_op_process(o, o->process, &n);

  if (rc == ML_OK)
    rc = ml_op_table(o, 0, "the data", &data);
  if (rc == ML_OK)
    rc = ml_op_table(o, 1, "p:set's second table", &more);
  if (rc != ML_OK)
    return rc;
  in = ml_op_input(o, ML_EV_EDITED, n);
  if (in == NULL)
    return ML_NOMEM;
  in->ev.data = data;
  in->ev.subject = ml_json_str(more, "subject");
  in->ev.state = ml_json_str(more, "state");
  in->ev.assign = ml_json_str(more, "assignedTo");
  in->ev.has_status = ml_status_of(ml_json_str(more, "status"), &in->ev.status);
  in->ev.next_action_ms = ml_json_int(more, "nextActionAt", 0);
  in->ev.has_next_action = ml_json_get(more, "nextActionAt") != NULL;
  return ml_op_send(o, in);
}

/* ---- the list ---- */

static const struct { const char *name; ml_op_fn *fn; } ops[] = {
  {"settings", ml_op_settings}, {"people", ml_op_people}, {"http", ml_op_http},
  {"calls", ml_op_calls}, {"fixture", ml_op_fixture}, {"load", ml_op_load},
  {"mails", ml_op_mails},
  {"pass", ml_op_pass}, {"now", ml_op_now}, {"start", ml_op_start},
  {"poll", ml_op_poll}, {"polls", ml_op_polls}, {"post", ml_op_post},
  {"emit", ml_op_emit}, {"transaction", ml_op_transaction},
  {"transactions", ml_op_transactions},
  {"processes", ml_op_processes}, {"tasks", ml_op_tasks},
  {"complete", ml_op_complete}, {"claim", ml_op_claim}, {"release", ml_op_release},
  {"signal", ml_op_signal}, {"cancel", ml_op_cancel}, {"reset", ml_op_reset},
  {"retry", ml_op_retry}, {"skip", ml_op_skip}, {"comment", ml_op_comment},
  {"set", ml_op_set}, {"read", ml_op_look}, {"activity", ml_op_activity},
  {"activities", ml_op_activities}, {"history", ml_op_history},
  {"logs", ml_op_logs}, {"comments", ml_op_comments},
  {"partner", ml_op_partner}, {"hear", ml_op_hear},
  {"fault", ml_op_fault}, {"ends", ml_op_ends},
};

static ml_rc no_such_op(ml_op *o, ml_str name) {
  char all[500] = "";

  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
    size_t at = strlen(all);

    snprintf(all + at, sizeof all - at, "%s%s", i > 0 ? ", " : "",
             ops[i].name);
  }
  return ml_err_set(&o->e, ML_INVALID, "", "there is no operation '%.*s'; there "
                    "are %s", (int)(name.n > 60 ? 60 : name.n), name.p, all);
}

static ml_rc serve(ml_op *o, const ml_json *want) {
  ml_str name = ml_json_str(want, "op");

  o->args = ml_json_get(want, "args");
  o->who = ml_json_str(want, "as");
  o->process = ml_json_str(want, "process");
  if (ml_str_is(name, "calls") && o->process.p != NULL)
    return ml_op_calls_of(o);
  o->w->ops++;
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
    if (ml_str_is(name, ops[i].name))
      return o->w->torture != NULL ? ml_op_tortured(o, name, ops[i].fn)
                                   : ops[i].fn(o);
  return no_such_op(o, name);
}

static void put_error(ml_buf *b, ml_str text) {
  ml_jw w;

  ml_buf_reset(b);
  ml_jw_init(&w, b);
  ml_jw_obj(&w);
  ml_jw_kstr(&w, "error", text);
  ml_jw_end(&w);
}

void ml_test_op(ml_world *w, ml_str want, ml_buf *answer) {
  ml_op o = {.w = w, .a = &w->arena};
  ml_json *v = NULL;
  char text[sizeof o.e.text + sizeof o.e.at + 4];
  ml_jw jw;
  ml_rc rc = ml_json_parse(o.a, want.p, want.n, NULL, &v, &o.e);

  ml_buf_reset(answer);
  ml_jw_init(&jw, answer);
  o.out = &jw;
  o.answer = answer;
  ml_jw_obj(&jw);
  ml_jw_key(&jw, "ok");
  if (rc == ML_OK)
    rc = serve(&o, v);
  if (rc == ML_OK) {
    ml_jw_end(&jw);
  } else {
    snprintf(text, sizeof text, "%s%s%s", o.e.at, o.e.at[0] != '\0' ? ": " : "",
             o.e.text[0] != '\0' ? o.e.text : ml_rc_name(rc));
    put_error(answer, ml_str_of(text));
  }
  if (answer->len > ML_ENTRY_MAX)
    put_error(answer, ML_STR("the answer is larger than 1 MiB"));
  if (ml_fake_fault(w->fake).p != NULL && rc == ML_OK)
    put_error(answer, ml_fake_fault(w->fake));
}
