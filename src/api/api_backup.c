/* api_backup.c - POST /v1/backup: a copy of the store while it is in use. */
#include <limits.h>
#include <string.h>

#include "api/api_call.h"
#include "base/log.h"
#include "store/backup.h"

static void put_made(ml_call *c, const char *file, const ml_backup_made *made) {
  ml_jw_obj(&c->w);
  ml_jw_kstrz(&c->w, "file", file);
  ml_jw_kint(&c->w, "bytes", (int64_t)made->bytes);
  ml_jw_kint(&c->w, "schema", made->version);
  ml_jw_end(&c->w);
}

static void backed_up(void *arg, ml_rc rc, const ml_err *e,
                      const ml_backup_made *made) {
  ml_call *c = arg;

  if (rc != ML_OK) {
    ml_call_refuse(c, rc, e);
    return;
  }
  put_made(c, c->state, made);
  ml_call_send(c, 200);
}

/* The engine's folder is not the caller's: only an absolute path says which
** file is meant. */
static bool file_ok(ml_call *c, ml_str file) {
  if (file.n > 1 && file.p[0] == '/' && file.p[file.n - 1] != '/' &&
      file.n < PATH_MAX - 16 && memchr(file.p, '\0', file.n) == NULL)
    return true;
  ml_call_problem(c, 422, NULL, "/file", NULL, "the absolute path of a file that "
                  "is not there yet is wanted, of at most %d bytes",
                  PATH_MAX - 17);
  return false;
}

static void backup(ml_call *c) {
  ml_str file = ml_json_str(c->body, "file");
  int64_t reserve = ml_json_int(c->body, "reserve", 0);
  ml_store *store = ml_api_conf_of(c->api)->store;
  ml_err e = {0};
  ml_rc rc;

  if (!file_ok(c, file))
    return;
  if (reserve < 0) {
    ml_call_problem(c, 422, NULL, "/reserve", NULL, "bytes are wanted, 0 or more");
    return;
  }
  c->state = ml_arena_dup(&c->arena, file.p, file.n);
  if (c->state == NULL || store == NULL) {
    ml_call_refuse(c, c->state == NULL ? ML_NOMEM : ML_CONFLICT, NULL);
    return;
  }
  ml_log(ML_INFO, "backup", "who", c->who.name.p, "file", c->state, NULL);
  rc = ml_store_backup(store, c->state, (uint64_t)reserve, backed_up, c, &e);
  if (rc != ML_OK)
    ml_call_refuse(c, rc, &e);
}

static const ml_route rows[] = {
  {"POST", "/v1/backup", ML_SCOPE_ADMIN, ML_ROUTE_UNIX | ML_ROUTE_REPEAT, backup,
   NULL, "Backup", "200 BackedUp", "backup",
   "Copy the store to a file while it is in use"}};

static const char shapes[] =
  "Backup { file:str \"absolute path of the copy\","
  " reserve?:int \"bytes the log may reach meanwhile\" }"
  "BackedUp { file:str, bytes:int, schema:int }";

const ml_routes ml_routes_backup = {rows, sizeof rows / sizeof *rows, shapes};
