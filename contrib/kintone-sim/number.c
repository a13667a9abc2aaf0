/* number.c - decimal numbers, exact, as text. */
#include "number.h"

#include <string.h>

#define DIGITS_MAX 100

/* A number taken apart: 0.d1d2d3... * 10^point, d1..dn its digits. */
typedef struct Parts {
  bool negative;
  char digit[DIGITS_MAX];
  int n, point;
} Parts;

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static ml_str trim(ml_str s) {
  while (s.n > 0 && memchr(" \t\r\n", s.p[0], 4) != NULL) {
    s.p++;
    s.n--;
  }
  while (s.n > 0 && memchr(" \t\r\n", s.p[s.n - 1], 4) != NULL)
    s.n--;
  return s;
}

/* "e12", "E-3" up to `end`, or nothing. */
static bool read_exponent(const char *s, const char *end, int *out) {
  bool negative = false;
  int e = 0;

  *out = 0;
  if (s == end)
    return true;
  if (*s != 'e' && *s != 'E')
    return false;
  s++;
  if (s < end && (*s == '+' || *s == '-'))
    negative = *s++ == '-';
  if (s == end)
    return false;
  for (; s < end; s++) {
    if (!is_digit(*s) || e > DIGITS_MAX)
      return false;
    e = e * 10 + (*s - '0');
  }
  *out = negative ? -e : e;
  return true;
}

static bool take_apart(ml_str text, Parts *p) {
  ml_str s = trim(text);
  const char *c = s.p, *end = s.p + s.n;
  bool any = false, after_point = false;
  int e;

  memset(p, 0, sizeof *p);
  if (c < end && (*c == '-' || *c == '+'))
    p->negative = *c++ == '-';
  for (; c < end && (is_digit(*c) || *c == '.'); c++) {
    if (*c == '.') {
      if (after_point)
        return false;
      after_point = true;
      continue;
    }
    any = true;
    if (p->n == DIGITS_MAX)
      return false;
    p->digit[p->n++] = *c;
    if (!after_point)
      p->point++;
  }
  if (!any || !read_exponent(c, end, &e))
    return false;
  p->point += e;
  return p->point <= DIGITS_MAX && p->point >= -DIGITS_MAX;
}

/* Drop zeros in front of the first digit that counts. */
static void drop_zeros(Parts *p) {
  int skip = 0;

  while (skip < p->n - 1 && p->digit[skip] == '0' && p->point - skip > 1)
    skip++;
  memmove(p->digit, p->digit + skip, (size_t)(p->n - skip));
  p->n -= skip;
  p->point -= skip;
}

static bool is_zero(const Parts *p) {
  int i;

  for (i = 0; i < p->n; i++)
    if (p->digit[i] != '0')
      return false;
  return true;
}

ml_str ks_number_plain(ml_arena *a, ml_str s) {
  ml_buf b = {0};
  Parts p;
  int i;

  if (!take_apart(s, &p))
    return ML_NOSTR;
  drop_zeros(&p);
  if (p.negative && !is_zero(&p))
    ml_buf_putc(&b, '-');
  if (p.point <= 0)
    ml_buf_puts(&b, "0");
  for (i = 0; i < p.point; i++)
    ml_buf_putc(&b, i < p.n ? p.digit[i] : '0');
  if (p.point < p.n) {
    ml_buf_putc(&b, '.');
    for (i = p.point; i < 0; i++)
      ml_buf_putc(&b, '0');
    for (i = p.point > 0 ? p.point : 0; i < p.n; i++)
      ml_buf_putc(&b, p.digit[i]);
  }
  return ks_taken(a, &b);
}

/* How many digits stand before the point of a plain number. */
static size_t whole_digits(ml_str s) {
  const char *dot = memchr(s.p, '.', s.n);

  return dot != NULL ? (size_t)(dot - s.p) : s.n;
}

ml_str ks_number_key(ml_str s) {
  if (memchr(s.p, '.', s.n) == NULL)
    return s;
  while (s.p[s.n - 1] == '0')
    s.n--;
  if (s.p[s.n - 1] == '.')
    s.n--;
  return s;
}

int ks_number_compare(ml_str a, ml_str b) {
  bool na = a.p[0] == '-', nb = b.p[0] == '-';
  int sign, d;
  size_t wa, wb;

  if (na != nb)
    return na ? -1 : 1;
  sign = na ? -1 : 1;
  a.p += na;
  a.n -= na;
  b.p += nb;
  b.n -= nb;
  a = ks_number_key(a);
  b = ks_number_key(b);
  wa = whole_digits(a);
  wb = whole_digits(b);
  d = wa != wb ? (wa < wb ? -1 : 1) : ks_compare(a, b);
  return d * sign;
}
