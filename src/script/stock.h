/*
** stock.h - the bundles that the core knows, as frames ready to send.
*/
#ifndef ML_SCRIPT_STOCK_H
#define ML_SCRIPT_STOCK_H

#include <stdint.h>

#include "model/attempt.h"

typedef struct ml_stock_item {
  struct ml_stock_item *next;
  uint8_t hash[32];
  ml_buf frame;                /* ML_ASK_BUNDLE, whole */
  uint64_t sent;               /* a bit for each worker that was given it */
  int64_t slow_ms;             /* when a slice of it last ran long; 0: never */
} ml_stock_item;

typedef struct ml_stock {
  ml_stock_item *head;
} ml_stock;

/* Known already: nothing happens.  n = 0: forget. */
ml_rc ml_stock_put(ml_stock *s, const uint8_t hash[32], const ml_source *src,
                   size_t n);
ml_stock_item *ml_stock_find(const ml_stock *s, const uint8_t hash[32]);
/* A new worker in that place knows nothing. */
void ml_stock_unsent(ml_stock *s, int worker);
void ml_stock_free(ml_stock *s);

/* Does the question name a bundle at all? */
bool ml_stock_named(const uint8_t hash[32]);

#endif
