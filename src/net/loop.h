/*
** loop.h - one thread's event loop: timers, wake-ups, descriptors, signals.
**
** A thin face over libevent so that no other folder includes <event2/...>.
** Everything but ml_loop_wake() belongs to the thread that runs the loop.
*/
#ifndef ML_NET_LOOP_H
#define ML_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/rc.h"

typedef struct ml_loop ml_loop;
typedef void ml_loop_fn(void *arg);

/* clock: used for every deadline (monotonic); the system's when NULL. */
ml_rc ml_loop_new(ml_clock *clock, ml_loop **out);
void ml_loop_free(ml_loop *l);                    /* NULL allowed */

/* Run until ml_loop_stop(); or handle what is ready now (waiting for at most
** wait_ms, 0: not at all) and return. */
void ml_loop_run(ml_loop *l);
void ml_loop_turn(ml_loop *l, int64_t wait_ms);
void ml_loop_stop(ml_loop *l);
ml_clock *ml_loop_clock(ml_loop *l);
struct event_base *ml_loop_base(ml_loop *l);      /* for src/net only */

/* A timer that may be set again and again; not running when made. */
typedef struct ml_loop_timer ml_loop_timer;
ml_loop_timer *ml_loop_timer_new(ml_loop *l, ml_loop_fn *fn, void *arg);
void ml_loop_timer_set(ml_loop_timer *t, int64_t after_ms);   /* replaces */
void ml_loop_timer_stop(ml_loop_timer *t);
void ml_loop_timer_free(ml_loop_timer *t);        /* NULL allowed */

/* A wake-up: ml_loop_wake() may be called from any thread, or a signal
** handler; fn runs once on the loop for any number of calls before it. */
typedef struct ml_loop_wakeup ml_loop_wakeup;
ml_loop_wakeup *ml_loop_wakeup_new(ml_loop *l, ml_loop_fn *fn, void *arg);
void ml_loop_wake(ml_loop_wakeup *w);
void ml_loop_wakeup_free(ml_loop_wakeup *w);

/* fn(arg) once, at the end of this turn, before the loop waits again:
** where what a turn gathered goes out together.  Calls with the same (fn,
** arg) before it runs count once. */
ml_rc ml_loop_later(ml_loop *l, ml_loop_fn *fn, void *arg);
/* Take it back, for whoever is freed before it ran; nothing if it is not
** pending. */
void ml_loop_later_cancel(ml_loop *l, ml_loop_fn *fn, void *arg);

/* Watch a descriptor (not owned).  Interest may be changed at any time. */
typedef struct ml_loop_fd ml_loop_fd;
typedef void ml_loop_fd_fn(void *arg, bool readable, bool writable);
ml_loop_fd *ml_loop_fd_new(ml_loop *l, int fd, ml_loop_fd_fn *fn, void *arg);
void ml_loop_fd_want(ml_loop_fd *f, bool read, bool write);
void ml_loop_fd_free(ml_loop_fd *f);

/* fn(arg) on the loop for each arrival of signal `signo`. */
typedef struct ml_loop_signal ml_loop_signal;
ml_loop_signal *ml_loop_signal_new(ml_loop *l, int signo, ml_loop_fn *fn,
                                   void *arg);
void ml_loop_signal_free(ml_loop_signal *s);

#endif
