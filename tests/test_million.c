/*
** test_million.c - many parked processes: the engine is killed on them, and a
** start costs what is due, not what is there.
**
**   test_million                     20,000 processes, as TAP
**   test_million --count 1000000     make check-million
**
** Two processes are made by the engine itself, one that waits for a person and
** one that sleeps; the store's own calls write copies of them.  Then the engine
** is started, killed, started: it must be ready in 2 s, fire the one timer that
** is due within a second, and read about as many bytes as with 1,000 processes.
** time-limit: 600
*/
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rand.h"
#include "model/process.h"
#include "net/client.h"
#include "net/loop.h"
#include "run/flows.h"
#include "store/store.h"

enum { FEW = 1000, MANY = 20000, PIECE = 5000, READY_MS = 2000, FIRE_MS = 1000,
       READ_MORE = 1 << 20 };

static const char flow[] =
  "local ml = require 'moonlane'\n"
  "return ml.workflow { 'park', lanes = { desk = 'D' },\n"
  "  fields = { { 'what', 'string' } }, start = { ml.form { 'what!' } },\n"
  "  phases = {\n"
  "    { 'choose', ml.activity { 'choose', run = function(ctx)\n"
  "        return ctx.data.what end, outcomes = { 'person', 'sleep' } },\n"
  "      next = { person = 'ask', sleep = 'nap' } },\n"
  "    { 'ask', ml.task { 'ask', lane = 'desk', outcomes = { 'ok' } },\n"
  "      next = { ok = ml.finish } },\n"
  "    { 'nap', ml.activity { 'nap', run = function(ctx) ctx:sleep '30d' end },\n"
  "      next = ml.finish } } }\n";

static struct {
  char dir[200], db[240], sock[260], flows[240];
  const char *program;
  ml_loop *loop;
  ml_http *http;
  ml_clock *clock;
  pid_t engine;
  int out;
} k;

__attribute__((noreturn, format(printf, 1, 2)))
static void bail(const char *fmt, ...) {
  va_list args;

  printf("Bail out! ");
  va_start(args, fmt);
  vprintf(fmt, args);
  va_end(args);
  printf(" (%s)\n", k.dir);
  if (k.engine > 0)
    kill(k.engine, SIGKILL);
  exit(1);
}

static int64_t now(void) {
  return k.clock->mono_ms(k.clock);
}

/* ---- the engine ---- */

static void spawn(void) {
  int fds[2];

  if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
    bail("no pipe: %s", strerror(errno));
  k.engine = fork();
  if (k.engine == 0) {
    char log[300];
    int err;

    snprintf(log, sizeof log, "%s/engine.err", k.dir);
    err = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fds[1], 1);
    dup2(err, 2);
    execl(k.program, "moonlane", "serve", k.flows, "--db", k.db, "--listen",
          "127.0.0.1:0", "--workers", "2", (char *)NULL);
    _exit(127);
  }
  close(fds[1]);
  if (k.engine < 0)
    bail("no process: %s", strerror(errno));
  k.out = fds[0];
}

/* Its first line: it serves.  How long it took. */
static int64_t ready(void) {
  int64_t from = now();
  char b[512];

  for (;;) {
    ssize_t n = read(k.out, b, sizeof b);

    if (n > 0)
      return now() - from;
    if (n == 0 || errno != EAGAIN || now() - from > 60000)
      bail("the engine does not start");
    ml_loop_turn(k.loop, 1);
  }
}

static void end_engine(int how) {
  int status;

  kill(k.engine, how);
  if (waitpid(k.engine, &status, 0) < 0)
    bail("the engine does not end");
  k.engine = 0;
  close(k.out);
}

/* Bytes it asked the system to read, the page cache's too. */
static uint64_t bytes_read(void) {
  char path[64], line[100];
  uint64_t v = 0;
  FILE *f;

  snprintf(path, sizeof path, "/proc/%ld/io", (long)k.engine);
  f = fopen(path, "r");
  if (f == NULL)
    return 0;
  while (fgets(line, sizeof line, f) != NULL)
    if (sscanf(line, "rchar: %" SCNu64, &v) == 1)
      break;
  fclose(f);
  return v;
}

/* ---- asking it ---- */

typedef struct answer {
  bool over;
  int status;
  char id[40], what[24];
} answer;

static void came(void *arg, const ml_http_answer *a) {
  answer *x = arg;
  ml_arena arena = {0};
  ml_json *j = NULL;
  ml_str id, status;

  x->over = true;
  x->status = a->end == ML_HTTP_COMPLETE ? a->status : 0;
  if (a->body.n > 0)
    ml_json_parse(&arena, a->body.p, a->body.n, NULL, &j, NULL);
  id = ml_json_str(j, "id");
  status = ml_json_str(j, "status");
  snprintf(x->id, sizeof x->id, "%.*s", (int)id.n, id.p != NULL ? id.p : "");
  snprintf(x->what, sizeof x->what, "%.*s", (int)status.n,
           status.p != NULL ? status.p : "");
  ml_arena_free(&arena);
}

static answer ask(const char *method, const char *path, const char *body) {
  ml_str header = ML_STR("Content-Type: application/json");
  char url[256];
  answer x = {0};
  ml_http_call h = {.method = ml_str_of(method), .headers = &header,
                    .header_count = body != NULL, .body = ml_str_of(body),
                    .unix_path = k.sock};

  snprintf(url, sizeof url, "http://localhost%s", path);
  h.url = ml_str_of(url);
  if (k.http->send(k.http, &h, came, &x, NULL, NULL) != ML_OK)
    bail("a call cannot be sent");
  while (!x.over)
    ml_loop_turn(k.loop, 10);
  return x;
}

static int64_t start_one(const char *what) {
  char body[100];
  uint8_t id[16];
  uint32_t no;
  answer x;

  snprintf(body, sizeof body, "{\"data\":{\"what\":\"%s\"}}", what);
  x = ask("POST", "/v1/workflows/park/processes?wait=1", body);
  if (x.status != 201 || !ml_id_of(ml_str_of(x.id), id, &no))
    bail("a process does not start (%d)", x.status);
  return ml_process_id_n(id);
}

/* ---- copies ---- */

typedef struct model {
  int64_t n;
  ml_arena arena;
  ml_row_process row;
  ml_row_history *history;
  size_t history_count;
  ml_row_task *tasks;
  size_t task_count;
  ml_rc rc;
} model;

static void read_model(void *arg, ml_read *r) {
  model *m = arg;

  m->rc = ml_read_process(r, &m->arena, m->n, &m->row);
  if (m->rc == ML_OK)
    m->rc = ml_read_history(r, &m->arena, m->n, 0, 0, &m->history,
                            &m->history_count);
  if (m->rc == ML_OK)
    m->rc = ml_read_tasks_of(r, &m->arena, m->n, &m->tasks, &m->task_count);
}

/* Its state with another end of its sleep. */
static void set_due(ml_store *s, model *m, int64_t due_ms) {
  ml_flows *f;
  ml_err e = {0};
  ml_buf b = {0};
  const ml_flow *flow_of;
  ml_process *p;

  if (ml_flows_read(s, &f, &e) != ML_OK)
    bail("%s", e.text);
  flow_of = ml_flows_at(f, m->row.bundle, m->row.flow_index);
  p = flow_of != NULL ? ml_process_new(flow_of) : NULL;
  if (p == NULL || ml_process_unpack(p, flow_of, m->row.rest) != ML_OK)
    bail("the model cannot be unpacked");
  for (uint32_t i = 0; i < p->act_count; i++)
    if (p->acts[i].wait == ML_WAIT_SLEEP)
      p->acts[i].due_ms = due_ms;
  ml_process_pack(p, flow_of, &b);
  m->row.rest = (ml_str){ml_arena_dup(&m->arena, b.p, b.len), b.len};
  m->row.due = due_ms;
  ml_buf_free(&b);
  ml_process_free(p);
  ml_flows_free(f);
}

static void put_copy(ml_batch *b, const model *m, int64_t n) {
  ml_row_process p = m->row;

  p.n = n;
  p.seq_was = 0;
  ml_process_make_id(p.id, p.created_ms, n, (uint64_t)n * 0x9E3779B97F4A7C15u);
  ml_batch_unit(b);
  ml_batch_process(b, &p);
  for (size_t i = 0; i < m->history_count; i++) {
    ml_row_history h = m->history[i];

    h.n = n;
    ml_batch_history(b, &h);
  }
  for (size_t i = 0; i < m->task_count; i++) {
    ml_row_task t = m->tasks[i];

    t.n = n;
    ml_batch_task(b, &t);
  }
}

static void landed(void *arg, ml_batch *b, ml_rc rc) {
  (void)b;
  *(ml_rc *)arg = rc;
}

static void submit(ml_store *s, ml_batch *b) {
  ml_rc rc = ML_IO;

  ml_store_submit(s, b, landed, &rc);
  ml_store_wait(s);
  if (rc != ML_OK)
    bail("the copies cannot be written: %s", ml_rc_name(rc));
  ml_batch_free(b);
}

/* Up to `count` processes, every other one asleep for long; and one more whose
** moment is now.  Its number. */
static int64_t park(int64_t person, int64_t sleeper, int64_t count) {
  ml_store_conf conf = {.path = k.db, .threaded = true};
  model kinds[2] = {{.n = person}, {.n = sleeper}};
  int64_t wall = ml_clock_system()->wall_ms(ml_clock_system()), n;
  ml_store *s = NULL;
  ml_batch *b;
  ml_err e = {0};

  if (ml_store_open(&conf, &s, &e) != ML_OK)
    bail("%s", e.text);
  for (int i = 0; i < 2; i++) {
    if (ml_store_read(s, read_model, NULL, &kinds[i]) != ML_OK)
      bail("memory is short");
    ml_store_wait(s);
    if (kinds[i].rc != ML_OK)
      bail("a model cannot be read: %s", ml_rc_name(kinds[i].rc));
  }
  n = ml_store_last_n(s);
  while (n < count) {
    b = ml_batch_new(s);
    if (b == NULL)
      bail("memory is short");
    for (int i = 0; i < PIECE && n < count; i++) {
      n++;
      kinds[1].row.due = wall + INT64_C(86400000) * 20 + n;
      put_copy(b, &kinds[n % 2], n);
    }
    submit(s, b);
  }
  set_due(s, &kinds[1], wall);
  b = ml_batch_new(s);
  if (b == NULL)
    bail("memory is short");
  put_copy(b, &kinds[1], ++n);
  submit(s, b);
  ml_store_close(s);
  for (int i = 0; i < 2; i++)
    ml_arena_free(&kinds[i].arena);
  return n;
}

/* ---- what a start costs ---- */

typedef struct cost {
  int64_t ready_ms, fire_ms;
  uint64_t bytes, file;
} cost;

static cost start_after_kill(int64_t due_n) {
  char path[100], id[ML_ID_MAX];
  uint8_t raw[16];
  struct stat st;
  cost c = {0};
  int64_t from;
  model m = {.n = due_n};
  ml_store_conf conf = {.path = k.db, .read_only = true};
  ml_store *s = NULL;

  if (ml_store_open(&conf, &s, NULL) != ML_OK ||
      ml_store_read(s, read_model, NULL, &m) != ML_OK)
    bail("the store cannot be read");
  ml_store_wait(s);
  ml_store_close(s);
  memcpy(raw, m.row.id, sizeof raw);
  ml_id_text(id, raw, 0);
  ml_arena_free(&m.arena);
  spawn();
  end_engine(SIGKILL);                   /* in the middle of a start */
  from = now();
  spawn();
  ready();
  c.ready_ms = now() - from;
  from = now();
  snprintf(path, sizeof path, "/v1/processes/%s", id);
  for (;;) {
    answer x = ask("GET", path, NULL);

    if (strcmp(x.what, "COMPLETED") == 0)
      break;
    if (x.status != 200 || now() - from > 30000)
      bail("the timer that is due does not fire (%d %s)", x.status, x.what);
  }
  c.fire_ms = now() - from;
  c.bytes = bytes_read();
  if (stat(k.db, &st) == 0)
    c.file = (uint64_t)st.st_size;
  end_engine(SIGKILL);
  spawn();                               /* once more, so that the log is short */
  ready();
  end_engine(SIGTERM);
  return c;
}

static void set_up(const char *build) {
  const char *tmp = getenv("TMPDIR");
  static char program[300];
  char path[400];
  FILE *f;

  snprintf(k.dir, sizeof k.dir, "%s/million-XXXXXX", tmp != NULL ? tmp : "/tmp");
  if (mkdtemp(k.dir) == NULL)
    bail("no folder: %s", strerror(errno));
  snprintf(program, sizeof program, "%s/moonlane", build);
  k.program = program;
  snprintf(k.db, sizeof k.db, "%s/m.db", k.dir);
  snprintf(k.sock, sizeof k.sock, "%s.sock", k.db);
  snprintf(k.flows, sizeof k.flows, "%s/flows", k.dir);
  snprintf(path, sizeof path, "%s/park", k.flows);
  if (mkdir(k.flows, 0700) != 0 || mkdir(path, 0700) != 0)
    bail("no folder: %s", strerror(errno));
  strcat(path, "/workflow.lua");
  f = fopen(path, "w");
  if (f == NULL || fputs(flow, f) < 0 || fclose(f) != 0)
    bail("the workflow cannot be written");
  k.clock = ml_clock_system();
  ml_log_to(2, ML_ERROR_LEVEL);
  if (ml_loop_new(NULL, &k.loop) != ML_OK ||
      ml_client_new(k.loop, 0, 0, &k.http) != ML_OK)
    bail("the world cannot be made");
}

static int tested, wrong;
static void ok(bool good, const char *name) {
  tested++;
  wrong += !good;
  printf("%sok %d - %s\n", good ? "" : "not ", tested, name);
}

int main(int argc, char **argv) {
  const char *build = getenv("BUILD");
  int64_t count = argc > 2 && strcmp(argv[1], "--count") == 0
                      ? atoll(argv[2]) : MANY;
  int64_t person, sleeper, due, from;
  char rm[300];
  cost few, many;

  if (count <= FEW)
    bail("more than %d are wanted", FEW);
  setvbuf(stdout, NULL, _IOLBF, 0);
  set_up(build != NULL ? build : "build");
  spawn();
  ready();
  if (ask("PUT", "/v1/users/kim", "{\"lanes\":[\"park/desk\"]}").status >= 300)
    bail("the member was not made");
  person = start_one("person");
  sleeper = start_one("sleep");
  end_engine(SIGTERM);
  due = park(person, sleeper, FEW);
  few = start_after_kill(due);
  from = now();
  due = park(person, sleeper, count);
  printf("# %" PRId64 " processes parked in %" PRId64 " ms\n", count, now() - from);
  many = start_after_kill(due);
  printf("# %d: ready in %" PRId64 " ms, fired in %" PRId64 " ms, %" PRIu64
         " KiB read of a store of %" PRIu64 " KiB\n", FEW, few.ready_ms,
         few.fire_ms, few.bytes >> 10, few.file >> 10);
  printf("# %" PRId64 ": ready in %" PRId64 " ms, fired in %" PRId64 " ms, %" PRIu64
         " KiB read of a store of %" PRIu64 " KiB\n", count, many.ready_ms,
         many.fire_ms, many.bytes >> 10, many.file >> 10);
  ok(many.ready_ms < READY_MS, "ready in less than 2 s after kill -9");
  ok(many.fire_ms < FIRE_MS, "what is due fires within a second");
  ok(many.bytes > 0 && many.file > 3 * (READ_MORE + few.file) &&
         many.bytes < few.bytes + READ_MORE,
     "no more is read than with few: nothing walks over all of them");
  printf("1..%d\n", tested);
  ml_client_free(k.http);
  ml_loop_free(k.loop);
  snprintf(rm, sizeof rm, "rm -rf '%s'", k.dir);
  return system(rm) != 0 || wrong > 0;
}
