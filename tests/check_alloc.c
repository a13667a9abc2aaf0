/*
** check_alloc.c - every allocation fails, one after the other (RELIABILITY.md
** 3, allocation torture): ours, SQLite's, Lua's.
**
**   check_alloc                       all; a table, then what was broken
**   check_alloc --scenario timer      one of them
**   check_alloc --kind sqlite         ours, sqlite or lua
**   check_alloc --full                each of them, alike or not
**   check_alloc --jobs 4              so many at once; as many as processors
**   check_alloc --first               end at the first broken one
**   check_alloc --case timer/ours/37/once       one case, told in full
**
** The scenarios are those of check_crash, in the same one thread.  Each is run
** once to count its allocations; then it is run with one of them refused
** ("once"), and with that one and the next 30 ("while").  Two of them are alike
** when they have the same call stack while the engine is in the same state (as
** often started, as many batches written; in Lua also of the same size): of those
** EACH are refused, from the first to the last, or with --full all.  The image of
** a workflow is filled in the same way in each state, whoever asks: what of it is
** alike in `start` is refused there alone.  Whatever happens then must be an
** answer: a start of the engine that says why not, a request that is refused.  With
** memory back the same engine goes on (or, had it refused to start or stopped, a new
** one): the next request works, what was acknowledged is there, all comes to its
** end.  At the end of a case no piece of memory is left.
**
** Each scenario and kind is a job of its own process, some at once.  Its cases
** run in a child: when it dies, the job says by which one, and goes on behind it.
*/
#include <malloc.h>
#include <sqlite3.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sim/old.h"
#include "sim/scene.h"
#include "sim/stacks.h"

enum { RUN = 31, SECONDS = 60, EACH = 2 };

typedef enum kind { OURS, SQLITE, LUA, KINDS } kind;
static const char *const kind_names[KINDS] = {"ours", "sqlite", "lua"};

/* ---- SQLite's and Lua's, refused from here ---- */

typedef struct torture {
  uint64_t count, fail_at, many;
  int64_t live;
} torture;
static torture of_sqlite, of_lua;

/* What the allocations of the run are like; only one kind is looked at. */
static stacks alike;
static bool seeing[KINDS];

/* A workflow's image is filled in the same way whatever the engine is doing. */
static int image_from;           /* the depth of the stack there; 0: not now */
static stacks known;             /* of the images of `start` */

static void see(kind k, uint64_t more) {
  if (!seeing[k])
    return;
  if (k == LUA && image_from > 0)
    stacks_note_within(&alike, more, image_from);
  else
    stacks_note(&alike, disk.state * 31 + more);
}

static void see_ours(void) {
  see(OURS, 0);
}

static bool refused(torture *t, size_t size) {
  if (disk.aside)
    return false;
  see(t == &of_lua ? LUA : SQLITE, size);
  t->count++;
  return t->fail_at != 0 && t->count >= t->fail_at &&
         t->count - t->fail_at < t->many;
}

static sqlite3_mem_methods real_mem, tortured_mem;

static void *sql_alloc(int n) {
  void *p = refused(&of_sqlite, 0) ? NULL : real_mem.xMalloc(n);

  of_sqlite.live += p != NULL;
  return p;
}

static void *sql_realloc(void *p, int n) {
  return refused(&of_sqlite, 0) ? NULL : real_mem.xRealloc(p, n);
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
  if (refused(&of_lua, nsize)) {
    last_p = p;
    last_size = nsize;
    again = true;
    return NULL;
  }
  return __real_ml_region_alloc(ud, p, osize, nsize);
}

void *__real_ml_worker_image(void *w, void *b, const void *q, void *s, void *a);
void *__wrap_ml_worker_image(void *w, void *b, const void *q, void *s, void *a);

void *__wrap_ml_worker_image(void *w, void *b, const void *q, void *s,
                             void *a) {
  void *im;

  image_from = seeing[LUA] ? stacks_depth() : 0;
  im = __real_ml_worker_image(w, b, q, s, a);
  image_from = 0;
  return im;
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

/* Note what each allocation is like from here on, or no more. */
static void look_at(kind k, bool on) {
  seeing[k] = on;
  ml_mem_see(on && k == OURS ? see_ours : NULL);
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
  bool look;                     /* note what the allocations are like */
} plan;

typedef struct result {
  int faults, leaks;
  bool refused_start, stopped, refused_ask;
  uint64_t allocations;
} result;

static const char *flows = "tests/sim/flows";
static disk_image *image;
static bool verbose, full;

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

/* An engine starts on the same store each time as the last: once is enough, and
** once more where there is none yet; ours and Lua's also where the store is old or
** has a schedule to look at. */
static bool in_start(const scene *s, kind k) {
  return s->from_nothing || strcmp(s->name, "start") == 0 ||
         (k != SQLITE && (full || s->old || s->clocked));
}

static void through(world *w, const scene *s, const plan *p, result *r) {
  bool late = !in_start(s, p->kind);
  uint64_t before = counted(p->kind);

  if (!late) {
    arm(p->kind, p->n, p->longer ? RUN : 1);
    look_at(p->kind, p->look);
  }
  if (world_up(w, s->from_nothing)) {
    if (late) {
      before = counted(p->kind);
      arm(p->kind, p->n, p->longer ? RUN : 1);
      look_at(p->kind, p->look);
    }
    s->act(w);
  }
  r->allocations = counted(p->kind) - before;
  arm(p->kind, 0, 0);
  look_at(p->kind, false);
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
  if (start_again(w, s)) {
    world_run_out(w);            /* what the clock starts at a start */
    world_check(w, true);
  }
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
  w.clocked = s->clocked;
  if (s->old)
    old_put(&w);
  else if (!s->from_nothing)
    disk_put(image);
  disk.state = UINT64_C(1) << 32;
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
  uint64_t allocations, distinct, failed, cases, crashes, hangs, broken, leaks,
      starts, stops, asks;
} tally;

typedef struct job {             /* shared between parent, job and child */
  int scene;
  kind kind;
  size_t at;                     /* of the numbers picked, */
  bool longer;                   /* and how */
  tally t;
  bool done, over;               /* all cases are; the job has ended */
  long ms;                       /* of the processor's time */
  pid_t pid;
} job;
static job *jobs;
static size_t job_count;
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

static void count(tally *t, const plan *p, const result *r) {
  t->cases++;
  t->starts += r->refused_start;
  t->stops += r->stopped;
  t->asks += r->refused_ask;
  if (r->faults > 0) {
    t->broken++;
    tell_case(p, "broken");
  }
  if (r->leaks != 0) {
    t->leaks++;
    tell_case(p, "leaked");
  }
}

/* A slice of Lua ends with its first refusal: the next ones are another's. */
static int lengths(kind k) {
  return k == LUA ? 1 : 2;
}

/* The cases from where the job is.  The first run fills what is kept for good
** (the log's buffers, ...). */
static void child(job *j, const uint64_t *numbers, size_t n) {
  plan p = {.scene = j->scene, .kind = j->kind};

  run_case(&p);
  for (; j->at < n && !(first_only && any(&j->t)); j->at++, j->longer = false)
    for (int longer = j->longer; longer < lengths(j->kind); longer++) {
      result r;

      j->longer = p.longer = longer == 1;
      p.n = numbers[j->at];
      alarm(SECONDS);
      r = run_case(&p);
      count(&j->t, &p, &r);
    }
  j->done = true;
  exit(0);
}

/* The child died: go on behind the case at which it did. */
static void died(job *j, const uint64_t *numbers, int status) {
  bool hang = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
  plan p = {.scene = j->scene, .kind = j->kind, .n = numbers[j->at],
            .longer = j->longer};

  j->t.cases++;
  if (hang)
    j->t.hangs++;
  else
    j->t.crashes++;
  tell_case(&p, hang ? "hangs" : "crashed");
  j->longer = !j->longer && lengths(j->kind) > 1;
  j->at += !j->longer;
}

static bool is_start(int at) {
  return strcmp(scenes[at].name, "start") == 0;
}

/* What `start` has of an image. */
static void know_images(void) {
  plan p = {.scene = scene_named("start", 5), .kind = LUA};

  run_case(&p);
  p.look = true;
  run_case(&p);
  known = alike;
  alike = (stacks){0};
}

/* Twice without a failure, for the first run fills what is kept for good; then
** once more to see which allocations are alike. */
static uint64_t *numbers_of(job *j, size_t *n) {
  plan none = {.scene = j->scene, .kind = j->kind};
  uint64_t *numbers;
  result r;

  run_case(&none);
  r = run_case(&none);
  j->t.allocations = r.allocations;
  if (r.faults > 0 || r.leaks != 0) {
    count(&j->t, &none, &r);
    return NULL;
  }
  none.look = true;
  r = run_case(&none);
  if (r.allocations != j->t.allocations || alike.n != r.allocations) {
    fprintf(stderr, "# broken: %llu allocations, then %llu: the run does not "
            "repeat\n", (unsigned long long)j->t.allocations,
            (unsigned long long)alike.n);
    r.faults++;
    count(&j->t, &none, &r);
    return NULL;
  }
  if (j->kind == LUA && !full && !is_start(j->scene))
    stacks_leave_out(&alike, &known);
  numbers = stacks_pick(&alike, full ? alike.n : EACH, n);
  j->t.distinct = alike.distinct;
  j->t.failed = *n;
  stacks_free(&alike);
  return numbers;
}

static void run_job(job *j) {
  size_t n = 0;
  uint64_t *numbers = numbers_of(j, &n);

  while (numbers != NULL && !j->done && j->at < n &&
         !(first_only && any(&j->t))) {
    pid_t pid;
    int status;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
      child(j, numbers, n);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
      abort();
    if (!j->done)
      died(j, numbers, status);
  }
  free(numbers);
}

/* ---- jobs side by side ---- */

static void begin_job(job *j) {
  pid_t pid;

  fflush(stdout);
  pid = fork();
  if (pid < 0)
    abort();
  if (pid == 0) {
    run_job(j);
    exit(0);
  }
  j->pid = pid;
}

static long ms_of(const struct timeval *t) {
  return (long)t->tv_sec * 1000 + (long)t->tv_usec / 1000;
}

/* One of them has ended; a job that itself died is a crash. */
static void reap_job(void) {
  struct rusage used;
  int status;
  pid_t pid = wait4(-1, &status, 0, &used);

  if (pid < 0)
    abort();
  for (size_t i = 0; i < job_count; i++)
    if (jobs[i].pid == pid) {
      jobs[i].over = true;
      jobs[i].ms = ms_of(&used.ru_utime) + ms_of(&used.ru_stime);
      if (status != 0) {
        jobs[i].t.crashes++;
        printf("crashed: the run of %s/%s without a failure\n",
               scenes[jobs[i].scene].name, kind_names[jobs[i].kind]);
      }
    }
}

static void add(tally *sum, const tally *t) {
  sum->allocations += t->allocations;
  sum->distinct += t->distinct;
  sum->failed += t->failed;
  sum->cases += t->cases;
  sum->crashes += t->crashes;
  sum->hangs += t->hangs;
  sum->broken += t->broken;
  sum->leaks += t->leaks;
  sum->starts += t->starts;
  sum->stops += t->stops;
  sum->asks += t->asks;
}

static void tell_head(void) {
  printf("%-11s %-7s %11s %8s %7s %7s %7s %7s %7s %7s %7s %7s %7s %7s\n",
         "scenario", "kind", "allocations", "distinct", "failed", "cases", "no",
         "stopped", "no", "crashes", "hangs", "leaks", "broken", "cpu s");
  printf("%-11s %-7s %11s %8s %7s %7s %7s %7s %7s\n", "", "", "", "", "", "",
         "start", "", "answer");
}

static void tell_job(const job *j) {
  const tally *t = &j->t;

  printf("%-11s %-7s %11llu %8llu %7llu %7llu %7llu %7llu %7llu %7llu %7llu "
         "%7llu %7llu %5ld.%ld\n", scenes[j->scene].name, kind_names[j->kind],
         (unsigned long long)t->allocations, (unsigned long long)t->distinct,
         (unsigned long long)t->failed, (unsigned long long)t->cases,
         (unsigned long long)t->starts, (unsigned long long)t->stops,
         (unsigned long long)t->asks, (unsigned long long)t->crashes,
         (unsigned long long)t->hangs, (unsigned long long)t->leaks,
         (unsigned long long)t->broken, j->ms / 1000, j->ms / 100 % 10);
  fflush(stdout);
}

static void tell_sum(const tally *sum, long seconds) {
  printf("allocations failed: %llu of %llu, %llu distinct, each %s; cases: %llu; "
         "crashes: %llu, hangs: %llu, leaks: %llu, lost or broken: %llu; %ld s\n",
         (unsigned long long)sum->failed, (unsigned long long)sum->allocations,
         (unsigned long long)sum->distinct,
         full ? "as often as it comes" : "at least once, at most twice",
         (unsigned long long)sum->cases, (unsigned long long)sum->crashes,
         (unsigned long long)sum->hangs, (unsigned long long)sum->leaks,
         (unsigned long long)sum->broken, seconds);
}

static void make_jobs(int only, int only_kind) {
  for (int s = 0; s < SCENES; s++)
    for (int k = 0; k < KINDS; k++)
      if ((only < 0 || s == only) && (only_kind < 0 || k == only_kind))
        jobs[job_count++] = (job){.scene = s, .kind = (kind)k};
}

static int all(int only, int only_kind, size_t at_once) {
  tally sum = {0};
  time_t begun = time(NULL);
  size_t next = 0, told = 0, running = 0;

  make_jobs(only, only_kind);
  know_images();
  tell_head();
  while (told < job_count) {
    while (next < job_count && running < at_once &&
           !(first_only && any(&sum))) {
      begin_job(&jobs[next++]);
      running++;
    }
    if (running == 0)
      break;
    reap_job();
    running--;
    for (; told < next && jobs[told].over; told++) {
      add(&sum, &jobs[told].t);
      tell_job(&jobs[told]);
    }
  }
  tell_sum(&sum, (long)(time(NULL) - begun));
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
  long at_once = sysconf(_SC_NPROCESSORS_ONLN);

  for (int i = 1; i < argc; i++) {
    const char *v = i + 1 < argc ? argv[i + 1] : "";

    if (strcmp(argv[i], "--first") == 0) {
      first_only = true;
      continue;
    }
    if (strcmp(argv[i], "--full") == 0) {
      full = true;
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
    } else if (strcmp(argv[i - 1], "--jobs") == 0) {
      at_once = atol(v);
    } else {
      fprintf(stderr, "check_alloc [--scenario NAME] [--kind ours|sqlite|lua] "
              "[--full] [--jobs N] [--first] [--case CASE]\n");
      return 2;
    }
  }
  ml_log_to(2, ML_ERROR_LEVEL);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);      /* a world after the other: keep */
  mallopt(M_TRIM_THRESHOLD, 512 << 20);     /* the pages */
  ml_mem_watch();
  take_over_sqlite();
  disk_register();
  jobs = mmap(NULL, SCENES * KINDS * sizeof *jobs, PROT_READ | PROT_WRITE,
              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (jobs == MAP_FAILED)
    return 2;
  if (!make_image() || !old_make(flows))
    return 1;
  code = one != NULL ? one_case(one) : all(only, only_kind,
                                         at_once < 1 ? 1 : (size_t)at_once);
  disk_image_free(image);
  old_free();
  stacks_free(&known);
  disk_reset(1);
  return code;
}
