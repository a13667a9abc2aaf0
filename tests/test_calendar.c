/*
** test_calendar.c - base/zone and model/calendar: what is the next moment of a
** plan, in zones of several habits, and the same worked out minute by minute.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/text.h"
#include "model/calendar.h"

#define MINUTE INT64_C(60000)
#define DAY (1440 * MINUTE)

static ml_arena arena;

static const ml_zone *zone(const char *name) {
  const ml_zone *z = NULL;
  ml_err e = {0};

  if (ml_zone_open(&arena, ml_str_of(name), &z, &e) != ML_OK)
    fail_msg("%s", e.text);
  return z;
}

static int64_t moment(const char *text) {
  int64_t ms = 0;
  ml_err e = {0};

  if (ml_text_moment(ml_str_of(text), &ms, &e) != ML_OK)
    fail_msg("%s", e.text);
  return ms;
}

/* "daily 02:30", "weekly mon 09:00", "monthly last 08:00", "every 15m" */
static ml_plan plan(const char *zone_name, const char *text) {
  static const char *const kinds[] = {"every ", "daily ", "weekly ",
                                      "monthly "};
  ml_plan p = {0};
  ml_err e = {0};
  ml_rc rc = ML_INVALID;

  for (int i = 0; i < 4; i++)
    if (strncmp(text, kinds[i], strlen(kinds[i])) == 0) {
      ml_str rest = ml_str_of(text + strlen(kinds[i]));

      p.kind = (ml_every)i;
      rc = i == 0 ? ml_text_duration(rest, &p.period_ms, &e)
                  : ml_plan_read(&p, rest, &e);
    }
  if (rc != ML_OK)
    fail_msg("%s: %s", text, e.text);
  p.zone = zone(zone_name);
  return p;
}

/* ---- the table ---- */

static const struct { const char *zone, *plan, *after, *next; } rows[] = {
  /* strictly after */
  {"UTC", "daily 02:30", "2026-03-02T02:29:59.999Z", "2026-03-02T02:30:00Z"},
  {"UTC", "daily 02:30", "2026-03-02T02:30:00Z", "2026-03-03T02:30:00Z"},
  {"UTC", "daily 00:00", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"},
  {"UTC", "daily 23:59, 12:00", "2026-03-02T11:00Z", "2026-03-02T12:00:00Z"},
  {"UTC", "daily 23:59, 12:00", "2026-03-02T12:00Z", "2026-03-02T23:59:00Z"},
  /* Berlin: 02:00 to 03:00 does not exist on 29 March 2026 */
  {"Europe/Berlin", "daily 02:30", "2026-03-27T12:00Z", "2026-03-28T01:30:00Z"},
  {"Europe/Berlin", "daily 02:30", "2026-03-28T01:30Z", "2026-03-29T01:00:00Z"},
  {"Europe/Berlin", "daily 02:30", "2026-03-29T01:00Z", "2026-03-30T00:30:00Z"},
  {"Europe/Berlin", "daily 02:00", "2026-03-28T12:00Z", "2026-03-29T01:00:00Z"},
  {"Europe/Berlin", "daily 03:00", "2026-03-28T12:00Z", "2026-03-29T01:00:00Z"},
  {"Europe/Berlin", "daily 02:10, 02:50", "2026-03-28T12:00Z",
   "2026-03-29T01:00:00Z"},
  {"Europe/Berlin", "daily 02:10, 02:50", "2026-03-29T01:00Z",
   "2026-03-30T00:10:00Z"},
  /* and exists twice on 25 October 2026 */
  {"Europe/Berlin", "daily 02:30", "2026-10-24T12:00Z", "2026-10-25T00:30:00Z"},
  {"Europe/Berlin", "daily 02:30", "2026-10-25T00:30Z", "2026-10-26T01:30:00Z"},
  {"Europe/Berlin", "daily 02:30", "2026-10-25T01:00Z", "2026-10-26T01:30:00Z"},
  {"Europe/Berlin", "daily 03:00", "2026-10-24T12:00Z", "2026-10-25T02:00:00Z"},
  {"Europe/Berlin", "weekly sun 02:30", "2026-03-23T00:00Z",
   "2026-03-29T01:00:00Z"},
  {"Europe/Berlin", "monthly last 02:30", "2026-10-01T00:00Z",
   "2026-10-31T01:30:00Z"},
  /* New York: 8 March and 1 November 2026 */
  {"America/New_York", "daily 02:30", "2026-03-08T00:00Z",
   "2026-03-08T07:00:00Z"},
  {"America/New_York", "daily 02:30", "2026-03-08T07:00Z",
   "2026-03-09T06:30:00Z"},
  {"America/New_York", "daily 01:30", "2026-11-01T00:00Z",
   "2026-11-01T05:30:00Z"},
  {"America/New_York", "daily 01:30", "2026-11-01T05:30Z",
   "2026-11-02T06:30:00Z"},
  {"America/New_York", "weekly mon 09:00, thu 09:00", "2026-03-02T14:00Z",
   "2026-03-05T14:00:00Z"},
  /* Lord Howe: half an hour, 5 April back at 02:00, 4 October on at 02:00 */
  {"Australia/Lord_Howe", "daily 01:45", "2026-04-04T00:00Z",
   "2026-04-04T14:45:00Z"},
  {"Australia/Lord_Howe", "daily 01:45", "2026-04-04T14:45Z",
   "2026-04-05T15:15:00Z"},
  {"Australia/Lord_Howe", "daily 02:15", "2026-10-03T00:00Z",
   "2026-10-03T15:30:00Z"},
  {"Australia/Lord_Howe", "daily 02:15", "2026-10-03T15:30Z",
   "2026-10-04T15:15:00Z"},
  /* no summer time; odd offsets; a fixed one */
  {"Asia/Tokyo", "daily 02:30", "2026-03-28T12:00Z", "2026-03-28T17:30:00Z"},
  {"Asia/Tokyo", "weekly mon 00:00", "2026-03-01T12:00Z",
   "2026-03-01T15:00:00Z"},
  {"Asia/Kathmandu", "daily 09:00", "2026-03-02T00:00Z", "2026-03-02T03:15:00Z"},
  {"Asia/Kathmandu", "daily 05:45", "2026-03-02T00:00Z", "2026-03-03T00:00:00Z"},
  {"+09:00", "daily 02:30", "2026-03-28T12:00Z", "2026-03-28T17:30:00Z"},
  {"-03:30", "daily 21:00", "2026-03-28T12:00Z", "2026-03-29T00:30:00Z"},
  /* the southern half: summer time over New Year */
  {"Australia/Sydney", "daily 02:30", "2026-10-03T00:00Z",
   "2026-10-03T16:00:00Z"},
  {"Australia/Sydney", "daily 02:30", "2026-04-04T00:00Z",
   "2026-04-04T15:30:00Z"},
  {"Australia/Sydney", "daily 12:00", "2050-12-31T12:00Z",
   "2051-01-01T01:00:00Z"},
  {"Pacific/Auckland", "monthly 1 08:00", "2026-06-02T00:00Z",
   "2026-06-30T20:00:00Z"},
  {"America/Santiago", "daily 00:00", "2026-09-05T12:00Z",
   "2026-09-06T04:00:00Z"},
  /* a day that was left out: Samoa, 30 December 2011 */
  {"Pacific/Apia", "daily 09:00", "2011-12-29T20:00Z", "2011-12-30T10:00:00Z"},
  {"Pacific/Apia", "daily 09:00", "2011-12-30T10:00Z", "2011-12-30T19:00:00Z"},
  /* negative summer time; a change before midnight of the day */
  {"Europe/Dublin", "daily 01:30", "2040-03-24T12:00Z", "2040-03-25T01:00:00Z"},
  {"America/Nuuk", "daily 23:30", "2060-03-27T12:00Z", "2060-03-28T01:00:00Z"},
  /* behind the tables: 2038, 2100 */
  {"Europe/Berlin", "daily 04:14", "2038-01-19T03:14:07Z",
   "2038-01-20T03:14:00Z"},
  {"Europe/Berlin", "daily 12:00", "2100-07-01T00:00Z", "2100-07-01T10:00:00Z"},
  {"Europe/Berlin", "daily 02:30", "2100-03-27T12:00Z", "2100-03-28T01:00:00Z"},
  {"Europe/Berlin", "daily 02:30", "2100-10-30T12:00Z", "2100-10-31T00:30:00Z"},
  {"America/New_York", "daily 12:00", "2100-07-01T00:00Z",
   "2100-07-01T16:00:00Z"},
  /* months and leap days */
  {"UTC", "monthly 31 08:00", "2026-01-31T08:00Z", "2026-03-31T08:00:00Z"},
  {"UTC", "monthly 31 08:00", "2026-03-31T08:00Z", "2026-05-31T08:00:00Z"},
  {"UTC", "monthly 30 08:00", "2026-01-30T08:00Z", "2026-03-30T08:00:00Z"},
  {"UTC", "monthly 29 08:00", "2026-01-29T08:00Z", "2026-03-29T08:00:00Z"},
  {"UTC", "monthly 29 08:00", "2028-01-29T08:00Z", "2028-02-29T08:00:00Z"},
  {"UTC", "monthly 29 08:00", "2100-01-29T08:00Z", "2100-03-29T08:00:00Z"},
  {"UTC", "monthly last 08:00", "2026-02-01T00:00Z", "2026-02-28T08:00:00Z"},
  {"UTC", "monthly last 08:00", "2028-02-28T08:00Z", "2028-02-29T08:00:00Z"},
  {"UTC", "monthly last 08:00", "2026-02-28T08:00Z", "2026-03-31T08:00:00Z"},
  {"UTC", "monthly 1 08:00, 15 20:00", "2026-02-01T08:00Z",
   "2026-02-15T20:00:00Z"},
  {"UTC", "monthly 31 00:00, last 00:00", "2026-03-30T00:00Z",
   "2026-03-31T00:00:00Z"},
  {"UTC", "monthly 31 00:00, last 00:00", "2026-03-31T00:00Z",
   "2026-04-30T00:00:00Z"},
  {"UTC", "weekly sat 23:59", "2028-02-26T23:59Z", "2028-03-04T23:59:00Z"},
  {"UTC", "weekly sun 00:00, sat 23:59", "2026-02-28T23:59Z",
   "2026-03-01T00:00:00Z"},
};

static void the_table(void **state) {
  (void)state;
  assert_true(sizeof rows / sizeof *rows >= 40);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ml_plan p = plan(rows[i].zone, rows[i].plan);
    int64_t next = ml_plan_next(&p, 0, moment(rows[i].after));
    ml_buf b = {0};

    ml_text_put_moment(&b, next);
    ml_buf_putc(&b, '\0');
    if (strcmp(b.p, rows[i].next) != 0)
      fail_msg("%s %s after %s: %s, wanted %s", rows[i].zone, rows[i].plan,
               rows[i].after, b.p, rows[i].next);
    ml_buf_free(&b);
  }
}

static void a_period_counts_from_its_anchor(void **state) {
  ml_plan p = plan("UTC", "every 15m");

  (void)state;
  assert_int_equal(ml_plan_next(&p, 1000, 1000), 1000 + 15 * MINUTE);
  assert_int_equal(ml_plan_next(&p, 1000, 999), 1000);
  assert_int_equal(ml_plan_next(&p, 1000, 1000 + 47 * MINUTE),
                   1000 + 60 * MINUTE);
  assert_int_equal(ml_plan_next(&p, 1000 + 60 * MINUTE, 1000 + 14 * MINUTE),
                   1000 + 15 * MINUTE);
  p.period_ms = 0;
  assert_int_equal(ml_plan_next(&p, 0, 1), 0);
}

/* ---- minute by minute ---- */

static uint64_t seed = 20260302;

static int64_t pick(int64_t n) {
  seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (int64_t)((seed >> 33) % (uint64_t)n);
}

/* The moment at which clocks first show that local time or a later one. */
static int64_t first_reached(const ml_zone *z, int64_t local) {
  int64_t t = local - 30 * 60 * MINUTE;

  while (ml_zone_local(z, t) < local)
    t += MINUTE;
  return t;
}

static void it_is_what_a_clock_on_the_wall_would_show(void **state) {
  static const char *const zones[] = {
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo",
    "Asia/Kathmandu", "Australia/Sydney", "America/Santiago", "Pacific/Apia",
    "Africa/Casablanca", "Europe/Dublin", "America/St_Johns", "Asia/Tehran"};

  (void)state;
  for (int i = 0; i < 3000; i++) {
    const ml_zone *z = zone(zones[pick(sizeof zones / sizeof *zones)]);
    /* half of them near the changes of spring and autumn */
    int64_t year = 1990 + pick(120), day = pick(365);
    int64_t after = ml_text_days((int)year, 1, 1) * DAY + day * DAY
                    + pick(1440) * MINUTE;
    ml_plan p = {.kind = ML_EVERY_DAY, .zone = z, .count = 1};
    int64_t want = 0, local_day, next;

    for (int d = 0; d < 370 && i % 2 == 0; d++) {   /* to the eve of a change */
      if (ml_zone_local(z, after + DAY) - ml_zone_local(z, after) != DAY)
        break;
      after += DAY;
    }
    p.times[0].minute = (uint16_t)(i % 3 == 0 ? pick(1440) : pick(240));
    local_day = ml_zone_local(z, after) / DAY - 1;
    while (want <= after)
      want = first_reached(z, local_day++ * DAY + p.times[0].minute * MINUTE);
    next = ml_plan_next(&p, 0, after);
    if (next != want)
      fail_msg("zone %d, %lld, minute %d: %lld, wanted %lld", i,
               (long long)after, p.times[0].minute, (long long)next,
               (long long)want);
    ml_arena_free(&arena);
  }
}

/* The C library reads the same files in its own way. */
static void offsets_are_those_of_the_c_library(void **state) {
  static const char *const zones[] = {
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo",
    "Asia/Kathmandu", "Australia/Sydney", "America/Santiago", "Pacific/Apia",
    "Africa/Casablanca", "Europe/Dublin", "America/Nuuk", "Etc/GMT+5"};

  (void)state;
  for (size_t k = 0; k < sizeof zones / sizeof *zones; k++) {
    const ml_zone *z = zone(zones[k]);

    setenv("TZ", zones[k], 1);
    tzset();
    for (int i = 0; i < 4000; i++) {
      time_t t = (time_t)(pick(INT64_C(5700000000)) - INT64_C(1500000000));
      struct tm tm;

      assert_non_null(localtime_r(&t, &tm));
      if (ml_zone_local(z, t * INT64_C(1000)) != (t + tm.tm_gmtoff) * INT64_C(1000))
        fail_msg("%s at %lld", zones[k], (long long)t);
    }
  }
  unsetenv("TZ");
  tzset();
}

/* ---- what is refused ---- */

static void texts_that_are_no_plan(void **state) {
  static const struct { ml_every kind; const char *text, *part; } bad[] = {
    {ML_EVERY_DAY, "25:00", "'25:00' is not a time from \"00:00\""},
    {ML_EVERY_DAY, "24:00", "a time"}, {ML_EVERY_DAY, "12:60", "a time"},
    {ML_EVERY_DAY, "2:30", "a time"}, {ML_EVERY_DAY, "", "a time"},
    {ML_EVERY_DAY, "02:30,", "a time"}, {ML_EVERY_DAY, "mon 02:30", "a time"},
    {ML_EVERY_WEEK, "xyz 09:00", "sun mon tue wed thu fri sat"},
    {ML_EVERY_WEEK, "mon", "a day"}, {ML_EVERY_WEEK, "Mon 09:00", "a day"},
    {ML_EVERY_WEEK, "09:00", "a day"}, {ML_EVERY_WEEK, "mon09:00", "a day"},
    {ML_EVERY_MONTH, "0 08:00", "1 to 31 or last"},
    {ML_EVERY_MONTH, "32 08:00", "a day"}, {ML_EVERY_MONTH, "-1 08:00", "a day"},
    {ML_EVERY_MONTH, "first 08:00", "a day"}, {ML_EVERY_MONTH, "1", "a day"}};
  char many[400] = "00:00";

  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ml_plan p = {.kind = bad[i].kind};
    ml_err e = {0};

    if (ml_plan_read(&p, ml_str_of(bad[i].text), &e) != ML_INVALID
        || strstr(e.text, bad[i].part) == NULL)
      fail_msg("'%s': %s", bad[i].text, e.text);
  }
  for (int i = 1; i <= ML_PLAN_TIMES_MAX; i++) {
    ml_plan p = {.kind = ML_EVERY_DAY};

    assert_int_equal(ml_plan_read(&p, ml_str_of(many), NULL), ML_OK);
    assert_int_equal(p.count, i);
    strcat(many, ", 00:00");
  }
  {
    ml_plan p = {.kind = ML_EVERY_DAY};
    ml_err e = {0};

    assert_int_equal(ml_plan_read(&p, ml_str_of(many), &e), ML_INVALID);
    assert_string_equal(e.text, "more than 32 times");
  }
}

static void zones_that_are_none(void **state) {
  static const char *const bad[] = {
    "Europe/Nowhere", "", "/etc/passwd", "../../../etc/passwd", "Europe",
    "Europe/", "europe berlin", "+9:00", "+09:60", "+15:00", "+0900",
    "a-name-that-is-much-longer-than-any-name-of-a-zone-may-ever-be-here"};

  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const ml_zone *z = NULL;
    ml_err e = {0};

    if (ml_zone_open(&arena, ml_str_of(bad[i]), &z, &e) != ML_NOT_FOUND
        || strstr(e.text, "is not known on this machine") == NULL || z != NULL)
      fail_msg("'%s': %s", bad[i], e.text);
  }
  {
    const ml_zone *z = NULL;
    ml_err e = {0};

    assert_int_equal(ml_zone_open(&arena, ML_STR("leapseconds"), &z, &e),
                     ML_CORRUPT);
  }
}

/* Cut at every byte, and with every byte changed: refused or read, no more. */
static void a_broken_file_is_refused(void **state) {
  FILE *f = fopen(ML_ZONE_FOLDER "/Europe/Berlin", "rb");
  static char bytes[20000], copy[20000];
  size_t n, taken = 0;

  (void)state;
  assert_non_null(f);
  n = fread(bytes, 1, sizeof bytes, f);
  fclose(f);
  assert_in_range(n, 100, sizeof bytes - 1);
  for (size_t i = 0; i <= n; i++) {
    const ml_zone *z = NULL;
    char *cut = malloc(i + 1);               /* so that a sanitizer sees */

    memcpy(cut, bytes, i);
    assert_int_equal(ml_zone_parse(&arena, (ml_str){cut, i}, &z),
                     i == n ? ML_OK : ML_CORRUPT);
    free(cut);
    ml_arena_free(&arena);
  }
  for (size_t i = 0; i < n; i++) {
    const ml_zone *z = NULL;

    memcpy(copy, bytes, n);
    copy[i] = (char)(copy[i] ^ (1 << pick(8)));
    if (ml_zone_parse(&arena, (ml_str){copy, n}, &z) == ML_OK) {
      taken++;
      ml_zone_utc(z, moment("2026-03-29T02:30Z"));
      ml_zone_utc(z, moment("2100-03-29T02:30Z"));
    }
    ml_arena_free(&arena);
  }
  assert_in_range(taken, 1, n - 1);
}

static int clean(void **state) {
  (void)state;
  ml_arena_free(&arena);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_teardown(the_table, clean),
    cmocka_unit_test_teardown(a_period_counts_from_its_anchor, clean),
    cmocka_unit_test_teardown(it_is_what_a_clock_on_the_wall_would_show, clean),
    cmocka_unit_test_teardown(offsets_are_those_of_the_c_library, clean),
    cmocka_unit_test_teardown(texts_that_are_no_plan, clean),
    cmocka_unit_test_teardown(zones_that_are_none, clean),
    cmocka_unit_test_teardown(a_broken_file_is_refused, clean),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
