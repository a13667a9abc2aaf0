/* cmd_do.c - start, signal, retry, skip, cancel, reset, comment, poll,
** reload: what operators do. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd/out.h"
#include "cmd/verbs.h"
#include "cmd/view.h"
#include "model/process.h"

const ml_opt ml_opts_start[] = {
  {"data", "JSON", "fields as a JSON object", 'd'},
  {"subject", "TEXT", "what it is about", 0},
  {"wait", NULL, "answer when it rests, or after 1 s", 0},
  {"as", "USER", "act as this member", 0}, {NULL, NULL, NULL, 0}};
const ml_opt ml_opts_signal[] = {
  {"data", "JSON", "what it brings: a JSON object", 'd'},
  {NULL, NULL, NULL, 0}};
const ml_opt ml_opts_retry[] = {
  {"activity", "NUMBER", "only this activity (its number, or its id)", 0},
  {NULL, NULL, NULL, 0}};
const ml_opt ml_opts_skip[] = {
  {"activity", "NUMBER", "this activity (its number, or its id)", 0},
  {NULL, NULL, NULL, 0}};
const ml_opt ml_opts_cancel[] = {
  {"reason", "TEXT", "why; it stands in the history", 0},
  {NULL, NULL, NULL, 0}};
const ml_opt ml_opts_reset[] = {
  {"as", "USER", "act as this member", 0}, {NULL, NULL, NULL, 0}};
const ml_opt ml_opts_comment[] = {
  {"visibility", "WHO", "private, client or shared", 0},
  {"change", "NO", "this comment gets TEXT; without, it is taken away", 'n'},
  {"as", "USER", "act as this member", 0},
  {"limit", "N", "at most so many items", 'n'}, {NULL, NULL, NULL, 0}};

enum { COMMENTS = 100 };

/* The process as it is now: two lines, or as JSON. */
static int send_process(ml_talk *q, const ml_json *p) {
  ml_buf b = {0};

  if (q->form != ML_FORM_TABLE)
    return ml_out_json(p, q->form);
  ml_out_clean(&b, ml_json_str(p, "id"));
  ml_buf_putc(&b, '\n');
  ml_view_where(&b, p);
  return ml_out_send(&b);
}

/* Send the body that was written; the answer is a process. */
static int post_process(ml_talk *q) {
  ml_json *p;
  int code = ml_talk_send(q, "POST", &p);

  return code == ML_EXIT_FINE ? send_process(q, p) : code;
}

int ml_cmd_start(ml_talk *q) {
  const char *name = ml_args_word(q->args, 0);
  const char *subject = ml_args_given(q->args, "subject");
  ml_json *definition = NULL;
  ml_err e = {0};
  ml_rc rc;
  int code;

  if (q->args->word_count > 1) {     /* the types of the fields are needed */
    ml_path(&q->path, "/v1/workflows/{}", name);
    code = ml_talk_send(q, "GET", &definition);
    if (code != ML_EXIT_FINE)
      return code;
  }
  ml_path(&q->path, "/v1/workflows/{}/processes", name);
  ml_path_query(&q->path, "wait", ml_args_flag(q->args, "wait") ? "1" : NULL);
  ml_path_query(&q->path, "as", ml_args_get(q->args, "as"));
  ml_jw_obj(&q->w);
  if (subject != NULL)
    ml_jw_kstrz(&q->w, "subject", subject);
  ml_jw_key(&q->w, "data");
  rc = ml_talk_data(q, ml_json_get(definition, "fields"), 1, &e);
  if (rc != ML_OK)
    return ml_out_error(ml_out_code(rc), &e);
  ml_jw_end(&q->w);
  return post_process(q);
}

int ml_cmd_signal(ml_talk *q) {
  char id[ML_ID_TEXT];
  ml_json *answer;
  ml_buf b = {0};
  ml_err e = {0};
  ml_rc rc;
  int code = ml_remote_process(q->remote, ml_args_word(q->args, 0), id);

  if (code != ML_EXIT_FINE)
    return code;
  ml_path(&q->path, "/v1/processes/{}/signals", id);
  ml_jw_obj(&q->w);
  ml_jw_kstrz(&q->w, "name", ml_args_word(q->args, 1));
  ml_jw_key(&q->w, "data");
  rc = ml_talk_data(q, NULL, 2, &e);
  if (rc != ML_OK)
    return ml_out_error(ml_out_code(rc), &e);
  ml_jw_end(&q->w);
  code = ml_talk_send(q, "POST", &answer);
  if (code != ML_EXIT_FINE)
    return code;
  if (q->form != ML_FORM_TABLE)
    return ml_out_json(answer, q->form);
  ml_buf_puts(&b, ml_json_bool(answer, "kept", false)
                      ? "kept until somebody waits for it\n" : "taken\n");
  return ml_out_send(&b);
}

/* The activity that is meant: the first word when it is an activity's id, or
** --activity; "" when neither says one. */
static int activity_of(ml_talk *q, char process[ML_ID_TEXT],
                       char act[ML_ID_TEXT]) {
  const char *word = ml_args_word(q->args, 0);
  const char *given = ml_args_given(q->args, "activity");
  uint8_t id[16];
  uint32_t no = 0;
  int64_t n;
  int code = ml_remote_process(q->remote, word, process);

  act[0] = '\0';
  if (code != ML_EXIT_FINE)
    return code;
  if (given == NULL) {
    if (ml_id_of(ml_str_of(word), id, &no) && no != 0)
      ml_id_text(act, id, no);
    return ML_EXIT_FINE;
  }
  if (ml_text_int(ml_str_of(given), &n) && n > 0 && n <= UINT32_MAX)
    snprintf(act, ML_ID_TEXT, "%.40s-%lld", process, (long long)n);
  else if (ml_id_of(ml_str_of(given), id, &no) && no != 0)
    ml_id_text(act, id, no);
  else
    return ml_out_fail(ML_EXIT_USAGE, "--activity wants the number or the id of "
                       "an activity, not '%.60s'", given);
  return ML_EXIT_FINE;
}

int ml_cmd_retry(ml_talk *q) {
  char process[ML_ID_TEXT], act[ML_ID_TEXT];
  int code = activity_of(q, process, act);

  if (code != ML_EXIT_FINE)
    return code;
  ml_path(&q->path, "/v1/processes/{}/retry", process);
  ml_talk_text(q, "activity", act[0] != '\0' ? act : NULL);
  return post_process(q);
}

int ml_cmd_skip(ml_talk *q) {
  const char *outcome = ml_args_word(q->args, 1);
  char process[ML_ID_TEXT], act[ML_ID_TEXT];
  int code = activity_of(q, process, act);

  if (code != ML_EXIT_FINE)
    return code;
  if (act[0] == '\0')
    return ml_out_fail(ML_EXIT_USAGE, "which activity? Give its id, or "
                       "--activity NUMBER; moonlane show %s names them",
                       process);
  ml_path(&q->path, "/v1/processes/{}/skip", process);
  ml_jw_obj(&q->w);
  ml_jw_kstrz(&q->w, "activity", act);
  if (outcome != NULL)
    ml_jw_kstrz(&q->w, "outcome", outcome);
  ml_jw_end(&q->w);
  return post_process(q);
}

static int on_process(ml_talk *q, const char *pattern, const char *key,
                      const char *value) {
  char id[ML_ID_TEXT];
  int code = ml_remote_process(q->remote, ml_args_word(q->args, 0), id);

  if (code != ML_EXIT_FINE)
    return code;
  ml_path(&q->path, pattern, id);
  ml_talk_text(q, key, value);
  return post_process(q);
}

int ml_cmd_cancel(ml_talk *q) {
  return on_process(q, "/v1/processes/{}/cancel", "reason",
                    ml_args_given(q->args, "reason"));
}

int ml_cmd_reset(ml_talk *q) {
  return on_process(q, "/v1/processes/{}/reset", "as",
                    ml_args_get(q->args, "as"));
}

/* ---- comments ---- */

static int read_comments(ml_talk *q, const char *id) {
  ml_json *list;
  ml_buf b = {0};
  int code;

  ml_path(&q->path, "/v1/processes/{}/comments", id);
  code = ml_talk_list(q, COMMENTS, &list);
  if (code != ML_EXIT_FINE)
    return code;
  if (q->form != ML_FORM_TABLE)
    return ml_out_json(list, q->form);
  ml_view_list(&b, ml_json_get(list, "items"), "comments", ml_out_width());
  return ml_out_send(&b);
}

static int change_comment(ml_talk *q, const char *id, const char *text) {
  const char *as = ml_args_get(q->args, "as");
  ml_json *answer;
  int code;

  ml_path(&q->path, "/v1/processes/{}/comments/{}", id,
          ml_args_given(q->args, "change"));
  if (text != NULL) {
    ml_jw_obj(&q->w);
    ml_jw_kstrz(&q->w, "text", text);
    if (as != NULL)
      ml_jw_kstrz(&q->w, "as", as);
    ml_jw_end(&q->w);
  }
  code = ml_talk_send(q, text != NULL ? "PATCH" : "DELETE", &answer);
  return code != ML_EXIT_FINE ? code : ml_out_json(answer, q->form);
}

int ml_cmd_comment(ml_talk *q) {
  const char *text = ml_args_word(q->args, 1);
  const char *visibility = ml_args_given(q->args, "visibility");
  const char *as = ml_args_get(q->args, "as");
  char id[ML_ID_TEXT];
  ml_json *answer;
  ml_buf b = {0};
  int code = ml_remote_process(q->remote, ml_args_word(q->args, 0), id);

  if (code != ML_EXIT_FINE)
    return code;
  if (ml_args_given(q->args, "change") != NULL)
    return change_comment(q, id, text);
  if (text == NULL)
    return read_comments(q, id);
  ml_path(&q->path, "/v1/processes/{}/comments", id);
  ml_jw_obj(&q->w);
  ml_jw_kstrz(&q->w, "text", text);
  if (visibility != NULL)
    ml_jw_kstrz(&q->w, "visibility", visibility);
  if (as != NULL)
    ml_jw_kstrz(&q->w, "as", as);
  ml_jw_end(&q->w);
  code = ml_talk_send(q, "POST", &answer);
  if (code != ML_EXIT_FINE)
    return code;
  if (q->form != ML_FORM_TABLE)
    return ml_out_json(answer, q->form);
  ml_buf_printf(&b, "comment %lld\n",
                (long long)ml_json_int(answer, "no", 0));
  return ml_out_send(&b);
}

/* ---- the engine ---- */

int ml_cmd_poll(ml_talk *q) {
  const ml_json *started;
  ml_json *answer;
  ml_buf b = {0};
  int code;

  ml_path(&q->path, "/v1/workflows/{}/triggers/{}/poll",
          ml_args_word(q->args, 0), ml_args_word(q->args, 1));
  code = ml_talk_send(q, "POST", &answer);
  if (code != ML_EXIT_FINE)
    return code;
  if (q->form != ML_FORM_TABLE)
    return ml_out_json(answer, q->form);
  started = ml_json_get(answer, "started");
  if (started == NULL || started->type != ML_JARR || started->count == 0)
    ml_buf_puts(&b, "nothing new\n");
  for (uint32_t i = 0; started != NULL && started->type == ML_JARR
                       && i < started->count; i++) {
    ml_buf_puts(&b, "started ");
    ml_out_value(&b, &started->arr[i]);
    ml_buf_putc(&b, '\n');
  }
  return ml_out_send(&b);
}

int ml_cmd_lift(ml_talk *q) {
  ml_json *answer;
  ml_buf b = {0};
  int64_t n;
  int code;

  ml_path(&q->path, "/v1/workflows/{}/lift", ml_args_word(q->args, 0));
  code = ml_talk_send(q, "POST", &answer);
  if (code != ML_EXIT_FINE)
    return code;
  if (q->form != ML_FORM_TABLE)
    return ml_out_json(answer, q->form);
  n = ml_json_int(answer, "lifted", 0);
  if (n == 0)
    ml_buf_puts(&b, "nothing of it was in quarantine\n");
  else
    ml_buf_printf(&b, "lifted; %lld bundle%s\n", (long long)n, n > 1 ? "s" : "");
  return ml_out_send(&b);
}

int ml_cmd_reload(ml_talk *q) {
  const ml_json *broken;
  ml_json *answer;
  int code;

  ml_path(&q->path, "/v1/reload");
  code = ml_talk_send(q, "POST", &answer);
  if (code != ML_EXIT_FINE)
    return code;
  broken = ml_json_get(answer, "broken");
  if (q->form != ML_FORM_TABLE)
    code = ml_out_json(answer, q->form);
  for (uint32_t i = 0; broken != NULL && broken->type == ML_JARR
                       && i < broken->count; i++) {
    ml_str at = ml_json_str(&broken->arr[i], "at");
    ml_str text = ml_json_str(&broken->arr[i], "text");

    code = ml_out_fail(ML_EXIT_FALSE, "%.*s: %.*s", (int)at.n, at.p,
                       (int)text.n, text.p);
  }
  return code;
}
