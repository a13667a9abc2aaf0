/*
** sqlite_read.c - the reader: jobs with a snapshot, and rows of one process.
**
** A job is one read transaction, begun after the job was handed in; every
** statement is reset before its function returns, so that a snapshot ends with
** its job.  A job that takes longer than ML_STORE_READ_MS gets ML_TIMEOUT for
** whatever it still asks: an open reader keeps the log from being reused.
*/
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite.h"

typedef struct Job {
  ml_job job;              /* first: it is a job */
  ml_read_fn *work;
  ml_read_done_fn *done;
  void *arg;
} Job;

/* ---- jobs ---- */

static int is_late(void *reader) {
  ml_read *r = reader;

  return r->s->clock->mono_ms(r->s->clock) > r->until_ms;
}

static void run_job(ml_store *s, Job *j) {
  ml_read r = {s, ml_store_reader(s), ML_OK,
               s->clock->mono_ms(s->clock) + ML_STORE_READ_MS};

  r.rc = ml_sqlite_rc(ml_link_run(r.c, SQL_BEGIN_READ));
  sqlite3_progress_handler(r.c->db, 20000, is_late, &r);
  j->work(j->arg, &r);
  sqlite3_progress_handler(r.c->db, 0, NULL, NULL);
  if (!sqlite3_get_autocommit(r.c->db))
    ml_link_run(r.c, SQL_ROLLBACK);      /* it only read */
  atomic_fetch_add_explicit(&s->counts.reads, 1, memory_order_relaxed);
}

static void run_inline(ml_store *s, Job *j) {
  ml_jobs one = {NULL, NULL};

  assert(!s->reading);
  s->reading = true;
  run_job(s, j);
  s->reading = false;
  ml_jobs_put(&one, &j->job);
  ml_store_finished(s, &one);
}

void *ml_reader_main(void *store) {
  ml_store *s = store;

  pthread_mutex_lock(&s->mu);
  for (;;) {
    ml_jobs one = {NULL, NULL};
    ml_job *j;

    while (!s->stopping && (s->gate || s->reads.head == NULL))
      pthread_cond_wait(&s->to_read, &s->mu);
    j = ml_jobs_take(&s->reads);
    if (j == NULL)
      break;
    s->in_read = true;
    pthread_mutex_unlock(&s->mu);
    run_job(s, (Job *)j);
    ml_jobs_put(&one, j);
    pthread_mutex_lock(&s->mu);
    s->in_read = false;
    if (s->gate)
      pthread_cond_signal(&s->to_write);
    pthread_mutex_unlock(&s->mu);
    ml_store_finished(s, &one);
    pthread_mutex_lock(&s->mu);
  }
  pthread_mutex_unlock(&s->mu);
  return NULL;
}

ml_rc ml_store_read(ml_store *s, ml_read_fn *work, ml_read_done_fn *done,
                    void *arg) {
  Job *j = ml_mem_zero(sizeof *j);

  if (j == NULL)
    return ML_NOMEM;
  *j = (Job){{NULL, true, false}, work, done, arg};
  s->reads_out++;
  if (!s->threaded) {
    run_inline(s, j);
    return ML_OK;
  }
  pthread_mutex_lock(&s->mu);
  ml_jobs_put(&s->reads, &j->job);
  pthread_cond_signal(&s->to_read);
  pthread_mutex_unlock(&s->mu);
  return ML_OK;
}

void ml_read_done(ml_store *s, ml_job *job) {
  Job *j = (Job *)job;
  Job mine = *j;

  ml_mem_free(j);
  s->reads_out--;
  if (mine.done != NULL)
    mine.done(mine.arg);
}

/* ---- statements and rows ---- */

ml_rc ml_read_begin(ml_read *r, ml_sql id, ml_bind *b) {
  ml_rc rc = r->rc;

  *b = (ml_bind){NULL, 0, SQLITE_OK};
  if (rc == ML_OK && is_late(r))
    rc = ML_TIMEOUT;
  if (rc == ML_OK)
    b->st = ml_link_stmt(r->c, id, &rc);
  return rc;
}

void *ml_read_grow(ml_arena *a, void *list, size_t count, size_t *cap,
                   size_t size) {
  size_t more;
  void *p;

  if (count < *cap)
    return list;
  more = *cap > 0 ? *cap * 2 : 8;
  p = ml_arena_alloc(a, more * size);
  if (p == NULL)
    return NULL;
  if (count > 0)
    memcpy(p, list, count * size);
  *cap = more;
  return p;
}

/* What a step that gave no row meant, or what a row lacked. */
static ml_rc judge(ml_read *r, ml_bind *b, const ml_cols *c, int code) {
  ml_rc rc = ML_OK;

  if (b->rc != SQLITE_OK)
    rc = ml_sqlite_rc(b->rc);
  else if (code != SQLITE_DONE && code != SQLITE_ROW)
    rc = ml_sqlite_rc(sqlite3_extended_errcode(r->c->db));
  else if (c->nomem)
    rc = ML_NOMEM;
  else if (c->bad)
    rc = ML_CORRUPT;
  sqlite3_reset(b->st);
  return rc;
}

ml_rc ml_read_list(ml_read *r, ml_arena *a, ml_bind *b, size_t size,
                   size_t limit, ml_row_fn *fn, void *out, size_t *count) {
  ml_cols c = {b->st, a, 0, false, false};
  size_t n = 0, cap = 0;
  char *list = NULL;
  int code = SQLITE_DONE;
  ml_rc rc;

  while (b->rc == SQLITE_OK && !c.nomem && !c.bad && (limit == 0 || n < limit)) {
    char *more;

    code = sqlite3_step(b->st);
    if (code != SQLITE_ROW)
      break;
    more = ml_read_grow(a, list, n, &cap, size);
    if (more == NULL) {
      c.nomem = true;
      break;
    }
    list = more;
    memset(list + n * size, 0, size);
    c.i = 0;
    fn(&c, list + n * size);
    n++;
  }
  rc = judge(r, b, &c, code);
  if (rc != ML_OK)
    return rc;
  memcpy(out, &list, sizeof list);     /* whatever pointer it is */
  *count = n;
  return ML_OK;
}

ml_rc ml_read_one(ml_read *r, ml_arena *a, ml_bind *b, ml_row_fn *fn,
                  void *row) {
  ml_cols c = {b->st, a, 0, false, false};
  int code = b->rc == SQLITE_OK ? sqlite3_step(b->st) : SQLITE_DONE;
  ml_rc rc;

  if (code == SQLITE_ROW)
    fn(&c, row);
  rc = judge(r, b, &c, code);
  return rc == ML_OK && code != SQLITE_ROW ? ML_NOT_FOUND : rc;
}

/* ---- one process ---- */

static void get_process(ml_cols *c, void *row) {
  ml_row_process *p = row;
  int64_t due, lease;

  memset(p, 0, sizeof *p);
  p->n = ml_col_i64(c);
  ml_col_bytes(c, p->id, sizeof p->id);
  p->workflow = ml_col_u32(c, UINT32_MAX);
  p->bundle = ml_col_u32(c, UINT32_MAX);
  p->flow_index = (uint16_t)ml_col_u32(c, UINT16_MAX);
  p->status = (ml_status)ml_col_u32(c, ML_STATUS_COUNT - 1);
  p->run = (ml_runs)ml_col_u32(c, ML_RUN_COUNT - 1);
  p->deleted = ml_col_u32(c, 1) != 0;
  p->seq = (uint64_t)ml_col_i64(c);
  p->created_ms = ml_col_i64(c);
  p->updated_ms = ml_col_i64(c);
  p->completed_ms = ml_col_i64(c);
  p->cancelled_ms = ml_col_i64(c);
  p->next_action_ms = ml_col_i64(c);
  p->first_assigned_ms = ml_col_i64(c);
  p->last_assigned_ms = ml_col_i64(c);
  due = ml_col_i64(c);
  lease = ml_col_u32(c, 1);
  p->due = lease ? -due : due;
  p->parent_n = ml_col_i64(c);
  p->subject = ml_col_str(c);
  p->state = ml_col_str(c);
  p->assigned_to = ml_col_str(c);
  p->first_assigned_to = ml_col_str(c);
  p->created_by = ml_col_str(c);
  p->data = ml_col_str(c);
  p->rest = ml_col_str(c);
}

ml_rc ml_read_process(ml_read *r, ml_arena *a, int64_t n,
                      ml_row_process *out) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_PROCESS_GET, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, n);
  return ml_read_one(r, a, &b, get_process, out);
}

static void get_journal(ml_cols *c, void *row) {
  ml_row_journal *j = row;

  j->n = ml_col_i64(c);
  j->act = ml_col_u32(c, UINT32_MAX);
  j->call = ml_col_str(c);
  j->kind = (ml_callk)ml_col_u32(c, ML_CALL_COUNT - 1);
  j->attempt = ml_col_u32(c, UINT32_MAX);
  j->place = ml_col_u32(c, UINT32_MAX);
  if (sqlite3_column_type(c->st, c->i) == SQLITE_NULL)
    c->i++;                            /* not compared: zeros */
  else
    ml_col_bytes(c, j->hash, sizeof j->hash);
  j->at_ms = ml_col_i64(c);
  j->answer = ml_col_str(c);
}

static int by_place(const void *a, const void *b) {
  const ml_row_journal *x = a, *y = b;

  if (x->act != y->act)
    return x->act < y->act ? -1 : 1;
  if (x->attempt != y->attempt)
    return x->attempt < y->attempt ? -1 : 1;
  return x->place < y->place ? -1 : x->place > y->place;
}

/* Rows lie in the order of their names; they are wanted in the order in which
** they were made. */
ml_rc ml_read_journal(ml_read *r, ml_arena *a, int64_t n, uint32_t act,
                      ml_row_journal **out, size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, act != 0 ? SQL_JOURNAL_ACT : SQL_JOURNAL_ALL, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, n);
  if (act != 0)
    ml_sql_i64(&b, act);
  rc = ml_read_list(r, a, &b, sizeof **out, 0, get_journal, out, count);
  if (rc == ML_OK && *count > 1)
    qsort(*out, *count, sizeof **out, by_place);
  return rc;
}

void ml_get_comment(ml_cols *c, void *row) {
  ml_row_comment *m = row;

  m->n = ml_col_i64(c);
  m->no = ml_col_u32(c, UINT32_MAX);
  m->at_ms = ml_col_i64(c);
  m->who = ml_col_str(c);
  m->text = ml_col_str(c);
  m->visibility = ml_col_str(c);
  m->edited_ms = ml_col_i64(c);
  m->removed = ml_col_u32(c, 1) != 0;
  m->partner = ml_col_u32(c, UINT32_MAX);
  m->far = ml_col_u32(c, UINT32_MAX);
}

ml_rc ml_read_comments(ml_read *r, ml_arena *a, int64_t n, uint32_t after_no,
                       size_t limit, ml_row_comment **out, size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_COMMENTS, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, n);
  ml_sql_i64(&b, after_no);
  return ml_read_list(r, a, &b, sizeof **out, limit, ml_get_comment, out, count);
}

static void get_no(ml_cols *c, void *row) {
  *(uint32_t *)row = ml_col_u32(c, UINT32_MAX);
}

ml_rc ml_read_comment_last(ml_read *r, int64_t n, uint32_t *no) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_COMMENT_LAST, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, n);
  return ml_read_one(r, NULL, &b, get_no, no);
}

static void get_mail(ml_cols *c, void *row) {
  ml_row_mail *m = row;

  m->n = ml_col_i64(c);
  m->no = ml_col_u32(c, UINT32_MAX);
  m->at_ms = ml_col_i64(c);
  m->name = ml_col_str(c);
  m->data = ml_col_str(c);
}

ml_rc ml_read_mail(ml_read *r, ml_arena *a, int64_t n, ml_row_mail **out,
                   size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_MAIL, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, n);
  return ml_read_list(r, a, &b, sizeof **out, 0, get_mail, out, count);
}

static void get_key(ml_cols *c, void *row) {
  ml_row_key *k = row;

  memset(k, 0, sizeof *k);
  ml_col_bytes(c, k->key, sizeof k->key);
  ml_col_bytes(c, k->body, sizeof k->body);
  k->age_ms = ml_col_i64(c);
  k->status = (int32_t)ml_col_u32(c, INT32_MAX);
  k->answer = ml_col_str(c);
}

ml_rc ml_read_key(ml_read *r, ml_arena *a, const uint8_t key[16],
                  ml_row_key *out) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_KEY_GET, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_blob(&b, key, 16);
  return ml_read_one(r, a, &b, get_key, out);
}
