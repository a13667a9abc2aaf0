/*
** pack.h - small binary records: what is stored in a process row, what a
** history row holds, what core and script worker say to each other.
**
** Numbers are variable-length (7 bits a byte, low first; signed ones zigzag),
** texts a length and the bytes.  A reader never runs over its end: the
** first bad item makes it "bad", every later get gives 0 or an empty text,
** and one look at r.bad at the end tells.  Bytes may come from a hostile
** worker or a damaged store: nothing here trusts them.
*/
#ifndef ML_BASE_PACK_H
#define ML_BASE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* A text that is borrowed, or p == NULL for "none". */
typedef struct ml_str {
  const char *p;
  size_t n;
} ml_str;

#define ML_STR(lit) ((ml_str){("" lit), sizeof(lit) - 1})
#define ML_NOSTR ((ml_str){NULL, 0})
ml_str ml_str_of(const char *s);            /* NULL gives none */
bool ml_str_eq(ml_str a, ml_str b);         /* none equals none only */
bool ml_str_is(ml_str a, const char *s);
/* Behind its last byte; of none NULL, for which p + 0 is not defined. */
static inline const char *ml_str_end(ml_str s) {
  return s.n > 0 ? s.p + s.n : s.p;
}

void ml_pack_u64(ml_buf *b, uint64_t v);
void ml_pack_i64(ml_buf *b, int64_t v);
void ml_pack_bool(ml_buf *b, bool v);
void ml_pack_str(ml_buf *b, ml_str s);      /* none and "" stay apart */

typedef struct ml_unpack {
  const char *p;
  const char *end;
  bool bad;
} ml_unpack;

ml_unpack ml_unpack_of(const void *p, size_t n);
uint64_t ml_unpack_u64(ml_unpack *r);
uint32_t ml_unpack_u32(ml_unpack *r, uint32_t max);   /* above max: bad */
int64_t ml_unpack_i64(ml_unpack *r);
bool ml_unpack_bool(ml_unpack *r);
ml_str ml_unpack_str(ml_unpack *r);         /* borrowed from the input */
bool ml_unpack_end(const ml_unpack *r);     /* not bad, and all was read */

#endif
