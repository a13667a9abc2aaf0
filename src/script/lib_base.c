/*
** lib_base.c - the basic functions of a script: Lua's own where they are
** harmless, ours where addresses, metatables or a swallowed kill matter.
** There is no collectgarbage, load, dofile, loadfile and warn.
*/
#include <string.h>

#include "script/box_private.h"

#include "base/plant.h"

/* ---- text of a value ---- */

const char *ml_box_tolstring(lua_State *L, int idx, size_t *n) {
  int named;

  idx = lua_absindex(L, idx);
  if (luaL_callmeta(L, idx, "__tostring")) {
    if (!lua_isstring(L, -1))
      luaL_error(L, "'__tostring' must return a string");
    return lua_tolstring(L, -1, n);
  }
  switch (lua_type(L, idx)) {
  case LUA_TNIL: case LUA_TBOOLEAN: case LUA_TNUMBER: case LUA_TSTRING:
    return luaL_tolstring(L, idx, n);
  case LUA_TLIGHTUSERDATA:
    lua_pushstring(L, lua_touserdata(L, idx) == NULL ? "null"
                                                     : "userdata: hidden");
    break;
  default:
    named = luaL_getmetafield(L, idx, "__name");
    lua_pushfstring(L, "%s: hidden", named == LUA_TSTRING
                                         ? lua_tostring(L, -1)
                                         : luaL_typename(L, idx));
    if (named != LUA_TNIL)
      lua_remove(L, -2);
  }
  return lua_tolstring(L, -1, n);
}

/* tostring(value) -> string; no address is shown */
static int base_tostring(lua_State *L) {
  luaL_checkany(L, 1);
  ml_box_tolstring(L, 1, NULL);
  return 1;
}

/* print(...): one line to the host */
static int base_print(lua_State *L) {
  ml_box *b = ml_box_of(L);
  int i, n = lua_gettop(L);
  luaL_Buffer line;
  size_t len;
  const char *s;

  for (i = 1; i <= n; i++) {        /* the texts first: a buffer wants the top */
    ml_box_tolstring(L, i, &len);
    lua_replace(L, i);
    ml_box_charge_bytes(L, len);
  }
  luaL_buffinit(L, &line);
  for (i = 1; i <= n; i++) {
    if (i > 1)
      luaL_addchar(&line, '\t');
    s = lua_tolstring(L, i, &len);
    luaL_addlstring(&line, s, len);
  }
  luaL_pushresult(&line);
  s = lua_tolstring(L, -1, &len);
  if (b->print != NULL)
    b->print(b->print_ud, L, (ml_str){s, len});
  return 0;
}

/*
** A stock function behind a charge by the length of its texts.  It runs in
** the frame of this one, so that its messages name the right place.
*/
static int charged(lua_State *L) {
  int i, n = lua_gettop(L);
  uint64_t units = 1;

  for (i = 1; i <= n && i <= 3; i++)
    if (lua_type(L, i) == LUA_TSTRING)
      units += lua_rawlen(L, i) / 16;
  ml_box_charge(L, units + (uint64_t)n / 16);
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

void ml_lib_charged(lua_State *L, int from, int to, const char *const *names) {
  from = lua_absindex(L, from);
  to = lua_absindex(L, to);
  for (; *names != NULL; names++) {
    lua_getfield(L, from, *names);
    lua_pushcclosure(L, charged, 1);
    lua_setfield(L, to, *names);
  }
}

/* ---- protected calls that a kill passes ---- */

static int finish_pcall(lua_State *L, int status, lua_KContext extra) {
  if (ml_box_killed(L) && !ML_PLANTED(kill_caught))
    return ml_box_raise(L);
  if (status == LUA_ERRMEM) {
    ml_box_kill(ml_box_of(L), ML_BOX_MEMORY);
    return ml_box_raise(L);
  }
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_pushboolean(L, 0);
    lua_pushvalue(L, -2);
    return 2;
  }
  return lua_gettop(L) - (int)extra;
}

/* pcall(f, ...) -> true, ... | false, error */
static int base_pcall(lua_State *L) {
  int status;

  luaL_checkany(L, 1);
  ml_box_charge(L, COST_CALL);
  lua_pushboolean(L, 1);
  lua_insert(L, 1);
  status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish_pcall);
  return finish_pcall(L, status, 0);
}

/* The script's message handler: never for a kill.  It would run inside the
** hook that raised, where no hook fires. */
static int handler(lua_State *L) {
  if (ml_box_killed(L))
    return 1;
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

/* xpcall(f, handler, ...) -> true, ... | false, what the handler gives */
static int base_xpcall(lua_State *L) {
  int status, n = lua_gettop(L);

  luaL_checktype(L, 2, LUA_TFUNCTION);
  ml_box_charge(L, COST_CALL);
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, handler, 1);
  lua_replace(L, 2);
  lua_pushboolean(L, 1);
  lua_pushvalue(L, 1);
  lua_rotate(L, 3, 2);         /* f, handler, true, f, arguments */
  status = lua_pcallk(L, n - 2, LUA_MULTRET, 2, 2, finish_pcall);
  return finish_pcall(L, status, 2);
}

/* ---- raw access and metatables ---- */

/* rawget(table, key); a frozen table is looked into */
static int base_rawget(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  if (ml_box_push_frozen(L, 1))
    lua_replace(L, 1);
  lua_rawget(L, 1);
  return 1;
}

/* rawset(table, key, value) -> table */
static int base_rawset(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkany(L, 2);
  luaL_checkany(L, 3);
  lua_settop(L, 3);
  if (ml_box_is_frozen(L, 1))
    return luaL_error(L, "attempt to change a read-only table");
  lua_rawset(L, 1);
  return 1;
}

/* rawlen(table or string) -> integer */
static int base_rawlen(lua_State *L) {
  int t = lua_type(L, 1);

  luaL_argexpected(L, t == LUA_TTABLE || t == LUA_TSTRING, 1,
                   "table or string");
  if (ml_box_push_frozen(L, 1))
    lua_replace(L, 1);
  lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 1));
  return 1;
}

/* getmetatable(value): what the script set itself; false for ours */
static int base_getmetatable(lua_State *L) {
  luaL_checkany(L, 1);
  if (!lua_getmetatable(L, 1)) {
    lua_pushnil(L);
    return 1;
  }
  if (lua_type(L, 1) != LUA_TTABLE) {
    lua_pushboolean(L, 0);
    return 1;
  }
  lua_pushliteral(L, "__metatable");
  if (lua_rawget(L, -2) == LUA_TNIL)
    lua_pop(L, 1);
  return 1;
}

/* A finalizer would run where no hook fires; weak tables meet bugs of the
** packaged interpreter. */
static void refuse_field(lua_State *L, const char *name) {
  lua_pushstring(L, name);
  if (lua_rawget(L, 2) != LUA_TNIL)
    luaL_error(L, "a metatable with '%s' cannot be set in a script", name);
  lua_pop(L, 1);
}

/* setmetatable(table, metatable or nil) -> table */
static int base_setmetatable(lua_State *L) {
  int t = lua_type(L, 2);

  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argexpected(L, t == LUA_TNIL || t == LUA_TTABLE, 2, "nil or table");
  if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
    return luaL_error(L, "cannot change a protected metatable");
  if (t == LUA_TTABLE) {
    if (ml_box_is_frozen(L, 2))
      return luaL_error(L, "a read-only table cannot be a metatable");
    if (!ML_PLANTED(gc_allowed))
      refuse_field(L, "__gc");
    refuse_field(L, "__mode");
  }
  lua_settop(L, 2);
  lua_setmetatable(L, 1);
  return 1;
}

void ml_lib_base(lua_State *L) {
  static const char *const stock[] = {
    "assert", "error", "ipairs", "rawequal", "select", "type", "_VERSION", NULL,
  };
  static const char *const numbers[] = {"tonumber", NULL};
  static const luaL_Reg own[] = {
    {"getmetatable", base_getmetatable}, {"pcall", base_pcall},
    {"print", base_print}, {"rawget", base_rawget}, {"rawlen", base_rawlen},
    {"rawset", base_rawset}, {"setmetatable", base_setmetatable},
    {"tostring", base_tostring}, {"xpcall", base_xpcall}, {NULL, NULL},
  };

  ml_lib_stock(L, LUA_GNAME, luaopen_base);
  ml_lib_copy(L, -1, -2, stock);
  ml_lib_charged(L, -1, -2, numbers);
  lua_pop(L, 1);
  luaL_setfuncs(L, own, 0);
}
