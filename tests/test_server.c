/*
** test_server.c - the server over real sockets, on a clock that stands still
** unless a test turns it.
**
** Server and clients share one loop and one thread.  hears() turns the loop
** until a client has got what is expected; stays_quiet() turns it a little and
** expects that nothing came.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/mem.h"
#include "net/server.h"

/* ---- a server with a handler that does what the path says ---- */

#define LATE 64

typedef struct fix {
  ml_clock_fake clock;
  ml_loop *loop;
  ml_server *server;
  char bound[128];
  int port;
  ml_request *late[LATE];      /* "/late": kept until a test replies */
  int late_count;
  int handled;
  ml_buf log;                  /* "METHOD path query body;" of each */
  ml_request last;             /* pointers in it are stale: numbers only */
} fix;

static void on_request(void *arg, ml_request *q) {
  static const char *const fields[] = {"Content-Type: text/plain", NULL};
  static const char *const split[] = {"X: a\r\nSet-Cookie: b", NULL};
  static const char *const own[] = {"Content-Length: 77", NULL};
  fix *f = arg;
  char *big;

  f->handled++;
  f->last = *q;
  ml_buf_printf(&f->log, "%s %s %s %s;", q->method.p, q->path.p,
                q->query.p != NULL ? q->query.p : "-", q->body.p);
  if (ml_str_is(q->path, "/late")) {
    assert_true(f->late_count < LATE);
    f->late[f->late_count++] = q;
  } else if (ml_str_is(q->path, "/empty")) {
    ml_reply(q, 204, NULL, ML_STR("must not be sent"));
  } else if (ml_str_is(q->path, "/same")) {
    ml_reply(q, 304, NULL, ML_STR("must not be sent"));
  } else if (ml_str_is(q->path, "/split")) {
    ml_reply(q, 200, split, ML_STR("x"));
  } else if (ml_str_is(q->path, "/own")) {
    ml_reply(q, 200, own, ML_STR("x"));
  } else if (ml_str_is(q->path, "/odd")) {
    ml_reply(q, 42, NULL, ML_STR("x"));
  } else if (ml_str_is(q->path, "/peer")) {
    ml_reply(q, 200, NULL, q->peer);
  } else if (ml_str_is(q->path, "/header")) {
    ml_reply(q, 200, NULL, ml_request_header(q, "x-TEST"));
  } else if (ml_str_is(q->path, "/big")) {
    big = malloc(300000);
    assert_non_null(big);
    memset(big, 'b', 300000);
    ml_reply(q, 200, NULL, (ml_str){big, 300000});
    free(big);
  } else {
    ml_reply(q, 200, fields, q->body.n > 0 ? q->body : q->target);
  }
}

static void reply_late(fix *f, int i, const char *body) {
  ml_request *q = f->late[i];

  f->late[i] = NULL;
  ml_reply(q, 200, NULL, ml_str_of(body));
}

static void fix_open(fix *f, const ml_server_limits *limits) {
  ml_err e = {0};

  *f = (fix){0};
  ml_clock_fake_init(&f->clock, 784111777000);
  assert_int_equal(ml_loop_new(&f->clock.base, &f->loop), ML_OK);
  assert_int_equal(ml_server_new(f->loop, limits, on_request, f, &f->server),
                   ML_OK);
  assert_int_equal(ml_server_listen(f->server, "127.0.0.1:0", f->bound, &e),
                   ML_OK);
  assert_memory_equal(f->bound, "127.0.0.1:", 10);
  f->port = atoi(f->bound + 10);
  assert_true(f->port > 0);
}

static void fix_close(fix *f) {
  int i;

  ml_server_free(f->server);
  for (i = 0; i < f->late_count; i++) {
    if (f->late[i] != NULL)
      reply_late(f, i, "too late");
  }
  ml_loop_free(f->loop);
  ml_buf_free(&f->log);
}

/* ---- clients ---- */

typedef struct peer {
  fix *f;
  int fd;
  ml_buf got;
  bool closed, reset;
} peer;

static int connect_from(int port, uint32_t source) {
  struct sockaddr_in a = {.sin_family = AF_INET};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  assert_true(fd >= 0);
  a.sin_addr.s_addr = htonl(source);
  assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  a.sin_port = htons((uint16_t)port);
  assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
  return fd;
}

static void peer_open(peer *p, fix *f) {
  *p = (peer){.f = f, .fd = connect_from(f->port, INADDR_LOOPBACK)};
}

static void peer_close(peer *p) {
  if (p->fd >= 0)
    close(p->fd);
  p->fd = -1;
  ml_buf_free(&p->got);
}

static void says_n(peer *p, const char *bytes, size_t n) {
  assert_int_equal(send(p->fd, bytes, n, MSG_NOSIGNAL), n);
}

static void says(peer *p, const char *text) {
  says_n(p, text, strlen(text));
}

/* Take what has arrived. */
static void listen_in(peer *p) {
  char bytes[65536];
  ssize_t n;

  while ((n = recv(p->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
    ml_buf_put(&p->got, bytes, (size_t)n);
  if (n == 0)
    p->closed = true;
  if (n < 0 && errno == ECONNRESET)
    p->closed = p->reset = true;
}

static const char *got(const peer *p) {
  return p->got.p != NULL ? p->got.p : "";
}

/* Turn until the peer has got `text` behind what it had, then forget all. */
static void hears(peer *p, const char *text) {
  int i;

  for (i = 0; i < 300 && strstr(got(p), text) == NULL && !p->closed; i++) {
    ml_loop_turn(p->f->loop, 10);
    listen_in(p);
  }
  if (strstr(got(p), text) == NULL)
    print_error("expected: %s\ngot: %.2000s\n", text, got(p));
  assert_non_null(strstr(got(p), text));
}

static void forgets(peer *p) {
  ml_buf_reset(&p->got);
}

static void settle(fix *f) {
  int i;

  for (i = 0; i < 4; i++)
    ml_loop_turn(f->loop, 1);
}

static void stays_quiet(peer *p) {
  settle(p->f);
  listen_in(p);
  assert_string_equal(got(p), "");
  assert_false(p->closed);
}

/* The peer gets `text` and then the end of the connection, not a reset. */
static void is_closed(peer *p) {
  int i;

  for (i = 0; i < 300 && !p->closed; i++) {
    ml_loop_turn(p->f->loop, 10);
    listen_in(p);
  }
  assert_true(p->closed);
  assert_false(p->reset);
}

static int answers(const peer *p) {
  const char *at = got(p);
  int n = 0;

  while ((at = strstr(at, "HTTP/1.1 ")) != NULL) {
    at += 9;
    n += at[0] >= '1' && at[0] <= '5' && at[1] >= '0' && at[1] <= '9';
  }
  return n;
}

static void gone(fix *f, size_t left) {
  int i;

  for (i = 0; i < 300 && ml_server_connections(f->server) != left; i++)
    ml_loop_turn(f->loop, 10);
  assert_int_equal(ml_server_connections(f->server), left);
}

static void wait_handled(fix *f, int n) {
  int i;

  for (i = 0; i < 300 && f->handled < n; i++)
    ml_loop_turn(f->loop, 10);
  assert_int_equal(f->handled, n);
}

static void pass(fix *f, int64_t ms) {
  ml_clock_fake_pass(&f->clock, ms);
  settle(f);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

/* ---- requests and answers ---- */

static void test_the_bytes_of_an_answer(void **state) {
  fix f;
  peer p;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  says(&p, GET("/a?b"));
  hears(&p, "/a?b");
  assert_string_equal(got(&p),
                      "HTTP/1.1 200 OK\r\n"
                      "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                      "Content-Length: 4\r\n"
                      "Content-Type: text/plain\r\n\r\n/a?b");
  assert_string_equal(f.log.p, "GET /a b ;");
  peer_close(&p);
  fix_close(&f);
}

static void test_keep_alive(void **state) {
  fix f;
  peer p;
  int i;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  for (i = 0; i < 20; i++) {
    says(&p, i % 2 == 0 ? GET("/x") : "POST /y HTTP/1.1\r\nHost: h\r\n"
                                      "Content-Length: 3\r\n\r\nabc");
    hears(&p, i % 2 == 0 ? "\r\n\r\n/x" : "\r\n\r\nabc");
    assert_null(strstr(got(&p), "Connection:"));
    forgets(&p);
  }
  assert_int_equal(ml_server_connections(f.server), 1);
  says(&p, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  hears(&p, "\r\nConnection: close\r\n");
  is_closed(&p);
  peer_close(&p);
  gone(&f, 0);
  fix_close(&f);
}

static void test_http_1_0(void **state) {
  fix f;
  peer p;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  says(&p, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  hears(&p, "\r\nConnection: keep-alive\r\n");
  forgets(&p);
  says(&p, "GET /b HTTP/1.0\r\n\r\n");
  hears(&p, "\r\nConnection: close\r\n");
  is_closed(&p);
  assert_int_equal(answers(&p), 1);
  peer_close(&p);
  fix_close(&f);
}

static void test_byte_by_byte(void **state) {
  static const char raw[] = "PUT /p HTTP/1.1\r\nHost: h\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n"
                            "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  fix f;
  peer p;
  size_t i;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  for (i = 0; i < sizeof raw - 1; i++) {
    says_n(&p, raw + i, 1);
    ml_loop_turn(f.loop, 10);
  }
  hears(&p, "\r\n\r\nabcde");
  peer_close(&p);
  fix_close(&f);
}

static void test_pipelining_keeps_the_order(void **state) {
  fix f;
  peer p;
  const char *a, *b, *c;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  says(&p, GET("/one") GET("/late") GET("/three") GET("/late") GET("/five"));
  hears(&p, "/one");
  wait_handled(&f, 2);
  settle(&f);
  assert_int_equal(f.handled, 2);        /* one request at a time */
  reply_late(&f, 0, "two");
  hears(&p, "/three");
  wait_handled(&f, 4);
  reply_late(&f, 1, "four");
  hears(&p, "/five");
  a = strstr(got(&p), "/one");
  b = strstr(got(&p), "two");
  c = strstr(got(&p), "four");
  assert_true(a < b && b < strstr(got(&p), "/three") && b < c);
  assert_int_equal(answers(&p), 5);
  assert_string_equal(f.log.p, "GET /one - ;GET /late - ;GET /three - ;"
                               "GET /late - ;GET /five - ;");
  peer_close(&p);
  fix_close(&f);
}

/* A reply does not call the handler from inside. */
static void test_a_reply_calls_no_handler(void **state) {
  fix f;
  peer p;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  says(&p, GET("/late") GET("/next"));
  wait_handled(&f, 1);
  reply_late(&f, 0, "first");
  assert_int_equal(f.handled, 1);
  hears(&p, "/next");
  assert_int_equal(f.handled, 2);
  peer_close(&p);
  fix_close(&f);
}

/* Replies of one turn leave in the order in which they were made: what stands
** behind each request shows when its connection's turn came. */
static void test_replies_leave_in_their_order(void **state) {
  static const int order[] = {2, 0, 3, 1};
  fix f;
  peer p[4];
  char want[4][24];

  (void)state;
  fix_open(&f, NULL);
  for (int i = 0; i < 4; i++) {
    char ask[120];

    snprintf(ask, sizeof ask, GET("/late") GET("/after%d"), i);
    peer_open(&p[i], &f);
    says(&p[i], ask);
    wait_handled(&f, i + 1);
    snprintf(want[i], sizeof want[i], "GET /after%d - ;", i);
  }
  ml_buf_reset(&f.log);
  for (int i = 0; i < 4; i++)
    reply_late(&f, order[i], "x");
  wait_handled(&f, 8);
  for (size_t i = 0; i < 4; i++)
    assert_memory_equal(f.log.p + i * strlen(want[0]), want[order[i]],
                        strlen(want[0]));
  for (int i = 0; i < 4; i++)
    peer_close(&p[i]);
  fix_close(&f);
}

static void test_head_and_bodiless_answers(void **state) {
  fix f;
  peer p;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  says(&p, "HEAD /abcdef HTTP/1.1\r\nHost: h\r\n\r\n" GET("/empty")
       GET("/same") GET("/end"));
  hears(&p, "\r\n\r\n/end");
  assert_non_null(strstr(got(&p), "Content-Length: 7\r\n"));
  assert_null(strstr(got(&p), "/abcdef"));
  assert_null(strstr(got(&p), "must not"));
  assert_non_null(strstr(got(&p), "HTTP/1.1 204 No Content\r\nDate: Sun, 06 Nov "
                                  "1994 08:49:37 GMT\r\n\r\nHTTP/1.1 304"));
  assert_int_equal(answers(&p), 4);
  peer_close(&p);
  fix_close(&f);
}

static void test_request_as_the_handler_sees_it(void **state) {
  fix f;
  peer p;
  struct sockaddr_in a;
  socklen_t len = sizeof a;
  char text[64];

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  assert_int_equal(getsockname(p.fd, (struct sockaddr *)&a, &len), 0);
  snprintf(text, sizeof text, "\r\n\r\n127.0.0.1:%d", ntohs(a.sin_port));
  says(&p, GET("/peer"));
  hears(&p, text);
  assert_false(f.last.is_unix);
  says(&p, "GET /header HTTP/1.1\r\nHost: h\r\nX-Test: \t yes \r\n\r\n");
  hears(&p, "\r\n\r\nyes");
  peer_close(&p);
  fix_close(&f);
}

/* What a handler may not do is a 500, and the framing stands. */
static void test_bad_answers(void **state) {
  fix f;
  peer p;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  says(&p, GET("/split") GET("/own") GET("/odd") GET("/fine"));
  hears(&p, "\r\n\r\n/fine");
  assert_int_equal(answers(&p), 4);
  assert_null(strstr(got(&p), "Set-Cookie"));
  assert_null(strstr(got(&p), "Content-Length: 77\r\n"));
  assert_non_null(strstr(got(&p), "HTTP/1.1 500 "));
  peer_close(&p);
  fix_close(&f);
}

static void test_a_big_answer(void **state) {
  fix f;
  peer p;
  int i;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  says(&p, GET("/big") GET("/end"));
  for (i = 0; i < 300 && strstr(got(&p), "/end") == NULL; i++) {
    ml_loop_turn(f.loop, 10);
    listen_in(&p);
  }
  assert_non_null(strstr(got(&p), "/end"));
  assert_true(p.got.len > 300000);
  peer_close(&p);
  fix_close(&f);
}

/* Raw bytes in the place of an answer, and the end. */
static void test_a_cut_answer(void **state) {
  static const char *const raws[] = {"", "HTTP/1.1 200 OK\r\nConte", "?"};
  fix f;
  peer p;
  int i;

  (void)state;
  fix_open(&f, NULL);
  for (i = 0; i < 3; i++) {
    peer_open(&p, &f);
    says(&p, GET("/late") GET("/never"));
    wait_handled(&f, i + 1);
    ml_reply_cut(f.late[i], ml_str_of(raws[i]));
    f.late[i] = NULL;
    is_closed(&p);
    assert_string_equal(got(&p), raws[i]);
    peer_close(&p);
  }
  peer_open(&p, &f);
  says(&p, GET("/late"));
  wait_handled(&f, 4);
  peer_close(&p);
  settle(&f);
  ml_reply_cut(f.late[3], ML_STR("nobody"));
  f.late[3] = NULL;
  gone(&f, 0);
  fix_close(&f);
}

/* ---- refusals ---- */

#define X100 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define H "Host: h\r\n"

static const struct {
  const char *raw, *status;
} bad[] = {
  {"get / HTTP/1.1\r\n" H "\r\n", "400 Bad Request"},
  {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request"},
  {"GET / HTTP/1.1\r\n" H H "\r\n", "400 Bad Request"},
  {"GET / HTTP/2.0\r\n" H "\r\n", "505 HTTP Version Not Supported"},
  {"GET /" X100 X100 " HTTP/1.1\r\n", "414 URI Too Long"},
  {"GET / HTTP/1.1\r\n" H "a: " X100 X100 "\r\n\r\n",
   "431 Request Header Fields Too Large"},
  {"GET / HTTP/1.1\r\n" H "a:\r\nb:\r\nc:\r\nd:\r\n\r\n",
   "431 Request Header Fields Too Large"},
  {"POST / HTTP/1.1\r\n" H "Content-Length: 101\r\n\r\n",
   "413 Content Too Large"},
  {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n65\r\n",
   "413 Content Too Large"},
  {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n",
   "400 Bad Request"},
  {"POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
   "400 Bad Request"},
  {"POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked"
   "\r\n\r\n0\r\n\r\n", "400 Bad Request"},
  {"POST / HTTP/1.1\r\n" H "Expect: more\r\n\r\n", "417 Expectation Failed"},
  {"CONNECT a:1 HTTP/1.1\r\n" H "\r\n", "501 Not Implemented"},
  {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400 Bad Request"}
};

/* One answer, then the end, even when more is sent behind. */
static void test_refusals(void **state) {
  const ml_server_limits m = {.line = 150, .header_bytes = 150,
                              .header_fields = 4, .body = 100};
  char want[80];
  fix f;
  peer p;
  size_t i;

  (void)state;
  fix_open(&f, &m);
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    peer_open(&p, &f);
    says(&p, bad[i].raw);
    says(&p, GET("/smuggled"));
    snprintf(want, sizeof want, "HTTP/1.1 %s\r\n", bad[i].status);
    hears(&p, want);
    is_closed(&p);
    assert_int_equal(answers(&p), 1);
    assert_non_null(strstr(got(&p), "\r\nConnection: close\r\n"));
    assert_non_null(strstr(got(&p), "text/plain"));
    peer_close(&p);
  }
  assert_int_equal(f.handled, 0);
  gone(&f, 0);
  fix_close(&f);
}

static void test_a_bad_second_request(void **state) {
  fix f;
  peer p;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  says(&p, GET("/late") "BAD\r\n\r\n");
  wait_handled(&f, 1);
  settle(&f);
  reply_late(&f, 0, "fine");
  hears(&p, "fine");
  hears(&p, "HTTP/1.1 400 ");
  is_closed(&p);
  assert_int_equal(answers(&p), 2);
  peer_close(&p);
  fix_close(&f);
}

/* The peer is still sending when it is refused: it can read why. */
static void test_a_refusal_can_be_read(void **state) {
  const ml_server_limits m = {.body = 1000};
  fix f;
  peer p;
  char *body = malloc(200000);

  (void)state;
  assert_non_null(body);
  memset(body, 'b', 200000);
  fix_open(&f, &m);
  peer_open(&p, &f);
  says(&p, "POST / HTTP/1.1\r\n" H "Content-Length: 200000\r\n\r\n");
  says_n(&p, body, 200000);
  hears(&p, "HTTP/1.1 413 ");
  says_n(&p, body, 100000);
  is_closed(&p);
  assert_int_equal(answers(&p), 1);
  peer_close(&p);
  gone(&f, 0);
  free(body);
  fix_close(&f);
}

static void on_refuse(void *arg, int status, const char *why, ml_buf *body,
                      const char **type) {
  int *n = arg;

  (*n)++;
  *type = "application/problem+json";
  ml_buf_printf(body, "{\"status\":%d,\"why\":%zu}", status, strlen(why));
}

static void test_refusals_by_the_hook(void **state) {
  fix f;
  peer p;
  int n = 0;

  (void)state;
  fix_open(&f, NULL);
  ml_server_on_refuse(f.server, on_refuse, &n);
  peer_open(&p, &f);
  says(&p, "?\r\n");
  hears(&p, "{\"status\":400,");
  assert_non_null(strstr(got(&p), "Content-Type: application/problem+json\r\n"));
  assert_int_equal(n, 1);
  peer_close(&p);
  fix_close(&f);
}

/* ---- Expect ---- */

#define EXPECT(version, length) "POST /e HTTP/" version "\r\n" H \
  "Expect: 100-continue\r\nContent-Length: " length "\r\n\r\n"

static void test_100_continue(void **state) {
  const ml_server_limits m = {.body = 1000};
  fix f;
  peer p;

  (void)state;
  fix_open(&f, &m);
  peer_open(&p, &f);
  says(&p, EXPECT("1.1", "3"));
  hears(&p, "HTTP/1.1 100 Continue\r\n\r\n");
  assert_int_equal(f.handled, 0);
  forgets(&p);
  says(&p, "abc");
  hears(&p, "\r\n\r\nabc");
  assert_int_equal(answers(&p), 1);
  forgets(&p);
  says(&p, EXPECT("1.1", "3") "abc");    /* did not wait: no 100 */
  hears(&p, "\r\n\r\nabc");
  assert_null(strstr(got(&p), " 100 "));
  forgets(&p);
  says(&p, EXPECT("1.1", "0"));
  hears(&p, "\r\n\r\n/e");
  assert_null(strstr(got(&p), " 100 "));
  forgets(&p);
  says(&p, EXPECT("1.1", "1001"));       /* judged before */
  hears(&p, "HTTP/1.1 413 ");
  assert_null(strstr(got(&p), " 100 "));
  is_closed(&p);
  peer_close(&p);
  peer_open(&p, &f);
  says(&p, EXPECT("1.0", "3"));
  stays_quiet(&p);
  says(&p, "abc");
  hears(&p, "\r\n\r\nabc");
  peer_close(&p);
  fix_close(&f);
}

/* ---- deadlines ---- */

static void test_slow_header(void **state) {
  fix f;
  peer p;
  int i;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  says(&p, "GET / HTTP/1.1\r\nX: ");
  settle(&f);
  for (i = 0; i < 9; i++) {              /* a byte a second does not help */
    pass(&f, 1000);
    says(&p, "x");
    stays_quiet(&p);
  }
  pass(&f, 999);
  stays_quiet(&p);
  pass(&f, 1);
  hears(&p, "HTTP/1.1 408 Request Timeout\r\n");
  is_closed(&p);
  assert_int_equal(f.handled, 0);
  peer_close(&p);
  gone(&f, 0);
  fix_close(&f);
}

static void test_slow_body(void **state) {
  const ml_server_limits m = {.body_rate = 1};
  fix f;
  peer p;
  int i;

  (void)state;
  fix_open(&f, &m);
  peer_open(&p, &f);
  says(&p, "POST / HTTP/1.1\r\n" H "Content-Length: 1000\r\n\r\n"
       X100);
  settle(&f);
  for (i = 0; i < 29; i++) {
    pass(&f, 1000);
    says(&p, "x");
  }
  pass(&f, 999);
  stays_quiet(&p);
  pass(&f, 1);
  hears(&p, "HTTP/1.1 408 ");
  is_closed(&p);
  peer_close(&p);
  fix_close(&f);
}

static void test_body_rate(void **state) {
  fix f;
  peer p;
  char kib[1024];

  (void)state;
  memset(kib, 'k', sizeof kib);
  fix_open(&f, NULL);
  peer_open(&p, &f);
  says(&p, "POST / HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\n");
  settle(&f);
  pass(&f, 4999);                        /* five seconds are free */
  stays_quiet(&p);
  for (int i = 0; i < 7; i++)
    says_n(&p, kib, sizeof kib);
  settle(&f);
  pass(&f, 2001);                        /* 7 KiB last for seven seconds */
  stays_quiet(&p);
  pass(&f, 1);
  hears(&p, "HTTP/1.1 408 ");
  is_closed(&p);
  peer_close(&p);
  fix_close(&f);
}

static void test_idle(void **state) {
  fix f;
  peer p, q;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  peer_open(&q, &f);
  settle(&f);
  pass(&f, 10000);
  says(&q, GET("/x"));
  hears(&q, "/x");
  forgets(&q);
  pass(&f, 4999);
  stays_quiet(&p);
  pass(&f, 1);
  is_closed(&p);                         /* nothing was asked: no answer */
  assert_string_equal(got(&p), "");
  stays_quiet(&q);
  pass(&f, 9999);
  stays_quiet(&q);
  pass(&f, 1);
  is_closed(&q);
  peer_close(&p);
  peer_close(&q);
  gone(&f, 0);
  fix_close(&f);
}

/* The connection's timer runs out between a reply and the write of it: the
** answer is on its way, and is not cut off. */
static void test_a_reply_as_the_timer_fires(void **state) {
  fix f;
  peer p;

  (void)state;
  fix_open(&f, NULL);
  ml_clock_fake_pass(&f.clock, 600000);      /* long after the clock began */
  peer_open(&p, &f);
  says(&p, GET("/late"));
  wait_handled(&f, 1);
  pass(&f, 20000);
  reply_late(&f, 0, "first");
  hears(&p, "first");
  forgets(&p);
  says(&p, GET("/late"));
  wait_handled(&f, 2);
  ml_clock_fake_pass(&f.clock, 16000);       /* past every time that was armed */
  reply_late(&f, 1, "second");
  hears(&p, "second");
  assert_false(p.closed);
  peer_close(&p);
  fix_close(&f);
}

static void test_a_handler_that_takes_too_long(void **state) {
  fix f;
  peer p;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  says(&p, GET("/late"));
  wait_handled(&f, 1);
  assert_int_equal(ml_server_busy(f.server), 1);
  pass(&f, 59999);
  stays_quiet(&p);
  pass(&f, 1);
  hears(&p, "HTTP/1.1 503 Service Unavailable\r\n");
  is_closed(&p);
  assert_int_equal(ml_server_busy(f.server), 0);
  peer_close(&p);
  gone(&f, 0);
  assert_string_equal(f.late[0]->path.p, "/late");   /* still valid */
  reply_late(&f, 0, "never seen");
  fix_close(&f);
}

static void test_lingering_ends(void **state) {
  fix f;
  peer p;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  says(&p, "?");
  hears(&p, "HTTP/1.1 400 ");
  is_closed(&p);                         /* our half */
  assert_int_equal(ml_server_connections(f.server), 1);
  pass(&f, 1999);
  assert_int_equal(ml_server_connections(f.server), 1);
  pass(&f, 1);
  assert_int_equal(ml_server_connections(f.server), 0);
  peer_close(&p);
  fix_close(&f);
}

/* ---- peers that do not read ---- */

/* Fill the connection with requests for big answers and read nothing. */
static int stuff(peer *p, const char *request, int most) {
  int i;

  for (i = 0; i < most; i++) {
    if (send(p->fd, request, strlen(request), MSG_NOSIGNAL | MSG_DONTWAIT) !=
        (ssize_t)strlen(request))
      break;
    if (i % 64 == 0)
      ml_loop_turn(p->f->loop, 0);
  }
  return i;
}

static void test_unread_answers_stop_requests(void **state) {
  const ml_server_limits m = {.unread = 1 << 20};
  fix f;
  peer p;
  int before;

  (void)state;
  fix_open(&f, &m);
  peer_open(&p, &f);
  stuff(&p, GET("/big"), 200);
  settle(&f);
  before = f.handled;
  assert_true(before < 60);              /* kernel buffers, 1 MiB, one more */
  pass(&f, 59999);
  assert_int_equal(ml_server_connections(f.server), 1);
  pass(&f, 1);                           /* nothing was taken in a minute */
  assert_int_equal(ml_server_connections(f.server), 0);
  assert_int_equal(f.handled, before);
  peer_close(&p);
  fix_close(&f);
}

static void test_unread_answers_are_taken_up_again(void **state) {
  const ml_server_limits m = {.unread = 1000};
  fix f;
  peer p;
  int sent, i;

  (void)state;
  fix_open(&f, &m);
  peer_open(&p, &f);
  sent = stuff(&p, GET("/big"), 40);
  assert_int_equal(sent, 40);
  settle(&f);
  assert_true(f.handled < 40);
  for (i = 0; i < 2000 && answers(&p) < 1000 && p.got.len < 40 * 300000; i++) {
    ml_loop_turn(f.loop, 10);
    listen_in(&p);
  }
  assert_int_equal(f.handled, 40);
  assert_true(p.got.len > 40 * 300000);
  peer_close(&p);
  fix_close(&f);
}

static void test_pipelined_bytes_are_bounded(void **state) {
  fix f;
  peer p;
  int small = 1 << 16, sent;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  assert_int_equal(setsockopt(p.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small),
                   0);
  says(&p, GET("/late"));
  wait_handled(&f, 1);
  sent = stuff(&p, "POST /a HTTP/1.1\r\n" H "Content-Length: 1000\r\n\r\n"
               X100 X100 X100 X100 X100 X100 X100 X100 X100 X100, 1000000);
  assert_true(sent < 1000000);           /* it was not read */
  assert_int_equal(f.handled, 1);
  assert_int_equal(ml_server_connections(f.server), 1);
  reply_late(&f, 0, "first");
  hears(&p, "first");
  wait_handled(&f, f.handled > 1 ? f.handled : 2);
  peer_close(&p);
  fix_close(&f);
}

/* ---- peers that go away ---- */

static void test_a_peer_gone_before_the_reply(void **state) {
  fix f;
  peer p, q;
  struct linger now = {1, 0};

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  peer_open(&q, &f);
  says(&p, "POST /late HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc");
  wait_handled(&f, 1);
  says(&q, GET("/late"));
  wait_handled(&f, 2);
  assert_int_equal(setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now),
                   0);
  peer_close(&p);                        /* a reset */
  gone(&f, 1);
  assert_int_equal(ml_server_busy(f.server), 1);
  assert_string_equal(f.late[0]->body.p, "abc");   /* still valid */
  reply_late(&f, 0, "nobody");
  peer_close(&q);                        /* an orderly end */
  settle(&f);
  reply_late(&f, 1, "nobody");
  gone(&f, 0);
  assert_int_equal(ml_server_busy(f.server), 0);
  fix_close(&f);
}

static void test_half_closed_peers_get_their_answers(void **state) {
  fix f;
  peer p;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  says(&p, GET("/late") GET("/two"));
  assert_int_equal(shutdown(p.fd, SHUT_WR), 0);
  wait_handled(&f, 1);
  settle(&f);
  reply_late(&f, 0, "one");
  hears(&p, "one");
  hears(&p, "/two");
  is_closed(&p);
  assert_int_equal(answers(&p), 2);
  peer_close(&p);
  gone(&f, 0);
  fix_close(&f);
}

static void test_half_a_request(void **state) {
  fix f;
  peer p;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  says(&p, "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabc");
  settle(&f);
  peer_close(&p);
  gone(&f, 0);
  assert_int_equal(f.handled, 0);
  fix_close(&f);
}

/* ---- crowds ---- */

static void test_per_peer_limit(void **state) {
  const ml_server_limits m = {.per_peer = 3};
  fix f;
  peer p[3], over, other;
  int i;

  (void)state;
  fix_open(&f, &m);
  for (i = 0; i < 3; i++) {
    peer_open(&p[i], &f);
    says(&p[i], GET("/x"));
    hears(&p[i], "/x");
  }
  peer_open(&over, &f);
  hears(&over, "HTTP/1.1 503 ");
  assert_non_null(strstr(got(&over), "Retry-After: "));
  is_closed(&over);
  peer_close(&over);
  other = (peer){.f = &f, .fd = connect_from(f.port, INADDR_LOOPBACK + 1)};
  says(&other, GET("/x"));
  hears(&other, "/x");                   /* another address */
  peer_close(&p[0]);
  gone(&f, 3);
  peer_open(&over, &f);
  says(&over, GET("/y"));
  hears(&over, "/y");
  peer_close(&over);
  peer_close(&other);
  peer_close(&p[1]);
  peer_close(&p[2]);
  gone(&f, 0);
  fix_close(&f);
}

static void test_connection_limit(void **state) {
  const ml_server_limits m = {.connections = 4};
  fix f;
  peer p[4], over[40];
  int i, silent = 0;

  (void)state;
  fix_open(&f, &m);
  for (i = 0; i < 4; i++)
    peer_open(&p[i], &f);
  settle(&f);
  for (i = 0; i < 40; i++)
    peer_open(&over[i], &f);
  for (i = 0; i < 40; i++) {             /* past 32 of them: just closed */
    is_closed(&over[i]);
    silent += over[i].got.len == 0;
    assert_true(over[i].got.len == 0 ||
                strstr(got(&over[i]), "HTTP/1.1 503 ") != NULL);
  }
  assert_int_equal(silent, 8);
  says(&p[3], GET("/x"));
  hears(&p[3], "/x");
  for (i = 0; i < 40; i++)
    peer_close(&over[i]);
  gone(&f, 4);
  for (i = 0; i < 4; i++)
    peer_close(&p[i]);
  gone(&f, 0);
  fix_close(&f);
}

/* Without descriptors the server waits instead of spinning, and goes on. */
static void test_no_descriptors(void **state) {
  struct rlimit was, few;
  fix f;
  peer p;
  int hold[256], n = 0;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
  few = was;
  few.rlim_cur = 256;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  while (n < 256 && (hold[n] = dup(0)) >= 0)
    n++;
  settle(&f);
  assert_int_equal(ml_server_connections(f.server), 0);
  while (n > 0)
    close(hold[--n]);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
  says(&p, GET("/x"));
  settle(&f);
  assert_int_equal(ml_server_connections(f.server), 0);
  pass(&f, 100);
  hears(&p, "/x");
  peer_close(&p);
  fix_close(&f);
}

/* ---- drain and the end ---- */

static void test_drain(void **state) {
  fix f;
  peer idle, fresh, busy, half;
  struct sockaddr_in a = {.sin_family = AF_INET};
  int fd;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&idle, &f);
  says(&idle, GET("/x"));
  hears(&idle, "/x");
  peer_open(&fresh, &f);
  peer_open(&busy, &f);
  says(&busy, GET("/late"));
  peer_open(&half, &f);
  says(&half, "GET /half HTT");
  wait_handled(&f, 2);
  settle(&f);
  ml_server_drain(f.server);
  is_closed(&idle);
  is_closed(&fresh);
  assert_int_equal(ml_server_busy(f.server), 1);
  says(&half, "P/1.1\r\n" H "\r\n");
  hears(&half, "\r\nConnection: close\r\n");
  is_closed(&half);
  reply_late(&f, 0, "last");
  hears(&busy, "\r\nConnection: close\r\n");
  hears(&busy, "last");
  is_closed(&busy);
  assert_int_equal(ml_server_busy(f.server), 0);
  fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  a.sin_port = htons((uint16_t)f.port);
  assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), -1);
  assert_int_equal(errno, ECONNREFUSED);
  close(fd);
  peer_close(&idle);
  peer_close(&fresh);
  peer_close(&busy);
  peer_close(&half);
  gone(&f, 0);
  fix_close(&f);
}

static void test_free_with_requests_under_way(void **state) {
  fix f;
  peer p, q;

  (void)state;
  fix_open(&f, NULL);
  peer_open(&p, &f);
  peer_open(&q, &f);
  says(&p, GET("/late"));
  says(&q, GET("/late"));
  wait_handled(&f, 2);
  reply_late(&f, 0, "listed, not sent"); /* waits for the end of the turn */
  ml_server_free(f.server);
  f.server = NULL;
  settle(&f);
  assert_string_equal(f.late[1]->path.p, "/late");
  reply_late(&f, 1, "dropped");
  listen_in(&p);
  listen_in(&q);
  assert_true(p.closed && q.closed);
  peer_close(&p);
  peer_close(&q);
  fix_close(&f);
}

/* ---- Unix sockets, IPv6, addresses ---- */

static int unix_connect(const char *path) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
  assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
  return fd;
}

static void test_unix_socket(void **state) {
  char dir[] = "/tmp/moonlane-test-XXXXXX", path[64], address[80], bound[128];
  struct stat st;
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  ml_err e = {0};
  ml_server *second;
  fix f;
  peer p;
  int fd;
  FILE *file;

  (void)state;
  assert_non_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/s", dir);
  snprintf(address, sizeof address, "unix:%s", path);

  /* a stale socket file is replaced */
  snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
  fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
  close(fd);
  fix_open(&f, NULL);
  assert_int_equal(ml_server_listen(f.server, address, bound, &e), ML_OK);
  assert_string_equal(bound, address);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);

  /* who is there; Host is not needed */
  p = (peer){.f = &f, .fd = unix_connect(path)};
  says(&p, "GET /peer HTTP/1.1\r\n\r\n");
  hears(&p, "\r\n\r\nunix");
  assert_true(f.last.is_unix);
  assert_int_equal(f.last.peer_uid, geteuid());
  assert_null(f.last.host.p);
  peer_close(&p);

  /* a live one is not taken away */
  assert_int_equal(ml_server_new(f.loop, NULL, on_request, &f, &second), ML_OK);
  assert_int_equal(ml_server_listen(second, address, NULL, &e), ML_EXISTS);
  assert_non_null(strstr(e.text, "another server"));
  ml_server_free(second);
  assert_int_equal(stat(path, &st), 0);
  ml_server_free(f.server);
  assert_int_equal(stat(path, &st), -1);

  /* what is no socket is left alone */
  file = fopen(path, "w");
  assert_non_null(file);
  fclose(file);
  assert_int_equal(ml_server_new(f.loop, NULL, on_request, &f, &f.server),
                   ML_OK);
  assert_int_equal(ml_server_listen(f.server, address, NULL, &e), ML_EXISTS);
  assert_non_null(strstr(e.text, "no socket"));
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(rmdir(dir), 0);
  assert_int_equal(ml_server_listen(f.server, address, NULL, &e), ML_IO);
  fix_close(&f);
}

static void test_ipv6(void **state) {
  struct sockaddr_in6 a = {.sin6_family = AF_INET6,
                           .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  char bound[128];
  fix f;
  peer p;
  int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ml_err e = {0};

  (void)state;
  if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0) {
    close(fd);
    skip();                              /* no IPv6 here */
  }
  fix_open(&f, NULL);
  assert_int_equal(ml_server_listen(f.server, "[::1]:0", bound, &e), ML_OK);
  assert_memory_equal(bound, "[::1]:", 6);
  a.sin6_port = htons((uint16_t)atoi(bound + 6));
  assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
  p = (peer){.f = &f, .fd = fd};
  says(&p, GET("/peer"));
  hears(&p, "\r\n\r\n[::1]:");
  peer_close(&p);
  fix_close(&f);
}

static void test_listen_addresses(void **state) {
  static const char *const wrong[] = {
    "", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x",
    "127.0.0.1:-1", "::1:80", "[::1]", "[::1", "[127.0.0.1]:80", "example:80",
    "127.1:80", "1.2.3.4.5:80", "unix:", "tcp:1"
  };
  char bound[128], longer[300];
  ml_err e = {0};
  fix f;
  size_t i;

  (void)state;
  fix_open(&f, NULL);
  for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    e.text[0] = '\0';
    assert_int_equal(ml_server_listen(f.server, wrong[i], NULL, &e),
                     ML_INVALID);
    assert_true(strlen(e.text) > 20);
  }
  memset(longer, 'p', sizeof longer);
  memcpy(longer, "unix:", 5);
  longer[sizeof longer - 1] = '\0';
  assert_int_equal(ml_server_listen(f.server, longer, NULL, &e), ML_INVALID);
  assert_int_equal(ml_server_listen(f.server, ":0", bound, &e), ML_OK);
  assert_memory_equal(bound, "127.0.0.1:", 10);
  assert_int_equal(ml_server_listen(f.server, "localhost:0", bound, &e), ML_OK);
  assert_int_equal(ml_server_listen(f.server, f.bound, bound, &e), ML_EXISTS);
  fix_close(&f);
}

/* ---- short of memory ---- */

/* Whatever allocation fails: no crash, no hang, no leak. */
static void test_without_memory(void **state) {
  uint64_t n;
  fix f;
  peer p;
  bool served = false;

  (void)state;
  for (n = 1; !served; n++) {
    assert_true(n < 200);
    fix_open(&f, NULL);
    peer_open(&p, &f);
    says(&p, GET("/late") "POST /b HTTP/1.1\r\n" H
         "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" GET("/c"));
    ml_mem_fail_at(n, 1);
    settle(&f);
    if (f.late_count > 0)
      reply_late(&f, 0, "l");
    settle(&f);
    ml_mem_fail_at(0, 0);
    settle(&f);
    listen_in(&p);
    served = f.handled == 3 && answers(&p) == 3 &&
             strstr(got(&p), " 503 ") == NULL;
    assert_true(served || p.closed);
    peer_close(&p);
    fix_close(&f);
  }
  assert_true(n > 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_bytes_of_an_answer),
    cmocka_unit_test(test_keep_alive),
    cmocka_unit_test(test_http_1_0),
    cmocka_unit_test(test_byte_by_byte),
    cmocka_unit_test(test_pipelining_keeps_the_order),
    cmocka_unit_test(test_a_reply_calls_no_handler),
    cmocka_unit_test(test_replies_leave_in_their_order),
    cmocka_unit_test(test_head_and_bodiless_answers),
    cmocka_unit_test(test_request_as_the_handler_sees_it),
    cmocka_unit_test(test_bad_answers),
    cmocka_unit_test(test_a_big_answer),
    cmocka_unit_test(test_a_cut_answer),
    cmocka_unit_test(test_refusals),
    cmocka_unit_test(test_a_bad_second_request),
    cmocka_unit_test(test_a_refusal_can_be_read),
    cmocka_unit_test(test_refusals_by_the_hook),
    cmocka_unit_test(test_100_continue),
    cmocka_unit_test(test_slow_header),
    cmocka_unit_test(test_slow_body),
    cmocka_unit_test(test_body_rate),
    cmocka_unit_test(test_idle),
    cmocka_unit_test(test_a_reply_as_the_timer_fires),
    cmocka_unit_test(test_a_handler_that_takes_too_long),
    cmocka_unit_test(test_lingering_ends),
    cmocka_unit_test(test_unread_answers_stop_requests),
    cmocka_unit_test(test_unread_answers_are_taken_up_again),
    cmocka_unit_test(test_pipelined_bytes_are_bounded),
    cmocka_unit_test(test_a_peer_gone_before_the_reply),
    cmocka_unit_test(test_half_closed_peers_get_their_answers),
    cmocka_unit_test(test_half_a_request),
    cmocka_unit_test(test_per_peer_limit),
    cmocka_unit_test(test_connection_limit),
    cmocka_unit_test(test_no_descriptors),
    cmocka_unit_test(test_drain),
    cmocka_unit_test(test_free_with_requests_under_way),
    cmocka_unit_test(test_unix_socket),
    cmocka_unit_test(test_ipv6),
    cmocka_unit_test(test_listen_addresses),
    cmocka_unit_test(test_without_memory)
  };

  return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
