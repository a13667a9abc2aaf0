/*
** literal.h - a Lua table constructor read as data.
**
** moonlane.lua is the operator's own file and holds values only, so the
** core reads it itself and runs nothing: texts, numbers, true, false, tables
** of them, comments.  No variable, no call, no operator but the minus of a
** number.  `return` before the table is optional.
**
** A table is a list { 1, 2 } or a record { a = 1, ["b c"] = 2 }, never both;
** {} reads as a list without items.  A key stands once.
*/
#ifndef ML_CMD_LITERAL_H
#define ML_CMD_LITERAL_H

#include "base/json.h"
#include "base/mem.h"
#include "base/pack.h"
#include "base/rc.h"

#define ML_LITERAL_BYTES (256u << 10)   /* of one file */
#define ML_LITERAL_DEPTH 16             /* tables in tables */
#define ML_LITERAL_VALUES 10000         /* in all */

/*
** Read `text` into `a`; the tree holds no pointer into it.  ML_INVALID: *e
** says what, and where as "name:line".  ML_LIMIT: which of the above.
*/
ml_rc ml_literal_read(ml_arena *a, const char *name, ml_str text,
                      ml_json **out, ml_err *e);

#endif
