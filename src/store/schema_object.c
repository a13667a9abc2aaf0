/*
** schema_object.c - the Process object's tables: ids of others, records,
** tasks of a person's own, and whose (which team's) people and tokens are.
**
** A process that has none of these has no row in any of them.
*/
#include "store/sqlite.h"

const char ml_schema_object[] =
"-- Ids of others that a process carries; the process itself knows them too\n"
"-- (model/process.h), here they are searched.\n"
"CREATE TABLE object (\n"
"  n         INTEGER PRIMARY KEY,  -- process\n"
"  team      TEXT,                 -- a wall\n"
"  entity    TEXT,\n"
"  record    TEXT,\n"
"  belongs_to TEXT,\n"
"  booking   TEXT\n"
") STRICT;\n"
"CREATE INDEX object_team ON object (team) WHERE team IS NOT NULL;\n"
"CREATE INDEX object_entity ON object (entity) WHERE entity IS NOT NULL;\n"
"CREATE INDEX object_record ON object (record) WHERE record IS NOT NULL;\n"
"CREATE INDEX object_belongs ON object (belongs_to)\n"
"  WHERE belongs_to IS NOT NULL;\n"
"CREATE INDEX object_booking ON object (booking) WHERE booking IS NOT NULL;\n"
"\n"
"-- What a process is about: a contact, an item.  No state of its own.\n"
"CREATE TABLE record (\n"
"  id        TEXT NOT NULL PRIMARY KEY,   -- UUID\n"
"  entity    TEXT NOT NULL,\n"
"  team      TEXT,\n"
"  created_by TEXT,\n"
"  data      TEXT NOT NULL,        -- JSON object\n"
"  derived   TEXT,                 -- JSON object\n"
"  created_ms INTEGER NOT NULL,\n"
"  updated_ms INTEGER NOT NULL,\n"
"  deleted   INTEGER               -- 1: hidden\n"
") STRICT, WITHOUT ROWID;\n"
"\n"
"-- What else is known of a task that is no activity's.\n"
"CREATE TABLE task_more (\n"
"  n         INTEGER NOT NULL,     -- process\n"
"  no        INTEGER NOT NULL,     -- task\n"
"  more      TEXT NOT NULL,        -- JSON object\n"
"  PRIMARY KEY (n, no)\n"
") STRICT, WITHOUT ROWID;\n"
"\n"
"ALTER TABLE user ADD COLUMN team TEXT;   -- what its person may see\n"
"ALTER TABLE token ADD COLUMN team TEXT;  -- of a token without a person\n";
