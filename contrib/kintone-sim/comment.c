/*
** comment.c - comments of a record.  They leave its revision alone.
*/
#include "api.h"
#include "base/text.h"
#include "hook.h"
#include "value.h"

#define TEXT_MAX 65535
#define MENTIONS_MAX 10
#define PAGE 10

/* Parameters app and record; the record must be there. */
static bool find_record(ks_call *c, unsigned rights, int64_t *id) {
  ks_record r;

  ks_param_int(c, c->param, "record", ML_STR("record"), true, 1, INT64_MAX, id);
  if (!ks_call_app(c, rights))
    return false;
  c->record_id = *id;
  if (ks_store_get(c->sim->store, c->app, *id, c->a, &r))
    return true;
  ks_fail(c, "GAIA_RE01", ks_fmt(c->a, "%lld", (long long)*id), ML_STR(""));
  return false;
}

/* [{"code","type"}] as a JSON text. */
static ml_str read_mentions(ks_call *c, const ml_json *list) {
  ml_buf b = {0};
  ml_jw w;
  uint32_t i;

  ml_jw_init(&w, &b);
  ml_jw_arr(&w);
  for (i = 0; list != NULL && list->type == ML_JARR && i < list->count; i++) {
    ml_str code = ml_json_str(&list->arr[i], "code");
    ml_str type = ml_json_str(&list->arr[i], "type");

    if (code.p == NULL)
      ks_problem_add(c, ks_fmt(c->a, "comment.mentions[%u].code", i),
                     KS_M_PARAMETER, ML_STR(""));
    if (type.p != NULL && !ml_str_is(type, "USER") && !ml_str_is(type, "GROUP")
        && !ml_str_is(type, "ORGANIZATION"))
      ks_problem_add(c, ks_fmt(c->a, "comment.mentions[%u].type", i), KS_M_WORD,
                     ML_STR("USER, GROUP, ORGANIZATION"));
    ml_jw_obj(&w);
    ml_jw_kstr(&w, "code", code);
    ml_jw_kstr(&w, "type", type.p != NULL ? type : ML_STR("USER"));
    ml_jw_end(&w);
  }
  ml_jw_end(&w);
  return ks_taken(c->a, &b);
}

static void read_comment(ks_call *c, ks_comment *out) {
  const ml_json *o = ks_param(c->param, "comment");
  const ml_json *mentions = ml_json_get(o, "mentions");
  ml_str text = ks_param_text(c, o, "text", ML_STR("comment.text"), true);

  if (mentions != NULL && mentions->count > MENTIONS_MAX)
    ks_problem_add(c, ML_STR("comment.mentions"), KS_M_MAX, ML_STR("10"));
  if (text.p != NULL && ml_text_chars(text) > TEXT_MAX)
    ks_problem_add(c, ML_STR("comment.text"), KS_M_LONGER, ML_STR("65536"));
  out->mentions = read_mentions(c, mentions);
  /* kintone gives the text back with a blank behind it */
  out->text = ks_fmt(c->a, "%s ", text.p != NULL ? text.p : "");
  out->creator = c->caller.who;
  out->created_ms = ks_now(c->sim);
}

void ks_post_comment(ks_call *c) {
  ks_comment comment = {0};
  int64_t record = 0;

  read_comment(c, &comment);
  if (!find_record(c, KS_MAY_VIEW, &record))
    return;
  comment.id = ks_store_add_comment(c->sim->store, c->app, record, &comment);
  c->changed = true;
  ks_hook_comment(c, c->app, record, &comment);
  ml_jw_obj(&c->w);
  ks_put_int(&c->w, "id", comment.id);
  ml_jw_end(&c->w);
}

void ks_delete_comment(ks_call *c) {
  ks_comment comment;
  int64_t record = 0, id = 0;

  ks_param_int(c, c->param, "comment", ML_STR("comment"), true, 1, INT64_MAX,
               &id);
  if (!find_record(c, KS_MAY_VIEW, &record))
    return;
  if (!ks_store_get_comment(c->sim->store, c->app, record, id, c->a, &comment))
    ks_fail(c, "GAIA_RE02", ks_fmt(c->a, "%lld", (long long)id), ML_STR(""));
  else if (!ml_str_eq(comment.creator.code, c->caller.who.code))
    ks_fail_at(c, "GAIA_RE03");
  if (c->failed)
    return;
  ks_store_delete_comment(c->sim->store, c->app, record, id);
  c->changed = true;
  ml_jw_obj(&c->w);
  ml_jw_end(&c->w);
}

void ks_put_comment(ks_call *c, ml_jw *w, const ks_comment *comment) {
  ml_jw_obj(w);
  ks_put_int(w, "id", comment->id);
  ml_jw_kstr(w, "text", comment->text);
  ml_jw_kstr(w, "createdAt", ks_moment_text(c->a, comment->created_ms));
  ml_jw_key(w, "creator");
  ks_put_person(w, comment->creator);
  ml_jw_key(w, "mentions");
  ml_jw_raw(w, comment->mentions);
  ml_jw_end(w);
}

void ks_get_comments(ks_call *c) {
  ml_str order = ks_param_text(c, c->param, "order", ML_STR("order"), false);
  bool ascending = ml_str_is(order, "asc");
  int64_t record = 0, offset = 0, limit = PAGE, all;
  ks_comment list[PAGE];
  size_t n, i;
  bool before, after;

  if (order.p != NULL && !ascending && !ml_str_is(order, "desc"))
    ks_problem_add(c, ML_STR("order"), KS_M_WORD, ML_STR("asc, desc"));
  ks_param_int(c, c->param, "offset", ML_STR("offset"), false, 0, INT32_MAX,
               &offset);
  ks_param_int(c, c->param, "limit", ML_STR("limit"), false, 0, PAGE, &limit);
  if (!find_record(c, KS_MAY_VIEW, &record))
    return;
  all = ks_store_count_comments(c->sim->store, c->app, record);
  n = ks_store_comments(c->sim->store, c->app, record, ascending, offset,
                        (size_t)limit, c->a, list);
  before = offset > 0 && all > 0;
  after = offset + (int64_t)n < all;
  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "comments");
  ml_jw_arr(&c->w);
  for (i = 0; i < n; i++)
    ks_put_comment(c, &c->w, &list[i]);
  ml_jw_end(&c->w);
  ml_jw_kbool(&c->w, "older", ascending ? before : after);
  ml_jw_kbool(&c->w, "newer", ascending ? after : before);
  ml_jw_end(&c->w);
}
