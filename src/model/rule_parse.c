/*
** rule_parse.c - from a rule's text to its tree, or to the sentence that says
** why not.
**
** Recursive descent, one token ahead.  It recurses for brackets and "not" only,
** and those are counted, so no text makes it deep.  Nothing is looked up and
** nothing evaluated here.
*/
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/utf8.h"
#include "model/rule_inside.h"

typedef enum tok {
  T_END,                         /* the text ends */
  T_CLOSE,                       /* "}" */
  T_LEFT, T_RIGHT,               /* ( ) */
  T_DOT, T_SAFE,                 /* . ?. */
  T_OR, T_AND, T_NOT,
  T_OP,                          /* a comparison; p->op */
  T_VALUE,                       /* p->value */
  T_TRANSACTION, T_WORD,
  T_OTHER                        /* what no rule holds; p->at, p->len */
} tok;

typedef struct parser {
  ml_rule *r;
  size_t i;                      /* the next byte to read */
  tok t;                         /* the token ahead, */
  uint32_t at, len;              /* where it stands, */
  rule_kind op;                  /* and what it is */
  ml_json value;
  size_t pool;                   /* where the next unquoted text goes */
  uint32_t depth, depth_max;
  size_t *err_at;
  ml_rc rc;                      /* the first failure */
  ml_err *e;
} parser;

/* ---- refusing ---- */

static uint32_t fail(parser *p, ml_rc rc, size_t at, const char *why) {
  if (p->rc != ML_OK)
    return 0;
  p->rc = rule_fail(p->e, rc, p->r->text, at, "%s", why);
  if (p->err_at != NULL)
    *p->err_at = at;
  return 0;
}

static bool word_is(const parser *p, const char *w) {
  return p->t == T_WORD && p->len == strlen(w)
         && memcmp(p->r->text + p->at, w, p->len) == 0;
}

/* The first byte behind the token ahead that is no blank. */
static char behind(const parser *p) {
  size_t i = p->at + p->len;

  while (i < p->r->size && strchr(" \t\r\n", p->r->text[i]) != NULL)
    i++;
  return i < p->r->size ? p->r->text[i] : '\0';
}

/* What SpEL has and rules have not. */
static const char *foreign(const parser *p) {
  char c = p->len > 0 ? p->r->text[p->at] : '\0';

  if (word_is(p, "T") && behind(p) == '(')
    return "T(...) reaches classes; a rule reads properties of #transaction only";
  if (word_is(p, "new"))
    return "'new' makes objects; a rule only compares";
  if (word_is(p, "matches") || word_is(p, "instanceof") || word_is(p, "between")
      || word_is(p, "div") || word_is(p, "mod"))
    return "this operator is not part of the rule language; compare with == != "
           "< <= > >=";
  if (p->t == T_LEFT || (p->t == T_WORD && behind(p) == '('))
    return "functions and methods are not called in a rule";
  if (p->t != T_OTHER && c != '-')
    return NULL;
  switch (c) {
  case '@':
    return "@ names a bean; a rule reads properties of #transaction only";
  case '#':
    return "#transaction is the only variable of a rule";
  case '[':
    return "indexing with [ ] is not part of the rule language";
  case '=':
    return "'=' assigns; equality is written ==";
  case '{':
    return "braces stand around the whole rule only";
  case '?': case ':':
    return "'?' and ':' choose between values; a rule is one truth value (null "
           "is passed over by ?.)";
  case '+': case '-': case '*': case '/': case '%': case '^':
    return "a rule does not calculate; a minus stands directly before a number";
  case '&':
    return "'&' is written twice: && or and";
  case '|':
    return "'|' is written twice: || or or";
  default:
    return NULL;
  }
}

static uint32_t unexpected(parser *p, const char *wanted) {
  const char *why = foreign(p);
  char text[300], token[60];

  if (why != NULL)
    return fail(p, ML_INVALID, p->at, why);
  if (p->t == T_END) {
    snprintf(text, sizeof text, "the rule ends, but %s is missing", wanted);
  } else {
    ml_text_excerpt(token, sizeof token,
                    (ml_str){p->r->text + p->at, p->len});
    snprintf(text, sizeof text, "%s is expected here, not '%s'", wanted, token);
  }
  return fail(p, ML_INVALID, p->at, text);
}

/* ---- tokens ---- */

static bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
         || c == '$';
}

static bool digit(char c) {
  return c >= '0' && c <= '9';
}

static char peek(const parser *p, size_t ahead) {
  return p->i + ahead < p->r->size ? p->r->text[p->i + ahead] : '\0';
}

static void word(parser *p) {
  static const struct { const char *w; tok t; rule_kind op; } known[] = {
    {"and", T_AND, 0}, {"or", T_OR, 0}, {"not", T_NOT, 0},
    {"eq", T_OP, RULE_EQ}, {"ne", T_OP, RULE_NE}, {"lt", T_OP, RULE_LT},
    {"le", T_OP, RULE_LE}, {"gt", T_OP, RULE_GT}, {"ge", T_OP, RULE_GE},
    {"true", T_VALUE, 0}, {"false", T_VALUE, 0}, {"null", T_VALUE, 0}};
  const char *s = p->r->text + p->at;

  while (letter(peek(p, 0)) || digit(peek(p, 0)))
    p->i++;
  p->len = (uint32_t)(p->i - p->at);
  p->t = T_WORD;
  for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
    if (strlen(known[k].w) != p->len || strncasecmp(s, known[k].w, p->len) != 0)
      continue;
    p->t = known[k].t;
    p->op = known[k].op;
    if (p->t != T_VALUE)
      return;
    p->value.type = known[k].w[0] == 'n' ? ML_JNULL : ML_JBOOL;
    p->value.b = known[k].w[0] == 't';
  }
}

/* 12, -12, 1.5: read by the JSON reader, so that they mean the same as in a
** transaction.  It takes no leading zeros; rules do. */
static void number(parser *p) {
  bool minus = peek(p, 0) == '-', point = false;
  ml_buf b = {0};
  ml_jread r;
  ml_jtok t;
  size_t from;

  p->i += minus;
  while (peek(p, 0) == '0' && digit(peek(p, 1)))
    p->i++;
  from = p->i;
  while (digit(peek(p, 0)) || (!point && peek(p, 0) == '.' && digit(peek(p, 1))))
    point = p->r->text[p->i++] == '.' || point;
  p->len = (uint32_t)(p->i - p->at);
  if (letter(peek(p, 0)) || peek(p, 0) == '.') {
    fail(p, ML_INVALID, p->at, "numbers are integers or decimals such as 2, -3 "
         "or 0.5, with nothing behind them");
    return;
  }
  if (minus)
    ml_buf_putc(&b, '-');
  ml_buf_put(&b, p->r->text + from, p->i - from);
  if (b.bad) {
    fail(p, ML_NOMEM, p->at, "out of memory");
    return;
  }
  ml_jread_init(&r, b.p, b.len, NULL);
  t = ml_jread_next(&r);
  p->t = T_VALUE;
  if (t == ML_JT_INT) {
    p->value.type = ML_JINT;
    p->value.i = r.i;
  } else if (t == ML_JT_REAL && point) {
    p->value.type = ML_JREAL;
    p->value.d = r.d;
  } else {
    fail(p, ML_INVALID, p->at, point
         ? "a decimal has at most 64 digits"
         : "an integer is at most 9223372036854775807");
  }
  ml_jread_done(&r);
  ml_buf_free(&b);
}

/* 'text' or "text"; the quote inside is written twice. */
static void quoted(parser *p) {
  char quote = peek(p, 0), *to = p->r->text + p->pool;
  size_t n = 0;

  for (p->i++; p->i < p->r->size; p->i++) {
    if (p->r->text[p->i] == quote) {
      if (peek(p, 1) != quote)
        break;
      p->i++;
    }
    to[n++] = p->r->text[p->i];
  }
  if (p->i >= p->r->size) {
    fail(p, ML_INVALID, p->at, "this text is not closed by its quote");
    return;
  }
  p->i++;
  p->len = (uint32_t)(p->i - p->at);
  p->t = T_VALUE;
  p->value.type = ML_JSTR;
  p->value.s = (ml_str){to, n};
  p->pool += n;
}

static void symbol(parser *p) {
  static const struct { const char s[3]; tok t; rule_kind op; } known[] = {
    {"==", T_OP, RULE_EQ}, {"!=", T_OP, RULE_NE}, {"<=", T_OP, RULE_LE},
    {">=", T_OP, RULE_GE}, {"&&", T_AND, 0}, {"||", T_OR, 0},
    {"?.", T_SAFE, 0}, {"<", T_OP, RULE_LT}, {">", T_OP, RULE_GT},
    {"!", T_NOT, 0}, {"(", T_LEFT, 0}, {")", T_RIGHT, 0}, {".", T_DOT, 0},
    {"}", T_CLOSE, 0}};
  size_t n = 0;

  for (size_t k = 0; k < sizeof known / sizeof *known && n == 0; k++) {
    size_t len = strlen(known[k].s);

    if (p->i + len > p->r->size
        || memcmp(p->r->text + p->i, known[k].s, len) != 0)
      continue;
    p->t = known[k].t;
    p->op = known[k].op;
    n = len;
  }
  if (n == 0) {
    p->t = T_OTHER;
    n = ml_utf8_step(p->r->text + p->i, p->r->text + p->r->size);
  }
  p->i += n;
  p->len = (uint32_t)n;
}

/* Read the token ahead. */
static void advance(parser *p) {
  static const char variable[] = "#transaction";
  size_t n = sizeof variable - 1;
  char c;

  while (p->i < p->r->size && strchr(" \t\r\n", p->r->text[p->i]) != NULL
         && p->r->text[p->i] != '\0')
    p->i++;
  p->at = (uint32_t)p->i;
  p->len = 0;
  p->t = T_END;
  if (p->i == p->r->size || p->rc != ML_OK)
    return;
  c = peek(p, 0);
  if (letter(c)) {
    word(p);
  } else if (digit(c) || (c == '-' && digit(peek(p, 1)))) {
    number(p);
  } else if (c == '\'' || c == '"') {
    quoted(p);
  } else if (p->i + n <= p->r->size
             && memcmp(p->r->text + p->i, variable, n) == 0
             && !letter(peek(p, n)) && !digit(peek(p, n))) {
    p->t = T_TRANSACTION;
    p->len = (uint32_t)n;
    p->i += n;
  } else {
    symbol(p);
  }
}

/* ---- the tree ---- */

/* A node for the token ahead; 0: failed. */
static uint32_t node(parser *p, rule_kind kind) {
  ml_rule *r = p->r;
  rule_node *n;

  if (r->count == r->cap) {
    uint32_t cap = r->cap * 2;

    n = ml_mem_realloc(r->nodes, cap * sizeof *n);
    if (n == NULL)
      return fail(p, ML_NOMEM, p->at, "out of memory");
    r->nodes = n;
    r->cap = cap;
  }
  n = &r->nodes[r->count];
  memset(n, 0, sizeof *n);
  n->kind = kind;
  n->at = p->at;
  n->len = p->len;
  return r->count++;
}

static uint32_t any_of(parser *p);

static bool enter(parser *p) {
  char text[120];

  if (p->depth < p->depth_max) {
    p->depth++;
    return true;
  }
  snprintf(text, sizeof text, "brackets and 'not' stand inside each other more "
           "than %u deep (rule-depth)", (unsigned)p->depth_max);
  fail(p, ML_LIMIT, p->at, text);
  return false;
}

static uint32_t path(parser *p) {
  uint32_t n = node(p, RULE_PATH), last = 0;

  advance(p);
  while (n != 0 && (p->t == T_DOT || p->t == T_SAFE)) {
    bool safe = p->t == T_SAFE;
    uint32_t name;
    char c;

    advance(p);
    /* Words of the language are names here: #transaction.order.not */
    c = p->len > 0 ? p->r->text[p->at] : '\0';
    if (!letter(c))
      return unexpected(p, "the name of a property");
    if (behind(p) == '(')
      return fail(p, ML_INVALID, p->at, "methods are not called in a rule; it "
                  "reads properties only");
    name = node(p, RULE_NAME);
    if (name == 0)
      return 0;
    p->r->nodes[name].safe = safe;
    p->r->nodes[name].value.type = ML_JSTR;
    p->r->nodes[name].value.s = (ml_str){p->r->text + p->at, p->len};
    if (last == 0)
      p->r->nodes[n].first = name;
    else
      p->r->nodes[last].next = name;
    last = name;
    advance(p);
  }
  return n;
}

static uint32_t operand(parser *p) {
  uint32_t n;

  switch (p->t) {
  case T_TRANSACTION:
    return path(p);
  case T_VALUE:
    n = node(p, RULE_VALUE);
    if (n != 0)
      p->r->nodes[n].value = p->value;
    advance(p);
    return n;
  case T_LEFT:
    if (!enter(p))
      return 0;
    advance(p);
    n = any_of(p);
    if (n != 0 && p->t != T_RIGHT)
      return unexpected(p, "')'");
    p->depth--;
    advance(p);
    return n;
  case T_WORD:
    if (foreign(p) == NULL)
      return fail(p, ML_INVALID, p->at, "a property is reached through "
                  "#transaction, and a text stands in quotes");
    return unexpected(p, "a value");
  default:
    return unexpected(p, "a value");
  }
}

static uint32_t negated(parser *p) {
  uint32_t n, inner;

  if (p->t != T_NOT)
    return operand(p);
  if (!enter(p) || (n = node(p, RULE_NOT)) == 0)
    return 0;
  advance(p);
  inner = negated(p);
  p->depth--;
  if (inner != 0)
    p->r->nodes[n].first = inner;
  return inner != 0 ? n : 0;
}

static uint32_t compared(parser *p) {
  uint32_t left = negated(p), n, right;

  if (left == 0 || p->t != T_OP)
    return left;
  n = node(p, p->op);
  advance(p);
  right = negated(p);
  if (n == 0 || right == 0)
    return 0;
  if (p->t == T_OP)
    return fail(p, ML_INVALID, p->at, "comparisons are not chained; put brackets "
                "around one of them");
  p->r->nodes[n].first = left;
  p->r->nodes[left].next = right;
  return n;
}

/* A chain of `part` between tokens `between`; one alone is itself. */
static uint32_t chain(parser *p, tok between, rule_kind kind,
                      uint32_t (*part)(parser *)) {
  uint32_t first = part(p), n, last = first;

  if (first == 0 || p->t != between)
    return first;
  n = node(p, kind);
  if (n == 0)
    return 0;
  p->r->nodes[n].first = first;
  while (p->t == between) {
    uint32_t more;

    advance(p);
    more = part(p);
    if (more == 0)
      return 0;
    p->r->nodes[last].next = more;
    last = more;
  }
  return n;
}

static uint32_t all_of(parser *p) {
  return chain(p, T_AND, RULE_AND, compared);
}

static uint32_t any_of(parser *p) {
  return chain(p, T_OR, RULE_OR, all_of);
}

/* ---- the whole ---- */

static void whole(parser *p) {
  uint32_t root;

  advance(p);
  if (p->t == T_END) {
    fail(p, ML_INVALID, 0, "the rule is empty; it wants an expression in braces");
    return;
  }
  if (p->r->text[p->at] != '{') {
    fail(p, ML_INVALID, p->at, "a rule stands in braces; there is text before "
         "the opening one");
    return;
  }
  p->i = p->at + 1;
  advance(p);
  if (p->t == T_CLOSE) {
    fail(p, ML_INVALID, p->at, "the braces hold no expression");
    return;
  }
  root = any_of(p);
  if (root != 0 && p->t != T_CLOSE)
    unexpected(p, "'and', 'or', a comparison or the closing brace");
  if (p->rc != ML_OK)
    return;
  advance(p);
  if (p->t != T_END)
    fail(p, ML_INVALID, p->at, "there is text behind the closing brace");
  p->r->root = root;
}

static ml_rule *make(ml_str text) {
  ml_rule *r = ml_mem_zero(sizeof *r);

  if (r == NULL)
    return NULL;
  r->text = ml_mem_alloc(2 * text.n + 1);
  r->cap = 16;
  r->nodes = ml_mem_alloc(r->cap * sizeof *r->nodes);
  if (r->text == NULL || r->nodes == NULL) {
    ml_rule_free(r);
    return NULL;
  }
  if (text.n > 0)
    memcpy(r->text, text.p, text.n);
  r->size = text.n;
  r->count = 1;                  /* node 0 ends chains */
  return r;
}

ml_rc ml_rule_compile_within(ml_str text, const ml_rule_limits *limits,
                             ml_rule **out, size_t *at, ml_err *e) {
  uint32_t bytes = limits != NULL && limits->bytes > 0 ? limits->bytes
                                                       : ML_RULE_BYTES;
  uint32_t depth = limits != NULL && limits->depth > 0 ? limits->depth
                                                       : ML_RULE_DEPTH;
  parser p = {.depth_max = depth < 256 ? depth : 256, .err_at = at, .e = e};

  *out = NULL;
  if (at != NULL)
    *at = 0;
  if (text.n > bytes)
    return ml_err_set(e, ML_LIMIT, "line 1, column 1", "the rule is longer than "
                      "%u bytes (rule-bytes)", (unsigned)bytes);
  if (!ml_text_utf8(text))
    return ml_err_set(e, ML_INVALID, "line 1, column 1", "the rule is not valid "
                      "UTF-8");
  p.r = make(text);
  if (p.r == NULL)
    return ml_err_set(e, ML_NOMEM, NULL, "out of memory");
  p.pool = text.n;
  whole(&p);
  if (p.rc != ML_OK) {
    ml_rule_free(p.r);
    return p.rc;
  }
  *out = p.r;
  return ML_OK;
}
