/*
** operate.c - what operators, signals and other processes do to a process.
*/
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "engine/inside.h"

static ml_rc need_open(step *s) {
  if (s->p->status == ML_OPEN)
    return ML_OK;
  return ml_err_set(s->e, ML_CONFLICT, "", "the process is %s",
                    ml_status_name(s->p->status));
}

static bool broken(const ml_act *a) {
  return !a->aside && (a->status == ML_ACT_ERROR ||
                       a->status == ML_ACT_FAILURE ||
                       a->status == ML_ACT_TERMINATED);
}

static ml_rc find_act(step *s, ml_act **a) {
  *a = ml_process_act(s->p, s->ev->no);
  if (*a != NULL && !(*a)->aside)
    return ML_OK;
  if (s->ev->no > 0 && s->ev->no < s->p->next_no)
    return ml_err_set(s->e, ML_CONFLICT, "/activity",
                      "the activity has ended and its phase is over");
  return ml_err_set(s->e, ML_NOT_FOUND, "/activity",
                    "the process has no such activity");
}

static void retry_one(step *s, ml_act *a) {
  act_move(s, a, ML_TURN_RETRIED);
  a->retries = 0;
  a->outcome = ML_NOSTR;
  a->began_ms = s->now->wall_ms;
  if (give_up_of(s, act_def(s, a)) > 0)
    a->give_up_ms = s->now->wall_ms + give_up_of(s, act_def(s, a));
  tell(s, ML_TOLD_RETRIED, a->no, a->def, ML_NOSTR);
  if (act_def(s, a)->kind == ML_AK_AUTO) {
    act_attempt(s, a);
    return;
  }
  a->message = ML_NOSTR;
  a->attempt++;
  if (act_def(s, a)->kind == ML_AK_RECEIVE) {
    a->call_arg = keep(s, act_def(s, a)->signal);
    act_rest(s, a, ML_WAIT_SIGNAL, 0);
    return;
  }
  task_open(s, a, ML_NOSTR);
  act_rest(s, a, ML_WAIT_TASK, 0);
}

/* A human activity is only worth retrying when its lane has people. */
static ml_rc may_retry(step *s, const ml_act *a) {
  const ml_activity *def = act_def(s, a);

  if (def->kind != ML_AK_TASK || s->now->manned == NULL ||
      s->now->manned[def->lane])
    return ML_OK;
  return ml_err_set(s->e, ML_CONFLICT, "", "lane '%.*s' still has no members: "
                    "give it one first", (int)s->f->lanes[def->lane].id.n,
                    s->f->lanes[def->lane].id.p);
}

ml_rc on_retried(step *s) {
  ml_act *a;
  ml_rc rc = need_open(s);
  uint32_t n = 0;

  if (rc != ML_OK)
    return rc;
  if (s->ev->no != 0) {
    rc = find_act(s, &a);
    if (rc != ML_OK)
      return rc;
    if (!broken(a))
      return ml_err_set(s->e, ML_CONFLICT, "/activity",
                        "the activity is %s; only one in Error, Failure or "
                        "Terminated can be retried", ml_acts_name(a->status));
    rc = may_retry(s, a);
    if (rc != ML_OK)
      return rc;
    retry_one(s, a);
  } else {
    for (uint32_t i = 0; i < s->p->act_count; i++)
      if (broken(&s->p->acts[i])) {
        rc = may_retry(s, &s->p->acts[i]);
        if (rc != ML_OK)
          return rc;
        n++;
      }
    for (uint32_t i = 0; i < s->p->strand_count; i++)
      if (s->p->strands[i].stuck) {
        n++;
        phase_again(s, &s->p->strands[i]);
      }
    if (n == 0)
      return ml_err_set(s->e, ML_CONFLICT, "", "nothing of this process has "
                        "failed: its run is %s", ml_runs_name(s->p->run));
    for (uint32_t i = 0; i < s->p->act_count; i++)
      if (broken(&s->p->acts[i]))
        retry_one(s, &s->p->acts[i]);
  }
  run_update(s);
  return ML_OK;
}

ml_rc on_skipped(step *s) {
  const ml_outcome *o;
  ml_str outcome = s->ev->outcome.p != NULL ? s->ev->outcome : ML_STR("done");
  ml_act *a;
  ml_rc rc = need_open(s);

  if (rc == ML_OK)
    rc = find_act(s, &a);
  if (rc != ML_OK)
    return rc;
  if (a->status == ML_ACT_SUCCESS)
    return ml_err_set(s->e, ML_CONFLICT, "/activity",
                      "the activity has succeeded already");
  o = ml_flow_outcome(act_def(s, a), outcome);
  if (o == NULL && s->ev->outcome.p == NULL &&
      act_def(s, a)->outcome_count == 1)
    o = &act_def(s, a)->outcomes[0];
  if (o == NULL)
    return ml_err_set(s->e, ML_INVALID, "/outcome",
                      "the activity has no outcome '%.*s'; say which it is to "
                      "have", (int)(outcome.n > 80 ? 80 : outcome.n), outcome.p);
  tell(s, ML_TOLD_SKIPPED, a->no, a->def, o->id);
  if (a->status != ML_ACT_IN_PROGRESS && a->status != ML_ACT_WAITING)
    act_move(s, a, ML_TURN_RETRIED);
  act_succeed(s, a, o->id, ML_NOSTR);
  run_update(s);
  return ML_OK;
}

/* C6.13, C6.14: failed ones are set aside, a New copy of each begins. */
/* Operators, the system, and members of the lanes that the workflow names. */
static ml_rc may_reset(step *s) {
  const ml_actor *who = &s->ev->actor;
  const ml_flow *f = s->f;
  ml_str lane;

  if (who->operator_ || who->who.p == NULL)
    return ML_OK;
  for (uint16_t i = 0; i < f->reset_count; i++)
    for (size_t k = 0; k < who->lane_count; k++)
      if (who->lanes[k] == f->reset[i])
        return ML_OK;
  if (f->reset_count == 0)
    return ml_err_set(s->e, ML_REFUSED, "", "only an operator may reset a process "
                      "of this workflow");
  lane = f->lanes[f->reset[0]].id;
  return ml_err_set(s->e, ML_REFUSED, "", "only members of lane '%.*s'%s and "
                    "operators may reset this process, and '%.*s' is neither",
                    (int)lane.n, lane.p, f->reset_count > 1 ? ", or of another "
                    "lane that the workflow names," : "", (int)who->who.n,
                    who->who.p);
}

ml_rc on_reset(step *s) {
  ml_process *p = s->p;
  uint32_t count = p->act_count, first = p->next_no;
  ml_rc rc = may_reset(s);

  if (rc == ML_OK)
    rc = need_open(s);
  if (rc != ML_OK)
    return rc;
  if (p->run != ML_RUN_ERROR && p->run != ML_RUN_FAILURE)
    return ML_OK;                           /* healthy: nothing to do */
  tell(s, ML_TOLD_RESET, 0, -1, ML_NOSTR);
  for (uint32_t i = 0; i < count && !s->starved; i++) {
    ml_act *copy;

    if (!broken(&p->acts[i]))
      continue;
    copy = ml_process_add_act(p);
    if (copy == NULL) {
      s->starved = true;
      return ML_OK;
    }
    p->acts[i].aside = true;
    tell(s, ML_TOLD_ASIDE, p->acts[i].no, p->acts[i].def, ML_NOSTR);
    copy->no = p->next_no++;
    copy->strand = p->acts[i].strand;
    copy->def = p->acts[i].def;
    copy->status = ML_ACT_NEW;
  }
  for (uint32_t no = first, end = p->next_no; no < end; no++) {
    ml_act *a = ml_process_act(p, no);

    if (a != NULL && a->status == ML_ACT_NEW)
      act_begin(s, a);
  }
  run_update(s);
  return ML_OK;
}

/* Whatever is under way ends as Terminated, and nothing more is started; what
** rules started goes on, for it belongs to a write that has happened. */
void run_stop(step *s) {
  for (uint32_t i = 0; i < s->p->act_count; i++) {
    ml_act *a = &s->p->acts[i];

    if (is_hook(s, a->strand))
      continue;
    if (a->status != ML_ACT_SUCCESS && a->status != ML_ACT_TERMINATED &&
        !a->aside) {
      act_move(s, a, ML_TURN_STOPPED);
      tell(s, ML_TOLD_TERMINATED, a->no, a->def, ML_NOSTR);
    }
  }
  for (uint32_t i = s->p->out_count; i-- > 0;)
    if (s->p->outs[i].kind != ML_OUT_TELL &&
        !is_hook_act(s, s->p->outs[i].act))
      ml_process_drop_out(s->p, s->p->outs[i].no);
}

ml_rc on_cancelled(step *s) {
  ml_rc rc = need_open(s);

  if (rc != ML_OK)
    return rc;
  run_stop(s);
  run_end(s, ML_CANCELLED, s->ev->text.p != NULL ? keep(s, s->ev->text)
                                                 : ML_NOSTR);
  return ML_OK;
}

/* no: one that is there gets another text, or none; whether it may is the
** caller's to know, who has its row. */
ml_rc on_commented(step *s) {
  ml_told told = s->ev->no == 0 ? ML_TOLD_COMMENT
                 : s->ev->text.p != NULL ? ML_TOLD_REWORDED : ML_TOLD_UNSAID;

  tell(s, told, s->ev->no, -1, s->ev->text)->data = s->ev->visibility;
  return ML_OK;
}

ml_rc on_shared(step *s) {
  tell(s, ML_TOLD_SHARED, 0, -1, s->ev->text)->data = s->ev->raw;
  return ML_OK;
}

/* ---- signals ---- */

/* The activity that waits for this signal and is given none yet. */
static ml_act *waiting_for(step *s, ml_str name) {
  for (uint32_t i = 0; i < s->p->act_count; i++) {
    ml_act *a = &s->p->acts[i];

    if (!a->aside && a->wait == ML_WAIT_SIGNAL && a->mail == 0 &&
        ml_str_eq(a->call_arg, name))
      return a;
  }
  return NULL;
}

/* Something is_complete may look at arrived (SEMANTICS.md 10). */
void ask_again(step *s) {
  for (uint32_t i = 0; i < s->p->act_count; i++) {
    ml_act *a = &s->p->acts[i];

    if (!a->aside && a->wait == ML_WAIT_ASK) {
      act_move(s, a, ML_TURN_RESUMED);
      act_ask(s, a);
    }
  }
}

/* A receive step may let the message overwrite fields of its own name. */
static ml_rc receive(step *s, ml_act *a) {
  const ml_activity *def = act_def(s, a);
  bool *allowed = ml_arena_zero(&s->out->arena, s->f->field_count + 1u);
  drafts d = {0};
  ml_rc rc = allowed != NULL ? ML_OK : ML_NOMEM;

  for (uint16_t i = 0; rc == ML_OK && i < def->form_count; i++)
    allowed[def->form[i].field] = def->form[i].edit;
  if (rc == ML_OK)
    rc = drafts_check(s, &d, s->ev->data, "/data", allowed, s->e);
  if (rc == ML_OK) {
    ml_str shown = drafts_show(s, &d);

    drafts_apply(s, &d);
    tell(s, ML_TOLD_SIGNAL, a->no, a->def, s->ev->text);
    act_succeed(s, a, ML_STR("done"), shown);
  }
  drafts_free(&d);
  return rc;
}

static ml_rc keep_mail(step *s, ml_str json) {
  ml_mail *m;
  ml_effect *ef;

  m = ml_process_add_mail(s->p);
  if (m == NULL)
    return ML_NOMEM;
  m->no = s->p->next_no++;
  m->name = keep(s, s->ev->text);
  ef = effect(s, ML_DO_KEEP_MAIL, 0);
  ef->mail = m->no;
  ef->call = m->name;
  ef->text.p = ml_arena_dup(&s->out->arena, json.p, json.n);
  ef->text.n = json.n;
  s->starved = s->starved || ef->text.p == NULL;
  tell(s, ML_TOLD_SIGNAL, 0, -1, s->ev->text);
  return ML_OK;
}

static bool mail_taken(const ml_process *p, uint32_t no) {
  for (uint32_t i = 0; i < p->act_count; i++)
    if (p->acts[i].mail == no)
      return true;
  return false;
}

/* Whoever awaits a signal is given the oldest that is kept and nobody else is
** being given: one that was given up by its attempt is free again. */
void mail_out(step *s) {
  for (uint32_t i = 0; i < s->p->mail_count; i++) {
    const ml_mail *m = &s->p->mails[i];
    ml_act *a = mail_taken(s->p, m->no) ? NULL : waiting_for(s, m->name);
    ml_effect *ef;

    if (a == NULL || act_def(s, a)->kind == ML_AK_RECEIVE)
      continue;
    a->mail = m->no;
    ef = effect(s, ML_DO_TAKE_MAIL, a->no);
    ef->mail = m->no;
    ef->slice = a->slice;
  }
}

static bool receive_step_named(const step *s, ml_str name) {
  for (uint16_t i = 0; i < s->f->activity_count; i++)
    if (s->f->activities[i].kind == ML_AK_RECEIVE &&
        ml_str_eq(s->f->activities[i].signal, name))
      return true;
  return false;
}

ml_rc on_signalled(step *s) {
  ml_act *a;
  ml_buf b = {0};
  ml_rc rc = need_open(s);

  if (rc != ML_OK)
    return rc;
  if (!ml_text_is_name(s->ev->text))
    return ml_err_set(s->e, ML_INVALID, "/name", "a signal's name is printable "
                      "text of 1 to 200 bytes");
  a = waiting_for(s, s->ev->text);
  if (a != NULL && act_def(s, a)->kind == ML_AK_RECEIVE) {
    rc = receive(s, a);
    if (rc == ML_OK)
      run_update(s);
    return rc;
  }
  if (a == NULL && receive_step_named(s, s->ev->text))
    return ml_err_set(s->e, ML_CONFLICT, "/name", "no step waits for '%.*s' now",
                      (int)s->ev->text.n, s->ev->text.p);
  if (s->p->mail_count >= ML_MAIL_MAX)
    return ml_err_set(s->e, ML_LIMIT, "", "the process keeps %d signals that it "
                      "has not awaited; no more are taken", ML_MAIL_MAX);
  if (s->ev->data != NULL)
    ml_json_print(&b, s->ev->data);
  else
    ml_buf_puts(&b, "{}");               /* null: that none came in time */
  if (b.bad) {
    ml_buf_free(&b);
    return ML_NOMEM;
  }
  if (a != NULL) {                          /* so none of this name is kept */
    tell(s, ML_TOLD_SIGNAL, a->no, a->def, s->ev->text);
    act_answer(s, a, (ml_str){b.p, b.len});
  } else {
    rc = keep_mail(s, (ml_str){b.p, b.len});
  }
  ml_buf_free(&b);
  if (rc == ML_OK) {
    ask_again(s);
    run_update(s);
  }
  return rc;
}

/* ---- what must leave ---- */

static ml_outgoing *find_out(const ml_process *p, uint32_t no) {
  for (uint32_t i = 0; i < p->out_count; i++)
    if (p->outs[i].no == no)
      return &p->outs[i];
  return NULL;
}

/* It left, surely.  A started process's id is the answer of ctx:start; a
** ctx:call goes on waiting for that process's end. */
ml_rc on_delivered(step *s) {
  ml_outgoing *o = find_out(s->p, s->ev->no);
  ml_act *a;
  ml_outk kind;
  uint32_t act;

  if (o == NULL)
    return ML_STALE;
  kind = o->kind;
  act = o->act;
  ml_process_drop_out(s->p, s->ev->no);
  a = ml_process_act(s->p, act);
  if (kind == ML_OUT_TELL || a == NULL || a->wait != ML_WAIT_PROCESS)
    return ML_OK;
  tell(s, ML_TOLD_CHILD, a->no, a->def, s->ev->text);
  if (a->call_kind == ML_CALL_START || a->call_kind == ML_CALL_EMIT) {
    ml_buf b = {0};

    ml_json_put_str(&b, s->ev->text);
    if (b.bad)
      s->starved = true;
    else
      act_answer(s, a, (ml_str){b.p, b.len});
    ml_buf_free(&b);
  }
  run_update(s);
  return ML_OK;
}

/* It cannot be delivered: not now (after_ms), or never: then the reason is the
** activity's Error. */
ml_rc on_undelivered(step *s) {
  ml_outgoing *o = find_out(s->p, s->ev->no);
  ml_act *a;

  if (o == NULL)
    return ML_STALE;
  if (s->ev->after_ms >= 0) {               /* not now: later, ever more so */
    o->due_ms = s->now->wall_ms + (s->ev->after_ms << (o->tries < 6 ? o->tries
                                                                   : 6));
    o->tries++;
    return ML_OK;
  }
  a = ml_process_act(s->p, o->act);
  ml_process_drop_out(s->p, s->ev->no);
  if (a != NULL && a->wait == ML_WAIT_PROCESS)
    act_break(s, a, keep(s, s->ev->text), ML_NOSTR);
  run_update(s);
  return ML_OK;
}
