/*
** bench - measures the engine against the floor of the machine.
**
**   build/bench [--build DIR] [--only w1,w5] [--repeat N] [--ms N] [--stored N]
**
** BENCH=long in the environment does the large amounts.  Run from the root of
** the tree.  The table goes to stdout, progress to stderr, everything to
** DIR/bench.json.  How to read it: contrib/bench/README.md.
*/
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "floors.h"
#include "rows.h"
#include "work.h"

#define BUSY 0.1                  /* of the machine, by others: worth a warning */

static const char *only;

/* Is the row asked for?  "w1" stands for all that its file measures. */
static bool wanted(const char *name) {
  size_t n = strlen(name);

  if (only == NULL)
    return true;
  for (const char *p = only; p != NULL; p = strchr(p, ',')) {
    p += *p == ',';
    if (strncmp(p, name, n) == 0 && (p[n] == '\0' || p[n] == ','))
      return true;
  }
  return false;
}

static void take(const char *name, void (*row)(const amount *), const amount *a,
                 const char *what) {
  if (!wanted(name))
    return;
  say("%s", what);
  row(a);
}

static void floors(const amount *a) {
  say("floors: SQLite");
  floor_sqlite();
  floor_sync();
  floor_hops();
  say("floors: HTTP");
  floor_http(a->repeat);
  say("floors: Lua");
  floor_lua(a->repeat);
}

static int drop(const char *path, const struct stat *st, int type,
                struct FTW *ftw) {
  (void)st;
  (void)type;
  (void)ftw;
  return remove(path);
}

static void clear(const char *dir) {
  if (nftw(dir, drop, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
    die("%s cannot be removed: %s", dir, strerror(errno));
}

static long count_of(const char *text) {
  char *end;
  long n = strtol(text, &end, 10);

  if (*end != '\0' || n < 1)
    die("'%s' is not a number of at least 1", text);
  return n;
}

static const char *options(int argc, char **argv, amount *a) {
  static const struct option known[] = {
      {"build", required_argument, NULL, 'b'},
      {"only", required_argument, NULL, 'o'},
      {"repeat", required_argument, NULL, 'r'},
      {"ms", required_argument, NULL, 'm'},
      {"stored", required_argument, NULL, 's'},
      {NULL, 0, NULL, 0}};
  const char *build = "build";
  int c;

  while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
    switch (c) {
      case 'b': build = optarg; break;
      case 'o': only = optarg; break;
      case 'r': a->repeat = (int)count_of(optarg); break;
      case 'm': a->ms = count_of(optarg); break;
      case 's': a->stored = a->leads = (size_t)count_of(optarg); break;
      default: exit(2);
    }
  if (optind < argc)
    die("'%s' is too much", argv[optind]);
  return build;
}

int main(int argc, char **argv) {
  amount a = {.repeat = 3, .ms = 2000, .parked = 100000, .timers = 20000,
              .fired = 5000, .stored = 200000, .leads = 200000};
  const char *how = getenv("BENCH"), *build;
  char path[300];
  int64_t from = now_us();
  double busy;

  if (how != NULL && strcmp(how, "long") == 0) {
    a.ms = 5000;
    a.timers = 1000000;
    a.fired = 20000;
    a.stored = 10000000;
    a.leads = 1000000;
  }
  build = options(argc, argv, &a);
  others_share();
  signal(SIGPIPE, SIG_IGN);
  engine_place(build);
  snprintf(path, sizeof path, "%s/bench.tmp", build);
  clear(path);
  if (mkdir(path, 0700) != 0)
    die("%s cannot be made: %s", path, strerror(errno));
  floors(&a);
  take("w1", row_w1, &a, "W1, W7: four steps");
  take("w2", row_w2, &a, "W2, W3, W6: processes that wait for a person");
  take("w4", row_w4, &a, "W4: four steps with a call each");
  take("w5", row_w5, &a, "W5: timers");
  take("w8", row_w8, &a, "W8: the ledger");
  take("w9", row_w9, &a, "W9: leads by what is in them");
  clear(path);
  busy = others_share();
  row_put("others", busy * 100);
  if (busy > BUSY)
    row_note("Other programs took %.0f %% of the CPU during this run: its figures "
             "and ratios tell little.", busy * 100);
  rows_print();
  snprintf(path, sizeof path, "%s/bench.json", build);
  rows_json(path, (double)(now_us() - from) / 1e6);
  say("%.0f s; %s", (double)(now_us() - from) / 1e6, path);
  return 0;
}
