/*
** mend.c - what the audit accused is set right, one process after the other.
**
** Read what lies there; write the columns that keep it from being loaded, when
** it is not in memory; then one event to the process itself, which makes anew
** what is missing and lets its row be written whole.  Rows beside it that it
** does not know of: a task is closed, a signal is put into its mailbox.
*/
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "run/audit.h"
#include "run/inside.h"
#include "store/audit.h"

typedef struct mending {
  ml_run *r;
  int64_t *ns;
  size_t count, i, mended;
  ml_mend_fn *done;
  void *arg;
  /* of the one at hand */
  ml_arena arena;
  ml_audit_row *row;             /* NULL: there is none */
  ml_trail trail;
  char why[160];                 /* the history is broken */
  ml_row_task *tasks;
  size_t task_count;
  ml_row_mail *mails;
  size_t mail_count;
  ml_process *p;                 /* unpacked as it lies there */
  ml_rc rc;
} mending;

static void next(mending *m);

/* ---- reading ---- */

static void look(void *arg, ml_read *rd) {
  mending *m = arg;
  int64_t n = m->ns[m->i];
  size_t count;
  bool ended;

  m->rc = ml_read_audit(rd, &m->arena, n - 1, 1, &m->row, &count);
  if (m->rc != ML_OK || count == 0 || m->row->p.n != n) {
    m->row = NULL;
    return;
  }
  m->rc = ml_audit_trail(rd, &m->arena, n, &m->trail, SIZE_MAX, &ended, m->why,
                         sizeof m->why);
  if (m->rc == ML_CORRUPT) {
    m->trail.status = m->trail.run = -1;
    m->rc = ML_OK;
  }
  if (m->rc == ML_OK && ml_read_tasks_of(rd, &m->arena, n, &m->tasks,
                                         &m->task_count) != ML_OK)
    m->task_count = 0;
  if (m->rc == ML_OK)
    m->rc = ml_read_mail(rd, &m->arena, n, &m->mails, &m->mail_count);
}

/* ---- rows ---- */

static bool is_busy(const proc *pr) {
  return pr->p == NULL || pr->dirty || pr->flying > 0 || pr->reads > 0;
}

/* What the columns should be; the history knows, else the row. */
static ml_row_mend right(const mending *m) {
  const ml_row_process *p = &m->row->p;
  int64_t now = now_wall(m->r);
  bool odd = m->row->odd != NULL;
  ml_row_mend w = {.n = p->n, .status = p->status, .run = p->run, .seq = p->seq,
                   .completed_ms = p->completed_ms,
                   .cancelled_ms = p->cancelled_ms, .due_ms = now};

  if (m->trail.status >= 0)
    w.status = (ml_status)m->trail.status;
  if (m->trail.run >= 0)
    w.run = (ml_runs)m->trail.run;
  else if (odd)
    w.run = ML_RUN_ERROR;              /* somebody must look */
  if (m->trail.seq > w.seq)
    w.seq = m->trail.seq;
  if (w.status == ML_COMPLETED && w.completed_ms == 0)
    w.completed_ms = now;
  if (w.status == ML_CANCELLED && w.cancelled_ms == 0)
    w.cancelled_ms = now;
  if (w.status == ML_OPEN)
    w.completed_ms = w.cancelled_ms = 0;
  return w;
}

/* Tasks that are listed and that it does not have. */
static void put_orphans(mending *m, ml_batch *b) {
  for (size_t i = 0; m->p != NULL && i < m->task_count; i++) {
    ml_row_task t = m->tasks[i];

    if (t.status != ML_TASK_OPEN || ml_process_task(m->p, t.no) != NULL)
      continue;
    t.status = ML_TASK_CANCELLED;
    t.ended_ms = now_wall(m->r);
    ml_batch_task(b, &t);
  }
}

static void fill(void *arg, ml_batch *b) {
  mending *m = arg;
  ml_row_mend w = right(m);

  if (proc_find(m->r, w.n) == NULL)
    ml_batch_mend(b, &w);
  put_orphans(m, b);
}

/* ---- the process itself ---- */

static void one_over(mending *m, ml_rc rc) {
  char n[24];

  snprintf(n, sizeof n, "%lld", (long long)m->ns[m->i]);
  if (rc == ML_OK) {
    m->mended++;
    m->r->mended++;
  }
  ml_log(rc == ML_OK ? ML_INFO : ML_WARN, "mended", "number", n, "rc",
         ml_rc_name(rc), NULL);
  m->i++;
  next(m);
}

static void told(void *arg, ml_rc rc, const ml_err *e, int status,
                 const ml_buf *out, bool replayed) {
  mending *m = arg;

  (void)e, (void)status, (void)out, (void)replayed;
  one_over(m, rc);
}

static void tell_process(mending *m) {
  ml_input *in = ml_input_new();
  ml_mail *kept = NULL;

  if (in != NULL)
    kept = ml_arena_alloc(&in->arena, (m->mail_count + 1) * sizeof *kept);
  if (kept == NULL) {
    ml_input_free(in);
    one_over(m, ML_NOMEM);
    return;
  }
  for (size_t i = 0; i < m->mail_count; i++)
    kept[i] = (ml_mail){m->mails[i].no, m->mails[i].name};
  in->n = m->row->p.n;
  in->if_seq = -1;
  in->ev.kind = ML_EV_MENDED;
  in->ev.text = ML_STR("set right by the audit");
  in->ev.kept = kept;
  in->ev.kept_count = m->mail_count;
  in->done = told;
  in->arg = m;
  ml_run_put(m->r, in);
}

static void written(void *arg, ml_rc rc, const ml_err *e) {
  mending *m = arg;

  (void)e;
  if (rc != ML_OK)
    one_over(m, rc);
  else
    tell_process(m);
}

static void looked(void *arg) {
  mending *m = arg;
  ml_run *r = m->r;
  const ml_flow *f;
  const proc *pr = proc_find(r, m->ns[m->i]);
  ml_rc rc = m->rc;

  if (rc == ML_OK && m->row == NULL)
    rc = ML_NOT_FOUND;
  if (rc == ML_OK && pr != NULL && is_busy(pr))
    rc = ML_AGAIN;                     /* it is being written just now */
  if (rc == ML_OK) {
    f = ml_run_flow(r, m->row->p.bundle, m->row->p.flow_index);
    m->p = f != NULL ? process_of_row(f, &m->row->p, &rc) : NULL;
    if (m->p == NULL)
      rc = ML_CORRUPT;
  }
  busy_end(r);
  if (rc != ML_OK)
    one_over(m, rc);
  else
    write_quietly(r, fill, written, m);
}

/* ---- the list ---- */

static void forget(mending *m) {
  ml_process_free(m->p);
  ml_arena_free(&m->arena);
  m->p = NULL;
  m->row = NULL;
  m->tasks = NULL;
  m->mails = NULL;
  m->task_count = m->mail_count = 0;
  m->trail = (ml_trail){0, 0, 0};
  m->why[0] = '\0';
}

static void over(mending *m, ml_rc rc) {
  ml_err e = {0};

  if (rc != ML_OK)
    ml_err_set(&e, rc, NULL, "out of memory");
  m->done(m->arg, rc, &e, m->mended);
  forget(m);
  ml_mem_free(m->ns);
  ml_mem_free(m);
}

static void next(mending *m) {
  forget(m);
  if (m->i == m->count) {
    over(m, ML_OK);
    return;
  }
  m->r->busy++;
  if (ml_run_read(m->r, look, looked, m) == ML_OK)
    return;
  busy_end(m->r);
  over(m, ML_NOMEM);
}

void ml_run_mend(ml_run *r, const int64_t *ns, size_t count, ml_mend_fn *done,
                 void *arg) {
  mending *m = ml_mem_zero(sizeof *m);
  ml_err e = {0};

  if (m != NULL)
    m->ns = ml_mem_alloc((count + 1) * sizeof *ns);
  if (m == NULL || m->ns == NULL) {
    ml_mem_free(m);
    done(arg, ML_NOMEM, &e, 0);
    return;
  }
  memcpy(m->ns, ns, count * sizeof *ns);
  m->r = r;
  m->count = count;
  m->done = done;
  m->arg = arg;
  next(m);
}
