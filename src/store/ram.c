/* ram.c - an SQLite VFS of files in memory. */
#include "store/ram.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { FILES = 8, NAME = 64, PAGE = 4096 };

typedef struct bytes {
  char *p;
  size_t n, cap;
} bytes;

typedef struct ramfile {
  char name[NAME];
  bool there;
  bytes now, safe;               /* written; flushed */
} ramfile;

struct ml_ram {
  sqlite3_vfs vfs;
  char name[40];
  ramfile files[FILES];
  ml_ram_gate *gate;
  void *arg;
  bool off;
};

typedef struct handle {
  sqlite3_file base;             /* first: SQLite's */
  ml_ram *m;
  ramfile *f;
} handle;

/* ---- bytes ---- */

static bool room(bytes *b, size_t n) {
  size_t cap = b->cap > 0 ? b->cap : 16 * PAGE;
  char *p;

  if (n <= b->cap)
    return true;
  while (cap < n)
    cap *= 2;
  p = ml_mem_realloc(b->p, cap);
  if (p == NULL)
    return false;
  b->p = p;
  b->cap = cap;
  return true;
}

static bool stretch(bytes *b, size_t n) {
  if (n <= b->n)
    return true;
  if (!room(b, n))
    return false;
  memset(b->p + b->n, 0, n - b->n);
  b->n = n;
  return true;
}

static bool copy(bytes *to, const bytes *from) {
  if (!room(to, from->n))
    return false;
  if (from->n > 0)
    memcpy(to->p, from->p, from->n);
  to->n = from->n;
  return true;
}

static void drop(ramfile *f) {
  ml_mem_free(f->now.p);
  ml_mem_free(f->safe.p);
  memset(f, 0, sizeof *f);
}

static ramfile *named(ml_ram *m, const char *name) {
  for (int i = 0; i < FILES; i++)
    if (m->files[i].there && strcmp(m->files[i].name, name) == 0)
      return &m->files[i];
  return NULL;
}

static bool is_log(const ramfile *f) {
  size_t n = strlen(f->name);

  return n > 4 && strcmp(f->name + n - 4, "-wal") == 0;
}

/* ---- a file ---- */

#define OF(file) ((handle *)(file))

static int f_close(sqlite3_file *file) {
  (void)file;
  return SQLITE_OK;
}

static int f_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at) {
  const bytes *b = &OF(file)->f->now;
  size_t have = 0;

  if (OF(file)->m->off)
    return SQLITE_IOERR_READ;
  if ((size_t)at < b->n)
    have = b->n - (size_t)at < (size_t)n ? b->n - (size_t)at : (size_t)n;
  if (have > 0)
    memcpy(p, b->p + at, have);
  memset((char *)p + have, 0, (size_t)n - have);
  return have == (size_t)n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int f_write(sqlite3_file *file, const void *p, int n,
                   sqlite3_int64 at) {
  bytes *b = &OF(file)->f->now;

  if (OF(file)->m->off)
    return SQLITE_IOERR_WRITE;
  if (!stretch(b, (size_t)at + (size_t)n))
    return SQLITE_FULL;
  memcpy(b->p + at, p, (size_t)n);
  return SQLITE_OK;
}

static int f_truncate(sqlite3_file *file, sqlite3_int64 n) {
  bytes *b = &OF(file)->f->now;

  if (OF(file)->m->off)
    return SQLITE_IOERR_TRUNCATE;
  if ((size_t)n < b->n)
    b->n = (size_t)n;
  return stretch(b, (size_t)n) ? SQLITE_OK : SQLITE_FULL;
}

static int f_sync(sqlite3_file *file, int flags) {
  ml_ram *m = OF(file)->m;
  ramfile *f = OF(file)->f;
  ml_ram_cut cut = ML_RAM_GO;

  (void)flags;
  if (m->off)
    return SQLITE_IOERR_FSYNC;
  if (is_log(f) && m->gate != NULL)
    cut = m->gate(m->arg);
  if (cut != ML_RAM_BEFORE && !copy(&f->safe, &f->now))
    return SQLITE_IOERR_FSYNC;
  m->off = cut != ML_RAM_GO;
  return m->off ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int f_size(sqlite3_file *file, sqlite3_int64 *n) {
  *n = (sqlite3_int64)OF(file)->f->now.n;
  return SQLITE_OK;
}

static int f_lock(sqlite3_file *file, int level) {
  (void)file;
  (void)level;
  return SQLITE_OK;
}

static int f_reserved(sqlite3_file *file, int *out) {
  (void)file;
  *out = 0;
  return SQLITE_OK;
}

static int f_control(sqlite3_file *file, int op, void *arg) {
  (void)file;
  if (op != SQLITE_FCNTL_MMAP_SIZE)
    return SQLITE_NOTFOUND;
  *(sqlite3_int64 *)arg = 0;
  return SQLITE_OK;
}

static int f_sector(sqlite3_file *file) {
  (void)file;
  return PAGE;
}

static int f_device(sqlite3_file *file) {
  (void)file;
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
  .iVersion = 1, .xClose = f_close, .xRead = f_read, .xWrite = f_write,
  .xTruncate = f_truncate, .xSync = f_sync, .xFileSize = f_size,
  .xLock = f_lock, .xUnlock = f_lock, .xCheckReservedLock = f_reserved,
  .xFileControl = f_control, .xSectorSize = f_sector,
  .xDeviceCharacteristics = f_device,
};

/* ---- names ---- */

static ramfile *make(ml_ram *m, const char *name) {
  for (int i = 0; i < FILES; i++) {
    ramfile *f = &m->files[i];

    if (f->there || strlen(name) >= sizeof f->name)
      continue;
    memset(f, 0, sizeof *f);
    snprintf(f->name, sizeof f->name, "%s", name);
    f->there = true;
    return f;
  }
  return NULL;
}

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *file,
                  int flags, int *out) {
  ml_ram *m = v->pAppData;
  handle *h = (handle *)file;
  ramfile *f = name != NULL ? named(m, name) : NULL;

  h->base.pMethods = NULL;
  if (name == NULL || m->off)
    return SQLITE_CANTOPEN;
  if (f == NULL && (flags & SQLITE_OPEN_CREATE) != 0)
    f = make(m, name);
  if (f == NULL)
    return SQLITE_CANTOPEN;
  h->base.pMethods = &methods;
  h->m = m;
  h->f = f;
  if (out != NULL)
    *out = flags;
  return SQLITE_OK;
}

static int v_delete(sqlite3_vfs *v, const char *name, int sync) {
  ml_ram *m = v->pAppData;
  ramfile *f = named(m, name);

  (void)sync;
  if (m->off)
    return SQLITE_IOERR_DELETE;
  if (f == NULL)
    return SQLITE_IOERR_DELETE_NOENT;
  drop(f);
  return SQLITE_OK;
}

static int v_access(sqlite3_vfs *v, const char *name, int flags, int *out) {
  (void)flags;
  *out = named(v->pAppData, name) != NULL;
  return SQLITE_OK;
}

static int v_full(sqlite3_vfs *v, const char *name, int n, char *out) {
  (void)v;
  sqlite3_snprintf(n, out, "%s", name);
  return SQLITE_OK;
}

/* Salts of the log only: they have to differ, not to be secret. */
static int v_random(sqlite3_vfs *v, int n, char *out) {
  static unsigned char next;

  (void)v;
  for (int i = 0; i < n; i++)
    out[i] = (char)next++;
  return n;
}

static int v_sleep(sqlite3_vfs *v, int us) {
  (void)v;
  return us;
}

static int v_time(sqlite3_vfs *v, double *t) {
  (void)v;
  *t = 2460000.5;
  return SQLITE_OK;
}

static int v_error(sqlite3_vfs *v, int n, char *out) {
  (void)v;
  (void)n;
  (void)out;
  return 0;
}

/* ---- its life ---- */

ml_rc ml_ram_new(ml_ram_gate *gate, void *arg, ml_ram **out) {
  static unsigned long made;
  ml_ram *m = ml_mem_zero(sizeof *m);

  *out = NULL;
  if (m == NULL)
    return ML_NOMEM;
  m->gate = gate;
  m->arg = arg;
  snprintf(m->name, sizeof m->name, "ram-%lu", ++made);
  m->vfs = (sqlite3_vfs){
    .iVersion = 1, .szOsFile = sizeof(handle), .mxPathname = NAME - 1,
    .zName = m->name, .pAppData = m, .xOpen = v_open, .xDelete = v_delete,
    .xAccess = v_access, .xFullPathname = v_full, .xRandomness = v_random,
    .xSleep = v_sleep, .xCurrentTime = v_time, .xGetLastError = v_error};
  if (sqlite3_vfs_register(&m->vfs, 0) != SQLITE_OK) {
    ml_mem_free(m);
    return ML_NOMEM;
  }
  *out = m;
  return ML_OK;
}

void ml_ram_free(ml_ram *m) {
  if (m == NULL)
    return;
  sqlite3_vfs_unregister(&m->vfs);
  for (int i = 0; i < FILES; i++)
    drop(&m->files[i]);
  ml_mem_free(m);
}

const char *ml_ram_name(const ml_ram *m) { return m->name; }

void ml_ram_off(ml_ram *m) { m->off = true; }

bool ml_ram_is_off(const ml_ram *m) { return m->off; }

/* `safe` of a file is never longer than what `now` once was: there is room. */
void ml_ram_back(ml_ram *m) {
  for (int i = 0; i < FILES; i++)
    if (m->files[i].there)
      copy(&m->files[i].now, &m->files[i].safe);
  m->off = false;
}
