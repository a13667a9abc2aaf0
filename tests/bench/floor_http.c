/* floor_http.c - our server code and our client code with nothing behind. */
#include "floors.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"
#include "net/client.h"
#include "net/server.h"
#include "rows.h"

enum { CONNECTIONS = 64, AT_ONCE = 16, CALLS = 8000, ONES = 3000, MS = 700 };

static const char answer[] =
    "{\"text\":\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
    "abcdefghijklmnopqrstuvwxyzabcdefghijklm\"}";

/* ---- the peer ---- */

static void echo(void *arg, ml_request *q) {
  static const char *const headers[] = {"Content-Type: application/json", NULL};

  (void)arg;
  ml_reply(q, 200, headers, ml_str_of(answer));
}

static void serve(int tell) {
  ml_server_limits limits = {.per_peer = 1000};
  ml_loop *l;
  ml_server *s;
  ml_err e;
  char bound[128];

  if (ml_loop_new(NULL, &l) != ML_OK ||
      ml_server_new(l, &limits, echo, NULL, &s) != ML_OK ||
      ml_server_listen(s, "127.0.0.1:0", bound, &e) != ML_OK ||
      write(tell, bound, sizeof bound) != sizeof bound)
    _exit(1);
  ml_loop_run(l);
  _exit(0);
}

void peer_start(peer *p) {
  int tell[2];
  char bound[128];
  pid_t parent = getpid();

  if (pipe(tell) != 0 || (p->pid = fork()) < 0)
    die("the peer cannot be started: %s", strerror(errno));
  if (p->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
      serve(tell[1]);
    _exit(1);
  }
  close(tell[1]);
  if (read(tell[0], bound, sizeof bound) != sizeof bound)
    die("the peer did not start");
  close(tell[0]);
  p->port = (uint16_t)strtoul(strrchr(bound, ':') + 1, NULL, 10);
}

void peer_end(peer *p) {
  ours(p->pid);
  kill(p->pid, SIGKILL);
  waitpid(p->pid, NULL, 0);
}

/* ---- echo ---- */

static void make(void *arg, size_t i, ml_buf *out) {
  char body[300];

  (void)arg;
  (void)i;
  memset(body, 'b', sizeof body);
  load_request(out, "POST", "/echo", NULL, NULL, body, sizeof body);
}

static void echoes(const peer *p) {
  load_conf c = {.port = p->port, .connections = CONNECTIONS, .ms = MS,
                 .make = make};
  samples s = {0};
  load_out o;

  load_run(&c, &o);
  row_put("floor.echo", (double)o.answered / o.seconds);
  load_out_free(&o);
  c.connections = 1;
  c.ms = 0;
  c.total = ONES;
  load_run(&c, &o);
  for (size_t i = 0; i < ONES; i++)
    samples_add(&s, o.us[i]);
  row_put("floor.echo.one", samples_at(&s, 0.5));
  samples_free(&s);
  load_out_free(&o);
}

/* ---- calls ---- */

typedef struct caller {
  ml_loop *loop;
  ml_http *http;
  char url[64];
  int sent, ended;
} caller;

static void next_call(caller *k);

static void called(void *arg, const ml_http_answer *a) {
  caller *k = arg;

  if (a->end != ML_HTTP_COMPLETE || a->status != 200)
    die("a bare call failed: %s", a->why != NULL ? a->why : "status");
  if (++k->ended == CALLS)
    ml_loop_stop(k->loop);
  else if (k->sent < CALLS)
    next_call(k);
}

static void next_call(caller *k) {
  ml_str header = ML_STR("Content-Type: application/json");
  ml_str allow = ML_STR("127.0.0.1:*");
  ml_http_call c = {.method = ML_STR("POST"), .url = ml_str_of(k->url),
                    .headers = &header, .header_count = 1,
                    .body = ML_STR("{\"word\":\"hello world\",\"n\":1}"),
                    .allow = &allow, .allow_count = 1};
  ml_err e = {0};

  k->sent++;
  if (k->http->send(k->http, &c, called, k, NULL, &e) != ML_OK)
    die("a bare call cannot be sent: %s", e.text);
}

static void calls(const peer *p) {
  caller k = {.sent = 0};
  int64_t from;

  snprintf(k.url, sizeof k.url, "http://127.0.0.1:%d/1", (int)p->port);
  if (ml_loop_new(NULL, &k.loop) != ML_OK ||
      ml_client_new(k.loop, 0, 0, &k.http) != ML_OK)
    die("out of memory");
  from = now_us();
  for (int i = 0; i < AT_ONCE; i++)
    next_call(&k);
  ml_loop_run(k.loop);
  row_put("floor.call", CALLS * 1e6 / (double)(now_us() - from));
  ml_client_free(k.http);
  ml_loop_free(k.loop);
}

void floor_http(int repeat) {
  peer p;

  peer_start(&p);
  for (int i = 0; i < repeat; i++) {
    echoes(&p);
    calls(&p);
  }
  peer_end(&p);
}
