/*
** peer.c - the other side of outgoing calls.
**
** It honours keys: an effect happens once a key, and the same answer comes
** again.  Its ledger is what the engine's history is compared with.
*/
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sim/world.h"

const char *peer_way_name(peer_way w) {
  static const char *const names[PEER_WAYS] = {
    "good", "slow", "500", "429", "400", "lost before the effect",
    "lost after the effect", "garbage", "not sent"};
  return names[w];
}

static uint64_t hash_of(uint64_t h, ml_str s) {
  for (size_t i = 0; i < s.n; i++)
    h = (h ^ (uint8_t)s.p[i]) * UINT64_C(0x100000001b3);
  return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

static int row_of(world *w, const char *key) {
  for (size_t i = 0; i < w->row_count; i++)
    if (strcmp(w->rows[i].key, key) == 0)
      return (int)i;
  if (w->row_count == w->row_cap) {
    w->row_cap = w->row_cap * 2 + 16;
    w->rows = realloc(w->rows, w->row_cap * sizeof *w->rows);
    if (w->rows == NULL)
      abort();
  }
  memset(&w->rows[w->row_count], 0, sizeof *w->rows);
  snprintf(w->rows[w->row_count].key, PEER_KEY, "%s", key);
  return (int)w->row_count++;
}

static void key_of(const ml_http_call *c, char out[PEER_KEY]) {
  static const char name[] = "Idempotency-Key: ";
  size_t n = sizeof name - 1;

  out[0] = '\0';
  for (size_t i = 0; i < c->header_count; i++)
    if (c->headers[i].n > n && memcmp(c->headers[i].p, name, n) == 0)
      snprintf(out, PEER_KEY, "%.*s", (int)(c->headers[i].n - n),
               c->headers[i].p + n);
}

static void book(world *w, const ml_http_call *c, const char *key, int k) {
  uint64_t h = hash_of(hash_of(hash_of(UINT64_C(0xcbf29ce484222325),
                                       c->method), c->url), c->body);

  if (w->rows[k].calls++ == 0)
    w->rows[k].hash = h;
  else if (w->rows[k].hash != h)
    world_fault(w, "key %s was sent with another request: %.*s %.*s %.*s", key,
                (int)c->method.n, c->method.p, (int)c->url.n, c->url.p,
                (int)c->body.n, c->body.p);
}

static ml_rc send_call(ml_http *h, const ml_http_call *c, ml_http_fn *fn,
                       void *arg, uint64_t *id, ml_err *e) {
  world *w = (world *)h;
  call_out *o, **end = &w->calls;
  char key[PEER_KEY], url[200];
  int64_t delay = 20;

  if (!world_alive(w))
    return ml_err_set(e, ML_AGAIN, "", "the program is gone");
  if (w->stopped)
    world_fault(w, "a call left after a failed flush");
  key_of(c, key);
  snprintf(url, sizeof url, "%.*s", (int)c->url.n, c->url.p);
  o = calloc(1, sizeof *o);
  if (o == NULL)
    return ML_NOMEM;
  o->row = -1;
  if (key[0] != '\0') {
    world_check_call(w, key);
    o->row = row_of(w, key);
    book(w, c, key, o->row);
  } else if (!ml_str_is(c->method, "GET") && !ml_str_is(c->method, "HEAD")) {
    world_fault(w, "%.*s %s left without a key", (int)c->method.n, c->method.p,
                url);
  }
  o->way = w->way != NULL
               ? w->way(w, url, o->row >= 0 ? w->rows[o->row].calls - 1 : 0,
                        &delay)
               : PEER_GOOD;
  w->ways[o->way]++;
  world_trace(w, "call %s %s: %s", key, url, peer_way_name(o->way));
  o->id = ++w->call_id;
  o->due = w->clock.mono + delay;
  o->fn = fn;
  o->arg = arg;
  while (*end != NULL)
    end = &(*end)->next;
  *end = o;
  if (id != NULL)
    *id = o->id;
  return ML_OK;
}

static void cancel(ml_http *h, uint64_t id) {
  world *w = (world *)h;

  for (call_out **at = &w->calls; *at != NULL; at = &(*at)->next)
    if ((*at)->id == id) {
      call_out *o = *at;

      *at = o->next;
      free(o);
      return;
    }
}

static void tell(call_out *o, ml_http_answer *a) {
  o->fn(o->arg, a);
}

/* The effect, once a key; then the answer, as this call goes. */
static void answer(world *w, call_out *o) {
  static const ml_http_header again = {{"Retry-After", 11}, {"30", 2}};
  ml_http_answer a = {.end = ML_HTTP_COMPLETE, .status = 200};
  bool done = o->way == PEER_GOOD || o->way == PEER_SLOW ||
              o->way == PEER_LOST_AFTER || o->way == PEER_GARBAGE;

  if (done && o->row >= 0 && w->rows[o->row].done == 0) {
    w->rows[o->row].done = 1;
    w->effects++;
  }
  a.body = ML_STR("{\"ok\":true}");
  switch (o->way) {
    case PEER_500: a.status = 500; break;
    case PEER_429: a.status = 429; a.headers = &again; a.header_count = 1; break;
    case PEER_400: a.status = 400; a.body = ML_STR("no"); break;
    case PEER_LOST_BEFORE: case PEER_LOST_AFTER:
      a = (ml_http_answer){.end = ML_HTTP_LOST, .why = "the peer hung up"};
      break;
    case PEER_NOT_SENT:
      a = (ml_http_answer){.end = ML_HTTP_NOT_SENT, .why = "no connection"};
      break;
    case PEER_GARBAGE: a.body = ML_STR("\xff\xfe\x01{\"ok\":"); break;
    default: break;
  }
  tell(o, &a);
}

size_t peer_deliver(world *w) {
  size_t n = 0;
  call_out **at = &w->calls;

  while (*at != NULL) {
    call_out *o = *at;

    if (o->due > w->clock.mono) {
      at = &o->next;
      continue;
    }
    *at = o->next;
    answer(w, o);
    free(o);
    n++;
    at = &w->calls;              /* the list may have changed */
  }
  return n;
}

int64_t peer_next(const world *w) {
  int64_t min = -1;

  for (const call_out *o = w->calls; o != NULL; o = o->next)
    if (min < 0 || o->due < min)
      min = o->due;
  return min;
}

void peer_hang_up(world *w) {
  while (w->calls != NULL) {
    call_out *o = w->calls;
    ml_http_answer a = {.end = ML_HTTP_LOST, .why = "the peer hung up"};

    w->calls = o->next;
    /* a call that was on its way may still be done */
    if (o->row >= 0 && w->rows[o->row].done == 0 &&
        ml_rand_between(&w->rand.base, 0, 1) == 1) {
      w->rows[o->row].done = 1;
      w->effects++;
    }
    tell(o, &a);
    free(o);
  }
}

void peer_init(world *w) {
  w->http.send = send_call;
  w->http.cancel = cancel;
}

void peer_free(world *w) {
  while (w->calls != NULL) {
    call_out *o = w->calls;

    w->calls = o->next;
    free(o);
  }
  free(w->rows);
  w->rows = NULL;
  w->row_count = w->row_cap = 0;
}
