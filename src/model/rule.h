/*
** rule.h - the rule language of transactionWorkflowMap.xml, compiled to a tree
** that can do nothing but look at one transaction.
**
**   {#transaction.tenantInitialState.name == 'NEW'
**    and not #transaction.tenant.accountType?.trial}
**
** A rule is one expression in braces:
**   or  := and { "or" and }            also ||
**   and := cmp { "and" cmp }           also &&
**   cmp := not [ OP not ]              == != < <= > >=, eq ne lt le gt ge
**   not := "not" not | operand         also !
**   operand := "(" or ")" | 'text' | "text" | 12 | -0.5 | true | false | null
**            | #transaction { "." name | "?." name }
** Words of the language stand in any case, names of properties are exact; a
** quote inside a text is written twice.  Everything else of SpEL (calls, T(...),
** new, @bean, assignment, indexing, arithmetic) is refused when compiled.
**
** What a rule means:
** - "." of a property the object lacks is an error, and so is "." of null or of
**   a value that is no object; "?." of null gives null, of a property that is
**   missing it is an error as well.
** - == and != take anything: null equals null only, '2' is not 2, 2 equals 2.0,
**   lists and objects are equal when all in them is.
** - < <= > >= take two numbers, two texts (in order of their code points) or
**   two of true and false; anything else is an error.
** - "and", "or" go from left to right and stop early; what they and "not" look
**   at, and the whole rule, must be true or false, else it is an error.
** Nothing is converted and nothing is guessed: an error is no "false".
*/
#ifndef ML_MODEL_RULE_H
#define ML_MODEL_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/pack.h"
#include "base/rc.h"

#define ML_RULE_BYTES (16u << 10)   /* of one rule's text */
#define ML_RULE_DEPTH 64u           /* brackets and "not" inside each other */
#define ML_RULE_STEPS 1000000u      /* of one evaluation */

typedef struct ml_rule ml_rule;

/* 0 stands for the default above; depth at most 256. */
typedef struct ml_rule_limits {
  uint32_t bytes, depth;
} ml_rule_limits;

/*
** Compile.  ML_INVALID: *e says what, and where as "line 1, column 7" of
** `text`; ML_LIMIT: one of the bounds, by name.  *out is ended with
** ml_rule_free().
*/
ml_rc ml_rule_compile(ml_str text, ml_rule **out, ml_err *e);
/* The same within other limits (may be NULL); *at (may be NULL) is the byte of
** `text` that the error is about. */
ml_rc ml_rule_compile_within(ml_str text, const ml_rule_limits *limits,
                             ml_rule **out, size_t *at, ml_err *e);
void ml_rule_free(ml_rule *r);               /* NULL allowed */

/*
** Is it true of this transaction?  ML_INVALID: the rule is an error there, *e
** says why and where in the rule; *out is untouched.  ML_LIMIT: it needed more
** than ML_RULE_STEPS.
*/
ml_rc ml_rule_eval(const ml_rule *r, const ml_json *transaction, bool *out,
                   ml_err *e);
/*
** Several evaluations over one transaction: they share a budget of steps, and
** remember where in large objects names were found, so the rules and the
** transaction outlive the pass.
**   ml_rule_pass pass = {.steps = ML_RULE_STEPS};
*/
typedef struct ml_rule_pass {
  uint64_t steps;                /* falls; at 0 it is ML_LIMIT */
  struct ml_rule_seen {          /* private */
    const ml_json *object, *value;
    ml_str name;
  } seen[64];
} ml_rule_pass;
ml_rc ml_rule_eval_within(const ml_rule *r, const ml_json *transaction,
                          ml_rule_pass *pass, bool *out, ml_err *e);

/* Its canonical text with braces: compiles to the same rule, prints the same
** again. */
void ml_rule_print(ml_buf *b, const ml_rule *r);

#endif
