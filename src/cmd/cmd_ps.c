/* cmd_ps.c - ls, show, history, why, journal: looking at processes. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/out.h"
#include "cmd/verbs.h"
#include "cmd/view.h"

#define LIMIT {"limit", "N", "at most so many items", 'n'}

const ml_opt ml_opts_ls[] = {
  {"workflow", "NAME", "only of this workflow", 'w'},
  {"status", "STATUS", "only OPEN, COMPLETED or CANCELLED", 0},
  {"run", "RUN", "only New, Running, Completed, Failure or Error", 0},
  {"state", "STATE", "only in this business state", 0},
  {"assigned-to", "USER", "only assigned to this person", 0},
  {"parent", "ID", "only started by this process", 0},
  {"where", "FILTER", "only those that match: \"score >= 50 and source = 'fair'\"",
   0},
  {"order", "FIELD", "by this field; -FIELD: the greatest first", 0},
  {"explain", NULL, "tell how the list was found", 0},
  {"type", "TYPE", "transactions: only of this type", 0},
  {"tenant", "TENANT", "transactions: only of this tenant", 0},
  LIMIT, {NULL, NULL, NULL, 0}};
const ml_opt ml_opts_show[] = {
  {"all", NULL, "past and future activities too", 'a'},
  {"sealed", NULL, "show sealed values", 0}, {NULL, NULL, NULL, 0}};
const ml_opt ml_opts_history[] = {
  {"after", "SEQ", "only what comes after this number", 0},
  {"all", NULL, "everything of all processes, as JSON lines", 0},
  {"db", "FILE", "with --all: the store, when no engine runs", 0},
  LIMIT, {NULL, NULL, NULL, 0}};
const ml_opt ml_opts_journal[] = {
  {"activity", "NUMBER", "only of this activity (its number, or its id)", 0},
  LIMIT, {NULL, NULL, NULL, 0}};

enum { ITEMS = 50, HISTORY_ITEMS = 10000 };

static int send_list(ml_talk *q, const ml_json *list, const char *kind) {
  ml_buf b = {0};

  if (q->form != ML_FORM_TABLE)
    return ml_out_json(list, q->form);
  ml_view_list(&b, ml_json_get(list, "items"), kind, ml_out_width());
  if (ml_json_get(list, "next") != NULL
      && ml_json_get(list, "next")->type == ML_JSTR)
    ml_buf_puts(&b, "... and more: --limit N\n");
  return ml_out_send(&b);
}

static int put_filters(ml_talk *q) {
  static const struct { const char *opt, *param; } filters[] = {
    {"workflow", "workflow"}, {"status", "status"}, {"run", "run"},
    {"state", "state"}, {"assigned-to", "assigned_to"}, {"where", "where"},
    {"order", "order"}};
  const char *parent = ml_args_given(q->args, "parent");
  char id[ML_ID_TEXT];
  int code;

  for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
    ml_path_query(&q->path, filters[i].param,
                  ml_args_given(q->args, filters[i].opt));
  if (parent == NULL)
    return ML_EXIT_FINE;
  code = ml_remote_process(q->remote, parent, id);
  if (code == ML_EXIT_FINE)
    ml_path_query(&q->path, "parent", id);
  return code;
}

/* One page, and how it was found. */
static int explain(ml_talk *q) {
  const ml_json *plan;
  ml_json *list;
  ml_buf b = {0};
  int code;

  ml_path_query(&q->path, "explain", "1");
  ml_path_query(&q->path, "limit", ml_args_given(q->args, "limit"));
  code = ml_talk_send(q, "GET", &list);
  if (code != ML_EXIT_FINE || q->form != ML_FORM_TABLE)
    return code == ML_EXIT_FINE ? ml_out_json(list, q->form) : code;
  plan = ml_json_get(list, "explain");
  ml_view_list(&b, ml_json_get(list, "items"), "processes", ml_out_width());
  ml_buf_printf(&b, "%.*s; looked at %lld\n",
                (int)ml_json_str(plan, "plan").n, ml_json_str(plan, "plan").p,
                (long long)ml_json_int(plan, "lookedAt", 0));
  return ml_out_send(&b);
}

int ml_cmd_ls(ml_talk *q) {
  static const char *const kinds[] = {"processes", "workflows", "incidents",
                                      "transactions", NULL};
  const char *kind = ml_args_word(q->args, 0);
  ml_json *list;
  size_t k = 0;
  int code = ML_EXIT_FINE;

  while (kind != NULL && kinds[k] != NULL && strcmp(kinds[k], kind) != 0)
    k++;
  if (kinds[k] == NULL)
    return ml_out_fail(ML_EXIT_USAGE, "ls lists processes, workflows, "
                       "incidents or transactions, not '%.40s'", kind);
  ml_path(&q->path, "/v1/{}", kinds[k]);
  if (k == 0)
    code = put_filters(q);
  if (code == ML_EXIT_FINE && k == 0 && ml_args_flag(q->args, "explain"))
    return explain(q);
  if (k == 3) {
    ml_path_query(&q->path, "type", ml_args_given(q->args, "type"));
    ml_path_query(&q->path, "tenant", ml_args_given(q->args, "tenant"));
    ml_path_query(&q->path, "state", ml_args_given(q->args, "state"));
  }
  if (code == ML_EXIT_FINE)
    code = ml_talk_list(q, ITEMS, &list);
  return code == ML_EXIT_FINE ? send_list(q, list, kinds[k]) : code;
}

/* The process in the first word: its full id. */
static int process_word(ml_talk *q, char id[ML_ID_TEXT]) {
  return ml_remote_process(q->remote, ml_args_word(q->args, 0), id);
}

int ml_cmd_show(ml_talk *q) {
  char id[ML_ID_TEXT];
  ml_json *p;
  ml_buf b = {0};
  int code = process_word(q, id);

  if (code != ML_EXIT_FINE)
    return code;
  ml_path(&q->path, "/v1/processes/{}", id);
  ml_path_query(&q->path, "all", ml_args_flag(q->args, "all") ? "1" : NULL);
  ml_path_query(&q->path, "sealed",
                ml_args_flag(q->args, "sealed") ? "1" : NULL);
  code = ml_talk_send(q, "GET", &p);
  if (code != ML_EXIT_FINE)
    return code;
  if (q->form != ML_FORM_TABLE)
    return ml_out_json(p, q->form);
  ml_view_process(&b, p);
  return ml_out_send(&b);
}

int ml_cmd_history(ml_talk *q) {
  char id[ML_ID_TEXT];
  ml_json *list;
  ml_buf b = {0};
  int code;

  if (ml_args_word(q->args, 0) == NULL)
    return ml_out_fail(ML_EXIT_USAGE, "which process? Say its ID, or --all");
  code = process_word(q, id);
  if (code != ML_EXIT_FINE)
    return code;
  ml_path(&q->path, "/v1/processes/{}/history", id);
  ml_path_query(&q->path, "after", ml_args_given(q->args, "after"));
  code = ml_talk_list(q, HISTORY_ITEMS, &list);
  if (code != ML_EXIT_FINE)
    return code;
  if (q->form != ML_FORM_TABLE)
    return ml_out_json(list, q->form);
  ml_view_history(&b, ml_json_get(list, "items"));
  return ml_out_send(&b);
}

/* {"process", "status", "waiting": [activities that are live]} */
static int send_why(ml_talk *q, const ml_json *p) {
  const ml_json *acts = ml_json_get(p, "activities");
  ml_arena a = {0};
  ml_json *v;
  ml_buf b = {0};
  ml_jw w;
  int code;

  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kstr(&w, "process", ml_json_str(p, "id"));
  ml_jw_kstr(&w, "status", ml_json_str(p, "status"));
  ml_jw_kstr(&w, "message", ml_json_str(p, "message"));
  ml_jw_key(&w, "waiting");
  ml_jw_arr(&w);
  for (uint32_t i = 0; acts != NULL && acts->type == ML_JARR && i < acts->count;
       i++) {
    ml_str status = ml_json_str(&acts->arr[i], "status");
    if (!ml_str_is(status, "Success") && !ml_str_is(status, "Terminated"))
      ml_jw_json(&w, &acts->arr[i]);
  }
  ml_jw_end(&w);
  ml_jw_end(&w);
  if (b.bad || ml_json_parse(&a, b.p, b.len, NULL, &v, NULL) != ML_OK)
    code = ml_out_fail(ML_EXIT_FALSE, "out of memory");
  else
    code = ml_out_json(v, q->form);
  ml_buf_free(&b);
  ml_arena_free(&a);
  return code;
}

int ml_cmd_why(ml_talk *q) {
  char id[ML_ID_TEXT];
  ml_json *p, *history;
  ml_clock *clock = ml_clock_system();
  ml_buf b = {0};
  int code = process_word(q, id);

  if (code != ML_EXIT_FINE)
    return code;
  ml_path(&q->path, "/v1/processes/{}", id);
  code = ml_talk_send(q, "GET", &p);
  if (code != ML_EXIT_FINE)
    return code;
  if (q->form != ML_FORM_TABLE)
    return send_why(q, p);
  ml_path(&q->path, "/v1/processes/{}/history", id);
  code = ml_talk_list(q, HISTORY_ITEMS, &history);
  if (code != ML_EXIT_FINE)
    return code;
  ml_view_why(&b, p, ml_json_get(history, "items"), clock->wall_ms(clock));
  return ml_out_send(&b);
}

int ml_cmd_journal(ml_talk *q) {
  char id[ML_ID_TEXT];
  ml_json *list;
  int code = process_word(q, id);

  if (code != ML_EXIT_FINE)
    return code;
  ml_path(&q->path, "/v1/processes/{}/journal", id);
  ml_path_query(&q->path, "activity", ml_args_given(q->args, "activity"));
  code = ml_talk_list(q, HISTORY_ITEMS, &list);
  return code == ML_EXIT_FINE ? send_list(q, list, "journal") : code;
}
