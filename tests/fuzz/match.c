/*
** match.c - the matcher of the sandbox against the one of Lua: the same
** result, or ours says that it is too much.  Inputs are short, so that the
** stock one comes to an end.
**
** Input: which function and from where, length of the pattern, pattern,
** subject.
*/
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "script/box.h"

enum { PATTERN_MAX = 14, SUBJECT_MAX = 24 };

static const char source[] =
    "local function shown(ok, ...)\n"
    "  local t = table.pack(...)\n"
    "  for i = 1, t.n do t[i] = type(t[i]):sub(1, 1) .. tostring(t[i]) end\n"
    "  return ok and 'ok ' .. table.concat(t, '|', 1, t.n) or 'error'\n"
    "end\n"
    "local function all(s, p)\n"
    "  local t = {}\n"
    "  for a, b in string.gmatch(s, p) do t[#t + 1] = tostring(a) .. '/' .. tostring(b) end\n"
    "  return table.concat(t, ',')\n"
    "end\n"
    "local ways = {\n"
    "  function(s, p, from) return string.find(s, p, from) end,\n"
    "  function(s, p, from) return string.match(s, p, from) end,\n"
    "  function(s, p) return all(s, p) end,\n"
    "  function(s, p) return string.gsub(s, p, '<%0>') end,\n"
    "  function(s, p, from) return string.gsub(s, p, { a = 'b', [''] = '-' }, from) end,\n"
    "  function(s, p, from) return string.find(s, p, from, true) end,\n"
    "}\n"
    "return function(way, s, p, from)\n"
    "  return shown(pcall(ways[way % #ways + 1], s, p, from))\n"
    "end\n";

static lua_State *stock;
static ml_box *box;
static int ours;

static void start(void) {
  ml_box_limits limits = {.units = 200000, .counting = true};
  lua_State *co;
  ml_err e;
  int n;

  stock = luaL_newstate();
  HOLDS(stock != NULL);
  luaL_openlibs(stock);
  HOLDS(luaL_dostring(stock, source) == LUA_OK);
  HOLDS(ml_box_new(&limits, &box) == ML_OK);
  co = ml_box_thread(box);
  HOLDS(ml_box_add_source(box, "m.lua", ml_str_of(source)) == ML_OK);
  HOLDS(ml_box_load(box, co, "m.lua", &e) == ML_BOX_OK);
  HOLDS(ml_box_resume(box, co, 0, &n, &e) == ML_BOX_OK && n == 1);
  lua_xmove(co, ml_box_lua(box), 1);
  ours = luaL_ref(ml_box_lua(box), LUA_REGISTRYINDEX);
  lua_settop(co, 0);
  HOLDS(ml_box_freeze(box) == ML_OK);
}

static void push(lua_State *L, const uint8_t *data, size_t n, size_t m) {
  lua_pushinteger(L, data[0] & 15);
  lua_pushlstring(L, (const char *)data + 2 + m, n - 2 - m);
  lua_pushlstring(L, (const char *)data + 2, m);
  lua_pushinteger(L, (data[0] >> 4) - 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  lua_State *co;
  ml_err e;
  size_t m;
  int results;
  ml_box_class c;

  if (n < 2)
    return 0;
  m = data[1] % (PATTERN_MAX + 1);
  if (m > n - 2 || n - 2 - m > SUBJECT_MAX)
    return 0;
  if (stock == NULL)
    start();
  ml_box_restore(box);
  co = ml_box_thread(box);
  lua_rawgeti(co, LUA_REGISTRYINDEX, ours);
  push(co, data, n, m);
  c = ml_box_resume(box, co, 4, &results, &e);
  if (c == ML_BOX_CPU)
    return 0;
  HOLDS(c == ML_BOX_OK && results == 1);
  lua_pushvalue(stock, 1);
  push(stock, data, n, m);
  HOLDS(lua_pcall(stock, 4, 1, 0) == LUA_OK);
  if (strcmp(lua_tostring(stock, -1), lua_tostring(co, -1)) != 0) {
    fprintf(stderr, "stock %s\nours  %s\n", lua_tostring(stock, -1),
            lua_tostring(co, -1));
    abort();
  }
  lua_settop(stock, 1);
  return 0;
}
