/* torture_shrink.c - a failure under torture, made short. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/files.h"
#include "cmd/torture.h"
#include "cmd/torture_replay.h"

enum { PAIRS_MAX = 300, PAIRS_LONG = 10, LONG = 2000, NAME_MAX_ = 60,
       SOURCE_MAX = 1 << 20 };

typedef struct shrinking {
  ml_suite *s;
  const ml_play *still, *failed;
  ml_fault_at at;
  bool *skip;
  uint32_t *before;
  size_t where;                  /* of the operations: the one of the fault */
  ml_fault fault;                /* of the shortest list that fails */
  ml_buf end;                    /* and its end without the fault */
  int left;                      /* pairs of runs that may be made */
} shrinking;

/* ---- one list, without the fault and with it ---- */

static bool find_where(shrinking *x) {
  for (size_t i = 0; i < x->still->op_count; i++)
    if (x->still->ops[i].op == x->failed->fired_op) {
      x->where = i;
      return true;
    }
  return false;
}

/* Does the list pass without the fault, and not with it? */
static bool fails(shrinking *x) {
  static const ml_fault none;
  ml_fault f = {x->failed->fault->kind, 0};
  ml_play good = {.fault = &none}, bad = {.fault = &f};
  ml_buf text = {0};
  bool found = false;

  x->left--;
  if (ml_torture_replay(x->s, x->still, x->skip, x->at, x->before, &good) &&
      good.why.len == 0) {
    f.n = x->before[x->where] + x->failed->fired_nth;
    if (f.n <= good.met[x->at] &&
        ml_torture_replay(x->s, x->still, x->skip, x->at, NULL, &bad) &&
        bad.unfit == NULL) {
      if (bad.why.len == 0)
        ml_torture_compare(&good.end, &bad.end, f.kind, &text);
      found = bad.why.len > 0 || text.len > 0;
    }
  }
  if (found) {
    x->fault = f;
    ml_buf_free(&x->end);
    x->end = good.end;
    good.end = (ml_buf){0};
  }
  ml_buf_free(&text);
  ml_play_free(&good);
  ml_play_free(&bad);
  return found;
}

/* The last first: what comes after the fault is least needed. */
static void leave_out(shrinking *x) {
  bool shorter = true;

  while (shorter) {
    shorter = false;
    for (size_t i = x->still->op_count; i-- > 0 && x->left > 0;) {
      if (x->skip[i] || i == x->where || x->s->t->lost)
        continue;
      x->skip[i] = true;
      if (fails(x))
        shorter = true;
      else
        x->skip[i] = false;
    }
  }
}

bool ml_torture_ends_same(ml_suite *s, const ml_play *still,
                          const ml_fault *f) {
  bool *skip = ml_arena_zero(&s->arena, sizeof *skip * (still->op_count + 1));
  ml_play p = {.fault = f};
  ml_buf text = {0};
  bool same = false;

  if (skip != NULL && still->op_count > 0 &&
      ml_torture_replay(s, still, skip, ML_AT_COMMIT, NULL, &p) &&
      p.why.len == 0) {
    ml_torture_compare(&still->end, &p.end, f->kind, &text);
    same = text.len == 0;
  }
  ml_buf_free(&text);
  ml_play_free(&p);
  return same;
}

/* ---- the file ---- */

/* Letters and digits of the test's name, the rest '-'. */
static const char *path_of(ml_suite *s, ml_str name, ml_arena *a) {
  const char *dir = s->torture->out != NULL ? s->torture->out : "";
  char short_[NAME_MAX_ + 1];
  size_t n = 0;

  for (size_t i = 0; i < name.n && n < NAME_MAX_; i++) {
    char c = name.p[i];
    bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '.';

    if (ok)
      short_[n++] = c;
    else if (n > 0 && short_[n - 1] != '-')
      short_[n++] = '-';
  }
  while (n > 0 && short_[n - 1] == '-')
    n--;
  short_[n] = '\0';
  return ml_arena_printf(a, "%s%storture-%s.lua", dir,
                         dir[0] != '\0' && dir[strlen(dir) - 1] != '/' ? "/"
                                                                       : "",
                         n > 0 ? short_ : "test");
}

/* The folder as the file sees it: as it was given when the file lies here, else
** from the root. */
static ml_str folder_for(ml_suite *s, ml_arena *a) {
  bool here = s->torture->out == NULL || s->dir[0] == '/';
  char full[PATH_MAX];
  char *copy = !here && realpath(s->dir, full) != NULL
                   ? ml_arena_dup(a, full, strlen(full) + 1) : NULL;

  return ml_str_of(copy != NULL ? copy : s->dir);
}

static const char *write_file(const char *path, const ml_buf *b,
                              ml_arena *a) {
  int fd = b->bad ? -1
                  : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  int failed = b->bad ? ENOMEM : fd < 0 ? errno : 0;

  if (fd >= 0 && !ml_file_write(fd, b->p, b->len))
    failed = errno;
  if (fd >= 0 && close(fd) != 0 && failed == 0)
    failed = errno;
  return failed == 0 ? NULL
                     : ml_arena_printf(a, "%s cannot be written: %s", path,
                                       strerror(failed));
}

static void count(void *arg, const ml_test_result *r) {
  *(size_t *)arg += !r->ok;
}

/* Does that file fail by itself? */
static bool file_fails(ml_suite *s, const char *path) {
  size_t failed = 0;
  ml_err e = {0};

  return ml_tests_file(s->t, path, NULL, NULL, count, &failed, &e) == ML_OK &&
         failed > 0;
}

/* The whole file of tests, of which this one runs under the fault. */
static const char *write_whole(ml_suite *s, ml_str name, const ml_fault *f,
                               const char *path, ml_arena *a) {
  ml_buf source = {0}, b = {0};
  ml_err e = {0};
  ml_str folder = folder_for(s, a);
  const char *why;

  if (ml_file_read(s->file, SOURCE_MAX, &source, &e) != ML_OK) {
    ml_buf_free(&source);
    return "the test's file cannot be read";
  }
  ml_buf_printf(&b, "-- tests %.*s\nrequire(\"moonlane.test\").fault(",
                (int)folder.n, folder.p);
  ml_buf_putc(&b, '"');
  for (size_t i = 0; i < name.n; i++) {
    unsigned char c = (unsigned char)name.p[i];

    if (c < 32 || c == '"' || c == '\\')
      ml_buf_printf(&b, "\\%03d", c);
    else
      ml_buf_putc(&b, (char)c);
  }
  ml_buf_printf(&b, "\", { kind = \"%s\", at = \"%s\", n = %u })\n\n",
                ml_fault_name(f->kind),
                ml_fault_at_name(ml_fault_where(f->kind)), f->n);
  ml_buf_put(&b, source.p, source.len);
  why = write_file(path, &b, a);
  ml_buf_free(&source);
  ml_buf_free(&b);
  return why;
}

static const char *write_short(shrinking *x, ml_str name, const char *path,
                               ml_arena *a) {
  ml_buf b = {0};
  const char *why;

  ml_torture_file(&b, folder_for(x->s, a), name, x->still, x->skip, &x->fault,
                  &x->end);
  why = write_file(path, &b, a);
  ml_buf_free(&b);
  return why;
}

const char *ml_torture_shrink(ml_suite *s, ml_str name, const ml_play *still,
                              const ml_play *failed, ml_arena *a,
                              const char **why) {
  shrinking x = {.s = s, .still = still, .failed = failed,
                 .at = ml_fault_where(failed->fault->kind)};
  const char *path = path_of(s, name, a);
  bool is_short;

  *why = "memory is short";
  x.skip = ml_arena_zero(a, sizeof *x.skip * (still->op_count + 1));
  x.before = ml_arena_zero(a, sizeof *x.before * (still->op_count + 1));
  x.left = still->met[x.at] > LONG ? PAIRS_LONG : PAIRS_MAX;
  if (path == NULL || x.skip == NULL || x.before == NULL)
    return NULL;
  is_short = find_where(&x) && fails(&x);
  if (is_short) {
    leave_out(&x);
    *why = write_short(&x, name, path, a);
    is_short = *why == NULL && file_fails(s, path);
  }
  ml_buf_free(&x.end);
  if (!is_short) {
    *why = write_whole(s, name, failed->fault, path, a);
    if (*why == NULL && !file_fails(s, path))
      *why = "by itself it passes";
  }
  return *why == NULL ? path : NULL;
}
