/*
** frozen.c - tables that scripts can read and not change.
**
** Freezing moves the contents of a table to a hidden one and gives the
** emptied table a metatable of its own that leads there.  Every reference to
** the table is so read-only at once.  The hidden table is reached by C code
** only: the metatable is locked, and pairs, next and the table functions
** look through it (ml_box_push_frozen).
*/
#include "script/box_private.h"

#define DEPTH 64

static int refuse_write(lua_State *L) {
  if (lua_type(L, 2) == LUA_TSTRING)
    return luaL_error(L, "attempt to change '%s' of a read-only table",
                      lua_tostring(L, 2));
  return luaL_error(L, "attempt to change a read-only table");
}

/* The length of what is behind. */
static int frozen_len(lua_State *L) {
  if (ml_box_push_frozen(L, 1))
    lua_pushinteger(L, luaL_len(L, -1));
  else
    lua_pushinteger(L, 0);
  return 1;
}

bool ml_box_push_frozen(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  if (lua_type(L, idx) != LUA_TTABLE || !lua_getmetatable(L, idx))
    return false;
  if (lua_rawgetp(L, -1, &ml_key_frozen) == LUA_TTABLE) {
    lua_remove(L, -2);
    return true;
  }
  lua_pop(L, 2);
  return false;
}

bool ml_box_is_frozen(lua_State *L, int idx) {
  if (!ml_box_push_frozen(L, idx))
    return false;
  lua_pop(L, 1);
  return true;
}

/* What the table's own metatable does goes on: __call, __eq, __tostring,
** the array mark.  Stack: ..., old metatable, new metatable. */
static void copy_metamethods(lua_State *L) {
  int new = lua_gettop(L);

  for (lua_pushnil(L); lua_next(L, new - 1) != 0; ) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, new);
  }
}

/* Move the pairs of the table at t to the one at to. */
static void move_pairs(lua_State *L, int t, int to) {
  for (lua_pushnil(L); lua_next(L, t) != 0; ) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, to);              /* to[key] = value; the key stays */
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, t);               /* clearing while traversing is allowed */
  }
}

static void freeze(lua_State *L, int t, int depth) {
  int hidden, meta;

  luaL_checkstack(L, 12, NULL);
  if (depth > DEPTH)
    luaL_error(L, "a table to be frozen is nested deeper than %d", DEPTH);
  lua_newtable(L);
  hidden = lua_gettop(L);
  if (lua_getmetatable(L, t)) {
    lua_newtable(L);
    copy_metamethods(L);
    lua_pushvalue(L, -2);
    lua_setmetatable(L, hidden);    /* reading goes on to the old __index */
    lua_remove(L, -2);
  } else {
    lua_newtable(L);
  }
  meta = lua_gettop(L);
  lua_pushvalue(L, hidden);
  lua_setfield(L, meta, "__index");
  lua_pushcfunction(L, refuse_write);
  lua_setfield(L, meta, "__newindex");
  lua_pushcfunction(L, frozen_len);
  lua_setfield(L, meta, "__len");
  lua_pushboolean(L, 0);
  lua_setfield(L, meta, "__metatable");
  lua_pushvalue(L, hidden);
  lua_rawsetp(L, meta, &ml_key_frozen);
  move_pairs(L, t, hidden);
  lua_setmetatable(L, t);           /* before the members: cycles end here */

  for (lua_pushnil(L); lua_next(L, hidden) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -1) != LUA_TTABLE || ml_box_is_frozen(L, -1))
      continue;
    if (lua_getmetatable(L, -1)) {  /* an object, or a marked list */
      bool list = lua_rawgetp(L, -1, &ml_key_array) == LUA_TBOOLEAN;

      lua_pop(L, 2);
      if (!list)
        continue;
    }
    freeze(L, lua_gettop(L), depth + 1);
  }
  lua_settop(L, hidden - 1);
}

void ml_box_freeze_table(lua_State *L, int idx) {
  if (!ml_box_is_frozen(L, idx))
    freeze(L, lua_absindex(L, idx), 1);
}
