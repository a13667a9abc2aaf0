/* verify.c - integrity, schema and counts of a file that may be damaged. */
#include "store/verify.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "store/backup.h"
#include "store/sqlite.h"

typedef struct looking {
  sqlite3 *db;
  const char *path;
  char *log;
  uint64_t reserve;
  bool outgrown;
  ml_verify_fault_fn *fault;
  void *arg;
  ml_verified *out;
} looking;

static int watch_log(void *arg) {
  looking *l = arg;
  struct stat st;

  if (stat(l->log, &st) == 0 && (uint64_t)st.st_size > l->reserve)
    l->outgrown = true;
  return l->outgrown;
}

static ml_rc failed(looking *l, int code, ml_err *e) {
  if (l->outgrown)
    return ml_err_set(e, ML_LIMIT, NULL, "the engine's log grew past the reserve "
                      "of %" PRIu64 " bytes meanwhile; verify a backup instead",
                      l->reserve);
  return ml_err_set(e, ml_sqlite_rc(code), NULL, "%s cannot be read: %s", l->path,
                    l->db != NULL ? sqlite3_errmsg(l->db)
                                  : sqlite3_errstr(code));
}

static void fault(looking *l, const char *text) {
  if (l->out->faults++ < ML_VERIFY_FAULTS_MAX)
    l->fault(l->arg, text);
}

static ml_rc check_pages(looking *l, ml_err *e) {
  sqlite3_stmt *st = NULL;
  int code = sqlite3_prepare_v2(l->db, "PRAGMA integrity_check(100)", -1, &st,
                                NULL);

  while (code == SQLITE_OK || code == SQLITE_ROW) {
    code = sqlite3_step(st);
    if (code == SQLITE_ROW) {
      const char *text = (const char *)sqlite3_column_text(st, 0);

      if (text == NULL || strcmp(text, "ok") != 0)
        fault(l, text != NULL ? text : "no word from the check");
    }
  }
  sqlite3_finalize(st);
  if (code == SQLITE_DONE)
    return ML_OK;
  if (!l->outgrown && ml_sqlite_rc(code) == ML_CORRUPT) {
    fault(l, sqlite3_errmsg(l->db));
    return ML_OK;
  }
  return failed(l, code, e);
}

/* -1: the table cannot be read, which is a fault. */
static int64_t count_rows(looking *l, const char *sql) {
  sqlite3_stmt *st = NULL;
  int64_t n = -1;

  if (sqlite3_prepare_v2(l->db, sql, -1, &st, NULL) == SQLITE_OK &&
      sqlite3_step(st) == SQLITE_ROW)
    n = sqlite3_column_int64(st, 0);
  else if (!l->outgrown)
    fault(l, sqlite3_errmsg(l->db));
  sqlite3_finalize(st);
  return n;
}

static void count_all(looking *l) {
  ml_verified *o = l->out;

  o->starts = count_rows(l, "SELECT count(*) FROM boot");
  o->processes = count_rows(l, "SELECT count(*) FROM process");
  o->history = count_rows(l, "SELECT count(*) FROM history");
  o->tasks = count_rows(l, "SELECT count(*) FROM task");
  o->journal = count_rows(l, "SELECT count(*) FROM journal");
  o->comments = count_rows(l, "SELECT count(*) FROM comment");
  o->signals = count_rows(l, "SELECT count(*) FROM mail");
  o->keys = count_rows(l, "SELECT count(*) FROM idem");
  o->bundles = count_rows(l, "SELECT count(*) FROM bundle");
}

static ml_rc look(looking *l, ml_err *e) {
  int code = sqlite3_open_v2(l->path, &l->db, SQLITE_OPEN_READONLY |
                             SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
  ml_rc rc;

  if (code == SQLITE_OK) {
    sqlite3_busy_timeout(l->db, 1000);
    sqlite3_db_config(l->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_progress_handler(l->db, 10000, watch_log, l);
    code = sqlite3_exec(l->db, "BEGIN", NULL, NULL, NULL);
  }
  if (code != SQLITE_OK)
    return failed(l, code, e);
  rc = ml_migrate_check(l->db, ml_migration_count, &l->out->version, e);
  if (rc == ML_OK && l->out->version == 0)
    rc = ml_err_set(e, ML_REFUSED, NULL, "%s is empty: there is no store in it",
                    l->path);
  l->out->current = l->out->version == ml_migration_count;
  if (rc == ML_OK)
    rc = check_pages(l, e);
  if (rc == ML_OK)
    count_all(l);
  if (rc == ML_OK && l->outgrown)
    rc = failed(l, SQLITE_INTERRUPT, e);
  return rc;
}

ml_rc ml_verify_file(const char *path, uint64_t reserve,
                     ml_verify_fault_fn *fn, void *arg, ml_verified *out,
                     ml_err *e) {
  looking l = {.path = path, .fault = fn, .arg = arg, .out = out,
               .reserve = reserve > 0 ? reserve : ML_BACKUP_RESERVE};
  ml_buf log = {0};
  struct stat st;
  ml_rc rc;

  memset(out, 0, sizeof *out);
  if (stat(path, &st) != 0)
    return ml_err_set(e, ML_NOT_FOUND, NULL, "there is no file %s", path);
  if (!S_ISREG(st.st_mode))
    return ml_err_set(e, ML_INVALID, NULL, "%s is not a file", path);
  ml_buf_printf(&log, "%s-wal", path);
  l.log = log.p;
  rc = log.bad ? ML_NOMEM : look(&l, e);
  sqlite3_close(l.db);
  ml_buf_free(&log);
  return rc;
}
