/*
** api_call.h - one request on its way, and what all routes share.
**
** A route's function gets the call after everything its row says was looked
** at: who calls and whether it may, path parts, query parameters, the body
** by its shape, Idempotency-Key, If-Match.  It ends the call once, now or
** later, with ml_call_send() or one of the refusals; after that the call is
** gone.  The usual ways there:
**
**   a read    ml_call_read(c, work, then): work runs on the reader's thread
**             and touches only c->arena, c->state, c->err; then renders
**   an input  in = ml_call_input(c, ...); ml_call_put(c, in, &way): renders
**             before the commit, answers after it
**   a write   ml_call_write(c, fill, then): small tables
*/
#ifndef ML_API_CALL_H
#define ML_API_CALL_H

#include "api/api.h"
#include "api/api_shape.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/advance.h"

typedef struct ml_call ml_call;
typedef void ml_call_fn(ml_call *c);

/* ---- routes ---- */

/* Scopes: a route asks for any one of its bits. */
enum {
  ML_SCOPE_READ = 1, ML_SCOPE_OPERATE = 2, ML_SCOPE_DEPLOY = 4,
  ML_SCOPE_ADMIN = 8, ML_SCOPE_WORK = 16, ML_SCOPE_HOOK = 32,
  ML_SCOPE_CLIENT = 64,          /* comments that a client may read */
  ML_SCOPE_ALL = 31
};

/* What else a row says. */
enum {
  ML_ROUTE_OPEN = 1,          /* no token asked */
  ML_ROUTE_LOCAL = 2,         /* none from loopback; else a token, any scope */
  ML_ROUTE_UNIX = 4,          /* over the Unix socket only */
  ML_ROUTE_RAW = 8,           /* body of any kind, not parsed */
  ML_ROUTE_MATCH = 16,        /* If-Match is obeyed */
  ML_ROUTE_PROOF = 64,        /* without a token the route asks for a proof of
                                 its own, a signature */
  ML_ROUTE_EXT = 128,         /* refusals in the external form's envelope */
  ML_ROUTE_REPEAT = 32        /* a repeated POST does no harm: no answer is kept
                                 under its Idempotency-Key */
};

typedef struct ml_route {
  const char *method, *pattern;   /* "/v1/tasks/{id}" */
  unsigned scopes, flags;
  ml_call_fn *fn;
  const char *query;          /* "limit cursor status=OPEN|COMPLETED"; or NULL */
  const char *takes;          /* shape of the body; "Start?" may be missing */
  const char *gives;          /* "200 Task", "200 [Task]" a list, "204",
                                 "200 text/plain"; parted by a blank and '/' */
  const char *id, *about;     /* operationId, summary */
} ml_route;

typedef struct ml_routes {    /* the rows of one file, and their shapes */
  const ml_route *rows;
  size_t count;
  const char *shapes;
} ml_routes;

extern const ml_routes ml_routes_process;
extern const ml_routes ml_routes_transaction;
extern const ml_routes ml_routes_history;
extern const ml_routes ml_routes_task;
extern const ml_routes ml_routes_people;
extern const ml_routes ml_routes_token;
extern const ml_routes ml_routes_workflow;
extern const ml_routes ml_routes_setting;
extern const ml_routes ml_routes_hook;
extern const ml_routes ml_routes_ops;
extern const ml_routes ml_routes_backup;
extern const ml_routes ml_routes_partner;
extern const ml_routes ml_routes_comment;
extern const ml_routes ml_routes_bulk;
extern const ml_routes ml_routes_ext_list;
extern const ml_routes ml_routes_ext;
extern const ml_routes ml_routes_ext_procedure;
extern const ml_routes ml_routes_ext_key;
extern const ml_routes ml_routes_ext_task;
extern const ml_routes ml_routes_ext_record;
extern const ml_routes ml_routes_webhook;
extern const ml_routes ml_routes_audit;
extern const ml_routes ml_routes_export;
extern const char ml_render_shapes[];

/* Query parameters by name: type and what it is for (api_query.c). */
typedef struct ml_param {
  const char *name;
  char type;                  /* 'i' integer, 'b' 0 or 1, 't' text */
  int64_t least, most;        /* 'i' */
  const char *about;
} ml_param;
const ml_param *ml_param_find(ml_str name);   /* NULL: there is none such */

/* ---- the call ---- */

enum { ML_PARTS_MAX = 4, ML_QUERY_MAX = 16 };

typedef struct ml_who {
  ml_str name;                /* in history: "aiko", "operator:0" */
  ml_str user;                /* whose token it is; or none */
  ml_str token;               /* its id; none on the Unix socket */
  ml_str team;                /* the wall: sees no other's; none: sees all */
  ml_str scopes;              /* as written in the token */
  unsigned bits;
} ml_who;

/* Who acts in an input: the caller, or the person it acts as. */
typedef struct ml_acting {
  ml_str who;
  ml_str user;                /* none: an operator who is no member */
  bool operator_;
} ml_acting;

struct ml_call {
  ml_api *api;
  ml_run *run;
  ml_request *q;
  const ml_route *route;
  ml_arena arena;
  ml_who who;
  ml_str part[ML_PARTS_MAX];  /* {...} of the pattern, decoded */
  struct { ml_str name, value; } query[ML_QUERY_MAX];
  size_t query_count;
  const ml_json *body;        /* NULL: there was none */
  bool has_key, has_match;
  uint8_t key[16], body_hash[16];
  int64_t match_seq;
  /* the answer as it is made */
  ml_buf out;
  ml_jw w;                    /* writes into out */
  int64_t etag;               /* process seq; -1 none */
  ml_str location;
  bool replayed;
  int64_t retry_s;            /* Retry-After of a 429 or 503; 0: 1 */
  /* for the route */
  void *state;
  ml_err err;
  ml_rc rc;
  /* private */
  ml_rc (*work)(ml_call *c, ml_read *r);
  ml_call_fn *then;
  void (*fill)(ml_call *c, ml_batch *b);
  const struct ml_way *way;
  void *refused;               /* why an input was, while its key is looked up */
  ml_loop_timer *timer;
  int64_t rest_n;              /* whose rest is awaited */
  void (*rested)(ml_call *c, const ml_process *p, const ml_flow *f);
  ml_call *prev, *next;
};

/* The rows of all files. */
size_t ml_api_routes(const ml_routes *const **out);

/* Memory that ends with the call.  NULL: a 503 has been sent, the call is
** gone: return at once. */
void *ml_call_alloc(ml_call *c, size_t n);

/* A query parameter; none / dflt when missing. */
ml_str ml_call_query(const ml_call *c, const char *name);
int64_t ml_call_query_int(const ml_call *c, const char *name, int64_t dflt);
bool ml_call_query_bool(const ml_call *c, const char *name);
size_t ml_call_limit(const ml_call *c);        /* ?limit=, 50 */

/* Who acts, by ?as= or the body's "as".  false: refused and gone. */
bool ml_call_acting(ml_call *c, ml_acting *out);
/* A person's lanes as indexes of f, in the arena. */
bool ml_call_lanes(ml_call *c, const ml_flow *f, ml_str user,
                   const int16_t **out, size_t *count);
/* Does the rate of the workflow's form let one more start in?  false: 429 was
** sent. */
bool ml_call_start_in_rate(ml_call *c, ml_str workflow);
/* From this machine, and not handed on by a proxy? */
bool ml_call_near(const ml_call *c);
/* Is a process, by its packed rest, of the caller's team?  Who has none sees
** all. */
bool ml_call_sees(const ml_call *c, ml_str rest);
/* For what is of all teams: whoever is of one may not see it.  false: refused and
** gone. */
bool ml_call_sees_all(ml_call *c);
/* Does the caller have any of these scopes? */
bool ml_call_may(const ml_call *c, unsigned scopes);

/* Id in the path: "<uuid>" or "<uuid>-<no>" when a number is wanted.  Gives
** the store's number.  false: 404 was sent. */
bool ml_call_id(ml_call *c, ml_str text, bool with_no, uint8_t id[16],
                int64_t *n, uint32_t *no);

/* ---- cursors ---- */

/* A list's place: what the next page starts behind.  `kind` belongs to one
** list; the filters of the request are held to be the same. */
void ml_cursor_put(ml_call *c, char kind, int64_t a, int64_t b, ml_str text);
/* ?cursor= of this list.  No cursor: zeros, none.  false: 400 was sent. */
bool ml_cursor_get(ml_call *c, char kind, int64_t *a, int64_t *b, ml_str *text);

/* {"items":[ ... ],"next":...}: begin, write the items, end with either
** ml_cursor_put() or, when there is no more, ml_list_last(). */
void ml_list_begin(ml_call *c);
void ml_list_last(ml_call *c);
void ml_list_send(ml_call *c);                 /* closes and sends */

/* ---- ends ---- */

void ml_call_send(ml_call *c, int status);     /* c->out as JSON */
void ml_call_send_as(ml_call *c, int status, const char *type);
/* By rc, with the sentence and place of *e (NULL: the rc's own). */
void ml_call_refuse(ml_call *c, ml_rc rc, const ml_err *e);
/* By name: 400 bad-request, 401, 403, ...; allowed: "A|B|C" or NULL. */
void ml_call_problem(ml_call *c, int status, const char *slug, const char *at,
                     const char *allowed, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* The problem document itself (for what the server refuses before us). */
void ml_problem_put(ml_buf *out, int status, const char *slug,
                    const char *detail, const char *at, const char *allowed);
const char *ml_problem_slug(int status);

/* ---- ways ---- */

void ml_call_read(ml_call *c, ml_rc (*work)(ml_call *c, ml_read *r),
                  ml_call_fn *then);
void ml_call_write(ml_call *c, void (*fill)(ml_call *c, ml_batch *b),
                   ml_call_fn *then);
/* The same to tables that are not kept in memory. */
void ml_call_write_rows(ml_call *c, void (*fill)(ml_call *c, ml_batch *b),
                        ml_call_fn *then);
void ml_call_later(ml_call *c, int64_t after_ms, ml_call_fn *then);
/* When process n rests, or after a second: p, f as it is on disk, for the call;
** NULL: look into the store. */
typedef void ml_call_rested_fn(ml_call *c, const ml_process *p,
                               const ml_flow *f);
void ml_call_rest(ml_call *c, int64_t n, ml_call_rested_fn *then);

/*
** How an input's answer is made.  `render` writes the body into c->out from
** what is not yet on disk; `then` sends it after the commit.  Under an
** Idempotency-Key only the little that `render` puts into `keep` is kept, an
** id to read the thing again by: a replay calls `again` with it instead.
*/
typedef struct ml_way {
  int status;
  bool (*render)(ml_call *c, const ml_process *p, const ml_flow *f,
                 const ml_made *made, ml_buf *keep);
  ml_call_fn *then;                            /* c->out is ready */
  void (*again)(ml_call *c, ml_str kept);      /* a replay; kept: borrowed */
} ml_way;

/* An input for process n, with who, key and If-Match of the call.  NULL: the
** call is gone.  Texts of the call outlive the input. */
ml_input *ml_call_input(ml_call *c, int64_t n, const uint8_t id[16],
                        ml_event_kind kind, const ml_acting *who);
void ml_call_put(ml_call *c, ml_input *in, const ml_way *way);

/* ---- between the files of this folder ---- */

int64_t ml_api_now(const ml_api *a);
const ml_api_conf *ml_api_conf_of(const ml_api *a);
const ml_shapes *ml_api_shapes(const ml_api *a);
ml_server *ml_api_server(const ml_api *a);
bool ml_api_is_ready(const ml_api *a);
struct ml_auth *ml_api_auth(const ml_api *a);
void ml_api_forget(ml_api *a, ml_call *c);     /* a call has ended */
/* Changes of parents go one after the other, or two could make a cycle: true
** when it is this call's turn, until it ends. */
bool ml_api_parents_turn(ml_api *a, const ml_call *c);

/* api_auth.c */
typedef struct ml_auth ml_auth;
ml_auth *ml_auth_new(void);
void ml_auth_free(ml_auth *a);
/* Who is it?  Fills c->who.  false: refused and gone (perhaps later). */
bool ml_auth_check(ml_auth *auth, ml_call *c);
/* A proof that is no token was wrong: 401 without detail, told later when the
** peer fails too often, as for tokens.  The call is gone. */
void ml_auth_failed(ml_call *c);
unsigned ml_auth_scopes(ml_str scopes);        /* bits of the words in it */
/* Is every word a scope (hook:NAME too)? */
bool ml_auth_scope_is(ml_str word);
/* A new token: its row (texts in the arena) and what is shown once. */
ml_rc ml_auth_make(ml_rand *rand, ml_arena *a, ml_str user, ml_str scopes,
                   int64_t now_ms, int64_t expires_ms, ml_row_token *row,
                   ml_str *shown);

/* api_bulk.c: what an entry of a job asks (an ml_run_entry_fn) */
ml_rc ml_api_entry(void *arg, ml_input *in, const ml_flow *f, int kind,
                   const ml_json *body, ml_err *e);

/* openapi.c */
ml_rc ml_openapi_write(ml_buf *out, const ml_shapes *shapes,
                       const char *version, ml_err *e);
/* One answer out of a row's `gives`; false at its end. */
bool ml_openapi_gives(const char **gives, int *status, ml_str *what);

#endif
