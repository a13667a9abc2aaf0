/* flow.c - a definition as a worker gives it: built, or each mistake told. */
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "model/flow.h"

static void told(void *arg, const char *at, const char *sentence) {
  HOLDS(at != NULL && ml_text_utf8(ml_str_of(at)));
  HOLDS(strlen(sentence) > 3 && ml_text_utf8(ml_str_of(sentence)));
  ++*(int *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  ml_arena a = {0};
  ml_json *tree;
  ml_err e;
  ml_flow **flows = NULL;
  size_t count = 0;
  int faults = 0;
  ml_rc rc;

  if (ml_json_parse(&a, (const char *)data, n, NULL, &tree, &e) == ML_OK) {
    rc = ml_flow_parse("dir", tree, told, &faults, &flows, &count);
    HOLDS((rc == ML_OK) == (flows != NULL));
    HOLDS((rc == ML_OK) == (faults == 0) && faults <= 100);
    while (count > 0)
      ml_flow_free(flows[--count]);
    ml_mem_free(flows);
  }
  ml_arena_free(&a);
  return 0;
}
