/*
** test_http_parse.c - raw requests and their verdicts.
**
** Each case of http_cases.h is fed whole, byte by byte, and cut at every
** single place; the verdict must be the same.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http_cases.h"
#include "net/http_parse.h"

/* ---- the runner ---- */

typedef struct run {
  ml_http_parse p;
  ml_buf said;
  bool over;          /* refused */
  bool mid;           /* bytes of a request were taken since the last one */
} run;

static void say(run *r, const char *what) {
  if (r->said.len > 0)
    ml_buf_puts(&r->said, "; ");
  ml_buf_puts(&r->said, what);
}

static void say_request(run *r) {
  ml_http_parse *p = &r->p;
  char text[1200];

  /* every text has its NUL, wherever it stands */
  assert_int_equal(strlen(p->method.p), p->method.n);
  assert_int_equal(strlen(p->path.p), p->path.n);
  assert_int_equal(strlen(p->target.p), p->target.n);
  snprintf(text, sizeof text, "%s %s%s%s @%s #%zu '%.*s' %s%s%s", p->method.p,
           p->path.p, p->query.p != NULL ? "?" : "",
           p->query.p != NULL ? p->query.p : "",
           p->host.p != NULL ? p->host.p : "-", p->header_count,
           (int)p->body.n, p->body.p, p->keep_alive ? "keep" : "close",
           p->http_1_0 ? " 1.0" : "", p->expects ? " expect" : "");
  say(r, text);
}

/* Each piece is copied to memory of its own size, so that a sanitizer sees
** one byte too far. */
static void feed(run *r, const char *raw, size_t n) {
  char *data = ml_mem_dup(raw, n);
  char *exact = ml_mem_alloc(n);
  size_t at = 0, used;
  bool again = false;
  ml_http_parse_end e;

  assert_non_null(data);
  assert_non_null(exact);
  memcpy(exact, data, n);
  while (!r->over && (at < n || again)) {
    again = false;
    e = ml_http_parse_feed(&r->p, exact + at, n - at, &used);
    assert_true(used <= n - at);
    at += used;
    r->mid = true;
    if (e == ML_PARSE_MORE)
      assert_int_equal(at, n);
    again = e == ML_PARSE_HEAD;
    if (e == ML_PARSE_DONE) {
      say_request(r);
      ml_http_parse_reset(&r->p);
      r->mid = false;
    }
    if (e == ML_PARSE_REFUSED) {
      char status[8];

      assert_non_null(r->p.why);
      snprintf(status, sizeof status, "%d", r->p.status);
      say(r, status);
      r->over = true;
    }
  }
  ml_mem_free(data);
  ml_mem_free(exact);
}

/* Feed a row in pieces: up to `cut`, then `step` bytes at a time. */
static void check_in(const http_case *w, size_t cut, size_t step) {
  ml_http_parse_limits limits = {LINE, HEADER_BYTES, FIELDS, BODY,
                                 w->unix_socket};
  run r = {0};
  size_t at = 0, n;

  ml_http_parse_init(&r.p, &limits);
  while (at < w->n) {
    n = at < cut ? cut - at : step;
    if (n > w->n - at)
      n = w->n - at;
    feed(&r, w->raw + at, n);
    at += n;
  }
  if (!r.over && (r.mid || r.said.len == 0))
    say(&r, "...");
  if (strcmp(r.said.p, w->verdict) != 0)
    print_error("of: %.*s\ncut %zu step %zu\n", (int)w->n, w->raw, cut, step);
  assert_string_equal(r.said.p, w->verdict);
  ml_buf_free(&r.said);
  ml_http_parse_done(&r.p);
}

static void each(size_t (*cut)(size_t), size_t step) {
  size_t i;

  for (i = 0; i < HTTP_CASES; i++)
    check_in(&http_cases[i], cut(http_cases[i].n), step);
}

static size_t whole(size_t n) {
  return n;
}

static size_t none(size_t n) {
  (void)n;
  return 0;
}

static void test_there_are_enough_rows(void **state) {
  (void)state;
  assert_true(HTTP_CASES >= 150);
}

static void test_in_one_piece(void **state) {
  (void)state;
  each(whole, 1);
}

static void test_byte_by_byte(void **state) {
  (void)state;
  each(none, 1);
}

static void test_by_sevens(void **state) {
  (void)state;
  each(none, 7);
}

static void test_cut_anywhere(void **state) {
  size_t i, cut;

  (void)state;
  for (i = 0; i < HTTP_CASES; i++)
    for (cut = 1; cut < http_cases[i].n; cut++)
      check_in(&http_cases[i], cut, http_cases[i].n);
}

/* ---- beyond the table ---- */

static const ml_http_parse_limits plenty = {8192, 16384, 64, 1 << 20, false};

/* Fields and texts as a handler sees them. */
static void test_fields_are_trimmed_and_whole(void **state) {
  static const char raw[] = "PUT /a/b?c HTTP/1.1\r\nHost: h\r\n"
                            "X-One: \t a  b \t\r\nEmpty:\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n"
                            "3\r\nabc\r\n0\r\nTrailing: dropped\r\n\r\n";
  ml_http_parse p;
  size_t used, at = 0;

  (void)state;
  ml_http_parse_init(&p, &plenty);
  assert_false(p.started);
  assert_int_equal(ml_http_parse_feed(&p, raw, 1, &used), ML_PARSE_MORE);
  assert_true(p.started);
  at = used;
  assert_int_equal(ml_http_parse_feed(&p, raw + at, sizeof raw - 1 - at, &used),
                   ML_PARSE_HEAD);
  at += used;
  assert_true(p.has_body);
  assert_int_equal(ml_http_parse_feed(&p, raw + at, sizeof raw - 1 - at, &used),
                   ML_PARSE_DONE);
  assert_int_equal(at + used, sizeof raw - 1);
  assert_int_equal(p.header_count, 4);
  assert_string_equal(p.headers[1].name.p, "X-One");
  assert_string_equal(p.headers[1].value.p, "a  b");
  assert_int_equal(p.headers[1].value.n, 4);
  assert_string_equal(p.headers[2].value.p, "");
  assert_string_equal(p.target.p, "/a/b?c");
  assert_string_equal(p.path.p, "/a/b");
  assert_string_equal(p.query.p, "c");
  assert_string_equal(p.body.p, "abc");
  ml_http_parse_done(&p);
}

/* A value at every length around the growth of the buffers. */
static void test_any_length(void **state) {
  ml_http_parse p;
  ml_buf raw = {0};
  size_t n, used;

  (void)state;
  ml_http_parse_init(&p, &plenty);
  for (n = 0; n < 4200; n += 1 + n / 40) {
    ml_buf_reset(&raw);
    ml_buf_puts(&raw, "GET / HTTP/1.1\r\nHost: h\r\na: ");
    for (size_t i = 0; i < n; i++)
      ml_buf_putc(&raw, 'v');
    ml_buf_puts(&raw, "\r\n\r\n");
    assert_int_equal(ml_http_parse_feed(&p, raw.p, raw.len, &used),
                     ML_PARSE_HEAD);
    assert_int_equal(ml_http_parse_feed(&p, raw.p, 0, &used), ML_PARSE_DONE);
    assert_int_equal(p.headers[1].value.n, n);
    ml_http_parse_reset(&p);
  }
  ml_buf_free(&raw);
  ml_http_parse_done(&p);
}

/* Every allocation may fail: a 503, and nothing is lost or touched twice. */
static void test_out_of_memory(void **state) {
  static const char raw[] = POST "Transfer-Encoding: chunked\r\na: b\r\n\r\n"
                            "5\r\nhello\r\n0\r\nt: u\r\n\r\n";
  ml_http_parse p;
  ml_http_parse_end e = ML_PARSE_REFUSED;
  size_t used, at;
  uint64_t n;

  (void)state;
  for (n = 1; e != ML_PARSE_DONE; n++) {
    assert_true(n < 100);
    ml_http_parse_init(&p, &plenty);
    ml_mem_fail_at(n, 1);
    at = 0;
    do {
      e = ml_http_parse_feed(&p, raw + at, sizeof raw - 1 - at, &used);
      at += used;
    } while (e == ML_PARSE_HEAD);
    ml_mem_fail_at(0, 0);
    if (e != ML_PARSE_DONE) {
      assert_int_equal(e, ML_PARSE_REFUSED);
      assert_int_equal(p.status, 503);
    }
    ml_http_parse_done(&p);
  }
  assert_true(n > 3);
}

/* Damaged requests: whatever comes, a verdict, no matter how it is cut. */
static void test_noise(void **state) {
  static const char seed[] = CHUNKED "5;a=b\r\nhello\r\n0\r\nx: y\r\n\r\n";
  static const char bytes[] = "\r\n\t \0:;=\"\\%x0A\x80\xff?#";
  char raw[sizeof seed];
  uint64_t rnd = 88172645463325252u;
  ml_http_parse p;
  int i, k;

  (void)state;
  for (i = 0; i < 20000; i++) {
    size_t used, at = 0, at2 = 0, n = sizeof seed - 1;
    ml_http_parse_end one, two = ML_PARSE_MORE;
    int status;

    memcpy(raw, seed, sizeof raw);
    for (k = 0; k < 1 + i % 3; k++) {
      rnd ^= rnd << 13;
      rnd ^= rnd >> 7;
      rnd ^= rnd << 17;
      raw[rnd % n] = bytes[(rnd >> 32) % (sizeof bytes - 1)];
    }
    ml_http_parse_init(&p, &plenty);
    do {
      one = ml_http_parse_feed(&p, raw + at, n - at, &used);
      at += used;
    } while (one == ML_PARSE_HEAD);
    status = p.status;
    ml_http_parse_done(&p);
    ml_http_parse_init(&p, &plenty);
    while (at2 < n && two != ML_PARSE_DONE && two != ML_PARSE_REFUSED) {
      two = ml_http_parse_feed(&p, raw + at2, 1, &used);
      at2 += used;
      if (two == ML_PARSE_HEAD)
        two = ml_http_parse_feed(&p, raw + at2, 0, &used);
    }
    assert_int_equal(one, two);
    assert_int_equal(status, p.status);
    ml_http_parse_done(&p);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_there_are_enough_rows),
    cmocka_unit_test(test_in_one_piece),
    cmocka_unit_test(test_byte_by_byte),
    cmocka_unit_test(test_by_sevens),
    cmocka_unit_test(test_cut_anywhere),
    cmocka_unit_test(test_fields_are_trimmed_and_whole),
    cmocka_unit_test(test_any_length),
    cmocka_unit_test(test_out_of_memory),
    cmocka_unit_test(test_noise)
  };

  return cmocka_run_group_tests_name("http_parse", tests, NULL, NULL);
}
