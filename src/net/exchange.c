/*
** exchange.c - a request from its first byte to its answer.
**
** An exchange holds a request and its parser.  It is taken from a pool when
** the first byte comes, belongs to its connection while it is read, to the
** handler from dispatch to ml_reply(), and then goes back.  When the
** connection ends before, or was answered for the handler, the two are cut:
** x->conn is NULL, and the reply that comes later only gives it back.
*/
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "net/conn.h"
#include "net/http_char.h"
#include "net/http_reply.h"

#define POOL 64u                 /* exchanges kept for reuse */

/* ---- the pool ---- */

ml_exchange *ml_exchange_get(ml_conn *c) {
  ml_server *s = c->server;
  ml_exchange *x = s->pool;
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

static void exchange_free(ml_exchange *x) {
  ml_http_parse_done(&x->parse);
  ml_mem_free(x);
}

/* Nobody needs it any more. */
static void exchange_put(ml_exchange *x) {
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
static void exchange_lend(ml_exchange *x) {
  ml_server *s = x->server;

  x->prev = NULL;
  x->next = s->busy;
  if (s->busy != NULL)
    s->busy->prev = x;
  s->busy = x;
}

static void exchange_return(ml_exchange *x) {
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

void ml_exchange_leave(ml_conn *c) {
  ml_exchange *x = c->x;

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

void ml_exchange_end(ml_server *s) {
  ml_exchange *x;

  for (x = s->busy; x != NULL; x = x->next)
    x->server = NULL;
  while ((x = s->pool) != NULL) {
    s->pool = x->next;
    exchange_free(x);
  }
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

/* Append an answer to what is to be sent.  Where the caller's fields would
** break the framing the peer gets a bare 500. */
static void answer(ml_conn *c, ml_http_reply *r) {
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

void ml_exchange_refuse(ml_conn *c, int status, const char *why) {
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
  ml_exchange_leave(c);
}

/* What the handler had is answered: the connection goes on. */
static void answered(ml_conn *c) {
  c->busy = false;
  c->server->busy_count--;
  c->x = NULL;
  c->has_begun = c->has_head = false;
  c->idle_ms = ml_server_mono(c->server);
  if (!c->in_run)
    ml_conn_ready(c);
}

void ml_reply(ml_request *q, int status, const char *const *headers,
              ml_str body) {
  ml_exchange *x = q->private_;
  ml_conn *c = x->conn;
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
  ml_exchange *x = q->private_;
  ml_conn *c = x->conn;

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

static const char *peer_text(ml_conn *c) {
  if (c->is_unix)
    return "unix";
  if (c->peer[0] == '\0')
    ml_address_print(&c->address, c->port, c->peer);
  return c->peer;
}

void ml_exchange_dispatch(ml_conn *c) {
  ml_exchange *x = c->x;
  const ml_http_parse *p = &x->parse;
  ml_server *s = c->server;

  strcpy(x->peer, peer_text(c));     /* x may outlive c */
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

ml_str ml_request_header(const ml_request *q, const char *name) {
  size_t i;

  for (i = 0; i < q->header_count; i++) {
    if (ml_http_is_same(q->headers[i].name, name))
      return q->headers[i].value;
  }
  return ML_NOSTR;
}
