/*
** flow_notify.c - `notify`: who is written to when something happened.
**
**   notify = { template = "WORKFLOW_UPDATED", to = { "order.user", "order.boss" } }
**
** template names a text setting whose value, or default, is the mail's template
** (model/template.h); to lists paths that begin with a field: the first one
** that leads to somebody who may be written to is (src/run/mail.c).
*/
#include "model/flow_part.h"
#include "model/template.h"

enum { TO_MAX = 8 };

static void parse_template(ml_fpass *p, const ml_fwho *w, const ml_json *o) {
  const ml_setting *s;
  ml_arena a = {0};
  ml_json *text = NULL;
  ml_err e = {0};
  ml_str name;
  int i;

  if (!ml_fp_str(p, w, o, "template", &name)) {
    ml_fp_fault(p, w, "'template' must name a setting of type text");
    return;
  }
  i = ml_fp_setting(p, w, "template", name);
  if (i < 0)
    return;
  s = &p->f->settings[i];
  if (s->type != ML_F_TEXT || s->dflt.p == NULL)
    ml_fp_fault(p, w, "the template '%s' must be a setting of type text with a "
                "default", ml_fp_show(name).s);
  else if (ml_json_parse(&a, s->dflt.p, s->dflt.n, NULL, &text, &e) == ML_OK &&
           text->type == ML_JSTR && ml_template_check(text->s, &e) == ML_INVALID)
    ml_fp_fault(p, w, "the template '%s', %s: %s", ml_fp_show(name).s, e.at,
                e.text);
  ml_arena_free(&a);
  p->f->notify = s->id;
}

/* "field" or "field.member.member" */
static void parse_to(ml_fpass *p, const ml_fwho *w, const ml_json *v) {
  ml_str field = v->s;

  if (v->type != ML_JSTR) {
    ml_fp_fault(p, w, "'to' must list paths such as \"order.user\", not %s",
                ml_fp_type(v));
    return;
  }
  for (size_t i = 0; i < field.n; i++)
    if (field.p[i] == '.')
      field.n = i;
  if (ml_fp_field(p, w, "to", field) >= 0)
    p->f->notify_to[p->f->notify_to_count++] = ml_fp_keep(p, v->s);
}

void ml_fp_notify(ml_fpass *p, const ml_json *workflow, ml_str at) {
  static const char *const known[] = {"template", "to", NULL};
  const ml_json *o = ml_json_get(workflow, "notify"), *to;
  ml_fwho w = ml_fp_who(NULL, at, "notify", ML_NOSTR);

  if (o == NULL)
    return;
  if (!ml_fp_is_table(p, o, at, "notify"))
    return;
  ml_fp_members(p, &w, o, known);
  parse_template(p, &w, o);
  to = ml_fp_list(p, &w, o, "to", TO_MAX);
  p->f->notify_to = to != NULL ? ml_fp_room(p, to->count, sizeof(ml_str)) : NULL;
  for (uint32_t i = 0; p->f->notify_to != NULL && i < to->count; i++)
    parse_to(p, &w, &to->arr[i]);
}
