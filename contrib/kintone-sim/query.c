/*
** query.c - reads a query.
**
** Words of the language are lower case, strings stand in double quotes, and
** blanks include U+3000.  The first mistake ends the reading.
*/
#include "query.h"

#include <string.h>

#include "base/text.h"
#include "number.h"
#include "sim.h"
#include "value.h"

#define DEPTH_MAX 64            /* nested parentheses */
#define ARGS_MAX 2

typedef enum Token {
  T_END, T_WORD, T_NUMBER, T_STRING, T_OP, T_OPEN, T_CLOSE, T_COMMA, T_BAD
} Token;

typedef struct Reader {
  ks_call *c;
  const ks_app *app;
  const char *p, *end;
  Token token;
  ml_str text;                  /* the token's; of a string, decoded */
  const char *start;            /* of the token */
  ks_op op;                     /* T_OP */
  int depth;
} Reader;

/* ---- tokens ---- */

static void syntax(Reader *r, const char *near) {
  size_t n = (size_t)(r->end - near);
  ml_str part = {near, n};

  if (r->c->failed || r->c->problems != NULL)
    return;
  if (n > 40) {                 /* not in the middle of a character */
    part.n = 40;
    while (part.n > 0 && (part.p[part.n] & 0xc0) == 0x80)
      part.n--;
  }
  ks_problem_add(r->c, ML_STR("query"), KS_M_SYNTAX,
                 n > 0 ? part : ML_STR("the query ends here"));
  ks_fail_at(r->c, "CB_VA01");
}

static bool good(const Reader *r) {
  return !r->c->failed;
}

static bool ideographic_space(const char *p, const char *end) {
  return end - p >= 3 && memcmp(p, "\xe3\x80\x80", 3) == 0;
}

static void skip_blanks(Reader *r) {
  for (;;) {
    if (r->p < r->end && memchr(" \t\r\n", *r->p, 4) != NULL)
      r->p++;
    else if (ideographic_space(r->p, r->end))
      r->p += 3;
    else
      return;
  }
}

static bool word_byte(const char *p, const char *end) {
  char ch = *p;

  return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_' ||
         (ch >= '0' && ch <= '9') || ch == '$' ||
         ((ch & 0x80) != 0 && !ideographic_space(p, end));
}

/* A string without its quotes; escapes \" \\ \t \n. */
static Token string(Reader *r) {
  ml_buf b = {0};
  const char *p = r->p + 1;
  bool closed = false, bad = false;

  for (; p < r->end && !closed && !bad; p++) {
    if (*p == '"') {
      closed = true;
    } else if (*p == '\\' && p + 1 < r->end) {
      static const char from[] = "\"\\tn", to[] = "\"\\\t\n";
      const char *at = memchr(from, *++p, 4);

      bad = at == NULL;
      if (!bad)
        ml_buf_putc(&b, to[at - from]);
    } else if (*p == '\t' || *p == '\n' || *p == '\r' || *p == '\\') {
      bad = true;
    } else {
      ml_buf_putc(&b, *p);
    }
  }
  r->text = ks_taken(r->c->a, &b);
  r->p = p;
  return closed && !bad ? T_STRING : T_BAD;
}

static Token number(Reader *r) {
  const char *p = r->p;

  if (*p == '-' || *p == '+')
    p++;
  if (p == r->end || *p < '0' || *p > '9')
    return T_BAD;
  while (p < r->end && ((*p >= '0' && *p <= '9') || *p == '.'))
    p++;
  r->text = (ml_str){r->p, (size_t)(p - r->p)};
  r->p = p;
  if (p < r->end && word_byte(p, r->end))
    return T_BAD;
  return T_NUMBER;
}

static Token sign(Reader *r) {
  static const struct { const char *text; ks_op op; } ops[] = {
    {"!=", KS_NE}, {">=", KS_GE}, {"<=", KS_LE}, {"=", KS_EQ}, {">", KS_GT},
    {"<", KS_LT}};
  size_t i;

  for (i = 0; i < sizeof ops / sizeof *ops; i++) {
    size_t n = strlen(ops[i].text);

    if ((size_t)(r->end - r->p) >= n && memcmp(r->p, ops[i].text, n) == 0) {
      r->op = ops[i].op;
      r->p += n;
      return T_OP;
    }
  }
  return T_BAD;
}

static Token scan(Reader *r) {
  skip_blanks(r);
  r->start = r->p;
  r->text = ML_NOSTR;
  if (r->p == r->end)
    return T_END;
  switch (*r->p) {
    case '(': r->p++; return T_OPEN;
    case ')': r->p++; return T_CLOSE;
    case ',': r->p++; return T_COMMA;
    case '"': return string(r);
    case '-': case '+': return number(r);
    default: break;
  }
  if (*r->p >= '0' && *r->p <= '9')
    return number(r);
  if (!word_byte(r->p, r->end))
    return sign(r);
  while (r->p < r->end && word_byte(r->p, r->end))
    r->p++;
  r->text = (ml_str){r->start, (size_t)(r->p - r->start)};
  return T_WORD;
}

static void advance(Reader *r) {
  r->token = scan(r);
  if (r->token == T_BAD)
    syntax(r, r->start);
}

static bool is_word(const Reader *r, const char *word) {
  return r->token == T_WORD && ml_str_is(r->text, word);
}

/* The token after this one, without moving. */
static Token peek(const Reader *r) {
  Reader ahead = *r;

  return scan(&ahead);
}

static bool take_word(Reader *r, const char *word) {
  if (!is_word(r, word))
    return false;
  advance(r);
  return good(r);
}

static bool expect(Reader *r, Token t) {
  if (good(r) && r->token != t)
    syntax(r, r->start);
  if (good(r))
    advance(r);
  return good(r);
}

/* ---- operands ---- */

static const char *op_text(ks_op op) {
  static const char *const texts[] = {"=", "!=", ">", "<", ">=", "<=", "in",
    "not in", "like", "not like", "is empty", "is not empty"};

  return texts[op];
}

static bool in_time(const ks_field *f) {
  return f->type->shape == KS_MOMENT || f->type->shape == KS_DATE ||
         f->type->shape == KS_TIME;
}

/* A literal beside a date or time field: the span it stands for. */
static bool literal_span(const ks_field *f, ml_str s, ks_term *t) {
  int minutes;

  t->kind = KS_T_SPAN;
  if (s.n == 0) {               /* compares as empty */
    t->kind = KS_T_TEXT;
    return true;
  }
  if (f->type->shape == KS_TIME) {
    if (!ks_time_read(s, &minutes))
      return false;
    t->from = minutes * 60000;
  } else if (f->type->shape == KS_DATE) {
    if (!ks_date_read(s, &t->from))
      return false;
    t->from *= 86400000;
    t->to = t->from + 86400000;
    return true;
  } else if (!ks_moment_read(s, &t->from)) {
    return false;
  }
  t->to = t->from + 60000;
  return true;
}

static bool numeric(const ks_field *f) {
  return f->type->shape == KS_NUMBER || f->type->shape == KS_NUMBERED;
}

/* "CODE-12" of a record number in an app that has a code. */
static ml_str without_app_code(const Reader *r, const ks_field *f, ml_str s) {
  size_t n = r->app->code.n;

  if (f->type->shape == KS_NUMBERED && n > 0 && s.n > n + 1 &&
      memcmp(s.p, r->app->code.p, n) == 0 && s.p[n] == '-')
    return (ml_str){s.p + n + 1, s.n - n - 1};
  return s;
}

static void read_literal(Reader *r, const ks_field *f, ks_term *t) {
  bool choice = f->type->shape == KS_CHOICE || f->type->shape == KS_CHOICES;

  t->text = r->text;
  if (choice && t->text.n > 0 && !ks_field_has_option(f, t->text)) {
    ks_fail(r->c, "GAIA_IQ10", f->code, t->text);
    return;
  }
  if (in_time(f) && !literal_span(f, t->text, t))
    syntax(r, r->start);
  if (numeric(f) && t->text.n > 0) {
    t->text = ks_number_plain(r->c->a, without_app_code(r, f, t->text));
    if (t->text.p == NULL)
      syntax(r, r->start);
  }
  if (good(r))
    advance(r);
}

/* NAME(arg, ...): in user fields who asks, in date fields a span. */
static size_t read_args(Reader *r, ks_when_arg *args) {
  size_t n = 0;

  while (good(r) && r->token != T_CLOSE) {
    if (n == ARGS_MAX || (r->token != T_WORD && r->token != T_NUMBER) ||
        (r->token == T_NUMBER && !ml_text_int(r->text, &args[n].number))) {
      syntax(r, r->start);
      return 0;
    }
    args[n].word = r->token == T_WORD ? r->text : ML_NOSTR;
    n++;
    advance(r);
    if (r->token == T_COMMA)
      advance(r);
  }
  expect(r, T_CLOSE);
  return n;
}

static void read_function(Reader *r, const ks_field *f, ks_term *t) {
  ks_when_arg args[ARGS_MAX] = {{{NULL, 0}, 0}};
  ml_str name = r->text;
  const char *at = r->start;
  bool people = f->type->shape == KS_PERSON || f->type->shape == KS_PEOPLE;
  size_t n;

  advance(r);
  if (!expect(r, T_OPEN))
    return;
  n = read_args(r, args);
  if (!good(r))
    return;
  if (ml_str_is(name, "LOGINUSER") && n == 0 && people) {
    t->text = r->c->caller.who.code;
  } else if (ml_str_is(name, "PRIMARY_ORGANIZATION") && n == 0 && people) {
    t->kind = KS_T_NOBODY;      /* nobody here belongs to an organisation */
  } else if (in_time(f) && f->type->shape != KS_TIME &&
             ks_when(name, args, n, ks_now(r->c->sim),
                     f->type->shape == KS_DATE, &t->from, &t->to)) {
    t->kind = KS_T_SPAN;
  } else {
    syntax(r, at);
  }
}

static ks_term *read_term(Reader *r, const ks_field *f) {
  ks_term *t = ks_new(r->c->a, sizeof *t);

  if (r->token == T_STRING || r->token == T_NUMBER)
    read_literal(r, f, t);
  else if (r->token == T_WORD)
    read_function(r, f, t);
  else
    syntax(r, r->start);
  return t;
}

static ks_term *read_list(Reader *r, const ks_field *f) {
  ks_term *first = NULL, **last = &first;

  if (!expect(r, T_OPEN))
    return NULL;
  for (;;) {
    *last = read_term(r, f);
    if (!good(r))
      return NULL;
    last = &(*last)->next;
    if (r->token != T_COMMA)
      break;
    advance(r);
  }
  expect(r, T_CLOSE);
  return first;
}

/* ---- conditions ---- */

static bool read_operator(Reader *r, ks_op *op) {
  bool no;

  if (r->token == T_OP) {
    *op = r->op;
    advance(r);
    return good(r);
  }
  if (take_word(r, "is")) {
    *op = take_word(r, "not") ? KS_IS_NOT_EMPTY : KS_IS_EMPTY;
    if (!good(r) || !is_word(r, "empty"))
      syntax(r, r->start);
    else
      advance(r);
    return good(r);
  }
  no = take_word(r, "not");
  if (good(r) && is_word(r, "in"))
    *op = no ? KS_NOT_IN : KS_IN;
  else if (good(r) && is_word(r, "like"))
    *op = no ? KS_NOT_LIKE : KS_LIKE;
  else
    syntax(r, r->start);
  if (good(r))
    advance(r);
  return good(r);
}

static const ks_field *read_field_name(Reader *r) {
  const ks_field *f;

  if (r->token != T_WORD) {
    syntax(r, r->start);
    return NULL;
  }
  f = ks_app_find(r->app, r->text);
  if (f == NULL || f->type->shape == KS_OFF) {
    ks_fail(r->c, "GAIA_IQ11", r->text, ML_STR(""));
    return NULL;
  }
  advance(r);
  return f;
}

static void check_operator(Reader *r, const ks_field *f, ks_op op) {
  ml_str text = ml_str_of(op_text(op));

  if (!good(r))
    return;
  if (f->table != NULL && (op == KS_EQ || op == KS_NE))
    ks_fail(r->c, "GAIA_IQ07", f->code, text);
  else if ((f->type->ops & (1u << op)) == 0)
    ks_fail(r->c, "GAIA_IQ03", ml_str_of(f->type->name), text);
}

static ks_cond *read_test(Reader *r) {
  ks_cond *cond = ks_new(r->c->a, sizeof *cond);

  cond->field = read_field_name(r);
  if (cond->field == NULL || !good(r) || !read_operator(r, &cond->op))
    return NULL;
  if (cond->op == KS_IN || cond->op == KS_NOT_IN)
    cond->terms = read_list(r, cond->field);
  else if (cond->op < KS_IS_EMPTY)
    cond->terms = read_term(r, cond->field);
  /* after the operand: an unknown option is told first, as kintone does */
  check_operator(r, cond->field, cond->op);
  return cond;
}

static ks_cond *read_or(Reader *r);

static ks_cond *read_primary(Reader *r) {
  ks_cond *cond;

  if (r->token != T_OPEN)
    return read_test(r);
  if (++r->depth > DEPTH_MAX) {
    syntax(r, r->start);
    return NULL;
  }
  advance(r);
  cond = good(r) ? read_or(r) : NULL;
  r->depth--;
  return expect(r, T_CLOSE) ? cond : NULL;
}

static ks_cond *read_and(Reader *r) {
  ks_cond *all = ks_new(r->c->a, sizeof *all), **last = &all->first;

  all->kind = KS_C_AND;
  do {
    *last = read_primary(r);
    if (*last == NULL || !good(r))
      return NULL;
    last = &(*last)->next;
  } while (take_word(r, "and"));
  return good(r) ? all : NULL;
}

static ks_cond *read_or(Reader *r) {
  ks_cond *any = ks_new(r->c->a, sizeof *any), **last = &any->first;

  any->kind = KS_C_OR;
  do {
    *last = read_and(r);
    if (*last == NULL || !good(r))
      return NULL;
    last = &(*last)->next;
  } while (take_word(r, "or"));
  return good(r) ? any : NULL;
}

/* ---- order, limit, offset ---- */

static void read_order(Reader *r, ks_query *q) {
  ks_key **last = &q->keys;

  advance(r);
  if (!is_word(r, "by")) {
    syntax(r, r->start);
    return;
  }
  do {
    ks_key *key = ks_new(r->c->a, sizeof *key);

    advance(r);
    if (!good(r))
      return;
    key->field = read_field_name(r);
    if (!good(r))
      return;
    if (take_word(r, "asc"))
      key->ascending = true;
    else
      take_word(r, "desc");     /* and without a word it is desc, too */
    *last = key;
    last = &key->next;
  } while (good(r) && r->token == T_COMMA);
}

/* "limit N" or "offset N", at most `max` lest it fails with `code`. */
static void read_count(Reader *r, ks_query *q, int64_t max, const char *code,
                       int64_t *out) {
  advance(r);
  q->limited = true;
  if (!good(r))
    return;
  if (r->token != T_NUMBER || !ml_text_int(r->text, out) || *out < 0) {
    syntax(r, r->start);
    return;
  }
  if (*out > max) {
    ks_fail_at(r->c, code);
    return;
  }
  advance(r);
}

/* Does a clause begin here?  "limit = 1" tests a field of that name. */
static bool at_clause(const Reader *r) {
  Token next = peek(r);

  if (is_word(r, "order"))
    return next == T_WORD || ks_app_find(r->app, r->text) == NULL;
  return (is_word(r, "limit") || is_word(r, "offset")) &&
         (next == T_NUMBER || ks_app_find(r->app, r->text) == NULL);
}

ks_query *ks_query_read(ks_call *c, const ks_app *app, ml_str text) {
  Reader r = {.c = c, .app = app, .p = text.p, .end = text.p};
  ks_query *q = ks_new(c->a, sizeof *q);

  q->limit = KS_LIMIT;
  if (text.p == NULL)
    return q;
  r.end += text.n;
  advance(&r);
  if (good(&r) && r.token != T_END && !at_clause(&r))
    q->cond = read_or(&r);
  if (good(&r) && is_word(&r, "order"))
    read_order(&r, q);
  if (good(&r) && is_word(&r, "limit"))
    read_count(&r, q, KS_LIMIT_MAX, "GAIA_QU01", &q->limit);
  if (good(&r) && is_word(&r, "offset"))
    read_count(&r, q, KS_OFFSET_MAX, "GAIA_QU02", &q->offset);
  if (good(&r) && r.token != T_END)
    syntax(&r, r.start);
  return good(&r) ? q : NULL;
}
