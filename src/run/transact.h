/*
** transact.h - transactions: events from outside that rules match to workflows.
**
** A transaction has a type, perhaps a tenant, and a payload.  The rules of its
** type are asked in order (model/ruleset.h; src/run/rulebook.c); the first
** that is true starts its workflow, and the transaction's row is written in
** the commit of that process.  No match: it is Completed, alone.  A rule that
** raises, or a start that is refused: it is in Error, alone, with the place of
** the rule; nothing was started.  From then on its state follows its process,
** in the process's own commits.
**
** What a rule sees as the transaction: the payload's members, and where the
** payload has no such member of its own
**   id, type {"name"}, state {"name"}, startDate (ms), endDate, workflowId
**   (both null), tenant {"id"} when a tenant was given.
** A rule without `data` fills the fields `transaction` (all of that) and
** `tenant` (its id) of its workflow, where it has such fields.
**
** `once`: enabling a service (cloudServiceActivation) a second time, after one
** succeeded by a workflow, skips the workflow: the same tenant and service, by
** serviceInstance.service.id, service.id or service of the payload.
*/
#ifndef ML_RUN_TRANSACT_H
#define ML_RUN_TRANSACT_H

#include "run/run.h"

enum { ML_TRANSACTION_BYTES = 1 << 20 };     /* of a payload as JSON */

typedef struct ml_transact {
  ml_arena arena;
  ml_str type;                   /* bare, or followed by " Transaction" */
  ml_str tenant;                 /* none: the payload's tenant.id, if any */
  const ml_json *payload;        /* object; in the arena; NULL: {} */
  ml_str who;
  bool has_key;                  /* Idempotency-Key */
  uint8_t key[16], body_hash[16];
  int64_t parent_n;              /* emitted by this process; or 0 */
  /* Exactly once, after the commit or when refused.  id: the transaction's;
  ** replayed: of an earlier request under this key. */
  void (*done)(void *arg, ml_rc rc, const ml_err *e, const uint8_t id[16],
               bool replayed);
  void *arg;
} ml_transact;

ml_transact *ml_transact_new(void);          /* NULL: out of memory */
void ml_transact_free(ml_transact *t);       /* only when not handed over */
void ml_run_transact(ml_run *r, ml_transact *t);

/*
** What the rules would say, for `moonlane rule test`: nothing is written or
** started.  lines: JSON list of {"at","type","to","said":"true" | "false" |
** "error","why"}, up to the one that decides.
*/
typedef void ml_rule_try_fn(void *arg, ml_rc rc, const ml_err *e, ml_str lines);
void ml_run_rule_try(ml_run *r, ml_transact *t, ml_rule_try_fn *fn);

#endif
