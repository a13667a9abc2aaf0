/*
** view.h - a process for people: where it stands, what happened, why it
** waits.  From the API's JSON; shared by the verbs and the REPL.
*/
#ifndef ML_CMD_VIEW_H
#define ML_CMD_VIEW_H

#include "base/buf.h"
#include "base/json.h"

/* Everything on a page or so. */
void ml_view_process(ml_buf *b, const ml_json *process);
/* Where it stands: its phases, and what is live. */
void ml_view_where(ml_buf *b, const ml_json *process);
/* "field   value" lines. */
void ml_view_data(ml_buf *b, const ml_json *data);
/* Its open tasks, one a line. */
void ml_view_tasks(ml_buf *b, const ml_json *tasks);
/* A timeline; `items` of the history. */
void ml_view_history(ml_buf *b, const ml_json *items);
/* Sentences: what each live activity waits for, and since when. */
void ml_view_why(ml_buf *b, const ml_json *process, const ml_json *history,
                 int64_t now_ms);
/* List tables of the API's items; `width` as for ml_table_put. */
void ml_view_list(ml_buf *b, const ml_json *items, const char *kind,
                  size_t width);

#endif
