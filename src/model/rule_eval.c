/*
** rule_eval.c - a rule over one transaction.
**
** Reads, compares, and nothing else.  Each look at a node, at a member of an
** object and at 64 bytes of text is a step; steps are bounded, so the largest
** rule over the largest payload ends soon.
*/
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "model/rule_inside.h"

enum { FEW = 8 };                /* members that are not worth remembering */

typedef struct looking {
  const ml_rule *r;
  const ml_json *transaction;
  ml_rule_pass *pass;
  ml_err *e;
} looking;

static const ml_json is_true = {.type = ML_JBOOL, .b = true};
static const ml_json is_false = {.type = ML_JBOOL, .b = false};
static const ml_json is_null = {.type = ML_JNULL};

static ml_rc eval(looking *l, uint32_t at, const ml_json **out);

/* Spend steps; false: there are no more. */
static bool spend(looking *l, uint64_t n) {
  if (l->pass->steps < n) {
    l->pass->steps = 0;
    return false;
  }
  l->pass->steps -= n;
  return true;
}

static ml_rc spent(looking *l, const rule_node *n) {
  return rule_fail(l->e, ML_LIMIT, l->r->text, n->at, "evaluating rules took too "
                   "many steps (rule-steps)");
}

/* ---- a property ---- */

static void shown(char *out, size_t size, ml_str s) {
  ml_text_excerpt(out, size, s);
}

static ml_rc no_object(looking *l, const rule_node *name, const ml_json *of) {
  char text[80];

  shown(text, sizeof text, name->value.s);
  if (of->type == ML_JNULL)
    return rule_fail(l->e, ML_INVALID, l->r->text, name->at, "'.%s' is asked of "
                     "null; '?.%s' would give null there", text, text);
  return rule_fail(l->e, ML_INVALID, l->r->text, name->at, "'.%s' is asked of %s, "
                   "which has no properties", text, ml_json_type_name(of->type));
}

static ml_rc missing(looking *l, const rule_node *path, const rule_node *name) {
  char text[80], of[160];
  size_t from = path->at;

  shown(text, sizeof text, name->value.s);
  shown(of, sizeof of, (ml_str){l->r->text + from, name->at - from
                                - (name->safe ? 2u : 1u)});
  return rule_fail(l->e, ML_INVALID, l->r->text, name->at, "there is no property "
                   "'%s' in %s", text, of);
}

/* Where a look for this name in this object is remembered. */
static struct ml_rule_seen *seen_at(looking *l, const ml_json *of, ml_str s) {
  uint32_t h = (uint32_t)((uintptr_t)of >> 4);

  for (size_t i = 0; i < s.n; i++)
    h = (h ^ (unsigned char)s.p[i]) * 16777619u;
  return &l->pass->seen[(h ^ h >> 15) % 64];
}

/* The member, *out NULL when it is missing; false: no steps are left.  Rules
** of one type ask for the same few names, perhaps of a payload with thousands
** of members, so what cost a search is remembered. */
static bool member(looking *l, const ml_json *of, ml_str name,
                   const ml_json **out) {
  struct ml_rule_seen *seen = of->count > FEW ? seen_at(l, of, name) : NULL;
  uint32_t k = 0;

  if (seen != NULL && seen->object == of && ml_str_eq(seen->name, name)) {
    *out = seen->value;
    return spend(l, 1);
  }
  while (k < of->count && !ml_str_eq(of->obj[k].key, name))
    k++;
  *out = k < of->count ? &of->obj[k].value : NULL;
  if (seen != NULL)
    *seen = (struct ml_rule_seen){of, *out, name};
  return spend(l, k / 4 + 1);
}

static ml_rc walk(looking *l, const rule_node *path, const ml_json **out) {
  const ml_json *v = l->transaction;

  for (uint32_t i = path->first; i != 0; i = l->r->nodes[i].next) {
    const rule_node *name = &l->r->nodes[i];
    const ml_json *found;

    if (v->type == ML_JNULL && name->safe) {
      v = &is_null;
      continue;
    }
    if (v->type != ML_JOBJ)
      return no_object(l, name, v);
    if (!member(l, v, name->value.s, &found))
      return spent(l, name);
    if (found == NULL)
      return missing(l, path, name);
    v = found;
  }
  *out = v;
  return ML_OK;
}

/* ---- comparing ---- */

/* What comparing this value costs; false: more than is left.  A payload is at
** most 64 levels deep (json.h), so this recursion is. */
static bool charge(looking *l, const ml_json *v) {
  uint64_t own = 1;

  if (v->type == ML_JSTR)
    own += v->s.n / 64;
  else if (v->type == ML_JOBJ)
    own += (uint64_t)v->count * 8;
  if (!spend(l, own))
    return false;
  if (v->type == ML_JARR || v->type == ML_JOBJ)
    for (uint32_t i = 0; i < v->count; i++)
      if (!charge(l, v->type == ML_JARR ? &v->arr[i] : &v->obj[i].value))
        return false;
  return true;
}

static int sign(bool less, bool more) {
  return more - less;
}

/* Exact also where a double cannot hold the integer. */
static int int_to_real(int64_t i, double d) {
  int64_t whole;

  if (d >= 9223372036854775808.0)
    return -1;
  if (d < -9223372036854775808.0)
    return 1;
  whole = (int64_t)d;
  if (i != whole)
    return sign(i < whole, i > whole);
  return sign(d > (double)whole, d < (double)whole);
}

static int order_numbers(const ml_json *a, const ml_json *b) {
  if (a->type == ML_JINT && b->type == ML_JINT)
    return sign(a->i < b->i, a->i > b->i);
  if (a->type == ML_JINT)
    return int_to_real(a->i, b->d);
  if (b->type == ML_JINT)
    return -int_to_real(b->i, a->d);
  return sign(a->d < b->d, a->d > b->d);
}

static int order_texts(ml_str a, ml_str b) {
  size_t n = a.n < b.n ? a.n : b.n;
  int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

  return c != 0 ? c : sign(a.n < b.n, a.n > b.n);
}

static bool is_number(const ml_json *v) {
  return v->type == ML_JINT || v->type == ML_JREAL;
}

static ml_rc order(looking *l, const rule_node *n, const ml_json *a,
                   const ml_json *b, int *out) {
  if (is_number(a) && is_number(b)) {
    *out = order_numbers(a, b);
    return ML_OK;
  }
  if (a->type == ML_JSTR && b->type == ML_JSTR) {
    *out = order_texts(a->s, b->s);
    return ML_OK;
  }
  if (a->type == ML_JBOOL && b->type == ML_JBOOL) {
    *out = sign(!a->b && b->b, a->b && !b->b);
    return ML_OK;
  }
  return rule_fail(l->e, ML_INVALID, l->r->text, n->at, "%s and %s have no order; "
                   "< <= > >= want two numbers, two texts or two truth values",
                   ml_json_type_name(a->type), ml_json_type_name(b->type));
}

static ml_rc compare(looking *l, const rule_node *n, const ml_json **out) {
  const ml_json *a, *b;
  int o = 0;
  bool yes;
  ml_rc rc = eval(l, n->first, &a);

  if (rc == ML_OK)
    rc = eval(l, l->r->nodes[n->first].next, &b);
  if (rc != ML_OK)
    return rc;
  if (!charge(l, a))
    return spent(l, n);
  if (n->kind == RULE_EQ || n->kind == RULE_NE) {
    if (!charge(l, b))
      return spent(l, n);
    yes = ml_json_eq(a, b) == (n->kind == RULE_EQ);
    *out = yes ? &is_true : &is_false;
    return ML_OK;
  }
  rc = order(l, n, a, b, &o);
  if (rc != ML_OK)
    return rc;
  yes = n->kind == RULE_LT   ? o < 0
        : n->kind == RULE_LE ? o <= 0
        : n->kind == RULE_GT ? o > 0
                             : o >= 0;
  *out = yes ? &is_true : &is_false;
  return ML_OK;
}

/* ---- truth ---- */

static ml_rc truth(looking *l, uint32_t at, const char *whose, bool *out) {
  const ml_json *v;
  ml_rc rc = eval(l, at, &v);

  if (rc != ML_OK)
    return rc;
  if (v->type != ML_JBOOL)
    return rule_fail(l->e, ML_INVALID, l->r->text, l->r->nodes[at].at, "%s wants "
                     "true or false, this is %s", whose,
                     ml_json_type_name(v->type));
  *out = v->b;
  return ML_OK;
}

static ml_rc chain(looking *l, const rule_node *n, const ml_json **out) {
  bool stop = n->kind == RULE_OR, value = !stop;
  const char *whose = n->kind == RULE_OR ? "'or'" : "'and'";

  for (uint32_t i = n->first; i != 0; i = l->r->nodes[i].next) {
    ml_rc rc = truth(l, i, whose, &value);

    if (rc != ML_OK)
      return rc;
    if (value == stop)
      break;
  }
  *out = value ? &is_true : &is_false;
  return ML_OK;
}

static ml_rc eval(looking *l, uint32_t at, const ml_json **out) {
  const rule_node *n = &l->r->nodes[at];
  bool value = false;
  ml_rc rc;

  if (!spend(l, 1))
    return spent(l, n);
  switch (n->kind) {
  case RULE_VALUE:
    *out = &n->value;
    return ML_OK;
  case RULE_PATH:
    return walk(l, n, out);
  case RULE_OR: case RULE_AND:
    return chain(l, n, out);
  case RULE_NOT:
    rc = truth(l, n->first, "'not'", &value);
    *out = value ? &is_false : &is_true;
    return rc;
  default:
    return compare(l, n, out);
  }
}

ml_rc ml_rule_eval_within(const ml_rule *r, const ml_json *transaction,
                          ml_rule_pass *pass, bool *out, ml_err *e) {
  looking l = {r, transaction, pass, e};

  return truth(&l, r->root, "a rule", out);
}

ml_rc ml_rule_eval(const ml_rule *r, const ml_json *transaction, bool *out,
                   ml_err *e) {
  ml_rule_pass pass = {.steps = ML_RULE_STEPS};

  return ml_rule_eval_within(r, transaction, &pass, out, e);
}
