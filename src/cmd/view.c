/* view.c - one process, as a person wants to see it. */
#include "cmd/view.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd/out.h"

enum { NAME_CELLS = 14 };

static bool is(const ml_json *o, const char *key, const char *word) {
  return ml_str_is(ml_json_str(o, key), word);
}

static const ml_json *list_of(const ml_json *o, const char *key) {
  const ml_json *v = ml_json_get(o, key);

  return v != NULL && v->type == ML_JARR ? v : NULL;
}

static void put_padded(ml_buf *b, ml_str s, size_t cells) {
  size_t n = ml_text_cells(s);

  ml_out_clean(b, s);
  for (; n < cells; n++)
    ml_buf_putc(b, ' ');
}

/* "name          text", nothing without a text. */
static void line(ml_buf *b, const char *name, ml_str text) {
  if (text.n == 0)
    return;
  put_padded(b, ml_str_of(name), NAME_CELLS);
  ml_out_clean(b, text);
  ml_buf_putc(b, '\n');
}

static void time_line(ml_buf *b, const char *name, const ml_json *o,
                      const char *key, ml_str by) {
  int64_t ms = ml_json_int(o, key, 0);

  if (ms == 0)
    return;
  put_padded(b, ml_str_of(name), NAME_CELLS);
  ml_out_time(b, ms);
  if (by.n > 0) {
    ml_buf_puts(b, " by ");
    ml_out_clean(b, by);
  }
  ml_buf_putc(b, '\n');
}

static void put_label(ml_buf *b, const ml_json *o) {
  ml_str title = ml_out_label(ml_json_get(o, "title"));

  ml_out_clean(b, ml_json_str(o, "label"));
  if (title.n > 0 && !ml_str_eq(title, ml_json_str(o, "label"))) {
    ml_buf_putc(b, ' ');
    ml_out_clean(b, title);
  }
}

void ml_view_data(ml_buf *b, const ml_json *data) {
  size_t cells = 0;

  if (data == NULL || data->type != ML_JOBJ)
    return;
  for (uint32_t i = 0; i < data->count; i++) {
    size_t n = ml_text_cells(data->obj[i].key);
    cells = n > cells ? n : cells;
  }
  for (uint32_t i = 0; i < data->count; i++) {
    ml_buf_puts(b, "  ");
    put_padded(b, data->obj[i].key, cells + 2);
    ml_out_value(b, &data->obj[i].value);
    ml_buf_putc(b, '\n');
  }
}

void ml_view_tasks(ml_buf *b, const ml_json *tasks) {
  for (uint32_t i = 0; tasks != NULL && tasks->type == ML_JARR
                       && i < tasks->count; i++) {
    const ml_json *t = &tasks->arr[i];
    ml_str who = ml_json_str(t, "assignee");
    int64_t due = ml_json_int(t, "dueAt", 0);

    ml_buf_puts(b, "  ");
    ml_out_clean(b, ml_json_str(t, "id"));
    ml_buf_puts(b, "  ");
    put_label(b, t);
    ml_buf_puts(b, who.n > 0 ? ", for " : ", offered to ");
    ml_out_clean(b, who.n > 0 ? who : ml_json_str(t, "lane"));
    if (due > 0) {
      ml_buf_puts(b, ml_json_bool(t, "overdue", false) ? ", OVERDUE since "
                                                       : ", due ");
      ml_out_time(b, due);
    }
    ml_buf_putc(b, '\n');
  }
}

/* ---- activities ---- */

static bool failed(const ml_json *act) {
  return is(act, "status", "Error") || is(act, "status", "Failure");
}

static void put_activity(ml_buf *b, const ml_json *act) {
  ml_str wait = ml_json_str(act, "wait");
  ml_str branch = ml_json_str(act, "branch");
  ml_str message = ml_json_str(act, "message");
  int64_t due = ml_json_int(act, "due", 0);
  int64_t attempt = ml_json_int(act, "attempt", 0);

  ml_buf_puts(b, "  ");
  put_padded(b, ml_json_str(act, "status"), 12);
  put_label(b, act);
  if (branch.n > 0) {
    ml_buf_puts(b, ", branch ");
    ml_out_clean(b, branch);
  }
  if (wait.n > 0) {
    ml_buf_puts(b, ", waits: ");
    ml_out_clean(b, wait);
  }
  if (attempt > 1)
    ml_buf_printf(b, ", attempt %lld", (long long)attempt);
  if (due > 0) {
    ml_buf_puts(b, ", until ");
    ml_out_time(b, due);
  }
  if (message.n > 0) {
    ml_buf_puts(b, ": ");
    ml_out_clean(b, message);
  }
  ml_buf_putc(b, '\n');
}

static void put_phases(ml_buf *b, const ml_json *process) {
  const ml_json *phases = list_of(process, "phase");

  if (phases == NULL || phases->count == 0)
    return;
  put_padded(b, ML_STR("phase"), NAME_CELLS);
  for (uint32_t i = 0; i < phases->count; i++) {
    ml_buf_puts(b, i > 0 ? " > " : "");
    ml_out_value(b, &phases->arr[i]);
  }
  ml_buf_putc(b, '\n');
}

void ml_view_where(ml_buf *b, const ml_json *process) {
  const ml_json *acts = list_of(process, "activities");

  put_padded(b, ML_STR("status"), NAME_CELLS);
  ml_out_clean(b, ml_json_str(process, "status"));
  ml_buf_puts(b, ", ");
  ml_out_clean(b, ml_json_str(process, "run"));
  ml_buf_putc(b, '\n');
  line(b, "state", ml_json_str(process, "state"));
  put_phases(b, process);
  line(b, "message", ml_json_str(process, "message"));
  for (uint32_t i = 0; acts != NULL && i < acts->count; i++)
    put_activity(b, &acts->arr[i]);
}

static void put_incidents(ml_buf *b, const ml_json *process) {
  const ml_json *acts = list_of(process, "activities");
  ml_str id = ml_json_str(process, "id");
  bool any = false;

  for (uint32_t i = 0; acts != NULL && i < acts->count; i++) {
    const ml_json *act = &acts->arr[i];
    ml_str at = ml_json_str(act, "at");

    if (!failed(act) || ml_json_bool(act, "aside", false))
      continue;
    ml_buf_puts(b, any ? "" : "\nincidents\n");
    any = true;
    ml_buf_puts(b, "  ");
    put_label(b, act);
    ml_buf_puts(b, ": ");
    ml_out_clean(b, ml_json_str(act, "message"));
    if (at.n > 0) {
      ml_buf_puts(b, " (");
      ml_out_clean(b, at);
      ml_buf_putc(b, ')');
    }
    ml_buf_puts(b, "\n    moonlane retry ");
    ml_out_clean(b, ml_json_str(act, "id"));
    ml_buf_puts(b, "\n    moonlane skip ");
    ml_out_clean(b, ml_json_str(act, "id"));
    ml_buf_putc(b, '\n');
  }
  if (!any)
    return;
  ml_buf_printf(b, "    moonlane reset %.*s\n    moonlane cancel %.*s\n",
                (int)id.n, id.p, (int)id.n, id.p);
}

void ml_view_process(ml_buf *b, const ml_json *p) {
  const ml_json *data = ml_json_get(p, "data"), *tasks = list_of(p, "tasks");
  ml_str version = ml_json_str(p, "version");

  line(b, "process", ml_json_str(p, "id"));
  put_padded(b, ML_STR("workflow"), NAME_CELLS);
  ml_out_clean(b, ml_json_str(p, "workflow"));
  if (version.n > 12) {
    ml_buf_puts(b, ", version ");
    ml_out_clean(b, (ml_str){version.p, 12});
  }
  ml_buf_putc(b, '\n');
  line(b, "subject", ml_json_str(p, "subject"));
  time_line(b, "started", p, "createdAt", ml_json_str(p, "createdBy"));
  time_line(b, "changed", p, "updatedAt", ML_NOSTR);
  time_line(b, "completed", p, "completedAt", ML_NOSTR);
  time_line(b, "cancelled", p, "cancelledAt", ML_NOSTR);
  time_line(b, "next action", p, "nextActionAt", ML_NOSTR);
  line(b, "assigned to", ml_json_str(p, "assignedTo"));
  line(b, "parent", ml_json_str(p, "parentProcess"));
  ml_view_where(b, p);
  if (data != NULL && data->type == ML_JOBJ && data->count > 0) {
    ml_buf_puts(b, "\ndata\n");
    ml_view_data(b, data);
  }
  if (tasks != NULL && tasks->count > 0) {
    ml_buf_puts(b, "\ntasks\n");
    ml_view_tasks(b, tasks);
  }
  put_incidents(b, p);
}

/* ---- why ---- */

/* "<uuid>-7": 7. */
static int64_t number_of(ml_str id) {
  int64_t no = 0;

  if (id.n > 37 && ml_text_int((ml_str){id.p + 37, id.n - 37}, &no))
    return no;
  return 0;
}

/* When was this activity (or a task of this label) heard of last? */
static int64_t since(const ml_json *history, const ml_json *act) {
  int64_t no = number_of(ml_json_str(act, "id")), at = 0;
  ml_str label = ml_json_str(act, "label");

  for (uint32_t i = 0; history != NULL && history->type == ML_JARR
                       && i < history->count; i++) {
    const ml_json *h = &history->arr[i];
    bool task = is(h, "told", "offered") || is(h, "told", "allocated")
                || is(h, "told", "claimed") || is(h, "told", "released");

    if ((no != 0 && ml_json_int(h, "no", 0) == no)
        || (task && ml_str_eq(ml_json_str(h, "name"), label)))
      at = ml_json_int(h, "at", at);
  }
  return at;
}

static void put_task_wait(ml_buf *b, const ml_json *process,
                          const ml_json *act) {
  const ml_json *tasks = list_of(process, "tasks");

  ml_buf_puts(b, "waits for a person");
  for (uint32_t i = 0; tasks != NULL && i < tasks->count; i++) {
    const ml_json *t = &tasks->arr[i];
    ml_str who = ml_json_str(t, "assignee");

    if (!ml_str_eq(ml_json_str(t, "label"), ml_json_str(act, "label")))
      continue;
    ml_buf_puts(b, who.n > 0 ? ": it is the task of " : " of the lane ");
    ml_out_clean(b, who.n > 0 ? who : ml_json_str(t, "lane"));
    ml_buf_puts(b, who.n > 0 ? "" : "; nobody has taken it");
    ml_buf_puts(b, " (task ");
    ml_out_clean(b, ml_json_str(t, "id"));
    ml_buf_putc(b, ')');
    return;
  }
}

/* What it waits for, as the end of a sentence that its label began. */
static void put_wait(ml_buf *b, const ml_json *process, const ml_json *act) {
  static const struct { const char *wait, *text; bool due; } waits[] = {
    {"script", "is being run by a script worker", false},
    {"call", "waits for the answer to an HTTP call", false},
    {"retry", "is tried again at", true},
    {"sleep", "sleeps until", true},
    {"signal", "waits for a signal", false},
    {"process", "waits for a process that it called", false},
    {"ask", "is asked again whether it is complete at", true},
    {"operator", "waits for an operator", false}};
  int64_t due = ml_json_int(act, "due", 0);

  if (failed(act)) {
    ml_buf_puts(b, is(act, "status", "Error") ? "broke and waits for an operator"
                                              : "failed and waits for an operator");
    return;
  }
  if (is(act, "wait", "task")) {
    put_task_wait(b, process, act);
    return;
  }
  for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
    if (is(act, "wait", waits[i].wait)) {
      ml_buf_puts(b, waits[i].text);
      if (waits[i].due && due > 0) {
        ml_buf_putc(b, ' ');
        ml_out_time(b, due);
      } else if (due > 0) {
        ml_buf_puts(b, ", at the longest until ");
        ml_out_time(b, due);
      }
      return;
    }
  ml_buf_puts(b, is(act, "status", "New") ? "has not begun"
                                          : "is under way");
}

static void put_reason(ml_buf *b, const ml_json *process, const ml_json *act,
                       const ml_json *history, int64_t now) {
  int64_t from = since(history, act);
  ml_str message = ml_json_str(act, "message"), at = ml_json_str(act, "at");

  put_label(b, act);
  ml_buf_putc(b, ' ');
  put_wait(b, process, act);
  if (from > 0) {
    ml_buf_puts(b, ", since ");
    ml_out_time(b, from);
    ml_buf_puts(b, " (");
    ml_out_age(b, from, now);
    ml_buf_putc(b, ')');
  }
  ml_buf_puts(b, ".\n");
  if (message.n > 0) {
    ml_buf_puts(b, "  It said: ");
    ml_out_clean(b, message);
    if (at.n > 0) {
      ml_buf_puts(b, " (");
      ml_out_clean(b, at);
      ml_buf_putc(b, ')');
    }
    ml_buf_putc(b, '\n');
  }
  if (failed(act)) {
    ml_buf_puts(b, "  It may be run again (moonlane retry), passed over "
                   "(moonlane skip), begun anew (moonlane reset), or the "
                   "process ended (moonlane cancel).\n");
  }
}

void ml_view_why(ml_buf *b, const ml_json *p, const ml_json *history,
                 int64_t now) {
  const ml_json *acts = list_of(p, "activities");
  ml_str message = ml_json_str(p, "message");
  int64_t next = ml_json_int(p, "nextActionAt", 0);
  bool any = false;

  if (!is(p, "status", "OPEN")) {
    bool done = is(p, "status", "COMPLETED");

    ml_buf_puts(b, done ? "It waits for nothing: it was completed "
                        : "It waits for nothing: it was cancelled ");
    ml_out_time(b, ml_json_int(p, done ? "completedAt" : "cancelledAt", 0));
    ml_buf_puts(b, ".\n");
    return;
  }
  for (uint32_t i = 0; acts != NULL && i < acts->count; i++) {
    const ml_json *act = &acts->arr[i];

    if (is(act, "status", "Success") || is(act, "status", "Terminated")
        || ml_json_bool(act, "aside", false))
      continue;
    put_reason(b, p, act, history, now);
    any = true;
  }
  if (!any && message.n > 0) {
    ml_buf_puts(b, "It came to a halt: ");
    ml_out_clean(b, message);
    ml_buf_puts(b, "\n");
  } else if (!any) {
    ml_buf_puts(b, "Nothing of it waits: it is on its way to the next phase.\n");
  }
  if (next > 0) {
    ml_buf_puts(b, "Its next action is set for ");
    ml_out_time(b, next);
    ml_buf_puts(b, ".\n");
  }
}
