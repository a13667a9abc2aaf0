/*
** test_kintone_sim.c - the simulator's API, by raw HTTP: KINTONE.md's list of
** bad input and its answers, its list of what is easy to get wrong, values of
** every type, and the query language.
*/
#include "kintone_sim_kit.h"

#define REQUIRES "{\"k_ステータス\":{\"value\":\"2_対応要\"}}"
#define MULTIPART "Content-Type: multipart/form-data; boundary=XyZ\r\n"
#define STATUS_2 ",\"k_ステータス\":{\"value\":\"2_対応要\"}"

/* ---- bad input -> answer ---- */

static const struct {
  const char *what, *method, *target, *headers, *body;
  int status;
  const char *code, *path;      /* path of the one entry of errors, or NULL */
} bad_inputs[] = {
  {"no credentials", "GET", "record.json?app=1&id=1", "", NULL, 401, "CB_AU01",
   NULL},
  {"an empty token", "GET", "record.json?app=1&id=1",
   "X-Cybozu-API-Token: \r\n", NULL, 401, "CB_AU01", NULL},
  {"Basic alone", "GET", "record.json?app=1&id=1",
   "Authorization: Basic eDp5\r\n", NULL, 401, "CB_AU01", NULL},
  {"wrong token", "GET", "record.json?app=1&id=1",
   "X-Cybozu-API-Token: no\r\n", NULL, 400, "GAIA_IA02", NULL},
  {"one of several tokens wrong", "GET", "record.json?app=1&id=1",
   "X-Cybozu-API-Token: T,no\r\n", NULL, 400, "GAIA_IA02", NULL},
  {"two tokens of one app", "GET", "record.json?app=2&id=1",
   "X-Cybozu-API-Token: V\r\nX-Cybozu-API-Token: E\r\n", NULL, 400, "GAIA_DA03",
   NULL},
  {"token of another app", "GET", "record.json?app=1&id=1",
   "X-Cybozu-API-Token: V\r\n", NULL, 403, "GAIA_AP15", NULL},
  {"unknown login", "GET", "record.json?app=1&id=1",
   "X-Cybozu-Authorization: eDp5\r\n", NULL, 401, "CB_WA01", NULL},
  {"a login wins over a token", "GET", "record.json?app=1&id=1",
   "X-Cybozu-Authorization: eDp5\r\n" TOKEN, NULL, 401, "CB_WA01", NULL},
  {"no right to view", "GET", "record.json?app=2&id=1",
   "X-Cybozu-API-Token: A\r\n", NULL, 403, "GAIA_NO01", NULL},
  {"no right to add", "POST", "record.json", "X-Cybozu-API-Token: V\r\n" JSON,
   "{\"app\":2,\"record\":{}}", 403, "GAIA_NO01", NULL},
  {"no right to edit", "PUT", "record.json", "X-Cybozu-API-Token: V\r\n" JSON,
   "{\"app\":2,\"id\":1,\"record\":{}}", 403, "GAIA_NO01", NULL},
  {"no right to delete", "DELETE", "records.json?app=2&ids%5B0%5D=1",
   "X-Cybozu-API-Token: VE\r\n", NULL, 403, "GAIA_NO01", NULL},
  {"upsert needs the right to add", "PUT", "records.json",
   "X-Cybozu-API-Token: E\r\n" JSON, "{\"app\":2,\"upsert\":true,\"records\":[]}",
   403, "GAIA_NO01", NULL},
  {"app unknown", "GET", "record.json?app=99&id=1", TOKEN, NULL, 404,
   "GAIA_AP01", NULL},
  {"record unknown", "GET", "record.json?app=1&id=99", TOKEN, NULL, 404,
   "GAIA_RE01", NULL},
  {"record unknown in a PUT", "PUT", "record.json", TOKEN JSON,
   "{\"app\":1,\"id\":99,\"record\":{}}", 404, "GAIA_RE01", NULL},
  {"id missing", "GET", "record.json?app=1", TOKEN, NULL, 400, "CB_VA01", "id"},
  {"app missing", "GET", "record.json?id=1", TOKEN, NULL, 400, "CB_VA01", "app"},
  {"id no number", "GET", "record.json?app=1&id=x", TOKEN, NULL, 400, "CB_VA01",
   "id"},
  {"id zero", "GET", "record.json?app=1&id=0", TOKEN, NULL, 400, "CB_VA01", "id"},
  {"body no JSON", "POST", "record.json", TOKEN JSON, "{\"app\":1,", 400,
   "CB_IJ01", NULL},
  {"body no object", "POST", "record.json", TOKEN JSON, "[1]", 400, "CB_IJ01",
   NULL},
  {"no Content-Type", "POST", "record.json", TOKEN, "{\"app\":1}", 400, "CB_IL02",
   NULL},
  {"odd Content-Type", "POST", "record.json", TOKEN "Content-Type: text/plain\r\n",
   "{\"app\":1}", 400, "CB_IL02", NULL},
  {"credentials are looked at before the JSON", "POST", "record.json", JSON, "{",
   401, "CB_AU01", NULL},
  {"the path before the credentials", "GET", "nothing.json", "", NULL, 404,
   "CB_NF01", NULL},
  {"bad option", "POST", "record.json", TOKEN JSON,
   "{\"app\":1,\"record\":{\"k_id\":{\"value\":\"x\"},\"k_氏名\":{\"value\":\"y\"},"
   "\"k_ステータス\":{\"value\":\"9\"}}}", 400, "CB_VA01",
   "record.k_ステータス.value"},
  {"k_id missing", "POST", "record.json", TOKEN JSON,
   "{\"app\":1,\"record\":{\"k_氏名\":{\"value\":\"y\"}}}", 400, "CB_VA01",
   "record.k_id.value"},
  {"k_id empty", "POST", "record.json", TOKEN JSON,
   "{\"app\":1,\"record\":{\"k_id\":{\"value\":\"\"},\"k_氏名\":{\"value\":\"y\"}}}",
   400, "CB_VA01", "record.k_id.value"},
  {"k_id taken", "POST", "record.json", TOKEN JSON,
   "{\"app\":1,\"record\":{\"k_id\":{\"value\":\"C-1\"},\"k_氏名\":{\"value\":"
   "\"y\"}}}", 400, "CB_VA01", "record.k_id.value"},
  {"system field in a PUT", "PUT", "record.json", TOKEN JSON,
   "{\"app\":1,\"id\":1,\"record\":{\"更新日時\":{\"value\":\"2026-01-01T00:00:00Z\"}"
   "}}", 400, "GAIA_UN10", NULL},
  {"creator in a POST without the right to manage", "POST", "record.json",
   "X-Cybozu-API-Token: A\r\n" JSON,
   "{\"app\":2,\"record\":{\"Created_by\":{\"value\":{\"code\":\"suzuki\"}}}}", 403,
   "GAIA_BF02", NULL},
  {"stale revision", "PUT", "record.json", TOKEN JSON,
   "{\"app\":1,\"id\":1,\"revision\":\"7\",\"record\":{}}", 409, "GAIA_CO02", NULL},
  {"unknown updateKey value", "PUT", "record.json", TOKEN JSON,
   "{\"app\":1,\"updateKey\":{\"field\":\"k_id\",\"value\":\"no\"},\"record\":{}}",
   404, "GAIA_RE20", NULL},
  {"updateKey not unique", "PUT", "record.json", TOKEN JSON,
   "{\"app\":1,\"updateKey\":{\"field\":\"k_氏名\",\"value\":\"no\"},\"record\":{}}",
   400, "GAIA_IQ27", NULL},
  {"updateKey of no field", "PUT", "record.json", TOKEN JSON,
   "{\"app\":1,\"updateKey\":{\"field\":\"zz\",\"value\":\"no\"},\"record\":{}}", 400,
   "GAIA_IQ11", NULL},
  {"updateKey too long", "PUT", "record.json", TOKEN JSON,
   "{\"app\":1,\"updateKey\":{\"field\":\"k_id\",\"value\":\"1234567890123456789012"
   "3456789012345678901234567890123456789012345\"},\"record\":{}}", 400, "CB_VA01",
   "updateKey.value"},
  {"empty ids", "DELETE", "records.json", TOKEN JSON, "{\"app\":1,\"ids\":[]}", 400,
   "CB_VA01", "ids"},
  {"no ids", "DELETE", "records.json?app=1", TOKEN, NULL, 400, "CB_VA01", "ids"},
  {"stale revision in a DELETE", "DELETE",
   "records.json?app=1&ids%5B0%5D=1&revisions%5B0%5D=9", TOKEN, NULL, 409,
   "GAIA_CO02", NULL},
  {"comment missing", "DELETE", "record/comment.json?app=1&record=1&comment=5",
   TOKEN, NULL, 400, "GAIA_RE02", NULL},
  {"comment without text", "POST", "record/comment.json", TOKEN JSON,
   "{\"app\":1,\"record\":1,\"comment\":{\"text\":\"\"}}", 400, "CB_VA01",
   "comment.text"},
  {"11 comments asked for", "GET",
   "record/comments.json?app=1&record=1&limit=11", TOKEN, NULL, 400, "CB_VA01",
   "limit"},
  {"cursor unknown", "GET", "records/cursor.json?id=x", TOKEN, NULL, 404,
   "GAIA_CN01", NULL},
  {"cursor of 501", "POST", "records/cursor.json", TOKEN JSON,
   "{\"app\":1,\"size\":501}", 400, "CB_VA01", "size"},
  {"cursor with limit", "POST", "records/cursor.json", TOKEN JSON,
   "{\"app\":1,\"query\":\"limit 5\"}", 400, "CB_VA01", "query"},
  {"status action", "PUT", "record/status.json", TOKEN JSON,
   "{\"app\":1,\"id\":1,\"action\":\"go\"}", 400, "GAIA_ST02", NULL},
  {"status actions of an unknown record", "PUT", "records/status.json",
   TOKEN JSON, "{\"app\":1,\"records\":[{\"id\":7,\"action\":\"go\"}]}", 404,
   "GAIA_RE01", NULL},
  {"assignees", "PUT", "record/assignees.json", TOKEN JSON,
   "{\"app\":1,\"id\":1,\"assignees\":[\"x\"]}", 400, "GAIA_ST02", NULL},
  {"unknown path", "GET", "no.json", TOKEN, NULL, 404, "CB_NF01", NULL},
  {"upper case .JSON", "GET", "record.JSON?app=1&id=1", TOKEN, NULL, 404,
   "CB_NF01", NULL},
  {"DELETE of one record", "DELETE", "record.json?app=1&id=1", TOKEN, NULL, 404,
   "CB_NF01", NULL},
  {"override in small letters", "POST", "record.json",
   TOKEN JSON "X-HTTP-Method-Override: get\r\n", "{\"app\":1,\"id\":1}", 400,
   "CB_IL02", NULL},
  {"a guest space's app by the plain path", "GET", "record.json?app=3&id=1", TOKEN,
   NULL, 400, "GAIA_IL23", NULL},
  {"bulkRequest without requests", "POST", "bulkRequest.json", TOKEN JSON, "{}",
   400, "CB_VA01", "requests"},
  {"a part that reads", "POST", "bulkRequest.json", TOKEN JSON,
   "{\"requests\":[{\"method\":\"GET\",\"api\":\"/k/v1/record.json\"}]}", 400,
   "CB_VA01", "requests[0].api"},
};

static void bad_input_gets_its_answer(void **state) {
  char path[500];
  size_t i;

  (void)state;
  add_order("C-1", "");
  for (i = 0; i < sizeof bad_inputs / sizeof *bad_inputs; i++) {
    Answer a;

    snprintf(path, sizeof path, "/k/v1/%s", bad_inputs[i].target);
    a = kit_call(bad_inputs[i].method, path, bad_inputs[i].headers,
                 bad_inputs[i].body);
    if (a.status != bad_inputs[i].status)
      fail_msg("%s: %d %s", bad_inputs[i].what, a.status, a.body);
    expect_code(a, bad_inputs[i].status, bad_inputs[i].code);
    if (bad_inputs[i].path != NULL)
      expect_errors(a, bad_inputs[i].path);
    else
      expect_json(a, "errors", "(missing)");
  }
  /* and nothing of it was done */
  expect_json(control("GET", "records?app=1", NULL), "count", "1");
  expect_json(api("GET", "record.json?app=1&id=1", NULL),
              "record/$revision/value", "\"1\"");
}

static void both_or_neither_of_id_and_key(void **state) {
  (void)state;
  expect_errors(api("PUT", "record.json", "{\"app\":1,\"record\":{}}"),
                "id updateKey");
  expect_errors(api("PUT", "record.json", "{\"app\":1,\"id\":1,\"updateKey\":"
                    "{\"field\":\"k_id\",\"value\":\"x\"},\"record\":{}}"),
                "id updateKey");
}

/* `n` times `part` in a list, in `before` and `after`. */
static char *repeated(const char *before, const char *part, int n,
                      const char *after) {
  ml_buf b = {0};
  char *copy;
  int i;

  ml_buf_puts(&b, before);
  for (i = 0; i < n; i++)
    ml_buf_printf(&b, "%s%s", i > 0 ? "," : "", part);
  ml_buf_puts(&b, after);
  copy = ml_arena_dup(&kit.arena, b.p, b.len);
  assert_non_null(copy);
  ml_buf_free(&b);
  return copy;
}

static void too_many_are_refused(void **state) {
  Answer a;

  (void)state;
  expect_errors(api("POST", "records.json",
                    repeated("{\"app\":2,\"records\":[", "{}", 101, "]}")),
                "records");
  a = api("POST", "records.json",
          repeated("{\"app\":2,\"records\":[", "{}", 100, "]}"));
  expect_status(a, 200);
  expect_json(a, "ids/99", "\"100\"");
  expect_errors(api("PUT", "records.json", repeated("{\"app\":2,\"records\":[",
                    "{\"id\":1,\"record\":{}}", 101, "]}")), "records");
  expect_errors(api("DELETE", "records.json",
                    repeated("{\"app\":2,\"ids\":[", "1", 101, "]}")), "ids");
  expect_errors(api("POST", "bulkRequest.json", repeated("{\"requests\":[",
                    "{\"method\":\"POST\",\"api\":\"/k/v1/record.json\",\"payload\":"
                    "{\"app\":2}}", 21, "]}")), "requests");
  expect_status(api("POST", "bulkRequest.json", repeated("{\"requests\":[",
                    "{\"method\":\"POST\",\"api\":\"/k/v1/record.json\",\"payload\":"
                    "{\"app\":2}}", 20, "]}")), 200);
}

static void empty_lists(void **state) {
  Answer a = api("POST", "records.json", "{\"app\":1,\"records\":[]}");

  (void)state;
  expect_status(a, 200);
  expect_json(a, "", "{\"ids\":[],\"revisions\":[]}");
  a = api("PUT", "records.json", "{\"app\":1,\"records\":[]}");
  expect_status(a, 200);
  expect_json(a, "", "{\"records\":[]}");
}

/* ---- easy to get wrong ---- */

static void ids_and_revisions_are_texts(void **state) {
  Answer a;

  (void)state;
  a = api("POST", "record.json", "{\"app\":\"1\",\"record\":{\"k_id\":{\"value\":"
          "\"C-1\"},\"k_氏名\":{\"value\":\"山田\"}}}");
  expect_json(a, "", "{\"id\":\"1\",\"revision\":\"1\"}");
  a = api("PUT", "record.json", "{\"app\":1,\"id\":\"1\",\"revision\":\"1\","
          "\"record\":" REQUIRES "}");
  expect_json(a, "", "{\"revision\":\"2\"}");
  a = api("GET", "record.json?app=1&id=1", NULL);
  expect_json(a, "record/$id", "{\"type\":\"__ID__\",\"value\":\"1\"}");
  expect_json(a, "record/$revision", "{\"type\":\"__REVISION__\",\"value\":\"2\"}");
  expect_json(a, "record/レコード番号",
              "{\"type\":\"RECORD_NUMBER\",\"value\":\"1\"}");
  expect_json(a, "record/ステータス", "(missing)");
}

static void unknown_codes_are_ignored(void **state) {
  (void)state;
  add_order("C-1", ",\"typo\":{\"value\":\"x\"},\"$id\":{\"value\":\"9\"}");
  expect_json(api("PUT", "record.json", "{\"app\":1,\"id\":1,\"record\":{\"typo\":"
                  "{\"value\":\"x\"}}}"), "", "{\"revision\":\"2\"}");
  expect_json(api("GET", "record.json?app=1&id=1", NULL), "record/typo",
              "(missing)");
}

static void a_put_without_a_record_changes_nothing(void **state) {
  (void)state;
  add_order("C-1", "");
  expect_json(api("PUT", "record.json", "{\"app\":1,\"id\":1}"), "",
              "{\"revision\":\"1\"}");
  expect_json(api("PUT", "record.json", "{\"app\":1,\"id\":1,\"revision\":-1,"
                  "\"record\":{}}"), "", "{\"revision\":\"2\"}");
  expect_json(api("PUT", "record.json", "{\"app\":1,\"id\":1,\"revision\":null,"
                  "\"record\":{}}"), "", "{\"revision\":\"3\"}");
}

static void total_order_and_limit(void **state) {
  Answer a;
  char id[20];
  int i;

  (void)state;
  for (i = 0; i < 101; i++) {
    snprintf(id, sizeof id, "N-%d", i);
    add_order(id, "");
  }
  a = api("GET", "records.json?app=1", NULL);
  expect_json(a, "totalCount", "null");
  expect_json(a, "records/0/$id/value", "\"101\"");
  assert_int_equal(at(a.json, "records")->count, 100);
  a = api("GET", "records.json?app=1&totalCount=true&query=limit%201&"
          "fields%5B0%5D=k_%E6%B0%8F%E5%90%8D", NULL);
  expect_json(a, "totalCount", "\"101\"");
  expect_json(a, "records", "[{\"k_氏名\":{\"type\":\"SINGLE_LINE_TEXT\",\"value\":"
              "\"山田\"}}]");
  a = api("GET", "records.json?app=1&query=order%20by%20$id%20asc%20limit%201%20"
          "offset%201", NULL);
  expect_json(a, "records/0/$id/value", "\"2\"");
}

static void a_failed_bulk_request_is_undone(void **state) {
  Answer a;

  (void)state;
  add_order("C-1", "");
  a = api("POST", "bulkRequest.json", "{\"requests\":["
          "{\"method\":\"PUT\",\"api\":\"/k/v1/record.json\",\"payload\":{\"app\":1,"
          "\"id\":1,\"record\":" REQUIRES "}},"
          "{\"method\":\"PUT\",\"api\":\"/k/v1/record.json\",\"payload\":{\"app\":1,"
          "\"id\":1,\"revision\":1,\"record\":{}}},"
          "{\"method\":\"DELETE\",\"api\":\"/k/v1/records.json\",\"payload\":"
          "{\"app\":1,\"ids\":[1]}}]}");
  expect_status(a, 409);
  expect_json(a, "code", "(missing)");
  expect_json(a, "results/0", "{}");
  expect_json(a, "results/1/code", "\"GAIA_CO02\"");
  expect_json(a, "results/2", "{}");
  a = api("GET", "record.json?app=1&id=1", NULL);
  expect_json(a, "record/$revision/value", "\"1\"");
  expect_json(a, "record/k_ステータス/value", "\"1_対応なし\"");
}

static void ids_are_never_used_again(void **state) {
  (void)state;
  add_order("C-1", "");
  add_order("C-2", "");
  expect_json(api("DELETE", "records.json?app=1&ids%5B0%5D=2&revisions%5B0%5D=",
                  NULL), "", "{}");
  expect_json(api("POST", "record.json", "{\"app\":1,\"record\":{\"k_id\":{"
                  "\"value\":\"C-2\"},\"k_氏名\":{\"value\":\"x\"}}}"), "id",
              "\"3\"");
}

static void a_put_is_judged_by_its_result(void **state) {
  (void)state;
  add_order("C-1", "");
  expect_errors(api("PUT", "record.json", "{\"app\":1,\"id\":1,\"record\":{"
                    "\"k_氏名\":{\"value\":null}}}"), "record.k_氏名.value");
  /* a value is no duplicate of its own record's */
  expect_status(api("PUT", "record.json", "{\"app\":1,\"id\":1,\"record\":{"
                    "\"k_id\":{\"value\":\"C-1\"}}}"), 200);
}

static void several_mistakes_are_told_together(void **state) {
  Answer a;

  (void)state;
  add_order("C-1", "");
  a = api("POST", "records.json", "{\"app\":1,\"records\":[{\"k_id\":{\"value\":"
          "\"C-1\"}},{\"k_id\":{\"value\":\"C-2\"},\"k_氏名\":{\"value\":\"x\"},"
          "\"k_プラン\":{\"value\":\"?\"}}]}");
  expect_errors(a, "records[0].k_id.value records[0].k_氏名.value "
                "records[1].k_プラン.value");
  expect_json(a, "errors/records[0].k_id.value/messages/0",
              "\"This value already exists in another record.\"");
  expect_json(a, "errors/records[1].k_プラン.value/messages/0",
              "\"The value, \\\"?\\\", is not in options.\"");
}

static void messages_follow_the_language(void **state) {
  Answer a = kit_call("GET", "/k/v1/record.json?app=1", TOKEN, NULL);

  (void)state;
  expect_json(a, "errors/id/messages/0", "\"必須です。\"");
  a = kit_call("GET", "/k/v1/record.json?app=1", TOKEN "Accept-Language: *\r\n",
               NULL);
  expect_json(a, "errors/id/messages/0", "\"必須です。\"");
  a = api("GET", "record.json?app=1", NULL);
  expect_json(a, "errors/id/messages/0", "\"Required field.\"");
}

static void answers_carry_the_concurrency_headers(void **state) {
  Answer a;

  (void)state;
  add_order("C-1", "");
  a = api("GET", "record.json?app=1&id=1", NULL);
  assert_non_null(strstr(a.headers, "\r\nX-ConcurrencyLimit-Limit: 100\r\n"));
  assert_non_null(strstr(a.headers, "\r\nX-ConcurrencyLimit-Running: 1"));
  assert_non_null(strstr(a.headers,
                         "\r\nContent-Type: application/json;charset=utf-8"));
  a = api("GET", "record.json?app=1&id=9", NULL);
  assert_null(strstr(a.headers, "X-ConcurrencyLimit"));
}

static void other_ways_to_send_the_same(void **state) {
  Answer a;

  (void)state;
  add_order("C-1", "");
  /* an override, with the parameters in the body */
  a = kit_call("POST", "/k/v1/record.json",
               TOKEN JSON "X-HTTP-Method-Override: GET\r\n",
               "{\"app\":1,\"id\":1}");
  expect_json(a, "record/k_id/value", "\"C-1\"");
  /* a GET with a JSON body */
  a = kit_call("GET", "/k/v1/records.json", TOKEN JSON,
               "{\"app\":1,\"fields\":[\"k_id\"]}");
  expect_json(a, "records/0/k_id/value", "\"C-1\"");
  /* charset behind the type, several tokens in one header */
  a = kit_call("POST", "/k/v1/record.json", "X-Cybozu-API-Token: A, T\r\n"
               "Content-Type: application/json; charset=utf-8\r\n",
               "{\"app\":2,\"record\":{}}");
  expect_status(a, 200);
  /* the guest space's own path */
  a = kit_call("POST", "/k/guest/7/v1/record.json", TOKEN JSON,
               "{\"app\":3,\"record\":{\"t\":{\"value\":\"x\"}}}");
  expect_json(a, "id", "\"1\"");
  expect_code(kit_call("GET", "/k/guest/7/v1/record.json?app=1&id=1", TOKEN, NULL),
              403, "CB_NO02");
}

static void options_are_an_object(void **state) {
  Answer a = api("GET", "app/form/fields.json?app=2", NULL);

  (void)state;
  expect_json(a, "properties/radio/options/b", "{\"label\":\"b\",\"index\":\"1\"}");
  expect_json(a, "properties/radio/defaultValue", "\"a\"");
  expect_json(a, "properties/rows/fields/item/required", "true");
  expect_json(a, "properties/Updated_datetime/type", "\"UPDATED_TIME\"");
  expect_json(a, "properties/Status/enabled", "false");
  expect_json(a, "revision", "\"1\"");
}

/* ---- values ---- */

static const struct {
  const char *field, *sent, *stored;    /* stored: as read back, or a failure */
} values[] = {
  {"text", "\"abc\"", "\"abc\""},
  {"text", "12", "\"12\""},
  {"text", "null", "\"\""},
  {"text", "\"123456\"", "record.text.value"},
  {"text", "\"日本語日本\"", "\"日本語日本\""},
  {"text", "[]", "CB_IJ01"},
  {"text", "true", "CB_IJ01"},
  {"long", "\"a\\nb\"", "\"a\\nb\""},
  {"number", "\" 42 \"", "\"42\""},
  {"number", "\"1.5e1\"", "\"15\""},
  {"number", "12.5", "\"12.5\""},
  {"number", "\"007\"", "\"7\""},
  {"number", "\"\"", "\"\""},
  {"number", "null", "\"\""},
  {"number", "\"abc\"", "record[number].value"},
  {"number", "\"101\"", "record.number.value"},
  {"number", "\"-5.1\"", "record.number.value"},
  {"number", "{}", "CB_IJ01"},
  {"calc", "\"5\"", "\"\""},
  {"radio", "\"b\"", "\"b\""},
  {"radio", "null", "null"},
  {"radio", "\"c\"", "record.radio.value"},
  {"drop", "null", "null"},
  {"drop", "\"\"", "null"},
  {"drop", "[]", "CB_IJ01"},
  {"check", "[]", "[]"},
  {"check", "[\"b\",\"a\"]", "[\"b\",\"a\"]"},
  {"check", "[\"a\",\"z\"]", "record.check.values[1].value"},
  {"multi", "\"a\"", "CB_IJ01"},
  {"date", "\"2026-03-01\"", "\"2026-03-01\""},
  {"date", "\"2015\"", "\"2015-01-01\""},
  {"date", "\"2015-7\"", "\"2015-07-01\""},
  {"date", "\"2015-7-5\"", "\"2015-07-05\""},
  {"date", "\"2015-02-30\"", "CB_IJ01"},
  {"date", "\"\"", "null"},
  {"time", "\"9:30\"", "\"09:30\""},
  {"time", "\"24:00\"", "CB_IJ01"},
  {"moment", "\"2026-03-01T04:05:59Z\"", "\"2026-03-01T04:05:00Z\""},
  {"moment", "\"2026-03-01T04:05:59+09:00\"", "\"2026-02-28T19:05:00Z\""},
  {"moment", "\"2026-03-01T04:05Z\"", "\"2026-03-01T04:05:00Z\""},
  {"moment", "\"2026-03-01\"", "\"2026-03-01T00:00:00Z\""},
  {"moment", "\"yesterday\"", "CB_IJ01"},
  {"moment", "null", "\"\""},
  {"users", "[{\"code\":\"suzuki\"}]", "[{\"code\":\"suzuki\",\"name\":\"鈴木\"}]"},
  {"users", "[{\"code\":\"nobody\"}]", "record.users.values[0].code"},
  {"users", "\"suzuki\"", "CB_IJ01"},
  {"groups", "[{\"code\":\"sales\"}]", "[{\"code\":\"sales\",\"name\":\"sales\"}]"},
  {"files", "[{\"fileKey\":\"no\"}]", "GAIA_BL01"},
  {"rows", "[]", "[]"},
  {"rows", "\"x\"", "CB_IJ01"},
  {"rows", "[{\"value\":{\"kind\":{\"value\":\"z\"}}}]",
   "record.rows.value[0].value.item.value record.rows.value[0].value.kind.value"},
};

static void values_of_every_type(void **state) {
  char body[500], path[100];
  size_t i;

  (void)state;
  expect_status(api("POST", "record.json", "{\"app\":2,\"record\":{}}"), 200);
  for (i = 0; i < sizeof values / sizeof *values; i++) {
    const char *want = values[i].stored;
    Answer a;

    snprintf(body, sizeof body, "{\"app\":2,\"id\":1,\"record\":{\"%s\":{\"value\":"
             "%s}}}", values[i].field, values[i].sent);
    a = api("PUT", "record.json", body);
    if (strncmp(want, "record", 6) == 0) {
      expect_errors(a, want);
    } else if (strncmp(want, "CB_", 3) == 0) {
      expect_code(a, 400, want);
    } else if (strncmp(want, "GAIA_", 5) == 0) {
      expect_code(a, 404, want);
    } else {
      expect_status(a, 200);
      snprintf(path, sizeof path, "record/%s/value", values[i].field);
      a = api("GET", "record.json?app=2&id=1", NULL);
      if (strcmp(shown(a.json, path), want) != 0)
        fail_msg("%s: %s gave %s, not %s", values[i].field, values[i].sent,
                 shown(a.json, path), want);
    }
  }
}

static void defaults_are_for_new_records_only(void **state) {
  Answer a;

  (void)state;
  expect_status(api("POST", "record.json", "{\"app\":2,\"record\":{}}"), 200);
  a = api("GET", "record.json?app=2&id=1", NULL);
  expect_json(a, "record/radio/value", "\"a\"");
  expect_json(a, "record/check/value", "[\"a\"]");
  expect_json(a, "record/made/value", "\"2026-03-01\"");
  expect_json(a, "record/Record_number/value", "\"TY-1\"");
  expect_status(api("POST", "record.json", "{\"app\":2,\"record\":{\"check\":"
                    "{\"value\":[]}}}"), 200);
  expect_json(api("GET", "record.json?app=2&id=2", NULL), "record/check/value",
              "[]");
  expect_status(api("PUT", "record.json", "{\"app\":2,\"id\":2,\"record\":{}}"),
                200);
  expect_json(api("GET", "record.json?app=2&id=2", NULL), "record/check/value",
              "[]");
}

static void who_manages_the_app_sets_creators(void **state) {
  Answer a;

  (void)state;
  a = kit_call("POST", "/k/v1/record.json", "X-Cybozu-API-Token: AM\r\n" JSON,
               "{\"app\":2,\"record\":{\"Created_by\":{\"value\":{\"code\":"
               "\"suzuki\"}},\"Created_datetime\":{\"value\":"
               "\"2020-01-02T03:04:05Z\"}}}");
  expect_status(a, 200);
  a = api("GET", "record.json?app=2&id=1", NULL);
  expect_json(a, "record/Created_by/value",
              "{\"code\":\"suzuki\",\"name\":\"鈴木\"}");
  expect_json(a, "record/Created_datetime/value", "\"2020-01-02T03:04:00Z\"");
}

static void rows_of_a_table(void **state) {
  Answer a;

  (void)state;
  expect_status(api("POST", "record.json", "{\"app\":2,\"record\":{\"rows\":{"
                    "\"value\":[{\"value\":{\"item\":{\"value\":\"one\"},\"count\":{"
                    "\"value\":\"x\"}}},{\"value\":{\"item\":{\"value\":\"two\"},"
                    "\"count\":{\"value\":2}}}]}}}"), 200);
  a = api("GET", "record.json?app=2&id=1", NULL);
  expect_json(a, "record/rows/value/0/id", "\"1\"");
  /* no number in a table: lost without a word */
  expect_json(a, "record/rows/value/0/value/count",
              "{\"type\":\"NUMBER\",\"value\":\"\"}");
  expect_json(a, "record/rows/value/1/value/kind/value", "null");
  /* row 2 keeps its number, row 1 goes, a new one comes */
  expect_status(api("PUT", "record.json", "{\"app\":2,\"id\":1,\"record\":{\"rows\":"
                    "{\"value\":[{\"id\":\"2\",\"value\":{\"item\":{\"value\":"
                    "\"zwei\"}}},{\"id\":\"77\",\"value\":{\"item\":{\"value\":"
                    "\"three\"}}}]}}}"), 200);
  a = api("GET", "record.json?app=2&id=1", NULL);
  expect_json(a, "record/rows/value/0/value/item/value", "\"zwei\"");
  expect_json(a, "record/rows/value/0/value/count/value", "\"2\"");
  expect_json(a, "record/rows/value/1/id", "\"3\"");
  expect_json(a, "record/rows/value/2", "(missing)");
}

static void a_number_may_be_the_key(void **state) {
  (void)state;
  expect_status(api("POST", "record.json", "{\"app\":2,\"record\":{\"key\":"
                    "{\"value\":\"1.50\"}}}"), 200);
  expect_errors(api("POST", "record.json", "{\"app\":2,\"record\":{\"key\":"
                    "{\"value\":\"1.5\"}}}"), "record.key.value");
  expect_json(api("PUT", "record.json", "{\"app\":2,\"updateKey\":{\"field\":"
                  "\"key\",\"value\":1.5},\"record\":{}}"), "code", "\"CB_IJ01\"");
  expect_json(api("PUT", "record.json", "{\"app\":2,\"updateKey\":{\"field\":"
                  "\"key\",\"value\":\"1.5\"},\"record\":{}}"), "revision",
              "\"2\"");
}

static void upsert(void **state) {
  Answer a;

  (void)state;
  add_order("C-1", "");
  a = api("PUT", "records.json", "{\"app\":1,\"upsert\":true,\"records\":["
          "{\"updateKey\":{\"field\":\"k_id\",\"value\":\"C-1\"},\"record\":"
          REQUIRES "},{\"updateKey\":{\"field\":\"k_id\",\"value\":\"C-2\"},"
          "\"record\":{\"k_氏名\":{\"value\":\"x\"}}},{\"id\":50,\"record\":{"
          "\"k_id\":{\"value\":\"C-3\"},\"k_氏名\":{\"value\":\"x\"}}}]}");
  expect_json(a, "records", "[{\"id\":\"1\",\"operation\":\"UPDATE\",\"revision\":"
              "\"2\"},{\"id\":\"2\",\"operation\":\"INSERT\",\"revision\":\"1\"},"
              "{\"id\":\"3\",\"operation\":\"INSERT\",\"revision\":\"1\"}]");
  expect_json(api("GET", "record.json?app=1&id=2", NULL), "record/k_id/value",
              "\"C-2\"");
}

static void files(void **state) {
  char body[300];
  const char *key;
  Answer a;

  (void)state;
  expect_errors(kit_call("POST", "/k/v1/file.json", TOKEN MULTIPART,
                         "--XyZ\r\nContent-Disposition: form-data; "
                         "name=\"other\"\r\n\r\nx\r\n--XyZ--\r\n"), "file");
  a = kit_call("POST", "/k/v1/file.json", TOKEN MULTIPART,
               "--XyZ\r\nContent-Disposition: form-data; name=\"file\"; "
               "filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nline\r\n"
               "--X\r\n--XyZ--\r\n");
  expect_status(a, 200);
  key = ml_json_str(a.json, "fileKey").p;
  /* an upload's key opens nothing */
  snprintf(body, sizeof body, "/k/v1/file.json?fileKey=%s", key);
  expect_code(kit_call("GET", body, TOKEN, NULL), 404, "GAIA_BL01");
  snprintf(body, sizeof body, "{\"app\":2,\"record\":{\"files\":{\"value\":[{"
           "\"fileKey\":\"%s\"}]}}}", key);
  expect_status(api("POST", "record.json", body), 200);
  a = api("GET", "record.json?app=2&id=1", NULL);
  expect_json(a, "record/files/value/0/name", "\"a.txt\"");
  expect_json(a, "record/files/value/0/contentType", "\"text/plain\"");
  expect_json(a, "record/files/value/0/size", "\"9\"");
  key = ml_json_str(at(a.json, "record/files/value/0"), "fileKey").p;
  snprintf(body, sizeof body, "file.json?fileKey=%s", key);
  a = api("GET", body, NULL);
  expect_status(a, 200);
  assert_string_equal(a.body, "line\r\n--X");
  assert_non_null(strstr(a.headers, "Content-Type: text/plain"));
  /* what a field holds can be kept by the key found in it */
  snprintf(body, sizeof body, "{\"app\":2,\"id\":1,\"record\":{\"files\":{"
           "\"value\":[{\"fileKey\":\"%s\"}]}}}", key);
  expect_status(api("PUT", "record.json", body), 200);
}

/* ---- queries ---- */

static const struct {
  const char *query, *answer;   /* ids joined by blanks, or a code */
} queries[] = {
  {"", "4 3 2 1"},
  {"order by $id asc", "1 2 3 4"},
  {"order by $id", "4 3 2 1"},
  {"order by number asc, $id desc", "4 3 2 1"},
  {"order by number desc", "1 2 3 4"},
  {"limit 1", "4"},
  {"order by $id asc limit 2 offset 1", "2 3"},
  {"limit 0", ""},
  {"text = \"a b\"", "1"},
  {"text != \"a b\"", "4 3 2"},
  {"text in (\"a b\", \"é\")", "2 1"},
  {"text not in (\"a b\", \"\")", "3 2"},
  {"text like \"A\"", "1"},
  {"text not like \"a\"", "4 3 2"},
  {"text = \"q\\\"\\\\\"", "3"},
  {"number = 10", "1"},
  {"number = \"10.0\"", "1"},
  {"number > 9", "1"},
  {"number >= 9 and number <= 10", "2 1"},
  {"number < 9.5", "3 2"},
  {"number < -1 or number > 9", "3 1"},
  {"number = \"\"", "4"},
  {"number in (9, \"10\")", "2 1"},
  {"$id > 2", "4 3"},
  {"Record_number = \"TY-2\"", "2"},
  {"Record_number in (2, \"3\")", "3 2"},
  {"radio in (\"b\")", "2"},
  {"radio not in (\"b\")", "4 3 1"},
  {"drop in (\"\")", "4 3"},
  {"drop in (\"a\", \"\")", "4 3 1"},
  {"check in (\"b\")", "2"},
  {"check not in (\"b\")", "4 3 1"},
  {"long is empty", "4 2"},
  {"long is not empty", "3 1"},
  {"long like \"two\"", "1"},
  {"files is empty", "4 3 2 1"},
  {"date = \"2026-03-01\"", "1"},
  {"date > \"2026-02\"", "2 1"},
  {"date = TODAY()", "1"},
  {"date = TOMORROW()", "2"},
  {"date = THIS_WEEK()", "2 1"},
  {"date = THIS_WEEK(SUNDAY)", "1"},
  {"date = LAST_WEEK()", ""},
  {"date = THIS_MONTH(LAST)", ""},
  {"date = FROM_TODAY(1, DAYS)", "2"},
  {"date >= FROM_TODAY(-1, MONTHS)", "3 2 1"},
  {"date > FROM_TODAY(-1, MONTHS)", "2 1"},
  {"date = FROM_TODAY(-1, MONTHS)", "3"},
  {"date = THIS_YEAR()", "3 2 1"},
  {"moment = TODAY()", "1"},
  {"moment >= TODAY()", "2 1"},
  {"moment > TODAY()", "2"},
  {"moment < TODAY()", "3"},
  {"moment = YESTERDAY()", "3"},
  {"moment <= NOW()", "3 1"},
  {"moment = \"2026-03-01T00:00:00Z\"", "1"},
  {"moment = \"2026-03-01T09:00:00+09:00\"", "1"},
  {"moment = \"2026-03-01T09:00+09\"", "1"},
  {"moment = \"2026-03-01T00:00:45Z\"", "1"},
  {"time >= \"12:00\"", "2"},
  {"users in (\"suzuki\")", "1"},
  {"users in (LOGINUSER())", ""},
  {"Created_by in (LOGINUSER())", "4 3 2 1"},
  {"users in (PRIMARY_ORGANIZATION())", ""},
  {"Updated_datetime <= NOW() and Created_datetime = TODAY()", "4 3 2 1"},
  {"item in (\"pen\")", "1"},
  {"item like \"en\"", "1"},
  {"item not in (\"pen\")", "4 3 2"},
  {"count > 2", "1"},
  {"(number > 9 or $id = 2) and radio in (\"b\")", "2"},
  {"number > 9 or $id = 2 and radio in (\"b\")", "2 1"},
  {"((($id = 1)))", "1"},
  {"\xe3\x80\x80$id\xe3\x80\x80=\xe3\x80\x80" "1", "1"},
  {"$id=1or$id=2", "CB_VA01"},
  {"$id = 1 limit", "CB_VA01"},
  {"limit 1 order by $id asc", "CB_VA01"},
  {"offset 1 limit 1", "CB_VA01"},
  {"limit -1", "CB_VA01"},
  {"limit x", "CB_VA01"},
  {"limit 501", "GAIA_QU01"},
  {"limit 500", "4 3 2 1"},
  {"offset 10001", "GAIA_QU02"},
  {"offset 10000", ""},
  {"text = 'a b'", "CB_VA01"},
  {"text = \"a", "CB_VA01"},
  {"text = \"a\\q\"", "CB_VA01"},
  {"text = \"a\tb\"", "CB_VA01"},
  {"text = \"x\" and", "CB_VA01"},
  {"(text = \"x\"", "CB_VA01"},
  {"text = \"x\")", "CB_VA01"},
  {"text", "CB_VA01"},
  {"text = ", "CB_VA01"},
  {"text in ()", "CB_VA01"},
  {"text in \"a\"", "CB_VA01"},
  {"text = \"x\" AND $id = 1", "CB_VA01"},
  {"$id = abc()", "CB_VA01"},
  {"date = NEVER()", "CB_VA01"},
  {"date = FROM_TODAY(1)", "CB_VA01"},
  {"date = THIS_WEEK(SOMEDAY)", "CB_VA01"},
  {"date = THIS_MONTH(32)", "CB_VA01"},
  {"date = \"soon\"", "CB_VA01"},
  {"order by", "CB_VA01"},
  {"order $id", "CB_VA01"},
  {"nowhere = \"1\"", "GAIA_IQ11"},
  {"order by nowhere asc", "GAIA_IQ11"},
  {"Status in (\"x\")", "GAIA_IQ11"},
  {"radio = \"a\"", "GAIA_IQ03"},
  {"radio != \"a\"", "GAIA_IQ03"},
  {"radio like \"a\"", "GAIA_IQ03"},
  {"radio in (\"z\")", "GAIA_IQ10"},
  {"radio = \"z\"", "GAIA_IQ10"},
  {"check = \"a\"", "GAIA_IQ03"},
  {"text > \"a\"", "GAIA_IQ03"},
  {"text is empty", "GAIA_IQ03"},
  {"number like \"1\"", "GAIA_IQ03"},
  {"long = \"x\"", "GAIA_IQ03"},
  {"rich is empty", "GAIA_IQ03"},
  {"date in (\"2026-03-01\")", "GAIA_IQ03"},
  {"users = \"suzuki\"", "GAIA_IQ03"},
  {"item = \"pen\"", "GAIA_IQ07"},
  {"rows in (\"x\")", "GAIA_IQ03"},
};

/* Four records to look for. */
static void add_samples(void) {
  expect_status(api("POST", "records.json", "{\"app\":2,\"records\":["
    "{\"text\":{\"value\":\"a b\"},\"number\":{\"value\":10},\"drop\":{\"value\":"
    "\"a\"},\"long\":{\"value\":\"one\\ntwo\"},\"date\":{\"value\":\"2026-03-01\"},"
    "\"time\":{\"value\":\"09:30\"},\"moment\":{\"value\":\"2026-03-01T00:00:00Z\"},"
    "\"users\":{\"value\":[{\"code\":\"suzuki\"}]},\"rows\":{\"value\":[{\"value\":{"
    "\"item\":{\"value\":\"pen\"},\"count\":{\"value\":\"3\"}}}]}},"
    "{\"text\":{\"value\":\"é\"},\"number\":{\"value\":9},\"radio\":{\"value\":"
    "\"b\"},\"drop\":{\"value\":\"b\"},\"check\":{\"value\":[\"a\",\"b\"]},\"date\":{"
    "\"value\":\"2026-03-02\"},\"time\":{\"value\":\"12:00\"},\"moment\":{\"value\":"
    "\"2026-03-01T15:00:00Z\"}},"
    "{\"text\":{\"value\":\"q\\\"\\\\\"},\"number\":{\"value\":\"-2\"},\"long\":{"
    "\"value\":\"three\"},\"date\":{\"value\":\"2026-02-01\"},\"moment\":{\"value\":"
    "\"2026-02-28T14:59:00Z\"}},"
    "{}]}"), 200);
}

/* The ids of an answer, newest form first: "2 1"; or its code. */
static const char *ids_or_code(Answer a) {
  const ml_json *list = at(a.json, "records");
  ml_buf b = {0};
  char *copy;
  uint32_t i;

  if (list == NULL)
    ml_buf_printf(&b, "%s", ml_json_str(a.json, "code").p);
  for (i = 0; list != NULL && i < list->count; i++)
    ml_buf_printf(&b, "%s%s", i > 0 ? " " : "",
                  ml_json_str(ml_json_get(&list->arr[i], "$id"), "value").p);
  copy = ml_arena_dup(&kit.arena, b.p != NULL ? b.p : "", b.len);
  assert_non_null(copy);
  ml_buf_free(&b);
  return copy;
}

static Answer ask(const char *query) {
  ml_buf b = {0};
  ml_jw w;
  Answer a;

  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kint(&w, "app", 2);
  ml_jw_kstrz(&w, "query", query);
  ml_jw_end(&w);
  a = kit_call("POST", "/k/v1/records.json",
               TOKEN ENGLISH JSON "X-HTTP-Method-Override: GET\r\n", b.p);
  ml_buf_free(&b);
  return a;
}

static void the_query_language(void **state) {
  size_t i;

  (void)state;
  add_samples();
  for (i = 0; i < sizeof queries / sizeof *queries; i++) {
    Answer a = ask(queries[i].query);
    const char *got = ids_or_code(a);

    if (strcmp(got, queries[i].answer) != 0)
      fail_msg("%s gave '%s', not '%s': %s", queries[i].query, got,
               queries[i].answer, a.body);
    if (strcmp(got, "CB_VA01") == 0)
      expect_errors(a, "query");
  }
}

static void parentheses_have_a_limit(void **state) {
  char query[300] = "";
  int i;

  (void)state;
  add_samples();
  for (i = 0; i < 64; i++)
    query[i] = '(';
  strcpy(query + 64, "$id = 1");
  for (i = 0; i < 64; i++)
    strcat(query, ")");
  assert_string_equal(ids_or_code(ask(query)), "1");
  memmove(query + 1, query, strlen(query) + 1);
  strcat(query, ")");
  assert_string_equal(ids_or_code(ask(query)), "CB_VA01");
}

static void the_flow_of_the_seed(void **state) {
  Answer a;

  (void)state;
  add_order("C-1", STATUS_2);
  add_order("C-2", "");
  a = api("GET", "records.json?app=1&query=%28k_%E3%82%B9%E3%83%86%E3%83%BC%E3%82%BF"
          "%E3%82%B9%20in%20%28%222_%E5%AF%BE%E5%BF%9C%E8%A6%81%22%29%29%20and%20"
          "%E6%9B%B4%E6%96%B0%E6%97%A5%E6%99%82%20%3E%3D%20%222026-01-01T00:00:00%2B"
          "09%22%20and%20%E6%9B%B4%E6%96%B0%E6%97%A5%E6%99%82%20%3C%3D%20NOW%28%29"
          "%20order%20by%20%E6%9B%B4%E6%96%B0%E6%97%A5%E6%99%82%20desc,%20$id%20desc"
          "%20limit%2010&fields%5B0%5D=$id&fields%5B1%5D=%E6%9B%B4%E6%96%B0%E6%97%A5"
          "%E6%99%82", NULL);
  expect_json(a, "records", "[{\"更新日時\":{\"type\":\"UPDATED_TIME\",\"value\":"
              "\"2026-03-01T00:00:00Z\"},\"$id\":{\"type\":\"__ID__\",\"value\":"
              "\"1\"}}]");
  /* of two racing starts exactly one wins */
  a = api("PUT", "record.json", "{\"app\":1,\"id\":1,\"revision\":1,\"record\":{"
          "\"k_Qid\":{\"value\":\"P-1\"},\"k_ステータス\":{\"value\":\"3_対応中\"}}}");
  expect_status(a, 200);
  a = api("PUT", "record.json", "{\"app\":1,\"id\":1,\"revision\":1,\"record\":{"
          "\"k_Qid\":{\"value\":\"P-2\"},\"k_ステータス\":{\"value\":\"3_対応中\"}}}");
  expect_code(a, 409, "GAIA_CO02");
  expect_json(api("GET", "record.json?app=1&id=1", NULL), "record/k_Qid/value",
              "\"P-1\"");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    kit_test(bad_input_gets_its_answer),
    kit_test(both_or_neither_of_id_and_key),
    kit_test(too_many_are_refused),
    kit_test(empty_lists),
    kit_test(ids_and_revisions_are_texts),
    kit_test(unknown_codes_are_ignored),
    kit_test(a_put_without_a_record_changes_nothing),
    kit_test(total_order_and_limit),
    kit_test(a_failed_bulk_request_is_undone),
    kit_test(ids_are_never_used_again),
    kit_test(a_put_is_judged_by_its_result),
    kit_test(several_mistakes_are_told_together),
    kit_test(messages_follow_the_language),
    kit_test(answers_carry_the_concurrency_headers),
    kit_test(other_ways_to_send_the_same),
    kit_test(options_are_an_object),
    kit_test(values_of_every_type),
    kit_test(defaults_are_for_new_records_only),
    kit_test(who_manages_the_app_sets_creators),
    kit_test(rows_of_a_table),
    kit_test(a_number_may_be_the_key),
    kit_test(upsert),
    kit_test(files),
    kit_test(the_query_language),
    kit_test(parentheses_have_a_limit),
    kit_test(the_flow_of_the_seed),
  };

  return cmocka_run_group_tests(tests, kit_start, kit_stop);
}
