/* api_setting.c - settings of a workflow.  A secret goes in and never out. */
#include <string.h>

#include "api/api_call.h"
#include "api/api_render.h"
#include "base/log.h"

static const ml_flow *flow_of(ml_call *c) {
  const ml_workflow *wf = ml_run_workflow(c->run, c->part[0]);

  if (wf != NULL && wf->flow != NULL)
    return wf->flow;
  ml_call_problem(c, 404, NULL, NULL, NULL,
                  "there is no workflow '%.100s' in force", c->part[0].p);
  return NULL;
}

static const ml_setting *setting_of(ml_call *c) {
  const ml_flow *f = flow_of(c);
  int i = f != NULL ? ml_flow_setting(f, c->part[1]) : -1;

  if (f != NULL && i < 0)
    ml_call_problem(c, 404, NULL, NULL, NULL,
                    "workflow '%.100s' has no setting '%.100s'", c->part[0].p,
                    c->part[1].p);
  return i >= 0 ? &f->settings[i] : NULL;
}

static void put_setting(ml_call *c, const ml_setting *s) {
  ml_str value = ml_run_setting(c->run, &c->arena, c->part[0], s->id);
  bool secret = s->type == ML_F_SECRET;

  ml_jw_obj(&c->w);
  ml_jw_kstr(&c->w, "id", s->id);
  ml_jw_kstrz(&c->w, "type", ml_ftype_name(s->type));
  ml_jw_kbool(&c->w, "required", s->required);
  ml_jw_kbool(&c->w, "set", value.p != NULL);
  if (!secret) {
    ml_jw_key(&c->w, "value");
    ml_jw_raw(&c->w, value.p != NULL ? value : s->dflt);
    ml_jw_key(&c->w, "default");
    ml_jw_raw(&c->w, s->dflt);
  }
  ml_jw_end(&c->w);
}

static void list_settings(ml_call *c) {
  const ml_flow *f = flow_of(c);

  if (f == NULL)
    return;
  ml_list_begin(c);
  for (uint16_t i = 0; i < f->setting_count; i++)
    put_setting(c, &f->settings[i]);
  ml_list_last(c);
  ml_list_send(c);
}

static void get_setting(ml_call *c) {
  const ml_setting *s = setting_of(c);

  if (s == NULL)
    return;
  put_setting(c, s);
  ml_call_send(c, 200);
}

/* The definition may be another one by now: it is looked up anew. */
static void setting_written(void *arg, ml_rc rc, const ml_err *e) {
  ml_call *c = arg;
  const ml_setting *s;

  if (rc != ML_OK) {
    ml_call_refuse(c, rc, e);
    return;
  }
  ml_log(ML_INFO, "setting-changed", "who", c->who.name.p, "workflow",
         c->part[0].p, "key", c->part[1].p, NULL);
  if (strcmp(c->route->method, "DELETE") == 0) {
    ml_call_send(c, 204);
    return;
  }
  s = setting_of(c);
  if (s == NULL)
    return;
  put_setting(c, s);
  ml_call_send(c, 200);
}

static void set_setting(ml_call *c) {
  if (setting_of(c) != NULL)
    ml_run_set_setting(c->run, c->part[0], c->part[1],
                       ml_json_get(c->body, "value"), setting_written, c);
}

static void drop_setting(ml_call *c) {
  if (setting_of(c) != NULL)
    ml_run_set_setting(c->run, c->part[0], c->part[1], NULL, setting_written, c);
}

#define CHANGE ML_SCOPE_OPERATE | ML_SCOPE_ADMIN

static const ml_route rows[] = {
  {"GET", "/v1/workflows/{name}/settings", ML_SCOPE_READ | CHANGE, 0,
   list_settings, NULL, NULL, "200 [Setting]", "listSettings",
   "Settings of a workflow"},
  {"GET", "/v1/workflows/{name}/settings/{key}", ML_SCOPE_READ | CHANGE, 0,
   get_setting, NULL, NULL, "200 Setting", "getSetting", "One setting"},
  {"PUT", "/v1/workflows/{name}/settings/{key}", CHANGE, 0, set_setting, NULL,
   "SetSetting", "200 Setting", "setSetting",
   "Set it; processes that run keep what they began with, secrets excepted"},
  {"DELETE", "/v1/workflows/{name}/settings/{key}", CHANGE, 0, drop_setting,
   NULL, NULL, "204", "dropSetting", "Back to its default"}};

static const char shapes[] =
  "Setting { id:str, type:str, required:bool, set:bool, value?:any \"never of"
  " a secret\", default?:any }"
  "SetSetting { value:any }";

const ml_routes ml_routes_setting = {rows, sizeof rows / sizeof *rows, shapes};
