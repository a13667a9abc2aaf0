/* test_host.c - real worker processes: results, deaths, clocks, secrets.
** The program is its own template (see main).
*/
#include <dirent.h>
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
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/text.h"
#include "net/loop.h"
#include "run/library.h"
#include "script/frame.h"
#include "script/host.h"
#include "script/jail.h"
#include "script/template.h"
#include "script/worker.h"

#define LIAR "/liar"           /* the end of the path of the lying template; */
#define OTHER "/othe"          /* of one whose answers are for other questions */

/* ---- a bench ---- */

enum { SOURCES = 32, TURNS_MS = 60000 };

typedef struct bench {
  ml_loop *loop;
  ml_script *s;
  ml_source src[SOURCES];
  size_t src_n;
  uint8_t hash[32];
} bench;

static const char FLOW[] =
  "local ml = require 'moonlane'\n"
  "local function run(ctx)\n"
  "  local what = ctx.data.q\n"
  "  if what == 'loop' then while true do end end\n"
  "  if what == 'long' then for i = 1, 20000000 do end return 'long' end\n"
  "  if what == 'grow' then local t = {} for i = 1, 100000 do t[i] = { i } "
  "end end\n"
  "  if what == 'call' then ctx.http.get('http://x/' .. ctx.data.n) end\n"
  "  return what .. ':' .. tostring(ctx.data.n)\n"
  "end\n"
  "return ml.workflow { 'w', lanes = { l = 'L' },\n"
  "  fields = { { 'q', 'string' }, { 'n', 'integer' } },\n"
  "  phases = { { 'one', ml.activity { 'a', lane = 'l', run = run } } } }\n";

static int setup(void **state) {
  bench *b = calloc(1, sizeof *b);
  size_t i;

  if (b == NULL || ml_loop_new(NULL, &b->loop) != ML_OK)
    return -1;
  for (i = 0; i < ml_library_count; i++)
    b->src[b->src_n++] = ml_library[i];
  b->src[b->src_n++] = (ml_source){ML_STR("workflow.lua"), ml_str_of(FLOW)};
  b->hash[0] = 1;
  *state = b;
  return 0;
}

static int teardown(void **state) {
  bench *b = *state;

  ml_host_free(b->s);
  ml_loop_free(b->loop);
  free(b);
  return 0;
}

static void begin(bench *b, ml_host_conf conf) {
  ml_err e = {0};

  conf.insecure = !ml_jail_supported(NULL);
  if (ml_host_new(b->loop, &conf, &b->s, &e) != ML_OK)
    fail_msg("the host did not start: %s", e.text);
  assert_int_equal(b->s->bundle(b->s, b->hash, b->src, b->src_n), ML_OK);
}

typedef struct got {
  int n;                       /* times it was answered */
  ml_rc rc;
  ml_end end;
  uint64_t id;
  char text[200];
} got;

static int answers;            /* in all */

static void on_answer(void *arg, ml_rc rc, const ml_answer *r) {
  got *g = arg;

  g->n++;
  g->rc = rc;
  g->end = r->end;
  g->id = r->id;
  snprintf(g->text, sizeof g->text, "%.*s", (int)r->text.n,
           r->text.p != NULL ? r->text.p : "");
  answers++;
}

static uint64_t owner;         /* of what is asked; 0: anybody's */

/* For slices that are to go on until something else ends them. */
#define LONG {.v = {[ML_BOUND_TIME] = 30000}}

/* Ask for one run; time 0: the engine's. */
static void ask(bench *b, const char *q, int n, uint64_t time, got *g) {
  char data[64];
  ml_bounds limits = {.v = {[ML_BOUND_TIME] = time}};
  ml_ask a = {.kind = ML_ASK_ATTEMPT, .id = (uint64_t)n, .path = ML_STR("1.1"),
              .mode = ML_STR("run"), .key = ML_STR("k"), .limits = &limits,
              .owner = owner};

  snprintf(data, sizeof data, "{\"q\":\"%s\",\"n\":%d}", q, n);
  a.data = ml_str_of(data);
  memcpy(a.bundle, b->hash, 32);
  *g = (got){0};
  assert_int_equal(b->s->ask(b->s, &a, on_answer, g), ML_OK);
  assert_int_equal(g->n, 0);   /* never inside */
}

/* Turn the loop until `want` answers came. */
static void turn_until(bench *b, int want) {
  ml_clock *c = ml_clock_system();
  int64_t end = c->mono_ms(c) + TURNS_MS;

  while (answers < want) {
    if (c->mono_ms(c) > end)
      fail_msg("%d answers of %d", answers, want);
    ml_loop_turn(b->loop, 20);
  }
}

static void right(const got *g, const char *q, int n) {
  char want[64];

  snprintf(want, sizeof want, "%s:%d", q, n);
  assert_int_equal(g->n, 1);
  assert_int_equal(g->rc, ML_OK);
  assert_int_equal(g->id, n);
  assert_string_equal(g->text, want);
}

static ml_host_stats stats(bench *b) {
  ml_host_stats st;

  ml_host_stats_get(b->s, &st);
  return st;
}

#define BENCH bench *b = *state; answers = 0

/* ---- tests ---- */

static void many_questions(void **state) {
  enum { N = 2000 };
  static got g[N];
  BENCH;
  int i;

  begin(b, (ml_host_conf){.workers = 2});
  for (i = 0; i < N; i++)
    ask(b, "x", i, 0, &g[i]);
  turn_until(b, N);
  for (i = 0; i < N; i++)
    right(&g[i], "x", i);
  assert_int_equal(stats(b).blamed, 0);
  assert_int_equal(stats(b).waiting, 0);
}

static void killed_workers_lose_nothing(void **state) {
  enum { N = 3000 };
  static got g[N];
  BENCH;
  int i, pid, kills = 0, last = 0;

  begin(b, (ml_host_conf){.workers = 2});
  for (i = 0; i < N; i++)
    ask(b, i % 50 == 0 ? "grow" : "x", i, 0, &g[i]);
  while (answers < N) {
    ml_loop_turn(b->loop, 20);
    pid = ml_host_pid(b->s, kills % 2);
    if (answers - last >= 100 && pid > 0 && kills < 25) {
      last = answers;
      kills++;
      kill(pid, SIGKILL);
    }
  }
  for (i = 0; i < N; i++)
    right(&g[i], i % 50 == 0 ? "grow" : "x", i);
  assert_true(kills > 5);
  assert_true(stats(b).born > 2);
  assert_int_equal(stats(b).blamed, 0);      /* not one was its own fault */
}

static void a_loop_gets_the_verdict_of_the_count(void **state) {
  BENCH;
  got g[3];

  begin(b, (ml_host_conf){.workers = 2});
  ask(b, "loop", 1, 0, &g[0]);
  ask(b, "x", 2, 0, &g[1]);
  turn_until(b, 2);
  assert_int_equal(g[0].rc, ML_OK);
  assert_int_equal(g[0].end, ML_END_CPU);
  assert_non_null(strstr(g[0].text, "(limit units = 20000000, the default)"));
  assert_int_equal(stats(b).counted, 1);
  assert_int_equal(stats(b).died, 0);        /* no worker was lost over it */
  right(&g[1], "x", 2);
}

/* Whose time was set ends at it, also when it is counted. */
static void a_time_of_its_own_is_the_verdict(void **state) {
  BENCH;
  got g[3];

  begin(b, (ml_host_conf){.workers = 2});
  ask(b, "loop", 1, 20, &g[0]);
  ask(b, "x", 2, 20, &g[1]);
  turn_until(b, 2);
  assert_int_equal(g[0].rc, ML_OK);
  assert_int_equal(g[0].end, ML_END_CLOCK);
  assert_non_null(strstr(g[0].text, "(limit time = 20ms, set by the workflow)"));
  assert_int_equal(stats(b).counted, 1);
  assert_int_equal(stats(b).died, 0);
  right(&g[1], "x", 2);
  ml_host_free(b->s);
  begin(b, (ml_host_conf){.workers = 2, .limits = {.v = {[ML_BOUND_TIME] = 30}}});
  ask(b, "loop", 3, 0, &g[2]);
  turn_until(b, 3);
  assert_int_equal(g[2].end, ML_END_CLOCK);
  assert_non_null(strstr(g[2].text, "(limit time = 30ms, set by the operator)"));
}

/* An author's limits are for that question; the operator's for all, and may be
** above the default. */
static void limits_come_from_two_sides(void **state) {
  BENCH;
  got g[4];
  ml_host_conf conf = {.workers = 2};
  ml_bounds few = {.v = {[ML_BOUND_UNITS] = 5000000}};
  ml_ask a = {.kind = ML_ASK_ATTEMPT, .path = ML_STR("1.1"), .mode = ML_STR("run"),
              .key = ML_STR("k"), .limits = &few, .count_units = true,
              .data = ML_STR("{\"q\":\"long\"}")};

  conf.hard_ms[ML_ASK_ATTEMPT] = 20000;
  memcpy(a.bundle, b->hash, 32);
  begin(b, conf);
  memset(g, 0, sizeof g);
  assert_int_equal(b->s->ask(b->s, &a, on_answer, &g[0]), ML_OK);
  a.limits = NULL;
  assert_int_equal(b->s->ask(b->s, &a, on_answer, &g[1]), ML_OK);
  turn_until(b, 2);
  assert_int_equal(g[0].end, ML_END_CPU);
  assert_non_null(strstr(g[0].text, "(limit units = 5000000, set by the workflow)"));
  assert_int_equal(g[1].end, ML_END_CPU);
  assert_non_null(strstr(g[1].text, "(limit units = 20000000, the default)"));
  ml_host_free(b->s);
  conf.limits.v[ML_BOUND_UNITS] = 100000000;
  begin(b, conf);
  assert_int_equal(b->s->ask(b->s, &a, on_answer, &g[2]), ML_OK);
  a.limits = &few;
  assert_int_equal(b->s->ask(b->s, &a, on_answer, &g[3]), ML_OK);
  turn_until(b, 4);
  assert_int_equal(g[2].end, ML_END_RETURNED);
  assert_int_equal(g[3].end, ML_END_CPU);
}

static void three_hard_kills_are_the_limit(void **state) {
  BENCH;
  got g[41];
  int i;
  ml_host_conf conf = {.workers = 2, .limits = LONG};

  conf.hard_ms[ML_ASK_ATTEMPT] = 1000;
  begin(b, conf);
  ask(b, "loop", 0, 0, &g[0]);           /* nothing else stops it */
  for (i = 1; i <= 40; i++)
    ask(b, "x", i, 0, &g[i]);
  turn_until(b, 41);
  assert_int_equal(g[0].n, 1);
  assert_int_equal(g[0].rc, ML_LIMIT);
  assert_non_null(strstr(g[0].text, "1000 ms"));
  for (i = 1; i <= 40; i++)
    right(&g[i], "x", i);
  assert_int_equal(stats(b).blamed, 3);
  assert_int_equal(stats(b).killed_clock, 3);
}

static void what_waits_behind_a_long_slice_goes_elsewhere(void **state) {
  BENCH;
  got g[61];
  int i;
  ml_host_conf conf = {.workers = 2, .limits = LONG};

  conf.hard_ms[ML_ASK_ATTEMPT] = 20000;
  begin(b, conf);
  ask(b, "loop", 0, 0, &g[0]);
  for (i = 1; i <= 60; i++)
    ask(b, "x", i, 0, &g[i]);
  turn_until(b, 60);
  assert_int_equal(g[0].n, 0);               /* still running */
  for (i = 1; i <= 60; i++)
    right(&g[i], "x", i);
  assert_true(stats(b).stolen > 0);
  ml_host_free(b->s);
  b->s = NULL;
  assert_int_equal(g[0].n, 1);
  assert_int_equal(g[0].rc, ML_AGAIN);
}

/* More endless slices of one bundle than there are workers; another bundle has
** the reserve, and keeps it. */
static void a_reserve_is_for_the_others(void **state) {
  enum { LOOPS = 20, N = 200 };
  static got loops[LOOPS], g[N];
  BENCH;
  int i;
  ml_host_conf conf = {.workers = 2, .limits = LONG};

  conf.hard_ms[ML_ASK_ATTEMPT] = 30000;
  begin(b, conf);
  for (i = 0; i < LOOPS; i++)
    ask(b, "loop", i, 0, &loops[i]);
  b->hash[1] = 9;
  assert_int_equal(b->s->bundle(b->s, b->hash, b->src, b->src_n), ML_OK);
  for (i = 0; i < N; i++) {
    ask(b, "x", i, 0, &g[i]);
    if (i % 20 == 19)
      turn_until(b, i + 1);
  }
  for (i = 0; i < N; i++)
    right(&g[i], "x", i);
  for (i = 0; i < LOOPS; i++)
    assert_int_equal(loops[i].n, 0);
  assert_in_range(stats(b).workers, 3, 11);    /* not all of them loop */
  assert_int_equal(stats(b).waiting >= LOOPS, 1);
}

/* Endless slices of many bundles at once: they share the reserve, and what is
** left of it is for a bundle that does not loop. */
static void a_flood_of_bundles_leaves_room(void **state) {
  enum { BUNDLES = 8, LOOPS = 6, N = 200 };
  static got loops[BUNDLES * LOOPS], g[N];
  BENCH;
  int i, k;
  ml_host_conf conf = {.workers = 2, .limits = LONG};

  conf.hard_ms[ML_ASK_ATTEMPT] = 30000;
  begin(b, conf);
  for (k = 0; k < BUNDLES; k++) {
    b->hash[1] = (uint8_t)(100 + k);
    assert_int_equal(b->s->bundle(b->s, b->hash, b->src, b->src_n), ML_OK);
  }
  for (i = 0; i < LOOPS; i++)
    for (k = 0; k < BUNDLES; k++) {
      b->hash[1] = (uint8_t)(100 + k);
      ask(b, "loop", i, 0, &loops[k * LOOPS + i]);
    }
  b->hash[1] = 9;
  assert_int_equal(b->s->bundle(b->s, b->hash, b->src, b->src_n), ML_OK);
  for (i = 0; i < N; i++) {
    ask(b, "x", i, 0, &g[i]);
    if (i % 20 == 19)
      turn_until(b, i + 1);
  }
  for (i = 0; i < N; i++)
    right(&g[i], "x", i);
  for (i = 0; i < BUNDLES * LOOPS; i++)
    assert_int_equal(loops[i].n, 0);
}

/* Three owners, two workers: everybody is served, and no worker has run slices
** of two.  Its process is another one when its owner changes. */
static void a_worker_serves_one_owner(void **state) {
  enum { N = 90 };
  static got g[N];
  BENCH;
  int i;
  ml_host_conf conf = {.workers = 2};

  begin(b, conf);
  for (i = 0; i < N; i++) {
    owner = 7 + (uint64_t)(i / 10 % 3);
    ask(b, "x", i, 0, &g[i]);
  }
  turn_until(b, N);                          /* all at once */
  for (i = 0; i < N; i++)
    right(&g[i], "x", i);
  assert_in_range(stats(b).recycled, 1, 60);
  for (i = 0; i < 6; i++) {                  /* by turns */
    uint64_t before = stats(b).recycled;

    owner = 20 + (uint64_t)i;
    answers = 0;
    ask(b, "x", i, 0, &g[0]);
    turn_until(b, 1);
    right(&g[0], "x", i);
    assert_int_equal(stats(b).recycled, before + 1);
    answers = 0;
    ask(b, "x", i, 0, &g[0]);                /* again: the same worker does */
    turn_until(b, 1);
    assert_int_equal(stats(b).recycled, before + 1);
  }
  assert_int_equal(stats(b).blamed, 0);
  owner = 0;
}

/* One owner's endless slices do not keep another from its worker. */
static void owners_do_not_starve_each_other(void **state) {
  enum { LOOPS = 20, N = 100 };
  static got loops[LOOPS], g[N];
  BENCH;
  int i;
  ml_host_conf conf = {.workers = 2, .limits = LONG};

  conf.hard_ms[ML_ASK_ATTEMPT] = 30000;
  begin(b, conf);
  owner = 1;
  for (i = 0; i < LOOPS; i++)
    ask(b, "loop", i, 0, &loops[i]);
  owner = 2;
  b->hash[1] = 9;
  assert_int_equal(b->s->bundle(b->s, b->hash, b->src, b->src_n), ML_OK);
  for (i = 0; i < N; i++) {
    ask(b, "x", i, 0, &g[i]);
    if (i % 20 == 19)
      turn_until(b, i + 1);
  }
  for (i = 0; i < N; i++)
    right(&g[i], "x", i);
  for (i = 0; i < LOOPS; i++)
    assert_int_equal(loops[i].n, 0);
  owner = 0;
}

/* A worker answers what was asked elsewhere since without running it. */
static void a_worker_skips_what_was_asked_elsewhere(void **state) {
  int line[2], memory = memfd_create("page", 0), i, status, kind;
  _Atomic uint64_t *page;
  ml_buf out = {0}, in = {0};
  ml_source src = {ML_STR("line"), ML_STR("6 * 7")};
  ml_arena a = {0};
  ml_answer r;
  ml_str record;
  uint8_t hash[32];
  pid_t pid;

  (void)state;
  assert_int_equal(ml_sha256("", 0, hash), ML_OK);   /* as a template does: it
                                                   reads files when first used */
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, line), 0);
  assert_int_equal(ftruncate(memory, ML_PAGE_BYTES), 0);
  page = mmap(NULL, ML_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory,
              0);
  assert_true(page != MAP_FAILED);
  page[1] = 2;                               /* the first two */
  pid = fork();
  if (pid == 0) {
    close(line[0]);
    _exit(ml_worker_main(line[1], memory, !ml_jail_supported(NULL)));
  }
  close(line[1]);
  for (i = 1; i <= 3; i++)
    ml_ask_pack(&out, &(ml_ask){.kind = ML_ASK_EVAL, .id = (uint64_t)i,
                                .sources = &src, .source_count = 1});
  assert_int_equal(write(line[0], out.p, out.len), out.len);
  shutdown(line[0], SHUT_WR);
  for (ssize_t n = 1; n > 0; in.len += n > 0 ? (size_t)n : 0)
    n = read(line[0], ml_buf_room(&in, 4096), 4096);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
  for (i = 1; i <= 3; i++) {
    int64_t n = ml_frame_next(in.p, in.len, &kind, &record);

    assert_true(n > 0);
    assert_int_equal(ml_answer_unpack(&a, record, &r), ML_OK);
    assert_int_equal(r.id, i);
    assert_int_equal(r.end, i == 3 ? ML_END_RETURNED : ML_END_BROKE);
    assert_true(ml_str_is(r.text, i == 3 ? "42" : "asked elsewhere"));
    memmove(in.p, in.p + n, in.len - (size_t)n);
    in.len -= (size_t)n;
  }
  close(line[0]);
  close(memory);
  munmap((void *)page, ML_PAGE_BYTES);
  ml_buf_free(&out);
  ml_buf_free(&in);
  ml_arena_free(&a);
}

/* CPU time that a process has used. */
static int64_t cpu_ms(int pid) {
  struct timespec ts;
  clockid_t clk;

  if (clock_getcpuclockid(pid, &clk) != 0 || clock_gettime(clk, &ts) != 0)
    return 0;
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void three_faults_are_the_limit(void **state) {
  BENCH;
  got g[11];
  int i, w, fault = ml_jail_is_wide() ? SIGXCPU : SIGSEGV;   /* sanitizers
                                                     catch the other one */
  ml_host_conf conf = {.workers = 2, .limits = LONG};

  conf.hard_ms[ML_ASK_ATTEMPT] = 30000;
  begin(b, conf);
  ask(b, "loop", 0, 0, &g[0]);
  for (i = 1; i <= 10; i++)
    ask(b, "x", i, 0, &g[i]);
  turn_until(b, 10);                         /* only the loop is left */
  while (answers < 11) {
    for (w = 0; w < 2; w++)                  /* the one that is busy */
      if (ml_host_pid(b->s, w) > 0 && cpu_ms(ml_host_pid(b->s, w)) > 150)
        kill(ml_host_pid(b->s, w), fault);
    ml_loop_turn(b->loop, 20);
  }
  assert_int_equal(g[0].rc, ML_LIMIT);
  assert_non_null(strstr(g[0].text, ml_jail_is_wide() ? "SIGXCPU" : "SIGSEGV"));
  assert_int_equal(stats(b).blamed, 3);
  for (i = 1; i <= 10; i++)
    right(&g[i], "x", i);
}

static void a_dead_template_is_replaced(void **state) {
  BENCH;
  got g[300];
  int i;

  begin(b, (ml_host_conf){.workers = 2});
  for (i = 0; i < 300; i++)
    ask(b, "grow", i, 0, &g[i]);
  turn_until(b, 20);
  kill(ml_host_pid(b->s, -1), SIGKILL);
  turn_until(b, 300);
  for (i = 0; i < 300; i++)
    right(&g[i], "grow", i);
  assert_int_equal(stats(b).templates, 2);
  assert_int_equal(stats(b).blamed, 0);
}

static void fat_workers_are_recycled(void **state) {
  enum { N = 1000 };
  static got g[N];
  BENCH;
  int i;

  begin(b, (ml_host_conf){.workers = 2, .recycle_bytes = 1});
  for (i = 0; i < N; i++)
    ask(b, "x", i, 0, &g[i]);
  turn_until(b, N);
  for (i = 0; i < N; i++)
    right(&g[i], "x", i);
  assert_true(stats(b).recycled > 0);
}

static void bundles_are_known_or_not(void **state) {
  BENCH;
  got g;
  ml_ask a = {.kind = ML_ASK_ATTEMPT, .bundle = {7}};

  begin(b, (ml_host_conf){.workers = 2});
  assert_int_equal(b->s->ask(b->s, &a, on_answer, &g), ML_NOT_FOUND);
  assert_int_equal(b->s->bundle(b->s, b->hash, NULL, 0), ML_OK);   /* forget */
  memcpy(a.bundle, b->hash, 32);
  assert_int_equal(b->s->ask(b->s, &a, on_answer, &g), ML_NOT_FOUND);
  assert_int_equal(b->s->bundle(b->s, b->hash, b->src, b->src_n), ML_OK);
  ask(b, "x", 1, 0, &g);
  turn_until(b, 1);
  right(&g, "x", 1);
}

static void more_bundles_than_a_worker_keeps(void **state) {
  enum { N = 100, ROUNDS = 2 };
  static got g[N * ROUNDS];
  BENCH;
  int i, k = 0, round;

  begin(b, (ml_host_conf){.workers = 2});
  for (i = 0; i < N; i++) {
    b->hash[1] = (uint8_t)(i + 1);
    assert_int_equal(b->s->bundle(b->s, b->hash, b->src, b->src_n), ML_OK);
  }
  for (round = 0; round < ROUNDS; round++)
    for (i = 0; i < N; i++, k++) {
      b->hash[1] = (uint8_t)(i + 1);
      ask(b, "x", k, 0, &g[k]);
    }
  turn_until(b, N * ROUNDS);
  for (i = 0; i < N * ROUNDS; i++)
    right(&g[i], "x", i);
}

/* Gone, or a zombie that nobody has asked for yet. */
static bool is_dead(int pid) {
  char path[64], line[256], state = 'Z';
  const char *after;
  FILE *f;

  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  f = fopen(path, "r");
  if (f == NULL)
    return true;
  if (fgets(line, sizeof line, f) != NULL &&
      (after = strrchr(line, ')')) != NULL)
    state = after[2];
  fclose(f);
  return state == 'Z' || state == 'X';
}

static void nothing_outlives_the_host(void **state) {
  BENCH;
  ml_clock *c = ml_clock_system();
  int64_t end = c->mono_ms(c) + TURNS_MS;
  got g[4];
  int pid[3], i;

  begin(b, (ml_host_conf){.workers = 2, .limits = LONG});
  for (i = 0; i < 4; i++)
    ask(b, i == 0 ? "loop" : "x", i, 0, &g[i]);
  turn_until(b, 3);
  for (i = 0; i < 3; i++) {
    pid[i] = ml_host_pid(b->s, i - 1);
    assert_true(pid[i] > 0);
    assert_false(is_dead(pid[i]));
  }
  ml_host_free(b->s);
  b->s = NULL;
  for (i = 0; i < 3; i++)
    while (!is_dead(pid[i]))
      if (c->mono_ms(c) > end)
        fail_msg("process %d still runs", pid[i]);
}

/* ---- what a worker holds ---- */

/* Does the memory of a process hold these bytes?  -1: it can't be read. */
static int memory_holds(int pid, const char *what) {
  char path[64], line[512];
  unsigned long from, to;
  size_t n = strlen(what), len = 0;
  ssize_t r;
  char *bytes;
  int found = 0, fd;
  FILE *maps;

  snprintf(path, sizeof path, "/proc/%d/mem", pid);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  maps = fopen(path, "r");
  if (fd < 0 || maps == NULL) {
    if (fd >= 0)
      close(fd);
    if (maps != NULL)
      fclose(maps);
    return -1;
  }
  while (!found && fgets(line, sizeof line, maps) != NULL) {
    char mode[8];

    if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[0] != 'r' ||
        to - from > (128ul << 20))
      continue;
    bytes = malloc(to - from);
    r = bytes != NULL ? pread(fd, bytes, to - from, (off_t)from) : 0;
    if (r > 0) {
      len += (size_t)r;
      found = memmem(bytes, (size_t)r, what, n) != NULL;
    }
    free(bytes);
  }
  fclose(maps);
  close(fd);
  return len == 0 ? -1 : found;
}

static int open_descriptors(int pid, int *others) {
  char path[64], link[300], to[256];
  struct dirent *d;
  DIR *dir;
  int n = 0;
  ssize_t len;

  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  dir = opendir(path);
  if (dir == NULL)
    return -1;
  *others = 0;
  while ((d = readdir(dir)) != NULL) {
    if (d->d_name[0] == '.')
      continue;
    snprintf(link, sizeof link, "/proc/%d/fd/%.20s", pid, d->d_name);
    len = readlink(link, to, sizeof to - 1);
    to[len > 0 ? len : 0] = '\0';
    n++;
    if (strncmp(to, "socket:", 7) != 0 &&
        !(ml_jail_is_wide() && strcmp(d->d_name, "2") == 0))
      ++*others;
  }
  closedir(dir);
  return n;
}

static void a_worker_holds_no_secret(void **state) {
  BENCH;
  got g[64];
  char canary[40] = "", path[64], byte;
  ml_buf hex = {0};
  uint8_t key[16];
  int i, others = 0, n, fd, secret_fd;

  ml_rand_system()->bytes(ml_rand_system(), key, sizeof key);
  ml_text_put_hex(&hex, key, sizeof key);
  snprintf(canary, sizeof canary, "%s", hex.p);
  setenv("CANARY", canary, 1);               /* environment, stack, heap */
  secret_fd = open("/dev/null", O_RDONLY);   /* not even close-on-exec */
  begin(b, (ml_host_conf){.workers = 2, .program = "/proc/self/exe"});
  for (i = 0; i < 64; i++)
    ask(b, "x", i, 0, &g[i]);
  turn_until(b, 64);
  assert_int_equal(memory_holds(getpid(), canary), 1);   /* the search works */
  for (i = -1; i < 2; i++) {
    int pid = ml_host_pid(b->s, i);

    assert_true(pid > 0);
    n = memory_holds(pid, canary);
    if (n < 0 && geteuid() == 0)
      fail_msg("the memory of %d cannot be read", pid);
    assert_int_not_equal(n, 1);
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    fd = open(path, O_RDONLY);
    if (fd >= 0) {
      assert_int_equal(read(fd, &byte, 1), 0);
      close(fd);
    }
    n = open_descriptors(pid, &others);
    if (i >= 0 && n >= 0) {
      assert_int_equal(others, 0);
      assert_int_equal(n, ml_jail_is_wide() ? 2 : 1);
    }
  }
  close(secret_fd);
  unsetenv("CANARY");
  ml_buf_free(&hex);
}

/* ---- a worker that lies ---- */

/* What its workers say. */
static void put_lie(ml_buf *b, bool other) {
  ml_answer a = {.id = UINT64_MAX, .end = ML_END_RETURNED, .text = ML_STR("yes")};

  if (other)
    ml_answer_pack(b, &a);
  else
    ml_buf_put(b, "\x05\0\0\0\x01" "abcd\xff\xff\xff\xff", 13);
}

/* A template whose workers answer garbage, or what they were not asked; what it
** is told to kill, it kills. */
static int liar_main(int fd, bool other) {
  ml_tmsg m = {.what = ML_T_READY}, in;
  char space[256];

  send(fd, &m, sizeof m, 0);
  for (;;) {
    struct iovec io = {&in, sizeof in};
    struct msghdr h = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = space,
                       .msg_controllen = sizeof space};
    int fds[2] = {-1, -1};

    if (recvmsg(fd, &h, 0) != (ssize_t)sizeof in)
      return 0;
    m = (ml_tmsg){.what = ML_T_DIED, .serial = in.serial, .status = SIGKILL};
    if (in.what == ML_T_MAKE) {
      memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof fds);
      if (fork() == 0) {
        char q[64];
        ml_buf lie = {0};

        put_lie(&lie, other);
        while (read(fds[0], q, sizeof q) > 0)
          if (write(fds[0], lie.p, lie.len) < 0)
            break;
        _exit(0);
      }
      close(fds[0]);
      close(fds[1]);
      m.what = ML_T_BORN;
      m.pid = 0;
    }
    send(fd, &m, sizeof m, 0);
  }
}

static void liars(void **state, const char *name) {
  BENCH;
  got g[5];
  char self[400], dir[] = "/tmp/mlhostXXXXXX", path[64];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  int i;

  assert_true(n > 0);
  self[n] = '\0';
  assert_non_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s%s", dir, name);
  assert_int_equal(symlink(self, path), 0);
  begin(b, (ml_host_conf){.workers = 2, .program = path});
  for (i = 0; i < 5; i++)
    ask(b, "x", i, 0, &g[i]);
  turn_until(b, 5);
  for (i = 0; i < 5; i++) {
    assert_int_equal(g[i].n, 1);
    assert_int_equal(g[i].rc, ML_LIMIT);
    assert_non_null(strstr(g[i].text, "not well-formed"));
  }
  assert_true(stats(b).killed_frame >= 15);
  unlink(path);
  rmdir(dir);
}

static void a_worker_that_lies_is_killed(void **state) {
  liars(state, LIAR);
}

/* Well-formed, but for a question that it was not asked. */
static void a_worker_that_answers_another_is_killed(void **state) {
  liars(state, OTHER);
}

static void a_program_that_is_not_there(void **state) {
  BENCH;
  ml_err e = {0};
  ml_host_conf conf = {.program = "/nowhere/moonlane"};

  assert_int_equal(ml_host_new(b->loop, &conf, &b->s, &e), ML_IO);
  assert_null(b->s);
  assert_non_null(strstr(e.text, "/nowhere/moonlane"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
    T(many_questions), T(killed_workers_lose_nothing),
    T(a_loop_gets_the_verdict_of_the_count), T(three_hard_kills_are_the_limit),
    T(a_time_of_its_own_is_the_verdict), T(limits_come_from_two_sides),
    T(what_waits_behind_a_long_slice_goes_elsewhere),
    T(a_reserve_is_for_the_others), T(a_flood_of_bundles_leaves_room),
    T(a_worker_serves_one_owner), T(owners_do_not_starve_each_other), T(a_worker_skips_what_was_asked_elsewhere),
    T(three_faults_are_the_limit), T(a_dead_template_is_replaced),
    T(fat_workers_are_recycled), T(bundles_are_known_or_not),
    T(more_bundles_than_a_worker_keeps), T(nothing_outlives_the_host),
    T(a_worker_holds_no_secret),
    T(a_worker_that_lies_is_killed),
    T(a_worker_that_answers_another_is_killed), T(a_program_that_is_not_there),
  };
  const char *as = (const char *)getauxval(AT_EXECFN);

  if (argc > 1 && strcmp(argv[1], ML_TEMPLATE_ARG) == 0) {
    const char *end = as != NULL && strlen(as) > 5 ? as + strlen(as) - 5 : "";

    if (strcmp(end, LIAR) == 0 || strcmp(end, OTHER) == 0)
      return liar_main(ML_TEMPLATE_FD, strcmp(end, OTHER) == 0);
    return ml_template_main(ML_TEMPLATE_FD,
                            argc > 2 &&
                                strcmp(argv[2], ML_TEMPLATE_INSECURE) == 0);
  }
  ml_log_to(2, ML_ERROR_LEVEL);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
