/*
** rulebook.c - the rules in force: which files, in which order.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "run/inside.h"

rulebook *rulebook_hold(rulebook *b) {
  if (b != NULL)
    b->refs++;
  return b;
}

void rulebook_drop(rulebook *b) {
  if (b != NULL && --b->refs == 0)
    ml_mem_free(b);
}

bool rulebook_has_type(const rulebook *b, ml_str bare) {
  if (ml_ruleset_builtin(bare))
    return true;
  for (size_t i = 0; b != NULL && i < b->count; i++)
    if (ml_ruleset_has_type(b->files[i]->rules, bare))
      return true;
  return false;
}

/* ---- which are in force ---- */

static bool in_force(const ml_run *r, const bundle *b) {
  for (size_t i = 0; i < r->workflow_count; i++)
    if (r->workflows[i].bundle == b->no && r->workflows[i].flow != NULL)
      return true;
  return false;
}

static int by_folder(const void *a, const void *b) {
  const bundle *x = *(const bundle *const *)a, *y = *(const bundle *const *)b;

  return strcmp(x->folder.p, y->folder.p);
}

ml_rc rulebook_swap(ml_run *r) {
  rulebook *b = ml_mem_zero(sizeof *b + (r->rule_bundle_count +
                                         r->bundle_count) * sizeof *b->files);
  size_t own;

  if (b == NULL)
    return ML_NOMEM;
  b->refs = 1;
  for (size_t i = 0; i < r->rule_bundle_count; i++)
    b->files[b->count++] = r->rule_bundles[i];
  own = b->count;
  for (size_t i = 0; i < r->bundle_count; i++)
    if ((r->bundles[i]->rules->count > 0 ||
         r->bundles[i]->rules->type_count > 0) && in_force(r, r->bundles[i]))
      b->files[b->count++] = r->bundles[i];
  qsort(b->files + own, b->count - own, sizeof *b->files, by_folder);
  rulebook_drop(r->book);
  r->book = b;
  return ML_OK;
}

/* ---- would they do? ---- */

static bool listed(const ml_str *names, size_t n, ml_str name) {
  for (size_t i = 0; i < n; i++)
    if (ml_str_eq(names[i], name))
      return true;
  return false;
}

static bool known_type(const rule_check *c, ml_str type) {
  bool yes = ml_ruleset_builtin(type);

  for (size_t i = 0; i < c->set_count && !yes; i++)
    yes = ml_ruleset_has_type(c->sets[i], type);
  return yes;
}

static void put_names(ml_buf *b, const ml_str *names, size_t n) {
  for (size_t i = 0; i < n && b->len < 500; i++)
    ml_buf_printf(b, "%s'%.*s'", i > 0 ? ", " : "", (int)names[i].n, names[i].p);
}

static void tell(ml_flow_fault_fn *fault, void *arg, ml_str at,
                 const ml_buf *text) {
  char where[400];

  snprintf(where, sizeof where, "%.*s", (int)(at.n > 390 ? 390 : at.n), at.p);
  fault(arg, where, text->bad ? "memory is short" : text->p);
}

/* A folder's rules may name its own workflows only, a file's any. */
bool rules_check(const rule_check *c, const ml_ruleset *s, bool any_workflow,
                 const ml_str *names, size_t name_count,
                 ml_flow_fault_fn *fault, void *arg) {
  const ml_str *allowed = any_workflow ? c->names : names;
  size_t n = any_workflow ? c->name_count : name_count;
  bool good = true;

  for (uint32_t i = 0; i < s->count; i++) {
    const ml_match *m = &s->all[i];
    ml_buf b = {0};

    if (!known_type(c, m->type)) {
      ml_buf_printf(&b, "'%.*s' is no type of transactions that is known here; "
                    "register it with ml.transaction \"%.*s\", or use one of: ",
                    (int)m->type.n, m->type.p, (int)m->type.n, m->type.p);
      for (const char *const *p = ml_transaction_types; *p != NULL; p++)
        ml_buf_printf(&b, "%s%s", p == ml_transaction_types ? "" : ", ", *p);
      tell(fault, arg, m->at, &b);
      good = false;
    }
    if (!listed(allowed, n, m->to)) {
      ml_buf_reset(&b);
      ml_buf_printf(&b, "%s '%.*s'; ", any_workflow
                    ? "no workflow in force is called"
                    : "the rules of a folder name its own workflows only, not",
                    (int)m->to.n, m->to.p);
      ml_buf_puts(&b, any_workflow ? "there are: " : "it has: ");
      put_names(&b, allowed, n);
      tell(fault, arg, m->at, &b);
      good = false;
    }
    ml_buf_free(&b);
  }
  return good;
}
