/*
** line.h - lines that somebody types, or that come out of a pipe.
**
** On a terminal with editing, a history of lines, and completion of the last
** word by the TAB key (libedit); else read as they are.
*/
#ifndef ML_CMD_LINE_H
#define ML_CMD_LINE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/pack.h"

typedef struct ml_line ml_line;

/* The i-th word that `word` may be completed to, standing as the first word of
** the line or not; none: no more. */
typedef ml_str ml_line_words(void *arg, bool first, size_t i);

ml_line *ml_line_new(ml_line_words *words, void *arg);   /* NULL: no memory */
void ml_line_free(ml_line *l);                           /* NULL allowed */
/* The next line without its end, put into an empty `out`.  False: the end. */
bool ml_line_read(ml_line *l, const char *prompt, ml_buf *out);
bool ml_line_typed(const ml_line *l);                    /* on a terminal */

/* What the text so far, a word's beginning, may go on with: the longest that
** all fitting words share (without the beginning).  *fitting: how many. */
void ml_line_common(ml_line_words *words, void *arg, bool first, ml_str begin,
                    ml_buf *more, size_t *fitting);

#endif
