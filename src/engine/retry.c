/*
** retry.c - how long to wait before the next attempt.
**
** retry = { n, "24h" } waits exactly that; { n, "5s..10m" } a random time
** between 5 s and min(10 m, 5 s * 2^k), k = 0 for the first retry: "full
** jitter" above a floor, so that what failed together does not return
** together.
*/
#include <string.h>

#include "base/plant.h"
#include "engine/inside.h"
#include "model/flow_part.h"

int64_t retry_wait(const ml_retry *r, uint32_t k, ml_rand *rand) {
  int64_t top = r->min_ms;

  if (r->min_ms >= r->max_ms)
    return r->min_ms;
  while (k-- > 0 && top < r->max_ms)
    top = top > r->max_ms / 2 ? r->max_ms : top * 2;
  if (top < 1)
    top = r->max_ms;             /* a floor of 0: anywhere up to the cap */
  if (ML_PLANTED(no_jitter))
    return top;
  return ml_rand_between(rand, r->min_ms, top);
}

/* An integer setting of the process, times its unit; 0 when it has none. */
static int64_t setting_of(const step *s, uint16_t setting, int64_t unit) {
  ml_arena arena = {0};
  ml_json *all = NULL;
  char id[80];
  ml_str name = s->f->settings[setting - 1].id;
  int64_t v = 0;

  if (name.n < sizeof id && s->p->settings.p != NULL &&
      ml_json_parse(&arena, s->p->settings.p, s->p->settings.n, NULL, &all,
                    NULL) == ML_OK) {
    memcpy(id, name.p, name.n);
    id[name.n] = '\0';
    v = ml_json_int(all, id, 0);
  }
  ml_arena_free(&arena);
  if (v <= 0 || unit > INT64_MAX / v)
    return 0;
  return v * unit;
}

ml_retry retry_of(const step *s, const ml_activity *def) {
  ml_retry r = def->retry;

  if (r.n_setting != 0) {
    int64_t n = setting_of(s, r.n_setting, 1);

    r.n = (uint32_t)(n > ML_FLOW_RETRIES_MAX ? ML_FLOW_RETRIES_MAX : n);
  }
  if (r.wait_setting != 0)
    r.min_ms = r.max_ms = setting_of(s, r.wait_setting, r.wait_unit_ms);
  return r;
}

int64_t give_up_of(const step *s, const ml_activity *def) {
  if (def->give_up_setting == 0)
    return def->give_up_ms;
  return setting_of(s, def->give_up_setting, def->give_up_unit_ms);
}
