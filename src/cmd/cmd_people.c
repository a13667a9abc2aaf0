/* cmd_people.c - user, lane, token, setting: who may do what, and with what. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/text.h"
#include "cmd/files.h"
#include "cmd/out.h"
#include "cmd/verbs.h"
#include "cmd/view.h"

const ml_opt ml_opts_user[] = {
  {"name", "NAME", "the name people read", 0},
  {"email", "ADDRESS", "where mail goes", 0},
  {"lane", "LANE", "WORKFLOW/LANE; several times for several", 0},
  {"no-lanes", NULL, "in no lane at all", 0},
  {"limit", "N", "at most so many items", 'n'}, {NULL, NULL, NULL, 0}};
const ml_opt ml_opts_token[] = {
  {"scopes", "LIST", "what it may do, with commas between", 0},
  {"user", "USER", "the member it belongs to", 0},
  {"expires", "DURATION", "how long it is good (90d)", 0},
  {NULL, NULL, NULL, 0}};
const ml_opt ml_opts_setting[] = {
  {"file", "FILE", "read the value from a file (- is standard input)", 0},
  {"unset", NULL, "back to its default", 0}, {NULL, NULL, NULL, 0}};

enum { ITEMS = 200, VALUE_BYTES = 64 << 10 };

static bool sub(const ml_talk *q, const char *name, size_t words) {
  const char *w = ml_args_word(q->args, 0);

  return strcmp(w, name) == 0 && q->args->word_count == words;
}

static int bad_sub(const ml_talk *q) {
  const ml_verb *v = q->args->verb;

  return ml_out_fail(ML_EXIT_USAGE, "usage: moonlane %s %s", v->name, v->usage);
}

/* Users come in pages; the short lists come whole. */
static int list(ml_talk *q, const char *kind, bool pages) {
  ml_json *l;
  ml_buf b = {0};
  int code;

  ml_path(&q->path, "/v1/{}", kind);
  code = pages ? ml_talk_list(q, ITEMS, &l) : ml_talk_send(q, "GET", &l);
  if (code != ML_EXIT_FINE)
    return code;
  if (q->form != ML_FORM_TABLE)
    return ml_out_json(l, q->form);
  ml_view_list(&b, ml_json_get(l, "items"), kind, ml_out_width());
  return ml_out_send(&b);
}

/* Send; show the answer as a table of one row. */
static int send_one(ml_talk *q, const char *method, const char *kind) {
  ml_json *answer, one = {.type = ML_JARR, .count = 1};
  ml_buf b = {0};
  int code = ml_talk_send(q, method, &answer);

  if (code != ML_EXIT_FINE)
    return code;
  if (q->form != ML_FORM_TABLE)
    return ml_out_json(answer, q->form);
  one.arr = answer;
  ml_view_list(&b, &one, kind, ml_out_width());
  return ml_out_send(&b);
}

/* ---- user ---- */

static int user_add(ml_talk *q) {
  const char *name = ml_args_given(q->args, "name");
  const char *email = ml_args_given(q->args, "email");
  size_t lanes = ml_args_count(q->args, "lane");

  ml_path(&q->path, "/v1/users/{}", ml_args_word(q->args, 1));
  ml_jw_obj(&q->w);
  if (name != NULL)
    ml_jw_kstrz(&q->w, "name", name);
  if (email != NULL)
    ml_jw_kstrz(&q->w, "email", email);
  if (lanes > 0 || ml_args_flag(q->args, "no-lanes")) {
    ml_jw_key(&q->w, "lanes");
    ml_jw_arr(&q->w);
    for (size_t i = 0; i < lanes; i++)
      ml_jw_strz(&q->w, ml_args_nth(q->args, "lane", i));
    ml_jw_end(&q->w);
  }
  ml_jw_kbool(&q->w, "active", true);
  ml_jw_end(&q->w);
  return send_one(q, "PUT", "users");
}

int ml_cmd_user(ml_talk *q) {
  if (sub(q, "ls", 1))
    return list(q, "users", true);
  if (sub(q, "add", 2))
    return user_add(q);
  if (!sub(q, "show", 2) && !sub(q, "off", 2))
    return bad_sub(q);
  ml_path(&q->path, "/v1/users/{}", ml_args_word(q->args, 1));
  if (sub(q, "show", 2))
    return send_one(q, "GET", "users");
  return ml_talk_send(q, "DELETE", NULL);
}

/* ---- lane ---- */

int ml_cmd_lane(ml_talk *q) {
  const char *name = ml_args_word(q->args, 1), *slash;
  char workflow[256];

  if (sub(q, "ls", 1))
    return list(q, "lanes", false);
  if (!sub(q, "add", 3) && !sub(q, "remove", 3))
    return bad_sub(q);
  slash = strrchr(name, '/');
  if (slash == NULL || slash == name || (size_t)(slash - name) >= sizeof workflow)
    return ml_out_fail(ML_EXIT_USAGE, "a lane is WORKFLOW/LANE, not '%.80s'",
                       name);
  snprintf(workflow, sizeof workflow, "%.*s", (int)(slash - name), name);
  ml_path(&q->path, "/v1/lanes/{}/{}/members/{}", workflow, slash + 1,
          ml_args_word(q->args, 2));
  return ml_talk_send(q, sub(q, "add", 3) ? "PUT" : "DELETE", NULL);
}

/* ---- token ---- */

static int token_new(ml_talk *q) {
  const char *scopes = ml_args_given(q->args, "scopes");
  const char *user = ml_args_given(q->args, "user");
  const char *expires = ml_args_given(q->args, "expires");
  ml_json *answer;
  ml_str token;
  ml_buf b = {0};
  int code;

  if (scopes == NULL)
    return ml_out_fail(ML_EXIT_USAGE, "which scopes? As --scopes read,operate");
  ml_path(&q->path, "/v1/tokens");
  ml_jw_obj(&q->w);
  ml_jw_key(&q->w, "scopes");
  ml_jw_arr(&q->w);
  while (*scopes != '\0') {
    size_t n = strcspn(scopes, ", ");

    if (n > 0)
      ml_jw_str(&q->w, (ml_str){scopes, n});
    scopes += n + (scopes[n] != '\0');
  }
  ml_jw_end(&q->w);
  if (user != NULL)
    ml_jw_kstrz(&q->w, "user", user);
  if (expires != NULL)
    ml_jw_kstrz(&q->w, "expires", expires);
  ml_jw_end(&q->w);
  code = ml_talk_send(q, "POST", &answer);
  if (code != ML_EXIT_FINE)
    return code;
  if (q->form != ML_FORM_TABLE)
    return ml_out_json(answer, q->form);
  token = ml_json_str(answer, "token");
  ml_out_clean(&b, token);
  ml_buf_puts(&b, "\n(shown this once; good until ");
  ml_out_time(&b, ml_json_int(answer, "expiresAt", 0));
  ml_buf_puts(&b, ")\n");
  return ml_out_send(&b);
}

int ml_cmd_token(ml_talk *q) {
  if (sub(q, "ls", 1))
    return list(q, "tokens", false);
  if (sub(q, "new", 1))
    return token_new(q);
  if (!sub(q, "drop", 2))
    return bad_sub(q);
  ml_path(&q->path, "/v1/tokens/{}", ml_args_word(q->args, 1));
  return ml_talk_send(q, "DELETE", NULL);
}

/* ---- setting ---- */

static void setting_path(ml_talk *q) {
  ml_path(&q->path, "/v1/workflows/{}/settings/{}", ml_args_word(q->args, 0),
          ml_args_word(q->args, 1));
}

/* A value by the setting's type: numbers, truth and JSON are JSON. */
static int put_value(ml_talk *q, ml_str type, ml_str text) {
  ml_str key = ML_STR("value");
  ml_json *v;
  ml_err e = {0};
  bool json = ml_str_is(type, "integer") || ml_str_is(type, "number")
              || ml_str_is(type, "boolean") || ml_str_is(type, "json");

  if (!ml_text_utf8(text))
    return ml_out_fail(ML_EXIT_USAGE, "the value is not UTF-8");
  ml_jw_obj(&q->w);
  ml_jw_keyn(&q->w, key);
  if (!json) {
    ml_jw_str(&q->w, text);
  } else {
    if (ml_json_parse(&q->arena, text.p, text.n, NULL, &v, &e) != ML_OK)
      return ml_out_fail(ML_EXIT_USAGE, "a setting of type %.*s wants JSON: %s",
                         (int)type.n, type.p, e.text);
    ml_jw_json(&q->w, v);
  }
  ml_jw_end(&q->w);
  return ML_EXIT_FINE;
}

static int set_to(ml_talk *q, ml_str type, ml_str text) {
  int code = put_value(q, type, text);

  if (code != ML_EXIT_FINE)
    return code;
  setting_path(q);
  return send_one(q, "PUT", "settings");
}

/* One newline at the end is the editor's, not the secret's. */
static int set_from(ml_talk *q, ml_str type, const char *file) {
  ml_buf text = {0};
  ml_err e = {0};
  ml_rc rc = ml_file_read(file, VALUE_BYTES, &text, &e);
  size_t n = text.len;
  int code;

  if (n > 0 && text.p[n - 1] == '\n')
    n--;
  if (n > 0 && text.p[n - 1] == '\r')
    n--;
  code = rc == ML_OK ? set_to(q, type, (ml_str){text.p, n})
                     : ml_out_error(ml_out_code(rc), &e);
  if (text.p != NULL)
    ml_crypto_wipe(text.p, text.len);
  ml_buf_free(&text);
  return code;
}

static int show_setting(ml_talk *q, const ml_json *setting) {
  ml_json one = {.type = ML_JARR, .count = 1}, item = *setting;
  ml_buf b = {0};

  if (q->form != ML_FORM_TABLE)
    return ml_out_json(setting, q->form);
  one.arr = &item;
  ml_view_list(&b, &one, "settings", ml_out_width());
  return ml_out_send(&b);
}

int ml_cmd_setting(ml_talk *q) {
  const char *key = ml_args_word(q->args, 1);
  const char *value = ml_args_word(q->args, 2);
  const char *file = ml_args_given(q->args, "file");
  ml_json *setting;
  ml_str type;
  int code;

  if (key == NULL) {
    ml_path(&q->path, "/v1/workflows/{}/settings", ml_args_word(q->args, 0));
    code = ml_talk_send(q, "GET", &setting);
    if (code == ML_EXIT_FINE && q->form == ML_FORM_TABLE) {
      ml_buf b = {0};
      ml_view_list(&b, ml_json_get(setting, "items"), "settings",
                   ml_out_width());
      return ml_out_send(&b);
    }
    return code == ML_EXIT_FINE ? ml_out_json(setting, q->form) : code;
  }
  setting_path(q);
  if (ml_args_flag(q->args, "unset"))
    return ml_talk_send(q, "DELETE", NULL);
  code = ml_talk_send(q, "GET", &setting);
  if (code != ML_EXIT_FINE)
    return code;
  type = ml_json_str(setting, "type");
  if (value != NULL && ml_str_is(type, "secret"))
    return ml_out_fail(ML_EXIT_USAGE, "'%s' is a secret: the command line is no "
                       "place for it; use --file FILE or standard input", key);
  if (file != NULL)
    return set_from(q, type, file);
  if (value != NULL)
    return set_to(q, type, ml_str_of(value));
  return show_setting(q, setting);
}
