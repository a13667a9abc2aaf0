/*
** loop.c - the loop over libevent.
**
** A turn: wait for descriptors (no longer than the next timer), run what is
** ready, run the timers that are due, run what was put off with
** ml_loop_later().  libevent only wakes us up; which timer is due is judged
** by the clock handed in, from a heap of our own, so that a test's clock
** decides and no timer runs early.
**
** Setting a timer allocates nothing: its place in the heap was reserved when
** it was made.  Every object may be freed by its own call-back.
*/
#include "net/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

#define FOREVER (-1)
#define LATER_ROUNDS 16        /* what a later call puts off, in one turn */
#define WAIT_MAX_MS 3600000    /* no longer sleep, whatever is asked */

typedef struct later {
  ml_loop_fn *fn;
  void *arg;
  uint32_t *slot;
} later;

/*
** What is put off: `list` in order of the calls; `slot` finds (fn, arg)
** again, holding index + 1.  Twice as many slots as the list has room for.
*/
typedef struct laters {
  later *list;
  uint32_t *slot;
  size_t n, cap;
} laters;

struct ml_loop {
  struct event_base *base;
  ml_clock *clock;
  struct event wake;           /* the libevent timer that ends a wait */
  ml_loop_timer **heap;        /* the soonest first */
  size_t heap_n, heap_cap;
  size_t timers;               /* made: heap_cap is never less */
  uint64_t timer_seq;          /* equal moments fire in the order set */
  laters now, next;            /* being run; being gathered */
  bool stop;
};

/* ---- timers ---- */

#define IDLE SIZE_MAX          /* ml_loop_timer.at of one not running */

struct ml_loop_timer {
  ml_loop *loop;
  ml_loop_fn *fn;
  void *arg;
  int64_t due_ms;
  uint64_t seq;
  size_t at;                   /* index in the heap, or IDLE */
};

static bool sooner(const ml_loop_timer *a, const ml_loop_timer *b) {
  return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->seq < b->seq;
}

static void heap_set(ml_loop *l, size_t i, ml_loop_timer *t) {
  l->heap[i] = t;
  t->at = i;
}

/* Put t where it belongs, beginning at the free place i. */
static void heap_settle(ml_loop *l, size_t i, ml_loop_timer *t) {
  size_t child;

  for (; i > 0 && sooner(t, l->heap[(i - 1) / 2]); i = (i - 1) / 2)
    heap_set(l, i, l->heap[(i - 1) / 2]);
  while ((child = 2 * i + 1) < l->heap_n) {
    if (child + 1 < l->heap_n && sooner(l->heap[child + 1], l->heap[child]))
      child++;
    if (!sooner(l->heap[child], t))
      break;
    heap_set(l, i, l->heap[child]);
    i = child;
  }
  heap_set(l, i, t);
}

ml_loop_timer *ml_loop_timer_new(ml_loop *l, ml_loop_fn *fn, void *arg) {
  ml_loop_timer *t = ml_mem_zero(sizeof *t);
  ml_loop_timer **heap;
  size_t cap;

  if (t == NULL)
    return NULL;
  if (l->timers == l->heap_cap) {
    cap = l->heap_cap > 0 ? l->heap_cap * 2 : 32;
    heap = ml_mem_realloc(l->heap, cap * sizeof *heap);
    if (heap == NULL) {
      ml_mem_free(t);
      return NULL;
    }
    l->heap = heap;
    l->heap_cap = cap;
  }
  *t = (ml_loop_timer){.loop = l, .fn = fn, .arg = arg, .at = IDLE};
  l->timers++;
  return t;
}

void ml_loop_timer_stop(ml_loop_timer *t) {
  ml_loop *l = t->loop;
  ml_loop_timer *last;
  size_t at = t->at;

  if (at == IDLE)
    return;
  t->at = IDLE;
  last = l->heap[--l->heap_n];
  if (last != t)
    heap_settle(l, at, last);
}

void ml_loop_timer_set(ml_loop_timer *t, int64_t after_ms) {
  ml_loop *l = t->loop;
  int64_t now = l->clock->mono_ms(l->clock);

  if (after_ms < 0)
    after_ms = 0;
  ml_loop_timer_stop(t);
  t->due_ms = after_ms < INT64_MAX - now ? now + after_ms : INT64_MAX;
  t->seq = l->timer_seq++;
  heap_settle(l, l->heap_n++, t);
}

void ml_loop_timer_free(ml_loop_timer *t) {
  if (t == NULL)
    return;
  ml_loop_timer_stop(t);
  t->loop->timers--;
  ml_mem_free(t);
}

/* Run what is due, but not what a call-back sets meanwhile: that is for the
** next turn, or a timer that sets itself to 0 would hold the loop. */
static void timers_run(ml_loop *l) {
  uint64_t seq = l->timer_seq;
  int64_t now;
  ml_loop_timer *t;

  if (l->heap_n == 0)
    return;
  now = l->clock->mono_ms(l->clock);
  while (l->heap_n > 0) {
    t = l->heap[0];
    if (t->due_ms > now || t->seq >= seq)
      break;
    ml_loop_timer_stop(t);
    t->fn(t->arg);
  }
}

/* ---- put off to the end of the turn ---- */

static size_t later_hash(ml_loop_fn *fn, void *arg) {
  uint64_t h = (uint64_t)(uintptr_t)fn * 31 + (uint64_t)(uintptr_t)arg;

  return (size_t)((h * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
}

/* The slot of (fn, arg), or the free one where it would stand. */
static uint32_t *later_find(laters *q, ml_loop_fn *fn, void *arg) {
  size_t mask = q->cap * 2 - 1;
  size_t i = later_hash(fn, arg) & mask;
  const later *e;

  for (; q->slot[i] != 0; i = (i + 1) & mask) {
    e = &q->list[q->slot[i] - 1];
    if (e->fn == fn && e->arg == arg)
      break;
  }
  return &q->slot[i];
}

static void laters_free(laters *q) {
  ml_mem_free(q->list);
  ml_mem_free(q->slot);
  *q = (laters){0};
}

static ml_rc laters_grow(laters *q) {
  laters big = {.n = q->n, .cap = q->cap > 0 ? q->cap * 2 : 32};
  uint32_t *slot;
  size_t i;

  if (big.cap > UINT32_MAX / 4)
    return ML_LIMIT;
  big.list = ml_mem_alloc(big.cap * sizeof *big.list);
  big.slot = ml_mem_zero(big.cap * 2 * sizeof *big.slot);
  if (big.list == NULL || big.slot == NULL) {
    laters_free(&big);
    return ML_NOMEM;
  }
  for (i = 0; i < q->n; i++) {
    slot = later_find(&big, q->list[i].fn, q->list[i].arg);
    *slot = (uint32_t)(i + 1);
    big.list[i] = (later){q->list[i].fn, q->list[i].arg, slot};
  }
  laters_free(q);
  *q = big;
  return ML_OK;
}

static void laters_clear(laters *q) {
  size_t i;

  for (i = 0; i < q->n; i++)
    *q->list[i].slot = 0;
  q->n = 0;
}

ml_rc ml_loop_later(ml_loop *l, ml_loop_fn *fn, void *arg) {
  laters *q = &l->next;
  uint32_t *slot;
  ml_rc rc;

  if (q->n == q->cap) {
    rc = laters_grow(q);
    if (rc != ML_OK)
      return rc;
  }
  slot = later_find(q, fn, arg);
  if (*slot == 0) {
    q->list[q->n++] = (later){fn, arg, slot};
    *slot = (uint32_t)q->n;
  }
  return ML_OK;
}

static void nothing(void *arg) {
  (void)arg;
}

void ml_loop_later_cancel(ml_loop *l, ml_loop_fn *fn, void *arg) {
  laters *both[2] = {&l->next, &l->now};
  uint32_t *slot;
  int i;

  for (i = 0; i < 2; i++) {
    if (both[i]->n == 0)
      continue;
    slot = later_find(both[i], fn, arg);
    if (*slot != 0)   /* the entry stays: others were placed behind it */
      both[i]->list[*slot - 1].fn = nothing;
  }
}

/* What these calls put off again runs now too, some rounds; what is left
** then runs at the end of the next turn, which will not wait. */
static void laters_run(ml_loop *l) {
  laters swap;
  size_t i;
  int round;

  for (round = 0; round < LATER_ROUNDS && l->next.n > 0; round++) {
    swap = l->now;
    l->now = l->next;
    l->next = swap;
    for (i = 0; i < l->now.n; i++)
      l->now.list[i].fn(l->now.list[i].arg);
    laters_clear(&l->now);
  }
}

/* ---- the loop ---- */

static void on_wake(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  (void)arg;   /* the wait is over, that is all */
}

static struct event_base *base_new(void) {
  struct event_config *cfg = event_config_new();
  struct event_base *base;

  if (cfg == NULL)
    return NULL;
  /* no lock, and no way to be steered by environment variables */
  base = event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK) == 0 &&
                 event_config_set_flag(cfg, EVENT_BASE_FLAG_IGNORE_ENV) == 0
             ? event_base_new_with_config(cfg)
             : NULL;
  event_config_free(cfg);
  return base;
}

ml_rc ml_loop_new(ml_clock *clock, ml_loop **out) {
  ml_loop *l;

  *out = NULL;
  l = ml_mem_zero(sizeof *l);
  if (l == NULL)
    return ML_NOMEM;
  l->clock = clock != NULL ? clock : ml_clock_system();
  l->base = base_new();
  if (l->base == NULL || evtimer_assign(&l->wake, l->base, on_wake, l) != 0) {
    ml_loop_free(l);
    return ML_NOMEM;
  }
  *out = l;
  return ML_OK;
}

void ml_loop_free(ml_loop *l) {
  if (l == NULL)
    return;
  if (l->base != NULL) {
    if (event_initialized(&l->wake))
      event_del(&l->wake);
    event_base_free(l->base);
  }
  laters_free(&l->now);
  laters_free(&l->next);
  ml_mem_free(l->heap);
  ml_mem_free(l);
}

/* How long this turn may wait: FOREVER, or milliseconds. */
static int64_t wait_of(ml_loop *l, int64_t wait_ms) {
  int64_t left;

  if (l->next.n > 0 || l->stop)
    return 0;
  if (l->heap_n > 0) {
    left = l->heap[0]->due_ms - l->clock->mono_ms(l->clock);
    if (left < 0)
      left = 0;
    if (wait_ms == FOREVER || left < wait_ms)
      wait_ms = left;
  }
  return wait_ms > WAIT_MAX_MS ? WAIT_MAX_MS : wait_ms;
}

static void turn(ml_loop *l, int64_t wait_ms) {
  struct timeval tv;
  int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;

  wait_ms = wait_of(l, wait_ms);
  if (wait_ms == 0) {
    flags |= EVLOOP_NONBLOCK;
  } else if (wait_ms == FOREVER) {
    event_del(&l->wake);
  } else {
    tv.tv_sec = (time_t)(wait_ms / 1000);
    tv.tv_usec = (suseconds_t)(wait_ms % 1000) * 1000;
    if (event_add(&l->wake, &tv) != 0)
      flags |= EVLOOP_NONBLOCK;   /* short of memory: look again at once */
  }
  event_base_loop(l->base, flags);
  timers_run(l);
  laters_run(l);
}

void ml_loop_turn(ml_loop *l, int64_t wait_ms) {
  turn(l, wait_ms > 0 ? wait_ms : 0);
}

void ml_loop_run(ml_loop *l) {
  while (!l->stop)
    turn(l, FOREVER);
  l->stop = false;
}

void ml_loop_stop(ml_loop *l) {
  l->stop = true;
}

ml_clock *ml_loop_clock(ml_loop *l) {
  return l->clock;
}

struct event_base *ml_loop_base(ml_loop *l) {
  return l->base;
}

/* ---- wake-ups ---- */

struct ml_loop_wakeup {
  struct event ev;
  int fd;                      /* an eventfd */
  atomic_bool pending;         /* written to, not yet read */
  ml_loop_fn *fn;
  void *arg;
};

static void on_wakeup(evutil_socket_t fd, short what, void *arg) {
  ml_loop_wakeup *w = arg;
  uint64_t n;

  (void)what;
  if (read((int)fd, &n, sizeof n) != (ssize_t)sizeof n)
    return;   /* nothing there; level-triggered, so nothing is missed */
  /* Cleared before fn looks: who comes after writes again. */
  atomic_store(&w->pending, false);
  w->fn(w->arg);
}

ml_loop_wakeup *ml_loop_wakeup_new(ml_loop *l, ml_loop_fn *fn, void *arg) {
  ml_loop_wakeup *w = ml_mem_zero(sizeof *w);

  if (w == NULL)
    return NULL;
  w->fn = fn;
  w->arg = arg;
  atomic_init(&w->pending, false);
  w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (w->fd < 0 ||
      event_assign(&w->ev, l->base, w->fd, EV_READ | EV_PERSIST, on_wakeup,
                   w) != 0 ||
      event_add(&w->ev, NULL) != 0) {
    ml_loop_wakeup_free(w);
    return NULL;
  }
  return w;
}

void ml_loop_wake(ml_loop_wakeup *w) {
  static const uint64_t one = 1;
  int keep = errno;   /* a signal handler must not change it */

  if (!atomic_exchange(&w->pending, true)) {
    while (write(w->fd, &one, sizeof one) < 0 && errno == EINTR)
      ;
  }
  errno = keep;
}

void ml_loop_wakeup_free(ml_loop_wakeup *w) {
  if (w == NULL)
    return;
  if (event_initialized(&w->ev))
    event_del(&w->ev);
  if (w->fd >= 0)
    close(w->fd);
  ml_mem_free(w);
}

/* ---- descriptors ---- */

struct ml_loop_fd {
  struct event rd, wr;         /* two, so that each is added by itself */
  bool reading, writing;
  ml_loop_fd_fn *fn;
  void *arg;
};

static void on_fd(evutil_socket_t fd, short what, void *arg) {
  ml_loop_fd *f = arg;

  (void)fd;
  f->fn(f->arg, (what & EV_READ) != 0, (what & EV_WRITE) != 0);
}

ml_loop_fd *ml_loop_fd_new(ml_loop *l, int fd, ml_loop_fd_fn *fn, void *arg) {
  ml_loop_fd *f = ml_mem_zero(sizeof *f);

  if (f == NULL)
    return NULL;
  f->fn = fn;
  f->arg = arg;
  if (event_assign(&f->rd, l->base, fd, EV_READ | EV_PERSIST, on_fd, f) != 0 ||
      event_assign(&f->wr, l->base, fd, EV_WRITE | EV_PERSIST, on_fd, f) !=
          0) {
    ml_mem_free(f);
    return NULL;
  }
  return f;
}

static bool want(struct event *ev, bool is, bool should) {
  if (is == should)
    return is;
  if (should)
    return event_add(ev, NULL) == 0;
  event_del(ev);
  return false;
}

void ml_loop_fd_want(ml_loop_fd *f, bool read, bool write) {
  f->reading = want(&f->rd, f->reading, read);
  f->writing = want(&f->wr, f->writing, write);
}

void ml_loop_fd_free(ml_loop_fd *f) {
  if (f == NULL)
    return;
  ml_loop_fd_want(f, false, false);
  ml_mem_free(f);
}

/* ---- signals ---- */

struct ml_loop_signal {
  struct event ev;
  ml_loop_fn *fn;
  void *arg;
};

static void on_signal(evutil_socket_t signo, short what, void *arg) {
  ml_loop_signal *s = arg;

  (void)signo;
  (void)what;
  s->fn(s->arg);
}

ml_loop_signal *ml_loop_signal_new(ml_loop *l, int signo, ml_loop_fn *fn,
                                   void *arg) {
  ml_loop_signal *s = ml_mem_zero(sizeof *s);

  if (s == NULL)
    return NULL;
  s->fn = fn;
  s->arg = arg;
  if (evsignal_assign(&s->ev, l->base, signo, on_signal, s) != 0 ||
      event_add(&s->ev, NULL) != 0) {
    ml_mem_free(s);
    return NULL;
  }
  return s;
}

void ml_loop_signal_free(ml_loop_signal *s) {
  if (s == NULL)
    return;
  event_del(&s->ev);
  ml_mem_free(s);
}
