/*
** client_health.h - how a host fares, and how much is asked of it.
**
** Pure: outcomes and moments go in.
**
**   well      up to `window` calls at once; each good answer widens the window
**             by one, up to the budget of a host
**   resting   REST_AFTER calls in a row came to nothing: no call until the
**             rest is over; each further rest is twice as long
**   probing   the rest is over: one call goes out alone.  A good answer ends
**             it, with a window of one; anything else is the next rest
**
** What came to nothing: no connection, no complete answer, and 429, 502, 503
** and 504.  Any other answer, also a 500, is one of a host that is there.  What
** we refused ourselves, or gave up before it left, says nothing.
*/
#ifndef ML_NET_CLIENT_HEALTH_H
#define ML_NET_CLIENT_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "net/client.h"

enum {
  ML_HOST_REST_AFTER = 10,       /* failures in a row */
  ML_HOST_REST_MS = 1000,        /* the first rest */
  ML_HOST_REST_MS_MAX = 30000
};

typedef struct ml_health {
  uint32_t failures;             /* in a row */
  uint32_t window;               /* 0: the whole budget */
  int64_t rest_ms;               /* length of the last rest; 0: none yet */
  int64_t until_ms;              /* resting or probing: end of the rest */
  bool resting;                  /* or probing: until a good answer */
} ml_health;

typedef enum ml_turn { ML_TURN_NONE, ML_TURN_RESTS, ML_TURN_BACK } ml_turn;

/* A call came to this.  What changed, for the log. */
ml_turn ml_health_ended(ml_health *h, bool good, uint32_t budget,
                        int64_t now_ms);
/* May one more start, with so many running? */
bool ml_health_room(const ml_health *h, uint32_t running, uint32_t budget,
                    int64_t now_ms);
/* Is it worth remembering? */
bool ml_health_known(const ml_health *h);
/* Does this answer count as one of a host that is there? */
bool ml_health_good(ml_http_end end, int status);

#endif
