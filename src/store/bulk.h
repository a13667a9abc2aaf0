/*
** bulk.h - jobs of many entries, worked off in the background: each entry a row
** whose status is written in the commit of what it did.
*/
#ifndef ML_STORE_BULK_H
#define ML_STORE_BULK_H

#include "store/store.h"

typedef enum ml_jobk { ML_JOB_UPDATE, ML_JOB_CREATE, ML_JOB_KINDS } ml_jobk;

/* P3.10. */
typedef enum ml_entrys {
  ML_ENTRY_NOT_STARTED, ML_ENTRY_SUCCESS,
  ML_ENTRY_INVALID,              /* what it asks cannot be done */
  ML_ENTRY_ERROR,                /* it could, but was not: why says */
  ML_ENTRY_CANCELLED,            /* not begun when somebody stopped the job */
  ML_ENTRY_STATUSES
} ml_entrys;

const char *ml_entrys_name(ml_entrys s);       /* "NOT_STARTED" */
bool ml_entrys_of(ml_str s, ml_entrys *out);

typedef struct ml_row_job {
  int64_t no;
  ml_jobk kind;
  uint32_t workflow;
  uint32_t total;                /* entries, numbered from 1 */
  int64_t at_ms, done_ms;        /* 0: some are not started */
  ml_str who, team;
  ml_str cancelled_by;           /* none: nobody stopped it */
} ml_row_job;

typedef struct ml_row_entry {
  int64_t job;
  uint32_t no;
  ml_entrys status;
  int64_t n;                     /* process it changed or made; 0 none */
  ml_str body;                   /* JSON */
  ml_str why;                    /* INVALID, ERROR */
} ml_row_entry;

void ml_batch_job(ml_batch *b, const ml_row_job *r);       /* ML_EXISTS */
void ml_batch_job_done(ml_batch *b, int64_t job, int64_t done_ms);
/* Stop it: entries not begun are CANCELLED in this commit, and one that is under
** way and comes later is left out (ML_STALE for its unit).  ML_STALE: the job has
** ended. */
void ml_batch_job_cancel(ml_batch *b, int64_t job, int64_t at_ms, ml_str who);
void ml_batch_entry(ml_batch *b, const ml_row_entry *r);   /* NOT_STARTED */
/* Its end, once: ML_STALE for the unit when it has ended already, so what it
** did a second time is left out with it. */
void ml_batch_entry_end(ml_batch *b, const ml_row_entry *r);

ml_rc ml_read_job(ml_read *r, ml_arena *a, int64_t no, ml_row_job *out);
/* The oldest that is not done; ML_NOT_FOUND. */
ml_rc ml_read_job_open(ml_read *r, ml_arena *a, ml_row_job *out);
/* status -1: any.  In their order, after `after_no`. */
ml_rc ml_read_entries(ml_read *r, ml_arena *a, int64_t job, int status,
                      uint32_t after_no, size_t limit, ml_row_entry **out,
                      size_t *count);
ml_rc ml_read_entry_counts(ml_read *r, int64_t job,
                           int64_t counts[ML_ENTRY_STATUSES]);

#endif
