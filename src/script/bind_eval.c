/* bind_eval.c - a line of Lua from the REPL: it needs no library. */
#include "base/json.h"
#include "base/text.h"
#include "script/bind.h"
#include "script/convert.h"

/* The members of the JSON object at arg 2 become globals. */
static void set_globals(lua_State *L) {
  ml_err e = {0};
  ml_rc rc;

  if (lua_isnoneornil(L, 2))
    return;
  rc = ml_convert_push(L, ml_bind_text(L, 2), NULL, &e);
  if (rc != ML_OK || lua_type(L, -1) != LUA_TTABLE)
    luaL_error(L, "the globals of a line must be a JSON object: %s", e.text);
  ml_box_push_env(L);
  for (lua_pushnil(L); lua_next(L, -3) != 0; ) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_settable(L, -4);
  }
  lua_pop(L, 2);
}

/* An expression, or else a chunk: push its function or raise. */
static void compile(lua_State *L) {
  ml_str line = ml_bind_text(L, 1);

  ml_box_charge(L, 2 * line.n);
  lua_pushliteral(L, "return ");
  lua_pushvalue(L, 1);
  lua_concat(L, 2);
  if (luaL_loadbufferx(L, lua_tostring(L, -1), lua_rawlen(L, -1), "=line",
                       "t") == LUA_OK)
    return;
  lua_pop(L, 1);
  if (luaL_loadbufferx(L, line.p, line.n, "=line", "t") != LUA_OK)
    lua_error(L);
}

/* Append the value as JSON; one that has none as its tostring. */
static void show(lua_State *L, int idx, ml_buf *out) {
  size_t before = out->len, n;
  ml_err e;
  const char *s;

  if (ml_convert_to_json(L, idx, "value", NULL, out, &e) == ML_OK)
    return;
  out->len = before;
  s = ml_box_tolstring(L, idx, &n);
  ml_json_put_str(out, (ml_str){s, n});
  lua_pop(L, 1);
}

int ml_bind_eval(lua_State *L) {
  ml_buf *out = &ml_bind_slice(L)->scratch;
  int i, base, n;

  lua_settop(L, 2);
  set_globals(L);
  compile(L);
  base = 2;
  lua_replace(L, base);
  lua_settop(L, base);
  lua_call(L, 0, LUA_MULTRET);
  n = lua_gettop(L) - (base - 1);
  luaL_checkstack(L, 8, NULL);
  ml_buf_reset(out);
  if (n > 1)
    ml_buf_putc(out, '[');
  for (i = 0; i < n; i++) {
    if (i > 0)
      ml_buf_putc(out, ',');
    show(L, base + i, out);
    ml_box_charge(L, out->len / 16 + 1);
  }
  if (n > 1)
    ml_buf_putc(out, ']');
  if (out->bad)
    return luaL_error(L, "the worker is short of memory");
  lua_pushlstring(L, out->p != NULL ? out->p : "", out->len);
  return 1;
}
