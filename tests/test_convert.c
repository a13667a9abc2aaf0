/* test_convert.c - Lua values as JSON and back: exact, bounded, and with the
** path of what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lua.h>

#include "base/mem.h"
#include "script/box.h"
#include "script/convert.h"

/* A box where ml.null and ml.array are globals, and the value of an
** expression on its coroutine. */
static ml_box *value_of(const char *expression) {
  ml_box_limits limits = {.units = 50000000, .soft_ms = 60000,
                          .counting = true};
  char source[2000];
  ml_err e = {0};
  ml_box *b;
  lua_State *L;
  int n = 0;

  assert_int_equal(ml_box_new(&limits, &b), ML_OK);
  L = ml_box_lua(b);
  lua_newtable(L);
  ml_convert_push_null(L);
  lua_setfield(L, -2, "null");
  lua_pushcfunction(L, ml_convert_array);
  lua_setfield(L, -2, "array");
  ml_box_freeze_table(L, -1);
  ml_box_set_global(b, "ml");
  snprintf(source, sizeof source, "return %s", expression);
  assert_int_equal(ml_box_add_source(b, "x.lua", ml_str_of(source)), ML_OK);
  if (ml_box_load(b, ml_box_thread(b), "x.lua", &e) != ML_BOX_OK ||
      ml_box_resume(b, ml_box_thread(b), 0, &n, &e) != ML_BOX_OK)
    fail_msg("%s: %s: %s", expression, e.at, e.text);
  assert_int_equal(n, 1);
  return b;
}

static void values_become_json(void **state) {
  static const struct { const char *lua, *json; } rows[] = {
    {"nil", "null"}, {"ml.null", "null"}, {"true", "true"}, {"false", "false"},
    {"0", "0"}, {"-7", "-7"}, {"math.maxinteger", "9223372036854775807"},
    {"math.mininteger", "-9223372036854775808"}, {"9007199254740993",
    "9007199254740993"}, {"2.0", "2.0"}, {"0.1", "0.1"}, {"-0.0", "-0.0"},
    {"1e300", "1e+300"}, {"'text'", "\"text\""}, {"''", "\"\""},
    {"'a\\0b\\n\"'", "\"a\\u0000b\\n\\\"\""}, {"'受注'", "\"受注\""},
    {"{}", "{}"}, {"ml.array{}", "[]"}, {"ml.array()", "[]"},
    {"{1, 2, 3}", "[1,2,3]"}, {"{1, {2, {}}, ml.array{ml.array{}}}",
    "[1,[2,{}],[[]]]"}, {"{b = 1, a = 2, [''] = 3, ['a b'] = 4}",
    "{\"\":3,\"a\":2,\"a b\":4,\"b\":1}"},
    {"{a = ml.null, b = nil}", "{\"a\":null}"}, {"ml.array{ml.null}", "[null]"},
    {"{[1] = 1, [2.0] = 2}", "[1,2]"}, {"{{}, {a = {b = {c = 1}}}}",
    "[{},{\"a\":{\"b\":{\"c\":1}}}]"},
    {"{[('k'):rep(50)] = 1, [('j'):rep(50)] = {1}}",
     "{\"jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj\":[1],"
     "\"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\":1}"},
    {"string.rep", NULL}, {"setmetatable({}, {})", NULL},
  };
  size_t i;

  (void)state;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    ml_box *b = value_of(rows[i].lua);
    lua_State *co = ml_box_thread(b);
    int top = lua_gettop(co);
    ml_buf out = {0};
    ml_err e = {0};
    ml_rc rc = ml_convert_to_json(co, -1, "result", NULL, &out, &e);

    assert_int_equal(rc, rows[i].json != NULL ? ML_OK : ML_INVALID);
    if (rc == ML_OK && strcmp(out.p, rows[i].json) != 0)
      fail_msg("%s: %s", rows[i].lua, out.p);
    assert_int_equal(lua_gettop(co), top);
    ml_buf_free(&out);
    ml_box_free(b);
  }
}

static void what_is_refused_is_named(void **state) {
  static const struct { const char *lua, *text; ml_rc rc; } rows[] = {
    {"print", "result: a function cannot be stored", ML_INVALID},
    {"{items = {1, 2, print}}",
     "result.items[3]: a function cannot be stored", ML_INVALID},
    {"{a = {['b c'] = {[1] = coroutine.create(print)}}}",
     "result.a[\"b c\"][1]: a thread cannot be stored", ML_INVALID},
    {"{0/0}", "result[1]: a number must be finite", ML_INVALID},
    {"{x = math.huge}", "result.x: a number must be finite", ML_INVALID},
    {"{x = '\\xff'}", "result.x: a text must be valid UTF-8", ML_INVALID},
    {"{['\\xff'] = 1}", "a text must be valid UTF-8", ML_INVALID},
    {"{1, 2, [4] = 4}", "result: keys must be texts, or 1 to n", ML_INVALID},
    {"{1, a = 2}", "result: ", ML_INVALID},
    {"{[0] = 1}", "result: keys must be", ML_INVALID},
    {"{[1.5] = 1}", "result: keys must be", ML_INVALID},
    {"{[true] = 1}", "result: a key must be a text, not a boolean", ML_INVALID},
    {"{a = setmetatable({1}, {__index = print})}",
     "result.a: a table with a metatable cannot be stored", ML_INVALID},
    {"(function() local t = {} t.t = t return t end)()",
     ": nested deeper than 64", ML_LIMIT},
    {"(function() local t = ml.array{} t[3] = 1 return t end)()",
     "result: a list must have the keys 1 to n", ML_INVALID},
    {"('x'):rep(2000000)", "result: it makes more than 1048576 bytes", ML_LIMIT},
    {"(function() local t = {} for i = 1, 20 do t[i] = ('x'):rep(100000) end "
     "return t end)()", "it makes more than 1048576 bytes", ML_LIMIT},
    {"(function() local t = {} for i = 1, 100001 do t[i] = 1 end return t end)()",
     "result", ML_LIMIT},
  };
  size_t i;

  (void)state;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    ml_box *b = value_of(rows[i].lua);
    ml_buf out = {0};
    ml_err e = {0};

    if (ml_convert_to_json(ml_box_thread(b), -1, "result", NULL, &out, &e) !=
            rows[i].rc || strstr(e.text, rows[i].text) == NULL)
      fail_msg("%s: %s (%d)", rows[i].lua, e.text, e.rc);
    assert_int_equal(lua_gettop(ml_box_thread(b)), 1);
    ml_buf_free(&out);
    ml_box_free(b);
  }
}

static void frozen_values_are_stored_too(void **state) {
  ml_box *b = value_of("{list = ml.array{}, t = {1, {a = 2}}, ml.null}");
  lua_State *co = ml_box_thread(b);
  ml_buf out = {0};
  ml_err e = {0};

  (void)state;
  lua_pushnil(co);
  lua_rawseti(co, -2, 1);
  ml_box_freeze_table(co, -1);
  assert_int_equal(ml_convert_to_json(co, -1, "x", NULL, &out, &e), ML_OK);
  assert_string_equal(out.p, "{\"list\":[],\"t\":[1,{\"a\":2}]}");
  ml_buf_free(&out);
  ml_box_free(b);
}

static void json_comes_back_as_it_was(void **state) {
  static const char *const rows[] = {
    "null", "true", "0", "-12", "9223372036854775807", "1.5", "2.0", "\"\"",
    "\"a\\u0000\\n\"", "[]", "{}", "[[],{},null,[[]]]", "{\"a\":[]}",
    "{\"\":null,\"a\":{\"b\":[1,2.5,\"x\",false]}}",
  };
  ml_box *b = value_of("1");
  lua_State *L = ml_box_lua(b);
  size_t i;

  (void)state;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    ml_buf out = {0};
    ml_err e = {0};

    assert_int_equal(ml_convert_push(L, ml_str_of(rows[i]), NULL, &e), ML_OK);
    assert_int_equal(lua_gettop(L), 1);
    assert_int_equal(ml_convert_to_json(L, -1, "x", NULL, &out, &e), ML_OK);
    assert_string_equal(out.p, rows[i]);
    ml_buf_free(&out);
    lua_pop(L, 1);
  }
  ml_convert_push(L, ML_STR("[1,1.0,null,[]]"), NULL, NULL);
  assert_true(ml_convert_is_array(L, -1));
  lua_rawgeti(L, -1, 1);
  assert_true(lua_isinteger(L, -1));
  lua_rawgeti(L, -2, 2);
  assert_false(lua_isinteger(L, -1));
  lua_rawgeti(L, -3, 3);
  assert_true(ml_convert_is_null(L, -1));
  ml_box_free(b);
}

static void bad_json_pushes_nothing(void **state) {
  static const struct { const char *json; ml_rc rc; } rows[] = {
    {"", ML_INVALID}, {"[1,]", ML_INVALID}, {"{\"a\":1", ML_INVALID},
    {"[1] 2", ML_INVALID}, {"nan", ML_INVALID}, {"\"\xff\"", ML_INVALID},
    {"{\"a\":1,\"b\":2,\"a\":3}", ML_INVALID}, {"[[[[1]]]]", ML_LIMIT},
    {"[1,2,3,4,5,6,7,8,9]", ML_LIMIT},
  };
  ml_json_limits limits = {.depth = 3, .members = 8};
  ml_box *b = value_of("1");
  lua_State *L = ml_box_lua(b);
  size_t i;

  (void)state;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    ml_err e = {0};

    assert_int_equal(ml_convert_push(L, ml_str_of(rows[i].json), &limits, &e),
                     rows[i].rc);
    assert_int_equal(lua_gettop(L), 0);
    assert_true(strlen(e.text) > 0 && strncmp(e.at, "byte ", 5) == 0);
  }
  ml_box_free(b);
}

static int push_long(lua_State *L) {
  ml_buf *json = lua_touserdata(L, lua_upvalueindex(1));

  assert_int_equal(ml_convert_push(L, (ml_str){json->p, json->len},
                                   &(ml_json_limits){.members = 1000000}, NULL),
                   ML_OK);
  return 1;
}

/* The reader's scratch survives a raise for want of memory. */
static void memory_that_ends_in_the_middle(void **state) {
  ml_box_limits limits = {.memory = (size_t)2 << 20, .counting = true,
                          .soft_ms = 60000};
  ml_buf json = {0};
  ml_err e = {0};
  ml_box *b;
  lua_State *co;
  int i, n;

  (void)state;
  ml_buf_puts(&json, "[");
  for (i = 0; i < 50000; i++)
    ml_buf_printf(&json, "%s\"an \\u0061 escaped text %d\"", i > 0 ? "," : "", i);
  ml_buf_puts(&json, "]");
  assert_int_equal(ml_box_new(&limits, &b), ML_OK);
  co = ml_box_thread(b);
  ml_box_freeze(b);
  for (i = 0; i < 3; i++) {
    ml_box_restore(b);
    lua_pushlightuserdata(co, &json);
    lua_pushcclosure(co, push_long, 1);
    assert_int_equal(ml_box_resume(b, co, 0, &n, &e), ML_BOX_MEMORY);
  }
  ml_buf_free(&json);
  ml_box_free(b);
}

static void no_memory_in_c(void **state) {
  ml_box *b = value_of("{a = {b = 1, c = {1, 2}}, d = 'x'}");
  uint64_t n;

  (void)state;
  for (n = 1; ; n++) {
    ml_buf out = {0};
    ml_err e = {0};
    ml_rc rc;

    ml_mem_fail_at(n, 1);
    rc = ml_convert_to_json(ml_box_thread(b), -1, "x", NULL, &out, &e);
    ml_mem_fail_at(0, 0);
    assert_int_equal(lua_gettop(ml_box_thread(b)), 1);
    ml_buf_free(&out);
    if (rc == ML_OK)
      break;
    assert_int_equal(rc, ML_NOMEM);
    assert_int_equal(e.rc, ML_NOMEM);
  }
  assert_true(n > 2);
  ml_box_free(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(values_become_json),
    cmocka_unit_test(what_is_refused_is_named),
    cmocka_unit_test(frozen_values_are_stored_too),
    cmocka_unit_test(json_comes_back_as_it_was),
    cmocka_unit_test(bad_json_pushes_nothing),
    cmocka_unit_test(memory_that_ends_in_the_middle),
    cmocka_unit_test(no_memory_in_c),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
