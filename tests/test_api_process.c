/* test_api_process.c - processes and tasks over HTTP: from a start to the end,
** what is shown to whom, what is refused, and what a repeated request does. */
#include "api_kit.h"

static void from_start_to_end(void **state) {
  const char *p, *t1, *t2;
  kit_answer a;

  (void)state;
  kit_person("aiko", "office");
  kit_person("ben", "build");
  p = kit_start("{\"name\":\"Cixin\",\"q_pass\":\"s3cret\",\"q_kind\":\"a\"}");
  a = kit_do("GET", at("/v1/processes/%s", p), NULL);
  assert_int_equal(a.status, 200);
  assert_string_equal(text_of(a.json, "status"), "OPEN");
  assert_string_equal(text_of(a.json, "run"), "Running");
  assert_string_equal(text_of(a.json, "workflow"), "orders");
  assert_string_equal(text_of(a.json, "state"), "new");
  assert_int_equal(ml_json_get(a.json, "phase")->count, 2);
  assert_string_equal(text_of(ml_json_get(a.json, "data"), "name"), "Cixin");
  assert_string_equal(text_of(ml_json_get(a.json, "data"), "q_pass"), "[sealed]");
  assert_int_equal(ml_json_int(a.json, "createdAt", 0) >= KIT_START, 1);
  assert_string_equal(kit_header(&a, "ETag"),
                      at("\"%lld\"", (long long)ml_json_int(a.json, "seq", 0)));
  a = kit_do("GET", at("/v1/processes/%s?sealed=1", p), NULL);
  assert_string_equal(text_of(ml_json_get(a.json, "data"), "q_pass"), "s3cret");

  a = kit_do("GET", at("/v1/processes/%s?all=1", p), NULL);
  assert_int_equal(ml_json_get(a.json, "activities")->count, 4);
  assert_string_equal(text_of(&ml_json_get(a.json, "activities")->arr[0], "label"),
                      "x1");
  assert_string_equal(text_of(&ml_json_get(a.json, "activities")->arr[0],
                              "status"), "Success");
  assert_string_equal(text_of(&ml_json_get(a.json, "activities")->arr[3],
                              "status"), "New");

  t1 = kit_task(p, "1-1");
  t2 = kit_task(p, "1-2");
  a = kit_do("POST", at("/v1/tasks/%s/complete", t1),
             "{\"outcome\":\"built\",\"as\":\"aiko\",\"data\":{\"name\":\"Liu\"}}");
  assert_int_equal(a.status, 200);
  assert_string_equal(text_of(a.json, "status"), "COMPLETED");
  assert_string_equal(text_of(a.json, "assignee"), "aiko");
  assert_string_equal(text_of(a.json, "outcome"), "built");
  a = kit_do("POST", at("/v1/tasks/%s/complete?next=1&as=ben", t2), "{}");
  assert_int_equal(a.status, 200);
  assert_int_equal(ml_json_get(a.json, "next")->type, ML_JNULL);
  a = kit_do("GET", at("/v1/processes/%s", p), NULL);
  assert_string_equal(text_of(a.json, "status"), "COMPLETED");
  assert_string_equal(text_of(a.json, "run"), "Completed");
  assert_string_equal(text_of(ml_json_get(a.json, "data"), "name"), "Liu");
}

static void started(void **state) {
  kit_answer a, b;
  const char *key = "Idempotency-Key: k-1\r\n";
  const char *path = "/v1/workflows/orders/processes";

  (void)state;
  a = kit_ask_as(kit.admin, "POST", path, key, "{\"data\":{\"name\":\"A\"}}");
  assert_int_equal(a.status, 201);
  assert_null(kit_header(&a, "Idempotency-Replayed"));
  assert_string_equal(kit_header(&a, "Location"),
                      at("/v1/processes/%s", text_of(a.json, "id")));
  b = kit_ask_as(kit.admin, "POST", path, key, "{\"data\":{\"name\":\"A\"}}");
  assert_int_equal(b.status, 201);
  assert_string_equal(kit_header(&b, "Idempotency-Replayed"), "true");
  assert_string_equal(text_of(b.json, "id"), text_of(a.json, "id"));
  assert_string_equal(kit_header(&b, "Location"), kit_header(&a, "Location"));
  b = kit_ask_as(kit.admin, "POST", path, key, "{\"data\":{\"name\":\"B\"}}");
  assert_int_equal(b.status, 422);
  assert_string_equal(text_of(b.json, "type"), "urn:moonlane:problem:key-reused");
  /* the key belongs to its sender */
  b = kit_ask_as("unix", "POST", path, key, "{\"data\":{\"name\":\"A\"}}");
  assert_int_equal(b.status, 201);
  assert_string_not_equal(text_of(b.json, "id"), text_of(a.json, "id"));

  b = kit_do("POST", "/v1/workflows/nothing/processes", "{}");
  assert_int_equal(b.status, 404);
  b = kit_do("POST", path, "{\"data\":{\"q_kind\":\"z\"}}");
  assert_int_equal(b.status, 422);
  assert_string_equal(text_of(b.json, "pointer"), "/data/q_kind");
  b = kit_do("POST", path, "{\"data\":{\"what\":1}}");
  assert_int_equal(b.status, 422);
  b = kit_do("POST", path, "{\"wrong\":1}");
  assert_int_equal(b.status, 422);
  assert_string_equal(text_of(b.json, "pointer"), "/wrong");
  b = kit_ask_as(kit.admin, "POST", path, "Idempotency-Key: \xc3\xa9\r\n", "{}");
  assert_int_equal(b.status, 400);
  b = kit_ask_as(kit.admin, "POST", path, "Idempotency-Key: \r\n", "{}");
  assert_int_equal(b.status, 400);
}

static void waited(void **state) {
  kit_answer a;
  int64_t before;

  (void)state;
  kit.silent = true;           /* x1 stays in flight */
  before = kit.clock.mono;
  a = kit_do("POST", "/v1/workflows/orders/processes?wait=1", "{}");
  assert_int_equal(a.status, 201);
  assert_string_equal(text_of(&ml_json_get(a.json, "activities")->arr[0], "label"),
                      "x1");
  assert_true(kit.clock.mono - before >= 1000);
  assert_true(kit.clock.mono - before < 3000);
  kit.silent = false;
  before = kit.clock.mono;
  a = kit_do("POST", "/v1/workflows/orders/processes?wait=1", "{}");
  assert_int_equal(ml_json_get(a.json, "tasks")->count, 2);
  assert_int_equal(kit.clock.mono - before, 0);   /* told, not looked for */
}

static void completed_once(void **state) {
  const char *p, *t, *key = "Idempotency-Key: once\r\n", *path;
  const char *body = "{\"outcome\":\"built\",\"data\":{\"name\":\"x\"}}";
  kit_answer a;

  (void)state;
  kit_person("aiko", "office");
  kit_person("cleo", "build");
  p = kit_start("{}");
  t = kit_task(p, "1-1");
  path = at("/v1/tasks/%s/complete", t);
  a = kit_ask_as(kit_token("cleo", "[\"work\"]"), "POST", path, "", body);
  assert_int_equal(a.status, 403);
  a = kit_ask_as(kit.admin, "POST", path, key, "{\"outcome\":\"built\"}");
  assert_int_equal(a.status, 422);           /* name is needed */
  assert_string_equal(text_of(a.json, "pointer"), "/data/name");
  key = "Idempotency-Key: twice\r\n";
  a = kit_ask_as(kit.admin, "POST", path, key, body);
  assert_int_equal(a.status, 200);
  assert_null(kit_header(&a, "Idempotency-Replayed"));
  a = kit_ask_as(kit.admin, "POST", path, key, body);
  assert_int_equal(a.status, 200);
  assert_string_equal(kit_header(&a, "Idempotency-Replayed"), "true");
  assert_string_equal(text_of(a.json, "status"), "COMPLETED");
  a = kit_ask_as(kit.admin, "POST", path, key, "{\"outcome\":\"built\"}");
  assert_int_equal(a.status, 422);
  assert_string_equal(text_of(a.json, "type"), "urn:moonlane:problem:key-reused");
  a = kit_ask_as(kit.admin, "POST", path, "", body);
  assert_int_equal(a.status, 409);
  a = kit_do("POST", at("/v1/tasks/%s-999/complete", p), "{}");
  assert_int_equal(a.status, 404);
  a = kit_do("POST", at("/v1/tasks/%s/complete", p), "{}");
  assert_int_equal(a.status, 404);
}

static void next_task(void **state) {
  const char *first, *second, *token;
  kit_answer a;

  (void)state;
  kit_person("aiko", "office");
  token = kit_token("aiko", "[\"work\"]");
  first = kit_start("{}");
  second = kit_start("{}");
  a = kit_ask_as(token, "POST",
                 at("/v1/tasks/%s/complete?next=1", kit_task(second, "1-1")), "",
                 "{\"data\":{\"name\":\"n\"}}");
  assert_int_equal(a.status, 200);
  assert_string_equal(text_of(ml_json_get(a.json, "task"), "process"), second);
  assert_string_equal(text_of(ml_json_get(a.json, "next"), "process"), first);
  assert_string_equal(text_of(ml_json_get(a.json, "next"), "label"), "1-1");
  a = kit_ask_as(token, "POST",
                 at("/v1/tasks/%s/complete?next=1", kit_task(first, "1-1")), "",
                 "{\"data\":{\"name\":\"n\"}}");
  assert_int_equal(ml_json_get(a.json, "next")->type, ML_JNULL);
}

static void shown_to_whom(void **state) {
  const char *p, *t, *aiko, *ben, *reader;
  const ml_json *form;
  kit_answer a;

  (void)state;
  kit_person("aiko", "office");
  kit_person("ben", "build");
  aiko = kit_token("aiko", "[\"work\"]");
  ben = kit_token("ben", "[\"work\"]");
  reader = kit_token(NULL, "[\"read\"]");
  p = kit_start("{\"q_pass\":\"s3cret\"}");
  t = kit_task(p, "1-1");
  a = kit_ask_as(aiko, "GET", at("/v1/tasks/%s", t), "", NULL);
  assert_int_equal(a.status, 200);
  form = ml_json_get(a.json, "form");
  assert_int_equal(form->count, 3);
  for (uint32_t i = 0; i < form->count; i++) {
    if (strcmp(text_of(&form->arr[i], "id"), "q_pass") == 0)
      assert_string_equal(text_of(&form->arr[i], "value"), "s3cret");
    if (strcmp(text_of(&form->arr[i], "id"), "q_name") == 0)
      assert_true(ml_json_bool(&form->arr[i], "required", false));
    if (strcmp(text_of(&form->arr[i], "id"), "q_kind") == 0)
      assert_false(ml_json_bool(&form->arr[i], "edit", true));
  }
  assert_string_equal(text_of(&ml_json_get(a.json, "outcomes")->arr[0], "id"),
                      "built");
  a = kit_ask_as(reader, "GET", at("/v1/tasks/%s", t), "", NULL);
  assert_int_equal(a.status, 200);
  assert_null(strstr(a.body.p, "s3cret"));
  assert_non_null(strstr(a.body.p, "[sealed]"));
  a = kit_ask_as(ben, "GET", at("/v1/tasks/%s", t), "", NULL);
  assert_int_equal(a.status, 404);
  a = kit_ask_as(ben, "GET", at("/v1/processes/%s", p), "", NULL);
  assert_int_equal(a.status, 403);
  a = kit_ask_as(reader, "GET", at("/v1/processes/%s?sealed=1", p), "", NULL);
  assert_int_equal(a.status, 403);
  a = kit_ask_as(ben, "GET", "/v1/tasks?as=aiko", "", NULL);
  assert_int_equal(a.status, 403);
  a = kit_ask_as(ben, "GET", "/v1/tasks", "", NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 1);
  assert_string_equal(text_of(&ml_json_get(a.json, "items")->arr[0], "lane"),
                      "orders/build");
  a = kit_ask_as(ben, "POST", "/v1/workflows/orders/processes", "", "{}");
  assert_int_equal(a.status, 201);
  assert_string_equal(text_of(a.json, "createdBy"), "ben");
}

static void lists_by_pages(void **state) {
  const char *ids[5], *cursor;
  kit_answer a;
  int seen = 0;

  (void)state;
  for (int i = 0; i < 5; i++)
    ids[i] = kit_start("{}");
  a = kit_do("GET", "/v1/processes?limit=2", NULL);
  for (;;) {
    const ml_json *items = ml_json_get(a.json, "items");
    for (uint32_t i = 0; i < items->count; i++)
      assert_string_equal(text_of(&items->arr[i], "id"), ids[4 - seen++]);
    cursor = ml_json_str(a.json, "next").p;
    if (cursor == NULL)
      break;
    a = kit_do("GET", at("/v1/processes?cursor=%s&limit=2", cursor), NULL);
    assert_int_equal(a.status, 200);
  }
  assert_int_equal(seen, 5);
  a = kit_do("GET", "/v1/processes?limit=2", NULL);
  cursor = ml_json_str(a.json, "next").p;
  a = kit_do("GET", at("/v1/tasks?cursor=%s", cursor), NULL);
  assert_int_equal(a.status, 400);           /* another list's */
  a = kit_do("GET", at("/v1/processes?status=OPEN&cursor=%s", cursor), NULL);
  assert_int_equal(a.status, 400);           /* other filters */
  a = kit_do("GET", "/v1/processes?cursor=AAAA", NULL);
  assert_int_equal(a.status, 400);
  a = kit_do("GET", "/v1/tasks?limit=3", NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 3);
  a = kit_do("GET", at("/v1/tasks?limit=3&cursor=%s", text_of(a.json, "next")),
             NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 3);
  a = kit_do("GET", "/v1/tasks?lane=orders/build", NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 5);
  a = kit_do("GET", "/v1/tasks?lane=orders/none", NULL);
  assert_int_equal(a.status, 400);
  a = kit_do("GET", "/v1/processes?workflow=orders&run=Running&status=OPEN", NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 5);
  a = kit_do("GET", "/v1/processes?status=CANCELLED", NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 0);
  a = kit_do("GET", "/v1/processes?workflow=no", NULL);
  assert_int_equal(a.status, 400);
  a = kit_do("GET", at("/v1/processes?parent=%s", ids[0]), NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 0);
  a = kit_do("GET", "/v1/processes?parent=x", NULL);
  assert_int_equal(a.status, 400);
}

static void edited(void **state) {
  const char *p = kit_start("{\"name\":\"a\"}");
  kit_answer a = kit_do("GET", at("/v1/processes/%s", p), NULL);
  const char *etag = kit_header(&a, "ETag");

  (void)state;
  a = kit_ask_as(kit.admin, "PATCH", at("/v1/processes/%s", p),
                 at("If-Match: %s\r\n", etag),
                 "{\"data\":{\"name\":\"b\"},\"subject\":\"S\",\"state\":\"old\","
                 "\"assignedTo\":\"aiko\","
                 "\"nextActionAt\":\"2026-04-01T00:00:00+09:00\"}");
  assert_int_equal(a.status, 200);
  assert_string_equal(text_of(a.json, "subject"), "S");
  assert_string_equal(text_of(a.json, "state"), "old");
  assert_string_equal(text_of(a.json, "assignedTo"), "aiko");
  assert_string_equal(text_of(a.json, "firstAssignedTo"), "aiko");
  assert_true(ml_json_int(a.json, "nextActionAt", 0) == INT64_C(1774969200000));
  assert_string_not_equal(kit_header(&a, "ETag"), etag);
  a = kit_ask_as(kit.admin, "PATCH", at("/v1/processes/%s", p),
                 at("If-Match: %s\r\n", etag), "{\"subject\":\"T\"}");
  assert_int_equal(a.status, 412);
  a = kit_ask_as(kit.admin, "PATCH", at("/v1/processes/%s", p),
                 "If-Match: nonsense\r\n", "{\"subject\":\"T\"}");
  assert_int_equal(a.status, 400);
  a = kit_do("PATCH", at("/v1/processes/%s", p),
             "{\"subject\":null,\"nextActionAt\":null,\"assignedTo\":null}");
  assert_int_equal(a.status, 200);
  assert_int_equal(ml_json_get(a.json, "subject")->type, ML_JNULL);
  assert_int_equal(ml_json_get(a.json, "nextActionAt")->type, ML_JNULL);
  assert_int_equal(ml_json_get(a.json, "assignedTo")->type, ML_JNULL);
  a = kit_do("PATCH", at("/v1/processes/%s", p), "{\"nextActionAt\":\"soon\"}");
  assert_int_equal(a.status, 422);
  a = kit_do("PATCH", at("/v1/processes/%s", p), "{\"state\":\"new\"}");
  assert_true(a.status == 409 || a.status == 422);
}

static void broken_and_mended(void **state) {
  const char *p, *act;
  const ml_json *item;
  kit_answer a;

  (void)state;
  kit.attempts_break = true;
  p = kit_start("{}");
  a = kit_do("GET", "/v1/incidents", NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 1);
  item = &ml_json_get(a.json, "items")->arr[0];
  assert_string_equal(text_of(item, "process"), p);
  assert_string_equal(text_of(item, "label"), "x1");
  assert_string_equal(text_of(item, "status"), "Error");
  assert_string_equal(text_of(item, "at"), "activities/get.lua:7");
  assert_string_equal(text_of(item, "message"), "no such record");
  act = text_of(item, "activity");
  a = kit_do("POST", at("/v1/processes/%s/retry", p),
             at("{\"activity\":\"%s\"}", act));
  assert_int_equal(a.status, 200);
  a = kit_do("POST", at("/v1/processes/%s/reset", p), NULL);
  assert_int_equal(a.status, 200);
  a = kit_do("GET", at("/v1/processes/%s?all=1", p), NULL);
  assert_true(ml_json_bool(&ml_json_get(a.json, "activities")->arr[0], "aside",
                           false));
  a = kit_do("GET", "/v1/incidents", NULL);
  act = text_of(&ml_json_get(a.json, "items")->arr[0], "activity");
  a = kit_do("POST", at("/v1/processes/%s/skip", p),
             at("{\"activity\":\"%s\"}", act));
  assert_int_equal(a.status, 200);
  assert_int_equal(ml_json_get(a.json, "tasks")->count, 2);
  a = kit_do("POST", at("/v1/processes/%s/skip", p), "{\"activity\":\"x\"}");
  assert_int_equal(a.status, 422);
  a = kit_do("POST", at("/v1/processes/%s/skip", p), "{}");
  assert_int_equal(a.status, 422);
  a = kit_ask_as("unix", "POST", at("/v1/processes/%s/cancel", p),
                 "Idempotency-Key: c\r\n", "{\"reason\":\"enough\"}");
  assert_int_equal(a.status, 200);
  assert_string_equal(text_of(a.json, "status"), "CANCELLED");
  a = kit_ask_as("unix", "POST", at("/v1/processes/%s/cancel", p),
                 "Idempotency-Key: c\r\n", "{\"reason\":\"enough\"}");
  assert_int_equal(a.status, 200);
  assert_string_equal(kit_header(&a, "Idempotency-Replayed"), "true");
  a = kit_do("POST", at("/v1/processes/%s/cancel", p), NULL);
  assert_int_equal(a.status, 409);
  a = kit_do("GET", "/v1/incidents", NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 0);
}

/* Many incidents of two kinds come page by page, each once, newest first. */
static void incident_pages(void **state) {
  const char *ids[5], *cursor = NULL;
  kit_answer a;
  int seen = 0;

  (void)state;
  kit.attempts_break = true;
  for (int i = 0; i < 5; i++)
    ids[i] = kit_start("{}");
  do {
    const ml_json *items;
    a = kit_do("GET", cursor != NULL
               ? at("/v1/incidents?limit=2&cursor=%s", cursor)
               : "/v1/incidents?limit=2", NULL);
    items = ml_json_get(a.json, "items");
    for (uint32_t i = 0; i < items->count; i++)
      assert_string_equal(text_of(&items->arr[i], "process"), ids[4 - seen++]);
    cursor = ml_json_str(a.json, "next").p;
  } while (cursor != NULL);
  assert_int_equal(seen, 5);
}

static void told(void **state) {
  const char *p = kit_start("{\"q_pass\":\"s3cret\"}");
  const char *path = at("/v1/processes/%s/history", p);
  const ml_json *items;
  kit_answer a = kit_do("GET", path, NULL);
  int64_t second;

  (void)state;
  items = ml_json_get(a.json, "items");
  assert_true(items->count > 3);
  assert_string_equal(text_of(&items->arr[0], "told"), "started");
  assert_string_equal(text_of(&items->arr[0], "who"),
                      at("operator:%u", (unsigned)geteuid()));
  assert_null(strstr(a.body.p, "s3cret"));
  second = ml_json_int(&items->arr[1], "seq", 0);
  a = kit_do("GET", at("%s?after=1&limit=1", path), NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 1);
  assert_int_equal(ml_json_int(&ml_json_get(a.json, "items")->arr[0], "seq", 0),
                   second);
  a = kit_do("GET", at("%s?after=1&limit=1&cursor=%s", path,
                       text_of(a.json, "next")), NULL);
  assert_int_equal(ml_json_int(&ml_json_get(a.json, "items")->arr[0], "seq", 0),
                   second + 1);
  a = kit_do("GET", at("/v1/processes/%s/journal", p), NULL);
  assert_int_equal(a.status, 200);
  a = kit_do("GET", at("/v1/processes/%s/journal?activity=nonsense", p), NULL);
  assert_int_equal(a.status, 400);
  a = kit_do("GET", "/v1/processes/00000000-0000-7000-8000-000000000000/history",
             NULL);
  assert_int_equal(a.status, 404);
}

static void commented(void **state) {
  const char *p = kit_start("{}");
  const char *path = at("/v1/processes/%s/comments", p), *token;
  kit_answer a;

  (void)state;
  a = kit_do("POST", path, "{\"text\":\"first\",\"visibility\":\"client\"}");
  assert_int_equal(a.status, 201);
  assert_string_equal(text_of(a.json, "text"), "first");
  assert_string_equal(text_of(a.json, "visibility"), "client");
  kit_person("aiko", "office");
  kit_person("zoe", "build");
  a = kit_do("POST", path, "{\"text\":\"second\",\"as\":\"aiko\"}");
  assert_string_equal(text_of(a.json, "who"), "aiko");
  token = kit_token("aiko", "[\"work\"]");
  a = kit_ask_as(token, "POST", path, "Idempotency-Key: c\r\n",
                 "{\"text\":\"third\"}");
  assert_int_equal(a.status, 201);
  a = kit_ask_as(token, "POST", path, "Idempotency-Key: c\r\n",
                 "{\"text\":\"third\"}");
  assert_int_equal(a.status, 201);
  assert_string_equal(kit_header(&a, "Idempotency-Replayed"), "true");
  assert_string_equal(text_of(a.json, "text"), "third");
  a = kit_do("GET", path, NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 3);
  a = kit_do("GET", at("%s?limit=2", path), NULL);
  a = kit_do("GET", at("%s?limit=2&cursor=%s", path, text_of(a.json, "next")),
             NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 1);
  a = kit_do("POST", path, "{\"text\":\"\"}");
  assert_int_equal(a.status, 422);
  a = kit_do("POST", path, "{\"text\":\"x\",\"visibility\":\"all\"}");
  assert_int_equal(a.status, 422);
  assert_string_equal(text_of(a.json, "pointer"), "/visibility");
  kit_do("PUT", "/v1/users/zed", "{}");
  a = kit_ask_as(kit_token("zed", "[\"work\"]"), "POST", path, "",
                 "{\"text\":\"outsider\"}");
  assert_int_equal(a.status, 403);
}

static void signalled(void **state) {
  const char *p = kit_start("{}");
  kit_answer a;

  (void)state;
  a = kit_ask_as("unix", "POST", at("/v1/processes/%s/signals", p),
                 "Idempotency-Key: s\r\n", "{\"name\":\"paid\",\"data\":{\"x\":1}}");
  assert_int_equal(a.status, 202);
  assert_true(ml_json_bool(a.json, "kept", false));
  a = kit_ask_as("unix", "POST", at("/v1/processes/%s/signals", p),
                 "Idempotency-Key: s\r\n", "{\"name\":\"paid\",\"data\":{\"x\":1}}");
  assert_int_equal(a.status, 202);
  assert_string_equal(kit_header(&a, "Idempotency-Replayed"), "true");
  a = kit_do("POST", "/v1/signals",
             at("{\"process\":\"%s\",\"name\":\"paid\"}", p));
  assert_int_equal(a.status, 202);
  a = kit_do("POST", "/v1/signals", "{\"process\":\"x\",\"name\":\"paid\"}");
  assert_int_equal(a.status, 404);
  a = kit_do("POST", at("/v1/processes/%s/signals", p), "{\"name\":\"\"}");
  assert_int_equal(a.status, 422);
  for (int i = 0; i < 98; i++)
    a = kit_do("POST", at("/v1/processes/%s/signals", p), "{\"name\":\"more\"}");
  assert_int_equal(a.status, 202);
  a = kit_do("POST", at("/v1/processes/%s/signals", p), "{\"name\":\"more\"}");
  assert_int_equal(a.status, 429);
}

static void claimed(void **state) {
  const char *p, *t;
  kit_answer a;

  (void)state;
  kit_person("aiko", "office");
  kit_person("abe", "office");
  kit_person("ben", "build");
  p = kit_start("{}");
  t = kit_task(p, "1-1");
  a = kit_do("POST", at("/v1/tasks/%s/claim", t), NULL);
  assert_int_equal(a.status, 422);
  a = kit_do("POST", at("/v1/tasks/%s/claim?as=nobody", t), NULL);
  assert_int_equal(a.status, 422);
  a = kit_do("POST", at("/v1/tasks/%s/claim?as=ben", t), NULL);
  assert_int_equal(a.status, 403);
  a = kit_do("POST", at("/v1/tasks/%s/claim", t), "{\"as\":\"aiko\"}");
  assert_int_equal(a.status, 200);
  assert_string_equal(text_of(a.json, "assignee"), "aiko");
  assert_false(ml_json_bool(a.json, "offered", true));
  a = kit_do("POST", at("/v1/tasks/%s/claim?as=abe", t), NULL);
  assert_int_equal(a.status, 409);
  a = kit_do("GET", "/v1/tasks?as=abe", NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 0);
  a = kit_do("GET", "/v1/tasks?as=aiko", NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 1);
  a = kit_do("POST", at("/v1/tasks/%s/reassign", t), "{\"to\":\"ben\"}");
  assert_int_equal(a.status, 422);
  assert_string_equal(text_of(a.json, "pointer"), "/to");
  a = kit_do("POST", at("/v1/tasks/%s/reassign", t), "{\"to\":\"abe\"}");
  assert_int_equal(a.status, 200);
  assert_string_equal(text_of(a.json, "assignee"), "abe");
  a = kit_do("POST", at("/v1/tasks/%s/release?as=abe", t), NULL);
  assert_int_equal(a.status, 200);
  assert_true(ml_json_bool(a.json, "offered", false));
  a = kit_do("POST", at("/v1/tasks/%s/reassign", t), "{\"to\":\"aiko\"}");
  assert_string_equal(text_of(a.json, "assignee"), "aiko");
  a = kit_do("POST", at("/v1/tasks/%s/reassign", t), "{\"to\":null}");
  assert_true(ml_json_bool(a.json, "offered", false));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(from_start_to_end, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(started, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(waited, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(completed_once, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(next_task, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(shown_to_whom, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(lists_by_pages, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(edited, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(broken_and_mended, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(incident_pages, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(told, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(commented, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(signalled, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(claimed, kit_up, kit_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
