/*
** client_host.c - hosts by their names, in buckets.
*/
#include "net/client_host.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define HOSTS_KNOWN 256u      /* without calls, remembered for how they fared */

typedef ml_client_host host;

host *ml_client_host_get(ml_client_hosts *h, ml_str key) {
  uint32_t hash = 2166136261u, b;
  size_t i;
  host *o;

  for (i = 0; i < key.n; i++)
    hash = (hash ^ (uint8_t)key.p[i]) * 16777619u;
  b = hash % ML_CLIENT_HOST_BUCKETS;
  for (o = h->buckets[b]; o != NULL; o = o->next) {
    if (ml_str_is(key, o->key)) {
      h->idle -= o->idle;
      o->idle = false;
      return o;
    }
  }
  o = ml_mem_zero(sizeof *o + key.n + 1);
  if (o == NULL)
    return NULL;
  memcpy(o->key, key.p, key.n);
  o->bucket = b;
  o->next = h->buckets[b];
  h->buckets[b] = o;
  return o;
}

static void forget(ml_client_hosts *h, host *o) {
  host **at = &h->buckets[o->bucket];

  while (*at != o)
    at = &(*at)->next;
  *at = o->next;
  ml_mem_free(o);
}

/* The host without calls whose trouble is longest ago. */
static host *stalest(const ml_client_hosts *h) {
  host *found = NULL;

  for (uint32_t b = 0; b < ML_CLIENT_HOST_BUCKETS; b++)
    for (host *o = h->buckets[b]; o != NULL; o = o->next)
      if (o->running == 0 && o->waiting == 0
          && (found == NULL || o->health.until_ms < found->health.until_ms))
        found = o;
  return found;
}

void ml_client_host_put(ml_client_hosts *h, host *o) {
  if (o->running > 0 || o->waiting > 0 || o->idle)
    return;
  if (!ml_health_known(&o->health)) {
    forget(h, o);
    return;
  }
  o->idle = true;
  h->idle++;
  if (h->idle > HOSTS_KNOWN && (o = stalest(h)) != NULL) {
    h->idle--;
    if (o->health.resting)
      h->resting--;
    forget(h, o);
  }
}

ml_client_call *ml_client_host_next(const ml_client_hosts *h, int64_t now_ms) {
  ml_client_call *best = NULL, *k;

  for (uint32_t b = 0; b < ML_CLIENT_HOST_BUCKETS; b++) {
    for (const host *o = h->buckets[b]; o != NULL; o = o->next) {
      if (o->waiting == 0 ||
          !ml_health_room(&o->health, o->running, h->per_host, now_ms))
        continue;
      k = ml_client_queue_first(o->queues);
      if (k != NULL && (best == NULL || k->seq < best->seq))
        best = k;
    }
  }
  return best;
}

void ml_client_host_note(ml_client_hosts *h, host *o, bool good,
                         int64_t now_ms) {
  switch (ml_health_ended(&o->health, good, h->per_host, now_ms)) {
    case ML_TURN_RESTS:
      h->rests++;
      h->resting++;
      ml_log(ML_WARN, "host-rests", "host", o->key, NULL);
      break;
    case ML_TURN_BACK:
      h->resting--;
      ml_log(ML_INFO, "host-back", "host", o->key, NULL);
      break;
    case ML_TURN_NONE:
      break;
  }
}

int64_t ml_client_host_rested(const ml_client_hosts *h, int64_t now_ms) {
  int64_t next = 0;

  for (uint32_t b = 0; b < ML_CLIENT_HOST_BUCKETS; b++)
    for (const host *o = h->buckets[b]; o != NULL; o = o->next)
      if (o->waiting > 0 && o->health.resting && o->health.until_ms > now_ms
          && (next == 0 || o->health.until_ms < next))
        next = o->health.until_ms;
  return next;
}

void ml_client_host_clear(ml_client_hosts *h) {
  for (uint32_t b = 0; b < ML_CLIENT_HOST_BUCKETS; b++)
    while (h->buckets[b] != NULL)
      forget(h, h->buckets[b]);
}
