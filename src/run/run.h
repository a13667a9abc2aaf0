/*
** run.h - where everything meets: event -> engine and scripts -> commit ->
** release the effects.
**
** Everything here belongs to the loop's thread.  A process with uncommitted
** changes lives in memory and is the only truth for whoever writes; others
** are loaded when an input for them comes.  All inputs of a process pass
** through one queue.  What a turn of the loop gathered goes into one batch; answers
** and outside effects leave when the batch is on disk, never before.
*/
#ifndef ML_RUN_RUN_H
#define ML_RUN_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/rate.h"
#include "base/rc.h"
#include "engine/advance.h"
#include "model/flow.h"
#include "model/process.h"
#include "net/client.h"
#include "net/loop.h"
#include "net/mail.h"
#include "script/host.h"
#include "store/store.h"

typedef struct ml_run ml_run;

/* May workers serve scripts of several authors, one after the other?  The
** default: only while no owner is named. */
typedef enum ml_isolation {
  ML_ISOLATE_DEFAULT, ML_ISOLATE_AUTHOR, ML_ISOLATE_NONE
} ml_isolation;
enum { ML_HISTORY_MAX = 100000, ML_CALLS_AT_ONCE = 8 };
/* By the age of the store (store/age.h). */
#define ML_KEEP_KEYS_MS ((int64_t)30 * 24 * 3600 * 1000)
#define ML_KEEP_SEEN_MS ((int64_t)400 * 24 * 3600 * 1000)

typedef struct ml_run_conf {
  ml_loop *loop;
  ml_store *store;               /* its notify must wake ml_run_reap() */
  ml_http *http;                 /* outgoing calls */
  ml_mailer *mail;               /* NULL: mails are set aside, with the reason */
  const ml_mail_server *mail_server;   /* theirs; outlives the run */
  ml_str mail_from;              /* "Name <address>"; outlives the run */
  ml_script *script;
  ml_clock *clock;
  ml_rand *rand;
  const ml_str *allow;           /* private addresses scripts may reach */
  size_t allow_count;
  ml_isolation isolation;
  const ml_str *owners;          /* "folder=owner"; borrowed for good */
  size_t owner_count;
  int64_t lease_ms;              /* 0: 60 s */
  uint64_t history_max;          /* records of one process; 0: ML_HISTORY_MAX.
                                    At it, what would only add to them is
                                    refused (ML_LIMIT), and an activity that is
                                    to run becomes an incident; it may still be
                                    completed, skipped and cancelled */
  uint32_t queue_max;            /* accepted starts not yet at rest; 0: 10,000,
                                    more: ML_AGAIN */
  uint32_t calls_max;            /* outgoing calls of one workflow at once; 0:
                                    ML_CALLS_AT_ONCE; more wait in order.  A
                                    workflow's own `calls` may be less */
  ml_bounds limits;              /* the operator's for scripts (model/bound.h):
                                    those that the workers have too */
  ml_rate hook_rate;             /* of a webhook without one; n 0: 50 a second,
                                    200 at once */
  uint8_t secret_key[32];        /* AES-256 key of sealed settings */
  bool step_commits;             /* nothing runs ahead of the disk: a step is
                                    begun when the one before is on it */
  const ml_str *rules;           /* files of rules, asked before the folders' */
  size_t rule_count;
  bool still;                    /* nothing goes on by itself and nothing leaves:
                                    what is asked is written, what follows from
                                    it waits for the next start.  No script and
                                    no http then (repair of a store at rest) */
  bool hold_polls;               /* see ml_run_hold_polls() */
  int64_t patrol_ms;             /* between two pieces of the audit (audit.h);
                                    0: none */
  int64_t keep_keys_ms;          /* life of an Idempotency-Key; 0:
                                    ML_KEEP_KEYS_MS; < 0: for ever */
  int64_t keep_seen_ms;          /* of an occurrence a trigger has seen, and not
                                    before its process has ended; 0:
                                    ML_KEEP_SEEN_MS; < 0: for ever */
  int64_t forget_ms;             /* between two looks for old ones; 0: none */
  void (*stopped)(void *arg, ml_rc rc, const char *why);   /* a flush failed:
                                    stop the program at once */
  void *stopped_arg;
} ml_run_conf;

int64_t ml_run_age(const ml_run *r);     /* of its store: what dates keys */
ml_rc ml_run_new(const ml_run_conf *conf, ml_run **out, ml_err *e);
void ml_run_free(ml_run *r);     /* NULL allowed */
bool ml_run_owner_ok(ml_str entry);   /* "folder=owner"? */

/*
** Read the small tables, make ready the bundles of processes that go on, then
** start the scan for due work.  done: ready to serve.
*/
typedef void ml_run_done_fn(void *arg, ml_rc rc, const ml_err *e);
void ml_run_begin(ml_run *r, ml_run_done_fn *done, void *arg);
void ml_run_reap(ml_run *r);     /* after the store's notify */
/* Refuse new inputs with ML_AGAIN, let what runs end, then done. */
void ml_run_drain(ml_run *r, int64_t limit_ms, ml_run_done_fn *done, void *arg);
/* Nothing under way: no input, slice, call, commit (virtual-clock tests). */
bool ml_run_idle(const ml_run *r);
/* The next moment at which something is due by itself; 0: never.  Only
** right when idle.  (Virtual-clock tests turn the clock to it.) */
int64_t ml_run_next_due(const ml_run *r);
void ml_run_tick(ml_run *r);     /* look at the clock now (tests; SIGCONT) */

/* ---- definitions ---- */

/*
** Bring a folder of workflows (each sub-folder one bundle; or itself one)
** into force: read, evaluate in a worker, check whole, store, swap routes
** and triggers in one step.  A folder that is broken leaves what was in force as
** it is.  Each mistake is told by fault ("order-delivery/workflow.lua:12").
** done: ML_OK, or ML_INVALID when any folder was refused.
*/
void ml_run_load(ml_run *r, const char *dir, ml_flow_fault_fn *fault,
                 ml_run_done_fn *done, void *arg);
/* The same without bringing anything into force: `moonlane check`. */
void ml_run_check(ml_run *r, const char *dir, ml_flow_fault_fn *fault,
                  ml_run_done_fn *done, void *arg);
/* What counts for an author's script, and who set it (model/bound.h). */
uint64_t ml_run_limit(const ml_run *r, const ml_bounds *author, ml_bound b,
                      const char **by);
/* Limits of a workflow's author that the operator's are lower than: each is told,
** `at` is "workflow" or "workflow/activity". */
void ml_limits_lowered(const ml_run *r, const ml_flow *f, ml_flow_fault_fn *tell,
                       void *arg);

typedef struct ml_workflow {     /* in force, or with processes */
  uint32_t no;
  ml_str name;
  uint32_t bundle;               /* 0: not in force */
  const ml_flow *flow;           /* of the bundle in force, or NULL */
} ml_workflow;
size_t ml_run_workflow_count(const ml_run *r);
const ml_workflow *ml_run_workflow_at(const ml_run *r, size_t i);
const ml_workflow *ml_run_workflow(const ml_run *r, ml_str name);   /* or NULL */
const ml_workflow *ml_run_workflow_no(const ml_run *r, uint32_t no);
/* Flow of a process's row; NULL when its bundle is not known (incident). */
const ml_flow *ml_run_flow(const ml_run *r, uint32_t bundle, uint16_t index);
/* SHA-256 of the bundle as 64 hex digits: its version. */
ml_str ml_run_bundle_version(const ml_run *r, uint32_t bundle);
/* Folders refused at the last load, as "place: text" lines; "" when none. */
ml_str ml_run_broken(const ml_run *r);

/* A row as a process; NULL with *rc (ML_NOT_FOUND: its bundle is not known).
** The caller's, to be freed. */
ml_process *ml_run_process_of(const ml_run *r, const ml_row_process *row,
                              ml_rc *rc);

/* ---- inputs ---- */

/*
** An input: an event for one process (or the start of a new one) and whom to
** answer.  Make it with ml_input_new(), let its texts lie in its arena, hand
** it over with ml_run_put(); from then on it is the run's.
*/
typedef struct ml_input ml_input;

/*
** A request that may be taken once until its moment: a signed one, whose
** signature is good by itself until then.  scope says who checks it ("hook/",
** "partner/" and a name), id is the sender's or made of the signature.
*/
typedef struct ml_replay {
  ml_str scope, id;              /* id none: nothing to look at */
  int64_t until_ms;
} ml_replay;

struct ml_input {
  ml_arena arena;
  int64_t n;                     /* process; 0: start a new one */
  uint8_t id[16];                /* compared when not zero: ML_NOT_FOUND */
  ml_str team;                   /* whose input it is: a process of another team
                                    is ML_NOT_FOUND; none: sees them all */
  ml_str workflow;               /* start: its name */
  ml_event ev;
  int64_t if_seq;                /* >= 0: ML_CONFLICT unless p->seq is it */
  bool patient;                  /* it is answered when the process rests */
  bool has_key;                  /* Idempotency-Key */
  uint8_t key[16], body_hash[16];
  int64_t parent_n;              /* start: by ctx:start / ctx:call */
  ml_str parent_act, parent_call;
  const ml_row_transaction *transaction;   /* start: by this one; its row goes
                                    into the same commit.  Or NULL */
  const ml_row_record *record;   /* written in the same commit; or NULL */
  ml_str trigger, identity;      /* start by a trigger: its occurrence, seen once */
  const ml_row_trigger *trigger_row;   /* start by a schedule: written in the same
                                    commit; or NULL */
  ml_replay replay;              /* ML_EXISTS when it was taken already; else
                                    its mark is in the commit of what it makes */
  const ml_row_share *share;     /* start for a partner: shared from the first
                                    commit (n is filled in) */
  ml_row_contact *contact;       /* start for a partner: a client to be kept */
  uint32_t partner, far;         /* from a partner, who must share the process; the
                                    number of a comment there */
  int64_t said_ms;               /* when that comment was written there */
  /* Right after the event was taken, before the commit: write the answer from
  ** the process as it now is.  NULL: none. */
  int (*render)(void *arg, const ml_process *p, const ml_flow *f,
                const ml_made *made, ml_buf *out);   /* HTTP status to keep */
  /* After the commit, or when refused: exactly once.  replayed: the answer is
  ** that of an earlier request under this key; `out` holds the stored body. */
  void (*done)(void *arg, ml_rc rc, const ml_err *e, int status,
               const ml_buf *out, bool replayed);
  void *arg;
  int64_t job;                   /* entry of a job: its end is written with what
                                    it does; 0 none */
  uint32_t job_entry;
  /* the run's */
  struct ml_input *next;
  ml_run *run;
  bool held;                     /* its replay is on its way */
  bool again;                    /* it is taken a second time */
  ml_buf out;
  int status;
  ml_err refusal;                /* rc set: what `done` will be told */
};
ml_input *ml_input_new(void);    /* NULL: out of memory */
void ml_input_free(ml_input *in);        /* only when not handed over */
void ml_run_put(ml_run *r, ml_input *in);

/*
** Tell when process n rests: nothing of it is under way here and all of it is
** on disk.  Once, from the loop; perhaps before this returns.  p, f: as it is
** on disk, for the call; NULL: it was not in memory (it rests already), or its
** batch failed: the store says how it is.
*/
typedef void ml_run_rest_fn(void *arg, const ml_process *p, const ml_flow *f);
ml_rc ml_run_rest(ml_run *r, int64_t n, ml_run_rest_fn *fn, void *arg);
void ml_run_rest_cancel(ml_run *r, int64_t n, void *arg);

/* The same for a request that makes no process: ML_OK once its mark is on disk,
** ML_EXISTS when it was taken already. */
void ml_run_replay(ml_run *r, const ml_replay *what, ml_run_done_fn *done,
                   void *arg);

/* ---- jobs of many entries (store/bulk.h) ---- */

/* What an entry's body asks, as the event of `in` (kind: ml_jobk); texts
** borrowed from the body, which lives as long as the input.  Set before
** ml_run_begin(), or entries wait. */
typedef ml_rc ml_run_entry_fn(void *arg, ml_input *in, const ml_flow *f,
                              int kind, const ml_json *body, ml_err *e);
void ml_run_bulk_reader(ml_run *r, ml_run_entry_fn *fn, void *arg);
void ml_run_bulk_look(ml_run *r);        /* a job has been written */

/* ---- reads: the store's reader, with a snapshot after every reported commit */
ml_rc ml_run_read(ml_run *r, ml_read_fn *work, ml_read_done_fn *done, void *arg);

/* ---- people, settings, tokens: small tables, cached, written through ---- */

/* Fill a batch, then: done after the commit, and the caches show it. */
typedef void ml_run_fill_fn(void *arg, ml_batch *b);
void ml_run_write(ml_run *r, ml_run_fill_fn *fill, ml_run_done_fn *done,
                  void *arg);
/* The same for tables that are not cached. */
void ml_run_write_rows(ml_run *r, ml_run_fill_fn *fill, ml_run_done_fn *done,
                       void *arg);

uint32_t ml_run_lane_no(const ml_run *r, ml_str workflow, ml_str lane);  /* 0 */
const ml_row_lane *ml_run_lane(const ml_run *r, uint32_t no);     /* or NULL */
const ml_row_user *ml_run_user(const ml_run *r, ml_str id);       /* or NULL */
const ml_row_token *ml_run_token(const ml_run *r, ml_str id);     /* or NULL */
size_t ml_run_user_count(const ml_run *r);
const ml_row_user *ml_run_user_at(const ml_run *r, size_t i);
size_t ml_run_token_count(const ml_run *r);
const ml_row_token *ml_run_token_at(const ml_run *r, size_t i);
bool ml_run_member(const ml_run *r, uint32_t lane, ml_str user);
/* Lanes of a flow that a person is in: indexes of the flow, for ml_actor. */
size_t ml_run_lanes_of(const ml_run *r, const ml_flow *f, ml_str user,
                       int16_t *out, size_t max);
/* Lane numbers a person is in, over all workflows. */
size_t ml_run_lane_nos_of(const ml_run *r, ml_str user, uint32_t *out,
                          size_t max);
/* A setting's value as JSON; none: not set (its default not looked at).  A secret
** is opened; never shown to anyone but the client that sends it. */
ml_str ml_run_setting(ml_run *r, ml_arena *a, ml_str workflow, ml_str key);
/* Set (JSON value; none: drop).  Checked by the workflow's declaration; a
** secret is sealed before it is stored. */
void ml_run_set_setting(ml_run *r, ml_str workflow, ml_str key,
                        const ml_json *value, ml_run_done_fn *done, void *arg);

/* ---- triggers ---- */

/*
** A request came for /hooks/<workflow>/<name>.  In this order: _check who sent
** it, _take from the hook's rate, then hand it to the trigger's `receive`.
** answer: JSON {"started":[ids]} or {}; ML_NOT_FOUND; ML_EXISTS: this signed
** request was taken already.
*/
typedef struct ml_hook_request {
  ml_str body;                   /* the bytes as they came */
  const ml_http_header *headers;
  size_t header_count;
} ml_hook_request;
/* ML_OK: unsigned, or signed and right; *out (texts in `a` or the request's)
** goes to ml_run_hook(), its id is the request's own.  ML_REFUSED: not so, or
** there is no such hook; ML_INVALID: its secret cannot be used.  *e is for the
** log: the sender is told 401 and no more. */
ml_rc ml_run_hook_check(ml_run *r, ml_str workflow, ml_str name,
                        const ml_hook_request *q, ml_arena *a, ml_replay *out,
                        ml_err *e);
/* One request of its rate.  false: *rate is used up for *wait_ms. */
bool ml_run_hook_take(ml_run *r, ml_str workflow, ml_str name, ml_rate *rate,
                      int64_t *wait_ms);
/* One start of the rate of a workflow's form; always true when it has none. */
bool ml_run_form_take(ml_run *r, ml_str workflow, ml_rate *rate,
                      int64_t *wait_ms);
typedef void ml_run_hook_fn(void *arg, ml_rc rc, const ml_err *e, ml_str answer);
void ml_run_hook(ml_run *r, ml_str workflow, ml_str name, ml_str request_json,
                 const ml_replay *replay, ml_run_hook_fn *fn, void *arg);
bool ml_run_hook_signed(const ml_run *r, ml_str workflow, ml_str name);
/* What its sender would put into the headers (`moonlane test`). */
typedef struct ml_hook_headers {
  ml_http_header list[3];
  size_t count;
} ml_hook_headers;
ml_rc ml_run_hook_sign(ml_run *r, ml_str workflow, ml_str name, ml_str id,
                       int64_t at_ms, ml_str body, ml_arena *a,
                       ml_hook_headers *out, ml_err *e);
/* The unguessable last part of a webhook's path: HMAC of its name. */
void ml_run_hook_token(const ml_run *r, ml_str workflow, ml_str name,
                       char out[44]);
/* Polls rest until told otherwise, or when their time comes again (tests);
** ml_run_poll_now() runs one in any case. */
void ml_run_hold_polls(ml_run *r, bool hold);
void ml_run_hold_schedules(ml_run *r, bool hold);   /* they start nothing */
/* Nothing is due by itself but what schedules will start (those never end). */
bool ml_run_only_schedules(ml_run *r);
/* Run a poll now instead of at its time. */
void ml_run_poll_now(ml_run *r, ml_str workflow, ml_str name,
                     ml_run_hook_fn *fn, void *arg);

/* A line of Lua in the sandbox (REPL): globals JSON object. */
void ml_run_eval(ml_run *r, ml_str source, ml_str globals, ml_run_hook_fn *fn,
                 void *arg);

/* ---- bundles in quarantine: their scripts killed too many workers ---- */

int64_t ml_run_quarantined(const ml_run *r, uint32_t bundle);   /* since; 0 */
size_t ml_run_quarantine_count(const ml_run *r);
/* Let the scripts of a workflow's bundles run again; lifted: how many bundles
** were in quarantine. */
void ml_run_lift(ml_run *r, ml_str workflow,
                 void (*done)(void *arg, ml_rc rc, const ml_err *e,
                              size_t lifted), void *arg);

typedef struct ml_run_stats {
  uint64_t inputs, starts, completed, slices, calls, batches, refused,
      incidents, loaded, in_memory, queued, admit_waits,
      forgotten;                 /* keys and occurrences */
  ml_http_stats http;            /* zeros when the client keeps none */
  int64_t oldest_wait_ms;
} ml_run_stats;
void ml_run_stats_get(const ml_run *r, ml_run_stats *out);

#endif
