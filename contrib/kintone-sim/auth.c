/*
** auth.c - who calls: API tokens, or a login, which wins over them.
*/
#include <string.h>
#include <strings.h>

#include "api.h"
#include "base/text.h"

static bool use_token(ks_call *c, ml_str token) {
  ks_caller *who = &c->caller;
  const ks_app *app;
  size_t i, k;

  for (app = c->sim->apps; app != NULL; app = app->next)
    for (i = 0; i < app->token_count; i++) {
      if (!ml_str_eq(app->tokens[i].token, token))
        continue;
      for (k = 0; k < who->count; k++)
        if (who->token[k].app == app) {
          ks_fail_at(c, "GAIA_DA03");
          return false;
        }
      if (who->count == KS_TOKENS_IN_CALL) {
        ks_fail_at(c, "CB_IL02");
        return false;
      }
      who->token[who->count].app = app;
      who->token[who->count++].rights = app->tokens[i].rights;
      return true;
    }
  ks_fail_at(c, "GAIA_IA02");
  return false;
}

/* A token of the command line opens every app, so it stands in each. */
static bool use_master(ks_call *c, ml_str token) {
  ks_caller *who = &c->caller;

  if (!ml_str_eq(c->sim->master, token) || token.p == NULL)
    return false;
  who->login = true;
  return true;
}

/* "T1,T2" of one header. */
static bool use_tokens(ks_call *c, ml_str list) {
  const char *p = list.p, *end = list.p + list.n;

  while (p < end) {
    const char *comma = memchr(p, ',', (size_t)(end - p));
    ml_str t = {p, (size_t)((comma != NULL ? comma : end) - p)};

    while (t.n > 0 && t.p[0] == ' ') {
      t.p++;
      t.n--;
    }
    while (t.n > 0 && t.p[t.n - 1] == ' ')
      t.n--;
    if (!use_master(c, t) && !use_token(c, t))
      return false;
    p = comma != NULL ? comma + 1 : end;
  }
  return true;
}

static const ks_user *find_user(const ks_sim *sim, ml_str code,
                                ml_str password) {
  const ks_app *app;
  size_t i;

  for (app = sim->apps; app != NULL; app = app->next)
    for (i = 0; i < app->user_count; i++)
      if (ml_str_eq(app->users[i].code, code) && app->users[i].password.p != NULL
          && ml_str_eq(app->users[i].password, password))
        return &app->users[i];
  return NULL;
}

/* base64("login:password") */
static bool log_in(ks_call *c, ml_str header) {
  const ks_user *u = NULL;
  ml_buf b = {0};
  ml_str text;
  const char *colon;
  bool ok = ml_text_base64(&b, header, false) == ML_OK;

  text = ks_taken(c->a, &b);
  colon = ok && text.n > 0 ? memchr(text.p, ':', text.n) : NULL;
  if (colon != NULL)
    u = find_user(c->sim, (ml_str){text.p, (size_t)(colon - text.p)},
                  (ml_str){colon + 1, text.n - (size_t)(colon - text.p) - 1});
  if (u == NULL) {
    ks_fail_at(c, "CB_WA01");
    return false;
  }
  c->caller.login = true;
  c->caller.who = (ks_person){u->code, u->name};
  return true;
}

bool ks_auth(ks_call *c, const ml_request *q) {
  ml_str login = ml_request_header(q, "X-Cybozu-Authorization");
  bool any = false;
  size_t i;

  /* a call by token is made in the name of the administrator */
  c->caller.who = (ks_person){ML_STR("Administrator"), ML_STR("Administrator")};
  if (login.p != NULL)
    return log_in(c, login);
  for (i = 0; i < q->header_count; i++)
    if (ks_same_word(q->headers[i].name, "X-Cybozu-API-Token") &&
        q->headers[i].value.n > 0) {
      any = true;
      if (!use_tokens(c, q->headers[i].value))
        return false;
    }
  if (!any)
    ks_fail_at(c, "CB_AU01");
  return any;
}

/* ---- rights ---- */

bool ks_call_may(ks_call *c, const ks_app *app, unsigned rights) {
  size_t i;

  if (c->caller.login)
    return true;
  for (i = 0; i < c->caller.count; i++)
    if (c->caller.token[i].app == app)
      return (c->caller.token[i].rights & rights) == rights;
  return false;
}

static bool knows(const ks_call *c, const ks_app *app) {
  size_t i;

  for (i = 0; i < c->caller.count; i++)
    if (c->caller.token[i].app == app)
      return true;
  return c->caller.login;
}

bool ks_call_use(ks_call *c, ks_app *app, unsigned rights) {
  if (c->space.p == NULL && app->space.p != NULL)
    ks_fail_at(c, "GAIA_IL23");
  else if (c->space.p != NULL && !ml_str_eq(app->space, c->space))
    ks_fail_at(c, "CB_NO02");
  else if (!knows(c, app))
    ks_fail(c, "GAIA_AP15", ks_fmt(c->a, "%lld", (long long)app->id),
            ML_STR(""));
  else if (!ks_call_may(c, app, rights))
    ks_fail_at(c, "GAIA_NO01");
  if (!c->failed)
    c->app = app;
  return !c->failed;
}

bool ks_call_app(ks_call *c, unsigned rights) {
  int64_t id = 0;
  ks_app *app;

  ks_param_int(c, c->param, "app", ML_STR("app"), true, 1, INT64_MAX, &id);
  if (!ks_call_sound(c))
    return false;
  app = ks_sim_app(c->sim, id);
  if (app == NULL) {
    ks_fail(c, "GAIA_AP01", ks_fmt(c->a, "%lld", (long long)id), ML_STR(""));
    return false;
  }
  return ks_call_use(c, app, rights);
}
