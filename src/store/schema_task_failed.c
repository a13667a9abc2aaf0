/* schema_task_failed.c - that a task ended in a Failure is kept with its row. */
#include "store/sqlite.h"

const char ml_schema_task_failed[] =
"-- What a script asked for is known to its process only while it is asked: the\n"
"-- row says by itself what the outcome meant.  1: a Failure; NULL: none, or a\n"
"-- task that ended before this column was there.\n"
"ALTER TABLE task ADD COLUMN failed INTEGER;\n";
