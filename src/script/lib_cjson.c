/*
** lib_cjson.c - require "cjson": the packaged lua-cjson behind a guard.
**
** What lua-cjson can't be trusted with, and what the guard does about it:
** - Its buffers come from malloc.  A kept one would dangle after a restore:
**   keep_buffer is off, so a buffer lives during one call.  A raise in the
**   middle would leak it: the room for the result is checked before, and the
**   call runs with the region's limit lifted.
** - Out of memory ends the process, sizes overflow: at most 1 MiB in, 100,000
**   values, 64 deep, all charged first.
** - It writes members in the order of Lua's hash, which differs between
**   workers.  So lists and objects are put together here, in the order of
**   `pairs`; every text and number is written by lua-cjson.
** Both functions answer nil and a sentence instead of raising (cjson.safe).
** Settings can't be changed.  Decoded numbers are floats: that is lua-cjson;
** ctx and convert.h are exact.
*/
#include <stdio.h>
#include <string.h>

#include "script/box_private.h"
#include "script/convert.h"

#define TEXT_MAX ((size_t)1 << 20)
#define NODES_MAX 100000u
#define DEPTH_MAX 64
#define SPARSE_SAFE 10         /* lua-cjson's own rule for lists with gaps */
#define SPARSE_RATIO 2

int luaopen_cjson_safe(lua_State *L);

/* The result so far: bytes in a userdata, which lies at `slot`. */
typedef struct output {
  lua_State *L;
  int slot, encode;            /* stack indices; encode: lua-cjson's */
  char *p;
  size_t n, cap;
  uint32_t nodes;
} output;

static void write_value(output *o, int idx, int depth);

static void add(output *o, const char *s, size_t n) {
  if (o->n + n > TEXT_MAX)
    luaL_error(o->L, "Cannot serialise: more than %d bytes", (int)TEXT_MAX);
  if (o->n + n > o->cap) {
    size_t cap = o->cap > 0 ? o->cap * 2 : 256;
    char *p;

    while (cap < o->n + n)
      cap *= 2;
    p = lua_newuserdatauv(o->L, cap, 0);
    if (o->n > 0)
      memcpy(p, o->p, o->n);
    lua_replace(o->L, o->slot);
    o->p = p;
    o->cap = cap;
    ml_box_charge(o->L, cap / 64);
  }
  memcpy(o->p + o->n, s, n);
  o->n += n;
}

/*
** Call a lua-cjson function with the value on top, `room` bytes being enough
** for all it makes: its result, or nil and a sentence, as two values.
*/
static void call_guarded(lua_State *L, int f, size_t room) {
  ml_box *b = ml_box_of(L);
  int status;

  if (!b->host && ml_box_used(b) + room > b->limits.memory) {
    b->refused = 0;
    ml_box_kill(b, ML_BOX_MEMORY);
    ml_box_raise(L);
  }
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  lua_pushvalue(L, f);
  lua_insert(L, -2);
  ml_region_lift(b->region, true);
  status = lua_pcall(L, 1, 2, 0);
  ml_region_lift(b->region, b->host);
  if (ml_box_killed(L))
    ml_box_raise(L);
  if (status != LUA_OK)
    lua_error(L);
}

/* A text or a number, by lua-cjson. */
static void write_scalar(output *o, int idx) {
  lua_State *L = o->L;
  size_t n = lua_type(L, idx) == LUA_TSTRING ? lua_rawlen(L, idx) : 32;
  const char *s;

  if (n > TEXT_MAX)
    luaL_error(L, "Cannot serialise: more than %d bytes", (int)TEXT_MAX);
  ml_box_charge(L, 8 + n / 16);
  lua_pushvalue(L, idx);
  call_guarded(L, o->encode, 8 * n + 4096);
  s = lua_tolstring(L, -2, &n);
  if (s == NULL)
    luaL_error(L, "%s", lua_tostring(L, -1));
  add(o, s, n);
  lua_pop(L, 2);
}

/* The length as a list by lua-cjson's rule, or -1: an object. */
static lua_Integer list_length(output *o, int t) {
  lua_State *L = o->L;
  lua_Integer max = 0, items = 0;

  for (lua_pushnil(L); lua_next(L, t) != 0; lua_pop(L, 1)) {
    lua_Integer i;
    int whole;

    i = lua_type(L, -2) == LUA_TNUMBER ? lua_tointegerx(L, -2, &whole) : 0;
    if (i < 1) {
      lua_pop(L, 2);
      return -1;
    }
    max = i > max ? i : max;
    items++;
  }
  if (max > items * SPARSE_RATIO && max > SPARSE_SAFE)
    luaL_error(L, "Cannot serialise table: excessively sparse array");
  return max;
}

static void write_list(output *o, int t, lua_Integer n, int depth) {
  lua_Integer i;

  add(o, "[", 1);
  for (i = 1; i <= n; i++) {
    if (i > 1)
      add(o, ",", 1);
    lua_rawgeti(o->L, t, i);
    write_value(o, lua_gettop(o->L), depth);
    lua_pop(o->L, 1);
  }
  add(o, "]", 1);
}

static void write_key(output *o, int idx) {
  switch (lua_type(o->L, idx)) {
  case LUA_TSTRING:
    write_scalar(o, idx);
    break;
  case LUA_TNUMBER:
    add(o, "\"", 1);
    write_scalar(o, idx);
    add(o, "\"", 1);
    break;
  default:
    luaL_error(o->L, "Cannot serialise %s: table key must be a number or "
                     "string", luaL_typename(o->L, idx));
  }
}

static void write_object(output *o, int t, int depth) {
  lua_State *L = o->L;
  uint32_t n = ml_order_push(L, t), i;
  int snapshot = lua_gettop(L) - 1;

  add(o, "{", 1);
  for (i = 0; i < n; i++) {
    if (i > 0)
      add(o, ",", 1);
    ml_order_key(L, snapshot, i);
    write_key(o, lua_gettop(L));
    add(o, ":", 1);
    lua_rawget(L, t);
    write_value(o, lua_gettop(L), depth);
    lua_pop(L, 1);
  }
  add(o, "}", 1);
  lua_settop(L, snapshot - 1);
}

static void write_table(output *o, int idx, int depth) {
  lua_State *L = o->L;
  lua_Integer n;

  if (depth > DEPTH_MAX)
    luaL_error(L, "Cannot serialise, excessive depth (%d)", depth);
  luaL_checkstack(L, 12, NULL);
  if (!ml_box_push_frozen(L, idx))
    lua_pushvalue(L, idx);
  n = list_length(o, lua_gettop(L));
  ml_order_charge(L, lua_gettop(L), n > 0 ? (uint64_t)n : 0);
  if (n > 0 || (n == 0 && ml_convert_is_array(L, idx)))
    write_list(o, lua_gettop(L), n, depth + 1);
  else
    write_object(o, lua_gettop(L), depth + 1);
  lua_pop(L, 1);
}

static void write_value(output *o, int idx, int depth) {
  lua_State *L = o->L;

  if (++o->nodes > NODES_MAX)
    luaL_error(L, "Cannot serialise: more than %d values", (int)NODES_MAX);
  ml_box_charge(L, 1);
  switch (lua_type(L, idx)) {
  case LUA_TSTRING: case LUA_TNUMBER:
    write_scalar(o, idx);
    break;
  case LUA_TBOOLEAN:
    if (lua_toboolean(L, idx))
      add(o, "true", 4);
    else
      add(o, "false", 5);
    break;
  case LUA_TNIL:
    add(o, "null", 4);
    break;
  case LUA_TTABLE:
    write_table(o, idx, depth);
    break;
  case LUA_TLIGHTUSERDATA:
    if (ml_convert_is_null(L, idx)) {
      add(o, "null", 4);
      break;
    }
    /* fall through */
  default:
    luaL_error(L, "Cannot serialise %s: type not supported",
               luaL_typename(L, idx));
  }
}

/* (value, lua-cjson's encode) -> text */
static int encode_all(lua_State *L) {
  output o = {.L = L, .slot = 3, .encode = 2};

  lua_settop(L, 3);
  write_value(&o, 1, 1);
  ml_box_charge_bytes(L, o.n);
  lua_pushlstring(L, o.p, o.n);
  return 1;
}

/* Call f with the n values on top: its result, or nil and the message. */
static int safely(lua_State *L, lua_CFunction f, int n) {
  int status;

  lua_pushcfunction(L, f);
  lua_insert(L, -(n + 1));
  status = lua_pcall(L, n, 1, 0);
  if (ml_box_killed(L))
    return ml_box_raise(L);
  if (status == LUA_ERRMEM) {
    ml_box_kill(ml_box_of(L), ML_BOX_MEMORY);
    return ml_box_raise(L);
  }
  if (status == LUA_OK)
    return 1;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

/* cjson.encode(value) -> text | nil, message */
static int guarded_encode(lua_State *L) {
  luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
  lua_pushvalue(L, lua_upvalueindex(1));
  return safely(L, encode_all, 2);
}

/* Values that the text can hold at most: every value but the first stands
** behind one of these, outside of strings. */
static size_t count_values(const char *s, size_t n) {
  size_t count = 1, i;
  bool inside = false;

  for (i = 0; i < n; i++) {
    if (inside) {
      if (s[i] == '\\')
        i++;
      else if (s[i] == '"')
        inside = false;
    } else if (s[i] == '"') {
      inside = true;
    } else {
      count += s[i] == ',' || s[i] == '[' || s[i] == '{' || s[i] == ':';
    }
  }
  return count;
}

/* (text, lua-cjson's decode) -> value | nil, message */
static int guarded_decode(lua_State *L) {
  size_t n, values;
  const char *s;

  luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
  s = luaL_checklstring(L, 1, &n);
  if (n > TEXT_MAX) {
    lua_pushnil(L);
    lua_pushfstring(L, "more than %d bytes of JSON", (int)TEXT_MAX);
    return 2;
  }
  ml_box_charge(L, 8 + n / 8);
  values = count_values(s, n);
  if (values > NODES_MAX) {
    lua_pushnil(L);
    lua_pushfstring(L, "more than %d values of JSON", (int)NODES_MAX);
    return 2;
  }
  ml_box_charge(L, values);
  lua_pushvalue(L, 1);
  call_guarded(L, lua_upvalueindex(1), values * 128 + 4 * n + 4096);
  if (!lua_isnil(L, -2)) {
    lua_pop(L, 1);
    return 1;
  }
  return 2;
}

static int refuse_setting(lua_State *L) {
  return luaL_error(L, "the settings of cjson are fixed in a script");
}

/* Set one of lua-cjson's settings; the library is on top of the stack. */
static void configure(lua_State *L, const char *name, int value, bool flag) {
  lua_getfield(L, -1, name);
  if (flag)
    lua_pushboolean(L, value);
  else
    lua_pushinteger(L, value);
  lua_call(L, 1, 0);
}

void ml_lib_cjson(lua_State *L) {
  static const char *const same[] = {"_NAME", "_VERSION", "null", NULL};
  static const char *const settings[] = {
    "decode_invalid_numbers", "decode_max_depth", "encode_invalid_numbers",
    "encode_keep_buffer", "encode_max_depth", "encode_number_precision",
    "encode_sparse_array", "new", NULL,
  };
  const char *const *name;

  ml_lib_stock(L, "cjson.safe", luaopen_cjson_safe);
  configure(L, "encode_keep_buffer", 0, true);
  configure(L, "decode_invalid_numbers", 0, true);
  configure(L, "decode_max_depth", DEPTH_MAX, false);
  lua_createtable(L, 0, 13);
  ml_lib_copy(L, -2, -1, same);
  lua_getfield(L, -2, "encode");
  lua_pushcclosure(L, guarded_encode, 1);
  lua_setfield(L, -2, "encode");
  lua_getfield(L, -2, "decode");
  lua_pushcclosure(L, guarded_decode, 1);
  lua_setfield(L, -2, "decode");
  for (name = settings; *name != NULL; name++) {
    lua_pushcfunction(L, refuse_setting);
    lua_setfield(L, -2, *name);
  }
  ml_box_freeze_table(L, -1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ml_key_modules);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "cjson");
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "cjson.safe");
  lua_pop(L, 3);
}
