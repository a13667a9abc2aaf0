/* view_list.c - timelines and lists. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd/out.h"
#include "cmd/view.h"

/* ---- history ---- */

enum { DEPTHS_MAX = 256, DEEPEST = 12 };

/* How deep a strand's phases or an activity's lines stand. */
typedef struct depths {
  struct { int64_t strand; ml_str name; int depth; } all[DEPTHS_MAX];
  size_t count;
  int last_phase;
  int branches;                  /* where the branches of the phase stand */
  int64_t fresh;                 /* strand of a branch that has no phase yet */
  int last;                      /* of the line before */
} depths;

static void set_depth(depths *d, int64_t strand, ml_str name, int depth) {
  size_t i = 0;

  while (i < d->count && (d->all[i].strand != strand
                          || !ml_str_eq(d->all[i].name, name)))
    i++;
  if (i == DEPTHS_MAX)
    return;
  if (i == d->count)
    d->count++;
  d->all[i].strand = strand;
  d->all[i].name = name;
  d->all[i].depth = depth < DEEPEST ? depth : DEEPEST;
}

static int depth_of(const depths *d, int64_t strand, ml_str name, int dflt) {
  for (size_t i = 0; i < d->count; i++)
    if (d->all[i].strand == strand && ml_str_eq(d->all[i].name, name))
      return d->all[i].depth;
  return dflt;
}

/* Of the process, not of an activity: they stand at the edge. */
static bool is_whole(ml_str told) {
  static const char *const words[] = {"started", "run", "comment", "completed",
    "cancelled", "reopened", "deleted", "restored", "migrated", "reset",
    "assigned"};

  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (ml_str_is(told, words[i]))
      return true;
  return false;
}

/* An activity is first heard of right behind its phase.  A branch stands under the last
** phase that was not itself the first one of a branch just begun: so branches
** side by side line up. */
static int place(depths *d, ml_str told, int64_t no, ml_str name) {
  if (ml_str_is(told, "phase")) {
    d->last_phase = depth_of(d, no, ML_NOSTR, 0);
    if (no != d->fresh)
      d->branches = d->last_phase + 1;
    d->fresh = 0;
    return d->last_phase;
  }
  if (ml_str_is(told, "branch")) {
    set_depth(d, no, ML_NOSTR, d->branches + 1);
    d->fresh = no;
    return d->branches;
  }
  if (ml_str_is(told, "joined"))
    return depth_of(d, no, ML_NOSTR, 2) - 1;
  if (is_whole(told))
    return 0;
  if (name.p == NULL)            /* what the activity before wrote */
    return d->last;
  if (ml_str_is(told, "began") || depth_of(d, 0, name, -1) < 0)
    set_depth(d, 0, name, d->last_phase + 1);
  return depth_of(d, 0, name, 0);
}

/* Of each kind of record: its sentence; %n name, %t text, %d data. */
static const struct { const char *told, *text; } sentences[] = {
  {"started", "started"},           {"phase", "phase %n"},
  {"branch", "branch %n"},          {"joined", "branch %n has joined"},
  {"began", "%n begins"},           {"succeeded", "%n: success %t"},
  {"failed", "%n: FAILURE %t"},     {"broke", "%n: ERROR %t"},
  {"terminated", "%n is terminated"}, {"not-yet", "%n: not yet: %t"},
  {"called", "%n asks: %t"},        {"answered", "%n is answered: %t"},
  {"offered", "%n is offered to lane %t"},
  {"allocated", "%n is given to %t"}, {"claimed", "%n is taken"},
  {"released", "%n is given back"}, {"done", "%n is done: %t"},
  {"data", "data %d"},              {"subject", "subject: %t"},
  {"state", "state: %t"},           {"assigned", "assigned to %t"},
  {"comment", "comment: %t"},       {"log", "%n logs: %t"},
  {"signal", "signal %t"},          {"awaited", "%n got the signal %t"},
  {"woke", "%n wakes"},             {"overdue", "%n is overdue"},
  {"retried", "%n is tried again"}, {"skipped", "%n is passed over: %t"},
  {"reset", "reset"},               {"aside", "%n is set aside"},
  {"completed", "completed"},       {"cancelled", "cancelled %t"},
  {"reopened", "reopened"},         {"deleted", "deleted"},
  {"restored", "restored"},         {"migrated", "migrated %t"},
  {"reminded", "%n: people are reminded"},
  {"escalated", "%n is escalated %t"}, {"child", "%n started %t"},
  {"run", "run: %t"}};

static void put_changes(ml_buf *b, const ml_json *data) {
  for (uint32_t i = 0; data != NULL && data->type == ML_JOBJ
                       && i < data->count; i++) {
    ml_buf_puts(b, i > 0 ? ", " : "");
    ml_out_clean(b, data->obj[i].key);
    ml_buf_puts(b, " = ");
    ml_out_value(b, &data->obj[i].value);
  }
}

static void put_sentence(ml_buf *b, const ml_json *h) {
  ml_str told = ml_json_str(h, "told");
  const char *text = NULL;

  for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
    if (ml_str_is(told, sentences[i].told))
      text = sentences[i].text;
  if (text == NULL) {
    ml_out_clean(b, told);
    text = " %n %t";
  }
  for (; *text != '\0'; text++)
    if (text[0] != '%') {
      ml_buf_putc(b, *text);
    } else if (*++text == 'n') {
      ml_out_clean(b, ml_json_str(h, "name"));
    } else if (*text == 't') {
      ml_out_clean(b, ml_json_str(h, "text"));
    } else {
      put_changes(b, ml_json_get(h, "data"));
    }
}

void ml_view_history(ml_buf *b, const ml_json *items) {
  depths d = {.count = 0};

  for (uint32_t i = 0; items->type == ML_JARR && i < items->count; i++) {
    const ml_json *h = &items->arr[i];
    ml_str who = ml_json_str(h, "who");
    int depth = place(&d, ml_json_str(h, "told"), ml_json_int(h, "no", 0),
                      ml_json_str(h, "name"));

    d.last = depth;
    ml_out_time(b, ml_json_int(h, "at", 0));
    ml_buf_printf(b, "  %*s", 2 * depth, "");
    put_sentence(b, h);
    while (b->len > 0 && b->p[b->len - 1] == ' ')
      b->p[--b->len] = '\0';
    if (who.n > 0) {
      ml_buf_puts(b, "  (");
      ml_out_clean(b, who);
      ml_buf_putc(b, ')');
    }
    ml_buf_putc(b, '\n');
  }
}

/* ---- lists ---- */

/* A column: its title, the member it shows, and how ('s' text, 't' time,
** 'l' label, 'v' any value, 'p' path of phases, 'n' how many). */
typedef struct column {
  const char *title, *key;
  char how;
} column;

static const struct list {
  const char *kind;
  size_t wide;
  column columns[ML_COLUMNS_MAX];
} lists[] = {
  {"processes", 5,
   {{"ID", "id", 's'}, {"WORKFLOW", "workflow", 's'},
    {"STATUS", "status", 's'}, {"RUN", "run", 's'}, {"PHASE", "phase", 'p'},
    {"SUBJECT", "subject", 's'}, {"CHANGED", "updatedAt", 't'}}},
  {"tasks", 2,
   {{"ID", "id", 's'}, {"LABEL", "label", 's'}, {"TITLE", "title", 'l'},
    {"LANE", "lane", 's'}, {"FOR", "assignee", 's'},
    {"SUBJECT", "subject", 's'}, {"SINCE", "createdAt", 't'},
    {"DUE", "dueAt", 't'}}},
  {"transaction-tasks", 2,
   {{"ID", "id", 's'}, {"TYPE", "type", 's'}, {"LABEL", "label", 's'},
    {"LANE", "lane", 's'}, {"FOR", "assignee", 's'}, {"RESULT", "result", 's'},
    {"TRANSACTION", "transactionType", 's'},
    {"STATE", "transactionState", 's'}, {"TENANT", "tenant", 's'},
    {"PROCESS", "process", 's'}, {"SINCE", "createdAt", 't'},
    {"ENDED", "endedAt", 't'}}},
  {"transactions", 8,
   {{"ID", "id", 's'}, {"TYPE", "type", 's'}, {"TENANT", "tenant", 's'},
    {"STATE", "state", 's'}, {"WORKFLOW", "workflow", 's'},
    {"PROCESS", "process", 's'}, {"RULE", "rule", 's'},
    {"SINCE", "createdAt", 't'}, {"MESSAGE", "message", 's'}}},
  {"workflows", 1,
   {{"NAME", "name", 's'}, {"TITLE", "title", 'l'},
    {"VERSION", "version", 'h'}, {"FIELDS", "fields", 'v'},
    {"START", "start", 'p'}}},
  {"incidents", 5,
   {{"PROCESS", "process", 's'}, {"WORKFLOW", "workflow", 's'},
    {"ACTIVITY", "label", 's'}, {"STATUS", "status", 's'},
    {"SINCE", "since", 't'}, {"MESSAGE", "message", 's'}}},
  {"journal", 4,
   {{"ACTIVITY", "activity", 'e'}, {"CALL", "call", 's'},
    {"ATTEMPT", "attempt", 'v'}, {"AT", "at", 't'}, {"ANSWER", "answer", 'v'}}},
  {"comments", 3,
   {{"NO", "no", 'v'}, {"AT", "at", 't'}, {"WHO", "who", 's'},
    {"TEXT", "text", 's'}, {"FOR", "visibility", 's'}}},
  {"partners", 4,
   {{"NAME", "name", 's'}, {"STATE", "state", 's'}, {"URL", "url", 's'},
    {"WAITING", "waiting", 'v'}, {"OLDEST", "oldest", 't'}}},
  {"partner-log", 3,
   {{"AT", "at", 't'}, {"WHAT", "what", 's'}, {"WHO", "who", 's'},
    {"TEXT", "text", 's'}}},
  {"users", 3,
   {{"ID", "id", 's'}, {"NAME", "name", 's'}, {"ACTIVE", "active", 'v'},
    {"LANES", "lanes", 'p'}, {"EMAIL", "email", 's'}}},
  {"lanes", 2,
   {{"LANE", "lane", 's'}, {"TITLE", "title", 'l'},
    {"MEMBERS", "members", 'p'}}},
  {"tokens", 2,
   {{"ID", "id", 's'}, {"USER", "user", 's'}, {"SCOPES", "scopes", 'p'},
    {"MADE", "createdAt", 't'}, {"EXPIRES", "expiresAt", 't'}}},
  {"webhooks", 2,
   {{"NO", "no", 'v'}, {"URL", "url", 's'}, {"WORKFLOW", "workflow", 's'},
    {"EVENTS", "events", 'p'}, {"ACTIVE", "active", 'v'}, {"WHY", "why", 's'}}},
  {"outbox", 4,
   {{"NO", "no", 'v'}, {"KIND", "kind", 's'}, {"QUEUE", "queue", 's'},
    {"MADE", "createdAt", 't'}, {"TRIES", "attempts", 'v'},
    {"WHY", "why", 's'}}},
  {"settings", 4,
   {{"KEY", "id", 's'}, {"TYPE", "type", 's'}, {"REQUIRED", "required", 'v'},
    {"SET", "set", 'v'}, {"VALUE", "value", 'v'},
    {"DEFAULT", "default", 'v'}}}};

static void put_joined(ml_table *t, const ml_json *v, const char *by) {
  ml_buf b = {0};

  for (uint32_t i = 0; v != NULL && v->type == ML_JARR && i < v->count; i++) {
    ml_buf_puts(&b, i > 0 ? by : "");
    ml_out_value(&b, &v->arr[i]);
  }
  if (b.bad)
    t->text.bad = true;
  ml_table_cell(t, (ml_str){b.p, b.len});
  ml_buf_free(&b);
}

static void put_any(ml_table *t, const ml_json *v) {
  ml_buf b = {0};

  ml_out_value(&b, v);
  if (b.bad)
    t->text.bad = true;
  ml_table_cell(t, (ml_str){b.p, b.len});
  ml_buf_free(&b);
}

static void put_cell(ml_table *t, const ml_json *item, const column *c) {
  const ml_json *v = ml_json_get(item, c->key);
  ml_str s = ml_json_str(item, c->key);

  switch (c->how) {
  case 't':
    ml_table_time(t, ml_json_int(item, c->key, 0));
    break;
  case 'l':
    ml_table_cell(t, ml_out_label(v));
    break;
  case 'p':
    put_joined(t, v, strcmp(c->key, "phase") == 0 ? " > " : " ");
    break;
  case 'h':                      /* the beginning of a long hash */
    ml_table_cell(t, (ml_str){s.p, s.n < 12 ? s.n : 12});
    break;
  case 'e':                      /* the end of an id: the number */
    ml_table_cell(t, s.n > 37 ? (ml_str){s.p + 37, s.n - 37} : s);
    break;
  case 'v':
    put_any(t, v);
    break;
  default:
    ml_table_cell(t, s);
    break;
  }
}

void ml_view_list(ml_buf *b, const ml_json *items, const char *kind,
                  size_t width) {
  const struct list *l = lists;
  const char *titles[ML_COLUMNS_MAX];
  size_t columns = 0;
  ml_table t;

  while (strcmp(l->kind, kind) != 0)
    l++;
  for (; columns < ML_COLUMNS_MAX && l->columns[columns].title != NULL;
       columns++)
    titles[columns] = l->columns[columns].title;
  ml_table_init(&t, titles, columns, l->wide);
  for (uint32_t i = 0; items != NULL && items->type == ML_JARR
                       && i < items->count; i++)
    for (size_t c = 0; c < columns; c++)
      put_cell(&t, &items->arr[i], &l->columns[c]);
  ml_table_put(&t, width, b);
}
