/* test_flow.c - trees as an enemy would send them, limits, loops, and memory
** that ends.  What each mistake is told as: test_define.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "model/flow.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

typedef struct told {
  size_t n;
  char first_at[300], first[700], all[8000];
} told;

static void note(void *arg, const char *at, const char *text) {
  told *t = arg;
  size_t have = strlen(t->all);

  assert_true(strlen(text) > 10);
  assert_true(ml_text_utf8(ml_str_of(text)) && ml_text_utf8(ml_str_of(at)));
  if (t->n++ == 0) {
    snprintf(t->first_at, sizeof t->first_at, "%s", at);
    snprintf(t->first, sizeof t->first, "%s", text);
  }
  snprintf(t->all + have, sizeof t->all - have, "%s\n", text);
}

static ml_rc parse_tree(const ml_json *tree, told *t, ml_flow **flow) {
  ml_flow **flows = NULL;
  size_t n = 0;
  ml_rc rc;

  memset(t, 0, sizeof *t);
  rc = ml_flow_parse("dir", tree, note, t, &flows, &n);
  assert_true(rc == ML_OK || rc == ML_INVALID || rc == ML_NOMEM);
  assert_int_equal(rc == ML_OK, flows != NULL);
  if (rc == ML_OK)
    assert_int_equal(t->n, 0);
  if (rc == ML_INVALID)
    assert_true(t->n > 0 && t->n <= 100);
  for (size_t i = 0; i < n; i++)
    if (i > 0 || flow == NULL)
      ml_flow_free(flows[i]);
    else
      *flow = flows[0];
  ml_mem_free(flows);
  return rc;
}

/* ' stands for " in the trees below. */
static ml_json *json_of(ml_arena *a, const char *text) {
  ml_json *v = NULL;
  ml_err e = {0};
  char *copy = ml_arena_dup(a, text, strlen(text));

  assert_non_null(copy);
  for (char *p = copy; *p != '\0'; p++)
    if (*p == '\'')
      *p = '"';
  if (ml_json_parse(a, copy, strlen(copy), NULL, &v, &e) != ML_OK)
    fail_msg("%s at %s: %s", e.text, e.at, copy);
  return v;
}

static ml_rc parse(const char *text, told *t, ml_flow **flow) {
  ml_arena a = {0};
  ml_rc rc = parse_tree(json_of(&a, text), t, flow);

  ml_arena_free(&a);
  return rc;
}

/* A workflow of these phases. */
static ml_rc parse_phases(const char *phases, told *t, ml_flow **flow) {
  ml_buf b = {0};
  ml_rc rc;

  ml_buf_printf(&b, "{'api':1,'workflows':[{'name':'w','at':'workflow.lua:3',"
                "'lanes':[{'id':'l'}],'fields':[{'id':'f','type':'string'}],"
                "'phases':[%s]}]}", phases);
  rc = parse(b.p, t, flow);
  ml_buf_free(&b);
  return rc;
}

#define AUTO(l) "{'kind':'activity','label':'" l "','run':true}"
#define PHASE(n, more) "{'name':'" n "','entries':[" AUTO(n) "]" more "}"

/* ---- envelope ---- */

static void envelope(void **state) {
  static const struct { const char *tree, *says; } rows[] = {
    {"null", "must give workflows"}, {"[]", "must give workflows"},
    {"{}", "interface number none"},
    {"{'api':2,'workflows':[]}", "interface number another; this moonlane speaks 1"},
    {"{'api':'1','workflows':[]}", "interface number none"},
    {"{'api':1}", "must return a workflow"},
    {"{'api':1,'workflows':[]}", "must return a workflow"},
    {"{'api':1,'workflows':{}}", "'workflows' must be a list, not an object"},
    {"{'api':1,'workflows':[7]}", "a workflow: must be a table, not an integer"},
    {"{'api':1,'workflows':[{'$not_data':'a function'}]}",
     "a workflow: must be a table, not a function"},
    {"{'api':1,'workflows':[{}],'x':1}", "unknown member 'x'"},
    {"{'api':1,'workflows':[{}]}", "its name is missing"},
  };
  told t;

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    assert_int_equal(parse(rows[i].tree, &t, NULL), ML_INVALID);
    if (strstr(t.first, rows[i].says) == NULL)
      fail_msg("%s: %s", rows[i].tree, t.first);
    assert_string_equal(t.first_at, "dir/workflow.lua");
  }
}

/* ---- limits ---- */

typedef void fill_fn(ml_buf *b, int i);

static void fill_phase(ml_buf *b, int i) {
  ml_buf_printf(b, "{'name':'p%d','entries':[{'kind':'activity','label':'a%d',"
                "'run':true}]}", i, i);
}
static void fill_activity(ml_buf *b, int i) {
  ml_buf_printf(b, "{'kind':'activity','label':'a%d','run':true}", i);
}
static void fill_field(ml_buf *b, int i) {
  ml_buf_printf(b, "{'id':'f%d','type':'string'}", i);
}
static void fill_id(ml_buf *b, int i) {
  ml_buf_printf(b, "{'id':'l%d'}", i);
}

/* A tree whose one list has n items. */
static ml_rc parse_many(const char *before, const char *after, fill_fn *fill,
                        int n, told *t) {
  ml_buf b = {0};
  ml_rc rc;

  ml_buf_puts(&b, "{'api':1,'workflows':[{'name':'w',");
  ml_buf_puts(&b, before);
  for (int i = 0; i < n; i++) {
    ml_buf_puts(&b, i > 0 ? "," : "");
    fill(&b, i);
  }
  ml_buf_puts(&b, after);
  ml_buf_puts(&b, "}]}");
  rc = parse(b.p, t, NULL);
  ml_buf_free(&b);
  return rc;
}

static void limits(void **state) {
#define P "'phases':[" PHASE("p", "") "]"
  static const struct { const char *before, *after, *says; fill_fn *fill;
                        int max; } rows[] = {
    {"'phases':[", "]", "513 phases, at most 512", fill_phase, 512},
    {"'phases':[{'name':'p','entries':[", "]}]", "2049 activities, at most 2048",
     fill_activity, 2048},
    {P ",'fields':[", "]", "'fields' has 513 items, at most 512", fill_field, 512},
    {P ",'lanes':[", "]", "'lanes' has 65 items, at most 64", fill_id, 64},
    {P ",'fields':[{'id':'f','type':'select','of':[", "]}]",
     "'of' has 1001 items, at most 1000", fill_id, 1000},
    {P ",'states':{'list':[", "]}", "'list' has 257 items, at most 256", fill_id,
     256},
  };
  told t;

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    if (parse_many(rows[i].before, rows[i].after, rows[i].fill, rows[i].max, &t)
        != ML_OK)
      fail_msg("%s: %s", rows[i].says, t.first);
    assert_int_equal(parse_many(rows[i].before, rows[i].after, rows[i].fill,
                                rows[i].max + 1, &t), ML_INVALID);
    if (strstr(t.all, rows[i].says) == NULL)
      fail_msg("%s: %s", rows[i].says, t.first);
  }
}

static ml_rc parse_nested(int depth, told *t) {
  ml_buf b = {0};
  ml_rc rc;

  for (int i = 0; i < depth; i++)
    ml_buf_printf(&b, "{'name':'p','entries':[{'kind':'branch','name':'b',"
                  "'phases':[");
  ml_buf_puts(&b, PHASE("x", ""));
  for (int i = 0; i < depth; i++)
    ml_buf_puts(&b, "]}]}");
  rc = parse_phases(b.p, t, NULL);
  ml_buf_free(&b);
  return rc;
}

static void nesting(void **state) {
  told t;

  (void)state;
  assert_int_equal(parse_nested(1, &t), ML_OK);
  /* the text itself may be 64 deep: three levels a branch */
  assert_int_equal(parse_nested(14, &t), ML_OK);
}

/* Deeper than JSON from a script can be, from a tree made here. */
static void nesting_limit(void **state) {
  told t;
  ml_arena a = {0};

  (void)state;
  for (int depth = 16; depth <= 17; depth++) {
    ml_json *inner = json_of(&a, "[" PHASE("x", "") "]"), *tree;

    for (int i = 0; i < depth; i++) {
      ml_json *list = json_of(&a, "[{'name':'p','entries':[{'kind':'branch',"
                                  "'name':'b','phases':[]}]}]");

      list->arr[0].obj[1].value.arr[0].obj[2].value = *inner;
      inner = list;
    }
    tree = json_of(&a, "{'api':1,'workflows':[{'name':'w','phases':[]}]}");
    tree->obj[1].value.arr[0].obj[1].value = *inner;
    assert_int_equal(parse_tree(tree, &t, NULL), depth == 16 ? ML_OK
                                                             : ML_INVALID);
    if (depth == 17)
      assert_non_null(strstr(t.first, "more than 16 deep"));
  }
  ml_arena_free(&a);
}

static void bad_field(ml_buf *b, int i) {
  ml_buf_printf(b, "{'id':'f%d','type':'none','x':1}", i);
}

static void at_most_100(void **state) {
  told t;

  (void)state;
  assert_int_equal(parse_many("'fields':[", "]", bad_field, 300, &t), ML_INVALID);
  assert_int_equal(t.n, 100);
}

/* ---- where phases lead ---- */

static void leads(void **state) {
  ml_flow *f = NULL;
  told t;

  (void)state;
  if (parse_phases(
    "{'name':'a','entries':[{'kind':'activity','label':'x','run':true,"
    "'outcomes':['o','p']},{'kind':'branch','name':'r','when':true,'phases':["
    PHASE("a", ",'next':{'kind':'join'}") "]}],"
    "'next':{'o':'c','':{'kind':'finish'}}}," PHASE("c", ""), &t, &f) != ML_OK)
    fail_msg("%s", t.first);
  assert_int_equal(f->phase_count, 3);
  assert_int_equal(f->list_count, 2);
  assert_int_equal(f->lists[0].phase_count, 2);
  assert_int_equal(f->lists[1].branch, 0);
  assert_int_equal(f->phases[0].decider, 0);
  assert_int_equal(f->phases[0].next_count, 2);
  assert_int_equal(f->phases[0].next[0].to, 1);
  assert_true(ml_str_is(f->phases[0].next[0].outcome, "o"));
  assert_null(f->phases[0].next[1].outcome.p);
  assert_int_equal(f->phases[0].next[1].to, ML_TO_FINISH);
  assert_int_equal(f->phases[2].next[0].to, ML_TO_JOIN);
  assert_true(ml_str_is(f->phases[2].path, "1.2.1"));
  assert_true(ml_str_is(f->activities[1].path, "1.2.1.1"));
  assert_int_equal(f->activities[1].phase, 2);
  assert_true(ml_str_is(f->activities[2].path, "2.1"));
  ml_flow_free(f);
}

static void loops(void **state) {
#define LOOP "can be entered for ever"
  static const struct { const char *phases, *says; } rows[] = {
    {PHASE("a", ",'next':'a'"), LOOP ": 'a' -> 'a'"},
    {PHASE("a", ",'next':'a','max':3"), NULL},
    {PHASE("a", "") "," PHASE("b", ",'next':'a'"), LOOP ": 'a' -> 'b' -> 'a'"},
    {PHASE("a", "") "," PHASE("b", ",'next':'a','max':1"), NULL},
    {PHASE("a", ",'max':9") "," PHASE("b", ",'next':'a'"), NULL},
    /* a phase that may be skipped bounds nothing */
    {PHASE("a", ",'max':9,'when':true") "," PHASE("b", ",'next':'a'"),
     LOOP ": 'b' -> 'b'"},
    {PHASE("a", ",'max':9,'when':true") "," PHASE("b", ",'next':'a','max':2"),
     NULL},
    /* what is skipped leads on, and is not unreachable */
    {PHASE("a", ",'when':true,'next':'c'") "," PHASE("b", "") ","
     PHASE("c", ""), NULL},
    {PHASE("a", ",'next':'c'") "," PHASE("b", "") "," PHASE("c", ""),
     "phase 'b': cannot be reached"},
    {PHASE("a", ",'next':{'done':'c'}") "," PHASE("b", "") "," PHASE("c", ""),
     "phase 'b': cannot be reached"},
    {PHASE("a", ",'when':true"), "is the last of its list"},
    {PHASE("a", ",'max':0"), "'max' is 0, it may be 1 to 1000000"},
    {PHASE("a", ",'next':{'kind':'x'}"), "'next' must be a phase's name"},
    {PHASE("a", ",'next':7"), "'next' must be a phase's name"},
    {PHASE("a", ",'next':{'done':7}"), "'next' must be a phase's name"},
  };
  told t;

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    ml_rc rc = parse_phases(rows[i].phases, &t, NULL);

    if (rc != (rows[i].says == NULL ? ML_OK : ML_INVALID)
        || (rows[i].says != NULL && strstr(t.all, rows[i].says) == NULL))
      fail_msg("%s: %s", rows[i].phases, t.all);
    assert_true(t.n <= 1);
  }
}

/* ---- a tree with one value replaced, at every place ---- */

static const char *const whole =
  "{'api':1,'workflows':[{'name':'w','at':'workflow.lua:3','title':{'en':'W'},"
  "'lanes':[{'id':'l','title':'L','at':'workflow.lua:4'},{'id':'m'}],"
  "'settings':[{'id':'s','type':'duration','required':true,'default':'5m'}],"
  "'fields':[{'id':'f','short':'ff','type':'string','no':1,'required':true,"
  "'sealed':true,'label':'F','max':9,'initial':'x'},"
  "{'id':'g','type':'multi','search':true,'of':[{'id':'a','label':{'en':'A'}},"
  "{'id':'b'}],'initial':['b']},{'id':'d','type':'datetime'}],"
  "'states':{'list':[{'id':'n','label':'N'},{'id':'o'}],'start':'n',"
  "'moves':[['n','o']]},'hosts':['h.example'],'calls':3,"
  "'start':[{'kind':'form','name':'form','form':['f!','g']},"
  "{'kind':'poll','name':'p','every':{'setting':'s'},'run':true,'into':'f'},"
  "{'kind':'schedule','name':'t','every':'1h','missed':'skip'},"
  "{'kind':'schedule','name':'u','daily':'02:30','zone':'Europe/Berlin',"
  "'data':{'f':'x'}},"
  "{'kind':'webhook','name':'h','receive':true}],"
  "'phases':[{'name':'one','at':'workflow.lua:9','max':3,'entries':["
  "{'kind':'activity','label':'a','title':'A','node':1,'lane':'l','run':true,"
  "'is_complete':true,'undo':true,'retry':[3,'5s..1m'],'timeout':'30s',"
  "'give_up':'1h','ask':'5m','writes':['f'],'outcomes':['x'],'at':'a.lua:2'},"
  "{'kind':'branch','name':'b','when':true,'phases':[{'name':'in','entries':["
  "{'kind':'receive','label':'r','signal':'paid','edit':['g'],'timeout':'d'}],"
  "'next':{'kind':'join'}}]}],'next':{'x':'one','':'two'}},"
  "{'name':'two','when':true,'entries':[{'kind':'task','label':'t','lane':'l',"
  "'show':['f'],'edit':['g!'],'due':'d','remind':'1d','escalate':'2d',"
  "'anew':true,'exclude':'m','outcomes':[{'id':'y','label':'Y','need':['g']},"
  "{'id':'z'}]}],'next':{'y':{'kind':'finish'},'z':'one'}},"
  "{'name':'three','entries':[{'kind':'activity','label':'c','run':true}]}]}]}";

/* Every value of a tree, by number; NULL behind the last. */
static ml_json *value_at(ml_json *v, size_t *n) {
  ml_json *found = NULL;

  if ((*n)-- == 0)
    return v;
  for (uint32_t i = 0; found == NULL && i < v->count; i++)
    if (v->type == ML_JARR)
      found = value_at(&v->arr[i], n);
    else if (v->type == ML_JOBJ)
      found = value_at(&v->obj[i].value, n);
  return found;
}

static void replaced(void **state) {
  static const char *const others[] = {
    "null", "true", "false", "0", "-1", "9223372036854775807", "1.5", "''", "'x'",
    "'f'", "'one'", "[]", "{}", "[[]]", "[null,null]", "[1,2]", "['f','f']",
    "{'kind':'branch'}", "{'kind':'join'}", "{'$not_data':'a function'}",
    "{'$not_data':7}", "{'':[]}", "{'x':{}}", "'5s..'", "'..'", "'9'",
    "'\\u202e\\u0000'", "[{'kind':'branch','phases':[{'entries':[{}]}]}]"};
  ml_arena a = {0};
  ml_json *tree = json_of(&a, whole);
  size_t refused = 0, count = 0;
  told t;

  (void)state;
  if (parse_tree(tree, &t, NULL) != ML_OK)
    fail_msg("%s", t.all);
  for (;; count++) {
    size_t n = count;
    ml_json *v = value_at(tree, &n), keep;

    if (v == NULL)
      break;
    keep = *v;
    for (size_t k = 0; k < LEN(others); k++) {
      *v = *json_of(&a, others[k]);
      refused += parse_tree(tree, &t, NULL) == ML_INVALID;
    }
    *v = keep;
  }
  assert_true(count > 150);
  /* nearly everything else is wrong: some texts and numbers do fit */
  assert_true(refused > count * LEN(others) * 8 / 10);
  assert_int_equal(parse_tree(tree, &t, NULL), ML_OK);
  ml_arena_free(&a);
}

/* The same with a member left out, and one named otherwise. */
static void left_out(void **state) {
  ml_arena a = {0};
  ml_json *tree = json_of(&a, whole);
  told t;

  (void)state;
  for (size_t count = 0;; count++) {
    size_t n = count;
    ml_json *v = value_at(tree, &n);

    if (v == NULL)
      break;
    for (uint32_t i = 0; v->type == ML_JOBJ && i < v->count; i++) {
      ml_jmember keep = v->obj[i], *last = &v->obj[v->count - 1], end = *last;

      v->obj[i].key = ML_STR("unheard");
      assert_true(parse_tree(tree, &t, NULL) != ML_NOMEM);
      /* a language may be any; a poll's maker looks at its own members */
      if (!ml_str_is(keep.key, "en") && !ml_str_is(keep.key, "into"))
        assert_true(t.n > 0);
      v->obj[i] = end;
      v->count--;
      parse_tree(tree, &t, NULL);
      v->count++;
      *last = end;
      v->obj[i] = keep;
    }
  }
  assert_int_equal(parse_tree(tree, &t, NULL), ML_OK);
  ml_arena_free(&a);
}

/* ---- memory ends, at every allocation ---- */

static void short_memory(void **state) {
  ml_arena a = {0};
  ml_json *tree = json_of(&a, whole);
  ml_rc rc = ML_NOMEM;
  told t;

  (void)state;
  for (uint64_t n = 1; rc != ML_OK; n++) {
    ml_mem_fail_at(n, 0);
    rc = parse_tree(tree, &t, NULL);
    ml_mem_fail_at(0, 0);
    assert_true(rc == ML_NOMEM || rc == ML_OK);
    assert_true(n < 2000);
    if (n == 1)
      assert_int_equal(rc, ML_NOMEM);
  }
  ml_arena_free(&a);
}

/* What was checked when it came goes on where its zone is not known. */
static void stored_without_its_zone(void **state) {
  static const char text[] =
    "{'api':1,'workflows':[{'name':'w','start':[{'kind':'schedule','name':'t',"
    "'daily':'02:30','zone':'Europe/Atlantis'}],'phases':[{'name':'one',"
    "'entries':[{'kind':'activity','label':'a','run':true}]}]}]}";
  ml_arena a = {0};
  ml_json *tree = json_of(&a, text);
  ml_flow **flows = NULL;
  size_t n = 0;
  told t;

  (void)state;
  assert_int_equal(parse_tree(tree, &t, NULL), ML_INVALID);
  assert_non_null(strstr(t.first, "'Europe/Atlantis' is not known"));
  assert_int_equal(ml_flow_parse("stored", tree, NULL, NULL, &flows, &n), ML_OK);
  assert_int_equal(n, 1);
  assert_null(flows[0]->triggers[0].plan->zone);
  assert_int_equal(ml_plan_next(flows[0]->triggers[0].plan, 0, 1), 0);
  ml_flow_free(flows[0]);
  ml_mem_free(flows);
  ml_arena_free(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(envelope),      cmocka_unit_test(limits),
    cmocka_unit_test(nesting),       cmocka_unit_test(nesting_limit),
    cmocka_unit_test(at_most_100),   cmocka_unit_test(leads),
    cmocka_unit_test(loops),         cmocka_unit_test(replaced),
    cmocka_unit_test(left_out),      cmocka_unit_test(short_memory),
    cmocka_unit_test(stored_without_its_zone),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
