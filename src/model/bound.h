/*
** bound.h - how much one script may use: the limits of SECURITY-NOTES.md 5
** that have a default, a hard maximum, and values between.
**
** Three may say a value, each only downwards of the one before:
**   the program    a default, and a hard maximum that nothing lifts
**   the operator   `serve --script-units N` and the like, moonlane.lua,
**                  MOONLANE_*: any value up to the hard maximum
**   the author     `limits = { units = N }` of a workflow; of an activity, but
**                  not above its workflow's
** A definition with a value above the hard maximum is refused.  One above the
** operator's is taken, for the operator's may change while definitions stay
** (each version that has processes is read again at every start): the lower
** of the two counts, and whoever loads or checks the folder is told.
**
** When a limit changes (another operator's value, another version), a slice
** that is under way ends by the old one; the next slice is asked under the
** new one, a replay too.  Units are counted from the slice's start, so a
** replay uses at least what it used before: under a lower limit it may end as
** `cpu-limit` at a place it had passed, which is told as such, and never goes
** on differently.  A journal, a value or a source file that is longer than the
** limit of today stays readable; what would add to it is refused.
*/
#ifndef ML_MODEL_BOUND_H
#define ML_MODEL_BOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/pack.h"
#include "base/rc.h"

typedef enum ml_bound {
  ML_BOUND_UNITS,         /* of a slice */
  ML_BOUND_TIME,          /* CPU ms of a slice */
  ML_BOUND_MEMORY,        /* bytes of a state */
  ML_BOUND_COROUTINES,    /* that have not ended */
  ML_BOUND_RESULT,        /* bytes of one value: a result, a field's, a signal's,
                             an entry's of a journal */
  ML_BOUND_ENTRIES,       /* of a journal */
  ML_BOUND_JOURNAL,       /* its bytes */
  ML_BOUND_RULE_UNITS,    /* of a rule; derived fields and rules of a process
                             have twice that together, and twice the time */
  ML_BOUND_RULE_TIME,
  ML_BOUND_SOURCE,        /* bytes of a source file: the operator's alone */
  ML_BOUND_COUNT
} ml_bound;

/*
** Units are enforced exactly where they were lowered: such a slice runs under
** the counting hook.  Else a slice is stopped by the default time first and
** then counted (SEMANTICS.md 28).  A time that was set is a verdict of its own,
** in the counted run too.
*/

/* 0: not set. */
typedef struct ml_bounds {
  uint64_t v[ML_BOUND_COUNT];
} ml_bounds;

typedef enum ml_bound_unit { ML_IN_COUNT, ML_IN_MS, ML_IN_BYTES } ml_bound_unit;

typedef struct ml_bound_row {
  const char *name;       /* in `limits = { }`; NULL: no author sets it */
  const char *option;     /* of serve */
  ml_bound_unit unit;
  uint64_t least, usual, most;
  bool activity;          /* an activity may set it too */
} ml_bound_row;

extern const ml_bound_row ml_bound_rows[ML_BOUND_COUNT];

/* What counts: the least of those that are set (NULL: none is), or the default.
** *by (or NULL): "set by the workflow", "set by the operator" or "the default". */
uint64_t ml_bound_of(const ml_bounds *author, const ml_bounds *operator_,
                     ml_bound b, const char **by);
enum { ML_BOUND_TOLD = 120 };
/* "limit units = 1000, set by the workflow": what a sentence about a limit ends with.
** Static for the thread: until the next call. */
const char *ml_bound_told(const ml_bounds *author, const ml_bounds *operator_,
                          ml_bound b);
/* "1000", "500ms", "16MiB": as it would be written in a definition. */
void ml_bound_put(ml_buf *out, ml_bound b, uint64_t v);
/* The same from a text.  ML_INVALID with what is allowed in *e (no place). */
ml_rc ml_bound_read(ml_bound b, ml_str text, uint64_t *v, ml_err *e);
/* Is it within least and most?  Else ML_INVALID, as above. */
ml_rc ml_bound_judge(ml_bound b, int64_t v, ml_err *e);

bool ml_bounds_any(const ml_bounds *s);
/* What of the author's values is lower than the operator's; the rest unset. */
ml_bounds ml_bounds_lower(const ml_bounds *author, const ml_bounds *operator_);

/* Bytes of a frame between core and workers: a journal and eight values, at
** least 16 MiB. */
size_t ml_bounds_frame(const ml_bounds *operator_);
/* When the core kills the worker of a slice whose limit of time is `ms`. */
int64_t ml_bound_kill_ms(int64_t ms, bool rule);
/* How a process's derived fields and rules share: two rules' worth. */
uint64_t ml_bound_twice(ml_bound b, uint64_t v);

#endif
