/* sqlite_quarantine.c - marks on bundles: put, taken away, read whole. */
#include "store/sqlite_row.h"

void ml_batch_quarantine(ml_batch *b, uint32_t bundle, int64_t at_ms) {
  ml_buf *o = ml_batch_begin(b, OP_QUARANTINE);

  if (o == NULL)
    return;
  ml_pack_i64(o, at_ms);
  ml_pack_u64(o, bundle);
}

ml_rc ml_apply_quarantine(ml_feed *r) {
  int64_t at_ms = ml_unpack_i64(r->in);
  ml_rc rc = row_begin(r, at_ms > 0 ? SQL_QUARANTINE_PUT
                                    : SQL_QUARANTINE_DROP);

  if (rc != ML_OK)
    return rc;
  row_num(r);                 /* bundle */
  if (at_ms > 0)
    ml_sql_i64(&r->b, at_ms);
  return row_step(r);
}

static void get(ml_cols *c, void *row) {
  ml_row_quarantine *q = row;

  q->bundle = ml_col_u32(c, UINT32_MAX);
  q->at_ms = ml_col_i64(c);
}

ml_rc ml_read_quarantines(ml_read *r, ml_arena *a, ml_row_quarantine **out,
                          size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_QUARANTINES, &b);

  return rc == ML_OK ? ml_read_list(r, a, &b, sizeof **out, 0, get, out, count)
                     : rc;
}
