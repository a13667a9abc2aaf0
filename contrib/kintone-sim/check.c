/*
** check.c - is a record, as it would be stored, right?
**
** A PUT is judged by its result, so a field that nobody sent can be at fault
** too.  All problems are told together.
*/
#include "base/text.h"
#include "number.h"
#include "sim.h"
#include "value.h"
#include "write.h"

static ml_str value_path(ks_call *c, ml_str at) {
  return ks_fmt(c->a, "%s.value", at.p);
}

static void check_required(ks_call *c, const ks_field *f, ml_str at) {
  ml_str path;

  switch (f->type->shape) {
    case KS_CHOICES: case KS_FILES:
      path = ks_fmt(c->a, "%s.values", at.p);
      break;
    case KS_PEOPLE:
      path = ks_fmt(c->a, "%s.values.value", at.p);
      break;
    default:
      path = value_path(c, at);
      break;
  }
  ks_problem_add(c, path, KS_M_REQUIRED, ML_STR(""));
}

static void check_length(ks_call *c, const ks_field *f, const ml_json *v,
                         ml_str at) {
  int64_t n = (int64_t)ml_text_chars(v->s);

  /* kintone's texts name the first length that is wrong */
  if (f->max_length >= 0 && n > f->max_length)
    ks_problem_add(c, value_path(c, at), KS_M_LONGER,
                   ks_fmt(c->a, "%lld", (long long)f->max_length + 1));
  if (f->min_length >= 0 && n < f->min_length)
    ks_problem_add(c, value_path(c, at), KS_M_SHORTER,
                   ks_fmt(c->a, "%lld", (long long)f->min_length - 1));
}

static void check_range(ks_call *c, const ks_field *f, const ml_json *v,
                        ml_str at) {
  if (f->max_value.p != NULL && ks_number_compare(v->s, f->max_value) > 0)
    ks_problem_add(c, value_path(c, at), KS_M_LESS, f->max_value);
  if (f->min_value.p != NULL && ks_number_compare(v->s, f->min_value) < 0)
    ks_problem_add(c, value_path(c, at), KS_M_MORE, f->min_value);
}

static void check_options(ks_call *c, const ks_field *f, const ml_json *v,
                          ml_str at) {
  uint32_t i;

  for (i = 0; i < v->count; i++)
    if (!ks_field_has_option(f, v->arr[i].s))
      ks_problem_add(c, ks_fmt(c->a, "%s.values[%u].value", at.p, i),
                     KS_M_OPTION, v->arr[i].s);
}

/* One value, not a table; `at` is the field's path. */
static void check_value(ks_call *c, const ks_field *f, const ml_json *v,
                        ml_str at) {
  bool radio = f->type == ks_type_of(ML_STR("RADIO_BUTTON"));

  if (ks_value_empty(v)) {
    if (f->required && !radio)
      check_required(c, f, at);
    return;
  }
  switch (f->type->shape) {
    case KS_TEXT:
      check_length(c, f, v, at);
      break;
    case KS_NUMBER:
      check_range(c, f, v, at);
      break;
    case KS_CHOICE:
      if (!ks_field_has_option(f, v->s))
        ks_problem_add(c, value_path(c, at), KS_M_OPTION, v->s);
      break;
    case KS_CHOICES:
      check_options(c, f, v, at);
      break;
    default:
      break;
  }
}

static void check_table(ks_call *c, const ks_field *f, const ml_json *rows,
                        ml_str at) {
  uint32_t i;
  size_t k;

  for (i = 0; i < rows->count; i++) {
    const ml_json *row = ml_json_get(&rows->arr[i], "value");

    for (k = 0; k < f->cell_count; k++) {
      const ks_field *cell = &f->cells[k];
      const ml_json *v = ks_json_member(row, cell->code);

      check_value(c, cell, v != NULL ? v : ks_value_none(cell),
                  ks_fmt(c->a, "%s.value[%u].value.%s", at.p, i, cell->code.p));
    }
  }
}

void ks_write_check(ks_call *c, const ks_app *app, const ks_record *r,
                    ml_str path) {
  size_t i;

  for (i = 0; i < app->field_count; i++) {
    const ks_field *f = &app->fields[i];
    ml_str at;
    int64_t holder;

    if (f->type->system)
      continue;
    at = ks_fmt(c->a, "%s.%s", path.p, f->code.p);
    if (f->type->shape == KS_TABLE) {
      check_table(c, f, r->value[i], at);
      continue;
    }
    check_value(c, f, r->value[i], at);
    holder = f->unique ? ks_store_holder(c->sim->store, app, f, r->value[i]) : 0;
    if (holder != 0 && holder != r->id)
      ks_problem_add(c, value_path(c, at), KS_M_TWICE, ML_STR(""));
  }
}
