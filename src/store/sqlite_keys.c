/*
** sqlite_keys.c - the registry of primary keys, filling in those of older
** processes, and their clashes.
**
** What is no longer a key leaves before a new one is filled: rows of `taken` go
** by the field's id, and one that comes back must not find old ones.
*/
#include <string.h>

#include "model/process.h"
#include "store/keys.h"
#include "store/sqlite_row.h"

/* ---- gathering ---- */

void ml_batch_key_set(ml_batch *b, uint32_t workflow, ml_str field) {
  ml_buf *o = ml_batch_begin(b, OP_KEY_SET);

  if (o == NULL)
    return;
  ml_pack_u64(o, workflow);
  ml_pack_str(o, field);
}

void ml_batch_key_fill(ml_batch *b, size_t limit) {
  ml_buf *o = ml_batch_begin(b, OP_KEY_FILL);

  if (o != NULL)
    ml_pack_u64(o, limit);
}

void ml_batch_key_take(ml_batch *b, uint32_t workflow, ml_str field,
                       ml_str value, int64_t n) {
  ml_buf *o = ml_batch_begin(b, OP_KEY_TAKE);

  if (o == NULL)
    return;
  ml_pack_u64(o, workflow);
  ml_pack_str(o, field);
  ml_pack_str(o, value);
  ml_pack_i64(o, n);
}

/* ---- statements ---- */

/* One statement about a key: its workflow, its field, then what else. */
static ml_rc begin_of(ml_feed *r, ml_sql id, uint32_t workflow, ml_str field) {
  ml_rc rc = row_begin(r, id);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&r->b, workflow);
  ml_sql_str(&r->b, field);
  return ML_OK;
}

static ml_rc put_clash(ml_feed *r, uint32_t workflow, ml_str field,
                       ml_str value, int64_t n) {
  ml_rc rc = begin_of(r, SQL_CLASH_PUT, workflow, field);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&r->b, n);
  ml_sql_str(&r->b, value);
  return row_step(r);
}

ml_rc ml_key_settle(ml_feed *r, uint32_t workflow, ml_str field, int64_t n) {
  ml_rc rc = begin_of(r, SQL_CLASH_DROP, workflow, field);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&r->b, n);
  return row_step(r);
}

/* Its own already counts as taken. */
static ml_rc take(ml_feed *r, uint32_t workflow, ml_str field, ml_str value,
                  int64_t n) {
  ml_rc rc = begin_of(r, SQL_UNIQUE_PUT, workflow, field);

  if (rc != ML_OK)
    return rc;
  ml_sql_str(&r->b, value);
  ml_sql_i64(&r->b, n);
  rc = row_step(r);
  if (rc == ML_OK && sqlite3_changes(r->c->db) == 0)
    return put_clash(r, workflow, field, value, n);
  return rc == ML_OK ? ml_key_settle(r, workflow, field, n) : rc;
}

/* The first of those that wanted what was given up. */
ml_rc ml_key_pass_on(ml_feed *r, uint32_t workflow, ml_str field,
                     ml_str value) {
  int64_t n = 0;
  int code;
  ml_rc rc = begin_of(r, SQL_CLASH_NEXT, workflow, field);

  if (rc != ML_OK)
    return rc;
  ml_sql_str(&r->b, value);
  code = r->b.rc == SQLITE_OK ? sqlite3_step(r->b.st) : r->b.rc;
  if (code == SQLITE_ROW)
    n = sqlite3_column_int64(r->b.st, 0);
  else if (code != SQLITE_DONE)
    rc = ml_sqlite_rc(r->b.rc != SQLITE_OK
                          ? r->b.rc : sqlite3_extended_errcode(r->c->db));
  sqlite3_reset(r->b.st);
  return rc == ML_OK && n != 0 ? take(r, workflow, field, value, n) : rc;
}

ml_rc ml_apply_key_take(ml_feed *r) {
  uint32_t workflow = ml_unpack_u32(r->in, UINT32_MAX);
  ml_str field = ml_unpack_str(r->in), value = ml_unpack_str(r->in);
  int64_t n = ml_unpack_i64(r->in);

  return r->in->bad ? ML_CORRUPT : take(r, workflow, field, value, n);
}

/* ---- the registry ---- */

static void get_field(ml_cols *c, void *row) {
  ml_key_field *f = row;

  f->no = ml_col_u32(c, UINT32_MAX);
  f->workflow = ml_col_u32(c, UINT32_MAX);
  f->field = ml_col_str(c);
  f->done = ml_col_i64(c);
  f->last = ml_col_i64(c);
  f->gone = ml_col_u32(c, 1) != 0;
}

/* The registry as the writer sees it, in the arena. */
static ml_rc registry(ml_feed *r, ml_arena *a, ml_key_field **out,
                      size_t *count) {
  ml_key_field *list = NULL;
  size_t cap = 0;
  int code = SQLITE_ROW;
  ml_rc rc;
  sqlite3_stmt *st = ml_link_stmt(r->c, SQL_KEY_FIELDS, &rc);

  *count = 0;
  if (st == NULL)
    return rc;
  while (rc == ML_OK && (code = sqlite3_step(st)) == SQLITE_ROW) {
    ml_cols cols = {st, a, 0, false, false};

    list = ml_read_grow(a, list, *count, &cap, sizeof *list);
    if (list == NULL) {
      rc = ML_NOMEM;
      break;
    }
    get_field(&cols, &list[(*count)++]);
    rc = cols.nomem ? ML_NOMEM : cols.bad ? ML_CORRUPT : ML_OK;
  }
  if (rc == ML_OK && code != SQLITE_DONE)
    rc = ml_sqlite_rc(sqlite3_extended_errcode(r->c->db));
  sqlite3_reset(st);
  *out = list;
  return rc;
}

static ml_rc of_no(ml_feed *r, ml_sql id, uint32_t no) {
  ml_rc rc = row_begin(r, id);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&r->b, no);
  return row_step(r);
}

ml_rc ml_apply_key_set(ml_feed *r) {
  uint32_t workflow = ml_unpack_u32(r->in, UINT32_MAX);
  ml_str field = ml_unpack_str(r->in);
  ml_key_field *list = NULL;
  ml_arena a = {0};
  size_t count;
  bool there = field.p == NULL;
  ml_rc rc = r->in->bad ? ML_CORRUPT : registry(r, &a, &list, &count);

  for (size_t i = 0; rc == ML_OK && i < count; i++) {
    if (list[i].workflow != workflow || list[i].gone)
      continue;
    if (ml_str_eq(list[i].field, field))
      there = true;
    else
      rc = of_no(r, SQL_KEY_GONE, list[i].no);
  }
  if (rc == ML_OK && !there) {
    rc = begin_of(r, SQL_KEY_FIELD_PUT, workflow, field);
    if (rc == ML_OK)
      rc = row_step(r);
  }
  ml_arena_free(&a);
  return rc;
}

/* ---- filling ---- */

/* The value of a member of the data, as it stands there; none. */
static ml_rc member(ml_str data, ml_str id, ml_str *out) {
  ml_jread r;
  ml_jtok tok;
  ml_rc rc = ML_OK;

  *out = ML_NOSTR;
  ml_jread_init(&r, data.p, data.n, NULL);
  tok = ml_jread_next(&r);
  while (tok != ML_JT_ERROR && (tok = ml_jread_next(&r)) == ML_JT_KEY) {
    bool it = ml_str_eq(r.str, id);
    uint32_t depth = r.depth;
    size_t from = ml_jread_offset(&r);

    tok = ml_jread_next(&r);
    while (r.depth > depth && tok != ML_JT_ERROR)
      tok = ml_jread_next(&r);
    while (from < data.n && (data.p[from] == ':' || data.p[from] == ' '))
      from++;
    if (it && tok != ML_JT_ERROR && tok != ML_JT_NULL)
      *out = (ml_str){data.p + from, ml_jread_offset(&r) - from};
  }
  if (tok == ML_JT_ERROR)
    rc = r.nomem ? ML_NOMEM : ML_CORRUPT;
  ml_jread_done(&r);
  return rc;
}

static ml_str column(sqlite3_stmt *st, int i) {
  ml_str s = {sqlite3_column_blob(st, i), 0};

  s.n = (size_t)sqlite3_column_bytes(st, i);
  return s.p != NULL ? s : ML_NOSTR;
}

static ml_rc fill_one(ml_feed *r, const ml_key_field *f, sqlite3_stmt *st,
                      int64_t n) {
  ml_object o;
  ml_buf key = {0};
  ml_str value;
  ml_rc rc = member(column(st, 2), f->field, &value);

  if (rc != ML_OK || value.p == NULL)
    return rc;
  ml_process_peek(column(st, 3), &o);
  ml_object_key(&key, o.team, value);
  rc = key.bad ? ML_NOMEM
               : take(r, f->workflow, f->field, (ml_str){key.p, key.len}, n);
  ml_buf_free(&key);
  return rc;
}

/* Rows behind done: at most `limit` of the workflow, ten times as many in all. */
static ml_rc fill_rows(ml_feed *r, const ml_key_field *f, size_t limit,
                       int64_t *upto) {
  size_t filled = 0, seen = 0;
  int code = SQLITE_DONE;
  ml_rc rc = row_begin(r, SQL_KEY_FILL);
  ml_bind b = r->b;              /* r->b is for what is written meanwhile */

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, f->done);
  ml_sql_i64(&b, f->last);
  rc = ml_sqlite_rc(b.rc);
  while (rc == ML_OK && filled < limit && seen < 10 * limit &&
         (code = sqlite3_step(b.st)) == SQLITE_ROW) {
    *upto = sqlite3_column_int64(b.st, 0);
    seen++;
    if (sqlite3_column_int64(b.st, 1) != f->workflow)
      continue;
    rc = fill_one(r, f, b.st, *upto);
    filled++;
  }
  if (rc == ML_OK && code == SQLITE_DONE)
    *upto = f->last;
  else if (rc == ML_OK && code != SQLITE_ROW)
    rc = ml_sqlite_rc(sqlite3_extended_errcode(r->c->db));
  sqlite3_reset(b.st);
  return rc;
}

static ml_rc fill_field(ml_feed *r, const ml_key_field *f, size_t limit) {
  int64_t upto = f->last;
  ml_rc rc = fill_rows(r, f, limit, &upto);

  if (rc == ML_OK)
    rc = row_begin(r, SQL_KEY_DONE);
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&r->b, upto);
  ml_sql_i64(&r->b, f->no);
  return row_step(r);
}

static ml_rc empty_table(ml_feed *r, ml_sql id, const ml_key_field *f,
                         size_t limit, bool *empty) {
  ml_rc rc = begin_of(r, id, f->workflow, f->field);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&r->b, (int64_t)limit);
  rc = row_step(r);
  *empty = sqlite3_changes(r->c->db) == 0;
  return rc;
}

static ml_rc empty_field(ml_feed *r, const ml_key_field *f, size_t limit) {
  bool empty = false;
  ml_rc rc = empty_table(r, SQL_CLASH_EMPTY, f, limit, &empty);

  if (rc == ML_OK && empty)
    rc = empty_table(r, SQL_KEY_EMPTY, f, limit, &empty);
  return rc == ML_OK && empty ? of_no(r, SQL_KEY_FIELD_DROP, f->no) : rc;
}

/* What leaves goes first: see above. */
ml_rc ml_apply_key_fill(ml_feed *r) {
  uint64_t limit = ml_unpack_u64(r->in);
  const ml_key_field *next = NULL;
  ml_key_field *list = NULL;
  ml_arena a = {0};
  size_t count;
  ml_rc rc = r->in->bad ? ML_CORRUPT : registry(r, &a, &list, &count);

  for (size_t i = 0; rc == ML_OK && i < count; i++)
    if ((list[i].gone || list[i].done < list[i].last) &&
        (next == NULL || (list[i].gone && !next->gone)))
      next = &list[i];
  if (rc == ML_OK && next != NULL)
    rc = next->gone ? empty_field(r, next, limit) : fill_field(r, next, limit);
  ml_arena_free(&a);
  return rc;
}

/* ---- reading ---- */

ml_rc ml_read_key_fields(ml_read *r, ml_arena *a, ml_key_field **out,
                         size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_KEY_FIELDS, &b);

  return rc == ML_OK ? ml_read_list(r, a, &b, sizeof **out, 0, get_field, out,
                                    count)
                     : rc;
}

ml_rc ml_read_key_field(ml_read *r, ml_arena *a, uint32_t workflow,
                        ml_str field, ml_key_field *out) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_KEY_FIELD_GET, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, workflow);
  ml_sql_str(&b, field);
  return ml_read_one(r, a, &b, get_field, out);
}

static void get_i64(ml_cols *c, void *row) {
  *(int64_t *)row = ml_col_i64(c);
}

/* Not kept yet: complete when there is no process at all. */
ml_rc ml_read_key_complete(ml_read *r, uint32_t workflow, ml_str field,
                           bool *out) {
  ml_arena a = {0};
  ml_key_field f;
  int64_t last = 0;
  ml_bind b;
  ml_rc rc = ml_read_key_field(r, &a, workflow, field, &f);

  ml_arena_free(&a);
  *out = rc == ML_OK && f.done >= f.last;
  if (rc != ML_NOT_FOUND)
    return rc;
  rc = ml_read_begin(r, SQL_LAST_N, &b);
  if (rc == ML_OK)
    rc = ml_read_one(r, NULL, &b, get_i64, &last);
  *out = rc == ML_OK && last == 0;
  return rc;
}

static void get_clash(ml_cols *c, void *row) {
  ml_key_clash *k = row;

  k->n = ml_col_i64(c);
  k->value = ml_col_str(c);
  k->holder = ml_col_i64(c);
}

ml_rc ml_read_key_clashes(ml_read *r, ml_arena *a, uint32_t workflow,
                          ml_str field, int64_t after_n, size_t limit,
                          ml_key_clash **out, size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_CLASHES, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, workflow);
  ml_sql_str(&b, field);
  ml_sql_i64(&b, after_n);
  ml_sql_i64(&b, (int64_t)limit);
  return ml_read_list(r, a, &b, sizeof **out, limit, get_clash, out, count);
}
