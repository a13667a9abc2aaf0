/* schema_age.c - how long engines have been up on this store. */
#include "store/sqlite.h"

const char ml_schema_age[] =
"-- One row: milliseconds of running, all engines together (store/age.h).\n"
"CREATE TABLE age (\n"
"  no        INTEGER PRIMARY KEY,\n"
"  ms        INTEGER NOT NULL\n"
") STRICT;\n"
"INSERT INTO age (no, ms) VALUES (1, 0);\n"
"-- What is forgotten one day is dated by it.  A date by the wall clock says\n"
"-- nothing sure: what there is counts as made just now.\n"
"DROP INDEX idem_at;\n"
"ALTER TABLE idem RENAME COLUMN at_ms TO age_ms;\n"
"UPDATE idem SET age_ms = 0;\n"
"CREATE INDEX idem_age ON idem (age_ms);\n"
"ALTER TABLE occurrence RENAME COLUMN at_ms TO age_ms;\n"
"UPDATE occurrence SET age_ms = 0;\n";
