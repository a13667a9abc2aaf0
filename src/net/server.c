/*
** server.c - listening sockets, who is let in, and the server's life.
*/
#include "net/server.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/address.h"
#include "net/conn.h"
#include "net/listen.h"

#define ACCEPTS 64               /* in one turn, a listener */
#define REFUSABLE 32u            /* connections over the limit that get a 503 */
#define PAUSE_MS 100             /* after accept() found no descriptor */

typedef struct listener {
  ml_listen socket;
  struct event ev;
  ml_server *server;
  struct listener *next;
} listener;

/* ---- new connections ---- */

/* Who is there?  False: it cannot be told. */
static bool identify(ml_conn *c, const struct sockaddr_storage *sa) {
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
  ml_conn *c;

  if (s->conn_count >= (size_t)s->limits.connections + REFUSABLE) {
    close(fd);
    return;
  }
  c = ml_conn_new(s, fd);
  if (c == NULL)
    return;
  c->is_unix = l->socket.is_unix;
  if (!identify(c, sa)) {
    ml_conn_free(c);
    return;
  }
  if (s->conn_count > s->limits.connections)
    ml_exchange_refuse(c, 503, "there are too many connections");
  else if (!c->is_unix && ml_conn_peer_is_full(s, &c->address))
    ml_exchange_refuse(c, 503, "there are too many connections from your address");
  else if (!c->is_unix)
    ml_conn_count(c);
  ml_conn_run(c, NULL, 0);
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
  ml_conn_run_ready(s);
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
  ml_conn *c, *next;

  s->draining = true;
  listeners_close(s);
  for (c = s->conns; c != NULL; c = next) {
    next = c->next;
    if (!c->in_run && !c->closing && ml_conn_is_quiet(c))
      ml_conn_free(c);
  }
}

size_t ml_server_busy(const ml_server *s) {
  return s->busy_count;
}

size_t ml_server_connections(const ml_server *s) {
  return s->conn_count;
}

void ml_server_free(ml_server *s) {
  if (s == NULL)
    return;
  listeners_close(s);
  while (s->conns != NULL)
    ml_conn_free(s->conns);
  ml_exchange_end(s);
  ml_loop_later_cancel(s->loop, ml_conn_run_ready, s);
  ml_loop_timer_free(s->nudge);
  ml_mem_free(s);
}
