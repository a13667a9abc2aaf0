/*
** clock.h - the two clocks, handed in.
**
** Wall: milliseconds since 1970 UTC, may jump; for moments people set.
** Mono: milliseconds since some moment, never goes back; for time-outs.
** Nobody else in moonlane asks the system for the time.  A test makes an
** ml_clock_fake and turns its hands.
*/
#ifndef ML_BASE_CLOCK_H
#define ML_BASE_CLOCK_H

#include <stdint.h>

typedef struct ml_clock {
  int64_t (*wall_ms)(struct ml_clock *c);
  int64_t (*mono_ms)(struct ml_clock *c);
} ml_clock;

ml_clock *ml_clock_system(void);   /* the real ones; static */
int64_t ml_clock_us(void);         /* the real mono in microseconds, to measure */

typedef struct ml_clock_fake {
  ml_clock base;                   /* pass &fake.base */
  int64_t wall;
  int64_t mono;
} ml_clock_fake;

void ml_clock_fake_init(ml_clock_fake *c, int64_t wall_ms);
void ml_clock_fake_pass(ml_clock_fake *c, int64_t ms);   /* both hands */

#endif
