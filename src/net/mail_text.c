/*
** mail_text.c - headers, encoded words, and the body in base64.
*/
#include "net/mail_text.h"

#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "base/utf8.h"

#define LINE 76u
#define WORD_BYTES 39u           /* of UTF-8 in one encoded word: 64 characters,
                                    and the header's name fits before it */

/* ---- addresses ---- */

static bool is_atom_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') ||
         (c != '\0' && strchr("!#$%&'*+/=?^_`{|}~-", c) != NULL);
}

static bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '-';
}

/* Pieces of at most `max` characters between dots, none empty. */
static bool is_dotted(ml_str s, size_t max, bool (*is)(char)) {
  size_t i, run = 0;

  for (i = 0; i < s.n; i++) {
    if (s.p[i] == '.') {
      if (run == 0)
        return false;
      run = 0;
    } else if (!is(s.p[i]) || ++run > max) {
      return false;
    }
  }
  return run > 0;
}

bool ml_mail_is_address(ml_str s) {
  const char *at = s.n > 0 ? memrchr(s.p, '@', s.n) : NULL;
  ml_str local, host;
  size_t i;

  if (at == NULL || s.n > ML_MAIL_ADDRESS_MAX)
    return false;
  local = (ml_str){s.p, (size_t)(at - s.p)};
  host = (ml_str){at + 1, s.n - local.n - 1};
  if (local.n > 64 || !is_dotted(local, 64, is_atom_char) ||
      !is_dotted(host, 63, is_host_char))
    return false;
  for (i = 0; i < host.n; i++) {   /* no label begins or ends with '-' */
    bool first = i == 0 || host.p[i - 1] == '.';
    bool last = i + 1 == host.n || host.p[i + 1] == '.';

    if (host.p[i] == '-' && (first || last))
      return false;
  }
  return true;
}

static ml_str trim(ml_str s) {
  while (s.n > 0 && s.p[0] == ' ')
    s.p++, s.n--;
  while (s.n > 0 && s.p[s.n - 1] == ' ')
    s.n--;
  return s;
}

ml_rc ml_mail_mailbox(ml_str text, ml_str *name, ml_str *address, ml_err *e) {
  ml_str s = trim(text);
  const char *open = s.n > 0 && s.p[s.n - 1] == '>'
      ? memrchr(s.p, '<', s.n) : NULL;
  char shown[80];

  *name = ML_NOSTR;
  *address = s;
  if (open != NULL) {
    *address = (ml_str){open + 1, (size_t)(s.p + s.n - 1 - (open + 1))};
    *name = trim((ml_str){s.p, (size_t)(open - s.p)});
    if (name->n == 0)
      *name = ML_NOSTR;
  }
  ml_text_excerpt(shown, sizeof shown, s);
  if (!ml_mail_is_address(*address))
    return ml_err_set(e, ML_INVALID, "", "'%s' is no mail address: "
                      "name@host.example, or A name <name@host.example>", shown);
  if (name->p != NULL && (name->n > ML_MAIL_NAME_MAX || !ml_text_printable(*name)))
    return ml_err_set(e, ML_INVALID, "", "the name in '%s' must be at most %d "
                      "bytes of printable text", shown, ML_MAIL_NAME_MAX);
  return ML_OK;
}

/* ---- header values ---- */

/* A value as it may stand: printable ASCII that fits its line and looks like
** no encoded word. */
static bool is_plain(ml_str s, size_t room) {
  size_t i;

  if (s.n > room || memmem(s.p != NULL ? s.p : "", s.n, "=?", 2) != NULL)
    return false;
  for (i = 0; i < s.n; i++)
    if (s.p[i] < ' ' || s.p[i] > '~')
      return false;
  return s.n == 0 || (s.p[0] != ' ' && s.p[s.n - 1] != ' ');
}

/* Encoded words, one a line; none cuts a character in two. */
static void put_words(ml_buf *b, ml_str s) {
  const char *p = s.p, *end = s.p + s.n;

  while (p < end) {
    const char *from = p;

    while (p < end) {
      size_t n = ml_utf8_step(p, end);

      if ((size_t)(p - from) + n > WORD_BYTES)
        break;
      p += n;
    }
    if (from != s.p)
      ml_buf_puts(b, "\r\n ");
    ml_buf_puts(b, "=?UTF-8?B?");
    ml_text_put_base64(b, (ml_str){from, (size_t)(p - from)}, false);
    ml_buf_puts(b, "?=");
  }
}

static void put_value(ml_buf *b, const char *name, ml_str value) {
  ml_buf_printf(b, "%s: ", name);
  if (is_plain(value, LINE - strlen(name) - 2)) {
    ml_buf_put(b, value.p, value.n);
  } else {
    put_words(b, value);
  }
  ml_buf_puts(b, "\r\n");
}

/* What stands between quotes would have to escape these. */
static bool has_quotes(ml_str s) {
  return s.n > 0 && (memchr(s.p, '"', s.n) != NULL ||
                     memchr(s.p, '\\', s.n) != NULL);
}

static void put_mailbox(ml_buf *b, const char *header, ml_str name,
                        ml_str address) {
  ml_buf_printf(b, "%s: ", header);
  if (name.p != NULL && is_plain(name, 50) && !has_quotes(name)) {
    ml_buf_printf(b, "\"%.*s\"\r\n ", (int)name.n, name.p);
  } else if (name.p != NULL) {
    put_words(b, name);
    ml_buf_puts(b, "\r\n ");
  }
  ml_buf_printf(b, "<%.*s>\r\n", (int)address.n, address.p);
}

static void put_date(ml_buf *b, int64_t at_ms) {
  static const char days[] = "ThuFriSatSunMonTueWed";   /* 1970 began a Thursday */
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  int64_t s = at_ms / 1000, day = s / 86400, left = s % 86400;
  int y, m, d;

  if (left < 0) {
    left += 86400;
    day--;
  }
  ml_text_civil(day, &y, &m, &d);
  ml_buf_printf(b, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d +0000\r\n",
                days + 3 * ((day % 7 + 7) % 7), d, months + 3 * (m - 1), y,
                (int)(left / 3600), (int)(left / 60 % 60), (int)(left % 60));
}

static bool put_id(ml_buf *b, ml_str key, ml_str from) {
  const char *at = memrchr(from.p, '@', from.n);
  uint8_t hash[ML_SHA256_LEN];

  if (ml_sha256(key.p != NULL ? key.p : "", key.n, hash) != ML_OK)
    return false;
  ml_buf_puts(b, "Message-ID: <");
  ml_text_put_hex(b, hash, 16);
  ml_buf_printf(b, "@%.*s>\r\n", (int)(from.p + from.n - at - 1), at + 1);
  return true;
}

/* ---- the body ---- */

static void put_body(ml_buf *b, ml_str body) {
  ml_buf text = {0};
  size_t i, n;

  for (i = 0; i < body.n; i++) {
    if (body.p[i] == '\r')
      continue;
    if (body.p[i] == '\n')
      ml_buf_putc(&text, '\r');
    ml_buf_putc(&text, body.p[i]);
  }
  if (text.len > 0 && text.p[text.len - 1] != '\n')
    ml_buf_puts(&text, "\r\n");
  for (i = 0; i < text.len; i += n) {
    n = text.len - i < 57 ? text.len - i : 57;   /* 57 bytes are 76 characters */
    ml_text_put_base64(b, (ml_str){text.p + i, n}, false);
    ml_buf_puts(b, "\r\n");
  }
  if (text.bad)
    b->bad = true;
  ml_buf_free(&text);
}

static void blank_controls(ml_buf *b) {
  size_t i;

  for (i = 0; i < b->len; i++)
    if ((unsigned char)b->p[i] < ' ' || b->p[i] == 0x7F)
      b->p[i] = ' ';
}

static ml_rc check(const ml_mail_text *m, ml_err *e) {
  if (m->subject.n > ML_MAIL_SUBJECT_MAX)
    return ml_err_set(e, ML_LIMIT, "", "the subject of a mail has at most %d "
                      "bytes, not %zu", ML_MAIL_SUBJECT_MAX, m->subject.n);
  if (m->body.n > ML_MAIL_BODY_MAX)
    return ml_err_set(e, ML_LIMIT, "", "the body of a mail has at most %d "
                      "bytes, not %zu", ML_MAIL_BODY_MAX, m->body.n);
  if (!ml_text_utf8(m->subject) || !ml_text_utf8(m->body))
    return ml_err_set(e, ML_INVALID, "", "subject and body of a mail are "
                      "UTF-8");
  return ML_OK;
}

ml_rc ml_mail_write(ml_buf *out, const ml_mail_text *m, ml_err *e) {
  ml_str from_name, from, to_name, to;
  ml_buf b = {0}, subject = {0};
  ml_rc rc = check(m, e);
  bool hashed = false;

  if (rc == ML_OK)
    rc = ml_mail_mailbox(m->from, &from_name, &from, e);
  if (rc == ML_OK)
    rc = ml_mail_mailbox(m->to, &to_name, &to, e);
  if (rc != ML_OK)
    return rc;
  ml_buf_put(&subject, m->subject.p != NULL ? m->subject.p : "", m->subject.n);
  blank_controls(&subject);
  put_date(&b, m->at_ms);
  put_mailbox(&b, "From", from_name, from);
  put_mailbox(&b, "To", to_name, to);
  hashed = put_id(&b, m->key, from);
  put_value(&b, "Subject", trim((ml_str){subject.p, subject.len}));
  ml_buf_puts(&b, "Auto-Submitted: auto-generated\r\n"
                  "MIME-Version: 1.0\r\n"
                  "Content-Type: text/plain; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: base64\r\n\r\n");
  put_body(&b, m->body);
  if (hashed && !b.bad && !subject.bad)
    ml_buf_put(out, b.p, b.len);
  if (!hashed || b.bad || subject.bad || out->bad)
    rc = ml_err_set(e, ML_NOMEM, "", "out of memory");
  ml_buf_free(&b);
  ml_buf_free(&subject);
  return rc;
}
