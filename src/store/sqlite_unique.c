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

typedef struct taken {
  uint32_t workflow;
  ml_str field, value;
  int64_t n;
  bool changed;
} taken;

static ml_rc apply(ml_feed *r, ml_sql id, taken *t) {
  ml_rc rc = row_begin(r, id);

  t->workflow = ml_unpack_u32(r->in, UINT32_MAX);
  t->field = ml_unpack_str(r->in);
  t->value = ml_unpack_str(r->in);
  t->n = ml_unpack_i64(r->in);
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&r->b, t->workflow);
  ml_sql_str(&r->b, t->field);
  ml_sql_str(&r->b, t->value);
  ml_sql_i64(&r->b, t->n);
  rc = row_step(r);
  t->changed = rc == ML_OK && sqlite3_changes(r->c->db) > 0;
  return rc;
}

/* The statement changes nothing when another process has the value. */
ml_rc ml_apply_unique(ml_feed *r) {
  taken t;
  ml_rc rc = apply(r, SQL_UNIQUE_PUT, &t);

  if (rc == ML_OK && !t.changed)
    return ML_EXISTS;
  return rc == ML_OK ? ml_key_settle(r, t.workflow, t.field, t.n) : rc;
}

ml_rc ml_apply_unique_drop(ml_feed *r) {
  taken t;
  ml_rc rc = apply(r, SQL_UNIQUE_DROP, &t);

  if (rc == ML_OK && t.changed)
    rc = ml_key_pass_on(r, t.workflow, t.field, t.value);
  else if (rc == ML_OK)          /* it never had it */
    rc = ml_key_settle(r, t.workflow, t.field, t.n);
  return rc;
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
