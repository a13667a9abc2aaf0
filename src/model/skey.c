/* skey.c - classes of values, and how two of them stand to each other. */
#include "model/skey.h"

#include <string.h>

#include "base/text.h"

/* Numbers share a place: 2 equals 2.0. */
static int place(ml_skeyc c) {
  return c == ML_SKEY_REAL ? ML_SKEY_INT : (int)c;
}

static int cmp_int(int64_t a, int64_t b) {
  return a < b ? -1 : a > b;
}

/* Exact: a double of 2^53 and more has no fraction, one below it fits. */
static int cmp_int_real(int64_t i, double d) {
  double whole;
  int64_t t;

  if (d >= 9223372036854775808.0)
    return -1;
  if (d < -9223372036854775808.0)
    return 1;
  t = (int64_t)d;                /* towards zero */
  if (i != t)
    return i < t ? -1 : 1;
  whole = (double)t;
  return whole < d ? -1 : whole > d;
}

static int cmp_bytes(ml_str a, ml_str b) {
  size_t n = a.n < b.n ? a.n : b.n;
  int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

  if (c != 0)
    return c < 0 ? -1 : 1;
  return a.n < b.n ? -1 : a.n > b.n;
}

int ml_skey_cmp(const ml_skey *a, const ml_skey *b) {
  if (place(a->cls) != place(b->cls))
    return place(a->cls) < place(b->cls) ? -1 : 1;
  switch (a->cls) {
  case ML_SKEY_INT:
    return b->cls == ML_SKEY_INT ? cmp_int(a->i, b->i)
                                 : cmp_int_real(a->i, b->d);
  case ML_SKEY_REAL:
    if (b->cls == ML_SKEY_INT)
      return -cmp_int_real(b->i, a->d);
    return a->d < b->d ? -1 : a->d > b->d;
  case ML_SKEY_TEXT: case ML_SKEY_DECIMAL:
    return cmp_bytes(a->s, b->s);
  default:
    return 0;
  }
}

bool ml_skey_alike(const ml_skey *a, const ml_skey *b) {
  return place(a->cls) == place(b->cls);
}

/* ---- decimals ---- */

/*
** 0.DDD * 10^E as bytes in the order of the values: a sign ('a' below zero, 'b'
** zero, 'c' above), E + 128, the digits without zeros at either end.  Below
** zero everything is turned round, and a byte behind the digits lets the
** shorter one come last.  At most 64 digits, so E fits its byte.
*/
static bool decimal_key(ml_arena *a, ml_str s, ml_skey *out) {
  bool below = s.n > 0 && s.p[0] == '-', point = false;
  char *k = ml_arena_alloc(a, s.n + 4);
  size_t n = 2, end = 2;
  int e = 0;

  if (k == NULL)
    return false;
  for (size_t i = below; i < s.n; i++) {
    if (s.p[i] == '.') {
      point = true;
      continue;
    }
    if (n == 2 && s.p[i] == '0') {         /* before the first digit */
      e -= point;
      continue;
    }
    e += !point;
    k[n++] = below ? (char)('0' + '9' - s.p[i]) : s.p[i];
    if (s.p[i] != '0')
      end = n;
  }
  k[0] = n == 2 ? 'b' : below ? 'a' : 'c';
  k[1] = (char)(below ? 127 - e : 128 + e);
  if (below)
    k[end++] = 0x7f;
  *out = (ml_skey){.cls = ML_SKEY_DECIMAL, .s = {k, n == 2 ? 1 : end}};
  return true;
}

/* ---- making ---- */

static bool text_key(ml_arena *a, ml_ftype type, const ml_jread *r,
                     ml_skey *out) {
  ml_str s = r->str;

  if (type == ML_F_DECIMAL)
    return decimal_key(a, s, out);
  if (type == ML_F_DATETIME_ISO) {         /* as texts, ".5Z" is before "Z" */
    *out = (ml_skey){.cls = ML_SKEY_INT};
    if (ml_text_moment(s, &out->i, NULL) != ML_OK)
      *out = ML_SKEY_NONE;
    return true;
  }
  if (s.p < r->s || s.p >= r->end) {       /* decoded: lives until the next one */
    s.p = ml_arena_dup(a, s.p, s.n);
    if (s.p == NULL)
      return false;
  }
  *out = (ml_skey){.cls = ML_SKEY_TEXT, .s = s};
  return true;
}

bool ml_skey_of_token(ml_arena *a, ml_ftype type, const ml_jread *r,
                      ml_jtok tok, ml_skey *out) {
  *out = ML_SKEY_NONE;
  switch (tok) {
  case ML_JT_STR:
    return r->str.n == 0 || text_key(a, type, r, out);
  case ML_JT_INT:
    *out = (ml_skey){.cls = ML_SKEY_INT, .i = r->i};
    return true;
  case ML_JT_REAL:
    *out = (ml_skey){.cls = ML_SKEY_REAL, .d = r->d};
    return true;
  case ML_JT_TRUE: case ML_JT_FALSE:
    *out = (ml_skey){.cls = ML_SKEY_INT, .i = tok == ML_JT_TRUE};
    return true;
  default:
    return true;
  }
}

bool ml_skey_of_json(ml_arena *a, ml_ftype type, ml_str json, ml_skey *out) {
  ml_jread r;
  ml_jtok tok;
  bool ok;

  ml_jread_init(&r, json.p, json.n, NULL);
  tok = ml_jread_next(&r);
  ok = tok != ML_JT_ERROR && ml_skey_of_token(a, type, &r, tok, out);
  ml_jread_done(&r);
  return ok;
}

ml_skey ml_skey_cut(ml_skey k) {
  if (k.cls == ML_SKEY_TEXT && k.s.n > ML_SKEY_TEXT_MAX)
    k.s.n = ML_SKEY_TEXT_MAX;
  return k;
}

/* ---- bytes ---- */

void ml_skey_pack(ml_buf *b, const ml_skey *k) {
  uint64_t bits;

  ml_pack_u64(b, k->cls);
  if (k->cls == ML_SKEY_INT) {
    ml_pack_i64(b, k->i);
  } else if (k->cls == ML_SKEY_REAL) {
    memcpy(&bits, &k->d, sizeof bits);
    ml_pack_u64(b, bits);
  } else if (k->cls != ML_SKEY_EMPTY) {
    ml_pack_str(b, k->s);
  }
}

bool ml_skey_unpack(ml_unpack *u, ml_skey *k) {
  uint64_t bits;

  *k = (ml_skey){.cls = (ml_skeyc)ml_unpack_u32(u, ML_SKEY_CLASSES - 1)};
  if (k->cls == ML_SKEY_INT) {
    k->i = ml_unpack_i64(u);
  } else if (k->cls == ML_SKEY_REAL) {
    bits = ml_unpack_u64(u);
    memcpy(&k->d, &bits, sizeof k->d);
    if (k->d != k->d)
      u->bad = true;             /* no number: nothing is before or behind it */
  } else if (k->cls != ML_SKEY_EMPTY) {
    k->s = ml_unpack_str(u);
    u->bad = u->bad || k->s.p == NULL || k->s.n > 2 * ML_SKEY_TEXT_MAX;
  }
  return !u->bad;
}
