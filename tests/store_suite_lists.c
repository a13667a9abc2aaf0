/* store_suite_lists.c - what is due, lists and inboxes, each against a plain
** loop over everything. */
#include "store_suite_in.h"

#include "base/rand.h"

/* ---- due ---- */

static void expect_due(Fx *fx, Q *q, const int64_t *ns, size_t n) {
  assert_rc(ask(fx, r_due, q), ML_OK);
  assert_int_equal(q->count, n);
  for (size_t i = 0; i < n; i++)
    assert_int_equal(q->u.due[i].n, ns[i]);
}

static void what_is_due(void **state) {
  Fx *fx = *state;
  const int64_t dues[] = {500, 0, -300, 100, 1000, -2000, 300, 100};
  Q q = {.n = 500, .limit = 64, .lease = 5000};
  ml_row_process p;

  for (size_t i = 0; i < LEN(dues); i++) {
    p = suite_process((int64_t)i + 1);
    p.due = dues[i];
    assert_rc(put_process(fx, &p), ML_OK);
  }
  /* moments and ended leases together, oldest first, then by number */
  expect_due(fx, &q, (int64_t[]){4, 8, 3, 7, 1}, 5);
  assert_int_equal(q.u.due[2].due, -300);
  assert_int_equal(q.u.due[4].due, 500);
  q.n = 499;
  expect_due(fx, &q, (int64_t[]){4, 8, 3, 7}, 4);
  q.n = 99;
  expect_due(fx, &q, NULL, 0);
  q.n = 500;
  q.lease = 1501;                       /* -2000 is no lease of those there are */
  expect_due(fx, &q, (int64_t[]){4, 8, 3, 7, 1}, 5);
  q.lease = 1500;
  expect_due(fx, &q, (int64_t[]){4, 8, 3, 7, 1}, 5);
  q.lease = 1499;                       /* ... now it is: the clock went back */
  expect_due(fx, &q, (int64_t[]){4, 8, 3, 7, 1, 6}, 6);
  q.n = 200;                            /* the ended one, still to come, too */
  q.lease = 99;
  expect_due(fx, &q, (int64_t[]){4, 8, 3, 6}, 4);
  q.n = 500;
  q.lease = 0;                          /* first scan: every lease has ended */
  expect_due(fx, &q, (int64_t[]){4, 8, 3, 7, 1, 6}, 6);
  for (size_t page = 1; page <= 8; page++) {   /* pages of any size */
    const int64_t want[] = {4, 8, 3, 7, 1, 6};
    size_t got = 0;

    q.at = (ml_due_item){0, 0};
    q.limit = (page + 1) / 2;
    q.lease = page % 2 ? 0 : 1499;
    for (;;) {
      assert_rc(ask(fx, r_due, &q), ML_OK);
      if (q.count == 0)
        break;
      for (size_t i = 0; i < q.count; i++)
        assert_int_equal(q.u.due[i].n, want[got++]);
      q.at = q.u.due[q.count - 1];
    }
    assert_int_equal(got, 6);
  }
  assert_rc(ask(fx, r_next_due, &q), ML_OK);
  assert_int_equal(q.num[0], 100);
  for (int64_t n = 1; n <= (int64_t)LEN(dues); n++) {
    p = suite_process(n);
    p.seq_was = 1;
    p.seq = 2;
    p.due = n == 6 ? -2000 : 0;
    assert_rc(put_process(fx, &p), ML_OK);
  }
  assert_rc(ask(fx, r_next_due, &q), ML_OK);
  assert_int_equal(q.num[0], 2000);
}

/* Hundreds at one moment, moments and leases, in pages. */
static void many_at_one_moment(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);
  Q q = {.n = 1000, .limit = 60, .lease = 5000};
  int64_t n = 0;

  for (int64_t i = 1; i <= 500; i++) {
    ml_row_process p = suite_process(i);

    p.due = i % 3 ? 700 : -700;
    ml_batch_process(b, &p);
  }
  assert_rc(done(fx, b), ML_OK);
  do {
    assert_rc(ask(fx, r_due, &q), ML_OK);
    for (size_t i = 0; i < q.count; i++) {
      assert_int_equal(q.u.due[i].n, ++n);
      assert_int_equal(q.u.due[i].due, n % 3 ? 700 : -700);
      q.at = q.u.due[i];
    }
  } while (q.count > 0);
  assert_int_equal(n, 500);
  q.n = 699;                        /* a cursor past now gives nothing */
  q.at.n = 5;
  assert_rc(ask(fx, r_due, &q), ML_OK);
  assert_int_equal(q.count, 0);
}

/* ---- lists ---- */

static const char *const names[] = {NULL, "aiko", "ben", ""};
enum { MANY = 240 };

static void put_many(Fx *fx, ml_row_process *ps) {
  ml_batch *b = suite_batch(fx->s);
  ml_rand_seeded r;

  ml_rand_seed(&r, 42);
  for (int64_t i = 0; i < MANY; i++) {
    ml_row_process p = suite_process(i + 1);

    p.workflow = (uint32_t)ml_rand_between(&r.base, 1, 3);
    p.status = (ml_status)ml_rand_between(&r.base, 0, 2);
    p.run = (ml_runs)ml_rand_between(&r.base, 0, ML_RUN_COUNT - 1);
    p.deleted = ml_rand_between(&r.base, 0, 5) == 0;
    p.parent_n = ml_rand_between(&r.base, 0, 3);
    p.state = ml_str_of(names[ml_rand_between(&r.base, 0, 3)]);
    p.assigned_to = ml_str_of(names[ml_rand_between(&r.base, 0, 3)]);
    ps[i] = p;
    ml_batch_process(b, &p);
  }
  assert_rc(done(fx, b), ML_OK);
}

static bool fits(const ml_row_process *p, const ml_find_process *f) {
  return (f->workflow == 0 || p->workflow == f->workflow) &&
         (f->status < 0 || (int)p->status == f->status) &&
         (f->run < 0 || (int)p->run == f->run) &&
         (f->state.p == NULL || ml_str_eq(p->state, f->state)) &&
         (f->assigned_to.p == NULL ||
          ml_str_eq(p->assigned_to, f->assigned_to)) &&
         (f->parent_n == 0 || p->parent_n == f->parent_n) &&
         (f->deleted || !p->deleted);
}

/* Random filters, page by page, against a loop over everything. */
static void lists_find_what_fits(void **state) {
  Fx *fx = *state;
  static ml_row_process ps[MANY];
  ml_rand_seeded r;

  put_many(fx, ps);
  ml_rand_seed(&r, 7);
  for (int round = 0; round < 400; round++) {
    int64_t more = 0;
    ml_find_process f = {
      .workflow = (uint32_t)ml_rand_between(&r.base, 0, 3),
      .status = (int)ml_rand_between(&r.base, -1, 2),
      .run = (int)ml_rand_between(&r.base, -1, ML_RUN_COUNT - 1),
      .state = ml_str_of(names[ml_rand_between(&r.base, 0, 3)]),
      .assigned_to = ml_str_of(names[ml_rand_between(&r.base, 0, 3)]),
      .parent_n = ml_rand_between(&r.base, 0, 3),
      .deleted = ml_rand_between(&r.base, 0, 1),
      .limit = (size_t)ml_rand_between(&r.base, 1, 50),
      .more = round % 2 ? &more : NULL,
    };
    Q q = {.in = &f};
    int64_t n = MANY;

    do {
      ml_row_process *got;

      assert_rc(ask(fx, r_processes, &q), ML_OK);
      got = q.out;
      for (size_t i = 0; i < q.count; i++, n--) {
        while (n > 0 && !fits(&ps[n - 1], &f))
          n--;
        assert_true(n > 0);
        assert_int_equal(got[i].n, n);
        assert_str(got[i].data, "{}");
        f.before_n = n;
      }
      if (f.more != NULL)
        f.before_n = more;
    } while (f.more != NULL ? more != 0 : q.count == f.limit);
    while (n > 0 && !fits(&ps[n - 1], &f))
      n--;
    assert_int_equal(n, 0);
    ml_arena_free(&fx->a);
  }
}

/* A rare filter on many: the page is cut, and its cursor leads on. */
static void a_rare_filter_costs_a_bounded_page(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);
  int64_t more = 0;
  ml_find_process f = {.status = ML_CANCELLED, .run = -1, .limit = 10,
                       .more = &more};
  Q q = {.in = &f};
  int pages = 0;
  size_t found = 0;

  for (int64_t n = 1; n <= 45000; n++) {
    ml_row_process p = suite_process(n);

    p.status = n == 5 ? ML_CANCELLED : ML_COMPLETED;
    ml_batch_process(b, &p);
  }
  assert_rc(done(fx, b), ML_OK);
  do {
    assert_rc(ask(fx, r_processes, &q), ML_OK);
    found += q.count;
    f.before_n = more;
    pages++;
  } while (f.before_n != 0);
  assert_int_equal(found, 1);
  assert_int_equal(pages, 3);           /* 45,000 rows, 20,000 a page */
  f.before_n = 0;
  f.more = NULL;
  assert_rc(ask(fx, r_processes, &q), ML_OK);
  assert_int_equal(q.count, 1);         /* without a cursor: all the way */
}

static ml_row_task task_of(int64_t n, uint32_t no) {
  return (ml_row_task){.n = n, .no = no, .act = no, .lane = 1,
                       .created_ms = 5, .label = ML_STR("1-1"),
                       .title = ML_STR("License")};
}

static void tasks_come_back_and_are_replaced(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);
  ml_row_task t = task_of(1, 2), *got;
  Q q = {.n = 1};

  t.due_ms = 77;
  ml_batch_task(b, &t);
  t.no = 1;
  ml_batch_task(b, &t);
  assert_rc(done(fx, b), ML_OK);
  b = suite_batch(fx->s);
  t.status = ML_TASK_COMPLETED;
  t.ended_ms = 80;
  t.assignee = ML_STR("aiko");
  t.outcome = ML_STR("built");
  t.failed = true;
  ml_batch_task(b, &t);
  assert_rc(done(fx, b), ML_OK);
  assert_rc(ask(fx, r_tasks_of, &q), ML_OK);
  got = q.out;
  assert_int_equal(q.count, 2);
  assert_int_equal(got[0].no, 1);
  assert_int_equal(got[0].status, ML_TASK_COMPLETED);
  assert_int_equal(got[0].ended_ms, 80);
  assert_str(got[0].assignee, "aiko");
  assert_str(got[0].outcome, "built");
  assert_true(got[0].failed);
  assert_false(got[1].failed);
  assert_int_equal(got[1].status, ML_TASK_OPEN);
  assert_int_equal(got[1].due_ms, 77);
  assert_none(got[1].assignee);
  assert_str(got[1].label, "1-1");
  assert_str(got[1].title, "License");
}

static bool task_fits_(const ml_row_task *t, const ml_find_task *f) {
  bool in = f->lanes == NULL && f->user.p == NULL;

  if (f->status >= 0 && (int)t->status != f->status)
    return false;
  if (!in && t->assignee.p == NULL) {
    in = f->any_lane;
    for (size_t i = 0; i < f->lane_count; i++)
      in = in || f->lanes[i] == t->lane;
  }
  return in || (f->user.p != NULL && ml_str_eq(f->user, t->assignee));
}

static void inboxes_show_what_one_may_do(void **state) {
  Fx *fx = *state;
  static ml_row_task ts[300];
  static const uint32_t lanes[] = {2, 3, 2, 1};
  ml_batch *b = suite_batch(fx->s);
  ml_rand_seeded r;

  ml_rand_seed(&r, 11);
  for (int i = 0; i < 300; i++) {
    ts[i] = task_of(1 + i / 3, 1 + (uint32_t)(i % 3) * 2);
    ts[i].lane = (uint32_t)ml_rand_between(&r.base, 1, 4);
    ts[i].status = (ml_tasks)(ml_rand_between(&r.base, 0, 5) > 3);
    ts[i].assignee = ml_str_of(names[ml_rand_between(&r.base, 0, 2)]);
    ml_batch_task(b, &ts[i]);
  }
  assert_rc(done(fx, b), ML_OK);
  for (int round = 0; round < 200; round++) {
    ml_task_at more = {0, 0};
    ml_find_task f = {
      .lane_count = (size_t)ml_rand_between(&r.base, 0, 4),
      .any_lane = ml_rand_between(&r.base, 0, 3) == 0,
      .user = ml_str_of(names[ml_rand_between(&r.base, 0, 2)]),
      .status = (int)ml_rand_between(&r.base, -1, 1),
      .limit = (size_t)ml_rand_between(&r.base, 1, 40),
      .more = round % 2 ? &more : NULL,
    };
    Q q = {.in = &f};
    int i = 0;

    f.lanes = f.lane_count > 0 || ml_rand_between(&r.base, 0, 1) ? lanes : NULL;
    do {
      ml_row_task *got;

      assert_rc(ask(fx, r_tasks, &q), ML_OK);
      got = q.out;
      for (size_t k = 0; k < q.count; k++, i++) {
        while (i < 300 && !task_fits_(&ts[i], &f))
          i++;
        assert_true(i < 300);
        assert_int_equal(got[k].n, ts[i].n);
        assert_int_equal(got[k].no, ts[i].no);
        assert_true(ml_str_eq(got[k].assignee, ts[i].assignee));
        f.after_n = got[k].n;
        f.after_no = got[k].no;
      }
      if (f.more != NULL) {
        f.after_n = more.n;
        f.after_no = more.no;
      }
    } while (f.more != NULL ? more.n != 0 : q.count == f.limit);
    while (i < 300 && !task_fits_(&ts[i], &f))
      i++;
    assert_int_equal(i, 300);
    ml_arena_free(&fx->a);
  }
  {
    uint32_t many[65] = {0};
    ml_find_task f = {.lanes = many, .lane_count = 65, .limit = 1};
    Q q = {.in = &f};

    assert_rc(ask(fx, r_tasks, &q), ML_LIMIT);
    f.lane_count = 64;
    assert_rc(ask(fx, r_tasks, &q), ML_OK);
  }
}

static void counts_of_open_things(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);
  Q q = {0};

  for (int64_t n = 1; n <= 20; n++) {
    ml_row_process p = suite_process(n);
    ml_row_task t = task_of(n, 1);

    p.status = n <= 12 ? ML_OPEN : n <= 16 ? ML_COMPLETED : ML_CANCELLED;
    p.run = n % 4 == 0 ? ML_RUN_ERROR : n % 4 == 1 ? ML_RUN_FAILURE
                                                   : ML_RUN_RUNNING;
    p.deleted = n == 12;
    t.status = n <= 5 ? ML_TASK_OPEN : ML_TASK_CANCELLED;
    ml_batch_process(b, &p);
    ml_batch_task(b, &t);
  }
  assert_rc(done(fx, b), ML_OK);
  assert_rc(ask(fx, r_counts, &q), ML_OK);
  assert_int_equal(q.num[0], 11);
  assert_int_equal(q.num[1], 5);
  assert_int_equal(q.num[2], 5);        /* 1 4 5 8 9; 12 is deleted */
}

suite_part store_suite_lists(void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_due),
    cmocka_unit_test(many_at_one_moment),
    cmocka_unit_test(lists_find_what_fits),
    cmocka_unit_test(a_rare_filter_costs_a_bounded_page),
    cmocka_unit_test(tasks_come_back_and_are_replaced),
    cmocka_unit_test(inboxes_show_what_one_may_do),
    cmocka_unit_test(counts_of_open_things),
  };

  return (suite_part){tests, LEN(tests)};
}
