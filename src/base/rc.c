/* rc.c - names of the result codes, and filling an ml_err. */
#include "base/rc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[ML_RC_COUNT] = {
  "ok",       "nomem", "invalid", "not-found", "exists",  "conflict",
  "stale",    "refused", "limit", "full",      "io",      "unknown",
  "corrupt",  "unreachable", "timeout", "again",
};

const char *ml_rc_name(ml_rc rc) {
  return (unsigned)rc < ML_RC_COUNT ? names[rc] : "?";
}

/* Cut a text that vsnprintf shortened, so that no half character is left. */
static void trim_utf8(char *s) {
  size_t n = strlen(s), i = n;
  size_t need;
  unsigned char lead;

  while (i > 0 && n - i < 4 && ((unsigned char)s[i - 1] & 0xC0) == 0x80)
    i--;
  if (i == 0)
    return;
  lead = (unsigned char)s[i - 1];
  need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (n - (i - 1) < need)
    s[i - 1] = '\0';
}

ml_rc ml_err_set(ml_err *e, ml_rc rc, const char *at, const char *fmt, ...) {
  va_list ap;
  char text[sizeof e->text];

  if (e == NULL)
    return rc;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);   /* arguments may lie inside *e */
  va_end(ap);
  trim_utf8(text);
  if (at != e->at) {
    snprintf(e->at, sizeof e->at, "%s", at != NULL ? at : "");
    trim_utf8(e->at);
  }
  memcpy(e->text, text, sizeof text);
  if (rc != ML_AGAIN)
    e->after_s = 0;
  e->rc = rc;
  return rc;
}
