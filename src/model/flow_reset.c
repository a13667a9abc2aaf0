/*
** flow_reset.c - `reset`: who may reset a process, beside the operators.
**
**   reset = { "ROLE_ACCOUNT_MGMT" }
**
** lists lanes: their members may.  Without it operators alone may.
*/
#include "model/flow_part.h"

void ml_fp_reset(ml_fpass *p, const ml_json *workflow, ml_str at) {
  ml_fwho w = ml_fp_who(NULL, at, "reset", ML_NOSTR);
  const ml_json *list = ml_json_get(workflow, "reset");

  if (list == NULL)
    return;
  list = ml_fp_list(p, &w, workflow, "reset", ML_FLOW_LANES_MAX);
  p->f->reset = list != NULL ? ml_fp_room(p, list->count, sizeof(int16_t)) : NULL;
  for (uint32_t i = 0; p->f->reset != NULL && i < list->count; i++) {
    const ml_json *v = &list->arr[i];
    int lane;

    if (v->type != ML_JSTR) {
      ml_fp_fault(p, &w, "item %u must be the id of a lane, not %s", i + 1,
                  ml_fp_type(v));
      continue;
    }
    lane = ml_fp_lane(p, &w, "reset", v->s);
    if (lane >= 0)
      p->f->reset[p->f->reset_count++] = (int16_t)lane;
  }
}
