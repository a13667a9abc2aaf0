/* test_cpbm_size.c - CloudPortal's files at their bounds: bombs, depth, the
** largest file, ten thousand of each.  Times are bounded at five times what is
** promised, so that a busy machine does not fail them; what was measured is
** printed. */
#include <sys/resource.h>

#include "cpbm_kit.h"

#define FLOWS "<Workflows><Workflow name='w'><Bucket order='1'/></Workflow>" \
  "</Workflows>"
#define HEAD "<TransactionWorkflowMap>"
#define TAIL "</TransactionWorkflowMap>"

static long peak_kib(void) {
  struct rusage u;

  assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
  return u.ru_maxrss;
}

static ml_rc load_map(const ml_cpbm_limits *l, ml_str map, told *t) {
  ml_cpbm_source with = {0};
  ml_cpbm *c;
  ml_rc rc;

  if (l != NULL)
    with.limits = *l;
  rc = load_with(&with, map, ML_STR(FLOWS), ML_NOSTR, t, &c);
  ml_cpbm_free(c);
  return rc;
}

static void fails_with(ml_rc rc, const told *t, const char *has) {
  if (rc != ML_INVALID || strstr(t->first, has) == NULL)
    fail_msg("%d, wanted '%s': %s", rc, has, t->first);
}

/* First of all, while the peak of this program is still low. */
static void entity_bombs(void **state) {
  struct timespec from;
  long before = peak_kib();
  double ms;

  (void)state;
  for (int kind = 0; kind < 4; kind++) {
    ml_buf b = {0};
    told t;

    ml_buf_puts(&b, "<?xml version=\"1.0\"?>\n<!DOCTYPE x [\n");
    if (kind < 2) {              /* a billion laughs; with parameter entities */
      ml_buf_printf(&b, "<!ENTITY %s a0 'ha'>\n", kind == 1 ? "%" : "");
      for (int i = 1; i < 30; i++) {
        ml_buf_printf(&b, "<!ENTITY %s a%d '", kind == 1 ? "%" : "", i);
        for (int k = 0; k < 10; k++)
          ml_buf_printf(&b, "&%sa%d;", kind == 1 ? "#37;" : "", i - 1);
        ml_buf_puts(&b, "'>\n");
      }
    } else if (kind == 2) {      /* one long entity, often */
      ml_buf_puts(&b, "<!ENTITY a29 '");
      for (int i = 0; i < 100000; i++)
        ml_buf_putc(&b, 'x');
      ml_buf_puts(&b, "'>\n");
    } else {                     /* from elsewhere */
      ml_buf_puts(&b, "<!ENTITY a29 SYSTEM 'file:///etc/passwd'>\n");
    }
    ml_buf_puts(&b, kind == 1 ? "%a29;" : "");
    ml_buf_puts(&b, "]>\n" HEAD "<Match type='&a29;' workflow='&a29;'><Rule>");
    for (int i = 0; i < 20000; i++)
      ml_buf_puts(&b, "&a29;");
    ml_buf_puts(&b, "</Rule></Match>" TAIL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    fails_with(load_map(NULL, text_of(&b), &t), &t, "DOCTYPE");
    ms = ms_since(&from);
    assert_int_equal(t.line, 2);
    assert_int_equal(t.faults, 1);
    if (ms > 100)
      fail_msg("bomb %d took %.1f ms", kind, ms);
    ml_buf_free(&b);
  }
  if (peak_kib() - before > 16 << 10)
    fail_msg("%ld KiB were used", peak_kib() - before);
}

/* Elements in elements, inside what is not known. */
static void depth(void **state) {
  static const struct { unsigned levels; bool ok; } cases[] = {
    {31, true}, {32, false}, {100000, false}};
  struct timespec from;

  (void)state;
  for (size_t i = 0; i < LEN(cases); i++) {
    ml_buf b = {0};
    told t;
    ml_rc rc;

    ml_buf_puts(&b, HEAD);
    for (unsigned k = 0; k < cases[i].levels; k++)
      ml_buf_puts(&b, "<a>");
    for (unsigned k = 0; k < cases[i].levels; k++)
      ml_buf_puts(&b, "</a>");
    ml_buf_puts(&b, TAIL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    rc = load_map(NULL, text_of(&b), &t);
    assert_true(ms_since(&from) < 500);
    if (cases[i].ok)
      assert_int_equal(rc, ML_OK);
    else
      fails_with(rc, &t, "more than 32 deep (max-depth)");
    ml_buf_free(&b);
  }
}

static void attributes(void **state) {
  static const struct { size_t n; bool ok; } cases[] = {
    {4096, true}, {4097, false}, {1000000, false}};

  (void)state;
  for (size_t i = 0; i < LEN(cases); i++)
    for (int known = 0; known < 2; known++) {
      ml_buf b = {0};
      told t;
      ml_rc rc;

      ml_buf_printf(&b, HEAD "<%s x='", known ? "Match type='paymentInfoChange' "
                    "workflow='w'" : "a><b");
      for (size_t k = 0; k < cases[i].n; k++)
        ml_buf_putc(&b, 'x');
      ml_buf_puts(&b, known ? "'><Rule>{true}</Rule></Match>" TAIL
                            : "'/></a>" TAIL);
      rc = load_map(NULL, text_of(&b), &t);
      if (cases[i].ok)
        assert_int_equal(rc, ML_OK);
      else
        fails_with(rc, &t, "longer than 4096 bytes (max-attribute)");
      ml_buf_free(&b);
    }
}

/* A name of the longest attribute loads, and is warned of. */
static void the_longest_name(void **state) {
  ml_buf name = {0}, map = {0}, flows = {0};
  told t;
  ml_cpbm *c;

  (void)state;
  while (name.len < 4096)
    ml_buf_putc(&name, 'n');
  ml_buf_printf(&map, HEAD "<Match type='paymentInfoChange' workflow='%s'><Rule>"
                "{true}</Rule></Match>" TAIL, name.p);
  ml_buf_printf(&flows, "<Workflows><Workflow name='%s'><Bucket order='1'>"
                "<Activity name='a' ref='dummyActivity'/></Bucket></Workflow>"
                "</Workflows>", name.p);
  assert_int_equal(load_with(NULL, text_of(&map), text_of(&flows), ML_NOSTR, &t,
                             &c), ML_OK);
  assert_int_equal(t.warnings, 2);
  assert_non_null(strstr(t.warned[0], "longer than 200 bytes"));
  ml_cpbm_free(c);
  ml_buf_free(&name);
  ml_buf_free(&map);
  ml_buf_free(&flows);
}

static ml_rc rule_of(const ml_cpbm_limits *l, const char *open, size_t n,
                     const char *close, size_t pad, told *t) {
  ml_buf b = {0};
  ml_rc rc;

  ml_buf_puts(&b, HEAD "<Match type='paymentInfoChange' workflow='w'>\n<Rule>{");
  for (size_t i = 0; i < n; i++)
    ml_buf_puts(&b, open);
  ml_buf_puts(&b, "true");
  for (size_t i = 0; i < n; i++)
    ml_buf_puts(&b, close);
  for (size_t i = 0; i < pad; i++)
    ml_buf_putc(&b, ' ');
  ml_buf_puts(&b, "}</Rule></Match>" TAIL);
  rc = load_map(l, text_of(&b), t);
  ml_buf_free(&b);
  return rc;
}

static void rules(void **state) {
  static const ml_cpbm_limits small = {.rule_bytes = 10, .rule_depth = 2};
  told t;

  (void)state;
  assert_int_equal(rule_of(NULL, "(", 64, ")", 0, &t), ML_OK);
  fails_with(rule_of(NULL, "(", 65, ")", 0, &t), &t, "64 deep (rule-depth)");
  assert_int_equal(t.line, 2);
  assert_int_equal(rule_of(NULL, "", 0, "", (16 << 10) - 6, &t), ML_OK);
  fails_with(rule_of(NULL, "", 0, "", (16 << 10) - 5, &t), &t,
             "longer than 16384 bytes (max-rule)");
  assert_int_equal(t.line, 2);
  assert_int_equal(t.faults, 1);
  assert_int_equal(rule_of(&small, "(", 2, ")", 0, &t), ML_OK);
  fails_with(rule_of(&small, "(", 2, ")", 1, &t), &t, "10 bytes (max-rule)");
  assert_int_equal(rule_of(&(ml_cpbm_limits){.rule_depth = 2}, "!", 2, "", 0, &t),
                   ML_OK);
  fails_with(rule_of(&(ml_cpbm_limits){.rule_depth = 2}, "!", 3, "", 0, &t), &t,
             "more than 2 deep (rule-depth)");
}

static void counts(void **state) {
  static const ml_cpbm_limits two = {.matches = 2, .workflows = 2};
  ml_cpbm_source with = {.limits = two};
  told t;
  ml_cpbm *c;

  (void)state;
  for (int matches = 2; matches <= 3; matches++)
    for (int flows = 2; flows <= 3; flows++) {
      ml_buf a = {0}, b = {0};
      ml_rc rc;

      ml_buf_puts(&a, HEAD);
      for (int i = 0; i < matches; i++)
        ml_buf_puts(&a, "<Match type='paymentInfoChange' workflow='w0'><Rule>"
                    "{true}</Rule></Match>");
      ml_buf_puts(&a, TAIL);
      ml_buf_puts(&b, "<Workflows>");
      for (int i = 0; i < flows; i++)
        ml_buf_printf(&b, "<Workflow name='w%d'><Bucket order='1'/></Workflow>",
                      i);
      ml_buf_puts(&b, "</Workflows>");
      rc = load_with(&with, text_of(&a), text_of(&b), ML_NOSTR, &t, &c);
      if (flows == 3)
        fails_with(rc, &t, "more than 2 workflows (max-workflows)");
      else if (matches == 3)
        fails_with(rc, &t, "more than 2 matches (max-matches)");
      else
        assert_int_equal(rc, ML_OK);
      ml_cpbm_free(c);
      ml_buf_free(&a);
      ml_buf_free(&b);
    }
}

/* 16 MiB of one comment: read; a byte more: not. */
static void the_largest_file(void **state) {
  size_t n = 16 << 20, end = strlen("-->" TAIL);
  struct timespec from;
  ml_buf b = {0};
  told t;

  (void)state;
  ml_buf_puts(&b, HEAD "<!--");
  while (b.len < n - end)
    ml_buf_put(&b, "xxxxxxxxxxxxxxxx",
               n - end - b.len < 16 ? n - end - b.len : 16);
  ml_buf_puts(&b, "-->" TAIL);
  assert_int_equal(b.len, n);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
  assert_int_equal(load_map(NULL, text_of(&b), &t), ML_OK);
  assert_true(ms_since(&from) < 5000);
  ml_buf_putc(&b, '\n');
  fails_with(load_map(NULL, text_of(&b), &t), &t, "16777216 bytes (max-file)");
  assert_int_equal(t.line, 1);
  ml_buf_free(&b);
}

/* ---- ten thousand of each ---- */

static void ten_thousand(void **state) {
  enum { N = 10000 };
  ml_buf map = {0}, flows = {0}, tx = {0};
  struct timespec from;
  const ml_cpbm_rule *r;
  ml_arena a = {0};
  ml_json *v;
  ml_cpbm *c;
  ml_err e = {0};
  told t;
  long before;
  double load, match;

  (void)state;
  ml_buf_puts(&map, HEAD);
  ml_buf_puts(&flows, "<Workflows>");
  for (int i = 0; i < N; i++) {
    ml_buf_printf(&map, "<Match type='tenantStateChange' workflow='workflow-%d'>"
                  "<Rule>{#transaction.tenantInitialState.name == 'NEW' and "
                  "#transaction.tenantTargetState.name == 'ACTIVE' and "
                  "#transaction.tenant.accountType.paymentModes == %d}</Rule>"
                  "</Match>\n", N - 1 - i, i);
    ml_buf_printf(&flows, "<Workflow name='workflow-%d'>\n<Bucket order='1'>"
                  "<Activity name='workflow-%d.email' "
                  "ref='verifyMasterUserEmailActivity'/></Bucket>\n<Bucket "
                  "order='2' name='pay'><Activity name='card' "
                  "ref='collectCreditCardInfoActivity'/><Activity name='oss' "
                  "ref='createOSSAccountActivity'/></Bucket></Workflow>\n", i, i);
  }
  ml_buf_puts(&map, TAIL);
  ml_buf_puts(&flows, "</Workflows>");
  before = peak_kib();
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
  assert_int_equal(load_with(NULL, text_of(&map), text_of(&flows), ML_NOSTR, &t,
                             &c), ML_OK);
  load = ms_since(&from);
  fprintf(stderr, "# loading 10,000 + 10,000: %.0f ms, %ld MiB more\n", load,
          (peak_kib() - before) >> 10);
  assert_true(load < 5 * 2000);
  assert_true(peak_kib() - before < 200 << 10);
  /* a payload of 1,000 members before those asked for, and the last rule */
  ml_buf_puts(&tx, "{\"more\":0");
  for (int i = 0; i < 1000; i++)
    ml_buf_printf(&tx, ",\"more%d\":%d", i, i);
  ml_buf_puts(&tx, ",\"tenantInitialState\":{\"name\":\"NEW\"},"
              "\"tenantTargetState\":{\"name\":\"ACTIVE\"},"
              "\"tenant\":{\"accountType\":{\"paymentModes\":9999}}}");
  assert_int_equal(ml_json_parse(&a, tx.p, tx.len, NULL, &v, &e), ML_OK);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
  assert_int_equal(ml_cpbm_match(c, ML_STR("tenantStateChange"), v, &r, &e),
                   ML_OK);
  match = ms_since(&from);
  fprintf(stderr, "# matching against 10,000 rules: %.2f ms\n", match);
  assert_non_null(r);
  assert_true(ml_str_is(c->workflows[r->workflow].name, "workflow-0"));
  assert_true(match < 5 * 20);
  /* of another type: none is asked */
  assert_int_equal(ml_cpbm_match(c, ML_STR("paymentInfoChange"), v, &r, &e),
                   ML_OK);
  assert_null(r);
  ml_cpbm_free(c);
  ml_arena_free(&a);
  ml_buf_free(&tx);
  ml_buf_free(&map);
  ml_buf_free(&flows);
}

/* The largest map of the dearest rules ends at a limit, in bounded time. */
static void the_dearest_match(void **state) {
  ml_buf map = {0}, tx = {0};
  struct timespec from;
  const ml_cpbm_rule *r;
  ml_arena a = {0};
  ml_json *v;
  ml_cpbm *c;
  ml_err e = {0};
  told t;

  (void)state;
  ml_buf_puts(&map, HEAD);
  for (int i = 0; i < 1000; i++)
    ml_buf_puts(&map, "<Match type='paymentInfoChange' workflow='w'><Rule>"
                "{#transaction != #transaction}</Rule></Match>");
  ml_buf_puts(&map, TAIL);
  ml_buf_puts(&tx, "{\"a\":0");
  for (int i = 0; i < 20000; i++)
    ml_buf_printf(&tx, ",\"k%d\":%d", i, i);
  ml_buf_puts(&tx, "}");
  assert_int_equal(ml_json_parse(&a, tx.p, tx.len, NULL, &v, &e), ML_OK);
  assert_int_equal(load_with(NULL, text_of(&map), ML_STR(FLOWS), ML_NOSTR, &t,
                             &c), ML_OK);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
  assert_int_equal(ml_cpbm_match(c, ML_STR("paymentInfoChange"), v, &r, &e),
                   ML_LIMIT);
  fprintf(stderr, "# the dearest match: %.0f ms\n", ms_since(&from));
  assert_true(ms_since(&from) < 10000);
  assert_non_null(r);
  ml_cpbm_free(c);
  ml_arena_free(&a);
  ml_buf_free(&map);
  ml_buf_free(&tx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(entity_bombs), cmocka_unit_test(depth),
    cmocka_unit_test(attributes), cmocka_unit_test(the_longest_name),
    cmocka_unit_test(rules), cmocka_unit_test(counts),
    cmocka_unit_test(ten_thousand), cmocka_unit_test(the_dearest_match),
    cmocka_unit_test(the_largest_file)};

  return cmocka_run_group_tests(tests, NULL, NULL);
}
