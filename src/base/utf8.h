/*
** utf8.h - one step over UTF-8, for those that walk bytes.
**
** Well-formed as the Unicode standard has it (table 3-7): no overlong
** forms, no surrogates, nothing above U+10FFFF.
*/
#ifndef ML_BASE_UTF8_H
#define ML_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Eight bytes at once, as a number; and the marks (0x80) of those of them that
** are below 0x20 or no ASCII, or are the byte c.  A mark may be wrong only
** behind another. */
static inline uint64_t ml_utf8_word(const char *p) {
  uint64_t x;

  memcpy(&x, p, sizeof x);
  return x;
}
#define ML_UTF8_EACH(c) (UINT64_C(0x0101010101010101) * (c))
#define ML_UTF8_ODD(x) \
  ((((x) - ML_UTF8_EACH(0x20)) | (x)) & ML_UTF8_EACH(0x80))
#define ML_UTF8_IS(x, c) \
  ((((x) ^ ML_UTF8_EACH(c)) - ML_UTF8_EACH(1)) & ~((x) ^ ML_UTF8_EACH(c)) & \
   ML_UTF8_EACH(0x80))

/* Past all that JSON writes in a text as it is, and is ASCII: eight by eight,
** so at most seven of them may be left. */
static inline const char *ml_utf8_skip(const char *p, const char *end) {
  while (end - p >= 8) {
    uint64_t x = ml_utf8_word(p);

    if ((ML_UTF8_ODD(x) | ML_UTF8_IS(x, '"') | ML_UTF8_IS(x, '\\')) != 0)
      break;
    p += 8;
  }
  return p;
}

/* Bytes of the character at p (1 to 4), or 0 when it is not well-formed or
** cut off by `end`.  p < end. */
static inline size_t ml_utf8_step(const char *p, const char *end) {
  const unsigned char *u = (const unsigned char *)p;
  size_t have = (size_t)(end - p);

  if (u[0] < 0x80)
    return 1;
  if (u[0] < 0xC2 || u[0] > 0xF4 || have < 2 || (u[1] & 0xC0) != 0x80)
    return 0;
  if (u[0] < 0xE0)
    return 2;
  if (have < 3 || (u[2] & 0xC0) != 0x80)
    return 0;
  if (u[0] < 0xF0) {
    if ((u[0] == 0xE0 && u[1] < 0xA0) || (u[0] == 0xED && u[1] > 0x9F))
      return 0;
    return 3;
  }
  if (have < 4 || (u[3] & 0xC0) != 0x80)
    return 0;
  if ((u[0] == 0xF0 && u[1] < 0x90) || (u[0] == 0xF4 && u[1] > 0x8F))
    return 0;
  return 4;
}

/* The code point of the well-formed character of n bytes at p. */
static inline uint32_t ml_utf8_point(const char *p, size_t n) {
  const unsigned char *u = (const unsigned char *)p;

  switch (n) {
  case 1:
    return u[0];
  case 2:
    return ((uint32_t)(u[0] & 0x1F) << 6) | (u[1] & 0x3Fu);
  case 3:
    return ((uint32_t)(u[0] & 0x0F) << 12) | ((uint32_t)(u[1] & 0x3F) << 6)
           | (u[2] & 0x3Fu);
  default:
    return ((uint32_t)(u[0] & 0x07) << 18) | ((uint32_t)(u[1] & 0x3F) << 12)
           | ((uint32_t)(u[2] & 0x3F) << 6) | (u[3] & 0x3Fu);
  }
}

/* Write the character `c` (no surrogate, at most U+10FFFF); its bytes. */
static inline size_t ml_utf8_write(char out[4], uint32_t c) {
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    out[0] = (char)(0xC0 | (c >> 6));
    out[1] = (char)(0x80 | (c & 0x3F));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = (char)(0xE0 | (c >> 12));
    out[1] = (char)(0x80 | ((c >> 6) & 0x3F));
    out[2] = (char)(0x80 | (c & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | (c >> 18));
  out[1] = (char)(0x80 | ((c >> 12) & 0x3F));
  out[2] = (char)(0x80 | ((c >> 6) & 0x3F));
  out[3] = (char)(0x80 | (c & 0x3F));
  return 4;
}

#endif
