/*
** keys.h - which field is a workflow's primary key, and filling in the values of
** processes that are older than that.
**
** Taking    Whoever writes a process's row takes and gives up its value in the
**           same commit (ml_batch_unique, store.h); a taken one refuses it.
** Filling   A key that is declared later is filled in pieces, in the order of
**           numbers (ml_batch_key_fill).  Of two that have one value the first
**           to come has it; the other is a clash, kept until its value changes
**           or it gets what was given up.
** Asking    Before a key is complete, "nobody has it" is not known:
**           ml_read_key_complete().
*/
#ifndef ML_STORE_KEYS_H
#define ML_STORE_KEYS_H

#include "store/store.h"

enum { ML_KEY_FILL = 500 };      /* processes filled in by one piece */

typedef struct ml_key_field {
  uint32_t no, workflow;
  ml_str field;                  /* id */
  int64_t done, last;            /* filled when done >= last */
  bool gone;                     /* its values are leaving */
} ml_key_field;

typedef struct ml_key_clash {    /* n has the value that `holder` has */
  int64_t n, holder;             /* holder 0: nobody any more */
  ml_str value;                  /* as ml_object_key() makes it */
} ml_key_clash;

/* From this commit on `field` is the workflow's key; none: it has none. */
void ml_batch_key_set(ml_batch *b, uint32_t workflow, ml_str field);
/* A piece of what is to be filled in, or of what is to leave. */
void ml_batch_key_fill(ml_batch *b, size_t limit);
/* The value of one process that has it already: taken, or a clash. */
void ml_batch_key_take(ml_batch *b, uint32_t workflow, ml_str field,
                       ml_str value, int64_t n);

ml_rc ml_read_key_fields(ml_read *r, ml_arena *a, ml_key_field **out,
                         size_t *count);
/* *out: its progress; ML_NOT_FOUND: the key is not kept yet. */
ml_rc ml_read_key_field(ml_read *r, ml_arena *a, uint32_t workflow,
                        ml_str field, ml_key_field *out);
/* Are all processes in? */
ml_rc ml_read_key_complete(ml_read *r, uint32_t workflow, ml_str field,
                           bool *out);
/* In the order of their numbers, behind after_n. */
ml_rc ml_read_key_clashes(ml_read *r, ml_arena *a, uint32_t workflow,
                          ml_str field, int64_t after_n, size_t limit,
                          ml_key_clash **out, size_t *count);

#endif
