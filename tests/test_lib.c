/*
** test_lib.c - the libraries of the sandbox: the same results as Lua's own
** (two scripts run in both), and no name that is not on the list.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "base/mem.h"
#include "script/box.h"

int luaopen_cjson_safe(lua_State *L);

static char *read_file(const char *path, size_t *n) {
  FILE *f = fopen(path, "rb");
  char *text;
  long size;

  if (f == NULL)
    fail_msg("%s cannot be read", path);
  fseek(f, 0, SEEK_END);
  size = ftell(f);
  rewind(f);
  text = malloc((size_t)size + 1);
  assert_non_null(text);
  assert_int_equal(fread(text, 1, (size_t)size, f), (size_t)size);
  text[size] = '\0';
  fclose(f);
  *n = (size_t)size;
  return text;
}

/* What a script returns as a text, in stock Lua / in a box. */
static char *run_stock(const char *source, size_t n) {
  lua_State *L = luaL_newstate();
  char *out;

  assert_non_null(L);
  luaL_openlibs(L);
  luaL_requiref(L, "cjson.safe", luaopen_cjson_safe, 0);
  if (luaL_loadbuffer(L, source, n, "@x.lua") != LUA_OK ||
      lua_pcall(L, 0, 1, 0) != LUA_OK)
    fail_msg("stock: %s", lua_tostring(L, -1));
  out = strdup(lua_tostring(L, -1));
  lua_close(L);
  return out;
}

static char *run_box(const char *source, size_t n) {
  ml_box_limits limits = {.units = 400000000, .soft_ms = 60000,
                          .memory = (size_t)128 << 20,
                          .block = (size_t)64 << 20};
  ml_err e = {0};
  ml_box *b;
  int results = 0;
  char *out;

  assert_int_equal(ml_box_new(&limits, &b), ML_OK);
  assert_int_equal(ml_box_add_source(b, "x.lua", (ml_str){source, n}), ML_OK);
  if (ml_box_load(b, ml_box_thread(b), "x.lua", &e) != ML_BOX_OK ||
      ml_box_resume(b, ml_box_thread(b), 0, &results, &e) != ML_BOX_OK)
    fail_msg("box: %s: %s\n%s", e.at, e.text, ml_box_traceback(b));
  assert_int_equal(results, 1);
  out = strdup(lua_tostring(ml_box_thread(b), -1));
  ml_box_free(b);
  return out;
}

/* Compare line by line, so that a difference is readable. */
static void compare(const char *path, size_t at_least) {
  size_t n, lines = 0, differ = 0;
  char *source = read_file(path, &n);
  char *stock = run_stock(source, n), *box = run_box(source, n);
  char *a = stock, *b = box;

  while (*a != '\0' || *b != '\0') {
    size_t an = strcspn(a, "\n"), bn = strcspn(b, "\n");

    lines++;
    if ((an != bn || memcmp(a, b, an) != 0) && differ++ < 40)
      print_error("Lua: %.*s\nbox: %.*s\n", (int)an, a, (int)bn, b);
    a += an + (a[an] != '\0');
    b += bn + (b[bn] != '\0');
  }
  free(stock);
  free(box);
  free(source);
  if (differ > 0)
    fail_msg("%zu of %zu lines differ", differ, lines);
  assert_true(lines >= at_least);
}

static void patterns_match_as_in_lua(void **state) {
  (void)state;
  compare("tests/sandbox/patterns.lua", 20000);
}

static void functions_give_what_lua_gives(void **state) {
  (void)state;
  compare("tests/sandbox/library.lua", 1500);
}

static void cjson_writes_what_lua_cjson_writes(void **state) {
  (void)state;
  compare("tests/sandbox/cjson.lua", 90);
}

/* ---- the allow-list ---- */

#define LINES 1000

typedef struct walk {
  char *line[LINES];
  int n;
} walk;

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Note the value on top as `path` and go into it; stack 1 is what was seen. */
static void visit(lua_State *L, walk *w, const char *path) {
  char name[256];
  int t;

  snprintf(name, sizeof name, "%s %s", path, luaL_typename(L, -1));
  assert_true(w->n < LINES);
  w->line[w->n++] = strdup(name);
  luaL_checkstack(L, 10, NULL);
  /* the one of strings is visited once, last: the walk has no order */
  if ((lua_type(L, -1) != LUA_TSTRING || strcmp(path, "text") == 0) &&
      lua_getmetatable(L, -1)) {
    if (!ml_box_is_frozen(L, -2)) {
      snprintf(name, sizeof name, "%s<metatable>", path);
      visit(L, w, name);
    }
    lua_pop(L, 1);
  }
  if (lua_type(L, -1) != LUA_TTABLE)
    return;
  lua_pushvalue(L, -1);
  if (lua_rawget(L, 1) != LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_pushboolean(L, 1);
  lua_rawset(L, 1);
  if (!ml_box_push_frozen(L, -1))
    lua_pushvalue(L, -1);
  t = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, t) != 0; lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2)
                                                     : luaL_typename(L, -2);

    snprintf(name, sizeof name, "%s.%s", path, key);
    visit(L, w, name);
  }
  lua_pop(L, 1);
}

static void nothing_else_is_reachable(void **state) {
  size_t n, used = 0;
  char *list = read_file("tests/sandbox/reachable.txt", &n), *found;
  lua_State *L;
  ml_box *b;
  walk w = {{NULL}, 0};
  int i, j = 0;

  (void)state;
  assert_int_equal(ml_box_new(NULL, &b), ML_OK);
  L = ml_box_lua(b);
  lua_newtable(L);
  ml_box_push_env(L);
  visit(L, &w, "_G");
  lua_pop(L, 1);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "cjson");
  lua_call(L, 1, 1);
  visit(L, &w, "require cjson");
  lua_pop(L, 1);
  lua_pushliteral(L, "");
  visit(L, &w, "text");
  qsort(w.line, (size_t)w.n, sizeof *w.line, by_text);
  found = calloc(LINES, 256);
  assert_non_null(found);
  for (i = 0; i < w.n; i++)
    if (i == 0 || strcmp(w.line[i], w.line[j]) != 0) {
      used += (size_t)sprintf(found + used, "%s\n", w.line[i]);
      j = i;
    }
  if (strcmp(found, list) != 0)
    fprintf(stderr, "# reachable now:\n%s# end\n", found);
  assert_true(strcmp(found, list) == 0);
  for (i = 0; i < w.n; i++)
    free(w.line[i]);
  free(found);
  free(list);
  ml_box_free(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(patterns_match_as_in_lua),
    cmocka_unit_test(functions_give_what_lua_gives),
    cmocka_unit_test(cjson_writes_what_lua_cjson_writes),
    cmocka_unit_test(nothing_else_is_reachable),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
