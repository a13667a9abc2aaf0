/*
** loading.h - a load of folders under way, between bundle.c and
** loading_rules.c; nobody else includes it.
*/
#ifndef ML_RUN_LOADING_H
#define ML_RUN_LOADING_H

#include "run/inside.h"

/* One run of ml_run_load or _check: every folder is asked of a worker; when
** all have answered the sound ones come into force together. */
typedef struct loadrun {
  ml_run *r;
  bool check_only;
  char *dir;
  ml_flow_fault_fn *fault;
  ml_run_done_fn *done;
  void *arg;
  folder *folders, *rule_files;
  bundle **rules;           size_t rule_count;    /* of rule_files */
  bool rules_broken;             /* those of the configuration */
  size_t open;                   /* questions without an answer */
  struct evaluated *good, *refused;
  bool broken;
  ml_arena arena;
  ml_row_bundle *rows;      size_t row_count;
  ml_row_workflow *names;   size_t name_count;
  ml_row_lane *lanes;       size_t lane_count;
  bundle **fresh;           size_t fresh_count;
  ml_rc rc;
} loadrun;

typedef struct evaluated {
  struct evaluated *next;
  loadrun *l;
  folder *f;
  ml_buf tree;
  ml_flow **flows;
  size_t count;
  ml_ruleset *rules;
  uint32_t place;                /* of a file of rules, from 1; 0: a folder */
  bool held;                     /* flows and rules are those of its bundle,
                                    which is in quarantine */
} evaluated;

/* bundle.c */
void load_fault(void *loadrun, const char *at, const char *text);
/* Ask a worker what is in the folder; place > 0: it is a file of rules. */
void load_ask(loadrun *l, folder *f, uint32_t place);
/* Did this folder come in whole just now? */
bool load_has(const loadrun *l, ml_str name);
/* Make one from its parts; takes flows and rules.  NULL: out of memory. */
bundle *bundle_make(uint32_t no, const uint8_t hash[32], ml_str name,
                    ml_flow **flows, size_t count, ml_ruleset *rules,
                    int64_t at_ms);

/* loading_templates.c: ML_INVALID when one of the folder's is wrong, told. */
ml_rc load_check_templates(loadrun *l, const evaluated *v);

/* loading_rules.c: in the order in which they are called */
void load_ask_rules(loadrun *l);
void load_take_rules(loadrun *l, evaluated *v, const ml_json *tree);
void load_check_rules(loadrun *l);
ml_rc load_rules(loadrun *l);                /* into force */

#endif
