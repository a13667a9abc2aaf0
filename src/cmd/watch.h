/*
** watch.h - tell when a file below a folder changes.
**
** inotify where there is one; else the folder is looked at twice a second.
** Changes close together are told once.
*/
#ifndef ML_CMD_WATCH_H
#define ML_CMD_WATCH_H

#include <stdbool.h>

#include "net/loop.h"

typedef struct ml_watch ml_watch;

/* `poll`: do not ask for inotify (tests).  fn(arg) on the loop, for each change
** of what is in `dir`.  NULL: out of memory. */
ml_watch *ml_watch_new(ml_loop *l, const char *dir, bool poll, ml_loop_fn *fn,
                       void *arg);
void ml_watch_free(ml_watch *w);       /* NULL allowed */

#endif
