/*
** cpbm_kit.h - for the tests of CloudPortal's files: the example pair, edits of
** it, and what a load told.
*/
#ifndef ML_TESTS_CPBM_KIT_H
#define ML_TESTS_CPBM_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cpbm.h"
#include "cmd/files.h"

#define LEN(a) (sizeof(a) / sizeof *(a))
#define SAMPLES "contrib/samples/cpbm/"

/* What was told; first: of the mistakes. */
typedef struct told {
  size_t faults, warnings;
  char file[40], first[6000];
  uint32_t line;
  char warned[40][1000];
  uint32_t warned_line[40];
} told;

static inline void note(void *arg, ml_str file, uint32_t line, const char *text,
                        bool warning) {
  told *t = arg;

  assert_true(line >= 1 && strlen(text) > 10);
  assert_true(ml_text_utf8(ml_str_of(text)));
  assert_null(strchr(text, '\n'));
  if (warning) {
    if (t->warnings < LEN(t->warned)) {
      snprintf(t->warned[t->warnings], sizeof t->warned[0], "%s", text);
      t->warned_line[t->warnings] = line;
    }
    t->warnings++;
    return;
  }
  if (t->faults++ > 0)
    return;
  snprintf(t->file, sizeof t->file, "%.*s", (int)file.n, file.p);
  snprintf(t->first, sizeof t->first, "%s", text);
  t->line = line;
}

static inline void sample(const char *name, ml_buf *b) {
  char path[200];
  ml_err e = {0};

  snprintf(path, sizeof path, SAMPLES "%s", name);
  if (ml_file_read(path, 1 << 20, b, &e) != ML_OK)
    fail_msg("%s: %s", e.at, e.text);
}

static inline ml_str text_of(const ml_buf *b) {
  return (ml_str){b->p != NULL ? b->p : "", b->len};
}

/* The names "map", "workflows", "beans" are those of the files in faults. */
static inline ml_rc load_with(const ml_cpbm_source *with, ml_str map,
                              ml_str workflows, ml_str beans, told *t,
                              ml_cpbm **out) {
  ml_cpbm_source src = with != NULL ? *with : (ml_cpbm_source){0};
  ml_rc rc;

  src.map = (ml_cpbm_file){ML_STR("map"), map};
  src.workflows = (ml_cpbm_file){ML_STR("workflows"), workflows};
  src.beans = (ml_cpbm_file){ML_STR("beans"), beans};
  memset(t, 0, sizeof *t);
  rc = ml_cpbm_load(&src, note, t, out);
  assert_int_equal(rc == ML_OK, *out != NULL);
  if (rc == ML_OK)
    assert_int_equal(t->faults, 0);
  else if (rc == ML_INVALID)
    assert_true(t->faults > 0);
  else
    assert_int_equal(rc, ML_NOMEM);
  return rc;
}

static inline void replace_in(ml_buf *out, ml_str in, const char *find,
                              const char *with) {
  const char *at = memmem(in.p, in.n, find, strlen(find));

  if (at == NULL)
    fail_msg("there is no '%s'", find);
  ml_buf_put(out, in.p, (size_t)(at - in.p));
  ml_buf_puts(out, with);
  at += strlen(find);
  ml_buf_put(out, at, (size_t)(in.p + in.n - at));
  assert_false(out->bad);
}

/* The canonical pair, for comparing. */
static inline void print_pair(ml_buf *b, const ml_cpbm *c) {
  ml_buf_reset(b);
  ml_cpbm_put_map(b, c);
  ml_cpbm_put_workflows(b, c);
  ml_cpbm_put_beans(b, c);
  assert_false(b->bad);
}

/* Of the CPU, since clock_gettime(CLOCK_PROCESS_CPUTIME_ID): others are at work on
** the machine too. */
static inline double ms_since(const struct timespec *from) {
  struct timespec to;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
  return (double)(to.tv_sec - from->tv_sec) * 1e3
         + (double)(to.tv_nsec - from->tv_nsec) / 1e6;
}

#endif
