/*
** test_http_parse.c - raw requests and their verdicts.
**
** Each row is fed whole, byte by byte, and cut at every single place; the
** verdict must be the same.  A verdict is what the parser said, in order:
**   METHOD path[?query] @host #fields 'body' keep|close[ 1.0][ expect]
** for each request, a bare status for a refusal, "..." for "more, please".
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/http_parse.h"

#define LINE 200
#define HEADER_BYTES 400
#define FIELDS 8
#define BODY 100

typedef struct row {
  const char *raw;
  size_t n;
  const char *verdict;
  bool unix_socket;
} row;

#define R(raw, verdict) {raw, sizeof(raw) - 1, verdict, false}
#define U(raw, verdict) {raw, sizeof(raw) - 1, verdict, true}
#define H "Host: h\r\n"
#define GET "GET / HTTP/1.1\r\n" H
#define POST "POST /p HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10
#define X100 X50 X50

static const row rows[] = {
  /* the request line */
  R("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / @h #1 '' keep"),
  R("GET / HTTP/1.0\r\n\r\n", "GET / @- #0 '' close 1.0"),
  R("OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS * @h #1 '' keep"),
  R("GET * HTTP/1.1\r\n" H "\r\n", "400"),
  R("PURGE /x HTTP/1.1\r\n" H "\r\n", "PURGE /x @h #1 '' keep"),
  R("GET /a/b?c=d HTTP/1.1\r\n" H "\r\n", "GET /a/b?c=d @h #1 '' keep"),
  R("GET /a? HTTP/1.1\r\n" H "\r\n", "GET /a? @h #1 '' keep"),
  R("GET /?? HTTP/1.1\r\n" H "\r\n", "GET /?? @h #1 '' keep"),
  R("GET /a%20b HTTP/1.1\r\n" H "\r\n", "GET /a%20b @h #1 '' keep"),
  R("GET /?a[]={b}|^ HTTP/1.1\r\n" H "\r\n", "GET /?a[]={b}|^ @h #1 '' keep"),
  R("\r\nGET / HTTP/1.1\r\n" H "\r\n", "GET / @h #1 '' keep"),
  R("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", "400"),
  R("\nGET / HTTP/1.1\r\n" H "\r\n", "400"),
  R("\r", "..."),
  R("", "..."),
  R("get / HTTP/1.1\r\n" H "\r\n", "400"),
  R("Get / HTTP/1.1\r\n" H "\r\n", "400"),
  R("G-T / HTTP/1.1\r\n" H "\r\n", "400"),
  R(" GET / HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET  / HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET\t/ HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET / HTTP/1.1 \r\n" H "\r\n", "400"),
  R("GET /  HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET /\tHTTP/1.1\r\n" H "\r\n", "400"),
  R("GET HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET /\r\n", "400"),
  R("GET\r\n", "400"),
  R("GET / http/1.1\r\n" H "\r\n", "400"),
  R("GET / HTTP/1.2\r\n" H "\r\n", "505"),
  R("GET / HTTP/2.0\r\n" H "\r\n", "505"),
  R("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"),
  R("GET / HTTP/0.9\r\n\r\n", "505"),
  R("GET / HTTP/1.10\r\n" H "\r\n", "400"),
  R("GET / HTTP/11\r\n" H "\r\n", "400"),
  R("GET / HTTQ/1.1\r\n" H "\r\n", "400"),
  R("GET / HTTP/1.1\n" H "\r\n", "400"),
  R("GET / HTTP/1.1\rX" H "\r\n", "400"),
  R("GET /a b HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET /a\0b HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET /\x7f HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET /a#b HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET /<a> HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET /\"a\" HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET /a\\b HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET /% HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET /%4 HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET /%zz HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET /?%4g HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET a HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET ?a HTTP/1.1\r\n" H "\r\n", "400"),
  R("CONNECT h:443 HTTP/1.1\r\n" H "\r\n", "501"),
  R("GET /" X100 X50 X10 X10 X10 "1234 HTTP/1.1\r\n" H "\r\n",
    "GET /" X100 X50 X10 X10 X10 "1234 @h #1 '' keep"),
  R("GET /" X100 X50 X10 X10 X10 "12345 HTTP/1.1\r\n" H "\r\n", "414"),
  R("GET /" X100 X100 X100, "414"),
  R("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n", "400"),
  R("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRST"
    "UVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOP"
    "QRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKL",
    "400"),
  R("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\n" H "\r\n",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / @h #1 '' keep"),

  /* absolute-form */
  R("GET http://h/a?b HTTP/1.1\r\n" H "\r\n", "GET /a?b @h #1 '' keep"),
  R("GET HTTP://H/ HTTP/1.1\r\n" H "\r\n", "GET / @h #1 '' keep"),
  R("GET https://h/ HTTP/1.1\r\n" H "\r\n", "GET / @h #1 '' keep"),
  R("GET http://h HTTP/1.1\r\n" H "\r\n", "GET / @h #1 '' keep"),
  R("GET http://h?x HTTP/1.1\r\n" H "\r\n", "GET /?x @h #1 '' keep"),
  R("GET http://h:80/ HTTP/1.1\r\nHost: h:80\r\n\r\n",
    "GET / @h:80 #1 '' keep"),
  R("GET http://h:80/ HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET http://other/ HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET http://a@h/ HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET http:///a HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET http:// HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET ftp://h/ HTTP/1.1\r\n" H "\r\n", "400"),
  R("GET http://h/ HTTP/1.1\r\n\r\n", "400"),
  R("GET http://h:81/ HTTP/1.0\r\n\r\n", "GET / @h:81 #0 '' close 1.0"),
  R("GET http://h;x/ HTTP/1.0\r\n\r\n", "400"),

  /* Host */
  R("GET / HTTP/1.1\r\n\r\n", "400"),
  R("GET / HTTP/1.1\r\n" H H "\r\n", "400"),
  R("GET / HTTP/1.1\r\n" H "hOST: h\r\n\r\n", "400"),
  R("GET / HTTP/1.1\r\nHost:\r\n\r\n", "400"),
  R("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "400"),
  R("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"),
  R("GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", "400"),
  R("GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", "400"),
  R("GET / HTTP/1.1\r\nHost: :80\r\n\r\n", "400"),
  R("GET / HTTP/1.1\r\nHost: h:80x\r\n\r\n", "400"),
  R("GET / HTTP/1.1\r\nHost: h:65536\r\n\r\n", "400"),
  R("GET / HTTP/1.1\r\nHost: h:\r\n\r\n", "GET / @h: #1 '' keep"),
  R("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET / @[::1]:80 #1 '' keep"),
  R("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400"),
  R("GET / HTTP/1.1\r\nHost: [x]\r\n\r\n", "400"),
  R("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "400"),
  R("GET / HTTP/1.1\r\nHost: a.example-x_1:8080\r\n\r\n",
    "GET / @a.example-x_1:8080 #1 '' keep"),
  U("GET / HTTP/1.1\r\n\r\n", "GET / @- #0 '' keep"),
  U("GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / @- #1 '' keep"),
  U("GET / HTTP/1.1\r\n" H H "\r\n", "400"),

  /* field lines */
  R(GET "a: b\r\n\r\n", "GET / @h #2 '' keep"),
  R(GET "a:b\r\n\r\n", "GET / @h #2 '' keep"),
  R(GET "a:\r\n\r\n", "GET / @h #2 '' keep"),
  R(GET "a:  \t \r\n\r\n", "GET / @h #2 '' keep"),
  R(GET "a: b \t\r\n\r\n", "GET / @h #2 '' keep"),
  R(GET "a: b\tc\r\n\r\n", "GET / @h #2 '' keep"),
  R(GET "a: \xff\xe3\x81\r\n\r\n", "GET / @h #2 '' keep"),
  R(GET "!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n", "GET / @h #2 '' keep"),
  R(GET "a : b\r\n\r\n", "400"),
  R(GET "a\t: b\r\n\r\n", "400"),
  R(GET ": b\r\n\r\n", "400"),
  R(GET "a\r\n\r\n", "400"),
  R(GET "a b: c\r\n\r\n", "400"),
  R(GET "a(b): c\r\n\r\n", "400"),
  R(GET "\xc3\xa9: c\r\n\r\n", "400"),
  R(GET "a\0: c\r\n\r\n", "400"),
  R(GET "a: b\r\n c\r\n\r\n", "400"),
  R(GET "a: b\r\n\tc\r\n\r\n", "400"),
  R(GET "a: b\r\n \r\n\r\n", "400"),
  R("GET / HTTP/1.1\r\n " H "\r\n", "400"),
  R(GET "a: b\0c\r\n\r\n", "400"),
  R(GET "a: b\x01\r\n\r\n", "400"),
  R(GET "a: b\x7f\r\n\r\n", "400"),
  R(GET "a: b\n\r\n", "400"),
  R(GET "a: b\rc\r\n\r\n", "400"),
  R(GET "a: b\r\r\n\r\n", "400"),
  R(GET "\n", "400"),
  R(GET "\rx", "400"),
  R(GET "a: b\r\n", "..."),
  R(GET "1: \r\n2: \r\n3: \r\n4: \r\n5: \r\n6: \r\n7: \r\n\r\n",
    "GET / @h #8 '' keep"),
  R(GET "1: \r\n2: \r\n3: \r\n4: \r\n5: \r\n6: \r\n7: \r\n8: \r\n\r\n", "431"),
  R(GET "a: " X100 X100 X100 X50 X10 X10 "12345678901234\r\n\r\n",
    "GET / @h #2 '' keep"),
  R(GET "a: " X100 X100 X100 X50 X10 X10 "123456789012345\r\n\r\n", "431"),
  R(GET X100 X100 X100 X100, "431"),
  R(GET "Content-Type: a\r\nContent-Type: a\r\n\r\n", "400"),
  R(GET "Authorization: a\r\nauthorization: b\r\n\r\n", "400"),
  R(GET "Idempotency-Key: a\r\nIdempotency-Key: a\r\n\r\n", "400"),
  R(GET "If-Match: a\r\nIf-Match: b\r\n\r\n", "400"),
  R(GET "Origin: a\r\nOrigin: b\r\n\r\n", "400"),
  R(GET "Accept: a\r\nAccept: b\r\n\r\n", "GET / @h #3 '' keep"),

  /* keep-alive */
  R(GET "Connection: close\r\n\r\n", "GET / @h #2 '' close"),
  R(GET "Connection: CLOSE\r\n\r\n", "GET / @h #2 '' close"),
  R(GET "Connection: keep-alive\r\n\r\n", "GET / @h #2 '' keep"),
  R(GET "Connection: x, close ,y\r\n\r\n", "GET / @h #2 '' close"),
  R(GET "Connection: keep-alive\r\nConnection: close\r\n\r\n",
    "GET / @h #3 '' close"),
  R(GET "Connection: closed\r\n\r\n", "GET / @h #2 '' keep"),
  R("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET / @- #1 '' keep 1.0"),
  R("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
    "GET / @- #1 '' close 1.0"),

  /* Content-Length */
  R(POST "Content-Length: 5\r\n\r\nhello", "POST /p @h #2 'hello' keep"),
  R(POST "Content-Length: 5\r\n\r\nhell", "..."),
  R(POST "Content-Length: 0\r\n\r\n", "POST /p @h #2 '' keep"),
  R(POST "\r\n", "POST /p @h #1 '' keep"),
  R(POST "Content-Length: 005\r\n\r\nhello", "POST /p @h #2 'hello' keep"),
  R(POST "Content-Length: 100\r\n\r\n" X100, "POST /p @h #2 '" X100 "' keep"),
  R(POST "Content-Length: 101\r\n\r\n", "413"),
  R(POST "Content-Length: 18446744073709551616\r\n\r\n", "413"),
  R(POST "Content-Length: 18446744073709551621\r\n\r\nhello", "413"),
  R(POST "Content-Length: 99999999999999999999999999999\r\n\r\n", "413"),
  R(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "400"),
  R(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400"),
  R(POST "Content-Length: 5, 5\r\n\r\nhello", "400"),
  R(POST "Content-Length: +5\r\n\r\nhello", "400"),
  R(POST "Content-Length: -5\r\n\r\nhello", "400"),
  R(POST "Content-Length: 0x5\r\n\r\nhello", "400"),
  R(POST "Content-Length: 5 \r\n\r\nhello", "POST /p @h #2 'hello' keep"),
  R(POST "Content-Length: 5 5\r\n\r\nhello", "400"),
  R(POST "Content-Length: 5.0\r\n\r\nhello", "400"),
  R(POST "Content-Length:\r\n\r\n", "400"),
  R(POST "Content-Length: \"5\"\r\n\r\nhello", "400"),
  R("GET / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab",
    "GET / @- #1 'ab' close 1.0"),

  /* Transfer-Encoding */
  R(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "400"),
  R(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
  R(POST "Transfer-Encoding: identity\r\n\r\n", "400"),
  R(POST "Transfer-Encoding: gzip\r\n\r\n", "400"),
  R(POST "Transfer-Encoding: gzip, chunked\r\n\r\n", "400"),
  R(POST "Transfer-Encoding: chunked, chunked\r\n\r\n", "400"),
  R(POST "Transfer-Encoding: chunked,\r\n\r\n", "400"),
  R(POST "Transfer-Encoding: xchunked\r\n\r\n", "400"),
  R(POST "Transfer-Encoding: chunked;x\r\n\r\n", "400"),
  R(POST "Transfer-Encoding:\r\n\r\n", "400"),
  R(POST "Transfer-Encoding: \x0b" "chunked\r\n\r\n", "400"),
  R(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "400"),
  R(POST "transfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n",
    "POST /p @h #2 '' keep"),
  R("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),

  /* chunks */
  R(CHUNKED "0\r\n\r\n", "POST /p @h #2 '' keep"),
  R(CHUNKED "5\r\nhello\r\n0\r\n\r\n", "POST /p @h #2 'hello' keep"),
  R(CHUNKED "1\r\na\r\n2\r\nbc\r\n000\r\n\r\n", "POST /p @h #2 'abc' keep"),
  R(CHUNKED "0000000000000005\r\nhello\r\n0\r\n\r\n",
    "POST /p @h #2 'hello' keep"),
  R(CHUNKED "00000000000000005\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "A\r\n" X10 "\r\n0\r\n\r\n", "POST /p @h #2 '" X10 "' keep"),
  R(CHUNKED "a\r\n" X10 "\r\n0\r\n\r\n", "POST /p @h #2 '" X10 "' keep"),
  R(CHUNKED "64\r\n" X100 "\r\n0\r\n\r\n", "POST /p @h #2 '" X100 "' keep"),
  R(CHUNKED "65\r\n", "413"),
  R(CHUNKED "64\r\n" X100 "\r\n1\r\n", "413"),
  R(CHUNKED "ffffffffffffffff\r\n", "413"),
  R(CHUNKED "10000000000000005\r\nhello\r\n", "413"),
  R(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "+5\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "-5\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED " 5\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5 \r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5\r\rhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "\r\n", "400"),
  R(CHUNKED "g\r\n", "400"),
  R(CHUNKED "5\r\nhello0\r\n\r\n", "400"),
  R(CHUNKED "5\r\nhello\n0\r\n\r\n", "400"),
  R(CHUNKED "5\r\nhello\rx0\r\n\r\n", "400"),
  R(CHUNKED "4\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5\r\nhell", "..."),
  R(CHUNKED "5\r\nhello\r\n0\r\n", "..."),
  R(CHUNKED "0\r\n\r", "..."),
  R(CHUNKED "0\n\r\n", "400"),
  R(CHUNKED "0\r\n\n", "400"),
  R(CHUNKED "5;a=b;c=\"d;\\\"e\"\r\nhello\r\n0;z\r\n\r\n",
    "POST /p @h #2 'hello' keep"),
  R(CHUNKED "5;a b\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5;a=\"\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5;a\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5;a\0\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "1;" X100 X100 X100 X100 X100 "\r\na\r\n1;" X100 X100 X100 X100
    X100 X50 "\r\nb\r\n0\r\n\r\n", "400"),

  /* trailers */
  R(CHUNKED "0\r\na: b\r\n\r\n", "POST /p @h #2 '' keep"),
  R(CHUNKED "1\r\nx\r\n0\r\na: b\r\nc: d\r\n\r\n", "POST /p @h #2 'x' keep"),
  R(CHUNKED "0\r\na : b\r\n\r\n", "400"),
  R(CHUNKED "0\r\n a: b\r\n\r\n", "400"),
  R(CHUNKED "0\r\na: b\n\r\n", "400"),
  R(CHUNKED "0\r\na\r\n\r\n", "400"),
  R(CHUNKED "0\r\nContent-Length: 5\r\n\r\n", "400"),
  R(CHUNKED "0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
  R(CHUNKED "0\r\nHost: x\r\n\r\n", "400"),
  R(CHUNKED "0\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n\r\n", "431"),
  R(CHUNKED "0\r\na: " X100 X100 X100 X100 "\r\n\r\n", "431"),

  /* Expect */
  R(POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\na",
    "POST /p @h #3 'a' keep expect"),
  R(POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\na",
    "POST /p @h #3 'a' keep expect"),
  R(POST "Expect: 200-ok\r\nContent-Length: 1\r\n\r\na", "417"),
  R(POST "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", "400"),
  R("POST / HTTP/1.0\r\nExpect: x\r\n\r\n", "POST / @- #1 '' close 1.0"),

  /* several in a row */
  R(GET "\r\n" POST "Content-Length: 2\r\n\r\nab" GET "\r\n",
    "GET / @h #1 '' keep; POST /p @h #2 'ab' keep; GET / @h #1 '' keep"),
  R(CHUNKED "1\r\na\r\n0\r\nt: u\r\n\r\n" GET "\r\n",
    "POST /p @h #2 'a' keep; GET / @h #1 '' keep"),
  R(POST "Content-Length: 2\r\n\r\nab\r\n" GET "\r\n",
    "POST /p @h #2 'ab' keep; GET / @h #1 '' keep"),
  R(GET "\r\nxx", "GET / @h #1 '' keep; 400"),
  R(GET "\r\nGET / HT", "GET / @h #1 '' keep; ...")
};

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
static void check_in(const row *w, size_t cut, size_t step) {
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

  for (i = 0; i < sizeof rows / sizeof *rows; i++)
    check_in(&rows[i], cut(rows[i].n), step);
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
  assert_true(sizeof rows / sizeof *rows >= 150);
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
  for (i = 0; i < sizeof rows / sizeof *rows; i++)
    for (cut = 1; cut < rows[i].n; cut++)
      check_in(&rows[i], cut, rows[i].n);
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
