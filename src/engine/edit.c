/*
** edit.c - what people and other programs write into a process: its fields,
** state, status, person, next moment, ids; deleting and bringing back.
**
** All of it is judged first; a refusal changes nothing.  State and status are
** two things: a state moves where the graph lets it and never changes the
** status; a status that becomes COMPLETED moves the state only to the
** workflow's completed state, when the graph lets it and no other was named.
*/
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "engine/inside.h"

/* ---- states ---- */

bool state_may(const ml_flow *f, ml_str from, ml_str to) {
  int a = from.p != NULL ? ml_flow_state(f, from) : -1;
  int b = ml_flow_state(f, to);

  if (f->move_count == 0 || ml_str_eq(from, to) || a < 0)
    return true;
  for (uint16_t i = 0; i < f->move_count; i++)
    if (f->moves[i][0] == a && f->moves[i][1] == b)
      return true;
  return false;
}

ml_rc state_check(step *s, ml_str to, const char *at, ml_err *e) {
  char known[240] = "";
  size_t n = 0;
  bool there = ml_flow_state(s->f, to) >= 0;

  if (there && state_may(s->f, s->p->state, to))
    return ML_OK;
  for (uint16_t i = 0; i < s->f->state_count && n < sizeof known - 70; i++)
    if (!there || state_may(s->f, s->p->state, s->f->states[i].id))
      n += (size_t)snprintf(known + n, sizeof known - n, "%s%.*s",
                            n > 0 ? ", " : "",
                            (int)(s->f->states[i].id.n > 60
                                      ? 60 : s->f->states[i].id.n),
                            s->f->states[i].id.p);
  if (!there)
    return ml_err_set(e, ML_INVALID, at, "no state '%.*s'; states are: %s",
                      (int)(to.n > 80 ? 80 : to.n), to.p,
                      known[0] != '\0' ? known : "(none declared)");
  return ml_err_set(e, ML_CONFLICT, at,
                    "state '%.*s' cannot follow '%.*s'; allowed: %s",
                    (int)to.n, to.p, (int)s->p->state.n, s->p->state.p, known);
}

static void set_state(step *s, ml_str to) {
  s->p->state = keep(s, to);
  tell(s, ML_TOLD_STATE, 0, -1, to);
}

/* ---- people ---- */

/* "": nobody.  First assignment is written once, the last each time. */
void assign(step *s, ml_str who) {
  ml_process *p = s->p;

  p->assigned_to = who.n > 0 ? keep(s, who) : ML_NOSTR;
  if (who.n > 0) {
    p->last_assigned_ms = s->now->wall_ms;
    if (p->first_assigned_ms == 0) {
      p->first_assigned_ms = s->now->wall_ms;
      p->first_assigned_to = p->assigned_to;
    }
  }
  tell(s, ML_TOLD_ASSIGNED, 0, -1, who);
}

/* ---- ids of others ---- */

typedef struct id_member {
  size_t at;                     /* in ml_object */
  const char *name;
} id_member;

static const id_member ids[] = {
  {offsetof(ml_object, entity), "entity"},
  {offsetof(ml_object, record), "record"},
  {offsetof(ml_object, belongs_to), "belongsTo"},
  {offsetof(ml_object, booking), "primaryBooking"},
};
enum { IDS = sizeof ids / sizeof *ids };

static ml_str *id_at(const ml_object *o, const id_member *m) {
  return (ml_str *)((const char *)o + m->at);
}

ml_rc object_check(step *s) {
  for (size_t i = 0; i < IDS; i++) {
    ml_str v = *id_at(&s->ev->object, &ids[i]);
    char at[40];

    if (v.p == NULL || v.n == 0)
      continue;
    snprintf(at, sizeof at, "/%s", ids[i].name);
    if (v.n > ML_OBJECT_ID_MAX || !ml_text_printable(v))
      return ml_err_set(s->e, ML_INVALID, at, "'%s' is an id: printable text of "
                        "at most %d bytes", ids[i].name, ML_OBJECT_ID_MAX);
  }
  return ML_OK;
}

/* Each that is there; "" clears. */
void object_apply(step *s) {
  for (size_t i = 0; i < IDS; i++) {
    ml_str v = *id_at(&s->ev->object, &ids[i]);
    ml_str *mine = id_at(&s->p->object, &ids[i]);

    if (v.p == NULL || ml_str_eq(v, *mine) || (v.n == 0 && mine->p == NULL))
      continue;
    *mine = v.n > 0 ? keep(s, v) : ML_NOSTR;
    s->p->object_changed = true;
    tell(s, ML_TOLD_OBJECT, 0, -1, ml_str_of(ids[i].name))->data =
        object_show(s, v);
  }
}

/* The id as JSON for history, null when it was taken away. */
ml_str object_show(step *s, ml_str v) {
  ml_buf b = {0};
  ml_str out = ML_NOSTR;

  if (v.n > 0)
    ml_json_put_str(&b, v);
  else
    ml_buf_puts(&b, "null");
  if (!b.bad)
    out.p = ml_arena_dup(&s->out->arena, b.p, b.len);
  s->starved = s->starved || out.p == NULL;
  out.n = out.p != NULL ? b.len : 0;
  ml_buf_free(&b);
  return out;
}

/* ---- status ---- */

/* No phase runs any more; what was, stays.  It is worked upon until somebody
** sets its status again. */
static void reopen(step *s) {
  ml_process *p = s->p;

  p->status = ML_OPEN;
  p->run = ML_RUN_RUNNING;
  p->completed_ms = p->cancelled_ms = 0;
  p->message = ML_NOSTR;
  tell(s, ML_TOLD_REOPENED, 0, -1, ML_NOSTR);
}

static ml_rc status_check(step *s) {
  const ml_event *ev = s->ev;

  if (!ev->has_status || ev->status == s->p->status)
    return ML_OK;
  if (s->p->status != ML_OPEN && ev->status != ML_OPEN)
    return ml_err_set(s->e, ML_CONFLICT, "/status", "the process is %s; only "
                      "OPEN can follow", ml_status_name(s->p->status));
  return ML_OK;
}

static void set_status(step *s) {
  ml_status to = s->ev->status;
  int32_t done = s->f->completed_state;

  if (to == s->p->status)
    return;
  if (to == ML_OPEN) {
    reopen(s);
    return;
  }
  if (to == ML_COMPLETED && done >= 0 && s->ev->state.p == NULL &&
      !ml_str_eq(s->p->state, s->f->states[done].id) &&
      state_may(s->f, s->p->state, s->f->states[done].id))
    set_state(s, s->f->states[done].id);
  run_stop(s);
  run_end(s, to, ML_NOSTR);
}

/* Also of a start; the event's, when it has one. */
void edit_status(step *s) {
  if (s->ev->has_status)
    set_status(s);
}

/* ---- deleted ---- */

static ml_rc deleted_check(step *s) {
  if (s->p->deleted && !s->ev->has_deleted)
    return ml_err_set(s->e, ML_NOT_FOUND, "", "the process is deleted; it can "
                      "only be restored");
  return ML_OK;
}

static void set_deleted(step *s) {
  if (!s->ev->has_deleted || s->ev->deleted == s->p->deleted)
    return;
  s->p->deleted = s->ev->deleted;
  tell(s, s->ev->deleted ? ML_TOLD_DELETED : ML_TOLD_RESTORED, 0, -1, ML_NOSTR);
  if (!s->ev->deleted)
    in_flight_again(s);
}

/* ---- the whole ---- */

static void apply(step *s, const drafts *d) {
  const ml_event *ev = s->ev;

  set_deleted(s);
  if (d->count > 0) {
    ml_str shown = drafts_show(s, d);

    drafts_apply(s, d);
    tell(s, ML_TOLD_DATA, 0, -1, ML_NOSTR)->data = shown;
  }
  if (ev->subject.p != NULL) {
    s->p->subject = ev->subject.n > 0 ? keep(s, ev->subject) : ML_NOSTR;
    tell(s, ML_TOLD_SUBJECT, 0, -1, ev->subject);
  }
  if (ev->state.p != NULL && !ml_str_eq(ev->state, s->p->state))
    set_state(s, ev->state);
  if (ev->assign.p != NULL)
    assign(s, ev->assign);
  object_apply(s);
  if (ev->has_parent && ev->parent_n != s->p->parent_n) {
    s->p->parent_n = ev->parent_n;
    tell(s, ML_TOLD_OBJECT, 0, -1, ML_STR("parentProcess"));
  }
  edit_status(s);
  if (ev->has_next_action)
    s->p->next_action_ms = ev->next_action_ms;
}

/* What else came with a start, besides fields and state. */
void edit_at_start(step *s) {
  const ml_event *ev = s->ev;

  if (ev->assign.p != NULL && ev->assign.n > 0)
    assign(s, ev->assign);
  object_apply(s);
  if (ev->has_next_action)
    s->p->next_action_ms = ev->next_action_ms;
}

ml_rc on_edited(step *s) {
  const ml_event *ev = s->ev;
  drafts d = {0};
  bool *allowed = NULL;
  ml_rc rc = deleted_check(s);

  if (rc == ML_OK && ev->form != NULL) {    /* only what a form may fill */
    allowed = ml_arena_zero(&s->out->arena, s->f->field_count + 1u);
    if (allowed == NULL)
      return ML_NOMEM;
    for (uint16_t i = 0; i < ev->form_count; i++)
      allowed[ev->form[i].field] = ev->form[i].edit;
  }
  if (rc == ML_OK)
    rc = drafts_check(s, &d, ev->data, "/data", allowed, s->e);
  if (rc == ML_OK && ev->state.p != NULL)
    rc = state_check(s, ev->state, "/state", s->e);
  if (rc == ML_OK)
    rc = status_check(s);
  if (rc == ML_OK)
    rc = object_check(s);
  if (rc == ML_OK && ev->has_next_action && ev->next_action_ms > 0 &&
      (ev->has_status ? ev->status : s->p->status) != ML_OPEN)
    rc = ml_err_set(s->e, ML_CONFLICT, "/nextActionAt",
                    "only an OPEN process has a next action");
  if (rc == ML_OK) {
    apply(s, &d);
    if (d.count > 0)
      ask_again(s);
    run_update(s);
  }
  drafts_free(&d);
  return rc;
}
