/* main.c - a target without a fuzzer: the kept corpus, once (see corpus.lua). */
#include <stdio.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 20 };

static int digit(int c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Run one input from memory of its own size: one byte too far is seen. */
static int run(const uint8_t *bytes, size_t n) {
  uint8_t *exact = malloc(n + (n == 0));

  if (exact == NULL)
    return 0;
  for (size_t k = 0; k < n; k++)
    exact[k] = bytes[k];
  LLVMFuzzerTestOneInput(exact, n);
  free(exact);
  return 1;
}

/* Each line of the file; how many, or -1. */
static long run_file(const char *path) {
  static uint8_t input[INPUT_MAX];
  FILE *f = fopen(path, "r");
  long inputs = 0;
  size_t n = 0;
  int c, high = -1;

  if (f == NULL)
    return -1;
  while ((c = fgetc(f)) != EOF) {
    if (c == '\n') {
      inputs += run(input, n);
      n = 0;
    } else if (digit(c) < 0 || n == INPUT_MAX) {
      fclose(f);
      return -1;
    } else if (high < 0) {
      high = digit(c);
    } else {
      input[n++] = (uint8_t)(high << 4 | digit(c));
      high = -1;
    }
  }
  fclose(f);
  return inputs;
}

int main(int argc, char **argv) {
  long inputs = argc == 2 ? run_file(argv[1]) : -1;

  if (inputs < 0) {
    fprintf(stderr, "a file of lines of hex digits is wanted\n");
    return 1;
  }
  printf("%ld inputs\n", inputs);
  return 0;
}
