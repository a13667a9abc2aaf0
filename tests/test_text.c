/* test_text.c - UTF-8, names, durations, moments, encodings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"

#define LEN(a) (sizeof(a) / sizeof *(a))
#define S(lit) ML_STR(lit)

/* ---- UTF-8 ---- */

static void utf8(void **state) {
  static const struct { ml_str s; bool good; size_t chars; } rows[] = {
    {S(""), true, 0}, {S("abc"), true, 3}, {S("a\0b"), true, 3},
    {S("\xC2\x80"), true, 1}, {S("\xDF\xBF"), true, 1},
    {S("\xE0\xA0\x80"), true, 1}, {S("\xED\x9F\xBF"), true, 1},
    {S("\xEE\x80\x80"), true, 1}, {S("\xEF\xBF\xBF"), true, 1},
    {S("\xF0\x90\x80\x80"), true, 1}, {S("\xF4\x8F\xBF\xBF"), true, 1},
    {S("\xE6\xA5\xAD\xE5\x8B\x99 1"), true, 4},
    {S("\x80"), false, 0}, {S("\xBF"), false, 0}, {S("\xC0\x80"), false, 0},
    {S("\xC1\xBF"), false, 0}, {S("\xC2"), false, 0}, {S("\xC2" "A"), false, 0},
    {S("\xE0\x9F\xBF"), false, 0}, {S("\xE2\x82"), false, 0},
    {S("\xED\xA0\x80"), false, 0}, {S("\xED\xBF\xBF"), false, 0},
    {S("\xF0\x8F\xBF\xBF"), false, 0}, {S("\xF0\x90\x80"), false, 0},
    {S("\xF4\x90\x80\x80"), false, 0}, {S("\xF5\x80\x80\x80"), false, 0},
    {S("\xFE"), false, 0}, {S("\xFF"), false, 0}, {S("ok\xE3\x81"), false, 0},
  };

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    if (ml_text_utf8(rows[i].s) != rows[i].good)
      fail_msg("row %zu", i);
    if (rows[i].good)
      assert_int_equal(ml_text_chars(rows[i].s), rows[i].chars);
  }
  assert_true(ml_text_utf8(ML_NOSTR));
}

static void printable(void **state) {
  static const struct { ml_str s; bool good; } rows[] = {
    {S(""), true}, {S("a b"), true}, {S("1-1\xE2\x80\xB2"), true},
    {S("\xE6\xA5\xAD"), true}, {S("\xC2\xA0"), true}, {S("\x1F"), false},
    {S("a\nb"), false}, {S("a\0b"), false}, {S("\x7F"), false},
    {S("\xC2\x80"), false}, {S("\xC2\x9F"), false}, {S("\xE2\x80\xA7"), true},
    {S("\xE2\x80\xA8"), false}, {S("\xE2\x80\xA9"), false},
    {S("\xE2\x80\xAE"), false}, {S("\xE2\x80\xAF"), true},
    {S("\xE2\x81\xA6"), false}, {S("\xE2\x81\xA9"), false},
    {S("\xE2\x81\xAA"), true}, {S("\xFF"), false},
  };

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++)
    if (ml_text_printable(rows[i].s) != rows[i].good)
      fail_msg("row %zu", i);
}

static void names(void **state) {
  char longest[202];

  (void)state;
  assert_true(ml_text_is_filename(S("a")));
  assert_true(ml_text_is_filename(S("credit-check_2")));
  assert_true(ml_text_is_filename(S("0-_")));
  assert_false(ml_text_is_filename(S("")));
  assert_false(ml_text_is_filename(ML_NOSTR));
  assert_false(ml_text_is_filename(S("-a")));
  assert_false(ml_text_is_filename(S("_a")));
  assert_false(ml_text_is_filename(S("A")));
  assert_false(ml_text_is_filename(S("a.lua")));
  assert_false(ml_text_is_filename(S("../a")));
  assert_false(ml_text_is_filename(S("a\0b")));
  memset(longest, 'a', sizeof longest);
  assert_true(ml_text_is_filename((ml_str){longest, 64}));
  assert_false(ml_text_is_filename((ml_str){longest, 65}));

  assert_true(ml_text_is_name(S("x")));
  assert_true(ml_text_is_name(S("1-1\xE2\x80\xB2 credit limit")));
  assert_true(ml_text_is_name((ml_str){longest, 200}));
  assert_false(ml_text_is_name((ml_str){longest, 201}));
  assert_false(ml_text_is_name(S("")));
  assert_false(ml_text_is_name(ML_NOSTR));
  assert_false(ml_text_is_name(S(" a")));
  assert_false(ml_text_is_name(S("a ")));
  assert_false(ml_text_is_name(S("\xE3\x80\x80" "a")));   /* wide blank */
  assert_false(ml_text_is_name(S("a\xC2\xA0")));
  assert_false(ml_text_is_name(S("a\tb")));
  assert_false(ml_text_is_name(S("a\xFF")));
}

static void excerpt(void **state) {
  static const struct { ml_str in; const char *out; } rows[] = {
    {S(""), ""}, {S("abc"), "abc"}, {S("123456789"), "123456789"},
    {S("1234567890"), "123456..."}, {S("a\nb\xFF" "c\0"), "a?b?c?"},
    {S("\xE6\xA5\xAD\xE6\xA5\xAD\xE6\xA5\xAD"),
     "\xE6\xA5\xAD\xE6\xA5\xAD\xE6\xA5\xAD"},
    {S("\xE6\xA5\xAD\xE6\xA5\xAD\xE6\xA5\xADx"),
     "\xE6\xA5\xAD\xE6\xA5\xAD..."},
    {S("a\xE6\xA5\xAD\xE6\xA5\xAD\xE6\xA5\xAD"), "a\xE6\xA5\xAD..."},
  };
  char out[10];

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    memset(out, '#', sizeof out);
    ml_text_excerpt(out, sizeof out, rows[i].in);
    assert_string_equal(out, rows[i].out);
  }
  ml_text_excerpt(out, sizeof out, ML_NOSTR);
  assert_string_equal(out, "");
}

static void cells(void **state) {
  (void)state;
  assert_int_equal(ml_text_cells(S("")), 0);
  assert_int_equal(ml_text_cells(S("abc")), 3);
  assert_int_equal(ml_text_cells(S("\xC3\xA9")), 1);
  assert_int_equal(ml_text_cells(S("e\xCC\x81")), 1);       /* e, accent */
  assert_int_equal(ml_text_cells(S("\xE6\xA5\xAD\xE5\x8B\x99")), 4);
  assert_int_equal(ml_text_cells(S("\xEF\xBD\xB1")), 1);    /* half width */
  assert_int_equal(ml_text_cells(S("\xEF\xBC\xA1")), 2);    /* full width */
  assert_int_equal(ml_text_cells(S("\xED\x95\x9C")), 2);    /* Hangul */
  assert_int_equal(ml_text_cells(S("\xF0\x9F\x98\x80")), 2);
  assert_int_equal(ml_text_cells(S("\xF0\xA0\x80\x80")), 2);
  assert_int_equal(ml_text_cells(S("\xE3\x81\x8B\xE3\x82\x99")), 2);
  assert_int_equal(ml_text_cells(S("a\nb")), 2);
  assert_int_equal(ml_text_cells(S("\xFF")), 1);
}

/* ---- durations ---- */

#define D(n) ((n) * INT64_C(86400000))

static void durations(void **state) {
  static const struct { const char *in; int64_t ms; const char *out; } rows[] = {
    {"0", 0, "0"}, {"0s", 0, "0"}, {"250ms", 250, "250ms"}, {"5s", 5000, "5s"},
    {"15m", 900000, "15m"}, {"72h", D(3), "3d"}, {"3d", D(3), "3d"},
    {"2w", D(14), "2w"}, {"10d", D(10), "10d"}, {"1h30m", 5400000, "1h30m"},
    {"90m", 5400000, "1h30m"}, {"3 days", D(3), "3d"}, {"1 day", D(1), "1d"},
    {"15 minutes", 900000, "15m"}, {"1 minute", 60000, "1m"},
    {"2 weeks", D(14), "2w"}, {"1 week 1 day", D(8), "8d"},
    {"1 hour 30 minutes", 5400000, "1h30m"}, {"5 seconds", 5000, "5s"},
    {"20 milliseconds", 20, "20ms"}, {"1 millisecond", 1, "1ms"},
    {"1w2d3h4m5s6ms", D(9) + 11045006, "9d3h4m5s6ms"},
    {"3 d", D(3), "3d"}, {"3days", D(3), "3d"}, {"1h 30m", 5400000, "1h30m"},
    {"007s", 7000, "7s"}, {"36525d", D(36525), "36525d"},
  };

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    int64_t ms = -1, again = -1;
    ml_buf b = {0};
    ml_err e = {0};

    if (ml_text_duration(ml_str_of(rows[i].in), &ms, &e) != ML_OK)
      fail_msg("%s: %s", rows[i].in, e.text);
    assert_int_equal(ms, rows[i].ms);
    ml_text_put_duration(&b, ms);
    assert_string_equal(b.p, rows[i].out);
    assert_int_equal(ml_text_duration(ml_str_of(b.p), &again, NULL), ML_OK);
    assert_int_equal(again, ms);
    ml_buf_free(&b);
  }
}

static void durations_refused(void **state) {
  static const char *const rows[] = {
    "", " ", "5", "00", "s", "ms", "-5s", "+5s", "5 ", " 5s", "5s ", "5x",
    "5S", "5 Days", "1.5h", "30m1h", "1h1h", "1s5m", "5min", "5sec", "1h30",
    "h1", "1h,30m", "1 dayss", "5ms3s", "\xEF\xBC\x95s", "5s\n", "1 fortnight",
  };
  int64_t ms = 42;
  ml_err e;

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    if (ml_text_duration(ml_str_of(rows[i]), &ms, &e) != ML_INVALID)
      fail_msg("'%s' was taken", rows[i]);
    assert_non_null(strstr(e.text, "is not a duration; write"));
    assert_int_equal(ms, 42);
  }
  assert_int_equal(ml_text_duration(ML_NOSTR, &ms, &e), ML_INVALID);
  assert_int_equal(ml_text_duration(S("5s\0"), &ms, &e), ML_INVALID);
  assert_int_equal(ml_text_duration(S("36525d1ms"), &ms, &e), ML_INVALID);
  assert_string_equal(e.text, "the duration '36525d1ms' is longer than 100 years");
  assert_int_equal(ml_text_duration(S("99999999999999999999w99999999999999999d"
                                      "99999999999999999999999999999h"),
                                    &ms, &e), ML_INVALID);
  assert_non_null(strstr(e.text, "longer than 100 years"));
  assert_int_equal(ms, 42);
}

static void ages(void **state) {
  static const struct { int64_t ms; const char *out; } rows[] = {
    {0, "0 s"}, {1, "1 ms"}, {250, "250 ms"}, {999, "999 ms"}, {1000, "1 s"},
    {12345, "12 s"}, {60000, "1 min"}, {61500, "1 min 1 s"},
    {3600000, "1 h"}, {3659000, "1 h"}, {5400000, "1 h 30 min"},
    {D(1), "1 day"}, {D(1) + 3600000, "1 day 1 h"}, {D(3) + 4 * 3600000 + 59999,
    "3 days 4 h"}, {D(400) + 59000, "400 days"}, {-5000, "-5 s"},
    {INT64_MIN, "-106751991167 days 7 h"},
  };

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    ml_buf b = {0};

    ml_text_put_age(&b, rows[i].ms);
    assert_string_equal(b.p, rows[i].out);
    ml_buf_free(&b);
  }
}

/* ---- the calendar ---- */

static void known_days(void **state) {
  (void)state;
  assert_int_equal(ml_text_days(1970, 1, 1), 0);
  assert_int_equal(ml_text_days(1969, 12, 31), -1);
  assert_int_equal(ml_text_days(2000, 2, 29), 11016);
  assert_int_equal(ml_text_days(2000, 3, 1), 11017);
  assert_int_equal(ml_text_days(1, 1, 1), -719162);
  assert_int_equal(ml_text_days(9999, 12, 31), 2932896);
}

/* Day after day through years 0 to 10000: the date is the next one. */
static void every_day(void **state) {
  static const int len[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int64_t days = ml_text_days(0, 1, 1), last = ml_text_days(10000, 12, 31);
  int y = 0, m = 1, d = 1;

  (void)state;
  for (; days <= last; days++) {
    int gy, gm, gd, most;

    ml_text_civil(days, &gy, &gm, &gd);
    if (gy != y || gm != m || gd != d || ml_text_days(y, m, d) != days)
      fail_msg("%d-%d-%d and %d-%d-%d", y, m, d, gy, gm, gd);
    most = len[m - 1];
    if (m == 2 && (y % 400 == 0 || (y % 4 == 0 && y % 100 != 0)))
      most = 29;
    if (++d > most) {
      d = 1;
      m = m == 12 ? 1 : m + 1;
      y += m == 1;
    }
  }
}

static void moments(void **state) {
  static const struct { const char *in, *out; } rows[] = {
    {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
    {"2026-03-01T04:05:06.789Z", "2026-03-01T04:05:06.789Z"},
    {"2026-03-01T04:05:06.7Z", "2026-03-01T04:05:06.700Z"},
    {"2026-03-01T04:05:06.000Z", "2026-03-01T04:05:06Z"},
    {"2026-03-01T04:05:06.7899999Z", "2026-03-01T04:05:06.789Z"},
    {"2026-03-01T04:05:06+09:00", "2026-02-28T19:05:06Z"},
    {"2026-03-01T04:05+09:00", "2026-02-28T19:05:00Z"},
    {"2026-03-01T04:05+09", "2026-02-28T19:05:00Z"},
    {"2026-03-01T04:05:06-03:30", "2026-03-01T07:35:06Z"},
    {"2026-03-01T04:05Z", "2026-03-01T04:05:00Z"},
    {"2026-03-01 04:05:06Z", "2026-03-01T04:05:06Z"},
    {"2026-03-01t04:05:06z", "2026-03-01T04:05:06Z"},
    {"2024-02-29T23:59:59-00:01", "2024-03-01T00:00:59Z"},
    {"1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"},
    {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
    {"9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"},
    {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
    {"2017-01-01T08:59:60+09:00", "2017-01-01T00:00:00Z"},
  };

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    int64_t ms;
    ml_buf b = {0};
    ml_err e = {0};

    if (ml_text_moment(ml_str_of(rows[i].in), &ms, &e) != ML_OK)
      fail_msg("%s: %s", rows[i].in, e.text);
    ml_text_put_moment(&b, ms);
    assert_string_equal(b.p, rows[i].out);
    ml_buf_free(&b);
  }
}

static void moments_refused(void **state) {
  static const char *const rows[] = {
    "", "now", "2026-03-01", "2026-03-01Z", "2026-3-1T04:05Z",
    "2026-02-29T00:00Z", "1900-02-29T00:00Z", "2026-04-31T00:00Z",
    "2026-13-01T00:00Z", "2026-00-01T00:00Z", "2026-01-00T00:00Z",
    "0000-01-01T00:00Z", "10000-01-01T00:00Z", "2026-01-01T24:00Z",
    "2026-01-01T00:60Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:60Z",
    "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00,5Z", "2026-01-01T00Z",
    "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+09:60",
    "2026-01-01T00:00:00+9", "2026-01-01T00:00:00+0900",
    "2026-01-01T00:00:00+09:", "2026-01-01T00:00:00ZZ",
    "2026-01-01T00:00:00 Z", " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00JST",
    "0001-01-01T00:00+01", "9999-12-31T23:59-01", "-026-01-01T00:00Z",
  };
  static const char *const unzoned[] = {
    "2026-03-01T04:05", "2026-03-01T04:05:06", "2026-03-01T04:05:06.789",
  };
  int64_t ms = 42;
  ml_err e;

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    if (ml_text_moment(ml_str_of(rows[i]), &ms, &e) != ML_INVALID)
      fail_msg("'%s' was taken", rows[i]);
    assert_non_null(strstr(e.text, "is not a moment; write it as"));
  }
  for (size_t i = 0; i < LEN(unzoned); i++) {
    assert_int_equal(ml_text_moment(ml_str_of(unzoned[i]), &ms, &e), ML_INVALID);
    assert_non_null(strstr(e.text, "names no time zone; end it with"));
  }
  assert_int_equal(ml_text_moment(ML_NOSTR, &ms, &e), ML_INVALID);
  assert_int_equal(ml_text_moment(S("2026-01-01T00:00Z\0"), &ms, &e), ML_INVALID);
  assert_int_equal(ms, 42);
}

/* ---- encodings ---- */

static void base64(void **state) {
  static const struct { ml_str raw; const char *std, *url; } rows[] = {
    {S(""), "", ""}, {S("f"), "Zg==", "Zg"}, {S("fo"), "Zm8=", "Zm8"},
    {S("foo"), "Zm9v", "Zm9v"}, {S("foob"), "Zm9vYg==", "Zm9vYg"},
    {S("fooba"), "Zm9vYmE=", "Zm9vYmE"}, {S("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
    {S("\0\xFF\xFE"), "AP/+", "AP_-"}, {S("\xFF\xFF"), "//8=", "__8"},
  };

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    for (int url = 0; url < 2; url++) {
      const char *text = url ? rows[i].url : rows[i].std;
      ml_buf b = {0}, back = {0};

      ml_buf_puts(&b, "");
      ml_text_put_base64(&b, rows[i].raw, url);
      assert_string_equal(b.p, text);
      ml_buf_puts(&back, "<");
      assert_int_equal(ml_text_base64(&back, ml_str_of(text), url), ML_OK);
      assert_int_equal(back.len, rows[i].raw.n + 1);
      assert_memory_equal(back.p + 1, rows[i].raw.p, rows[i].raw.n);
      ml_buf_free(&b);
      ml_buf_free(&back);
    }
  }
}

static void base64_refused(void **state) {
  static const char *const std[] = {
    "Z", "Zg", "Zg=", "Zm8", "Zm9v=", "Zg==Zg==", "====", "=", "Z===",
    "Zh==", "Zm9=", "Zm 8", "Zm8=\n", "AP_-", "Zm9*", "Zg=a", "\xC3\xA9==",
  };
  static const char *const url[] = {
    "Z", "Zg==", "Zh", "Zm9", "AP/+", "Zm9vZ", "Zm9*",
  };
  ml_buf b = {0};

  (void)state;
  ml_buf_puts(&b, "kept");
  for (size_t i = 0; i < LEN(std); i++)
    if (ml_text_base64(&b, ml_str_of(std[i]), false) != ML_INVALID)
      fail_msg("%s", std[i]);
  for (size_t i = 0; i < LEN(url); i++)
    if (ml_text_base64(&b, ml_str_of(url[i]), true) != ML_INVALID)
      fail_msg("%s", url[i]);
  assert_string_equal(b.p, "kept");
  assert_int_equal(b.len, 4);
  ml_buf_free(&b);
  ml_mem_fail_at(1, 1);
  assert_int_equal(ml_text_base64(&b, S("Zm9v"), false), ML_NOMEM);
  ml_mem_fail_at(0, 0);
  ml_buf_free(&b);
}

static void hex(void **state) {
  unsigned char out[3] = {1, 1, 1};
  ml_buf b = {0};

  (void)state;
  ml_text_put_hex(&b, "\x00\xAB\xFF", 3);
  assert_string_equal(b.p, "00abff");
  assert_int_equal(ml_text_hex(out, 3, S("00aBFf")), ML_OK);
  assert_memory_equal(out, "\x00\xAB\xFF", 3);
  assert_int_equal(ml_text_hex(out, 3, S("112233445")), ML_INVALID);
  assert_int_equal(ml_text_hex(out, 3, S("11223")), ML_INVALID);
  assert_int_equal(ml_text_hex(out, 3, S("1122334")), ML_INVALID);
  assert_int_equal(ml_text_hex(out, 3, S("11223g")), ML_INVALID);
  assert_int_equal(ml_text_hex(out, 3, S("11 233")), ML_INVALID);
  assert_memory_equal(out, "\x00\xAB\xFF", 3);
  ml_buf_free(&b);
}

static void percent(void **state) {
  ml_buf b = {0};

  (void)state;
  ml_text_put_url(&b, S("aZ09-._~ /?&=+%\xC3\xA9\x00"));
  assert_string_equal(b.p, "aZ09-._~%20%2F%3F%26%3D%2B%25%C3%A9%00");
  ml_buf_reset(&b);
  assert_int_equal(ml_text_unurl(&b, S("a%2fb+c%C3%a9"), false), ML_OK);
  assert_string_equal(b.p, "a/b+c\xC3\xA9");
  ml_buf_reset(&b);
  assert_int_equal(ml_text_unurl(&b, S("a+b%2Bc"), true), ML_OK);
  assert_string_equal(b.p, "a b+c");
  assert_int_equal(ml_text_unurl(&b, S("x%"), true), ML_INVALID);
  assert_int_equal(ml_text_unurl(&b, S("x%4"), true), ML_INVALID);
  assert_int_equal(ml_text_unurl(&b, S("x%4g"), true), ML_INVALID);
  assert_int_equal(ml_text_unurl(&b, S("x%%41"), true), ML_INVALID);
  assert_int_equal(ml_text_unurl(&b, S("x% 41"), true), ML_INVALID);
  assert_string_equal(b.p, "a b+c");
  assert_int_equal(ml_text_unurl(&b, S("%00"), true), ML_OK);
  assert_int_equal(b.len, 6);
  ml_buf_free(&b);
}

static void uuid(void **state) {
  static const char text[] = "00112233-4455-6677-8899-aabbccddeeff";
  static const char *const bad[] = {
    "", "00112233-4455-6677-8899-aabbccddeef",
    "00112233-4455-6677-8899-aabbccddeefff", "0011223344556677-8899-aabbccddeeff",
    "00112233-4455-6677-8899-aabbccddeefg", "{0112233-4455-6677-8899-aabbccddeeff",
    "00112233-4455-6677-88990aabbccddeeff", "001122334-455-6677-8899-aabbccddeeff",
  };
  uint8_t id[16], again[16];
  ml_buf b = {0};

  (void)state;
  assert_true(ml_text_uuid(S("00112233-4455-6677-8899-AABBccddEEFF"), id));
  for (int i = 0; i < 16; i++)
    assert_int_equal(id[i], i * 0x11);
  ml_text_put_uuid(&b, id);
  assert_string_equal(b.p, text);
  memcpy(again, id, sizeof id);
  for (size_t i = 0; i < LEN(bad); i++)
    assert_false(ml_text_uuid(ml_str_of(bad[i]), again));
  assert_memory_equal(again, id, sizeof id);
  ml_buf_free(&b);
}

static void integers(void **state) {
  static const struct { const char *in; bool good; int64_t v; } rows[] = {
    {"0", true, 0}, {"-0", true, 0}, {"42", true, 42}, {"-42", true, -42},
    {"007", true, 7}, {"9223372036854775807", true, INT64_MAX},
    {"-9223372036854775808", true, INT64_MIN},
    {"9223372036854775808", false, 0}, {"-9223372036854775809", false, 0},
    {"99999999999999999999", false, 0}, {"", false, 0}, {"-", false, 0},
    {"+1", false, 0}, {" 1", false, 0}, {"1 ", false, 0}, {"1.0", false, 0},
    {"1e3", false, 0}, {"--1", false, 0}, {"0x1", false, 0},
  };

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    int64_t v = 77;

    if (ml_text_int(ml_str_of(rows[i].in), &v) != rows[i].good)
      fail_msg("'%s'", rows[i].in);
    assert_int_equal(v, rows[i].good ? rows[i].v : 77);
  }
  assert_false(ml_text_int(ML_NOSTR, &(int64_t){0}));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(utf8),
    cmocka_unit_test(printable),
    cmocka_unit_test(names),
    cmocka_unit_test(excerpt),
    cmocka_unit_test(cells),
    cmocka_unit_test(durations),
    cmocka_unit_test(durations_refused),
    cmocka_unit_test(ages),
    cmocka_unit_test(known_days),
    cmocka_unit_test(every_day),
    cmocka_unit_test(moments),
    cmocka_unit_test(moments_refused),
    cmocka_unit_test(base64),
    cmocka_unit_test(base64_refused),
    cmocka_unit_test(hex),
    cmocka_unit_test(percent),
    cmocka_unit_test(uuid),
    cmocka_unit_test(integers),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
