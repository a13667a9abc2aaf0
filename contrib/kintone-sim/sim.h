/*
** sim.h - the simulator itself: what lives as long as the program.
**
** One thread, one loop: a request is carried out whole before the next one
** is looked at, in one transaction of its own.
*/
#ifndef KS_SIM_H
#define KS_SIM_H

#include "net/client.h"
#include "net/loop.h"
#include "net/server.h"
#include "schema.h"
#include "store.h"

#define KS_CONCURRENCY 100        /* requests under way in the domain */

struct ks_cursors;
struct ks_hooks;
struct ks_faults;
struct ks_turn;
struct ks_waiter;

typedef struct ks_sim {
  ml_loop *loop;
  ml_server *server;
  ml_http *http;                  /* for webhooks */
  ks_store *store;
  ks_app *apps;
  ml_str master;                  /* --token: all rights on all apps, or none */
  char base[160];                 /* "http://localhost:40123" */
  bool stopped;                   /* the clock stands still */
  int64_t clock_ms;               /* stopped: the time; else an offset */
  size_t running;                 /* requests under /k/ without an answer */
  struct ks_cursors *cursors;
  struct ks_hooks *hooks;
  struct ks_faults *faults;
  struct ks_turn *turns;          /* requests under /k/ under way */
  struct ks_waiter *waiters;
} ks_sim;

/* The simulator's clock, ms since 1970 UTC. */
int64_t ks_now(const ks_sim *sim);
void ks_clock_set(ks_sim *sim, int64_t ms);
void ks_clock_run(ks_sim *sim, bool run);

/* Take an app of `text` into use: a new one with its records, or a changed
** definition of one that is there. */
ml_rc ks_sim_take_app(ks_sim *sim, ml_str text, bool anew, int64_t *id,
                      ml_err *e);
void ks_sim_load_apps(ks_sim *sim);      /* those of the store, at start */
/* All records as when their app was taken into use; no log, no cursors, no
** failures. */
void ks_sim_reset(ks_sim *sim);
void ks_sim_free_apps(ks_sim *sim);

/* A call begins with nobody as its caller; _person gives it one at the screen
** who may do everything. */
void ks_call_init(ks_call *c, ks_sim *sim, ml_arena *a);
void ks_call_person(ks_call *c, ml_str code, ml_str name);
/* A call's transaction: begun before it runs; ended, with the log's row when
** there is one, by a commit, or when it has failed a rollback.  Webhooks leave
** after the commit. */
void ks_call_begin(ks_call *c);
void ks_call_end(ks_call *c, const ks_log *log);
void ks_call_done(ks_call *c);

/* Requests to the API and to /control (serve.c, control.c). */
void ks_serve(void *arg, ml_request *q);
void ks_control(ks_sim *sim, ml_request *q);

void ks_serve_stop(ks_sim *sim);         /* requests kept back are cut */

/* Answer control requests that wait for something; called whenever something
** happened. */
void ks_waiters_look(ks_sim *sim);
void ks_waiters_stop(ks_sim *sim);

#endif
