/* schema_replay.c - signed requests that were taken: none of them a second time. */
#include "store/sqlite.h"

const char ml_schema_replay[] =
"-- A row a request, written in the commit of what the request made; of use\n"
"-- until its signature would be too old by itself.  Each new row takes some\n"
"-- that are past that with it (sqlite_replay.c).\n"
"CREATE TABLE replay (\n"
"  scope     TEXT NOT NULL,        -- \"hook/orders/paid\"\n"
"  id        TEXT NOT NULL,\n"
"  until_ms  INTEGER NOT NULL,\n"
"  PRIMARY KEY (scope, id)\n"
") STRICT, WITHOUT ROWID;\n"
"-- Those that may be forgotten.\n"
"CREATE INDEX replay_until ON replay (until_ms);\n";
