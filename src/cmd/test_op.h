/*
** test_op.h - what a test asks of its world: one function an operation.
**
** lua/moonlane/test.lua names the protocol; `ops` in test_ops.c is the list.
** An operation that is refused raises at its line of test.lua.
*/
#ifndef ML_CMD_TEST_OP_H
#define ML_CMD_TEST_OP_H

#include "cmd/test_world.h"

/* Serve one: `want` is {"op":..,"as":..,"process":..,"args":[..]}, *answer gets
** {"ok":value} or {"error":"sentence"}. */
void ml_test_op(ml_world *w, ml_str want, ml_buf *answer);

/* What happened to every process of the world, for people. */
void ml_test_timeline(ml_world *w, ml_buf *out);

/* ---- between test_ops.c and test_look.c ---- */

typedef struct ml_op {
  ml_world *w;
  ml_arena *a;                   /* the world's */
  const ml_json *args;
  ml_str who;                    /* w:as(who); or none */
  ml_str process;                /* id; or none */
  ml_jw *out;                    /* takes exactly one value */
  ml_err e;
} ml_op;

typedef ml_rc ml_op_fn(ml_op *o);
/* Argument i, NULL when missing or null. */
const ml_json *ml_op_arg(const ml_op *o, size_t i);
/* A text; ML_INVALID with "what" when it is none. */
ml_rc ml_op_text(ml_op *o, size_t i, const char *what, ml_str *out);
/* Number of the process asked about, from its id. */
ml_rc ml_op_process(ml_op *o, ml_str id, int64_t *n);

/* A process as it stands; freed with ml_process_free(). */
typedef struct ml_op_state {
  ml_row_process row;
  ml_process *p;
  const ml_flow *f;
} ml_op_state;
ml_rc ml_op_read(ml_op *o, int64_t n, ml_op_state *s);
/* The live activity with this label, or NULL. */
const ml_act *ml_op_act(const ml_op_state *s, ml_str label);

typedef struct ml_op_tasks {
  ml_row_task *list;
  size_t count;
} ml_op_tasks;
ml_rc ml_op_open_tasks(ml_op *o, ml_op_tasks *t);
void ml_op_put_task(ml_op *o, const ml_row_task *t);
/* Every process of the world, the oldest first. */
ml_rc ml_op_processes(ml_op *o, ml_row_process **list, size_t *count);

ml_op_fn ml_op_look, ml_op_tasks_of, ml_op_history, ml_op_activity,
    ml_op_activities, ml_op_comments, ml_op_calls_of, ml_op_logs;

#endif
