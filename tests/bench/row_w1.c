/*
** row_w1.c - W1: four automatic steps, and W7, which follows from it.
**
** Throughput is from the first request until the last workflow is completed
** and on disk; then all results are read back over HTTP, looked at and counted.
*/
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "floors.h"
#include "rows.h"
#include "work.h"

enum { TRY_MS = 400, TRIES = 3, ONE_RATE = 200, FLIGHT = 300, RESULT = 100 };

typedef struct way {             /* of starting */
  int connections;
  bool wait;
} way;

/* ---- results ---- */

typedef struct seen {
  unsigned char *of;             /* by count */
  size_t n;
} seen;

/* Step n gives eight digits, then 92 bytes of the text from its n-th on. */
static void check_result(void *arg, const ml_json *process) {
  seen *s = arg;
  const ml_json *d = ml_json_get(process, "data");
  int64_t count = ml_json_int(d, "count", -1), sum = 0;
  char name[16], want[2 * RESULT];

  if (count < 0 || (size_t)count >= s->n || s->of[count]++ != 0)
    die("a workflow with count %lld was not started, or is there twice",
        (long long)count);
  for (const char *p = WORD; *p != '\0'; p++)
    sum += *p;
  for (int n = 1; n <= 4; n++) {
    snprintf(name, sizeof name, "r%d", n);
    snprintf(want, sizeof want, "%08lld%.92s", (long long)(count + n + sum),
             work_text() + n - 1);
    if (!ml_str_is(ml_json_str(d, name), want))
      die("workflow %lld has a wrong result in %s", (long long)count, name);
  }
}

static void read_back(const engine *e, size_t started) {
  seen s = {need(calloc(started, 1)), started};
  int64_t from = now_us();
  size_t n = work_count(e, "four", "COMPLETED", check_result, &s);

  if (n != started)
    die("%zu workflows were acknowledged, %zu are completed", started, n);
  say("  %zu results read back and compared, %.1f s", n,
      (double)(now_us() - from) / 1e6);
  free(s.of);
}

/* ---- throughput ---- */

static double rate_of(starts *s, way w, int64_t ms, cost *out) {
  load_conf c = {.connections = w.connections, .ms = ms};
  load_out o;

  s->wait = w.wait;
  work_run(&c, s, out, &o);
  load_out_free(&o);
  return (double)out->done / out->seconds;
}

/* Each is tried some times, by turns: an hour of a virtual machine has good and
** bad seconds. */
static way best_way(starts *s) {
  static const way ways[] = {{32, false}, {64, false}, {128, false}, {64, true},
                             {256, true}, {600, true}};
  enum { WAYS = sizeof ways / sizeof *ways };
  double rates[WAYS] = {0};
  size_t best = 0;

  for (int n = 0; n < TRIES * WAYS; n++) {
    cost c;

    rates[n % WAYS] += rate_of(s, ways[n % WAYS], TRY_MS, &c) / TRIES;
  }
  for (size_t i = 0; i < WAYS; i++) {
    say("  %3d connections, %s: %.0f wf/s", ways[i].connections,
        ways[i].wait ? "answered when completed" : "answered when started",
        rates[i]);
    if (rates[i] > rates[best])
      best = i;
  }
  return ways[best];
}

static void put_cost(const cost *c) {
  double n = (double)c->done;

  row_put("w1.cpu.core", c->used.core_cpu_us / n);
  row_put("w1.cpu.workers", c->used.worker_cpu_us / n);
  row_put("w1.cpu.load", c->load_cpu_us / n);
  row_put("w1.rss", c->used.rss_kib / 1024);
  row_put("w1.pss", c->used.pss_kib / 1024);
  row_put("w1.written", c->used.written / n);
  row_put("w1.syncs", c->syncs / n);
  row_put("w7.activity", c->used.worker_cpu_us / n / 4);
}

static void throughput(starts *s, way w, const amount *a) {
  for (int i = 0; i < a->repeat; i++) {
    cost c;

    floor_sqlite();
    row_put("w1.rate", rate_of(s, w, a->ms, &c));
    put_cost(&c);
  }
  row_put("w1.connections", w.connections);
  row_note("W1 was quickest with %d connections, each start %s.", w.connections,
           w.wait ? "answered when the workflow is completed"
                  : "answered when it is on disk");
}

/* ---- latency ---- */

static void in_flight(starts *s, const amount *a) {
  for (int i = 0; i < a->repeat; i++) {
    load_conf c = {.connections = FLIGHT, .ms = a->ms / 2};
    load_out o;
    cost k;

    s->wait = true;
    work_run(&c, s, &k, &o);
    row_put("w1.300.p50", work_time(&o, 0.5) / 1000);
    row_put("w1.300.p99", work_time(&o, 0.99) / 1000);
    load_out_free(&o);
  }
}

static void one_at_a_time(starts *s, const amount *a) {
  for (int i = 0; i < a->repeat; i++) {
    load_conf c = {.connections = 1, .ms = a->ms};
    load_out o;
    cost k;

    floor_sync();
    floor_hops();
    s->wait = true;
    work_run(&c, s, &k, &o);
    row_put("w1.one.p50", work_time(&o, 0.5));
    row_put("w1.one.p99", work_time(&o, 0.99));
    row_put("w1.one.syncs", k.syncs / (double)k.done);
    load_out_free(&o);
    s->wait = false;             /* each when the one before has ended */
    c.rate = ONE_RATE;
    c.from_sent = true;
    work_run(&c, s, &k, &o);
    row_put("w1.ack.p50", work_time(&o, 0.5));
    row_put("w1.ack.p99", work_time(&o, 0.99));
    load_out_free(&o);
  }
}

/* ---- with many stored ---- */

static int64_t number(sqlite3 *db, const char *sql) {
  sqlite3_stmt *st = NULL;
  int64_t v;

  if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK ||
      sqlite3_step(st) != SQLITE_ROW)
    die("the store cannot be read: %s", sqlite3_errmsg(db));
  v = sqlite3_column_int64(st, 0);
  sqlite3_finalize(st);
  return v;
}

/* The rows of a table whose `key` is `last` at most once more, under keys that
** are `add` higher. */
static void copy_rows(sqlite3 *db, const char *table, const char *key,
                      int64_t last, int64_t add) {
  ml_buf sql = {0};
  char ask[96];
  sqlite3_stmt *st = NULL;

  ml_buf_printf(&sql, "INSERT INTO %s SELECT %s + %lld", table, key,
                (long long)add);
  snprintf(ask, sizeof ask, "SELECT name FROM pragma_table_info('%s')"
           " WHERE name <> '%s' ORDER BY cid", table, key);
  if (sqlite3_prepare_v2(db, ask, -1, &st, NULL) != SQLITE_OK)
    die("the store cannot be read: %s", sqlite3_errmsg(db));
  while (sqlite3_step(st) == SQLITE_ROW)
    ml_buf_printf(&sql, ", %s", (const char *)sqlite3_column_text(st, 0));
  sqlite3_finalize(st);
  ml_buf_printf(&sql, " FROM %s WHERE %s <= %lld", table, key, (long long)last);
  if (sql.bad || sqlite3_exec(db, sql.p, NULL, NULL, NULL) != SQLITE_OK)
    die("the store cannot be filled: %s", sqlite3_errmsg(db));
  ml_buf_free(&sql);
}

/* The engine is down: what it has stored is copied until there are that many. */
static size_t fill(const engine *e, size_t wanted) {
  sqlite3 *db = NULL;
  int64_t last, have;

  if (sqlite3_open(e->db, &db) != SQLITE_OK)
    die("%s cannot be opened", e->db);
  last = number(db, "SELECT max(n) FROM process");
  sqlite3_exec(db, "PRAGMA synchronous = OFF; PRAGMA cache_size = -262144",
               NULL, NULL, NULL);
  for (have = last; have < (int64_t)wanted; have += last) {
    sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    copy_rows(db, "process", "n", last, have);
    copy_rows(db, "history", "number", (last << 24) | 0xffffff, have << 24);
    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
  }
  have = number(db, "SELECT count(*) FROM process");
  sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
  sqlite3_close(db);
  return (size_t)have;
}

/* By turns with an engine whose store is empty: the hour is the same for both. */
static void with_stored(engine *e, starts *s, way w, const amount *a) {
  engine f = {0};
  starts empty = {.e = &f, .workflow = "four"};
  size_t have;
  cost c;

  engine_end(e);
  have = fill(e, a->stored);
  say("  %zu processes stored", have);
  engine_start(e, "w1", true);
  engine_start(&f, "w1empty", false);
  row_put("w1.stored", (double)have);
  rate_of(s, w, TRY_MS, &c);                      /* warm, both */
  rate_of(&empty, w, TRY_MS, &c);
  for (int i = 0; i < a->repeat; i++) {
    row_put("w1.stored.empty", rate_of(&empty, w, a->ms, &c));
    row_put("w1.stored.rate", rate_of(s, w, a->ms, &c));
  }
  engine_forget(&f);
}

/* ---- a commit of its own for each step ---- */

static void by_step(const amount *a) {
  engine e = {.by_step = true};
  starts s = {.e = &e, .workflow = "four"};
  cost c;
  way w;

  engine_start(&e, "w1step", false);
  rate_of(&s, (way){64, true}, TRY_MS, &c);
  w = best_way(&s);
  for (int i = 0; i < a->repeat; i++) {
    floor_sqlite();
    row_put("w1.step.rate", rate_of(&s, w, a->ms, &c));
    row_put("w1.step.syncs", c.syncs / (double)c.done);
  }
  read_back(&e, s.first);
  engine_forget(&e);
}

void row_w1(const amount *a) {
  engine e = {0};
  starts s = {.e = &e, .workflow = "four"};
  cost c;
  way best;

  engine_start(&e, "w1", false);
  rate_of(&s, (way){64, true}, TRY_MS, &c);       /* warm */
  best = best_way(&s);
  throughput(&s, best, a);
  in_flight(&s, a);
  one_at_a_time(&s, a);
  read_back(&e, s.first);
  if (a->stored > 0)
    with_stored(&e, &s, best, a);
  engine_forget(&e);
  by_step(a);
}
