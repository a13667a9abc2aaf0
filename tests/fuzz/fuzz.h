/*
** fuzz.h - what every target shares.  A target is one function that is given
** bytes and must neither fault nor break what it states; libFuzzer calls it
** (tests/fuzz/run), or main.c for the kept corpus.
*/
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What the target states; in every build. */
#define HOLDS(what) do { if (!(what)) abort(); } while (0)

#endif
