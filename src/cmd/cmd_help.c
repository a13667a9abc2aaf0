/* cmd_help.c - what there is. */
#include "cmd/out.h"
#include "cmd/verbs.h"

int ml_cmd_help(const ml_args *a) {
  const char *name = ml_args_word(a, 0);
  const ml_verb *v = name != NULL ? ml_verb_find(name) : NULL;
  ml_buf b = {0};

  if (name != NULL && v == NULL)
    return ml_out_fail(ML_EXIT_USAGE, "there is no verb '%.80s'; see moonlane "
                       "help", name);
  if (v != NULL)
    ml_help_verb(&b, v);
  else
    ml_help_all(&b);
  return ml_out_send(&b);
}
