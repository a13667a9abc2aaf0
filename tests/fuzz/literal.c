/* literal.c - moonlane.lua: data are read, anything else is refused with its
** line; and what was read holds no more than it may. */
#include <string.h>

#include "base/text.h"
#include "cmd/literal.h"
#include "fuzz.h"

static size_t values(const ml_json *v, int depth) {
  size_t n = 1;

  HOLDS(depth <= ML_LITERAL_DEPTH + 1);
  for (uint32_t i = 0; v->type == ML_JARR && i < v->count; i++)
    n += values(&v->arr[i], depth + 1);
  for (uint32_t i = 0; v->type == ML_JOBJ && i < v->count; i++)
    n += values(&v->obj[i].value, depth + 1);
  return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  ml_arena a = {0};
  ml_json *v = NULL;
  ml_buf b = {0};
  ml_err e = {0};
  ml_rc rc = ml_literal_read(&a, "m.lua", (ml_str){(const char *)data, n}, &v,
                             &e);

  if (rc == ML_OK) {
    HOLDS(values(v, 0) <= ML_LITERAL_VALUES + 1);
    ml_json_print(&b, v);
    HOLDS(!b.bad);
  } else {
    HOLDS(rc == ML_INVALID || rc == ML_LIMIT);
    HOLDS(e.text[0] != '\0' && ml_text_utf8(ml_str_of(e.text)));
    HOLDS(strncmp(e.at, "m.lua", 5) == 0);
  }
  ml_buf_free(&b);
  ml_arena_free(&a);
  return 0;
}
