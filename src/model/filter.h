/*
** filter.h - which processes of a workflow, and in what order.
**
** As a text (command line, URL):
**   source = 'web-form' and (score >= 50 or owner is empty) and not in ...
**     FIELD = != < <= > >= VALUE      FIELD in (VALUE, ...)   FIELD not in (..)
**     FIELD is empty                  FIELD is not empty
**     FIELD like 'begin%'             and, or, ( )
**   VALUE: 'text' ('' for a quote), 12, 1.5, true, false; for moments also
**   now, now + 3d, now - 12h.  `and` binds closer than `or`; the words of the
**   language in any case, names exact ("name" quotes one that is no plain word).
** As JSON (the `where` of list calls), all members and-ed:
**   {"source": "web-form",            equal; null: is empty; a list: in
**    "score": {">=": 50, "<": 90},    = != < <= > >= in notIn like empty
**    "or": [{...}, {...}], "and": [{...}]}      or the text form as one text
**
** FIELD is a field of the workflow by short id or id, or one of the process's
** own: ml_columns() lists them.  "data.NAME" is the field when both exist.
**
** What a comparison means: no value is neither less, equal nor more; `!=` and
** `not in` are exactly what `=` and `in` are not, so they take what has no
** value.  A field of many choices: `=`, `in`, `like` hold when any choice does,
** and it has no order.  Values are checked as the field's own type.
*/
#ifndef ML_MODEL_FILTER_H
#define ML_MODEL_FILTER_H

#include "base/json.h"
#include "base/mem.h"
#include "base/rc.h"
#include "model/flow.h"
#include "model/skey.h"

enum {
  ML_FILTER_BYTES_MAX = 8 << 10,
  ML_FILTER_DEPTH_MAX = 16,      /* brackets, lists of JSON */
  ML_FILTER_TESTS_MAX = 64,
  ML_FILTER_VALUES_MAX = 200,    /* of one `in` */
  ML_FILTER_LIKE_MAX = ML_SKEY_TEXT_MAX - 1
};

/* What a filter looks at: a field of the workflow, or a column. */
typedef enum ml_columnk {
  ML_COL_FIELD,
  ML_COL_STATUS, ML_COL_STATE, ML_COL_RUN, ML_COL_ASSIGNED_TO,
  ML_COL_SUBJECT, ML_COL_CREATED_BY, ML_COL_FIRST_ASSIGNED_TO,
  ML_COL_CREATED_AT, ML_COL_UPDATED_AT, ML_COL_COMPLETED_AT,
  ML_COL_CANCELLED_AT, ML_COL_NEXT_ACTION_AT, ML_COL_FIRST_ASSIGNED_AT,
  ML_COL_LAST_ASSIGNED_AT,
  ML_COL_ENTITY, ML_COL_RECORD, ML_COL_BELONGS_TO, ML_COL_BOOKING,
  ML_COL_COUNT
} ml_columnk;

typedef struct ml_column {
  ml_columnk kind;
  ml_ftype type;
  ml_str id;                     /* FIELD: its member in the data */
  ml_str name;                   /* as people call it */
} ml_column;

/* Columns of every process (kinds from 1): name and type.  `kept`: those an
** index keeps for each workflow that has a field to search. */
const ml_column *ml_columns(void);             /* [0] is none */
bool ml_column_kept(ml_columnk kind);
bool ml_column_object(ml_columnk kind);        /* an id of others: entity, ... */
bool ml_column_of(ml_str name, ml_column *out);   /* by name; not fields */

/* What is known of a process; texts borrowed. */
typedef struct ml_facts {
  ml_status status;
  ml_runs run;
  ml_str state, assigned_to, subject, created_by, first_assigned_to;
  ml_str entity, record, belongs_to, booking;
  int64_t created_ms, updated_ms, completed_ms, cancelled_ms, next_action_ms,
      first_assigned_ms, last_assigned_ms;     /* 0: none */
  ml_str data;                   /* JSON object by id */
} ml_facts;

typedef struct ml_skeys {        /* values of one column: EMPTY, or one or more */
  ml_skey *p, one;               /* p is &one unless it has many */
  size_t count;
} ml_skeys;

bool ml_filter_many(ml_ftype t);               /* a list of values: no order */
bool ml_filter_opaque(ml_ftype t);             /* JSON: only whether it is there */

/* Values of the columns, in `out[count]`; texts borrowed from the facts or in
** the arena.  ML_CORRUPT: the data are no such object. */
ml_rc ml_facts_get(ml_arena *a, const ml_facts *f, const ml_column *cols,
                   size_t count, ml_skeys *out);

typedef enum ml_fop {
  ML_FOP_EQ, ML_FOP_NE, ML_FOP_LT, ML_FOP_LE, ML_FOP_GT, ML_FOP_GE, ML_FOP_IN,
  ML_FOP_NOT_IN, ML_FOP_LIKE, ML_FOP_EMPTY, ML_FOP_NOT_EMPTY
} ml_fop;

typedef struct ml_fnode {
  enum { ML_FN_AND, ML_FN_OR, ML_FN_TEST } kind;
  struct ml_fnode *first, *next; /* AND, OR: parts */
  size_t col;                    /* TEST */
  ml_fop op;
  ml_skey *values;
  size_t count;
} ml_fnode;

typedef struct ml_filter {
  ml_column *cols;               /* what is looked at, each once */
  size_t col_count;
  ml_fnode *root;                /* NULL: every process */
  int order;                     /* index of cols; -1: by number, so newest first */
  bool down;                     /* the greatest first */
  ml_str entity;                 /* of a process that has none of its own: its
                                    workflow's, as the external form shows it */
} ml_filter;

typedef struct ml_filter_conf {
  const ml_flow *flow;           /* its fields; NULL: columns only */
  int64_t now_ms;
  /* The user whose name this is, when it is nobody's id; none: it stays. */
  ml_str (*person)(void *arg, ml_str name);
  void *arg;
} ml_filter_conf;

/*
** Parse; everything of *out lies in the arena (it borrows the flow's names).
** `where` none: every process.  `order`: "field", "-field" or none.
** ML_INVALID, ML_LIMIT: *e says what, at which character, what is allowed.
*/
ml_rc ml_filter_parse(ml_arena *a, const ml_filter_conf *conf, ml_str where,
                      ml_str order, ml_filter *out, ml_err *e);
ml_rc ml_filter_of_json(ml_arena *a, const ml_filter_conf *conf,
                        const ml_json *where, ml_str order, ml_filter *out,
                        ml_err *e);

/* Does it match?  values[]: what ml_facts_get() gave for f->cols. */
bool ml_filter_match(const ml_filter *f, const ml_skeys *values);

/* A test, or a whole tree, as text: for --explain. */
void ml_filter_put(ml_buf *b, const ml_filter *f, const ml_fnode *n);

#endif
