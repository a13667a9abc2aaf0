/*
** advance.c - the one door: an event comes in, a process moves.
**
** Judge first, then change: each on_...() refuses before its first change.  A
** new process (no strands, seq 0) takes ML_EV_STARTED only.
*/
#include "engine/advance.h"

#include <string.h>

#include "base/plant.h"
#include "engine/inside.h"

/* No phases: it waits for whoever writes to it. */
static bool is_object(const ml_flow *f) {
  return f->list_count == 0 || f->lists[0].phase_count == 0;
}

static ml_rc required_to_start(step *s, const ml_field *f) {
  char at[160];
  size_t n = f->short_id.n > 100 ? 100 : f->short_id.n;

  memcpy(at, "/data/", 6);
  memcpy(at + 6, f->short_id.p, n);
  at[6 + n] = '\0';
  return ml_err_set(s->e, ML_INVALID, at, "field '%.*s' is required to start",
                    (int)n, f->short_id.p);
}

static ml_rc check_start(step *s, drafts *d) {
  const ml_event *ev = s->ev;
  bool *allowed = NULL;
  ml_rc rc;

  if (ev->form != NULL) {
    allowed = ml_arena_zero(&s->out->arena, s->f->field_count + 1u);
    if (allowed == NULL)
      return ML_NOMEM;
    for (uint16_t i = 0; i < ev->form_count; i++)
      allowed[ev->form[i].field] = ev->form[i].edit;
  }
  rc = drafts_check(s, d, ev->data, "/data", allowed, s->e);
  for (uint16_t i = 0; rc == ML_OK && ev->form != NULL && i < ev->form_count;
       i++) {
    const ml_field *f = &s->f->fields[ev->form[i].field];

    if (ev->form[i].need && drafts_value(s, d, ev->form[i].field).p == NULL)
      rc = required_to_start(s, f);
  }
  for (uint16_t i = 0; rc == ML_OK && ev->form == NULL && is_object(s->f) &&
                       i < s->f->field_count; i++)
    if (s->f->fields[i].required && drafts_value(s, d, i).p == NULL)
      rc = required_to_start(s, &s->f->fields[i]);
  return rc;
}

static ml_rc on_started(step *s) {
  ml_process *p = s->p;
  ml_strand *st;
  drafts d = {0};
  ml_rc rc;

  for (uint16_t i = 0; i < s->f->field_count; i++)
    p->data[i] = keep(s, s->f->fields[i].initial);
  rc = check_start(s, &d);
  if (rc == ML_OK && s->ev->state.p != NULL)
    rc = state_check(s, s->ev->state, "/state", s->e);
  if (rc == ML_OK)
    rc = object_check(s);
  if (rc != ML_OK) {
    drafts_free(&d);
    return rc;
  }
  drafts_apply(s, &d);
  p->created_ms = s->now->wall_ms;
  p->created_by = keep(s, s->ev->actor.who);
  p->settings = keep(s, s->ev->settings);
  p->subject = keep(s, s->ev->subject);
  if (s->ev->state.p != NULL)    /* any of them: nothing comes before it */
    p->state = keep(s, s->ev->state);
  else if (s->f->start_state >= 0)
    p->state = keep(s, s->f->states[s->f->start_state].id);
  p->object.team = keep(s, s->ev->object.team);
  p->object_changed = p->object.team.p != NULL;
  p->status = ML_OPEN;
  p->run = ML_RUN_RUNNING;
  tell(s, ML_TOLD_STARTED, 0, -1, s->ev->text)->data = drafts_show(s, &d);
  drafts_free(&d);
  edit_at_start(s);
  if (is_object(s->f)) {
    edit_status(s);               /* one that has ended already may be kept */
    run_update(s);
    return ML_OK;
  }
  st = ml_process_add_strand(p, s->f, 0);
  if (st == NULL)
    return ML_NOMEM;
  st->no = p->next_no++;
  st->phase = s->f->lists[0].first_phase;
  if (s->f->new_first) {         /* not before this is on disk: ML_EV_WOKE */
    p->run = ML_RUN_NEW;
    tell(s, ML_TOLD_RUN, 0, -1, ml_str_of(ml_runs_name(ML_RUN_NEW)));
    effect(s, ML_DO_BEGIN, st->no);
    return ML_OK;
  }
  phase_enter(s, st->no, st->phase, NULL);
  run_update(s);
  return ML_OK;
}

/* The strand an ML_DO_JUDGE was for, if it still waits for that one. */
static ml_strand *judged(step *s) {
  ml_strand *st = ml_process_strand(s->p, s->ev->no);

  return st != NULL && st->judging && st->slice == s->ev->slice ? st : NULL;
}

static ml_rc on_judged(step *s) {
  ml_strand *st = judged(s);
  const ml_phase *ph;
  size_t want;

  if (st == NULL)
    return ML_STALE;
  ph = &s->f->phases[st->phase];
  want = ph->when;
  for (uint16_t i = 0; i < ph->branch_count; i++)
    want += s->f->branches[ph->first_branch + i].when;
  if (want != s->ev->truth_count)
    return ml_err_set(s->e, ML_INVALID, "", "%zu conditions were asked, %zu "
                      "answered", want, s->ev->truth_count);
  phase_judged(s, st, s->ev->truths);
  run_update(s);
  return ML_OK;
}

/* A `when` raised: the strand is stuck before its phase, the run in Error; an
** operator's retry asks the conditions again. */
static ml_rc on_misjudged(step *s) {
  ml_strand *st = judged(s);
  ml_str name;

  if (st == NULL)
    return ML_STALE;
  name = s->f->phases[st->phase].name;
  s->p->message = keepf(s, "a condition of phase '%.*s' broke: %.*s",
                        (int)name.n, name.p,
                        (int)(s->ev->text.n > 600 ? 600 : s->ev->text.n),
                        s->ev->text.p);
  tell(s, ML_TOLD_BROKE, st->no, -1, s->p->message);   /* no activity's */
  st->judging = false;
  st->stuck = true;
  run_update(s);
  return ML_OK;
}

typedef ml_rc handler(step *s);

static handler *const handlers[ML_EV_COUNT] = {
  [ML_EV_STARTED] = on_started,     [ML_EV_ATTEMPTED] = on_attempted,
  [ML_EV_DIED] = on_died,           [ML_EV_ANSWERED] = on_answered,
  [ML_EV_LOST] = on_lost,           [ML_EV_JUDGED] = on_judged,
  [ML_EV_MISJUDGED] = on_misjudged, [ML_EV_WOKE] = on_woke,
  [ML_EV_TURNED] = on_woke,
  [ML_EV_RECOVERED] = on_recovered, [ML_EV_COMPLETED] = on_completed,
  [ML_EV_CLAIMED] = on_claimed,     [ML_EV_RELEASED] = on_released,
  [ML_EV_REASSIGNED] = on_reassigned, [ML_EV_SIGNALLED] = on_signalled,
  [ML_EV_RETRIED] = on_retried,     [ML_EV_SKIPPED] = on_skipped,
  [ML_EV_RESET] = on_reset,         [ML_EV_CANCELLED] = on_cancelled,
  [ML_EV_COMMENTED] = on_commented, [ML_EV_EDITED] = on_edited,
  [ML_EV_SHARED] = on_shared,
  [ML_EV_DELIVERED] = on_delivered, [ML_EV_UNDELIVERED] = on_undelivered,
  [ML_EV_DERIVED] = on_derived,     [ML_EV_ERRAND] = on_errand,
  [ML_EV_MENDED] = on_mended,
};

/* What people and other programs ask; EDITED says for itself. */
static bool from_outside(ml_event_kind k) {
  switch (k) {
    case ML_EV_COMPLETED: case ML_EV_CLAIMED: case ML_EV_RELEASED:
    case ML_EV_REASSIGNED: case ML_EV_SIGNALLED: case ML_EV_RETRIED:
    case ML_EV_SKIPPED: case ML_EV_RESET: case ML_EV_CANCELLED:
    case ML_EV_COMMENTED: case ML_EV_ERRAND:
      return true;
    default:
      return false;
  }
}

ml_rc ml_advance(const ml_flow *f, ml_process *p, const ml_event *ev,
                 const ml_now *now, ml_made *out, ml_err *e) {
  ml_err unused;
  step s = {f, p, ev, now, out, e != NULL ? e : &unused, false};
  int64_t back = p->updated_ms > now->wall_ms ? p->updated_ms - now->wall_ms : 0;
  ml_rc rc;

  if ((unsigned)ev->kind >= ML_EV_COUNT || handlers[ev->kind] == NULL)
    return ml_err_set(e, ML_INVALID, "", "no such event");
  if ((ev->kind == ML_EV_STARTED) != (p->seq == 0))
    return ml_err_set(e, ML_CONFLICT, "", "the process has begun already");
  if (p->deleted && from_outside(ev->kind))
    return ml_err_set(e, ML_NOT_FOUND, "", "the process is deleted; it can only "
                      "be restored");
  if (ML_PLANTED(clock_believed))
    back = 0;
  turn_waits(p, back);
  rc = handlers[ev->kind](&s);
  if (rc != ML_OK)
    turn_waits(p, -back);
  if (rc == ML_OK && p->mail_count > 0 && p->status == ML_OPEN && !s.starved)
    mail_out(&s);
  if (s.starved)
    return ML_NOMEM;
  if (rc == ML_OK)
    p->updated_ms = now->wall_ms;
  return rc;
}
