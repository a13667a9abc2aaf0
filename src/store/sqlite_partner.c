/* sqlite_partner.c - links to partners, what is shared over them, and comments
** that change or came from there. */
#include <string.h>

#include "store/sqlite_row.h"

/* ---- gathering ---- */

void ml_batch_comment_edit(ml_batch *b, int64_t n, uint32_t no, ml_str text,
                           int64_t at_ms) {
  ml_buf *o = ml_batch_begin(b, OP_COMMENT_EDIT);

  if (o == NULL)
    return;
  ml_pack_str(o, text.p != NULL ? text : ML_STR(""));
  ml_pack_i64(o, at_ms);
  ml_pack_u64(o, text.p == NULL);
  ml_pack_i64(o, n);
  ml_pack_u64(o, no);
}

void ml_batch_partner(ml_batch *b, const ml_row_partner *r) {
  ml_buf *o = ml_batch_begin(b, OP_PARTNER);

  if (o == NULL)
    return;
  ml_pack_u64(o, r->no);
  ml_pack_str(o, r->link);
  ml_pack_str(o, r->name);
  ml_pack_str(o, r->url);
  ml_pack_u64(o, r->state);
  ml_pack_str(o, r->secret);
  ml_pack_str(o, r->before);
  ml_pack_i64(o, r->before_ms);
  ml_pack_i64(o, r->made_ms);
}

void ml_batch_partner_told(ml_batch *b, const ml_row_partner_told *r) {
  ml_buf *o = ml_batch_begin(b, OP_PARTNER_TOLD);

  if (o == NULL)
    return;
  ml_pack_u64(o, r->partner);
  ml_pack_i64(o, r->at_ms);
  ml_pack_str(o, r->what);
  ml_pack_str(o, r->who);
  ml_pack_str(o, r->text);
}

void ml_batch_share(ml_batch *b, const ml_row_share *r) {
  ml_buf *o = ml_batch_begin(b, OP_SHARE);

  if (o == NULL)
    return;
  ml_pack_i64(o, r->n);
  ml_pack_u64(o, r->partner);
  ml_pack_str(o, r->far);
  ml_pack_u64(o, r->ours);
  ml_pack_u64(o, r->client_only);
  ml_pack_str(o, r->fields);
}

void ml_batch_contact(ml_batch *b, const ml_row_contact *r) {
  ml_buf *o = ml_batch_begin(b, OP_CONTACT);

  if (o == NULL)
    return;
  ml_pack_u64(o, r->no);
  ml_pack_str(o, r->name);
  ml_pack_str(o, r->email);
  ml_pack_str(o, r->phone);
}

/* ---- writing ---- */

ml_rc ml_apply_comment_edit(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_COMMENT_EDIT);

  if (rc != ML_OK)
    return rc;
  row_text(r);                /* text */
  row_ms(r);                  /* edited_ms */
  row_opt_num(r);             /* removed */
  row_ms(r);                  /* n */
  row_num(r);                 /* no */
  return row_step(r);
}

/* A secret: sealed bytes. */
static void sealed(ml_feed *r) {
  ml_str s = ml_unpack_str(r->in);

  if (s.p == NULL)
    ml_sql_str(&r->b, s);
  else
    ml_sql_blob(&r->b, s.p, s.n);
}

ml_rc ml_apply_partner(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_PARTNER_PUT);

  if (rc != ML_OK)
    return rc;
  row_num(r);                 /* no */
  row_text(r);                /* link, name, url */
  row_text(r);
  row_text(r);
  row_num(r);                 /* state */
  sealed(r);                  /* secret, before */
  sealed(r);
  row_opt(r);                 /* before_ms */
  row_ms(r);                  /* made_ms */
  return row_step(r);
}

ml_rc ml_apply_partner_told(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_PARTNER_TOLD);

  if (rc != ML_OK)
    return rc;
  row_num(r);                 /* partner */
  row_ms(r);                  /* at_ms */
  row_text(r);                /* what, who, text */
  row_text(r);
  row_text(r);
  return row_step(r);
}

ml_rc ml_apply_share(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_SHARE_PUT);

  if (rc != ML_OK)
    return rc;
  row_ms(r);                  /* n */
  row_num(r);                 /* partner */
  row_text(r);                /* far */
  row_num(r);                 /* ours, client_only */
  row_num(r);
  row_text(r);                /* fields */
  return row_step(r);
}

ml_rc ml_apply_contact(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_CONTACT_PUT);

  if (rc != ML_OK)
    return rc;
  row_num(r);                 /* no */
  row_text(r);                /* name, email, phone */
  row_text(r);
  row_text(r);
  return row_step(r);
}

/* ---- reading ---- */

static void get_partner(ml_cols *c, void *row) {
  ml_row_partner *p = row;

  *p = (ml_row_partner){.no = ml_col_u32(c, UINT32_MAX)};
  p->link = ml_col_str(c);
  p->name = ml_col_str(c);
  p->url = ml_col_str(c);
  p->state = (ml_links)ml_col_u32(c, ML_LINK_COUNT - 1);
  p->secret = ml_col_str(c);
  p->before = ml_col_str(c);
  p->before_ms = ml_col_i64(c);
  p->made_ms = ml_col_i64(c);
}

ml_rc ml_read_partners(ml_read *r, ml_arena *a, ml_row_partner **out,
                       size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_PARTNERS, &b);

  return rc == ML_OK ? ml_read_list(r, a, &b, sizeof **out, 0, get_partner, out,
                                    count)
                     : rc;
}

static void get_told(ml_cols *c, void *row) {
  ml_row_partner_told *t = row;

  t->no = ml_col_i64(c);
  t->partner = ml_col_u32(c, UINT32_MAX);
  t->at_ms = ml_col_i64(c);
  t->what = ml_col_str(c);
  t->who = ml_col_str(c);
  t->text = ml_col_str(c);
}

ml_rc ml_read_partner_tolds(ml_read *r, ml_arena *a, uint32_t partner,
                            int64_t after_no, size_t limit,
                            ml_row_partner_told **out, size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_PARTNER_TOLDS, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, partner);
  ml_sql_i64(&b, after_no);
  ml_sql_i64(&b, (int64_t)limit);
  return ml_read_list(r, a, &b, sizeof **out, limit, get_told, out, count);
}

static void get_share(ml_cols *c, void *row) {
  ml_row_share *s = row;

  *s = (ml_row_share){.n = ml_col_i64(c)};
  s->partner = ml_col_u32(c, UINT32_MAX);
  s->far = ml_col_str(c);
  s->ours = ml_col_u32(c, 1) != 0;
  s->client_only = ml_col_u32(c, 1) != 0;
  s->fields = ml_col_str(c);
}

ml_rc ml_read_shares(ml_read *r, ml_arena *a, int64_t n, ml_row_share **out,
                     size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_SHARES, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, n);
  return ml_read_list(r, a, &b, sizeof **out, 0, get_share, out, count);
}

ml_rc ml_read_share_far(ml_read *r, ml_arena *a, uint32_t partner, ml_str far,
                        ml_row_share *out) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_SHARE_FAR, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, partner);
  ml_sql_str(&b, far);
  return ml_read_one(r, a, &b, get_share, out);
}

ml_rc ml_read_comment_far(ml_read *r, ml_arena *a, int64_t n, uint32_t partner,
                          uint32_t far, ml_row_comment *out) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_COMMENT_FAR, &b);

  if (rc != ML_OK)
    return rc;
  ml_sql_i64(&b, n);
  ml_sql_i64(&b, partner);
  ml_sql_i64(&b, far);
  return ml_read_one(r, a, &b, ml_get_comment, out);
}

static void get_contact(ml_cols *c, void *row) {
  ml_row_contact *t = row;

  t->no = ml_col_u32(c, UINT32_MAX);
  t->name = ml_col_str(c);
  t->email = ml_col_str(c);
  t->phone = ml_col_str(c);
}

ml_rc ml_read_contact(ml_read *r, ml_arena *a, ml_str email, ml_str phone,
                      ml_row_contact *out) {
  const ml_str by[] = {email, phone};
  const ml_sql ids[] = {SQL_CONTACT_EMAIL, SQL_CONTACT_PHONE};
  ml_rc rc = ML_NOT_FOUND;

  for (int i = 0; i < 2 && rc == ML_NOT_FOUND; i++) {
    ml_bind b;

    if (by[i].p == NULL || by[i].n == 0)
      continue;
    rc = ml_read_begin(r, ids[i], &b);
    if (rc != ML_OK)
      return rc;
    ml_sql_str(&b, by[i]);
    rc = ml_read_one(r, a, &b, get_contact, out);
  }
  return rc;
}

static void get_no(ml_cols *c, void *row) {
  *(uint32_t *)row = ml_col_u32(c, UINT32_MAX);
}

ml_rc ml_read_contact_last(ml_read *r, uint32_t *no) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_CONTACT_LAST, &b);

  return rc == ML_OK ? ml_read_one(r, NULL, &b, get_no, no) : rc;
}

static void get_two(ml_cols *c, void *row) {
  int64_t *two = row;

  two[0] = ml_col_i64(c);
  two[1] = ml_col_i64(c);
}

ml_rc ml_read_posts_of(ml_read *r, ml_str queues, int64_t *waiting,
                       int64_t *oldest_ms) {
  int64_t two[2] = {0, 0};
  char end[128];
  ml_bind b;
  ml_rc rc;

  if (queues.n == 0 || queues.n >= sizeof end)
    return ML_INVALID;
  memcpy(end, queues.p, queues.n);
  end[queues.n - 1]++;                      /* the first name behind them all */
  rc = ml_read_begin(r, SQL_POST_OF, &b);
  if (rc != ML_OK)
    return rc;
  ml_sql_str(&b, queues);
  ml_sql_str(&b, (ml_str){end, queues.n});
  rc = ml_read_one(r, NULL, &b, get_two, two);
  *waiting = two[0];
  *oldest_ms = two[1];
  return rc;
}
