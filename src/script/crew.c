/* crew.c - the core's line to the template process. */
#include "script/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/log.h"
#include "script/template.h"

enum {
  ALIVE_MAX = 32,              /* ordered and not reported dead */
  WORD_MS = 20000,             /* the template's first word, at most */
  AGAIN_MS_MIN = 100, AGAIN_MS_MAX = 5000,
  STEADY_MS = 10000            /* a template that lived so long was well */
};

struct ml_crew {
  ml_loop *loop;
  char *program;
  bool insecure;
  ml_crew_calls calls;
  pid_t pid;                   /* of the template; 0: none */
  int fd;                      /* to it; -1 */
  ml_loop_fd *watch;
  ml_loop_timer *again;
  bool stands;                 /* its first word was heard, and was good */
  bool broken;                 /* a message did not get through */
  int64_t started_ms, again_ms;
  uint64_t templates;
  uint32_t last_serial;
  uint32_t alive[ALIVE_MAX];   /* serials; 0: free */
};

/* ---- one template ---- */

static int64_t now_ms(const ml_crew *c) {
  ml_clock *k = ml_loop_clock(c->loop);

  return k->mono_ms(k);
}

static ml_rc spawn_to(ml_crew *c, int fd, ml_err *e) {
  char *argv[] = {(char *)"moonlane", (char *)ML_TEMPLATE_ARG,
                  c->insecure ? (char *)ML_TEMPLATE_INSECURE : NULL, NULL};
  char *envp[] = {NULL};       /* nothing of ours goes along */
  posix_spawn_file_actions_t fa;
  int bad;

  bad = posix_spawn_file_actions_init(&fa);
  if (bad != 0)
    return ml_err_set(e, ML_NOMEM, NULL, "starting the script template: %s",
                      strerror(bad));
  bad = posix_spawn_file_actions_adddup2(&fa, fd, ML_TEMPLATE_FD);
  if (bad == 0)
    bad = posix_spawn(&c->pid, c->program, &fa, NULL, argv, envp);
  posix_spawn_file_actions_destroy(&fa);
  if (bad != 0) {
    c->pid = 0;
    return ml_err_set(e, ML_IO, NULL, "cannot start the script template %s: %s",
                      c->program, strerror(bad));
  }
  return ML_OK;
}

static ml_rc start(ml_crew *c, ml_err *e) {
  int p[2];
  ml_rc rc;

  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p) != 0)
    return ml_err_set(e, ML_IO, NULL, "socketpair: %s", strerror(errno));
  rc = spawn_to(c, p[1], e);
  close(p[1]);
  if (rc != ML_OK || fcntl(p[0], F_SETFL, O_NONBLOCK) != 0) {
    close(p[0]);
    return rc != ML_OK ? rc : ml_err_set(e, ML_IO, NULL, "fcntl: %s",
                                         strerror(errno));
  }
  c->fd = p[0];
  c->stands = c->broken = false;
  c->started_ms = now_ms(c);
  c->templates++;
  return ML_OK;
}

static void end(ml_crew *c) {
  ml_loop_fd_free(c->watch);
  c->watch = NULL;
  if (c->fd >= 0)
    close(c->fd);
  c->fd = -1;
  c->stands = false;
  if (c->pid > 0) {
    kill(c->pid, SIGKILL);     /* its workers die with it */
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
      ;
  }
  c->pid = 0;
}

/* What the template found out about the jail. */
static ml_rc judge(const ml_crew *c, const ml_tmsg *m, ml_err *e) {
  if (m->status == ML_OK)
    return ML_OK;
  ml_err_set(e, ML_REFUSED, NULL, "%s%.*s",
             c->insecure ? "scripts run without their jail: "
                         : "scripts cannot be jailed here: ",
             (int)sizeof m->text - 1, m->text);
  return c->insecure ? ML_OK : ML_REFUSED;
}

/* ---- deaths ---- */

static bool forget(ml_crew *c, uint32_t serial) {
  int i;

  for (i = 0; i < ALIVE_MAX; i++)
    if (serial != 0 && c->alive[i] == serial) {
      c->alive[i] = 0;
      return true;
    }
  return false;
}

/* The template is gone: so are its workers. */
static void gone(ml_crew *c) {
  uint32_t serial;
  int i;

  ml_log(ML_ERROR_LEVEL, "script-template-died", NULL);
  end(c);
  if (now_ms(c) - c->started_ms >= STEADY_MS)
    c->again_ms = 0;
  ml_loop_timer_set(c->again, c->again_ms);
  c->again_ms = c->again_ms == 0 ? AGAIN_MS_MIN
                : c->again_ms * 2 > AGAIN_MS_MAX ? AGAIN_MS_MAX
                                                 : c->again_ms * 2;
  for (i = 0; i < ALIVE_MAX; i++) {
    serial = c->alive[i];
    c->alive[i] = 0;
    if (serial != 0)
      c->calls.died(c->calls.arg, serial, -1);
  }
}

static void on_message(ml_crew *c, const ml_tmsg *m) {
  ml_err e = {0};

  switch (m->what) {
  case ML_T_READY:
    if (judge(c, m, &e) != ML_OK) {
      ml_log(ML_ERROR_LEVEL, "script-jail-refused", "why", e.text, NULL);
      c->broken = true;
      return;
    }
    c->stands = true;
    c->calls.ready(c->calls.arg);
    break;
  case ML_T_BORN:
    c->calls.born(c->calls.arg, m->serial, m->pid);
    break;
  case ML_T_DIED:
    if (forget(c, m->serial))
      c->calls.died(c->calls.arg, m->serial, m->status);
    break;
  default:
    c->broken = true;
  }
}

static void on_fd(void *arg, bool readable, bool writable) {
  ml_crew *c = arg;
  ml_tmsg m;
  ssize_t n = 0;

  (void)readable;
  (void)writable;
  while (!c->broken) {
    n = recv(c->fd, &m, sizeof m, 0);
    if (n != (ssize_t)sizeof m)
      break;
    on_message(c, &m);
  }
  if (c->broken || n >= 0 || (errno != EAGAIN && errno != EINTR))
    gone(c);
}

static ml_rc watch(ml_crew *c) {
  c->watch = ml_loop_fd_new(c->loop, c->fd, on_fd, c);
  if (c->watch == NULL)
    return ML_NOMEM;
  ml_loop_fd_want(c->watch, true, false);
  return ML_OK;
}

static void on_again(void *arg) {
  ml_crew *c = arg;
  ml_err e = {0};

  if (c->fd >= 0)
    return;
  if (start(c, &e) == ML_OK && watch(c) == ML_OK)
    return;                    /* its first word comes through on_fd */
  ml_log(ML_ERROR_LEVEL, "script-template-start", "why", e.text, NULL);
  end(c);
  ml_loop_timer_set(c->again, AGAIN_MS_MAX);
}

/* ---- life ---- */

static ml_rc first_word(ml_crew *c, ml_err *e) {
  struct pollfd p = {.fd = c->fd, .events = POLLIN};
  ml_tmsg m;
  int n;

  do {
    n = poll(&p, 1, WORD_MS);
  } while (n < 0 && errno == EINTR);
  if (n <= 0 || recv(c->fd, &m, sizeof m, 0) != (ssize_t)sizeof m ||
      m.what != ML_T_READY)
    return ml_err_set(e, ML_IO, NULL,
                      "the script template %s did not come up", c->program);
  c->stands = true;
  return judge(c, &m, e);
}

static void first_ready(void *arg) {
  ml_crew *c = arg;

  if (c->stands)
    c->calls.ready(c->calls.arg);
}

ml_rc ml_crew_new(ml_loop *l, const char *program, bool insecure,
                  const ml_crew_calls *calls, ml_crew **out, ml_err *e) {
  ml_crew *c = ml_mem_zero(sizeof *c);
  ml_rc rc = ML_NOMEM;

  *out = NULL;
  if (c == NULL)
    return ML_NOMEM;
  *c = (ml_crew){.loop = l, .insecure = insecure, .calls = *calls, .fd = -1};
  c->program = ml_mem_strdup(program);
  c->again = ml_loop_timer_new(l, on_again, c);
  if (c->program == NULL || c->again == NULL)
    goto fail;
  rc = start(c, e);
  if (rc == ML_OK)
    rc = first_word(c, e);
  if (rc == ML_OK)
    rc = watch(c);
  if (rc == ML_OK)
    rc = ml_loop_later(l, first_ready, c);
  if (rc != ML_OK)
    goto fail;
  *out = c;
  return ML_OK;
fail:
  ml_crew_free(c);
  return rc;
}

void ml_crew_free(ml_crew *c) {
  if (c == NULL)
    return;
  ml_loop_later_cancel(c->loop, first_ready, c);
  end(c);
  ml_loop_timer_free(c->again);
  ml_mem_free(c->program);
  ml_mem_free(c);
}

int ml_crew_pid(const ml_crew *c) {
  return (int)c->pid;
}

uint64_t ml_crew_templates(const ml_crew *c) {
  return c->templates;
}

/* ---- workers ---- */

/* A message that does not get through: the template is replaced when the loop
** sees it next. */
static ml_rc post(ml_crew *c, const ml_tmsg *m, const int fds[2]) {
  char space[CMSG_SPACE(2 * sizeof(int))] = {0};
  struct iovec io = {.iov_base = (void *)m, .iov_len = sizeof *m};
  struct msghdr h = {.msg_iov = &io, .msg_iovlen = 1};
  struct cmsghdr *cm;
  ssize_t n;

  if (fds != NULL) {
    h.msg_control = space;
    h.msg_controllen = sizeof space;
    cm = CMSG_FIRSTHDR(&h);
    cm->cmsg_level = SOL_SOCKET;
    cm->cmsg_type = SCM_RIGHTS;
    cm->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(cm), fds, 2 * sizeof(int));
  }
  do {
    n = sendmsg(c->fd, &h, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n == (ssize_t)sizeof *m)
    return ML_OK;
  kill(c->pid, SIGKILL);
  return ML_AGAIN;
}

/* A page that we share with the worker; it can't be made shorter, or a read
** would be a fault of ours. */
static int page_new(_Atomic uint64_t **page) {
  int fd = memfd_create("slice", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  void *p;

  if (fd < 0)
    return -1;
  if (ftruncate(fd, ML_PAGE_BYTES) != 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0 ||
      (p = mmap(NULL, ML_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                0)) == MAP_FAILED) {
    close(fd);
    return -1;
  }
  *page = p;
  return fd;
}

void ml_crew_line_close(ml_crew_line *line) {
  if (line->fd >= 0)
    close(line->fd);
  if (line->page != NULL)
    munmap((void *)line->page, ML_PAGE_BYTES);
  *line = (ml_crew_line){.fd = -1};
}

static ml_rc line_new(ml_crew_line *line, int fds[2]) {
  int p[2];

  *line = (ml_crew_line){.fd = -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) != 0)
    return ML_IO;
  line->fd = p[0];
  fds[0] = p[1];
  fds[1] = page_new(&line->page);
  if (fds[1] < 0 || fcntl(line->fd, F_SETFL, O_NONBLOCK) != 0) {
    close(fds[0]);
    if (fds[1] >= 0)
      close(fds[1]);
    ml_crew_line_close(line);
    return ML_IO;
  }
  return ML_OK;
}

ml_rc ml_crew_order(ml_crew *c, uint32_t *serial, ml_crew_line *line) {
  ml_tmsg m = {.what = ML_T_MAKE};
  int fds[2], i = 0;
  ml_rc rc;

  *line = (ml_crew_line){.fd = -1};
  while (i < ALIVE_MAX && c->alive[i] != 0)
    i++;
  if (!c->stands || i == ALIVE_MAX)
    return ML_AGAIN;
  rc = line_new(line, fds);
  if (rc != ML_OK)
    return rc;
  if (++c->last_serial == 0)
    c->last_serial = 1;
  m.serial = *serial = c->last_serial;
  rc = post(c, &m, fds);
  close(fds[0]);
  close(fds[1]);
  if (rc != ML_OK)
    ml_crew_line_close(line);
  else
    c->alive[i] = m.serial;
  return rc;
}

void ml_crew_kill(ml_crew *c, uint32_t serial) {
  ml_tmsg m = {.what = ML_T_KILL, .serial = serial};

  if (c->fd >= 0)
    post(c, &m, NULL);
}
