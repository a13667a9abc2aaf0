/*
** value.h - one field's value: read from a request, stored, written out.
**
** The stored form is the "value" of KINTONE.md 4, except that a table's rows
** are stored as {"id": "3", "value": {CODE: V}}, without types.
*/
#ifndef KS_VALUE_H
#define KS_VALUE_H

#include "schema.h"
#include "util.h"

typedef enum ks_fit {
  KS_FITS,
  KS_BAD_SHAPE,        /* the JSON is not of the shape the type has */
  KS_NO_NUMBER
} ks_fit;

/* Bring `in` (borrowed) into stored form; not for tables.  null is empty. */
ks_fit ks_value_read(ml_arena *a, const ks_field *f, const ml_json *in,
                     const ml_json **out);

const ml_json *ks_value_none(const ks_field *f);    /* the empty value */
bool ks_value_empty(const ml_json *v);

/* {"type": T, "value": V} of a stored value. */
void ks_value_put(ml_jw *w, const ks_field *f, const ml_json *v);

/* Dates: "2015", "2015-7", "2015-7-5" to days since 1970. */
bool ks_date_read(ml_str s, int64_t *days);
/* "9:30", "09:30", "09:30:15" to minutes since midnight. */
bool ks_time_read(ml_str s, int *minutes);
/* A moment or a date (its midnight in UTC); seconds are cut off. */
bool ks_moment_read(ml_str s, int64_t *ms);
ml_str ks_moment_text(ml_arena *a, int64_t ms);     /* seconds are 00 */

#endif
