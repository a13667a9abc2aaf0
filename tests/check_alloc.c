/*
** check_alloc.c - every allocation fails, one after the other (RELIABILITY.md
** 3, allocation torture): ours, SQLite's, Lua's.
**
**   check_alloc                       all; a table, then what was broken
**   check_alloc --scenario timer      one of them
**   check_alloc --kind sqlite         ours, sqlite or lua
**   check_alloc --first               end at the first broken one
**   check_alloc --case timer/ours/37/once       one case, told in full
**
** The scenarios are those of check_crash, in the same one thread.  Each is run
** once to count its allocations; then for every one of them it is run with that
** one refused ("once"), and with that one and the next 30 ("while").  Whatever
** happens then must be an answer: a start of the engine that says why not, a
** request that is refused.  With memory back the same engine goes on (or, had
** it refused to start or stopped, a new one): the next request works, what was
** acknowledged is there, all comes to its end.  At the end of a case no piece of
** memory is left.
**
** Cases run in a child: when it dies, the parent says by which one, and goes on
** behind it.
*/
#include <sqlite3.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sim/old.h"
#include "sim/scene.h"

enum { RUN = 31, SECONDS = 60 };

typedef enum kind { OURS, SQLITE, LUA, KINDS } kind;
static const char *const kind_names[KINDS] = {"ours", "sqlite", "lua"};

/* ---- SQLite's and Lua's, refused from here ---- */

typedef struct torture {
  uint64_t count, fail_at, many;
  int64_t live;
} torture;
static torture of_sqlite, of_lua;

static bool refused(torture *t) {
  if (disk.aside)
    return false;
  t->count++;
  return t->fail_at != 0 && t->count >= t->fail_at &&
         t->count - t->fail_at < t->many;
}

static sqlite3_mem_methods real_mem, tortured_mem;

static void *sql_alloc(int n) {
  void *p = refused(&of_sqlite) ? NULL : real_mem.xMalloc(n);

  of_sqlite.live += p != NULL;
  return p;
}

static void *sql_realloc(void *p, int n) {
  return refused(&of_sqlite) ? NULL : real_mem.xRealloc(p, n);
}

static void sql_free(void *p) {
  of_sqlite.live -= p != NULL;
  real_mem.xFree(p);
}

/* Every piece comes from there: SQLite's own stock of small ones is off. */
static void take_over_sqlite(void) {
  if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_mem) != SQLITE_OK)
    abort();
  tortured_mem = real_mem;
  tortured_mem.xMalloc = sql_alloc;
  tortured_mem.xRealloc = sql_realloc;
  tortured_mem.xFree = sql_free;
  if (sqlite3_config(SQLITE_CONFIG_MALLOC, &tortured_mem) != SQLITE_OK ||
      sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) != SQLITE_OK)
    abort();
}

/* The linker puts these in the way of every Lua state (Makefile: --wrap).  Lua
** answers a refusal with a collection and asks again: that is refused too.  What
** host code takes between slices comes from a half of the region that scripts
** never get (box.h): nothing is refused there. */
static bool lifted = true;
void __real_ml_region_lift(void *r, bool on);
void __wrap_ml_region_lift(void *r, bool on);

void __wrap_ml_region_lift(void *r, bool on) {
  lifted = on;
  __real_ml_region_lift(r, on);
}

void *__real_ml_region_alloc(void *ud, void *p, size_t osize, size_t nsize);
void *__wrap_ml_region_alloc(void *ud, void *p, size_t osize, size_t nsize);

void *__wrap_ml_region_alloc(void *ud, void *p, size_t osize, size_t nsize) {
  static void *last_p;
  static size_t last_size;
  static bool again;

  if (nsize == 0 || (p != NULL && nsize <= osize) || disk.aside ||
      lifted)
    return __real_ml_region_alloc(ud, p, osize, nsize);
  if (again && p == last_p && nsize == last_size) {
    again = false;
    return NULL;
  }
  if (refused(&of_lua)) {
    last_p = p;
    last_size = nsize;
    again = true;
    return NULL;
  }
  return __real_ml_region_alloc(ud, p, osize, nsize);
}

static uint64_t counted(kind k) {
  return k == OURS ? ml_mem_count() : k == SQLITE ? of_sqlite.count
                                                  : of_lua.count;
}

static void arm(kind k, uint64_t n, uint64_t many) {
  torture *t = k == SQLITE ? &of_sqlite : &of_lua;

  if (k == OURS) {
    ml_mem_fail_run(n, many);
  } else {
    t->fail_at = n > 0 ? t->count + n : 0;
    t->many = many;
  }
}

static int64_t in_use(void) {
  return ml_mem_live() + of_sqlite.live;
}

/* ---- one case ---- */

typedef struct plan {
  int scene;
  kind kind;
  uint64_t n;                    /* 0: nothing fails */
  bool longer;
} plan;

typedef struct result {
  int faults, leaks;
  bool refused_start, stopped, refused_ask;
  uint64_t allocations;
} result;

static const char *flows = "tests/sim/flows";
static disk_image *image;
static bool verbose;

/* Again from the top, with an operator who retries what became an incident. */
static void finish(world *w, const scene *s) {
  s->act(w);
  for (int i = 0; i < 6 && world_alive(w) && world_open(w) != 0; i++) {
    world_retry_all(w);
    s->act(w);
    world_run_out(w);
  }
}

/* Up it comes again, on what the disk has. */
static bool start_again(world *w, const scene *s) {
  world_down(w);
  if (world_up(w, s->from_nothing))
    return true;
  world_fault(w, "it does not start again: %s", w->up_err.text);
  return false;
}

static void next_request(world *w) {
  ask *a = world_ask(w, ASK_START, 900, "chain", -1);

  world_ensure(w, a);
  a = world_ask(w, ASK_START, 900, NULL, -1);
  if (world_alive(w) && a->state != ASK_ACKED)
    world_fault(w, "with memory back the next request is refused: %s",
                ml_rc_name(a->rc));
}

/* SQLite opens a store each time as the last: once is enough, and once more
** where there is none yet. */
static bool in_start(const scene *s) {
  return s->from_nothing || strcmp(s->name, "start") == 0;
}

static void through(world *w, const scene *s, const plan *p, result *r) {
  bool late = p->kind == SQLITE && !in_start(s);
  uint64_t before = counted(p->kind);

  if (!late)
    arm(p->kind, p->n, p->longer ? RUN : 1);
  if (world_up(w, s->from_nothing)) {
    if (late) {
      before = counted(p->kind);
      arm(p->kind, p->n, p->longer ? RUN : 1);
    }
    s->act(w);
  }
  r->allocations = counted(p->kind) - before;
  arm(p->kind, 0, 0);
  r->stopped = w->stopped;
  r->refused_start = !w->ready && !w->stopped;
  r->refused_ask = w->refusals > 0;
  if (r->refused_start && w->up_rc == ML_OK)
    world_fault(w, "it did not start, and does not say why");
  if (p->n == 0 && (r->refused_start || r->stopped || r->refused_ask))
    world_fault(w, "something was refused though nothing failed: %s",
                w->up_err.text);
  w->starved = false;
  /* what could not be read in is read in again */
  if ((!w->ready || !world_alive(w) || s->from_nothing) && !start_again(w, s))
    return;
  world_check(w, false);
  next_request(w);
  finish(w, s);
  world_check(w, true);
  if (start_again(w, s))
    world_check(w, true);
}

static result run_case(const plan *p) {
  const scene *s = &scenes[p->scene];
  char one[300];
  world w;
  result r = {0};
  int64_t before = in_use();

  snprintf(one, sizeof one, "%s/chain", flows);
  disk_reset(1);
  world_init(&w, 1, s->from_nothing ? one : flows);
  w.tell = verbose;
  w.way = scene_way;
  w.starved = p->n > 0;
  w.log_max = s->log_max;
  if (s->old)
    old_put(&w);
  else if (!s->from_nothing)
    disk_put(image);
  through(&w, s, p, &r);
  world_free(&w);
  r.leaks = (int)(in_use() - before);
  if (disk_open_files() != 0)
    world_fault(&w, "%zu files are still open", disk_open_files());
  r.faults = w.faults;
  return r;
}

/* ---- all of one scenario and kind, in a child ---- */

typedef struct tally {
  uint64_t cases, crashes, hangs, broken, leaks, starts, stops, asks;
} tally;

typedef struct shared {          /* between child and parent */
  plan at;
  uint64_t last;                 /* allocations of the run */
  tally t;
  bool done;
} shared;
static shared *sh;
static bool first_only;

static bool any(const tally *t) {
  return t->crashes + t->hangs + t->broken + t->leaks > 0;
}

static void tell_case(const plan *p, const char *what) {
  printf("%s: check_alloc --case %s/%s/%llu/%s\n", what, scenes[p->scene].name,
         kind_names[p->kind], (unsigned long long)p->n,
         p->longer ? "while" : "once");
  fflush(stdout);
}

static void count(const plan *p, const result *r) {
  sh->t.cases++;
  sh->t.starts += r->refused_start;
  sh->t.stops += r->stopped;
  sh->t.asks += r->refused_ask;
  if (r->faults > 0) {
    sh->t.broken++;
    tell_case(p, "broken");
  }
  if (r->leaks != 0) {
    sh->t.leaks++;
    tell_case(p, "leaked");
  }
}

/* A slice of Lua ends with its first refusal: the next ones are another's. */
static int lengths(kind k) {
  return k == LUA ? 1 : 2;
}

/* The first run has filled what is kept for good (the log's buffers, ...). */
static void child(plan p) {
  plan none = {.scene = p.scene, .kind = p.kind};

  run_case(&none);
  for (; p.n <= sh->last && !(first_only && any(&sh->t)); p.n++, p.longer = false)
    for (int longer = p.longer; longer < lengths(p.kind); longer++) {
      result r;

      p.longer = longer == 1;
      sh->at = p;
      alarm(SECONDS);
      r = run_case(&p);
      count(&p, &r);
    }
  sh->done = true;
  exit(0);
}

static void died(int status) {
  bool hang = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;

  sh->t.cases++;
  if (hang)
    sh->t.hangs++;
  else
    sh->t.crashes++;
  tell_case(&sh->at, hang ? "hangs" : "crashed");
}

static tally run_kind(int scene_no, kind k) {
  plan p = {.scene = scene_no, .kind = k, .n = 1};
  plan none = {.scene = scene_no, .kind = k};
  result r;

  memset(sh, 0, sizeof *sh);
  run_case(&none);
  r = run_case(&none);
  sh->last = r.allocations;
  if (r.faults > 0 || r.leaks != 0) {
    count(&none, &r);
    return sh->t;
  }
  while (!sh->done && p.n <= sh->last && !(first_only && any(&sh->t))) {
    pid_t pid;
    int status;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
      child(p);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
      abort();
    if (sh->done)
      break;
    died(status);
    p = sh->at;                  /* go on behind it */
    p.longer = !p.longer && lengths(k) > 1;
    p.n += !p.longer;
  }
  return sh->t;
}

static void add(tally *sum, const tally *t) {
  sum->cases += t->cases;
  sum->crashes += t->crashes;
  sum->hangs += t->hangs;
  sum->broken += t->broken;
  sum->leaks += t->leaks;
  sum->starts += t->starts;
  sum->stops += t->stops;
  sum->asks += t->asks;
}

static int all(int only, int only_kind) {
  tally sum = {0};
  time_t begun = time(NULL);

  printf("%-11s %-7s %11s %7s %7s %7s %7s %7s %7s %7s\n", "scenario", "kind",
         "allocations", "no", "stopped", "no", "crashes", "hangs", "leaks",
         "broken");
  printf("%-11s %-7s %11s %7s %7s %7s\n", "", "", "failed", "start", "",
         "answer");
  for (int s = 0; s < SCENES; s++)
    for (int k = 0; k < KINDS; k++) {
      tally t;

      if ((only >= 0 && s != only) || (only_kind >= 0 && k != only_kind) ||
          (first_only && any(&sum)))
        continue;
      t = run_kind(s, (kind)k);
      add(&sum, &t);
      printf("%-11s %-7s %11llu %7llu %7llu %7llu %7llu %7llu %7llu %7llu\n",
             scenes[s].name, kind_names[k], (unsigned long long)sh->last,
             (unsigned long long)t.starts, (unsigned long long)t.stops,
             (unsigned long long)t.asks, (unsigned long long)t.crashes,
             (unsigned long long)t.hangs, (unsigned long long)t.leaks,
             (unsigned long long)t.broken);
      fflush(stdout);
    }
  printf("cases: %llu; crashes: %llu, hangs: %llu, leaks: %llu, lost or broken: "
         "%llu; %ld s\n", (unsigned long long)sum.cases,
         (unsigned long long)sum.crashes, (unsigned long long)sum.hangs,
         (unsigned long long)sum.leaks, (unsigned long long)sum.broken,
         (long)(time(NULL) - begun));
  return any(&sum);
}

/* ---- the command ---- */

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

static int kind_named(const char *name) {
  for (int k = 0; k < KINDS; k++)
    if (strcmp(name, kind_names[k]) == 0)
      return k;
  fprintf(stderr, "no kind '%s'; there are: ours sqlite lua\n", name);
  return -1;
}

/* "timer/ours/37/once" */
static int one_case(const char *text) {
  plan p = {0}, none;
  char name[16], longer[16];
  const char *slash = strchr(text, '/');
  unsigned long long n;
  int k;
  result r;

  if (slash == NULL || sscanf(slash, "/%15[^/]/%llu/%15s", name, &n,
                              longer) != 3) {
    fprintf(stderr, "a case is SCENARIO/ours|sqlite|lua/NUMBER/once|while\n");
    return 2;
  }
  p.scene = scene_named(text, (size_t)(slash - text));
  k = kind_named(name);
  if (p.scene < 0 || k < 0)
    return 2;
  p.kind = (kind)k;
  none = p;
  run_case(&none);
  p.n = n;
  p.longer = strcmp(longer, "while") == 0;
  verbose = true;
  r = run_case(&p);
  printf("broken: %d, leaked: %d\n", r.faults, r.leaks);
  return r.faults > 0 || r.leaks != 0;
}

int main(int argc, char **argv) {
  const char *one = NULL;
  int only = -1, only_kind = -1, code;

  for (int i = 1; i < argc; i++) {
    const char *v = i + 1 < argc ? argv[i + 1] : "";

    if (strcmp(argv[i], "--first") == 0) {
      first_only = true;
      continue;
    }
    i++;
    if (strcmp(argv[i - 1], "--case") == 0) {
      one = v;
    } else if (strcmp(argv[i - 1], "--scenario") == 0) {
      only = scene_named(v, strlen(v));
      if (only < 0)
        return 2;
    } else if (strcmp(argv[i - 1], "--kind") == 0) {
      only_kind = kind_named(v);
      if (only_kind < 0)
        return 2;
    } else {
      fprintf(stderr, "check_alloc [--scenario NAME] [--kind ours|sqlite|lua] "
              "[--first] [--case CASE]\n");
      return 2;
    }
  }
  ml_log_to(2, ML_ERROR_LEVEL);
  ml_mem_watch();
  take_over_sqlite();
  disk_register();
  sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE,
            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (sh == MAP_FAILED)
    return 2;
  if (!make_image() || !old_make(flows))
    return 1;
  code = one != NULL ? one_case(one) : all(only, only_kind);
  disk_image_free(image);
  old_free();
  disk_reset(1);
  return code;
}
