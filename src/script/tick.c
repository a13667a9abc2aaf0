/* tick.c - the CPU clock of a thread and its tick. */
#include "script/tick.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS 1000000

static void (*volatile watcher)(void *ud, int64_t cpu_ms);
static void *volatile watched;
static pid_t ticking;      /* the process that has the timer */

#if defined(__SANITIZE_THREAD__)
/* glibc's own, which the sanitizer does not stand before. */
int __sigaction(int sig, const struct sigaction *act, struct sigaction *old);
#define SIGACTION __sigaction
#define CLOCK(id, t) syscall(SYS_clock_gettime, id, t)
#else
#define SIGACTION sigaction
#define CLOCK(id, t) clock_gettime(id, t)
#endif

ML_IN_TICK int64_t ml_cpu_ms(void) {
  struct timespec t;

  if (CLOCK(CLOCK_THREAD_CPUTIME_ID, &t) != 0)
    return 0;
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

ML_IN_TICK static void on_signal(int sig) {
  void (*f)(void *, int64_t) = watcher;
  int saved = errno;

  (void)sig;
  if (f != NULL)
    f(watched, ml_cpu_ms());
  errno = saved;
}

ml_rc ml_tick_start(ml_err *e) {
  struct itimerspec every = {{0, TICK_NS}, {0, TICK_NS}};
  struct sigevent to;
  struct sigaction act;
  timer_t timer;

  if (ticking == getpid())
    return ML_OK;
  memset(&act, 0, sizeof act);
  act.sa_handler = on_signal;
  act.sa_flags = SA_RESTART;
  memset(&to, 0, sizeof to);
  to.sigev_notify = SIGEV_SIGNAL;
  to.sigev_signo = SIGALRM;
  if (SIGACTION(SIGALRM, &act, NULL) != 0 ||
      timer_create(CLOCK_THREAD_CPUTIME_ID, &to, &timer) != 0)
    return ml_err_set(e, ML_IO, NULL, "no timer for scripts: %s",
                      strerror(errno));
  if (timer_settime(timer, 0, &every, NULL) != 0) {
    timer_delete(timer);
    return ml_err_set(e, ML_IO, NULL, "the timer for scripts does not start: "
                      "%s", strerror(errno));
  }
  ticking = getpid();
  return ML_OK;
}

void ml_tick_watch(void (*f)(void *ud, int64_t cpu_ms), void *ud) {
  if (f == NULL) {
    watcher = NULL;
    atomic_signal_fence(memory_order_seq_cst);
    return;
  }
  watched = ud;
  atomic_signal_fence(memory_order_seq_cst);
  watcher = f;
}
