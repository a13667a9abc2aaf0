/* watch.c - a folder is watched by a digest of its names, sizes and times;
** inotify only says when to look. */
#include "cmd/watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { CALM_MS = 60, POLL_MS = 500, DEPTH_MAX = 6, FOLDERS_MAX = 1024 };

struct ml_watch {
  ml_loop *loop;
  ml_loop_timer *timer;          /* after a change: calm; else the poll */
  ml_loop_fd *events;
  int fd;                        /* inotify, or -1 */
  int marks[FOLDERS_MAX];        /* its watches, one a folder */
  size_t mark_count;
  uint64_t digest;
  ml_loop_fn *fn;
  void *arg;
  char *dir;
};

static uint64_t mix(uint64_t h, const void *p, size_t n) {
  const unsigned char *b = p;

  while (n-- > 0)
    h = (h ^ *b++) * UINT64_C(1099511628211);
  return h;
}

/* What is one file: its place, kind, size and last change. */
static uint64_t file_digest(const char *path, const struct stat *st) {
  int64_t facts[4] = {st->st_size, st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                      (int64_t)st->st_ino};

  return mix(mix(UINT64_C(14695981039346656037), path, strlen(path)), facts,
             sizeof facts);
}

/* Sum over everything below: the order in which names come does not matter.
** Folders get a watch. */
static uint64_t look_into(ml_watch *w, const char *dir, int depth) {
  DIR *d = opendir(dir);
  struct dirent *entry;
  uint64_t sum = 0;

  if (d == NULL)
    return 0;
  if (w->fd >= 0 && w->mark_count < FOLDERS_MAX) {
    int mark = inotify_add_watch(w->fd, dir, IN_CLOSE_WRITE | IN_CREATE |
                                 IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                 IN_DELETE_SELF | IN_ONLYDIR);
    if (mark >= 0)
      w->marks[w->mark_count++] = mark;
  }
  while ((entry = readdir(d)) != NULL) {
    char path[4096];
    struct stat st;

    if (entry->d_name[0] == '.')
      continue;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name)
            >= sizeof path
        || lstat(path, &st) != 0)
      continue;
    if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
      sum += look_into(w, path, depth + 1);
    else if (S_ISREG(st.st_mode))
      sum += file_digest(path, &st);
  }
  closedir(d);
  return sum;
}

static uint64_t look(ml_watch *w) {
  for (size_t i = 0; i < w->mark_count; i++)
    inotify_rm_watch(w->fd, w->marks[i]);
  w->mark_count = 0;
  return look_into(w, w->dir, 0);
}

/* What rm_watch left in the queue says nothing new. */
static void drop_events(int fd) {
  char bytes[4096] __attribute__((aligned(8)));

  while (fd >= 0 && read(fd, bytes, sizeof bytes) > 0)
    ;
}

static void look_again(void *arg) {
  ml_watch *w = arg;
  uint64_t digest = look(w);
  bool changed = digest != w->digest;

  drop_events(w->fd);
  w->digest = digest;
  if (w->fd < 0)
    ml_loop_timer_set(w->timer, POLL_MS);
  if (changed)
    w->fn(w->arg);               /* last: it may free w */
}

static void on_events(void *arg, bool readable, bool writable) {
  ml_watch *w = arg;

  (void)readable;
  (void)writable;
  drop_events(w->fd);
  ml_loop_timer_set(w->timer, CALM_MS);
}

ml_watch *ml_watch_new(ml_loop *l, const char *dir, bool poll, ml_loop_fn *fn,
                       void *arg) {
  ml_watch *w = ml_mem_zero(sizeof *w);

  if (w == NULL)
    return NULL;
  w->loop = l;
  w->fn = fn;
  w->arg = arg;
  w->fd = poll ? -1 : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  w->dir = ml_mem_strdup(dir);
  w->timer = ml_loop_timer_new(l, look_again, w);
  if (w->fd >= 0) {
    w->events = ml_loop_fd_new(l, w->fd, on_events, w);
    if (w->events == NULL)
      goto fail;
    ml_loop_fd_want(w->events, true, false);
  }
  if (w->dir == NULL || w->timer == NULL)
    goto fail;
  w->digest = look(w);
  if (w->fd >= 0 && w->mark_count == 0) {      /* no watches to be had */
    ml_loop_fd_free(w->events);
    w->events = NULL;
    close(w->fd);
    w->fd = -1;
  }
  if (w->fd < 0)
    ml_loop_timer_set(w->timer, POLL_MS);
  return w;
fail:
  ml_watch_free(w);
  return NULL;
}

void ml_watch_free(ml_watch *w) {
  if (w == NULL)
    return;
  ml_loop_timer_free(w->timer);
  if (w->events != NULL)
    ml_loop_fd_free(w->events);
  if (w->fd >= 0)
    close(w->fd);
  ml_mem_free(w->dir);
  ml_mem_free(w);
}
