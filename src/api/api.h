/*
** api.h - JSON over HTTP: what the outside says to the engine.
**
** The table of routes is the truth: routing, who may, which parameters and
** bodies are taken, and /openapi.json all come from it.  A route reads (a
** snapshot of the store) or puts an input into the run; nothing that is not
** on disk is ever shown.
**
** Who calls: over TCP a bearer token with scopes; over a Unix socket the
** engine's own user or root is an operator without one.
**
** End it after the run, or with nothing under way (ml_api_busy() == 0): what
** the run still holds points into it.
*/
#ifndef ML_API_API_H
#define ML_API_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/pack.h"
#include "base/rand.h"
#include "base/rc.h"
#include "net/loop.h"
#include "net/server.h"
#include "run/run.h"
#include "store/store.h"

typedef struct ml_api ml_api;

typedef struct ml_api_conf {
  ml_loop *loop;
  ml_run *run;
  ml_store *store;               /* its counters, for /metrics */
  ml_clock *clock;
  ml_rand *rand;
  const ml_server_limits *limits;   /* NULL: defaults */
  const ml_str *hosts;           /* Host names served beside the loopback ones;
                                    "name" any port, "name:8080" that one */
  size_t host_count;
  const char *folder;            /* of workflows, for reload; NULL: none */
  const char *version;           /* of the program */
} ml_api_conf;

/* Copies what conf points to, except the objects themselves. */
ml_rc ml_api_new(const ml_api_conf *conf, ml_api **out, ml_err *e);
void ml_api_free(ml_api *a);     /* NULL allowed */

/* As ml_server_listen(). */
ml_rc ml_api_listen(ml_api *a, const char *address, char bound[128], ml_err *e);
/* What /readyz says; false at first. */
void ml_api_ready(ml_api *a, bool ready);
/* Not ready, no new connections; running requests may end. */
void ml_api_drain(ml_api *a);
size_t ml_api_busy(const ml_api *a);   /* requests without an answer */

/* One request, as the server hands it over (arg: the ml_api). */
void ml_api_handle(void *arg, ml_request *q);

/*
** When there is no token at all: make one with every operator's scope, write
** it to `path` (0600, replaced when there) and keep its hash.  done: ML_OK
** with the path; ML_EXISTS when there are tokens already (path NULL).
*/
typedef void ml_api_token_fn(void *arg, ml_rc rc, const ml_err *e,
                             const char *path);
void ml_api_first_token(ml_api *a, const char *path, ml_api_token_fn *done,
                        void *arg);

/* The OpenAPI 3.1 document of all routes, as JSON.  Borrowed. */
ml_str ml_api_document(const ml_api *a);

#endif
