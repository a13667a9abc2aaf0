/* process.c - a stored process: refused, or packed again to the same. */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "model/process.h"

static const char tree_text[] =
    "{\"api\":1,\"workflows\":[{\"name\":\"w\",\"at\":\"workflow.lua:3\","
    "\"lanes\":[{\"id\":\"l\"},{\"id\":\"m\"}],\"fields\":[{\"id\":\"f\","
    "\"type\":\"string\"},{\"id\":\"g\",\"type\":\"integer\"}],\"phases\":["
    "{\"name\":\"p\",\"entries\":[{\"kind\":\"activity\",\"label\":\"a\","
    "\"run\":true},{\"kind\":\"task\",\"label\":\"t\",\"lane\":\"l\","
    "\"edit\":[\"f\"],\"outcomes\":[{\"id\":\"ok\"}]}],"
    "\"next\":{\"ok\":\"q\"}},"
    "{\"name\":\"q\",\"entries\":[{\"kind\":\"activity\",\"label\":\"b\","
    "\"run\":true}]}]}]}";

static void told(void *arg, const char *at, const char *sentence) {
  (void)arg;
  fprintf(stderr, "%s: %s\n", at, sentence);
}

static ml_flow *flow(void) {
  static ml_flow *f;
  ml_arena a = {0};
  ml_json *tree;
  ml_flow **flows = NULL;
  size_t n = 0;
  ml_err e;

  if (f != NULL)
    return f;
  HOLDS(ml_json_parse(&a, tree_text, sizeof tree_text - 1, NULL, &tree, &e) ==
        ML_OK);
  HOLDS(ml_flow_parse("dir", tree, told, NULL, &flows, &n) == ML_OK && n == 1);
  f = flows[0];
  ml_mem_free(flows);
  ml_arena_free(&a);
  return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  ml_flow *f = flow();
  ml_process *one = ml_process_new(f), *two = ml_process_new(f);
  ml_buf out = {0}, again = {0};
  ml_str bytes = {(const char *)data, n};

  HOLDS(one != NULL && two != NULL);
  if (ml_process_unpack(one, f, bytes) == ML_OK) {
    ml_process_pack(one, f, &out);
    HOLDS(!out.bad);
    HOLDS(ml_process_unpack(two, f, (ml_str){out.p, out.len}) == ML_OK);
    ml_process_pack(two, f, &again);
    HOLDS(out.len == again.len && memcmp(out.p, again.p, out.len) == 0);
  }
  ml_process_free(one);
  one = ml_process_new(f);
  HOLDS(one != NULL);
  if (ml_process_unpack_data(one, f, bytes) == ML_OK) {
    ml_buf_reset(&out);
    ml_process_pack_data(one, f, &out);
    HOLDS(!out.bad);
  }
  ml_process_free(one);
  ml_process_free(two);
  ml_buf_free(&out);
  ml_buf_free(&again);
  return 0;
}
