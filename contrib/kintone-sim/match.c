/*
** match.c - does a record match, and which one comes first?
**
** A cell of a table matches when it does in some row; "not in" and "not like"
** when it does so in no row.
*/
#include <string.h>

#include "number.h"
#include "query.h"
#include "value.h"

/* A record's value as the operators see it. */
typedef struct Seen {
  const ml_json *v;       /* stored value, or */
  ml_str text;            /* of a number or a person */
  int64_t ms;             /* of a date or time */
  bool empty;
} Seen;

static void see_stored(const ks_field *f, const ml_json *v, Seen *s) {
  int minutes;

  s->v = v;
  s->empty = ks_value_empty(v);
  s->text = v->type == ML_JSTR ? v->s : ML_STR("");
  if (s->empty)
    return;
  if (f->type->shape == KS_DATE) {
    s->empty = !ks_date_read(s->text, &s->ms);
    s->ms *= 86400000;
  } else if (f->type->shape == KS_TIME) {
    s->empty = !ks_time_read(s->text, &minutes);
    s->ms = s->empty ? 0 : minutes * 60000;
  } else if (f->type->shape == KS_MOMENT) {
    s->empty = !ks_moment_read(s->text, &s->ms);
  }
}

static void write_int(char out[24], int64_t n) {
  char *p = out + 23;

  *p = '\0';
  do
    *--p = (char)('0' + n % 10);
  while ((n /= 10) > 0);
  memmove(out, p, strlen(p) + 1);
}

static int64_t cut(int64_t ms) {
  return ms - ms % 60000;
}

/* What record r has in field f, which is no cell.  `digits` holds numbers. */
static void see(const ks_app *app, const ks_field *f, const ks_record *r,
                char digits[24], Seen *s) {
  const char *name = f->type->name;

  memset(s, 0, sizeof *s);
  if (!f->type->system) {
    see_stored(f, r->value[f->index], s);
  } else if (f->type->shape == KS_NUMBERED) {
    write_int(digits, f == &app->revision_field ? r->revision : r->id);
    s->text = ml_str_of(digits);
  } else if (f->type->shape == KS_MOMENT) {
    s->ms = cut(strcmp(name, "CREATED_TIME") == 0 ? r->created_ms
                                                  : r->updated_ms);
  } else if (f->type->shape == KS_PERSON) {
    s->text = strcmp(name, "CREATOR") == 0 ? r->creator.code : r->modifier.code;
  } else {
    s->empty = true;
  }
}

/* ---- tests ---- */

static bool has(const ml_json *list, const char *member, ml_str text) {
  uint32_t i;

  for (i = 0; i < list->count; i++) {
    ml_str s = member != NULL ? ml_json_str(&list->arr[i], member)
                              : list->arr[i].s;

    if (ml_str_eq(s, text))
      return true;
  }
  return false;
}

/* Is the value the term's?  The heart of =, in and their negations. */
static bool same(const ks_field *f, const Seen *s, const ks_term *t) {
  if (t->kind == KS_T_NOBODY)
    return false;
  if (t->kind == KS_T_SPAN)
    return !s->empty && s->ms >= t->from && s->ms < t->to;
  if (t->text.n == 0 || s->empty)
    return t->text.n == 0 && s->empty;
  switch (f->type->shape) {
    case KS_CHOICES: return has(s->v, NULL, t->text);
    case KS_PEOPLE: return has(s->v, "code", t->text);
    case KS_NUMBER: case KS_NUMBERED:
      return ks_number_compare(s->text, t->text) == 0;
    default: return ml_str_eq(s->text, t->text);
  }
}

/* -1 before, 0 inside, 1 after the term. */
static int place(const ks_field *f, const Seen *s, const ks_term *t) {
  if (t->kind == KS_T_SPAN)
    return s->ms < t->from ? -1 : s->ms >= t->to;
  if (f->type->shape == KS_NUMBER || f->type->shape == KS_NUMBERED)
    return ks_number_compare(s->text, t->text);
  return ks_compare(s->text, t->text);
}

static bool ordered(const ks_field *f, ks_op op, const Seen *s,
                    const ks_term *t) {
  int at;

  if (s->empty || (t->kind == KS_T_TEXT && t->text.n == 0))
    return false;
  at = place(f, s, t);
  switch (op) {
    case KS_GT: return at > 0;
    case KS_LT: return at < 0;
    case KS_GE: return at >= 0;
    default: return at <= 0;
  }
}

static bool any_same(const ks_field *f, const Seen *s, const ks_term *t) {
  for (; t != NULL; t = t->next)
    if (same(f, s, t))
      return true;
  return false;
}

static bool like(const ks_field *f, const Seen *s, const ks_term *t) {
  uint32_t i;

  if (f->type->shape != KS_FILES)
    return ks_contains(s->text, t->text);
  for (i = 0; i < s->v->count; i++)
    if (ks_contains(ml_json_str(&s->v->arr[i], "name"), t->text))
      return true;
  return false;
}

/* The test with its negation taken off. */
static bool holds(const ks_cond *c, const Seen *s) {
  switch (c->op) {
    case KS_EQ: case KS_NE: case KS_IN: case KS_NOT_IN:
      return any_same(c->field, s, c->terms);
    case KS_LIKE: case KS_NOT_LIKE:
      return like(c->field, s, c->terms);
    case KS_IS_EMPTY: case KS_IS_NOT_EMPTY:
      return s->empty;
    default:
      return ordered(c->field, c->op, s, c->terms);
  }
}

static bool some_row(const ks_cond *c, const ks_record *r) {
  const ml_json *rows = r->value[c->field->table->index];
  uint32_t i;

  for (i = 0; i < rows->count; i++) {
    const ml_json *v = ks_json_member(ml_json_get(&rows->arr[i], "value"),
                                      c->field->code);
    Seen s;

    memset(&s, 0, sizeof s);
    see_stored(c->field, v != NULL ? v : ks_value_none(c->field), &s);
    if (holds(c, &s))
      return true;
  }
  return false;
}

static bool test(const ks_app *app, const ks_cond *c, const ks_record *r) {
  bool negated = c->op == KS_NE || c->op == KS_NOT_IN || c->op == KS_NOT_LIKE ||
                 c->op == KS_IS_NOT_EMPTY;
  char digits[24];
  Seen s;

  if (c->field->table != NULL)
    return some_row(c, r) != negated;
  see(app, c->field, r, digits, &s);
  return holds(c, &s) != negated;
}

static bool judge(const ks_app *app, const ks_cond *c, const ks_record *r) {
  const ks_cond *part;

  if (c->kind == KS_C_TEST)
    return test(app, c, r);
  for (part = c->first; part != NULL; part = part->next)
    if (judge(app, part, r) != (c->kind == KS_C_AND))
      return c->kind == KS_C_OR;
  return c->kind == KS_C_AND;
}

bool ks_query_match(const ks_app *app, const ks_query *q, const ks_record *r) {
  return q->cond == NULL || judge(app, q->cond, r);
}

/* ---- order ---- */

static int compare_by(const ks_app *app, const ks_field *f, const ks_record *x,
                      const ks_record *y) {
  char dx[24], dy[24];
  Seen a, b;

  if (f->table != NULL)
    return 0;                   /* a table gives no order */
  see(app, f, x, dx, &a);
  see(app, f, y, dy, &b);
  if (a.empty || b.empty)
    return b.empty - a.empty;   /* empty values come first, ascending */
  switch (f->type->shape) {
    case KS_NUMBER: case KS_NUMBERED:
      return ks_number_compare(a.text, b.text);
    case KS_DATE: case KS_TIME: case KS_MOMENT:
      return a.ms < b.ms ? -1 : a.ms > b.ms;
    default:
      return ks_compare(a.text, b.text);
  }
}

int ks_query_compare(const ks_app *app, const ks_query *q, const ks_record *x,
                     const ks_record *y) {
  const ks_key *key;

  for (key = q->keys; key != NULL; key = key->next) {
    int d = compare_by(app, key->field, x, y);

    if (d != 0)
      return key->ascending ? d : -d;
  }
  return x->id > y->id ? -1 : x->id < y->id;
}
