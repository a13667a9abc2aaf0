/*
** schedule.h - the promises of schedules, from outside: what the clock started
** against what the store says was started, and when.
**
** flows/tick has two: "hourly", whose missed moments are caught up once, and
** "noon", which leaves out what was missed.
*/
#ifndef SIM_SCHEDULE_H
#define SIM_SCHEDULE_H

#include "sim/world.h"

typedef struct tick {          /* a process that a schedule started */
  int64_t n, created_ms;
  const char *plan;
} tick;

/* Of an engine that is up; `list` in the order of n.  whole: nothing fails any
** more and nothing is under way. */
void schedule_check(world *w, const tick *list, size_t count, bool whole);

#endif
