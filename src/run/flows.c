/* flows.c - workflows read from a store, without scripts or a loop. */
#include "run/flows.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"

typedef struct one {
  uint32_t no;
  ml_flow **flows;
  size_t count;
} one;

struct ml_flows {
  one *list;
  size_t count;
  ml_rc rc;
};

static ml_rc take(one *o, const ml_row_bundle *row) {
  ml_arena a = {0};
  ml_json *tree = NULL;
  ml_rc rc = ml_json_parse(&a, row->tree.p != NULL ? row->tree.p : "",
                           row->tree.n, NULL, &tree, NULL);

  o->no = row->no;
  if (rc == ML_OK)
    rc = ml_flow_parse("stored", tree, NULL, NULL, &o->flows, &o->count);
  ml_arena_free(&a);
  return rc == ML_NOMEM ? rc : ML_OK;
}

static void read_work(void *arg, ml_read *r) {
  ml_flows *f = arg;
  ml_arena a = {0};
  ml_row_bundle *rows, whole;
  size_t n;

  f->rc = ml_read_bundles(r, &a, &rows, &n);
  if (f->rc == ML_OK) {
    f->list = ml_mem_zero((n + 1) * sizeof *f->list);
    f->rc = f->list != NULL ? ML_OK : ML_NOMEM;
  }
  for (size_t i = 0; f->rc == ML_OK && i < n; i++) {
    ml_arena one_tree = {0};

    f->rc = ml_read_bundle(r, &one_tree, rows[i].no, &whole);
    if (f->rc == ML_OK)
      f->rc = take(&f->list[f->count++], &whole);
    ml_arena_free(&one_tree);
  }
  ml_arena_free(&a);
}

ml_rc ml_flows_read(ml_store *s, ml_flows **out, ml_err *e) {
  ml_flows *f = ml_mem_zero(sizeof *f);
  ml_rc rc = f != NULL ? ml_store_read(s, read_work, NULL, f) : ML_NOMEM;

  *out = NULL;
  if (rc == ML_OK) {
    ml_store_wait(s);
    rc = f->rc;
  }
  if (rc == ML_OK) {
    *out = f;
    return ML_OK;
  }
  ml_flows_free(f);
  return ml_err_set(e, rc, NULL, "the stored workflows cannot be read (%s)",
                    ml_rc_name(rc));
}

void ml_flows_free(ml_flows *f) {
  if (f == NULL)
    return;
  for (size_t i = 0; i < f->count; i++) {
    for (size_t k = 0; k < f->list[i].count; k++)
      ml_flow_free(f->list[i].flows[k]);
    ml_mem_free(f->list[i].flows);
  }
  ml_mem_free(f->list);
  ml_mem_free(f);
}

const ml_flow *ml_flows_at(void *flows, uint32_t bundle, uint16_t index) {
  const ml_flows *f = flows;

  for (size_t i = 0; i < f->count; i++)
    if (f->list[i].no == bundle)
      return index < f->list[i].count ? f->list[i].flows[index] : NULL;
  return NULL;
}

typedef struct pass {
  ml_audit audit;
  ml_arena arena;
  ml_rc rc;
} pass;

static void piece_work(void *arg, ml_read *r) {
  pass *p = arg;

  p->rc = ml_audit_piece(&p->audit, r, &p->arena);
}

ml_rc ml_flows_audit(ml_store *s, ml_flows *f, ml_offender_fn *found, void *arg,
                     ml_audit_sums *sums) {
  pass p = {.audit = {.flow = ml_flows_at, .arg = f, .whole = true}};

  while (p.rc == ML_OK && !p.audit.over) {
    ml_rc rc;

    p.audit.sums = (ml_audit_sums){0};
    p.audit.found = NULL;
    p.audit.count = 0;
    rc = ml_store_read(s, piece_work, NULL, &p);
    if (rc != ML_OK)
      return rc;
    ml_store_wait(s);
    for (size_t i = 0; p.rc == ML_OK && i < p.audit.count; i++)
      found(arg, &p.audit.found[i]);
    ml_audit_add(sums, &p.audit.sums);
    ml_arena_free(&p.arena);
  }
  return p.rc;
}
