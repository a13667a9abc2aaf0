/* flow_start.c - the triggers of a workflow: what makes processes begin. */
#include "model/flow_part.h"

static void parse_every(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                        ml_trigger *t) {
  const ml_json *v = ml_json_get(o, "every");
  ml_str name = ml_json_str(v, "setting");
  int i;

  if (v == NULL || v->type == ML_JSTR) {
    if (ml_fp_duration(p, w, o, "every", &t->every_ms) && t->every_ms < 1000)
      ml_fp_fault(p, w, "'every' may not be shorter than 1 second");
    return;
  }
  if (name.p == NULL) {
    ml_fp_fault(p, w, "'every' must be a duration such as \"15m\" or "
                "ml.setting \"name\", not %s", ml_fp_type(v));
    return;
  }
  i = ml_fp_setting(p, w, "every", name);
  if (i < 0)
    return;
  t->every_setting = p->f->settings[i].id;
  if (p->f->settings[i].type != ML_F_DURATION)
    ml_fp_fault(p, w, "setting '%s' is of type %s; 'every' needs a duration",
                ml_fp_show(name).s, ml_ftype_name(p->f->settings[i].type));
}

static void parse_trigger_form(ml_fpass *p, const ml_fwho *w,
                               const ml_json *o, ml_trigger *t) {
  t->form = ml_fp_room(p, p->f->field_count, sizeof *t->form);
  if (t->form != NULL || p->f->field_count == 0)
    ml_fp_form(p, w, o, "form", true, t->form, &t->form_count);
}

/* Where the client of a partner's order goes: a field of type json. */
static void check_client(ml_fpass *p, const ml_fwho *w, const ml_json *o) {
  ml_str name;
  int i;

  if (ml_json_get(o, "client") == NULL || !ml_fp_str(p, w, o, "client", &name))
    return;
  i = ml_fp_field(p, w, "client", name);
  if (i >= 0 && p->f->fields[i].type != ML_F_JSON)
    ml_fp_fault(p, w, "'client' needs a field of type json; '%s' is of type %s",
                ml_fp_show(name).s, ml_ftype_name(p->f->fields[i].type));
}

/* What each kind of trigger may have; a poll's makers (kintone and others)
** check their own members. */
static void check_trigger(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                          ml_trigger *t) {
  static const char *const form[] = {"kind", "name", "form", "title", "rate",
                                     "at", NULL};
  static const char *const http[] = {"kind", "name", "form", "title", "auth",
                                     "secret", "methods", "reply", "at",
                                     NULL};
  static const char *const schedule[] = {"kind", "name", "every", "daily",
                                         "weekly", "monthly", "zone", "missed",
                                         "data", "title", "at", NULL};
  /* A misspelt `verify` would leave the door open: told. */
  static const char *const webhook[] = {"kind", "name", "receive", "verify",
                                        "rate", "into", "title", "at", NULL};
  static const char *const partner[] = {"kind", "name", "form", "client",
                                        "title", "at", NULL};
  const ml_json *into = ml_json_get(o, "into");

  if (ml_str_is(t->kind, "partner")) {
    ml_fp_members(p, w, o, partner);
    check_client(p, w, o);
  } else if (ml_str_is(t->kind, "form"))
    ml_fp_members(p, w, o, form);
  else if (ml_str_is(t->kind, "http"))
    ml_fp_members(p, w, o, http);
  else if (ml_str_is(t->kind, "schedule")) {
    ml_fp_members(p, w, o, schedule);
    ml_fp_schedule(p, w, o, t);
  } else if (ml_str_is(t->kind, "poll")) {
    if (!ml_fp_function(p, w, o, "run") && ml_json_get(o, "run") == NULL)
      ml_fp_fault(p, w, "a poll needs 'run', a function");
    if (ml_json_get(o, "every") == NULL)
      ml_fp_fault(p, w, "a poll needs 'every', a duration or ml.setting "
                  "\"name\"");
  } else if (ml_str_is(t->kind, "webhook")) {
    ml_fp_members(p, w, o, webhook);
    if (!ml_fp_function(p, w, o, "receive")
        && ml_json_get(o, "receive") == NULL)
      ml_fp_fault(p, w, "a webhook needs 'receive', a function");
  } else {
    ml_fp_fault(p, w, "'%s' is no kind of trigger; kinds are form, http, "
                "schedule, poll, webhook, partner", ml_fp_show(t->kind).s);
  }
  if (into != NULL && into->type == ML_JSTR)
    ml_fp_field(p, w, "into", into->s);
}

static void parse_trigger(ml_fpass *p, const ml_json *o, uint16_t index,
                          ml_str at) {
  ml_trigger *t = &p->f->triggers[p->f->trigger_count];
  ml_fwho w = ml_fp_who(o, at, "trigger", ml_json_str(o, "name"));

  t->index = index;
  if (!ml_fp_str(p, &w, o, "kind", &t->kind)) {
    if (ml_json_get(o, "kind") == NULL)
      ml_fp_fault(p, &w, "must be made by ml.form, ml.http, ml.schedule or a "
                  "library such as moonlane.kintone");
    return;
  }
  t->name = ml_fp_name(p, &w, o, "name");
  parse_every(p, &w, o, t);
  parse_trigger_form(p, &w, o, t);
  check_trigger(p, &w, o, t);
  ml_fp_rate(p, &w, o, t);
  ml_fp_verify(p, &w, o, t);
  t->json = ml_fp_print(p, o);
  if (t->name.n > 0 && ml_flow_trigger(p->f, t->name) >= 0)
    ml_fp_fault(p, &w, "a trigger of this name exists already");
  p->f->trigger_count++;
}

void ml_fp_triggers(ml_fpass *p, const ml_json *o, ml_str at) {
  ml_fwho w = ml_fp_who(NULL, at, "the workflow", ML_NOSTR);
  const ml_json *v = ml_fp_list(p, &w, o, "start", ML_FLOW_TRIGGERS_MAX);

  p->f->triggers =
    v != NULL ? ml_fp_room(p, v->count, sizeof(ml_trigger)) : NULL;
  for (uint32_t i = 0; p->f->triggers != NULL && i < v->count; i++)
    if (ml_fp_is_table(p, &v->arr[i], at, "a trigger"))
      parse_trigger(p, &v->arr[i], (uint16_t)(i + 1), at);
}
