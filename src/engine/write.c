/*
** write.c - values coming in: all checked first, then all written.
*/
#include <stdio.h>
#include <string.h>

#include "engine/inside.h"
#include "model/field.h"

/* Sentence for a field that is not there, with the ones that are. */
static ml_rc unknown_field(const step *s, ml_str key, const char *at,
                           ml_err *e) {
  char known[300] = "";
  size_t n = 0;

  for (uint16_t i = 0; i < s->f->field_count && n < sizeof known - 80; i++) {
    ml_str id = s->f->fields[i].short_id;
    int wrote = snprintf(known + n, sizeof known - n, "%s%.*s",
                         i > 0 ? ", " : "", (int)(id.n > 60 ? 60 : id.n), id.p);

    if (wrote > 0)
      n += (size_t)wrote;
  }
  return ml_err_set(e, ML_INVALID, at,
                    "no field '%.*s' in workflow '%.*s'; its fields are: %s",
                    (int)(key.n > 80 ? 80 : key.n), key.p, (int)s->f->name.n,
                    s->f->name.p, known[0] != '\0' ? known : "(none)");
}

typedef struct pointer { char text[240]; } pointer;

/* "/data/x": made when there is a mistake to tell. */
static pointer at_member(const char *base, const ml_jmember *m) {
  pointer at;

  snprintf(at.text, sizeof at.text, "%s/%.*s", base,
           (int)(m->key.n > 100 ? 100 : m->key.n), m->key.p);
  return at;
}

/* Add or, when the field is there under its other name, compare. */
static ml_rc add_draft(drafts *d, uint16_t field, ml_str value,
                       const char *base, const ml_jmember *m, ml_err *e) {
  for (size_t i = 0; i < d->count; i++)
    if (d->list[i].field == field) {
      if (ml_str_eq(d->list[i].value, value))
        return ML_OK;
      return ml_err_set(e, ML_INVALID, at_member(base, m).text, "the field is given twice, by its id "
                        "and by its short id, with different values");
    }
  d->list[d->count++] = (draft){field, value};
  return ML_OK;
}

static ml_rc check_member(step *s, drafts *d, const ml_jmember *m,
                          const char *base, const bool *allowed, ml_buf *text,
                          ml_err *e) {
  int i = ml_flow_field(s->f, m->key);
  ml_str value = ML_NOSTR;
  ml_rc rc;

  if (i < 0)
    return unknown_field(s, m->key, at_member(base, m).text, e);
  if (allowed != NULL && !allowed[i])
    return ml_err_set(e, ML_INVALID, at_member(base, m).text,
                      "field '%.*s' cannot be edited here",
                      (int)s->f->fields[i].short_id.n,
                      s->f->fields[i].short_id.p);
  if (s->f->fields[i].derived)
    return ml_err_set(e, ML_INVALID, at_member(base, m).text,
                      "field '%.*s' is derived from others "
                      "and cannot be written",
                      (int)s->f->fields[i].short_id.n,
                      s->f->fields[i].short_id.p);
  ml_buf_reset(text);
  rc = ml_field_check(&s->f->fields[i], &m->value, base, text, e);
  if (rc == ML_OK && text->bad)
    rc = ML_NOMEM;
  if (rc == ML_OK && text->len > 0) {
    value.p = ml_arena_dup(&d->arena, text->p, text->len);
    value.n = text->len;
    if (value.p == NULL)
      rc = ML_NOMEM;
  }
  return rc == ML_OK ? add_draft(d, (uint16_t)i, value, base, m, e) : rc;
}

ml_rc drafts_check(step *s, drafts *d, const ml_json *data, const char *at,
                   const bool *allowed, ml_err *e) {
  ml_buf text = {0};
  ml_rc rc = ML_OK;

  memset(d, 0, sizeof *d);
  if (data == NULL || data->type == ML_JNULL)
    return ML_OK;
  if (data->type != ML_JOBJ)
    return ml_err_set(e, ML_INVALID, at, "must be an object of fields, not %s",
                      ml_json_type_name(data->type));
  d->list = ml_arena_alloc(&d->arena, sizeof *d->list * (data->count + 1u));
  if (d->list == NULL)
    return ML_NOMEM;
  for (uint32_t i = 0; rc == ML_OK && i < data->count; i++)
    rc = check_member(s, d, &data->obj[i], at, allowed, &text, e);
  ml_buf_free(&text);
  return rc;
}

void drafts_free(drafts *d) {
  ml_arena_free(&d->arena);
}

void drafts_apply(step *s, const drafts *d) {
  for (size_t i = 0; i < d->count; i++)
    s->p->data[d->list[i].field] = keep(s, d->list[i].value);
}

ml_str drafts_value(const step *s, const drafts *d, uint16_t field) {
  for (size_t i = 0; i < d->count; i++)
    if (d->list[i].field == field)
      return d->list[i].value;
  return s->p->data[field];
}

ml_str drafts_show(step *s, const drafts *d) {
  ml_buf b = {0};
  ml_jw w;
  ml_str shown = ML_NOSTR;

  if (d->count == 0)
    return shown;
  ml_buf_room(&b, 200);
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  for (size_t i = 0; i < d->count; i++) {
    const ml_field *f = &s->f->fields[d->list[i].field];

    ml_jw_keyn(&w, f->id);
    if (d->list[i].value.p == NULL)
      ml_jw_null(&w);
    else if (f->sealed)
      ml_jw_strz(&w, "[sealed]");
    else
      ml_jw_raw(&w, d->list[i].value);
  }
  ml_jw_end(&w);
  if (!b.bad)
    shown.p = ml_arena_dup(&s->out->arena, b.p, b.len);
  if (shown.p == NULL)
    s->starved = true;
  else
    shown.n = b.len;
  ml_buf_free(&b);
  return shown;
}
