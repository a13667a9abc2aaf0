/* lib_utf8.c - Lua's utf8, each call charged by the text it may walk. */
#include "script/box_private.h"

void ml_lib_utf8(lua_State *L) {
  static const char *const names[] = {
    "char", "codepoint", "codes", "len", "offset", NULL,
  };
  static const char *const pattern[] = {"charpattern", NULL};

  lua_createtable(L, 0, 6);
  ml_lib_stock(L, LUA_UTF8LIBNAME, luaopen_utf8);
  ml_lib_copy(L, -1, -2, pattern);
  ml_lib_charged(L, -1, -2, names);
  lua_pop(L, 1);
  ml_box_freeze_table(L, -1);
  lua_setfield(L, -2, LUA_UTF8LIBNAME);
}
