/*
** move.c - the one table of moves, and what the statuses come to together.
**
** act_move() is the only writer of an activity's status.  A pair that is not
** listed is a bug of the caller, and asserts.
*/
#include <assert.h>

#include "engine/inside.h"

static const struct { ml_acts from; ml_turn on; ml_acts to; } moves[] = {
  {ML_ACT_NEW,         ML_TURN_BEGUN,    ML_ACT_IN_PROGRESS},
  {ML_ACT_NEW,         ML_TURN_STOPPED,  ML_ACT_TERMINATED},
  {ML_ACT_IN_PROGRESS, ML_TURN_PARKED,   ML_ACT_WAITING},
  {ML_ACT_IN_PROGRESS, ML_TURN_RETURNED, ML_ACT_SUCCESS},
  {ML_ACT_IN_PROGRESS, ML_TURN_REFUSED,  ML_ACT_FAILURE},
  {ML_ACT_IN_PROGRESS, ML_TURN_BROKE,    ML_ACT_ERROR},
  {ML_ACT_IN_PROGRESS, ML_TURN_SKIPPED,  ML_ACT_SUCCESS},
  {ML_ACT_IN_PROGRESS, ML_TURN_STOPPED,  ML_ACT_TERMINATED},
  {ML_ACT_WAITING,     ML_TURN_RESUMED,  ML_ACT_IN_PROGRESS},
  {ML_ACT_WAITING,     ML_TURN_REFUSED,  ML_ACT_FAILURE},     /* give_up */
  {ML_ACT_WAITING,     ML_TURN_BROKE,    ML_ACT_ERROR},
  {ML_ACT_WAITING,     ML_TURN_SKIPPED,  ML_ACT_SUCCESS},
  {ML_ACT_WAITING,     ML_TURN_STOPPED,  ML_ACT_TERMINATED},
  {ML_ACT_SUCCESS,     ML_TURN_REFUSED,  ML_ACT_FAILURE},     /* loop's max */
  {ML_ACT_FAILURE,     ML_TURN_RETRIED,  ML_ACT_IN_PROGRESS},
  {ML_ACT_FAILURE,     ML_TURN_SKIPPED,  ML_ACT_SUCCESS},
  {ML_ACT_FAILURE,     ML_TURN_STOPPED,  ML_ACT_TERMINATED},
  {ML_ACT_ERROR,       ML_TURN_RETRIED,  ML_ACT_IN_PROGRESS},
  {ML_ACT_ERROR,       ML_TURN_SKIPPED,  ML_ACT_SUCCESS},
  {ML_ACT_ERROR,       ML_TURN_STOPPED,  ML_ACT_TERMINATED},
  {ML_ACT_TERMINATED,  ML_TURN_RETRIED,  ML_ACT_IN_PROGRESS},
  {ML_ACT_TERMINATED,  ML_TURN_SKIPPED,  ML_ACT_SUCCESS},
};

static const char *const turns[ML_TURN_COUNT] = {
  "begun", "parked", "resumed", "returned", "refused", "broke", "retried",
  "skipped", "stopped",
};

const char *ml_turn_name(ml_turn t) {
  return (unsigned)t < ML_TURN_COUNT ? turns[t] : "?";
}

int ml_move(ml_acts from, ml_turn on) {
  for (size_t i = 0; i < sizeof moves / sizeof *moves; i++)
    if (moves[i].from == from && moves[i].on == on)
      return moves[i].to;
  return -1;
}

void act_move(step *s, ml_act *a, ml_turn on) {
  int to = ml_move(a->status, on);

  (void)s;
  assert(to >= 0);
  a->status = (ml_acts)to;
}

ml_runs ml_move_aggregate(const ml_acts *acts, size_t n, bool begun,
                          bool all_phases_done) {
  bool failed = false;

  for (size_t i = 0; i < n; i++) {
    if (acts[i] == ML_ACT_ERROR)
      return ML_RUN_ERROR;
    if (acts[i] == ML_ACT_FAILURE || acts[i] == ML_ACT_TERMINATED)
      failed = true;
  }
  if (failed)
    return ML_RUN_FAILURE;
  if (all_phases_done)
    return ML_RUN_COMPLETED;
  return begun ? ML_RUN_RUNNING : ML_RUN_NEW;
}
