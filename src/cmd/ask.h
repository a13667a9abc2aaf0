/*
** ask.h - a verb that asks an engine: what it works with.
**
** The dispatcher makes it before the verb runs and ends it behind; answers
** live in its arena.  The REPL makes one a line.
*/
#ifndef ML_CMD_ASK_H
#define ML_CMD_ASK_H

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/args.h"
#include "cmd/out.h"
#include "cmd/remote.h"

typedef struct ml_ask {
  const ml_args *args;
  ml_remote *remote;
  ml_arena arena;
  ml_form form;
  ml_buf path, body;
  ml_jw w;                       /* writes into body */
} ml_ask;

/* Exit code; said on standard error when it is not ML_EXIT_FINE. */
int ml_ask_begin(ml_ask *q, const ml_args *a);
void ml_ask_end(ml_ask *q);

/* Send path, and body when there is one, and forget both. */
int ml_ask_send(ml_ask *q, const char *method, ml_json **out);
/* GET path as a list of at most --limit items (`dflt` without it). */
int ml_ask_list(ml_ask *q, size_t dflt, ml_json **out);
/* The body as an object with one text; nothing more for value NULL. */
void ml_ask_text(ml_ask *q, const char *key, const char *value);

/*
** Words "field=value" as an object of data.  `fields` is a list of objects
** with "id", "short" and "type" (a form or a workflow's fields; may be NULL):
** by its type a value is read as a text, an integer, a list, ...; with
** "field:=json" it is JSON in any case.  ML_INVALID: *e says which word.
*/
ml_rc ml_ask_pairs(ml_jw *w, const ml_json *fields, const char *const *words,
                   size_t count, ml_err *e);
/* --data: its JSON object, or an empty one, with the pairs on top, as the next
** value of w. */
ml_rc ml_ask_data(ml_ask *q, const ml_json *fields, size_t first_word,
                  ml_err *e);

#endif
