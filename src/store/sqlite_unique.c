/*
** sqlite_unique.c - values that one process of a workflow has at a time:
** putting, giving up, and finding the process by its value.
*/
#include "store/sqlite_row.h"

static void gather(ml_batch *b, ml_op op, uint32_t workflow, ml_str field,
                   ml_str value, int64_t n) {
  ml_buf *o = ml_batch_begin(b, op);

  if (o == NULL)
    return;
  ml_pack_u64(o, workflow);
  ml_pack_str(o, field);
  ml_pack_str(o, value);
  ml_pack_i64(o, n);
}

void ml_batch_unique(ml_batch *b, uint32_t workflow, ml_str field,
                     ml_str value, int64_t n) {
  gather(b, OP_UNIQUE, workflow, field, value, n);
}

void ml_batch_unique_drop(ml_batch *b, uint32_t workflow, ml_str field,
                          ml_str value, int64_t n) {
  gather(b, OP_UNIQUE_DROP, workflow, field, value, n);
}

static ml_rc apply(ml_feed *r, ml_sql id) {
  ml_rc rc = row_begin(r, id);

  if (rc != ML_OK)
    return rc;
  row_num(r);              /* workflow */
  row_text(r);             /* field */
  row_text(r);             /* value */
  row_ms(r);               /* n */
  return row_step(r);
}

/* The statement changes nothing when another process has the value. */
ml_rc ml_apply_unique(ml_feed *r) {
  ml_rc rc = apply(r, SQL_UNIQUE_PUT);

  if (rc == ML_OK && sqlite3_changes(r->c->db) == 0)
    rc = ML_EXISTS;
  return rc;
}

ml_rc ml_apply_unique_drop(ml_feed *r) {
  return apply(r, SQL_UNIQUE_DROP);
}

static void get_n(ml_cols *c, void *row) {
  *(int64_t *)row = ml_col_i64(c);
}

ml_rc ml_read_unique(ml_read *r, uint32_t workflow, ml_str field,
                     ml_str value, int64_t *n) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_UNIQUE_GET, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, workflow);
  ml_sql_str(&b, field);
  ml_sql_str(&b, value);
  return ml_read_one(r, NULL, &b, get_n, n);
}

ml_rc ml_read_by_key(ml_read *r, ml_arena *a, uint32_t workflow, ml_str field,
                     ml_str value, ml_row_process *out) {
  int64_t n;
  ml_rc rc = ml_read_unique(r, workflow, field, value, &n);

  return rc == ML_OK ? ml_read_process(r, a, n, out) : rc;
}
