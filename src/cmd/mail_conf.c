/* mail_conf.c - the mail server as it is configured. */
#include "cmd/mail_conf.h"

#include <string.h>

#include "base/crypto.h"
#include "cmd/files.h"
#include "net/mail_text.h"

enum { PASSWORD_MAX = 1000, CA_MAX = 4 << 20 };

static ml_str value(const ml_args *a, const char *name) {
  const char *v = ml_args_get(a, name);

  return v != NULL && v[0] != '\0' ? ml_str_of(v) : ML_NOSTR;
}

static ml_rc read_tls(ml_mail_conf *m, const ml_args *a, ml_err *e) {
  ml_str s = value(a, "mail-tls");

  m->server.tls = ML_MAIL_TLS_REQUIRE;
  if (ml_str_is(s, "try"))
    m->server.tls = ML_MAIL_TLS_TRY;
  else if (ml_str_is(s, "none"))
    m->server.tls = ML_MAIL_TLS_NONE;
  else if (s.p != NULL && !ml_str_is(s, "require"))
    return ml_err_set(e, ML_INVALID, NULL, "mail_tls wants require, try or none, "
                      "not '%.60s'", s.p);
  return ML_OK;
}

/* From a file its first line. */
static ml_rc read_password(ml_mail_conf *m, const ml_args *a, ml_err *e) {
  const char *path = ml_args_get(a, "mail-password-file");
  ml_buf b = {0};
  const char *nl;
  ml_rc rc;

  m->server.password = value(a, "mail-password");
  if (path == NULL)
    return ML_OK;
  if (m->server.password.p != NULL)
    return ml_err_set(e, ML_INVALID, NULL, "give mail_password or "
                      "mail_password_file");
  rc = ml_file_read(path, PASSWORD_MAX, &b, e);
  if (rc == ML_OK) {
    nl = b.len > 0 ? memchr(b.p, '\n', b.len) : NULL;
    m->server.password.n = nl != NULL ? (size_t)(nl - b.p) : b.len;
    m->server.password.p = ml_arena_dup(&m->arena, b.p != NULL ? b.p : "",
                                        m->server.password.n);
    rc = m->server.password.p != NULL ? ML_OK : ML_NOMEM;
  }
  if (b.p != NULL)
    ml_crypto_wipe(b.p, b.len);
  ml_buf_free(&b);
  return rc;
}

/* It is read again for each mail: what cannot be read now will not be then. */
static ml_rc read_ca(ml_mail_conf *m, const ml_args *a, ml_err *e) {
  static const char begin[] = "-----BEGIN CERTIFICATE-----";
  ml_buf b = {0};
  ml_rc rc = ML_OK;

  m->server.ca_file = value(a, "mail-ca-file");
  if (m->server.ca_file.p == NULL)
    return ML_OK;
  rc = ml_file_read(m->server.ca_file.p, CA_MAX, &b, e);
  if (rc == ML_OK && (b.len == 0 || memmem(b.p, b.len, begin, sizeof begin - 1) ==
                                        NULL))
    rc = ml_err_set(e, ML_INVALID, NULL, "mail_ca_file: '%.200s' holds no "
                    "certificate (PEM)", m->server.ca_file.p);
  ml_buf_free(&b);
  return rc;
}

static ml_rc check(const ml_mail_conf *m, ml_err *e) {
  ml_str name, address;
  ml_rc rc;

  if (m->from.p == NULL)
    return ml_err_set(e, ML_INVALID, NULL, "mail_url needs mail_from: the address "
                      "that mails come from");
  rc = ml_mail_mailbox(m->from, &name, &address, e);
  return rc == ML_OK ? ml_mail_server_check(&m->server, e) : rc;
}

ml_rc ml_mail_conf_read(ml_mail_conf *m, const ml_args *a, const ml_str *allow,
                        size_t allow_count, ml_err *e) {
  ml_rc rc;

  memset(m, 0, sizeof *m);
  m->server.url = value(a, "mail-url");
  m->server.user = value(a, "mail-user");
  m->server.allow = allow;
  m->server.allow_count = allow_count;
  m->from = value(a, "mail-from");
  if (m->server.url.p == NULL)
    return ML_OK;
  rc = read_tls(m, a, e);
  if (rc == ML_OK)
    rc = read_password(m, a, e);
  if (rc == ML_OK)
    rc = read_ca(m, a, e);
  if (rc == ML_OK)
    rc = ml_args_duration(a, "mail-timeout", 0, &m->server.timeout_ms, e);
  return rc == ML_OK ? check(m, e) : rc;
}

void ml_mail_conf_done(ml_mail_conf *m) {
  if (m->server.password.p != NULL && m->arena.head != NULL)
    ml_crypto_wipe((char *)m->server.password.p, m->server.password.n);
  ml_arena_free(&m->arena);
  memset(m, 0, sizeof *m);
}
