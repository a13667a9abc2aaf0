/* filter_eval.c - the values of a process, and whether a filter takes them. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "model/filter.h"

/* ---- values ---- */

static void set_text(ml_skeys *k, ml_str s) {
  k->one = s.p != NULL && s.n > 0 ? (ml_skey){.cls = ML_SKEY_TEXT, .s = s}
                                  : ML_SKEY_NONE;
}

static void set_ms(ml_skeys *k, int64_t ms) {
  k->one = ms != 0 ? (ml_skey){.cls = ML_SKEY_INT, .i = ms} : ML_SKEY_NONE;
}

static void column_value(const ml_facts *f, ml_columnk kind, ml_skeys *k) {
  switch (kind) {
  case ML_COL_STATUS: set_text(k, ml_str_of(ml_status_name(f->status))); break;
  case ML_COL_RUN: set_text(k, ml_str_of(ml_runs_name(f->run))); break;
  case ML_COL_STATE: set_text(k, f->state); break;
  case ML_COL_ASSIGNED_TO: set_text(k, f->assigned_to); break;
  case ML_COL_SUBJECT: set_text(k, f->subject); break;
  case ML_COL_CREATED_BY: set_text(k, f->created_by); break;
  case ML_COL_FIRST_ASSIGNED_TO: set_text(k, f->first_assigned_to); break;
  case ML_COL_ENTITY: set_text(k, f->entity); break;
  case ML_COL_RECORD: set_text(k, f->record); break;
  case ML_COL_BELONGS_TO: set_text(k, f->belongs_to); break;
  case ML_COL_BOOKING: set_text(k, f->booking); break;
  case ML_COL_CREATED_AT: set_ms(k, f->created_ms); break;
  case ML_COL_UPDATED_AT: set_ms(k, f->updated_ms); break;
  case ML_COL_COMPLETED_AT: set_ms(k, f->completed_ms); break;
  case ML_COL_CANCELLED_AT: set_ms(k, f->cancelled_ms); break;
  case ML_COL_NEXT_ACTION_AT: set_ms(k, f->next_action_ms); break;
  case ML_COL_FIRST_ASSIGNED_AT: set_ms(k, f->first_assigned_ms); break;
  case ML_COL_LAST_ASSIGNED_AT: set_ms(k, f->last_assigned_ms); break;
  default: break;
  }
}

/* The rest of a value that began with `tok`. */
static bool skip_value(ml_jread *r, ml_jtok tok) {
  uint32_t depth = r->depth;

  if (tok != ML_JT_OBJ && tok != ML_JT_ARR)
    return tok != ML_JT_ERROR;
  while (r->depth >= depth) {
    tok = ml_jread_next(r);
    if (tok == ML_JT_ERROR || tok == ML_JT_END)
      return false;
  }
  return true;
}

/* A list's values; the reader stands behind '['. */
static ml_rc list_values(ml_arena *a, ml_ftype type, ml_jread *r, ml_skeys *k) {
  size_t cap = 0;
  ml_jtok tok;

  k->count = 0;
  while ((tok = ml_jread_next(r)) != ML_JT_ARR_END) {
    ml_skey one;

    if (tok == ML_JT_ERROR)
      return r->nomem ? ML_NOMEM : ML_CORRUPT;
    if (!ml_skey_of_token(a, type, r, tok, &one))
      return ML_NOMEM;
    if (!skip_value(r, tok))
      return ML_CORRUPT;
    if (one.cls == ML_SKEY_EMPTY)
      continue;
    if (k->count == cap) {
      ml_skey *more = ml_arena_alloc(a, (cap + 8) * 2 * sizeof *more);

      if (more == NULL)
        return ML_NOMEM;
      if (k->count > 0)
        memcpy(more, k->p, k->count * sizeof *more);
      k->p = more;
      cap = (cap + 8) * 2;
    }
    k->p[k->count++] = one;
  }
  if (k->count == 0) {
    k->one = ML_SKEY_NONE;
    k->p = NULL;
    k->count = 1;
  }
  return ML_OK;
}

/* A member that may hold something else than its type says (an older version
** of the definition): a list of one value is that value, an object is there. */
static ml_rc member_value(ml_arena *a, const ml_column *c, ml_jread *r,
                          ml_jtok tok, ml_skeys *k) {
  if (ml_filter_opaque(c->type)) {    /* only whether there is one is asked */
    k->one = tok == ML_JT_NULL ? ML_SKEY_NONE
                               : (ml_skey){.cls = ML_SKEY_INT, .i = 1};
    return skip_value(r, tok) ? ML_OK : ML_CORRUPT;
  }
  if (tok == ML_JT_ARR)
    return list_values(a, c->type, r, k);
  if (!ml_skey_of_token(a, c->type, r, tok, &k->one))
    return ML_NOMEM;
  return skip_value(r, tok) ? ML_OK : ML_CORRUPT;
}

static int wanted(const ml_column *cols, size_t count, ml_str id, size_t from) {
  for (size_t i = from; i < count; i++)
    if (cols[i].kind == ML_COL_FIELD && ml_str_eq(cols[i].id, id))
      return (int)i;
  return -1;
}

static ml_rc field_values(ml_arena *a, ml_str data, const ml_column *cols,
                          size_t count, ml_skeys *out) {
  ml_jread r;
  ml_jtok tok;
  ml_rc rc = ML_OK;

  ml_jread_init(&r, data.p, data.n, NULL);
  tok = ml_jread_next(&r);
  if (tok != ML_JT_OBJ)
    rc = ML_CORRUPT;
  while (rc == ML_OK && (tok = ml_jread_next(&r)) == ML_JT_KEY) {
    int i = wanted(cols, count, r.str, 0);

    tok = ml_jread_next(&r);
    if (i >= 0)
      rc = member_value(a, &cols[i], &r, tok, &out[i]);
    else if (!skip_value(&r, tok))
      rc = ML_CORRUPT;
  }
  if (rc == ML_OK && tok != ML_JT_OBJ_END)
    rc = ML_CORRUPT;
  if (rc == ML_CORRUPT && r.nomem)
    rc = ML_NOMEM;
  ml_jread_done(&r);
  return rc;
}

ml_rc ml_facts_get(ml_arena *a, const ml_facts *f, const ml_column *cols,
                   size_t count, ml_skeys *out) {
  bool fields = false;
  ml_rc rc = ML_OK;

  for (size_t i = 0; i < count; i++) {
    out[i] = (ml_skeys){.one = ML_SKEY_NONE, .count = 1};
    fields = fields || cols[i].kind == ML_COL_FIELD;
    column_value(f, cols[i].kind, &out[i]);
  }
  if (fields && f->data.n > 0)
    rc = field_values(a, f->data, cols, count, out);
  for (size_t i = 0; i < count; i++)
    if (out[i].p == NULL)
      out[i].p = &out[i].one;
  return rc;
}

/* ---- matching ---- */

static bool one_is(const ml_skey *v, ml_fop op, const ml_skey *want) {
  int c;

  if (v->cls == ML_SKEY_EMPTY || !ml_skey_alike(v, want))
    return false;
  if (op == ML_FOP_LIKE)
    return v->s.n >= want->s.n && memcmp(v->s.p, want->s.p, want->s.n) == 0;
  c = ml_skey_cmp(v, want);
  switch (op) {
  case ML_FOP_LT: return c < 0;
  case ML_FOP_LE: return c <= 0;
  case ML_FOP_GT: return c > 0;
  case ML_FOP_GE: return c >= 0;
  default: return c == 0;
  }
}

static bool any_is(const ml_skeys *k, ml_fop op, const ml_fnode *n) {
  for (size_t i = 0; i < k->count; i++)
    for (size_t j = 0; j < n->count; j++)
      if (one_is(&k->p[i], op, &n->values[j]))
        return true;
  return false;
}

static bool test(const ml_fnode *n, const ml_skeys *k) {
  switch (n->op) {
  case ML_FOP_EMPTY: return k->p[0].cls == ML_SKEY_EMPTY;
  case ML_FOP_NOT_EMPTY: return k->p[0].cls != ML_SKEY_EMPTY;
  case ML_FOP_NE: case ML_FOP_NOT_IN: return !any_is(k, ML_FOP_EQ, n);
  case ML_FOP_IN: return any_is(k, ML_FOP_EQ, n);
  default: return any_is(k, n->op, n);
  }
}

static bool match(const ml_fnode *n, const ml_skeys *values) {
  bool any = n->kind == ML_FN_OR;

  if (n->kind == ML_FN_TEST)
    return test(n, &values[n->col]);
  for (const ml_fnode *k = n->first; k != NULL; k = k->next)
    if (match(k, values) == any)
      return any;
  return !any;
}

bool ml_filter_match(const ml_filter *f, const ml_skeys *values) {
  return f->root == NULL || match(f->root, values);
}

/* ---- as text ---- */

static void put_value(ml_buf *b, const ml_column *c, const ml_skey *v,
                      bool like) {
  if ((c->type == ML_F_DATETIME || c->type == ML_F_DATETIME_ISO) &&
      v->cls == ML_SKEY_INT) {
    ml_buf_putc(b, '\'');
    ml_text_put_moment(b, v->i);
    ml_buf_putc(b, '\'');
  } else if (c->type == ML_F_BOOLEAN) {
    ml_buf_puts(b, v->i != 0 ? "true" : "false");
  } else if (v->cls == ML_SKEY_INT) {
    ml_buf_printf(b, "%" PRId64, v->i);
  } else if (v->cls == ML_SKEY_REAL) {
    ml_json_put_real(b, v->d);
  } else if (v->cls == ML_SKEY_DECIMAL) {
    ml_buf_puts(b, "(a decimal)");
  } else {
    ml_buf_putc(b, '\'');
    for (size_t i = 0; i < v->s.n; i++) {
      ml_buf_putc(b, v->s.p[i]);
      if (v->s.p[i] == '\'')
        ml_buf_putc(b, '\'');
    }
    ml_buf_puts(b, like ? "%'" : "'");
  }
}

static void put_test(ml_buf *b, const ml_filter *f, const ml_fnode *n) {
  static const char *const ops[] = {" = ", " != ", " < ", " <= ", " > ", " >= ",
                                    " in (", " not in (", " like ",
                                    " is empty", " is not empty"};
  const ml_column *c = &f->cols[n->col];

  ml_buf_put(b, c->name.p, c->name.n);
  ml_buf_puts(b, ops[n->op]);
  for (size_t i = 0; i < n->count; i++) {
    ml_buf_puts(b, i > 0 ? ", " : "");
    put_value(b, c, &n->values[i], n->op == ML_FOP_LIKE);
  }
  if (n->op == ML_FOP_IN || n->op == ML_FOP_NOT_IN)
    ml_buf_putc(b, ')');
}

void ml_filter_put(ml_buf *b, const ml_filter *f, const ml_fnode *n) {
  if (n->kind == ML_FN_TEST) {
    put_test(b, f, n);
    return;
  }
  for (const ml_fnode *k = n->first; k != NULL; k = k->next) {
    if (k != n->first)
      ml_buf_puts(b, n->kind == ML_FN_OR ? " or " : " and ");
    if (k->kind != ML_FN_TEST)
      ml_buf_putc(b, '(');
    ml_filter_put(b, f, k);
    if (k->kind != ML_FN_TEST)
      ml_buf_putc(b, ')');
  }
}
