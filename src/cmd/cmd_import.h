/*
** cmd_import.h - the verbs that read and write CloudPortal's files.
**
**   moonlane import cpbm --map F --workflows F [--beans F] [--check] [-o DIR]
**   moonlane export cpbm FOLDER --map F --workflows F [--beans F]
**   moonlane rule test TX.json [--map F --workflows F]
*/
#ifndef ML_CMD_IMPORT_H
#define ML_CMD_IMPORT_H

#include "cmd/args.h"
#include "cmd/talk.h"

int ml_cmd_import(const ml_args *a);
int ml_cmd_export(const ml_args *a);
int ml_cmd_rule(const ml_args *a);
int ml_cmd_rule_engine(ml_talk *q);

extern const ml_opt ml_opts_import[], ml_opts_export[], ml_opts_rule[];

#endif
