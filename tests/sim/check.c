/*
** check.c - the invariants of RELIABILITY.md 4, seen from outside: what is in
** the store against what clients were told and what the peer was sent.
*/
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/process.h"
#include "run/audit.h"
#include "sim/schedule.h"
#include "sim/world.h"
#include "store/sqlite.h"

enum { ROWS_MAX = 4000 };

typedef struct row {
  ml_row_process p;
  ml_row_history *history;
  size_t history_count;
  ml_row_task *tasks;
  size_t task_count;
  int tag;                     /* -1: none */
  const char *plan;            /* the clock started it; or NULL */
  bool child;
} row;

typedef struct look {
  world *w;
  ml_arena arena;
  ml_audit audit;              /* a whole pass, in the same snapshot */
  row *rows;
  size_t count;
  int64_t open, tasks, incidents;
  ml_rc rc;
} look;

static void nothing(void *arg) {
  (void)arg;
}

/* ---- reading everything ---- */

static int tag_of(ml_arena *a, ml_str data, const char *field) {
  ml_json *j = NULL;
  int64_t v;

  if (ml_json_parse(a, data.p, data.n, NULL, &j, NULL) != ML_OK ||
      !ml_text_int(ml_json_str(j, field), &v))
    return -1;
  return (int)v;
}

static const char *plan_of(ml_arena *a, ml_str data) {
  ml_json *j = NULL;
  ml_str s = ML_NOSTR;

  if (ml_json_parse(a, data.p, data.n, NULL, &j, NULL) == ML_OK)
    s = ml_json_str(j, "plan");
  return s.p != NULL ? ml_arena_dup(a, s.p, s.n) : NULL;
}

static void read_row(look *l, ml_read *r, row *x) {
  x->plan = plan_of(&l->arena, x->p.data);
  x->tag = tag_of(&l->arena, x->p.data, "ctag");
  x->child = x->tag >= 0;
  if (!x->child)
    x->tag = tag_of(&l->arena, x->p.data, "tag");
  l->rc = ml_read_history(r, &l->arena, x->p.n, 0, 100000, &x->history,
                          &x->history_count);
  if (l->rc == ML_OK)
    l->rc = ml_read_tasks_of(r, &l->arena, x->p.n, &x->tasks, &x->task_count);
}

static void read_all(void *arg, ml_read *r) {
  look *l = arg;
  ml_find_process f = {.status = -1, .run = -1, .limit = ROWS_MAX};
  ml_row_process *list = NULL;

  l->rc = ml_read_counts(r, &l->open, &l->tasks, &l->incidents);
  if (l->rc == ML_OK)
    l->rc = ml_read_processes(r, &l->arena, &f, &list, &l->count);
  if (l->rc != ML_OK)
    return;
  l->rows = ml_arena_zero(&l->arena, (l->count + 1) * sizeof *l->rows);
  for (size_t i = 0; i < l->count && l->rc == ML_OK; i++) {
    l->rows[i].p = list[i];
    read_row(l, r, &l->rows[i]);
  }
  while (l->rc == ML_OK && !l->audit.over)
    l->rc = ml_audit_piece(&l->audit, r, &l->arena);
}

/* ---- history ---- */

static bool begins(ml_str s, const char *with) {
  size_t n = strlen(with);

  return s.n >= n && memcmp(s.p, with, n) == 0;
}

/* "post.1 200": is this the answer of that call, a good one? */
static bool answers(ml_str text, ml_str call) {
  return text.n > call.n + 1 && memcmp(text.p, call.p, call.n) == 0 &&
         text.p[call.n] == ' ' &&
         (text.p[call.n + 1] == '2' || text.p[call.n + 1] == '3');
}

/* An activity by its number: where it stands after each record. */
typedef struct seen {
  uint32_t no;
  bool began, ended, called;
} seen;

static seen *seen_of(seen *list, size_t *n, size_t max, uint32_t no) {
  for (size_t i = 0; i < *n; i++)
    if (list[i].no == no)
      return &list[i];
  if (*n == max)
    return NULL;
  list[*n] = (seen){.no = no};
  return &list[(*n)++];
}

static void check_act(world *w, const row *x, const ml_row_history *h,
                      seen *s) {
  long long n = (long long)x->p.n, at = (long long)h->seq;

  switch (h->told) {
    case ML_TOLD_CALLED:
      s->began = s->called = true;
      /* fall through */
    case ML_TOLD_ANSWERED: case ML_TOLD_NOT_YET: case ML_TOLD_WOKE:
    case ML_TOLD_AWAITED:
      if (s->ended)
        world_fault(w, "process %lld: activity %u goes on at %lld after its "
                    "end", n, h->no, at);
      s->began = true;
      break;
    case ML_TOLD_SUCCEEDED:
      if (s->ended)
        world_fault(w, "process %lld: activity %u ended twice (%lld)", n,
                    h->no, at);
      s->ended = true;
      break;
    default: break;
  }
  if (h->told == ML_TOLD_ANSWERED && !s->called)
    world_fault(w, "process %lld: an answer without a call at %lld", n, at);
}

/* A finished call is recorded once: no later record of the same name answers
** it again, and none asks it again. */
static void check_call_once(world *w, const row *x, size_t i) {
  const ml_row_history *h = &x->history[i];
  const char *space = memchr(h->text.p != NULL ? h->text.p : "", ' ',
                             h->text.n);
  ml_str call = {h->text.p, 0};

  if (space == NULL || begins(h->text, "get.") || begins(h->text, "head."))
    return;
  call.n = (size_t)(space - h->text.p);
  if (!answers(h->text, call))
    return;
  for (size_t k = i + 1; k < x->history_count; k++) {
    const ml_row_history *o = &x->history[k];

    if (o->no != h->no)
      continue;
    if ((o->told == ML_TOLD_ANSWERED && answers(o->text, call)) ||
        (o->told == ML_TOLD_CALLED && ml_str_eq(o->text, call)))
      world_fault(w, "process %lld: %.*s of activity %u comes again at %llu "
                  "after its result at %llu", (long long)x->p.n, (int)call.n,
                  call.p, h->no, (unsigned long long)o->seq,
                  (unsigned long long)h->seq);
  }
}

/* A recorded good result has an effect behind it, in the peer's ledger. */
static void check_effect(world *w, const row *x, const ml_row_history *h) {
  const char *space = memchr(h->text.p != NULL ? h->text.p : "", ' ',
                             h->text.n);
  char id[ML_ID_MAX], key[PEER_KEY];

  if (space == NULL || begins(h->text, "get.") || begins(h->text, "head.") ||
      space[1] != '2')
    return;
  ml_id_text(id, x->p.id, h->no);
  snprintf(key, sizeof key, "%s.%.*s", id, (int)(space - h->text.p),
           h->text.p);
  for (size_t i = 0; i < w->row_count; i++)
    if (strcmp(w->rows[i].key, key) == 0) {
      if (w->rows[i].done != 1)
        world_fault(w, "%s has a result, but was never done", key);
      return;
    }
  world_fault(w, "%s has a result, but the peer never saw it", key);
}

/* With one list of phases: each begins when all before it has ended. */
static void check_phase(world *w, const row *x, const ml_row_history *h,
                        const seen *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (list[i].began && !list[i].ended)
      world_fault(w, "process %lld: phase '%.*s' begins at %llu while activity "
                  "%u has not ended", (long long)x->p.n, (int)h->name.n,
                  h->name.p, (unsigned long long)h->seq, list[i].no);
}

static bool has_branches(const row *x) {
  for (size_t i = 0; i < x->history_count; i++)
    if (x->history[i].told == ML_TOLD_BRANCH)
      return true;
  return false;
}

static void check_history(world *w, const row *x) {
  seen list[256];
  size_t n = 0;
  bool branches = has_branches(x);
  long long p = (long long)x->p.n;

  if (x->history_count != x->p.seq)
    world_fault(w, "process %lld is at %llu, its history has %zu records", p,
                (unsigned long long)x->p.seq, x->history_count);
  for (size_t i = 0; i < x->history_count; i++) {
    const ml_row_history *h = &x->history[i];
    bool act = h->told == ML_TOLD_BEGAN || h->told == ML_TOLD_SUCCEEDED ||
               h->told == ML_TOLD_CALLED || h->told == ML_TOLD_ANSWERED ||
               h->told == ML_TOLD_NOT_YET || h->told == ML_TOLD_AWAITED ||
               (h->told == ML_TOLD_WOKE && h->no > 0);
    seen *s = act ? seen_of(list, &n, 256, h->no) : NULL;

    if (h->seq != i + 1)
      world_fault(w, "process %lld: record %zu has number %llu", p, i + 1,
                  (unsigned long long)h->seq);
    if ((h->told == ML_TOLD_STARTED) != (i == 0))
      world_fault(w, "process %lld: 'started' at %zu", p, i + 1);
    if ((h->told == ML_TOLD_COMPLETED || h->told == ML_TOLD_CANCELLED) &&
        x->p.status == ML_OPEN)
      world_fault(w, "process %lld is open after its end", p);
    if (s != NULL)
      check_act(w, x, h, s);
    if (h->told == ML_TOLD_ANSWERED) {
      check_call_once(w, x, i);
      check_effect(w, x, h);
    }
    if (h->told == ML_TOLD_PHASE && !branches)
      check_phase(w, x, h, list, n);
  }
}

/* ---- what is next ---- */

static bool waits_for_someone(const ml_process *p) {
  if (p->task_count > 0)
    return true;
  for (uint32_t i = 0; i < p->strand_count; i++)
    if (p->strands[i].stuck)
      return true;
  for (uint32_t i = 0; i < p->act_count; i++) {
    ml_wait v = p->acts[i].wait;

    if (!p->acts[i].aside &&
        (v == ML_WAIT_SIGNAL || v == ML_WAIT_OPERATOR || v == ML_WAIT_TASK ||
         v == ML_WAIT_PROCESS))
      return true;
  }
  return false;
}

static void check_tasks(world *w, const row *x, const ml_process *p) {
  size_t open = 0;

  for (size_t i = 0; i < x->task_count; i++)
    if (x->tasks[i].status == ML_TASK_OPEN) {
      open++;
      if (ml_process_task(p, x->tasks[i].no) == NULL)
        world_fault(w, "process %lld: task %u is open in the list only",
                    (long long)p->n, x->tasks[i].no);
    }
  if (open != p->task_count)
    world_fault(w, "process %lld: %zu open tasks in the list, %u in the "
                "process", (long long)p->n, open, p->task_count);
}

static void check_next(world *w, const row *x) {
  ml_rc rc;
  ml_process *p = ml_run_process_of(w->run, &x->p, &rc);
  int64_t next;

  if (p == NULL) {
    world_fault(w, "process %lld cannot be read: %s", (long long)x->p.n,
                ml_rc_name(rc));
    return;
  }
  next = ml_process_next_ms(p);
  if (x->p.status != ML_OPEN) {
    if (p->task_count > 0 || (x->p.due != 0 && p->out_count == 0))
      world_fault(w, "process %lld has ended and has something due",
                  (long long)p->n);
  } else if (ml_process_in_flight(p)) {
    if (x->p.due >= 0)
      world_fault(w, "process %lld is in flight without a lease",
                  (long long)p->n);
  } else if (x->p.due != next) {
    world_fault(w, "process %lld is due at %lld, its row says %lld",
                (long long)p->n, (long long)next, (long long)x->p.due);
  } else if (next == 0 && !waits_for_someone(p)) {
    world_fault(w, "process %lld has no next thing", (long long)p->n);
  }
  check_tasks(w, x, p);
  ml_process_free(p);
}

/* ---- timers ---- */

static int64_t field_of(ml_arena *a, ml_str data, const char *name) {
  ml_json *j = NULL;

  return ml_json_parse(a, data.p, data.n, NULL, &j, NULL) == ML_OK
             ? ml_json_int(j, name, 0) : 0;
}

/* The scripts wrote down the time before and after.  A clock that was set
** back may have been set back in between. */
static void check_timers(world *w, look *l, const row *x) {
  int64_t t0 = field_of(&l->arena, x->p.data, "t0");
  int64_t t1 = field_of(&l->arena, x->p.data, "t1");
  int64_t t2 = field_of(&l->arena, x->p.data, "t2");

  if (t1 > 0 && t1 - t0 < 600000 - w->turned_back)
    world_fault(w, "process %lld: a sleep of 10 minutes took %lld ms",
                (long long)x->p.n, (long long)(t1 - t0));
  if (t2 > 0 && t2 - t1 < 3 * 3600000 - w->turned_back)
    world_fault(w, "process %lld: a sleep of 3 hours took %lld ms",
                (long long)x->p.n, (long long)(t2 - t1));
  for (size_t i = 1; i < x->history_count; i++)
    if (x->history[i].at_ms < x->history[i - 1].at_ms - w->turned_back)
      world_fault(w, "process %lld: record %zu is older than the one before",
                  (long long)x->p.n, i + 1);
}

/* ---- what clients were told ---- */

static const row *row_of(const look *l, int tag, bool child, size_t *count) {
  const row *found = NULL;

  *count = 0;
  for (size_t i = 0; i < l->count; i++)
    if (l->rows[i].tag == tag && l->rows[i].child == child) {
      found = &l->rows[i];
      ++*count;
    }
  return found;
}

static const ask *ask_of(const world *w, int tag) {
  for (size_t i = 0; i < w->ask_count; i++)
    if (w->asks[i].tag == tag)
      return &w->asks[i];
  return NULL;
}

/* Who cannot ask under the key any more looks, as a person would. */
static void learn(world *w, int tag, const row *x) {
  for (size_t i = 0; i < w->ask_count; i++) {
    ask *a = &w->asks[i];

    if (a->tag == tag && a->state == ASK_UNKNOWN && a->n == 0 &&
        world_key_is_over(w, a))
      a->n = x->p.n;
  }
}

static void check_start(world *w, const look *l, const ask *a) {
  size_t count, children;
  const row *x = row_of(l, a->tag, false, &count);

  row_of(l, a->tag, true, &children);
  if (count > 1 || children > 1)
    world_fault(w, "start %d is there %zu times, its child %zu times", a->tag,
                count, children);
  if (a->state == ASK_ACKED && (count != 1 || x->p.n != a->n ||
                                memcmp(x->p.id, a->id, 16) != 0))
    world_fault(w, "start %d was acknowledged as process %lld and is %s",
                a->tag, (long long)a->n, count == 0 ? "lost" : "another one");
  if (a->state == ASK_REFUSED && count != 0)
    world_fault(w, "start %d was refused (%s) and is there", a->tag,
                ml_rc_name(a->rc));
  if (count == 1)
    learn(w, a->tag, x);
}

static size_t told(const row *x, ml_told what, ml_str text, uint32_t no) {
  size_t n = 0;

  for (size_t i = 0; x != NULL && i < x->history_count; i++)
    n += x->history[i].told == what &&
         (text.p == NULL || ml_str_eq(x->history[i].text, text)) &&
         (no == 0 || x->history[i].no == no);
  return n;
}

/* Messages of one name to one process: as many records as were acknowledged,
** and at most those more that nobody knows of. */
static void check_signals(world *w, const look *l, const ask *a) {
  size_t acked = 0, unsure = 0, have, count;
  const row *x = row_of(l, a->of, false, &count);

  for (size_t i = 0; i < w->ask_count; i++) {
    const ask *o = &w->asks[i];

    if (o->kind != ASK_SIGNAL || o->of != a->of || strcmp(o->what, a->what) != 0)
      continue;
    acked += o->state == ASK_ACKED;
    unsure += o->state == ASK_UNKNOWN || o->state == ASK_OUT;
  }
  have = told(x, ML_TOLD_SIGNAL, ml_str_of(a->what), 0);
  if (have < acked || have > acked + unsure)
    world_fault(w, "'%s' to %d: %zu acknowledged, %zu unsure, %zu recorded",
                a->what, a->of, acked, unsure, have);
}

static void check_ask(world *w, const look *l, const ask *a) {
  size_t count;
  const row *x = row_of(l, a->of, false, &count);
  size_t have;

  switch (a->kind) {
    case ASK_START: check_start(w, l, a); return;
    case ASK_SIGNAL: check_signals(w, l, a); return;
    case ASK_COMPLETE:
      have = told(x, ML_TOLD_DONE, ML_NOSTR, a->task);
      if (have > 1 || (a->state == ASK_ACKED && have != 1))
        world_fault(w, "task %u of %d: completion %d is %s, recorded %zu times",
                    a->task, a->of, a->tag,
                    a->state == ASK_ACKED ? "acknowledged" : "not", have);
      return;
    case ASK_CANCEL:
      if (a->state == ASK_ACKED && (x == NULL || x->p.status != ML_CANCELLED))
        world_fault(w, "cancelling %d was acknowledged and is lost", a->of);
      return;
    default: return;
  }
}

/* ---- sums ---- */

static void check_sums(world *w, const look *l) {
  int64_t open = 0, tasks = 0;

  for (size_t i = 0; i < l->count; i++) {
    open += l->rows[i].p.status == ML_OPEN;
    for (size_t k = 0; k < l->rows[i].task_count; k++)
      tasks += l->rows[i].tasks[k].status == ML_TASK_OPEN;
    for (size_t k = 0; k < i; k++)
      if (l->rows[k].p.n == l->rows[i].p.n)
        world_fault(w, "process %lld is listed twice",
                    (long long)l->rows[i].p.n);
  }
  if (open != l->open || tasks != l->tasks)
    world_fault(w, "%lld open processes and %lld tasks are counted, %lld and "
                "%lld are there", (long long)l->open, (long long)l->tasks,
                (long long)open, (long long)tasks);
}

static void check_file(world *w) {
  sqlite3_stmt *st = NULL;
  sqlite3 *db = w->store->writer.db;
  const char *said = "could not be asked";

  if (sqlite3_prepare_v2(db, "PRAGMA integrity_check(3)", -1, &st, NULL) ==
          SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
    said = (const char *)sqlite3_column_text(st, 0);
  if (said == NULL || strcmp(said, "ok") != 0)
    world_fault(w, "integrity_check: %s", said != NULL ? said : "nothing");
  sqlite3_finalize(st);
}

/* Where it stands, for whoever looks for the reason. */
static void tell_open(world *w, const row *x) {
  ml_rc rc;
  ml_process *p = ml_run_process_of(w->run, &x->p, &rc);
  char text[400] = "";
  size_t n = 0;

  for (uint32_t i = 0; p != NULL && i < p->act_count && n < 300; i++)
    if (p->acts[i].status != ML_ACT_SUCCESS)
      n += (size_t)snprintf(text + n, sizeof text - n, " %u %s wait=%s due=%lld"
                            " %.*s", p->acts[i].no,
                            ml_acts_name(p->acts[i].status),
                            ml_wait_name(p->acts[i].wait),
                            (long long)p->acts[i].due_ms,
                            (int)(p->acts[i].message.n < 90
                                      ? p->acts[i].message.n : 90),
                            p->acts[i].message.p != NULL
                                ? p->acts[i].message.p : "");
  world_fault(w, "process %lld (%d) is still open at the end: seq %llu, due "
              "%lld, now %lld;%s", (long long)x->p.n, x->tag,
              (unsigned long long)x->p.seq, (long long)x->p.due,
              (long long)w->clock.wall, text);
  ml_process_free(p);
}

/* The newest come first from the store. */
static void check_schedules(world *w, look *l, bool whole) {
  tick *list = ml_arena_zero(&l->arena, (l->count + 1) * sizeof *list);
  size_t n = 0;

  if (list == NULL)
    abort();
  for (size_t i = l->count; i-- > 0;)
    if (l->rows[i].plan != NULL)
      list[n++] = (tick){l->rows[i].p.n, l->rows[i].p.created_ms,
                         l->rows[i].plan};
  schedule_check(w, list, n, whole);
}

void world_check(world *w, bool whole) {
  look *l;

  if (!world_alive(w))
    return;
  l = calloc(1, sizeof *l);
  if (l == NULL)
    abort();
  l->w = w;
  l->rc = ML_IO;
  w->checks++;
  world_aside(true);
  l->audit.flow = ml_run_flow_in;
  l->audit.arg = ml_run_flow_list(w->run, &l->arena);
  if (ml_store_read(w->store, read_all, nothing, l) != ML_OK ||
      l->rc != ML_OK) {
    world_fault(w, "the store cannot be read: %s", ml_rc_name(l->rc));
    goto end;
  }
  for (size_t i = 0; i < l->count; i++) {
    const row *x = &l->rows[i];
    const ask *a = ask_of(w, x->tag);

    if (x->plan == NULL && (a == NULL || a->kind != ASK_START ||
                            a->sent == 0))
      world_fault(w, "process %lld was never asked for", (long long)x->p.n);
    check_history(w, x);
    check_next(w, x);
    check_timers(w, l, x);
  }
  for (size_t i = 0; i < w->ask_count; i++)
    if (w->asks[i].sent > 0)
      check_ask(w, l, &w->asks[i]);
  for (size_t i = 0; i < l->audit.count; i++)
    world_fault(w, "the audit: process %lld, invariant %d: %s",
                (long long)l->audit.found[i].n, l->audit.found[i].invariant,
                l->audit.found[i].what);
  check_schedules(w, l, whole);
  check_sums(w, l);
  check_file(w);
  for (size_t i = 0; whole && i < l->count; i++)
    if (l->rows[i].p.status == ML_OPEN)
      tell_open(w, &l->rows[i]);
end:
  world_aside(false);
  ml_arena_free(&l->arena);
  free(l);
}

/* ---- a call leaves ---- */

typedef struct leaving {
  world *w;
  const char *key;
  int64_t n;
  uint32_t no;
  ml_str call;
} leaving;

static void read_leaving(void *arg, ml_read *r) {
  leaving *l = arg;
  ml_arena a = {0};
  ml_row_history *h = NULL;
  size_t count = 0, asked = 0, done = 0;

  if (ml_read_history(r, &a, l->n, 0, 100000, &h, &count) != ML_OK)
    count = 0;
  for (size_t i = 0; i < count; i++) {
    if (h[i].no != l->no)
      continue;
    asked += h[i].told == ML_TOLD_CALLED && ml_str_eq(h[i].text, l->call);
    done += h[i].told == ML_TOLD_ANSWERED && answers(h[i].text, l->call);
  }
  if (asked == 0)
    world_fault(l->w, "%s left before it was recorded that it would", l->key);
  if (done > 0)
    world_fault(l->w, "%s left again after its result was recorded", l->key);
  ml_arena_free(&a);
}

void world_check_call(world *w, const char *key) {
  leaving l = {.w = w, .key = key};
  const char *dash = strrchr(key, '-');
  const char *dot = dash != NULL ? strchr(dash, '.') : NULL;
  uint8_t id[16];

  if (dot == NULL || !ml_id_of((ml_str){key, (size_t)(dot - key)}, id, &l.no)) {
    world_fault(w, "'%s' is no key", key);
    return;
  }
  l.n = ml_process_id_n(id);
  l.call = ml_str_of(dot + 1);
  world_aside(true);
  if (ml_store_read(w->store, read_leaving, nothing, &l) != ML_OK)
    world_fault(w, "the store cannot be read when %s leaves", key);
  world_aside(false);
}
