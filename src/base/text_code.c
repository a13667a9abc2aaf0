/* text_code.c - bytes in text form: base64, hex, percent, UUID, integers. */
#include "base/text.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

static int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

/* A decoder's end: take back what it wrote when the input was wrong. */
static ml_rc end_decode(ml_buf *b, size_t before, bool good) {
  if (b->bad)
    return ML_NOMEM;
  if (good)
    return ML_OK;
  b->len = before;
  if (b->p != NULL)
    b->p[before] = '\0';
  return ML_INVALID;
}

/* ---- base64 ---- */

static const char alphabet[2][65] = {
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

void ml_text_put_base64(ml_buf *b, ml_str s, bool url) {
  const unsigned char *p = (const unsigned char *)s.p;
  size_t left = s.n;

  while (left > 0) {
    size_t take = left < 3 ? left : 3;
    uint32_t w = (uint32_t)p[0] << 16;
    char out[4];

    if (take > 1)
      w |= (uint32_t)p[1] << 8;
    if (take > 2)
      w |= p[2];
    for (int i = 0; i < 4; i++)
      out[i] = alphabet[url][(w >> (18 - 6 * i)) & 63];
    if (!url)
      memset(out + 1 + take, '=', 3 - take);
    ml_buf_put(b, out, url ? take + 1 : 4);
    p += take;
    left -= take;
  }
}

static int base64_value(char c, bool url) {
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  if (c == alphabet[url][62])
    return 62;
  return c == alphabet[url][63] ? 63 : -1;
}

/* The text without its padding; false when the padding is not right. */
static bool strip_padding(ml_str *s, bool url) {
  if (url)
    return s->n % 4 != 1;
  if (s->n % 4 != 0)
    return false;
  for (int i = 0; i < 2 && s->n > 0 && s->p[s->n - 1] == '='; i++)
    s->n--;
  return true;
}

ml_rc ml_text_base64(ml_buf *out, ml_str s, bool url) {
  size_t before = out->len;
  uint32_t w = 0;
  unsigned bits = 0;

  if (!strip_padding(&s, url))
    return end_decode(out, before, false);
  for (size_t i = 0; i < s.n; i++) {
    int v = base64_value(s.p[i], url);

    if (v < 0)
      return end_decode(out, before, false);
    w = (w << 6 | (uint32_t)v) & 0xFFFF;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      ml_buf_putc(out, (char)(w >> bits));
    }
  }
  /* bits left over are 0, so that a value has one spelling only */
  return end_decode(out, before, (w & ((1u << bits) - 1)) == 0);
}

/* ---- hex ---- */

void ml_text_put_hex(ml_buf *b, const void *p, size_t n) {
  const unsigned char *u = p;

  for (size_t i = 0; i < n; i++) {
    char two[2] = {hex_digits[u[i] >> 4], hex_digits[u[i] & 15]};

    ml_buf_put(b, two, 2);
  }
}

ml_rc ml_text_hex(void *out, size_t n, ml_str s) {
  unsigned char *u = out;

  if (s.n / 2 != n || s.n % 2 != 0)
    return ML_INVALID;
  for (size_t i = 0; i < s.n; i++)
    if (hex_value(s.p[i]) < 0)
      return ML_INVALID;
  for (size_t i = 0; i < n; i++)
    u[i] = (unsigned char)(hex_value(s.p[2 * i]) << 4
                           | hex_value(s.p[2 * i + 1]));
  return ML_OK;
}

/* ---- percent ---- */

static bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
         || c == '~';
}

void ml_text_put_url(ml_buf *b, ml_str s) {
  static const char upper[] = "0123456789ABCDEF";

  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    char three[3] = {'%', upper[c >> 4], upper[c & 15]};

    if (unreserved(s.p[i]))
      ml_buf_putc(b, s.p[i]);
    else
      ml_buf_put(b, three, 3);
  }
}

ml_rc ml_text_unurl(ml_buf *b, ml_str s, bool form) {
  size_t before = b->len;

  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i];

    if (c == '%') {
      int hi = i + 2 < s.n ? hex_value(s.p[i + 1]) : -1;
      int lo = i + 2 < s.n ? hex_value(s.p[i + 2]) : -1;

      if (hi < 0 || lo < 0)
        return end_decode(b, before, false);
      c = (char)(hi << 4 | lo);
      i += 2;
    } else if (c == '+' && form) {
      c = ' ';
    }
    ml_buf_putc(b, c);
  }
  return end_decode(b, before, true);
}

/* ---- UUID ---- */

static bool dash_before(int byte) {
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void ml_text_put_uuid(ml_buf *b, const uint8_t id[16]) {
  char out[36];
  int n = 0;

  for (int i = 0; i < 16; i++) {
    if (dash_before(i))
      out[n++] = '-';
    out[n++] = hex_digits[id[i] >> 4];
    out[n++] = hex_digits[id[i] & 15];
  }
  ml_buf_put(b, out, sizeof out);
}

bool ml_text_uuid(ml_str s, uint8_t id[16]) {
  uint8_t got[16];
  const char *p = s.p;

  if (s.n != 36)
    return false;
  for (int i = 0; i < 16; i++) {
    int hi, lo;

    if (dash_before(i) && *p++ != '-')
      return false;
    hi = hex_value(*p++);
    lo = hex_value(*p++);
    if (hi < 0 || lo < 0)
      return false;
    got[i] = (uint8_t)(hi << 4 | lo);
  }
  memcpy(id, got, sizeof got);
  return true;
}

/* ---- integers ---- */

bool ml_text_int(ml_str s, int64_t *out) {
  bool neg = s.n > 0 && s.p[0] == '-';
  uint64_t most = (uint64_t)INT64_MAX + neg, v = 0;

  if (s.n == (size_t)neg)
    return false;
  for (size_t i = neg; i < s.n; i++) {
    unsigned d = (unsigned)(s.p[i] - '0');

    if (s.p[i] < '0' || s.p[i] > '9' || v > (most - d) / 10)
      return false;
    v = v * 10 + d;
  }
  *out = neg ? (int64_t)(0 - v) : (int64_t)v;
  return true;
}

bool ml_text_size(ml_str s, int64_t *out) {
  static const char units[] = "KMG";
  unsigned shift = 0;
  const char *u;

  if (s.n > 3 && memcmp(s.p + s.n - 2, "iB", 2) == 0) {
    u = memchr(units, s.p[s.n - 3], sizeof units - 1);
    if (u == NULL)
      return false;
    shift = 10 * (unsigned)(u - units + 1);
    s.n -= 3;
  }
  if (!ml_text_int(s, out) || *out < 0 || *out > INT64_MAX >> shift)
    return false;
  *out <<= shift;
  return true;
}
