/*
** test_loop.c - timers, wake-ups, descriptors, signals, and what is put off.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/loop.h"

typedef struct fix {
  ml_clock_fake clock;
  ml_loop *loop;
  char said[256];
} fix;

static void fix_open(fix *f) {
  *f = (fix){0};
  ml_clock_fake_init(&f->clock, 0);
  assert_int_equal(ml_loop_new(&f->clock.base, &f->loop), ML_OK);
  assert_ptr_equal(ml_loop_clock(f->loop), &f->clock.base);
}

static void say(fix *f, const char *what) {
  strncat(f->said, what, sizeof f->said - strlen(f->said) - 1);
}

#define SAYS(name, what) \
  static void name(void *arg) { \
    say(arg, what); \
  }
SAYS(say_a, "a")
SAYS(say_b, "b")
SAYS(say_c, "c")

static void turn(fix *f) {
  ml_loop_turn(f->loop, 0);
}

/* ---- timers ---- */

static void test_timers_fire_in_order_and_never_early(void **state) {
  fix f;
  ml_loop_timer *a, *b, *c;

  (void)state;
  fix_open(&f);
  a = ml_loop_timer_new(f.loop, say_a, &f);
  b = ml_loop_timer_new(f.loop, say_b, &f);
  c = ml_loop_timer_new(f.loop, say_c, &f);
  ml_loop_timer_set(a, 30);
  ml_loop_timer_set(b, 10);
  ml_loop_timer_set(c, 30);
  ml_clock_fake_pass(&f.clock, 9);
  turn(&f);
  assert_string_equal(f.said, "");
  ml_clock_fake_pass(&f.clock, 1);
  turn(&f);
  assert_string_equal(f.said, "b");
  ml_clock_fake_pass(&f.clock, 100);
  turn(&f);
  assert_string_equal(f.said, "bac");    /* equal moments: in the order set */
  turn(&f);
  assert_string_equal(f.said, "bac");    /* once */
  ml_loop_timer_free(a);
  ml_loop_timer_free(b);
  ml_loop_timer_free(c);
  ml_loop_timer_free(NULL);
  ml_loop_free(f.loop);
}

static void test_timers_are_replaced_and_stopped(void **state) {
  fix f;
  ml_loop_timer *a;

  (void)state;
  fix_open(&f);
  a = ml_loop_timer_new(f.loop, say_a, &f);
  ml_loop_timer_stop(a);
  ml_loop_timer_set(a, 10);
  ml_loop_timer_set(a, 20);
  ml_clock_fake_pass(&f.clock, 10);
  turn(&f);
  assert_string_equal(f.said, "");
  ml_loop_timer_stop(a);
  ml_clock_fake_pass(&f.clock, 10);
  turn(&f);
  assert_string_equal(f.said, "");
  ml_loop_timer_set(a, -5);              /* at once */
  turn(&f);
  assert_string_equal(f.said, "a");
  ml_loop_timer_set(a, INT64_MAX);
  ml_clock_fake_pass(&f.clock, INT64_C(1) << 60);
  turn(&f);
  assert_string_equal(f.said, "a");
  ml_loop_timer_free(a);
  ml_loop_free(f.loop);
}

#define MANY 500

typedef struct many {
  fix *f;
  ml_loop_timer *timer;
  int64_t due, fired;
} many;

static void note(void *arg) {
  many *m = arg;

  m->fired = m->f->clock.mono;
}

/* The heap against a plain list, with changes on the way. */
static void test_many_timers(void **state) {
  static many m[MANY];
  fix f;
  uint32_t rnd = 1;
  int i, round;

  (void)state;
  fix_open(&f);
  for (i = 0; i < MANY; i++) {
    m[i] = (many){.f = &f, .fired = -1};
    m[i].timer = ml_loop_timer_new(f.loop, note, &m[i]);
    assert_non_null(m[i].timer);
  }
  for (round = 0; round < 3 * MANY; round++) {
    rnd = rnd * 1664525 + 1013904223;
    i = (int)(rnd >> 8) % MANY;
    m[i].due = (int64_t)(rnd >> 16) % 1000;
    ml_loop_timer_set(m[i].timer, m[i].due);
    if (round % 7 == 0) {
      ml_loop_timer_stop(m[i].timer);
      m[i].due = -1;
    }
  }
  for (i = 0; i <= 1000; i++) {
    turn(&f);
    ml_clock_fake_pass(&f.clock, 1);
  }
  for (i = 0; i < MANY; i++) {
    if (m[i].due > 0)
      assert_int_equal(m[i].fired, m[i].due);
    ml_loop_timer_free(m[i].timer);
  }
  ml_loop_free(f.loop);
}

typedef struct self {
  fix *f;
  ml_loop_timer *timer;
  int n;
} self;

static void again(void *arg) {
  self *s = arg;

  s->n++;
  ml_loop_timer_set(s->timer, 0);
}

static void free_self(void *arg) {
  self *s = arg;

  s->n++;
  ml_loop_timer_free(s->timer);
}

static void test_a_timer_may_set_or_free_itself(void **state) {
  fix f;
  self s = {.f = &f}, gone = {.f = &f};

  (void)state;
  fix_open(&f);
  s.timer = ml_loop_timer_new(f.loop, again, &s);
  gone.timer = ml_loop_timer_new(f.loop, free_self, &gone);
  ml_loop_timer_set(s.timer, 0);
  ml_loop_timer_set(gone.timer, 0);
  turn(&f);
  assert_int_equal(s.n, 1);              /* not for ever in one turn */
  assert_int_equal(gone.n, 1);
  turn(&f);
  assert_int_equal(s.n, 2);
  ml_loop_timer_free(s.timer);
  ml_loop_free(f.loop);
}

static void stop_it(void *arg) {
  ml_loop_stop(arg);
}

/* On the real clock: run() sleeps until the timer, and returns. */
static void test_run_until_stopped(void **state) {
  ml_loop *l;
  ml_loop_timer *t;
  ml_clock *clock = ml_clock_system();
  int64_t began, took;

  (void)state;
  assert_int_equal(ml_loop_new(NULL, &l), ML_OK);
  t = ml_loop_timer_new(l, stop_it, l);
  ml_loop_timer_set(t, 30);
  began = clock->mono_ms(clock);
  ml_loop_run(l);
  took = clock->mono_ms(clock) - began;
  assert_true(took >= 30);
  began = clock->mono_ms(clock);
  ml_loop_turn(l, 20);                   /* nothing happens: it waits */
  assert_true(clock->mono_ms(clock) - began >= 19);
  ml_loop_timer_free(t);
  ml_loop_free(l);
}

/* ---- put off ---- */

typedef struct chain {
  fix *f;
  int left, n;
} chain;

static void link_on(void *arg) {
  chain *c = arg;

  c->n++;
  if (--c->left > 0)
    assert_int_equal(ml_loop_later(c->f->loop, link_on, c), ML_OK);
}

static void test_later_runs_once_in_order(void **state) {
  fix f;
  chain c = {.f = &f, .left = 5}, endless = {.f = &f, .left = 1000};

  (void)state;
  fix_open(&f);
  ml_loop_later(f.loop, say_b, &f);
  ml_loop_later(f.loop, say_a, &f);
  ml_loop_later(f.loop, say_b, &f);
  assert_string_equal(f.said, "");
  turn(&f);
  assert_string_equal(f.said, "ba");
  turn(&f);
  assert_string_equal(f.said, "ba");
  ml_loop_later(f.loop, link_on, &c);
  turn(&f);
  assert_int_equal(c.n, 5);              /* what it put off ran too */
  ml_loop_later(f.loop, link_on, &endless);
  turn(&f);
  assert_true(endless.n > 1 && endless.n < 100);   /* but the loop lives */
  while (endless.left > 0)
    ml_loop_turn(f.loop, 1000);          /* and does not wait meanwhile */
  assert_int_equal(endless.n, 1000);
  ml_loop_free(f.loop);
}

static void count(void *arg) {
  ++*(int *)arg;
}

static void test_later_with_many(void **state) {
  static int n[3000];
  fix f;
  int i, k;

  (void)state;
  fix_open(&f);
  for (k = 0; k < 2; k++)
    for (i = 0; i < 3000; i++)
      assert_int_equal(ml_loop_later(f.loop, count, &n[i]), ML_OK);
  turn(&f);
  for (i = 0; i < 3000; i++)
    assert_int_equal(n[i], 1);
  for (i = 0; i < 3000; i++)
    ml_loop_later(f.loop, count, &n[i]);
  for (i = 0; i < 3000; i += 3)
    ml_loop_later_cancel(f.loop, count, &n[i]);
  ml_loop_later_cancel(f.loop, say_a, &f);
  for (i = 0; i < 3000; i += 6)          /* cancelled, then asked again */
    ml_loop_later(f.loop, count, &n[i]);
  turn(&f);
  for (i = 0; i < 3000; i++)
    assert_int_equal(n[i], i % 6 == 3 ? 1 : 2);
  ml_loop_free(f.loop);
}

typedef struct killer {
  fix *f;
} killer;

static void kill_b(void *arg) {
  killer *k = arg;

  ml_loop_later_cancel(k->f->loop, say_b, k->f);
}

static void test_later_is_cancelled_while_running(void **state) {
  fix f;
  killer k = {&f};

  (void)state;
  fix_open(&f);
  ml_loop_later(f.loop, kill_b, &k);
  ml_loop_later(f.loop, say_b, &f);
  ml_loop_later(f.loop, say_a, &f);
  turn(&f);
  assert_string_equal(f.said, "a");
  ml_loop_free(f.loop);
}

static void test_without_memory(void **state) {
  fix f;
  ml_loop *l = (ml_loop *)1;
  int i;

  (void)state;
  ml_mem_fail_at(1, 1);
  assert_int_equal(ml_loop_new(NULL, &l), ML_NOMEM);
  ml_mem_fail_at(0, 0);
  assert_null(l);
  fix_open(&f);
  for (i = 1; i <= 2; i++) {
    ml_mem_fail_at((uint64_t)i, 1);
    assert_int_equal(ml_loop_later(f.loop, say_a, &f), ML_NOMEM);
    assert_null(ml_loop_timer_new(f.loop, say_a, &f));
    assert_null(ml_loop_wakeup_new(f.loop, say_a, &f));
    assert_null(ml_loop_fd_new(f.loop, 0, NULL, &f));
    assert_null(ml_loop_signal_new(f.loop, SIGUSR1, say_a, &f));
    ml_mem_fail_at(0, 0);
  }
  turn(&f);
  assert_string_equal(f.said, "");
  ml_loop_free(f.loop);
}

/* ---- wake-ups ---- */

static void *wake_often(void *arg) {
  int i;

  for (i = 0; i < 1000; i++)
    ml_loop_wake(arg);
  return NULL;
}

static void test_wake_from_another_thread(void **state) {
  fix f;
  ml_loop_wakeup *w;
  pthread_t t;
  size_t n;

  (void)state;
  fix_open(&f);
  w = ml_loop_wakeup_new(f.loop, say_a, &f);
  ml_loop_wake(w);
  ml_loop_wake(w);
  ml_loop_turn(f.loop, 5000);
  assert_string_equal(f.said, "a");      /* any number of calls: once */
  turn(&f);
  assert_string_equal(f.said, "a");
  assert_int_equal(pthread_create(&t, NULL, wake_often, w), 0);
  ml_loop_turn(f.loop, 5000);
  assert_int_equal(pthread_join(t, NULL), 0);
  turn(&f);
  n = strlen(f.said);
  assert_true(n >= 2);                   /* nothing was slept through */
  ml_loop_wake(w);
  turn(&f);
  assert_true(strlen(f.said) == n + 1 || n + 1 >= sizeof f.said);
  ml_loop_wakeup_free(w);
  ml_loop_wakeup_free(NULL);
  ml_loop_free(f.loop);
}

/* ---- descriptors and signals ---- */

typedef struct end {
  fix *f;
  ml_loop_fd *watch;
  int fd;
} end;

static void on_end(void *arg, bool readable, bool writable) {
  end *e = arg;
  char c;

  if (readable && read(e->fd, &c, 1) == 1)
    say(e->f, "r");
  if (writable)
    say(e->f, "w");
}

static void test_descriptors(void **state) {
  fix f;
  end e = {.f = &f};
  int pair[2];

  (void)state;
  fix_open(&f);
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair),
                   0);
  e.fd = pair[0];
  e.watch = ml_loop_fd_new(f.loop, pair[0], on_end, &e);
  assert_int_equal(write(pair[1], "xyz", 3), 3);
  turn(&f);
  assert_string_equal(f.said, "");       /* not asked for */
  ml_loop_fd_want(e.watch, true, false);
  turn(&f);
  assert_string_equal(f.said, "r");
  turn(&f);
  assert_string_equal(f.said, "rr");     /* as long as there is something */
  ml_loop_fd_want(e.watch, false, true);
  turn(&f);
  assert_string_equal(f.said, "rrw");
  ml_loop_fd_want(e.watch, false, false);
  turn(&f);
  assert_string_equal(f.said, "rrw");
  ml_loop_fd_want(e.watch, true, true);
  ml_loop_fd_free(e.watch);
  turn(&f);
  assert_string_equal(f.said, "rrw");
  ml_loop_fd_free(NULL);
  close(pair[0]);
  close(pair[1]);
  ml_loop_free(f.loop);
}

static void on_last(void *arg, bool readable, bool writable) {
  end *e = arg;

  (void)readable;
  (void)writable;
  say(e->f, "x");
  ml_loop_fd_free(e->watch);
}

/* Readable and writable at once, freed at the first call. */
static void test_a_descriptor_freed_in_its_call_back(void **state) {
  fix f;
  end e = {.f = &f};
  int pair[2];

  (void)state;
  fix_open(&f);
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair),
                   0);
  assert_int_equal(write(pair[1], "x", 1), 1);
  e.watch = ml_loop_fd_new(f.loop, pair[0], on_last, &e);
  ml_loop_fd_want(e.watch, true, true);
  turn(&f);
  turn(&f);
  assert_string_equal(f.said, "x");
  close(pair[0]);
  close(pair[1]);
  ml_loop_free(f.loop);
}

static void test_signals(void **state) {
  fix f;
  ml_loop_signal *s;

  (void)state;
  fix_open(&f);
  s = ml_loop_signal_new(f.loop, SIGUSR1, say_a, &f);
  assert_non_null(s);
  assert_int_equal(raise(SIGUSR1), 0);
  assert_string_equal(f.said, "");       /* on the loop, not in the handler */
  ml_loop_turn(f.loop, 1000);
  assert_string_equal(f.said, "a");
  ml_loop_signal_free(s);
  ml_loop_signal_free(NULL);
  ml_loop_free(f.loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_timers_fire_in_order_and_never_early),
    cmocka_unit_test(test_timers_are_replaced_and_stopped),
    cmocka_unit_test(test_many_timers),
    cmocka_unit_test(test_a_timer_may_set_or_free_itself),
    cmocka_unit_test(test_run_until_stopped),
    cmocka_unit_test(test_later_runs_once_in_order),
    cmocka_unit_test(test_later_with_many),
    cmocka_unit_test(test_later_is_cancelled_while_running),
    cmocka_unit_test(test_without_memory),
    cmocka_unit_test(test_wake_from_another_thread),
    cmocka_unit_test(test_descriptors),
    cmocka_unit_test(test_a_descriptor_freed_in_its_call_back),
    cmocka_unit_test(test_signals)
  };

  return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
