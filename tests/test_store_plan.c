/*
** test_store_plan.c - how SQLite runs each statement of the store: none walks
** a whole table unless the statement says why it may, and none sorts.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/sqlite.h"

static sqlite3 *db;

static int open_db(void **state) {
  (void)state;
  return sqlite3_open(":memory:", &db) != SQLITE_OK ||
         ml_migrate(db, NULL, NULL, ml_migrations, ml_migration_count, NULL) !=
             ML_OK;
}

static int close_db(void **state) {
  (void)state;
  return sqlite3_close(db) != SQLITE_OK;
}

typedef struct Plan {
  int lines, scans, sorts;
  char text[2000];
} Plan;

static Plan plan_of(const char *sql) {
  Plan p = {0};
  sqlite3_stmt *st = NULL;
  char *ask = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
  size_t n = 0;

  assert_non_null(ask);
  if (sqlite3_prepare_v2(db, ask, -1, &st, NULL) != SQLITE_OK)
    fail_msg("%s: %s", sql, sqlite3_errmsg(db));
  while (sqlite3_step(st) == SQLITE_ROW) {
    const char *detail = (const char *)sqlite3_column_text(st, 3);

    p.lines++;
    p.scans += strncmp(detail, "SCAN", 4) == 0;
    p.sorts += strstr(detail, "TEMP B-TREE") != NULL;
    n += (size_t)snprintf(p.text + n, sizeof p.text - n, "%s; ", detail);
    assert_true(n < sizeof p.text);
  }
  sqlite3_finalize(st);
  sqlite3_free(ask);
  return p;
}

static void no_statement_scans(void **state) {
  int looked_at = 0;

  (void)state;
  for (int i = 0; i < SQL_COUNT; i++) {
    const ml_sql_text *t = &ml_sql_texts[i];
    Plan p;

    assert_non_null(t->text);
    p = plan_of(t->text);
    looked_at += p.lines > 0;
    if (p.scans > 0 && t->scan == NULL)
      fail_msg("%s\n  walks a whole table: %s", t->text, p.text);
    if (p.scans == 0 && t->scan != NULL)
      fail_msg("%s\n  needs no reason to scan: %s", t->text, p.text);
    if (p.sorts > 0)
      fail_msg("%s\n  sorts: %s", t->text, p.text);
  }
  assert_true(looked_at > 40);
}

/* The same with many rows and statistics that speak for scanning. */
static void statistics_change_nothing(void **state) {
  assert_int_equal(sqlite3_exec(db,
      "ANALYZE; INSERT INTO sqlite_stat1 VALUES"
      " ('process', 'process_due', '10 10 10'),"
      " ('process', 'process_open_of', '10 10'),"
      " ('task', 'task_offered', '10 10'), ('idem', 'idem_key', '10 10');"
      "ANALYZE sqlite_schema", NULL, NULL, NULL), SQLITE_OK);
  no_statement_scans(state);
}

/* The hot ones are answered from an index alone. */
static void hot_ones_look_at_no_row(void **state) {
  const ml_sql hot[] = {SQL_DUE, SQL_DUE_AT, SQL_LEASES, SQL_LEASES_AT,
                        SQL_NEXT_DUE, SQL_NEXT_LEASE,
                        SQL_TASKS_OPEN, SQL_TASKS_OFFERED, SQL_TASKS_ALLOCATED,
                        SQL_COUNT_OPEN, SQL_COUNT_TASKS};

  (void)state;
  for (size_t i = 0; i < sizeof hot / sizeof *hot; i++) {
    Plan p = plan_of(ml_sql_texts[hot[i]].text);

    if (strstr(p.text, "COVERING INDEX") == NULL)
      fail_msg("%s\n  reads rows: %s", ml_sql_texts[hot[i]].text, p.text);
  }
}

/* This test can fail: what it must catch, it catches. */
static void a_scan_would_be_seen(void **state) {
  (void)state;
  assert_int_equal(plan_of("SELECT n FROM process WHERE subject = ?").scans, 1);
  assert_int_equal(plan_of("DELETE FROM idem WHERE body = ?").scans, 1);
  assert_int_equal(plan_of("SELECT n FROM process WHERE n = ?").scans, 0);
  assert_int_equal(
      plan_of("SELECT n FROM task WHERE n = ? ORDER BY title").sorts, 1);
}

/* Updates in place touch no index of lists. */
static void the_usual_update_leaves_indexes_alone(void **state) {
  const char *const texts[] = {ml_sql_texts[SQL_PROCESS_UPDATE].text,
                               ml_sql_texts[SQL_PROCESS_UPDATE_DUE].text,
                               ml_sql_texts[SQL_PROCESS_UPDATE_ALL].text};
  int inserts[3] = {0, 0, 0};

  (void)state;
  for (int i = 0; i < 3; i++) {
    char *ask = sqlite3_mprintf("EXPLAIN %s", texts[i]);
    sqlite3_stmt *st = NULL;

    assert_int_equal(sqlite3_prepare_v2(db, ask, -1, &st, NULL), SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW)
      inserts[i] += strcmp((const char *)sqlite3_column_text(st, 1),
                           "IdxInsert") == 0;
    sqlite3_finalize(st);
    sqlite3_free(ask);
  }
  assert_int_equal(inserts[0], 0);
  assert_int_equal(inserts[1], 1);      /* process_due */
  assert_int_equal(inserts[2], 7);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(no_statement_scans, open_db, close_db),
    cmocka_unit_test_setup_teardown(statistics_change_nothing, open_db,
                                    close_db),
    cmocka_unit_test_setup_teardown(hot_ones_look_at_no_row, open_db, close_db),
    cmocka_unit_test_setup_teardown(a_scan_would_be_seen, open_db, close_db),
    cmocka_unit_test_setup_teardown(the_usual_update_leaves_indexes_alone,
                                    open_db, close_db),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
