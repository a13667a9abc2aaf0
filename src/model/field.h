/*
** field.h - typed values: check what comes in, give back its one form.
**
** A value lives as canonical JSON text: what ml_field_check() wrote.  Two
** equal values have equal bytes.  "No value" is an ml_str without bytes
** (p == NULL), never the text "null".
*/
#ifndef ML_MODEL_FIELD_H
#define ML_MODEL_FIELD_H

#include "base/buf.h"
#include "base/json.h"
#include "base/rc.h"
#include "model/flow.h"

/* Without another word of the field's `most`. */
enum { ML_FIELD_BYTES_MAX = 1 << 20, ML_FIELD_STRING_MAX = 64 << 10 };

/*
** Check `v` against the field and append its canonical JSON to `out`.  null
** and "" (for the text-like, date-like and select types) are "no value":
** then nothing is appended.  ML_INVALID: *e says what is allowed; e->at is
** `at` with the field's id behind it ("/data/q_plan").
**   string, email, url, phone: text; email, url and phone by their form
**   select: a choice's id        multi: list of choice ids, no doubles
**   integer: an integer or a real without fraction in 64 bits
**   datetime: integer ms or RFC 3339 text    date "YYYY-MM-DD"  time "HH:MM[:SS]"
**   decimal: a text or number of digits; kept as text without needless zeros
**   multi and []: no value      number: 2.0 is kept as 2
**   float as number; stringId: printable, no blanks, at most 200 bytes;
**   integerId: an integer above 0; integerEnum, floatEnum: a number that is one
**   of the choices; multiIntegerEnum, multiFloatEnum: lists of such
**   name: one line that is not blank, at most 200 bytes
**   datetimeISO8601: as datetime, kept as text in UTC
**   photo, audio: a URL; multiPhotos: a list of at most 100
**   nested: an object; apiControlled: anything, as json
**   json: members sorted, numbers as above; "" is a value
** At most ML_FIELD_STRING_MAX bytes (text, json: ML_FIELD_BYTES_MAX), or the
** field's own `max`; never more than its `most` (the limit `result`).
** A sealed field's value never appears in e->text.
*/
ml_rc ml_field_check(const ml_field *f, const ml_json *v, const char *at,
                     ml_buf *out, ml_err *e);
/* Has a field of this type choices? */
bool ml_field_chooses(ml_ftype t);

/* The same for a setting's value.  duration: a text ("15m") or integer ms;
** kept as integer ms.  A secret is kept as text, and never shown. */
ml_rc ml_setting_check(const ml_setting *s, const ml_json *v, const char *at,
                       ml_buf *out, ml_err *e);

#endif
