/*
** loading_templates.c - the files below templates/ of a folder.
**
** templates/NAME.txt is the default of the text setting NAME in every workflow
** of the folder that has one (lua/moonlane/define.lua puts it there); what an
** operator sets goes before it.  A file that is no template, or that no
** workflow asks for, is a mistake: the mail would go out another way than its
** author thinks.
*/
#include <stdio.h>
#include <string.h>

#include "model/template.h"
#include "run/loading.h"

static const char in[] = "templates/", tail[] = ".txt";

/* "NAME" of "templates/NAME.txt"; none of another source. */
static ml_str name_of(ml_str source) {
  size_t more = sizeof in - 1 + sizeof tail - 1;

  if (source.n <= more || memcmp(source.p, in, sizeof in - 1) != 0 ||
      memcmp(source.p + source.n - (sizeof tail - 1), tail, sizeof tail - 1) != 0)
    return ML_NOSTR;
  return (ml_str){source.p + sizeof in - 1, source.n - more};
}

static bool is_asked_for(const evaluated *v, ml_str name) {
  for (size_t i = 0; i < v->count; i++) {
    int s = ml_flow_setting(v->flows[i], name);

    if (s >= 0 && v->flows[i]->settings[s].type == ML_F_TEXT)
      return true;
  }
  return false;
}

static bool is_blank(ml_str text) {
  for (size_t i = 0; i < text.n; i++)
    if (strchr(" \t\r\n", text.p[i]) == NULL)
      return false;
  return true;
}

ml_rc load_check_templates(loadrun *l, const evaluated *v) {
  ml_rc rc = ML_OK;

  for (size_t i = 0; i < v->f->source_count; i++) {
    ml_str source = v->f->sources[i].name, name = name_of(source);
    ml_err e = {0};
    char at[400], text[800];

    if (name.p == NULL)
      continue;
    snprintf(at, sizeof at, "%s/%.*s", v->f->name.p, (int)source.n, source.p);
    if (!is_asked_for(v, name)) {
      snprintf(text, sizeof text, "no workflow of this folder has a setting of "
               "type text that is called '%.*s'", (int)name.n, name.p);
    } else if (!is_blank(v->f->sources[i].text) &&
               ml_template_check(v->f->sources[i].text, &e) != ML_OK) {
      snprintf(text, sizeof text, "is no template of a mail, %s: %s", e.at,
               e.text);
    } else {
      continue;
    }
    load_fault(l, at, text);
    rc = ML_INVALID;
  }
  return rc;
}
