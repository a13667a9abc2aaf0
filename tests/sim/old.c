/* old.c - the store of an older program: made, put, looked at. */
#include "sim/old.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "store/age.h"
#include "store/sqlite.h"

enum { VERSION = 1 };

static disk_image *image;
static world past;                 /* its clients and its peer's ledger */

static int64_t number(sqlite3 *db, const char *sql) {
  sqlite3_stmt *st = NULL;
  int64_t v = -1;

  if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
      sqlite3_step(st) == SQLITE_ROW)
    v = sqlite3_column_int64(st, 0);
  sqlite3_finalize(st);
  return v;
}

static bool run(sqlite3 *db, const char *sql) {
  char *why = NULL;

  if (sqlite3_exec(db, sql, NULL, NULL, &why) == SQLITE_OK)
    return true;
  fprintf(stderr, "%s: %s\n", sql, why != NULL ? why : "?");
  sqlite3_free(why);
  return false;
}

/* Is there such a thing in the other database? */
static bool known(sqlite3 *db, const char *sql, const char *a, const char *b) {
  sqlite3_stmt *st = NULL;
  bool yes = false;

  if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK) {
    sqlite3_bind_text(st, 1, a, -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(st, 2, b, -1, SQLITE_TRANSIENT);
    yes = sqlite3_step(st) == SQLITE_ROW;
  }
  sqlite3_finalize(st);
  return yes;
}

/* Take away each that `list` gives (name, table) and `old` does not know. */
static bool take_away(sqlite3 *db, sqlite3 *old, const char *list,
                      const char *look, const char *drop) {
  char sql[400];

  for (;;) {
    sqlite3_stmt *st = NULL;
    bool found = false;

    if (sqlite3_prepare_v2(db, list, -1, &st, NULL) != SQLITE_OK)
      return false;
    while (!found && sqlite3_step(st) == SQLITE_ROW) {
      const char *name = (const char *)sqlite3_column_text(st, 0);
      const char *table = (const char *)sqlite3_column_text(st, 1);

      found = !known(old, look, name, table);
      if (found)
        snprintf(sql, sizeof sql, drop, name, table);
    }
    sqlite3_finalize(st);
    if (!found)
      return true;
    if (!run(db, sql))
      return false;
  }
}

/* What has another name or meaning since: as it was then. */
static const char named_then[] =
  "CREATE TABLE keys AS SELECT * FROM idem;"
  "DROP TABLE idem;"
  "CREATE TABLE idem (key BLOB NOT NULL PRIMARY KEY, at_ms INTEGER NOT NULL,"
  " body BLOB NOT NULL, status INTEGER NOT NULL, answer TEXT)"
  " STRICT, WITHOUT ROWID;"
  "INSERT INTO idem SELECT key, 1772323200000, body, status, answer FROM keys;"
  "DROP TABLE keys;"
  "CREATE INDEX idem_at ON idem (at_ms);"
  "ALTER TABLE occurrence RENAME COLUMN age_ms TO at_ms;"
  "UPDATE occurrence SET at_ms = 1772323200000;"
  "CREATE TABLE packs AS SELECT n, seq, records FROM history;"
  "DROP TABLE history;"
  "CREATE TABLE history (n INTEGER NOT NULL, seq INTEGER NOT NULL,"
  " records BLOB NOT NULL, PRIMARY KEY (n, seq)) STRICT, WITHOUT ROWID;"
  "INSERT INTO history SELECT n, seq, records FROM packs;"
  "DROP TABLE packs;";

static bool make_older(sqlite3 *db) {
  static const char there[] =
      "SELECT 1 FROM sqlite_schema WHERE name = ?1 AND tbl_name = ?2";
  sqlite3 *old = NULL;
  char set[60];
  ml_err e = {0};
  bool ok = sqlite3_open(":memory:", &old) == SQLITE_OK &&
            ml_migrate(old, NULL, NULL, ml_migrations, VERSION, &e) == ML_OK;

  ok = ok && run(db, named_then);
  ok = ok && take_away(db, old, "SELECT name, tbl_name FROM sqlite_schema WHERE "
                       "type = 'index' AND sql IS NOT NULL", there,
                       "DROP INDEX \"%s\" -- of %s");
  ok = ok && take_away(db, old, "SELECT name, tbl_name FROM sqlite_schema WHERE "
                       "type = 'table' AND name NOT LIKE 'sqlite_%'", there,
                       "DROP TABLE \"%s\" -- %s");
  ok = ok && take_away(db, old, "SELECT c.name, s.name FROM sqlite_schema s, "
                       "pragma_table_info(s.name) c WHERE s.type = 'table'",
                       "SELECT 1 FROM pragma_table_info(?2) WHERE name = ?1",
                       "ALTER TABLE \"%2$s\" DROP COLUMN \"%1$s\"");
  snprintf(set, sizeof set, "PRAGMA user_version = %d", VERSION);
  ok = ok && run(db, set) &&
       number(db, "SELECT count(*) FROM sqlite_schema") ==
           number(old, "SELECT count(*) FROM sqlite_schema");
  sqlite3_close(old);
  return ok;
}

static sqlite3 *open_raw(const char *name) {
  sqlite3 *db = NULL;

  if (sqlite3_open_v2(name, &db, SQLITE_OPEN_READWRITE, "sim") != SQLITE_OK ||
      !run(db, "PRAGMA locking_mode = EXCLUSIVE")) {
    sqlite3_close(db);
    return NULL;
  }
  return db;
}

bool old_make(const char *flows) {
  static const char *const what[] = {"timer", "chain", "manual", "waits"};
  sqlite3 *db;
  bool ok;

  disk_reset(1);
  world_init(&past, 3, flows);
  ok = world_up(&past, true);
  for (int i = 0; ok && i < 4; i++)
    world_ensure(&past, world_ask(&past, ASK_START, i + 1, what[i], -1));
  ok = ok && past.faults == 0 && world_open(&past) == 4;
  world_down(&past);
  world_aside(true);
  db = ok ? open_raw("world.db") : NULL;
  ok = db != NULL && make_older(db);
  ok = sqlite3_close(db) == SQLITE_OK && ok;
  world_aside(false);
  image = disk_take();
  if (!ok)
    fprintf(stderr, "no store of schema version %d could be made\n", VERSION);
  return ok;
}

static void *copy(const void *list, size_t count, size_t size) {
  void *p = calloc(count + 1, size);

  if (p == NULL)
    abort();
  memcpy(p, list, count * size);
  return p;
}

void old_put(world *w) {
  disk_put(image);
  w->asks = copy(past.asks, past.ask_count, sizeof *past.asks);
  w->ask_count = w->ask_cap = past.ask_count;
  w->rows = copy(past.rows, past.row_count, sizeof *past.rows);
  w->row_count = w->row_cap = past.row_count;
  w->clock.wall = past.clock.wall;
  w->clock.mono = past.clock.mono;
  w->boot = past.boot;
}

void old_check(world *w) {
  sqlite3 *db;

  world_aside(true);
  db = open_raw("world.db.before-1");
  if (number(w->store->writer.db, "PRAGMA user_version") !=
      (int64_t)ml_migration_count)
    world_fault(w, "the store was not brought up to date");
  if (number(w->store->writer.db, "SELECT max(age_ms) FROM idem") >
      ml_store_age(w->store))
    world_fault(w, "a key of the old store is dated after its age");
  if (db == NULL || number(db, "PRAGMA user_version") != VERSION ||
      number(db, "SELECT count(*) FROM process") != 4 ||
      number(db, "SELECT count(*) FROM pragma_integrity_check "
                 "WHERE integrity_check = 'ok'") != 1 ||
      number(db, "SELECT min(at_ms) FROM idem") != 1772323200000)
    world_fault(w, "the copy made before is not what there was");
  sqlite3_close(db);
  world_aside(false);
}

void old_free(void) {
  disk_image_free(image);
  world_free(&past);
}
