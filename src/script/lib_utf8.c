/*
** lib_utf8.c - Lua's utf8, each call charged by how far it walked.
**
** A walk is linear and its text bounded, so the charge comes after it: a
** loop over a long text pays for its own steps, not for the whole text each
** time.
*/
#include "script/box_private.h"

#define STEP 16       /* bytes walked for a unit */

/* Call the stock function, the upvalue, in this frame: its results. */
static int stock(lua_State *L) {
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* utf8.char(...), utf8.codes(s) */
static int u_plain(lua_State *L) {
  ml_box_charge(L, 1 + (uint64_t)lua_gettop(L));
  return stock(L);
}

/* utf8.codepoint(s [, i [, j]]) -> code points */
static int u_codepoint(lua_State *L) {
  int n = stock(L);

  ml_box_charge(L, 1 + (uint64_t)n);
  return n;
}

/* utf8.len(s [, i [, j]]) -> count | nil, position */
static int u_len(lua_State *L) {
  int n = stock(L);

  ml_box_charge(L, 1 + (uint64_t)lua_tointeger(L, -1) / (STEP / 4));
  return n;
}

/* utf8.offset(s, n [, i]) -> position | nil */
static int u_offset(lua_State *L) {
  lua_Integer size = (lua_Integer)lua_rawlen(L, 1), from, to;
  lua_Integer count = lua_tointeger(L, 2);
  bool given = !lua_isnoneornil(L, 3);
  int n;

  from = given ? lua_tointeger(L, 3) : count > 0 ? 1 : size + 1;
  if (from < 0)
    from += size + 1;
  n = stock(L);
  to = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : count > 0 ? size : 0;
  ml_box_charge(L, 1 + (uint64_t)(to > from ? to - from : from - to) / STEP);
  return n;
}

void ml_lib_utf8(lua_State *L) {
  static const luaL_Reg own[] = {
    {"char", u_plain}, {"codepoint", u_codepoint}, {"codes", u_plain},
    {"len", u_len}, {"offset", u_offset}, {NULL, NULL},
  };
  static const char *const pattern[] = {"charpattern", NULL};
  const luaL_Reg *f;

  lua_createtable(L, 0, 6);
  ml_lib_stock(L, LUA_UTF8LIBNAME, luaopen_utf8);
  ml_lib_copy(L, -1, -2, pattern);
  for (f = own; f->name != NULL; f++) {
    lua_getfield(L, -1, f->name);
    lua_pushcclosure(L, f->func, 1);
    lua_setfield(L, -3, f->name);
  }
  lua_pop(L, 1);
  ml_box_freeze_table(L, -1);
  lua_setfield(L, -2, LUA_UTF8LIBNAME);
}
