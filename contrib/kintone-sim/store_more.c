/* store_more.c - comments, files, the log, notices, settings. */
#include "store_int.h"

/* ---- comments ---- */

static int64_t one_int(ks_store *s, sqlite3_stmt *st) {
  int64_t n = ks_sql_row(s, st) ? sqlite3_column_int64(st, 0) : 0;

  ks_sql_done(s, st);
  return n;
}

int64_t ks_store_add_comment(ks_store *s, const ks_app *app, int64_t record,
                             const ks_comment *c) {
  int64_t id = one_int(s, ks_sql(s,
      "UPDATE record SET next_comment = next_comment + 1 WHERE app = ?1 AND "
      "id = ?2 RETURNING next_comment - 1", "ii", app->id, record));

  ks_sql_done(s, ks_sql(s, "INSERT INTO comment (app, record, id, created_ms, "
                        "text, creator, creator_name, mentions) VALUES "
                        "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", "iiiissss",
                        app->id, record, id, c->created_ms, c->text,
                        c->creator.code, c->creator.name, c->mentions));
  return id;
}

static void read_comment(sqlite3_stmt *st, ml_arena *a, ks_comment *c) {
  c->id = sqlite3_column_int64(st, 0);
  c->created_ms = sqlite3_column_int64(st, 1);
  c->text = ks_dup(a, ks_sql_text(st, 2));
  c->creator.code = ks_dup(a, ks_sql_text(st, 3));
  c->creator.name = ks_dup(a, ks_sql_text(st, 4));
  c->mentions = ks_dup(a, ks_sql_text(st, 5));
}

#define COMMENT "SELECT id, created_ms, text, creator, creator_name, " \
  "mentions FROM comment WHERE app = ?1 AND record = ?2 "

bool ks_store_get_comment(ks_store *s, const ks_app *app, int64_t record,
                          int64_t id, ml_arena *a, ks_comment *out) {
  sqlite3_stmt *st = ks_sql(s, COMMENT "AND id = ?3", "iii", app->id, record,
                            id);
  bool found = ks_sql_row(s, st);

  if (found)
    read_comment(st, a, out);
  sqlite3_finalize(st);
  return found;
}

void ks_store_delete_comment(ks_store *s, const ks_app *app, int64_t record,
                             int64_t id) {
  ks_sql_done(s, ks_sql(s, "DELETE FROM comment WHERE app = ?1 AND "
                        "record = ?2 AND id = ?3", "iii", app->id, record, id));
}

int64_t ks_store_count_comments(ks_store *s, const ks_app *app,
                                int64_t record) {
  return one_int(s, ks_sql(s, "SELECT count(*) FROM comment WHERE app = ?1 "
                           "AND record = ?2", "ii", app->id, record));
}

size_t ks_store_comments(ks_store *s, const ks_app *app, int64_t record,
                         bool oldest_first, int64_t offset, size_t limit,
                         ml_arena *a, ks_comment *list) {
  sqlite3_stmt *st = ks_sql(s, oldest_first
      ? COMMENT "ORDER BY id LIMIT ?3 OFFSET ?4"
      : COMMENT "ORDER BY id DESC LIMIT ?3 OFFSET ?4",
      "iiii", app->id, record, (int64_t)limit, offset);
  size_t n = 0;

  while (ks_sql_row(s, st))
    read_comment(st, a, &list[n++]);
  sqlite3_finalize(st);
  return n;
}

/* ---- files ---- */

void ks_store_add_file(ks_store *s, ml_str key, ml_str name, ml_str type,
                       ml_str bytes) {
  ks_sql_done(s, ks_sql(s, "INSERT INTO file (key, name, type, bytes) VALUES "
                        "(?1, ?2, ?3, ?4)", "sssb", key, name, type, bytes));
}

bool ks_store_get_file(ks_store *s, ml_str key, ml_arena *a, ml_str *name,
                       ml_str *type, ml_str *bytes) {
  sqlite3_stmt *st = ks_sql(s, "SELECT name, type, bytes FROM file "
                            "WHERE key = ?1", "s", key);
  bool found = ks_sql_row(s, st);

  if (found) {
    *name = ks_dup(a, ks_sql_text(st, 0));
    *type = ks_dup(a, ks_sql_text(st, 1));
    *bytes = ks_dup(a, ks_sql_text(st, 2));
  }
  sqlite3_finalize(st);
  return found;
}

/* ---- what happened ---- */

void ks_store_add_log(ks_store *s, const ks_log *l) {
  ks_sql_done(s, ks_sql(s, "INSERT INTO log (at_ms, method, path, query, app, "
                        "record, status, body, answer, effect, revision) VALUES "
                        "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                        "isssiiissii", l->at_ms, l->method, l->path, l->query,
                        l->app, l->record, (int64_t)l->status, l->body, l->answer,
                        (int64_t)l->effect, l->revision));
}

void ks_store_logs(ks_store *s, int64_t after, int64_t limit, ks_log_fn *fn,
                   void *arg) {
  sqlite3_stmt *st = ks_sql(s, "SELECT n, at_ms, method, path, query, app, "
                            "record, status, body, answer, effect, revision "
                            "FROM log "
                            "WHERE n > ?1 ORDER BY n LIMIT ?2", "ii", after,
                            limit);

  while (ks_sql_row(s, st)) {
    ks_log l = {
      .n = sqlite3_column_int64(st, 0), .at_ms = sqlite3_column_int64(st, 1),
      .method = ks_sql_text(st, 2), .path = ks_sql_text(st, 3),
      .query = ks_sql_text(st, 4),
      .app = sqlite3_column_int64(st, 5), .record = sqlite3_column_int64(st, 6),
      .status = sqlite3_column_int(st, 7), .body = ks_sql_text(st, 8),
      .answer = ks_sql_text(st, 9), .effect = sqlite3_column_int(st, 10) != 0,
      .revision = sqlite3_column_int64(st, 11)};

    fn(arg, &l);
  }
  sqlite3_finalize(st);
}

int64_t ks_store_add_notice(ks_store *s, const ks_notice *n) {
  return one_int(s, ks_sql(s, "INSERT INTO notice (at_ms, app, record, type, "
                           "url, body, state, status, why) VALUES "
                           "(?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8) RETURNING n",
                           "iiisssss", n->at_ms, n->app, n->record, n->type,
                           n->url, n->body, n->state, n->why));
}

void ks_store_end_notice(ks_store *s, int64_t n, const char *state,
                         int status, ml_str why) {
  ks_sql_done(s, ks_sql(s, "UPDATE notice SET state = ?2, status = ?3, "
                        "why = ?4 WHERE n = ?1", "isis", n, ml_str_of(state),
                        (int64_t)status, why));
}

void ks_store_end_pending(ks_store *s) {
  ks_sql_done(s, ks_sql(s, "UPDATE notice SET state = 'failed', "
                        "why = 'the simulator ended' WHERE state = 'pending'",
                        ""));
}

int64_t ks_store_notices_since(ks_store *s, int64_t since_ms) {
  return one_int(s, ks_sql(s, "SELECT count(*) FROM notice WHERE at_ms > ?1 "
                           "AND state <> 'dropped'", "i", since_ms));
}

void ks_store_notices(ks_store *s, int64_t after, int64_t limit,
                      ks_notice_fn *fn, void *arg) {
  sqlite3_stmt *st = ks_sql(s, "SELECT n, at_ms, app, record, type, url, body, "
                            "state, status, why FROM notice WHERE n > ?1 "
                            "ORDER BY n LIMIT ?2", "ii", after, limit);

  while (ks_sql_row(s, st)) {
    ks_notice n = {
      .n = sqlite3_column_int64(st, 0), .at_ms = sqlite3_column_int64(st, 1),
      .app = sqlite3_column_int64(st, 2), .record = sqlite3_column_int64(st, 3),
      .type = ks_sql_text(st, 4), .url = ks_sql_text(st, 5),
      .body = ks_sql_text(st, 6), .state = ks_sql_text(st, 7),
      .status = sqlite3_column_int(st, 8), .why = ks_sql_text(st, 9)};

    fn(arg, &n);
  }
  sqlite3_finalize(st);
}

void ks_store_forget(ks_store *s) {
  ks_sql_done(s, ks_sql(s, "DELETE FROM log", ""));
  ks_sql_done(s, ks_sql(s, "DELETE FROM notice", ""));
}

/* ---- settings ---- */

ml_str ks_store_setting(ks_store *s, const char *name, ml_arena *a) {
  sqlite3_stmt *st = ks_sql(s, "SELECT value FROM setting WHERE name = ?1",
                            "s", ml_str_of(name));
  ml_str v = ks_sql_row(s, st) ? ks_dup(a, ks_sql_text(st, 0)) : ML_NOSTR;

  ks_sql_done(s, st);
  return v;
}

void ks_store_set(ks_store *s, const char *name, ml_str value) {
  ks_sql_done(s, ks_sql(s, "INSERT OR REPLACE INTO setting (name, value) "
                        "VALUES (?1, ?2)", "ss", ml_str_of(name), value));
}
