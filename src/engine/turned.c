/*
** turned.c - the wall clock stands before the moment of the last change: it was
** turned back.
**
** What a wait is measured from is then a moment that is yet to come, perhaps in
** years.  The waits the engine chose itself - before the next attempt, before
** asking again, before telling another process again - are durations: they move
** with the clock.  The moments people and scripts chose stay what they are: a
** sleep, a limit, a due date are never early.
**
** For every event, by what the clock said at the last change: so it is done
** once, whichever event is the first.
*/
#include "engine/inside.h"

void turn_waits(ml_process *p, int64_t back_ms) {
  for (uint32_t i = 0; i < p->act_count; i++) {
    ml_act *a = &p->acts[i];

    if (a->due_ms > 0 && (a->wait == ML_WAIT_RETRY || a->wait == ML_WAIT_ASK))
      a->due_ms -= back_ms;
  }
  for (uint32_t i = 0; i < p->out_count; i++)
    if (p->outs[i].due_ms > 0)
      p->outs[i].due_ms -= back_ms;
}
