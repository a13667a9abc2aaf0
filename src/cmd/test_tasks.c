/* test_tasks.c - operations of people on their tasks. */
#include <stdio.h>
#include <string.h>

#include "cmd/test_op.h"

enum { LANES_MAX = 64 };
#define PATIENCE_MS INT64_C(2592000000)    /* people wait 30 days for a task */

/* The id in { "$process": id }, or none. */
static ml_str process_id(const ml_json *v) {
  return v != NULL && v->type == ML_JOBJ ? ml_json_str(v, "$process")
                                         : ML_NOSTR;
}

static ml_rc no_such_task(ml_op *o, ml_str label, const ml_op_list *t) {
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
static ml_rc open_task(ml_op *o, int64_t n, ml_str label, ml_op_list *t,
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

/* A person waits for a task as long as something is due before it comes; for
** schedules alone nobody waits, or it would be for ever. */
static ml_rc await_task(ml_op *o, int64_t n, ml_str label, ml_row_task **out) {
  int64_t until = ml_world_now(o->w) + PATIENCE_MS;
  ml_op_list t = {0};
  bool moved = true;
  ml_rc rc = ML_OK;

  *out = NULL;
  while (rc == ML_OK && moved) {
    rc = open_task(o, n, label, &t, out);
    if (rc != ML_OK || *out != NULL)
      return rc;
    moved = !ml_run_only_schedules(o->w->run);
    if (moved)
      rc = ml_world_step(o->w, until, &moved, &o->e);
  }
  return rc == ML_OK ? no_such_task(o, label, &t) : rc;
}

/* The person acts with the lanes that the person is in. */
static ml_rc give_lanes(ml_op *o, const ml_flow *f, ml_input *in) {
  int16_t *lanes = ml_arena_alloc(o->a, sizeof *lanes * LANES_MAX);

  if (lanes == NULL)
    return ml_op_starved(o);
  in->ev.actor.lanes = lanes;
  in->ev.actor.lane_count = ml_run_lanes_of(o->w->run, f, o->who, lanes,
                                            LANES_MAX);
  return ML_OK;
}

/* An input about a task: arguments [process,] label, ... ; *next is the
** argument behind the label. */
static ml_rc task_input(ml_op *o, ml_event_kind kind, ml_input **out,
                        size_t *next) {
  ml_str id = process_id(ml_op_arg(o, 0)), label;
  ml_op_state s = {0};
  ml_row_task *t;
  int64_t n = 0;
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
  *out = ml_op_input(o, kind, t->n);
  if (*out != NULL)
    (*out)->ev.no = t->no;
  rc = *out != NULL ? give_lanes(o, s.f, *out) : ml_op_starved(o);
  ml_process_free(s.p);
  if (rc != ML_OK)
    ml_input_free(*out);
  return rc;
}

static ml_rc need_person(ml_op *o) {
  if (o->who.p != NULL)
    return ML_OK;
  return ml_err_set(&o->e, ML_INVALID, "", "a person does this: "
                    "w:as(\"name\"):...");
}

/* w:as("aiko"):complete([p,] "1-1", [outcome,] { field = value }) */
ml_rc ml_op_complete(ml_op *o) {
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
  rc = ml_op_table(o, next, "what is filled in", &data);
  if (rc != ML_OK) {
    ml_input_free(in);
    return rc;
  }
  in->ev.data = data;
  return ml_op_send(o, in);
}

static ml_rc take_or_leave(ml_op *o, ml_event_kind kind) {
  ml_input *in;
  size_t next;
  ml_rc rc = need_person(o);

  if (rc == ML_OK)
    rc = task_input(o, kind, &in, &next);
  return rc == ML_OK ? ml_op_send(o, in) : rc;
}

ml_rc ml_op_claim(ml_op *o) { return take_or_leave(o, ML_EV_CLAIMED); }
ml_rc ml_op_release(ml_op *o) { return take_or_leave(o, ML_EV_RELEASED); }

/* p:reset(); w:as("mia"):reset(p), as far as the workflow lets a member */
ml_rc ml_op_reset(ml_op *o) {
  ml_str id = o->process.p != NULL ? o->process : process_id(ml_op_arg(o, 0));
  ml_op_state s = {0};
  ml_input *in;
  int64_t n;
  ml_rc rc = ml_op_process(o, id, &n);

  if (rc == ML_OK)
    rc = ml_op_read(o, n, &s);
  if (rc != ML_OK)
    return rc;
  in = ml_op_input(o, ML_EV_RESET, n);
  rc = in == NULL ? ml_op_starved(o)
       : o->who.p != NULL ? give_lanes(o, s.f, in) : ML_OK;
  ml_process_free(s.p);
  if (rc == ML_OK)
    return ml_op_send(o, in);
  ml_input_free(in);
  return rc;
}

/* w:tasks(): all open ones; w:as("aiko"):tasks(): what this person may do */
ml_rc ml_op_tasks(ml_op *o) {
  ml_op_list t;
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
ml_rc ml_op_processes(ml_op *o) {
  const ml_json *name = ml_op_arg(o, 0);
  ml_row_process *list;
  size_t count;
  ml_rc rc = ml_op_read_all(o, &list, &count);

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
    ml_op_put_id(o->out, ml_str_of(id));
  }
  ml_jw_end(o->out);
  return ML_OK;
}
