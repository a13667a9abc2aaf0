/*
** torture_replay.h - a test's operations once more, without its script.
**
** What a test did to its world is a list; leaving some of it out makes a shorter
** one.  Processes are meant by their place: the third one is the third one of
** the other world too.
*/
#ifndef ML_CMD_TORTURE_REPLAY_H
#define ML_CMD_TORTURE_REPLAY_H

#include "cmd/test_suite.h"

/* What was recorded, but for ops[i] with skip[i], in a world of its own with
** out->fault.  before: NULL, or for each operation how many boundaries of
** `at` there were before it.  false: nothing could be run. */
bool ml_torture_replay(ml_suite *s, const ml_play *rec, const bool *skip,
                       ml_fault_at at, uint32_t *before, ml_play *out);

/* Write the list as a test file that fails as long as it comes to another end
** than `end` (w:ends() of a run without the fault). */
void ml_torture_file(ml_buf *b, ml_str folder, ml_str name, const ml_play *rec,
                     const bool *skip, const ml_fault *f, const ml_buf *end);

#endif
