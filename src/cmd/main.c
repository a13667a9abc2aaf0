/* main.c - the program: a script worker's template, or a verb. */
#include <string.h>
#include <unistd.h>

#include "cmd/verbs.h"
#include "script/template.h"

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], ML_TEMPLATE_ARG) == 0)
    return ml_template_main(ML_TEMPLATE_FD,
                            argc > 2 && strcmp(argv[2], ML_TEMPLATE_INSECURE) == 0);
  return ml_cmd_main(argc, argv, environ);
}
