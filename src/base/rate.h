/*
** rate.h - so many in a time, and no more: token buckets.
**
** A bucket begins full with `burst` tokens and gains `n` every `per_ms`; each
** thing that is let through takes one.  Exact: no drift, whatever the steps of
** the clock.  The clock is the monotonic one.
*/
#ifndef ML_BASE_RATE_H
#define ML_BASE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pack.h"
#include "base/rc.h"

#define ML_RATE_MAX 100000       /* things, and at least one a day */

typedef struct ml_rate {
  int64_t n, per_ms, burst;      /* n 0: none given */
} ml_rate;

typedef struct ml_bucket {
  bool used;
  int64_t level;                 /* tokens * per_ms */
  int64_t at_ms;
  ml_rate rate;                  /* of the level */
} ml_bucket;

/* "50/s", "60/m", "1000/h", "10/d"; the burst is n.  ML_INVALID otherwise. */
ml_rc ml_rate_parse(ml_str s, ml_rate *out);

/* Take one.  false: none is left; *wait_ms (NULL allowed) tells when the next
** one is there, at least 1.  With another rate than before it begins anew. */
bool ml_bucket_take(ml_bucket *b, const ml_rate *rate, int64_t now_ms,
                    int64_t *wait_ms);

#endif
