/* field.c - one checker a type, one canonical form a value. */
#include "model/field.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"

/* What is being checked, and where its mistakes go. */
typedef struct judge {
  const ml_field *f;      /* a setting is looked at through one, too */
  const ml_json *v;
  const char *at;
  ml_buf *out;
  ml_err *e;
} judge;

/* ---- telling ---- */

/* `at` and the id as a JSON pointer. */
static void pointer(char *out, size_t size, const char *at, ml_str id) {
  size_t n = (size_t)snprintf(out, size, "%s/", at != NULL ? at : "");

  for (size_t i = 0; i < id.n && n + 3 < size; i++) {
    if (id.p[i] == '~' || id.p[i] == '/') {
      out[n++] = '~';
      out[n++] = id.p[i] == '~' ? '0' : '1';
    } else {
      out[n++] = id.p[i];
    }
  }
  if (n < size)
    out[n] = '\0';
}

/* "'q_plan' must be <what>, not <the value>"; a sealed value is not shown. */
static ml_rc refuse(const judge *j, const char *what) {
  char at[200], id[120], got[120], shown[64];

  pointer(at, sizeof at, j->at, j->f->id);
  ml_text_excerpt(id, sizeof id, j->f->id);
  if (j->v->type != ML_JSTR)
    snprintf(got, sizeof got, "%s", ml_json_type_name(j->v->type));
  else if (j->f->sealed)
    snprintf(got, sizeof got, "what was given (not shown)");
  else {
    ml_text_excerpt(shown, sizeof shown, j->v->s);
    snprintf(got, sizeof got, "'%s'", shown);
  }
  return ml_err_set(j->e, ML_INVALID, at, "'%s' must be %s, not %s", id, what,
                    got);
}

static ml_rc too_long(const judge *j, size_t max) {
  char at[200], id[120];

  pointer(at, sizeof at, j->at, j->f->id);
  ml_text_excerpt(id, sizeof id, j->f->id);
  return ml_err_set(j->e, ML_INVALID, at,
                    "'%s' may hold at most %zu bytes of UTF-8", id, max);
}

static ml_rc too_many(const judge *j) {
  char at[200], id[120];

  pointer(at, sizeof at, j->at, j->f->id);
  ml_text_excerpt(id, sizeof id, j->f->id);
  return ml_err_set(j->e, ML_INVALID, at, "'%s' may have at most %u characters",
                    id, (unsigned)j->f->chars);
}

/* ---- texts ---- */

static size_t bytes_max(const ml_field *f) {
  return f->most > 0 ? f->most : ML_FIELD_BYTES_MAX;
}

static size_t text_max(const ml_field *f) {
  size_t own = bytes_max(f);

  if (f->type != ML_F_TEXT && own > ML_FIELD_STRING_MAX)
    own = ML_FIELD_STRING_MAX;
  return f->max > 0 && f->max < own ? f->max : own;
}

/* Eight bytes of ASCII, no control character among them? */
static bool is_plain(const char *p) {
  uint64_t x = ml_utf8_word(p);

  return (ML_UTF8_ODD(x) | ML_UTF8_IS(x, 0x7F)) == 0;
}

/* No control characters; line ends and tabs only where many lines may be. */
static bool is_clean(ml_str s, bool lines) {
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];

    if (s.n - i >= 8 && is_plain(s.p + i)) {
      i += 7;
      continue;
    }
    if (c == 0x7F || (c < 0x20
                      && !(lines && (c == '\n' || c == '\r' || c == '\t'))))
      return false;
  }
  return true;
}

static bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

/* Labels of letters, digits and inner hyphens with dots between. */
static bool is_domain(ml_str s) {
  if (s.n == 0 || s.n > 253)
    return false;
  for (size_t i = 0; i < s.n; i++) {
    bool edge = i == 0 || i + 1 == s.n || s.p[i - 1] == '.'
                || s.p[i + 1] == '.';

    if (s.p[i] == '.' ? edge && (i == 0 || i + 1 == s.n || s.p[i + 1] == '.')
                      : !is_alnum(s.p[i]) && (s.p[i] != '-' || edge))
      return false;
  }
  return true;
}

/* One '@' between a mailbox without blanks and a domain with a dot. */
static bool is_email(ml_str s) {
  const char *sign = memchr(s.p, '@', s.n);
  ml_str domain;

  if (sign == NULL || sign == s.p || sign - s.p > 64 || s.n > 254)
    return false;
  domain = (ml_str){sign + 1, s.n - (size_t)(sign - s.p) - 1};
  for (const char *c = s.p; c < sign; c++)
    if (!is_alnum(*c) && strchr("!#$%&'*+/=?^_`{|}~.-", *c) == NULL)
      return false;
  return is_domain(domain) && memchr(domain.p, '.', domain.n) != NULL;
}

/* "[...]" with a colon in it, of hexadecimal digits, colons and dots. */
static bool is_ipv6(ml_str s) {
  if (s.n < 4 || s.p[0] != '[' || s.p[s.n - 1] != ']')
    return false;
  for (size_t i = 1; i + 1 < s.n; i++)
    if (strchr("0123456789abcdefABCDEF:.", s.p[i]) == NULL)
      return false;
  return memchr(s.p, ':', s.n) != NULL;
}

/* http or https, a host, perhaps a port; then anything without a blank. */
static bool is_url(ml_str s) {
  size_t skip = s.n > 8 && memcmp(s.p, "https://", 8) == 0  ? 8
                : s.n > 7 && memcmp(s.p, "http://", 7) == 0 ? 7
                                                            : 0;
  ml_str host, port;
  size_t end = skip, colon;
  int64_t n;

  if (skip == 0 || memchr(s.p, ' ', s.n) != NULL)
    return false;
  while (end < s.n && strchr("/?#", s.p[end]) == NULL)
    end++;
  host = (ml_str){s.p + skip, end - skip};
  colon = host.n;
  for (size_t i = 0; i < host.n; i++)
    if (host.p[i] == ':' || host.p[i] == ']')
      colon = host.p[i] == ':' ? i : host.n;
  port = (ml_str){host.p + colon, host.n - colon};
  host.n = colon;
  if (port.n > 0 && (!ml_text_int((ml_str){port.p + 1, port.n - 1}, &n)
                     || n < 1 || n > 65535))
    return false;
  return is_domain(host) || is_ipv6(host);
}

static bool is_phone(ml_str s) {
  int digits = 0;

  for (size_t i = 0; i < s.n; i++) {
    if (s.p[i] >= '0' && s.p[i] <= '9')
      digits++;
    else if (strchr(" -().", s.p[i]) == NULL && !(s.p[i] == '+' && i == 0))
      return false;
  }
  return digits >= 3 && digits <= 20;
}

static ml_rc check_text(const judge *j) {
  ml_str s = j->v->s;

  if (j->v->type != ML_JSTR)
    return refuse(j, "a text");
  if (s.n > text_max(j->f))
    return too_long(j, text_max(j->f));
  if (!ml_text_utf8(s))
    return refuse(j, "valid UTF-8");
  if (j->f->chars > 0 && ml_text_chars(s) > j->f->chars)
    return too_many(j);
  if (!is_clean(s, j->f->type == ML_F_TEXT || j->f->type == ML_F_SECRET))
    return refuse(j, j->f->type == ML_F_TEXT
                       ? "a text without control characters"
                       : "one line without control characters");
  switch (j->f->type) {
  case ML_F_EMAIL:
    if (!is_email(s))
      return refuse(j, "an e-mail address such as 'a@b.example'");
    break;
  case ML_F_URL:
    if (!is_url(s))
      return refuse(j, "a URL that begins with http:// or https://");
    break;
  case ML_F_PHONE:
    if (!is_phone(s))
      return refuse(j, "a telephone number such as '+81 3-1234-5678'");
    break;
  case ML_F_USER:
    if (!ml_text_is_name(s))
      return refuse(j, "the id of a member");
    break;
  default:
    break;
  }
  ml_json_put_str(j->out, s);
  return ML_OK;
}

/* ---- numbers ---- */

/* A double that is an integer of 64 bits. */
static bool integral(double d, int64_t *i) {
  if (!(d >= -9223372036854775808.0 && d < 9223372036854775808.0)
      || d != floor(d))
    return false;
  *i = (int64_t)d;
  return true;
}

static ml_rc check_integer(const judge *j) {
  int64_t i;

  if (j->v->type == ML_JINT)
    i = j->v->i;
  else if (j->v->type != ML_JREAL || !integral(j->v->d, &i))
    return refuse(j, "an integer of at most 64 bits");
  ml_json_put_int(j->out, i);
  return ML_OK;
}

static void put_number(ml_buf *out, const ml_json *v) {
  int64_t i;

  if (v->type == ML_JINT)
    ml_json_put_int(out, v->i);
  else if (integral(v->d, &i))
    ml_json_put_int(out, i);
  else
    ml_json_put_real(out, v->d);
}

static ml_rc check_number(const judge *j) {
  if (j->v->type != ML_JINT && j->v->type != ML_JREAL)
    return refuse(j, "a number");
  put_number(j->out, j->v);
  return ML_OK;
}

enum { DIGITS_MAX = 64 };

/* [-]digits[.digits], without needless zeros and without "-0". */
static bool put_decimal(ml_buf *out, ml_str s) {
  size_t sign = s.n > 0 && s.p[0] == '-', i = sign, dot, end = s.n;

  while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
    i++;
  dot = i;
  if (dot == sign)
    return false;
  if (i < s.n && s.p[i] == '.') {
    for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
      ;
    if (i == dot + 1)
      return false;
  }
  if (i != s.n || s.n > DIGITS_MAX + 2)
    return false;
  while (end > dot && (s.p[end - 1] == '0' || s.p[end - 1] == '.')) {
    end--;
    if (s.p[end] == '.')
      break;
  }
  i = sign;
  while (i + 1 < dot && s.p[i] == '0')
    i++;
  if (end <= dot && dot - i == 1 && s.p[i] == '0')
    sign = 0;
  ml_buf_puts(out, sign ? "\"-" : "\"");
  ml_buf_put(out, s.p + i, (end > dot ? end : dot) - i);
  ml_buf_putc(out, '"');
  return true;
}

static ml_rc check_decimal(const judge *j) {
  ml_buf b = {0};
  bool ok = true;

  if (j->v->type == ML_JSTR)
    ok = put_decimal(j->out, j->v->s);
  else if (j->v->type == ML_JINT || j->v->type == ML_JREAL) {
    put_number(&b, j->v);
    ok = b.bad || put_decimal(j->out, (ml_str){b.p, b.len});
  } else {
    ok = false;
  }
  if (b.bad)
    j->out->bad = true;
  ml_buf_free(&b);
  return ok ? ML_OK
            : refuse(j, "a decimal number of at most 64 digits such as "
                        "'1234.50'");
}

static ml_rc check_boolean(const judge *j) {
  if (j->v->type != ML_JBOOL)
    return refuse(j, "true or false");
  ml_buf_puts(j->out, j->v->b ? "true" : "false");
  return ML_OK;
}

/* ---- choices ---- */

static int choice_of(const ml_field *f, ml_str id) {
  for (uint32_t i = 0; i < f->of_count; i++)
    if (ml_str_eq(f->of[i].id, id))
      return (int)i;
  return -1;
}

/* "one of its choices (a, b, c)": as many as fit. */
static ml_rc refuse_choice(const judge *j, const char *what) {
  char list[300] = "", one[80], text[360];
  size_t n = 0;

  for (uint32_t i = 0; i < j->f->of_count; i++) {
    ml_text_excerpt(one, sizeof one, j->f->of[i].id);
    if (n + strlen(one) + 8 > sizeof list) {
      snprintf(list + n, sizeof list - n, ", ...");
      break;
    }
    n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i > 0 ? ", " : "",
                          one);
  }
  snprintf(text, sizeof text, "%s (%s)", what, list);
  return refuse(j, text);
}

static ml_rc check_select(const judge *j) {
  if (j->v->type != ML_JSTR || choice_of(j->f, j->v->s) < 0)
    return refuse_choice(j, "one of its choices");
  ml_json_put_str(j->out, j->v->s);
  return ML_OK;
}

static ml_rc check_multi(const judge *j) {
  bool *on;
  bool first = true;
  ml_rc rc = ML_OK;

  if (j->v->type != ML_JARR)
    return refuse_choice(j, "a list of its choices");
  on = ml_mem_zero(j->f->of_count * sizeof *on);
  if (on == NULL)
    return ML_NOMEM;
  for (uint32_t i = 0; rc == ML_OK && i < j->v->count; i++) {
    judge item = *j;
    int k;

    item.v = &j->v->arr[i];
    k = item.v->type == ML_JSTR ? choice_of(j->f, item.v->s) : -1;
    if (k < 0)
      rc = refuse_choice(&item, "a list of its choices");
    else if (on[k])
      rc = refuse(&item, "a list without doubles");
    else
      on[k] = true;
  }
  ml_buf_putc(j->out, '[');
  for (uint32_t k = 0; rc == ML_OK && k < j->f->of_count; k++)
    if (on[k]) {
      ml_buf_puts(j->out, first ? "" : ",");
      ml_json_put_str(j->out, j->f->of[k].id);
      first = false;
    }
  ml_buf_putc(j->out, ']');
  ml_mem_free(on);
  return rc;
}

/* A number as it is kept: the text that its choice must have. */
static int number_choice(const judge *j, const ml_json *v, bool whole) {
  ml_buf b = {0};
  int k = -1;

  if (v->type == ML_JINT || (v->type == ML_JREAL && !whole))
    put_number(&b, v);
  if (b.bad)
    j->out->bad = true;
  else if (b.len > 0)
    k = choice_of(j->f, (ml_str){b.p, b.len});
  ml_buf_free(&b);
  return k;
}

static ml_rc check_number_enum(const judge *j, bool whole) {
  if (number_choice(j, j->v, whole) < 0)
    return refuse_choice(j, "one of its choices");
  put_number(j->out, j->v);
  return ML_OK;
}

static ml_rc check_number_list(const judge *j, bool whole) {
  if (j->v->type != ML_JARR)
    return refuse_choice(j, "a list of its choices");
  for (uint32_t i = 0; i < j->v->count; i++) {
    int k = number_choice(j, &j->v->arr[i], whole);

    if (k < 0)
      return refuse_choice(j, "a list of its choices");
    for (uint32_t n = 0; n < i; n++)
      if (number_choice(j, &j->v->arr[n], whole) == k)
        return refuse(j, "a list without doubles");
  }
  ml_buf_putc(j->out, '[');
  for (uint32_t k = 0, n = 0; k < j->f->of_count; k++)
    for (uint32_t i = 0; i < j->v->count; i++)
      if (number_choice(j, &j->v->arr[i], whole) == (int)k) {
        ml_buf_puts(j->out, n++ > 0 ? "," : "");
        put_number(j->out, &j->v->arr[i]);
      }
  ml_buf_putc(j->out, ']');
  return ML_OK;
}

/* ---- names, ids, files ---- */

enum { NAME_MAX_BYTES = 200, PHOTOS_MAX = 100, FILE_URL_MAX = 2048 };

static bool is_blank(ml_str s) {
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] != ' ')
      return false;
  return true;
}

static ml_rc check_name(const judge *j) {
  ml_str s = j->v->s;

  if (j->v->type != ML_JSTR || is_blank(s) || s.n > NAME_MAX_BYTES
      || !ml_text_printable(s))
    return refuse(j, "a name: one line, not blank, at most 200 bytes");
  ml_json_put_str(j->out, s);
  return ML_OK;
}

static ml_rc check_string_id(const judge *j) {
  ml_str s = j->v->s;

  if (j->v->type != ML_JSTR || s.n > NAME_MAX_BYTES || !ml_text_printable(s)
      || memchr(s.p, ' ', s.n) != NULL)
    return refuse(j, "an id: printable, without blanks, at most 200 bytes");
  ml_json_put_str(j->out, s);
  return ML_OK;
}

static ml_rc check_integer_id(const judge *j) {
  if (j->v->type != ML_JINT || j->v->i <= 0)
    return refuse(j, "an id: an integer above 0");
  ml_json_put_int(j->out, j->v->i);
  return ML_OK;
}

static ml_rc check_file(const judge *j, const ml_json *v) {
  if (v->type != ML_JSTR || v->s.n > FILE_URL_MAX || !is_url(v->s)
      || !is_clean(v->s, false) || !ml_text_utf8(v->s))
    return refuse(j, j->f->type == ML_F_PHOTOS
                         ? "a list of at most 100 URLs of pictures"
                         : "the URL of a file (http:// or https://)");
  ml_json_put_str(j->out, v->s);
  return ML_OK;
}

static ml_rc check_photos(const judge *j) {
  ml_rc rc = ML_OK;

  if (j->v->type != ML_JARR || j->v->count > PHOTOS_MAX)
    return refuse(j, "a list of at most 100 URLs of pictures");
  ml_buf_putc(j->out, '[');
  for (uint32_t i = 0; i < j->v->count && rc == ML_OK; i++) {
    ml_buf_puts(j->out, i > 0 ? "," : "");
    rc = check_file(j, &j->v->arr[i]);
  }
  ml_buf_putc(j->out, ']');
  return rc;
}

/* ---- dates and times ---- */

/* Exactly n digits at p, or -1. */
static int digits(ml_str s, size_t at, size_t n) {
  int v = 0;

  if (at + n > s.n)
    return -1;
  for (size_t i = at; i < at + n; i++) {
    if (s.p[i] < '0' || s.p[i] > '9')
      return -1;
    v = v * 10 + (s.p[i] - '0');
  }
  return v;
}

static bool is_date(ml_str s) {
  int y, m, d, y2, m2, d2;

  if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-')
    return false;
  y = digits(s, 0, 4);
  m = digits(s, 5, 2);
  d = digits(s, 8, 2);
  if (y < 1 || m < 1 || m > 12 || d < 1 || d > 31)
    return false;
  ml_text_civil(ml_text_days(y, m, d), &y2, &m2, &d2);
  return y == y2 && m == m2 && d == d2;   /* there is no 30 February */
}

static ml_rc check_date(const judge *j) {
  if (j->v->type != ML_JSTR || !is_date(j->v->s))
    return refuse(j, "a date such as '2026-03-01'");
  ml_json_put_str(j->out, j->v->s);
  return ML_OK;
}

static ml_rc check_time(const judge *j) {
  ml_str s = j->v->type == ML_JSTR ? j->v->s : ML_STR("");
  int h = digits(s, 0, 2), m = digits(s, 3, 2);
  int sec = s.n == 8 && s.p[5] == ':' ? digits(s, 6, 2) : s.n == 5 ? 0 : -1;

  if (h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 59
      || s.p[2] != ':')
    return refuse(j, "a time of the day such as '09:30' or '09:30:15'");
  if (sec == 0)
    ml_buf_printf(j->out, "\"%02d:%02d\"", h, m);
  else
    ml_buf_printf(j->out, "\"%02d:%02d:%02d\"", h, m, sec);
  return ML_OK;
}

/* The moment in *out; false: it is none, and told. */
static ml_rc moment_of(const judge *j, int64_t *out) {
  const int64_t lo = -62135596800000, hi = 253402300799999;   /* years 1-9999 */
  ml_err e = {0};
  int64_t ms = 0;

  if (j->v->type == ML_JINT)
    ms = j->v->i;
  else if (j->v->type == ML_JREAL ? !integral(j->v->d, &ms)
           : j->v->type != ML_JSTR || ml_text_moment(j->v->s, &ms, &e) != ML_OK)
    return refuse(j, "a moment: milliseconds since 1970 UTC or a text with a "
                     "zone such as '2026-03-01T09:30:00+09:00'");
  if (ms < lo || ms > hi)
    return refuse(j, "a moment of the years 1 to 9999");
  *out = ms;
  return ML_OK;
}

static ml_rc check_datetime(const judge *j) {
  int64_t ms;
  ml_rc rc = moment_of(j, &ms);

  if (rc != ML_OK)
    return rc;
  if (j->f->type == ML_F_DATETIME) {
    ml_json_put_int(j->out, ms);
    return ML_OK;
  }
  ml_buf_putc(j->out, '"');
  ml_text_put_moment(j->out, ms);
  ml_buf_putc(j->out, '"');
  return ML_OK;
}

static ml_rc check_duration(const judge *j) {
  const int64_t most = (int64_t)100 * 366 * 86400 * 1000;
  ml_err e = {0};
  int64_t ms = -1;

  if (j->v->type == ML_JINT)
    ms = j->v->i;
  else if (j->v->type == ML_JSTR
           && ml_text_duration(j->v->s, &ms, &e) != ML_OK)
    ms = -1;
  if (ms < 0 || ms > most)
    return refuse(j, "a duration of at most 100 years such as '15m' or "
                     "'3 days'");
  ml_json_put_int(j->out, ms);
  return ML_OK;
}

/* ---- anything ---- */

static int by_key(const void *x, const void *y) {
  const ml_jmember *const *a = x, *const *b = y;
  size_t n = (*a)->key.n < (*b)->key.n ? (*a)->key.n : (*b)->key.n;
  int c = memcmp((*a)->key.p, (*b)->key.p, n);

  if (c != 0)
    return c;
  return (*a)->key.n < (*b)->key.n ? -1 : (*a)->key.n > (*b)->key.n;
}

static void put_canonical(ml_buf *out, const ml_json *v);

static void put_object(ml_buf *out, const ml_json *v) {
  const ml_jmember **order = ml_mem_alloc(v->count * sizeof *order);

  if (order == NULL) {
    out->bad = true;
    return;
  }
  for (uint32_t i = 0; i < v->count; i++)
    order[i] = &v->obj[i];
  if (v->count > 1)
    qsort(order, v->count, sizeof *order, by_key);
  ml_buf_putc(out, '{');
  for (uint32_t i = 0; i < v->count; i++) {
    ml_buf_puts(out, i > 0 ? "," : "");
    ml_json_put_str(out, order[i]->key);
    ml_buf_putc(out, ':');
    put_canonical(out, &order[i]->value);
  }
  ml_buf_putc(out, '}');
  ml_mem_free(order);
}

static void put_canonical(ml_buf *out, const ml_json *v) {
  switch (v->type) {
  case ML_JINT: case ML_JREAL:
    put_number(out, v);
    break;
  case ML_JARR:
    ml_buf_putc(out, '[');
    for (uint32_t i = 0; i < v->count; i++) {
      ml_buf_puts(out, i > 0 ? "," : "");
      put_canonical(out, &v->arr[i]);
    }
    ml_buf_putc(out, ']');
    break;
  case ML_JOBJ:
    put_object(out, v);
    break;
  default:
    ml_json_print(out, v);
  }
}

static ml_rc check_json(const judge *j) {
  size_t before = j->out->len;

  put_canonical(j->out, j->v);
  if (!j->out->bad && j->out->len - before > bytes_max(j->f))
    return too_long(j, bytes_max(j->f));
  return ML_OK;
}

/* ---- all of them ---- */

static bool is_list(ml_ftype t) {
  return t == ML_F_MULTI || t == ML_F_MULTI_INTEGER || t == ML_F_MULTI_FLOAT
         || t == ML_F_PHOTOS;
}

bool ml_field_chooses(ml_ftype t) {
  return t == ML_F_SELECT || t == ML_F_MULTI || t == ML_F_INTEGER_ENUM
         || t == ML_F_FLOAT_ENUM || t == ML_F_MULTI_INTEGER
         || t == ML_F_MULTI_FLOAT;
}

static bool is_nothing(const ml_field *f, const ml_json *v) {
  if (v->type == ML_JNULL)
    return true;
  if (is_list(f->type) && v->type == ML_JARR && v->count == 0)
    return true;
  if (v->type != ML_JSTR || v->s.n > 0)
    return false;
  return f->type != ML_F_JSON && f->type != ML_F_INTEGER
         && f->type != ML_F_NUMBER && f->type != ML_F_BOOLEAN
         && f->type != ML_F_FLOAT && f->type != ML_F_INTEGER_ID
         && f->type != ML_F_INTEGER_ENUM && f->type != ML_F_FLOAT_ENUM
         && f->type != ML_F_NESTED && f->type != ML_F_API && !is_list(f->type);
}

static ml_rc check(const judge *j) {
  switch (j->f->type) {
  case ML_F_STRING: case ML_F_TEXT: case ML_F_EMAIL: case ML_F_URL:
  case ML_F_PHONE: case ML_F_USER: case ML_F_SECRET:
    return check_text(j);
  case ML_F_INTEGER: return check_integer(j);
  case ML_F_NUMBER: return check_number(j);
  case ML_F_DECIMAL: return check_decimal(j);
  case ML_F_BOOLEAN: return check_boolean(j);
  case ML_F_SELECT: return check_select(j);
  case ML_F_MULTI: return check_multi(j);
  case ML_F_DATE: return check_date(j);
  case ML_F_TIME: return check_time(j);
  case ML_F_DATETIME: case ML_F_DATETIME_ISO: return check_datetime(j);
  case ML_F_JSON: case ML_F_API: return check_json(j);
  case ML_F_NESTED:
    return j->v->type == ML_JOBJ ? check_json(j) : refuse(j, "an object");
  case ML_F_FLOAT: return check_number(j);
  case ML_F_STRING_ID: return check_string_id(j);
  case ML_F_INTEGER_ID: return check_integer_id(j);
  case ML_F_INTEGER_ENUM: return check_number_enum(j, true);
  case ML_F_FLOAT_ENUM: return check_number_enum(j, false);
  case ML_F_MULTI_INTEGER: return check_number_list(j, true);
  case ML_F_MULTI_FLOAT: return check_number_list(j, false);
  case ML_F_NAME: return check_name(j);
  case ML_F_PHOTO: case ML_F_AUDIO: return check_file(j, j->v);
  case ML_F_PHOTOS: return check_photos(j);
  case ML_F_DURATION: return check_duration(j);
  case ML_F_COUNT: break;
  }
  return refuse(j, "of a known type");
}

ml_rc ml_field_check(const ml_field *f, const ml_json *v, const char *at,
                     ml_buf *out, ml_err *e) {
  judge j = {f, v, at, out, e};
  size_t before = out->len;
  ml_rc rc;

  if (is_nothing(f, v))
    return ML_OK;
  rc = check(&j);
  if (rc != ML_OK && !out->bad && out->p != NULL) {
    out->len = before;          /* half a value is no value */
    out->p[before] = '\0';
  }
  return rc == ML_OK && out->bad ? ML_NOMEM : rc;
}

ml_rc ml_setting_check(const ml_setting *s, const ml_json *v, const char *at,
                       ml_buf *out, ml_err *e) {
  ml_field f = {.id = s->id, .short_id = s->id, .type = s->type, .no = -1,
                .sealed = s->type == ML_F_SECRET};

  return ml_field_check(&f, v, at, out, e);
}
