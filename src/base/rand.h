/*
** rand.h - the one source of randomness, handed in.
**
** The real one is the kernel's; the seeded one (xoshiro256**, published by
** Blackman and Vigna) repeats itself for tests and simulation.
*/
#ifndef ML_BASE_RAND_H
#define ML_BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

typedef struct ml_rand {
  void (*bytes)(struct ml_rand *r, void *out, size_t n);
} ml_rand;

ml_rand *ml_rand_system(void);   /* static; ends the program if the kernel
                                    gives none: no id may be guessable */
typedef struct ml_rand_seeded {
  ml_rand base;                  /* pass &seeded.base */
  uint64_t s[4];
} ml_rand_seeded;

void ml_rand_seed(ml_rand_seeded *r, uint64_t seed);

uint64_t ml_rand_u64(ml_rand *r);
/* Even over [lo, hi]; lo when hi <= lo. */
int64_t ml_rand_between(ml_rand *r, int64_t lo, int64_t hi);

#endif
