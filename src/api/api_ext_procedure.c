/* api_ext_procedure.c - procedures: workflows in force, as the external form
** shows them. */
#include <string.h>

#include "api/api_ext.h"

/* A field's type under its published name. */
static const char *type_name(ml_ftype t) {
  switch (t) {
  case ML_F_SELECT: return "stringEnum";
  case ML_F_MULTI: return "multiStringEnum";
  case ML_F_JSON: return "JSON";
  case ML_F_API: return "APIControlled";
  default: return ml_ftype_name(t);
  }
}

static void put_attribute(ml_jw *w, const ml_field *d) {
  ml_jw_obj(w);
  ml_jw_kstr(w, "id", d->id);
  ml_jw_kstr(w, "shortId", d->short_id);
  ml_api_put_label(w, "name", d->label);
  ml_jw_kstrz(w, "type", type_name(d->type));
  ml_jw_kbool(w, "required", d->required);
  ml_jw_kbool(w, "derived", d->derived);
  ml_jw_kbool(w, "search", d->search);
  ml_jw_key(w, "of");
  ml_jw_arr(w);
  for (uint32_t i = 0; i < d->of_count; i++) {
    ml_jw_obj(w);
    ml_jw_kstr(w, "id", d->of[i].id);
    ml_api_put_label(w, "label", d->of[i].label);
    ml_jw_end(w);
  }
  ml_jw_end(w);
  ml_jw_end(w);
}

static void put_texts(ml_jw *w, const char *key, const ml_str *all, size_t n) {
  ml_jw_key(w, key);
  ml_jw_arr(w);
  for (size_t i = 0; i < n; i++)
    ml_jw_str(w, all[i]);
  ml_jw_end(w);
}

static void put_name(ml_jw *w, ml_str label, ml_str instead) {
  if (label.p != NULL)
    ml_api_put_label(w, "name", label);
  else
    ml_jw_kstr(w, "name", instead);
}

static void put_follows(ml_jw *w, const ml_flow *f, uint16_t from) {
  ml_jw_key(w, "next");
  ml_jw_arr(w);
  for (uint16_t to = 0; to < f->state_count; to++) {
    bool may = f->move_count == 0;

    for (uint16_t i = 0; i < f->move_count && !may; i++)
      may = f->moves[i][0] == from && f->moves[i][1] == to;
    if (may && to != from)
      ml_jw_str(w, f->states[to].id);
  }
  ml_jw_end(w);
}

static void put_states(ml_jw *w, const ml_flow *f) {
  ml_jw_key(w, "states");
  ml_jw_arr(w);
  for (uint16_t i = 0; i < f->state_count; i++) {
    const ml_state *s = &f->states[i];

    ml_jw_obj(w);
    ml_jw_kstr(w, "shortId", s->id);
    put_name(w, s->label, s->id);
    ml_api_put_label(w, "description", s->description);
    ml_api_put_text(w, "color", s->color);
    put_texts(w, "tasks", s->tasks, s->task_count);
    put_follows(w, f, i);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

static void put_rules(ml_jw *w, const ml_flow *f) {
  ml_jw_key(w, "rules");
  ml_jw_arr(w);
  for (uint16_t i = 0; i < f->rule_count; i++) {
    ml_jw_obj(w);
    ml_jw_kstr(w, "name", f->rules[i].name);
    ml_jw_kstrz(w, "on", ml_life_name(f->rules[i].on));
    ml_jw_kstrz(w, "status", f->rules[i].active ? "ACTIVE" : "INACTIVE");
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

static ml_str state_id(const ml_flow *f, int32_t i) {
  return i >= 0 ? f->states[i].id : ML_NOSTR;
}

static ml_str field_short(const ml_flow *f, int32_t i) {
  return i >= 0 ? f->fields[i].short_id : ML_NOSTR;
}

static void put_procedure(ml_jw *w, const ml_flow *f) {
  char id[ML_ID_MAX];

  ml_ext_procedure_id(id, f->name);
  ml_jw_obj(w);
  ml_jw_kstrz(w, "id", id);
  ml_jw_kstr(w, "shortId", f->name);
  put_name(w, f->title, f->name);
  ml_api_put_text(w, "entity", f->entity);
  ml_jw_key(w, "attributes");
  ml_jw_arr(w);
  for (uint16_t i = 0; i < f->field_count; i++)
    put_attribute(w, &f->fields[i]);
  ml_jw_end(w);
  put_states(w, f);
  ml_jw_kstr(w, "defaultStartState", state_id(f, f->start_state));
  ml_jw_kstr(w, "defaultCompletedState", state_id(f, f->completed_state));
  ml_jw_kstr(w, "primaryIdentifier", field_short(f, f->primary_identifier));
  ml_jw_kstr(w, "primaryKey", field_short(f, f->primary_key));
  put_texts(w, "roles", f->roles, f->role_count);
  put_rules(w, f);
  ml_jw_end(w);
}

static void get_procedure(ml_call *c) {
  const ml_workflow *wf = ml_ext_procedure(c);

  if (wf == NULL)
    return;
  ml_ext_begin(c);
  put_procedure(&c->w, wf->flow);
  ml_ext_meta(c);
  ml_ext_end(c, 200);
}

static void list_procedures(ml_call *c) {
  ml_ext_begin(c);
  ml_jw_arr(&c->w);
  for (size_t i = 0; i < ml_run_workflow_count(c->run); i++) {
    const ml_workflow *wf = ml_run_workflow_at(c->run, i);

    if (wf->flow != NULL && wf->bundle != 0)
      put_procedure(&c->w, wf->flow);
  }
  ml_jw_end(&c->w);
  ml_ext_meta(c);
  ml_ext_end(c, 200);
}

#define LOOK ML_SCOPE_READ | ML_SCOPE_OPERATE

static const ml_route rows[] = {
  {"GET", "/v1/ext/procedure", LOOK, ML_ROUTE_EXT, list_procedures, NULL, NULL,
   "200 ExtProcedures", "extProcedures", "Procedures: workflows in force"},
  {"GET", "/v1/ext/procedure/{procedure}", LOOK, ML_ROUTE_EXT, get_procedure,
   NULL, NULL, "200 ExtProcedureAnswer", "extProcedure",
   "One procedure: attributes, states, rules"}};

static const char shapes[] =
  "ExtAttribute { id:str, shortId:str, name:label, type:str, required:bool,"
  " derived:bool, search:bool, of:[Choice] }"
  "ExtState { shortId:str \"fixed\", name:label, description:label, color:str?,"
  " tasks:[str], next:[str] \"states that may follow\" }"
  "ExtRule { name:str, on:str, status:ACTIVE|INACTIVE }"
  "ExtProcedure { id:str, shortId:str, name:label, entity:str?,"
  " attributes:[ExtAttribute], states:[ExtState], defaultStartState:str?,"
  " defaultCompletedState:str?, primaryIdentifier:str?, primaryKey:str?,"
  " roles:[str], rules:[ExtRule] }"
  "ExtProcedures { _data:[ExtProcedure], _meta:obj, _errors:[Problem] }"
  "ExtProcedureAnswer { _data:ExtProcedure, _meta:obj, _errors:[Problem] }";

const ml_routes ml_routes_ext_procedure = {rows, sizeof rows / sizeof *rows,
                                           shapes};
