/* rule.c - a rule's life, the place of its mistakes, and its text again. */
#include "model/rule.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "model/rule_inside.h"

void ml_rule_free(ml_rule *r) {
  if (r == NULL)
    return;
  ml_mem_free(r->text);
  ml_mem_free(r->nodes);
  ml_mem_free(r);
}

ml_rc ml_rule_compile(ml_str text, ml_rule **out, ml_err *e) {
  return ml_rule_compile_within(text, NULL, out, NULL, e);
}

ml_rc rule_fail(ml_err *e, ml_rc rc, const char *text, size_t at,
                const char *fmt, ...) {
  unsigned line = 1, column = 1;
  char what[480], where[60];
  va_list ap;

  for (size_t i = 0; i < at; i++) {
    if (text[i] == '\n') {
      line++;
      column = 1;
    } else if (((unsigned char)text[i] & 0xC0) != 0x80) {
      column++;
    }
  }
  snprintf(where, sizeof where, "line %u, column %u", line, column);
  va_start(ap, fmt);
  vsnprintf(what, sizeof what, fmt, ap);
  va_end(ap);
  return ml_err_set(e, rc, where, "%s", what);
}

/* ---- the text again ---- */

static const char *const words[] = {
  [RULE_OR] = " or ", [RULE_AND] = " and ", [RULE_EQ] = " == ",
  [RULE_NE] = " != ", [RULE_LT] = " < ", [RULE_LE] = " <= ",
  [RULE_GT] = " > ", [RULE_GE] = " >= "};

/* How tightly a kind holds what it is made of. */
static int rank(rule_kind k) {
  switch (k) {
  case RULE_OR:
    return 0;
  case RULE_AND:
    return 1;
  case RULE_NOT:
    return 3;
  case RULE_VALUE: case RULE_PATH: case RULE_NAME:
    return 4;
  default:
    return 2;
  }
}

static void put_text(ml_buf *b, ml_str s) {
  ml_buf_putc(b, '\'');
  for (size_t i = 0; i < s.n; i++) {
    if (s.p[i] == '\'')
      ml_buf_putc(b, '\'');
    ml_buf_putc(b, s.p[i]);
  }
  ml_buf_putc(b, '\'');
}

static void put_value(ml_buf *b, const ml_rule *r, const rule_node *n) {
  switch (n->value.type) {
  case ML_JNULL:
    ml_buf_puts(b, "null");
    break;
  case ML_JBOOL:
    ml_buf_puts(b, n->value.b ? "true" : "false");
    break;
  case ML_JSTR:
    put_text(b, n->value.s);
    break;
  default:                       /* a number as it was written */
    ml_buf_put(b, r->text + n->at, n->len);
    break;
  }
}

static void put_path(ml_buf *b, const ml_rule *r, const rule_node *n) {
  ml_buf_puts(b, "#transaction");
  for (uint32_t i = n->first; i != 0; i = r->nodes[i].next) {
    ml_buf_puts(b, r->nodes[i].safe ? "?." : ".");
    ml_buf_put(b, r->nodes[i].value.s.p, r->nodes[i].value.s.n);
  }
}

/* `within`: rank of what it stands in; brackets where it holds less tightly.
** Comparisons are not chained, so an equal rank needs them too. */
static void put_node(ml_buf *b, const ml_rule *r, uint32_t at, int within) {
  const rule_node *n = &r->nodes[at];
  int own = rank(n->kind);
  bool brackets = own < within || (own == 2 && within == 2);

  if (brackets)
    ml_buf_putc(b, '(');
  if (n->kind == RULE_VALUE) {
    put_value(b, r, n);
  } else if (n->kind == RULE_PATH) {
    put_path(b, r, n);
  } else {
    if (n->kind == RULE_NOT)
      ml_buf_puts(b, "not ");
    for (uint32_t i = n->first; i != 0; i = r->nodes[i].next) {
      if (i != n->first)
        ml_buf_puts(b, words[n->kind]);
      put_node(b, r, i, own);
    }
  }
  if (brackets)
    ml_buf_putc(b, ')');
}

void ml_rule_print(ml_buf *b, const ml_rule *r) {
  ml_buf_putc(b, '{');
  put_node(b, r, r->root, 0);
  ml_buf_putc(b, '}');
}
