/* schema_webhook.c - who is told of changes. */
#include "store/sqlite.h"

const char ml_schema_webhook[] =
"-- Subscriptions to changes.  A removed one stays as a number, so that what the\n"
"-- outbox still holds for it goes to nobody else.\n"
"CREATE TABLE webhook (\n"
"  no        INTEGER PRIMARY KEY,\n"
"  url       TEXT,\n"
"  secret    BLOB,                 -- sealed\n"
"  workflow  TEXT,                 -- NULL: of all\n"
"  events    TEXT,                 -- NULL: all\n"
"  active    INTEGER NOT NULL,     -- 0: nothing is made for it\n"
"  removed   INTEGER,\n"
"  at_ms     INTEGER NOT NULL,\n"
"  why       TEXT                  -- why it is not active\n"
") STRICT;\n";
