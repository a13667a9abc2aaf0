/*
** sqlite_open.c - the lock, the file, what is asked of SQLite and read back.
**
** Order of an open: library, FILE.lock, connection, version looked at (nothing
** has been changed so far), log written anew, settings, schema, boot record
** flushed, reader, threads.  A failure anywhere goes to ml_store_close(), which
** takes a store half made.
**
** A VFS that is named by the caller keeps its files where it likes, so there
** FILE.lock and the mode of the file are not our business; nor is shared
** memory: inline, the index of the log is kept on the heap.
*/
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/plant.h"
#include "store/backup.h"
#include "store/sqlite.h"

/* STRICT tables came with 3.37. */
#define SQLITE_LEAST 3037000

/* ---- the library ---- */

/* Once, before anybody uses it; whoever was quicker (a VFS that was registered
** for a test) keeps its settings, which are a matter of speed. */
static void set_up(void) {
  sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3_config(SQLITE_CONFIG_URI, 0);
}

static ml_rc check_library(ml_err *e) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;

  pthread_once(&once, set_up);
  if (sqlite3_libversion_number() < SQLITE_LEAST)
    return ml_err_set(e, ML_REFUSED, NULL,
                      "SQLite %s is too old, at least 3.37 is needed",
                      sqlite3_libversion());
  if (sqlite3_threadsafe() == 0)
    return ml_err_set(e, ML_REFUSED, NULL,
                      "this SQLite was built without threads");
  return sqlite3_initialize() == SQLITE_OK ? ML_OK : ML_NOMEM;
}

/* ---- FILE.lock ---- */

static ml_rc held_by(int fd, const char *name, ml_err *e) {
  char pid[24] = "";
  ssize_t n = pread(fd, pid, sizeof pid - 1, 0);

  pid[n > 0 ? n : 0] = '\0';
  pid[strcspn(pid, "\n")] = '\0';
  return ml_err_set(e, ML_EXISTS, NULL,
                    "the store is in use by process %s (%s)",
                    pid[0] != '\0' ? pid : "?", name);
}

static ml_rc write_pid(int fd) {
  char pid[24];
  int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());

  return ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)n, 0) == n ? ML_OK
                                                                     : ML_IO;
}

static ml_rc lock_it(int fd, const char *name, ml_err *e) {
  ml_rc rc;

  if (!ML_PLANTED(second_writer) && flock(fd, LOCK_EX | LOCK_NB) != 0)
    return errno == EWOULDBLOCK
               ? held_by(fd, name, e)
               : ml_err_set(e, ML_IO, NULL, "%s: %s", name, strerror(errno));
  rc = write_pid(fd);
  if (rc == ML_IO)
    ml_err_set(e, rc, NULL, "%s cannot be locked: %s", name, strerror(errno));
  return rc;
}

/* The file stays when the lock goes: to remove it would let two others hold
** two files of that name. */
ml_rc ml_store_lock(const char *path, int *fd, ml_err *e) {
  ml_buf name = {0};
  ml_rc rc;

  *fd = -1;
  ml_buf_printf(&name, "%s.lock", path);
  if (name.bad) {
    ml_buf_free(&name);
    return ML_NOMEM;
  }
  *fd = open(name.p, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (*fd < 0)
    rc = ml_err_set(e, errno == ENOSPC ? ML_FULL : ML_IO, NULL, "%s: %s",
                    name.p, strerror(errno));
  else
    rc = lock_it(*fd, name.p, e);
  if (rc != ML_OK && *fd >= 0) {
    close(*fd);
    *fd = -1;
  }
  ml_buf_free(&name);
  return rc;
}

/* ---- the file ---- */

static ml_rc is_file(const char *path, ml_err *e) {
  struct stat st;

  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
    return ml_err_set(e, ML_INVALID, NULL, "%s is %s, not a file", path,
                      S_ISDIR(st.st_mode) ? "a directory" : "something else");
  return ML_OK;
}

/* An empty file is a new database, and SQLite gives log and index the mode of
** the database.  The directory is flushed, so that the file stays. */
static ml_rc create(const char *path, ml_err *e) {
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  const char *slash = strrchr(path, '/');
  char *dir;
  int ok;

  if (fd < 0 && errno == EEXIST)
    return is_file(path, e);
  if (fd < 0)
    return ml_err_set(e, errno == ENOSPC ? ML_FULL : ML_IO, NULL,
                      "%s cannot be created: %s", path, strerror(errno));
  close(fd);
  dir = slash == NULL ? ml_mem_strdup(".")
                      : ml_mem_dup(path, (size_t)(slash - path) + 1);
  if (dir == NULL)
    return ML_NOMEM;
  fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ok = fd >= 0 && fsync(fd) == 0;
  if (fd >= 0)
    close(fd);
  ml_mem_free(dir);
  return ok ? ML_OK
            : ml_err_set(e, ML_IO, NULL, "the directory of %s cannot be "
                         "flushed: %s", path, strerror(errno));
}

static ml_rc connect_to(ml_link *c, const char *path, int flags,
                        const char *vfs, ml_err *e) {
  int rc = sqlite3_open_v2(path, &c->db, flags | SQLITE_OPEN_NOMUTEX |
                                             SQLITE_OPEN_EXRESCODE, vfs);
  sqlite3 *db = c->db;

  if (rc != SQLITE_OK)
    return ml_err_set(e, (rc & 0xff) == SQLITE_CANTOPEN ? ML_NOT_FOUND
                                                        : ml_sqlite_rc(rc),
                      NULL, "%s cannot be opened: %s", path,
                      db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
  sqlite3_busy_timeout(db, 1000);
  sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, ML_STORE_ROW_MAX);
  sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 64 << 10);
  sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, 100);
  sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(db, SQLITE_LIMIT_VARIABLE_NUMBER, 1000);
  sqlite3_limit(db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000);
  return ML_OK;
}

/* ---- settings, each read back ---- */

typedef struct Setting {
  const char *set;        /* NULL: only asked */
  const char *ask;
  const char *want;       /* for a file */
  bool file_only;         /* means nothing for a database in memory */
} Setting;

#if ML_PLANTED(sync_normal)
#define SYNCHRONOUS "1"
#else
#define SYNCHRONOUS "2"          /* FULL: each commit is flushed */
#endif

static const Setting settings[] = {
  {"PRAGMA auto_vacuum = 0", "PRAGMA auto_vacuum", "0", true},
  {"PRAGMA secure_delete = 0", "PRAGMA secure_delete", "0", false},
  {"PRAGMA cell_size_check = 1", "PRAGMA cell_size_check", "1", false},
  {"PRAGMA mmap_size = 0", "PRAGMA mmap_size", "0", true},
  {"PRAGMA temp_store = 2", "PRAGMA temp_store", "2", false},
  {"PRAGMA foreign_keys = 0", "PRAGMA foreign_keys", "0", false},
  {"PRAGMA recursive_triggers = 0", "PRAGMA recursive_triggers", "0", false},
  {"PRAGMA synchronous = " SYNCHRONOUS, "PRAGMA synchronous", SYNCHRONOUS,
   false},
  {"PRAGMA checkpoint_fullfsync = 0", "PRAGMA checkpoint_fullfsync", "0",
   false},
};

/* First column of the first row; "" when there is none. */
static int ask(sqlite3 *db, const char *sql, char *out, size_t size) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
  int end;

  out[0] = '\0';
  if (rc == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW) {
    const unsigned char *text = sqlite3_column_text(st, 0);

    snprintf(out, size, "%s", text != NULL ? (const char *)text : "");
  }
  end = sqlite3_finalize(st);
  return rc != SQLITE_OK ? rc : end;
}

static ml_rc set_one(sqlite3 *db, const char *set, const char *ask_sql,
                     const char *want, ml_err *e) {
  char got[32];
  int rc = sqlite3_exec(db, set, NULL, NULL, NULL);

  if (rc == SQLITE_OK)
    rc = ask(db, ask_sql, got, sizeof got);
  if (rc != SQLITE_OK)
    return ml_err_set(e, ml_sqlite_rc(rc), NULL, "'%s' failed: %s", set,
                      sqlite3_errmsg(db));
  if (strcmp(got, want) != 0)
    return ml_err_set(e, ML_REFUSED, NULL,
                      "'%s' had no effect: it is '%s', not '%s'", set, got,
                      want);
  return ML_OK;
}

/* Page caches, KiB.  Small ones commit faster (the truncate at commit walks what
** is cached) and keep the engine small however many processes it stores. */
enum { WRITER_KIB = 3072, READER_KIB = 1024 };

static ml_rc settle(ml_store *s, sqlite3 *db, int cache_kib, ml_err *e) {
  char set[64], want[16];
  ml_rc rc = ML_OK;

  for (size_t i = 0; rc == ML_OK && i < sizeof settings / sizeof *settings; i++)
    if (!settings[i].file_only || !s->memory)
      rc = set_one(db, settings[i].set, settings[i].ask, settings[i].want, e);
  if (rc == ML_OK) {
    snprintf(set, sizeof set, "PRAGMA cache_size = -%d", cache_kib);
    snprintf(want, sizeof want, "-%d", cache_kib);
    rc = set_one(db, set, "PRAGMA cache_size", want, e);
  }
  return rc;
}

/* The writer's: the log, and how long it may stay. */
static ml_rc settle_log(ml_store *s, const ml_store_conf *conf, ml_err *e) {
  sqlite3 *db = s->writer.db;
  char set[64], want[24];
  ml_rc rc = ML_OK;

  if (s->memory)
    return ML_OK;
  if (conf->vfs != NULL && !s->threaded)
    rc = set_one(db, "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA locking_mode",
                 "exclusive", e);
  if (rc == ML_OK)
    rc = set_one(db, "PRAGMA journal_mode = WAL", "PRAGMA journal_mode", "wal",
                 e);
  if (rc == ML_OK) {
    snprintf(set, sizeof set, "PRAGMA journal_size_limit = %" PRIu64,
             s->log_max);
    snprintf(want, sizeof want, "%" PRIu64, s->log_max);
    rc = set_one(db, set, "PRAGMA journal_size_limit", want, e);
  }
  return rc;
}

/* ---- opening ---- */

static ml_rc last_number(ml_store *s) {
  ml_link *c = ml_store_reader(s);
  ml_rc rc;
  sqlite3_stmt *st = ml_link_stmt(c, SQL_LAST_N, &rc);

  if (st == NULL)
    return rc;
  if (sqlite3_step(st) == SQLITE_ROW)
    s->last_n = sqlite3_column_int64(st, 0);
  return ml_sqlite_rc(sqlite3_reset(st));
}

static ml_rc last_transaction(ml_store *s) {
  ml_rc rc;
  sqlite3_stmt *st = ml_link_stmt(ml_store_reader(s), SQL_LAST_TX, &rc);

  if (st == NULL)
    return rc;
  if (sqlite3_step(st) == SQLITE_ROW)
    s->last_transaction = sqlite3_column_int64(st, 0);
  return ml_sqlite_rc(sqlite3_reset(st));
}

static ml_rc read_boot_before(ml_store *s) {
  ml_rc rc;
  sqlite3_stmt *st = ml_link_stmt(&s->writer, SQL_BOOT_BEFORE, &rc);

  if (st == NULL)
    return rc;
  if (sqlite3_step(st) == SQLITE_ROW)
    s->boot_before_ms = sqlite3_column_int64(st, 0);
  return ml_sqlite_rc(sqlite3_reset(st));
}

/* The first act after a start: a synced commit, so that what is read from now
** on is on disk. */
static ml_rc write_boot(ml_store *s, ml_err *e) {
  int code;
  ml_rc rc = ML_OK;
  sqlite3_stmt *st = NULL;

  if (ML_PLANTED(no_boot_commit))
    sqlite3_exec(s->writer.db, "PRAGMA synchronous = 0", NULL, NULL, NULL);
  code = ml_link_run(&s->writer, SQL_BEGIN);
  if (code == SQLITE_OK) {
    st = ml_link_stmt(&s->writer, SQL_BOOT, &rc);
    if (st != NULL) {
      sqlite3_bind_int64(st, 1, s->clock->wall_ms(s->clock));
      sqlite3_step(st);
      code = sqlite3_reset(st);
    }
  }
  if (code == SQLITE_OK && rc == ML_OK)
    code = ml_link_run(&s->writer, SQL_COMMIT);
  if (ML_PLANTED(no_boot_commit))
    sqlite3_exec(s->writer.db, "PRAGMA synchronous = 2", NULL, NULL, NULL);
  if (code == SQLITE_OK && rc == ML_OK) {
    s->boot = sqlite3_last_insert_rowid(s->writer.db);
    return ML_OK;
  }
  if (!sqlite3_get_autocommit(s->writer.db))
    ml_link_run(&s->writer, SQL_ROLLBACK);
  return ml_err_set(e, rc != ML_OK ? rc : ml_sqlite_rc(code), NULL,
                    "the record of this start cannot be written: %s",
                    sqlite3_errstr(code));
}

static ml_rc open_to_write(ml_store *s, const ml_store_conf *conf, ml_err *e) {
  uint32_t newest = ml_migration_count, found;
  char page[16];
  ml_rc rc;

  if (conf->version_max > 0 && conf->version_max < newest)
    newest = conf->version_max;
  if (!s->memory && conf->vfs == NULL) {
    rc = ml_store_lock(s->path, &s->lock_fd, e);
    if (rc == ML_OK)
      rc = create(s->path, e);
    if (rc != ML_OK)
      return rc;
  }
  rc = connect_to(&s->writer, s->path,
                  SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, conf->vfs, e);
  if (rc == ML_OK && conf->vfs != NULL && !s->threaded)
    sqlite3_exec(s->writer.db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL,
                 NULL);                  /* read back in settle_log */
  if (rc == ML_OK)
    rc = ml_migrate_check(s->writer.db, newest, &found, e);
  if (rc == ML_OK) {
    rc = ml_writer_renew(s);
    if (rc != ML_OK)
      ml_err_set(e, rc, NULL, "the log of %s cannot be written", s->path);
  }
  if (rc == ML_OK)
    rc = settle(s, s->writer.db, WRITER_KIB, e);
  if (rc == ML_OK)
    rc = settle_log(s, conf, e);
  if (rc == ML_OK)
    rc = ml_migrate(s->writer.db, s->memory ? NULL : s->path, conf->vfs,
                    ml_migrations, newest, e);
  if (rc != ML_OK)
    return rc;
  if (ask(s->writer.db, "PRAGMA page_size", page, sizeof page) != SQLITE_OK)
    return ML_IO;
  s->page_size = strtol(page, NULL, 10);
  ml_writer_init(s);
  rc = read_boot_before(s);
  if (rc == ML_OK)
    rc = write_boot(s, e);
  ml_writer_look(s);
  return rc;
}

static ml_rc open_to_read(ml_store *s, const ml_store_conf *conf, ml_err *e) {
  uint32_t found = 0;
  ml_rc rc = connect_to(&s->reader, s->path, SQLITE_OPEN_READONLY, conf->vfs,
                        e);

  if (rc == ML_OK)
    rc = ml_migrate_check(s->reader.db, ml_migration_count, &found, e);
  if (rc == ML_OK && found < ml_migration_count)
    return ml_err_set(e, ML_REFUSED, NULL,
                      "the store has schema version %" PRIu32 ", version "
                      "%" PRIu32 " is needed; start the server once", found,
                      ml_migration_count);
  return rc == ML_OK ? settle(s, s->reader.db, READER_KIB, e) : rc;
}

/* Signals are the owner's business. */
int ml_store_thread(pthread_t *t, void *(*fn)(void *), void *arg) {
  sigset_t all, was;
  int failed;

  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &was);
  failed = pthread_create(t, NULL, fn, arg);
  pthread_sigmask(SIG_SETMASK, &was, NULL);
  return failed;
}

static ml_rc start_threads(ml_store *s) {
  s->read_on = ml_store_thread(&s->read_thread, ml_reader_main, s) == 0;
  if (s->read_on && !s->read_only)
    s->write_on = ml_store_thread(&s->write_thread, ml_writer_main, s) == 0;
  return s->read_on && (s->read_only || s->write_on) ? ML_OK : ML_NOMEM;
}

static ml_rc make_locks(ml_store *s) {
  if (pthread_mutex_init(&s->mu, NULL) != 0)
    return ML_NOMEM;
  pthread_cond_init(&s->to_write, NULL);     /* cannot fail with glibc */
  pthread_cond_init(&s->to_read, NULL);
  pthread_cond_init(&s->to_owner, NULL);
  s->mu_made = true;
  return ML_OK;
}

static ml_rc check_conf(const ml_store_conf *conf, ml_err *e) {
  const char *path = conf->path;

  if (path == NULL || path[0] == '\0')
    return ml_err_set(e, ML_INVALID, NULL, "the store needs a path");
  if (strncmp(path, "file:", 5) == 0)
    return ml_err_set(e, ML_INVALID, NULL,
                      "'%s': a path, not a URI, is wanted", path);
  if (conf->read_only && strcmp(path, ":memory:") == 0)
    return ml_err_set(e, ML_INVALID, NULL,
                      "a store in memory cannot be read only");
  if (conf->vfs != NULL && sqlite3_vfs_find(conf->vfs) == NULL)
    return ml_err_set(e, ML_INVALID, NULL, "no VFS is named '%s'", conf->vfs);
  return ML_OK;
}

static ml_rc fill(ml_store *s, const ml_store_conf *conf, ml_err *e) {
  s->lock_fd = -1;
  s->path = ml_mem_strdup(conf->path);
  if (s->path == NULL)
    return ml_err_set(e, ML_NOMEM, NULL, "out of memory");
  s->memory = strcmp(conf->path, ":memory:") == 0;
  s->read_only = conf->read_only;
  s->threaded = conf->threaded && !s->memory;   /* one connection, one thread */
  s->clock = conf->clock != NULL ? conf->clock : ml_clock_system();
  s->notify = conf->notify;
  s->notify_arg = conf->notify_arg;
  s->log_max = conf->log_max > 0 ? conf->log_max : ML_STORE_LOG_MAX;
  return make_locks(s);
}

ml_rc ml_store_open(const ml_store_conf *conf, ml_store **out, ml_err *e) {
  ml_err mine = {0};
  ml_store *s;
  ml_rc rc = check_library(&mine);

  *out = NULL;
  if (rc == ML_OK)
    rc = check_conf(conf, &mine);
  s = rc == ML_OK ? ml_mem_zero(sizeof *s) : NULL;
  if (rc == ML_OK && s == NULL)
    rc = ML_NOMEM;
  if (rc != ML_OK)
    goto fail;
  rc = fill(s, conf, &mine);
  if (rc != ML_OK)
    goto fail;
  rc = s->read_only ? open_to_read(s, conf, &mine)
                    : open_to_write(s, conf, &mine);
  if (rc != ML_OK)
    goto fail;
  if (s->threaded && !s->read_only) {
    rc = connect_to(&s->reader, s->path, SQLITE_OPEN_READONLY, conf->vfs,
                    &mine);
    if (rc == ML_OK)
      rc = settle(s, s->reader.db, READER_KIB, &mine);
  }
  if (rc == ML_OK)
    rc = last_number(s);
  if (rc == ML_OK && !s->read_only && conf->version_max == 0)
    rc = last_transaction(s);
  if (rc == ML_OK && conf->version_max == 0)
    rc = ml_age_open(s);
  if (rc == ML_OK && s->threaded)
    rc = start_threads(s);
  if (rc != ML_OK)
    goto fail;
  if (s->threaded)           /* an engine, not a command or a simulation */
    ml_log(ML_INFO, "store-open", "path", s->path, "sqlite",
           sqlite3_libversion(), NULL);
  *out = s;
  return ML_OK;
fail:
  ml_store_close(s);
  if (mine.rc == ML_OK)
    ml_err_set(&mine, rc, NULL, "the store cannot be opened: %s",
               ml_rc_name(rc));
  if (e != NULL)
    *e = mine;
  return rc;
}

/* ---- closing ---- */

static void stop_threads(ml_store *s) {
  pthread_mutex_lock(&s->mu);
  s->stopping = true;
  pthread_cond_signal(&s->to_write);
  pthread_cond_signal(&s->to_read);
  pthread_mutex_unlock(&s->mu);
  if (s->write_on)
    pthread_join(s->write_thread, NULL);
  if (s->read_on)
    pthread_join(s->read_thread, NULL);
}

/* What is still on its way is finished and its done functions are called. */
ml_rc ml_store_close(ml_store *s) {
  ml_rc state;

  if (s == NULL)
    return ML_OK;
  if (s->mu_made) {
    ml_store_backup_stop(s);
    ml_store_wait(s);
    stop_threads(s);
  }
  ml_link_close(&s->reader);
  ml_writer_leave(s);
  state = ml_store_state(s);
  ml_link_close(&s->writer);
  if (s->lock_fd >= 0)
    close(s->lock_fd);
  if (s->mu_made) {
    pthread_cond_destroy(&s->to_write);
    pthread_cond_destroy(&s->to_read);
    pthread_cond_destroy(&s->to_owner);
    pthread_mutex_destroy(&s->mu);
  }
  ml_mem_free(s->path);
  ml_mem_free(s);
  return state;
}

/* ---- small things ---- */

ml_rc ml_store_state(const ml_store *s) {
  return (ml_rc)atomic_load(&s->dead);
}

ml_link *ml_store_reader(ml_store *s) {
  return s->reader.db != NULL ? &s->reader : &s->writer;
}

int64_t ml_store_boot(const ml_store *s) {
  return s->boot;
}

int64_t ml_store_boot_before_ms(const ml_store *s) {
  return s->boot_before_ms;
}

int64_t ml_store_last_n(const ml_store *s) {
  return s->last_n;
}

int64_t ml_store_last_transaction(const ml_store *s) {
  return s->last_transaction;
}

void ml_store_stats_get(const ml_store *s, ml_store_stats *out) {
#define GET(name) \
  out->name = atomic_load_explicit(&s->counts.name, memory_order_relaxed)
  GET(commits);
  GET(syncs);
  GET(rows);
  GET(batches);
  GET(units);
  GET(checkpoints);
  GET(checkpoint_busy);
  GET(log_bytes);
  GET(db_bytes);
  GET(reads);
#undef GET
}
