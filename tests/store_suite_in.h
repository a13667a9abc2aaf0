/*
** store_suite_in.h - what the files of the suite share: a store that is open
** for one test, one function a read, rows to put.
*/
#ifndef TESTS_STORE_SUITE_IN_H
#define TESTS_STORE_SUITE_IN_H

#include "store_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof *(a))

typedef struct Fx {
  const store_maker *m;
  ml_store_conf conf;
  ml_store *s;
  ml_arena a;
} Fx;

#define assert_str(s, text) assert_true(ml_str_is((s), (text)))
#define assert_none(s) assert_null((s).p)
#define assert_rc(a, b) assert_string_equal(ml_rc_name(a), ml_rc_name(b))

static inline void reopen(Fx *fx) {
  ml_err e = {0};

  ml_store_close(fx->s);
  if (ml_store_open(&fx->conf, &fx->s, &e) != ML_OK)
    fail_msg("%s", e.text);
}

/* ---- writing and reading, waited for ---- */

static inline void note(void *arg, ml_batch *b, ml_rc rc) {
  (void)b;
  *(ml_rc *)arg = rc;
}

/* Commit what was put and free it. */
static inline ml_rc done(Fx *fx, ml_batch *b) {
  ml_rc rc = suite_commit(fx->s, b);

  ml_batch_free(b);
  return rc;
}

typedef struct Q {
  ml_arena *a;
  int64_t n;
  uint64_t after;
  uint32_t act;
  size_t limit;
  const void *in;
  int64_t lease;
  bool flag;
  ml_due_item at;
  ml_str text[3];
  /* answers */
  ml_rc rc;
  void *out;
  size_t count;
  int64_t num[3];
  union {
    ml_row_process process;
    ml_row_key key;
    ml_row_bundle bundle;
    ml_due_item due[64];
    uint32_t no;
  } u;
} Q;

#define READER(name, call)                       \
  static inline void name(void *arg, ml_read *r) { \
    Q *q = arg;                                  \
    q->rc = (call);                              \
  }
#define OUT (void *)&q->out, &q->count
READER(r_process, ml_read_process(r, q->a, q->n, &q->u.process))
READER(r_journal, ml_read_journal(r, q->a, q->n, q->act, OUT))
READER(r_history, ml_read_history(r, q->a, q->n, q->after, q->limit, OUT))
READER(r_comments, ml_read_comments(r, q->a, q->n, (uint32_t)q->after, q->limit,
                                    OUT))
READER(r_comment_last, ml_read_comment_last(r, q->n, &q->u.no))
READER(r_mail, ml_read_mail(r, q->a, q->n, OUT))
READER(r_key, ml_read_key(r, q->a, q->in, &q->u.key))
READER(r_tasks_of, ml_read_tasks_of(r, q->a, q->n, OUT))
READER(r_due, ml_read_due(r, q->n, q->lease, q->at, q->u.due, q->limit,
                          &q->count))
READER(r_next_due, ml_read_next_due(r, &q->num[0]))
READER(r_processes, ml_read_processes(r, q->a, q->in, OUT))
READER(r_tasks, ml_read_tasks(r, q->a, q->in, OUT))
READER(r_bundles, ml_read_bundles(r, q->a, OUT))
READER(r_bundle, ml_read_bundle(r, q->a, q->act, &q->u.bundle))
READER(r_workflows, ml_read_workflows(r, q->a, OUT))
READER(r_triggers, ml_read_triggers(r, q->a, OUT))
READER(r_occurrence, ml_read_occurrence(r, q->text[0], q->text[1], q->text[2],
                                        &q->num[0]))
READER(r_lanes, ml_read_lanes(r, q->a, OUT))
READER(r_members, ml_read_members(r, q->a, OUT))
READER(r_users, ml_read_users(r, q->a, OUT))
READER(r_tokens, ml_read_tokens(r, q->a, OUT))
READER(r_settings, ml_read_settings(r, q->a, q->text[0], OUT))
READER(r_counts, ml_read_counts(r, &q->num[0], &q->num[1], &q->num[2]))
#undef OUT

static inline ml_rc ask(Fx *fx, ml_read_fn *fn, Q *q) {
  q->a = &fx->a;
  q->out = NULL;
  q->count = 0;
  q->rc = ML_RC_COUNT;
  assert_rc(ml_store_read(fx->s, fn, NULL, q), ML_OK);
  ml_store_wait(fx->s);
  return q->rc;
}

/* ---- rows ---- */

static inline ml_rc put_process(Fx *fx, const ml_row_process *p) {
  ml_batch *b = suite_batch(fx->s);
  size_t u = ml_batch_unit(b);
  ml_rc rc, unit;

  ml_batch_process(b, p);
  rc = suite_commit(fx->s, b);
  unit = ml_batch_unit_rc(b, u);
  ml_batch_free(b);
  return rc != ML_OK ? rc : unit;
}

static inline ml_row_process get_process(Fx *fx, int64_t n) {
  Q q = {.n = n};

  assert_rc(ask(fx, r_process, &q), ML_OK);
  return q.u.process;
}

/* The tests of each file; names and functions only. */
typedef struct suite_part {
  const struct CMUnitTest *tests;
  size_t count;
} suite_part;
suite_part store_suite_rows(void);
suite_part store_suite_lists(void);
suite_part store_suite_unique(void);
suite_part store_suite_object(void);
suite_part store_suite_replay(void);
suite_part store_suite_age(void);
suite_part store_suite_age_lasting(void);
suite_part store_suite_transaction(void);
suite_part store_suite_batches(void);
suite_part store_suite_lasting(void);
suite_part store_suite_threaded(void);

#endif
