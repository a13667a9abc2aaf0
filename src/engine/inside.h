/*
** inside.h - what the engine's own files share; nobody else includes it.
**
** A step is one call of ml_advance().  Judging comes first and changes
** nothing; from the first change on nothing can be refused any more, only run
** out of memory, which sets s->short_ of memory and spoils the process.
*/
#ifndef ML_ENGINE_INSIDE_H
#define ML_ENGINE_INSIDE_H

#include "engine/advance.h"

typedef struct step {
  const ml_flow *f;
  ml_process *p;
  const ml_event *ev;
  const ml_now *now;
  ml_made *out;
  ml_err *e;
  bool starved;          /* an allocation failed */
} step;

/* move.c */
void act_move(step *s, ml_act *a, ml_turn on);   /* asserts that it may */

/* made.c: records and effects; texts are copied into out's arena */
ml_str keep(step *s, ml_str text);               /* in the process's arena */
ml_str keepf(step *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
ml_record *tell(step *s, ml_told told, uint32_t no, int32_t def, ml_str text);
ml_effect *effect(step *s, ml_effect_kind kind, uint32_t no);
void task_changed(step *s, uint32_t no);
void task_end(step *s, ml_task *t, ml_tasks status, ml_str who, ml_str outcome);

/* write.c: values coming in.  A draft holds checked values until all are good. */
typedef struct draft {
  uint16_t field;
  ml_str value;          /* canonical JSON; none: clear */
} draft;
typedef struct drafts {
  ml_arena arena;
  draft *list;
  size_t count;
} drafts;
/* Check the object `data` (field id or short id -> value) at pointer `at`.
** allowed: by field, or NULL: all. */
ml_rc drafts_check(step *s, drafts *d, const ml_json *data, const char *at,
                   const bool *allowed, ml_err *e);
void drafts_apply(step *s, const drafts *d);
void drafts_free(drafts *d);
/* JSON {id: value} of the drafts for history, sealed ones masked. */
ml_str drafts_show(step *s, const drafts *d);
/* A field's value as it would be after the drafts; none: no value. */
ml_str drafts_value(const step *s, const drafts *d, uint16_t field);

/* phase.c: how a run goes on */
void phase_enter(step *s, uint32_t strand_no, int32_t phase, ml_act *by);
void phase_judged(step *s, ml_strand *st, const bool *truths);
void phase_ask_when(step *s, ml_strand *st);
void phase_again(step *s, ml_strand *st);         /* stuck: an operator's retry */
void phase_settle(step *s, uint32_t strand_no);   /* go on if the phase is done */
/* Where a phase of f leads on that outcome: a phase, ML_TO_JOIN, ML_TO_FINISH. */
int32_t phase_next(const ml_flow *f, uint16_t phase, ml_str outcome);
bool phase_has_conditions(const ml_flow *f, const ml_phase *ph);
void run_update(step *s);                         /* aggregate, tell changes */
void run_end(step *s, ml_status status, ml_str why);

/* turned.c: the waits the engine chose itself; back_ms 0: nothing */
void turn_waits(ml_process *p, int64_t back_ms);

/* act.c: an activity's life */
void act_begin(step *s, ml_act *a);
void act_run(step *s, ml_act *a, const char *mode);
void act_ask(step *s, ml_act *a);                 /* is_complete, afresh */
void act_attempt(step *s, ml_act *a);             /* the next attempt begins */
void act_succeed(step *s, ml_act *a, ml_str outcome, ml_str data);
void act_fail(step *s, ml_act *a, ml_str why);
void act_break(step *s, ml_act *a, ml_str why, ml_str at);
void act_not_yet(step *s, ml_act *a, ml_str why, int64_t after_ms);
void act_rest(step *s, ml_act *a, ml_wait wait, int64_t due_ms);   /* parked */
void act_drop_tasks(step *s, ml_act *a);
const ml_activity *act_def(const step *s, const ml_act *a);
int64_t due_moment(const step *s, const ml_due *d);

/* attempted.c, task.c, operate.c, woke.c: one event each */
ml_rc on_attempted(step *s);
ml_rc on_died(step *s);
ml_rc on_answered(step *s);
ml_rc on_lost(step *s);
ml_rc on_completed(step *s);
ml_rc on_claimed(step *s);
ml_rc on_released(step *s);
ml_rc on_reassigned(step *s);
ml_rc on_signalled(step *s);
ml_rc on_retried(step *s);
ml_rc on_skipped(step *s);
ml_rc on_reset(step *s);
ml_rc on_cancelled(step *s);
ml_rc on_commented(step *s);
ml_rc on_shared(step *s);
ml_rc on_edited(step *s);
ml_rc on_woke(step *s);
ml_rc on_recovered(step *s);
ml_rc on_delivered(step *s);
ml_rc on_undelivered(step *s);
ml_rc on_mended(step *s);

void act_answer(step *s, ml_act *a, ml_str json);  /* its open call is done */
void task_open(step *s, ml_act *a, ml_str form);   /* offer or allocate */
/* ctx:ask after its time: the task that is still open goes on, as it is asked
** now.  False: there is none. */
bool task_asked_again(step *s, const ml_act *a, ml_str form);
/* The fields that the task of a script lets edit: NULL when one is none; *some:
** there is a list at all. */
bool *task_edits(step *s, const ml_json *task, bool *some);
bool task_fails_fit(step *s, const ml_json *task);
void ask_again(step *s);       /* is_complete of who waits to be asked */
void mail_out(step *s);        /* kept signals to who awaits them */
void assign(step *s, ml_str who);
ml_rc object_check(step *s);   /* edit.c: the event's ids of others */
void object_apply(step *s);
ml_str object_show(step *s, ml_str v);
void edit_at_start(step *s);
void edit_status(step *s);
void run_stop(step *s);        /* operate.c */
void in_flight_again(step *s); /* woke.c: dispatch it anew */
bool state_may(const ml_flow *f, ml_str from, ml_str to);
ml_rc state_check(step *s, ml_str to, const char *at, ml_err *e);

/* errand.c */
bool is_errand(const ml_task *t);
ml_rc errand_may(step *s, const ml_task *t);
ml_rc errand_completed(step *s, ml_task *t);
void errand_end(step *s, ml_task *t, ml_tasks status, int64_t at_ms);
ml_rc on_errand(step *s);

/* life.c */
void hook_start(step *s, const ml_life_rule *r);
void hooks_next_action(step *s);
bool is_hook(const step *s, uint32_t strand_no);   /* a rule's, not a phase's */
bool is_hook_act(const step *s, uint32_t act_no);
ml_rc on_derived(step *s);

/* retry.c */
int64_t retry_wait(const ml_retry *r, uint32_t k, ml_rand *rand);
/* As declared, with what settings of the process say filled in. */
ml_retry retry_of(const step *s, const ml_activity *def);
int64_t give_up_of(const step *s, const ml_activity *def);   /* ms; 0 none */

#endif
