/*
** test_store_file.c - the store as a file: lock, modes, versions, copies,
** size, the log's length, and kill -9.
*/
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/rand.h"
#include "store/sqlite.h"
#include "store_suite.h"

#define assert_rc(a, b) assert_string_equal(ml_rc_name(a), ml_rc_name(b))

static char folder[256], path[300];

static const char *beside(const char *ending) {
  static char names[4][400];
  static int i;
  char *p = names[i++ % 4];

  snprintf(p, sizeof names[0], "%s%s", path, ending);
  return p;
}

/* Each test has a file of its own. */
static int new_file(void **state) {
  static int made;

  (void)state;
  snprintf(path, sizeof path, "%s/%d.db", folder, made++);
  return 0;
}

static ml_store *open_store(bool threaded) {
  ml_store_conf conf = {.path = path, .threaded = threaded};
  ml_store *s = NULL;
  ml_err e = {0};

  if (ml_store_open(&conf, &s, &e) != ML_OK)
    fail_msg("%s", e.text);
  return s;
}

static ml_rc try_open(ml_store_conf conf, ml_err *e) {
  ml_store *s = (ml_store *)&conf;
  ml_rc rc;

  conf.path = path;
  memset(e, 0, sizeof *e);
  rc = ml_store_open(&conf, &s, e);
  if (rc != ML_OK)
    assert_null(s);
  ml_store_close(s);
  return rc;
}

/* Run SQL on the file, as another program would. */
static void by_hand(const char *file, const char *sql) {
  sqlite3 *db;
  char *why = NULL;

  assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
  if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
    fail_msg("%s: %s", sql, why);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t number(const char *file, const char *sql) {
  sqlite3 *db;
  sqlite3_stmt *st;
  int64_t v;

  assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(st), SQLITE_ROW);
  v = sqlite3_column_int64(st, 0);
  sqlite3_finalize(st);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  return v;
}

static char *bytes_of(const char *file, size_t *n) {
  FILE *f = fopen(file, "rb");
  char *p;

  assert_non_null(f);
  fseek(f, 0, SEEK_END);
  *n = (size_t)ftell(f);
  rewind(f);
  p = malloc(*n + 1);
  assert_non_null(p);
  assert_int_equal(fread(p, 1, *n, f), *n);
  fclose(f);
  return p;
}

/* ---- the age's row ---- */

/* It rides with a commit, once a minute at most, and makes none. */
static void the_age_costs_a_row_a_minute(void **state) {
  ml_clock_fake hands;
  ml_store_conf conf = {.path = path, .clock = &hands.base};
  ml_store *s;
  ml_err e = {0};
  int rows = 0;

  (void)state;
  ml_clock_fake_init(&hands, 1000);
  assert_rc(ml_store_open(&conf, &s, &e), ML_OK);
  for (int i = 1; i <= 300; i++) {
    ml_row_process p = suite_process(i);
    ml_batch *b = suite_batch(s);
    int before = sqlite3_total_changes(s->writer.db);

    ml_clock_fake_pass(&hands, 1000);
    ml_batch_process(b, &p);
    assert_rc(suite_commit(s, b), ML_OK);
    ml_batch_free(b);
    rows += sqlite3_total_changes(s->writer.db) - before - 1;
  }
  assert_int_equal(rows, 5);
  ml_store_close(s);
}

/* ---- lock and modes ---- */

static void nobody_else_may_read_it(void **state) {
  ml_store *s;
  mode_t was = umask(0);
  const char *const endings[] = {"", "-wal", "-shm", ".lock"};

  (void)state;
  s = open_store(true);
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    struct stat st;

    assert_int_equal(stat(beside(endings[i]), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
  }
  ml_store_close(s);
  umask(was);
}

static void a_second_engine_is_refused(void **state) {
  ml_store *s = open_store(true);
  char pid[24];
  ml_err e;

  (void)state;
  snprintf(pid, sizeof pid, "process %ld", (long)getpid());
  assert_rc(try_open((ml_store_conf){0}, &e), ML_EXISTS);
  assert_non_null(strstr(e.text, pid));
  assert_rc(try_open((ml_store_conf){.read_only = true}, &e), ML_OK);
  ml_store_close(s);
  assert_rc(try_open((ml_store_conf){0}, &e), ML_OK);
}

static void closing_leaves_one_file(void **state) {
  ml_store *s = open_store(true);
  ml_batch *b = suite_batch(s);
  ml_row_process p = suite_process(1);

  (void)state;
  ml_batch_process(b, &p);
  assert_rc(suite_commit(s, b), ML_OK);
  ml_batch_free(b);
  ml_store_close(s);
  assert_int_not_equal(access(beside("-wal"), F_OK), 0);
  assert_int_not_equal(access(beside("-shm"), F_OK), 0);
  assert_int_equal(number(path, "SELECT count(*) FROM process"), 1);
}

/* What is asked of SQLite is so, on both connections. */
static void settings_are_as_asked(void **state) {
  static const struct { const char *sql, *value; } want[] = {
    {"PRAGMA journal_mode", "wal"}, {"PRAGMA synchronous", "2"},
    {"PRAGMA secure_delete", "0"}, {"PRAGMA mmap_size", "0"},
    {"PRAGMA cell_size_check", "1"}, {"PRAGMA trusted_schema", "0"},
    {"PRAGMA temp_store", "2"}, {"PRAGMA wal_autocheckpoint", "0"},
  };
  ml_store *s = open_store(true);
  sqlite3 *dbs[] = {s->writer.db, s->reader.db};
  int on = -1;

  (void)state;
  for (int d = 0; d < 2; d++) {
    for (size_t i = 0; i < sizeof want / sizeof *want - (d == 1); i++) {
      sqlite3_stmt *st;

      assert_int_equal(sqlite3_prepare_v2(dbs[d], want[i].sql, -1, &st, NULL),
                       SQLITE_OK);
      assert_int_equal(sqlite3_step(st), SQLITE_ROW);
      assert_string_equal((const char *)sqlite3_column_text(st, 0),
                          want[i].value);
      sqlite3_finalize(st);
    }
    assert_int_equal(sqlite3_limit(dbs[d], SQLITE_LIMIT_ATTACHED, -1), 0);
    assert_int_equal(sqlite3_limit(dbs[d], SQLITE_LIMIT_SQL_LENGTH, -1),
                     64 << 10);
    assert_int_equal(sqlite3_limit(dbs[d], SQLITE_LIMIT_LENGTH, -1),
                     ML_STORE_ROW_MAX);
    sqlite3_db_config(dbs[d], SQLITE_DBCONFIG_DEFENSIVE, -1, &on);
    assert_int_equal(on, 1);
  }
  assert_int_equal(sqlite3_db_readonly(s->writer.db, "main"), 0);
  assert_int_equal(sqlite3_db_readonly(s->reader.db, "main"), 1);
  ml_store_close(s);
}

static void bad_paths_are_told(void **state) {
  ml_store *s;
  ml_err e = {0};

  (void)state;
  assert_rc(ml_store_open(&(ml_store_conf){.path = ""}, &s, &e), ML_INVALID);
  assert_rc(ml_store_open(&(ml_store_conf){.path = "file:x?mode=memory"}, &s,
                          &e), ML_INVALID);
  assert_rc(ml_store_open(&(ml_store_conf){.path = path, .vfs = "no such"}, &s,
                          &e), ML_INVALID);
  assert_rc(ml_store_open(&(ml_store_conf){.path = ":memory:",
                                           .read_only = true}, &s, &e),
            ML_INVALID);
  assert_rc(ml_store_open(&(ml_store_conf){.path = "/no/such/folder/x.db"}, &s,
                          NULL), ML_IO);
  assert_rc(try_open((ml_store_conf){.read_only = true}, &e), ML_NOT_FOUND);
  assert_int_equal(mkdir(path, 0700), 0);
  assert_rc(try_open((ml_store_conf){0}, &e), ML_INVALID);
  assert_non_null(strstr(e.text, "directory"));
  assert_int_equal(rmdir(path), 0);
}

/* ---- versions ---- */

static void refused_untouched(ml_store_conf conf, ml_rc want,
                              const char *word) {
  size_t n, m;
  char *before = bytes_of(path, &n), *after;
  ml_err e;

  for (int threaded = 0; threaded < 2; threaded++) {
    conf.threaded = threaded;
    assert_rc(try_open(conf, &e), want);
    if (strstr(e.text, word) == NULL)
      fail_msg("'%s' lacks '%s'", e.text, word);
  }
  after = bytes_of(path, &m);
  assert_int_equal(n, m);
  assert_memory_equal(before, after, n);
  free(before);
  free(after);
}

static void an_older_program_refuses_and_touches_nothing(void **state) {
  char sql[64];

  (void)state;
  ml_store_close(open_store(false));
  snprintf(sql, sizeof sql, "PRAGMA user_version = %u", ml_migration_count + 1);
  by_hand(path, sql);
  refused_untouched((ml_store_conf){0}, ML_REFUSED, "newer program");
  refused_untouched((ml_store_conf){.read_only = true}, ML_REFUSED,
                    "newer program");
}

/* The newer one was killed: its log is not ours to tidy up either. */
static void nor_does_it_touch_the_log(void **state) {
  ml_store *s = open_store(false);
  char copy[1200], sql[64];
  size_t n, m;
  char *before, *after;
  ml_err e;

  (void)state;
  snprintf(sql, sizeof sql, "PRAGMA user_version = %u", ml_migration_count + 1);
  assert_int_equal(sqlite3_exec(s->writer.db, sql, NULL, NULL, NULL),
                   SQLITE_OK);
  snprintf(copy, sizeof copy, "cp '%s' '%s/k.db' && cp '%s-wal' '%s/k.db-wal'",
           path, folder, path, folder);
  assert_int_equal(system(copy), 0);
  ml_store_close(s);
  snprintf(path, sizeof path, "%s/k.db", folder);
  before = bytes_of(beside("-wal"), &n);
  assert_true(n > 0);
  refused_untouched((ml_store_conf){0}, ML_REFUSED, "newer program");
  assert_rc(try_open((ml_store_conf){.version_max = 1}, &e), ML_REFUSED);
  after = bytes_of(beside("-wal"), &m);
  assert_int_equal(n, m);
  assert_memory_equal(before, after, n);
  free(before);
  free(after);
}

static void another_programs_file_is_refused(void **state) {
  FILE *f;

  (void)state;
  by_hand(path, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
  refused_untouched((ml_store_conf){0}, ML_REFUSED, "another program");
  new_file(NULL);
  f = fopen(path, "wb");
  assert_non_null(f);
  for (int i = 0; i < 2000; i++)
    fputs("no database", f);
  fclose(f);
  refused_untouched((ml_store_conf){0}, ML_CORRUPT, "cannot be read");
}

static const ml_migration two[] = {
  {"CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);"},
  {"ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1;"},
};
static const ml_migration broken[] = {
  {"CREATE TABLE a (x INTEGER) STRICT"},
  {"UPDATE a SET x = 5; CREATE TABLE a (x)"},
};

static ml_rc migrate_file(const ml_migration *list, uint32_t count, ml_err *e) {
  sqlite3 *db;
  ml_rc rc;

  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  rc = ml_migrate(db, path, NULL, list, count, e);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  return rc;
}

static void an_upgrade_makes_a_copy_first(void **state) {
  struct stat st;
  mode_t was = umask(0);

  (void)state;
  assert_rc(migrate_file(two, 1, NULL), ML_OK);
  assert_int_not_equal(access(beside(".before-0"), F_OK), 0);
  assert_int_equal(number(path, "PRAGMA user_version"), 1);
  by_hand(path, "INSERT INTO a VALUES (10)");
  assert_rc(migrate_file(two, 2, NULL), ML_OK);
  assert_int_equal(number(path, "PRAGMA user_version"), 2);
  assert_int_equal(number(path, "SELECT sum(y) FROM a"), 13);
  assert_int_equal(number(beside(".before-1"), "PRAGMA user_version"), 1);
  assert_int_equal(number(beside(".before-1"), "SELECT sum(x) FROM a"), 11);
  assert_int_equal(stat(beside(".before-1"), &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  umask(was);
  /* nothing to do: no second copy */
  unlink(beside(".before-1"));
  assert_rc(migrate_file(two, 2, NULL), ML_OK);
  assert_int_not_equal(access(beside(".before-1"), F_OK), 0);
  /* and back with an older program: refused */
  assert_rc(migrate_file(two, 1, NULL), ML_REFUSED);
}

static void a_failed_upgrade_changes_nothing(void **state) {
  ml_err e = {0};

  (void)state;
  assert_rc(migrate_file(broken, 1, NULL), ML_OK);
  by_hand(path, "INSERT INTO a VALUES (1)");
  assert_rc(migrate_file(broken, 2, &e), ML_IO);
  assert_non_null(strstr(e.text, "version 2"));
  assert_int_equal(number(path, "PRAGMA user_version"), 1);
  assert_int_equal(number(path, "SELECT sum(x) FROM a"), 1);
}

/* Rows of history are numbered anew by version 17. */
static void history_outlives_its_new_numbers(void **state) {
  ml_store *s = NULL;
  ml_err e = {0};

  (void)state;
  assert_rc(ml_store_open(&(ml_store_conf){.path = path, .version_max = 16},
                          &s, &e), ML_OK);
  ml_store_close(s);
  by_hand(path, "INSERT INTO history (n, seq, records) VALUES (300, 7, x'0107'),"
          " (1, 1, x'0101'), (2, 1, x'0102'), (1, 10000000, x'0103'),"
          " (549755813887, 1, x'0104')");
  ml_store_close(open_store(false));
  assert_int_equal(number(path, "SELECT count(*) FROM history"), 5);
  assert_int_equal(number(path, "SELECT count(*) FROM history h JOIN (VALUES"
                   " (1, 1, x'0101'), (1, 10000000, x'0103'), (2, 1, x'0102'),"
                   " (300, 7, x'0107'), (549755813887, 1, x'0104')) v ON"
                   " v.column1 = h.n AND v.column2 = h.seq"
                   " AND v.column3 = h.records"), 5);
  assert_int_equal(number(path, "SELECT min(n) = 1 AND number = 16777217"
                          " FROM history WHERE seq = 1"), 1);
  assert_int_equal(access(beside(".before-16"), F_OK), 0);
}

/* ---- read only ---- */

static void read_two(void *arg, ml_read *r) {
  ml_arena a = {0};
  ml_row_process p;

  *(ml_rc *)arg = ml_read_process(r, &a, 2, &p);
  ml_arena_free(&a);
}

static void reading_only(void **state) {
  for (int threaded = 0; threaded < 2; threaded++) {
    ml_store *s, *only = NULL;
    ml_row_process p = suite_process(2);
    ml_store_conf conf = {.path = path, .read_only = true,
                          .threaded = threaded};
    ml_rc rc = ML_RC_COUNT;
    ml_batch *b;
    ml_err e = {0};

    new_file(state);
    s = open_store(false);
    b = suite_batch(s);
    ml_batch_process(b, &p);
    assert_rc(suite_commit(s, b), ML_OK);
    ml_batch_free(b);
    if (threaded)                        /* closed, or still at work */
      ml_store_close(s);
    assert_rc(ml_store_open(&conf, &only, &e), ML_OK);
    assert_int_equal(ml_store_boot(only), 0);
    assert_int_equal(ml_store_last_n(only), 2);
    assert_rc(ml_store_read(only, read_two, NULL, &rc), ML_OK);
    ml_store_wait(only);
    assert_rc(rc, ML_OK);
    b = suite_batch(only);
    p.n = 3;
    ml_batch_process(b, &p);
    assert_rc(suite_commit(only, b), ML_REFUSED);
    ml_batch_free(b);
    ml_store_close(only);
    if (!threaded)
      ml_store_close(s);
    assert_int_equal(number(path, "SELECT count(*) FROM process"), 1);
  }
}

/* ---- size ---- */

enum { PARKED = 20000 };

/* A process waiting for a person: 300 bytes of data in five fields, a task,
** three history records, the key it was started with. */
static void park(ml_batch *b, int64_t n, ml_rand *r) {
  ml_row_process p = suite_process(n);
  ml_row_task t = {.n = n, .no = 3, .act = 3, .lane = 2,
                   .created_ms = 1790000000000 + n, .label = ML_STR("1-1"),
                   .title = ML_STR("License arrangement")};
  ml_row_key k = {.age_ms = 1790000000000 + n, .status = 201,
                  .answer = ML_STR("0190c8f0-5ed2-7000-8000-000000000001")};
  char data[512], rest[150];
  static const ml_told told[] = {ML_TOLD_STARTED, ML_TOLD_PHASE,
                                 ML_TOLD_OFFERED};
  int len = snprintf(data, sizeof data,
      "{\"q_kintoneId\":\"%" PRId64 "\",\"q_licenseKey\":\"K-%" PRId64 "-%032x\","
      "\"q_customer\":\"A customer with a rather long name %06" PRId64 "\","
      "\"q_accessUrl\":\"https://environment-%" PRId64 ".example.com/access\","
      "\"q_memo\":\"%0100d\"}", n, n, 7, n, n, 0);

  assert_in_range(len, 295, 340);
  r->bytes(r, rest, sizeof rest);
  r->bytes(r, p.id, sizeof p.id);
  r->bytes(r, k.key, sizeof k.key);
  r->bytes(r, k.body, sizeof k.body);
  p.seq = 3;
  p.created_ms = p.updated_ms = 1790000000000 + n;
  p.subject = ML_STR("Order delivery 12345");
  p.state = ML_STR("waiting");
  p.created_by = ML_STR("aiko");
  p.data = (ml_str){data, 300};
  p.rest = (ml_str){rest, sizeof rest};
  ml_batch_unit(b);
  ml_batch_key(b, &k);
  ml_batch_process(b, &p);
  ml_batch_task(b, &t);
  for (uint64_t i = 0; i < 3; i++)
    ml_batch_history(b, &(ml_row_history){
      .n = n, .seq = i + 1, .at_ms = 1790000000000 + n, .told = told[i],
      .no = 3, .name = ML_STR("1-1"), .who = i == 0 ? ML_STR("aiko") : ML_NOSTR,
      .text = ML_STR("license")});
}

static void a_parked_process_is_small(void **state) {
  ml_store *s = open_store(true);
  ml_rand_seeded r;
  int64_t bytes;

  (void)state;
  ml_rand_seed(&r, 3);
  for (int64_t n = 1; n <= PARKED; ) {
    ml_batch *b = suite_batch(s);

    for (int i = 0; i < 200; i++)
      park(b, n++, &r.base);
    assert_rc(suite_commit(s, b), ML_OK);
    ml_batch_free(b);
  }
  ml_store_close(s);
  bytes = number(path, "SELECT page_count * page_size FROM pragma_page_count,"
                       " pragma_page_size") / PARKED;
  print_message("# %" PRId64 " bytes a parked process\n", bytes);
  assert_in_range(bytes, 500, 1229);               /* 1.2 KiB */
}

/* ---- the log ---- */

typedef struct Load {
  ml_store *s;
  sem_t in, go;
  bool stuck;          /* the reader holds its snapshot until told */
  int reads;           /* still to be made */
  uint64_t log_most;
  int out;
  int64_t n;
} Load;

static void look_around(void *arg, ml_read *r) {
  Load *l = arg;
  ml_arena a = {0};
  ml_row_process p;

  (void)ml_read_process(r, &a, 1, &p);
  ml_arena_free(&a);
  if (l->stuck) {
    sem_post(&l->in);
    while (sem_wait(&l->go) != 0) {}
  }
}

static void look_again(void *arg) {
  Load *l = arg;

  if (l->reads-- > 0)
    assert_rc(ml_store_read(l->s, look_around, look_again, l), ML_OK);
}

static void wrote(void *arg, ml_batch *b, ml_rc rc) {
  Load *l = arg;

  ml_batch_free(b);
  l->out--;
  assert_rc(rc, ML_OK);
}

/* Write this much, at most eight batches under way, and watch the log. */
static void write_bytes(Load *l, size_t bytes) {
  static char data[20000];
  ml_store_stats now;

  memset(data, 'x', sizeof data);
  for (size_t done = 0; done < bytes; done += sizeof data) {
    ml_batch *b = suite_batch(l->s);
    ml_row_process p = suite_process(++l->n);

    p.data = (ml_str){data, sizeof data};
    ml_batch_process(b, &p);
    ml_store_submit(l->s, b, wrote, l);
    l->out++;
    while (l->out >= 8)
      ml_store_reap(l->s);
    ml_store_stats_get(l->s, &now);
    if (now.log_bytes > l->log_most)
      l->log_most = now.log_bytes;
  }
  while (l->out > 0)
    ml_store_reap(l->s);
}

static void start_load(Load *l) {
  ml_store_conf conf = {.path = path, .threaded = true, .log_max = 1 << 20};
  ml_err e = {0};

  memset(l, 0, sizeof *l);
  sem_init(&l->in, 0, 0);
  sem_init(&l->go, 0, 0);
  assert_rc(ml_store_open(&conf, &l->s, &e), ML_OK);
}

static void end_load(Load *l) {
  l->reads = 0;
  ml_store_close(l->s);
  sem_destroy(&l->in);
  sem_destroy(&l->go);
}

static void readers_do_not_let_the_log_grow(void **state) {
  ml_store_stats end;
  struct stat st;
  Load l;

  (void)state;
  start_load(&l);
  l.reads = 1000000;                    /* there is always one */
  look_again(&l);
  look_again(&l);
  write_bytes(&l, 40 << 20);
  l.reads = 0;
  ml_store_wait(l.s);
  ml_store_stats_get(l.s, &end);
  assert_true(end.reads > 100);
  assert_true(end.checkpoints > 10);
  assert_true(l.log_most > 1 << 20);
  /* a reader may be kept waiting by the machine: still a fraction of the
  ** 40 MiB that were written */
  assert_true(l.log_most < 10 << 20);
  assert_int_equal(stat(beside("-wal"), &st), 0);
  assert_true(st.st_size < 10 << 20);
  end_load(&l);
}

/* Not even a reader that stays for ever stops the writer; once it goes, the
** log is short again.  Told once when it is too long, once when it is not. */
static void a_reader_that_stays(void **state) {
  static char told[4000];
  FILE *log = tmpfile();
  ml_store_stats now;
  size_t n;
  Load l;

  (void)state;
  assert_non_null(log);
  ml_log_to(fileno(log), ML_WARN);
  start_load(&l);
  l.stuck = true;
  assert_rc(ml_store_read(l.s, look_around, NULL, &l), ML_OK);
  while (sem_wait(&l.in) != 0) {}
  write_bytes(&l, 8 << 20);
  ml_store_stats_get(l.s, &now);
  assert_true(now.log_bytes > 4 << 20);
  assert_true(now.checkpoint_busy > 0);
  l.stuck = false;
  sem_post(&l.go);
  ml_store_wait(l.s);
  write_bytes(&l, 2 << 20);
  ml_store_stats_get(l.s, &now);
  assert_true(now.log_bytes < 3 << 20);
  look_again(&l);                       /* the gate is open again */
  end_load(&l);
  ml_log_to(2, ML_ERROR_LEVEL);
  rewind(log);
  n = fread(told, 1, sizeof told - 1, log);
  told[n] = '\0';
  assert_non_null(strstr(told, "log-large"));
  assert_null(strstr(strstr(told, "log-large") + 1, "log-large"));
  fclose(log);
}

/* ---- kill -9 ---- */

static int acked;      /* the child's end of the pipe */

static void tell(void *arg, ml_batch *b, ml_rc rc) {
  int64_t n = (intptr_t)arg;

  ml_batch_free(b);
  if (rc != ML_OK || write(acked, &n, sizeof n) != sizeof n)
    _exit(3);
}

/* Batch n: a new process with key and history; and an older one moves on. */
static void put_pair(ml_batch *b, int64_t n) {
  ml_row_process p = suite_process(n);
  ml_row_key k = {.status = 201, .age_ms = n};

  memcpy(k.key, &n, sizeof n);
  ml_batch_key(b, &k);
  ml_batch_process(b, &p);
  ml_batch_history(b, &(ml_row_history){.n = n, .seq = 1, .at_ms = n});
  if (n % 2 == 0) {
    p = suite_process(n / 2);
    p.seq_was = 1;
    p.seq = 2;
    p.status = ML_COMPLETED;
    p.run = ML_RUN_COMPLETED;
    ml_batch_process(b, &p);
    ml_batch_history(b, &(ml_row_history){.n = n / 2, .seq = 2, .at_ms = n});
  }
}

static void child(int fd) {
  ml_store_conf conf = {.path = path, .threaded = true, .log_max = 128 << 10};
  ml_store *s;

  acked = fd;
  if (ml_store_open(&conf, &s, NULL) != ML_OK)
    _exit(2);
  for (intptr_t n = 1; n < 1000000; n++) {
    ml_batch *b = ml_batch_new(s);

    put_pair(b, n);
    ml_store_submit(s, b, tell, (void *)n);
    while (ml_store_pending(s) > (size_t)(1 + n % 40))
      ml_store_reap(s);
  }
  _exit(4);
}

/* The highest number acknowledged before the kill. */
static int64_t kill_after(int64_t wanted) {
  int fds[2], status;
  int64_t n = 0, last = 0;
  pid_t pid;

  assert_int_equal(pipe(fds), 0);
  fflush(NULL);
  pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    close(fds[0]);
    child(fds[1]);
  }
  close(fds[1]);
  while (last < wanted && read(fds[0], &n, sizeof n) == sizeof n)
    last = n;
  kill(pid, SIGKILL);
  while (read(fds[0], &n, sizeof n) == sizeof n)   /* said before it died */
    last = n;
  close(fds[0]);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  return last;
}

static void nothing_acknowledged_is_lost(void **state) {
  ml_rand_seeded r;
  int64_t boots = 0;

  ml_rand_seed(&r, 99);
  for (int seed = 0; seed < 10; seed++) {
    int64_t last, there;
    ml_store *s;

    new_file(state);
    last = kill_after(ml_rand_between(&r.base, 1, 1500));
    assert_true(last >= 1);
    s = open_store(false);               /* the dead one's lock is free */
    boots += ml_store_boot(s);
    there = ml_store_last_n(s);
    ml_store_close(s);
    assert_true(there >= last);
    assert_int_equal(number(path, "SELECT count(*) FROM process"), there);
    assert_int_equal(number(path, "SELECT count(*) FROM idem"), there);
    assert_int_equal(number(path, "SELECT count(*) FROM history WHERE seq = 1"),
                     there);
    assert_int_equal(number(path, "SELECT count(*) FROM history WHERE seq = 2"),
                     there / 2);
    assert_int_equal(number(path, "SELECT count(*) FROM process"
                                  " WHERE seq = 2 AND status = 1"), there / 2);
    assert_int_equal(number(path, "SELECT integrity_check = 'ok'"
                                  " FROM pragma_integrity_check"), 1);
  }
  assert_int_equal(boots, 20);
}

/* The n-th allocation of an open fails: a clean end, and the next one works. */
static void opening_without_memory(void **state) {
  ml_err e;
  int refused = 0;

  (void)state;
  for (uint64_t at = 1; at < 60; at++) {
    ml_rc rc;

    ml_mem_fail_at(at, 0);
    rc = try_open((ml_store_conf){.threaded = at % 2}, &e);
    ml_mem_fail_at(0, 0);
    assert_true(rc == ML_OK || rc == ML_NOMEM);
    refused += rc == ML_NOMEM;
  }
  assert_true(refused >= 4);
  assert_rc(try_open((ml_store_conf){0}, &e), ML_OK);
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
#define T(f) {#f, f, new_file, NULL, NULL}
  const struct CMUnitTest tests[] = {
    T(nobody_else_may_read_it),
    T(the_age_costs_a_row_a_minute),
    T(a_second_engine_is_refused),
    T(closing_leaves_one_file),
    T(settings_are_as_asked),
    T(bad_paths_are_told),
    T(an_older_program_refuses_and_touches_nothing),
    T(nor_does_it_touch_the_log),
    T(another_programs_file_is_refused),
    T(an_upgrade_makes_a_copy_first),
    T(a_failed_upgrade_changes_nothing),
    T(history_outlives_its_new_numbers),
    T(reading_only),
    T(a_parked_process_is_small),
    T(readers_do_not_let_the_log_grow),
    T(a_reader_that_stays),
    T(nothing_acknowledged_is_lost),
    T(opening_without_memory),
  };
#undef T
  const char *tmp = getenv("TMPDIR");
  int failed;

  snprintf(folder, sizeof folder, "%s/store-XXXXXX", tmp != NULL ? tmp : "/tmp");
  if (mkdtemp(folder) == NULL)
    return 1;
  ml_log_to(2, ML_ERROR_LEVEL);
  failed = cmocka_run_group_tests(tests, NULL, NULL);
  remove_folder();
  return failed;
}
