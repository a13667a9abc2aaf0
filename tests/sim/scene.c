/* scene.c - short runs of the world that programs of this folder go through. */
#include "sim/scene.h"

#include <string.h>

#include "sim/old.h"

/* ---- scenarios: each can be gone through again from the top ---- */

static void sc_start(world *w) {
  world_ensure(w, world_ask(w, ASK_START, 1, "chain", -1));
  world_run_out(w);
}

static void sc_timer(world *w) {
  world_ensure(w, world_ask(w, ASK_START, 1, "timer", -1));
  world_run_out(w);
}

/* One message comes before anybody waits for it. */
static void sc_signal(world *w) {
  world_ensure(w, world_ask(w, ASK_START, 1, "waits", -1));
  world_ensure(w, world_ask(w, ASK_SIGNAL, 2, "note", 1));
  world_ensure(w, world_ask(w, ASK_SIGNAL, 3, "paid", 1));
  world_run_out(w);
}

/* A task is done when it is there: after an error it may take until the end of
** a lease. */
static void ensure_task(world *w, ask_kind kind, int tag, const char *what,
                        int of) {
  ask *a = world_ask(w, kind, tag, what, of);

  world_settle(w);
  for (int i = 0; i < 4 && a->task == 0 && world_alive(w); i++) {
    a->task = world_task_of(w, world_n_of(w, of));
    if (a->task == 0)
      world_pass(w, 61000);
  }
  if (a->task != 0)
    world_ensure(w, a);
}

static void sc_task(world *w) {
  world_ensure(w, world_ask(w, ASK_START, 1, "manual", -1));
  ensure_task(w, ASK_CLAIM, 2, NULL, 1);
  ensure_task(w, ASK_COMPLETE, 3, "yes", 1);
  world_run_out(w);
}

static void sc_cancel(world *w) {
  world_ensure(w, world_ask(w, ASK_START, 1, "manual", -1));
  world_ensure(w, world_ask(w, ASK_START, 2, "timer", -1));
  world_ensure(w, world_ask(w, ASK_START, 3, "chain", -1));
  world_ensure(w, world_ask(w, ASK_CANCEL, 4, NULL, 1));
  world_ensure(w, world_ask(w, ASK_CANCEL, 5, NULL, 2));
  world_run_out(w);
}

/* The log may be 40 pages long: it is begun anew now and then. */
static void sc_checkpoint(world *w) {
  for (int i = 1; i <= 6; i++)
    world_ensure(w, world_ask(w, ASK_START, i, "chain", -1));
  world_run_out(w);
}

static void sc_retry(world *w) {
  world_ensure(w, world_ask(w, ASK_START, 1, "retry", -1));
  world_run_out(w);
}

/* The machine stops with a timer, a call and a task under way. */
static void sc_boot(world *w) {
  world_ensure(w, world_ask(w, ASK_START, 1, "timer", -1));
  world_ensure(w, world_ask(w, ASK_START, 2, "chain", -1));
  world_ensure(w, world_ask(w, ASK_START, 3, "manual", -1));
  if (w->step == 0 && world_alive(w)) {
    w->step = 1;
    if (!world_kill(w, DISK_SOME))
      return;
    world_check(w, false);
  }
  ensure_task(w, ASK_COMPLETE, 4, "no", 3);
  world_run_out(w);
}

/* The machine stops while a call is on its way: the call is made again as soon
** as the engine is back, not when somebody's lease ends a minute later. */
static void sc_flight(world *w) {
  world_ensure(w, world_ask(w, ASK_START, 1, "chain", -1));
  if (w->step == 0 && world_alive(w)) {
    w->step = 1;
    if (!world_kill(w, DISK_SOME))
      return;
    for (int i = 0; i < 5; i++)
      world_pass(w, 1000);
    if (disk.fail_at == 0 && !w->starved && world_is_open(w, world_n_of(w, 1)))
      world_fault(w, "what was in flight is not taken up after a start");
    world_check(w, false);
  }
  world_run_out(w);
}

/* The wall clock leaps: past 2038, past 2100, an hour on, two days back.  Who
** sleeps wakes once, never too early (the checks look at what it wrote down). */
static void leap(world *w, int step, int64_t ms) {
  if (w->step != step || !world_alive(w))
    return;
  w->step++;
  w->clock.wall += ms;
  if (ms < 0)
    w->turned_back -= ms;
  ml_run_tick(w->run);
  world_settle(w);
  if (world_alive(w))
    world_check(w, false);
}

static void sc_clock(world *w) {
  const int64_t hour = 3600000, day = 24 * hour, year = 365 * day;

  world_ensure(w, world_ask(w, ASK_START, 1, "timer", -1));
  leap(w, 0, 13 * year);
  world_ensure(w, world_ask(w, ASK_START, 2, "timer", -1));
  leap(w, 1, hour);
  world_ensure(w, world_ask(w, ASK_START, 3, "timer", -1));
  leap(w, 2, -2 * day);
  world_ensure(w, world_ask(w, ASK_START, 4, "timer", -1));
  leap(w, 3, 63 * year);
  world_run_out(w);
}

/* Brought up to date; then what was under way goes on. */
static void sc_migrate(world *w) {
  if (world_alive(w) && w->ready)
    old_check(w);
  for (int tag = 1; tag <= 4; tag++)
    world_ensure(w, world_ask(w, ASK_START, tag, NULL, -1));
  ensure_task(w, ASK_COMPLETE, 5, "no", 3);
  world_ensure(w, world_ask(w, ASK_SIGNAL, 6, "paid", 4));
  world_ensure(w, world_ask(w, ASK_SIGNAL, 7, "note", 4));
  world_run_out(w);
}

static void sc_define(world *w) {
  world_ensure(w, world_ask(w, ASK_START, 1, "chain", -1));
  world_run_out(w);
}

static void sc_call(world *w) {
  world_ensure(w, world_ask(w, ASK_START, 1, "parent", -1));
  world_run_out(w);
}

static void sc_pair(world *w) {
  world_ensure(w, world_ask(w, ASK_START, 1, "pair", -1));
  world_run_out(w);
}

static void sc_split(world *w) {
  world_ensure(w, world_ask(w, ASK_START, 2, "split", -1));
  ensure_task(w, ASK_COMPLETE, 3, "fine", 2);
  world_run_out(w);
}

/* Closed in order, opened again. */
static void sc_leave(world *w) {
  world_ensure(w, world_ask(w, ASK_START, 1, "timer", -1));
  if (w->step == 0 && world_alive(w)) {
    w->step = 1;
    world_down(w);
    if (disk.dead || !world_up(w, false))
      return;
  }
  world_run_out(w);
}

/* Moments come; some are missed while the machine is down, or because the clock
** leaps; it goes back, and the machine stops when one is due. */
static void sc_schedule(world *w) {
  const int64_t hour = 3600000, year = 365 * 24 * hour;

  while (w->step < 9 && world_alive(w)) {
    switch (w->step) {
      case 2: leap(w, 2, 5 * hour + 1800000); break;
      case 4:                              /* it is due while it is down */
        w->step++;
        disk.dead = true;
        world_down(w);
        disk_crash(DISK_SOME, &w->rand.base);
        ml_clock_fake_pass(&w->clock, 3 * hour);
        if (!world_up(w, false))
          return;
        break;
      case 5: leap(w, 5, 13 * year); break;
      case 6: leap(w, 6, -13 * year); break;
      case 7: leap(w, 7, -2 * hour); break;
      default:
        w->step++;
        world_pass(w, hour - 1000);        /* not yet */
        world_pass(w, 1000);
        break;
    }
    world_settle(w);
  }
  world_pass(w, 4000);             /* what is held back leaves; the next look */
  world_run_out(w);
}

const scene scenes[SCENES] = {
  {"start", false, 0, sc_start, false, false},
  {"timer", false, 0, sc_timer, false, false},
  {"signal", false, 0, sc_signal, false, false},
  {"task", false, 0, sc_task, false, false},
  {"cancel", false, 0, sc_cancel, false, false},
  {"checkpoint", false, 40 * 4120, sc_checkpoint, false, false},
  {"boot", false, 0, sc_boot, false, false},
  {"retry", false, 0, sc_retry, false, false},
  {"call", false, 0, sc_call, false, false},
  {"pair", false, 0, sc_pair, false, false},
  {"split", false, 0, sc_split, false, false},
  {"leave", false, 0, sc_leave, false, false},
  {"flight", false, 0, sc_flight, false, false},
  {"clock", false, 0, sc_clock, false, false},
  {"define", true, 0, sc_define, false, false},
  {"migrate", false, 0, sc_migrate, true, false},
  {"schedule", false, 0, sc_schedule, false, true},
};

peer_way scene_way(world *w, const char *url, uint32_t before,
                    int64_t *delay_ms) {
  (void)w;
  (void)delay_ms;
  if (strstr(url, "/unready") != NULL && before < 2)
    return before == 0 ? PEER_500 : PEER_LOST_AFTER;
  return PEER_GOOD;
}

int scene_named(const char *name, size_t n) {
  for (int i = 0; i < SCENES; i++)
    if (strlen(scenes[i].name) == n && strncmp(scenes[i].name, name, n) == 0)
      return i;
  fprintf(stderr, "no scenario '%.*s'; there are:", (int)n, name);
  for (int i = 0; i < SCENES; i++)
    fprintf(stderr, " %s", scenes[i].name);
  fputc('\n', stderr);
  return -1;
}
