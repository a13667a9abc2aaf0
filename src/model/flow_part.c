/* flow_part.c - reading a definition's members, and telling what is wrong. */
#include "model/flow_part.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* ---- telling ---- */

ml_fshow ml_fp_show(ml_str s) {
  ml_fshow out;

  if (s.p == NULL)
    s = ML_STR("");
  ml_text_excerpt(out.s, sizeof out.s, s);
  return out;
}

ml_fwho ml_fp_who(const ml_json *v, ml_str at, const char *word, ml_str id) {
  ml_fwho w = {.at = ml_json_str(v, "at")};

  if (w.at.p == NULL)
    w.at = at;
  if (id.p != NULL && id.n > 0)
    snprintf(w.what, sizeof w.what, "%s '%s'", word, ml_fp_show(id).s);
  else
    snprintf(w.what, sizeof w.what, "%s", word);
  return w;
}

void ml_fp_fault(ml_fpass *p, const ml_fwho *w, const char *fmt, ...) {
  char text[900], cut[640], at[300];
  va_list ap;
  int n;

  if (p->faults++ >= ML_FLOW_FAULTS_MAX)
    return;
  n = snprintf(text, sizeof text, "%s: ", w->what);
  va_start(ap, fmt);
  vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
  va_end(ap);
  ml_text_excerpt(cut, sizeof cut, ml_str_of(text));
  snprintf(at, sizeof at, "%s%s%s", p->folder != NULL ? p->folder : "",
           p->folder != NULL && p->folder[0] != '\0' ? "/" : "",
           ml_fp_show(w->at.p != NULL ? w->at : ML_STR("workflow.lua")).s);
  p->fault(p->arg, at, cut);
}

const char *ml_fp_type(const ml_json *v) {
  ml_str s = ml_json_str(v, "$not_data");
  static const char *const others[] = {
    "a function", "a userdata", "a thread", "a boolean",
    "a text that is not valid UTF-8", "a number that is not finite",
    "a table nested too deeply", "a table with both positions and names",
    "a table with a key that is no text", "a table with a hole", "nothing",
    "a table that ml.workflow did not make",
  };

  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (ml_str_is(s, others[i]))
      return others[i];
  return ml_json_type_name(v->type);
}

/* ---- memory ---- */

void *ml_fp_room(ml_fpass *p, size_t n, size_t size) {
  void *q = n > 0 ? ml_arena_zero(&p->f->arena, n * size) : NULL;

  if (n > 0 && q == NULL)
    p->nomem = true;
  return q;
}

ml_str ml_fp_keep(ml_fpass *p, ml_str s) {
  char *q;

  if (s.p == NULL)
    return s;
  q = ml_arena_dup(&p->f->arena, s.p, s.n);
  if (q == NULL) {
    p->nomem = true;
    return ML_NOSTR;
  }
  return (ml_str){q, s.n};
}

ml_str ml_fp_print(ml_fpass *p, const ml_json *v) {
  ml_buf b = {0};
  ml_str s = ML_NOSTR;

  ml_json_print(&b, v);
  if (b.bad)
    p->nomem = true;
  else
    s = ml_fp_keep(p, (ml_str){b.p, b.len});
  ml_buf_free(&b);
  return s;
}

/* ---- near words ---- */

enum { NEAR_MAX = 40 };   /* longer words have no near ones */

/* Edits (insert, drop, change, swap of neighbours) from a to b. */
static size_t distance(ml_str a, ml_str b) {
  size_t row[3][NEAR_MAX + 1];

  for (size_t j = 0; j <= b.n; j++)
    row[0][j] = j;
  for (size_t i = 1; i <= a.n; i++) {
    size_t *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

    now[0] = i;
    for (size_t j = 1; j <= b.n; j++) {
      size_t best = up[j - 1] + (a.p[i - 1] != b.p[j - 1]);

      if (up[j] + 1 < best)
        best = up[j] + 1;
      if (now[j - 1] + 1 < best)
        best = now[j - 1] + 1;
      if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2]
          && a.p[i - 2] == b.p[j - 1] && up2[j - 2] + 1 < best)
        best = up2[j - 2] + 1;
      now[j] = best;
    }
  }
  return row[a.n % 3][b.n];
}

ml_str ml_fp_nearest(ml_str s, ml_str (*word)(const void *arg, size_t i),
                     const void *arg, size_t n) {
  ml_str found = ML_NOSTR;
  size_t least = s.n / 3 + 2;   /* must be below */

  if (s.n > NEAR_MAX)
    return found;
  for (size_t i = 0; i < n; i++) {
    ml_str c = word(arg, i);
    size_t d;

    if (c.p == NULL || c.n == 0 || c.n > NEAR_MAX)
      continue;
    d = distance(s, c);
    if (d < least) {
      least = d;
      found = c;
    }
  }
  return found;
}

/* "; did you mean 'x'?" or nothing. */
static ml_fshow hint(ml_str s, ml_str (*word)(const void *, size_t),
                     const void *arg, size_t n) {
  ml_str near_ = ml_fp_nearest(s, word, arg, n);
  ml_fshow out = {""};

  if (near_.p != NULL)
    snprintf(out.s, sizeof out.s, "; did you mean '%.60s'?", near_.p);
  return out;
}

static ml_str member_word(const void *arg, size_t i) {
  return ml_str_of(((const char *const *)arg)[i]);
}

void ml_fp_members(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                   const char *const *known) {
  size_t n = 0;
  ml_buf list = {0};

  while (known[n] != NULL)
    n++;
  for (uint32_t i = 0; i < o->count; i++) {
    ml_str key = o->obj[i].key;
    size_t k = 0;

    while (k < n && !ml_str_is(key, known[k]))
      k++;
    if (k < n)
      continue;
    ml_buf_reset(&list);
    for (k = 0; k < n; k++)
      if (strcmp(known[k], "at") != 0 && strcmp(known[k], "kind") != 0)
        ml_buf_printf(&list, "%s%s", list.len > 0 ? ", " : "", known[k]);
    ml_fp_fault(p, w, "unknown member '%s'; known are %s%s", ml_fp_show(key).s,
                list.p != NULL ? list.p : "",
                hint(key, member_word, known, n).s);
  }
  if (list.bad)
    p->nomem = true;
  ml_buf_free(&list);
}

bool ml_fp_is_table(ml_fpass *p, const ml_json *v, ml_str at,
                    const char *word) {
  ml_fwho w = ml_fp_who(v, at, word, ML_NOSTR);

  if (v->type == ML_JOBJ && ml_json_get(v, "$not_data") == NULL)
    return true;
  ml_fp_fault(p, &w, "must be a table, not %s", ml_fp_type(v));
  return false;
}

/* ---- members by type ---- */

bool ml_fp_str(ml_fpass *p, const ml_fwho *w, const ml_json *o,
               const char *key, ml_str *out) {
  const ml_json *v = ml_json_get(o, key);

  if (v == NULL)
    return false;
  if (v->type != ML_JSTR) {
    ml_fp_fault(p, w, "'%s' must be a text, not %s", key, ml_fp_type(v));
    return false;
  }
  *out = ml_fp_keep(p, v->s);
  return out->p != NULL;
}

bool ml_fp_int(ml_fpass *p, const ml_fwho *w, const ml_json *o,
               const char *key, int64_t lo, int64_t hi, int64_t *out) {
  const ml_json *v = ml_json_get(o, key);

  if (v == NULL)
    return false;
  if (v->type != ML_JINT) {
    ml_fp_fault(p, w, "'%s' must be an integer, not %s", key, ml_fp_type(v));
    return false;
  }
  if (v->i < lo || v->i > hi) {
    ml_fp_fault(p, w, "'%s' is %lld, it may be %lld to %lld", key,
                (long long)v->i, (long long)lo, (long long)hi);
    return false;
  }
  *out = v->i;
  return true;
}

bool ml_fp_bool(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                const char *key) {
  const ml_json *v = ml_json_get(o, key);

  if (v == NULL)
    return false;
  if (v->type != ML_JBOOL) {
    ml_fp_fault(p, w, "'%s' must be true or false, not %s", key,
                ml_fp_type(v));
    return false;
  }
  return v->b;
}

bool ml_fp_function(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                    const char *key) {
  const ml_json *v = ml_json_get(o, key);

  if (v == NULL)
    return false;
  if (v->type == ML_JBOOL && v->b)
    return true;
  ml_fp_fault(p, w, "'%s' must be a function, not %s", key, ml_fp_type(v));
  return false;
}

bool ml_fp_duration(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                    const char *key, int64_t *ms) {
  ml_err e = {0};
  ml_str s;

  if (!ml_fp_str(p, w, o, key, &s))
    return false;
  if (ml_text_duration(s, ms, &e) != ML_OK) {
    ml_fp_fault(p, w, "'%s': %s", key, e.text);
    return false;
  }
  if (*ms <= 0) {
    ml_fp_fault(p, w, "'%s' must be longer than nothing", key);
    return false;
  }
  return true;
}

const ml_json *ml_fp_list(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                          const char *key, size_t max) {
  const ml_json *v = ml_json_get(o, key);

  if (v == NULL)
    return NULL;
  if (v->type != ML_JARR) {
    ml_fp_fault(p, w, "'%s' must be a list, not %s", key, ml_fp_type(v));
    return NULL;
  }
  if (v->count > max) {
    ml_fp_fault(p, w, "'%s' has %u items, at most %zu are allowed", key,
                v->count, max);
    return NULL;
  }
  return v;
}

/* A language as a label names it: "en", "ja", "zh-Hant". */
static bool is_language(ml_str s) {
  if (s.n < 2 || s.n > 12)
    return false;
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

    if (!letter && !(i >= 2 && (c == '-' || (c >= '0' && c <= '9'))))
      return false;
  }
  return true;
}

enum { LABEL_MAX = 1000 };

ml_str ml_fp_label(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                   const char *key) {
  const ml_json *v = ml_json_get(o, key);

  if (v == NULL)
    return ML_NOSTR;
  if (v->type != ML_JSTR && (v->type != ML_JOBJ || v->count == 0
                             || ml_json_get(v, "$not_data") != NULL)) {
    ml_fp_fault(p, w, "'%s' must be a text or { en = ..., ja = ... }, not %s",
                key, v->type == ML_JOBJ && v->count == 0 ? "an empty table"
                                                         : ml_fp_type(v));
    return ML_NOSTR;
  }
  for (uint32_t i = 0; v->type == ML_JOBJ && i < v->count; i++) {
    const ml_jmember *m = &v->obj[i];

    if (!is_language(m->key))
      ml_fp_fault(p, w, "'%s': '%s' is no language such as 'en' or 'ja'", key,
                  ml_fp_show(m->key).s);
    else if (m->value.type != ML_JSTR)
      ml_fp_fault(p, w, "'%s.%s' must be a text, not %s", key,
                  ml_fp_show(m->key).s, ml_fp_type(&m->value));
    else if (m->value.s.n > LABEL_MAX)
      ml_fp_fault(p, w, "'%s.%s' is longer than %d bytes", key,
                  ml_fp_show(m->key).s, LABEL_MAX);
  }
  if (v->type == ML_JSTR && v->s.n > LABEL_MAX)
    ml_fp_fault(p, w, "'%s' is longer than %d bytes", key, LABEL_MAX);
  return ml_fp_print(p, v);
}

ml_str ml_fp_name(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                  const char *key) {
  ml_str s = ML_STR("");
  const ml_json *v = ml_json_get(o, key);

  if (v == NULL) {
    ml_fp_fault(p, w, "its %s is missing; it is the first value in the braces",
                key);
    return s;
  }
  if (!ml_fp_str(p, w, o, key, &s))
    return ML_STR("");
  if (!ml_text_is_name(s)) {
    ml_fp_fault(p, w, "'%s' is not a %s: 1 to 200 bytes of printable UTF-8 "
                "without a blank at either end", ml_fp_show(s).s, key);
    return ML_STR("");
  }
  return s;
}

/* ---- names of the workflow ---- */

static ml_str field_word(const void *f, size_t i) {
  return ((const ml_flow *)f)->fields[i].id;
}

static ml_str lane_word(const void *f, size_t i) {
  return ((const ml_flow *)f)->lanes[i].id;
}

static ml_str setting_word(const void *f, size_t i) {
  return ((const ml_flow *)f)->settings[i].id;
}

int ml_fp_field(ml_fpass *p, const ml_fwho *w, const char *where, ml_str id) {
  int i = ml_flow_field(p->f, id);

  if (i < 0)
    ml_fp_fault(p, w, "'%s' names '%s', which is no field of this workflow%s",
                where, ml_fp_show(id).s,
                hint(id, field_word, p->f, p->f->field_count).s);
  return i;
}

int ml_fp_lane(ml_fpass *p, const ml_fwho *w, const char *where, ml_str id) {
  int i = ml_flow_lane(p->f, id);

  if (i < 0)
    ml_fp_fault(p, w, "'%s' names '%s', which is no lane of this workflow%s",
                where, ml_fp_show(id).s,
                hint(id, lane_word, p->f, p->f->lane_count).s);
  return i;
}

int ml_fp_setting(ml_fpass *p, const ml_fwho *w, const char *where,
                  ml_str id) {
  int i = ml_flow_setting(p->f, id);

  if (i < 0)
    ml_fp_fault(p, w, "'%s' names '%s', which is no setting of this workflow%s",
                where, ml_fp_show(id).s,
                hint(id, setting_word, p->f, p->f->setting_count).s);
  return i;
}

uint16_t *ml_fp_fields(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                       const char *key, uint16_t *count) {
  const ml_json *v = ml_fp_list(p, w, o, key, ML_FLOW_FIELDS_MAX);
  uint16_t *list;

  *count = 0;
  list = v != NULL ? ml_fp_room(p, v->count, sizeof *list) : NULL;
  for (uint32_t i = 0; list != NULL && i < v->count; i++) {
    const ml_json *item = &v->arr[i];
    int field;
    uint16_t k = 0;

    if (item->type != ML_JSTR) {
      ml_fp_fault(p, w, "'%s' must list names of fields, not %s", key,
                  ml_fp_type(item));
      continue;
    }
    field = ml_fp_field(p, w, key, item->s);
    while (k < *count && list[k] != field)
      k++;
    if (field >= 0 && k < *count)
      ml_fp_fault(p, w, "'%s' names '%s' twice", key, ml_fp_show(item->s).s);
    else if (field >= 0)
      list[(*count)++] = (uint16_t)field;
  }
  return list;
}

/* One item of a form; the mark is taken off the name. */
static void form_item(ml_fpass *p, const ml_fwho *w, const char *key,
                      ml_str name, bool edit, ml_form_field *form,
                      uint16_t *count) {
  bool mark = name.n > 1 && name.p[name.n - 1] == '!';
  int field;

  if (mark)
    name.n--;
  field = ml_fp_field(p, w, key, name);
  if (field < 0)
    return;
  if (mark && !edit)
    ml_fp_fault(p, w, "'%s' only shows: '%s' may not be marked with '!'", key,
                ml_fp_show(name).s);
  if (edit && (p->f->fields[field].derived
               || p->f->fields[field].type == ML_F_API))
    ml_fp_fault(p, w, "'%s' names '%s', which is %s: no form can fill it", key,
                ml_fp_show(name).s, p->f->fields[field].derived
                ? "derived" : "written over the API only");
  for (uint16_t k = 0; k < *count; k++)
    if (form[k].field == field) {
      ml_fp_fault(p, w, "'%s' names '%s', which stands in the form already",
                  key, ml_fp_show(name).s);
      return;
    }
  form[(*count)++] = (ml_form_field){
    .field = (uint16_t)field, .edit = edit,
    .need = edit && (mark || p->f->fields[field].required)};
}

void ml_fp_form(ml_fpass *p, const ml_fwho *w, const ml_json *o,
                const char *key, bool edit, ml_form_field *form,
                uint16_t *count) {
  const ml_json *v = ml_fp_list(p, w, o, key, ML_FLOW_FIELDS_MAX);

  for (uint32_t i = 0; v != NULL && i < v->count; i++)
    if (v->arr[i].type != ML_JSTR)
      ml_fp_fault(p, w, "'%s' must list names of fields, not %s", key,
                  ml_fp_type(&v->arr[i]));
    else
      form_item(p, w, key, v->arr[i].s, edit, form, count);
}
