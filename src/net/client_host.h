/*
** client_host.h - the hosts that are called: the calls that wait for each, and
** how it fares.
**
** A host is a scheme, a name and a port.  It is there from its first call on,
** and is forgotten with the last one, unless it fared badly: of those so many
** are remembered, and then the one whose trouble is longest ago goes first.
*/
#ifndef ML_NET_CLIENT_HOST_H
#define ML_NET_CLIENT_HOST_H

#include "base/pack.h"
#include "net/client_health.h"
#include "net/client_queue.h"

enum { ML_CLIENT_HOST_BUCKETS = 64 };

typedef struct ml_client_host {
  struct ml_client_host *next;   /* in its bucket */
  uint32_t bucket;
  uint32_t running, waiting;
  bool idle;                     /* without calls, remembered */
  ml_health health;
  ml_client_queue *queues;       /* calls that wait */
  char key[];
} ml_client_host;

typedef struct ml_client_hosts {
  ml_client_host *buckets[ML_CLIENT_HOST_BUCKETS];
  uint32_t per_host;             /* calls at once to one */
  uint32_t idle;                 /* of them, without calls */
  uint64_t resting, rests;       /* now; begun so far */
} ml_client_hosts;

/* The host of this name, made when it is new; NULL: no memory. */
ml_client_host *ml_client_host_get(ml_client_hosts *h, ml_str key);

/* It may be without calls now: is it to be forgotten? */
void ml_client_host_put(ml_client_hosts *h, ml_client_host *o);

/* The call that came first among those whose host and line have room. */
ml_client_call *ml_client_host_next(const ml_client_hosts *h, int64_t now_ms);

/* A call that had left came to this.  Says when the host begins to rest, and
** when it is back. */
void ml_client_host_note(ml_client_hosts *h, ml_client_host *o, bool good,
                         int64_t now_ms);

/* The next end of a rest that somebody waits for; 0: none. */
int64_t ml_client_host_rested(const ml_client_hosts *h, int64_t now_ms);

/* Forget them all; no call knows one any more. */
void ml_client_host_clear(ml_client_hosts *h);

#endif
