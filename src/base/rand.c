/* rand.c - the kernel's randomness, and a seeded one that repeats itself. */
#include "base/rand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void from_kernel(void *out, size_t n) {
  char *p = out;

  while (n > 0) {
    ssize_t got = getrandom(p, n, 0);

    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0) {
      fputs("moonlane: the kernel gives no random bytes\n", stderr);
      abort();
    }
    p += got;
    n -= (size_t)got;
  }
}

/* Ids want eight bytes at a time, so a thread asks for some in advance; what
** was given is wiped.  A secret is asked for by itself.  Nobody here forks once
** there are threads: two processes never hold the same ones. */
static void system_bytes(ml_rand *r, void *out, size_t n) {
  static _Thread_local unsigned char some[256];
  static _Thread_local size_t left;

  (void)r;
  if (n > sizeof(uint64_t)) {
    from_kernel(out, n);
    return;
  }
  if (left < n) {
    from_kernel(some, sizeof some);
    left = sizeof some;
  }
  left -= n;
  memcpy(out, some + left, n);
  memset(some + left, 0, n);
}

ml_rand *ml_rand_system(void) {
  static ml_rand rand = {system_bytes};

  return &rand;
}

static uint64_t rotl(uint64_t x, int k) {
  return (x << k) | (x >> (64 - k));
}

static uint64_t next(uint64_t s[4]) {
  uint64_t result = rotl(s[1] * 5, 7) * 9;
  uint64_t t = s[1] << 17;

  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotl(s[3], 45);
  return result;
}

static void seeded_bytes(ml_rand *r, void *out, size_t n) {
  ml_rand_seeded *me = (ml_rand_seeded *)r;
  char *p = out;

  while (n > 0) {
    uint64_t v = next(me->s);
    size_t take = n < sizeof v ? n : sizeof v;

    memcpy(p, &v, take);
    p += take;
    n -= take;
  }
}

void ml_rand_seed(ml_rand_seeded *r, uint64_t seed) {
  r->base = (ml_rand){seeded_bytes};
  for (int i = 0; i < 4; i++) {   /* splitmix64, as its authors advise */
    uint64_t z = (seed += 0x9E3779B97F4A7C15u);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    r->s[i] = z ^ (z >> 31);
  }
}

uint64_t ml_rand_u64(ml_rand *r) {
  uint64_t v;

  r->bytes(r, &v, sizeof v);
  return v;
}

int64_t ml_rand_between(ml_rand *r, int64_t lo, int64_t hi) {
  uint64_t span, limit, v;

  if (hi <= lo)
    return lo;
  span = (uint64_t)hi - (uint64_t)lo + 1;
  if (span == 0)
    return (int64_t)ml_rand_u64(r);
  limit = UINT64_MAX - UINT64_MAX % span;
  do
    v = ml_rand_u64(r);
  while (v >= limit);
  return (int64_t)((uint64_t)lo + v % span);
}
