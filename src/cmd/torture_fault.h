/*
** torture_fault.h - the faults of `moonlane test --torture`: what happens, and
** at which boundary of a test's run.
**
**   crash-before  commit    the engine is killed when commit n is about to be
**                           flushed: nothing of it is there
**   crash-after   commit    ... when it has been flushed: nobody was told
**   lost-answer   call      the peer has acted on call n and answered; the engine
**                           is killed before it hears of it, and asks again
**   late-answer   call      the answer of call n is the last thing that happens
**   twice         delivery  what is delivered comes twice: a request under its
**                           Idempotency-Key, a signed or unsigned webhook, an
**                           event for the rules, a partner's message
**   clock-ahead   delivery  the clock leaps an hour ahead before it, and back
**                           after it
**   clock-back    delivery  the clock leaps an hour back before it, and on after
**                           it
**
** Boundaries are counted from 1 over a test's run, but not while it makes its
** world ready (settings, people, fakes, folders, partners).  A delivery is an
** operation by which somebody outside makes the engine do something: start,
** signal, complete, claim, release, cancel, reset, retry, skip, comment, set,
** post, emit, hear.  A result of a script has no boundary of its own: it is in
** memory only until the next commit, so crash-before loses it.
**
** Whoever had no answer when the engine was killed asks again, as clients do:
** with the same key, the same signature.  A peer that acted gives the answer
** that was lost to whoever repeats that request (same method, URL, key, body),
** and it is one entry of w:calls(); another request is another call.
*/
#ifndef ML_CMD_TORTURE_FAULT_H
#define ML_CMD_TORTURE_FAULT_H

#include "base/json.h"
#include "base/rc.h"

typedef enum ml_fault_kind {
  ML_FAULT_NONE, ML_FAULT_BEFORE, ML_FAULT_AFTER, ML_FAULT_LOST, ML_FAULT_LATE,
  ML_FAULT_TWICE, ML_FAULT_AHEAD, ML_FAULT_BACK, ML_FAULT_KINDS
} ml_fault_kind;

typedef enum ml_fault_at {
  ML_AT_COMMIT, ML_AT_CALL, ML_AT_DELIVERY, ML_AT_KINDS
} ml_fault_at;

typedef struct ml_fault {
  ml_fault_kind kind;
  uint32_t n;
} ml_fault;

const char *ml_fault_name(ml_fault_kind k);          /* "crash-before" */
ml_fault_at ml_fault_where(ml_fault_kind k);
const char *ml_fault_at_name(ml_fault_at at);        /* "commit" */

/* { at = "commit", n = 7, kind = "crash-before" } of a test file; `at` may be
** missing. */
ml_rc ml_fault_read(const ml_json *v, ml_fault *out, ml_err *e);

#endif
