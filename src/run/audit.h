/*
** audit.h - do the stored rows keep the invariants?  (RELIABILITY.md 4)
**
**   2  history numbers run 1..n without gap or repeat, and each transition
**      begins where the last one ended; the row says what the history says
**   7  every process is in exactly one state, and the states sum up
**   8  every live process has a next thing: a moment, something awaited, a
**      lease or an incident; its task and signal rows agree with it
**
** A pass goes through all processes in pieces.  A piece looks at so many rows
** of one snapshot at most, so it holds on a store that is being written; a
** history longer than a piece goes on in the next one.
*/
#ifndef ML_RUN_AUDIT_H
#define ML_RUN_AUDIT_H

#include "model/flow.h"
#include "run/run.h"
#include "store/store.h"

enum {
  ML_AUDIT_ROWS = 200,           /* processes in a piece */
  ML_AUDIT_RECORDS = 5000,       /* history records in a piece, about */
  ML_AUDIT_FOUND_MAX = 1000      /* offenders kept of a piece; all are counted */
};

typedef struct ml_offender {
  int64_t n;
  uint8_t id[16];                /* zeros: there is no row to say it */
  int invariant;                 /* 2, 7 or 8 */
  char what[200];                /* one line */
} ml_offender;

/* Where a history that was begun stands. */
typedef struct ml_trail {
  uint64_t seq;                  /* last record looked at; 0: none */
  int status, run;               /* after it; -1: any */
} ml_trail;

/* The place of a pass: all of it, so that a request can carry it. */
typedef struct ml_audit_at {
  int64_t n;                     /* processes up to here are done */
  ml_trail trail;                /* of the next one, when seq > 0 */
} ml_audit_at;

typedef struct ml_audit_sums {
  int64_t processes, open, completed, cancelled, deleted, incidents, records,
      found;
} ml_audit_sums;

typedef const ml_flow *ml_audit_flow_fn(void *arg, uint32_t bundle,
                                        uint16_t index);

typedef struct ml_audit {
  ml_audit_flow_fn *flow;        /* called where the piece runs; NULL: unknown
                                    versions only, nothing is unpacked */
  void *arg;
  bool whole;                    /* flow() knows every bundle there is; else one
                                    that came just now may be unknown to it */
  size_t rows, records;          /* 0: the numbers above */
  ml_audit_at at;                /* in and out */
  bool over;                     /* out: the pass has come to the end */
  ml_audit_sums sums;            /* of this piece */
  ml_offender *found;            /* in the arena */
  size_t count;
} ml_audit;

/* The next piece; inside a read job.  Zero `found`, `count` and `sums` before. */
ml_rc ml_audit_piece(ml_audit *a, ml_read *r, ml_arena *arena);

void ml_audit_add(ml_audit_sums *to, const ml_audit_sums *sums);

/*
** What the history of one process comes to, whatever its row says.  trail:
** where to begin (zeros), and out.  false: no record, or a break, told in
** `why` (may be NULL).
*/
ml_rc ml_audit_trail(ml_read *r, ml_arena *arena, int64_t n, ml_trail *trail,
                     size_t limit, bool *ended, char *why, size_t size);

/* ---- of a run (patrol.c, mend.c) ---- */

/* Its workflows as they are now: flow() and arg of a piece.  NULL: no memory. */
void *ml_run_flow_list(const ml_run *r, ml_arena *a);
const ml_flow *ml_run_flow_in(void *list, uint32_t bundle, uint16_t index);

/*
** The patrol: a piece every so often, for ever, on the reader; a pass that is
** over begins anew after a rest.  An offender that was not one before is
** logged, once; counts are in ml_patrol_stats.  Begins with ml_run_begin()
** when conf.patrol_ms is set.
*/
typedef struct ml_patrol_stats {
  uint64_t passes, processes;    /* looked at since the start */
  int64_t offenders;             /* of the last whole pass, or of this one */
  uint64_t found;                /* offenders told of, ever */
  uint64_t mended;
} ml_patrol_stats;
void ml_patrol_stats_get(const ml_run *r, ml_patrol_stats *out);

/*
** Set right what can be: the row by what the history says, what is next by
** what the packed state says, what is missing made again.  mended: how many of
** the numbers were written anew (a process without a row, or whose state
** cannot be read, is not).  `ns` is copied.
*/
typedef void ml_mend_fn(void *arg, ml_rc rc, const ml_err *e, size_t mended);
void ml_run_mend(ml_run *r, const int64_t *ns, size_t count, ml_mend_fn *done,
                 void *arg);

#endif
