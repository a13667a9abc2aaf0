/*
** woke.c - time passed: what is due, and what a restart must dispatch anew.
**
** Never early: a moment counts only when the wall clock, handed in, has
** reached it.  Looking twice does nothing twice: what was due is changed, so
** that it is due no more.
*/
#include "engine/inside.h"

static bool over(const step *s, int64_t ms) {
  return ms > 0 && ms <= s->now->wall_ms;
}

static void give_up(step *s, ml_act *a) {
  ml_buf b = {0};
  ml_str why = a->message;

  ml_buf_puts(&b, "gave up: its time for all attempts is over");
  if (why.p != NULL && why.n > 0)
    ml_buf_printf(&b, " (last: %.*s)", (int)(why.n > 400 ? 400 : why.n), why.p);
  if (b.bad)
    s->starved = true;
  else
    act_fail(s, a, keep(s, (ml_str){b.p, b.len}));
  ml_buf_free(&b);
}

/* A wait that ended by itself. */
static void wait_over(step *s, ml_act *a) {
  switch (a->wait) {
    case ML_WAIT_RETRY:
      act_move(s, a, ML_TURN_RESUMED);
      act_attempt(s, a);
      return;
    case ML_WAIT_SLEEP:
      tell(s, ML_TOLD_WOKE, a->no, a->def, a->call);
      act_answer(s, a, ML_STR("null"));
      return;
    case ML_WAIT_SIGNAL:
      if (a->mail != 0)
        return;
      if (act_def(s, a)->kind == ML_AK_RECEIVE)
        act_fail(s, a, keep(s, ML_STR("the signal did not come in time")));
      else
        act_answer(s, a, ML_AWAIT_OVER);
      return;
    case ML_WAIT_TASK:           /* ctx:ask within: the task stays open */
      act_answer(s, a, ML_STR("null"));
      return;
    case ML_WAIT_ASK:
      act_move(s, a, ML_TURN_RESUMED);
      act_ask(s, a);
      return;
    default:
      a->due_ms = 0;
      return;
  }
}

static bool ended(const ml_act *a) {
  return a->aside || a->status == ML_ACT_SUCCESS ||
         a->status == ML_ACT_FAILURE || a->status == ML_ACT_ERROR ||
         a->status == ML_ACT_TERMINATED;
}

static void act_woke(step *s, ml_act *a) {
  if (ended(a))
    return;
  if (over(s, a->give_up_ms)) {
    give_up(s, a);
  } else if (over(s, a->limit_ms) && a->wait != ML_WAIT_RETRY) {
    a->limit_ms = 0;
    act_not_yet(s, a, keep(s, ML_STR("the attempt took longer than its "
                                     "timeout")), -1);
  } else if (over(s, a->due_ms)) {
    a->due_ms = 0;
    wait_over(s, a);
  }
}

static void task_woke(step *s, ml_task *t) {
  const ml_act *a = ml_process_act(s->p, t->act);
  int32_t def = a != NULL ? a->def : -1;

  if (over(s, t->due_ms) && !t->overdue) {
    t->overdue = true;
    tell(s, ML_TOLD_OVERDUE, t->no, def, ML_NOSTR);
    task_changed(s, t->no);
  }
  if (over(s, t->remind_ms)) {
    t->remind_ms = 0;
    tell(s, ML_TOLD_REMINDED, t->no, def, ML_NOSTR);
  }
  if (over(s, t->escalate_ms)) {
    t->escalate_ms = 0;
    tell(s, ML_TOLD_ESCALATED, t->no, def, ML_NOSTR);
  }
}

static void out_send(step *s, ml_outgoing *o) {
  o->due_ms = 0;
  effect(s, ML_DO_SEND, o->no);
}

/* It was stored as New: now it enters its first phase. */
static void begin(step *s) {
  s->p->run = ML_RUN_RUNNING;
  tell(s, ML_TOLD_RUN, 0, -1, ml_str_of(ml_runs_name(ML_RUN_RUNNING)));
  if (s->p->strand_count > 0)
    phase_enter(s, s->p->strands[0].no, s->p->strands[0].phase, NULL);
}

ml_rc on_woke(step *s) {
  ml_process *p = s->p;

  uint32_t last = p->next_no;    /* only what was there when we looked */

  if (p->deleted)
    return ML_OK;                /* no timer rings for it */
  if (p->run == ML_RUN_NEW && p->status == ML_OPEN)
    begin(s);
  for (uint32_t no = 1; no < last; no++) {
    ml_act *a = ml_process_act(p, no);

    if (a != NULL)
      act_woke(s, a);
  }
  for (uint32_t i = 0; i < p->task_count; i++)
    task_woke(s, &p->tasks[i]);
  for (uint32_t i = 0; i < p->out_count; i++)
    if (over(s, p->outs[i].due_ms))
      out_send(s, &p->outs[i]);
  if (over(s, p->next_action_ms)) {
    p->next_action_ms = 0;
    tell(s, ML_TOLD_WOKE, 0, -1, ML_STR("next action"));
    hooks_next_action(s);
  }
  run_update(s);
  return ML_OK;
}

/* What was in flight lived in another engine's memory: dispatch it anew.  An
** open HTTP call is asked again by replaying its script, with its key. */
void in_flight_again(step *s) {
  ml_process *p = s->p;

  for (uint32_t i = 0; i < p->strand_count; i++)
    if (p->strands[i].judging)
      phase_ask_when(s, &p->strands[i]);
  for (uint32_t i = 0; i < p->act_count; i++) {
    ml_act *a = &p->acts[i];

    if (ended(a))
      continue;
    if (a->wait == ML_WAIT_SCRIPT || a->wait == ML_WAIT_CALL) {
      a->call = ML_NOSTR;
      act_run(s, a, a->asking ? "is_complete" : "run");
    } else if (a->mail != 0) {
      ml_effect *ef = effect(s, ML_DO_TAKE_MAIL, a->no);

      ef->mail = a->mail;
      ef->slice = a->slice;
    }
  }
  for (uint32_t i = 0; i < p->out_count; i++)
    if (p->outs[i].due_ms == 0)
      out_send(s, &p->outs[i]);
}

ml_rc on_recovered(step *s) {
  if (s->p->deleted)
    return ML_OK;
  in_flight_again(s);
  return on_woke(s);
}
