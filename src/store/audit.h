/*
** audit.h - rows as they lie there, for whoever looks for broken ones.
**
** Other reads refuse a row that holds what it cannot hold (ML_CORRUPT).  Here
** such a row is given all the same, and what is odd about it is named.
*/
#ifndef ML_STORE_AUDIT_H
#define ML_STORE_AUDIT_H

#include "store/store.h"

typedef struct ml_audit_row {
  ml_row_process p;              /* a column that is odd: 0 */
  const char *odd;               /* its name; NULL: none */
  int64_t odd_value;
} ml_audit_row;

/* Processes after number after_n, in order. */
ml_rc ml_read_audit(ml_read *r, ml_arena *a, int64_t after_n, size_t limit,
                    ml_audit_row **out, size_t *count);
/* How many of lo < n <= hi the list of open processes holds, and that of
** incidents: another count than the rows themselves give is damage. */
ml_rc ml_read_audit_lists(ml_read *r, int64_t lo, int64_t hi, int64_t *open,
                          int64_t *incidents);
/* The next number after n under which there is history; 0: none. */
ml_rc ml_read_audit_next(ml_read *r, int64_t n, int64_t *next);

/*
** Set right what cannot even be loaded: the columns that history knows, and
** the row as in flight with its lease at an end, so that the scan finds it.
** Only what is not in memory: whoever has it there writes it anew anyway.
*/
typedef struct ml_row_mend {
  int64_t n;
  ml_status status;
  ml_runs run;
  uint64_t seq;
  int64_t completed_ms, cancelled_ms;
  int64_t due_ms;
} ml_row_mend;
void ml_batch_mend(ml_batch *b, const ml_row_mend *r);

#endif
