/* schema_job_cancel.c - jobs that somebody stopped. */
#include "store/sqlite.h"

const char ml_schema_job_cancel[] =
"-- Set with done_ms: what was not begun then is CANCELLED, and stays undone.\n"
"ALTER TABLE job ADD COLUMN cancelled_by TEXT;\n";
