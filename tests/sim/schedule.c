/*
** schedule.c - each moment of a schedule starts at most one process, none early;
** the next one is where the rule for missed ones puts it.
*/
#include "sim/schedule.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "run/inside.h"
#include "store/sqlite.h"

enum { HOUR_MS = 3600000, DAY_MS = 24 * HOUR_MS, LATE_MS = 60000 };

typedef struct plan {
  const char *name;
  int64_t period_ms;
  bool skip;                   /* what was missed is left out */
} plan;
static const plan plans[] = {{"hourly", HOUR_MS, false}, {"noon", DAY_MS, true}};

typedef struct occurrence { int64_t n, due_ms; } occurrence;

/* "schedule/hourly/2026-03-01T01:00:00Z": its moment; -1: it is none. */
static int64_t moment_of(const char *identity) {
  const char *last = identity != NULL ? strrchr(identity, '/') : NULL;
  int64_t ms;

  if (last == NULL || ml_text_moment(ml_str_of(last + 1), &ms, NULL) != ML_OK)
    return -1;
  return ms;
}

/* In the order of the processes they started. */
static size_t read_occurrences(world *w, const plan *p, occurrence *list,
                               size_t max) {
  sqlite3_stmt *st = NULL;
  size_t n = 0;

  if (sqlite3_prepare_v2(w->store->writer.db, "SELECT n, identity FROM occurrence"
                         " WHERE workflow = 'tick' AND identity LIKE"
                         " 'schedule/' || ? || '/%' ORDER BY n", -1, &st, NULL) != SQLITE_OK)
    world_fault(w, "the occurrences cannot be read");
  sqlite3_bind_text(st, 1, p->name, -1, SQLITE_STATIC);
  while (n < max && sqlite3_step(st) == SQLITE_ROW) {
    list[n].n = sqlite3_column_int64(st, 0);
    list[n++].due_ms = moment_of((const char *)sqlite3_column_text(st, 1));
  }
  sqlite3_finalize(st);
  return n;
}

/* As the engine has it: its row may say an older one when it could not be
** written, and is worked out again at a start.  0: it has none. */
static int64_t due_of(world *w, const plan *p) {
  const trigger *t = trigger_named(w->run, ML_STR("tick"), ml_str_of(p->name));

  return t == NULL ? 0 : t->wait_ms > t->due_ms ? t->wait_ms : t->due_ms;
}

/* The first moment of the plan after `ms`; `of` is one of them. */
static int64_t next_after(const plan *p, int64_t of, int64_t ms) {
  int64_t past = (ms - of) % p->period_ms;

  return ms - past + (past < 0 ? 0 : p->period_ms);
}

static void check_one(world *w, const plan *p, const occurrence *o,
                      const tick *t) {
  if (t->created_ms < o->due_ms)
    world_fault(w, "%s: process %lld is %lld ms early", p->name, (long long)t->n,
                (long long)(o->due_ms - t->created_ms));
  if (p->skip && t->created_ms - o->due_ms > LATE_MS)
    world_fault(w, "%s: process %lld was started %lld ms late, and was to be "
                "left out", p->name, (long long)t->n,
                (long long)(t->created_ms - o->due_ms));
}

/* With a clock that only goes forward: what is missed is caught up once, so the
** next start is for the first moment behind the one before. */
static void check_next(world *w, const plan *p, const occurrence *o,
                       const tick *t, const occurrence *before,
                       const tick *started) {
  int64_t want = next_after(p, before->due_ms, started->created_ms);

  if (w->turned_back > 0)
    return;
  if (p->skip ? o->due_ms < want : o->due_ms != want)
    world_fault(w, "%s: process %lld is for %lld, the one before was started at "
                "%lld: %lld is next", p->name, (long long)t->n,
                (long long)o->due_ms, (long long)started->created_ms,
                (long long)want);
}

/* There is a next moment, and it is the next one. */
static void check_due(world *w, const plan *p) {
  int64_t due = due_of(w, p), now = w->clock.wall;

  if (due == 0 || due > now + p->period_ms || due < now)
    world_fault(w, "%s: its next moment is %lld, now it is %lld", p->name,
                (long long)due, (long long)now);
}

static void check_plan(world *w, const plan *p, const tick *list, size_t count) {
  occurrence *o = calloc(count + 2, sizeof *o);
  const tick *before = NULL;
  size_t n, k = 0;

  if (o == NULL)
    abort();
  n = read_occurrences(w, p, o, count + 2);
  for (size_t i = 0; i < count; i++) {
    const tick *t = &list[i];

    if (strcmp(t->plan, p->name) != 0)
      continue;
    if (k >= n || o[k].n != t->n || o[k].due_ms <= 0) {
      world_fault(w, "%s: process %lld is for no moment of its own", p->name,
                  (long long)t->n);
      break;
    }
    check_one(w, p, &o[k], t);
    if (before != NULL)
      check_next(w, p, &o[k], t, &o[k - 1], before);
    before = t;
    k++;
  }
  if (k < n)
    world_fault(w, "%s: %zu moments are said to have started a process, %zu "
                "have", p->name, n, k);
  free(o);
}

void schedule_check(world *w, const tick *list, size_t count, bool whole) {
  for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
    check_plan(w, &plans[i], list, count);
    if (whole && w->clocked)
      check_due(w, &plans[i]);
  }
  if (count > 0 && !w->clocked)
    world_fault(w, "a schedule that is held back started a process");
}
