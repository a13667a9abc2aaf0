/*
** sqlite_replay.c - requests that were taken, each once.
**
** Forgetting rides along: a row that is written takes at most
** ML_STORE_REPLAY_FORGET others with it whose time is over.  So the table
** never holds more than was taken within one window, twice over at most, no
** pass is long, and without such requests there is nothing to do.
*/
#include "store/sqlite_row.h"

void ml_batch_replay(ml_batch *b, const ml_row_replay *r) {
  ml_buf *o = ml_batch_begin(b, OP_REPLAY);

  if (o == NULL)
    return;
  ml_pack_str(o, r->scope);
  ml_pack_str(o, r->id);
  ml_pack_i64(o, r->until_ms);
  ml_pack_i64(o, r->at_ms);
}

static ml_rc forget(ml_feed *r, int64_t now_ms) {
  ml_rc rc = row_begin(r, SQL_REPLAY_FORGET);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&r->b, now_ms);
  ml_sql_i64(&r->b, ML_STORE_REPLAY_FORGET);
  return row_step(r);
}

/* The statement changes nothing when the row is there and still counts. */
ml_rc ml_apply_replay(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_REPLAY_PUT);
  int64_t now_ms;

  if (rc != ML_OK)
    return rc;
  row_text(r);                /* scope, id */
  row_text(r);
  row_ms(r);                  /* until_ms */
  now_ms = ml_unpack_i64(r->in);
  ml_sql_i64(&r->b, now_ms);
  rc = row_step(r);
  if (rc == ML_OK && sqlite3_changes(r->c->db) == 0)
    return ML_EXISTS;
  return rc == ML_OK ? forget(r, now_ms) : rc;
}

static void get_until(ml_cols *c, void *row) {
  *(int64_t *)row = ml_col_i64(c);
}

ml_rc ml_read_replay(ml_read *r, ml_str scope, ml_str id, int64_t *until_ms) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_REPLAY_GET, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_str(&b, scope);
  ml_sql_str(&b, id);
  return ml_read_one(r, NULL, &b, get_until, until_ms);
}
