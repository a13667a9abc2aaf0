/*
** api_shape.h - the shapes of what the API takes and gives, in one small
** notation, so that what is checked, what is documented and what is tested
** are the same text:
**
**   Task { id:str, assignee:str?, status:OPEN|COMPLETED|CANCELLED,
**          outcomes:[Outcome], note?:str "what the person wrote" }
**
** `...Task` among the members stands for those of the shape Task, given before.
** A member is `name:type`, `name?:type` when it may be missing.  A type is
** str, int, num, bool, obj (any object), any, label (a text, or texts by
** language), the name of a shape, words parted by '|', [type] for a list,
** {type} for an object of such values; '?' behind it allows null.  A text in
** double quotes behind it is its description.  No other members are allowed.
*/
#ifndef ML_API_SHAPE_H
#define ML_API_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rc.h"

typedef enum ml_shape_kind {
  ML_SHAPE_STR, ML_SHAPE_INT, ML_SHAPE_NUM, ML_SHAPE_BOOL, ML_SHAPE_OBJ,
  ML_SHAPE_ANY, ML_SHAPE_LABEL, ML_SHAPE_REF, ML_SHAPE_WORDS, ML_SHAPE_LIST,
  ML_SHAPE_MAP
} ml_shape_kind;

typedef struct ml_shape_type {
  ml_shape_kind kind;
  bool null_ok;
  ml_str text;                   /* REF: the name; WORDS: "A|B" */
  const struct ml_shape *ref;    /* REF */
  struct ml_shape_type *of;      /* LIST, MAP */
} ml_shape_type;

typedef struct ml_shape_member {
  ml_str name;
  bool required;
  ml_shape_type type;
  ml_str about;                  /* or none */
} ml_shape_member;

typedef struct ml_shape {
  ml_str name;
  ml_shape_member *members;
  size_t count;
} ml_shape;

enum { ML_SHAPES_MAX = 128, ML_SHAPE_MEMBERS_MAX = 48 };

typedef struct ml_shapes {
  ml_arena arena;
  ml_shape all[ML_SHAPES_MAX];
  size_t count;
} ml_shapes;

/* Read more shapes out of `text` (borrowed: it must outlive *s).  ML_INVALID:
** the text is wrong, *e shows where it stands. */
ml_rc ml_shapes_add(ml_shapes *s, const char *text, ml_err *e);
/* After the last add: bind names to shapes.  ML_INVALID: one is not there. */
ml_rc ml_shapes_bind(ml_shapes *s, ml_err *e);
void ml_shapes_done(ml_shapes *s);

const ml_shape *ml_shapes_find(const ml_shapes *s, ml_str name);   /* or NULL */

/* Does `v` have the shape?  ML_INVALID: e->at is a JSON pointer. */
ml_rc ml_shape_check(const ml_shape *s, const ml_json *v, ml_err *e);

/* As JSON Schema (2020-12), references to #/components/schemas/NAME. */
void ml_shape_put_schema(ml_jw *w, const ml_shape *s);

/* Step through parts of `text` parted by `by`: the next part, or none. */
ml_str ml_shape_part(ml_str *text, char by);

#endif
