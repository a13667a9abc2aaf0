/*
** schema_history.c - history in a tree of its rows' numbers.
**
** A table without rowids keeps whole rows in the upper pages of its tree too.
** With packs of some hundred bytes four fit on a page, so every fourfold of the
** rows was a level more, and each fifth page of the log was an upper one.  With
** a number as the key an upper page leads to hundreds.
**
** The number holds both, process and first record, so a process's packs stand
** together as before.  Whoever looks by hand has n and seq by their names.
*/
#include "store/sqlite.h"

const char ml_schema_history[] =
"CREATE TABLE history_by_number (\n"
"  number    INTEGER PRIMARY KEY,  -- n * 2^24 + seq (sqlite.h)\n"
"  records   BLOB NOT NULL,\n"
"  n         INTEGER AS (number >> 24) VIRTUAL,       -- process\n"
"  seq       INTEGER AS (number & 16777215) VIRTUAL   -- of the first record\n"
") STRICT;\n"
"INSERT INTO history_by_number (number, records)\n"
"  SELECT n << 24 | seq, records FROM history ORDER BY n, seq;\n"
"DROP TABLE history;\n"
"ALTER TABLE history_by_number RENAME TO history;\n";
