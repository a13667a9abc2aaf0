/*
** test_suite.h - the tests of one folder, and one run of one test: what
** test_run.c and torture.c share.
*/
#ifndef ML_CMD_TEST_SUITE_H
#define ML_CMD_TEST_SUITE_H

#include "cmd/test_op.h"
#include "cmd/test_run.h"
#include "cmd/test_world.h"
#include "cmd/torture_world.h"

struct ml_tests {
  ml_lab lab;
  bool lost;                     /* a world was: nothing more can be run */
};

typedef struct ml_suite {
  ml_tests *t;
  const char *dir;
  const char *file;              /* of the tests */
  const char *only;
  const ml_torture_conf *torture;          /* or NULL */
  ml_test_fn *fn;
  void *arg;
  ml_arena arena;
  uint8_t bundle[32];            /* of the tests */
} ml_suite;

/* An operation that was served, for whoever wants to do it again. */
typedef struct ml_recorded {
  ml_str want;                   /* JSON, as ml_test_op() takes it */
  uint32_t op;                   /* its number */
} ml_recorded;

typedef struct ml_play {
  /* asked */
  const ml_fault *fault;         /* NULL: in a plain world */
  bool wants_end;
  int64_t shift_ms;              /* the world begins so much later */
  ml_arena *record;              /* operations are kept here; NULL: not */
  /* what came of it */
  ml_buf why;                    /* empty: it passed */
  ml_buf timeline;               /* when it did not */
  ml_buf end;                    /* w:ends(), when it was wanted */
  ml_str at;                     /* in the suite's arena; or none */
  uint32_t met[ML_AT_KINDS];
  bool fired;
  const char *unfit;
  uint32_t fired_op, fired_nth;
  ml_recorded *ops;
  size_t op_count, op_cap;
  ml_str *ids;                   /* of its processes, the oldest first */
  size_t id_count;
} ml_play;

/* Run a test once; why says what went wrong, whatever it is.  false: nothing
** could be run, and the suite's tests are told so. */
bool ml_suite_play(ml_suite *s, ml_str name, size_t number, ml_play *p);
void ml_play_free(ml_play *p);

void ml_suite_tell(ml_suite *s, ml_str name, int64_t since_ms, ml_str at,
                   ml_str text, ml_str timeline, const ml_tortured *tortured);
/* A world, or NULL and a failed result called `name`. */
ml_world *ml_suite_world(ml_suite *s, ml_str name, const ml_fault *fault);
void ml_suite_free_world(ml_suite *s, ml_world *w);
/* Ids of a world's processes, the oldest first; false: starved. */
bool ml_suite_ids(ml_world *w, ml_arena *a, ml_str **ids, size_t *count);
void ml_suite_note(const ml_torture *x, ml_play *p);
void ml_suite_end(ml_world *w, ml_play *p);
/* How a world's fakes judge a run that came to its end; "" when well. */
void ml_suite_judge(ml_world *w, ml_buf *why);
int64_t ml_suite_ms(void);

#endif
