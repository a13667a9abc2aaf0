/*
** mem.h - allocation that a test can make fail, and arenas.
**
** All memory of moonlane's own code comes from here; a test arms the
** n-th allocation to fail and looks at what happens.  Nothing aborts when
** memory is short: NULL comes back and the caller undoes what it did.
*/
#ifndef ML_BASE_MEM_H
#define ML_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* As malloc, calloc, realloc, free, strdup, strndup.  A size of 0 gives a
** pointer that may be freed.  ml_mem_dup copies n bytes and adds a NUL. */
void *ml_mem_alloc(size_t n);
void *ml_mem_zero(size_t n);
void *ml_mem_realloc(void *p, size_t n);
void ml_mem_free(void *p);
char *ml_mem_strdup(const char *s);
char *ml_mem_dup(const void *p, size_t n);

/*
** Testing: let the n-th allocation from now on fail (1 = the next one), and
** all after it when `forever`.  n = 0 disarms.  Counts every thread.
*/
void ml_mem_fail_at(uint64_t n, int forever);
/* The same for `many` of them in a row. */
void ml_mem_fail_run(uint64_t n, uint64_t many);
uint64_t ml_mem_count(void);   /* allocations made since the process began */
/* While on, allocations (a test's own) neither count nor fail. */
void ml_mem_aside(int on);
/* Told of each allocation that counts, just before it; NULL: no more.  It may
** not come from here.  For one thread. */
typedef void ml_mem_seen_fn(void);
void ml_mem_see(ml_mem_seen_fn *fn);
/* Pieces taken and not given back since the first ml_mem_watch(); before it
** nobody counts them. */
void ml_mem_watch(void);
int64_t ml_mem_live(void);

/*
** An arena: many small pieces that end together.  Pieces are aligned for
** any type and never move.  An arena takes its first block when used.
**   ml_arena a = {0};  ...  ml_arena_free(&a);   (then usable again)
*/
typedef struct ml_arena {
  struct ml_arena_block *head;
  size_t used;    /* bytes taken in the head block */
  size_t total;   /* bytes handed out, for limits */
} ml_arena;

void *ml_arena_alloc(ml_arena *a, size_t n);   /* not cleared; NULL if short */
void *ml_arena_zero(ml_arena *a, size_t n);
char *ml_arena_dup(ml_arena *a, const void *p, size_t n);   /* + NUL */
char *ml_arena_printf(ml_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ml_arena_free(ml_arena *a);

#endif
