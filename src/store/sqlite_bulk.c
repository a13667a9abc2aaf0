/* sqlite_bulk.c - jobs and their entries: gathering, applying, reading. */
#include "store/bulk.h"
#include "store/sqlite_row.h"

static const char *const statuses[ML_ENTRY_STATUSES] = {
  "NOT_STARTED", "SUCCESS", "INVALID", "ERROR", "CANCELLED"};

const char *ml_entrys_name(ml_entrys s) {
  return (unsigned)s < ML_ENTRY_STATUSES ? statuses[s] : "?";
}

bool ml_entrys_of(ml_str s, ml_entrys *out) {
  for (int i = 0; i < ML_ENTRY_STATUSES; i++)
    if (ml_str_is(s, statuses[i])) {
      *out = (ml_entrys)i;
      return true;
    }
  return false;
}

/* ---- gathering ---- */

void ml_batch_job(ml_batch *b, const ml_row_job *r) {
  ml_buf *o = ml_batch_begin(b, OP_JOB);

  if (o == NULL)
    return;
  ml_pack_i64(o, r->no);
  ml_pack_u64(o, r->kind);
  ml_pack_u64(o, r->workflow);
  ml_pack_u64(o, r->total);
  ml_pack_i64(o, r->at_ms);
  ml_pack_i64(o, r->done_ms);
  ml_pack_str(o, r->who);
  ml_pack_str(o, r->team);
}

void ml_batch_job_done(ml_batch *b, int64_t job, int64_t done_ms) {
  ml_buf *o = ml_batch_begin(b, OP_JOB_DONE);

  if (o == NULL)
    return;
  ml_pack_i64(o, done_ms);
  ml_pack_i64(o, job);
}

void ml_batch_job_cancel(ml_batch *b, int64_t job, int64_t at_ms, ml_str who) {
  ml_buf *o = ml_batch_begin(b, OP_JOB_CANCEL);

  if (o == NULL)
    return;
  ml_pack_i64(o, at_ms);
  ml_pack_str(o, who);
  ml_pack_i64(o, job);
}

void ml_batch_entry(ml_batch *b, const ml_row_entry *r) {
  ml_buf *o = ml_batch_begin(b, OP_ENTRY);

  if (o == NULL)
    return;
  ml_pack_i64(o, r->job);
  ml_pack_u64(o, r->no);
  ml_pack_str(o, r->body);
}

void ml_batch_entry_end(ml_batch *b, const ml_row_entry *r) {
  ml_buf *o = ml_batch_begin(b, OP_ENTRY_END);

  if (o == NULL)
    return;
  ml_pack_u64(o, r->status);
  ml_pack_i64(o, r->n);
  ml_pack_str(o, r->why);
  ml_pack_i64(o, r->job);
  ml_pack_u64(o, r->no);
}

/* ---- writing ---- */

ml_rc ml_apply_job(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_JOB_PUT);

  if (rc != ML_OK)
    return rc;
  row_ms(r);                  /* no */
  row_num(r);                 /* kind */
  row_num(r);                 /* workflow */
  row_num(r);                 /* total */
  row_ms(r);                  /* at_ms */
  row_opt(r);                 /* done_ms */
  row_text(r);                /* who, team */
  row_text(r);
  return row_step(r);
}

ml_rc ml_apply_job_done(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_JOB_DONE);

  if (rc != ML_OK)
    return rc;
  row_ms(r);                  /* done_ms */
  row_ms(r);                  /* no */
  return row_step(r);
}

ml_rc ml_apply_job_cancel(ml_feed *r) {
  int64_t at_ms = ml_unpack_i64(r->in);
  ml_str who = ml_unpack_str(r->in);
  int64_t job = ml_unpack_i64(r->in);
  ml_rc rc = row_begin(r, SQL_JOB_CANCEL);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&r->b, at_ms);
  ml_sql_str(&r->b, who);
  ml_sql_i64(&r->b, job);
  rc = row_step(r);
  if (rc == ML_OK && sqlite3_changes(r->c->db) == 0)
    return ML_STALE;
  if (rc == ML_OK)
    rc = row_begin(r, SQL_ENTRIES_CANCEL);
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&r->b, ML_ENTRY_CANCELLED);
  ml_sql_i64(&r->b, job);
  return row_step(r);
}

ml_rc ml_apply_entry(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_ENTRY_PUT);

  if (rc != ML_OK)
    return rc;
  row_ms(r);                  /* job */
  row_num(r);                 /* no */
  row_text(r);                /* body */
  return row_step(r);
}

ml_rc ml_apply_entry_end(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_ENTRY_END);

  if (rc != ML_OK)
    return rc;
  row_num(r);                 /* status */
  row_opt(r);                 /* n */
  row_text(r);                /* why */
  row_ms(r);                  /* job */
  row_num(r);                 /* no */
  rc = row_step(r);
  return rc == ML_OK && sqlite3_changes(r->c->db) == 0 ? ML_STALE : rc;
}

/* ---- reading ---- */

static void get_job(ml_cols *c, void *row) {
  ml_row_job *j = row;

  *j = (ml_row_job){.no = ml_col_i64(c)};
  j->kind = (ml_jobk)ml_col_u32(c, ML_JOB_KINDS - 1);
  j->workflow = ml_col_u32(c, UINT32_MAX);
  j->total = ml_col_u32(c, UINT32_MAX);
  j->at_ms = ml_col_i64(c);
  j->done_ms = ml_col_i64(c);
  j->who = ml_col_str(c);
  j->team = ml_col_str(c);
  j->cancelled_by = ml_col_str(c);
}

ml_rc ml_read_job(ml_read *r, ml_arena *a, int64_t no, ml_row_job *out) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_JOB_GET, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, no);
  return ml_read_one(r, a, &b, get_job, out);
}

ml_rc ml_read_job_open(ml_read *r, ml_arena *a, ml_row_job *out) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_JOB_OPEN, &b);

  return rc == ML_OK ? ml_read_one(r, a, &b, get_job, out) : rc;
}

static void get_entry(ml_cols *c, void *row) {
  ml_row_entry *e = row;

  *e = (ml_row_entry){.job = ml_col_i64(c)};
  e->no = ml_col_u32(c, UINT32_MAX);
  e->status = (ml_entrys)ml_col_u32(c, ML_ENTRY_STATUSES - 1);
  e->n = ml_col_i64(c);
  e->body = ml_col_str(c);
  e->why = ml_col_str(c);
}

ml_rc ml_read_entries(ml_read *r, ml_arena *a, int64_t job, int status,
                      uint32_t after_no, size_t limit, ml_row_entry **out,
                      size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, status < 0 ? SQL_ENTRIES : SQL_ENTRIES_OF, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, job);
  if (status >= 0)
    ml_sql_i64(&b, status);
  ml_sql_i64(&b, after_no);
  ml_sql_i64(&b, (int64_t)limit);
  return ml_read_list(r, a, &b, sizeof **out, limit, get_entry, out, count);
}

static void get_count(ml_cols *c, void *row) {
  *(int64_t *)row = ml_col_i64(c);
}

ml_rc ml_read_entry_counts(ml_read *r, int64_t job,
                           int64_t counts[ML_ENTRY_STATUSES]) {
  ml_rc rc = ML_OK;

  for (int i = 0; i < ML_ENTRY_STATUSES && rc == ML_OK; i++) {
    ml_bind b;

    rc = ml_read_begin(r, SQL_ENTRY_COUNT, &b);
    if (rc != ML_OK)
      break;
    ml_sql_i64(&b, job);
    ml_sql_i64(&b, i);
    rc = ml_read_one(r, NULL, &b, get_count, &counts[i]);
  }
  return rc;
}
