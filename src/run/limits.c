/*
** limits.c - the limits of scripts, where author and operator meet.
**
** Workers know the operator's; a question carries of its author's what is
** lower, mostly nothing.  What the core judges itself (a journal that is asked
** for, an answer that is to enter it, a field's value) it judges here.
*/
#include <stdio.h>

#include "base/log.h"
#include "run/inside.h"

void limits_ask(const ml_run *r, const ml_bounds *author, ml_bounds *room,
                ml_ask *q) {
  if (author == NULL)
    return;
  *room = ml_bounds_lower(author, &r->conf.limits);
  if (ml_bounds_any(room))
    q->limits = room;
}

uint64_t limits_of(const ml_run *r, const ml_bounds *author, ml_bound b) {
  return ml_bound_of(author, &r->conf.limits, b, NULL);
}

void limits_flows(const ml_run *r, ml_flow **flows, size_t count) {
  for (size_t i = 0; i < count; i++)
    ml_flow_bound(flows[i], &r->conf.limits);
}

/* ---- what is lowered ---- */

/* Of `own` what is above the operator's, and not already above in `all`. */
static void tell_lowered(const ml_run *r, const char *at, const ml_bounds *own,
                         const ml_bounds *all, ml_flow_fault_fn *tell,
                         void *arg) {
  for (ml_bound b = 0; b < ML_BOUND_COUNT; b++) {
    uint64_t most = limits_of(r, NULL, b);
    ml_buf text = {0};

    if (own->v[b] <= most || (all != NULL && all->v[b] == own->v[b]))
      continue;
    ml_buf_printf(&text, "limit %s = ", ml_bound_rows[b].name);
    ml_bound_put(&text, b, own->v[b]);
    ml_buf_puts(&text, " is more than the engine allows, which is ");
    ml_bound_put(&text, b, most);
    ml_buf_printf(&text, " (serve --%s): it is lowered to that",
                  ml_bound_rows[b].option);
    tell(arg, at, text.bad ? "a limit is lowered" : text.p);
    ml_buf_free(&text);
  }
}

void ml_limits_lowered(const ml_run *r, const ml_flow *f, ml_flow_fault_fn *tell,
                       void *arg) {
  char at[420];

  snprintf(at, sizeof at, "%.*s", (int)f->name.n, f->name.p);
  if (f->limits != NULL)
    tell_lowered(r, at, f->limits, NULL, tell, arg);
  for (uint16_t i = 0; i < f->activity_count; i++) {
    const ml_activity *a = &f->activities[i];

    if (a->limits == NULL || a->limits == f->limits)
      continue;
    snprintf(at, sizeof at, "%.*s/%.*s", (int)f->name.n, f->name.p,
             (int)a->label.n, a->label.p);
    tell_lowered(r, at, a->limits, f->limits, tell, arg);
  }
}

static void log_one(void *arg, const char *at, const char *text) {
  (void)arg;
  ml_log(ML_WARN, "limit-lowered", "of", at, "why", text, NULL);
}

void limits_log(const ml_run *r, const ml_flow *f) {
  ml_limits_lowered(r, f, log_one, NULL);
}

uint64_t ml_run_limit(const ml_run *r, const ml_bounds *author, ml_bound b,
                      const char **by) {
  return ml_bound_of(author, &r->conf.limits, b, by);
}
