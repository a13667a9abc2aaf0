/*
** floor_sqlite.c - bare SQLite: the rows of a workflow in the leanest design
** known, and one sync.
**
** The design: a process row of 500 bytes inserted at the start and updated once at
** the end, one journal row of 100 bytes a transition; time-ordered ids, a partial
** index on what is open, WAL, synchronous FULL, a checkpoint each 8000 pages, no
** secure_delete, no mutex.  300 workflows are under way, each makes one
** transition a commit, a fifth of them stands at each of the five.
*/
#include "floors.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "rows.h"

enum { GROUP = 300, STEPS = 5, MS = 1000, DATA = 500,
       RESULT = 100 };

static const char schema[] =
    "CREATE TABLE process (n INTEGER PRIMARY KEY, id BLOB NOT NULL,"
    "  workflow INTEGER, status INTEGER, created INTEGER, updated INTEGER,"
    "  data TEXT);"
    "CREATE UNIQUE INDEX process_id ON process (id);"
    "CREATE INDEX process_open ON process (status) WHERE status < 3;"
    "CREATE TABLE journal (process INTEGER, seq INTEGER, kind INTEGER,"
    "  at INTEGER, row BLOB, PRIMARY KEY (process, seq)) WITHOUT ROWID;"
    "CREATE TABLE one (n INTEGER PRIMARY KEY, data BLOB);";

enum { INSERT, UPDATE, JOURNAL, ONE, BEGIN, COMMIT, STATEMENTS };
static const char *const sql[STATEMENTS] = {
    [INSERT] = "INSERT INTO process VALUES (?1, ?2, 1, 1, ?3, ?3, ?4)",
    [UPDATE] = "UPDATE process SET status=3, updated=?2, data=?3 WHERE n=?1",
    [JOURNAL] = "INSERT INTO journal VALUES (?1, ?2, ?3, ?4, ?5)",
    [ONE] = "INSERT INTO one (data) VALUES (?1)",
    [BEGIN] = "BEGIN IMMEDIATE", [COMMIT] = "COMMIT"};

typedef struct bare {
  char path[300];
  sqlite3 *db;
  sqlite3_stmt *st[STATEMENTS];
  int64_t last;                  /* number of the newest process */
  char data[DATA], result[RESULT];
} bare;

static void check(bare *b, int rc) {
  if (rc != SQLITE_OK && rc != SQLITE_DONE)
    die("bare SQLite: %s", sqlite3_errmsg(b->db));
}

static void run(bare *b, int id) {
  check(b, sqlite3_step(b->st[id]));
  check(b, sqlite3_reset(b->st[id]));
}

static void open_bare(bare *b) {
  static bool ready;
  static const char set[] =
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
      "PRAGMA secure_delete = 0; PRAGMA wal_autocheckpoint = 8000;"
      "PRAGMA cache_size = -65536; PRAGMA foreign_keys = 0;";

  if (!ready) {
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    ready = true;
  }
  snprintf(b->path, sizeof b->path, "%s/bench.tmp/floor.db", engine_build());
  memset(b->data, 'd', sizeof b->data);
  memset(b->result, 'r', sizeof b->result);
  if (sqlite3_open_v2(b->path, &b->db, SQLITE_OPEN_READWRITE |
                      SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != 0)
    die("%s cannot be opened", b->path);
  check(b, sqlite3_exec(b->db, set, NULL, NULL, NULL));
  check(b, sqlite3_exec(b->db, schema, NULL, NULL, NULL));
  for (int i = 0; i < STATEMENTS; i++)
    check(b, sqlite3_prepare_v3(b->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                &b->st[i], NULL));
}

static void close_bare(bare *b) {
  char path[310];

  for (int i = 0; i < STATEMENTS; i++)
    sqlite3_finalize(b->st[i]);
  sqlite3_close(b->db);
  unlink(b->path);
  snprintf(path, sizeof path, "%s-wal", b->path);
  unlink(path);
  snprintf(path, sizeof path, "%s-shm", b->path);
  unlink(path);
}

/* ---- a transition ---- */

static int64_t insert_process(bare *b) {
  sqlite3_stmt *st = b->st[INSERT];
  int64_t n = ++b->last, at = wall_ms();
  unsigned char id[16] = {0};

  for (int i = 0; i < 6; i++)    /* time first, then the number: rising */
    id[i] = (unsigned char)(at >> (40 - 8 * i));
  for (int i = 0; i < 8; i++)
    id[8 + i] = (unsigned char)(n >> (56 - 8 * i));
  sqlite3_bind_int64(st, 1, n);
  sqlite3_bind_blob(st, 2, id, sizeof id, SQLITE_STATIC);
  sqlite3_bind_int64(st, 3, at);
  sqlite3_bind_text(st, 4, b->data, DATA, SQLITE_STATIC);
  run(b, INSERT);
  return n;
}

static void end_process(bare *b, int64_t n) {
  sqlite3_stmt *st = b->st[UPDATE];

  sqlite3_bind_int64(st, 1, n);
  sqlite3_bind_int64(st, 2, wall_ms());
  sqlite3_bind_text(st, 3, b->data, DATA, SQLITE_STATIC);
  run(b, UPDATE);
}

static void add_journal(bare *b, int64_t n, int seq) {
  sqlite3_stmt *st = b->st[JOURNAL];

  sqlite3_bind_int64(st, 1, n);
  sqlite3_bind_int(st, 2, seq);
  sqlite3_bind_int(st, 3, seq == 0);
  sqlite3_bind_int64(st, 4, wall_ms());
  sqlite3_bind_blob(st, 5, b->result, RESULT, SQLITE_STATIC);
  run(b, JOURNAL);
}

/* ---- the floors ---- */

static void workflows(bare *b) {
  int64_t n[GROUP], done = 0, from = now_us(), us;
  int step[GROUP];
  double cpu = own_cpu_us();

  for (int i = 0; i < GROUP; i++) {
    step[i] = -(i % STEPS);      /* so that all steps occur in each commit */
    n[i] = 0;
  }
  while ((us = now_us() - from) < MS * 1000) {
    run(b, BEGIN);
    for (int i = 0; i < GROUP; i++) {
      if (step[i] < 0) {
        step[i]++;
        continue;
      }
      if (step[i] == 0)
        n[i] = insert_process(b);
      add_journal(b, n[i], step[i]);
      if (++step[i] == STEPS) {
        end_process(b, n[i]);
        step[i] = 0;
        done++;
      }
    }
    run(b, COMMIT);
  }
  row_put("floor.sqlite", (double)done * 1e6 / (double)us);
  row_put("floor.sqlite.cpu", (own_cpu_us() - cpu) / (double)done);
}

static void starts(bare *b) {
  int64_t done = 0, from = now_us(), us;

  while ((us = now_us() - from) < MS * 500) {
    run(b, BEGIN);
    for (int i = 0; i < GROUP; i++, done++)
      add_journal(b, insert_process(b), 0);
    run(b, COMMIT);
  }
  row_put("floor.insert", (double)done * 1e6 / (double)us);
}

static void syncs(bare *b) {
  samples s = {0};

  for (int64_t end = now_us() + MS * 500, from; (from = now_us()) < end;) {

    sqlite3_bind_blob(b->st[ONE], 1, b->data, DATA, SQLITE_STATIC);
    run(b, BEGIN);
    run(b, ONE);
    run(b, COMMIT);
    samples_add(&s, (double)(now_us() - from));
  }
  row_put("floor.sync", samples_at(&s, 0.5));
  row_put("floor.sync.p99", samples_at(&s, 0.99));
  samples_free(&s);
}

void floor_sqlite(void) {
  bare b = {.db = NULL};

  open_bare(&b);
  workflows(&b);
  starts(&b);
  close_bare(&b);
}

void floor_sync(void) {
  bare b = {.db = NULL};

  open_bare(&b);
  syncs(&b);
  close_bare(&b);
}
