/*
** sqlite_outbox.c - what is to be sent: appended in the commit of what it tells
** of, one queue in its order.
**
** Only the head of a queue has a moment, so "what is due" is one walk along an
** index, however many wait behind.  Every end of an attempt looks at the head
** again, in the same commit.
*/
#include "store/sqlite_row.h"

/* ---- gathering ---- */

void ml_batch_post(ml_batch *b, const ml_row_post *r) {
  ml_buf *o = ml_batch_begin(b, OP_POST);

  if (o == NULL)
    return;
  b->posts++;
  ml_pack_u64(o, r->kind);
  ml_pack_str(o, r->queue);
  ml_pack_i64(o, r->n);
  ml_pack_str(o, r->key);
  ml_pack_i64(o, r->at_ms);
  ml_pack_i64(o, r->due_ms);
  ml_pack_str(o, r->body);
}

void ml_batch_post_end(ml_batch *b, int64_t no, ml_str queue, ml_post_end end,
                       ml_str why, int64_t due_ms, int64_t now_ms) {
  ml_buf *o = ml_batch_begin(b, OP_POST_END);

  if (o == NULL)
    return;
  if (end == ML_POST_RESEND)
    b->posts++;
  ml_pack_u64(o, end);
  ml_pack_i64(o, no);
  ml_pack_str(o, queue);
  ml_pack_str(o, why);
  ml_pack_i64(o, due_ms);
  ml_pack_i64(o, now_ms);
}

size_t ml_batch_posts(const ml_batch *b) {
  return b != NULL ? b->posts : 0;
}

/* ---- writing ---- */

ml_rc ml_apply_post(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_POST_PUT);

  if (rc != ML_OK)
    return rc;
  row_num(r);                 /* kind */
  row_text(r);                /* queue */
  row_opt(r);                 /* n */
  row_text(r);                /* key */
  row_ms(r);                  /* at_ms, due_ms */
  row_ms(r);
  row_blob(r);                /* body */
  return row_step(r);
}

/* The message itself, by the way its attempt ended. */
static ml_rc end_one(ml_feed *r, ml_post_end end, int64_t no, ml_str queue,
                     ml_str why, int64_t due_ms) {
  static const ml_sql ids[] = {SQL_POST_DROP, SQL_POST_AGAIN, SQL_POST_ASIDE,
                               SQL_POST_RESEND};
  ml_rc rc = row_begin(r, ids[end]);

  if (rc != ML_OK)
    return rc;
  if (end == ML_POST_AGAIN || end == ML_POST_ASIDE)
    ml_sql_str(&r->b, why);
  if (end == ML_POST_AGAIN)
    ml_sql_i64(&r->b, due_ms);
  ml_sql_i64(&r->b, no);
  if (end == ML_POST_AGAIN)
    ml_sql_str(&r->b, queue);
  return row_step(r);
}

ml_rc ml_apply_post_end(ml_feed *r) {
  uint64_t end = ml_unpack_u64(r->in);
  int64_t no = ml_unpack_i64(r->in), due_ms, now_ms;
  ml_str queue = ml_unpack_str(r->in), why = ml_unpack_str(r->in);
  ml_rc rc;

  due_ms = ml_unpack_i64(r->in);
  now_ms = ml_unpack_i64(r->in);
  if (r->in->bad || end > ML_POST_RESEND)
    return ML_CORRUPT;
  rc = end_one(r, (ml_post_end)end, no, queue, why, due_ms);
  if (rc == ML_OK && end == ML_POST_RESEND) {   /* what is behind it waits */
    rc = row_begin(r, SQL_POST_BEHIND);
    if (rc == ML_OK) {
      ml_sql_str(&r->b, queue);
      ml_sql_i64(&r->b, no);
      rc = row_step(r);
    }
  }
  if (rc == ML_OK)
    rc = row_begin(r, SQL_POST_HEAD);
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&r->b, now_ms);
  ml_sql_str(&r->b, queue);
  return row_step(r);
}

/* ---- reading ---- */

static void get_post(ml_cols *c, void *row) {
  ml_row_post *p = row;

  *p = (ml_row_post){.no = ml_col_i64(c)};
  p->kind = (ml_postk)ml_col_u32(c, ML_POST_KINDS - 1);
  p->queue = ml_col_str(c);
  p->n = ml_col_i64(c);
  p->key = ml_col_str(c);
  p->at_ms = ml_col_i64(c);
  p->due_ms = ml_col_i64(c);
  p->attempts = ml_col_u32(c, UINT32_MAX);
  p->aside = ml_col_u32(c, 1) != 0;
  p->why = ml_col_str(c);
  p->body = ml_col_str(c);
}

static ml_rc heads(ml_read *r, ml_arena *a, ml_sql id, int64_t ms, size_t limit,
                   ml_row_post **out, size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, id, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, ms);
  ml_sql_i64(&b, (int64_t)limit);
  return ml_read_list(r, a, &b, sizeof **out, limit, get_post, out, count);
}

ml_rc ml_read_posts_due(ml_read *r, ml_arena *a, int64_t now_ms,
                        int64_t wait_ms, size_t limit, ml_row_post **out,
                        size_t *count) {
  ml_row_post *far, *both;
  size_t n;
  ml_rc rc = heads(r, a, SQL_POST_DUE, now_ms, limit, out, count);

  if (rc != ML_OK || *count == limit)
    return rc;
  rc = heads(r, a, SQL_POST_FAR, now_ms + wait_ms, limit - *count, &far, &n);
  if (rc != ML_OK || n == 0)
    return rc;
  both = ml_arena_alloc(a, (*count + n) * sizeof *both);
  if (both == NULL)
    return ML_NOMEM;
  for (size_t i = 0; i < *count + n; i++)
    both[i] = i < *count ? (*out)[i] : far[i - *count];
  *out = both;
  *count += n;
  return ML_OK;
}

static void get_i64(ml_cols *c, void *row) {
  *(int64_t *)row = ml_col_i64(c);
}

ml_rc ml_read_post_next(ml_read *r, int64_t now_ms, int64_t *due_ms) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_POST_NEXT, &b);

  *due_ms = 0;
  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, now_ms);
  rc = ml_read_one(r, NULL, &b, get_i64, due_ms);
  return rc == ML_NOT_FOUND ? ML_OK : rc;
}

ml_rc ml_read_post(ml_read *r, ml_arena *a, int64_t no, ml_row_post *out) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_POST_GET, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, no);
  return ml_read_one(r, a, &b, get_post, out);
}

ml_rc ml_read_posts(ml_read *r, ml_arena *a, bool aside, int64_t after_no,
                    size_t limit, ml_row_post **out, size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, aside ? SQL_POSTS_ASIDE : SQL_POSTS, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, after_no);
  ml_sql_i64(&b, (int64_t)limit);
  return ml_read_list(r, a, &b, sizeof **out, limit, get_post, out, count);
}

ml_rc ml_read_post_counts(ml_read *r, int64_t *waiting, int64_t *aside,
                          int64_t *oldest_ms) {
  static const ml_sql ids[] = {SQL_POST_COUNT, SQL_POST_COUNT_ASIDE,
                               SQL_POST_OLDEST};
  int64_t *outs[] = {waiting, aside, oldest_ms};
  ml_rc rc = ML_OK;

  for (int i = 0; i < 3 && rc == ML_OK; i++) {
    ml_bind b;

    *outs[i] = 0;
    rc = ml_read_begin(r, ids[i], &b);
    if (rc == ML_OK)
      rc = ml_read_one(r, NULL, &b, get_i64, outs[i]);
  }
  return rc;
}
