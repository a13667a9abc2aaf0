/*
** row_w9.c - W9: leads by what is in them.  A page of 50 by two search fields, one
** by the value of a search field, and one by its primary key (the external form's
** .../process/{key}/{value}), over HTTP one at a time; the floor is the same
** question as one bare SQLite statement on the same file.  And what the engine's
** memory makes of their number.
*/
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rows.h"
#include "work.h"

enum { PAGE = 50, QUERIES = 400 };

typedef struct asking {
  const engine *e;
  size_t leads, first;
  enum { ASK_PAGE, ASK_VALUE, ASK_KEY } what;
} asking;

static size_t some_lead(size_t i, size_t leads) {
  return 2 + i * 7919 % leads;
}

static void ask(void *arg, size_t i, ml_buf *out) {
  const asking *a = arg;
  char path[300];

  if (a->what == ASK_KEY)
    snprintf(path, sizeof path, "/v1/ext/procedure/lead/process/lead_id/LEAD-%zu",
             some_lead(a->first + i, a->leads));
  else if (a->what == ASK_VALUE)
    snprintf(path, sizeof path, "/v1/processes?workflow=lead&limit=1&where="
             "lead_id%%20%%3D%%20%%27LEAD-%zu%%27",
             some_lead(a->first + i, a->leads));
  else
    snprintf(path, sizeof path, "/v1/processes?workflow=lead&limit=%d&order="
             "-score&where=source%%20%%3D%%20%%27fair%%27%%20and%%20score"
             "%%20%%3C%%3D%%20%zu", PAGE, 400 + (a->first + i) % 500);
  load_request(out, "GET", path, a->e->token, NULL, NULL, 0);
}

static void is_page(void *arg, size_t i, int status, const char *body,
                    size_t n) {
  const asking *a = arg;
  size_t items = 0;

  (void)i;
  for (const char *p = body; (p = memmem(p, n - (size_t)(p - body),
                                         "\"lead_id\"", 9)) != NULL; p++)
    items++;
  if (status != 200 || items != (a->what == ASK_PAGE ? PAGE : 1))
    die("a list of leads answered %d with %zu of them", status, items);
}

static void over_http(asking *a, const char *row, double scale) {
  load_conf c = {.port = a->e->port, .connections = 1, .total = QUERIES,
                 .make = ask, .got = is_page, .arg = a};
  load_out o;

  load_run(&c, &o);
  row_put(row, work_time(&o, 0.5) * scale);
  a->first += QUERIES;
  load_out_free(&o);
}

/* ---- bare ---- */

static sqlite3_stmt *statement(sqlite3 *db, const char *sql) {
  sqlite3_stmt *st;

  if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
    die("bare SQLite: %s", sqlite3_errmsg(db));
  return st;
}

static int64_t number(sqlite3 *db, const char *sql) {
  sqlite3_stmt *st = statement(db, sql);
  int64_t v;

  if (sqlite3_step(st) != SQLITE_ROW)
    die("bare SQLite: no row of %s", sql);
  v = sqlite3_column_int64(st, 0);
  sqlite3_finalize(st);
  return v;
}

/* Microseconds of one question, its rows read. */
static double bare_one(sqlite3_stmt *st, int rows) {
  int64_t from = now_us();
  int n = 0;

  while (sqlite3_step(st) == SQLITE_ROW) {
    for (int i = 0; i < sqlite3_column_count(st); i++)
      sqlite3_column_blob(st, i);
    n++;
  }
  if (n != rows)
    die("bare SQLite gave %d rows, not %d", n, rows);
  sqlite3_reset(st);
  return (double)(now_us() - from);
}

static void bare(const char *path, size_t leads) {
  sqlite3 *db;
  sqlite3_stmt *page, *value, *key;
  samples pages = {0}, values = {0}, keys = {0};
  int64_t id, source, score, workflow;
  char text[32];

  if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                      NULL) != SQLITE_OK)
    die("%s cannot be opened", path);
  id = number(db, "SELECT no FROM search_field WHERE field = 'lead_id'");
  workflow = number(db, "SELECT no FROM workflow WHERE name = 'lead'");
  source = number(db, "SELECT no FROM search_field WHERE field = 'source'");
  score = number(db, "SELECT no FROM search_field WHERE field = 'score'");
  page = statement(db, "SELECT p.* FROM search s CROSS JOIN process p ON"
                   " p.n = s.n WHERE s.field = ?1 AND s.value <= ?2 AND EXISTS"
                   " (SELECT 1 FROM search t WHERE t.field = ?3 AND t.value ="
                   " 'fair' AND t.n = s.n) ORDER BY s.value DESC, s.n DESC"
                   " LIMIT 50");
  value = statement(db, "SELECT p.* FROM search s CROSS JOIN process p ON"
                    " p.n = s.n WHERE s.field = ?1 AND s.value = ?2");
  key = statement(db, "SELECT p.* FROM taken t CROSS JOIN process p ON p.n = t.n"
                  " WHERE t.workflow = ?1 AND t.field = 'lead_id' AND t.value ="
                  " ?2");
  for (int i = 0; i < QUERIES; i++) {
    sqlite3_bind_int64(page, 1, score);
    sqlite3_bind_int64(page, 2, 400 + i % 500);
    sqlite3_bind_int64(page, 3, source);
    samples_add(&pages, bare_one(page, PAGE));
    snprintf(text, sizeof text, "\"LEAD-%zu\"", some_lead((size_t)i, leads));
    sqlite3_bind_int64(value, 1, id);
    sqlite3_bind_text(value, 2, text + 1, (int)strlen(text) - 2, SQLITE_STATIC);
    samples_add(&values, bare_one(value, 1));
    sqlite3_bind_int64(key, 1, workflow);
    sqlite3_bind_text(key, 2, text, -1, SQLITE_STATIC);
    samples_add(&keys, bare_one(key, 1));
  }
  row_put("w9.bare.page", samples_at(&pages, 0.5) / 1000);
  row_put("w9.bare.value", samples_at(&values, 0.5));
  row_put("w9.bare.key", samples_at(&keys, 0.5));
  samples_free(&pages);
  samples_free(&values);
  samples_free(&keys);
  sqlite3_finalize(page);
  sqlite3_finalize(value);
  sqlite3_finalize(key);
  if (sqlite3_close(db) != SQLITE_OK)
    die("bare SQLite does not close");
}

/* ---- the row ---- */

static void fill(const engine *e, size_t count) {
  char program[300], number_of[24];
  pid_t pid;
  int status;

  snprintf(program, sizeof program, "%s/leads", engine_build());
  snprintf(number_of, sizeof number_of, "%zu", count);
  pid = fork();
  if (pid == 0) {
    execl(program, program, e->db, number_of, (char *)NULL);
    _exit(127);
  }
  if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
    die("%s did not fill the store", program);
}

static double core_mib(const engine *e) {
  usage u;

  usage_of(e->pid, true, &u);
  return (double)u.core_pss_kib / 1024;
}

void row_w9(const amount *a) {
  engine e = {0};
  asking k = {.e = &e, .leads = a->leads};
  ml_buf answer = {0};
  double before;

  engine_start(&e, "w9", false);
  engine_ask(&e, "POST", "/v1/workflows/lead/processes",
             "{\"data\":{\"lead_id\":\"LEAD-1\",\"source\":\"fair\","
             "\"score\":1}}", &answer);
  ml_buf_free(&answer);
  engine_settle(&e);
  before = core_mib(&e);
  engine_end(&e);
  fill(&e, a->leads);
  row_put("w9.leads", (double)a->leads);
  engine_start(&e, "w9", true);
  for (int i = 0; i < a->repeat; i++) {
    k.what = ASK_PAGE;
    over_http(&k, "w9.page", 0.001);
    k.what = ASK_VALUE;
    over_http(&k, "w9.value", 1);
    k.what = ASK_KEY;
    over_http(&k, "w9.key", 1);
    row_put("w9.memory", core_mib(&e) - before);
  }
  engine_end(&e);
  bare(e.db, a->leads);
  engine_forget(&e);
}
