/*
** test_client.c - the client against peers that misbehave.
**
** A peer is a listening socket on the same loop that answers every request
** with prepared bytes, and then closes, stays, or says nothing.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/address.h"
#include "net/client.h"

static const unsigned char hello_gz[] = {
  0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48,
  0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x27, 0xb9, 0x00, 0x00, 0x88, 0x59,
  0x0b, 0x18, 0x00, 0x00, 0x00
};

/* 100,000 zero bytes */
static const unsigned char zeros_gz[] = {
  0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1,
  0x31, 0x01, 0x00, 0x00, 0x00, 0xc2, 0xa0, 0xf5, 0x4f, 0x6d, 0x0d, 0x0f,
  0xa0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x80, 0x57, 0x03, 0x7d, 0x95, 0x11, 0xd4, 0xa0, 0x86, 0x01, 0x00
};

/* ---- peers ---- */

typedef enum manner { KEEP, CLOSE, RESET, HANG, CLOSE_SECOND } manner;

typedef struct peer peer;

typedef struct visit {
  peer *peer;
  int fd;
  ml_loop_fd *watch;
  ml_buf in;
  int requests;
} visit;

#define VISITS 64

struct peer {
  ml_loop *loop;
  int fd, port;
  ml_loop_fd *watch;
  char allow[32];
  manner how;
  const char *says;            /* the answer, and how long it is */
  size_t says_n;
  visit visits[VISITS];
  int accepted, requests;
  ml_buf heard;                /* all requests */
};

static void visit_end(visit *v) {
  ml_loop_fd_free(v->watch);
  v->watch = NULL;
  if (v->fd >= 0)
    close(v->fd);
  v->fd = -1;
  ml_buf_free(&v->in);
}

static void visit_answer(visit *v) {
  peer *p = v->peer;
  struct linger now = {1, 0};

  if (p->how == HANG)
    return;
  if (p->how == CLOSE_SECOND && v->requests == 2) {
    visit_end(v);
    return;
  }
  assert_int_equal(send(v->fd, p->says, p->says_n, MSG_NOSIGNAL), p->says_n);
  if (p->how == RESET)
    setsockopt(v->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  if (p->how == CLOSE || p->how == RESET)
    visit_end(v);
}

/* How long the request in b is; 0: not complete. */
static size_t request_length(const ml_buf *b) {
  const char *end = b->p != NULL ? strstr(b->p, "\r\n\r\n") : NULL;
  const char *length = b->p != NULL ? strstr(b->p, "Content-Length: ") : NULL;
  size_t n;

  if (end == NULL)
    return 0;
  n = (size_t)(end - b->p) + 4;
  if (length != NULL && length < end)
    n += (size_t)atoi(length + 16);
  return b->len >= n ? n : 0;
}

static void on_visit(void *arg, bool readable, bool writable) {
  visit *v = arg;
  char bytes[65536];
  ssize_t n = recv(v->fd, bytes, sizeof bytes, 0);
  size_t whole;

  (void)writable;
  assert_true(readable);
  if (n <= 0) {
    visit_end(v);
    return;
  }
  ml_buf_put(&v->in, bytes, (size_t)n);
  whole = request_length(&v->in);
  if (whole == 0)
    return;
  assert_int_equal(whole, v->in.len);   /* the client never pipelines */
  ml_buf_put(&v->peer->heard, v->in.p, v->in.len);
  ml_buf_reset(&v->in);
  v->requests++;
  v->peer->requests++;
  visit_answer(v);
}

static void on_knock(void *arg, bool readable, bool writable) {
  peer *p = arg;
  visit *v = &p->visits[p->accepted];

  (void)writable;
  assert_true(readable);
  assert_true(p->accepted < VISITS);
  v->peer = p;
  v->fd = accept4(p->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  assert_true(v->fd >= 0);
  v->watch = ml_loop_fd_new(p->loop, v->fd, on_visit, v);
  assert_non_null(v->watch);
  ml_loop_fd_want(v->watch, true, false);
  p->accepted++;
}

static void peer_watch(peer *p, ml_loop *l) {
  p->loop = l;
  assert_int_equal(listen(p->fd, 64), 0);
  p->watch = ml_loop_fd_new(l, p->fd, on_knock, p);
  assert_non_null(p->watch);
  ml_loop_fd_want(p->watch, true, false);
}

static int bound_socket(int *port) {
  struct sockaddr_in a = {.sin_family = AF_INET};
  socklen_t len = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
  *port = ntohs(a.sin_port);
  return fd;
}

static void peer_open(peer *p, ml_loop *l, manner how, const char *says,
                      size_t n) {
  *p = (peer){.how = how, .says = says, .says_n = n};
  p->fd = bound_socket(&p->port);
  snprintf(p->allow, sizeof p->allow, "127.0.0.1:%d", p->port);
  peer_watch(p, l);
}

static void peer_close(peer *p) {
  int i;

  for (i = 0; i < p->accepted; i++)
    visit_end(&p->visits[i]);
  ml_loop_fd_free(p->watch);
  if (p->fd >= 0)
    close(p->fd);
  ml_buf_free(&p->heard);
}

/* ---- a client and what came back ---- */

typedef struct fix {
  ml_loop *loop;
  ml_clock_fake clock;
  ml_http *http;
} fix;

typedef struct got {
  int times;
  ml_http_end end;
  int status;
  char body[256];
  size_t body_n;
  char why[512];
  char x_test[64];
  size_t headers;
} got;

static void fix_open(fix *f, bool fake, uint32_t open, uint32_t per_host) {
  *f = (fix){0};
  ml_clock_fake_init(&f->clock, 1700000000000);
  assert_int_equal(ml_loop_new(fake ? &f->clock.base : NULL, &f->loop), ML_OK);
  assert_int_equal(ml_client_new(f->loop, open, per_host, &f->http), ML_OK);
}

static void fix_close(fix *f) {
  ml_client_free(f->http);
  ml_loop_free(f->loop);
}

static void on_answer(void *arg, const ml_http_answer *a) {
  got *g = arg;
  ml_str x = ml_http_header_of(a, "x-TEST");

  g->times++;
  g->end = a->end;
  g->status = a->status;
  g->headers = a->header_count;
  g->body_n = a->body.n;
  assert_non_null(a->body.p);
  assert_int_equal(a->body.p[a->body.n], '\0');
  snprintf(g->body, sizeof g->body, "%.*s", (int)a->body.n, a->body.p);
  snprintf(g->why, sizeof g->why, "%s", a->why != NULL ? a->why : "");
  snprintf(g->x_test, sizeof g->x_test, "%s", x.p != NULL ? x.p : "-");
  assert_true((a->end == ML_HTTP_COMPLETE) == (a->why == NULL));
}

/* Turn until *n reaches `want`; what never comes fails the test. */
static void turn_until(fix *f, const int *n, int want) {
  int i;

  for (i = 0; i < 200 && *n < want; i++)
    ml_loop_turn(f->loop, 100);
  assert_int_equal(*n, want);
}

static void settle(fix *f) {
  int i;

  for (i = 0; i < 20; i++)
    ml_loop_turn(f->loop, 1);
}

/* A call to path at p, allowed there. */
typedef struct plan {
  ml_http_call call;
  char url[256];
  ml_str allow;
} plan;

static ml_http_call *plan_for(plan *n, const peer *p, const char *method,
                              const char *path) {
  *n = (plan){0};
  snprintf(n->url, sizeof n->url, "http://127.0.0.1:%d%s", p->port, path);
  n->allow = ml_str_of(p->allow);
  n->call = (ml_http_call){.method = ml_str_of(method),
                           .url = ml_str_of(n->url),
                           .allow = &n->allow, .allow_count = 1};
  return &n->call;
}

static void send_call(fix *f, const ml_http_call *call, got *g, uint64_t *id) {
  ml_err e = {0};

  assert_int_equal(f->http->send(f->http, call, on_answer, g, id, &e), ML_OK);
}

/* ---- answers, whole and not ---- */

typedef struct row {
  const char *name, *method, *says;
  size_t n;
  manner how;
  ml_http_end end;
  int status;
  const char *body;
} row;

#define OK200 "HTTP/1.1 200 OK\r\n"
#define ROW(name, method, says, how, end, status, body) \
  {name, method, says, sizeof(says) - 1, how, ML_HTTP_##end, status, body}

static const row rows[] = {
  ROW("whole", "GET", OK200 "Content-Length: 2\r\n\r\nhi", KEEP, COMPLETE, 200,
      "hi"),
  ROW("whole, then closed", "GET", OK200 "Content-Length: 2\r\n\r\nhi", CLOSE,
      COMPLETE, 200, "hi"),
  ROW("empty", "GET", OK200 "Content-Length: 0\r\n\r\n", CLOSE, COMPLETE, 200,
      ""),
  ROW("500 is an answer", "GET",
      "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno", KEEP, COMPLETE, 500,
      "no"),
  ROW("redirects are not followed", "GET",
      "HTTP/1.1 302 F\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
      KEEP, COMPLETE, 302, ""),
  ROW("204 needs no length", "DELETE", "HTTP/1.1 204 No\r\n\r\n", KEEP,
      COMPLETE, 204, ""),
  ROW("304 needs no length", "GET", "HTTP/1.1 304 No\r\n\r\n", KEEP, COMPLETE,
      304, ""),
  ROW("HEAD has a length and no body", "HEAD",
      OK200 "Content-Length: 900\r\n\r\n", KEEP, COMPLETE, 200, ""),
  ROW("chunked", "GET",
      OK200 "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", KEEP,
      COMPLETE, 200, "hi"),
  ROW("chunked with trailers", "GET", OK200
      "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Test: no\r\n\r\n",
      KEEP, COMPLETE, 200, "hi"),
  ROW("100 before 200", "POST",
      "HTTP/1.1 100 Continue\r\nX-Test: no\r\n\r\n" OK200
      "Content-Length: 2\r\n\r\nhi", KEEP, COMPLETE, 200, "hi"),
  ROW("103 before 200", "GET",
      "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" OK200
      "Content-Length: 2\r\n\r\nhi", KEEP, COMPLETE, 200, "hi"),
  ROW("HTTP/1.0 with a length", "GET",
      "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", CLOSE, COMPLETE, 200,
      "hi"),
  ROW("the same length twice", "GET",
      OK200 "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", KEEP, COMPLETE,
      200, "hi"),

  ROW("nothing", "GET", "", CLOSE, LOST, 0, ""),
  ROW("nothing, reset", "GET", "", RESET, LOST, 0, ""),
  ROW("half a status line", "GET", "HTTP/1.1 20", CLOSE, LOST, 0, ""),
  ROW("a status line", "GET", OK200, CLOSE, LOST, 0, ""),
  ROW("closed in the headers", "GET", OK200 "Content-Length: 0\r\n", CLOSE,
      LOST, 0, ""),
  ROW("closed in a header", "GET", OK200 "Content-Length: 0\r\nX-Te", CLOSE,
      LOST, 0, ""),
  ROW("closed in the headers of 204", "GET", "HTTP/1.1 204 No\r\nX: y\r\n",
      CLOSE, LOST, 0, ""),
  ROW("closed in the headers of HEAD", "HEAD",
      OK200 "Content-Length: 900\r\n", CLOSE, LOST, 0, ""),
  ROW("closed after 100", "POST", "HTTP/1.1 100 Continue\r\n\r\n", CLOSE, LOST,
      0, ""),
  ROW("reset in the headers", "GET", OK200 "Content-Length: 2\r\n", RESET,
      LOST, 0, ""),
  ROW("short body", "GET", OK200 "Content-Length: 3\r\n\r\nhi", CLOSE, LOST, 0,
      ""),
  ROW("no body", "GET", OK200 "Content-Length: 3\r\n\r\n", CLOSE, LOST, 0, ""),
  ROW("no last chunk", "GET",
      OK200 "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", CLOSE, LOST, 0,
      ""),
  ROW("cut in a chunk", "GET",
      OK200 "Transfer-Encoding: chunked\r\n\r\n9\r\nhi", CLOSE, LOST, 0, ""),
  ROW("cut in a chunk size", "GET",
      OK200 "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0", CLOSE, LOST, 0,
      ""),
  ROW("no end of trailers", "GET",
      OK200 "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n", CLOSE, LOST,
      0, ""),
  ROW("bad chunk size", "GET",
      OK200 "Transfer-Encoding: chunked\r\n\r\nzz\r\nhi\r\n0\r\n\r\n", KEEP,
      LOST, 0, ""),
  ROW("no length at all", "GET", OK200 "\r\nhi", CLOSE, LOST, 0, ""),
  ROW("unknown coding", "GET", OK200 "Transfer-Encoding: x\r\n\r\nhi", CLOSE,
      LOST, 0, ""),
  ROW("two lengths", "GET",
      OK200 "Content-Length: 2\r\nContent-Length: 1\r\n\r\nhi", CLOSE, LOST, 0,
      ""),
  ROW("length and chunks", "GET", OK200 "Content-Length: 2\r\n"
      "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", CLOSE, LOST, 0,
      ""),
  ROW("length is no number", "GET", OK200 "Content-Length: 0x2\r\n\r\nhi",
      CLOSE, LOST, 0, ""),
  ROW("garbage", "GET", "\x16\x03\x01 what?\r\n\r\n", CLOSE, LOST, 0, ""),
  ROW("HTTP/0.9", "GET", "hello\r\n", CLOSE, LOST, 0, ""),
  ROW("SSH", "GET", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", CLOSE, LOST, 0, ""),
  ROW("a header without colon", "GET",
      OK200 "Content-Length: 2\r\nwhat\r\n\r\nhi", CLOSE, LOST, 0, ""),
  ROW("a folded header", "GET",
      OK200 "A: b\r\n c: d\r\nContent-Length: 2\r\n\r\nhi", CLOSE, LOST, 0,
      ""),
  ROW("NUL in a header", "GET", OK200 "A: b\0c\r\nContent-Length: 2\r\n\r\nhi",
      CLOSE, LOST, 0, ""),
  ROW("101", "GET", "HTTP/1.1 101 Sw\r\nUpgrade: x\r\n\r\n", CLOSE, LOST, 0,
      ""),
  ROW("status 999", "GET", "HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n",
      CLOSE, LOST, 0, ""),
  ROW("gzip that is none", "GET",
      OK200 "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi", CLOSE,
      LOST, 0, "")
};

static void test_answers(void **state) {
  size_t i;

  (void)state;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    const row *r = &rows[i];
    fix f;
    peer p;
    plan n;
    got g = {0};

    fix_open(&f, false, 0, 0);
    peer_open(&p, f.loop, r->how, r->says, r->n);
    send_call(&f, plan_for(&n, &p, r->method, "/"), &g, NULL);
    assert_int_equal(g.times, 0);        /* never inside send */
    turn_until(&f, &g.times, 1);
    if (g.end != r->end || g.status != r->status)
      print_error("%s: end %d, status %d, %s\n", r->name, g.end, g.status,
                  g.why);
    assert_int_equal(g.end, r->end);
    assert_int_equal(g.status, r->status);
    assert_string_equal(g.body, r->body);
    assert_string_equal(g.x_test, "-");
    peer_close(&p);
    fix_close(&f);
  }
}

static void test_headers_and_body_arrive(void **state) {
  static const char says[] = OK200 "X-Test:  a b \r\nX-Empty:\r\n"
                             "Content-Length: 2\r\n\r\nhi";
  fix f;
  peer p;
  plan n;
  got g = {0};

  (void)state;
  fix_open(&f, false, 0, 0);
  peer_open(&p, f.loop, KEEP, says, sizeof says - 1);
  send_call(&f, plan_for(&n, &p, "GET", "/"), &g, NULL);
  turn_until(&f, &g.times, 1);
  assert_string_equal(g.x_test, "a b");
  assert_int_equal(g.headers, 3);
  peer_close(&p);
  fix_close(&f);
}

/* ---- what is sent ---- */

static void test_what_is_sent(void **state) {
  static const char says[] = OK200 "Content-Length: 0\r\n\r\n";
  static const struct {
    const char *method, *body, *path, *expect;
  } ways[] = {
    {"GET", "", "/a/../b?c=%20#frag", "GET /a/../b?c=%20 HTTP/1.1\r\n"},
    {"POST", "{}", "/", "Content-Length: 2\r\n"},
    {"POST", "", "/", "Content-Length: 0\r\n"},
    {"PUT", "ab", "/", "PUT / HTTP/1.1\r\n"},
    {"PATCH", "ab", "/", "PATCH / HTTP/1.1\r\n"},
    {"DELETE", "", "/", "DELETE / HTTP/1.1\r\n"},
    {"GET", "with body", "/", "GET / HTTP/1.1\r\n"}
  };
  const ml_str headers[] = {ML_STR("X-One: 1"), ML_STR("X-Empty: "),
                            ML_STR("Accept: application/json")};
  size_t i;

  (void)state;
  for (i = 0; i < sizeof ways / sizeof *ways; i++) {
    fix f;
    peer p;
    plan n;
    got g = {0};
    ml_http_call *call;

    fix_open(&f, false, 0, 0);
    peer_open(&p, f.loop, KEEP, says, sizeof says - 1);
    call = plan_for(&n, &p, ways[i].method, ways[i].path);
    call->body = ml_str_of(ways[i].body);
    call->headers = headers;
    call->header_count = 3;
    send_call(&f, call, &g, NULL);
    memset(&n, 'x', sizeof n);           /* it was only lent */
    turn_until(&f, &g.times, 1);
    assert_int_equal(g.end, ML_HTTP_COMPLETE);
    assert_non_null(strstr(p.heard.p, ways[i].expect));
    assert_non_null(strstr(p.heard.p, "\r\nX-One: 1\r\n"));
    assert_non_null(strstr(p.heard.p, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(p.heard.p, "\r\nAccept: application/json\r\n"));
    assert_non_null(strstr(p.heard.p, "\r\nAccept-Encoding: gzip\r\n"));
    assert_null(strstr(p.heard.p, "Accept: */*"));
    assert_null(strstr(p.heard.p, "Expect:"));
    assert_null(strstr(p.heard.p, "Content-Type:"));
    assert_null(strstr(p.heard.p, "#frag"));
    assert_non_null(strstr(p.heard.p, ways[i].body));
    peer_close(&p);
    fix_close(&f);
  }
}

static void test_a_large_body_is_sent_at_once(void **state) {
  static const char says[] = OK200 "Content-Length: 0\r\n\r\n";
  fix f;
  peer p;
  plan n;
  got g = {0};
  ml_http_call *call;
  char *body = malloc(300000);

  (void)state;
  assert_non_null(body);
  memset(body, 'b', 300000);
  fix_open(&f, false, 0, 0);
  peer_open(&p, f.loop, KEEP, says, sizeof says - 1);
  call = plan_for(&n, &p, "POST", "/");
  call->body = (ml_str){body, 300000};
  send_call(&f, call, &g, NULL);
  free(body);
  turn_until(&f, &g.times, 1);
  assert_int_equal(g.end, ML_HTTP_COMPLETE);
  assert_null(strstr(p.heard.p, "Expect:"));
  assert_true(p.heard.len > 300000);
  peer_close(&p);
  fix_close(&f);
}

/* ---- limits ---- */

static void one_limited(const char *says, size_t size, uint64_t max,
                        ml_http_end want, size_t want_n) {
  fix f;
  peer p;
  plan n;
  got g = {0};
  ml_http_call *call;

  fix_open(&f, false, 0, 0);
  peer_open(&p, f.loop, KEEP, says, size);
  call = plan_for(&n, &p, "GET", "/");
  call->body_max = max;
  send_call(&f, call, &g, NULL);
  turn_until(&f, &g.times, 1);
  assert_int_equal(g.end, want);
  assert_int_equal(g.body_n, want_n);
  peer_close(&p);
  fix_close(&f);
}

/* An answer with head and bytes, in memory to be freed. */
static char *glue(const char *head, const void *bytes, size_t n, size_t *size) {
  char *all = malloc(strlen(head) + n);

  assert_non_null(all);
  memcpy(all, head, strlen(head));
  memcpy(all + strlen(head), bytes, n);
  *size = strlen(head) + n;
  return all;
}

static void test_body_limit(void **state) {
  static const char plain[] = OK200 "Content-Length: 10\r\n\r\n0123456789";
  static const char chunked[] = OK200 "Transfer-Encoding: chunked\r\n\r\n"
                                "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n";

  (void)state;
  one_limited(plain, sizeof plain - 1, 10, ML_HTTP_COMPLETE, 10);
  one_limited(plain, sizeof plain - 1, 9, ML_HTTP_LOST, 0);
  one_limited(chunked, sizeof chunked - 1, 10, ML_HTTP_COMPLETE, 10);
  one_limited(chunked, sizeof chunked - 1, 9, ML_HTTP_LOST, 0);
}

static void test_body_limit_counts_after_gunzip(void **state) {
  char head[128], *says;
  size_t size;

  (void)state;
  snprintf(head, sizeof head, OK200 "Content-Encoding: gzip\r\n"
           "Content-Length: %zu\r\n\r\n", sizeof hello_gz);
  says = glue(head, hello_gz, sizeof hello_gz, &size);
  one_limited(says, size, 24, ML_HTTP_COMPLETE, 24);
  one_limited(says, size, 23, ML_HTTP_LOST, 0);
  free(says);
  snprintf(head, sizeof head, OK200 "Content-Encoding: gzip\r\n"
           "Content-Length: %zu\r\n\r\n", sizeof zeros_gz);
  says = glue(head, zeros_gz, sizeof zeros_gz, &size);
  one_limited(says, size, 100000, ML_HTTP_COMPLETE, 100000);
  one_limited(says, size, 99999, ML_HTTP_LOST, 0);
  one_limited(says, size, 1000, ML_HTTP_LOST, 0);
  free(says);
}

static void test_header_limits(void **state) {
  ml_buf says = {0};
  int i;

  (void)state;
  ml_buf_puts(&says, OK200 "Content-Length: 0\r\n");
  for (i = 0; i < 255; i++)
    ml_buf_printf(&says, "X-%d: y\r\n", i);
  ml_buf_puts(&says, "\r\n");
  one_limited(says.p, says.len, 10, ML_HTTP_COMPLETE, 0);
  ml_buf_reset(&says);
  ml_buf_puts(&says, OK200 "Content-Length: 0\r\n");
  for (i = 0; i < 256; i++)
    ml_buf_printf(&says, "X-%d: y\r\n", i);
  ml_buf_puts(&says, "\r\n");
  one_limited(says.p, says.len, 10, ML_HTTP_LOST, 0);
  ml_buf_reset(&says);
  ml_buf_puts(&says, OK200 "Content-Length: 0\r\n");
  for (i = 0; i < 10; i++)
    ml_buf_printf(&says, "X-%d: %07000d\r\n", i, 1);
  ml_buf_puts(&says, "\r\n");
  one_limited(says.p, says.len, 10, ML_HTTP_LOST, 0);
  ml_buf_free(&says);
}

/* ---- time ---- */

static void test_a_peer_that_hangs(void **state) {
  fix f;
  peer p;
  plan n;
  got g = {0};
  ml_http_call *call;

  (void)state;
  fix_open(&f, true, 0, 0);
  peer_open(&p, f.loop, HANG, "", 0);
  call = plan_for(&n, &p, "POST", "/");
  call->timeout_ms = 7000;
  send_call(&f, call, &g, NULL);
  turn_until(&f, &p.requests, 1);
  ml_clock_fake_pass(&f.clock, 6999);    /* connect_ms is long over: it counts
                                            only until there is a connection */
  settle(&f);
  assert_int_equal(g.times, 0);
  ml_clock_fake_pass(&f.clock, 1);
  settle(&f);
  assert_int_equal(g.times, 1);
  assert_int_equal(g.end, ML_HTTP_LOST);
  assert_non_null(strstr(g.why, "7000 ms"));
  peer_close(&p);
  fix_close(&f);
}

static void test_default_timeout(void **state) {
  fix f;
  peer p;
  plan n;
  got g = {0};

  (void)state;
  fix_open(&f, true, 0, 0);
  peer_open(&p, f.loop, HANG, "", 0);
  send_call(&f, plan_for(&n, &p, "GET", "/"), &g, NULL);
  turn_until(&f, &p.requests, 1);
  ml_clock_fake_pass(&f.clock, 29999);
  settle(&f);
  assert_int_equal(g.times, 0);
  ml_clock_fake_pass(&f.clock, 1);
  settle(&f);
  assert_int_equal(g.end, ML_HTTP_LOST);
  peer_close(&p);
  fix_close(&f);
}

/* A listener whose queue is full lets connects hang. */
static void test_a_connect_that_hangs(void **state) {
  fix f;
  peer p = {0};
  plan n;
  got g = {0};
  struct sockaddr_in a = {.sin_family = AF_INET};
  int fill[4], i;

  (void)state;
  fix_open(&f, true, 0, 0);
  p.fd = bound_socket(&p.port);
  snprintf(p.allow, sizeof p.allow, "127.0.0.1:%d", p.port);
  assert_int_equal(listen(p.fd, 0), 0);
  a.sin_port = htons((uint16_t)p.port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (i = 0; i < 4; i++) {
    fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(connect(fill[i], (struct sockaddr *)&a, sizeof a) == 0 ||
                errno == EINPROGRESS);
  }
  send_call(&f, plan_for(&n, &p, "POST", "/"), &g, NULL);
  settle(&f);
  assert_int_equal(g.times, 0);
  ml_clock_fake_pass(&f.clock, 5000);
  settle(&f);
  assert_int_equal(g.times, 1);
  assert_int_equal(g.end, ML_HTTP_NOT_SENT);
  assert_non_null(strstr(g.why, "5000 ms"));
  for (i = 0; i < 4; i++)
    close(fill[i]);
  close(p.fd);
  fix_close(&f);
}

/* No request leaves before the handshake is over. */
static void test_a_handshake_that_hangs(void **state) {
  fix f;
  peer p;
  plan n;
  got g = {0};
  ml_http_call *call;

  (void)state;
  fix_open(&f, true, 0, 0);
  peer_open(&p, f.loop, HANG, "", 0);
  call = plan_for(&n, &p, "POST", "/");
  snprintf(n.url, sizeof n.url, "https://127.0.0.1:%d/", p.port);
  call->url = ml_str_of(n.url);
  send_call(&f, call, &g, NULL);
  turn_until(&f, &p.accepted, 1);
  settle(&f);
  assert_true(p.visits[0].in.len > 0);   /* a hello, and nothing more */
  assert_int_equal(p.visits[0].in.p[0], 0x16);
  ml_clock_fake_pass(&f.clock, 5000);
  settle(&f);
  assert_int_equal(g.times, 1);
  assert_int_equal(g.end, ML_HTTP_NOT_SENT);
  peer_close(&p);
  fix_close(&f);
}

static void test_nobody_listens(void **state) {
  fix f;
  peer p = {0};
  plan n;
  got g = {0};

  (void)state;
  fix_open(&f, false, 0, 0);
  p.fd = bound_socket(&p.port);          /* bound, not listening */
  snprintf(p.allow, sizeof p.allow, "127.0.0.1:%d", p.port);
  send_call(&f, plan_for(&n, &p, "POST", "/"), &g, NULL);
  turn_until(&f, &g.times, 1);
  assert_int_equal(g.end, ML_HTTP_NOT_SENT);
  close(p.fd);
  fix_close(&f);
}

/* ---- kept connections ---- */

static void test_connections_are_kept(void **state) {
  static const char says[] = OK200 "Content-Length: 0\r\n\r\n";
  fix f;
  peer p;
  plan n;
  got g = {0};
  int i;

  (void)state;
  fix_open(&f, false, 0, 0);
  peer_open(&p, f.loop, KEEP, says, sizeof says - 1);
  for (i = 1; i <= 5; i++) {
    send_call(&f, plan_for(&n, &p, "POST", "/"), &g, NULL);
    turn_until(&f, &g.times, i);
    assert_int_equal(g.end, ML_HTTP_COMPLETE);
  }
  assert_int_equal(p.accepted, 1);
  peer_close(&p);
  fix_close(&f);
}

/* What one call was allowed, another is not: the open connection is judged
** again. */
static void test_a_kept_connection_is_judged_again(void **state) {
  static const char says[] = OK200 "Content-Length: 0\r\n\r\n";
  fix f;
  peer p;
  plan n;
  got g = {0};
  ml_http_call *call;

  (void)state;
  fix_open(&f, false, 0, 0);
  peer_open(&p, f.loop, KEEP, says, sizeof says - 1);
  send_call(&f, plan_for(&n, &p, "GET", "/"), &g, NULL);
  turn_until(&f, &g.times, 1);
  call = plan_for(&n, &p, "GET", "/");
  call->allow_count = 0;
  send_call(&f, call, &g, NULL);
  turn_until(&f, &g.times, 2);
  assert_int_equal(g.end, ML_HTTP_REFUSED);
  assert_non_null(strstr(g.why, "private address"));
  assert_int_equal(p.requests, 1);
  peer_close(&p);
  fix_close(&f);
}

/* A kept connection that turns out to be dead: GET goes out again, POST is
** for the caller to judge. */
static void dead_connection(const char *method, ml_http_end want,
                            int requests) {
  static const char says[] = OK200 "Content-Length: 0\r\n\r\n";
  fix f;
  peer p;
  plan n;
  got g = {0};

  fix_open(&f, false, 0, 0);
  peer_open(&p, f.loop, CLOSE_SECOND, says, sizeof says - 1);
  send_call(&f, plan_for(&n, &p, "GET", "/"), &g, NULL);
  turn_until(&f, &g.times, 1);
  send_call(&f, plan_for(&n, &p, method, "/"), &g, NULL);
  turn_until(&f, &g.times, 2);
  assert_int_equal(g.end, want);
  assert_int_equal(p.requests, requests);
  peer_close(&p);
  fix_close(&f);
}

static void test_a_dead_connection(void **state) {
  (void)state;
  dead_connection("GET", ML_HTTP_COMPLETE, 3);
  dead_connection("PUT", ML_HTTP_COMPLETE, 3);
  dead_connection("POST", ML_HTTP_LOST, 2);
  dead_connection("PATCH", ML_HTTP_LOST, 2);
}

/* ---- the queue, cancelling, the end ---- */

static void test_queue_per_host(void **state) {
  static const char says[] = OK200 "Content-Length: 0\r\n\r\n";
  fix f;
  peer p, other;
  plan n;
  got g[5] = {{0}}, o = {0};
  int i, sum;

  (void)state;
  fix_open(&f, false, 8, 2);
  peer_open(&p, f.loop, HANG, says, sizeof says - 1);
  peer_open(&other, f.loop, KEEP, says, sizeof says - 1);
  for (i = 0; i < 5; i++)
    send_call(&f, plan_for(&n, &p, "GET", "/"), &g[i], NULL);
  send_call(&f, plan_for(&n, &other, "GET", "/"), &o, NULL);
  turn_until(&f, &p.requests, 2);
  turn_until(&f, &o.times, 1);           /* not held up by the slow host */
  settle(&f);
  assert_int_equal(p.requests, 2);
  p.how = KEEP;
  visit_answer(&p.visits[0]);
  visit_answer(&p.visits[1]);
  for (i = 0, sum = 0; i < 200 && sum < 5; i++) {
    ml_loop_turn(f.loop, 100);
    sum = g[0].times + g[1].times + g[2].times + g[3].times + g[4].times;
    assert_true(g[4].times <= g[2].times);
  }
  assert_int_equal(sum, 5);
  assert_int_equal(p.requests, 5);
  assert_int_equal(p.accepted, 2);
  peer_close(&p);
  peer_close(&other);
  fix_close(&f);
}

static void test_queue_in_all(void **state) {
  static const char says[] = OK200 "Content-Length: 0\r\n\r\n";
  fix f;
  peer p, other;
  plan n;
  got g = {0}, o = {0};

  (void)state;
  fix_open(&f, false, 1, 1);
  peer_open(&p, f.loop, HANG, says, sizeof says - 1);
  peer_open(&other, f.loop, KEEP, says, sizeof says - 1);
  send_call(&f, plan_for(&n, &p, "GET", "/"), &g, NULL);
  send_call(&f, plan_for(&n, &other, "GET", "/"), &o, NULL);
  turn_until(&f, &p.requests, 1);
  settle(&f);
  assert_int_equal(other.accepted, 0);
  p.how = KEEP;
  visit_answer(&p.visits[0]);
  turn_until(&f, &o.times, 1);
  assert_int_equal(g.times, 1);
  peer_close(&p);
  peer_close(&other);
  fix_close(&f);
}

static void test_waiting_too_long(void **state) {
  fix f;
  peer p;
  plan n;
  got g = {0}, o = {0};
  ml_http_call *call;

  (void)state;
  fix_open(&f, true, 0, 1);
  peer_open(&p, f.loop, HANG, "", 0);
  send_call(&f, plan_for(&n, &p, "GET", "/"), &g, NULL);
  call = plan_for(&n, &p, "POST", "/");
  call->timeout_ms = 100;
  send_call(&f, call, &o, NULL);
  turn_until(&f, &p.requests, 1);
  ml_clock_fake_pass(&f.clock, 100);
  settle(&f);
  assert_int_equal(o.times, 1);
  assert_int_equal(o.end, ML_HTTP_NOT_SENT);
  assert_non_null(strstr(o.why, "queue"));
  assert_int_equal(g.times, 0);
  peer_close(&p);
  fix_close(&f);
}

static int sum_of(const got *g, int n) {
  int sum = 0;

  for (int i = 0; i < n; i++)
    sum += g[i].times;
  return sum;
}

/* A line has two places, whatever the host: its third call waits for one of the
** two, past its own time, and a call of another line goes first. */
static void test_a_line_waits_for_its_turn(void **state) {
  static const char says[] = OK200 "Content-Length: 0\r\n\r\n";
  fix f;
  peer p, other;
  plan n;
  got g[4] = {{0}}, o = {0};
  ml_http_call *call;

  (void)state;
  fix_open(&f, true, 8, 4);
  peer_open(&p, f.loop, HANG, says, sizeof says - 1);
  peer_open(&other, f.loop, KEEP, says, sizeof says - 1);
  for (int i = 0; i < 4; i++) {
    call = plan_for(&n, i == 2 ? &other : &p, "GET", "/");
    call->line = 7;
    call->line_most = 2;
    call->timeout_ms = i < 2 ? 1000 : 300;
    send_call(&f, call, &g[i], NULL);
  }
  call = plan_for(&n, &p, "GET", "/");        /* behind them, of another */
  call->line = 8;
  call->line_most = 2;
  send_call(&f, call, &o, NULL);
  turn_until(&f, &p.requests, 3);
  settle(&f);
  assert_int_equal(p.requests, 3);
  assert_int_equal(other.accepted, 0);
  for (int i = 0; i < 3; i++) {               /* 900 ms: three times its time */
    ml_clock_fake_pass(&f.clock, 300);
    settle(&f);
  }
  assert_int_equal(sum_of(g, 4), 0);
  ml_clock_fake_pass(&f.clock, 100);          /* the first two are given up */
  turn_until(&f, &g[2].times, 1);
  assert_int_equal(g[0].end, ML_HTTP_LOST);
  assert_int_equal(g[1].end, ML_HTTP_LOST);
  assert_int_equal(g[2].status, 200);
  turn_until(&f, &p.requests, 4);
  p.how = KEEP;
  for (int i = 0; i < p.accepted; i++)
    if (p.visits[i].fd >= 0)
      visit_answer(&p.visits[i]);
  turn_until(&f, &g[3].times, 1);
  turn_until(&f, &o.times, 1);
  assert_int_equal(g[3].status, 200);
  assert_int_equal(o.status, 200);
  peer_close(&p);
  peer_close(&other);
  fix_close(&f);
}

/* Neither a cancelled call nor one that was refused keeps its place. */
static void test_a_line_forgets_what_ended(void **state) {
  static const char says[] = OK200 "Content-Length: 0\r\n\r\n";
  fix f;
  peer p;
  plan n;
  got g[3] = {{0}}, refused = {0};
  ml_http_call *call;
  uint64_t id[3];

  (void)state;
  fix_open(&f, true, 8, 4);
  peer_open(&p, f.loop, HANG, says, sizeof says - 1);
  call = plan_for(&n, &p, "GET", "/");
  call->allow_count = 0;
  call->line = call->line_most = 1;
  send_call(&f, call, &refused, NULL);
  turn_until(&f, &refused.times, 1);
  assert_int_equal(refused.end, ML_HTTP_REFUSED);
  for (int i = 0; i < 3; i++) {
    call = plan_for(&n, &p, "GET", "/");
    call->line = call->line_most = 1;
    send_call(&f, call, &g[i], &id[i]);
  }
  turn_until(&f, &p.requests, 1);
  f.http->cancel(f.http, id[1]);              /* it waited */
  f.http->cancel(f.http, id[0]);              /* it ran */
  turn_until(&f, &p.requests, 2);
  visit_answer(&p.visits[p.accepted - 1]);    /* says nothing still */
  p.how = KEEP;
  visit_answer(&p.visits[p.accepted - 1]);
  turn_until(&f, &g[2].times, 1);
  assert_int_equal(g[2].status, 200);
  assert_int_equal(g[0].times + g[1].times, 0);
  peer_close(&p);
  fix_close(&f);
}

static uint64_t stat(const fix *f, char which) {
  ml_http_stats s;

  f->http->stats(f->http, &s);
  return which == 'r' ? s.resting : which == 'w' ? s.waiting
         : which == 'n' ? s.rests : which == 'b' ? s.bad : s.good;
}

static void turn_until_sum(fix *f, const got *g, int n, int want) {
  for (int i = 0; i < 400 && sum_of(g, n) < want; i++)
    ml_loop_turn(f->loop, 20);
  assert_int_equal(sum_of(g, n), want);
}

/* A host that drops every call rests, is probed with one, and comes back call
** by call; another one is not touched. */
static void test_a_failing_host_rests(void **state) {
  static const char says[] = OK200 "Content-Length: 0\r\n\r\n";
  fix f;
  peer p, other;
  plan n;
  got g[40] = {{0}}, o = {0};

  (void)state;
  fix_open(&f, true, 0, 4);
  peer_open(&p, f.loop, CLOSE, "", 0);
  peer_open(&other, f.loop, KEEP, says, sizeof says - 1);
  for (int i = 0; i < 30; i++)
    send_call(&f, plan_for(&n, &p, "POST", "/"), &g[i], NULL);
  turn_until_sum(&f, g, 30, 13);              /* 10, and those that had left */
  settle(&f);
  assert_int_equal(sum_of(g, 30), 13);
  assert_int_equal(stat(&f, 'r'), 1);
  assert_int_equal(stat(&f, 'n'), 1);
  assert_int_equal(stat(&f, 'w'), 17);
  assert_int_equal(stat(&f, 'b'), 13);
  for (int i = 0; i < 13; i++)
    assert_int_equal(g[i].end, ML_HTTP_LOST);
  send_call(&f, plan_for(&n, &other, "GET", "/"), &o, NULL);
  turn_until(&f, &o.times, 1);
  assert_int_equal(o.status, 200);
  ml_clock_fake_pass(&f.clock, 999);
  settle(&f);
  assert_int_equal(p.requests, 13);
  ml_clock_fake_pass(&f.clock, 1);            /* the probe; it fails */
  turn_until_sum(&f, g, 30, 14);
  settle(&f);
  assert_int_equal(p.requests, 14);
  ml_clock_fake_pass(&f.clock, 1999);         /* twice as long */
  settle(&f);
  assert_int_equal(p.requests, 14);
  p.how = HANG;
  p.says = says;
  p.says_n = sizeof says - 1;
  ml_clock_fake_pass(&f.clock, 1);
  turn_until(&f, &p.requests, 15);
  settle(&f);
  assert_int_equal(p.requests, 15);           /* alone */
  p.how = KEEP;
  visit_answer(&p.visits[14]);
  turn_until_sum(&f, g, 30, 30);
  assert_int_equal(g[29].status, 200);
  assert_int_equal(stat(&f, 'r'), 0);
  peer_close(&p);
  peer_close(&other);
  fix_close(&f);
}

/* Calls to a host that rests wait as long as their own time, and say why. */
static void test_waiting_for_a_host_that_rests(void **state) {
  fix f;
  peer p;
  plan n;
  got g[20] = {{0}}, o = {0};
  ml_http_call *call;
  uint64_t id;

  (void)state;
  fix_open(&f, true, 0, 2);
  peer_open(&p, f.loop, CLOSE, "", 0);
  for (int i = 0; i < 10; i++)
    send_call(&f, plan_for(&n, &p, "GET", "/"), &g[i], NULL);
  turn_until_sum(&f, g, 10, 10);
  assert_int_equal(stat(&f, 'r'), 1);         /* remembered without calls */
  call = plan_for(&n, &p, "GET", "/");
  call->timeout_ms = 500;
  send_call(&f, call, &o, NULL);
  send_call(&f, plan_for(&n, &p, "GET", "/"), &g[10], &id);
  settle(&f);
  f.http->cancel(f.http, id);
  ml_clock_fake_pass(&f.clock, 500);
  turn_until(&f, &o.times, 1);
  assert_int_equal(o.end, ML_HTTP_NOT_SENT);
  assert_non_null(strstr(o.why, "rests"));
  assert_int_equal(p.requests, 10);
  peer_close(&p);
  fix_close(&f);
}

static void test_cancel(void **state) {
  static const char says[] = OK200 "Content-Length: 0\r\n\r\n";
  fix f;
  peer p;
  plan n;
  got g = {0}, o = {0}, r = {0};
  uint64_t running, waiting, refused;
  ml_http_call *call;

  (void)state;
  fix_open(&f, false, 0, 1);
  peer_open(&p, f.loop, HANG, says, sizeof says - 1);
  send_call(&f, plan_for(&n, &p, "GET", "/"), &g, &running);
  send_call(&f, plan_for(&n, &p, "GET", "/"), &g, &waiting);
  call = plan_for(&n, &p, "BREW", "/");
  send_call(&f, call, &r, &refused);
  f.http->cancel(f.http, refused);
  turn_until(&f, &p.requests, 1);
  f.http->cancel(f.http, waiting);
  f.http->cancel(f.http, running);
  f.http->cancel(f.http, running);       /* twice does nothing */
  f.http->cancel(f.http, 0);
  f.http->cancel(f.http, UINT64_MAX);
  p.how = KEEP;
  send_call(&f, plan_for(&n, &p, "GET", "/"), &o, NULL);
  turn_until(&f, &o.times, 1);           /* its place is free again */
  assert_int_equal(o.end, ML_HTTP_COMPLETE);
  f.http->cancel(f.http, running);       /* nor does an old id */
  assert_int_equal(g.times, 0);
  assert_int_equal(r.times, 0);
  peer_close(&p);
  fix_close(&f);
}

static void test_free_ends_without_call_back(void **state) {
  fix f;
  peer p;
  plan n;
  got g = {0};
  int i;

  (void)state;
  fix_open(&f, false, 0, 2);
  peer_open(&p, f.loop, HANG, "", 0);
  for (i = 0; i < 4; i++)
    send_call(&f, plan_for(&n, &p, "GET", "/"), &g, NULL);
  turn_until(&f, &p.requests, 2);
  send_call(&f, plan_for(&n, &p, "BREW", "/"), &g, NULL);
  ml_client_free(f.http);
  f.http = NULL;
  settle(&f);
  assert_int_equal(g.times, 0);
  peer_close(&p);
  ml_loop_free(f.loop);
}

/* A call-back sends the next call and cancels another. */
typedef struct chain {
  fix *f;
  const peer *p;
  got last;
  uint64_t victim;
} chain;

static void on_link(void *arg, const ml_http_answer *a) {
  chain *c = arg;
  plan n;

  assert_int_equal(a->end, ML_HTTP_COMPLETE);
  c->f->http->cancel(c->f->http, c->victim);
  send_call(c->f, plan_for(&n, c->p, "GET", "/next"), &c->last, NULL);
}

static void test_a_call_back_may_send_and_cancel(void **state) {
  static const char says[] = OK200 "Content-Length: 0\r\n\r\n";
  fix f;
  peer p, slow;
  plan n;
  got v = {0};
  chain c = {0};

  (void)state;
  fix_open(&f, false, 0, 0);
  peer_open(&p, f.loop, KEEP, says, sizeof says - 1);
  peer_open(&slow, f.loop, HANG, says, sizeof says - 1);
  c.f = &f;
  c.p = &p;
  send_call(&f, plan_for(&n, &slow, "GET", "/"), &v, &c.victim);
  assert_int_equal(f.http->send(f.http, plan_for(&n, &p, "GET", "/"), on_link,
                                &c, NULL, NULL), ML_OK);
  turn_until(&f, &c.last.times, 1);
  assert_int_equal(c.last.end, ML_HTTP_COMPLETE);
  assert_int_equal(v.times, 0);
  peer_close(&p);
  peer_close(&slow);
  fix_close(&f);
}

/* ---- what is refused ---- */

static void refused(fix *f, const ml_http_call *call, const char *what) {
  got g = {0};

  send_call(f, call, &g, NULL);
  assert_int_equal(g.times, 0);
  turn_until(f, &g.times, 1);
  if (g.end != ML_HTTP_REFUSED)
    print_error("not refused: %s: end %d, %s\n", what, g.end, g.why);
  assert_int_equal(g.end, ML_HTTP_REFUSED);
  assert_true(strlen(g.why) > 10);
}

static void test_header_injection(void **state) {
  static const ml_str bad[] = {
    ML_STR("X: a\r\nY: b"), ML_STR("X: a\nY: b"), ML_STR("X: a\rY"),
    ML_STR("X: a\0b"), ML_STR("X: a\x01"), ML_STR("X: \x7f"),
    ML_STR("X\r\n: a"), ML_STR("X Y: a"), ML_STR("X : a"), ML_STR(": a"),
    ML_STR("X"), ML_STR(""), ML_STR("X;"), ML_STR("X\0: a"),
    ML_STR("Host: other"), ML_STR("content-length: 5"),
    ML_STR("Transfer-Encoding: chunked"), ML_STR("Connection: close"),
    ML_STR("Upgrade: h2c"), ML_STR("Expect: 100-continue"), ML_STR("TE: x"),
    ML_STR("Trailer: x"), ML_STR("Keep-Alive: 5"),
    ML_STR("Proxy-Connection: close")
  };
  fix f;
  peer p;
  plan n;
  ml_http_call *call;
  ml_str many[65];
  size_t i;

  (void)state;
  fix_open(&f, false, 0, 0);
  peer_open(&p, f.loop, KEEP, "", 0);
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    call = plan_for(&n, &p, "GET", "/");
    call->headers = &bad[i];
    call->header_count = 1;
    refused(&f, call, bad[i].p);
  }
  call = plan_for(&n, &p, "GET", "/");
  for (i = 0; i < 65; i++)
    many[i] = ML_STR("X: y");
  call->headers = many;
  call->header_count = 65;
  refused(&f, call, "65 headers");
  refused(&f, plan_for(&n, &p, "TRACE", "/"), "TRACE");
  refused(&f, plan_for(&n, &p, "GET / HTTP/1.1\r\nX:", "/"), "method");
  refused(&f, plan_for(&n, &p, "", "/"), "no method");
  call = plan_for(&n, &p, "HEAD", "/");
  call->body = ML_STR("x");
  refused(&f, call, "HEAD with body");
  assert_int_equal(p.accepted, 0);
  peer_close(&p);
  fix_close(&f);
}

/* No spelling of a forbidden address gets through, and no odd URL. */
static const char *const bad_urls[] = {
  "http://127.0.0.1/", "http://127.0.0.1:8080/", "https://127.0.0.1/",
  "http://127.1/", "http://127.0.1/", "http://2130706433/",
  "http://0x7f000001/", "http://0x7f.1/", "http://017700000001/",
  "http://0177.0.0.1/", "http://127.0.0.1./", "http://127.255.255.254/",
  "http://localhost/", "http://LOCALHOST/", "http://localhost:3000/",
  "http://0/", "http://0.0.0.0/", "http://00000000000/", "http://0x0/",
  "http://10.0.0.1/", "http://10.255.255.255/", "http://167772161/",
  "http://100.64.0.1/", "http://100.127.255.255/", "http://169.254.169.254/",
  "http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/",
  "http://172.16.0.1/", "http://172.31.255.255/", "http://192.0.0.1/",
  "http://192.168.0.1/", "http://192.168.65535/", "http://3232235521/",
  "http://198.18.0.1/", "http://198.19.255.255/", "http://224.0.0.1/",
  "http://239.255.255.250/", "http://240.0.0.1/", "http://255.255.255.255/",
  "http://[::]/", "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/",
  "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
  "http://[::ffff:10.0.0.1]/", "http://[::127.0.0.1]/",
  "http://[64:ff9b::127.0.0.1]/", "http://[64:ff9b::a00:1]/",
  "http://[64:ff9b:1::1]/", "http://[2002:7f00:1::]/",
  "http://[2002:a00:1::1]/", "http://[2002:c0a8:101::]/",
  "http://[::ffff:0:127.0.0.1]/", "http://[fe80::1]/", "http://[febf::1]/",
  "http://[fec0::1]/", "http://[fc00::1]/", "http://[fd12:3456::1]/",
  "http://[ff02::1]/", "http://[2001::1]/",
  "http://8.8.8.8:22/", "http://8.8.8.8:25/", "http://8.8.8.8:1023/",
  "https://8.8.8.8:6/",
  /* no URL that may be asked for at all */
  "", "/", "http://", "http:///", "http:/x", "//h/", "ftp://8.8.8.8/",
  "file:///etc/passwd", "gopher://8.8.8.8/", "dict://8.8.8.8/", "h.example/",
  "http://u@8.8.8.8/", "http://u:p@8.8.8.8/", "http://8.8.8.8@127.0.0.1/",
  "http://127.0.0.1#@8.8.8.8/", "http://127.0.0.1\\@8.8.8.8/",
  "http://8.8.8.8/a b", "http://8.8.8.8/\r\nX: y", "http://8.8.8.8/\x7f",
  "http://8.8.8.8/\xc3\xa9", "http://8.8.8.8:99999/", "http://8.8.8.8:x/",
  "http://[::1/", "http://1.2.3.4.5/", "http://h.0x7f/", "http://8.8.8.256/",
  "http://[::1%25lo]/", "http://a b/", "javascript:alert(1)",
  "HTTP://127.0.0.1/", "unix:/tmp/x", "http://8.8.8.8:-1/"
};

static void test_forbidden_urls(void **state) {
  fix f;
  ml_http_call call = {.method = ML_STR("GET")};
  size_t i;

  (void)state;
  assert_true(sizeof bad_urls / sizeof *bad_urls >= 60);
  fix_open(&f, false, 0, 0);
  for (i = 0; i < sizeof bad_urls / sizeof *bad_urls; i++) {
    call.url = ml_str_of(bad_urls[i]);
    refused(&f, &call, bad_urls[i]);
  }
  call.url = (ml_str){"http://8.8.8.8/\0x", 17};
  refused(&f, &call, "NUL");
  fix_close(&f);
}

static void test_private_addresses(void **state) {
  static const struct {
    const char *text;
    bool private;
  } list[] = {
    {"0.255.255.255", true}, {"1.0.0.0", false}, {"9.255.255.255", false},
    {"10.0.0.0", true}, {"11.0.0.0", false}, {"100.63.255.255", false},
    {"100.64.0.0", true}, {"100.128.0.0", false}, {"126.255.255.255", false},
    {"127.0.0.0", true}, {"128.0.0.0", false}, {"169.253.255.255", false},
    {"169.254.0.0", true}, {"169.255.0.0", false}, {"172.15.255.255", false},
    {"172.16.0.0", true}, {"172.32.0.0", false}, {"192.0.0.255", true},
    {"192.0.1.0", false}, {"192.167.255.255", false}, {"192.168.0.0", true},
    {"192.169.0.0", false}, {"198.17.255.255", false}, {"198.18.0.0", true},
    {"198.20.0.0", false}, {"223.255.255.255", false}, {"224.0.0.0", true},
    {"::", true}, {"::1", true}, {"::2", true}, {"::8.8.8.8", false},
    {"::ffff:8.8.8.8", false}, {"::ffff:192.168.0.1", true},
    {"64:ff9b::8.8.8.8", false}, {"64:ff9b::10.1.2.3", true},
    {"2002:808:808::", false}, {"2002:a9fe:a9fe::", true},
    {"fbff::1", false}, {"fc00::", true}, {"fdff::", true}, {"fe7f::", false},
    {"fe80::", true}, {"ff00::", true}, {"2606:4700::1111", false},
    {"2001:4860:4860::8888", false}, {"2001:0:1::", true}
  };
  struct sockaddr_in in = {.sin_family = AF_INET};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  struct sockaddr_un un = {.sun_family = AF_UNIX};
  size_t i;
  bool is;

  (void)state;
  for (i = 0; i < sizeof list / sizeof *list; i++) {
    if (inet_pton(AF_INET, list[i].text, &in.sin_addr) == 1) {
      is = ml_client_address_private((struct sockaddr *)&in);
    } else {
      assert_int_equal(inet_pton(AF_INET6, list[i].text, &in6.sin6_addr), 1);
      is = ml_client_address_private((struct sockaddr *)&in6);
    }
    if (is != list[i].private)
      print_error("%s\n", list[i].text);
    assert_int_equal(is, list[i].private);
  }
  assert_true(ml_client_address_private((struct sockaddr *)&un));
}

static void test_allow_entries(void **state) {
  static const struct {
    const char *entry, *address;
    uint16_t port;
    bool allowed, exact;
  } list[] = {
    {"127.0.0.1:80", "127.0.0.1", 80, true, true},
    {"127.0.0.1:80", "127.0.0.1", 81, false, false},
    {"127.0.0.1:80", "127.0.0.2", 80, false, false},
    {"127.0.0.1:80", "::ffff:127.0.0.1", 80, true, true},
    {"127.0.0.1:80", "64:ff9b::127.0.0.1", 80, true, true},
    {"127.0.0.1:*", "127.0.0.1", 9, true, false},
    {"10.0.0.0/8:443", "10.9.8.7", 443, true, true},
    {"10.0.0.0/8:443", "11.0.0.0", 443, false, false},
    {"10.0.0.0/9:443", "10.128.0.0", 443, false, false},
    {"10.0.0.0/0:443", "192.168.1.1", 443, true, true},
    {"10.0.0.0/32:443", "10.0.0.0", 443, true, true},
    {"[::1]:80", "::1", 80, true, true},
    {"[::1]:80", "::2", 80, false, false},
    {"[fd00::/8]:*", "fd12::1", 80, true, false},
    {"[fd00::/8]:*", "fe12::1", 80, false, false}
  };
  static const char *const bad[] = {
    "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
    "127.0.0.1:8o", ":80", "::1:80", "[::1]", "[127.0.0.1]:80",
    "10.0.0.0/33:80", "10.0.0.0/:80", "10.0.0.0/8", "10.0.0:80", "[::1:80",
    "[fd00::/129]:80", "localhost:80", "*:80", "10.0.0.0/8:**"
  };
  ml_address a;
  bool exact;
  size_t i;

  (void)state;
  for (i = 0; i < sizeof list / sizeof *list; i++) {
    assert_true(ml_address_parse(ml_str_of(list[i].address), &a));
    assert_int_equal(ml_address_allowed(ml_str_of(list[i].entry), &a,
                                        list[i].port, &exact),
                     list[i].allowed);
    assert_int_equal(exact, list[i].exact);
    assert_true(ml_address_entry_ok(ml_str_of(list[i].entry)));
  }
  for (i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(ml_address_entry_ok(ml_str_of(bad[i])));
}

/* Allowed is the address with its port, in whatever spelling of the URL. */
static void test_allowed_private_address(void **state) {
  static const char says[] = OK200 "Content-Length: 2\r\n\r\nhi";
  static const char *const hosts[] = {"127.0.0.1", "2130706433", "localhost",
                                      "127.1"};
  fix f;
  peer p;
  plan n;
  got g = {0};
  ml_http_call *call;
  ml_str allow[3] = {ML_STR("nonsense"), ML_STR("10.0.0.0/8:80")};
  char wide[40], off[40];
  size_t i;

  (void)state;
  fix_open(&f, false, 0, 0);
  peer_open(&p, f.loop, KEEP, says, sizeof says - 1);
  for (i = 0; i < 4; i++) {
    call = plan_for(&n, &p, "GET", "/");
    snprintf(n.url, sizeof n.url, "http://%s:%d/", hosts[i], p.port);
    call->url = ml_str_of(n.url);
    allow[2] = n.allow;
    call->allow = allow;
    call->allow_count = 3;
    send_call(&f, call, &g, NULL);
    turn_until(&f, &g.times, (int)i + 1);
    assert_int_equal(g.end, ML_HTTP_COMPLETE);
  }
  snprintf(wide, sizeof wide, "127.0.0.0/8:*");
  call = plan_for(&n, &p, "GET", "/");
  n.allow = ml_str_of(wide);
  send_call(&f, call, &g, NULL);
  turn_until(&f, &g.times, 5);
  assert_int_equal(g.end, ML_HTTP_COMPLETE);
  snprintf(off, sizeof off, "127.0.0.1:%d", p.port == 65535 ? 1 : p.port + 1);
  call = plan_for(&n, &p, "GET", "/");
  n.allow = ml_str_of(off);
  refused(&f, call, "another port");
  peer_close(&p);
  fix_close(&f);
}

static void test_unix_path(void **state) {
  static const char says[] = OK200 "Content-Length: 2\r\n\r\nhi";
  char dir[] = "/tmp/moonlane-test-XXXXXX";
  struct sockaddr_un un = {.sun_family = AF_UNIX};
  fix f;
  peer p = {.how = KEEP, .says = says, .says_n = sizeof says - 1};
  ml_http_call call = {.method = ML_STR("GET"),
                       .url = ML_STR("http://localhost/x")};
  got g = {0};

  (void)state;
  assert_non_null(mkdtemp(dir));
  snprintf(un.sun_path, sizeof un.sun_path, "%s/s", dir);
  fix_open(&f, false, 0, 0);
  p.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(p.fd, (struct sockaddr *)&un, sizeof un), 0);
  peer_watch(&p, f.loop);
  call.unix_path = un.sun_path;
  send_call(&f, &call, &g, NULL);
  turn_until(&f, &g.times, 1);
  assert_int_equal(g.end, ML_HTTP_COMPLETE);
  assert_string_equal(g.body, "hi");
  call.unix_path = NULL;                 /* the kept connection is not for this */
  refused(&f, &call, "localhost");
  peer_close(&p);
  call.unix_path = un.sun_path;
  assert_int_equal(unlink(un.sun_path), 0);
  for (int i = 2; i < 30; i++) {           /* asked until it is there: no rest */
    send_call(&f, &call, &g, NULL);
    turn_until(&f, &g.times, i);
    assert_int_equal(g.end, ML_HTTP_NOT_SENT);
  }
  assert_int_equal(stat(&f, 'n'), 0);
  assert_int_equal(rmdir(dir), 0);
  fix_close(&f);
}

/* ---- short of memory ---- */

static void test_send_without_memory(void **state) {
  static const char says[] = OK200 "Content-Length: 2\r\n\r\nhi";
  const ml_str header = ML_STR("X-One: 1");
  fix f;
  peer p;
  plan n;
  got g = {0};
  ml_http_call *call;
  ml_rc rc = ML_NOMEM;
  uint64_t i;

  (void)state;
  fix_open(&f, false, 0, 0);
  peer_open(&p, f.loop, KEEP, says, sizeof says - 1);
  for (i = 1; rc != ML_OK; i++) {
    assert_true(i < 100);
    call = plan_for(&n, &p, "GET", "/");
    call->headers = &header;
    call->header_count = 1;
    ml_mem_fail_at(i, 1);
    rc = f.http->send(f.http, call, on_answer, &g, NULL, NULL);
    ml_mem_fail_at(0, 0);
    assert_true(rc == ML_OK || rc == ML_NOMEM);
    settle(&f);
  }
  turn_until(&f, &g.times, 1);
  assert_int_equal(g.end, ML_HTTP_COMPLETE);
  assert_true(i > 5);
  peer_close(&p);
  fix_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_answers),
    cmocka_unit_test(test_headers_and_body_arrive),
    cmocka_unit_test(test_what_is_sent),
    cmocka_unit_test(test_a_large_body_is_sent_at_once),
    cmocka_unit_test(test_body_limit),
    cmocka_unit_test(test_body_limit_counts_after_gunzip),
    cmocka_unit_test(test_header_limits),
    cmocka_unit_test(test_a_peer_that_hangs),
    cmocka_unit_test(test_default_timeout),
    cmocka_unit_test(test_a_connect_that_hangs),
    cmocka_unit_test(test_a_handshake_that_hangs),
    cmocka_unit_test(test_nobody_listens),
    cmocka_unit_test(test_connections_are_kept),
    cmocka_unit_test(test_a_kept_connection_is_judged_again),
    cmocka_unit_test(test_a_dead_connection),
    cmocka_unit_test(test_queue_per_host),
    cmocka_unit_test(test_queue_in_all),
    cmocka_unit_test(test_waiting_too_long),
    cmocka_unit_test(test_a_line_waits_for_its_turn),
    cmocka_unit_test(test_a_line_forgets_what_ended),
    cmocka_unit_test(test_a_failing_host_rests),
    cmocka_unit_test(test_waiting_for_a_host_that_rests),
    cmocka_unit_test(test_cancel),
    cmocka_unit_test(test_free_ends_without_call_back),
    cmocka_unit_test(test_a_call_back_may_send_and_cancel),
    cmocka_unit_test(test_header_injection),
    cmocka_unit_test(test_forbidden_urls),
    cmocka_unit_test(test_private_addresses),
    cmocka_unit_test(test_allow_entries),
    cmocka_unit_test(test_allowed_private_address),
    cmocka_unit_test(test_unix_path),
    cmocka_unit_test(test_send_without_memory)
  };

  return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
