/*
** lib_require.c - require: a resolver inside the bundle and the library.
**
** "activities.x" is the source "activities/x.lua".  A module runs once a
** state; what it returns is kept (true for nothing).  What library modules
** return is frozen.  A module that is running when it is required again is a
** cycle.  What the library is made of, behind what its pages name, is there for
** the library alone.
*/
#include <stdio.h>
#include <string.h>

#include "script/box_private.h"

#define CYCLE_LEVELS 400     /* C calls end long before this many frames */

/* Whether the function at f runs in this coroutine. */
static bool is_running(lua_State *L, int f) {
  lua_Debug ar;
  int level;
  bool same;

  for (level = 0; level < CYCLE_LEVELS && lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "f", &ar);
    same = lua_rawequal(L, -1, f);
    lua_pop(L, 1);
    if (same)
      return true;
  }
  return false;
}

/* "a.b" -> "a/b.lua"; false when no source can have such a name. */
static bool file_of(const char *name, size_t n, char *path, size_t size) {
  size_t i;

  if (n == 0 || n + 5 > size || strlen(name) != n || strchr(name, '/') != NULL)
    return false;
  for (i = 0; i < n; i++)
    path[i] = name[i] == '.' ? '/' : name[i];
  memcpy(path + n, ".lua", 5);
  return true;
}

static int not_found(lua_State *L, const char *name, size_t n) {
  return luaL_error(L, "module '%s' is not in this bundle; a script can "
                       "require its own files and moonlane's",
                    n < 100 ? name : "(a long name)");
}

static bool is_own(const char *name) {
  static const char *const own[] = {
    "ctx", "define", "object", "path", "registry", "scan", "slice", NULL};

  if (strncmp(name, "moonlane.", 9) != 0)
    return false;
  for (size_t i = 0; own[i] != NULL; i++)
    if (strcmp(name + 9, own[i]) == 0)
      return true;
  return false;
}

/* require(name) -> the module's value.  Upvalues: what is being loaded; is it
** the library's? */
static int base_require(lua_State *L) {
  char path[256];
  size_t n;
  const char *name = luaL_checklstring(L, 1, &n);
  const ml_box_source *s;

  lua_settop(L, 1);
  ml_box_charge(L, COST_CALL);
  if (!lua_toboolean(L, lua_upvalueindex(2)) && is_own(name))
    return not_found(L, name, n);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ml_key_modules);      /* 2 */
  lua_pushvalue(L, 1);
  if (lua_rawget(L, 2) != LUA_TNIL)
    return 1;
  lua_pop(L, 1);
  if (!file_of(name, n, path, sizeof path) ||
      (s = ml_box_find_source(ml_box_of(L), path)) == NULL)
    return not_found(L, name, n);
  lua_pushvalue(L, lua_upvalueindex(1));                   /* 3: being loaded */
  if (lua_getfield(L, 3, name) == LUA_TFUNCTION && is_running(L, 4))
    return luaL_error(L, "module '%s' requires itself, through what it "
                         "requires", name);
  lua_settop(L, 3);
  if (ml_box_compile(L, s) != LUA_OK)
    return lua_error(L);
  ml_box_charge(L, 0);
  lua_pushvalue(L, 4);
  lua_setfield(L, 3, name);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);                                       /* 4: its value */
  if (lua_isnil(L, 4)) {
    lua_pushboolean(L, 1);
    lua_replace(L, 4);
  }
  if (ml_box_is_library(s->name) && lua_type(L, 4) == LUA_TTABLE)
    ml_box_freeze_table(L, 4);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 4);
  lua_rawset(L, 2);
  lua_pushnil(L);
  lua_setfield(L, 3, name);
  return 1;
}

void ml_lib_require(lua_State *L) {
  lua_newtable(L);
  lua_pushboolean(L, false);
  lua_pushcclosure(L, base_require, 2);
  lua_setfield(L, -2, "require");
}

void ml_lib_require_own(lua_State *L) {
  lua_getupvalue(L, -1, 1);
  lua_pushboolean(L, true);
  lua_pushcclosure(L, base_require, 2);
  lua_replace(L, -2);
}
