/*
** serve.h - an engine that serves: what `serve` and `dev` have in common.
*/
#ifndef ML_CMD_SERVE_H
#define ML_CMD_SERVE_H

#include <stdbool.h>

#include "cmd/args.h"

typedef struct ml_serve_conf {
  const char *folder, *db, *socket, *key_file, *token_file, *listen;
  bool watch;                    /* load the folder again when it changes */
} ml_serve_conf;

/* Runs until a signal ends it.  Takes --allow, --host, --workers, --drain and
** --insecure-scripts from the arguments. */
int ml_serve(const ml_args *a, const ml_serve_conf *conf);

#endif
