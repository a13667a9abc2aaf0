/*
** rc.h - result codes, and the error a person reads.
**
** Inner code returns an ml_rc and, where a sentence helps, fills an
** ml_err.  Only the top (an API answer, a command, the log) prints it,
** once.  A code is stable: its name is used in logs, JSON and exit codes.
*/
#ifndef ML_BASE_RC_H
#define ML_BASE_RC_H

#include <stdint.h>

typedef enum ml_rc {
  ML_OK = 0,
  ML_NOMEM,       /* an allocation failed; nothing was changed */
  ML_INVALID,     /* the input is wrong: what, where, what is allowed */
  ML_NOT_FOUND,
  ML_EXISTS,      /* the name or key is taken */
  ML_CONFLICT,    /* the thing is in another state than the caller thought */
  ML_STALE,       /* computed from an old seq */
  ML_REFUSED,     /* not allowed to this caller */
  ML_LIMIT,       /* a named limit was reached */
  ML_FULL,        /* no room on disk; reads go on */
  ML_IO,          /* a write or read failed, surely not done */
  ML_UNKNOWN,     /* a flush failed: done or not, nobody can tell */
  ML_CORRUPT,     /* stored bytes are not what was written */
  ML_UNREACHABLE, /* no answer from the other side */
  ML_TIMEOUT,
  ML_AGAIN,       /* not now; the same call may do later */
  ML_RC_COUNT
} ml_rc;

/* "ok", "nomem", "invalid", ...  Static. */
const char *ml_rc_name(ml_rc rc);

/*
** What went wrong, for a person: one sentence without a full stop, and
** where: a JSON pointer into the input, or "file:line".  Plain memory:
** copy it freely.  Texts are cut at a UTF-8 boundary when too long.
*/
typedef struct ml_err {
  ml_rc rc;
  char text[480];
  char at[240];
  uint32_t after_s;      /* ML_AGAIN: not sooner than in so many seconds; 0: it
                            may be soon.  New words for the same keep it */
} ml_err;

/* Fill *e (NULL is allowed) and return rc, so that
**   return ml_err_set(e, ML_INVALID, "/data/q_plan", "'%s' is not ...", s);
** is one line.  `at` may be NULL or "". */
ml_rc ml_err_set(ml_err *e, ml_rc rc, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
