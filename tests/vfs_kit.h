/*
** vfs_kit.h - a VFS over SQLite's own, whose files do what a test says.
**
** vfs_kit_begin() registers it; each file's methods are a copy that `change`
** has altered, and what it puts there calls vfs_kit_real(f)->xWrite() and the
** like for what a real disk does.  Files may be used by any thread.
*/
#ifndef VFS_KIT_H
#define VFS_KIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include <sqlite3.h>

enum { VFS_KINDS = 8 };          /* of files, that differ in their methods */

static struct {
  sqlite3_vfs vfs, *under;
  void (*change)(sqlite3_io_methods *own);
  pthread_mutex_t mu;
  struct { const sqlite3_io_methods *of; sqlite3_io_methods own; } kinds[VFS_KINDS];
} vfs_kit = {.mu = PTHREAD_MUTEX_INITIALIZER};

static inline const sqlite3_io_methods *vfs_kit_real(const sqlite3_file *f) {
  for (size_t i = 0; i < VFS_KINDS; i++)
    if (f->pMethods == &vfs_kit.kinds[i].own)
      return vfs_kit.kinds[i].of;
  abort();
}

static inline int vfs_kit_open(sqlite3_vfs *v, const char *name,
                               sqlite3_file *f, int flags, int *out) {
  int rc = vfs_kit.under->xOpen(vfs_kit.under, name, f, flags, out);
  size_t i = 0;

  (void)v;
  if (rc != SQLITE_OK || f->pMethods == NULL)
    return rc;
  pthread_mutex_lock(&vfs_kit.mu);
  while (vfs_kit.kinds[i].of != NULL && vfs_kit.kinds[i].of != f->pMethods)
    if (++i == VFS_KINDS)
      abort();
  if (vfs_kit.kinds[i].of == NULL) {
    vfs_kit.kinds[i].of = f->pMethods;
    vfs_kit.kinds[i].own = *f->pMethods;
    vfs_kit.change(&vfs_kit.kinds[i].own);
  }
  f->pMethods = &vfs_kit.kinds[i].own;
  pthread_mutex_unlock(&vfs_kit.mu);
  return SQLITE_OK;
}

/* Once a program.  `by_default`: for all that name no other.  False: refused. */
static inline bool vfs_kit_begin(const char *name, bool by_default,
                                 void (*change)(sqlite3_io_methods *own)) {
  vfs_kit.under = sqlite3_vfs_find(NULL);
  if (vfs_kit.under == NULL)
    return false;
  vfs_kit.change = change;
  vfs_kit.vfs = *vfs_kit.under;
  vfs_kit.vfs.zName = name;
  vfs_kit.vfs.xOpen = vfs_kit_open;
  vfs_kit.vfs.pNext = NULL;
  return sqlite3_vfs_register(&vfs_kit.vfs, by_default) == SQLITE_OK;
}

#endif
