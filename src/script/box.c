/*
** box.c - making, freezing and restoring a sandboxed state, and running one
** slice of it under its limits.
**
** The kill: ml_box_kill sets box->kill and arms the running coroutine with a
** hook on every instruction, which raises.  pcall, xpcall, resume and wrap
** (lib_base.c, lib_coroutine.c) raise again when they see the flag, message
** handlers are not called, and every charge raises.  Nothing clears the flag
** but the start of a slice in a restored state.
*/
#include "script/box.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/plant.h"
#include "base/text.h"
#include "script/box_private.h"
#include "script/convert.h"
#include "script/tick.h"

#define MIB ((size_t)1 << 20)
#define HOOK_EVERY 1000
#define VARARGS_FREE 256         /* extra arguments that cost nothing more */
#define NAME_MAX_BYTES 200u
#define FRAMES 20                /* lines of a traceback */
#define PARK_MAGIC 0x6b726170u

const char ml_key_env = 0, ml_key_lib_env = 0, ml_key_modules = 0,
           ml_key_threads = 0, ml_key_snapshots = 0, ml_key_frozen = 0,
           ml_key_array = 0;
static char kill_tag, wait_tag;

static const char *const class_names[] = {
  "ok", "yield", "cpu-limit", "memory-limit", "error", "clock-limit", "end",
};

const char *ml_box_class_name(ml_box_class c) {
  return (unsigned)c < sizeof class_names / sizeof *class_names
             ? class_names[c] : "?";
}

ml_box *ml_box_of(lua_State *L) {
  return *(ml_box **)lua_getextraspace(L);
}

lua_State *ml_box_lua(ml_box *b) {
  return b->L;
}

lua_State *ml_box_thread(ml_box *b) {
  return b->thread;
}

void *ml_box_wait_tag(void) {
  return &wait_tag;
}

#if defined(__SANITIZE_THREAD__)
/* Errors of the packaged Lua leave by this, which the sanitizer does not know,
** unlike longjmp(): what was jumped over would stay on its own stack, until that
** overflows. */
_Noreturn void __longjmp_chk(struct __jmp_buf_tag env[1], int value);
_Noreturn void __longjmp_chk(struct __jmp_buf_tag env[1], int value) {
  longjmp(env, value);
}
#endif

/* ---- kill and units ---- */

int ml_box_raise(lua_State *L) {
  if (!lua_checkstack(L, 1))
    lua_pop(L, 1);
  lua_pushlightuserdata(L, &kill_tag);
  return lua_error(L);
}

static void on_kill(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_pushlightuserdata(L, &kill_tag);
  lua_error(L);
}

void ml_box_kill(ml_box *b, ml_box_class why) {
  if (b->kill != ML_BOX_OK || b->host)
    return;
  b->kill = why;
  if (b->current != NULL && !ML_PLANTED(kill_caught))
    lua_sethook(b->current, on_kill, LUA_MASKCOUNT, 1);
}

/* Add to the count; the flag tells when it was too much. */
static void count(ml_box *b, uint64_t units) {
  if (b->host)
    return;
  b->units = units < UINT64_MAX - b->units ? b->units + units : UINT64_MAX;
  if (b->over)
    ml_box_kill(b, ML_BOX_CLOCK);
  else if (b->units > b->limits.units)
    ml_box_kill(b, ML_BOX_CPU);
}

bool ml_box_killed(lua_State *L) {
  ml_box *b = ml_box_of(L);

  if (b->over && b->kill == ML_BOX_OK)
    ml_box_kill(b, ML_BOX_CLOCK);
  return b->kill != ML_BOX_OK;
}

void ml_box_charge(lua_State *L, uint64_t units) {
  ml_box *b = ml_box_of(L);

  count(b, units);
  if (b->kill != ML_BOX_OK)
    ml_box_raise(L);
}

int ml_box_end(lua_State *L) {
  ml_box_kill(ml_box_of(L), ML_BOX_END);
  return ml_box_raise(L);
}

/*
** What `...` costs: one instruction copies all of it, a megabyte perhaps.
** So a function that is met with many extra arguments pays for copying them
** every tenth instruction.
*/
static uint64_t vararg_cost(lua_State *L) {
  int n = VARARGS_FREE;
  lua_Debug ar;

  if (!lua_getstack(L, 0, &ar) || lua_getlocal(L, &ar, -n) == NULL)
    return 0;
  lua_pop(L, 1);
  while (n < LUAI_MAXSTACK && lua_getlocal(L, &ar, -2 * n) != NULL) {
    lua_pop(L, 1);
    n *= 2;
  }
  return (uint64_t)n * sizeof(lua_Number) * 2 / 64 * (HOOK_EVERY / 10);
}

static void on_count(lua_State *L, lua_Debug *ar) {
  ml_box *b = ml_box_of(L);

  count(b, HOOK_EVERY + vararg_cost(L));
  if (b->kill == ML_BOX_OK && b->units <= b->limits.units &&
      ml_cpu_ms() - b->began_ms >= b->limits.soft_ms)
    ml_box_kill(b, ML_BOX_CLOCK);
  if (b->kill != ML_BOX_OK)
    on_kill(L, ar);
}

void ml_box_arm(ml_box *b, lua_State *co) {
  if (b->kill != ML_BOX_OK)
    lua_sethook(co, on_kill, LUA_MASKCOUNT, 1);
  else if (!b->limits.counting)
    lua_sethook(co, NULL, 0, 0);
  else if (lua_gethook(co) != on_count)   /* else its count goes on */
    lua_sethook(co, on_count, LUA_MASKCOUNT, HOOK_EVERY);
}

/* The tick's: the slice of this box is over its time.  In a signal. */
ML_IN_TICK static void on_over(void *ud, int64_t cpu_ms) {
  ml_box *b = ud;

  if (b->tick_ms < 0) {
    b->tick_ms = cpu_ms;
    return;
  }
  if (cpu_ms - b->tick_ms < b->limits.soft_ms)
    return;
  b->over = 1;
  if (b->current != NULL)
    lua_sethook(b->current, on_count, LUA_MASKCOUNT, 1);
}

static void on_memory(void *ud, ml_region_event what, size_t bytes) {
  ml_box *b = ud;

  switch (what) {
  case ML_REGION_TIGHT:
  case ML_REGION_TEXT:
    count(b, bytes / 64);
    break;
  case ML_REGION_REFUSED:
    if (b->kill == ML_BOX_OK)
      b->refused = bytes;
    ml_box_kill(b, ML_BOX_MEMORY);
    break;
  }
}

ml_rc ml_box_tick_start(ml_err *e) {
  ml_region_trap();
  return ml_tick_start(e);
}

/* ---- making a box ---- */

static int on_panic(lua_State *L) {
  static const char text[] = "script state: an error outside a slice\n";
  ssize_t n = write(2, text, sizeof text - 1);

  (void)L;
  (void)n;
  _exit(70);
}

void ml_lib_stock(lua_State *L, const char *name, lua_CFunction open) {
  lua_pushcfunction(L, open);
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
}

void ml_lib_copy(lua_State *L, int from, int to, const char *const *names) {
  from = lua_absindex(L, from);
  to = lua_absindex(L, to);
  for (; *names != NULL; names++) {
    lua_getfield(L, from, *names);
    lua_setfield(L, to, *names);
  }
}

/* Push a new table and keep it in the registry under an address. */
static void registry_table(lua_State *L, const char *key) {
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

/* The globals of library sources: the same values in a table that scripts
** never see, read-only. */
static void make_lib_env(lua_State *L, int env) {
  registry_table(L, &ml_key_lib_env);
  for (lua_pushnil(L); lua_next(L, env) != 0; ) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "_G");
  ml_box_freeze_table(L, -1);
  lua_pop(L, 1);
}

/* Where Lua's messages look up the names of functions ("bad argument #1 to
** 'string.rep'"): the tables behind the libraries, which nobody changes. */
static void name_functions(lua_State *L) {
  static const char *const libraries[] = {
    LUA_STRLIBNAME, LUA_TABLIBNAME, LUA_MATHLIBNAME, LUA_UTF8LIBNAME,
    LUA_COLIBNAME, NULL,
  };
  const char *const *name;

  lua_newtable(L);
  ml_box_push_lib_env(L);
  ml_box_push_frozen(L, -1);
  for (name = libraries; *name != NULL; name++) {
    lua_getfield(L, -1, *name);
    ml_box_push_frozen(L, -1);
    lua_setfield(L, -5, *name);
    lua_pop(L, 1);
  }
  lua_setfield(L, -3, LUA_GNAME);
  lua_pop(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
}

static int setup(lua_State *L) {
  ml_box *b = lua_touserdata(L, 1);
  int env;

  /* Lua makes these under memory pressure, unprotected: keep them made. */
  lua_pushliteral(L, "error in error handling");
  luaL_ref(L, LUA_REGISTRYINDEX);
  registry_table(L, &ml_key_modules);
  registry_table(L, &ml_key_snapshots);
  registry_table(L, &ml_key_threads);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);

  registry_table(L, &ml_key_env);
  env = lua_gettop(L);
  ml_lib_base(L);      /* first: the stock one fills the registry's globals */
  lua_pushvalue(L, env);
  lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  ml_lib_order(L);
  ml_lib_require(L);
  ml_lib_string(L);
  ml_lib_table(L);
  ml_lib_math(L);
  ml_lib_utf8(L);
  ml_lib_coroutine(L);
  ml_convert_open(L);
  ml_lib_cjson(L);
  make_lib_env(L, env);
  name_functions(L);
  lua_pushvalue(L, env);
  lua_setfield(L, env, "_G");

  b->settle = LUA_NOREF;
  b->thread = lua_newthread(L);
  b->thread_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

void ml_box_set_limits(ml_box *b, const ml_box_limits *limits) {
  ml_box_limits l = {0};

  if (limits != NULL)
    l = *limits;
  l.units = l.units != 0 ? l.units : 20000000;
  l.soft_ms = l.soft_ms != 0 ? l.soft_ms : 1000;
  l.memory = l.memory != 0 ? l.memory : 32 * MIB;
  l.block = l.block != 0 ? l.block : l.memory > 32 * MIB ? l.memory / 4 : 8 * MIB;
  l.coroutines = l.coroutines != 0 ? l.coroutines : 1000;
  b->limits = l;
  ml_region_limit(b->region, l.memory, l.block, l.block / 2);
}

/* The mapping: room for twice the limit, as pieces of odd sizes leave gaps. */
size_t ml_box_mapped(size_t memory) {
  size_t size = memory < 32 * MIB ? 2 * memory : memory + memory / 2;

  if (memory >= 32 * MIB && size < 64 * MIB)
    size = 64 * MIB;
  return size < 8 * MIB ? 8 * MIB : size;
}

ml_rc ml_box_new(const ml_box_limits *limits, ml_box **out) {
  size_t memory = limits != NULL && limits->memory != 0 ? limits->memory
                                                        : 32 * MIB;
  ml_box *b = ml_mem_zero(sizeof *b);
  ml_rc rc = ML_NOMEM;

  *out = NULL;
  if (b == NULL)
    return ML_NOMEM;
  b->host = true;
  rc = ml_region_new(ml_box_mapped(memory), &b->region);
  if (rc != ML_OK)
    goto fail;
  ml_box_set_limits(b, limits);
  if (!b->limits.counting) {
    rc = ml_tick_start(NULL);
    if (rc != ML_OK)
      goto fail;
  }
  rc = ML_NOMEM;
  b->L = lua_newstate(ml_region_alloc, b->region);
  if (b->L == NULL)
    goto fail;
  lua_atpanic(b->L, on_panic);
  *(ml_box **)lua_getextraspace(b->L) = b;
  lua_pushcfunction(b->L, setup);
  lua_pushlightuserdata(b->L, b);
  if (lua_pcall(b->L, 1, 0, 0) != LUA_OK)
    goto fail;
  ml_region_watch(b->region, on_memory, b);
  *out = b;
  return ML_OK;
fail:
  ml_box_free(b);
  return rc;
}

void ml_box_free(ml_box *b) {
  ml_box_source *s, *next;

  if (b == NULL)
    return;
  for (s = b->sources; s != NULL; s = next) {
    next = s->next;
    ml_mem_free(s->name);
    ml_mem_free(s);
  }
  ml_region_free(b->region);    /* the state ends with its memory */
  ml_mem_free(b);
}

/* ---- sources, modules, globals ---- */

bool ml_box_is_library(const char *name) {
  return strcmp(name, "moonlane.lua") == 0 ||
         strncmp(name, "moonlane/", 9) == 0;
}

const ml_box_source *ml_box_find_source(const ml_box *b, const char *name) {
  const ml_box_source *s;

  for (s = b->sources; s != NULL; s = s->next)
    if (strcmp(s->name, name) == 0)
      return s;
  return NULL;
}

ml_rc ml_box_add_source(ml_box *b, const char *name, ml_str text) {
  ml_box_source *s;

  if (text.n > ML_BOX_SOURCE_MAX)
    return ML_LIMIT;
  if (strlen(name) > NAME_MAX_BYTES)
    return ML_INVALID;
  for (s = b->sources; s != NULL; s = s->next)
    if (strcmp(s->name, name) == 0) {
      s->text = text;
      return ML_OK;
    }
  s = ml_mem_zero(sizeof *s);
  if (s == NULL)
    return ML_NOMEM;
  s->name = ml_mem_strdup(name);
  if (s->name == NULL) {
    ml_mem_free(s);
    return ML_NOMEM;
  }
  s->text = text;
  s->next = b->sources;
  b->sources = s;
  return ML_OK;
}

static int put_code(lua_State *L, const void *p, size_t n, void *out) {
  (void)L;
  ml_buf_put(out, p, n);
  return ((ml_buf *)out)->bad;
}

/* The source as bytecode without names of locals and lines; false: it does not
** compile, or memory is short. */
static bool strip(const ml_box_source *s, ml_buf *code) {
  lua_State *S = luaL_newstate();
  bool ok = S != NULL &&
            luaL_loadbufferx(S, s->text.p, s->text.n, s->name, "t") == LUA_OK &&
            lua_dump(S, put_code, code, 1) == 0;

  if (S != NULL)
    lua_close(S);
  return ok && !code->bad;
}

/*
** The library is compiled beside the box and comes in without what messages
** tell of a source: they tell of the author's.  So it takes a third of the
** bytes that are copied for each slice.  No bytecode but what was made right
** here from a text is ever loaded.
*/
static int compile_library(lua_State *L, const ml_box_source *s,
                           const char *chunk) {
  ml_buf code = {0};
  int status;

  if (strip(s, &code)) {
    ml_region_code(ml_box_of(L)->region, true);
    status = luaL_loadbufferx(L, code.p, code.len, chunk, "b");
    ml_region_code(ml_box_of(L)->region, false);
  } else {                              /* for its message */
    status = luaL_loadbufferx(L, s->text.p, s->text.n, chunk, "t");
  }
  ml_buf_free(&code);
  if (status == LUA_OK) {
    ml_box_push_lib_env(L);
    ml_box_push_frozen(L, -1);       /* ours may look behind: shorter */
    lua_remove(L, -2);
    lua_setupvalue(L, -2, 1);
  }
  return status;
}

int ml_box_compile(lua_State *L, const ml_box_source *s) {
  char chunk[NAME_MAX_BYTES + 2];

  count(ml_box_of(L), s->text.n);
  snprintf(chunk, sizeof chunk, "@%s", s->name);
  if (ml_box_is_library(s->name))
    return compile_library(L, s, chunk);
  return luaL_loadbufferx(L, s->text.p, s->text.n, chunk, "t");
}

void ml_box_add_module(ml_box *b, const char *name) {
  lua_rawgetp(b->L, LUA_REGISTRYINDEX, &ml_key_modules);
  lua_insert(b->L, -2);
  lua_setfield(b->L, -2, name);
  lua_pop(b->L, 1);
}

void ml_box_push_env(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ml_key_env);
}

void ml_box_push_lib_env(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ml_key_lib_env);
}

void ml_box_set_global(ml_box *b, const char *name) {
  lua_State *L = b->L;

  ml_box_push_env(L);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
  ml_box_push_lib_env(L);
  ml_box_push_frozen(L, -1);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, name);
  lua_pop(L, 3);
}

void ml_box_on_print(ml_box *b, ml_box_printer *f, void *ud) {
  b->print = f;
  b->print_ud = ud;
}

/* ---- images ---- */

void ml_box_on_freeze(ml_box *b) {
  luaL_unref(b->L, LUA_REGISTRYINDEX, b->settle);
  b->settle = luaL_ref(b->L, LUA_REGISTRYINDEX);
}

/* Each slice begins with a thread that has never run: the records of its calls
** are made behind the image.  One that holds something stays. */
static int settle(lua_State *L) {
  ml_box *b = ml_box_of(L);

  if (lua_gettop(b->thread) == 0) {
    b->thread = lua_newthread(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, b->thread_ref);
  }
  if (b->settle != LUA_NOREF) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, b->settle);
    lua_call(L, 0, 0);
  }
  return 0;
}

ml_rc ml_box_freeze(ml_box *b) {
  lua_rawgetp(b->L, LUA_REGISTRYINDEX, &ml_key_snapshots);
  for (lua_pushnil(b->L); lua_next(b->L, -2) != 0; lua_pop(b->L, 1)) {
    lua_pushvalue(b->L, -2);
    lua_pushnil(b->L);
    lua_rawset(b->L, -5);
  }
  lua_pop(b->L, 1);
  lua_sethook(b->thread, NULL, 0, 0);
  /* The next collection comes when ten times as much is in use: a short
  ** activity never pays for one.  Those that follow come at twice. */
  lua_gc(b->L, LUA_GCINC, 1000, 0, 0);
  lua_gc(b->L, LUA_GCCOLLECT);
  lua_gc(b->L, LUA_GCCOLLECT);
  lua_gc(b->L, LUA_GCINC, 200, 0, 0);
  b->frozen_coroutines = b->coroutines;
  lua_pushcfunction(b->L, settle);
  if (!ml_region_gather(b->region) || lua_pcall(b->L, 0, 0, 0) != LUA_OK) {
    lua_settop(b->L, 0);
    return ML_NOMEM;
  }
  return ml_region_freeze(b->region);
}

void ml_box_restore(ml_box *b) {
  ml_region_restore(b->region);
  b->coroutines = b->frozen_coroutines;
  b->kill = ML_BOX_OK;
  b->units = 0;
}

size_t ml_box_copied(const ml_box *b, size_t *image) {
  *image = ml_region_image(b->region);
  return ml_region_copied(b->region);
}

ml_rc ml_box_park(const ml_box *b, ml_buf *out) {
  ml_pack_u64(out, PARK_MAGIC);
  ml_pack_u64(out, b->coroutines);
  return ml_region_park(b->region, out);
}

ml_rc ml_box_unpark(ml_box *b, ml_str bytes) {
  ml_unpack r = ml_unpack_of(bytes.p, bytes.n);
  uint64_t magic = ml_unpack_u64(&r);
  uint32_t coroutines = ml_unpack_u32(&r, UINT32_MAX);
  ml_rc rc;

  if (r.bad || magic != PARK_MAGIC)
    return ML_INVALID;
  rc = ml_region_unpark(b->region, (ml_str){r.p, (size_t)(r.end - r.p)});
  if (rc != ML_OK)
    return rc;
  b->coroutines = coroutines;
  b->kill = ML_BOX_OK;
  return ML_OK;
}

void ml_box_seed(ml_box *b, const void *key, size_t n) {
  ml_random_seed(b->random, key, n);
}

/* ---- one slice ---- */

static void slice_begin(ml_box *b, lua_State *co) {
  b->units = 0;
  b->kill = ML_BOX_OK;
  b->over = 0;
  b->refused = 0;
  b->tick_ms = -1;
  b->message[0] = '\0';
  b->traceback[0] = '\0';
  b->outer = co;
  b->current = co;
  b->host = false;
  if (b->limits.counting) {
    b->began_ms = ml_cpu_ms();
    lua_sethook(co, NULL, 0, 0);      /* begin a count of its own */
    ml_box_arm(b, co);
  } else {
    ml_box_arm(b, co);
    ml_tick_watch(on_over, b);
  }
  ml_region_lift(b->region, false);
}

static void slice_end(ml_box *b) {
  ml_tick_watch(NULL, NULL);   /* before anything moves under the signal */
  b->host = true;
  b->current = NULL;
  b->outer = NULL;
  ml_region_lift(b->region, true);
}

/* "file:line" of the innermost Lua function; the same, as Lua prints it in
** front of a message, goes to prefix. */
static void where(lua_State *co, char *at, size_t n, char *prefix, size_t m) {
  lua_Debug ar;
  int level;

  at[0] = prefix[0] = '\0';
  for (level = 0; level < FRAMES && lua_getstack(co, level, &ar); level++) {
    lua_getinfo(co, "Sl", &ar);
    if (ar.currentline > 0 && ar.source[0] == '@') {
      snprintf(at, n, "%s:%d", ar.source + 1, ar.currentline);
      snprintf(prefix, m, "%s:%d: ", ar.short_src, ar.currentline);
      return;
    }
  }
}

static void take_traceback(ml_box *b, lua_State *co) {
  size_t used = 0;
  lua_Debug ar;
  int level, n;

  for (level = 0; lua_getstack(co, level, &ar); level++) {
    char *to = b->traceback + used;
    size_t room = sizeof b->traceback - used;
    const char *file;

    if (level == FRAMES) {
      snprintf(to, room, "...\n");
      return;
    }
    lua_getinfo(co, "Sln", &ar);
    file = ar.source[0] == '@' ? ar.source + 1 : ar.short_src;
    if (ar.currentline > 0)
      n = snprintf(to, room, "%s:%d: ", file, ar.currentline);
    else
      n = snprintf(to, room, "[C]: ");
    used += (size_t)n < room ? (size_t)n : room - 1;
    to = b->traceback + used;
    room = sizeof b->traceback - used;
    if (ar.name != NULL)
      n = snprintf(to, room, "in %s '%.80s'\n",
                   *ar.namewhat != '\0' ? ar.namewhat : "function", ar.name);
    else if (*ar.what == 'm')
      n = snprintf(to, room, "in the main chunk\n");
    else
      n = snprintf(to, room, "in a function\n");
    used += (size_t)n < room ? (size_t)n : room - 1;
  }
}

/* The text of the error value on top of co, by raw access. */
static void take_message(ml_box *b, lua_State *co, const char *prefix) {
  size_t n, skip = strlen(prefix);
  const char *s;

  if (lua_type(co, -1) == LUA_TSTRING) {
    s = lua_tolstring(co, -1, &n);
    if (skip > 0 && n > skip && memcmp(s, prefix, skip) == 0) {
      s += skip;
      n -= skip;
    }
    n = n < sizeof b->message ? n : sizeof b->message - 1;
    memcpy(b->message, s, n);
    b->message[n] = '\0';
  } else if (lua_isinteger(co, -1)) {
    snprintf(b->message, sizeof b->message, "%lld",
             (long long)lua_tointeger(co, -1));
  } else if (lua_type(co, -1) == LUA_TNUMBER) {
    snprintf(b->message, sizeof b->message, "%.14g", lua_tonumber(co, -1));
  } else {
    snprintf(b->message, sizeof b->message, "error of type %s",
             lua_gettop(co) > 0 ? luaL_typename(co, -1) : "nil");
  }
}

static void kill_message(ml_box *b) {
  size_t size = sizeof b->message;

  if (b->kill == ML_BOX_CPU)
    snprintf(b->message, size, "more than %llu units were used",
             (unsigned long long)b->limits.units);
  else if (b->kill == ML_BOX_CLOCK)
    snprintf(b->message, size, "more than %lld ms of CPU time were used",
             (long long)b->limits.soft_ms);
  else if (b->kill == ML_BOX_END)
    snprintf(b->message, size, "ended");
  else if (b->refused > b->limits.block / 2)
    snprintf(b->message, size,
             "one value wanted %zu bytes; a block may have %zu, a text %zu",
             b->refused, b->limits.block, b->limits.block / 2);
  else
    snprintf(b->message, size, "more than %zu bytes of memory were used",
             b->limits.memory);
}

static ml_box_class slice_failed(ml_box *b, lua_State *co, int status,
                                 ml_err *e) {
  char at[sizeof e->at], prefix[LUA_IDSIZE + 16];
  ml_rc rc = ML_LIMIT;

  if (status == LUA_ERRMEM && b->kill == ML_BOX_OK)
    b->kill = ML_BOX_MEMORY;
  where(co, at, sizeof at, prefix, sizeof prefix);
  if (b->kill == ML_BOX_OK) {
    take_message(b, co, prefix);
    rc = ML_INVALID;
  } else {
    kill_message(b);
  }
  take_traceback(b, co);
  ml_err_set(e, rc, at, "%s", b->message);
  return b->kill != ML_BOX_OK ? b->kill : ML_BOX_ERROR;
}

ml_box_class ml_box_resume(ml_box *b, lua_State *co, int nargs, int *nresults,
                           ml_err *e) {
  int status;

  *nresults = 0;
  slice_begin(b, co);
  status = lua_resume(co, b->L, nargs, nresults);
  slice_end(b);
  if (b->kill == ML_BOX_OK && status == LUA_OK)
    return ML_BOX_OK;
  if (b->kill == ML_BOX_OK && status == LUA_YIELD)
    return ML_BOX_YIELD;
  *nresults = 0;
  return slice_failed(b, co, status, e);
}

/* The compiler's message begins "name:line: ": take that off, into at. */
static void split_message(ml_box *b, const char *name, char *at, size_t size) {
  size_t n = strlen(name);
  char *p = b->message + n, *end;
  long line;

  snprintf(at, size, "%s", name);
  if (strncmp(b->message, name, n) != 0 || *p != ':')
    return;
  line = strtol(p + 1, &end, 10);
  if (end == p + 1 || strncmp(end, ": ", 2) != 0)
    return;
  snprintf(at, size, "%s:%ld", name, line);
  memmove(b->message, end + 2, strlen(end + 2) + 1);
}

ml_box_class ml_box_load(ml_box *b, lua_State *co, const char *name,
                         ml_err *e) {
  const ml_box_source *s = ml_box_find_source(b, name);
  char at[sizeof e->at];
  int status;

  if (s == NULL) {
    ml_err_set(e, ML_NOT_FOUND, name, "there is no file '%s'", name);
    snprintf(b->message, sizeof b->message, "there is no file '%s'", name);
    return ML_BOX_ERROR;
  }
  slice_begin(b, co);
  status = ml_box_compile(co, s);
  slice_end(b);
  if (status == LUA_OK && b->kill == ML_BOX_OK)
    return ML_BOX_OK;
  if (status == LUA_ERRMEM && b->kill == ML_BOX_OK)
    b->kill = ML_BOX_MEMORY;
  if (b->kill != ML_BOX_OK)
    kill_message(b);
  else
    take_message(b, co, "");
  lua_pop(co, 1);
  split_message(b, name, at, sizeof at);
  ml_err_set(e, b->kill != ML_BOX_OK ? ML_LIMIT : ML_INVALID, at, "%s",
             b->message);
  return b->kill != ML_BOX_OK ? b->kill : ML_BOX_ERROR;
}

int ml_box_wait(lua_State *L, int n, lua_KContext ctx, lua_KFunction k) {
  if (L != ml_box_of(L)->outer)
    return luaL_error(L, "a call that waits for the engine cannot be made "
                         "inside a coroutine of the script");
  if (!lua_isyieldable(L))
    return luaL_error(L, "a call that waits for the engine cannot be made "
                         "inside table.sort, string.gsub, require or a "
                         "metamethod");
  luaL_checkstack(L, 1, NULL);
  lua_pushlightuserdata(L, &wait_tag);
  lua_insert(L, -(n + 1));
  return lua_yieldk(L, n + 1, ctx, k);
}

const char *ml_box_message(const ml_box *b) {
  return b->message;
}

const char *ml_box_traceback(const ml_box *b) {
  return b->traceback;
}

uint64_t ml_box_units(const ml_box *b) {
  return b->units;
}

size_t ml_box_used(const ml_box *b) {
  return ml_region_used(b->region);
}
