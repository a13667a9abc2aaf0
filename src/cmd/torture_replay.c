/* torture_replay.c - lists of operations, done again. */
#include "cmd/torture_replay.h"

#include <string.h>

/* The operation with the ids of this world; false: a process is missing. */
static bool put_want(ml_buf *b, const ml_play *rec, const ml_str *ids,
                     size_t id_count, ml_str want) {
  const char *p = want.p, *end = ml_str_end(want);

  ml_buf_reset(b);
  while (p < end) {
    size_t i = 0;

    while (i < rec->id_count &&
           ((size_t)(end - p) < rec->ids[i].n ||
            memcmp(p, rec->ids[i].p, rec->ids[i].n) != 0))
      i++;
    if (i == rec->id_count) {
      ml_buf_putc(b, *p++);
      continue;
    }
    if (i >= id_count)
      return false;
    ml_buf_put(b, ids[i].p, ids[i].n);
    p += rec->ids[i].n;
  }
  return !b->bad;
}

static void replay_one(ml_world *w, const ml_play *rec, ml_str want,
                       ml_play *out) {
  ml_buf text = {0}, answer = {0};
  ml_str *ids = NULL;
  size_t count = 0;

  if (!ml_suite_ids(w, &w->arena, &ids, &count) ||
      !put_want(&text, rec, ids, count, want)) {
    ml_buf_puts(&out->why, "a process is not there");
  } else {
    ml_test_op(w, (ml_str){text.p, text.len}, &answer);
    if (answer.len > 8 && memcmp(answer.p, "{\"error\"", 8) == 0)
      ml_buf_put(&out->why, answer.p, answer.len);
  }
  ml_buf_free(&text);
  ml_buf_free(&answer);
}

bool ml_torture_replay(ml_suite *s, const ml_play *rec, const bool *skip,
                       ml_fault_at at, uint32_t *before, ml_play *out) {
  ml_world *w = ml_suite_world(s, ML_STR("its operations alone"), out->fault);

  if (w == NULL)
    return false;
  for (size_t i = 0; i < rec->op_count && out->why.len == 0 && !w->lost; i++) {
    if (before != NULL)
      before[i] = w->torture->met[at];
    if (!skip[i])
      replay_one(w, rec, rec->ops[i].want, out);
  }
  if (out->why.len == 0 && !w->lost)
    ml_suite_judge(w, &out->why);
  if (out->why.len == 0 && !w->lost)
    ml_suite_end(w, out);
  ml_suite_note(w->torture, out);
  ml_suite_free_world(s, w);
  return !s->t->lost;
}
