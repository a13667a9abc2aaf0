/*
** zone.h - days as people in the caller's time zone count them.
**
** kintone reads TODAY() and its like in the zone of the calling user; here
** it is one setting of the whole simulator, Asia/Tokyo unless told.
*/
#ifndef KS_ZONE_H
#define KS_ZONE_H

#include <stdbool.h>
#include <stdint.h>

/* "Asia/Tokyo", "UTC" or another name of the system's zone files; false:
** there is no such zone. */
bool ks_zone_use(const char *name);

int64_t ks_zone_day(int64_t ms);        /* days since 1970-01-01, there */
int ks_zone_minute(int64_t ms);         /* minutes since midnight, there */
int64_t ks_zone_midnight(int64_t day);  /* when that day begins, ms UTC */

#endif
