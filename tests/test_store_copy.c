/*
** test_store_copy.c - the copy that is made before an upgrade, while another
** connection commits without a pause: it ends, and it is one moment's picture.
**
** A VFS calls back at each read of the source, and there the other connection
** commits.  A copy that lets go of its snapshot between pages begins anew each
** time, and never ends.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/sqlite.h"

enum { ROWS = 400, COMMITS_MAX = 3000 };

static sqlite3_io_methods watched_io;
static const sqlite3_io_methods *real_io;
static sqlite3_vfs watched, *real_vfs;
static sqlite3 *other;           /* the connection that commits; NULL: not now */
static int commits;

/* Both numbers change together, and lie on different pages. */
static const char both[] =
    "BEGIN IMMEDIATE; UPDATE one SET v = v + 1; UPDATE two SET v = v + 1;"
    "COMMIT";

/* After the copy the upgrade itself holds the lock: then nobody else can. */
static void commit_elsewhere(void) {
  int rc = sqlite3_exec(other, both, NULL, NULL, NULL);

  if (rc == SQLITE_OK)
    commits++;
  else
    assert_int_equal(rc, SQLITE_BUSY);
}

static int watched_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) {
  if (other != NULL && commits < COMMITS_MAX)
    commit_elsewhere();
  return real_io->xRead(f, p, n, at);
}

static int watched_open(sqlite3_vfs *v, const char *name, sqlite3_file *f,
                        int flags, int *out) {
  int rc = real_vfs->xOpen(real_vfs, name, f, flags, out);

  (void)v;
  if (rc == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0) {
    real_io = f->pMethods;
    watched_io = *real_io;
    watched_io.xRead = watched_read;
    f->pMethods = &watched_io;
  }
  return rc;
}

static int64_t number(sqlite3 *db, const char *sql) {
  sqlite3_stmt *st = NULL;
  int64_t v;

  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(st), SQLITE_ROW);
  v = sqlite3_column_int64(st, 0);
  sqlite3_finalize(st);
  return v;
}

static void run(sqlite3 *db, const char *sql) {
  char *why = NULL;

  if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
    fail_msg("%s: %s", sql, why != NULL ? why : "?");
}

static void fill(sqlite3 *db) {
  run(db, "PRAGMA journal_mode = WAL");
  run(db, "CREATE TABLE one (v); INSERT INTO one VALUES (1);"
          "CREATE TABLE ballast (t);");
  for (int i = 0; i < ROWS; i++)
    run(db, "INSERT INTO ballast VALUES (randomblob(3000))");
  run(db, "CREATE TABLE two (v); INSERT INTO two VALUES (1);"
          "PRAGMA wal_checkpoint(TRUNCATE)");
}

static void a_copy_ends_though_others_commit(void **state) {
  static const ml_migration list[] = {
    {"CREATE TABLE first (x)"}, {"CREATE TABLE second (x)"}};
  const char *dir = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
  char path[300], copy[320];
  sqlite3 *db = NULL, *kept = NULL, *writer = NULL;
  ml_err e = {0};

  (void)state;
  snprintf(path, sizeof path, "%s/copy-%ld.db", dir, (long)getpid());
  snprintf(copy, sizeof copy, "%s.before-1", path);
  assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE |
                                   SQLITE_OPEN_CREATE, "watched"), SQLITE_OK);
  assert_int_equal(ml_migrate(db, path, NULL, list, 1, &e), ML_OK);
  fill(db);
  assert_int_equal(number(db, "PRAGMA user_version"), 1);
  sqlite3_close(db);
  assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, "watched"),
                   SQLITE_OK);
  assert_int_equal(sqlite3_open(path, &writer), SQLITE_OK);
  run(writer, "PRAGMA synchronous = 0");
  other = writer;
  commits = 0;
  ml_migrate(db, path, NULL, list, 2, &e);   /* the step itself may be busy */
  other = NULL;
  sqlite3_close(writer);
  assert_in_range(commits, 1, COMMITS_MAX - 1);
  assert_int_equal(sqlite3_open(copy, &kept), SQLITE_OK);
  assert_int_equal(number(kept, "SELECT count(*) FROM ballast"), ROWS);
  assert_int_equal(number(kept, "SELECT one.v - two.v FROM one, two"), 0);
  assert_int_equal(number(kept, "SELECT count(*) FROM pragma_integrity_check "
                                "WHERE integrity_check = 'ok'"), 1);
  sqlite3_close(kept);
  sqlite3_close(db);
  unlink(path);
  unlink(copy);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_copy_ends_though_others_commit),
  };

  real_vfs = sqlite3_vfs_find(NULL);
  watched = *real_vfs;
  watched.zName = "watched";
  watched.xOpen = watched_open;
  sqlite3_vfs_register(&watched, 0);
  return cmocka_run_group_tests_name("store_copy", tests, NULL, NULL);
}
