/* filter_json.c - the filter as list calls write it: an object. */
#include <stdio.h>
#include <string.h>

#include "model/filter_inside.h"

static ml_rc object(filter_make *m, const ml_json *v, uint32_t depth,
                    ml_fnode **out);

static void append(ml_fnode *list, ml_fnode *n) {
  ml_fnode **at = &list->first;

  while (*at != NULL)
    at = &(*at)->next;
  *at = n;
}

static void place(filter_make *m, ml_str key) {
  snprintf(m->at, sizeof m->at, "where: \"%.*s\"",
           (int)(key.n < 80 ? key.n : 80), key.p);
}

static bool op_of(ml_str s, ml_fop *op) {
  static const struct { const char *word; ml_fop op; } words[] = {
    {"=", ML_FOP_EQ}, {"!=", ML_FOP_NE}, {"<", ML_FOP_LT}, {"<=", ML_FOP_LE},
    {">", ML_FOP_GT}, {">=", ML_FOP_GE}, {"in", ML_FOP_IN},
    {"notIn", ML_FOP_NOT_IN}, {"like", ML_FOP_LIKE}, {"empty", ML_FOP_EMPTY},
  };

  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (ml_str_is(s, words[i].word)) {
      *op = words[i].op;
      return true;
    }
  return false;
}

/* One comparison: {"<": 3}, or a value by itself. */
static ml_rc compare(filter_make *m, size_t col, ml_fop op, const ml_json *v,
                     ml_fnode **out) {
  bool list = op == ML_FOP_IN || op == ML_FOP_NOT_IN;

  if (op == ML_FOP_EMPTY) {
    if (v->type != ML_JBOOL)
      return filter_fail(m, ML_INVALID, "\"empty\" is true or false");
    return filter_test(m, col, v->b ? ML_FOP_EMPTY : ML_FOP_NOT_EMPTY, NULL, 0,
                       out);
  }
  if (v->type == ML_JNULL && (op == ML_FOP_EQ || op == ML_FOP_NE))
    return filter_test(m, col, op == ML_FOP_EQ ? ML_FOP_EMPTY
                                               : ML_FOP_NOT_EMPTY, NULL, 0, out);
  if (list != (v->type == ML_JARR))
    return filter_fail(m, ML_INVALID, list ? "a list of values is wanted"
                       : "one value is wanted, not a list");
  return filter_test(m, col, op, list ? v->arr : v, list ? v->count : 1, out);
}

static ml_rc member(filter_make *m, const ml_jmember *k, ml_fnode *into) {
  ml_fnode *n = NULL;
  size_t col;
  ml_rc rc;

  place(m, k->key);
  rc = filter_column(m, k->key, &col);
  if (rc != ML_OK)
    return rc;
  if (k->value.type != ML_JOBJ) {
    rc = compare(m, col, k->value.type == ML_JARR ? ML_FOP_IN : ML_FOP_EQ,
                 &k->value, &n);
    if (rc == ML_OK)
      append(into, n);
    return rc;
  }
  if (k->value.count == 0)
    return filter_fail(m, ML_INVALID, "a comparison is wanted in the object: "
                       "= != < <= > >= in notIn like empty");
  for (uint32_t i = 0; i < k->value.count && rc == ML_OK; i++) {
    const ml_jmember *c = &k->value.obj[i];
    ml_fop op;

    if (!op_of(c->key, &op))
      return filter_fail(m, ML_INVALID, "there is no comparison \"%.*s\"; there "
                         "are = != < <= > >= in notIn like empty",
                         (int)(c->key.n < 40 ? c->key.n : 40), c->key.p);
    rc = compare(m, col, op, &c->value, &n);
    if (rc == ML_OK)
      append(into, n);
  }
  return rc;
}

static ml_rc parts(filter_make *m, const ml_jmember *k, bool any,
                   uint32_t depth, ml_fnode *into) {
  ml_fnode *list = filter_node(m, any ? ML_FN_OR : ML_FN_AND);
  ml_rc rc = list != NULL ? ML_OK : ML_NOMEM;

  place(m, k->key);
  if (rc == ML_OK && (k->value.type != ML_JARR || k->value.count == 0))
    return filter_fail(m, ML_INVALID, "a list of objects is wanted, at least "
                       "one");
  for (uint32_t i = 0; i < k->value.count && rc == ML_OK; i++) {
    ml_fnode *n = NULL;

    rc = object(m, &k->value.arr[i], depth + 1, &n);
    if (rc == ML_OK)
      append(list, n);
  }
  if (rc == ML_OK)
    append(into, list);
  return rc;
}

static ml_rc object(filter_make *m, const ml_json *v, uint32_t depth,
                    ml_fnode **out) {
  ml_fnode *all = filter_node(m, ML_FN_AND);
  ml_rc rc = all != NULL ? ML_OK : ML_NOMEM;

  if (depth > ML_FILTER_DEPTH_MAX)
    return filter_fail(m, ML_LIMIT, "at most %d lists may stand in each other",
                       ML_FILTER_DEPTH_MAX);
  if (v->type != ML_JOBJ)
    return filter_fail(m, ML_INVALID, "an object is wanted, not %s",
                       ml_json_type_name(v->type));
  for (uint32_t i = 0; i < v->count && rc == ML_OK; i++) {
    const ml_jmember *k = &v->obj[i];

    if (ml_str_is(k->key, "and") || ml_str_is(k->key, "or"))
      rc = parts(m, k, k->key.n == 2, depth, all);
    else
      rc = member(m, k, all);
  }
  *out = all;
  return rc;
}

ml_rc filter_json(filter_make *m, const ml_json *where) {
  ml_rc rc = object(m, where, 1, &m->f->root);

  if (rc == ML_OK && m->f->root->first == NULL)
    m->f->root = NULL;
  return rc;
}
