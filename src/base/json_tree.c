/*
** json_tree.c - the tree, built from the pull reader's tokens.
**
** Members of open arrays and objects wait on one stack; when a level ends
** its members move to the arena side by side.  No recursion.
*/
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define FEW 16   /* up to here comparing all pairs beats sorting */

/* A member that waits for the end of its array or object. */
typedef struct waiting {
  ml_str key;
  size_t at;         /* the key's byte in the text */
  ml_json value;
} waiting;

typedef struct builder {
  ml_arena *arena;
  ml_jread read;
  waiting *stack;
  uint32_t n, cap;
  uint32_t start[64];   /* where each open level's members begin */
  ml_err *e;
} builder;

/* ---- errors ---- */

static ml_rc fail_at(builder *b, ml_rc rc, size_t at, const char *what) {
  char where[32];

  snprintf(where, sizeof where, "byte %zu", at);
  return ml_err_set(b->e, rc, where, "%s", what);
}

static ml_rc nomem(builder *b) {
  return ml_err_set(b->e, ML_NOMEM, NULL, "out of memory");
}

static ml_rc read_failed(builder *b) {
  const ml_jread *r = &b->read;
  const ml_json_limits *l = &r->limits;
  char what[120];
  uint32_t most;

  if (r->nomem)
    return nomem(b);
  if (r->limit == NULL)
    return fail_at(b, ML_INVALID, ml_jread_offset(r), r->why);
  most = strcmp(r->limit, "depth") == 0     ? l->depth
         : strcmp(r->limit, "members") == 0 ? l->members
                                            : l->digits;
  snprintf(what, sizeof what, "%s; at most %u are allowed (%s)", r->why,
           (unsigned)most, r->limit);
  return fail_at(b, ML_LIMIT, ml_jread_offset(r), what);
}

static ml_rc twice(builder *b, const waiting *w) {
  char what[200], name[120];

  ml_text_excerpt(name, sizeof name, w->key);
  snprintf(what, sizeof what, "the key '%s' stands twice in one object", name);
  return fail_at(b, ML_INVALID, w->at, what);
}

/* ---- a key stands once ---- */

static int compare_str(ml_str a, ml_str b) {
  if (a.n != b.n)
    return a.n < b.n ? -1 : 1;
  return a.n > 0 ? memcmp(a.p, b.p, a.n) : 0;
}

static int by_key(const void *pa, const void *pb) {
  const waiting *a = *(const waiting *const *)pa;
  const waiting *b = *(const waiting *const *)pb;
  int c = compare_str(a->key, b->key);

  return c != 0 ? c : a->at < b->at ? -1 : a->at > b->at;
}

/* Refuse m[0..n) when a key stands in it twice.  Sorting rather than
** hashing: no choice of keys makes it slow. */
static ml_rc refuse_twice(builder *b, const waiting *m, uint32_t n) {
  const waiting **sorted, *found = NULL;

  if (n <= FEW) {
    for (uint32_t i = 1; i < n; i++)
      for (uint32_t j = 0; j < i; j++)
        if (ml_str_eq(m[i].key, m[j].key))
          return twice(b, &m[i]);
    return ML_OK;
  }
  sorted = ml_mem_alloc(n * sizeof *sorted);
  if (sorted == NULL)
    return nomem(b);
  for (uint32_t i = 0; i < n; i++)
    sorted[i] = &m[i];
  qsort(sorted, n, sizeof *sorted, by_key);
  for (uint32_t i = 1; i < n; i++)
    if (ml_str_eq(sorted[i]->key, sorted[i - 1]->key)
        && (found == NULL || sorted[i]->at < found->at))
      found = sorted[i];
  ml_mem_free(sorted);
  return found != NULL ? twice(b, found) : ML_OK;
}

/* ---- building ---- */

/* A fresh place on the stack, or NULL. */
static waiting *push(builder *b) {
  if (b->n == b->cap) {
    uint32_t cap = b->cap > 0 ? b->cap * 2 : 32;
    waiting *s = ml_mem_realloc(b->stack, cap * sizeof *s);

    if (s == NULL)
      return NULL;
    b->stack = s;
    b->cap = cap;
  }
  memset(&b->stack[b->n], 0, sizeof *b->stack);
  return &b->stack[b->n++];
}

static ml_rc close_array(builder *b, uint32_t from) {
  uint32_t n = b->n - from;
  ml_json *v = &b->stack[from - 1].value, *to;

  v->count = n;
  v->arr = NULL;
  if (n > 0) {
    to = ml_arena_alloc(b->arena, n * sizeof *to);
    if (to == NULL)
      return nomem(b);
    for (uint32_t i = 0; i < n; i++)
      to[i] = b->stack[from + i].value;
    v->arr = to;
  }
  b->n = from;
  return ML_OK;
}

static ml_rc close_object(builder *b, uint32_t from) {
  uint32_t n = b->n - from;
  ml_json *v = &b->stack[from - 1].value;
  ml_jmember *to;
  ml_rc rc = refuse_twice(b, b->stack + from, n);

  if (rc != ML_OK)
    return rc;
  v->count = n;
  v->obj = NULL;
  if (n > 0) {
    to = ml_arena_alloc(b->arena, n * sizeof *to);
    if (to == NULL)
      return nomem(b);
    for (uint32_t i = 0; i < n; i++)
      to[i] = (ml_jmember){b->stack[from + i].key, b->stack[from + i].value};
    v->obj = to;
  }
  b->n = from;
  return ML_OK;
}

static ml_rc keep_str(builder *b, ml_str *out) {
  ml_str s = b->read.str;

  out->p = ml_arena_dup(b->arena, s.p, s.n);
  out->n = s.n;
  return out->p != NULL ? ML_OK : nomem(b);
}

static ml_rc keep_key(builder *b, size_t at) {
  waiting *w = push(b);

  if (w == NULL)
    return nomem(b);
  w->at = at;
  return keep_str(b, &w->key);
}

/* Fill *v from a token that begins a value. */
static ml_rc fill(builder *b, ml_jtok t, ml_json *v) {
  switch (t) {
  case ML_JT_TRUE:
  case ML_JT_FALSE:
    v->type = ML_JBOOL;
    v->b = t == ML_JT_TRUE;
    return ML_OK;
  case ML_JT_INT:
    v->type = ML_JINT;
    v->i = b->read.i;
    return ML_OK;
  case ML_JT_REAL:
    v->type = ML_JREAL;
    v->d = b->read.d;
    return ML_OK;
  case ML_JT_STR:
    v->type = ML_JSTR;
    return keep_str(b, &v->s);
  case ML_JT_ARR:
  case ML_JT_OBJ:
    v->type = t == ML_JT_ARR ? ML_JARR : ML_JOBJ;
    b->start[b->read.depth - 1] = b->n;
    return ML_OK;
  default:
    v->type = ML_JNULL;
    return ML_OK;
  }
}

static ml_rc build(builder *b) {
  bool keyed = false;   /* the place on top has a key and waits for a value */

  for (;;) {
    ml_jtok t = ml_jread_next(&b->read);
    ml_rc rc;

    switch (t) {
    case ML_JT_END:
      return ML_OK;
    case ML_JT_ERROR:
      return read_failed(b);
    case ML_JT_ARR_END:
      rc = close_array(b, b->start[b->read.depth]);
      break;
    case ML_JT_OBJ_END:
      rc = close_object(b, b->start[b->read.depth]);
      break;
    case ML_JT_KEY:
      rc = keep_key(b, b->read.key_at);
      keyed = true;
      break;
    default: {
      waiting *w = keyed ? &b->stack[b->n - 1] : push(b);

      keyed = false;
      rc = w != NULL ? fill(b, t, &w->value) : nomem(b);
    }
    }
    if (rc != ML_OK)
      return rc;
  }
}

ml_rc ml_json_parse(ml_arena *a, const char *s, size_t n,
                    const ml_json_limits *limits, ml_json **out, ml_err *e) {
  builder b = {.arena = a, .e = e};
  ml_json *root = ml_arena_alloc(a, sizeof *root);
  ml_rc rc;

  *out = NULL;
  if (root == NULL)
    return nomem(&b);
  ml_jread_init(&b.read, s, n, limits);
  rc = build(&b);
  if (rc == ML_OK) {
    *root = b.stack[0].value;
    *out = root;
  }
  ml_jread_done(&b.read);
  ml_mem_free(b.stack);
  return rc;
}

/* ---- looking ---- */

const ml_json *ml_json_get(const ml_json *o, const char *key) {
  size_t n = strlen(key);

  if (o == NULL || o->type != ML_JOBJ)
    return NULL;
  for (uint32_t i = 0; i < o->count; i++)
    if (o->obj[i].key.n == n && memcmp(o->obj[i].key.p, key, n) == 0)
      return &o->obj[i].value;
  return NULL;
}

const ml_json *ml_json_at(const ml_json *a, size_t i) {
  return a != NULL && a->type == ML_JARR && i < a->count ? &a->arr[i] : NULL;
}

ml_str ml_json_str(const ml_json *o, const char *key) {
  const ml_json *v = ml_json_get(o, key);

  return v != NULL && v->type == ML_JSTR ? v->s : ML_NOSTR;
}

int64_t ml_json_int(const ml_json *o, const char *key, int64_t dflt) {
  const ml_json *v = ml_json_get(o, key);

  return v != NULL && v->type == ML_JINT ? v->i : dflt;
}

bool ml_json_bool(const ml_json *o, const char *key, bool dflt) {
  const ml_json *v = ml_json_get(o, key);

  return v != NULL && v->type == ML_JBOOL ? v->b : dflt;
}

const char *ml_json_type_name(ml_jtype t) {
  static const char *const names[] = {
    "null", "true or false", "an integer", "a number", "a text", "a list",
    "an object",
  };

  return (unsigned)t < sizeof names / sizeof *names ? names[t] : "?";
}

/* ---- equality ---- */

/* Exact: an integer beyond 2^53 does not equal the double beside it. */
static bool int_is_real(int64_t i, double d) {
  return d >= -9223372036854775808.0 && d < 9223372036854775808.0
         && (int64_t)d == i && (double)(int64_t)d == d;
}

static int member_by_key(const void *pa, const void *pb) {
  const ml_jmember *a = *(const ml_jmember *const *)pa;
  const ml_jmember *b = *(const ml_jmember *const *)pb;

  return compare_str(a->key, b->key);
}

/* Same keys, same values, pair by pair as a search finds them; the search
** begins at the same place, so that equal orders cost one look each. */
static bool eq_by_search(const ml_json *a, const ml_json *b) {
  for (uint32_t i = 0; i < a->count; i++) {
    uint32_t j = i, tries = 0;

    while (tries < b->count && !ml_str_eq(a->obj[i].key, b->obj[j].key)) {
      j = j + 1 < b->count ? j + 1 : 0;
      tries++;
    }
    if (tries == b->count || !ml_json_eq(&a->obj[i].value, &b->obj[j].value))
      return false;
  }
  return true;
}

static bool eq_objects(const ml_json *a, const ml_json *b) {
  uint32_t n = a->count;
  const ml_jmember **m;
  bool same = true;

  m = n > FEW ? ml_mem_alloc(2 * (size_t)n * sizeof *m) : NULL;
  if (m == NULL)   /* few, or no memory to sort many: slower, still right */
    return eq_by_search(a, b);
  for (uint32_t i = 0; i < n; i++) {
    m[i] = &a->obj[i];
    m[n + i] = &b->obj[i];
  }
  qsort(m, n, sizeof *m, member_by_key);
  qsort(m + n, n, sizeof *m, member_by_key);
  for (uint32_t i = 0; i < n && same; i++)
    same = ml_str_eq(m[i]->key, m[n + i]->key)
           && ml_json_eq(&m[i]->value, &m[n + i]->value);
  ml_mem_free(m);
  return same;
}

bool ml_json_eq(const ml_json *a, const ml_json *b) {
  if (a == NULL || b == NULL)
    return a == b;
  if (a->type == ML_JINT && b->type == ML_JREAL)
    return int_is_real(a->i, b->d);
  if (a->type == ML_JREAL && b->type == ML_JINT)
    return int_is_real(b->i, a->d);
  if (a->type != b->type)
    return false;
  switch (a->type) {
  case ML_JBOOL:
    return a->b == b->b;
  case ML_JINT:
    return a->i == b->i;
  case ML_JREAL:
    return a->d == b->d;
  case ML_JSTR:
    return ml_str_eq(a->s, b->s);
  case ML_JARR:
    if (a->count != b->count)
      return false;
    for (uint32_t i = 0; i < a->count; i++)
      if (!ml_json_eq(&a->arr[i], &b->arr[i]))
        return false;
    return true;
  case ML_JOBJ:
    return a->count == b->count && eq_objects(a, b);
  default:
    return true;
  }
}
