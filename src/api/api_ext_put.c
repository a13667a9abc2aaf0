/* api_ext_put.c - the external form of a process, and the envelope. */
#include <string.h>

#include "api/api_ext.h"
#include "base/crypto.h"
#include "base/text.h"

/* ---- the envelope ---- */

void ml_ext_begin(ml_call *c) {
  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "_data");
}

void ml_ext_meta(ml_call *c) {
  ml_jw_key(&c->w, "_meta");
  ml_jw_obj(&c->w);
}

void ml_ext_end(ml_call *c, int status) {
  ml_jw_end(&c->w);
  ml_jw_key(&c->w, "_errors");
  ml_jw_raw(&c->w, ML_STR("[]"));
  ml_jw_end(&c->w);
  ml_call_send(c, status);
}

/* ---- a process ---- */

/* Always the same for a name, and of the published type: version 8 (RFC 9562),
** made of the name's digest. */
void ml_ext_procedure_id(char out[ML_ID_MAX], ml_str workflow) {
  static const char what[] = "moonlane/procedure/";
  uint8_t sum[ML_SHA256_LEN] = {0};
  ml_sha *h = ml_sha_open();

  ml_sha_add(h, what, sizeof what - 1);
  ml_sha_add(h, workflow.p, workflow.n);
  if (ml_sha_close(h, sum) != ML_OK)
    memset(sum, 0, sizeof sum);
  sum[6] = (uint8_t)((sum[6] & 0x0F) | 0x80);
  sum[8] = (uint8_t)((sum[8] & 0x3F) | 0x80);
  ml_id_text(out, sum, 0);
}

static void put_procedure(ml_jw *w, const char *key, ml_str workflow) {
  char id[ML_ID_MAX];

  if (workflow.p == NULL) {
    ml_jw_kstr(w, key, ML_NOSTR);
    return;
  }
  ml_ext_procedure_id(id, workflow);
  ml_jw_kstrz(w, key, id);
}

static void put_ids(ml_jw *w, const ml_object *o, ml_str entity) {
  ml_api_put_text(w, "belongsTo", o->belongs_to);
  ml_api_put_text(w, "entity", o->entity.p != NULL ? o->entity : entity);
  ml_api_put_text(w, "record", o->record);
}

/* {short id: value} of the fields written, or of those derived. */
static void put_fields(ml_jw *w, const ml_process *p, const ml_flow *f,
                       const ml_flow *names, bool derived) {
  ml_jw_obj(w);
  for (uint16_t i = 0; i < p->field_count && i < f->field_count; i++) {
    int k = names != NULL ? ml_flow_field(names, f->fields[i].id) : -1;

    if (p->data[i].p == NULL || f->fields[i].derived != derived)
      continue;
    ml_jw_keyn(w, k >= 0 ? names->fields[k].short_id : f->fields[i].short_id);
    if (f->fields[i].sealed)
      ml_jw_strz(w, "[sealed]");
    else
      ml_jw_raw(w, p->data[i]);
  }
  ml_jw_end(w);
}

/* Columns of a row; a process is first made to look like one. */
static void put_moments(ml_jw *w, const ml_row_process *r) {
  ml_api_put_time(w, "nextActionAt", r->next_action_ms);
  ml_api_put_time(w, "completedAt", r->completed_ms);
  ml_api_put_time(w, "cancelledAt", r->cancelled_ms);
}

static void put_end(ml_jw *w, const ml_row_process *r, const ml_object *o,
                    const ml_ext_view *v) {
  ml_api_put_text(w, "primaryBooking", o->booking);
  put_procedure(w, "parentProcedure", v->parent_workflow);
  ml_jw_kstr(w, "parentProcess", v->parent);
  ml_api_put_text(w, "firstAssignedTo", r->first_assigned_to);
  ml_api_put_time(w, "firstAssignedAt", r->first_assigned_ms);
  ml_api_put_time(w, "lastAssignedAt", r->last_assigned_ms);
  ml_api_put_time(w, "createdAt", r->created_ms);
  ml_api_put_time(w, "updatedAt", r->updated_ms);
  ml_jw_kbool(w, "isDeleted", r->deleted);
}

static void put_begin(ml_jw *w, const ml_row_process *r, const ml_object *o,
                      ml_str workflow, ml_str entity) {
  ml_api_put_id(w, "id", r->id, 0);
  ml_api_put_text(w, "team", o->team);
  put_procedure(w, "procedure", workflow);
  ml_api_put_text(w, "createdBy", r->created_by);
  ml_api_put_text(w, "assignedTo", r->assigned_to);
  put_ids(w, o, entity);
  ml_jw_kstrz(w, "status", ml_status_name(r->status));
  ml_api_put_text(w, "state", r->state);
}

void ml_ext_put_process(ml_jw *w, const ml_process *p, const ml_flow *f,
                        const ml_ext_view *v) {
  ml_row_process r = {
    .status = p->status, .deleted = p->deleted, .created_ms = p->created_ms,
    .updated_ms = p->updated_ms, .completed_ms = p->completed_ms,
    .cancelled_ms = p->cancelled_ms, .next_action_ms = p->next_action_ms,
    .first_assigned_ms = p->first_assigned_ms,
    .last_assigned_ms = p->last_assigned_ms, .state = p->state,
    .assigned_to = p->assigned_to, .first_assigned_to = p->first_assigned_to,
    .created_by = p->created_by};

  memcpy(r.id, p->id, sizeof r.id);
  ml_jw_obj(w);
  put_begin(w, &r, &p->object, f->name, f->entity);
  ml_jw_key(w, "data");
  put_fields(w, p, f, v->names, false);
  ml_jw_key(w, "derivedData");
  put_fields(w, p, f, v->names, true);
  put_moments(w, &r);
  put_end(w, &r, &p->object, v);
  ml_jw_end(w);
}

/* Its definition cannot be read: what the columns say. */
static void put_row(ml_jw *w, const ml_row_process *r, ml_str workflow,
                    const ml_ext_view *v) {
  ml_object o;

  ml_process_peek(r->rest, &o);
  ml_jw_obj(w);
  put_begin(w, r, &o, workflow, ML_NOSTR);
  ml_jw_key(w, "data");
  ml_jw_null(w);
  ml_jw_key(w, "derivedData");
  ml_jw_null(w);
  put_moments(w, r);
  put_end(w, r, &o, v);
  ml_jw_end(w);
}

static bool any_byte(const uint8_t id[16]) {
  static const uint8_t none[16];

  return memcmp(id, none, sizeof none) != 0;
}

void ml_ext_put_seen(ml_call *c, const ml_seen *s) {
  const ml_workflow *wf = ml_run_workflow_no(c->run, s->row.workflow);
  const ml_workflow *above = ml_run_workflow_no(c->run, s->parent_workflow);
  char parent[ML_ID_MAX];
  ml_ext_view v = {.names = wf != NULL ? wf->flow : NULL};
  ml_process *p;
  ml_rc rc;

  if (any_byte(s->parent)) {
    ml_id_text(parent, s->parent, 0);
    v.parent = ml_str_of(parent);
    v.parent_workflow = above != NULL ? above->name : ML_NOSTR;
  }
  p = ml_run_process_of(c->run, &s->row, &rc);
  if (p != NULL)
    ml_ext_put_process(&c->w, p, ml_run_flow(c->run, s->row.bundle,
                                             s->row.flow_index), &v);
  else if (rc == ML_NOMEM)
    c->out.bad = true;
  else
    put_row(&c->w, &s->row, ml_process_workflow_name(c, &s->row), &v);
  ml_process_free(p);
}
