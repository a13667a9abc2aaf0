/*
** advance.h - the state machine: (process, event) -> (changes, effects).
**
** Pure: no I/O, no clock, no random source but what is handed in, no Lua.
** ml_advance() alone changes a status, by one table of moves.  An event is
** judged whole before anything is changed: on ML_INVALID, ML_REFUSED,
** ML_CONFLICT, ML_NOT_FOUND, ML_STALE or ML_LIMIT the process is as it was.
** On ML_NOMEM it is half made and must be dropped and read again.
*/
#ifndef ML_ENGINE_ADVANCE_H
#define ML_ENGINE_ADVANCE_H

#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/rc.h"
#include "model/attempt.h"
#include "model/flow.h"
#include "model/process.h"

typedef enum ml_event_kind {
  ML_EV_STARTED,       /* data, settings; state, assign: a new process begins */
  ML_EV_ATTEMPTED,     /* no, slice, answer: a slice of a script ended */
  ML_EV_DIED,          /* no, slice, text, at: its worker died three times on it,
                          or its call may not be made: Error */
  ML_EV_ANSWERED,      /* no, slice, raw: the open call's answer (JSON); a
                          process that was called does not know the slice: 0,
                          and outcome names the call */
  ML_EV_LOST,          /* no, slice, text, after_ms: it ended as "not yet" */
  ML_EV_JUDGED,        /* truths: the `when`s of an EFFECT_JUDGE */
  ML_EV_MISJUDGED,     /* text, at: a `when` raised */
  ML_EV_WOKE,          /* look at what is due */
  ML_EV_TURNED,        /* as WOKE, and worth a commit: the wall clock was turned
                          back since the last change */
  ML_EV_RECOVERED,     /* as WOKE; and what was in flight is dispatched anew */
  ML_EV_COMPLETED,     /* no (task), who, outcome, data: a person did it */
  ML_EV_CLAIMED, ML_EV_RELEASED,   /* no (task), who */
  ML_EV_REASSIGNED,    /* no (task), who, to */
  ML_EV_SIGNALLED,     /* text (name), data */
  ML_EV_RETRIED,       /* no (activity) or 0: all; by an operator */
  ML_EV_SKIPPED,       /* no, outcome; by an operator */
  ML_EV_RESET,         /* CPBM: failed ones aside, new copies */
  ML_EV_CANCELLED,     /* text: why */
  ML_EV_COMMENTED,     /* text, visibility: for history; the row is run's.
                          no: that comment reworded, or (text none) unsaid */
  ML_EV_SHARED,        /* text: partner, raw: its process there (JSON) */
  ML_EV_EDITED,        /* edit: data, subject, state, assign, ...; with a form
                          only its fields */
  ML_EV_DELIVERED,     /* no (outgoing), data */
  ML_EV_UNDELIVERED,   /* no (outgoing), text; after_ms >= 0: again then */
  ML_EV_ERRAND,        /* errand, no (0: a new one): a task that is no activity's */
  ML_EV_DERIVED,       /* data: {id: value} of derived fields; truths: the rules
                          after it that apply, by place; outcome: not none when
                          it was a creation */
  ML_EV_MENDED,        /* text, kept: the audit found it wanting */
  ML_EV_COUNT
} ml_event_kind;

/* Who acts: a person with the lanes the person is in (of this workflow), or
** the system.  An operator may do what the lane's people may. */
typedef struct ml_actor {
  ml_str who;                   /* user id; none: the system */
  const int16_t *lanes;
  size_t lane_count;
  bool operator_;
} ml_actor;

/*
** A task of a process that no activity waits for (P3.3): somebody is to call, or
** has called ("logging": born COMPLETED, with its own time).
*/
typedef struct ml_errand {
  ml_str title;                 /* none: unchanged */
  ml_str assignee;              /* none: unchanged; "": nobody */
  bool has_due, has_status;
  int64_t due_ms;               /* 0 none */
  ml_tasks status;
  int64_t at_ms;                /* when it ended; 0: now */
  ml_str more;                  /* JSON object of what else is known of it */
} ml_errand;

typedef struct ml_event {
  ml_event_kind kind;
  ml_actor actor;
  uint32_t no;
  uint32_t slice;
  ml_str text, at;
  ml_str outcome;
  ml_str to;
  ml_str visibility;
  const ml_json *data;          /* object: field id or short id -> value */
  ml_str raw;                   /* ANSWERED: the answer as JSON text */
  ml_str settings;              /* STARTED: JSON */
  ml_str state, subject, assign;   /* EDITED; none: unchanged; "" clears */
  ml_status status;             /* EDITED with has_status */
  bool has_status, has_next_action;
  int64_t next_action_ms;
  ml_object object;             /* STARTED (team too), EDITED; as above */
  bool has_deleted, deleted;    /* EDITED */
  bool has_parent;              /* EDITED: parent_n; looked at by the caller */
  int64_t parent_n;             /* 0: none */
  int64_t after_ms;             /* LOST: Retry-After; -1 none */
  const ml_answer *answer;
  const ml_errand *errand;
  const bool *truths;
  size_t truth_count;
  const ml_form_field *form;    /* STARTED by a form: what it may fill */
  uint16_t form_count;
  const ml_mail *kept;          /* MENDED: signals whose rows are there */
  size_t kept_count;
} ml_event;

/* What happened, for history.  Texts borrowed until the next call. */
typedef struct ml_record {
  ml_told told;
  uint32_t no;                  /* activity, task or strand; 0 none */
  int32_t def;                  /* flow->activities, phases or branches */
  ml_str who;                   /* none: the system */
  ml_str text;
  ml_str data;                  /* JSON, sealed values shown as "[sealed]" */
} ml_record;

typedef enum ml_effect_kind {
  ML_DO_RUN,          /* inside: dispatch a slice of activity `no` */
  ML_DO_JUDGE,        /* inside: `when` functions at paths in `text` */
  ML_DO_CALL,         /* outside: the HTTP call of activity `no`: `text` JSON */
  ML_DO_JOURNAL,      /* inside: the entry to keep: call, kind, hash, text */
  ML_DO_SEND,         /* outside: outgoing `no` */
  ML_DO_TAKE_MAIL,    /* inside: read kept signal `mail` for activity `no`,
                         then ANSWERED with what it brought */
  ML_DO_KEEP_MAIL,    /* inside: keep a signal: mail, call (name), text (JSON) */
  ML_DO_DROP_MAIL,    /* inside: signal `mail` was given; its row goes */
  ML_DO_NEW_ATTEMPT,  /* inside: activity `no` begins a new attempt: drop the
                         journal entries that are not kept */
  ML_DO_BEGIN,        /* outside: it is stored as New; WOKE lets it begin */
  ML_DO_COUNT
} ml_effect_kind;

typedef struct ml_effect {
  ml_effect_kind kind;
  uint32_t no, slice, mail;
  ml_str mode;                  /* RUN: "run", "is_complete", "undo" */
  ml_str call;
  ml_callk call_kind;
  uint8_t hash[16];
  ml_str text;
} ml_effect;

/* Where ml_advance() puts what it made.  Zero it before the first use. */
typedef struct ml_made {
  ml_arena arena;
  ml_record *records;     size_t record_count, record_cap;
  ml_effect *effects;     size_t effect_count, effect_cap;
  uint32_t *tasks;        size_t task_count, task_cap;   /* task numbers whose
                             row changes; gone from the process = ended */
  struct ml_task_end {
    uint32_t no;
    ml_tasks status;
    ml_str who, outcome;
    uint32_t act;
    int16_t lane;
    int64_t created_ms, due_ms;
    ml_str label;               /* an errand's title; else none */
    int64_t at_ms;              /* when; 0: now */
    bool failed;                /* its outcome is a Failure */
  }      *ended;          size_t ended_count, ended_cap;
  uint32_t task_no;       /* COMPLETED: the activity it belonged to */
  uint32_t more_no;       /* ERRAND: the task, and what is known of it */
  ml_str more;
} ml_made;

void ml_made_reset(ml_made *m);   /* empty, keeps the lists' memory */
void ml_made_free(ml_made *m);

typedef struct ml_now {
  int64_t wall_ms;
  const bool *manned;           /* a flag a lane: has members; NULL: all have */
  ml_rand *rand;                /* jitter only */
  int64_t lease_ms;             /* how long a dispatch may stay unanswered */
} ml_now;

ml_rc ml_advance(const ml_flow *f, ml_process *p, const ml_event *ev,
                 const ml_now *now, ml_made *out, ml_err *e);

/*
** The activities that will begin one after the other, behind `a`, as long as
** each ends as `done`: their numbers and what they are.  A guess (follow.c); at
** most max, which may be 0.
*/
typedef struct ml_follower {
  uint32_t no;
  uint16_t def;                 /* flow->activities */
} ml_follower;
size_t ml_follow(const ml_flow *f, const ml_process *p, const ml_act *a,
                 ml_follower *out, size_t max);

/* What makes an activity move; the table is in move.c. */
typedef enum ml_turn {
  ML_TURN_BEGUN, ML_TURN_PARKED /* person, signal, moment */, ML_TURN_RESUMED,
  ML_TURN_RETURNED, ML_TURN_REFUSED /* business: Failure */,
  ML_TURN_BROKE, ML_TURN_RETRIED /* by an operator */,
  ML_TURN_SKIPPED /* by an operator */, ML_TURN_STOPPED, ML_TURN_COUNT
} ml_turn;
const char *ml_turn_name(ml_turn t);

/* The status after `on`, or -1: refused. */
int ml_move(ml_acts from, ml_turn on);

/* C6.5: run status from the statuses of the live activities. */
ml_runs ml_move_aggregate(const ml_acts *acts, size_t n, bool begun,
                          bool all_phases_done);

#endif
