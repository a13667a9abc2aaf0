/* cmd_webhook.c - webhook: who is told of changes, and what did not arrive. */
#include <stdio.h>
#include <string.h>

#include "cmd/out.h"
#include "cmd/verbs.h"
#include "cmd/view.h"

enum { ITEMS = 100 };

const ml_opt ml_opts_webhook[] = {
  {"workflow", "NAME", "only of this workflow", 'w'},
  {"events", "WORDS", "only these, such as started,state,completed", 0},
  {"limit", "N", "at most so many items", 'n'}, {NULL, NULL, NULL, 0}};

/* The verb's first word is `name`, and there are as many words as it takes. */
static bool sub(const ml_talk *q, const char *name, size_t words) {
  return strcmp(ml_args_word(q->args, 0), name) == 0
         && q->args->word_count == words;
}

static int list(ml_talk *q, const char *kind, bool pages) {
  ml_json *got;
  ml_buf b = {0};
  int code = pages ? ml_talk_list(q, ITEMS, &got)
                   : ml_talk_send(q, "GET", &got);

  if (code != ML_EXIT_FINE)
    return code;
  if (q->form != ML_FORM_TABLE)
    return ml_out_json(got, q->form);
  ml_view_list(&b, ml_json_get(got, "items"), kind, ml_out_width());
  return ml_out_send(&b);
}

static int add(ml_talk *q) {
  const char *workflow = ml_args_given(q->args, "workflow");
  const char *events = ml_args_given(q->args, "events");
  ml_json *answer;
  ml_buf b = {0};
  int code;

  ml_path(&q->path, "/v1/webhooks");
  ml_jw_obj(&q->w);
  ml_jw_kstrz(&q->w, "url", ml_args_word(q->args, 1));
  if (workflow != NULL)
    ml_jw_kstrz(&q->w, "workflow", workflow);
  if (events != NULL) {
    ml_jw_key(&q->w, "events");
    ml_jw_arr(&q->w);
    while (*events != '\0') {
      size_t n = strcspn(events, ", ");

      if (n > 0)
        ml_jw_str(&q->w, (ml_str){events, n});
      events += n + (events[n] != '\0');
    }
    ml_jw_end(&q->w);
  }
  ml_jw_end(&q->w);
  code = ml_talk_send(q, "POST", &answer);
  if (code != ML_EXIT_FINE || q->form != ML_FORM_TABLE)
    return code == ML_EXIT_FINE ? ml_out_json(answer, q->form) : code;
  ml_buf_printf(&b, "webhook %lld; its secret, shown this once:\n",
                (long long)ml_json_int(answer, "no", 0));
  ml_out_clean(&b, ml_json_str(answer, "secret"));
  ml_buf_puts(&b, "\n");
  return ml_out_send(&b);
}

static int change(ml_talk *q, bool on) {
  ml_path(&q->path, "/v1/webhooks/{}", ml_args_word(q->args, 1));
  ml_jw_obj(&q->w);
  ml_jw_kbool(&q->w, "active", on);
  ml_jw_end(&q->w);
  return ml_talk_send(q, "PATCH", NULL);
}

int ml_cmd_webhook(ml_talk *q) {
  if (sub(q, "ls", 1)) {
    ml_path(&q->path, "/v1/webhooks");
    return list(q, "webhooks", false);
  }
  if (sub(q, "add", 2))
    return add(q);
  if (sub(q, "on", 2) || sub(q, "off", 2))
    return change(q, sub(q, "on", 2));
  if (sub(q, "dead", 1)) {
    ml_path(&q->path, "/v1/outbox");
    ml_path_query(&q->path, "aside", "1");
    return list(q, "outbox", true);
  }
  if (sub(q, "resend", 2)) {
    ml_path(&q->path, "/v1/outbox/{}/resend", ml_args_word(q->args, 1));
    return ml_talk_send(q, "POST", NULL);
  }
  if (!sub(q, "rm", 2))
    return ml_out_fail(ML_EXIT_USAGE, "webhook takes ls, add URL, rm NO, on NO, "
                       "off NO, dead or resend NO");
  ml_path(&q->path, "/v1/webhooks/{}", ml_args_word(q->args, 1));
  return ml_talk_send(q, "DELETE", NULL);
}
