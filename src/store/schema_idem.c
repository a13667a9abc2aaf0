/*
** schema_idem.c - Idempotency-Keys in the order in which they came.
**
** A key is a hash, so a tree of keys is written to all over, and each commit
** writes a page for nearly every start it holds.  Only what must be found by
** the key lies in such a tree, the index, of 24 bytes an entry; what was
** answered is appended.  The oldest stand first, so they need no index.
*/
#include "store/sqlite.h"

const char ml_schema_idem[] =
"CREATE TABLE idem_came (\n"
"  no        INTEGER PRIMARY KEY,  -- as they came; ages grow with it\n"
"  key       BLOB NOT NULL,        -- hash of scope and key\n"
"  age_ms    INTEGER NOT NULL,     -- of the store, when it came (store/age.h)\n"
"  body      BLOB NOT NULL,        -- hash of the request\n"
"  status    INTEGER NOT NULL,     -- HTTP\n"
"  answer    TEXT\n"
") STRICT;\n"
"INSERT INTO idem_came (key, age_ms, body, status, answer)\n"
"  SELECT key, age_ms, body, status, answer FROM idem ORDER BY age_ms;\n"
"DROP TABLE idem;\n"
"ALTER TABLE idem_came RENAME TO idem;\n"
"CREATE UNIQUE INDEX idem_key ON idem (key);\n";
