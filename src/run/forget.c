/*
** forget.c - what is kept for a time only: Idempotency-Keys, and occurrences
** that triggers have seen.
**
** "A time" is by the age of the store (store/age.h), which no leap of a clock
** moves.  One piece looks at few rows on the reader and forgets few in one
** commit, and only when something is old there is a commit.  When much is old
** the next piece comes soon; so the busiest engine is not held up, and an idle
** one does nothing but look, once in forget_ms.
**
** Occurrences are walked whole, then rest; not at all before the store is as
** old as they are kept.
*/
#include "base/log.h"
#include "run/inside.h"
#include "store/age.h"

enum {
  KEYS = 200, ROWS = 200,        /* of a piece */
  SOON_MS = 100,                 /* more keys are old */
  WALK_MS = 1000                 /* the walk goes on */
};
#define WALK_REST_MS INT64_C(21600000)

typedef struct forget {
  ml_run *r;
  ml_loop_timer *timer;
  int64_t walk_ms;               /* mono: no walk before */
  ml_arena place;                /* of `at` */
  ml_occurrence at;              /* the walk is behind it; none: at its begin */
  /* the piece under way */
  ml_arena arena;
  bool walks;
  int64_t before_keys, before_seen;      /* ages; <= 0: nothing can be so old */
  size_t keys;
  ml_occurrence *seen;
  size_t seen_count, seen_old;
  ml_rc rc;
} forget;

static int64_t before(const ml_run *r, int64_t keep_ms) {
  return keep_ms > 0 ? ml_store_age(r->conf.store) - keep_ms : 0;
}

static void rest(forget *g, int64_t ms) {
  const ml_run *r = g->r;

  ml_arena_free(&g->arena);
  g->seen = NULL;
  g->seen_count = g->seen_old = g->keys = 0;
  if (!r->stopped && !r->draining)
    ml_loop_timer_set(g->timer, ms < r->conf.forget_ms ? ms : r->conf.forget_ms);
}

/* ---- where the walk is ---- */

static void begin_anew(forget *g) {
  ml_arena_free(&g->place);
  g->at = (ml_occurrence){ML_NOSTR, ML_NOSTR, ML_NOSTR, false};
  g->walk_ms = now_mono(g->r) + WALK_REST_MS;
}

/* No memory for its place: it begins anew, later. */
static void walked(forget *g) {
  const ml_occurrence *last;
  bool starved = false;

  if (g->seen_count < ROWS) {
    begin_anew(g);
    return;
  }
  last = &g->seen[g->seen_count - 1];
  ml_arena_free(&g->place);
  g->at.workflow = arena_str(&g->place, last->workflow, &starved);
  g->at.trigger = arena_str(&g->place, last->trigger, &starved);
  g->at.identity = arena_str(&g->place, last->identity, &starved);
  if (starved)
    begin_anew(g);
}

/* ---- a piece ---- */

static void work(void *arg, ml_read *rd) {
  forget *g = arg;

  g->rc = ML_OK;
  if (g->before_keys > 0)
    g->rc = ml_read_keys_old(rd, g->before_keys, KEYS, &g->keys);
  if (g->rc == ML_OK && g->walks)
    g->rc = ml_read_occurrences(rd, &g->arena,
                                g->at.workflow.p != NULL ? &g->at : NULL,
                                g->before_seen, ROWS, &g->seen, &g->seen_count);
  for (size_t i = 0; i < g->seen_count; i++)
    g->seen_old += g->seen[i].old;
}

static void fill(void *arg, ml_batch *b) {
  forget *g = arg;

  if (g->keys > 0)
    ml_batch_keys_expire(b, g->before_keys, KEYS);
  for (size_t i = 0; i < g->seen_count; i++)
    if (g->seen[i].old)
      ml_batch_occurrence_drop(b, &g->seen[i], g->before_seen);
}

static void piece_over(forget *g) {
  bool more = g->keys == KEYS;

  if (g->walks)
    walked(g);
  rest(g, more ? SOON_MS : g->at.workflow.p != NULL ? WALK_MS
                                                    : g->r->conf.forget_ms);
}

static void written(void *arg, ml_rc rc, const ml_err *e) {
  forget *g = arg;

  (void)e;
  if (rc != ML_OK) {
    rest(g, g->r->conf.forget_ms);         /* the same again, then */
    return;
  }
  g->r->stats.forgotten += g->keys + g->seen_old;
  piece_over(g);
}

static void looked(void *arg) {
  forget *g = arg;
  ml_run *r = g->r;

  if (g->rc != ML_OK || r->stopped || r->draining)
    rest(g, r->conf.forget_ms);
  else if (g->keys + g->seen_old > 0)
    write_quietly(r, fill, written, g);
  else
    piece_over(g);
  busy_end(r);
}

static void piece(void *arg) {
  forget *g = arg;
  ml_run *r = g->r;

  if (r->stopped || r->draining)
    return;
  g->before_keys = before(r, r->conf.keep_keys_ms);
  g->before_seen = before(r, r->conf.keep_seen_ms);
  g->walks = g->before_seen > 0 && now_mono(r) >= g->walk_ms;
  if (r->full || (g->before_keys <= 0 && !g->walks)) {
    rest(g, r->conf.forget_ms);
    return;
  }
  r->busy++;
  if (ml_run_read(r, work, looked, g) == ML_OK)
    return;
  r->busy--;
  rest(g, r->conf.forget_ms);
}

void forget_begin(ml_run *r) {
  forget *g;

  if (r->conf.forget_ms <= 0)
    return;
  g = ml_mem_zero(sizeof *g);
  if (g != NULL)
    g->timer = ml_loop_timer_new(r->conf.loop, piece, g);
  if (g == NULL || g->timer == NULL) {
    ml_mem_free(g);
    ml_log(ML_WARN, "forget", "why", "out of memory: nothing is forgotten until "
           "the next start", NULL);
    return;
  }
  g->r = r;
  r->forget = g;
  ml_loop_timer_set(g->timer, r->conf.forget_ms);
}

void forget_free(ml_run *r) {
  forget *g = r->forget;

  if (g == NULL)
    return;
  ml_loop_timer_free(g->timer);
  ml_arena_free(&g->arena);
  ml_arena_free(&g->place);
  ml_mem_free(g);
  r->forget = NULL;
}
