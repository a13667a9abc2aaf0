/* test_sign.c - base/sign: known answers, and what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/sign.h"
#include "base/text.h"

/* The example of the scheme's own libraries. */
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define SECONDS "1614265330"
#define AT_MS INT64_C(1614265330000)
#define BODY "{\"test\": 2432232314}"
#define RIGHT "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define WRONG "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
#define OTHER "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

static ml_rc verify(const char *secret, const char *id, const char *seconds,
                    const char *signature, const char *body, int64_t now_ms,
                    ml_err *e) {
  ml_signed got = {id ? ml_str_of(id) : ML_NOSTR,
                   seconds ? ml_str_of(seconds) : ML_NOSTR,
                   signature ? ml_str_of(signature) : ML_NOSTR};

  return ml_sign_verify(ml_str_of(secret), &got, ml_str_of(body), now_ms, NULL,
                        e);
}

static void published_example(void **state) {
  ml_buf out = {0};
  ml_signed got = {ML_STR(ID), ML_STR(SECONDS), ML_STR(RIGHT)};
  int64_t at = 0;

  (void)state;
  assert_int_equal(ml_sign_standard(&out, ML_STR(SECRET), ML_STR(ID),
                                    AT_MS + 999, ML_STR(BODY), NULL), ML_OK);
  assert_string_equal(out.p, RIGHT);
  ml_buf_free(&out);
  assert_int_equal(ml_sign_verify(ML_STR(SECRET), &got, ML_STR(BODY), AT_MS,
                                  &at, NULL), ML_OK);
  assert_true(at == AT_MS);
  assert_true(ml_sign_until(at) > at + ML_SIGN_TOLERANCE_MS);
}

/* Each a single change of the published example. */
static void refused(void **state) {
  static const struct {
    const char *id, *seconds, *signature, *body, *at;
  } rows[] = {
    {ID, SECONDS, RIGHT, "{\"test\": 2432232315}", "webhook-signature"},
    {ID, SECONDS, RIGHT, "", "webhook-signature"},
    {ID "x", SECONDS, RIGHT, BODY, "webhook-signature"},
    {ID, "1614265331", RIGHT, BODY, "webhook-signature"},
    {ID, "01614265330", RIGHT, BODY, "webhook-signature"},
    {ID, SECONDS, WRONG, BODY, "webhook-signature"},
    {ID, SECONDS, "", BODY, "webhook-signature"},
    {ID, SECONDS, NULL, BODY, "webhook-signature"},
    {ID, SECONDS, "v1,", BODY, "webhook-signature"},
    {ID, SECONDS, "v1", BODY, "webhook-signature"},
    {ID, SECONDS, " ", BODY, "webhook-signature"},
    {ID, SECONDS, "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", BODY,
     "webhook-signature"},
    {ID, SECONDS, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", BODY,
     "webhook-signature"},
    {ID, SECONDS, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE", BODY,
     "webhook-signature"},
    {"", SECONDS, RIGHT, BODY, "webhook-id"},
    {NULL, SECONDS, RIGHT, BODY, "webhook-id"},
    {"a.b", SECONDS, RIGHT, BODY, "webhook-id"},
    {"a b", SECONDS, RIGHT, BODY, "webhook-id"},
    {"a\x7f", SECONDS, RIGHT, BODY, "webhook-id"},
    {ID, "", RIGHT, BODY, "webhook-timestamp"},
    {ID, NULL, RIGHT, BODY, "webhook-timestamp"},
    {ID, "-1614265330", RIGHT, BODY, "webhook-timestamp"},
    {ID, "1614265330.0", RIGHT, BODY, "webhook-timestamp"},
    {ID, " 1614265330", RIGHT, BODY, "webhook-timestamp"},
    {ID, "9999999999999", RIGHT, BODY, "webhook-timestamp"},
    {ID, "0x60381f32", RIGHT, BODY, "webhook-timestamp"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ml_err e = {0};

    assert_int_equal(verify(SECRET, rows[i].id, rows[i].seconds,
                            rows[i].signature, rows[i].body, AT_MS, &e),
                     ML_REFUSED);
    assert_string_equal(e.at, rows[i].at);
    assert_int_equal(strncmp(e.text, "whsec", 5) == 0, 0);
  }
}

static void clock_tolerance(void **state) {
  static const struct {
    int64_t away_ms;
    ml_rc rc;
  } rows[] = {{0, ML_OK},
              {299999, ML_OK},
              {300000, ML_OK},
              {300001, ML_REFUSED},
              {-300000, ML_OK},
              {-300001, ML_REFUSED},
              {86400000, ML_REFUSED},
              {-86400000, ML_REFUSED}};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ml_err e = {0};

    assert_int_equal(verify(SECRET, ID, SECONDS, RIGHT, BODY,
                            AT_MS + rows[i].away_ms, &e), rows[i].rc);
    assert_string_equal(e.at, rows[i].rc == ML_OK ? "" : "webhook-timestamp");
  }
}

/* One of several signatures, one of several keys; never none of them. */
static void keys_change(void **state) {
  ml_buf out = {0};
  ml_err e = {0};

  (void)state;
  assert_int_equal(verify(SECRET, ID, SECONDS, WRONG " " RIGHT, BODY, AT_MS,
                          &e), ML_OK);
  assert_int_equal(verify(SECRET, ID, SECONDS, RIGHT " v1a,abc v9,x", BODY,
                          AT_MS, &e), ML_OK);
  assert_int_equal(verify(OTHER "\n" SECRET "\n", ID, SECONDS, RIGHT, BODY,
                          AT_MS, &e), ML_OK);
  assert_int_equal(verify(OTHER, ID, SECONDS, RIGHT, BODY, AT_MS, &e),
                   ML_REFUSED);
  assert_int_equal(ml_sign_standard(&out, ML_STR(SECRET "\r\n\n  " OTHER),
                                    ML_STR(ID), AT_MS, ML_STR(BODY), &e),
                   ML_OK);
  assert_int_equal(strncmp(out.p, RIGHT " v1,", sizeof RIGHT + 3), 0);
  assert_int_equal(verify(OTHER, ID, SECONDS, out.p, BODY, AT_MS, &e), ML_OK);
  assert_int_equal(verify(SECRET, ID, SECONDS, out.p, BODY, AT_MS, &e), ML_OK);
  ml_buf_reset(&out);
  for (int i = 0; i < 16; i++)
    ml_buf_puts(&out, WRONG " ");
  ml_buf_puts(&out, RIGHT);
  assert_int_equal(verify(SECRET, ID, SECONDS, out.p, BODY, AT_MS, &e),
                   ML_REFUSED);
  ml_buf_free(&out);
}

static void secrets(void **state) {
  static const char *const bad[] = {
    "", "\n", "secret", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=",
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SECRET "\nnot one",
    SECRET "\n" SECRET "\n" SECRET "\n" SECRET "\n" SECRET};
  uint8_t key[32];
  ml_buf out = {0};
  ml_err e;

  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    e = (ml_err){0};
    assert_int_equal(ml_sign_secret_check(ml_str_of(bad[i]), &e), ML_INVALID);
    assert_string_equal(e.at, "secret");
    assert_null(strstr(e.text, "MfKQ"));
    assert_int_equal(verify(bad[i], ID, SECONDS, RIGHT, BODY, AT_MS, &e),
                     ML_INVALID);
    assert_int_equal(ml_sign_standard(&out, ml_str_of(bad[i]), ML_STR(ID),
                                      AT_MS, ML_STR(BODY), &e), ML_INVALID);
    assert_int_equal(out.len, 0);
  }
  assert_int_equal(ml_sign_secret_check(ML_STR(SECRET "\n" OTHER), &e), ML_OK);
  assert_int_equal(ml_sign_standard(&out, ML_STR(SECRET), ML_STR("a.b"), AT_MS,
                                    ML_STR(""), &e), ML_INVALID);
  assert_int_equal(ml_sign_standard(&out, ML_STR(SECRET), ML_STR(ID), -1,
                                    ML_STR(""), &e), ML_INVALID);
  memset(key, 7, sizeof key);
  ml_sign_put_secret(&out, key);
  assert_int_equal(ml_sign_secret_check((ml_str){out.p, out.len}, &e), ML_OK);
  ml_buf_free(&out);
}

/* Senders' own examples, and RFC 2202 / RFC 4231 for the other digests. */
static void vendors(void **state) {
  static const struct {
    ml_digest d;
    ml_sign_text as;
    const char *key, *text, *mac;
  } rows[] = {
    {ML_SHA256, ML_SIGN_HEX, "It's a Secret to Everybody", "Hello, World!",
     "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
    {ML_SHA256, ML_SIGN_BASE64, "Jefe", "what do ya want for nothing?",
     "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="},
    {ML_SHA1, ML_SIGN_HEX, "Jefe", "what do ya want for nothing?",
     "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {ML_SHA512, ML_SIGN_HEX, "Jefe", "what do ya want for nothing?",
     "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
     "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ml_str whole = ml_str_of(rows[i].text);
    ml_str parts[3] = {{whole.p, 5}, {whole.p + 5, 0},
                       {whole.p + 5, whole.n - 5}};
    ml_str mac = ml_str_of(rows[i].mac), key = ml_str_of(rows[i].key);
    ml_buf out = {0};

    assert_int_equal(ml_sign_mac(&out, rows[i].d, rows[i].as, key, parts, 3),
                     ML_OK);
    assert_string_equal(out.p, rows[i].mac);
    ml_buf_free(&out);
    assert_int_equal(ml_sign_mac_is(rows[i].d, rows[i].as, key, &whole, 1,
                                    mac), ML_OK);
    mac.n -= 1;
    assert_int_equal(ml_sign_mac_is(rows[i].d, rows[i].as, key, &whole, 1,
                                    mac),
                     rows[i].as == ML_SIGN_BASE64 ? ML_OK : ML_REFUSED);
    mac.n -= 1;
    assert_int_equal(ml_sign_mac_is(rows[i].d, rows[i].as, key, &whole, 1,
                                    mac), ML_REFUSED);
    whole.n -= 1;
    assert_int_equal(ml_sign_mac_is(rows[i].d, rows[i].as, key, &whole, 1,
                                    ml_str_of(rows[i].mac)), ML_REFUSED);
  }
}

static void vendors_refused(void **state) {
  static const char *const given[] = {
    "", "757107EA", "zz7107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b"
    "043e17", "0000000000000000000000000000000000000000000000000000000000000000",
    "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1700"};
  ml_str text = ML_STR("Hello, World!");
  ml_str key = ML_STR("It's a Secret to Everybody");
  ml_str mac = ML_STR("757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C46F4379C"
                      "8B043E17");
  int64_t at = 5;

  (void)state;
  for (size_t i = 0; i < sizeof given / sizeof *given; i++)
    assert_int_equal(ml_sign_mac_is(ML_SHA256, ML_SIGN_HEX, key, &text, 1,
                                    ml_str_of(given[i])), ML_REFUSED);
  assert_int_equal(ml_sign_mac_is(ML_SHA256, ML_SIGN_HEX, key, &text, 1, mac),
                   ML_OK);
  assert_int_equal(ml_sign_mac_is(ML_SHA256, ML_SIGN_HEX,
                                  ML_STR("old\nIt's a Secret to Everybody\n"),
                                  &text, 1, mac), ML_OK);
  assert_int_equal(ml_sign_mac_is(ML_SHA256, ML_SIGN_HEX, ML_STR(""), &text, 1,
                                  mac), ML_INVALID);
  assert_int_equal(ml_sign_mac_is(ML_SHA256, ML_SIGN_HEX, ML_NOSTR, &text, 1,
                                  ML_NOSTR), ML_INVALID);
  assert_int_equal(ml_sign_mac_is(ML_SHA256, ML_SIGN_HEX,
                                  ML_STR("a\nb\nc\nd\ne"), &text, 1, mac),
                   ML_INVALID);
  assert_false(ml_sign_seconds(ML_NOSTR, &at));
  assert_true(at == 5);
}

/* Memory that fails at any point: no answer "right", nothing appended. */
static void short_of_memory(void **state) {
  ml_buf out = {0};
  ml_rc rc = ML_NOMEM;

  (void)state;
  for (uint64_t n = 1; rc != ML_OK; n++) {
    assert_true(n < 100);
    ml_mem_fail_at(n, 1);
    rc = verify(SECRET, ID, SECONDS, RIGHT, BODY, AT_MS, NULL);
    ml_mem_fail_at(0, 0);
    assert_true(rc == ML_OK || rc == ML_NOMEM);
  }
  rc = ML_NOMEM;
  for (uint64_t n = 1; rc != ML_OK; n++) {
    assert_true(n < 100);
    assert_int_equal(out.len, 0);
    ml_buf_free(&out);
    ml_mem_fail_at(n, 1);
    rc = ml_sign_standard(&out, ML_STR(SECRET), ML_STR(ID), AT_MS, ML_STR(BODY),
                          NULL);
    ml_mem_fail_at(0, 0);
    assert_true(rc == ML_OK || rc == ML_NOMEM);
  }
  assert_string_equal(out.p, RIGHT);
  ml_buf_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(published_example),
    cmocka_unit_test(refused),
    cmocka_unit_test(clock_tolerance),
    cmocka_unit_test(keys_change),
    cmocka_unit_test(secrets),
    cmocka_unit_test(vendors),
    cmocka_unit_test(vendors_refused),
    cmocka_unit_test(short_of_memory),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
