/* test_ops.c - operations of tests: people, time, requests. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd/files.h"
#include "cmd/test_op.h"

enum { LANES_MAX = 64, FIXTURE_MAX = 1 << 20 };
#define PATIENCE_MS INT64_C(2592000000)    /* people wait 30 days for a task */

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

/* A table of names; an empty table may also come as a list. */
static ml_rc table_arg(ml_op *o, size_t i, const char *what,
                       const ml_json **out) {
  const ml_json *v = ml_op_arg(o, i);

  *out = v;
  if (v == NULL || v->type == ML_JOBJ)
    return ML_OK;
  *out = NULL;
  if (v->type == ML_JARR && v->count == 0)
    return ML_OK;
  return ml_err_set(&o->e, ML_INVALID, "", "%s must be a table of names", what);
}

/* The id in { "$process": id }, or none. */
static ml_str process_id(const ml_json *v) {
  return v != NULL && v->type == ML_JOBJ ? ml_json_str(v, "$process")
                                         : ML_NOSTR;
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

static void put_process(ml_jw *w, ml_str id) {
  ml_jw_obj(w);
  ml_jw_kstr(w, "$process", id);
  ml_jw_end(w);
}

static ml_rc short_of_memory(ml_op *o) {
  return ml_err_set(&o->e, ML_NOMEM, "", "memory is short");
}

/* ---- the set-up ---- */

static bool in_force(const ml_workflow *wf) {
  return wf != NULL && wf->flow != NULL;
}

static ml_rc set_one(ml_op *o, ml_str key, const ml_json *value, bool *found) {
  ml_run *r = o->w->run;

  for (size_t i = 0; i < ml_run_workflow_count(r); i++) {
    const ml_workflow *wf = ml_run_workflow_at(r, i);
    ml_came *c;
    ml_rc rc;

    if (!in_force(wf) || ml_flow_setting(wf->flow, key) < 0)
      continue;
    *found = true;
    c = ml_world_came(o->w);
    if (c == NULL)
      return short_of_memory(o);
    ml_run_set_setting(r, wf->name, key, value, ml_world_done, c);
    rc = ml_world_wait(o->w, c, &o->e);
    if (rc != ML_OK)
      return rc;
  }
  return ML_OK;
}

/* w:settings{ kintone_url = "https://k.example", ... } */
static ml_rc op_settings(ml_op *o) {
  const ml_json *t;
  ml_rc rc = table_arg(o, 0, "w:settings", &t);

  for (uint32_t i = 0; rc == ML_OK && t != NULL && i < t->count; i++) {
    bool found = false;

    rc = set_one(o, t->obj[i].key, &t->obj[i].value, &found);
    if (rc == ML_OK && !found)
      rc = ml_err_set(&o->e, ML_INVALID, "", "no workflow here has a setting "
                      "'%.*s'", (int)t->obj[i].key.n, t->obj[i].key.p);
  }
  if (rc == ML_OK)
    ml_jw_null(o->out);
  return rc;
}

typedef struct joining {
  ml_came came;                  /* first: ml_world_done() takes it */
  uint32_t lane;
  const ml_json *people;
} joining;

static void fill_people(void *arg, ml_batch *b) {
  const joining *j = arg;

  for (uint32_t i = 0; i < j->people->count; i++) {
    ml_row_user user = {j->people->arr[i].s, j->people->arr[i].s, ML_NOSTR,
                        true};
    ml_row_member member = {j->lane, j->people->arr[i].s};

    ml_batch_user(b, &user);
    ml_batch_member(b, &member, true);
  }
}

static ml_rc join_lane(ml_op *o, uint32_t lane, const ml_json *people) {
  joining *j = ml_arena_zero(o->a, sizeof *j);

  if (j == NULL)
    return short_of_memory(o);
  j->came.w = o->w;
  j->lane = lane;
  j->people = people;
  ml_run_write(o->w->run, fill_people, ml_world_done, j);
  return ml_world_wait(o->w, &j->came, &o->e);
}

static ml_rc people_of(ml_op *o, ml_str lane, const ml_json *people) {
  ml_run *r = o->w->run;
  bool found = false, names = people->type == ML_JARR;
  ml_rc rc = ML_OK;

  for (uint32_t i = 0; names && i < people->count; i++)
    names = people->arr[i].type == ML_JSTR && ml_text_is_name(people->arr[i].s);
  if (!names && !(people->type == ML_JOBJ && people->count == 0))
    return ml_err_set(&o->e, ML_INVALID, "", "the people of lane '%.*s' must be "
                      "a list of names", (int)lane.n, lane.p);
  for (size_t i = 0; rc == ML_OK && i < ml_run_workflow_count(r); i++) {
    const ml_workflow *wf = ml_run_workflow_at(r, i);
    uint32_t no = in_force(wf) ? ml_run_lane_no(r, wf->name, lane) : 0;

    if (no == 0)
      continue;
    found = true;
    if (people->count > 0)
      rc = join_lane(o, no, people);
  }
  if (rc == ML_OK && !found)
    rc = ml_err_set(&o->e, ML_INVALID, "", "no workflow here has a lane '%.*s'",
                    (int)lane.n, lane.p);
  return rc;
}

/* w:people{ licensing = { "aiko" }, ... } */
static ml_rc op_people(ml_op *o) {
  const ml_json *t;
  ml_rc rc = table_arg(o, 0, "w:people", &t);

  for (uint32_t i = 0; rc == ML_OK && t != NULL && i < t->count; i++)
    rc = people_of(o, t->obj[i].key, &t->obj[i].value);
  if (rc == ML_OK)
    ml_jw_null(o->out);
  return rc;
}

/* w:http("GET", "/path", { ... }): see test_http.h */
static ml_rc op_http(ml_op *o) {
  const ml_json *opts;
  ml_str method, path;
  ml_rc rc = ml_op_text(o, 0, "the method", &method);

  if (rc == ML_OK)
    rc = ml_op_text(o, 1, "the path", &path);
  if (rc == ML_OK)
    rc = table_arg(o, 2, "what w:http answers", &opts);
  if (rc == ML_OK)
    rc = ml_fake_expect(o->w->fake, method, path, opts, &o->e);
  if (rc == ML_OK)
    ml_jw_null(o->out);
  return rc;
}

/* w:calls("PUT", "/path"): what was sent; both may be left out */
static ml_rc op_calls(ml_op *o) {
  const ml_json *method = ml_op_arg(o, 0), *path = ml_op_arg(o, 1);

  ml_fake_calls(o->w->fake,
                method != NULL && method->type == ML_JSTR ? method->s : ML_NOSTR,
                path != NULL && path->type == ML_JSTR ? path->s : ML_NOSTR,
                o->out);
  return ML_OK;
}

/* w:fixture "record.json": a file of fixtures/, JSON read */
static ml_rc op_fixture(ml_op *o) {
  char path[1000];
  ml_buf b = {0};
  ml_json *v = NULL;
  ml_str name;
  ml_rc rc = ml_op_text(o, 0, "the fixture's name", &name);

  if (rc != ML_OK)
    return rc;
  if (name.n == 0 || name.n > 200 || memchr(name.p, '/', name.n) != NULL ||
      memchr(name.p, 0, name.n) != NULL || name.p[0] == '.')
    return ml_err_set(&o->e, ML_INVALID, "", "a fixture is a file's name in "
                      "fixtures/");
  snprintf(path, sizeof path, "%s/fixtures/%.*s", o->w->dir, (int)name.n,
           name.p);
  rc = ml_file_read(path, FIXTURE_MAX, &b, &o->e);
  if (rc == ML_OK && name.n > 5 &&
      memcmp(name.p + name.n - 5, ".json", 5) == 0) {
    ml_err why = {0};

    rc = ml_json_parse(o->a, b.p, b.len, NULL, &v, &why);
    if (rc != ML_OK)
      ml_err_set(&o->e, rc, "", "fixtures/%.*s: %s", (int)name.n, name.p,
                 why.text);
    else
      ml_jw_json(o->out, v);
  } else if (rc == ML_OK && !ml_text_utf8((ml_str){b.p, b.len})) {
    rc = ml_err_set(&o->e, ML_INVALID, "", "fixtures/%.*s is not UTF-8",
                    (int)name.n, name.p);
  } else if (rc == ML_OK) {
    ml_jw_str(o->out, (ml_str){b.p != NULL ? b.p : "", b.len});
  }
  ml_buf_free(&b);
  return rc;
}

typedef struct faults {
  ml_buf text;
} faults;

static void take_fault(void *arg, const char *at, const char *text) {
  faults *f = arg;

  ml_buf_printf(&f->text, "%s%s: %s", f->text.len > 0 ? "\n" : "", at, text);
}

/* w:load "other": the folder beside, in force too */
static ml_rc op_load(ml_op *o) {
  char path[1000];
  faults f = {{0}};
  ml_str name;
  ml_rc rc = ml_op_text(o, 0, "the folder's name", &name);

  if (rc != ML_OK)
    return rc;
  if (!ml_text_is_filename(name))
    return ml_err_set(&o->e, ML_INVALID, "", "a folder beside this one is wanted");
  snprintf(path, sizeof path, "%s/../%.*s", o->w->dir, (int)name.n, name.p);
  rc = ml_world_load(o->w, path, take_fault, &f, &o->e);
  if (rc == ML_OK)
    ml_jw_null(o->out);
  else if (f.text.len > 0)
    ml_err_set(&o->e, rc, "", "%s", f.text.p);
  ml_buf_free(&f.text);
  return rc;
}

/* ---- time ---- */

static ml_rc op_pass(ml_op *o) {
  const ml_json *ms = ml_op_arg(o, 0);
  ml_rc rc;

  if (ms == NULL || ms->type != ML_JINT || ms->i < 0)
    return ml_err_set(&o->e, ML_INVALID, "", "w:pass wants a duration");
  rc = ml_world_pass(o->w, ms->i, &o->e);
  if (rc == ML_OK)
    ml_jw_null(o->out);
  return rc;
}

static ml_rc op_now(ml_op *o) {
  ml_jw_int(o->out, ml_world_now(o->w));
  return ML_OK;
}

/* ---- inputs ---- */

/* An input for a process, by this person or the system. */
static ml_input *input_for(ml_op *o, ml_event_kind kind, int64_t n) {
  ml_input *in = ml_input_new();

  if (in == NULL) {
    short_of_memory(o);
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
    return short_of_memory(o);
  }
  return ml_world_put(o->w, in, c, &o->e);
}

static ml_rc put_plain(ml_op *o, ml_input *in) {
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
static ml_rc op_start(ml_op *o) {
  const ml_json *data, *opts;
  ml_str name;
  ml_input *in;
  ml_came *c = NULL;
  ml_rc rc = ml_op_text(o, 0, "the workflow's name", &name);

  if (rc == ML_OK)
    rc = table_arg(o, 1, "the data", &data);
  if (rc == ML_OK)
    rc = table_arg(o, 2, "w:start's options", &opts);
  if (rc != ML_OK)
    return rc;
  in = input_for(o, ML_EV_STARTED, 0);
  if (in == NULL)
    return ML_NOMEM;
  in->workflow = name;
  in->ev.data = data;
  in->ev.subject = ml_json_str(opts, "subject");
  in->render = render_id;
  rc = put(o, in, &c);
  if (rc == ML_OK)
    put_process(o->out, c->text);
  return rc;
}

/* p:signal("paid", { ... }) */
static ml_rc op_signal(ml_op *o) {
  ml_input *in;
  int64_t n;
  ml_str name;
  ml_rc rc = ml_op_text(o, 0, "the signal's name", &name);

  if (rc == ML_OK)
    rc = ml_op_process(o, o->process, &n);
  if (rc != ML_OK)
    return rc;
  in = input_for(o, ML_EV_SIGNALLED, n);
  if (in == NULL)
    return ML_NOMEM;
  in->ev.text = name;
  in->ev.data = ml_op_arg(o, 1);
  return put_plain(o, in);
}

/* p:cancel(reason), p:reset() */
static ml_rc end_or_reset(ml_op *o, ml_event_kind kind) {
  const ml_json *reason = ml_op_arg(o, 0);
  ml_input *in;
  int64_t n;
  ml_rc rc = ml_op_process(o, o->process, &n);

  if (rc != ML_OK)
    return rc;
  in = input_for(o, kind, n);
  if (in == NULL)
    return ML_NOMEM;
  if (reason != NULL && reason->type == ML_JSTR)
    in->ev.text = reason->s;
  return put_plain(o, in);
}

static ml_rc op_cancel(ml_op *o) { return end_or_reset(o, ML_EV_CANCELLED); }
static ml_rc op_reset(ml_op *o) { return end_or_reset(o, ML_EV_RESET); }

/* p:retry(label or nothing), p:skip(label, outcome) */
static ml_rc op_on_act(ml_op *o, ml_event_kind kind, bool must) {
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
  in = input_for(o, kind, n);
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
    return put_plain(o, in);
  ml_input_free(in);
  return rc;
}

static ml_rc op_retry(ml_op *o) { return op_on_act(o, ML_EV_RETRIED, false); }
static ml_rc op_skip(ml_op *o) { return op_on_act(o, ML_EV_SKIPPED, true); }

/* p:comment("text", "shared") */
static ml_rc op_comment(ml_op *o) {
  const ml_json *seen = ml_op_arg(o, 1);
  ml_input *in;
  int64_t n;
  ml_str text;
  ml_rc rc = ml_op_text(o, 0, "the comment", &text);

  if (rc == ML_OK)
    rc = ml_op_process(o, o->process, &n);
  if (rc != ML_OK)
    return rc;
  in = input_for(o, ML_EV_COMMENTED, n);
  if (in == NULL)
    return ML_NOMEM;
  in->ev.text = text;
  in->ev.visibility = seen != NULL && seen->type == ML_JSTR ? seen->s
                                                            : ML_STR("private");
  return put_plain(o, in);
}

/* p:set({ field = value }, { subject =, state =, assignedTo = }) */
static ml_rc op_set(ml_op *o) {
  const ml_json *data, *more;
  ml_input *in;
  int64_t n;
  ml_rc rc = ml_op_process(o, o->process, &n);

  if (rc == ML_OK)
    rc = table_arg(o, 0, "the data", &data);
  if (rc == ML_OK)
    rc = table_arg(o, 1, "p:set's second table", &more);
  if (rc != ML_OK)
    return rc;
  in = input_for(o, ML_EV_EDITED, n);
  if (in == NULL)
    return ML_NOMEM;
  in->ev.data = data;
  in->ev.subject = ml_json_str(more, "subject");
  in->ev.state = ml_json_str(more, "state");
  in->ev.assign = ml_json_str(more, "assignedTo");
  return put_plain(o, in);
}

/* ---- tasks ---- */

static ml_rc no_such_task(ml_op *o, ml_str label, const ml_op_tasks *t) {
  char open[240] = "";

  for (size_t i = 0; i < t->count && strlen(open) < sizeof open - 60; i++) {
    size_t at = strlen(open);

    snprintf(open + at, sizeof open - at, "%s'%.*s'", at > 0 ? ", " : "",
             (int)(t->list[i].label.n > 40 ? 40 : t->list[i].label.n),
             t->list[i].label.p);
  }
  return ml_err_set(&o->e, ML_NOT_FOUND, "", "no open task is called '%.*s'; "
                    "open are: %s", (int)(label.n > 80 ? 80 : label.n), label.p,
                    open[0] != '\0' ? open : "none");
}

/* The one open task with that label; *out NULL: there is none. */
static ml_rc open_task(ml_op *o, int64_t n, ml_str label, ml_op_tasks *t,
                       ml_row_task **out) {
  ml_rc rc = ml_op_open_tasks(o, t);

  *out = NULL;
  for (size_t i = 0; rc == ML_OK && i < t->count; i++) {
    if ((n != 0 && t->list[i].n != n) || !ml_str_eq(t->list[i].label, label))
      continue;
    if (*out != NULL)
      return ml_err_set(&o->e, ML_INVALID, "", "several open tasks are called "
                        "'%.*s'; give the process first", (int)label.n, label.p);
    *out = &t->list[i];
  }
  return rc;
}

/* A person waits for a task as long as something is due before it comes. */
static ml_rc await_task(ml_op *o, int64_t n, ml_str label, ml_row_task **out) {
  int64_t until = ml_world_now(o->w) + PATIENCE_MS;
  ml_op_tasks t = {0};
  bool moved = true;
  ml_rc rc = ML_OK;

  *out = NULL;
  while (rc == ML_OK && moved) {
    rc = open_task(o, n, label, &t, out);
    if (rc != ML_OK || *out != NULL)
      return rc;
    rc = ml_world_step(o->w, until, &moved, &o->e);
  }
  return rc == ML_OK ? no_such_task(o, label, &t) : rc;
}

/* An input about a task: arguments [process,] label, ... ; *next is the
** argument behind the label. */
static ml_rc task_input(ml_op *o, ml_event_kind kind, ml_input **out,
                        size_t *next) {
  ml_str id = process_id(ml_op_arg(o, 0)), label;
  ml_op_state s = {0};
  ml_row_task *t;
  int64_t n = 0;
  int16_t *lanes;
  ml_rc rc = ML_OK;

  *next = id.p != NULL ? 2 : 1;
  if (id.p != NULL)
    rc = ml_op_process(o, id, &n);
  if (rc == ML_OK)
    rc = ml_op_text(o, *next - 1, "the label of a task", &label);
  if (rc == ML_OK)
    rc = await_task(o, n, label, &t);
  if (rc == ML_OK)
    rc = ml_op_read(o, t->n, &s);
  if (rc != ML_OK)
    return rc;
  lanes = ml_arena_alloc(o->a, sizeof *lanes * LANES_MAX);
  *out = lanes != NULL ? input_for(o, kind, t->n) : NULL;
  if (*out != NULL) {
    (*out)->ev.no = t->no;
    (*out)->ev.actor.lanes = lanes;
    (*out)->ev.actor.lane_count = ml_run_lanes_of(o->w->run, s.f, o->who, lanes,
                                                  LANES_MAX);
  }
  ml_process_free(s.p);
  return *out != NULL ? ML_OK : short_of_memory(o);
}

static ml_rc need_person(ml_op *o) {
  if (o->who.p != NULL)
    return ML_OK;
  return ml_err_set(&o->e, ML_INVALID, "", "a person does this: "
                    "w:as(\"name\"):...");
}

/* w:as("aiko"):complete([p,] "1-1", [outcome,] { field = value }) */
static ml_rc op_complete(ml_op *o) {
  const ml_json *data;
  ml_input *in;
  size_t next;
  ml_rc rc = need_person(o);

  if (rc == ML_OK)
    rc = task_input(o, ML_EV_COMPLETED, &in, &next);
  if (rc != ML_OK)
    return rc;
  if (ml_op_arg(o, next) != NULL && ml_op_arg(o, next)->type == ML_JSTR)
    in->ev.outcome = ml_op_arg(o, next++)->s;
  rc = table_arg(o, next, "what is filled in", &data);
  if (rc != ML_OK) {
    ml_input_free(in);
    return rc;
  }
  in->ev.data = data;
  return put_plain(o, in);
}

static ml_rc take_or_leave(ml_op *o, ml_event_kind kind) {
  ml_input *in;
  size_t next;
  ml_rc rc = need_person(o);

  if (rc == ML_OK)
    rc = task_input(o, kind, &in, &next);
  return rc == ML_OK ? put_plain(o, in) : rc;
}

static ml_rc op_claim(ml_op *o) { return take_or_leave(o, ML_EV_CLAIMED); }
static ml_rc op_release(ml_op *o) { return take_or_leave(o, ML_EV_RELEASED); }

/* w:tasks(): all open ones; w:as("aiko"):tasks(): what this person may do */
static ml_rc op_tasks(ml_op *o) {
  ml_op_tasks t;
  ml_rc rc;

  if (o->process.p != NULL)
    return ml_op_tasks_of(o);
  rc = ml_op_open_tasks(o, &t);
  if (rc != ML_OK)
    return rc;
  ml_jw_arr(o->out);
  for (size_t i = 0; i < t.count; i++)
    if (o->who.p == NULL || ml_str_eq(t.list[i].assignee, o->who) ||
        (t.list[i].assignee.n == 0 &&
         ml_run_member(o->w->run, t.list[i].lane, o->who)))
      ml_op_put_task(o, &t.list[i]);
  ml_jw_end(o->out);
  return ML_OK;
}

/* w:processes("order-delivery"): the oldest first */
static ml_rc op_processes(ml_op *o) {
  const ml_json *name = ml_op_arg(o, 0);
  ml_row_process *list;
  size_t count;
  ml_rc rc = ml_op_processes(o, &list, &count);

  if (rc != ML_OK)
    return rc;
  ml_jw_arr(o->out);
  for (size_t i = 0; i < count; i++) {
    const ml_flow *f = ml_run_flow(o->w->run, list[i].bundle,
                                   list[i].flow_index);
    char id[ML_ID_MAX];

    if (name != NULL && name->type == ML_JSTR &&
        (f == NULL || !ml_str_eq(f->name, name->s)))
      continue;
    ml_id_text(id, list[i].id, 0);
    put_process(o->out, ml_str_of(id));
  }
  ml_jw_end(o->out);
  return ML_OK;
}

/* ---- triggers ---- */

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
    t = in_force(wf) ? ml_flow_trigger(wf->flow, *name) : -1;
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
    put_process(o->out, list->arr[i].s);
  ml_jw_end(o->out);
  return ML_OK;
}

/* w:poll "changed": run it now; what it started */
static ml_rc op_poll(ml_op *o) {
  ml_str workflow, name;
  ml_came *c = ml_world_came(o->w);
  ml_rc rc = c != NULL ? find_trigger(o, "poll", &workflow, &name)
                       : short_of_memory(o);

  if (rc != ML_OK)
    return rc;
  ml_run_poll_now(o->w->run, workflow, name, ml_world_hooked, c);
  rc = ml_world_wait(o->w, c, &o->e);
  return rc == ML_OK ? put_started(o, c->text) : rc;
}

/* w:polls(true): from now on polls run when they are due */
static ml_rc op_polls(ml_op *o) {
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
static ml_rc op_post(ml_op *o) {
  ml_str workflow, name;
  ml_buf b = {0};
  char *text;
  const ml_json *opts;
  ml_came *c = ml_world_came(o->w);
  ml_rc rc = c != NULL ? find_trigger(o, "webhook", &workflow, &name)
                       : short_of_memory(o);

  if (rc == ML_OK)
    rc = table_arg(o, 2, "w:post's options", &opts);
  if (rc != ML_OK)
    return rc;
  put_request(&b, ml_op_arg(o, 1), opts);
  text = b.bad ? NULL : ml_arena_dup(o->a, b.p, b.len);
  if (text == NULL) {
    ml_buf_free(&b);
    return short_of_memory(o);
  }
  ml_run_hook(o->w->run, workflow, name, (ml_str){text, b.len},
              ml_world_hooked, c);
  ml_buf_free(&b);
  rc = ml_world_wait(o->w, c, &o->e);
  return rc == ML_OK ? put_started(o, c->text) : rc;
}

/* ---- the list ---- */

static const struct { const char *name; ml_op_fn *fn; } ops[] = {
  {"settings", op_settings}, {"people", op_people}, {"http", op_http},
  {"calls", op_calls}, {"fixture", op_fixture}, {"load", op_load},
  {"pass", op_pass}, {"now", op_now}, {"start", op_start},
  {"poll", op_poll}, {"polls", op_polls}, {"post", op_post},
  {"processes", op_processes}, {"tasks", op_tasks},
  {"complete", op_complete}, {"claim", op_claim}, {"release", op_release},
  {"signal", op_signal}, {"cancel", op_cancel}, {"reset", op_reset},
  {"retry", op_retry}, {"skip", op_skip}, {"comment", op_comment},
  {"set", op_set}, {"read", ml_op_look}, {"activity", ml_op_activity},
  {"activities", ml_op_activities}, {"history", ml_op_history},
  {"logs", ml_op_logs}, {"comments", ml_op_comments},
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
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
    if (ml_str_is(name, ops[i].name))
      return ops[i].fn(o);
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
