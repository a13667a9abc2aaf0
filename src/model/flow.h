/*
** flow.h - a workflow as loaded: checked whole, then immutable.
**
** A script worker evaluates workflow.lua and gives the definition as a JSON
** tree (lua/moonlane/define.lua makes it; the shape is documented below).  The core
** trusts nothing of it: ml_flow_parse() checks everything a process will rely
** on and names each mistake with file:line.  Code is not in here: where the
** definition has a function the tree says true, and the worker finds the
** function again by `path`.
**
** The tree (members not named here are mistakes):
**   { "api": 1, "workflows": [ {
**       "name", "at": "workflow.lua:9", "title",
**       "lanes":    [ {"id","title","at"} ],
**       "settings": [ {"id","type","required","default","at"} ],
**       "fields":   [ {"id","short","type","no","required","sealed","search",
**                      "label","of":[{"id","label"}],"initial","max","chars",
**                      "derive":true,"at"} ],
**       "states":   {"list":[{"id","label","description","color","tasks"}],
**                    "start":id,"completed":id,"moves":[[from,to]]},
**       "entity", "primary_key": field, "primary_identifier": field,
**       "roles":    ["sales", ...],
**       "hosts":    ["api.example.com", ...],
**       "calls":    2,                             outgoing calls at once
**       "limits":   {"units":1000000,"time":"500ms","memory":"16MiB",...,"at"},
**       "notify":   {"template":"a text setting","to":["field.member", ...]},
**       "start":    [ {"kind","name","at", ...} ],
**       "rules":    [ {"on":"before_update","name","active","when":true,
**                      "refuse":true | text, "entry":ENTRY,"at"} ],
**       "phases":   [ PHASE ] } ],
**     "rules": ..., "transactions": ... }          (model/ruleset.h)
**   PHASE  {"name","at","entries":[ENTRY],"next","max","when":true}
**   ENTRY  {"kind":"activity","label","title","type","node","lane","run":true,
**           "is_complete":true,"undo":true,"retry":[n,"5s..10m"],"timeout",
**           "give_up","ask","outcomes":["skip"],"writes":[..],"limits","at"}
**        | {"kind":"task","label","title","node","lane","show":[..],
**           "edit":["f","g!"],"outcomes":[{"id","label","need":[..]}],"due",
**           "remind","escalate","anew","exclude","at"}
**        | {"kind":"receive","label","signal","lane","at",..}
**        | {"kind":"branch","name","at","when":true,"phases":[PHASE]}
**   next   "phase" | {"kind":"join"} | {"kind":"finish"}
**        | {"outcome": one of those, ...}; "" is the default
** "limits" has names of model/bound.h, an activity's those that it may set, and
** for a workflow "calls" too, as the member of that name.
** "retry" and "give_up" may name settings, read when they are needed:
** {"setting":"x"}, an integer for n, a duration else; or {"setting":"x",
** "unit":"1h"}, an integer of so long.  An outcome of a task may have "fails":
** "field": the activity ends in Failure, with the field's text as its message,
** and the outcome leads nowhere.
** "title", "label": a text, or {"en":..,"ja":..}.  What is no data where data
** is expected stands as {"$not_data":"a function"}.
**
** How a run goes through a list of phases, as the checks take it:
** - It begins at the first phase.  Entering a phase whose `when` is false skips
**   it: the phase behind it in the list is looked at, `next` is not, and the
**   entry does not count for `max`.  The last phase of a list may not have
**   `when`, so a list of conditions always has a default (Q7.2).
** - A phase starts its activities and those branches whose `when` is true or
**   missing.  With none of them it ends at once as with `done` (Q7.3: 0 true).
** - When all have succeeded: the entry of next[] for the decider's outcome, else
**   the one without an outcome, else (only `done`) the phase behind it in the
**   list; behind the last one a branch joins and the workflow is complete.
** - Every loop has a phase with `max` that is not skipped.
** - A name of `next` is one of the same list.  Every outcome but `done` is
**   mapped or there is a default.
** - `need` of a task's outcome names fields that the task lets edit.
** - A receive step takes "edit" (fields its message may fill) as a task does.
** - A partner's start ("partner") has a form as they do, and "client", the field
**   its client goes to.
** - Without phases a workflow is an object: its process is OPEN, waits for
**   nobody, and ends when somebody sets its status.
** - Rules of a process's life (P3.7): what refuses stands before the write and
**   is pure; an `entry` is an activity that is started after it, in a list of its
**   own (list.branch is ML_LIST_HOOK) whose one phase has the rule's name.
**   next_action has one entry, started when nextActionAt has come.
** - A derived field ("derive") is computed, never written: it may not be
**   required, sealed, edited by a form or given an initial value.
** - Kinds of triggers: form and http ("form":["f","g!"]), schedule ("every": a
**   duration | "daily" | "weekly" | "monthly": texts of model/calendar.h, with
**   "zone", else UTC; "missed": "once" (what came while nothing ran is caught up
**   by one start) | "skip" (it is left out); "data": {field: value}),
**   poll ("every", "run":true), which keeps what else its maker puts in;
**   webhook ("receive":true, "verify", model/hook.h).  "into" names a field.
**   form and webhook have a "rate": "60/m".
*/
#ifndef ML_MODEL_FLOW_H
#define ML_MODEL_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/pack.h"
#include "base/rc.h"
#include "model/bound.h"
#include "model/calendar.h"
#include "model/hook.h"
#include "model/word.h"

#define ML_API_NUMBER 1          /* the C interface scripts are written for */

/* Of a whole tree: rules make it large (ML_RULESET_MAX). */
enum { ML_TREE_BYTES_MAX = 4 << 20, ML_TREE_NODES_MAX = 400000 };

typedef struct ml_choice {
  ml_str id;
  ml_str label;                  /* JSON: a text or {"en":..}; or none */
} ml_choice;

typedef struct ml_field {
  ml_str id;
  ml_str short_id;               /* outside name; equals id unless given */
  ml_ftype type;
  int32_t no;                    /* the author's number, or -1 */
  bool required, sealed, search;
  bool derived;                  /* a function of the others makes it */
  ml_str label;                  /* JSON or none */
  ml_choice *of;
  uint32_t of_count;
  ml_str initial;                /* canonical JSON value, or none */
  uint32_t max;                  /* bytes of a text; 0: the type's own limit */
  uint32_t chars;                /* characters of a text; 0: not counted */
  uint32_t most;                 /* bytes of any value; 0: ML_FIELD_BYTES_MAX */
} ml_field;

typedef struct ml_lane {
  ml_str id;
  ml_str title;                  /* JSON or none */
} ml_lane;

typedef struct ml_setting {
  ml_str id;
  ml_ftype type;
  bool required;
  ml_str dflt;                   /* canonical JSON (duration: ms), or none */
} ml_setting;

typedef struct ml_outcome {
  ml_str id;
  ml_str label;                  /* JSON or none */
  bool has_need;                 /* need replaces the form's own marks */
  uint16_t *need;                /* field indexes */
  uint16_t need_count;
  bool fails;                    /* of a task: the activity ends in Failure, */
  uint16_t why;                  /* and this field says why */
} ml_outcome;

/* retry = { n, wait }: n retries after the first attempt; a random wait
** between min and min(max, min * 2^k); min == max: exactly that. */
typedef struct ml_retry {
  bool given;
  uint32_t n;
  int64_t min_ms, max_ms;
  uint16_t n_setting;            /* index + 1 of the setting that says n; 0: none */
  uint16_t wait_setting;         /* the same of the wait, */
  int64_t wait_unit_ms;          /* in so many ms; 1 for a duration */
} ml_retry;

/* A moment relative to something: a duration from now, or a field's. */
typedef struct ml_due {
  bool given;
  int32_t field;                 /* >= 0: the field holds it */
  int64_t ms;                    /* else: after this long */
} ml_due;

typedef enum ml_akind { ML_AK_AUTO, ML_AK_TASK, ML_AK_RECEIVE } ml_akind;

typedef struct ml_form_field {
  uint16_t field;
  bool edit;                     /* else display only */
  bool need;                     /* binds outcomes without their own need */
} ml_form_field;

typedef struct ml_activity {
  ml_akind kind;
  uint16_t phase;                /* flow->phases[] it stands in */
  ml_str label, title;           /* title: JSON or none */
  ml_str type;                   /* of its tasks: "FINANCE_APPROVAL"; or none */
  int32_t node;                  /* -1: none */
  int16_t lane;                  /* -1: none */
  ml_str path;                   /* "4.1.2.1": where the worker finds it */
  bool has_is_complete, has_undo;
  ml_retry retry;
  int64_t timeout_ms;            /* one attempt, waiting included; 0 none */
  ml_due timeout_due;            /* timeout = field */
  int64_t give_up_ms;            /* all attempts; 0 none */
  uint16_t give_up_setting;      /* index + 1 of the setting that says it, */
  int64_t give_up_unit_ms;
  int64_t ask_ms;                /* is_complete asked every; default 5 m */
  ml_outcome *outcomes;          /* "done" stands first unless a task */
  uint16_t outcome_count;
  uint16_t *writes;              /* declared */
  uint16_t write_count;
  /* a task */
  ml_form_field *form;
  uint16_t form_count;
  ml_due due, remind, escalate;
  bool anew;
  int16_t exclude;               /* lane whose workers may not; -1 none */
  ml_bounds *limits;             /* the author's for it, its workflow's among
                                    them; NULL: none at all */
  /* a receive step */
  ml_str signal;
} ml_activity;

enum { ML_TO_NEXT = -1, ML_TO_JOIN = -2, ML_TO_FINISH = -3 };

typedef struct ml_next {
  ml_str outcome;                /* none: whatever the outcome */
  int32_t to;                    /* phase index in flow->phases, or ML_TO_* */
} ml_next;

typedef struct ml_phase {
  ml_str name;
  uint16_t list;
  uint16_t first_activity, activity_count;   /* in flow->activities */
  uint16_t first_branch, branch_count;       /* in flow->branches */
  ml_next *next;
  uint16_t next_count;
  int32_t decider;               /* activity whose outcome next maps, or -1 */
  uint32_t max;                  /* entries allowed; 0: not bounded here */
  bool when;                     /* a function says whether it is entered */
  ml_str path;                   /* "4" or "4.1.2" */
} ml_phase;

typedef struct ml_branch {
  ml_str name;
  uint16_t phase;                /* the phase it stands in */
  uint16_t list;                 /* the list of phases it runs */
  bool when;
  ml_str path;                   /* "4.1" */
} ml_branch;

/* A list of phases in order: list 0 is the workflow's own, perhaps empty. */
enum { ML_LIST_OWN = -1, ML_LIST_HOOK = -2 };
typedef struct ml_list {
  uint16_t first_phase, phase_count;         /* in flow->phases */
  int32_t branch;                /* in flow->branches, or ML_LIST_* */
} ml_list;

/* A rule of a process's life. */
typedef enum ml_life { ML_LIFE_BEFORE_CREATE, ML_LIFE_BEFORE_UPDATE,
                       ML_LIFE_AFTER_CREATE, ML_LIFE_AFTER_UPDATE,
                       ML_LIFE_NEXT_ACTION, ML_LIFE_COUNT } ml_life;
typedef struct ml_life_rule {
  ml_life on;
  ml_str name;
  bool active;                   /* else it is only shown */
  uint16_t index;                /* 1-based place among those of its `on` */
  int32_t list;                  /* its activity's; -1: it refuses */
} ml_life_rule;

typedef struct ml_trigger {
  ml_str kind;                   /* "form", "http", "poll", "webhook",
                                    "partner", ... */
  ml_str name;
  ml_str json;                   /* the whole entry, for who runs it */
  int64_t every_ms;              /* poll: 0 when a setting says it */
  ml_str every_setting;
  ml_form_field *form;           /* form, http: fields it may fill */
  uint16_t form_count;
  ml_rate rate;                  /* form, webhook; n 0: a form has none, a
                                    webhook the default */
  ml_verify *verify;             /* webhook: NULL when it is unsigned */
  ml_plan *plan;                 /* schedule: when */
  bool skip;                     /* schedule: what was missed is left out */
  ml_str data;                   /* schedule: JSON object its processes get */
  uint16_t index;                /* 1-based place in `start` */
} ml_trigger;

typedef struct ml_state {
  ml_str id, label;              /* id: also its short id; fixed */
  ml_str description;            /* JSON or none */
  ml_str color;                  /* or none */
  ml_str *tasks;                 /* kinds of tasks that belong to it */
  uint16_t task_count;
} ml_state;

typedef struct ml_flow {
  ml_arena arena;                /* holds everything */
  ml_str name, title;
  uint16_t index;                /* which of the bundle's workflows, from 0 */
  ml_lane *lanes;            uint16_t lane_count;
  ml_setting *settings;      uint16_t setting_count;
  ml_field *fields;          uint16_t field_count;
  ml_trigger *triggers;      uint16_t trigger_count;
  ml_list *lists;            uint16_t list_count;
  ml_phase *phases;          uint16_t phase_count;
  ml_branch *branches;       uint16_t branch_count;
  ml_activity *activities;   uint16_t activity_count;
  ml_state *states;          uint16_t state_count;
  int32_t start_state;           /* -1: none */
  int32_t completed_state;       /* one that is completed gets it; -1: none */
  uint16_t (*moves)[2];      uint16_t move_count;   /* none: anything goes */
  ml_str *hosts;             uint16_t host_count;
  uint32_t calls;                /* outgoing calls at once; 0: as the engine says */
  ml_bounds *limits;             /* the author's, NULL: none (model/bound.h) */
  ml_str entity;                 /* what its records are; or none */
  int32_t primary_key;           /* field, unique in a team; -1: none */
  int32_t primary_identifier;    /* field that names it to people; -1: none */
  ml_str *roles;             uint16_t role_count;
  ml_life_rule *rules;       uint16_t rule_count;
  bool derives;                  /* some field is derived */
  bool judges_create, judges_update;   /* an active rule looks at those */
  ml_str notify;                 /* setting that is the template; or none */
  ml_str *notify_to;         uint16_t notify_to_count;
  int16_t *reset;            uint16_t reset_count;   /* lanes whose members may
                                    reset, beside operators */
  bool new_first;                /* stored as New, with all that is to come,
                                    before its first phase is entered */
} ml_flow;

/* Where mistakes are told, each as it is found: `at` is "file:line". */
typedef void ml_flow_fault_fn(void *arg, const char *at, const char *text);

/*
** Check the tree and build the flows of one folder.  `folder` stands before
** every file name ("order-delivery/workflow.lua:9").  Every mistake is told,
** at most 100; the limits have names in flow_part.h.  ML_INVALID when there was
** a mistake, and then *flows is NULL.  On ML_OK *flows is an array of *count
** flows, each to be ended with ml_flow_free(), the array with ml_mem_free().
*/
ml_rc ml_flow_parse(const char *folder, const ml_json *tree,
                    ml_flow_fault_fn *fault, void *arg, ml_flow ***flows,
                    size_t *count);
void ml_flow_free(ml_flow *f);   /* NULL allowed */
/* What its fields may hold now, by the author's and the operator's limits: for
** what is written; what is read is not judged. */
void ml_flow_bound(ml_flow *f, const ml_bounds *operator_);

/* Index by id, or -1. */
int ml_flow_field(const ml_flow *f, ml_str id);      /* id, then short id */
int ml_flow_lane(const ml_flow *f, ml_str id);
int ml_flow_setting(const ml_flow *f, ml_str id);
int ml_flow_state(const ml_flow *f, ml_str id);
int ml_flow_trigger(const ml_flow *f, ml_str name);
const char *ml_life_name(ml_life on);                /* "before_update" */
const ml_outcome *ml_flow_outcome(const ml_activity *a, ml_str id);

#endif
