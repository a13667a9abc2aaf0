/*
** work.h - what the rows of the engine have in common: how much to do, starts
** of a workflow as a load, and one measured stretch of it.
*/
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include "engine.h"
#include "load.h"

typedef struct amount {          /* of everything; main.c */
  int repeat;
  int64_t ms;                    /* of a stretch */
  size_t parked, timers, fired, stored, leads;
} amount;

void row_w1(const amount *a);    /* and W7, which follows from it */
void row_w2(const amount *a);    /* W2, W3, W6 */
void row_w4(const amount *a);
void row_w5(const amount *a);
void row_w8(const amount *a);
void row_w9(const amount *a);

/* A load: starts of `workflow` with 300 bytes of input, the number `first + i`
** in its field `count`. */
typedef struct starts {
  const engine *e;
  const char *workflow;
  bool wait;                     /* answer when it rests */
  bool keys;                     /* each with an Idempotency-Key */
  size_t first;
} starts;
#define WORD "hello world"
void work_start(void *arg, size_t i, ml_buf *out);       /* arg: starts */
/* The text of `text`: 26 times the letters a to j. */
const char *work_text(void);

/* What a load cost, from its first request until all is at rest. */
typedef struct cost {
  size_t done;
  double seconds, syncs;
  usage used;                    /* cpu and bytes are differences */
  double load_cpu_us;
} cost;
/* Runs it; starts->first moves on.  Dies when any was refused. */
void work_run(load_conf *c, starts *s, cost *out, load_out *o);

/* Quantile of the answers' times, in microseconds. */
double work_time(const load_out *o, double quantile);
/* How many processes are in that status; each is looked at by `check` (may be
** NULL), which dies when it is not as it must be. */
size_t work_count(const engine *e, const char *workflow, const char *status,
                  void (*check)(void *arg, const ml_json *process), void *arg);

#endif
