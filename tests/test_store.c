/* test_store.c - the suite over SQLite, three ways. */
#include "store_suite.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

static char folder[256];
static int made;

static void memory_inline(ml_store_conf *conf) {
  *conf = (ml_store_conf){.path = ":memory:"};
}

/* A new file name for each store. */
static const char *new_path(void) {
  static char paths[8][300];
  char *p = paths[made % 8];

  snprintf(p, sizeof paths[0], "%s/%d.db", folder, made++);
  return p;
}

static void file_inline(ml_store_conf *conf) {
  *conf = (ml_store_conf){.path = new_path()};
}

static void file_threaded(ml_store_conf *conf) {
  *conf = (ml_store_conf){.path = new_path(), .threaded = true};
}

static void remove_folder(void) {
  DIR *d = opendir(folder);
  struct dirent *e;
  char path[600];

  while (d != NULL && (e = readdir(d)) != NULL) {
    snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    unlink(path);
  }
  if (d != NULL)
    closedir(d);
  rmdir(folder);
}

int main(void) {
  const store_maker makers[] = {
    {"store in memory", memory_inline, false, false},
    {"store in a file, inline", file_inline, false, true},
    {"store in a file, threaded", file_threaded, true, true},
  };
  const char *tmp = getenv("TMPDIR");
  int failed = 0;

  snprintf(folder, sizeof folder, "%s/store-XXXXXX", tmp != NULL ? tmp : "/tmp");
  if (mkdtemp(folder) == NULL)
    return 1;
  ml_log_to(2, ML_ERROR_LEVEL);
  for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
    failed += store_suite_run(&makers[i]);
  remove_folder();
  return failed;
}
