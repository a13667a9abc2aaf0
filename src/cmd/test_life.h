/*
** test_life.h - the engine of a world, from its start to its end: what
** test_world.c and torture_world.c share.
*/
#ifndef ML_CMD_TEST_LIFE_H
#define ML_CMD_TEST_LIFE_H

#include "cmd/test_world.h"

/* Open the store, make the engine, wait until it is ready. */
ml_rc ml_life_begin(ml_world *w, ml_err *e);
/* A folder comes into force. */
ml_rc ml_life_load(ml_world *w, const char *dir, ml_flow_fault_fn *fault,
                   void *arg, ml_err *e);
/* Hand over once, and wait. */
ml_rc ml_life_put(ml_world *w, ml_input *in, ml_came *c, ml_err *e);

#endif
