/* client_health.c - rests, probes and the way back. */
#include "net/client_health.h"

bool ml_health_good(ml_http_end end, int status) {
  return end == ML_HTTP_COMPLETE && status != 429 && status != 502
         && status != 503 && status != 504;
}

static ml_turn rest(ml_health *h, int64_t now_ms) {
  bool anew = !h->resting;

  h->rest_ms = h->rest_ms == 0 ? ML_HOST_REST_MS : h->rest_ms * 2;
  if (h->rest_ms > ML_HOST_REST_MS_MAX)
    h->rest_ms = ML_HOST_REST_MS_MAX;
  h->until_ms = now_ms + h->rest_ms;
  h->resting = true;
  return anew ? ML_TURN_RESTS : ML_TURN_NONE;
}

ml_turn ml_health_ended(ml_health *h, bool good, uint32_t budget,
                        int64_t now_ms) {
  if (!good) {
    h->failures++;
    if (h->resting)              /* a probe; one that left before the rest
                                    makes it no longer */
      return now_ms >= h->until_ms ? rest(h, now_ms) : ML_TURN_NONE;
    return h->failures >= ML_HOST_REST_AFTER ? rest(h, now_ms) : ML_TURN_NONE;
  }
  h->failures = 0;
  if (h->resting) {
    *h = (ml_health){.window = 1};
    return ML_TURN_BACK;
  }
  if (h->window > 0 && ++h->window >= budget)
    h->window = 0;
  return ML_TURN_NONE;
}

bool ml_health_room(const ml_health *h, uint32_t running, uint32_t budget,
                    int64_t now_ms) {
  if (h->resting)
    return running == 0 && now_ms >= h->until_ms;
  return running < (h->window > 0 && h->window < budget ? h->window : budget);
}

bool ml_health_known(const ml_health *h) {
  return h->failures > 0 || h->window > 0 || h->resting;
}
