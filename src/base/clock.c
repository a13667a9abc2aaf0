/* clock.c - the system's clocks and one whose hands a test turns. */
#include "base/clock.h"

#include <time.h>

static int64_t read_ms(clockid_t id) {
  struct timespec t;

  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t ml_clock_us(void) {
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t system_wall(ml_clock *c) {
  (void)c;
  return read_ms(CLOCK_REALTIME);
}

static int64_t system_mono(ml_clock *c) {
  (void)c;
  return read_ms(CLOCK_MONOTONIC);
}

ml_clock *ml_clock_system(void) {
  static ml_clock clock = {system_wall, system_mono};

  return &clock;
}

static int64_t fake_wall(ml_clock *c) {
  return ((ml_clock_fake *)c)->wall;
}

static int64_t fake_mono(ml_clock *c) {
  return ((ml_clock_fake *)c)->mono;
}

void ml_clock_fake_init(ml_clock_fake *c, int64_t wall_ms) {
  c->base = (ml_clock){fake_wall, fake_mono};
  c->wall = wall_ms;
  c->mono = 0;
}

void ml_clock_fake_pass(ml_clock_fake *c, int64_t ms) {
  c->wall += ms;
  c->mono += ms;
}
