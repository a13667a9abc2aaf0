/*
** flow_part.h - what the files of flow.c share while a tree is checked.
**
** A pass goes over the whole tree and never stops at a mistake: it tells it
** and goes on with something harmless in its place, so that one look shows
** them all.  Only p->faults and p->nomem decide at the end.
*/
#ifndef ML_MODEL_FLOW_PART_H
#define ML_MODEL_FLOW_PART_H

#include "model/flow.h"

enum {
  ML_FLOW_FAULTS_MAX = 100,
  ML_FLOW_WORKFLOWS_MAX = 64,      /* in one folder */
  ML_FLOW_PHASES_MAX = 512, ML_FLOW_ACTIVITIES_MAX = 2048,
  ML_FLOW_BRANCHES_MAX = 512, ML_FLOW_NESTING_MAX = 16,
  ML_FLOW_FIELDS_MAX = 512, ML_FLOW_LANES_MAX = 64,
  ML_FLOW_SETTINGS_MAX = 256, ML_FLOW_CHOICES_MAX = 1000,
  ML_FLOW_OUTCOMES_MAX = 64, ML_FLOW_TRIGGERS_MAX = 64,
  ML_FLOW_RULES_MAX = 64, ML_FLOW_STATE_TASKS_MAX = 64, ML_FLOW_ROLES_MAX = 64,
  ML_FLOW_STATES_MAX = 256, ML_FLOW_MOVES_MAX = 4096, ML_FLOW_HOSTS_MAX = 64,
  ML_FLOW_CALLS_MAX = 128,
  ML_FLOW_RETRIES_MAX = 1000, ML_FLOW_ENTRIES_MAX = 1000000 /* max = */
};

typedef struct ml_fpass {
  const char *folder;
  ml_flow_fault_fn *fault;
  void *arg;
  unsigned faults;
  bool nomem;
  ml_flow *f;
  ml_arena work;             /* ends with the workflow's pass */
  /* what the finished flow does not keep, by index */
  ml_str *phase_at;
  const ml_json **phase_src;
  ml_str *act_at;
  bool *list_bad;            /* a `next` in it is wrong: its graph says nothing */
} ml_fpass;

/* Whose mistake: "activity 'x3'" at "workflow.lua:12". */
typedef struct ml_fwho {
  ml_str at;
  char what[160];
} ml_fwho;

/* The place is v's "at" when it has one, else `at`; an id without bytes
** gives the bare word. */
ml_fwho ml_fp_who(const ml_json *v, ml_str at, const char *word, ml_str id);
void ml_fp_fault(ml_fpass *p, const ml_fwho *w, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Zeroed items of the flow's arena; NULL for none, or with p->nomem. */
void *ml_fp_room(ml_fpass *p, size_t n, size_t size);
ml_str ml_fp_keep(ml_fpass *p, ml_str s);              /* a copy */
ml_str ml_fp_print(ml_fpass *p, const ml_json *v);     /* its JSON */

/* A text fit for a sentence; lives as long as the full expression. */
typedef struct ml_fshow { char s[100]; } ml_fshow;
ml_fshow ml_fp_show(ml_str s);
const char *ml_fp_type(const ml_json *v);   /* "a list", "a function" */

/* An item that must be a table of define.lua's making; told when it is not. */
bool ml_fp_is_table(ml_fpass *p, const ml_json *v, ml_str at,
                    const char *word);
/* Every member of `o` is one of `known` (ends with NULL) or is told. */
void ml_fp_members(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                   const char *const *known);
/* The nearest of n words to `s`, or NULL when none is near. */
ml_str ml_fp_nearest(ml_str s, ml_str (*word)(const void *arg, size_t i),
                     const void *arg, size_t n);

/* Members by type.  A missing one gives false without a word; a wrong one is
** told and gives false. */
bool ml_fp_str(ml_fpass *p, const ml_fwho *w, const ml_json *o,
               const char *key, ml_str *out);          /* copied */
bool ml_fp_int(ml_fpass *p, const ml_fwho *w, const ml_json *o,
               const char *key, int64_t lo, int64_t hi, int64_t *out);
bool ml_fp_bool(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                const char *key);                      /* its value */
bool ml_fp_function(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                    const char *key);                  /* it is there */
bool ml_fp_duration(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                    const char *key, int64_t *ms);
const ml_json *ml_fp_list(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                          const char *key, size_t max);   /* or NULL */
ml_str ml_fp_label(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                   const char *key);                   /* JSON or none */
/* A required name by SEMANTICS.md 31; told and "" when it is none. */
ml_str ml_fp_name(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                  const char *key);

/* Names the flow knows: index, or -1 and told.  `where` is the member. */
int ml_fp_field(ml_fpass *p, const ml_fwho *w, const char *where, ml_str id);
int ml_fp_lane(ml_fpass *p, const ml_fwho *w, const char *where, ml_str id);
int ml_fp_setting(ml_fpass *p, const ml_fwho *w, const char *where, ml_str id);
/* A list of field names at `key`; indexes.  No field twice. */
uint16_t *ml_fp_fields(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                       const char *key, uint16_t *count);
/* A form's list: "f" or "f!"; appended behind *count of `form` (room for all
** fields).  A field that stands there already is told. */
void ml_fp_form(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                const char *key, bool edit, ml_form_field *form,
                uint16_t *count);

/* flow_start.c: the triggers of the workflow's tree into p->f. */
void ml_fp_notify(ml_fpass *p, const ml_json *workflow, ml_str at);
void ml_fp_reset(ml_fpass *p, const ml_json *workflow, ml_str at);
void ml_fp_triggers(ml_fpass *p, const ml_json *workflow, ml_str at);
/* flow_hook.c: a trigger's `rate`, and a webhook's `verify`. */
void ml_fp_rate(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                ml_trigger *t);
void ml_fp_verify(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                  ml_trigger *t);
/* flow_plan.c: when a schedule comes, and what it starts with. */
void ml_fp_schedule(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                    ml_trigger *t);
/* flow_limit.c: "limits" of the workflow's tree; of an activity's, with the
** workflow's in what it gives. */
void ml_fp_limits(ml_fpass *p, const ml_json *workflow, ml_str at);
ml_bounds *ml_fp_own_limits(ml_fpass *p, const ml_json *activity,
                            const ml_fwho *w);
/* flow_phase.c: the phases of the workflow's tree into p->f; next not yet. */
void ml_fp_phases(ml_fpass *p, const ml_json *workflow, ml_str at);
/* flow_life.c: one rule of the tree's "rules"; an entry's list is made by
** flow_phase.c's ml_fp_hook(), which gives its number. */
void ml_fp_rules(ml_fpass *p, const ml_json *workflow, ml_str at);
uint16_t ml_fp_hook(ml_fpass *p, const ml_json *rule, ml_str name, ml_str path,
                    ml_str at);
/* flow_next.c: read `next` of every phase. */
void ml_fp_nexts(ml_fpass *p);
/* flow_check.c: the graph, and who writes beside whom. */
void ml_fp_check(ml_fpass *p);

#endif
