/*
** cpbm_inside.h - between the parts of cpbm.h.
*/
#ifndef ML_CMD_CPBM_INSIDE_H
#define ML_CMD_CPBM_INSIDE_H

#include "cmd/cpbm.h"

/* A bean as its file has it. */
typedef struct draft_setting {
  ml_cpbm_setting s;
  uint32_t line;
} draft_setting;

typedef struct draft_bean {
  ml_str id, parent;             /* parent: or none */
  uint32_t line;
  uint32_t first, count;         /* in draft->settings */
} draft_bean;

/* A set on its way: the files are read into it, then it is checked. */
typedef struct draft {
  const ml_cpbm_source *src;
  ml_cpbm_limits limits;         /* with the defaults filled in */
  ml_cpbm *c;
  uint32_t rule_cap, workflow_cap, bucket_cap, activity_cap;
  ml_str *targets;               /* Match workflow, one a rule */
  uint32_t target_cap;
  draft_bean *beans;
  uint32_t bean_count, bean_cap;
  draft_setting *settings;
  uint32_t setting_count, setting_cap;
  bool map_read, workflows_read, beans_read;   /* well-formed to the end */
  ml_cpbm_fault_fn *fault;
  void *arg;
  uint32_t faults, warnings;
  bool nomem;
} draft;

/* Tell; texts shown in it have gone through cpbm_shown(). */
void cpbm_tell(draft *d, const ml_cpbm_file *f, uint32_t line, bool warning,
               const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void cpbm_tell_text(draft *d, const ml_cpbm_file *f, uint32_t line,
                    bool warning, const char *text);

/* A text of a file, cut to what fits a sentence. */
typedef struct cpbm_word {
  char s[100];
} cpbm_word;
cpbm_word cpbm_shown(ml_str s);

/* `list` with room for one more than *cap says is used, or NULL (d->nomem). */
void *cpbm_room(draft *d, void *list, uint32_t used, uint32_t *cap,
                size_t size);
/* A copy in the set's arena; none stays none. */
ml_str cpbm_keep(draft *d, ml_str s);

/* Is it in one of the lists, ended by NULL?  `more` may be NULL. */
bool cpbm_known(ml_str s, const char *const *list, const char *const *more);

/* cpbm_write.c: as it may stand between quotes, or between tags. */
void cpbm_put_xml(ml_buf *b, ml_str s, bool attribute);
void cpbm_put_attribute(ml_buf *b, const char *name, ml_str value);

/* cpbm_read.c: one file into the draft. */
typedef enum cpbm_kind { CPBM_MAP, CPBM_WORKFLOWS, CPBM_BEANS } cpbm_kind;
void cpbm_read(draft *d, cpbm_kind kind, const ml_cpbm_file *f);
/* cpbm_check.c: what files must agree on; fills what the set looks up by. */
void cpbm_check(draft *d);
/* cpbm_beans.c: settings with their parents', for the activities known. */
void cpbm_check_beans(draft *d);

#endif
