/*
** cpbm_check.c - what elements and files must agree on: names that stand once,
** workflows and activities that exist; and the order in which buckets run and
** rules are tried.
*/
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/args.h"
#include "cmd/cpbm_inside.h"

/* ---- names that stand once ---- */

typedef struct named {
  ml_str name;
  uint32_t line, i;
} named;

/* Bytes first, so that ml_cpbm_find() can search; then as the file has them. */
static int by_name(const void *pa, const void *pb) {
  const named *a = pa, *b = pb;
  size_t n = a->name.n < b->name.n ? a->name.n : b->name.n;
  int o = n > 0 ? memcmp(a->name.p, b->name.p, n) : 0;

  if (o == 0)
    o = (a->name.n > b->name.n) - (a->name.n < b->name.n);
  return o != 0 ? o : (a->i > b->i) - (a->i < b->i);
}

static int by_line(const void *pa, const void *pb) {
  const named *a = pa, *b = pb;

  return (a->i > b->i) - (a->i < b->i);
}

/* In list[0..n), sorted by name: each that repeats the one before.  Told in the
** order of the file; `first` is the line of the one it repeats. */
typedef struct repeated {
  named *list;
  uint32_t n;
} repeated;

static bool find_repeated(draft *d, const named *list, uint32_t n,
                          repeated *out) {
  uint32_t first = 0;

  *out = (repeated){NULL, 0};
  for (uint32_t i = 1; i < n; i++) {
    if (!ml_str_eq(list[i].name, list[first].name) || list[i].name.n == 0) {
      first = i;
      continue;
    }
    if (out->list == NULL)
      out->list = ml_mem_alloc(n * 2 * sizeof *out->list);
    if (out->list == NULL) {
      d->nomem = true;
      return false;
    }
    out->list[out->n * 2] = list[i];
    out->list[out->n++ * 2 + 1] = list[first];
  }
  if (out->n > 0)
    qsort(out->list, out->n, 2 * sizeof *out->list, by_line);
  return true;
}

static void check_workflow_names(draft *d) {
  ml_cpbm *c = d->c;
  named *list = ml_mem_alloc((c->workflow_count + 1u) * sizeof *list);
  repeated twice;

  c->by_name = ml_mem_alloc((c->workflow_count + 1u) * sizeof *c->by_name);
  if (list == NULL || c->by_name == NULL) {
    d->nomem = true;
    goto end;
  }
  for (uint32_t i = 0; i < c->workflow_count; i++)
    list[i] = (named){c->workflows[i].name, c->workflows[i].line, i};
  qsort(list, c->workflow_count, sizeof *list, by_name);
  for (uint32_t i = 0; i < c->workflow_count; i++)
    c->by_name[i] = list[i].i;
  if (!find_repeated(d, list, c->workflow_count, &twice))
    goto end;
  for (uint32_t i = 0; i < twice.n; i++)
    cpbm_tell(d, &d->src->workflows, twice.list[2 * i].line, false, "there are "
              "two workflows '%s'; the other is in line %u",
              cpbm_shown(twice.list[2 * i].name).s,
              (unsigned)twice.list[2 * i + 1].line);
  ml_mem_free(twice.list);
end:
  ml_mem_free(list);
}

/* ---- inside a workflow ---- */

static int by_order(const void *pa, const void *pb, void *arg) {
  const ml_cpbm_bucket *k = arg;
  uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

  if (k[a].order != k[b].order)
    return k[a].order < k[b].order ? -1 : 1;
  return (a > b) - (a < b);
}

static void put_in_order(draft *d, ml_cpbm_workflow *w) {
  w->sequence = ml_mem_alloc((w->bucket_count + 1u) * sizeof *w->sequence);
  if (w->sequence == NULL) {
    d->nomem = true;
    return;
  }
  for (uint32_t i = 0; i < w->bucket_count; i++)
    w->sequence[i] = i;
  qsort_r(w->sequence, w->bucket_count, sizeof *w->sequence, by_order,
          w->buckets);
  for (uint32_t i = 1; i < w->bucket_count; i++) {
    const ml_cpbm_bucket *a = &w->buckets[w->sequence[i - 1]];
    const ml_cpbm_bucket *b = &w->buckets[w->sequence[i]];

    if (a->order == b->order)
      cpbm_tell(d, &d->src->workflows, b->line, true, "in the workflow '%s' this "
                "Bucket has the order %d of that in line %u: they are one phase",
                cpbm_shown(w->name).s, (int)b->order, (unsigned)a->line);
  }
}

static void check_ref(draft *d, const ml_cpbm_workflow *w,
                      const ml_cpbm_bucket *k, const ml_cpbm_activity *a) {
  cpbm_word ref = cpbm_shown(a->ref), bucket;
  const char *near;
  ml_buf b = {0};

  if (a->ref.n == 0 || d->src->any_word
      || cpbm_known(a->ref, ml_cpbm_activities, d->src->activities))
    return;
  ml_cpbm_put_bucket_name(&b, k);
  if (b.bad)
    d->nomem = true;
  bucket = cpbm_shown((ml_str){b.p != NULL ? b.p : "", b.len});
  ml_buf_free(&b);
  near = ml_args_nearest(ref.s, ml_cpbm_activities);
  cpbm_tell(d, &d->src->workflows, a->line, false, "the activity '%s' in bucket "
            "'%s' of workflow '%s' has the ref '%s', and there is no activity of "
            "that name%s%s%s", cpbm_shown(a->name).s, bucket.s,
            cpbm_shown(w->name).s, ref.s, near != NULL ? "; is it '" : "",
            near != NULL ? near : "", near != NULL ? "'?" : "");
}

static void check_activities(draft *d, const ml_cpbm_workflow *w) {
  uint32_t n = 0, at = 0;
  named *list;
  repeated twice;

  for (uint32_t i = 0; i < w->bucket_count; i++)
    n += w->buckets[i].activity_count;
  list = ml_mem_alloc((n + 1u) * sizeof *list);
  if (list == NULL) {
    d->nomem = true;
    return;
  }
  for (uint32_t i = 0; i < w->bucket_count; i++)
    for (uint32_t j = 0; j < w->buckets[i].activity_count; j++, at++) {
      const ml_cpbm_activity *a = &w->buckets[i].activities[j];

      list[at] = (named){a->name, a->line, at};
      check_ref(d, w, &w->buckets[i], a);
    }
  qsort(list, n, sizeof *list, by_name);
  if (find_repeated(d, list, n, &twice)) {
    for (uint32_t i = 0; i < twice.n; i++)
      cpbm_tell(d, &d->src->workflows, twice.list[2 * i].line, false, "the "
                "workflow '%s' has two activities '%s'; the other is in line %u",
                cpbm_shown(w->name).s, cpbm_shown(twice.list[2 * i].name).s,
                (unsigned)twice.list[2 * i + 1].line);
    ml_mem_free(twice.list);
  }
  ml_mem_free(list);
}

/* The lists no longer grow: each workflow its buckets, each its activities. */
static void connect(ml_cpbm *c) {
  uint32_t bucket = 0, activity = 0;

  for (uint32_t i = 0; i < c->workflow_count; i++) {
    ml_cpbm_workflow *w = &c->workflows[i];

    w->buckets = w->bucket_count > 0 ? &c->buckets[bucket] : NULL;
    bucket += w->bucket_count;
    for (uint32_t j = 0; j < w->bucket_count; j++) {
      ml_cpbm_bucket *k = &w->buckets[j];

      k->activities = k->activity_count > 0 ? &c->activities[activity] : NULL;
      activity += k->activity_count;
    }
  }
}

/* ---- rules ---- */

enum { NAMES_BYTES = 4000 };

/* A mistake that lists the workflows there are. */
static void no_workflow(draft *d, const ml_cpbm_rule *r, ml_str target) {
  ml_buf b = {0};
  uint32_t i = 0;

  ml_buf_printf(&b, "the workflow '%s' is not defined in %s; defined are",
                cpbm_shown(target).s, cpbm_shown(d->src->workflows.name).s);
  for (; i < d->c->workflow_count && b.len < NAMES_BYTES; i++)
    ml_buf_printf(&b, "%s '%s'", i > 0 ? "," : "",
                  cpbm_shown(d->c->workflows[i].name).s);
  if (i == 0)
    ml_buf_puts(&b, " none");
  if (i < d->c->workflow_count)
    ml_buf_printf(&b, " and %u more", (unsigned)(d->c->workflow_count - i));
  if (b.bad)
    d->nomem = true;
  else
    cpbm_tell_text(d, &d->src->map, r->line, false, b.p);
  ml_buf_free(&b);
}

static struct ml_cpbm_type *type_of(draft *d, ml_str name) {
  ml_cpbm *c = d->c;
  struct ml_cpbm_type *list;

  for (uint32_t i = 0; i < c->type_count; i++)
    if (ml_str_eq(c->types[i].name, name))
      return &c->types[i];
  list = ml_mem_realloc(c->types, (c->type_count + 1u) * sizeof *list);
  if (list == NULL) {
    d->nomem = true;
    return NULL;
  }
  c->types = list;
  list += c->type_count++;
  *list = (struct ml_cpbm_type){name, 0, 0};
  return list;
}

/* Each type's rules in a chain, in the order of the file: a transaction meets
** those of its type only. */
static void chain_rules(draft *d) {
  ml_cpbm *c = d->c;

  for (uint32_t i = 0; i < c->rule_count && !d->nomem; i++) {
    struct ml_cpbm_type *t = type_of(d, c->rules[i].type);

    if (t == NULL)
      return;
    if (t->first == 0)
      t->first = i + 1;
    else
      c->rules[t->last - 1].next = i + 1;
    t->last = i + 1;
  }
}

void cpbm_check(draft *d) {
  ml_cpbm *c = d->c;

  connect(c);
  check_workflow_names(d);
  if (d->workflows_read)
    for (uint32_t i = 0; i < c->workflow_count && !d->nomem; i++) {
      put_in_order(d, &c->workflows[i]);
      check_activities(d, &c->workflows[i]);
    }
  if (d->nomem || !d->workflows_read || !d->map_read)
    return;
  for (uint32_t i = 0; i < c->rule_count && !d->nomem; i++) {
    int64_t at = ml_cpbm_find(c, d->targets[i]);

    if (at < 0 && d->targets[i].n > 0)
      no_workflow(d, &c->rules[i], d->targets[i]);
    c->rules[i].workflow = at >= 0 ? (uint32_t)at : 0;
  }
  if (d->faults == 0)            /* types are few once all of them are known */
    chain_rules(d);
}
