/*
** rows.h - the table: which rows there are, what was measured, how far each
** is from its floor.
**
** All rows stand in rows.c, in the order in which they are shown.  A row
** gets a value for each repetition and shows their median and spread; its ratio is
** its median by that of its floor, taken in the same run.
*/
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include "tool.h"

void row_put(const char *id, double value);       /* dies: no such row */
double row_median(const char *id);                /* 0: nothing was put */
/* A sentence below the table. */
void row_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void rows_print(void);                            /* stdout */
void rows_json(const char *path, double seconds); /* dies */

#endif
