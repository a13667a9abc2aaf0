/* reach.c - is there an engine, or is the store ours? */
#include "cmd/reach.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/out.h"
#include "store/backup.h"

static bool is_there(const char *path) {
  struct stat st;

  return stat(path, &st) == 0;
}

/* An engine holds it: its socket is where serve puts it. */
static int ask_holder(ml_reach *p, const ml_args *a, const char *db,
                      const ml_err *held) {
  const char *socket = ml_args_get(a, "socket");

  if (socket == NULL)
    socket = ml_arena_printf(&p->arena, "%s.sock", db);
  if (socket == NULL)
    return ml_out_fail(ML_EXIT_FALSE, "out of memory");
  if (!is_there(socket))
    return ml_out_fail(ML_EXIT_CONFLICT, "%s, and there is no %s to ask it; say "
                       "where it listens with --socket PATH", held->text, socket);
  return ml_remote_open_at(a, socket, &p->remote);
}

int ml_reach_open(ml_reach *p, const ml_args *a) {
  const char *db = ml_args_get(a, "db");
  ml_err e = {0};
  ml_rc rc;

  *p = (ml_reach){.lock = -1};
  if (db == NULL && is_there("moonlane.db"))
    db = "moonlane.db";
  if (ml_args_given(a, "db") == NULL &&
      (db == NULL || ml_args_given(a, "socket") != NULL))
    return ml_remote_open(a, &p->remote);
  if (!is_there(db))
    return ml_out_fail(ML_EXIT_NOT_FOUND, "there is no store %s", db);
  rc = ml_store_lock(db, &p->lock, &e);
  if (rc == ML_EXISTS)
    return ask_holder(p, a, db, &e);
  if (rc != ML_OK)
    return ml_out_error(ml_out_code(rc), &e);
  p->db = db;
  return ML_EXIT_FINE;
}

void ml_reach_close(ml_reach *p) {
  ml_remote_close(p->remote);
  if (p->lock >= 0)
    close(p->lock);
  ml_arena_free(&p->arena);
}
