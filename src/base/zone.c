/*
** zone.c - see zone.h.  The format is RFC 9636's; inside, times are seconds.
**
** An offset holds from one change to the next.  Changes come from the table;
** behind its last one from the rule of the footer, which has none or two a
** year.
*/
#include "base/zone.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define DAY INT64_C(86400)
/* No change, and the most an offset can be. */
#define NEVER INT64_MAX
enum { OFFSET_MAX = 26 * 3600, HEAD = 44, CHANGES_MAX = 20000 };

/* The day of a change in a year: Mm.w.d, Jn or n. */
typedef struct day_rule {
  char kind;                     /* 'M', 'J' (no 29 February), '0' */
  int month, week, day;
  int32_t time;                  /* of the local time before the change */
} day_rule;

typedef struct footer {
  bool given, summer;
  int32_t std, dst;              /* offsets, seconds east */
  day_rule begin, end;           /* of summer time */
} footer;

struct ml_zone {
  int32_t first;                 /* offset before the first change */
  size_t count;
  int64_t *at;                   /* moments of the changes, rising */
  int32_t *offset;               /* from then on */
  footer rule;
};

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}

/* ---- the footer: "CET-1CEST,M3.5.0,M10.5.0/3" ---- */

typedef struct reader {
  const char *p, *end;
  bool bad;
} reader;

static bool take(reader *r, char c) {
  if (r->p < r->end && *r->p == c) {
    r->p++;
    return true;
  }
  return false;
}

static bool is_digit(const reader *r) {
  return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static int number(reader *r, int lo, int hi) {
  int n = 0, digits = 0;

  for (; is_digit(r) && digits < 4; digits++)
    n = n * 10 + (*r->p++ - '0');
  r->bad = r->bad || digits == 0 || n < lo || n > hi;
  return n;
}

static void zone_name(reader *r) {
  const char *from = r->p;
  bool quoted = take(r, '<');

  while (r->p < r->end && (quoted ? *r->p != '>'
                                  : (*r->p >= 'A' && *r->p <= 'Z')
                                      || (*r->p >= 'a' && *r->p <= 'z')))
    r->p++;
  if (quoted && !take(r, '>'))
    r->bad = true;
  r->bad = r->bad || r->p - from < 3;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static int32_t clock_time(reader *r, int hours_max) {
  int sign = take(r, '-') ? -1 : 1, s;

  if (sign > 0)
    take(r, '+');
  s = number(r, 0, hours_max) * 3600;
  if (take(r, ':')) {
    s += number(r, 0, 59) * 60;
    if (take(r, ':'))
      s += number(r, 0, 59);
  }
  return sign * s;
}

static day_rule read_day(reader *r) {
  day_rule d = {.time = 7200};

  if (take(r, 'M')) {
    d.kind = 'M';
    d.month = number(r, 1, 12);
    r->bad = r->bad || !take(r, '.');
    d.week = number(r, 1, 5);
    r->bad = r->bad || !take(r, '.');
    d.day = number(r, 0, 6);
  } else {
    d.kind = take(r, 'J') ? 'J' : '0';
    d.day = number(r, d.kind == 'J', 365);
  }
  if (take(r, '/'))
    d.time = clock_time(r, 167);
  return d;
}

static bool read_footer(ml_str s, footer *f) {
  reader r = {s.p, ml_str_end(s), false};

  *f = (footer){0};
  if (s.n == 0)
    return true;                            /* no rule: the last offset stays */
  zone_name(&r);
  f->std = -clock_time(&r, 24);             /* POSIX counts west */
  f->given = true;
  if (r.p < r.end && !r.bad) {
    f->summer = true;
    zone_name(&r);
    f->dst = f->std + 3600;
    if (r.p < r.end && *r.p != ',')
      f->dst = -clock_time(&r, 24);
    r.bad = r.bad || !take(&r, ',');
    f->begin = read_day(&r);
    r.bad = r.bad || !take(&r, ',');
    f->end = read_day(&r);
  }
  return !r.bad && r.p == r.end;
}

static bool is_leap(int year) {
  return ml_text_days(year, 12, 31) - ml_text_days(year, 1, 1) == 365;
}

static int64_t day_of_rule(const day_rule *d, int year) {
  int64_t first, last;

  if (d->kind == 'J')
    return ml_text_days(year, 1, 1) + d->day - 1
           + (is_leap(year) && d->day >= 60);
  if (d->kind == '0')
    return ml_text_days(year, 1, 1) + d->day;
  first = ml_text_days(year, d->month, 1);
  last = d->month == 12 ? first + 30 : ml_text_days(year, d->month + 1, 1) - 1;
  first += (d->day - (first % 7 + 11) % 7 + 7) % 7;   /* day 0: a Thursday */
  first += 7 * (d->week - 1);
  return first > last ? first - 7 : first;
}

/* Change number i (0: summer begins, 1: it ends) of a year. */
static int64_t rule_change(const footer *f, int year, int i) {
  const day_rule *d = i == 0 ? &f->begin : &f->end;

  return day_of_rule(d, year) * DAY + d->time - (i == 0 ? f->std : f->dst);
}

static int year_of(int64_t t) {
  int y, m, d;

  ml_text_civil(floor_div(t, DAY), &y, &m, &d);
  return y;
}

static int32_t rule_offset(const footer *f, int64_t t) {
  int64_t best = INT64_MIN;
  int32_t offset = f->std;
  int year = year_of(t);

  for (int y = year - 1; f->summer && y <= year + 1; y++)
    for (int i = 0; i < 2; i++) {
      int64_t at = rule_change(f, y, i);

      if (at <= t && at >= best) {
        best = at;
        offset = i == 0 ? f->dst : f->std;
      }
    }
  return offset;
}

static int64_t rule_next(const footer *f, int64_t t) {
  int64_t best = NEVER;
  int year = year_of(t);

  for (int y = year - 1; f->summer && y <= year + 1; y++)
    for (int i = 0; i < 2; i++) {
      int64_t at = rule_change(f, y, i);

      if (at > t && at < best)
        best = at;
    }
  return best;
}

/* ---- the file ---- */

static int64_t big_endian(const uint8_t *p, int n) {
  uint64_t v = p[0] & 0x80 ? ~UINT64_C(0) : 0;

  for (int i = 0; i < n; i++)
    v = v << 8 | p[i];
  return (int64_t)v;
}

typedef struct head {
  int version;
  int64_t isut, isstd, leap, time, type, chars;
} head;

static bool read_head(const uint8_t *p, const uint8_t *end, head *h) {
  if (end - p < HEAD || memcmp(p, "TZif", 4) != 0)
    return false;
  h->version = p[4];
  h->isut = big_endian(p + 20, 4);
  h->isstd = big_endian(p + 24, 4);
  h->leap = big_endian(p + 28, 4);
  h->time = big_endian(p + 32, 4);
  h->type = big_endian(p + 36, 4);
  h->chars = big_endian(p + 40, 4);
  return h->isut >= 0 && h->isstd >= 0 && h->leap >= 0 && h->time >= 0
         && h->time <= CHANGES_MAX && h->type > 0 && h->type <= 256
         && h->chars >= 0;
}

static int64_t block_size(const head *h, int word) {
  return h->time * (word + 1) + h->type * 6 + h->chars + h->leap * (word + 4)
         + h->isstd + h->isut;
}

static bool read_offset(const uint8_t *types, const head *h, int no,
                        int32_t *out) {
  if (no >= h->type)
    return false;
  *out = (int32_t)big_endian(types + 6 * no, 4);
  return *out >= -OFFSET_MAX && *out <= OFFSET_MAX;
}

static bool read_table(ml_zone *z, const uint8_t *p, const head *h) {
  const uint8_t *index = p + 8 * h->time, *types = index + h->time;

  if (!read_offset(types, h, 0, &z->first))
    return false;
  for (size_t i = 0; i < z->count; i++) {
    z->at[i] = big_endian(p + 8 * i, 8);
    if (!read_offset(types, h, index[i], &z->offset[i])
        || (i > 0 && z->at[i] <= z->at[i - 1]))
      return false;
  }
  return true;
}

ml_rc ml_zone_parse(ml_arena *a, ml_str bytes, const ml_zone **out) {
  const uint8_t *p = (const uint8_t *)bytes.p, *end = p + bytes.n, *nl;
  ml_zone *z = ml_arena_zero(a, sizeof *z);
  head h;

  if (z == NULL)
    return ML_NOMEM;
  if (!read_head(p, end, &h) || h.version < '2'
      || block_size(&h, 4) > end - p - HEAD)
    return ML_CORRUPT;
  p += HEAD + block_size(&h, 4);
  /* a zone with leap seconds ("right/...") counts other seconds than we do */
  if (!read_head(p, end, &h) || h.leap > 0
      || block_size(&h, 8) + 2 > end - p - HEAD)
    return ML_CORRUPT;
  p += HEAD;
  z->count = (size_t)h.time;
  z->at = ml_arena_alloc(a, (z->count + 1) * sizeof *z->at);
  z->offset = ml_arena_alloc(a, (z->count + 1) * sizeof *z->offset);
  if (z->at == NULL || z->offset == NULL)
    return ML_NOMEM;
  if (!read_table(z, p, &h))
    return ML_CORRUPT;
  p += block_size(&h, 8);
  nl = *p == '\n' ? memchr(p + 1, '\n', (size_t)(end - p - 1)) : NULL;
  if (nl == NULL
      || !read_footer((ml_str){(const char *)p + 1, (size_t)(nl - p - 1)},
                      &z->rule))
    return ML_CORRUPT;
  *out = z;
  return ML_OK;
}

/* ---- by name ---- */

static bool is_name(ml_str s) {
  if (s.n == 0 || s.n > ML_ZONE_NAME_MAX || s.p[0] == '/'
      || s.p[s.n - 1] == '/')
    return false;
  for (size_t i = 0; i < s.n; i++)
    if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z')
          || (s.p[i] >= '0' && s.p[i] <= '9')
          || (s.p[i] != '\0' && strchr("_+-/", s.p[i]) != NULL)))
      return false;                         /* so no "..": no dot at all */
  return true;
}

/* "+09:00", "-03:30" */
static bool fixed_offset(ml_str s, int32_t *out) {
  reader r = {s.p, ml_str_end(s), false};

  if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':')
    return false;
  *out = clock_time(&r, 14);
  return !r.bad && r.p == r.end;
}

static ml_rc read_file(ml_arena *a, const char *path, ml_str *out) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  char *p = fd >= 0 ? ml_arena_alloc(a, ML_ZONE_FILE_MAX) : NULL;
  size_t n = 0;
  ssize_t got = 1;

  if (fd < 0)
    return ML_NOT_FOUND;
  while (p != NULL && got > 0 && n < ML_ZONE_FILE_MAX) {
    got = read(fd, p + n, ML_ZONE_FILE_MAX - n);
    n += got > 0 ? (size_t)got : 0;
  }
  close(fd);
  *out = (ml_str){p, n};
  if (p == NULL)
    return ML_NOMEM;
  return got < 0 ? ML_NOT_FOUND : got > 0 ? ML_CORRUPT : ML_OK;   /* a folder */
}

static ml_rc open_file(ml_arena *a, ml_str name, const ml_zone **out) {
  char path[sizeof ML_ZONE_FOLDER + ML_ZONE_NAME_MAX + 2];
  ml_arena work = {0};
  ml_str bytes;
  ml_rc rc;

  snprintf(path, sizeof path, "%s/%.*s", ML_ZONE_FOLDER, (int)name.n, name.p);
  rc = read_file(&work, path, &bytes);
  if (rc == ML_OK)
    rc = ml_zone_parse(a, bytes, out);
  ml_arena_free(&work);
  return rc;
}

ml_rc ml_zone_open(ml_arena *a, ml_str name, const ml_zone **out, ml_err *e) {
  int32_t offset = 0;
  char shown[ML_ZONE_NAME_MAX + 8];
  ml_rc rc = ML_NOT_FOUND;

  if (ml_str_is(name, "UTC") || fixed_offset(name, &offset)) {
    ml_zone *z = ml_arena_zero(a, sizeof *z);

    rc = z != NULL ? ML_OK : ML_NOMEM;
    if (z != NULL)
      z->first = offset;
    *out = z;
  } else if (is_name(name)) {
    rc = open_file(a, name, out);
  }
  if (rc == ML_OK)
    return rc;
  *out = NULL;
  ml_text_excerpt(shown, sizeof shown, name);
  if (rc == ML_NOMEM)
    return ml_err_set(e, rc, "", "memory is short");
  if (rc == ML_CORRUPT)
    return ml_err_set(e, rc, "", "zone '%s' cannot be read: its file in "
                      ML_ZONE_FOLDER " is not one of a time zone", shown);
  return ml_err_set(e, rc, "", "zone '%s' is not known on this machine; zones "
                    "are called as in " ML_ZONE_FOLDER " (Europe/Berlin), UTC "
                    "or +09:00", shown);
}

/* ---- using it ---- */

/* How many changes were at t or before. */
static size_t changes_until(const ml_zone *z, int64_t t) {
  size_t lo = 0, hi = z->count;

  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;

    if (z->at[mid] <= t)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

static int32_t offset_at(const ml_zone *z, int64_t t) {
  size_t n = changes_until(z, t);

  if (n == z->count && z->rule.given)
    return rule_offset(&z->rule, t);
  return n > 0 ? z->offset[n - 1] : z->first;
}

static int64_t next_change(const ml_zone *z, int64_t t) {
  size_t n = changes_until(z, t);

  if (n < z->count)
    return z->at[n];
  return z->rule.given ? rule_next(&z->rule, t) : NEVER;
}

int64_t ml_zone_local(const ml_zone *z, int64_t utc_ms) {
  return utc_ms + offset_at(z, floor_div(utc_ms, 1000)) * INT64_C(1000);
}

/* From change to change: the first stretch whose local times reach it has it,
** or begins behind it, and then it fell into the gap before. */
int64_t ml_zone_utc(const ml_zone *z, int64_t local_ms) {
  int64_t local = floor_div(local_ms, 1000), ms = local_ms - local * 1000;
  int64_t from = local - OFFSET_MAX;

  for (;;) {
    int64_t offset = offset_at(z, from), until = next_change(z, from);

    if (local - offset < from)
      return from * 1000;
    if (local - offset < until)
      return (local - offset) * 1000 + ms;
    from = until;
  }
}
