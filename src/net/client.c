/*
** client.c - libcurl's multi interface on the loop, behind a queue.
**
** A call goes through these hands:
**
**   client_send()   judges text (client_check.c), copies, queues
**   pump()          starts what may start: max_open in all, per_host at one
**                   host (client_host.h), so many of one line (client_queue.h),
**                   in the order in which the calls came
**   client_call.c   tells libcurl what to do, judges where the connection goes,
**                   gathers the answer (client_answer.c)
**   end()           says how it went, once
**
** Deadlines are ours, by the loop's clock; libcurl's own are
** only there for the case that a connect attempt must share its time among
** several addresses.
*/
#include "net/client.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/client_call.h"
#include "net/client_check.h"
#include "net/client_health.h"
#include "net/client_host.h"
#include "net/client_queue.h"
#include "net/http_char.h"

#define OPEN_MAX 128u
#define PER_HOST 16u
#define EASY_POOL 32u
#define HOST_WAITING 10000u   /* calls that wait for one host */

typedef struct ml_client client;
typedef struct ml_client_call call;

typedef struct slot {
  call *call;
  uint32_t generation;
  uint32_t next_free;            /* index + 1 */
} slot;

/* A descriptor that libcurl wants watched. */
typedef struct sock {
  client *client;
  curl_socket_t fd;
  ml_loop_fd *watch;
  struct sock *prev, *next;
} sock;

struct ml_client {
  ml_http http;                  /* first: an ml_http * is a client * */
  ml_loop *loop;
  CURLM *multi;
  ml_loop_timer *timer;          /* libcurl's */
  uint32_t max_open;
  uint32_t running;
  uint64_t seq;
  ml_client_hosts hosts;
  ml_client_line *lines;
  size_t waiting;
  call *refused, *refused_last;
  sock *socks;
  slot *slots;
  uint32_t slot_count, slot_cap, slot_free;
  CURL *pool[EASY_POOL];
  uint32_t pool_count;
  ml_loop_timer *rested;         /* a host with waiting calls may be probed */
  ml_http_stats stats;
};

static void pump(void *arg);

static int64_t mono(const client *c) {
  ml_clock *clock = ml_loop_clock(c->loop);

  return clock->mono_ms(clock);
}

/* ---- calls by id ---- */

static ml_rc slot_take(client *c, call *k) {
  slot *slots;
  uint32_t i, cap;

  if (c->slot_free == 0 && c->slot_count == c->slot_cap) {
    cap = c->slot_cap > 0 ? c->slot_cap * 2 : 64;
    slots = ml_mem_realloc(c->slots, cap * sizeof *slots);
    if (slots == NULL)
      return ML_NOMEM;
    c->slots = slots;
    c->slot_cap = cap;
  }
  if (c->slot_free != 0) {
    i = c->slot_free - 1;
    c->slot_free = c->slots[i].next_free;
  } else {
    i = c->slot_count++;
    c->slots[i].generation = 0;
  }
  c->slots[i].call = k;
  k->id = (uint64_t)c->slots[i].generation << 32 | (i + 1);
  return ML_OK;
}

static void slot_release(client *c, uint64_t id) {
  uint32_t i = (uint32_t)id - 1;

  c->slots[i].call = NULL;
  c->slots[i].generation++;
  c->slots[i].next_free = c->slot_free;
  c->slot_free = i + 1;
}

static call *slot_find(const client *c, uint64_t id) {
  uint32_t i = (uint32_t)id;

  if (i == 0 || i > c->slot_count ||
      c->slots[i - 1].generation != (uint32_t)(id >> 32))
    return NULL;
  return c->slots[i - 1].call;
}

/* The call whose turn it is. */
static call *next_call(const client *c) {
  if (c->waiting == 0 || c->running >= c->max_open)
    return NULL;
  return ml_client_host_next(&c->hosts, mono(c));
}

/* ---- the end of a call ---- */

static void easy_put(client *c, CURL *easy) {
  if (easy == NULL)
    return;
  if (c->pool_count < EASY_POOL) {
    curl_easy_reset(easy);
    c->pool[c->pool_count++] = easy;
  } else {
    curl_easy_cleanup(easy);
  }
}

/* Take a call out of everything that knows it. */
static void detach(call *k) {
  client *c = k->client;

  ml_loop_timer_stop(k->timer);
  slot_release(c, k->id);
  switch (k->phase) {
  case ML_CLIENT_REFUSED:
    ml_client_list_remove(&c->refused, &c->refused_last, k);
    break;
  case ML_CLIENT_WAITING:
    ml_client_queue_take(&k->host->queues, k);
    k->host->waiting--;
    c->waiting--;
    break;
  case ML_CLIENT_RUNNING:
    curl_multi_remove_handle(c->multi, k->easy);
    c->running--;
    k->host->running--;
    if (k->line != NULL)
      k->line->running--;
    break;
  }
  ml_client_line_leave(&c->lines, k);
  easy_put(c, k->easy);
  k->easy = NULL;
  if (k->host != NULL)
    ml_client_host_put(&c->hosts, k->host);
  k->host = NULL;
}

/* What a call that had left says about its host. */
static void note_health(const call *k, ml_http_end how, int status) {
  client *c = k->client;
  bool good = ml_health_good(how, status);

  /* A program of ours behind a Unix socket is no peer to be spared: it may be
  ** starting, and is asked until it is there. */
  if (k->phase != ML_CLIENT_RUNNING || how == ML_HTTP_REFUSED ||
      k->ask.unix_path != NULL)
    return;
  if (good)
    c->stats.good++;
  else
    c->stats.bad++;
  ml_client_host_note(&c->hosts, k->host, good, mono(c));
}

/* Let pump() run at the end of this turn. */
static ml_rc pump_later(client *c) {
  return ml_loop_later(c->loop, pump, c);
}

static void end(call *k, ml_http_end how, const char *why) {
  client *c = k->client;
  ml_http_answer a = {.end = how, .why = why, .body = ML_STR("")};

  if (how == ML_HTTP_COMPLETE) {
    a.status = k->answer.status;
    a.headers = ml_client_answer_headers(&k->answer, &a.header_count);
    if (k->answer.body.len > 0)
      a.body = (ml_str){k->answer.body.p, k->answer.body.len};
    if (a.headers == NULL)
      a = (ml_http_answer){.end = ML_HTTP_LOST, .body = ML_STR(""),
                           .why = "out of memory"};
  }
  note_health(k, a.end, a.status);
  detach(k);
  k->fn(k->arg, &a);
  ml_client_call_free(k);
  if (c->waiting > 0 && pump_later(c) != ML_OK)
    ml_loop_timer_set(c->timer, 0);   /* needs no memory, and pumps too */
}

/* libcurl is through with a call. */
static void judge(call *k, CURLcode code) {
  char why[CURL_ERROR_SIZE + 80];
  const char *fault = ml_client_answer_judge(&k->answer);
  const char *says = k->curl_says[0] != '\0' ? k->curl_says
                                             : curl_easy_strerror(code);

  if (code == CURLE_OK && fault == NULL) {
    end(k, ML_HTTP_COMPLETE, NULL);
    return;
  }
  if (!k->sent) {
    if (k->refused.rc != ML_OK && !k->opened) {
      end(k, ML_HTTP_REFUSED, k->refused.text);
      return;
    }
    snprintf(why, sizeof why, "no connection: %s", says);
    end(k, ML_HTTP_NOT_SENT, why);
    return;
  }
  if (code == CURLE_OK || k->answer.fault != NULL)
    snprintf(why, sizeof why, "%s", fault);
  else
    snprintf(why, sizeof why, "no complete answer: %s", says);
  end(k, ML_HTTP_LOST, why);
}

static void collect(client *c) {
  CURLMsg *msg;
  call *k;
  int left;

  while ((msg = curl_multi_info_read(c->multi, &left)) != NULL) {
    if (msg->msg == CURLMSG_DONE &&
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &k) == CURLE_OK)
      judge(k, msg->data.result);
  }
}

/* ---- deadlines ---- */

static void call_arm(call *k, int64_t now) {
  int64_t due = k->due_ms;

  if (k->phase == ML_CLIENT_RUNNING && !k->sent && k->connect_due_ms < due)
    due = k->connect_due_ms;
  ml_loop_timer_set(k->timer, due - now);
}

static void on_call_timer(void *arg) {
  call *k = arg;
  int64_t now = mono(k->client);
  char why[120];

  if (now >= k->due_ms && k->phase == ML_CLIENT_WAITING &&
      ml_client_line_full(k)) {
    k->due_ms = now + k->ask.timeout_ms;    /* its turn will come */
    call_arm(k, now);
  } else if (now >= k->due_ms && k->sent) {
    snprintf(why, sizeof why, "no complete answer within %lld ms",
             (long long)k->ask.timeout_ms);
    end(k, ML_HTTP_LOST, why);
  } else if (now >= k->due_ms) {
    snprintf(why, sizeof why, k->phase == ML_CLIENT_RUNNING
                 ? "no connection within %lld ms"
                 : k->host->health.resting
                 ? "its host rests after many failures, and no place in the "
                   "queue within %lld ms"
                 : "no place in the queue within %lld ms",
             (long long)k->ask.timeout_ms);
    end(k, ML_HTTP_NOT_SENT, why);
  } else if (k->phase == ML_CLIENT_RUNNING && !k->sent && now >= k->connect_due_ms) {
    snprintf(why, sizeof why, "no connection within %lld ms",
             (long long)k->ask.connect_ms);
    end(k, ML_HTTP_NOT_SENT, why);
  } else {
    call_arm(k, now);
  }
}

/* ---- start ---- */

static void start(call *k) {
  client *c = k->client;
  int64_t now = mono(c);

  k->easy = c->pool_count > 0 ? c->pool[--c->pool_count] : curl_easy_init();
  if (k->easy == NULL || !ml_client_call_set(k, k->easy) ||
      curl_multi_add_handle(c->multi, k->easy) != CURLM_OK) {
    end(k, ML_HTTP_NOT_SENT, "out of memory");
    return;
  }
  ml_client_queue_take(&k->host->queues, k);
  k->host->waiting--;
  c->waiting--;
  k->phase = ML_CLIENT_RUNNING;
  c->running++;
  k->host->running++;
  if (k->line != NULL)
    k->line->running++;
  k->connect_due_ms = now + k->ask.connect_ms;
  call_arm(k, now);
}

/* A host that rests may be probed again, when somebody waits for that. */
static void wait_for_rests(client *c) {
  int64_t now = mono(c), next = ml_client_host_rested(&c->hosts, now);

  if (next > 0)
    ml_loop_timer_set(c->rested, next - now);
  else
    ml_loop_timer_stop(c->rested);
}

static void pump(void *arg) {
  client *c = arg;
  call *k;

  while ((k = c->refused) != NULL)
    end(k, ML_HTTP_REFUSED, k->refused.text);
  while ((k = next_call(c)) != NULL)
    start(k);
  if (c->hosts.resting > 0)
    wait_for_rests(c);
}

/* ---- libcurl and the loop ---- */

static void act(client *c, curl_socket_t fd, int what) {
  int running;

  curl_multi_socket_action(c->multi, fd, what, &running);
  collect(c);
}

static void on_sock(void *arg, bool readable, bool writable) {
  sock *s = arg;

  act(s->client, s->fd, (readable ? CURL_CSELECT_IN : 0) |
                            (writable ? CURL_CSELECT_OUT : 0));
}

static void on_curl_timer(void *arg) {
  client *c = arg;

  act(c, CURL_SOCKET_TIMEOUT, 0);
  pump(c);
}

static int set_timer(CURLM *multi, long ms, void *arg) {
  client *c = arg;

  (void)multi;
  if (ms < 0)
    ml_loop_timer_stop(c->timer);
  else
    ml_loop_timer_set(c->timer, ms);
  return 0;
}

static void sock_free(sock *s) {
  client *c = s->client;

  if (s->prev != NULL)
    s->prev->next = s->next;
  else
    c->socks = s->next;
  if (s->next != NULL)
    s->next->prev = s->prev;
  ml_loop_fd_free(s->watch);
  ml_mem_free(s);
}

static sock *sock_new(client *c, curl_socket_t fd) {
  sock *s = ml_mem_zero(sizeof *s);

  if (s == NULL)
    return NULL;
  s->watch = ml_loop_fd_new(c->loop, fd, on_sock, s);
  if (s->watch == NULL || curl_multi_assign(c->multi, fd, s) != CURLM_OK) {
    ml_loop_fd_free(s->watch);
    ml_mem_free(s);
    return NULL;
  }
  s->client = c;
  s->fd = fd;
  s->next = c->socks;
  if (c->socks != NULL)
    c->socks->prev = s;
  c->socks = s;
  return s;
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg,
                        void *known) {
  client *c = arg;
  sock *s = known;

  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    if (s != NULL)
      sock_free(s);
    return 0;
  }
  if (s == NULL && (s = sock_new(c, fd)) == NULL)
    return -1;
  ml_loop_fd_want(s->watch, (what & CURL_POLL_IN) != 0,
                  (what & CURL_POLL_OUT) != 0);
  return 0;
}

/* ---- a new call ---- */

static call *call_new(client *c, const ml_http_call *ask, ml_http_fn *fn,
                      void *arg) {
  call *k = ml_client_call_new(ask, fn, arg);

  if (k == NULL)
    return NULL;
  k->client = c;
  k->due_ms = mono(c) + k->ask.timeout_ms;
  k->seq = c->seq++;
  k->timer = ml_loop_timer_new(c->loop, on_call_timer, k);
  if (k->timer == NULL) {
    ml_client_call_free(k);
    return NULL;
  }
  return k;
}

/* Queue a call that is allowed.  Nothing is left behind when it fails. */
static ml_rc enqueue(client *c, call *k, ml_buf *url, ml_buf *key) {
  if (!ml_client_call_copy(k, (ml_str){url->p, url->len}))
    return ML_NOMEM;
  k->host = ml_client_host_get(&c->hosts, (ml_str){key->p, key->len});
  if (k->host == NULL)
    return ML_NOMEM;
  if (k->host->waiting >= HOST_WAITING)
    return ML_AGAIN;
  if (!ml_client_queue_put(&k->host->queues, &c->lines, k)) {
    ml_client_host_put(&c->hosts, k->host);
    return ML_NOMEM;
  }
  if (slot_take(c, k) != ML_OK) {
    ml_client_queue_take(&k->host->queues, k);
    ml_client_line_leave(&c->lines, k);
    ml_client_host_put(&c->hosts, k->host);
    return ML_NOMEM;
  }
  k->phase = ML_CLIENT_WAITING;
  k->host->waiting++;
  c->waiting++;
  call_arm(k, mono(c));
  return ML_OK;
}

static ml_rc enqueue_refused(client *c, call *k) {
  if (slot_take(c, k) != ML_OK)
    return ML_NOMEM;
  k->phase = ML_CLIENT_REFUSED;
  ml_client_list_add(&c->refused, &c->refused_last, k);
  return ML_OK;
}

static ml_rc client_send(ml_http *h, const ml_http_call *ask, ml_http_fn *fn,
                         void *arg, uint64_t *id, ml_err *e) {
  client *c = (client *)h;
  ml_buf url = {0}, key = {0};
  call *k = NULL;
  ml_rc rc = pump_later(c);      /* first: afterwards nothing may fail */

  if (rc == ML_OK && (k = call_new(c, ask, fn, arg)) == NULL)
    rc = ML_NOMEM;
  if (rc == ML_OK) {
    rc = ml_client_check(ask, &url, &key, &k->refused);
    if (rc == ML_OK)
      rc = enqueue(c, k, &url, &key);
    else if (rc == ML_REFUSED)
      rc = enqueue_refused(c, k);
  }
  ml_buf_free(&url);
  ml_buf_free(&key);
  if (rc != ML_OK) {
    ml_client_call_free(k);
    return ml_err_set(e, rc, "", rc == ML_AGAIN
                      ? "too many calls wait for this host" : "out of memory");
  }
  if (id != NULL)
    *id = k->id;
  return ML_OK;
}

static void client_cancel(ml_http *h, uint64_t id) {
  client *c = (client *)h;
  call *k = slot_find(c, id);

  if (k == NULL)
    return;
  detach(k);
  ml_client_call_free(k);
  if (c->waiting > 0 && pump_later(c) != ML_OK)
    ml_loop_timer_set(c->timer, 0);
}

static void client_stats(ml_http *h, ml_http_stats *out) {
  const client *c = (const client *)h;

  *out = c->stats;
  out->open = c->running;
  out->waiting = c->waiting;
  out->resting = c->hosts.resting;
  out->rests = c->hosts.rests;
}

/* ---- the client ---- */

static bool set_multi(client *c) {
  bool ok = true;

  ok &= !curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
  ok &= !curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
  ok &= !curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_timer);
  ok &= !curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
  ok &= !curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  ok &= !curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)c->max_open);
  return ok;
}

ml_rc ml_client_new(ml_loop *l, uint32_t max_open, uint32_t per_host,
                    ml_http **out) {
  client *c;

  *out = NULL;
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return ML_NOMEM;
  c = ml_mem_zero(sizeof *c);
  if (c == NULL) {
    curl_global_cleanup();
    return ML_NOMEM;
  }
  c->http = (ml_http){client_send, client_cancel, client_stats};
  c->loop = l;
  c->max_open = max_open != 0 ? max_open : OPEN_MAX;
  c->hosts.per_host = per_host != 0 ? per_host : PER_HOST;
  c->multi = curl_multi_init();
  c->timer = ml_loop_timer_new(l, on_curl_timer, c);
  c->rested = ml_loop_timer_new(l, pump, c);
  if (c->multi == NULL || c->timer == NULL || c->rested == NULL || !set_multi(c)) {
    ml_client_free(&c->http);
    return ML_NOMEM;
  }
  *out = &c->http;
  return ML_OK;
}

void ml_client_free(ml_http *h) {
  client *c = (client *)h;
  uint32_t i;
  call *k;

  if (c == NULL)
    return;
  ml_loop_later_cancel(c->loop, pump, c);
  for (i = 0; i < c->slot_count; i++) {
    k = c->slots[i].call;
    if (k != NULL) {
      detach(k);
      ml_client_call_free(k);
    }
  }
  while (c->pool_count > 0)
    curl_easy_cleanup(c->pool[--c->pool_count]);
  if (c->multi != NULL)
    curl_multi_cleanup(c->multi);
  while (c->socks != NULL)
    sock_free(c->socks);
  ml_client_host_clear(&c->hosts);
  ml_loop_timer_free(c->timer);
  ml_loop_timer_free(c->rested);
  ml_mem_free(c->slots);
  ml_mem_free(c);
  curl_global_cleanup();
}

ml_str ml_http_header_of(const ml_http_answer *a, const char *name) {
  size_t i;

  for (i = 0; i < a->header_count; i++) {
    if (ml_http_is_same(a->headers[i].name, name))
      return a->headers[i].value;
  }
  return ML_NOSTR;
}
