/*
** due.c - the scan for due work: the ordinary one is the recovery too.
**
** Rows say when something is next (`due`); memory only knows the earliest of
** them.  A pass reads what is due in order and wakes those processes; the
** first pass after a start counts every lease as ended.  The clock is looked at
** at least every few seconds, for it may jump: a lease that was given while it
** stood years ahead is longer than any, and counts as ended too.
**
** After downtime much may be due at once.  A pass that finds ADMIT_MAX processes
** at work here waits until some are through, and at most ADMIT_MS: so it goes
** on, and what is due elsewhere is not held up by those that wait for a peer.
*/
#include "base/plant.h"
#include "run/inside.h"

enum { ADMIT_MAX = 2000, ADMIT_MS = 100 };
enum { PASS_MAX = 500, LOOK_MS_MAX = 3000, LOOK_MS_MIN = 2 };

typedef struct pass {
  ml_run *r;
  int64_t now_ms, lease_ms;
  bool in_flight;
  ml_due_item after;
  ml_due_item items[PASS_MAX];
  size_t count;
  int64_t next_ms;
  ml_rc rc;
} pass;

static void arm(ml_run *r) {
  int64_t now = now_wall(r), wait = LOOK_MS_MAX;
  int64_t due = ml_run_next_due(r);

  if (due > 0)
    wait = due - now;
  if (wait > LOOK_MS_MAX)
    wait = LOOK_MS_MAX;
  if (wait < LOOK_MS_MIN)
    wait = LOOK_MS_MIN;
  ml_loop_timer_set(r->timer, wait);
}

void due_arm(ml_run *r) {
  if (r->begun && !r->scanning)
    arm(r);
}

void due_at(ml_run *r, int64_t ms) {
  if (r->scanning && (r->scan_due_ms == 0 || ms < r->scan_due_ms))
    r->scan_due_ms = ms;
  if (r->next_due_ms == 0 || ms < r->next_due_ms) {
    r->next_due_ms = ms;
    due_arm(r);
  }
}

static void work(void *arg, ml_read *rd) {
  pass *p = arg;

  p->rc = ml_read_due(rd, p->now_ms, p->in_flight ? 0 : p->lease_ms, p->after,
                      p->items, PASS_MAX, &p->count);
  if (p->rc == ML_OK && p->count < PASS_MAX)
    p->rc = ml_read_next_due(rd, &p->next_ms);
}

/* Wake it, unless it is here with something uncommitted: then its row is old
** and what it is now will be looked at after its commit. */
static void wake(ml_run *r, int64_t n) {
  proc *pr = proc_find(r, n);
  ml_input *in;

  if (pr != NULL && (pr->p == NULL || pr->dirty || pr->flying > 0))
    return;
  if (pr != NULL && ml_process_in_flight(pr->p) && load_of(pr) != NULL) {
    pr->renew = true;                       /* it is at work here: a new lease */
    mark_dirty(r, pr);
  }
  pr = proc_get(r, n);
  in = ml_input_new();
  if (pr == NULL || in == NULL) {
    ml_input_free(in);
    return;
  }
  in->n = n;
  in->ev.kind = ML_EV_WOKE;
  proc_queue(r, pr, in);
  pr = proc_find(r, n);
  if (pr != NULL)
    proc_rest(r, pr);
}

static void start_pass(ml_run *r, ml_due_item after, bool in_flight);

/* The next page: now, or when there is room. */
static void go_on(ml_run *r, const pass *p) {
  r->paused_at = p->items[p->count - 1];
  r->paused_flight = p->in_flight;
  if (r->proc_count < ADMIT_MAX) {
    start_pass(r, r->paused_at, r->paused_flight);
    return;
  }
  r->stats.admit_waits++;
  r->paused_ms = now_wall(r) + ADMIT_MS;
  arm(r);
}

/* A pass that waits goes on?  true: there is one that waits, or waited. */
static bool resume(ml_run *r) {
  int64_t now = now_wall(r);

  if (r->paused_ms == 0)
    return false;
  if (r->proc_count < ADMIT_MAX || now >= r->paused_ms
      || r->paused_ms - now > ADMIT_MS) {      /* the clock went back */
    r->paused_ms = 0;
    start_pass(r, r->paused_at, r->paused_flight);
  } else {
    arm(r);
  }
  return true;
}

static void look_again(void *arg) {
  due_look(arg);
}

void due_room(ml_run *r) {
  if ((r->paused_ms != 0 || r->turned.on) && r->proc_count < ADMIT_MAX &&
      !r->stopped)
    ml_loop_later(r->conf.loop, look_again, r);   /* or the timer comes */
}

static void done(void *arg) {
  pass *p = arg;
  ml_run *r = p->r;

  r->scanning = false;
  r->busy--;
  if (r->stopped) {
    ml_mem_free(p);
    return;
  }
  if (p->rc == ML_OK) {
    for (size_t i = 0; i < p->count; i++)
      wake(r, p->items[i].n);
    if (p->count == PASS_MAX) {
      go_on(r, p);
      ml_mem_free(p);
      return;
    }
    if (p->in_flight)
      r->first_scan = false;
    r->next_due_ms = p->next_ms;
    if (r->scan_due_ms > 0 &&
        (r->next_due_ms == 0 || r->scan_due_ms < r->next_due_ms))
      r->next_due_ms = r->scan_due_ms;
    /* what is due but still being written is looked at again soon */
    if (r->next_due_ms > 0 && r->next_due_ms <= now_wall(r))
      r->next_due_ms = now_wall(r) + 5;
  }
  ml_mem_free(p);
  arm(r);
}

static void start_pass(ml_run *r, ml_due_item after, bool in_flight) {
  pass *p = ml_mem_zero(sizeof *p);

  if (p != NULL) {
    p->r = r;
    p->now_ms = now_wall(r);
    p->lease_ms = r->conf.lease_ms > QUARANTINE_LEASE_MS ? r->conf.lease_ms
                                                         : QUARANTINE_LEASE_MS;
    p->in_flight = in_flight;
    p->after = after;
    r->scanning = true;
    r->busy++;
    if (ml_run_read(r, work, done, p) == ML_OK)
      return;
    r->scanning = false;
    r->busy--;
    ml_mem_free(p);
  }
  arm(r);
}

void due_look(ml_run *r) {
  int64_t now = now_wall(r);

  if (!r->begun || r->stopped || r->draining || r->conf.still)
    return;
  if (now < r->pause_ms && r->pause_ms - now < LOOK_MS_MAX) {
    ml_loop_timer_set(r->timer, r->pause_ms - now);
    return;
  }
  turned_look(r, now);
  triggers_due(r, now);
  outbox_due(r, now);
  if (r->scanning || resume(r))
    return;
  if (r->first_scan || (r->next_due_ms > 0 && r->next_due_ms <= now) ||
      now < r->looked_ms || now - r->looked_ms > 60000) {
    r->looked_ms = now;
    r->scan_due_ms = 0;
    start_pass(r, (ml_due_item){0, 0},
               r->first_scan && !ML_PLANTED(leases_left));
  } else {
    arm(r);
  }
}

void due_all(ml_run *r) {
  r->first_scan = true;
  due_look(r);
}

static void on_timer(void *arg) {
  due_look(arg);
}

void due_begin(ml_run *r) {
  r->timer = ml_loop_timer_new(r->conf.loop, on_timer, r);
  r->first_scan = true;
  r->turned.seen_ms = ml_store_boot_before_ms(r->conf.store);
}
