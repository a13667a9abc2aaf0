/* test_look.c - operations of tests that only look at a process. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd/test_op.h"

enum { HISTORY_MAX = 20000 };

/* ---- reading ---- */

typedef struct reading {
  ml_op *o;
  int64_t n;
  ml_rc rc;
  ml_row_process row;
  ml_row_process *rows;      size_t row_count;
  ml_row_task *tasks;        size_t task_count;
  ml_row_history *history;   size_t history_count;
  ml_row_comment *comments;  size_t comment_count;
} reading;

static ml_rc read_by(ml_op *o, ml_read_fn *work, reading *r, int64_t n) {
  ml_rc rc;

  memset(r, 0, sizeof *r);
  r->o = o;
  r->n = n;
  r->rc = ML_IO;
  rc = ml_world_read(o->w, work, r);
  if (rc == ML_OK)
    rc = r->rc;
  if (rc == ML_NOT_FOUND)
    return ml_err_set(&o->e, rc, "", "there is no such process");
  if (rc != ML_OK)
    return ml_err_set(&o->e, rc, "", "the world's store cannot be read (%s)",
                      ml_rc_name(rc));
  return rc;
}

static void work_process(void *arg, ml_read *rd) {
  reading *r = arg;

  r->rc = ml_read_process(rd, r->o->a, r->n, &r->row);
}

static void work_processes(void *arg, ml_read *rd) {
  reading *r = arg;
  ml_find_process f = {.status = -1, .run = -1, .deleted = true, .limit = 1000};

  r->rc = ml_read_processes(rd, r->o->a, &f, &r->rows, &r->row_count);
}

static void work_tasks(void *arg, ml_read *rd) {
  reading *r = arg;

  r->rc = ml_read_tasks_of(rd, r->o->a, r->n, &r->tasks, &r->task_count);
}

static void work_open(void *arg, ml_read *rd) {
  reading *r = arg;
  ml_find_task f = {.any_lane = true, .status = ML_TASK_OPEN, .limit = 1000};

  r->rc = ml_read_tasks(rd, r->o->a, &f, &r->tasks, &r->task_count);
}

static void work_history(void *arg, ml_read *rd) {
  reading *r = arg;

  r->rc = ml_read_history(rd, r->o->a, r->n, 0, HISTORY_MAX, &r->history,
                          &r->history_count);
}

static void work_comments(void *arg, ml_read *rd) {
  reading *r = arg;

  r->rc = ml_read_comments(rd, r->o->a, r->n, 0, HISTORY_MAX, &r->comments,
                           &r->comment_count);
}

ml_rc ml_op_read(ml_op *o, int64_t n, ml_op_state *s) {
  reading r;
  ml_rc rc = read_by(o, work_process, &r, n);

  memset(s, 0, sizeof *s);
  if (rc != ML_OK)
    return rc;
  s->row = r.row;
  s->f = ml_run_flow(o->w->run, r.row.bundle, r.row.flow_index);
  s->p = ml_run_process_of(o->w->run, &r.row, &rc);
  if (s->p == NULL)
    return ml_err_set(&o->e, rc, "", "the process cannot be read (%s)",
                      ml_rc_name(rc));
  return ML_OK;
}

ml_rc ml_op_read_all(ml_op *o, ml_row_process **list, size_t *count) {
  reading r;
  ml_rc rc = read_by(o, work_processes, &r, 0);

  *list = r.rows;
  *count = r.row_count;
  for (size_t i = 0; rc == ML_OK && i < r.row_count / 2; i++) {
    ml_row_process swap = r.rows[i];

    r.rows[i] = r.rows[r.row_count - 1 - i];
    r.rows[r.row_count - 1 - i] = swap;
  }
  return rc;
}

ml_rc ml_op_open_tasks(ml_op *o, ml_op_list *t) {
  reading r;
  ml_rc rc = read_by(o, work_open, &r, 0);

  *t = (ml_op_list){r.tasks, r.task_count};
  return rc;
}

const ml_act *ml_op_act(const ml_op_state *s, ml_str label) {
  const ml_act *last = NULL;

  for (uint32_t i = 0; i < s->p->act_count; i++)
    if (!s->p->acts[i].aside &&
        ml_str_eq(s->f->activities[s->p->acts[i].def].label, label))
      last = &s->p->acts[i];
  return last;
}

static ml_rc this_process(ml_op *o, ml_op_state *s) {
  int64_t n;
  ml_rc rc = ml_op_process(o, o->process, &n);

  return rc == ML_OK ? ml_op_read(o, n, s) : rc;
}

/* ---- p.member ---- */

/* A member that is nothing is left out, so that it reads as nil. */
static void put_opt(ml_jw *w, const char *key, ml_str v) {
  if (v.n > 0)
    ml_jw_kstr(w, key, v);
}

static void put_opt_time(ml_jw *w, const char *key, int64_t ms) {
  if (ms != 0)
    ml_jw_kint(w, key, ms);
}

static void put_time(ml_jw *w, int64_t ms) {
  if (ms != 0)
    ml_jw_int(w, ms);
  else
    ml_jw_null(w);
}

/* By their short ids, missing ones left out; a test may see sealed ones. */
static void put_data(ml_jw *w, const ml_op_state *s) {
  ml_jw_obj(w);
  for (uint16_t i = 0; i < s->f->field_count; i++)
    if (s->p->data[i].p != NULL) {
      ml_jw_keyn(w, s->f->fields[i].short_id);
      ml_jw_raw(w, s->p->data[i]);
    }
  ml_jw_end(w);
}

/* Names of the phases it stands in, the workflow's own first. */
static void put_phase(ml_jw *w, const ml_op_state *s) {
  ml_jw_arr(w);
  for (uint32_t i = 0; i < s->p->strand_count; i++)
    if (!s->p->strands[i].ended)
      ml_jw_str(w, s->f->phases[s->p->strands[i].phase].name);
  ml_jw_end(w);
}

static void put_parent(ml_op *o, const ml_op_state *s) {
  char id[ML_ID_MAX];
  ml_op_state up;

  if (s->p->parent_n == 0 || ml_op_read(o, s->p->parent_n, &up) != ML_OK) {
    ml_jw_null(o->out);
    return;
  }
  ml_id_text(id, up.p->id, 0);
  ml_jw_obj(o->out);
  ml_jw_kstrz(o->out, "$process", id);
  ml_jw_end(o->out);
  ml_process_free(up.p);
}

typedef enum member { STATUS, RUN, STATE, SUBJECT, DATA, MESSAGE, WORKFLOW,
  VERSION, PHASE, CREATED_BY, ASSIGNED_TO, FIRST_ASSIGNED_TO, CREATED_AT,
  UPDATED_AT, COMPLETED_AT, CANCELLED_AT, FIRST_ASSIGNED_AT, LAST_ASSIGNED_AT,
  NEXT_ACTION_AT, PARENT, NUMBER, SEQ, MEMBERS } member;
static const char *const members[MEMBERS] = {
  "status", "run", "state", "subject", "data", "message", "workflow",
  "version", "phase", "createdBy", "assignedTo", "firstAssignedTo", "createdAt",
  "updatedAt", "completedAt", "cancelledAt", "firstAssignedAt",
  "lastAssignedAt", "nextActionAt", "parentProcess", "number", "seq"
};

static void put_member(ml_op *o, const ml_op_state *s, member m) {
  const ml_process *p = s->p;
  ml_jw *w = o->out;

  switch (m) {
    case STATUS: ml_jw_strz(w, ml_status_name(p->status)); break;
    case RUN: ml_jw_strz(w, ml_runs_name(p->run)); break;
    case STATE: ml_jw_str(w, p->state); break;
    case SUBJECT: ml_jw_str(w, p->subject); break;
    case DATA: put_data(w, s); break;
    case MESSAGE: ml_jw_str(w, p->message); break;
    case WORKFLOW: ml_jw_str(w, s->f->name); break;
    case VERSION:
      ml_jw_str(w, ml_run_bundle_version(o->w->run, p->bundle));
      break;
    case PHASE: put_phase(w, s); break;
    case CREATED_BY: ml_jw_str(w, p->created_by); break;
    case ASSIGNED_TO: ml_jw_str(w, p->assigned_to); break;
    case FIRST_ASSIGNED_TO: ml_jw_str(w, p->first_assigned_to); break;
    case CREATED_AT: put_time(w, p->created_ms); break;
    case UPDATED_AT: put_time(w, p->updated_ms); break;
    case COMPLETED_AT: put_time(w, p->completed_ms); break;
    case CANCELLED_AT: put_time(w, p->cancelled_ms); break;
    case FIRST_ASSIGNED_AT: put_time(w, p->first_assigned_ms); break;
    case LAST_ASSIGNED_AT: put_time(w, p->last_assigned_ms); break;
    case NEXT_ACTION_AT: put_time(w, p->next_action_ms); break;
    case PARENT: put_parent(o, s); break;
    case NUMBER: ml_jw_int(w, p->n); break;
    case SEQ: ml_jw_int(w, (int64_t)p->seq); break;
    case MEMBERS: break;
  }
}

static ml_rc no_member(ml_op *o, ml_str name) {
  char all[400] = "";

  for (size_t i = 0; i < MEMBERS; i++) {
    size_t at = strlen(all);

    snprintf(all + at, sizeof all - at, "%s%s", i > 0 ? ", " : "", members[i]);
  }
  return ml_err_set(&o->e, ML_INVALID, "", "a process has no '%.*s'; it has id, "
                    "%s", (int)(name.n > 60 ? 60 : name.n), name.p, all);
}

ml_rc ml_op_look(ml_op *o) {
  ml_op_state s = {0};
  ml_str name;
  size_t i = 0;
  ml_rc rc = ml_op_text(o, 0, "the member's name", &name);

  if (rc != ML_OK)
    return rc;
  while (i < MEMBERS && !ml_str_is(name, members[i]))
    i++;
  if (i == MEMBERS)
    return no_member(o, name);
  rc = this_process(o, &s);
  if (rc == ML_OK)
    put_member(o, &s, (member)i);
  ml_process_free(s.p);
  return rc;
}

/* ---- activities ---- */

static void put_act(ml_op *o, const ml_op_state *s, const ml_act *a) {
  const ml_activity *def = &s->f->activities[a->def];
  ml_jw *w = o->out;

  ml_jw_obj(w);
  ml_jw_kint(w, "no", a->no);
  ml_jw_kstr(w, "label", def->label);
  ml_jw_kstr(w, "phase", s->f->phases[def->phase].name);
  ml_jw_kstrz(w, "status", ml_acts_name(a->status));
  ml_jw_kint(w, "attempt", a->attempt);
  ml_jw_kint(w, "retries", a->retries);
  if (a->wait != ML_WAIT_NONE)
    ml_jw_kstrz(w, "wait", ml_wait_name(a->wait));
  put_opt_time(w, "due", a->due_ms);
  put_opt(w, "call", a->call);
  put_opt(w, "outcome", a->outcome);
  put_opt(w, "message", a->message);
  put_opt(w, "at", a->at);
  if (def->lane >= 0)
    ml_jw_kstr(w, "lane", s->f->lanes[def->lane].id);
  if (a->aside)
    ml_jw_kbool(w, "aside", true);
  ml_jw_end(w);
}

ml_rc ml_op_activities(ml_op *o) {
  ml_op_state s = {0};
  ml_rc rc = this_process(o, &s);

  if (rc == ML_OK) {
    ml_jw_arr(o->out);
    for (uint32_t i = 0; i < s.p->act_count; i++)
      put_act(o, &s, &s.p->acts[i]);
    ml_jw_end(o->out);
  }
  ml_process_free(s.p);
  return rc;
}

/* How an activity whose phase is over ended: the last word on its label. */
static void put_ended(ml_op *o, const reading *r, ml_str label) {
  for (size_t i = r->history_count; i-- > 0;) {
    const ml_row_history *h = &r->history[i];
    ml_acts status;

    if (!ml_str_eq(h->name, label))
      continue;
    switch (h->told) {
      case ML_TOLD_SUCCEEDED: status = ML_ACT_SUCCESS; break;
      case ML_TOLD_FAILED: status = ML_ACT_FAILURE; break;
      case ML_TOLD_BROKE: status = ML_ACT_ERROR; break;
      case ML_TOLD_TERMINATED: status = ML_ACT_TERMINATED; break;
      default: continue;
    }
    ml_jw_obj(o->out);
    ml_jw_kint(o->out, "no", h->no);
    ml_jw_kstr(o->out, "label", label);
    ml_jw_kstrz(o->out, "status", ml_acts_name(status));
    if (status == ML_ACT_SUCCESS)
      ml_jw_kstr(o->out, "outcome", h->text.n > 0 ? h->text : ML_STR("done"));
    else
      ml_jw_kstr(o->out, "message", h->text);
    ml_jw_end(o->out);
    return;
  }
  ml_jw_null(o->out);
}

ml_rc ml_op_activity(ml_op *o) {
  ml_op_state s = {0};
  const ml_act *a;
  reading r;
  ml_str label;
  ml_rc rc = ml_op_text(o, 0, "the label of an activity", &label);

  if (rc == ML_OK)
    rc = this_process(o, &s);
  if (rc == ML_OK) {
    a = ml_op_act(&s, label);
    if (a != NULL)
      put_act(o, &s, a);
    else if ((rc = read_by(o, work_history, &r, s.p->n)) == ML_OK)
      put_ended(o, &r, label);
  }
  ml_process_free(s.p);
  return rc;
}

/* ---- tasks ---- */

static const ml_activity *def_of_task(const ml_op_state *s,
                                      const ml_row_task *t) {
  for (uint16_t i = 0; i < s->f->activity_count; i++)
    if (s->f->activities[i].kind == ML_AK_TASK &&
        ml_str_eq(s->f->activities[i].label, t->label))
      return &s->f->activities[i];
  return NULL;
}

static void put_form(ml_jw *w, const ml_op_state *s, const ml_activity *def) {
  ml_jw_key(w, "form");
  ml_jw_obj(w);
  for (uint16_t i = 0; i < def->form_count; i++) {
    const ml_form_field *ff = &def->form[i];

    ml_jw_keyn(w, s->f->fields[ff->field].short_id);
    ml_jw_obj(w);
    ml_jw_kbool(w, "edit", ff->edit);
    ml_jw_kbool(w, "required",
                ff->edit && (ff->need || s->f->fields[ff->field].required));
    if (s->p->data[ff->field].p != NULL) {
      ml_jw_key(w, "value");
      ml_jw_raw(w, s->p->data[ff->field]);
    }
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

/* The task and, of its process as it stands now, its form. */
void ml_op_put_task(ml_op *o, const ml_row_task *t) {
  const ml_row_lane *lane = ml_run_lane(o->w->run, t->lane);
  ml_jw *w = o->out;
  ml_op_state s;
  char id[ML_ID_MAX] = "";

  if (ml_op_read(o, t->n, &s) == ML_OK)
    ml_id_text(id, s.p->id, 0);
  ml_jw_obj(w);
  ml_jw_kint(w, "no", t->no);
  ml_jw_key(w, "process");
  ml_jw_obj(w);
  ml_jw_kstrz(w, "$process", id);
  ml_jw_end(w);
  ml_jw_kstr(w, "label", t->label);
  put_opt(w, "lane", lane != NULL ? lane->lane : ML_NOSTR);
  ml_jw_kstrz(w, "status", ml_tasks_name(t->status));
  put_opt(w, "assignee", t->assignee);
  ml_jw_kbool(w, "offered", t->status == ML_TASK_OPEN && t->assignee.n == 0);
  put_opt(w, "outcome", t->outcome);
  ml_jw_kint(w, "createdAt", t->created_ms);
  put_opt_time(w, "dueAt", t->due_ms);
  put_opt_time(w, "endedAt", t->ended_ms);
  ml_jw_kbool(w, "overdue", t->status == ML_TASK_OPEN && t->due_ms > 0 &&
                                t->due_ms <= ml_world_now(o->w));
  if (s.p != NULL && def_of_task(&s, t) != NULL)
    put_form(w, &s, def_of_task(&s, t));
  ml_jw_end(w);
  ml_process_free(s.p);
}

/* p:tasks() open ones; p:tasks("all") ended ones too; p:tasks("1-1") those of
** one label, ended or not. */
ml_rc ml_op_tasks_of(ml_op *o) {
  const ml_json *what = ml_op_arg(o, 0);
  ml_str label = what != NULL && what->type == ML_JSTR ? what->s : ML_NOSTR;
  reading r;
  int64_t n;
  ml_rc rc = ml_op_process(o, o->process, &n);

  if (rc == ML_OK)
    rc = read_by(o, work_tasks, &r, n);
  if (rc != ML_OK)
    return rc;
  ml_jw_arr(o->out);
  for (size_t i = 0; i < r.task_count; i++) {
    const ml_row_task *t = &r.tasks[i];

    if (label.p == NULL ? t->status == ML_TASK_OPEN
                        : ml_str_is(label, "all") || ml_str_eq(label, t->label))
      ml_op_put_task(o, t);
  }
  ml_jw_end(o->out);
  return ML_OK;
}

/* ---- history ---- */

static ml_rc read_history(ml_op *o, reading *r) {
  int64_t n;
  ml_rc rc = ml_op_process(o, o->process, &n);

  return rc == ML_OK ? read_by(o, work_history, r, n) : rc;
}

ml_rc ml_op_history(ml_op *o) {
  ml_jw *w = o->out;
  reading r;
  ml_rc rc = read_history(o, &r);

  if (rc != ML_OK)
    return rc;
  ml_jw_arr(w);
  for (size_t i = 0; i < r.history_count; i++) {
    const ml_row_history *h = &r.history[i];

    ml_jw_obj(w);
    ml_jw_kint(w, "seq", (int64_t)h->seq);
    ml_jw_kint(w, "at", h->at_ms);
    ml_jw_kstrz(w, "told", ml_told_name(h->told));
    ml_jw_kint(w, "no", h->no);
    put_opt(w, "name", h->name);
    put_opt(w, "who", h->who);
    put_opt(w, "text", h->text);
    if (h->data.n > 0) {
      ml_jw_key(w, "data");
      ml_jw_raw(w, h->data);
    }
    ml_jw_end(w);
  }
  ml_jw_end(w);
  return ML_OK;
}

ml_rc ml_op_logs(ml_op *o) {
  reading r;
  ml_rc rc = read_history(o, &r);

  if (rc != ML_OK)
    return rc;
  ml_jw_arr(o->out);
  for (size_t i = 0; i < r.history_count; i++)
    if (r.history[i].told == ML_TOLD_LOG)
      ml_jw_str(o->out, r.history[i].text);
  ml_jw_end(o->out);
  return ML_OK;
}

/* { activity =, call = "put.1", answer = "200" or nothing }, as asked. */
/* Was this call made again because its answer was lost with the engine? */
static bool was_repeated(const reading *r, size_t i) {
  const ml_row_history *h = &r->history[i];

  for (size_t k = i + 1; k < r->history_count; k++) {
    const ml_row_history *x = &r->history[k];

    if (x->no == h->no && x->told == ML_TOLD_CALLED)
      return ml_str_eq(x->text, h->text);
    if (x->no == h->no &&
        (x->told == ML_TOLD_ANSWERED || x->told == ML_TOLD_NOT_YET))
      return false;
  }
  return false;
}

ml_rc ml_op_calls_of(ml_op *o) {
  ml_jw *w = o->out;
  reading r;
  ml_rc rc = read_history(o, &r);

  if (rc != ML_OK)
    return rc;
  ml_jw_arr(w);
  for (size_t i = 0; i < r.history_count; i++) {
    const ml_row_history *h = &r.history[i];

    if (h->told != ML_TOLD_CALLED ||
        (o->w->torture != NULL && was_repeated(&r, i)))
      continue;
    ml_jw_obj(w);
    ml_jw_kstr(w, "activity", h->name);
    ml_jw_kstr(w, "call", h->text);
    for (size_t k = i + 1; k < r.history_count; k++) {
      const ml_row_history *x = &r.history[k];

      if (x->no != h->no)
        continue;
      if (x->told == ML_TOLD_ANSWERED && x->text.n > h->text.n + 1 &&
          memcmp(x->text.p, h->text.p, h->text.n) == 0)
        ml_jw_kstr(w, "answer", (ml_str){x->text.p + h->text.n + 1,
                                         x->text.n - h->text.n - 1});
      if (x->told == ML_TOLD_ANSWERED || x->told == ML_TOLD_CALLED ||
          x->told == ML_TOLD_NOT_YET)
        break;
    }
    ml_jw_end(w);
  }
  ml_jw_end(w);
  return ML_OK;
}

ml_rc ml_op_comments(ml_op *o) {
  ml_jw *w = o->out;
  reading r;
  int64_t n;
  ml_rc rc = ml_op_process(o, o->process, &n);

  if (rc == ML_OK)
    rc = read_by(o, work_comments, &r, n);
  if (rc != ML_OK)
    return rc;
  ml_jw_arr(w);
  for (size_t i = 0; i < r.comment_count; i++) {
    const ml_row_comment *c = &r.comments[i];

    ml_jw_obj(w);
    ml_jw_kint(w, "no", c->no);
    ml_jw_kint(w, "at", c->at_ms);
    put_opt(w, "who", c->who);
    ml_jw_kstr(w, "text", c->text);
    ml_jw_kstr(w, "visibility", c->visibility);
    ml_jw_end(w);
  }
  ml_jw_end(w);
  return ML_OK;
}

/* ---- for people ---- */

static void put_line(ml_buf *b, const ml_row_history *h, int64_t from) {
  char shown[200];

  ml_buf_puts(b, "    +");
  ml_text_put_age(b, h->at_ms - from);
  ml_buf_printf(b, "  %s", ml_told_name(h->told));
  if (h->name.n > 0) {
    ml_text_excerpt(shown, sizeof shown, h->name);
    ml_buf_printf(b, " %s", shown);
  }
  if (h->who.n > 0) {
    ml_text_excerpt(shown, sizeof shown, h->who);
    ml_buf_printf(b, " by %s", shown);
  }
  if (h->text.n > 0 && !ml_str_eq(h->text, h->name)) {
    ml_text_excerpt(shown, sizeof shown, h->text);
    ml_buf_printf(b, ": %s", shown);
  }
  if (h->data.n > 0) {
    ml_text_excerpt(shown, sizeof shown, h->data);
    ml_buf_printf(b, "  %s", shown);
  }
  ml_buf_putc(b, '\n');
}

void ml_test_timeline(ml_world *w, ml_buf *out) {
  ml_op o = {.w = w, .a = &w->arena};
  ml_row_process *list = NULL;
  size_t count = 0;

  if (w->lost || ml_op_read_all(&o, &list, &count) != ML_OK)
    return;
  for (size_t i = 0; i < count; i++) {
    ml_op_state s;
    reading r;
    char id[ML_ID_MAX];

    if (ml_op_read(&o, list[i].n, &s) != ML_OK)
      continue;
    ml_id_text(id, s.p->id, 0);
    ml_buf_printf(out, "  process %s %.*s: %s, %s\n", id, (int)s.f->name.n,
                  s.f->name.p, ml_status_name(s.p->status),
                  ml_runs_name(s.p->run));
    if (read_by(&o, work_history, &r, s.p->n) == ML_OK)
      for (size_t k = 0; k < r.history_count; k++)
        put_line(out, &r.history[k], s.p->created_ms);
    ml_process_free(s.p);
  }
}
