/*
** cpbm_args.h - a set of CloudPortal files, from the options of a command.
*/
#ifndef ML_CMD_CPBM_ARGS_H
#define ML_CMD_CPBM_ARGS_H

#include "cmd/args.h"
#include "cmd/cpbm.h"

/* Rows for the list of options of a verb that loads a set. */
#define ML_CPBM_OPTS \
  {"map", "FILE", "transactionWorkflowMap.xml", 0}, \
  {"workflows", "FILE", "workflows.xml", 0}, \
  {"beans", "FILE", "applicationContext-workflow-customizations.xml", 0}, \
  {"type", "WORD", "a type of transaction that is known too; repeatable", 0}, \
  {"activity", "REF", "an activity that is known too; repeatable", 0}, \
  {"max-file", "BYTES", "of each file; 16777216 unless told", 0}, \
  {"max-depth", "N", "elements in elements; 32", 0}, \
  {"max-attribute", "BYTES", "of an attribute's value; 4096", 0}, \
  {"max-rule", "BYTES", "of a rule; 16384", 0}, \
  {"max-rule-depth", "N", "brackets in brackets of a rule; 64", 0}, \
  {"max-matches", "N", "matches in the map; 10000", 0}, \
  {"max-workflows", "N", "workflows; 10000", 0}

/* The options of a command as a source whose files have no bytes yet. */
typedef struct ml_cpbm_asked {
  ml_cpbm_source src;
  ml_buf bytes[3];
  const char **types, **activities;
} ml_cpbm_asked;

/* Exit code; said on standard error when not ML_EXIT_FINE. */
int ml_cpbm_ask(const ml_args *a, ml_cpbm_asked *q);
void ml_cpbm_asked_done(ml_cpbm_asked *q);

/*
** Read --map, --workflows and --beans, and load.  Mistakes and warnings go to
** `fault`.  ML_EXIT_FALSE: there were mistakes; ML_EXIT_NOT_FOUND and others:
** said.
*/
int ml_cpbm_open(const ml_args *a, ml_cpbm_asked *q, ml_cpbm_fault_fn *fault,
                 void *arg, ml_cpbm **out);

/* Faults as lines: "file:line: sentence", "file:line: warning: sentence". */
void ml_cpbm_fault_line(void *buf, ml_str file, uint32_t line,
                        const char *text, bool warning);
/* Those lines to standard error, and free. */
void ml_cpbm_say(ml_buf *lines);

#endif
