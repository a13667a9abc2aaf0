/*
** test_store_backup.c - copies of a store while it is written: one moment,
** whole, under the right name or not there at all.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "store/backup.h"
#include "store/sqlite.h"
#include "store_suite.h"

#define assert_rc(a, b) assert_string_equal(ml_rc_name(a), ml_rc_name(b))

static char folder[256], path[300], copy[320], part[340];
static int64_t next_n;

static int new_file(void **state) {
  static int made;

  (void)state;
  snprintf(path, sizeof path, "%s/%d.db", folder, made);
  snprintf(copy, sizeof copy, "%s/%d.copy", folder, made++);
  snprintf(part, sizeof part, "%s.partial", copy);
  next_n = 1;
  return 0;
}

static ml_store *open_at(const char *file) {
  ml_store_conf conf = {.path = file, .threaded = true};
  ml_store *s = NULL;
  ml_err e = {0};

  if (ml_store_open(&conf, &s, &e) != ML_OK)
    fail_msg("%s", e.text);
  return s;
}

/* `count` processes and a history record each, in one commit. */
static void add(ml_store *s, int count) {
  static char text[2000];
  ml_batch *b = suite_batch(s);

  memset(text, 'x', sizeof text);
  for (int i = 0; i < count; i++) {
    ml_row_process p = suite_process(next_n++);
    ml_row_history h = {.n = p.n, .seq = 1, .at_ms = 1, .told = ML_TOLD_STARTED,
                        .text = {text, sizeof text}};

    ml_batch_unit(b);
    ml_batch_process(b, &p);
    ml_batch_history(b, &h);
  }
  assert_rc(suite_commit(s, b), ML_OK);
  ml_batch_free(b);
}

static int64_t number(const char *file, const char *sql) {
  sqlite3 *db;
  sqlite3_stmt *st;
  int64_t v;

  assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY, NULL),
                   SQLITE_OK);
  if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
    fail_msg("%s", sqlite3_errmsg(db));
  assert_int_equal(sqlite3_step(st), SQLITE_ROW);
  v = sqlite3_column_int64(st, 0);
  sqlite3_finalize(st);
  sqlite3_close(db);
  return v;
}

static bool is_there(const char *file) {
  return access(file, F_OK) == 0;
}

typedef struct load {
  ml_store *s;
  int pieces, per_piece;
  bool stop;
} load;

/* Between two pieces others commit: rows before and behind what was copied. */
static bool write_meanwhile(void *arg, uint64_t left) {
  load *l = arg;

  (void)left;
  l->pieces++;
  if (l->per_piece > 0)
    add(l->s, l->per_piece);
  return !l->stop;
}

static void a_copy_is_of_one_moment(void **state) {
  ml_store *s = open_at(path);
  load l = {.s = s, .per_piece = 50};
  ml_backup_conf conf = {.path = path, .file = copy, .go_on = write_meanwhile,
                         .arg = &l};
  ml_backup_made made;
  ml_err e = {0};
  struct stat st;

  (void)state;
  add(s, 2000);
  if (ml_backup_copy(&conf, &made, &e) != ML_OK)
    fail_msg("%s", e.text);
  assert_true(l.pieces > 3);             /* it was in pieces, and went on */
  assert_int_equal(number(copy, "SELECT count(*) FROM process"), 2000);
  assert_int_equal(number(copy, "SELECT count(*) FROM history"), 2000);
  assert_int_equal(number(path, "SELECT count(*) FROM process"),
                   2000 + l.pieces * 50);
  assert_int_equal(number(copy, "SELECT count(*) FROM pragma_integrity_check"
                                " WHERE integrity_check <> 'ok'"), 0);
  assert_int_equal(stat(copy, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_int_equal((int64_t)st.st_size, (int64_t)made.bytes);
  assert_int_equal(made.version, ml_migration_count);
  assert_false(is_there(part));
  ml_store_close(s);

  s = open_at(copy);                     /* it is a store: it can be served */
  assert_int_equal(ml_store_last_n(s), 2000);
  assert_int_equal(ml_store_boot(s), 2);
  add(s, 0);
  ml_store_close(s);
}

/* Readable where nothing can be written: no log beside it is wanted. */
static void a_copy_needs_no_log(void **state) {
  ml_store *s = open_at(path);
  ml_backup_conf conf = {.path = path, .file = copy};
  ml_backup_made made;
  ml_err e = {0};
  char shm[400];

  (void)state;
  add(s, 10);
  assert_rc(ml_backup_copy(&conf, &made, &e), ML_OK);
  assert_int_equal(number(copy, "SELECT count(*) FROM process"), 10);
  snprintf(shm, sizeof shm, "%s-shm", copy);
  assert_false(is_there(shm));
  ml_store_close(s);
}

static void nothing_is_replaced(void **state) {
  ml_store *s = open_at(path);
  ml_backup_conf conf = {.path = path, .file = copy};
  ml_backup_made made;
  ml_err e = {0};
  FILE *f = fopen(copy, "w");
  char log[400];
  struct stat st;

  (void)state;
  assert_non_null(f);
  fputs("mine", f);
  fclose(f);
  assert_rc(ml_backup_copy(&conf, &made, &e), ML_EXISTS);
  assert_non_null(strstr(e.text, "is there already"));
  assert_int_equal(stat(copy, &st), 0);
  assert_int_equal(st.st_size, 4);
  conf.file = path;                      /* nor the store itself */
  assert_rc(ml_backup_copy(&conf, &made, &e), ML_EXISTS);
  snprintf(log, sizeof log, "%s-journal", path);
  conf.file = log;
  assert_rc(ml_backup_copy(&conf, &made, &e), ML_INVALID);
  assert_false(is_there(log));
  ml_store_close(s);
}

/* The log outgrows its reserve: the backup fails, the store does not. */
static void the_reserve_bounds_the_log(void **state) {
  ml_store *s = open_at(path);
  load l = {.s = s, .per_piece = 200};
  ml_backup_conf conf = {.path = path, .file = copy, .reserve = 4 << 20,
                         .go_on = write_meanwhile, .arg = &l};
  ml_backup_made made;
  ml_err e = {0};

  (void)state;
  for (int i = 0; i < 10; i++)           /* 30 MB or so, in a short log */
    add(s, 1000);
  ml_store_close(s);
  s = l.s = open_at(path);
  assert_rc(ml_backup_copy(&conf, &made, &e), ML_LIMIT);
  assert_non_null(strstr(e.text, "4194304 bytes"));
  assert_true(l.pieces < 20);
  assert_false(is_there(copy));
  assert_false(is_there(part));
  add(s, 100);
  ml_store_close(s);
}

static void a_backup_is_stopped(void **state) {
  ml_store *s = open_at(path);
  load l = {.s = s, .stop = true};
  ml_backup_conf conf = {.path = path, .file = copy, .go_on = write_meanwhile,
                         .arg = &l};
  ml_backup_made made;
  ml_err e = {0};

  (void)state;
  add(s, 1000);
  assert_rc(ml_backup_copy(&conf, &made, &e), ML_AGAIN);
  assert_int_equal(l.pieces, 1);
  assert_false(is_there(copy));
  assert_false(is_there(part));
  ml_store_close(s);
}

/* What a crash left under the temporary name is taken over; what another
** backup is writing there is not. */
static void the_part_is_one_writers(void **state) {
  ml_store *s = open_at(path);
  ml_backup_conf conf = {.path = path, .file = copy};
  ml_backup_made made;
  ml_err e = {0};
  int fd = open(part, O_RDWR | O_CREAT, 0600);

  (void)state;
  add(s, 10);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "left by a crash", 15), 15);
  assert_int_equal(flock(fd, LOCK_EX), 0);
  assert_rc(ml_backup_copy(&conf, &made, &e), ML_AGAIN);
  assert_false(is_there(copy));
  close(fd);
  assert_rc(ml_backup_copy(&conf, &made, &e), ML_OK);
  assert_int_equal(number(copy, "SELECT count(*) FROM process"), 10);
  assert_false(is_there(part));
  ml_store_close(s);
}

/* A damaged page is found before the copy gets its name. */
static void damage_is_seen(void **state) {
  ml_store *s = open_at(path);
  ml_backup_conf conf = {.path = path, .file = copy};
  ml_backup_made made;
  ml_err e = {0};
  int64_t root;
  int fd;

  (void)state;
  add(s, 500);
  ml_store_close(s);
  root = number(path, "SELECT rootpage FROM sqlite_schema"
                      " WHERE name = 'process_open'");
  fd = open(path, O_RDWR);
  assert_true(fd >= 0);
  assert_int_equal(pwrite(fd, "\xff\xff\xff\xff\xff\xff\xff\xff", 8,
                          (root - 1) * 4096 + 2), 8);
  close(fd);
  assert_rc(ml_backup_copy(&conf, &made, &e), ML_CORRUPT);
  assert_non_null(strstr(e.text, "damaged"));
  assert_false(is_there(copy));
  assert_false(is_there(part));
}

static void not_a_store_is_refused(void **state) {
  ml_backup_conf conf = {.path = path, .file = copy};
  ml_backup_made made;
  ml_err e = {0};
  FILE *f;

  (void)state;
  assert_int_not_equal(ml_backup_copy(&conf, &made, &e), ML_OK);
  assert_false(is_there(path));          /* not made by looking */
  f = fopen(path, "w");
  assert_non_null(f);
  fputs("a letter to a friend, of some length, but no database", f);
  fclose(f);
  assert_rc(ml_backup_copy(&conf, &made, &e), ML_CORRUPT);
  assert_false(is_there(copy));
}

/* ---- of an open store ---- */

typedef struct told {
  int count;
  ml_rc rc;
  ml_backup_made made;
} told;

static void tell(void *arg, ml_rc rc, const ml_err *e,
                 const ml_backup_made *made) {
  told *t = arg;

  (void)e;
  t->count++;
  t->rc = rc;
  t->made = *made;
}

static void an_open_store_copies_itself(void **state) {
  ml_store *s = open_at(path);
  told t = {0}, u = {0};
  ml_err e = {0};

  (void)state;
  add(s, 3000);
  assert_rc(ml_store_backup(s, copy, 0, tell, &t, &e), ML_OK);
  assert_rc(ml_store_backup(s, path, 0, tell, &u, &e), ML_AGAIN);
  assert_int_equal(u.count, 0);
  while (t.count == 0)
    add(s, 20);                          /* suite_commit reaps */
  assert_rc(t.rc, ML_OK);
  assert_true(number(copy, "SELECT count(*) FROM process") >= 3000);
  assert_int_equal(number(copy, "SELECT count(*) FROM process"),
                   number(copy, "SELECT count(*) FROM history"));
  assert_rc(ml_store_backup(s, copy, 0, tell, &u, &e), ML_OK);
  ml_store_wait(s);
  assert_rc(u.rc, ML_EXISTS);
  ml_store_close(s);
}

/* Closing gives a backup up, and its done comes before close returns. */
static void closing_ends_it(void **state) {
  ml_store *s = open_at(path);
  told t = {0};
  ml_err e = {0};

  (void)state;
  add(s, 3000);
  assert_rc(ml_store_backup(s, copy, 0, tell, &t, &e), ML_OK);
  ml_store_close(s);
  assert_int_equal(t.count, 1);
  assert_true(t.rc == ML_OK || t.rc == ML_AGAIN);
  assert_int_equal(is_there(copy), t.rc == ML_OK);
  assert_false(is_there(part));
}

static void memory_has_no_file(void **state) {
  ml_store *s = open_at(":memory:");
  told t = {0};
  ml_err e = {0};

  (void)state;
  assert_rc(ml_store_backup(s, copy, 0, tell, &t, &e), ML_CONFLICT);
  assert_int_equal(t.count, 0);
  ml_store_close(s);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, new_file)
  const struct CMUnitTest tests[] = {
    TEST(a_copy_is_of_one_moment),
    TEST(a_copy_needs_no_log),
    TEST(nothing_is_replaced),
    TEST(the_reserve_bounds_the_log),
    TEST(a_backup_is_stopped),
    TEST(the_part_is_one_writers),
    TEST(damage_is_seen),
    TEST(not_a_store_is_refused),
    TEST(an_open_store_copies_itself),
    TEST(closing_ends_it),
    TEST(memory_has_no_file),
  };
  const char *tmp = getenv("TMPDIR");
  char rm[300];
  int failed;

  ml_log_to(2, ML_ERROR_LEVEL);
  snprintf(folder, sizeof folder, "%s/backup-XXXXXX", tmp != NULL ? tmp : "/tmp");
  if (mkdtemp(folder) == NULL)
    return 1;
  failed = cmocka_run_group_tests(tests, NULL, NULL);
  snprintf(rm, sizeof rm, "rm -rf '%s'", folder);
  return system(rm) != 0 ? 1 : failed;
}
