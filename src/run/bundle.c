/*
** bundle.c - bundles and the workflows in force: loaded, checked, swapped.
*/
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "run/loading.h"

static const ml_json_limits tree_limits = {.members = ML_TREE_NODES_MAX};

bundle *bundle_no(const ml_run *r, uint32_t no) {
  for (size_t i = 0; i < r->bundle_count; i++)
    if (r->bundles[i]->no == no)
      return r->bundles[i];
  return NULL;
}

bundle *bundle_hash(const ml_run *r, const uint8_t hash[32]) {
  for (size_t i = 0; i < r->bundle_count; i++)
    if (memcmp(r->bundles[i]->hash, hash, 32) == 0)
      return r->bundles[i];
  return NULL;
}

void bundle_free(bundle *b) {
  if (b == NULL)
    return;
  for (size_t i = 0; i < b->flow_count; i++) {
    ml_flow_free(b->flows[i]);
    if (b->manned != NULL)
      ml_mem_free(b->manned[i]);
  }
  ml_mem_free(b->flows);
  ml_mem_free(b->manned);
  ml_ruleset_free(b->rules);
  ml_mem_free((char *)b->folder.p);
  ml_mem_free(b);
}

/* Make one from its parts; takes flows and rules.  NULL: out of memory. */
bundle *bundle_make(uint32_t no, const uint8_t hash[32], ml_str name,
                           ml_flow **flows, size_t count, ml_ruleset *rules,
                           int64_t at_ms) {
  bundle *b = ml_mem_zero(sizeof *b);
  ml_buf hex = {0};

  if (b == NULL) {
    ml_ruleset_free(rules);
    goto fail;
  }
  b->rules = rules;
  b->no = no;
  memcpy(b->hash, hash, 32);
  b->at_ms = at_ms;
  b->folder.p = ml_mem_dup(name.p, name.n);
  b->folder.n = name.n;
  b->manned = ml_mem_zero(sizeof *b->manned * (count + 1));
  ml_text_put_hex(&hex, hash, 32);
  if (b->folder.p == NULL || b->manned == NULL || hex.bad || hex.len != 64)
    goto fail;
  memcpy(b->version, hex.p, 65);
  ml_buf_free(&hex);
  b->flows = flows;
  b->flow_count = count;
  for (size_t i = 0; i < count; i++) {
    b->manned[i] = ml_mem_zero(flows[i]->lane_count + 1u);
    if (b->manned[i] == NULL) {
      bundle_free(b);
      return NULL;
    }
  }
  return b;
fail:
  ml_buf_free(&hex);
  for (size_t i = 0; i < count; i++)
    ml_flow_free(flows[i]);
  ml_mem_free(flows);
  bundle_free(b);
  return NULL;
}

ml_rc bundle_add(ml_run *r, bundle *b) {
  bundle **list = ml_mem_realloc(r->bundles,
                                 sizeof *list * (r->bundle_count + 1));

  if (list == NULL)
    return ML_NOMEM;
  r->bundles = list;
  list[r->bundle_count++] = b;
  return ML_OK;
}

void sources_pack(ml_buf *b, const ml_source *src, size_t n) {
  ml_pack_u64(b, n);
  for (size_t i = 0; i < n; i++) {
    ml_pack_str(b, src[i].name);
    ml_pack_str(b, src[i].text);
  }
}

ml_rc sources_unpack(ml_arena *a, ml_str packed, ml_source **src, size_t *n) {
  ml_unpack u = ml_unpack_of(packed.p, packed.n);
  uint32_t count = ml_unpack_u32(&u, 1000);

  *src = ml_arena_zero(a, sizeof **src * (count + 1u));
  if (*src == NULL)
    return ML_NOMEM;
  for (uint32_t i = 0; i < count; i++) {
    (*src)[i].name = ml_unpack_str(&u);
    (*src)[i].text = ml_unpack_str(&u);
  }
  *n = count;
  return ml_unpack_end(&u) ? ML_OK : ML_CORRUPT;
}

/* The rules in a folder's tree. */
static ml_rc folder_rules(ml_str folder_name, const ml_json *tree,
                          ml_flow_fault_fn *fault, void *arg,
                          ml_ruleset **out) {
  char file[120];

  snprintf(file, sizeof file, "%.*s/rules.lua", (int)folder_name.n,
           folder_name.p);
  return ml_ruleset_parse(file, tree, fault, arg, out);
}

/* A stored bundle: its tree was checked when it came into force. */
ml_rc bundle_from_row(ml_run *r, const ml_row_bundle *row, ml_err *e) {
  ml_arena a = {0};
  ml_json *tree = NULL;
  ml_flow **flows = NULL;
  ml_source *src = NULL;
  ml_ruleset *rules = NULL;
  size_t count = 0, n = 0;
  bundle *b = NULL;
  ml_rc rc = ml_json_parse(&a, row->tree.p, row->tree.n, &tree_limits, &tree,
                           e);

  if (rc == ML_OK)
    rc = folder_rules(row->folder, tree, NULL, NULL, &rules);
  if (rc == ML_OK)
    rc = ml_flow_parse("stored", tree, NULL, NULL, &flows, &count);
  if (rc == ML_OK) {
    limits_flows(r, flows, count);
    b = bundle_make(row->no, row->hash, row->folder, flows, count, rules,
                    row->at_ms);
    rc = b != NULL ? bundle_add(r, b) : ML_NOMEM;
    if (rc != ML_OK)
      bundle_free(b);
  } else {
    ml_ruleset_free(rules);
  }
  if (rc == ML_OK && !r->conf.still)
    rc = sources_unpack(&a, row->sources, &src, &n);
  if (rc == ML_OK && !r->conf.still)
    rc = r->conf.script->bundle(r->conf.script, row->hash, src, n);
  ml_arena_free(&a);
  return rc;
}

/* ---- workflows ---- */

ml_workflow *workflow_named(ml_run *r, ml_str name, bool make) {
  ml_workflow *list;
  bool starved = false;

  for (size_t i = 0; i < r->workflow_count; i++)
    if (ml_str_eq(r->workflows[i].name, name))
      return &r->workflows[i];
  if (!make)
    return NULL;
  list = ml_mem_realloc(r->workflows, sizeof *list * (r->workflow_count + 1));
  if (list == NULL)
    return NULL;
  r->workflows = list;
  list += r->workflow_count;
  memset(list, 0, sizeof *list);
  list->name = arena_str(&r->names, name, &starved);
  if (starved)
    return NULL;
  r->workflow_count++;
  return list;
}

size_t ml_run_workflow_count(const ml_run *r) { return r->workflow_count; }

const ml_workflow *ml_run_workflow_at(const ml_run *r, size_t i) {
  return i < r->workflow_count ? &r->workflows[i] : NULL;
}

const ml_workflow *ml_run_workflow(const ml_run *r, ml_str name) {
  return workflow_named((ml_run *)r, name, false);
}

const ml_workflow *ml_run_workflow_no(const ml_run *r, uint32_t no) {
  for (size_t i = 0; i < r->workflow_count; i++)
    if (r->workflows[i].no == no)
      return &r->workflows[i];
  return NULL;
}

const ml_flow *ml_run_flow(const ml_run *r, uint32_t no, uint16_t index) {
  const bundle *b = bundle_no(r, no);

  return b != NULL && index < b->flow_count ? b->flows[index] : NULL;
}

ml_str ml_run_bundle_version(const ml_run *r, uint32_t no) {
  const bundle *b = bundle_no(r, no);

  return b != NULL ? ml_str_of(b->version) : ML_STR("");
}

ml_str ml_run_broken(const ml_run *r) {
  return r->broken.p != NULL ? (ml_str){r->broken.p, r->broken.len}
                             : ML_STR("");
}

/* ---- loading folders ---- */

void load_fault(void *arg, const char *at, const char *text) {
  loadrun *l = arg;

  l->broken = true;
  if (!l->check_only)
    ml_buf_printf(&l->r->broken, "%s: %s\n", at, text);
  if (l->fault != NULL)
    l->fault(l->arg, at, text);
}

static void evaluated_free(evaluated *v) {
  if (v == NULL)
    return;
  for (size_t i = 0; i < v->count && v->flows != NULL && !v->held; i++)
    ml_flow_free(v->flows[i]);
  if (!v->held) {
    ml_mem_free(v->flows);
    ml_ruleset_free(v->rules);
  }
  ml_buf_free(&v->tree);
  ml_mem_free(v);
}

static void evaluated_list_free(evaluated *v) {
  while (v != NULL) {
    evaluated *next = v->next;

    evaluated_free(v);
    v = next;
  }
}

static void load_end(loadrun *l, ml_rc rc, const ml_err *e) {
  ml_run *r = l->r;
  ml_err here = {0};

  if (rc == ML_OK && l->broken) {
    rc = ML_INVALID;
    ml_err_set(&here, rc, "", "some definitions have mistakes and were not "
               "brought into force");
    e = &here;
  }
  l->done(l->arg, rc, e != NULL ? e : &here);
  evaluated_list_free(l->good);
  evaluated_list_free(l->refused);
  folders_free(l->folders);
  folders_free(l->rule_files);
  for (size_t i = 0; i < l->rule_count && l->rules != NULL; i++)
    bundle_free(l->rules[i]);
  ml_mem_free(l->rules);
  ml_arena_free(&l->arena);
  ml_mem_free(l->dir);
  ml_mem_free(l->fresh);
  ml_mem_free(l);
  busy_end(r);
}

static void fill_load(void *arg, ml_batch *b) {
  loadrun *l = arg;

  for (size_t i = 0; i < l->row_count; i++)
    ml_batch_bundle(b, &l->rows[i]);
  for (size_t i = 0; i < l->name_count; i++)
    ml_batch_workflow(b, &l->names[i]);
  for (size_t i = 0; i < l->lane_count; i++)
    ml_batch_lane(b, &l->lanes[i]);
}

/* On disk: now the routes, polls and starts are the new ones, in one step. */
static void stored(void *arg, ml_rc rc, const ml_err *e) {
  loadrun *l = arg;
  ml_run *r = l->r;

  for (size_t i = 0; i < l->fresh_count; i++) {
    if (rc == ML_OK)
      rc = bundle_add(r, l->fresh[i]);
    if (rc != ML_OK)
      bundle_free(l->fresh[i]);
  }
  if (rc == ML_OK) {
    for (size_t i = 0; i < l->name_count; i++) {
      ml_workflow *w = workflow_named(r, l->names[i].name, true);

      if (w == NULL) {
        rc = ML_NOMEM;
        break;
      }
      w->no = l->names[i].no;
      w->bundle = l->names[i].bundle;
      w->flow = ml_run_flow(r, w->bundle, l->names[i].flow_index);
    }
    bundle_man(r);
    if (rc == ML_OK)
      rc = load_rules(l);
    triggers_swap(r);
    if (r->begun)
      due_look(r);
    search_look(r);
  }
  load_end(l, rc, e);
}

static uint32_t next_bundle_no(const ml_run *r) {
  uint32_t no = 0;

  for (size_t i = 0; i < r->bundle_count; i++)
    if (r->bundles[i]->no > no)
      no = r->bundles[i]->no;
  return no + 1;
}

static uint32_t next_workflow_no(const ml_run *r, const loadrun *l) {
  uint32_t no = 0;

  for (size_t i = 0; i < r->workflow_count; i++)
    if (r->workflows[i].no > no)
      no = r->workflows[i].no;
  for (size_t i = 0; i < l->name_count; i++)
    if (l->names[i].no > no)
      no = l->names[i].no;
  return no + 1;
}

static void add_lanes(ml_run *r, loadrun *l, const ml_flow *f) {
  for (uint16_t i = 0; i < f->lane_count; i++) {
    uint32_t no = (uint32_t)r->people.lane_count + 1;
    bool starved = false;
    ml_row_lane *row = &l->lanes[l->lane_count];

    if (ml_run_lane_no(r, f->name, f->lanes[i].id) != 0)
      continue;
    for (size_t k = 0; k < l->lane_count; k++)
      if (l->lanes[k].no >= no)
        no = l->lanes[k].no + 1;
    row->no = no;
    row->workflow = arena_str(&l->arena, f->name, &starved);
    row->lane = arena_str(&l->arena, f->lanes[i].id, &starved);
    if (!starved)
      l->lane_count++;
    else
      l->rc = ML_NOMEM;
  }
}

static bool name_taken(loadrun *l, const evaluated *v, const ml_flow *f) {
  for (const evaluated *o = l->good; o != v; o = o->next)
    for (size_t i = 0; i < o->count; i++)
      if (ml_str_eq(o->flows[i]->name, f->name)) {
        char at[300], text[300];

        snprintf(at, sizeof at, "%s/workflow.lua:1", v->f->name.p);
        snprintf(text, sizeof text, "workflow '%.*s' is defined in folder '%s' "
                 "already", (int)f->name.n, f->name.p, o->f->name.p);
        load_fault(l, at, text);
        return true;
      }
  return false;
}

static void put_workflows(ml_run *r, loadrun *l, const evaluated *v,
                          uint32_t bundle_number) {
  for (size_t i = 0; i < v->count; i++) {
    const ml_workflow *old = ml_run_workflow(r, v->flows[i]->name);
    ml_row_workflow *row = &l->names[l->name_count];
    bool starved = false;

    row->no = old != NULL ? old->no : next_workflow_no(r, l);
    row->name = arena_str(&l->arena, v->flows[i]->name, &starved);
    row->bundle = bundle_number;
    row->flow_index = (uint16_t)i;
    l->name_count++;
    add_lanes(r, l, v->flows[i]);
    if (starved)
      l->rc = ML_NOMEM;
  }
}

/* Did this folder come in whole just now? */
bool load_has(const loadrun *l, ml_str name) {
  for (const evaluated *v = l->good; v != NULL; v = v->next)
    if (ml_str_eq(v->f->name, name))
      return true;
  return false;
}

/* A workflow whose folder is gone, or names it no more, is no longer in force; its processes go on
** from their bundle. */
static void take_away(ml_run *r, loadrun *l) {
  for (size_t i = 0; i < r->workflow_count; i++) {
    const ml_workflow *w = &r->workflows[i];
    const bundle *b = bundle_no(r, w->bundle);
    ml_row_workflow *row = &l->names[l->name_count];
    bool again = b == NULL || !(folder_is_gone(l->dir, b->folder) ||
                                load_has(l, b->folder));

    for (size_t k = 0; k < l->name_count; k++)
      again = again || ml_str_eq(l->names[k].name, w->name);
    if (again)
      continue;
    *row = (ml_row_workflow){w->no, w->name, 0, 0};
    l->name_count++;
  }
}

/* Make the rows of one sound folder. */
static ml_rc bring(ml_run *r, loadrun *l, evaluated *v) {
  bundle *b = bundle_hash(r, v->f->hash);
  ml_buf packed = {0};
  ml_row_bundle *row;
  bool starved = false;
  bundle **list;

  if (b != NULL) {
    put_workflows(r, l, v, b->no);
    return l->rc;
  }
  put_workflows(r, l, v, next_bundle_no(r) + (uint32_t)l->fresh_count);
  list = ml_mem_realloc(l->fresh, sizeof *list * (l->fresh_count + 1));
  if (list == NULL)
    return ML_NOMEM;
  l->fresh = list;
  b = bundle_make(next_bundle_no(r) + (uint32_t)l->fresh_count, v->f->hash,
                  v->f->name, v->flows, v->count, v->rules, now_wall(r));
  v->rules = NULL;
  v->flows = NULL;
  v->count = 0;
  if (b == NULL)
    return ML_NOMEM;
  list[l->fresh_count++] = b;
  sources_pack(&packed, v->f->sources, v->f->source_count);
  row = &l->rows[l->row_count];
  row->no = b->no;
  memcpy(row->hash, b->hash, 32);
  row->folder = arena_str(&l->arena, b->folder, &starved);
  row->sources = arena_str(&l->arena, (ml_str){packed.p, packed.len}, &starved);
  row->tree = arena_str(&l->arena, (ml_str){v->tree.p, v->tree.len}, &starved);
  row->at_ms = b->at_ms;
  starved = starved || packed.bad;
  ml_buf_free(&packed);
  if (starved)
    return ML_NOMEM;
  l->row_count++;
  return r->conf.script->bundle(r->conf.script, b->hash, v->f->sources,
                                v->f->source_count);
}

static void load_all_answered(loadrun *l) {
  ml_run *r = l->r;
  size_t folders = 0, flows = 0, lanes = 0;
  ml_err e = {0};

  if (l->rc == ML_OK)
    load_check_rules(l);

  for (evaluated *v = l->good; v != NULL; v = v->next)
    for (size_t i = 0; i < v->count; i++)
      name_taken(l, v, v->flows[i]);
  if (l->check_only || l->rc != ML_OK) {
    if (l->rc != ML_OK)
      ml_err_set(&e, l->rc, "", "memory is short");
    load_end(l, l->rc, &e);
    return;
  }
  for (evaluated *v = l->good; v != NULL; v = v->next) {
    folders++;
    flows += v->count;
    for (size_t i = 0; i < v->count; i++) {
      lanes += v->flows[i]->lane_count;
      limits_log(r, v->flows[i]);
    }
  }
  l->rows = ml_arena_zero(&l->arena, sizeof *l->rows * (folders + 1));
  l->names = ml_arena_zero(&l->arena, sizeof *l->names *
                                          (flows + r->workflow_count + 1));
  l->lanes = ml_arena_zero(&l->arena, sizeof *l->lanes * (lanes + 1));
  if (l->rows == NULL || l->names == NULL || l->lanes == NULL)
    l->rc = ML_NOMEM;
  for (evaluated *v = l->good; v != NULL && l->rc == ML_OK; v = v->next)
    l->rc = bring(r, l, v);
  if (l->rc == ML_OK)
    take_away(r, l);
  if (l->rc != ML_OK) {
    for (size_t i = 0; i < l->fresh_count; i++)
      bundle_free(l->fresh[i]);
    l->fresh_count = 0;
    ml_err_set(&e, l->rc, "", "memory is short");
    load_end(l, l->rc, &e);
    return;
  }
  ml_run_write(r, fill_load, stored, l);
}

static void not_defined(loadrun *l, const evaluated *v, ml_rc rc,
                        const ml_answer *a) {
  static const char own[] = "rules.lua";
  char at[300], text[700];
  ml_str where = a->at;

  if (where.n == 0 && a->text.n > sizeof own &&
      memcmp(a->text.p, own, sizeof own - 1) == 0)
    where = ML_STR("rules.lua");            /* what it returned, not a line */

  snprintf(text, sizeof text, "%.*s", (int)(a->text.n > 600 ? 600 : a->text.n),
           a->text.p != NULL ? a->text.p : ml_rc_name(rc));
  if (v->place > 0 && where.n >= sizeof own - 1 &&
      memcmp(where.p, own, sizeof own - 1) == 0)
    snprintf(at, sizeof at, "%s%.*s", v->f->name.p,
             (int)(where.n - (sizeof own - 1)), where.p + sizeof own - 1);
  else
    snprintf(at, sizeof at, "%s%s%.*s", v->f->name.p, where.n > 0 ? "/" : "",
             (int)where.n, where.p != NULL ? where.p : "");
  load_fault(l, at, text);
}

static void add_good(loadrun *l, evaluated *v) {
  evaluated **end = &l->good;

  while (*end != NULL)
    end = &(*end)->next;
  *end = v;
}

/* The tree of a folder, checked; ML_OK: it may come into force. */
static ml_rc take_folder(loadrun *l, evaluated *v, const ml_json *tree) {
  ml_rc rc = ml_flow_parse(v->f->name.p, tree, load_fault, l, &v->flows,
                           &v->count);
  ml_rc rules = folder_rules(v->f->name, tree, load_fault, l, &v->rules);

  if (rc == ML_OK) {
    limits_flows(l->r, v->flows, v->count);
    rc = load_check_templates(l, v);
  }
  if (rc != ML_OK || rules != ML_OK || v->tree.bad)
    return rc != ML_OK ? rc : rules != ML_OK ? rules : ML_NOMEM;
  add_good(l, v);
  return ML_OK;
}

static void defined(void *arg, ml_rc rc, const ml_answer *a) {
  evaluated *v = arg;
  loadrun *l = v->l;
  ml_arena arena = {0};
  ml_json *tree = NULL;
  ml_err e = {0};
  bool kept = false;

  l->open--;
  if (rc == ML_NOMEM) {
    l->rc = rc;
  } else if (rc != ML_OK || a->end != ML_END_RETURNED) {
    not_defined(l, v, rc, a);
  } else if ((rc = ml_json_parse(&arena, a->text.p, a->text.n,
                                 &tree_limits, &tree, &e)) == ML_NOMEM) {
    l->rc = rc;
  } else if (rc != ML_OK) {
    char at[300];

    snprintf(at, sizeof at, "%s%s", v->f->name.p,
             v->place > 0 ? "" : "/workflow.lua");
    load_fault(l, at, e.text);
  } else if (v->place > 0) {
    load_take_rules(l, v, tree);
  } else {
    ml_buf_put(&v->tree, a->text.p, a->text.n);
    rc = take_folder(l, v, tree);
    kept = rc == ML_OK;
    if (rc == ML_NOMEM)
      l->rc = rc;
  }
  if (!kept)
    evaluated_free(v);
  ml_arena_free(&arena);
  if (l->open == 0)
    load_all_answered(l);
}

void load_ask(loadrun *l, folder *f, uint32_t place) {
  evaluated *v = ml_mem_zero(sizeof *v);
  ml_ask q = {.kind = ML_ASK_DEFINE, .sources = f->sources,
              .source_count = f->source_count, .count_units = true};
  bundle *b;
  ml_rc rc;

  if (v == NULL) {
    l->rc = ML_NOMEM;
    return;
  }
  v->l = l;
  v->f = f;
  v->place = place;
  b = place == 0 ? bundle_hash(l->r, f->hash) : NULL;
  if (b != NULL && b->quarantined_ms != 0) {
    v->held = true;                         /* not evaluated: as it is stored */
    v->flows = b->flows;
    v->count = b->flow_count;
    v->rules = b->rules;
    add_good(l, v);
    return;
  }
  q.owner = owner_of(l->r, f->name);
  rc = l->r->conf.script->ask(l->r->conf.script, &q, defined, v);
  if (rc == ML_OK) {
    l->open++;
    return;
  }
  if (rc == ML_NOMEM)
    l->rc = rc;
  else
    load_fault(l, f->name.p,
               "could not be evaluated: its sources are too large");
  evaluated_free(v);
}

static void load_or_check(ml_run *r, const char *dir, ml_flow_fault_fn *fault,
                          ml_run_done_fn *done, void *arg, bool check_only) {
  loadrun *l = ml_mem_zero(sizeof *l);
  ml_err e = {0};
  ml_rc rc;

  if (l == NULL) {
    ml_err_set(&e, ML_NOMEM, "", "memory is short");
    done(arg, ML_NOMEM, &e);
    return;
  }
  r->busy++;
  l->r = r;
  l->check_only = check_only;
  l->dir = ml_mem_strdup(dir);
  if (l->dir == NULL)
    l->rc = ML_NOMEM;
  l->fault = fault;
  l->done = done;
  l->arg = arg;
  if (!check_only)
    ml_buf_reset(&r->broken);
  rc = folders_read(dir, &l->folders, &r->conf.limits, load_fault, l);
  if (rc == ML_NOMEM)
    l->rc = rc;
  for (folder *f = l->folders; f != NULL; f = f->next)
    load_ask(l, f, 0);
  load_ask_rules(l);
  if (l->open == 0)
    load_all_answered(l);
}

void ml_run_load(ml_run *r, const char *dir, ml_flow_fault_fn *fault,
                 ml_run_done_fn *done, void *arg) {
  load_or_check(r, dir, fault, done, arg, false);
}

void ml_run_check(ml_run *r, const char *dir, ml_flow_fault_fn *fault,
                  ml_run_done_fn *done, void *arg) {
  load_or_check(r, dir, fault, done, arg, true);
}
