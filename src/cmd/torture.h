/*
** torture.h - `moonlane test --torture`: a test that passes is run again with a
** fault at its boundaries, one fault a run; where it comes to must be the same.
**
** First the test runs in a world that can be tortured, without a fault: that
** counts its boundaries (torture_fault.h) and shows where it comes to
** (torture_end.c).  Then once for each fault: all of them, or as many as were
** asked for, chosen by the seed: of each kind in turn, at boundaries in an order
** that is drawn from the seed and the test's name alone.
**
** A fault fails the test when the test no longer passes, or when it comes to
** another end.  Two rules keep that sound for any test:
** - A leap of the clock is not tried where something is due within its hour: what
**   is due rightly happens.  Such runs are told as "not fit".
** - A test that ends otherwise under a leap is run once more in a world that
**   stands an hour elsewhere from its beginning: when it ends otherwise there as
**   well, it rests on the time of day, and the leap is not fit.
*/
#ifndef ML_CMD_TORTURE_H
#define ML_CMD_TORTURE_H

#include "cmd/test_suite.h"

/* end: of its plain run, which passed.  Tells the result. */
void ml_torture_test(ml_suite *s, ml_str name, size_t number, int64_t since_ms,
                     const ml_buf *end);

/* Where two ends differ, for people; "" when they do not. */
void ml_torture_compare(const ml_buf *plain, const ml_buf *other, ml_buf *out);

/* A failure of this test under this fault made as short as can be, as a test
** file in conf->out.  NULL: there is none, and *why says why. */
const char *ml_torture_shrink(ml_suite *s, ml_str name, size_t number,
                              const ml_play *failed, const ml_fault *f,
                              const char **why);

#endif
