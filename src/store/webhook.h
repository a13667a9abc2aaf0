/*
** webhook.h - who is told of changes: a small table, read whole.
*/
#ifndef ML_STORE_WEBHOOK_H
#define ML_STORE_WEBHOOK_H

#include "store/store.h"

typedef struct ml_row_webhook {
  uint32_t no;                   /* from 1; never used again */
  ml_str url;
  ml_str secret;                 /* sealed */
  ml_str workflow;               /* only of this one; none: of all */
  ml_str events;                 /* words of the history, blanks between; none:
                                    all */
  bool active, removed;
  int64_t at_ms;
  ml_str why;                    /* why it is not active; none */
} ml_row_webhook;

/* Insert or replace.  A removed one keeps its number and nothing else. */
void ml_batch_webhook(ml_batch *b, const ml_row_webhook *r);
ml_rc ml_read_webhooks(ml_read *r, ml_arena *a, ml_row_webhook **out,
                       size_t *count);

#endif
