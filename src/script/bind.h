/*
** bind.h - what C gives to the library's Lua sources: moonlane.host.
**
** Only the library's own sources can require it.  Everything a function here
** keeps of a slice lies in ml_slice, outside Lua; nothing is owned by a C
** frame when it raises.
*/
#ifndef ML_SCRIPT_BIND_H
#define ML_SCRIPT_BIND_H

#include <lauxlib.h>
#include <lua.h>

#include "base/buf.h"
#include "model/attempt.h"
#include "script/box.h"

enum {
  ML_HELD_FIELDS_MAX = 1000,       /* different fields one slice assigns */
  ML_HELD_BYTES_MAX = 8 << 20,     /* of what it holds back; or eight values */
  ML_LOG_BYTES_MAX = 64 << 10
};

typedef struct ml_count {          /* calls made so far under one name */
  ml_callk kind;
  ml_str name;
  uint32_t n;
} ml_count;

typedef struct ml_held {           /* a field that was assigned */
  ml_buf id, json;
  bool cleared;                    /* although required */
} ml_held;

/* One slice under way: the question, and what its answer gathers. */
typedef struct ml_slice {
  const ml_ask *q;
  const ml_bounds *limits;         /* the operator's; the author's are q's */
  ml_str line;                     /* EVAL: of the REPL */
  ml_arena arena;
  ml_buf scratch;                  /* conversions; one at a time */
  bool in_step;
  bool ended;                      /* fail, retry, mismatch: end is the verdict */
  bool wants;
  ml_end end;
  ml_str text;
  int64_t after_ms;
  ml_str want_call, want;
  ml_callk want_kind;
  uint8_t want_hash[16];
  ml_count *counts;   size_t count_n;
  size_t cursor;                   /* in the journal: where the next is looked for */
  ml_entry *entries;  size_t entry_n;
  size_t entry_bytes;              /* with those of the question's journal, */
  bool entries_summed;             /* once they were looked at */
  ml_held *held;      size_t held_n;
  size_t held_bytes;
  ml_buf subject, state, assign;   /* set when has_... */
  bool has_subject, has_state, has_assign;
  ml_comment_out *comments; size_t comment_n;
  ml_log_line *logs;  size_t log_n, log_bytes;
  uint32_t lines;                  /* log lines so far, dropped ones too */
} ml_slice;

/* Everything of the slice goes; it may be begun again. */
void ml_slice_done(ml_slice *s);

/* Make moonlane.host in this box.  *slice is looked at in every call. */
void ml_bind_open(ml_box *b, ml_slice **slice);

/* ---- for the bind_*.c files ---- */

ml_slice *ml_bind_slice(lua_State *L);          /* raises when there is none */
/* What counts for this slice, and how a sentence tells of it. */
uint64_t ml_bind_bound(const ml_slice *s, ml_bound b);
const char *ml_bind_told(const ml_slice *s, ml_bound b);
/* Copy into the slice's arena; raises when memory is short. */
ml_str ml_bind_keep(lua_State *L, ml_str s);
ml_str ml_bind_text(lua_State *L, int arg);
/* Grow a list kept in the arena by one; raises above max ("more than 100
** comments").  Gives the new base. */
void *ml_bind_grow(lua_State *L, void *list, size_t n, size_t size, size_t max,
                   const char *what);
/* Raise with the place of the innermost function that is no library's. */
int ml_bind_raise(lua_State *L, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* End the slice for good: no pcall stops it. */
int ml_bind_end(lua_State *L, ml_end end, ml_str text);
/* What a call would lose when the step is replayed. */
void ml_bind_not_in_step(lua_State *L, const char *what);
/* Valid UTF-8 of at most max bytes, in the arena: what is not becomes '?'. */
ml_str ml_bind_clean(lua_State *L, ml_str s, size_t max);
/* ml_bind_clean for an arena; none when memory is short. */
ml_str ml_slice_clean(ml_arena *a, ml_str s, size_t max);

extern const luaL_Reg ml_bind_calls[];      /* bind_call.c: the journal */
extern const luaL_Reg ml_bind_helds[];      /* bind_held.c: data, comments, log */
extern const luaL_Reg ml_bind_texts[];      /* bind_text.c: JSON, durations */

/* eval(line, globals JSON or nil) -> text as worker.h says: a lua_CFunction
** that is a slice of its own. */
int ml_bind_eval(lua_State *L);

/* A line that `print` wrote (ml_box_printer). */
void ml_bind_print(void *slice, lua_State *L, ml_str line);

#endif
