/*
** status.c - process management, which is switched off in every app here.
**
** So the calls go as far as finding their records and then say so.
*/
#include "api.h"

static void find_and_refuse(ks_call *c, const int64_t *ids, size_t n) {
  ks_record r;
  size_t i;

  if (!ks_call_app(c, KS_MAY_EDIT))
    return;
  for (i = 0; i < n; i++)
    if (!ks_store_get(c->sim->store, c->app, ids[i], c->a, &r))
      ks_fail(c, "GAIA_RE01", ks_fmt(c->a, "%lld", (long long)ids[i]),
              ML_STR(""));
  ks_fail_at(c, "GAIA_ST02");
}

void ks_put_status(ks_call *c) {
  int64_t id = 0;

  ks_param_int(c, c->param, "id", ML_STR("id"), true, 1, INT64_MAX, &id);
  ks_param_text(c, c->param, "action", ML_STR("action"), true);
  find_and_refuse(c, &id, 1);
}

void ks_put_assignees(ks_call *c) {
  int64_t id = 0;

  ks_param_int(c, c->param, "id", ML_STR("id"), true, 1, INT64_MAX, &id);
  ks_param_list(c, c->param, "assignees", true);
  find_and_refuse(c, &id, 1);
}

void ks_put_statuses(ks_call *c) {
  const ml_json *list = ks_param_list(c, c->param, "records", true);
  uint32_t i, n = list != NULL && list->count <= 100 ? list->count : 0;
  int64_t ids[100] = {0};

  if (list != NULL && list->count > 100)
    ks_problem_add(c, ML_STR("records"), KS_M_100_UPDATE, ML_STR(""));
  for (i = 0; i < n; i++) {
    ks_param_int(c, &list->arr[i], "id", ks_fmt(c->a, "records[%u].id", i), true,
                 1, INT64_MAX, &ids[i]);
    ks_param_text(c, &list->arr[i], "action",
                  ks_fmt(c->a, "records[%u].action", i), true);
  }
  find_and_refuse(c, ids, n);
}

void ks_get_app_status(ks_call *c) {
  if (!ks_call_app(c, 0))
    return;
  ml_jw_obj(&c->w);
  ml_jw_kbool(&c->w, "enable", false);
  ml_jw_key(&c->w, "states");
  ml_jw_null(&c->w);
  ml_jw_key(&c->w, "actions");
  ml_jw_null(&c->w);
  ks_put_int(&c->w, "revision", c->app->revision);
  ml_jw_end(&c->w);
}
