/*
** cpbm.h - workflows of CloudPortal Business Manager: the two XML files (and
** the beans), read, checked whole, matched against, and written again.
**
**   transactionWorkflowMap.xml   TransactionWorkflowMap > Match(type, workflow)
**                                > Rule, an expression of model/rule.h
**   workflows.xml                Workflows > Workflow(name) > Bucket(order,
**                                [name]) > Activity(name, ref)
**   applicationContext-...xml    beans > bean(id, [parent]) > property(name,
**                                value); optional: settings of activities
**
** How they are read:
** - Elements and attributes are told by local name, case-sensitive.  Unknown
**   ones, and known ones in the wrong place, are skipped with all they hold and
**   told as warnings; so are texts between elements.  Elements inside Rule and
**   texts of Match beside its Rule are mistakes: a lost word there would change
**   what is approved.
** - Attribute values are trimmed.  `order` is a decimal 32-bit integer; buckets
**   run by it, those of one order together (a warning).  Phase is read as
**   Bucket (a warning).
** - A type is one of the known ones, bare or followed by " Transaction".
** - A ref is one of the known activities.
** - Encodings: UTF-8, UTF-16 with a byte order mark.  A DOCTYPE is refused
**   where it begins, so no entity is ever declared or expanded.
** - All or nothing: a set comes out only when nothing was wrong in any file.
*/
#ifndef ML_CMD_CPBM_H
#define ML_CMD_CPBM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/pack.h"
#include "base/rc.h"
#include "model/rule.h"
#include "model/ruleset.h"

/* Bounds; 0 stands for the default.  Their names are those of the options. */
typedef struct ml_cpbm_limits {
  uint32_t file_bytes;           /* --max-file: 16 MiB, each file */
  uint32_t depth;                /* --max-depth: 32 elements in elements */
  uint32_t attribute_bytes;      /* --max-attribute: 4 KiB, each value */
  uint32_t rule_bytes;           /* --max-rule: 16 KiB */
  uint32_t rule_depth;           /* --max-rule-depth: 64, at most 256 */
  uint32_t matches;              /* --max-matches: 10,000 */
  uint32_t workflows;            /* --max-workflows: 10,000 */
} ml_cpbm_limits;

enum {
  ML_CPBM_FAULTS = 100,          /* told; then one that says there are more */
  ML_CPBM_WARNINGS = 100,
  ML_CPBM_STEPS = 50000000       /* of rules, for one transaction */
};

/* A file's name, for messages, and what is in it. */
typedef struct ml_cpbm_file {
  ml_str name;
  ml_str bytes;
} ml_cpbm_file;

typedef struct ml_cpbm_source {
  ml_cpbm_file map, workflows, beans;      /* beans.bytes none: not given */
  ml_cpbm_limits limits;
  /* Known besides the built-in ones; each list ended by NULL, or NULL. */
  const char *const *types;
  const char *const *activities;
  bool any_word;                 /* any type and any ref is known: of a set that
                                    was checked when it was imported */
} ml_cpbm_source;

typedef struct ml_cpbm_activity {
  ml_str name, ref;
  uint32_t line;
} ml_cpbm_activity;

typedef struct ml_cpbm_bucket {
  ml_str name;                   /* none: it has no name */
  int32_t order;
  uint32_t line;
  ml_cpbm_activity *activities;
  uint32_t activity_count;
} ml_cpbm_bucket;

typedef struct ml_cpbm_workflow {
  ml_str name;
  uint32_t line;
  ml_cpbm_bucket *buckets;       /* as the file has them */
  uint32_t *sequence;            /* their indexes as they run: by order */
  uint32_t bucket_count;
} ml_cpbm_workflow;

typedef struct ml_cpbm_rule {
  ml_str type;                   /* the bare word */
  ml_str spelling;               /* as the file has it */
  ml_str text;                   /* the rule as the file has it, trimmed */
  ml_rule *rule;
  uint32_t workflow;             /* index in workflows[] */
  uint32_t line;                 /* of the Match */
  uint32_t next;                 /* private: index + 1 of the next of its type */
} ml_cpbm_rule;

typedef struct ml_cpbm_setting {
  ml_str name, value;
} ml_cpbm_setting;

/* What the beans file sets for one activity, its parents' settings included. */
typedef struct ml_cpbm_bean {
  ml_str ref;
  uint32_t line;
  ml_cpbm_setting *settings;
  uint32_t setting_count;
} ml_cpbm_bean;

typedef struct ml_cpbm {
  ml_arena arena;                /* the texts */
  ml_cpbm_rule *rules;           /* every Match, in the order of the file */
  uint32_t rule_count;
  ml_cpbm_workflow *workflows;   /* in the order of the file */
  uint32_t workflow_count;
  ml_cpbm_bean *beans;           /* of activities that are known */
  uint32_t bean_count;
  ml_cpbm_bucket *buckets;       /* private: of all workflows */
  ml_cpbm_activity *activities;  /* private: of all buckets */
  uint32_t bucket_count, activity_count;     /* private */
  uint32_t *by_name;             /* private: workflows by name */
  struct ml_cpbm_type {
    ml_str name;
    uint32_t first, last;        /* private: index + 1 in rules[] */
  } *types;                      /* private: those that rules name */
  uint32_t type_count;
} ml_cpbm;

/* A mistake, or with `warning` something to know.  `file` is the name given
** with the source; texts are valid UTF-8 without line breaks. */
typedef void ml_cpbm_fault_fn(void *arg, ml_str file, uint32_t line,
                              const char *text, bool warning);

/*
** Read and check.  ML_INVALID: there was a mistake, all were told, and *out is
** NULL.  ML_NOMEM tells nothing.  *out is ended with ml_cpbm_free().
*/
ml_rc ml_cpbm_load(const ml_cpbm_source *src, ml_cpbm_fault_fn *fault,
                   void *arg, ml_cpbm **out);
void ml_cpbm_free(ml_cpbm *c);               /* NULL allowed */

/* Index of a workflow by its name, or -1. */
int64_t ml_cpbm_find(const ml_cpbm *c, ml_str name);
/* The built-in words, ended by NULL; those of types are model/ruleset.h's. */
extern const char *const ml_cpbm_activities[];

/*
** The first rule of this type that is true of the transaction: *out, or NULL
** when none is.  Another rc than ML_OK: *out is the rule that is an error on
** this transaction, and *e says why; no later one was asked.
*/
ml_rc ml_cpbm_match(const ml_cpbm *c, ml_str type, const ml_json *transaction,
                    const ml_cpbm_rule **out, ml_err *e);

/* A bucket's name, or "Phase <order>". */
void ml_cpbm_put_bucket_name(ml_buf *b, const ml_cpbm_bucket *k);

/* ---- writing (cpbm_write.c) ---- */

/* The pair again, in one layout: loads to an equal set. */
void ml_cpbm_put_map(ml_buf *b, const ml_cpbm *c);
void ml_cpbm_put_workflows(ml_buf *b, const ml_cpbm *c);
void ml_cpbm_put_beans(ml_buf *b, const ml_cpbm *c);

/*
** The set as a folder of Lua files.  Every text of the set is in the data
** files only, inside quotes, and there each byte is a letter, a digit, a blank,
** one of "-_.,:;#={}()<>/'&|!?" or \ddd; workflow.lua and rules.lua are the
** same for every set but for the number of data files (cpbm_folder.c says what
** is in them).  *files is ended with ml_cpbm_free_folder().  ML_LIMIT, and
** ML_INVALID for a name that no moonlane workflow may have.
*/
enum { ML_CPBM_DATA_FILES = 200 };           /* of one folder, at most */

typedef struct ml_cpbm_text {
  char name[24];                 /* "workflow.lua" */
  ml_buf text;
} ml_cpbm_text;
ml_rc ml_cpbm_put_folder(const ml_cpbm *c, ml_str map_name,
                         ml_cpbm_text **files, size_t *count, ml_err *e);
void ml_cpbm_free_folder(ml_cpbm_text *files, size_t count);
/* "cpbm_1.lua": the name of the i-th data file, from 0. */
void ml_cpbm_data_name(char out[24], size_t i);

/*
** What a folder's data files hold, as XML again; to be loaded, which checks it.
** ML_INVALID: a file is none of ours.
*/
ml_rc ml_cpbm_get_folder(const ml_cpbm_file *files, size_t count, ml_buf *map,
                         ml_buf *workflows, ml_buf *beans, ml_err *e);

#endif
