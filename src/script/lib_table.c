/*
** lib_table.c - the table functions, by raw access and charged by element.
**
** Results are Lua's on plain tables.  A table whose metatable has
** __newindex or __len is refused rather than treated differently; a frozen
** one may be read.  Ranges have at most RANGE_MAX elements.  sort is a merge
** sort: stable, the same each time, and never confused by a comparison that
** contradicts itself.
*/
#include <string.h>

#include "script/box_private.h"

#define RANGE_MAX 1000000

/* The table at arg, for reading: index of what holds its elements. */
static int reading(lua_State *L, int arg) {
  luaL_checktype(L, arg, LUA_TTABLE);
  if (ml_box_push_frozen(L, arg))
    lua_replace(L, arg);
  else if (luaL_getmetafield(L, arg, "__len") != LUA_TNIL)
    return luaL_argerror(L, arg, "a table without '__len' expected");
  return arg;
}

static int writing(lua_State *L, int arg) {
  luaL_checktype(L, arg, LUA_TTABLE);
  if (ml_box_is_frozen(L, arg))
    return luaL_argerror(L, arg, "the table is read-only");
  if (luaL_getmetafield(L, arg, "__newindex") != LUA_TNIL ||
      luaL_getmetafield(L, arg, "__len") != LUA_TNIL)
    return luaL_argerror(L, arg,
                         "a table without '__newindex' and '__len' expected");
  return arg;
}

static lua_Integer length(lua_State *L, int arg) {
  return (lua_Integer)lua_rawlen(L, arg);
}

/* Elements from..to, checked and charged; 0 when there are none. */
static lua_Unsigned range(lua_State *L, lua_Integer from, lua_Integer to,
                          const char *what) {
  lua_Unsigned n;

  if (from > to)
    return 0;
  n = (lua_Unsigned)to - (lua_Unsigned)from;
  if (n >= RANGE_MAX)
    luaL_error(L, "%s", what);
  ml_box_charge(L, n + 1);
  return n + 1;
}

/* table.insert(list, [pos,] value) */
static int t_insert(lua_State *L) {
  int t = writing(L, 1), n = lua_gettop(L);
  lua_Integer e = (lua_Integer)((lua_Unsigned)length(L, t) + 1), pos = e, i;

  if (n == 3) {
    pos = luaL_checkinteger(L, 2);
    luaL_argcheck(L, (lua_Unsigned)pos - 1u < (lua_Unsigned)e, 2,
                  "position out of bounds");
    range(L, pos, e, "too many elements to move");
    for (i = e; i > pos; i--) {
      lua_rawgeti(L, t, i - 1);
      lua_rawseti(L, t, i);
    }
  } else if (n != 2) {
    return luaL_error(L, "wrong number of arguments to 'insert'");
  }
  lua_rawseti(L, t, pos);
  return 0;
}

/* table.remove(list [, pos]) -> the element removed */
static int t_remove(lua_State *L) {
  int t = writing(L, 1);
  lua_Integer size = length(L, t), pos = luaL_optinteger(L, 2, size);

  if (pos != size)           /* #list + 1 is allowed too */
    luaL_argcheck(L, (lua_Unsigned)pos - 1u <= (lua_Unsigned)size, 1,
                  "position out of bounds");
  lua_rawgeti(L, t, pos);
  range(L, pos, size, "too many elements to move");
  for (; pos < size; pos++) {
    lua_rawgeti(L, t, pos + 1);
    lua_rawseti(L, t, pos);
  }
  lua_pushnil(L);
  lua_rawseti(L, t, pos);
  return 1;
}

/* table.move(a1, f, e, t [, a2]) -> a2 */
static int t_move(lua_State *L) {
  lua_Integer f = luaL_checkinteger(L, 2), e = luaL_checkinteger(L, 3);
  lua_Integer t = luaL_checkinteger(L, 4), n, i;
  int to = lua_isnoneornil(L, 5) ? 1 : 5, from;

  lua_settop(L, 5);
  writing(L, to);
  from = 1;
  if (to != 1)
    reading(L, from);
  if (e >= f) {
    luaL_argcheck(L, f > 0 || e < LUA_MAXINTEGER + f, 3,
                  "too many elements to move");
    n = e - f + 1;
    luaL_argcheck(L, t <= LUA_MAXINTEGER - n + 1, 4, "destination wrap around");
    luaL_argcheck(L, n <= RANGE_MAX, 3, "too many elements to move");
    ml_box_charge(L, (uint64_t)n);
    if (t > e || t <= f || (to != 1 && !lua_rawequal(L, 1, to))) {
      for (i = 0; i < n; i++) {
        lua_rawgeti(L, from, f + i);
        lua_rawseti(L, to, t + i);
      }
    } else {
      for (i = n - 1; i >= 0; i--) {
        lua_rawgeti(L, from, f + i);
        lua_rawseti(L, to, t + i);
      }
    }
  }
  lua_pushvalue(L, to);
  return 1;
}

/* table.concat(list [, sep [, i [, j]]]) -> string */
static int t_concat(lua_State *L) {
  int t = reading(L, 1);
  size_t sep_len, len;
  const char *sep = luaL_optlstring(L, 2, "", &sep_len);
  lua_Integer i = luaL_optinteger(L, 3, 1), last;
  luaL_Buffer b;

  last = luaL_opt(L, luaL_checkinteger, 4, length(L, t));
  range(L, i, last, "too many elements to concatenate");
  luaL_buffinit(L, &b);
  for (; i <= last; i++) {
    lua_rawgeti(L, t, i);
    if (!lua_isstring(L, -1))
      return luaL_error(L, "invalid value (%s) at index %I in table for 'concat'",
                        luaL_typename(L, -1), (LUAI_UACINT)i);
    lua_tolstring(L, -1, &len);
    luaL_addvalue(&b);
    ml_box_charge(L, (len + sep_len) / 64);
    if (i == last)
      break;                 /* i + 1 may not exist */
    luaL_addlstring(&b, sep, sep_len);
  }
  luaL_pushresult(&b);
  return 1;
}

/* table.pack(...) -> table with n */
static int t_pack(lua_State *L) {
  int i, n = lua_gettop(L);

  ml_box_charge(L, (uint64_t)n);
  lua_createtable(L, n, 1);
  lua_insert(L, 1);
  for (i = n; i >= 1; i--)
    lua_rawseti(L, 1, i);
  lua_pushinteger(L, n);
  lua_setfield(L, 1, "n");
  return 1;
}

/* table.unpack(list [, i [, j]]) -> elements */
static int t_unpack(lua_State *L) {
  int t = reading(L, 1);
  lua_Integer i = luaL_optinteger(L, 2, 1);
  lua_Integer e = luaL_opt(L, luaL_checkinteger, 3, length(L, t));
  lua_Unsigned n = range(L, i, e, "too many results to unpack"), k;

  if (n > 0 && !lua_checkstack(L, (int)n))
    return luaL_error(L, "too many results to unpack");
  for (k = 0; k < n; k++)
    lua_rawgeti(L, t, (lua_Integer)((lua_Unsigned)i + k));
  return (int)n;
}

/* ---- sort ---- */

/* Whether the second value (top) goes before the first one (below it). */
static bool goes_before(lua_State *L, bool own) {
  bool less;

  if (!own) {
    if (lua_type(L, -1) == LUA_TSTRING)
      ml_box_charge(L, 1 + lua_rawlen(L, -1) / 64);
    else
      ml_box_charge(L, 1);
    return lua_compare(L, -1, -2, LUA_OPLT);
  }
  ml_box_charge(L, 1);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, -2);
  lua_pushvalue(L, -4);
  lua_call(L, 2, 1);
  less = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return less;
}

/* Merge the runs [low, middle) and [middle, high) of one list into another. */
static void merge(lua_State *L, int from, int to, lua_Integer low,
                  lua_Integer middle, lua_Integer high, bool own) {
  lua_Integer i = low, j = middle, k = low;

  if (i < middle && j < high) {
    lua_rawgeti(L, from, i);
    lua_rawgeti(L, from, j);
    for (;;) {
      if (goes_before(L, own)) {
        lua_rawseti(L, to, k++);
        if (++j == high)
          break;
        lua_rawgeti(L, from, j);
      } else {
        lua_pushvalue(L, -2);
        lua_rawseti(L, to, k++);
        if (++i == middle) {
          lua_pop(L, 1);
          break;
        }
        lua_rawgeti(L, from, i);
        lua_replace(L, -3);
      }
    }
    lua_pop(L, 1);
  }
  for (; i < middle; i++, k++) {
    lua_rawgeti(L, from, i);
    lua_rawseti(L, to, k);
  }
  for (; j < high; j++, k++) {
    lua_rawgeti(L, from, j);
    lua_rawseti(L, to, k);
  }
}

static void copy(lua_State *L, int from, int to, lua_Integer n) {
  lua_Integer i;

  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, from, i);
    lua_rawseti(L, to, i);
  }
}

/* table.sort(list [, before]) */
static int t_sort(lua_State *L) {
  lua_Integer n, width, low;
  int from = 3, to = 4, swap;
  bool own;

  writing(L, 1);
  lua_settop(L, 2);
  n = length(L, 1);
  if (n < 2)
    return 0;
  luaL_argcheck(L, n <= RANGE_MAX, 1, "array too big");
  own = !lua_isnil(L, 2);
  if (own)
    luaL_checktype(L, 2, LUA_TFUNCTION);
  ml_box_charge(L, 2 * (uint64_t)n);
  lua_createtable(L, (int)n, 0);          /* the comparison may change the */
  lua_createtable(L, (int)n, 0);          /* list; these nobody else sees */
  copy(L, 1, from, n);
  for (width = 1; width < n; width *= 2) {
    ml_box_charge(L, (uint64_t)n);
    for (low = 1; low <= n; low += 2 * width) {
      lua_Integer middle = low + width <= n + 1 ? low + width : n + 1;
      lua_Integer high = low + 2 * width <= n + 1 ? low + 2 * width : n + 1;

      merge(L, from, to, low, middle, high, own);
    }
    swap = from;
    from = to;
    to = swap;
  }
  copy(L, from, 1, n);
  return 0;
}

void ml_lib_table(lua_State *L) {
  static const luaL_Reg own[] = {
    {"concat", t_concat}, {"insert", t_insert}, {"move", t_move},
    {"pack", t_pack}, {"remove", t_remove}, {"sort", t_sort},
    {"unpack", t_unpack}, {NULL, NULL},
  };

  luaL_newlib(L, own);
  ml_box_freeze_table(L, -1);
  lua_setfield(L, -2, LUA_TABLIBNAME);
}
