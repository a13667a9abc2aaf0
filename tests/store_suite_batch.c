/* store_suite_batch.c - units, groups, order, snapshots, want of memory. */
#include "store_suite_in.h"

#include <semaphore.h>

/* ---- units and batches ---- */

static void units_stand_or_fall_alone(void **state) {
  Fx *fx = *state;
  ml_row_process p = suite_process(1), other;
  ml_row_key k = {.key = {9}, .age_ms = 1, .status = 201};
  ml_batch *b = suite_batch(fx->s);
  Q q = {.n = 3, .in = k.key, .limit = 10};

  assert_rc(put_process(fx, &p), ML_OK);
  assert_int_equal(ml_batch_unit(b), 0);          /* good */
  other = suite_process(2);
  ml_batch_process(b, &other);
  assert_int_equal(ml_batch_unit(b), 1);          /* number taken, late */
  ml_batch_key(b, &k);
  ml_batch_comment(b, &(ml_row_comment){.n = 2, .no = 1, .text = ML_STR("x")});
  ml_batch_process(b, &p);
  assert_int_equal(ml_batch_unit(b), 2);          /* stale */
  other = suite_process(2);
  other.seq_was = other.seq = 9;
  ml_batch_process(b, &other);
  assert_int_equal(ml_batch_unit(b), 3);          /* good */
  ml_batch_key(b, &k);
  other = suite_process(3);
  ml_batch_process(b, &other);
  assert_int_equal(ml_batch_unit(b), 4);          /* key of unit 3 */
  ml_batch_key(b, &k);
  assert_int_equal(ml_batch_units(b), 5);
  assert_rc(suite_commit(fx->s, b), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 0), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 1), ML_EXISTS);
  assert_rc(ml_batch_unit_rc(b, 2), ML_STALE);
  assert_rc(ml_batch_unit_rc(b, 3), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 4), ML_EXISTS);
  ml_batch_free(b);
  assert_rc(ask(fx, r_process, &q), ML_OK);
  assert_rc(ask(fx, r_key, &q), ML_OK);           /* unit 3's, not unit 1's */
  q.n = 2;
  assert_rc(ask(fx, r_process, &q), ML_OK);
  assert_int_equal(q.u.process.seq, 1);
  assert_rc(ask(fx, r_comments, &q), ML_OK);
  assert_int_equal(q.count, 0);
}

static void rows_before_a_unit_make_one(void **state) {
  Fx *fx = *state;
  ml_row_process p = suite_process(1);
  ml_batch *b = suite_batch(fx->s);

  ml_batch_history(b, &(ml_row_history){.n = 1, .seq = 1});
  ml_batch_process(b, &p);
  assert_int_equal(ml_batch_unit(b), 1);
  p.n = 2;
  ml_batch_process(b, &p);
  assert_int_equal(ml_batch_units(b), 2);
  assert_true(ml_batch_size(b) > 0);
  assert_rc(done(fx, b), ML_OK);
  get_process(fx, 1);
  get_process(fx, 2);
}

static void an_empty_batch_is_fine(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);

  assert_rc(suite_commit(fx->s, b), ML_OK);
  ml_batch_free(b);
  b = suite_batch(fx->s);
  ml_batch_unit(b);
  ml_batch_unit(b);
  assert_rc(suite_commit(fx->s, b), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 1), ML_OK);
  ml_batch_free(b);
  ml_batch_free(NULL);
}

static void a_row_too_large_fails_its_unit(void **state) {
  Fx *fx = *state;
  size_t size = (16u << 20) + 1;
  char *big = malloc(size + (1 << 20));
  ml_row_process p = suite_process(1);
  ml_batch *b = suite_batch(fx->s);

  assert_non_null(big);
  memset(big, 'x', size + (1 << 20));
  p.data = (ml_str){big, size + (1 << 20)};
  ml_batch_unit(b);
  ml_batch_process(b, &p);
  ml_batch_unit(b);
  p = suite_process(2);
  p.data = (ml_str){big, 16u << 20};               /* the most: 16 MiB */
  ml_batch_process(b, &p);
  assert_rc(suite_commit(fx->s, b), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 0), ML_LIMIT);
  assert_rc(ml_batch_unit_rc(b, 1), ML_OK);
  ml_batch_free(b);
  p = get_process(fx, 2);
  assert_int_equal(p.data.n, 16u << 20);
  assert_memory_equal(p.data.p, big, p.data.n);
  free(big);
}

static void a_batch_without_memory_writes_nothing(void **state) {
  Fx *fx = *state;
  ml_row_process p = suite_process(1);
  Q q = {.n = 1};
  int good = 0;

  for (uint64_t at = 1; good == 0; at++) {
    ml_batch *b;
    ml_rc rc = ML_RC_COUNT;

    ml_mem_fail_at(at, 0);
    b = ml_batch_new(fx->s);
    for (int i = 0; i < 20; i++) {
      ml_batch_unit(b);
      ml_batch_history(b, &(ml_row_history){.n = 1, .seq = 1 + (uint64_t)i * 2,
                                            .text = ML_STR("something")});
    }
    ml_batch_process(b, &p);
    good = !ml_batch_bad(b);
    if (good)
      ml_mem_fail_at(0, 0);
    ml_store_submit(fx->s, b, note, &rc);
    ml_store_wait(fx->s);
    ml_mem_fail_at(0, 0);
    assert_rc(rc, good ? ML_OK : ML_NOMEM);
    assert_rc(ml_batch_unit_rc(b, 0), rc);
    ml_batch_free(b);
    assert_rc(ask(fx, r_process, &q), good ? ML_OK : ML_NOT_FOUND);
    assert_true(at < 100);
  }
}

/* The n-th allocation of a read fails: a clean answer, and the next works. */
static void a_read_without_memory(void **state) {
  Fx *fx = *state;
  ml_row_process p = suite_process(1);
  ml_find_process f = {.status = -1, .run = -1, .limit = 10};
  ml_batch *b = suite_batch(fx->s);
  Q q = {.in = &f};
  size_t refused = 0;

  ml_batch_process(b, &p);
  for (uint64_t i = 1; i <= 200; i++)
    ml_batch_history(b, &(ml_row_history){.n = 1, .seq = i,
                                          .text = ML_STR("a long enough text")});
  assert_rc(done(fx, b), ML_OK);
  for (uint64_t at = 1; at < 40; at++) {
    ml_arena_free(&fx->a);
    q.n = 1;
    q.limit = 1000;
    ml_mem_fail_at(at / 2 + 2, 0);     /* 1 is the job itself */
    if (ask(fx, at % 2 ? r_history : r_processes, &q) == ML_NOMEM)
      refused++;
    else
      assert_rc(q.rc, ML_OK);
    ml_mem_fail_at(0, 0);
  }
  assert_true(refused >= 4 && refused < 30);
  assert_rc(ask(fx, r_history, &q), ML_OK);
  assert_int_equal(q.count, 200);
}

/* ---- threads, order, closing ---- */

typedef struct Order {
  int next;
  int wrong;
} Order;
typedef struct Turn {
  Order *o;
  int mine;
} Turn;

static void in_turn(void *arg, ml_batch *b, ml_rc rc) {
  Turn *t = arg;

  t->o->wrong += rc != ML_OK || t->o->next != t->mine;
  t->o->next++;
  ml_batch_free(b);
}

static void batches_come_back_in_order(void **state) {
  Fx *fx = *state;
  Order o = {0, 0};
  Turn turns[200];

  for (int i = 0; i < 200; i++) {
    ml_batch *b = suite_batch(fx->s);
    ml_row_process p = suite_process(i + 1);

    turns[i] = (Turn){&o, i};
    if (i % 5 != 0)                  /* empty ones keep their place too */
      ml_batch_process(b, &p);
    ml_store_submit(fx->s, b, in_turn, &turns[i]);
  }
  assert_int_equal(ml_store_pending(fx->s), 200);
  ml_store_wait(fx->s);
  assert_int_equal(ml_store_pending(fx->s), 0);
  assert_int_equal(o.next, 200);
  assert_int_equal(o.wrong, 0);
  assert_int_equal(ml_store_last_n(fx->s), 200);
}

static void closing_finishes_what_was_handed_over(void **state) {
  Fx *fx = *state;
  Order o = {0, 0};
  Turn turns[50];
  ml_err e = {0};

  for (int i = 0; i < 50; i++) {
    ml_batch *b = suite_batch(fx->s);
    ml_row_process p = suite_process(i + 1);

    turns[i] = (Turn){&o, i};
    ml_batch_process(b, &p);
    ml_store_submit(fx->s, b, in_turn, &turns[i]);
  }
  ml_store_close(fx->s);
  fx->s = NULL;
  assert_int_equal(o.next, 50);
  assert_int_equal(o.wrong, 0);
  if (!fx->m->lasting)
    return;
  assert_rc(ml_store_open(&fx->conf, &fx->s, &e), ML_OK);
  assert_int_equal(ml_store_last_n(fx->s), 50);
}

/* The writer is held between two groups; what comes meanwhile is one. */
static sem_t held, go;

static void hold(void *arg) {
  int *left = arg;

  if ((*left)-- != 1)
    return;
  sem_post(&held);
  while (sem_wait(&go) != 0) {}
}

static void what_queues_up_shares_a_commit(void **state) {
  Fx *fx = *state;
  ml_store_stats before, after;
  Order o = {0, 0};
  Turn turns[201];
  int left = 1;
  bool two = fx->m->threaded;

  if (!two)
    left = 0;                            /* nobody to hold */
  sem_init(&held, 0, 0);
  sem_init(&go, 0, 0);
  fx->m->fresh(&fx->conf);
  fx->conf.notify = hold;
  fx->conf.notify_arg = &left;
  reopen(fx);
  ml_store_stats_get(fx->s, &before);
  for (int i = 0; i <= 200; i++) {
    ml_batch *b = suite_batch(fx->s);
    ml_row_process p = suite_process(i + 1);

    turns[i] = (Turn){&o, i};
    ml_batch_process(b, &p);
    ml_store_submit(fx->s, b, in_turn, &turns[i]);
    if (i == 0 && two)
      while (sem_wait(&held) != 0) {}
  }
  if (two)
    sem_post(&go);
  ml_store_wait(fx->s);
  ml_store_stats_get(fx->s, &after);
  assert_int_equal(o.wrong, 0);
  assert_int_equal(after.commits - before.commits, two ? 2 : 201);
  assert_int_equal(after.batches - before.batches, 201);
  assert_int_equal(after.units - before.units, 201);
  assert_int_equal(after.rows - before.rows, 201);
  if (fx->m->lasting)
    assert_int_equal(after.syncs - before.syncs, two ? 2 : 201);
  sem_destroy(&held);
  sem_destroy(&go);
}

/* A group may not grow without end: 500 units a commit. */
static void a_commit_has_a_most(void **state) {
  Fx *fx = *state;
  ml_store_stats before, after;
  Order o = {0, 0};
  static Turn turns[1201];
  int left = 1;

  sem_init(&held, 0, 0);
  sem_init(&go, 0, 0);
  fx->m->fresh(&fx->conf);
  fx->conf.notify = hold;
  fx->conf.notify_arg = &left;
  reopen(fx);
  ml_store_stats_get(fx->s, &before);
  for (int i = 0; i <= 1200; i++) {
    ml_batch *b = suite_batch(fx->s);
    ml_row_process p = suite_process(i + 1);

    turns[i] = (Turn){&o, i};
    ml_batch_process(b, &p);
    ml_store_submit(fx->s, b, in_turn, &turns[i]);
    if (i == 0)
      while (sem_wait(&held) != 0) {}
  }
  sem_post(&go);
  ml_store_wait(fx->s);
  ml_store_stats_get(fx->s, &after);
  assert_int_equal(o.wrong, 0);
  assert_int_equal(after.commits - before.commits, 1 + 3);   /* 500 500 200 */
  sem_destroy(&held);
  sem_destroy(&go);
}

/* One bad unit among many queued batches: the others stand. */
static void a_bad_unit_in_a_group(void **state) {
  Fx *fx = *state;
  ml_row_process taken = suite_process(50);
  ml_batch *bs[100];
  ml_rc rcs[100];

  assert_rc(put_process(fx, &taken), ML_OK);
  for (int i = 0; i < 100; i++) {
    ml_row_process p = suite_process(i + 1);

    bs[i] = suite_batch(fx->s);
    ml_batch_process(bs[i], &p);
    ml_store_submit(fx->s, bs[i], note, &rcs[i]);
  }
  ml_store_wait(fx->s);
  for (int i = 0; i < 100; i++) {
    assert_rc(rcs[i], ML_OK);
    assert_rc(ml_batch_unit_rc(bs[i], 0), i == 49 ? ML_EXISTS : ML_OK);
    ml_batch_free(bs[i]);
  }
}

typedef struct Peek {
  sem_t in, go;
  ml_arena a;
  ml_rc first, second, after;
} Peek;

static void peek_twice(void *arg, ml_read *r) {
  Peek *p = arg;
  ml_row_process row;

  p->first = ml_read_process(r, &p->a, 1, &row);
  sem_post(&p->in);
  while (sem_wait(&p->go) != 0) {}
  p->second = ml_read_process(r, &p->a, 1, &row);
}

static void peek_after(void *arg, ml_read *r) {
  Peek *p = arg;
  ml_row_process row;

  p->after = ml_read_process(r, &p->a, 1, &row);
}

/* A job sees one state, the next one sees every commit reported before. */
static void a_job_is_one_snapshot(void **state) {
  Fx *fx = *state;
  ml_row_process row = suite_process(1);
  ml_rc rc = ML_RC_COUNT;
  ml_batch *b = suite_batch(fx->s);
  Peek p = {0};

  sem_init(&p.in, 0, 0);
  sem_init(&p.go, 0, 0);
  ml_batch_process(b, &row);
  if (!fx->m->threaded)
    sem_post(&p.go);                      /* inline: nobody else could */
  assert_rc(ml_store_read(fx->s, peek_twice, NULL, &p), ML_OK);
  while (sem_wait(&p.in) != 0) {}
  ml_store_submit(fx->s, b, note, &rc);
  while (rc == ML_RC_COUNT)
    ml_store_reap(fx->s);
  assert_rc(rc, ML_OK);
  sem_post(&p.go);
  assert_rc(ml_store_read(fx->s, peek_after, NULL, &p), ML_OK);
  ml_store_wait(fx->s);
  assert_rc(p.first, ML_NOT_FOUND);
  assert_rc(p.second, ML_NOT_FOUND);
  assert_rc(p.after, ML_OK);
  ml_batch_free(b);
  ml_arena_free(&p.a);
  sem_destroy(&p.in);
  sem_destroy(&p.go);
}

typedef struct Slow {
  ml_clock_fake clock;
  ml_arena a;
  ml_rc soon, late;
} Slow;

static void read_slowly(void *arg, ml_read *r) {
  Slow *w = arg;
  ml_row_process row;

  w->soon = ml_read_process(r, &w->a, 1, &row);
  ml_clock_fake_pass(&w->clock, 5001);
  w->late = ml_read_process(r, &w->a, 1, &row);
}

/* An open reader keeps the log from being reused: five seconds, no more. */
static void a_job_may_not_take_for_ever(void **state) {
  Fx *fx = *state;
  Slow w = {.soon = ML_RC_COUNT};

  ml_clock_fake_init(&w.clock, 1000);
  fx->m->fresh(&fx->conf);
  fx->conf.clock = &w.clock.base;
  reopen(fx);
  for (int i = 0; i < 2; i++) {          /* the next job has its own time */
    assert_rc(ml_store_read(fx->s, read_slowly, NULL, &w), ML_OK);
    ml_store_wait(fx->s);
    assert_rc(w.soon, ML_NOT_FOUND);
    assert_rc(w.late, ML_TIMEOUT);
  }
  ml_arena_free(&w.a);
  ml_store_close(fx->s);
  fx->s = NULL;
}

static void a_store_is_found_again(void **state) {
  Fx *fx = *state;
  ml_row_process p = suite_process(41);
  uint8_t key[16] = {3};
  ml_row_key k = {.key = {3}, .status = 200};
  ml_batch *b = suite_batch(fx->s);
  Q q = {.n = 41, .in = key};

  ml_batch_process(b, &p);
  ml_batch_key(b, &k);
  ml_batch_history(b, &(ml_row_history){.n = 41, .seq = 1,
                                        .text = ML_STR("began")});
  assert_rc(done(fx, b), ML_OK);
  for (int boot = 2; boot <= 4; boot++) {
    reopen(fx);
    assert_int_equal(ml_store_boot(fx->s), boot);
    assert_int_equal(ml_store_last_n(fx->s), 41);
    get_process(fx, 41);
    assert_rc(ask(fx, r_key, &q), ML_OK);
    assert_rc(ask(fx, r_history, &q), ML_OK);
    assert_int_equal(q.count, 1);
  }
}

suite_part store_suite_batches(void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test(units_stand_or_fall_alone),
    cmocka_unit_test(rows_before_a_unit_make_one),
    cmocka_unit_test(an_empty_batch_is_fine),
    cmocka_unit_test(a_row_too_large_fails_its_unit),
    cmocka_unit_test(a_batch_without_memory_writes_nothing),
    cmocka_unit_test(a_read_without_memory),
    cmocka_unit_test(batches_come_back_in_order),
    cmocka_unit_test(closing_finishes_what_was_handed_over),
    cmocka_unit_test(what_queues_up_shares_a_commit),
    cmocka_unit_test(a_bad_unit_in_a_group),
    cmocka_unit_test(a_job_is_one_snapshot),
    cmocka_unit_test(a_job_may_not_take_for_ever),
  };

  return (suite_part){tests, LEN(tests)};
}

suite_part store_suite_lasting(void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_store_is_found_again),
  };

  return (suite_part){tests, LEN(tests)};
}

suite_part store_suite_threaded(void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_commit_has_a_most),
  };

  return (suite_part){tests, LEN(tests)};
}
