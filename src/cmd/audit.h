/* audit.h - an offender as one line, for the verbs that print them. */
#ifndef ML_CMD_AUDIT_H
#define ML_CMD_AUDIT_H

#include "base/buf.h"
#include "run/audit.h"

/* "ID: invariant 8: it is open, and nothing is next"; without a newline. */
void ml_offender_line(ml_buf *b, const ml_offender *o);

#endif
