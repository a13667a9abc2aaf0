/* store_suite.c - a fresh store for each test, and the tests in turn. */
#include "store_suite_in.h"

static void note_rc(void *arg, ml_batch *b, ml_rc rc) {
  (void)b;
  *(ml_rc *)arg = rc;
}

ml_rc suite_commit(ml_store *s, ml_batch *b) {
  ml_rc rc = ML_RC_COUNT;

  ml_store_submit(s, b, note_rc, &rc);
  ml_store_wait(s);
  return rc;
}

ml_batch *suite_batch(ml_store *s) {
  ml_batch *b = ml_batch_new(s);

  assert_non_null(b);
  return b;
}

ml_row_process suite_process(int64_t n) {
  ml_row_process p = {
    .n = n, .workflow = 1, .bundle = 1, .status = ML_OPEN,
    .run = ML_RUN_RUNNING, .seq = 1, .created_ms = 1000 + n,
    .updated_ms = 1000 + n, .data = ML_STR("{}"), .rest = ML_STR("r"),
  };

  memcpy(p.id, &n, sizeof n);
  return p;
}

static int setup(void **state) {
  Fx *fx = calloc(1, sizeof *fx);
  ml_err e = {0};

  assert_non_null(fx);
  fx->m = *state;
  fx->m->fresh(&fx->conf);
  if (ml_store_open(&fx->conf, &fx->s, &e) != ML_OK)
    fail_msg("%s", e.text);
  *state = fx;
  return 0;
}

static int teardown(void **state) {
  Fx *fx = *state;

  ml_mem_fail_at(0, 0);
  ml_store_close(fx->s);
  ml_arena_free(&fx->a);
  free(fx);
  return 0;
}

static int run_part(const store_maker *m, suite_part p) {
  struct CMUnitTest tests[64];

  if (p.count > LEN(tests))
    return 1;
  for (size_t i = 0; i < p.count; i++) {
    tests[i] = p.tests[i];
    tests[i].setup_func = setup;
    tests[i].teardown_func = teardown;
    tests[i].initial_state = (void *)m;
  }
  return _cmocka_run_group_tests(m->name, tests, p.count, NULL, NULL);
}

int store_suite_run(const store_maker *m) {
  int failed = run_part(m, store_suite_rows()) +
               run_part(m, store_suite_lists()) +
               run_part(m, store_suite_unique()) +
               run_part(m, store_suite_object()) +
               run_part(m, store_suite_replay()) +
               run_part(m, store_suite_age()) +
               run_part(m, store_suite_transaction()) +
               run_part(m, store_suite_batches());

  if (m->lasting)
    failed += run_part(m, store_suite_lasting()) +
              run_part(m, store_suite_age_lasting());
  if (m->threaded)
    failed += run_part(m, store_suite_threaded());
  return failed;
}
