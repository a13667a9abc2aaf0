/* value.c - one field's value. */
#include "value.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "number.h"

#define MINUTE_MS 60000

/* ---- dates and times ---- */

/* Digits up to `max` of them at *p, or -1. */
static int digits(const char **p, const char *end, int max) {
  int n = 0, v = 0;

  while (*p < end && **p >= '0' && **p <= '9' && n < max) {
    v = v * 10 + (*(*p)++ - '0');
    n++;
  }
  return n > 0 ? v : -1;
}

bool ks_date_read(ml_str s, int64_t *days) {
  const char *p = s.p, *end = s.p + s.n;
  int y = digits(&p, end, 4), m = 1, d = 1, y2, m2, d2;

  if (y < 1 || p - s.p != 4)
    return false;
  if (p < end) {
    if (*p++ != '-' || (m = digits(&p, end, 2)) < 1 || m > 12)
      return false;
    if (p < end && (*p++ != '-' || (d = digits(&p, end, 2)) < 1 || d > 31))
      return false;
  }
  *days = ml_text_days(y, m, d);
  ml_text_civil(*days, &y2, &m2, &d2);
  return p == end && m2 == m && d2 == d;      /* no 30th of February */
}

bool ks_time_read(ml_str s, int *minutes) {
  const char *p = s.p, *end = s.p + s.n;
  int h = digits(&p, end, 2), m, sec;

  if (h < 0 || h > 23 || p == end || *p++ != ':')
    return false;
  m = digits(&p, end, 2);
  if (m < 0 || m > 59)
    return false;
  if (p < end && (*p++ != ':' || (sec = digits(&p, end, 2)) < 0 || sec > 59))
    return false;
  *minutes = h * 60 + m;
  return p == end;
}

static int64_t cut_seconds(int64_t ms) {
  int64_t over = ms % MINUTE_MS;

  return ms - (over < 0 ? over + MINUTE_MS : over);
}

bool ks_moment_read(ml_str s, int64_t *ms) {
  int64_t days;

  if (ks_date_read(s, &days)) {
    *ms = days * 86400000;
    return true;
  }
  if (ml_text_moment(s, ms, NULL) != ML_OK)
    return false;
  *ms = cut_seconds(*ms);
  return true;
}

ml_str ks_moment_text(ml_arena *a, int64_t ms) {
  ml_buf b = {0};

  ml_text_put_moment(&b, cut_seconds(ms));
  return ks_taken(a, &b);
}

/* ---- reading ---- */

/* A scalar as text: strings as they are, numbers as their text. */
static bool scalar(ml_arena *a, const ml_json *v, ml_str *out) {
  ml_buf b = {0};

  if (v->type == ML_JSTR) {
    *out = v->s;
    return true;
  }
  if (v->type != ML_JINT && v->type != ML_JREAL)
    return false;
  ml_json_print(&b, v);
  *out = ks_taken(a, &b);
  return true;
}

static ks_fit read_choices(ml_arena *a, const ml_json *in,
                           const ml_json **out) {
  ml_json *list;
  uint32_t i;

  if (in->type != ML_JARR)
    return KS_BAD_SHAPE;
  list = ks_json_list(a, in->count);
  for (i = 0; i < in->count; i++) {
    list->arr[i].type = ML_JSTR;
    if (!scalar(a, &in->arr[i], &list->arr[i].s))
      return KS_BAD_SHAPE;
  }
  *out = list;
  return KS_FITS;
}

static void put_member(ml_json *o, const char *key, ml_str v) {
  ml_jmember *m = &o->obj[o->count++];

  m->key = ml_str_of(key);
  m->value.type = ML_JSTR;
  m->value.s = v;
}

/* [{"code": C}] -> [{"code": C, "name": N}]; the name is C until known. */
static ks_fit read_people(ml_arena *a, const ml_json *in,
                          const ml_json **out) {
  ml_json *list;
  uint32_t i;

  if (in->type != ML_JARR)
    return KS_BAD_SHAPE;
  list = ks_json_list(a, in->count);
  for (i = 0; i < in->count; i++) {
    const ml_json *code = ml_json_get(&in->arr[i], "code");
    ml_str name = ml_json_str(&in->arr[i], "name");

    if (code == NULL || code->type != ML_JSTR || code->s.n == 0)
      return KS_BAD_SHAPE;
    list->arr[i].type = ML_JOBJ;
    list->arr[i].obj = ks_new(a, 2 * sizeof(ml_jmember));
    put_member(&list->arr[i], "code", code->s);
    put_member(&list->arr[i], "name", name.p != NULL ? name : code->s);
  }
  *out = list;
  return KS_FITS;
}

/* [{"fileKey": K}]; the rest is filled in when the key is looked up. */
static ks_fit read_files(const ml_json *in, const ml_json **out) {
  uint32_t i;

  if (in->type != ML_JARR)
    return KS_BAD_SHAPE;
  for (i = 0; i < in->count; i++)
    if (ml_json_str(&in->arr[i], "fileKey").n == 0)
      return KS_BAD_SHAPE;
  *out = in;
  return KS_FITS;
}

static ks_fit read_when(ml_arena *a, ks_shape shape, ml_str s,
                        const ml_json **out) {
  int64_t ms, days;
  int minutes, y, m, d;

  if (shape == KS_DATE) {
    if (!ks_date_read(s, &days))
      return KS_BAD_SHAPE;
    ml_text_civil(days, &y, &m, &d);
    *out = ks_json_text(a, ks_fmt(a, "%04d-%02d-%02d", y, m, d));
  } else if (shape == KS_TIME) {
    if (!ks_time_read(s, &minutes))
      return KS_BAD_SHAPE;
    *out = ks_json_text(a, ks_fmt(a, "%02d:%02d", minutes / 60, minutes % 60));
  } else {
    if (!ks_moment_read(s, &ms))
      return KS_BAD_SHAPE;
    *out = ks_json_text(a, ks_moment_text(a, ms));
  }
  return KS_FITS;
}

static ks_fit read_number(ml_arena *a, ml_str s, const ml_json **out) {
  ml_str plain = ks_number_plain(a, s);

  if (plain.p == NULL)
    return KS_NO_NUMBER;
  *out = ks_json_text(a, plain);
  return KS_FITS;
}

ks_fit ks_value_read(ml_arena *a, const ks_field *f, const ml_json *in,
                     const ml_json **out) {
  ml_str s;

  *out = ks_value_none(f);
  if (in->type == ML_JNULL)
    return KS_FITS;
  switch (f->type->shape) {
    case KS_CHOICES: return read_choices(a, in, out);
    case KS_PEOPLE: return read_people(a, in, out);
    case KS_FILES: return read_files(in, out);
    default: break;
  }
  if (!scalar(a, in, &s))
    return KS_BAD_SHAPE;
  if (s.n == 0)
    return KS_FITS;
  switch (f->type->shape) {
    case KS_DATE: case KS_TIME: case KS_MOMENT:
      return read_when(a, f->type->shape, s, out);
    case KS_NUMBER:
      return read_number(a, s, out);
    default:
      *out = ks_json_text(a, s);
      return KS_FITS;
  }
}

/* ---- empty values, writing ---- */

const ml_json *ks_value_none(const ks_field *f) {
  switch (f->type->shape) {
    case KS_CHOICE: case KS_DATE: case KS_TIME:
      return ks_json_null();
    case KS_CHOICES: case KS_PEOPLE: case KS_FILES: case KS_TABLE:
      return ks_json_empty_list();
    default:
      return ks_json_empty_text();
  }
}

bool ks_value_empty(const ml_json *v) {
  return v->type == ML_JNULL || (v->type == ML_JSTR && v->s.n == 0) ||
         (v->type == ML_JARR && v->count == 0);
}

static void put_rows(ml_jw *w, const ks_field *table, const ml_json *rows) {
  uint32_t i;
  size_t k;

  ml_jw_arr(w);
  for (i = 0; i < rows->count; i++) {
    const ml_json *row = ml_json_get(&rows->arr[i], "value");

    ml_jw_obj(w);
    ml_jw_kstr(w, "id", ml_json_str(&rows->arr[i], "id"));
    ml_jw_key(w, "value");
    ml_jw_obj(w);
    for (k = 0; k < table->cell_count; k++) {
      const ks_field *cell = &table->cells[k];
      const ml_json *v = ks_json_member(row, cell->code);

      ml_jw_keyn(w, cell->code);
      ks_value_put(w, cell, v != NULL ? v : ks_value_none(cell));
    }
    ml_jw_end(w);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

void ks_value_put(ml_jw *w, const ks_field *f, const ml_json *v) {
  ml_jw_obj(w);
  ml_jw_kstrz(w, "type", f->type->name);
  ml_jw_key(w, "value");
  if (f->type->shape == KS_TABLE)
    put_rows(w, f, v);
  else
    ml_jw_json(w, v);
  ml_jw_end(w);
}
