/*
** folder.c - reading folders of workflows from disk.
**
** A bundle is all *.lua files of its folder but test.lua, the mails' templates
** (templates/NAME.txt), and the files of the moonlane library that they use.
** Symbolic links are not followed; names
** are those of SEMANTICS.md 31.
*/
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/text.h"
#include "run/inside.h"
#include "run/library.h"

enum { FILES_MAX = 256, TEMPLATE_NAME_MAX = 100 };

static const char templates[] = "templates/";

typedef struct tell_fault {
  ml_flow_fault_fn *fn;
  void *arg;
  const ml_bounds *limits;       /* the operator's */
  bool any;
} tell_fault;

static void fault(tell_fault *t, const char *where, const char *name,
                  const char *text) {
  char at[400];

  snprintf(at, sizeof at, "%s%s%s", where, name[0] != '\0' ? "/" : "", name);
  t->any = true;
  if (t->fn != NULL)
    t->fn(t->arg, at, text);
}

static void too_large(tell_fault *t, const char *where, const char *name) {
  char text[ML_BOUND_TOLD + 40];

  snprintf(text, sizeof text, "is larger than it may be (%s)",
           ml_bound_told(NULL, t->limits, ML_BOUND_SOURCE));
  fault(t, where, name, text);
}

static ml_rc add_source(folder *f, ml_str name, ml_str text) {
  bool starved = false;

  f->sources[f->source_count].name = arena_str(&f->arena, name, &starved);
  f->sources[f->source_count].text = arena_str(&f->arena, text, &starved);
  f->source_count++;
  return starved ? ML_NOMEM : ML_OK;
}

static ml_rc read_file(int dir, const char *file, const char *name, folder *f,
                       tell_fault *t) {
  int fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  struct stat st;
  char *text = NULL;
  ssize_t got = 0, n;
  ml_rc rc = ML_OK;

  if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    fault(t, f->name.p, name, fd < 0 ? strerror(errno) : "is no plain file");
    goto end;
  }
  if ((uint64_t)st.st_size > ml_bound_of(NULL, t->limits, ML_BOUND_SOURCE, NULL)) {
    too_large(t, f->name.p, name);
    goto end;
  }
  text = ml_mem_alloc((size_t)st.st_size + 1);
  if (text == NULL) {
    rc = ML_NOMEM;
    goto end;
  }
  while (got < st.st_size &&
         (n = read(fd, text + got, (size_t)(st.st_size - got))) > 0)
    got += n;
  if (f->source_count >= FILES_MAX)
    fault(t, f->name.p, name, "is one file more than the 256 a folder may hold");
  else if (!ml_text_utf8((ml_str){text, (size_t)got}))
    fault(t, f->name.p, name, "is not UTF-8");
  else
    rc = add_source(f, ml_str_of(name), (ml_str){text, (size_t)got});
end:
  ml_mem_free(text);
  if (fd >= 0)
    close(fd);
  return rc;
}

static int by_name(const void *a, const void *b) {
  const ml_source *x = a, *y = b;
  size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
  int c = memcmp(x->name.p, y->name.p, n);

  return c != 0 ? c : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

/* "x.lua" with x as file names are to be. */
static bool is_lua(const char *name) {
  size_t n = strlen(name);

  return n > 4 && strcmp(name + n - 4, ".lua") == 0 &&
         ml_text_is_filename((ml_str){name, n - 4});
}

static bool ends_with(const char *name, const char *tail) {
  size_t n = strlen(name), m = strlen(tail);

  return n > m && strcmp(name + n - m, tail) == 0;
}

/* "NAME.txt" with NAME as a setting's id may be. */
static bool is_template(const char *name) {
  size_t n = strlen(name);

  if (!ends_with(name, ".txt") || n > 4 + TEMPLATE_NAME_MAX)
    return false;
  for (size_t i = 0; i < n - 4; i++)
    if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= 'A' && name[i] <= 'Z') &&
        !(name[i] >= '0' && name[i] <= '9') && strchr("._-", name[i]) == NULL)
      return false;
  return true;
}

/* All Lua files below fd; takes the descriptor. */
static ml_rc read_dir(int fd, const char *prefix, folder *f, tell_fault *t,
                      int depth) {
  DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
  struct dirent *de;
  ml_rc rc = ML_OK;

  if (d == NULL) {
    if (fd >= 0)
      close(fd);
    fault(t, f->name.p, prefix, strerror(errno));
    return ML_OK;
  }
  while (rc == ML_OK && (de = readdir(d)) != NULL) {
    char name[300];
    struct stat st;

    if (de->d_name[0] == '.' || strcmp(de->d_name, "test.lua") == 0 ||
        strcmp(de->d_name, "fixtures") == 0)
      continue;
    snprintf(name, sizeof name, "%s%s", prefix, de->d_name);
    if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    if (S_ISDIR(st.st_mode) && depth < 4 &&
        ml_text_is_filename(ml_str_of(de->d_name))) {
      char sub[302];

      snprintf(sub, sizeof sub, "%s/", name);
      rc = read_dir(openat(dirfd(d), de->d_name,
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                    sub, f, t, depth + 1);
    } else if (is_lua(de->d_name) ||
               (strcmp(prefix, templates) == 0 && is_template(de->d_name))) {
      rc = read_file(dirfd(d), de->d_name, name, f, t);
    } else if (ends_with(de->d_name, ".lua")) {
      fault(t, f->name.p, name, "is no allowed name: a to z, 0 to 9, _ and -, "
            "at most 64 of them, then .lua");
    } else if (strcmp(prefix, templates) == 0 && ends_with(de->d_name, ".txt")) {
      fault(t, f->name.p, name, "is no allowed name: letters, digits, '.', _ and "
            "-, at most 100 of them, then .txt");
    }
  }
  closedir(d);
  return rc;
}

/* ---- the library files a bundle uses ---- */

static bool mentions(const folder *f, ml_str name) {
  char module[100];
  size_t n = name.n - strlen(".lua");

  if (n >= sizeof module)
    return false;
  memcpy(module, name.p, n);
  module[n] = '\0';
  for (size_t i = 0; i < n; i++)
    if (module[i] == '/')
      module[i] = '.';
  for (size_t i = 0; i < f->source_count; i++)
    if (memmem(f->sources[i].text.p, f->sources[i].text.n, module, n) != NULL)
      return true;
  return false;
}

/* Always there: what evaluates and runs a bundle. */
static bool is_core(ml_str name) {
  return ml_str_is(name, "moonlane/init.lua") ||
         ml_str_is(name, "moonlane/define.lua") ||
         ml_str_is(name, "moonlane/ctx.lua") ||
         ml_str_is(name, "moonlane/slice.lua");
}

static bool has_source(const folder *f, ml_str name) {
  for (size_t i = 0; i < f->source_count; i++)
    if (ml_str_eq(f->sources[i].name, name))
      return true;
  return false;
}

static ml_rc add_library(folder *f) {
  bool more = true;
  ml_rc rc = ML_OK;

  while (more && rc == ML_OK) {
    more = false;
    for (size_t i = 0; i < ml_library_count && rc == ML_OK; i++) {
      ml_str name = ml_library[i].name;

      if (has_source(f, name) || ml_str_is(name, "moonlane/test.lua") ||
          !(is_core(name) || mentions(f, name)))
        continue;
      rc = add_source(f, name, ml_library[i].text);
      more = true;
    }
  }
  return rc;
}

static ml_rc hash_sources(folder *f) {
  ml_sha *h = ml_sha_open();

  for (size_t i = 0; i < f->source_count; i++) {
    ml_sha_add(h, f->sources[i].name.p, f->sources[i].name.n + 1);
    ml_sha_add(h, &f->sources[i].text.n, sizeof f->sources[i].text.n);
    ml_sha_add(h, f->sources[i].text.p, f->sources[i].text.n);
  }
  return ml_sha_close(h, f->hash);
}

/* One bundle's folder; NULL when it is none or broken (told). */
static ml_rc read_one(int fd, const char *name, folder **out, tell_fault *t) {
  folder *f = ml_mem_zero(sizeof *f);
  tell_fault here = {t->fn, t->arg, t->limits, false};
  ml_rc rc = ML_NOMEM;

  *out = NULL;
  if (f == NULL) {
    close(fd);
    return rc;
  }
  f->name.p = ml_arena_dup(&f->arena, name, strlen(name));
  f->name.n = strlen(name);
  f->sources = ml_arena_zero(&f->arena, sizeof *f->sources *
                                            (FILES_MAX + ml_library_count + 1));
  if (f->name.p == NULL || f->sources == NULL) {
    close(fd);
    goto fail;
  }
  rc = read_dir(fd, "", f, &here, 0);
  if (rc == ML_OK)
    rc = add_library(f);
  if (rc != ML_OK)
    goto fail;
  qsort(f->sources, f->source_count, sizeof *f->sources, by_name);
  rc = hash_sources(f);
  if (rc != ML_OK)
    goto fail;
  if (here.any) {
    t->any = true;
    goto fail;
  }
  *out = f;
  return ML_OK;
fail:
  folders_free(f);
  return rc;
}

ml_rc rule_file_read(const char *path, folder **out, const ml_bounds *limits,
                     ml_flow_fault_fn *fn, void *arg) {
  folder *f = ml_mem_zero(sizeof *f);
  tell_fault t = {fn, arg, limits, false};
  ml_rc rc = ML_NOMEM;

  *out = NULL;
  if (f == NULL)
    return rc;
  f->name.p = ml_arena_dup(&f->arena, path, strlen(path));
  f->name.n = strlen(path);
  f->sources = ml_arena_zero(&f->arena, sizeof *f->sources *
                                            (ml_library_count + 2));
  if (f->name.p != NULL && f->sources != NULL)
    rc = read_file(AT_FDCWD, path, "rules.lua", f, &t);
  if (rc == ML_OK)
    rc = add_library(f);
  if (rc == ML_OK) {
    qsort(f->sources, f->source_count, sizeof *f->sources, by_name);
    rc = hash_sources(f);
  }
  if (rc == ML_OK && !t.any) {
    *out = f;
    return ML_OK;
  }
  folders_free(f);
  return rc != ML_OK ? rc : ML_INVALID;
}

static int folder_order(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the sub-folders that hold a workflow.lua, in byte order. */
static size_t sub_folders(int fd, char **names, size_t max, tell_fault *t) {
  DIR *d = fdopendir(dup(fd));
  struct dirent *de;
  size_t n = 0;

  if (d == NULL)
    return 0;
  while ((de = readdir(d)) != NULL && n < max) {
    char path[300];
    struct stat st;

    if (de->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, "%s/workflow.lua", de->d_name);
    if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    if (!ml_text_is_filename(ml_str_of(de->d_name))) {
      fault(t, de->d_name, "", "is no allowed folder name: a to z, 0 to 9, _ "
            "and -, at most 64 of them");
      continue;
    }
    names[n] = ml_mem_strdup(de->d_name);
    if (names[n] != NULL)
      n++;
  }
  closedir(d);
  qsort(names, n, sizeof *names, folder_order);
  return n;
}

ml_rc folders_read(const char *dir, folder **out, const ml_bounds *limits,
                   ml_flow_fault_fn *fn, void *arg) {
  tell_fault t = {fn, arg, limits, false};
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  char *names[FILES_MAX];
  size_t n = 0;
  folder **end = out;
  struct stat st;
  ml_rc rc = ML_OK;

  *out = NULL;
  if (fd < 0) {
    fault(&t, dir, "", strerror(errno));
    return ML_INVALID;
  }
  if (fstatat(fd, "workflow.lua", &st, AT_SYMLINK_NOFOLLOW) == 0) {
    char full[PATH_MAX];
    const char *slash = realpath(dir, full) != NULL ? strrchr(full, '/') : NULL;

    rc = read_one(fd, slash != NULL ? slash + 1 : dir, end, &t);
    return rc != ML_OK ? rc : t.any ? ML_INVALID : ML_OK;
  }
  n = sub_folders(fd, names, FILES_MAX, &t);
  for (size_t i = 0; i < n && rc == ML_OK; i++) {
    int sub = openat(fd, names[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
                                       O_CLOEXEC);

    if (sub < 0) {
      fault(&t, names[i], "", strerror(errno));
      continue;
    }
    rc = read_one(sub, names[i], end, &t);
    if (*end != NULL)
      end = &(*end)->next;
  }
  for (size_t i = 0; i < n; i++)
    ml_mem_free(names[i]);
  close(fd);
  if (n == 0 && !t.any)
    fault(&t, dir, "", "holds no workflow: a folder with a workflow.lua");
  if (rc != ML_OK) {
    folders_free(*out);
    *out = NULL;
    return rc;
  }
  return t.any ? ML_INVALID : ML_OK;
}

bool folder_is_gone(const char *dir, ml_str name) {
  char path[PATH_MAX];
  struct stat st;

  snprintf(path, sizeof path, "%s/workflow.lua", dir);
  if (stat(path, &st) == 0)                 /* one bundle, not a folder of them */
    return false;
  snprintf(path, sizeof path, "%s/%.*s/workflow.lua", dir, (int)name.n, name.p);
  return stat(dir, &st) == 0 && lstat(path, &st) != 0 && errno == ENOENT;
}

void folders_free(folder *f) {
  while (f != NULL) {
    folder *next = f->next;

    ml_arena_free(&f->arena);
    ml_mem_free(f);
    f = next;
  }
}
