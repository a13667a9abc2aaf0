/* schema_quarantine.c - bundles whose scripts are not run. */
#include "store/sqlite.h"

const char ml_schema_quarantine[] =
"-- A row a bundle whose scripts kept killing their workers; taken away by an\n"
"-- operator.  Read whole at a start.\n"
"CREATE TABLE quarantine (\n"
"  bundle    INTEGER PRIMARY KEY,  -- bundle.no\n"
"  at_ms     INTEGER NOT NULL\n"
") STRICT;\n";
