/*
** webhook.h - subscriptions to changes: made, changed, looked at.
**
** A message a subscription and commit of a process: what changed, in the order
** of the process's commits, signed by Standard Webhooks when it is sent.
*/
#ifndef ML_RUN_WEBHOOK_H
#define ML_RUN_WEBHOOK_H

#include "run/run.h"
#include "store/webhook.h"

enum {
  ML_WEBHOOKS_MAX = 100,         /* in force at a time */
  ML_WEBHOOK_DATA_MAX = 256 << 10   /* bytes of a process's data in a message;
                                    more is left out */
};

size_t ml_run_webhook_count(const ml_run *r);
const ml_row_webhook *ml_run_webhook_at(const ml_run *r, size_t i);
const ml_row_webhook *ml_run_webhook(const ml_run *r, uint32_t no);  /* or NULL */

/*
** Write one: a new one (row->no 0, its number is then in *no), or a changed one
** (secret none: the one it has).  row->secret is plain, "whsec_...".  ML_INVALID
** with a sentence: URL, secret, events; ML_LIMIT.  Texts are copied.
*/
void ml_run_webhook_put(ml_run *r, const ml_row_webhook *row, uint32_t *no,
                        ml_run_done_fn *done, void *arg);
/* Is each word of it one of the history? */
bool ml_run_webhook_events(ml_str events);

/* The outbox has a message whose moment has come (resent). */
void ml_run_outbox_look(ml_run *r);

#endif
