/*
** schedule.c - triggers of the clock: a moment comes, a process starts.
**
** The moment a schedule is due at is in its trigger row.  The process it starts
** goes into one commit with the next moment and with the occurrence, which is
** made of trigger and moment: a crash leaves all of it or nothing, and a moment
** that comes again (the clock was turned back, two versions are in force at
** once) is refused by the store.  Nothing waits in memory but the moment.
**
** What was missed: the row still says the first missed moment.  It is started
** once, or left out when it is more than LATE_MS ago and the schedule says
** so; the next one is behind now either way.  A start that is refused is tried
** again, so it is late, not lost.
*/
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/plant.h"
#include "base/text.h"
#include "run/inside.h"

enum { FAIL_WAIT_MS = 60000, LATE_MS = 60000 };

typedef struct firing {          /* of the input's arena */
  ml_run *r;
  trigger *t;
  int64_t due_ms, next_ms;
  ml_row_trigger row;
} firing;

/* ---- the row, when nothing is started with it ---- */

static void fill_due(void *arg, ml_batch *b) {
  trigger *t = arg;
  ml_row_trigger row = {t->workflow, t->name, {t->state, t->state_len},
                        t->due_ms, t->due_ms == 0 ? now_wall(t->run) : 0};

  ml_batch_trigger(b, &row);
}

/* Not written: it is worked out again after a restart. */
static void due_written(void *arg, ml_rc rc, const ml_err *e) {
  (void)rc;
  (void)e;
  trigger_let_go(arg);
}

static void set_due(trigger *t, int64_t ms) {
  t->wait_ms = 0;
  if (t->due_ms == ms)
    return;
  t->due_ms = ms;
  t->uses++;
  write_quietly(t->run, fill_due, due_written, t);
}

/* The next moment as its plan now is, for one that lies ahead: the plan may be
** new, the clock may have been turned back. */
static int64_t from_now(const trigger *t, int64_t now) {
  const ml_plan *p = t->t->plan;

  if (p->kind != ML_EVERY_PERIOD)
    return ml_plan_next(p, 0, now);
  return t->due_ms - now <= p->period_ms ? t->due_ms
                                         : ml_plan_next(p, t->due_ms, now);
}

void schedule_begin(trigger *t) {
  const ml_plan *p = t->t->plan;
  int64_t now = now_wall(t->run);

  t->seen_ms = now;
  if (p->kind != ML_EVERY_PERIOD && p->zone == NULL) {
    char what[300];

    snprintf(what, sizeof what, "%.*s/%.*s", (int)t->workflow.n, t->workflow.p,
             (int)t->name.n, t->name.p);
    ml_log(ML_ERROR_LEVEL, "schedule-without-zone", "schedule", what, "why",
           "its zone is not known on this machine (package tzdata)", NULL);
    t->due_ms = 0;                          /* its row stays as it is */
  } else if (t->due_ms == 0) {
    set_due(t, ml_plan_next(p, now, now));
  } else if (t->due_ms > now) {
    set_due(t, from_now(t, now));
  }
}

void schedule_removed(trigger *t) {
  ml_run *r = t->run;

  for (size_t i = 0; i < r->trigger_row_count; i++)
    if (ml_str_eq(r->trigger_rows[i].workflow, t->workflow)
        && ml_str_eq(r->trigger_rows[i].name, t->name))
      r->trigger_rows[i].due_ms = 0;
  set_due(t, 0);
}

/* ---- starting ---- */

static void failed(trigger *t, ml_rc rc, const ml_err *e) {
  t->wait_ms = now_wall(t->run) + FAIL_WAIT_MS;
  if (!t->failed) {                         /* once a change of state */
    char what[300];

    snprintf(what, sizeof what, "%.*s/%.*s", (int)t->workflow.n, t->workflow.p,
             (int)t->name.n, t->name.p);
    ml_log(ML_WARN, "schedule-failed", "schedule", what, "why",
           e != NULL && e->text[0] != '\0' ? e->text : ml_rc_name(rc), NULL);
  }
  t->failed = true;
}

/* ML_EXISTS: this moment has had its process.  A newer version that came
** meanwhile goes on from here too. */
static void started(void *arg, ml_rc rc, const ml_err *e, int status,
                    const ml_buf *out, bool replayed) {
  firing *x = arg;
  trigger *t = x->t, *now = trigger_named(x->r, t->workflow, t->name);

  (void)status;
  (void)out;
  (void)replayed;
  t->running = false;
  if (rc == ML_OK) {
    t->due_ms = x->next_ms;
    t->wait_ms = 0;
    t->failed = false;
  } else if (rc == ML_EXISTS) {
    set_due(t, x->next_ms);
  } else {
    failed(t, rc, e);
  }
  if (now != t && (rc == ML_OK || rc == ML_EXISTS)) {
    if (now == NULL || now->t->plan == NULL)
      schedule_removed(t);
    else if (now->due_ms != 0 && now->due_ms <= x->due_ms && !now->running)
      set_due(now, ml_plan_next(now->t->plan, x->due_ms, now_wall(x->r)));
  }
  if (!x->r->stopped)
    due_arm(x->r);
  trigger_let_go(t);
}

static ml_input *make_input(trigger *t, int64_t next_ms) {
  ml_input *in = ml_input_new();
  firing *x = in != NULL ? ml_arena_zero(&in->arena, sizeof *x) : NULL;
  ml_json *data = NULL;
  ml_buf b = {0};
  bool starved = x == NULL;

  if (!starved) {
    *x = (firing){t->run, t, t->due_ms, next_ms,
                  {t->workflow, t->name, {t->state, t->state_len}, next_ms, 0}};
    ml_buf_printf(&b, "schedule/%.*s/", (int)t->name.n, t->name.p);
    ml_text_put_moment(&b, t->due_ms);
    in->workflow = arena_str(&in->arena, t->workflow, &starved);
    in->trigger = arena_str(&in->arena, t->name, &starved);
    in->identity = arena_str(&in->arena, (ml_str){b.p, b.len}, &starved);
    starved = starved || b.bad
              || ml_json_parse(&in->arena, t->t->data.p, t->t->data.n, NULL,
                               &data, NULL) != ML_OK;
  }
  ml_buf_free(&b);
  if (starved) {
    ml_input_free(in);
    return NULL;
  }
  in->trigger_row = &x->row;
  in->ev.kind = ML_EV_STARTED;
  in->ev.text = in->trigger;
  in->ev.data = data;
  in->done = started;
  in->arg = x;
  return in;
}

static void fire(trigger *t, int64_t next_ms) {
  ml_input *in = NULL;
  ml_err e = {0};

  if (quarantine_check(t->b, &e) == ML_OK
      && (in = make_input(t, next_ms)) == NULL)
    ml_err_set(&e, ML_NOMEM, "", "memory is short");
  if (in == NULL) {
    failed(t, e.rc, &e);
    return;
  }
  t->running = true;
  t->uses++;
  ml_run_put(t->run, in);
}

int64_t schedule_look(trigger *t, int64_t now_ms) {
  const ml_run *r = t->run;

  if (r->hold_schedules || t->stale || t->running || t->due_ms == 0)
    return 0;
  if (now_ms > 0) {
    /* the clock was turned back */
    if (now_ms < t->seen_ms && !ML_PLANTED(clock_believed)) {
      t->wait_ms = 0;
      if (t->due_ms > now_ms)
        set_due(t, from_now(t, now_ms));
    }
    t->seen_ms = now_ms;
    if (t->due_ms <= now_ms && t->wait_ms <= now_ms) {
      int64_t next = ml_plan_next(t->t->plan, t->due_ms,
                                  ML_PLANTED(missed_all) ? t->due_ms : now_ms);

      if (t->t->skip && now_ms - t->due_ms > LATE_MS)
        set_due(t, next);
      else
        fire(t, next);
    }
    if (t->running || t->due_ms == 0)
      return 0;
  }
  return t->wait_ms > t->due_ms ? t->wait_ms : t->due_ms;
}

bool ml_run_only_schedules(ml_run *r) {
  bool held = r->hold_schedules;
  int64_t due;

  r->hold_schedules = true;
  due = ml_run_next_due(r);
  r->hold_schedules = held;
  return due == 0;
}

void ml_run_hold_schedules(ml_run *r, bool hold) {
  r->hold_schedules = hold;
  if (!hold && r->begun && !r->stopped)
    due_look(r);
}
