/* torture_fault.c - names of faults. */
#include "cmd/torture_fault.h"

#include <stdio.h>
#include <string.h>

static const struct { const char *name; ml_fault_at at; }
kinds[ML_FAULT_KINDS] = {
  {"none", ML_AT_COMMIT},
  {"crash-before", ML_AT_COMMIT}, {"crash-after", ML_AT_COMMIT},
  {"lost-answer", ML_AT_CALL}, {"late-answer", ML_AT_CALL},
  {"twice", ML_AT_DELIVERY}, {"clock-ahead", ML_AT_DELIVERY},
  {"clock-back", ML_AT_DELIVERY},
};
static const char *const places[ML_AT_KINDS] = {"commit", "call", "delivery"};

const char *ml_fault_name(ml_fault_kind k) { return kinds[k].name; }

ml_fault_at ml_fault_where(ml_fault_kind k) { return kinds[k].at; }

const char *ml_fault_at_name(ml_fault_at at) { return places[at]; }

static ml_rc no_such_kind(ml_err *e) {
  char all[200] = "";

  for (int k = ML_FAULT_NONE + 1; k < ML_FAULT_KINDS; k++) {
    size_t at = strlen(all);

    snprintf(all + at, sizeof all - at, "%s\"%s\"", at > 0 ? ", " : "",
             kinds[k].name);
  }
  return ml_err_set(e, ML_INVALID, "", "the kind of a fault is one of %s", all);
}

ml_rc ml_fault_read(const ml_json *v, ml_fault *out, ml_err *e) {
  ml_str kind = ml_json_str(v, "kind"), at = ml_json_str(v, "at");
  int64_t n = ml_json_int(v, "n", 0);
  int k = ML_FAULT_NONE + 1;

  for (uint32_t i = 0; v != NULL && v->type == ML_JOBJ && i < v->count; i++)
    if (!ml_str_is(v->obj[i].key, "kind") && !ml_str_is(v->obj[i].key, "at") &&
        !ml_str_is(v->obj[i].key, "n"))
      return ml_err_set(e, ML_INVALID, "", "a fault has kind, at and n, not "
                        "'%.*s'", (int)(v->obj[i].key.n > 60
                                        ? 60 : v->obj[i].key.n),
                        v->obj[i].key.p);
  while (k < ML_FAULT_KINDS && !ml_str_is(kind, kinds[k].name))
    k++;
  if (k == ML_FAULT_KINDS)
    return no_such_kind(e);
  if (at.p != NULL && !ml_str_is(at, places[kinds[k].at]))
    return ml_err_set(e, ML_INVALID, "", "a fault of kind \"%s\" is at = \"%s\"",
                      kinds[k].name, places[kinds[k].at]);
  if (n < 1 || n > UINT32_MAX)
    return ml_err_set(e, ML_INVALID, "", "n of a fault is the number of its "
                      "%s, from 1", places[kinds[k].at]);
  *out = (ml_fault){(ml_fault_kind)k, (uint32_t)n};
  return ML_OK;
}
