/* flow_life.c - the rules of a process's life: before and after it is written,
** and when its next action is due. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "model/flow_part.h"

static const char *const names[ML_LIFE_COUNT] = {
  "before_create", "before_update", "after_create", "after_update",
  "on_next_action",
};

const char *ml_life_name(ml_life on) {
  return (unsigned)on < ML_LIFE_COUNT ? names[on] : "?";
}

static bool life_of(ml_str s, ml_life *on) {
  for (int i = 0; i < ML_LIFE_COUNT; i++)
    if (ml_str_is(s, names[i])) {
      *on = (ml_life)i;
      return true;
    }
  return false;
}

/* A sentence, or a function that gives one or nothing. */
static void check_refuse(ml_fpass *p, const ml_fwho *w, const ml_json *o) {
  const ml_json *v = ml_json_get(o, "refuse");

  if (v == NULL || !((v->type == ML_JSTR && v->s.n > 0)
                     || (v->type == ML_JBOOL && v->b)))
    ml_fp_fault(p, w, "'refuse' must be a sentence, or a function that gives "
                "one or nil");
  if (v != NULL && v->type == ML_JSTR && ml_json_get(o, "when") == NULL)
    ml_fp_fault(p, w, "'when' is missing: it would refuse everything");
}

static void parse_rule(ml_fpass *p, const ml_json *o, ml_str at,
                       uint16_t counts[ML_LIFE_COUNT]) {
  static const char *const known[] = {"on", "name", "active", "when", "refuse",
                                      "entry", "at", NULL};
  ml_fwho w = ml_fp_who(o, at, "rule", ml_json_str(o, "name"));
  ml_life_rule *r = &p->f->rules[p->f->rule_count];
  char *path;

  ml_fp_members(p, &w, o, known);
  if (!life_of(ml_json_str(o, "on"), &r->on))
    return;
  r->name = ml_fp_name(p, &w, o, "name");
  r->active = ml_json_get(o, "active") == NULL || ml_fp_bool(p, &w, o, "active");
  r->index = ++counts[r->on];
  r->list = -1;
  ml_fp_function(p, &w, o, "when");
  path = ml_arena_printf(&p->f->arena, "%s.%u", names[r->on], r->index);
  if (path == NULL) {
    p->nomem = true;
    return;
  }
  if (r->on == ML_LIFE_BEFORE_CREATE || r->on == ML_LIFE_BEFORE_UPDATE)
    check_refuse(p, &w, o);
  else if (ml_json_get(o, "entry") == NULL)
    ml_fp_fault(p, &w, "'run' is missing, the function that does its work");
  else
    r->list = ml_fp_hook(p, o, r->name, ml_str_of(path), w.at);
  p->f->rule_count++;
  if (!r->active)
    return;
  p->f->judges_create = p->f->judges_create || r->on == ML_LIFE_BEFORE_CREATE
                        || r->on == ML_LIFE_AFTER_CREATE;
  p->f->judges_update = p->f->judges_update || r->on == ML_LIFE_BEFORE_UPDATE
                        || r->on == ML_LIFE_AFTER_UPDATE;
}

void ml_fp_rules(ml_fpass *p, const ml_json *o, ml_str at) {
  ml_fwho w = ml_fp_who(NULL, at, "the workflow", ML_NOSTR);
  const ml_json *v = ml_fp_list(p, &w, o, "rules", ML_FLOW_RULES_MAX);
  uint16_t counts[ML_LIFE_COUNT] = {0};

  p->f->rules = v != NULL ? ml_fp_room(p, v->count, sizeof(ml_life_rule)) : NULL;
  for (uint32_t i = 0; p->f->rules != NULL && i < v->count && !p->nomem; i++)
    if (ml_fp_is_table(p, &v->arr[i], at, "a rule"))
      parse_rule(p, &v->arr[i], at, counts);
}
