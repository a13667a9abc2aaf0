/*
** jail.h - what a process that runs scripts gives up, for good.
**
** Behind the sandbox of box.h stands the kernel: after ml_jail_enter this
** process can compute, use memory and talk over the descriptors it kept.  It
** opens no file, makes no socket, starts no program, no process and no
** thread, and signals nobody; a try ends it (SIGSYS).
**
** What stays allowed: read, write, recvmsg, sendmsg, recvfrom and sendto
** without an address, poll; memory that is never executable; the clock,
** random bytes, signal masks and returns, exit.  Timers made before go on.
*/
#ifndef ML_SCRIPT_JAIL_H
#define ML_SCRIPT_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

#define ML_JAIL_STATE_BYTES ((size_t)72 << 20)

typedef struct ml_jail_conf {
  uint32_t states;       /* Lua states at a time; address space is */
  size_t state_bytes;    /* states * state_bytes + 128 MiB; 0: the above, which is
                            a box of 32 MiB with its image */
  const int *keep;       /* descriptors to keep: all others are closed.  NULL:
                            the caller has closed them, none is touched */
  size_t keep_n;
} ml_jail_conf;

/* Whether the kernel has both seccomp filters and landlock; *e says what is
** missing.  Nothing is changed. */
bool ml_jail_supported(ml_err *e);

/*
** Close descriptors, set limits, cut the way back, clear the environment,
** and filter system calls: in this order, each looked at.  ML_REFUSED: the
** kernel lacks something, *e says what; the process must not run scripts
** (some steps are done already).  Call with one thread.
*/
ml_rc ml_jail_enter(const ml_jail_conf *conf, ml_err *e);

/* A sanitizer build has a wider list of calls and no limit of address space,
** for what the sanitizers do themselves. */
bool ml_jail_is_wide(void);

#endif
