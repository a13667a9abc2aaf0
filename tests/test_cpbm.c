/* test_cpbm.c - CloudPortal's files: what they mean, every single fault with
** its line, what is only warned of, encodings, and memory that ends. */
#include "cpbm_faults.h"
#include "cpbm_kit.h"

typedef struct pair {
  ml_buf map, workflows, beans;
} pair;

static int open_pair(void **state) {
  pair *p = calloc(1, sizeof *p);

  assert_non_null(p);
  sample("transactionWorkflowMap.xml", &p->map);
  sample("workflows.xml", &p->workflows);
  sample("applicationContext-workflow-customizations.xml", &p->beans);
  *state = p;
  return 0;
}

static int close_pair(void **state) {
  pair *p = *state;

  ml_buf_free(&p->map);
  ml_buf_free(&p->workflows);
  ml_buf_free(&p->beans);
  free(p);
  return 0;
}

static ml_rc load(const char *map, const char *workflows, told *t, ml_cpbm **c) {
  return load_with(NULL, ml_str_of(map), ml_str_of(workflows), ML_NOSTR, t, c);
}

static ml_json *json(ml_arena *a, const char *text) {
  ml_json *v = NULL;
  ml_err e = {0};

  if (ml_json_parse(a, text, strlen(text), NULL, &v, &e) != ML_OK)
    fail_msg("%s: %s", e.at, e.text);
  return v;
}

/* The workflow's name for a transaction, "" for none, "line N" for an error. */
static const char *match(const ml_cpbm *c, const char *type, const char *tx) {
  static char out[600];
  const ml_cpbm_rule *r;
  ml_arena a = {0};
  ml_err e = {0};
  ml_rc rc = ml_cpbm_match(c, ml_str_of(type), json(&a, tx), &r, &e);

  if (rc == ML_OK)
    snprintf(out, sizeof out, "%.*s", r != NULL
             ? (int)c->workflows[r->workflow].name.n : 0,
             r != NULL ? c->workflows[r->workflow].name.p : "");
  else
    snprintf(out, sizeof out, "line %u: %s", r->line, e.text);
  ml_arena_free(&a);
  return out;
}

/* ---- the example pair ---- */

static void the_pair_loads(void **state) {
  pair *p = *state;
  told t;
  ml_cpbm *c;

  assert_int_equal(load_with(NULL, text_of(&p->map), text_of(&p->workflows),
                             ML_NOSTR, &t, &c), ML_OK);
  assert_int_equal(t.warnings, 0);
  assert_int_equal(c->rule_count, 3);
  assert_int_equal(c->workflow_count, 3);
  assert_int_equal(c->bean_count, 0);
  assert_true(ml_str_is(c->rules[1].type, "tenantStateChange"));
  assert_int_equal(c->rules[0].line, 4);
  assert_int_equal(c->rules[2].line, 11);
  assert_int_equal(c->rules[2].workflow, 2);
  assert_int_equal(ml_cpbm_find(c, ML_STR("basic-onboarding")), 1);
  assert_int_equal(ml_cpbm_find(c, ML_STR("basic")), -1);
  assert_int_equal(ml_cpbm_find(c, ML_STR("")), -1);
  assert_int_equal(c->workflows[0].bucket_count, 2);
  assert_true(ml_str_is(c->workflows[0].buckets[1].name, "pay-and-create"));
  assert_int_equal(c->workflows[0].buckets[1].activity_count, 2);
  assert_true(ml_str_is(c->workflows[0].buckets[1].activities[1].ref,
                        "createOSSAccountActivity"));
  assert_null(c->workflows[1].buckets[0].name.p);
  ml_cpbm_free(c);
}

static void transactions_match(void **state) {
  static const struct { const char *type, *tx, *to; } cases[] = {
    {"tenantStateChange", "{\"tenantInitialState\":{\"name\":\"NEW\"},"
     "\"tenantTargetState\":{\"name\":\"ACTIVE\"},"
     "\"tenant\":{\"accountType\":{\"paymentModes\":2}}}", "retail-onboarding"},
    {"tenantStateChange Transaction", "{\"tenantInitialState\":{\"name\":\"NEW\"},"
     "\"tenantTargetState\":{\"name\":\"ACTIVE\"},"
     "\"tenant\":{\"accountType\":{\"paymentModes\":1}}}", "basic-onboarding"},
    {"tenantStateChange", "{\"tenantInitialState\":{\"name\":\"OLD\"}}", ""},
    {"subscriptionActivation",
     "{\"tenant\":{\"accountType\":{\"preAuthRequired\":true}}}",
     "reserve-funds"},
    {"subscriptionActivation",
     "{\"tenant\":{\"accountType\":{\"preAuthRequired\":null}}}", ""},
    {"subscriptionActivation", "{\"tenant\":{\"accountType\":{}}}",
     "line 11: there is no property 'preAuthRequired' in "
     "#transaction.tenant.accountType"},
    {"tenantStateChange", "{\"tenantInitialState\":{\"name\":\"NEW\"},"
     "\"tenantTargetState\":{\"name\":\"ACTIVE\"},\"tenant\":null}",
     "line 4: '.accountType' is asked of null; '?.accountType' would give null "
     "there"},
    {"cloudServiceActivation", "{}", ""}, {"paymentInfoChange", "{}", ""}};
  pair *p = *state;
  told t;
  ml_cpbm *c;

  assert_int_equal(load_with(NULL, text_of(&p->map), text_of(&p->workflows),
                             ML_NOSTR, &t, &c), ML_OK);
  for (size_t i = 0; i < LEN(cases); i++)
    assert_string_equal(match(c, cases[i].type, cases[i].tx), cases[i].to);
  ml_cpbm_free(c);
}

#define WF(name) "<Workflow name='" name "'><Bucket order='1'>" \
  "<Activity name='a' ref='dummyActivity'/></Bucket></Workflow>"
#define MATCH(to, rule) "<Match type='paymentInfoChange' workflow='" to "'>" \
  "<Rule>" rule "</Rule></Match>"
#define MAP(inner) "<TransactionWorkflowMap>" inner "</TransactionWorkflowMap>"
#define WORKFLOWS(inner) "<Workflows>" inner "</Workflows>"

static void the_upper_rule_wins(void **state) {
  told t;
  ml_cpbm *c;

  (void)state;
  assert_int_equal(load(MAP(MATCH("a", "{true}") MATCH("b", "{true}")),
                        WORKFLOWS(WF("a") WF("b")), &t, &c), ML_OK);
  assert_string_equal(match(c, "paymentInfoChange", "{}"), "a");
  ml_cpbm_free(c);
  assert_int_equal(load(MAP(MATCH("b", "{true}") MATCH("a", "{true}")),
                        WORKFLOWS(WF("a") WF("b")), &t, &c), ML_OK);
  assert_string_equal(match(c, "paymentInfoChange", "{}"), "b");
  ml_cpbm_free(c);
  assert_int_equal(load(MAP(MATCH("b", "{#transaction.x}") MATCH("a", "{true}")),
                        WORKFLOWS(WF("a") WF("b")), &t, &c), ML_OK);
  assert_string_equal(match(c, "paymentInfoChange", "{\"x\":true}"), "b");
  assert_string_equal(match(c, "paymentInfoChange", "{\"x\":false}"), "a");
  assert_non_null(strstr(match(c, "paymentInfoChange", "{}"), "line 1: there"));
  ml_cpbm_free(c);
}

/* ---- every single fault ---- */

static void single_faults(void **state) {
  pair *p = *state;
  size_t n[128] = {0};

  for (size_t i = 0; i < LEN(faults); i++) {
    const char *name = faults[i].file == 'm' ? "map"
                       : faults[i].file == 'w' ? "workflows" : "beans";
    ml_str in[3] = {text_of(&p->map), text_of(&p->workflows),
                    text_of(&p->beans)};
    size_t k = faults[i].file == 'm' ? 0 : faults[i].file == 'w' ? 1 : 2;
    ml_buf edited = {0};
    told t;
    ml_cpbm *c;

    replace_in(&edited, in[k], faults[i].find, faults[i].with);
    in[k] = text_of(&edited);
    if (load_with(NULL, in[0], in[1], in[2], &t, &c) != ML_INVALID)
      fail_msg("%zu: '%s' is no fault", i, faults[i].with);
    assert_null(c);
    if (t.line != faults[i].line || strstr(t.first, faults[i].has) == NULL
        || strcmp(t.file, name) != 0)
      fail_msg("%zu: '%s': %s:%u: %s", i, faults[i].with, t.file, t.line,
               t.first);
    n[(size_t)faults[i].file]++;
    ml_buf_free(&edited);
  }
  assert_true(n['m'] + n['w'] >= 60);
}

static void files_of_nothing(void **state) {
  static const struct { const char *bytes; size_t n; const char *has; } bad[] = {
    {"", 0, "the file is empty"}, {" ", 1, "no element found"},
    {"x", 1, "not well-formed"}, {"\n\n<", 3, "not well-formed"},
    {"<", 1, "not well-formed"}, {"\xEF\xBB\xBF", 3, "no element found"},
    {"\xFF\xFE", 2, "no element found"}, {"\xFF", 1, "not well-formed"},
    {"\0", 1, "not well-formed"}, {"\0\0", 2, "NUL bytes"},
    {"\0\0\0\0", 4, "UTF-32"}, {"<\0a\0/\0>\0", 8, "byte order mark"},
    {"\0<\0a\0/\0>", 8, "byte order mark"},
    {"\xFF\xFE\0\0<\0\0\0", 8, "UTF-32"}, {"\0\0\xFE\xFF\0\0\0<", 8, "UTF-32"},
    {"PK\x03\x04zip", 7, "not well-formed"}};
  pair *p = *state;
  told t;
  ml_cpbm *c;

  for (size_t i = 0; i < LEN(bad); i++)
    for (int which = 0; which < 2; which++) {
      ml_str s = {bad[i].bytes, bad[i].n};

      assert_int_equal(load_with(NULL, which == 0 ? s : text_of(&p->map),
                                 which == 1 ? s : text_of(&p->workflows),
                                 ML_NOSTR, &t, &c), ML_INVALID);
      if (strstr(t.first, bad[i].has) == NULL)
        fail_msg("%zu: %s", i, t.first);
      assert_string_equal(t.file, which == 0 ? "map" : "workflows");
    }
}

static void both_files_are_told(void **state) {
  told t;
  ml_cpbm *c;

  (void)state;
  assert_int_equal(load(MAP("<Match/><Match/>"), WORKFLOWS("<Workflow/>"), &t,
                        &c), ML_INVALID);
  /* name, no Bucket; type, workflow, no Rule, twice */
  assert_int_equal(t.faults, 8);
}

static void faults_are_bounded(void **state) {
  ml_buf b = {0};
  told t;
  ml_cpbm *c;

  (void)state;
  ml_buf_puts(&b, "<TransactionWorkflowMap>");
  for (int i = 0; i < 5000; i++)
    ml_buf_puts(&b, "<Match/><x/>");
  ml_buf_puts(&b, "</TransactionWorkflowMap>");
  assert_int_equal(load(b.p, WORKFLOWS(""), &t, &c), ML_INVALID);
  assert_int_equal(t.faults, ML_CPBM_FAULTS + 1);
  assert_int_equal(t.warnings, ML_CPBM_WARNINGS + 1);
  ml_buf_free(&b);
}

static void many_names_are_cut(void **state) {
  ml_buf b = {0};
  told t;
  ml_cpbm *c;

  (void)state;
  ml_buf_puts(&b, "<Workflows>");
  for (int i = 0; i < 3000; i++)
    ml_buf_printf(&b, "<Workflow name='w%d'><Bucket order='1'/></Workflow>", i);
  ml_buf_puts(&b, "</Workflows>");
  assert_int_equal(load(MAP(MATCH("x", "{true}")), b.p, &t, &c), ML_INVALID);
  assert_non_null(strstr(t.first, "defined are 'w0', 'w1', "));
  assert_non_null(strstr(t.first, " more"));
  assert_true(strlen(t.first) < 4200);
  ml_buf_free(&b);
  assert_int_equal(load(MAP(MATCH("x", "{true}")), WORKFLOWS(""), &t, &c),
                   ML_INVALID);
  assert_non_null(strstr(t.first, "defined are none"));
}

/* ---- what is only warned of ---- */

static void warnings(void **state) {
  static const struct {
    char file;
    const char *find, *with;
    size_t count;
    uint32_t line;
    const char *has;
  } cases[] = {
    {'m', "<Match type=", "<Match priority='1' type=", 1, 4,
     "unknown attribute 'priority'"},
    {'m', "<Match type=", "<Note>{<a>x</a><Match/></Note><Match type=", 1, 4,
     "element 'Note' is not known here"},
    {'m', "<Rule>", "<Why>because</Why><Rule>", 1, 5, "element 'Why'"},
    {'m', "<Rule>", "<Rule lang='el'>", 1, 5, "unknown attribute 'lang'"},
    {'m', "<!-- tried", "stray <!-- tried", 1, 3, "text 'stray' is not read"},
    {'w', "<Bucket name=\"pay-and-create\"", "<bucket><Activity/></bucket>"
     "<Bucket name=\"pay-and-create\"", 1, 7, "element 'bucket'"},
    {'w', "<Bucket order=\"1\">", "<Activity name='x' ref='y'/>"
     "<Bucket order=\"1\">", 1, 13, "element 'Activity' is not known here"},
    {'w', "order=\"2\">\n", "order=\"1\">\n", 1, 7,
     "has the order 1 of that in line 4: they are one phase"},
    {'w', "<Activity name=\"email\" ref=\"verifyMasterUserEmailActivity\"/>", "",
     1, 13, "passed at once"},
    {'w', "ref=\"collectCreditCardInfoActivity\"/>",
     "ref=\"collectCreditCardInfoActivity\">\nwait\n<x/></Activity>", 2, 9,
     "text 'wait' is not read"},
    {'w', "name=\"who-are-you\"", "name=\" \"", 1, 4, "is empty, as if"},
    {'w', "name=\"who-are-you\"", "NAME=\"x\"", 1, 4, "attribute 'NAME'"},
    {'b', "<bean id=\"create", "<alias name='a'/><bean id=\"create", 1, 11,
     "element 'alias'"},
    {'b', "name=\"tenantService\" ref=\"tenantService\"", "name=\"other\"", 1, 13,
     "it is not read"}};
  pair *p = *state;

  for (size_t i = 0; i < LEN(cases); i++) {
    ml_str in[3] = {text_of(&p->map), text_of(&p->workflows),
                    text_of(&p->beans)};
    size_t k = cases[i].file == 'm' ? 0 : cases[i].file == 'w' ? 1 : 2;
    ml_buf edited = {0};
    told t;
    ml_cpbm *c;

    replace_in(&edited, in[k], cases[i].find, cases[i].with);
    in[k] = text_of(&edited);
    if (load_with(NULL, in[0], in[1], in[2], &t, &c) != ML_OK)
      fail_msg("%zu: %s:%u: %s", i, t.file, t.line, t.first);
    if (t.warnings != cases[i].count || t.warned_line[0] != cases[i].line
        || strstr(t.warned[0], cases[i].has) == NULL)
      fail_msg("%zu: %zu warnings, %u: %s", i, t.warnings, t.warned_line[0],
               t.warned[0]);
    ml_cpbm_free(c);
    ml_buf_free(&edited);
  }
}

static void phase_is_bucket(void **state) {
  static const char phases[] =
    "<Workflows><Workflow name='w'><Phase name='n' order='1'><Activity name='a' "
    "ref='dummyActivity'/></Phase></Workflow></Workflows>";
  static const char buckets[] =
    "<Workflows><Workflow name='w'><Bucket name='n' order='1'><Activity name='a' "
    "ref='dummyActivity'/></Bucket></Workflow></Workflows>";
  ml_buf a = {0}, b = {0};
  told t;
  ml_cpbm *c;

  (void)state;
  assert_int_equal(load(MAP(""), phases, &t, &c), ML_OK);
  assert_int_equal(t.warnings, 1);
  assert_non_null(strstr(t.warned[0], "Phase is read as Bucket"));
  print_pair(&a, c);
  ml_cpbm_free(c);
  assert_int_equal(load(MAP(""), buckets, &t, &c), ML_OK);
  print_pair(&b, c);
  ml_cpbm_free(c);
  assert_string_equal(a.p, b.p);
  ml_buf_free(&a);
  ml_buf_free(&b);
}

/* ---- meaning ---- */

static void buckets_run_by_order(void **state) {
  static const uint32_t run[] = {2, 1, 3, 0, 4};
  ml_buf b = {0};
  told t;
  ml_cpbm *c;

  (void)state;
  assert_int_equal(load(MAP(""), WORKFLOWS(
    "<Workflow name='w'><Bucket order='+30' name='c'/><Bucket order=' 002 '/>"
    "<Bucket order='-2147483648' name='first'/><Bucket order='10'/>"
    "<Bucket order='2147483647'/></Workflow>"), &t, &c), ML_OK);
  assert_int_equal(t.warnings, 5);
  for (uint32_t i = 0; i < 5; i++)
    assert_int_equal(c->workflows[0].sequence[i], run[i]);
  ml_cpbm_put_bucket_name(&b, &c->workflows[0].buckets[1]);
  assert_string_equal(b.p, "Phase 2");
  ml_buf_reset(&b);
  ml_cpbm_put_bucket_name(&b, &c->workflows[0].buckets[0]);
  assert_string_equal(b.p, "c");
  ml_buf_free(&b);
  ml_cpbm_free(c);
}

static void one_ref_two_names(void **state) {
  told t;
  ml_cpbm *c;

  (void)state;
  assert_int_equal(load(MAP(""), WORKFLOWS(
    "<Workflow name='w'><Bucket order='1'><Activity name='a' ref='dummyActivity'/>"
    "<Activity name='b' ref='dummyActivity'/></Bucket></Workflow>" WF("v")), &t,
    &c), ML_OK);
  assert_int_equal(t.warnings, 0);
  ml_cpbm_free(c);
}

static void words_of_the_installation(void **state) {
  static const char *const types[] = {"orderPlaced", NULL};
  static const char *const refs[] = {"myActivity", NULL};
  static const char map[] = MAP("<Match type='orderPlaced Transaction' "
                                "workflow='w'><Rule>{true}</Rule></Match>");
  static const char flows[] = WORKFLOWS(
    "<Workflow name='w'><Bucket order='1'><Activity name='a' ref='myActivity'/>"
    "</Bucket></Workflow>");
  static const char beans[] =
    "<beans><bean id='myActivity'><property name='x' value='1'/></bean>"
    "<bean id='other'><property name='x' value='1'/></bean></beans>";
  ml_cpbm_source with = {.types = types, .activities = refs};
  told t;
  ml_cpbm *c;

  (void)state;
  assert_int_equal(load(map, flows, &t, &c), ML_INVALID);
  assert_int_equal(t.faults, 2);
  assert_int_equal(load_with(&with, ml_str_of(map), ml_str_of(flows),
                             ml_str_of(beans), &t, &c), ML_OK);
  assert_string_equal(match(c, "orderPlaced", "{}"), "w");
  assert_true(ml_str_is(c->rules[0].spelling, "orderPlaced Transaction"));
  assert_int_equal(c->bean_count, 1);
  assert_true(ml_str_is(c->beans[0].ref, "myActivity"));
  ml_cpbm_free(c);
}

static void every_known_word(void **state) {
  told t;
  ml_cpbm *c;

  (void)state;
  for (int tail = 0; tail < 2; tail++)
    for (const char *const *p = ml_transaction_types; *p != NULL; p++) {
      ml_buf b = {0};

      ml_buf_printf(&b, "<TransactionWorkflowMap><Match type='%s%s' workflow='w'>"
                    "<Rule>{true}</Rule></Match></TransactionWorkflowMap>", *p,
                    tail ? " Transaction" : "");
      assert_int_equal(load(b.p, WORKFLOWS(WF("w")), &t, &c), ML_OK);
      assert_string_equal(match(c, *p, "{}"), "w");
      ml_cpbm_free(c);
      ml_buf_free(&b);
    }
  for (const char *const *p = ml_cpbm_activities; *p != NULL; p++) {
    ml_buf b = {0};

    ml_buf_printf(&b, "<Workflows><Workflow name='w'><Bucket order='1'><Activity "
                  "name='a' ref='%s'/></Bucket></Workflow></Workflows>", *p);
    assert_int_equal(load(MAP(""), b.p, &t, &c), ML_OK);
    ml_cpbm_free(c);
    ml_buf_free(&b);
  }
}

static void rules_as_xml_has_them(void **state) {
  static const char *const same[] = {
    "{#transaction.paymentModes&#32;== 2}", "<![CDATA[{1 < 2 && 2 > 1}]]>",
    "{1 &lt; 2}", "{#transaction.payment<!-- x -->Modes == 2}",
    "\r\n {#transaction.paymentModes ==\r\n 2}\r\n", "{1 <![CDATA[<]]> 2}",
    "{'&#xE9;&amp;' == '\xC3\xA9&amp;'}", "<?pi x?>{true}",
    "{&#x23;transaction.paymentModes == 2}", "{'&quot;' == \"\"\"\"}"};
  told t;
  ml_cpbm *c;

  (void)state;
  for (size_t i = 0; i < LEN(same); i++) {
    ml_buf b = {0};

    ml_buf_printf(&b, "<TransactionWorkflowMap><Match type='paymentInfoChange' "
                  "workflow='w'><Rule>%s</Rule></Match></TransactionWorkflowMap>",
                  same[i]);
    if (load(b.p, WORKFLOWS(WF("w")), &t, &c) != ML_OK)
      fail_msg("%s: %s", same[i], t.first);
    assert_string_equal(match(c, "paymentInfoChange", "{\"paymentModes\":2}"),
                        "w");
    ml_cpbm_free(c);
    ml_buf_free(&b);
  }
}

static void comments_are_not_live(void **state) {
  told t;
  ml_cpbm *c;

  (void)state;
  assert_int_equal(load(MAP("<!--" MATCH("a", "{true}") "-->"),
                        WORKFLOWS("<!--" WF("a") "-->"), &t, &c), ML_OK);
  assert_int_equal(c->rule_count + c->workflow_count, 0);
  assert_string_equal(match(c, "paymentInfoChange", "{}"), "");
  ml_cpbm_free(c);
}

/* Names are data, spelt as they are. */
static void names_are_kept(void **state) {
  static const char *const names[] = {
    "manual-activiation-type-payment-info-change", "]] os.exit(1) --",
    "\\\" .. os.exit(1) .. \\\"", "受注納品プロセス 1-1′",
    "a  b", "${x}", "-- x"};
  ml_buf map = {0}, flows = {0};
  told t;
  ml_cpbm *c;

  (void)state;
  ml_buf_puts(&map, "<TransactionWorkflowMap>");
  ml_buf_puts(&flows, "<Workflows>");
  for (size_t i = 0; i < LEN(names); i++) {
    ml_buf_printf(&map, "<Match type='paymentInfoChange' workflow=' %s\n'><Rule>"
                  "{#transaction.n == %zu}</Rule></Match>", names[i], i);
    ml_buf_printf(&flows, "<Workflow name='%s'><Bucket order='1'/></Workflow>",
                  names[i]);
  }
  ml_buf_puts(&map, "</TransactionWorkflowMap>");
  ml_buf_puts(&flows, "</Workflows>");
  if (load(map.p, flows.p, &t, &c) != ML_OK)
    fail_msg("%s", t.first);
  for (size_t i = 0; i < LEN(names); i++) {
    char tx[40];

    snprintf(tx, sizeof tx, "{\"n\":%zu}", i);
    assert_string_equal(match(c, "paymentInfoChange", tx), names[i]);
  }
  ml_cpbm_free(c);
  ml_buf_free(&map);
  ml_buf_free(&flows);
}

static void prefixes_are_nothing(void **state) {
  static const char map[] =
    "<c:TransactionWorkflowMap xmlns:c='urn:x' xmlns='urn:y'><c:Match c:type="
    "'paymentInfoChange' c:workflow='w'><c:Rule>{true}</c:Rule></c:Match>"
    "</c:TransactionWorkflowMap>";
  static const char flows[] =
    "<a:b:Workflows xmlns:a='u' xmlns:xsi='v' xsi:schemaLocation='x y'>"
    "<x:Workflow name='w'><Bucket y:order='1'><z:Activity name='a' "
    "ref='dummyActivity'/></Bucket></x:Workflow></a:b:Workflows>";
  ml_buf a = {0}, b = {0};
  told t;
  ml_cpbm *c;

  (void)state;
  if (load(map, flows, &t, &c) != ML_OK)
    fail_msg("%s", t.first);
  assert_int_equal(t.warnings, 0);
  print_pair(&a, c);
  ml_cpbm_free(c);
  assert_int_equal(load(MAP(MATCH("w", "{true}")), WORKFLOWS(WF("w")), &t, &c),
                   ML_OK);
  print_pair(&b, c);
  ml_cpbm_free(c);
  assert_string_equal(a.p, b.p);
  ml_buf_free(&a);
  ml_buf_free(&b);
}

static void beans_inherit(void **state) {
  pair *p = *state;
  told t;
  ml_cpbm *c;

  assert_int_equal(load_with(NULL, text_of(&p->map), text_of(&p->workflows),
                             text_of(&p->beans), &t, &c), ML_OK);
  assert_int_equal(t.warnings, 0);
  assert_int_equal(c->bean_count, 2);
  assert_true(ml_str_is(c->beans[0].ref, "verifyMasterUserEmailActivity"));
  assert_int_equal(c->beans[0].setting_count, 1);
  assert_true(ml_str_is(c->beans[0].settings[0].value, "72"));
  assert_true(ml_str_is(c->beans[1].ref, "createOSSAccountActivity"));
  assert_int_equal(c->beans[1].setting_count, 2);
  assert_true(ml_str_is(c->beans[1].settings[0].name,
                        "timeBetweenRetriesInHours"));
  assert_true(ml_str_is(c->beans[1].settings[0].value, "12"));
  assert_true(ml_str_is(c->beans[1].settings[1].name, "noOfRetries"));
  assert_true(ml_str_is(c->beans[1].settings[1].value, "3"));
  ml_cpbm_free(c);
}

/* ---- encodings ---- */

/* The characters of a UTF-8 text (none beyond U+FFFF) as UTF-16 with a mark. */
static void widen(ml_buf *out, ml_str s, bool big) {
  ml_buf_put(out, big ? "\xFE\xFF" : "\xFF\xFE", 2);
  for (size_t i = 0; i < s.n; i++) {
    unsigned c = (unsigned char)s.p[i];

    if (c >= 0xE0) {
      c = (c & 15) << 12 | ((unsigned char)s.p[i + 1] & 63u) << 6
          | ((unsigned char)s.p[i + 2] & 63u);
      i += 2;
    } else if (c >= 0xC0) {
      c = (c & 31) << 6 | ((unsigned char)s.p[i + 1] & 63u);
      i++;
    }
    ml_buf_putc(out, (char)(big ? c >> 8 : c & 255));
    ml_buf_putc(out, (char)(big ? c & 255 : c >> 8));
  }
}

static void encode(ml_buf *out, ml_str s, int how) {
  ml_buf edited = {0};

  if (how == 1)
    ml_buf_put(out, "\xEF\xBB\xBF", 3);
  if (how == 4) {                /* CRLF, no declaration */
    for (size_t i = strlen("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"); i < s.n;
         i++) {
      if (s.p[i] == '\n')
        ml_buf_putc(out, '\r');
      ml_buf_putc(out, s.p[i]);
    }
  } else if (how == 2 || how == 3) {
    replace_in(&edited, s, "UTF-8", "utf-16");
    widen(out, text_of(&edited), how == 3);
  } else {
    ml_buf_put(out, s.p, s.n);
  }
  ml_buf_free(&edited);
}

static void encodings(void **state) {
  pair *p = *state;
  ml_buf named = {0}, flows = {0}, plain = {0}, other = {0};
  told t;
  ml_cpbm *c;

  replace_in(&named, text_of(&p->map), "basic-onboarding", "基本 – Ω");
  replace_in(&flows, text_of(&p->workflows), "basic-onboarding", "基本 – Ω");
  for (int how = 0; how < 5; how++) {
    ml_buf a = {0}, b = {0};

    encode(&a, text_of(&named), how);
    encode(&b, text_of(&flows), how);
    if (load_with(NULL, text_of(&a), text_of(&b), ML_NOSTR, &t, &c) != ML_OK)
      fail_msg("%d: %s:%u: %s", how, t.file, t.line, t.first);
    assert_int_equal(c->rules[2].line, 11);
    print_pair(how == 0 ? &plain : &other, c);
    if (how > 0)
      assert_string_equal(plain.p, other.p);
    ml_cpbm_free(c);
    ml_buf_free(&a);
    ml_buf_free(&b);
  }
  ml_buf_free(&named);
  ml_buf_free(&flows);
  ml_buf_free(&plain);
  ml_buf_free(&other);
}

static void faults_in_utf16(void **state) {
  pair *p = *state;
  ml_buf edited = {0}, wide = {0};
  told t;
  ml_cpbm *c;

  replace_in(&edited, text_of(&p->map), "paymentModes == 2", "paymentModes = 2");
  encode(&wide, text_of(&edited), 3);
  assert_int_equal(load_with(NULL, text_of(&wide), text_of(&p->workflows),
                             ML_NOSTR, &t, &c), ML_INVALID);
  assert_int_equal(t.line, 6);
  assert_non_null(strstr(t.first, "assigns"));
  ml_buf_reset(&wide);
  widen(&wide, text_of(&p->map), true);      /* declares UTF-8 */
  assert_int_equal(load_with(NULL, text_of(&wide), text_of(&p->workflows),
                             ML_NOSTR, &t, &c), ML_INVALID);
  assert_int_equal(t.line, 1);
  ml_buf_free(&edited);
  ml_buf_free(&wide);
}

/* ---- writing ---- */

static void reload(const ml_cpbm *c, ml_buf *printed) {
  ml_buf map = {0}, flows = {0}, beans = {0};
  told t;
  ml_cpbm *again;

  ml_cpbm_put_map(&map, c);
  ml_cpbm_put_workflows(&flows, c);
  ml_cpbm_put_beans(&beans, c);
  if (load_with(NULL, text_of(&map), text_of(&flows), text_of(&beans), &t,
                &again) != ML_OK)
    fail_msg("%s:%u: %s\n%s", t.file, t.line, t.first, map.p);
  print_pair(printed, again);
  assert_int_equal(again->rule_count, c->rule_count);
  for (uint32_t i = 0; i < c->rule_count; i++)
    assert_true(ml_str_eq(again->rules[i].text, c->rules[i].text)
                && ml_str_eq(again->rules[i].spelling, c->rules[i].spelling));
  ml_cpbm_free(again);
  ml_buf_free(&map);
  ml_buf_free(&flows);
  ml_buf_free(&beans);
}

static void export_of_import(void **state) {
  static const char *const pairs[][2] = {
    {MAP(MATCH("a", "<![CDATA[{'<&\"]]]]><![CDATA[>' == \"it's\" or 1 < 2}]]>")),
     WORKFLOWS(WF("a"))},
    {MAP(MATCH("a&amp;&lt;&quot;&apos;&gt;", "{ '&#13;&#9;\n' == ' '\n\n}")
         MATCH("]] os.exit(1) --", "{true}")),
     WORKFLOWS(WF("]] os.exit(1) --") WF("a&amp;&lt;&quot;&apos;&gt;"))},
    {MAP(""), WORKFLOWS("<Workflow name='w'><Bucket order='30' name='c'/>"
                        "<Bucket order='+02'/><Bucket order='2'/></Workflow>")},
    {MAP(""), WORKFLOWS("")}};
  pair *p = *state;

  for (size_t i = 0; i <= LEN(pairs); i++) {
    ml_buf a = {0}, b = {0};
    told t;
    ml_cpbm *c;
    ml_rc rc = i < LEN(pairs)
      ? load(pairs[i][0], pairs[i][1], &t, &c)
      : load_with(NULL, text_of(&p->map), text_of(&p->workflows),
                  text_of(&p->beans), &t, &c);

    if (rc != ML_OK)
      fail_msg("%zu: %s", i, t.first);
    print_pair(&a, c);
    reload(c, &b);
    assert_string_equal(a.p, b.p);
    ml_cpbm_free(c);
    ml_buf_free(&a);
    ml_buf_free(&b);
  }
}

/* ---- anything at all ---- */

static uint64_t next(uint64_t *x) {
  *x ^= *x << 13;
  *x ^= *x >> 7;
  *x ^= *x << 17;
  return *x;
}

/* A few bytes changed, cut out or doubled. */
static void spoil(ml_buf *out, ml_str in, uint64_t *seed) {
  static const char some[] = "<>/&;'\"{}()=!.?#[]- \n\x80\xFF\0aA1";
  size_t edits = 1 + next(seed) % 3;

  ml_buf_reset(out);
  ml_buf_put(out, in.p, in.n);
  for (size_t i = 0; i < edits && out->len > 40; i++) {
    size_t at = next(seed) % (out->len - 20), n = 1 + next(seed) % 20;

    if (next(seed) % 3 == 0) {
      memmove(out->p + at, out->p + at + n, out->len - at - n);
      out->len -= n;
    } else if (next(seed) % 2 == 0) {
      out->p[at] = some[next(seed) % (sizeof some - 1)];
    } else {
      memmove(out->p + at, out->p + at + 1, n);
    }
  }
}

/* Whatever comes in is loaded whole or refused with a place, and what loads is
** written so that it loads again. */
static void spoilt_files(void **state) {
  pair *p = *state;
  uint64_t seed = 20260301;
  ml_buf edited = {0}, a = {0}, b = {0};
  size_t good = 0, bad = 0;

  for (int i = 0; i < 6000; i++) {
    ml_str in[3] = {text_of(&p->map), text_of(&p->workflows),
                    text_of(&p->beans)};
    told t;
    ml_cpbm *c;

    spoil(&edited, in[i % 3], &seed);
    in[i % 3] = text_of(&edited);
    if (load_with(NULL, in[0], in[1], in[2], &t, &c) != ML_OK) {
      bad++;
      continue;
    }
    good++;
    print_pair(&a, c);
    reload(c, &b);
    assert_string_equal(a.p, b.p);
    ml_cpbm_free(c);
  }
  assert_true(good > 100 && bad > 1000);
  ml_buf_free(&edited);
  ml_buf_free(&a);
  ml_buf_free(&b);
}

/* ---- memory that ends ---- */

static void memory_ends(void **state) {
  pair *p = *state;
  uint64_t n = 1;
  ml_rc rc;

  do {
    told t;
    ml_cpbm *c;

    ml_mem_fail_at(n, n % 2 == 0);
    rc = load_with(NULL, text_of(&p->map), text_of(&p->workflows),
                   text_of(&p->beans), &t, &c);
    ml_mem_fail_at(0, 0);
    assert_true(rc == ML_OK || rc == ML_NOMEM);
    assert_int_equal(t.faults, 0);
    ml_cpbm_free(c);
    n++;
    assert_true(n < 10000);
  } while (rc != ML_OK);
  assert_true(n > 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_pair_loads), cmocka_unit_test(transactions_match),
    cmocka_unit_test(the_upper_rule_wins), cmocka_unit_test(single_faults),
    cmocka_unit_test(files_of_nothing), cmocka_unit_test(both_files_are_told),
    cmocka_unit_test(faults_are_bounded), cmocka_unit_test(many_names_are_cut),
    cmocka_unit_test(warnings), cmocka_unit_test(phase_is_bucket),
    cmocka_unit_test(buckets_run_by_order), cmocka_unit_test(one_ref_two_names),
    cmocka_unit_test(words_of_the_installation),
    cmocka_unit_test(every_known_word), cmocka_unit_test(rules_as_xml_has_them),
    cmocka_unit_test(comments_are_not_live), cmocka_unit_test(names_are_kept),
    cmocka_unit_test(prefixes_are_nothing), cmocka_unit_test(beans_inherit),
    cmocka_unit_test(encodings), cmocka_unit_test(faults_in_utf16),
    cmocka_unit_test(export_of_import), cmocka_unit_test(spoilt_files),
    cmocka_unit_test(memory_ends)};

  return cmocka_run_group_tests(tests, open_pair, close_pair);
}
