/*
** region.h - the memory of one Lua state, all of it in one mapping.
**
** A state whose every byte lies in one region at one address can be copied
** aside and copied back: that is how each activity begins in a fresh state
** (SPIKE.md).  The allocator's own header lies inside the region too, so a
** copy of the used bytes is the whole truth.  What a region can't hold:
** descriptors, locks, pointers to memory that somebody else frees.
**
** Freezing, restoring and parking are for moments when no Lua call of the
** state is on the C stack.
**
** Limits   `memory` bounds what is in use, `block` one piece, `text` one Lua
**          string.  Lifted for host code (ml_region_lift), which then has
**          the whole mapping; scripts never get its last eighth.
** Refusal  Lua answers a first refusal with a full collection and asks
**          again.  The watcher hears ML_REGION_TIGHT for the first (a
**          collection is about to be paid) and ML_REGION_REFUSED for the
**          second, which is final.
** Shrinks  never fail.
*/
#ifndef ML_SCRIPT_REGION_H
#define ML_SCRIPT_REGION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/pack.h"
#include "base/rc.h"

typedef struct ml_region ml_region;

typedef enum ml_region_event {
  ML_REGION_TIGHT,      /* refused once; bytes: what is in use */
  ML_REGION_REFUSED,    /* refused after a collection; bytes: what was asked */
  ML_REGION_TEXT        /* a long Lua string was made; bytes: its size */
} ml_region_event;

typedef void ml_region_watcher(void *ud, ml_region_event what, size_t bytes);

/* Map `size` bytes (rounded up to whole pages), 1 MiB to 1 GiB. */
ml_rc ml_region_new(size_t size, ml_region **out);
void ml_region_free(ml_region *r);           /* NULL is allowed */

void ml_region_limit(ml_region *r, size_t memory, size_t block, size_t text);
void ml_region_watch(ml_region *r, ml_region_watcher *w, void *ud);
void ml_region_lift(ml_region *r, bool lifted);   /* a new region is lifted */

/* In the shape of lua_Alloc; ud is the region. */
void *ml_region_alloc(void *ud, void *p, size_t osize, size_t nsize);

/* While on, bytecode is being loaded, nothing else done: its arrays are kept
** apart, for as long as the region is there.  Not after the freeze. */
void ml_region_code(ml_region *r, bool on);

/* ML_REGION_OWN bytes for the owner, zero at first, on the first page, which
** every restore copies in any case. */
#define ML_REGION_OWN 64
void *ml_region_own(ml_region *r);

/* To be asked right before the freeze: begin a page, and forget the pieces that
** are free before it.  What is then made, 2 KiB of small pieces (up to 512
** bytes) and 2 KiB of larger ones, shares that page: the place for all that
** every use of the image writes to.  False: the region is full. */
bool ml_region_gather(ml_region *r);

size_t ml_region_used(const ml_region *r);   /* bytes handed out, rounded */
size_t ml_region_extent(const ml_region *r); /* bytes a copy would take */

/* From here on, in this process, regions learn which pages of an image are
** written to, and a restore copies no others.  Takes SIGSEGV, again when asked
** again; to be called before a jail is entered. */
void ml_region_trap(void);

/* Copy the used bytes to a read-only image; a second call replaces it. */
ml_rc ml_region_freeze(ml_region *r);

/* Make the region what it was when frozen.  Pages beyond 1 MiB that had been
** used since go back to the kernel.  A region without image stays as it is. */
void ml_region_restore(ml_region *r);
size_t ml_region_image(const ml_region *r);  /* bytes of the image; 0: none */
size_t ml_region_copied(const ml_region *r); /* bytes that a restore copies */

/* Append the used bytes to `out` (ML_NOMEM: b->bad); and bring them back.
** Bytes that this region did not park are ML_INVALID. */
ml_rc ml_region_park(const ml_region *r, ml_buf *out);
ml_rc ml_region_unpark(ml_region *r, ml_str bytes);

#endif
