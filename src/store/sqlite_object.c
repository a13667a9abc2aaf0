/*
** sqlite_object.c - the Process object's rows: ids of others and whose a process
** is, records, what else is known of a task.
*/
#include <string.h>

#include "store/sqlite_row.h"

/* ---- gathering ---- */

void ml_batch_object(ml_batch *b, const ml_row_object *r) {
  ml_buf *o = ml_batch_begin(b, OP_OBJECT);

  if (o == NULL)
    return;
  ml_pack_i64(o, r->n);
  ml_pack_str(o, r->team);
  ml_pack_str(o, r->entity);
  ml_pack_str(o, r->record);
  ml_pack_str(o, r->belongs_to);
  ml_pack_str(o, r->booking);
}

void ml_batch_record(ml_batch *b, const ml_row_record *r) {
  ml_buf *o = ml_batch_begin(b, OP_RECORD);

  if (o == NULL)
    return;
  ml_pack_str(o, r->id);
  ml_pack_str(o, r->entity);
  ml_pack_str(o, r->team);
  ml_pack_str(o, r->created_by);
  ml_pack_str(o, r->data);
  ml_pack_str(o, r->derived);
  ml_pack_i64(o, r->created_ms);
  ml_pack_i64(o, r->updated_ms);
  ml_pack_bool(o, r->deleted);
  ml_pack_i64(o, r->was_ms);
}

void ml_batch_task_more(ml_batch *b, const ml_row_task_more *r) {
  ml_buf *o = ml_batch_begin(b, OP_TASK_MORE);

  if (o == NULL)
    return;
  ml_pack_i64(o, r->n);
  ml_pack_u64(o, r->no);
  ml_pack_str(o, r->more);
}

/* ---- writing ---- */

/* A row without any id is taken away. */
ml_rc ml_apply_object(ml_feed *r) {
  int64_t n = ml_unpack_i64(r->in);
  ml_str id[5];
  bool any = false;
  ml_rc rc;

  for (int i = 0; i < 5; i++) {
    id[i] = ml_unpack_str(r->in);
    any = any || id[i].p != NULL;
  }
  rc = row_begin(r, any ? SQL_OBJECT_PUT : SQL_OBJECT_DROP);
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&r->b, n);
  for (int i = 0; i < 5 && any; i++)
    ml_sql_str(&r->b, id[i]);
  return row_step(r);
}

/* The fields in the order of the batch, then what it was computed from. */
ml_rc ml_apply_record(ml_feed *r) {
  ml_str f[6];
  int64_t created_ms, updated_ms, was_ms;
  bool deleted;
  ml_rc rc;

  for (int i = 0; i < 6; i++)           /* id, entity, team, created_by, data, */
    f[i] = ml_unpack_str(r->in);        /* derived */
  created_ms = ml_unpack_i64(r->in);
  updated_ms = ml_unpack_i64(r->in);
  deleted = ml_unpack_bool(r->in);
  was_ms = ml_unpack_i64(r->in);
  rc = row_begin(r, was_ms == 0 ? SQL_RECORD_PUT : SQL_RECORD_UPDATE);
  if (rc != ML_OK)
    return rc;
  for (int i = 0; i < 6; i++)
    if (was_ms == 0 || i == 1 || i > 3)
      ml_sql_str(&r->b, f[i]);
  if (was_ms == 0)
    ml_sql_i64(&r->b, created_ms);
  ml_sql_i64(&r->b, updated_ms);
  ml_sql_opt(&r->b, deleted);
  if (was_ms == 0)
    return row_step(r);
  ml_sql_str(&r->b, f[0]);
  ml_sql_i64(&r->b, was_ms);
  rc = row_step(r);
  return rc == ML_OK && sqlite3_changes(r->c->db) == 0 ? ML_STALE : rc;
}

ml_rc ml_apply_task_more(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_TASK_MORE_PUT);

  if (rc != ML_OK)
    return rc;
  row_ms(r);                  /* n */
  row_num(r);                 /* no */
  row_text(r);                /* more */
  return row_step(r);
}

/* ---- reading ---- */

static void get_i64(ml_cols *c, void *row) {
  *(int64_t *)row = ml_col_i64(c);
}

ml_rc ml_read_team_is(ml_read *r, int64_t n, ml_str team) {
  int64_t found;
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_TEAM_IS, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, n);
  ml_sql_str(&b, team);
  return ml_read_one(r, NULL, &b, get_i64, &found);
}

static void get_object(ml_cols *c, void *row) {
  ml_row_object *o = row;

  o->n = ml_col_i64(c);
  o->team = ml_col_str(c);
  o->entity = ml_col_str(c);
  o->record = ml_col_str(c);
  o->belongs_to = ml_col_str(c);
  o->booking = ml_col_str(c);
}

ml_rc ml_read_object(ml_read *r, ml_arena *a, int64_t n, ml_row_object *out) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_OBJECT_GET, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, n);
  return ml_read_one(r, a, &b, get_object, out);
}

static void get_record(ml_cols *c, void *row) {
  ml_row_record *d = row;

  memset(d, 0, sizeof *d);
  d->id = ml_col_str(c);
  d->entity = ml_col_str(c);
  d->team = ml_col_str(c);
  d->created_by = ml_col_str(c);
  d->data = ml_col_str(c);
  d->derived = ml_col_str(c);
  d->created_ms = ml_col_i64(c);
  d->updated_ms = ml_col_i64(c);
  d->deleted = ml_col_u32(c, 1) != 0;
}

ml_rc ml_read_record(ml_read *r, ml_arena *a, ml_str id, ml_row_record *out) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_RECORD_GET, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_str(&b, id);
  return ml_read_one(r, a, &b, get_record, out);
}

static void get_more(ml_cols *c, void *row) {
  ml_row_task_more *m = row;

  m->n = ml_col_i64(c);
  m->no = ml_col_u32(c, UINT32_MAX);
  m->more = ml_col_str(c);
}

ml_rc ml_read_task_more(ml_read *r, ml_arena *a, int64_t n, uint32_t no,
                        ml_row_task_more *out) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_TASK_MORE_GET, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, n);
  ml_sql_i64(&b, no);
  return ml_read_one(r, a, &b, get_more, out);
}
