/* api_shape.c - reading the notation of api_shape.h, checking values by it,
** and writing it as JSON Schema. */
#include "api/api_shape.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* ---- reading ---- */

typedef struct scan {
  ml_shapes *s;
  const char *p;
  ml_err *e;
} scan;

static void blanks(scan *c) {
  c->p += strspn(c->p, " \n\t");
}

static bool take(scan *c, char what) {
  blanks(c);
  if (*c->p != what)
    return false;
  c->p++;
  return true;
}

static ml_rc wrong(scan *c, const char *want) {
  return ml_err_set(c->e, ML_INVALID, NULL, "a shape wants %s at '%.40s'",
                    want, c->p);
}

static ml_str word(scan *c) {
  const char *at;

  blanks(c);
  at = c->p;
  c->p += strspn(c->p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                       "0123456789_-|");
  return (ml_str){at, (size_t)(c->p - at)};
}

static ml_rc read_type(scan *c, ml_shape_type *t);

static ml_rc read_inner(scan *c, ml_shape_type *t, ml_shape_kind kind,
                        char close) {
  ml_rc rc;

  t->kind = kind;
  t->of = ml_arena_zero(&c->s->arena, sizeof *t->of);
  if (t->of == NULL)
    return ML_NOMEM;
  rc = read_type(c, t->of);
  if (rc == ML_OK && !take(c, close))
    return wrong(c, "the closing bracket");
  return rc;
}

static void read_word_type(ml_shape_type *t, ml_str w) {
  static const struct { const char *name; ml_shape_kind kind; } known[] = {
    {"str", ML_SHAPE_STR}, {"int", ML_SHAPE_INT}, {"num", ML_SHAPE_NUM},
    {"bool", ML_SHAPE_BOOL}, {"obj", ML_SHAPE_OBJ}, {"any", ML_SHAPE_ANY},
    {"label", ML_SHAPE_LABEL}};

  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (ml_str_is(w, known[i].name)) {
      t->kind = known[i].kind;
      t->null_ok = t->kind == ML_SHAPE_LABEL;   /* there may be none */
      return;
    }
  t->kind = memchr(w.p, '|', w.n) != NULL ? ML_SHAPE_WORDS : ML_SHAPE_REF;
  t->text = w;
}

static ml_rc read_type(scan *c, ml_shape_type *t) {
  ml_rc rc = ML_OK;

  if (take(c, '[')) {
    rc = read_inner(c, t, ML_SHAPE_LIST, ']');
  } else if (take(c, '{')) {
    rc = read_inner(c, t, ML_SHAPE_MAP, '}');
  } else {
    ml_str w = word(c);
    if (w.n == 0)
      return wrong(c, "a type");
    read_word_type(t, w);
  }
  if (rc == ML_OK && take(c, '?'))
    t->null_ok = true;
  return rc;
}

static ml_rc read_member(scan *c, ml_shape_member *m) {
  ml_rc rc;

  m->name = word(c);
  if (m->name.n == 0)
    return wrong(c, "a member's name");
  m->required = !take(c, '?');
  if (!take(c, ':'))
    return wrong(c, "a colon");
  rc = read_type(c, &m->type);
  if (rc == ML_OK && take(c, '"')) {
    size_t n = strcspn(c->p, "\"");
    m->about = (ml_str){c->p, n};
    c->p += n;
    if (!take(c, '"'))
      return wrong(c, "the closing quote");
  }
  return rc;
}

/* "...Name": the members of a shape read before. */
static ml_rc spread(scan *c, ml_shape *s, ml_shape_member *members) {
  const ml_shape *from;

  c->p += 3;
  from = ml_shapes_find(c->s, word(c));
  if (from == NULL || s->count + from->count > ML_SHAPE_MEMBERS_MAX)
    return wrong(c, "a shape given before");
  for (size_t i = 0; i < from->count; i++)
    members[s->count++] = from->members[i];
  return ML_OK;
}

static ml_rc read_shape(scan *c, ml_shape *s) {
  ml_shape_member members[ML_SHAPE_MEMBERS_MAX];
  ml_rc rc = ML_OK;

  memset(members, 0, sizeof members);
  s->name = word(c);
  if (s->name.n == 0)
    return wrong(c, "a name");
  if (!take(c, '{'))
    return wrong(c, "an opening brace");
  while (rc == ML_OK && !take(c, '}')) {
    if (strncmp(c->p, "...", 3) == 0) {
      rc = spread(c, s, members);
    } else {
      if (s->count == ML_SHAPE_MEMBERS_MAX)
        return wrong(c, "fewer members");
      rc = read_member(c, &members[s->count]);
      if (rc == ML_OK)
        s->count++;
    }
    take(c, ',');
  }
  if (rc != ML_OK)
    return rc;
  s->members = (ml_shape_member *)ml_arena_dup(&c->s->arena, members,
                                               s->count * sizeof *members);
  return s->members == NULL ? ML_NOMEM : ML_OK;
}

ml_rc ml_shapes_add(ml_shapes *s, const char *text, ml_err *e) {
  scan c = {s, text, e};

  for (blanks(&c); *c.p != '\0'; blanks(&c)) {
    ml_rc rc;
    if (s->count == ML_SHAPES_MAX)
      return wrong(&c, "fewer shapes");
    memset(&s->all[s->count], 0, sizeof s->all[0]);
    rc = read_shape(&c, &s->all[s->count]);
    if (rc != ML_OK)
      return rc;
    if (ml_shapes_find(s, s->all[s->count].name) != NULL)
      return wrong(&c, "a new name");
    s->count++;
  }
  return ML_OK;
}

static ml_rc bind(const ml_shapes *s, ml_shape_type *t, ml_err *e) {
  for (; t->of != NULL; t = t->of)
    ;
  if (t->kind != ML_SHAPE_REF)
    return ML_OK;
  t->ref = ml_shapes_find(s, t->text);
  if (t->ref == NULL)
    return ml_err_set(e, ML_INVALID, NULL, "there is no shape '%.*s'",
                      (int)t->text.n, t->text.p);
  return ML_OK;
}

ml_rc ml_shapes_bind(ml_shapes *s, ml_err *e) {
  for (size_t i = 0; i < s->count; i++)
    for (size_t k = 0; k < s->all[i].count; k++) {
      ml_rc rc = bind(s, &s->all[i].members[k].type, e);
      if (rc != ML_OK)
        return rc;
    }
  return ML_OK;
}

void ml_shapes_done(ml_shapes *s) {
  ml_arena_free(&s->arena);
  s->count = 0;
}

const ml_shape *ml_shapes_find(const ml_shapes *s, ml_str name) {
  for (size_t i = 0; i < s->count; i++)
    if (ml_str_eq(s->all[i].name, name))
      return &s->all[i];
  return NULL;
}

ml_str ml_shape_part(ml_str *text, char by) {
  ml_str part = *text;
  const char *at;

  if (text->p == NULL || text->n == 0)
    return ML_NOSTR;
  at = memchr(text->p, by, text->n);
  if (at == NULL) {
    *text = ML_NOSTR;
    return part;
  }
  part.n = (size_t)(at - text->p);
  text->p += part.n + 1;
  text->n -= part.n + 1;
  return part;
}

/* ---- checking ---- */

/* Where we are: a chain of names towards the root. */
typedef struct place {
  const struct place *up;
  ml_str name;
  size_t index;
} place;

static void put_place(ml_buf *b, const place *at) {
  if (at == NULL)
    return;
  put_place(b, at->up);
  ml_buf_putc(b, '/');
  if (at->name.p == NULL) {
    ml_buf_printf(b, "%zu", at->index);
    return;
  }
  for (size_t i = 0; i < at->name.n; i++)
    if (at->name.p[i] == '~')
      ml_buf_puts(b, "~0");
    else if (at->name.p[i] == '/')
      ml_buf_puts(b, "~1");
    else
      ml_buf_putc(b, at->name.p[i]);
}

static ml_rc bad(const place *at, ml_err *e, const char *text, ml_str more) {
  ml_buf b = {0};
  char shown[160];
  ml_rc rc;

  ml_text_excerpt(shown, sizeof shown, more);
  put_place(&b, at);
  rc = ml_err_set(e, ML_INVALID, b.p != NULL ? b.p : "", "%s%s", text, shown);
  ml_buf_free(&b);
  return rc;
}

static ml_rc check_type(const ml_shape_type *t, const ml_json *v,
                        const place *at, ml_err *e);

static ml_rc check_object(const ml_shape *s, const ml_json *v, const place *at,
                          ml_err *e) {
  if (v->type != ML_JOBJ)
    return bad(at, e, "an object is wanted here", ML_STR(""));
  for (uint32_t i = 0; i < v->count; i++) {
    const ml_shape_member *m = NULL;
    place in = {at, v->obj[i].key, 0};
    ml_rc rc;

    for (size_t k = 0; k < s->count && m == NULL; k++)
      if (ml_str_eq(s->members[k].name, v->obj[i].key))
        m = &s->members[k];
    if (m == NULL)
      return bad(&in, e, "there is no such member in ", s->name);
    rc = check_type(&m->type, &v->obj[i].value, &in, e);
    if (rc != ML_OK)
      return rc;
  }
  for (size_t k = 0; k < s->count; k++) {
    bool found = false;
    for (uint32_t i = 0; i < v->count && !found; i++)
      found = ml_str_eq(s->members[k].name, v->obj[i].key);
    if (!found && s->members[k].required) {
      place in = {at, s->members[k].name, 0};
      return bad(&in, e, "this member is missing", ML_STR(""));
    }
  }
  return ML_OK;
}

static bool is_word(ml_str words, ml_str v) {
  for (ml_str w = ml_shape_part(&words, '|'); w.p != NULL;
       w = ml_shape_part(&words, '|'))
    if (ml_str_eq(w, v))
      return true;
  return false;
}

static bool is_label(const ml_json *v) {
  if (v->type != ML_JOBJ)
    return v->type == ML_JSTR;
  for (uint32_t i = 0; i < v->count; i++)
    if (v->obj[i].value.type != ML_JSTR)
      return false;
  return true;
}

static ml_rc check_all(const ml_shape_type *t, const ml_json *v,
                       const place *at, ml_err *e) {
  bool list = t->kind == ML_SHAPE_LIST;

  if (v->type != (list ? ML_JARR : ML_JOBJ))
    return bad(at, e, list ? "a list is wanted here" : "an object is wanted here",
               ML_STR(""));
  for (uint32_t i = 0; i < v->count; i++) {
    place in = {at, list ? ML_NOSTR : v->obj[i].key, i};
    ml_rc rc = check_type(t->of, list ? &v->arr[i] : &v->obj[i].value, &in, e);
    if (rc != ML_OK)
      return rc;
  }
  return ML_OK;
}

static ml_rc check_type(const ml_shape_type *t, const ml_json *v,
                        const place *at, ml_err *e) {
  static const struct { const char *want; int a, b; } plain[] = {
    [ML_SHAPE_STR] = {"a text is wanted here", ML_JSTR, ML_JSTR},
    [ML_SHAPE_INT] = {"an integer is wanted here", ML_JINT, ML_JINT},
    [ML_SHAPE_NUM] = {"a number is wanted here", ML_JINT, ML_JREAL},
    [ML_SHAPE_BOOL] = {"true or false is wanted here", ML_JBOOL, ML_JBOOL},
    [ML_SHAPE_OBJ] = {"an object is wanted here", ML_JOBJ, ML_JOBJ}};

  if (v->type == ML_JNULL && (t->null_ok || t->kind == ML_SHAPE_ANY))
    return ML_OK;
  switch (t->kind) {
  case ML_SHAPE_STR: case ML_SHAPE_INT: case ML_SHAPE_NUM: case ML_SHAPE_BOOL:
  case ML_SHAPE_OBJ:
    if ((int)v->type != plain[t->kind].a && (int)v->type != plain[t->kind].b)
      return bad(at, e, plain[t->kind].want, ML_STR(""));
    return ML_OK;
  case ML_SHAPE_ANY:
    return ML_OK;
  case ML_SHAPE_LABEL:
    return is_label(v) ? ML_OK
                       : bad(at, e, "a text, or an object of texts by language, "
                             "is wanted here", ML_STR(""));
  case ML_SHAPE_REF:
    return check_object(t->ref, v, at, e);
  case ML_SHAPE_WORDS:
    if (v->type == ML_JSTR && is_word(t->text, v->s))
      return ML_OK;
    return bad(at, e, "one of these is wanted here: ", t->text);
  case ML_SHAPE_LIST: case ML_SHAPE_MAP:
    return check_all(t, v, at, e);
  }
  return ML_OK;
}

ml_rc ml_shape_check(const ml_shape *s, const ml_json *v, ml_err *e) {
  return check_object(s, v, NULL, e);
}

/* ---- JSON Schema ---- */

static void put_type_name(ml_jw *w, const char *name, bool null_ok) {
  ml_jw_key(w, "type");
  if (!null_ok) {
    ml_jw_strz(w, name);
    return;
  }
  ml_jw_arr(w);
  ml_jw_strz(w, name);
  ml_jw_strz(w, "null");
  ml_jw_end(w);
}

static void put_ref(ml_jw *w, ml_str name) {
  char ref[96];

  snprintf(ref, sizeof ref, "#/components/schemas/%.*s", (int)name.n, name.p);
  ml_jw_kstrz(w, "$ref", ref);
}

static void put_type(ml_jw *w, const ml_shape_type *t, ml_str about);

/* Alternatives: what stands alone otherwise, and null. */
static void put_any_of(ml_jw *w, const ml_shape_type *t) {
  ml_jw_key(w, "anyOf");
  ml_jw_arr(w);
  if (t->kind == ML_SHAPE_LABEL) {
    ml_jw_raw(w, ML_STR("{\"type\":\"string\"}"));
    ml_jw_raw(w, ML_STR("{\"type\":\"object\","
                        "\"additionalProperties\":{\"type\":\"string\"}}"));
  } else {
    ml_jw_obj(w);
    put_ref(w, t->text);
    ml_jw_end(w);
  }
  if (t->null_ok)
    ml_jw_raw(w, ML_STR("{\"type\":\"null\"}"));
  ml_jw_end(w);
}

static void put_words(ml_jw *w, const ml_shape_type *t) {
  ml_str words = t->text;

  put_type_name(w, "string", t->null_ok);
  ml_jw_key(w, "enum");
  ml_jw_arr(w);
  for (ml_str one = ml_shape_part(&words, '|'); one.p != NULL;
       one = ml_shape_part(&words, '|'))
    ml_jw_str(w, one);
  if (t->null_ok)
    ml_jw_null(w);
  ml_jw_end(w);
}

static void put_type(ml_jw *w, const ml_shape_type *t, ml_str about) {
  static const char *const plain[] = {
    [ML_SHAPE_STR] = "string", [ML_SHAPE_INT] = "integer",
    [ML_SHAPE_NUM] = "number", [ML_SHAPE_BOOL] = "boolean",
    [ML_SHAPE_OBJ] = "object"};

  ml_jw_obj(w);
  switch (t->kind) {
  case ML_SHAPE_STR: case ML_SHAPE_INT: case ML_SHAPE_NUM: case ML_SHAPE_BOOL:
  case ML_SHAPE_OBJ:
    put_type_name(w, plain[t->kind], t->null_ok);
    break;
  case ML_SHAPE_ANY:
    break;
  case ML_SHAPE_LABEL:
    put_any_of(w, t);
    break;
  case ML_SHAPE_REF:
    if (t->null_ok)
      put_any_of(w, t);
    else
      put_ref(w, t->text);
    break;
  case ML_SHAPE_WORDS:
    put_words(w, t);
    break;
  case ML_SHAPE_LIST: case ML_SHAPE_MAP:
    put_type_name(w, t->kind == ML_SHAPE_LIST ? "array" : "object", t->null_ok);
    ml_jw_key(w, t->kind == ML_SHAPE_LIST ? "items" : "additionalProperties");
    put_type(w, t->of, ML_NOSTR);
    break;
  }
  if (about.p != NULL)
    ml_jw_kstr(w, "description", about);
  ml_jw_end(w);
}

void ml_shape_put_schema(ml_jw *w, const ml_shape *s) {
  ml_jw_obj(w);
  ml_jw_kstrz(w, "type", "object");
  ml_jw_key(w, "properties");
  ml_jw_obj(w);
  for (size_t i = 0; i < s->count; i++) {
    ml_jw_keyn(w, s->members[i].name);
    put_type(w, &s->members[i].type, s->members[i].about);
  }
  ml_jw_end(w);
  ml_jw_key(w, "required");
  ml_jw_arr(w);
  for (size_t i = 0; i < s->count; i++)
    if (s->members[i].required)
      ml_jw_str(w, s->members[i].name);
  ml_jw_end(w);
  ml_jw_kbool(w, "additionalProperties", false);
  ml_jw_end(w);
}
