/* cpbm.c - a set's life, its look-ups, and how its mistakes are told. */
#include "cmd/cpbm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd/cpbm_inside.h"

const char *const ml_cpbm_activities[] = {
  "verifyMasterUserEmailActivity", "collectCreditCardInfoActivity",
  "collectPaymentInfoActivity", "verifyCreditCardInfoActivity",
  "verifyDepositActivity", "createOSSAccountActivity",
  "subscriptionPreAuthActivity", "financeInternalApprovalActivity",
  "serviceActivationApprovalActivity", "tenantOwnerApprovalActivity",
  "dummyActivity", NULL};

/* ---- telling ---- */

void cpbm_tell_text(draft *d, const ml_cpbm_file *f, uint32_t line,
                    bool warning, const char *text) {
  uint32_t *n = warning ? &d->warnings : &d->faults;
  uint32_t most = warning ? ML_CPBM_WARNINGS : ML_CPBM_FAULTS;

  if (*n == UINT32_MAX)
    return;
  (*n)++;
  if (d->fault == NULL || *n > most + 1)
    return;
  if (*n == most + 1)
    text = warning ? "there are more warnings; they are not told"
                   : "there are more mistakes; they are not told";
  d->fault(d->arg, f->name, line, text, warning);
}

void cpbm_tell(draft *d, const ml_cpbm_file *f, uint32_t line, bool warning,
               const char *fmt, ...) {
  char text[1000];
  va_list ap;

  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  cpbm_tell_text(d, f, line, warning, text);
}

cpbm_word cpbm_shown(ml_str s) {
  cpbm_word w;

  ml_text_excerpt(w.s, sizeof w.s, s);
  return w;
}

/* ---- memory ---- */

void *cpbm_room(draft *d, void *list, uint32_t used, uint32_t *cap,
                size_t size) {
  uint32_t more = *cap > 0 ? *cap * 2 : 64;
  void *grown;

  if (used < *cap)
    return list;
  grown = ml_mem_realloc(list, more * size);
  if (grown == NULL) {
    d->nomem = true;
    return NULL;
  }
  *cap = more;
  return grown;
}

ml_str cpbm_keep(draft *d, ml_str s) {
  char *p;

  if (s.p == NULL)
    return s;
  p = ml_arena_dup(&d->c->arena, s.p, s.n);
  if (p == NULL)
    d->nomem = true;
  return (ml_str){p, p != NULL ? s.n : 0};
}

void ml_cpbm_free(ml_cpbm *c) {
  if (c == NULL)
    return;
  for (uint32_t i = 0; i < c->rule_count; i++)
    ml_rule_free(c->rules[i].rule);
  for (uint32_t i = 0; i < c->bean_count; i++)
    ml_mem_free(c->beans[i].settings);
  for (uint32_t i = 0; i < c->workflow_count; i++)
    ml_mem_free(c->workflows[i].sequence);
  ml_mem_free(c->rules);
  ml_mem_free(c->workflows);
  ml_mem_free(c->buckets);
  ml_mem_free(c->activities);
  ml_mem_free(c->beans);
  ml_mem_free(c->by_name);
  ml_mem_free(c->types);
  ml_arena_free(&c->arena);
  ml_mem_free(c);
}

/* ---- loading ---- */

static uint32_t limit(uint32_t given, uint32_t dflt, uint32_t most) {
  if (given == 0)
    return dflt;
  return given < most ? given : most;
}

static ml_cpbm_limits limits_of(const ml_cpbm_limits *l) {
  return (ml_cpbm_limits){
    .file_bytes = limit(l->file_bytes, 16u << 20, 1u << 30),
    .depth = limit(l->depth, 32, 10000),
    .attribute_bytes = limit(l->attribute_bytes, 4u << 10, 1u << 30),
    .rule_bytes = limit(l->rule_bytes, ML_RULE_BYTES, 1u << 28),
    .rule_depth = limit(l->rule_depth, ML_RULE_DEPTH, 256),
    .matches = limit(l->matches, 10000, 10000000),
    .workflows = limit(l->workflows, 10000, 10000000)};
}

ml_rc ml_cpbm_load(const ml_cpbm_source *src, ml_cpbm_fault_fn *fault,
                   void *arg, ml_cpbm **out) {
  draft d = {.src = src, .limits = limits_of(&src->limits), .fault = fault,
             .arg = arg};

  *out = NULL;
  d.c = ml_mem_zero(sizeof *d.c);
  if (d.c == NULL)
    return ML_NOMEM;
  cpbm_read(&d, CPBM_WORKFLOWS, &src->workflows);
  cpbm_read(&d, CPBM_MAP, &src->map);
  if (src->beans.bytes.p != NULL)
    cpbm_read(&d, CPBM_BEANS, &src->beans);
  if (!d.nomem)
    cpbm_check(&d);
  if (!d.nomem && d.beans_read)
    cpbm_check_beans(&d);
  ml_mem_free(d.targets);
  ml_mem_free(d.beans);
  ml_mem_free(d.settings);
  if (d.nomem || d.faults > 0) {
    ml_cpbm_free(d.c);
    return d.nomem ? ML_NOMEM : ML_INVALID;
  }
  *out = d.c;
  return ML_OK;
}

/* ---- looking ---- */

static int order_names(ml_str a, ml_str b) {
  size_t n = a.n < b.n ? a.n : b.n;
  int o = n > 0 ? memcmp(a.p, b.p, n) : 0;

  return o != 0 ? o : (a.n > b.n) - (a.n < b.n);
}

int64_t ml_cpbm_find(const ml_cpbm *c, ml_str name) {
  uint32_t lo = 0, hi = c->workflow_count;

  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    int o = order_names(c->workflows[c->by_name[mid]].name, name);

    if (o == 0)
      return c->by_name[mid];
    if (o < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return -1;
}

bool cpbm_known(ml_str s, const char *const *list, const char *const *more) {
  for (; *list != NULL; list++)
    if (ml_str_is(s, *list))
      return true;
  return more != NULL && cpbm_known(s, more, NULL);
}

ml_rc ml_cpbm_match(const ml_cpbm *c, ml_str type, const ml_json *transaction,
                    const ml_cpbm_rule **out, ml_err *e) {
  ml_rule_pass pass = {.steps = ML_CPBM_STEPS};
  uint32_t at = 0;

  *out = NULL;
  type = ml_ruleset_bare(type);
  for (uint32_t i = 0; i < c->type_count && at == 0; i++)
    if (ml_str_eq(c->types[i].name, type))
      at = c->types[i].first;
  for (; at != 0; at = c->rules[at - 1].next) {
    const ml_cpbm_rule *r = &c->rules[at - 1];
    bool yes = false;
    ml_rc rc = ml_rule_eval_within(r->rule, transaction, &pass, &yes, e);

    if (rc != ML_OK || yes) {
      *out = r;
      return rc;
    }
  }
  return ML_OK;
}

void ml_cpbm_put_bucket_name(ml_buf *b, const ml_cpbm_bucket *k) {
  if (k->name.p != NULL)
    ml_buf_put(b, k->name.p, k->name.n);
  else
    ml_buf_printf(b, "Phase %d", (int)k->order);
}
