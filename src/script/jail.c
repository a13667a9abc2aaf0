/*
** jail.c - limits, landlock and the list of system calls of a script worker.
**
** The list was taken from runs of scripts under strace with the packaged
** libraries: malloc (brk, mmap, munmap, mremap, madvise, mprotect, futex),
** the worker's socket, the clocks, and the return from the tick's signal.
*/
#include "script/jail.h"

#include "base/plant.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WIDE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WIDE 1
#endif
#endif
#ifndef WIDE
#define WIDE 0
#endif

#define MIB ((size_t)1 << 20)
#define BASE_BYTES (128 * MIB)

/* The kernel's ruleset, newer than some headers: rights over files (ABI 1),
** over ports (ABI 4), and what reaches out of the domain (ABI 6). */
typedef struct ruleset {
  uint64_t fs, net, scoped;
} ruleset;

static long landlock_abi(void) {
  return syscall(SYS_landlock_create_ruleset, NULL, 0,
                 LANDLOCK_CREATE_RULESET_VERSION);
}

static bool has_filters(void) {
  /* asks with a filter that is not there: EFAULT where filters exist */
  return prctl(PR_SET_SECCOMP, 2 /* SECCOMP_MODE_FILTER */, NULL, 0, 0) != 0 &&
         errno == EFAULT;
}

bool ml_jail_is_wide(void) {
  return WIDE;
}

bool ml_jail_supported(ml_err *e) {
  if (!has_filters()) {
    ml_err_set(e, ML_REFUSED, NULL, "the kernel has no seccomp filters");
    return false;
  }
  if (landlock_abi() < 1) {
    ml_err_set(e, ML_REFUSED, NULL, "the kernel has no landlock");
    return false;
  }
  return true;
}

static ml_rc failed(ml_err *e, const char *what) {
  return ml_err_set(e, ML_REFUSED, NULL, "%s: %s", what, strerror(errno));
}

/* ---- descriptors ---- */

static int by_value(const void *a, const void *b) {
  return (*(const int *)a > *(const int *)b) -
         (*(const int *)a < *(const int *)b);
}

static ml_rc close_others(const ml_jail_conf *conf, ml_err *e) {
  int keep[16], from = 0;
  size_t i;

  if (conf->keep == NULL)
    return ML_OK;
  if (conf->keep_n > sizeof keep / sizeof *keep)
    return ml_err_set(e, ML_INVALID, NULL, "more than 16 descriptors to keep");
  if (conf->keep_n > 0)
    memcpy(keep, conf->keep, conf->keep_n * sizeof *keep);
  qsort(keep, conf->keep_n, sizeof *keep, by_value);
  for (i = 0; i < conf->keep_n; i++) {
    if (keep[i] > from && close_range((unsigned)from, (unsigned)keep[i] - 1, 0))
      return failed(e, "descriptors stay open");
    if (keep[i] >= from)
      from = keep[i] + 1;
  }
  if (close_range((unsigned)from, ~0u, 0) != 0)
    return failed(e, "descriptors stay open");
  return ML_OK;
}

/* ---- limits ---- */

static ml_rc limit(int what, rlim_t n, ml_err *e) {
  struct rlimit l = {n, n};

  return setrlimit((__rlimit_resource_t)what, &l) == 0
             ? ML_OK : failed(e, "a limit cannot be set");
}

static ml_rc set_limits(const ml_jail_conf *conf, ml_err *e) {
  size_t each = conf->state_bytes != 0 ? conf->state_bytes : ML_JAIL_STATE_BYTES;
  ml_rc rc = ML_OK;

  if (!WIDE)
    rc = limit(RLIMIT_AS, (rlim_t)conf->states * each + BASE_BYTES, e);
  if (rc == ML_OK)
    rc = limit(RLIMIT_NOFILE, 8, e);
  if (rc == ML_OK)
    rc = limit(RLIMIT_NPROC, 0, e);
  if (rc == ML_OK)
    rc = limit(RLIMIT_CORE, 0, e);
  if (rc == ML_OK)
    rc = limit(RLIMIT_FSIZE, 0, e);
  return rc;
}

static ml_rc cut_ties(ml_err *e) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return failed(e, "no_new_privs cannot be set");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    return failed(e, "the process stays dumpable");
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
    return failed(e, "the parent's death cannot be followed");
  return ML_OK;
}

/* ---- landlock ---- */

static ml_rc lock_files(ml_err *e) {
  /* ABI:  1 (13 rights), 2 refer, 3 truncate, 4 ports, 5 ioctl, 6 scopes */
  static const struct { int fs, net, scoped; } bits[] = {
    {13, 0, 0}, {14, 0, 0}, {15, 0, 0}, {15, 2, 0}, {16, 2, 0}, {16, 2, 2},
  };
  long abi = landlock_abi();
  ruleset r = {0};
  size_t n = sizeof r.fs, row;
  int fd, rc;

  if (abi < 1)
    return ml_err_set(e, ML_REFUSED, NULL, "the kernel has no landlock");
  row = (size_t)abi <= sizeof bits / sizeof *bits
            ? (size_t)abi - 1 : sizeof bits / sizeof *bits - 1;
  r.fs = (1ull << bits[row].fs) - 1;
  r.net = (1ull << bits[row].net) - 1;
  r.scoped = (1ull << bits[row].scoped) - 1;
  if (bits[row].net != 0)
    n += sizeof r.net;
  if (bits[row].scoped != 0)
    n += sizeof r.scoped;
  fd = (int)syscall(SYS_landlock_create_ruleset, &r, n, 0);
  if (fd < 0)
    return failed(e, "landlock takes no ruleset");
  rc = (int)syscall(SYS_landlock_restrict_self, fd, 0);
  if (rc != 0)
    failed(e, "landlock does not hold");
  close(fd);
  return rc == 0 ? ML_OK : ML_REFUSED;
}

/* ---- system calls ---- */

static const int calls[] = {
  SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg),
  SCMP_SYS(recvfrom), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(futex),
  SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise),
  SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(getrandom),
  SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(restart_syscall),
  SCMP_SYS(getpid), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* What the sanitizers of addresses, undefined behaviour and threads do
** themselves: their stacks and maps, and a report on standard error. */
static const int wide_calls[] = {
  SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigaction), SCMP_SYS(gettid),
  SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(getrlimit),
  SCMP_SYS(prlimit64), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
  SCMP_SYS(close), SCMP_SYS(readlink), SCMP_SYS(lseek), SCMP_SYS(ioctl),
  SCMP_SYS(getppid), SCMP_SYS(geteuid), SCMP_SYS(clock_nanosleep),
};

static int allow(scmp_filter_ctx c, const int *list, size_t n) {
  size_t i;
  int rc = 0;

  for (i = 0; i < n && rc == 0; i++)
    rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, list[i], 0);
  return rc;
}

/* Calls that are allowed with some arguments only. */
static int allow_some(scmp_filter_ctx c) {
  const struct scmp_arg_cmp no_exec =
      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
  const struct scmp_arg_cmp no_address = SCMP_A4(SCMP_CMP_EQ, 0, 0);
  int rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_exec);

  if (rc == 0)
    rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_exec);
  if (rc == 0)
    rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1, no_address);
  return rc;
}

static ml_rc filter_calls(ml_err *e) {
  scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS);
  int rc;

  if (c == NULL)
    return ml_err_set(e, ML_REFUSED, NULL, "no filter of system calls");
  rc = allow(c, calls, sizeof calls / sizeof *calls);
  if (rc == 0 && WIDE)
    rc = allow(c, wide_calls, sizeof wide_calls / sizeof *wide_calls);
  if (rc == 0)
    rc = allow_some(c);
  if (rc == 0 && !ML_PLANTED(jail_open))
    rc = seccomp_load(c);
  seccomp_release(c);
  if (rc != 0) {
    errno = -rc;
    return failed(e, "the filter of system calls does not load");
  }
  return ML_OK;
}

ml_rc ml_jail_enter(const ml_jail_conf *conf, ml_err *e) {
  ml_rc rc;

  if (!ml_jail_supported(e))
    return ML_REFUSED;
  rc = close_others(conf, e);
  if (rc == ML_OK)
    rc = set_limits(conf, e);
  if (rc == ML_OK)
    rc = cut_ties(e);
  if (rc == ML_OK)
    rc = lock_files(e);
  if (rc != ML_OK)
    return rc;
  if (clearenv() != 0)
    return ml_err_set(e, ML_REFUSED, NULL, "the environment stays");
  return filter_calls(e);
}
