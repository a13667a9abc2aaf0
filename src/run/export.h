/*
** export.h - everything that happened, as JSON objects one after the other,
** for a judge outside (contrib/history.md is the form).
**
** A piece is bounded, and its place can be carried by a request: process after
** process by number; a long history goes on in the next piece.
*/
#ifndef ML_RUN_EXPORT_H
#define ML_RUN_EXPORT_H

#include "base/json.h"
#include "run/audit.h"
#include "store/store.h"

enum {
  ML_EXPORT_RECORDS = 1000,      /* history records in a piece, about */
  ML_EXPORT_ROWS = 200,          /* processes in a piece */
  ML_EXPORT_BYTES = 4 << 20      /* of a piece, about */
};

typedef struct ml_export_at {
  int64_t n;                     /* processes up to here are done */
  uint64_t seq;                  /* of the next one: records that are */
} ml_export_at;

typedef struct ml_export {
  ml_audit_flow_fn *flow;        /* as in ml_audit; timers need it */
  void *arg;
  ml_export_at at;               /* in and out */
  bool over;                     /* out: there is no more */
  /* Called for each object, on the thread of the piece; `json` is borrowed. */
  void (*item)(void *to, ml_str json);
  void *to;
} ml_export;

/* The next piece; inside a read job. */
ml_rc ml_export_piece(ml_export *x, ml_read *r, ml_arena *arena);

#endif
