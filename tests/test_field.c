/* test_field.c - each type: what is taken and in which form it is kept, what
** is refused, and that a sealed value is never told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/field.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

static ml_choice choices[] = {{{"a", 1}, {NULL, 0}},
                              {{"1_対応なし", 14}, {NULL, 0}},
                              {{"c", 1}, {NULL, 0}}};

static ml_field field(ml_ftype type) {
  ml_field f = {.id = ML_STR("f_x"), .short_id = ML_STR("f_x"), .type = type,
                .no = -1, .of = choices, .of_count = LEN(choices)};

  return f;
}

/* Check a JSON text; what is kept ("" for no value) goes to `kept`. */
static ml_rc check(const ml_field *f, const char *json, char *kept,
                   size_t size, ml_err *e) {
  ml_arena a = {0};
  ml_json *v = NULL;
  ml_buf b = {0};
  ml_err pe = {0};
  ml_rc rc;

  if (ml_json_parse(&a, json, strlen(json), NULL, &v, &pe) != ML_OK)
    fail_msg("%s: %s", json, pe.text);
  ml_buf_puts(&b, "#");        /* what stood there stays */
  rc = ml_field_check(f, v, "/data", &b, e);
  assert_int_equal(b.p[0], '#');
  if (rc != ML_OK)
    assert_int_equal(b.len, 1);   /* half a value is no value */
  snprintf(kept, size, "%s", b.p + 1);
  ml_buf_free(&b);
  ml_arena_free(&a);
  return rc;
}

typedef struct row {
  ml_ftype type;
  const char *json;
  const char *kept;            /* NULL: refused; "": no value */
} row;

static void table(const row *rows, size_t n) {
  for (size_t i = 0; i < n; i++) {
    ml_field f = field(rows[i].type);
    char kept[400];
    ml_err e = {0};
    ml_rc rc = check(&f, rows[i].json, kept, sizeof kept, &e);

    if (rows[i].kept == NULL) {
      if (rc != ML_INVALID)
        fail_msg("%s %s: %s", ml_ftype_name(f.type), rows[i].json, kept);
      assert_string_equal(e.at, "/data/f_x");
      assert_non_null(strstr(e.text, "'f_x' must be "));
    } else if (rc != ML_OK || strcmp(kept, rows[i].kept) != 0) {
      fail_msg("%s %s: %s, %s", ml_ftype_name(f.type), rows[i].json, kept,
               e.text);
    }
  }
}

static void texts(void **state) {
  static const row rows[] = {
    {ML_F_STRING, "\"a\"", "\"a\""}, {ML_F_STRING, "\"1-1′ \\\"\"", "\"1-1′ \\\"\""},
    {ML_F_STRING, "\"\"", ""}, {ML_F_STRING, "null", ""},
    {ML_F_STRING, "\"a\\nb\"", NULL}, {ML_F_STRING, "\"a\\u0000\"", NULL},
    {ML_F_STRING, "\"\\u007f\"", NULL}, {ML_F_STRING, "7", NULL},
    {ML_F_STRING, "[]", NULL}, {ML_F_STRING, "true", NULL},
    {ML_F_TEXT, "\"a\\nb\\tc\"", "\"a\\nb\\tc\""}, {ML_F_TEXT, "\"\\u0001\"", NULL},
    {ML_F_EMAIL, "\"a@b.example\"", "\"a@b.example\""},
    {ML_F_EMAIL, "\"a.b+c@sub.b.example\"", "\"a.b+c@sub.b.example\""},
    {ML_F_EMAIL, "\"a\"", NULL}, {ML_F_EMAIL, "\"a@b\"", NULL},
    {ML_F_EMAIL, "\"a b@c.d\"", NULL}, {ML_F_EMAIL, "\"@c.d\"", NULL},
    {ML_F_EMAIL, "\"a@c..d\"", NULL}, {ML_F_EMAIL, "\"a@-c.d\"", NULL},
    {ML_F_EMAIL, "\"a@c.d.\"", NULL}, {ML_F_EMAIL, "\"a@b@c.d\"", NULL},
    {ML_F_EMAIL, "\"\"", ""},
    {ML_F_URL, "\"https://a.example/x?y#z\"", "\"https://a.example/x?y#z\""},
    {ML_F_URL, "\"http://localhost:8080\"", "\"http://localhost:8080\""},
    {ML_F_URL, "\"http://[::1]:80/\"", "\"http://[::1]:80/\""},
    {ML_F_URL, "\"ftp://a.example\"", NULL}, {ML_F_URL, "\"https://\"", NULL},
    {ML_F_URL, "\"https:///x\"", NULL}, {ML_F_URL, "\"https://a b/\"", NULL},
    {ML_F_URL, "\"https://a:x/\"", NULL}, {ML_F_URL, "\"https://a:70000/\"", NULL},
    {ML_F_URL, "\"https://u@a/\"", NULL}, {ML_F_URL, "\"javascript:x\"", NULL},
    {ML_F_PHONE, "\"+81 (3) 1234-5678\"", "\"+81 (3) 1234-5678\""},
    {ML_F_PHONE, "\"12\"", NULL}, {ML_F_PHONE, "\"1+234\"", NULL},
    {ML_F_PHONE, "\"call me\"", NULL},
    {ML_F_USER, "\"aiko\"", "\"aiko\""}, {ML_F_USER, "\" aiko\"", NULL},
    {ML_F_USER, "7", NULL},
  };

  (void)state;
  table(rows, LEN(rows));
}

static void numbers(void **state) {
  static const row rows[] = {
    {ML_F_INTEGER, "7", "7"}, {ML_F_INTEGER, "-9223372036854775808",
                               "-9223372036854775808"},
    {ML_F_INTEGER, "2.0", "2"}, {ML_F_INTEGER, "1e3", "1000"},
    {ML_F_INTEGER, "-0.0", "0"}, {ML_F_INTEGER, "2.5", NULL},
    {ML_F_INTEGER, "1e30", NULL}, {ML_F_INTEGER, "9223372036854775808", NULL},
    {ML_F_INTEGER, "\"7\"", NULL}, {ML_F_INTEGER, "\"\"", NULL},
    {ML_F_INTEGER, "null", ""}, {ML_F_INTEGER, "true", NULL},
    {ML_F_NUMBER, "2.50", "2.5"}, {ML_F_NUMBER, "2.0", "2"}, {ML_F_NUMBER, "2", "2"},
    {ML_F_NUMBER, "-0.0", "0"}, {ML_F_NUMBER, "\"2\"", NULL},
    {ML_F_NUMBER, "9007199254740993", "9007199254740993"},
    {ML_F_DECIMAL, "\"1234.50\"", "\"1234.5\""}, {ML_F_DECIMAL, "\"007\"", "\"7\""},
    {ML_F_DECIMAL, "\"-0.00\"", "\"0\""}, {ML_F_DECIMAL, "\"100\"", "\"100\""},
    {ML_F_DECIMAL, "\"-0.5\"", "\"-0.5\""}, {ML_F_DECIMAL, "\"0\"", "\"0\""},
    {ML_F_DECIMAL, "\"10.0\"", "\"10\""}, {ML_F_DECIMAL, "12", "\"12\""},
    {ML_F_DECIMAL, "1.25", "\"1.25\""}, {ML_F_DECIMAL, "2.0", "\"2\""},
    {ML_F_DECIMAL, "\"0.1234567890123456789012345\"",
     "\"0.1234567890123456789012345\""},
    {ML_F_DECIMAL, "\"1.\"", NULL}, {ML_F_DECIMAL, "\".5\"", NULL},
    {ML_F_DECIMAL, "\"1,5\"", NULL}, {ML_F_DECIMAL, "\"-\"", NULL},
    {ML_F_DECIMAL, "\"+1\"", NULL}, {ML_F_DECIMAL, "\"1e3\"", NULL},
    {ML_F_DECIMAL, "\"1 \"", NULL}, {ML_F_DECIMAL, "1e-30", NULL},
    {ML_F_DECIMAL, "\"\"", ""}, {ML_F_DECIMAL, "[]", NULL},
    {ML_F_DECIMAL, "\"12345678901234567890123456789012345678901234567890"
                   "12345678901234567\"", NULL},
    {ML_F_BOOLEAN, "true", "true"}, {ML_F_BOOLEAN, "false", "false"},
    {ML_F_BOOLEAN, "1", NULL}, {ML_F_BOOLEAN, "\"true\"", NULL},
    {ML_F_BOOLEAN, "null", ""},
  };

  (void)state;
  table(rows, LEN(rows));
}

static void selects(void **state) {
  static const row rows[] = {
    {ML_F_SELECT, "\"1_対応なし\"", "\"1_対応なし\""}, {ML_F_SELECT, "\"\"", ""},
    {ML_F_SELECT, "null", ""}, {ML_F_SELECT, "\"A\"", NULL},
    {ML_F_SELECT, "1", NULL}, {ML_F_SELECT, "[\"a\"]", NULL},
    {ML_F_MULTI, "[\"c\",\"a\"]", "[\"a\",\"c\"]"}, {ML_F_MULTI, "[]", ""},
    {ML_F_MULTI, "[\"a\",\"a\"]", NULL}, {ML_F_MULTI, "[\"a\",\"x\"]", NULL},
    {ML_F_MULTI, "[\"a\",1]", NULL}, {ML_F_MULTI, "\"a\"", NULL},
    {ML_F_MULTI, "null", ""},
  };
  ml_field f = field(ML_F_SELECT);
  char kept[100];
  ml_err e = {0};

  (void)state;
  table(rows, LEN(rows));
  assert_int_equal(check(&f, "\"zzz\"", kept, sizeof kept, &e), ML_INVALID);
  assert_string_equal(e.text, "'f_x' must be one of its choices (a, "
                              "1_対応なし, c), not 'zzz'");
}

static void moments(void **state) {
  static const row rows[] = {
    {ML_F_DATE, "\"2026-03-01\"", "\"2026-03-01\""},
    {ML_F_DATE, "\"2024-02-29\"", "\"2024-02-29\""},
    {ML_F_DATE, "\"2026-02-29\"", NULL}, {ML_F_DATE, "\"2026-3-1\"", NULL},
    {ML_F_DATE, "\"0000-01-01\"", NULL}, {ML_F_DATE, "\"2026-13-01\"", NULL},
    {ML_F_DATE, "\"2026-03-01T00:00Z\"", NULL}, {ML_F_DATE, "20260301", NULL},
    {ML_F_DATE, "\"\"", ""},
    {ML_F_TIME, "\"09:30\"", "\"09:30\""}, {ML_F_TIME, "\"09:30:00\"", "\"09:30\""},
    {ML_F_TIME, "\"23:59:59\"", "\"23:59:59\""}, {ML_F_TIME, "\"24:00\"", NULL},
    {ML_F_TIME, "\"9:30\"", NULL}, {ML_F_TIME, "\"09:60\"", NULL},
    {ML_F_TIME, "\"09-30\"", NULL}, {ML_F_TIME, "\"09:30:\"", NULL},
    {ML_F_TIME, "930", NULL}, {ML_F_TIME, "\"09:30-15\"", NULL},
    {ML_F_DATETIME, "1772325000000", "1772325000000"},
    {ML_F_DATETIME, "1772325000000.0", "1772325000000"},
    {ML_F_DATETIME, "\"2026-03-01T09:30:00+09:00\"", "1772325000000"},
    {ML_F_DATETIME, "\"2026-03-01T00:30Z\"", "1772325000000"},
    {ML_F_DATETIME, "\"2026-03-01T09:30\"", NULL}, {ML_F_DATETIME, "\"\"", ""},
    {ML_F_DATETIME, "0.5", NULL}, {ML_F_DATETIME, "253402300800000", NULL},
    {ML_F_DATETIME, "-62135596800001", NULL}, {ML_F_DATETIME, "true", NULL},
  };

  (void)state;
  table(rows, LEN(rows));
}

static void anything(void **state) {
  static const row rows[] = {
    {ML_F_JSON, "{\"b\":[1,2.0,null],\"a\":{}}", "{\"a\":{},\"b\":[1,2,null]}"},
    {ML_F_JSON, "{\"ab\":1,\"a\":2,\"\":3}", "{\"\":3,\"a\":2,\"ab\":1}"},
    {ML_F_JSON, "\"\"", "\"\""}, {ML_F_JSON, "[]", "[]"}, {ML_F_JSON, "{}", "{}"},
    {ML_F_JSON, "null", ""}, {ML_F_JSON, "2.5", "2.5"}, {ML_F_JSON, "true", "true"},
  };

  (void)state;
  table(rows, LEN(rows));
}

static void sizes(void **state) {
  static const struct { ml_ftype type; uint32_t max; size_t fits; } rows[] = {
    {ML_F_STRING, 0, ML_FIELD_STRING_MAX}, {ML_F_TEXT, 0, ML_FIELD_BYTES_MAX},
    {ML_F_STRING, 5, 5}, {ML_F_TEXT, 9, 9},
    {ML_F_STRING, ML_FIELD_BYTES_MAX, ML_FIELD_STRING_MAX},
  };
  static char json[ML_FIELD_BYTES_MAX + 10], kept[ML_FIELD_BYTES_MAX + 10];

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    ml_field f = field(rows[i].type);
    ml_err e = {0};

    f.max = rows[i].max;
    memset(json, 'x', sizeof json);
    json[0] = json[rows[i].fits + 1] = '"';
    json[rows[i].fits + 2] = '\0';
    assert_int_equal(check(&f, json, kept, sizeof kept, &e), ML_OK);
    assert_string_equal(kept, json);
    json[rows[i].fits + 1] = 'x';
    json[rows[i].fits + 2] = '"';
    json[rows[i].fits + 3] = '\0';
    assert_int_equal(check(&f, json, kept, sizeof kept, &e), ML_INVALID);
    assert_non_null(strstr(e.text, "at most"));
  }
}

static void sealed(void **state) {
  static const struct { ml_ftype type; const char *json; } rows[] = {
    {ML_F_STRING, "\"hunter2\\n\""}, {ML_F_EMAIL, "\"hunter2\""},
    {ML_F_URL, "\"hunter2\""}, {ML_F_PHONE, "\"hunter2\""},
    {ML_F_TEXT, "\"hunter2\\u0001\""},
  };

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    ml_field f = field(rows[i].type);
    char kept[100];
    ml_err e = {0};

    f.sealed = true;
    assert_int_equal(check(&f, rows[i].json, kept, sizeof kept, &e), ML_INVALID);
    assert_null(strstr(e.text, "hunter2"));
    f.sealed = false;
    assert_int_equal(check(&f, rows[i].json, kept, sizeof kept, &e), ML_INVALID);
    assert_non_null(strstr(e.text, "hunter2"));
  }
}

static void pointers(void **state) {
  ml_field f = field(ML_F_INTEGER);
  char kept[100];
  ml_err e = {0};

  (void)state;
  f.id = ML_STR("a/b~c");
  assert_int_equal(check(&f, "\"x\"", kept, sizeof kept, &e), ML_INVALID);
  assert_string_equal(e.at, "/data/a~1b~0c");
}

static void settings(void **state) {
  static const struct { ml_ftype type; const char *json, *kept; } rows[] = {
    {ML_F_DURATION, "\"15m\"", "900000"}, {ML_F_DURATION, "900000", "900000"},
    {ML_F_DURATION, "\"0\"", "0"}, {ML_F_DURATION, "\"15\"", NULL},
    {ML_F_DURATION, "-1", NULL}, {ML_F_DURATION, "true", NULL},
    {ML_F_SECRET, "\"t\"", "\"t\""}, {ML_F_SECRET, "7", NULL},
    {ML_F_SECRET, "\"t\\u0000\"", NULL},
    {ML_F_URL, "\"https://k.example\"", "\"https://k.example\""},
    {ML_F_INTEGER, "1", "1"}, {ML_F_INTEGER, "null", ""},
  };

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    ml_setting s = {.id = ML_STR("s"), .type = rows[i].type};
    ml_arena a = {0};
    ml_json *v = NULL;
    ml_buf b = {0};
    ml_err e = {0};
    ml_rc rc;

    assert_int_equal(ml_json_parse(&a, rows[i].json, strlen(rows[i].json), NULL,
                                   &v, &e), ML_OK);
    rc = ml_setting_check(&s, v, "/settings", &b, &e);
    assert_int_equal(rc, rows[i].kept != NULL ? ML_OK : ML_INVALID);
    if (rc == ML_OK)
      assert_string_equal(b.p != NULL ? b.p : "", rows[i].kept);
    else
      assert_string_equal(e.at, "/settings/s");
    if (rc != ML_OK && s.type == ML_F_SECRET)
      assert_null(strstr(e.text, "'t"));
    ml_buf_free(&b);
    ml_arena_free(&a);
  }
}

static void short_memory(void **state) {
  static const struct { ml_ftype type; const char *json; } rows[] = {
    {ML_F_STRING, "\"a\""}, {ML_F_MULTI, "[\"a\"]"}, {ML_F_DECIMAL, "2"},
    {ML_F_JSON, "{\"a\":{\"b\":1}}"}, {ML_F_DATETIME, "1"},
  };

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    ml_field f = field(rows[i].type);
    ml_arena a = {0};
    ml_json *v = NULL;
    ml_err e = {0};
    ml_rc rc = ML_NOMEM;

    assert_int_equal(ml_json_parse(&a, rows[i].json, strlen(rows[i].json), NULL,
                                   &v, &e), ML_OK);
    for (uint64_t n = 1; rc == ML_NOMEM; n++) {
      ml_buf b = {0};

      ml_mem_fail_at(n, 0);
      rc = ml_field_check(&f, v, "", &b, &e);
      ml_mem_fail_at(0, 0);
      ml_buf_free(&b);
      if (n == 1)
        assert_int_equal(rc, ML_NOMEM);
      assert_true(n < 50);
    }
    assert_int_equal(rc, ML_OK);
    ml_arena_free(&a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(texts),    cmocka_unit_test(numbers),
    cmocka_unit_test(selects),  cmocka_unit_test(moments),
    cmocka_unit_test(anything), cmocka_unit_test(sizes),
    cmocka_unit_test(sealed),   cmocka_unit_test(pointers),
    cmocka_unit_test(settings), cmocka_unit_test(short_memory),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
