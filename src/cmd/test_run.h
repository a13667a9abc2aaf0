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

typedef struct ml_tests ml_tests;

/* Borrowed during the call-back. */
typedef struct ml_test_result {
  ml_str name;
  bool ok;
  int64_t ms;                    /* real time */
  ml_str at;                     /* "test.lua:12"; or "" */
  ml_str text;                   /* why not */
  ml_str timeline;               /* lines: what its processes did */
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
ml_rc ml_tests_folder(ml_tests *t, const char *dir, const char *only,
                      ml_test_fn *fn, void *arg, ml_err *e);

#endif
