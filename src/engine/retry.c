/*
** retry.c - how long to wait before the next attempt.
**
** retry = { n, "24h" } waits exactly that; { n, "5s..10m" } a random time
** between 5 s and min(10 m, 5 s * 2^k), k = 0 for the first retry: "full
** jitter" above a floor, so that what failed together does not return
** together.
*/
#include "base/plant.h"
#include "engine/inside.h"

int64_t retry_wait(const ml_retry *r, uint32_t k, ml_rand *rand) {
  int64_t top = r->min_ms;

  if (r->min_ms >= r->max_ms)
    return r->min_ms;
  while (k-- > 0 && top < r->max_ms)
    top = top > r->max_ms / 2 ? r->max_ms : top * 2;
  if (top < 1)
    top = r->max_ms;             /* a floor of 0: anywhere up to the cap */
  if (ML_PLANTED(no_jitter))
    return top;
  return ml_rand_between(rand, r->min_ms, top);
}
