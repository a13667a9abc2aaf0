/* text.c - durations, moments, escapes, ids: what is read prints as what
** reads the same. */
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"
#include "fuzz.h"

static void times(ml_str s) {
  ml_buf b = {0};
  ml_err e = {0};
  int64_t ms, back;

  if (ml_text_duration(s, &ms, &e) == ML_OK) {
    ml_text_put_duration(&b, ms);
    HOLDS(ml_text_duration((ml_str){b.p, b.len}, &back, &e) == ML_OK);
    HOLDS(back == ms);
  } else {
    HOLDS(e.text[0] != '\0');
  }
  ml_buf_reset(&b);
  if (ml_text_moment(s, &ms, &e) == ML_OK) {
    ml_text_put_moment(&b, ms);
    HOLDS(ml_text_moment((ml_str){b.p, b.len}, &back, &e) == ML_OK);
    HOLDS(back == ms);
  }
  ml_buf_free(&b);
}

static void codes(ml_str s) {
  ml_buf b = {0}, c = {0};
  uint8_t id[16], again[16];
  char small[40];

  ml_text_put_url(&b, s);
  HOLDS(!b.bad && ml_text_unurl(&c, (ml_str){b.p, b.len}, false) == ML_OK);
  HOLDS(c.len == s.n && (s.n == 0 || memcmp(c.p, s.p, s.n) == 0));
  ml_buf_reset(&c);
  if (ml_text_unurl(&c, s, true) == ML_OK)
    HOLDS(c.len <= s.n);
  ml_buf_reset(&b);
  if (ml_text_uuid(s, id)) {
    ml_text_put_uuid(&b, id);
    HOLDS(ml_text_uuid((ml_str){b.p, b.len}, again));
    HOLDS(memcmp(id, again, sizeof id) == 0);
  }
  if (ml_text_utf8(s)) {
    HOLDS(ml_text_chars(s) <= s.n);
    ml_text_cells(s);
    ml_text_excerpt(small, sizeof small, s);
    HOLDS(strlen(small) < sizeof small && ml_text_utf8(ml_str_of(small)));
  }
  ml_text_is_filename(s);
  ml_text_is_name(s);
  ml_buf_free(&b);
  ml_buf_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  ml_str s = {(const char *)data, n};

  times(s);
  codes(s);
  return 0;
}
