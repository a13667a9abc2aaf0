/* api_ext_take.c - what the external form asks, as an event. */
#include <stdio.h>
#include <string.h>

#include "api/api_ext.h"
#include "base/text.h"

/* A member that is there: its text, "" when null; none when not there. */
static ml_str text_of(const ml_json *body, const char *key) {
  const ml_json *v = ml_json_get(body, key);

  if (v == NULL)
    return ML_NOSTR;
  return v->type == ML_JSTR ? v->s : ML_STR("");
}

/* The keys of data as ids: what the workflow in force calls them now.  A key
** that it does not know stays: the process's own version may. */
static ml_rc data_of(ml_arena *a, const ml_flow *names, const ml_json *data,
                     const ml_json **out) {
  ml_json *copy;

  *out = data;
  if (data == NULL || data->type != ML_JOBJ || names == NULL)
    return ML_OK;
  copy = (ml_json *)ml_arena_dup(a, data, sizeof *data);
  if (copy == NULL)
    return ML_NOMEM;
  copy->obj = ml_arena_alloc(a, (data->count + 1u) * sizeof *copy->obj);
  if (copy->obj == NULL)
    return ML_NOMEM;
  for (uint32_t i = 0; i < data->count; i++) {
    int k = ml_flow_field(names, data->obj[i].key);

    copy->obj[i] = data->obj[i];
    if (k >= 0)
      copy->obj[i].key = names->fields[k].id;
  }
  *out = copy;
  return ML_OK;
}

static ml_rc moment_of(const ml_json *body, ml_event *ev, ml_err *e) {
  const ml_json *v = ml_json_get(body, "nextActionAt");

  if (v == NULL)
    return ML_OK;
  ev->has_next_action = true;
  if (v->type == ML_JNULL)
    return ML_OK;
  if (v->type == ML_JINT && v->i > 0) {
    ev->next_action_ms = v->i;
    return ML_OK;
  }
  if (v->type == ML_JSTR
      && ml_text_moment(v->s, &ev->next_action_ms, NULL) == ML_OK)
    return ML_OK;
  return ml_err_set(e, ML_INVALID, "/nextActionAt",
                    "milliseconds since 1970, a moment with a zone "
                    "(2026-03-01T09:00:00+09:00) or null is wanted");
}

static ml_rc person_of(const ml_call *c, const ml_json *body, ml_event *ev,
                       ml_err *e) {
  const ml_row_user *u;

  ev->assign = text_of(body, "assignedTo");
  if (ev->assign.p == NULL || ev->assign.n == 0)
    return ML_OK;
  u = ml_run_user(c->run, ev->assign);
  if (u != NULL && u->active
      && (c->who.team.p == NULL || ml_str_eq(c->who.team, u->team)))
    return ML_OK;
  return ml_err_set(e, ML_INVALID, "/assignedTo",
                    "there is no active member '%.*s'",
                    (int)(ev->assign.n > 80 ? 80 : ev->assign.n), ev->assign.p);
}

ml_rc ml_ext_event(const ml_call *c, ml_arena *a, const ml_flow *names,
                   const ml_json *body, ml_event *ev, ml_err *e) {
  ml_str status = ml_json_str(body, "status");
  const ml_json *deleted = ml_json_get(body, "isDeleted");
  const ml_json *record = ml_json_get(body, "record");
  ml_rc rc = data_of(a, names, ml_json_get(body, "data"), &ev->data);

  if (rc == ML_OK)
    rc = moment_of(body, ev, e);
  if (rc == ML_OK)
    rc = person_of(c, body, ev, e);
  if (rc != ML_OK)
    return rc;
  ev->state = text_of(body, "state");
  if (ev->state.p != NULL && ev->state.n == 0)
    return ml_err_set(e, ML_INVALID, "/state", "a state's short id is wanted; "
                      "a process is never without one again");
  ev->has_status = ml_status_of(status, &ev->status);
  if (status.p != NULL && !ev->has_status)
    return ml_err_set(e, ML_INVALID, "/status",
                      "OPEN, COMPLETED or CANCELLED is wanted");
  ev->object.entity = text_of(body, "entity");
  ev->object.belongs_to = text_of(body, "belongsTo");
  ev->object.booking = text_of(body, "primaryBooking");
  if (record == NULL || record->type != ML_JOBJ)
    ev->object.record = text_of(body, "record");
  if (deleted != NULL && deleted->type == ML_JBOOL) {
    ev->has_deleted = true;
    ev->deleted = deleted->b;
  }
  return ML_OK;
}
