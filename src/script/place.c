/* place.c - where a script's author wrote a call. */
#include "script/place.h"

#include <lauxlib.h>
#include <string.h>

#define LEVELS 50   /* frames looked at */

static int call_with_place(lua_State *L) {
  lua_Debug ar;
  int found = 0;

  for (int level = 1; !found && level <= LEVELS; level++) {
    if (!lua_getstack(L, level, &ar))
      break;
    lua_getinfo(L, "Sl", &ar);
    found = ar.currentline > 0 && strncmp(ar.source, "@moonlane/", 10) != 0
            && strcmp(ar.source, "@moonlane.lua") != 0;
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  if (found)
    lua_pushfstring(L, "%s:%d",
                    ar.source[0] == '@' ? ar.source + 1 : ar.short_src,
                    ar.currentline);
  else
    lua_pushliteral(L, "?");
  lua_rotate(L, 1, 2);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

int ml_place_placed(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_pushcclosure(L, call_with_place, 1);
  return 1;
}
