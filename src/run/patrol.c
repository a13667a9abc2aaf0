/*
** patrol.c - the audit as a habit: a piece, a rest, a piece.
**
** One piece looks at few rows, on the reader, and only when nothing else of
** the patrol is under way: at a piece a second a million processes take some
** three hours.  What it found last time it does not tell again.
*/
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "run/audit.h"
#include "run/inside.h"

enum { ROWS = 100, RECORDS = 1000, REST_MS = 60000, KNOWN_MAX = 1000 };

typedef struct known { int64_t n; uint32_t what; } known;

struct patrol {
  ml_run *r;
  ml_loop_timer *timer;
  ml_arena arena;                /* of the piece under way */
  ml_audit audit;
  ml_rc rc;
  ml_patrol_stats stats;
  int64_t offenders;             /* of this pass */
  known was[KNOWN_MAX], now[KNOWN_MAX];   /* told of: last pass, this one */
  size_t was_count, now_count;
};

typedef struct patrol patrol;

/* ---- workflows ---- */

typedef struct flow_list {
  size_t count;
  bundle *list[];
} flow_list;

void *ml_run_flow_list(const ml_run *r, ml_arena *a) {
  flow_list *l = ml_arena_alloc(a, sizeof *l + (r->bundle_count + 1) *
                                       sizeof *l->list);

  if (l == NULL)
    return NULL;
  l->count = r->bundle_count;
  if (l->count > 0)
    memcpy(l->list, r->bundles, l->count * sizeof *l->list);
  return l;
}

const ml_flow *ml_run_flow_in(void *list, uint32_t no, uint16_t index) {
  const flow_list *l = list;

  for (size_t i = 0; i < l->count; i++)
    if (l->list[i]->no == no)
      return index < l->list[i]->flow_count ? l->list[i]->flows[index] : NULL;
  return NULL;
}

/* ---- what was told ---- */

static uint32_t hash_of(const char *s) {
  uint32_t h = 2166136261u;

  for (; *s != '\0'; s++)
    h = (h ^ (uint8_t)*s) * 16777619u;
  return h;
}

static bool is_in(const known *list, size_t n, known k) {
  for (size_t i = 0; i < n; i++)
    if (list[i].n == k.n && list[i].what == k.what)
      return true;
  return false;
}

static void tell(patrol *p, const ml_offender *o) {
  known k = {o->n, hash_of(o->what)};
  char id[ML_ID_MAX], invariant[12];
  bool old = is_in(p->was, p->was_count, k) || is_in(p->now, p->now_count, k);

  if (p->now_count < KNOWN_MAX && !is_in(p->now, p->now_count, k))
    p->now[p->now_count++] = k;
  if (old)
    return;
  p->stats.found++;
  ml_id_text(id, o->id, 0);
  snprintf(invariant, sizeof invariant, "%d", o->invariant);
  ml_log(ML_WARN, "audit", "process", id, "invariant", invariant, "why", o->what,
         NULL);
}

/* ---- a piece ---- */

static void work(void *arg, ml_read *rd) {
  patrol *p = arg;

  p->rc = ml_audit_piece(&p->audit, rd, &p->arena);
}

static void end_pass(patrol *p) {
  p->stats.passes++;
  p->stats.offenders = p->offenders;
  p->offenders = 0;
  memcpy(p->was, p->now, p->now_count * sizeof *p->now);
  p->was_count = p->now_count;
  p->now_count = 0;
  p->audit.at = (ml_audit_at){0};
}

static void done(void *arg) {
  patrol *p = arg;
  ml_run *r = p->r;
  int64_t wait = r->conf.patrol_ms;

  if (p->rc == ML_OK) {
    for (size_t i = 0; i < p->audit.count; i++)
      tell(p, &p->audit.found[i]);
    p->stats.processes += (uint64_t)p->audit.sums.processes;
    p->offenders += p->audit.sums.found;
    if (p->offenders > p->stats.offenders)
      p->stats.offenders = p->offenders;
    if (p->audit.over) {
      end_pass(p);
      wait = wait > REST_MS ? wait : REST_MS;
    }
  }
  ml_arena_free(&p->arena);
  if (!r->stopped && !r->draining)
    ml_loop_timer_set(p->timer, wait);
  busy_end(r);
}

static void piece(void *arg) {
  patrol *p = arg;
  ml_run *r = p->r;

  if (r->stopped || r->draining)
    return;
  p->audit = (ml_audit){.flow = ml_run_flow_in, .rows = ROWS,
                        .records = RECORDS, .at = p->audit.at};
  p->audit.arg = ml_run_flow_list(r, &p->arena);
  r->busy++;
  if (p->audit.arg != NULL && ml_run_read(r, work, done, p) == ML_OK)
    return;
  r->busy--;
  ml_arena_free(&p->arena);
  ml_loop_timer_set(p->timer, r->conf.patrol_ms);
}

void patrol_begin(ml_run *r) {
  patrol *p;

  if (r->conf.patrol_ms <= 0)
    return;
  p = ml_mem_zero(sizeof *p);
  if (p != NULL)
    p->timer = ml_loop_timer_new(r->conf.loop, piece, p);
  if (p == NULL || p->timer == NULL) {
    ml_mem_free(p);
    ml_log(ML_WARN, "patrol", "why", "out of memory: no audit by itself", NULL);
    return;
  }
  p->r = r;
  r->patrol = p;
  ml_loop_timer_set(p->timer, r->conf.patrol_ms);
}

void patrol_free(ml_run *r) {
  patrol *p = r->patrol;

  if (p == NULL)
    return;
  ml_loop_timer_free(p->timer);
  ml_arena_free(&p->arena);
  ml_mem_free(p);
  r->patrol = NULL;
}

void ml_patrol_stats_get(const ml_run *r, ml_patrol_stats *out) {
  memset(out, 0, sizeof *out);
  if (r->patrol != NULL)
    *out = r->patrol->stats;
  out->mended = r->mended;
}
