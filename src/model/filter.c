/* filter.c - columns, tests and orders: checked as they are put together. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "model/field.h"
#include "model/filter_inside.h"

/* ---- columns ---- */

#define NAME(kind, type, name) \
  [kind] = {kind, type, {NULL, 0}, {name, sizeof name - 1}}

static const ml_column columns[ML_COL_COUNT] = {
  NAME(ML_COL_STATUS, ML_F_SELECT, "status"),
  NAME(ML_COL_STATE, ML_F_STRING, "state"),
  NAME(ML_COL_RUN, ML_F_SELECT, "run"),
  NAME(ML_COL_ASSIGNED_TO, ML_F_STRING, "assignedTo"),
  NAME(ML_COL_SUBJECT, ML_F_STRING, "subject"),
  NAME(ML_COL_CREATED_BY, ML_F_STRING, "createdBy"),
  NAME(ML_COL_FIRST_ASSIGNED_TO, ML_F_STRING, "firstAssignedTo"),
  NAME(ML_COL_CREATED_AT, ML_F_DATETIME, "createdAt"),
  NAME(ML_COL_UPDATED_AT, ML_F_DATETIME, "updatedAt"),
  NAME(ML_COL_COMPLETED_AT, ML_F_DATETIME, "completedAt"),
  NAME(ML_COL_CANCELLED_AT, ML_F_DATETIME, "cancelledAt"),
  NAME(ML_COL_NEXT_ACTION_AT, ML_F_DATETIME, "nextActionAt"),
  NAME(ML_COL_FIRST_ASSIGNED_AT, ML_F_DATETIME, "firstAssignedAt"),
  NAME(ML_COL_LAST_ASSIGNED_AT, ML_F_DATETIME, "lastAssignedAt"),
  NAME(ML_COL_ENTITY, ML_F_STRING, "entity"),
  NAME(ML_COL_RECORD, ML_F_STRING, "record"),
  NAME(ML_COL_BELONGS_TO, ML_F_STRING, "belongsTo"),
  NAME(ML_COL_BOOKING, ML_F_STRING, "primaryBooking"),
};

const ml_column *ml_columns(void) {
  return columns;
}

bool ml_column_kept(ml_columnk kind) {
  return kind == ML_COL_STATUS || kind == ML_COL_STATE ||
         kind == ML_COL_ASSIGNED_TO || kind == ML_COL_SUBJECT ||
         kind == ML_COL_CREATED_AT || kind == ML_COL_UPDATED_AT ||
         kind == ML_COL_NEXT_ACTION_AT;
}

bool ml_column_object(ml_columnk kind) {
  return kind == ML_COL_ENTITY || kind == ML_COL_RECORD ||
         kind == ML_COL_BELONGS_TO || kind == ML_COL_BOOKING;
}

bool ml_column_of(ml_str name, ml_column *out) {
  for (int i = 1; i < ML_COL_COUNT; i++)
    if (ml_str_eq(columns[i].name, name)) {
      *out = columns[i];
      return true;
    }
  return false;
}

/* ---- telling ---- */

ml_rc filter_fail(filter_make *m, ml_rc rc, const char *fmt, ...) {
  char text[400];
  va_list ap;

  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return ml_err_set(m->e, rc, m->at, "%s", text);
}

typedef struct shown {
  char s[80];
} shown;

static shown show(ml_str s) {
  shown out;

  ml_text_excerpt(out.s, sizeof out.s, s);
  return out;
}

/* "there is no field 'x' here; there are a, b, ..." */
static ml_rc no_column(filter_make *m, ml_str name) {
  const ml_flow *f = m->conf->flow;
  char list[240];
  size_t n = 0;

  list[0] = '\0';
  for (int i = 0; f != NULL && i < f->field_count && n + 100 < sizeof list; i++)
    if (!f->fields[i].sealed)
      n += (size_t)snprintf(list + n, sizeof list - n, "%s, ",
                            show(f->fields[i].short_id).s);
  snprintf(list + n, sizeof list - n, "%s",
           "status, state, assignedTo, createdAt, ...");
  return filter_fail(m, ML_INVALID, "there is no field '%s' here; there are %s",
                     show(name).s, list);
}

static ml_rc find_column(filter_make *m, ml_str name, ml_column *out) {
  const ml_flow *f = m->conf->flow;
  bool plain = name.n > 5 && memcmp(name.p, "data.", 5) == 0;
  int i;

  if (!plain && ml_column_of(name, out))
    return ML_OK;
  if (plain)
    name = (ml_str){name.p + 5, name.n - 5};
  i = f != NULL ? ml_flow_field(f, name) : -1;
  if (i < 0)
    return no_column(m, name);
  if (f->fields[i].sealed)
    return filter_fail(m, ML_INVALID, "'%s' is sealed: nobody may search for "
                       "its values", show(name).s);
  *out = (ml_column){ML_COL_FIELD, f->fields[i].type, f->fields[i].id,
                     f->fields[i].short_id};
  return ML_OK;
}

ml_rc filter_column(filter_make *m, ml_str name, size_t *col) {
  ml_filter *f = m->f;
  ml_column c;
  ml_rc rc = find_column(m, name, &c);

  if (rc != ML_OK)
    return rc;
  for (*col = 0; *col < f->col_count; ++*col)
    if (f->cols[*col].kind == c.kind && ml_str_eq(f->cols[*col].id, c.id))
      return ML_OK;
  if (f->col_count == m->col_cap) {
    size_t cap = m->col_cap > 0 ? m->col_cap * 2 : 4;
    ml_column *more = ml_arena_alloc(m->a, cap * sizeof *more);

    if (more == NULL)
      return ML_NOMEM;
    if (f->col_count > 0)
      memcpy(more, f->cols, f->col_count * sizeof *more);
    f->cols = more;
    m->col_cap = cap;
  }
  f->cols[f->col_count++] = c;
  return ML_OK;
}

/* ---- values ---- */

/* The field that a value of this column is checked as. */
static ml_rc as_field(filter_make *m, const ml_column *c, ml_field *out) {
  static ml_choice statuses[ML_STATUS_COUNT], runs[ML_RUN_COUNT];
  const ml_flow *f = m->conf->flow;
  ml_choice *of;

  *out = (ml_field){.id = c->name, .type = c->type};
  if (c->kind == ML_COL_FIELD) {
    *out = f->fields[ml_flow_field(f, c->id)];
    out->id = c->name;
  }
  if (c->kind == ML_COL_STATUS || c->kind == ML_COL_RUN) {
    of = c->kind == ML_COL_STATUS ? statuses : runs;
    out->of_count = c->kind == ML_COL_STATUS ? ML_STATUS_COUNT : ML_RUN_COUNT;
    for (uint32_t i = 0; i < out->of_count; i++)
      of[i].id = ml_str_of(c->kind == ML_COL_STATUS
                               ? ml_status_name((ml_status)i)
                               : ml_runs_name((ml_runs)i));
    out->of = of;
  } else if (c->kind == ML_COL_STATE && f != NULL && f->state_count > 0) {
    of = ml_arena_zero(m->a, f->state_count * sizeof *of);
    if (of == NULL)
      return ML_NOMEM;
    for (int i = 0; i < f->state_count; i++)
      of[i].id = f->states[i].id;
    out->type = ML_F_SELECT;
    out->of = of;
    out->of_count = f->state_count;
  }
  switch (out->type) {
  case ML_F_MULTI: out->type = ML_F_SELECT; break;
  case ML_F_MULTI_INTEGER: out->type = ML_F_INTEGER_ENUM; break;
  case ML_F_MULTI_FLOAT: out->type = ML_F_FLOAT_ENUM; break;
  case ML_F_EMAIL: case ML_F_URL: case ML_F_PHONE: case ML_F_USER:
  case ML_F_NAME: case ML_F_STRING_ID: case ML_F_PHOTO: case ML_F_PHOTOS:
  case ML_F_AUDIO:
    out->type = ML_F_STRING;     /* a part of one may be looked for */
    break;
  default: break;
  }
  return ML_OK;
}

static bool is_person(ml_columnk k) {
  return k == ML_COL_ASSIGNED_TO || k == ML_COL_CREATED_BY ||
         k == ML_COL_FIRST_ASSIGNED_TO;
}

static ml_rc set_value(filter_make *m, const ml_column *c, const ml_field *as,
                       const ml_json *v, ml_skey *out) {
  ml_buf b = {0};
  ml_err e = {0};
  ml_json person;
  ml_rc rc;

  if (is_person(c->kind) && v->type == ML_JSTR && m->conf->person != NULL) {
    person = (ml_json){.type = ML_JSTR};
    person.s = m->conf->person(m->conf->arg, v->s);
    if (person.s.p != NULL)
      v = &person;
  }
  if (v->type == ML_JNULL || (v->type == ML_JSTR && v->s.n == 0))
    return filter_fail(m, ML_INVALID, "'%s' cannot be compared with nothing; "
                       "say \"is empty\" (JSON: null)", show(c->name).s);
  rc = ml_field_check(as, v, "", &b, &e);
  if (rc == ML_OK && b.bad)
    rc = ML_NOMEM;
  if (rc == ML_INVALID)
    rc = filter_fail(m, rc, "%s", e.text);
  if (rc == ML_OK) {
    char *text = ml_arena_dup(m->a, b.p, b.len);

    if (text == NULL ||
        !ml_skey_of_json(m->a, as->type, (ml_str){text, b.len}, out))
      rc = ML_NOMEM;
    else if (out->cls == ML_SKEY_TEXT && out->s.p != NULL) {
      char *own = ml_arena_dup(m->a, out->s.p, out->s.n);
      rc = own != NULL ? ML_OK : ML_NOMEM;
      out->s.p = own;
    }
  }
  ml_buf_free(&b);
  return rc;
}

/* The beginning that is looked for: the text without its one '%' at the end. */
static ml_rc set_like(filter_make *m, const ml_column *c, const ml_json *v,
                      ml_skey *out) {
  ml_str s = v->type == ML_JSTR ? v->s : ML_NOSTR;
  char *own;

  if (s.n < 2 || s.p[s.n - 1] != '%' || memchr(s.p, '%', s.n - 1) != NULL)
    return filter_fail(m, ML_INVALID, "'%s' like: a text with one '%%', at its "
                       "end, is wanted ('abc%%': what begins with abc)",
                       show(c->name).s);
  if (s.n - 1 > ML_FILTER_LIKE_MAX)
    return filter_fail(m, ML_LIMIT, "'%s' like: at most %d bytes may be looked "
                       "for", show(c->name).s, ML_FILTER_LIKE_MAX);
  own = ml_arena_dup(m->a, s.p, s.n - 1);
  if (own == NULL)
    return ML_NOMEM;
  *out = (ml_skey){.cls = ML_SKEY_TEXT, .s = {own, s.n - 1}};
  return ML_OK;
}

/* ---- tests ---- */

/* May a beginning of it be looked for? */
static bool is_text(ml_ftype t) {
  return t == ML_F_STRING || t == ML_F_TEXT || t == ML_F_SELECT ||
         t == ML_F_MULTI || t == ML_F_EMAIL || t == ML_F_URL ||
         t == ML_F_PHONE || t == ML_F_USER || t == ML_F_DATE ||
         t == ML_F_TIME || t == ML_F_NAME || t == ML_F_STRING_ID ||
         t == ML_F_PHOTO || t == ML_F_PHOTOS || t == ML_F_AUDIO;
}

bool ml_filter_many(ml_ftype t) {
  return t == ML_F_MULTI || t == ML_F_MULTI_INTEGER || t == ML_F_MULTI_FLOAT ||
         t == ML_F_PHOTOS;
}

bool ml_filter_opaque(ml_ftype t) {
  return t == ML_F_JSON || t == ML_F_NESTED || t == ML_F_API;
}

static bool is_order(ml_fop op) {
  return op == ML_FOP_LT || op == ML_FOP_LE || op == ML_FOP_GT ||
         op == ML_FOP_GE;
}

/* May this type be asked so? */
static ml_rc check_op(filter_make *m, const ml_column *c, ml_fop op) {
  if (op == ML_FOP_EMPTY || op == ML_FOP_NOT_EMPTY)
    return ML_OK;
  if (ml_filter_opaque(c->type))
    return filter_fail(m, ML_INVALID, "'%s' holds JSON: only \"is empty\" and "
                       "\"is not empty\" can be asked of it", show(c->name).s);
  if (op == ML_FOP_LIKE && !is_text(c->type))
    return filter_fail(m, ML_INVALID, "'%s' is of type %s: \"like\" is for "
                       "texts", show(c->name).s, ml_ftype_name(c->type));
  if (is_order(op) && (ml_filter_many(c->type) || c->type == ML_F_BOOLEAN))
    return filter_fail(m, ML_INVALID, "'%s' is of type %s, which has no order: "
                       "= != in \"not in\" and \"is empty\" can be asked of it",
                       show(c->name).s, ml_ftype_name(c->type));
  return ML_OK;
}

ml_fnode *filter_node(filter_make *m, int kind) {
  ml_fnode *n = ml_arena_zero(m->a, sizeof *n);

  if (n != NULL)
    n->kind = kind;
  return n;
}

ml_rc filter_test(filter_make *m, size_t col, ml_fop op, const ml_json *values,
                  size_t count, ml_fnode **out) {
  const ml_column *c = &m->f->cols[col];
  ml_fnode *n = filter_node(m, ML_FN_TEST);
  ml_field as;
  ml_rc rc;

  if (n == NULL)
    return ML_NOMEM;
  if (++m->tests > ML_FILTER_TESTS_MAX)
    return filter_fail(m, ML_LIMIT, "a filter may hold at most %d comparisons",
                       ML_FILTER_TESTS_MAX);
  if (count > ML_FILTER_VALUES_MAX)
    return filter_fail(m, ML_LIMIT, "\"in\" may name at most %d values",
                       ML_FILTER_VALUES_MAX);
  rc = check_op(m, c, op);
  if (rc == ML_OK)
    rc = as_field(m, c, &as);
  if (rc != ML_OK)
    return rc;
  n->col = col;
  n->op = op;
  n->values = ml_arena_zero(m->a, (count + 1) * sizeof *n->values);
  if (n->values == NULL)
    return ML_NOMEM;
  for (size_t i = 0; i < count && rc == ML_OK; i++)
    rc = op == ML_FOP_LIKE ? set_like(m, c, &values[i], &n->values[i])
                           : set_value(m, c, &as, &values[i], &n->values[i]);
  n->count = count;
  *out = n;
  return rc;
}

/* ---- whole filters ---- */

ml_rc filter_order(filter_make *m, ml_str order) {
  size_t col;
  ml_rc rc;

  m->f->order = -1;
  m->f->down = true;
  if (order.p == NULL || order.n == 0)
    return ML_OK;
  snprintf(m->at, sizeof m->at, "order");
  m->f->down = order.p[0] == '-';
  if (order.p[0] == '-' || order.p[0] == '+')
    order = (ml_str){order.p + 1, order.n - 1};
  rc = filter_column(m, order, &col);
  if (rc != ML_OK)
    return rc;
  if (ml_filter_many(m->f->cols[col].type) ||
      ml_filter_opaque(m->f->cols[col].type))
    return filter_fail(m, ML_INVALID, "'%s' is of type %s, which has no order",
                       show(order).s, ml_ftype_name(m->f->cols[col].type));
  m->f->order = (int)col;
  return ML_OK;
}

static ml_rc make(ml_arena *a, const ml_filter_conf *conf, const ml_str *text,
                  const ml_json *json, ml_str order, ml_filter *out,
                  ml_err *e) {
  filter_make m = {.a = a, .conf = conf, .f = out, .e = e, .at = "where"};
  ml_rc rc = ML_OK;

  memset(out, 0, sizeof *out);
  out->order = -1;
  if (conf->flow != NULL)
    out->entity = conf->flow->entity;
  if (text != NULL && text->n > ML_FILTER_BYTES_MAX)
    return filter_fail(&m, ML_LIMIT, "a filter may hold at most %d bytes",
                       ML_FILTER_BYTES_MAX);
  if (text != NULL && text->n > 0)
    rc = filter_text(&m, *text);
  else if (json != NULL)
    rc = filter_json(&m, json);
  if (rc == ML_OK)
    rc = filter_order(&m, order);
  if (rc == ML_NOMEM)
    ml_err_set(e, rc, NULL, "memory is short");
  return rc;
}

ml_rc ml_filter_parse(ml_arena *a, const ml_filter_conf *conf, ml_str where,
                      ml_str order, ml_filter *out, ml_err *e) {
  return make(a, conf, &where, NULL, order, out, e);
}

ml_rc ml_filter_of_json(ml_arena *a, const ml_filter_conf *conf,
                        const ml_json *where, ml_str order, ml_filter *out,
                        ml_err *e) {
  if (where != NULL && where->type == ML_JSTR)
    return make(a, conf, &where->s, NULL, order, out, e);
  if (where != NULL && where->type == ML_JNULL)
    where = NULL;
  return make(a, conf, NULL, where, order, out, e);
}
