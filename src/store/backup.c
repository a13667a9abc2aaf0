/*
** backup.c - copying a store under one snapshot, checking and naming the copy.
**
** SQLite's own page-wise backup begins anew when its source has changed between
** two steps.  Here the source's connection is inside a read transaction from
** before the first step: it never sees a change, so pieces are possible, and
** between two of them we look at the log's size.
*/
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "store/sqlite.h"

enum { PIECE_PAGES = 256, DIR_MAX = 4096 };

/* ---- names ---- */

typedef struct names {
  char *part, *log, *dir;
} names;

static char *with(const char *path, const char *ending) {
  ml_buf b = {0};
  size_t n;

  ml_buf_puts(&b, path);
  ml_buf_puts(&b, ending);
  return ml_buf_take(&b, &n);
}

static bool names_make(names *n, const ml_backup_conf *conf) {
  const char *slash = strrchr(conf->file, '/');

  n->part = with(conf->file, ".partial");
  n->log = with(conf->path, "-wal");
  n->dir = slash == NULL ? ml_mem_strdup(".")
                         : ml_mem_dup(conf->file, (size_t)(slash - conf->file) + 1);
  return n->part != NULL && n->log != NULL && n->dir != NULL;
}

static void names_free(names *n) {
  ml_mem_free(n->part);
  ml_mem_free(n->log);
  ml_mem_free(n->dir);
}

static ml_rc failed(ml_err *e, const char *what, const char *path) {
  return ml_err_set(e, errno == ENOSPC || errno == EDQUOT || errno == EFBIG
                           ? ML_FULL : ML_IO,
                    NULL, "%s %s: %s", what, path, strerror(errno));
}

/* ---- FILE.partial ---- */

/* Ours alone while it is written: a lock, so that what a crash left is taken
** over and what another backup writes is not. */
static ml_rc part_open(const char *part, int *fd, ml_err *e) {
  struct stat here, there;

  *fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (*fd < 0)
    return failed(e, "the copy cannot be made:", part);
  if (flock(*fd, LOCK_EX | LOCK_NB) != 0 || fstat(*fd, &here) != 0 ||
      stat(part, &there) != 0 || here.st_ino != there.st_ino ||
      !S_ISREG(here.st_mode))
    return ml_err_set(e, ML_AGAIN, NULL, "another backup is writing %s", part);
  if (ftruncate(*fd, 0) != 0)
    return failed(e, "the copy cannot be made:", part);
  return ML_OK;
}

/* ---- pages ---- */

static ml_rc sql_failed(ml_err *e, sqlite3 *db, int code, const char *what) {
  return ml_err_set(e, ml_sqlite_rc(code), NULL, "%s: %s", what,
                    db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code));
}

static ml_rc source_open(const char *path, sqlite3 **db, ml_err *e) {
  int code = sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY |
                             SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

  if (code == SQLITE_OK)
    code = sqlite3_busy_timeout(*db, 1000);
  if (code == SQLITE_OK)
    code = sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  if (code == SQLITE_OK)
    code = sqlite3_exec(*db, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL,
                        NULL, NULL);
  return code == SQLITE_OK ? ML_OK
                           : sql_failed(e, *db, code, "the store cannot be read");
}

static uint64_t size_of(const char *path) {
  struct stat st;

  return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static ml_rc may_go_on(const ml_backup_conf *conf, const char *log,
                       uint64_t left, ml_err *e) {
  uint64_t reserve = conf->reserve > 0 ? conf->reserve : ML_BACKUP_RESERVE;

  if (size_of(log) > reserve)
    return ml_err_set(e, ML_LIMIT, NULL, "the store's log grew past the reserve "
                      "of %" PRIu64 " bytes while the copy was made; the backup "
                      "was given up, nothing else is affected", reserve);
  if (conf->go_on != NULL && !conf->go_on(conf->arg, left))
    return ml_err_set(e, ML_AGAIN, NULL, "the backup was stopped");
  return ML_OK;
}

static ml_rc copy_pieces(const ml_backup_conf *conf, const char *log,
                         sqlite3 *from, sqlite3 *to, ml_err *e) {
  sqlite3_backup *job = sqlite3_backup_init(to, "main", from, "main");
  int code = SQLITE_OK, end;
  ml_rc rc = ML_OK;

  if (job == NULL)
    return sql_failed(e, to, sqlite3_errcode(to), "the copy cannot begin");
  while (rc == ML_OK && code == SQLITE_OK) {
    code = sqlite3_backup_step(job, PIECE_PAGES);
    if (code == SQLITE_OK)
      rc = may_go_on(conf, log, (uint64_t)sqlite3_backup_remaining(job), e);
  }
  end = sqlite3_backup_finish(job);
  if (rc != ML_OK)
    return rc;
  code = code == SQLITE_DONE ? end : code;
  return code == SQLITE_OK ? ML_OK
                           : sql_failed(e, to, code, "the copy cannot be written");
}

static ml_rc copy_pages(const ml_backup_conf *conf, const names *n,
                        ml_backup_made *made, ml_err *e) {
  sqlite3 *from = NULL, *to = NULL;
  ml_rc rc = source_open(conf->path, &from, e);
  int code;

  if (rc == ML_OK)
    rc = ml_migrate_check(from, ml_migration_count, &made->version, e);
  if (rc == ML_OK && made->version == 0)
    rc = ml_err_set(e, ML_INVALID, NULL, "%s is empty: there is no store in it",
                    conf->path);
  if (rc == ML_OK) {
    code = sqlite3_open_v2(n->part, &to, SQLITE_OPEN_READWRITE |
                           SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (code == SQLITE_OK)   /* a copy that was not ended is thrown away */
      code = sqlite3_exec(to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = 0",
                          NULL, NULL, NULL);
    rc = code == SQLITE_OK ? copy_pieces(conf, n->log, from, to, e)
                           : sql_failed(e, to, code, "the copy cannot begin");
  }
  code = sqlite3_close(to);
  if (rc == ML_OK && code != SQLITE_OK)
    rc = sql_failed(e, NULL, code, "the copy cannot be written");
  sqlite3_close(from);                   /* ends the snapshot */
  return rc;
}

/* The copy says in its header that it has a log beside it.  It has none, and
** must be readable where nothing can be written: bytes 18 and 19 say so
** (file format versions; 1: no log).  Whoever serves it changes them back. */
static ml_rc drop_log_mark(int fd, const char *part, ml_err *e) {
  static const unsigned char plain[2] = {1, 1};

  if (pwrite(fd, plain, sizeof plain, 18) != sizeof plain)
    return failed(e, "the copy cannot be written:", part);
  return ML_OK;
}

/* ---- looking at it ---- */

static int keep_going(void *conf) {
  const ml_backup_conf *c = conf;

  return c->go_on != NULL && !c->go_on(c->arg, 0);
}

static ml_rc check_copy(const ml_backup_conf *conf, const char *part,
                        ml_err *e) {
  sqlite3 *db = NULL;
  sqlite3_stmt *st = NULL;
  ml_rc rc = ML_OK;
  int code = sqlite3_open_v2(part, &db, SQLITE_OPEN_READONLY |
                             SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

  if (code == SQLITE_OK) {
    sqlite3_progress_handler(db, 100000, keep_going, (void *)conf);
    code = sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &st, NULL);
  }
  if (code == SQLITE_OK)
    code = sqlite3_step(st);
  if (code == SQLITE_ROW) {
    const char *said = (const char *)sqlite3_column_text(st, 0);

    if (said == NULL || strcmp(said, "ok") != 0)
      rc = ml_err_set(e, ML_CORRUPT, NULL, "the copy is damaged, and so is the "
                      "store: %.200s", said != NULL ? said : "no word");
  } else if ((code & 0xff) == SQLITE_INTERRUPT) {
    rc = ml_err_set(e, ML_AGAIN, NULL, "the backup was stopped");
  } else {
    rc = sql_failed(e, db, code, "the copy cannot be read");
  }
  sqlite3_finalize(st);
  sqlite3_close(db);
  return rc;
}

/* ---- its name ---- */

static ml_rc sync_dir(const char *dir, ml_err *e) {
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ml_rc rc = ML_OK;

  if (fd < 0 || fsync(fd) != 0)
    rc = failed(e, "the directory of the copy cannot be flushed:", dir);
  if (fd >= 0)
    close(fd);
  return rc;
}

static ml_rc exists(ml_err *e, const char *file) {
  return ml_err_set(e, ML_EXISTS, NULL, "%s is there already; a backup replaces "
                    "nothing, give it another name", file);
}

/* Never over another file, not even one that came meanwhile. */
static ml_rc give_name(const names *n, const char *file, ml_err *e) {
  int done = renameat2(AT_FDCWD, n->part, AT_FDCWD, file, RENAME_NOREPLACE);

  if (done != 0 && (errno == EINVAL || errno == ENOSYS)) {
    done = link(n->part, file);          /* a file system that knows no such */
    if (done == 0)
      done = unlink(n->part);
  }
  if (done != 0 && errno == EEXIST)
    return exists(e, file);
  if (done != 0)
    return failed(e, "the copy cannot be named", file);
  return sync_dir(n->dir, e);
}

static ml_rc make(const ml_backup_conf *conf, const names *n, int fd,
                  ml_backup_made *made, ml_err *e) {
  struct stat st;
  ml_rc rc = copy_pages(conf, n, made, e);

  if (rc == ML_OK)
    rc = drop_log_mark(fd, n->part, e);
  if (rc == ML_OK && fsync(fd) != 0)
    rc = failed(e, "the copy cannot be flushed:", n->part);
  if (rc == ML_OK)
    rc = check_copy(conf, n->part, e);
  if (rc == ML_OK && fstat(fd, &st) == 0)
    made->bytes = (uint64_t)st.st_size;
  return rc == ML_OK ? give_name(n, conf->file, e) : rc;
}

/* Names that SQLite and we give to what lies beside a store. */
static bool is_beside(const char *file, const char *store) {
  static const char *const endings[] = {"-wal", "-shm", "-journal", ".lock",
                                        ".key", ".token", ".sock"};
  size_t n = strlen(store);

  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
    if (strncmp(file, store, n) == 0 && strcmp(file + n, endings[i]) == 0)
      return true;
  return false;
}

ml_rc ml_backup_copy(const ml_backup_conf *conf, ml_backup_made *made,
                     ml_err *e) {
  struct stat st;
  names n = {0};
  int fd = -1;
  ml_rc rc = ML_OK;

  memset(made, 0, sizeof *made);
  if (is_beside(conf->file, conf->path))
    return ml_err_set(e, ML_INVALID, NULL, "%s belongs to the store itself; give "
                      "the copy another name", conf->file);
  if (lstat(conf->file, &st) == 0)
    return exists(e, conf->file);
  if (!names_make(&n, conf))
    rc = ml_err_set(e, ML_NOMEM, NULL, "out of memory");
  if (rc == ML_OK)
    rc = part_open(n.part, &fd, e);
  if (rc == ML_OK) {
    rc = make(conf, &n, fd, made, e);
    if (rc != ML_OK)
      unlink(n.part);
  }
  if (fd >= 0)
    close(fd);
  names_free(&n);
  return rc;
}

/* ---- of an open store ---- */

struct ml_backup_job {
  ml_job job;                    /* first: it is a job */
  ml_store *s;
  pthread_t thread;
  char *file;
  uint64_t reserve;
  ml_backup_fn *done;
  void *arg;
  ml_rc rc;
  ml_err e;
  ml_backup_made made;
};

static bool job_goes_on(void *store, uint64_t left) {
  (void)left;
  return !atomic_load(&((ml_store *)store)->backup_stop);
}

static void *job_main(void *arg) {
  struct ml_backup_job *b = arg;
  ml_backup_conf conf = {.path = b->s->path, .file = b->file,
                         .reserve = b->reserve, .go_on = job_goes_on,
                         .arg = b->s};
  ml_jobs one = {NULL, NULL};

  b->rc = ml_backup_copy(&conf, &b->made, &b->e);
  ml_jobs_put(&one, &b->job);
  ml_store_finished(b->s, &one);
  return NULL;
}

static void job_free(struct ml_backup_job *b) {
  ml_mem_free(b->file);
  ml_mem_free(b);
}

void ml_backup_reaped(ml_store *s, ml_job *job) {
  struct ml_backup_job *b = (struct ml_backup_job *)job;
  char bytes[24];

  pthread_join(b->thread, NULL);
  s->backup = false;
  snprintf(bytes, sizeof bytes, "%" PRIu64, b->made.bytes);
  if (b->rc == ML_OK)
    ml_log(ML_INFO, "backup-made", "file", b->file, "bytes", bytes, NULL);
  else
    ml_log(ML_WARN, "backup-failed", "file", b->file, "why", b->e.text, NULL);
  b->done(b->arg, b->rc, &b->e, &b->made);
  job_free(b);
}

ml_rc ml_store_backup(ml_store *s, const char *file, uint64_t reserve,
                      ml_backup_fn *done, void *arg, ml_err *e) {
  struct ml_backup_job *b;

  if (s->memory)
    return ml_err_set(e, ML_CONFLICT, NULL, "this engine keeps everything in "
                      "memory: there is no file to copy");
  if (s->backup)
    return ml_err_set(e, ML_AGAIN, NULL, "a backup is under way");
  b = ml_mem_zero(sizeof *b);
  if (b != NULL)
    b->file = ml_mem_strdup(file);
  if (b == NULL || b->file == NULL)
    goto nomem;
  b->job.is_backup = true;
  b->s = s;
  b->reserve = reserve;
  b->done = done;
  b->arg = arg;
  atomic_store(&s->backup_stop, false);
  s->backup = true;
  if (ml_store_thread(&b->thread, job_main, b) == 0)
    return ML_OK;
  s->backup = false;
nomem:
  if (b != NULL)
    job_free(b);
  return ml_err_set(e, ML_NOMEM, NULL, "out of memory");
}

void ml_store_backup_stop(ml_store *s) {
  atomic_store(&s->backup_stop, true);
}
