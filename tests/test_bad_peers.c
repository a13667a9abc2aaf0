/*
** test_bad_peers.c - a run with the real client between peers that do everything
** wrong and one that does not: what a bad one says is never a success, each
** attempt is the same request, budgets and rests hold, the good one notices
** nothing.
**
** The peers are sockets on the kit's loop; time passes only when it is turned.
*/
#include "run_kit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "net/client.h"
#include "run/inside.h"

enum { PER_HOST = 4, OPEN = 64, VISITS = 400, PROCESSES = 6 };

typedef enum manner {
  HANG,                          /* hears, and says nothing */
  DRIP,                          /* a byte now and then, for ever */
  HALF_HEADER, SHORT_BODY, EMPTY,        /* and closes */
  DROP,                          /* does what it is asked, then resets */
  HUGE_BODY,                     /* more than is taken, in chunks without end */
  HUGE_HEADER,
  GARBAGE, TWO_LENGTHS, BUSY,    /* 503 */
  FLAP,                          /* drops each call thrice, then answers */
  GOOD,
  MANNERS
} manner;

static const char *const names[] = {
  "hang", "drip", "half-header", "short-body", "empty", "drop", "huge-body",
  "huge-header", "garbage", "two-lengths", "busy", "flap", "good"};

typedef struct peer peer;

typedef struct visit {
  peer *peer;
  int fd;
  ml_loop_fd *watch;
  ml_buf in;
  bool asked;                    /* a request is unanswered */
  bool flood;                    /* goes on writing */
} visit;

/* One call as all its attempts look. */
typedef struct heard {
  char key[100], body[100];
  int times;
} heard;

static struct peer {
  manner how;
  int fd, port;
  ml_loop_fd *watch;
  ml_loop_timer *timer;          /* of DRIP */
  visit visits[VISITS];
  int accepted, requests, open, most;
  int effects;                   /* done, whatever was answered */
  heard calls[PROCESSES * 2];
  int call_count;
} peers[MANNERS];

static void visit_end(visit *v) {
  ml_loop_fd_free(v->watch);
  v->watch = NULL;
  if (v->fd >= 0)
    close(v->fd);
  v->peer->open -= v->asked;
  v->fd = -1;
  v->asked = v->flood = false;
  ml_buf_free(&v->in);
}

static void say(visit *v, const char *text, bool close_it) {
  assert_int_equal(send(v->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
  v->peer->open -= v->asked;
  v->asked = false;
  if (close_it)
    visit_end(v);
}

static void flood(visit *v) {
  static char part[8 + 65536 + 2];
  struct linger now = {1, 0};

  if (part[0] == '\0') {
    memset(part, 'x', sizeof part);
    memcpy(part, "0010000\r\n", 9);          /* the ninth byte is of the part's */
    memcpy(part + sizeof part - 2, "\r\n", 2);
  }
  for (int i = 0; i < 8; i++)
    if (send(v->fd, part, sizeof part, MSG_NOSIGNAL | MSG_DONTWAIT) !=
        (ssize_t)sizeof part) {
      setsockopt(v->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
      break;
    }
}

#define OK200 "HTTP/1.1 200 OK\r\n"

static void answer(visit *v, const heard *h) {
  static char header[40000];
  struct linger now = {1, 0};
  peer *p = v->peer;

  switch (p->how) {
    case HANG: case DRIP: break;
    case HALF_HEADER: say(v, OK200 "Content-Len", true); break;
    case SHORT_BODY: say(v, OK200 "Content-Length: 90\r\n\r\n{\"ok\":", true); break;
    case EMPTY: visit_end(v); break;
    case DROP:
      p->effects++;
      setsockopt(v->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
      visit_end(v);
      break;
    case HUGE_BODY:
      assert_true(send(v->fd, OK200 "Transfer-Encoding: chunked\r\n\r\n",
                       sizeof OK200 - 1 + 30, MSG_NOSIGNAL) > 0);
      v->flood = true;
      ml_loop_fd_want(v->watch, true, true);
      break;
    case HUGE_HEADER:
      snprintf(header, sizeof header, OK200 "X: %039000d\r\n\r\n", 0);
      say(v, header, true);
      break;
    case GARBAGE: say(v, "\x16\x03\x01\x7fnonsense 200 OK\r\n\r\n{}", true); break;
    case TWO_LENGTHS:
      say(v, OK200 "Content-Length: 2\r\nContent-Length: 11\r\n\r\n{\"ok\":true}",
          true);
      break;
    case BUSY:
      say(v, "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n{}", false);
      break;
    case FLAP:
      if (h->times < 4) {
        visit_end(v);
        break;
      }
      /* fall through */
    default:
      p->effects++;
      say(v, OK200 "Content-Length: 11\r\n\r\n{\"ok\":true}", false);
  }
}

/* The value of a header of the request, or "". */
static void header_of(const ml_buf *b, const char *name, char *out, size_t n) {
  const char *at = strstr(b->p, name), *end;

  out[0] = '\0';
  if (at == NULL)
    return;
  at += strlen(name);
  end = strstr(at, "\r\n");
  snprintf(out, n, "%.*s", (int)(end - at), at);
}

/* The same key is the same body, each time. */
static const heard *note(peer *p, const ml_buf *b) {
  heard h = {.times = 1};

  header_of(b, "Idempotency-Key: ", h.key, sizeof h.key);
  assert_true(h.key[0] != '\0');
  snprintf(h.body, sizeof h.body, "%s", strstr(b->p, "\r\n\r\n") + 4);
  for (int i = 0; i < p->call_count; i++)
    if (strcmp(p->calls[i].key, h.key) == 0) {
      assert_string_equal(p->calls[i].body, h.body);
      p->calls[i].times++;
      return &p->calls[i];
    }
  assert_true(p->call_count < PROCESSES * 2);
  p->calls[p->call_count] = h;
  return &p->calls[p->call_count++];
}

static bool whole(const ml_buf *b) {
  const char *end = b->p != NULL ? strstr(b->p, "\r\n\r\n") : NULL;
  const char *length = end != NULL ? strstr(b->p, "Content-Length: ") : NULL;

  return length != NULL && length < end &&
         b->len >= (size_t)(end - b->p) + 4 + (size_t)atoi(length + 16);
}

static void on_visit(void *arg, bool readable, bool writable) {
  visit *v = arg;
  char bytes[4096];
  const heard *h;
  ssize_t n;

  if (v->flood && writable)
    flood(v);
  if (!readable)
    return;
  n = recv(v->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (n <= 0) {
    visit_end(v);
    return;
  }
  ml_buf_put(&v->in, bytes, (size_t)n);
  if (!whole(&v->in))
    return;
  h = note(v->peer, &v->in);
  ml_buf_reset(&v->in);
  v->peer->requests++;
  v->asked = true;
  if (++v->peer->open > v->peer->most)
    v->peer->most = v->peer->open;
  answer(v, h);
}

static void on_knock(void *arg, bool readable, bool writable) {
  peer *p = arg;
  visit *v = &p->visits[p->accepted];

  (void)readable;
  (void)writable;
  assert_true(p->accepted < VISITS);
  *v = (visit){.peer = p};
  v->fd = accept4(p->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  assert_true(v->fd >= 0);
  v->watch = ml_loop_fd_new(kit.loop, v->fd, on_visit, v);
  assert_non_null(v->watch);
  ml_loop_fd_want(v->watch, true, false);
  p->accepted++;
}

/* One more byte of a header that never ends. */
static void drip(void *arg) {
  peer *p = arg;

  for (int i = 0; i < p->accepted; i++)
    if (p->visits[i].fd >= 0 && p->visits[i].asked)
      (void)!send(p->visits[i].fd, "H", 1, MSG_NOSIGNAL);
  ml_loop_timer_set(p->timer, 100);
}

static void peer_open(manner how) {
  peer *p = &peers[how];
  struct sockaddr_in a = {.sin_family = AF_INET};
  socklen_t len = sizeof a;

  memset(p, 0, sizeof *p);
  p->how = how;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  assert_true(p->fd >= 0);
  assert_int_equal(bind(p->fd, (struct sockaddr *)&a, sizeof a), 0);
  assert_int_equal(getsockname(p->fd, (struct sockaddr *)&a, &len), 0);
  assert_int_equal(listen(p->fd, 64), 0);
  p->port = ntohs(a.sin_port);
  p->watch = ml_loop_fd_new(kit.loop, p->fd, on_knock, p);
  assert_non_null(p->watch);
  ml_loop_fd_want(p->watch, true, false);
  if (how == DRIP) {
    p->timer = ml_loop_timer_new(kit.loop, drip, p);
    assert_non_null(p->timer);
    ml_loop_timer_set(p->timer, 100);
  }
}

static void peers_close(void) {
  for (int i = 0; i < MANNERS; i++) {
    peer *p = &peers[i];

    for (int k = 0; k < p->accepted; k++)
      if (p->visits[k].fd >= 0)
        visit_end(&p->visits[k]);
    ml_loop_fd_free(p->watch);
    ml_loop_timer_free(p->timer);
    if (p->fd > 0)
      close(p->fd);
    memset(p, 0, sizeof *p);
  }
}

/* ---- an engine with the real client ---- */

static ml_http *client;
static const ml_str allow[] = {ML_STR("127.0.0.1:*")};

static const char flow[] =
  "local ml = require 'moonlane'\n"
  "return ml.workflow { '%s', %s settings = { api = { 'url' } },\n"
  "  fields = { { 'port', 'integer' }, { 'n', 'integer' },\n"
  "             { 'ok', 'boolean' }, { 'key', 'string' } },\n"
  "  hosts = { '127.0.0.1' },\n"
  "  phases = { { 'go', ml.activity { 'go', retry = { 9, '2s' },\n"
  "    run = function(ctx)\n"
  "      local a = ctx.http.post('http://127.0.0.1:' .. ctx.data.port .. '/do',\n"
  "        { json = { n = ctx.data.n, word = 'do it' }, timeout = '3s' })\n"
  "      ctx.data.ok = a.json.ok\n"
  "      ctx.data.key = ctx.key\n"
  "    end } } } }\n";

static void put_flow(const char *name, const char *more) {
  char text[sizeof flow + 200];

  snprintf(text, sizeof text, flow, name, more);
  kit_flow(name, text);
}

static void open_all(void) {
  kit_begin();
  assert_int_equal(ml_client_new(kit.loop, OPEN, PER_HOST, &client), ML_OK);
  kit.run->conf.http = client;
  kit.run->conf.allow = allow;
  kit.run->conf.allow_count = 1;
  for (int i = 0; i < MANNERS; i++)
    peer_open((manner)i);
}

static int close_all(void **state) {
  peers_close();
  ml_client_free(client);
  client = NULL;
  return kit_teardown(state);
}

/* What can move without time, moves. */
static void turn(int times) {
  for (int i = 0; i < times; i++) {
    ml_script_inline_turn(kit.script);
    ml_loop_turn(kit.loop, 0);
    ml_run_reap(kit.run);
  }
}

static int64_t start(const char *workflow, manner to, int n) {
  char data[80];
  kit_came c;
  ml_input *in;
  uint8_t raw[16];
  uint32_t no;

  snprintf(data, sizeof data, "{\"port\":%d,\"n\":%d}", peers[to].port, n);
  in = kit_start_input(workflow, data, &c);
  ml_run_put(kit.run, in);
  for (int i = 0; i < 1000 && c.times == 0; i++)
    turn(1);
  assert_int_equal(c.times, 1);
  assert_int_equal(c.rc, ML_OK);
  assert_true(ml_id_of(ml_str_of(c.text), raw, &no));
  return ml_process_id_n(raw);
}

static void pass(int64_t ms) {
  ml_clock_fake_pass(&kit.clock, ms);
  ml_run_tick(kit.run);
  turn(12);
}

static kit_look see(int64_t n) {
  kit_look l = kit_see(n);

  assert_int_equal(l.rc, ML_OK);
  return l;
}

/* Is it done, without any time? */
static void is_done_at_once(int64_t n) {
  for (int i = 0; i < 400; i++) {
    ml_script_inline_turn(kit.script);
    ml_loop_turn(kit.loop, 5);
    ml_run_reap(kit.run);
    if (see(n).row.status == ML_COMPLETED)
      return;
  }
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
}

static int64_t ids[MANNERS][PROCESSES];

static bool rest(const int64_t *list, int n) {
  for (int k = 0; k < n; k++) {
    kit_look l = see(list[k]);

    if (l.row.status == ML_OPEN && l.row.run != ML_RUN_FAILURE)
      return false;
  }
  return true;
}

static bool all_rest(void) {
  for (int i = 0; i < GOOD; i++)
    if (!rest(ids[i], PROCESSES))
      return false;
  return true;
}

static void says_nothing_is_done(int64_t n, manner how) {
  kit_look l = see(n);

  if (l.row.status != ML_OPEN || l.row.run != ML_RUN_FAILURE)
    fail_msg("%s: %s %s", names[how], ml_status_name(l.row.status),
             ml_runs_name(l.row.run));
  if (memmem(l.row.data.p, l.row.data.n, "\"ok\"", 4) != NULL)
    fail_msg("%s: %.*s", names[how], (int)l.row.data.n, l.row.data.p);
}

/* Of six processes with ten attempts each: none is a success, each attempt of a
** process was the same request (note()), no more at once than a host's budget,
** and less than half of the sixty, for the host rested in between. */
static void judge(manner how) {
  const peer *p = &peers[how];

  assert_in_range(p->call_count, PER_HOST, PROCESSES);
  assert_true(p->most <= PER_HOST);
  for (int k = 0; k < PROCESSES; k++)
    says_nothing_is_done(ids[how][k], how);
  printf("# %s: %d calls, %d requests, %d at once\n", names[how], p->call_count,
         p->requests, p->most);
  assert_in_range(p->requests, 10, PROCESSES * 10 / 2);
}

static void bad_ones_beside_a_good_one(void **state) {
  ml_http_stats s;
  int n = 0, good_calls = 0;

  (void)state;
  open_all();
  put_flow("bad", "");
  put_flow("good", "");
  kit.run->conf.calls_max = OPEN;
  for (int k = 0; k < PROCESSES; k++)
    for (int i = 0; i < GOOD; i++)
      ids[i][k] = start("bad", (manner)i, ++n);
  for (int i = 0; i < 4000 && !all_rest(); i++) {
    pass(50);
    if (i % 20 == 0 && good_calls < PROCESSES * 2) {
      is_done_at_once(start("good", GOOD, ++n));
      good_calls++;
    }
  }
  assert_true(all_rest());
  for (int i = 0; i < FLAP; i++)
    judge((manner)i);
  for (int k = 0; k < PROCESSES; k++)            /* at the fourth attempt */
    kit_is(ids[FLAP][k], ML_COMPLETED, ML_RUN_COMPLETED);
  assert_int_equal(peers[FLAP].effects, PROCESSES);
  assert_int_equal(peers[FLAP].call_count, PROCESSES);
  assert_int_equal(peers[GOOD].effects, PROCESSES * 2);
  assert_int_equal(peers[GOOD].requests, PROCESSES * 2);
  assert_true(peers[DROP].effects == peers[DROP].requests);
  client->stats(client, &s);
  assert_int_equal(s.open, 0);
  assert_int_equal(s.waiting, 0);
  assert_int_equal(s.resting, FLAP);             /* each of the bad, no other */
  assert_true(s.rests >= FLAP);
}

/* Six calls of one workflow, two places: the other four wait, however long; the
** engine's bound holds for a workflow that asks for more, or says nothing. */
static void a_workflow_has_so_many_calls_at_once(void **state) {
  static const struct { const char *name, *says; int most; } rows[] = {
    {"few", "calls = 2,", 2}, {"many", "calls = 100,", 3}, {"silent", "", 3}};
  ml_http_stats s;

  (void)state;
  open_all();
  kit.run->conf.calls_max = 3;
  put_flow("good", "calls = 1,");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    peer *p = &peers[HANG + i];
    int64_t list[PROCESSES];

    p->how = HANG;
    put_flow(rows[i].name, rows[i].says);
    for (int k = 0; k < PROCESSES; k++)
      list[k] = start(rows[i].name, (manner)(HANG + i), k);
    for (int k = 0; k < 100; k++)
      turn(1);
    assert_int_equal(p->open, rows[i].most);
    client->stats(client, &s);
    assert_int_equal(s.open, rows[i].most);
    assert_int_equal(s.waiting, PROCESSES - rows[i].most);
    for (int k = 0; k < 3; k++)
      is_done_at_once(start("good", GOOD, 100 + k));
    for (int k = 0; k < 4000 && !rest(list, PROCESSES); k++)
      pass(50);
    assert_true(rest(list, PROCESSES));
    assert_true(p->most <= rows[i].most);
    assert_int_equal(p->call_count, PROCESSES);   /* each had its turn */
  }
  assert_int_equal(peers[GOOD].effects, 9);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(bad_ones_beside_a_good_one, kit_setup,
                                    close_all),
    cmocka_unit_test_setup_teardown(a_workflow_has_so_many_calls_at_once,
                                    kit_setup, close_all),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
