/*
** errand.c - tasks that no activity waits for (P3.3): made, changed, done by
** whoever has them.  They stand in the same work lists as any other task.
*/
#include "base/text.h"
#include "engine/inside.h"

enum { TITLE_MAX = 200 };

bool is_errand(const ml_task *t) {
  return t->act == 0;
}

/* Whose it is may do it; one that is nobody's, anybody. */
ml_rc errand_may(step *s, const ml_task *t) {
  const ml_actor *who = &s->ev->actor;

  if (who->operator_ || t->assignee.p == NULL ||
      ml_str_eq(t->assignee, who->who))
    return ML_OK;
  return ml_err_set(s->e, ML_REFUSED, "", "the task is allocated to '%.*s'",
                    (int)t->assignee.n, t->assignee.p);
}

/* It ends: told with its title, kept as a row. */
void errand_end(step *s, ml_task *t, ml_tasks status, int64_t at_ms) {
  ml_str who = t->assignee.p != NULL ? t->assignee : s->ev->actor.who;

  tell(s, ML_TOLD_DONE, t->no, -1, t->form)->data = ML_NOSTR;
  task_end(s, t, status, who, status == ML_TASK_COMPLETED ? ML_STR("done")
                                                          : ML_NOSTR);
  if (!s->starved)
    s->out->ended[s->out->ended_count - 1].at_ms = at_ms;
}

/* As people complete tasks: nothing is filled in. */
ml_rc errand_completed(step *s, ml_task *t) {
  ml_rc rc = errand_may(s, t);

  if (rc != ML_OK)
    return rc;
  if (s->ev->outcome.p != NULL && !ml_str_is(s->ev->outcome, "done"))
    return ml_err_set(s->e, ML_INVALID, "/outcome", "no outcome '%.*s'; "
                      "allowed: 'done'", (int)(s->ev->outcome.n > 80
                                                   ? 80 : s->ev->outcome.n),
                      s->ev->outcome.p);
  if (s->ev->data != NULL && s->ev->data->count > 0)
    return ml_err_set(s->e, ML_INVALID, "/data", "this task has no form; there "
                      "is nothing to fill in");
  s->out->task_no = t->no;
  errand_end(s, t, ML_TASK_COMPLETED, 0);
  return ML_OK;
}

static ml_rc judge(step *s, const ml_task *t) {
  const ml_errand *x = s->ev->errand;

  if (t == NULL && (x->title.p == NULL || x->title.n == 0))
    return ml_err_set(s->e, ML_INVALID, "/title", "a task needs a title");
  if (x->title.p != NULL && (x->title.n > TITLE_MAX ||
                             !ml_text_printable(x->title)))
    return ml_err_set(s->e, ML_INVALID, "/title", "a title is printable text of "
                      "at most %d bytes", TITLE_MAX);
  if (x->has_status && x->at_ms > s->now->wall_ms)
    return ml_err_set(s->e, ML_INVALID, "", "what is over cannot have ended in "
                      "the future");
  return ML_OK;
}

static ml_task *make(step *s) {
  ml_task *t = ml_process_add_task(s->p);

  if (t == NULL) {
    s->starved = true;
    return NULL;
  }
  t->no = s->p->next_no++;
  t->lane = -1;
  t->created_ms = s->now->wall_ms;
  return t;
}

ml_rc on_errand(step *s) {
  const ml_errand *x = s->ev->errand;
  ml_task *t = ml_process_task(s->p, s->ev->no);
  ml_rc rc = ML_OK;

  if (s->ev->no != 0 && (t == NULL || !is_errand(t)))
    return ml_err_set(s->e, s->ev->no < s->p->next_no ? ML_CONFLICT
                                                      : ML_NOT_FOUND,
                      "", "the task is over already, or is an activity's");
  rc = judge(s, t);
  if (rc == ML_OK && t != NULL)
    rc = errand_may(s, t);
  if (rc != ML_OK)
    return rc;
  if (t == NULL && (t = make(s)) == NULL)
    return ML_NOMEM;
  if (x->title.p != NULL)
    t->form = keep(s, x->title);
  if (x->assignee.p != NULL)
    t->assignee = x->assignee.n > 0 ? keep(s, x->assignee) : ML_NOSTR;
  if (x->has_due)
    t->due_ms = x->due_ms;
  s->out->more_no = t->no;
  s->out->more.p = ml_arena_dup(&s->out->arena, x->more.p, x->more.n);
  s->out->more.n = x->more.n;
  s->starved = s->starved || s->out->more.p == NULL;
  if (x->has_status && x->status != ML_TASK_OPEN) {
    errand_end(s, t, x->status, x->at_ms);
  } else {
    tell(s, t->assignee.p != NULL ? ML_TOLD_ALLOCATED : ML_TOLD_OFFERED, t->no,
         -1, t->form);
    task_changed(s, t->no);
  }
  return ML_OK;
}
