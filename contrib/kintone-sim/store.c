/*
** store.c - the simulator's SQLite file: apps, records, unique values.
*/
#include "store_int.h"

#include <stdarg.h>

#include "number.h"
#include "value.h"

static const char schema[] =
  /* what survives everything: the definitions, as app.json */
  "CREATE TABLE IF NOT EXISTS app (\n"
  "  id INTEGER PRIMARY KEY, def TEXT NOT NULL,\n"
  "  next_record INTEGER NOT NULL DEFAULT 1,  -- never given twice\n"
  "  next_row INTEGER NOT NULL DEFAULT 1      -- ids of table rows\n"
  ") STRICT;\n"
  "CREATE TABLE IF NOT EXISTS record (\n"
  "  app INTEGER NOT NULL, id INTEGER NOT NULL, revision INTEGER NOT NULL,\n"
  "  created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,\n"
  "  creator TEXT NOT NULL, creator_name TEXT NOT NULL,\n"
  "  modifier TEXT NOT NULL, modifier_name TEXT NOT NULL,\n"
  "  next_comment INTEGER NOT NULL DEFAULT 1,\n"
  "  body TEXT NOT NULL,                      -- {CODE: value}\n"
  "  PRIMARY KEY (app, id)) STRICT, WITHOUT ROWID;\n"
  /* values of fields that prohibit duplicates; also finds updateKeys */
  "CREATE TABLE IF NOT EXISTS taken (\n"
  "  app INTEGER NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL,\n"
  "  record INTEGER NOT NULL,\n"
  "  PRIMARY KEY (app, field, value)) STRICT, WITHOUT ROWID;\n"
  "CREATE INDEX IF NOT EXISTS taken_by ON taken (app, record);\n"
  "CREATE TABLE IF NOT EXISTS comment (\n"
  "  app INTEGER NOT NULL, record INTEGER NOT NULL, id INTEGER NOT NULL,\n"
  "  created_ms INTEGER NOT NULL, text TEXT NOT NULL,\n"
  "  creator TEXT NOT NULL, creator_name TEXT NOT NULL,\n"
  "  mentions TEXT NOT NULL, PRIMARY KEY (app, record, id)\n"
  ") STRICT, WITHOUT ROWID;\n"
  "CREATE TABLE IF NOT EXISTS file (\n"
  "  key TEXT PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL,\n"
  "  bytes BLOB NOT NULL) STRICT;\n"
  "CREATE TABLE IF NOT EXISTS log (\n"
  "  n INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL,\n"
  "  method TEXT NOT NULL, path TEXT NOT NULL, query TEXT NOT NULL,\n"
  "  app INTEGER NOT NULL, record INTEGER NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,\n"
  "  answer TEXT NOT NULL, effect INTEGER NOT NULL,\n"
  "  revision INTEGER NOT NULL) STRICT;\n"
  "CREATE TABLE IF NOT EXISTS notice (\n"
  "  n INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL,\n"
  "  app INTEGER NOT NULL, record INTEGER NOT NULL, type TEXT NOT NULL,\n"
  "  url TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL,\n"
  "  status INTEGER NOT NULL, why TEXT NOT NULL) STRICT;\n"
  "CREATE TABLE IF NOT EXISTS setting (\n"
  "  name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;\n";

/* ---- statements ---- */

sqlite3_stmt *ks_sql(ks_store *s, const char *sql, const char *kinds, ...) {
  sqlite3_stmt *st = NULL;
  va_list ap;
  int i, rc = SQLITE_OK;

  if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
    ks_die("%s: %s", sqlite3_errmsg(s->db), sql);
  va_start(ap, kinds);
  for (i = 0; kinds[i] != '\0' && rc == SQLITE_OK; i++) {
    if (kinds[i] == 'i') {
      rc = sqlite3_bind_int64(st, i + 1, va_arg(ap, int64_t));
    } else {
      ml_str t = va_arg(ap, ml_str);

      rc = kinds[i] == 'b'
          ? sqlite3_bind_blob64(st, i + 1, t.n > 0 ? t.p : "", t.n,
                                SQLITE_TRANSIENT)
          : sqlite3_bind_text64(st, i + 1, t.p != NULL ? t.p : "", t.n,
                                SQLITE_TRANSIENT, SQLITE_UTF8);
    }
  }
  va_end(ap);
  if (rc != SQLITE_OK)
    ks_die("%s: %s", sqlite3_errmsg(s->db), sql);
  return st;
}

bool ks_sql_row(ks_store *s, sqlite3_stmt *st) {
  int rc = sqlite3_step(st);

  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    ks_die("the database says: %s", sqlite3_errmsg(s->db));
  return rc == SQLITE_ROW;
}

void ks_sql_done(ks_store *s, sqlite3_stmt *st) {
  while (ks_sql_row(s, st))
    ;
  sqlite3_finalize(st);
}

ml_str ks_sql_text(sqlite3_stmt *st, int column) {
  const void *p = sqlite3_column_blob(st, column);

  return (ml_str){p != NULL ? p : "", (size_t)sqlite3_column_bytes(st, column)};
}

static void run(ks_store *s, const char *sql) {
  char *why = NULL;

  if (sqlite3_exec(s->db, sql, NULL, NULL, &why) != SQLITE_OK)
    ks_die("the database says: %s", why != NULL ? why : "no memory");
}

ks_store *ks_store_open(const char *path) {
  ks_store *s = ml_mem_zero(sizeof *s);

  if (s == NULL)
    ks_die("out of memory");
  if (sqlite3_open(path, &s->db) != SQLITE_OK)
    ks_die("%s cannot be opened: %s", path, sqlite3_errmsg(s->db));
  run(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;");
  run(s, schema);
  return s;
}

void ks_store_close(ks_store *s) {
  if (s == NULL)
    return;
  sqlite3_close(s->db);
  ml_mem_free(s);
}

void ks_store_begin(ks_store *s) {
  run(s, "BEGIN IMMEDIATE");
}

void ks_store_commit(ks_store *s) {
  run(s, "COMMIT");
}

void ks_store_rollback(ks_store *s) {
  run(s, "ROLLBACK");
}

/* ---- apps ---- */

void ks_store_apps(ks_store *s, ks_app_fn *fn, void *arg) {
  sqlite3_stmt *st = ks_sql(s, "SELECT id, def FROM app ORDER BY id", "");

  while (ks_sql_row(s, st))
    fn(arg, sqlite3_column_int64(st, 0), ks_sql_text(st, 1));
  sqlite3_finalize(st);
}

void ks_store_save_app(ks_store *s, int64_t id, ml_str def) {
  ks_sql_done(s, ks_sql(s,
      "INSERT INTO app (id, def) VALUES (?1, ?2) "
      "ON CONFLICT (id) DO UPDATE SET def = ?2", "is", id, def));
}

static int64_t one_int(ks_store *s, sqlite3_stmt *st) {
  int64_t n = ks_sql_row(s, st) ? sqlite3_column_int64(st, 0) : 0;

  ks_sql_done(s, st);
  return n;
}

int64_t ks_store_next_app(ks_store *s) {
  return one_int(s, ks_sql(s, "SELECT 1 + coalesce(max(id), 0) FROM app", ""));
}

void ks_store_empty_app(ks_store *s, int64_t id) {
  ks_sql_done(s, ks_sql(s, "DELETE FROM record WHERE app = ?1", "i", id));
  ks_sql_done(s, ks_sql(s, "DELETE FROM taken WHERE app = ?1", "i", id));
  ks_sql_done(s, ks_sql(s, "DELETE FROM comment WHERE app = ?1", "i", id));
  ks_sql_done(s, ks_sql(s, "UPDATE app SET next_record = 1, next_row = 1 "
                        "WHERE id = ?1", "i", id));
}

/* ---- records ---- */

#define RECORD_COLUMNS "id, revision, created_ms, updated_ms, creator, " \
  "creator_name, modifier, modifier_name, body"

/* The members of a stored body, by index; they mostly come in that order. */
static void spread(const ks_app *app, const ml_json *body, ks_record *r) {
  uint32_t i, k = 0;
  size_t n;

  for (i = 0; i < app->field_count; i++)
    if (!app->fields[i].type->system)
      r->value[i] = ks_value_none(&app->fields[i]);
  for (i = 0; i < body->count; i++) {
    for (n = 0; n < app->field_count; n++, k++) {
      k = k < app->field_count ? k : 0;
      if (ml_str_eq(app->fields[k].code, body->obj[i].key)) {
        if (!app->fields[k].type->system)
          r->value[k] = &body->obj[i].value;
        break;
      }
    }
  }
}

static void read_record(sqlite3_stmt *st, const ks_app *app, ml_arena *a,
                        ks_record *r) {
  const ml_json *body;

  r->id = sqlite3_column_int64(st, 0);
  r->revision = sqlite3_column_int64(st, 1);
  r->created_ms = sqlite3_column_int64(st, 2);
  r->updated_ms = sqlite3_column_int64(st, 3);
  r->creator.code = ks_dup(a, ks_sql_text(st, 4));
  r->creator.name = ks_dup(a, ks_sql_text(st, 5));
  r->modifier.code = ks_dup(a, ks_sql_text(st, 6));
  r->modifier.name = ks_dup(a, ks_sql_text(st, 7));
  r->value = ks_new(a, app->field_count * sizeof *r->value);
  body = ks_json_parse(a, ks_sql_text(st, 8), NULL);
  if (body == NULL)
    ks_die("record %lld of app %lld is damaged", (long long)r->id,
           (long long)app->id);
  spread(app, body, r);
}

bool ks_store_get(ks_store *s, const ks_app *app, int64_t id, ml_arena *a,
                  ks_record *out) {
  sqlite3_stmt *st = ks_sql(s, "SELECT " RECORD_COLUMNS " FROM record "
                            "WHERE app = ?1 AND id = ?2", "ii", app->id, id);
  bool found = ks_sql_row(s, st);

  if (found)
    read_record(st, app, a, out);
  sqlite3_finalize(st);
  return found;
}

void ks_store_each(ks_store *s, const ks_app *app, bool oldest_first,
                   int64_t after, ml_arena *a, ks_record_fn *fn, void *arg) {
  sqlite3_stmt *st = ks_sql(s, oldest_first
      ? "SELECT " RECORD_COLUMNS " FROM record WHERE app = ?1 AND id > ?2 "
        "ORDER BY id"
      : "SELECT " RECORD_COLUMNS " FROM record WHERE app = ?1 AND id > ?2 "
        "ORDER BY id DESC", "ii", app->id, after);
  bool more = true;

  while (more && ks_sql_row(s, st)) {
    ks_record *r = ks_new(a, sizeof *r);

    read_record(st, app, a, r);
    more = fn(arg, r);
  }
  sqlite3_finalize(st);
}

/* What a unique value is filed under: equal numbers under equal texts. */
static ml_str key_of(const ks_field *f, const ml_json *v) {
  return f->type->shape == KS_NUMBER ? ks_number_key(v->s) : v->s;
}

int64_t ks_store_holder(ks_store *s, const ks_app *app, const ks_field *f,
                        const ml_json *v) {
  if (ks_value_empty(v))
    return 0;
  return one_int(s, ks_sql(s, "SELECT record FROM taken WHERE app = ?1 AND "
                           "field = ?2 AND value = ?3", "iss", app->id,
                           f->code, key_of(f, v)));
}

static void take_values(ks_store *s, const ks_app *app, const ks_record *r) {
  size_t i;

  ks_sql_done(s, ks_sql(s, "DELETE FROM taken WHERE app = ?1 AND record = ?2",
                        "ii", app->id, r->id));
  for (i = 0; i < app->field_count; i++) {
    const ks_field *f = &app->fields[i];

    if (f->unique && !ks_value_empty(r->value[i]))
      ks_sql_done(s, ks_sql(s, "INSERT OR REPLACE INTO taken VALUES "
                            "(?1, ?2, ?3, ?4)", "issi", app->id, f->code,
                            key_of(f, r->value[i]), r->id));
  }
}

static void put_body(const ks_app *app, const ks_record *r, ml_buf *b) {
  ml_jw w;
  size_t i;

  ml_jw_init(&w, b);
  ml_jw_obj(&w);
  for (i = 0; i < app->field_count; i++)
    if (!app->fields[i].type->system) {
      ml_jw_keyn(&w, app->fields[i].code);
      ml_jw_json(&w, r->value[i]);
    }
  ml_jw_end(&w);
  if (b->bad)
    ks_die("out of memory");
}

void ks_store_add(ks_store *s, const ks_app *app, ks_record *r) {
  ml_buf b = {0};

  r->id = one_int(s, ks_sql(s, "UPDATE app SET next_record = next_record + 1 "
                            "WHERE id = ?1 RETURNING next_record - 1", "i",
                            app->id));
  put_body(app, r, &b);
  ks_sql_done(s, ks_sql(s,
      "INSERT INTO record (app, " RECORD_COLUMNS ") VALUES "
      "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", "iiiiisssss", app->id,
      r->id, r->revision, r->created_ms, r->updated_ms, r->creator.code,
      r->creator.name, r->modifier.code, r->modifier.name,
      (ml_str){b.p, b.len}));
  ml_buf_free(&b);
  take_values(s, app, r);
}

void ks_store_update(ks_store *s, const ks_app *app, const ks_record *r) {
  ml_buf b = {0};

  put_body(app, r, &b);
  ks_sql_done(s, ks_sql(s,
      "UPDATE record SET revision = ?3, updated_ms = ?4, modifier = ?5, "
      "modifier_name = ?6, body = ?7 WHERE app = ?1 AND id = ?2", "iiiisss",
      app->id, r->id, r->revision, r->updated_ms, r->modifier.code,
      r->modifier.name, (ml_str){b.p, b.len}));
  ml_buf_free(&b);
  take_values(s, app, r);
}

void ks_store_delete(ks_store *s, const ks_app *app, int64_t id) {
  ks_sql_done(s, ks_sql(s, "DELETE FROM record WHERE app = ?1 AND id = ?2",
                        "ii", app->id, id));
  ks_sql_done(s, ks_sql(s, "DELETE FROM taken WHERE app = ?1 AND record = ?2",
                        "ii", app->id, id));
  ks_sql_done(s, ks_sql(s, "DELETE FROM comment WHERE app = ?1 AND "
                        "record = ?2", "ii", app->id, id));
}

int64_t ks_store_next_row(ks_store *s, const ks_app *app) {
  return one_int(s, ks_sql(s, "UPDATE app SET next_row = next_row + 1 "
                           "WHERE id = ?1 RETURNING next_row - 1", "i",
                           app->id));
}
