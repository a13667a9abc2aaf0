/*
** engine.h - the real engine as a process of its own, and what it says.
**
** It runs on a folder of its own below the build directory (a real disk),
** ends with the benchmark, and is spoken to over HTTP with its first token.
*/
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include "tool.h"

#include "base/json.h"

typedef struct engine {
  pid_t pid;
  uint16_t port;
  char dir[256], db[300], token[128];
  int out;                       /* its standard output */
  bool by_step;                  /* serve --step-commits */
} engine;

void engine_place(const char *build);      /* where programs and stores are */
const char *engine_build(void);

/* A new store, or with `again` the one that `e` has.  Gives the microseconds
** until /readyz says yes. */
int64_t engine_start(engine *e, const char *name, bool again);
void engine_kill(engine *e);               /* -9 */
void engine_end(engine *e);                /* TERM, waits */
void engine_forget(engine *e);             /* and its store is removed */

/* One request on a connection of its own; body NULL: none.  Dies unless 2xx. */
void engine_ask(const engine *e, const char *method, const char *path,
                const char *body, ml_buf *answer);
double engine_metric(const engine *e, const char *name);
/* Wait until nothing is in memory: all is at rest and on disk. */
void engine_settle(const engine *e);
/* Each item of a list over all its pages, until `fn` says false. */
void engine_list(const engine *e, const char *path,
                 bool (*fn)(void *arg, const ml_json *item), void *arg);

/* Another program that prints "http://HOST:PORT" first; gives its port. */
pid_t engine_spawn(const char *const *argv, const char *log, int *out,
                   uint16_t *port);

#endif
