/*
** lib_coroutine.c - coroutines that share the budget of their slice.
**
** A new coroutine copies its maker's hook once and counts from the start, so
** each is armed again at every resume; and a resume of a killed box raises
** in the caller.  There is no close: wrap leaves a failed coroutine to the
** collector (a chain of closes overruns the C stack in Lua 5.4.4).
*/
#include "script/box_private.h"

static lua_State *check_coroutine(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);

  luaL_argexpected(L, co != NULL, 1, "thread");
  return co;
}

/* "suspended" includes one that never ran. */
static bool is_suspended(lua_State *co) {
  lua_Debug ar;

  if (lua_status(co) == LUA_YIELD)
    return true;
  return lua_status(co) == LUA_OK && !lua_getstack(co, 0, &ar) &&
         lua_gettop(co) > 0;
}

/* Coroutines that can still run, after a collection. */
static uint32_t count_live(lua_State *L) {
  uint32_t n = 0;

  ml_box_charge(L, ml_box_used(ml_box_of(L)) / 64);
  lua_gc(L, LUA_GCCOLLECT);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ml_key_threads);
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
    lua_State *co = lua_tothread(L, -2);

    n += co != L && is_suspended(co);
  }
  lua_pop(L, 1);
  return n;
}

/* coroutine.create(f) -> thread */
static int co_create(lua_State *L) {
  ml_box *b = ml_box_of(L);
  lua_State *co;

  luaL_checktype(L, 1, LUA_TFUNCTION);
  ml_box_charge(L, COST_COROUTINE);
  if (b->coroutines >= b->limits.coroutines) {
    b->coroutines = count_live(L);
    if (b->coroutines >= b->limits.coroutines)
      return luaL_error(L, "too many coroutines: %d have not ended "
                        "(limit coroutines = %d, %s)", (int)b->coroutines,
                        (int)b->limits.coroutines,
                        b->limits.coroutines_by != NULL ? b->limits.coroutines_by
                                                        : "the default");
  }
  co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ml_key_threads);
  lua_pushvalue(L, -2);
  lua_pushboolean(L, 1);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  b->coroutines++;
  return 1;
}

/* Resume co with the top narg values; results on L, or -1 and the error. */
static int resume(lua_State *L, lua_State *co, int narg) {
  ml_box *b = ml_box_of(L);
  bool was_live = is_suspended(co);
  int status, n;

  ml_box_charge(L, COST_RESUME);
  if (!lua_checkstack(co, narg)) {
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  lua_xmove(L, co, narg);
  if (was_live)
    ml_box_arm(b, co);
  b->current = was_live ? co : L;
  status = lua_resume(co, L, narg, &n);
  b->current = L;
  if (ml_box_killed(L))
    return ml_box_raise(L);
  if (was_live && status != LUA_YIELD && b->coroutines > 0)
    b->coroutines--;
  if (status == LUA_OK || status == LUA_YIELD) {
    if (!lua_checkstack(L, n + 1)) {
      lua_pop(co, n);
      lua_pushliteral(L, "too many results to resume");
      return -1;
    }
    lua_xmove(co, L, n);
    return n;
  }
  if (status == LUA_ERRMEM) {
    ml_box_kill(b, ML_BOX_MEMORY);
    return ml_box_raise(L);
  }
  lua_xmove(co, L, 1);
  return -1;
}

/* coroutine.resume(co, ...) -> true, ... | false, error */
static int co_resume(lua_State *L) {
  lua_State *co = check_coroutine(L);
  int n = resume(L, co, lua_gettop(L) - 1);

  if (n < 0) {
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
  }
  lua_pushboolean(L, 1);
  lua_insert(L, -(n + 1));
  return n + 1;
}

static int wrapped(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  int n = resume(L, co, lua_gettop(L));

  if (n >= 0)
    return n;
  if (lua_type(L, -1) == LUA_TSTRING) {   /* say where it was called too */
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

/* coroutine.wrap(f) -> function */
static int co_wrap(lua_State *L) {
  co_create(L);
  lua_pushcclosure(L, wrapped, 1);
  return 1;
}

/* coroutine.yield(...) -> what the next resume was given */
static int co_yield(lua_State *L) {
  if (L == ml_box_of(L)->outer)
    return luaL_error(L, "attempt to yield from outside a coroutine");
  return lua_yield(L, lua_gettop(L));
}

void ml_lib_coroutine(lua_State *L) {
  static const char *const stock[] = {"isyieldable", "running", "status", NULL};
  static const luaL_Reg own[] = {
    {"create", co_create}, {"resume", co_resume}, {"wrap", co_wrap},
    {"yield", co_yield}, {NULL, NULL},
  };

  luaL_newlib(L, own);
  ml_lib_stock(L, LUA_COLIBNAME, luaopen_coroutine);
  ml_lib_copy(L, -1, -2, stock);
  lua_pop(L, 1);
  ml_box_freeze_table(L, -1);
  lua_setfield(L, -2, LUA_COLIBNAME);
}
