/*
** test_bound.c - which value of a limit counts, who set it, and how it is
** written.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "model/bound.h"

static void the_least_that_is_set_counts(void **state) {
  ml_bounds author = {{0}}, engine = {{0}};
  const char *by;

  (void)state;
  for (ml_bound b = 0; b < ML_BOUND_COUNT; b++) {
    const ml_bound_row *r = &ml_bound_rows[b];

    assert_true(r->least <= r->usual && r->usual <= r->most);
    assert_int_equal(ml_bound_of(NULL, NULL, b, &by), r->usual);
    assert_string_equal(by, "the default");
    author.v[b] = r->most;                   /* more than the default: no more */
    assert_int_equal(ml_bound_of(&author, &engine, b, &by), r->usual);
    assert_string_equal(by, "the default");
    engine.v[b] = r->most;
    author.v[b] = r->usual;
    assert_int_equal(ml_bound_of(NULL, &engine, b, &by), r->most);
    assert_string_equal(by, "set by the operator");
    if (r->usual < r->most) {
      assert_int_equal(ml_bound_of(&author, &engine, b, &by), r->usual);
      assert_string_equal(by, "set by the workflow");
    }
    engine.v[b] = author.v[b] = 0;
  }
}

static void only_what_is_lower_goes_along(void **state) {
  ml_bounds author = {{0}}, engine = {{0}}, low;

  (void)state;
  author.v[ML_BOUND_UNITS] = 30000000;
  author.v[ML_BOUND_MEMORY] = 1 << 20;
  low = ml_bounds_lower(&author, &engine);
  assert_int_equal(low.v[ML_BOUND_UNITS], 0);
  assert_int_equal(low.v[ML_BOUND_MEMORY], 1 << 20);
  engine.v[ML_BOUND_UNITS] = 40000000;
  low = ml_bounds_lower(&author, &engine);
  assert_int_equal(low.v[ML_BOUND_UNITS], 30000000);
  assert_false(ml_bounds_any(NULL));
  assert_true(ml_bounds_any(&low));
  low = ml_bounds_lower(NULL, &engine);
  assert_false(ml_bounds_any(&low));
}

static void values_are_read_and_written(void **state) {
  static const struct { ml_bound b; const char *text; uint64_t v; } good[] = {
    {ML_BOUND_UNITS, "1000", 1000}, {ML_BOUND_UNITS, "500000000", 500000000},
    {ML_BOUND_TIME, "500ms", 500}, {ML_BOUND_TIME, "30s", 30000},
    {ML_BOUND_MEMORY, "256MiB", (uint64_t)256 << 20},
    {ML_BOUND_RESULT, "64KiB", 65536}, {ML_BOUND_RESULT, "65537", 65537}};
  static const struct { ml_bound b; const char *text; } bad[] = {
    {ML_BOUND_UNITS, "999"}, {ML_BOUND_UNITS, "500000001"}, {ML_BOUND_UNITS, "1e6"},
    {ML_BOUND_UNITS, "-1"}, {ML_BOUND_UNITS, ""}, {ML_BOUND_TIME, "31s"},
    {ML_BOUND_TIME, "500"}, {ML_BOUND_TIME, "0"}, {ML_BOUND_MEMORY, "257MiB"},
    {ML_BOUND_MEMORY, "16 MiB"}, {ML_BOUND_MEMORY, "16MB"}, {ML_BOUND_MEMORY, "MiB"},
    {ML_BOUND_MEMORY, "-1MiB"}, {ML_BOUND_MEMORY, "9007199254740992GiB"},
    {ML_BOUND_RESULT, "0.5MiB"}};

  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    ml_buf b = {0};
    uint64_t v = 0;

    assert_int_equal(ml_bound_read(good[i].b, ml_str_of(good[i].text), &v, NULL),
                     ML_OK);
    assert_int_equal(v, good[i].v);
    ml_bound_put(&b, good[i].b, v);
    assert_string_equal(b.p, good[i].text);
    ml_buf_free(&b);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ml_err e = {0};
    uint64_t v = 77;

    assert_int_equal(ml_bound_read(bad[i].b, ml_str_of(bad[i].text), &v, &e),
                     ML_INVALID);
    assert_int_equal(v, 77);
    assert_memory_equal(e.text, "wants ", 6);
    assert_non_null(strstr(e.text, " from "));
  }
}

static void a_sentence_names_limit_value_and_who(void **state) {
  ml_bounds s = {.v = {[ML_BOUND_MEMORY] = 16 << 20}};

  (void)state;
  assert_string_equal(ml_bound_told(&s, NULL, ML_BOUND_MEMORY),
                      "limit memory = 16MiB, set by the workflow");
  assert_string_equal(ml_bound_told(NULL, &s, ML_BOUND_MEMORY),
                      "limit memory = 16MiB, set by the operator");
  assert_string_equal(ml_bound_told(NULL, NULL, ML_BOUND_SOURCE),
                      "limit source = 256KiB, the default");
}

/* Soft and kill in pairs: 1 s and 2 s, 30 s and 35 s; a rule 50 and 200 ms. */
static void the_kill_follows_the_time(void **state) {
  (void)state;
  assert_int_equal(ml_bound_kill_ms(1000, false), 2000);
  assert_int_equal(ml_bound_kill_ms(30000, false), 35000);
  assert_int_equal(ml_bound_kill_ms(10, false), 1010);
  assert_int_equal(ml_bound_kill_ms(50, true), 200);
  assert_int_equal(ml_bound_kill_ms(30000, true), 35000);
  assert_int_equal(ml_bound_twice(ML_BOUND_RULE_UNITS, 1000000), 2000000);
  assert_int_equal(ml_bound_twice(ML_BOUND_RULE_TIME, 20000), 30000);
}

/* A journal at its longest, and what goes with it. */
static void a_frame_holds_a_journal(void **state) {
  ml_bounds s = {{0}};

  (void)state;
  assert_int_equal(ml_bounds_frame(NULL), 16 << 20);
  s.v[ML_BOUND_JOURNAL] = 1024;
  assert_int_equal(ml_bounds_frame(&s), 16 << 20);
  s.v[ML_BOUND_JOURNAL] = ml_bound_rows[ML_BOUND_JOURNAL].most;
  s.v[ML_BOUND_RESULT] = ml_bound_rows[ML_BOUND_RESULT].most;
  assert_int_equal(ml_bounds_frame(&s), 128 << 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_least_that_is_set_counts),
    cmocka_unit_test(only_what_is_lower_goes_along),
    cmocka_unit_test(values_are_read_and_written),
    cmocka_unit_test(a_sentence_names_limit_value_and_who),
    cmocka_unit_test(the_kill_follows_the_time),
    cmocka_unit_test(a_frame_holds_a_journal),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
