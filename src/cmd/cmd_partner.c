/* cmd_partner.c - partner: links to other engines.  The code of an invitation
** is a secret until it is accepted: it is read from a file or standard input. */
#include <string.h>

#include "base/crypto.h"
#include "cmd/files.h"
#include "cmd/out.h"
#include "cmd/verbs.h"
#include "cmd/view.h"

const ml_opt ml_opts_partner[] = {
  {"our-url", "URL", "where the other side reaches this engine", 0},
  {"code", "FILE", "read the invitation's code from a file (- is standard "
   "input)", 0},
  {"limit", "N", "at most so many items", 'n'}, {NULL, NULL, NULL, 0}};

enum { CODE_BYTES = 4 << 10, ITEMS = 100 };

static bool sub(const ml_talk *q, const char *name, size_t words) {
  return strcmp(ml_args_word(q->args, 0), name) == 0
         && q->args->word_count == words;
}

/* A list, as a table of its kind or as JSON. */
static int show_list(ml_talk *q, const char *kind) {
  ml_json *l;
  ml_buf b = {0};
  int code = ml_talk_list(q, ITEMS, &l);

  if (code != ML_EXIT_FINE)
    return code;
  if (q->form != ML_FORM_TABLE)
    return ml_out_json(l, q->form);
  ml_view_list(&b, ml_json_get(l, "items"), kind, ml_out_width());
  return ml_out_send(&b);
}

static int show_one(ml_talk *q, const char *method) {
  ml_json *answer, one = {.type = ML_JARR, .count = 1};
  ml_buf b = {0};
  int code = ml_talk_send(q, method, &answer);

  if (code != ML_EXIT_FINE || answer == NULL)
    return code;
  if (q->form != ML_FORM_TABLE)
    return ml_out_json(answer, q->form);
  one.arr = answer;
  ml_view_list(&b, &one, "partners", ml_out_width());
  return ml_out_send(&b);
}

static int put_url(ml_talk *q) {
  const char *url = ml_args_given(q->args, "our-url");

  if (url == NULL)
    return ml_out_fail(ML_EXIT_USAGE, "where does the other side reach this "
                       "engine? As --our-url https://box.example");
  ml_jw_obj(&q->w);
  ml_jw_kstrz(&q->w, "name", ml_args_word(q->args, 1));
  ml_jw_kstrz(&q->w, "url", url);
  return ML_EXIT_FINE;
}

static int invite(ml_talk *q) {
  ml_json *answer;
  ml_buf b = {0};
  int code = put_url(q);

  if (code != ML_EXIT_FINE)
    return code;
  ml_jw_end(&q->w);
  ml_path(&q->path, "/v1/partners");
  code = ml_talk_send(q, "POST", &answer);
  if (code != ML_EXIT_FINE)
    return code;
  if (q->form != ML_FORM_TABLE)
    return ml_out_json(answer, q->form);
  ml_out_clean(&b, ml_json_str(answer, "code"));
  ml_buf_puts(&b, "\n(shown this once: give it to the other side's operator by a "
              "safe way, for\n moonlane partner accept NAME --our-url THEIR-URL "
              "--code -)\n");
  return ml_out_send(&b);
}

static int accept(ml_talk *q) {
  const char *file = ml_args_given(q->args, "code");
  ml_buf text = {0};
  ml_err e = {0};
  int code = put_url(q);

  if (code != ML_EXIT_FINE)
    return code;
  if (file == NULL)
    return ml_out_fail(ML_EXIT_USAGE, "where is the invitation's code? As "
                       "--code FILE, or --code - to read it");
  if (ml_file_read(file, CODE_BYTES, &text, &e) != ML_OK) {
    ml_buf_free(&text);
    return ml_out_error(ml_out_code(e.rc), &e);
  }
  while (text.len > 0 && strchr("\r\n ", text.p[text.len - 1]) != NULL)
    text.len--;
  ml_jw_kstr(&q->w, "code", (ml_str){text.p, text.len});
  ml_jw_end(&q->w);
  if (text.p != NULL)
    ml_crypto_wipe(text.p, text.len);
  ml_buf_free(&text);
  ml_path(&q->path, "/v1/partners/accept");
  return show_one(q, "POST");
}

int ml_cmd_partner(ml_talk *q) {
  const ml_verb *v = q->args->verb;

  if (sub(q, "ls", 1)) {
    ml_path(&q->path, "/v1/partners");
    return show_list(q, "partners");
  }
  if (sub(q, "invite", 2))
    return invite(q);
  if (sub(q, "accept", 2))
    return accept(q);
  if (sub(q, "log", 2)) {
    ml_path(&q->path, "/v1/partners/{}/told", ml_args_word(q->args, 1));
    return show_list(q, "partner-log");
  }
  if (sub(q, "rotate", 2) || sub(q, "revoke", 2)) {
    ml_path(&q->path, "/v1/partners/{}/{}", ml_args_word(q->args, 1),
            ml_args_word(q->args, 0));
    return show_one(q, "POST");
  }
  return ml_out_fail(ML_EXIT_USAGE, "usage: moonlane %s %s", v->name, v->usage);
}
