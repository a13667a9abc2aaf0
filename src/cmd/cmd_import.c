/*
** cmd_import.c - moonlane import cpbm, moonlane export cpbm.
**
** What is written appears whole or not at all: a folder is made under another
** name and then renamed, a pair of files likewise.
*/
#include "cmd/cmd_import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd/cpbm_args.h"
#include "cmd/files.h"
#include "cmd/literal.h"
#include "cmd/out.h"
#include "model/flow_part.h"

const ml_opt ml_opts_import[] = {
  {"check", NULL, "only say what is wrong", 0},
  {"name", "NAME", "of the folder to make in DIR; cpbm unless told", 0},
  ML_CPBM_OPTS, {NULL, NULL, NULL, 0}};

const ml_opt ml_opts_export[] = {ML_CPBM_OPTS, {NULL, NULL, NULL, 0}};

enum { PATH_BYTES = 4096 };

/* ---- files, whole or not at all ---- */

static int cannot(const char *path, const char *what) {
  return ml_out_fail(ML_EXIT_FALSE, "%s: %s: %s", path, what, strerror(errno));
}

static int write_file(const char *path, const ml_buf *b) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                0666);
  bool ok;

  if (fd < 0)
    return cannot(path, "cannot be made");
  ok = ml_file_write(fd, b->p, b->len) && fsync(fd) == 0;
  ok = close(fd) == 0 && ok;
  if (ok)
    return ML_EXIT_FINE;
  cannot(path, "cannot be written");
  unlink(path);
  return ML_EXIT_FALSE;
}

/* A path of at most PATH_BYTES; false: said. */
static bool join(char out[PATH_BYTES], const char *a, const char *between,
                 const char *b) {
  if (snprintf(out, PATH_BYTES, "%s%s%s", a, between, b) < PATH_BYTES)
    return true;
  ml_out_fail(ML_EXIT_USAGE, "the path %.80s... is too long", a);
  return false;
}

static void unmake(const char *dir, const ml_cpbm_text *files, size_t count) {
  char path[PATH_BYTES];

  for (size_t i = 0; i < count; i++)
    if (join(path, dir, "/", files[i].name))
      unlink(path);
  rmdir(dir);
}

static int fill(const char *dir, const ml_cpbm_text *files, size_t count) {
  char path[PATH_BYTES];

  for (size_t i = 0; i < count; i++)
    if (!join(path, dir, "/", files[i].name)
        || write_file(path, &files[i].text) != ML_EXIT_FINE)
      return ML_EXIT_FALSE;
  return ML_EXIT_FINE;
}

/* DIR/.NAME.new first, and when all is in it DIR/NAME. */
static int write_folder(const char *dir, const char *name,
                        const ml_cpbm_text *files, size_t count) {
  char hidden[80], fresh[PATH_BYTES], path[PATH_BYTES];

  snprintf(hidden, sizeof hidden, ".%.64s.new", name);
  if (!join(fresh, dir, "/", hidden) || !join(path, dir, "/", name))
    return ML_EXIT_USAGE;
  if (mkdir(dir, 0777) != 0 && errno != EEXIST)
    return cannot(dir, "cannot be made");
  if (access(path, F_OK) == 0)
    return ml_out_fail(ML_EXIT_CONFLICT, "%s is there already; remove it first, "
                       "or give another --name", path);
  if (mkdir(fresh, 0777) != 0)
    return errno == EEXIST
             ? ml_out_fail(ML_EXIT_CONFLICT, "%s is there: another import is at "
                           "work, or one was broken off; remove it", fresh)
             : cannot(fresh, "cannot be made");
  if (fill(fresh, files, count) == ML_EXIT_FINE) {
    if (renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
      return ML_EXIT_FINE;
    cannot(path, "cannot be made");
  }
  unmake(fresh, files, count);
  return ML_EXIT_FALSE;
}

/* ---- import ---- */

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');

  return slash != NULL ? slash + 1 : path;
}

static int make_folder(const ml_args *a, const ml_cpbm *c, const char *dir) {
  const char *name = ml_args_given(a, "name");
  ml_cpbm_text *files;
  ml_buf b = {0};
  ml_err e = {0};
  size_t count;
  int code;

  if (name == NULL)
    name = "cpbm";
  if (!ml_text_is_filename(ml_str_of(name)))
    return ml_out_fail(ML_EXIT_USAGE, "--name wants a to z, 0 to 9, _ and -, at "
                       "most 64 of them, not '%.80s'", name);
  if (ml_cpbm_put_folder(c, ml_str_of(base_name(ml_args_get(a, "map"))), &files,
                         &count, &e) != ML_OK)
    return ml_out_error(ML_EXIT_FALSE, &e);
  code = write_folder(dir, name, files, count);
  ml_cpbm_free_folder(files, count);
  if (code != ML_EXIT_FINE)
    return code;
  ml_buf_printf(&b, "%s/%s: %u workflows, %u rules\n", dir, name,
                (unsigned)c->workflow_count, (unsigned)c->rule_count);
  return ml_out_send(&b);
}

/* What no folder can hold, when only checking. */
static void warn_of_size(const ml_cpbm *c, ml_buf *lines, ml_str file) {
  if (c->workflow_count > ML_FLOW_WORKFLOWS_MAX)
    ml_cpbm_fault_line(lines, file, c->workflows[ML_FLOW_WORKFLOWS_MAX].line,
                       "from this one on there are more workflows than one "
                       "folder may hold when it is loaded", true);
}

static int import_cpbm(const ml_args *a, ml_cpbm_asked *q) {
  const char *dir = ml_args_given(a, "output");
  ml_buf lines = {0};
  ml_cpbm *c = NULL;
  int code = ml_cpbm_open(a, q, ml_cpbm_fault_line, &lines, &c);

  if (c != NULL)
    warn_of_size(c, &lines, q->src.workflows.name);
  ml_cpbm_say(&lines);
  if (code == ML_EXIT_FINE && ml_args_given(a, "check") == NULL)
    code = make_folder(a, c, dir);
  ml_cpbm_free(c);
  return code;
}

static int wants_cpbm(const ml_args *a) {
  const char *word = ml_args_word(a, 0);

  if (word != NULL && strcmp(word, "cpbm") == 0)
    return ML_EXIT_FINE;
  return ml_out_fail(ML_EXIT_USAGE, "'%.80s' is not a format this verb knows; "
                     "cpbm is", word != NULL ? word : "");
}

int ml_cmd_import(const ml_args *a) {
  ml_cpbm_asked q = {0};
  int code = wants_cpbm(a);

  if (code == ML_EXIT_FINE && ml_args_given(a, "check") == NULL
      && ml_args_given(a, "output") == NULL)
    code = ml_out_fail(ML_EXIT_USAGE, "give -o DIR for the folder to be made in, "
                       "or --check to only check");
  if (code == ML_EXIT_FINE)
    code = ml_cpbm_ask(a, &q);
  if (code == ML_EXIT_FINE)
    code = import_cpbm(a, &q);
  ml_cpbm_asked_done(&q);
  return code;
}

/* ---- export ---- */

typedef struct data {
  ml_cpbm_file files[ML_CPBM_DATA_FILES];
  ml_buf bytes[ML_CPBM_DATA_FILES];
  char names[ML_CPBM_DATA_FILES][24];
  size_t count;
} data;

static int read_data(const char *dir, data *d) {
  char path[PATH_BYTES];
  ml_err e = {0};

  for (size_t i = 0; i < ML_CPBM_DATA_FILES; i++) {
    ml_rc rc;

    ml_cpbm_data_name(d->names[i], i);
    if (!join(path, dir, "/", d->names[i]))
      return ML_EXIT_USAGE;
    rc = ml_file_read(path, ML_LITERAL_BYTES, &d->bytes[i], &e);
    if (rc == ML_NOT_FOUND && i > 0)
      return ML_EXIT_FINE;
    if (rc != ML_OK)
      return ml_out_error(ml_out_code(rc), &e);
    d->files[i] = (ml_cpbm_file){ml_str_of(d->names[i]),
                                 {d->bytes[i].p, d->bytes[i].len}};
    d->count++;
  }
  return ML_EXIT_FINE;
}

/* The folder's set, checked as files are.  The activities and types it names
** were known when it was made. */
static int load_data(const ml_cpbm_file *files, size_t count,
                     ml_cpbm_source *src, ml_cpbm **out) {
  ml_buf xml[3] = {{0}}, lines = {0};
  ml_err e = {0};
  int code = ML_EXIT_FINE;
  ml_rc rc = ml_cpbm_get_folder(files, count, &xml[0], &xml[1], &xml[2], &e);

  if (rc != ML_OK) {
    code = ml_out_error(ML_EXIT_FALSE, &e);
  } else {
    src->map = (ml_cpbm_file){ML_STR("rules"), {xml[0].p, xml[0].len}};
    src->workflows = (ml_cpbm_file){ML_STR("workflows"),
                                    {xml[1].p, xml[1].len}};
    src->beans = (ml_cpbm_file){ML_STR("activities"), {xml[2].p, xml[2].len}};
    src->any_word = true;
    rc = ml_cpbm_load(src, ml_cpbm_fault_line, &lines, out);
    if (rc != ML_OK) {
      ml_cpbm_say(&lines);
      code = ml_out_fail(ML_EXIT_FALSE, rc == ML_NOMEM ? "out of memory"
                         : "the folder's data files do not make a set; nothing "
                           "was written");
    }
    ml_buf_free(&lines);
  }
  for (int i = 0; i < 3; i++)
    ml_buf_free(&xml[i]);
  return code;
}

typedef struct target {
  const char *path;
  char fresh[PATH_BYTES];
  ml_buf text;
  bool made;
} target;

/* All of them beside their places first, then each into its place. */
static int write_all(target *t, size_t n) {
  int code = ML_EXIT_FINE;

  for (size_t i = 0; i < n && code == ML_EXIT_FINE; i++) {
    if (t[i].text.bad)
      code = ml_out_fail(ML_EXIT_FALSE, "out of memory");
    else if (!join(t[i].fresh, t[i].path, ".", "new"))
      code = ML_EXIT_USAGE;
    else
      code = write_file(t[i].fresh, &t[i].text);
    t[i].made = code == ML_EXIT_FINE;
  }
  for (size_t i = 0; i < n && code == ML_EXIT_FINE; i++) {
    if (rename(t[i].fresh, t[i].path) != 0)
      code = cannot(t[i].path, "cannot be written");
    else
      t[i].made = false;
  }
  for (size_t i = 0; i < n; i++)
    if (t[i].made)
      unlink(t[i].fresh);
  return code;
}

static int write_pair(const ml_args *a, const ml_cpbm *c) {
  target *t = ml_mem_zero(3 * sizeof *t);
  size_t n = 2;
  int code;

  if (t == NULL)
    return ml_out_fail(ML_EXIT_FALSE, "out of memory");
  t[0].path = ml_args_get(a, "map");
  ml_cpbm_put_map(&t[0].text, c);
  t[1].path = ml_args_get(a, "workflows");
  ml_cpbm_put_workflows(&t[1].text, c);
  t[2].path = ml_args_get(a, "beans");
  if (t[2].path != NULL) {
    ml_cpbm_put_beans(&t[2].text, c);
    n = 3;
  }
  code = write_all(t, n);
  for (size_t i = 0; i < 3; i++)
    ml_buf_free(&t[i].text);
  ml_mem_free(t);
  return code;
}

static int export_cpbm(const ml_args *a, ml_cpbm_asked *q) {
  data *d = ml_mem_zero(sizeof *d);
  ml_cpbm *c = NULL;
  int code;

  if (d == NULL)
    return ml_out_fail(ML_EXIT_FALSE, "out of memory");
  code = read_data(ml_args_word(a, 1), d);
  if (code == ML_EXIT_FINE)
    code = load_data(d->files, d->count, &q->src, &c);
  if (code == ML_EXIT_FINE)
    code = write_pair(a, c);
  for (size_t i = 0; i < ML_CPBM_DATA_FILES; i++)
    ml_buf_free(&d->bytes[i]);
  ml_mem_free(d);
  ml_cpbm_free(c);
  return code;
}

int ml_cmd_export(const ml_args *a) {
  ml_cpbm_asked q = {0};
  int code = wants_cpbm(a);

  if (code == ML_EXIT_FINE
      && (ml_args_word(a, 1) == NULL || ml_args_get(a, "map") == NULL
          || ml_args_get(a, "workflows") == NULL))
    code = ml_out_fail(ML_EXIT_USAGE, "give the folder, and --map FILE and "
                       "--workflows FILE to be written");
  if (code == ML_EXIT_FINE)
    code = ml_cpbm_ask(a, &q);
  if (code == ML_EXIT_FINE)
    code = export_cpbm(a, &q);
  ml_cpbm_asked_done(&q);
  return code;
}
