/*
** skey.h - a value as lists compare it: the order that an index keeps.
**
** Numbers (integers and reals together, compared exactly) come before texts
** (by their bytes, which is the order of their characters), those before
** decimals, and "no value" comes last.  Truth is 0 and 1, a moment its ms.  A
** value of one class is neither less nor more than one of another: what a
** filter compares is of its own class or does not match.
*/
#ifndef ML_MODEL_SKEY_H
#define ML_MODEL_SKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/pack.h"
#include "model/word.h"

/* Bytes of a text that an index holds; what is longer is ordered by them. */
enum { ML_SKEY_TEXT_MAX = 200 };

typedef enum ml_skeyc {
  ML_SKEY_INT, ML_SKEY_REAL, ML_SKEY_TEXT,
  ML_SKEY_DECIMAL,               /* s: bytes whose order is that of the values */
  ML_SKEY_EMPTY, ML_SKEY_CLASSES
} ml_skeyc;

typedef struct ml_skey {
  ml_skeyc cls;
  union {
    int64_t i;
    double d;
  };
  ml_str s;                      /* borrowed */
} ml_skey;

#define ML_SKEY_NONE ((ml_skey){.cls = ML_SKEY_EMPTY})

int ml_skey_cmp(const ml_skey *a, const ml_skey *b);   /* -1, 0, 1 */
bool ml_skey_alike(const ml_skey *a, const ml_skey *b);   /* of one class */

/* The value of the token that `r` has just read, of a field of this type.  Its
** text lies in the reader's input or in the arena.  false: out of memory.  What
** no key can be made of (an object) is EMPTY. */
bool ml_skey_of_token(ml_arena *a, ml_ftype type, const ml_jread *r,
                      ml_jtok tok, ml_skey *out);
/* A canonical JSON text, as ml_field_check() wrote it. */
bool ml_skey_of_json(ml_arena *a, ml_ftype type, ml_str json, ml_skey *out);

/* As an index holds it. */
ml_skey ml_skey_cut(ml_skey k);

/* For cursors: bytes, and back (borrowed; false: no such bytes). */
void ml_skey_pack(ml_buf *b, const ml_skey *k);
bool ml_skey_unpack(ml_unpack *u, ml_skey *k);

#endif
