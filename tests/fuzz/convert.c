/*
** convert.c - the converter of results: a Lua value built by the input, as
** odd as it likes, becomes JSON that reads back, or is refused with a
** sentence; and JSON becomes a value that becomes the same JSON.
*/
#include <lauxlib.h>
#include <string.h>

#include "fuzz.h"
#include "script/box.h"
#include "script/convert.h"

enum { STACK_MAX = 40 };

static ml_box *box;

static int nothing(lua_State *L) {
  (void)L;
  return 0;
}

/* A metamethod must never run. */
static int never(lua_State *L) {
  (void)L;
  abort();
}

static void meta(lua_State *L) {
  static const luaL_Reg all[] = {
    {"__index", never}, {"__newindex", never}, {"__len", never},
    {"__pairs", never}, {"__tostring", never}, {"__eq", never},
    {"__name", never}, {NULL, NULL}};

  luaL_newlib(L, all);
  lua_setmetatable(L, -2);
}

static void op(lua_State *L, uint8_t what, const uint8_t **p,
               const uint8_t *end) {
  size_t left = (size_t)(end - *p), n;
  int64_t i = 0;
  double d = 0;

  switch (what % 14) {
  case 0:
    lua_pushnil(L);
    break;
  case 1:
    lua_pushboolean(L, what & 16);
    break;
  case 2: case 3:
    n = left < 8 ? left : 8;
    memcpy(what % 14 == 2 ? (void *)&i : (void *)&d, *p, n);
    *p += n;
    if (what % 14 == 2)
      lua_pushinteger(L, i);
    else
      lua_pushnumber(L, d);
    break;
  case 4:
    n = left > 0 ? **p % 9 : 0;
    n = n < left ? n : left > 0 ? left - 1 : 0;
    *p += left > 0;
    lua_pushlstring(L, (const char *)*p, n);
    *p += n;
    break;
  case 5: case 6:
    lua_newtable(L);
    break;
  case 7:
    ml_convert_push_null(L);
    break;
  case 8:
    lua_pushcfunction(L, nothing);
    break;
  case 9:                      /* t, k, v: t[k] = v */
    if (lua_gettop(L) >= 3 && lua_type(L, -3) == LUA_TTABLE &&
        lua_type(L, -2) != LUA_TNIL &&
        !(lua_type(L, -2) == LUA_TNUMBER &&
          lua_tonumber(L, -2) != lua_tonumber(L, -2)))
      lua_rawset(L, -3);
    break;
  case 10:                     /* append */
    if (lua_gettop(L) >= 2 && lua_type(L, -2) == LUA_TTABLE)
      lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    break;
  case 11:
    if (lua_gettop(L) >= 1 && lua_type(L, -1) == LUA_TTABLE)
      ml_convert_mark_array(L, -1);
    break;
  case 12:
    if (lua_gettop(L) >= 1 && lua_type(L, -1) == LUA_TTABLE)
      meta(L);
    break;
  default:                     /* the same again: shared, or a cycle */
    if (lua_gettop(L) >= 1)
      lua_pushvalue(L, 1 + what % lua_gettop(L));
    break;
  }
}

static void value(lua_State *L, const uint8_t *data, size_t n) {
  static const ml_convert_limits limits = {2000, 16384};
  const uint8_t *p = data, *end = data + n;
  ml_arena a = {0};
  ml_buf out = {0};
  ml_err e = {0};
  ml_json *v;

  lua_settop(L, 0);
  while (p < end) {
    uint8_t what = *p++;

    op(L, what, &p, end);
    if (lua_gettop(L) > STACK_MAX)
      lua_settop(L, 1);
  }
  if (lua_gettop(L) == 0)
    return;
  if (ml_convert_to_json(L, 1, "value", &limits, &out, &e) == ML_OK) {
    HOLDS(!out.bad && out.len <= limits.bytes);
    HOLDS(ml_json_parse(&a, out.p, out.len, NULL, &v, &e) == ML_OK);
  } else {
    HOLDS(e.text[0] != '\0');
  }
  ml_buf_free(&out);
  ml_arena_free(&a);
}

static void text(lua_State *L, ml_str json) {
  ml_buf one = {0}, two = {0};
  ml_err e = {0};

  lua_settop(L, 0);
  if (ml_convert_push(L, json, NULL, &e) != ML_OK)
    return;
  HOLDS(lua_gettop(L) == 1);
  if (ml_convert_to_json(L, 1, "v", NULL, &one, &e) == ML_OK) {
    lua_settop(L, 0);
    HOLDS(ml_convert_push(L, (ml_str){one.p, one.len}, NULL, &e) == ML_OK);
    HOLDS(ml_convert_to_json(L, 1, "v", NULL, &two, &e) == ML_OK);
    HOLDS(one.len == two.len && memcmp(one.p, two.p, one.len) == 0);
  }
  ml_buf_free(&one);
  ml_buf_free(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  ml_box_limits limits = {.counting = true};

  if (n < 1 || n > 4096)
    return 0;
  if (box == NULL) {
    HOLDS(ml_box_new(&limits, &box) == ML_OK);
    HOLDS(ml_box_freeze(box) == ML_OK);
  }
  ml_box_restore(box);
  if (data[0] == '{' || data[0] == '[' || data[0] == '"')
    text(ml_box_lua(box), (ml_str){(const char *)data, n});
  else
    value(ml_box_lua(box), data, n);
  return 0;
}
