/* cmd_dev.c - moonlane dev: serve, and load again what changes. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/out.h"
#include "cmd/serve.h"
#include "cmd/verbs.h"

#define DEV_SOCKET "moonlane-dev.sock"

const ml_opt ml_opts_dev[] = {
  {"db", "FILE", "keep everything here (a temporary folder)", 0},
  {"listen", "ADDRESS", "HOST:PORT; port 0: any free one (127.0.0.1:0)", 0},
  {"socket", "PATH", "for commands (" DEV_SOCKET ")", 0},
  {"allow", "ADDRESS", "a private ADDRESS:PORT that workflows may reach", 0},
  {"rules", "FILE", "rules that are asked before the folders' own; repeatable", 0},
  {"host", "NAME", "a Host name to serve, beside the loopback ones", 0},
  {"mail-url", "URL", "where mail goes: smtp://HOST:PORT or smtps://HOST:PORT", 0},
  {"mail-from", "ADDRESS", "who mails come from: A name <name@host>", 0},
  {"mail-tls", "HOW", "require, try or none (require)", 0},
  {"mail-ca-file", "FILE", "who vouches for the mail server, instead of the "
   "system's list", 0},
  {"workers", "N", "script workers (as many as cores, 2 to 8)", 0},
  {"workflow-calls", "N", "outgoing calls of one workflow at once (8)", 0},
  {"drain", "DURATION", "how long an end in order may take (30s)", 0},
  {"insecure-scripts", NULL, "go on where the kernel has no jail", 0},
  {NULL, NULL, NULL, 0}};

/* A folder of our own making: everything in it is ours. */
static void remove_all(const char *dir) {
  DIR *d = opendir(dir);
  struct dirent *entry;

  while (d != NULL && (entry = readdir(d)) != NULL)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      unlinkat(dirfd(d), entry->d_name, 0);
  if (d != NULL)
    closedir(d);
  rmdir(dir);
}

static int serve_at(const ml_args *a, const char *db) {
  ml_arena arena = {0};
  const char *listen = ml_args_get(a, "listen");
  const char *folder = ml_args_word(a, 0);
  const char *sock = ml_args_get(a, "socket");
  ml_serve_conf conf = {.db = db, .watch = true};
  int code;

  if (folder == NULL)
    folder = ml_args_get(a, "folder");
  conf.folder = folder != NULL ? folder : "workflows";
  conf.listen = listen != NULL ? listen : "127.0.0.1:0";
  conf.socket = sock != NULL ? sock : DEV_SOCKET;
  conf.key_file = ml_arena_printf(&arena, "%s.key", db);
  conf.token_file = ml_arena_printf(&arena, "%s.token", db);
  code = conf.key_file != NULL && conf.token_file != NULL
             ? ml_serve(a, &conf) : ml_out_fail(ML_EXIT_FALSE, "out of memory");
  ml_arena_free(&arena);
  return code;
}

int ml_cmd_dev(const ml_args *a) {
  const char *db = ml_args_get(a, "db"), *tmp = getenv("TMPDIR");
  char dir[512], path[600];
  int code;

  if (db != NULL)
    return serve_at(a, db);
  snprintf(dir, sizeof dir, "%s/moonlane-dev-XXXXXX",
           tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
  if (mkdtemp(dir) == NULL)
    return ml_out_fail(ML_EXIT_FALSE, "%s: no temporary folder: %s", dir,
                       strerror(errno));
  snprintf(path, sizeof path, "%s/moonlane.db", dir);
  code = serve_at(a, path);
  remove_all(dir);
  return code;
}
