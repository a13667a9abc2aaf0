/*
** box_private.h - the inside of a box, for box.c and the lib_*.c files.
*/
#ifndef ML_SCRIPT_BOX_PRIVATE_H
#define ML_SCRIPT_BOX_PRIVATE_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <signal.h>

#include "script/box.h"
#include "script/region.h"

#define COST_RESUME 100u
#define COST_COROUTINE 200u
#define COST_CALL 10u

typedef struct ml_box_source {
  struct ml_box_source *next;
  char *name;
  ml_str text;
} ml_box_source;

struct ml_box {
  ml_region *region;
  lua_State *L;                      /* main */
  lua_State *thread;
  int thread_ref;                    /* in the registry */
  int settle;                        /* a function there, or LUA_NOREF */
  lua_State *outer;                  /* the coroutine of the slice, or NULL */
  lua_State *volatile current;       /* what runs now: the tick arms it */
  ml_box_limits limits;
  uint64_t units;
  int64_t began_ms;                  /* CPU clock; counting mode */
  volatile int64_t tick_ms;          /* CPU clock at the slice's first tick */
  volatile sig_atomic_t over;        /* the tick found it over its time */
  bool host;                         /* no slice runs */
  ml_box_class kill;                 /* ML_BOX_OK: not killed */
  size_t refused;                    /* bytes asked for when memory ended */
  uint32_t coroutines;               /* made and not ended, at most */
  uint32_t frozen_coroutines;
  struct ml_box_random *random;      /* in the region, its owner's bytes */
  ml_box_source *sources;
  ml_box_printer *print;
  void *print_ud;
  char message[4096];
  char traceback[4096];
};

/* Keys in the registry, by address. */
extern const char ml_key_env, ml_key_lib_env, ml_key_modules, ml_key_threads,
    ml_key_snapshots, ml_key_frozen, ml_key_array;

void ml_box_kill(ml_box *b, ml_box_class why);   /* raises nothing */
int ml_box_raise(lua_State *L);                  /* raise what kills */
/* Hook a coroutine as the mode asks. */
void ml_box_arm(ml_box *b, lua_State *co);
const ml_box_source *ml_box_find_source(const ml_box *b, const char *name);
/* Compile with the right environment: a lua_load status. */
int ml_box_compile(lua_State *L, const ml_box_source *s);
bool ml_box_is_library(const char *name);

/* Fill the table on top of the stack (the environment). */
void ml_lib_base(lua_State *L);       /* tonumber ... _VERSION */
void ml_lib_order(lua_State *L);      /* pairs, next */
void ml_lib_require(lua_State *L);    /* require */
/* The sandbox's require on top becomes the library's. */
void ml_lib_require_own(lua_State *L);
void ml_lib_string(lua_State *L);     /* string, and the strings' metatable */
void ml_lib_match(lua_State *L);      /* into the string table itself */
void ml_lib_table(lua_State *L);
void ml_lib_math(lua_State *L);
void ml_lib_utf8(lua_State *L);
void ml_lib_coroutine(lua_State *L);
void ml_lib_cjson(lua_State *L);      /* nothing in the table: a module */

/* Charge a walk over the table at t, which has n keys. */
void ml_order_charge(lua_State *L, int t, uint64_t n);
/* Push two values: the keys of the table at t in their order, and what holds
** them; how many.  And push key i (from 0) of those two, which lie at
** `snapshot` (absolute) and the slot above. */
uint32_t ml_order_push(lua_State *L, int t);
void ml_order_key(lua_State *L, int snapshot, uint32_t i);

struct ml_box_random;
void ml_random_seed(struct ml_box_random *r, const void *key, size_t n);

/* Open a stock library and leave its table on the stack (name: LUA_...). */
void ml_lib_stock(lua_State *L, const char *name, lua_CFunction open);
/* Copy fields by name from the table at `from` to the one at `to`. */
void ml_lib_copy(lua_State *L, int from, int to, const char *const *names);
/* The same, each behind a charge by the length of its texts. */
void ml_lib_charged(lua_State *L, int from, int to, const char *const *names);

#endif
