/*
** flows.h - the workflows of a store that no engine serves, and a pass of the
** audit over it.
*/
#ifndef ML_RUN_FLOWS_H
#define ML_RUN_FLOWS_H

#include "run/audit.h"

typedef struct ml_flows ml_flows;

/* Every bundle's flows; one that cannot be read is left out (its processes are
** offenders then).  The store is inline. */
ml_rc ml_flows_read(ml_store *s, ml_flows **out, ml_err *e);
void ml_flows_free(ml_flows *f);
const ml_flow *ml_flows_at(void *flows, uint32_t bundle, uint16_t index);

/* A whole pass; `found` gets each offender. */
typedef void ml_offender_fn(void *arg, const ml_offender *o);
ml_rc ml_flows_audit(ml_store *s, ml_flows *f, ml_offender_fn *found, void *arg,
                     ml_audit_sums *sums);

#endif
