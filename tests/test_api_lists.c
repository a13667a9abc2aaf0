/*
** test_api_lists.c - P3.9, P3.10 over HTTP: lists by filter and order, what is
** refused with which sentence, and jobs of many entries.
*/
#include "api_kit.h"

/* The workflow of the kit, q_kind and a score to be searched for. */
static int searched_up(void **state) {
  static const char *const from = "{\"id\":\"q_kind\",\"type\":\"select\",";
  static const char *const to =
    "{\"id\":\"score\",\"type\":\"integer\",\"search\":true,\"at\":\"w:8\"},"
    "{\"id\":\"plain\",\"type\":\"integer\",\"at\":\"w:8\"},"
    "{\"id\":\"q_kind\",\"type\":\"select\",\"search\":true,";
  const char *at_kind = strstr(kit_tree, from);
  static char tree[sizeof kit_tree + 400];
  const char *form = "\"form\":[\"q_name\",\"q_pass\",\"q_kind\"]", *at_form;
  int rc = kit_up(state);

  assert_non_null(at_kind);
  at_form = strstr(kit_tree, form);
  assert_non_null(at_form);
  snprintf(tree, sizeof tree, "%.*s%s%.*s%s%s", (int)(at_kind - kit_tree),
           kit_tree, to, (int)(at_form - at_kind - (long)strlen(from)),
           at_kind + strlen(from),
           "\"form\":[\"q_name\",\"q_pass\",\"q_kind\",\"score\",\"plain\"]",
           at_form + strlen(form));
  kit.define = tree;
  kit_write("flows/orders/workflow.lua", "return { 1 }\n");
  kit_load();
  return rc;
}

static int searched_down(void **state) {
  kit.define = NULL;
  return kit_down(state);
}

static kit_answer list(const char *where, const char *more) {
  ml_buf b = {0};
  kit_answer a;

  ml_text_put_url(&b, ml_str_of(where));
  a = kit_do("GET", at("/v1/processes?workflow=orders&where=%s%s", b.p, more),
             NULL);
  ml_buf_free(&b);
  return a;
}

/* "3 1": the scores of a page. */
static const char *scores(const kit_answer *a) {
  const ml_json *items = ml_json_get(a->json, "items");
  ml_buf b = {0};
  const char *out;

  if (a->status != 200)
    fail_msg("%d %s", a->status, a->body.p);
  for (uint32_t i = 0; i < items->count; i++)
    ml_buf_printf(&b, "%s%lld", i > 0 ? " " : "",
                  (long long)ml_json_int(ml_json_get(&items->arr[i], "data"),
                                         "score", -1));
  out = ml_arena_dup(&kit.arena, b.p != NULL ? b.p : "", b.len);
  ml_buf_free(&b);
  return out;
}

static void refused(const char *where, const char *more, const char *why) {
  kit_answer a = list(where, more);

  assert_int_equal(a.status, 400);
  if (strstr(text_of(a.json, "detail"), why) == NULL)
    fail_msg("%s: '%s' is not in '%s'", where, why, text_of(a.json, "detail"));
}

static void P3_9_lists_by_filter_and_order(void **state) {
  kit_answer a;
  const char *p;

  (void)state;
  for (int i = 1; i <= 6; i++)
    kit_start(at("{\"name\":\"n%d\",\"q_kind\":\"%s\",\"score\":%d,"
                 "\"plain\":%d}", i, i % 2 ? "a" : "b", i * 10, i));
  p = kit_start("{\"name\":\"none\"}");
  a = list("score >= 30", "&order=-score");
  assert_string_equal(scores(&a), "60 50 40 30");
  a = list("score >= 20 and q_kind = 'a'", "&order=score");
  assert_string_equal(scores(&a), "30 50");
  a = list("q_kind in ('a', 'b') and not_there is empty", "");
  assert_int_equal(a.status, 400);
  a = list("score is empty", "");
  assert_string_equal(scores(&a), "-1");
  a = list("name like 'n%'", "&limit=2&skip=1");
  assert_string_equal(scores(&a), "60 50");    /* behind "none" */
  a = kit_do("GET", at("/v1/processes?workflow=orders&where=name%%20like%%20%%27"
                       "n%%25%%27&limit=2&skip=1&cursor=%s",
                       text_of(a.json, "next")), NULL);
  assert_string_equal(scores(&a), "40 30");
  a = list("status = 'OPEN' and state = 'new'", "&order=createdAt&limit=1");
  assert_string_equal(scores(&a), "10");
  /* exact after a write */
  a = kit_do("PATCH", at("/v1/processes/%s", p), "{\"data\":{\"score\":55}}");
  assert_int_equal(a.status, 200);
  a = list("score > 50", "&order=score");
  assert_string_equal(scores(&a), "55 60");
}

static const char *plan_of(const char *where, const char *more) {
  kit_answer a = list(where, at("&explain=1%s", more));

  if (a.status != 200)
    fail_msg("%d %s", a.status, a.body.p);
  return text_of(ml_json_get(a.json, "explain"), "plan");
}

static void P3_9_explain_names_the_plan(void **state) {
  (void)state;
  kit_start("{\"score\":1}");
  assert_non_null(strstr(plan_of("score > 0", "&order=-score"),
                         "walks the index of 'score' downward"));
  assert_non_null(strstr(plan_of("q_kind = 'a'", ""),
                         "the index entries of q_kind = 'a'"));
  assert_non_null(strstr(plan_of("score > 0", "&order=subject"),
                         "takes the 1 index entries of score > 0"));
  assert_non_null(strstr(plan_of("plain = 1", ""), "no index serves"));
  assert_non_null(strstr(plan_of("plain = 1", ""), "'plain' is not indexed"));
  assert_non_null(strstr(plan_of("plain = 1", ""), "20000 a page"));
}

static void P3_9_what_is_wrong_is_said(void **state) {
  char deep[200] = "", *d = deep;

  (void)state;
  refused("scor = 1", "", "there is no field 'scor'");
  refused("scor = 1", "", "score");
  refused("score = 'x'", "", "an integer");
  refused("q_kind = 'z'", "", "one of its choices (a, b)");
  refused("score =", "", "where the filter ends");
  refused("score = OPEN", "", "'text' in quotes");
  refused("score = 1 score = 2", "", "\"and\" or \"or\" is wanted before \"score");
  refused("score = 1 and (plain = 2", "", "\")\"");
  refused("name like 'a%b'", "", "one '%', at its end");
  refused("name like '%'", "", "one '%', at its end");
  refused("score like '1%'", "", "is for texts");
  refused("name = 'a", "", "not closed");
  refused("q_pass = 'x'", "", "sealed");
  refused("name = ''", "", "is empty");
  refused("status = 'open'", "", "OPEN, COMPLETED, CANCELLED");
  refused("createdAt > '2026-03-01'", "", "createdAt");
  refused("score = 1", "&order=nothing", "there is no field 'nothing'");
  refused("score = 1", "&status=OPEN", "belongs into the filter");
  refused("score = 99999999999999999999", "", "64 bits");
  for (int i = 0; i < 17; i++)
    *d++ = '(';
  strcpy(d, "score = 1");
  refused(deep, "", "at most 16 brackets");
  assert_int_equal(kit_do("GET", "/v1/processes?where=a%3D1", NULL).status, 400);
  assert_int_equal(kit_do("GET", "/v1/processes?workflow=orders&skip=10001",
                          NULL).status, 400);
}

/* ---- the external form ---- */

static kit_answer ext(const char *body) {
  return kit_do("POST", "/v1/ext/procedure/orders/process/list", body);
}

/* "3 1 +": scores of a page, and whether there is more. */
static const char *ext_scores(const kit_answer *a) {
  const ml_json *items = ml_json_get(a->json, "_data");
  ml_buf b = {0};
  const char *out;

  if (a->status != 200)
    fail_msg("%d %s", a->status, a->body.p);
  for (uint32_t i = 0; i < items->count; i++)
    ml_buf_printf(&b, "%lld ",
                  (long long)ml_json_int(ml_json_get(&items->arr[i], "data"),
                                         "score", -1));
  if (ml_json_bool(ml_json_get(a->json, "_meta"), "hasMore", false))
    ml_buf_puts(&b, "+");
  out = ml_arena_dup(&kit.arena, b.p != NULL ? b.p : "", b.len);
  ml_buf_free(&b);
  return out;
}

static void P3_9_external_lists(void **state) {
  kit_answer a;

  (void)state;
  kit_do("PUT", "/v1/users/u1", "{\"name\":\"Aiko Mori\"}");
  for (int i = 1; i <= 12; i++)
    kit_start(at("{\"q_kind\":\"%s\",\"score\":%d}", i % 2 ? "a" : "b", i));
  a = ext("{}");
  assert_string_equal(ext_scores(&a), "12 11 10 9 8 7 6 5 4 3 +");
  a = ext("{\"skip\":10}");
  assert_string_equal(ext_scores(&a), "2 1 ");
  a = ext("{\"where\":{\"score\":{\">=\":4,\"<\":9},\"q_kind\":\"b\"},"
          "\"order\":\"score\",\"limit\":2}");
  assert_string_equal(ext_scores(&a), "4 6 +");
  a = ext(at("{\"where\":{\"score\":{\">=\":4,\"<\":9},\"q_kind\":\"b\"},"
             "\"order\":\"score\",\"limit\":2,\"cursor\":\"%s\"}",
             text_of(ml_json_get(a.json, "_meta"), "cursor")));
  assert_string_equal(ext_scores(&a), "8 ");
  a = ext("{\"where\":{\"or\":[{\"score\":1},{\"score\":{\"!=\":null,\">\":11}}]}}");
  assert_string_equal(ext_scores(&a), "12 1 ");
  a = ext("{\"where\":\"status = 'OPEN' and score <= 2\"}");
  assert_string_equal(ext_scores(&a), "2 1 ");
  a = ext("{\"where\":{\"createdAt\":{\">\":\"2026-02-28T00:00:00Z\"},"
          "\"state\":\"new\",\"score\":[3,5]}}");
  assert_string_equal(ext_scores(&a), "5 3 ");
  a = ext("{\"where\":{\"score\":3},\"limit\":1}");
  a = kit_do("PATCH", at("/v1/processes/%s",
                         text_of(&ml_json_get(a.json, "_data")->arr[0], "id")),
             "{\"assignedTo\":\"u1\"}");
  assert_int_equal(a.status, 200);
  a = ext("{\"where\":{\"assignedTo\":\"Aiko Mori\"},\"explain\":true}");
  assert_string_equal(ext_scores(&a), "3 ");
  assert_non_null(strstr(text_of(ml_json_get(a.json, "_meta"), "plan"),
                         "assignedTo = 'u1'"));
  assert_int_equal(ext("{\"limit\":100}").status, 200);
  assert_int_equal(ext("{\"limit\":101}").status, 422);
  assert_int_equal(ext("{\"skip\":-1}").status, 422);
  assert_int_equal(ext("{\"where\":{\"scor\":1}}").status, 422);
  assert_int_equal(ext("{\"where\":{\"score\":{\"~\":1}}}").status, 422);
  assert_int_equal(ext("{\"where\":[1]}").status, 422);
  assert_int_equal(ext("{\"where\":{\"or\":[]}}").status, 422);
  assert_int_equal(ext("{\"cursor\":\"AAAA\"}").status, 422);
  assert_int_equal(ext("{\"order\":\"nothing\"}").status, 422);
  assert_int_equal(kit_do("POST", "/v1/ext/procedure/nothing/process/list",
                          "{}").status, 404);
}

/* ---- jobs ---- */

static kit_answer job(const char *id) {
  return kit_do("GET", at("/v1/ext/job/%s", id), NULL);
}

static kit_answer ended(const char *id) {
  for (int i = 0; i < 2000; i++) {
    kit_answer a = job(id);

    assert_int_equal(a.status, 200);
    if (strcmp(text_of(ml_json_get(a.json, "_data"), "completionStatus"),
               "COMPLETED") == 0)
      return a;
    kit_turn();
  }
  fail_msg("the job never ends");
  return (kit_answer){0};
}

static int64_t counted(const kit_answer *a, const char *status) {
  return ml_json_int(ml_json_get(ml_json_get(a->json, "_data"), "counts"),
                     status, -1);
}

static void P3_10_creates_and_updates_as_jobs(void **state) {
  ml_buf b = {0};
  const ml_json *entries;
  kit_answer a;
  const char *id;

  (void)state;
  kit_person("aiko", "office");
  ml_buf_puts(&b, "{\"entries\":[");
  for (int i = 0; i < 120; i++)
    ml_buf_printf(&b, "%s{\"data\":{\"score\":%d,\"q_kind\":\"%s\"}}",
                  i > 0 ? "," : "", i, i == 50 ? "z" : "a");
  ml_buf_puts(&b, "]}");
  a = kit_do("POST", "/v1/ext/procedure/orders/process/bulk-create", b.p);
  assert_int_equal(a.status, 202);
  id = text_of(ml_json_get(a.json, "_data"), "id");
  a = ended(id);
  assert_int_equal(counted(&a, "SUCCESS"), 119);
  assert_int_equal(counted(&a, "INVALID"), 1);
  assert_int_equal(counted(&a, "NOT_STARTED") + counted(&a, "ERROR"), 0);
  a = list("q_kind = 'a'", "&limit=200");
  entries = ml_json_get(a.json, "items");
  assert_int_equal(entries->count, 119);

  ml_buf_reset(&b);
  ml_buf_puts(&b, "{\"entries\":[");
  for (uint32_t i = 0; i < entries->count; i++)
    ml_buf_printf(&b, "{\"id\":\"%s\",\"data\":{\"score\":%u},"
                  "\"assignedTo\":\"aiko\"},",
                  text_of(&entries->arr[i], "id"), 1000 + i);
  ml_buf_puts(&b, "{\"id\":\"00000000-0000-7000-8000-000000000000\"},"
              "{\"data\":{}},{\"id\":\"x\",\"what\":1}]}");
  a = kit_do("PATCH", "/v1/ext/procedure/orders/process", b.p);
  assert_int_equal(a.status, 202);
  id = text_of(ml_json_get(a.json, "_data"), "id");
  a = ended(id);
  assert_int_equal(counted(&a, "SUCCESS"), 119);
  assert_int_equal(counted(&a, "INVALID"), 3);
  a = list("assignedTo = 'aiko' and score >= 1000", "&limit=200");
  assert_int_equal(ml_json_get(a.json, "items")->count, 119);

  a = kit_do("GET", at("/v1/ext/job/%s/entries?status=INVALID&limit=2", id),
             NULL);
  assert_int_equal(a.status, 200);
  entries = ml_json_get(a.json, "_data");
  assert_int_equal(entries->count, 2);
  assert_int_equal(ml_json_int(&entries->arr[0], "no", 0), 120);
  assert_non_null(strstr(text_of(&entries->arr[0], "error"),
                         "no such process"));
  assert_true(ml_json_bool(ml_json_get(a.json, "_meta"), "hasMore", false));
  a = kit_do("GET", at("/v1/ext/job/%s/entries?status=INVALID&limit=2&cursor=%s",
                       id, text_of(ml_json_get(a.json, "_meta"), "cursor")),
             NULL);
  entries = ml_json_get(a.json, "_data");
  assert_int_equal(entries->count, 1);
  assert_int_equal(ml_json_int(&entries->arr[0], "no", 0), 122);
  ml_buf_free(&b);
}

static void P3_10_what_is_no_job_is_refused(void **state) {
  ml_buf b = {0};

  (void)state;
  assert_int_equal(kit_do("PATCH", "/v1/ext/procedure/orders/process",
                          "{\"entries\":[]}").status, 422);
  assert_int_equal(kit_do("PATCH", "/v1/ext/procedure/orders/process",
                          "{\"entries\":[1]}").status, 422);
  assert_int_equal(kit_do("PATCH", "/v1/ext/procedure/nothing/process",
                          "{\"entries\":[{}]}").status, 404);
  assert_int_equal(job("1").status, 404);
  assert_int_equal(job("x").status, 404);
  ml_buf_puts(&b, "{\"entries\":[{}");
  for (int i = 0; i < 10000; i++)
    ml_buf_puts(&b, ",{}");
  ml_buf_puts(&b, "]}");
  assert_int_equal(kit_do("PATCH", "/v1/ext/procedure/orders/process",
                          b.p).status, 422);
  ml_buf_free(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(P3_9_lists_by_filter_and_order, searched_up,
                                    searched_down),
    cmocka_unit_test_setup_teardown(P3_9_explain_names_the_plan, searched_up,
                                    searched_down),
    cmocka_unit_test_setup_teardown(P3_9_what_is_wrong_is_said, searched_up,
                                    searched_down),
    cmocka_unit_test_setup_teardown(P3_9_external_lists, searched_up,
                                    searched_down),
    cmocka_unit_test_setup_teardown(P3_10_creates_and_updates_as_jobs,
                                    searched_up, searched_down),
    cmocka_unit_test_setup_teardown(P3_10_what_is_no_job_is_refused,
                                    searched_up, searched_down),
  };

  (void)kit_task;                /* for others */
  (void)kit_token;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
