/*
** reach.h - a verb that works with the engine of a store, or without one.
**
** One engine owns a store (SEMANTICS.md 25).  So: with --socket or --url, the
** engine there; with --db, or a moonlane.db in this folder, that store: its
** engine when one holds FILE.lock (asked at FILE.sock), else the file itself,
** with the lock held by us until the end.
*/
#ifndef ML_CMD_REACH_H
#define ML_CMD_REACH_H

#include "cmd/args.h"
#include "cmd/remote.h"

/* For a verb's list: --db and where an engine is. */
#define ML_REACH_OPTS \
  {"db", "FILE", "the store, when no engine runs (moonlane.db)", 0}, \
  {"socket", "PATH", "the engine's Unix socket (FILE.sock)", 0}

typedef struct ml_reach {
  ml_remote *remote;             /* an engine; or NULL: */
  const char *db;                /* the file, ours alone */
  int lock;
  ml_arena arena;
} ml_reach;

/* Exit code, said when it is not ML_EXIT_FINE. */
int ml_reach_open(ml_reach *p, const ml_args *a);
void ml_reach_close(ml_reach *p);

#endif
