/*
** check_sim.c - deterministic simulation: one seed drives clients, peer, disk,
** clock and crashes around the real engine (RELIABILITY.md 3).
**
**   check_sim --seeds 1000            seeds 1 to 1000
**   check_sim --seeds 1000 --first 1  end at the first broken one
**   check_sim --seed 17               one, with its trace
**   check_sim --from 5000 --seeds 100 --steps 4000
**
** Invariants are looked at after each restart and at the end, when all faults
** are over and everything that was asked must have come to its end.  Each
** tenth seed is run twice: its trace must be the same.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "sim/world.h"

enum { PROCESSES = 20, HOUR = 3600000, DAY = 24 * HOUR };

typedef enum happened {
  H_CRASH_SYNCED, H_CRASH_SOME, H_CRASH_ALL, H_STARTING, H_STOPPED,
  H_LEFT, H_FULL, H_EIO, H_HOUR, H_DAY, H_BACK, H_YEARS, H_TWICE, H_AGAIN, H_COUNT
} happened;

static const char *const happened_names[H_COUNT] = {
  "power cut, flushed data kept", "power cut, some more kept", "killed",
  "stopped while starting", "stopped by itself (flush failed)",
  "closed in order",
  "disk full for a while", "I/O error armed", "clock an hour on",
  "clock a day on", "clock back", "clock years on",
  "same request twice at once", "same request again later",
};

typedef struct totals {
  uint64_t seeds, steps, checks, effects, answers, refusals, boots, forgotten;
  uint64_t happened[H_COUNT], ways[PEER_WAYS], failed[DISK_ERRORS][DISK_OPS];
} totals;

typedef struct sim {
  world *w;
  uint64_t happened[H_COUNT];
  int starts, tags;
  bool calm;                     /* faults are over */
  bool wild;                     /* years may pass */
  bool fresh;                    /* it began without a store */
} sim;

static const char *flows = "tests/sim/flows";
static disk_image *image;
static const char *const workflows[] = {"chain", "timer", "waits", "manual",
                                        "retry", "parent", "pair", "split"};

static int64_t pick(sim *s, int64_t lo, int64_t hi) {
  return ml_rand_between(&s->w->rand.base, lo, hi);
}

/* ---- the peer ---- */

static peer_way way(world *w, const char *url, uint32_t before,
                    int64_t *delay_ms) {
  sim *s = w->own;
  int64_t dice = pick(s, 0, 99);

  (void)url;
  *delay_ms = pick(s, 1, 200);
  if (s->calm || before > 20 || dice < 55)
    return PEER_GOOD;
  if (dice < 63) {
    *delay_ms = pick(s, 1000, 90000);
    return PEER_SLOW;
  }
  return dice < 70   ? PEER_500
         : dice < 76 ? PEER_429
         : dice < 79 ? PEER_400
         : dice < 86 ? PEER_LOST_BEFORE
         : dice < 93 ? PEER_LOST_AFTER
         : dice < 96 ? PEER_GARBAGE
                     : PEER_NOT_SENT;
}

/* ---- clients ---- */

/* Mostly one that is open. */
static ask *a_start(sim *s) {
  world *w = s->w;
  bool any = pick(s, 0, 9) == 0;

  for (int i = 0; i < 30; i++) {
    ask *a = &w->asks[pick(s, 0, (int64_t)w->ask_count - 1)];

    if (a->kind == ASK_START && a->n != 0 && (any || world_is_open(w, a->n)))
      return a;
  }
  return NULL;
}

static void send_once(sim *s, ask *a) {
  world_send(s->w, a);
  if (!s->calm && pick(s, 0, 9) == 0) {
    s->happened[H_TWICE]++;
    if (pick(s, 0, 1) == 1)
      world_turn(s->w);
    world_send(s->w, a);
  }
}

static void send_new(sim *s, ask_kind kind, const char *what, int of,
                     uint32_t task) {
  ask *a = world_ask(s->w, kind, s->tags++, what, of);

  a->task = task;
  send_once(s, a);
}

static void act_on(sim *s, int tag, const char *what) {
  int64_t dice = pick(s, 0, 99);
  uint32_t task = world_task_of(s->w, world_n_of(s->w, tag));
  bool manual = strcmp(what, "manual") == 0;

  if (strcmp(what, "waits") == 0) {
    send_new(s, ASK_SIGNAL, dice < 50 ? "paid" : "note", tag, 0);
  } else if (task != 0 && dice < 20) {
    send_new(s, ASK_CLAIM, NULL, tag, task);
  } else if (task != 0) {
    send_new(s, ASK_COMPLETE, !manual ? "fine" : dice < 80 ? "yes" : "no", tag,
             task);
  } else if (dice < 10) {
    send_new(s, ASK_CANCEL, NULL, tag, 0);
  } else if (dice < 20) {
    send_new(s, ASK_RETRY, NULL, tag, 0);
  }
}

static void again(sim *s) {
  ask *a = &s->w->asks[pick(s, 0, (int64_t)s->w->ask_count - 1)];

  if (a->open == 0 && (a->kind == ASK_START || a->n == 0)) {
    s->happened[H_AGAIN]++;
    world_send(s->w, a);
  }
}

static void client(sim *s) {
  const ask *a;

  if (s->starts == 0 || (s->starts < PROCESSES && pick(s, 0, 11) == 0)) {
    const char *name = workflows[pick(s, 0, 7)];

    s->starts++;
    send_new(s, ASK_START, name, -1, 0);
  } else if (pick(s, 0, 3) == 0) {
    again(s);
  } else if ((a = a_start(s)) != NULL) {
    act_on(s, a->tag, a->what);
  }
}

/* ---- crashes ---- */

static disk_keep some_keep(sim *s) {
  disk_keep keep = (disk_keep)pick(s, 0, DISK_KEEPS - 1);

  s->happened[H_CRASH_SYNCED + keep]++;
  return keep;
}

static void arm_stop(sim *s, int64_t within) {
  disk.stop_at = disk.ops + (uint64_t)pick(s, 1, within);
  disk.stop_after = pick(s, 0, 1) == 1;
}

/* Down it is, or half up: start it until it stays. */
static void revive(sim *s) {
  world *w = s->w;

  for (int i = 0; i < 50; i++) {
    if (w->stopped && !disk.dead)
      s->happened[H_STOPPED]++;
    disk.dead = true;
    world_down(w);
    disk_heal();
    disk_crash(some_keep(s), &w->rand.base);
    if (i < 5 && !s->calm && pick(s, 0, 4) == 0)
      arm_stop(s, 60);
    if (world_up(w, s->fresh)) {
      world_check(w, false);
      return;
    }
    if (disk.dead)
      s->happened[H_STARTING]++;
    else if (!w->stopped)
      world_fault(w, "it does not start: %s", w->up_err.text);
  }
  world_fault(w, "it did not start fifty times");
}

/* ---- one step ---- */

static void leap(sim *s, int64_t ms, happened h) {
  s->w->clock.wall += ms;
  if (ms < 0)
    s->w->turned_back -= ms;
  s->happened[h]++;
  ml_run_tick(s->w->run);
}

static void jump(sim *s) {
  int64_t dice = pick(s, 0, 99);

  if (dice < 45)
    leap(s, HOUR, H_HOUR);
  else if (dice < 70)
    leap(s, DAY, H_DAY);
  else if (dice < 98 || !s->wild)
    leap(s, -pick(s, 1000, 2 * HOUR), H_BACK);
  else
    leap(s, (int64_t)pick(s, 10, 90) * 365 * DAY, H_YEARS);
}

static void trouble(sim *s) {
  int64_t dice = pick(s, 0, 99);

  if (dice < 45) {
    arm_stop(s, 80);
  } else if (dice < 60) {
    disk.fail_at = disk.ops + (uint64_t)pick(s, 1, 60);
    disk.fail_on = pick(s, 0, 3) == 0;
    disk.error = DISK_EIO;
    s->happened[H_EIO]++;
  } else if (dice < 80) {
    disk.full = !disk.full;
    s->happened[H_FULL] += disk.full;
  } else if (dice < 86) {
    disk.dead = true;            /* at once, between two operations */
  } else if (dice < 91) {
    s->happened[H_LEFT]++;
    world_down(s->w);
    world_up(s->w, false);
  } else {
    disk.fail_at = 0;
    disk.full = false;
  }
}

static void pass(sim *s) {
  int64_t dice = pick(s, 0, 9);

  ml_clock_fake_pass(&s->w->clock, dice < 6   ? pick(s, 1, 500)
                                   : dice < 9 ? pick(s, 500, 20000)
                                              : pick(s, 20000, 900000));
  ml_run_tick(s->w->run);
}

static void step(sim *s) {
  int64_t dice = pick(s, 0, 99);

  if (dice < 50)
    world_turn(s->w);
  else if (dice < 70)
    pass(s);
  else if (dice < 72)
    jump(s);
  else if (dice < 96)
    client(s);
  else if (dice < 98)
    trouble(s);
  else
    world_settle(s->w);
  if (!world_alive(s->w) || !s->w->ready)
    revive(s);
}

/* ---- the end: all of it must come to one ---- */

static void finish_one(sim *s, int tag) {
  world *w = s->w;
  int64_t n = world_n_of(w, tag);
  uint32_t task = world_task_of(w, n);
  const char *what = world_ask(w, ASK_START, tag, NULL, -1)->what;

  if (task != 0)
    send_new(s, ASK_COMPLETE, strcmp(what, "manual") == 0 ? "no" : "fine", tag,
             task);
  if (strcmp(what, "waits") == 0) {
    send_new(s, ASK_SIGNAL, "paid", tag, 0);
    world_settle(w);
    send_new(s, ASK_SIGNAL, "note", tag, 0);
  }
  send_new(s, ASK_RETRY, NULL, tag, 0);
  world_settle(w);
}

static void finish(sim *s) {
  world *w = s->w;
  size_t count = w->ask_count;

  s->calm = true;
  disk_heal();
  revive(s);                     /* a flush that failed in a checkpoint may
                                    still wait to be found by a commit */
  for (size_t i = 0; i < count; i++)
    if (w->asks[i].state != ASK_ACKED && w->asks[i].kind == ASK_START)
      world_ensure(w, &w->asks[i]);
  for (int round = 0; round < 30 && world_alive(w); round++) {
    world_run_out(w);
    if (world_open(w) == 0)
      break;
    for (size_t i = 0; i < count; i++)
      if (w->asks[i].kind == ASK_START)
        finish_one(s, w->asks[i].tag);
  }
  if (!world_alive(w))
    world_fault(w, "it stopped although nothing fails any more");
  world_check(w, true);
  if (!world_kill(w, DISK_SYNCED))
    world_fault(w, "it does not start again: %s", w->up_err.text);
  world_check(w, true);
}

/* ---- one seed ---- */

/* The first start of all: on a store with definitions, or, for some seeds, on
** nothing, and the disk may fail or stop at once. */
static void begin(sim *s) {
  if (s->fresh) {
    if (pick(s, 0, 1) == 0) {
      arm_stop(s, 300);
    } else {
      disk.fail_at = (uint64_t)pick(s, 1, pick(s, 0, 1) == 0 ? 12 : 60);
      disk.error = (disk_error)pick(s, 0, 1);
      s->happened[disk.error == DISK_EIO ? H_EIO : H_FULL]++;
    }
  } else {
    disk_put(image);
  }
  if (!world_up(s->w, s->fresh))
    revive(s);
}

static int run_seed(uint64_t seed, int steps, bool tell, uint64_t *trace,
                    totals *t) {
  world w;
  sim s = {.w = &w, .tags = 1};
  int faults;

  disk_reset(seed);
  world_init(&w, seed, flows);
  w.own = &s;
  w.way = way;
  w.tell = tell;
  s.wild = seed % 10 == 0;
  w.clocked = seed % 3 == 1;
  w.log_max = seed % 3 == 0 ? 40 * 4120 : 0;
  w.key_life_ms = 2 * HOUR;
  s.fresh = seed % 8 == 5;
  begin(&s);
  for (int i = 0; i < steps && w.faults == 0; i++)
    step(&s);
  if (w.faults == 0)
    finish(&s);
  t->seeds++;
  t->steps += (uint64_t)steps;
  t->checks += w.checks;
  t->effects += w.effects;
  t->answers += w.answers;
  t->refusals += w.refusals;
  t->boots += w.boots;
  t->forgotten += w.forgotten;
  for (int i = 0; i < H_COUNT; i++)
    t->happened[i] += s.happened[i];
  for (int i = 0; i < PEER_WAYS; i++)
    t->ways[i] += w.ways[i];
  for (int e = 0; e < DISK_ERRORS; e++)
    for (int o = 0; o < DISK_OPS; o++)
      t->failed[e][o] += disk.failed[e][o];
  disk_heal();
  s.calm = true;
  faults = w.faults;
  *trace = w.trace;
  world_free(&w);
  return faults;
}

/* ---- all of them ---- */

static void tell_count(const char *what, uint64_t n) {
  printf("  %-34s %8llu%s\n", what, (unsigned long long)n,
         n == 0 ? "   never" : "");
}

static void tell_totals(const totals *t, uint64_t trace, int broken,
                        double seconds) {
  char name[40];

  printf("faults that fired:\n");
  for (int i = 0; i < H_COUNT; i++)
    tell_count(happened_names[i], t->happened[i]);
  tell_count("keys forgotten", t->forgotten);
  for (int i = 0; i < PEER_WAYS; i++) {
    snprintf(name, sizeof name, "peer: %s", peer_way_name((peer_way)i));
    tell_count(name, t->ways[i]);
  }
  for (int e = 0; e < DISK_ERRORS; e++)
    for (int o = 0; o < DISK_OPS; o++) {
      if (e == DISK_FULL && o != DISK_WRITE && o != DISK_CREATE)
        continue;
      snprintf(name, sizeof name, "%s at a %s", disk_error_name((disk_error)e),
               disk_op_name((disk_op)o));
      tell_count(name, t->failed[e][o]);
    }
  printf("seeds: %llu, steps: %llu, starts of the engine: %llu, effects: %llu, "
         "answers: %llu (refused %llu), checks: %llu\n",
         (unsigned long long)t->seeds, (unsigned long long)t->steps,
         (unsigned long long)t->boots, (unsigned long long)t->effects,
         (unsigned long long)t->answers, (unsigned long long)t->refusals,
         (unsigned long long)t->checks);
  printf("trace: %016llx; broken: %d; %.0f s\n", (unsigned long long)trace,
         broken, seconds);
}

static int run_seeds(uint64_t from, uint64_t count, int steps, bool first) {
  static totals t, unused;
  uint64_t all = 0, trace, second;
  int broken = 0;
  clock_t begun = clock();

  for (uint64_t seed = from; seed < from + count && !(first && broken > 0);
       seed++) {
    bool bad = run_seed(seed, steps, false, &trace, &t) != 0;

    all = all * 31 + trace;
    if (!bad && seed % 10 == 0) {
      run_seed(seed, steps, false, &second, &unused);
      if (second != trace) {
        fprintf(stderr, "# broken: seed %llu does not repeat itself\n",
                (unsigned long long)seed);
        bad = true;
      }
    }
    if (bad) {
      broken++;
      printf("broken: check_sim --seed %llu --steps %d\n",
             (unsigned long long)seed, steps);
      fflush(stdout);
    }
  }
  tell_totals(&t, all, broken, (double)(clock() - begun) / CLOCKS_PER_SEC);
  return broken > 0;
}

static bool make_image(void) {
  world w;
  bool ok;

  disk_reset(1);
  world_init(&w, 1, flows);
  ok = world_up(&w, true);
  if (!ok)
    fprintf(stderr, "the definitions in %s cannot be brought in: %s\n", flows,
            w.up_err.text);
  world_down(&w);
  image = disk_take();
  world_free(&w);
  return ok;
}

static int one_seed(uint64_t seed, int steps) {
  static totals t;
  uint64_t trace;
  int faults = run_seed(seed, steps, true, &trace, &t);

  tell_totals(&t, trace, faults, 0);
  return faults > 0;
}

int main(int argc, char **argv) {
  uint64_t from = 1, seeds = 100, seed = 0;
  int steps = 2000, code;
  bool first = false;

  for (int i = 1; i < argc; i += 2) {
    const char *v = i + 1 < argc ? argv[i + 1] : "";

    if (strcmp(argv[i], "--seeds") == 0)
      seeds = strtoull(v, NULL, 10);
    else if (strcmp(argv[i], "--seed") == 0)
      seed = strtoull(v, NULL, 10);
    else if (strcmp(argv[i], "--from") == 0)
      from = strtoull(v, NULL, 10);
    else if (strcmp(argv[i], "--steps") == 0)
      steps = atoi(v);
    else if (strcmp(argv[i], "--flows") == 0)
      flows = v;
    else if (strcmp(argv[i], "--first") == 0)
      first = atoi(v) != 0;
    else
      steps = 0;
    if (v[0] == '\0' || steps <= 0) {
      fprintf(stderr, "check_sim [--seeds N] [--from SEED] [--seed SEED] "
              "[--steps N] [--first 1] [--flows FOLDER]\n");
      return 2;
    }
  }
  ml_log_to(2, ML_ERROR_LEVEL);
  disk_register();
  if (!make_image())
    return 1;
  code = seed != 0 ? one_seed(seed, steps) : run_seeds(from, seeds, steps, first);
  disk_image_free(image);
  disk_reset(1);
  return code;
}
