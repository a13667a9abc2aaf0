/*
** test_script.h - script workers as tests want them.
**
** Every slice runs under the counting hook, so that limits do not depend on
** the machine (SEMANTICS.md 28); limits of time are left out.  And what a definition evaluates to rests on
** its sources alone: a folder is evaluated once, not once a test.
*/
#ifndef ML_CMD_TEST_SCRIPT_H
#define ML_CMD_TEST_SCRIPT_H

#include "script/host.h"

/* Two workers, as ml_host_new() starts them. */
ml_rc ml_counted_new(ml_loop *l, bool insecure, const ml_bounds *limits,
                     ml_script **out, ml_err *e);
void ml_counted_free(ml_script *s);         /* NULL allowed */

#endif
