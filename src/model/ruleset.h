/*
** ruleset.h - the rules of one file: which transactions go to which workflow.
**
** A worker evaluates rules.lua and gives, in the tree of a definition beside
** "workflows" (model/flow.h):
**   "rules": [ { "place": 1, "type": "tenantStateChange", "to": "onboarding",
**                "at": "rules.lua:3", "when": true, "data": true,
**                "rule": "{#transaction.a == 1}" } ],
**   "transactions": [ { "type": "orderPlaced", "at": "rules.lua:1" } ]
** `when` and `data` are functions, found again by place; `rule` is the text of
** an expression (model/rule.h), which the core evaluates itself.  A rule with
** neither `when` nor `rule` is always true.  "transactions" are the types
** besides the built-in ones.
**
** A type is one of the known words, bare or followed by " Transaction" (C1.1).
*/
#ifndef ML_MODEL_RULESET_H
#define ML_MODEL_RULESET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/pack.h"
#include "base/rc.h"
#include "model/flow.h"
#include "model/rule.h"

enum { ML_RULESET_MAX = 10000, ML_RULESET_TYPES_MAX = 256 };

typedef struct ml_match {        /* one rule */
  ml_str type;                   /* bare */
  ml_str to;
  ml_str at;                     /* "onboarding/rules.lua:3", "map.xml:5" */
  ml_rule *rule;                 /* its expression, or NULL */
  bool when, data;               /* functions */
  uint32_t place;                /* in the file's list, from 1 */
} ml_match;

typedef struct ml_ruleset {
  ml_arena arena;
  ml_match *all;        uint32_t count;
  ml_str *types;        uint32_t type_count;     /* registered, bare */
} ml_ruleset;

/*
** Check the tree's rules.  file: what the author calls "rules.lua", for places.
** Every mistake is told.  ML_INVALID: there was one; *out is NULL.  A tree
** without rules gives an empty set.
*/
ml_rc ml_ruleset_parse(const char *file, const ml_json *tree,
                       ml_flow_fault_fn *fault, void *arg, ml_ruleset **out);
void ml_ruleset_free(ml_ruleset *s);         /* NULL allowed */

/* The built-in types, ended by NULL. */
extern const char *const ml_transaction_types[];
bool ml_ruleset_builtin(ml_str bare);
bool ml_ruleset_has_type(const ml_ruleset *s, ml_str bare);
/* "x Transaction" and "x" are one word: the bare one. */
ml_str ml_ruleset_bare(ml_str spelling);

#endif
