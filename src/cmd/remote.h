/*
** remote.h - asking a running engine: the HTTP API, one call after the other.
**
** Over the engine's Unix socket, which is found by --socket, MOONLANE_SOCKET,
** moonlane.db.sock or the only *.sock in this folder; or over --url with a
** token.  A token goes over the socket only when it is given as an option.
**
** Functions that give an int give an exit code; when it is not
** ML_EXIT_FINE they have said why on standard error.
*/
#ifndef ML_CMD_REMOTE_H
#define ML_CMD_REMOTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/pack.h"
#include "cmd/args.h"

typedef struct ml_remote ml_remote;

/* Options that say where the engine is: of every verb that asks it. */
extern const ml_opt ml_remote_opts[];

int ml_remote_open(const ml_args *a, ml_remote **out);
/* The same at this socket; NULL: where the options say. */
int ml_remote_open_at(const ml_args *a, const char *socket, ml_remote **out);
void ml_remote_close(ml_remote *r);              /* NULL allowed */

/*
** One call.  `body` NULL: none; a buffer that is bad: out of memory.
** ML_EXIT_FINE: there is a complete answer, any status, with its body in *out
** (in `a`; NULL when there is none).  No answer: said, and the code.
*/
int ml_remote_ask(ml_remote *r, ml_arena *a, const char *method,
                  const ml_buf *path, const ml_buf *body, int *status,
                  ml_json **out);
/* The same; a status that is no success is said too: problem+json as a
** sentence, and the exit code that fits. */
int ml_remote_call(ml_remote *r, ml_arena *a, const char *method,
                   const ml_buf *path, const ml_buf *body, ml_json **out);
/* Say a problem and give its exit code. */
int ml_remote_problem(int status, const ml_json *problem);

/* GET without a body. */
int ml_remote_get(ml_remote *r, ml_arena *a, const ml_buf *path, ml_json **out);
/* GET a list page by page, at most `limit` items: an object with "items" and
** "next" as the API has it. */
int ml_remote_list(ml_remote *r, ml_arena *a, const ml_buf *path, size_t limit,
                   ml_json **out);

/* Append `pattern` with each {} replaced by the next text, percent-encoded. */
void ml_path(ml_buf *b, const char *pattern, ...);
/* Append "?name=value" or "&name=value", encoded; nothing when value is NULL. */
void ml_path_query(ml_buf *b, const char *name, const char *value);

/*
** A process by its id, or by a beginning or end of it of at least 4
** characters that fits one only of the newest processes; in `out` the full
** id.  A task likewise among the open ones, or by its label.
*/
#define ML_ID_TEXT 64
int ml_remote_process(ml_remote *r, const char *word, char out[ML_ID_TEXT]);
int ml_remote_task(ml_remote *r, const char *word, const char *as,
                   char out[ML_ID_TEXT]);

#endif
