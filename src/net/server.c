/*
** server.c - connections: bytes in, requests to the handler, answers out.
**
** A connection is in one of these states; state_of() tells which:
**
**   IDLE     no byte of a request yet          -> closed after idle_ms
**   HEAD     a request has begun               -> 408 after header_ms
**   BODY     its fields are there              -> 408 after body_ms, or too slow
**   BUSY     the handler has the request       -> 503 after request_ms
**   CLOSING  the last answer is being sent
**   LINGER   we said all and read on, so that the peer can read the answer
**            before the kernel resets         -> closed after LINGER_MS
**
** Besides, whatever the state, bytes that wait to be sent must go within
** request_ms.  One timer a connection; it is set when a deadline comes nearer
** and asks again when it fires.
**
** A request lives in an exchange with its parser.  An exchange outlives its
** connection while the handler has it: c->x and x->conn are cut, and the
** reply that comes later only frees it.
**
** Everything a connection does happens in run(): take requests while one may
** be taken, send, decide how to go on.  A reply from outside run() lists the
** connection, and the list is run at the end of the turn: so a handler is
** never called from inside ml_reply().
*/
#include "net/server.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/address.h"
#include "net/http_parse.h"
#include "net/http_reply.h"
#include "net/listen.h"

#define SCRATCH 65536u           /* one read */
#define PIPE_MAX 16384u          /* bytes kept while a request is answered */
#define KEEP_BYTES 16384u        /* larger buffers of a connection are freed */
#define LINGER_MS 2000
#define LINGER_BYTES (1u << 20)
#define RATE_AFTER_MS 5000
#define ACCEPTS 64               /* in one turn, a listener */
#define REFUSABLE 32u            /* connections over the limit that get a 503 */
#define PAUSE_MS 100             /* after accept() found no descriptor */
#define BUCKETS 256u
#define POOL 64u                 /* exchanges kept for reuse */

typedef struct conn conn;

typedef struct exchange {
  ml_request q;
  ml_http_parse parse;
  conn *conn;                    /* NULL: nobody waits for the answer */
  ml_server *server;             /* NULL: it is gone */
  struct exchange *prev, *next;  /* with the handler; or the pool (next) */
  char peer[ML_ADDRESS_TEXT];
} exchange;

struct conn {
  ml_server *server;
  int fd;
  struct event rd, wr;
  bool reading, writing;         /* which events are added */
  conn *prev, *next;             /* all connections */
  conn *bucket_prev, *bucket_next;
  bool counted;                  /* is in a bucket */
  conn *ready_prev, *ready_next;
  bool ready;                    /* is in the list of ready ones */
  ml_address address;
  uint16_t port;
  bool is_unix;
  uid_t uid;

  exchange *x;                   /* being read, or with the handler */
  bool busy;                     /* the handler has x */
  bool in_run;
  bool has_begun, has_head;      /* x: head_ms, body_ms are set */
  bool closing;                  /* no further request */
  bool lingering;
  bool eof;                      /* the peer sends no more */
  bool dead;                     /* to be freed at the end of run() */
  ml_buf in, out;
  size_t in_at, out_at;          /* how far they are used up */
  size_t out_mark;               /* bytes that must go before out_ms + ... */
  uint64_t lingered;

  ml_loop_timer *timer;
  int64_t timer_ms;              /* when it fires; INT64_MAX: it is not set */
  int64_t idle_ms, head_ms, body_ms, out_ms, linger_ms;   /* since when */
};

typedef struct listener {
  ml_listen socket;
  struct event ev;
  ml_server *server;
  struct listener *next;
} listener;

struct ml_server {
  ml_loop *loop;
  ml_server_limits limits;
  ml_server_fn *fn;
  void *arg;
  ml_server_refuse_fn *refuse;
  void *refuse_arg;
  listener *listeners;
  conn *conns, *ready;
  conn *bucket[BUCKETS];
  exchange *busy, *pool;
  size_t conn_count, busy_count, pool_count;
  bool draining;
  bool paused;                   /* listeners: no descriptors left */
  ml_loop_timer *nudge;          /* looks at `paused` and `ready` */
  int64_t date_s;
  char date[32];
  char scratch[SCRATCH];
};

static void run(conn *c, const char *data, size_t n);
static void on_ready(void *arg);

static int64_t mono(const ml_server *s) {
  ml_clock *clock = ml_loop_clock(s->loop);

  return clock->mono_ms(clock);
}

/* ---- exchanges ---- */

static exchange *exchange_get(conn *c) {
  ml_server *s = c->server;
  exchange *x = s->pool;
  ml_http_parse_limits limits = {.line = s->limits.line,
                                 .header_bytes = s->limits.header_bytes,
                                 .header_fields = s->limits.header_fields,
                                 .body = s->limits.body};

  if (x != NULL) {
    s->pool = x->next;
    s->pool_count--;
  } else {
    x = ml_mem_zero(sizeof *x);
    if (x == NULL)
      return NULL;
    ml_http_parse_init(&x->parse, &limits);
    x->server = s;
  }
  x->parse.limits.host_optional = c->is_unix;
  x->conn = c;
  x->next = NULL;
  return x;
}

static void exchange_free(exchange *x) {
  ml_http_parse_done(&x->parse);
  ml_mem_free(x);
}

/* Nobody needs it any more. */
static void exchange_put(exchange *x) {
  ml_server *s = x->server;

  if (s == NULL || s->pool_count >= POOL) {
    exchange_free(x);
    return;
  }
  ml_http_parse_reset(&x->parse);
  x->conn = NULL;
  x->next = s->pool;
  s->pool = x;
  s->pool_count++;
}

/* It goes to the handler, which has it until ml_reply(). */
static void exchange_lend(exchange *x) {
  ml_server *s = x->server;

  x->prev = NULL;
  x->next = s->busy;
  if (s->busy != NULL)
    s->busy->prev = x;
  s->busy = x;
}

static void exchange_return(exchange *x) {
  ml_server *s = x->server;

  if (s == NULL)
    return;
  if (x->prev != NULL)
    x->prev->next = x->next;
  else
    s->busy = x->next;
  if (x->next != NULL)
    x->next->prev = x->prev;
}

/* The connection has no x any more; the handler may still have it. */
static void exchange_leave(conn *c) {
  exchange *x = c->x;

  c->x = NULL;
  c->has_begun = c->has_head = false;
  if (x == NULL)
    return;
  x->conn = NULL;
  if (c->busy) {
    c->busy = false;
    c->server->busy_count--;
  } else {
    exchange_put(x);
  }
}

/* ---- a connection's life ---- */

static uint32_t bucket_of(const ml_address *a) {
  uint32_t h = 2166136261u;
  size_t i;

  for (i = 0; i < sizeof a->b; i++)
    h = (h ^ a->b[i]) * 16777619u;
  return h % BUCKETS;
}

static void count_in(conn *c) {
  conn **b = &c->server->bucket[bucket_of(&c->address)];

  c->counted = true;
  c->bucket_prev = NULL;
  c->bucket_next = *b;
  if (*b != NULL)
    (*b)->bucket_prev = c;
  *b = c;
}

static void count_out(conn *c) {
  if (!c->counted)
    return;
  if (c->bucket_prev != NULL)
    c->bucket_prev->bucket_next = c->bucket_next;
  else
    c->server->bucket[bucket_of(&c->address)] = c->bucket_next;
  if (c->bucket_next != NULL)
    c->bucket_next->bucket_prev = c->bucket_prev;
}

static bool peer_has_too_many(const ml_server *s, const ml_address *a) {
  const conn *c = s->bucket[bucket_of(a)];
  uint32_t n = 0;

  for (; c != NULL; c = c->bucket_next)
    n += memcmp(c->address.b, a->b, sizeof a->b) == 0;
  return n >= s->limits.per_peer;
}

static void ready_add(conn *c) {
  ml_server *s = c->server;

  if (c->ready)
    return;
  c->ready = true;
  c->ready_prev = NULL;
  c->ready_next = s->ready;
  if (s->ready != NULL)
    s->ready->ready_prev = c;
  s->ready = c;
  if (ml_loop_later(s->loop, on_ready, s) != ML_OK)
    ml_loop_timer_set(s->nudge, 0);   /* needs no memory */
}

static void ready_remove(conn *c) {
  if (!c->ready)
    return;
  c->ready = false;
  if (c->ready_prev != NULL)
    c->ready_prev->ready_next = c->ready_next;
  else
    c->server->ready = c->ready_next;
  if (c->ready_next != NULL)
    c->ready_next->ready_prev = c->ready_prev;
}

static void conn_free(conn *c) {
  ml_server *s = c->server;

  exchange_leave(c);
  ready_remove(c);
  count_out(c);
  if (c->reading)
    event_del(&c->rd);
  if (c->writing)
    event_del(&c->wr);
  if (c->fd >= 0)
    close(c->fd);
  if (c->prev != NULL)
    c->prev->next = c->next;
  else
    s->conns = c->next;
  if (c->next != NULL)
    c->next->prev = c->prev;
  s->conn_count--;
  ml_loop_timer_free(c->timer);
  ml_buf_free(&c->in);
  ml_buf_free(&c->out);
  ml_mem_free(c);
}

/* ---- answers ---- */

static ml_str date_now(ml_server *s) {
  static const char days[] = "SunMonTueWedThuFriSat";
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  ml_clock *clock = ml_loop_clock(s->loop);
  int64_t now = clock->wall_ms(clock) / 1000;
  time_t t = (time_t)now;
  struct tm tm;

  if (now != s->date_s && gmtime_r(&t, &tm) != NULL) {
    s->date_s = now;
    snprintf(s->date, sizeof s->date, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
             days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
             (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
  }
  return ml_str_of(s->date);
}

static size_t pending(const conn *c) {
  return c->out.len - c->out_at;
}

/* Append an answer to what is to be sent.  Where the caller's fields would
** break the framing the peer gets a bare 500. */
static void answer(conn *c, ml_http_reply *r) {
  static const ml_str sorry = ML_STR("the answer could not be written\n");

  r->date = date_now(c->server);
  if (!ml_http_reply_put(&c->out, r)) {
    r->status = 500;
    r->headers = NULL;
    r->body = sorry;
    ml_http_reply_put(&c->out, r);
  }
  if (c->out.bad)
    c->dead = true;   /* half an answer is worse than none */
  if (r->close)
    c->closing = true;
}

/* One answer that says why, and no further request. */
static void refuse(conn *c, int status, const char *why) {
  ml_server *s = c->server;
  ml_buf body = {0};
  const char *type = "text/plain; charset=utf-8";
  char type_line[128];
  const char *headers[3] = {type_line, NULL, NULL};
  ml_http_reply r = {.status = status, .headers = headers, .close = true};

  r.is_head = c->x != NULL && ml_str_is(c->x->parse.method, "HEAD");
  if (s->refuse != NULL)
    s->refuse(s->refuse_arg, status, why, &body, &type);
  else
    ml_buf_printf(&body, "%s\n", why);
  snprintf(type_line, sizeof type_line, "Content-Type: %s", type);
  if (status == 503)
    headers[1] = "Retry-After: 1";
  if (!body.bad)
    r.body = (ml_str){body.p, body.len};
  answer(c, &r);
  ml_buf_free(&body);
  exchange_leave(c);
}

/* What the handler had is answered: the connection goes on. */
static void answered(conn *c) {
  c->busy = false;
  c->server->busy_count--;
  c->x = NULL;
  c->has_begun = c->has_head = false;
  c->idle_ms = mono(c->server);
  if (!c->in_run)
    ready_add(c);
}

void ml_reply(ml_request *q, int status, const char *const *headers,
              ml_str body) {
  exchange *x = q->private_;
  conn *c = x->conn;
  ml_http_reply r = {.status = status, .headers = headers, .body = body};

  exchange_return(x);
  if (c != NULL) {
    r.is_head = ml_str_is(x->parse.method, "HEAD");
    r.close = !x->parse.keep_alive || c->server->draining;
    r.keep_1_0 = x->parse.http_1_0;
    answer(c, &r);
    answered(c);
  }
  exchange_put(x);
}

void ml_reply_cut(ml_request *q, ml_str raw) {
  exchange *x = q->private_;
  conn *c = x->conn;

  exchange_return(x);
  if (c != NULL) {
    ml_buf_put(&c->out, raw.p, raw.n);
    if (c->out.bad)
      c->dead = true;
    c->closing = true;
    answered(c);
  }
  exchange_put(x);
}

/* ---- deadlines ---- */

typedef enum state { IDLE, HEAD, BODY, BUSY, CLOSING, LINGER } state;

static state state_of(const conn *c) {
  if (c->lingering)
    return LINGER;
  if (c->busy)
    return BUSY;
  if (c->closing)
    return CLOSING;
  return c->has_head ? BODY : c->has_begun ? HEAD : IDLE;
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* When the present state ends by force. */
static int64_t state_deadline(const conn *c) {
  const ml_server_limits *m = &c->server->limits;
  int64_t slow;

  switch (state_of(c)) {
  case IDLE:   /* begins when the last answer is gone */
    return pending(c) > 0 ? INT64_MAX : c->idle_ms + m->idle_ms;
  case HEAD:
    return c->head_ms + m->header_ms;
  case BODY:   /* too slow from the moment when its bytes should be more */
    slow = (int64_t)(c->x->parse.bytes.len * 1000 / m->body_rate) + 1;
    slow = slow > RATE_AFTER_MS ? slow : RATE_AFTER_MS;
    return least(c->body_ms + least(m->body_ms, slow),
                 c->head_ms + m->request_ms);
  case BUSY:
    return c->head_ms + m->request_ms;
  case LINGER:
    return c->linger_ms + LINGER_MS;
  case CLOSING:
    break;
  }
  return INT64_MAX;
}

/* When the oldest bytes that wait must be gone. */
static int64_t out_deadline(const conn *c) {
  return pending(c) > 0 ? c->out_ms + c->server->limits.request_ms : INT64_MAX;
}

static void arm(conn *c, int64_t now) {
  int64_t due = least(state_deadline(c), out_deadline(c));

  if (due >= c->timer_ms)
    return;   /* the timer is early enough, and will look again */
  c->timer_ms = due;
  ml_loop_timer_set(c->timer, due - now);
}

static void on_timer(void *arg) {
  conn *c = arg;
  int64_t now = mono(c->server);

  c->timer_ms = INT64_MAX;
  if (now >= out_deadline(c)) {
    conn_free(c);
    return;
  }
  if (now < state_deadline(c)) {
    arm(c, now);
    return;
  }
  switch (state_of(c)) {
  case IDLE:
  case LINGER:
    conn_free(c);
    return;
  case HEAD:
    refuse(c, 408, "the header fields took too long to arrive");
    break;
  case BODY:
    refuse(c, 408, "the body took too long to arrive");
    break;
  case BUSY:
    refuse(c, 503, "the request took too long to answer");
    break;
  case CLOSING:
    break;
  }
  run(c, NULL, 0);
}

/* ---- requests ---- */

static bool may_take(const conn *c) {
  return !c->busy && !c->closing && !c->lingering && !c->dead &&
         pending(c) <= c->server->limits.unread;
}

static void peer_text(const conn *c, char out[ML_ADDRESS_TEXT]) {
  if (c->is_unix)
    memcpy(out, "unix", 5);
  else
    ml_address_print(&c->address, c->port, out);
}

static void dispatch(conn *c) {
  exchange *x = c->x;
  const ml_http_parse *p = &x->parse;
  ml_server *s = c->server;

  peer_text(c, x->peer);
  x->q = (ml_request){.method = p->method, .target = p->target,
                      .path = p->path, .query = p->query, .host = p->host,
                      .headers = p->headers, .header_count = p->header_count,
                      .body = p->body, .peer = ml_str_of(x->peer),
                      .is_unix = c->is_unix, .peer_uid = c->uid,
                      .private_ = x};
  c->busy = true;
  s->busy_count++;
  exchange_lend(x);
  s->fn(s->arg, &x->q);
}

/* The fields are fine; `more`: bytes of the body are here already. */
static void head_seen(conn *c, bool more) {
  ml_http_parse *p = &c->x->parse;

  c->has_head = true;
  c->body_ms = mono(c->server);
  if (p->expects && p->has_body && !more)
    ml_buf_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

/* Note when a request begins: from here on header_ms counts. */
static void note_begin(conn *c) {
  if (c->has_begun || !c->x->parse.started)
    return;
  c->has_begun = true;
  c->head_ms = mono(c->server);
}

/* Feed bytes to the parser while a request may be taken.  Returns how many
** were used. */
static size_t take(conn *c, const char *data, size_t n) {
  size_t at = 0, used;
  bool again = false;            /* the parser may have more without bytes */
  ml_http_parse_end end;

  while (may_take(c) && (at < n || again)) {
    again = false;
    if (c->x == NULL && (c->x = exchange_get(c)) == NULL) {
      refuse(c, 503, "the server is short of memory");
      break;
    }
    end = ml_http_parse_feed(&c->x->parse, data + at, n - at, &used);
    at += used;
    note_begin(c);
    switch (end) {
    case ML_PARSE_MORE:
      break;
    case ML_PARSE_HEAD:
      head_seen(c, at < n);
      again = true;
      break;
    case ML_PARSE_DONE:
      dispatch(c);
      break;
    case ML_PARSE_REFUSED:
      refuse(c, c->x->parse.status, c->x->parse.why);
      break;
    }
  }
  return at;
}

/* ---- a connection's work ---- */

static ml_buf emptied(ml_buf b) {
  if (b.cap > KEEP_BYTES)
    ml_buf_free(&b);
  ml_buf_reset(&b);
  return b;
}

/* Move what waits to the front, so that a stream of answers does not make
** the buffer grow for ever. */
static void out_compact(conn *c) {
  memmove(c->out.p, c->out.p + c->out_at, pending(c));
  c->out.len -= c->out_at;
  c->out_mark -= c->out_at;
  c->out_at = 0;
}

/* Send what can be sent now. */
static void flush(conn *c, int64_t now) {
  bool was_waiting = c->writing;
  ssize_t n;
  int tries;

  for (tries = 0; tries < 4 && pending(c) > 0; tries++) {
    n = send(c->fd, c->out.p + c->out_at, pending(c), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR)
        continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK)
        c->dead = true;
      break;
    }
    c->out_at += (size_t)n;
  }
  if (pending(c) == 0) {
    c->out = emptied(c->out);
    c->out_at = 0;
    if (was_waiting)
      c->idle_ms = now;
    return;
  }
  if (!was_waiting || c->out_at >= c->out_mark) {
    /* a new wait, or what waited is gone: what waits now has its own time */
    c->out_ms = now;
    c->out_mark = c->out.len;
  }
  if (c->out_at >= SCRATCH && c->out_at >= c->out.len / 2)
    out_compact(c);
}

/* Bytes that no request took yet stand in c->in; take from there first. */
static void take_all(conn *c, const char *data, size_t n) {
  size_t used;

  if (c->in.len > 0) {
    ml_buf_put(&c->in, data, n);
    c->in_at += take(c, c->in.p + c->in_at, c->in.len - c->in_at);
    used = n;
    if (c->in_at == c->in.len) {
      c->in = emptied(c->in);
      c->in_at = 0;
    }
  } else {
    used = take(c, data, n);
  }
  if (used < n && !c->closing)
    ml_buf_put(&c->in, data + used, n - used);
  if (c->in.bad)
    c->dead = true;
}

static void linger(conn *c, int64_t now) {
  c->lingering = true;
  c->linger_ms = now;
  ml_buf_free(&c->in);
  c->in_at = 0;
  if (shutdown(c->fd, SHUT_WR) != 0)
    c->dead = true;
}

static bool set_event(struct event *ev, bool is, bool should) {
  if (is == should)
    return is;
  if (should)
    return event_add(ev, NULL) == 0;
  event_del(ev);
  return false;
}

static void set_interest(conn *c) {
  bool want_read = !c->eof && (c->lingering ||
                               (!c->closing && c->in.len - c->in_at < PIPE_MAX));
  bool want_write = pending(c) > 0;

  c->reading = set_event(&c->rd, c->reading, want_read);
  c->writing = set_event(&c->wr, c->writing, want_write);
  if (c->reading != want_read || c->writing != want_write)
    c->dead = true;   /* no memory, no descriptors: it would hang */
}

/* No request under way and nothing to say. */
static bool is_quiet(const conn *c) {
  return !c->busy && !c->has_begun && pending(c) == 0 && c->in.len == 0;
}

static void run(conn *c, const char *data, size_t n) {
  ml_server *s = c->server;
  int64_t now;

  c->in_run = true;
  do {
    take_all(c, data, n);
    n = 0;
    now = mono(s);
    if (!c->dead)
      flush(c, now);
  } while (c->in.len > 0 && may_take(c));
  c->in_run = false;
  if (!c->dead && pending(c) == 0 && !c->busy && !c->lingering) {
    if (c->closing)
      linger(c, now);
    else if (c->eof || (s->draining && is_quiet(c)))
      c->dead = true;
  }
  if (c->lingering && c->eof)
    c->dead = true;
  if (!c->dead)
    set_interest(c);
  if (c->dead)
    conn_free(c);
  else
    arm(c, now);
}

static void on_ready(void *arg) {
  ml_server *s = arg;
  conn *c;

  while ((c = s->ready) != NULL) {
    ready_remove(c);
    run(c, NULL, 0);
  }
}

/* Read and forget; the peer is reading our last answer. */
static void on_linger(conn *c) {
  ssize_t n = recv(c->fd, c->server->scratch, SCRATCH, 0);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  c->lingered += n > 0 ? (uint64_t)n : 0;
  if (n <= 0 || c->lingered > LINGER_BYTES)
    conn_free(c);
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
  conn *c = arg;
  ml_server *s = c->server;
  size_t room = SCRATCH;
  ssize_t n;

  (void)fd;
  (void)what;
  if (c->lingering) {
    on_linger(c);
    return;
  }
  if (!may_take(c))
    room = PIPE_MAX - (c->in.len - c->in_at);   /* > 0, or we would not read */
  n = recv(c->fd, s->scratch, room, 0);
  if (n < 0) {
    if (errno != EAGAIN && errno != EINTR)
      conn_free(c);
    return;
  }
  if (n == 0)
    c->eof = true;
  run(c, s->scratch, (size_t)n);
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  run(arg, NULL, 0);
}

/* ---- new connections ---- */

/* Takes the descriptor, also when it fails. */
static conn *conn_new(ml_server *s, int fd) {
  struct event_base *base = ml_loop_base(s->loop);
  conn *c = ml_mem_zero(sizeof *c);

  if (c == NULL) {
    close(fd);
    return NULL;
  }
  c->server = s;
  c->fd = fd;
  c->timer_ms = INT64_MAX;
  c->idle_ms = mono(s);
  c->next = s->conns;
  if (s->conns != NULL)
    s->conns->prev = c;
  s->conns = c;
  s->conn_count++;
  c->timer = ml_loop_timer_new(s->loop, on_timer, c);
  if (c->timer == NULL ||
      event_assign(&c->rd, base, fd, EV_READ | EV_PERSIST, on_readable, c) ||
      event_assign(&c->wr, base, fd, EV_WRITE | EV_PERSIST, on_writable, c)) {
    conn_free(c);
    return NULL;
  }
  return c;
}

/* Who is there?  False: it cannot be told. */
static bool identify(conn *c, const struct sockaddr_storage *sa) {
  struct ucred cred;
  socklen_t len = sizeof cred;

  if (!c->is_unix)
    return ml_address_of((const struct sockaddr *)sa, &c->address, &c->port);
  if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
    return false;
  c->uid = cred.uid;
  return true;
}

static void admit(listener *l, int fd, const struct sockaddr_storage *sa) {
  ml_server *s = l->server;
  conn *c;

  if (s->conn_count >= (size_t)s->limits.connections + REFUSABLE) {
    close(fd);
    return;
  }
  c = conn_new(s, fd);
  if (c == NULL)
    return;
  c->is_unix = l->socket.is_unix;
  if (!identify(c, sa)) {
    conn_free(c);
    return;
  }
  if (s->conn_count > s->limits.connections)
    refuse(c, 503, "there are too many connections");
  else if (!c->is_unix && peer_has_too_many(s, &c->address))
    refuse(c, 503, "there are too many connections from your address");
  else if (!c->is_unix)
    count_in(c);
  run(c, NULL, 0);
}

static void listeners_pause(ml_server *s, bool pause) {
  listener *l;

  s->paused = pause;
  for (l = s->listeners; l != NULL; l = l->next) {
    if (pause)
      event_del(&l->ev);
    else if (event_add(&l->ev, NULL) != 0)
      s->paused = true;   /* the nudge comes again */
  }
  if (s->paused)
    ml_loop_timer_set(s->nudge, PAUSE_MS);
}

static void on_nudge(void *arg) {
  ml_server *s = arg;

  if (s->paused)
    listeners_pause(s, false);
  on_ready(s);
}

static void on_accept(evutil_socket_t fd, short what, void *arg) {
  listener *l = arg;
  struct sockaddr_storage sa;
  socklen_t len;
  int i, new_fd;

  (void)what;
  for (i = 0; i < ACCEPTS; i++) {
    len = sizeof sa;
    new_fd = accept4((int)fd, (struct sockaddr *)&sa, &len,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (new_fd >= 0) {
      admit(l, new_fd, &sa);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
               errno == ENOMEM) {
      listeners_pause(l->server, true);   /* or we would spin */
      return;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    }             /* else this one peer is gone: the next */
  }
}

/* ---- the server ---- */

static uint32_t or_default(uint32_t v, uint32_t standard) {
  return v != 0 ? v : standard;
}

static ml_server_limits with_defaults(const ml_server_limits *given) {
  ml_server_limits m = given != NULL ? *given : (ml_server_limits){0};

  m.line = or_default(m.line, 8u << 10);
  m.header_bytes = or_default(m.header_bytes, 16u << 10);
  m.header_fields = or_default(m.header_fields, 64);
  m.body = m.body != 0 ? m.body : 1u << 20;
  m.header_ms = or_default(m.header_ms, 10000);
  m.body_ms = or_default(m.body_ms, 30000);
  m.body_rate = or_default(m.body_rate, 1024);
  m.idle_ms = or_default(m.idle_ms, 15000);
  m.request_ms = or_default(m.request_ms, 60000);
  m.connections = or_default(m.connections, 1024);
  m.per_peer = or_default(m.per_peer, 64);
  m.unread = or_default(m.unread, 1u << 20);
  return m;
}

ml_rc ml_server_new(ml_loop *l, const ml_server_limits *limits,
                    ml_server_fn *fn, void *arg, ml_server **out) {
  ml_server *s;

  *out = NULL;
  s = ml_mem_zero(sizeof *s);
  if (s == NULL)
    return ML_NOMEM;
  s->loop = l;
  s->limits = with_defaults(limits);
  s->fn = fn;
  s->arg = arg;
  s->date_s = INT64_MIN;
  s->nudge = ml_loop_timer_new(l, on_nudge, s);
  if (s->nudge == NULL) {
    ml_mem_free(s);
    return ML_NOMEM;
  }
  *out = s;
  return ML_OK;
}

void ml_server_on_refuse(ml_server *s, ml_server_refuse_fn *fn, void *arg) {
  s->refuse = fn;
  s->refuse_arg = arg;
}

ml_rc ml_server_listen(ml_server *s, const char *address, char bound[128],
                       ml_err *e) {
  listener *l = ml_mem_zero(sizeof *l);
  ml_rc rc;

  if (l == NULL)
    return ml_err_set(e, ML_NOMEM, "", "the server is short of memory");
  l->server = s;
  rc = ml_listen_open(address, &l->socket, bound, e);
  if (rc != ML_OK) {
    ml_mem_free(l);
    return rc;
  }
  if (event_assign(&l->ev, ml_loop_base(s->loop), l->socket.fd,
                   EV_READ | EV_PERSIST, on_accept, l) != 0 ||
      event_add(&l->ev, NULL) != 0) {
    ml_listen_close(&l->socket);
    ml_mem_free(l);
    return ml_err_set(e, ML_NOMEM, "", "cannot watch %s", address);
  }
  l->next = s->listeners;
  s->listeners = l;
  return ML_OK;
}

static void listeners_close(ml_server *s) {
  listener *l;

  while ((l = s->listeners) != NULL) {
    s->listeners = l->next;
    event_del(&l->ev);
    ml_listen_close(&l->socket);
    ml_mem_free(l);
  }
}

void ml_server_drain(ml_server *s) {
  conn *c, *next;

  s->draining = true;
  listeners_close(s);
  for (c = s->conns; c != NULL; c = next) {
    next = c->next;
    if (!c->in_run && !c->closing && is_quiet(c))
      conn_free(c);
  }
}

size_t ml_server_busy(const ml_server *s) {
  return s->busy_count;
}

size_t ml_server_connections(const ml_server *s) {
  return s->conn_count;
}

void ml_server_free(ml_server *s) {
  exchange *x;

  if (s == NULL)
    return;
  listeners_close(s);
  while (s->conns != NULL)
    conn_free(s->conns);
  for (x = s->busy; x != NULL; x = x->next)
    x->server = NULL;            /* the handler's, until it replies */
  while ((x = s->pool) != NULL) {
    s->pool = x->next;
    exchange_free(x);
  }
  ml_loop_later_cancel(s->loop, on_ready, s);
  ml_loop_timer_free(s->nudge);
  ml_mem_free(s);
}

ml_str ml_request_header(const ml_request *q, const char *name) {
  size_t i, n = strlen(name);

  for (i = 0; i < q->header_count; i++) {
    if (q->headers[i].name.n == n &&
        strncasecmp(q->headers[i].name.p, name, n) == 0)
      return q->headers[i].value;
  }
  return ML_NOSTR;
}
