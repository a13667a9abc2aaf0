/*
** store.h - the durable record: processes, history, journal, what is due.
**
** No SQL in here: calls are shaped as commands, so that a second back end can
** run the same suite (tests/store_suite.c).  Nothing here promises that two
** engines may share a store: whoever opens one holds FILE.lock.
**
** Writing   A batch gathers the rows of many changes; submit hands it to the
**           one writer (own thread, or inline), which writes everything
**           queued in one transaction and flushes it.  Only when a batch comes
**           back with ML_OK may anything leave that rests on it.
** Reading   Jobs run on one reader thread (or inline) with a short read
**           snapshot begun after the job was submitted; so a read sees every
**           commit that was reported before.  A job has five seconds; then
**           what it still asks is answered ML_TIMEOUT.
** Times     int64_t milliseconds since 1970 UTC, in names ending in _ms.
** Threads   open, submit, reap, close: the owner's thread.  Read functions
**           (ml_read_*): inside a job only.
** Results   ML_OK; ML_FULL or ML_IO: surely nothing of the batch is there;
**           ML_UNKNOWN: a flush failed, nobody can tell: stop the engine.
*/
#ifndef ML_STORE_STORE_H
#define ML_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/pack.h"
#include "base/rc.h"
#include "model/word.h"

typedef struct ml_store ml_store;
typedef struct ml_batch ml_batch;
typedef struct ml_read ml_read;

typedef struct ml_store_conf {
  const char *path;              /* ":memory:" too */
  const char *vfs;               /* SQLite VFS by name; NULL: the system's */
  bool threaded;                 /* own writer and reader thread; else inline:
                                    submit and read end before they return */
  bool read_only;                /* for commands: no lock, no writer */
  ml_clock *clock;               /* NULL: the system's */
  void (*notify)(void *arg);     /* called from a store thread: something waits
                                    to be reaped, or ml_store_state() is bad
                                    (use ml_loop_wake) */
  void *notify_arg;
  uint64_t log_max;              /* WAL bytes at which a checkpoint is due;
                                    0: 16 MiB; alarm at 4 times */
  uint32_t version_max;          /* testing: schema version to stop at; 0 all */
} ml_store_conf;

/*
** Take the lock, open (create with mode 0600), read back journal_mode and
** synchronous, bring the schema up to date (a copy FILE.before-N is made
** first when there is something to migrate), check that the schema is not newer
** than we are (ML_REFUSED, nothing touched), commit a boot record.
** ML_EXISTS: another engine holds it; *e names its pid.
*/
ml_rc ml_store_open(const ml_store_conf *conf, ml_store **out, ml_err *e);
/* Drains the writer; NULL allowed.  ML_UNKNOWN: a flush failed, if only that of
** the last checkpoint. */
ml_rc ml_store_close(ml_store *s);

/* ML_OK; ML_UNKNOWN: a flush failed, of a commit or of a checkpoint between two:
** stop the engine.  Any thread. */
ml_rc ml_store_state(const ml_store *s);
int64_t ml_store_boot(const ml_store *s);  /* number of this start, from 1 */
int64_t ml_store_boot_before_ms(const ml_store *s);   /* when the start before this
                                    one was; 0: there was none */
int64_t ml_store_last_n(const ml_store *s);   /* highest process number */
int64_t ml_store_last_transaction(const ml_store *s);   /* the same, when opened */

typedef struct ml_store_stats {
  uint64_t commits, syncs, rows, batches, units, checkpoints, checkpoint_busy,
      log_bytes, db_bytes, reads;
} ml_store_stats;
void ml_store_stats_get(const ml_store *s, ml_store_stats *out);

/* ---- rows ---- */

/* What of the columns that an index holds differs from the row as it is: it says
** which statement to try first, no more.  One that is wrong costs a statement. */
typedef enum ml_indexed {
  ML_INDEXED_ANY,                /* whatever; not known */
  ML_INDEXED_DUE,                /* due alone */
  ML_INDEXED_SAME                /* none */
} ml_indexed;

typedef struct ml_row_process {
  int64_t n;
  uint8_t id[16];
  uint32_t workflow;             /* number of its name */
  uint32_t bundle;
  uint16_t flow_index;
  ml_status status;
  ml_runs run;
  bool deleted;
  uint64_t seq;
  uint64_t seq_was;              /* writing: the seq it was computed from; 0: new */
  ml_indexed indexed;            /* writing: what differs */
  int64_t created_ms, updated_ms, completed_ms, cancelled_ms, next_action_ms,
      first_assigned_ms, last_assigned_ms;
  int64_t due;                   /* 0 none; > 0 moment; < 0 in flight, lease */
  int64_t parent_n;
  ml_str subject, state, assigned_to, first_assigned_to, created_by;
  ml_str data;                   /* JSON object */
  ml_str rest;                   /* packed */
} ml_row_process;

typedef struct ml_row_task {
  int64_t n;
  uint32_t no, act;
  uint32_t lane;                 /* number of the lane (workflow + lane id) */
  ml_tasks status;
  int64_t created_ms, due_ms, ended_ms;
  ml_str assignee, label, title, outcome;
  bool failed;                   /* its outcome was declared a Failure */
} ml_row_task;

/* Records of one process; one that is numbered higher is ML_LIMIT. */
enum { ML_STORE_HISTORY_MAX = (1 << 24) - 1 };

typedef struct ml_row_history {  /* seq runs 1..n in each process */
  int64_t n;
  uint64_t seq;
  int64_t at_ms;
  ml_told told;
  uint32_t no;
  ml_str name;                   /* label of activity, name of phase, ... */
  ml_str who, text, data;
} ml_row_history;

typedef struct ml_row_journal {
  int64_t n;
  uint32_t act;                  /* activity number */
  ml_str call;
  ml_callk kind;
  uint32_t attempt;
  uint32_t place;                /* order in the attempt, from 1 */
  uint8_t hash[16];
  int64_t at_ms;
  ml_str answer;                 /* JSON */
} ml_row_journal;

typedef struct ml_row_comment {
  int64_t n;
  uint32_t no;                   /* 1.. in its process */
  int64_t at_ms;
  ml_str who, text, visibility;
  int64_t edited_ms;             /* 0: as it was written */
  bool removed;                  /* its text is gone */
  uint32_t partner, far;         /* from there, with that number there; 0 */
} ml_row_comment;

typedef struct ml_row_mail {     /* a signal not yet awaited */
  int64_t n;
  uint32_t no;
  int64_t at_ms;
  ml_str name, data;
} ml_row_mail;

/* An Idempotency-Key: what was asked under it and what was answered. */
typedef struct ml_row_key {
  uint8_t key[16];               /* hash of scope and key */
  uint8_t body[16];              /* hash of the request */
  int64_t age_ms;                /* ml_store_age() when it came (age.h) */
  int32_t status;                /* HTTP */
  ml_str answer;                 /* body */
} ml_row_key;

typedef struct ml_row_transaction {
  int64_t n;
  uint8_t id[16];
  ml_txs state;
  int64_t created_ms, ended_ms;
  int64_t process_n;             /* 0: it started none */
  uint32_t workflow;             /* number of its name; 0 none */
  ml_str type, tenant, rule, message, who;
  ml_str once;                   /* see run/transact.h; or none */
  ml_str payload;                /* JSON object */
} ml_row_transaction;

typedef struct ml_row_bundle {
  uint32_t no;
  uint8_t hash[32];
  ml_str folder;
  ml_str sources;                /* packed: count, name, text, ... */
  ml_str tree;                   /* definition as JSON */
  int64_t at_ms;
} ml_row_bundle;

typedef struct ml_row_workflow {
  uint32_t no;
  ml_str name;
  uint32_t bundle;               /* in force; 0: none any more */
  uint16_t flow_index;
} ml_row_workflow;

typedef struct ml_row_trigger {
  ml_str workflow, name;
  ml_str state;                  /* JSON */
  int64_t due_ms;                /* next run; 0 none */
  int64_t removed_ms;            /* 0: in force */
} ml_row_trigger;

typedef struct ml_row_lane { uint32_t no; ml_str workflow, lane; } ml_row_lane;
typedef struct ml_row_member { uint32_t lane; ml_str user; } ml_row_member;
typedef struct ml_row_user {
  ml_str id, name, email;
  bool active;
  ml_str team;                   /* what the person may see; none: everything */
} ml_row_user;
typedef struct ml_row_token {
  ml_str id;                     /* public part */
  uint8_t hash[32];              /* SHA-256 of the secret part */
  ml_str user;                   /* or none */
  ml_str scopes;                 /* "read operate hook:orders" */
  int64_t created_ms, expires_ms;
  ml_str team;                   /* of a token without a person; or none */
} ml_row_token;
typedef struct ml_row_setting { ml_str workflow, key, value; bool secret; }
    ml_row_setting;              /* value: JSON, or sealed bytes */

/* A message to the outside (a mail, a webhook, a partner's), made in the
** commit of what it tells of.  Messages of one queue leave one after the other. */
typedef struct ml_row_post {
  int64_t no;                    /* order of making; the store's */
  ml_postk kind;
  ml_str queue;                  /* "hook:3:17": those of it keep their order */
  int64_t n;                     /* process it tells of; 0 none */
  ml_str key;                    /* the same at each attempt */
  int64_t at_ms;
  int64_t due_ms;                /* next attempt; 0: another is before it, or it
                                    is aside */
  uint32_t attempts;             /* that ended */
  bool aside;                    /* given up, until somebody resends it */
  ml_str why;                    /* of the last attempt; none */
  ml_str body;                   /* what its kind's sender understands */
} ml_row_post;

/* Another engine with which processes are shared. */
typedef struct ml_row_partner {
  uint32_t no;
  ml_str link;                   /* the relation's id, the same on both sides */
  ml_str name;                   /* what we call the other side */
  ml_str url;                    /* none: not yet known */
  ml_links state;
  ml_str secret, before;         /* sealed; before: taken until before_ms */
  int64_t before_ms, made_ms;
} ml_row_partner;
typedef struct ml_row_partner_told {   /* who did what to a link */
  int64_t no;
  uint32_t partner;
  int64_t at_ms;
  ml_str what, who, text;        /* who: none: the other side */
} ml_row_partner_told;
typedef struct ml_row_share {    /* a process and its like at a partner's */
  int64_t n;
  uint32_t partner;
  ml_str far;                    /* its id there */
  bool ours;                     /* it began here */
  bool client_only;              /* only comments a client may read cross */
  ml_str fields;                 /* JSON: our field -> key there */
} ml_row_share;
typedef struct ml_row_contact {
  uint32_t no;
  ml_str name, email, phone;
} ml_row_contact;
/* Ids of others that a process carries, to be searched; without any: none. */
typedef struct ml_row_object {
  int64_t n;
  ml_str team, entity, record, belongs_to, booking;
} ml_row_object;

/* What else is known of a task that is no activity's. */
typedef struct ml_row_task_more {
  int64_t n;
  uint32_t no;
  ml_str more;                   /* JSON object */
} ml_row_task_more;

/* What a process is about; no state of its own. */
typedef struct ml_row_record {
  ml_str id;                     /* UUID */
  ml_str entity, team, created_by;
  ml_str data, derived;          /* JSON objects; derived: or none */
  int64_t created_ms, updated_ms;
  int64_t was_ms;                /* writing: the updated_ms it was computed from;
                                    0: a new one */
  bool deleted;
} ml_row_record;

/* ---- writing ---- */

/* A batch that is NULL-safe for memory: a failed put makes it bad, and submit
** answers ML_NOMEM without having written anything. */
ml_batch *ml_batch_new(ml_store *s);
void ml_batch_free(ml_batch *b);
bool ml_batch_bad(const ml_batch *b);
size_t ml_batch_size(const ml_batch *b);       /* bytes gathered */
size_t ml_batch_units(const ml_batch *b);

/*
** All puts between two _unit calls belong together: when one of them fails
** (a stale seq, a taken key), the unit is left out and its rc says why; the
** others stand.  Returns the unit's index.
*/
size_t ml_batch_unit(ml_batch *b);
ml_rc ml_batch_unit_rc(const ml_batch *b, size_t unit);   /* after the commit */

/* Texts are copied.  A process with seq_was == 0 is inserted (ML_EXISTS when
** the number is taken), else it replaces the row with exactly that seq
** (ML_STALE).  Put a process at most once a batch. */
void ml_batch_process(ml_batch *b, const ml_row_process *r);
void ml_batch_task(ml_batch *b, const ml_row_task *r);        /* insert or replace */
void ml_batch_history(ml_batch *b, const ml_row_history *r);  /* append; rows of one
                          process put in a row are stored as one packed record */
void ml_batch_journal(ml_batch *b, const ml_row_journal *r);  /* insert or replace */
void ml_batch_journal_drop(ml_batch *b, int64_t n, uint32_t act, ml_str call);
void ml_batch_comment(ml_batch *b, const ml_row_comment *r);
void ml_batch_mail(ml_batch *b, const ml_row_mail *r);
void ml_batch_mail_drop(ml_batch *b, int64_t n, uint32_t no);
void ml_batch_key(ml_batch *b, const ml_row_key *r);          /* ML_EXISTS */
void ml_batch_transaction(ml_batch *b, const ml_row_transaction *r);   /* insert */
/* What its process came to; nothing else of the row changes. */
void ml_batch_transaction_state(ml_batch *b, int64_t n, ml_txs state,
                                int64_t ended_ms, ml_str message);
void ml_batch_bundle(ml_batch *b, const ml_row_bundle *r);
void ml_batch_workflow(ml_batch *b, const ml_row_workflow *r);
void ml_batch_trigger(ml_batch *b, const ml_row_trigger *r);
/* An occurrence a trigger has seen; ML_EXISTS when it is there already. */
void ml_batch_occurrence(ml_batch *b, ml_str workflow, ml_str trigger,
                         ml_str identity, int64_t age_ms, int64_t n);
void ml_batch_lane(ml_batch *b, const ml_row_lane *r);
void ml_batch_member(ml_batch *b, const ml_row_member *r, bool in);
void ml_batch_user(ml_batch *b, const ml_row_user *r);
void ml_batch_token(ml_batch *b, const ml_row_token *r);
void ml_batch_token_drop(ml_batch *b, ml_str id);
void ml_batch_setting(ml_batch *b, const ml_row_setting *r);  /* no value: drop */
void ml_batch_object(ml_batch *b, const ml_row_object *r);    /* replaces */
void ml_batch_record(ml_batch *b, const ml_row_record *r);    /* ML_STALE unless
                          it is at was_ms; team and created_by stay */
void ml_batch_task_more(ml_batch *b, const ml_row_task_more *r);

/* Another text, or none: its text is taken away. */
void ml_batch_comment_edit(ml_batch *b, int64_t n, uint32_t no, ml_str text,
                           int64_t at_ms);
void ml_batch_partner(ml_batch *b, const ml_row_partner *r);  /* ML_EXISTS: the
                          name or the link is taken */
void ml_batch_partner_told(ml_batch *b, const ml_row_partner_told *r);
void ml_batch_share(ml_batch *b, const ml_row_share *r);      /* ML_EXISTS */
void ml_batch_contact(ml_batch *b, const ml_row_contact *r);

/* The outbox: append (no, attempts, aside, why are the store's; due_ms is for
** when it comes to the head of its queue); then one of four ends.  Whatever the
** end, the queue's next one becomes due at `now_ms`. */
void ml_batch_post(ml_batch *b, const ml_row_post *r);
typedef enum ml_post_end {
  ML_POST_DONE,                  /* it has arrived: the row goes */
  ML_POST_AGAIN,                 /* not yet: due at due_ms, attempts + 1 */
  ML_POST_ASIDE,                 /* given up: kept, the queue goes on */
  ML_POST_RESEND                 /* one that was given up goes back to its place */
} ml_post_end;
void ml_batch_post_end(ml_batch *b, int64_t no, ml_str queue, ml_post_end end,
                       ml_str why, int64_t due_ms, int64_t now_ms);
size_t ml_batch_posts(const ml_batch *b);      /* appended to the outbox */

/*
** A value that at most one process of the workflow has at a time (a primary
** key).  Put it in the unit of the process's own row: ML_EXISTS for the unit
** when another process has it; the same process may put it again.  Giving up a
** value of another process changes nothing.  Values: any text.
*/
void ml_batch_unique(ml_batch *b, uint32_t workflow, ml_str field,
                     ml_str value, int64_t n);
void ml_batch_unique_drop(ml_batch *b, uint32_t workflow, ml_str field,
                          ml_str value, int64_t n);

/*
** A request that was taken, to be refused when it comes again before until_ms
** (SECURITY: signed ones).  Put it in the unit of what the request made, or in
** one of its own: ML_EXISTS when it was there and its time is not over at
** at_ms.  Each put forgets a few whose time is over.
*/
typedef struct ml_row_replay {
  ml_str scope, id;              /* who checks it; what the sender calls it */
  int64_t at_ms, until_ms;
} ml_row_replay;
void ml_batch_replay(ml_batch *b, const ml_row_replay *r);

/* A bundle whose scripts are not run since at_ms (0: they are again). */
typedef struct ml_row_quarantine { uint32_t bundle; int64_t at_ms; }
    ml_row_quarantine;
void ml_batch_quarantine(ml_batch *b, uint32_t bundle, int64_t at_ms);
/* A small write that changes nothing anybody reads: is there room? */
void ml_batch_probe(ml_batch *b);

/* Hand over; done(arg, rc) is called from ml_store_reap() (inline: from reap
** too) with the batch, which is then the caller's again to free.  Only for a
** NULL batch (no memory for one) it is called at once, with ML_NOMEM. */
typedef void ml_batch_fn(void *arg, ml_batch *b, ml_rc rc);
void ml_store_submit(ml_store *s, ml_batch *b, ml_batch_fn *done, void *arg);
size_t ml_store_pending(const ml_store *s);    /* batches not yet reaped */

/* ---- reading ---- */

/* work runs with a reader, off the owner's thread when threaded; done on the
** owner's thread from ml_store_reap().  arg is touched by one at a time. */
typedef void ml_read_fn(void *arg, ml_read *r);
typedef void ml_read_done_fn(void *arg);
ml_rc ml_store_read(ml_store *s, ml_read_fn *work, ml_read_done_fn *done,
                    void *arg);

/* Call the done functions of everything that has finished.  Call it when
** notified, and after submit or read when inline. */
void ml_store_reap(ml_store *s);
void ml_store_wait(ml_store *s);   /* block until nothing is pending; reaps */

/* Rows come back in the arena.  ML_NOT_FOUND, ML_CORRUPT, ML_IO. */
ml_rc ml_read_process(ml_read *r, ml_arena *a, int64_t n, ml_row_process *out);
ml_rc ml_read_journal(ml_read *r, ml_arena *a, int64_t n, uint32_t act,
                      ml_row_journal **out, size_t *count);   /* 0: all acts */
ml_rc ml_read_history(ml_read *r, ml_arena *a, int64_t n, uint64_t after_seq,
                      size_t limit, ml_row_history **out, size_t *count);
ml_rc ml_read_comments(ml_read *r, ml_arena *a, int64_t n, uint32_t after_no,
                       size_t limit, ml_row_comment **out, size_t *count);
ml_rc ml_read_comment_last(ml_read *r, int64_t n, uint32_t *no);
ml_rc ml_read_mail(ml_read *r, ml_arena *a, int64_t n, ml_row_mail **out,
                   size_t *count);
ml_rc ml_read_key(ml_read *r, ml_arena *a, const uint8_t key[16],
                  ml_row_key *out);
ml_rc ml_read_tasks_of(ml_read *r, ml_arena *a, int64_t n, ml_row_task **out,
                       size_t *count);                        /* ended ones too */

/* Who has the value: its number, or its row.  ML_NOT_FOUND: nobody. */
ml_rc ml_read_unique(ml_read *r, uint32_t workflow, ml_str field,
                     ml_str value, int64_t *n);
ml_rc ml_read_by_key(ml_read *r, ml_arena *a, uint32_t workflow, ml_str field,
                     ml_str value, ml_row_process *out);

/* Until when a request counts as taken; ML_NOT_FOUND: it was not. */
ml_rc ml_read_replay(ml_read *r, ml_str scope, ml_str id, int64_t *until_ms);

/* Numbers of processes whose moment has come (0 < due <= now) or whose lease
** has ended, oldest first, after (due, n) exclusive.  A lease (due < 0) has ended
** at -due; and when -due is further ahead than lease_ms, the longest lease there
** is: then the wall clock was turned back since.  0: all leases count as ended
** (first scan after a start).  Out: pairs.  And the next moment at all (0:
** none). */
typedef struct ml_due_item { int64_t due, n; } ml_due_item;
ml_rc ml_read_due(ml_read *r, int64_t now_ms, int64_t lease_ms,
                  ml_due_item after, ml_due_item *out, size_t limit,
                  size_t *count);
ml_rc ml_read_next_due(ml_read *r, int64_t *due_ms);
/* When process n was changed last. */
ml_rc ml_read_updated(ml_read *r, int64_t n, int64_t *ms);

/* Filters; 0 / none / -1 = any.  Newest first; `before_n` (0: from the top) is
** the cursor.  `rest` and `data` are filled.
** `more`, when not NULL, gets the before_n of the next page (0: this was the
** last one) and bounds the work: a page looks at so many rows at most, so with
** a rare filter it may be short, or empty, and yet have a next one.  With NULL
** it looks as far as it must. */
typedef struct ml_find_process {
  uint32_t workflow;
  int status, run;               /* -1 any */
  ml_str state, assigned_to;
  int64_t parent_n;
  ml_str team;                   /* the wall; none: not looked at */
  ml_str entity, record, belongs_to, booking;
  bool deleted;                  /* also deleted ones */
  int64_t before_n;
  size_t limit;
  int64_t *more;
} ml_find_process;
ml_rc ml_read_processes(ml_read *r, ml_arena *a, const ml_find_process *f,
                        ml_row_process **out, size_t *count);

/* Open tasks offered to any of `lanes` (nobody's yet) or allocated to `user`,
** oldest first, after (n, no).  lanes NULL and user none: all open.  `more` as
** above: where the next page begins, n 0 at the end. */
typedef struct ml_task_at { int64_t n; uint32_t no; } ml_task_at;
typedef struct ml_find_task {
  const uint32_t *lanes;
  size_t lane_count;             /* at most 64 */
  ml_str team;                   /* of its process; none: not looked at */
  bool any_lane;                 /* operators: all lanes */
  ml_str user;
  int status;                    /* ML_TASK_OPEN by default; -1 any */
  int64_t after_n;
  uint32_t after_no;
  size_t limit;
  ml_task_at *more;
} ml_find_task;
ml_rc ml_read_tasks(ml_read *r, ml_arena *a, const ml_find_task *f,
                    ml_row_task **out, size_t *count);

/* The outbox: heads of queues that are due, oldest first; one; all after `no` in
** their order (aside: only those given up).  Next moment after now (0: none).
** One whose moment is further ahead than wait_ms, the longest wait there is, is
** due as well: the wall clock was turned back since. */
ml_rc ml_read_posts_due(ml_read *r, ml_arena *a, int64_t now_ms,
                        int64_t wait_ms, size_t limit, ml_row_post **out,
                        size_t *count);
ml_rc ml_read_post_next(ml_read *r, int64_t now_ms, int64_t *due_ms);
ml_rc ml_read_post(ml_read *r, ml_arena *a, int64_t no, ml_row_post *out);
ml_rc ml_read_posts(ml_read *r, ml_arena *a, bool aside, int64_t after_no,
                    size_t limit, ml_row_post **out, size_t *count);
/* How many wait, how many are aside, when the oldest that waits was made (0). */
ml_rc ml_read_post_counts(ml_read *r, int64_t *waiting, int64_t *aside,
                          int64_t *oldest_ms);
/* ML_OK: process n is of this team; ML_NOT_FOUND: it is not. */
ml_rc ml_read_team_is(ml_read *r, int64_t n, ml_str team);
ml_rc ml_read_object(ml_read *r, ml_arena *a, int64_t n, ml_row_object *out);
ml_rc ml_read_task_more(ml_read *r, ml_arena *a, int64_t n, uint32_t no,
                        ml_row_task_more *out);
ml_rc ml_read_record(ml_read *r, ml_arena *a, ml_str id, ml_row_record *out);

ml_rc ml_read_partners(ml_read *r, ml_arena *a, ml_row_partner **out,
                       size_t *count);
ml_rc ml_read_partner_tolds(ml_read *r, ml_arena *a, uint32_t partner,
                            int64_t after_no, size_t limit,
                            ml_row_partner_told **out, size_t *count);
ml_rc ml_read_shares(ml_read *r, ml_arena *a, int64_t n, ml_row_share **out,
                     size_t *count);
/* The one for that process there. */
ml_rc ml_read_share_far(ml_read *r, ml_arena *a, uint32_t partner, ml_str far,
                        ml_row_share *out);
/* The comment that has number `far` at that partner's. */
ml_rc ml_read_comment_far(ml_read *r, ml_arena *a, int64_t n, uint32_t partner,
                          uint32_t far, ml_row_comment *out);
/* The first one with this address, else with this number; texts or none. */
ml_rc ml_read_contact(ml_read *r, ml_arena *a, ml_str email, ml_str phone,
                      ml_row_contact *out);
ml_rc ml_read_contact_last(ml_read *r, uint32_t *no);
/* Messages that wait in the queues whose names begin so; when the oldest of them
** was made (0). */
ml_rc ml_read_posts_of(ml_read *r, ml_str queues, int64_t *waiting,
                       int64_t *oldest_ms);
/* Transactions, newest first; filters and `more` as for processes. */
typedef struct ml_find_transaction {
  ml_str type, tenant;
  int state;                     /* -1 any */
  int64_t before_n;
  size_t limit;
  int64_t *more;
} ml_find_transaction;
ml_rc ml_read_transactions(ml_read *r, ml_arena *a,
                           const ml_find_transaction *f,
                           ml_row_transaction **out, size_t *count);
ml_rc ml_read_transaction(ml_read *r, ml_arena *a, int64_t n,
                          ml_row_transaction *out);
/* The one that started process n.  ML_NOT_FOUND. */
ml_rc ml_read_transaction_of(ml_read *r, ml_arena *a, int64_t process_n,
                             ml_row_transaction *out);
/* The newest of this tenant and type, older than before_n, that is Running.
** And: the newest Completed by a workflow, with this `once`.  ML_NOT_FOUND. */
ml_rc ml_read_transaction_active(ml_read *r, ml_str tenant, ml_str type,
                                 int64_t before_n, int64_t *n);
ml_rc ml_read_transaction_once(ml_read *r, ml_str tenant, ml_str type,
                               ml_str once, int64_t *n);

/* Small tables, whole. */
ml_rc ml_read_bundles(ml_read *r, ml_arena *a, ml_row_bundle **out,
                      size_t *count);          /* without sources and tree */
ml_rc ml_read_bundle(ml_read *r, ml_arena *a, uint32_t no, ml_row_bundle *out);
ml_rc ml_read_workflows(ml_read *r, ml_arena *a, ml_row_workflow **out,
                        size_t *count);
ml_rc ml_read_triggers(ml_read *r, ml_arena *a, ml_row_trigger **out,
                       size_t *count);
ml_rc ml_read_occurrence(ml_read *r, ml_str workflow, ml_str trigger,
                         ml_str identity, int64_t *n);
ml_rc ml_read_lanes(ml_read *r, ml_arena *a, ml_row_lane **out, size_t *count);
ml_rc ml_read_members(ml_read *r, ml_arena *a, ml_row_member **out,
                      size_t *count);
ml_rc ml_read_users(ml_read *r, ml_arena *a, ml_row_user **out, size_t *count);
ml_rc ml_read_tokens(ml_read *r, ml_arena *a, ml_row_token **out, size_t *count);
ml_rc ml_read_settings(ml_read *r, ml_arena *a, ml_str workflow,
                       ml_row_setting **out, size_t *count);  /* none: all */
ml_rc ml_read_quarantines(ml_read *r, ml_arena *a, ml_row_quarantine **out,
                          size_t *count);
/* Counts for lists and metrics: open processes, open tasks, incidents. */
ml_rc ml_read_counts(ml_read *r, int64_t *open, int64_t *tasks,
                     int64_t *incidents);

#endif
