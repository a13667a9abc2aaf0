/*
** process.h - a process in memory, and the bytes it is stored as.
**
** What the engine needs to go on, nothing more: strands (running lists of
** phases), the activities of their current phases, open tasks, values.
** What was is history.  Texts live in the process's own arena; lists grow by
** ml_mem.  ml_process_pack() and _unpack() are exact inverses: packing what
** was unpacked gives the same bytes (replay tests rest on it).
*/
#ifndef ML_MODEL_PROCESS_H
#define ML_MODEL_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/pack.h"
#include "base/rc.h"
#include "model/flow.h"
#include "model/word.h"

/* A running list of phases: the workflow's own, or a branch's. */
typedef struct ml_strand {
  uint32_t no;
  uint32_t parent;        /* strand it was started in; 0: the first one */
  uint16_t list;          /* flow->lists */
  uint16_t phase;         /* flow->phases: where it stands */
  bool ended;             /* joined; kept until its parent's phase ends */
  bool judging;           /* waits for the `when`s of its phase */
  bool stuck;             /* one of them raised, or its phase may not be entered
                             once more: an operator's retry looks again */
  uint32_t slice;         /* counts the times they were asked */
  uint16_t *entered;      /* how often each phase of the list was entered;
                             phase_count numbers */
} ml_strand;

/* A call that was asked and is not finished: the next attempt must ask the
** same under this name (its hash), or nothing is sent. */
typedef struct ml_asked {
  ml_str call;            /* "put.1" */
  uint8_t hash[16];       /* of method, URL, headers, body */
} ml_asked;

typedef struct ml_act {
  uint32_t no;            /* its id is "<process id>-<no>" */
  uint32_t strand;
  uint16_t def;           /* flow->activities */
  ml_acts status;
  ml_wait wait;
  bool aside;             /* failed, set aside by a reset */
  bool asking;            /* run is done, is_complete is being asked */
  uint32_t attempt;       /* 1 for the first; 0: not begun */
  uint32_t retries;       /* "not yet" answers so far */
  uint32_t slice;         /* counts dispatches: an answer to an older one is
                             stale */
  uint32_t logged;        /* lines of this attempt's log in the history */
  uint32_t mail;          /* the signal it is being given; 0 none */
  int64_t began_ms;       /* first attempt; 0: not begun */
  int64_t due_ms;         /* when the wait ends by itself; 0: never */
  int64_t limit_ms;       /* end of this attempt (timeout); 0 none */
  int64_t give_up_ms;     /* end of all attempts; 0 none */
  ml_str call;            /* the open call: "put.1", "sleep.1"; or none */
  ml_callk call_kind;
  ml_str call_arg;        /* sleep: none; await: signal name; ... */
  ml_str outcome;         /* when Success */
  ml_str message;         /* why Failure, Error or waiting */
  ml_str at;              /* "activities/x.lua:12" of an Error */
  ml_asked *asked;
  uint32_t asked_count;
} ml_act;

typedef struct ml_task {
  uint32_t no;            /* its id is "<process id>-<no>" */
  uint32_t act;           /* activity */
  int16_t lane;
  ml_tasks status;        /* open ones only are kept here */
  ml_str assignee;        /* none: offered to the lane */
  int64_t created_ms, due_ms, remind_ms, escalate_ms;   /* 0 none */
  bool overdue;           /* told once */
  ml_str form;            /* ctx:ask: its own JSON; else none; of a task that is
                             no activity's (act 0): its title */
} ml_task;

/* Who did a lane's first task here (SEMANTICS.md 14). */
typedef struct ml_lane_person {
  int16_t lane;
  ml_str person;
} ml_lane_person;

/* A signal kept until awaited; what it brought is a row of its own. */
typedef struct ml_mail {
  uint32_t no;
  ml_str name;
} ml_mail;

enum { ML_MAIL_MAX = 100 };

/* Something that must leave, at least once: kept until told it did. */
typedef enum ml_outk { ML_OUT_TELL /* a finished call: to the parent */,
                       ML_OUT_START /* start another process */,
                       ML_OUT_EMIT /* a transaction, for the rules */,
                       ML_OUT_COUNT } ml_outk;
typedef struct ml_outgoing {
  uint32_t no;
  ml_outk kind;
  uint32_t act;           /* activity it serves; 0 none */
  uint32_t tries;
  int64_t due_ms;         /* next try; 0: under way */
  ml_str name;            /* START: workflow; TELL: process id; EMIT: type */
  ml_str key;             /* idempotency key */
  ml_str payload;         /* JSON */
} ml_outgoing;

/*
** What a process is about and whose it is: ids of others, kept as they came
** and never looked into.  Most processes have none of them; then they cost
** nothing in the row.
*/
typedef struct ml_object {
  ml_str team;            /* a wall: set when it begins, never changed */
  ml_str entity, record, belongs_to, booking;
} ml_object;

enum { ML_OBJECT_ID_MAX = 200 };  /* bytes of one of them */

typedef struct ml_process {
  ml_arena arena;
  /* columns of its row */
  int64_t n;              /* the store's number; ids hold it */
  uint8_t id[16];
  uint32_t bundle;        /* the store's number of its bundle */
  uint16_t flow_index;    /* which of the bundle's workflows */
  ml_status status;
  ml_runs run;
  uint64_t seq;           /* number of its last history record */
  int64_t created_ms, updated_ms, completed_ms, cancelled_ms;   /* 0: not */
  ml_str subject;
  ml_str state;           /* business state's id, or none */
  ml_str assigned_to, first_assigned_to, created_by;
  int64_t first_assigned_ms, last_assigned_ms, next_action_ms;
  bool deleted;
  int64_t parent_n;       /* 0: none */
  bool object_changed;    /* since its row of ids was last written */
  /* the packed rest */
  ml_object object;
  uint32_t next_no;       /* next strand, activity or task number; from 1 */
  ml_str *data;           /* canonical JSON a field, or none; field_count */
  uint16_t field_count;
  ml_str settings;        /* JSON it began with; secrets as handles */
  ml_str message;         /* of the run: why Failure or Error */
  ml_strand *strands;        uint32_t strand_count;
  ml_act *acts;              uint32_t act_count;
  ml_task *tasks;            uint32_t task_count;
  ml_lane_person *people;    uint32_t people_count;
  ml_outgoing *outs;         uint32_t out_count;
  ml_mail *mails;            uint32_t mail_count;   /* oldest first */
  int64_t transaction_n;  /* the transaction that started it; 0: none */
  ml_str parent_act;      /* "<parent id>-<no>" and call, when called */
  ml_str parent_call;
} ml_process;

/* A new one, empty, on `f`.  NULL: out of memory. */
ml_process *ml_process_new(const ml_flow *f);
void ml_process_free(ml_process *p);                 /* NULL allowed */

/* A copy of a text in the process's arena; none stays none.  *ok turns false
** when memory is short. */
ml_str ml_process_text(ml_process *p, ml_str s, bool *ok);

/*
** The packed rest (everything that is no column; data not: it is a column of
** its own, an object in field order without missing values).  Unpack checks
** every index against `f`; ML_CORRUPT when the bytes are not such a record.
*/
void ml_process_pack(const ml_process *p, const ml_flow *f, ml_buf *out);
ml_rc ml_process_unpack(ml_process *p, const ml_flow *f, ml_str packed);
/* Its ids without its flow, out of the packed rest; borrowed.  None are "none";
** what is damaged has none. */
void ml_process_peek(ml_str packed, ml_object *out);
bool ml_object_any(const ml_object *o);
/* The value of a primary key as it is taken: one in each team. */
void ml_object_key(ml_buf *out, ml_str team, ml_str value);
void ml_process_pack_data(const ml_process *p, const ml_flow *f, ml_buf *out);
ml_rc ml_process_unpack_data(ml_process *p, const ml_flow *f, ml_str json);

/* Is something under way that only this engine's memory holds: a slice, a
** call, a delivery?  Then a restart must dispatch it anew. */
bool ml_process_in_flight(const ml_process *p);
/* The next moment at which something is due; 0: none. */
int64_t ml_process_next_ms(const ml_process *p);
/*
** What is next, as its row says it (SEMANTICS.md 22): 0 nothing timed (a
** person, a signal, or at its end); > 0 a moment; < 0 in flight, and minus that
** is when to look again: the end of the lease, or an earlier moment.
*/
int64_t ml_process_due(const ml_process *p, int64_t lease_end_ms);

ml_act *ml_process_act(const ml_process *p, uint32_t no);         /* or NULL */
ml_task *ml_process_task(const ml_process *p, uint32_t no);
ml_strand *ml_process_strand(const ml_process *p, uint32_t no);

/* Append an empty element; NULL when memory is short. */
ml_strand *ml_process_add_strand(ml_process *p, const ml_flow *f, uint16_t list);
ml_act *ml_process_add_act(ml_process *p);
ml_task *ml_process_add_task(ml_process *p);
ml_outgoing *ml_process_add_out(ml_process *p);
ml_mail *ml_process_add_mail(ml_process *p);
void ml_process_drop_act(ml_process *p, uint32_t no);
void ml_process_drop_task(ml_process *p, uint32_t no);
void ml_process_drop_strand(ml_process *p, uint32_t no);
void ml_process_drop_out(ml_process *p, uint32_t no);
void ml_process_drop_mail(ml_process *p, uint32_t no);
ml_str ml_process_person(const ml_process *p, int16_t lane);      /* or none */
bool ml_process_add_person(ml_process *p, int16_t lane, ml_str who);

/* ---- ids: what the outside calls a process, an activity, a task ---- */

/*
** A process id is a version 7 UUID (RFC 9562) whose random part holds the
** store's number: 48 bits of ms, the number in 40 bits (12 in rand_a, 28 in
** rand_b), 34 random bits.  So an id finds its row without an index of ids.
*/
void ml_process_make_id(uint8_t id[16], int64_t ms, int64_t n,
                        uint64_t random);
int64_t ml_process_id_n(const uint8_t id[16]);   /* 0: not one of ours */

#define ML_ID_MAX 52
/* "<uuid>" and "<uuid>-<no>" (no = 0: the process itself); NUL-terminated. */
void ml_id_text(char out[ML_ID_MAX], const uint8_t id[16], uint32_t no);
/* Read either; *no is 0 for a process id.  false: not such a text. */
bool ml_id_of(ml_str s, uint8_t id[16], uint32_t *no);

#endif
