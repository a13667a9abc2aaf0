/* rows.c - the rows, their medians and ratios, the table and the JSON file. */
#include "rows.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"

typedef struct row {
  const char *id, *unit, *what;
  const char *floor;             /* row it is divided by; NULL: none */
  double times;                  /* the floor is taken that often; 0: once */
  bool beside;                   /* the floor is measured anew right before each
                                    value, which is divided by that one */
  const char *goal;              /* of the ratio "r>=0.4", or the value "v<=20" */
  samples got, by;               /* values; with beside: by their floors */
  double last;                   /* value */
} row;

static row rows[] = {
  {.id = "others", .unit = "%",
   .what = "CPU of the machine taken by other programs during the run"},
  {.id = "floor.sqlite", .unit = "wf/s",
   .what = "bare SQLite, the rows of a workflow, 300 transitions a commit"},
  {.id = "floor.sqlite.cpu", .unit = "us/wf", .what = "  its CPU"},
  {.id = "floor.insert", .unit = "proc/s",
   .what = "bare SQLite, a start: process and journal row, 300 a commit"},
  {.id = "floor.sync", .unit = "us", .what = "one sync: a commit of one row, p50"},
  {.id = "floor.sync.p99", .unit = "us", .what = "  p99"},
  {.id = "floor.hops", .unit = "us",
   .what = "a lone workflow's wake-ups, 3 pages, a flush, nothing else, p50"},
  {.id = "floor.hops.p99", .unit = "us", .what = "  p99"},
  {.id = "floor.echo", .unit = "req/s",
   .what = "bare HTTP echo on the same server code, 64 connections"},
  {.id = "floor.echo.one", .unit = "us", .what = "  one connection, p50"},
  {.id = "floor.call", .unit = "call/s",
   .what = "bare HTTP client on the same client code, 16 at once"},
  {.id = "floor.lua", .unit = "us",
   .what = "bare Lua, one activity of W1, JSON in and out, CPU"},
  {.id = "floor.lua.run", .unit = "us", .what = "  the call alone"},

  {.id = "w1.rate", .unit = "wf/s",
   .what = "W1: 4 steps, started over HTTP until all are durable",
   .floor = "floor.sqlite", .beside = true, .goal = "r>=0.4"},
  {.id = "w1.connections", .unit = "", .what = "  connections (the best of a few)"},
  {.id = "w1.cpu.core", .unit = "us/wf",
   .what = "  CPU of the core",
   .floor = "floor.sqlite.cpu", .beside = true},
  {.id = "w1.cpu.workers", .unit = "us/wf",
   .what = "  CPU of the workers",
   .floor = "floor.lua", .times = 4},
  {.id = "w1.cpu.load", .unit = "us/wf", .what = "  CPU of the load generator"},
  {.id = "w1.rss", .unit = "MiB", .what = "  resident, core and workers, sum of RSS"},
  {.id = "w1.pss", .unit = "MiB",
   .what = "  the same, shared pages counted once (PSS)",
   .goal = "v<=40"},
  {.id = "w1.written", .unit = "B/wf", .what = "  bytes written"},
  {.id = "w1.syncs", .unit = "/wf", .what = "  syncs", .goal = "v<=0.5"},
  {.id = "w1.300.p50", .unit = "ms",
   .what = "W1, 300 in flight: start to completed, p50"},
  {.id = "w1.300.p99", .unit = "ms", .what = "  p99", .goal = "v<=15"},
  {.id = "w1.ack.p50", .unit = "us",
   .what = "W1, one at a time: start to acknowledged, p50",
   .floor = "floor.sync", .beside = true},
  {.id = "w1.ack.p99", .unit = "us", .what = "  p99", .floor = "floor.sync", .beside = true},
  {.id = "w1.one.p50", .unit = "us",
   .what = "W1, one at a time: start to completed, p50",
   .floor = "floor.sync", .beside = true, .goal = "r<=2"},
  {.id = "w1.one.p99", .unit = "us",
   .what = "  p99",
   .floor = "floor.sync", .beside = true, .goal = "r<=5"},
  {.id = "w1.one.syncs", .unit = "/wf", .what = "  syncs"},
  {.id = "w1.step.rate", .unit = "wf/s",
   .what = "W1, each step begun when the one before is on disk",
   .floor = "floor.sqlite", .beside = true, .goal = "r>=0.25"},
  {.id = "w1.step.syncs", .unit = "/wf", .what = "  syncs"},
  {.id = "w1.stored", .unit = "", .what = "W1 with processes stored: how many"},
  {.id = "w1.stored.rate", .unit = "wf/s",
   .what = "  rate",
   .floor = "w1.stored.empty", .beside = true, .goal = "r>=0.9"},
  {.id = "w1.stored.empty", .unit = "wf/s",
   .what = "  with an empty store, by turns"},

  {.id = "w2.rate", .unit = "start/s",
   .what = "W2: acknowledged starts of processes that wait for a person",
   .floor = "floor.insert", .beside = true, .goal = "v>=20000"},
  {.id = "w2.connections", .unit = "", .what = "  connections (the best of a few)"},
  {.id = "w2.syncs", .unit = "/start", .what = "  syncs"},
  {.id = "w2.keys.rate", .unit = "start/s",
   .what = "  each with an Idempotency-Key, which is remembered 30 days"},
  {.id = "w3.parked", .unit = "", .what = "W3: processes parked"},
  {.id = "w3.time", .unit = "s", .what = "  time"},
  {.id = "w3.memory", .unit = "B",
   .what = "  memory each (growth of the core after a settling run, whole bytes)",
   .goal = "v<=0"},
  {.id = "w3.disk", .unit = "B", .what = "  disk each", .goal = "v<=1229"},
  {.id = "w3.ready", .unit = "ms", .what = "  ready after kill -9", .goal = "v<=2000"},

  {.id = "w4.rate", .unit = "wf/s",
   .what = "W4: 4 steps with an HTTP call each",
   .floor = "floor.call", .times = 0.25},
  {.id = "w4.cpu", .unit = "us/wf", .what = "  CPU of core and workers"},
  {.id = "w4.syncs", .unit = "/wf", .what = "  syncs"},
  {.id = "w4.one.p50", .unit = "us",
   .what = "  one at a time, p50 (5 syncs at least)",
   .floor = "floor.sync", .times = 5, .beside = true},

  {.id = "w5.timers", .unit = "", .what = "W5: timers waiting, most of them for later"},
  {.id = "w5.rate", .unit = "/s", .what = "  fired a second"},
  {.id = "w5.p50", .unit = "ms", .what = "  lateness, p50"},
  {.id = "w5.p99", .unit = "ms", .what = "  lateness, p99", .goal = "v<=20"},

  {.id = "w6.rate", .unit = "/s",
   .what = "W6: completions a second, as fast as they go"},
  {.id = "w6.complete.p50", .unit = "ms",
   .what = "  at 200 a second and 20 lists a second: completion, p50"},
  {.id = "w6.complete.p99", .unit = "ms", .what = "  completion, p99"},
  {.id = "w6.list.p50", .unit = "ms", .what = "  list of 50 tasks, p50"},
  {.id = "w6.list.p99", .unit = "ms", .what = "  list of 50 tasks, p99"},

  {.id = "w7.activity", .unit = "us",
   .what = "W7: an activity in a sandboxed worker, CPU",
   .floor = "floor.lua"},

  {.id = "w8.bare", .unit = "/s",
   .what = "W8: kintone simulator, bare GET and PUT of a record, 8 at once"},
  {.id = "w8.rate", .unit = "wf/s",
   .what = "  the same as a workflow",
   .floor = "w8.bare"},
  {.id = "w8.bare.one", .unit = "us", .what = "  one at a time: bare GET and PUT, p50"},
  {.id = "w8.one", .unit = "us",
   .what = "  one at a time: the workflow, p50",
   .floor = "w8.bare.one"},

  {.id = "w9.leads", .unit = "", .what = "W9: leads stored (contrib/leads)"},
  {.id = "w9.bare.page", .unit = "ms",
   .what = "  bare SQLite: 50 by two search fields in order, p50"},
  {.id = "w9.page", .unit = "ms",
   .what = "  the same list over HTTP, p50",
   .floor = "w9.bare.page", .goal = "v<=10"},
  {.id = "w9.bare.value", .unit = "us",
   .what = "  bare SQLite: one by a search field, p50"},
  {.id = "w9.value", .unit = "us",
   .what = "  the same list over HTTP, p50",
   .floor = "w9.bare.value", .goal = "v<=1000"},
  {.id = "w9.bare.key", .unit = "us",
   .what = "  bare SQLite: one by its primary key, p50"},
  {.id = "w9.key", .unit = "us",
   .what = "  the same over HTTP, by the key's path, p50",
   .floor = "w9.bare.key", .goal = "v<=1000"},
  {.id = "w9.memory", .unit = "MiB",
   .what = "  the core's memory with them, less its memory without",
   .goal = "v<=16"},
};

enum { ROWS = sizeof rows / sizeof *rows, NOTES = 32, NOTE = 400 };
static char notes[NOTES][NOTE];
static int note_count;

static row *find(const char *id) {
  for (size_t i = 0; i < ROWS; i++)
    if (strcmp(rows[i].id, id) == 0)
      return &rows[i];
  die("there is no row %s", id);
}

void row_put(const char *id, double value) {
  row *r = find(id);

  samples_add(&r->got, value);
  r->last = value;
  if (r->beside) {
    double by = find(r->floor)->last * (r->times > 0 ? r->times : 1);

    if (by <= 0)
      die("%s has a value before its floor", id);
    samples_add(&r->by, value / by);
  }
}

double row_median(const char *id) {
  return samples_at(&find(id)->got, 0.5);
}

void row_note(const char *fmt, ...) {
  va_list ap;

  if (note_count == NOTES)
    return;
  va_start(ap, fmt);
  vsnprintf(notes[note_count++], NOTE, fmt, ap);
  va_end(ap);
}

/* ---- what follows from the values ---- */

/* Half of the way from the least to the most, in percent of the median. */
static double spread(row *r) {
  double m = samples_at(&r->got, 0.5);

  return m == 0 ? 0 : (samples_at(&r->got, 1) - samples_at(&r->got, 0)) / 2 /
                          m * 100;
}

static bool ratio(row *r, double *out) {
  double by;

  if (r->floor == NULL || r->got.n == 0)
    return false;
  if (r->beside) {
    *out = samples_at(&r->by, 0.5);
    return true;
  }
  by = row_median(r->floor) * (r->times > 0 ? r->times : 1);
  *out = by > 0 ? samples_at(&r->got, 0.5) / by : 0;
  return by > 0;
}

/* 1: reached, 0: missed, -1: there is none, or nothing to judge. */
static int reached(row *r) {
  double want, is = samples_at(&r->got, 0.5);

  if (r->goal == NULL || r->got.n == 0 ||
      (r->goal[0] == 'r' && !ratio(r, &is)) ||
      sscanf(r->goal + 3, "%lf", &want) != 1)
    return -1;
  return r->goal[1] == '>' ? is >= want : is <= want;
}

/* ---- the table ---- */

static void number(char out[24], double v) {
  double a = v < 0 ? -v : v;

  if (a >= 1000 || v == (double)(int64_t)v)
    snprintf(out, 24, "%.0f", v);
  else
    snprintf(out, 24, a >= 100 ? "%.0f" : a >= 10 ? "%.1f" : a >= 1 ? "%.2f"
                                                             : "%.3f", v);
}

static void print_row(row *r) {
  char value[24], by[24] = "", wide[24] = "", goal[32] = "";
  double q;
  int is = reached(r);

  if (r->got.n == 0)
    return;
  number(value, samples_at(&r->got, 0.5));
  if (r->got.n > 1)
    snprintf(wide, sizeof wide, "+-%.0f %%", spread(r));
  if (ratio(r, &q))
    number(by, q);
  if (is >= 0)
    snprintf(goal, sizeof goal, "%s %s %s", r->goal[1] == '>' ? ">=" : "<=",
             r->goal + 3, is ? "yes" : "NO");
  printf("| %-72s | %8s %-7s | %-8s | %6s %-16s | %-13s |\n", r->what, value,
         r->unit, wide, by, by[0] != '\0' ? r->floor : "", goal);
}

void rows_print(void) {
  printf("| %-72s | %-16s | %-8s | %-23s | %-13s |\n", "row", "median",
         "spread", "ratio to", "goal");
  printf("|%.74s|%.18s|%.10s|%.25s|%.15s|\n",
         "--------------------------------------------------------------------------",
         "------------------", "----------", "-------------------------",
         "---------------");
  for (size_t i = 0; i < ROWS; i++)
    print_row(&rows[i]);
  for (int i = 0; i < note_count; i++)
    printf("\n%s\n", notes[i]);
  fflush(stdout);
}

/* ---- the file ---- */

/* The text behind "name :" in the first such line of a file of the kernel. */
static void line_of(const char *path, const char *name, char *out, size_t size) {
  ml_buf b = {0};
  const char *p;

  read_file(path, &b);
  p = b.p != NULL ? strstr(b.p, name) : NULL;
  p = p != NULL ? strchr(p, ':') : NULL;
  snprintf(out, size, "%s", p != NULL ? p + 1 + strspn(p + 1, " \t") : "?");
  out[strcspn(out, "\n")] = '\0';
  ml_buf_free(&b);
}

/* The file system of the current folder: "ext4 on /dev/vda1". */
static void disk(char *out, size_t size) {
  char here[PATH_MAX], line[1024], dev[256], at[256], type[64];
  size_t best = 0;
  FILE *f = fopen("/proc/mounts", "re");

  snprintf(out, size, "?");
  while (f != NULL && getcwd(here, sizeof here) != NULL &&
         fgets(line, sizeof line, f) != NULL) {
    size_t n;

    if (sscanf(line, "%255s %255s %63s", dev, at, type) != 3)
      continue;
    n = strlen(at);
    if (strncmp(here, at, n) != 0 || n < best ||
        (n > 1 && here[n] != '/' && here[n] != '\0'))
      continue;
    best = n;
    snprintf(out, size, "%s on %s", type, dev);
  }
  if (f != NULL)
    fclose(f);
}

static void put_machine(ml_jw *w) {
  struct utsname u;
  char text[400];

  uname(&u);
  ml_jw_key(w, "machine");
  ml_jw_obj(w);
  line_of("/proc/cpuinfo", "model name", text, sizeof text);
  ml_jw_kstrz(w, "cpu", text);
  ml_jw_kint(w, "cores", sysconf(_SC_NPROCESSORS_ONLN));
  line_of("/proc/meminfo", "MemTotal", text, sizeof text);
  ml_jw_kstrz(w, "memory", text);
  disk(text, sizeof text);
  ml_jw_kstrz(w, "disk", text);
  ml_jw_kstrz(w, "kernel", u.release);
  ml_jw_kstrz(w, "sqlite", sqlite3_libversion());
  ml_jw_end(w);
}

static void put_row(ml_jw *w, row *r) {
  double q;
  int is = reached(r);

  if (r->got.n == 0)
    return;
  ml_jw_key(w, r->id);
  ml_jw_obj(w);
  ml_jw_kstrz(w, "what", r->what + strspn(r->what, " "));
  ml_jw_kstrz(w, "unit", r->unit);
  ml_jw_key(w, "median");
  ml_jw_real(w, samples_at(&r->got, 0.5));
  ml_jw_key(w, "values");
  ml_jw_arr(w);
  for (size_t i = 0; i < r->got.n; i++)
    ml_jw_real(w, r->got.v[i]);
  ml_jw_end(w);
  if (ratio(r, &q)) {
    ml_jw_kstrz(w, "floor", r->floor);
    ml_jw_key(w, "ratio");
    ml_jw_real(w, q);
  }
  if (is >= 0) {
    ml_jw_kstrz(w, "goal", r->goal);
    ml_jw_kbool(w, "reached", is == 1);
  }
  ml_jw_end(w);
}

void rows_json(const char *path, double seconds) {
  ml_buf b = {0};
  ml_jw w;
  char date[32];
  time_t now = time(NULL);
  FILE *f;

  strftime(date, sizeof date, "%Y-%m-%d", gmtime(&now));
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "date", date);
  ml_jw_key(&w, "seconds");
  ml_jw_real(&w, seconds);
  put_machine(&w);
  ml_jw_key(&w, "rows");
  ml_jw_obj(&w);
  for (size_t i = 0; i < ROWS; i++)
    put_row(&w, &rows[i]);
  ml_jw_end(&w);
  ml_jw_key(&w, "notes");
  ml_jw_arr(&w);
  for (int i = 0; i < note_count; i++)
    ml_jw_strz(&w, notes[i]);
  ml_jw_end(&w);
  ml_jw_end(&w);
  ml_buf_putc(&b, '\n');
  f = fopen(path, "we");
  if (b.bad || f == NULL || fwrite(b.p, 1, b.len, f) != b.len ||
      fclose(f) != 0)
    die("%s cannot be written: %s", path, strerror(errno));
  ml_buf_free(&b);
}
