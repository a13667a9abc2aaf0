/*
** query.h - the query language of GET records.json (KINTONE.md 5).
**
**   query  := [or] ["order" "by" key {"," key}] ["limit" N] ["offset" N]
**   or     := and {"or" and}        and := test {"and" test}
**   test   := "(" or ")" | FIELD operator operand
**
** A query is read against one app: fields, options and operators are
** checked in the order of the text.  query.c reads, match.c judges records.
*/
#ifndef KS_QUERY_H
#define KS_QUERY_H

#include "store.h"

#define KS_LIMIT 100
#define KS_LIMIT_MAX 500
#define KS_OFFSET_MAX 10000

typedef enum ks_term_kind {
  KS_T_TEXT,          /* text: as written, numbers in plain form */
  KS_T_SPAN,          /* from..to: a moment, day or time, to exclusive */
  KS_T_NOBODY         /* PRIMARY_ORGANIZATION() of a caller without one */
} ks_term_kind;

typedef struct ks_term {
  ks_term_kind kind;
  ml_str text;
  int64_t from, to;   /* ms; of a DATE its midnight as if in UTC; of a TIME
                         since midnight */
  struct ks_term *next;
} ks_term;

typedef struct ks_cond {
  enum { KS_C_TEST, KS_C_AND, KS_C_OR } kind;
  struct ks_cond *first;          /* AND, OR */
  struct ks_cond *next;           /* the next one beside it */
  const ks_field *field;          /* TEST */
  ks_op op;
  ks_term *terms;                 /* one, or those of in (...) */
} ks_cond;

typedef struct ks_key {
  const ks_field *field;
  bool ascending;
  struct ks_key *next;
} ks_key;

typedef struct ks_query {
  ks_cond *cond;                  /* NULL: every record */
  ks_key *keys;                   /* NULL: $id desc */
  int64_t limit, offset;
  bool limited;                   /* limit or offset was written */
} ks_query;

/* NULL: the call has failed. */
ks_query *ks_query_read(ks_call *c, const ks_app *app, ml_str text);

bool ks_query_match(const ks_app *app, const ks_query *q, const ks_record *r);
/* As qsort wants it: who comes first in the answer. */
int ks_query_compare(const ks_app *app, const ks_query *q, const ks_record *x,
                     const ks_record *y);

/* Dates by function: TODAY() and its like, as [from, to).  `days`: as the
** field is a DATE.  False: no such function, or wrong arguments. */
typedef struct ks_when_arg {
  ml_str word;                    /* or none */
  int64_t number;
} ks_when_arg;
bool ks_when(ml_str name, const ks_when_arg *args, size_t n, int64_t now_ms,
             bool days, int64_t *from, int64_t *to);

#endif
