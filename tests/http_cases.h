/*
** http_cases.h - raw requests and what must come of them, under small limits.
** For the parser alone (test_http_parse.c) and for a server on sockets
** (check_http.c).
**
** A verdict, in order:
**   METHOD path[?query] @host #fields 'body' keep|close[ 1.0][ expect]
** for each request, a bare status for a refusal, "..." for "more, please".
*/
#ifndef TESTS_HTTP_CASES_H
#define TESTS_HTTP_CASES_H

#include <stdbool.h>
#include <stddef.h>

#define LINE 200
#define HEADER_BYTES 400
#define FIELDS 8
#define BODY 100

typedef struct http_case {
  const char *raw;
  size_t n;
  const char *verdict;
  bool unix_socket;
} http_case;

#define R(raw, verdict) {raw, sizeof(raw) - 1, verdict, false}
#define U(raw, verdict) {raw, sizeof(raw) - 1, verdict, true}
#define H "Host: h\r\n"
#define GET "GET / HTTP/1.1\r\n" H
#define POST "POST /p HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10
#define X100 X50 X50

static const http_case http_cases[] = {
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
  R(CHUNKED "5;a;b=c;d=\"\";e\r\nhello\r\n0\r\n\r\n",
    "POST /p @h #2 'hello' keep"),
  R(CHUNKED "5;\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5;;a\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5;a;\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5;=b\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5;a=\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5;a==b\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5;a=b=c\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5;a=b\"c\"\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5;a=\"b\"c\r\nhello\r\n0\r\n\r\n", "400"),
  R(CHUNKED "5;\"a\"\r\nhello\r\n0\r\n\r\n", "400"),
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

enum { HTTP_CASES = sizeof http_cases / sizeof *http_cases };

#endif
