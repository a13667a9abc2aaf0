/* answer.c - what a worker says: unpacked, it packs and unpacks the same. */
#include <string.h>

#include "fuzz.h"
#include "model/attempt.h"
#include "script/frame.h"

static void need(ml_str bytes) {
  uint8_t hash[32];
  uint64_t id;
  ml_buf out = {0};

  if (ml_answer_unpack_need(bytes, &id, hash) == ML_OK) {
    ml_answer_pack_need(&out, id, hash);
    HOLDS(!out.bad && out.len > ML_FRAME_HEAD);
  }
  ml_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  ml_str bytes = {(const char *)data, n}, record;
  ml_arena a = {0};
  ml_answer one, two;
  ml_buf out = {0}, again = {0};
  int kind;

  ml_frame_next(bytes.p, bytes.n, &kind, &record);
  need(bytes);
  if (ml_answer_unpack(&a, bytes, &one) == ML_OK) {
    ml_answer_pack(&out, &one);
    HOLDS(!out.bad);
    HOLDS(ml_frame_next(out.p, out.len, &kind, &record) == (int64_t)out.len);
    HOLDS(kind == ML_ANSWER_DONE);
    HOLDS(ml_answer_unpack(&a, record, &two) == ML_OK);
    ml_answer_pack(&again, &two);
    HOLDS(out.len == again.len && memcmp(out.p, again.p, out.len) == 0);
  }
  ml_buf_free(&out);
  ml_buf_free(&again);
  ml_arena_free(&a);
  return 0;
}
