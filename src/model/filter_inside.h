/* filter_inside.h - what the two readers of filters share (filter.c). */
#ifndef ML_MODEL_FILTER_INSIDE_H
#define ML_MODEL_FILTER_INSIDE_H

#include "model/filter.h"

typedef struct filter_make {
  ml_arena *a;
  const ml_filter_conf *conf;
  ml_filter *f;
  size_t col_cap, tests;
  ml_err *e;
  char at[120];                  /* where the reader stands, for *e */
} filter_make;

ml_rc filter_fail(filter_make *m, ml_rc rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Index of the column; its sentence when there is none such. */
ml_rc filter_column(filter_make *m, ml_str name, size_t *col);
/* A test; `values` as they were written (none for EMPTY). */
ml_rc filter_test(filter_make *m, size_t col, ml_fop op, const ml_json *values,
                  size_t count, ml_fnode **out);
ml_fnode *filter_node(filter_make *m, int kind);       /* NULL: no memory */
ml_rc filter_order(filter_make *m, ml_str order);
ml_rc filter_text(filter_make *m, ml_str where);       /* sets f->root */
ml_rc filter_json(filter_make *m, const ml_json *where);

#endif
