/*
** client.c - libcurl's multi interface on the loop, behind a queue.
**
** A call goes through these hands:
**
**   client_send()   judges text (client_check.c), copies, queues
**   pump()          starts what may start: max_open in all, per_host at one
**                   host, in the order in which the calls came
**   on_open(), on_ready_to_send()   judge where the connection goes, when it
**                   is made and again when one is used: a connection that
**                   stands open was perhaps allowed to another call only
**   on_header(), on_body()          gather the answer (client_answer.c)
**   end()           says how it went, once
**
** Whether anything was sent is exact: on_ready_to_send() comes before the
** first byte.  Deadlines are ours, by the loop's clock; libcurl's own are
** only there for the case that a connect attempt must share its time among
** several addresses.
**
** libcurl sends again by itself when a kept connection turns out to be dead.
** For POST and PATCH that is refused: who asked decides whether to repeat.
*/
#include "net/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/address.h"
#include "net/client_answer.h"
#include "net/client_check.h"

#define OPEN_MAX 128u
#define PER_HOST 16u
#define TIMEOUT_MS 30000
#define CONNECT_MS 5000
#define BODY_MAX (8u << 20)
#define IDLE_S 10L               /* a kept connection is used again within */
#define EASY_POOL 32u
#define HOST_BUCKETS 64u

typedef struct client client;
typedef struct call call;

/* The calls to one scheme, host and port. */
typedef struct host {
  struct host *next;             /* in its bucket */
  uint32_t bucket;
  uint32_t running;
  call *first, *last;            /* that wait */
  char key[];
} host;

typedef enum phase { WAITING, RUNNING, REFUSED } phase;

struct call {
  client *client;
  uint64_t id;                   /* slot + 1, generation << 32 */
  uint64_t seq;                  /* the order in which calls came */
  phase phase;
  call *prev, *next;             /* of its host's waiting, or of the refused */
  host *host;
  ml_http_fn *fn;
  void *arg;
  ml_arena texts;                /* copies of what the caller lent */
  ml_http_call ask;              /* with those copies */
  const char *url;
  struct curl_slist *headers;    /* nodes in `texts` */
  CURL *easy;
  ml_loop_timer *timer;
  int64_t due_ms, connect_due_ms;
  bool opened;                   /* some address was tried */
  bool sent;                     /* or perhaps sent */
  ml_err refused;                /* .rc: an address was not allowed */
  ml_client_answer answer;
  char curl_says[CURL_ERROR_SIZE];
};

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

struct client {
  ml_http http;                  /* first: an ml_http * is a client * */
  ml_loop *loop;
  CURLM *multi;
  ml_loop_timer *timer;          /* libcurl's */
  uint32_t max_open, per_host;
  uint32_t running;
  uint64_t seq;
  host *hosts[HOST_BUCKETS];
  size_t waiting;
  call *refused, *refused_last;
  sock *socks;
  slot *slots;
  uint32_t slot_count, slot_cap, slot_free;
  CURL *pool[EASY_POOL];
  uint32_t pool_count;
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

/* ---- hosts and their queues ---- */

static host *host_get(client *c, ml_str key) {
  uint32_t h = 2166136261u, b;
  size_t i;
  host *o;

  for (i = 0; i < key.n; i++)
    h = (h ^ (uint8_t)key.p[i]) * 16777619u;
  b = h % HOST_BUCKETS;
  for (o = c->hosts[b]; o != NULL; o = o->next) {
    if (ml_str_is(key, o->key))
      return o;
  }
  o = ml_mem_zero(sizeof *o + key.n + 1);
  if (o == NULL)
    return NULL;
  memcpy(o->key, key.p, key.n);
  o->bucket = b;
  o->next = c->hosts[b];
  c->hosts[b] = o;
  return o;
}

/* Forget a host without calls. */
static void host_put(client *c, host *o) {
  host **at = &c->hosts[o->bucket];

  if (o->running > 0 || o->first != NULL)
    return;
  while (*at != o)
    at = &(*at)->next;
  *at = o->next;
  ml_mem_free(o);
}

static void list_add(call **first, call **last, call *k) {
  k->next = NULL;
  k->prev = *last;
  if (*last != NULL)
    (*last)->next = k;
  else
    *first = k;
  *last = k;
}

static void list_remove(call **first, call **last, call *k) {
  if (k->prev != NULL)
    k->prev->next = k->next;
  else
    *first = k->next;
  if (k->next != NULL)
    k->next->prev = k->prev;
  else
    *last = k->prev;
}

/* The call that came first among those whose host has room. */
static call *next_call(const client *c) {
  call *best = NULL;
  const host *o;
  uint32_t b;

  if (c->waiting == 0 || c->running >= c->max_open)
    return NULL;
  for (b = 0; b < HOST_BUCKETS; b++) {
    for (o = c->hosts[b]; o != NULL; o = o->next) {
      if (o->first != NULL && o->running < c->per_host &&
          (best == NULL || o->first->seq < best->seq))
        best = o->first;
    }
  }
  return best;
}

/* ---- the end of a call ---- */

static void call_free(call *k) {
  if (k == NULL)
    return;
  ml_loop_timer_free(k->timer);
  ml_client_answer_done(&k->answer);
  ml_arena_free(&k->texts);
  ml_mem_free(k);
}

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
  case REFUSED:
    list_remove(&c->refused, &c->refused_last, k);
    break;
  case WAITING:
    list_remove(&k->host->first, &k->host->last, k);
    c->waiting--;
    break;
  case RUNNING:
    curl_multi_remove_handle(c->multi, k->easy);
    c->running--;
    k->host->running--;
    break;
  }
  easy_put(c, k->easy);
  k->easy = NULL;
  if (k->host != NULL)
    host_put(c, k->host);
  k->host = NULL;
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
  detach(k);
  k->fn(k->arg, &a);
  call_free(k);
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

  if (k->phase == RUNNING && !k->sent && k->connect_due_ms < due)
    due = k->connect_due_ms;
  ml_loop_timer_set(k->timer, due - now);
}

static void on_call_timer(void *arg) {
  call *k = arg;
  int64_t now = mono(k->client);
  char why[120];

  if (now >= k->due_ms && k->sent) {
    snprintf(why, sizeof why, "no complete answer within %lld ms",
             (long long)k->ask.timeout_ms);
    end(k, ML_HTTP_LOST, why);
  } else if (now >= k->due_ms) {
    snprintf(why, sizeof why, k->phase == RUNNING
                 ? "no connection within %lld ms"
                 : "no place in the queue within %lld ms",
             (long long)k->ask.timeout_ms);
    end(k, ML_HTTP_NOT_SENT, why);
  } else if (k->phase == RUNNING && !k->sent && now >= k->connect_due_ms) {
    snprintf(why, sizeof why, "no connection within %lld ms",
             (long long)k->ask.connect_ms);
    end(k, ML_HTTP_NOT_SENT, why);
  } else {
    call_arm(k, now);
  }
}

/* ---- what libcurl calls during a transfer ---- */

static ml_rc judge_address(call *k, const struct sockaddr *sa) {
  return ml_client_check_address(sa, k->ask.allow, k->ask.allow_count,
                                 &k->refused);
}

static curl_socket_t on_open(void *arg, curlsocktype purpose,
                             struct curl_sockaddr *a) {
  call *k = arg;
  bool ok = purpose == CURLSOCKTYPE_IPCXN;

  if (ok && a->family == AF_UNIX)
    ok = k->ask.unix_path != NULL;
  else if (ok)
    ok = k->ask.unix_path == NULL && judge_address(k, &a->addr) == ML_OK;
  if (!ok)
    return CURL_SOCKET_BAD;
  k->opened = true;
  return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* Judge the address of the connection that will be used. */
static bool judge_connection(call *k, const char *ip, int port) {
  struct sockaddr_storage sa;
  char text[ML_ADDRESS_TEXT];
  socklen_t len;

  if (k->ask.unix_path != NULL)
    return true;
  snprintf(text, sizeof text, strchr(ip, ':') != NULL ? "[%s]:%d" : "%s:%d", ip,
           port);
  if (ml_address_listen(ml_str_of(text), &sa, &len, &k->refused) != ML_OK)
    return false;
  return judge_address(k, (struct sockaddr *)&sa) == ML_OK;
}

static int on_ready_to_send(void *arg, char *ip, char *local_ip, int port,
                            int local_port) {
  call *k = arg;
  bool repeats = !ml_str_is(k->ask.method, "POST") &&
                 !ml_str_is(k->ask.method, "PATCH");

  (void)local_ip;
  (void)local_port;
  if (k->sent && !repeats) {
    k->answer.fault = "the connection ended before an answer came";
    return CURL_PREREQFUNC_ABORT;
  }
  if (!judge_connection(k, ip, port)) {
    k->opened = k->sent;         /* nothing of this try was sent */
    return CURL_PREREQFUNC_ABORT;
  }
  k->sent = true;
  return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg) {
  call *k = arg;

  return ml_client_answer_line(&k->answer, p, size * n) ? size * n : 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg) {
  call *k = arg;

  return ml_client_answer_body(&k->answer, p, size * n) ? size * n : 0;
}

/* ---- start ---- */

/* Everything that does not depend on the call.  What is not listed here is
** off by default: cookies, .netrc by URL, alt-svc, HSTS, redirects. */
static bool set_fixed(CURL *e) {
  bool ok = true;

  ok &= !curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  ok &= !curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
  ok &= !curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  ok &= !curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
  ok &= !curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
                          (long)CURL_HTTP_VERSION_1_1);
  ok &= !curl_easy_setopt(e, CURLOPT_HTTP09_ALLOWED, 0L);
  ok &= !curl_easy_setopt(e, CURLOPT_PROXY, "");
  ok &= !curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
  ok &= !curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  ok &= !curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  ok &= !curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
  ok &= !curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
  ok &= !curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  ok &= !curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
  ok &= !curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, IDLE_S);
  ok &= !curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");
  ok &= !curl_easy_setopt(e, CURLOPT_USERAGENT, "moonlane");
  ok &= !curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
  ok &= !curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_ready_to_send);
  ok &= !curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
  ok &= !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
  return ok;
}

static bool set_method(call *k, CURL *e) {
  bool ok = true;

  if (ml_str_is(k->ask.method, "HEAD"))
    return !curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
  if (k->ask.body.n > 0 || (!ml_str_is(k->ask.method, "GET") &&
                            !ml_str_is(k->ask.method, "DELETE"))) {
    ok &= !curl_easy_setopt(e, CURLOPT_POST, 1L);
    ok &= !curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
                            (curl_off_t)k->ask.body.n);
    ok &= !curl_easy_setopt(e, CURLOPT_POSTFIELDS,
                            k->ask.body.n > 0 ? k->ask.body.p : "");
  } else {
    ok &= !curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
  }
  ok &= !curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, k->ask.method.p);
  return ok;
}

static bool set_call(call *k, CURL *e) {
  bool ok = true;

  ok &= !curl_easy_setopt(e, CURLOPT_URL, k->url);
  ok &= !curl_easy_setopt(e, CURLOPT_HTTPHEADER, k->headers);
  ok &= !curl_easy_setopt(e, CURLOPT_PRIVATE, k);
  ok &= !curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, k);
  ok &= !curl_easy_setopt(e, CURLOPT_PREREQDATA, k);
  ok &= !curl_easy_setopt(e, CURLOPT_HEADERDATA, k);
  ok &= !curl_easy_setopt(e, CURLOPT_WRITEDATA, k);
  ok &= !curl_easy_setopt(e, CURLOPT_ERRORBUFFER, k->curl_says);
  ok &= !curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                          (long)k->ask.connect_ms);
  if (k->ask.unix_path != NULL)
    ok &= !curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, k->ask.unix_path);
  return ok && set_method(k, e);
}

static void start(call *k) {
  client *c = k->client;
  int64_t now = mono(c);

  k->easy = c->pool_count > 0 ? c->pool[--c->pool_count] : curl_easy_init();
  if (k->easy == NULL || !set_fixed(k->easy) || !set_call(k, k->easy) ||
      curl_multi_add_handle(c->multi, k->easy) != CURLM_OK) {
    end(k, ML_HTTP_NOT_SENT, "out of memory");
    return;
  }
  list_remove(&k->host->first, &k->host->last, k);
  c->waiting--;
  k->phase = RUNNING;
  c->running++;
  k->host->running++;
  k->connect_due_ms = now + k->ask.connect_ms;
  call_arm(k, now);
}

static void pump(void *arg) {
  client *c = arg;
  call *k;

  while ((k = c->refused) != NULL)
    end(k, ML_HTTP_REFUSED, k->refused.text);
  while ((k = next_call(c)) != NULL)
    start(k);
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

static const char *copy(call *k, ml_str s) {
  return ml_arena_dup(&k->texts, s.n > 0 ? s.p : "", s.n);
}

/* One header line for libcurl; "Name;" is how it wants an empty value. */
static const char *header_copy(call *k, ml_str h) {
  size_t name = (size_t)((const char *)memchr(h.p, ':', h.n) - h.p);
  size_t n = h.n;
  char *line;

  while (n > name + 1 && (h.p[n - 1] == ' ' || h.p[n - 1] == '\t'))
    n--;
  line = ml_arena_dup(&k->texts, h.p, n);
  if (line != NULL && n == name + 1)
    line[name] = ';';
  return line;
}

static bool header_push(call *k, const char *line) {
  struct curl_slist *node;

  if (line == NULL)
    return false;
  node = ml_arena_zero(&k->texts, sizeof *node);
  if (node == NULL)
    return false;
  node->data = (char *)line;     /* libcurl only reads it */
  node->next = k->headers;
  k->headers = node;
  return true;
}

/* The caller's headers in their order, and what libcurl must not add. */
static bool copy_headers(call *k, const ml_http_call *ask) {
  bool typed = false;
  size_t i;

  for (i = ask->header_count; i > 0; i--) {
    if (!header_push(k, header_copy(k, ask->headers[i - 1])))
      return false;
    typed |= ask->headers[i - 1].n >= 13 &&
             strncasecmp(ask->headers[i - 1].p, "Content-Type:", 13) == 0;
  }
  return header_push(k, "Expect:") &&
         (typed || header_push(k, "Content-Type:"));
}

static bool copy_allow(call *k, const ml_http_call *ask) {
  ml_str *allow = ml_arena_alloc(&k->texts,
                                 (ask->allow_count + 1) * sizeof *allow);
  size_t i;

  if (allow == NULL)
    return false;
  for (i = 0; i < ask->allow_count; i++) {
    allow[i] = (ml_str){copy(k, ask->allow[i]), ask->allow[i].n};
    if (allow[i].p == NULL)
      return false;
  }
  k->ask.allow = allow;
  return true;
}

/* k->ask holds the caller's pointers; make them our own. */
static bool copy_ask(call *k, const ml_http_call *ask) {
  k->ask.method.p = copy(k, ask->method);
  k->ask.body.p = copy(k, ask->body);
  if (k->ask.method.p == NULL || k->ask.body.p == NULL)
    return false;
  if (ask->unix_path != NULL &&
      (k->ask.unix_path = copy(k, ml_str_of(ask->unix_path))) == NULL)
    return false;
  return copy_allow(k, ask) && copy_headers(k, ask);
}

static call *call_new(client *c, const ml_http_call *ask, ml_http_fn *fn,
                      void *arg) {
  call *k = ml_mem_zero(sizeof *k);

  if (k == NULL)
    return NULL;
  k->client = c;
  k->fn = fn;
  k->arg = arg;
  k->ask = *ask;
  if (k->ask.timeout_ms <= 0)
    k->ask.timeout_ms = TIMEOUT_MS;
  if (k->ask.connect_ms <= 0)
    k->ask.connect_ms = CONNECT_MS;
  if (k->ask.body_max == 0)
    k->ask.body_max = BODY_MAX;
  k->answer.body_max = k->ask.body_max;
  k->answer.is_head = ml_str_is(ask->method, "HEAD");
  k->due_ms = mono(c) + k->ask.timeout_ms;
  k->seq = c->seq++;
  k->timer = ml_loop_timer_new(c->loop, on_call_timer, k);
  if (k->timer == NULL) {
    call_free(k);
    return NULL;
  }
  return k;
}

/* Queue a call that is allowed.  Nothing is left behind when it fails. */
static ml_rc enqueue(client *c, call *k, ml_buf *url, ml_buf *key) {
  k->url = copy(k, (ml_str){url->p, url->len});
  if (k->url == NULL || !copy_ask(k, &k->ask))
    return ML_NOMEM;
  k->host = host_get(c, (ml_str){key->p, key->len});
  if (k->host == NULL)
    return ML_NOMEM;
  if (slot_take(c, k) != ML_OK) {
    host_put(c, k->host);
    return ML_NOMEM;
  }
  k->phase = WAITING;
  list_add(&k->host->first, &k->host->last, k);
  c->waiting++;
  call_arm(k, mono(c));
  return ML_OK;
}

static ml_rc enqueue_refused(client *c, call *k) {
  if (slot_take(c, k) != ML_OK)
    return ML_NOMEM;
  k->phase = REFUSED;
  list_add(&c->refused, &c->refused_last, k);
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
    call_free(k);
    return ml_err_set(e, rc, "", "out of memory");
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
  call_free(k);
  if (c->waiting > 0 && pump_later(c) != ML_OK)
    ml_loop_timer_set(c->timer, 0);
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
  c->http = (ml_http){client_send, client_cancel};
  c->loop = l;
  c->max_open = max_open != 0 ? max_open : OPEN_MAX;
  c->per_host = per_host != 0 ? per_host : PER_HOST;
  c->multi = curl_multi_init();
  c->timer = ml_loop_timer_new(l, on_curl_timer, c);
  if (c->multi == NULL || c->timer == NULL || !set_multi(c)) {
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
      call_free(k);
    }
  }
  while (c->pool_count > 0)
    curl_easy_cleanup(c->pool[--c->pool_count]);
  if (c->multi != NULL)
    curl_multi_cleanup(c->multi);
  while (c->socks != NULL)
    sock_free(c->socks);
  ml_loop_timer_free(c->timer);
  ml_mem_free(c->slots);
  ml_mem_free(c);
  curl_global_cleanup();
}

ml_str ml_http_header_of(const ml_http_answer *a, const char *name) {
  size_t i, n = strlen(name);

  for (i = 0; i < a->header_count; i++) {
    if (a->headers[i].name.n == n &&
        strncasecmp(a->headers[i].name.p, name, n) == 0)
      return a->headers[i].value;
  }
  return ML_NOSTR;
}
