/* load.c - the load generator. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PER_ADDRESS = 60,         /* a server takes 64 from one address */
       READ = 16384, EVENTS = 256, AGAIN_US = 2000 };

typedef struct conn {
  int fd;
  bool busy;
  size_t i;                      /* its request */
  int64_t began, again_at;       /* again_at > 0: refused, waits */
  ml_buf out, in;
  size_t sent;
} conn;

typedef struct load {
  const load_conf *conf;
  load_out *out;
  conn *conns;
  int *idle;
  int idle_count, epoll;
  size_t next, under_way, waiting, cap;
  int64_t start, end;
} load;

/* ---- connections ---- */

/* From an address of its own for every so many: 127.0.0.2, .3, ... */
static int connect_from(uint16_t port, int i) {
  struct sockaddr_in a = {.sin_family = AF_INET}, to = a;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

  if (fd < 0)
    die("no socket: %s", strerror(errno));
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(i / PER_ADDRESS));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
      connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

static void open_all(load *l) {
  int n = l->conf->connections;

  l->conns = need(calloc((size_t)n, sizeof *l->conns));
  l->idle = need(calloc((size_t)n, sizeof *l->idle));
  l->epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < n; i++) {
    conn *c = &l->conns[i];
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)i};

    c->fd = connect_from(l->conf->port, i);
    if (c->fd < 0 || fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e) != 0)
      die("connection %d cannot be opened: %s", i, strerror(errno));
    l->idle[l->idle_count++] = n - 1 - i;
  }
}

static void close_all(load *l) {
  for (int i = 0; i < l->conf->connections; i++) {
    close(l->conns[i].fd);
    ml_buf_free(&l->conns[i].out);
    ml_buf_free(&l->conns[i].in);
  }
  close(l->epoll);
  free(l->conns);
  free(l->idle);
}

/* ---- one request ---- */

/* Requests are small and the peer reads: a full socket means it does not. */
static void send_rest(conn *c) {
  while (c->sent < c->out.len) {
    ssize_t n = send(c->fd, c->out.p + c->sent, c->out.len - c->sent,
                     MSG_NOSIGNAL);

    if (n < 0)
      die("a request cannot be sent: %s", strerror(errno));
    c->sent += (size_t)n;
  }
}

static void begin(load *l, int id, int64_t now) {
  conn *c = &l->conns[id];
  const load_conf *k = l->conf;

  c->i = l->next++;
  c->busy = true;
  c->began = k->rate > 0 && !k->from_sent
                 ? l->start + (int64_t)((double)c->i * 1e6 / k->rate)
                 : now;
  if (c->i >= l->cap) {
    l->cap = l->cap > 0 ? l->cap * 2 : 4096;
    l->out->us = need(realloc(l->out->us, l->cap * sizeof *l->out->us));
  }
  ml_buf_reset(&c->out);
  k->make(k->arg, c->i, &c->out);
  if (c->out.bad)
    die("out of memory");
  c->sent = 0;
  l->under_way++;
  send_rest(c);
}

/* Will another one begin, now or later? */
static bool more(const load *l, int64_t now) {
  const load_conf *k = l->conf;

  return (k->total == 0 || l->next < k->total) && (k->ms == 0 || now < l->end);
}

static bool is_due(const load *l, int64_t now) {
  return l->conf->rate == 0 ||
         (double)(now - l->start) * l->conf->rate >= (double)l->next * 1e6;
}

static void begin_what_may(load *l, int64_t now) {
  while (l->idle_count > 0 && more(l, now) && is_due(l, now))
    begin(l, l->idle[--l->idle_count], now);
}

static void begin_again(load *l, int64_t now) {
  for (int i = 0; l->waiting > 0 && i < l->conf->connections; i++) {
    conn *c = &l->conns[i];

    if (c->again_at == 0 || c->again_at > now)
      continue;
    c->again_at = 0;
    l->waiting--;
    c->sent = 0;
    send_rest(c);
  }
}

/* ---- one answer ---- */

/* Where the body begins, its length and the status; false: not all there. */
static bool whole(const ml_buf *b, int *status, size_t *at, size_t *n) {
  const char *end, *p;

  if (b->len < 12 || (end = memmem(b->p, b->len, "\r\n\r\n", 4)) == NULL)
    return false;
  *status = atoi(b->p + 9);
  *at = (size_t)(end - b->p) + 4;
  *n = 0;
  for (p = strchr(b->p, '\n'); p != NULL && p < end; p = strchr(p + 1, '\n'))
    if (strncasecmp(p + 1, "Content-Length:", 15) == 0)
      *n = strtoul(p + 16, NULL, 10);
  return b->len >= *at + *n;
}

static void ended(load *l, int id, int status, const char *body, size_t n) {
  conn *c = &l->conns[id];
  int64_t now = now_us();

  ml_buf_reset(&c->in);
  if (status == 503) {
    l->out->again++;
    l->waiting++;
    c->again_at = now + AGAIN_US;
    return;
  }
  l->out->us[c->i] = (double)(now - c->began);
  if (status >= 200 && status < 300) {
    l->out->answered++;
  } else if (l->out->wrong++ == 0) {
    l->out->wrong_status = status;
    say("  status %d: %.*s", status, (int)(n < 300 ? n : 300), body);
  }
  if (l->conf->got != NULL)
    l->conf->got(l->conf->arg, c->i, status, body, n);
  c->busy = false;
  l->under_way--;
  l->idle[l->idle_count++] = id;
}

static void readable(load *l, int id) {
  conn *c = &l->conns[id];
  int status;
  size_t at, n;
  char *to = ml_buf_room(&c->in, READ);
  ssize_t got = to != NULL ? recv(c->fd, to, READ, 0) : -1;

  if (got < 0 && errno == EAGAIN)
    return;
  if (got <= 0)
    die("a peer broke connection %d: %s; request %zu is %s for %.3f s", id,
        got == 0 ? "closed" : strerror(errno), c->i,
        c->again_at > 0 ? "refused with 503" : c->busy ? "under way" : "over",
        (double)(now_us() - c->began) / 1e6);
  c->in.len += (size_t)got;
  c->in.p[c->in.len] = '\0';
  if (c->busy && whole(&c->in, &status, &at, &n)) {
    ml_buf body = c->in;         /* `ended` empties the buffer, keeps its bytes */

    ended(l, id, status, body.p + at, n);
  }
}

/* ---- all of them ---- */

/* How long to wait at most: until the next is due, or may go again. */
static struct timespec patience(const load *l, int64_t now) {
  int64_t us = 100000;

  if (l->waiting > 0)
    us = AGAIN_US / 2;
  if (l->conf->rate > 0) {
    int64_t due = l->start + (int64_t)((double)l->next * 1e6 / l->conf->rate);

    us = due <= now ? 1000 : due - now < us ? due - now : us;
  }
  return (struct timespec){us / 1000000, us % 1000000 * 1000};
}

void load_run(const load_conf *k, load_out *out) {
  load l = {.conf = k, .out = out};
  struct epoll_event events[EVENTS];
  double cpu = own_cpu_us();
  int64_t now;

  *out = (load_out){0};
  open_all(&l);
  now = l.start = now_us();
  l.end = l.start + k->ms * 1000;
  begin_what_may(&l, now);
  while (l.under_way > 0 || more(&l, now)) {
    struct timespec wait = patience(&l, now);
    int n = epoll_pwait2(l.epoll, events, EVENTS, &wait, NULL);

    for (int i = 0; i < n; i++)
      readable(&l, (int)events[i].data.u32);
    now = now_us();
    begin_again(&l, now);
    begin_what_may(&l, now);
  }
  out->seconds = (double)(now_us() - l.start) / 1e6;
  out->cpu_us = own_cpu_us() - cpu;
  close_all(&l);
}

void load_out_free(load_out *out) {
  free(out->us);
  *out = (load_out){0};
}

/* ---- by hand ---- */

int load_ask(uint16_t port, const ml_buf *request, ml_buf *body) {
  conn c = {.fd = connect_from(port, 0), .out = *request};
  int status = 0;
  size_t at = 0, n = 0;

  if (c.fd < 0)
    return 0;
  send_rest(&c);
  while (!whole(&c.in, &status, &at, &n)) {
    char *to = ml_buf_room(&c.in, READ);
    ssize_t got = recv(c.fd, need(to), READ, 0);

    if (got <= 0) {
      status = 0;
      break;
    }
    c.in.len += (size_t)got;
    c.in.p[c.in.len] = '\0';
  }
  if (status != 0)
    ml_buf_put(body, c.in.p + at, n);
  close(c.fd);
  ml_buf_free(&c.in);
  return status;
}

void load_request(ml_buf *out, const char *method, const char *path,
                  const char *token, const char *key, const char *body,
                  size_t n) {
  ml_buf_printf(out, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path);
  if (token != NULL)
    ml_buf_printf(out, "Authorization: Bearer %s\r\n", token);
  if (key != NULL)
    ml_buf_printf(out, "Idempotency-Key: %s\r\n", key);
  if (body != NULL)
    ml_buf_printf(out, "Content-Type: application/json\r\n"
                  "Content-Length: %zu\r\n", n);
  ml_buf_puts(out, "\r\n");
  if (body != NULL)
    ml_buf_put(out, body, n);
}
