/*
** task.c - tasks: who may take one, what may be filled in, how it ends.
*/
#include <stdio.h>
#include <string.h>

#include "engine/inside.h"

/* Offer a task to its lane, or allocate it to who did the lane's first one
** here (SEMANTICS.md 14).  form: what a script asked; none: the definition's. */
void task_open(step *s, ml_act *a, ml_str form) {
  const ml_activity *def = act_def(s, a);
  ml_task *t = ml_process_add_task(s->p);
  uint32_t act = a->no;
  uint16_t act_no = a->def;
  bool anew = def->anew;

  if (t == NULL) {
    s->starved = true;
    return;
  }
  t->no = form.p == NULL ? act : s->p->next_no++;
  t->act = act;
  t->lane = def->lane;
  t->created_ms = s->now->wall_ms;
  if (form.p != NULL) {
    ml_arena arena = {0};
    ml_json *j = NULL;

    if (ml_json_parse(&arena, form.p, form.n, NULL, &j, NULL) == ML_OK)
      t->lane = (int16_t)ml_flow_lane(s->f, ml_json_str(j, "lane"));
    anew = anew || ml_json_bool(j, "anew", false);
    ml_arena_free(&arena);
    t->form = keep(s, form);
  } else {
    t->due_ms = due_moment(s, &def->due);
    t->remind_ms = due_moment(s, &def->remind);
    t->escalate_ms = due_moment(s, &def->escalate);
  }
  t->assignee = anew ? ML_NOSTR : ml_process_person(s->p, t->lane);
  if (t->assignee.p != NULL)
    tell(s, ML_TOLD_ALLOCATED, t->no, act_no, t->assignee);
  else
    tell(s, ML_TOLD_OFFERED, t->no, act_no, s->f->lanes[t->lane].id);
  task_changed(s, t->no);
}

bool task_asked_again(step *s, const ml_act *a, ml_str form) {
  for (uint32_t i = 0; i < s->p->task_count; i++) {
    ml_task *t = &s->p->tasks[i];

    if (t->act == a->no && t->form.p != NULL) {
      t->form = keep(s, form);
      return true;
    }
  }
  return false;
}

static bool in_lane(const ml_actor *who, int16_t lane) {
  for (size_t i = 0; i < who->lane_count; i++)
    if (who->lanes[i] == lane)
      return true;
  return false;
}

/* May this actor do the task?  Judges only. */
static ml_rc may_do(step *s, const ml_task *t, bool claim) {
  const ml_actor *who = &s->ev->actor;
  const ml_act *a = ml_process_act(s->p, t->act);
  int16_t exclude = a != NULL ? act_def(s, a)->exclude : -1;
  ml_str lane = t->lane >= 0 ? s->f->lanes[t->lane].id : ML_STR("?");

  if (who->operator_ && !claim)
    return ML_OK;
  if (who->who.p == NULL)
    return ml_err_set(s->e, ML_REFUSED, "", "a task needs a person");
  if (!in_lane(who, t->lane))
    return ml_err_set(s->e, ML_REFUSED, "", "only members of lane '%.*s' may do "
                      "this task, and '%.*s' is none", (int)lane.n, lane.p,
                      (int)who->who.n, who->who.p);
  if (exclude >= 0 && ml_str_eq(ml_process_person(s->p, exclude), who->who))
    return ml_err_set(s->e, ML_REFUSED, "", "'%.*s' did the task of lane '%.*s' "
                      "and may not do this one", (int)who->who.n, who->who.p,
                      (int)s->f->lanes[exclude].id.n, s->f->lanes[exclude].id.p);
  if (t->assignee.p != NULL && !ml_str_eq(t->assignee, who->who))
    return ml_err_set(s->e, claim ? ML_CONFLICT : ML_REFUSED, "",
                      claim ? "already accepted by '%.*s'"
                            : "the task is allocated to '%.*s'",
                      (int)t->assignee.n, t->assignee.p);
  return ML_OK;
}

static ml_rc find_task(step *s, ml_task **t) {
  *t = ml_process_task(s->p, s->ev->no);
  if (*t != NULL)
    return ML_OK;
  if (s->ev->no > 0 && s->ev->no < s->p->next_no)
    return ml_err_set(s->e, ML_CONFLICT, "", "the task is done already, or was "
                      "cancelled");
  return ml_err_set(s->e, ML_NOT_FOUND, "", "there is no such task");
}

/* ---- the form ---- */

static const ml_outcome *find_outcome(step *s, const ml_activity *def) {
  ml_str id = s->ev->outcome;
  char known[240] = "";
  size_t n = 0;

  if (id.p == NULL && def->outcome_count == 1)
    return &def->outcomes[0];
  if (id.p != NULL && ml_flow_outcome(def, id) != NULL)
    return ml_flow_outcome(def, id);
  for (uint16_t i = 0; i < def->outcome_count && n < sizeof known - 70; i++)
    n += (size_t)snprintf(known + n, sizeof known - n, "%s'%.*s'",
                          i > 0 ? ", " : "",
                          (int)(def->outcomes[i].id.n > 60
                                    ? 60 : def->outcomes[i].id.n),
                          def->outcomes[i].id.p);
  if (id.p == NULL)
    ml_err_set(s->e, ML_INVALID, "/outcome", "an outcome must be chosen: %s",
               known);
  else
    ml_err_set(s->e, ML_INVALID, "/outcome", "no outcome '%.*s'; allowed: %s",
               (int)(id.n > 80 ? 80 : id.n), id.p, known);
  return NULL;
}

static ml_rc needs(step *s, const drafts *d, uint16_t field) {
  const ml_field *f = &s->f->fields[field];
  char at[120];

  if (drafts_value(s, d, field).p != NULL)
    return ML_OK;
  snprintf(at, sizeof at, "/data/%.*s", (int)(f->short_id.n > 80
                                                  ? 80 : f->short_id.n),
           f->short_id.p);
  return ml_err_set(s->e, ML_INVALID, at, "field '%.*s' is required here",
                    (int)f->short_id.n, f->short_id.p);
}

/* `need` of the outcome replaces the form's own marks and the fields'
** `required` (SEMANTICS.md 13). */
static ml_rc check_needs(step *s, const drafts *d, const ml_form_field *form,
                         uint16_t count, const ml_outcome *o) {
  ml_rc rc = ML_OK;

  if (o != NULL && o->has_need) {
    for (uint16_t i = 0; i < o->need_count && rc == ML_OK; i++)
      rc = needs(s, d, o->need[i]);
    return rc;
  }
  for (uint16_t i = 0; i < count && rc == ML_OK; i++)
    if (form[i].edit &&
        (form[i].need || s->f->fields[form[i].field].required))
      rc = needs(s, d, form[i].field);
  return rc;
}

/* Check what was filled in against a form. */
static ml_rc check_form(step *s, drafts *d, const ml_form_field *form,
                        uint16_t count, const ml_outcome *o) {
  bool *allowed = ml_arena_zero(&s->out->arena, s->f->field_count + 1u);
  ml_rc rc;

  if (allowed == NULL)
    return ML_NOMEM;
  for (uint16_t i = 0; i < count; i++)
    if (form[i].edit)
      allowed[form[i].field] = true;
  rc = drafts_check(s, d, s->ev->data, "/data", allowed, s->e);
  return rc == ML_OK ? check_needs(s, d, form, count, o) : rc;
}

static void remember_person(step *s, const ml_task *t) {
  if (s->ev->actor.who.p != NULL && t->lane >= 0 &&
      ml_process_person(s->p, t->lane).p == NULL &&
      !ml_process_add_person(s->p, t->lane, s->ev->actor.who))
    s->starved = true;
}

/* Done by who it was; its row keeps whether that is a Failure. */
static void task_done(step *s, ml_task *t, ml_str outcome, bool fails) {
  size_t before = s->out->ended_count;

  task_end(s, t, ML_TASK_COMPLETED, s->ev->actor.who, outcome);
  if (s->out->ended_count > before)
    s->out->ended[before].failed = fails;
}

/* ---- ctx:ask's task ---- */

bool *task_edits(step *s, const ml_json *task, bool *some) {
  const ml_json *list = ml_json_get(task, "edit");
  bool *edits = ml_arena_zero(&s->out->arena, s->f->field_count + 1u);

  *some = list != NULL && list->type == ML_JARR;
  if (edits == NULL)
    s->starved = true;
  for (uint32_t i = 0; edits != NULL && *some && i < list->count; i++) {
    const ml_json *v = ml_json_at(list, i);
    int field = v->type == ML_JSTR ? ml_flow_field(s->f, v->s) : -1;

    if (field < 0)
      return NULL;
    edits[field] = true;
  }
  return edits;
}

/* Each outcome's `fails`, where the reason is, is a field that it lets edit;
** one without `edit` has no fields. */
bool task_fails_fit(step *s, const ml_json *task) {
  const ml_json *list = ml_json_get(task, "outcomes");
  bool some;
  bool *edits = task_edits(s, task, &some);

  for (uint32_t i = 0; some && edits != NULL && list != NULL &&
                       list->type == ML_JARR && i < list->count; i++) {
    ml_str why = ml_json_str(&list->arr[i], "fails");
    int field = why.p != NULL ? ml_flow_field(s->f, why) : -1;

    if (why.p != NULL && (field < 0 || !edits[field]))
      return false;
  }
  return true;
}

/* What an outcome needs must be given: what the fields hold is no answer. */
static ml_rc check_asked_need(step *s, const drafts *d, const ml_json *outcome) {
  const ml_json *need = ml_json_get(outcome, "need");

  for (uint32_t i = 0; need != NULL && need->type == ML_JARR && i < need->count;
       i++) {
    const ml_json *v = ml_json_at(need, i);
    int field = v->type == ML_JSTR ? ml_flow_field(s->f, v->s) : -1;
    bool given = false;

    for (size_t k = 0; k < d->count; k++)
      given = given || (d->list[k].field == field && d->list[k].value.p != NULL);
    if (field >= 0 && !given) {
      char at[120];

      snprintf(at, sizeof at, "/data/%.*s", (int)(v->s.n > 80 ? 80 : v->s.n),
               v->s.p);
      return ml_err_set(s->e, ML_INVALID, at, "field '%.*s' is required here",
                        (int)v->s.n, v->s.p);
    }
  }
  return ML_OK;
}

/* A task with `edit` takes values of those fields, checked as those; one
** without takes whatever the script will make of it. */
static ml_rc check_asked_form(step *s, const ml_json *form,
                              const ml_json *outcome) {
  bool some;
  bool *edits = task_edits(s, form, &some);
  drafts d = {0};
  ml_rc rc;

  if (edits == NULL)
    return ML_NOMEM;
  if (!some)
    return ML_OK;
  rc = drafts_check(s, &d, s->ev->data, "/data", edits, s->e);
  if (rc == ML_OK)
    rc = check_asked_need(s, &d, outcome);
  drafts_free(&d);
  return rc;
}

/* Its values go back to the script, not into the fields. */
static ml_rc complete_asked(step *s, ml_task *t, ml_act *a) {
  ml_arena arena = {0};
  ml_json *form = NULL;
  const ml_json *outcomes, *chosen = NULL;
  ml_str outcome = s->ev->outcome;
  ml_buf b = {0};
  ml_jw w;
  bool ok = false;
  ml_rc rc;

  if (a->wait != ML_WAIT_TASK)
    return ml_err_set(s->e, ML_CONFLICT, "", "the activity is at work just now: "
                      "complete its task again in a moment");
  rc = ml_json_parse(&arena, t->form.p, t->form.n, NULL, &form, s->e);
  if (rc != ML_OK)
    return rc;
  outcomes = ml_json_get(form, "outcomes");
  if (outcomes == NULL || outcomes->count == 0)
    ok = outcome.p == NULL || ml_str_is(outcome, "done");
  for (uint32_t i = 0; outcomes != NULL && i < outcomes->count; i++) {
    const ml_json *o = ml_json_at(outcomes, i);
    ml_str id = o->type == ML_JSTR ? o->s : ml_json_str(o, "id");

    if (outcome.p == NULL && outcomes->count == 1)
      outcome = id;
    if (ml_str_eq(id, outcome)) {
      chosen = o;
      ok = true;
    }
  }
  if (!ok) {
    ml_arena_free(&arena);
    return ml_err_set(s->e, ML_INVALID, "/outcome",
                      "this task has no outcome '%.*s'",
                      (int)(s->ev->outcome.n > 80 ? 80 : s->ev->outcome.n),
                      s->ev->outcome.p != NULL ? s->ev->outcome.p : "");
  }
  rc = check_asked_form(s, form, chosen);
  if (rc != ML_OK) {
    ml_arena_free(&arena);
    return rc;
  }
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kstr(&w, "outcome", outcome.p != NULL ? outcome : ML_STR("done"));
  ml_jw_kstr(&w, "who", s->ev->actor.who);
  ml_jw_key(&w, "data");
  if (s->ev->data != NULL)
    ml_jw_json(&w, s->ev->data);
  else
    ml_jw_raw(&w, ML_STR("{}"));
  ml_jw_end(&w);
  remember_person(s, t);
  tell(s, ML_TOLD_DONE, t->no, a->def, outcome);
  s->out->task_no = t->no;
  task_done(s, t, outcome, ml_json_str(chosen, "fails").p != NULL);
  if (b.bad)
    s->starved = true;
  else
    act_answer(s, a, (ml_str){b.p, b.len});
  ml_buf_free(&b);
  ml_arena_free(&arena);
  return ML_OK;
}

/* A needed reason is given with this outcome: that of an earlier one, which a
** reset has set aside, is none. */
static ml_rc check_reason(step *s, const drafts *d, const ml_outcome *o) {
  const ml_field *f = &s->f->fields[o->why];
  bool needed = false;
  char at[120];

  for (uint16_t i = 0; i < o->need_count; i++)
    needed = needed || o->need[i] == o->why;
  for (size_t i = 0; i < d->count; i++)
    if (d->list[i].field == o->why && d->list[i].value.p != NULL)
      return ML_OK;
  if (!needed)
    return ML_OK;
  snprintf(at, sizeof at, "/data/%.*s",
           (int)(f->short_id.n > 80 ? 80 : f->short_id.n), f->short_id.p);
  return ml_err_set(s->e, ML_INVALID, at, "field '%.*s' is required here: it "
                    "says why", (int)f->short_id.n, f->short_id.p);
}

/* Why a task's outcome is a Failure: what the person wrote, or the outcome. */
static ml_str task_reason(step *s, const ml_outcome *o) {
  ml_str v = s->p->data[o->why];
  ml_arena arena = {0};
  ml_json *j = NULL;
  ml_str why = o->id;

  if (v.p != NULL && ml_json_parse(&arena, v.p, v.n, NULL, &j, NULL) == ML_OK &&
      j->type == ML_JSTR && j->s.n > 0)
    why = j->s;
  why = keep(s, why);
  ml_arena_free(&arena);
  return why;
}

ml_rc on_completed(step *s) {
  const ml_activity *def;
  const ml_outcome *o;
  ml_record *r;
  ml_task *t;
  ml_act *a;
  drafts d = {0};
  ml_str shown;
  ml_rc rc = find_task(s, &t);

  if (rc == ML_OK && is_errand(t))
    return errand_completed(s, t);
  if (rc == ML_OK)
    rc = may_do(s, t, false);
  if (rc != ML_OK)
    return rc;
  a = ml_process_act(s->p, t->act);
  if (t->form.p != NULL) {
    rc = complete_asked(s, t, a);
    if (rc == ML_OK)
      run_update(s);
    return rc;
  }
  def = act_def(s, a);
  o = find_outcome(s, def);
  if (o == NULL)
    return ML_INVALID;
  rc = check_form(s, &d, def->form, def->form_count, o);
  if (rc == ML_OK && o->fails)
    rc = check_reason(s, &d, o);
  if (rc == ML_OK) {
    remember_person(s, t);
    shown = drafts_show(s, &d);
    drafts_apply(s, &d);
    r = tell(s, ML_TOLD_DONE, t->no, a->def, o->id);
    r->data = shown;
    s->out->task_no = t->no;
    task_done(s, t, o->id, o->fails);
    if (o->fails)
      act_fail(s, a, task_reason(s, o));
    else
      act_succeed(s, a, o->id, ML_NOSTR);
    ask_again(s);
    run_update(s);
  }
  drafts_free(&d);
  return rc;
}

static int32_t def_of_task(const step *s, const ml_task *t) {
  const ml_act *a = ml_process_act(s->p, t->act);

  return a != NULL ? a->def : -1;
}

ml_rc on_claimed(step *s) {
  ml_task *t;
  ml_rc rc = find_task(s, &t);

  if (rc == ML_OK)
    rc = is_errand(t) ? errand_may(s, t) : may_do(s, t, true);
  if (rc != ML_OK)
    return rc;
  if (t->assignee.p == NULL) {
    t->assignee = keep(s, s->ev->actor.who);
    tell(s, ML_TOLD_CLAIMED, t->no, def_of_task(s, t),
         t->assignee);
    task_changed(s, t->no);
  }
  return ML_OK;
}

ml_rc on_released(step *s) {
  ml_task *t;
  ml_rc rc = find_task(s, &t);

  if (rc != ML_OK)
    return rc;
  if (t->assignee.p == NULL)
    return ml_err_set(s->e, ML_CONFLICT, "", "nobody has accepted the task");
  if (!s->ev->actor.operator_ && !ml_str_eq(t->assignee, s->ev->actor.who))
    return ml_err_set(s->e, ML_REFUSED, "", "the task is allocated to '%.*s'",
                      (int)t->assignee.n, t->assignee.p);
  t->assignee = ML_NOSTR;
  tell(s, ML_TOLD_RELEASED, t->no, def_of_task(s, t), ML_NOSTR);
  task_changed(s, t->no);
  return ML_OK;
}

/* By an operator; that `to` is in the lane was looked at by the caller. */
ml_rc on_reassigned(step *s) {
  ml_task *t;
  ml_rc rc = find_task(s, &t);

  if (rc != ML_OK)
    return rc;
  if (!s->ev->actor.operator_)
    return ml_err_set(s->e, ML_REFUSED, "", "only an operator may reassign a "
                      "task");
  t->assignee = keep(s, s->ev->to);
  tell(s, ML_TOLD_ALLOCATED, t->no, def_of_task(s, t), t->assignee);
  task_changed(s, t->no);
  return ML_OK;
}
