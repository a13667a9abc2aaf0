/*
** sqlite_write.c - the one writer: group commit and checkpoints.
**
** A group is everything queued, up to a cap.  It is written in one transaction
** without savepoints, in the hope that every unit is good; when one is not
** (stale, taken, ...), the transaction is rolled back and the group written
** again with a savepoint a unit, so that the bad ones alone are left out.
**
** What a failure means:
**   before COMMIT          nothing of the group is there: ML_FULL, ML_IO, ...
**   COMMIT, a write        the same, once the log has been cut where the group
**                          began: the write that failed may have been the last
**                          one and have reached the disk
**   COMMIT, anything else  ML_UNKNOWN: it may be there after a restart.  The
**                          flush is not tried again (the kernel has forgotten
**                          which pages were bad); every later batch is told
**                          ML_UNKNOWN and nothing more is written.
**   a checkpoint's flush   the same, though nothing was asked of us: the owner
**                          is notified and finds it in ml_store_state()
**
** The log is copied into the database file by this connection alone:
**   - PASSIVE when a quarter of log_max is not copied yet and nobody waits;
**   - at log_max the log must begin anew, which needs a moment without a
**     reader: the gate keeps new read jobs out, the running one ends, RESTART
**     succeeds, the gate opens.  A reader that stays (a backup) lets the log
**     grow; past 4 times log_max a warning is logged.
*/
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/plant.h"
#include "store/sqlite_index.h"

#define ADD(counter, n) \
  atomic_fetch_add_explicit(&(counter), (n), memory_order_relaxed)
#define SET(counter, n) \
  atomic_store_explicit(&(counter), (n), memory_order_relaxed)

/* A flush failed: nothing more is written, and the owner hears of it now, not at
** its next batch, which may be hours away. */
static void die(ml_store *s) {
  atomic_store(&s->dead, ML_UNKNOWN);
  if (s->notify != NULL)
    s->notify(s->notify_arg);
}

/* ---- one transaction ---- */

/* Faults of a unit, not of the disk. */
static bool is_soft(ml_rc rc) {
  return rc == ML_STALE || rc == ML_EXISTS || rc == ML_INVALID ||
         rc == ML_LIMIT;
}

/* SQLite may have rolled back by itself; and a transaction that cannot be
** ended must not become the next group's. */
static void roll_back(ml_store *s) {
  ml_index_forget(&s->writer);
  if (!sqlite3_get_autocommit(s->writer.db))
    ml_link_run(&s->writer, SQL_ROLLBACK);
  if (!sqlite3_get_autocommit(s->writer.db))
    die(s);
}

static ml_rc write_unit(ml_store *s, ml_batch *b, size_t u) {
  size_t end = u + 1 < b->unit_count ? b->units[u + 1].start : b->ops.len;
  ml_unpack ops = ml_unpack_of(b->ops.p + b->units[u].start,
                               end - b->units[u].start);
  ml_rc rc = ML_OK;

  while (rc == ML_OK && ops.p < ops.end)
    rc = ml_apply_row(&s->writer, &ops);
  return rc;
}

/* As write_unit, and undone by itself when it fails softly. */
static ml_rc write_unit_apart(ml_store *s, ml_batch *b, size_t u) {
  int code = ml_link_run(&s->writer, SQL_SAVE);
  ml_rc rc;

  if (code != SQLITE_OK)
    return ml_sqlite_rc(code);
  rc = write_unit(s, b, u);
  if (rc != ML_OK && !is_soft(rc))
    return rc;
  b->units[u].rc = rc;
  if (rc != ML_OK) {
    ml_index_forget(&s->writer);
    code = ml_link_run(&s->writer, SQL_SAVE_ROLLBACK);
    if (code != SQLITE_OK)
      return ml_sqlite_rc(code);
  }
  return ml_sqlite_rc(ml_link_run(&s->writer, SQL_SAVE_RELEASE));
}

static ml_rc write_group(ml_store *s, ml_jobs *group, bool apart) {
  ml_rc rc = ML_OK;

  for (ml_job *j = group->head; rc == ML_OK && j != NULL; j = j->next) {
    ml_batch *b = (ml_batch *)j;

    if (ml_batch_bad(b))
      continue;
    for (size_t u = 0; rc == ML_OK && u < b->unit_count; u++) {
      b->units[u].rc = ML_OK;
      rc = apart ? write_unit_apart(s, b, u) : write_unit(s, b, u);
    }
  }
  return rc;
}

static sqlite3_file *log_file(ml_store *s) {
  sqlite3_file *f = NULL;

  if (s->memory || sqlite3_file_control(s->writer.db, "main",
                                        SQLITE_FCNTL_JOURNAL_POINTER,
                                        &f) != SQLITE_OK)
    return NULL;
  return f != NULL && f->pMethods != NULL ? f : NULL;
}

/* The log's header; it changes when the log begins anew.  Zeros: none.  False:
** it could not be read. */
static bool log_header(ml_store *s, char out[ML_LOG_HEADER]) {
  sqlite3_file *f = log_file(s);
  int code = SQLITE_OK;

  memset(out, 0, ML_LOG_HEADER);
  if (f != NULL)
    code = f->pMethods->xRead(f, out, ML_LOG_HEADER, 0);
  return code == SQLITE_OK || code == SQLITE_IOERR_SHORT_READ;
}

static uint64_t frame_bytes(const ml_store *s, uint64_t frames) {
  return frames * (uint64_t)(s->page_size + 24);
}

/*
** After a COMMIT that could not write: cut off what it wrote, for good.  It
** was appended to the frames there are, or, when the header is another now, it
** began the log anew (then the old frames are in the database file already).
** A cut needs no room on the disk.
*/
static bool cut_log(ml_store *s) {
  sqlite3_file *f = log_file(s);
  char now[ML_LOG_HEADER];
  sqlite3_int64 size, keep = 0;

  if (!s->log.known || !log_header(s, now))
    return false;
  if (s->log.frames > 0 && memcmp(now, s->log.header, sizeof now) == 0)
    keep = ML_LOG_HEADER + (sqlite3_int64)frame_bytes(s, s->log.frames);
  return f != NULL && f->pMethods->xFileSize(f, &size) == SQLITE_OK &&
         (size <= keep || f->pMethods->xTruncate(f, keep) == SQLITE_OK) &&
         f->pMethods->xSync(f, SQLITE_SYNC_NORMAL) == SQLITE_OK;
}

/* Of the database, at the end of a transaction: there it costs a microsecond,
** after it fifteen, for the locks are taken anew. */
static ml_rc count_pages(ml_store *s, uint64_t *pages) {
  ml_rc rc;
  sqlite3_stmt *st = ml_link_stmt(&s->writer, SQL_PAGE_COUNT, &rc);

  if (st == NULL)
    return rc;
  if (sqlite3_step(st) == SQLITE_ROW)
    *pages = (uint64_t)sqlite3_column_int64(st, 0);
  return ml_sqlite_rc(sqlite3_reset(st));
}

/* Only a refused write is a clean "no"; SQLite flushes the log after it has
** written the commit record, and everything that fails from there on leaves
** the record where a restart may find it. */
static ml_rc commit(ml_store *s) {
  int code;

  s->log.hooked = false;
  code = ml_link_run(&s->writer, SQL_COMMIT);
  if (code == SQLITE_OK) {
    ADD(s->counts.commits, 1);
    if (s->log.hooked)
      ADD(s->counts.syncs, 1);
    return ML_OK;
  }
  roll_back(s);
  if (ML_PLANTED(fsync_retried) && code == SQLITE_IOERR_FSYNC &&
      log_file(s)->pMethods->xSync(log_file(s), SQLITE_SYNC_NORMAL) == SQLITE_OK)
    return ML_OK;
  if (((code & 0xff) == SQLITE_FULL || code == SQLITE_IOERR_WRITE) &&
      (s->memory || cut_log(s)))
    return ml_sqlite_rc(code);
  die(s);
  return ML_UNKNOWN;
}

static ml_rc begin(ml_store *s) {
  return ml_sqlite_rc(ml_link_run(&s->writer, SQL_BEGIN));
}

static ml_rc commit_group(ml_store *s, ml_jobs *group) {
  uint64_t pages = 0;
  ml_rc rc = begin(s);

  if (rc == ML_OK)
    rc = write_group(s, group, false);
  if (is_soft(rc)) {
    roll_back(s);
    rc = ml_store_state(s);
    if (rc == ML_OK)
      rc = begin(s);
    if (rc == ML_OK)
      rc = write_group(s, group, true);
  }
  if (rc == ML_OK)
    rc = ml_age_save(s);
  if (rc == ML_OK)
    rc = count_pages(s, &pages);
  if (rc == ML_OK) {
    rc = commit(s);
    if (rc == ML_OK) {
      ml_age_saved(s);
      SET(s->counts.db_bytes, pages * (uint64_t)s->page_size);
    }
    return rc;
  }
  roll_back(s);
  /* what is left for a caller: surely nothing was done */
  return rc == ML_NOMEM || rc == ML_FULL || rc == ML_CORRUPT ? rc : ML_IO;
}

/* ---- the log ---- */

/* After each commit that wrote: pages in the log. */
static int on_commit(void *store, sqlite3 *db, const char *name, int pages) {
  ml_store *s = store;

  (void)db;
  (void)name;
  if ((uint64_t)pages < s->log.frames)    /* it began anew */
    s->log.copied = s->log.tried = 0;
  s->log.frames = (uint64_t)pages;
  s->log.hooked = true;
  return SQLITE_OK;
}

/* After a group: the log's size for the stats, its header for cut_log(). */
static void measure(ml_store *s) {
  sqlite3_int64 size;
  sqlite3_file *f = log_file(s);

  if (f != NULL && f->pMethods->xFileSize(f, &size) == SQLITE_OK)
    SET(s->counts.log_bytes, (uint64_t)size);
  ml_writer_look(s);
}

static void tell_failing(ml_store *s, int code) {
  bool failing = code != SQLITE_OK && code != SQLITE_BUSY;

  if (failing && !s->log.failing)
    ml_log(ML_WARN, "checkpoint-failed", "why", sqlite3_errstr(code), NULL);
  else if (s->log.failing && code == SQLITE_OK)
    ml_log(ML_INFO, "checkpoint-again", NULL);
  if (code != SQLITE_BUSY)
    s->log.failing = failing;
}

/* Copy pages of the log into the database file.  True: all of them, and no
** reader is left in the log. */
static bool checkpoint(ml_store *s, int mode) {
  int frames = -1, copied = -1, code;
  uint64_t before = s->log.copied;

  sqlite3_busy_timeout(s->writer.db, 0);       /* wait for nobody */
  code = sqlite3_wal_checkpoint_v2(s->writer.db, NULL, mode, &frames, &copied);
  if (code != SQLITE_OK && code != SQLITE_BUSY)
    code = sqlite3_extended_errcode(s->writer.db);
  sqlite3_busy_timeout(s->writer.db, 1000);
  ADD(s->counts.checkpoints, 1);
  s->log.tried = s->log.frames;
  if (frames >= 0 && copied >= 0) {
    s->log.frames = (uint64_t)frames;
    s->log.copied = (uint64_t)copied;
  }
  if (code == SQLITE_BUSY || frames != copied)
    ADD(s->counts.checkpoint_busy, 1);
  if (s->log.copied > before)
    ADD(s->counts.syncs, 2);                   /* the log, the database */
  tell_failing(s, code);
  if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
    die(s);
  return code == SQLITE_OK && frames == copied;
}

static void warn_if_large(ml_store *s) {
  uint64_t size = atomic_load_explicit(&s->counts.log_bytes,
                                       memory_order_relaxed);
  bool large = size > s->log_max * ML_STORE_LOG_ALARM;
  char text[24];

  if (large == s->log.alarm)
    return;
  s->log.alarm = large;
  snprintf(text, sizeof text, "%" PRIu64, size);
  ml_log(large ? ML_WARN : ML_INFO, large ? "log-large" : "log-normal", "bytes",
         text, NULL);
}

/* Keep new readers out; true when none is in. */
static bool shut_gate(ml_store *s) {
  bool alone;

  if (!s->threaded)
    return true;
  s->log.shut = true;
  pthread_mutex_lock(&s->mu);
  s->gate = true;
  alone = !s->in_read;
  pthread_mutex_unlock(&s->mu);
  return alone;
}

static void open_gate(ml_store *s) {
  if (!s->log.shut)
    return;
  s->log.shut = false;
  pthread_mutex_lock(&s->mu);
  s->gate = false;
  pthread_cond_signal(&s->to_read);
  pthread_mutex_unlock(&s->mu);
}

/* The log is as long as it may be: begin it anew, or copy what can be copied
** each time it has grown by another piece. */
static void shorten_log(ml_store *s, bool grown) {
  ml_walog *l = &s->log;

  if (l->blocked && !grown)
    return;
  if (!shut_gate(s)) {           /* the running job's end wakes us */
    if (grown)
      checkpoint(s, SQLITE_CHECKPOINT_PASSIVE);
    return;
  }
  l->blocked = !checkpoint(s, SQLITE_CHECKPOINT_RESTART);
  if (!l->blocked)
    l->frames = l->copied = l->tried = 0;
  open_gate(s);
}

/* Between two groups.  `idle`: nobody waits for the next one. */
static void look_after_log(ml_store *s, bool idle) {
  ml_walog *l = &s->log;
  bool grown = frame_bytes(s, l->frames - l->tried) >=
               s->log_max / ML_STORE_LOG_SOFT;

  if (s->memory)
    return;
  if (ml_store_state(s) == ML_OK && frame_bytes(s, l->frames) >= s->log_max) {
    shorten_log(s, grown);
  } else {
    l->blocked = false;
    open_gate(s);
    if (ml_store_state(s) == ML_OK && idle && grown)
      checkpoint(s, SQLITE_CHECKPOINT_PASSIVE);
  }
  warn_if_large(s);
}

/*
** Before anything rests on what is in the log: write it once more.  When a
** flush fails, the system may take the pages for written all the same: whoever
** starts next reads them, a flush succeeds, and a power cut takes them away with
** all that was appended.  The same bytes in the same place harm no reader.
*/
ml_rc ml_writer_renew(ml_store *s) {
  enum { PIECE = 64 << 10 };     /* the system's VFS takes less than 128 KiB */
  sqlite3_file *f = log_file(s);
  sqlite3_int64 size = 0;
  char *piece;
  int code;

  if (f == NULL || ML_PLANTED(log_left))
    return ML_OK;
  if (f->pMethods->xFileSize(f, &size) != SQLITE_OK)
    return ML_IO;
  if (size == 0)
    return ML_OK;                /* no log: nothing rests on it */
  piece = ml_mem_alloc(PIECE);
  code = piece != NULL ? SQLITE_OK : SQLITE_NOMEM;
  for (sqlite3_int64 at = 0; code == SQLITE_OK && at < size; at += PIECE) {
    int n = size - at < PIECE ? (int)(size - at) : PIECE;

    code = f->pMethods->xRead(f, piece, n, at);
    if (code == SQLITE_OK)
      code = f->pMethods->xWrite(f, piece, n, at);
  }
  if (code == SQLITE_OK)
    code = f->pMethods->xSync(f, SQLITE_SYNC_NORMAL);
  ml_mem_free(piece);
  return ml_sqlite_rc(code);
}

void ml_writer_init(ml_store *s) {
  if (s->memory)
    return;
  sqlite3_wal_hook(s->writer.db, on_commit, s);   /* no automatic ones */
}

/* What cut_log() compares with is always that of the last commit. */
void ml_writer_look(ml_store *s) {
  s->log.known = log_header(s, s->log.header);
}

/* A store that was refused is left as it is, its log too. */
void ml_writer_leave(ml_store *s) {
  if (s->boot == 0 || s->memory || ml_store_state(s) != ML_OK)
    return;
  if (checkpoint(s, SQLITE_CHECKPOINT_TRUNCATE))
    sqlite3_db_config(s->writer.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
}

/* ---- groups ---- */

static void count_group(ml_store *s, const ml_jobs *group) {
  for (const ml_job *j = group->head; j != NULL; j = j->next) {
    const ml_batch *b = (const ml_batch *)j;

    ADD(s->counts.batches, 1);
    if (b->rc != ML_OK)
      continue;
    ADD(s->counts.rows, b->rows);
    ADD(s->counts.units, b->unit_count);
  }
}

static bool has_work(const ml_jobs *group) {
  for (const ml_job *j = group->head; j != NULL; j = j->next) {
    const ml_batch *b = (const ml_batch *)j;

    if (!ml_batch_bad(b) && b->ops.len > 0)
      return true;
  }
  return false;
}

/* Write a group and give each batch its result. */
static void run_group(ml_store *s, ml_jobs *group) {
  ml_rc rc = ml_store_state(s);

  if (rc == ML_OK && has_work(group))
    rc = commit_group(s, group);
  for (ml_job *j = group->head; j != NULL; j = j->next) {
    ml_batch *b = (ml_batch *)j;

    b->rc = ml_batch_bad(b) ? ML_NOMEM : rc;
  }
  count_group(s, group);
}

void ml_writer_run(ml_store *s, ml_batch *b) {
  ml_jobs group = {NULL, NULL};

  ml_jobs_put(&group, &b->job);
  run_group(s, &group);
  ml_store_finished(s, &group);
  measure(s);
  look_after_log(s, true);
}

/* Take what is queued, up to the caps, at least one.  Holds mu. */
static void take_group(ml_store *s, ml_jobs *group) {
  size_t units = 0, bytes = 0;

  while (s->writes.head != NULL) {
    ml_batch *b = (ml_batch *)s->writes.head;

    if (group->head != NULL &&
        (units + b->unit_count > ML_STORE_GROUP_UNITS ||
         bytes + b->ops.len > ML_STORE_GROUP_BYTES))
      break;
    units += b->unit_count;
    bytes += b->ops.len;
    ml_jobs_put(group, ml_jobs_take(&s->writes));
  }
}

void *ml_writer_main(void *store) {
  ml_store *s = store;

  for (;;) {
    ml_jobs group = {NULL, NULL};
    bool idle, waiting;

    pthread_mutex_lock(&s->mu);
    /* a shut gate with nobody inside: the log can begin anew now */
    while (s->writes.head == NULL && !s->stopping && !(s->gate && !s->in_read))
      pthread_cond_wait(&s->to_write, &s->mu);
    take_group(s, &group);
    waiting = group.head != NULL;
    if (!waiting && s->stopping) {
      pthread_mutex_unlock(&s->mu);
      break;
    }
    pthread_mutex_unlock(&s->mu);
    if (waiting) {
      run_group(s, &group);
      ml_store_finished(s, &group);      /* who waits is told first */
      measure(s);
    }
    pthread_mutex_lock(&s->mu);
    idle = s->writes.head == NULL;
    pthread_mutex_unlock(&s->mu);
    look_after_log(s, idle);
  }
  open_gate(s);
  return NULL;
}
