/*
** migrate.c - the tables, and how they grow.
**
** Version N is what ml_migrations[0..N-1] make, one after the other, each in
** one transaction that also sets user_version.  A released text is never
** changed; a change is a new one, in a file of its own (schema_<concept>.c).  An older program refuses a newer store, and
** the way back is the copy made before the first step.
**
** Two kinds of tables.  Those with one row or more a process are keyed by its
** number, which only grows: their writes go to the right edge of the tree and
** their size stays the cost of a process.  What is optional is NULL there, not
** 0 (a NULL costs no byte), and every secondary index is partial, so that a
** process at its end leaves them.  The small ones (workflows, lanes, users, ...)
** are read whole.
*/
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/plant.h"
#include "store/sqlite.h"

#define APPLICATION_ID 0x4d4f4f4e   /* "MOON", at byte 68 of the file */

static const char version_1[] =
"-- One row a start of the engine.  Committed and flushed before anything read\n"
"-- from the store leads to an effect.\n"
"CREATE TABLE boot (\n"
"  no        INTEGER PRIMARY KEY,  -- 1, 2, ...\n"
"  at_ms     INTEGER NOT NULL\n"
") STRICT;\n"
"\n"
"-- One row a process: where it stands and what is next.  seq is the number of\n"
"-- its last history record; every update names the seq it was computed from.\n"
"-- Its id holds n, so no index of ids.  What lists look at comes first: `rest`\n"
"-- and `data` may run over to pages of their own.\n"
"CREATE TABLE process (\n"
"  n         INTEGER PRIMARY KEY,\n"
"  workflow  INTEGER NOT NULL,     -- workflow.no\n"
"  status    INTEGER NOT NULL,     -- ml_status\n"
"  run       INTEGER NOT NULL,     -- ml_runs\n"
"  deleted   INTEGER,              -- 1: hidden from lists\n"
"  parent_n  INTEGER,              -- process that called it\n"
"  state     TEXT,                 -- business state\n"
"  assigned_to TEXT,\n"
"  seq       INTEGER NOT NULL,\n"
"  due       INTEGER,              -- moment of what is next; end of the lease\n"
"  lease     INTEGER NOT NULL,     -- 1: in flight until `due`\n"
"  id        BLOB NOT NULL,        -- 16 bytes\n"
"  bundle    INTEGER NOT NULL,     -- bundle.no\n"
"  flow_index INTEGER NOT NULL,    -- which of the bundle's workflows\n"
"  created_ms INTEGER NOT NULL,\n"
"  updated_ms INTEGER,\n"
"  completed_ms INTEGER,\n"
"  cancelled_ms INTEGER,\n"
"  next_action_ms INTEGER,\n"
"  first_assigned_ms INTEGER,\n"
"  last_assigned_ms INTEGER,\n"
"  first_assigned_to TEXT,\n"
"  created_by TEXT,\n"
"  subject   TEXT,\n"
"  rest      BLOB,                 -- packed: model/process.h\n"
"  data      TEXT                  -- JSON object of its fields\n"
") STRICT;\n"
"-- The scheduler's \"what is next\", leases apart: ml_read_due.\n"
"CREATE INDEX process_due ON process (lease, due) WHERE due IS NOT NULL;\n"
"-- Open ones, of a workflow and of all: lists and the count.\n"
"CREATE INDEX process_open_of ON process (workflow)\n"
"  WHERE status = 0 AND deleted IS NULL;\n"
"CREATE INDEX process_open ON process (status, deleted)\n"
"  WHERE status = 0 AND deleted IS NULL;\n"
"-- Lists of open ones by state and by person.\n"
"CREATE INDEX process_state ON process (state)\n"
"  WHERE status = 0 AND deleted IS NULL AND state IS NOT NULL;\n"
"CREATE INDEX process_assigned ON process (assigned_to)\n"
"  WHERE status = 0 AND deleted IS NULL AND assigned_to IS NOT NULL;\n"
"-- Incidents: run is Failure or Error.\n"
"CREATE INDEX process_incident ON process (run) WHERE run IN (3, 4);\n"
"-- Children of a process.\n"
"CREATE INDEX process_parent ON process (parent_n)\n"
"  WHERE parent_n IS NOT NULL;\n"
"\n"
"-- One row a task of a person, ended ones too.\n"
"CREATE TABLE task (\n"
"  n         INTEGER NOT NULL,     -- process\n"
"  no        INTEGER NOT NULL,     -- in the process\n"
"  status    INTEGER NOT NULL,     -- ml_tasks\n"
"  lane      INTEGER NOT NULL,     -- lane.no\n"
"  assignee  TEXT,                 -- NULL: offered to the lane\n"
"  act       INTEGER NOT NULL,     -- activity\n"
"  created_ms INTEGER NOT NULL,\n"
"  due_ms    INTEGER,\n"
"  ended_ms  INTEGER,\n"
"  label     TEXT,\n"
"  title     TEXT,\n"
"  outcome   TEXT,\n"
"  PRIMARY KEY (n, no)\n"
") STRICT, WITHOUT ROWID;\n"
"-- A lane's inbox, a person's, everybody's: ml_read_tasks.  Columns that are\n"
"-- the same in every entry cost no byte, and spare a look at the row.\n"
"CREATE INDEX task_offered ON task (lane, status, assignee)\n"
"  WHERE status = 0 AND assignee IS NULL;\n"
"CREATE INDEX task_allocated ON task (assignee, status)\n"
"  WHERE status = 0 AND assignee IS NOT NULL;\n"
"CREATE INDEX task_open ON task (status) WHERE status = 0;\n"
"\n"
"-- What happened.  A row holds consecutive records of one commit, packed\n"
"-- (sqlite_batch.c), and is never changed.\n"
"CREATE TABLE history (\n"
"  n         INTEGER NOT NULL,     -- process\n"
"  seq       INTEGER NOT NULL,     -- number of the first record\n"
"  records   BLOB NOT NULL,\n"
"  PRIMARY KEY (n, seq)\n"
") STRICT, WITHOUT ROWID;\n"
"\n"
"-- What an activity has already done: replayed, not done twice.\n"
"CREATE TABLE journal (\n"
"  n         INTEGER NOT NULL,     -- process\n"
"  act       INTEGER NOT NULL,     -- activity\n"
"  call      TEXT NOT NULL,        -- \"put.1\"\n"
"  kind      INTEGER NOT NULL,     -- ml_callk\n"
"  attempt   INTEGER NOT NULL,\n"
"  place     INTEGER NOT NULL,     -- order in the attempt\n"
"  hash      BLOB,                 -- of what was asked; NULL: not compared\n"
"  at_ms     INTEGER NOT NULL,\n"
"  answer    TEXT,                 -- JSON\n"
"  PRIMARY KEY (n, act, call)\n"
") STRICT, WITHOUT ROWID;\n"
"\n"
"-- Comments of people and scripts.\n"
"CREATE TABLE comment (\n"
"  n         INTEGER NOT NULL,     -- process\n"
"  no        INTEGER NOT NULL,     -- 1, 2, ... in it\n"
"  at_ms     INTEGER NOT NULL,\n"
"  who       TEXT,                 -- NULL: the system\n"
"  text      TEXT NOT NULL,\n"
"  visibility TEXT,\n"
"  PRIMARY KEY (n, no)\n"
") STRICT, WITHOUT ROWID;\n"
"\n"
"-- Signals that came before anybody awaited them.\n"
"CREATE TABLE mail (\n"
"  n         INTEGER NOT NULL,     -- process\n"
"  no        INTEGER NOT NULL,     -- order of arrival\n"
"  at_ms     INTEGER NOT NULL,\n"
"  name      TEXT NOT NULL,        -- of the signal\n"
"  data      TEXT,                 -- JSON\n"
"  PRIMARY KEY (n, no)\n"
") STRICT, WITHOUT ROWID;\n"
"\n"
"-- Idempotency keys: what was asked under one and what was answered.\n"
"CREATE TABLE idem (\n"
"  key       BLOB NOT NULL PRIMARY KEY,   -- hash of scope and key\n"
"  at_ms     INTEGER NOT NULL,\n"
"  body      BLOB NOT NULL,        -- hash of the request\n"
"  status    INTEGER NOT NULL,     -- HTTP\n"
"  answer    TEXT\n"
") STRICT, WITHOUT ROWID;\n"
"-- The oldest ones, to be forgotten.\n"
"CREATE INDEX idem_at ON idem (at_ms);\n"
"\n"
"-- All sources of a version of a folder.  Never changed.\n"
"CREATE TABLE bundle (\n"
"  no        INTEGER PRIMARY KEY,\n"
"  hash      BLOB NOT NULL UNIQUE, -- SHA-256 of the sources\n"
"  folder    TEXT NOT NULL,\n"
"  at_ms     INTEGER NOT NULL,\n"
"  tree      TEXT,                 -- definition as JSON\n"
"  sources   BLOB                  -- packed: count, name, text, ...\n"
") STRICT;\n"
"\n"
"-- A workflow's name and the version in force.\n"
"CREATE TABLE workflow (\n"
"  no        INTEGER PRIMARY KEY,\n"
"  name      TEXT NOT NULL UNIQUE,\n"
"  bundle    INTEGER,              -- NULL: none any more\n"
"  flow_index INTEGER NOT NULL\n"
") STRICT;\n"
"\n"
"-- What a trigger knows; it outlives versions of its workflow.\n"
"CREATE TABLE trigger_state (\n"
"  workflow  TEXT NOT NULL,\n"
"  name      TEXT NOT NULL,\n"
"  state     TEXT,                 -- JSON\n"
"  due_ms    INTEGER,              -- next run\n"
"  removed_ms INTEGER,             -- NULL: in force\n"
"  PRIMARY KEY (workflow, name)\n"
") STRICT, WITHOUT ROWID;\n"
"\n"
"-- What a trigger has seen: one change starts one process.\n"
"CREATE TABLE occurrence (\n"
"  workflow  TEXT NOT NULL,\n"
"  name      TEXT NOT NULL,        -- of the trigger\n"
"  identity  TEXT NOT NULL,\n"
"  at_ms     INTEGER NOT NULL,\n"
"  n         INTEGER,              -- process it started\n"
"  PRIMARY KEY (workflow, name, identity)\n"
") STRICT, WITHOUT ROWID;\n"
"\n"
"-- Lanes, filled outside the bundle.\n"
"CREATE TABLE lane (\n"
"  no        INTEGER PRIMARY KEY,\n"
"  workflow  TEXT NOT NULL,\n"
"  lane      TEXT NOT NULL,\n"
"  UNIQUE (workflow, lane)\n"
") STRICT;\n"
"CREATE TABLE member (\n"
"  lane      INTEGER NOT NULL,     -- lane.no\n"
"  user      TEXT NOT NULL,        -- user.id\n"
"  PRIMARY KEY (lane, user)\n"
") STRICT, WITHOUT ROWID;\n"
"CREATE TABLE user (\n"
"  id        TEXT NOT NULL PRIMARY KEY,\n"
"  name      TEXT,\n"
"  email     TEXT,\n"
"  active    INTEGER NOT NULL      -- 0: may not come in\n"
") STRICT, WITHOUT ROWID;\n"
"\n"
"-- Bearer tokens; the secret part only as its SHA-256.\n"
"CREATE TABLE token (\n"
"  id        TEXT NOT NULL PRIMARY KEY,   -- public part\n"
"  hash      BLOB NOT NULL,\n"
"  user      TEXT,\n"
"  scopes    TEXT NOT NULL,        -- \"read operate hook:orders\"\n"
"  created_ms INTEGER NOT NULL,\n"
"  expires_ms INTEGER\n"
") STRICT, WITHOUT ROWID;\n"
"\n"
"-- Settings of workflows.\n"
"CREATE TABLE setting (\n"
"  workflow  TEXT NOT NULL,\n"
"  key       TEXT NOT NULL,\n"
"  value     BLOB NOT NULL,        -- JSON, or sealed bytes\n"
"  secret    INTEGER NOT NULL,     -- 1: sealed\n"
"  PRIMARY KEY (workflow, key)\n"
") STRICT, WITHOUT ROWID;\n";

const ml_migration ml_migrations[] = {
  {version_1},
  {ml_schema_outbox},            /* 2 */
  {ml_schema_unique},            /* 3 */
  {ml_schema_replay},            /* 4 */
  {ml_schema_search},            /* 5 */
  {ml_schema_partner},           /* 6 */
  {ml_schema_bulk},              /* 7 */
  {ml_schema_transaction},       /* 8 */
  {ml_schema_object},            /* 9 */
  {ml_schema_webhook},           /* 10 */
  {ml_schema_quarantine},        /* 11 */
  {ml_schema_task_failed},       /* 12 */
  {ml_schema_age},               /* 13 */
  {ml_schema_key},               /* 14 */
  {ml_schema_job_cancel},        /* 15 */
  {ml_schema_idem},              /* 16 */
  {ml_schema_history},           /* 17 */
};
const uint32_t ml_migration_count =
    sizeof ml_migrations / sizeof *ml_migrations;

/* The one number that a PRAGMA gives. */
static int ask_number(sqlite3 *db, const char *sql, int64_t *v) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

  if (rc == SQLITE_OK) {
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
      *v = sqlite3_column_int64(st, 0);
      rc = SQLITE_OK;
    } else if (rc == SQLITE_DONE) {
      rc = SQLITE_ERROR;
    }
  }
  sqlite3_finalize(st);
  return rc;
}

ml_rc ml_migrate_check(sqlite3 *db, uint32_t count, uint32_t *version,
                       ml_err *e) {
  int64_t v = 0, app = 0, tables = 0;
  int rc = ask_number(db, "PRAGMA user_version", &v);

  if (rc == SQLITE_OK)
    rc = ask_number(db, "PRAGMA application_id", &app);
  if (rc == SQLITE_OK)
    rc = ask_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
  if (rc != SQLITE_OK)
    return ml_err_set(e, ml_sqlite_rc(rc), NULL, "the store cannot be read: %s",
                      sqlite3_errmsg(db));
  if (v == 0 && app == 0 && tables == 0) {
    *version = 0;
    return ML_OK;
  }
  if (app != APPLICATION_ID || v < 1)
    return ml_err_set(e, ML_REFUSED, NULL,
                      "this file is a database of another program");
  if (v > (int64_t)count)
    return ml_err_set(e, ML_REFUSED, NULL,
                      "the store has schema version %" PRId64 ", this program "
                      "knows versions up to %" PRIu32
                      "; use the newer program, or the copy made before the "
                      "upgrade", v, count);
  *version = (uint32_t)v;
  return ML_OK;
}

/*
** FILE.before-N: all pages in one step into a file of its own.  The copy is one
** transaction there, so one that was interrupted is simply made again.
*/
static int copy_pages(sqlite3 *db, sqlite3 *to) {
  sqlite3_backup *job = sqlite3_backup_init(to, "main", db, "main");
  int rc, end;

  if (job == NULL)
    return sqlite3_errcode(to);
  do
    rc = sqlite3_backup_step(job, ML_PLANTED(paged_backup) ? 1 : -1);
  while (ML_PLANTED(paged_backup) && rc == SQLITE_OK);
  end = sqlite3_backup_finish(job);
  return rc == SQLITE_DONE ? end : rc;
}

static ml_rc copy_before(sqlite3 *db, const char *path, const char *vfs,
                         uint32_t version, ml_err *e) {
  sqlite3 *to = NULL;
  ml_buf name = {0};
  int rc, end;

  ml_buf_printf(&name, "%s.before-%" PRIu32, path, version);
  if (name.bad) {
    ml_buf_free(&name);
    return ML_NOMEM;
  }
  if (vfs == NULL) {   /* SQLite would let others read it */
    int fd = open(name.p, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if (fd >= 0)
      close(fd);       /* if not: the next line tells why */
  }
  rc = sqlite3_open_v2(name.p, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                        SQLITE_OPEN_NOMUTEX, vfs);
  /* Nobody else opens it meanwhile; and EXTRA: the end of its journal is
  ** flushed too, for one that a power cut brings back takes the copy with it. */
  if (rc == SQLITE_OK)
    rc = sqlite3_exec(to, "PRAGMA locking_mode = EXCLUSIVE;"
                      "PRAGMA synchronous = 3", NULL, NULL, NULL);
  if (rc == SQLITE_OK)
    rc = copy_pages(db, to);
  end = sqlite3_close(to);
  if (rc == SQLITE_OK)
    rc = end;
  if (rc != SQLITE_OK)
    ml_err_set(e, ml_sqlite_rc(rc), NULL,
               "the copy %s could not be made before the upgrade: %s", name.p,
               sqlite3_errstr(rc));
  else                           /* the way back */
    ml_log(ML_INFO, "upgrade", "copy", name.p, NULL);
  ml_buf_free(&name);
  return ml_sqlite_rc(rc);
}

/* One step, whole or not at all. */
static ml_rc step_to(sqlite3 *db, const char *sql, uint32_t version,
                     ml_err *e) {
  char set[96];
  int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

  snprintf(set, sizeof set, "PRAGMA application_id = %d;"
           "PRAGMA user_version = %" PRIu32, APPLICATION_ID, version);
  if (rc == SQLITE_OK)
    rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
  if (rc == SQLITE_OK)
    rc = sqlite3_exec(db, set, NULL, NULL, NULL);
  if (rc == SQLITE_OK)
    rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
  if (rc == SQLITE_OK)
    return ML_OK;
  rc = sqlite3_extended_errcode(db);
  ml_err_set(e, ml_sqlite_rc(rc), NULL,
             "the upgrade to schema version %" PRIu32 " failed: %s", version,
             sqlite3_errmsg(db));
  if (!sqlite3_get_autocommit(db))
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
  return ml_sqlite_rc(rc);
}

ml_rc ml_migrate(sqlite3 *db, const char *path, const char *vfs,
                 const ml_migration *list, uint32_t count, ml_err *e) {
  uint32_t version;
  ml_rc rc = ml_migrate_check(db, count, &version, e);

  if (rc == ML_OK && version > 0 && version < count && path != NULL)
    rc = copy_before(db, path, vfs, version, e);
  while (rc == ML_OK && version < count) {
    rc = step_to(db, list[version].sql, version + 1, e);
    version++;
  }
  return rc;
}
