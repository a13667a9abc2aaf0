/*
** write.c - a record is filled from a request and saved.
**
** First the types of all sent fields are looked at (a system field cannot be
** updated), then each value is brought into stored form.  check.c looks at
** the result.
*/
#include "write.h"

#include <string.h>

#include "base/rand.h"
#include "base/text.h"
#include "sim.h"
#include "value.h"
#include "zone.h"

/* ---- a new record ---- */

static const ml_json *default_of(ks_call *c, const ks_field *f) {
  int64_t now = ks_now(c->sim);
  int y, m, d, minute;

  if (!f->dflt_now)
    return f->dflt;
  switch (f->type->shape) {
    case KS_MOMENT:
      return ks_json_text(c->a, ks_moment_text(c->a, now));
    case KS_DATE:
      ml_text_civil(ks_zone_day(now), &y, &m, &d);
      return ks_json_text(c->a, ks_fmt(c->a, "%04d-%02d-%02d", y, m, d));
    case KS_TIME:
      minute = ks_zone_minute(now);
      return ks_json_text(c->a, ks_fmt(c->a, "%02d:%02d", minute / 60,
                                       minute % 60));
    default:
      return f->dflt;
  }
}

ks_record *ks_write_new(ks_call *c, const ks_app *app) {
  ks_record *r = ks_new(c->a, sizeof *r);
  size_t i;

  r->value = ks_new(c->a, app->field_count * sizeof *r->value);
  for (i = 0; i < app->field_count; i++)
    if (!app->fields[i].type->system)
      r->value[i] = default_of(c, &app->fields[i]);
  r->created_ms = r->updated_ms = ks_now(c->sim);
  r->creator = r->modifier = c->caller.who;
  return r;
}

/* ---- people and files ---- */

static const ks_user *user_of(const ks_app *app, ml_str code) {
  size_t i;

  for (i = 0; i < app->user_count; i++)
    if (ml_str_eq(app->users[i].code, code))
      return &app->users[i];
  return NULL;
}

/* Names of users the app knows; without a list of users any code will do. */
static void name_people(ks_call *c, const ks_app *app, const ks_field *f,
                        const ml_json *v, ml_str path) {
  uint32_t i;

  if (app->user_count == 0 || strcmp(f->type->name, "USER_SELECT") != 0)
    return;
  for (i = 0; i < v->count; i++) {
    ml_jmember *m = v->arr[i].obj;      /* code, name: made by value.c */
    const ks_user *u = user_of(app, m[0].value.s);

    if (u != NULL)
      m[1].value.s = u->name;
    else
      ks_problem_add(c, ks_fmt(c->a, "%s.values[%u].code", path.p, i), KS_M_USER,
                     m[0].value.s);
  }
}

static const ml_json *same_file(const ml_json *old, ml_str key) {
  uint32_t i;

  for (i = 0; old != NULL && old->type == ML_JARR && i < old->count; i++)
    if (ml_str_eq(ml_json_str(&old->arr[i], "fileKey"), key))
      return &old->arr[i];
  return NULL;
}

/* An uploaded file gets a key of its own when it is attached. */
static bool attach(ks_call *c, ml_str key, ml_json *out) {
  static const char *const names[] = {"contentType", "fileKey", "name", "size"};
  ml_str name, type, bytes, part[4];
  uint8_t id[16];
  ml_buf b = {0};
  size_t i;

  /* the key of an upload is a UUID, that of an attached file is not */
  if (memchr(key.p, '-', key.n) == NULL ||
      !ks_store_get_file(c->sim->store, key, c->a, &name, &type, &bytes)) {
    ks_fail_at(c, "GAIA_BL01");
    return false;
  }
  ml_rand_system()->bytes(ml_rand_system(), id, sizeof id);
  ml_text_put_hex(&b, id, sizeof id);
  part[0] = type;
  part[1] = ks_taken(c->a, &b);
  part[2] = name;
  part[3] = ks_fmt(c->a, "%zu", bytes.n);
  ks_store_add_file(c->sim->store, part[1], name, type, bytes);
  out->type = ML_JOBJ;
  out->count = 4;
  out->obj = ks_new(c->a, 4 * sizeof *out->obj);
  for (i = 0; i < 4; i++) {
    out->obj[i].key = ml_str_of(names[i]);
    out->obj[i].value.type = ML_JSTR;
    out->obj[i].value.s = part[i];
  }
  return true;
}

static bool attach_all(ks_call *c, const ml_json *old, const ml_json **v) {
  ml_json *list = ks_json_list(c->a, (*v)->count);
  uint32_t i;

  for (i = 0; i < list->count; i++) {
    ml_str key = ml_json_str(&(*v)->arr[i], "fileKey");
    const ml_json *kept = same_file(old, key);

    if (kept != NULL)
      list->arr[i] = *kept;
    else if (!attach(c, key, &list->arr[i]))
      return false;
  }
  *v = list;
  return true;
}

/* ---- values ---- */

/* One value that is no table, into *out.  `path` is the field's. */
static bool fill_value(ks_call *c, const ks_app *app, const ks_field *f,
                       const ml_json *in, const ml_json *old, ml_str path,
                       ml_str number_path, const ml_json **out) {
  switch (ks_value_read(c->a, f, in, out)) {
    case KS_BAD_SHAPE:
      ks_fail_at(c, "CB_IJ01");
      return false;
    case KS_NO_NUMBER:
      /* in a table the value is lost without a word: so does kintone */
      if (f->table == NULL)
        ks_problem_add(c, number_path, KS_M_NUMBER, ML_STR(""));
      *out = ks_value_none(f);
      return true;
    default:
      break;
  }
  if (f->type->shape == KS_PEOPLE)
    name_people(c, app, f, *out, path);
  return f->type->shape != KS_FILES || attach_all(c, old, out);
}

static const ml_json *old_row(const ml_json *rows, ml_str id) {
  uint32_t i;

  for (i = 0; id.p != NULL && i < rows->count; i++)
    if (ml_str_eq(ml_json_str(&rows->arr[i], "id"), id))
      return ml_json_get(&rows->arr[i], "value");
  return NULL;
}

/* {"value": V} of a sent field; NULL when there is none. */
static bool sent_value(ks_call *c, const ml_json *member, const ml_json **v) {
  if (member->type != ML_JOBJ) {
    ks_fail_at(c, "CB_IJ01");
    return false;
  }
  *v = ml_json_get(member, "value");
  return true;
}

static bool fill_row(ks_call *c, const ks_app *app, const ks_field *table,
                     const ml_json *sent, const ml_json *old, ml_str path,
                     ml_json *out) {
  const ml_json *cells = ml_json_get(sent, "value");
  size_t i;

  out->type = ML_JOBJ;
  out->count = (uint32_t)table->cell_count;
  out->obj = ks_new(c->a, table->cell_count * sizeof *out->obj);
  for (i = 0; i < table->cell_count; i++) {
    const ks_field *f = &table->cells[i];
    const ml_json *kept = ks_json_member(old, f->code), *in = NULL;
    const ml_json *member = ks_json_member(cells, f->code);
    const ml_json *v = kept != NULL ? kept : default_of(c, f);
    ml_str at = ks_fmt(c->a, "%s.value.%s", path.p, f->code.p);

    if (member != NULL && !sent_value(c, member, &in))
      return false;
    if (in != NULL && !fill_value(c, app, f, in, kept, at, at, &v))
      return false;
    out->obj[i].key = f->code;
    out->obj[i].value = *v;
  }
  return true;
}

static ml_str row_id(ks_call *c, const ml_json *row) {
  const ml_json *id = ml_json_get(row, "id");

  if (id != NULL && id->type == ML_JINT)
    return ks_fmt(c->a, "%lld", (long long)id->i);
  return id != NULL && id->type == ML_JSTR ? id->s : ML_NOSTR;
}

/* The sent rows replace all rows; a known id keeps its cells not sent. */
static bool fill_table(ks_call *c, const ks_app *app, const ks_field *f,
                       const ml_json *in, ml_str path, const ml_json **value) {
  const ml_json *old = *value;
  ml_json *rows;
  uint32_t i;

  if (in->type != ML_JARR && in->type != ML_JNULL) {
    ks_fail_at(c, "CB_IJ01");
    return false;
  }
  rows = ks_json_list(c->a, in->type == ML_JARR ? in->count : 0);
  for (i = 0; i < rows->count; i++) {
    ml_str id = row_id(c, &in->arr[i]);
    const ml_json *known = old_row(old, id);
    ml_jmember *m = ks_new(c->a, 2 * sizeof *m);

    if (in->arr[i].type != ML_JOBJ) {
      ks_fail_at(c, "CB_IJ01");
      return false;
    }
    if (known == NULL)
      id = ks_fmt(c->a, "%lld",
                  (long long)ks_store_next_row(c->sim->store, app));
    m[0].key = ML_STR("id");
    m[0].value.type = ML_JSTR;
    m[0].value.s = id;
    m[1].key = ML_STR("value");
    if (!fill_row(c, app, f, &in->arr[i], known,
                  ks_fmt(c->a, "%s.value[%u]", path.p, i), &m[1].value))
      return false;
    rows->arr[i].type = ML_JOBJ;
    rows->arr[i].count = 2;
    rows->arr[i].obj = m;
  }
  *value = rows;
  return true;
}

/* ---- system fields ---- */

/* May these be written at all?  All of them are looked at first. */
static bool types_allowed(ks_call *c, const ks_app *app, const ml_json *sent,
                          bool adding) {
  uint32_t i;

  for (i = 0; i < sent->count; i++) {
    const ks_field *f = ks_app_field(app, sent->obj[i].key);
    ml_str type;

    if (f == NULL || !f->type->system || f == &app->id_field ||
        f == &app->revision_field)
      continue;
    type = ml_str_of(f->type->name);
    if (!adding || f->type->shape == KS_NUMBERED || f->type->shape == KS_OFF)
      ks_fail(c, "GAIA_UN10", type, ML_STR(""));
    else if (!ks_call_may(c, app, KS_MAY_MANAGE))
      ks_fail(c, "GAIA_BF02", f->code, ML_STR(""));
  }
  return !c->failed;
}

/* Creator, times, modifier of a new record, by one who manages the app. */
static bool fill_system(ks_call *c, const ks_app *app, const ks_field *f,
                        const ml_json *in, ks_record *r) {
  bool created = strncmp(f->type->name, "CREAT", 5) == 0;
  ml_str code = ml_json_str(in, "code");
  const ks_user *u;
  int64_t ms;

  if (f->type->shape == KS_MOMENT) {
    if (in->type != ML_JSTR || !ks_moment_read(in->s, &ms)) {
      ks_fail_at(c, "CB_IJ01");
      return false;
    }
    *(created ? &r->created_ms : &r->updated_ms) = ms;
    return true;
  }
  if (code.n == 0) {
    ks_fail_at(c, "CB_IJ01");
    return false;
  }
  u = user_of(app, code);
  *(created ? &r->creator : &r->modifier) =
      (ks_person){code, u != NULL ? u->name : code};
  return true;
}

bool ks_write_fill(ks_call *c, const ks_app *app, ks_record *r,
                   const ml_json *sent, ml_str path, bool adding) {
  uint32_t i;

  if (sent->type != ML_JOBJ) {
    ks_fail_at(c, "CB_IJ01");
    return false;
  }
  if (!types_allowed(c, app, sent, adding))
    return false;
  for (i = 0; i < sent->count; i++) {
    const ks_field *f = ks_app_field(app, sent->obj[i].key);
    const ml_json *in;
    ml_str at;

    if (f == NULL || f->type->shape == KS_NUMBERED ||
        strcmp(f->type->name, "CALC") == 0)
      continue;             /* unknown or computed: ignored without a word */
    if (!sent_value(c, &sent->obj[i].value, &in))
      return false;
    if (in == NULL)
      continue;
    at = ks_fmt(c->a, "%s.%s", path.p, f->code.p);
    if (f->type->system
        ? !fill_system(c, app, f, in, r)
        : f->type->shape == KS_TABLE
        ? !fill_table(c, app, f, in, at, &r->value[f->index])
        : !fill_value(c, app, f, in, r->value[f->index], at,
                      ks_fmt(c->a, "%s[%s].value", path.p, f->code.p),
                      &r->value[f->index]))
      return false;
  }
  return true;
}

/* ---- saving ---- */

void ks_write_save(ks_call *c, const ks_app *app, ks_record *r, bool adding) {
  if (c->failed || c->problems != NULL)
    return;
  r->revision++;
  if (adding) {
    ks_store_add(c->sim->store, app, r);
  } else {
    r->updated_ms = ks_now(c->sim);
    r->modifier = c->caller.who;
    ks_store_update(c->sim->store, app, r);
  }
  c->changed = true;
  c->record_id = r->id;
  c->revision = r->revision;
}
