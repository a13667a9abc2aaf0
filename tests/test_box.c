/*
** test_box.c - a box: loading, running, freezing and restoring, parking,
** limits, and that the same script always gives the same.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lua.h>

#include "base/mem.h"
#include "script/box.h"
#include "script/region.h"

#define MIB ((size_t)1 << 20)

static ml_box *new_box(bool counting) {
  ml_box_limits limits = {.units = 1000000, .memory = 8 * MIB,
                          .soft_ms = counting ? 60000 : 50,
                          .counting = counting};
  ml_box *b;

  assert_int_equal(ml_box_new(&limits, &b), ML_OK);
  return b;
}

/* Load a source and leave what it returns on the box's coroutine. */
static void load(ml_box *b, const char *source) {
  ml_err e = {0};
  int n = 0;

  assert_int_equal(ml_box_add_source(b, "x.lua", ml_str_of(source)), ML_OK);
  if (ml_box_load(b, ml_box_thread(b), "x.lua", &e) != ML_BOX_OK ||
      ml_box_resume(b, ml_box_thread(b), 0, &n, &e) != ML_BOX_OK)
    fail_msg("%s: %s\n%s", e.at, e.text, ml_box_traceback(b));
  assert_int_equal(n, 1);
}

/* Load, run the function it returns, and give its result as a text. */
static const char *run(ml_box *b, const char *source) {
  ml_err e = {0};
  int n;

  load(b, source);
  if (ml_box_resume(b, ml_box_thread(b), 0, &n, &e) != ML_BOX_OK)
    fail_msg("%s: %s\n%s", e.at, e.text, ml_box_traceback(b));
  assert_int_equal(n, 1);
  return lua_tostring(ml_box_thread(b), -1);
}

static ml_box_class fail_with(ml_box *b, const char *source, ml_err *e) {
  int n;

  load(b, source);
  return ml_box_resume(b, ml_box_thread(b), 0, &n, e);
}

static void results_stay_on_the_coroutine(void **state) {
  ml_box *b = new_box(true);
  lua_State *co = ml_box_thread(b);
  ml_err e = {0};
  int n;

  (void)state;
  load(b, "return function(a, c) return a + c, 'two' end");
  lua_pushinteger(co, 40);
  lua_pushinteger(co, 2);
  assert_int_equal(ml_box_resume(b, co, 2, &n, &e), ML_BOX_OK);
  assert_int_equal(n, 2);
  assert_int_equal(lua_tointeger(co, -2), 42);
  assert_string_equal(lua_tostring(co, -1), "two");
  ml_box_free(b);
  ml_box_free(NULL);
}

static void an_error_says_where(void **state) {
  ml_box *b = new_box(true);
  ml_err e = {0};

  (void)state;
  assert_int_equal(fail_with(b, "local function deep()\n  error('broken')\nend\n"
                                "return function()\n  deep()\nend", &e),
                   ML_BOX_ERROR);
  assert_string_equal(e.text, "broken");
  assert_string_equal(e.at, "x.lua:2");
  assert_non_null(strstr(ml_box_traceback(b), "x.lua:2: in upvalue 'deep'"));
  assert_non_null(strstr(ml_box_traceback(b), "x.lua:5: "));
  ml_box_free(b);

  b = new_box(true);
  assert_int_equal(fail_with(b, "return function() error(setmetatable({}, "
                                "{__tostring = print})) end", &e),
                   ML_BOX_ERROR);
  assert_string_equal(e.text, "error of type table");
  ml_box_free(b);

  b = new_box(true);
  assert_int_equal(ml_box_add_source(b, "bad.lua", ML_STR("local = 1")), ML_OK);
  assert_int_equal(ml_box_load(b, ml_box_thread(b), "bad.lua", &e),
                   ML_BOX_ERROR);
  assert_string_equal(e.at, "bad.lua:1");
  assert_non_null(strstr(e.text, "name> expected near '='"));
  assert_int_equal(ml_box_load(b, ml_box_thread(b), "none.lua", &e),
                   ML_BOX_ERROR);
  assert_int_equal(ml_box_add_source(b, "code.lua", ML_STR("\x1bLua")), ML_OK);
  assert_int_equal(ml_box_load(b, ml_box_thread(b), "code.lua", &e),
                   ML_BOX_ERROR);
  assert_non_null(strstr(e.text, "binary chunk"));
  ml_box_free(b);
}

/* ---- sources ---- */

static void require_finds_the_bundle_and_the_library(void **state) {
  ml_box *b = new_box(true);

  (void)state;
  ml_box_add_source(b, "moonlane.lua", ML_STR("return { name = 'lib', list = {1} }"));
  ml_box_add_source(b, "moonlane/time.lua",
                    ML_STR("local ml = require 'moonlane' return { of = ml.name }"));
  ml_box_add_source(b, "activities/x.lua",
                    ML_STR("count = (count or 0) + 1 return { n = count, "
                           "name = ... }"));
  assert_string_equal(
      run(b, "local x, y = require 'activities.x', require 'activities.x'\n"
             "assert(x == y and x.n == 1 and x.name == 'activities.x')\n"
             "x.mine = true\n"
             "local ml, time = require 'moonlane', require 'moonlane.time'\n"
             "assert(not pcall(function() ml.name = 'other' end))\n"
             "assert(not pcall(function() ml.list[1] = 2 end))\n"
             "assert(not pcall(rawset, ml, 'name', 1))\n"
             "assert(not pcall(setmetatable, ml, {}))\n"
             "assert(#ml.list == 1 and rawlen(ml.list) == 1)\n"
             "for k, v in pairs(ml.list) do assert(k == 1 and v == 1) end\n"
             "assert(next(ml) == 'list' and rawget(ml, 'name') == 'lib')\n"
             "return function() return ml.name .. time.of end"),
      "liblib");
  ml_box_free(b);
}

static void library_sources_do_not_see_what_scripts_change(void **state) {
  ml_box *b = new_box(true);

  (void)state;
  ml_box_add_source(b, "moonlane.lua",
                    ML_STR("return { f = function() return type(1) .. "
                           "tostring(mark) end }"));
  assert_string_equal(run(b, "type = nil tostring = nil mark = 1\n"
                             "return require('moonlane').f"), "numbernil");
  ml_box_free(b);
}

static void a_cycle_is_named(void **state) {
  ml_box *b = new_box(true);

  (void)state;
  ml_box_add_source(b, "a.lua", ML_STR("return require 'b'"));
  ml_box_add_source(b, "b.lua", ML_STR("return require 'a'"));
  ml_box_add_source(b, "c.lua", ML_STR("error 'c fails'"));
  assert_non_null(strstr(
      run(b, "local ok, e = pcall(require, 'a')\n"
             "local _, c1 = pcall(require, 'c')\n"
             "local _, c2 = pcall(require, 'c')\n"
             "assert(c1 == c2 and c1:find 'c fails')\n"
             "return function() return e end"),
      "module 'a' requires itself"));
  ml_box_free(b);
}

static void host_values_become_globals(void **state) {
  ml_box *b = new_box(true);
  lua_State *L = ml_box_lua(b);

  (void)state;
  lua_newtable(L);
  lua_pushinteger(L, 7);
  lua_setfield(L, -2, "seven");
  ml_box_freeze_table(L, -1);
  ml_box_set_global(b, "ml");
  lua_pushliteral(L, "a module");
  ml_box_add_module(b, "moonlane.core");
  assert_int_equal(lua_gettop(L), 0);
  ml_box_add_source(b, "moonlane.lua", ML_STR("return function() return ml.seven end"));
  assert_string_equal(run(b, "local f = require 'moonlane' return function() "
                             "return f() .. require 'moonlane.core' end"),
                      "7a module");
  ml_box_free(b);
}

/* ---- images ---- */

static const char *const worker_source =
    "local calls = 0\n"
    "return function()\n"
    "  calls = calls + 1\n"
    "  local t = {}\n"
    "  for k, v in pairs { z = 1, y = 2, x = 3, [10] = 4 } do t[#t + 1] = k .. v end\n"
    "  t[#t + 1] = math.random(1 << 40)\n"
    "  t[#t + 1] = tostring(t) .. calls .. tostring(left)\n"
    "  left = 'behind'\n"
    "  string.format('%s', 'x')\n"
    "  return table.concat(t, ' ')\n"
    "end";

static void a_restored_state_is_a_fresh_one(void **state) {
  ml_box *b = new_box(true);
  lua_State *co = ml_box_thread(b);
  char first[300];
  uint64_t units = 0;
  ml_err e = {0};
  int n, i;

  (void)state;
  load(b, worker_source);
  assert_int_equal(ml_box_freeze(b), ML_OK);
  for (i = 0; i < 50; i++) {
    ml_box_restore(b);
    ml_box_seed(b, "key", 3);
    assert_ptr_equal(ml_box_thread(b), co);
    assert_int_equal(ml_box_resume(b, co, 0, &n, &e), ML_BOX_OK);
    if (i == 0) {
      snprintf(first, sizeof first, "%s", lua_tostring(co, -1));
      units = ml_box_units(b);
    }
    assert_string_equal(lua_tostring(co, -1), first);
    assert_int_equal(ml_box_units(b), units);
  }
  ml_box_restore(b);
  ml_box_seed(b, "other", 5);
  assert_int_equal(ml_box_resume(b, co, 0, &n, &e), ML_BOX_OK);
  assert_string_not_equal(lua_tostring(co, -1), first);
  ml_box_free(b);
}

/* Run as a worker does, for the signal's sake in a process of its own. */
static bool copies_little(void) {
  ml_err e = {0};
  size_t image, copied;
  lua_State *co;
  ml_box *b;
  int n;

  if (ml_box_tick_start(&e) != ML_OK)
    return false;
  b = new_box(false);
  co = ml_box_thread(b);
  load(b, "local t = {}\n"
          "return function() t[#t + 1] = 'written' return #t end");
  if (ml_box_freeze(b) != ML_OK)
    return false;
  for (int i = 0; i < 10; i++) {
    ml_box_restore(b);
    if (ml_box_resume(b, co, 0, &n, &e) != ML_BOX_OK ||
        lua_tointeger(co, -1) != 1)
      return false;
  }
  copied = ml_box_copied(b, &image);
  ml_box_free(b);
  return copied >= 4096 && copied * 3 < image * 2;
}

/* Its slices copy back what they write to, which is the smaller part, and are
** fresh all the same. */
static void a_worker_copies_little(void **state) {
  int status;
  pid_t pid = fork();

  (void)state;
  assert_true(pid >= 0);
  if (pid == 0)
    _exit(copies_little() ? 0 : 1);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
}

/* What the worker source gives, its units too, in a process of its own. */
static void in_a_process(char *out, size_t size) {
  int p[2], status;
  ssize_t got;
  pid_t pid;

  assert_int_equal(pipe(p), 0);
  pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    char *args[] = {(char *)"test_box", (char *)"--once", NULL};

    dup2(p[1], 1);
    execv("/proc/self/exe", args);
    _exit(1);
  }
  close(p[1]);
  got = read(p[0], out, size - 1);
  assert_true(got > 0);
  out[got] = '\0';
  close(p[0]);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
}

static int once(void) {
  ml_box *b = new_box(true);
  ml_err e = {0};
  int n;

  load(b, worker_source);
  ml_box_seed(b, "key", 3);
  if (ml_box_resume(b, ml_box_thread(b), 0, &n, &e) != ML_BOX_OK)
    return 1;
  printf("%s %llu", lua_tostring(ml_box_thread(b), -1),
         (unsigned long long)ml_box_units(b));
  ml_box_free(b);
  return 0;
}

static void two_processes_agree(void **state) {
  char a[400], b[400];

  (void)state;
  in_a_process(a, sizeof a);
  in_a_process(b, sizeof b);
  assert_string_equal(a, b);
  assert_non_null(strstr(a, "104 x3 y2 z1 "));
}

/* ---- waiting ---- */

static int wait_for(lua_State *L) {
  lua_pushvalue(L, 1);
  return ml_box_wait(L, 1, 0, NULL);
}

static int after_wait(lua_State *L, int status, lua_KContext ctx) {
  assert_int_equal(status, LUA_YIELD);
  lua_pushinteger(L, lua_tointeger(L, -1) + (lua_Integer)ctx);
  return 1;
}

static int wait_and_add(lua_State *L) {
  return ml_box_wait(L, 0, 5, after_wait);
}

static int end_slice(lua_State *L) {
  return ml_box_end(L);
}

static ml_box *waiting_box(const char *source) {
  ml_box *b = new_box(true);

  lua_pushcfunction(ml_box_lua(b), wait_for);
  ml_box_set_global(b, "wait");
  lua_pushcfunction(ml_box_lua(b), wait_and_add);
  ml_box_set_global(b, "wait_and_add");
  lua_pushcfunction(ml_box_lua(b), end_slice);
  ml_box_set_global(b, "stop");
  load(b, source);
  return b;
}

static void a_wait_passes_pcall_and_comes_back(void **state) {
  ml_box *b = waiting_box(
      "return function()\n"
      "  local ok, v = pcall(function() return wait 'first' .. '!' end)\n"
      "  local ok2, w = xpcall(wait_and_add, print)\n"
      "  return tostring(ok) .. v .. w\n"
      "end");
  lua_State *co = ml_box_thread(b);
  ml_err e = {0};
  int n;

  (void)state;
  assert_int_equal(ml_box_resume(b, co, 0, &n, &e), ML_BOX_YIELD);
  assert_int_equal(n, 2);
  assert_ptr_equal(lua_touserdata(co, -2), ML_BOX_WAIT_TAG);
  assert_string_equal(lua_tostring(co, -1), "first");
  lua_pop(co, n);
  lua_pushliteral(co, "answer");
  assert_int_equal(ml_box_resume(b, co, 1, &n, &e), ML_BOX_YIELD);
  assert_int_equal(n, 1);
  lua_pop(co, n);
  lua_pushinteger(co, 37);
  assert_int_equal(ml_box_resume(b, co, 1, &n, &e), ML_BOX_OK);
  assert_string_equal(lua_tostring(co, -1), "trueanswer!42");
  ml_box_free(b);
}

static void waits_in_the_wrong_place_are_errors(void **state) {
  static const struct { const char *source, *why; } rows[] = {
    {"return function() coroutine.wrap(function() wait(1) end)() end",
     "inside a coroutine of the script"},
    {"return function() table.sort({2, 1}, function() wait(1) end) end",
     "inside table.sort"},
    {"return function() ('x'):gsub('x', wait) end", "string.gsub"},
    {"return function() coroutine.yield(1) end",
     "attempt to yield from outside a coroutine"},
  };
  size_t i;

  (void)state;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    ml_box *b = waiting_box(rows[i].source);
    ml_err e = {0};
    int n;

    assert_int_equal(ml_box_resume(b, ml_box_thread(b), 0, &n, &e),
                     ML_BOX_ERROR);
    if (strstr(e.text, rows[i].why) == NULL)
      fail_msg("%s", e.text);
    ml_box_free(b);
  }
}

static void no_pcall_catches_the_end(void **state) {
  ml_box *b = waiting_box(
      "return function() pcall(coroutine.wrap(function() pcall(stop) "
      "error('went on') end)) return 'went on' end");
  ml_err e = {0};
  int n;

  (void)state;
  assert_int_equal(ml_box_resume(b, ml_box_thread(b), 0, &n, &e), ML_BOX_END);
  ml_box_free(b);
}

static void a_parked_slice_goes_on(void **state) {
  ml_box *b = new_box(true);
  lua_State *co = ml_box_thread(b);
  ml_buf parked = {0};
  ml_err e = {0};
  char expect[60];
  int n, round;

  (void)state;
  lua_pushcfunction(ml_box_lua(b), wait_for);
  ml_box_set_global(b, "wait");
  load(b, "return function()\n"
          "  local t = { math.random(1 << 50) }\n"
          "  for i = 1, 2000 do t[#t + 1] = i end\n"
          "  local v = wait(1)\n"
          "  return v .. #t .. t[1] .. math.random(1 << 50)\n"
          "end");
  assert_int_equal(ml_box_freeze(b), ML_OK);
  for (round = 0; round < 3; round++) {
    ml_box_restore(b);
    ml_box_seed(b, "a", 1);
    assert_int_equal(ml_box_resume(b, co, 0, &n, &e), ML_BOX_YIELD);
    if (round > 0) {             /* the same, but others run in between */
      ml_buf_reset(&parked);
      assert_int_equal(ml_box_park(b, &parked), ML_OK);
      ml_box_restore(b);
      ml_box_seed(b, "b", 1);
      assert_int_equal(ml_box_resume(b, co, 0, &n, &e), ML_BOX_YIELD);
      ml_box_restore(b);
      assert_int_equal(ml_box_unpark(b, (ml_str){parked.p, parked.len}), ML_OK);
    }
    lua_pop(co, 2);
    lua_pushliteral(co, "v");
    assert_int_equal(ml_box_resume(b, co, 1, &n, &e), ML_BOX_OK);
    if (round == 0)
      snprintf(expect, sizeof expect, "%s", lua_tostring(co, -1));
    assert_string_equal(lua_tostring(co, -1), expect);
  }
  assert_int_equal(ml_box_unpark(b, ML_STR("not parked here")), ML_INVALID);
  assert_int_equal(ml_box_unpark(b, (ml_str){parked.p, parked.len - 16}),
                   ML_INVALID);
  ml_buf_free(&parked);
  ml_box_free(b);
}

/* ---- limits ---- */

static void the_kill_sticks(void **state) {
  static const char *const rows[] = {
    "return function() while true do pcall(function() while true do end end) end end",
    "return function() local function f() pcall(f) while true do end end f() end",
    "return function() while true do coroutine.resume(coroutine.create("
      "function() while true do end end)) end end",
    "return function() local x <close> = setmetatable({}, {__close = function() "
      "while true do end end}) pcall(function() while true do end end) end",
    "return function() xpcall(function() while true do end end, function() "
      "while true do end end) while true do end end",
    "return function() coroutine.wrap(function() pcall(function() while true "
      "do end end) while true do end end)() end",
  };
  size_t i;
  int serve;

  (void)state;
  for (serve = 0; serve < 2; serve++)
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
      ml_box *b = new_box(!serve);
      ml_err e = {0};
      ml_box_class c = fail_with(b, rows[i], &e);

      assert_true(c == ML_BOX_CPU || (serve && c == ML_BOX_CLOCK));
      assert_int_equal(e.rc, ML_LIMIT);
      assert_true(strlen(e.text) > 0);
      if (!serve)
        assert_true(ml_box_units(b) < 1100000);
      ml_box_free(b);
    }
}

static void memory_ends_and_the_state_can_be_restored(void **state) {
  ml_box *b = new_box(true);
  ml_box_limits limits = {.units = 20000000, .memory = 8 * MIB,
                          .counting = true, .soft_ms = 60000};
  lua_State *co = ml_box_thread(b);
  ml_err e = {0};
  int n, i;

  (void)state;
  ml_box_set_limits(b, &limits);
  load(b, "return function(big) local t = {} for i = 1, big do t[i] = "
          "('x'):rep(1000) .. i end return #t end");
  assert_int_equal(ml_box_freeze(b), ML_OK);
  for (i = 0; i < 20; i++) {
    ml_box_restore(b);
    lua_pushinteger(co, i % 2 == 0 ? 1 << 30 : 100);
    assert_int_equal(ml_box_resume(b, co, 1, &n, &e),
                     i % 2 == 0 ? ML_BOX_MEMORY : ML_BOX_OK);
    assert_true(ml_box_used(b) <= 8 * MIB + 65536);
  }
  assert_int_equal(lua_tointeger(co, -1), 100);
  ml_box_free(b);
}

static void garbage_is_collected_before_memory_ends(void **state) {
  ml_box *b = new_box(true);
  ml_box_limits limits = {.units = 50000000, .memory = 4 * MIB, .counting = true,
                          .soft_ms = 60000};

  (void)state;
  ml_box_set_limits(b, &limits);
  assert_string_equal(
      run(b, "return function() local keep = ('k'):rep(1000000)\n"
             "for i = 1, 2000 do local s = ('x'):rep(50000) .. i end\n"
             "return 'all' end"), "all");
  ml_box_free(b);
}

static void host_code_has_no_limit(void **state) {
  ml_box *b = new_box(true);
  lua_State *L = ml_box_lua(b);
  int i;

  (void)state;
  lua_newtable(L);
  for (i = 1; i <= 90; i++) {        /* 9 MiB, where a script has 8 */
    char *p = lua_newuserdatauv(L, 100 * 1024, 0);

    p[0] = 1;
    lua_rawseti(L, -2, i);
  }
  assert_true(ml_box_used(b) > 8 * MIB);
  ml_box_charge(L, UINT64_MAX);
  assert_int_equal(lua_gettop(L), 1);
  ml_box_free(b);
}

static void units_do_not_depend_on_the_mode_of_failure(void **state) {
  ml_box *b = new_box(true);
  ml_err e = {0};
  uint64_t units;
  int n, i;

  (void)state;
  load(b, "return function() local n = 0 while true do n = n + #tostring(n); "
          "('abc'):gsub('b', 'x') coroutine.wrap(function() n = n + 1 end)() end end");
  assert_int_equal(ml_box_freeze(b), ML_OK);
  assert_int_equal(ml_box_resume(b, ml_box_thread(b), 0, &n, &e), ML_BOX_CPU);
  units = ml_box_units(b);
  for (i = 0; i < 5; i++) {
    ml_box_restore(b);
    assert_int_equal(ml_box_resume(b, ml_box_thread(b), 0, &n, &e), ML_BOX_CPU);
    assert_int_equal(ml_box_units(b), units);
  }
  ml_box_free(b);
}

static void no_memory_is_an_error_not_a_crash(void **state) {
  ml_box *b;
  uint64_t n;

  (void)state;
  for (n = 1; n < 100; n++) {
    ml_rc rc;

    ml_mem_fail_at(n, 1);
    rc = ml_box_new(NULL, &b);
    if (rc == ML_OK)
      rc = ml_box_add_source(b, "x.lua", ML_STR("return 1"));
    ml_mem_fail_at(0, 0);
    if (b != NULL && rc == ML_OK) {
      ml_box_free(b);
      return;
    }
    assert_int_equal(rc, ML_NOMEM);
    ml_box_free(b);
  }
  fail();
}

static char line[200];

static void take_line(void *ud, lua_State *L, ml_str s) {
  (void)L;
  ++*(int *)ud;
  snprintf(line, sizeof line, "%.*s", (int)s.n, s.p);
}

static void print_goes_to_the_host(void **state) {
  ml_box *b = new_box(true);
  int lines = 0;

  (void)state;
  ml_box_on_print(b, take_line, &lines);
  run(b, "return function() print('a', 1, nil, {}, 2.0) return 'x' end");
  assert_int_equal(lines, 1);
  assert_string_equal(line, "a\t1\tnil\ttable: hidden\t2.0");
  ml_box_free(b);
}

/* Also where no hook counts: a kill inside a coroutine, a handler, a closing
** variable must end the caller, not only the slice's result. */
static void nothing_runs_after_the_kill(void **state) {
  static const char *const rows[] = {
    "return function() pcall(coroutine.wrap(function() eat() end)) print(1) end",
    "return function() coroutine.resume(coroutine.create(eat)) print(1) end",
    "return function() coroutine.wrap(function() pcall(coroutine.wrap(eat)) "
      "print(1) end)() print(2) end",
    "return function() xpcall(eat, function() print(1) end) print(2) end",
    "return function() xpcall(eat, print) print(2) end",
    "return function() pcall(function() local x <close> = setmetatable({}, "
      "{__close = function() print(1) end}) eat() end) print(2) end",
    "return function() pcall(pcall, eat) print(1) end",
    "return function() pcall(string.gsub, 'x', 'x', eat) print(1) end",
  };
  size_t i;
  int serve;

  (void)state;
  for (serve = 0; serve < 2; serve++)
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
      ml_box_limits limits = {.units = 50000000, .memory = MIB,
                              .soft_ms = 60000, .counting = !serve};
      ml_box *b = new_box(!serve);
      char source[600];
      ml_err e = {0};
      int lines = 0;

      ml_box_set_limits(b, &limits);
      ml_box_on_print(b, take_line, &lines);
      snprintf(source, sizeof source,
               "local function eat() local t = {} "
               "for i = 1, math.huge do t[i] = {i} end end %s", rows[i]);
      assert_int_equal(fail_with(b, source, &e), ML_BOX_MEMORY);
      if (lines != 0)
        fail_msg("%s: went on to %s", rows[i], line);
      ml_box_free(b);
    }
}

/* ---- the region by itself ---- */

static void pieces_do_not_overlap(void **state) {
  enum { N = 400, ROUNDS = 40000 };
  static struct { unsigned char *p; size_t n; unsigned char fill; } at[N];
  ml_region *r;
  uint64_t x = 88172645463325252u;
  size_t i, k;

  (void)state;
  assert_int_equal(ml_region_new(8 * MIB, &r), ML_OK);
  for (k = 0; k < ROUNDS; k++) {
    size_t n;
    unsigned char *p;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    i = x % N;
    n = (x >> 20) % 5 == 0 ? (x >> 30) % 30000 : (x >> 30) % 700;
    for (size_t j = 0; j < at[i].n; j++)
      assert_int_equal(at[i].p[j], at[i].fill);
    p = ml_region_alloc(r, at[i].p, at[i].n, n);
    if (n > 0 && p == NULL) {
      assert_true(n > at[i].n);        /* a shrink never fails */
      continue;
    }
    for (size_t j = 0; j < (n < at[i].n ? n : at[i].n); j++)
      assert_int_equal(p[j], at[i].fill);
    at[i].p = n > 0 ? p : NULL;
    at[i].n = n;
    at[i].fill = (unsigned char)(x >> 50);
    if (n > 0)
      memset(p, at[i].fill, n);
  }
  for (i = 0; i < N; i++)
    ml_region_alloc(r, at[i].p, at[i].n, 0);
  assert_int_equal(ml_region_used(r), 0);
  ml_region_free(r);
  ml_region_free(NULL);
}

static void a_shrink_works_in_a_full_region(void **state) {
  ml_region *r;
  void *small, *large;

  (void)state;
  assert_int_equal(ml_region_new(MIB, &r), ML_OK);
  small = ml_region_alloc(r, NULL, 0, 400);
  large = ml_region_alloc(r, NULL, 0, 100000);
  while (ml_region_alloc(r, NULL, 0, 5000) != NULL) {
  }
  while (ml_region_alloc(r, NULL, 0, 24) != NULL) {
  }
  assert_non_null(small);
  assert_non_null(large);
  assert_non_null(ml_region_alloc(r, small, 400, 20));
  large = ml_region_alloc(r, large, 100000, 50000);
  assert_non_null(large);
  large = ml_region_alloc(r, large, 50000, 24);
  assert_non_null(large);
  assert_null(ml_region_alloc(r, large, 24, 0));
  ml_region_free(r);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(results_stay_on_the_coroutine),
    cmocka_unit_test(an_error_says_where),
    cmocka_unit_test(require_finds_the_bundle_and_the_library),
    cmocka_unit_test(library_sources_do_not_see_what_scripts_change),
    cmocka_unit_test(a_cycle_is_named),
    cmocka_unit_test(host_values_become_globals),
    cmocka_unit_test(a_restored_state_is_a_fresh_one),
    cmocka_unit_test(a_worker_copies_little),
    cmocka_unit_test(two_processes_agree),
    cmocka_unit_test(a_wait_passes_pcall_and_comes_back),
    cmocka_unit_test(waits_in_the_wrong_place_are_errors),
    cmocka_unit_test(no_pcall_catches_the_end),
    cmocka_unit_test(a_parked_slice_goes_on),
    cmocka_unit_test(the_kill_sticks),
    cmocka_unit_test(memory_ends_and_the_state_can_be_restored),
    cmocka_unit_test(garbage_is_collected_before_memory_ends),
    cmocka_unit_test(host_code_has_no_limit),
    cmocka_unit_test(units_do_not_depend_on_the_mode_of_failure),
    cmocka_unit_test(no_memory_is_an_error_not_a_crash),
    cmocka_unit_test(print_goes_to_the_host),
    cmocka_unit_test(nothing_runs_after_the_kill),
    cmocka_unit_test(pieces_do_not_overlap),
    cmocka_unit_test(a_shrink_works_in_a_full_region),
  };

  if (argc > 1 && strcmp(argv[1], "--once") == 0)
    return once();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
