/* store_suite_transaction.c - transactions: written with what they start or
** alone, found by what they are. */
#include "store_suite_in.h"

static ml_row_transaction a_transaction(int64_t n) {
  ml_row_transaction t = {
    .n = n, .state = ML_TX_RUNNING, .created_ms = 1000 + n, .process_n = n,
    .workflow = 3, .type = ML_STR("tenantStateChange"),
    .tenant = ML_STR("t-1"), .rule = ML_STR("map.xml:4"),
    .who = ML_STR("portal"), .payload = ML_STR("{\"a\":[1,null,\"様\"]}")};

  memset(t.id, (int)n, sizeof t.id);
  return t;
}

static void put(Fx *fx, const ml_row_transaction *t) {
  ml_batch *b = ml_batch_new(fx->s);

  ml_batch_transaction(b, t);
  assert_rc(done(fx, b), ML_OK);
}

static void move(Fx *fx, int64_t n, ml_txs state, int64_t ended, ml_str why) {
  ml_batch *b = ml_batch_new(fx->s);

  ml_batch_transaction_state(b, n, state, ended, why);
  assert_rc(done(fx, b), ML_OK);
}

typedef struct T {
  Q q;                           /* first: ask() fills it */
  ml_row_transaction row;
  ml_find_transaction find;
  ml_row_transaction *rows;
} T;

static void r_one(void *arg, ml_read *r) {
  T *t = arg;

  t->q.rc = ml_read_transaction(r, t->q.a, t->q.n, &t->row);
}

static void r_of(void *arg, ml_read *r) {
  T *t = arg;

  t->q.rc = ml_read_transaction_of(r, t->q.a, t->q.n, &t->row);
}

static void r_find(void *arg, ml_read *r) {
  T *t = arg;

  t->q.rc = ml_read_transactions(r, t->q.a, &t->find, &t->rows, &t->q.count);
}

static void r_active(void *arg, ml_read *r) {
  T *t = arg;

  t->q.rc = ml_read_transaction_active(r, t->q.text[0], t->q.text[1], t->q.n,
                                       &t->q.num[0]);
}

static void r_once(void *arg, ml_read *r) {
  T *t = arg;

  t->q.rc = ml_read_transaction_once(r, t->q.text[0], t->q.text[1],
                                     t->q.text[2], &t->q.num[0]);
}

static ml_row_transaction get(Fx *fx, int64_t n) {
  T t = {.q = {.n = n}};

  assert_rc(ask(fx, r_one, &t.q), ML_OK);
  return t.row;
}

static void TX_every_field_comes_back(void **state) {
  Fx *fx = *state;
  ml_row_transaction t = a_transaction(7), got;

  t.once = ML_STR("dns");
  put(fx, &t);
  put(fx, &(ml_row_transaction){.n = 8, .state = ML_TX_COMPLETED,
                                .created_ms = 5, .ended_ms = 5,
                                .type = ML_STR("x"),
                                .payload = ML_STR("{}")});
  for (int again = 0; again < 2; again++) {
    got = get(fx, 7);
    assert_memory_equal(got.id, t.id, 16);
    assert_int_equal(got.state, ML_TX_RUNNING);
    assert_int_equal(got.created_ms, 1007);
    assert_int_equal(got.ended_ms, 0);
    assert_int_equal(got.process_n, 7);
    assert_int_equal(got.workflow, 3);
    assert_str(got.type, "tenantStateChange");
    assert_str(got.tenant, "t-1");
    assert_str(got.rule, "map.xml:4");
    assert_none(got.message);
    assert_str(got.who, "portal");
    assert_str(got.once, "dns");
    assert_str(got.payload, "{\"a\":[1,null,\"様\"]}");
    got = get(fx, 8);
    assert_int_equal(got.process_n, 0);
    assert_none(got.tenant);
    assert_none(got.rule);
    if (fx->m->lasting)
      reopen(fx);
  }
}

static void TX_a_state_changes_nothing_else(void **state) {
  Fx *fx = *state;
  ml_row_transaction t = a_transaction(1), got;

  put(fx, &t);
  move(fx, 1, ML_TX_FAILURE, 9000, ML_STR("rejected"));
  got = get(fx, 1);
  assert_int_equal(got.state, ML_TX_FAILURE);
  assert_int_equal(got.ended_ms, 9000);
  assert_str(got.message, "rejected");
  assert_str(got.payload, "{\"a\":[1,null,\"様\"]}");
  move(fx, 1, ML_TX_RUNNING, 0, ML_NOSTR);
  got = get(fx, 1);
  assert_int_equal(got.state, ML_TX_RUNNING);
  assert_int_equal(got.ended_ms, 0);
  assert_none(got.message);
}

/* Refused with its unit: no transaction without the process it starts. */
static void TX_it_stands_or_falls_with_its_process(void **state) {
  Fx *fx = *state;
  ml_batch *b = ml_batch_new(fx->s);
  ml_row_process p = suite_process(1), twin = suite_process(1);
  ml_row_transaction one = a_transaction(1), two = a_transaction(2);
  T t = {.q = {.n = 2}};

  ml_batch_process(b, &p);
  ml_batch_transaction(b, &one);
  ml_batch_unit(b);
  ml_batch_transaction(b, &two);
  ml_batch_process(b, &twin);
  assert_rc(suite_commit(fx->s, b), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 0), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 1), ML_EXISTS);
  ml_batch_free(b);
  assert_rc(ask(fx, r_one, &t.q), ML_NOT_FOUND);
  t.q.n = 1;
  assert_rc(ask(fx, r_of, &t.q), ML_OK);
  assert_int_equal(t.row.n, 1);
}

/* Of 40: types a and b, tenants t-0 to t-3, one in five in Error. */
static void forty(Fx *fx) {
  static const char *const tenants[] = {"t-0", "t-1", "t-2", "t-3"};
  ml_batch *b = ml_batch_new(fx->s);

  for (int64_t n = 1; n <= 40; n++) {
    ml_row_transaction t = a_transaction(n);

    t.type = n % 2 == 0 ? ML_STR("a") : ML_STR("b");
    t.tenant = ml_str_of(tenants[n % 4]);
    t.state = n % 5 == 0 ? ML_TX_ERROR : n % 3 == 0 ? ML_TX_COMPLETED
                                                    : ML_TX_RUNNING;
    ml_batch_transaction(b, &t);
  }
  assert_rc(done(fx, b), ML_OK);
}

static bool fits(int64_t n, const ml_find_transaction *f) {
  char tenant[8];
  int state = n % 5 == 0 ? ML_TX_ERROR : n % 3 == 0 ? ML_TX_COMPLETED
                                                    : ML_TX_RUNNING;

  snprintf(tenant, sizeof tenant, "t-%d", (int)(n % 4));
  return (f->type.p == NULL || ml_str_is(f->type, n % 2 == 0 ? "a" : "b")) &&
         (f->tenant.p == NULL || ml_str_is(f->tenant, tenant)) &&
         (f->state < 0 || f->state == state);
}

static void TX_lists_by_every_filter_page_by_page(void **state) {
  Fx *fx = *state;
  int looked = 0;

  forty(fx);
  for (int mask = 0; mask < 4; mask++)
    for (int st = -1; st < ML_TX_COUNT; st++) {
      int64_t more = 0, want = 40;

      do {
        T t = {.find = {.state = st, .limit = 3, .before_n = more,
                        .more = &more}};

        if (mask & 1)
          t.find.type = ML_STR("b");
        if (mask & 2)
          t.find.tenant = ML_STR("t-3");
        assert_rc(ask(fx, r_find, &t.q), ML_OK);
        for (size_t i = 0; i < t.q.count; i++) {
          while (!fits(want, &t.find))
            want--;
          assert_int_equal(t.rows[i].n, want--);
          looked++;
        }
      } while (more != 0);
      for (; want > 0; want--) {
        ml_find_transaction f = {.state = st};

        if (mask & 1)
          f.type = ML_STR("b");
        if (mask & 2)
          f.tenant = ML_STR("t-3");
        assert_false(fits(want, &f));
      }
    }
  assert_true(looked > 150);
}

static void TX_what_is_active_and_what_is_enabled(void **state) {
  Fx *fx = *state;
  T t = {.q = {.n = 100, .text = {ML_STR("t-1"), ML_STR("tenantStateChange"),
                                  ML_STR("dns")}}};
  ml_row_transaction one = a_transaction(1), two = a_transaction(2);

  one.once = two.once = ML_STR("dns");
  assert_rc(ask(fx, r_active, &t.q), ML_NOT_FOUND);
  put(fx, &one);
  put(fx, &two);
  assert_rc(ask(fx, r_active, &t.q), ML_OK);
  assert_int_equal(t.q.num[0], 2);
  t.q.n = 2;                                /* before itself */
  assert_rc(ask(fx, r_active, &t.q), ML_OK);
  assert_int_equal(t.q.num[0], 1);
  assert_rc(ask(fx, r_once, &t.q), ML_NOT_FOUND);
  move(fx, 1, ML_TX_FAILURE, 5, ML_NOSTR);
  assert_rc(ask(fx, r_active, &t.q), ML_NOT_FOUND);
  assert_rc(ask(fx, r_once, &t.q), ML_NOT_FOUND);
  move(fx, 1, ML_TX_COMPLETED, 5, ML_NOSTR);
  assert_rc(ask(fx, r_once, &t.q), ML_OK);
  assert_int_equal(t.q.num[0], 1);
  t.q.text[2] = ML_STR("mail");
  assert_rc(ask(fx, r_once, &t.q), ML_NOT_FOUND);
}

static void TX_numbers_go_on_after_a_start(void **state) {
  Fx *fx = *state;
  ml_row_transaction t = a_transaction(41);

  put(fx, &t);
  if (!fx->m->lasting)
    return;
  reopen(fx);
  assert_int_equal(ml_store_last_transaction(fx->s), 41);
}

suite_part store_suite_transaction(void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test(TX_every_field_comes_back),
    cmocka_unit_test(TX_a_state_changes_nothing_else),
    cmocka_unit_test(TX_it_stands_or_falls_with_its_process),
    cmocka_unit_test(TX_lists_by_every_filter_page_by_page),
    cmocka_unit_test(TX_what_is_active_and_what_is_enabled),
    cmocka_unit_test(TX_numbers_go_on_after_a_start),
  };

  return (suite_part){tests, LEN(tests)};
}
