/* cmd_backup.c - moonlane backup: a copy of the store, in use or not. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd/out.h"
#include "cmd/reach.h"
#include "cmd/verbs.h"
#include "store/backup.h"

const ml_opt ml_opts_backup[] = {
  {"reserve", "BYTES", "the store's log may grow to that meanwhile (268435456)",
   0},
  {"timeout", "DURATION", "how long to wait for it (65s)", 0},
  ML_REACH_OPTS, {NULL, NULL, NULL, 0}};

/* The engine has a folder of its own: give it the whole path. */
static const char *absolute(ml_arena *a, const char *file) {
  char here[PATH_MAX];

  if (file[0] == '/')
    return file;
  if (getcwd(here, sizeof here) == NULL)
    return NULL;
  return ml_arena_printf(a, "%s/%s", here, file);
}

static int show(const ml_args *a, const char *file, int64_t bytes) {
  ml_buf b = {0};
  ml_form form;
  ml_err e = {0};
  ml_jw w;

  if (ml_out_form(a, &form, &e) != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  if (form == ML_FORM_TABLE) {
    ml_buf_printf(&b, "%s: %lld bytes, checked\n", file, (long long)bytes);
    return ml_out_send(&b);
  }
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "file", file);
  ml_jw_kint(&w, "bytes", bytes);
  ml_jw_end(&w);
  ml_buf_putc(&b, '\n');
  return ml_out_send(&b);
}

static int by_engine(ml_reach *p, const ml_args *a, const char *file,
                     int64_t reserve) {
  ml_buf path = {0}, body = {0};
  ml_json *made = NULL;
  ml_jw w;
  int code;

  ml_path(&path, "/v1/backup");
  ml_jw_init(&w, &body);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "file", file);
  ml_jw_kint(&w, "reserve", reserve);
  ml_jw_end(&w);
  code = ml_remote_call(p->remote, &p->arena, "POST", &path, &body, &made);
  ml_buf_free(&path);
  ml_buf_free(&body);
  return code == ML_EXIT_FINE ? show(a, file, ml_json_int(made, "bytes", 0))
                              : code;
}

static int by_hand(ml_reach *p, const ml_args *a, const char *file,
                   int64_t reserve) {
  ml_backup_conf conf = {.path = p->db, .file = file,
                         .reserve = (uint64_t)reserve};
  ml_backup_made made;
  ml_err e = {0};
  ml_rc rc = ml_backup_copy(&conf, &made, &e);

  return rc == ML_OK ? show(a, file, (int64_t)made.bytes)
                     : ml_out_error(ml_out_code(rc), &e);
}

int ml_cmd_backup(const ml_args *a) {
  ml_reach p;
  const char *file;
  int64_t reserve = 0;
  ml_err e = {0};
  int code = ML_EXIT_FINE;

  if (ml_args_int(a, "reserve", 0, INT64_MAX, 0, &reserve, &e) != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  code = ml_reach_open(&p, a);
  file = absolute(&p.arena, ml_args_word(a, 0));
  if (code == ML_EXIT_FINE && file == NULL)
    code = ml_out_fail(ML_EXIT_FALSE, "the path of this folder is not known");
  if (code == ML_EXIT_FINE)
    code = p.remote != NULL ? by_engine(&p, a, file, reserve)
                            : by_hand(&p, a, file, reserve);
  ml_reach_close(&p);
  return code;
}
