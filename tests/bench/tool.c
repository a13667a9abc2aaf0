/* tool.c - the clock, samples, and /proc. */
#include "tool.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TREE_MAX = 128 };         /* processes under one engine */

_Noreturn void die(const char *fmt, ...) {
  va_list ap;

  va_start(ap, fmt);
  fputs("bench: ", stderr);
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
  va_end(ap);
  exit(1);
}

void *need(void *p) {
  if (p == NULL)
    die("out of memory");
  return p;
}

void say(const char *fmt, ...) {
  va_list ap;

  va_start(ap, fmt);
  vfprintf(stderr, fmt, ap);
  va_end(ap);
  fputc('\n', stderr);
}

static int64_t us_of(clockid_t id) {
  struct timespec t;

  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t now_us(void) { return us_of(CLOCK_MONOTONIC); }
int64_t wall_ms(void) { return us_of(CLOCK_REALTIME) / 1000; }
double own_cpu_us(void) { return (double)us_of(CLOCK_PROCESS_CPUTIME_ID); }

void pause_us(int64_t us) {
  struct timespec t = {us / 1000000, us % 1000000 * 1000};

  nanosleep(&t, NULL);
}

static double ours_us;

void ours(pid_t pid) {
  usage u;

  usage_of(pid, false, &u);
  ours_us += u.core_cpu_us + u.worker_cpu_us;
}

/* user nice system idle iowait irq softirq steal; waiting is no use. */
double others_share(void) {
  static double at[3];
  static bool begun;
  double t[8] = {0}, now[3];
  ml_buf b = {0};

  read_file("/proc/stat", &b);
  sscanf(b.p, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &t[0], &t[1], &t[2], &t[3],
         &t[4], &t[5], &t[6], &t[7]);
  ml_buf_free(&b);
  now[0] = t[0] + t[1] + t[2] + t[5] + t[6] + t[7];
  now[1] = now[0] + t[3] + t[4];
  now[2] = (own_cpu_us() + ours_us) / 1e6 * (double)sysconf(_SC_CLK_TCK);
  if (!begun)
    memcpy(at, now, sizeof at);
  begun = true;
  if (now[1] <= at[1] || now[0] - at[0] <= now[2] - at[2])
    return 0;
  return (now[0] - at[0] - (now[2] - at[2])) / (now[1] - at[1]);
}

/* ---- samples ---- */

void samples_add(samples *s, double v) {
  if (s->n == s->cap) {
    s->cap = s->cap > 0 ? s->cap * 2 : 64;
    s->v = need(realloc(s->v, s->cap * sizeof *s->v));
  }
  s->v[s->n++] = v;
  s->sorted = false;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

double samples_at(samples *s, double quantile) {
  double at = quantile * (double)(s->n > 0 ? s->n - 1 : 0);
  size_t i = (size_t)at;

  if (s->n == 0)
    return 0;
  if (!s->sorted)
    qsort(s->v, s->n, sizeof *s->v, by_size);
  s->sorted = true;
  if (i + 1 >= s->n)
    return s->v[s->n - 1];
  return s->v[i] + (s->v[i + 1] - s->v[i]) * (at - (double)i);
}

void samples_free(samples *s) {
  free(s->v);
  *s = (samples){0};
}

/* ---- files ---- */

static bool append_file(const char *path, ml_buf *out) {
  FILE *f = fopen(path, "re");
  char piece[4096];
  size_t n;

  if (f == NULL)
    return false;
  while ((n = fread(piece, 1, sizeof piece, f)) > 0)
    ml_buf_put(out, piece, n);
  fclose(f);
  return !out->bad;
}

void read_file(const char *path, ml_buf *out) {
  if (!append_file(path, out))
    die("%s cannot be read: %s", path, strerror(errno));
}

double file_bytes(const char *path) {
  struct stat st;

  return stat(path, &st) == 0 ? (double)st.st_blocks * 512 : 0;
}

/* ---- what processes use ---- */

typedef struct stat_line {
  pid_t parent;
  double cpu_us;                 /* with the children it has waited for */
} stat_line;

static bool read_stat(pid_t pid, stat_line *out) {
  char path[64], *p;
  ml_buf b = {0};
  long parent;
  unsigned long t[4];
  bool ok = false;

  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  if (append_file(path, &b) && (p = strrchr(b.p, ')')) != NULL &&
      sscanf(p + 2, "%*c %ld %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu %lu %lu",
             &parent, &t[0], &t[1], &t[2], &t[3]) == 5) {
    out->parent = (pid_t)parent;
    out->cpu_us = (double)(t[0] + t[1] + t[2] + t[3]) * 1e6 /
                  (double)sysconf(_SC_CLK_TCK);
    ok = true;
  }
  ml_buf_free(&b);
  return ok;
}

/* The number behind `name` in a file of lines "name: number". */
static double number_in(pid_t pid, const char *file, const char *name) {
  char path[64], *p;
  ml_buf b = {0};
  double v = 0;

  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
  if (append_file(path, &b) && b.p != NULL && (p = strstr(b.p, name)) != NULL)
    v = strtod(p + strlen(name), NULL);
  ml_buf_free(&b);
  return v;
}

/* The core first, then all that came from it. */
static size_t tree_of(pid_t core, pid_t *out) {
  size_t n = 1, before;
  struct dirent *d;
  DIR *dir;

  out[0] = core;
  do {
    before = n;
    dir = need(opendir("/proc"));
    while ((d = readdir(dir)) != NULL && n < TREE_MAX) {
      pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);
      stat_line s;
      bool known = pid <= 0, child = false;

      for (size_t i = 0; i < n && !known; i++)
        known = out[i] == pid;
      if (known || !read_stat(pid, &s))
        continue;
      for (size_t i = 0; i < n; i++)
        child = child || out[i] == s.parent;
      if (child)
        out[n++] = pid;
    }
    closedir(dir);
  } while (n > before && n < TREE_MAX);
  return n;
}

void usage_of(pid_t core, bool with_memory, usage *u) {
  pid_t all[TREE_MAX];
  size_t n = tree_of(core, all);
  stat_line s;

  *u = (usage){0};
  for (size_t i = 0; i < n; i++) {
    if (read_stat(all[i], &s))
      *(i == 0 ? &u->core_cpu_us : &u->worker_cpu_us) += s.cpu_us;
    if (!with_memory)
      continue;
    u->rss_kib += number_in(all[i], "smaps_rollup", "\nRss:");
    u->pss_kib += number_in(all[i], "smaps_rollup", "\nPss:");
    if (i == 0)
      u->core_pss_kib = u->pss_kib;
  }
  if (with_memory)
    u->core_own_kib = number_in(core, "status", "\nRssAnon:");
  u->written = number_in(core, "io", "\nwrite_bytes:");
}
