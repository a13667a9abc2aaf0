/*
** test_sandbox_cases.c - hostile and honest scripts, one a file in
** tests/sandbox/cases: each must end as its first line says, and leave
** nothing behind for the next.
**
** Every case runs in one and the same box, restored each time; in between, a
** good activity must give the same bytes as in a state that nobody used.  In
** counting mode all is deterministic: a second run uses the same units.  In
** serve mode a loop may be stopped by the clock instead of the count.
*/
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lua.h>

#include "script/box.h"
#include "slow_build.h"

#define FOLDER "tests/sandbox/cases"
#define CASES 400
#define LEAST 120

static const char good[] =
    "local t = {}\n"
    "for k, v in pairs { b = 1, a = 2, 10, 20 } do t[#t + 1] = k .. '=' .. v end\n"
    "return function(ctx)\n"
    "  local n = 0\n"
    "  for k in pairs(_G) do n = n + #k end\n"
    "  local co = coroutine.wrap(function(a) return coroutine.yield(a * 2) end)\n"
    "  t[#t + 1] = co(21) .. ' ' .. n .. ' ' .. math.random(1000000)\n"
    "  t[#t + 1] = ('key=value'):gsub('(%w+)=(%w+)', '%2=%1')\n"
    "  t[#t + 1] = string.format('%5.2f|%s|%q', 2.5, ctx, 'x')\n"
    "  t[#t + 1] = tostring(leaked) .. tostring(string.format) .. #('x'):rep(99)\n"
    "  t[#t + 1] = require 'cjson'.encode { z = 1, a = { 1, 2 } }\n"
    "  return table.concat(t, ' ')\n"
    "end\n";

static char *names[CASES];
static int count;

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static int find_cases(void **state) {
  DIR *d = opendir(FOLDER);
  struct dirent *f;

  (void)state;
  if (d == NULL)
    return -1;
  while (count < CASES && (f = readdir(d)) != NULL)
    if (strlen(f->d_name) > 4 &&
        strcmp(f->d_name + strlen(f->d_name) - 4, ".lua") == 0)
      names[count++] = strdup(f->d_name);
  closedir(d);
  qsort(names, (size_t)count, sizeof *names, by_text);
  return 0;
}

static int forget_cases(void **state) {
  (void)state;
  while (count > 0)
    free(names[--count]);
  return 0;
}

static char *read_case(const char *name, char *expect, size_t size) {
  char path[300], *text, *line;
  size_t n;
  FILE *f;

  snprintf(path, sizeof path, FOLDER "/%s", name);
  f = fopen(path, "rb");
  if (f == NULL)
    fail_msg("%s cannot be read", path);
  text = calloc(1, 65536);
  assert_non_null(text);
  n = fread(text, 1, 65535, f);
  assert_true(n > 0);
  fclose(f);
  line = text;
  if (strncmp(line, "-- expect: ", 11) != 0)
    fail_msg("%s does not begin with '-- expect: '", path);
  snprintf(expect, size, "%.*s", (int)strcspn(line + 11, "\n"), line + 11);
  return text;
}

/* Load a source on the box's coroutine and leave the function it returns. */
static void load(ml_box *b, const char *source) {
  lua_State *co = ml_box_thread(b);
  ml_err e = {0};
  int n;

  assert_int_equal(ml_box_add_source(b, "case.lua", ml_str_of(source)), ML_OK);
  if (ml_box_load(b, co, "case.lua", &e) != ML_BOX_OK ||
      ml_box_resume(b, co, 0, &n, &e) != ML_BOX_OK || n != 1)
    fail_msg("%s: %s", e.at, e.text);
}

static ml_box_class run(ml_box *b, const char *source, ml_err *e) {
  lua_State *co = ml_box_thread(b);
  int n;

  ml_box_restore(b);
  ml_box_seed(b, "seed", 4);
  load(b, source);
  lua_pushliteral(co, "ctx");
  return ml_box_resume(b, co, 1, &n, e);
}

/* What the good activity gives here. */
static char *run_good(ml_box *b) {
  ml_err e = {0};

  if (run(b, good, &e) != ML_BOX_OK)
    fail_msg("the good activity: %s: %s\n%s", e.at, e.text,
             ml_box_traceback(b));
  return strdup(lua_tostring(ml_box_thread(b), -1));
}

enum { CLOCK_MS = 60 * SLOW_BUILD };

static ml_box *new_box(bool counting) {
  ml_box_limits limits = {.units = 4000000, .memory = (size_t)16 << 20,
                          .soft_ms = counting ? 60000 : CLOCK_MS,
                          .counting = counting};
  ml_box *b;

  assert_int_equal(ml_box_new(&limits, &b), ML_OK);
  assert_int_equal(ml_box_freeze(b), ML_OK);
  return b;
}

static bool as_expected(const char *expect, ml_box_class c, bool counting) {
  return strcmp(ml_box_class_name(c), expect) == 0 ||
         (!counting && c == ML_BOX_CLOCK &&
          (strcmp(expect, "cpu-limit") == 0 ||
           strcmp(expect, "memory-limit") == 0));
}

/* All cases in one box; how many ended otherwise. */
static int run_all(bool counting) {
  ml_box *b = new_box(counting), *fresh = new_box(counting);
  char *reference = run_good(fresh);
  int i, wrong = 0;

  for (i = 0; i < count; i++) {
    ml_err e = {0};
    char expect[40], *source = read_case(names[i], expect, sizeof expect);
    ml_box_class c = run(b, source, &e);
    uint64_t units = ml_box_units(b);
    char *after;

    if (!as_expected(expect, c, counting)) {
      print_error("%s: %s, not %s: %s %s\n", names[i], ml_box_class_name(c),
                  expect, e.at, e.text);
      wrong++;
    }
    if (counting && (run(b, source, &e) != c || ml_box_units(b) != units)) {
      print_error("%s: %llu units, then %llu\n", names[i],
                  (unsigned long long)units,
                  (unsigned long long)ml_box_units(b));
      wrong++;
    }
    after = run_good(b);
    if (strcmp(after, reference) != 0) {
      print_error("after %s: %s\n", names[i], after);
      wrong++;
    }
    free(after);
    free(source);
  }
  free(reference);
  ml_box_free(b);
  ml_box_free(fresh);
  return wrong;
}

static void every_case_ends_as_it_says(void **state) {
  (void)state;
  assert_true(count >= LEAST);
  assert_int_equal(run_all(true), 0);
}

/* Under the thread sanitizer each search reads all of a text, so that the clock
** stops sound ones too; workers are never built with it (Makefile). */
#ifndef __SANITIZE_THREAD__
static void the_clock_stops_what_the_count_does_not_see(void **state) {
  (void)state;
  assert_int_equal(run_all(false), 0);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_case_ends_as_it_says),
#ifndef __SANITIZE_THREAD__
    cmocka_unit_test(the_clock_stops_what_the_count_does_not_see),
#endif
  };

  return cmocka_run_group_tests(tests, find_cases, forget_cases);
}
