/* test_api.c - the API apart from processes: routing, who may, what is said
** when something is wrong, members, tokens, settings, hooks, health, and that
** the document describes every route. */
#include "api_kit.h"

#include "base/crypto.h"

static const char *slug(const kit_answer *a) {
  return text_of(a->json, "type") + strlen("urn:moonlane:problem:");
}

/* The same text but for its last character. */
static const char *other_end(const char *s) {
  char *copy = ml_arena_dup(&kit.arena, s, strlen(s));

  assert_non_null(copy);
  copy[strlen(s) - 1] = copy[strlen(s) - 1] == 'A' ? 'B' : 'A';
  return copy;
}

static void routing(void **state) {
  kit_answer a;

  (void)state;
  a = kit_do("GET", "/v1/nothing", NULL);
  assert_int_equal(a.status, 404);
  assert_string_equal(kit_header(&a, "Content-Type"), "application/problem+json");
  assert_string_equal(kit_header(&a, "X-Content-Type-Options"), "nosniff");
  assert_string_equal(kit_header(&a, "Cache-Control"), "no-store");
  a = kit_do("GET", "/v1/tasks/", NULL);
  assert_int_equal(a.status, 404);
  a = kit_do("GET", "/v1/workflows/%ff", NULL);
  assert_int_equal(a.status, 404);
  a = kit_do("DELETE", "/v1/users", NULL);
  assert_int_equal(a.status, 405);
  assert_string_equal(kit_header(&a, "Allow"), "GET");
  a = kit_do("POST", "/v1/users/x", NULL);
  assert_string_equal(kit_header(&a, "Allow"), "GET, PUT, DELETE");
  a = kit_do("GET", "/v1/tasks?what=1", NULL);
  assert_int_equal(a.status, 400);
  assert_int_equal(ml_json_get(a.json, "allowed")->count, 7);
  a = kit_do("GET", "/v1/tasks?limit=0", NULL);
  assert_int_equal(a.status, 400);
  a = kit_do("GET", "/v1/tasks?limit=201", NULL);
  assert_int_equal(a.status, 400);
  a = kit_do("GET", "/v1/tasks?limit=5&limit=6", NULL);
  assert_int_equal(a.status, 400);
  a = kit_do("GET", "/v1/tasks?mine=yes", NULL);
  assert_int_equal(a.status, 400);
  a = kit_do("GET", "/v1/tasks?status=LATE", NULL);
  assert_int_equal(a.status, 400);
  a = kit_do("GET", "/v1/tasks?lane=%zz", NULL);
  assert_int_equal(a.status, 400);
  a = kit_do("GET", "/v1/workflows/orders", NULL);
  assert_int_equal(a.status, 200);
  a = kit_do("GET", "/v1/workflows/%6frders", NULL);
  assert_int_equal(a.status, 200);
}

static void bodies(void **state) {
  static const char plain[] =
    "POST /v1/signals HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}";
  static const char charset[] =
    "PUT /v1/users/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    "Content-Type: Application/JSON; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}";
  kit_answer a;

  (void)state;
  a = kit_raw(true, plain, strlen(plain));
  assert_int_equal(a.status, 415);
  assert_string_equal(slug(&a), "unsupported-type");
  a = kit_raw(true, charset, strlen(charset));
  assert_int_equal(a.status, 200);
  a = kit_do("PUT", "/v1/users/x", "{\"name\":");
  assert_int_equal(a.status, 400);
  a = kit_do("PUT", "/v1/users/x", "{\"name\":\"a\",\"name\":\"b\"}");
  assert_int_equal(a.status, 400);
  a = kit_do("PUT", "/v1/users/x", NULL);
  assert_int_equal(a.status, 400);
  a = kit_do("PUT", "/v1/users/x", "[]");
  assert_int_equal(a.status, 422);
  a = kit_do("PUT", "/v1/users/x", "{\"active\":\"yes\"}");
  assert_int_equal(a.status, 422);
  assert_string_equal(text_of(a.json, "pointer"), "/active");
  a = kit_do("PUT", "/v1/users/x", "{\"lanes\":[\"orders/office\",7]}");
  assert_int_equal(a.status, 422);
  assert_string_equal(text_of(a.json, "pointer"), "/lanes/1");
  a = kit_do("PUT", "/v1/users/x", "{\"a~b/c\":1}");
  assert_string_equal(text_of(a.json, "pointer"), "/a~0b~1c");
  a = kit_do("POST", "/v1/signals", "{\"process\":\"x\"}");
  assert_int_equal(a.status, 422);
  assert_string_equal(text_of(a.json, "pointer"), "/name");
  a = kit_do("POST", "/v1/reload", "{}");
  assert_int_equal(a.status, 400);
}

static void hosts(void **state) {
  static const struct { const char *host; int status; } rows[] = {
    {"localhost", 200}, {"LOCALHOST:99", 200}, {"127.0.0.1", 200},
    {"[::1]:8080", 200}, {"flow.example", 200}, {"Flow.Example:443", 200},
    {"evil.example", 421}, {"127.0.0.1.evil.example", 421},
    {"localhost.evil", 421}, {"10.0.0.1", 421}, {"[::2]", 421}};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const char *text = at("GET /livez HTTP/1.1\r\nHost: %s\r\n"
                          "Connection: close\r\n\r\n", rows[i].host);
    kit_answer a = kit_raw(false, text, strlen(text));
    if (a.status != rows[i].status)
      fail_msg("%s: %d", rows[i].host, a.status);
    if (a.status == 421)
      assert_string_equal(slug(&a), "misdirected");
  }
}

static void tokens_judged(void **state) {
  const char *reader, *wrong;
  const ml_row_token *row;
  uint8_t hash[32];
  kit_answer a;

  (void)state;
  a = kit_ask_as(NULL, "GET", "/v1/me", "", NULL);
  assert_int_equal(a.status, 401);
  assert_non_null(kit_header(&a, "WWW-Authenticate"));
  a = kit_ask_as(kit.admin, "GET", "/v1/me", "", NULL);
  assert_int_equal(a.status, 200);
  assert_memory_equal(text_of(a.json, "who"), "operator:", 9);
  wrong = other_end(kit.admin);
  a = kit_ask_as(wrong, "GET", "/v1/me", "", NULL);
  assert_int_equal(a.status, 401);
  a = kit_ask_as("mlk_0123456789abcdef_x", "GET", "/v1/me", "", NULL);
  assert_int_equal(a.status, 401);
  a = kit_ask_as("mlk_", "GET", "/v1/me", "", NULL);
  assert_int_equal(a.status, 401);
  /* at rest there is only a digest of the secret part */
  assert_int_equal(ml_run_token_count(kit.run), 1);
  row = ml_run_token_at(kit.run, 0);
  assert_int_equal(row->id.n, 16);
  assert_memory_equal(row->id.p, kit.admin + 4, 16);
  assert_int_equal(strlen(kit.admin), 4 + 16 + 1 + 43);
  assert_int_equal(ml_sha256(kit.admin + 21, 43, hash), ML_OK);
  assert_memory_equal(hash, row->hash, sizeof hash);

  reader = kit_token(NULL, "[\"read\"]");
  a = kit_ask_as(reader, "GET", "/v1/tasks", "", NULL);
  assert_int_equal(a.status, 200);
  a = kit_ask_as(reader, "POST", "/v1/workflows/orders/processes", "", "{}");
  assert_int_equal(a.status, 403);
  a = kit_ask_as(reader, "GET", "/v1/tokens", "", NULL);
  assert_int_equal(a.status, 403);
  a = kit_ask_as(reader, "GET", "/v1/tasks?as=olga", "", NULL);
  assert_int_equal(a.status, 403);
  a = kit_ask_as(kit.admin, "POST", "/v1/eval", "", "{\"source\":\"1\"}");
  assert_int_equal(a.status, 403);           /* Unix socket only */
  ml_clock_fake_pass(&kit.clock, INT64_C(91) * 86400000);
  a = kit_ask_as(reader, "GET", "/v1/tasks", "", NULL);
  assert_int_equal(a.status, 401);           /* expired */
}

static void inactive_user(void **state) {
  const char *token = kit_token("olga", "[\"work\"]");
  kit_answer a = kit_ask_as(token, "GET", "/v1/tasks", "", NULL);

  (void)state;
  assert_int_equal(a.status, 200);
  a = kit_do("PUT", "/v1/users/olga", "{\"active\":false}");
  assert_int_equal(a.status, 200);
  a = kit_ask_as(token, "GET", "/v1/tasks", "", NULL);
  assert_int_equal(a.status, 401);
}

static void failures_wait(void **state) {
  kit_answer a;
  int64_t before;

  (void)state;
  for (int i = 0; i < 10; i++) {
    before = kit.clock.mono;
    a = kit_ask_as("mlk_0_0", "GET", "/v1/me", "", NULL);
    assert_int_equal(a.status, 401);
    assert_true(kit.clock.mono - before < 1000);
  }
  before = kit.clock.mono;
  a = kit_ask_as("mlk_0_0", "GET", "/v1/me", "", NULL);
  assert_int_equal(a.status, 401);
  assert_true(kit.clock.mono - before >= 1000);
  before = kit.clock.mono;
  a = kit_ask_as(kit.admin, "GET", "/v1/me", "", NULL);
  assert_int_equal(a.status, 200);           /* who is right need not wait */
  assert_true(kit.clock.mono - before < 1000);
  ml_clock_fake_pass(&kit.clock, 60000);
  before = kit.clock.mono;
  a = kit_ask_as("mlk_0_0", "GET", "/v1/me", "", NULL);
  assert_int_equal(a.status, 401);
  assert_true(kit.clock.mono - before < 1000);
}

static void tokens_made(void **state) {
  const char *id;
  kit_answer a, b;

  (void)state;
  a = kit_ask_as("unix", "POST", "/v1/tokens", "Idempotency-Key: t\r\n",
                 "{\"scopes\":[\"hook:orders\",\"read\"],\"expires\":\"30d\"}");
  assert_int_equal(a.status, 201);
  assert_true(ml_json_int(a.json, "expiresAt", 0)
              >= KIT_START + INT64_C(30) * 86400000);
  b = kit_ask_as("unix", "POST", "/v1/tokens", "Idempotency-Key: t\r\n",
                 "{\"scopes\":[\"hook:orders\",\"read\"],\"expires\":\"30d\"}");
  assert_int_equal(b.status, 201);
  assert_string_equal(kit_header(&b, "Idempotency-Replayed"), "true");
  assert_string_equal(text_of(b.json, "id"), text_of(a.json, "id"));
  assert_int_equal(ml_json_get(b.json, "token")->type, ML_JNULL);
  b = kit_ask_as("unix", "POST", "/v1/tokens", "Idempotency-Key: t\r\n",
                 "{\"scopes\":[\"admin\"]}");
  assert_int_equal(b.status, 422);
  assert_string_equal(slug(&b), "key-reused");
  assert_int_equal(ml_run_token_count(kit.run), 2);
  id = text_of(a.json, "id");
  b = kit_do("GET", "/v1/tokens", NULL);
  assert_int_equal(ml_json_get(b.json, "items")->count, 2);
  assert_null(strstr(b.body.p, text_of(a.json, "token")));
  b = kit_ask_as(text_of(a.json, "token"), "GET", "/v1/me", "", NULL);
  assert_int_equal(ml_json_get(b.json, "scopes")->count, 2);
  b = kit_do("DELETE", at("/v1/tokens/%s", id), NULL);
  assert_int_equal(b.status, 204);
  b = kit_ask_as(text_of(a.json, "token"), "GET", "/v1/me", "", NULL);
  assert_int_equal(b.status, 401);
  b = kit_do("DELETE", at("/v1/tokens/%s", id), NULL);
  assert_int_equal(b.status, 404);
  a = kit_do("POST", "/v1/tokens", "{\"scopes\":[\"root\"]}");
  assert_int_equal(a.status, 422);
  assert_string_equal(text_of(a.json, "pointer"), "/scopes/0");
  a = kit_do("POST", "/v1/tokens", "{\"scopes\":[]}");
  assert_int_equal(a.status, 422);
  a = kit_do("POST", "/v1/tokens", "{\"scopes\":[\"work\"]}");
  assert_int_equal(a.status, 422);
  assert_string_equal(text_of(a.json, "pointer"), "/user");
  a = kit_do("POST", "/v1/tokens",
             "{\"scopes\":[\"read\"],\"expires\":\"99 years\"}");
  assert_int_equal(a.status, 422);
  a = kit_do("POST", "/v1/tokens", "{\"scopes\":[\"read admin\"]}");
  assert_int_equal(a.status, 422);
}

static void no_second_first_token(void **state) {
  kit_flag f = {0};

  (void)state;
  ml_api_first_token(kit.api, at("%s/token2", kit.folder), kit_token_done, &f);
  kit_wait(&f);
  assert_int_equal(f.rc, ML_EXISTS);
  assert_int_equal(access(at("%s/token2", kit.folder), F_OK), -1);
}

static void people(void **state) {
  kit_answer a;

  (void)state;
  a = kit_do("PUT", "/v1/users/aiko",
             "{\"name\":\"Aiko\",\"email\":\"a@b.example\","
             "\"lanes\":[\"orders/office\",\"orders/build\"]}");
  assert_int_equal(a.status, 200);
  assert_int_equal(ml_json_get(a.json, "lanes")->count, 2);
  a = kit_do("PUT", "/v1/users/aiko", "{\"lanes\":[\"orders/build\"]}");
  assert_string_equal(text_of(a.json, "name"), "Aiko");   /* left out: stays */
  assert_int_equal(ml_json_get(a.json, "lanes")->count, 1);
  a = kit_do("PUT", "/v1/users/aiko", "{\"name\":null}");
  assert_int_equal(ml_json_get(a.json, "name")->type, ML_JNULL);
  assert_int_equal(ml_json_get(a.json, "lanes")->count, 1);
  a = kit_do("PUT", "/v1/users/aiko", "{\"lanes\":[\"orders/no\"]}");
  assert_int_equal(a.status, 422);
  assert_string_equal(text_of(a.json, "pointer"), "/lanes/0");
  a = kit_do("PUT", "/v1/users/operator:0", "{}");
  assert_int_equal(a.status, 422);
  a = kit_do("PUT", "/v1/users/a%0ab", "{}");
  assert_int_equal(a.status, 422);
  a = kit_do("PUT", "/v1/lanes/orders/office/members/aiko", NULL);
  assert_int_equal(a.status, 204);
  a = kit_do("GET", "/v1/users/aiko", NULL);
  assert_int_equal(ml_json_get(a.json, "lanes")->count, 2);
  a = kit_do("DELETE", "/v1/lanes/orders/office/members/aiko", NULL);
  assert_int_equal(a.status, 204);
  a = kit_do("PUT", "/v1/lanes/orders/no/members/aiko", NULL);
  assert_int_equal(a.status, 404);
  a = kit_do("PUT", "/v1/lanes/orders/office/members/nobody", NULL);
  assert_int_equal(a.status, 404);
  a = kit_do("GET", "/v1/lanes", NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 2);
  assert_string_equal(ml_json_get(&ml_json_get(a.json, "items")->arr[0],
                                  "members")->arr[0].s.p, "olga");
  a = kit_do("GET", "/v1/users?limit=2", NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 2);
  assert_string_equal(text_of(&ml_json_get(a.json, "items")->arr[0], "id"), "aiko");
  a = kit_do("GET", at("/v1/users?limit=2&cursor=%s", text_of(a.json, "next")),
             NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 1);
  assert_string_equal(text_of(&ml_json_get(a.json, "items")->arr[0], "id"), "otto");
  assert_int_equal(ml_json_get(a.json, "next")->type, ML_JNULL);
  a = kit_do("DELETE", "/v1/users/aiko", NULL);
  assert_int_equal(a.status, 204);
  a = kit_do("GET", "/v1/users/aiko", NULL);
  assert_false(ml_json_bool(a.json, "active", true));
  assert_int_equal(ml_json_get(a.json, "lanes")->count, 0);
  a = kit_do("DELETE", "/v1/users/none", NULL);
  assert_int_equal(a.status, 404);
}

static void settings(void **state) {
  kit_answer a;

  (void)state;
  a = kit_do("GET", "/v1/workflows/orders/settings", NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 3);
  a = kit_do("GET", "/v1/workflows/orders/settings/every", NULL);
  assert_false(ml_json_bool(a.json, "set", true));
  assert_non_null(ml_json_get(a.json, "default"));
  a = kit_do("PUT", "/v1/workflows/orders/settings/url",
             "{\"value\":\"https://k.example\"}");
  assert_int_equal(a.status, 200);
  assert_string_equal(text_of(a.json, "value"), "https://k.example");
  a = kit_do("PUT", "/v1/workflows/orders/settings/url", "{\"value\":7}");
  assert_int_equal(a.status, 422);
  a = kit_do("PUT", "/v1/workflows/orders/settings/key",
             "{\"value\":\"c4nary\"}");
  assert_int_equal(a.status, 200);
  assert_true(ml_json_bool(a.json, "set", false));
  assert_null(strstr(a.body.p, "c4nary"));
  a = kit_do("GET", "/v1/workflows/orders/settings", NULL);
  assert_null(strstr(a.body.p, "c4nary"));
  a = kit_do("DELETE", "/v1/workflows/orders/settings/key", NULL);
  assert_int_equal(a.status, 204);
  a = kit_do("GET", "/v1/workflows/orders/settings/key", NULL);
  assert_false(ml_json_bool(a.json, "set", true));
  a = kit_do("GET", "/v1/workflows/orders/settings/none", NULL);
  assert_int_equal(a.status, 404);
}

static void definition(void **state) {
  const ml_json *phases, *start;
  kit_answer a;

  (void)state;
  a = kit_do("GET", "/v1/workflows", NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 1);
  a = kit_do("GET", "/v1/workflows/orders", NULL);
  phases = ml_json_get(a.json, "phases");
  assert_int_equal(phases->count, 3);
  assert_int_equal(ml_json_get(&phases->arr[1], "entries")->count, 2);
  assert_string_equal(text_of(&ml_json_get(&phases->arr[1], "entries")->arr[1],
                              "kind"), "branch");
  start = ml_json_get(a.json, "start");
  assert_int_equal(start->count, 3);
  assert_int_equal(strlen(text_of(&start->arr[2], "path")),
                   strlen("/hooks/orders/orders/") + 43);
  a = kit_ask_as(kit_token(NULL, "[\"read\"]"), "GET", "/v1/workflows/orders",
                 "", NULL);
  assert_string_equal(text_of(&ml_json_get(a.json, "start")->arr[2], "path"),
                      "/hooks/orders/orders/{token}");
  a = kit_do("GET", "/v1/workflows/none", NULL);
  assert_int_equal(a.status, 404);
}

static void hooks(void **state) {
  const char *path, *token, *bad;
  ml_json *seen = NULL;
  kit_answer a;
  ml_err e;

  (void)state;
  a = kit_do("GET", "/v1/workflows/orders", NULL);
  path = text_of(&ml_json_get(a.json, "start")->arr[2], "path");
  kit.trigger = ML_STR("{\"transactions\":[{\"identity\":\"42_1\","
                       "\"data\":{\"q_name\":\"hooked\"}}]}");
  a = kit_ask_as(NULL, "POST", at("%s?a=1&b=%%41&a=2", path), "X-Kind: New\r\n",
                 "{\"id\":1}");
  assert_int_equal(a.status, 202);
  assert_int_equal(ml_json_get(a.json, "started")->count, 1);
  assert_int_equal(ml_json_parse(&kit.arena, kit.seen_payload.p,
                                 kit.seen_payload.n, NULL, &seen, &e), ML_OK);
  assert_string_equal(text_of(seen, "body"), "{\"id\":1}");
  assert_string_equal(text_of(ml_json_get(seen, "headers"), "x-kind"), "New");
  assert_string_equal(text_of(ml_json_get(seen, "query"), "a"), "1");
  assert_string_equal(text_of(ml_json_get(seen, "query"), "b"), "A");
  /* the same occurrence starts nothing twice */
  a = kit_ask_as(NULL, "POST", path, "", "{\"id\":1}");
  assert_int_equal(a.status, 202);
  a = kit_do("GET", "/v1/processes", NULL);
  assert_int_equal(ml_json_get(a.json, "items")->count, 1);
  bad = other_end(path);
  a = kit_ask_as(NULL, "POST", bad, "", "{}");
  assert_int_equal(a.status, 401);
  a = kit_ask_as(NULL, "POST", "/hooks/orders/none/x", "", "{}");
  assert_int_equal(a.status, 401);
  token = kit_token(NULL, "[\"hook:orders\"]");
  a = kit_ask_as(token, "POST", "/hooks/orders/orders", "", "{}");
  assert_int_equal(a.status, 202);
  token = kit_token(NULL, "[\"hook:orders/orders\"]");
  a = kit_ask_as(token, "POST", "/hooks/orders/orders", "", "{}");
  assert_int_equal(a.status, 202);
  token = kit_token(NULL, "[\"hook:other\"]");
  a = kit_ask_as(token, "POST", "/hooks/orders/orders", "", "{}");
  assert_int_equal(a.status, 403);
  a = kit_do("POST", "/v1/workflows/orders/triggers/changed/poll", NULL);
  assert_int_equal(a.status, 200);
  a = kit_do("POST", "/v1/workflows/orders/triggers/none/poll", NULL);
  assert_int_equal(a.status, 404);
}

static void hooks_rate(void **state) {
  const char *path, *bytes;
  kit_answer a;

  (void)state;
  a = kit_do("GET", "/v1/workflows/orders", NULL);
  path = text_of(&ml_json_get(a.json, "start")->arr[2], "path");
  bytes = at("POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
             path);
  for (int i = 0; i < 200; i++) {
    a = kit_raw(false, bytes, strlen(bytes));
    assert_int_equal(a.status, 202);
  }
  a = kit_raw(false, bytes, strlen(bytes));
  assert_int_equal(a.status, 429);
  assert_non_null(kit_header(&a, "Retry-After"));
  ml_clock_fake_pass(&kit.clock, 20);        /* one more after 1/50 s */
  a = kit_raw(false, bytes, strlen(bytes));
  assert_int_equal(a.status, 202);
}

static const char signed_tree[] =
  "{\"api\":1,\"workflows\":[{\"name\":\"orders\",\"at\":\"w:1\","
  "\"settings\":[{\"id\":\"key\",\"type\":\"secret\",\"at\":\"w:2\"}],"
  "\"fields\":[{\"id\":\"q_name\",\"type\":\"string\",\"at\":\"w:3\"}],"
  "\"start\":[{\"kind\":\"webhook\",\"name\":\"paid\",\"receive\":true,"
  "\"rate\":\"3/m\",\"at\":\"w:4\",\"verify\":{\"scheme\":\"standard\","
  "\"secret\":{\"setting\":\"key\"},\"at\":\"w:5\"}}],"
  "\"phases\":[{\"name\":\"get\",\"at\":\"w:6\",\"entries\":[{\"kind\":"
  "\"activity\",\"label\":\"x1\",\"run\":true,\"at\":\"w:7\"}]}]}]}";

/* Its three headers, signed at `at_ms`. */
static const char *signed_headers(const char *id, int64_t at_ms,
                                  const char *body) {
  ml_hook_headers h;
  ml_err e = {0};
  const char *text = "";

  assert_int_equal(ml_run_hook_sign(kit.run, ML_STR("orders"), ML_STR("paid"),
                                    ml_str_of(id), at_ms, ml_str_of(body),
                                    &kit.arena, &h, &e), ML_OK);
  for (size_t i = 0; i < h.count; i++)
    text = ml_arena_printf(&kit.arena, "%s%.*s: %.*s\r\n", text,
                           (int)h.list[i].name.n, h.list[i].name.p,
                           (int)h.list[i].value.n, h.list[i].value.p);
  return text;
}

static int post_paid(const char *headers, const char *body) {
  kit_answer a = kit_ask_as(NULL, "POST", "/hooks/orders/paid", headers, body);

  if (a.status == 401)                        /* without detail */
    assert_null(ml_json_get(a.json, "detail"));
  return a.status;
}

static size_t count_processes(void) {
  kit_answer a = kit_do("GET", "/v1/processes", NULL);

  return ml_json_get(a.json, "items")->count;
}

static void hooks_signed(void **state) {
  const char *good, *path;
  kit_answer a;
  int64_t now;

  (void)state;
  kit.define = ml_arena_dup(&kit.arena, signed_tree, strlen(signed_tree));
  kit_write("flows/orders/workflow.lua", "return { 'signed' }\n");
  a = kit_do("POST", "/v1/reload", NULL);
  assert_int_equal(ml_json_get(a.json, "broken")->count, 0);
  kit.trigger = ML_STR("{\"transactions\":[{\"identity\":\"1\","
                       "\"data\":{\"q_name\":\"x\"}}]}");
  kit.seen_payload = ML_NOSTR;
  /* without a secret nobody is let in */
  assert_int_equal(post_paid("", "{}"), 401);
  a = kit_do("PUT", "/v1/workflows/orders/settings/key",
             "{\"value\":\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"}");
  assert_int_equal(a.status, 200);
  now = kit.clock.wall;
  good = signed_headers("m1", now, "{\"a\":1}");
  assert_int_equal(post_paid("", "{\"a\":1}"), 401);
  assert_int_equal(post_paid(good, "{\"a\":2}"), 401);
  assert_int_equal(post_paid(signed_headers("m1", now - 301000, "{\"a\":1}"),
                             "{\"a\":1}"), 401);
  assert_int_equal(post_paid(at("%s%s", good, good), "{\"a\":1}"), 401);
  a = kit_ask_as(NULL, "POST", "/hooks/orders/nothing", good, "{\"a\":1}");
  assert_int_equal(a.status, 401);
  assert_null(kit.seen_payload.p);            /* no script ran */
  assert_int_equal(count_processes(), 0);
  assert_int_equal(post_paid(good, "{\"a\":1}"), 202);
  assert_non_null(strstr(kit.seen_payload.p, "\"id\":\"m1\""));
  assert_int_equal(count_processes(), 1);
  kit.seen_payload = ML_NOSTR;
  assert_int_equal(post_paid(good, "{\"a\":1}"), 409);
  assert_null(kit.seen_payload.p);
  assert_int_equal(count_processes(), 1);
  /* the path's secret part does not stand in for a signature */
  a = kit_do("GET", "/v1/workflows/orders", NULL);
  path = text_of(&ml_json_get(a.json, "start")->arr[0], "path");
  a = kit_ask_as(NULL, "POST", path, "", "{}");
  assert_int_equal(a.status, 401);
  /* 3 a minute: the 409 took one too; wrong ones took none */
  assert_int_equal(post_paid(signed_headers("m2", now, "{}"), "{}"), 202);
  a = kit_ask_as(NULL, "POST", "/hooks/orders/paid",
                 signed_headers("m3", now, "{}"), "{}");
  assert_int_equal(a.status, 429);
  assert_string_equal(kit_header(&a, "Retry-After"), "20");
  ml_clock_fake_pass(&kit.clock, 20000);
  assert_int_equal(post_paid(signed_headers("m3", now, "{}"), "{}"), 202);
}

/* A form's rate: 2 a minute, whoever asks. */
static void forms_rate(void **state) {
  ml_buf tree = {0};
  kit_answer a;

  (void)state;
  ml_buf_puts(&tree, signed_tree);
  kit.define = ml_arena_dup(&kit.arena, tree.p, tree.len);
  ml_buf_free(&tree);
  memcpy(strstr(kit.define, "\"kind\":\"webhook\",\"name\":\"paid\",\"receive\":true,"),
         "\"kind\":\"form\",   \"name\":\"paid\",               ", 46);
  memcpy(strstr(kit.define, "3/m"), "2/m", 3);
  {
    char *from = strstr(kit.define, ",\"verify\""), *to = strstr(from, "w:5\"}");

    memset(from, ' ', (size_t)(to - from) + 5);
  }
  kit_write("flows/orders/workflow.lua", "return { 'rated' }\n");
  a = kit_do("POST", "/v1/reload", NULL);
  assert_int_equal(ml_json_get(a.json, "broken")->count, 0);
  for (int i = 0; i < 2; i++) {
    a = kit_do("POST", "/v1/workflows/orders/processes", "{}");
    assert_int_equal(a.status, 201);
  }
  a = kit_do("POST", "/v1/workflows/orders/processes", "{}");
  assert_int_equal(a.status, 429);
  assert_string_equal(kit_header(&a, "Retry-After"), "30");
  assert_int_equal(count_processes(), 2);
  ml_clock_fake_pass(&kit.clock, 30000);
  a = kit_do("POST", "/v1/workflows/orders/processes", "{}");
  assert_int_equal(a.status, 201);
}

static void health(void **state) {
  kit_answer a;

  (void)state;
  a = kit_ask_as(NULL, "GET", "/livez", "", NULL);
  assert_int_equal(a.status, 200);
  a = kit_ask_as(NULL, "GET", "/readyz", "", NULL);
  assert_int_equal(a.status, 200);
  assert_true(ml_json_bool(a.json, "ready", false));
  a = kit_ask_as(NULL, "GET", "/metrics", "", NULL);
  assert_int_equal(a.status, 200);
  assert_non_null(strstr(a.body.p, "\nmoonlane_ready 1\n"));
  assert_non_null(strstr(a.body.p, "# TYPE moonlane_starts_total counter\n"));
  /* what a proxy hands on is not from this machine */
  a = kit_ask_as(NULL, "GET", "/metrics", "X-Forwarded-For: 1.2.3.4\r\n", NULL);
  assert_int_equal(a.status, 401);
  a = kit_ask_as(NULL, "GET", "/openapi.json", "Forwarded: for=1.2.3.4\r\n", NULL);
  assert_int_equal(a.status, 401);
  a = kit_ask_as(kit.admin, "GET", "/metrics", "X-Forwarded-For: 1.2.3.4\r\n",
                 NULL);
  assert_int_equal(a.status, 200);
  ml_api_ready(kit.api, false);
  a = kit_ask_as(NULL, "GET", "/readyz", "", NULL);
  assert_int_equal(a.status, 503);
  a = kit_do("POST", "/v1/eval", "{\"source\":\"6*7\"}");
  assert_int_equal(a.status, 200);
  assert_int_equal(ml_json_int(a.json, "value", 0), 42);
}

static void reloaded(void **state) {
  kit_answer a;

  (void)state;
  a = kit_do("POST", "/v1/reload", NULL);
  assert_int_equal(a.status, 200);
  assert_int_equal(ml_json_get(a.json, "broken")->count, 0);
  kit.define = ml_arena_printf(&kit.arena, "{\"api\":1,\"workflows\":[{\"name\":"
                               "\"orders\",\"at\":\"workflow.lua:9\"}]}");
  kit_write("flows/orders/workflow.lua", "return { 2 }\n");
  a = kit_do("POST", "/v1/reload", NULL);
  assert_int_equal(a.status, 200);
  assert_true(ml_json_get(a.json, "broken")->count > 0);
  assert_non_null(strstr(text_of(&ml_json_get(a.json, "broken")->arr[0], "at"),
                         "workflow.lua:9"));
  a = kit_ask_as(NULL, "GET", "/readyz", "", NULL);
  assert_true(ml_json_int(a.json, "faults", 0) > 0);
  assert_non_null(ml_json_get(a.json, "broken"));
  a = kit_ask_as(NULL, "GET", "/readyz", "X-Forwarded-For: 1.2.3.4\r\n", NULL);
  assert_null(ml_json_get(a.json, "broken"));
  a = kit_do("GET", "/v1/workflows/orders", NULL);
  assert_int_equal(a.status, 200);           /* in force is what was */
}

/* ---- the document ---- */

static size_t refs;

/* Every "$ref" must lead somewhere. */
static void check_refs(const ml_json *doc, const ml_json *v) {
  ml_str ref = ml_json_str(v, "$ref");

  if (ref.p != NULL) {
    const ml_json *to = doc;
    assert_memory_equal(ref.p, "#/", 2);
    ref = (ml_str){ref.p + 2, ref.n - 2};
    for (ml_str part = ml_shape_part(&ref, '/'); part.p != NULL;
         part = ml_shape_part(&ref, '/'))
      to = ml_json_get(to, at("%.*s", (int)part.n, part.p != NULL ? part.p : ""));
    assert_non_null(to);
    refs++;
  }
  for (uint32_t i = 0; (v->type == ML_JARR || v->type == ML_JOBJ) && i < v->count;
       i++)
    check_refs(doc, v->type == ML_JARR ? &v->arr[i] : &v->obj[i].value);
}

static void document(void **state) {
  kit_answer a = kit_ask_as(NULL, "GET", "/openapi.json", "", NULL);
  const ml_json *paths = ml_json_get(a.json, "paths");
  size_t operations = 0, routes = 0;

  (void)state;
  assert_int_equal(a.status, 200);
  assert_string_equal(text_of(a.json, "openapi"), "3.1.0");
  assert_string_equal(text_of(ml_json_get(a.json, "info"), "version"), "1.0-test");
  for (uint32_t i = 0; i < paths->count; i++)
    operations += paths->obj[i].value.count;
  for (const ml_route *r; (r = kit_route_at(routes)) != NULL; routes++) {
    char method[16] = "";
    const ml_json *op;
    for (size_t k = 0; r->method[k] != '\0'; k++)
      method[k] = (char)(r->method[k] + 32);
    op = ml_json_get(ml_json_get(paths, r->pattern), method);
    assert_non_null(op);
    assert_string_equal(text_of(op, "operationId"), r->id);
    assert_non_null(ml_json_get(ml_json_get(op, "responses"), "default"));
    for (size_t k = 0; k < routes; k++)
      assert_string_not_equal(kit_route_at(k)->id, r->id);
  }
  assert_int_equal(operations, routes);
  check_refs(a.json, a.json);
  assert_true(refs > 100);
}

/* Each row of the table is asked for once, as it stands; each answer was held
** against its documentation by the kit. */
static void every_route(void **state) {
  kit_answer a;
  const char *p, *t;

  (void)state;
  memset(kit_asked, 0, sizeof kit_asked);
  p = kit_start("{}");
  t = kit_task(p, "1-1");
  for (size_t i = 0; kit_route_at(i) != NULL; i++) {
    const ml_route *r = kit_route_at(i);
    ml_buf path = {0};
    for (const char *s = r->pattern; *s != '\0'; s++) {
      if (*s != '{') {
        ml_buf_putc(&path, *s);
        continue;
      }
      if (strncmp(s, "{name}", 6) == 0 || strncmp(s, "{workflow}", 10) == 0)
        ml_buf_puts(&path, "orders");
      else if (strncmp(s, "{id}", 4) == 0)
        ml_buf_puts(&path, strstr(r->pattern, "processes") ? p
                           : strstr(r->pattern, "tasks") ? t : "olga");
      else
        ml_buf_puts(&path, "changed");
      s = strchr(s, '}');
    }
    a = kit_ask_as("unix", r->method, path.p, "",
                   r->takes != NULL ? "{}" : NULL);
    if (a.status >= 500)
      fail_msg("%s %s: %d %s", r->method, path.p, a.status, a.body.p);
    ml_buf_free(&path);
  }
  for (size_t i = 0; kit_route_at(i) != NULL; i++)
    if (!kit_asked[i])
      fail_msg("not asked: %s %s", kit_route_at(i)->method,
               kit_route_at(i)->pattern);
}

/* ---- shapes by themselves ---- */

static void shape_notation(void **state) {
  static const struct { const char *json; const char *where; } rows[] = {
    {"{\"a\":\"x\",\"n\":1,\"k\":\"P\"}", NULL},
    {"{\"a\":\"x\",\"n\":null,\"k\":\"Q-2\",\"l\":[{\"a\":\"\",\"n\":2,\"k\":\"P\"}]}",
     NULL},
    {"{\"a\":\"x\",\"n\":1,\"k\":\"P\",\"m\":{\"z\":[1,2]}}", NULL},
    {"{\"a\":\"x\",\"n\":1,\"k\":\"R\"}", "/k"},
    {"{\"a\":1,\"n\":1,\"k\":\"P\"}", "/a"},
    {"{\"a\":null,\"n\":1,\"k\":\"P\"}", "/a"},
    {"{\"a\":\"x\",\"n\":1.5,\"k\":\"P\"}", "/n"},
    {"{\"a\":\"x\",\"k\":\"P\"}", "/n"},
    {"{\"a\":\"x\",\"n\":1,\"k\":\"P\",\"y\":1}", "/y"},
    {"{\"a\":\"x\",\"n\":1,\"k\":\"P\",\"l\":[{}]}", "/l/0/a"},
    {"{\"a\":\"x\",\"n\":1,\"k\":\"P\",\"m\":{\"z\":[\"1\"]}}", "/m/z/0"},
    {"[]", ""}};
  ml_shapes *s = calloc(1, sizeof *s);
  ml_arena a = {0};
  ml_err e = {0};

  (void)state;
  assert_non_null(s);
  assert_int_equal(ml_shapes_add(s, "A { a:str \"about\", n:int?, k:P|Q-2,"
                                 " l?:[A], m?:{[int]} } B { ...A, b?:label }",
                                 &e), ML_OK);
  assert_int_equal(ml_shapes_bind(s, &e), ML_OK);
  assert_int_equal(ml_shapes_find(s, ML_STR("B"))->count, 6);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ml_json *v = NULL;
    ml_rc rc;
    assert_int_equal(ml_json_parse(&a, rows[i].json, strlen(rows[i].json), NULL,
                                   &v, &e), ML_OK);
    rc = ml_shape_check(ml_shapes_find(s, ML_STR("A")), v, &e);
    assert_int_equal(rc, rows[i].where == NULL ? ML_OK : ML_INVALID);
    if (rows[i].where != NULL)
      assert_string_equal(e.at, rows[i].where);
  }
  assert_int_equal(ml_shapes_add(s, "C { x:", &e), ML_INVALID);
  assert_int_equal(ml_shapes_add(s, "A { }", &e), ML_INVALID);
  assert_int_equal(ml_shapes_add(s, "D { ...None }", &e), ML_INVALID);
  assert_int_equal(ml_shapes_add(s, "E { x:Nowhere }", &e), ML_OK);
  assert_int_equal(ml_shapes_bind(s, &e), ML_INVALID);
  ml_arena_free(&a);
  ml_shapes_done(s);
  free(s);
}

/* Every allocation of a request fails once: an answer comes, nothing leaks,
** and the next request is served as if nothing had been. */
static void memory_short(void **state) {
  static const char *const paths[] = {
    "/v1/processes", "/v1/me", "/v1/workflows/orders", "/v1/lanes"};
  uint64_t n;

  (void)state;
  kit_start("{}");
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    int good = 0;
    for (n = 1; n < 400 && good < 3; n++) {
      const char *bytes = at("GET %s HTTP/1.1\r\nHost: localhost\r\n"
                             "Connection: close\r\n\r\n", paths[i]);
      int fd = kit_connect(true);
      char got[4096] = "";
      ssize_t k = -1;

      assert_int_equal(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL),
                       (ssize_t)strlen(bytes));
      ml_mem_fail_at(n, 0);
      for (int turn = 0; turn < 200 && k < 0; turn++) {
        kit_turn();
        k = recv(fd, got, sizeof got - 1, 0);
      }
      ml_mem_fail_at(0, 0);
      close(fd);
      if (k > 0 && strncmp(got, "HTTP/1.1 200", 12) == 0)
        good++;
      else if (k > 0 && strncmp(got, "HTTP/1.1 503", 12) != 0)
        fail_msg("%s, allocation %llu: %.300s", paths[i],
                 (unsigned long long)n, got);
    }
    assert_int_equal(good, 3);
    assert_int_equal(kit_do("GET", paths[i], NULL).status, 200);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(shape_notation),
    cmocka_unit_test_setup_teardown(routing, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(bodies, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(hosts, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(tokens_judged, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(inactive_user, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(failures_wait, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(tokens_made, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(no_second_first_token, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(people, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(settings, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(definition, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(hooks, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(hooks_rate, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(hooks_signed, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(forms_rate, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(health, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(reloaded, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(document, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(every_route, kit_up, kit_down),
    cmocka_unit_test_setup_teardown(memory_short, kit_up, kit_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
