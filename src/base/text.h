/*
** text.h - UTF-8, durations, moments, names and encodings in text form.
*/
#ifndef ML_BASE_TEXT_H
#define ML_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/pack.h"
#include "base/rc.h"

bool ml_text_utf8(ml_str s);                  /* well-formed; no surrogates */
size_t ml_text_chars(ml_str s);               /* code points; s is valid */
/* Valid, without control characters, line and paragraph separators, and the
** marks that turn the direction of the text around them. */
bool ml_text_printable(ml_str s);
/* `s` fit for a sentence to a person: what is not printable becomes '?'; cut
** with "..." to what `size` (at least 8) holds, at a character's end. */
void ml_text_excerpt(char *out, size_t size, ml_str s);

/* SEMANTICS.md 31: a file or folder name `[a-z0-9][a-z0-9_-]{0,63}`; and a
** name or label: printable UTF-8, 1 to 200 bytes, no blank at either end. */
bool ml_text_is_filename(ml_str s);
bool ml_text_is_name(ml_str s);

/*
** A duration: "250ms", "5s", "15m", "72h", "3d", "2w", "1h30m", "3 days",
** "15 minutes" (units in full, singular or plural, also allowed), or "0".
** Units fall in size from left to right, each once.  At most 100 years.
** Out: milliseconds.
*/
ml_rc ml_text_duration(ml_str s, int64_t *ms, ml_err *e);
/* The shortest text that ml_text_duration reads back: "1h30m". */
void ml_text_put_duration(ml_buf *b, int64_t ms);
/* For people, at most two units: "3 days 4 h", "12 s", "250 ms". */
void ml_text_put_age(ml_buf *b, int64_t ms);

/*
** Moments.  Reading accepts RFC 3339 ("2026-03-01T04:05:06.789Z",
** "...+09:00"), also without seconds, also with a bare hour offset ("+09");
** a zone must be given.  Out: ms since 1970 UTC.  Years 1 to 9999.
*/
ml_rc ml_text_moment(ml_str s, int64_t *ms, ml_err *e);
void ml_text_put_moment(ml_buf *b, int64_t ms);   /* ...T04:05:06Z, with .789 only
                                                     when ms are not 0 */
/* Days since 1970-01-01 and back (proleptic Gregorian calendar). */
int64_t ml_text_days(int year, int month, int day);
void ml_text_civil(int64_t days, int *year, int *month, int *day);

/* Base64 (RFC 4648; url = the url-safe alphabet without padding), hex. */
void ml_text_put_base64(ml_buf *b, ml_str s, bool url);
ml_rc ml_text_base64(ml_buf *out, ml_str s, bool url);   /* strict */
void ml_text_put_hex(ml_buf *b, const void *p, size_t n);
ml_rc ml_text_hex(void *out, size_t n, ml_str s);        /* exactly n bytes */

/* Percent-encoding: all but RFC 3986 unreserved characters; and back
** ('+' is a blank when `form`).  Bad escapes: ML_INVALID. */
void ml_text_put_url(ml_buf *b, ml_str s);
ml_rc ml_text_unurl(ml_buf *b, ml_str s, bool form);

/* A UUID as 36 characters, and back (lower or upper case). */
void ml_text_put_uuid(ml_buf *b, const uint8_t id[16]);
bool ml_text_uuid(ml_str s, uint8_t id[16]);

/* Width of a text in terminal cells (East Asian wide = 2), for tables. */
size_t ml_text_cells(ml_str s);

/* A decimal integer of the whole text; no blanks, no '+'. */
bool ml_text_int(ml_str s, int64_t *out);
/* A size in bytes: "65536", "64KiB", "16MiB", "1GiB"; no sign, no fraction. */
bool ml_text_size(ml_str s, int64_t *out);

#endif
