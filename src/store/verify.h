/*
** verify.h - is a file a sound store, page by page?
**
** Opens it read only, takes no lock and makes no file beside it that was not
** there (but SQLite's own, when the file has a log).  An engine may be using
** the file: the look is one long read, so it gives up (ML_LIMIT) when the log
** grows past the reserve meanwhile.
*/
#ifndef ML_STORE_VERIFY_H
#define ML_STORE_VERIFY_H

#include "store/store.h"

enum { ML_VERIFY_FAULTS_MAX = 100 };

typedef struct ml_verified {
  uint32_t version;              /* of the schema */
  bool current;                  /* this program reads it as it is */
  size_t faults;                 /* told of; at most ML_VERIFY_FAULTS_MAX */
  int64_t starts, processes, history, tasks, journal, comments, signals, keys,
      bundles;                   /* rows; -1: the table cannot be read */
} ml_verified;

typedef void ml_verify_fault_fn(void *arg, const char *text);

/* ML_OK: it was looked at; sound when out->faults is 0.  ML_CORRUPT: so damaged
** that it cannot be opened, or no database; ML_REFUSED: not a store, or a
** newer one; ML_NOT_FOUND. */
ml_rc ml_verify_file(const char *path, uint64_t reserve,
                     ml_verify_fault_fn *fault, void *arg, ml_verified *out,
                     ml_err *e);

#endif
