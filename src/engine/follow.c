/*
** follow.c - which activities will come, if nothing gets in the way.
**
** A guess, for those who may work ahead: it reads the definition alone and
** never decides anything.  ml_advance() does, and what was made ahead counts
** only where both agree.
*/
#include "engine/inside.h"

/* The only activity of a phase that begins by itself; NULL: another shape. */
static const ml_activity *lone(const ml_flow *f, const ml_phase *ph) {
  const ml_activity *a = &f->activities[ph->first_activity];

  if (ph->activity_count != 1 || ph->branch_count > 0 ||
      phase_has_conditions(f, ph) || a->kind != ML_AK_AUTO)
    return NULL;
  return a;
}

size_t ml_follow(const ml_flow *f, const ml_process *p, const ml_act *a,
                 ml_follower *out, size_t max) {
  const ml_activity *def = &f->activities[a->def];
  uint16_t phase = def->phase;
  uint32_t no = p->next_no;
  size_t n = 0;

  if (p->strand_count != 1 || p->act_count != 1 || a->asking)
    return 0;
  while (n < max && lone(f, &f->phases[phase]) == def &&
         !def->has_is_complete) {
    const ml_phase *ph = &f->phases[phase];
    bool decides = ph->decider == (int32_t)(def - f->activities);
    int32_t to = phase_next(f, phase, decides ? ML_STR("done") : ML_NOSTR);

    if (to < 0 || f->phases[to].max > 0)
      break;
    phase = (uint16_t)to;
    def = lone(f, &f->phases[phase]);
    if (def == NULL)
      break;
    out[n++] = (ml_follower){no++, (uint16_t)(def - f->activities)};
  }
  return n;
}
