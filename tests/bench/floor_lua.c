/*
** floor_lua.c - the activities of W1 in a plain Lua state: no sandbox, no
** limit, one state for all.  JSON in and out by the packaged codec, as whoever calls
** them would do; and the call alone.
*/
#include "floors.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "rows.h"

enum { TIMES = 20000 };

int luaopen_cjson(lua_State *L);

static const char driver[] =
    "local times, file, text = ...\n"
    "local same = function(t) return t end\n"
    "package.preload.moonlane = function()\n"
    "  return { activity = same, workflow = same } end\n"
    "local json = require 'cjson'\n"
    "local flow = dofile(file)\n"
    "local run = {}\n"
    "for i, p in ipairs(flow.phases) do run[i] = p[2].run end\n"
    "local function whole()\n"
    "  for i = 1, times do\n"
    "    local n = i % 4 + 1\n"
    "    local ctx = { data = json.decode(text) }\n"
    "    coroutine.wrap(run[n])(ctx)\n"
    "    json.encode { ['r' .. n] = ctx.data['r' .. n] }\n"
    "  end\n"
    "end\n"
    "local function bare()\n"
    "  local ctx = { data = json.decode(text) }\n"
    "  for i = 1, times do run[i % 4 + 1](ctx) end\n"
    "end\n"
    "return whole, bare\n";

static void check(lua_State *L, int rc) {
  if (rc != LUA_OK)
    die("bare Lua: %s", lua_tostring(L, -1));
}

static void measure(lua_State *L, int function, const char *id) {
  double cpu;

  lua_pushvalue(L, function);
  cpu = own_cpu_us();
  check(L, lua_pcall(L, 0, 0, 0));
  row_put(id, (own_cpu_us() - cpu) / TIMES);
}

void floor_lua(int repeat) {
  lua_State *L = need(luaL_newstate());
  ml_buf data = {0};

  luaL_openlibs(L);
  luaL_requiref(L, "cjson", luaopen_cjson, 0);
  lua_pop(L, 1);
  ml_buf_puts(&data, "{\"word\":\"hello world\",\"count\":7,\"text\":\"");
  for (int i = 0; i < 26; i++)
    ml_buf_puts(&data, "abcdefghij");
  ml_buf_puts(&data, "\"}");
  check(L, luaL_loadstring(L, driver));
  lua_pushinteger(L, TIMES);
  lua_pushliteral(L, "tests/bench/flows/four/workflow.lua");
  lua_pushlstring(L, need(data.p), data.len);
  check(L, lua_pcall(L, 3, 2, 0));
  for (int i = 0; i < repeat; i++) {
    measure(L, 1, "floor.lua");
    measure(L, 2, "floor.lua.run");
  }
  lua_close(L);
  ml_buf_free(&data);
}
