/*
** sqlite_history.c - reading packed history rows (written by sqlite_batch.c).
**
** A row holds the records seq, seq + 1, ... of one process.  Reading after a
** number begins with the pack that may hold the next one and skips what comes
** before it.
*/

#include "store/sqlite.h"

/* One stored row, unpacked record by record. */
typedef struct Pack {
  uint64_t seq;           /* of the next record */
  int64_t at_ms;          /* of the last one */
  ml_unpack in;
} Pack;

typedef struct List {
  ml_arena *a;
  ml_row_history *rows;
  size_t count, cap, limit;
} List;

static bool open_pack(Pack *p, uint64_t seq, const void *bytes, size_t n) {
  *p = (Pack){seq, 0, ml_unpack_of(bytes, n)};
  return ml_unpack_u32(&p->in, 255) == ML_PACK_VERSION && seq > 0;
}

static void next_record(Pack *p, int64_t n, ml_row_history *h) {
  h->n = n;
  h->seq = p->seq++;
  h->at_ms = p->at_ms += ml_unpack_i64(&p->in);
  h->told = (ml_told)ml_unpack_u32(&p->in, ML_TOLD_COUNT - 1);
  h->no = ml_unpack_u32(&p->in, UINT32_MAX);
  h->name = ml_unpack_str(&p->in);
  h->who = ml_unpack_str(&p->in);
  h->text = ml_unpack_str(&p->in);
  h->data = ml_unpack_str(&p->in);
}

static bool keep(ml_arena *a, ml_str *s) {
  if (s->p != NULL)
    s->p = ml_arena_dup(a, s->p, s->n);
  else
    return true;
  return s->p != NULL;
}

static ml_rc add(List *l, ml_row_history h) {
  ml_row_history *rows = ml_read_grow(l->a, l->rows, l->count, &l->cap,
                                      sizeof *rows);

  if (rows == NULL || !keep(l->a, &h.name) || !keep(l->a, &h.who) ||
      !keep(l->a, &h.text) || !keep(l->a, &h.data))
    return ML_NOMEM;
  l->rows = rows;
  l->rows[l->count++] = h;
  return ML_OK;
}

/* The records of one row that come after `after`, as far as the limit goes. */
static ml_rc add_pack(List *l, int64_t n, uint64_t after, sqlite3_stmt *st) {
  Pack p;
  ml_rc rc = ML_OK;

  if (!open_pack(&p, (uint64_t)sqlite3_column_int64(st, 0),
                 sqlite3_column_blob(st, 1),
                 (size_t)sqlite3_column_bytes(st, 1)))
    return ML_CORRUPT;
  while (rc == ML_OK && l->count < l->limit && !ml_unpack_end(&p.in)) {
    ml_row_history h;

    next_record(&p, n, &h);
    if (p.in.bad)
      return ML_CORRUPT;
    if (h.seq > after)
      rc = add(l, h);
  }
  return rc;
}

static void get_seq(ml_cols *c, void *row) {
  *(int64_t *)row = ml_col_i64(c);
}

/* First record of the pack to begin with. */
static ml_rc first_pack(ml_read *r, int64_t n, uint64_t after, int64_t *seq) {
  ml_bind b;
  ml_rc rc;

  *seq = 0;
  if (after >= ML_STORE_HISTORY_MAX) {
    *seq = ML_STORE_HISTORY_MAX;
    return ML_OK;
  }
  rc = ml_read_begin(r, SQL_HISTORY_FROM, &b);
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, ml_history_number(n, 0));
  ml_sql_i64(&b, ml_history_number(n, after + 1));
  rc = ml_read_one(r, NULL, &b, get_seq, seq);
  return rc == ML_NOT_FOUND ? ML_OK : rc;
}

ml_rc ml_read_history(ml_read *r, ml_arena *a, int64_t n, uint64_t after_seq,
                      size_t limit, ml_row_history **out, size_t *count) {
  List l = {a, NULL, 0, 0, limit > 0 ? limit : SIZE_MAX};
  int64_t from;
  ml_bind b;
  ml_rc rc = ML_OK;

  if (n < 0 || n > ML_HISTORY_N_MAX) {
    *out = NULL;
    *count = 0;
    return ML_OK;              /* no such process */
  }
  rc = first_pack(r, n, after_seq, &from);
  if (rc == ML_OK)
    rc = ml_read_begin(r, SQL_HISTORY_AFTER, &b);
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, ml_history_number(n, (uint64_t)from));
  ml_sql_i64(&b, ml_history_number(n, ML_STORE_HISTORY_MAX));
  rc = ml_sqlite_rc(b.rc);
  while (rc == ML_OK && l.count < l.limit) {
    int code = sqlite3_step(b.st);

    if (code == SQLITE_DONE)
      break;
    rc = code == SQLITE_ROW
             ? add_pack(&l, n, after_seq, b.st)
             : ml_sqlite_rc(sqlite3_extended_errcode(r->c->db));
  }
  sqlite3_reset(b.st);
  if (rc != ML_OK)
    return rc;
  *out = l.rows;
  *count = l.count;
  return ML_OK;
}
