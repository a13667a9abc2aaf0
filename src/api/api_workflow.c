/* api_workflow.c - workflows in force: the list, and a definition whole. */
#include <string.h>

#include "api/api_call.h"
#include "api/api_render.h"
#include "base/text.h"

static void put_version(ml_call *c, const ml_workflow *wf) {
  ml_api_put_text(&c->w, "version",
                  wf->bundle != 0 ? ml_run_bundle_version(c->run, wf->bundle)
                                  : ML_NOSTR);
}

static void put_starts(ml_jw *w, const ml_flow *f) {
  ml_jw_key(w, "start");
  ml_jw_arr(w);
  for (uint16_t i = 0; i < f->trigger_count; i++)
    ml_jw_str(w, f->triggers[i].name.n > 0 ? f->triggers[i].name
                                           : f->triggers[i].kind);
  ml_jw_end(w);
}

static void put_lanes(ml_jw *w, const ml_flow *f) {
  ml_jw_key(w, "lanes");
  ml_jw_arr(w);
  for (uint16_t i = 0; i < f->lane_count; i++) {
    ml_jw_obj(w);
    ml_jw_kstr(w, "id", f->lanes[i].id);
    ml_api_put_label(w, "title", f->lanes[i].title);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

static void put_summary(ml_call *c, const ml_workflow *wf) {
  ml_jw_obj(&c->w);
  ml_jw_kstr(&c->w, "name", wf->name);
  ml_api_put_label(&c->w, "title", wf->flow->title);
  put_version(c, wf);
  ml_jw_kbool(&c->w, "in_force", wf->bundle != 0);
  ml_jw_kbool(&c->w, "quarantined",
              ml_run_quarantined(c->run, wf->bundle) != 0);
  put_lanes(&c->w, wf->flow);
  ml_jw_kint(&c->w, "fields", wf->flow->field_count);
  put_starts(&c->w, wf->flow);
  ml_jw_end(&c->w);
}

/* Few, and always in the same order: the cursor is the place in it. */
static void list_workflows(ml_call *c) {
  size_t n = ml_run_workflow_count(c->run), limit = ml_call_limit(c), shown = 0;
  int64_t at, b;
  ml_str none;

  if (!ml_cursor_get(c, 'w', &at, &b, &none))
    return;
  ml_list_begin(c);
  for (; (size_t)at < n && shown < limit; at++) {
    const ml_workflow *wf = ml_run_workflow_at(c->run, (size_t)at);
    if (wf->flow == NULL)
      continue;
    put_summary(c, wf);
    shown++;
  }
  if ((size_t)at < n)
    ml_cursor_put(c, 'w', at, 0, ML_NOSTR);
  else
    ml_list_last(c);
  ml_list_send(c);
}

/* ---- fields, settings, starts ---- */

static void put_fields(ml_jw *w, const ml_flow *f) {
  ml_jw_key(w, "fields");
  ml_jw_arr(w);
  for (uint16_t i = 0; i < f->field_count; i++) {
    const ml_field *d = &f->fields[i];

    ml_jw_obj(w);
    ml_jw_kstr(w, "id", d->id);
    ml_jw_kstr(w, "short", d->short_id);
    ml_jw_kstrz(w, "type", ml_ftype_name(d->type));
    ml_jw_key(w, "no");
    if (d->no >= 0)
      ml_jw_int(w, d->no);
    else
      ml_jw_null(w);
    ml_jw_kbool(w, "required", d->required);
    ml_jw_kbool(w, "sealed", d->sealed);
    ml_jw_kbool(w, "search", d->search);
    ml_api_put_label(w, "label", d->label);
    ml_jw_key(w, "of");
    ml_jw_arr(w);
    for (uint32_t k = 0; k < d->of_count; k++) {
      ml_jw_obj(w);
      ml_jw_kstr(w, "id", d->of[k].id);
      ml_api_put_label(w, "label", d->of[k].label);
      ml_jw_end(w);
    }
    ml_jw_end(w);
    ml_jw_key(w, "initial");
    ml_jw_raw(w, d->sealed ? ML_NOSTR : d->initial);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

static void put_settings(ml_call *c, const ml_flow *f) {
  ml_jw_key(&c->w, "settings");
  ml_jw_arr(&c->w);
  for (uint16_t i = 0; i < f->setting_count; i++) {
    const ml_setting *s = &f->settings[i];

    ml_jw_obj(&c->w);
    ml_jw_kstr(&c->w, "id", s->id);
    ml_jw_kstrz(&c->w, "type", ml_ftype_name(s->type));
    ml_jw_kbool(&c->w, "required", s->required);
    ml_jw_kbool(&c->w, "set",
                ml_run_setting(c->run, &c->arena, f->name, s->id).p != NULL);
    ml_jw_end(&c->w);
  }
  ml_jw_end(&c->w);
}

/* The path of a webhook ends in its secret: for those who may set it up. */
static void put_hook_path(ml_call *c, const ml_flow *f, const ml_trigger *t) {
  bool whole = ml_call_may(c, ML_SCOPE_OPERATE | ML_SCOPE_DEPLOY | ML_SCOPE_ADMIN);
  ml_buf b = {0};
  char token[44];

  ml_jw_key(&c->w, "path");
  if (!ml_str_is(t->kind, "webhook")) {
    ml_jw_null(&c->w);
    return;
  }
  ml_run_hook_token(c->run, f->name, t->name, token);
  ml_buf_puts(&b, "/hooks/");
  ml_text_put_url(&b, f->name);
  ml_buf_putc(&b, '/');
  ml_text_put_url(&b, t->name);
  ml_buf_printf(&b, "/%s", whole ? token : "{token}");
  ml_jw_str(&c->w, b.bad ? ML_NOSTR : (ml_str){b.p, b.len});
  c->out.bad = c->out.bad || b.bad;
  ml_buf_free(&b);
}

static void put_triggers(ml_call *c, const ml_flow *f) {
  ml_jw_key(&c->w, "start");
  ml_jw_arr(&c->w);
  for (uint16_t i = 0; i < f->trigger_count; i++) {
    const ml_trigger *t = &f->triggers[i];

    ml_jw_obj(&c->w);
    ml_jw_kstr(&c->w, "kind", t->kind);
    ml_api_put_text(&c->w, "name", t->name);
    put_hook_path(c, f, t);
    ml_jw_key(&c->w, "fields");
    ml_jw_arr(&c->w);
    for (uint16_t k = 0; k < t->form_count; k++)
      ml_jw_str(&c->w, f->fields[t->form[k].field].short_id);
    ml_jw_end(&c->w);
    ml_jw_end(&c->w);
  }
  ml_jw_end(&c->w);
}

/* What its scripts may use, whoever said so. */
static void put_limits(ml_call *c, const ml_flow *f) {
  ml_jw_key(&c->w, "limits");
  ml_jw_arr(&c->w);
  for (ml_bound b = 0; b < ML_BOUND_COUNT; b++) {
    const char *by;
    uint64_t v = ml_run_limit(c->run, f->limits, b, &by);

    if (ml_bound_rows[b].name == NULL)
      continue;
    ml_jw_obj(&c->w);
    ml_jw_kstrz(&c->w, "name", ml_bound_rows[b].name);
    ml_jw_kint(&c->w, "value", (int64_t)v);
    ml_jw_kstrz(&c->w, "by", by);
    ml_jw_end(&c->w);
  }
  ml_jw_end(&c->w);
}

/* ---- phases ---- */

static void put_phases(ml_jw *w, const ml_flow *f, uint16_t list);

static void put_outcomes(ml_jw *w, const ml_activity *a) {
  ml_jw_key(w, "outcomes");
  ml_jw_arr(w);
  for (uint16_t i = 0; i < a->outcome_count; i++) {
    ml_jw_obj(w);
    ml_jw_kstr(w, "id", a->outcomes[i].id);
    ml_api_put_label(w, "label", a->outcomes[i].label);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

static void put_activity(ml_jw *w, const ml_flow *f, const ml_activity *a) {
  static const char *const kinds[] = {
    [ML_AK_AUTO] = "activity", [ML_AK_TASK] = "task",
    [ML_AK_RECEIVE] = "receive"};

  ml_jw_obj(w);
  ml_jw_kstrz(w, "kind", kinds[a->kind]);
  ml_jw_kstr(w, "label", a->label);
  ml_api_put_label(w, "title", a->title);
  ml_jw_key(w, "node");
  if (a->node >= 0)
    ml_jw_int(w, a->node);
  else
    ml_jw_null(w);
  ml_jw_kstr(w, "lane", a->lane >= 0 ? f->lanes[a->lane].id : ML_NOSTR);
  put_outcomes(w, a);
  ml_jw_kstr(w, "signal", a->kind == ML_AK_RECEIVE ? a->signal : ML_NOSTR);
  ml_jw_end(w);
}

static void put_branch(ml_jw *w, const ml_flow *f, const ml_branch *b) {
  ml_jw_obj(w);
  ml_jw_kstrz(w, "kind", "branch");
  ml_jw_kstr(w, "name", b->name);
  ml_jw_kbool(w, "when", b->when);
  ml_jw_key(w, "phases");
  put_phases(w, f, b->list);
  ml_jw_end(w);
}

/* The place of an entry in its phase: the last number of its path. */
static int64_t place(ml_str path) {
  const char *dot = memrchr(path.p, '.', path.n);
  size_t skip = dot != NULL ? (size_t)(dot - path.p) + 1 : 0;
  int64_t n = 0;

  return ml_text_int((ml_str){path.p + skip, path.n - skip}, &n) ? n : 0;
}

/* Activities and branches in the order they were written. */
static void put_entries(ml_jw *w, const ml_flow *f, const ml_phase *ph) {
  uint16_t a = 0, b = 0;

  ml_jw_key(w, "entries");
  ml_jw_arr(w);
  while (a < ph->activity_count || b < ph->branch_count) {
    const ml_activity *act = &f->activities[ph->first_activity + a];
    const ml_branch *br = &f->branches[ph->first_branch + b];

    if (b == ph->branch_count
        || (a < ph->activity_count && place(act->path) < place(br->path))) {
      put_activity(w, f, act);
      a++;
    } else {
      put_branch(w, f, br);
      b++;
    }
  }
  ml_jw_end(w);
}

static void put_next(ml_jw *w, const ml_flow *f, const ml_phase *ph) {
  ml_jw_key(w, "next");
  ml_jw_arr(w);
  for (uint16_t i = 0; i < ph->next_count; i++) {
    int32_t to = ph->next[i].to;

    ml_jw_obj(w);
    ml_jw_kstr(w, "outcome", ph->next[i].outcome);
    ml_jw_kstrz(w, "kind", to >= 0 ? "phase" : to == ML_TO_JOIN ? "join"
                           : to == ML_TO_FINISH ? "finish" : "next");
    ml_jw_kstr(w, "phase", to >= 0 ? f->phases[to].name : ML_NOSTR);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

static void put_phases(ml_jw *w, const ml_flow *f, uint16_t list) {
  const ml_list *l = &f->lists[list];

  ml_jw_arr(w);
  for (uint16_t i = 0; i < l->phase_count; i++) {
    const ml_phase *ph = &f->phases[l->first_phase + i];

    ml_jw_obj(w);
    ml_jw_kstr(w, "name", ph->name);
    ml_jw_kbool(w, "when", ph->when);
    ml_jw_key(w, "max");
    if (ph->max > 0)
      ml_jw_int(w, ph->max);
    else
      ml_jw_null(w);
    put_entries(w, f, ph);
    put_next(w, f, ph);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

static void put_states(ml_jw *w, const ml_flow *f) {
  ml_jw_key(w, "states");
  ml_jw_arr(w);
  for (uint16_t i = 0; i < f->state_count; i++) {
    ml_jw_obj(w);
    ml_jw_kstr(w, "id", f->states[i].id);
    ml_api_put_label(w, "label", f->states[i].label);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

static void get_workflow(ml_call *c) {
  const ml_workflow *wf = ml_run_workflow(c->run, c->part[0]);
  const ml_flow *f = wf != NULL ? wf->flow : NULL;

  if (f == NULL) {
    ml_call_problem(c, 404, NULL, NULL, NULL,
                    "there is no workflow '%.100s' in force", c->part[0].p);
    return;
  }
  ml_jw_obj(&c->w);
  ml_jw_kstr(&c->w, "name", wf->name);
  ml_api_put_label(&c->w, "title", f->title);
  put_version(c, wf);
  ml_jw_kbool(&c->w, "in_force", wf->bundle != 0);
  put_lanes(&c->w, f);
  put_fields(&c->w, f);
  put_settings(c, f);
  put_states(&c->w, f);
  put_triggers(c, f);
  put_limits(c, f);
  ml_jw_key(&c->w, "phases");
  put_phases(&c->w, f, 0);
  ml_jw_end(&c->w);
  ml_call_send(c, 200);
}

/* ---- a trigger by hand ---- */

static void polled(void *arg, ml_rc rc, const ml_err *e, ml_str answer) {
  ml_call *c = arg;

  if (rc != ML_OK) {
    ml_call_refuse(c, rc, e);
    return;
  }
  ml_jw_raw(&c->w, answer);
  ml_call_send(c, 200);
}

static void lift_done(void *arg, ml_rc rc, const ml_err *e, size_t lifted) {
  ml_call *c = arg;

  if (rc != ML_OK) {
    ml_call_refuse(c, rc, e);
    return;
  }
  ml_jw_obj(&c->w);
  ml_jw_kint(&c->w, "lifted", (int64_t)lifted);
  ml_jw_end(&c->w);
  ml_call_send(c, 200);
}

static void lift(ml_call *c) {
  if (ml_run_workflow(c->run, c->part[0]) == NULL) {
    ml_call_problem(c, 404, NULL, NULL, NULL, "there is no workflow '%.100s'",
                    c->part[0].p);
    return;
  }
  ml_run_lift(c->run, c->part[0], lift_done, c);
}

static void poll_now(ml_call *c) {
  const ml_workflow *wf = ml_run_workflow(c->run, c->part[0]);

  if (wf == NULL || wf->flow == NULL
      || ml_flow_trigger(wf->flow, c->part[1]) < 0) {
    ml_call_problem(c, 404, NULL, NULL, NULL, "there is no trigger '%.100s'",
                    c->part[1].p);
    return;
  }
  ml_run_poll_now(c->run, c->part[0], c->part[1], polled, c);
}

/* ---- rows ---- */

#define LOOK ML_SCOPE_READ | ML_SCOPE_OPERATE | ML_SCOPE_DEPLOY | ML_SCOPE_ADMIN

static const ml_route rows[] = {
  {"GET", "/v1/workflows", LOOK | ML_SCOPE_WORK, 0, list_workflows,
   "limit cursor", NULL, "200 [Workflow]", "listWorkflows",
   "Workflows in force"},
  {"GET", "/v1/workflows/{name}", LOOK, 0, get_workflow, NULL, NULL,
   "200 Definition", "getWorkflow", "A workflow as it is defined now"},
  {"POST", "/v1/workflows/{name}/triggers/{trigger}/poll", ML_SCOPE_OPERATE,
   ML_ROUTE_REPEAT, poll_now, NULL, NULL, "200 Started", "pollNow",
   "Run a poll now; an occurrence seen before starts nothing"},
  {"POST", "/v1/workflows/{name}/lift", ML_SCOPE_OPERATE, ML_ROUTE_REPEAT, lift,
   NULL, NULL, "200 Lifted", "liftQuarantine",
   "Let scripts run again that had killed too many workers"}};

static const char shapes[] =
  "Workflow { name:str, title:label, version:str?, in_force:bool,"
  " quarantined:bool \"its scripts are not run\","
  " lanes:[LaneName], fields:int \"how many\", start:[str] }"
  "LaneName { id:str, title:label }"
  "Definition { name:str, title:label, version:str?, in_force:bool,"
  " lanes:[LaneName], fields:[Field], settings:[SettingName],"
  " states:[Choice], start:[Trigger], limits:[Limit], phases:[Phase] }"
  "Limit { name:str, value:int \"a count, milliseconds or bytes\","
  " by:str \"the default, set by the operator, set by the workflow\" }"
  "Field { id:str, short:str, type:str, no:int?, required:bool, sealed:bool,"
  " search:bool, label:label, of:[Choice], initial:any }"
  "SettingName { id:str, type:str, required:bool, set:bool }"
  "Lifted { lifted:int \"bundles that were in quarantine\" }"
  "Trigger { kind:str, name:str?, path:str? \"of a webhook\", fields:[str] }"
  "Phase { name:str, when:bool \"a function says whether it is entered\","
  " max:int?, entries:[PhaseEntry], next:[Next] }"
  "PhaseEntry { kind:activity|task|receive|branch, label?:str, title?:label,"
  " node?:int?, lane?:str?, outcomes?:[Choice], signal?:str?, name?:str?,"
  " when?:bool, phases?:[Phase] \"of a branch\" }"
  "Next { outcome:str? \"null: whatever it is\", kind:phase|next|join|finish,"
  " phase:str? }"
  "Started { started?:[str] \"ids of processes\" }";

const ml_routes ml_routes_workflow = {rows, sizeof rows / sizeof *rows, shapes};
