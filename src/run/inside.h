/*
** inside.h - what the files of src/run share; nobody else includes it.
**
** A proc is a process in memory: its state, the inputs that wait for it, what
** it changed since its last batch (a "load" of rows, effects and answers).
** Invariants:
** 1. A proc is in the table from its first input until it is at rest, nothing
**    waits for it and nothing of it is uncommitted.
** 2. Only ml_advance() changes proc->p, only through proc_apply().
** 3. What a batch carries is released when the batch is on disk, in the order
**    in which it was made; a batch that failed drops every proc it touched.
** 4. An answer of a script or a peer names process, activity and slice; one
**    that no longer fits is dropped.
*/
#ifndef ML_RUN_INSIDE_H
#define ML_RUN_INSIDE_H

#include "model/ruleset.h"
#include "run/run.h"
#include "run/transact.h"
#include "store/webhook.h"

enum { QUARANTINE_PROCESSES = 10, QUARANTINE_MS = 600000,
       QUARANTINE_LEASE_MS = 600000,
       QUARANTINE_AFTER_S = 60 };   /* a person has to lift it */

typedef struct bundle {
  uint32_t no;
  uint8_t hash[32];
  ml_str folder;
  char version[65];
  ml_flow **flows;
  size_t flow_count;
  bool **manned;                 /* per flow, a flag a lane */
  ml_ruleset *rules;             /* of its rules.lua; never NULL */
  int64_t at_ms;
  int64_t quarantined_ms;        /* its scripts are not run since; 0: they are */
  struct { int64_t n, at_ms; } deaths[QUARANTINE_PROCESSES + 1];   /* monotonic */
  size_t death_count;            /* incidents of different processes */
} bundle;

/* An entry of an activity's journal, in memory. */
typedef struct entry {
  uint32_t act;
  uint32_t place;
  ml_entry e;
} entry;

/* An Idempotency-Key and the input whose answer it keeps. */
typedef struct keyed {
  ml_row_key row;
  ml_input *in;
} keyed;

/* Rows, effects and answers made since the last batch. */
typedef struct load {
  ml_arena arena;
  ml_row_history *history;  size_t history_count, history_cap;
  ml_row_journal *journal;  size_t journal_count, journal_cap;
  ml_row_journal *drops;    size_t drop_count, drop_cap;
  ml_row_task *tasks;       size_t task_count, task_cap;
  ml_row_mail *mails;       size_t mail_count, mail_cap;
  ml_row_task_more *mores;  size_t more_count, more_cap;
  ml_row_record *records;   size_t record_count, record_cap;
  uint32_t *mail_drops;     size_t mail_drop_count, mail_drop_cap;
  ml_row_comment *comments; size_t comment_count, comment_cap;
  ml_row_post *posts;       size_t post_count, post_cap;
  ml_row_share *shares;     size_t share_count, share_cap;
  ml_row_contact *contact;       /* of the arena; or NULL */
  struct reworded { uint32_t no; ml_str text; int64_t at_ms; }
      *reworded;            size_t reworded_count, reworded_cap;
  ml_effect *effects;       size_t effect_count, effect_cap;   /* outside */
  ml_input *answers, **answers_end;     /* inputs to be told */
  struct keyed *keys;       size_t key_count, key_cap;
  ml_row_replay *replays;   size_t replay_count, replay_cap;
  ml_str identity;               /* the occurrence that started it; or none */
  ml_row_trigger *trigger;       /* of the schedule that started it; or NULL */
  bool hasty;                    /* somebody waits for its commit */
  ml_row_transaction *transaction;   /* the one that starts it; or NULL */
  bool starved;
} load;

/* Who wants to hear that a process rests. */
typedef struct resting {
  struct resting *next;
  ml_run_rest_fn *fn;
  void *arg;
} resting;

/* What an index holds of a row that went to the store.  The texts are compared
** by place, and never read. */
typedef struct row_sent {
  int64_t due;
  ml_status status;
  ml_runs run;
  bool deleted;
  const char *state, *assigned_to;
} row_sent;
row_sent row_sent_of(const ml_process *p, int64_t due);       /* (commit.c) */

typedef struct proc {
  struct proc *chain;            /* of the table's slot */
  struct proc *next_dirty, *next_grave;
  int64_t n;
  ml_process *p;                 /* NULL: being loaded */
  const ml_flow *f;
  const bundle *b;
  ml_input *first, **end;        /* wait until it is loaded */
  resting *resting;              /* told when it leaves the table */
  load *load;                    /* made since the last batch; or NULL */
  bool dirty;                    /* in the dirty list */
  bool fresh;                    /* never in a batch: insert, not replace */
  bool renew;                    /* its lease ran out while it works here */
  bool changed;                  /* since its row was last put in a batch; a
                                    wait may begin without a record */
  bool gone;                     /* a batch of it failed: ignore what comes */
  uint32_t asked;                /* slices at the workers */
  int64_t dirty_ms;              /* since when it is dirty */
  int transaction_state;         /* of its transaction, as last put in a
                                    batch; -1: not yet */
  uint64_t seq_sent;             /* seq of the row as last put in a batch */
  row_sent sent;                 /* what else of it was there; due 0: not yet */
  uint32_t flying;               /* batches with it, not yet reaped */
  uint32_t reads;                /* reader jobs and trials of it under way: what
                                    comes from outside waits */
  uint64_t turns;                /* events it has taken */
  entry *journal;
  size_t journal_count, journal_cap;
  ml_arena journal_arena;
  ml_row_share *shares;          /* of the share arena */
  size_t share_count;
  ml_arena share_arena;
  const ml_input *taking;        /* the input being taken; or NULL */
  size_t arena_packed;           /* size of its arena after the last packing */
  ml_buf primary;                /* value of its primary key as last put in a
                                    batch; empty: none */
  int32_t primary_of;            /* the field that was */
} proc;

/* What one batch carries. */
typedef struct carried {
  struct carried *next;
  int64_t n;
  load *load;
  size_t unit;
  int64_t due;                   /* of the row it holds; 0 none */
} carried;

/* Answers that a worker made ahead, while they are being taken. */
typedef struct ahead {
  int64_t n;
  const ml_follower *behind;     /* what they are for */
  size_t count, at;              /* usable; the next one */
  bool exact;                    /* the one before wrote what it said */
  bool met;                      /* the engine asked for the next one, as: */
  uint32_t slice;
} ahead;

typedef struct flight {          /* a batch on its way */
  ml_run *run;
  carried *first, **end;
  struct writes *writes;         /* ml_run_write()s in it */
} flight;

/* A small write that rides with the next batch. */
typedef struct writes {
  struct writes *next;
  ml_run *run;
  ml_run_fill_fn *fill;
  ml_run_done_fn *done;
  void *arg;
  bool reread;                   /* small tables changed: read them again */
  size_t unit;                   /* of the batch it rides in */
  ml_rc rc;
  ml_err e;
} writes;

/* The first member of what somebody else's call-back will be given: should the
** run end before, it is freed with it, and nobody told, as at a crash. */
typedef struct owed {
  struct owed *next, **at;
  void (*forget)(struct owed *o);
} owed;

typedef struct trigger {         /* one in force */
  struct trigger *next;
  ml_run *run;
  const bundle *b;
  const ml_flow *f;
  const ml_trigger *t;
  ml_str workflow, name;
  char *state;                   /* JSON */
  size_t state_len;
  int64_t due_ms;                /* next run; 0: none */
  int64_t wait_ms;               /* of a schedule: not tried before, after it
                                    failed */
  int64_t seen_ms;               /* the clock when it was last seen; 0: never */
  bool running;
  ml_bucket bucket;              /* requests of a webhook */
  bool failed;                   /* its last run */
  uint32_t uses;                 /* runs and requests under way */
  bool stale;                    /* no longer in force: free when it ends */
} trigger;

typedef struct people {          /* the small tables, as last read */
  ml_arena arena;
  ml_row_lane *lanes;       size_t lane_count;
  ml_row_member *members;   size_t member_count;
  ml_row_user *users;       size_t user_count;
  ml_row_token *tokens;     size_t token_count;
  ml_row_setting *settings; size_t setting_count;
  ml_row_partner *partners; size_t partner_count;
  ml_row_webhook *webhooks; size_t webhook_count;
} people;

/* ---- outbox.c: messages to the outside ---- */

typedef struct post post;        /* one under way */

/* Send the head of a queue; end it once with outbox_end() or outbox_again(),
** later or at once. */
typedef struct outbox_kind {
  void (*send)(post *p);
  uint32_t attempts_max;         /* then it is set aside; 0: never */
  int64_t cap_ms;                /* longest wait between two attempts */
} outbox_kind;

typedef struct outbox {
  outbox_kind kinds[ML_POST_KINDS];
  post *open;
  size_t open_count;
  int64_t due_ms;                /* next look; 0 none */
  bool reading, again;
} outbox;

enum { TABLE_SIZE = 4096, SEEN_SLOTS = 256 };
typedef struct seen seen;       /* a signed request on its way (replay.c) */

struct ml_run {
  ml_run_conf conf;
  proc *table[TABLE_SIZE];
  size_t proc_count;
  proc *dirty, **dirty_end;
  proc *grave;                   /* gone, not yet freed */
  writes *writing, **writing_end;
  ahead *ahead;
  ml_loop_timer *hold;           /* runs while dirty ones are held back */
  bool flushing_later;
  size_t flights;                /* batches on their way */
  bool alone;                    /* the one there is carries small writes */
  int64_t next_n;
  bundle **bundles;    size_t bundle_count;
  ml_workflow *workflows; size_t workflow_count;
  ml_arena names;                /* texts of workflows, kept for good */
  people people;
  outbox outbox;
  uint32_t webhook_last;         /* number given last */
  owed *owed;                    /* what call-backs are awaited for */
  trigger *triggers;
  bool triggers_short;           /* memory was: they are those of before */
  ml_row_trigger *trigger_rows; size_t trigger_row_count;
  ml_arena trigger_arena;
  ml_buf broken;
  seen *seen[SEEN_SLOTS];
  uint32_t contact_last;         /* highest number of a contact given out */
  struct order *orders, **orders_end;   /* of partners, one after the other */
  int64_t next_transaction;
  struct asking *asking;         /* transactions under way (transact.c) */
  struct rulebook *book;         /* rules in force; NULL: none loaded yet */
  bundle **rule_bundles; size_t rule_bundle_count;   /* of rule files */
  bundle **old_rules;  size_t old_rule_count;   /* replaced ones */
  size_t busy;                   /* loads of folders, reads, evals, triggers */
  /* the scan */
  ml_loop_timer *timer;
  bool begun, scanning, first_scan, draining, stopped;
  int64_t next_due_ms;           /* earliest known; 0 none */
  int64_t scan_due_ms;           /* earliest put since the pass under way began:
                                    what it reads may be older; 0 none */
  int64_t looked_ms;             /* wall clock of the last pass */
  int64_t pause_ms;              /* after a failed batch: no pass before */
  ml_due_item paused_at;         /* where a pass waits for room, ... */
  int64_t paused_ms;             /* ... until then at most; 0: none does */
  bool paused_flight;
  ml_run_stats stats;
  struct {                       /* bulk.c */
    ml_run_entry_fn *read;
    void *arg;
    bool busy, again;            /* a piece is under way; look again after it */
    ml_loop_timer *timer;
  } bulk;
  struct {                       /* turned.c */
    int64_t seen_ms;             /* the wall clock when last looked at */
    bool on, reading;            /* a pass is under way, a page of it is read */
    uint32_t round;              /* of passes */
    ml_due_item at;              /* it has come so far */
  } turned;
  /* search.c */
  bool searching, search_again;  /* a step is under way; look again after it */
  ml_loop_timer *search_timer;
  struct patrol *patrol;         /* NULL: none */
  struct forget *forget;         /* the same */
  bool hold_schedules;
  bool full;                     /* the disk refused the last write */
  ml_loop_timer *full_timer;
  uint64_t mended;
  ml_run_done_fn *drained;
  void *drained_arg;
  ml_loop_timer *drain_timer;
};

/* proc.c, load.c */
proc *proc_find(ml_run *r, int64_t n);
proc *proc_get(ml_run *r, int64_t n);        /* finds, or begins to load it */
proc *proc_new(ml_run *r, int64_t n);        /* empty, in the table */
void proc_rest(ml_run *r, proc *pr);         /* free it if invariant 1 allows */
void proc_drop(ml_run *r, proc *pr, ml_rc rc);   /* its waiting inputs get rc */
void proc_queue(ml_run *r, proc *pr, ml_input *in);
void proc_take_waiting(ml_run *r, proc *pr);   /* what came during a read */
/* Advance by the input and keep what was made; the input is used up. */
void proc_take(ml_run *r, proc *pr, ml_input *in);
/* The same for an event from inside, without anyone to answer. */
ml_rc proc_event(ml_run *r, proc *pr, ml_event *ev);
void proc_free(proc *pr);
/* The field that is its primary key, by the version in force: it is the same one
** for processes of older ones.  -1: none. */
int32_t proc_primary(const ml_run *r, const proc *pr);
void proc_keep_primary(const ml_run *r, proc *pr);   /* as the process has it */
void proc_unlink(ml_run *r, proc *pr);       /* out of the table */
void procs_bury(ml_run *r);
ml_rc proc_add_entry(ml_run *r, proc *pr, uint32_t act, const ml_entry *e,
                     bool store);

/* The second half of taking an event: it has changed pr->p. */
void proc_settle(ml_run *r, proc *pr, const ml_event *ev, ml_input *in,
                 ml_made *made, bool was_incident, bool was_open);
ml_process *proc_copy(const proc *pr);       /* NULL: out of memory */
void now_of(const ml_run *r, const proc *pr, ml_now *now);
void proc_refuse(ml_run *r, proc *pr, ml_input *in, ml_rc rc, const ml_err *e);
void out_of_memory(ml_run *r, proc *pr, ml_input *in);   /* it is dropped */
bool is_incident(const ml_process *p);

/* trial.c: events that a script has to judge before they are taken */
bool trial_wanted(const ml_flow *f, const ml_event *ev);
ml_rc trial_begin(ml_run *r, proc *pr, ml_event *ev, ml_input *in);
/* Has it as many history records as it may? */
bool proc_is_long(const ml_run *r, const proc *pr);

/* load.c: a row as a process; NULL with *rc.  Any thread. */
ml_process *process_of_row(const ml_flow *f, const ml_row_process *row,
                           ml_rc *rc);

/* start.c */
void start_take(ml_run *r, ml_input *in);
bool input_again(ml_run *r, ml_input *in);
void input_replay(ml_run *r, ml_input *in);
void input_answer(ml_run *r, ml_input *in, ml_rc rc, const ml_err *e);
ml_str process_settings(ml_run *r, ml_arena *a, const ml_flow *f, ml_err *e);

/* rows.c */
load *load_of(proc *pr);                     /* NULL: out of memory */
void load_free(load *l);
bool load_record(load *l, const ml_row_record *r);   /* false: no memory */
/* ML_NOMEM: the rows are not all there, the proc is to be dropped. */
ml_rc rows_of_made(ml_run *r, proc *pr, const ml_made *m, int64_t now_ms);

/* commit.c */
void mark_dirty(ml_run *r, proc *pr);
void owed_add(ml_run *r, owed *o, void (*forget)(owed *o));
void owed_drop(owed *o);                     /* it was told; or never added */
void hold_over(void *run);                   /* of the timer `hold` */
void flush_soon(ml_run *r);
/* As ml_run_write(), for tables that are not cached. */
void write_quietly(ml_run *r, ml_run_fill_fn *fill, ml_run_done_fn *done,
                   void *arg);

/* replay.c: a request is on its way from _hold (done: ML_OK, or ML_EXISTS) until
** _release.  Texts of `x` are copied. */
void replay_hold(ml_run *r, const ml_replay *x, ml_run_done_fn *done,
                 void *arg);
void replay_release(ml_run *r, const ml_replay *x);   /* no id: nothing */
ml_row_replay replay_row(const ml_run *r, const ml_replay *x);
void replay_hold_input(ml_run *r, ml_input *in);      /* then put it again */
void replay_release_input(ml_run *r, ml_input *in);
void replay_keep(ml_run *r, load *l, const ml_input *in);
void replays_free(ml_run *r);

/* owner.c: for ml_ask.owner */
uint64_t owner_of(const ml_run *r, ml_str folder);
uint64_t owner_operator(const ml_run *r);

/* quarantine.c */
void quarantine_note(ml_run *r, const bundle *b, int64_t n);
/* ML_OK: its scripts may be asked.  ML_AGAIN: it is in quarantine, *e says what
** lifts it.  Whoever asks a script of a bundle looks here first. */
ml_rc quarantine_check(const bundle *b, ml_err *e);
/* May a process in flight leave the table: nothing of it is on its way? */
bool quarantine_lets_go(const proc *pr);
/* One that is held was read, with this `due`: when its lease is over it gets
** another, or the scan would find it again at once. */
void quarantine_renew(ml_run *r, proc *pr, int64_t due);
void quarantine_take(ml_run *r, const ml_row_quarantine *list, size_t n);

/* script.c: slices; call.c: HTTP and what else leaves */
void script_run(ml_run *r, proc *pr, const ml_effect *ef);
/* Is the slice at hand in r->ahead?  Then it is not asked. */
bool script_was_ahead(ml_run *r, const proc *pr, const ml_effect *ef);
void script_compare(ml_run *r, const ml_made *m, const ml_answer *a);
void script_judge(ml_run *r, proc *pr, const ml_effect *ef);
void call_send(ml_run *r, proc *pr, const ml_effect *ef);
void out_deliver(ml_run *r, proc *pr, const ml_effect *ef);
void mail_take(ml_run *r, proc *pr, const ml_effect *ef);
/* A request a script wants (JSON) as a call; texts in `a`.  Secrets of the
** workflow filled in, hosts and headers checked. */
typedef struct taking {          /* what counts as an answer */
  bool raw;                      /* whatever comes, even nothing */
  int accept;                    /* this status too; 0 none */
} taking;
ml_rc call_build(ml_run *r, ml_arena *a, const ml_flow *f, ml_str settings,
                 ml_str want, ml_str key, ml_http_call *out, taking *take,
                 ml_err *e);
/* The author's limits that are lower than the operator's go with a question;
** *room holds them until it is asked. */
void limits_ask(const ml_run *r, const ml_bounds *author, ml_bounds *room,
                ml_ask *q);
/* Flows that were read: what their fields may hold. */
void limits_flows(const ml_run *r, ml_flow **flows, size_t count);
void limits_log(const ml_run *r, const ml_flow *f);      /* what is lowered */
/* What counts for an author's script. */
uint64_t limits_of(const ml_run *r, const ml_bounds *author, ml_bound b);
/* It stands in its workflow's line. */
void call_line(const ml_run *r, const ml_flow *f, ml_http_call *call);
/* An answer as the JSON that goes into a journal, secrets redacted.
** "not yet" (SEMANTICS.md 6): *not_yet, *why, *after_ms; result none. */
ml_str call_answer(ml_run *r, ml_arena *a, const ml_flow *f,
                   const ml_http_answer *answer, taking take, bool *not_yet,
                   ml_str *why, int64_t *after_ms);

/* outbox.c */
void outbox_sender(ml_run *r, ml_postk kind, const outbox_kind *k);
const ml_row_post *outbox_row(const post *p);
ml_run *outbox_run(const post *p);
void outbox_end(post *p, ml_post_end end, const char *why);
/* Not yet: full jitter up to the kind's cap, after_ms (Retry-After) at least; set
** aside when its attempts are used up. */
void outbox_again(post *p, const char *why, int64_t after_ms);
void outbox_kick(ml_run *r);                 /* heads may be due: look */
void outbox_at(ml_run *r, int64_t ms);       /* look then */
int64_t outbox_due(ml_run *r, int64_t now_ms);   /* as triggers_due() */
void outbox_free(ml_run *r);
/* A message that goes with a proc's next commit; texts are copied.  false: out
** of memory, and the load says so. */
bool load_post(load *l, const ml_row_post *row);

/* partner.c, partner_tell.c, partner_order.c: see run/partner.h */
void partner_begin(ml_run *r);
const ml_row_partner *partner_no(const ml_run *r, uint32_t no);
const ml_row_share *share_of(const proc *pr, uint32_t partner);
/* Remember them; the second also puts the row into the next commit. */
ml_rc shares_keep(proc *pr, const ml_row_share *rows, size_t count);
ml_rc share_add(proc *pr, const ml_row_share *row);
/* What of this commit the partners of the process are told. */
void partner_tell(ml_run *r, proc *pr, load *l, const ml_made *m,
                  int64_t now_ms);
void partner_tell_comment(ml_run *r, proc *pr, load *l, const ml_row_share *s,
                          const ml_row_comment *c, int64_t now_ms);
/* Mapped fields that no longer are what the order said. */
void partner_tell_late(proc *pr, load *l, const ml_row_share *s,
                       const ml_json *sent, int64_t now_ms);
/* A request of a script for a partner (`want` has "partner"): build it; and when
** it was answered 2xx, take the process there, then go on with `ev`. */
ml_rc partner_build(ml_run *r, ml_arena *a, const proc *pr, const ml_json *want,
                    ml_str key, ml_http_call *out, ml_err *e);
/* It was made there already: the script is told its id at once. */
bool partner_known(ml_run *r, proc *pr, const ml_json *want,
                   const ml_effect *ef);
void partner_made(ml_run *r, proc *pr, ml_str want, ml_str body,
                  const ml_event *ev);
/* Sign a message to a partner: URL, headers, body. */
ml_rc partner_sign(ml_run *r, ml_arena *a, const ml_row_partner *p, ml_str key,
                   ml_str body, ml_http_call *out, ml_err *e);
/* mail.c */
/* A script's ctx:mail, with the commit of its journal's entry. */
ml_rc mail_of_entry(ml_run *r, proc *pr, const ml_effect *ef);
/* What the workflow's `notify` tells of, with the commit of those records. */
void mail_notify(ml_run *r, proc *pr, const ml_made *m, int64_t now_ms);
void mail_begin(ml_run *r);                  /* who sends them */

/* due.c */
void due_arm(ml_run *r);
void due_begin(ml_run *r);
void due_at(ml_run *r, int64_t ms);          /* something becomes due then */
void due_look(ml_run *r);
void due_all(ml_run *r);                     /* as after a start: leases count
                                                as ended */
void due_room(ml_run *r);                    /* a process has left the table */

/* turned.c */
void turned_look(ml_run *r, int64_t now_ms);     /* was the clock turned back? */
void turned_go_on(ml_run *r);                /* if a pass is under way */

/* bundle.c, folder.c */
bundle *bundle_no(const ml_run *r, uint32_t no);
bundle *bundle_hash(const ml_run *r, const uint8_t hash[32]);
void bundle_free(bundle *b);
ml_rc bundle_add(ml_run *r, bundle *b);
void bundle_man(ml_run *r);                  /* recompute who has members */
ml_workflow *workflow_named(ml_run *r, ml_str name, bool make);
ml_rc bundle_from_row(ml_run *r, const ml_row_bundle *row, ml_err *e);
void sources_pack(ml_buf *b, const ml_source *src, size_t n);
ml_rc sources_unpack(ml_arena *a, ml_str packed, ml_source **src, size_t *n);

typedef struct folder {          /* one folder as read from disk */
  struct folder *next;
  ml_arena arena;
  ml_str name;
  ml_source *sources;
  size_t source_count;
  uint8_t hash[32];
} folder;
ml_rc folders_read(const char *dir, folder **out, const ml_bounds *limits,
                   ml_flow_fault_fn *fault, void *arg);
void folders_free(folder *f);
/* Was a bundle of `dir` taken away by its author? */
bool folder_is_gone(const char *dir, ml_str name);

/* A file of rules of the configuration, as a folder with a rules.lua. */
ml_rc rule_file_read(const char *path, folder **out, const ml_bounds *limits,
                     ml_flow_fault_fn *fault, void *arg);

/* rulebook.c: the rules in force, in the order in which they are asked: the
** files of the configuration, then the folders' by name.  Never changed. */
typedef struct rulebook {
  uint32_t refs;
  size_t count;
  const bundle *files[];
} rulebook;
/* What a set of rules is held against: all sets and all names of workflows
** that there will be. */
typedef struct rule_check {
  const ml_ruleset **sets;     size_t set_count;
  ml_str *names;               size_t name_count;
} rule_check;
bool rules_check(const rule_check *c, const ml_ruleset *s, bool any_workflow,
                 const ml_str *names, size_t name_count,
                 ml_flow_fault_fn *fault, void *arg);
ml_rc rulebook_swap(ml_run *r);              /* as bundles in force say */
rulebook *rulebook_hold(rulebook *b);
void rulebook_drop(rulebook *b);             /* NULL allowed */
bool rulebook_has_type(const rulebook *b, ml_str bare);

/* transact.c */
void transacts_free(ml_run *r);              /* those under way are not told */
int transaction_state_of(const ml_process *p);      /* an ml_txs */

/* people.c */
typedef void reread_done(ml_run *r, void *arg, ml_rc rc);
void people_read(ml_run *r, reread_done *done, void *arg);
ml_str secret_value(ml_run *r, ml_arena *a, ml_str workflow, ml_str name);

/* full.c: after each batch that came back */
void full_look(ml_run *r, const ml_batch *b, ml_rc rc);
ml_rc full_told(ml_rc rc);
/* ML_UNKNOWN: stop.  Has the run been stopped? */
bool disk_lost(ml_run *r, ml_rc rc);

/* forget.c */
void forget_begin(ml_run *r);
void forget_free(ml_run *r);

/* patrol.c */
void patrol_begin(ml_run *r);
void patrol_free(ml_run *r);

/* trigger.c */
trigger *trigger_named(const ml_run *r, ml_str workflow, ml_str name);
/* A webhook's function with that request; the replay (or NULL) is held and is
** released at its end. */
void trigger_receive(ml_run *r, trigger *t, ml_str json,
                     const ml_replay *replay, ml_run_hook_fn *fn, void *arg);
void triggers_swap(ml_run *r);               /* as the workflows in force say */
int64_t triggers_due(ml_run *r, int64_t now_ms);   /* run those; next moment */
void triggers_nudge(ml_run *r, ml_str workflow);
void trigger_let_go(trigger *t);             /* a use of it has ended */
void triggers_free(ml_run *r);
ml_rc triggers_load(ml_run *r, ml_read *rd);

/* schedule.c: triggers with a plan */
void schedule_begin(trigger *t);             /* it is in force: when is it due? */
void schedule_removed(trigger *t);           /* it no longer is */
int64_t schedule_look(trigger *t, int64_t now_ms);   /* as triggers_due() */

/* webhook.c */
void webhooks_begin(ml_run *r);
void webhooks_make(ml_run *r, proc *pr, load *l);

/* bulk.c: the end of a job's entry, with what it did to process n */
void bulk_put(ml_batch *b, const ml_input *in, int64_t n);

/* search.c: keep what the workflows in force search for, and their keys */
void search_look(ml_run *r);

int64_t now_wall(const ml_run *r);
int64_t now_mono(const ml_run *r);
void busy_end(ml_run *r);
void *list_room(void *list, size_t count, size_t *cap, size_t size);
ml_str arena_str(ml_arena *a, ml_str s, bool *starved);

/* ---- redact.c ---- */

/* The forms in which the secrets of a workflow could come back. */
typedef struct redact_form {
  ml_str what, by;
  bool coded;                    /* a piece of base64: the run around it goes */
} redact_form;
typedef struct redactor {
  ml_arena a;
  redact_form *forms;
  size_t n, cap;
  bool bad;                      /* memory was short: nothing is let through */
} redactor;
void redact_open(redactor *d, ml_run *r, const ml_flow *f);
void redact_close(redactor *d);
/* Every form in *b becomes "[secret NAME]"; b->bad when memory is short. */
void redact(const redactor *d, ml_buf *b);

#endif
