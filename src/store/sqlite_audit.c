/* sqlite_audit.c - rows that may be broken: read, and set right. */
#include "store/audit.h"

#include <string.h>

#include "store/sqlite_row.h"

typedef struct Odd {
  ml_cols *c;
  ml_audit_row *row;
} Odd;

/* A column from 0 to max; anything else is odd, and read as 0. */
static uint32_t within(Odd *o, const char *name, uint32_t max) {
  int64_t v = ml_col_i64(o->c);

  if (v >= 0 && v <= (int64_t)max)
    return (uint32_t)v;
  if (o->row->odd == NULL) {
    o->row->odd = name;
    o->row->odd_value = v;
  }
  return 0;
}

static void get_id(Odd *o) {
  bool was = o->c->bad;

  ml_col_bytes(o->c, o->row->p.id, sizeof o->row->p.id);
  if (o->c->bad && !was && o->row->odd == NULL)
    o->row->odd = "id";
  o->c->bad = was;
}

static void get_row(ml_cols *c, void *row) {
  Odd o = {c, row};
  ml_row_process *p = &o.row->p;
  int64_t due, seq;
  bool lease;

  memset(o.row, 0, sizeof *o.row);
  p->n = ml_col_i64(c);
  get_id(&o);
  p->workflow = within(&o, "workflow", UINT32_MAX);
  p->bundle = within(&o, "bundle", UINT32_MAX);
  p->flow_index = (uint16_t)within(&o, "flow_index", UINT16_MAX);
  p->status = (ml_status)within(&o, "status", ML_STATUS_COUNT - 1);
  p->run = (ml_runs)within(&o, "run", ML_RUN_COUNT - 1);
  p->deleted = within(&o, "deleted", 1) != 0;
  seq = ml_col_i64(c);
  p->seq = seq > 0 ? (uint64_t)seq : 0;
  p->created_ms = ml_col_i64(c);
  p->completed_ms = ml_col_i64(c);
  p->cancelled_ms = ml_col_i64(c);
  p->next_action_ms = ml_col_i64(c);
  due = ml_col_i64(c);
  lease = within(&o, "lease", 1) != 0;
  p->due = lease ? -due : due;
  p->parent_n = ml_col_i64(c);
  p->data = ml_col_str(c);
  p->rest = ml_col_str(c);
}

ml_rc ml_read_audit(ml_read *r, ml_arena *a, int64_t after_n, size_t limit,
                    ml_audit_row **out, size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_AUDIT, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, after_n);
  ml_sql_i64(&b, (int64_t)limit);
  return ml_read_list(r, a, &b, sizeof **out, limit, get_row, out, count);
}

static void get_number(ml_cols *c, void *row) {
  *(int64_t *)row = ml_col_i64(c);
}

static ml_rc count_between(ml_read *r, ml_sql id, int64_t lo, int64_t hi,
                           int64_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, id, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, lo);
  ml_sql_i64(&b, hi);
  return ml_read_one(r, NULL, &b, get_number, count);
}

ml_rc ml_read_audit_lists(ml_read *r, int64_t lo, int64_t hi, int64_t *open,
                          int64_t *incidents) {
  int64_t failures = 0, errors = 0;
  ml_rc rc = count_between(r, SQL_AUDIT_OPEN, lo, hi, open);

  if (rc == ML_OK)
    rc = count_between(r, SQL_AUDIT_FAILURES, lo, hi, &failures);
  if (rc == ML_OK)
    rc = count_between(r, SQL_AUDIT_ERRORS, lo, hi, &errors);
  *incidents = failures + errors;
  return rc;
}

ml_rc ml_read_audit_next(ml_read *r, int64_t n, int64_t *next) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_AUDIT_NEXT, &b);

  *next = 0;
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, ml_history_number(n, ML_STORE_HISTORY_MAX));
  rc = ml_read_one(r, NULL, &b, get_number, next);
  return rc == ML_NOT_FOUND ? ML_OK : rc;
}

/* ---- setting right ---- */

void ml_batch_mend(ml_batch *b, const ml_row_mend *r) {
  ml_buf *o = ml_batch_begin(b, OP_MEND);

  if (o == NULL)
    return;
  ml_pack_u64(o, r->status);
  ml_pack_u64(o, r->run);
  ml_pack_u64(o, r->seq);
  ml_pack_i64(o, r->completed_ms);
  ml_pack_i64(o, r->cancelled_ms);
  ml_pack_i64(o, r->due_ms);
  ml_pack_i64(o, r->n);
}

ml_rc ml_apply_mend(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_AUDIT_MEND);

  if (rc != ML_OK)
    return rc;
  row_num(r);                 /* status */
  row_num(r);                 /* run */
  row_num(r);                 /* seq */
  row_opt(r);                 /* completed_ms, cancelled_ms, due */
  row_opt(r);
  row_opt(r);
  row_ms(r);                  /* n */
  return row_step(r);
}
