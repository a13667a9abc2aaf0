/*
** frame.h - where a frame of model/attempt.h begins and ends.
*/
#ifndef ML_SCRIPT_FRAME_H
#define ML_SCRIPT_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/pack.h"

enum { ML_FRAME_HEAD = 5 };    /* length and kind */

/* The next whole frame at p: its size, *kind and *record; 0: not yet all
** there; -1: no frame of at most `most` bytes can begin so. */
int64_t ml_frame_within(const char *p, size_t n, size_t most, int *kind,
                        ml_str *record);
/* The same with ML_FRAME_MAX. */
int64_t ml_frame_next(const char *p, size_t n, int *kind, ml_str *record);

#endif
