/*
** backup.h - a copy of a store while it is being written.
**
** All pages of one moment: the copy is made under one snapshot, which is held
** from the first page to the last, so a commit meanwhile neither shows in it
** nor makes it begin again.  It goes to FILE.partial, is flushed, looked at
** whole (integrity_check), renamed to FILE, and the directory is flushed: a
** FILE that is there is a good one.  A FILE that was there is left alone.
**
** A snapshot keeps the log from being reused.  So the log may grow, but to the
** reserve only; past it the backup fails, never the service.
**
** The key of sealed settings (FILE.key of the engine) is not in it: keep it
** apart.
*/
#ifndef ML_STORE_BACKUP_H
#define ML_STORE_BACKUP_H

#include "store/store.h"

#define ML_BACKUP_RESERVE ((uint64_t)256 << 20)   /* log bytes, by default */

typedef struct ml_backup_conf {
  const char *path;              /* the store */
  const char *file;              /* the copy */
  uint64_t reserve;              /* 0: ML_BACKUP_RESERVE */
  /* Asked after each piece; false ends it (ML_AGAIN).  NULL: go on. */
  bool (*go_on)(void *arg, uint64_t pages_left);
  void *arg;
} ml_backup_conf;

typedef struct ml_backup_made {
  uint64_t bytes;
  uint32_t version;              /* of the schema */
} ml_backup_made;

/*
** Copy, whoever else has the store open.  ML_EXISTS: FILE is there;
** ML_LIMIT: the log outgrew the reserve; ML_FULL: no room for the copy;
** ML_CORRUPT: what was copied is damaged (and so is the store); ML_AGAIN: told
** not to go on, or another backup writes FILE.partial.
*/
ml_rc ml_backup_copy(const ml_backup_conf *conf, ml_backup_made *made,
                     ml_err *e);

/* The same of an open store, on a thread of its own; one at a time
** (ML_AGAIN).  done is called from ml_store_reap(). */
typedef void ml_backup_fn(void *arg, ml_rc rc, const ml_err *e,
                          const ml_backup_made *made);
ml_rc ml_store_backup(ml_store *s, const char *file, uint64_t reserve,
                      ml_backup_fn *done, void *arg, ml_err *e);
/* A backup under way is given up: its done will come soon. */
void ml_store_backup_stop(ml_store *s);

/* FILE.lock, as whoever opens a store to write takes it.  ML_EXISTS: an engine
** holds it; *e names its pid.  Ended by close(*fd). */
ml_rc ml_store_lock(const char *path, int *fd, ml_err *e);

#endif
