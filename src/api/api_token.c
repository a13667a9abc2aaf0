/* api_token.c - tokens: made, listed, dropped; and the first of all. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/api_call.h"
#include "api/api_render.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"

#define DAY_MS INT64_C(86400000)
enum { DAYS_DEFAULT = 90, DAYS_MAX = 3650, SCOPES_MAX = 32, TEAM_MAX = 200 };

typedef struct making {
  ml_row_token row;
  ml_row_key key;             /* of an earlier request */
  ml_str shown;
} making;

/* ---- making ---- */

static void send_token(ml_call *c, ml_str id, ml_str shown, int64_t expires) {
  ml_jw_obj(&c->w);
  ml_jw_kstr(&c->w, "id", id);
  ml_jw_kstr(&c->w, "token", shown);
  ml_api_put_time(&c->w, "expiresAt", expires);
  ml_jw_end(&c->w);
  ml_call_send(c, 201);
}

static void fill_token(ml_call *c, ml_batch *b) {
  making *m = c->state;
  ml_row_key key = {.age_ms = ml_run_age(c->run), .status = 201,
                    .answer = m->row.id};

  ml_batch_token(b, &m->row);
  if (!c->has_key)
    return;
  memcpy(key.key, c->key, sizeof key.key);
  memcpy(key.body, c->body_hash, sizeof key.body);
  ml_batch_key(b, &key);
}

static ml_rc read_key(ml_call *c, ml_read *r) {
  making *m = c->state;

  return ml_read_key(r, &c->arena, c->key, &m->key);
}

/* The secret was shown once and is not kept: a replay gives the id alone. */
static void made_before(ml_call *c) {
  making *m = c->state;
  const ml_row_token *t = ml_run_token(c->run, m->key.answer);
  ml_err e = {0};

  if (memcmp(m->key.body, c->body_hash, sizeof c->body_hash) != 0) {
    ml_err_set(&e, ML_INVALID, "/Idempotency-Key",
               "this key was used before with another request");
    ml_call_refuse(c, ML_INVALID, &e);
    return;
  }
  c->replayed = true;
  send_token(c, m->key.answer, ML_NOSTR, t != NULL ? t->expires_ms : 0);
}

static void token_written(ml_call *c) {
  making *m = c->state;

  bool there = ml_run_token(c->run, m->row.id) != NULL;

  if (c->has_key && (c->rc == ML_EXISTS || (c->rc == ML_OK && !there))) {
    ml_call_read(c, read_key, made_before);
    return;
  }
  if (c->rc != ML_OK) {
    ml_call_refuse(c, c->rc, &c->err);
    return;
  }
  ml_log(ML_INFO, "token-made", "who", c->who.name.p, "id", m->row.id.p, NULL);
  send_token(c, m->row.id, m->shown, m->row.expires_ms);
}

/* The body's scopes as one text.  false: refused and gone. */
static bool scopes_of_body(ml_call *c, ml_str *out) {
  const ml_json *list = ml_json_get(c->body, "scopes");
  ml_buf b = {0};
  char *text = NULL;

  for (uint32_t i = 0; i < list->count && i < SCOPES_MAX; i++) {
    char at[32];
    if (ml_auth_scope_is(list->arr[i].s)) {
      ml_buf_puts(&b, b.len > 0 ? " " : "");
      ml_buf_put(&b, list->arr[i].s.p, list->arr[i].s.n);
      continue;
    }
    ml_buf_free(&b);
    snprintf(at, sizeof at, "/scopes/%u", i);
    ml_call_problem(c, 422, NULL, at, "read|operate|deploy|admin|work|hook:NAME",
                    "'%.80s' is no scope", list->arr[i].s.p);
    return false;
  }
  if (b.len == 0 || list->count > SCOPES_MAX) {
    ml_buf_free(&b);
    ml_call_problem(c, 422, NULL, "/scopes", NULL, "1 to %d scopes are wanted",
                    SCOPES_MAX);
    return false;
  }
  if (!b.bad)
    text = ml_arena_dup(&c->arena, b.p, b.len);
  *out = (ml_str){text, b.len};
  ml_buf_free(&b);
  if (text == NULL)
    ml_call_refuse(c, ML_NOMEM, NULL);
  return text != NULL;
}

static bool user_of_body(ml_call *c, ml_str scopes, ml_str *user) {
  const ml_row_user *u;

  *user = ml_json_str(c->body, "user");
  if (user->p == NULL) {
    if ((ml_auth_scopes(scopes) & ML_SCOPE_WORK) == 0)
      return true;
    ml_call_problem(c, 422, NULL, "/user", NULL,
                    "a token with the scope work belongs to a member");
    return false;
  }
  u = ml_run_user(c->run, *user);
  if (u != NULL && u->active
      && (c->who.team.p == NULL || ml_str_eq(c->who.team, u->team)))
    return true;
  ml_call_problem(c, 422, NULL, "/user", NULL,
                  "there is no active member '%.100s'", user->p);
  return false;
}

/* Of a token without a person; one that is made inside a wall stays there. */
static bool team_of_body(ml_call *c, ml_str *team) {
  *team = ml_json_str(c->body, "team");
  if (c->who.team.p != NULL && team->p != NULL
      && !ml_str_eq(*team, c->who.team)) {
    ml_call_problem(c, 422, NULL, "/team", NULL, "your own team is wanted");
    return false;
  }
  if (c->who.team.p != NULL)
    *team = c->who.team;
  if (team->p == NULL || (team->n > 0 && team->n <= TEAM_MAX
                          && ml_text_printable(*team)))
    return true;
  ml_call_problem(c, 422, NULL, "/team", NULL,
                  "a printable text of 1 to %d bytes is wanted", TEAM_MAX);
  return false;
}

static bool expiry_of_body(ml_call *c, int64_t *ms) {
  ml_str text = ml_json_str(c->body, "expires");
  ml_err e = {0};

  *ms = DAYS_DEFAULT * DAY_MS;
  if (text.p == NULL)
    return true;
  if (ml_text_duration(text, ms, &e) == ML_OK && *ms > 0
      && *ms <= DAYS_MAX * DAY_MS)
    return true;
  ml_call_problem(c, 422, NULL, "/expires", NULL,
                  "a duration of at most %d days is wanted, as \"90d\"",
                  DAYS_MAX);
  return false;
}

static void make_token(ml_call *c) {
  making *m = ml_call_alloc(c, sizeof *m);
  ml_str scopes, user, team;
  int64_t now = ml_api_now(c->api), lasts;
  ml_rc rc;

  if (m == NULL || !scopes_of_body(c, &scopes) || !team_of_body(c, &team)
      || !user_of_body(c, scopes, &user) || !expiry_of_body(c, &lasts))
    return;
  rc = ml_auth_make(ml_api_conf_of(c->api)->rand, &c->arena, user, scopes, now,
                    now + lasts, &m->row, &m->shown);
  if (rc != ML_OK) {
    ml_call_refuse(c, rc, NULL);
    return;
  }
  m->row.team = team;
  m->row.id.p = ml_arena_dup(&c->arena, m->row.id.p, m->row.id.n);
  c->state = m;
  if (m->row.id.p == NULL)
    ml_call_refuse(c, ML_NOMEM, NULL);
  else
    ml_call_write(c, fill_token, token_written);
}

/* ---- looking, dropping ---- */

static void put_token(ml_call *c, const ml_row_token *t) {
  ml_str scopes = t->scopes;

  ml_jw_obj(&c->w);
  ml_jw_kstr(&c->w, "id", t->id);
  ml_api_put_text(&c->w, "user", t->user);
  ml_api_put_text(&c->w, "team", t->team);
  ml_jw_key(&c->w, "scopes");
  ml_jw_arr(&c->w);
  for (ml_str s = ml_shape_part(&scopes, ' '); s.p != NULL;
       s = ml_shape_part(&scopes, ' '))
    ml_jw_str(&c->w, s);
  ml_jw_end(&c->w);
  ml_api_put_time(&c->w, "createdAt", t->created_ms);
  ml_api_put_time(&c->w, "expiresAt", t->expires_ms);
  ml_jw_kbool(&c->w, "expired", t->expires_ms != 0
                                    && t->expires_ms <= ml_api_now(c->api));
  ml_jw_end(&c->w);
}

/* Whose a token is: its person's team, or its own. */
static bool sees(const ml_call *c, const ml_row_token *t) {
  const ml_row_user *u = t != NULL && t->user.p != NULL
                             ? ml_run_user(c->run, t->user) : NULL;

  return t != NULL && (c->who.team.p == NULL
                       || ml_str_eq(c->who.team, u != NULL ? u->team : t->team));
}

static void list_tokens(ml_call *c) {
  ml_list_begin(c);
  for (size_t i = 0; i < ml_run_token_count(c->run); i++)
    if (sees(c, ml_run_token_at(c->run, i)))
      put_token(c, ml_run_token_at(c->run, i));
  ml_list_last(c);
  ml_list_send(c);
}

static void fill_drop(ml_call *c, ml_batch *b) {
  ml_batch_token_drop(b, c->part[0]);
}

static void token_dropped(ml_call *c) {
  if (c->rc != ML_OK) {
    ml_call_refuse(c, c->rc, &c->err);
    return;
  }
  ml_log(ML_INFO, "token-dropped", "who", c->who.name.p, "id", c->part[0].p,
         NULL);
  ml_call_send(c, 204);
}

static void drop_token(ml_call *c) {
  if (!sees(c, ml_run_token(c->run, c->part[0])))
    ml_call_problem(c, 404, NULL, NULL, NULL, "there is no token with this id");
  else
    ml_call_write(c, fill_drop, token_dropped);
}

/* ---- the first one ---- */

typedef struct first {
  ml_arena arena;
  ml_row_token row;
  const char *path;
  ml_api_token_fn *done;
  void *arg;
} first;

static void first_end(first *f, ml_rc rc, const ml_err *e, const char *path) {
  f->done(f->arg, rc, e, path);
  ml_arena_free(&f->arena);
  ml_mem_free(f);
}

static void first_fill(void *arg, ml_batch *b) {
  first *f = arg;

  ml_batch_token(b, &f->row);
}

static void first_done(void *arg, ml_rc rc, const ml_err *e) {
  first *f = arg;

  if (rc != ML_OK)
    unlink(f->path);
  first_end(f, rc, e, rc == ML_OK ? f->path : NULL);
}

static bool write_all(int fd, ml_str s) {
  while (s.n > 0) {
    ssize_t n = write(fd, s.p, s.n);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    s.p += n;
    s.n -= (size_t)n;
  }
  return true;
}

/* Into a new file beside, then over the path: never half a token, never one
** that others may read. */
static ml_rc write_file(first *f, ml_str shown, ml_err *e) {
  char *beside = ml_arena_printf(&f->arena, "%s.new", f->path);
  char *line = ml_arena_printf(&f->arena, "%s\n", shown.p);
  int fd;
  bool ok;

  if (beside == NULL || line == NULL)
    return ML_NOMEM;
  unlink(beside);
  fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return ml_err_set(e, ML_IO, f->path, "the first token cannot be written: %s",
                      strerror(errno));
  ok = write_all(fd, ml_str_of(line)) && fsync(fd) == 0;
  ok = close(fd) == 0 && ok && rename(beside, f->path) == 0;
  ml_crypto_wipe(line, strlen(line));
  if (ok)
    return ML_OK;
  ml_err_set(e, ML_IO, f->path, "the first token cannot be written: %s",
             strerror(errno));
  unlink(beside);
  return ML_IO;
}

void ml_api_first_token(ml_api *a, const char *path, ml_api_token_fn *done,
                        void *arg) {
  const ml_api_conf *conf = ml_api_conf_of(a);
  first *f = NULL;
  ml_err e = {0};
  ml_str shown = ML_NOSTR;
  int64_t now = ml_api_now(a);
  ml_rc rc = ML_NOMEM;

  if (ml_run_token_count(conf->run) > 0) {
    done(arg, ML_EXISTS, NULL, NULL);
    return;
  }
  f = ml_mem_zero(sizeof *f);
  if (f == NULL) {
    done(arg, ML_NOMEM, NULL, NULL);
    return;
  }
  f->done = done;
  f->arg = arg;
  f->path = ml_arena_printf(&f->arena, "%s", path);
  if (f->path != NULL)
    rc = ml_auth_make(conf->rand, &f->arena, ML_NOSTR,
                      ML_STR("admin operate read deploy"), now,
                      now + DAYS_DEFAULT * DAY_MS, &f->row, &shown);
  if (rc == ML_OK)
    rc = write_file(f, shown, &e);
  if (rc != ML_OK)
    first_end(f, rc, &e, NULL);
  else
    ml_run_write(conf->run, first_fill, first_done, f);
}

/* ---- rows ---- */

static const ml_route rows[] = {
  {"POST", "/v1/tokens", ML_SCOPE_ADMIN, 0, make_token, NULL, "MakeToken",
   "201 NewToken", "makeToken", "Make a token; it is shown this once"},
  {"GET", "/v1/tokens", ML_SCOPE_ADMIN, 0, list_tokens, NULL, NULL,
   "200 [Token]", "listTokens", "Tokens, without their secrets"},
  {"DELETE", "/v1/tokens/{id}", ML_SCOPE_ADMIN, 0, drop_token, NULL, NULL,
   "204", "dropToken", "Make a token worthless"}};

static const char shapes[] =
  "MakeToken { user?:str?, scopes:[str] \"read, operate, deploy, admin, work,"
  " hook:NAME\", expires?:str? \"a duration; 90d\","
  " team?:str? \"of a token without a person\" }"
  "NewToken { id:str, token:str? \"null when replayed\", expiresAt:int? }"
  "Token { id:str, user:str?, team:str?, scopes:[str], createdAt:int?, expiresAt:int?,"
  " expired:bool }";

const ml_routes ml_routes_token = {rows, sizeof rows / sizeof *rows, shapes};
