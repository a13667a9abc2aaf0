/*
** test_serve.c - serve on a disk that fails, and on stores of other versions:
** the whole program in a child of this one, with a VFS in front of the disk.
**
** SIGUSR1 to the child: every flush fails from now on.  SIGUSR2: the disk is
** full, and has room again at the next one.
*/
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/verbs.h"
#include "net/client.h"
#include "net/loop.h"
#include "script/template.h"
#include "store/store.h"
#include "vfs_kit.h"

static const char flow[] =
  "local ml = require 'moonlane'\n"
  "return ml.workflow { 'plain', lanes = { desk = 'D' },\n"
  "  fields = { { 'x', 'string' } }, start = { ml.form { 'x' } },\n"
  "  phases = { { 'ask', ml.task { 'ask', lane = 'desk', outcomes = { 'ok' } },\n"
  "    next = { ok = ml.finish } } } }\n";

static struct {
  char dir[200], db[240], sock[260], flows[240], said[260];
  ml_loop *loop;
  ml_http *http;
  pid_t child;
  int out;
} k;

/* ---- the child's disk ---- */

static volatile sig_atomic_t flush_fails, full;

static int d_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
  return full ? SQLITE_FULL : vfs_kit_real(f)->xWrite(f, p, n, at);
}

static int d_sync(sqlite3_file *f, int flags) {
  return flush_fails ? SQLITE_IOERR_FSYNC : vfs_kit_real(f)->xSync(f, flags);
}

static void change(sqlite3_io_methods *own) {
  own->xWrite = d_write;
  own->xSync = d_sync;
}

static void on_signal(int signo) {
  if (signo == SIGUSR1)
    flush_fails = 1;
  else
    full = !full;
}

__attribute__((noreturn)) static void child_main(int out) {
  char *argv[] = {"moonlane", "serve", k.flows, "--db", k.db, "--listen",
                  "127.0.0.1:0", "--workers", "1", NULL};
  int err = open(k.said, O_WRONLY | O_CREAT | O_TRUNC, 0600);

  dup2(out, 1);
  dup2(err, 2);
  if (!vfs_kit_begin("watched", true, change))
    _exit(99);
  signal(SIGUSR1, on_signal);
  signal(SIGUSR2, on_signal);
  _exit(ml_cmd_main(9, argv, environ));
}

static void spawn(void) {
  int fds[2];

  assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
  k.child = fork();
  assert_true(k.child >= 0);
  if (k.child == 0)
    child_main(fds[1]);
  close(fds[1]);
  k.out = fds[0];
}

/* Its first line; false: it ended first. */
static bool comes_up(void) {
  char b[512];

  for (;;) {
    ssize_t n = read(k.out, b, sizeof b);

    if (n > 0)
      return true;
    if (n == 0 || errno != EAGAIN)
      return false;
    ml_loop_turn(k.loop, 1);
  }
}

/* Its exit code; how long it took into *ms. */
static int ends(int64_t *ms) {
  ml_clock *clock = ml_clock_system();
  int64_t from = clock->mono_ms(clock);
  int status;

  assert_true(waitpid(k.child, &status, 0) == k.child);
  if (ms != NULL)
    *ms = clock->mono_ms(clock) - from;
  k.child = 0;
  close(k.out);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void stop(void) {
  kill(k.child, SIGTERM);
  assert_int_equal(ends(NULL), 0);
}

static bool said(const char *text) {
  static char all[20000];
  FILE *f = fopen(k.said, "r");
  size_t n;

  assert_non_null(f);
  n = fread(all, 1, sizeof all - 1, f);
  all[n] = '\0';
  fclose(f);
  return strstr(all, text) != NULL;
}

/* ---- asking it ---- */

typedef struct answer { bool over; int status; bool later; uint32_t items; } answer;

static void came(void *arg, const ml_http_answer *a) {
  answer *x = arg;
  ml_arena arena = {0};
  ml_json *j = NULL;
  const ml_json *items;

  x->over = true;
  x->status = a->end == ML_HTTP_COMPLETE ? a->status : 0;
  x->later = ml_http_header_of(a, "Retry-After").p != NULL;
  if (x->status != 0 && a->body.n > 0)
    ml_json_parse(&arena, a->body.p, a->body.n, NULL, &j, NULL);
  items = ml_json_get(j, "items");
  x->items = items != NULL ? items->count : 0;
  ml_arena_free(&arena);
}

static answer ask(const char *method, const char *path, const char *body) {
  ml_str header = ML_STR("Content-Type: application/json");
  char url[200];
  answer x = {0};
  ml_http_call h = {.method = ml_str_of(method), .headers = &header,
                    .header_count = body != NULL, .body = ml_str_of(body),
                    .unix_path = k.sock};

  snprintf(url, sizeof url, "http://localhost%s", path);
  h.url = ml_str_of(url);
  assert_int_equal(k.http->send(k.http, &h, came, &x, NULL, NULL), ML_OK);
  while (!x.over)
    ml_loop_turn(k.loop, 10);
  return x;
}

static answer start(void) {
  return ask("POST", "/v1/workflows/plain/processes", "{\"data\":{\"x\":\"1\"}}");
}

static uint32_t how_many(void) {
  answer x = ask("GET", "/v1/processes", NULL);

  assert_int_equal(x.status, 200);
  return x.items;
}

/* ---- tests ---- */

static void a_flush_that_fails_stops_it(void **state) {
  int64_t ms;
  uint32_t there;

  (void)state;
  spawn();
  assert_true(comes_up());
  assert_int_equal(start().status, 201);
  assert_int_equal(start().status, 201);
  kill(k.child, SIGUSR1);
  assert_int_equal(start().status, 0);   /* no answer: nobody can tell */
  assert_int_equal(ends(&ms), ML_EXIT_STOPPED);
  assert_true(ms < 1000);
  assert_true(said("\"engine-stopped\""));
  assert_true(said("a flush to disk failed"));
  spawn();
  assert_true(comes_up());
  there = how_many();                    /* what was told is there */
  assert_true(there == 2 || there == 3);
  assert_int_equal(start().status, 201);
  stop();
}

static void a_full_disk_refuses_and_goes_on(void **state) {
  answer x;

  (void)state;
  spawn();
  assert_true(comes_up());
  assert_int_equal(start().status, 201);
  kill(k.child, SIGUSR2);
  x = start();
  assert_int_equal(x.status, 507);
  assert_true(x.later);
  assert_int_equal(how_many(), 1);
  assert_true(said("\"disk-refuses\""));
  kill(k.child, SIGUSR2);
  while (!said("\"disk-again\""))        /* by itself: nobody asks */
    ml_loop_turn(k.loop, 10);
  assert_int_equal(start().status, 201);
  assert_int_equal(how_many(), 2);
  stop();
}

static char *bytes_of(const char *file, size_t *n) {
  FILE *f = fopen(file, "rb");
  char *p;

  assert_non_null(f);
  fseek(f, 0, SEEK_END);
  *n = (size_t)ftell(f);
  rewind(f);
  p = malloc(*n + 1);
  assert_non_null(p);
  assert_int_equal(fread(p, 1, *n, f), *n);
  fclose(f);
  return p;
}

static void run_sql(const char *sql) {
  sqlite3 *db;

  assert_int_equal(sqlite3_open(k.db, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_newer_store_is_left_as_it_is(void **state) {
  size_t n, m;
  char *before, *after, name[300];

  (void)state;
  spawn();
  assert_true(comes_up());
  assert_int_equal(start().status, 201);
  stop();
  run_sql("PRAGMA user_version = 99");
  before = bytes_of(k.db, &n);
  spawn();
  assert_false(comes_up());
  assert_int_not_equal(ends(NULL), 0);
  assert_true(said("schema version 99"));
  after = bytes_of(k.db, &m);
  assert_int_equal(n, m);
  assert_memory_equal(before, after, n);
  snprintf(name, sizeof name, "%s.before-99", k.db);
  assert_int_not_equal(access(name, F_OK), 0);
  free(before);
  free(after);
}

static void an_upgrade_names_its_copy(void **state) {
  ml_store_conf conf = {.path = k.db, .version_max = 1};
  ml_store *s = NULL;
  char name[300];

  (void)state;
  assert_int_equal(ml_store_open(&conf, &s, NULL), ML_OK);
  ml_store_close(s);
  spawn();
  assert_true(comes_up());
  assert_int_equal(start().status, 201);
  stop();
  snprintf(name, sizeof name, "%s.before-1", k.db);
  assert_int_equal(access(name, F_OK), 0);
  assert_true(said(name));               /* in the log */
  assert_true(said("\"upgrade\""));
}

/* ---- one test ---- */

static int set_up(void **state) {
  const char *tmp = getenv("TMPDIR");
  char path[300];
  FILE *f;

  (void)state;
  snprintf(k.dir, sizeof k.dir, "%s/serve-XXXXXX", tmp != NULL ? tmp : "/tmp");
  if (mkdtemp(k.dir) == NULL)
    return -1;
  snprintf(k.db, sizeof k.db, "%s/m.db", k.dir);
  snprintf(k.sock, sizeof k.sock, "%s.sock", k.db);
  snprintf(k.said, sizeof k.said, "%s/said", k.dir);
  snprintf(k.flows, sizeof k.flows, "%s/flows", k.dir);
  snprintf(path, sizeof path, "%s/plain", k.flows);
  if (mkdir(k.flows, 0700) != 0 || mkdir(path, 0700) != 0)
    return -1;
  strcat(path, "/workflow.lua");
  f = fopen(path, "w");
  if (f == NULL || fputs(flow, f) < 0 || fclose(f) != 0)
    return -1;
  return ml_loop_new(NULL, &k.loop) != ML_OK ||
         ml_client_new(k.loop, 0, 0, &k.http) != ML_OK;
}

static int tear_down(void **state) {
  char rm[300];

  (void)state;
  if (k.child > 0) {
    kill(k.child, SIGKILL);
    waitpid(k.child, NULL, 0);
    k.child = 0;
  }
  ml_client_free(k.http);
  ml_loop_free(k.loop);
  snprintf(rm, sizeof rm, "rm -rf '%s'", k.dir);
  return system(rm);
}

int main(int argc, char **argv) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
    T(a_flush_that_fails_stops_it), T(a_full_disk_refuses_and_goes_on),
    T(a_newer_store_is_left_as_it_is), T(an_upgrade_names_its_copy),
  };

  if (argc > 1 && strcmp(argv[1], ML_TEMPLATE_ARG) == 0)
    return ml_template_main(ML_TEMPLATE_FD,
                            argc > 2 && strcmp(argv[2], ML_TEMPLATE_INSECURE) == 0);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
