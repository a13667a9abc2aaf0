/* disk.c - the simulated disk. */
#include "sim/disk.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INODES = 24, NAME_MAX_ = 64, PIECE = 512, PAGE = 4096,
       LOG_HEADER = 32, FRAME = PAGE + 24 };

disk_conf disk;

/* Written, not yet durable; data NULL: the file was cut to `at`. */
typedef struct change {
  struct change *next;
  bool unsure;                 /* a flush of it failed: never made good */
  int64_t at;
  size_t n;
  uint8_t *data;
} change;

typedef struct inode {
  bool used;
  char name[NAME_MAX_];
  bool there, there_safe;      /* its name: now; after a crash */
  int open;
  uint8_t *now, *safe;
  size_t now_n, now_cap, safe_n, safe_cap;
  change *first, **end;
  uint32_t page;               /* of the last frame header written */
} inode;

typedef struct handle {
  sqlite3_file base;
  inode *i;
} handle;

struct disk_image {
  inode files[INODES];
};

static inode files[INODES];
static ml_rand_seeded noise;       /* for SQLite and for torn writes */

static void *need(void *p) {
  if (p == NULL) {
    fputs("the simulated disk is short of memory\n", stderr);
    abort();
  }
  return p;
}

/* ---- bytes ---- */

static void grow(uint8_t **p, size_t *n, size_t *cap, size_t to) {
  if (to > *cap) {
    *cap = to * 2 + PAGE;
    *p = need(realloc(*p, *cap));
  }
  if (to > *n) {
    memset(*p + *n, 0, to - *n);
    *n = to;
  }
}

static void put_safe(inode *i, int64_t at, const uint8_t *data, size_t n) {
  grow(&i->safe, &i->safe_n, &i->safe_cap, (size_t)at + n);
  memcpy(i->safe + at, data, n);
}

static void cut_safe(inode *i, size_t n) {
  if (n < i->safe_n)
    i->safe_n = n;
  else
    grow(&i->safe, &i->safe_n, &i->safe_cap, n);
}

static void changes_free(inode *i) {
  while (i->first != NULL) {
    change *c = i->first;

    i->first = c->next;
    free(c->data);
    free(c);
  }
  i->end = &i->first;
}

static void add_change(inode *i, int64_t at, const void *data, size_t n) {
  change *c = need(calloc(1, sizeof *c));

  c->at = at;
  c->n = n;
  if (data != NULL) {
    c->data = need(malloc(n > 0 ? n : 1));
    memcpy(c->data, data, n);
  }
  *i->end = c;
  i->end = &c->next;
}

/* What is written again is no longer unsure: cut [at, at + n) out. */
static void sure(inode *i, int64_t at, size_t n) {
  int64_t to = at + (int64_t)n;
  change *c, **p = &i->first;

  while ((c = *p) != NULL) {
    int64_t end = c->at + (int64_t)c->n;

    if (!c->unsure || c->data == NULL || c->at >= to || end <= at) {
      p = &c->next;
    } else if (c->at < at) {               /* its head stays; the rest anew */
      change *rest = need(calloc(1, sizeof *rest));

      rest->unsure = true;
      rest->at = at;
      rest->n = (size_t)(end - at);
      rest->data = need(malloc(rest->n));
      memcpy(rest->data, c->data + (at - c->at), rest->n);
      rest->next = c->next;
      if (i->end == &c->next)
        i->end = &rest->next;
      c->next = rest;
      c->n = (size_t)(at - c->at);
      p = &c->next;
    } else if (end > to) {                 /* its tail stays */
      memmove(c->data, c->data + (to - c->at), (size_t)(end - to));
      c->n = (size_t)(end - to);
      c->at = to;
      p = &c->next;
    } else {
      *p = c->next;
      if (i->end == &c->next)
        i->end = p;
      free(c->data);
      free(c);
    }
  }
}

static void write_now(inode *i, int64_t at, const void *data, size_t n) {
  if (n == 0)
    return;
  sure(i, at, n);
  grow(&i->now, &i->now_n, &i->now_cap, (size_t)at + n);
  memcpy(i->now + at, data, n);
  add_change(i, at, data, n);
}

static void cut_now(inode *i, size_t n) {
  sure(i, (int64_t)n, SIZE_MAX / 4);
  if (n < i->now_n)
    i->now_n = n;
  else
    grow(&i->now, &i->now_n, &i->now_cap, n);
  add_change(i, (int64_t)n, NULL, 0);
}

static void inode_free(inode *i) {
  changes_free(i);
  free(i->now);
  free(i->safe);
  memset(i, 0, sizeof *i);
  i->end = &i->first;
}

static inode *inode_named(const char *name) {
  for (int k = 0; k < INODES; k++)
    if (files[k].used && files[k].there && strcmp(files[k].name, name) == 0)
      return &files[k];
  return NULL;
}

/* One that no name and no handle leads to is free. */
static inode *inode_new(const char *name) {
  for (int k = 0; k < INODES; k++) {
    inode *i = &files[k];

    if (i->used && (i->there || i->there_safe || i->open > 0))
      continue;
    inode_free(i);
    i->used = true;
    i->there = true;
    snprintf(i->name, sizeof i->name, "%s", name);
    return i;
  }
  fputs("the simulated disk has no room for another name\n", stderr);
  abort();
}

/* ---- flush, crash ---- */

/* The folder: it holds all names, so all of them are durable then. */
static void flush_names(void) {
  for (int k = 0; k < INODES; k++)
    if (files[k].used)
      files[k].there_safe = files[k].there;
}

static void flush(inode *i) {
  change **at = &i->first;

  while (*at != NULL) {
    change *c = *at;

    if (c->unsure) {
      at = &c->next;
      continue;
    }
    if (c->data != NULL)
      put_safe(i, c->at, c->data, c->n);
    else
      cut_safe(i, (size_t)c->at);
    *at = c->next;
    free(c->data);
    free(c);
  }
  i->end = at;
  if (!i->there_safe)
    flush_names();
}

static bool coin(ml_rand *r, int64_t of_ten) {
  return ml_rand_between(r, 1, 10) <= of_ten;
}

/* Some pieces of what was not flushed reached the disk, in any order. */
static void keep_some(inode *i, ml_rand *r, int64_t of_ten) {
  for (change *c = i->first; c != NULL; c = c->next) {
    size_t from = 0;

    if (c->data == NULL) {
      if (coin(r, of_ten))
        cut_safe(i, (size_t)c->at);
      continue;
    }
    while (from < c->n) {
      size_t n = PIECE - (size_t)((c->at + (int64_t)from) % PIECE);

      if (n > c->n - from)
        n = c->n - from;
      if (coin(r, of_ten))
        put_safe(i, c->at + (int64_t)from, c->data + from, n);
      from += n;
    }
  }
}

/* A name that did not survive takes its file with it; else the file is what
** became durable. */
static void settle_inode(inode *i) {
  if (!i->there_safe) {
    inode_free(i);
    return;
  }
  changes_free(i);
  i->there = true;
  grow(&i->now, &i->now_n, &i->now_cap, i->safe_n);
  if (i->safe_n > 0)
    memcpy(i->now, i->safe, i->safe_n);
  i->now_n = i->safe_n;
}

/* Of two with one name the younger stays: its name was made durable later. */
static void drop_elders(void) {
  for (int k = 0; k < INODES; k++)
    for (int m = 0; m < INODES; m++)
      if (m != k && files[k].used && files[m].used && !files[k].there &&
          files[k].there_safe && files[m].there && files[m].there_safe &&
          strcmp(files[m].name, files[k].name) == 0)
        files[k].there_safe = false;
}

void disk_crash(disk_keep keep, ml_rand *rand) {
  int64_t of_ten = ml_rand_between(rand, 1, 9);

  assert(disk_open_files() == 0);
  disk.dead = false;
  if (keep == DISK_ALL)
    return;                    /* and what was not flushed still is not */
  for (int k = 0; keep == DISK_SOME && k < INODES; k++) {
    inode *i = &files[k];

    if (!i->used)
      continue;
    keep_some(i, rand, of_ten);
    if (i->there != i->there_safe && coin(rand, of_ten))
      i->there_safe = i->there;
  }
  drop_elders();
  for (int k = 0; k < INODES; k++)
    if (files[k].used)
      settle_inode(&files[k]);
}

void disk_heal(void) {
  disk.stop_at = 0;
  disk.fail_at = 0;
  disk.full = false;
}

void disk_reset(uint64_t seed) {
  for (int k = 0; k < INODES; k++)
    inode_free(&files[k]);
  memset(&disk, 0, sizeof disk);
  ml_rand_seed(&noise, seed);
  sqlite3_randomness(0, NULL);             /* begins anew, from v_random */
}

size_t disk_open_files(void) {
  size_t n = 0;

  for (int k = 0; k < INODES; k++)
    n += files[k].used ? (size_t)files[k].open : 0;
  return n;
}

/* ---- images ---- */

static void inode_copy(inode *to, const inode *from) {
  memset(to, 0, sizeof *to);
  to->end = &to->first;
  if (!from->used || !from->there)
    return;
  to->used = to->there = to->there_safe = true;
  memcpy(to->name, from->name, sizeof to->name);
  grow(&to->now, &to->now_n, &to->now_cap, from->now_n);
  if (from->now_n == 0)
    return;
  memcpy(to->now, from->now, from->now_n);
  grow(&to->safe, &to->safe_n, &to->safe_cap, from->now_n);
  memcpy(to->safe, from->now, from->now_n);
}

disk_image *disk_take(void) {
  disk_image *im = need(calloc(1, sizeof *im));

  for (int k = 0; k < INODES; k++)
    inode_copy(&im->files[k], &files[k]);
  return im;
}

void disk_put(const disk_image *im) {
  for (int k = 0; k < INODES; k++) {
    inode_free(&files[k]);
    inode_copy(&files[k], &im->files[k]);
  }
}

void disk_image_free(disk_image *im) {
  if (im == NULL)
    return;
  for (int k = 0; k < INODES; k++)
    inode_free(&im->files[k]);
  free(im);
}

/* ---- operations ---- */

static bool ends(const char *s, const char *with) {
  size_t n = strlen(s), m = strlen(with);

  return n >= m && strcmp(s + n - m, with) == 0;
}

static disk_file file_of(const char *name) {
  return ends(name, "-wal")       ? DISK_LOG
         : ends(name, "-journal") ? DISK_JOURNAL
         : ends(name, ".db")      ? DISK_MAIN
                                  : DISK_OTHER;
}

static uint32_t be32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
         p[3];
}

static disk_site site_of(inode *i, disk_op op, int64_t at, const uint8_t *data,
                         size_t n) {
  disk_site s = {op, file_of(i->name), 0, 0, disk.state};

  if (op != DISK_READ && op != DISK_WRITE)
    return s;
  if (s.file == DISK_LOG && at >= LOG_HEADER) {
    bool head = (at - LOG_HEADER) % FRAME == 0;

    s.part = head ? 1 : 2;
    if (head && data != NULL && n >= 8) {
      i->page = be32(data);
      if (be32(data + 4) != 0)
        s.part = 3;
    }
    s.page = i->page;
  } else if (s.file == DISK_MAIN) {
    s.part = 2;
    s.page = (uint32_t)(at / PAGE) + 1;
  }
  return s;
}

typedef enum fate { FATE_DONE, FATE_DEAD, FATE_DIES, FATE_EIO,
                    FATE_FULL } fate;

/* Faults: "full" meets what needs room, EIO everything. */
static bool fault_meets(disk_op op, disk_error e) {
  return e == DISK_EIO || op == DISK_WRITE || op == DISK_CREATE;
}

static fate meet(inode *i, disk_op op, int64_t at, const uint8_t *data,
                 size_t n) {
  disk_site site;

  if (disk.dead)
    return FATE_DEAD;
  if (disk.aside)
    return FATE_DONE;
  disk.ops++;
  if (disk.seen != NULL) {
    site = site_of(i, op, at, data, n);
    disk.seen(disk.seen_arg, &site);
  }
  if (disk.ops == disk.stop_at) {
    disk.dead = true;
    return disk.stop_after ? FATE_DIES : FATE_DEAD;
  }
  if (disk.fail_at != 0 && fault_meets(op, disk.error) &&
      (disk.fail_on ? disk.ops >= disk.fail_at : disk.ops == disk.fail_at)) {
    disk.failed[disk.error][op]++;
    return disk.error == DISK_EIO ? FATE_EIO : FATE_FULL;
  }
  if (disk.full && fault_meets(op, DISK_FULL)) {
    disk.failed[DISK_FULL][op]++;
    return FATE_FULL;
  }
  return FATE_DONE;
}

#define INODE(f) (((handle *)(f))->i)

static int f_close(sqlite3_file *f) {
  INODE(f)->open--;
  return SQLITE_OK;
}

static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) {
  inode *i = INODE(f);
  size_t have = 0;

  switch (meet(i, DISK_READ, at, NULL, 0)) {
    case FATE_DONE: break;
    default: return SQLITE_IOERR_READ;
  }
  if ((size_t)at < i->now_n)
    have = i->now_n - (size_t)at < (size_t)n ? i->now_n - (size_t)at
                                             : (size_t)n;
  if (have > 0)
    memcpy(p, i->now + at, have);
  memset((char *)p + have, 0, (size_t)n - have);
  return have == (size_t)n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

/* A write that fails has been done in part. */
static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
  inode *i = INODE(f);
  fate fa = meet(i, DISK_WRITE, at, p, (size_t)n);

  if (fa == FATE_DEAD)
    return SQLITE_IOERR_WRITE;
  if (fa == FATE_EIO || fa == FATE_FULL) {
    write_now(i, at, p, (size_t)ml_rand_between(&noise.base, 0, n));
    return fa == FATE_EIO ? SQLITE_IOERR_WRITE : SQLITE_FULL;
  }
  write_now(i, at, p, (size_t)n);
  return fa == FATE_DIES ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 n) {
  inode *i = INODE(f);
  fate fa = meet(i, DISK_TRUNCATE, n, NULL, 0);

  if (fa == FATE_DONE || fa == FATE_DIES)
    cut_now(i, (size_t)n);
  return fa == FATE_DONE ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int f_sync(sqlite3_file *f, int flags) {
  inode *i = INODE(f);
  fate fa = meet(i, DISK_SYNC, 0, NULL, 0);

  (void)flags;
  if (fa == FATE_DONE || fa == FATE_DIES) {
    flush(i);
  } else if (fa == FATE_EIO) {
    for (change *c = i->first; c != NULL; c = c->next)
      c->unsure = c->data != NULL;         /* a length is kept apart */
  }
  return fa == FATE_DONE ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int f_size(sqlite3_file *f, sqlite3_int64 *n) {
  *n = (sqlite3_int64)INODE(f)->now_n;
  return SQLITE_OK;
}

static int f_lock(sqlite3_file *f, int l) {
  (void)f;
  (void)l;
  return SQLITE_OK;
}

static int f_reserved(sqlite3_file *f, int *out) {
  (void)f;
  *out = 0;
  return SQLITE_OK;
}

static int f_control(sqlite3_file *f, int op, void *arg) {
  (void)f;
  if (op != SQLITE_FCNTL_MMAP_SIZE)
    return SQLITE_NOTFOUND;
  *(sqlite3_int64 *)arg = 0;               /* there is no mapping here */
  return SQLITE_OK;
}

static int f_sector(sqlite3_file *f) {
  (void)f;
  return PAGE;
}

/* As the real one says of itself on Linux. */
static int f_device(sqlite3_file *f) {
  (void)f;
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
  .iVersion = 1, .xClose = f_close, .xRead = f_read, .xWrite = f_write,
  .xTruncate = f_truncate, .xSync = f_sync, .xFileSize = f_size,
  .xLock = f_lock, .xUnlock = f_lock, .xCheckReservedLock = f_reserved,
  .xFileControl = f_control, .xSectorSize = f_sector,
  .xDeviceCharacteristics = f_device,
};

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *file,
                  int flags, int *out) {
  handle *h = (handle *)file;
  inode *i = name != NULL ? inode_named(name) : NULL;
  fate fa = FATE_DONE;

  (void)v;
  h->base.pMethods = NULL;
  if (name == NULL || disk.dead)
    return SQLITE_CANTOPEN;
  if (i == NULL) {
    if ((flags & SQLITE_OPEN_CREATE) == 0)
      return SQLITE_CANTOPEN;
    i = inode_new(name);
    fa = meet(i, DISK_CREATE, 0, NULL, 0);
    if (fa != FATE_DONE) {
      i->there = fa == FATE_DIES;
      return fa == FATE_FULL ? SQLITE_FULL : SQLITE_CANTOPEN;
    }
    /* on a real disk the store makes this one itself, and flushes its folder */
    i->there_safe = file_of(name) == DISK_MAIN;
  }
  h->base.pMethods = &methods;
  h->i = i;
  i->open++;
  if (out != NULL)
    *out = flags;
  return SQLITE_OK;
}

static int v_delete(sqlite3_vfs *v, const char *name, int sync) {
  inode *i = inode_named(name);
  fate fa;

  (void)v;
  if (i == NULL)
    return SQLITE_IOERR_DELETE_NOENT;
  fa = meet(i, DISK_DELETE, 0, NULL, 0);
  if (fa == FATE_DONE || fa == FATE_DIES) {
    i->there = false;
    if (sync)
      flush_names();
  }
  return fa == FATE_DONE ? SQLITE_OK : SQLITE_IOERR_DELETE;
}

static int v_access(sqlite3_vfs *v, const char *name, int flags, int *out) {
  (void)v;
  (void)flags;
  *out = inode_named(name) != NULL;
  return SQLITE_OK;
}

static int v_full(sqlite3_vfs *v, const char *name, int n, char *out) {
  (void)v;
  sqlite3_snprintf(n, out, "%s", name);
  return SQLITE_OK;
}

static int v_random(sqlite3_vfs *v, int n, char *out) {
  (void)v;
  noise.base.bytes(&noise.base, out, (size_t)n);
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

static sqlite3_vfs vfs = {
  .iVersion = 1, .szOsFile = sizeof(handle), .mxPathname = NAME_MAX_ - 1,
  .zName = "sim", .xOpen = v_open, .xDelete = v_delete, .xAccess = v_access,
  .xFullPathname = v_full, .xRandomness = v_random, .xSleep = v_sleep,
  .xCurrentTime = v_time, .xGetLastError = v_error,
};

void disk_register(void) {
  sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
  sqlite3_vfs_register(&vfs, 1);
  disk_reset(1);
}

/* ---- words ---- */

const char *disk_op_name(disk_op op) {
  static const char *const names[DISK_OPS] = {"create", "read", "write",
                                              "truncate", "sync", "delete"};
  return names[op];
}

const char *disk_file_name(disk_file file) {
  static const char *const names[DISK_FILES] = {"database", "log", "journal",
                                                "other"};
  return names[file];
}

const char *disk_keep_name(disk_keep keep) {
  static const char *const names[DISK_KEEPS] = {"synced", "some", "all"};
  return names[keep];
}

const char *disk_error_name(disk_error error) {
  static const char *const names[DISK_ERRORS] = {"EIO", "ENOSPC"};
  return names[error];
}
