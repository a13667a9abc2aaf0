/* sqlite_webhook.c - subscriptions: gathering, applying, reading. */
#include "store/sqlite_row.h"
#include "store/webhook.h"

void ml_batch_webhook(ml_batch *b, const ml_row_webhook *r) {
  ml_buf *o = ml_batch_begin(b, OP_WEBHOOK);

  if (o == NULL)
    return;
  ml_pack_u64(o, r->no);
  ml_pack_str(o, r->url);
  ml_pack_str(o, r->secret);
  ml_pack_str(o, r->workflow);
  ml_pack_str(o, r->events);
  ml_pack_u64(o, r->active);
  ml_pack_u64(o, r->removed);
  ml_pack_i64(o, r->at_ms);
  ml_pack_str(o, r->why);
}

ml_rc ml_apply_webhook(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_WEBHOOK_PUT);

  if (rc != ML_OK)
    return rc;
  row_num(r);                 /* no */
  row_text(r);                /* url */
  row_blob(r);                /* secret */
  row_text(r);                /* workflow */
  row_text(r);                /* events */
  row_num(r);                 /* active */
  row_opt_num(r);             /* removed */
  row_ms(r);                  /* at_ms */
  row_text(r);                /* why */
  return row_step(r);
}

static void get_webhook(ml_cols *c, void *row) {
  ml_row_webhook *w = row;

  *w = (ml_row_webhook){.no = ml_col_u32(c, UINT32_MAX)};
  w->url = ml_col_str(c);
  w->secret = ml_col_str(c);
  w->workflow = ml_col_str(c);
  w->events = ml_col_str(c);
  w->active = ml_col_u32(c, 1) != 0;
  w->removed = ml_col_u32(c, 1) != 0;
  w->at_ms = ml_col_i64(c);
  w->why = ml_col_str(c);
}

ml_rc ml_read_webhooks(ml_read *r, ml_arena *a, ml_row_webhook **out,
                       size_t *count) {
  ml_bind b;
  ml_rc rc = ml_read_begin(r, SQL_WEBHOOKS, &b);

  return rc == ML_OK ? ml_read_list(r, a, &b, sizeof **out, 0, get_webhook, out,
                                    count)
                     : rc;
}
