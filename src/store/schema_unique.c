/* schema_unique.c - values that one process of a workflow has at a time. */
#include "store/sqlite.h"

const char ml_schema_unique[] =
"-- A row a taken value.  Written in the commit of the process that has it, so\n"
"-- of two that want it one is told ML_EXISTS, whoever asked first.  A process\n"
"-- of a workflow without such fields has none.\n"
"CREATE TABLE taken (\n"
"  workflow  INTEGER NOT NULL,     -- workflow.no\n"
"  field     TEXT NOT NULL,        -- its id\n"
"  value     TEXT NOT NULL,\n"
"  n         INTEGER NOT NULL,     -- process\n"
"  PRIMARY KEY (workflow, field, value)\n"
") STRICT, WITHOUT ROWID;\n";
