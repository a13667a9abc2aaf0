/* test_json.c - what JSON is taken, what is refused and where, and that
** what is written reads back the same. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

static ml_rc parse(ml_arena *a, const char *s, size_t n, ml_json **out,
                   ml_err *e) {
  /* a copy of exactly n bytes, so that a sanitizer sees a read beyond */
  char *copy = malloc(n > 0 ? n : 1);
  ml_rc rc;

  assert_non_null(copy);
  memcpy(copy, s, n);
  rc = ml_json_parse(a, copy, n, NULL, out, e);
  memset(copy, '#', n);   /* the tree must not point here */
  free(copy);
  return rc;
}

static void expect_print(const char *in, size_t n, const char *out) {
  ml_arena a = {0};
  ml_json *v = NULL;
  ml_buf b = {0};
  ml_err e = {0};

  if (parse(&a, in, n, &v, &e) != ML_OK)
    fail_msg("%s: %s at %s", in, e.text, e.at);
  ml_json_print(&b, v);
  assert_false(b.bad);
  assert_string_equal(b.p, out);
  ml_buf_free(&b);
  ml_arena_free(&a);
}

/* ---- accepted ---- */

static void accepted(void **state) {
  static const struct { const char *in, *out; } rows[] = {
    {"null", "null"}, {"true", "true"}, {" false\r\n\t", "false"},
    {"0", "0"}, {"-0", "0"}, {"7", "7"}, {"-12", "-12"},
    {"\"\"", "\"\""}, {"{}", "{}"}, {"[]", "[]"}, {"[ ]", "[]"},
    {"{ }", "{}"}, {"[[],{},null]", "[[],{},null]"},
    {"{\"a\":[],\"b\":{},\"c\":null}", "{\"a\":[],\"b\":{},\"c\":null}"},
    {" [ 1 , 2 ] ", "[1,2]"},
    {" { \"a\" : 1 , \"b\" : [ { } ] } ", "{\"a\":1,\"b\":[{}]}"},
    {"{\"\":1}", "{\"\":1}"},
    /* integers and what only looks like one */
    {"9007199254740993", "9007199254740993"},
    {"9223372036854775807", "9223372036854775807"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"9223372036854775808", "9.223372036854776e+18"},
    {"-9223372036854775809", "-9.223372036854776e+18"},
    {"18446744073709551616", "1.8446744073709552e+19"},
    {"100000000000000000000000000000000", "1e+32"},
    {"1.0", "1.0"}, {"-0.0", "-0.0"}, {"1e2", "100.0"}, {"1E+2", "100.0"},
    {"1e-2", "0.01"}, {"0.1", "0.1"}, {"0.30000000000000004",
    "0.30000000000000004"}, {"1e15", "1e+15"}, {"1e308", "1e+308"},
    {"1.7976931348623157e308", "1.7976931348623157e+308"},
    {"5e-324", "5e-324"}, {"1e-400", "0.0"}, {"0e9999", "0.0"},
    {"123456789012345678.5", "1.2345678901234568e+17"},
    /* strings */
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
    {"\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\"", "\"A\xC3\xA9\xE2\x82\xAC"
     "\xF0\x9F\x98\x80\""},
    {"\"\\u0000\\u001f\"", "\"\\u0000\\u001f\""},
    {"\"\\uFFFF\\uD800\\uDC00\\uDBFF\\uDFFF\"",
     "\"\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\""},
    {"\"\x7F \xC2\x80 \xED\x9F\xBF \xEE\x80\x80\"",
     "\"\x7F \xC2\x80 \xED\x9F\xBF \xEE\x80\x80\""},
    {"\"0123456789abcdef\\n0123456789\xE6\xA5\xAD\xE5\x8B\x99"
     "0123456789abcdef\"",
     "\"0123456789abcdef\\n0123456789\xE6\xA5\xAD\xE5\x8B\x99"
     "0123456789abcdef\""},
    {"{\"\\u0061\":1}", "{\"a\":1}"},
  };

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    expect_print(rows[i].in, strlen(rows[i].in), rows[i].out);
    /* what is printed is a text that prints the same */
    expect_print(rows[i].out, strlen(rows[i].out), rows[i].out);
  }
}

/* ---- refused ---- */

/* The sentence holds `why` and the place is byte `at`. */
static void expect_refused(const char *in, size_t n, size_t at,
                           const char *why) {
  ml_arena a = {0};
  ml_json *v = (ml_json *)&a;
  ml_err e = {0};
  char where[32];
  ml_rc rc = parse(&a, in, n, &v, &e);

  snprintf(where, sizeof where, "byte %zu", at);
  if (rc != ML_INVALID || strcmp(e.at, where) != 0
      || strstr(e.text, why) == NULL)
    fail_msg("%s: %s: '%s' at %s; wanted '%s' at %s", in, ml_rc_name(rc),
             e.text, e.at, why, where);
  assert_null(v);
  ml_arena_free(&a);
}

static void refused(void **state) {
  static const struct { const char *in; size_t at; const char *why; } rows[] = {
    {"", 0, "the text ends where a value must stand"},
    {"  ", 2, "the text ends where a value must stand"},
    {"\xEF\xBB\xBF{}", 0, "byte order mark"},
    {"nul", 0, "true, false or null"}, {"True", 0, "not a value"},
    {"nulll", 4, "bytes follow the end"},
    {"NaN", 0, "not a value"}, {"Infinity", 0, "not a value"},
    {"-Infinity", 1, "a digit must follow the minus"},
    {"1 2", 2, "bytes follow the end"}, {"{} x", 3, "bytes follow the end"},
    {"[]]", 2, "bytes follow the end"}, {"\"a\"\"b\"", 3, "bytes follow"},
    {"[", 1, "the text ends inside an array"},
    {"[1", 2, "the text ends inside an array"},
    {"[1,", 3, "the text ends where a value must stand"},
    {"[1,]", 3, "a value is missing"}, {"[,1]", 1, "a value is missing"},
    {"[1 2]", 3, "a comma or ] must stand here"},
    {"[1}", 2, "a comma or ] must stand here"},
    {"{", 1, "the text ends inside an object"},
    {"{\"a\"", 4, "the text ends inside an object"},
    {"{\"a\":", 5, "the text ends where a value must stand"},
    {"{\"a\":1", 6, "the text ends inside an object"},
    {"{\"a\":1,", 7, "the text ends inside an object"},
    {"{\"a\":1,}", 7, "a key in double quotes"},
    {"{a:1}", 1, "a key in double quotes"}, {"{'a':1}", 1, "a key in double"},
    {"{1:1}", 1, "a key in double quotes"}, {"{\"a\" 1}", 5, "a colon must"},
    {"{\"a\":}", 5, "a value is missing"}, {"{\"a\":1]", 6, "a comma or }"},
    {"{\"a\":1 \"b\":2}", 7, "a comma or } must stand here"},
    {"{,}", 1, "a key in double quotes"}, {"]", 0, "a value is missing"},
    {"// x\n1", 0, "comments"}, {"[/* */]", 1, "comments"}, {"1 # x", 2, "bytes"},
    {"\v1", 0, "not a value"}, {"\xC2\xA0" "1", 0, "not a value"},
    /* numbers */
    {"01", 0, "must not begin with 0"}, {"-01", 1, "must not begin with 0"},
    {"00", 0, "must not begin with 0"}, {"+1", 0, "not a value"},
    {".5", 0, "not a value"}, {"1.", 2, "a digit must follow the point"},
    {"1.e3", 2, "a digit must follow the point"},
    {"1e", 1, "a digit must follow the exponent"},
    {"1e+", 1, "a digit must follow the exponent"},
    {"-", 1, "a digit must follow the minus"},
    {"--1", 1, "a digit must follow the minus"},
    {"0x10", 1, "bytes follow"}, {"1_000", 1, "bytes follow"},
    {"1e400", 0, "too large for a double"}, {"[1,-1e309]", 3, "too large"},
    {"1e99999999999999999999", 0, "too large for a double"},
    /* strings */
    {"\"abc", 4, "the text ends inside a string"},
    {"\"abc\\", 5, "the text ends inside a string"},
    {"'a'", 0, "not a value"}, {"\"\\x41\"", 1, "no such escape"},
    {"\"\\'\"", 1, "no such escape"}, {"\"a\\u12\"", 2, "four hex digits"},
    {"\"\\u12G4\"", 1, "four hex digits"}, {"\"\\u+123\"", 1, "four hex"},
    {"\"\\uD800\"", 1, "surrogate"}, {"\"\\uDC00\"", 1, "surrogate"},
    {"\"\\uD800\\u0041\"", 1, "surrogate"}, {"\"\\uD800x\"", 1, "surrogate"},
    {"\"\\uDBFF\\uD800\"", 1, "surrogate"}, {"\"\\uD83D", 1, "surrogate"},
    {"\"ab\xFF\"", 3, "not valid UTF-8"}, {"\"\x80\"", 1, "not valid UTF-8"},
    {"\"\xC0\x80\"", 1, "not valid UTF-8"}, {"\"\xC3\"", 1, "not valid UTF-8"},
    {"\"\xE2\x82\"", 1, "not valid UTF-8"}, {"\"\xE2\x82", 1, "not valid"},
    {"\"\xE0\x9F\xBF\"", 1, "not valid UTF-8"},
    {"\"\xED\xA0\x80\"", 1, "not valid UTF-8"},
    {"\"\xF0\x8F\xBF\xBF\"", 1, "not valid UTF-8"},
    {"\"\xF4\x90\x80\x80\"", 1, "not valid UTF-8"},
    {"\"\xF5\x80\x80\x80\"", 1, "not valid UTF-8"},
    {"\"0123456789abcdef\xE3\x81\"", 17, "not valid UTF-8"},
    /* a key stands once */
    {"{\"a\":1,\"b\":2,\"a\":3}", 13, "the key 'a' stands twice"},
    {"{\"a\":1,\"\\u0061\":2}", 7, "the key 'a' stands twice"},
    {"[{\"x\":{\"\":1,\"\":2}}]", 12, "the key '' stands twice"},
    {"{\"\\n\":1,\"\\n\":2}", 8, "the key '?' stands twice"},
  };

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++)
    expect_refused(rows[i].in, strlen(rows[i].in), rows[i].at, rows[i].why);
  expect_refused("1\0", 2, 1, "bytes follow");
  expect_refused("\0" "1", 2, 0, "not a value");
  expect_refused("\"a\\\0\"", 5, 2, "no such escape");
}

/* Each control character is refused raw, taken as an escape, and written
** as one. */
static void control_characters(void **state) {
  (void)state;
  for (int c = 0; c < 0x20; c++) {
    char raw[] = {'"', 'x', (char)c, '"'}, shown[16];
    char far[] = "\"0123456789?\"";
    ml_arena a = {0};
    ml_json *v;
    ml_buf b = {0};

    expect_refused(raw, sizeof raw, 2, "a control character");
    far[11] = (char)c;
    expect_refused(far, sizeof far - 1, 11, "a control character");
    snprintf(shown, sizeof shown, "\"\\u%04x\"", (unsigned)c);
    assert_int_equal(parse(&a, shown, strlen(shown), &v, NULL), ML_OK);
    assert_int_equal(v->s.n, 1);
    assert_int_equal(v->s.p[0], c);
    ml_json_put_str(&b, v->s);
    assert_null(memchr(b.p, c, b.len));
    assert_true(b.len == 4 || strcmp(b.p, shown) == 0);
    ml_buf_free(&b);
    ml_arena_free(&a);
  }
}

/* Every beginning of a text is refused (unless it is one itself), no byte
** beyond it is read, and nothing is lost when memory ends anywhere. */
static const char sample[] =
    "{\"a\":[1,-2.5e3,true,false,null,\"x\\n\\uD83D\\uDE00\"],"
    "\"\xC3\xA9\":{\"k\":\"0123456789abcdef\",\"l\":{}},\"m\":[[[]]]}";

static void cut_anywhere(void **state) {
  (void)state;
  for (size_t n = 0; n < sizeof sample - 1; n++) {
    ml_arena a = {0};
    ml_json *v;
    ml_err e = {0};

    assert_int_equal(parse(&a, sample, n, &v, &e), ML_INVALID);
    assert_true(e.text[0] != '\0' && strncmp(e.at, "byte ", 5) == 0);
    ml_arena_free(&a);
  }
}

static uint64_t parse_short_of_memory(const char *s, size_t len) {
  ml_rc rc = ML_NOMEM;
  uint64_t n;

  for (n = 0; rc == ML_NOMEM; n++) {
    ml_arena a = {0};
    ml_json *v;
    ml_err e = {0};

    ml_mem_fail_at(n + 1, 0);
    rc = ml_json_parse(&a, s, len, NULL, &v, &e);
    ml_mem_fail_at(0, 0);
    assert_true((rc == ML_OK) == (v != NULL));
    if (rc == ML_NOMEM)
      assert_string_equal(e.text, "out of memory");
    ml_arena_free(&a);
  }
  assert_int_equal(rc, ML_OK);
  return n;   /* how often it failed, and once more */
}

/* Also with pieces so large that each needs a block of its own: a key, a
** text, an array and an object. */
static void memory_ends_anywhere(void **state) {
  ml_buf b = {0};

  (void)state;
  assert_true(parse_short_of_memory(sample, sizeof sample - 1) > 3);
  ml_buf_printf(&b, "{\"%06000d\":\"%09000d\",\"list\":[0", 1, 2);
  for (int i = 0; i < 1000; i++)
    ml_buf_puts(&b, ",0");
  ml_buf_puts(&b, "]");
  for (int i = 0; i < 3000; i++)
    ml_buf_printf(&b, ",\"%d\":0", i);
  ml_buf_puts(&b, "}");
  assert_true(parse_short_of_memory(b.p, b.len) > 15);
  ml_buf_free(&b);
}

/* ---- limits ---- */

static char *repeat(const char *open, const char *mid, const char *close,
                    int n) {
  ml_buf b = {0};

  for (int i = 0; i < n; i++)
    ml_buf_puts(&b, open);
  ml_buf_puts(&b, mid);
  for (int i = 0; i < n; i++)
    ml_buf_puts(&b, close);
  assert_false(b.bad);
  return b.p;
}

static void expect_limit(const char *s, const ml_json_limits *l,
                         const char *why, const char *at) {
  ml_arena a = {0};
  ml_json *v;
  ml_err e = {0};

  assert_int_equal(ml_json_parse(&a, s, strlen(s), l, &v, &e), ML_LIMIT);
  assert_string_equal(e.text, why);
  assert_string_equal(e.at, at);
  assert_null(v);
  ml_arena_free(&a);
}

static void expect_good(const char *s, const ml_json_limits *l) {
  ml_arena a = {0};
  ml_json *v;
  ml_err e = {0};

  if (ml_json_parse(&a, s, strlen(s), l, &v, &e) != ML_OK)
    fail_msg("%.40s: %s at %s", s, e.text, e.at);
  ml_arena_free(&a);
}

static void depth_limit(void **state) {
  static const char why[] =
      "arrays and objects nest too deep; at most 64 are allowed (depth)";
  static const char why2[] =
      "arrays and objects nest too deep; at most 2 are allowed (depth)";
  ml_json_limits two = {.depth = 2}, more = {.depth = 1000};
  char *s;

  (void)state;
  expect_good(s = repeat("[", "1", "]", 64), NULL);
  ml_mem_free(s);
  expect_good(s = repeat("{\"a\":", "1", "}", 64), NULL);
  ml_mem_free(s);
  expect_limit(s = repeat("[", "1", "]", 65), NULL, why, "byte 64");
  expect_limit(s, &more, why, "byte 64");   /* no limit above the code's own */
  ml_mem_free(s);
  expect_limit(s = repeat("{\"a\":", "1", "}", 65), NULL, why, "byte 320");
  ml_mem_free(s);
  expect_limit(s = repeat("[", "", "", 100000), NULL, why, "byte 64");
  ml_mem_free(s);
  expect_good("[[1],[2]]", &two);
  expect_limit("[[1],[[]]]", &two, why2, "byte 6");
}

static char *many(char open, char close, int n, bool keyed) {
  ml_buf b = {0};

  ml_buf_putc(&b, open);
  for (int i = 0; i < n; i++) {
    if (i > 0)
      ml_buf_putc(&b, ',');
    if (keyed)
      ml_buf_printf(&b, "\"k%d\":", i);
    ml_buf_printf(&b, "%d", i);
  }
  ml_buf_putc(&b, close);
  assert_false(b.bad);
  return b.p;
}

static void members_limit(void **state) {
  static const char why[] =
      "too many values and members; at most 50000 are allowed (members)";
  ml_json_limits three = {.members = 3};
  char *s;

  (void)state;
  expect_good(s = many('[', ']', 50000, false), NULL);
  ml_mem_free(s);
  expect_good(s = many('{', '}', 50000, true), NULL);
  ml_mem_free(s);
  expect_limit(s = many('[', ']', 50001, false), NULL, why, "byte 288891");
  ml_mem_free(s);
  s = many('{', '}', 50001, true);
  expect_limit(s, NULL, why, "byte 727790");
  ml_mem_free(s);
  expect_good("[1,[2]]", &three);
  expect_limit("[1,[2,3]]", &three,
               "too many values and members; at most 3 are allowed (members)",
               "byte 6");
}

static void digits_limit(void **state) {
  static const char why[] =
      "a number has too many digits; at most 64 are allowed (digits)";
  ml_json_limits big = {.digits = 400}, bigger = {.digits = 4000};
  char *s;

  (void)state;
  expect_good(s = repeat("9", "", "", 64), NULL);
  ml_mem_free(s);
  expect_limit(s = repeat("9", "", "", 65), NULL, why, "byte 0");
  expect_good(s, &big);
  ml_mem_free(s);
  s = repeat("", "-0.", "0", 399);
  expect_good(s, &big);
  expect_good(s, &bigger);
  ml_mem_free(s);
  s = repeat("", "-0.", "0", 400);
  expect_limit(s, &bigger,
               "a number has too many digits; at most 400 are allowed (digits)",
               "byte 0");   /* no limit above the code's own */
  ml_mem_free(s);
  s = repeat("", "-0.", "0", 64);
  expect_limit(s, NULL, why, "byte 0");
  ml_mem_free(s);
  s = repeat("", "1e", "1", 64);
  expect_limit(s, NULL, why, "byte 0");
  ml_mem_free(s);
}


/* ---- many members ---- */

/* A key that comes back at the end of 50,000 is found, at its place. */
static void duplicate_among_many(void **state) {
  char *s = many('{', '}', 49999, true);
  size_t n = strlen(s);
  ml_buf b = {0};
  ml_err e = {0};
  ml_arena a = {0};
  ml_json *v;

  (void)state;
  ml_buf_put(&b, s, n - 1);
  ml_buf_puts(&b, ",\"k25000\":0}");
  assert_int_equal(ml_json_parse(&a, b.p, b.len, NULL, &v, &e), ML_INVALID);
  assert_string_equal(e.text, "the key 'k25000' stands twice in one object");
  assert_int_equal(strtoul(e.at + 5, NULL, 10), n);
  /* of two that come back, the first */
  ml_buf_reset(&b);
  ml_buf_puts(&b, "{");
  for (int i = 20; i > 0; i--)
    ml_buf_printf(&b, "\"k%02d\":0,", i);
  ml_buf_puts(&b, "\"k09\":1,\"k03\":1,\"k09\":1}");
  assert_int_equal(ml_json_parse(&a, b.p, b.len, NULL, &v, &e), ML_INVALID);
  assert_string_equal(e.text, "the key 'k09' stands twice in one object");
  assert_string_equal(e.at, "byte 161");
  ml_buf_free(&b);
  ml_mem_free(s);
  ml_arena_free(&a);
}

static void long_key_in_error(void **state) {
  ml_buf b = {0};
  ml_arena a = {0};
  ml_json *v;
  ml_err e = {0};

  (void)state;
  for (int i = 0; i < 2; i++) {
    ml_buf_puts(&b, i == 0 ? "{\"" : "\":1,\"");
    for (int k = 0; k < 100; k++)
      ml_buf_puts(&b, "\xE6\xA5\xAD");
  }
  ml_buf_puts(&b, "\":2}");
  assert_int_equal(ml_json_parse(&a, b.p, b.len, NULL, &v, &e), ML_INVALID);
  assert_non_null(strstr(e.text, "\xE6\xA5\xAD...' stands twice"));
  ml_buf_free(&b);
  ml_arena_free(&a);
}

/* ---- the pull reader ---- */

static void pull(void **state) {
  static const char text[] = "{\"a\":[1,2.5,\"x\\ty\"],\"b\":null}  ";
  static const ml_jtok want[] = {
    ML_JT_OBJ, ML_JT_KEY, ML_JT_ARR, ML_JT_INT, ML_JT_REAL, ML_JT_STR,
    ML_JT_ARR_END, ML_JT_KEY, ML_JT_NULL, ML_JT_OBJ_END, ML_JT_END, ML_JT_END,
  };
  ml_jread r;
  uint64_t before;

  (void)state;
  ml_jread_init(&r, text, sizeof text - 1, NULL);
  before = ml_mem_count();
  for (size_t i = 0; i < LEN(want); i++) {
    assert_int_equal(ml_jread_next(&r), want[i]);
    if (i == 1) {
      assert_true(ml_str_is(r.str, "a"));
      assert_ptr_equal(r.str.p, text + 2);   /* borrowed, not copied */
      assert_int_equal(r.key_at, 1);
      assert_int_equal(ml_jread_offset(&r), 5);
    }
    if (i == 3)
      assert_int_equal(r.i, 1);
    if (i == 4) {
      assert_true(r.d == 2.5);
      assert_int_equal(ml_mem_count(), before);
    }
    if (i == 5)
      assert_true(ml_str_is(r.str, "x\ty"));
  }
  assert_int_equal(ml_mem_count(), before + 1);   /* one escaped string */
  assert_int_equal(ml_jread_offset(&r), sizeof text - 1);
  ml_jread_done(&r);
  ml_jread_done(NULL);
}

static void pull_stays_failed(void **state) {
  ml_jread r;

  (void)state;
  ml_jread_init(&r, "[1,x]", 5, NULL);
  assert_int_equal(ml_jread_next(&r), ML_JT_ARR);
  assert_int_equal(ml_jread_next(&r), ML_JT_INT);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(ml_jread_next(&r), ML_JT_ERROR);
    assert_string_equal(r.why, "not a value");
    assert_int_equal(ml_jread_offset(&r), 3);
    assert_null(r.limit);
    assert_false(r.nomem);
  }
  ml_jread_done(&r);
  ml_jread_init(&r, NULL, 0, NULL);
  assert_int_equal(ml_jread_next(&r), ML_JT_ERROR);
  ml_jread_done(&r);
}

static void pull_out_of_memory(void **state) {
  ml_jread r;

  (void)state;
  ml_jread_init(&r, "\"a\\n\"", 5, NULL);
  ml_mem_fail_at(1, 0);
  assert_int_equal(ml_jread_next(&r), ML_JT_ERROR);
  ml_mem_fail_at(0, 0);
  assert_true(r.nomem);
  ml_jread_done(&r);
}

/* ---- looking ---- */

static void looking(void **state) {
  static const char text[] =
      "{\"s\":\"x\",\"e\":\"\",\"i\":-7,\"t\":true,\"n\":null,\"l\":[1,[2]]}";
  ml_arena a = {0};
  ml_json *v;

  (void)state;
  assert_int_equal(parse(&a, text, sizeof text - 1, &v, NULL), ML_OK);
  assert_int_equal(v->count, 6);
  assert_true(ml_str_is(ml_json_str(v, "s"), "x"));
  assert_true(ml_str_is(ml_json_str(v, "e"), ""));
  assert_null(ml_json_str(v, "i").p);
  assert_null(ml_json_str(v, "none").p);
  assert_int_equal(ml_json_int(v, "i", 3), -7);
  assert_int_equal(ml_json_int(v, "s", 3), 3);
  assert_int_equal(ml_json_int(v, "none", 3), 3);
  assert_true(ml_json_bool(v, "t", false));
  assert_true(ml_json_bool(v, "n", true));
  assert_int_equal(ml_json_get(v, "n")->type, ML_JNULL);
  assert_null(ml_json_get(v, "none"));
  assert_null(ml_json_get(NULL, "s"));
  assert_null(ml_json_get(ml_json_get(v, "l"), "s"));
  assert_int_equal(ml_json_at(ml_json_get(v, "l"), 0)->i, 1);
  assert_int_equal(ml_json_at(ml_json_at(ml_json_get(v, "l"), 1), 0)->i, 2);
  assert_null(ml_json_at(ml_json_get(v, "l"), 2));
  assert_null(ml_json_at(v, 0));
  assert_null(ml_json_at(NULL, 0));
  assert_string_equal(ml_json_type_name(ML_JNULL), "null");
  assert_string_equal(ml_json_type_name(ML_JBOOL), "true or false");
  assert_string_equal(ml_json_type_name(ML_JOBJ), "an object");
  assert_string_equal(ml_json_type_name((ml_jtype)99), "?");
  ml_arena_free(&a);
}

static void equality(void **state) {
  static const struct { const char *a, *b; bool eq; } rows[] = {
    {"2", "2.0", true}, {"2", "2.5", false}, {"0", "-0.0", true},
    {"9007199254740992", "9007199254740992.0", true},
    {"9007199254740993", "9007199254740992.0", false},
    {"9223372036854775807", "9223372036854775808", false},
    {"-9223372036854775808", "-9223372036854775808.0", true},
    {"-9223372036854775808", "-1e19", false},
    {"1", "true", false}, {"null", "null", true}, {"null", "false", false},
    {"true", "false", false}, {"\"a\"", "\"a\"", true},
    {"\"\"", "null", false}, {"\"a\"", "\"b\"", false}, {"[]", "{}", false},
    {"[1,2]", "[1,2.0]", true}, {"[1,2]", "[2,1]", false},
    {"[1]", "[1,2]", false}, {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
    {"{\"a\":1,\"b\":2}", "{\"b\":1,\"a\":2}", false},
    {"{\"a\":1}", "{\"b\":1}", false}, {"{\"a\":1}", "{\"a\":1,\"b\":1}", false},
    {"{\"a\":{\"b\":[{}]}}", "{\"a\":{\"b\":[{}]}}", true},
    {"{\"a\":null}", "{}", false},
  };

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    ml_arena a = {0};
    ml_json *x, *y;

    assert_int_equal(parse(&a, rows[i].a, strlen(rows[i].a), &x, NULL), 0);
    assert_int_equal(parse(&a, rows[i].b, strlen(rows[i].b), &y, NULL), 0);
    if (ml_json_eq(x, y) != rows[i].eq || ml_json_eq(y, x) != rows[i].eq)
      fail_msg("%s and %s", rows[i].a, rows[i].b);
    assert_true(ml_json_eq(x, x));
    assert_false(ml_json_eq(x, NULL));
    ml_arena_free(&a);
  }
  assert_true(ml_json_eq(NULL, NULL));
}

/* Large objects in opposite order; again when there is no memory to sort. */
static void equality_of_many(void **state) {
  ml_buf up = {0}, down = {0};
  ml_arena a = {0};
  ml_json *x, *y;

  (void)state;
  for (int i = 0; i < 400; i++) {
    ml_buf_printf(&up, "%c\"k%d\":%d", i == 0 ? '{' : ',', i, i);
    ml_buf_printf(&down, "%c\"k%d\":%d", i == 0 ? '{' : ',', 399 - i, 399 - i);
  }
  ml_buf_putc(&up, '}');
  ml_buf_putc(&down, '}');
  assert_int_equal(parse(&a, up.p, up.len, &x, NULL), ML_OK);
  assert_int_equal(parse(&a, down.p, down.len, &y, NULL), ML_OK);
  for (int round = 0; round < 2; round++) {
    ml_mem_fail_at((uint64_t)round, 1);   /* 0: nothing fails */
    assert_true(ml_json_eq(x, y));
    y->obj[200].value.i++;
    assert_false(ml_json_eq(x, y));
    y->obj[200].value.i--;
    ml_mem_fail_at(0, 0);
  }
  y->obj[7].key = ML_STR("K");
  assert_false(ml_json_eq(x, y));
  ml_buf_free(&up);
  ml_buf_free(&down);
  ml_arena_free(&a);
}

/* ---- writing ---- */

static void reals_read_back(void **state) {
  static const struct { double d; const char *text; } rows[] = {
    {0.0, "0.0"}, {-0.0, "-0.0"}, {1.0, "1.0"}, {-3.0, "-3.0"}, {0.1, "0.1"},
    {1e21, "1e+21"}, {1e15, "1e+15"}, {123456789012345.0, "123456789012345.0"},
    {1.0 / 3, "0.3333333333333333"}, {2.0 / 3, "0.6666666666666666"},
    {5e-324, "5e-324"}, {2.2250738585072014e-308, "2.2250738585072014e-308"},
    {1.7976931348623157e308, "1.7976931348623157e+308"},
    {9007199254740993.0, "9007199254740992.0"}, {0.1 + 0.2,
    "0.30000000000000004"},
  };
  ml_buf b = {0};

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    ml_buf_reset(&b);
    ml_json_put_real(&b, rows[i].d);
    assert_string_equal(b.p, rows[i].text);
  }
  ml_buf_reset(&b);
  ml_json_put_real(&b, NAN);
  ml_json_put_real(&b, INFINITY);
  ml_json_put_real(&b, -INFINITY);
  assert_string_equal(b.p, "nullnullnull");
  ml_buf_free(&b);
}

/* 20,000 doubles of any bits come back as the same bits, as a double. */
static void random_reals_read_back(void **state) {
  uint64_t x = 88172645463325252u;
  ml_buf b = {0};
  ml_jread r;

  (void)state;
  for (int i = 0; i < 20000; i++) {
    double d;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    memcpy(&d, &x, sizeof d);
    if (i % 2 == 0)   /* also such as people write */
      d = (double)(int64_t)(x % 2000000) / (i % 4 == 0 ? 100 : 1e7);
    if (!isfinite(d))
      continue;
    ml_buf_reset(&b);
    ml_json_put_real(&b, d);
    ml_jread_init(&r, b.p, b.len, NULL);
    assert_int_equal(ml_jread_next(&r), ML_JT_REAL);
    if (memcmp(&r.d, &d, sizeof d) != 0)
      fail_msg("%s", b.p);
    ml_jread_done(&r);
  }
  ml_buf_free(&b);
}

static void strings_written(void **state) {
  static const struct { const char *in, *out; } rows[] = {
    {"", "\"\""}, {"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
    {"\n\t\r\b\f\x01\x1F\x7F", "\"\\n\\t\\r\\b\\f\\u0001\\u001f\x7F\""},
    {"\xE6\xA5\xAD\xF0\x9F\x98\x80", "\"\xE6\xA5\xAD\xF0\x9F\x98\x80\""},
    {"a\xFFz", "\"a\xEF\xBF\xBDz\""}, {"\xC3", "\"\xEF\xBF\xBD\""},
    {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
  };
  ml_buf b = {0};

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    ml_buf_reset(&b);
    ml_json_put_str(&b, ml_str_of(rows[i].in));
    assert_string_equal(b.p, rows[i].out);
  }
  ml_buf_reset(&b);
  ml_json_put_str(&b, (ml_str){"a\0b", 3});
  ml_json_put_str(&b, ML_NOSTR);
  assert_string_equal(b.p, "\"a\\u0000b\"null");
  ml_buf_free(&b);
}

static void writer(void **state) {
  ml_json two = {.type = ML_JINT, .i = 2};
  ml_buf b = {0};
  ml_jw w;

  (void)state;
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kint(&w, "min", INT64_MIN);
  ml_jw_kint(&w, "max", INT64_MAX);
  ml_jw_kstr(&w, "s", ML_STR("x\"y"));
  ml_jw_kstr(&w, "no", ML_NOSTR);
  ml_jw_kstrz(&w, "z", "t");
  ml_jw_kstrz(&w, "nz", NULL);
  ml_jw_kbool(&w, "b", true);
  ml_jw_key(&w, "l");
  ml_jw_arr(&w);
  ml_jw_null(&w);
  ml_jw_bool(&w, false);
  ml_jw_real(&w, 1);
  ml_jw_str(&w, ML_STR(""));
  ml_jw_arr(&w);
  ml_jw_end(&w);
  ml_jw_obj(&w);
  ml_jw_end(&w);
  ml_jw_raw(&w, ML_STR("{\"r\":1}"));
  ml_jw_raw(&w, ML_NOSTR);
  ml_jw_json(&w, &two);
  ml_jw_json(&w, NULL);
  ml_jw_end(&w);
  ml_jw_keyn(&w, (ml_str){"k\n", 2});
  ml_jw_int(&w, 0);
  ml_jw_end(&w);
  assert_false(b.bad);
  assert_int_equal(w.depth, 0);
  assert_string_equal(b.p,
      "{\"min\":-9223372036854775808,\"max\":9223372036854775807,"
      "\"s\":\"x\\\"y\",\"no\":null,\"z\":\"t\",\"nz\":null,\"b\":true,"
      "\"l\":[null,false,1.0,\"\",[],{},{\"r\":1},null,2,null],\"k\\n\":0}");
  ml_buf_free(&b);
}

static void writer_depth(void **state) {
  ml_buf b = {0};
  ml_jw w;

  (void)state;
  ml_jw_init(&w, &b);
  for (int i = 0; i < 64; i++) {
    ml_jw_obj(&w);
    ml_jw_key(&w, "a");
  }
  ml_jw_int(&w, 1);
  for (int i = 0; i < 64; i++)
    ml_jw_end(&w);
  expect_good(b.p, NULL);
  ml_buf_free(&b);
}

static void pretty(void **state) {
  static const char text[] = "{\"a\":[1,{\"b\":[]}],\"c\":{}}";
  static const char want[] =
      "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n"
      "  \"c\": {}\n}\n";
  ml_arena a = {0};
  ml_json *v;
  ml_buf b = {0};

  (void)state;
  assert_int_equal(parse(&a, text, sizeof text - 1, &v, NULL), ML_OK);
  ml_json_pretty(&b, v);
  assert_string_equal(b.p, want);
  ml_buf_free(&b);
  ml_arena_free(&a);
}

/* ---- hostile bytes ---- */

/* A text with bytes changed at random is taken or refused; taken, it prints
** to a text that is equal. */
static void mutated(void **state) {
  static const char letters[] = "{}[]\",:\\u0123deE+-.tfn \xC3\xA9\xFF\x01";
  uint64_t x = 2463534242u;
  int taken = 0;

  (void)state;
  for (int i = 0; i < 20000; i++) {
    char text[sizeof sample];
    ml_arena a = {0};
    ml_json *v, *again;
    ml_buf b = {0};

    memcpy(text, sample, sizeof sample);
    for (int k = 0; k <= i % 4; k++) {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
      text[x % (sizeof sample - 1)] = letters[(x >> 32) % (sizeof letters - 1)];
    }
    if (parse(&a, text, sizeof sample - 1, &v, NULL) == ML_OK) {
      taken++;
      ml_json_print(&b, v);
      assert_int_equal(parse(&a, b.p, b.len, &again, NULL), ML_OK);
      assert_true(ml_json_eq(v, again));
    }
    ml_buf_free(&b);
    ml_arena_free(&a);
  }
  assert_true(taken > 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(accepted),
    cmocka_unit_test(refused),
    cmocka_unit_test(control_characters),
    cmocka_unit_test(cut_anywhere),
    cmocka_unit_test(memory_ends_anywhere),
    cmocka_unit_test(depth_limit),
    cmocka_unit_test(members_limit),
    cmocka_unit_test(digits_limit),
    cmocka_unit_test(duplicate_among_many),
    cmocka_unit_test(long_key_in_error),
    cmocka_unit_test(pull),
    cmocka_unit_test(pull_stays_failed),
    cmocka_unit_test(pull_out_of_memory),
    cmocka_unit_test(looking),
    cmocka_unit_test(equality),
    cmocka_unit_test(equality_of_many),
    cmocka_unit_test(reals_read_back),
    cmocka_unit_test(random_reals_read_back),
    cmocka_unit_test(strings_written),
    cmocka_unit_test(writer),
    cmocka_unit_test(writer_depth),
    cmocka_unit_test(pretty),
    cmocka_unit_test(mutated),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
