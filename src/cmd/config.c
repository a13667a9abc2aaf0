/* config.c - which keys there are, and where their values come from. */
#include "cmd/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "cmd/files.h"
#include "cmd/literal.h"

#define PREFIX "MOONLANE_"

typedef enum kind { TEXT, INTEGER, SIZE, TRUTH, LIST } kind;

static const struct key {
  const char *name;
  kind kind;
} keys[] = {
  {"folder", TEXT},   {"db", TEXT},        {"listen", TEXT},
  {"socket", TEXT},   {"allow", LIST},     {"host", LIST},
  {"workers", INTEGER}, {"workflow_calls", INTEGER},
  {"insecure_scripts", TRUTH},
  {"step_commits", TRUTH}, {"key_file", TEXT},
  {"token_file", TEXT}, {"token", TEXT},   {"url", TEXT},
  {"output", TEXT},   {"as", TEXT},        {"drain", TEXT},
  {"timeout", TEXT},  {"rules", LIST},
  {"mail_url", TEXT}, {"mail_from", TEXT}, {"mail_user", TEXT},
  {"mail_password", TEXT}, {"mail_password_file", TEXT}, {"mail_tls", TEXT},
  {"mail_timeout", TEXT}, {"mail_ca_file", TEXT},
  {"isolation", TEXT}, {"owner", LIST},
  {"history_max", INTEGER}, {"queue_max", INTEGER}, {"connections", INTEGER},
  {"peer_connections", INTEGER}, {"keep_keys", TEXT},
  {"http_line", SIZE}, {"http_headers", SIZE}, {"http_fields", INTEGER},
  {"http_body", SIZE}, {"http_unread", SIZE}, {"header_time", TEXT},
  {"body_time", TEXT}, {"idle_time", TEXT}, {"request_time", TEXT},
  {"hook_rate", TEXT},
  {"script_units", INTEGER}, {"script_time", TEXT}, {"script_memory", SIZE},
  {"script_coroutines", INTEGER}, {"script_result", SIZE},
  {"script_source", SIZE}, {"journal_entries", INTEGER},
  {"journal_bytes", SIZE}, {"rule_units", INTEGER}, {"rule_time", TEXT},
  {"keep_occurrences", TEXT},
};

enum { KEYS = sizeof keys / sizeof *keys };

static int find(ml_str name) {
  for (int i = 0; i < KEYS; i++) {
    size_t n = strlen(keys[i].name), k = 0;

    if (n != name.n)
      continue;
    while (k < n && (keys[i].name[k] == name.p[k]
                     || (keys[i].name[k] == '_' && name.p[k] == '-')))
      k++;
    if (k == n)
      return i;
  }
  return -1;
}

static ml_rc unknown(const char *at, ml_str name, ml_err *e) {
  ml_buf known = {0};
  char shown[80];
  ml_rc rc;

  for (int i = 0; i < KEYS; i++)
    ml_buf_printf(&known, "%s%s", i > 0 ? ", " : "", keys[i].name);
  ml_text_excerpt(shown, sizeof shown, name);
  rc = ml_err_set(e, ML_INVALID, at, "there is no key '%s'; the keys are: %s",
                  shown, known.p != NULL ? known.p : "");
  ml_buf_free(&known);
  return rc;
}

static ml_rc put(ml_config *c, int key, const char *const *texts, size_t n) {
  c->values[key].texts = texts;
  c->values[key].count = n;
  return ML_OK;
}

/* ---- from the file ---- */

static const char *text_of(ml_arena *a, const ml_json *v) {
  switch (v->type) {
  case ML_JSTR:
    return v->s.p;
  case ML_JINT:
    return ml_arena_printf(a, "%lld", (long long)v->i);
  default:
    return ml_arena_printf(a, "%s", v->b ? "true" : "false");
  }
}

static bool fits(kind k, const ml_json *v) {
  switch (k) {
  case TEXT:
    return v->type == ML_JSTR;
  case INTEGER:
    return v->type == ML_JINT;
  case SIZE:
    return v->type == ML_JINT || v->type == ML_JSTR;
  case TRUTH:
    return v->type == ML_JBOOL;
  case LIST:
    break;
  }
  if (v->type == ML_JSTR)
    return true;
  for (uint32_t i = 0; v->type == ML_JARR && i < v->count; i++)
    if (v->arr[i].type != ML_JSTR)
      return false;
  return v->type == ML_JARR;
}

static ml_rc from_member(ml_config *c, const char *path, const ml_jmember *m,
                         ml_err *e) {
  static const char *const wants[] = {
    [TEXT] = "a text", [INTEGER] = "an integer",
    [SIZE] = "a size, as 65536 or \"64KiB\"", [TRUTH] = "true or false",
    [LIST] = "a text or a list of texts"};
  int k = find(m->key);
  bool many = m->value.type == ML_JARR;
  size_t n = many ? m->value.count : 1;
  const char **texts;

  if (k < 0)
    return unknown(path, m->key, e);
  if (!fits(keys[k].kind, &m->value))
    return ml_err_set(e, ML_INVALID, path, "'%s' wants %s", keys[k].name,
                      wants[keys[k].kind]);
  texts = ml_arena_zero(&c->arena, (n + 1) * sizeof *texts);
  if (texts == NULL)
    return ML_NOMEM;
  for (size_t i = 0; i < n; i++) {
    texts[i] = text_of(&c->arena, many ? &m->value.arr[i] : &m->value);
    if (texts[i] == NULL)
      return ML_NOMEM;
  }
  return put(c, k, texts, n);
}

static ml_rc from_file(ml_config *c, const char *path, bool must, ml_err *e) {
  ml_buf text = {0};
  ml_json *v = NULL;
  ml_rc rc = ml_file_read(path, ML_LITERAL_BYTES, &text, e);

  if (rc == ML_NOT_FOUND && !must)
    return ML_OK;
  if (rc == ML_OK)
    rc = ml_literal_read(&c->arena, path, (ml_str){text.p, text.len}, &v, e);
  if (rc == ML_OK && v->count > 0 && v->type != ML_JOBJ)
    rc = ml_err_set(e, ML_INVALID, path, "a table with keys is wanted, as "
                    "{ listen = \"127.0.0.1:8080\" }");
  for (uint32_t i = 0; rc == ML_OK && v->type == ML_JOBJ && i < v->count; i++)
    rc = from_member(c, path, &v->obj[i], e);
  ml_buf_free(&text);
  return rc;
}

/* ---- from the environment ---- */

/* "MOONLANE_KEY_FILE=x": the key, or -1; *value is x. */
static int key_of(const char *entry, const char **value) {
  const char *eq = strchr(entry, '=');

  if (strncmp(entry, PREFIX, sizeof PREFIX - 1) != 0 || eq == NULL)
    return -1;
  entry += sizeof PREFIX - 1;
  *value = eq + 1;
  for (int i = 0; i < KEYS; i++) {
    size_t n = strlen(keys[i].name), k = 0;

    while (k < n && entry[k] == (keys[i].name[k] == '_'
                                     ? '_' : keys[i].name[k] - 'a' + 'A'))
      k++;
    if (k == n && entry + k == eq)
      return i;
  }
  return -1;
}

static const char *env_get(char *const *env, const char *name) {
  size_t n = strlen(name);

  for (; env != NULL && *env != NULL; env++)
    if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
      return *env + n + 1;
  return NULL;
}

/* A list's items stand with commas between. */
static ml_rc from_entry(ml_config *c, int key, const char *value, ml_err *e) {
  char *copy = ml_arena_printf(&c->arena, "%s", value);
  size_t n = 1;
  const char **texts;
  int64_t i;

  if (keys[key].kind == INTEGER && !ml_text_int(ml_str_of(value), &i))
    return ml_err_set(e, ML_INVALID, "environment",
                      "the MOONLANE_ value of '%s' wants an integer",
                      keys[key].name);
  if (keys[key].kind == TRUTH && strcmp(value, "true") != 0
      && strcmp(value, "false") != 0)
    return ml_err_set(e, ML_INVALID, "environment",
                      "the MOONLANE_ value of '%s' wants true or false",
                      keys[key].name);
  for (const char *p = value; keys[key].kind == LIST && *p != '\0'; p++)
    n += *p == ',';
  texts = ml_arena_zero(&c->arena, (n + 1) * sizeof *texts);
  if (texts == NULL || copy == NULL)
    return ML_NOMEM;
  texts[0] = copy;
  for (n = 1; keys[key].kind == LIST && (copy = strchr(copy, ',')) != NULL; n++) {
    *copy++ = '\0';
    texts[n] = copy;
  }
  return put(c, key, texts, n);
}

ml_rc ml_config_read(ml_config *c, const char *path, char *const *env,
                     ml_err *e) {
  const char *value;
  bool must = true;
  ml_rc rc;

  memset(c, 0, sizeof *c);
  c->values = ml_arena_zero(&c->arena, KEYS * sizeof *c->values);
  if (c->values == NULL)
    return ML_NOMEM;
  if (path == NULL)
    path = env_get(env, PREFIX "CONFIG");
  if (path == NULL) {
    path = ML_CONFIG_FILE;
    must = false;
  }
  rc = from_file(c, path, must, e);
  for (; rc == ML_OK && env != NULL && *env != NULL; env++) {
    int k = key_of(*env, &value);

    if (k >= 0 && *value != '\0')
      rc = from_entry(c, k, value, e);
  }
  return rc;
}

void ml_config_done(ml_config *c) {
  ml_arena_free(&c->arena);
  c->values = NULL;
}

size_t ml_config_get(const ml_config *c, const char *key,
                     const char *const **texts) {
  int k = find(ml_str_of(key));

  if (c == NULL || c->values == NULL || k < 0)
    return 0;
  *texts = c->values[k].texts;
  return c->values[k].count;
}
