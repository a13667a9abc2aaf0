/* sqlite_transaction.c - the table of transactions: rows in, rows out, lists. */
#include <string.h>

#include "store/sqlite_row.h"

/* ---- gathering ---- */

void ml_batch_transaction(ml_batch *b, const ml_row_transaction *r) {
  ml_buf *o = ml_batch_begin(b, OP_TX);

  if (o == NULL)
    return;
  ml_pack_i64(o, r->n);
  ml_buf_put(o, r->id, sizeof r->id);
  ml_pack_u64(o, r->state);
  ml_pack_i64(o, r->created_ms);
  ml_pack_i64(o, r->ended_ms);
  ml_pack_i64(o, r->process_n);
  ml_pack_u64(o, r->workflow);
  ml_pack_str(o, r->type);
  ml_pack_str(o, r->tenant);
  ml_pack_str(o, r->rule);
  ml_pack_str(o, r->message);
  ml_pack_str(o, r->who);
  ml_pack_str(o, r->once);
  ml_pack_str(o, r->payload);
}

void ml_batch_transaction_state(ml_batch *b, int64_t n, ml_txs state,
                                int64_t ended_ms, ml_str message) {
  ml_buf *o = ml_batch_begin(b, OP_TX_STATE);

  if (o == NULL)
    return;
  ml_pack_u64(o, state);
  ml_pack_i64(o, ended_ms);
  ml_pack_str(o, message);
  ml_pack_i64(o, n);
}

/* ---- writing ---- */

ml_rc ml_apply_transaction(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_TX_INSERT);

  if (rc != ML_OK)
    return rc;
  row_ms(r);                  /* n */
  row_bytes(r, 16);           /* id */
  row_num(r);                 /* state */
  row_ms(r);                  /* created_ms */
  row_opt(r);                 /* ended_ms, process_n */
  row_opt(r);
  row_opt_num(r);             /* workflow */
  for (int i = 0; i < 7; i++)
    row_text(r);              /* type, tenant, rule, message, who, once, payload */
  return row_step(r);
}

ml_rc ml_apply_transaction_state(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_TX_STATE);

  if (rc != ML_OK)
    return rc;
  row_num(r);                 /* state */
  row_opt(r);                 /* ended_ms */
  row_text(r);                /* message */
  row_ms(r);                  /* n */
  return row_step(r);
}

/* ---- reading ---- */

static void get_transaction(ml_cols *c, void *row) {
  ml_row_transaction *t = row;

  memset(t, 0, sizeof *t);
  t->n = ml_col_i64(c);
  ml_col_bytes(c, t->id, sizeof t->id);
  t->state = (ml_txs)ml_col_u32(c, ML_TX_COUNT - 1);
  t->created_ms = ml_col_i64(c);
  t->ended_ms = ml_col_i64(c);
  t->process_n = ml_col_i64(c);
  t->workflow = ml_col_u32(c, UINT32_MAX);
  t->type = ml_col_str(c);
  t->tenant = ml_col_str(c);
  t->rule = ml_col_str(c);
  t->message = ml_col_str(c);
  t->who = ml_col_str(c);
  t->once = ml_col_str(c);
  t->payload = ml_col_str(c);
}

ml_rc ml_read_transaction(ml_read *r, ml_arena *a, int64_t n,
                          ml_row_transaction *out) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_TX_GET, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, n);
  return ml_read_one(r, a, &b, get_transaction, out);
}

ml_rc ml_read_transaction_of(ml_read *r, ml_arena *a, int64_t process_n,
                             ml_row_transaction *out) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_TX_OF, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, process_n);
  return ml_read_one(r, a, &b, get_transaction, out);
}

/* ---- lists: one index drives, the rest is judged row by row ---- */

static ml_rc find_begin(ml_read *r, const ml_find_transaction *f, ml_bind *b) {
  bool open = f->state >= 0 && f->state != ML_TX_COMPLETED;
  ml_sql id = f->tenant.p != NULL ? SQL_TX_TENANT
              : open ? SQL_TX_OPEN : f->type.p != NULL ? SQL_TX_TYPE
                                                       : SQL_TX_ALL;
  ml_rc rc = ml_read_begin(r, id, b);

  if (rc != ML_OK)
    return rc;
  if (id == SQL_TX_TENANT)
    ml_sql_str(b, f->tenant);
  else if (id == SQL_TX_OPEN)
    ml_sql_i64(b, f->state);
  else if (id == SQL_TX_TYPE)
    ml_sql_str(b, f->type);
  ml_sql_i64(b, f->before_n > 0 ? f->before_n : INT64_MAX);
  return ml_sqlite_rc(b->rc);
}

static bool text_is(sqlite3_stmt *st, int i, ml_str want) {
  const void *p;

  if (want.p == NULL)
    return true;
  p = sqlite3_column_blob(st, i);
  return sqlite3_column_type(st, i) != SQLITE_NULL &&
         (size_t)sqlite3_column_bytes(st, i) == want.n &&
         (want.n == 0 || memcmp(p, want.p, want.n) == 0);
}

/* FIND_TX_COLUMNS: n, state, type, tenant. */
static bool fits(sqlite3_stmt *st, const ml_find_transaction *f) {
  return (f->state < 0 || sqlite3_column_int(st, 1) == f->state) &&
         text_is(st, 2, f->type) && text_is(st, 3, f->tenant);
}

static ml_rc find_page(ml_read *r, const ml_find_transaction *f, int64_t *ns,
                       size_t *count, int64_t *more) {
  size_t seen = 0, n = 0;
  int64_t last = 0;
  ml_bind b = {0};
  ml_rc rc = find_begin(r, f, &b);
  int code = SQLITE_DONE;

  while (rc == ML_OK && (code = sqlite3_step(b.st)) == SQLITE_ROW) {
    last = sqlite3_column_int64(b.st, 0);
    if (fits(b.st, f))
      ns[n++] = last;
    seen++;
    if (n == f->limit || (f->more != NULL && seen >= ML_STORE_SCAN_MAX))
      break;
  }
  if (rc == ML_OK && code != SQLITE_ROW && code != SQLITE_DONE)
    rc = ml_sqlite_rc(sqlite3_extended_errcode(r->c->db));
  sqlite3_reset(b.st);                      /* NULL is allowed */
  *count = n;
  *more = code == SQLITE_ROW ? last : 0;
  return rc;
}

ml_rc ml_read_transactions(ml_read *r, ml_arena *a,
                           const ml_find_transaction *f,
                           ml_row_transaction **out, size_t *count) {
  int64_t *ns = ml_arena_alloc(a, (f->limit + 1) * sizeof *ns), more = 0;
  ml_row_transaction *rows = ml_arena_alloc(a, (f->limit + 1) * sizeof *rows);
  size_t n = 0;
  ml_rc rc = ns != NULL && rows != NULL ? ML_OK : ML_NOMEM;

  if (rc == ML_OK && f->limit > 0)
    rc = find_page(r, f, ns, &n, &more);
  for (size_t i = 0; rc == ML_OK && i < n; i++)
    rc = ml_read_transaction(r, a, ns[i], &rows[i]);
  if (rc != ML_OK)
    return rc;
  *out = rows;
  *count = n;
  if (f->more != NULL)
    *f->more = more;
  return ML_OK;
}

/* ---- what a second one is judged by ---- */

static void get_n(ml_cols *c, void *row) {
  *(int64_t *)row = ml_col_i64(c);
}

ml_rc ml_read_transaction_active(ml_read *r, ml_str tenant, ml_str type,
                                 int64_t before_n, int64_t *n) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_TX_ACTIVE, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_str(&b, tenant);
  ml_sql_str(&b, type);
  ml_sql_i64(&b, before_n);
  return ml_read_one(r, NULL, &b, get_n, n);
}

ml_rc ml_read_transaction_once(ml_read *r, ml_str tenant, ml_str type,
                               ml_str once, int64_t *n) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_TX_ONCE, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_str(&b, tenant);
  ml_sql_str(&b, type);
  ml_sql_str(&b, once);
  return ml_read_one(r, NULL, &b, get_n, n);
}
