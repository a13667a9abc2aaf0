/* mem.c - allocation with a fault counter, and arenas. */
#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MIN 2048u

static atomic_uint_fast64_t count;     /* allocations so far */
static atomic_uint_fast64_t fail_at;   /* the count that fails; 0: none */
static atomic_uint_fast64_t fail_many; /* and so many, it included */
static atomic_int aside;               /* ASIDE, or SEEN: tell `seen` of each */
static ml_mem_seen_fn *seen;
static atomic_int watched;
static atomic_int_fast64_t live;       /* pieces in use, when watched */

#define GET(x) atomic_load_explicit(&(x), memory_order_relaxed)

enum { ASIDE = 1, SEEN = 2 };

/* True when this allocation is one that a test wants to fail. */
static int fails(void) {
  uint64_t n, at = GET(fail_at);
  int how = GET(aside);

  if (how == ASIDE)
    return 0;
  if (how == SEEN)
    seen();
  n = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed) + 1;
  return at != 0 && n >= at && n - at < GET(fail_many);
}

static void gave(void) {
  if (GET(watched))
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
}

static void *took(void *p) {
  if (GET(watched) && p != NULL)
    atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
  return p;
}

void ml_mem_fail_run(uint64_t n, uint64_t many) {
  atomic_store(&fail_many, many);
  atomic_store(&fail_at, n == 0 ? 0 : atomic_load(&count) + n);
}

void ml_mem_fail_at(uint64_t n, int forever) {
  ml_mem_fail_run(n, forever ? UINT64_MAX : 1);
}

void ml_mem_aside(int on) {
  atomic_store(&aside, on ? ASIDE : seen != NULL ? SEEN : 0);
}

void ml_mem_see(ml_mem_seen_fn *fn) {
  seen = fn;
  ml_mem_aside(0);
}

void ml_mem_watch(void) {
  atomic_store(&watched, 1);
}

int64_t ml_mem_live(void) {
  return atomic_load(&live);
}

uint64_t ml_mem_count(void) {
  return atomic_load(&count);
}

/*
** What is kept for the next who asks, by each thread.  Not under a sanitizer: it
** is to see each use after the end.
*/
#if defined(__SANITIZE_ADDRESS__)
static const bool keeps = false;
#else
static const bool keeps = true;
#endif
enum { SPARE_MAX = 64, PIECES_MAX = 32 };

/*
** Pieces of a message's size: the system's allocator keeps those up to a
** kilobyte at hand, but joins and cuts larger ones each time.  One of PIECE
** bytes is known by what the system says it has room for.
*/
enum { PIECE_LEAST = 1024, PIECE = 2048 };

static _Thread_local void *pieces[PIECES_MAX];
static _Thread_local unsigned piece_count;
static _Thread_local size_t piece_room;

static void *piece_new(void) {
  void *p;

  if (piece_count > 0)
    return pieces[--piece_count];
  p = malloc(PIECE);
  if (p != NULL && piece_room == 0)
    piece_room = malloc_usable_size(p);
  return p;
}

void *ml_mem_alloc(size_t n) {
  if (fails())
    return NULL;
  if (n > PIECE_LEAST && n <= PIECE)
    return took(piece_new());
  return took(malloc(n > 0 ? n : 1));
}

/* Small ones by hand: calloc does not look at what its thread has at hand. */
void *ml_mem_zero(size_t n) {
  void *p;

  if (n > PIECE)
    return fails() ? NULL : took(calloc(1, n));
  p = ml_mem_alloc(n);
  return p != NULL ? memset(p, 0, n > 0 ? n : 1) : NULL;
}

void *ml_mem_realloc(void *p, size_t n) {
  if (p == NULL)
    return ml_mem_alloc(n);
  return fails() ? NULL : realloc(p, n > 0 ? n : 1);
}

void ml_mem_free(void *p) {
  if (p != NULL)
    gave();
  if (keeps && p != NULL && piece_count < PIECES_MAX && piece_room != 0 &&
      malloc_usable_size(p) == piece_room)
    pieces[piece_count++] = p;
  else
    free(p);
}

char *ml_mem_dup(const void *p, size_t n) {
  char *d = n < SIZE_MAX ? ml_mem_alloc(n + 1) : NULL;

  if (d == NULL)
    return NULL;
  if (n > 0)
    memcpy(d, p, n);
  d[n] = '\0';
  return d;
}

char *ml_mem_strdup(const char *s) {
  return ml_mem_dup(s, strlen(s));
}

/* ---- arenas ---- */

struct ml_arena_block {
  struct ml_arena_block *next;
  size_t size;             /* bytes behind the header */
  max_align_t data[];
};

/* Most arenas end with their first block, so each thread keeps some of those. */
static _Thread_local struct ml_arena_block *spare;
static _Thread_local unsigned spare_count;

static struct ml_arena_block *block_new(size_t size) {
  struct ml_arena_block *b = spare;

  if (size == BLOCK_MIN && b != NULL) {
    if (fails())
      return NULL;
    spare = b->next;
    spare_count--;
    return took(b);
  }
  b = ml_mem_alloc(sizeof *b + size);
  if (b != NULL)
    b->size = size;
  return b;
}

static void block_free(struct ml_arena_block *b) {
  if (!keeps || b->size != BLOCK_MIN || spare_count >= SPARE_MAX) {
    ml_mem_free(b);
    return;
  }
  gave();                        /* what is kept for the next is nobody's */
  b->next = spare;
  spare = b;
  spare_count++;
}

static size_t round_up(size_t n) {
  return (n + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
}

void *ml_arena_alloc(ml_arena *a, size_t n) {
  struct ml_arena_block *b = a->head;
  void *p;

  if (n > SIZE_MAX / 2)
    return NULL;
  n = round_up(n > 0 ? n : 1);
  if (b == NULL || b->size - a->used < n) {
    size_t size = b != NULL && b->size < (1u << 20) ? b->size * 2 : BLOCK_MIN;

    if (b != NULL && b->size >= (1u << 20))
      size = 1u << 20;
    if (size < n)
      size = n;
    b = block_new(size);
    if (b == NULL)
      return NULL;
    b->next = a->head;
    a->head = b;
    a->used = 0;
  }
  p = (char *)b->data + a->used;
  a->used += n;
  a->total += n;
  return p;
}

void *ml_arena_zero(ml_arena *a, size_t n) {
  void *p = ml_arena_alloc(a, n);

  return p != NULL ? memset(p, 0, n) : NULL;
}

char *ml_arena_dup(ml_arena *a, const void *p, size_t n) {
  char *d = n < SIZE_MAX ? ml_arena_alloc(a, n + 1) : NULL;

  if (d == NULL)
    return NULL;
  if (n > 0)
    memcpy(d, p, n);
  d[n] = '\0';
  return d;
}

char *ml_arena_printf(ml_arena *a, const char *fmt, ...) {
  va_list ap;
  char small[256];
  char *d;
  int n;

  va_start(ap, fmt);
  n = vsnprintf(small, sizeof small, fmt, ap);
  va_end(ap);
  if (n < 0)
    return NULL;
  if ((size_t)n < sizeof small)
    return ml_arena_dup(a, small, (size_t)n);
  d = ml_arena_alloc(a, (size_t)n + 1);
  if (d == NULL)
    return NULL;
  va_start(ap, fmt);
  vsnprintf(d, (size_t)n + 1, fmt, ap);
  va_end(ap);
  return d;
}

void ml_arena_free(ml_arena *a) {
  struct ml_arena_block *b = a->head;

  while (b != NULL) {
    struct ml_arena_block *next = b->next;

    block_free(b);
    b = next;
  }
  memset(a, 0, sizeof *a);
}
