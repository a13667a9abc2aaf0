/* test_rule.c - the rule language: what is true, what is an error, what is
** refused and where, and that nothing makes it slow or deep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/rule.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

static const char payload[] =
  "{\"id\":\"tx-1\",\"type\":\"tenantStateChange\","
  "\"tenantInitialState\":{\"name\":\"NEW\"},"
  "\"tenantTargetState\":{\"name\":\"ACTIVE\"},"
  "\"tenant\":{\"name\":\"O'Hara \\\"& Co\\\"\",\"owner\":null,\"count\":3,"
  "\"accountType\":{\"name\":\"RETAIL\",\"paymentModes\":2,\"trial\":false,"
  "\"manualActivation\":true,\"rate\":2.5,\"big\":9007199254740993}},"
  "\"tags\":[1,2.0],\"same\":[1.0,2],\"none\":null,\"empty\":{},"
  "\"not\":{\"and\":\"or\"},\"Upper\":1,\"upper\":2,\"text\":\"2\","
  "\"far\":1e300,\"ja\":\"\xE5\x8F\x97\xE6\xB3\xA8\"}";

static ml_json *transaction(ml_arena *a) {
  ml_json *v = NULL;

  assert_int_equal(ml_json_parse(a, payload, sizeof payload - 1, NULL, &v, NULL),
                   ML_OK);
  return v;
}

static ml_rc compile(const char *text, ml_rule **r, ml_err *e) {
  *e = (ml_err){0};
  return ml_rule_compile(ml_str_of(text), r, e);
}

/* 1 true, 0 false, -1 an error, which is in *e. */
static int value(const char *text, ml_err *e) {
  ml_arena a = {0};
  ml_rule *r;
  bool yes = false;
  ml_rc rc;

  if (compile(text, &r, e) != ML_OK)
    fail_msg("%s: %s: %s", text, e->at, e->text);
  rc = ml_rule_eval(r, transaction(&a), &yes, e);
  ml_rule_free(r);
  ml_arena_free(&a);
  return rc == ML_OK ? yes : -1;
}

static const struct { const char *text; int yes; } truths[] = {
  {"{true}", 1}, {"{false}", 0}, {" \n {\ttrue } \r\n", 1}, {"{TRUE}", 1},
  {"{#transaction.tenantInitialState.name == 'NEW'}", 1},
  {"{#transaction.tenantInitialState.name eq 'NEW'}", 1},
  {"{#transaction.tenantInitialState.name EQ 'new'}", 0},
  {"{#transaction.tenantInitialState.name != 'NEW'}", 0},
  {"{#transaction.tenantInitialState.name Ne 'OLD'}", 1},
  {"{#transaction.tenantInitialState.name == 'NEW' and "
   "#transaction.tenantTargetState.name == 'ACTIVE' and "
   "#transaction.tenant.accountType.paymentModes == 2}", 1},
  {"{#transaction.tenant.accountType.paymentModes == 3}", 0},
  {"{#transaction.tenant.accountType.paymentModes == 2.0}", 1},
  {"{#transaction.tenant.accountType.paymentModes == 002}", 1},
  {"{#transaction.tenant.accountType.paymentModes == '2'}", 0},
  {"{#transaction.text == '2'}", 1}, {"{#transaction.text == 2}", 0},
  {"{#transaction.text != 2}", 1},
  {"{#transaction.tenant.accountType.rate == 2.5}", 1},
  {"{#transaction.tenant.accountType.rate > 2}", 1},
  {"{#transaction.tenant.accountType.rate ge 2.5}", 1},
  {"{#transaction.tenant.count < 3}", 0},
  {"{#transaction.tenant.count le 3}", 1},
  {"{#transaction.tenant.count gt -3}", 1},
  {"{-1 < -0.5}", 1}, {"{1 lt 1.0}", 0}, {"{1 <= 1.0}", 1}, {"{-0.5 >= 0}", 0},
  {"{#transaction.far > 9223372036854775807}", 1},
  {"{-9223372036854775808 < #transaction.far}", 1},
  {"{#transaction.tenant.accountType.big == 9007199254740992.0}", 0},
  {"{#transaction.tenant.accountType.big > 9007199254740992.0}", 1},
  {"{'a' < 'b'}", 1}, {"{'a' < 'ab'}", 1}, {"{'B' > 'a'}", 0},
  {"{'ab' >= 'ab'}", 1}, {"{'' < 'a'}", 1}, {"{false < true}", 1},
  {"{#transaction.tenant.accountType.manualActivation == true}", 1},
  {"{#transaction.tenant.accountType.manualActivation}", 1},
  {"{not #transaction.tenant.accountType.trial}", 1},
  {"{! #transaction.tenant.accountType.trial}", 1},
  {"{!!true}", 1}, {"{NOT not false}", 0},
  {"{not true == false}", 1},                 /* (not true) == false */
  {"{not (true == false)}", 1}, {"{not (true or true) or true}", 1},
  {"{true or true and false}", 1},            /* or of true, (true and false) */
  {"{(true or true) and false}", 0}, {"{false && true || true}", 1},
  {"{true AND false OR true}", 1}, {"{1 == 1 and 2 == 2 or 1 == 2}", 1},
  {"{true or #transaction.missing}", 1},      /* stops early */
  {"{false and #transaction.missing == 1}", 0},
  {"{true or 1 < 'x'}", 1}, {"{true or 7}", 1},
  {"{#transaction.none == null}", 1}, {"{#transaction.none != null}", 0},
  {"{#transaction.tenant == null}", 0}, {"{#transaction.tenant != NULL}", 1},
  {"{null == null}", 1}, {"{false == null}", 0}, {"{0 == null}", 0},
  {"{'' == null}", 0}, {"{0 == false}", 0}, {"{'true' == true}", 0},
  {"{#transaction.none?.anything == null}", 1},
  {"{#transaction?.tenant?.owner?.name == null}", 1},
  {"{#transaction.none?.a?.b == null}", 1},
  {"{#transaction.tenant?.accountType.paymentModes == 2}", 1},
  {"{#transaction.tags == #transaction.same}", 1},
  {"{#transaction.tags == #transaction.empty}", 0},
  {"{#transaction.empty == #transaction.empty}", 1},
  {"{#transaction == #transaction}", 1},
  {"{#transaction.not.and == 'or'}", 1}, {"{#transaction.Upper == 1}", 1},
  {"{#transaction.upper == 2}", 1},
  {"{#transaction.tenant.name == 'O''Hara \"& Co\"'}", 1},
  {"{#transaction.tenant.name == \"O'Hara \"\"& Co\"\"\"}", 1},
  {"{'}' == \"}\"}", 1}, {"{'a''b' == 'a''b' and 'x' == 'x'}", 1},
  {"{'' == ''}", 1}, {"{'''' == \"'\"}", 1}, {"{'\\n' == \"\\n\"}", 1},
  {"{#transaction.ja == '\xE5\x8F\x97\xE6\xB3\xA8'}", 1},
  {"{#transaction\n  .tenant\n  .count\n==3}", 1},
  {"{(((#transaction.tenant.count))) == (3)}", 1},
  {"{(1 == 1) == (2 == 2)}", 1},
  {"{1==1 and(2==2)and not(3==4)}", 1}};

static void truth(void **state) {
  ml_err e;

  (void)state;
  for (size_t i = 0; i < LEN(truths); i++) {
    int got = value(truths[i].text, &e);

    if (got != truths[i].yes)
      fail_msg("%s gave %d: %s: %s", truths[i].text, got, e.at, e.text);
  }
}

/* Null and missing differ, kinds do not mix, and the place is told. */
static void errors(void **state) {
  static const struct { const char *text, *at, *has; } bad[] = {
    {"{#transaction.tenat.name == 'x'}", "line 1, column 15",
     "no property 'tenat' in #transaction"},
    {"{#transaction.tenant.accountType.paymentMode == 2}", "line 1, column 34",
     "no property 'paymentMode' in #transaction.tenant.accountType"},
    {"{#transaction.missing == null}", "line 1, column 15", "no property"},
    {"{#transaction?.missing == null}", "line 1, column 16", "no property"},
    {"{#transaction.empty?.x == null}", "line 1, column 22", "no property"},
    {"{#transaction.Tenant != null}", "line 1, column 15", "no property"},
    {"{#transaction.none.x == null}", "line 1, column 20", "of null"},
    {"{#transaction.none?.x.y == null}", "line 1, column 23", "of null"},
    {"{#transaction.id.name == 'x'}", "line 1, column 18", "of a text"},
    {"{#transaction.tags.size == 2}", "line 1, column 20", "of a list"},
    {"{#transaction.tenant.count?.x == 2}", "line 1, column 29",
     "of an integer"},
    {"{#transaction.none < 1}", "line 1, column 20", "null and an integer"},
    {"{1 >= null}", "line 1, column 4", "an integer and null"},
    {"{'2' < 3}", "line 1, column 6", "a text and an integer"},
    {"{true < 1}", "line 1, column 7", "no order"},
    {"{#transaction.tags < #transaction.tags}", "line 1, column 20",
     "no order"},
    {"{#transaction.empty >= #transaction.empty}", "line 1, column 21",
     "no order"},
    {"{1}", "line 1, column 2", "a rule wants true or false"},
    {"{'true'}", "line 1, column 2", "a rule wants true or false"},
    {"{null}", "line 1, column 2", "a rule wants true or false"},
    {"{#transaction}", "line 1, column 2", "this is an object"},
    {"{#transaction.none}", "line 1, column 2", "this is null"},
    {"{true and 1}", "line 1, column 11", "'and' wants"},
    {"{null or true}", "line 1, column 2", "'or' wants"},
    {"{not 'x'}", "line 1, column 6", "'not' wants"},
    {"{not #transaction.tenant.count == 3}", "line 1, column 6", "'not' wants"},
    {"{true and\n  1 < 'a'}", "line 2, column 5", "no order"},
    {"{'\xE5\x8F\x97' == '' or 1}", "line 1, column 15", "'or' wants"}};
  ml_err e;

  (void)state;
  for (size_t i = 0; i < LEN(bad); i++) {
    if (value(bad[i].text, &e) != -1)
      fail_msg("%s is no error", bad[i].text);
    if (e.rc != ML_INVALID || strcmp(e.at, bad[i].at) != 0
        || strstr(e.text, bad[i].has) == NULL)
      fail_msg("%s: %s: %s", bad[i].text, e.at, e.text);
  }
}

static const struct { const char *text; size_t at; const char *has; } refused[] = {
  /* braces */
  {"", 0, "is empty"}, {" \n\t", 0, "is empty"}, {"{}", 1, "no expression"},
  {"{ \n }", 4, "no expression"}, {"true", 0, "before the opening"},
  {"x {true}", 0, "before the opening"}, {"#{true}", 0, "before the opening"},
  {"'a'{true}", 0, "before the opening"}, {"{true} x", 7, "behind the closing"},
  {"{true}}", 6, "behind the closing"}, {"{true}{true}", 6, "behind the closing"},
  {"{true", 5, "the rule ends"}, {"{", 1, "the rule ends"},
  {"{{true}}", 1, "around the whole rule"}, {"{(true}", 6, "')' is expected"},
  {"{true)}", 5, "is expected here, not ')'"},
  /* calls, classes, objects, beans */
  {"{T(java.lang.Runtime).getRuntime() == null}", 1, "T(...)"},
  {"{T (x) == 1}", 1, "T(...)"}, {"{new java.io.File('x') == null}", 1, "'new'"},
  {"{@bean.name == 'x'}", 1, "bean"}, {"{system('x')}", 1, "not called"},
  {"{#transaction.tenant.getName() == 'x'}", 21, "methods are not called"},
  {"{#transaction.tenant.getName () == 'x'}", 21, "methods are not called"},
  {"{#transaction?.close()}", 15, "methods are not called"},
  {"{#transaction()}", 13, "not called"}, {"{true('x')}", 5, "not called"},
  {"{'x'.length() == 1}", 4, "is expected here, not '.'"},
  {"{#root.x == 1}", 1, "only variable"}, {"{#this}", 1, "only variable"},
  {"{#transactions.x == 1}", 1, "only variable"},
  {"{# transaction.x == 1}", 1, "only variable"},
  /* assignment, indexing, selection */
  {"{#transaction.x = 1}", 16, "assigns"}, {"{#transaction.x=1}", 15, "assigns"},
  {"{#transaction['x'] == 1}", 13, "indexing"},
  {"{#transaction.tags[0] == 1}", 18, "indexing"},
  {"{#transaction.tags.?[true] == 1}", 19, "choose"},
  {"{#transaction.tags.![x] == 1}", 19, "the name of a property"},
  {"{#transaction.tags.^[x] == 1}", 19, "does not calculate"},
  /* other operators of SpEL */
  {"{1 + 1 == 2}", 3, "does not calculate"}, {"{3 - 1 == 2}", 3, "calculate"},
  {"{3 -1 == 2}", 3, "calculate"}, {"{2*1 == 2}", 2, "calculate"},
  {"{4 / 2 == 2}", 3, "calculate"}, {"{4 % 2 == 0}", 3, "calculate"},
  {"{2 ^ 2 == 4}", 3, "calculate"}, {"{- 2 == 1}", 1, "calculate"},
  {"{+2 == 2}", 1, "calculate"}, {"{-#transaction.x == 1}", 1, "calculate"},
  {"{true ? true : false}", 6, "choose"}, {"{null ?: true}", 6, "choose"},
  {"{'a' matches 'b'}", 5, "not part of"},
  {"{'a' instanceof T(x)}", 5, "not part of"},
  {"{4 div 2 == 2}", 3, "not part of"}, {"{1 between {1,2}}", 3, "not part of"},
  {"{true & true}", 6, "twice"}, {"{true | true}", 6, "twice"},
  {"{{1, 2} == 1}", 1, "around the whole"}, {"{1 == 1; true}", 7, "not ';'"},
  {"{1, 2}", 2, "not ','"}, {"{a\\b}", 1, "through #transaction"},
  /* shape */
  {"{1 == 2 == 3}", 8, "not chained"}, {"{1 < 2 < 3}", 7, "not chained"},
  {"{== 1}", 1, "a value is expected"}, {"{1 ==}", 5, "a value is expected"},
  {"{1 == }", 6, "a value"}, {"{and true}", 1, "a value is expected"},
  {"{true and}", 9, "a value"}, {"{true or or true}", 9, "a value"},
  {"{not}", 4, "a value"}, {"{()}", 2, "a value"}, {"{1 === 1}", 5, "assigns"},
  {"{true true}", 6, "is expected here, not 'true'"}, {"{1 <> 2}", 4, "a value"},
  {"{1 => 2}", 3, "assigns"}, {"{tenant == 1}", 1, "through #transaction"},
  {"{#transaction. == 1}", 15, "the name of a property"},
  {"{#transaction.1 == 1}", 14, "the name of a property"},
  {"{#transaction..x == 1}", 14, "the name of a property"},
  {"{#transaction.'x' == 1}", 14, "the name of a property"},
  {"{#transaction.}", 14, "the name of a property"},
  {"{#transaction?x == 1}", 13, "choose"},
  {"{(#transaction.tenant).name == 'x'}", 22, "not '.'"},
  /* texts and numbers */
  {"{'abc}", 1, "not closed"}, {"{\"abc}", 1, "not closed"},
  {"{'a''}", 1, "not closed"}, {"{'a' 'b'}", 5, "is expected here"},
  {"{1e5 == 1}", 1, "integers or decimals"}, {"{1L == 1}", 1, "integers or"},
  {"{1. == 1}", 1, "integers or decimals"}, {"{1.2.3 == 1}", 1, "integers or"},
  {"{.5 == 1}", 1, "a value"}, {"{0x10 == 16}", 1, "integers or decimals"},
  {"{9223372036854775808 == 1}", 1, "at most 9223372036854775807"},
  {"{-9223372036854775809 == 1}", 1, "at most"}, {"{--1 == 1}", 1, "calculate"},
  {"{'a' == \xC2\xA0'a'}", 8, "a value"},
  {"{#transaction.\xC3\xA9t\xC3\xA9 == 1}", 14, "the name of a property"}};

static void refusals(void **state) {
  (void)state;
  for (size_t i = 0; i < LEN(refused); i++) {
    ml_rule *r = NULL;
    ml_err e = {0};
    size_t at = 999;
    ml_rc rc = ml_rule_compile_within(ml_str_of(refused[i].text), NULL, &r, &at,
                                      &e);

    if (rc == ML_OK)
      fail_msg("%s is not refused", refused[i].text);
    assert_null(r);
    if (rc != ML_INVALID || at != refused[i].at
        || strstr(e.text, refused[i].has) == NULL
        || strncmp(e.at, "line ", 5) != 0)
      fail_msg("%s: byte %zu, %s: %s", refused[i].text, at, e.at, e.text);
  }
}

static void places_count_characters(void **state) {
  ml_rule *r;
  ml_err e;

  (void)state;
  assert_int_equal(compile("{'\xE5\x8F\x97' == 'a'\n and  x()}", &r, &e),
                   ML_INVALID);
  assert_string_equal(e.at, "line 2, column 7");
  assert_int_equal(compile("{'\xE5\x8F\x97' == 'a' and x}", &r, &e), ML_INVALID);
  assert_string_equal(e.at, "line 1, column 17");
}

static void not_utf8(void **state) {
  ml_rule *r;
  ml_err e;

  (void)state;
  assert_int_equal(compile("{'\xFF' == 'a'}", &r, &e), ML_INVALID);
  assert_non_null(strstr(e.text, "UTF-8"));
  assert_int_equal(ml_rule_compile((ml_str){"{true\0}", 7}, &r, &e), ML_INVALID);
  assert_null(r);
}

/* Printed, compiled and printed again it is the same, and means the same. */
static void printing(void **state) {
  static const struct { const char *text, *printed; } made[] = {
    {"{ TRUE }", "{true}"}, {"{\"a'b\" EQ 'x'}", "{'a''b' == 'x'}"},
    {"{!(1 lt 2)&&(true||false)}", "{not (1 < 2) and (true or false)}"},
    {"{(true and true) and (false or (null == null))}",
     "{true and true and (false or null == null)}"},
    {"{((true)) or (true and false)}", "{true or true and false}"},
    {"{(1 == 1) == (2 != 2)}", "{(1 == 1) == (2 != 2)}"},
    {"{(not true) == false}", "{not true == false}"},
    {"{not not true}", "{not not true}"}, {"{007 ge -01.50}", "{007 >= -01.50}"},
    {"{#transaction . a ?. b gt 1.0}", "{#transaction.a?.b > 1.0}"},
    {"{(true or false) == true}", "{(true or false) == true}"}};

  (void)state;
  for (size_t i = 0; i < LEN(made) + LEN(truths); i++) {
    const char *text = i < LEN(made) ? made[i].text
                                     : truths[i - LEN(made)].text;
    ml_buf first = {0}, second = {0};
    ml_rule *r;
    ml_err e;

    assert_int_equal(compile(text, &r, &e), ML_OK);
    ml_rule_print(&first, r);
    ml_rule_free(r);
    if (i < LEN(made))
      assert_string_equal(first.p, made[i].printed);
    if (compile(first.p, &r, &e) != ML_OK)
      fail_msg("%s became %s: %s: %s", text, first.p, e.at, e.text);
    ml_rule_print(&second, r);
    ml_rule_free(r);
    assert_string_equal(first.p, second.p);
    if (i >= LEN(made))
      assert_int_equal(value(first.p, &e), truths[i - LEN(made)].yes);
    ml_buf_free(&first);
    ml_buf_free(&second);
  }
}

/* ---- bounds ---- */

static void repeat(ml_buf *b, const char *s, size_t n) {
  for (size_t i = 0; i < n; i++)
    ml_buf_puts(b, s);
}

static ml_rc nested(const char *open, size_t n, const char *close,
                    const ml_rule_limits *l, ml_err *e) {
  ml_buf b = {0};
  ml_rule *r;
  ml_rc rc;

  ml_buf_puts(&b, "{");
  repeat(&b, open, n);
  ml_buf_puts(&b, "true");
  repeat(&b, close, n);
  ml_buf_puts(&b, "}");
  *e = (ml_err){0};
  rc = ml_rule_compile_within((ml_str){b.p, b.len}, l, &r, NULL, e);
  ml_rule_free(r);
  ml_buf_free(&b);
  return rc;
}

static void depth(void **state) {
  static const ml_rule_limits deep = {0, 256}, flat = {0, 1};
  ml_err e;

  (void)state;
  assert_int_equal(nested("(", 64, ")", NULL, &e), ML_OK);
  assert_int_equal(nested("(", 65, ")", NULL, &e), ML_LIMIT);
  assert_non_null(strstr(e.text, "64 deep (rule-depth)"));
  assert_string_equal(e.at, "line 1, column 66");
  assert_int_equal(nested("not ", 64, "", NULL, &e), ML_OK);
  assert_int_equal(nested("!", 65, "", NULL, &e), ML_LIMIT);
  assert_int_equal(nested("!(", 32, ")", NULL, &e), ML_OK);
  assert_int_equal(nested("(", 256, ")", &deep, &e), ML_OK);
  assert_int_equal(nested("(", 257, ")", &deep, &e), ML_LIMIT);
  assert_int_equal(nested("(", 8000, ")", &deep, &e), ML_LIMIT);
  assert_int_equal(nested("(", 1, ")", &flat, &e), ML_OK);
  assert_int_equal(nested("(", 2, ")", &flat, &e), ML_LIMIT);
}

/* A long rule is wide, not deep, and the longest one is read. */
static void length(void **state) {
  ml_arena a = {0};
  ml_buf b = {0};
  ml_rule *r;
  bool yes = false;
  ml_err e = {0};

  (void)state;
  ml_buf_puts(&b, "{true");
  while (b.len + 11 < ML_RULE_BYTES)
    ml_buf_puts(&b, " and true");
  while (b.len + 1 < ML_RULE_BYTES)
    ml_buf_putc(&b, ' ');
  ml_buf_putc(&b, '}');
  assert_int_equal(b.len, ML_RULE_BYTES);
  assert_int_equal(ml_rule_compile((ml_str){b.p, b.len}, &r, &e), ML_OK);
  assert_int_equal(ml_rule_eval(r, transaction(&a), &yes, &e), ML_OK);
  assert_true(yes);
  ml_rule_free(r);
  ml_buf_putc(&b, ' ');
  assert_int_equal(ml_rule_compile((ml_str){b.p, b.len}, &r, &e), ML_LIMIT);
  assert_non_null(strstr(e.text, "16384 bytes (rule-bytes)"));
  assert_null(r);
  ml_buf_reset(&b);
  ml_buf_puts(&b, "{#transaction");
  repeat(&b, ".tenant", 2000);
  ml_buf_puts(&b, " == 1}");
  assert_int_equal(ml_rule_compile((ml_str){b.p, b.len}, &r, &e), ML_OK);
  assert_int_equal(ml_rule_eval(r, transaction(&a), &yes, &e), ML_INVALID);
  ml_rule_free(r);
  ml_buf_free(&b);
  ml_arena_free(&a);
}

/* The dearest rule over a payload of 40,000 members: a limit, not a wait. */
static void steps(void **state) {
  ml_arena a = {0};
  ml_buf b = {0}, text = {0};
  ml_rule_pass left = {.steps = 3};
  struct timespec from, to;
  ml_json *tx;
  ml_rule *r;
  bool yes = false;
  ml_err e = {0};
  double ms;

  (void)state;
  ml_buf_puts(&b, "{\"a\":0");
  for (int i = 0; i < 40000; i++)
    ml_buf_printf(&b, ",\"k%d\":%d", i, i);
  ml_buf_puts(&b, "}");
  assert_int_equal(ml_json_parse(&a, b.p, b.len, NULL, &tx, &e), ML_OK);
  ml_buf_puts(&text, "{true");
  repeat(&text, " and #transaction == #transaction", 400);
  ml_buf_puts(&text, "}");
  assert_int_equal(ml_rule_compile((ml_str){text.p, text.len}, &r, &e), ML_OK);
  clock_gettime(CLOCK_MONOTONIC, &from);
  assert_int_equal(ml_rule_eval(r, tx, &yes, &e), ML_LIMIT);
  clock_gettime(CLOCK_MONOTONIC, &to);
  ms = (double)(to.tv_sec - from.tv_sec) * 1e3
       + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
  assert_non_null(strstr(e.text, "rule-steps"));
  if (ms > 2000)
    fail_msg("it took %.0f ms", ms);
  ml_rule_free(r);
  assert_int_equal(compile("{true and true and true}", &r, &e), ML_OK);
  assert_int_equal(ml_rule_eval_within(r, tx, &left, &yes, &e), ML_LIMIT);
  left.steps = 4;
  assert_int_equal(ml_rule_eval_within(r, tx, &left, &yes, &e), ML_OK);
  assert_true(yes);
  assert_int_equal(left.steps, 0);
  ml_rule_free(r);
  ml_buf_free(&b);
  ml_buf_free(&text);
  ml_arena_free(&a);
}

/* What is remembered from rule to rule is what is there. */
static void one_pass(void **state) {
  ml_rule_pass pass = {.steps = 100 * ML_RULE_STEPS};
  ml_arena a = {0};
  ml_buf b = {0};
  static ml_rule *rules[600];
  ml_json *tx;
  ml_err e = {0};

  (void)state;
  ml_buf_puts(&b, "{\"in\":{\"k7\":-1}");
  for (int i = 0; i < 500; i++)
    ml_buf_printf(&b, ",\"k%d\":%d", i, i);
  ml_buf_puts(&b, "}");
  assert_int_equal(ml_json_parse(&a, b.p, b.len, NULL, &tx, &e), ML_OK);
  for (int k = 0; k < 600; k++) {
    char text[80];

    snprintf(text, sizeof text, "{#transaction.k%d == %d and "
             "#transaction.in.k7 == -1}", k, k);
    assert_int_equal(compile(text, &rules[k], &e), ML_OK);
  }
  for (int i = 0; i < 3000; i++) {
    int k = i * 37 % 600;
    bool yes = false;
    ml_rc rc = ml_rule_eval_within(rules[k], tx, &pass, &yes, &e);

    assert_int_equal(rc, k < 500 ? ML_OK : ML_INVALID);
    assert_int_equal(yes, k < 500);
  }
  for (int k = 0; k < 600; k++)
    ml_rule_free(rules[k]);
  ml_buf_free(&b);
  ml_arena_free(&a);
}

static void memory_ends(void **state) {
  static const char text[] =
    "{#transaction.tenant.accountType.paymentModes == 2 and not (1 == 2.5 or "
    "'a' == \"b\") and #transaction.id != null and 1 == 1 and 2 == 2 and 3 == 3}";
  uint64_t n = 1;
  ml_rc rc;

  (void)state;
  do {
    ml_rule *r;
    ml_err e = {0};

    ml_mem_fail_at(n++, 0);
    rc = ml_rule_compile(ml_str_of(text), &r, &e);
    ml_mem_fail_at(0, 0);
    assert_true(rc == ML_OK || rc == ML_NOMEM);
    assert_int_equal(rc == ML_OK, r != NULL);
    ml_rule_free(r);
    assert_true(n < 1000);
  } while (rc != ML_OK);
  assert_true(n > 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(truth), cmocka_unit_test(errors),
    cmocka_unit_test(refusals), cmocka_unit_test(places_count_characters),
    cmocka_unit_test(not_utf8), cmocka_unit_test(printing),
    cmocka_unit_test(depth), cmocka_unit_test(length), cmocka_unit_test(steps),
    cmocka_unit_test(one_pass), cmocka_unit_test(memory_ends)};

  return cmocka_run_group_tests(tests, NULL, NULL);
}
