/* schema_outbox.c - schema version 2: what is to be sent. */
#include "store/sqlite.h"

const char ml_schema_outbox[] =
"-- Messages to the outside, each made in the commit of what it tells of.  In\n"
"-- one queue they leave in the order of `no`: only the first one that is not\n"
"-- aside has a moment.\n"
"CREATE TABLE outbox (\n"
"  no        INTEGER PRIMARY KEY,  -- order of making\n"
"  kind      INTEGER NOT NULL,     -- ml_postk\n"
"  queue     TEXT NOT NULL,        -- those of one queue keep their order\n"
"  n         INTEGER,              -- process it tells of\n"
"  key       TEXT NOT NULL,        -- the same at each attempt\n"
"  at_ms     INTEGER NOT NULL,\n"
"  due_ms    INTEGER,              -- next attempt; NULL: another is before it\n"
"  attempts  INTEGER NOT NULL,\n"
"  aside     INTEGER,              -- 1: given up, until somebody resends it\n"
"  why       TEXT,                 -- of the last attempt\n"
"  body      BLOB NOT NULL\n"
") STRICT;\n"
"CREATE INDEX outbox_due ON outbox (due_ms) WHERE due_ms IS NOT NULL;\n"
"CREATE INDEX outbox_queue ON outbox (queue, no) WHERE aside IS NULL;\n"
"CREATE INDEX outbox_aside ON outbox (aside, no) WHERE aside IS NOT NULL;\n";
