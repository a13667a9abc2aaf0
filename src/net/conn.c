/*
** conn.c - a connection: bytes in, requests to the handler, answers out.
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
** Everything a connection does happens in ml_conn_run(): take requests while
** one may be taken, send, decide how to go on.  A reply from outside it lists
** the connection, and the list is run at the end of the turn: so a handler is
** never called from inside ml_reply().
*/
#include "net/conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#define PIPE_MAX 16384u          /* bytes kept while a request is answered */
#define KEEP_BYTES 16384u        /* larger buffers are freed */
#define LINGER_MS 2000
#define LINGER_BYTES (1u << 20)
#define RATE_AFTER_MS 5000

/* ---- how many from one address ---- */

static uint32_t bucket_of(const ml_address *a) {
  uint32_t h = 2166136261u;
  size_t i;

  for (i = 0; i < sizeof a->b; i++)
    h = (h ^ a->b[i]) * 16777619u;
  return h % ML_CONN_BUCKETS;
}

void ml_conn_count(ml_conn *c) {
  ml_conn **b = &c->server->bucket[bucket_of(&c->address)];

  c->counted = true;
  c->bucket_prev = NULL;
  c->bucket_next = *b;
  if (*b != NULL)
    (*b)->bucket_prev = c;
  *b = c;
}

static void count_out(ml_conn *c) {
  if (!c->counted)
    return;
  if (c->bucket_prev != NULL)
    c->bucket_prev->bucket_next = c->bucket_next;
  else
    c->server->bucket[bucket_of(&c->address)] = c->bucket_next;
  if (c->bucket_next != NULL)
    c->bucket_next->bucket_prev = c->bucket_prev;
}

bool ml_conn_peer_is_full(const ml_server *s, const ml_address *a) {
  const ml_conn *c = s->bucket[bucket_of(a)];
  uint32_t n = 0;

  for (; c != NULL; c = c->bucket_next)
    n += memcmp(c->address.b, a->b, sizeof a->b) == 0;
  return n >= s->limits.per_peer;
}

/* ---- ready ones, and the end ---- */

void ml_conn_ready(ml_conn *c) {
  ml_server *s = c->server;

  if (c->ready)
    return;
  c->ready = true;
  c->ready_next = NULL;
  c->ready_prev = s->ready_last;
  if (s->ready_last != NULL)
    s->ready_last->ready_next = c;
  else
    s->ready = c;
  s->ready_last = c;
  if (ml_loop_later(s->loop, ml_conn_run_ready, s) != ML_OK)
    ml_loop_timer_set(s->nudge, 0);   /* needs no memory */
}

static void ready_remove(ml_conn *c) {
  if (!c->ready)
    return;
  c->ready = false;
  if (c->ready_prev != NULL)
    c->ready_prev->ready_next = c->ready_next;
  else
    c->server->ready = c->ready_next;
  if (c->ready_next != NULL)
    c->ready_next->ready_prev = c->ready_prev;
  else
    c->server->ready_last = c->ready_prev;
}

void ml_conn_free(ml_conn *c) {
  ml_server *s = c->server;

  ml_exchange_leave(c);
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

/* ---- deadlines ---- */

typedef enum state { IDLE, HEAD, BODY, BUSY, CLOSING, LINGER } state;

static state state_of(const ml_conn *c) {
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
static int64_t state_deadline(const ml_conn *c) {
  const ml_server_limits *m = &c->server->limits;
  int64_t slow;

  switch (state_of(c)) {
  case IDLE:   /* begins when the last answer is gone */
    return ml_conn_pending(c) > 0 ? INT64_MAX : c->idle_ms + m->idle_ms;
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

/* When the oldest bytes that wait must be gone.  Those of a reply wait only once
** a write has left some: before that out_ms is of another time. */
static int64_t out_deadline(const ml_conn *c) {
  return c->writing ? c->out_ms + c->server->limits.request_ms : INT64_MAX;
}

static void arm(ml_conn *c, int64_t now) {
  int64_t due = least(state_deadline(c), out_deadline(c));

  if (due >= c->timer_ms)
    return;   /* the timer is early enough, and will look again */
  c->timer_ms = due;
  ml_loop_timer_set(c->timer, due - now);
}

static void on_timer(void *arg) {
  ml_conn *c = arg;
  int64_t now = ml_server_mono(c->server);

  c->timer_ms = INT64_MAX;
  if (now >= out_deadline(c)) {
    ml_conn_free(c);
    return;
  }
  if (now < state_deadline(c)) {
    arm(c, now);
    return;
  }
  switch (state_of(c)) {
  case IDLE:
  case LINGER:
    ml_conn_free(c);
    return;
  case HEAD:
    ml_exchange_refuse(c, 408, "the header fields took too long to arrive");
    break;
  case BODY:
    ml_exchange_refuse(c, 408, "the body took too long to arrive");
    break;
  case BUSY:
    ml_exchange_refuse(c, 503, "the request took too long to answer");
    break;
  case CLOSING:
    break;
  }
  ml_conn_run(c, NULL, 0);
}

/* ---- requests ---- */

static bool may_take(const ml_conn *c) {
  return !c->busy && !c->closing && !c->lingering && !c->dead &&
         ml_conn_pending(c) <= c->server->limits.unread;
}

/* The fields are fine; `more`: bytes of the body are here already. */
static void head_seen(ml_conn *c, bool more) {
  ml_http_parse *p = &c->x->parse;

  c->has_head = true;
  c->body_ms = ml_server_mono(c->server);
  if (p->expects && p->has_body && !more)
    ml_buf_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

/* Note when a request begins: from here on header_ms counts. */
static void note_begin(ml_conn *c) {
  if (c->has_begun || !c->x->parse.started)
    return;
  c->has_begun = true;
  c->head_ms = ml_server_mono(c->server);
}

/* Feed bytes to the parser while a request may be taken.  Returns how many
** were used. */
static size_t take(ml_conn *c, const char *data, size_t n) {
  size_t at = 0, used;
  bool again = false;            /* the parser may have more without bytes */
  ml_http_parse_end end;

  while (may_take(c) && (at < n || again)) {
    again = false;
    if (c->x == NULL && (c->x = ml_exchange_get(c)) == NULL) {
      ml_exchange_refuse(c, 503, "the server is short of memory");
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
      ml_exchange_dispatch(c);
      break;
    case ML_PARSE_REFUSED:
      ml_exchange_refuse(c, c->x->parse.status, c->x->parse.why);
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
static void out_compact(ml_conn *c) {
  memmove(c->out.p, c->out.p + c->out_at, ml_conn_pending(c));
  c->out.len -= c->out_at;
  c->out_mark -= c->out_at;
  c->out_at = 0;
}

/* Send what can be sent now. */
static void flush(ml_conn *c, int64_t now) {
  bool was_waiting = c->writing;
  ssize_t n;
  int tries;

  for (tries = 0; tries < 4 && ml_conn_pending(c) > 0; tries++) {
    n = send(c->fd, c->out.p + c->out_at, ml_conn_pending(c), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR)
        continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK)
        c->dead = true;
      break;
    }
    c->out_at += (size_t)n;
  }
  if (ml_conn_pending(c) == 0) {
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
  if (c->out_at >= ML_CONN_SCRATCH && c->out_at >= c->out.len / 2)
    out_compact(c);
}

/* Bytes that no request took yet stand in c->in; take from there first. */
static void take_all(ml_conn *c, const char *data, size_t n) {
  size_t used;

  if (c->in.len > 0) {
    if (c->in_at >= PIPE_MAX) {   /* or it grows while it never runs empty */
      memmove(c->in.p, c->in.p + c->in_at, c->in.len - c->in_at);
      c->in.len -= c->in_at;
      c->in_at = 0;
    }
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

static void linger(ml_conn *c, int64_t now) {
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

static void set_interest(ml_conn *c) {
  bool want_read = !c->eof && (c->lingering ||
                               (!c->closing && c->in.len - c->in_at < PIPE_MAX));
  bool want_write = ml_conn_pending(c) > 0;

  c->reading = set_event(&c->rd, c->reading, want_read);
  c->writing = set_event(&c->wr, c->writing, want_write);
  if (c->reading != want_read || c->writing != want_write)
    c->dead = true;   /* no memory, no descriptors: it would hang */
}

/* No request under way and nothing to say. */
bool ml_conn_is_quiet(const ml_conn *c) {
  return !c->busy && !c->has_begun && ml_conn_pending(c) == 0 && c->in.len == 0;
}

void ml_conn_run(ml_conn *c, const char *data, size_t n) {
  ml_server *s = c->server;
  int64_t now;

  c->in_run = true;
  do {
    take_all(c, data, n);
    n = 0;
    now = ml_server_mono(s);
    if (!c->dead)
      flush(c, now);
  } while (c->in.len > 0 && may_take(c));
  c->in_run = false;
  if (!c->dead && ml_conn_pending(c) == 0 && !c->busy && !c->lingering) {
    if (c->closing)
      linger(c, now);
    else if (c->eof || (s->draining && ml_conn_is_quiet(c)))
      c->dead = true;
  }
  if (c->lingering && c->eof)
    c->dead = true;
  if (!c->dead)
    set_interest(c);
  if (c->dead)
    ml_conn_free(c);
  else
    arm(c, now);
}

void ml_conn_run_ready(void *arg) {
  ml_server *s = arg;
  ml_conn *c;

  while ((c = s->ready) != NULL) {
    ready_remove(c);
    ml_conn_run(c, NULL, 0);
  }
}

/* Read and forget; the peer is reading our last answer. */
static void on_linger(ml_conn *c) {
  ssize_t n = recv(c->fd, c->server->scratch, ML_CONN_SCRATCH, 0);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  c->lingered += n > 0 ? (uint64_t)n : 0;
  if (n <= 0 || c->lingered > LINGER_BYTES)
    ml_conn_free(c);
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
  ml_conn *c = arg;
  ml_server *s = c->server;
  size_t room = ML_CONN_SCRATCH;
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
      ml_conn_free(c);
    return;
  }
  if (n == 0)
    c->eof = true;
  ml_conn_run(c, s->scratch, (size_t)n);
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  ml_conn_run(arg, NULL, 0);
}

/* ---- a new one ---- */

ml_conn *ml_conn_new(ml_server *s, int fd) {
  struct event_base *base = ml_loop_base(s->loop);
  ml_conn *c = ml_mem_zero(sizeof *c);

  if (c == NULL) {
    close(fd);
    return NULL;
  }
  c->server = s;
  c->fd = fd;
  c->timer_ms = INT64_MAX;
  c->idle_ms = ml_server_mono(s);
  c->next = s->conns;
  if (s->conns != NULL)
    s->conns->prev = c;
  s->conns = c;
  s->conn_count++;
  c->timer = ml_loop_timer_new(s->loop, on_timer, c);
  if (c->timer == NULL ||
      event_assign(&c->rd, base, fd, EV_READ | EV_PERSIST, on_readable, c) ||
      event_assign(&c->wr, base, fd, EV_WRITE | EV_PERSIST, on_writable, c)) {
    ml_conn_free(c);
    return NULL;
  }
  return c;
}
