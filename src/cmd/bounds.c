/* bounds.c - the operator's limits of scripts. */
#include "cmd/bounds.h"

ml_rc ml_bounds_arg(const ml_args *a, const char *name, ml_bound b,
                    ml_bounds *out, ml_err *e) {
  const char *text = ml_args_get(a, name);
  ml_err why = {0};
  ml_rc rc;

  if (text == NULL)
    return ML_OK;
  rc = ml_bound_read(b, ml_str_of(text), &out->v[b], &why);
  if (rc != ML_OK)
    ml_err_set(e, rc, NULL, "--%s %s", name, why.text);
  return rc;
}

ml_rc ml_bounds_args(const ml_args *a, ml_bounds *out, ml_err *e) {
  ml_rc rc = ML_OK;

  *out = (ml_bounds){{0}};
  for (ml_bound b = 0; rc == ML_OK && b < ML_BOUND_COUNT; b++)
    rc = ml_bounds_arg(a, ml_bound_rows[b].option, b, out, e);
  return rc;
}
