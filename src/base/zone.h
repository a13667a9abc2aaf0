/*
** zone.h - local time of an IANA time zone, and UTC.
**
** A zone is read from the system's zoneinfo folder (TZif, version 2 or later)
** into an arena; then it is never changed and may be read from any thread.
** For years behind the file's table its footer rule counts, so the year 2100
** has summer time if today has.  "UTC" and fixed offsets ("+09:00") need no
** file.  Moments are milliseconds since 1970 UTC; a local time is written as
** the milliseconds since 1970 that a clock on the wall there would count.
*/
#ifndef ML_BASE_ZONE_H
#define ML_BASE_ZONE_H

#include <stdint.h>

#include "base/mem.h"
#include "base/pack.h"
#include "base/rc.h"

#define ML_ZONE_FOLDER "/usr/share/zoneinfo"
enum { ML_ZONE_NAME_MAX = 64, ML_ZONE_FILE_MAX = 256 << 10 };

typedef struct ml_zone ml_zone;

/* "Europe/Berlin", "UTC", "+09:00".  ML_NOT_FOUND: "zone 'X' is not known on
** this machine"; ML_CORRUPT: there is such a file, but it is no zone. */
ml_rc ml_zone_open(ml_arena *a, ml_str name, const ml_zone **out, ml_err *e);
/* The bytes of a TZif file.  ML_CORRUPT, ML_NOMEM. */
ml_rc ml_zone_parse(ml_arena *a, ml_str bytes, const ml_zone **out);

int64_t ml_zone_local(const ml_zone *z, int64_t utc_ms);
/* A local time that exists twice gives the first of the two moments, one that
** does not exist the end of the gap. */
int64_t ml_zone_utc(const ml_zone *z, int64_t local_ms);

#endif
