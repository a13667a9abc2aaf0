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
** another end.  Rules keep that sound for any test:
** - Mails are not compared under a late answer: they tell what stands at their
**   moment, and who of two that work at once is first is promised to nobody.
** - A leap of the clock is not tried where something is due within its hour: what
**   is due rightly happens.  Such runs are told as "not fit".
** - A test that ends otherwise under a leap is run once more in a world that
**   stands an hour elsewhere from its beginning: when it ends otherwise there as
**   well, it rests on the time of day, and the leap is not fit.  Nor is it when
**   only an assertion of the test fails, while what it does comes to the same
**   end: it compares moments across the leap.
*/
#ifndef ML_CMD_TORTURE_H
#define ML_CMD_TORTURE_H

#include "cmd/test_suite.h"

/* end: of its plain run, which passed.  Tells the result. */
void ml_torture_test(ml_suite *s, ml_str name, size_t number, int64_t since_ms,
                     const ml_buf *end);

/* Where two ends differ, for people; "" when they do not. */
void ml_torture_compare(const ml_buf *plain, const ml_buf *other,
                        ml_fault_kind kind, ml_buf *out);

/*
** A failure made as short as can be: of the operations of the run without the
** fault (`still`) as many are left out, one after the other, as can be while the
** rest passes without the fault and does not with it.  It goes to
** torture-NAME.lua in conf->out, a test file that stands by itself; it was run,
** and fails.  When only what the test's own script looks at tells the two runs
** apart, the file is the whole test file with the fault (t.fault).
** Gives the path, in a; NULL: there is none, and *why says why.
*/
const char *ml_torture_shrink(ml_suite *s, ml_str name, const ml_play *still,
                              const ml_play *failed, ml_arena *a,
                              const char **why);

/* Do the operations of `still`, without the script, come to the same end under
** this fault?  Then what failed is an assertion alone. */
bool ml_torture_ends_same(ml_suite *s, const ml_play *still,
                          const ml_fault *f);

#endif
