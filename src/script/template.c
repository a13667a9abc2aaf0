/* template.c - the process that makes script workers. */
#include "script/template.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/rc.h"
#include "script/jail.h"
#include "script/worker.h"

enum { CHILDREN = 64 };        /* alive or not yet reported */

typedef struct tmpl {
  int fd;                      /* to the core */
  int sigfd;
  int insecure;
  pid_t pid;                   /* our own */
  struct { uint32_t serial; pid_t pid; } child[CHILDREN];   /* pid 0: free */
} tmpl;

/* Tell the core.  It is gone when that fails: then so are we. */
static void tell(const tmpl *t, uint32_t what, uint32_t serial, int32_t pid,
                 int32_t status) {
  ml_tmsg m = {.what = what, .serial = serial, .pid = pid, .status = status};

  while (send(t->fd, &m, sizeof m, MSG_NOSIGNAL) < 0)
    if (errno != EINTR)
      _exit(1);
}

/* ---- the jail, tried once ---- */

/* In a child: enter it and say what came of it. */
static void probe_child(int fd) {
  ml_tmsg m = {.what = ML_T_READY};
  ml_err e = {0};

  m.status = ml_jail_enter(&(ml_jail_conf){.states = 1}, &e);
  memcpy(m.text, e.text, sizeof m.text - 1);
  _exit(write(fd, &m, sizeof m) == (ssize_t)sizeof m ? 0 : 1);
}

static void probe(const tmpl *t) {
  ml_tmsg m = {.what = ML_T_READY, .status = ML_REFUSED,
               .text = "the jail of script workers ended the process that "
                       "tried it"};
  ml_tmsg got;
  int p[2], status;
  pid_t pid;

  if (pipe2(p, O_CLOEXEC) != 0)
    _exit(1);
  pid = fork();
  if (pid == 0)
    probe_child(p[1]);
  close(p[1]);
  if (pid > 0) {
    if (read(p[0], &got, sizeof got) == (ssize_t)sizeof got)
      m = got;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
      ;
  }
  close(p[0]);
  while (send(t->fd, &m, sizeof m, MSG_NOSIGNAL) < 0)
    if (errno != EINTR)
      _exit(1);
}

/* ---- workers ---- */

/* What a worker inherits is its socket, its page, and standard error only
** where sanitizers report to it. */
static void keep_two(int sock, int page) {
  int a = sock < page ? sock : page, b = sock < page ? page : sock;
  int first = 0;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  first = 3;
  close(0);
  close(1);
#endif
  if (a > first)
    close_range((unsigned)first, (unsigned)a - 1, 0);
  if (b > a + 1)
    close_range((unsigned)a + 1, (unsigned)b - 1, 0);
  close_range((unsigned)b + 1, ~0u, 0);
}

static void worker_child(const tmpl *t, int sock, int page) {
  sigset_t none;

  /* a parent that died before this line is somebody else now */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != t->pid)
    _exit(1);
  keep_two(sock, page);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  _exit(ml_worker_main(sock, page, t->insecure));
}

static void make(tmpl *t, uint32_t serial, int sock, int page) {
  pid_t pid = -1;
  int i = 0;

  while (i < CHILDREN && t->child[i].pid != 0)
    i++;
  if (i < CHILDREN && sock >= 0 && page >= 0)
    pid = fork();
  if (pid == 0)
    worker_child(t, sock, page);
  if (sock >= 0)
    close(sock);
  if (page >= 0)
    close(page);
  if (pid < 0) {
    tell(t, ML_T_DIED, serial, 0, -1);
    return;
  }
  t->child[i].serial = serial;
  t->child[i].pid = pid;
  tell(t, ML_T_BORN, serial, (int32_t)pid, 0);
}

static void slay(const tmpl *t, uint32_t serial) {
  int i;

  for (i = 0; i < CHILDREN; i++)
    if (t->child[i].pid != 0 && t->child[i].serial == serial)
      kill(t->child[i].pid, SIGKILL);
}

static void reap(tmpl *t) {
  struct signalfd_siginfo si;
  pid_t pid;
  int status, i;

  while (read(t->sigfd, &si, sizeof si) > 0)
    ;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
    for (i = 0; i < CHILDREN; i++)
      if (t->child[i].pid == pid) {
        t->child[i].pid = 0;
        tell(t, ML_T_DIED, t->child[i].serial, (int32_t)pid, status);
      }
}

/* ---- orders ---- */

/* One order, and the descriptors that came along (-1: none). */
static int take(const tmpl *t, ml_tmsg *m, int fds[2]) {
  char space[CMSG_SPACE(2 * sizeof(int))];
  struct iovec io = {.iov_base = m, .iov_len = sizeof *m};
  struct msghdr h = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = space,
                     .msg_controllen = sizeof space};
  struct cmsghdr *c;
  ssize_t n;

  fds[0] = fds[1] = -1;
  n = recvmsg(t->fd, &h, MSG_CMSG_CLOEXEC);
  if (n < 0)
    return errno == EINTR || errno == EAGAIN ? 0 : -1;
  if (n != (ssize_t)sizeof *m)
    return -1;               /* 0: the core is gone */
  c = CMSG_FIRSTHDR(&h);
  if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
      c->cmsg_len == CMSG_LEN(2 * sizeof(int)))
    memcpy(fds, CMSG_DATA(c), 2 * sizeof(int));
  return 1;
}

static void serve(tmpl *t) {
  struct pollfd p[2] = {{.fd = t->fd, .events = POLLIN},
                        {.fd = t->sigfd, .events = POLLIN}};
  ml_tmsg m;
  int fds[2], got;

  for (;;) {
    if (poll(p, 2, -1) < 0 && errno != EINTR)
      return;
    if (p[1].revents != 0)
      reap(t);
    if (p[0].revents == 0)
      continue;
    got = take(t, &m, fds);
    if (got < 0)
      return;
    if (got > 0 && m.what == ML_T_MAKE)
      make(t, m.serial, fds[0], fds[1]);
    else if (got > 0 && m.what == ML_T_KILL)
      slay(t, m.serial);
  }
}

/* Two free descriptors 0 and 1 would be handed to the next pipe. */
static int hold_standard(void) {
  int fd = open("/dev/null", O_RDWR);

  if (fd < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0)
    return -1;
  if (fcntl(2, F_GETFD) < 0 && dup2(fd, 2) < 0)
    return -1;
  return 0;
}

int ml_template_main(int fd, int insecure) {
  struct rlimit no_core = {0, 0};
  sigset_t chld;
  uint8_t digest[32];
  tmpl t = {.fd = fd, .insecure = insecure, .pid = getpid()};

  setsid();                  /* a Ctrl-C at the terminal is the core's */
  signal(SIGPIPE, SIG_IGN);
  setrlimit(RLIMIT_CORE, &no_core);
  sigemptyset(&chld);
  sigaddset(&chld, SIGCHLD);
  if (hold_standard() != 0 || close_range((unsigned)fd + 1, ~0u, 0) != 0 ||
      sigprocmask(SIG_BLOCK, &chld, NULL) != 0)
    return 1;
  t.sigfd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
  if (t.sigfd < 0)
    return 1;
  /* OpenSSL opens its configuration at the first digest; in the jail it could
  ** not, so the workers inherit it done */
  if (ml_sha256("", 0, digest) != ML_OK)
    return 1;
  probe(&t);
  serve(&t);
  return 0;
}
