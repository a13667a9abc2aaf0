/*
** filter_text.c - the filter as people write it.
**
** Recursive descent, one token ahead; it recurses for brackets only, and those
** are counted.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "model/filter_inside.h"

typedef enum tok {
  T_END, T_LEFT, T_RIGHT, T_COMMA, T_OP, T_WORD, T_NAME /* "quoted" */,
  T_TEXT, T_NUMBER, T_PLUS, T_MINUS, T_BAD
} tok;

typedef struct parser {
  filter_make *m;
  ml_str s;
  size_t i;                      /* next byte */
  tok t;                         /* the token ahead, */
  size_t at;                     /* where it begins, */
  ml_str word;                   /* its text (decoded), */
  ml_fop op;
  ml_json number;
  ml_rc rc;                      /* of reading it */
} parser;

/* ---- tokens ---- */

static void stand(parser *p) {
  snprintf(p->m->at, sizeof p->m->at, "where: character %zu",
           ml_text_chars((ml_str){p->s.p, p->at}) + 1);
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         (unsigned char)c >= 0x80;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* From the quote at p->at; a doubled one stands for itself. */
static void read_quoted(parser *p, char quote) {
  char *out = ml_arena_alloc(p->m->a, p->s.n - p->at + 1);
  size_t n = 0, i = p->at + 1;

  if (out == NULL) {
    p->rc = ML_NOMEM;
    return;
  }
  for (; i < p->s.n; i++) {
    if (p->s.p[i] == quote) {
      if (i + 1 == p->s.n || p->s.p[i + 1] != quote)
        break;
      i++;
    }
    out[n++] = p->s.p[i];
  }
  if (i == p->s.n) {
    stand(p);
    p->rc = filter_fail(p->m, ML_INVALID, "this quote is not closed");
    return;
  }
  p->i = i + 1;
  p->word = (ml_str){out, n};
  p->t = quote == '\'' ? T_TEXT : T_NAME;
}

/* Digits as JSON has them. */
static void read_number(parser *p) {
  ml_json *v;
  ml_err e;
  ml_rc rc;

  while (p->i < p->s.n && (is_digit(p->s.p[p->i]) || p->s.p[p->i] == '.' ||
                           ((p->s.p[p->i] == '+' || p->s.p[p->i] == '-') &&
                            (p->s.p[p->i - 1] | 32) == 'e') ||
                           (p->s.p[p->i] | 32) == 'e'))
    p->i++;
  /* a duration ("3d") is a word */
  while (p->i < p->s.n && is_word(p->s.p[p->i]))
    p->i++;
  p->word = (ml_str){p->s.p + p->at, p->i - p->at};
  rc = ml_json_parse(p->m->a, p->word.p, p->word.n, NULL, &v, &e);
  p->t = T_WORD;
  if (rc == ML_NOMEM)
    p->rc = rc;
  else if (rc == ML_OK) {
    p->number = *v;
    p->t = T_NUMBER;
  }
}

static void read_op(parser *p) {
  static const struct { const char *text; ml_fop op; } ops[] = {
    {"!=", ML_FOP_NE}, {"<>", ML_FOP_NE}, {"<=", ML_FOP_LE}, {">=", ML_FOP_GE},
    {"==", ML_FOP_EQ}, {"=", ML_FOP_EQ}, {"<", ML_FOP_LT}, {">", ML_FOP_GT},
  };

  p->t = T_BAD;
  for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
    size_t n = strlen(ops[k].text);

    if (p->s.n - p->i >= n && memcmp(p->s.p + p->i, ops[k].text, n) == 0) {
      p->t = T_OP;
      p->op = ops[k].op;
      p->i += n;
      return;
    }
  }
}

/* A hyphen inside a name; not the one of "now-3d". */
static bool is_inner(const parser *p) {
  return p->s.p[p->i] == '-' && p->i + 1 < p->s.n && is_word(p->s.p[p->i + 1]) &&
         !(p->i - p->at == 3 && strncasecmp(p->s.p + p->at, "now", 3) == 0);
}

static void next(parser *p) {
  char c;

  while (p->i < p->s.n && strchr(" \t\r\n", p->s.p[p->i]) != NULL)
    p->i++;
  p->at = p->i;
  p->word = ML_NOSTR;
  if (p->rc != ML_OK || p->i == p->s.n) {
    p->t = T_END;
    return;
  }
  c = p->s.p[p->i];
  if (c == '\'' || c == '"') {
    read_quoted(p, c);
  } else if (is_digit(c) ||
             (c == '-' && p->i + 1 < p->s.n && is_digit(p->s.p[p->i + 1]) &&
              p->t != T_WORD)) {       /* "now -3d": a minus, then a word */
    p->i++;
    read_number(p);
  } else if (is_word(c)) {
    while (p->i < p->s.n && (is_word(p->s.p[p->i]) || is_inner(p)))
      p->i++;
    p->word = (ml_str){p->s.p + p->at, p->i - p->at};
    p->t = T_WORD;
  } else if (strchr("(),+-", c) != NULL) {
    p->t = c == '(' ? T_LEFT : c == ')' ? T_RIGHT : c == ',' ? T_COMMA
           : c == '+' ? T_PLUS : T_MINUS;
    p->i++;
  } else {
    read_op(p);
  }
}

static bool is(const parser *p, const char *word) {
  return p->t == T_WORD && p->word.n == strlen(word) &&
         strncasecmp(p->word.p, word, p->word.n) == 0;
}

static bool take(parser *p, const char *word) {
  if (!is(p, word))
    return false;
  next(p);
  return true;
}

static ml_rc want(parser *p, const char *what) {
  char got[60];

  if (p->rc != ML_OK)
    return p->rc;
  stand(p);
  if (p->t == T_END)
    return filter_fail(p->m, ML_INVALID, "%s is wanted where the filter ends",
                       what);
  ml_text_excerpt(got, sizeof got,
                  (ml_str){p->s.p + p->at, p->s.n - p->at < 24
                                               ? p->s.n - p->at : 24});
  return filter_fail(p->m, ML_INVALID, "%s is wanted before \"%s\"", what, got);
}

/* ---- values ---- */

/* Behind "now": perhaps + or - a duration. */
static ml_rc moment(parser *p, ml_json *out) {
  bool minus = p->t == T_MINUS;
  int64_t ms;
  ml_err e;

  *out = (ml_json){.type = ML_JINT};
  out->i = p->m->conf->now_ms;
  if (p->t != T_PLUS && !minus)
    return ML_OK;
  next(p);
  if (p->t != T_WORD || ml_text_duration(p->word, &ms, &e) != ML_OK)
    return want(p, "a duration such as 3d or 12h");
  out->i += minus ? -ms : ms;
  next(p);
  return ML_OK;
}

static ml_rc value(parser *p, size_t col, ml_json *out) {
  *out = (ml_json){.type = ML_JSTR};
  if (p->t == T_TEXT) {
    out->s = p->word;
  } else if (p->t == T_NUMBER) {
    *out = p->number;
    /* a decimal is what was written, not what a double holds */
    if (p->m->f->cols[col].type == ML_F_DECIMAL) {
      *out = (ml_json){.type = ML_JSTR};
      out->s = p->word;
    }
  } else if (is(p, "true") || is(p, "false")) {
    *out = (ml_json){.type = ML_JBOOL};
    out->b = (p->word.p[0] | 32) == 't';
  } else if (is(p, "now") &&
             (p->m->f->cols[col].type == ML_F_DATETIME ||
              p->m->f->cols[col].type == ML_F_DATETIME_ISO)) {
    next(p);
    return moment(p, out);
  } else {
    return want(p, "a value ('text' in quotes, a number, true or false)");
  }
  stand(p);
  next(p);
  return p->rc;
}

static ml_rc values(parser *p, size_t col, ml_fop op, ml_fnode **out) {
  ml_json *list = ml_arena_alloc(p->m->a,
                                 (ML_FILTER_VALUES_MAX + 1) * sizeof *list);
  size_t n = 0;
  ml_rc rc = ML_OK;

  if (list == NULL)
    return ML_NOMEM;
  if (p->t != T_LEFT)
    return want(p, "a list in brackets");
  do {
    next(p);
    if (n > ML_FILTER_VALUES_MAX)
      break;
    rc = value(p, col, &list[n++]);
  } while (rc == ML_OK && p->t == T_COMMA);
  if (rc == ML_OK && n <= ML_FILTER_VALUES_MAX) {
    if (p->t != T_RIGHT)
      return want(p, "\",\" or \")\"");
    next(p);
  }
  return rc == ML_OK ? filter_test(p->m, col, op, list, n, out) : rc;
}

/* ---- tests and what joins them ---- */

static ml_rc test(parser *p, ml_fnode **out) {
  ml_json v;
  size_t col;
  ml_fop op;
  ml_rc rc;

  if (p->t != T_WORD && p->t != T_NAME)
    return want(p, "the name of a field");
  stand(p);
  rc = filter_column(p->m, p->word, &col);
  if (rc != ML_OK)
    return rc;
  next(p);
  if (take(p, "is")) {
    op = take(p, "not") ? ML_FOP_NOT_EMPTY : ML_FOP_EMPTY;
    if (!is(p, "empty"))
      return want(p, "\"empty\" or \"not empty\"");
    stand(p);
    next(p);
    return filter_test(p->m, col, op, NULL, 0, out);
  }
  if (take(p, "in"))
    return values(p, col, ML_FOP_IN, out);
  if (take(p, "not")) {
    if (!take(p, "in"))
      return want(p, "\"in\"");
    return values(p, col, ML_FOP_NOT_IN, out);
  }
  op = p->op;
  if (is(p, "like"))
    op = ML_FOP_LIKE;
  else if (p->t != T_OP)
    return want(p, "= != < <= > >= in, \"not in\", like or \"is empty\"");
  next(p);
  rc = value(p, col, &v);
  return rc == ML_OK ? filter_test(p->m, col, op, &v, 1, out) : rc;
}

static ml_rc either(parser *p, uint32_t depth, ml_fnode **out);

static ml_rc one(parser *p, uint32_t depth, ml_fnode **out) {
  ml_rc rc;

  if (p->t != T_LEFT)
    return test(p, out);
  if (depth >= ML_FILTER_DEPTH_MAX) {
    stand(p);
    return filter_fail(p->m, ML_LIMIT, "at most %d brackets may stand in each "
                       "other", ML_FILTER_DEPTH_MAX);
  }
  next(p);
  rc = either(p, depth + 1, out);
  if (rc != ML_OK)
    return rc;
  if (p->t != T_RIGHT)
    return want(p, "\"and\", \"or\" or \")\"");
  next(p);
  return p->rc;
}

/* Parts with `word` between them, as one node. */
static ml_rc joined(parser *p, uint32_t depth, bool any, ml_fnode **out) {
  ml_fnode *list = NULL, *n = NULL, **end;
  ml_rc rc = any ? joined(p, depth, false, &n) : one(p, depth, &n);

  if (rc != ML_OK || !is(p, any ? "or" : "and")) {
    *out = n;
    return rc;
  }
  list = filter_node(p->m, any ? ML_FN_OR : ML_FN_AND);
  if (list == NULL)
    return ML_NOMEM;
  list->first = n;
  end = &n->next;
  while (rc == ML_OK && take(p, any ? "or" : "and")) {
    rc = any ? joined(p, depth, false, &n) : one(p, depth, &n);
    if (rc == ML_OK) {
      *end = n;
      end = &n->next;
    }
  }
  *out = list;
  return rc;
}

static ml_rc either(parser *p, uint32_t depth, ml_fnode **out) {
  return joined(p, depth, true, out);
}

ml_rc filter_text(filter_make *m, ml_str where) {
  parser p = {.m = m, .s = where};
  ml_rc rc;

  if (!ml_text_utf8(where))
    return filter_fail(m, ML_INVALID, "a filter is UTF-8");
  next(&p);
  if (p.t == T_END && p.rc == ML_OK)
    return ML_OK;                /* blanks: every process */
  rc = either(&p, 0, &m->f->root);
  if (rc == ML_OK && p.t != T_END)
    rc = want(&p, "\"and\" or \"or\"");
  return rc == ML_OK ? p.rc : rc;
}
