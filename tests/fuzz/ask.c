/* ask.c - what a worker is asked, the kind in the first byte. */
#include <string.h>

#include "fuzz.h"
#include "model/attempt.h"
#include "script/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  ml_str record;
  ml_arena a = {0};
  ml_ask one, two;
  ml_buf out = {0}, again = {0};
  int kind;

  if (n < 1)
    return 0;
  if (ml_ask_unpack(&a, (ml_ask_kind)data[0],
                    (ml_str){(const char *)data + 1, n - 1}, &one) == ML_OK) {
    ml_ask_pack(&out, &one);
    HOLDS(!out.bad);
    HOLDS(ml_frame_next(out.p, out.len, &kind, &record) == (int64_t)out.len);
    HOLDS(kind == data[0]);
    HOLDS(ml_ask_unpack(&a, (ml_ask_kind)kind, record, &two) == ML_OK);
    ml_ask_pack(&again, &two);
    HOLDS(out.len == again.len && memcmp(out.p, again.p, out.len) == 0);
  }
  ml_buf_free(&out);
  ml_buf_free(&again);
  ml_arena_free(&a);
  return 0;
}
