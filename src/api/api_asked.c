/* api_asked.c - tasks that a script asked for: what their own JSON says. */
#include <string.h>

#include "api/api_render.h"

static const ml_json *tree_of(ml_arena *a, ml_str form) {
  ml_json *tree = NULL;

  return ml_json_parse(a, form.p, form.n, NULL, &tree, NULL) == ML_OK ? tree
                                                                      : NULL;
}

static void put_fields(ml_jw *w, const ml_process *p, const ml_flow *f,
                       const ml_json *list, bool edit, bool sealed) {
  for (uint32_t i = 0; list != NULL && list->type == ML_JARR && i < list->count;
       i++) {
    int field = list->arr[i].type == ML_JSTR
        ? ml_flow_field(f, list->arr[i].s) : -1;
    ml_form_field ff = {.edit = edit};

    if (field < 0)
      continue;
    ff.field = (uint16_t)field;
    ml_api_put_form_field(w, p, f, &ff, sealed);
  }
}

void ml_api_put_asked_fields(ml_jw *w, const ml_process *p, const ml_flow *f,
                             ml_str form, bool sealed) {
  ml_arena a = {0};
  const ml_json *tree = tree_of(&a, form);

  put_fields(w, p, f, ml_json_get(tree, "show"), false, sealed);
  put_fields(w, p, f, ml_json_get(tree, "edit"), true, sealed);
  ml_arena_free(&a);
}

/* What a script asked (ctx:ask): texts or {"id","label"} as it gave them. */
void ml_api_put_asked_outcomes(ml_jw *w, ml_str form) {
  ml_arena a = {0};
  const ml_json *list = ml_json_get(tree_of(&a, form), "outcomes");

  for (uint32_t i = 0; list != NULL && list->type == ML_JARR && i < list->count;
       i++) {
    const ml_json *o = &list->arr[i], *label = ml_json_get(o, "label");
    bool fit = label != NULL && (label->type == ML_JSTR || label->type == ML_JOBJ);
    ml_str id = o->type == ML_JSTR ? o->s : ml_json_str(o, "id");

    if (id.p == NULL)
      continue;
    ml_jw_obj(w);
    ml_jw_kstr(w, "id", id);
    ml_jw_key(w, "label");
    ml_jw_json(w, fit ? label : NULL);
    ml_jw_key(w, "need");
    ml_jw_json(w, ml_json_get(o, "need"));
    ml_jw_kbool(w, "fails", ml_json_str(o, "fails").p != NULL);
    ml_jw_end(w);
  }
  ml_arena_free(&a);
}

void ml_api_put_asked_link(ml_jw *w, const ml_process *p, const ml_task *t) {
  static const char place[] = "{task}";
  ml_arena a = {0};
  ml_str link = t != NULL && t->form.p != NULL
      ? ml_json_str(tree_of(&a, t->form), "link") : ML_NOSTR;
  const char *at = link.n > 0 ? memmem(link.p, link.n, place, sizeof place - 1)
                              : NULL;
  char id[ML_ID_MAX];
  ml_buf b = {0};

  ml_jw_key(w, "link");
  if (at == NULL) {
    ml_jw_str(w, link);
  } else {
    ml_id_text(id, p->id, t->no);
    ml_buf_put(&b, link.p, (size_t)(at - link.p));
    ml_buf_puts(&b, id);
    ml_buf_put(&b, at + sizeof place - 1,
               (size_t)(link.p + link.n - at) - (sizeof place - 1));
    ml_jw_str(w, (ml_str){b.p, b.len});
    if (b.bad)
      w->b->bad = true;
  }
  ml_buf_free(&b);
  ml_arena_free(&a);
}
