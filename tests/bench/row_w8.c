/*
** row_w8.c - W8: a record of the kintone simulator is read and updated, by
** bare requests and by a workflow.  Each connection has records of its own, so
** that no revision is in another's way.
*/
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rows.h"
#include "work.h"

enum { AT_ONCE = 8, FLOWS = 500, RECORDS = 600 };

typedef struct ledger {
  pid_t pid;
  uint16_t port;
  int out;
  char app[300], log[300];
} ledger;

/* ---- the simulator ---- */

static void write_app(const char *path) {
  FILE *f = fopen(path, "we");

  if (f == NULL)
    die("%s cannot be written", path);
  fputs("{\"app\":\"1\",\"name\":\"bench\",\"lang\":\"en\",\"fields\":{"
        "\"k_id\":{\"type\":\"SINGLE_LINE_TEXT\",\"label\":\"ID\"},"
        "\"k_Qid\":{\"type\":\"SINGLE_LINE_TEXT\",\"label\":\"Process\"}},"
        "\"records\":[", f);
  for (int i = 1; i <= RECORDS; i++)
    fprintf(f, "%s{\"k_id\":{\"value\":\"C-%d\"}}", i > 1 ? "," : "", i);
  fputs("]}\n", f);
  if (fclose(f) != 0)
    die("%s cannot be written", path);
}

static void ledger_start(ledger *l) {
  char program[256], db[300];
  const char *argv[] = {program, "--listen", "127.0.0.1:0", "--db", db,
                        "--app", l->app, "--token", "bench", NULL};

  snprintf(program, sizeof program, "%s/kintone-sim", engine_build());
  snprintf(db, sizeof db, "%s/bench.tmp/ledger.db", engine_build());
  snprintf(l->app, sizeof l->app, "%s/bench.tmp/app.json", engine_build());
  snprintf(l->log, sizeof l->log, "%s/bench.tmp/ledger.log", engine_build());
  write_app(l->app);
  l->pid = engine_spawn(argv, l->log, &l->out, &l->port);
}

static void ledger_end(ledger *l) {
  ours(l->pid);
  kill(l->pid, SIGTERM);
  waitpid(l->pid, NULL, 0);
  close(l->out);
}

/* How often records were written, in all: their revisions, which begin at 1. */
static int64_t writes_of(const ledger *l) {
  ml_buf q = {0}, b = {0};
  ml_arena a = {0};
  ml_json *v = NULL;
  ml_err e;
  const ml_json *list;
  int64_t sum = 0;

  load_request(&q, "GET", "/control/records?app=1", NULL, NULL, NULL, 0);
  if (load_ask(l->port, &q, &b) != 200 ||
      ml_json_parse(&a, b.p, b.len, NULL, &v, &e) != ML_OK)
    die("the simulator does not show its records");
  list = ml_json_get(v, "records");
  for (uint32_t i = 0; list != NULL && i < list->count; i++) {
    ml_str text = ml_json_str(ml_json_get(ml_json_at(list, i), "$revision"),
                              "value");

    sum += text.p != NULL ? strtoll(text.p, NULL, 10) - 1 : 0;
  }
  ml_arena_free(&a);
  ml_buf_free(&q);
  ml_buf_free(&b);
  return sum;
}

/* ---- bare ---- */

static void bare(void *arg, size_t i, ml_buf *out) {
  char path[64], body[128];
  size_t id = i / 2 % RECORDS + 1;

  (void)arg;
  if (i % 2 == 0) {
    snprintf(path, sizeof path, "/k/v1/record.json?app=1&id=%zu", id);
    ml_buf_printf(out, "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                  "X-Cybozu-API-Token: bench\r\n\r\n", path);
    return;
  }
  snprintf(body, sizeof body, "{\"app\":1,\"id\":\"%zu\",\"record\":"
           "{\"k_Qid\":{\"value\":\"bare-%zu\"}}}", id, i);
  ml_buf_printf(out, "PUT /k/v1/record.json HTTP/1.1\r\nHost: localhost\r\n"
                "X-Cybozu-API-Token: bench\r\nContent-Type: application/json"
                "\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
}

static void measure_bare(const ledger *l, int64_t ms) {
  load_conf c = {.port = l->port, .connections = AT_ONCE, .ms = ms,
                 .make = bare};
  samples pairs = {0};
  load_out o;

  load_run(&c, &o);
  if (o.wrong > 0)
    die("the simulator refused, with status %d", o.wrong_status);
  row_put("w8.bare", (double)o.answered / 2 / o.seconds);
  load_out_free(&o);
  c.connections = 1;
  load_run(&c, &o);
  for (size_t i = 0; i + 1 < o.answered; i += 2)
    samples_add(&pairs, o.us[i] + o.us[i + 1]);
  row_put("w8.bare.one", samples_at(&pairs, 0.5));
  samples_free(&pairs);
  load_out_free(&o);
}

/* ---- as a workflow ---- */

typedef struct updates {
  const engine *e;
  bool wait;
  size_t first;
} updates;

static void start(void *arg, size_t i, ml_buf *out) {
  const updates *u = arg;
  char body[128];
  int n = snprintf(body, sizeof body, "{\"data\":{\"record\":\"%zu\","
                   "\"memo\":\"flow-%zu\"}}", (u->first + i) % RECORDS + 1,
                   u->first + i);

  load_request(out, "POST", u->wait
               ? "/v1/workflows/ledger/processes?wait=1"
               : "/v1/workflows/ledger/processes", u->e->token, NULL, body,
               (size_t)n);
}

static double run(updates *u, load_conf *c, load_out *o) {
  int64_t from = now_us();
  double seconds;

  c->port = u->e->port;
  c->make = start;
  c->arg = u;
  load_run(c, o);
  engine_settle(u->e);
  seconds = (double)(now_us() - from) / 1e6;
  if (o->wrong > 0)
    die("%zu starts of ledger were refused, with status %d", o->wrong,
        o->wrong_status);
  u->first += o->answered;
  return seconds;
}

static void measure_flow(updates *u, int64_t ms) {
  load_conf c = {.connections = AT_ONCE, .total = FLOWS};
  load_out o;
  double seconds;

  u->wait = false;
  seconds = run(u, &c, &o);
  row_put("w8.rate", (double)o.answered / seconds);
  load_out_free(&o);
  u->wait = true;
  c = (load_conf){.connections = 1, .ms = ms};
  run(u, &c, &o);
  row_put("w8.one", work_time(&o, 0.5));
  load_out_free(&o);
}

static void set(const engine *e, const char *key, const char *value) {
  ml_buf answer = {0};
  char path[96];

  snprintf(path, sizeof path, "/v1/workflows/ledger/settings/%s", key);
  engine_ask(e, "PUT", path, value, &answer);
  ml_buf_free(&answer);
}

void row_w8(const amount *a) {
  engine e = {0};
  ledger l = {0};
  updates u = {.e = &e};
  char url[96];
  int64_t before;
  size_t done;

  ledger_start(&l);
  engine_start(&e, "w8", false);
  snprintf(url, sizeof url, "{\"value\":\"http://127.0.0.1:%d\"}", (int)l.port);
  set(&e, "kintone_url", url);
  set(&e, "kintone_app", "{\"value\":1}");
  set(&e, "kintone_token", "{\"value\":\"bench\"}");
  for (int i = 0; i < a->repeat; i++)
    measure_bare(&l, a->ms / 2);
  before = writes_of(&l);
  for (int i = 0; i < a->repeat; i++)
    measure_flow(&u, a->ms / 2);
  done = work_count(&e, "ledger", "COMPLETED", NULL, NULL);
  if (done != u.first || writes_of(&l) - before != (int64_t)u.first)
    die("%zu workflows were started, %zu are completed, the ledger was "
        "written %lld times", u.first, done, (long long)(writes_of(&l) - before));
  engine_forget(&e);
  ledger_end(&l);
}
