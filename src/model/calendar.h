/*
** calendar.h - when a schedule comes next.
**
** A plan says the moments at which a schedule trigger starts something:
**   every   a period, counted from an anchor: anchor + n * period
**   daily   "02:30"                 that time of every day
**   weekly  "mon 09:00"             of those days of the week
**   monthly "1 08:00", "last 08:00" of that day of the month; a month that does
**                                   not have the day (29 to 31) is left out
** The last three may be lists ("mon 09:00, thu 09:00") and count by the clocks
** of their zone.  A local time that does not exist (clocks go forward) comes
** once, at the end of the gap; one that exists twice comes once, the first
** time; two that would come at one moment are one.
**
** Nothing here looks at a clock: the moment is handed in.
*/
#ifndef ML_MODEL_CALENDAR_H
#define ML_MODEL_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/zone.h"

typedef enum ml_every { ML_EVERY_PERIOD, ML_EVERY_DAY, ML_EVERY_WEEK,
                        ML_EVERY_MONTH } ml_every;

enum { ML_PLAN_TIMES_MAX = 32, ML_PLAN_LAST = 32 };

typedef struct ml_plan {
  ml_every kind;
  int64_t period_ms;             /* ML_EVERY_PERIOD: more than 0 */
  const ml_zone *zone;           /* the others; NULL: it never comes */
  struct {
    uint8_t day;                 /* of the week, 0 Sunday; of the month, 1 to 31
                                    or ML_PLAN_LAST */
    uint16_t minute;             /* of the day */
  } times[ML_PLAN_TIMES_MAX];
  uint8_t count;
} ml_plan;

/* The text of `daily`, `weekly` or `monthly` (p->kind says which) into p;
** ML_INVALID with a sentence that says what is allowed. */
ml_rc ml_plan_read(ml_plan *p, ml_str text, ml_err *e);

/* The first moment strictly after `after_ms`; 0: none. */
int64_t ml_plan_next(const ml_plan *p, int64_t anchor_ms, int64_t after_ms);

#endif
