/*
** verbs.h - the program's verbs: one row each, one function each.
**
** A function gives an exit code and has said why on standard error when it is
** not 0.  Help, option parsing and the connection to the engine are made from
** the row.
*/
#ifndef ML_CMD_VERBS_H
#define ML_CMD_VERBS_H

#include "cmd/args.h"
#include "cmd/talk.h"

#define ML_VERSION "0.1.0"
#define ML_MANY ((size_t)-1)

typedef struct ml_verb {
  const char *name;
  const char *usage;             /* behind the name: "WORKFLOW [FIELD=VALUE]" */
  const char *help;              /* one line */
  const char *more;              /* paragraphs for --help, or NULL */
  const char *examples;          /* two lines at least */
  const ml_opt *opts;            /* its own; ended by a name of NULL */
  size_t words_min, words_max;
  int (*fn)(const ml_args *a);   /* works by itself; or */
  int (*ask)(ml_talk *q);         /* asks an engine */
} ml_verb;

/* The whole program: what main() returns. */
int ml_cmd_main(int argc, char **argv, char **env);

const ml_verb *ml_verb_find(const char *name);
size_t ml_verb_count(void);
const ml_verb *ml_verb_at(size_t i);

/* How a verb is used, as --help prints it. */
void ml_help_verb(ml_buf *b, const ml_verb *v);
void ml_help_all(ml_buf *b);

/* cmd_serve.c, cmd_dev.c, cmd_check.c, cmd_test.c */
int ml_cmd_serve(const ml_args *a);
int ml_cmd_dev(const ml_args *a);
int ml_cmd_check(const ml_args *a);
int ml_cmd_test(const ml_args *a);
/* cmd_try.c */
int ml_cmd_try(const ml_args *a);
/* cmd_ps.c */
int ml_cmd_ls(ml_talk *q);
int ml_cmd_show(ml_talk *q);
int ml_cmd_history(ml_talk *q);
int ml_cmd_history_way(const ml_args *a);   /* cmd_history.c */
int ml_cmd_why(ml_talk *q);
int ml_cmd_journal(ml_talk *q);
/* cmd_task.c */
int ml_cmd_tasks(ml_talk *q);
int ml_cmd_complete(ml_talk *q);
int ml_cmd_claim(ml_talk *q);
int ml_cmd_release(ml_talk *q);
/* cmd_do.c */
int ml_cmd_start(ml_talk *q);
int ml_cmd_signal(ml_talk *q);
int ml_cmd_retry(ml_talk *q);
int ml_cmd_skip(ml_talk *q);
int ml_cmd_cancel(ml_talk *q);
int ml_cmd_reset(ml_talk *q);
int ml_cmd_comment(ml_talk *q);
int ml_cmd_poll(ml_talk *q);
int ml_cmd_lift(ml_talk *q);
int ml_cmd_reload(ml_talk *q);
/* cmd_emit.c */
int ml_cmd_emit(ml_talk *q);
/* cmd_people.c */
int ml_cmd_user(ml_talk *q);
int ml_cmd_lane(ml_talk *q);
int ml_cmd_token(ml_talk *q);
int ml_cmd_setting(ml_talk *q);
/* cmd_repl.c, cmd_version.c, cmd_help.c */
int ml_cmd_repl(ml_talk *q);
int ml_cmd_version(const ml_args *a);
int ml_cmd_help(const ml_args *a);

/* cmd_partner.c */
int ml_cmd_partner(ml_talk *q);
/* cmd_webhook.c */
int ml_cmd_webhook(ml_talk *q);
extern const ml_opt ml_opts_webhook[];

/* cmd_backup.c */
/* cmd_backup.c, cmd_verify.c, cmd_audit.c */
int ml_cmd_backup(const ml_args *a);
int ml_cmd_verify(const ml_args *a);
int ml_cmd_audit(const ml_args *a);

/* The option lists of verbs, beside their functions. */
extern const ml_opt ml_opts_serve[], ml_opts_dev[], ml_opts_check[],
    ml_opts_test[], ml_opts_ls[], ml_opts_show[],
    ml_opts_history[], ml_opts_journal[], ml_opts_tasks[], ml_opts_complete[],
    ml_opts_as[], ml_opts_start[], ml_opts_signal[], ml_opts_retry[],
    ml_opts_skip[], ml_opts_cancel[], ml_opts_reset[], ml_opts_comment[], ml_opts_user[],
    ml_opts_token[], ml_opts_setting[], ml_opts_try[], ml_opts_backup[], ml_opts_partner[];
extern const ml_opt ml_opts_emit[],
    ml_opts_verify[], ml_opts_audit[];

#endif
