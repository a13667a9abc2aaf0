/*
** tick.h - the CPU clock of this thread, and the tick that watches a slice
** without slowing it: a timer on the same clock that calls from a signal.
*/
#ifndef ML_SCRIPT_TICK_H
#define ML_SCRIPT_TICK_H

#include <stdint.h>

#include "base/rc.h"

/*
** The thread sanitizer holds a signal back until the next call into the C
** library, which a loop in Lua never makes.  So in its build the handler is given
** to the kernel itself, and what runs in it bears this mark: nothing is added to
** it that could meet the sanitizer at work.
*/
#if defined(__SANITIZE_THREAD__)
#define ML_IN_TICK __attribute__((no_sanitize_thread, noinline))
#else
#define ML_IN_TICK
#endif

int64_t ml_cpu_ms(void);

/* Start the timer for the calling thread, once a process (again after a fork,
** which inherits none). */
ml_rc ml_tick_start(ml_err *e);

/* f(ud, CPU ms) is called in signal context at every tick while set (it bears
** ML_IN_TICK); f NULL ends that, and no call is under way when it returns. */
void ml_tick_watch(void (*f)(void *ud, int64_t cpu_ms), void *ud);

#endif
