/*
** args.h - what stands on the command line.
**
** `--opt VALUE`, `--opt=VALUE`, `-o VALUE`, flags; `--` ends the options.
** What is not given comes from the environment or moonlane.lua (config.h).
*/
#ifndef ML_CMD_ARGS_H
#define ML_CMD_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/pack.h"
#include "base/rc.h"
#include "cmd/config.h"

/* Exit codes (DESIGN.md, "Command line"). */
enum {
  ML_EXIT_FINE = 0, ML_EXIT_FALSE = 1, ML_EXIT_USAGE = 2,
  ML_EXIT_NOT_FOUND = 3, ML_EXIT_REFUSED = 4, ML_EXIT_CONFLICT = 5,
  ML_EXIT_UNREACHABLE = 6, ML_EXIT_TIMEOUT = 7,
  ML_EXIT_STOPPED = 70          /* the disk failed the engine */
};

typedef struct ml_opt {
  const char *name;              /* without the dashes */
  const char *value;             /* what it is called in help; NULL: a flag */
  const char *help;
  char letter;                   /* -o; 0: none */
} ml_opt;

struct ml_verb;

typedef struct ml_args {
  const struct ml_verb *verb;
  const ml_config *config;
  const char **words;            /* what is no option, behind the verb */
  size_t word_count;
  struct ml_given {
    const ml_opt *opt;
    const char *value;           /* "" for a flag */
  } *given;
  size_t given_count;
} ml_args;

/*
** Read `argc` words by the lists of options (each ended by a name of NULL;
** the list of lists by NULL).  ML_INVALID: *e says what, and the nearest
** known option.  The words are borrowed.
*/
ml_rc ml_args_read(ml_args *a, const ml_opt *const *lists, int argc,
                   const char *const *argv, ml_err *e);
void ml_args_done(ml_args *a);

/* The last value given, else the one configured, else NULL. */
const char *ml_args_get(const ml_args *a, const char *name);
/* The same, on the command line only. */
const char *ml_args_given(const ml_args *a, const char *name);
/* A flag that stands there, or is configured true. */
bool ml_args_flag(const ml_args *a, const char *name);
/* Of an option that may be given several times: how many, and the i-th.  Given
** ones replace configured ones. */
size_t ml_args_count(const ml_args *a, const char *name);
const char *ml_args_nth(const ml_args *a, const char *name, size_t i);
/* An integer within bounds; `dflt` when not given.  ML_INVALID. */
ml_rc ml_args_int(const ml_args *a, const char *name, int64_t lo, int64_t hi,
                  int64_t dflt, int64_t *out, ml_err *e);
/* A duration in ms. */
ml_rc ml_args_duration(const ml_args *a, const char *name, int64_t dflt,
                       int64_t *out, ml_err *e);
/* The word at i, or NULL. */
const char *ml_args_word(const ml_args *a, size_t i);

/* The one of `names` (ended by NULL) that is nearest to `word`, or NULL when
** none is near. */
const char *ml_args_nearest(const char *word, const char *const *names);

#endif
