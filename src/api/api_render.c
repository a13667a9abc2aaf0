/* api_render.c - processes, activities and tasks as JSON. */
#include "api/api_render.h"

#include <string.h>

#include "api/api_call.h"
#include "base/text.h"

/* What the routes and this file give, in the notation of api_shape.h. */
const char ml_render_shapes[] =
  "Problem { type:str \"urn:moonlane:problem:<slug>, stable\", title:str,"
  " status:int, detail?:str, pointer?:str \"JSON pointer into the input\","
  " at?:str \"a script's file:line\", allowed?:[str] }"
  "Process { id:str, workflow:str, version:str? \"SHA-256 of its bundle\","
  " status:OPEN|COMPLETED|CANCELLED, run:New|Running|Completed|Failure|Error,"
  " state:str?, subject:str?, data:obj \"by short id; sealed values show as"
  " [sealed]\", phase:[str] \"where it stands, the outermost first\","
  " activities:[Activity], tasks:[Task] \"open ones\", message:str?,"
  " createdBy:str?, assignedTo:str?, firstAssignedTo:str?,"
  " firstAssignedAt:int?, lastAssignedAt:int?, createdAt:int?, updatedAt:int?,"
  " completedAt:int?, cancelledAt:int?, nextActionAt:int?,"
  " parentProcess:str?, team:str?, entity:str?, record:str?, belongsTo:str?,"
  " primaryBooking:str?, isDeleted:bool, seq:int \"also its ETag\" }"
  "Activity { id:str?, label:str, title:label, phase:str?, branch:str?,"
  " lane:str?,"
  " status:New|In-Progress|Waiting|Success|Failure|Error|Terminated,"
  " attempt:int, wait:str? \"what it waits for\", due:int?, message:str?,"
  " at:str? \"file:line of an Error\", outcome:str?, node:int?, aside:bool"
  " \"failed, and set aside by a reset\" }"
  "Task { id:str, process:str, workflow:str, subject:str?, label:str,"
  " title:label, lane:str? \"WORKFLOW/LANE\","
  " status:OPEN|COMPLETED|CANCELLED, assignee:str?, offered:bool, node:int?,"
  " createdAt:int?, dueAt:int?, overdue:bool, endedAt:int?, outcome:str?,"
  " type:str?, result:str? \"Pending, Success, Failure; null: taken back\","
  " transaction?:str? \"that started its process\", transactionType?:str?,"
  " transactionState?:str?, tenant?:str? }"
  "TaskForm { ...Task, form:[FormField], outcomes:[FormOutcome],"
  " asked:any \"what a script asked for, when it did\","
  " link:str? \"where else it can be done, when its script says so\" }"
  "FormField { id:str, short:str, label:label, type:str, edit:bool,"
  " required:bool, of:[Choice], value:any }"
  "FormOutcome { id:str, label:label, fails?:bool \"ends the activity in Failure\","
  " need:[str]? \"short ids; null: the"
  " form's own marks bind\" }"
  "Choice { id:str, label:label }";

/* ---- small ones ---- */

void ml_api_put_time(ml_jw *w, const char *key, int64_t ms) {
  ml_jw_key(w, key);
  if (ms > 0)
    ml_jw_int(w, ms);
  else
    ml_jw_null(w);
}

void ml_api_put_text(ml_jw *w, const char *key, ml_str s) {
  ml_jw_kstr(w, key, s.n > 0 ? s : ML_NOSTR);
}

void ml_api_put_label(ml_jw *w, const char *key, ml_str json) {
  ml_jw_key(w, key);
  if (json.n > 0 && (json.p[0] == '"' || json.p[0] == '{'))
    ml_jw_raw(w, json);
  else
    ml_jw_str(w, json.n > 0 ? json : ML_NOSTR);
}

void ml_api_put_id(ml_jw *w, const char *key, const uint8_t id[16],
                   uint32_t no) {
  char text[ML_ID_MAX];

  ml_id_text(text, id, no);
  ml_jw_kstrz(w, key, text);
}

static void put_node(ml_jw *w, int32_t node) {
  ml_jw_key(w, "node");
  if (node >= 0)
    ml_jw_int(w, node);
  else
    ml_jw_null(w);
}

static void put_lane(ml_jw *w, ml_str workflow, ml_str lane) {
  ml_buf b = {0};

  ml_jw_key(w, "lane");
  if (lane.n == 0) {
    ml_jw_null(w);
    return;
  }
  ml_buf_put(&b, workflow.p, workflow.n);
  ml_buf_putc(&b, '/');
  ml_buf_put(&b, lane.p, lane.n);
  ml_jw_str(w, b.bad ? ML_NOSTR : (ml_str){b.p, b.len});
  w->b->bad = w->b->bad || b.bad;
  ml_buf_free(&b);
}

static void put_value(ml_jw *w, const ml_field *f, ml_str value, bool sealed) {
  if (value.p == NULL)
    ml_jw_null(w);
  else if (f->sealed && !sealed)
    ml_jw_strz(w, "[sealed]");
  else
    ml_jw_raw(w, value);
}

/* ---- tasks ---- */

static const ml_activity *def_of_label(const ml_flow *f, ml_str label) {
  for (uint16_t i = 0; i < f->activity_count; i++)
    if (ml_str_eq(f->activities[i].label, label))
      return &f->activities[i];
  return NULL;
}

void ml_api_task_of(const ml_process *p, const ml_flow *f, const ml_task *t,
                    ml_api_task *out) {
  const ml_act *a = ml_process_act(p, t->act);

  memset(out, 0, sizeof *out);
  memcpy(out->process, p->id, sizeof out->process);
  out->no = t->no;
  out->workflow = out->lane_workflow = f->name;
  out->subject = p->subject;
  out->node = -1;
  if (a != NULL) {
    out->label = f->activities[a->def].label;
    out->title = f->activities[a->def].title;
    out->node = f->activities[a->def].node;
    out->type = f->activities[a->def].type;
  } else if (t->act == 0) {
    out->label = t->form;         /* no activity's: its title */
  }
  if (t->lane >= 0)
    out->lane = f->lanes[t->lane].id;
  out->status = t->status;
  out->assignee = t->assignee;
  out->created_ms = t->created_ms;
  out->due_ms = t->due_ms;
}

void ml_api_task_of_row(const ml_row_task *t, const ml_row_process *p,
                        ml_str workflow, const ml_flow *f,
                        const ml_row_lane *lane, ml_api_task *out) {
  const ml_activity *def = f != NULL ? def_of_label(f, t->label) : NULL;

  memset(out, 0, sizeof *out);
  memcpy(out->process, p->id, sizeof out->process);
  out->no = t->no;
  out->workflow = workflow;
  out->subject = p->subject;
  out->label = t->label;
  out->title = t->title;
  if (lane != NULL) {
    out->lane_workflow = lane->workflow;
    out->lane = lane->lane;
  }
  out->status = t->status;
  out->assignee = t->assignee;
  out->outcome = t->outcome;
  out->created_ms = t->created_ms;
  out->due_ms = t->due_ms;
  out->ended_ms = t->ended_ms;
  out->failed = t->failed;
  out->node = def != NULL ? def->node : -1;
  if (def != NULL) {
    const ml_outcome *o = t->outcome.p != NULL ? ml_flow_outcome(def, t->outcome)
                                               : NULL;

    out->type = def->type;
    out->failed |= o != NULL && o->fails;   /* ended before its row said so */
  }
}

/* Pending, Success, Failure (C6); none for one that was taken back. */
static const char *result_of(const ml_api_task *t) {
  if (t->status == ML_TASK_OPEN)
    return "Pending";
  if (t->status == ML_TASK_CANCELLED)
    return NULL;
  return t->failed ? "Failure" : "Success";
}

void ml_api_put_task(ml_jw *w, const ml_api_task *t, int64_t now_ms) {
  bool open = t->status == ML_TASK_OPEN;

  ml_api_put_id(w, "id", t->process, t->no);
  ml_api_put_id(w, "process", t->process, 0);
  ml_jw_kstr(w, "workflow", t->workflow);
  ml_api_put_text(w, "subject", t->subject);
  ml_jw_kstr(w, "label", t->label.p != NULL ? t->label : ML_STR(""));
  ml_api_put_label(w, "title", t->title);
  put_lane(w, t->lane_workflow, t->lane);
  ml_jw_kstrz(w, "status", ml_tasks_name(t->status));
  ml_api_put_text(w, "assignee", t->assignee);
  ml_jw_kbool(w, "offered", open && t->assignee.n == 0);
  put_node(w, t->node);
  ml_api_put_time(w, "createdAt", t->created_ms);
  ml_api_put_time(w, "dueAt", t->due_ms);
  ml_jw_kbool(w, "overdue", open && t->due_ms > 0 && t->due_ms <= now_ms);
  ml_api_put_time(w, "endedAt", t->ended_ms);
  ml_api_put_text(w, "outcome", t->outcome);
  ml_api_put_text(w, "type", t->type);
  ml_jw_kstrz(w, "result", result_of(t));
}

static void put_choices(ml_jw *w, const ml_field *f) {
  ml_jw_key(w, "of");
  ml_jw_arr(w);
  for (uint32_t i = 0; i < f->of_count; i++) {
    ml_jw_obj(w);
    ml_jw_kstr(w, "id", f->of[i].id);
    ml_api_put_label(w, "label", f->of[i].label);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

void ml_api_put_form_field(ml_jw *w, const ml_process *p, const ml_flow *f,
                           const ml_form_field *ff, bool sealed) {
  const ml_field *field = &f->fields[ff->field];

  ml_jw_obj(w);
  ml_jw_kstr(w, "id", field->id);
  ml_jw_kstr(w, "short", field->short_id);
  ml_api_put_label(w, "label", field->label);
  ml_jw_kstrz(w, "type", ml_ftype_name(field->type));
  ml_jw_kbool(w, "edit", ff->edit);
  ml_jw_kbool(w, "required", ff->edit && (ff->need || field->required));
  put_choices(w, field);
  ml_jw_key(w, "value");
  put_value(w, field, p->data[ff->field], sealed);
  ml_jw_end(w);
}

static void put_outcome(ml_jw *w, const ml_flow *f, const ml_outcome *o) {
  ml_jw_obj(w);
  ml_jw_kstr(w, "id", o->id);
  ml_api_put_label(w, "label", o->label);
  ml_jw_key(w, "need");
  if (o->has_need) {
    ml_jw_arr(w);
    for (uint16_t i = 0; i < o->need_count; i++)
      ml_jw_str(w, f->fields[o->need[i]].short_id);
    ml_jw_end(w);
  } else {
    ml_jw_null(w);
  }
  ml_jw_kbool(w, "fails", o->fails);
  ml_jw_end(w);
}

void ml_api_put_form(ml_jw *w, const ml_process *p, const ml_flow *f,
                     const ml_task *t, bool sealed) {
  const ml_act *a = t != NULL ? ml_process_act(p, t->act) : NULL;
  const ml_activity *def = a != NULL ? &f->activities[a->def] : NULL;
  bool asked = t != NULL && t->act != 0 && t->form.p != NULL;

  ml_jw_key(w, "form");
  ml_jw_arr(w);
  for (uint16_t i = 0; def != NULL && !asked && i < def->form_count; i++)
    ml_api_put_form_field(w, p, f, &def->form[i], sealed);
  if (asked)
    ml_api_put_asked_fields(w, p, f, t->form, sealed);
  ml_jw_end(w);
  ml_jw_key(w, "outcomes");
  ml_jw_arr(w);
  if (asked)
    ml_api_put_asked_outcomes(w, t->form);
  for (uint16_t i = 0; def != NULL && !asked && i < def->outcome_count; i++)
    put_outcome(w, f, &def->outcomes[i]);
  ml_jw_end(w);
  ml_jw_key(w, "asked");
  ml_jw_raw(w, asked ? t->form : ML_NOSTR);
  ml_api_put_asked_link(w, p, t);
}

/* ---- activities ---- */

static ml_str branch_name(const ml_flow *f, uint16_t list) {
  int32_t b = f->lists[list].branch;

  return b >= 0 ? f->branches[b].name : ML_NOSTR;
}

static void put_def(ml_jw *w, const ml_flow *f, const ml_activity *def) {
  const ml_phase *ph = &f->phases[def->phase];

  ml_jw_kstr(w, "label", def->label);
  ml_api_put_label(w, "title", def->title);
  ml_jw_kstr(w, "phase", ph->name);
  ml_jw_kstr(w, "branch", branch_name(f, ph->list));
  put_lane(w, f->name, def->lane >= 0 ? f->lanes[def->lane].id : ML_NOSTR);
}

static void put_rest(ml_jw *w, ml_acts status, uint32_t attempt, ml_wait wait,
                     int64_t due, ml_str message, ml_str at, ml_str outcome,
                     int32_t node, bool aside) {
  ml_jw_kstrz(w, "status", ml_acts_name(status));
  ml_jw_kint(w, "attempt", attempt);
  ml_jw_kstrz(w, "wait", wait != ML_WAIT_NONE ? ml_wait_name(wait) : NULL);
  ml_api_put_time(w, "due", due);
  ml_api_put_text(w, "message", message);
  ml_api_put_text(w, "at", at);
  ml_api_put_text(w, "outcome", outcome);
  put_node(w, node);
  ml_jw_kbool(w, "aside", aside);
}

static void put_act(ml_jw *w, const ml_process *p, const ml_flow *f,
                    const ml_act *a) {
  const ml_activity *def = &f->activities[a->def];

  ml_jw_obj(w);
  ml_api_put_id(w, "id", p->id, a->no);
  put_def(w, f, def);
  put_rest(w, a->status, a->attempt, a->wait, a->due_ms, a->message, a->at,
           a->outcome, def->node, a->aside);
  ml_jw_end(w);
}

static void put_past(ml_jw *w, const ml_process *p, const ml_flow *f,
                     const ml_api_past *past) {
  const ml_activity *def = def_of_label(f, past->label);

  ml_jw_obj(w);
  ml_api_put_id(w, "id", p->id, past->no);
  if (def != NULL) {
    put_def(w, f, def);
  } else {
    ml_jw_kstr(w, "label", past->label.p != NULL ? past->label : ML_STR("?"));
    ml_api_put_label(w, "title", ML_NOSTR);
    ml_api_put_text(w, "phase", ML_NOSTR);
    ml_api_put_text(w, "branch", ML_NOSTR);
    ml_api_put_text(w, "lane", ML_NOSTR);
  }
  put_rest(w, past->status, 0, ML_WAIT_NONE, 0, past->message, ML_NOSTR,
           past->outcome, def != NULL ? def->node : -1, past->aside);
  ml_jw_end(w);
}

/* Has this activity begun at some time? */
static bool begun(const ml_process *p, const ml_flow *f, uint16_t def,
                  const ml_api_view *v) {
  for (uint32_t i = 0; i < p->act_count; i++)
    if (p->acts[i].def == def)
      return true;
  for (size_t i = 0; i < v->past_count; i++)
    if (ml_str_eq(v->past[i].label, f->activities[def].label))
      return true;
  return false;
}

static void put_future(ml_jw *w, const ml_flow *f, const ml_activity *def) {
  ml_jw_obj(w);
  ml_jw_kstr(w, "id", ML_NOSTR);
  put_def(w, f, def);
  put_rest(w, ML_ACT_NEW, 0, ML_WAIT_NONE, 0, ML_NOSTR, ML_NOSTR, ML_NOSTR,
           def->node, false);
  ml_jw_end(w);
}

static void put_activities(ml_jw *w, const ml_process *p, const ml_flow *f,
                           const ml_api_view *v) {
  ml_jw_key(w, "activities");
  ml_jw_arr(w);
  for (size_t i = 0; v->all && i < v->past_count; i++)
    if (ml_process_act(p, v->past[i].no) == NULL)
      put_past(w, p, f, &v->past[i]);
  for (uint32_t i = 0; i < p->act_count; i++)
    if (v->all || !p->acts[i].aside)
      put_act(w, p, f, &p->acts[i]);
  for (uint16_t i = 0; v->all && p->status == ML_OPEN && i < f->activity_count;
       i++)
    if (!begun(p, f, i, v))
      put_future(w, f, &f->activities[i]);
  ml_jw_end(w);
}

/* ---- what was, out of history ---- */

static ml_api_past *past_of(ml_api_pasts *list, ml_arena *a, uint32_t no) {
  for (size_t i = list->count; i-- > 0;)
    if (list->all[i].no == no)
      return &list->all[i];
  if (list->count == list->cap) {
    size_t cap = list->cap > 0 ? 2 * list->cap : 32;
    ml_api_past *more = ml_arena_zero(a, cap * sizeof *more);

    if (more == NULL)
      return NULL;
    if (list->count > 0)
      memcpy(more, list->all, list->count * sizeof *more);
    list->all = more;
    list->cap = cap;
  }
  list->all[list->count] = (ml_api_past){.no = no};
  return &list->all[list->count++];
}

static void take_row(ml_api_past *p, const ml_row_history *h) {
  if (p->label.p == NULL)
    p->label = h->name;
  p->message = ML_NOSTR;
  switch (h->told) {
  case ML_TOLD_SUCCEEDED:
    p->status = ML_ACT_SUCCESS;
    p->outcome = h->text;
    break;
  case ML_TOLD_FAILED: case ML_TOLD_BROKE:
    p->status = h->told == ML_TOLD_FAILED ? ML_ACT_FAILURE : ML_ACT_ERROR;
    p->message = h->text;
    break;
  case ML_TOLD_TERMINATED:
    p->status = ML_ACT_TERMINATED;
    break;
  case ML_TOLD_ASIDE:
    p->aside = true;
    break;
  default:
    p->status = ML_ACT_IN_PROGRESS;
    break;
  }
}

ml_rc ml_api_past_add(ml_api_pasts *list, ml_arena *a,
                      const ml_row_history *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    ml_api_past *p;

    switch (rows[i].told) {
    case ML_TOLD_BEGAN: case ML_TOLD_SUCCEEDED: case ML_TOLD_FAILED:
    case ML_TOLD_BROKE: case ML_TOLD_TERMINATED: case ML_TOLD_ASIDE:
    case ML_TOLD_RETRIED:
      p = past_of(list, a, rows[i].no);
      if (p == NULL)
        return ML_NOMEM;
      take_row(p, &rows[i]);
      break;
    default:
      break;
    }
  }
  return ML_OK;
}

/* ---- processes ---- */

void ml_api_put_data(ml_jw *w, const ml_process *p, const ml_flow *f,
                     bool sealed) {
  ml_jw_obj(w);
  for (uint16_t i = 0; i < p->field_count && i < f->field_count; i++) {
    if (p->data[i].p == NULL)
      continue;
    ml_jw_keyn(w, f->fields[i].short_id);
    put_value(w, &f->fields[i], p->data[i], sealed);
  }
  ml_jw_end(w);
}

static void put_phases(ml_jw *w, const ml_process *p, const ml_flow *f) {
  ml_jw_key(w, "phase");
  ml_jw_arr(w);
  for (uint32_t i = 0; p->status == ML_OPEN && i < p->strand_count; i++)
    if (!p->strands[i].ended)
      ml_jw_str(w, f->phases[p->strands[i].phase].name);
  ml_jw_end(w);
}

static void put_tasks(ml_jw *w, const ml_process *p, const ml_flow *f,
                      int64_t now_ms) {
  ml_jw_key(w, "tasks");
  ml_jw_arr(w);
  for (uint32_t i = 0; i < p->task_count; i++) {
    ml_api_task t;

    ml_api_task_of(p, f, &p->tasks[i], &t);
    ml_jw_obj(w);
    ml_api_put_task(w, &t, now_ms);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

/* The id of the process that called this one: "<parent id>-<no>" less "-<no>". */
static void put_parent(ml_jw *w, ml_str parent, ml_str parent_act) {
  uint8_t id[16];
  uint32_t no;

  if (parent.p != NULL)
    ml_jw_kstr(w, "parentProcess", parent);
  else if (parent_act.p != NULL && ml_id_of(parent_act, id, &no))
    ml_api_put_id(w, "parentProcess", id, 0);
  else
    ml_jw_kstr(w, "parentProcess", ML_NOSTR);
}

/* The columns, as a row or a process has them. */
static void put_columns(ml_jw *w, const ml_row_process *r) {
  ml_api_put_text(w, "createdBy", r->created_by);
  ml_api_put_text(w, "assignedTo", r->assigned_to);
  ml_api_put_text(w, "firstAssignedTo", r->first_assigned_to);
  ml_api_put_time(w, "firstAssignedAt", r->first_assigned_ms);
  ml_api_put_time(w, "lastAssignedAt", r->last_assigned_ms);
  ml_api_put_time(w, "createdAt", r->created_ms);
  ml_api_put_time(w, "updatedAt", r->updated_ms);
  ml_api_put_time(w, "completedAt", r->completed_ms);
  ml_api_put_time(w, "cancelledAt", r->cancelled_ms);
  ml_api_put_time(w, "nextActionAt", r->next_action_ms);
}

static void put_head(ml_jw *w, const ml_row_process *r, ml_str workflow,
                     ml_str version) {
  ml_api_put_id(w, "id", r->id, 0);
  ml_jw_kstr(w, "workflow", workflow);
  ml_api_put_text(w, "version", version);
  ml_jw_kstrz(w, "status", ml_status_name(r->status));
  ml_jw_kstrz(w, "run", ml_runs_name(r->run));
  ml_api_put_text(w, "state", r->state);
  ml_api_put_text(w, "subject", r->subject);
}

static void put_tail(ml_jw *w, const ml_row_process *r, const ml_object *o) {
  ml_api_put_text(w, "team", o->team);
  ml_api_put_text(w, "entity", o->entity);
  ml_api_put_text(w, "record", o->record);
  ml_api_put_text(w, "belongsTo", o->belongs_to);
  ml_api_put_text(w, "primaryBooking", o->booking);
  ml_jw_kbool(w, "isDeleted", r->deleted);
  ml_jw_kint(w, "seq", (int64_t)r->seq);
}

void ml_api_put_process(ml_jw *w, const ml_process *p, const ml_flow *f,
                        const ml_api_view *v) {
  ml_row_process r = {
    .status = p->status, .run = p->run, .deleted = p->deleted, .seq = p->seq,
    .created_ms = p->created_ms, .updated_ms = p->updated_ms,
    .completed_ms = p->completed_ms, .cancelled_ms = p->cancelled_ms,
    .next_action_ms = p->next_action_ms,
    .first_assigned_ms = p->first_assigned_ms,
    .last_assigned_ms = p->last_assigned_ms, .subject = p->subject,
    .state = p->state, .assigned_to = p->assigned_to,
    .first_assigned_to = p->first_assigned_to, .created_by = p->created_by};

  memcpy(r.id, p->id, sizeof r.id);
  ml_jw_obj(w);
  put_head(w, &r, f->name, v->version);
  ml_jw_key(w, "data");
  ml_api_put_data(w, p, f, v->sealed);
  put_phases(w, p, f);
  put_activities(w, p, f, v);
  put_tasks(w, p, f, v->now_ms);
  ml_api_put_text(w, "message", v->held && p->status == ML_OPEN
                                && p->run < ML_RUN_FAILURE
                                ? ML_STR("held: its bundle is in quarantine "
                                         "(moonlane lift WORKFLOW)")
                                : p->message);
  put_columns(w, &r);
  put_parent(w, v->parent, p->parent_act);
  put_tail(w, &r, &p->object);
  ml_jw_end(w);
}

void ml_api_put_row(ml_jw *w, const ml_row_process *row, ml_str workflow,
                    const ml_api_view *v, const char *why) {
  ml_object o;

  ml_jw_obj(w);
  put_head(w, row, workflow, v->version);
  ml_jw_key(w, "data");
  ml_jw_raw(w, ML_STR("{}"));
  ml_jw_key(w, "phase");
  ml_jw_raw(w, ML_STR("[]"));
  ml_jw_key(w, "activities");
  ml_jw_raw(w, ML_STR("[]"));
  ml_jw_key(w, "tasks");
  ml_jw_raw(w, ML_STR("[]"));
  ml_jw_kstrz(w, "message", why);
  put_columns(w, row);
  put_parent(w, v->parent, ML_NOSTR);
  ml_process_peek(row->rest, &o);
  put_tail(w, row, &o);
  ml_jw_end(w);
}

