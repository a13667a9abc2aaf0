/*
** age.h - how old a store is, and what may be forgotten by it.
**
** The age of a store is the time that engines have been up on it, all together,
** by the monotonic clock: no leap of the wall clock moves it, and while nobody
** serves it stands still.  So what is old by age is at least as old in truth,
** and a client that repeats a request within the life of its key finds the
** answer, whatever the clocks did meanwhile.
**
** It is kept in one row, written with a commit that is made anyway, once in
** ML_AGE_SAVE_MS at most.  After a crash it is what the last commit said, or
** less by so much: younger, never older; things live the longer for it.
**
** Idempotency-Keys: the oldest go first, along their index.  Occurrences of
** triggers have no index of their own (each would cost its start a page): they
** are walked in the order of their names, some at a time, and one goes when it
** is old and its process has ended.
*/
#ifndef ML_STORE_AGE_H
#define ML_STORE_AGE_H

#include "store/store.h"

enum { ML_AGE_SAVE_MS = 60000 };

/* Now, in ms.  Any thread.  A store that is open to read: when it was opened. */
int64_t ml_store_age(const ml_store *s);

/* How many keys are from before that age; at most `limit` are counted. */
ml_rc ml_read_keys_old(ml_read *r, int64_t before_ms, size_t limit,
                       size_t *count);
/* Forget the oldest `limit` of them. */
void ml_batch_keys_expire(ml_batch *b, int64_t before_ms, size_t limit);

typedef struct ml_occurrence {
  ml_str workflow, trigger, identity;
  bool old;                      /* may be forgotten */
} ml_occurrence;
/* Those that come after *after (NULL: from the first), at most `limit`. */
ml_rc ml_read_occurrences(ml_read *r, ml_arena *a, const ml_occurrence *after,
                          int64_t before_ms, size_t limit, ml_occurrence **out,
                          size_t *count);
/* Unless it is younger, or its process is open. */
void ml_batch_occurrence_drop(ml_batch *b, const ml_occurrence *o,
                              int64_t before_ms);

#endif
