/*
** test_store_fault.c - the store on a disk that fails: each write and each
** flush in turn, once or from then on, with EIO or "full".
**
** The disk is a SQLite VFS of this file: the system's, with a counter in front
** and without shared memory.  The store gets nothing but its name, so this is
** also how a simulated disk is used.
**
** Making the tables is hundreds of operations of few kinds: it fails in steps.
** Every other case begins with a copy of a store that has them.
*/
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "sim/stacks.h"
#include "store/sqlite.h"
#include "store_suite.h"

#define assert_rc(a, b) assert_string_equal(ml_rc_name(a), ml_rc_name(b))

/* ---- the disk ---- */

typedef enum On {
  ON_WRITE = 1, ON_SYNC = 2,
  ON_COPY = 4          /* flushes of the database file: a checkpoint's */
} On;

static struct {
  int count;           /* operations of the kinds below so far */
  int kinds;           /* On */
  int fail_at;         /* 0: none */
  bool forever;
  int code;            /* what a failing write answers */
  int opened;          /* files open */
  stacks *seen;        /* where from; or NULL */
} disk;

static sqlite3_vfs *under;

typedef struct File {
  sqlite3_file base;
  sqlite3_file *real;  /* behind this struct */
  bool main;           /* the database file */
} File;

static bool fails(On op) {
  if ((disk.kinds & (int)op) == 0)
    return false;
  disk.count++;
  if (disk.seen != NULL)
    stacks_note(disk.seen, (uint64_t)op);
  if (disk.fail_at == 0)
    return false;
  return disk.forever ? disk.count >= disk.fail_at : disk.count == disk.fail_at;
}

#define REAL(f) (((File *)(f))->real)
#define M(f) (REAL(f)->pMethods)

static int f_close(sqlite3_file *f) {
  disk.opened--;
  return M(f)->xClose(REAL(f));
}
static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) {
  return M(f)->xRead(REAL(f), p, n, at);
}
/* A write that fails has reached the disk in part. */
static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
  if (!fails(ON_WRITE))
    return M(f)->xWrite(REAL(f), p, n, at);
  if (n > 1)
    M(f)->xWrite(REAL(f), p, n / 2, at);
  return disk.code;
}
static int f_truncate(sqlite3_file *f, sqlite3_int64 n) {
  if (disk.code != SQLITE_FULL && fails(ON_WRITE))   /* needs no room */
    return SQLITE_IOERR_TRUNCATE;
  return M(f)->xTruncate(REAL(f), n);
}
static int f_sync(sqlite3_file *f, int flags) {
  bool copy = ((File *)f)->main && fails(ON_COPY);

  (void)flags;
  return fails(ON_SYNC) || copy ? SQLITE_IOERR_FSYNC : SQLITE_OK;   /* no power cut */
}
static int f_size(sqlite3_file *f, sqlite3_int64 *n) {
  return M(f)->xFileSize(REAL(f), n);
}
static int f_lock(sqlite3_file *f, int l) { return M(f)->xLock(REAL(f), l); }
static int f_unlock(sqlite3_file *f, int l) { return M(f)->xUnlock(REAL(f), l); }
static int f_reserved(sqlite3_file *f, int *out) {
  return M(f)->xCheckReservedLock(REAL(f), out);
}
static int f_control(sqlite3_file *f, int op, void *arg) {
  return M(f)->xFileControl(REAL(f), op, arg);
}
static int f_sector(sqlite3_file *f) { return M(f)->xSectorSize(REAL(f)); }
static int f_device(sqlite3_file *f) {
  return M(f)->xDeviceCharacteristics(REAL(f));
}

static const sqlite3_io_methods methods = {
  .iVersion = 1, .xClose = f_close, .xRead = f_read, .xWrite = f_write,
  .xTruncate = f_truncate, .xSync = f_sync, .xFileSize = f_size,
  .xLock = f_lock, .xUnlock = f_unlock, .xCheckReservedLock = f_reserved,
  .xFileControl = f_control, .xSectorSize = f_sector,
  .xDeviceCharacteristics = f_device,
};

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *file,
                  int flags, int *out) {
  File *f = (File *)file;
  int rc;

  (void)v;
  f->real = (sqlite3_file *)(f + 1);
  f->base.pMethods = NULL;
  rc = under->xOpen(under, name, f->real, flags, out);
  if (rc == SQLITE_OK) {
    f->base.pMethods = &methods;
    f->main = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    disk.opened++;
  }
  return rc;
}
static int v_delete(sqlite3_vfs *v, const char *name, int sync) {
  (void)v;
  return under->xDelete(under, name, sync);
}
static int v_access(sqlite3_vfs *v, const char *name, int flags, int *out) {
  (void)v;
  return under->xAccess(under, name, flags, out);
}
static int v_full(sqlite3_vfs *v, const char *name, int n, char *out) {
  (void)v;
  return under->xFullPathname(under, name, n, out);
}
static int v_random(sqlite3_vfs *v, int n, char *out) {
  (void)v;
  return under->xRandomness(under, n, out);
}
static int v_sleep(sqlite3_vfs *v, int us) {
  (void)v;
  return under->xSleep(under, us);
}
static int v_time(sqlite3_vfs *v, double *t) {
  (void)v;
  return under->xCurrentTime(under, t);
}
static int v_error(sqlite3_vfs *v, int n, char *out) {
  (void)v;
  return under->xGetLastError(under, n, out);
}

static sqlite3_vfs disk_vfs = {
  .iVersion = 1, .zName = "failing", .xOpen = v_open, .xDelete = v_delete,
  .xAccess = v_access, .xFullPathname = v_full, .xRandomness = v_random,
  .xSleep = v_sleep, .xCurrentTime = v_time, .xGetLastError = v_error,
};

static void disk_is(int kinds, int fail_at, bool forever, int code) {
  disk.count = 0;
  disk.kinds = kinds;
  disk.fail_at = fail_at;
  disk.forever = forever;
  disk.code = code;
}

/* ---- memory of SQLite's own ---- */

static sqlite3_mem_methods plain;
static struct { long count, fail_at; } memory;

static void *m_malloc(int n) {
  return ++memory.count == memory.fail_at ? NULL : plain.xMalloc(n);
}
static void *m_realloc(void *p, int n) {
  return ++memory.count == memory.fail_at ? NULL : plain.xRealloc(p, n);
}

static int memory_of_ours(void) {
  sqlite3_mem_methods ours;
  int rc = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain);

  ours = plain;
  ours.xMalloc = m_malloc;
  ours.xRealloc = m_realloc;
  return rc == SQLITE_OK ? sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) : rc;
}

/* ---- one life of a store ---- */

enum { LOG_MAX = 64 << 10 };

static char folder[256], path[300];
static uint64_t log_max;         /* of the next store to be opened */
static ml_clock_fake still;      /* nothing comes late on a busy machine */

static int new_file(void **state) {
  static int made;

  (void)state;
  disk_is(0, 0, false, 0);
  log_max = LOG_MAX;
  snprintf(path, sizeof path, "%s/%d.db", folder, made++);
  return 0;
}

static ml_buf prepared;          /* the file of a store that has its tables */

/* A new name, and a copy of that store under it. */
static int prepared_file(void **state) {
  FILE *f;

  new_file(state);
  f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(prepared.p, 1, prepared.len, f), prepared.len);
  assert_int_equal(fclose(f), 0);
  return 0;
}

static int all_is_closed(void **state) {
  (void)state;
  return disk.opened;
}

static int notices;

static void on_notice(void *arg) {
  (void)arg;
  notices++;
}

static ml_rc open_store(ml_store **s) {
  ml_store_conf conf = {.path = path, .vfs = "failing", .log_max = log_max,
                        .clock = &still.base, .notify = on_notice};
  ml_err e = {0};
  ml_rc rc = ml_store_open(&conf, s, &e);

  assert_rc(e.rc, rc);
  assert_true((e.text[0] != '\0') == (rc != ML_OK));
  return rc;
}

/* Now and then one that makes the log as long as it may be. */
static ml_rc put(ml_store *s, int64_t n) {
  static char data[48000];
  ml_batch *b = suite_batch(s);
  ml_row_process p = suite_process(n);
  ml_rc rc;

  memset(data, 'x', sizeof data);
  p.data = (ml_str){data, n % 7 == 3 ? sizeof data : 1000};
  ml_batch_history(b, &(ml_row_history){.n = n, .seq = 1});
  ml_batch_process(b, &p);
  rc = suite_commit(s, b);
  ml_batch_free(b);
  return rc;
}

typedef struct Look {
  int64_t n;
  ml_rc process, history;
} Look;

static void look(void *arg, ml_read *r) {
  Look *l = arg;
  ml_arena a = {0};
  ml_row_process p;
  ml_row_history *h;
  size_t count = 0;

  l->process = ml_read_process(r, &a, l->n, &p);
  l->history = ml_read_history(r, &a, l->n, 0, 10, &h, &count);
  if (l->history == ML_OK && count == 0)
    l->history = ML_NOT_FOUND;
  ml_arena_free(&a);
}

static Look see(ml_store *s, int64_t n) {
  Look l = {n, ML_RC_COUNT, ML_RC_COUNT};

  assert_rc(ml_store_read(s, look, NULL, &l), ML_OK);
  ml_store_wait(s);
  return l;
}

enum { TRIES = 20 };

/* ML_IO for all: none was tried. */
static void nothing_told(ml_rc told[TRIES + 1]) {
  for (int n = 0; n <= TRIES; n++)
    told[n] = ML_IO;
}

/* Puts 1 to TRIES; what each was told.  False: it could not be opened. */
static bool live(ml_rc told[TRIES + 1]) {
  ml_store *s;
  bool lost = false;

  nothing_told(told);
  if (open_store(&s) != ML_OK)
    return false;
  for (int n = 1; n <= TRIES; n++) {
    told[n] = put(s, n);
    if (lost)
      assert_rc(told[n], ML_UNKNOWN);    /* after one, nothing else */
    lost = told[n] == ML_UNKNOWN;
    if (told[n] == ML_FULL || told[n] == ML_IO)
      assert_rc(see(s, n).process, ML_NOT_FOUND);
  }
  ml_store_close(s);
  return true;
}

/* On a good disk again: is what was said true? */
static void check(const ml_rc told[TRIES + 1]) {
  ml_store *s;
  sqlite3_stmt *st;

  disk_is(0, 0, false, 0);
  assert_rc(open_store(&s), ML_OK);
  for (int n = 1; n <= TRIES; n++) {
    Look l = see(s, n);

    assert_rc(l.process, l.history);       /* all of it or nothing */
    if (told[n] == ML_OK)
      assert_rc(l.process, ML_OK);
    else if (told[n] != ML_UNKNOWN)
      assert_rc(l.process, ML_NOT_FOUND);
  }
  assert_rc(put(s, 1000), ML_OK);
  assert_int_equal(sqlite3_prepare_v2(s->writer.db, "PRAGMA integrity_check",
                                      -1, &st, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(st), SQLITE_ROW);
  assert_string_equal((const char *)sqlite3_column_text(st, 0), "ok");
  sqlite3_finalize(st);
  ml_store_close(s);
}

/* ---- tests ---- */

/* A disk that is fine: a store by its VFS's name alone; no lock file, no
** shared memory. */
static void a_named_disk_is_enough(void **state) {
  ml_rc told[TRIES + 1];
  char name[400];
  ml_store *s;

  (void)state;
  assert_true(live(told));
  for (int n = 1; n <= TRIES; n++)
    assert_rc(told[n], ML_OK);
  assert_rc(open_store(&s), ML_OK);
  snprintf(name, sizeof name, "%s.lock", path);
  assert_int_not_equal(access(name, F_OK), 0);
  snprintf(name, sizeof name, "%s-shm", path);
  assert_int_not_equal(access(name, F_OK), 0);
  snprintf(name, sizeof name, "%s-wal", path);
  assert_int_equal(access(name, F_OK), 0);
  ml_store_close(s);
  check(told);
}

/* The step from k: big ones up to where the open ends, never over it. */
static long step_from(long k, long open) {
  long step = k < open - 20 ? 1 + k / 20 : 1;

  return k < open - 20 && k + step > open - 20 ? open - 20 - k : step;
}

/* Operations of these kinds that an open does. */
static long kinds_of_open(int kinds) {
  ml_store *s;
  long count;

  disk_is(kinds, 0, false, 0);
  assert_rc(open_store(&s), ML_OK);
  count = disk.count;
  ml_store_close(s);
  return count;
}

/* Fail the k-th operation of those that make a store. */
static void fail_the_making(int kinds, bool forever, int code) {
  long open, refused = 0;
  ml_rc told[TRIES + 1];

  nothing_told(told);
  new_file(NULL);
  open = kinds_of_open(kinds);
  for (long k = 1; k <= open; k += 1 + k / 10) {
    ml_store *s = NULL;

    new_file(NULL);
    disk_is(kinds, (int)k, forever, code);
    if (open_store(&s) == ML_OK)
      ml_store_close(s);
    else
      refused++;
    assert_true(disk.count >= k);
    check(told);
    unlink(path);
  }
  assert_true(refused > 10);
}

/* Fail the k-th operation until a life meets no failure. */
static void fail_each(int kinds, bool forever, int code, int least,
                      const ml_rc *expected, size_t expected_count) {
  bool clean = false, met[ML_RC_COUNT] = {false};
  int k;

  fail_the_making(kinds, forever, code);
  for (k = 1; !clean; k++) {
    ml_rc told[TRIES + 1];

    prepared_file(NULL);
    disk_is(kinds, k, forever, code);
    live(told);
    clean = disk.count < k;
    for (int n = 1; n <= TRIES; n++)
      met[told[n]] = true;
    check(told);
    unlink(path);
    assert_true(k < 2000);
  }
  assert_true(k > least);          /* so many operations were there to fail */
  for (size_t i = 0; i < expected_count; i++)
    assert_true(met[expected[i]]);
}

/* Allocations that an open makes. */
static long cost_of_open(void) {
  ml_store *s;
  long count;

  memory.count = 0;
  assert_rc(open_store(&s), ML_OK);
  count = memory.count;
  ml_store_close(s);
  return count;
}

/* SQLite's n-th allocation fails while a store is made. */
static void the_making_without_memory(void **state) {
  long open = cost_of_open(), refused = 0;
  ml_rc told[TRIES + 1];

  (void)state;
  nothing_told(told);
  for (long k = 1; k <= open; k += 1 + k / 10) {
    ml_store *s = NULL;

    new_file(NULL);
    memory.count = 0;
    memory.fail_at = k;
    if (open_store(&s) == ML_OK)
      ml_store_close(s);
    else
      refused++;
    memory.fail_at = 0;
    check(told);
    unlink(path);
  }
  assert_true(refused > 70);
}

/* SQLite's n-th allocation fails: some during the open, all after it. */
static void sqlite_without_memory(void **state) {
  int met[ML_RC_COUNT] = {0}, opened = 0, refused = 0;
  bool clean = false;
  long open;

  (void)state;
  prepared_file(NULL);
  open = cost_of_open();
  for (long k = 1; !clean; k += step_from(k, open)) {
    ml_rc told[TRIES + 1];

    prepared_file(NULL);
    memory.count = 0;
    memory.fail_at = k;
    if (live(told))
      opened++;
    else
      refused++;
    memory.fail_at = 0;
    clean = memory.count < k;
    for (int n = 1; n <= TRIES; n++)
      met[told[n]]++;
    check(told);
    unlink(path);
  }
  assert_true(refused > 50 && opened > 50);
  assert_true(met[ML_NOMEM] > 20);
  assert_true(met[ML_OK] > 500);
}

/* Where a life writes and flushes, behind the open. */
static void sites_of_a_life(stacks *seen) {
  ml_store *s;

  assert_rc(open_store(&s), ML_OK);
  disk_is(ON_WRITE | ON_SYNC, 0, false, 0);
  disk.seen = seen;
  for (int n = 1; n <= TRIES; n++)
    assert_rc(put(s, n), ML_OK);
  ml_store_close(s);
  disk.seen = NULL;
  assert_true(seen->n > 100);
}

static bool has_site(const stacks *s, uint64_t site) {
  for (size_t i = 0; i < s->n; i++)
    if (s->list[i] == site)
      return true;
  return false;
}

/* A copy with its tables is as good as a store that has just made them: the same
** call stacks lead to the disk. */
static void a_copy_meets_what_a_new_store_meets(void **state) {
  int (*const begin[])(void **) = {new_file, prepared_file};
  stacks sites[2] = {{0}, {0}};

  for (int i = 0; i < 2; i++) {
    begin[i](state);
    sites_of_a_life(&sites[i]);    /* one call: it is part of the stacks */
  }
  for (size_t i = 0; i < sites[0].n; i++)
    assert_true(has_site(&sites[1], sites[0].list[i]));
  stacks_free(&sites[0]);
  stacks_free(&sites[1]);
}

static void each_flush_fails(void **state) {
  const ml_rc want[] = {ML_OK, ML_UNKNOWN};

  (void)state;
  fail_each(ON_SYNC, false, 0, TRIES, want, 2);
  fail_each(ON_SYNC, true, 0, TRIES, want, 2);
}

static void each_write_fails(void **state) {
  const ml_rc want[] = {ML_OK, ML_IO};

  (void)state;
  fail_each(ON_WRITE, false, SQLITE_IOERR_WRITE, TRIES * 3, want, 2);
  fail_each(ON_WRITE, true, SQLITE_IOERR_WRITE, TRIES * 3, want, 2);
}

static void the_disk_is_full(void **state) {
  const ml_rc want[] = {ML_OK, ML_FULL};

  (void)state;
  fail_each(ON_WRITE, false, SQLITE_FULL, TRIES * 3, want, 2);
  fail_each(ON_WRITE, true, SQLITE_FULL, TRIES * 3, want, 2);
}

/* Full is no crash: reads go on, and with room again so does the store. */
static void room_comes_back(void **state) {
  ml_store *s;

  (void)state;
  assert_rc(open_store(&s), ML_OK);
  assert_rc(put(s, 1), ML_OK);
  disk_is(ON_WRITE, 1, true, SQLITE_FULL);
  for (int i = 0; i < 5; i++) {
    assert_rc(put(s, 2), ML_FULL);
    assert_rc(see(s, 1).process, ML_OK);
    assert_rc(see(s, 2).process, ML_NOT_FOUND);
  }
  disk_is(0, 0, false, 0);
  assert_rc(put(s, 2), ML_OK);
  assert_rc(see(s, 2).process, ML_OK);
  ml_store_close(s);
}

/* Between two commits nobody asks: the owner is notified, and the commit before
** stays what it was told. */
static void a_checkpoint_that_cannot_flush_is_told(void **state) {
  ml_rc told[TRIES + 1];
  ml_store *s;
  int n = 0, before = 0;

  (void)state;
  nothing_told(told);
  assert_rc(open_store(&s), ML_OK);
  disk_is(ON_COPY, 1, false, 0);
  while (ml_store_state(s) == ML_OK) {
    assert_true(++n < TRIES);
    before = notices;
    told[n] = put(s, n);
    assert_rc(told[n], ML_OK);
  }
  assert_rc(ml_store_state(s), ML_UNKNOWN);
  assert_int_equal(notices, before + 2);     /* the commit; the checkpoint */
  told[n + 1] = put(s, n + 1);
  assert_rc(told[n + 1], ML_UNKNOWN);
  ml_store_close(s);
  check(told);
}

/* The last checkpoint of an end in order is told by the close itself. */
static void the_last_checkpoint_that_cannot_flush_is_told(void **state) {
  ml_rc told[TRIES + 1];
  ml_store *s;

  (void)state;
  nothing_told(told);
  log_max = 0;                   /* no checkpoint comes by itself */
  assert_rc(open_store(&s), ML_OK);
  told[1] = put(s, 1);
  assert_rc(told[1], ML_OK);
  assert_rc(ml_store_state(s), ML_OK);
  disk_is(ON_COPY, 1, false, 0);
  assert_rc(ml_store_close(s), ML_UNKNOWN);
  assert_int_equal(disk.count, 1);
  disk_is(0, 0, false, 0);
  assert_rc(open_store(&s), ML_OK);
  assert_rc(ml_store_close(s), ML_OK);
  check(told);
}

/* The boot record is flushed before anything is read. */
static void no_start_without_a_flush(void **state) {
  ml_store *s;

  (void)state;
  assert_rc(open_store(&s), ML_OK);
  ml_store_close(s);
  disk_is(ON_SYNC, 0, false, 0);
  assert_rc(open_store(&s), ML_OK);
  assert_true(disk.count >= 1);
  ml_store_close(s);
  disk_is(ON_SYNC, 1, true, 0);
  assert_rc(open_store(&s), ML_IO);
  disk_is(0, 0, false, 0);
}

/* Made once; closed in order it is one file. */
static int prepare(void **state) {
  ml_store *s;
  FILE *f;
  char piece[4096];
  size_t n;

  new_file(state);
  assert_rc(open_store(&s), ML_OK);
  assert_rc(ml_store_close(s), ML_OK);
  f = fopen(path, "rb");
  assert_non_null(f);
  while ((n = fread(piece, 1, sizeof piece, f)) > 0)
    ml_buf_put(&prepared, piece, n);
  fclose(f);
  return prepared.bad || prepared.len == 0;
}

static int unprepare(void **state) {
  (void)state;
  ml_buf_free(&prepared);
  return 0;
}

static void remove_folder(void) {
  DIR *d = opendir(folder);
  struct dirent *e;
  char name[600];

  while (d != NULL && (e = readdir(d)) != NULL) {
    snprintf(name, sizeof name, "%s/%s", folder, e->d_name);
    unlink(name);
  }
  if (d != NULL)
    closedir(d);
  rmdir(folder);
}

int main(void) {
#define T(f) {#f, f, new_file, all_is_closed, NULL}
  const struct CMUnitTest tests[] = {
    T(a_named_disk_is_enough),
    T(each_flush_fails),
    T(each_write_fails),
    T(the_disk_is_full),
    T(room_comes_back),
    T(a_checkpoint_that_cannot_flush_is_told),
    T(the_last_checkpoint_that_cannot_flush_is_told),
    T(the_making_without_memory),
    T(sqlite_without_memory),
    T(a_copy_meets_what_a_new_store_meets),
    T(no_start_without_a_flush),
  };
#undef T
  const char *tmp = getenv("TMPDIR");
  int failed;

  snprintf(folder, sizeof folder, "%s/store-XXXXXX", tmp != NULL ? tmp : "/tmp");
  if (memory_of_ours() != SQLITE_OK)
    return 1;
  under = sqlite3_vfs_find(NULL);
  if (mkdtemp(folder) == NULL || under == NULL)
    return 1;
  disk_vfs.szOsFile = (int)sizeof(File) + under->szOsFile;
  disk_vfs.mxPathname = under->mxPathname;
  if (sqlite3_vfs_register(&disk_vfs, 0) != SQLITE_OK)
    return 1;
  ml_log_to(2, ML_ERROR_LEVEL);
  ml_clock_fake_init(&still, INT64_C(1772323200000));
  failed = cmocka_run_group_tests(tests, prepare, unprepare);
  remove_folder();
  return failed;
}
