/* sqlite_age.c - the age of a store; keys and occurrences that are old by it. */
#include "store/age.h"

#include "base/plant.h"
#include "store/sqlite_row.h"

/* ---- the age itself ---- */

int64_t ml_store_age(const ml_store *s) {
  if (ML_PLANTED(age_by_wall))
    return s->clock->wall_ms(s->clock);
  return s->aged ? s->age_base + s->clock->mono_ms(s->clock) - s->age_from
                 : s->age_base;
}

ml_rc ml_age_open(ml_store *s) {
  ml_rc rc;
  sqlite3_stmt *st = ml_link_stmt(ml_store_reader(s), SQL_AGE_GET, &rc);

  if (st == NULL)
    return rc;
  if (sqlite3_step(st) == SQLITE_ROW)
    s->age_base = s->age_saved = sqlite3_column_int64(st, 0);
  s->age_from = s->clock->mono_ms(s->clock);
  s->aged = !s->read_only;
  return ml_sqlite_rc(sqlite3_reset(st));
}

/* In a transaction that is made anyway; see ml_age_saved(). */
ml_rc ml_age_save(ml_store *s) {
  int64_t now = ml_store_age(s);
  sqlite3_stmt *st;
  ml_rc rc;

  s->age_saving = s->age_saved;
  if (now - s->age_saved < ML_AGE_SAVE_MS)
    return ML_OK;
  st = ml_link_stmt(&s->writer, SQL_AGE_PUT, &rc);
  if (st == NULL)
    return rc;
  s->age_saving = now;
  sqlite3_bind_int64(st, 1, now);
  sqlite3_step(st);
  return ml_sqlite_rc(sqlite3_reset(st));
}

void ml_age_saved(ml_store *s) {
  s->age_saved = s->age_saving;
}

/* ---- keys ---- */

void ml_batch_keys_expire(ml_batch *b, int64_t before_ms, size_t limit) {
  ml_buf *o = ml_batch_begin(b, OP_KEYS_EXPIRE);

  if (o == NULL)
    return;
  ml_pack_i64(o, before_ms);
  ml_pack_u64(o, limit);
}

ml_rc ml_apply_keys_expire(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_KEYS_EXPIRE);

  if (rc != ML_OK)
    return rc;
  row_ms(r);                  /* before_ms */
  row_num(r);                 /* limit */
  return row_step(r);
}

static void get_age(ml_cols *c, void *row) {
  *(int64_t *)row = ml_col_i64(c);
}

ml_rc ml_read_keys_old(ml_read *r, int64_t before_ms, size_t limit,
                       size_t *count) {
  ml_arena a = {0};
  int64_t *ages;
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_KEYS_OLD, &b);

  *count = 0;
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, before_ms);
  ml_sql_i64(&b, (int64_t)limit);
  rc = ml_read_list(r, &a, &b, sizeof *ages, limit, get_age, &ages, count);
  ml_arena_free(&a);
  return rc;
}

/* ---- occurrences ---- */

void ml_batch_occurrence_drop(ml_batch *b, const ml_occurrence *x,
                              int64_t before_ms) {
  ml_buf *o = ml_batch_begin(b, OP_OCCURRENCE_DROP);

  if (o == NULL)
    return;
  ml_pack_str(o, x->workflow);
  ml_pack_str(o, x->trigger);
  ml_pack_str(o, x->identity);
  ml_pack_i64(o, before_ms);
}

ml_rc ml_apply_occurrence_drop(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_OCCURRENCE_DROP);

  if (rc != ML_OK)
    return rc;
  row_text(r);                /* workflow, trigger, identity */
  row_text(r);
  row_text(r);
  row_ms(r);                  /* before_ms */
  return row_step(r);
}

static void get_occurrence(ml_cols *c, void *row) {
  ml_occurrence *o = row;

  o->workflow = ml_col_str(c);
  o->trigger = ml_col_str(c);
  o->identity = ml_col_str(c);
  o->old = ml_col_i64(c) != 0;
}

ml_rc ml_read_occurrences(ml_read *r, ml_arena *a, const ml_occurrence *after,
                          int64_t before_ms, size_t limit, ml_occurrence **out,
                          size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_OCCURRENCES, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, before_ms);
  ml_sql_str(&b, after != NULL ? after->workflow : ML_STR(""));
  ml_sql_str(&b, after != NULL ? after->trigger : ML_STR(""));
  ml_sql_str(&b, after != NULL ? after->identity : ML_STR(""));
  ml_sql_i64(&b, (int64_t)limit);
  return ml_read_list(r, a, &b, sizeof **out, limit, get_occurrence, out, count);
}
