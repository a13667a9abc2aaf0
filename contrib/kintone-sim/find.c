/* find.c - records written out, and found by a query. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "value.h"

/* ---- writing ---- */

void ks_put_int(ml_jw *w, const char *key, int64_t n) {
  char text[24];

  snprintf(text, sizeof text, "%lld", (long long)n);
  ml_jw_kstrz(w, key, text);
}

void ks_put_person(ml_jw *w, ks_person p) {
  ml_jw_obj(w);
  ml_jw_kstr(w, "code", p.code);
  ml_jw_kstr(w, "name", p.name);
  ml_jw_end(w);
}

static ml_str number_text(ks_call *c, const ks_app *app, int64_t id) {
  if (app->code.n > 0)
    return ks_fmt(c->a, "%s-%lld", app->code.p, (long long)id);
  return ks_fmt(c->a, "%lld", (long long)id);
}

static void put_system(ks_call *c, ml_jw *w, const ks_app *app,
                       const ks_field *f, const ks_record *r) {
  const char *name = f->type->name;
  bool created = strncmp(name, "CREAT", 5) == 0;

  ml_jw_obj(w);
  ml_jw_kstrz(w, "type", name);
  ml_jw_key(w, "value");
  if (f == &app->id_field)
    ml_jw_str(w, ks_fmt(c->a, "%lld", (long long)r->id));
  else if (f == &app->revision_field)
    ml_jw_str(w, ks_fmt(c->a, "%lld", (long long)r->revision));
  else if (f->type->shape == KS_NUMBERED)
    ml_jw_str(w, number_text(c, app, r->id));
  else if (f->type->shape == KS_MOMENT)
    ml_jw_str(w, ks_moment_text(c->a, created ? r->created_ms : r->updated_ms));
  else
    ks_put_person(w, created ? r->creator : r->modifier);
  ml_jw_end(w);
}

static bool wanted(const ml_json *fields, ml_str code) {
  uint32_t i;

  if (fields == NULL || fields->count == 0)
    return true;
  for (i = 0; i < fields->count; i++)
    if (fields->arr[i].type == ML_JSTR && ml_str_eq(fields->arr[i].s, code))
      return true;
  return false;
}

static void put_field(ks_call *c, ml_jw *w, const ks_app *app,
                      const ks_field *f, const ks_record *r,
                      const ml_json *fields) {
  if (f->type->shape == KS_OFF || !wanted(fields, f->code))
    return;
  ml_jw_keyn(w, f->code);
  if (f->type->system)
    put_system(c, w, app, f, r);
  else
    ks_value_put(w, f, r->value[f->index]);
}

void ks_put_record(ks_call *c, ml_jw *w, const ks_app *app, const ks_record *r,
                   const ml_json *fields) {
  size_t i;

  ml_jw_obj(w);
  for (i = 0; i < app->field_count; i++)
    put_field(c, w, app, &app->fields[i], r, fields);
  put_field(c, w, app, &app->id_field, r, fields);
  put_field(c, w, app, &app->revision_field, r, fields);
  ml_jw_end(w);
}

/* ---- finding ---- */

typedef struct Search {
  const ks_app *app;
  const ks_query *query;
  const ks_record **list;
  size_t count, room;
  size_t enough;              /* stop there; 0: go on to the end */
} Search;

static bool look(void *arg, const ks_record *r) {
  Search *s = arg;

  if (!ks_query_match(s->app, s->query, r))
    return true;
  if (s->count == s->room) {
    s->room = s->room > 0 ? 2 * s->room : 128;
    s->list = ml_mem_realloc(s->list, s->room * sizeof *s->list);
    if (s->list == NULL)
      ks_die("out of memory");
  }
  s->list[s->count++] = r;
  return s->enough == 0 || s->count < s->enough;
}

static int compare(const void *x, const void *y, void *arg) {
  const ks_record *const *a = x, *const *b = y;
  const Search *s = arg;

  return ks_query_compare(s->app, s->query, *a, *b);
}

/* By id alone, so that the table's own order is the right one? */
static bool by_id(const ks_app *app, const ks_query *q, bool *ascending) {
  *ascending = q->keys != NULL && q->keys->ascending;
  return q->keys == NULL || q->keys->field == &app->id_field;
}

void ks_find(ks_call *c, const ks_app *app, const ks_query *q, bool all,
             bool total, ks_found *out) {
  Search s = {.app = app, .query = q};
  bool ascending, sorted = by_id(app, q, &ascending);
  size_t skip;

  if (sorted && !all && !total)
    s.enough = (size_t)(q->offset + q->limit);
  if (!sorted || all || total || q->limit > 0)
    ks_store_each(c->sim->store, app, sorted && ascending, 0, c->a, look, &s);
  if (!sorted && s.count > 1)
    qsort_r(s.list, s.count, sizeof *s.list, compare, &s);
  out->total = total ? (int64_t)s.count : -1;
  skip = all ? 0 : (size_t)q->offset < s.count ? (size_t)q->offset : s.count;
  out->count = s.count - skip;
  if (!all && out->count > (size_t)q->limit)
    out->count = (size_t)q->limit;
  out->list = ks_new(c->a, out->count * sizeof *out->list);
  if (out->count > 0)
    memcpy(out->list, s.list + skip, out->count * sizeof *out->list);
  ml_mem_free(s.list);
}
