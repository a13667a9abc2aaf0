/* cmd_task.c - tasks, complete, claim, release: what people do. */
#include <string.h>

#include "cmd/out.h"
#include "cmd/verbs.h"
#include "cmd/view.h"

#define AS {"as", "USER", "act as this member", 0}

const ml_opt ml_opts_as[] = {AS, {NULL, NULL, NULL, 0}};
const ml_opt ml_opts_tasks[] = {
  {"as", "USER", "only what this member may do", 0},
  {"lane", "LANE", "only of this lane: WORKFLOW/LANE", 0},
  {"status", "STATUS", "OPEN, COMPLETED, CANCELLED or any", 0},
  {"tenant", "TENANT", "only of this tenant's transactions", 0},
  {"limit", "N", "at most so many items", 'n'},
  {NULL, NULL, NULL, 0}};
const ml_opt ml_opts_complete[] = {
  AS, {"data", "JSON", "fields as a JSON object", 'd'},
  {"next", NULL, "answer with the person's next task too", 0},
  {NULL, NULL, NULL, 0}};

enum { ITEMS = 100 };

/* Where there are transactions, a list shows them. */
static bool any_transaction(const ml_json *items) {
  for (uint32_t i = 0; items != NULL && items->type == ML_JARR
                       && i < items->count; i++)
    if (ml_json_get(&items->arr[i], "transaction") != NULL)
      return true;
  return false;
}

int ml_cmd_tasks(ml_talk *q) {
  const char *as = ml_args_get(q->args, "as");
  ml_json *list;
  ml_buf b = {0};
  int code;

  ml_path(&q->path, "/v1/tasks");
  ml_path_query(&q->path, "as", as);
  ml_path_query(&q->path, "mine", as != NULL ? "1" : NULL);
  ml_path_query(&q->path, "lane", ml_args_given(q->args, "lane"));
  ml_path_query(&q->path, "status", ml_args_given(q->args, "status"));
  ml_path_query(&q->path, "tenant", ml_args_given(q->args, "tenant"));
  code = ml_talk_list(q, ITEMS, &list);
  if (code != ML_EXIT_FINE)
    return code;
  if (q->form != ML_FORM_TABLE)
    return ml_out_json(list, q->form);
  ml_view_list(&b, ml_json_get(list, "items"),
               any_transaction(ml_json_get(list, "items")) ? "transaction-tasks"
                                                           : "tasks",
               ml_out_width());
  return ml_out_send(&b);
}

/* The answer to a change: the task in one line, or as JSON. */
static int send_task(ml_talk *q, const ml_json *answer) {
  const ml_json *t = ml_json_get(answer, "task");
  const ml_json *next = ml_json_get(answer, "next");
  ml_json one = {.type = ML_JARR, .count = 1};
  ml_str status, outcome;
  ml_buf b = {0};

  if (q->form != ML_FORM_TABLE)
    return ml_out_json(answer, q->form);
  if (t == NULL)
    t = answer;
  status = ml_json_str(t, "status");
  outcome = ml_json_str(t, "outcome");
  ml_out_clean(&b, ml_json_str(t, "label"));
  ml_buf_puts(&b, ": ");
  ml_out_clean(&b, status);
  if (outcome.n > 0) {
    ml_buf_puts(&b, ", ");
    ml_out_clean(&b, outcome);
  }
  ml_buf_putc(&b, '\n');
  if (next != NULL && next->type == ML_JOBJ) {
    ml_json item = *next;
    one.arr = &item;
    ml_buf_puts(&b, "next\n");
    ml_view_tasks(&b, &one);
  }
  return ml_out_send(&b);
}

static bool has_outcome(const ml_json *form, const char *word) {
  const ml_json *list = ml_json_get(form, "outcomes");

  for (uint32_t i = 0; list != NULL && list->type == ML_JARR && i < list->count;
       i++)
    if (ml_str_is(ml_json_str(&list->arr[i], "id"), word))
      return true;
  return false;
}

int ml_cmd_complete(ml_talk *q) {
  const char *as = ml_args_get(q->args, "as");
  const char *outcome = ml_args_word(q->args, 1);
  char id[ML_ID_TEXT];
  ml_json *form, *answer;
  ml_err e = {0};
  ml_rc rc;
  int code = ml_remote_task(q->remote, ml_args_word(q->args, 0), as, id);

  if (code != ML_EXIT_FINE)
    return code;
  ml_path(&q->path, "/v1/tasks/{}", id);
  ml_path_query(&q->path, "as", as);
  code = ml_talk_send(q, "GET", &form);
  if (code != ML_EXIT_FINE)
    return code;
  if (outcome != NULL && strchr(outcome, '=') != NULL
      && !has_outcome(form, outcome))
    outcome = NULL;              /* the first field already */
  ml_path(&q->path, "/v1/tasks/{}/complete", id);
  ml_path_query(&q->path, "next", ml_args_flag(q->args, "next") ? "1" : NULL);
  ml_jw_obj(&q->w);
  if (outcome != NULL)
    ml_jw_kstrz(&q->w, "outcome", outcome);
  if (as != NULL)
    ml_jw_kstrz(&q->w, "as", as);
  ml_jw_key(&q->w, "data");
  rc = ml_talk_data(q, ml_json_get(form, "form"), outcome != NULL ? 2 : 1, &e);
  if (rc != ML_OK)
    return ml_out_error(ml_out_code(rc), &e);
  ml_jw_end(&q->w);
  code = ml_talk_send(q, "POST", &answer);
  return code == ML_EXIT_FINE ? send_task(q, answer) : code;
}

static int plain(ml_talk *q, const char *pattern) {
  const char *as = ml_args_get(q->args, "as");
  const char *word = ml_args_word(q->args, 0);
  char id[ML_ID_TEXT];
  ml_json *answer;
  int code = ml_remote_task(q->remote, word, NULL, id);

  if (code != ML_EXIT_FINE)
    return code;
  ml_path(&q->path, pattern, id);
  ml_talk_text(q, "as", as);
  code = ml_talk_send(q, "POST", &answer);
  return code == ML_EXIT_FINE ? send_task(q, answer) : code;
}

int ml_cmd_claim(ml_talk *q) {
  return plain(q, "/v1/tasks/{}/claim");
}

int ml_cmd_release(ml_talk *q) {
  return plain(q, "/v1/tasks/{}/release");
}
