/* mail.c - a template with a stranger's values, and the mail made of it: lines of
** ASCII, no longer than they may be, with the headers we gave and no other.
** Lines: the mailbox; a value; then the template. */
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "model/template.h"
#include "net/mail_text.h"

static ml_str line(ml_str *rest) {
  const char *end = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;
  ml_str s = {rest->p, end != NULL ? (size_t)(end - rest->p) : rest->n};

  rest->p += end != NULL ? s.n + 1 : s.n;
  rest->n -= end != NULL ? s.n + 1 : s.n;
  return s;
}

static const char *const headers[] = {
  "Date: ", "From: ", "To: ", "Message-ID: ", "Subject: ", "MIME-Version: ",
  "Content-Type: ", "Content-Transfer-Encoding: ", "Auto-Submitted: "};
enum { HEADERS = sizeof headers / sizeof *headers };

static void is_mail(const ml_buf *b) {
  const char *p = b->p, *end = b->p + b->len;
  int seen[HEADERS] = {0};
  bool body = false;

  while (p < end) {
    const char *stop = memmem(p, (size_t)(end - p), "\r\n", 2);
    bool known = false;

    HOLDS(stop != NULL);
    HOLDS(stop - p <= (memchr(p, '@', (size_t)(stop - p)) != NULL
                           ? 2 * ML_MAIL_ADDRESS_MAX : 78));
    for (const char *c = p; c < stop; c++)
      HOLDS(*c >= ' ' && *c < 127);
    for (int i = 0; i < HEADERS && !body; i++)
      if (strncmp(p, headers[i], strlen(headers[i])) == 0) {
        known = true;
        HOLDS(seen[i]++ == 0);
      }
    HOLDS(body || known || stop == p || *p == ' ');
    HOLDS(stop - p != 1 || *p != '.');
    body = body || stop == p;
    p = stop + 2;
  }
  HOLDS(body && seen[1] == 1 && seen[2] == 1 && seen[4] == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  ml_str rest = {(const char *)data, n};
  ml_str to = line(&rest), value = line(&rest), name, address;
  ml_mail_text m = {.from = ML_STR("Shop <shop@portal.example>"), .to = to,
                    .key = ML_STR("k.mail.1"), .at_ms = 1774000000000};
  ml_buf subject = {0}, body = {0}, out = {0}, j = {0};
  ml_arena a = {0};
  ml_json *v = NULL;
  ml_err e = {0};
  ml_rc rc;
  ml_jw w;

  HOLDS(ml_mail_mailbox(to, &name, &address, &e) != ML_OK ||
        ml_mail_is_address(address));
  ml_jw_init(&w, &j);
  ml_jw_obj(&w);
  ml_jw_kstr(&w, "a", ml_text_utf8(value) ? value : ML_STR("?"));
  ml_jw_end(&w);
  HOLDS(ml_json_parse(&a, j.p, j.len, NULL, &v, NULL) == ML_OK);
  rc = ml_template_check(rest, &e);
  if (rc == ML_OK) {
    ml_template_fill(rest, v, &subject, &body);
    HOLDS(!subject.bad && !body.bad);
  } else {
    HOLDS(e.text[0] != '\0' && ml_text_utf8(ml_str_of(e.text)));
    ml_buf_put(&subject, value.p, value.n);
    ml_buf_put(&body, rest.p, rest.n);
  }
  m.subject = (ml_str){subject.p != NULL ? subject.p : "", subject.len};
  m.body = (ml_str){body.p != NULL ? body.p : "", body.len};
  e = (ml_err){0};
  rc = ml_mail_write(&out, &m, &e);
  if (rc == ML_OK)
    is_mail(&out);
  else
    HOLDS((rc == ML_INVALID || rc == ML_LIMIT) && e.text[0] != '\0' &&
          out.len == 0);
  ml_buf_free(&subject);
  ml_buf_free(&body);
  ml_buf_free(&out);
  ml_buf_free(&j);
  ml_arena_free(&a);
  return 0;
}
