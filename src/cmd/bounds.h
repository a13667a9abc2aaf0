/*
** bounds.h - the operator's limits of scripts, from options and configuration.
*/
#ifndef ML_CMD_BOUNDS_H
#define ML_CMD_BOUNDS_H

#include "cmd/args.h"
#include "model/bound.h"

/* Their rows in a list of options. */
#define ML_OPTS_BOUNDS \
  {"script-units", "N", "units of a slice of a script, to 500000000 (20000000)", 0}, \
  {"script-time", "DURATION", "CPU time of a slice, to 30s (1s)", 0}, \
  {"script-memory", "SIZE", "of a script, to 256MiB (32MiB)", 0}, \
  {"script-coroutines", "N", "that have not ended, to 10000 (1000)", 0}, \
  {"script-result", "SIZE", "of one value: a result, a field's, an answer's, to " \
   "8MiB (1MiB)", 0}, \
  {"script-source", "SIZE", "of one source file, to 1MiB (256KiB)", 0}, \
  {"journal-entries", "N", "calls of one activity, to 20000 (2000)", 0}, \
  {"journal-bytes", "SIZE", "of their answers, to 64MiB (8MiB)", 0}, \
  {"rule-units", "N", "units of a rule, to 500000000 (1000000)", 0}, \
  {"rule-time", "DURATION", "CPU time of a rule, to 30s (50ms)", 0}

/* What is given or configured, up to the hard maxima; the rest is unset.
** ML_INVALID names the option and what is allowed. */
ml_rc ml_bounds_args(const ml_args *a, ml_bounds *out, ml_err *e);
/* One of them under another name ("units" for try). */
ml_rc ml_bounds_arg(const ml_args *a, const char *name, ml_bound b,
                    ml_bounds *out, ml_err *e);

#endif
