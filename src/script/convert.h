/*
** convert.h - Lua values and JSON texts, both ways, exactly.
**
** Lua to JSON uses raw access only: no metamethod of a script runs.  Members
** of an object stand in the order of their keys' bytes, so that the same
** value is the same text.
**
**   nil, ml.null         null (a nil inside a table is a missing member)
**   true, false          the same
**   integer, float       a number; an integer stays one, 2.0 is 2.0
**   string               a text; it must be valid UTF-8
**   ml.array{...}        a list, also when it is empty
**   table, keys 1..n     a list
**   table, string keys   an object; an empty table is an object
** Everything else is refused with its path: "result.items[3]: a function
** cannot be stored".  A table with a metatable is refused too (frozen plain
** tables and ml.array are not).
**
** JSON to Lua: lists get the mark of ml.array, so that [] stays a list; null
** is ml.null; integers are integers.
*/
#ifndef ML_SCRIPT_CONVERT_H
#define ML_SCRIPT_CONVERT_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/pack.h"
#include "base/rc.h"

#define ML_CONVERT_DEPTH 64

/* A field of 0 stands for the default. */
typedef struct ml_convert_limits {
  uint32_t nodes;        /* 100,000 values */
  size_t bytes;          /* 1 MiB of JSON */
  bool *over;            /* set when it was those; or NULL */
} ml_convert_limits;

/*
** Append the value at idx as JSON to `out`.  `name` begins the path in
** messages ("result").  ML_INVALID, ML_LIMIT: *e says what and where, and
** what was appended is to be thrown away.  ML_NOMEM: memory is short, in C
** or on the Lua stack.  Never raises, charges nothing: a binding charges
** ml_box_charge(L, bytes / 16) before it hands the text on.
*/
ml_rc ml_convert_to_json(lua_State *L, int idx, const char *name,
                         const ml_convert_limits *limits, ml_buf *out,
                         ml_err *e);

/*
** Push what the JSON text says.  Depth, members and digits as in base/json.h
** (limits may be NULL).  On failure nothing is pushed.  May raise when Lua's
** memory ends; nothing is lost then.
*/
ml_rc ml_convert_push(lua_State *L, ml_str json, const ml_json_limits *limits,
                      ml_err *e);

/* Set metatable marks up in a new state: ml_box_new has done it. */
void ml_convert_open(lua_State *L);

void ml_convert_push_null(lua_State *L);               /* ml.null */
bool ml_convert_is_null(lua_State *L, int idx);

/* Mark the table at idx as a list. */
void ml_convert_mark_array(lua_State *L, int idx);
bool ml_convert_is_array(lua_State *L, int idx);       /* marked */

/* ml.array([table]) -> the same table, marked; a new one without argument.
** Keys other than 1..n are refused. */
int ml_convert_array(lua_State *L);

#endif
