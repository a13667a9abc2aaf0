/* ruleset.c - the rules of one file, checked. */
#include "model/ruleset.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

const char *const ml_transaction_types[] = {
  "tenantStateChange", "tenantAccountTypeConversion", "subscriptionActivation",
  "paymentInfoChange", "cloudServiceActivation", NULL};

bool ml_ruleset_builtin(ml_str bare) {
  for (const char *const *p = ml_transaction_types; *p != NULL; p++)
    if (ml_str_is(bare, *p))
      return true;
  return false;
}

bool ml_ruleset_has_type(const ml_ruleset *s, ml_str bare) {
  for (uint32_t i = 0; s != NULL && i < s->type_count; i++)
    if (ml_str_eq(s->types[i], bare))
      return true;
  return false;
}

ml_str ml_ruleset_bare(ml_str spelling) {
  static const char tail[] = " Transaction";
  size_t n = sizeof tail - 1;

  if (spelling.n > n && memcmp(spelling.p + spelling.n - n, tail, n) == 0)
    spelling.n -= n;
  return spelling;
}

void ml_ruleset_free(ml_ruleset *s) {
  if (s == NULL)
    return;
  for (uint32_t i = 0; i < s->count; i++)
    ml_rule_free(s->all[i].rule);
  ml_arena_free(&s->arena);
  ml_mem_free(s);
}

/* ---- reading ---- */

typedef struct reading {
  ml_ruleset *s;
  const char *file;
  ml_flow_fault_fn *fault;
  void *arg;
  uint32_t faults;
  bool nomem;
} reading;

static ml_str keep(reading *r, ml_str t) {
  char *p = t.p != NULL ? ml_arena_dup(&r->s->arena, t.p, t.n) : NULL;

  if (t.p != NULL && p == NULL)
    r->nomem = true;
  return p != NULL ? (ml_str){p, t.n} : ML_NOSTR;
}

/* "rules.lua:3" as the author calls the file. */
static ml_str place(reading *r, const ml_json *o) {
  static const char own[] = "rules.lua";
  ml_str at = ml_json_str(o, "at");
  char *p;

  if (at.p == NULL || at.n == 0)
    at = ML_STR("rules.lua");
  if (at.n < sizeof own - 1 || memcmp(at.p, own, sizeof own - 1) != 0)
    return keep(r, at);
  p = ml_arena_printf(&r->s->arena, "%s%.*s", r->file,
                      (int)(at.n - (sizeof own - 1)), at.p + sizeof own - 1);
  if (p == NULL)
    r->nomem = true;
  return ml_str_of(p);
}

static void wrong(reading *r, ml_str at, const char *text) {
  char where[400];

  if (++r->faults > 100 || r->fault == NULL)
    return;
  snprintf(where, sizeof where, "%.*s", (int)(at.n > 390 ? 390 : at.n),
           at.p != NULL ? at.p : "");
  r->fault(r->arg, where, text);
}

static ml_str type_of(reading *r, const ml_json *o, ml_str at) {
  ml_str type = ml_ruleset_bare(ml_json_str(o, "type"));
  char text[200], shown[100];

  if (ml_text_is_name(type))
    return keep(r, type);
  ml_text_excerpt(shown, sizeof shown, type.p != NULL ? type : ML_STR("nothing"));
  snprintf(text, sizeof text, "a rule begins with the type of its transactions, "
           "such as \"tenantStateChange\", not %s", shown);
  wrong(r, at, text);
  return ML_NOSTR;
}

/* A function is wanted, or nothing. */
static bool code(reading *r, const ml_json *o, const char *key, ml_str at) {
  const ml_json *v = ml_json_get(o, key);
  char text[120];

  if (v == NULL || (v->type == ML_JBOOL && v->b))
    return v != NULL;
  snprintf(text, sizeof text, "'%s' of a rule must be a function of the "
           "transaction", key);
  wrong(r, at, text);
  return false;
}

static void read_expression(reading *r, const ml_json *o, ml_match *m) {
  const ml_json *v = ml_json_get(o, "rule");
  ml_err e = {0};
  char text[800];
  ml_rc rc;

  if (v == NULL)
    return;
  if (v->type != ML_JSTR || m->when) {
    wrong(r, m->at, m->when ? "a rule has either 'when' or 'rule', not both"
                            : "'rule' must be a text, \"{#transaction.a == 1}\"");
    return;
  }
  rc = ml_rule_compile(v->s, &m->rule, &e);
  if (rc == ML_NOMEM) {
    r->nomem = true;
  } else if (rc != ML_OK) {
    snprintf(text, sizeof text, "in this rule, %s: %s", e.at, e.text);
    wrong(r, m->at, text);
  }
}

static void only_known(reading *r, const ml_json *o, ml_str at) {
  static const char *const known[] = {"place", "type", "to", "at", "when",
                                      "data", "rule", NULL};
  char text[200], shown[80];

  for (uint32_t i = 0; i < o->count; i++) {
    const char *const *k = known;

    while (*k != NULL && !ml_str_is(o->obj[i].key, *k))
      k++;
    if (*k != NULL)
      continue;
    ml_text_excerpt(shown, sizeof shown, o->obj[i].key);
    snprintf(text, sizeof text, "a rule has no '%s'; it has a type, to, when, "
             "data, rule", shown);
    wrong(r, at, text);
  }
}

static void read_rule(reading *r, const ml_json *o) {
  ml_match *m = &r->s->all[r->s->count];

  if (o->type != ML_JOBJ || ml_json_get(o, "$not_data") != NULL) {
    wrong(r, place(r, NULL), "an item of the rules is none: write { \"type\", to "
          "= \"workflow\", when = function(tx) ... end }");
    return;
  }
  memset(m, 0, sizeof *m);
  r->s->count++;
  m->at = place(r, o);
  m->type = type_of(r, o, m->at);
  m->to = keep(r, ml_json_str(o, "to"));
  m->place = (uint32_t)ml_json_int(o, "place", 0);
  if (!ml_text_is_name(m->to))
    wrong(r, m->at, "a rule needs to = \"workflow\": the name of a workflow");
  m->when = code(r, o, "when", m->at);
  m->data = code(r, o, "data", m->at);
  read_expression(r, o, m);
  only_known(r, o, m->at);
}

static void read_type(reading *r, const ml_json *o) {
  ml_str at = place(r, o), type = ml_ruleset_bare(ml_json_str(o, "type"));

  if (ml_text_is_name(type))
    r->s->types[r->s->type_count++] = keep(r, type);
  else
    wrong(r, at, "ml.transaction takes the name of a type: ml.transaction "
          "\"orderPlaced\"");
}

static const ml_json *list(reading *r, const ml_json *tree, const char *key,
                           uint32_t max) {
  const ml_json *v = ml_json_get(tree, key);
  char text[160];

  if (v == NULL)
    return NULL;
  snprintf(text, sizeof text, "more than %u %s in one file", max, key);
  if (v->type != ML_JARR)
    wrong(r, place(r, NULL), "must return what ml.rules made");
  else if (v->count > max)
    wrong(r, place(r, NULL), text);
  else
    return v;
  return NULL;
}

ml_rc ml_ruleset_parse(const char *file, const ml_json *tree,
                       ml_flow_fault_fn *fault, void *arg, ml_ruleset **out) {
  ml_ruleset *s = ml_mem_zero(sizeof *s);
  reading r = {.s = s, .file = file, .fault = fault, .arg = arg};
  const ml_json *rules, *types;

  *out = NULL;
  if (s == NULL)
    return ML_NOMEM;
  rules = list(&r, tree, "rules", ML_RULESET_MAX);
  types = list(&r, tree, "transactions", ML_RULESET_TYPES_MAX);
  s->all = ml_arena_zero(&s->arena, ((rules != NULL ? rules->count : 0) + 1u) *
                                        sizeof *s->all);
  s->types = ml_arena_zero(&s->arena, ((types != NULL ? types->count : 0) + 1u) *
                                          sizeof *s->types);
  r.nomem = s->all == NULL || s->types == NULL;
  for (uint32_t i = 0; rules != NULL && i < rules->count && !r.nomem; i++)
    read_rule(&r, &rules->arr[i]);
  for (uint32_t i = 0; types != NULL && i < types->count && !r.nomem; i++)
    read_type(&r, &types->arr[i]);
  if (!r.nomem && r.faults == 0) {
    *out = s;
    return ML_OK;
  }
  ml_ruleset_free(s);
  return r.nomem ? ML_NOMEM : ML_INVALID;
}
