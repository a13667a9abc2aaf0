/*
** row_w2.c - processes that wait for a person: how fast they are accepted
** (W2), what they cost while they wait (W3), how they are found and done (W6).
*/
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "floors.h"
#include "rows.h"
#include "work.h"

enum { CONNECTIONS = 64, WARM = 10000, STARTS = 30000, SETTLE = 100000, QUICK = 4000, RATE = 220, MIX = 11,
       SECONDS = 5, ID = 64 };

/* ---- W2 ---- */

/* How many at once are accepted quickest. */
static int best_connections(starts *s) {
  static const int ways[] = {64, 128, 256};
  double best = 0;
  int found = ways[0];

  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    load_conf c = {.connections = ways[i], .total = WARM};
    load_out o;
    cost k;

    work_run(&c, s, &k, &o);
    if ((double)k.done / o.seconds > best) {
      best = (double)k.done / o.seconds;
      found = ways[i];
    }
    load_out_free(&o);
  }
  return found;
}

/* The lane's member stands in: one that nobody is in takes no task. */
static void add_member(const engine *e) {
  ml_buf answer = {0};

  engine_ask(e, "PUT", "/v1/users/kim",
             "{\"name\":\"Kim\",\"email\":\"kim@example.com\","
             "\"lanes\":[\"park/desk\"],\"active\":true}", &answer);
  ml_buf_free(&answer);
}

static void check_parked(void *arg, const ml_json *process) {
  const ml_json *tasks = ml_json_get(process, "tasks");

  (void)arg;
  if (!ml_str_is(ml_json_str(process, "run"), "Running") || tasks == NULL ||
      tasks->count != 1)
    die("a parked process does not wait with one task");
}

static void all_wait(const engine *e, const starts *s) {
  size_t open = work_count(e, "park", "OPEN", check_parked, NULL);

  if (open != s->first)
    die("%zu starts were acknowledged, %zu processes wait", s->first, open);
}

/* Gives the number of connections that was quickest. */
static int accepted(const amount *a) {
  engine e = {0};
  starts s = {.e = &e, .workflow = "park"};
  load_conf c = {0};
  load_out o;
  cost k;

  engine_start(&e, "w2", false);
  add_member(&e);
  c.connections = best_connections(&s);
  row_put("w2.connections", c.connections);
  c.total = STARTS / (size_t)a->repeat;
  for (int i = 0; i < a->repeat; i++) {
    floor_sqlite();
    work_run(&c, &s, &k, &o);
    row_put("w2.rate", (double)k.done / o.seconds);
    row_put("w2.syncs", k.syncs / (double)k.done);
    load_out_free(&o);
  }
  all_wait(&e, &s);
  engine_forget(&e);
  return c.connections;
}

/* ---- W3 ---- */

/* First so many that the caches are full: what then grows, grows for ever. */
/* What is kept of a process is a pointer at least; a page more or less of the
** heap's own, over tens of thousands, is not. */
static double memory_each(const usage *before, const usage *after, size_t n) {
  return round((after->core_own_kib - before->core_own_kib) * 1024 / (double)n);
}

static void park(engine *e, starts *s, int connections, const amount *a) {
  load_conf c = {.connections = connections, .total = SETTLE};
  usage before, after;
  double seconds = 0;
  size_t parked;
  load_out o;
  cost k;

  work_run(&c, s, &k, &o);
  load_out_free(&o);
  parked = s->first;
  c.total = a->parked / (size_t)a->repeat;
  for (int i = 0; i < a->repeat; i++) {
    floor_sqlite();
    usage_of(e->pid, true, &before);
    work_run(&c, s, &k, &o);
    usage_of(e->pid, true, &after);
    row_put("w2.keys.rate", (double)k.done / o.seconds);
    row_put("w3.memory", memory_each(&before, &after, k.done));
    seconds += k.seconds;
    load_out_free(&o);
  }
  row_put("w3.parked", (double)(s->first - parked));
  row_put("w3.time", seconds);
}

static double stored(engine *e) {
  char log[310];

  engine_end(e);
  snprintf(log, sizeof log, "%s-wal", e->db);
  return file_bytes(e->db) + file_bytes(log);
}

static void parked(engine *e, starts *s, int connections, const amount *a) {
  double empty;

  engine_start(e, "w3", false);
  add_member(e);
  empty = stored(e);
  engine_start(e, "w3", true);
  park(e, s, connections, a);
  for (int i = 0; i < a->repeat; i++) {
    engine_kill(e);
    row_put("w3.ready", (double)engine_start(e, "w3", true) / 1000);
  }
  row_put("w3.disk", (stored(e) - empty) / (double)s->first);
  engine_start(e, "w3", true);
}

/* ---- W6 ---- */

typedef struct inbox {
  const engine *e;
  char (*ids)[ID];
  size_t count, cap, taken;
} inbox;

static bool keep_id(void *arg, const ml_json *task) {
  inbox *b = arg;
  ml_str id = ml_json_str(task, "id");

  if (id.n == 0 || id.n >= ID)
    die("a task has no id");
  snprintf(b->ids[b->count++], ID, "%.*s", (int)id.n, id.p);
  return b->count < b->cap;
}

static void make_complete(inbox *b, ml_buf *out) {
  static const char body[] =
      "{\"outcome\":\"yes\",\"data\":{\"note\":\"seen\"},\"as\":\"kim\"}";
  char path[ID + 32];

  if (b->taken == b->count)
    die("the tasks ran out");
  snprintf(path, sizeof path, "/v1/tasks/%s/complete", b->ids[b->taken++]);
  load_request(out, "POST", path, b->e->token, NULL, body, sizeof body - 1);
}

static void complete(void *arg, size_t i, ml_buf *out) {
  (void)i;
  make_complete(arg, out);
}

static void complete_or_list(void *arg, size_t i, ml_buf *out) {
  inbox *b = arg;

  if (i % MIX == MIX - 1)
    load_request(out, "GET", "/v1/tasks?as=kim&mine=1&limit=50", b->e->token,
                 NULL, NULL, 0);
  else
    make_complete(b, out);
}

static void no_refusals(const load_out *o) {
  if (o->wrong > 0)
    die("%zu requests for tasks were refused, with status %d", o->wrong,
        o->wrong_status);
}

static void at_a_rate(inbox *b) {
  load_conf c = {.port = b->e->port, .connections = 32, .rate = RATE,
                 .total = RATE * SECONDS, .make = complete_or_list, .arg = b};
  samples done = {0}, lists = {0};
  load_out o;

  load_run(&c, &o);
  no_refusals(&o);
  for (size_t i = 0; i < c.total; i++)
    samples_add(i % MIX == MIX - 1 ? &lists : &done, o.us[i] / 1000);
  row_put("w6.complete.p50", samples_at(&done, 0.5));
  row_put("w6.complete.p99", samples_at(&done, 0.99));
  row_put("w6.list.p50", samples_at(&lists, 0.5));
  row_put("w6.list.p99", samples_at(&lists, 0.99));
  samples_free(&done);
  samples_free(&lists);
  load_out_free(&o);
}

static void as_fast_as_they_go(inbox *b, int repeat) {
  for (int i = 0; i < repeat; i++) {
    load_conf c = {.port = b->e->port, .connections = CONNECTIONS,
                   .total = (size_t)(QUICK / repeat), .make = complete,
                   .arg = b};
    load_out o;

    load_run(&c, &o);
    no_refusals(&o);
    row_put("w6.rate", (double)o.answered / o.seconds);
    load_out_free(&o);
  }
}

static void tasks(const engine *e, const amount *a) {
  inbox b = {.e = e, .cap = QUICK + RATE * SECONDS};
  size_t done;

  b.ids = need(calloc(b.cap, ID));
  engine_list(e, "/v1/tasks?status=OPEN&limit=200", keep_id, &b);
  at_a_rate(&b);
  as_fast_as_they_go(&b, a->repeat);
  engine_settle(e);
  done = work_count(e, "park", "COMPLETED", NULL, NULL);
  if (done != b.taken)
    die("%zu tasks were completed, %zu processes are", b.taken, done);
  free(b.ids);
}

void row_w2(const amount *a) {
  engine e = {0};
  starts s = {.e = &e, .workflow = "park", .keys = true};

  parked(&e, &s, accepted(a), a);
  all_wait(&e, &s);
  tasks(&e, a);
  engine_forget(&e);
}
