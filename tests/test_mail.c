/*
** test_mail.c - mails as bytes, and on their way to a server that misbehaves,
** over real sockets.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../contrib/smtp-capture/capture.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/mail.h"
#include "net/mail_text.h"

/* ---- a mail as bytes ---- */

static const ml_mail_text plain = {
  .from = {"Shop <shop@portal.example>", 26}, .to = {"ann@tenant.example", 18},
  .subject = {"Hello", 5}, .body = {"one\ntwo", 7}, .key = {"k1", 2},
  .at_ms = 1772442296000};

static const char *write_mail(const ml_mail_text *m, ml_buf *b) {
  ml_err e = {0};

  ml_buf_reset(b);
  if (ml_mail_write(b, m, &e) != ML_OK)
    fail_msg("%s", e.text);
  return b->p;
}

/* Every line is ASCII, ends with CRLF and has at most 76 characters. */
static void lines_are_strict(const ml_buf *b) {
  size_t start = 0;

  for (size_t i = 0; i < b->len; i++) {
    assert_true((unsigned char)b->p[i] < 128);
    if (b->p[i] == '\n') {
      assert_true(i > 0 && b->p[i - 1] == '\r');
      if (i - 1 - start > 76)
        fail_msg("a line of %zu characters: %.*s", i - 1 - start,
                 (int)(i - start), b->p + start);
      start = i + 1;
    } else if (b->p[i] == '\r') {
      assert_true(b->p[i + 1] == '\n');
    }
  }
  assert_int_equal(start, b->len);
}

static void a_plain_mail_is_these_bytes(void **state) {
  ml_buf b = {0};

  (void)state;
  write_mail(&plain, &b);
  lines_are_strict(&b);
  assert_string_equal(b.p,
    "Date: Mon, 02 Mar 2026 09:04:56 +0000\r\n"
    "From: \"Shop\"\r\n <shop@portal.example>\r\n"
    "To: <ann@tenant.example>\r\n"
    "Message-ID: <6ab9f1eb8f7d3388f4f9d586f66e99fd@portal.example>\r\n"
    "Subject: Hello\r\n"
    "Auto-Submitted: auto-generated\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\n"
    "b25lDQp0d28NCg==\r\n");
  ml_buf_free(&b);
}

static void the_same_key_gives_the_same_id(void **state) {
  ml_mail_text m = plain;
  ml_buf a = {0}, b = {0};

  (void)state;
  write_mail(&plain, &a);
  write_mail(&m, &b);
  assert_string_equal(a.p, b.p);
  m.key = ML_STR("k2");
  write_mail(&m, &b);
  assert_string_not_equal(a.p, b.p);
  ml_buf_free(&a);
  ml_buf_free(&b);
}

/* C6.17, X6: names and subjects of any language; words cut between characters. */
static void any_language_goes_as_encoded_words(void **state) {
  ml_mail_text m = plain;
  ml_buf b = {0}, long_one = {0};

  (void)state;
  for (int i = 0; i < 40; i++)
    ml_buf_puts(&long_one, "様ёї😀");
  m.subject = (ml_str){long_one.p, long_one.len};
  m.from = ML_STR("受付 \"窓口\" <shop@portal.example>");
  write_mail(&m, &b);
  lines_are_strict(&b);
  assert_non_null(strstr(b.p, "From: =?UTF-8?B?"));
  assert_non_null(strstr(b.p, "Subject: =?UTF-8?B?"));
  for (const char *p = b.p; (p = strstr(p, "=?UTF-8?B?")) != NULL; p++) {
    ml_buf word = {0};
    const char *end = strstr(p + 10, "?=");

    assert_true(end - p + 2 <= 75);
    assert_int_equal(ml_text_base64(&word, (ml_str){p + 10, (size_t)(end - p - 10)},
                                    false), ML_OK);
    assert_true(ml_text_utf8((ml_str){word.p, word.len}));
    ml_buf_free(&word);
  }
  ml_buf_free(&b);
  ml_buf_free(&long_one);
}

/* A name of quotes or backslashes would be twice as long quoted: words too. */
static void what_would_be_escaped_goes_as_words(void **state) {
  ml_mail_text m = plain;
  ml_buf b = {0};

  (void)state;
  m.to = ML_STR("\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"
                "\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\ <ann@tenant.example>");
  write_mail(&m, &b);
  lines_are_strict(&b);
  assert_non_null(strstr(b.p, "To: =?UTF-8?B?XFxc"));
  ml_buf_free(&b);
}

static void no_value_begins_a_header(void **state) {
  static const char *const bad_to[] = {
    "ann@tenant.example\r\nBcc: eve@x.example", "a b@x.example", "@x.example", "ann@",
    "ann@x..example", ".ann@x.example", "ann@-x.example", "\"a\"@x.example",
    "ann@[127.0.0.1]", "ann@x.example>\r\nRCPT TO:<eve@x.example", "",
    "an\nn <ann@x.example>", "анна@x.example", NULL};
  ml_mail_text m = plain;
  ml_buf b = {0};
  ml_err e = {0};

  (void)state;
  m.subject = ML_STR("Hi\r\nBcc: eve@x.example\r\n\r\nbody");
  m.body = ML_STR("x\r\n.\r\nMAIL FROM:<eve@x.example>\r\n");
  write_mail(&m, &b);
  lines_are_strict(&b);
  assert_null(strstr(b.p, "\r\nBcc:"));
  assert_null(strstr(b.p, "MAIL FROM"));
  assert_null(strstr(b.p, "\r\n.\r\n"));
  ml_buf_reset(&b);
  for (size_t i = 0; bad_to[i] != NULL; i++) {
    m.to = ml_str_of(bad_to[i]);
    assert_int_equal(ml_mail_write(&b, &m, &e), ML_INVALID);
    assert_int_equal(b.len, 0);
  }
  ml_buf_free(&b);
}

static void limits_have_names(void **state) {
  ml_mail_text m = plain;
  ml_buf b = {0}, big = {0};
  ml_err e = {0};

  (void)state;
  memset(ml_buf_room(&big, ML_MAIL_BODY_MAX + 1), 'x', ML_MAIL_BODY_MAX + 1);
  m.body = (ml_str){big.p, ML_MAIL_BODY_MAX};
  write_mail(&m, &b);
  lines_are_strict(&b);
  m.body.n++;
  assert_int_equal(ml_mail_write(&b, &m, &e), ML_LIMIT);
  m.body = ML_STR("x");
  m.subject = (ml_str){big.p, ML_MAIL_SUBJECT_MAX};
  write_mail(&m, &b);
  lines_are_strict(&b);
  m.subject.n++;
  assert_int_equal(ml_mail_write(&b, &m, &e), ML_LIMIT);
  m.subject = (ml_str){"\xff", 1};
  assert_int_equal(ml_mail_write(&b, &m, &e), ML_INVALID);
  ml_buf_free(&b);
  ml_buf_free(&big);
}

static void short_memory_writes_nothing(void **state) {
  ml_buf b = {0};
  ml_rc rc;

  (void)state;
  for (uint64_t n = 1; ; n++) {
    ml_mem_fail_at(n, 1);
    rc = ml_mail_write(&b, &plain, NULL);
    ml_mem_fail_at(0, 0);
    if (rc == ML_OK)
      break;
    assert_int_equal(rc, ML_NOMEM);
    assert_int_equal(b.len, 0);
    ml_buf_free(&b);
  }
  ml_buf_free(&b);
}

/* ---- on its way ---- */

static struct {
  ml_loop *loop;
  sc_capture *capture;
  ml_mailer *mailer;
  char url[160];
  ml_str allow[1];
  ml_mail_server server;
  int answers;
  ml_mail_end end;
  int code;
  char why[400];
  char dir[64], pem[80];         /* "": no certificate was made */
} fix;

static void remove_pem(void) {
  if (fix.pem[0] == '\0')
    return;
  unlink(fix.pem);
  rmdir(fix.dir);
  fix.pem[0] = '\0';
}

static void fix_with(const char *login) {
  char bound[128];

  memset(&fix, 0, sizeof fix);
  assert_int_equal(ml_loop_new(NULL, &fix.loop), ML_OK);
  assert_int_equal(sc_capture_new(fix.loop, "127.0.0.1:0", login, bound,
                                  &fix.capture, NULL), ML_OK);
  assert_int_equal(ml_mailer_new(fix.loop, &fix.mailer), ML_OK);
  snprintf(fix.url, sizeof fix.url, "smtp://%s", bound);
  fix.allow[0] = ML_STR("127.0.0.1:*");
  fix.server = (ml_mail_server){.url = ml_str_of(fix.url),
                                .tls = ML_MAIL_TLS_NONE, .allow = fix.allow,
                                .allow_count = 1, .timeout_ms = 20000};
}

static int fix_open(void **state) {
  (void)state;
  fix_with(NULL);
  return 0;
}

static int fix_open_login(void **state) {
  (void)state;
  fix_with("me:s3cret");
  return 0;
}

static int fix_close(void **state) {
  (void)state;
  ml_mailer_free(fix.mailer);
  sc_capture_free(fix.capture);
  ml_loop_free(fix.loop);
  remove_pem();
  return 0;
}

static void came(void *arg, const ml_mail_answer *a) {
  (void)arg;
  fix.answers++;
  fix.end = a->end;
  fix.code = a->code;
  snprintf(fix.why, sizeof fix.why, "%s", a->why != NULL ? a->why : "");
}

static void begin_send(void) {
  ml_mail_call call = {&fix.server, ML_STR("shop@portal.example"),
                       ML_STR("ann@tenant.example"), ML_NOSTR};
  ml_buf b = {0};
  ml_err e = {0};

  write_mail(&plain, &b);
  call.message = (ml_str){b.p, b.len};
  if (fix.mailer->send(fix.mailer, &call, came, NULL, &e) != ML_OK)
    fail_msg("%s", e.text);
  ml_buf_free(&b);
}

static void send_one(void) {
  fix.answers = 0;
  begin_send();
  while (fix.answers == 0)
    ml_loop_turn(fix.loop, 50);
  assert_int_equal(fix.answers, 1);
}

static void fault(const char *at, const char *what) {
  assert_true(sc_capture_fault(fix.capture, ml_str_of(at), ml_str_of(what), 1));
}

static void a_mail_arrives_byte_for_byte(void **state) {
  ml_buf b = {0}, list = {0};
  ml_jw w;

  (void)state;
  send_one();
  assert_int_equal(fix.end, ML_MAIL_TAKEN);
  assert_int_equal(sc_capture_count(fix.capture), 1);
  write_mail(&plain, &b);
  assert_true(ml_str_is(sc_capture_raw(fix.capture, 0), b.p));
  ml_jw_init(&w, &list);
  sc_capture_list(fix.capture, &w);
  assert_non_null(strstr(list.p, "\"from\":\"shop@portal.example\""));
  assert_non_null(strstr(list.p, "\"to\":\"ann@tenant.example\""));
  assert_non_null(strstr(list.p, "\"body\":\"one\\r\\ntwo\\r\\n\""));
  ml_buf_free(&b);
  ml_buf_free(&list);
}

static void many_go_one_after_the_other(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++)
    begin_send();
  while (fix.answers < 20)
    ml_loop_turn(fix.loop, 50);
  assert_int_equal(sc_capture_count(fix.capture), 20);
}

static void a_5xx_is_for_good_and_a_4xx_is_not(void **state) {
  static const char *const places[] = {"mail", "rcpt", "data", "end"};

  (void)state;
  for (size_t i = 0; i < 4; i++) {
    fault(places[i], "550");
    send_one();
    assert_int_equal(fix.end, ML_MAIL_REFUSED);
    assert_int_equal(fix.code, 550);
    assert_non_null(strstr(fix.why, "550 told to say so"));
    fault(places[i], "450");
    send_one();
    assert_int_equal(fix.end, ML_MAIL_NOT_YET);
    assert_int_equal(fix.code, 450);
  }
  fault("connect", "421");
  send_one();
  assert_int_equal(fix.end, ML_MAIL_NOT_YET);
  assert_int_equal(sc_capture_count(fix.capture), 0);
  send_one();
  assert_int_equal(fix.end, ML_MAIL_TAKEN);
}

/* Whether it was kept nobody knows: not yet, and the repeat is recognisable. */
static void dropped_after_the_last_dot_it_comes_twice(void **state) {
  (void)state;
  fault("end", "drop");
  send_one();
  assert_int_equal(fix.end, ML_MAIL_NOT_YET);
  send_one();
  assert_int_equal(fix.end, ML_MAIL_TAKEN);
  assert_int_equal(sc_capture_count(fix.capture), 2);
  assert_true(ml_str_eq(sc_capture_raw(fix.capture, 0),
                        sc_capture_raw(fix.capture, 1)));
}

static void a_server_that_hangs_ends_by_its_time(void **state) {
  static const char *const places[] = {"connect", "rcpt", "end"};

  (void)state;
  fix.server.timeout_ms = 300;
  for (size_t i = 0; i < 3; i++) {
    fault(places[i], "hang");
    send_one();
    assert_int_equal(fix.end, ML_MAIL_NOT_YET);
  }
  fault("connect", "drop");
  send_one();
  assert_int_equal(fix.end, ML_MAIL_NOT_YET);
}

/* The loop is not held up, and neither is the end of the program. */
static void a_hanging_mail_holds_nobody_up(void **state) {
  int64_t from = ml_clock_system()->mono_ms(ml_clock_system());

  (void)state;
  fault("end", "hang");
  begin_send();
  while (sc_capture_sessions(fix.capture) == 0)
    ml_loop_turn(fix.loop, 50);
  for (int i = 0; i < 20; i++)
    ml_loop_turn(fix.loop, 1);
  ml_mailer_free(fix.mailer);
  fix.mailer = NULL;
  assert_int_equal(fix.answers, 0);
  assert_true(ml_clock_system()->mono_ms(ml_clock_system()) - from < 10000);
}

static void nobody_listens(void **state) {
  (void)state;
  sc_capture_free(fix.capture);
  fix.capture = NULL;
  send_one();
  assert_int_equal(fix.end, ML_MAIL_NOT_YET);
  assert_non_null(strstr(fix.why, "no mail server took it"));
}

static void a_private_address_needs_the_operator(void **state) {
  (void)state;
  fix.server.allow_count = 0;
  send_one();
  assert_int_equal(fix.end, ML_MAIL_REFUSED);
  assert_non_null(strstr(fix.why, "allow_addresses"));
  assert_int_equal(sc_capture_sessions(fix.capture), 0);
}

static void without_tls_nothing_is_sent_where_it_is_required(void **state) {
  (void)state;
  fix.server.tls = ML_MAIL_TLS_REQUIRE;
  send_one();
  assert_int_equal(fix.end, ML_MAIL_NOT_YET);
  assert_int_equal(sc_capture_count(fix.capture), 0);
  fix.server.tls = ML_MAIL_TLS_TRY;
  send_one();
  assert_int_equal(fix.end, ML_MAIL_TAKEN);
}

/* ---- TLS: a server with a certificate of its own making ---- */

/* host: what the certificate is for; NULL: for the server. */
static void with_tls(const char *host, bool at_once) {
  ml_err e = {0};

  snprintf(fix.dir, sizeof fix.dir, "/tmp/moonlane-mail-XXXXXX");
  assert_non_null(mkdtemp(fix.dir));
  snprintf(fix.pem, sizeof fix.pem, "%s/ca.pem", fix.dir);
  if (sc_capture_tls(fix.capture, host, at_once, fix.pem, &e) != ML_OK)
    fail_msg("%s", e.text);
  if (at_once) {
    memmove(fix.url + 5, fix.url + 4, strlen(fix.url + 4) + 1);
    memcpy(fix.url, "smtps", 5);
    fix.server.url = ml_str_of(fix.url);
  }
  fix.server.ca_file = ml_str_of(fix.pem);
  fix.server.tls = ML_MAIL_TLS_REQUIRE;
}

/* What the last mail of the capture's list says of how it came. */
static bool listed(const char *part) {
  ml_buf list = {0};
  bool found;
  ml_jw w;

  ml_jw_init(&w, &list);
  sc_capture_list(fix.capture, &w);
  found = strstr(list.p, part) != NULL;
  ml_buf_free(&list);
  return found;
}

static void a_mail_goes_over_tls(bool at_once) {
  with_tls(NULL, at_once);
  send_one();
  if (fix.end != ML_MAIL_TAKEN)
    fail_msg("%s", fix.why);
  assert_true(listed("\"tls\":true,\"login\":false"));
}

static void over_tls_from_the_first_byte(void **state) {
  (void)state;
  a_mail_goes_over_tls(true);
}

static void over_tls_by_starttls(void **state) {
  (void)state;
  a_mail_goes_over_tls(false);
}

/* Offered, it is taken where it need not be. */
static void tls_is_tried(void **state) {
  (void)state;
  with_tls(NULL, false);
  fix.server.tls = ML_MAIL_TLS_TRY;
  send_one();
  assert_int_equal(fix.end, ML_MAIL_TAKEN);
  assert_true(listed("\"tls\":true"));
}

/* Nobody vouches for it, or it is another's: not yet, with the reason, and
** neither mail nor password has left. */
static void a_certificate_must_be_known(void **state) {
  static const struct { const char *host; bool known, at_once; } rows[] = {
    {NULL, false, true}, {NULL, false, false},
    {"mail.other.example", true, true}, {"mail.other.example", true, false}};
  char url[160];

  (void)state;
  snprintf(url, sizeof url, "%s", fix.url);
  fix.server.user = ML_STR("me");
  fix.server.password = ML_STR("s3cret");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    snprintf(fix.url, sizeof fix.url, "%s", url);
    fix.server.url = ml_str_of(fix.url);
    with_tls(rows[i].host, rows[i].at_once);
    if (!rows[i].known)
      fix.server.ca_file = ML_NOSTR;
    send_one();
    assert_int_equal(fix.end, ML_MAIL_NOT_YET);
    assert_non_null(strstr(fix.why, "no mail server took it: SSL"));
    assert_int_equal(sc_capture_count(fix.capture), 0);
    remove_pem();
  }
  snprintf(fix.url, sizeof fix.url, "%s", url);
  fix.server.url = ml_str_of(fix.url);
  with_tls(NULL, false);
  send_one();                    /* the server is right after all */
  assert_int_equal(fix.end, ML_MAIL_TAKEN);
  assert_true(listed("\"tls\":true,\"login\":true"));
}

static void it_logs_in_over_tls(void **state) {
  (void)state;
  fix.server.user = ML_STR("me");
  fix.server.password = ML_STR("wrong");
  with_tls(NULL, true);
  send_one();
  assert_int_equal(fix.end, ML_MAIL_NOT_YET);
  assert_int_equal(fix.code, 535);
  fix.server.password = ML_STR("s3cret");
  send_one();
  assert_int_equal(fix.end, ML_MAIL_TAKEN);
  assert_true(listed("\"tls\":true,\"login\":true"));
  assert_int_equal(sc_capture_count(fix.capture), 1);
}

/* The same answers mean the same as in the open. */
static void faults_over_tls(void **state) {
  static const struct { const char *at, *what; ml_mail_end end; } rows[] = {
    {"rcpt", "550", ML_MAIL_REFUSED}, {"rcpt", "450", ML_MAIL_NOT_YET},
    {"end", "552", ML_MAIL_REFUSED}, {"end", "451", ML_MAIL_NOT_YET},
    {"tls", "454", ML_MAIL_NOT_YET}, {"tls", "drop", ML_MAIL_NOT_YET},
    {"data", "drop", ML_MAIL_NOT_YET}, {"tls", "hang", ML_MAIL_NOT_YET},
    {"end", "hang", ML_MAIL_NOT_YET}};

  (void)state;
  with_tls(NULL, false);
  fix.server.timeout_ms = 500;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fault(rows[i].at, rows[i].what);
    send_one();
    if (fix.end != rows[i].end)
      fail_msg("%s at %s: %s", rows[i].what, rows[i].at, fix.why);
  }
  assert_int_equal(sc_capture_count(fix.capture), 0);
  fix.server.timeout_ms = 20000;
  fault("end", "drop");          /* kept, and nobody was told */
  send_one();
  assert_int_equal(fix.end, ML_MAIL_NOT_YET);
  send_one();
  assert_int_equal(fix.end, ML_MAIL_TAKEN);
  assert_int_equal(sc_capture_count(fix.capture), 2);
  assert_true(ml_str_eq(sc_capture_raw(fix.capture, 0),
                        sc_capture_raw(fix.capture, 1)));
  assert_non_null(strstr(sc_capture_raw(fix.capture, 1).p, "Message-ID: <"));
}

/* It says smtps, and the server speaks in the open; or hangs in between. */
static void a_handshake_that_never_ends(void **state) {
  (void)state;
  with_tls(NULL, true);
  fix.server.timeout_ms = 300;
  fault("tls", "hang");
  send_one();
  assert_int_equal(fix.end, ML_MAIL_NOT_YET);
  fault("tls", "drop");
  send_one();
  assert_int_equal(fix.end, ML_MAIL_NOT_YET);
  assert_int_equal(sc_capture_count(fix.capture), 0);
}

static void it_logs_in(void **state) {
  (void)state;
  send_one();                    /* without a login: 530, which is ours to mend */
  assert_int_equal(fix.end, ML_MAIL_NOT_YET);
  fix.server.user = ML_STR("me");
  fix.server.password = ML_STR("wrong");
  send_one();
  assert_int_equal(fix.end, ML_MAIL_NOT_YET);
  fix.server.password = ML_STR("s3cret");
  send_one();
  assert_int_equal(fix.end, ML_MAIL_TAKEN);
  assert_int_equal(sc_capture_count(fix.capture), 1);
}

static void a_server_is_checked_whole(void **state) {
  static const char *const bad[] = {
    "http://x.example", "smtp://", "smtp://me:pw@x.example", "smtp://x.example/y",
    "smtp://x.example?a", "smtp://x y", "x.example:25", "", NULL};
  ml_mail_server s = {.url = ML_STR("smtps://mail.example:465/"),
                      .user = ML_STR("u"), .password = ML_STR("p")};
  ml_err e = {0};

  (void)state;
  assert_int_equal(ml_mail_server_check(&s, &e), ML_OK);
  s.tls = ML_MAIL_TLS_TRY;
  assert_int_equal(ml_mail_server_check(&s, &e), ML_OK);
  s.url = ML_STR("smtp://mail.example");
  assert_int_equal(ml_mail_server_check(&s, &e), ML_INVALID);
  s.tls = ML_MAIL_TLS_NONE;
  assert_int_equal(ml_mail_server_check(&s, &e), ML_OK);
  s.user = ML_NOSTR;
  assert_int_equal(ml_mail_server_check(&s, &e), ML_INVALID);
  s.password = ML_NOSTR;
  for (size_t i = 0; bad[i] != NULL; i++) {
    s.url = ml_str_of(bad[i]);
    assert_int_equal(ml_mail_server_check(&s, &e), ML_INVALID);
  }
}

#define NET(name) cmocka_unit_test_setup_teardown(name, fix_open, fix_close)

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_plain_mail_is_these_bytes),
    cmocka_unit_test(the_same_key_gives_the_same_id),
    cmocka_unit_test(any_language_goes_as_encoded_words),
    cmocka_unit_test(what_would_be_escaped_goes_as_words),
    cmocka_unit_test(no_value_begins_a_header),
    cmocka_unit_test(limits_have_names),
    cmocka_unit_test(short_memory_writes_nothing),
    cmocka_unit_test(a_server_is_checked_whole),
    NET(a_mail_arrives_byte_for_byte),
    NET(many_go_one_after_the_other),
    NET(a_5xx_is_for_good_and_a_4xx_is_not),
    NET(dropped_after_the_last_dot_it_comes_twice),
    NET(a_server_that_hangs_ends_by_its_time),
    NET(a_hanging_mail_holds_nobody_up),
    NET(nobody_listens),
    NET(a_private_address_needs_the_operator),
    NET(without_tls_nothing_is_sent_where_it_is_required),
    cmocka_unit_test_setup_teardown(it_logs_in, fix_open_login, fix_close),
    NET(over_tls_from_the_first_byte),
    NET(over_tls_by_starttls),
    NET(tls_is_tried),
    cmocka_unit_test_setup_teardown(a_certificate_must_be_known, fix_open_login,
                                    fix_close),
    cmocka_unit_test_setup_teardown(it_logs_in_over_tls, fix_open_login, fix_close),
    NET(faults_over_tls),
    NET(a_handshake_that_never_ends),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
