/*
** floor_hops.c - the way of one lone workflow with nothing done on it: client,
** event loop, worker process, event loop, writing thread, event loop, client.
**
** Each hands a few hundred bytes on and sleeps until the next one comes; the
** thread writes three pages over old ones and flushes them, as a commit into a
** log that is used again.  What it takes is wake-ups and the disk: no engine of
** this shape is quicker here, and none has a shorter tail.
*/
#include "floors.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "rows.h"

enum { ASK = 500, QUESTION = 300, ANSWER = 600, PAGE = 4096, PAGES = 3,
       FILE_PAGES = 1500, WARM = 100, MS = 1000 };

/* What one hears; when the other end has gone, so does who listens. */
static size_t hear(int fd, char *to, size_t n) {
  ssize_t got;

  do
    got = read(fd, to, n);
  while (got < 0 && errno == EINTR);
  if (got <= 0)
    _exit(0);
  return (size_t)got;
}

static void tell(int fd, const char *bytes, size_t n) {
  if (write(fd, bytes, n) != (ssize_t)n)
    _exit(1);
}

/* ---- the core ---- */

typedef struct core {
  int client, worker, file, written;     /* `written`: an eventfd */
  pthread_mutex_t mu;
  pthread_cond_t wanted;
  bool work;
} core;

static void *writer(void *arg) {
  static const char page[PAGE];
  core *c = arg;

  for (int at = 0;; at = (at + PAGES) % FILE_PAGES) {
    pthread_mutex_lock(&c->mu);
    while (!c->work)
      pthread_cond_wait(&c->wanted, &c->mu);
    c->work = false;
    pthread_mutex_unlock(&c->mu);
    for (int i = 0; i < PAGES; i++)
      if (pwrite(c->file, page, PAGE, (off_t)(at + i) * PAGE) != PAGE)
        _exit(1);
    if (fdatasync(c->file) != 0 || eventfd_write(c->written, 1) != 0)
      _exit(1);
  }
  return NULL;
}

static void hand_over(core *c) {
  pthread_mutex_lock(&c->mu);
  c->work = true;
  pthread_cond_signal(&c->wanted);
  pthread_mutex_unlock(&c->mu);
}

static void watch(int set, int fd) {
  struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

  if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) != 0)
    _exit(1);
}

static void run_core(core *c) {
  int set = epoll_create1(0);
  char bytes[1024] = "";
  pthread_t t;

  c->written = eventfd(0, 0);
  if (set < 0 || c->written < 0 || pthread_create(&t, NULL, writer, c) != 0)
    _exit(1);
  watch(set, c->client);
  watch(set, c->worker);
  watch(set, c->written);
  for (;;) {
    struct epoll_event e;

    if (epoll_wait(set, &e, 1, -1) != 1)
      continue;
    hear(e.data.fd, bytes, sizeof bytes);
    if (e.data.fd == c->client)
      tell(c->worker, bytes, QUESTION);
    else if (e.data.fd == c->worker)
      hand_over(c);
    else
      tell(c->client, bytes, ANSWER);
  }
}

static void run_worker(int fd) {
  char bytes[QUESTION];

  for (;;)
    tell(fd, bytes, hear(fd, bytes, sizeof bytes));
}

/* ---- around it ---- */

static pid_t spawn(void) {
  pid_t parent = getpid(), pid = fork();

  if (pid < 0)
    die("a process cannot be started: %s", strerror(errno));
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
      _exit(1);
  }
  return pid;
}

static void end(pid_t pid) {
  ours(pid);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}

static int old_file(const char *path) {
  static const char page[PAGE];
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  if (fd < 0)
    die("%s cannot be made: %s", path, strerror(errno));
  unlink(path);
  for (int i = 0; i < FILE_PAGES; i++)
    if (write(fd, page, PAGE) != PAGE)
      die("%s cannot be filled", path);
  if (fsync(fd) != 0)
    die("%s cannot be flushed", path);
  return fd;
}

static void ask(int fd, samples *s) {
  char bytes[ANSWER] = "";
  int64_t until = now_us() + MS * 1000, from;

  for (size_t n = 0; (from = now_us()) < until; n++) {
    size_t got = 0;

    if (write(fd, bytes, ASK) != ASK)
      die("the bare chain has ended");
    while (got < ANSWER) {
      ssize_t more = read(fd, bytes, ANSWER - got);

      if (more <= 0)
        die("the bare chain has ended");
      got += (size_t)more;
    }
    if (n >= WARM)
      samples_add(s, (double)(now_us() - from));
  }
}

void floor_hops(void) {
  core c = {.mu = PTHREAD_MUTEX_INITIALIZER, .wanted = PTHREAD_COND_INITIALIZER};
  char path[300];
  int client[2], work[2];
  samples s = {0};
  pid_t core_pid, worker_pid;

  snprintf(path, sizeof path, "%s/bench.tmp/hops", engine_build());
  c.file = old_file(path);
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, client) != 0 ||
      socketpair(AF_UNIX, SOCK_STREAM, 0, work) != 0)
    die("no socket: %s", strerror(errno));
  worker_pid = spawn();
  if (worker_pid == 0) {
    close(client[0]);
    close(client[1]);
    close(work[0]);
    run_worker(work[1]);
  }
  close(work[1]);
  core_pid = spawn();
  if (core_pid == 0) {
    close(client[0]);
    c.client = client[1];
    c.worker = work[0];
    run_core(&c);
  }
  close(work[0]);
  close(client[1]);              /* so the end of one of them is heard here */
  ask(client[0], &s);
  row_put("floor.hops", samples_at(&s, 0.5));
  row_put("floor.hops.p99", samples_at(&s, 0.99));
  samples_free(&s);
  end(core_pid);
  end(worker_pid);
  close(c.file);
  close(client[0]);
}
