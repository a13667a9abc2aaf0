/*
** schema.c - apps and their fields, from an app.json.
**
** All is looked at before anything is used; a mistake is told with its place.
*/
#include "schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "number.h"
#include "value.h"

#define BIT(op) (1u << (op))
#define EQUALS (BIT(KS_EQ) | BIT(KS_NE))
#define ORDER (BIT(KS_GT) | BIT(KS_LT) | BIT(KS_GE) | BIT(KS_LE))
#define IN (BIT(KS_IN) | BIT(KS_NOT_IN))
#define LIKE (BIT(KS_LIKE) | BIT(KS_NOT_LIKE))
#define EMPTY (BIT(KS_IS_EMPTY) | BIT(KS_IS_NOT_EMPTY))

/* Which operators a type has: KINTONE.md 5. */
static const ks_type types[] = {
  {"RECORD_NUMBER", KS_NUMBERED, true, false, EQUALS | ORDER | IN,
   "レコード番号", "Record_number"},
  {"CREATOR", KS_PERSON, true, false, IN, "作成者", "Created_by"},
  {"CREATED_TIME", KS_MOMENT, true, false, EQUALS | ORDER, "作成日時",
   "Created_datetime"},
  {"MODIFIER", KS_PERSON, true, false, IN, "更新者", "Updated_by"},
  {"UPDATED_TIME", KS_MOMENT, true, false, EQUALS | ORDER, "更新日時",
   "Updated_datetime"},
  {"STATUS", KS_OFF, true, false, EQUALS | IN, "ステータス", "Status"},
  {"STATUS_ASSIGNEE", KS_OFF, true, false, IN, "作業者", "Assignee"},
  {"CATEGORY", KS_OFF, true, false, IN, "カテゴリー", "Categories"},
  {"SINGLE_LINE_TEXT", KS_TEXT, false, true, EQUALS | IN | LIKE, NULL, NULL},
  {"LINK", KS_TEXT, false, false, EQUALS | IN | LIKE, NULL, NULL},
  {"MULTI_LINE_TEXT", KS_TEXT, false, false, LIKE | EMPTY, NULL, NULL},
  {"RICH_TEXT", KS_TEXT, false, false, LIKE, NULL, NULL},
  {"NUMBER", KS_NUMBER, false, true, EQUALS | ORDER | IN, NULL, NULL},
  {"CALC", KS_NUMBER, false, false, EQUALS | ORDER | IN, NULL, NULL},
  {"RADIO_BUTTON", KS_CHOICE, false, false, IN, NULL, NULL},
  {"DROP_DOWN", KS_CHOICE, false, false, IN, NULL, NULL},
  {"CHECK_BOX", KS_CHOICES, false, false, IN, NULL, NULL},
  {"MULTI_SELECT", KS_CHOICES, false, false, IN, NULL, NULL},
  {"DATE", KS_DATE, false, false, EQUALS | ORDER, NULL, NULL},
  {"TIME", KS_TIME, false, false, EQUALS | ORDER, NULL, NULL},
  {"DATETIME", KS_MOMENT, false, false, EQUALS | ORDER, NULL, NULL},
  {"USER_SELECT", KS_PEOPLE, false, false, IN, NULL, NULL},
  {"GROUP_SELECT", KS_PEOPLE, false, false, IN, NULL, NULL},
  {"ORGANIZATION_SELECT", KS_PEOPLE, false, false, IN, NULL, NULL},
  {"FILE", KS_FILES, false, false, LIKE | EMPTY, NULL, NULL},
  {"SUBTABLE", KS_TABLE, false, false, 0, NULL, NULL},
};
#define TYPE_COUNT (sizeof types / sizeof *types)

static const ks_type id_type = {
  "__ID__", KS_NUMBERED, true, false, EQUALS | ORDER | IN, NULL, NULL};
static const ks_type revision_type = {
  "__REVISION__", KS_NUMBERED, true, false, EQUALS | ORDER | IN, NULL, NULL};

const ks_type *ks_type_of(ml_str name) {
  size_t i;

  for (i = 0; i < TYPE_COUNT; i++)
    if (ml_str_is(name, types[i].name))
      return &types[i];
  return NULL;
}

bool ks_field_has_option(const ks_field *f, ml_str label) {
  size_t i;

  for (i = 0; i < f->option_count; i++)
    if (ml_str_eq(f->options[i], label))
      return true;
  return false;
}

const ks_field *ks_field_cell(const ks_field *table, ml_str code) {
  size_t i;

  for (i = 0; i < table->cell_count; i++)
    if (ml_str_eq(table->cells[i].code, code))
      return &table->cells[i];
  return NULL;
}

const ks_field *ks_app_field(const ks_app *app, ml_str code) {
  size_t i;

  for (i = 0; i < app->field_count; i++)
    if (ml_str_eq(app->fields[i].code, code))
      return &app->fields[i];
  if (ml_str_is(code, "$id"))
    return &app->id_field;
  return ml_str_is(code, "$revision") ? &app->revision_field : NULL;
}

const ks_field *ks_app_find(const ks_app *app, ml_str code) {
  const ks_field *f = ks_app_field(app, code);
  size_t i;

  for (i = 0; f == NULL && i < app->field_count; i++)
    f = ks_field_cell(&app->fields[i], code);
  return f;
}

/* ---- reading a definition ---- */

/* Text or integer as text; `dflt` when missing. */
static ml_str text_of(ml_arena *a, const ml_json *o, const char *key,
                      ml_str dflt) {
  const ml_json *v = ml_json_get(o, key);

  if (v != NULL && v->type == ML_JSTR)
    return v->s;
  if (v != NULL && v->type == ML_JINT)
    return ks_fmt(a, "%lld", (long long)v->i);
  return dflt;
}

/* A field code: letters of any script, digits, _; no blanks; KINTONE.md 4. */
static bool good_code(ml_str s) {
  size_t i;

  if (!ml_text_printable(s) || s.n == 0 || ml_text_chars(s) > 128 ||
      (s.p[0] >= '0' && s.p[0] <= '9') || ks_contains(s, ML_STR("\u3000")))
    return false;
  for (i = 0; i < s.n; i++) {
    char c = s.p[i];
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                 (c >= '0' && c <= '9') || c == '_' || (c & 0x80) != 0;

    if (!plain)
      return false;
  }
  return true;
}

static ml_rc read_length(ml_arena *a, const ml_json *def, const char *key,
                         int64_t *out, const char *at, ml_err *e) {
  ml_str s = text_of(a, def, key, ML_STR(""));

  *out = -1;
  if (s.n == 0)
    return ML_OK;
  if (!ml_text_int(s, out) || *out < 0)
    return ml_err_set(e, ML_INVALID, at, "%s '%s' is not a number of 0 or more",
                      key, s.p);
  return ML_OK;
}

static ml_rc read_bound(ml_arena *a, const ml_json *def, const char *key,
                        ml_str *out, const char *at, ml_err *e) {
  ml_str s = text_of(a, def, key, ML_STR(""));

  *out = ML_NOSTR;
  if (s.n == 0)
    return ML_OK;
  *out = ks_number_plain(a, s);
  if (out->p == NULL)
    return ml_err_set(e, ML_INVALID, at, "%s '%s' is not a number", key, s.p);
  return ML_OK;
}

typedef struct Option {
  int64_t index;
  ml_str label;
} Option;

static int by_index(const void *x, const void *y) {
  const Option *a = x, *b = y;

  return a->index < b->index ? -1 : a->index > b->index;
}

/* {"A": {"label": "A", "index": "0"}, ...} in the order of index. */
static ml_rc read_options(ml_arena *a, ks_field *f, const char *at,
                          ml_err *e) {
  const ml_json *o = ml_json_get(f->def, "options");
  Option *list;
  uint32_t i;

  if (o == NULL || o->type != ML_JOBJ || o->count == 0)
    return ml_err_set(e, ML_INVALID, at, "a field of type %s needs \"options\", "
                      "an object keyed by label", f->type->name);
  list = ks_new(a, o->count * sizeof *list);
  f->options = ks_new(a, o->count * sizeof *f->options);
  for (i = 0; i < o->count; i++) {
    ml_str index = text_of(a, &o->obj[i].value, "index", ML_STR(""));
    ml_str label = ml_json_str(&o->obj[i].value, "label");

    list[i].label = o->obj[i].key;
    list[i].index = i;
    if (label.p != NULL && !ml_str_eq(label, o->obj[i].key))
      return ml_err_set(e, ML_INVALID, at, "option '%s' has another label, '%s'",
                        o->obj[i].key.p, label.p);
    if (index.n > 0 && !ml_text_int(index, &list[i].index))
      return ml_err_set(e, ML_INVALID, at, "option '%s': index '%s' is not a "
                        "number", o->obj[i].key.p, index.p);
  }
  qsort(list, o->count, sizeof *list, by_index);
  for (i = 0; i < o->count; i++)
    f->options[i] = list[i].label;
  f->option_count = o->count;
  return ML_OK;
}

static bool chosen_exist(const ks_field *f, const ml_json *v) {
  uint32_t i;

  if (v->type == ML_JSTR)
    return ks_field_has_option(f, v->s);
  for (i = 0; v->type == ML_JARR && i < v->count; i++)
    if (!ks_field_has_option(f, v->arr[i].s))
      return false;
  return true;
}

static ml_rc read_default(ml_arena *a, ks_field *f, const char *at,
                          ml_err *e) {
  const ml_json *v = ml_json_get(f->def, "defaultValue");
  bool choice = f->type->shape == KS_CHOICE || f->type->shape == KS_CHOICES;

  f->dflt = ks_value_none(f);
  f->dflt_now = ml_json_bool(f->def, "defaultNowValue", false);
  if (f->type->shape == KS_TABLE)
    return ML_OK;
  if (v != NULL && ks_value_read(a, f, v, &f->dflt) != KS_FITS)
    return ml_err_set(e, ML_INVALID, at, "defaultValue does not fit type %s",
                      f->type->name);
  if (choice && !chosen_exist(f, f->dflt))
    return ml_err_set(e, ML_INVALID, at, "defaultValue is not in options");
  /* kintone always presets a radio button: the first one unless told */
  if (strcmp(f->type->name, "RADIO_BUTTON") == 0 && ks_value_empty(f->dflt))
    f->dflt = ks_json_text(a, f->options[0]);
  return ML_OK;
}

static ml_rc read_field(ml_arena *a, const ml_jmember *m, ks_field *f,
                        ks_field *table, const char *where, ml_err *e);

static ml_rc read_cells(ml_arena *a, ks_field *table, const char *at,
                        ml_err *e) {
  const ml_json *o = ml_json_get(table->def, "fields");
  ml_rc rc = ML_OK;
  uint32_t i;

  if (o == NULL || o->type != ML_JOBJ || o->count == 0)
    return ml_err_set(e, ML_INVALID, at, "a SUBTABLE needs \"fields\"");
  table->cells = ks_new(a, o->count * sizeof *table->cells);
  table->cell_count = o->count;
  for (i = 0; rc == ML_OK && i < o->count; i++) {
    table->cells[i].index = i;
    rc = read_field(a, &o->obj[i], &table->cells[i], table, at, e);
  }
  return rc;
}

static ml_rc read_parts(ml_arena *a, ks_field *f, const char *at, ml_err *e) {
  ml_rc rc;

  f->required = ml_json_bool(f->def, "required", false);
  f->unique = ml_json_bool(f->def, "unique", false);
  if (f->unique && (!f->type->keyed || f->table != NULL))
    return ml_err_set(e, ML_INVALID, at, "only SINGLE_LINE_TEXT and NUMBER "
                      "outside of tables may be unique here");
  if ((rc = read_length(a, f->def, "maxLength", &f->max_length, at, e)) != ML_OK
      || (rc = read_length(a, f->def, "minLength", &f->min_length, at, e))
      != ML_OK
      || (rc = read_bound(a, f->def, "maxValue", &f->max_value, at, e)) != ML_OK
      || (rc = read_bound(a, f->def, "minValue", &f->min_value, at, e))
      != ML_OK)
    return rc;
  if (f->unique && f->type->shape == KS_TEXT && f->max_length < 0)
    f->max_length = 64;
  if (f->type->shape == KS_CHOICE || f->type->shape == KS_CHOICES)
    rc = read_options(a, f, at, e);
  if (rc == ML_OK && f->type->shape == KS_TABLE)
    rc = read_cells(a, f, at, e);
  return rc == ML_OK ? read_default(a, f, at, e) : rc;
}

static ml_rc read_field(ml_arena *a, const ml_jmember *m, ks_field *f,
                        ks_field *table, const char *where, ml_err *e) {
  ml_str at = ks_fmt(a, "%s/%s", where, m->key.p);
  ml_str type = ml_json_str(&m->value, "type");

  if (!good_code(m->key))
    return ml_err_set(e, ML_INVALID, at.p, "a field code is 1 to 128 letters, "
                      "digits and _, without blanks, not a digit first");
  f->code = m->key;
  f->def = &m->value;
  f->table = table;
  f->type = ks_type_of(type);
  if (f->type == NULL)
    return ml_err_set(e, ML_INVALID, at.p, "'%s' is no type of a field",
                      type.p != NULL ? type.p : "");
  if (table != NULL && (f->type->system || f->type->shape == KS_TABLE))
    return ml_err_set(e, ML_INVALID, at.p, "type %s cannot stand in a table",
                      f->type->name);
  return read_parts(a, f, at.p, e);
}

/* ---- system fields ---- */

static bool has_type(const ks_app *app, const ks_type *t) {
  size_t i;

  for (i = 0; i < app->field_count; i++)
    if (app->fields[i].type == t)
      return true;
  return false;
}

static void add_system(ks_app *app) {
  size_t i;

  for (i = 0; i < TYPE_COUNT; i++)
    if (types[i].system && !has_type(app, &types[i])) {
      ks_field *f = &app->fields[app->field_count];

      f->type = &types[i];
      f->code = ml_str_of(app->english ? types[i].en : types[i].ja);
      f->index = app->field_count++;
      f->max_length = f->min_length = -1;
      f->dflt = ks_json_empty_text();
    }
  app->id_field.type = &id_type;
  app->id_field.code = ML_STR("$id");
  app->revision_field.type = &revision_type;
  app->revision_field.code = ML_STR("$revision");
}

static ml_rc codes_differ(const ks_app *app, ml_err *e) {
  size_t i, k;

  for (i = 0; i < app->field_count; i++) {
    const ks_field *f = &app->fields[i];

    if (ks_app_find(app, f->code) != f)
      return ml_err_set(e, ML_INVALID, "/fields", "the code '%s' stands twice",
                        f->code.p);
    for (k = 0; k < f->cell_count; k++)
      if (ks_app_find(app, f->cells[k].code) != &f->cells[k])
        return ml_err_set(e, ML_INVALID, "/fields", "the code '%s' stands twice",
                          f->cells[k].code.p);
  }
  return ML_OK;
}

static ml_rc read_fields(ks_app *app, ml_err *e) {
  const ml_json *o = ml_json_get(app->def, "fields");
  ml_rc rc = ML_OK;
  uint32_t i;

  if (o == NULL || o->type != ML_JOBJ || o->count == 0)
    return ml_err_set(e, ML_INVALID, "/fields", "an app needs \"fields\", an "
                      "object keyed by field code");
  if (o->count > KS_APP_FIELDS)
    return ml_err_set(e, ML_LIMIT, "/fields", "an app has at most %d fields",
                      KS_APP_FIELDS);
  app->fields = ks_new(&app->arena, (o->count + TYPE_COUNT) *
                                        sizeof *app->fields);
  for (i = 0; rc == ML_OK && i < o->count; i++) {
    app->fields[i].index = i;
    app->field_count++;
    rc = read_field(&app->arena, &o->obj[i], &app->fields[i], NULL, "/fields",
                    e);
  }
  if (rc != ML_OK)
    return rc;
  add_system(app);
  return codes_differ(app, e);
}

/* ---- tokens and users ---- */

static unsigned right_of(ml_str s) {
  static const struct { const char *name; unsigned bit; } names[] = {
    {"view", KS_MAY_VIEW}, {"add", KS_MAY_ADD}, {"edit", KS_MAY_EDIT},
    {"delete", KS_MAY_DELETE}, {"manage", KS_MAY_MANAGE}};
  size_t i;

  for (i = 0; i < sizeof names / sizeof *names; i++)
    if (ml_str_is(s, names[i].name))
      return names[i].bit;
  return 0;
}

static ml_rc read_tokens(ks_app *app, ml_err *e) {
  const ml_json *list = ml_json_get(app->def, "tokens");
  uint32_t i, k;

  if (list == NULL || list->count == 0)
    return ML_OK;
  if (list->type != ML_JARR || list->count > KS_APP_TOKENS)
    return ml_err_set(e, ML_INVALID, "/tokens", "a list of at most %d tokens "
                      "is allowed", KS_APP_TOKENS);
  app->tokens = ks_new(&app->arena, list->count * sizeof *app->tokens);
  for (i = 0; i < list->count; i++) {
    const ml_json *rights = ml_json_get(&list->arr[i], "rights");
    ks_token *t = &app->tokens[app->token_count++];

    t->token = ml_json_str(&list->arr[i], "token");
    if (t->token.n == 0 || memchr(t->token.p, ',', t->token.n) != NULL)
      return ml_err_set(e, ML_INVALID, "/tokens", "a token is a text without a "
                        "comma");
    if (rights == NULL || rights->type != ML_JARR)
      return ml_err_set(e, ML_INVALID, "/tokens", "rights is a list of view, "
                        "add, edit, delete, manage");
    for (k = 0; k < rights->count; k++) {
      unsigned bit = rights->arr[k].type == ML_JSTR ? right_of(rights->arr[k].s)
                                                    : 0;

      if (bit == 0)
        return ml_err_set(e, ML_INVALID, "/tokens", "rights is a list of view, "
                          "add, edit, delete, manage");
      t->rights |= bit;
    }
  }
  return ML_OK;
}

static ml_rc read_users(ks_app *app, ml_err *e) {
  const ml_json *list = ml_json_get(app->def, "users");
  uint32_t i;

  if (list == NULL)
    return ML_OK;
  if (list->type != ML_JARR)
    return ml_err_set(e, ML_INVALID, "/users", "users is a list");
  app->users = ks_new(&app->arena, list->count * sizeof *app->users);
  for (i = 0; i < list->count; i++) {
    ks_user *u = &app->users[app->user_count++];

    u->code = ml_json_str(&list->arr[i], "code");
    u->name = ml_json_str(&list->arr[i], "name");
    u->password = ml_json_str(&list->arr[i], "password");
    if (u->code.n == 0)
      return ml_err_set(e, ML_INVALID, "/users", "a user needs a code");
    if (u->name.p == NULL)
      u->name = u->code;
  }
  return ML_OK;
}

/* ---- the app ---- */

static ml_rc read_app(ks_app *app, ml_str text, int64_t id, ml_err *e) {
  ml_arena *a = &app->arena;
  ml_str number, lang;
  ml_rc rc;

  app->def = ks_json_parse(a, text, e);
  if (app->def == NULL)
    return ML_INVALID;
  if (app->def->type != ML_JOBJ)
    return ml_err_set(e, ML_INVALID, "", "an app is an object");
  number = text_of(a, app->def, "app", ML_STR(""));
  app->id = id;
  if (number.n > 0 && (!ml_text_int(number, &app->id) || app->id < 1))
    return ml_err_set(e, ML_INVALID, "/app", "'%s' is no number of an app",
                      number.p);
  app->name = text_of(a, app->def, "name",
                      ks_fmt(a, "app %lld", (long long)app->id));
  app->code = text_of(a, app->def, "code", ML_STR(""));
  app->description = text_of(a, app->def, "description", ML_STR(""));
  app->space = text_of(a, app->def, "space", ML_NOSTR);
  lang = text_of(a, app->def, "lang", ML_STR("ja"));
  app->english = ml_str_is(lang, "en");
  app->revision = 1;
  if (!app->english && !ml_str_is(lang, "ja"))
    return ml_err_set(e, ML_INVALID, "/lang", "'%s' is not ja or en", lang.p);
  if ((rc = read_fields(app, e)) != ML_OK || (rc = read_tokens(app, e)) != ML_OK)
    return rc;
  return read_users(app, e);
}

ml_rc ks_app_parse(ml_str text, int64_t id, ks_app **out, ml_err *e) {
  ks_app *app = ml_mem_zero(sizeof *app);
  ml_rc rc;

  if (app == NULL)
    ks_die("out of memory");
  rc = read_app(app, text, id, e);
  if (rc != ML_OK) {
    ks_app_free(app);
    app = NULL;
  }
  *out = app;
  return rc;
}

void ks_app_free(ks_app *app) {
  if (app == NULL)
    return;
  ml_arena_free(&app->arena);
  ml_mem_free(app);
}
