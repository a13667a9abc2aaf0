/* convert.c - between Lua values and JSON texts. */
#include "script/convert.h"

#include <lauxlib.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "script/box_private.h"

#define NODES_MAX 100000u
#define BYTES_MAX ((size_t)1 << 20)
#define SHORT_MAX 40u     /* bytes of a text that Lua keeps once (LUAI_MAXSHORTLEN) */

/* ---- null and the mark of lists ---- */

void ml_convert_push_null(lua_State *L) {
  lua_pushlightuserdata(L, NULL);
}

bool ml_convert_is_null(lua_State *L, int idx) {
  return lua_type(L, idx) == LUA_TLIGHTUSERDATA &&
         lua_touserdata(L, idx) == NULL;
}

void ml_convert_open(lua_State *L) {
  lua_createtable(L, 0, 2);
  lua_pushboolean(L, 1);
  lua_rawsetp(L, -2, &ml_key_array);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &ml_key_array);
}

void ml_convert_mark_array(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ml_key_array);
  lua_setmetatable(L, idx);
}

/* What the metatable of the value at idx says; needs three free slots. */
static bool has_mark(lua_State *L, int idx, const void *key) {
  bool has;

  if (!lua_getmetatable(L, idx))
    return false;
  has = lua_rawgetp(L, -1, key) != LUA_TNIL;
  lua_pop(L, 2);
  return has;
}

bool ml_convert_is_array(lua_State *L, int idx) {
  return lua_type(L, idx) == LUA_TTABLE && has_mark(L, idx, &ml_key_array);
}

/* The number of elements when all keys are 1..n, else -1. */
static lua_Integer list_size(lua_State *L, int t) {
  lua_Integer n = 0, top = 0;

  for (lua_pushnil(L); lua_next(L, t) != 0; lua_pop(L, 1)) {
    lua_Integer i;

    if (!lua_isinteger(L, -2) || (i = lua_tointeger(L, -2)) < 1) {
      lua_pop(L, 2);
      return -1;
    }
    top = i > top ? i : top;
    n++;
  }
  return n == top ? n : -1;
}

int ml_convert_array(lua_State *L) {
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_newtable(L);
    lua_replace(L, 1);
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  if (ml_convert_is_array(L, 1))
    return 1;
  luaL_argcheck(L, !has_mark(L, 1, &ml_key_frozen), 1,
                "the table is read-only");
  if (lua_getmetatable(L, 1))
    return luaL_argerror(L, 1, "a table without metatable expected");
  ml_box_charge(L, 1 + lua_rawlen(L, 1));
  luaL_argcheck(L, list_size(L, 1) >= 0, 1,
                "a list expected: keys 1 to n without gaps");
  ml_convert_mark_array(L, 1);
  return 1;
}

/* ---- Lua to JSON ---- */

typedef struct writer {
  lua_State *L;
  ml_buf *out;
  size_t start, bytes;      /* of out when begun; how many may be added */
  uint32_t nodes;           /* left */
  bool *over;
  ml_err *e;
  const char *name;
  int depth;
  struct {
    ml_str key;             /* p NULL: index */
    lua_Integer index;
  } path[ML_CONVERT_DEPTH + 1];
} writer;

static ml_rc write_value(writer *w, int idx);

static bool plain_key(ml_str key) {
  size_t i;

  for (i = 0; i < key.n; i++) {
    char c = key.p[i];

    if (!(c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
          (i > 0 && c >= '0' && c <= '9')))
      return false;
  }
  return key.n > 0;
}

/* Fail with the path of the value at hand. */
static __attribute__((format(printf, 3, 4)))
ml_rc refuse(writer *w, ml_rc rc, const char *fmt, ...) {
  ml_buf at = {0};
  char why[240];
  va_list ap;
  int i;

  va_start(ap, fmt);
  vsnprintf(why, sizeof why, fmt, ap);
  va_end(ap);
  ml_buf_puts(&at, w->name);
  for (i = 0; i < w->depth && at.len < 200; i++) {
    if (w->path[i].key.p == NULL) {
      ml_buf_printf(&at, "[%lld]", (long long)w->path[i].index);
    } else if (plain_key(w->path[i].key)) {
      ml_buf_printf(&at, ".%.*s", (int)w->path[i].key.n, w->path[i].key.p);
    } else {
      ml_buf_puts(&at, "[");
      ml_json_put_str(&at, w->path[i].key);
      ml_buf_puts(&at, "]");
    }
  }
  ml_err_set(w->e, rc, at.p, "%s: %s", at.p != NULL ? at.p : w->name, why);
  ml_buf_free(&at);
  return rc;
}

static ml_rc too_long(writer *w) {
  if (w->over != NULL)
    *w->over = true;
  return refuse(w, ML_LIMIT, "it makes more than %zu bytes of JSON", w->bytes);
}

static ml_rc check_room(writer *w) {
  if (w->out->bad)
    return ML_NOMEM;
  if (w->out->len - w->start > w->bytes)
    return too_long(w);
  return ML_OK;
}

static ml_rc write_text(writer *w, ml_str s) {
  if (s.n > w->bytes)
    return too_long(w);
  if (!ml_text_utf8(s))
    return refuse(w, ML_INVALID, "a text must be valid UTF-8");
  ml_json_put_str(w->out, s);
  return ML_OK;
}

static ml_rc write_number(writer *w, int idx) {
  double d;

  if (lua_isinteger(w->L, idx)) {
    ml_json_put_int(w->out, lua_tointeger(w->L, idx));
    return ML_OK;
  }
  d = lua_tonumber(w->L, idx);
  if (!isfinite(d))
    return refuse(w, ML_INVALID, "a number must be finite");
  ml_json_put_real(w->out, d);
  return ML_OK;
}

static ml_rc write_list(writer *w, int t, lua_Integer n) {
  lua_Integer i;
  ml_rc rc = ML_OK;

  ml_buf_putc(w->out, '[');
  w->path[w->depth].key = ML_NOSTR;
  w->depth++;
  for (i = 1; i <= n && rc == ML_OK; i++) {
    if (i > 1)
      ml_buf_putc(w->out, ',');
    w->path[w->depth - 1].index = i;
    lua_rawgeti(w->L, t, i);
    rc = write_value(w, lua_gettop(w->L));
    lua_pop(w->L, 1);
  }
  w->depth--;
  ml_buf_putc(w->out, ']');
  return rc;
}

typedef struct member {
  ml_str key;               /* Lua's bytes */
  int at;                   /* where a long key lies on the stack; 0: short */
} member;

static int by_bytes(const void *pa, const void *pb) {
  const ml_str *a = &((const member *)pa)->key, *b = &((const member *)pb)->key;
  size_t n = a->n < b->n ? a->n : b->n;
  int c = memcmp(a->p, b->p, n);

  return c != 0 ? c : a->n < b->n ? -1 : a->n > b->n;
}

static ml_rc check_key(writer *w, size_t n) {
  int type = lua_type(w->L, -2);

  if (type == LUA_TNUMBER)
    return refuse(w, ML_INVALID, "keys must be texts, or 1 to n without gaps: "
                                 "a table cannot have both");
  if (type != LUA_TSTRING)
    return refuse(w, ML_INVALID, "a key must be a text, not a %s",
                  lua_typename(w->L, type));
  if (n >= w->nodes)
    return refuse(w, ML_LIMIT, "more than the allowed number of values");
  return ML_OK;
}

/*
** The keys of the table at t, in order.  Nothing here may raise, so a key is
** looked up again by its bytes only when it is short: Lua finds a short text
** that exists without making one.  Long ones stay on the stack.
*/
static ml_rc sorted_keys(writer *w, int t, member **out, size_t *count) {
  lua_State *L = w->L;
  size_t n = 0, cap = 0;
  member *keys = NULL, *more;
  ml_rc rc = ML_OK;

  for (lua_pushnil(L); lua_next(L, t) != 0; lua_pop(L, 1)) {
    rc = check_key(w, n);
    if (rc == ML_OK && n == cap) {
      cap = cap > 0 ? cap * 2 : 16;
      more = ml_mem_realloc(keys, cap * sizeof *keys);
      if (more == NULL)
        rc = ML_NOMEM;
      else
        keys = more;
    }
    if (rc == ML_OK && !lua_checkstack(L, 8))
      rc = ML_NOMEM;
    if (rc != ML_OK) {
      ml_mem_free(keys);
      return rc;
    }
    keys[n].key.p = lua_tolstring(L, -2, &keys[n].key.n);
    keys[n].at = 0;
    if (keys[n].key.n > SHORT_MAX) {
      lua_pushvalue(L, -2);
      lua_insert(L, -3);
      keys[n].at = lua_gettop(L) - 2;
    }
    n++;
  }
  if (n > 1)
    qsort(keys, n, sizeof *keys, by_bytes);
  *out = keys;
  *count = n;
  return ML_OK;
}

static void push_member(lua_State *L, int t, const member *m) {
  if (m->at != 0)
    lua_pushvalue(L, m->at);
  else
    lua_pushlstring(L, m->key.p, m->key.n);
  lua_rawget(L, t);
}

static ml_rc write_object(writer *w, int t) {
  int top = lua_gettop(w->L);
  member *keys;
  size_t n = 0, i;
  ml_rc rc = sorted_keys(w, t, &keys, &n);

  if (rc != ML_OK) {
    lua_settop(w->L, top);
    return rc;
  }
  ml_buf_putc(w->out, '{');
  w->depth++;
  for (i = 0; i < n && rc == ML_OK; i++) {
    if (i > 0)
      ml_buf_putc(w->out, ',');
    w->path[w->depth - 1].key = keys[i].key;
    rc = write_text(w, keys[i].key);
    ml_buf_putc(w->out, ':');
    if (rc == ML_OK) {
      push_member(w->L, t, &keys[i]);
      rc = write_value(w, lua_gettop(w->L));
      lua_pop(w->L, 1);
    }
  }
  w->depth--;
  ml_buf_putc(w->out, '}');
  ml_mem_free(keys);
  lua_settop(w->L, top);
  return rc;
}

static ml_rc write_table(writer *w, int idx) {
  lua_State *L = w->L;
  bool marked = false;
  lua_Integer n;
  int t = idx;
  ml_rc rc;

  if (w->depth >= ML_CONVERT_DEPTH)
    return refuse(w, ML_LIMIT, "nested deeper than %d", ML_CONVERT_DEPTH);
  if (!lua_checkstack(L, 8))
    return ML_NOMEM;
  if (lua_getmetatable(L, idx)) {
    lua_pop(L, 1);
    marked = has_mark(L, idx, &ml_key_array);
    if (!marked && !has_mark(L, idx, &ml_key_frozen))
      return refuse(w, ML_INVALID, "a table with a metatable cannot be stored");
  }
  if (ml_box_push_frozen(L, idx)) {
    t = lua_gettop(L);
    if (!marked && lua_getmetatable(L, t)) {
      lua_pop(L, 2);
      return refuse(w, ML_INVALID, "a table with a metatable cannot be stored");
    }
  } else {
    lua_pushnil(L);
  }
  n = list_size(L, t);
  if (n > (lua_Integer)w->nodes)
    rc = refuse(w, ML_LIMIT, "more than the allowed number of values");
  else if (n > 0 || (n == 0 && marked))
    rc = write_list(w, t, n);
  else if (marked)
    rc = refuse(w, ML_INVALID, "a list must have the keys 1 to n without gaps");
  else
    rc = write_object(w, t);
  lua_pop(L, 1);
  return rc;
}

static ml_rc write_value(writer *w, int idx) {
  lua_State *L = w->L;
  ml_rc rc = ML_OK;
  size_t n;

  if (w->nodes == 0)
    return refuse(w, ML_LIMIT, "more than the allowed number of values");
  w->nodes--;
  switch (lua_type(L, idx)) {
  case LUA_TNIL: case LUA_TNONE:
    ml_buf_puts(w->out, "null");
    break;
  case LUA_TBOOLEAN:
    ml_buf_puts(w->out, lua_toboolean(L, idx) ? "true" : "false");
    break;
  case LUA_TNUMBER:
    rc = write_number(w, idx);
    break;
  case LUA_TSTRING: {
    const char *s = lua_tolstring(L, idx, &n);

    rc = write_text(w, (ml_str){s, n});
    break;
  }
  case LUA_TTABLE:
    rc = write_table(w, idx);
    break;
  case LUA_TLIGHTUSERDATA:
    if (ml_convert_is_null(L, idx)) {
      ml_buf_puts(w->out, "null");
      break;
    }
    /* fall through */
  default:
    return refuse(w, ML_INVALID, "a %s cannot be stored",
                  lua_typename(L, lua_type(L, idx)));
  }
  return rc != ML_OK ? rc : check_room(w);
}

ml_rc ml_convert_to_json(lua_State *L, int idx, const char *name,
                         const ml_convert_limits *limits, ml_buf *out,
                         ml_err *e) {
  writer w;
  int top = lua_gettop(L);
  ml_rc rc;

  memset(&w, 0, offsetof(writer, path));
  w.L = L;
  w.out = out;
  w.start = out->len;
  w.name = name;
  w.e = e;
  w.nodes = limits != NULL && limits->nodes != 0 ? limits->nodes : NODES_MAX;
  w.over = limits != NULL ? limits->over : NULL;
  w.bytes = limits != NULL && limits->bytes != 0 ? limits->bytes : BYTES_MAX;
  if (!lua_checkstack(L, 8))
    return ml_err_set(e, ML_NOMEM, name, "memory is short");
  rc = write_value(&w, lua_absindex(L, idx));
  if (rc == ML_OK && out->bad)
    rc = ML_NOMEM;
  if (rc == ML_NOMEM)
    ml_err_set(e, ML_NOMEM, name, "memory is short");
  lua_settop(L, top);
  return rc;
}

/* ---- JSON to Lua ---- */

/* Its scratch outlives a raise in the middle of a text: one a thread. */
static _Thread_local ml_jread reader;

static void reader_init(ml_str json, const ml_json_limits *limits) {
  ml_buf scratch = reader.scratch;

  ml_jread_init(&reader, json.p, json.n, limits);
  reader.scratch = scratch;
  ml_buf_reset(&reader.scratch);
}

/* Lay the value on top of the stack where it belongs: into the table below
** it.  kinds: a bit a level, 1 for an object. */
static void place(lua_State *L, int depth, uint64_t kinds, lua_Integer *index) {
  if (depth == 0)
    return;
  if (kinds >> (depth - 1) & 1)
    lua_rawset(L, -3);
  else
    lua_rawseti(L, -2, ++index[depth - 1]);
}

/* Push a value that is no container; false for other tokens. */
static bool push_scalar(lua_State *L, ml_jtok tok) {
  switch (tok) {
  case ML_JT_NULL: ml_convert_push_null(L); return true;
  case ML_JT_TRUE: lua_pushboolean(L, 1); return true;
  case ML_JT_FALSE: lua_pushboolean(L, 0); return true;
  case ML_JT_INT: lua_pushinteger(L, reader.i); return true;
  case ML_JT_REAL: lua_pushnumber(L, reader.d); return true;
  case ML_JT_STR: lua_pushlstring(L, reader.str.p, reader.str.n); return true;
  default: return false;
  }
}

static ml_rc reader_failed(ml_err *e) {
  char at[32];
  ml_rc rc = reader.nomem ? ML_NOMEM : reader.limit != NULL ? ML_LIMIT
                                                           : ML_INVALID;

  snprintf(at, sizeof at, "byte %zu", ml_jread_offset(&reader));
  return ml_err_set(e, rc, at, "%s",
                    reader.why != NULL ? reader.why : "not JSON");
}

ml_rc ml_convert_push(lua_State *L, ml_str json, const ml_json_limits *limits,
                      ml_err *e) {
  lua_Integer index[64];
  uint64_t kinds = 0;
  int depth = 0, top = lua_gettop(L);
  ml_jtok tok;

  reader_init(json, limits);
  luaL_checkstack(L, 3 * 64 + 8, NULL);
  while ((tok = ml_jread_next(&reader)) != ML_JT_END) {
    if (push_scalar(L, tok)) {
      place(L, depth, kinds, index);
      continue;
    }
    switch (tok) {
    case ML_JT_KEY:
      lua_pushlstring(L, reader.str.p, reader.str.n);
      lua_pushvalue(L, -1);
      if (lua_rawget(L, -3) != LUA_TNIL) {
        lua_settop(L, top);
        reader.why = "a key stands twice in one object";
        return reader_failed(e);
      }
      lua_pop(L, 1);
      break;
    case ML_JT_ARR: case ML_JT_OBJ:
      lua_newtable(L);
      if (tok == ML_JT_ARR)
        ml_convert_mark_array(L, -1);
      kinds = tok == ML_JT_OBJ ? kinds | 1ull << depth
                               : kinds & ~(1ull << depth);
      index[depth++] = 0;
      break;
    case ML_JT_ARR_END: case ML_JT_OBJ_END:
      depth--;
      place(L, depth, kinds, index);
      break;
    default:
      lua_settop(L, top);
      return reader_failed(e);
    }
  }
  return ML_OK;
}
