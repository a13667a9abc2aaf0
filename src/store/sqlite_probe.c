/* sqlite_probe.c - a small write that says whether the disk takes one. */
#include "store/sqlite_row.h"

void ml_batch_probe(ml_batch *b) {
  ml_batch_begin(b, OP_PROBE);
}

/* The last bit of this start's moment: a page that really changes (SQLite does
** not write what is the same), and nothing anybody reads. */
ml_rc ml_apply_probe(ml_feed *r) {
  ml_rc rc = row_begin(r, SQL_PROBE);

  return rc == ML_OK ? row_step(r) : rc;
}
