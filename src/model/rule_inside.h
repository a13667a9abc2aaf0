/*
** rule_inside.h - a compiled rule, between rule.c, rule_parse.c, rule_eval.c.
*/
#ifndef ML_MODEL_RULE_INSIDE_H
#define ML_MODEL_RULE_INSIDE_H

#include "model/rule.h"

typedef enum rule_kind {
  RULE_OR, RULE_AND,             /* two children or more */
  RULE_EQ, RULE_NE, RULE_LT, RULE_LE, RULE_GT, RULE_GE,      /* two */
  RULE_NOT,                      /* one */
  RULE_VALUE,                    /* none: a null, truth, number or text */
  RULE_PATH,                     /* #transaction; children: its names */
  RULE_NAME                      /* value.s: a name behind "." or "?." */
} rule_kind;

/* Children are a chain: `first`, then each one's `next`; 0 ends it, so node 0
** is never used.  The tree is as deep as brackets and "not", never as long as
** the text. */
typedef struct rule_node {
  rule_kind kind;
  bool safe;                     /* RULE_NAME: behind "?." */
  uint32_t at, len;              /* its token in the text */
  uint32_t first, next;
  ml_json value;                 /* texts lie in rule->text */
} rule_node;

struct ml_rule {
  char *text;                    /* `size` bytes as given; then texts of it */
  size_t size;
  rule_node *nodes;
  uint32_t count, cap;
  uint32_t root;
};

/* Fill *e with the place of byte `at` of a rule's text. */
ml_rc rule_fail(ml_err *e, ml_rc rc, const char *text, size_t at,
                const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#endif
