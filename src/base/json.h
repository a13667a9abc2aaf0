/*
** json.h - JSON (RFC 8259), strict, bounded and exact.
**
** Integers that fit 64 bits stay integers, {} and [] and null and a missing
** member stay apart, bytes are valid UTF-8, a key stands once in an object.
** A number with a fraction or exponent is a double and prints as the
** shortest text that reads back to the same double, always with a '.' or an
** exponent, so it never turns into an integer.  An integer beyond 64 bits
** reads as a double (it is not an error: other people's answers hold them).
** NaN and infinity do not exist.  Refused: trailing bytes, BOM, control
** characters in strings, lone surrogates, leading zeros, comments.
**
** Two ways to read: a pull reader (ml_jread) that allocates nothing but a
** scratch for escaped strings, and a tree (ml_json) built with it in an
** arena.  One way to write: ml_jw, which places commas itself.
*/
#ifndef ML_BASE_JSON_H
#define ML_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/pack.h"
#include "base/rc.h"

/* Limits; a field of 0 stands for the default (SECURITY-NOTES.md 5).  Depth
** cannot be raised, digits to 400 at most. */
typedef struct ml_json_limits {
  uint32_t depth;     /* 64 */
  uint32_t members;   /* 50,000 array items and object members in all */
  uint32_t digits;    /* 64 digits in a number */
} ml_json_limits;

/* ---- pull reader ---- */

typedef enum ml_jtok {
  ML_JT_ERROR, ML_JT_END,            /* the text has ended, well */
  ML_JT_NULL, ML_JT_TRUE, ML_JT_FALSE, ML_JT_INT, ML_JT_REAL, ML_JT_STR,
  ML_JT_ARR, ML_JT_ARR_END, ML_JT_OBJ, ML_JT_OBJ_END,
  ML_JT_KEY                          /* then its value's token follows */
} ml_jtok;

typedef struct ml_jread {
  const char *s, *p, *end;
  int64_t i;            /* ML_JT_INT */
  double d;             /* ML_JT_REAL */
  ml_str str;           /* ML_JT_STR, ML_JT_KEY: decoded; in the input or in
                           `scratch`, valid until the next call */
  ml_buf scratch;
  ml_json_limits limits;
  uint32_t depth, members;
  size_t key_at;        /* ML_JT_KEY: the byte where the key begins */
  uint8_t expect;       /* private */
  uint64_t kinds;       /* private: a bit a level, array or object */
  const char *why;      /* ML_JT_ERROR: a sentence, static */
  const char *limit;    /* ML_JT_ERROR by a limit: its name above, or NULL */
  bool nomem;
} ml_jread;

/* Borrow `n` bytes at `s`.  `limits` may be NULL.  End with _done. */
void ml_jread_init(ml_jread *r, const char *s, size_t n,
                   const ml_json_limits *limits);
ml_jtok ml_jread_next(ml_jread *r);
void ml_jread_done(ml_jread *r);
size_t ml_jread_offset(const ml_jread *r);   /* byte where it stands */

/* ---- tree ---- */

typedef enum ml_jtype {
  ML_JNULL, ML_JBOOL, ML_JINT, ML_JREAL, ML_JSTR, ML_JARR, ML_JOBJ
} ml_jtype;

typedef struct ml_json {
  ml_jtype type;
  uint32_t count;              /* members of an array or object */
  union {
    bool b;
    int64_t i;
    double d;
    ml_str s;
    struct ml_json *arr;       /* count values */
    struct ml_jmember *obj;    /* count members, in the order of the text */
  };
} ml_json;

typedef struct ml_jmember {
  ml_str key;
  ml_json value;
} ml_jmember;

/*
** Read one JSON text into `a`; the tree holds no pointer into `s`.  On
** ML_INVALID *e says what and at which byte ("byte 17"); a key that stands
** twice in one object is refused.  ML_LIMIT: a limit named in *e.
*/
ml_rc ml_json_parse(ml_arena *a, const char *s, size_t n,
                    const ml_json_limits *limits, ml_json **out, ml_err *e);

/* Member by name, NULL when missing or when `o` is NULL or no object. */
const ml_json *ml_json_get(const ml_json *o, const char *key);
const ml_json *ml_json_at(const ml_json *a, size_t i);   /* or NULL */
/* Member's text / integer / truth, or the given default when it is missing or
** of another type. */
ml_str ml_json_str(const ml_json *o, const char *key);          /* none */
int64_t ml_json_int(const ml_json *o, const char *key, int64_t dflt);
bool ml_json_bool(const ml_json *o, const char *key, bool dflt);
bool ml_json_eq(const ml_json *a, const ml_json *b);   /* 2 equals 2.0; members
                                                          in any order */
const char *ml_json_type_name(ml_jtype t);   /* "null", "true or false",
                         "an integer", "a number", "a text", "a list", "an object" */

/* ---- writing ---- */

void ml_json_print(ml_buf *b, const ml_json *v);      /* compact */
void ml_json_pretty(ml_buf *b, const ml_json *v);     /* two spaces, newline */
void ml_json_put_str(ml_buf *b, ml_str s);            /* with quotes; none: null.
                               Bytes that are no UTF-8 become U+FFFD */
void ml_json_put_int(ml_buf *b, int64_t v);
void ml_json_put_real(ml_buf *b, double d);           /* not finite: null */

/* A writer that places commas and colons, up to 64 levels deep.
**   ml_jw w; ml_jw_init(&w, &buf);
**   ml_jw_obj(&w); ml_jw_key(&w, "id"); ml_jw_int(&w, 7); ml_jw_end(&w);  */
typedef struct ml_jw {
  ml_buf *b;
  uint32_t depth;
  uint64_t kinds;     /* private: a bit a level, 1 = object */
  bool comma;         /* private */
  bool after_key;     /* private */
} ml_jw;

void ml_jw_init(ml_jw *w, ml_buf *b);
void ml_jw_obj(ml_jw *w);
void ml_jw_arr(ml_jw *w);
void ml_jw_end(ml_jw *w);                      /* the innermost one */
void ml_jw_key(ml_jw *w, const char *key);
void ml_jw_keyn(ml_jw *w, ml_str key);
void ml_jw_null(ml_jw *w);
void ml_jw_bool(ml_jw *w, bool v);
void ml_jw_int(ml_jw *w, int64_t v);
void ml_jw_real(ml_jw *w, double v);
void ml_jw_str(ml_jw *w, ml_str s);            /* none: null */
void ml_jw_strz(ml_jw *w, const char *s);      /* NULL: null */
void ml_jw_raw(ml_jw *w, ml_str json);         /* a JSON text, as it is; none: null */
void ml_jw_json(ml_jw *w, const ml_json *v);   /* NULL: null */
/* key and value in one */
void ml_jw_kint(ml_jw *w, const char *key, int64_t v);
void ml_jw_kstr(ml_jw *w, const char *key, ml_str v);
void ml_jw_kstrz(ml_jw *w, const char *key, const char *v);
void ml_jw_kbool(ml_jw *w, const char *key, bool v);

#endif
