/* cmd_serve.c - moonlane serve. */
#include "cmd/bounds.h"
#include "cmd/edge.h"
#include "cmd/out.h"
#include "cmd/serve.h"
#include "cmd/verbs.h"

const ml_opt ml_opts_serve[] = {
  {"db", "FILE", "where everything is kept (moonlane.db)", 0},
  {"listen", "ADDRESS", "HOST:PORT; port 0: any free one (127.0.0.1:0)", 0},
  {"socket", "PATH", "for commands; mode 0600 (FILE.sock)", 0},
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
  ML_OPTS_BOUNDS,
  {"isolation", "WHAT", "author: a worker serves one owner's scripts; or none", 0},
  {"owner", "FOLDER=OWNER", "whose a folder is; the first one turns isolation on",
   0},
  {"history-max", "N", "records of one process, then nothing is added (100000)", 0},
  {"queue-max", "N", "accepted starts not yet at rest, then 503 (10000)", 0},
  {"keep-keys", "DURATION", "how long an Idempotency-Key is known (30d)", 0},
  {"keep-occurrences", "DURATION",
   "how long what a trigger has seen, once its process has ended (400d)", 0},
  {"connections", "N", "open at a time, all together (1024)", 0},
  {"peer-connections", "N", "of one address; a proxy is one (64)", 0},
  ML_OPTS_EDGE,
  {"drain", "DURATION", "how long an end in order may take (30s)", 0},
  {"key-file", "FILE", "the key of sealed settings (FILE.key)", 0},
  {"token-file", "FILE", "where the first token goes (FILE.token)", 0},
  {"insecure-scripts", NULL, "go on where the kernel has no jail", 0},
  {"step-commits", NULL, "begin a step when the one before is on disk", 0},
  {NULL, NULL, NULL, 0}};

int ml_cmd_serve(const ml_args *a) {
  const char *db = ml_args_get(a, "db");
  ml_arena arena = {0};
  ml_serve_conf conf = {
    .folder = ml_args_word(a, 0), .socket = ml_args_get(a, "socket"),
    .key_file = ml_args_get(a, "key-file"),
    .token_file = ml_args_get(a, "token-file"),
    .listen = ml_args_get(a, "listen")};
  int code;

  conf.db = db != NULL ? db : "moonlane.db";
  if (conf.folder == NULL)
    conf.folder = ml_args_get(a, "folder");
  if (conf.folder == NULL)
    conf.folder = "workflows";
  if (conf.listen == NULL)
    conf.listen = "127.0.0.1:0";
  if (conf.socket == NULL)
    conf.socket = ml_arena_printf(&arena, "%s.sock", conf.db);
  if (conf.key_file == NULL)
    conf.key_file = ml_arena_printf(&arena, "%s.key", conf.db);
  if (conf.token_file == NULL)
    conf.token_file = ml_arena_printf(&arena, "%s.token", conf.db);
  if (conf.socket == NULL || conf.key_file == NULL || conf.token_file == NULL)
    code = ml_out_fail(ML_EXIT_FALSE, "out of memory");
  else
    code = ml_serve(a, &conf);
  ml_arena_free(&arena);
  return code;
}
