/*
** talk.h - a verb that asks an engine: what it works with.
**
** The dispatcher makes it before the verb runs and ends it behind; answers
** live in its arena.  The REPL makes one a line.
*/
#ifndef ML_CMD_TALK_H
#define ML_CMD_TALK_H

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/args.h"
#include "cmd/out.h"
#include "cmd/remote.h"

typedef struct ml_talk {
  const ml_args *args;
  ml_remote *remote;
  ml_arena arena;
  ml_form form;
  ml_buf path, body;
  ml_jw w;                       /* writes into body */
  void (*seen)(void *arg, ml_str id);   /* an id that an answer showed; or NULL */
  void *seen_arg;
} ml_talk;

/* Exit code; said on standard error when it is not ML_EXIT_FINE. */
int ml_talk_begin(ml_talk *q, const ml_args *a);
void ml_talk_end(ml_talk *q);

/* Send path, and body when there is one, and forget both. */
int ml_talk_send(ml_talk *q, const char *method, ml_json **out);
/* GET path as a list of at most --limit items (`dflt` without it). */
int ml_talk_list(ml_talk *q, size_t dflt, ml_json **out);
/* The body as an object with one text; nothing more for value NULL. */
void ml_talk_text(ml_talk *q, const char *key, const char *value);

/*
** Words "field=value" as an object of data.  `fields` is a list of objects
** with "id", "short" and "type" (a form or a workflow's fields; may be NULL):
** by its type a value is read as a text, an integer, a list, ...; with
** "field:=json" it is JSON in any case.  ML_INVALID: *e says which word.
*/
ml_rc ml_talk_pairs(ml_jw *w, const ml_json *fields, const char *const *words,
                   size_t count, ml_err *e);
/* --data: its JSON object, or an empty one, with the pairs on top, as the next
** value of w. */
ml_rc ml_talk_data(ml_talk *q, const ml_json *fields, size_t first_word,
                  ml_err *e);

#endif
