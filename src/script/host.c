/* host.c - who is asked what, what took too long, and the host's life. */
#include "script/host.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "script/host_inside.h"

/* A build whose own program cannot be a worker names another (check-tsan). */
#ifndef ML_TEMPLATE_PROGRAM
#define ML_TEMPLATE_PROGRAM "/proc/self/exe"
#endif

static host *host_of(const ml_script *s) {
  return (host *)s;            /* api is the first member */
}

static int64_t now_ms(const host *h) {
  ml_clock *k = ml_loop_clock(h->loop);

  return k->mono_ms(k);
}

/* ---- questions ---- */

static bool has_room(const place *p, size_t bytes) {
  return p->state == ALIVE && !p->slow && !p->retiring && p->n < WINDOW &&
         (p->n == 0 || p->bytes + bytes <= WINDOW_BYTES);
}

static bool same_owner(const place *p, const ml_quest *q) {
  return q->owner == 0 || p->owner == 0 || p->owner == q->owner;
}

static bool same_bundle(const ml_quest *a, const ml_quest *b) {
  return a != NULL && memcmp(a->bundle, b->bundle, sizeof a->bundle) == 0;
}

static bool holds(place *p, const ml_quest *q) {
  unsigned k;

  for (k = 0; k < p->n; k++)
    if (same_bundle(ml_host_flight(p, k)->q, q))
      return true;
  return false;
}

/* Do slow slices of two bundles or more run? */
static bool many_slow(host *h) {
  const ml_quest *first = NULL;
  unsigned i, k;

  for (i = 0; i < PLACES_MAX; i++)
    for (k = 0; h->places[i].slow && k < h->places[i].n; k++) {
      const ml_quest *q = ml_host_flight(&h->places[i], k)->q;

      if (q == NULL)
        continue;
      if (first != NULL && !same_bundle(first, q))
        return true;
      first = q;
    }
  return false;
}

/*
** Which places it may go to, a bit each.  A bundle with a slow slice under way
** keeps to as many places as there are workers, and to those it has when
** another bundle has slow ones too; one that ran long lately does not go to
** the last places of the reserve.  So the others have workers.
*/
static unsigned allowed(host *h, const ml_quest *q, const ml_stock_item *it) {
  unsigned i, held = 0, count = 0, most = h->conf.workers, may = ~0u;
  bool slow = false;

  if (h->place_count == h->conf.workers)
    return ~0u;
  for (i = 0; i < PLACES_MAX; i++)
    if (holds(&h->places[i], q)) {
      held |= 1u << i;
      count++;
      slow = slow || h->places[i].slow;
    }
  if (slow && many_slow(h))
    most = 1;
  if (slow && count >= most)
    may = held;
  if (it != NULL && it->slow_ms != 0 && now_ms(h) - it->slow_ms < SLOW_MS &&
      h->place_count > PLACES_MAX - SPARE)
    may &= (1u << (PLACES_MAX - SPARE)) - 1;
  return may;
}

/* The least busy that it may go to; of equals one that has the bundle. */
static place *choose(host *h, const ml_quest *q, const ml_stock_item *it,
                     unsigned may) {
  place *best = NULL, *p;
  unsigned i;
  bool knows, best_knows = false;

  for (i = 0; i < PLACES_MAX; i++) {
    p = &h->places[i];
    if ((may >> i & 1) == 0 || !has_room(p, q->frame.len)
        || !same_owner(p, q))
      continue;
    knows = it != NULL && (it->sent >> i & 1) != 0;
    if (best == NULL || p->n < best->n || (p->n == best->n && knows &&
                                           !best_knows)) {
      best = p;
      best_knows = knows;
    }
  }
  return best;
}

/* Append to what the worker will read; false when memory is short. */
static bool send_to(place *p, ml_quest *q, ml_stock_item *it) {
  size_t before = p->out.len;
  flight *f;

  if (it != NULL && (it->sent >> p->i & 1) == 0)
    ml_buf_put(&p->out, it->frame.p, it->frame.len);
  ml_buf_put(&p->out, q->frame.p, q->frame.len);
  if (p->out.bad) {
    p->out.bad = false;        /* a failed append left what was there */
    p->out.len = before;
    return false;
  }
  if (it != NULL)
    it->sent |= UINT64_C(1) << p->i;
  f = ml_host_flight(p, p->n++);
  *f = (flight){.id = q->id, .bytes = q->frame.len, .kind = q->kind, .q = q};
  p->bytes += f->bytes;
  p->sent++;
  if (q->owner != 0)
    p->owner = q->owner;
  return true;
}

/* Its bundle was forgotten while it waited. */
static void end_lost(host *h, ml_quest *q) {
  ml_answer r = {.end = ML_END_BROKE,
                 .text = ML_STR("the bundle of this slice was forgotten")};

  h->stats.answered++;
  ml_quest_end(q, ML_LIMIT, &r);
}

/*
** Every worker that has room is of another owner: the least busy is given
** nothing more and is replaced by one for who asks.  Not when one is on its
** way already; and who has one that is busy gets only an idle one.
*/
static void make_way(host *h, const ml_quest *q, unsigned may) {
  place *best = NULL, *p;
  bool has = false;
  unsigned i;

  for (i = 0; i < h->place_count; i++) {
    p = &h->places[i];
    if ((may >> i & 1) == 0)
      continue;
    if (p->promised == q->owner)
      return;
    has = has || (p->state == ALIVE && p->owner == q->owner);
    if (p->state != ALIVE || p->retiring || p->slow || p->promised != 0
        || p->owner == q->owner)
      continue;
    if (best == NULL || p->n < best->n)
      best = p;
  }
  if (best == NULL || (has && best->n > 0))
    return;
  best->promised = q->owner;
  best->retiring = true;
  if (best->n == 0)
    ml_host_retire(best);
}

/* Hand out all that can go; what is confined is passed over. */
static void hand_out(host *h) {
  ml_stock_item *it;
  ml_quest *q, *before = NULL;
  place *p;
  unsigned may;

  while ((q = before != NULL ? before->next : h->waiting.head) != NULL) {
    it = NULL;
    if (ml_stock_named(q->bundle) && !q->carries) {
      it = ml_stock_find(&h->stock, q->bundle);
      if (it == NULL) {
        end_lost(h, ml_quests_take_after(&h->waiting, before));
        continue;
      }
    }
    may = same_bundle(before, q) ? 0 : allowed(h, q, it);
    p = choose(h, q, it, may);
    if (p == NULL && may == ~0u && q->owner == 0)
      return;
    if (p == NULL) {
      if (q->owner != 0)
        make_way(h, q, may);
      before = q;
      continue;
    }
    ml_quests_take_after(&h->waiting, before);
    if (!send_to(p, q, it)) {
      ml_quests_put_back(&h->waiting, q);
      return;
    }
  }
}

static void flush(void *arg) {
  host *h = arg;
  unsigned i;
  bool any = false;

  hand_out(h);
  for (i = 0; i < PLACES_MAX; i++) {
    if (h->places[i].state == ALIVE && h->places[i].out.len > 0)
      ml_host_write(&h->places[i]);
    any = any || h->places[i].n > 0;
  }
  if ((any || h->waiting.n > 0) && !h->watching) {
    h->watching = true;
    ml_loop_timer_set(h->watch, WATCH_MS);
  }
}

/* Short of memory here the flush is lost; the watch makes up for it. */
void ml_host_flush_soon(host *h) {
  if (ml_loop_later(h->loop, flush, h) != ML_OK && !h->watching) {
    h->watching = true;
    ml_loop_timer_set(h->watch, WATCH_MS);
  }
}

static ml_rc ask(ml_script *s, const ml_ask *ask_, ml_answer_fn *fn,
                 void *arg) {
  host *h = host_of(s);
  ml_quest *q;
  ml_rc rc;

  if (ml_stock_named(ask_->bundle) && ask_->source_count == 0 &&
      ml_stock_find(&h->stock, ask_->bundle) == NULL)
    return ML_NOT_FOUND;
  rc = ml_quest_new(ask_, h->last_id + 1, false, h->frame_max, fn, arg, &q);
  if (rc != ML_OK)
    return rc;
  h->last_id++;
  h->stats.asked++;
  ml_quests_add(&h->waiting, q);
  ml_host_flush_soon(h);
  return ML_OK;
}

static ml_rc bundle(ml_script *s, const uint8_t hash[32], const ml_source *src,
                    size_t n) {
  return ml_stock_put(&host_of(s)->stock, hash, src, n);
}

/* ---- the watch over running slices ---- */

static bool other_is_free(const host *h, const place *not_this) {
  unsigned i;

  for (i = 0; i < PLACES_MAX; i++)
    if (&h->places[i] != not_this && has_room(&h->places[i], 0))
      return true;
  return false;
}

/* What waits behind a long slice is asked elsewhere. */
static void steal(place *p, const flight *run) {
  ml_stock_item *it;
  flight *f;
  unsigned k;

  it = run->q != NULL ? ml_stock_find(&p->h->stock, run->q->bundle) : NULL;
  if (it != NULL)
    it->slow_ms = now_ms(p->h);
  p->slow = true;
  atomic_store_explicit(p->line.page + 1, p->sent, memory_order_release);
  for (k = 0; k < p->n; k++) {
    f = ml_host_flight(p, k);
    if (f == run || f->q == NULL)
      continue;
    p->h->stats.stolen++;
    ml_host_ask_again(p->h, f);
  }
  ml_host_flush_soon(p->h);
}

/* Over its hard clock, by time that its worker was given: on a machine that is
** full a slice waits for the CPU too, up to a bound. */
static bool is_over(place *p, ml_ask_kind kind, int64_t since) {
  int64_t hard = p->h->conf.hard_ms[kind], cpu = ml_host_cpu_ms(p);

  if (since < hard)
    return false;
  return cpu < 0 || p->at_cpu_ms < 0 || cpu - p->at_cpu_ms >= hard * 3 / 4 ||
         since >= UNFAIR * hard;
}

static void look(place *p, int64_t now) {
  flight *f = ml_host_running(p);
  uint64_t id = f != NULL ? f->id : 0;
  int64_t since;

  if (id != p->at || p->n == 0 || p->at_ms == 0) {
    p->at = id;
    p->at_ms = now;
    p->at_cpu_ms = ml_host_cpu_ms(p);
    p->slow = false;
    return;
  }
  since = now - p->at_ms;
  if (f == NULL) {
    if (since >= STUCK_MS)
      ml_host_fell(p, BY_NOBODY);
    return;
  }
  if (is_over(p, f->kind, since)) {
    p->h->stats.killed_clock++;
    ml_log(ML_WARN, "script-worker-clock", NULL);
    ml_host_fell(p, BY_CLOCK);
  } else if (since >= p->h->conf.steal_ms && !p->slow &&
             (other_is_free(p->h, p) || p->h->place_count < PLACES_MAX)) {
    steal(p, f);
  }
}

/*
** The reserve: while every worker is at a slow slice and something waits, one
** more is ordered, up to PLACES_MAX; the kernel shares the CPU among them.
** When no slice is slow, those that have nothing to do go.
*/
static void reinforce(host *h) {
  bool all = true, any = false;
  unsigned i;
  place *p;

  for (i = 0; i < h->place_count; i++) {
    all = all && h->places[i].state == ALIVE && h->places[i].slow;
    any = any || h->places[i].slow;
  }
  if (all && h->waiting.n > 0 && h->place_count < PLACES_MAX) {
    h->place_count++;
    ml_host_fill(h);
  }
  while (!any && h->place_count > h->conf.workers) {
    p = &h->places[h->place_count - 1];
    if (p->state == ALIVE && p->n > 0)
      return;
    h->place_count--;
    if (p->state == ALIVE)
      ml_host_retire(p);
  }
}

static void on_watch(void *arg) {
  host *h = arg;
  int64_t now = now_ms(h);
  unsigned i;

  h->watching = false;
  for (i = 0; i < PLACES_MAX; i++)
    if (h->places[i].state == ALIVE)
      look(&h->places[i], now);
  reinforce(h);
  flush(h);
}

/* ---- life ---- */

static uint64_t most_of(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

static int64_t kill_ms(const ml_bounds *limits, ml_ask_kind kind) {
  bool rule = kind == ML_ASK_RULE || kind == ML_ASK_OBJECT;
  ml_bound b = rule ? ML_BOUND_RULE_TIME : ML_BOUND_TIME;
  uint64_t time = most_of(ml_bound_of(NULL, limits, b, NULL), ml_bound_rows[b].usual);
  int64_t ms = ml_bound_kill_ms((int64_t)time, rule);
  int64_t most = ml_bound_kill_ms((int64_t)ml_bound_rows[b].most, rule);

  if (kind == ML_ASK_OBJECT)
    ms = 2 * ms < most ? 2 * ms : most;
  return ms;
}

static void defaults(host *h, const ml_host_conf *conf) {
  static const ml_host_conf none;
  ml_host_conf *c = &h->conf;
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  int i;

  *c = conf != NULL ? *conf : none;
  if (c->workers == 0)
    c->workers = cores < 2 ? 2 : (uint32_t)cores;
  if (c->workers > WORKERS_MAX)
    c->workers = WORKERS_MAX;
  h->place_count = c->workers;
  for (i = 0; i < ML_ASK_COUNT; i++)
    if (c->hard_ms[i] == 0)
      c->hard_ms[i] = kill_ms(&c->limits, (ml_ask_kind)i);
  if (c->program == NULL)
    c->program = ML_TEMPLATE_PROGRAM;
  if (c->steal_ms == 0)
    c->steal_ms = 25;
  if (c->recycle_bytes == 0)
    c->recycle_bytes = most_of(512u << 20, 4 * ml_bound_of(NULL, &c->limits,
                                                           ML_BOUND_MEMORY, NULL));
  if (c->recycle_cpu_ms == 0)
    c->recycle_cpu_ms = 600000;
}

ml_rc ml_host_new(ml_loop *l, const ml_host_conf *conf, ml_script **out,
                  ml_err *e) {
  host *h = ml_mem_zero(sizeof *h);
  ml_rc rc = ML_NOMEM;
  unsigned i;

  *out = NULL;
  if (h == NULL)
    return ML_NOMEM;
  h->api = (ml_script){.ask = ask, .bundle = bundle};
  h->loop = l;
  defaults(h, conf);
  h->frame_max = ml_bounds_frame(&h->conf.limits);
  if (ml_bounds_any(&h->conf.limits))
    ml_ask_pack(&h->hello, &(ml_ask){.kind = ML_ASK_LIMITS,
                                     .limits = &h->conf.limits});
  for (i = 0; i < PLACES_MAX; i++)
    h->places[i] = (place){.h = h, .i = (int)i, .line = {.fd = -1}};
  h->watch = ml_loop_timer_new(l, on_watch, h);
  h->respite = ml_loop_timer_new(l, ml_host_respite, h);
  if (h->watch == NULL || h->respite == NULL || h->hello.bad)
    goto fail;
  rc = ml_crew_new(l, h->conf.program, h->conf.insecure,
                   &(ml_crew_calls){ml_host_born, ml_host_died, ml_host_ready,
                                    h}, &h->crew, e);
  if (rc != ML_OK)
    goto fail;
  h->conf.program = NULL;      /* borrowed until here */
  *out = &h->api;
  return ML_OK;
fail:
  ml_host_free(&h->api);
  return rc;
}

static void end_waiting(host *h) {
  ml_quest *q;

  while ((q = ml_quests_take(&h->waiting)) != NULL)
    ml_quest_end(q, ML_AGAIN, NULL);
}

void ml_host_free(ml_script *s) {
  host *h = s != NULL ? host_of(s) : NULL;
  unsigned i;

  if (h == NULL)
    return;
  for (i = 0; i < PLACES_MAX; i++)
    ml_host_strip(&h->places[i], BY_NOBODY, 0);
  ml_crew_free(h->crew);
  end_waiting(h);
  ml_loop_later_cancel(h->loop, flush, h);
  ml_loop_timer_free(h->watch);
  ml_loop_timer_free(h->respite);
  ml_stock_free(&h->stock);
  ml_buf_free(&h->hello);
  ml_mem_free(h);
}

void ml_host_stats_get(const ml_script *s, ml_host_stats *out) {
  const host *h = host_of(s);
  unsigned i;

  *out = h->stats;
  out->waiting = h->waiting.n;
  out->templates = h->crew != NULL ? ml_crew_templates(h->crew) : 0;
  out->workers = 0;
  for (i = 0; i < PLACES_MAX; i++) {
    out->workers += h->places[i].state == ALIVE;
    out->waiting += h->places[i].n;
  }
}

int ml_host_pid(const ml_script *s, int i) {
  const host *h = host_of(s);

  if (i < 0)
    return h->crew != NULL ? ml_crew_pid(h->crew) : 0;
  return i < PLACES_MAX && h->places[i].state == ALIVE
             ? h->places[i].pid : 0;
}
