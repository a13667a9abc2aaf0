/*
** api_ext_task.c - tasks of a process that no activity waits for (P3.3): made,
** logged as done already, changed, looked at.
**
** Title, person, due moment and status are the task's own and stand in every
** work list; the rest is an object beside it that is shown as it was given.
*/
#include <stdio.h>
#include <string.h>

#include "api/api_ext.h"
#include "base/text.h"

/* Members kept in the object beside the task; 't' text, 'i' integer, 'm' moment,
** 'o' object. */
static const struct { const char *name; char type; } kept[] = {
  {"description", 't'}, {"order", 'i'}, {"stateTask", 't'}, {"taskType", 't'},
  {"belongsTo", 't'}, {"startsAt", 'm'}, {"endsAt", 'm'}, {"startedAt", 'm'},
  {"data", 'o'}};
enum { KEPT = sizeof kept / sizeof *kept };

typedef struct tasking {
  ml_seen seen;                  /* first: read by ml_process_read */
  uint32_t no;                   /* 0: a new one */
  ml_row_task row;
  bool found;
  ml_str more;                   /* JSON as stored; or none */
  ml_errand errand;
} tasking;

/* ---- moments ---- */

/* A member that is a moment, null or not there.  false: refused and gone. */
static bool moment_of(ml_call *c, const char *key, bool *there, int64_t *ms) {
  const ml_json *v = ml_json_get(c->body, key);
  char at[40];

  *there = v != NULL;
  *ms = 0;
  if (v == NULL || v->type == ML_JNULL)
    return true;
  if (v->type == ML_JINT && v->i > 0)
    *ms = v->i;
  else if (v->type != ML_JSTR || ml_text_moment(v->s, ms, NULL) != ML_OK)
    *ms = 0;
  if (*ms > 0)
    return true;
  snprintf(at, sizeof at, "/%s", key);
  ml_call_problem(c, 422, NULL, at, NULL, "milliseconds since 1970, a moment "
                  "with a zone (2026-03-01T09:00:00+09:00) or null is wanted");
  return false;
}

/* ---- looking ---- */

static ml_rc read_task(ml_call *c, ml_read *r) {
  tasking *t = c->state;
  ml_row_task_more more;
  ml_row_task *rows;
  size_t count;
  ml_rc rc = ml_process_read(c, r, &t->seen);

  if (rc == ML_OK)
    rc = ml_read_tasks_of(r, &c->arena, t->seen.n, &rows, &count);
  for (size_t i = 0; rc == ML_OK && i < count; i++)
    if (rows[i].no == t->no) {
      t->row = rows[i];
      t->found = true;
    }
  if (rc == ML_OK && (!t->found || t->row.act != 0))
    return ml_err_set(&c->err, ML_NOT_FOUND, NULL,
                      "there is no such task of a person's own");
  if (rc != ML_OK)
    return rc;
  rc = ml_read_task_more(r, &c->arena, t->seen.n, t->no, &more);
  if (rc == ML_OK)
    t->more = more.more;
  return rc == ML_NOT_FOUND ? ML_OK : rc;      /* nothing more is known */
}

static void put_kept(ml_jw *w, const ml_json *more, size_t i) {
  const ml_json *v = ml_json_get(more, kept[i].name);

  ml_jw_key(w, kept[i].name);
  if (v != NULL)
    ml_jw_json(w, v);
  else
    ml_jw_null(w);
}

static void put_task(ml_call *c, const tasking *t) {
  const ml_workflow *wf = ml_run_workflow_no(c->run, t->seen.row.workflow);
  const ml_row_task *k = &t->row;
  char procedure[ML_ID_MAX];
  ml_json *more = NULL;
  ml_jw *w = &c->w;
  ml_object o;

  if (t->more.p != NULL
      && ml_json_parse(&c->arena, t->more.p, t->more.n, NULL, &more, NULL)
           == ML_NOMEM)
    c->out.bad = true;
  ml_process_peek(t->seen.row.rest, &o);
  ml_ext_procedure_id(procedure, wf != NULL ? wf->name : ML_STR("?"));
  ml_jw_obj(w);
  ml_api_put_id(w, "id", t->seen.id, t->no);
  ml_jw_kstr(w, "title", k->label);
  ml_jw_kstrz(w, "status", ml_tasks_name(k->status));
  ml_api_put_text(w, "team", o.team);
  ml_api_put_text(w, "createdBy", ml_json_str(more, "createdBy"));
  ml_api_put_text(w, "assignedTo", k->assignee);
  ml_api_put_time(w, "dueBy", k->due_ms);
  ml_api_put_time(w, "completedAt",
                  k->status == ML_TASK_COMPLETED ? k->ended_ms : 0);
  ml_api_put_time(w, "cancelledAt",
                  k->status == ML_TASK_CANCELLED ? k->ended_ms : 0);
  ml_jw_kstrz(w, "procedure", procedure);
  ml_api_put_id(w, "process", t->seen.id, 0);
  for (size_t i = 0; i < KEPT; i++)
    put_kept(w, more, i);
  ml_jw_end(w);
}

static void send_task(ml_call *c, int status) {
  ml_ext_begin(c);
  put_task(c, c->state);
  ml_ext_meta(c);
  ml_ext_end(c, status);
}

static void send_200(ml_call *c) {
  send_task(c, 200);
}

static void send_way(ml_call *c) {
  send_task(c, c->way->status);
}

static void get_task(ml_call *c) {
  tasking *t = ml_call_alloc(c, sizeof *t);

  if (t == NULL
      || !ml_call_id(c, c->part[0], true, t->seen.id, &t->seen.n, &t->no))
    return;
  c->state = t;
  ml_call_read(c, read_task, send_200);
}

/* ---- changing ---- */

/* One kept member out of the body, or as it was.  false: refused and gone. */
static bool put_member(ml_call *c, ml_jw *w, const ml_json *was, size_t i) {
  const ml_json *v = ml_json_get(c->body, kept[i].name);
  bool there;
  int64_t ms;

  if (kept[i].type == 'm') {
    if (!moment_of(c, kept[i].name, &there, &ms))
      return false;
    if (there) {
      if (ms > 0)
        ml_jw_kint(w, kept[i].name, ms);
      return true;
    }
  }
  if (v == NULL)
    v = ml_json_get(was, kept[i].name);
  if (v != NULL && v->type != ML_JNULL) {
    ml_jw_key(w, kept[i].name);
    ml_jw_json(w, v);
  }
  return true;
}

static bool make_more(ml_call *c, tasking *t) {
  ml_buf b = {0};
  ml_json *was = NULL;
  ml_jw w;
  bool ok = true;

  if (t->more.p != NULL
      && ml_json_parse(&c->arena, t->more.p, t->more.n, NULL, &was, NULL)
           != ML_OK) {
    ml_call_refuse(c, ML_CORRUPT, NULL);
    return false;
  }
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kstr(&w, "createdBy", was != NULL ? ml_json_str(was, "createdBy")
                                          : c->who.name);
  for (size_t i = 0; i < KEPT && ok; i++)
    ok = put_member(c, &w, was, i);
  ml_jw_end(&w);
  if (ok && !b.bad)
    t->errand.more.p = ml_arena_dup(&c->arena, b.p, b.len);
  t->errand.more.n = b.len;
  ml_buf_free(&b);
  if (ok && t->errand.more.p == NULL)
    ml_call_refuse(c, ML_NOMEM, NULL);
  return ok && t->errand.more.p != NULL;
}

static const char *end_key(ml_tasks status) {
  return status == ML_TASK_CANCELLED ? "cancelledAt" : "completedAt";
}

/* Its own members of the body.  false: refused and gone. */
static bool take(ml_call *c, ml_errand *x) {
  const ml_json *person = ml_json_get(c->body, "assignedTo");
  ml_str status = ml_json_str(c->body, "status");
  bool there;

  x->title = ml_json_str(c->body, "title");
  if (person != NULL)
    x->assignee = person->type == ML_JSTR ? person->s : ML_STR("");
  if (x->assignee.n > 0) {
    const ml_row_user *u = ml_run_user(c->run, x->assignee);

    if (u == NULL || !u->active
        || (c->who.team.p != NULL && !ml_str_eq(c->who.team, u->team))) {
      ml_call_problem(c, 422, NULL, "/assignedTo", NULL,
                      "there is no active member '%.100s'", x->assignee.p);
      return false;
    }
  }
  if (!moment_of(c, "dueBy", &x->has_due, &x->due_ms))
    return false;
  for (int i = 0; i < ML_TASK_COUNT; i++)
    if (ml_str_is(status, ml_tasks_name((ml_tasks)i))) {
      x->has_status = true;
      x->status = (ml_tasks)i;
    }
  return moment_of(c, end_key(x->status), &there, &x->at_ms);
}

static bool render(ml_call *c, const ml_process *p, const ml_flow *f,
                   const ml_made *made, ml_buf *keep) {
  tasking *t = c->state;
  char id[ML_ID_MAX], *location;

  (void)f;
  t->no = made->more_no;
  ml_id_text(id, p->id, t->no);
  ml_buf_puts(keep, id);
  location = ml_arena_printf(&c->arena, "/v1/ext/task/%s", id);
  if (c->way->status == 201)
    c->location = ml_str_of(location);
  return location != NULL && !keep->bad;
}

static void committed(ml_call *c) {
  ml_call_read(c, read_task, send_way);
}

static void again(ml_call *c, ml_str text) {
  tasking *t = c->state;

  if (!ml_id_of(text, t->seen.id, &t->no)) {
    ml_call_refuse(c, ML_CORRUPT, NULL);
    return;
  }
  t->seen.n = ml_process_id_n(t->seen.id);
  ml_call_read(c, read_task, send_way);
}

static const ml_way made_way = {201, render, committed, again};
static const ml_way changed_way = {200, render, committed, again};

static void put_input(ml_call *c) {
  tasking *t = c->state;
  ml_acting who;
  ml_input *in;

  if (!make_more(c, t) || !ml_call_acting(c, &who))
    return;
  in = ml_call_input(c, t->seen.n, t->seen.id, ML_EV_ERRAND, &who);
  if (in == NULL)
    return;
  in->ev.no = t->no;
  in->ev.errand = &t->errand;
  ml_call_put(c, in, t->no == 0 ? &made_way : &changed_way);
}

static void make_task(ml_call *c) {
  tasking *t = ml_call_alloc(c, sizeof *t);
  uint32_t no;

  if (t == NULL
      || !ml_call_id(c, ml_json_str(c->body, "process"), false, t->seen.id,
                     &t->seen.n, &no)
      || !take(c, &t->errand))
    return;
  c->state = t;
  put_input(c);
}

static void set_task(ml_call *c) {
  tasking *t = ml_call_alloc(c, sizeof *t);

  if (t == NULL
      || !ml_call_id(c, c->part[0], true, t->seen.id, &t->seen.n, &t->no)
      || !take(c, &t->errand))
    return;
  c->state = t;
  ml_call_read(c, read_task, put_input);
}

/* ---- rows ---- */

#define ACT ML_SCOPE_OPERATE | ML_SCOPE_WORK

static const ml_route rows[] = {
  {"POST", "/v1/ext/task", ACT, ML_ROUTE_EXT, make_task, "as", "ExtMakeTask",
   "201 ExtTaskAnswer", "extMakeTask",
   "A task of a process; with status COMPLETED it is logged as done"},
  {"GET", "/v1/ext/task/{id}", ML_SCOPE_READ | ACT, ML_ROUTE_EXT, get_task,
   NULL, NULL, "200 ExtTaskAnswer", "extGetTask", "One such task"},
  {"PUT", "/v1/ext/task/{id}", ACT, ML_ROUTE_EXT, set_task, "as", "ExtSetTask",
   "200 ExtTaskAnswer", "extSetTask", "Change what is named; end it"}};

static const char shapes[] =
  "ExtTask { id:str, title:str, status:OPEN|COMPLETED|CANCELLED, team:str?,"
  " createdBy:str?, assignedTo:str?, dueBy:int?, completedAt:int?,"
  " cancelledAt:int?, procedure:str, process:str, description:str?,"
  " order:int?, stateTask:str?, taskType:str?, belongsTo:str?, startsAt:int?,"
  " endsAt:int?, startedAt:int?, data:obj? }"
  "ExtTaskAnswer { _data:ExtTask, _meta:obj, _errors:[Problem] }"
  "ExtSetTask { title?:str, status?:OPEN|COMPLETED|CANCELLED,"
  " assignedTo?:str?, dueBy?:any \"ms, a moment with a zone, or null\","
  " completedAt?:any \"its own time\", cancelledAt?:any, description?:str?,"
  " order?:int?, stateTask?:str?, taskType?:str?, belongsTo?:str?,"
  " startsAt?:any, endsAt?:any, startedAt?:any, data?:obj? }"
  "ExtMakeTask { process:str, ...ExtSetTask }";

const ml_routes ml_routes_ext_task = {rows, sizeof rows / sizeof *rows, shapes};
