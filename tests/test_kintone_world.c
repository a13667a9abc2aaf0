/*
** test_kintone_world.c - the simulator's world: webhooks, failures, the clock,
** cursors over time, the log of requests, a kill, and apps that are wrong.
*/
#include "kintone_sim_kit.h"

/* ---- a receiver of webhooks ---- */

static int hook_listen(int *port) {
  struct sockaddr_in a = {.sin_family = AF_INET};
  socklen_t len = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM, 0);

  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
  assert_int_equal(listen(fd, 64), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
  *port = ntohs(a.sin_port);
  return fd;
}

static void aim_at(int port) {
  char body[200];

  snprintf(body, sizeof body, "{\"url\":\"http://127.0.0.1:%d/secret\"}", port);
  control("POST", "webhook-target", body);
}

/* Wait for one notification, answer it with `status`, give its body. */
static const ml_json *hook_take(int listener, int status) {
  struct pollfd p = {.fd = listener, .events = POLLIN};
  char buf[65536], line[200];
  size_t len = 0, want = SIZE_MAX;
  char *end = NULL, *at_length;
  ml_json *json = NULL;
  int fd;

  assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
  fd = accept(listener, NULL, NULL);
  assert_true(fd >= 0);
  while (len < want) {
    ssize_t n = recv(fd, buf + len, sizeof buf - 1 - len, 0);

    assert_true(n > 0);
    len += (size_t)n;
    buf[len] = '\0';
    end = strstr(buf, "\r\n\r\n");
    at_length = strstr(buf, "Content-Length: ");
    if (end != NULL && at_length != NULL)
      want = (size_t)(end + 4 - buf) + (size_t)atol(at_length + 16);
  }
  assert_int_equal(strncmp(buf, "POST /secret HTTP/1.1\r\n", 23), 0);
  assert_non_null(strstr(buf, "Content-Type: application/json"));
  assert_null(strcasestr(buf, "signature"));
  snprintf(line, sizeof line, "HTTP/1.1 %d X\r\nContent-Length: 0\r\n"
           "Connection: close\r\n\r\n", status);
  kit_write_all(fd, line, strlen(line));
  close(fd);
  assert_non_null(end);
  assert_int_equal(ml_json_parse(&kit.arena, end + 4, strlen(end + 4), NULL, &json,
                                 NULL), ML_OK);
  return json;
}

/* All is delivered, and nobody else knocked. */
static void hook_quiet(int listener) {
  struct pollfd p = {.fd = listener, .events = POLLIN};

  control("GET", "wait?quiet=1", NULL);
  assert_int_equal(poll(&p, 1, 0), 0);
}

#define expect_member(o, path, text) assert_string_equal(shown(o, path), text)

static void a_change_by_rest_is_told(void **state) {
  int port, listener = hook_listen(&port);
  const ml_json *n;
  char url[200];
  Answer a;

  (void)state;
  aim_at(port);
  add_order("C-1", "");
  n = hook_take(listener, 200);
  expect_member(n, "type", "\"ADD_RECORD\"");
  expect_member(n, "app", "{\"id\":\"1\",\"name\":\"受注台帳\"}");
  expect_member(n, "record/$id", "{\"type\":\"__ID__\",\"value\":\"1\"}");
  expect_member(n, "record/k_ステータス/value", "\"1_対応なし\"");
  expect_member(n, "recordTitle", "\"C-1\"");
  assert_int_equal(strlen(shown(n, "id")), 38);
  snprintf(url, sizeof url, "\"http://localhost:%d/k/1/show#record=1\"", kit.port);
  expect_member(n, "url", url);
  /* one PUT is one notification, even when nothing changes; a failed delivery
     is not repeated */
  expect_status(api("PUT", "record.json", "{\"app\":1,\"id\":1,\"record\":{}}"), 200);
  n = hook_take(listener, 500);
  expect_member(n, "type", "\"UPDATE_RECORD\"");
  expect_member(n, "record/$revision/value", "\"2\"");
  hook_quiet(listener);
  a = control("GET", "webhooks?after=1", NULL);
  expect_json(a, "webhooks/0/state", "\"failed\"");
  expect_json(a, "webhooks/0/status", "500");
  expect_json(a, "webhooks/1", "(missing)");
  close(listener);
}

static void comments_and_people_are_told(void **state) {
  int port, listener = hook_listen(&port);
  const ml_json *n;

  (void)state;
  add_order("C-1", "");
  aim_at(port);
  expect_status(api("POST", "record/comment.json", "{\"app\":1,\"record\":1,"
                    "\"comment\":{\"text\":\"hello\"}}"), 200);
  n = hook_take(listener, 200);
  expect_member(n, "type", "\"ADD_RECORD_COMMENT\"");
  expect_member(n, "recordId", "\"1\"");
  expect_member(n, "comment/text", "\"hello \"");
  expect_member(n, "record", "(missing)");
  control("POST", "records", "{\"app\":1,\"action\":\"update\",\"id\":1,\"record\":{"
          "\"k_ステータス\":{\"value\":\"2_対応要\"}},\"user\":{\"code\":\"sato\","
          "\"name\":\"佐藤\"}}");
  n = hook_take(listener, 200);
  expect_member(n, "type", "\"UPDATE_RECORD\"");
  expect_member(n, "record/更新者/value",
                "{\"code\":\"sato\",\"name\":\"佐藤\"}");
  control("POST", "records", "{\"app\":1,\"action\":\"add\",\"record\":{\"k_id\":{"
          "\"value\":\"C-2\"},\"k_氏名\":{\"value\":\"x\"}}}");
  expect_member(hook_take(listener, 200), "type", "\"ADD_RECORD\"");
  control("POST", "records", "{\"app\":1,\"action\":\"delete\",\"id\":1,\"user\":{"
          "\"code\":\"sato\"}}");
  n = hook_take(listener, 200);
  expect_member(n, "type", "\"DELETE_RECORD\"");
  expect_member(n, "recordId", "\"1\"");
  expect_member(n, "deletedBy", "{\"code\":\"sato\",\"name\":\"sato\"}");
  expect_member(n, "deletedAt", "\"2026-03-01T00:00:00Z\"");
  hook_quiet(listener);
  close(listener);
}

static void calls_for_several_records_are_not_told(void **state) {
  int port, listener = hook_listen(&port);

  (void)state;
  aim_at(port);
  expect_status(api("POST", "records.json", "{\"app\":1,\"records\":[{\"k_id\":{"
                    "\"value\":\"C-1\"},\"k_氏名\":{\"value\":\"x\"}}]}"), 200);
  expect_status(api("PUT", "records.json", "{\"app\":1,\"records\":[{\"id\":1,"
                    "\"record\":{}}]}"), 200);
  expect_status(api("POST", "bulkRequest.json", "{\"requests\":[{\"method\":\"PUT\","
                    "\"api\":\"/k/v1/record.json\",\"payload\":{\"app\":1,\"id\":1,"
                    "\"record\":{}}}]}"), 200);
  expect_status(api("PUT", "record.json", "{\"app\":1,\"id\":1,\"revision\":1,"
                    "\"record\":{}}"), 409);
  expect_status(api("DELETE", "records.json?app=1&ids%5B0%5D=1", NULL), 200);
  hook_quiet(listener);
  expect_json(control("GET", "webhooks", NULL), "webhooks", "[]");
  close(listener);
}

static void targets_choose(void **state) {
  int port, listener = hook_listen(&port);
  char body[300];

  (void)state;
  snprintf(body, sizeof body, "{\"targets\":[{\"url\":\"http://127.0.0.1:%d/secret\","
           "\"app\":2},{\"url\":\"http://127.0.0.1:%d/secret\",\"app\":\"1\","
           "\"events\":[\"UPDATE_RECORD\"]}]}", port, port);
  control("POST", "webhook-target", body);
  add_order("C-1", "");
  expect_status(api("PUT", "record.json", "{\"app\":1,\"id\":1,\"record\":{}}"), 200);
  expect_member(hook_take(listener, 204), "type", "\"UPDATE_RECORD\"");
  expect_status(api("POST", "record.json", "{\"app\":2,\"record\":{}}"), 200);
  expect_member(hook_take(listener, 204), "app/id", "\"2\"");
  hook_quiet(listener);
  close(listener);
}

static size_t count_of(Answer a, const char *state) {
  const ml_json *list = at(a.json, "webhooks");
  size_t n = 0;
  uint32_t i;

  assert_non_null(list);
  for (i = 0; i < list->count; i++)
    n += ml_str_is(ml_json_str(&list->arr[i], "state"), state);
  return n;
}

static void the_61st_in_a_minute_is_dropped(void **state) {
  int port, listener = hook_listen(&port), i;
  Answer a;

  (void)state;
  close(listener);              /* nobody is there: each fails at once */
  add_order("C-1", "");
  aim_at(port);
  for (i = 0; i < 63; i++)
    expect_status(api("PUT", "record.json", "{\"app\":1,\"id\":1,\"record\":{}}"),
                  200);
  control("GET", "wait?quiet=1", NULL);
  a = control("GET", "webhooks", NULL);
  assert_int_equal(count_of(a, "failed"), 60);
  assert_int_equal(count_of(a, "dropped"), 3);
  expect_json(a, "webhooks/62/why", "\"GAIA_WT02\"");
  control("POST", "clock", "{\"pass\":\"61s\"}");
  expect_status(api("PUT", "record.json", "{\"app\":1,\"id\":1,\"record\":{}}"), 200);
  control("GET", "wait?quiet=1", NULL);
  assert_int_equal(count_of(control("GET", "webhooks", NULL), "failed"), 61);
}

static void a_body_over_1_mb_is_dropped(void **state) {
  int port, listener = hook_listen(&port);
  size_t n = 1100000;
  char *body = malloc(n + 200);

  (void)state;
  assert_non_null(body);
  aim_at(port);
  strcpy(body, "{\"app\":2,\"record\":{\"long\":{\"value\":\"");
  memset(body + strlen(body), 'x', n);
  strcpy(body + strlen("{\"app\":2,\"record\":{\"long\":{\"value\":\"") + n, "\"}}}");
  expect_status(api("POST", "record.json", body), 200);
  free(body);
  hook_quiet(listener);
  assert_int_equal(count_of(control("GET", "webhooks", NULL), "dropped"), 1);
  close(listener);
}

/* ---- failures on demand ---- */

#define PUT_Q "{\"app\":1,\"id\":1,\"record\":{\"k_Qid\":{\"value\":\"P-1\"}}}"

static void expect_revision(const char *text) {
  expect_json(control("GET", "records?app=1", NULL), "records/0/$revision/value",
              text);
}

/* The newest row of the log. */
static const ml_json *last_log(void) {
  const ml_json *list = at(control("GET", "log", NULL).json, "log");

  assert_non_null(list);
  assert_true(list->count > 0);
  return &list->arr[list->count - 1];
}

static void a_cut_before_or_after_the_commit(void **state) {
  (void)state;
  add_order("C-1", "");
  control("POST", "fail", "{\"cut\":true,\"method\":\"PUT\",\"path\":"
          "\"/k/v1/record.json\"}");
  assert_int_equal(api("PUT", "record.json", PUT_Q).status, 0);
  expect_revision("\"1\"");
  expect_member(last_log(), "effect", "0");
  expect_member(last_log(), "status", "0");
  control("POST", "fail", "{\"cut\":true,\"method\":\"PUT\",\"when\":\"after\"}");
  assert_int_equal(api("PUT", "record.json", PUT_Q).status, 0);
  expect_revision("\"2\"");
  expect_member(last_log(), "effect", "1");
  expect_member(last_log(), "revision", "2");
  expect_member(last_log(), "record", "1");
  expect_member(last_log(), "status", "0");
  expect_member(last_log(), "answer", "\"{\\\"revision\\\":\\\"2\\\"}\"");
}

static void statuses_on_demand(void **state) {
  Answer a;

  (void)state;
  add_order("C-1", "");
  control("POST", "fail", "{\"status\":503,\"count\":2}");
  a = api("PUT", "record.json", PUT_Q);
  expect_status(a, 503);
  assert_string_equal(a.body, "Service Unavailable");
  assert_non_null(strstr(a.headers, "Content-Type: text/plain"));
  expect_status(api("GET", "record.json?app=1&id=1", NULL), 503);
  expect_status(api("GET", "record.json?app=1&id=1", NULL), 200);
  control("POST", "fail", "{\"status\":429,\"code\":\"GAIA_TO04\"}");
  a = api("PUT", "record.json", PUT_Q);
  expect_code(a, 429, "GAIA_TO04");
  assert_non_null(strstr(a.headers, "X-Cybozu-Error: GAIA_TO04"));
  control("POST", "fail", "{\"code\":\"GAIA_DA02\"}");
  expect_code(api("PUT", "record.json", PUT_Q), 400, "GAIA_DA02");
  control("POST", "fail", "{\"status\":520,\"body\":{\"code\":\"GAIA_RE18\"}}");
  a = api("PUT", "record.json", PUT_Q);
  expect_status(a, 520);
  assert_string_equal(a.body, "{\"code\":\"GAIA_RE18\"}");
  expect_revision("\"1\"");
  control("POST", "fail", "{\"status\":504,\"when\":\"after\"}");
  expect_status(api("PUT", "record.json", PUT_Q), 504);
  expect_revision("\"2\"");
  expect_member(last_log(), "effect", "1");
  expect_member(last_log(), "status", "504");
}

static void a_failure_waits_for_what_fits(void **state) {
  (void)state;
  add_order("C-1", "");
  control("POST", "fail", "{\"status\":503,\"method\":\"PUT\",\"path\":"
          "\"/k/v1/record.json\",\"app\":1}");
  expect_status(api("GET", "record.json?app=1&id=1", NULL), 200);
  expect_status(api("PUT", "records.json", "{\"app\":1,\"records\":[]}"), 200);
  expect_status(api("PUT", "record.json", "{\"app\":2,\"id\":1,\"record\":{}}"), 404);
  expect_json(control("GET", "state", NULL), "failures/0/count", "1");
  expect_status(kit_call("POST", "/k/v1/record.json",
                         TOKEN JSON "X-HTTP-Method-Override: PUT\r\n", PUT_Q), 503);
  expect_status(api("PUT", "record.json", PUT_Q), 200);
  control("POST", "fail", "{\"status\":503,\"count\":9}");
  control("DELETE", "fail", NULL);
  expect_status(api("PUT", "record.json", PUT_Q), 200);
}

static void broken_answers(void **state) {
  size_t n;
  char *raw;

  (void)state;
  add_order("C-1", "");
  control("POST", "fail", "{\"half_header\":true}");
  raw = kit_read(kit_send("GET", "/k/v1/record.json?app=1&id=1", TOKEN, NULL), &n);
  assert_string_equal(raw, "HTTP/1.1 200 OK\r\nContent-Ty");
  control("POST", "fail", "{\"garbage\":true}");
  raw = kit_read(kit_send("GET", "/k/v1/record.json?app=1&id=1", TOKEN, NULL), &n);
  assert_int_equal(raw[0], 0x16);
  control("POST", "fail", "{\"short_body\":true,\"when\":\"after\"}");
  raw = kit_read(kit_send("PUT", "/k/v1/record.json", TOKEN JSON, PUT_Q), &n);
  assert_non_null(strstr(raw, "Content-Length: 16\r\n\r\n{\"revisi"));
  assert_null(strstr(raw, "{\"revision"));
  expect_revision("\"2\"");
  control("POST", "fail", "{\"short_body\":true}");
  raw = kit_read(kit_send("PUT", "/k/v1/record.json", TOKEN JSON, PUT_Q), &n);
  assert_non_null(strstr(raw, "\r\n\r\n{"));
  expect_revision("\"2\"");
}

static void expect_silence(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN};

  assert_int_equal(poll(&p, 1, 0), 0);
}

static void an_answer_kept_back_holds_nobody_up(void **state) {
  int fd;
  Answer a;

  (void)state;
  add_order("C-1", "");
  control("POST", "fail", "{\"hold\":true,\"method\":\"PUT\"}");
  fd = kit_send("PUT", "/k/v1/record.json", TOKEN JSON, PUT_Q);
  expect_json(control("GET", "wait?held=1", NULL), "held", "1");
  expect_revision("\"2\"");     /* it is done, but nobody was told */
  expect_status(api("GET", "record.json?app=1&id=1", NULL), 200);
  expect_silence(fd);
  expect_json(control("POST", "release", "{}"), "released", "1");
  a = kit_answer(fd);
  expect_json(a, "revision", "\"2\"");
  /* kept back before it is done */
  control("POST", "fail", "{\"hold\":true,\"method\":\"PUT\",\"when\":\"before\"}");
  fd = kit_send("PUT", "/k/v1/record.json", TOKEN JSON, PUT_Q);
  control("GET", "wait?held=1", NULL);
  expect_revision("\"2\"");
  control("POST", "release", "{}");
  expect_json(kit_answer(fd), "revision", "\"3\"");
  control("POST", "fail", "{\"delay_ms\":1,\"method\":\"PUT\"}");
  expect_json(api("PUT", "record.json", PUT_Q), "revision", "\"4\"");
}

static void two_held_requests_race_for_a_revision(void **state) {
  static const char put[] = "{\"app\":1,\"id\":1,\"revision\":1,\"record\":{}}";
  int first, second;

  (void)state;
  add_order("C-1", "");
  control("POST", "fail", "{\"hold\":true,\"count\":2,\"when\":\"before\"}");
  first = kit_send("PUT", "/k/v1/record.json", TOKEN JSON, put);
  control("GET", "wait?held=1", NULL);
  second = kit_send("PUT", "/k/v1/record.json", TOKEN JSON, put);
  control("GET", "wait?held=2", NULL);
  expect_json(control("POST", "release", "{}"), "released", "2");
  expect_status(kit_answer(first), 200);
  expect_code(kit_answer(second), 409, "GAIA_CO02");
}

static void the_101st_request_at_once_is_429(void **state) {
  int fd[100], i;
  Answer a;

  (void)state;
  add_order("C-1", "");
  control("POST", "fail", "{\"hold\":true,\"count\":100}");
  for (i = 0; i < 100; i++)
    fd[i] = kit_send("GET", "/k/v1/record.json?app=1&id=1", TOKEN, NULL);
  control("GET", "wait?held=100", NULL);
  a = api("GET", "record.json?app=1&id=1", NULL);
  expect_code(a, 429, "GAIA_TO04");
  assert_non_null(strstr(a.headers, "X-ConcurrencyLimit-Running: 101"));
  assert_non_null(strstr(a.headers, "X-Cybozu-Error: GAIA_TO04"));
  expect_json(control("POST", "release", "{}"), "released", "100");
  for (i = 0; i < 100; i++)
    expect_status(kit_answer(fd[i]), 200);
  expect_status(api("GET", "record.json?app=1&id=1", NULL), 200);
}

static void a_peer_may_leave_while_it_waits(void **state) {
  (void)state;
  add_order("C-1", "");
  control("POST", "fail", "{\"hold\":true}");
  close(kit_send("PUT", "/k/v1/record.json", TOKEN JSON, PUT_Q));
  control("GET", "wait?held=1", NULL);
  expect_json(control("POST", "release", "{}"), "released", "1");
  expect_revision("\"2\"");
}

/* ---- what /control refuses ---- */

static const struct { const char *method, *name, *body, *text; } refused[] = {
  {"POST", "fail", "{\"cutt\":true}", "no member of this name"},
  {"POST", "fail", "{}", "does no harm"},
  {"POST", "fail", "[]", "a failure is an object"},
  {"POST", "fail", "{\"status\":99}", "200 to 599"},
  {"POST", "fail", "{\"status\":503,\"when\":\"later\"}", "before or after"},
  {"POST", "fail", "{\"status\":503,\"count\":0}", "count is 1 or more"},
  {"POST", "fail", "{", "byte"},
  {"POST", "clock", "{}", "now, pass or run"},
  {"POST", "clock", "{\"now\":\"noon\"}", "noon"},
  {"POST", "clock", "{\"pass\":\"3 moons\"}", "moons"},
  {"POST", "webhook-target", "{}", "is needed"},
  {"POST", "webhook-target", "{\"url\":\"ftp://x\"}", "http or https"},
  {"POST", "webhook-target", "{\"url\":\"http://x\",\"events\":[\"?\"]}",
   "ADD_RECORD"},
  {"POST", "records", "{\"app\":1}", "add, update, delete or comment"},
  {"GET", "records?app=77", NULL, "names no app"},
  {"POST", "nothing", "{}", "no such control"},
};

static void control_says_what_is_wrong(void **state) {
  char path[200];
  size_t i;

  (void)state;
  for (i = 0; i < sizeof refused / sizeof *refused; i++) {
    Answer a;

    snprintf(path, sizeof path, "/control/%s", refused[i].name);
    a = kit_call(refused[i].method, path, "", refused[i].body);
    assert_true(a.status == 400 || a.status == 404);
    if (strstr(a.body, refused[i].text) == NULL)
      fail_msg("%s %s: %s", refused[i].name, refused[i].body, a.body);
  }
}

#define APP(fields) "{\"app\":\"9\",\"fields\":" fields "}"
#define TEXT "{\"type\":\"SINGLE_LINE_TEXT\"}"

static const struct { const char *def, *at, *text; } bad_apps[] = {
  {"[]", "", "an app is an object"},
  {"{}", "/fields", "needs \\\"fields\\\""},
  {APP("{}"), "/fields", "needs \\\"fields\\\""},
  {APP("{\"a b\":" TEXT "}"), "/fields/a b", "without blanks"},
  {APP("{\"1a\":" TEXT "}"), "/fields/1a", "not a digit first"},
  {APP("{\"a\":{\"type\":\"TEXT\"}}"), "/fields/a", "'TEXT' is no type"},
  {APP("{\"a\":{\"type\":\"DATE\",\"unique\":true}}"), "/fields/a",
   "may be unique"},
  {APP("{\"a\":{\"type\":\"RADIO_BUTTON\"}}"), "/fields/a", "needs \\\"options\\\""},
  {APP("{\"a\":{\"type\":\"RADIO_BUTTON\",\"options\":[\"x\"]}}"), "/fields/a",
   "keyed by label"},
  {APP("{\"a\":{\"type\":\"DROP_DOWN\",\"options\":{\"x\":{\"label\":\"y\"}}}}"),
   "/fields/a", "another label"},
  {APP("{\"a\":{\"type\":\"DROP_DOWN\",\"options\":{\"x\":{}},\"defaultValue\":"
       "\"z\"}}"), "/fields/a", "not in options"},
  {APP("{\"a\":{\"type\":\"SINGLE_LINE_TEXT\",\"maxLength\":\"-1\"}}"), "/fields/a",
   "maxLength"},
  {APP("{\"a\":{\"type\":\"NUMBER\",\"maxValue\":\"x\"}}"), "/fields/a", "maxValue"},
  {APP("{\"a\":{\"type\":\"SUBTABLE\"}}"), "/fields/a", "needs \\\"fields\\\""},
  {APP("{\"a\":{\"type\":\"SUBTABLE\",\"fields\":{\"b\":{\"type\":\"CREATOR\"}}}}"),
   "/fields/a/b", "cannot stand in a table"},
  {APP("{\"a\":" TEXT ",\"t\":{\"type\":\"SUBTABLE\",\"fields\":{\"a\":" TEXT "}}}"),
   "/fields", "stands twice"},
  {"{\"app\":\"x\",\"fields\":{\"a\":" TEXT "}}", "/app", "no number of an app"},
  {"{\"lang\":\"fr\",\"fields\":{\"a\":" TEXT "}}", "/lang", "not ja or en"},
  {"{\"fields\":{\"a\":" TEXT "},\"tokens\":[{\"token\":\"a,b\",\"rights\":[]}]}",
   "/tokens", "without a comma"},
  {"{\"fields\":{\"a\":" TEXT "},\"tokens\":[{\"token\":\"a\",\"rights\":[\"see\"]}]"
   "}", "/tokens", "view, add, edit"},
  {"{\"fields\":{\"a\":" TEXT "},\"users\":[{}]}", "/users", "needs a code"},
  {"{\"fields\":{\"a\":{\"type\":\"SINGLE_LINE_TEXT\",\"required\":true}},"
   "\"records\":[{\"a\":{\"value\":\"x\"}},{}]}", "/records/1", "record.a.value"},
};

static void wrong_apps_are_refused_whole(void **state) {
  char want[200];
  size_t i;

  (void)state;
  for (i = 0; i < sizeof bad_apps / sizeof *bad_apps; i++) {
    Answer a = kit_call("POST", "/control/apps", "", bad_apps[i].def);

    expect_status(a, 400);
    snprintf(want, sizeof want, "\"%s\"", bad_apps[i].at);
    expect_json(a, "at", want);
    if (strstr(a.body, bad_apps[i].text) == NULL)
      fail_msg("%s: %s", bad_apps[i].def, a.body);
  }
  expect_code(api("GET", "record.json?app=9&id=1", NULL), 404, "GAIA_AP01");
}

static void an_app_is_made_and_made_anew(void **state) {
  (void)state;
  expect_json(control("POST", "apps", "{\"fields\":{\"a\":" TEXT "},\"records\":[{"
                      "\"a\":{\"value\":\"x\"}}]}"), "app", "\"4\"");
  expect_json(api("GET", "record.json?app=4&id=1", NULL), "record/a/value", "\"x\"");
  expect_status(api("POST", "record.json", "{\"app\":4,\"record\":{}}"), 200);
  control("POST", "reset", "{}");
  expect_json(control("GET", "records?app=4", NULL), "count", "1");
  expect_json(control("POST", "apps", "{\"app\":4,\"fields\":{\"b\":" TEXT "}}"),
              "app", "\"4\"");
  expect_json(control("GET", "records?app=4", NULL), "count", "0");
}

/* ---- time ---- */

static void the_clock_stands_until_it_is_turned(void **state) {
  Answer a;

  (void)state;
  add_order("C-1", "");
  control("POST", "clock", "{\"pass\":\"15m\"}");
  expect_status(api("PUT", "record.json", PUT_Q), 200);
  a = api("GET", "record.json?app=1&id=1", NULL);
  expect_json(a, "record/作成日時/value", "\"2026-03-01T00:00:00Z\"");
  expect_json(a, "record/更新日時/value", "\"2026-03-01T00:15:00Z\"");
  a = control("POST", "clock", "{\"now\":\"2026-04-01T00:00:00Z\"}");
  expect_json(a, "now", "\"2026-04-01T00:00:00Z\"");
  expect_json(a, "running_clock", "false");
  a = control("POST", "clock", "{\"run\":true}");
  expect_json(a, "running_clock", "true");
}

static const char *new_cursor(const char *more) {
  char body[300];
  Answer a;

  snprintf(body, sizeof body, "{\"app\":2,\"size\":1%s}", more);
  a = api("POST", "records/cursor.json", body);
  expect_status(a, 200);
  return ml_json_str(a.json, "id").p;
}

static Answer read_cursor(const char *id) {
  char target[200];

  snprintf(target, sizeof target, "records/cursor.json?id=%s", id);
  return api("GET", target, NULL);
}

static void ten_cursors_for_ten_minutes(void **state) {
  const char *id = NULL;
  int i;

  (void)state;
  for (i = 0; i < 3; i++)
    expect_status(api("POST", "record.json", "{\"app\":2,\"record\":{}}"), 200);
  for (i = 0; i < 10; i++)
    id = new_cursor("");
  expect_code(api("POST", "records/cursor.json", "{\"app\":2}"), 429, "GAIA_TM12");
  control("POST", "clock", "{\"pass\":\"9m\"}");
  expect_status(read_cursor(id), 200);      /* lives ten minutes from here */
  control("POST", "clock", "{\"pass\":\"9m\"}");
  expect_json(read_cursor(id), "next", "true");
  id = new_cursor(",\"fields\":[\"radio\"]");  /* the other nine are gone */
  expect_json(read_cursor(id), "records",
              "[{\"radio\":{\"type\":\"RADIO_BUTTON\",\"value\":\"a\"}}]");
  control("POST", "clock", "{\"pass\":\"10m\"}");
  expect_code(read_cursor(id), 404, "GAIA_CN01");
}

static void a_cursor_is_a_list_of_its_moment(void **state) {
  const char *id;
  Answer a;
  int i;

  (void)state;
  for (i = 0; i < 3; i++)
    expect_status(api("POST", "record.json", "{\"app\":2,\"record\":{}}"), 200);
  id = new_cursor(",\"query\":\"order by $id asc\"");
  expect_status(api("DELETE", "records.json?app=2&ids%5B0%5D=1", NULL), 200);
  expect_status(api("POST", "record.json", "{\"app\":2,\"record\":{}}"), 200);
  expect_json(read_cursor(id), "records/0/$id/value", "\"2\"");
  a = read_cursor(id);
  expect_json(a, "records/0/$id/value", "\"3\"");
  expect_json(a, "next", "false");
  expect_code(read_cursor(id), 404, "GAIA_CN01");
}

/* ---- what stays ---- */

static void the_log_tells_what_reached_the_ledger(void **state) {
  Answer a;

  (void)state;
  add_order("C-1", "");
  expect_status(api("PUT", "record.json", PUT_Q), 200);
  expect_status(api("PUT", "record.json", "{\"app\":1,\"id\":1,\"revision\":1,"
                    "\"record\":{}}"), 409);
  expect_status(api("GET", "record.json?app=1&id=1", NULL), 200);
  a = control("GET", "log", NULL);
  expect_json(a, "log/0/method", "\"POST\"");
  expect_json(a, "log/1/at", "\"2026-03-01T00:00:00Z\"");
  expect_json(a, "log/1/path", "\"/k/v1/record.json\"");
  expect_json(a, "log/1/app", "1");
  expect_json(a, "log/1/record", "1");
  expect_json(a, "log/1/status", "200");
  expect_json(a, "log/1/effect", "1");
  expect_json(a, "log/1/revision", "2");
  assert_non_null(strstr(shown(a.json, "log/1/body"), "P-1"));
  expect_json(a, "log/2/status", "409");
  expect_json(a, "log/2/effect", "0");
  expect_json(a, "log/2/revision", "0");
  expect_json(a, "log/3/query", "\"app=1&id=1\"");
  expect_json(a, "log/3/effect", "0");
  expect_json(a, "log/4", "(missing)");
  a = control("GET", "log?limit=1", NULL);
  expect_json(a, "log/1", "(missing)");
}

static void a_kill_loses_nothing_that_was_answered(void **state) {
  Answer a;

  (void)state;
  add_order("C-1", "");
  add_order("C-2", "");
  expect_status(api("PUT", "record.json", PUT_Q), 200);
  expect_status(api("DELETE", "records.json?app=1&ids%5B0%5D=2", NULL), 200);
  expect_status(api("POST", "record/comment.json", "{\"app\":1,\"record\":1,"
                    "\"comment\":{\"text\":\"x\"}}"), 200);
  assert_true(WIFSIGNALED(kit_end(SIGKILL)));
  kit_spawn();
  a = api("GET", "record.json?app=1&id=1", NULL);
  expect_json(a, "record/k_Qid/value", "\"P-1\"");
  expect_json(a, "record/$revision/value", "\"2\"");
  expect_json(api("GET", "record/comments.json?app=1&record=1", NULL),
              "comments/0/text", "\"x \"");
  expect_json(api("POST", "record.json", "{\"app\":1,\"record\":{\"k_id\":{"
                  "\"value\":\"C-2\"},\"k_氏名\":{\"value\":\"x\"}}}"), "id",
              "\"3\"");
  expect_json(control("GET", "log", NULL), "log/2/effect", "1");
}

/* ---- the command line ---- */

static void other_zones_and_spaces(void **state) {
  static const char *const more[] = {"--zone", "UTC", "--guest", "5", NULL};
  Answer a;

  (void)state;
  add_order("C-1", "");
  assert_int_equal(kit_end(SIGTERM), 0);
  kit_spawn_with(more);
  expect_code(api("GET", "record.json?app=1&id=1", NULL), 400, "GAIA_IL23");
  a = kit_call("GET", "/k/guest/5/v1/record.json?app=1&id=1", TOKEN, NULL);
  expect_json(a, "record/k_id/value", "\"C-1\"");
  /* app 3 keeps the space of its own */
  expect_code(kit_call("GET", "/k/guest/5/v1/record.json?app=3&id=1", TOKEN, NULL),
              403, "CB_NO02");
  /* 2026-02-28T23:00Z is of today in Tokyo, but not in UTC */
  expect_status(kit_call("POST", "/k/guest/5/v1/record.json", TOKEN JSON,
                         "{\"app\":2,\"record\":{\"moment\":{\"value\":"
                         "\"2026-02-28T23:00:00Z\"}}}"), 200);
  a = kit_call("GET", "/k/guest/5/v1/records.json?app=2&query="
               "moment%20%3D%20YESTERDAY%28%29", TOKEN, NULL);
  expect_json(a, "records/0/$id/value", "\"1\"");
  assert_int_equal(kit_end(SIGTERM), 0);
  kit_spawn();
  a = api("GET", "records.json?app=2&query=moment%20%3D%20TODAY%28%29", NULL);
  expect_json(a, "records/0/$id/value", "\"1\"");
}

static const struct { const char *args[3]; int code; const char *text; }
command_lines[] = {
  {{"--what"}, 2, "--listen ADDRESS"},
  {{"more"}, 2, "--listen ADDRESS"},
  {{"--listen", "0.0.0.0:0"}, 1, "only loopback addresses"},
  {{"--listen", "127.0.0.1:x"}, 1, "--listen: "},
  {{"--now", "noon"}, 1, "--now: "},
  {{"--zone", "Moon/Base"}, 1, "there is no zone 'Moon/Base'"},
  {{"--app", "/nowhere.app.json"}, 1, "/nowhere.app.json cannot be read"},
  {{"--app", "Makefile"}, 1, "Makefile: "},
  {{"--db", "/nowhere/sim.db"}, 1, "/nowhere/sim.db cannot be opened"},
  {{"--webhook", "gopher://x"}, 1, "no http or https URL"},
};

/* What it prints on standard error, and its exit code. */
static int run_command(const char *const *args, char *text, size_t room) {
  const char *argv[5] = {"kintone-sim", args[0], args[1], NULL};
  char program[300];
  int err[2], status;
  size_t len = 0;
  ssize_t n;
  pid_t pid;

  kit_program(program);
  assert_int_equal(pipe(err), 0);
  pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    dup2(err[1], 2);
    close(err[0]);
    execv(program, (char *const *)(uintptr_t)argv);
    _exit(127);
  }
  close(err[1]);
  while ((n = read(err[0], text + len, room - 1 - len)) > 0)
    len += (size_t)n;
  text[len] = '\0';
  close(err[0]);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void a_wrong_command_line_is_explained(void **state) {
  char text[8192];
  size_t i;

  (void)state;
  for (i = 0; i < sizeof command_lines / sizeof *command_lines; i++) {
    int code = run_command(command_lines[i].args, text, sizeof text);

    if (code != command_lines[i].code || strstr(text, command_lines[i].text) == NULL)
      fail_msg("%s %s: %d %s", command_lines[i].args[0], command_lines[i].args[1],
               code, text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    kit_test(a_change_by_rest_is_told),
    kit_test(comments_and_people_are_told),
    kit_test(calls_for_several_records_are_not_told),
    kit_test(targets_choose),
    kit_test(the_61st_in_a_minute_is_dropped),
    kit_test(a_body_over_1_mb_is_dropped),
    kit_test(a_cut_before_or_after_the_commit),
    kit_test(statuses_on_demand),
    kit_test(a_failure_waits_for_what_fits),
    kit_test(broken_answers),
    kit_test(an_answer_kept_back_holds_nobody_up),
    kit_test(two_held_requests_race_for_a_revision),
    kit_test(the_101st_request_at_once_is_429),
    kit_test(a_peer_may_leave_while_it_waits),
    kit_test(control_says_what_is_wrong),
    kit_test(wrong_apps_are_refused_whole),
    kit_test(an_app_is_made_and_made_anew),
    kit_test(the_clock_stands_until_it_is_turned),
    kit_test(ten_cursors_for_ten_minutes),
    kit_test(a_cursor_is_a_list_of_its_moment),
    kit_test(the_log_tells_what_reached_the_ledger),
    kit_test(a_kill_loses_nothing_that_was_answered),
    kit_test(other_zones_and_spaces),
    kit_test(a_wrong_command_line_is_explained),
  };

  return cmocka_run_group_tests(tests, kit_start, kit_stop);
}
