/*
** when.c - what TODAY(), THIS_WEEK(MONDAY) and their like mean just now.
**
** Every function is a span of whole days in the caller's zone, but NOW(),
** which is a minute: values have no seconds.
*/
#include <string.h>

#include "base/text.h"
#include "query.h"
#include "zone.h"

#define DAY_MS 86400000
#define MINUTE_MS 60000

typedef struct Days {
  int64_t from, to;               /* to is the day after the last one */
} Days;

/* 0 is Sunday: 1970-01-01 was a Thursday. */
static int weekday(int64_t day) {
  return (int)((day % 7 + 7 + 4) % 7);
}

static int weekday_of(ml_str s) {
  static const char *const names[] = {"SUNDAY", "MONDAY", "TUESDAY",
    "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"};
  int i;

  for (i = 0; i < 7; i++)
    if (ml_str_is(s, names[i]))
      return i;
  return -1;
}

static int month_days(int y, int m) {
  return (int)(ml_text_days(m == 12 ? y + 1 : y, m == 12 ? 1 : m + 1, 1) -
               ml_text_days(y, m, 1));
}

/* The month n months after y-m, its day d or, when shorter, its last one. */
static int64_t month_day(int y, int m, int n, int d) {
  int months = y * 12 + (m - 1) + n;
  int yy = months / 12, mm = months % 12 + 1;
  int last = month_days(yy, mm);

  return ml_text_days(yy, mm, d < last ? d : last);
}

static bool day_spans(ml_str name, int64_t today, Days *d) {
  static const struct { const char *name; int from; } one[] = {
    {"TODAY", 0}, {"YESTERDAY", -1}, {"TOMORROW", 1}};
  size_t i;

  for (i = 0; i < 3; i++)
    if (ml_str_is(name, one[i].name)) {
      d->from = today + one[i].from;
      d->to = d->from + 1;
      return true;
    }
  return false;
}

/* A whole week, or its one weekday. */
static bool week_span(ml_str name, const ks_when_arg *args, size_t n,
                      int64_t today, Days *d) {
  int step = ml_str_is(name, "THIS_WEEK") ? 0 : ml_str_is(name, "LAST_WEEK")
      ? -1 : ml_str_is(name, "NEXT_WEEK") ? 1 : 9;
  int day;

  if (step == 9 || n > 1)
    return false;
  d->from = today - weekday(today) + 7 * step;
  d->to = d->from + 7;
  if (n == 0)
    return true;
  day = weekday_of(args[0].word);
  d->from += day;
  d->to = d->from + 1;
  return day >= 0;
}

/* A whole month, one day of it, or its last day. */
static bool month_span(ml_str name, const ks_when_arg *args, size_t n,
                       int64_t today, Days *d) {
  int step = ml_str_is(name, "THIS_MONTH") ? 0 : ml_str_is(name, "LAST_MONTH")
      ? -1 : ml_str_is(name, "NEXT_MONTH") ? 1 : 9;
  int y, m, x, want = 31;

  if (step == 9 || n > 1)
    return false;
  ml_text_civil(today, &y, &m, &x);
  d->from = month_day(y, m, step, 1);
  d->to = month_day(y, m, step + 1, 1);
  if (n == 0)
    return true;
  if (args[0].word.p == NULL)
    want = args[0].number >= 1 && args[0].number <= 31 ? (int)args[0].number : 0;
  else if (!ml_str_is(args[0].word, "LAST"))
    return false;
  d->from = month_day(y, m, step, want);
  d->to = d->from + 1;
  return want > 0;
}

static bool year_span(ml_str name, size_t n, int64_t today, Days *d) {
  int step = ml_str_is(name, "THIS_YEAR") ? 0 : ml_str_is(name, "LAST_YEAR")
      ? -1 : ml_str_is(name, "NEXT_YEAR") ? 1 : 9;
  int y, m, x;

  if (step == 9 || n > 0)
    return false;
  ml_text_civil(today, &y, &m, &x);
  d->from = ml_text_days(y + step, 1, 1);
  d->to = ml_text_days(y + step + 1, 1, 1);
  return true;
}

static bool from_today(ml_str name, const ks_when_arg *args, size_t n,
                       int64_t today, Days *d) {
  int y, m, x, by;

  if (!ml_str_is(name, "FROM_TODAY") || n != 2 || args[0].word.p != NULL ||
      args[0].number < -36500 || args[0].number > 36500)
    return false;
  by = (int)args[0].number;
  ml_text_civil(today, &y, &m, &x);
  if (ml_str_is(args[1].word, "DAYS"))
    d->from = today + by;
  else if (ml_str_is(args[1].word, "WEEKS"))
    d->from = today + 7 * by;
  else if (ml_str_is(args[1].word, "MONTHS") && by > -12000 && by < 12000)
    d->from = month_day(y, m, by, x);
  else if (ml_str_is(args[1].word, "YEARS") && by > -1000 && by < 1000)
    d->from = month_day(y, m, 12 * by, x);
  else
    return false;
  d->to = d->from + 1;
  return true;
}

bool ks_when(ml_str name, const ks_when_arg *args, size_t n, int64_t now_ms,
             bool days, int64_t *from, int64_t *to) {
  int64_t today = ks_zone_day(now_ms);
  Days d;

  if (ml_str_is(name, "NOW") && n == 0) {
    *from = days ? today * DAY_MS : now_ms - now_ms % MINUTE_MS;
    *to = *from + (days ? DAY_MS : MINUTE_MS);
    return true;
  }
  if (!(n == 0 && day_spans(name, today, &d)) &&
      !week_span(name, args, n, today, &d) &&
      !month_span(name, args, n, today, &d) &&
      !year_span(name, n, today, &d) && !from_today(name, args, n, today, &d))
    return false;
  *from = days ? d.from * DAY_MS : ks_zone_midnight(d.from);
  *to = days ? d.to * DAY_MS : ks_zone_midnight(d.to);
  return true;
}
