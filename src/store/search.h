/*
** search.h - processes by what is in them: the index of search fields, and
** lists by a filter and an order.
**
** Keeping   The store keeps the index itself: whoever writes a process's row
**           writes, in the same commit, the entries of the fields that changed.
**           Which fields: ml_batch_search_set().  A workflow without any costs
**           nothing; one with any has the kept columns of model/filter.h too.
** Filling   A field that a workflow gains is filled for the processes there are
**           in pieces (ml_batch_search_fill); until then no search uses it.
** Exact     What an index gives is judged once more by the row itself, in the
**           same snapshot.  Texts are ordered by their first ML_SKEY_TEXT_MAX
**           bytes; equal ones by number, in the direction of the order.
** Bounded   A page looks at no more than ML_SEARCH_LOOK_MAX processes; then it
**           may be short, or empty, and its cursor goes on from there.  An order
**           without an index takes all that match, or says ML_LIMIT.
*/
#ifndef ML_STORE_SEARCH_H
#define ML_STORE_SEARCH_H

#include "model/filter.h"
#include "store/store.h"

enum {
  ML_SEARCH_LOOK_MAX = 20000,    /* processes looked at for one page */
  ML_SEARCH_FEW = 1000,          /* entries that are looked at and sorted rather
                                    than walked in order */
  ML_SEARCH_SKIP_MAX = 10000,
  ML_SEARCH_FILL = 500           /* processes filled in by one piece */
};

/* ---- which fields ---- */

typedef struct ml_search_field { /* one that is kept */
  uint32_t no, workflow;
  ml_str field;                  /* id; a column as "$name" */
  ml_ftype type;
  int64_t done, last;            /* filled when done >= last */
  bool gone;                     /* its entries are leaving */
} ml_search_field;

/* From this commit on exactly these fields of the workflow are kept. */
void ml_batch_search_set(ml_batch *b, uint32_t workflow,
                         const ml_search_field *fields, size_t count);
/* A piece of what is to be filled in, or of what is to leave. */
void ml_batch_search_fill(ml_batch *b, size_t limit);
/* All of them, small: is anything left to do? */
ml_rc ml_read_search_fields(ml_read *r, ml_arena *a, ml_search_field **out,
                            size_t *count);

/* ---- lists ---- */

typedef struct ml_search {
  uint32_t workflow;             /* 0: of all, without an index */
  const ml_filter *filter;
  ml_str team;                   /* the wall; none: not looked at */
  size_t limit, skip;
  bool from;                     /* a cursor: behind (after, after_n) */
  ml_skey after;                 /* value of the order's column, cut; EMPTY when
                                    the order is the number */
  int64_t after_n;
} ml_search;

typedef struct ml_searched {
  ml_row_process *rows;
  size_t count;
  bool more;                     /* there may be more behind: */
  ml_skey next;
  int64_t next_n;
  size_t looked;                 /* processes looked at */
  bool indexed;                  /* an index of search fields served */
  ml_str plan;                   /* how, for a person */
} ml_searched;

/* Everything of *out lies in the arena.  ML_LIMIT: *e says what is too much. */
ml_rc ml_read_search(ml_read *r, ml_arena *a, const ml_search *s,
                     ml_searched *out, ml_err *e);

#endif
