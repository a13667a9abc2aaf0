/*
** mend.c - the audit found the stored process wanting: what is missing is made
** again, so that every live activity has a next thing.
**
** Nothing is undone and nothing is skipped: a moment that was lost is now, a
** task that was lost is offered again, a script runs again from its journal.
*/
#include "engine/inside.h"

static bool is_over(const ml_act *a) {
  return a->aside || a->status == ML_ACT_SUCCESS ||
         a->status == ML_ACT_FAILURE || a->status == ML_ACT_ERROR ||
         a->status == ML_ACT_TERMINATED;
}

static bool has_task(const step *s, const ml_act *a) {
  for (uint32_t i = 0; i < s->p->task_count; i++)
    if (s->p->tasks[i].act == a->no)
      return true;
  return false;
}

static bool is_timed(const ml_act *a) {
  return a->due_ms > 0 || a->limit_ms > 0 || a->give_up_ms > 0;
}

/* From where it can find its way: a task is offered, a script replays. */
static void again(step *s, ml_act *a) {
  const ml_activity *def = act_def(s, a);

  if (a->status == ML_ACT_NEW) {
    act_begin(s, a);
  } else if (def->kind == ML_AK_TASK) {
    if (!has_task(s, a))
      task_open(s, a, ML_NOSTR);
    act_rest(s, a, ML_WAIT_TASK, 0);
  } else if (def->kind == ML_AK_RECEIVE) {
    a->call_arg = keep(s, def->signal);
    act_rest(s, a, ML_WAIT_SIGNAL, a->due_ms);
  } else {
    if (a->status == ML_ACT_WAITING)
      act_move(s, a, ML_TURN_RESUMED);
    a->call = ML_NOSTR;
    a->call_arg = ML_NOSTR;
    act_run(s, a, a->asking ? "is_complete" : "run");
  }
}

static void mend_act(step *s, ml_act *a) {
  switch (a->wait) {
    case ML_WAIT_RETRY: case ML_WAIT_SLEEP:
      if (!is_timed(a))
        a->due_ms = s->now->wall_ms;
      return;
    case ML_WAIT_ASK:
      if (!is_timed(a) && !has_task(s, a))
        a->due_ms = s->now->wall_ms;
      return;
    case ML_WAIT_TASK:
      if (!has_task(s, a))
        again(s, a);
      return;
    case ML_WAIT_NONE: case ML_WAIT_OPERATOR:
      again(s, a);
      return;
    default:
      return;
  }
}

static bool is_kept(const step *s, uint32_t no) {
  for (size_t i = 0; i < s->ev->kept_count; i++)
    if (s->ev->kept[i].no == no)
      return true;
  return false;
}

/* What a signal brought is gone with its row: so is the signal. */
static void drop_mails(step *s) {
  ml_process *p = s->p;

  for (uint32_t i = p->mail_count; i-- > 0;)
    if (!is_kept(s, p->mails[i].no)) {
      for (uint32_t k = 0; k < p->act_count; k++)
        if (p->acts[k].mail == p->mails[i].no)
          p->acts[k].mail = 0;
      ml_process_drop_mail(p, p->mails[i].no);
    }
}

static bool has_mail(const ml_process *p, uint32_t no) {
  for (uint32_t i = 0; i < p->mail_count; i++)
    if (p->mails[i].no == no)
      return true;
  return false;
}

/* A signal whose row is there is in the mailbox, and its number is used up. */
static void add_mails(step *s) {
  for (size_t i = 0; i < s->ev->kept_count; i++) {
    const ml_mail *k = &s->ev->kept[i];
    ml_mail *m;

    if (has_mail(s->p, k->no))
      continue;
    m = ml_process_add_mail(s->p);
    if (m == NULL) {
      s->starved = true;
      return;
    }
    m->no = k->no;
    m->name = keep(s, k->name);
    if (s->p->next_no <= k->no)
      s->p->next_no = k->no + 1;
  }
}

/* Who awaits a signal that is there takes it. */
static void take_mails(step *s) {
  ml_process *p = s->p;

  for (uint32_t i = 0; i < p->act_count; i++) {
    ml_act *a = &p->acts[i];
    ml_effect *ef;

    if (is_over(a) || a->wait != ML_WAIT_SIGNAL || a->mail != 0 ||
        a->call.p == NULL)               /* a `receive` step has no mailbox */
      continue;
    for (uint32_t k = 0; k < p->mail_count && a->mail == 0; k++)
      if (ml_str_eq(p->mails[k].name, a->call_arg))
        a->mail = p->mails[k].no;
    if (a->mail == 0)
      continue;
    ef = effect(s, ML_DO_TAKE_MAIL, a->no);
    ef->mail = a->mail;
    ef->slice = a->slice;
  }
}

ml_rc on_mended(step *s) {
  ml_process *p = s->p;
  uint32_t last = p->next_no;

  tell(s, ML_TOLD_LOG, 0, -1, s->ev->text);
  if (p->status != ML_OPEN)
    return ML_OK;
  drop_mails(s);
  add_mails(s);
  for (uint32_t no = 1; no < last && p->status == ML_OPEN; no++) {
    ml_act *a = ml_process_act(p, no);

    if (a != NULL && !is_over(a))
      mend_act(s, a);
  }
  for (uint32_t i = 0; i < p->task_count; i++)
    task_changed(s, p->tasks[i].no);
  take_mails(s);
  return on_woke(s);
}
