/*
** life.c - what follows a write: values that are derived, and the activities
** of rules (P3.6, P3.7).
**
** The rules themselves are functions, asked by who calls the engine; their
** answer comes as ML_EV_DERIVED right behind the event it is about, before
** either is on disk.  An activity that a rule starts runs in a strand of its
** own, beside the phases, also when the process has ended.
*/
#include <stdio.h>

#include "engine/inside.h"
#include "model/field.h"

void hook_start(step *s, const ml_life_rule *r) {
  ml_strand *st = ml_process_add_strand(s->p, s->f, (uint16_t)r->list);

  if (st == NULL) {
    s->starved = true;
    return;
  }
  st->no = s->p->next_no++;
  st->phase = s->f->lists[r->list].first_phase;
  phase_enter(s, st->no, st->phase, NULL);
}

bool is_hook(const step *s, uint32_t strand_no) {
  const ml_strand *st = ml_process_strand(s->p, strand_no);

  return st != NULL && s->f->lists[st->list].branch == ML_LIST_HOOK;
}

bool is_hook_act(const step *s, uint32_t act_no) {
  const ml_act *a = ml_process_act(s->p, act_no);

  return a != NULL && is_hook(s, a->strand);
}

void hooks_next_action(step *s) {
  for (uint16_t i = 0; i < s->f->rule_count; i++)
    if (s->f->rules[i].on == ML_LIFE_NEXT_ACTION && s->f->rules[i].active)
      hook_start(s, &s->f->rules[i]);
}

/* ---- derived ---- */

static const ml_json *member(const ml_json *o, ml_str key) {
  for (uint32_t i = 0; o != NULL && o->type == ML_JOBJ && i < o->count; i++)
    if (ml_str_eq(o->obj[i].key, key))
      return &o->obj[i].value;
  return NULL;
}

/* The value of derived field i as it was answered; *out none: no value. */
static ml_rc derived_value(step *s, uint16_t i, ml_str *out) {
  const ml_field *f = &s->f->fields[i];
  const ml_json *v = member(s->ev->data, f->id);
  ml_buf b = {0};
  ml_rc rc = ML_OK;

  *out = ML_NOSTR;
  if (v != NULL)
    rc = ml_field_check(f, v, "/derivedData", &b, s->e);
  if (rc == ML_OK && b.bad)
    rc = ML_NOMEM;
  if (rc == ML_OK && b.len > 0) {
    out->p = ml_arena_dup(&s->out->arena, b.p, b.len);
    out->n = b.len;
    if (out->p == NULL)
      rc = ML_NOMEM;
  }
  ml_buf_free(&b);
  return rc;
}

static ml_rc check_derived(step *s, drafts *d) {
  ml_rc rc = ML_OK;

  d->list = ml_arena_alloc(&d->arena, (s->f->field_count + 1u) * sizeof *d->list);
  if (d->list == NULL)
    return ML_NOMEM;
  for (uint16_t i = 0; i < s->f->field_count && rc == ML_OK; i++) {
    ml_str v;

    if (!s->f->fields[i].derived)
      continue;
    rc = derived_value(s, i, &v);
    if (rc == ML_OK && !ml_str_eq(v, s->p->data[i]))
      d->list[d->count++] = (draft){i, v};
  }
  return rc;
}

/* Is this one of the rules that were asked? */
static bool asked(const ml_event *ev, const ml_life_rule *r) {
  return r->on == (ev->outcome.n > 0 ? ML_LIFE_AFTER_CREATE
                                     : ML_LIFE_AFTER_UPDATE);
}

ml_rc on_derived(step *s) {
  drafts d = {0};
  ml_rc rc = check_derived(s, &d);

  if (rc == ML_OK && d.count > 0) {
    ml_str shown = drafts_show(s, &d);

    drafts_apply(s, &d);
    tell(s, ML_TOLD_DATA, 0, -1, ML_STR("derived"))->data = shown;
  }
  drafts_free(&d);
  for (uint16_t i = 0; rc == ML_OK && i < s->f->rule_count; i++) {
    const ml_life_rule *r = &s->f->rules[i];

    if (asked(s->ev, r) && r->active && r->index <= s->ev->truth_count &&
        s->ev->truths[r->index - 1])
      hook_start(s, r);
  }
  if (rc == ML_OK)
    run_update(s);
  return rc;
}
