/*
** store_suite.h - what every store must do, whatever is behind store.h.
**
** A back end's test runs it on each way to open that store; store_suite*.c are
** linked into it by the Makefile.  Only store.h is used here: no SQL, no
** files.
*/
#ifndef TESTS_STORE_SUITE_H
#define TESTS_STORE_SUITE_H

#include "store/store.h"

typedef struct store_maker {
  const char *name;
  /* Fill *conf for a store that nobody has opened yet. */
  void (*fresh)(ml_store_conf *conf);
  bool threaded;           /* conf.threaded, and it is */
  bool lasting;            /* the same conf finds it again after a close */
} store_maker;

/* Number of failed tests. */
int store_suite_run(const store_maker *m);

/* For tests of a back end's own: one batch there and back, its rc; and a read
** job, waited for. */
ml_rc suite_commit(ml_store *s, ml_batch *b);
ml_batch *suite_batch(ml_store *s);
ml_row_process suite_process(int64_t n);

#endif
