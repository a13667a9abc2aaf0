/*
** cpbm_folder.c - a set as a folder of Lua files, and back.
**
** workflow.lua and rules.lua are fixed texts that hand the data files, in
** order, to the library (cpbm.workflows and cpbm.rules of "moonlane.cpbm").
** A data file returns what literal.h reads:
**   { format = 1,
**     workflows = { { name = "..",
**       buckets = { { order = 1, name = "..", activities = {
**                       { name = "..", ref = ".." } } } },   -- as the XML has them
**       phases = { { name = "..", buckets = { 1, 3 } } } } },  -- as they run
**     rules = { { type = "..", spelling = "..", to = "..", rule = "{..}",
**                 at = "map.xml:5" } },
**     activities = { { ref = "..", settings = { { "noOfRetries", "3" } } } } }
** Lists without items are left out, and so are the name of a bucket that has
** none and a spelling that is the type itself.  Names of phases are unique in a
** workflow.  Large sets are cut into several files between items.
*/
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd/cpbm_inside.h"
#include "cmd/literal.h"
#include "model/flow_part.h"

enum {
  FORMAT = 1,
  FILE_BYTES = 160 << 10, FILE_VALUES = 8000,    /* below those of literal.h */
  ITEM_BYTES = 240 << 10, ITEM_VALUES = 9900
};

typedef struct writer {
  const ml_cpbm *c;
  ml_cpbm_text *files;
  size_t count, cap;
  const char *section;           /* open in the last file, or NULL */
  size_t values;                 /* in the last file */
  ml_buf item;
  size_t item_values;
  ml_rc rc;
  ml_err *e;
} writer;

/* ---- pieces ---- */

static void put_quoted(writer *w, ml_str s) {
  ml_buf *b = &w->item;

  w->item_values++;
  ml_buf_putc(b, '"');
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
                 || (c >= 'A' && c <= 'Z')
                 || (c != '\0' && strchr("-_.,:;#={}()<>/'&|!? ", c) != NULL);

    if (plain)
      ml_buf_putc(b, (char)c);
    else
      ml_buf_printf(b, "\\%03u", c);
  }
  ml_buf_putc(b, '"');
}

static void put_named(writer *w, const char *key, ml_str s) {
  ml_buf_printf(&w->item, "%s = ", key);
  put_quoted(w, s);
}

static ml_rc fail(writer *w, ml_rc rc, const char *what, ml_str name,
                  const char *why) {
  if (w->rc == ML_OK)
    w->rc = ml_err_set(w->e, rc, NULL, "%s '%s' %s", what, cpbm_shown(name).s,
                       why);
  return w->rc;
}

static void check_name(writer *w, const char *what, ml_str name) {
  if (!ml_text_is_name(name))
    fail(w, ML_INVALID, what, name, "cannot be a name of moonlane's: those have "
         "1 to 200 bytes and no blank at either end");
}

/* ---- phases ---- */

/* The names of the buckets that run together. */
static void join_names(const ml_cpbm_workflow *f, uint32_t from, uint32_t to,
                       ml_buf *b) {
  for (uint32_t i = from; i < to; i++) {
    if (i > from)
      ml_buf_puts(b, " + ");
    ml_cpbm_put_bucket_name(b, &f->buckets[f->sequence[i]]);
  }
}

static bool is_taken(const ml_str *names, uint32_t n, ml_str name) {
  for (uint32_t i = 0; i < n; i++)
    if (ml_str_eq(names[i], name))
      return true;
  return false;
}

/* A name for buckets sequence[from..to) that names[0..n) lacks: their own ones,
** else with the order behind, else the order and a number. */
static ml_str phase_name(ml_arena *a, const ml_cpbm_workflow *f, uint32_t from,
                         uint32_t to, const ml_str *names, uint32_t n) {
  int order = (int)f->buckets[f->sequence[from]].order;
  ml_buf b = {0};
  ml_str s = ML_NOSTR;

  for (uint32_t k = 0; k < n + 3 && !b.bad; k++) {
    ml_buf_reset(&b);
    if (k < 2)
      join_names(f, from, to, &b);
    if (k == 1)
      ml_buf_printf(&b, " (%d)", order);
    if (k >= 2)
      ml_buf_printf(&b, "Phase %d (%u)", order, (unsigned)k);
    s = (ml_str){b.p, b.len};
    if (!b.bad && ml_text_is_name(s) && !is_taken(names, n, s))
      break;
  }
  s = (ml_str){b.bad ? NULL : ml_arena_dup(a, b.p, b.len), b.len};
  ml_buf_free(&b);
  return s;
}

static void put_phases(writer *w, const ml_cpbm_workflow *f) {
  ml_str *names = ml_mem_alloc((f->bucket_count + 1u) * sizeof *names);
  ml_arena a = {0};
  uint32_t n = 0;

  ml_buf_puts(&w->item, "      phases = {\n");
  for (uint32_t i = 0, to; names != NULL && i < f->bucket_count; i = to) {
    for (to = i + 1; to < f->bucket_count; to++)
      if (f->buckets[f->sequence[to]].order
          != f->buckets[f->sequence[i]].order)
        break;
    names[n] = phase_name(&a, f, i, to, names, n);
    if (names[n].p == NULL) {
      w->rc = ml_err_set(w->e, ML_NOMEM, NULL, "out of memory");
      break;
    }
    ml_buf_puts(&w->item, "        { ");
    put_named(w, "name", names[n++]);
    ml_buf_puts(&w->item, ", buckets = { ");
    for (uint32_t k = i; k < to; k++)
      ml_buf_printf(&w->item, "%u, ", (unsigned)f->sequence[k] + 1);
    ml_buf_puts(&w->item, "} },\n");
    w->item_values += 3 + (to - i);
  }
  ml_buf_puts(&w->item, "      },\n");
  if (names == NULL)
    w->rc = ml_err_set(w->e, ML_NOMEM, NULL, "out of memory");
  ml_mem_free(names);
  ml_arena_free(&a);
}

/* ---- items ---- */

static void put_bucket(writer *w, const ml_cpbm_bucket *k) {
  ml_buf_printf(&w->item, "        { order = %d", (int)k->order);
  w->item_values += 3;
  if (k->name.p != NULL) {
    check_name(w, "the bucket", k->name);
    ml_buf_puts(&w->item, ", ");
    put_named(w, "name", k->name);
  }
  if (k->activity_count > 0)
    ml_buf_puts(&w->item, ", activities = {");
  for (uint32_t i = 0; i < k->activity_count; i++) {
    check_name(w, "the activity", k->activities[i].name);
    ml_buf_puts(&w->item, "\n          { ");
    put_named(w, "name", k->activities[i].name);
    ml_buf_puts(&w->item, ", ");
    put_named(w, "ref", k->activities[i].ref);
    ml_buf_puts(&w->item, " },");
    w->item_values++;
  }
  ml_buf_puts(&w->item, k->activity_count > 0 ? " } },\n" : " },\n");
}

static void put_workflow(writer *w, const ml_cpbm_workflow *f) {
  uint32_t activities = 0;

  for (uint32_t i = 0; i < f->bucket_count; i++)
    activities += f->buckets[i].activity_count;
  check_name(w, "the workflow", f->name);
  if (f->bucket_count > ML_FLOW_PHASES_MAX
      || activities > ML_FLOW_ACTIVITIES_MAX) {
    fail(w, ML_LIMIT, "the workflow", f->name, "has more phases (512) or "
         "activities (2048) than a workflow of moonlane's may have");
    return;
  }
  ml_buf_puts(&w->item, "    { ");
  put_named(w, "name", f->name);
  ml_buf_puts(&w->item, ",\n      buckets = {\n");
  for (uint32_t i = 0; i < f->bucket_count; i++)
    put_bucket(w, &f->buckets[i]);
  ml_buf_puts(&w->item, "      },\n");
  put_phases(w, f);
  ml_buf_puts(&w->item, "    },\n");
  w->item_values += 3;
}

static void put_rule(writer *w, const ml_cpbm_rule *r, ml_str map_name) {
  char at[300];

  ml_buf_puts(&w->item, "    { ");
  put_named(w, "type", r->type);
  if (!ml_str_eq(r->type, r->spelling)) {
    ml_buf_puts(&w->item, ", ");
    put_named(w, "spelling", r->spelling);
  }
  ml_buf_puts(&w->item, ", ");
  put_named(w, "to", w->c->workflows[r->workflow].name);
  snprintf(at, sizeof at, "%s:%u", cpbm_shown(map_name).s, (unsigned)r->line);
  ml_buf_puts(&w->item, ", ");
  put_named(w, "at", ml_str_of(at));
  ml_buf_puts(&w->item, ",\n      ");
  put_named(w, "rule", r->text);
  ml_buf_puts(&w->item, " },\n");
  w->item_values++;
}

static void put_bean(writer *w, const ml_cpbm_bean *b) {
  ml_buf_puts(&w->item, "    { ");
  put_named(w, "ref", b->ref);
  ml_buf_puts(&w->item, ", settings = {");
  for (uint32_t i = 0; i < b->setting_count; i++) {
    ml_buf_puts(&w->item, "\n      { ");
    put_quoted(w, b->settings[i].name);
    ml_buf_puts(&w->item, ", ");
    put_quoted(w, b->settings[i].value);
    ml_buf_puts(&w->item, " },");
    w->item_values++;
  }
  ml_buf_puts(&w->item, " } },\n");
  w->item_values += 2;
}

/* ---- files ---- */

void ml_cpbm_data_name(char out[24], size_t i) {
  snprintf(out, 24, "cpbm_%zu.lua", i + 1);
}

static ml_buf *new_file(writer *w, const char *name) {
  ml_cpbm_text *list;

  if (w->count == w->cap) {
    list = ml_mem_realloc(w->files, (w->cap + 8) * sizeof *list);
    if (list == NULL) {
      w->rc = ml_err_set(w->e, ML_NOMEM, NULL, "out of memory");
      return NULL;
    }
    w->files = list;
    w->cap += 8;
  }
  list = &w->files[w->count++];
  memset(list, 0, sizeof *list);
  snprintf(list->name, sizeof list->name, "%s", name);
  return &list->text;
}

static void close_file(writer *w) {
  ml_buf *b = w->count > 0 ? &w->files[w->count - 1].text : NULL;

  if (b == NULL)
    return;
  if (w->section != NULL)
    ml_buf_puts(b, "  },\n");
  ml_buf_puts(b, "}\n");
  w->section = NULL;
}

static bool open_file(writer *w) {
  char name[24];
  ml_buf *b;

  close_file(w);
  if (w->count >= ML_CPBM_DATA_FILES) {
    w->rc = ml_err_set(w->e, ML_LIMIT, NULL, "the set needs more than %d data "
                       "files, which is more than a folder holds",
                       ML_CPBM_DATA_FILES);
    return false;
  }
  ml_cpbm_data_name(name, w->count);
  b = new_file(w, name);
  if (b == NULL)
    return false;
  ml_buf_puts(b, "-- Made by moonlane import cpbm: data, no code.\n");
  ml_buf_printf(b, "return {\n  format = %d,\n", FORMAT);
  w->values = 2;
  return true;
}

/* The item that is ready goes into the last file, or a new one. */
static void end_item(writer *w, const char *section, ml_str name) {
  ml_buf *b;

  if (w->rc != ML_OK)
    return;
  if (w->item.bad) {
    w->rc = ml_err_set(w->e, ML_NOMEM, NULL, "out of memory");
    return;
  }
  if (w->item.len > ITEM_BYTES || w->item_values > ITEM_VALUES) {
    fail(w, ML_LIMIT, "what belongs to", name, "is too large for one file");
    return;
  }
  if (w->count == 0 || w->values + w->item_values > FILE_VALUES
      || w->files[w->count - 1].text.len + w->item.len > FILE_BYTES)
    if (!open_file(w))
      return;
  b = &w->files[w->count - 1].text;
  if (w->section != section) {
    if (w->section != NULL)
      ml_buf_puts(b, "  },\n");
    ml_buf_printf(b, "  %s = {\n", section);
    w->section = section;
    w->values++;
  }
  ml_buf_put(b, w->item.p, w->item.len);
  w->values += w->item_values;
  ml_buf_reset(&w->item);
  w->item_values = 0;
}

static void put_code(writer *w, const char *file, const char *what,
                     const char *function, size_t data_files) {
  ml_buf *b = new_file(w, file);

  if (b == NULL)
    return;
  ml_buf_printf(b, "-- Made by moonlane import cpbm.  %s; every name and text is "
                "in cpbm_*.lua.\n"
                "local cpbm = require \"moonlane.cpbm\"\n\n"
                "return cpbm.%s {\n", what, function);
  for (size_t i = 0; i < data_files; i++)
    ml_buf_printf(b, "  require \"cpbm_%zu\",\n", i + 1);
  ml_buf_puts(b, "}\n");
}

ml_rc ml_cpbm_put_folder(const ml_cpbm *c, ml_str map_name,
                         ml_cpbm_text **files, size_t *count, ml_err *e) {
  static const char workflows[] = "workflows", rules[] = "rules",
                    activities[] = "activities";
  writer w = {.c = c, .e = e};
  size_t data;

  *files = NULL;
  *count = 0;
  for (uint32_t i = 0; i < c->workflow_count && w.rc == ML_OK; i++) {
    put_workflow(&w, &c->workflows[i]);
    end_item(&w, workflows, c->workflows[i].name);
  }
  for (uint32_t i = 0; i < c->rule_count && w.rc == ML_OK; i++) {
    put_rule(&w, &c->rules[i], map_name);
    end_item(&w, rules, c->workflows[c->rules[i].workflow].name);
  }
  for (uint32_t i = 0; i < c->bean_count && w.rc == ML_OK; i++) {
    put_bean(&w, &c->beans[i]);
    end_item(&w, activities, c->beans[i].ref);
  }
  if (w.rc == ML_OK && w.count == 0)
    open_file(&w);
  close_file(&w);
  data = w.count;
  if (w.rc == ML_OK)
    put_code(&w, "workflow.lua", "The workflows of workflows.xml", "workflows",
             data);
  if (w.rc == ML_OK)
    put_code(&w, "rules.lua", "The matches of transactionWorkflowMap.xml",
             "rules", data);
  for (size_t i = 0; i < w.count && w.rc == ML_OK; i++)
    if (w.files[i].text.bad)
      w.rc = ml_err_set(e, ML_NOMEM, NULL, "out of memory");
  ml_buf_free(&w.item);
  if (w.rc != ML_OK) {
    ml_cpbm_free_folder(w.files, w.count);
    return w.rc;
  }
  *files = w.files;
  *count = w.count;
  return ML_OK;
}

void ml_cpbm_free_folder(ml_cpbm_text *files, size_t count) {
  for (size_t i = 0; i < count; i++)
    ml_buf_free(&files[i].text);
  ml_mem_free(files);
}

/* ---- and back ---- */

typedef struct back {
  ml_buf *map, *workflows, *beans;
  ml_str file;
  ml_err *e;
} back;

static ml_rc none_of_ours(back *k, const char *what) {
  return ml_err_set(k->e, ML_INVALID, cpbm_shown(k->file).s, "%s; this is no data "
                    "file that moonlane import cpbm made", what);
}

static void put_if(ml_buf *b, const char *name, const ml_json *of,
                   const char *key) {
  ml_str s = ml_json_str(of, key);

  if (s.p != NULL)
    cpbm_put_attribute(b, name, s);
}

/* Items of a list; a list that is missing has none. */
static ml_rc list_of(back *k, const ml_json *of, const char *key,
                     const ml_json **items, uint32_t *n) {
  const ml_json *v = ml_json_get(of, key);

  *items = v != NULL && v->type == ML_JARR ? v->arr : NULL;
  *n = v != NULL && v->type == ML_JARR ? v->count : 0;
  return v == NULL || v->type == ML_JARR
           ? ML_OK : none_of_ours(k, "something stands where a list is wanted");
}

static ml_rc get_bucket(back *k, const ml_json *bucket) {
  const ml_json *order = ml_json_get(bucket, "order"), *items;
  ml_buf *b = k->workflows;
  uint32_t n;
  ml_rc rc = list_of(k, bucket, "activities", &items, &n);

  if (rc != ML_OK)
    return rc;
  ml_buf_puts(b, "<Bucket");
  put_if(b, "name", bucket, "name");
  if (order != NULL && order->type == ML_JINT)
    ml_buf_printf(b, " order=\"%lld\"", (long long)order->i);
  ml_buf_puts(b, ">\n");
  for (uint32_t i = 0; i < n; i++) {
    ml_buf_puts(b, "<Activity");
    put_if(b, "name", &items[i], "name");
    put_if(b, "ref", &items[i], "ref");
    ml_buf_puts(b, "/>\n");
  }
  ml_buf_puts(b, "</Bucket>\n");
  return ML_OK;
}

static ml_rc get_workflow(back *k, const ml_json *workflow) {
  const ml_json *items;
  uint32_t n;
  ml_rc rc = list_of(k, workflow, "buckets", &items, &n);

  ml_buf_puts(k->workflows, "<Workflow");
  put_if(k->workflows, "name", workflow, "name");
  ml_buf_puts(k->workflows, ">\n");
  for (uint32_t i = 0; i < n && rc == ML_OK; i++)
    rc = get_bucket(k, &items[i]);
  ml_buf_puts(k->workflows, "</Workflow>\n");
  return rc;
}

static ml_rc get_rule(back *k, const ml_json *rule) {
  ml_str text = ml_json_str(rule, "rule");
  ml_buf *b = k->map;

  ml_buf_puts(b, "<Match");
  put_if(b, "type", rule,
         ml_json_get(rule, "spelling") != NULL ? "spelling" : "type");
  put_if(b, "workflow", rule, "to");
  ml_buf_puts(b, "><Rule>");
  if (text.p != NULL)
    cpbm_put_xml(b, text, false);
  ml_buf_puts(b, "</Rule></Match>\n");
  return ML_OK;
}

static ml_rc get_bean(back *k, const ml_json *bean) {
  const ml_json *items;
  uint32_t n;
  ml_rc rc = list_of(k, bean, "settings", &items, &n);

  ml_buf_puts(k->beans, "<bean");
  put_if(k->beans, "id", bean, "ref");
  ml_buf_puts(k->beans, ">\n");
  for (uint32_t i = 0; i < n && rc == ML_OK; i++) {
    const ml_json *name = ml_json_at(&items[i], 0);
    const ml_json *value = ml_json_at(&items[i], 1);

    if (name == NULL || name->type != ML_JSTR || value == NULL
        || value->type != ML_JSTR)
      return none_of_ours(k, "a setting is no pair of texts");
    ml_buf_puts(k->beans, "<property");
    cpbm_put_attribute(k->beans, "name", name->s);
    cpbm_put_attribute(k->beans, "value", value->s);
    ml_buf_puts(k->beans, "/>\n");
  }
  ml_buf_puts(k->beans, "</bean>\n");
  return rc;
}

static ml_rc get_file(back *k, const ml_json *file) {
  static const struct {
    const char *key;
    ml_rc (*get)(back *, const ml_json *);
  } sections[] = {{"workflows", get_workflow}, {"rules", get_rule},
                  {"activities", get_bean}};

  if (ml_json_int(file, "format", 0) != FORMAT)
    return none_of_ours(k, "its format is not 1");
  for (size_t s = 0; s < sizeof sections / sizeof *sections; s++) {
    const ml_json *items;
    uint32_t n;
    ml_rc rc = list_of(k, file, sections[s].key, &items, &n);

    for (uint32_t i = 0; i < n && rc == ML_OK; i++)
      rc = items[i].type == ML_JOBJ
             ? sections[s].get(k, &items[i])
             : none_of_ours(k, "an item of its lists is no record");
    if (rc != ML_OK)
      return rc;
  }
  return ML_OK;
}

ml_rc ml_cpbm_get_folder(const ml_cpbm_file *files, size_t count, ml_buf *map,
                         ml_buf *workflows, ml_buf *beans, ml_err *e) {
  back k = {map, workflows, beans, ML_NOSTR, e};
  ml_rc rc = ML_OK;

  ml_buf_puts(map, "<TransactionWorkflowMap>\n");
  ml_buf_puts(workflows, "<Workflows>\n");
  ml_buf_puts(beans, "<beans>\n");
  for (size_t i = 0; i < count && rc == ML_OK; i++) {
    cpbm_word name = cpbm_shown(files[i].name);
    ml_arena a = {0};
    ml_json *v = NULL;

    k.file = files[i].name;
    rc = ml_literal_read(&a, name.s, files[i].bytes, &v, e);
    if (rc == ML_OK)
      rc = get_file(&k, v);
    ml_arena_free(&a);
  }
  ml_buf_puts(map, "</TransactionWorkflowMap>\n");
  ml_buf_puts(workflows, "</Workflows>\n");
  ml_buf_puts(beans, "</beans>\n");
  if (rc == ML_OK && (map->bad || workflows->bad || beans->bad))
    rc = ml_err_set(e, ML_NOMEM, NULL, "out of memory");
  return rc;
}
