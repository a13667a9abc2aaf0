/*
** region.c - the allocator of one Lua state.
**
** Two kinds of pieces, told apart by the size that Lua names on every call.
** Small ones (up to SMALL bytes) are cells without a header, in lists by
** size, cut from chunks.  Large ones are blocks with a header that knows the
** neighbours, so that free ones join; they wait in bins by size (eight to a
** doubling) with a bit map over the bins.  Both take and give in constant
** time: a script can't buy time with a torn heap.
**
** Code    The arrays of a function's prototype (instructions, constants) are
** written when it is loaded and never again.  Those of the library, loaded
** between ml_region_code(r, true) and (r, false), lie beside the region: they
** are not copied back, and are write-protected from the freeze on.  They are
** what Lua asks for without naming a kind of object; nothing else is asked for
** so while bytecode is being loaded.
**
** Sizes of blocks are counted in grains of 16 bytes.  The last block before
** `top` is never free: it would have become part of what is unused.
*/
#include "script/region.h"

#include <assert.h>
#include <lua.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "script/region_inside.h"

#define FIRST ((uint32_t)((sizeof(head) + GRAIN - 1) / GRAIN))

static void tell(ml_region *r, ml_region_event what, size_t bytes) {
  if (r->watch != NULL)
    r->watch(r->ud, what, bytes);
}

/* ---- blocks ---- */

static block *block_at(const ml_region *r, uint32_t grain) {
  return (block *)(void *)(r->base + (size_t)grain * GRAIN);
}

static uint32_t grain_of(const ml_region *r, const block *b) {
  return (uint32_t)((size_t)((const char *)b - r->base) / GRAIN);
}

static unsigned log2_of(uint32_t n) {
  return 31u - (unsigned)__builtin_clz(n);
}

/* The bin a hole of n grains waits in. */
static unsigned bin_of(uint32_t n) {
  unsigned f;

  if (n < 8)
    return n;
  f = log2_of(n);
  return 8 + (f - 3) * 8 + ((n >> (f - 3)) & 7);
}

/* The first bin in which every hole has at least n grains. */
static unsigned bin_for(uint32_t n) {
  return n < 8 ? n : bin_of(n + (1u << (log2_of(n) - 3)) - 1);
}

static void hole_put(head *h, block *b) {
  hole *f = (hole *)(void *)b;
  unsigned bin = bin_of(b->size);

  b->free = 1;
  f->before = NULL;
  f->next = h->bins[bin];
  if (f->next != NULL)
    f->next->before = f;
  h->bins[bin] = f;
  h->bits[bin / 64] |= 1ull << (bin % 64);
}

static void hole_take(head *h, block *b) {
  hole *f = (hole *)(void *)b;
  unsigned bin = bin_of(b->size);

  if (f->before != NULL)
    f->before->next = f->next;
  else
    h->bins[bin] = f->next;
  if (f->next != NULL)
    f->next->before = f->before;
  if (h->bins[bin] == NULL)
    h->bits[bin / 64] &= ~(1ull << (bin % 64));
  b->free = 0;
}

static block *hole_find(head *h, uint32_t n) {
  unsigned bin = bin_for(n), w;

  for (w = bin / 64; w < BINS / 64; w++) {
    uint64_t bits = h->bits[w];

    if (w == bin / 64)
      bits &= ~0ull << (bin % 64);
    if (bits != 0)
      return &h->bins[w * 64 + (unsigned)__builtin_ctzll(bits)]->b;
  }
  return NULL;
}

/* Tell the neighbour behind b, or the head, how large b is. */
static void link_behind(const ml_region *r, block *b) {
  head *h = head_of(r);
  uint32_t end = grain_of(r, b) + b->size;

  if (end == h->top)
    h->last = b->size;
  else
    block_at(r, end)->prev = b->size;
}

/* Join a block that is used no more with its neighbours. */
static void block_release(ml_region *r, block *b) {
  head *h = head_of(r);
  uint32_t end = grain_of(r, b) + b->size;

  if (end != h->top && block_at(r, end)->free) {
    block *behind = block_at(r, end);

    hole_take(h, behind);
    b->size += behind->size;
  }
  if (b->prev != 0) {
    block *before = block_at(r, grain_of(r, b) - b->prev);

    if (before->free) {
      hole_take(h, before);
      before->size += b->size;
      b = before;
    }
  }
  if (grain_of(r, b) + b->size == h->top) {
    h->top = grain_of(r, b);
    h->last = b->prev;
    return;
  }
  link_behind(r, b);
  hole_put(h, b);
}

/* Cut b to n grains; what is over becomes free. */
static void block_trim(ml_region *r, block *b, uint32_t n) {
  uint32_t over = b->size - n;
  block *rest;

  if (over < SPLIT)
    return;
  b->size = n;
  rest = block_at(r, grain_of(r, b) + n);
  rest->size = over;
  rest->prev = n;
  rest->free = 0;
  link_behind(r, rest);
  block_release(r, rest);
}

static uint32_t ceiling(const ml_region *r) {
  size_t bytes = r->lifted ? r->size : r->size - r->size / 8;

  return (uint32_t)(bytes / GRAIN);
}

static bool raise_top(ml_region *r, uint32_t by) {
  head *h = head_of(r);

  if (by > ceiling(r) || h->top > ceiling(r) - by)
    return false;
  h->top += by;
  if (h->top > r->high)
    r->high = h->top;
  return true;
}

static uint32_t grains_for(size_t n) {
  return (uint32_t)((n + sizeof(block) + GRAIN - 1) / GRAIN);
}

static block *block_new(ml_region *r, uint32_t n) {
  head *h = head_of(r);
  block *b = hole_find(h, n);

  if (b != NULL) {
    hole_take(h, b);
    block_trim(r, b, n);
    return b;
  }
  if (!raise_top(r, n))
    return NULL;
  b = block_at(r, h->top - n);
  b->size = n;
  b->prev = h->last;
  b->free = 0;
  h->last = n;
  return b;
}

static block *block_of(void *p) {
  return (block *)p - 1;
}

/* Make b hold n grains where it stands; false when it has no room. */
static bool block_extend(ml_region *r, block *b, uint32_t n) {
  head *h = head_of(r);
  uint32_t end = grain_of(r, b) + b->size;
  block *behind;

  if (end == h->top) {
    if (!raise_top(r, n - b->size))
      return false;
    b->size = n;
    h->last = n;
    return true;
  }
  behind = block_at(r, end);
  if (!behind->free || b->size + behind->size < n)
    return false;
  hole_take(h, behind);
  b->size += behind->size;
  link_behind(r, b);
  block_trim(r, b, n);
  return true;
}

/* ---- cells ---- */

static size_t cell_size(size_t n) {
  return round_up(n, GRAIN);
}

static void cell_free(head *h, void *p, size_t n) {
  cell *c = p;
  size_t k = cell_size(n) / GRAIN;

  c->next = h->cells[k];
  h->cells[k] = c;
}

static void *cell_new(ml_region *r, size_t n) {
  head *h = head_of(r);
  size_t size = cell_size(n);
  cell *c = h->cells[size / GRAIN];
  block *b;

  if (c != NULL) {
    h->cells[size / GRAIN] = c->next;
    return c;
  }
  if ((size_t)(h->bump_end - h->bump) < size) {
    b = block_new(r, CHUNK / GRAIN);
    if (b == NULL)
      return NULL;
    if (h->bump != h->bump_end)      /* what is left is a cell of that size */
      cell_free(h, h->bump, (size_t)(h->bump_end - h->bump));
    h->bump = (char *)(b + 1);
    h->bump_end = (char *)b + (size_t)b->size * GRAIN;
  }
  c = (cell *)(void *)h->bump;
  h->bump += size;
  return c;
}

/* ---- what Lua calls ---- */

/* Bytes that count for a piece of n bytes. */
static size_t weight(const void *p, size_t n) {
  if (n <= SMALL)
    return cell_size(n);
  return p != NULL ? (size_t)((const block *)p - 1)->size * GRAIN
                   : (size_t)grains_for(n) * GRAIN;
}

static void *take(ml_region *r, size_t n) {
  block *b;
  void *p;

  if (n <= SMALL)
    p = cell_new(r, n);
  else
    p = (b = block_new(r, grains_for(n))) != NULL ? b + 1 : NULL;
  if (p != NULL)
    head_of(r)->used += weight(p, n);
  return p;
}

static void give(ml_region *r, void *p, size_t n) {
  head_of(r)->used -= weight(p, n);
  if (n <= SMALL)
    cell_free(head_of(r), p, n);
  else
    block_release(r, block_of(p));
}

static void *refuse(ml_region *r, void *p, size_t n) {
  bool again = r->asked == n && r->asked_p == p;

  r->asked = n;
  r->asked_p = p;
  if (!r->lifted)
    tell(r, again ? ML_REGION_REFUSED : ML_REGION_TIGHT,
         again ? n : head_of(r)->used);
  return NULL;
}

/* Whether `more` bytes for a piece of n bytes stay within the limits. */
static bool allowed(const ml_region *r, size_t n, size_t more) {
  if (n > r->size)
    return false;
  if (r->lifted)
    return true;
  return n <= r->block && head_of(r)->used + more <= r->memory;
}

/*
** A smaller piece where it stands.  Used when a move is impossible: the
** block becomes a cell that is never joined again, or a cell one of a
** smaller size; both lose a few bytes until the next restore.
*/
static void *shrink_here(ml_region *r, void *p, size_t osize, size_t nsize) {
  head *h = head_of(r);

  if (osize > SMALL) {
    h->used -= weight(p, osize);
    block_trim(r, block_of(p),
               nsize > SMALL ? grains_for(nsize)
                             : (uint32_t)(1 + cell_size(nsize) / GRAIN));
    h->used += weight(p, nsize);
  } else {
    h->used -= cell_size(osize) - cell_size(nsize);
  }
  return p;
}

static void *shrink(ml_region *r, void *p, size_t osize, size_t nsize) {
  void *q;

  if (nsize > SMALL)
    return shrink_here(r, p, osize, nsize);
  q = take(r, nsize);
  if (q == NULL)
    return shrink_here(r, p, osize, nsize);
  memcpy(q, p, nsize);
  give(r, p, osize);
  return q;
}

static void *grow(ml_region *r, void *p, size_t osize, size_t nsize) {
  size_t old = weight(p, osize);
  size_t want = weight(NULL, nsize);
  void *q;

  if (!allowed(r, nsize, want > old ? want - old : 0))
    return refuse(r, p, nsize);
  if (osize > SMALL && block_extend(r, block_of(p), grains_for(nsize))) {
    head_of(r)->used += weight(p, nsize) - old;
    return p;
  }
  q = take(r, nsize);
  if (q == NULL)
    return refuse(r, p, nsize);
  memcpy(q, p, osize);
  give(r, p, osize);
  return q;
}

/* ---- what is only read ---- */

static bool in_code(const ml_region *r, const void *p) {
  return r->code != NULL && (const char *)p >= r->code &&
         (const char *)p < r->code + CODE;
}

/* NULL: no room, and it goes where everything goes. */
static void *code_take(ml_region *r, size_t n) {
  char *p;

  n = round_up(n, GRAIN);
  if (r->code == NULL) {
    p = mmap(NULL, CODE, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
      return NULL;
    r->code = p;
  }
  if (r->image != NULL || n > CODE - r->code_used)
    return NULL;
  p = r->code + r->code_used;
  r->code_used += n;
  return p;
}

void ml_region_code(ml_region *r, bool on) {
  r->coding = on;
}

void *ml_region_alloc(void *ud, void *p, size_t osize, size_t nsize) {
  ml_region *r = ud;
  bool text = p == NULL && osize == LUA_TSTRING && nsize > 128;
  void *q;

  if (in_code(r, p)) {           /* it stays there as long as the region */
    assert(nsize == 0);
    return NULL;
  }
  if (r->coding && p == NULL && osize == 0 && nsize > 0 &&
      (q = code_take(r, nsize)) != NULL)
    return q;

  if (nsize == 0) {
    if (p != NULL && osize > 0)
      give(r, p, osize);
    return NULL;
  }
  if (p != NULL && osize > 0) {
    if (nsize <= SMALL && cell_size(nsize) == cell_size(osize))
      return p;
    q = nsize < osize ? shrink(r, p, osize, nsize) : grow(r, p, osize, nsize);
  } else if ((text && !r->lifted && nsize > r->text) ||
             !allowed(r, nsize, weight(NULL, nsize))) {
    return refuse(r, NULL, nsize);
  } else {
    q = take(r, nsize);
    if (q == NULL)
      return refuse(r, NULL, nsize);
  }
  if (q != NULL)
    r->asked = 0;
  if (q != NULL && text && !r->lifted)
    tell(r, ML_REGION_TEXT, nsize);
  return q;
}

/* ---- the region as a whole ---- */

ml_rc ml_region_new(size_t size, ml_region **out) {
  ml_region *r;
  head *h;

  *out = NULL;
  if (size < KEEP || size > (size_t)1 << 30)
    return ML_INVALID;
  r = ml_mem_zero(sizeof *r);
  if (r == NULL)
    return ML_NOMEM;
  r->size = round_up(size, 4096);
  r->base = mmap(NULL, r->size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (r->base == MAP_FAILED) {
    ml_mem_free(r);
    return ML_NOMEM;
  }
  r->lifted = true;
  ml_region_limit(r, size, size, size);
  h = head_of(r);
  h->magic = MAGIC;
  h->top = FIRST;
  r->high = FIRST;
  *out = r;
  return ML_OK;
}

void ml_region_free(ml_region *r) {
  if (r == NULL)
    return;
  ml_region_image_drop(r);
  if (r->code != NULL)
    munmap(r->code, CODE);
  munmap(r->base, r->size);
  ml_mem_free(r);
}

void ml_region_limit(ml_region *r, size_t memory, size_t block_max,
                     size_t text) {
  r->memory = memory;
  r->block = block_max;
  r->text = text;
}

void ml_region_watch(ml_region *r, ml_region_watcher *w, void *ud) {
  r->watch = w;
  r->ud = ud;
}

void ml_region_lift(ml_region *r, bool lifted) {
  r->lifted = lifted;
  r->asked = 0;
}

void *ml_region_own(ml_region *r) {
  return head_of(r)->own;
}

size_t ml_region_used(const ml_region *r) {
  return head_of(r)->used;
}

size_t ml_region_extent(const ml_region *r) {
  return (size_t)head_of(r)->top * GRAIN;
}

/* ---- the image's edge ---- */

bool ml_region_seal(ml_region *r) {
  head *h = head_of(r);
  uint32_t per = (uint32_t)(PAGE / GRAIN), over = h->top % per;

  memset(h->cells, 0, sizeof h->cells);
  memset(h->bits, 0, sizeof h->bits);
  memset(h->bins, 0, sizeof h->bins);
  h->bump = h->bump_end = NULL;
  for (uint32_t at = FIRST; at < h->top; at += block_at(r, at)->size)
    block_at(r, at)->free = 0;
  if (over == 0)
    return true;
  if (!raise_top(r, per - over))
    return false;
  *block_at(r, h->top - (per - over)) =
      (block){.size = per - over, .prev = h->last};
  h->last = per - over;
  return true;
}

bool ml_region_gather(ml_region *r) {
  block *b = ml_region_seal(r) ? block_new(r, GATHER / GRAIN) : NULL;
  head *h = head_of(r);

  if (b == NULL)
    return false;
  h->bump = (char *)(b + 1);
  h->bump_end = (char *)b + GATHER;
  return true;
}
