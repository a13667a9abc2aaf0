/* store_int.h - what the store's own files share. */
#ifndef KS_STORE_INT_H
#define KS_STORE_INT_H

#include <sqlite3.h>

#include "store.h"

struct ks_store {
  sqlite3 *db;
};

/* A statement with its parameters: one letter each in `kinds`, i an int64_t,
** s a text (none is ""), b bytes.  The other calls end the program on any
** failure, so that none can be forgotten. */
sqlite3_stmt *ks_sql(ks_store *s, const char *sql, const char *kinds, ...);
bool ks_sql_row(ks_store *s, sqlite3_stmt *st);
void ks_sql_done(ks_store *s, sqlite3_stmt *st);     /* run to the end, free */
ml_str ks_sql_text(sqlite3_stmt *st, int column);    /* until the next step */

#endif
