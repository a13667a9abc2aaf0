/*
** cmd_import.h - the verbs that read and write CloudPortal's files.
**
**   moonlane import cpbm --map F --workflows F [--beans F] [--check] [-o DIR]
**   moonlane export cpbm FOLDER --map F --workflows F [--beans F]
**   moonlane rule test --map F --workflows F TX.json
**
** Not in the table of verbs yet: what -o writes requires moonlane.cpbm, which
** comes with the transactions.  Words then: import (1, cpbm), export (2),
** rule (2, test TX.json); cmd_rule.c has the options of the last.
*/
#ifndef ML_CMD_IMPORT_H
#define ML_CMD_IMPORT_H

#include "cmd/args.h"

int ml_cmd_import(const ml_args *a);
int ml_cmd_export(const ml_args *a);
int ml_cmd_rule(const ml_args *a);

extern const ml_opt ml_opts_import[], ml_opts_export[], ml_opts_rule[];

#endif
