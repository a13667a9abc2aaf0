/* word.c - one table a word list. */
#include "model/word.h"

#define NAME(table, v) \
  ((unsigned)(v) < sizeof table / sizeof *table ? table[v] : "?")

static const char *const statuses[] = {"OPEN", "COMPLETED", "CANCELLED"};
static const char *const runs[] = {"New", "Running", "Completed", "Failure",
                                   "Error"};
static const char *const acts[] = {"New", "In-Progress", "Waiting", "Success",
                                   "Failure", "Error", "Terminated"};
static const char *const tasks[] = {"OPEN", "COMPLETED", "CANCELLED"};
static const char *const txs[] = {"Running", "Completed", "Failure", "Error"};
static const char *const waits[] = {"none", "script", "call", "task", "retry",
                                    "sleep", "signal", "process", "ask",
                                    "operator"};
static const char *const calls[] = {
  "get", "head", "post", "put", "patch", "delete", "step", "now", "uuid",
  "random", "sleep", "await", "ask", "call", "start", "data", "op", "emit",
  "mail",
};
static const char *const links[] = {"invited", "accepting", "active",
                                    "revoked"};
static const char *const posts[] = {"mail", "hook", "partner"};
static const char *const ftypes[] = {
  "string", "text", "integer", "number", "decimal", "boolean", "select",
  "multi", "date", "time", "datetime", "email", "url", "phone", "user", "json",
  "secret", "duration", "float", "stringId", "integerId", "integerEnum",
  "floatEnum", "multiIntegerEnum", "multiFloatEnum", "name",
  "datetimeISO8601", "photo", "multiPhotos", "audio", "nested",
  "apiControlled",
};
/* Published names of types that have another one here. */
static const struct { const char *name; ml_ftype type; } ftype_names[] = {
  {"stringEnum", ML_F_SELECT}, {"multiStringEnum", ML_F_MULTI},
  {"JSON", ML_F_JSON}, {"APIControlled", ML_F_API},
};
static const char *const tolds[] = {
  "started", "phase", "branch", "joined", "began", "succeeded", "failed",
  "broke", "terminated", "not-yet", "called", "answered", "offered",
  "allocated", "claimed", "released", "done", "data", "subject", "state",
  "assigned", "comment", "log", "signal", "awaited", "woke", "overdue",
  "retried", "skipped", "reset", "aside", "completed", "cancelled",
  "reopened", "deleted", "restored", "migrated", "reminded", "escalated",
  "child", "run", "reworded", "unsaid", "shared", "object",
};

_Static_assert(sizeof statuses / sizeof *statuses == ML_STATUS_COUNT, "names");
_Static_assert(sizeof runs / sizeof *runs == ML_RUN_COUNT, "names");
_Static_assert(sizeof acts / sizeof *acts == ML_ACT_COUNT, "names");
_Static_assert(sizeof tasks / sizeof *tasks == ML_TASK_COUNT, "names");
_Static_assert(sizeof txs / sizeof *txs == ML_TX_COUNT, "names");
_Static_assert(sizeof waits / sizeof *waits == ML_WAIT_COUNT, "names");
_Static_assert(sizeof calls / sizeof *calls == ML_CALL_COUNT, "names");
_Static_assert(sizeof links / sizeof *links == ML_LINK_COUNT, "names");
_Static_assert(sizeof posts / sizeof *posts == ML_POST_KINDS, "names");
_Static_assert(sizeof ftypes / sizeof *ftypes == ML_F_COUNT, "names");
_Static_assert(sizeof tolds / sizeof *tolds == ML_TOLD_COUNT, "names");

const char *ml_status_name(ml_status v) { return NAME(statuses, v); }
const char *ml_runs_name(ml_runs v) { return NAME(runs, v); }
const char *ml_acts_name(ml_acts v) { return NAME(acts, v); }
const char *ml_tasks_name(ml_tasks v) { return NAME(tasks, v); }
const char *ml_txs_name(ml_txs v) { return NAME(txs, v); }
const char *ml_wait_name(ml_wait v) { return NAME(waits, v); }
const char *ml_links_name(ml_links v) { return NAME(links, v); }
const char *ml_postk_name(ml_postk v) { return NAME(posts, v); }
const char *ml_callk_name(ml_callk v) { return NAME(calls, v); }
const char *ml_ftype_name(ml_ftype v) { return NAME(ftypes, v); }
const char *ml_told_name(ml_told v) { return NAME(tolds, v); }

/* The number of a word in a table, or -1. */
static int find(const char *const *table, int n, ml_str s) {
  for (int i = 0; i < n; i++)
    if (ml_str_is(s, table[i]))
      return i;
  return -1;
}

bool ml_status_of(ml_str s, ml_status *v) {
  int i = find(statuses, ML_STATUS_COUNT, s);

  if (i >= 0)
    *v = (ml_status)i;
  return i >= 0;
}

bool ml_runs_of(ml_str s, ml_runs *v) {
  int i = find(runs, ML_RUN_COUNT, s);

  if (i >= 0)
    *v = (ml_runs)i;
  return i >= 0;
}

bool ml_txs_of(ml_str s, ml_txs *v) {
  int i = find(txs, ML_TX_COUNT, s);

  if (i >= 0)
    *v = (ml_txs)i;
  return i >= 0;
}

bool ml_callk_of(ml_str s, ml_callk *v) {
  int i = find(calls, ML_CALL_COUNT, s);

  if (i >= 0)
    *v = (ml_callk)i;
  return i >= 0;
}

bool ml_ftype_of(ml_str s, ml_ftype *v) {
  int i = find(ftypes, ML_F_COUNT, s);

  for (size_t k = 0; k < sizeof ftype_names / sizeof *ftype_names; k++)
    if (ml_str_is(s, ftype_names[k].name))
      i = (int)ftype_names[k].type;
  if (i >= 0)
    *v = (ml_ftype)i;
  return i >= 0;
}

bool ml_told_of(ml_str s, ml_told *v) {
  int i = find(tolds, ML_TOLD_COUNT, s);

  if (i >= 0)
    *v = (ml_told)i;
  return i >= 0;
}

bool ml_callk_kept(ml_callk v) {
  switch (v) {
    case ML_CALL_POST: case ML_CALL_PUT: case ML_CALL_PATCH:
    case ML_CALL_DELETE: case ML_CALL_STEP: case ML_CALL_UUID:
    case ML_CALL_RANDOM: case ML_CALL_START: case ML_CALL_CALL:
    case ML_CALL_ASK: case ML_CALL_EMIT: case ML_CALL_MAIL:
      return true;
    default:
      return false;
  }
}

bool ml_callk_http(ml_callk v) {
  return v <= ML_CALL_DELETE;
}
