/*
** check_sandbox.c - every case of tests/sandbox/cases in real script workers,
** as `make check-sandbox` runs it.  (The program is its own template.)
**
** First each case alone, with the limits of an activity, in a host that works
** as in `serve`: a table of class, units, time and whether a worker had to be
** killed for it.  Then a thousand hostile slices, four at a time, with small
** limits.  Beside both a heartbeat: a good activity asked every 20 ms, whose
** time from question to answer is an upper bound of its start delay.
**
** The gate: each case ends in the class its first line names; at most ten end
** by the kill of a worker, and none that is a loop in plain Lua; this process
** (the core's side) grows by less than 8 MiB over the thousand; the 99th
** percentile of the heartbeat's delay is under 250 ms.  A sanitizer build
** keeps freed memory and is slow: there growth and delay are shown only, and the
** hard clock is ten times as long, so that units decide and not the build.
**
**   check_sandbox                 the whole
**   check_sandbox WORD            only the cases with WORD in their name, alone
*/
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"
#include "run/library.h"
#include "script/host.h"
#include "script/jail.h"
#include "script/template.h"

#define FOLDER "tests/sandbox/cases"

enum {
  CASES_MAX = 400, CASES_LEAST = 120, LIBRARY_MAX = 64, SOURCE_MAX = 64 << 10,
  HOSTILE = 1000, AT_A_TIME = 4, HOSTILE_UNITS = 1000000, HOSTILE_SOFT_MS = 20,
  WARM = 100,
  KILLS_MOST = 10, GROWTH_MOST = 8 << 20, DELAY_MOST_MS = 250,
  BEAT_MS = 20, BEATS_MAX = 100000, BEATS_LEAST = 100, CASE_MOST_MS = 20000,
  /* a sanitizer's build, where time is not judged: three kills and more fit */
  WIDE_HARD_MS = 60000, WIDE_RULE_MS = 6000, WIDE_MOST_MS = 200000
};

typedef struct test_case {
  char name[256], expect[20];
  char *source;
} test_case;

typedef struct outcome {         /* of one question */
  bool over;
  char class[20], text[120];
  uint64_t units;
  int64_t from_ms, ms;
} outcome;

static int64_t case_most_ms = CASE_MOST_MS;   /* until a case must be answered */
static test_case cases[CASES_MAX];
static int case_count;
static ml_loop *loop;
static ml_script *script;
static ml_loop_timer *beat_timer;
static int64_t beat_from[BEATS_MAX], beat_delay[BEATS_MAX];
static int beats, beats_back, beats_wrong;
static const uint8_t beat_bundle[32] = {1};

static int64_t now_ms(void) {
  return ml_clock_system()->mono_ms(ml_clock_system());
}

/* ---- cases ---- */

static int by_name(const void *a, const void *b) {
  return strcmp(((const test_case *)a)->name, ((const test_case *)b)->name);
}

static bool read_case(test_case *c, const char *name) {
  char path[sizeof FOLDER + 256];
  FILE *f;
  size_t n;

  snprintf(c->name, sizeof c->name, "%s", name);
  snprintf(path, sizeof path, FOLDER "/%s", name);
  f = fopen(path, "rb");
  c->source = calloc(1, SOURCE_MAX);
  if (f == NULL || c->source == NULL)
    return false;
  n = fread(c->source, 1, SOURCE_MAX - 1, f);
  fclose(f);
  return n > 0 && sscanf(c->source, "-- expect: %19s", c->expect) == 1;
}

static bool read_cases(void) {
  DIR *d = opendir(FOLDER);
  struct dirent *f;

  if (d == NULL)
    return false;
  while (case_count < CASES_MAX && (f = readdir(d)) != NULL) {
    size_t n = strlen(f->d_name);

    if (n < 5 || n >= sizeof cases[0].name ||
        strcmp(f->d_name + n - 4, ".lua") != 0)
      continue;
    if (!read_case(&cases[case_count++], f->d_name)) {
      fprintf(stderr, "%s does not begin with '-- expect: CLASS'\n", f->d_name);
      closedir(d);
      return false;
    }
  }
  closedir(d);
  qsort(cases, (size_t)case_count, sizeof *cases, by_name);
  return case_count >= CASES_LEAST;
}

static bool is_hostile(const test_case *c) {
  return strcmp(c->expect, "ok") != 0;
}

/* ---- questions ---- */

static const char *class_of(ml_rc rc, ml_end end) {
  if (rc != ML_OK)
    return rc == ML_LIMIT ? "killed" : ml_rc_name(rc);
  switch (end) {
  case ML_END_RETURNED:
    return "ok";
  case ML_END_CPU:
    return "cpu-limit";
  case ML_END_MEMORY:
    return "memory-limit";
  case ML_END_BROKE:
    return "error";
  default:
    return "other";
  }
}

static void answered(void *arg, ml_rc rc, const ml_answer *r) {
  outcome *o = arg;

  o->over = true;
  o->ms = now_ms() - o->from_ms;
  o->units = r->units;
  snprintf(o->class, sizeof o->class, "%s", class_of(rc, r->end));
  snprintf(o->text, sizeof o->text, "%.*s", (int)r->text.n,
           r->text.p != NULL ? r->text.p : "");
}

/* limits: units and ms, 0 for those of an activity. */
static bool ask(const test_case *c, uint64_t units, int64_t soft_ms,
                outcome *o) {
  ml_bounds limits = {{[ML_BOUND_UNITS] = units, [ML_BOUND_TIME] = (uint64_t)soft_ms}};
  ml_source src[LIBRARY_MAX];
  ml_ask q = {.kind = ML_ASK_EVAL, .mode = ML_STR("try"),
              .path = ML_STR("case.lua"), .key = ML_STR("k"), .sources = src,
              .limits = ml_bounds_any(&limits) ? &limits : NULL};

  for (size_t i = 0; i < ml_library_count && i + 1 < LIBRARY_MAX; i++)
    src[q.source_count++] = ml_library[i];
  src[q.source_count++] = (ml_source){ML_STR("case.lua"),
                                      ml_str_of(c->source)};
  memset(o, 0, sizeof *o);
  o->from_ms = now_ms();
  return script->ask(script, &q, answered, o) == ML_OK;
}

/* ---- the heartbeat ---- */

static void beat_back(void *arg, ml_rc rc, const ml_answer *r) {
  int i = (int)((const int64_t *)arg - beat_from);

  beat_delay[i] = now_ms() - beat_from[i];
  beats_back++;
  if (rc != ML_OK || r->end != ML_END_RETURNED || !ml_str_is(r->text, "beat:7"))
    beats_wrong++;
}

static void beat(void *arg) {
  ml_ask q = {.kind = ML_ASK_ATTEMPT, .path = ML_STR("1.1"),
              .mode = ML_STR("run"), .key = ML_STR("k"),
              .data = ML_STR("{\"n\":7}")};

  (void)arg;
  ml_loop_timer_set(beat_timer, BEAT_MS);
  if (beats == BEATS_MAX)
    return;
  memcpy(q.bundle, beat_bundle, sizeof q.bundle);
  beat_from[beats] = now_ms();
  if (script->ask(script, &q, beat_back, &beat_from[beats]) == ML_OK)
    beats++;
}

static int by_size(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

  return (x > y) - (x < y);
}

/* The 99th percentile of what came back, of [from, to). */
static int64_t p99(int from, int to) {
  static int64_t sorted[BEATS_MAX];
  int n = to - from;

  if (n <= 0)
    return 0;
  memcpy(sorted, beat_delay + from, (size_t)n * sizeof *sorted);
  qsort(sorted, (size_t)n, sizeof *sorted, by_size);
  return sorted[(n * 99 + 99) / 100 - 1];
}

static bool beats_begin(void) {
  static const char flow[] =
      "local ml = require 'moonlane'\n"
      "return ml.workflow { 'w', lanes = { l = 'L' },\n"
      "  fields = { { 'n', 'integer' } },\n"
      "  phases = { { 'one', ml.activity { 'a', lane = 'l',\n"
      "    run = function(ctx) return 'beat:' .. ctx.data.n end } } } }\n";
  ml_source src[LIBRARY_MAX];
  size_t n = 0;

  while (n < ml_library_count && n + 1 < LIBRARY_MAX) {
    src[n] = ml_library[n];
    n++;
  }
  src[n++] = (ml_source){ML_STR("workflow.lua"), ml_str_of(flow)};
  beat_timer = ml_loop_timer_new(loop, beat, NULL);
  if (beat_timer == NULL ||
      script->bundle(script, beat_bundle, src, n) != ML_OK)
    return false;
  ml_loop_timer_set(beat_timer, 0);
  return true;
}

/* All heartbeats that were asked are back. */
static void beats_settle(void) {
  ml_loop_timer_stop(beat_timer);
  while (beats_back < beats)
    ml_loop_turn(loop, 100);
}

/* ---- the two parts ---- */

typedef struct totals {
  int wrong, killed, loops_killed;
} totals;

static void one(const test_case *c, totals *t) {
  ml_host_stats before, after;
  outcome o;
  bool killed, right;
  int64_t end = now_ms() + case_most_ms;

  ml_host_stats_get(script, &before);
  if (!ask(c, 0, 0, &o))
    snprintf(o.class, sizeof o.class, "not asked");
  else
    while (!o.over && now_ms() < end)
      ml_loop_turn(loop, 100);
  if (!o.over) {
    fprintf(stderr, "%s was not answered\n", c->name);
    exit(1);                     /* its answer would come to a dead frame */
  }
  ml_host_stats_get(script, &after);
  killed = after.blamed > before.blamed;
  right = strcmp(o.class, c->expect) == 0;
  t->wrong += !right;
  t->killed += killed;
  t->loops_killed += killed && strcmp(c->expect, "cpu-limit") == 0;
  printf("%-32s %-13s %-13s %9llu %5lld %s%s%s\n", c->name, o.class, c->expect,
         (unsigned long long)o.units, (long long)o.ms, killed ? "killed" : "-",
         right ? "" : "  WRONG: ", right ? "" : o.text);
}

static long resident(void) {
  long total, pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");

  if (f == NULL || fscanf(f, "%ld %ld", &total, &pages) != 2)
    pages = 0;
  if (f != NULL)
    fclose(f);
  return pages * sysconf(_SC_PAGESIZE);
}

/* `n` hostile slices, some at a time; false: one was not answered. */
static bool many(int n) {
  static outcome o[AT_A_TIME];
  int asked = 0, done = 0, next = 0;
  int64_t last = now_ms();
  bool open[AT_A_TIME] = {false};

  while (done < n) {
    for (int i = 0; i < AT_A_TIME; i++) {
      if (open[i] && o[i].over) {
        open[i] = false;
        done++;
        last = now_ms();
      }
      if (open[i] || asked == n)
        continue;
      while (!is_hostile(&cases[next % case_count]))
        next++;
      open[i] = ask(&cases[next++ % case_count], HOSTILE_UNITS, HOSTILE_SOFT_MS,
                    &o[i]);
      asked += open[i];
    }
    if (now_ms() > last + case_most_ms)
      return false;
    ml_loop_turn(loop, 100);
  }
  return true;
}

/* ---- the verdict ---- */

static int failures;

static void gate(bool good, bool judged, const char *fmt, long value, long most) {
  printf("%s ", good ? "good:" : judged ? "NOT GOOD:" : "not judged here:");
  printf(fmt, value, most);
  putchar('\n');
  failures += !good && judged;
}

static void part_alone(const char *word, totals *t) {
  printf("%-32s %-13s %-13s %9s %5s %s\n", "case", "class", "expected", "units",
         "ms", "killed");
  for (int i = 0; i < case_count; i++)
    if (word == NULL || strstr(cases[i].name, word) != NULL)
      one(&cases[i], t);
}

static int check_some(const char *word) {
  totals t = {0};

  part_alone(word, &t);
  beats_settle();
  return t.wrong + t.loops_killed == 0 ? 0 : 1;
}

static int check(void) {
  totals t = {0};
  long before, growth;
  int alone;
  bool plain = !ml_jail_is_wide(), all;

  part_alone(NULL, &t);
  alone = beats_back;
  all = many(WARM);
  before = resident();
  all = all && many(HOSTILE);
  growth = resident() - before;
  if (!all) {
    printf("NOT GOOD: a hostile slice was not answered\n");
    exit(1);
  }
  beats_settle();
  printf("\n");
  gate(t.wrong == 0, true, "%ld cases ended otherwise than expected (%ld)",
       t.wrong, 0);
  gate(t.killed <= KILLS_MOST, true, "%ld ended by the kill of a worker "
       "(at most %ld)", t.killed, KILLS_MOST);
  gate(t.loops_killed == 0, true, "%ld of those are loops in plain Lua (%ld)",
       t.loops_killed, 0);
  gate(growth < GROWTH_MOST, plain, "the core grew by %ld bytes over the "
       "hostile slices (under %ld)", growth, GROWTH_MOST);
  gate(beats >= BEATS_LEAST && beats_wrong == 0, true,
       "%ld heartbeats were wrong (%ld)", beats_wrong, 0);
  gate(p99(0, alone) < DELAY_MOST_MS, plain, "beside one case: p99 of the "
       "heartbeat's delay %ld ms (under %ld)", (long)p99(0, alone),
       DELAY_MOST_MS);
  gate(p99(alone, beats) < DELAY_MOST_MS, plain, "beside four hostile slices: "
       "p99 of the heartbeat's delay %ld ms (under %ld)",
       (long)p99(alone, beats), DELAY_MOST_MS);
  printf("%d cases, %d wrong, %d killed; %d hostile slices; %d heartbeats; "
         "%d gates failed\n", case_count, t.wrong, t.killed, HOSTILE, beats,
         failures);
  return failures == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
  ml_host_conf conf = {.workers = 2};
  ml_err e = {0};
  int code = 1;

  if (argc > 1 && strcmp(argv[1], ML_TEMPLATE_ARG) == 0)
    return ml_template_main(ML_TEMPLATE_FD,
                            argc > 2 &&
                                strcmp(argv[2], ML_TEMPLATE_INSECURE) == 0);
  for (int i = 0; ml_jail_is_wide() && i < ML_ASK_COUNT; i++)
    conf.hard_ms[i] = i == ML_ASK_RULE ? WIDE_RULE_MS : WIDE_HARD_MS;
  if (ml_jail_is_wide())
    case_most_ms = WIDE_MOST_MS;
  setvbuf(stdout, NULL, _IOLBF, 0);
  ml_log_to(2, ML_ERROR_LEVEL);
  if (!read_cases())
    fprintf(stderr, "fewer than %d cases in " FOLDER "\n", CASES_LEAST);
  else if (ml_loop_new(NULL, &loop) != ML_OK ||
           ml_host_new(loop, &conf, &script, &e) != ML_OK)
    fprintf(stderr, "the host does not start: %s\n", e.text);
  else if (!beats_begin())
    fprintf(stderr, "the heartbeat does not start\n");
  else
    code = argc > 1 ? check_some(argv[1]) : check();
  ml_loop_timer_free(beat_timer);
  ml_host_free(script);
  ml_loop_free(loop);
  while (case_count > 0)
    free(cases[--case_count].source);
  return code;
}
