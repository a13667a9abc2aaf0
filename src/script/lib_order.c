/*
** lib_order.c - pairs and next in an order that repeats.
**
** Lua's own order depends on a seed and on addresses.  Here: 1..n, the other
** numbers, texts by their bytes, false, true; then whatever else is a key,
** in no order to rely on.  A traversal takes a snapshot of the keys, sorted
** once; fields may be changed and cleared on the way, as in Lua.  A plain
** list needs no snapshot.
**
** next(t, k) goes on in the last snapshot of t that it made; a few are kept.
*/
#include <string.h>

#include "script/box_private.h"

#define SNAPSHOTS 4      /* kept for next */

enum { RANK_LIST, RANK_NUMBER, RANK_TEXT, RANK_BOOLEAN, RANK_OTHER };

typedef struct key {
  uint8_t rank;
  bool integer;
  uint32_t at;           /* in the list of keys, and its place at first */
  uint32_t n;
  union {
    lua_Integer i;
    lua_Number d;
    const char *s;
  } v;
} key;

typedef struct keys {
  uint32_t n;
  uint32_t next;         /* where a traversal by next stands */
  key k[];
} keys;

/* ---- comparing ---- */

/* Exact, also where an integer has no float of its own. */
static int compare_mixed(lua_Integer i, lua_Number d) {
  if (d >= 9223372036854775808.0)
    return -1;
  if (d < -9223372036854775808.0)
    return 1;
  if (i != (lua_Integer)d)
    return i < (lua_Integer)d ? -1 : 1;
  d -= (lua_Number)(lua_Integer)d;
  return d > 0 ? -1 : d < 0;
}

static int compare_numbers(const key *a, const key *b) {
  if (a->integer && b->integer)
    return a->v.i < b->v.i ? -1 : a->v.i > b->v.i;
  if (a->integer)
    return compare_mixed(a->v.i, b->v.d);
  if (b->integer)
    return -compare_mixed(b->v.i, a->v.d);
  return a->v.d < b->v.d ? -1 : a->v.d > b->v.d;
}

static int compare_texts(const key *a, const key *b) {
  uint32_t n = a->n < b->n ? a->n : b->n;
  int c = n > 0 ? memcmp(a->v.s, b->v.s, n) : 0;

  return c != 0 ? c : a->n < b->n ? -1 : a->n > b->n;
}

static int compare(const key *a, const key *b) {
  if (a->rank != b->rank)
    return a->rank < b->rank ? -1 : 1;
  switch (a->rank) {
  case RANK_LIST: case RANK_NUMBER: return compare_numbers(a, b);
  case RANK_TEXT: return compare_texts(a, b);
  case RANK_BOOLEAN: return a->v.i < b->v.i ? -1 : a->v.i > b->v.i;
  default: return a->at < b->at ? -1 : a->at > b->at;
  }
}

/* Heap sort: no memory, no bad case, and keys differ from each other. */
static void sift(key *k, uint32_t root, uint32_t n) {
  key moving = k[root];
  uint32_t child;

  while ((child = 2 * root + 1) < n) {
    if (child + 1 < n && compare(&k[child], &k[child + 1]) < 0)
      child++;
    if (compare(&moving, &k[child]) >= 0)
      break;
    k[root] = k[child];
    root = child;
  }
  k[root] = moving;
}

static void sort(key *k, uint32_t n) {
  uint32_t i;

  for (i = n / 2; i-- > 0; )
    sift(k, i, n);
  for (i = n; i-- > 1; ) {
    key last = k[i];

    k[i] = k[0];
    k[0] = last;
    sift(k, 0, i);
  }
}

static uint64_t sort_cost(uint32_t n) {
  uint64_t bits = 1;

  while (n >> bits != 0)
    bits++;
  return (uint64_t)n * bits;
}

/* ---- taking a snapshot ---- */

/* Describe the key on top of the stack; list is the length of 1..n. */
static void describe(lua_State *L, key *k, lua_Integer list) {
  size_t n;
  int whole;

  k->rank = RANK_OTHER;
  switch (lua_type(L, -1)) {
  case LUA_TNUMBER:
    k->rank = RANK_NUMBER;
    k->v.i = lua_tointegerx(L, -1, &whole);   /* 2.0 is the key 2 */
    k->integer = whole;
    if (!k->integer)
      k->v.d = lua_tonumber(L, -1);
    else if (k->v.i >= 1 && k->v.i <= list)
      k->rank = RANK_LIST;
    break;
  case LUA_TSTRING:
    k->rank = RANK_TEXT;
    k->v.s = lua_tolstring(L, -1, &n);
    k->n = (uint32_t)n;
    break;
  case LUA_TBOOLEAN:
    k->rank = RANK_BOOLEAN;
    k->v.i = lua_toboolean(L, -1);
    break;
  }
}

/* Keys 1..n stand in the table at t. */
static lua_Integer list_length(lua_State *L, int t) {
  lua_Integer n = 0;

  while (lua_rawgeti(L, t, n + 1) != LUA_TNIL) {
    lua_pop(L, 1);
    n++;
  }
  lua_pop(L, 1);
  return n;
}

/*
** Lua walks over the slots of a table, empty ones too, and shrinks no table
** that was emptied.  The number of slots stands in the object, and nowhere in
** the interface: bytes 11 (log2 of the hash part) and 12 (the list part) of
** a table of Lua 5.4.  layout_is_known() tries that on tables of known size;
** where it does not hold, only the clock sees such walks.
*/
static bool layout_known;

static uint64_t slots(const void *table) {
  const unsigned char *p = table;
  unsigned list;

  memcpy(&list, p + 12, sizeof list);
  return (1ull << (p[11] & 31)) + list;
}

static bool layout_is_known(lua_State *L) {
  bool known;

  lua_createtable(L, 0, 64);
  lua_createtable(L, 40, 0);
  lua_createtable(L, 3, 1000);
  known = slots(lua_topointer(L, -3)) == 64 &&
          slots(lua_topointer(L, -2)) == 41 &&
          slots(lua_topointer(L, -1)) == 1027;
  lua_pop(L, 3);
  return known;
}

void ml_order_charge(lua_State *L, int t, uint64_t n) {
  uint64_t all = layout_known ? slots(lua_topointer(L, t)) : 0;

  /* a table that is not nearly empty pays for its keys only: how large it is
  ** may depend on the order of insertions and removals */
  ml_box_charge(L, 1 + n + (all > 8 * n + 64 ? all / 4 : 0));
}

static uint32_t count_keys(lua_State *L, int t) {
  uint32_t n = 0;

  for (lua_pushnil(L); lua_next(L, t) != 0; lua_pop(L, 1))
    n++;
  return n;
}

/* Push the keys of the table at t, sorted, and the list that holds them. */
static keys *push_snapshot(lua_State *L, int t) {
  uint32_t n, i = 0;
  lua_Integer list;
  keys *s;
  int held;

  luaL_checkstack(L, 6, NULL);
  n = count_keys(L, t);
  ml_order_charge(L, t, n + sort_cost(n));
  list = list_length(L, t);
  s = lua_newuserdatauv(L, sizeof *s + n * sizeof(key), 0);
  s->n = 0;
  s->next = 0;
  lua_createtable(L, (int)n, 0);
  held = lua_gettop(L);
  for (lua_pushnil(L); i < n && lua_next(L, t) != 0; i++) {
    lua_pop(L, 1);
    memset(&s->k[i], 0, sizeof s->k[i]);
    describe(L, &s->k[i], list);
    s->k[i].at = i + 1;
    lua_pushvalue(L, -1);
    lua_rawseti(L, held, (lua_Integer)i + 1);
  }
  lua_settop(L, held);
  s->n = i;
  sort(s->k, i);
  return s;
}

uint32_t ml_order_push(lua_State *L, int t) {
  return push_snapshot(L, lua_absindex(L, t))->n;
}

void ml_order_key(lua_State *L, int snapshot, uint32_t i) {
  const keys *s = lua_touserdata(L, snapshot);

  lua_rawgeti(L, snapshot + 1, s->k[i].at);
}

/* Push the first key and value from place i on that is still there; -1 at the
** end, else the place behind it. */
static int64_t push_from(lua_State *L, const keys *s, int held, int t,
                         uint32_t i) {
  for (; i < s->n; i++) {
    lua_rawgeti(L, held, s->k[i].at);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, t) != LUA_TNIL)
      return (int64_t)i + 1;
    lua_pop(L, 2);
  }
  return -1;
}

/* ---- pairs ---- */

/* The iterator of a plain list; upvalues: table, index. */
static int each_item(lua_State *L) {
  lua_Integer i = lua_tointeger(L, lua_upvalueindex(2)) + 1;
  lua_Integer n = lua_tointeger(L, lua_upvalueindex(3));

  for (; i <= n; i++) {
    lua_pushinteger(L, i);
    if (lua_rawgeti(L, lua_upvalueindex(1), i) != LUA_TNIL) {
      lua_pushvalue(L, -2);
      lua_replace(L, lua_upvalueindex(2));
      return 2;
    }
    lua_pop(L, 2);
  }
  lua_pushinteger(L, n);
  lua_replace(L, lua_upvalueindex(2));
  lua_pushnil(L);
  return 1;
}

/* The iterator of any other table; upvalues: table, snapshot, its keys. */
static int each_key(lua_State *L) {
  keys *s = lua_touserdata(L, lua_upvalueindex(2));
  int64_t next = push_from(L, s, lua_upvalueindex(3), lua_upvalueindex(1),
                           s->next);

  s->next = next < 0 ? s->n : (uint32_t)next;
  if (next < 0) {
    lua_pushnil(L);
    return 1;
  }
  return 2;
}

/* The keys of the table at t are 1..n and come in this order: n, else -1. */
static lua_Integer plain_list(lua_State *L, int t) {
  lua_Integer n = 0;

  for (lua_pushnil(L); lua_next(L, t) != 0; ) {
    lua_pop(L, 1);
    if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) != n + 1) {
      lua_pop(L, 1);
      return -1;
    }
    n++;
  }
  return n;
}

static int finish_pairs(lua_State *L, int status, lua_KContext ctx) {
  (void)L;
  (void)status;
  (void)ctx;
  return 3;
}

/* pairs(table) -> iterator, table, nil; __pairs is obeyed */
static int order_pairs(lua_State *L) {
  lua_Integer n;

  luaL_checkany(L, 1);
  if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
    lua_pushvalue(L, 1);
    lua_callk(L, 1, 3, 0, finish_pairs);
    return 3;
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  if (!ml_box_push_frozen(L, 1))
    lua_pushvalue(L, 1);
  n = plain_list(L, 2);
  if (n >= 0) {
    ml_order_charge(L, 2, (uint64_t)n / 4);
    lua_pushinteger(L, 0);
    lua_pushinteger(L, n);
    lua_pushcclosure(L, each_item, 3);
  } else {
    push_snapshot(L, 2);
    lua_pushcclosure(L, each_key, 3);
  }
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

/* ---- next ---- */

/* The first place whose key is not before k; *same when it is k. */
static uint32_t find(const keys *s, const key *k, bool *same) {
  uint32_t low = 0, high = s->n;

  while (low < high) {
    uint32_t middle = low + (high - low) / 2;

    if (compare(&s->k[middle], k) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  *same = low < s->n && compare(&s->k[low], k) == 0;
  return low;
}

/* The place behind the key at idx; -1 when no such key was ever there. */
static int64_t place_behind(lua_State *L, const keys *s, int held, int idx) {
  lua_Integer list = 0;
  uint32_t i;
  bool same;
  key k;

  while (list < s->n && s->k[list].rank == RANK_LIST)
    list++;
  memset(&k, 0, sizeof k);
  lua_pushvalue(L, idx);
  describe(L, &k, list);
  lua_pop(L, 1);
  if (k.rank != RANK_OTHER) {
    i = find(s, &k, &same);
    return same ? (int64_t)i + 1 : i;
  }
  for (i = 0; i < s->n; i++) {
    lua_rawgeti(L, held, s->k[i].at);
    same = lua_rawequal(L, -1, idx);
    lua_pop(L, 1);
    if (same)
      return (int64_t)i + 1;
  }
  return -1;
}

/* Kept snapshots: a list of table, snapshot, keys, ...  The place of the one
** for the table at t, or 0. */
static lua_Integer kept(lua_State *L, int list, int t) {
  lua_Integer i;

  for (i = 0; i < SNAPSHOTS; i++) {
    bool same;

    lua_rawgeti(L, list, 3 * i + 1);
    same = lua_rawequal(L, -1, t);
    lua_pop(L, 1);
    if (same)
      return 3 * i + 1;
  }
  return 0;
}

static void drop(lua_State *L, int list, lua_Integer at) {
  int i;

  for (i = 0; i < 3; i++) {
    lua_pushboolean(L, 0);
    lua_rawseti(L, list, at + i);
  }
}

/* Keep the snapshot and its keys on top of the stack for the table at t. */
static void keep(lua_State *L, int list, int t) {
  lua_Integer turn;

  lua_rawgeti(L, list, 0);
  turn = (lua_tointeger(L, -1) + 1) % SNAPSHOTS;
  lua_pop(L, 1);
  lua_pushinteger(L, turn);
  lua_rawseti(L, list, 0);
  lua_pushvalue(L, t);
  lua_rawseti(L, list, 3 * turn + 1);
  lua_pushvalue(L, -2);
  lua_rawseti(L, list, 3 * turn + 2);
  lua_pushvalue(L, -1);
  lua_rawseti(L, list, 3 * turn + 3);
}

/* The least key: no snapshot for a table that is only asked whether it is
** empty. */
static int first_key(lua_State *L, int t) {
  uint32_t n = 0;
  key least, k;

  lua_pushinteger(L, 1);
  if (lua_rawgeti(L, t, 1) != LUA_TNIL)
    return 2;
  lua_pop(L, 2);
  lua_pushnil(L);                       /* the least key so far */
  for (lua_pushnil(L); lua_next(L, t) != 0; n++) {
    lua_pop(L, 1);
    memset(&k, 0, sizeof k);
    k.at = n;
    describe(L, &k, 0);
    if (n == 0 || compare(&k, &least) < 0) {
      least = k;
      lua_pushvalue(L, -1);
      lua_replace(L, -3);
    }
  }
  ml_order_charge(L, t, n);
  if (n == 0)
    return 1;
  lua_pushvalue(L, -1);
  lua_rawget(L, t);
  return 2;
}

/* next(table [, key]) -> key, value | nil */
static int order_next(lua_State *L) {
  int list = 4, t = 3;
  int64_t at = -1;
  lua_Integer place;
  keys *s;

  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  if (!ml_box_push_frozen(L, 1))
    lua_pushvalue(L, 1);                                         /* 3 */
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ml_key_snapshots);          /* 4 */
  place = kept(L, list, t);
  if (lua_isnil(L, 2)) {
    if (place != 0)
      drop(L, list, place);
    return first_key(L, t);
  }
  if (place != 0) {
    lua_rawgeti(L, list, place + 1);
    lua_rawgeti(L, list, place + 2);
    s = lua_touserdata(L, 5);
    if (s->next < s->n) {               /* most often: the key given last */
      lua_rawgeti(L, 6, s->k[s->next].at);
      if (lua_rawequal(L, -1, 2))
        at = (int64_t)s->next + 1;
      lua_pop(L, 1);
    }
    if (at < 0)
      at = place_behind(L, s, 6, 2);
  }
  if (at < 0) {
    lua_settop(L, list);
    s = push_snapshot(L, t);
    at = place_behind(L, s, 6, 2);
    if (at < 0)
      return luaL_error(L, "invalid key to 'next'");
    keep(L, list, t);
  }
  at = push_from(L, s, 6, t, (uint32_t)at);
  if (at < 0) {
    lua_pushnil(L);
    return 1;
  }
  s->next = (uint32_t)at - 1;
  return 2;
}

void ml_lib_order(lua_State *L) {
  layout_known = layout_is_known(L);
  lua_pushcfunction(L, order_pairs);
  lua_setfield(L, -2, "pairs");
  lua_pushcfunction(L, order_next);
  lua_setfield(L, -2, "next");
}
