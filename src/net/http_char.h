/*
** http_char.h - which bytes may stand where in HTTP.
*/
#ifndef ML_NET_HTTP_CHAR_H
#define ML_NET_HTTP_CHAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pack.h"

typedef enum ml_http_char {
  ML_HTTP_TOKEN = 1,   /* RFC 9110 tchar */
  ML_HTTP_TARGET = 2,  /* RFC 3986, and what browsers leave: [ ] { } | ^ */
  ML_HTTP_VALUE = 4,   /* visible, blank, tab, above 0x7f */
  ML_HTTP_HOST = 8     /* a name or an IPv4 address */
} ml_http_char;

extern const uint8_t ml_http_chars[256];   /* the classes of each byte */

static inline bool ml_http_char_is(char c, ml_http_char kind) {
  return (ml_http_chars[(unsigned char)c] & kind) != 0;
}

/* How many bytes from `at` on are of one kind. */
size_t ml_http_char_span(const char *at, const char *end, ml_http_char kind);

int ml_http_char_hex(char c);              /* 0 to 15; -1: no hex digit */

/* The whole text?  A token has at least one byte, a value may be empty. */
bool ml_http_is_token(ml_str s);
bool ml_http_is_value(ml_str s);
bool ml_http_is_same(ml_str s, const char *lit);   /* but for case */

#endif
