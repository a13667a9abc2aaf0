/* region_inside.h - how a region is laid out; for region.c, region_image.c. */
#ifndef ML_SCRIPT_REGION_INSIDE_H
#define ML_SCRIPT_REGION_INSIDE_H

#include <stdint.h>

#include "script/region.h"

#define GRAIN 16u
#define GATHER 2048u        /* bytes of a chunk that leave room on its page */
#define SMALL 512u
#define CHUNK 4096u
#define BINS 192u
#define CODE ((size_t)384 << 10) /* bytes mapped for what is only read */
#define PAGE ((size_t)4096)
#define KEEP ((size_t)1 << 20)   /* bytes that stay resident on a restore */
#define SPLIT 4u                 /* grains: a smaller rest stays in the block */
#define MAGIC 0x6d6c7265u

typedef struct cell {
  struct cell *next;
} cell;

typedef struct block {
  uint32_t size;    /* grains, this header included */
  uint32_t prev;    /* grains of the block before; 0: this is the first */
  uint32_t free;
  uint32_t unused;
} block;

typedef struct hole {    /* a free block */
  block b;
  struct hole *next, *before;
} hole;

/* At the start of the region, within its first page; a copy of the region
** holds it. */
typedef struct head {
  max_align_t own[ML_REGION_OWN / sizeof(max_align_t)];
  uint32_t magic;
  uint32_t top;        /* grains in use from the start of the region */
  uint32_t last;       /* size of the block that ends at top; 0: none */
  size_t used;
  char *bump, *bump_end;      /* the chunk that cells are being cut from */
  cell *cells[SMALL / GRAIN + 1];
  uint64_t bits[BINS / 64];
  hole *bins[BINS];
} head;

_Static_assert(sizeof(head) < PAGE, "the head lies in the first page");

/* A stretch of the image that has to be copied back. */
typedef struct stretch {
  size_t from, n;
} stretch;

struct ml_region {
  char *base;
  size_t size;
  size_t memory, block, text;
  bool lifted;
  uint32_t high;             /* the highest top since the last restore */
  void *asked_p;             /* what was refused last, until a grant */
  size_t asked;
  char *code;                /* what is only read, beside the image */
  size_t code_used;
  bool coding;
  ml_region_watcher *watch;
  void *ud;
  /* the image */
  char *image;
  size_t image_size;         /* whole pages */
  uint8_t *hot;              /* of each page: written to since it was learnt */
  stretch *stretches;        /* of hot pages; room for every second page */
  size_t stretch_count;
  bool heated;               /* hot has more than stretches */
  bool shut;                 /* pages that are not hot are write-protected */
  bool unsure;               /* and maybe hot ones, too: opening them failed */
  uint32_t restores;         /* since it was learnt */
  ml_region *next_shut, **prev_shut;
};

static inline head *head_of(const ml_region *r) {
  return (head *)(void *)r->base;
}

static inline size_t round_up(size_t n, size_t to) {
  return (n + to - 1) & ~(to - 1);
}

/* Bring the end to that of a page, and forget the free cells and holes before
** it: what is made from here on shares no page with the image.  False: the
** region is full. */
bool ml_region_seal(ml_region *r);

void ml_region_image_drop(ml_region *r);

#endif
