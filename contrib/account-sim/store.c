/* store.c - the simulator's SQLite file. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static const char schema[] =
  "CREATE TABLE IF NOT EXISTS thing (\n"
  "  kind TEXT NOT NULL,                      -- tenants, subscriptions, services\n"
  "  id TEXT NOT NULL, body TEXT NOT NULL,    -- JSON\n"
  "  PRIMARY KEY (kind, id)) STRICT;\n"
  /* what was done, each time it was */
  "CREATE TABLE IF NOT EXISTS effect (\n"
  "  no INTEGER PRIMARY KEY, what TEXT NOT NULL, id TEXT NOT NULL) STRICT;\n"
  "CREATE INDEX IF NOT EXISTS effect_of ON effect (what, id);\n"
  /* Idempotency-Keys and what was answered */
  "CREATE TABLE IF NOT EXISTS answer (\n"
  "  key TEXT PRIMARY KEY, status INTEGER NOT NULL, body TEXT NOT NULL) STRICT;\n"
  "CREATE TABLE IF NOT EXISTS wish (          -- transactions of the portal\n"
  "  no INTEGER PRIMARY KEY, type TEXT NOT NULL, tenant TEXT NOT NULL,\n"
  "  kind TEXT NOT NULL, about TEXT NOT NULL, target TEXT NOT NULL,\n"
  "  payload TEXT NOT NULL, state TEXT NOT NULL,\n"
  "  transact TEXT, process TEXT, message TEXT) STRICT;\n"
  "CREATE TABLE IF NOT EXISTS fault (\n"
  "  no INTEGER PRIMARY KEY, method TEXT NOT NULL, path TEXT NOT NULL,\n"
  "  what TEXT NOT NULL, times INTEGER NOT NULL) STRICT;\n"
  "CREATE TABLE IF NOT EXISTS log (\n"
  "  no INTEGER PRIMARY KEY, method TEXT NOT NULL, path TEXT NOT NULL,\n"
  "  key TEXT NOT NULL, status INTEGER NOT NULL, effect INTEGER NOT NULL) STRICT;\n";

void as_die(const char *fmt, ...) {
  va_list ap;

  fputs("account-sim: ", stderr);
  va_start(ap, fmt);
  vfprintf(stderr, fmt, ap);
  va_end(ap);
  fputc('\n', stderr);
  exit(1);
}

ml_str as_keep(ml_arena *a, ml_str s) {
  char *p = ml_arena_dup(a, s.p != NULL ? s.p : "", s.n);

  if (p == NULL)
    as_die("out of memory");
  return (ml_str){p, s.n};
}

static sqlite3_stmt *prepare(as_sim *sim, const char *sql, const char *kinds,
                             va_list ap) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(sim->db, sql, -1, &st, NULL);

  for (int i = 0; rc == SQLITE_OK && kinds[i] != '\0'; i++) {
    if (kinds[i] == 'i') {
      rc = sqlite3_bind_int64(st, i + 1, va_arg(ap, int64_t));
    } else {
      ml_str s = va_arg(ap, ml_str);

      rc = sqlite3_bind_text64(st, i + 1, s.p != NULL ? s.p : "", s.n,
                               SQLITE_TRANSIENT, SQLITE_UTF8);
    }
  }
  if (rc != SQLITE_OK)
    as_die("%s: %s", sqlite3_errmsg(sim->db), sql);
  return st;
}

sqlite3_stmt *as_sql(as_sim *sim, const char *sql, const char *kinds, ...) {
  sqlite3_stmt *st;
  va_list ap;

  va_start(ap, kinds);
  st = prepare(sim, sql, kinds, ap);
  va_end(ap);
  return st;
}

bool as_row(as_sim *sim, sqlite3_stmt *st) {
  int rc = sqlite3_step(st);

  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    as_die("the database says: %s", sqlite3_errmsg(sim->db));
  return rc == SQLITE_ROW;
}

ml_str as_text(sqlite3_stmt *st, int column) {
  const char *p = (const char *)sqlite3_column_text(st, column);

  return (ml_str){p != NULL ? p : "", (size_t)sqlite3_column_bytes(st, column)};
}

void as_do(as_sim *sim, const char *sql, const char *kinds, ...) {
  sqlite3_stmt *st;
  va_list ap;

  va_start(ap, kinds);
  st = prepare(sim, sql, kinds, ap);
  va_end(ap);
  while (as_row(sim, st))
    ;
  sqlite3_finalize(st);
}

void as_open(as_sim *sim, const char *path) {
  char *why = NULL;

  if (sqlite3_open(path, &sim->db) != SQLITE_OK ||
      sqlite3_exec(sim->db, schema, NULL, NULL, &why) != SQLITE_OK)
    as_die("%s: %s", path, why != NULL ? why : sqlite3_errmsg(sim->db));
}

/* ---- things ---- */

ml_str as_thing(as_sim *sim, ml_arena *a, ml_str kind, ml_str id) {
  sqlite3_stmt *st = as_sql(sim, "SELECT body FROM thing WHERE kind = ?1 AND "
                            "id = ?2", "ss", kind, id);
  ml_str body = as_row(sim, st) ? as_keep(a, as_text(st, 0)) : ML_NOSTR;

  sqlite3_finalize(st);
  return body;
}

void as_thing_put(as_sim *sim, ml_str kind, ml_str id, ml_str body) {
  as_do(sim, "INSERT INTO thing VALUES (?1, ?2, json_set(?3, '$.id', ?2)) "
        "ON CONFLICT DO UPDATE SET body = excluded.body", "sss", kind, id, body);
}

bool as_thing_patch(as_sim *sim, ml_str kind, ml_str id, ml_str patch) {
  as_do(sim, "UPDATE thing SET body = json_set(json_patch(body, ?3), '$.id', id) "
        "WHERE kind = ?1 AND id = ?2", "sss", kind, id, patch);
  return sqlite3_changes(sim->db) == 1;
}
