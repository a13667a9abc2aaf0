/* text_time.c - durations and moments, read and written. */
#include "base/text.h"

#include <string.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define WEEK (7 * DAY)
#define DURATION_MAX (36525 * DAY)   /* 100 years */

static bool digit(const char *p, const char *end) {
  return p < end && *p >= '0' && *p <= '9';
}

/* ---- durations ---- */

static const struct unit {
  const char *brief, *full;
  int64_t ms;
} units[] = {   /* falling in size */
  {"w", "week", WEEK},     {"d", "day", DAY},       {"h", "hour", HOUR},
  {"m", "minute", MINUTE}, {"s", "second", SECOND}, {"ms", "millisecond", 1},
};
#define UNITS (sizeof units / sizeof *units)

static bool is_unit(const struct unit *u, ml_str w) {
  size_t n = strlen(u->full);

  if (ml_str_is(w, u->brief) || ml_str_is(w, u->full))
    return true;
  return w.n == n + 1 && w.p[n] == 's' && memcmp(w.p, u->full, n) == 0;
}

/* One number and unit at p; *at is the unit, from which smaller ones must
** follow.  What stands behind it, or NULL. */
static const char *read_part(const char *p, const char *end, size_t *at,
                             int64_t *ms) {
  int64_t n = 0;
  ml_str word;

  if (!digit(p, end))
    return NULL;
  for (; digit(p, end); p++)
    if (n <= DURATION_MAX)   /* beyond, it only must not overflow */
      n = n * 10 + (*p - '0');
  while (p < end && *p == ' ')
    p++;
  word.p = p;
  while (p < end && *p >= 'a' && *p <= 'z')
    p++;
  word.n = (size_t)(p - word.p);
  while (*at < UNITS && !is_unit(&units[*at], word))
    ++*at;
  if (*at == UNITS)
    return NULL;
  if (n > DURATION_MAX / units[*at].ms)
    n = DURATION_MAX / units[*at].ms + 1;
  *ms = n * units[*at].ms;
  ++*at;
  return p;
}

ml_rc ml_text_duration(ml_str s, int64_t *ms, ml_err *e) {
  const char *p = s.p, *end = ml_str_end(s);
  int64_t sum = 0, part = 0;
  size_t at = 0;
  char shown[64];

  if (ml_str_is(s, "0")) {
    *ms = 0;
    return ML_OK;
  }
  ml_text_excerpt(shown, sizeof shown, s);
  do {
    p = read_part(p, end, &at, &part);
    if (p == NULL)
      return ml_err_set(e, ML_INVALID, NULL,
                        "'%s' is not a duration; write numbers with units, the "
                        "largest first, as in 250ms, 5s, 15m, 72h, 3d, 2w, "
                        "1h30m or '3 days'", shown);
    sum += part;   /* six parts of a little over DURATION_MAX at most */
    while (p < end && *p == ' ' && p + 1 < end)
      p++;
  } while (p < end);
  if (sum > DURATION_MAX)
    return ml_err_set(e, ML_INVALID, NULL,
                      "the duration '%s' is longer than 100 years", shown);
  *ms = sum;
  return ML_OK;
}

/* Weeks only when nothing is left over: 10d reads better than 1w3d. */
void ml_text_put_duration(ml_buf *b, int64_t ms) {
  if (ms <= 0) {
    ml_buf_putc(b, '0');
    return;
  }
  for (size_t i = ms % WEEK == 0 ? 0 : 1; i < UNITS; i++) {
    if (ms / units[i].ms > 0)
      ml_buf_printf(b, "%lld%s", (long long)(ms / units[i].ms), units[i].brief);
    ms %= units[i].ms;
  }
}

void ml_text_put_age(ml_buf *b, int64_t ms) {
  static const struct { const char *name; int64_t ms; } steps[] = {
    {"day", DAY}, {"h", HOUR}, {"min", MINUTE}, {"s", SECOND}, {"ms", 1},
  };
  uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms, n;
  int i = 0;

  if (ms < 0)
    ml_buf_putc(b, '-');
  if (left == 0) {
    ml_buf_puts(b, "0 s");
    return;
  }
  while (left < (uint64_t)steps[i].ms)
    i++;
  n = left / (uint64_t)steps[i].ms;
  ml_buf_printf(b, "%llu %s%s", (unsigned long long)n, steps[i].name,
                i == 0 && n > 1 ? "s" : "");
  left %= (uint64_t)steps[i].ms;
  if (i >= 3)   /* milliseconds beside seconds tell a person nothing */
    return;
  n = left / (uint64_t)steps[i + 1].ms;
  if (n > 0)
    ml_buf_printf(b, " %llu %s", (unsigned long long)n, steps[i + 1].name);
}

/* ---- the calendar ---- */

/* Years that begin in March put the leap day last; 146,097 days are 400
** years, and the days before a month (0 = March) are (153 m + 2) / 5. */
#define CYCLE 146097
#define EPOCH 719468   /* days from 0000-03-01 to 1970-01-01 */

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}

int64_t ml_text_days(int year, int month, int day) {
  int64_t y = (int64_t)year - (month < 3);
  int64_t m = month < 3 ? month + 9 : month - 3;
  int64_t leaps = floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400);

  return y * 365 + leaps + (153 * m + 2) / 5 + (day - 1) - EPOCH;
}

void ml_text_civil(int64_t days, int *year, int *month, int *day) {
  int64_t since = days + EPOCH;
  int64_t cycle = floor_div(since, CYCLE);
  int64_t left = since - cycle * CYCLE;   /* 0 to 146,096 */
  int64_t century, four, y, m;

  century = left / 36524 < 3 ? left / 36524 : 3;   /* the last is a day longer */
  left -= century * 36524;
  four = left / 1461;
  left -= four * 1461;
  y = left / 365 < 3 ? left / 365 : 3;             /* so is a leap year */
  left -= y * 365;
  m = (5 * left + 2) / 153;
  *day = (int)(left - (153 * m + 2) / 5 + 1);
  *month = (int)(m < 10 ? m + 3 : m - 9);
  *year = (int)(cycle * 400 + century * 100 + four * 4 + y + (m >= 10));
}

/* ---- moments ---- */

/* What stands in the text, each part in its own range. */
typedef struct stamp {
  int year, month, day, hour, minute, second, ms;
  int offset;   /* minutes east */
} stamp;

/* Exactly n digits at *p, from lo to hi. */
static bool number(const char **p, const char *end, int n, int lo, int hi,
                   int *out) {
  int v = 0;

  for (int i = 0; i < n; i++) {
    if (!digit(*p, end))
      return false;
    v = v * 10 + (*(*p)++ - '0');
  }
  *out = v;
  return v >= lo && v <= hi;
}

static bool mark(const char **p, const char *end, const char *one_of) {
  if (*p == end || **p == '\0' || strchr(one_of, **p) == NULL)
    return false;
  ++*p;
  return true;
}

static bool date(const char **p, const char *end, stamp *t) {
  static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap;

  if (!number(p, end, 4, 1, 9999, &t->year) || !mark(p, end, "-")
      || !number(p, end, 2, 1, 12, &t->month) || !mark(p, end, "-")
      || !number(p, end, 2, 1, days[t->month - 1], &t->day))
    return false;
  leap = (t->year % 4 == 0 && t->year % 100 != 0) || t->year % 400 == 0;
  return t->month != 2 || t->day < 29 || leap;
}

/* hh:mm, with seconds if there are, with a fraction if there is one; what
** is finer than a millisecond is dropped. */
static bool time_of_day(const char **p, const char *end, stamp *t) {
  if (!number(p, end, 2, 0, 23, &t->hour) || !mark(p, end, ":")
      || !number(p, end, 2, 0, 59, &t->minute))
    return false;
  if (!mark(p, end, ":"))
    return true;
  if (!number(p, end, 2, 0, 60, &t->second))
    return false;
  if (!mark(p, end, "."))
    return true;
  if (!digit(*p, end))
    return false;
  for (int scale = 100; digit(*p, end); scale /= 10)
    t->ms += (*(*p)++ - '0') * scale;
  return true;
}

static bool zone(const char **p, const char *end, stamp *t) {
  int hours, minutes = 0;
  bool west;

  if (mark(p, end, "Zz"))
    return true;
  west = *p < end && **p == '-';
  if (!mark(p, end, "+-") || !number(p, end, 2, 0, 23, &hours))
    return false;
  if (mark(p, end, ":") && !number(p, end, 2, 0, 59, &minutes))
    return false;
  t->offset = (hours * 60 + minutes) * (west ? -1 : 1);
  return true;
}

/* A second 60 is a leap second: only where one can be, and as the next. */
static bool to_ms(const stamp *t, int64_t *ms) {
  int64_t minutes = ml_text_days(t->year, t->month, t->day) * 1440
                    + t->hour * 60 + t->minute - t->offset;
  int64_t v = minutes * MINUTE + t->second * SECOND + t->ms;

  if (t->second == 60 && minutes - floor_div(minutes, 1440) * 1440 != 1439)
    return false;
  if (v < ml_text_days(1, 1, 1) * DAY || v >= ml_text_days(10000, 1, 1) * DAY)
    return false;
  *ms = v;
  return true;
}

ml_rc ml_text_moment(ml_str s, int64_t *ms, ml_err *e) {
  const char *p = s.p, *end = ml_str_end(s);
  stamp t = {0};
  bool local, no_zone;
  char shown[64];

  local = date(&p, end, &t) && mark(&p, end, "Tt ") && time_of_day(&p, end, &t);
  no_zone = local && p == end;
  if (local && zone(&p, end, &t) && p == end && to_ms(&t, ms))
    return ML_OK;
  ml_text_excerpt(shown, sizeof shown, s);
  if (no_zone)
    return ml_err_set(e, ML_INVALID, NULL,
                      "'%s' names no time zone; end it with Z or with an offset "
                      "such as +09:00", shown);
  return ml_err_set(e, ML_INVALID, NULL,
                    "'%s' is not a moment; write it as 2026-03-01T04:05:06Z or "
                    "2026-03-01T13:05+09:00, in the years 1 to 9999", shown);
}

void ml_text_put_moment(ml_buf *b, int64_t ms) {
  int64_t days = floor_div(ms, DAY);
  int64_t left = ms - days * DAY;
  int year, month, day;

  ml_text_civil(days, &year, &month, &day);
  ml_buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day,
                (int)(left / HOUR), (int)(left / MINUTE % 60),
                (int)(left / SECOND % 60));
  if (left % SECOND != 0)
    ml_buf_printf(b, ".%03d", (int)(left % SECOND));
  ml_buf_putc(b, 'Z');
}
