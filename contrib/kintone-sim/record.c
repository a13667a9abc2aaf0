/*
** record.c - record.json and records.json.
**
** A call's parameters are all read, and their mistakes told together, before
** anything is looked up; then app, rights, record, revision, types, values.
*/
#include "api.h"
#include "base/text.h"
#include "hook.h"
#include "value.h"
#include "write.h"

#define MANY 100                /* records in one call */

/* ---- reading ---- */

void ks_get_record(ks_call *c) {
  ks_record r;
  int64_t id = 0;

  ks_param_int(c, c->param, "id", ML_STR("id"), true, 1, INT64_MAX, &id);
  if (!ks_call_app(c, KS_MAY_VIEW))
    return;
  c->record_id = id;
  if (!ks_store_get(c->sim->store, c->app, id, c->a, &r)) {
    ks_fail(c, "GAIA_RE01", ks_fmt(c->a, "%lld", (long long)id), ML_STR(""));
    return;
  }
  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "record");
  ks_put_record(c, &c->w, c->app, &r, NULL);
  ml_jw_end(&c->w);
}

void ks_get_records(ks_call *c) {
  const ml_json *fields = ks_param_list(c, c->param, "fields", false);
  ml_str text = ks_param_text(c, c->param, "query", ML_STR("query"), false);
  bool total = ks_param_bool(c->param, "totalCount");
  ks_query *q;
  ks_found found;
  size_t i;

  if (!ks_call_app(c, KS_MAY_VIEW))
    return;
  q = ks_query_read(c, c->app, text);
  if (q == NULL)
    return;
  ks_find(c, c->app, q, false, total, &found);
  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "records");
  ml_jw_arr(&c->w);
  for (i = 0; i < found.count; i++)
    ks_put_record(c, &c->w, c->app, found.list[i], fields);
  ml_jw_end(&c->w);
  if (total) {
    ks_put_int(&c->w, "totalCount", found.total);
  } else {
    ml_jw_key(&c->w, "totalCount");
    ml_jw_null(&c->w);
  }
  ml_jw_end(&c->w);
}

/* ---- adding ---- */

/* NULL: failed or with problems. */
static ks_record *add(ks_call *c, ks_app *app, const ml_json *sent,
                      ml_str path) {
  ks_record *r = ks_write_new(c, app);

  if (!ks_write_fill(c, app, r, sent, path, true))
    return NULL;
  ks_write_check(c, app, r, path);
  ks_write_save(c, app, r, true);
  return c->problems == NULL ? r : NULL;
}

void ks_record_add(ks_call *c, ks_app *app, const ml_json *sent) {
  static const ml_json nothing = {.type = ML_JOBJ};
  ks_record *r = add(c, app, sent != NULL ? sent : &nothing, ML_STR("record"));

  if (!ks_call_sound(c))
    return;
  ks_hook_record(c, "ADD_RECORD", app, r);
  ml_jw_obj(&c->w);
  ks_put_int(&c->w, "id", r->id);
  ks_put_int(&c->w, "revision", r->revision);
  ml_jw_end(&c->w);
}

void ks_post_record(ks_call *c) {
  const ml_json *sent = ks_param(c->param, "record");

  if (ks_call_app(c, KS_MAY_ADD))
    ks_record_add(c, c->app, sent);
}

/* The list `records` of a call that writes. */
static const ml_json *read_list(ks_call *c, ks_msg too_many) {
  const ml_json *list = ks_param_list(c, c->param, "records", true);
  uint32_t i;

  if (list == NULL)
    return NULL;
  if (list->count > MANY)
    ks_problem_add(c, ML_STR("records"), too_many, ML_STR(""));
  for (i = 0; i < list->count; i++)
    if (list->arr[i].type != ML_JOBJ) {
      ks_fail_at(c, "CB_IJ01");
      return NULL;
    }
  return list;
}

static void put_list(ks_call *c, const char *key, const int64_t *n,
                     size_t count) {
  size_t i;

  ml_jw_key(&c->w, key);
  ml_jw_arr(&c->w);
  for (i = 0; i < count; i++)
    ml_jw_str(&c->w, ks_fmt(c->a, "%lld", (long long)n[i]));
  ml_jw_end(&c->w);
}

void ks_post_records(ks_call *c) {
  const ml_json *list = read_list(c, KS_M_100_ADD);
  int64_t ids[MANY], revisions[MANY];
  uint32_t i;

  if (!ks_call_app(c, KS_MAY_ADD))
    return;
  for (i = 0; i < list->count && !c->failed; i++) {
    ks_record *r = add(c, c->app, &list->arr[i],
                       ks_fmt(c->a, "records[%u]", i));

    ids[i] = r != NULL ? r->id : 0;
    revisions[i] = r != NULL ? r->revision : 0;
  }
  c->record_id = 0;
  if (!ks_call_sound(c))
    return;
  ml_jw_obj(&c->w);
  put_list(c, "ids", ids, list->count);
  put_list(c, "revisions", revisions, list->count);
  ml_jw_end(&c->w);
}

/* ---- changing ---- */

/* Which record is meant, and what is to become of it. */
typedef struct Target {
  int64_t id;                   /* 0: by key */
  ml_str key_field, key_value;
  int64_t revision;             /* -1: any */
  const ml_json *sent;          /* or NULL */
} Target;

static void read_target(ks_call *c, const ml_json *o, const char *head,
                        Target *t) {
  const ml_json *id = ks_param(o, "id"), *key = ks_param(o, "updateKey");
  ml_str id_path = ks_fmt(c->a, "%sid", head);
  ml_str key_path = ks_fmt(c->a, "%supdateKey", head);

  t->id = 0;
  t->key_field = t->key_value = ML_NOSTR;
  t->sent = ks_param(o, "record");
  t->revision = ks_param_revision(c, ml_json_get(o, "revision"),
                                  ks_fmt(c->a, "%srevision", head));
  if ((id == NULL) == (key == NULL)) {
    ks_problem_add(c, id_path, KS_M_KEY_OR_ID, ML_STR(""));
    ks_problem_add(c, key_path, KS_M_KEY_OR_ID, ML_STR(""));
  } else if (id != NULL) {
    ks_param_int(c, o, "id", id_path, true, 1, INT64_MAX, &t->id);
  } else if (key->type != ML_JOBJ) {
    ks_fail_at(c, "CB_IJ01");
  } else {
    ml_str at = ks_fmt(c->a, "%s.value", key_path.p);

    t->key_field = ks_param_text(c, key, "field",
                                 ks_fmt(c->a, "%s.field", key_path.p), true);
    t->key_value = ks_param_text(c, key, "value", at, true);
    if (t->key_value.p != NULL && ml_text_chars(t->key_value) > 64)
      ks_problem_add(c, at, KS_M_LONGER, ML_STR("65"));
  }
}

/* The updateKey's field, and its value in stored form. */
static const ks_field *key_of(ks_call *c, const ks_app *app, const Target *t,
                              const ml_json **value) {
  const ks_field *f = ks_app_field(app, t->key_field);

  if (f == NULL) {
    ks_fail(c, "GAIA_IQ11", t->key_field, ML_STR(""));
    return NULL;
  }
  if (!f->unique) {
    ks_fail(c, "GAIA_IQ27", f->code, ML_STR(""));
    return NULL;
  }
  if (ks_value_read(c->a, f, ks_json_text(c->a, t->key_value), value) != KS_FITS)
    ks_problem_add(c, ML_STR("updateKey.value"), KS_M_NUMBER, ML_STR(""));
  return ks_call_sound(c) ? f : NULL;
}

/* The record, NULL when there is none or the call failed. */
static ks_record *find_target(ks_call *c, const ks_app *app, const Target *t,
                              const ks_field *f, const ml_json *value) {
  ks_record *r = ks_new(c->a, sizeof *r);
  int64_t id = t->id;

  if (f != NULL)
    id = ks_store_holder(c->sim->store, app, f, value);
  if (id == 0 || !ks_store_get(c->sim->store, app, id, c->a, r))
    return NULL;
  c->record_id = id;
  if (t->revision >= 0 && t->revision != r->revision)
    ks_fail_at(c, "GAIA_CO02");
  return c->failed ? NULL : r;
}

static void fail_missing(ks_call *c, const Target *t) {
  if (t->id != 0)
    ks_fail(c, "GAIA_RE01", ks_fmt(c->a, "%lld", (long long)t->id), ML_STR(""));
  else
    ks_fail(c, "GAIA_RE20", t->key_field, t->key_value);
}

/* Carry one target out.  *inserted: upsert made a new record of it. */
static ks_record *change(ks_call *c, ks_app *app, const Target *t, ml_str path,
                         bool upsert, bool *inserted) {
  const ml_json *value = NULL;
  const ks_field *f = NULL;
  ks_record *r;

  *inserted = false;
  if (t->id == 0 && (f = key_of(c, app, t, &value)) == NULL)
    return NULL;
  r = find_target(c, app, t, f, value);
  if (c->failed)
    return NULL;
  if (r == NULL && !upsert) {
    fail_missing(c, t);
    return NULL;
  }
  if (r == NULL) {
    *inserted = true;
    r = ks_write_new(c, app);
    if (f != NULL)
      r->value[f->index] = value;
  }
  if (t->sent == NULL && !*inserted)
    return r;                   /* nothing is asked: all stays as it is */
  if (t->sent != NULL && !ks_write_fill(c, app, r, t->sent, path, *inserted))
    return NULL;
  ks_write_check(c, app, r, path);
  ks_write_save(c, app, r, *inserted);
  return r;
}

void ks_put_record_call(ks_call *c) {
  Target t;
  ks_record *r;
  bool inserted;

  read_target(c, c->param, "", &t);
  if (!ks_call_app(c, KS_MAY_EDIT))
    return;
  r = change(c, c->app, &t, ML_STR("record"), false, &inserted);
  if (!ks_call_sound(c))
    return;
  if (t.sent != NULL)
    ks_hook_record(c, "UPDATE_RECORD", c->app, r);
  c->revision = r->revision;
  ml_jw_obj(&c->w);
  ks_put_int(&c->w, "revision", r->revision);
  ml_jw_end(&c->w);
}

static void put_changed(ks_call *c, const ks_record *r, bool upsert,
                        bool inserted) {
  ml_jw_obj(&c->w);
  ks_put_int(&c->w, "id", r->id);
  if (upsert)
    ml_jw_kstrz(&c->w, "operation", inserted ? "INSERT" : "UPDATE");
  ks_put_int(&c->w, "revision", r->revision);
  ml_jw_end(&c->w);
}

void ks_put_records(ks_call *c) {
  const ml_json *list = read_list(c, KS_M_100_UPDATE);
  bool upsert = ks_param_bool(c->param, "upsert");
  Target t[MANY];
  uint32_t i;

  for (i = 0; list != NULL && i < list->count && i < MANY; i++)
    read_target(c, &list->arr[i], ks_fmt(c->a, "records[%u].", i).p, &t[i]);
  if (!ks_call_app(c, upsert ? KS_MAY_EDIT | KS_MAY_ADD : KS_MAY_EDIT))
    return;
  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "records");
  ml_jw_arr(&c->w);
  for (i = 0; i < list->count && !c->failed; i++) {
    bool inserted;
    ks_record *r = change(c, c->app, &t[i], ks_fmt(c->a, "records[%u]", i),
                          upsert, &inserted);

    if (r != NULL && c->problems == NULL)
      put_changed(c, r, upsert, inserted);
  }
  ml_jw_end(&c->w);
  ml_jw_end(&c->w);
  c->record_id = 0;
  ks_call_sound(c);
}

/* ---- deleting ---- */

void ks_record_delete(ks_call *c, ks_app *app, int64_t id) {
  ks_record r;

  if (!ks_store_get(c->sim->store, app, id, c->a, &r)) {
    ks_fail(c, "GAIA_RE01", ks_fmt(c->a, "%lld", (long long)id), ML_STR(""));
    return;
  }
  ks_store_delete(c->sim->store, app, id);
  c->changed = true;
}

static void read_ids(ks_call *c, const ml_json *list, int64_t *ids) {
  uint32_t i;

  if (list->count < 1 || list->count > MANY) {
    ks_problem_add(c, ML_STR("ids"), KS_M_100_DELETE, ML_STR(""));
    return;
  }
  for (i = 0; i < list->count; i++) {
    ml_jmember m = {ML_STR("id"), list->arr[i]};
    ml_json one = {.type = ML_JOBJ, .count = 1, .obj = &m};

    ks_param_int(c, &one, "id", ks_fmt(c->a, "ids[%u]", i), true, 1, INT64_MAX,
                 &ids[i]);
  }
}

static void read_revisions(ks_call *c, const ml_json *list, uint32_t count,
                           int64_t *revisions) {
  uint32_t i;

  for (i = 0; i < MANY; i++)
    revisions[i] = -1;
  if (list == NULL)
    return;
  if (list->count != count || count > MANY) {
    ks_problem_add(c, ML_STR("revisions"), KS_M_SAME_COUNT, ML_STR("ids"));
    return;
  }
  for (i = 0; i < count; i++)
    revisions[i] = ks_param_revision(c, &list->arr[i],
                                     ks_fmt(c->a, "revisions[%u]", i));
}

void ks_delete_records(ks_call *c) {
  const ml_json *list = ks_param_list(c, c->param, "ids", true);
  const ml_json *expected = ks_param_list(c, c->param, "revisions", false);
  int64_t ids[MANY] = {0}, revisions[MANY];
  ks_record r;
  uint32_t i;

  if (list != NULL) {
    read_ids(c, list, ids);
    read_revisions(c, expected, list->count, revisions);
  }
  if (!ks_call_app(c, KS_MAY_DELETE))
    return;
  for (i = 0; i < list->count && !c->failed; i++) {
    if (revisions[i] >= 0 &&
        ks_store_get(c->sim->store, c->app, ids[i], c->a, &r) &&
        r.revision != revisions[i])
      ks_fail_at(c, "GAIA_CO02");
    else
      ks_record_delete(c, c->app, ids[i]);
  }
  if (c->failed)
    return;
  c->record_id = list->count == 1 ? ids[0] : 0;
  ml_jw_obj(&c->w);
  ml_jw_end(&c->w);
}
