/*
** param.c - parameters of a call.
**
** Ids, sizes and revisions arrive as a number or a numeric text: both work.
*/
#include <string.h>

#include "base/text.h"
#include "call.h"

#define PARAM_MAX 2000          /* parameters in one URL */

/* One decoded "key=value"; key without its bracket. */
typedef struct Pair {
  ml_str key, value;
  bool in_list;
} Pair;

static bool unescape(ml_arena *a, ml_str s, ml_str *out) {
  ml_buf b = {0};
  bool ok = ml_text_unurl(&b, s, true) == ML_OK;

  *out = ks_taken(a, &b);
  return ok && ml_text_utf8(*out);
}

/* "ids[3]" and "ids[]" become "ids" of a list. */
static void strip_bracket(Pair *p) {
  const char *open = p->key.n > 0 ? memchr(p->key.p, '[', p->key.n) : NULL;

  if (open == NULL || p->key.p[p->key.n - 1] != ']')
    return;
  p->key.n = (size_t)(open - p->key.p);
  p->in_list = true;
}

static size_t split(ml_arena *a, ml_str query, Pair *pairs, bool *bad) {
  const char *s = query.p, *end = query.p + query.n;
  size_t n = 0;

  while (s < end) {
    const char *amp = memchr(s, '&', (size_t)(end - s));
    const char *stop = amp != NULL ? amp : end;
    const char *eq = memchr(s, '=', (size_t)(stop - s));
    ml_str key = {s, (size_t)((eq != NULL ? eq : stop) - s)};
    ml_str value = {eq != NULL ? eq + 1 : stop,
                    eq != NULL ? (size_t)(stop - eq - 1) : 0};

    if (n == PARAM_MAX) {
      *bad = true;
      break;
    }
    if (stop > s) {
      if (!unescape(a, key, &pairs[n].key) ||
          !unescape(a, value, &pairs[n].value))
        *bad = true;
      strip_bracket(&pairs[n]);
      n++;
    }
    s = stop + 1;
  }
  return n;
}

/* All values of pairs[i]'s list, in the order of the URL. */
static void gather(ml_arena *a, const Pair *pairs, size_t n, size_t i,
                   ml_json *out) {
  size_t k, m = 0;

  out->type = ML_JARR;
  for (k = i; k < n; k++)
    if (pairs[k].in_list && ml_str_eq(pairs[k].key, pairs[i].key))
      m++;
  out->arr = ks_new(a, m * sizeof *out->arr);
  for (k = i; k < n; k++)
    if (pairs[k].in_list && ml_str_eq(pairs[k].key, pairs[i].key)) {
      out->arr[out->count].type = ML_JSTR;
      out->arr[out->count++].s = pairs[k].value;
    }
}

/* How many there can be, PARAM_MAX at most. */
static size_t room_for(ml_str query) {
  size_t n = 1, i;

  for (i = 0; i < query.n && n < PARAM_MAX; i++)
    n += query.p[i] == '&';
  return n;
}

const ml_json *ks_param_url(ml_arena *a, ml_str query, bool *bad) {
  Pair *pairs = ks_new(a, room_for(query) * sizeof *pairs);
  ml_json *o = ks_new(a, sizeof *o);
  size_t n = query.p != NULL ? split(a, query, pairs, bad) : 0, i;

  o->type = ML_JOBJ;
  o->obj = ks_new(a, n * sizeof *o->obj);
  for (i = 0; i < n; i++) {
    ml_jmember *m = &o->obj[o->count];

    if (ks_json_member(o, pairs[i].key) != NULL)
      continue;             /* the first one counts */
    m->key = pairs[i].key;
    o->count++;
    if (pairs[i].in_list) {
      gather(a, pairs, n, i, &m->value);
    } else {
      m->value.type = ML_JSTR;
      m->value.s = pairs[i].value;
    }
  }
  return o;
}

static bool is_blank(const ml_json *v) {
  return v == NULL || v->type == ML_JNULL || (v->type == ML_JSTR && v->s.n == 0);
}

const ml_json *ks_param(const ml_json *o, const char *name) {
  const ml_json *v = ml_json_get(o, name);

  return is_blank(v) ? NULL : v;
}

static bool to_int(const ml_json *v, int64_t *out) {
  if (v->type == ML_JINT) {
    *out = v->i;
    return true;
  }
  return v->type == ML_JSTR && ml_text_int(v->s, out);
}

bool ks_param_int(ks_call *c, const ml_json *o, const char *name, ml_str path,
                  bool needed, int64_t lo, int64_t hi, int64_t *out) {
  const ml_json *v = ks_param(o, name);
  int64_t n;

  if (v == NULL) {
    if (needed)
      ks_problem_add(c, path, KS_M_PARAMETER, ML_STR(""));
    return !needed;
  }
  if (!to_int(v, &n)) {
    ks_problem_add(c, path, KS_M_NUMBER, ML_STR(""));
    return false;
  }
  if (n < lo || n > hi) {
    ks_problem_add(c, path, n < lo ? KS_M_MIN : KS_M_MAX,
                   ks_fmt(c->a, "%lld", (long long)(n < lo ? lo : hi)));
    return false;
  }
  *out = n;
  return true;
}

ml_str ks_param_text(ks_call *c, const ml_json *o, const char *name,
                     ml_str path, bool needed) {
  const ml_json *v = ks_param(o, name);

  if (v != NULL && v->type == ML_JSTR)
    return v->s;
  if (v != NULL && v->type == ML_JINT)
    return ks_fmt(c->a, "%lld", (long long)v->i);
  if (v != NULL)
    ks_fail_at(c, "CB_IJ01");
  else if (needed)
    ks_problem_add(c, path, KS_M_PARAMETER, ML_STR(""));
  return ML_NOSTR;
}

bool ks_param_bool(const ml_json *o, const char *name) {
  const ml_json *v = ks_param(o, name);

  return v != NULL && ((v->type == ML_JBOOL && v->b) ||
                       (v->type == ML_JSTR && ml_str_is(v->s, "true")));
}

const ml_json *ks_param_list(ks_call *c, const ml_json *o, const char *name,
                             bool needed) {
  const ml_json *v = ks_param(o, name);

  if (v != NULL && v->type == ML_JARR)
    return v;
  if (v != NULL)
    ks_problem_add(c, ml_str_of(name), KS_M_LIST, ML_STR(""));
  else if (needed)
    ks_problem_add(c, ml_str_of(name), KS_M_PARAMETER, ML_STR(""));
  return NULL;
}

int64_t ks_param_revision(ks_call *c, const ml_json *v, ml_str path) {
  int64_t n;

  if (is_blank(v))
    return -1;
  if (!to_int(v, &n)) {
    ks_problem_add(c, path, KS_M_NUMBER, ML_STR(""));
    return -1;
  }
  if (n < -1) {
    ks_problem_add(c, path, KS_M_MIN, ML_STR("-1"));
    return -1;
  }
  return n;
}
