/*
** sqlite_index.c - keeping the index of search fields: a process's entries go
** with its row, so nobody who writes one has to think of them.
**
** An entry is made from the row as it is stored: before an update the old
** values are read, after it the new ones, and only what differs is written.
** The same statement reads both, and the pieces of a filling, so all agree.
*/
#include <string.h>

#include "store/sqlite_index.h"

struct ml_index {
  bool known;
  ml_arena names;                /* of the fields */
  ml_search_field *fields;
  ml_column *cols;               /* beside fields */
  size_t count;
  ml_arena turn;                 /* of the process at hand */
};

void ml_index_free(ml_index *x) {
  if (x == NULL)
    return;
  ml_arena_free(&x->names);
  ml_arena_free(&x->turn);
  ml_mem_free(x);
}

void ml_index_forget(ml_link *c) {
  if (c->index != NULL)
    c->index->known = false;
}

/* ---- values and rows ---- */

static const char none[] = "\xff";             /* behind every value */

void ml_sql_skey(ml_bind *b, const ml_skey *k) {
  switch (k->cls) {
  case ML_SKEY_INT: ml_sql_i64(b, k->i); break;
  case ML_SKEY_REAL: ml_sql_real(b, k->d); break;
  case ML_SKEY_TEXT: ml_sql_str(b, k->s); break;
  case ML_SKEY_DECIMAL: ml_sql_blob(b, k->s.p, k->s.n); break;
  default: ml_sql_blob(b, none, 1); break;
  }
}

void ml_col_skey(sqlite3_stmt *st, int i, ml_skey *k) {
  switch (sqlite3_column_type(st, i)) {
  case SQLITE_INTEGER:
    *k = (ml_skey){.cls = ML_SKEY_INT, .i = sqlite3_column_int64(st, i)};
    return;
  case SQLITE_FLOAT:
    *k = (ml_skey){.cls = ML_SKEY_REAL, .d = sqlite3_column_double(st, i)};
    return;
  case SQLITE_TEXT:
    *k = (ml_skey){.cls = ML_SKEY_TEXT};
    break;
  default:
    *k = (ml_skey){.cls = ML_SKEY_DECIMAL};
    break;
  }
  k->s.p = sqlite3_column_blob(st, i);
  k->s.n = (size_t)sqlite3_column_bytes(st, i);
  if (k->cls == ML_SKEY_DECIMAL &&
      (k->s.n == 0 || (unsigned char)k->s.p[0] == 0xff))
    *k = ML_SKEY_NONE;
}

static ml_str text_at(sqlite3_stmt *st, int i) {
  ml_str s = {sqlite3_column_blob(st, i), 0};

  s.n = (size_t)sqlite3_column_bytes(st, i);
  return s.p != NULL ? s : ML_NOSTR;
}

void ml_index_facts(sqlite3_stmt *st, int i, uint32_t *workflow, bool *deleted,
                    ml_facts *f) {
  memset(f, 0, sizeof *f);
  *workflow = (uint32_t)sqlite3_column_int64(st, i++);
  *deleted = sqlite3_column_int(st, i++) != 0;
  f->status = (ml_status)sqlite3_column_int(st, i++);
  f->run = (ml_runs)sqlite3_column_int(st, i++);
  f->state = text_at(st, i++);
  f->assigned_to = text_at(st, i++);
  f->subject = text_at(st, i++);
  f->created_by = text_at(st, i++);
  f->first_assigned_to = text_at(st, i++);
  f->created_ms = sqlite3_column_int64(st, i++);
  f->updated_ms = sqlite3_column_int64(st, i++);
  f->completed_ms = sqlite3_column_int64(st, i++);
  f->cancelled_ms = sqlite3_column_int64(st, i++);
  f->next_action_ms = sqlite3_column_int64(st, i++);
  f->first_assigned_ms = sqlite3_column_int64(st, i++);
  f->last_assigned_ms = sqlite3_column_int64(st, i++);
  f->data = text_at(st, i);
}

enum { OBJECT_AT = 17 };         /* behind INDEX_COLUMNS */

void ml_index_object(sqlite3_stmt *st, ml_facts *f) {
  f->entity = text_at(st, OBJECT_AT);
  f->record = text_at(st, OBJECT_AT + 1);
  f->belongs_to = text_at(st, OBJECT_AT + 2);
  f->booking = text_at(st, OBJECT_AT + 3);
}

/* ---- the registry ---- */

void ml_index_column(ml_str field, ml_ftype type, ml_column *out) {
  *out = (ml_column){ML_COL_FIELD, type, field, field};
  if (field.n > 1 && field.p[0] == '$')
    ml_column_of((ml_str){field.p + 1, field.n - 1}, out);
}

void ml_index_get_field(ml_cols *c, void *row) {
  ml_search_field *f = row;

  f->no = ml_col_u32(c, UINT32_MAX);
  f->workflow = ml_col_u32(c, UINT32_MAX);
  f->field = ml_col_str(c);
  f->type = (ml_ftype)ml_col_u32(c, ML_F_COUNT - 1);
  f->done = ml_col_i64(c);
  f->last = ml_col_i64(c);
  f->gone = ml_col_u32(c, 1) != 0;
}

static ml_rc read_fields(ml_link *c, ml_index *x) {
  sqlite3_stmt *st;
  size_t cap = 0;
  int code;
  ml_rc rc;

  ml_arena_free(&x->names);
  x->fields = NULL;
  x->count = 0;
  st = ml_link_stmt(c, SQL_SEARCH_FIELDS, &rc);
  if (st == NULL)
    return rc;
  while (rc == ML_OK && (code = sqlite3_step(st)) == SQLITE_ROW) {
    ml_cols cols = {st, &x->names, 0, false, false};
    ml_search_field *more = ml_read_grow(&x->names, x->fields, x->count, &cap,
                                         sizeof *more);

    if (more == NULL) {
      rc = ML_NOMEM;
      break;
    }
    x->fields = more;
    ml_index_get_field(&cols, &x->fields[x->count++]);
    rc = cols.nomem ? ML_NOMEM : cols.bad ? ML_CORRUPT : ML_OK;
  }
  if (rc == ML_OK && code != SQLITE_DONE)
    rc = ml_sqlite_rc(sqlite3_extended_errcode(c->db));
  sqlite3_reset(st);
  return rc;
}

/* The registry as this transaction sees it. */
static ml_rc index_of(ml_link *c, ml_index **out) {
  ml_index *x = c->index;
  ml_rc rc;

  if (x == NULL) {
    x = c->index = ml_mem_zero(sizeof *x);
    if (x == NULL)
      return ML_NOMEM;
  }
  *out = x;
  if (x->known)
    return ML_OK;
  rc = read_fields(c, x);
  if (rc != ML_OK)
    return rc;
  x->cols = ml_arena_alloc(&x->names, (x->count + 1) * sizeof *x->cols);
  if (x->cols == NULL)
    return ML_NOMEM;
  for (size_t i = 0; i < x->count; i++)
    ml_index_column(x->fields[i].field, x->fields[i].type, &x->cols[i]);
  x->known = true;
  return ML_OK;
}

/* ---- one process ---- */

/* Values of all fields of the workflow, beside x->fields; those of others and
** of a process that is deleted have count 0. */
static ml_rc values_of(ml_index *x, const ml_facts *f, uint32_t workflow,
                       bool deleted, ml_skeys **out) {
  size_t count = 0;
  ml_skeys *all = ml_arena_zero(&x->turn, (x->count + 1) * sizeof *all);
  ml_skeys *some = ml_arena_alloc(&x->turn, (x->count + 1) * sizeof *some);
  ml_column *cols = ml_arena_alloc(&x->turn, (x->count + 1) * sizeof *cols);
  ml_rc rc;

  if (all == NULL || some == NULL || cols == NULL)
    return ML_NOMEM;
  *out = all;
  if (deleted)
    return ML_OK;
  for (size_t i = 0; i < x->count; i++)
    if (x->fields[i].workflow == workflow && !x->fields[i].gone)
      cols[count++] = x->cols[i];
  rc = ml_facts_get(&x->turn, f, cols, count, some);
  if (rc != ML_OK)
    return rc;
  count = 0;
  for (size_t i = 0; i < x->count; i++)
    if (x->fields[i].workflow == workflow && !x->fields[i].gone) {
      all[i] = some[count++];    /* p may point to the one in `some` */
      for (size_t k = 0; k < all[i].count; k++)
        all[i].p[k] = ml_skey_cut(all[i].p[k]);
    }
  return ML_OK;
}

/* The row as it is stored now; a missing one has no values. */
static ml_rc read_values(ml_link *c, ml_index *x, int64_t n, ml_skeys **out) {
  ml_bind b;
  uint32_t workflow;
  bool deleted;
  ml_facts f;
  int code;
  ml_rc rc;

  b = (ml_bind){ml_link_stmt(c, SQL_INDEX_ROW, &rc), 0, SQLITE_OK};
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, n);
  code = b.rc == SQLITE_OK ? sqlite3_step(b.st) : b.rc;
  if (code == SQLITE_ROW) {
    char *data;

    ml_index_facts(b.st, 0, &workflow, &deleted, &f);
    data = ml_arena_dup(&x->turn, f.data.p != NULL ? f.data.p : "", f.data.n);
    f.data.p = data;
    rc = data != NULL ? values_of(x, &f, workflow, deleted, out) : ML_NOMEM;
    for (size_t i = 0; rc == ML_OK && i < x->count; i++)
      for (size_t k = 0; k < (*out)[i].count; k++) {
        ml_skey *v = &(*out)[i].p[k];

        if (x->cols[i].kind == ML_COL_FIELD || v->cls != ML_SKEY_TEXT)
          continue;
        v->s.p = ml_arena_dup(&x->turn, v->s.p, v->s.n);   /* the row's own */
        if (v->s.p == NULL)
          rc = ML_NOMEM;
      }
  } else if (code == SQLITE_DONE) {
    *out = ml_arena_zero(&x->turn, (x->count + 1) * sizeof **out);
    rc = *out != NULL ? ML_OK : ML_NOMEM;
  } else {
    rc = ml_sqlite_rc(b.rc != SQLITE_OK ? b.rc
                                        : sqlite3_extended_errcode(c->db));
  }
  sqlite3_reset(b.st);
  return rc;
}

static ml_rc write_entry(ml_link *c, ml_sql id, uint32_t field,
                         const ml_skey *value, int64_t n) {
  ml_bind b;
  int code;
  ml_rc rc;

  b = (ml_bind){ml_link_stmt(c, id, &rc), 0, SQLITE_OK};
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, field);
  ml_sql_skey(&b, value);
  ml_sql_i64(&b, n);
  code = b.rc;
  if (code == SQLITE_OK) {
    code = sqlite3_step(b.st);
    if (code != SQLITE_DONE)
      code = sqlite3_extended_errcode(c->db);
  }
  sqlite3_reset(b.st);
  return ml_sqlite_rc(code);
}

static bool has(const ml_skeys *k, const ml_skey *v) {
  for (size_t i = 0; i < k->count; i++)
    if (ml_skey_cmp(&k->p[i], v) == 0)
      return true;
  return false;
}

/* Entries of `a` that `b` has not. */
static ml_rc differ(ml_link *c, ml_sql id, uint32_t field, const ml_skeys *a,
                    const ml_skeys *b, int64_t n) {
  ml_rc rc = ML_OK;

  for (size_t i = 0; i < a->count && rc == ML_OK; i++)
    if (b == NULL || !has(b, &a->p[i]))
      rc = write_entry(c, id, field, &a->p[i], n);
  return rc;
}

ml_rc ml_index_before(ml_link *c, ml_index_turn *t, uint32_t workflow,
                      int64_t n, bool fresh) {
  ml_index *x = NULL;
  ml_rc rc = index_of(c, &x);

  *t = (ml_index_turn){.workflow = workflow, .n = n};
  for (size_t i = 0; rc == ML_OK && i < x->count && !t->wanted; i++)
    t->wanted = x->fields[i].workflow == workflow && !x->fields[i].gone;
  if (rc != ML_OK || !t->wanted)
    return rc;
  ml_arena_free(&x->turn);
  return fresh ? ML_OK : read_values(c, x, n, &t->was);
}

ml_rc ml_index_after(ml_link *c, const ml_index_turn *t) {
  ml_index *x = c->index;
  ml_skeys *now;
  ml_rc rc;

  if (!t->wanted)
    return ML_OK;
  rc = read_values(c, x, t->n, &now);
  for (size_t i = 0; i < x->count && rc == ML_OK; i++) {
    const ml_skeys *was = t->was != NULL ? &t->was[i] : NULL;

    if (x->fields[i].workflow != t->workflow || x->fields[i].gone)
      continue;
    if (was != NULL)
      rc = differ(c, SQL_SEARCH_DROP, x->fields[i].no, was, &now[i], t->n);
    if (rc == ML_OK)
      rc = differ(c, SQL_SEARCH_PUT, x->fields[i].no, &now[i], was, t->n);
  }
  return rc;
}

/* ---- which fields: gathering and applying ---- */

void ml_batch_search_set(ml_batch *b, uint32_t workflow,
                         const ml_search_field *fields, size_t count) {
  ml_buf *o = ml_batch_begin(b, OP_SEARCH_SET);

  if (o == NULL)
    return;
  ml_pack_u64(o, workflow);
  ml_pack_u64(o, count);
  for (size_t i = 0; i < count; i++) {
    ml_pack_str(o, fields[i].field);
    ml_pack_u64(o, fields[i].type);
  }
}

void ml_batch_search_fill(ml_batch *b, size_t limit) {
  ml_buf *o = ml_batch_begin(b, OP_SEARCH_FILL);

  if (o != NULL)
    ml_pack_u64(o, limit);
}

static ml_rc field_statement(ml_feed *r, ml_sql id, int64_t a, int64_t b) {
  ml_rc rc = row_begin(r, id);

  if (rc != ML_OK)
    return rc;
  if (id == SQL_SEARCH_DONE)
    ml_sql_i64(&r->b, b);
  ml_sql_i64(&r->b, a);
  if (id == SQL_SEARCH_EMPTY)
    ml_sql_i64(&r->b, b);
  return row_step(r);
}

static ml_rc add_field(ml_feed *r, uint32_t workflow, ml_str field,
                       uint64_t type) {
  ml_rc rc = row_begin(r, SQL_SEARCH_FIELD_PUT);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&r->b, workflow);
  ml_sql_str(&r->b, field);
  ml_sql_i64(&r->b, (int64_t)type);
  return row_step(r);
}

ml_rc ml_apply_search_set(ml_feed *r) {
  uint32_t workflow = ml_unpack_u32(r->in, UINT32_MAX);
  uint64_t count = ml_unpack_u64(r->in);
  ml_index *x = NULL;
  ml_rc rc = index_of(r->c, &x);
  bool *stays;

  if (rc != ML_OK)
    return rc;
  ml_arena_free(&x->turn);
  stays = ml_arena_zero(&x->turn, x->count + 1);
  if (stays == NULL)
    return ML_NOMEM;
  for (uint64_t k = 0; k < count && rc == ML_OK; k++) {
    ml_str field = ml_unpack_str(r->in);
    uint64_t type = ml_unpack_u32(r->in, ML_F_COUNT - 1);
    bool there = false;

    if (r->in->bad)
      return ML_CORRUPT;
    for (size_t i = 0; i < x->count && !there; i++) {
      there = x->fields[i].workflow == workflow && !x->fields[i].gone &&
              ml_str_eq(x->fields[i].field, field) && x->fields[i].type == type;
      stays[i] = stays[i] || there;
    }
    if (!there)
      rc = add_field(r, workflow, field, type);
  }
  for (size_t i = 0; i < x->count && rc == ML_OK; i++)
    if (x->fields[i].workflow == workflow && !stays[i] && !x->fields[i].gone)
      rc = field_statement(r, SQL_SEARCH_GONE, x->fields[i].no, 0);
  ml_index_forget(r->c);
  return rc;
}

/* ---- filling ---- */

/* Entries of one process, those of the fields in `now` that are to be filled. */
static ml_rc fill_one(ml_link *c, ml_index *x, const ml_search_field *like,
                      const ml_facts *f, uint32_t workflow, bool deleted,
                      int64_t n) {
  ml_skeys *now;
  ml_rc rc;

  ml_arena_free(&x->turn);
  rc = values_of(x, f, workflow, deleted, &now);
  for (size_t i = 0; i < x->count && rc == ML_OK; i++)
    if (!x->fields[i].gone && x->fields[i].done == like->done &&
        x->fields[i].last == like->last)
      rc = differ(c, SQL_SEARCH_PUT, x->fields[i].no, &now[i], NULL, n);
  return rc;
}

/* Rows behind done: at most `limit` of the workflow, ten times as many in all.
** *upto: as far as it came. */
static ml_rc fill_rows(ml_link *c, ml_index *x, const ml_search_field *like,
                       size_t limit, int64_t *upto) {
  size_t filled = 0, seen = 0;
  ml_bind b;
  int code = SQLITE_DONE;
  ml_rc rc;

  b = (ml_bind){ml_link_stmt(c, SQL_INDEX_FILL, &rc), 0, SQLITE_OK};
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, like->done);
  ml_sql_i64(&b, like->last);
  rc = ml_sqlite_rc(b.rc);
  while (rc == ML_OK && filled < limit && seen < 10 * limit &&
         (code = sqlite3_step(b.st)) == SQLITE_ROW) {
    uint32_t workflow;
    bool deleted;
    ml_facts f;

    ml_index_facts(b.st, 1, &workflow, &deleted, &f);
    *upto = sqlite3_column_int64(b.st, 0);
    seen++;
    if (workflow == like->workflow) {
      rc = fill_one(c, x, like, &f, workflow, deleted, *upto);
      filled++;
    }
  }
  if (rc == ML_OK && code == SQLITE_DONE)
    *upto = like->last;
  else if (rc == ML_OK && code != SQLITE_ROW)
    rc = ml_sqlite_rc(sqlite3_extended_errcode(c->db));
  sqlite3_reset(b.st);
  return rc;
}

static ml_rc fill_field(ml_feed *r, ml_index *x, const ml_search_field *f,
                        size_t limit) {
  int64_t upto = f->last;
  ml_rc rc = fill_rows(r->c, x, f, limit, &upto);

  for (size_t i = 0; i < x->count && rc == ML_OK; i++) {
    const ml_search_field *k = &x->fields[i];

    if (k->workflow == f->workflow && !k->gone && k->done == f->done &&
        k->last == f->last)
      rc = field_statement(r, SQL_SEARCH_DONE, k->no, upto);
  }
  return rc;
}

static ml_rc empty_field(ml_feed *r, const ml_search_field *f, size_t limit) {
  ml_rc rc = field_statement(r, SQL_SEARCH_EMPTY, f->no,
                             (int64_t)(limit * 4));

  if (rc == ML_OK && sqlite3_changes(r->c->db) == 0)
    rc = field_statement(r, SQL_SEARCH_FIELD_DROP, f->no, 0);
  return rc;
}

ml_rc ml_apply_search_fill(ml_feed *r) {
  uint64_t limit = ml_unpack_u64(r->in);
  ml_index *x = NULL;
  ml_rc rc = index_of(r->c, &x);

  if (rc != ML_OK || r->in->bad)
    return rc != ML_OK ? rc : ML_CORRUPT;
  for (size_t i = 0; i < x->count; i++) {
    const ml_search_field *f = &x->fields[i];

    if (!f->gone && f->done >= f->last)
      continue;
    rc = f->gone ? empty_field(r, f, limit) : fill_field(r, x, f, limit);
    ml_index_forget(r->c);
    return rc;
  }
  return ML_OK;
}

ml_rc ml_read_search_fields(ml_read *r, ml_arena *a, ml_search_field **out,
                            size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_SEARCH_FIELDS, &b);

  return rc == ML_OK ? ml_read_list(r, a, &b, sizeof **out, 0,
                                    ml_index_get_field, out, count)
                     : rc;
}
