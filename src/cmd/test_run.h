/*
** test_run.h - running the test.lua of workflow folders.
**
** Each test gets a world of its own (test_world.h).  It is evaluated in a
** worker from its start again and again, each time with one more answer of the
** world in its journal, until it returns or raises.
*/
#ifndef ML_CMD_TEST_RUN_H
#define ML_CMD_TEST_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pack.h"
#include "base/rc.h"
#include "model/bound.h"

#include "cmd/torture_fault.h"

typedef struct ml_tests ml_tests;

/* What torture did to one test; see torture.h. */
typedef struct ml_tortured {
  uint32_t tried[ML_FAULT_KINDS], there[ML_FAULT_KINDS];
  uint32_t unfit;                /* of those tried; they say nothing, because: */
  const char *why_unfit;
  uint32_t failed;
  ml_fault fault;                /* the first that failed; kind none: none did */
  uint32_t of;                   /* boundaries of its kind */
  uint32_t op, nth;              /* its nth one in the op-th operation */
  const char *file;              /* where it is reduced to; NULL: it is not */
} ml_tortured;

/* Borrowed during the call-back. */
typedef struct ml_test_result {
  ml_str name;
  bool ok;
  int64_t ms;                    /* real time */
  ml_str at;                     /* "test.lua:12"; or "" */
  ml_str text;                   /* why not */
  ml_str timeline;               /* lines: what its processes did */
  const ml_tortured *tortured;   /* NULL: it was not */
} ml_test_result;
typedef void ml_test_fn(void *arg, const ml_test_result *r);

/* Start the workers.  insecure: go on where the kernel has no jail; limits: the
** operator's of scripts. */
ml_rc ml_tests_open(bool insecure, const ml_bounds *limits, ml_tests **out,
                    ml_err *e);
void ml_tests_close(ml_tests *t);           /* NULL allowed */

/*
** Run the tests of one folder whose name holds `only` (NULL: all), in their
** order.  A folder that cannot be loaded is told as one failed result.
** ML_NOT_FOUND: it has no test.lua.  ML_TIMEOUT: a test did not come to rest,
** and nothing more can be run.
*/
enum {
  ML_TORTURE_SOME = 0,           /* 7, one of each kind; of a test with over 500
                                    places for a fault 2: it takes long */
  ML_TORTURE_ALL = UINT32_MAX >> 1
};

typedef struct ml_torture_conf {
  uint64_t seed;
  uint32_t runs;                 /* faults tried of one test; or of the above */
  const char *out;               /* where files of failures go */
  ml_fault only;                 /* kind none: what the seed chooses */
} ml_torture_conf;

/* torture: NULL, or how the tests are tortured (torture.h) once they pass. */
ml_rc ml_tests_folder(ml_tests *t, const char *dir, const char *only,
                      const ml_torture_conf *torture, ml_test_fn *fn, void *arg,
                      ml_err *e);
/* The same of a test file by itself; its first line says "-- tests FOLDER", as
** seen from where the file is. */
ml_rc ml_tests_file(ml_tests *t, const char *file, const char *only,
                    const ml_torture_conf *torture, ml_test_fn *fn, void *arg,
                    ml_err *e);

#endif
