/*
** schema.h - apps and their fields, as read from an app.json.
**
** An app.json is one object:
**   {"app": "1", "name": "...", "lang": "ja", "code": "", "space": null,
**    "description": "",
**    "fields":  {CODE: {"type", "label", "required", "unique", "maxLength",
**                       "options": {L: {"label": L, "index": "0"}},
**                       "defaultValue", ...}},
**    "tokens":  [{"token": "T", "rights": ["view","add","edit","delete",
**                                          "manage"]}],
**    "users":   [{"code", "name", "password"}],
**    "records": [{CODE: {"value": V}}, ...]}
** The definition of a field is what GET app/form/fields.json gives.  System
** fields need not be written: those missing are added under the default codes
** of the app's language.  Process management is off: STATUS, STATUS_ASSIGNEE
** and CATEGORY are in the form, switched off, and never in a record.
*/
#ifndef KS_SCHEMA_H
#define KS_SCHEMA_H

#include "base/json.h"
#include "base/mem.h"
#include "base/pack.h"
#include "base/rc.h"

/* What a value looks like in JSON (KINTONE.md 4). */
typedef enum ks_shape {
  KS_NUMBERED,    /* $id, $revision, RECORD_NUMBER */
  KS_TEXT,        /* string, empty "" */
  KS_NUMBER,      /* string, empty "" */
  KS_CHOICE,      /* string, empty null */
  KS_CHOICES,     /* list of strings */
  KS_DATE,        /* "2026-03-01", empty null */
  KS_TIME,        /* "09:30", empty null */
  KS_MOMENT,      /* "2026-03-01T04:05:00Z", empty "" */
  KS_PERSON,      /* {"code","name"} */
  KS_PEOPLE,      /* list of {"code","name"} */
  KS_FILES,       /* list of {"contentType","fileKey","name","size"} */
  KS_TABLE,       /* list of rows */
  KS_OFF          /* known, switched off */
} ks_shape;

/* Operators of the query language; a bit each in ks_type.ops. */
typedef enum ks_op {
  KS_EQ, KS_NE, KS_GT, KS_LT, KS_GE, KS_LE, KS_IN, KS_NOT_IN,
  KS_LIKE, KS_NOT_LIKE, KS_IS_EMPTY, KS_IS_NOT_EMPTY
} ks_op;

typedef struct ks_type {
  const char *name;      /* "SINGLE_LINE_TEXT" */
  ks_shape shape;
  bool system;           /* made by kintone, refused in a PUT */
  bool keyed;            /* may be unique, and then an updateKey */
  unsigned ops;
  const char *ja, *en;   /* default code and label of a system field */
} ks_type;

typedef struct ks_field {
  const ks_type *type;
  ml_str code;
  const ml_json *def;             /* as written; NULL for an added one */
  bool required, unique;
  int64_t max_length, min_length; /* -1: none */
  ml_str max_value, min_value;    /* none, or a number's text */
  ml_str *options;                /* in the order of their index */
  size_t option_count;
  const ml_json *dflt;            /* checked, in stored form; never NULL */
  bool dflt_now;
  size_t index;                   /* in ks_record.value, or in a row */
  struct ks_field *table;         /* the table it is a cell of, or NULL */
  struct ks_field *cells;
  size_t cell_count;
} ks_field;

enum {
  KS_MAY_VIEW = 1, KS_MAY_ADD = 2, KS_MAY_EDIT = 4, KS_MAY_DELETE = 8,
  KS_MAY_MANAGE = 16, KS_MAY_ALL = 31
};

typedef struct ks_token {
  ml_str token;
  unsigned rights;
} ks_token;

typedef struct ks_user {
  ml_str code, name, password;    /* password none: cannot log in */
} ks_user;

#define KS_APP_FIELDS 500         /* limit of kintone */
#define KS_APP_TOKENS 20

typedef struct ks_app {
  ml_arena arena;                 /* holds all below */
  ml_json *def;                   /* the app.json */
  int64_t id;
  ml_str name, code, description, space;   /* space: none or its number */
  bool english;
  int64_t revision;               /* of the form */
  ks_field *fields;
  size_t field_count;
  ks_field id_field, revision_field;
  ks_token *tokens;
  size_t token_count;
  ks_user *users;
  size_t user_count;
  struct ks_app *next;
} ks_app;

/* Make an app of `text`.  The number is `id` unless the text gives one. */
ml_rc ks_app_parse(ml_str text, int64_t id, ks_app **out, ml_err *e);
void ks_app_free(ks_app *app);    /* NULL allowed */

/* By code; $id and $revision are found too.  ks_app_find looks into tables. */
const ks_field *ks_app_field(const ks_app *app, ml_str code);
const ks_field *ks_app_find(const ks_app *app, ml_str code);
const ks_field *ks_field_cell(const ks_field *table, ml_str code);
const ks_type *ks_type_of(ml_str name);          /* NULL: no such type */
bool ks_field_has_option(const ks_field *f, ml_str label);

#endif
