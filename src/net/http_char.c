/* http_char.c - the table of bytes. */
#include "net/http_char.h"

#include <string.h>
#include <strings.h>

#define TOKEN ML_HTTP_TOKEN
#define TARGET ML_HTTP_TARGET
#define VALUE ML_HTTP_VALUE
#define ALL (TOKEN | TARGET | VALUE | ML_HTTP_HOST)

const uint8_t ml_http_chars[256] = {
  ['\t'] = VALUE,
  [' '] = VALUE,
  ['!'] = TOKEN | TARGET | VALUE,
  ['"'] = VALUE,
  ['#'] = TOKEN | VALUE,
  ['$' ... '\''] = TOKEN | TARGET | VALUE,
  ['(' ... ')'] = TARGET | VALUE,
  ['*' ... '+'] = TOKEN | TARGET | VALUE,
  [','] = TARGET | VALUE,
  ['-' ... '.'] = ALL,
  ['/'] = TARGET | VALUE,
  ['0' ... '9'] = ALL,
  [':' ... ';'] = TARGET | VALUE,
  ['<'] = VALUE,
  ['='] = TARGET | VALUE,
  ['>'] = VALUE,
  ['?' ... '@'] = TARGET | VALUE,
  ['A' ... 'Z'] = ALL,
  ['['] = TARGET | VALUE,
  ['\\'] = VALUE,
  [']'] = TARGET | VALUE,
  ['^'] = TOKEN | TARGET | VALUE,
  ['_'] = ALL,
  ['`'] = TOKEN | VALUE,
  ['a' ... 'z'] = ALL,
  ['{'] = TARGET | VALUE,
  ['|'] = TOKEN | TARGET | VALUE,
  ['}'] = TARGET | VALUE,
  ['~'] = ALL,
  [0x80 ... 0xff] = VALUE
};

size_t ml_http_char_span(const char *at, const char *end, ml_http_char kind) {
  const char *p = at;

  while (p < end && ml_http_char_is(*p, kind))
    p++;
  return (size_t)(p - at);
}

int ml_http_char_hex(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

bool ml_http_is_token(ml_str s) {
  return s.n > 0 && ml_http_char_span(s.p, s.p + s.n, TOKEN) == s.n;
}

bool ml_http_is_value(ml_str s) {
  return s.n == 0 || ml_http_char_span(s.p, s.p + s.n, VALUE) == s.n;
}

bool ml_http_is_same(ml_str s, const char *lit) {
  return strlen(lit) == s.n && strncasecmp(s.p, lit, s.n) == 0;
}
