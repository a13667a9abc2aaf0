/* zone.c - days as people in one time zone count them. */
#include "zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

bool ks_zone_use(const char *name) {
  char path[256];
  const char *tz = name;

  /* both work without zone files on the machine */
  if (strcmp(name, "Asia/Tokyo") == 0) {
    tz = "JST-9";
  } else if (strcmp(name, "UTC") == 0) {
    tz = "UTC0";
  } else {
    int n = snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);

    if (n < 0 || (size_t)n >= sizeof path || strstr(name, "..") != NULL ||
        access(path, R_OK) != 0)
      return false;
  }
  if (setenv("TZ", tz, 1) != 0)
    return false;
  tzset();
  return true;
}

static struct tm local(int64_t ms) {
  time_t t = (time_t)(ms / 1000 - (ms % 1000 < 0));
  struct tm tm = {0};

  localtime_r(&t, &tm);
  return tm;
}

int64_t ks_zone_day(int64_t ms) {
  struct tm tm = local(ms);

  return ml_text_days(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

int ks_zone_minute(int64_t ms) {
  struct tm tm = local(ms);

  return tm.tm_hour * 60 + tm.tm_min;
}

int64_t ks_zone_midnight(int64_t day) {
  struct tm tm = {0};
  int y, m, d;

  ml_text_civil(day, &y, &m, &d);
  tm.tm_year = y - 1900;
  tm.tm_mon = m - 1;
  tm.tm_mday = d;
  tm.tm_isdst = -1;
  return (int64_t)mktime(&tm) * 1000;
}
