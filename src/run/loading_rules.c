/*
** loading_rules.c - the rules of a load: files of the configuration are asked
** of a worker like folders; all sets are judged together before any comes into
** force.
*/
#include <stdio.h>
#include <string.h>

#include "run/loading.h"

/* ---- files of rules ---- */

/* The configuration's files of rules; what is missing or broken is told. */
void load_ask_rules(loadrun *l) {
  const ml_run_conf *c = &l->r->conf;

  if (c->rule_count == 0 || l->check_only)
    return;
  l->rules = ml_mem_zero(c->rule_count * sizeof *l->rules);
  l->rule_count = l->rules != NULL ? c->rule_count : 0;
  if (l->rules == NULL)
    l->rc = ML_NOMEM;
  for (size_t i = 0; i < l->rule_count; i++) {
    folder *f = NULL;
    char path[4096];

    snprintf(path, sizeof path, "%.*s", (int)c->rules[i].n, c->rules[i].p);
    if (rule_file_read(path, &f, &l->r->conf.limits, load_fault,
                       l) == ML_NOMEM)
      l->rc = ML_NOMEM;
    if (f == NULL)
      continue;
    f->next = l->rule_files;
    l->rule_files = f;
    load_ask(l, f, (uint32_t)i + 1);
  }
}

/* What a file of rules came to: a bundle without workflows. */
void load_take_rules(loadrun *l, evaluated *v, const ml_json *tree) {
  bundle *b;
  ml_rc rc = ml_ruleset_parse(v->f->name.p, tree, load_fault, l, &v->rules);

  if (rc == ML_NOMEM)
    l->rc = rc;
  if (rc != ML_OK)
    return;
  b = bundle_make(0, v->f->hash, v->f->name, NULL, 0, v->rules, 0);
  v->rules = NULL;
  if (b != NULL && !l->check_only &&
      l->r->conf.script->bundle(l->r->conf.script, b->hash, v->f->sources,
                                v->f->source_count) != ML_OK) {
    bundle_free(b);
    b = NULL;
  }
  if (b == NULL)
    l->rc = ML_NOMEM;
  l->rules[v->place - 1] = b;
}

/* ---- judged together ---- */

/* Names that will be in force, and all sets of rules. */
static bool gather_rules(loadrun *l, rule_check *c) {
  const ml_run *r = l->r;
  size_t sets = l->rule_count + r->bundle_count, names = r->workflow_count;

  for (const evaluated *v = l->good; v != NULL; v = v->next) {
    sets++;
    names += v->count;
  }
  c->sets = ml_arena_alloc(&l->arena, (sets + 1) * sizeof *c->sets);
  c->names = ml_arena_alloc(&l->arena, (names + 1) * sizeof *c->names);
  if (c->sets == NULL || c->names == NULL)
    return false;
  for (size_t i = 0; i < l->rule_count; i++)
    if (l->rules[i] != NULL)
      c->sets[c->set_count++] = l->rules[i]->rules;
  for (const evaluated *v = l->good; v != NULL; v = v->next) {
    c->sets[c->set_count++] = v->rules;
    for (size_t i = 0; i < v->count; i++)
      c->names[c->name_count++] = v->flows[i]->name;
  }
  for (size_t i = 0; i < r->workflow_count; i++) {
    const ml_workflow *w = &r->workflows[i];
    const bundle *b = bundle_no(r, w->bundle);

    if (b == NULL || folder_is_gone(l->dir, b->folder) || load_has(l, b->folder))
      continue;
    c->sets[c->set_count++] = b->rules;
    c->names[c->name_count++] = w->name;
  }
  return true;
}

static bool folder_rules_fit(loadrun *l, const rule_check *c,
                             const evaluated *v) {
  ml_str *names = ml_arena_alloc(&l->arena, (v->count + 1) * sizeof *names);

  if (names == NULL) {
    l->rc = ML_NOMEM;
    return false;
  }
  for (size_t i = 0; i < v->count; i++)
    names[i] = v->flows[i]->name;
  return rules_check(c, v->rules, false, names, v->count, load_fault, l);
}

/* A folder whose rules do not fit stays as it was, and so do the files. */
void load_check_rules(loadrun *l) {
  rule_check c = {0};
  evaluated **at = &l->good;

  if (!gather_rules(l, &c)) {
    l->rc = ML_NOMEM;
    return;
  }
  while (*at != NULL) {
    evaluated *v = *at;

    if (folder_rules_fit(l, &c, v)) {
      at = &v->next;
    } else {
      *at = v->next;
      v->next = l->refused;
      l->refused = v;
    }
  }
  for (size_t i = 0; i < l->rule_count; i++)
    if (l->rules[i] == NULL ||
        !rules_check(&c, l->rules[i]->rules, true, NULL, 0, load_fault, l))
      l->rules_broken = true;
}

/* ---- in force ---- */

/* Files of rules that were replaced stay: a transaction may be asking them. */
ml_rc load_rules(loadrun *l) {
  ml_run *r = l->r;

  if (!l->rules_broken && l->rule_count > 0) {
    bundle **list = ml_mem_alloc(l->rule_count * sizeof *list);
    bundle **old;

    if (list == NULL)
      return ML_NOMEM;
    old = ml_mem_realloc(r->old_rules, (r->old_rule_count +
                                        r->rule_bundle_count + 1) *
                                           sizeof *old);
    if (old == NULL) {
      ml_mem_free(list);
      return ML_NOMEM;
    }
    r->old_rules = old;
    for (size_t i = 0; i < r->rule_bundle_count; i++)
      old[r->old_rule_count++] = r->rule_bundles[i];
    memcpy(list, l->rules, l->rule_count * sizeof *list);
    ml_mem_free(r->rule_bundles);
    r->rule_bundles = list;
    r->rule_bundle_count = l->rule_count;
    l->rule_count = 0;
  }
  /* None of the configuration's yet: what nobody may route is not taken. */
  return r->rule_bundle_count == r->conf.rule_count ? rulebook_swap(r) : ML_OK;
}
