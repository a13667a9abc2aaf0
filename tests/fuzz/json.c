/* json.c - the codec: what was read prints as what reads the same. */
#include "base/json.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  ml_arena a = {0};
  ml_json *one, *two;
  ml_buf text = {0}, pretty = {0};
  ml_err e = {0};

  if (ml_json_parse(&a, (const char *)data, n, NULL, &one, &e) == ML_OK) {
    ml_json_print(&text, one);
    ml_json_pretty(&pretty, one);
    HOLDS(!text.bad && !pretty.bad);
    HOLDS(ml_json_parse(&a, text.p, text.len, NULL, &two, &e) == ML_OK);
    HOLDS(ml_json_eq(one, two));
    HOLDS(ml_json_parse(&a, pretty.p, pretty.len, NULL, &two, &e) == ML_OK);
    HOLDS(ml_json_eq(one, two));
  } else {
    HOLDS(e.text[0] != '\0');
  }
  ml_buf_free(&text);
  ml_buf_free(&pretty);
  ml_arena_free(&a);
  return 0;
}
