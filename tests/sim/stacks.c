/* stacks.c - call stacks as numbers, and some of each kind. */
#include "sim/stacks.h"

#include <execinfo.h>
#include <stdlib.h>

enum { DEEP = 40, WHOLE = 250, NO_KIND = 0 };

static uint64_t mix(uint64_t h, uint64_t v) {
  h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
  return h ^ h >> 29;
}

static void add(stacks *s, uint64_t state, void *const *at, int deep) {
  uint64_t h = mix(1, state);

  for (int i = 0; i < deep; i++)
    h = mix(h, (uint64_t)(uintptr_t)at[i]);
  if (s->n == s->cap) {
    s->cap = s->cap * 2 + 1024;
    s->list = realloc(s->list, s->cap * sizeof *s->list);
    if (s->list == NULL)
      abort();
  }
  s->list[s->n++] = h != NO_KIND ? h : 1;
}

void stacks_note(stacks *s, uint64_t state) {
  void *at[DEEP];

  add(s, state, at, backtrace(at, DEEP));
}

int stacks_depth(void) {
  void *at[WHOLE];

  return backtrace(at, WHOLE);
}

void stacks_note_within(stacks *s, uint64_t state, int outer) {
  void *at[WHOLE];
  int deep = backtrace(at, WHOLE);

  add(s, state, at, deep > outer ? deep - outer : 0);
}

typedef struct moment { uint64_t kind, no; } moment;

static int by_kind(const void *a, const void *b) {
  const moment *x = a, *y = b;

  if (x->kind != y->kind)
    return x->kind < y->kind ? -1 : 1;
  return x->no < y->no ? -1 : x->no > y->no;
}

static int by_number(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

  return x < y ? -1 : x > y;
}

void stacks_leave_out(stacks *s, const stacks *known) {
  stacks k = {.list = malloc((known->n + 1) * sizeof *k.list), .n = known->n};

  if (k.list == NULL)
    abort();
  for (size_t i = 0; i < k.n; i++)
    k.list[i] = known->list[i];
  qsort(k.list, k.n, sizeof *k.list, by_number);
  for (size_t i = 0; i < s->n; i++)
    if (bsearch(&s->list[i], k.list, k.n, sizeof *k.list, by_number) != NULL)
      s->list[i] = NO_KIND;
  stacks_free(&k);
}

uint64_t *stacks_pick(stacks *s, size_t each, size_t *count) {
  moment *m = malloc((s->n + 1) * sizeof *m);
  uint64_t *out = malloc((s->n + 1) * sizeof *out);
  size_t n = 0;

  if (m == NULL || out == NULL)
    abort();
  for (size_t i = 0; i < s->n; i++)
    m[i] = (moment){s->list[i], i + 1};
  qsort(m, s->n, sizeof *m, by_kind);
  s->distinct = 0;
  for (size_t from = 0, to; from < s->n; from = to) {
    size_t have, take;

    for (to = from + 1; to < s->n && m[to].kind == m[from].kind;)
      to++;
    if (m[from].kind == NO_KIND)
      continue;
    have = to - from;
    take = have < each ? have : each;
    s->distinct++;
    for (size_t i = 0; i < take; i++)
      out[n++] = m[from + (take > 1 ? i * (have - 1) / (take - 1) : 0)].no;
  }
  free(m);
  qsort(out, n, sizeof *out, by_number);
  *count = n;
  return out;
}

void stacks_free(stacks *s) {
  free(s->list);
  *s = (stacks){0};
}
