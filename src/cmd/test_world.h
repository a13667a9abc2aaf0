/*
** test_world.h - the world of one test: a store in memory, a virtual clock, a
** seeded source of randomness, no network, and the engine itself over real
** script workers.
**
** Nothing moves but inside the functions below, and each of them returns when
** the engine is at rest.  The wall clock stands still unless it is turned; what
** time the workers need to compute is real, and nobody in the world sees it.
**
** A world that is tortured has an engine that can be killed (torture_world.h);
** the functions here are the same.
*/
#ifndef ML_CMD_TEST_WORLD_H
#define ML_CMD_TEST_WORLD_H

#include "cmd/test_http.h"
#include "cmd/torture_fault.h"
#include "run/run.h"

struct ml_torture;

/* What all worlds share: the loop and the workers. */
typedef struct ml_lab {
  ml_clock clock;                /* first: the worlds' clock */
  int64_t wall_ms;
  int64_t ahead_ms;              /* of the real monotonic clock */
  int64_t shift_ms;              /* new worlds begin so much later */
  ml_loop *loop;
  ml_script *script;             /* test_script.h */
  ml_bounds limits;              /* the operator's of scripts */
} ml_lab;
ml_rc ml_lab_open(ml_lab *lab, bool insecure, const ml_bounds *limits,
                  ml_err *e);
void ml_lab_close(ml_lab *lab);

/* Ask a worker and wait for its answer; *out lies in `a`.  ML_TIMEOUT. */
ml_rc ml_lab_ask(ml_lab *lab, const ml_ask *q, ml_arena *a, ml_answer *out);

typedef struct ml_world {
  ml_lab *lab;
  const char *dir;               /* the workflow's folder */
  ml_store *store;
  ml_fake *fake;
  ml_run *run;
  ml_rand_seeded rand;
  ml_arena arena;                /* what lives as long as the world */
  uint64_t posts;                /* signed requests, for their ids */
  uint32_t ops;                  /* operations so far */
  bool lost;                     /* it did not come to rest: leave it alone */
  struct ml_torture *torture;    /* NULL: no fault can happen here */
} ml_world;

/* The moment at which each world begins: 2026-03-02T09:00:00Z, a Monday. */
#define ML_WORLD_BEGIN INT64_C(1772442000000)

/* A fresh one, with the folder's bundle in force; polls rest.  Mistakes of
** the definition are told by fault, and then ML_INVALID.  torture: the fault
** that will happen in it (kind none: boundaries are counted); or NULL. */
ml_rc ml_world_new(ml_lab *lab, const char *dir, const ml_fault *torture,
                   ml_flow_fault_fn *fault, void *arg, ml_world **out,
                   ml_err *e);
/* The world begins anew, with this fault. */
ml_rc ml_world_torture(ml_world *w, const ml_fault *torture, ml_err *e);
/* false: it was lost, and so is the lab. */
bool ml_world_free(ml_world *w);            /* NULL allowed */

/* Let run what can run.  ML_TIMEOUT: it does not come to rest. */
ml_rc ml_world_settle(ml_world *w, ml_err *e);
/* Let time go by: from one moment at which something is due to the next. */
ml_rc ml_world_pass(ml_world *w, int64_t ms, ml_err *e);
/* The same up to the next such moment, not later than `until_ms`; *moved is
** false when there is none. */
ml_rc ml_world_step(ml_world *w, int64_t until_ms, bool *moved, ml_err *e);
int64_t ml_world_now(const ml_world *w);

/* Bring another folder into force beside. */
ml_rc ml_world_load(ml_world *w, const char *dir, ml_flow_fault_fn *fault,
                    void *arg, ml_err *e);

/* What a request came to; lives in the world's arena. */
typedef struct ml_came {
  bool done;
  ml_rc rc;
  ml_err e;
  int status;
  ml_str text;
  ml_world *w;
} ml_came;
ml_came *ml_world_came(ml_world *w);        /* NULL: memory is short */
/* Hand over an input (its render may be set) and wait until the engine is at
** rest.  The result, also of being refused. */
ml_rc ml_world_put(ml_world *w, ml_input *in, ml_came *c, ml_err *e);
/* After a call that reports to one of these, wait.  ML_UNKNOWN: the engine was
** killed before it answered (torture->again). */
ml_rc ml_world_wait(ml_world *w, ml_came *c, ml_err *e);
void ml_world_done(void *arg, ml_rc rc, const ml_err *e);
void ml_world_hooked(void *arg, ml_rc rc, const ml_err *e, ml_str answer);
/* A read, now. */
ml_rc ml_world_read(ml_world *w, ml_read_fn *work, void *arg);

#endif
