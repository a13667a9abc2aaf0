/*
** box.h - one sandboxed Lua state in a region of its own.
**
** A box holds a state with the allow-listed environment of
** SECURITY-NOTES.md 4 and nothing else.  Life of a box in a worker:
**
**   ml_box_new(&limits, &box);
**   ml_box_add_source(box, "workflow.lua", text);   ... the whole bundle
**   ml_box_set_global(box, "ctx");                  ... what host code adds
**   co = ml_box_thread(box);
**   ml_box_load(box, co, "workflow.lua", &e);       compile, under limits
**   ml_box_resume(box, co, 0, &n, &e);              run it, under limits
**   ml_box_freeze(box);
**   for each attempt:
**     ml_box_restore(box);                          a fresh state
**     ml_box_seed(box, key, n);
**     ... push a function and its arguments on ml_box_thread(box)
**     ml_box_resume(box, co, nargs, &n, &e);
**
** Host code is everything outside ml_box_resume and ml_box_load: the memory
** limit is lifted there and no unit is charged, so that lua_push... can't
** raise outside a protected call short of the region's very end (which ends
** the process).  Inside, C bindings run under the limits and may raise.
**
** Slices   A slice is one ml_box_resume: from a start or a resume to the next
**          wait or the end.  Units and time are counted per slice.
** Kill     When a limit is passed the box is killed: an error goes up that no
**          pcall, handler, coroutine or `__close` of the script survives.
**          A killed box must be restored or freed.
** Waits    A binding that needs the engine calls ml_box_wait: the slice ends
**          with ML_BOX_YIELD and, on co's stack, ML_BOX_WAIT_TAG (a light
**          userdata) followed by the binding's values.
** Counting mode counts every VM instruction (for the verdict and the units,
** the same each time); serve mode leaves the count hook out and lets a tick
** of the thread's CPU clock stop a slice that is over its time.
**
** A box belongs to one thread.  One slice at a time runs in a process.
** Pointers to values of a restored state, and registry references made
** after the freeze, end with the restore.
*/
#ifndef ML_SCRIPT_BOX_H
#define ML_SCRIPT_BOX_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/pack.h"
#include "base/rc.h"

typedef struct ml_box ml_box;

typedef enum ml_box_class {
  ML_BOX_OK,        /* returned */
  ML_BOX_YIELD,     /* waits for the engine */
  ML_BOX_CPU,       /* more units than allowed */
  ML_BOX_MEMORY,    /* more bytes than allowed */
  ML_BOX_ERROR,     /* a Lua error */
  ML_BOX_CLOCK,     /* more CPU time than allowed: not deterministic */
  ML_BOX_END        /* a binding ended the slice with ml_box_end */
} ml_box_class;

/* "ok", "yield", "cpu-limit", "memory-limit", "error", "clock-limit", "end" */
const char *ml_box_class_name(ml_box_class c);

/* A field of 0 (or false) stands for the default. */
typedef struct ml_box_limits {
  uint64_t units;        /* 20,000,000 a slice */
  int64_t soft_ms;       /* 1,000 of CPU time a slice */
  size_t memory;         /* 32 MiB */
  size_t block;          /* 8 MiB, or a quarter of the memory if that is more;
                            one string: half of it */
  uint32_t coroutines;   /* 1,000 that have not ended */
  const char *coroutines_by;   /* who says so; static, or NULL */
  bool counting;         /* count VM instructions */
} ml_box_limits;

#define ML_BOX_SOURCE_MAX ((size_t)1024 * 1024)  /* bytes of one source file */

/* Bytes of address space that a box with so much memory takes. */
size_t ml_box_mapped(size_t memory);
ml_rc ml_box_new(const ml_box_limits *limits, ml_box **out);  /* may be NULL */
void ml_box_free(ml_box *b);                     /* NULL is allowed */

lua_State *ml_box_lua(ml_box *b);      /* the main state: host code only */
ml_box *ml_box_of(lua_State *L);       /* the box of any of its coroutines */

/*
** The coroutine that was made with the box: empty after ml_box_new and, when
** it was empty at the freeze, after each restore.  After an error or a kill
** it is dead until the next restore; after a definition was loaded with it,
** clear it with lua_settop(co, 0) before the freeze.
*/
lua_State *ml_box_thread(ml_box *b);

/*
** Limits may be changed between slices (a verdict run counts).  Memory ends
** where the mapping made by ml_box_new ends: it was sized for the limit given
** there.  A box made in counting mode that goes over to serve mode needs
** ml_box_tick_start.
*/
void ml_box_set_limits(ml_box *b, const ml_box_limits *limits);

/*
** Sources for `require`, borrowed.  "activities/x.lua" is found by
** require "activities.x"; "moonlane.lua" by "moonlane", "moonlane/time.lua"
** by "moonlane.time".  Library sources (moonlane...) get an environment that
** the script can't change, and what they return is frozen.  The name in
** messages is the name given here.  The same name again replaces it.
*/
ml_rc ml_box_add_source(ml_box *b, const char *name, ml_str source);

/* Pop the value on top of the main stack and let require "name" return it. */
void ml_box_add_module(ml_box *b, const char *name);

/* Pop the value on top of the main stack and make it a global of scripts and
** library sources alike. */
void ml_box_set_global(ml_box *b, const char *name);

/* Push the globals of scripts / of library sources. */
void ml_box_push_env(lua_State *L);
void ml_box_push_lib_env(lua_State *L);

/*
** Make the table at idx read-only for scripts, in place, and the tables in it
** too (64 deep; those with a metatable of their own, objects, are left).  Its metatable is locked; pairs, next, ipairs, #,
** rawget, table.concat and table.unpack still read it; a metatable that it
** had goes on to work.  Raises when a table is nested deeper: for tables of
** host code, or inside a protected call.
*/
void ml_box_freeze_table(lua_State *L, int idx);
bool ml_box_is_frozen(lua_State *L, int idx);
/* When the value at idx is frozen, push the table behind it and return true;
** host code only reads it. */
bool ml_box_push_frozen(lua_State *L, int idx);

/*
** The function on top of the main state's stack, which is popped, is called
** right before a freeze: it makes anew the tables that every slice writes to.
** They and the thread then share a page, and few pages have to be copied.
*/
void ml_box_on_freeze(ml_box *b);

/*
** Collect, then copy the state aside; and make it again what it was then.  If
** the thread is empty it is another one afterwards.
** After ml_box_restore every pointer that host code holds into the state is
** as it was at the freeze.
*/
ml_rc ml_box_freeze(ml_box *b);
void ml_box_restore(ml_box *b);
/* Bytes that a restore copies, of so many that the image has. */
size_t ml_box_copied(const ml_box *b, size_t *image);

/* A suspended slice: append all its bytes to out; and bring it back into the
** same box, which may have served others in between. */
ml_rc ml_box_park(const ml_box *b, ml_buf *out);
ml_rc ml_box_unpark(ml_box *b, ml_str bytes);

/* math.random of this attempt. */
void ml_box_seed(ml_box *b, const void *key, size_t n);

/* Where `print` goes: one call a line, without newline.  Default: nowhere. */
typedef void ml_box_printer(void *ud, lua_State *L, ml_str line);
void ml_box_on_print(ml_box *b, ml_box_printer *f, void *ud);

/* Compile a source added before and push it on co; charged like a slice of
** its own.  ML_BOX_OK, or a class with *e filled and nothing pushed. */
ml_box_class ml_box_load(ml_box *b, lua_State *co, const char *name, ml_err *e);

/*
** Run one slice: the function and nargs values on top of co's stack (a
** start), or nargs values for the wait it yielded from (a resume; pop what
** was yielded first).  ML_BOX_OK, ML_BOX_YIELD: *nresults values on top of
** co's stack.  Others: *e says what (and "file:line" in e->at), co is dead.
*/
ml_box_class ml_box_resume(ml_box *b, lua_State *co, int nargs, int *nresults,
                           ml_err *e);

/* Of the last slice, valid until the next: the whole message (4 KiB), and
** the lines "file:line: in function 'name'", innermost first. */
const char *ml_box_message(const ml_box *b);
const char *ml_box_traceback(const ml_box *b);

uint64_t ml_box_units(const ml_box *b);    /* of the last slice */
size_t ml_box_used(const ml_box *b);       /* bytes in use */

/* ---- for bindings in C ---- */

/* Charge before the work is done.  Raises the kill when the budget is gone or
** the box is killed; own nothing at the call.  Free in host code. */
void ml_box_charge(lua_State *L, uint64_t units);
#define ml_box_charge_bytes(L, n) ml_box_charge(L, (uint64_t)(n) / 64 + 1)

/* Whether the box is killed: a binding that calls Lua through lua_pcall looks
** after it, and raises again with ml_box_charge(L, 0). */
bool ml_box_killed(lua_State *L);

/* End the slice as ML_BOX_END; no pcall of the script catches it. */
int ml_box_end(lua_State *L);

/*
** `return ml_box_wait(L, n, ctx, k);` yields the tag and the top n values.
** When resumed, k runs (as with lua_yieldk) with the resumed values on top;
** without k they are the binding's results.  Raises with a clear sentence
** inside a coroutine of the script and where C can't be left (table.sort,
** string.gsub, a metamethod of the sandbox, require).
*/
int ml_box_wait(lua_State *L, int n, lua_KContext ctx, lua_KFunction k);
#define ML_BOX_WAIT_TAG ml_box_wait_tag()
void *ml_box_wait_tag(void);

/* What tostring gives, without addresses; metamethods honoured.  Pushes it. */
const char *ml_box_tolstring(lua_State *L, int idx, size_t *n);

/* Start the tick now (it is started by the first box in serve mode), and let
** images learn which of their pages are written to (script/region.h): for a
** worker, after the fork and before the jail. */
ml_rc ml_box_tick_start(ml_err *e);

#endif
