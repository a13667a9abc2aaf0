/*
** audit.c - one process after the other: its row, its history, its tasks.
**
** Everything is judged from one snapshot on the reader's thread; flows are
** immutable and outlive the job.  Nothing is changed here (mend.c does).
*/
#include "run/audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/advance.h"
#include "run/inside.h"
#include "store/audit.h"

enum { CHUNK = 500 };

/* One process under judgement. */
typedef struct court {
  ml_audit *a;
  ml_read *r;
  ml_arena *arena;
  const ml_audit_row *row;
  const ml_process *p;           /* unpacked; NULL: could not be */
  const ml_flow *f;
  ml_audit_row none;             /* stands for a row that is not there */
  bool starved;
} court;

__attribute__((format(printf, 3, 4)))
static void accuse(court *c, int invariant, const char *fmt, ...) {
  ml_audit *a = c->a;
  ml_offender *o;
  va_list args;

  a->sums.found++;
  if (a->count == ML_AUDIT_FOUND_MAX)
    return;
  if (a->found == NULL)
    a->found = ml_arena_alloc(c->arena, ML_AUDIT_FOUND_MAX * sizeof *a->found);
  if (a->found == NULL) {
    c->starved = true;
    return;
  }
  o = &a->found[a->count++];
  memset(o, 0, sizeof *o);
  o->n = c->row->p.n;
  memcpy(o->id, c->row->p.id, sizeof o->id);
  o->invariant = invariant;
  va_start(args, fmt);
  vsnprintf(o->what, sizeof o->what, fmt, args);
  va_end(args);
}

/* ---- 2: history ---- */

static bool trail_break(char *why, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool trail_break(char *why, size_t size, const char *fmt, ...) {
  va_list args;

  va_start(args, fmt);
  if (why != NULL && why[0] == '\0')   /* the first one */
    vsnprintf(why, size, fmt, args);
  va_end(args);
  return false;
}

/* What the record changes must begin where the one before it ended. */
static void follow(ml_trail *t, const ml_row_history *h, char *why,
                   size_t size) {
  ml_runs run;

  switch (h->told) {
    case ML_TOLD_STARTED:
      if (h->seq != 1)
        trail_break(why, size, "it starts again in record %" PRIu64, h->seq);
      t->status = ML_OPEN;
      t->run = ML_RUN_RUNNING;
      return;
    case ML_TOLD_RUN:
      if (!ml_runs_of(h->text, &run) || t->status != ML_OPEN || t->run == (int)run)
        trail_break(why, size, "record %" PRIu64 " turns its run to '%.*s' from "
                    "%s", h->seq, (int)(h->text.n > 20 ? 20 : h->text.n),
                    h->text.p, t->status == ML_OPEN ? "the same" : "its end");
      else
        t->run = (int)run;
      return;
    case ML_TOLD_COMPLETED: case ML_TOLD_CANCELLED:
      if (t->status != ML_OPEN)
        trail_break(why, size, "record %" PRIu64 " ends it a second time",
                    h->seq);
      t->status = h->told == ML_TOLD_COMPLETED ? ML_COMPLETED : ML_CANCELLED;
      if (h->told == ML_TOLD_COMPLETED)
        t->run = ML_RUN_COMPLETED;
      return;
    case ML_TOLD_REOPENED:
      if (t->status == ML_OPEN)
        trail_break(why, size, "record %" PRIu64 " opens it again, and it is "
                    "open", h->seq);
      t->status = ML_OPEN;
      t->run = -1;
      return;
    case ML_TOLD_MIGRATED: case ML_TOLD_RESET:
      return;
    default:
      return;
  }
}

ml_rc ml_audit_trail(ml_read *r, ml_arena *arena, int64_t n, ml_trail *t,
                     size_t limit, bool *ended, char *why, size_t size) {
  uint64_t first = t->seq;

  if (why != NULL && size > 0)
    why[0] = '\0';
  *ended = false;
  if (t->seq == 0)
    t->status = t->run = -1;
  while (!*ended && t->seq - first < limit) {
    ml_row_history *h;
    size_t count;
    ml_rc rc = ml_read_history(r, arena, n, t->seq, CHUNK, &h, &count);

    if (rc != ML_OK)
      return rc;
    for (size_t i = 0; i < count; i++) {
      if (h[i].seq != t->seq + 1)
        trail_break(why, size, "record %" PRIu64 " follows record %" PRIu64,
                    h[i].seq, t->seq);
      if (t->seq == 0 && h[i].told != ML_TOLD_STARTED)
        trail_break(why, size, "its first record is '%s', not 'started'",
                    ml_told_name(h[i].told));
      if (h[i].seq > t->seq)
        t->seq = h[i].seq;
      follow(t, &h[i], why, size);
    }
    *ended = count < CHUNK;
  }
  return ML_OK;
}

/* false: the piece is full in the middle of it. */
static ml_rc judge_history(court *c, bool *whole) {
  ml_audit *a = c->a;
  const ml_row_process *p = &c->row->p;
  ml_trail t = a->at.trail;
  uint64_t from = t.seq;
  char why[160];
  ml_rc rc = ml_audit_trail(c->r, c->arena, p->n, &t, a->records, whole, why,
                            sizeof why);

  if (rc == ML_CORRUPT) {
    accuse(c, 2, "its history cannot be read behind record %" PRIu64, t.seq);
    *whole = true;
    return ML_OK;
  }
  if (rc != ML_OK)
    return rc;
  a->sums.records += (int64_t)(t.seq - from);
  if (why[0] != '\0')
    accuse(c, 2, "%s", why);
  a->at.trail = *whole ? (ml_trail){0, 0, 0} : t;
  if (!*whole || why[0] != '\0')
    return ML_OK;
  if (t.seq != p->seq)
    accuse(c, 2, "its row stands at %" PRIu64 ", its history ends with record %"
           PRIu64, p->seq, t.seq);
  else if (c->row->odd == NULL && t.status != (int)p->status)
    accuse(c, 2, "its row says %s, its history %s", ml_status_name(p->status),
           t.status >= 0 ? ml_status_name((ml_status)t.status) : "nothing");
  else if (c->row->odd == NULL && t.run >= 0 && t.run != (int)p->run)
    accuse(c, 2, "its row says its run is %s, its history %s",
           ml_runs_name(p->run), ml_runs_name((ml_runs)t.run));
  return ML_OK;
}

/* ---- 7: one state ---- */

static bool is_over(const ml_act *a) {
  return a->aside || a->status == ML_ACT_SUCCESS || a->status == ML_ACT_FAILURE ||
         a->status == ML_ACT_ERROR || a->status == ML_ACT_TERMINATED;
}

static void judge_dates(court *c) {
  const ml_row_process *p = &c->row->p;

  if (p->status == ML_COMPLETED && p->completed_ms == 0)
    accuse(c, 7, "it is COMPLETED, and no moment is kept at which it did");
  else if (p->status == ML_CANCELLED && p->cancelled_ms == 0)
    accuse(c, 7, "it is CANCELLED, and no moment is kept at which it was");
  else if ((p->status == ML_COMPLETED) != (p->run == ML_RUN_COMPLETED))
    accuse(c, 7, "it is %s, and its run is %s", ml_status_name(p->status),
           ml_runs_name(p->run));
}

/* An open one's run is that of its activities together; one that was started
** has begun, also an object, whose flow has no phases: all but one that its
** workflow has stored as New first. */
static void judge_run(court *c) {
  const ml_process *p = c->p;
  ml_acts *acts = ml_arena_alloc(c->arena, (p->act_count + 1) * sizeof *acts);
  size_t n = 0;
  ml_runs run;

  if (acts == NULL) {
    c->starved = true;
    return;
  }
  for (uint32_t i = 0; i < p->act_count; i++)
    if (!p->acts[i].aside)
      acts[n++] = p->acts[i].status;
  run = ml_move_aggregate(acts, n, p->run != ML_RUN_NEW || !c->f->new_first,
                          false);
  for (uint32_t i = 0; i < p->strand_count; i++)
    if (p->strands[i].stuck)
      run = ML_RUN_ERROR;
  if (p->status == ML_OPEN && run != p->run)
    accuse(c, 7, "its run is %s, and its activities come to %s",
           ml_runs_name(p->run), ml_runs_name(run));
  if (p->status != ML_OPEN && p->strand_count + p->act_count > 0)
    accuse(c, 7, "it is %s, and something of it is still going on",
           ml_status_name(p->status));
}

/* ---- 8: what is next ---- */

static bool has_task(const ml_process *p, uint32_t act) {
  for (uint32_t i = 0; i < p->task_count; i++)
    if (p->tasks[i].act == act)
      return true;
  return false;
}

static void judge_wait(court *c, const ml_act *a) {
  bool timed = a->due_ms > 0 || a->limit_ms > 0 || a->give_up_ms > 0;

  switch (a->wait) {
    case ML_WAIT_TASK:
      if (!has_task(c->p, a->no))
        accuse(c, 8, "activity %u waits for a task, and there is none", a->no);
      return;
    case ML_WAIT_RETRY: case ML_WAIT_SLEEP:
      if (!timed)
        accuse(c, 8, "activity %u waits for a moment (%s), and there is none",
               a->no, ml_wait_name(a->wait));
      return;
    case ML_WAIT_ASK:
      if (!timed && !has_task(c->p, a->no))
        accuse(c, 8, "activity %u is to be asked again, and nothing says when",
               a->no);
      return;
    case ML_WAIT_NONE: case ML_WAIT_OPERATOR:
      accuse(c, 8, "activity %u is %s, and waits for nothing", a->no,
             ml_acts_name(a->status));
      return;
    default:
      return;                  /* a script, a call, a signal, a process */
  }
}

/* Its flow has no phases: it waits for whoever writes to it. */
static bool is_object(const ml_flow *f) {
  return f->list_count == 0 || f->lists[0].phase_count == 0;
}

static void judge_next(court *c) {
  const ml_process *p = c->p;
  bool any = is_object(c->f) || p->out_count > 0 || p->next_action_ms > 0 ||
             p->task_count > 0 || p->run == ML_RUN_NEW ||
             p->run == ML_RUN_FAILURE || p->run == ML_RUN_ERROR;

  if (p->status != ML_OPEN || p->deleted)
    return;
  for (uint32_t i = 0; i < p->strand_count; i++)
    any = any || p->strands[i].judging || p->strands[i].stuck;
  for (uint32_t i = 0; i < p->act_count; i++)
    if (!is_over(&p->acts[i])) {
      judge_wait(c, &p->acts[i]);
      any = true;
    }
  if (!any)
    accuse(c, 8, "it is open, and nothing is next");
}

/* The row's `due` is what the packed state says, or nobody will look. */
static void judge_due(court *c) {
  int64_t due = c->row->p.due, next = ml_process_next_ms(c->p);
  bool flying = ml_process_in_flight(c->p);

  if (c->p->deleted)
    return;
  if (!flying && due != next) {
    if (due == 0)
      accuse(c, 8, "it has a moment to come, and its row has none");
    else if (next == 0)
      accuse(c, 8, "its row has a moment or a lease, and nothing of it is timed");
    else
      accuse(c, 8, "its row is due at %" PRId64 ", its next moment is %" PRId64,
             due, next);
  } else if (flying && due >= 0) {
    accuse(c, 8, "something of it is in flight, and its row has no lease");
  }                              /* wherever a lease ends: one too far ahead has
                                    ended for the scan (ml_read_due) */
}

static const ml_row_task *row_of_task(const ml_row_task *rows, size_t n,
                                      uint32_t no) {
  for (size_t i = 0; i < n; i++)
    if (rows[i].no == no && rows[i].status == ML_TASK_OPEN)
      return &rows[i];
  return NULL;
}

static ml_rc judge_tasks(court *c) {
  const ml_process *p = c->p;
  ml_row_task *rows;
  size_t n;
  ml_rc rc = ml_read_tasks_of(c->r, c->arena, p->n, &rows, &n);

  if (rc == ML_CORRUPT) {
    accuse(c, 8, "a row of its tasks cannot be read");
    return ML_OK;
  }
  if (rc != ML_OK)
    return rc;
  for (uint32_t i = 0; i < p->task_count; i++) {
    const ml_task *t = &p->tasks[i];
    const ml_row_task *row = row_of_task(rows, n, t->no);

    if (row == NULL)
      accuse(c, 8, "its open task %u is in no list", t->no);
    else if (row->act != t->act || row->due_ms != t->due_ms ||
             !ml_str_eq(row->assignee, t->assignee))
      accuse(c, 8, "the row of its open task %u says something else", t->no);
  }
  for (size_t i = 0; i < n; i++)
    if (rows[i].status == ML_TASK_OPEN && ml_process_task(p, rows[i].no) == NULL)
      accuse(c, 8, "task %u is listed as open, and it has no such task",
             rows[i].no);
  return ML_OK;
}

static bool has_mail(const ml_process *p, uint32_t no) {
  for (uint32_t i = 0; i < p->mail_count; i++)
    if (p->mails[i].no == no)
      return true;
  return false;
}

static ml_rc judge_mail(court *c) {
  const ml_process *p = c->p;
  ml_row_mail *rows;
  size_t n;
  ml_rc rc = ml_read_mail(c->r, c->arena, p->n, &rows, &n);

  if (rc != ML_OK)
    return rc;
  for (size_t i = 0; i < n; i++)
    if (!has_mail(p, rows[i].no) && p->status == ML_OPEN)
      accuse(c, 8, "it does not know of signal %u, which is kept for it",
             rows[i].no);
  for (uint32_t i = 0; i < p->mail_count; i++) {
    bool there = false;

    for (size_t k = 0; k < n; k++)
      there = there || rows[k].no == p->mails[i].no;
    if (!there)
      accuse(c, 8, "what its signal %u brought is not there", p->mails[i].no);
  }
  return ML_OK;
}

/* Its workflow is not known: because it came a moment ago, or is not there. */
static ml_rc judge_bundle(court *c) {
  const ml_row_process *row = &c->row->p;
  ml_row_bundle b;
  ml_rc rc = ML_NOT_FOUND;

  if (!c->a->whole)
    rc = ml_read_bundle(c->r, c->arena, row->bundle, &b);
  if (rc != ML_NOT_FOUND)
    return rc;
  if (row->status == ML_OPEN && !row->deleted)
    accuse(c, 8, "its bundle %u is not in the store", row->bundle);
  return ML_OK;
}

static ml_rc judge_state(court *c) {
  const ml_row_process *row = &c->row->p;
  ml_process *p;
  ml_rc rc;

  judge_dates(c);
  c->f = c->a->flow != NULL ? c->a->flow(c->a->arg, row->bundle, row->flow_index)
                            : NULL;
  if (c->f == NULL)
    return judge_bundle(c);
  p = process_of_row(c->f, row, &rc);
  if (p == NULL && rc == ML_NOMEM)
    return rc;
  if (p == NULL) {
    accuse(c, 8, "its packed state or its data cannot be read");
    return ML_OK;
  }
  c->p = p;
  judge_run(c);
  judge_next(c);
  judge_due(c);
  rc = judge_tasks(c);
  if (rc == ML_OK)
    rc = judge_mail(c);
  ml_process_free(p);
  return rc;
}

/* ---- a piece ---- */

static void count_row(ml_audit_sums *s, const ml_audit_row *row) {
  const ml_row_process *p = &row->p;

  s->processes++;
  s->deleted += p->deleted;
  if (row->odd == NULL) {
    s->open += p->status == ML_OPEN;
    s->completed += p->status == ML_COMPLETED;
    s->cancelled += p->status == ML_CANCELLED;
    s->incidents += p->run == ML_RUN_FAILURE || p->run == ML_RUN_ERROR;
  }
}

void ml_audit_add(ml_audit_sums *to, const ml_audit_sums *s) {
  to->processes += s->processes;
  to->open += s->open;
  to->completed += s->completed;
  to->cancelled += s->cancelled;
  to->deleted += s->deleted;
  to->incidents += s->incidents;
  to->records += s->records;
  to->found += s->found;
}

static ml_rc judge_one(court *c, bool *whole) {
  ml_rc rc = judge_history(c, whole);

  if (rc != ML_OK || !*whole)
    return rc;
  count_row(&c->a->sums, c->row);
  if (c->row->odd != NULL) {
    accuse(c, 7, "its column '%s' holds %" PRId64 ", which is no such value",
           c->row->odd, c->row->odd_value);
    return ML_OK;
  }
  return judge_state(c);
}

/* History without a process: its row is gone. */
static ml_rc judge_gap(court *c, int64_t from, int64_t to) {
  int64_t n = from;
  ml_rc rc = ml_read_audit_next(c->r, n, &n);

  while (rc == ML_OK && n != 0 && n < to) {
    c->none.p.n = n;
    c->row = &c->none;
    accuse(c, 7, "process number %" PRId64 " has a history and no row", n);
    rc = ml_read_audit_next(c->r, n, &n);
  }
  return rc;
}

/* The lists of one stretch hold as many as the rows say. */
static ml_rc judge_lists(court *c, int64_t lo, int64_t hi,
                         const ml_audit_row *rows, size_t count) {
  int64_t open = 0, incidents = 0, is_open, is_incident;
  ml_rc rc = ml_read_audit_lists(c->r, lo, hi, &is_open, &is_incident);

  for (size_t i = 0; i < count && rows[i].p.n <= hi; i++) {
    const ml_row_process *p = &rows[i].p;
    bool odd = rows[i].odd != NULL;      /* in the list its value says */

    open += !odd && p->status == ML_OPEN && !p->deleted;
    incidents += !odd && (p->run == ML_RUN_FAILURE || p->run == ML_RUN_ERROR);
    if (odd)
      return rc;
  }
  if (rc != ML_OK)
    return rc;
  c->none.p.n = lo + 1;
  c->row = &c->none;
  if (open != is_open)
    accuse(c, 7, "of the processes numbered %" PRId64 " to %" PRId64 ", %" PRId64
           " are open, and %" PRId64 " are listed", lo + 1, hi, open, is_open);
  if (incidents != is_incident)
    accuse(c, 7, "of the processes numbered %" PRId64 " to %" PRId64 ", %" PRId64
           " are incidents, and %" PRId64 " are listed", lo + 1, hi, incidents,
           is_incident);
  return ML_OK;
}

ml_rc ml_audit_piece(ml_audit *a, ml_read *r, ml_arena *arena) {
  court c = {.a = a, .r = r, .arena = arena};
  size_t limit = a->rows > 0 ? a->rows : ML_AUDIT_ROWS, count, i;
  int64_t from = a->at.n;
  int64_t budget;
  ml_audit_row *rows;
  ml_rc rc;

  if (a->records == 0)
    a->records = ML_AUDIT_RECORDS;
  budget = (int64_t)a->records;
  rc = ml_read_audit(r, arena, a->at.n, limit, &rows, &count);
  for (i = 0; rc == ML_OK && i < count && a->sums.records < budget; i++) {
    bool whole = true;

    c.row = &rows[i];
    c.p = NULL;
    rc = judge_gap(&c, a->at.n, rows[i].p.n);
    c.row = &rows[i];
    if (rc == ML_OK)
      rc = judge_one(&c, &whole);
    if (rc != ML_OK || !whole)
      break;
    a->at.n = rows[i].p.n;
  }
  if (rc == ML_OK && a->at.n > from)
    rc = judge_lists(&c, from, a->at.n, rows, count);
  a->over = rc == ML_OK && i == count && count < limit;
  if (a->over)
    rc = judge_gap(&c, a->at.n, INT64_MAX);
  return c.starved ? ML_NOMEM : rc;
}
