/* bind_text.c - JSON, durations, encodings, and showing a value. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "model/flow.h"
#include "script/bind.h"
#include "script/box_private.h"
#include "script/convert.h"

/* ---- JSON ---- */

static ml_rc convert(lua_State *L, ml_slice *s, const char *name, bool tree,
                     ml_err *e) {
  static const ml_convert_limits whole = {ML_TREE_NODES_MAX,
                                          ML_TREE_BYTES_MAX - 64, NULL};
  bool over = false;
  const ml_convert_limits one = {
    .bytes = (size_t)ml_bind_bound(s, ML_BOUND_RESULT), .over = &over};
  ml_rc rc;

  ml_buf_reset(&s->scratch);
  rc = ml_convert_to_json(L, 1, name, tree ? &whole : &one, &s->scratch, e);
  if (rc == ML_OK && s->scratch.bad)
    rc = ML_NOMEM;
  if (over)
    ml_err_set(e, rc, e->at, "%.300s (%s)", e->text,
               ml_bind_told(s, ML_BOUND_RESULT));
  ml_box_charge(L, s->scratch.len / 16 + 1);
  return rc;
}

/* encode(value, name, is a definition) -> JSON; raises with the path of what
** can't be */
static int host_encode(lua_State *L) {
  ml_slice *s = ml_bind_slice(L);
  const char *name = luaL_optstring(L, 2, "value");
  ml_err e = {0};
  ml_rc rc = convert(L, s, name, lua_toboolean(L, 3), &e);

  if (rc == ML_NOMEM)
    return luaL_error(L, "the worker is short of memory");
  if (rc != ML_OK)
    return ml_bind_raise(L, "%s", e.text);
  lua_pushlstring(L, s->scratch.p, s->scratch.len);
  return 1;
}

static ml_rc decode(lua_State *L, ml_err *e) {
  ml_str json = ml_bind_text(L, 1);

  ml_box_charge(L, json.n / 16 + 1);
  return ml_convert_push(L, json, NULL, e);
}

/* decode(JSON) -> value */
static int host_decode(lua_State *L) {
  ml_err e = {0};

  if (decode(L, &e) != ML_OK)
    return ml_bind_raise(L, "%s", e.text);
  return 1;
}

/* try_decode(JSON) -> value | nil, sentence */
static int host_try_decode(lua_State *L) {
  ml_err e = {0};

  if (decode(L, &e) == ML_OK)
    return 1;
  lua_pushnil(L);
  lua_pushstring(L, e.text);
  return 2;
}

/* is_array(table) -> whether it is marked as a list */
static int host_is_array(lua_State *L) {
  lua_pushboolean(L, lua_type(L, 1) == LUA_TTABLE && ml_convert_is_array(L, 1));
  return 1;
}

/* ---- texts ---- */

static int number_or_why(lua_State *L, ml_rc rc, int64_t v, const ml_err *e) {
  if (rc == ML_OK) {
    lua_pushinteger(L, (lua_Integer)v);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, e->text);
  return 2;
}

/* duration("1h30m") -> ms | nil, sentence */
static int host_duration(lua_State *L) {
  ml_err e = {0};
  int64_t ms = 0;
  ml_rc rc = ml_text_duration(ml_bind_text(L, 1), &ms, &e);

  return number_or_why(L, rc, ms, &e);
}

/* moment("2026-03-01T04:05:06Z") -> ms | nil, sentence */
static int host_moment(lua_State *L) {
  ml_err e = {0};
  int64_t ms = 0;
  ml_rc rc = ml_text_moment(ml_bind_text(L, 1), &ms, &e);

  return number_or_why(L, rc, ms, &e);
}

static int push_scratch(lua_State *L, ml_slice *s) {
  if (s->scratch.bad)
    return luaL_error(L, "the worker is short of memory");
  lua_pushlstring(L, s->scratch.p != NULL ? s->scratch.p : "", s->scratch.len);
  return 1;
}

/* url(text) -> percent-encoded */
static int host_url(lua_State *L) {
  ml_slice *s = ml_bind_slice(L);
  ml_str t = ml_bind_text(L, 1);

  ml_box_charge(L, t.n / 16 + 1);
  ml_buf_reset(&s->scratch);
  ml_text_put_url(&s->scratch, t);
  return push_scratch(L, s);
}

/* base64(bytes) -> text */
static int host_base64(lua_State *L) {
  ml_slice *s = ml_bind_slice(L);
  ml_str t = ml_bind_text(L, 1);

  ml_box_charge(L, t.n / 16 + 1);
  ml_buf_reset(&s->scratch);
  ml_text_put_base64(&s->scratch, t, false);
  return push_scratch(L, s);
}

/* excerpt(text) -> fit for a sentence, at most 120 bytes */
static int host_excerpt(lua_State *L) {
  char out[120];

  ml_text_excerpt(out, sizeof out, ml_bind_text(L, 1));
  lua_pushstring(L, out);
  return 1;
}

/* show(value) -> what it is, for a sentence: the number 3, "text", a table */
static int host_show(lua_State *L) {
  char out[80];
  size_t n;
  const char *s;

  switch (lua_type(L, 1)) {
  case LUA_TNONE: case LUA_TNIL:
    lua_pushliteral(L, "nil");
    break;
  case LUA_TBOOLEAN:
    lua_pushstring(L, lua_toboolean(L, 1) ? "true" : "false");
    break;
  case LUA_TNUMBER:
    lua_pushfstring(L, "the number %s", luaL_tolstring(L, 1, NULL));
    break;
  case LUA_TSTRING:
    s = lua_tolstring(L, 1, &n);
    ml_text_excerpt(out, sizeof out, (ml_str){s, n});
    lua_pushfstring(L, "'%s'", out);
    break;
  default:
    if (ml_convert_is_null(L, 1))
      lua_pushliteral(L, "ml.null");
    else
      lua_pushfstring(L, "a %s", luaL_typename(L, 1));
  }
  return 1;
}

/* ---- sources ---- */

/* source(name) -> text, or nil */
static int host_source(lua_State *L) {
  const ml_box_source *s = ml_box_find_source(ml_box_of(L),
                                              luaL_checkstring(L, 1));

  if (s == NULL)
    return 0;
  lua_pushlstring(L, s->text.p, s->text.n);
  return 1;
}

const luaL_Reg ml_bind_texts[] = {
  {"encode", host_encode},
  {"decode", host_decode}, {"try_decode", host_try_decode},
  {"is_array", host_is_array}, {"duration", host_duration},
  {"moment", host_moment}, {"url", host_url}, {"base64", host_base64},
  {"excerpt", host_excerpt}, {"show", host_show}, {"source", host_source},
  {NULL, NULL}
};
