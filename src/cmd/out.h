/*
** out.h - what a command prints: tables for people, JSON for programs.
**
** Standard output is the answer, standard error what went wrong.  On a
** terminal a table (`-o table`), else JSON; `-o json`, `-o jsonl` (one line an
** item of a list).  Whatever comes from a process is cleaned before a
** terminal sees it: control bytes and marks that turn text around become '?'.
*/
#ifndef ML_CMD_OUT_H
#define ML_CMD_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/pack.h"
#include "cmd/args.h"

typedef enum ml_form { ML_FORM_TABLE, ML_FORM_JSON, ML_FORM_JSONL } ml_form;

/* What is asked for.  ML_INVALID: no such form. */
ml_rc ml_out_form(const ml_args *a, ml_form *form, ml_err *e);

/* Print and free.  ML_EXIT_FINE, or ML_EXIT_FALSE when it cannot be written or
** memory ran out (then it says so). */
int ml_out_send(ml_buf *b);
/* A JSON value: as it is (pretty on a terminal); of a list with jsonl only its
** items, one a line. */
int ml_out_json(const ml_json *v, ml_form form);

/* "moonlane: sentence" on standard error; returns `code`. */
int ml_out_fail(int code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The same for an error: the place first, if there is one. */
int ml_out_error(int code, const ml_err *e);
/* Exit code for a result. */
int ml_out_code(ml_rc rc);

/* ---- pieces of text ---- */

/* As it may stand in one line on a terminal. */
void ml_out_clean(ml_buf *b, ml_str s);
/* A moment in local time, "2026-03-01 13:05:06"; 0: "". */
void ml_out_time(ml_buf *b, int64_t ms);
/* "12 s", "3 days 4 h": how long from `ms` to `now`. */
void ml_out_age(ml_buf *b, int64_t ms, int64_t now);
/* A label: a text, or one of an object of texts by language, chosen by LANG,
** then "en", then the first. */
ml_str ml_out_label(const ml_json *v);
/* A value in one line: a text as it is, else JSON. */
void ml_out_value(ml_buf *b, const ml_json *v);

/* ---- tables ---- */

enum { ML_COLUMNS_MAX = 12 };

typedef struct ml_table {
  const char *const *titles;     /* one a column */
  size_t columns;
  size_t wide;                   /* the column that gives way when it is tight */
  ml_buf text;                   /* cells, each ended by NUL */
  size_t cells;
} ml_table;

/* titles: `columns` texts, borrowed.  wide: index of the column to cut. */
void ml_table_init(ml_table *t, const char *const *titles, size_t columns,
                   size_t wide);
void ml_table_cell(ml_table *t, ml_str s);     /* row by row */
void ml_table_cellz(ml_table *t, const char *s);
void ml_table_time(ml_table *t, int64_t ms);
/* Lay it out for `width` terminal cells (0: no limit), and free. */
void ml_table_put(ml_table *t, size_t width, ml_buf *out);
/* Cells of the terminal that standard output is, or 0. */
size_t ml_out_width(void);

#endif
