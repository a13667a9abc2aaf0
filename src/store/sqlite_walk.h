/*
** sqlite_walk.h - one range of the search index, entry by entry: by value and
** number, upward or downward, from a cursor on.
*/
#ifndef ML_STORE_SQLITE_WALK_H
#define ML_STORE_SQLITE_WALK_H

#include "store/sqlite_index.h"

typedef struct ml_range {
  ml_skey lo, hi;
  bool lo_in, hi_in;             /* the bound itself too */
} ml_range;

typedef struct ml_entry {
  ml_skey value;                 /* valid until the next chunk */
  int64_t n;
} ml_entry;

enum { ML_WALK_CHUNK = 128 };

typedef struct ml_walk {
  ml_read *r;
  uint32_t field;
  ml_columnk object;             /* not an index of `search`: the ids of others */
  bool down;
  ml_range range;
  enum { ML_WALK_SAME, ML_WALK_BETWEEN, ML_WALK_END } stage;
  ml_skey at;                    /* SAME: this value, behind at_n; BETWEEN: what
                                    is behind this value */
  int64_t at_n;
  char keep[ML_SKEY_TEXT_MAX + 8];   /* at's text */
  ml_arena mem;                  /* of the chunk */
  ml_entry entries[ML_WALK_CHUNK];
  size_t count, next;
} ml_walk;

/* Everything there is of a class, of all classes; one value; a beginning. */
ml_range ml_range_all(void);
ml_range ml_range_class(ml_skeyc cls);
ml_range ml_range_one(ml_skey v);
/* What both hold.  false: nothing. */
bool ml_range_meet(ml_range *a, const ml_range *b);

/* From behind (after, after_n) when `after` is not NULL. */
void ml_walk_begin(ml_walk *w, ml_read *r, uint32_t field, ml_range range,
                   bool down, const ml_skey *after, int64_t after_n);
/* Those with this id of others, of every workflow, newest first; behind after_n
** (INT64_MAX: all). */
void ml_walk_begin_object(ml_walk *w, ml_read *r, ml_columnk column, ml_skey v,
                          int64_t after_n);
/* The next entry; *out NULL at the end. */
ml_rc ml_walk_next(ml_walk *w, const ml_entry **out);
void ml_walk_end(ml_walk *w);

#endif
