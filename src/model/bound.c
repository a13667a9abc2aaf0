/* bound.c - the limits of scripts: their table, and which value counts. */
#include "model/bound.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)

enum { KILL_AFTER_MIN = 1000, KILL_RULE_AFTER_MIN = 150, KILL_AFTER_MAX = 5000,
       VALUES_A_FRAME = 8, FRAME_LEAST = 16 << 20 };

const ml_bound_row ml_bound_rows[ML_BOUND_COUNT] = {
  [ML_BOUND_UNITS] = {"units", "script-units", ML_IN_COUNT,
    .least = 1000, .usual = 20000000, .most = 500000000, .activity = true},
  [ML_BOUND_TIME] = {"time", "script-time", ML_IN_MS,
    .least = 10, .usual = 1000, .most = 30000, .activity = true},
  [ML_BOUND_MEMORY] = {"memory", "script-memory", ML_IN_BYTES,
    .least = MIB(1), .usual = MIB(32), .most = MIB(256), .activity = true},
  [ML_BOUND_COROUTINES] = {"coroutines", "script-coroutines", ML_IN_COUNT,
    .least = 1, .usual = 1000, .most = 10000, .activity = true},
  [ML_BOUND_RESULT] = {"result", "script-result", ML_IN_BYTES,
    .least = KIB(1), .usual = MIB(1), .most = MIB(8), .activity = false},
  [ML_BOUND_ENTRIES] = {"journal_entries", "journal-entries", ML_IN_COUNT,
    .least = 1, .usual = 2000, .most = 20000, .activity = true},
  [ML_BOUND_JOURNAL] = {"journal_bytes", "journal-bytes", ML_IN_BYTES,
    .least = KIB(1), .usual = MIB(8), .most = MIB(64), .activity = true},
  [ML_BOUND_RULE_UNITS] = {"rule_units", "rule-units", ML_IN_COUNT,
    .least = 1000, .usual = 1000000, .most = 500000000},
  [ML_BOUND_RULE_TIME] = {"rule_time", "rule-time", ML_IN_MS,
    .least = 10, .usual = 50, .most = 30000},
  [ML_BOUND_SOURCE] = {NULL, "script-source", ML_IN_BYTES,
    .least = KIB(1), .usual = KIB(256), .most = MIB(1)},
};

uint64_t ml_bound_of(const ml_bounds *author, const ml_bounds *operator_,
                     ml_bound b, const char **by) {
  uint64_t own = author != NULL ? author->v[b] : 0;
  uint64_t set = operator_ != NULL ? operator_->v[b] : 0;
  uint64_t most = set != 0 ? set : ml_bound_rows[b].usual;
  bool lower = own != 0 && own < most;

  if (by != NULL)
    *by = lower ? "set by the workflow" : set != 0 ? "set by the operator"
                                                   : "the default";
  return lower ? own : most;
}

const char *ml_bound_told(const ml_bounds *author, const ml_bounds *operator_,
                          ml_bound b) {
  static _Thread_local char text[ML_BOUND_TOLD];
  const char *by, *name = ml_bound_rows[b].name;
  uint64_t v = ml_bound_of(author, operator_, b, &by);
  ml_buf out = {0};

  ml_bound_put(&out, b, v);
  snprintf(text, sizeof text, "limit %s = %s, %s",
           name != NULL ? name : "source", out.p != NULL ? out.p : "?", by);
  ml_buf_free(&out);
  return text;
}

/* ---- as text ---- */

static const struct size_word {
  const char *word;
  unsigned shift;
} size_words[] = {{"MiB", 20}, {"KiB", 10}};

void ml_bound_put(ml_buf *out, ml_bound b, uint64_t v) {
  switch (ml_bound_rows[b].unit) {
  case ML_IN_COUNT:
    break;
  case ML_IN_MS:
    ml_text_put_duration(out, (int64_t)v);
    return;
  case ML_IN_BYTES:
    for (size_t i = 0; i < sizeof size_words / sizeof *size_words; i++)
      if (v != 0 && (v & ((UINT64_C(1) << size_words[i].shift) - 1)) == 0) {
        ml_buf_printf(out, "%llu%s", (unsigned long long)(v >> size_words[i].shift),
                      size_words[i].word);
        return;
      }
  }
  ml_buf_printf(out, "%llu", (unsigned long long)v);
}

static ml_rc wants(ml_bound b, ml_err *e) {
  static const char *const what[] = {
    [ML_IN_COUNT] = "an integer", [ML_IN_MS] = "a duration",
    [ML_IN_BYTES] = "a size in bytes or as \"64KiB\", \"16MiB\""};
  const ml_bound_row *r = &ml_bound_rows[b];
  ml_buf out = {0};
  ml_rc rc;

  ml_buf_printf(&out, "wants %s from ", what[r->unit]);
  ml_bound_put(&out, b, r->least);
  ml_buf_puts(&out, " to ");
  ml_bound_put(&out, b, r->most);
  rc = ml_err_set(e, ML_INVALID, "", "%s", out.bad ? "is out of bounds" : out.p);
  ml_buf_free(&out);
  return rc;
}

ml_rc ml_bound_judge(ml_bound b, int64_t v, ml_err *e) {
  const ml_bound_row *r = &ml_bound_rows[b];

  return v >= 0 && (uint64_t)v >= r->least && (uint64_t)v <= r->most
             ? ML_OK : wants(b, e);
}

ml_rc ml_bound_read(ml_bound b, ml_str text, uint64_t *v, ml_err *e) {
  int64_t n = -1;
  bool ok = false;
  ml_rc rc;

  if (ml_bound_rows[b].unit == ML_IN_MS) {
    ok = ml_text_duration(text, &n, NULL) == ML_OK;
  } else if (ml_bound_rows[b].unit == ML_IN_BYTES) {
    ok = ml_text_size(text, &n);
  } else {
    ok = ml_text_int(text, &n);
  }
  rc = ok ? ml_bound_judge(b, n, e) : wants(b, e);
  if (rc == ML_OK)
    *v = (uint64_t)n;
  return rc;
}

/* ---- sets ---- */

bool ml_bounds_any(const ml_bounds *s) {
  for (int b = 0; s != NULL && b < ML_BOUND_COUNT; b++)
    if (s->v[b] != 0)
      return true;
  return false;
}

ml_bounds ml_bounds_lower(const ml_bounds *author, const ml_bounds *operator_) {
  ml_bounds out = {{0}};

  for (ml_bound b = 0; author != NULL && b < ML_BOUND_COUNT; b++)
    if (author->v[b] != 0 && author->v[b] < ml_bound_of(NULL, operator_, b, NULL))
      out.v[b] = author->v[b];
  return out;
}

/* ---- what follows from them ---- */

size_t ml_bounds_frame(const ml_bounds *operator_) {
  uint64_t n = ml_bound_of(NULL, operator_, ML_BOUND_JOURNAL, NULL) +
               VALUES_A_FRAME * ml_bound_of(NULL, operator_, ML_BOUND_RESULT, NULL);

  return n > FRAME_LEAST ? (size_t)n : FRAME_LEAST;
}

int64_t ml_bound_kill_ms(int64_t ms, bool rule) {
  int64_t least = rule ? KILL_RULE_AFTER_MIN : KILL_AFTER_MIN;
  int64_t after = ms < least ? least : ms > KILL_AFTER_MAX ? KILL_AFTER_MAX : ms;

  return ms + after;
}

uint64_t ml_bound_twice(ml_bound b, uint64_t v) {
  return v > ml_bound_rows[b].most / 2 ? ml_bound_rows[b].most : 2 * v;
}
