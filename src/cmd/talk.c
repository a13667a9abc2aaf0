/* talk.c - what the verbs that ask an engine share. */
#include "cmd/talk.h"

#include <string.h>

#include "base/text.h"

int ml_talk_begin(ml_talk *q, const ml_args *a) {
  ml_err e = {0};

  memset(q, 0, sizeof *q);
  q->args = a;
  ml_jw_init(&q->w, &q->body);
  if (ml_out_form(a, &q->form, &e) != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  return ml_remote_open(a, &q->remote);
}

void ml_talk_end(ml_talk *q) {
  ml_remote_close(q->remote);
  ml_buf_free(&q->path);
  ml_buf_free(&q->body);
  ml_arena_free(&q->arena);
}

/* Tell of the ids of a list's items, or of one answer. */
static void show_ids(ml_talk *q, const ml_json *answer) {
  const ml_json *items = ml_json_get(answer, "items");
  ml_str id = ml_json_str(answer, "id");

  if (q->seen == NULL)
    return;
  if (id.p == NULL)
    id = ml_json_str(answer, "process");
  if (id.p != NULL)
    q->seen(q->seen_arg, id);
  for (uint32_t i = 0; items != NULL && items->type == ML_JARR
                       && i < items->count; i++)
    show_ids(q, &items->arr[i]);
}

int ml_talk_send(ml_talk *q, const char *method, ml_json **out) {
  const ml_buf *body = q->body.len > 0 || q->body.bad ? &q->body : NULL;
  ml_json *unused;
  int code = ml_remote_call(q->remote, &q->arena, method, &q->path, body,
                            out != NULL ? out : &unused);

  ml_buf_free(&q->path);
  ml_buf_free(&q->body);
  ml_jw_init(&q->w, &q->body);
  if (code == ML_EXIT_FINE && out != NULL && *out == NULL)
    code = ml_out_fail(ML_EXIT_UNREACHABLE, "the answer is empty: is this a "
                       "moonlane engine?");
  if (code == ML_EXIT_FINE && out != NULL)
    show_ids(q, *out);
  return code;
}

int ml_talk_list(ml_talk *q, size_t dflt, ml_json **out) {
  int64_t limit;
  ml_err e = {0};
  int code;

  if (ml_args_int(q->args, "limit", 1, 100000, (int64_t)dflt, &limit, &e)
      != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  code = ml_remote_list(q->remote, &q->arena, &q->path, (size_t)limit, out);
  ml_buf_free(&q->path);
  if (code == ML_EXIT_FINE)
    show_ids(q, *out);
  return code;
}

void ml_talk_text(ml_talk *q, const char *key, const char *value) {
  ml_jw_obj(&q->w);
  if (value != NULL)
    ml_jw_kstrz(&q->w, key, value);
  ml_jw_end(&q->w);
}

/* ---- data ---- */

static ml_str type_of(const ml_json *fields, ml_str name) {
  for (uint32_t i = 0; fields != NULL && fields->type == ML_JARR
                       && i < fields->count; i++)
    if (ml_str_eq(ml_json_str(&fields->arr[i], "id"), name)
        || ml_str_eq(ml_json_str(&fields->arr[i], "short"), name))
      return ml_json_str(&fields->arr[i], "type");
  return ML_NOSTR;
}

static ml_rc put_json(ml_jw *w, ml_str name, ml_str text, ml_err *e) {
  ml_arena a = {0};
  ml_json *v;
  ml_err why = {0};
  ml_rc rc = ml_json_parse(&a, text.p, text.n, NULL, &v, &why);

  if (rc == ML_OK) {
    ml_jw_keyn(w, name);
    ml_jw_json(w, v);
  } else {
    ml_err_set(e, rc, NULL, "%.*s is no JSON: %s", (int)name.n, name.p,
               why.text);
  }
  ml_arena_free(&a);
  return rc;
}

/* "a,b": a list of texts. */
static void put_words(ml_jw *w, ml_str text) {
  const char *p = text.p, *end = ml_str_end(text);

  ml_jw_arr(w);
  while (p < end) {
    const char *comma = memchr(p, ',', (size_t)(end - p));
    size_t n = (size_t)((comma != NULL ? comma : end) - p);

    ml_jw_str(w, (ml_str){p, n});
    p += n + (comma != NULL);
  }
  ml_jw_end(w);
}

static ml_rc put_typed(ml_jw *w, ml_str name, ml_str type, ml_str text,
                       ml_err *e) {
  int64_t i;
  bool number = ml_str_is(type, "integer") || ml_str_is(type, "number");
  bool moment = ml_str_is(type, "datetime");

  if (text.n > 0 && (number || ml_str_is(type, "boolean")
                     || ml_str_is(type, "json")
                     || (moment && ml_text_int(text, &i))
                     || (ml_str_is(type, "multi") && text.p[0] == '[')))
    return put_json(w, name, text, e);
  ml_jw_keyn(w, name);
  if (ml_str_is(type, "multi") && text.n > 0)
    put_words(w, text);
  else
    ml_jw_str(w, text);
  return ML_OK;
}

ml_rc ml_talk_pairs(ml_jw *w, const ml_json *fields, const char *const *words,
                   size_t count, ml_err *e) {
  for (size_t i = 0; i < count; i++) {
    const char *eq = strchr(words[i], '=');
    bool json = eq != NULL && eq > words[i] && eq[-1] == ':';
    ml_str name, text;
    ml_rc rc;

    if (eq == NULL || eq == words[i] || (json && eq == words[i] + 1))
      return ml_err_set(e, ML_INVALID, NULL, "'%.80s': FIELD=VALUE or "
                        "FIELD:=JSON is wanted", words[i]);
    name = (ml_str){words[i], (size_t)(eq - words[i]) - json};
    text = ml_str_of(eq + 1);
    if (!ml_text_utf8(name) || !ml_text_utf8(text))
      return ml_err_set(e, ML_INVALID, NULL, "'%.*s' is not UTF-8",
                        (int)(name.n < 80 ? name.n : 80), name.p);
    rc = json ? put_json(w, name, text, e)
              : put_typed(w, name, type_of(fields, name), text, e);
    if (rc != ML_OK)
      return rc;
  }
  return ML_OK;
}

ml_rc ml_talk_data(ml_talk *q, const ml_json *fields, size_t first_word,
                  ml_err *e) {
  const char *data = ml_args_given(q->args, "data");
  size_t n = q->args->word_count > first_word
                 ? q->args->word_count - first_word : 0;
  ml_json *v = NULL;
  ml_err why = {0};

  if (data != NULL) {
    if (ml_json_parse(&q->arena, data, strlen(data), NULL, &v, &why) != ML_OK)
      return ml_err_set(e, ML_INVALID, NULL, "--data is no JSON: %s, %s",
                        why.text, why.at);
    if (v->type != ML_JOBJ)
      return ml_err_set(e, ML_INVALID, NULL,
                        "--data wants a JSON object: {\"field\": value}");
  }
  ml_jw_obj(&q->w);
  for (uint32_t i = 0; v != NULL && i < v->count; i++) {
    ml_jw_keyn(&q->w, v->obj[i].key);
    ml_jw_json(&q->w, &v->obj[i].value);
  }
  if (n > 0) {
    ml_rc rc = ml_talk_pairs(&q->w, fields, q->args->words + first_word, n, e);
    if (rc != ML_OK)
      return rc;
  }
  ml_jw_end(&q->w);
  return ML_OK;
}
