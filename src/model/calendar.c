/* calendar.c - see calendar.h. */
#include "model/calendar.h"

#include <string.h>

#include "base/text.h"

#define DAY_MS INT64_C(86400000)
#define MINUTE_MS INT64_C(60000)

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}

/* ---- reading ---- */

static const char *const week[] = {"sun", "mon", "tue", "wed", "thu", "fri",
                                   "sat"};
static const char *const allowed[] = {
  [ML_EVERY_PERIOD] = "a duration such as \"15m\"",
  [ML_EVERY_DAY] = "a time from \"00:00\" to \"23:59\"",
  [ML_EVERY_WEEK] = "a day (sun mon tue wed thu fri sat) and a time from 00:00 "
                    "to 23:59, as in \"mon 09:00, thu 09:00\"",
  [ML_EVERY_MONTH] = "a day (1 to 31 or last) and a time from 00:00 to 23:59, "
                     "as in \"1 08:00\" or \"last 08:00\"",
};

static ml_str trimmed(ml_str s) {
  while (s.n > 0 && s.p[0] == ' ') {
    s.p++;
    s.n--;
  }
  while (s.n > 0 && s.p[s.n - 1] == ' ')
    s.n--;
  return s;
}

/* What stands before `c` (all, when there is none); *s is what is behind. */
static ml_str cut(ml_str *s, char c) {
  const char *at = s->n > 0 ? memchr(s->p, c, s->n) : NULL;
  size_t n = at != NULL ? (size_t)(at - s->p) : s->n;
  ml_str head = {s->p, n};

  s->p += at != NULL ? n + 1 : n;
  s->n -= at != NULL ? n + 1 : n;
  return head;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool read_time(ml_str s, uint16_t *minute) {
  int h, m;

  if (s.n != 5 || s.p[2] != ':' || !is_digit(s.p[0]) || !is_digit(s.p[1])
      || !is_digit(s.p[3]) || !is_digit(s.p[4]))
    return false;
  h = (s.p[0] - '0') * 10 + s.p[1] - '0';
  m = (s.p[3] - '0') * 10 + s.p[4] - '0';
  *minute = (uint16_t)(h * 60 + m);
  return h < 24 && m < 60;
}

static bool read_day(ml_every kind, ml_str s, uint8_t *day) {
  int64_t n;

  if (kind == ML_EVERY_MONTH) {
    if (ml_str_is(s, "last")) {
      *day = ML_PLAN_LAST;
      return true;
    }
    if (s.n > 2 || !ml_text_int(s, &n) || n < 1 || n > 31)
      return false;
    *day = (uint8_t)n;
    return true;
  }
  for (uint8_t i = 0; i < 7; i++)
    if (ml_str_is(s, week[i])) {
      *day = i;
      return true;
    }
  return false;
}

static bool read_one(ml_plan *p, ml_str s) {
  uint8_t day = 0;
  uint16_t minute;

  if (p->kind != ML_EVERY_DAY && !read_day(p->kind, cut(&s, ' '), &day))
    return false;
  if (!read_time(trimmed(s), &minute))
    return false;
  p->times[p->count].day = day;
  p->times[p->count].minute = minute;
  p->count++;
  return true;
}

ml_rc ml_plan_read(ml_plan *p, ml_str text, ml_err *e) {
  ml_str rest = text;
  char shown[80];
  bool more = true;

  p->count = 0;
  while (more) {
    const char *comma = rest.n > 0 ? memchr(rest.p, ',', rest.n) : NULL;

    more = comma != NULL;
    if (p->count == ML_PLAN_TIMES_MAX)
      return ml_err_set(e, ML_INVALID, "", "more than %d times",
                        ML_PLAN_TIMES_MAX);
    if (!read_one(p, trimmed(cut(&rest, ',')))) {
      p->count = 0;                         /* half a plan is none */
      ml_text_excerpt(shown, sizeof shown, text);
      return ml_err_set(e, ML_INVALID, "", "'%s' is not %s", shown,
                        allowed[p->kind]);
    }
  }
  return ML_OK;
}

/* ---- what comes next ---- */

static bool is_on(const ml_plan *p, int i, int64_t day) {
  int y, m, d, last = p->times[i].day == ML_PLAN_LAST;

  if (p->kind == ML_EVERY_DAY)
    return true;
  if (p->kind == ML_EVERY_WEEK)             /* day 0 was a Thursday */
    return day + 4 - floor_div(day + 4, 7) * 7 == p->times[i].day;
  ml_text_civil(day + last, &y, &m, &d);    /* the last: tomorrow is a 1st */
  return d == (last ? 1 : p->times[i].day);
}

/* Days in their order, the first that has a moment behind `after`: local times
** that rise give moments that do not fall. */
static int64_t next_by_clock(const ml_plan *p, int64_t after) {
  int64_t day = floor_div(ml_zone_local(p->zone, after), DAY_MS) - 1;
  int64_t end = day + 70;                   /* the 31st: 62 days apart at most */

  for (; day < end; day++) {
    int64_t best = 0;

    for (int i = 0; i < p->count; i++) {
      int64_t at;

      if (!is_on(p, i, day))
        continue;
      at = ml_zone_utc(p->zone, day * DAY_MS + p->times[i].minute * MINUTE_MS);
      if (at > after && (best == 0 || at < best))
        best = at;
    }
    if (best != 0)
      return best;
  }
  return 0;
}

int64_t ml_plan_next(const ml_plan *p, int64_t anchor_ms, int64_t after_ms) {
  if (p->kind != ML_EVERY_PERIOD)
    return p->zone != NULL ? next_by_clock(p, after_ms) : 0;
  if (p->period_ms <= 0)
    return 0;
  return anchor_ms + (floor_div(after_ms - anchor_ms, p->period_ms) + 1)
                     * p->period_ms;
}
