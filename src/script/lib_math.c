/*
** lib_math.c - math with a random that repeats: seeded for each attempt from
** the process and the activity, its state in the region (so that a parked
** activity goes on where it was).  xoshiro256**, as published by Blackman
** and Vigna.
*/
#include <string.h>

#include "script/box_private.h"

struct ml_box_random {
  uint64_t s[4];
};

_Static_assert(sizeof(struct ml_box_random) <= ML_REGION_OWN, "it fits");

static uint64_t rotate(uint64_t x, int k) {
  return x << k | x >> (64 - k);
}

static uint64_t next_random(struct ml_box_random *r) {
  uint64_t *s = r->s;
  uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate(s[3], 45);
  return result;
}

/* Spread the bits of a number (splitmix64's last steps). */
static uint64_t spread(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ x >> 27) * 0x94d049bb133111ebull;
  return x ^ x >> 31;
}

void ml_random_seed(struct ml_box_random *r, const void *seed, size_t n) {
  const unsigned char *p = seed;
  uint64_t h = 0xcbf29ce484222325ull;
  size_t i;

  for (i = 0; i < n; i++)
    h = (h ^ p[i]) * 0x100000001b3ull;
  for (i = 0; i < 4; i++)
    r->s[i] = spread(h += 0x9e3779b97f4a7c15ull);
  if ((r->s[0] | r->s[1] | r->s[2] | r->s[3]) == 0)
    r->s[0] = 1;
}

/* Even over [0, n]. */
static uint64_t below(struct ml_box_random *r, uint64_t n) {
  uint64_t mask = n, x;
  int shift;

  if ((n & (n + 1)) == 0)
    return next_random(r) & n;
  for (shift = 1; shift < 64; shift *= 2)
    mask |= mask >> shift;
  do {
    x = next_random(r) & mask;
  } while (x > n);
  return x;
}

/* math.random([m [, n]]) -> a float in [0,1), or an integer */
static int math_random(lua_State *L) {
  struct ml_box_random *r = lua_touserdata(L, lua_upvalueindex(1));
  lua_Integer low = 1, up;

  switch (lua_gettop(L)) {
  case 0:
    lua_pushnumber(L, (lua_Number)(next_random(r) >> 11) * 0x1p-53);
    return 1;
  case 1:
    up = luaL_checkinteger(L, 1);
    if (up == 0) {
      lua_pushinteger(L, (lua_Integer)next_random(r));
      return 1;
    }
    break;
  case 2:
    low = luaL_checkinteger(L, 1);
    up = luaL_checkinteger(L, 2);
    break;
  default:
    return luaL_error(L, "wrong number of arguments");
  }
  luaL_argcheck(L, low <= up, 1, "interval is empty");
  lua_pushinteger(L, (lua_Integer)((uint64_t)low +
                     below(r, (uint64_t)up - (uint64_t)low)));
  return 1;
}

void ml_lib_math(lua_State *L) {
  static const char *const stock[] = {
    "abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor",
    "fmod", "huge", "log", "max", "maxinteger", "min", "mininteger", "modf",
    "pi", "rad", "sin", "sqrt", "tan", "tointeger", "type", "ult", NULL,
  };
  struct ml_box_random *r;

  lua_createtable(L, 0, 26);
  ml_lib_stock(L, LUA_MATHLIBNAME, luaopen_math);
  ml_lib_copy(L, -1, -2, stock);
  lua_pop(L, 1);
  r = ml_region_own(ml_box_of(L)->region);
  ml_random_seed(r, "", 0);
  ml_box_of(L)->random = r;
  lua_pushlightuserdata(L, r);
  lua_pushcclosure(L, math_random, 1);
  lua_setfield(L, -2, "random");
  ml_box_freeze_table(L, -1);
  lua_setfield(L, -2, LUA_MATHLIBNAME);
}
