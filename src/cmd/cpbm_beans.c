/*
** cpbm_beans.c - what a beans file sets for the activities: each bean's value
** properties over its parents'.
*/
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/cpbm_inside.h"

enum { PARENTS_MAX = 16, SETTINGS_MAX = 256, RETRIES_MAX = 1000, HOURS_MAX = 876000 };

/* The last of two beans of one id would win in Spring; here the second is told
** and the first stands. */
static const draft_bean *bean_of(const draft *d, ml_str id) {
  for (uint32_t i = 0; i < d->bean_count; i++)
    if (d->beans[i].id.p != NULL && ml_str_eq(d->beans[i].id, id))
      return &d->beans[i];
  return NULL;
}

static int by_id(const void *pa, const void *pb) {
  const draft_bean *a = *(const draft_bean *const *)pa;
  const draft_bean *b = *(const draft_bean *const *)pb;
  size_t n = a->id.n < b->id.n ? a->id.n : b->id.n;
  int o = n > 0 ? memcmp(a->id.p, b->id.p, n) : 0;

  if (o == 0)
    o = (a->id.n > b->id.n) - (a->id.n < b->id.n);
  return o != 0 ? o : (a->line > b->line) - (a->line < b->line);
}

static void check_ids(draft *d) {
  const draft_bean **list = ml_mem_alloc((d->bean_count + 1u) * sizeof *list);

  if (list == NULL) {
    d->nomem = true;
    return;
  }
  for (uint32_t i = 0; i < d->bean_count; i++)
    list[i] = &d->beans[i];
  qsort(list, d->bean_count, sizeof *list, by_id);
  for (uint32_t i = 1; i < d->bean_count; i++)
    if (list[i]->id.n > 0 && ml_str_eq(list[i]->id, list[i - 1]->id))
      cpbm_tell(d, &d->src->beans, list[i]->line, false, "there are two beans "
                "'%s'; the other is in line %u", cpbm_shown(list[i]->id).s,
                (unsigned)list[i - 1]->line);
  ml_mem_free(list);
}

/* ---- one setting ---- */

static void check_count(draft *d, const draft_setting *s, int64_t most) {
  int64_t v;

  if (!ml_text_int(s->s.value, &v) || v < 0 || v > most)
    cpbm_tell(d, &d->src->beans, s->line, false, "the property '%s' is '%s'; it "
              "is an integer from 0 to %lld", cpbm_shown(s->s.name).s,
              cpbm_shown(s->s.value).s, (long long)most);
}

static void check_setting(draft *d, const draft_setting *s) {
  if (ml_str_is(s->s.name, "noOfRetries"))
    check_count(d, s, RETRIES_MAX);
  else if (ml_str_is(s->s.name, "failureThresholdInHours")
           || ml_str_is(s->s.name, "timeBetweenRetriesInHours"))
    check_count(d, s, HOURS_MAX);
  else if (!ml_text_printable(s->s.name) || !ml_text_printable(s->s.value))
    cpbm_tell(d, &d->src->beans, s->line, false, "the property '%s' holds control "
              "characters or marks that turn text around",
              cpbm_shown(s->s.name).s);
}

/* Add what `from` sets and `bean` has not yet. */
static void inherit(draft *d, ml_cpbm_bean *bean, const draft_bean *from,
                    uint32_t *cap) {
  uint32_t own = bean->setting_count;

  for (uint32_t i = 0; i < from->count; i++) {
    const draft_setting *s = &d->settings[from->first + i];
    ml_cpbm_setting *list;
    uint32_t k = 0;

    while (k < bean->setting_count
           && !ml_str_eq(bean->settings[k].name, s->s.name))
      k++;
    if (k < own)
      continue;
    if (k < bean->setting_count) {
      cpbm_tell(d, &d->src->beans, s->line, false, "this bean sets '%s' twice",
                cpbm_shown(s->s.name).s);
      continue;
    }
    if (bean->setting_count == SETTINGS_MAX) {
      cpbm_tell(d, &d->src->beans, s->line, false, "the bean '%s' has more than "
                "%d properties", cpbm_shown(bean->ref).s, SETTINGS_MAX);
      return;
    }
    check_setting(d, s);
    list = cpbm_room(d, bean->settings, bean->setting_count, cap, sizeof *list);
    if (list == NULL)
      return;
    bean->settings = list;
    list[bean->setting_count++] = s->s;
  }
}

static void resolve(draft *d, const draft_bean *own) {
  ml_cpbm *c = d->c;
  ml_cpbm_bean *list = ml_mem_realloc(c->beans, (c->bean_count + 1u)
                                                    * sizeof *list);
  const draft_bean *from = own;
  uint32_t cap = 0, parents = 0;

  if (list == NULL) {
    d->nomem = true;
    return;
  }
  c->beans = list;
  list += c->bean_count++;
  *list = (ml_cpbm_bean){own->id, own->line, NULL, 0};
  while (from != NULL && !d->nomem) {
    inherit(d, list, from, &cap);
    if (from->parent.p == NULL)
      return;
    if (++parents > PARENTS_MAX) {
      cpbm_tell(d, &d->src->beans, own->line, false, "the bean '%s' has itself "
                "among its parents, or more than %d of them",
                cpbm_shown(own->id).s, PARENTS_MAX);
      return;
    }
    from = bean_of(d, from->parent);
  }
}

void cpbm_check_beans(draft *d) {
  const char *const *lists[2] = {ml_cpbm_activities, d->src->activities};

  check_ids(d);
  if (d->src->any_word) {
    for (uint32_t i = 0; i < d->bean_count && !d->nomem; i++)
      resolve(d, &d->beans[i]);
    return;
  }
  for (size_t k = 0; k < 2; k++)
    for (const char *const *p = lists[k]; p != NULL && *p != NULL; p++) {
      const draft_bean *b = bean_of(d, ml_str_of(*p));

      if (b != NULL && !d->nomem)
        resolve(d, b);
    }
}
