/* pack.c - variable-length numbers and texts, read with suspicion. */
#include "base/pack.h"

#include <string.h>

ml_str ml_str_of(const char *s) {
  return s != NULL ? (ml_str){s, strlen(s)} : ML_NOSTR;
}

bool ml_str_eq(ml_str a, ml_str b) {
  if (a.p == NULL || b.p == NULL)
    return a.p == NULL && b.p == NULL;
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool ml_str_is(ml_str a, const char *s) {
  return ml_str_eq(a, ml_str_of(s));
}

void ml_pack_u64(ml_buf *b, uint64_t v) {
  char out[10];
  size_t n = 0;

  if (v < 0x80) {
    ml_buf_putc(b, (char)v);
    return;
  }
  do {
    out[n++] = (char)((v & 0x7F) | (v > 0x7F ? 0x80 : 0));
    v >>= 7;
  } while (v != 0);
  ml_buf_put(b, out, n);
}

void ml_pack_i64(ml_buf *b, int64_t v) {
  ml_pack_u64(b, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

void ml_pack_bool(ml_buf *b, bool v) {
  ml_buf_putc(b, v ? 1 : 0);
}

/* A length one higher than it is, so that 0 can mean "none". */
void ml_pack_str(ml_buf *b, ml_str s) {
  if (s.p == NULL) {
    ml_pack_u64(b, 0);
    return;
  }
  ml_pack_u64(b, (uint64_t)s.n + 1);
  ml_buf_put(b, s.p, s.n);
}

ml_unpack ml_unpack_of(const void *p, size_t n) {
  const char *s = p != NULL ? p : "";

  return (ml_unpack){s, p != NULL ? s + n : s, false};
}

uint64_t ml_unpack_u64(ml_unpack *r) {
  uint64_t v = 0;
  unsigned shift = 0;

  while (!r->bad) {
    unsigned char c;

    if (r->p == r->end || shift > 63)
      break;
    c = (unsigned char)*r->p++;
    if (shift == 63 && c > 1)
      break;
    v |= (uint64_t)(c & 0x7F) << shift;
    if ((c & 0x80) == 0)
      return v;
    shift += 7;
  }
  r->bad = true;
  return 0;
}

uint32_t ml_unpack_u32(ml_unpack *r, uint32_t max) {
  uint64_t v = ml_unpack_u64(r);

  if (v > max) {
    r->bad = true;
    return 0;
  }
  return (uint32_t)v;
}

int64_t ml_unpack_i64(ml_unpack *r) {
  uint64_t v = ml_unpack_u64(r);

  return (int64_t)((v >> 1) ^ (~(v & 1) + 1));
}

bool ml_unpack_bool(ml_unpack *r) {
  return ml_unpack_u32(r, 1) != 0;
}

ml_str ml_unpack_str(ml_unpack *r) {
  uint64_t n = ml_unpack_u64(r);
  ml_str s = ML_NOSTR;

  if (r->bad || n == 0)
    return s;
  if (n - 1 > (uint64_t)(r->end - r->p)) {
    r->bad = true;
    return s;
  }
  s = (ml_str){r->p, (size_t)(n - 1)};
  r->p += n - 1;
  return s;
}

bool ml_unpack_end(const ml_unpack *r) {
  return !r->bad && r->p == r->end;
}
