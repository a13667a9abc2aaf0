/*
** sim.h - account-sim: the accounts of a cloud portal, and the portal itself.
**
** What the portal of CloudPortal's workflows would be in a real house: tenants
** with their states, account types and facts, and the transactions it wants
** done.  For demos and tests; loopback only; one SQLite file.
**
** Every request but those to /control needs "Authorization: Bearer TOKEN".  A
** POST or PATCH with an Idempotency-Key is done once: a repeat gets the same
** answer.  Bodies are JSON objects.
**
**   PUT   /tenants/ID {..}       make one: name, state ("NEW"), accountType {..},
**                                masterUser {email, active, emailVerified}, user
**                                {..}, creditCard, paymentInfo, deposit (null)
**   GET   /tenants/ID            it, with ossAccounts [..]
**   PATCH /tenants/ID {..}       facts change (RFC 7396); workflows of this
**                                tenant are told by a signal
**   POST  /tenants/ID/oss-accounts               201 {"id"}
**   PUT, GET, PATCH /subscriptions/ID, /services/ID   {"tenant", "state", ..}
**   POST  /subscriptions/ID/pre-authorization    201 {"id"}; GET shows them
**   GET   /tenants, /subscriptions, /services    {"items":[..]}
**
**   POST  /transactions {type, tenant, target, ..}    the portal wants this:
**         it is posted to the engine as a transaction, with the tenant, its user
**         and what else was given; when the engine says Completed, and only
**         then, `target` is merged into what it is about (the tenant, or
**         subscription / serviceInstance when its id was given)
**   GET   /transactions          {"items":[{id, type, tenant, state, ..}]}
**
**   POST  /control/engine {url, token}           where transactions go
**   POST  /control/faults {method, path, what, times}    path begins so; what: a
**         status, "hang" (not done, no answer), or "lost" (done,
**         and then no answer)
**   GET   /control/log           {"items":[{method, path, key, status, effect}]}
*/
#ifndef AS_SIM_H
#define AS_SIM_H

#include <sqlite3.h>

#include "base/json.h"
#include "net/client.h"
#include "net/loop.h"
#include "net/server.h"

typedef struct as_sim {
  ml_loop *loop;
  ml_server *server;
  ml_http *http;
  ml_loop_timer *timer;          /* looks at transactions under way */
  sqlite3 *db;
  const char *token;
  char engine[200], engine_token[300];   /* "" until told */
  size_t asking;                 /* calls to this engine under way */
  unsigned era;                  /* counts the engines it was told of: an answer
                                    of one before is not listened to */
} as_sim;

/* One request, or a step of the portal's own. */
typedef struct as_call {
  as_sim *sim;
  ml_arena a;
  const ml_json *body;           /* object; or NULL */
  ml_buf out;
  ml_jw w;
  int status;
} as_call;

/* store.c: SQL with 's' texts and 'i' integers; dies when it fails */
sqlite3_stmt *as_sql(as_sim *sim, const char *sql, const char *kinds, ...);
bool as_row(as_sim *sim, sqlite3_stmt *st);
ml_str as_text(sqlite3_stmt *st, int column);          /* until the next step */
void as_do(as_sim *sim, const char *sql, const char *kinds, ...);
void as_open(as_sim *sim, const char *path);
_Noreturn void as_die(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
ml_str as_keep(ml_arena *a, ml_str s);

/* Things: tenants, subscriptions, services; none when there is none. */
ml_str as_thing(as_sim *sim, ml_arena *a, ml_str kind, ml_str id);
void as_thing_put(as_sim *sim, ml_str kind, ml_str id, ml_str body);
bool as_thing_patch(as_sim *sim, ml_str kind, ml_str id, ml_str patch);

/* serve.c */
void as_serve(void *arg, ml_request *q);

/* portal.c */
void as_portal_post(as_call *c);
void as_portal_list(as_call *c);
void as_portal_tell(as_sim *sim, ml_str tenant);   /* facts of it changed */
void as_portal_look(void *sim);

#endif
