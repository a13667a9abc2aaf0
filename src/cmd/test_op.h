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

/* ---- between the files of operations ---- */

typedef struct ml_op {
  ml_world *w;
  ml_arena *a;                   /* the world's */
  const ml_json *args;
  ml_str who;                    /* w:as(who); or none */
  ml_str process;                /* id; or none */
  ml_jw *out;                    /* takes exactly one value */
  ml_buf *answer;                /* where that goes */
  ml_err e;
} ml_op;

typedef ml_rc ml_op_fn(ml_op *o);
/* Argument i, NULL when missing or null. */
const ml_json *ml_op_arg(const ml_op *o, size_t i);
/* A text; ML_INVALID with "what" when it is none. */
ml_rc ml_op_text(ml_op *o, size_t i, const char *what, ml_str *out);
/* A table of names, NULL when missing or empty as a list. */
ml_rc ml_op_table(ml_op *o, size_t i, const char *what, const ml_json **out);
ml_rc ml_op_starved(ml_op *o);              /* ML_NOMEM, said */
bool ml_op_in_force(const ml_workflow *wf);
void ml_op_put_id(ml_jw *w, ml_str id);     /* { "$process": id } */
/* An input for process n by who asks, or the system as an operator; NULL:
** starved.  _send: hand it over; the operation's value is nothing. */
ml_input *ml_op_input(ml_op *o, ml_event_kind kind, int64_t n);
ml_rc ml_op_send(ml_op *o, ml_input *in);
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

typedef struct ml_op_list {
  ml_row_task *list;
  size_t count;
} ml_op_list;
ml_rc ml_op_open_tasks(ml_op *o, ml_op_list *t);
void ml_op_put_task(ml_op *o, const ml_row_task *t);
/* Every process of the world, the oldest first. */
ml_rc ml_op_read_all(ml_op *o, ml_row_process **list, size_t *count);

/* test_setup.c */
ml_op_fn ml_op_settings, ml_op_people, ml_op_http, ml_op_calls, ml_op_fixture,
    ml_op_load, ml_op_mails;
/* test_ops.c */
ml_op_fn ml_op_pass, ml_op_now, ml_op_start, ml_op_signal, ml_op_cancel,
    ml_op_reset, ml_op_retry, ml_op_skip, ml_op_comment, ml_op_set;
/* test_tasks.c */
ml_op_fn ml_op_complete, ml_op_claim, ml_op_release, ml_op_tasks,
    ml_op_processes;
/* test_starts.c */
ml_op_fn ml_op_poll, ml_op_polls, ml_op_post;
/* test_emit.c */
ml_op_fn ml_op_emit, ml_op_transaction, ml_op_transactions;
/* test_look.c */
ml_op_fn ml_op_look, ml_op_tasks_of, ml_op_history, ml_op_activity,
    ml_op_activities, ml_op_comments, ml_op_calls_of, ml_op_logs;

/* test_partner.c */
ml_op_fn ml_op_partner, ml_op_hear;
/* torture_end.c, torture_op.c */
ml_op_fn ml_op_ends, ml_op_fault;
/* Serve with fn what may be interrupted by the fault of this world, or be
** delivered twice. */
ml_rc ml_op_tortured(ml_op *o, ml_str name, ml_op_fn *fn);

#endif
