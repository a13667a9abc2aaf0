/* bind.c - moonlane.host: where its functions come together. */
#include "script/bind.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "script/box_private.h"
#include "script/convert.h"
#include "script/place.h"

static const char slice_key = 0;

ml_slice *ml_bind_slice(lua_State *L) {
  ml_slice **at, *s;

  lua_rawgetp(L, LUA_REGISTRYINDEX, &slice_key);
  at = lua_touserdata(L, -1);
  lua_pop(L, 1);
  s = at != NULL ? *at : NULL;
  if (s == NULL)
    luaL_error(L, "this can only be called while a slice runs");
  return s;
}

void ml_slice_done(ml_slice *s) {
  size_t i;

  for (i = 0; i < s->held_n; i++) {
    ml_buf_free(&s->held[i].id);
    ml_buf_free(&s->held[i].json);
  }
  ml_buf_free(&s->subject);
  ml_buf_free(&s->state);
  ml_buf_free(&s->assign);
  ml_buf_free(&s->scratch);
  ml_arena_free(&s->arena);
  *s = (ml_slice){0};
}

/* ---- memory ---- */

static int short_of(lua_State *L) {
  return luaL_error(L, "the worker is short of memory");
}

ml_str ml_bind_keep(lua_State *L, ml_str t) {
  ml_slice *s = ml_bind_slice(L);
  char *p = ml_arena_dup(&s->arena, t.p, t.n);

  if (p == NULL)
    short_of(L);
  return (ml_str){p, t.n};
}

ml_str ml_bind_text(lua_State *L, int arg) {
  size_t n;
  const char *p = luaL_checklstring(L, arg, &n);

  return (ml_str){p, n};
}

/* Room doubles at each power of two, so the arena holds at most twice. */
void *ml_bind_grow(lua_State *L, void *list, size_t n, size_t size, size_t max,
                   const char *what) {
  ml_slice *s = ml_bind_slice(L);
  void *big;

  if (n >= max) {
    ml_bind_raise(L, "more than %zu %s", max, what);
    return NULL;
  }
  if (n != 0 && (n < 8 || (n & (n - 1)) != 0))
    return list;
  big = ml_arena_zero(&s->arena, (n < 8 ? 8 : n * 2) * size);
  if (big == NULL)
    short_of(L);
  else if (n > 0)
    memcpy(big, list, n * size);
  return big;
}

ml_str ml_slice_clean(ml_arena *a, ml_str t, size_t max) {
  size_t in = 0, out = 0, step;
  char *p = ml_arena_alloc(a, (t.n < max ? t.n : max) + 1);

  if (p == NULL)
    return ML_NOSTR;
  while (in < t.n) {
    step = ml_utf8_step(t.p + in, t.p + t.n);
    if (out + (step > 0 ? step : 1) > max)
      break;
    if (step == 0 || t.p[in] == '\0') {
      p[out++] = '?';
      in++;
      continue;
    }
    memcpy(p + out, t.p + in, step);
    in += step;
    out += step;
  }
  p[out] = '\0';
  return (ml_str){p, out};
}

ml_str ml_bind_clean(lua_State *L, ml_str t, size_t max) {
  ml_str c = ml_slice_clean(&ml_bind_slice(L)->arena, t, max);

  if (c.p == NULL)
    short_of(L);
  return c;
}

/* ---- errors ---- */

/* Push "file:line: " of the innermost function of the author's own. */
static void push_where(lua_State *L) {
  lua_Debug ar;
  int level;

  for (level = 0; level < 100 && lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Sl", &ar);
    if (ar.currentline > 0 && ar.source[0] == '@' &&
        strncmp(ar.source, "@moonlane/", 10) != 0 &&
        strcmp(ar.source, "@moonlane.lua") != 0) {
      lua_pushfstring(L, "%s:%d: ", ar.source + 1, ar.currentline);
      return;
    }
  }
  lua_pushliteral(L, "");
}

int ml_bind_raise(lua_State *L, const char *fmt, ...) {
  char text[512];
  va_list ap;

  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  push_where(L);
  lua_pushstring(L, text);
  lua_concat(L, 2);
  return lua_error(L);
}

/* raise(message): an error at the author's line */
static int host_raise(lua_State *L) {
  luaL_checkstring(L, 1);
  push_where(L);
  lua_pushvalue(L, 1);
  lua_concat(L, 2);
  return lua_error(L);
}

int ml_bind_end(lua_State *L, ml_end end, ml_str text) {
  ml_slice *s = ml_bind_slice(L);

  s->text = ml_bind_clean(L, text, ML_ERROR_MAX);
  s->end = end;
  s->ended = true;
  return ml_box_end(L);
}

void ml_bind_not_in_step(lua_State *L, const char *what) {
  if (ml_bind_slice(L)->in_step)
    ml_bind_raise(L, "%s cannot be used inside ctx:step; a step gives back "
                     "plain data and does nothing else", what);
}

/* What an anchored function gives back: all of it. */
static int anchored_end(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  return lua_gettop(L);
}

static int anchored(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, anchored_end);
  return anchored_end(L, LUA_OK, 0);
}

/* anchor(f) -> the same function, but its caller's line is known even after
** `return f()`: a tail call to a C function leaves the caller's frame. */
static int host_anchor(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_pushcclosure(L, anchored, 1);
  return 1;
}

static const luaL_Reg general[] = {
  {"raise", host_raise}, {"anchor", host_anchor}, {"placed", ml_place_placed},
  {"array", ml_convert_array}, {NULL, NULL}
};

/* require, as library sources see it: it also knows moonlane.host.
** Upvalues: the host table, the sandbox's require with the library's own
** modules. */
static int lib_require(lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING &&
      strcmp(lua_tostring(L, 1), "moonlane.host") == 0) {
    lua_pushvalue(L, lua_upvalueindex(1));
    return 1;
  }
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

void ml_bind_open(ml_box *b, ml_slice **slice) {
  lua_State *L = ml_box_lua(b);

  lua_pushlightuserdata(L, slice);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &slice_key);
  lua_newtable(L);
  luaL_setfuncs(L, general, 0);
  luaL_setfuncs(L, ml_bind_calls, 0);
  luaL_setfuncs(L, ml_bind_helds, 0);
  luaL_setfuncs(L, ml_bind_texts, 0);
  ml_convert_push_null(L);
  lua_setfield(L, -2, "null");
  ml_box_push_lib_env(L);                 /* host, env */
  if (!ml_box_push_frozen(L, -1))         /* host, env, behind it */
    lua_pushvalue(L, -1);
  lua_pushvalue(L, -3);
  lua_getfield(L, -2, "require");
  ml_lib_require_own(L);
  lua_pushcclosure(L, lib_require, 2);
  lua_setfield(L, -2, "require");
  lua_pop(L, 3);
}

/* ---- limits ---- */

uint64_t ml_bind_bound(const ml_slice *s, ml_bound b) {
  return ml_bound_of(s->q->limits, s->limits, b, NULL);
}

const char *ml_bind_told(const ml_slice *s, ml_bound b) {
  return ml_bound_told(s->q->limits, s->limits, b);
}
