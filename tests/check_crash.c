/*
** check_crash.c - stop the world at every operation of the disk, and let every
** operation fail (RELIABILITY.md 3: crash at every commit point, I/O error at
** every point).
**
**   check_crash                       all; a table, then "broken: N"
**   check_crash --scenario timer      one of them
**   check_crash --first               end at the first broken one
**   check_crash --case timer/37/before/some     one case, told in full
**
** A scenario is first run undisturbed, to number its operations.  Then, for
** every one that changes the disk: stopped before it, and after it but before
** its answer; the disk keeps what was flushed, or a random part of the rest
** too; the engine is started again and clients ask again under their keys.
** And every operation fails: with EIO, or for want of room; once, or from then
** on until the disk is set right.  After each the invariants are checked, and
** at the end nothing may be left open.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "sim/old.h"
#include "sim/scene.h"

/* ---- one case ---- */

typedef enum mode { BEFORE, AFTER, EIO_, ENOSPC_, MODES } mode;
static const char *const mode_names[MODES] = {"before", "after", "EIO",
                                              "ENOSPC"};

typedef struct plan {
  int scenario;
  uint64_t op;                   /* 0: nothing happens */
  mode mode;
  bool second;                   /* stops: keep some; errors: from then on */
} plan;

static const char *flows = "tests/sim/flows";
static disk_image *image;        /* a store with definitions, at rest */
static bool verbose, first_only;

static const char *second_name(const plan *p) {
  return p->mode <= AFTER ? (p->second ? "some" : "synced")
                          : (p->second ? "on" : "once");
}

typedef struct points {          /* seen in a dry run */
  disk_site *list;
  size_t n, cap;
} points;

static void see(void *arg, const disk_site *site) {
  points *p = arg;

  if (p->n == p->cap) {
    p->cap = p->cap * 2 + 256;
    p->list = realloc(p->list, p->cap * sizeof *p->list);
    if (p->list == NULL)
      abort();
  }
  p->list[p->n++] = *site;
}

static void arm(const plan *p) {
  if (p->op == 0)
    return;
  if (p->mode <= AFTER) {
    disk.stop_at = p->op;
    disk.stop_after = p->mode == AFTER;
  } else {
    disk.fail_at = p->op;
    disk.fail_on = p->second;
    disk.error = p->mode == EIO_ ? DISK_EIO : DISK_FULL;
  }
}

/* Start again on what the disk kept, and let clients and engine go on. */
static void go_on(world *w, const scene *s, disk_keep keep) {
  disk.dead = true;
  world_down(w);
  disk_heal();
  disk_crash(keep, &w->rand.base);
  if (!world_up(w, s->from_nothing)) {
    world_fault(w, "it does not start again: %s", w->up_err.text);
    return;
  }
  world_check(w, false);
  s->act(w);
  world_check(w, true);
}

static void after_error(world *w, const scene *s) {
  if (w->ready && world_alive(w)) {       /* room again: it goes on by itself */
    disk_heal();
    world_check(w, false);
    s->act(w);
    world_check(w, true);
    go_on(w, s, DISK_SYNCED);
  } else {
    go_on(w, s, w->seed % 2 == 0 ? DISK_SOME : DISK_ALL);
  }
}

/* How many promises were broken. */
static int run_case(const plan *p, points *dry, uint64_t *checks) {
  const scene *s = &scenes[p->scenario];
  uint64_t seed = (uint64_t)p->scenario * 1000003 + p->op * 31 +
                  (uint64_t)p->mode * 7 + p->second;
  char one[300];                 /* a folder with one definition is enough */
  world w;
  int faults;

  snprintf(one, sizeof one, "%s/chain", flows);
  disk_reset(1);
  world_init(&w, 1, s->from_nothing ? one : flows);
  w.seed = seed;
  ml_rand_seed(&w.rand, seed);
  w.tell = verbose && dry == NULL;
  w.way = scene_way;
  w.log_max = s->log_max;
  w.clocked = s->clocked;
  if (s->old)
    old_put(&w);
  else if (!s->from_nothing)
    disk_put(image);
  disk.state = (uint64_t)p->scenario << 48 | UINT64_C(1) << 32;
  if (dry != NULL) {
    disk.seen = see;
    disk.seen_arg = dry;
  }
  arm(p);
  if (world_up(&w, s->from_nothing))
    s->act(&w);
  disk.seen = NULL;
  if (p->op == 0) {
    world_check(&w, true);
    go_on(&w, s, DISK_SYNCED);
  } else if (p->mode <= AFTER) {
    if (!disk.dead)
      world_fault(&w, "operation %llu was not reached: the run does not repeat",
                  (unsigned long long)p->op);
    go_on(&w, s, p->second ? DISK_SOME : DISK_SYNCED);
  } else {
    after_error(&w, s);
  }
  disk_heal();
  world_free(&w);
  if (disk_open_files() != 0)
    world_fault(&w, "%zu files are still open", disk_open_files());
  *checks += w.checks;
  faults = w.faults;
  return faults;
}

/* ---- all of them ---- */

typedef struct sums {
  size_t ops, distinct;
  uint64_t cases[MODES], checks;
  int broken;
} sums;

static int site_order(const void *a, const void *b) {
  return memcmp(a, b, sizeof(disk_site));
}

/* Points that differ in operation, place or state. */
static size_t distinct(const points *p) {
  disk_site *copy = calloc(p->n + 1, sizeof *copy);
  size_t n = 0;

  if (copy == NULL)
    abort();
  for (size_t i = 0; i < p->n; i++) {
    copy[i].op = p->list[i].op;          /* holes between members stay zero */
    copy[i].file = p->list[i].file;
    copy[i].part = p->list[i].part;
    copy[i].page = p->list[i].page;
    copy[i].state = p->list[i].state;
  }
  qsort(copy, p->n, sizeof *copy, site_order);
  for (size_t i = 0; i < p->n; i++)
    n += i == 0 || site_order(&copy[i - 1], &copy[i]) != 0;
  free(copy);
  return n;
}

static bool applies(mode m, disk_op op) {
  return m == EIO_ ? true
         : m == ENOSPC_ ? op == DISK_WRITE || op == DISK_CREATE
                        : op != DISK_READ;
}

static void tell_broken(const plan *p, const disk_site *site) {
  printf("broken: check_crash --case %s/%llu/%s/%s   (%s of the %s, page %u)\n",
         scenes[p->scenario].name, (unsigned long long)p->op,
         mode_names[p->mode], second_name(p), disk_op_name(site->op),
         disk_file_name(site->file), site->page);
}

static sums run_scenario(int k) {
  points dry = {0};
  sums s = {0};
  plan none = {.scenario = k};

  if (run_case(&none, &dry, &s.checks) != 0) {
    printf("broken: check_crash --case %s/0/before/synced\n",
           scenes[k].name);
    s.broken++;
  }
  s.ops = dry.n;
  s.distinct = distinct(&dry);
  for (size_t i = 0; i < dry.n; i++)
    for (int m = 0; m < MODES; m++)
      for (int second = 0; second < 2; second++) {
        plan p = {k, i + 1, (mode)m, second == 1};

        if (!applies(p.mode, dry.list[i].op) || (first_only && s.broken > 0))
          continue;
        s.cases[m]++;
        if (run_case(&p, NULL, &s.checks) != 0) {
          s.broken++;
          tell_broken(&p, &dry.list[i]);
        }
      }
  printf("%-11s %6zu %9zu %7llu %7llu %7llu %7llu %8llu %7d\n",
         scenes[k].name, s.ops, s.distinct, (unsigned long long)s.cases[0],
         (unsigned long long)s.cases[1], (unsigned long long)s.cases[2],
         (unsigned long long)s.cases[3], (unsigned long long)s.checks,
         s.broken);
  fflush(stdout);
  free(dry.list);
  return s;
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
  ok = ok && w.faults == 0;
  world_free(&w);
  return ok;
}

/* "timer/37/before/some" */
static int one_case(const char *text) {
  plan p = {0};
  char m[16], second[16];
  const char *slash = strchr(text, '/');
  unsigned long long op;
  uint64_t checks = 0;
  int faults;

  p.mode = MODES;
  if (slash == NULL || sscanf(slash, "/%llu/%15[^/]/%15s", &op, m, second) != 3) {
    fprintf(stderr, "a case is SCENARIO/OPERATION/before|after|EIO|ENOSPC/"
            "synced|some|once|on\n");
    return 2;
  }
  p.scenario = scene_named(text, (size_t)(slash - text));
  for (int i = 0; i < MODES; i++)
    if (strcmp(m, mode_names[i]) == 0)
      p.mode = (mode)i;
  if (p.scenario < 0 || p.mode == MODES)
    return 2;
  p.op = op;
  p.second = strcmp(second, "some") == 0 || strcmp(second, "on") == 0;
  verbose = true;
  faults = run_case(&p, NULL, &checks);
  printf("broken: %d\n", faults);
  return faults > 0;
}

static int all(int only) {
  sums sum = {0};
  clock_t begun = clock();

  printf("%-11s %6s %9s %7s %7s %7s %7s %8s %7s\n", "scenario", "ops",
         "distinct", "before", "after", "EIO", "ENOSPC", "checks", "broken");
  for (int k = 0; k < SCENES; k++) {
    sums s;

    if ((only >= 0 && k != only) || (first_only && sum.broken > 0))
      continue;
    s = run_scenario(k);
    sum.ops += s.ops;
    sum.distinct += s.distinct;
    for (int m = 0; m < MODES; m++)
      sum.cases[m] += s.cases[m];
    sum.checks += s.checks;
    sum.broken += s.broken;
  }
  printf("points: %zu operations, %zu distinct; cases: %llu stops, %llu errors; "
         "checks: %llu; broken: %d; %.0f s\n", sum.ops, sum.distinct,
         (unsigned long long)(sum.cases[BEFORE] + sum.cases[AFTER]),
         (unsigned long long)(sum.cases[EIO_] + sum.cases[ENOSPC_]),
         (unsigned long long)sum.checks, sum.broken,
         (double)(clock() - begun) / CLOCKS_PER_SEC);
  return sum.broken > 0;
}

int main(int argc, char **argv) {
  const char *one = NULL;
  int only = -1, code;

  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--case") == 0 && i + 1 < argc) {
      one = argv[++i];
    } else if (strcmp(argv[i], "--scenario") == 0 && i + 1 < argc) {
      only = scene_named(argv[i + 1], strlen(argv[i + 1]));
      i++;
      if (only < 0)
        return 2;
    } else if (strcmp(argv[i], "--first") == 0) {
      first_only = true;
    } else if (strcmp(argv[i], "--flows") == 0 && i + 1 < argc) {
      flows = argv[++i];
    } else {
      fprintf(stderr, "check_crash [--scenario NAME] [--first] [--case CASE] "
              "[--flows FOLDER]\n");
      return 2;
    }
  }
  ml_log_to(2, ML_ERROR_LEVEL);
  disk_register();
  if (!make_image() || !old_make(flows))
    return 1;
  code = one != NULL ? one_case(one) : all(only);
  disk_image_free(image);
  old_free();
  disk_reset(1);
  return code;
}
