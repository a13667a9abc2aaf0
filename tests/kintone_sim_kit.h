/*
** kintone_sim_kit.h - a simulator for one test program, and raw HTTP to it.
**
** The program $BUILD/kintone-sim runs as a child with its clock standing at
** 2026-03-01T09:00:00+09:00, a Sunday, and three apps: 1 the orders ledger in
** Japanese codes, 2 with a field of every type, 3 in guest space 7.  Token T
** may do everything; app 2 has further tokens with single rights.
*/
#ifndef KINTONE_SIM_KIT_H
#define KINTONE_SIM_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

#define PATIENCE_MS 30000

static struct {
  pid_t pid;
  int port;
  char folder[256], db[300], types[300], guest[300];
  ml_arena arena;               /* everything of one test */
} kit;

static const char types_app[] =
  "{\"app\":\"2\",\"name\":\"types\",\"lang\":\"en\",\"code\":\"TY\","
  "\"tokens\":[{\"token\":\"V\",\"rights\":[\"view\"]},"
  "{\"token\":\"A\",\"rights\":[\"add\"]},{\"token\":\"E\",\"rights\":[\"edit\"]},"
  "{\"token\":\"D\",\"rights\":[\"delete\"]},"
  "{\"token\":\"VE\",\"rights\":[\"view\",\"edit\"]},"
  "{\"token\":\"AM\",\"rights\":[\"add\",\"manage\"]}],"
  "\"users\":[{\"code\":\"suzuki\",\"name\":\"鈴木\",\"password\":\"pass\"}],"
  "\"fields\":{"
  "\"text\":{\"type\":\"SINGLE_LINE_TEXT\",\"maxLength\":\"5\"},"
  "\"long\":{\"type\":\"MULTI_LINE_TEXT\"},\"rich\":{\"type\":\"RICH_TEXT\"},"
  "\"link\":{\"type\":\"LINK\"},"
  "\"number\":{\"type\":\"NUMBER\",\"maxValue\":\"100\",\"minValue\":\"-5\"},"
  "\"key\":{\"type\":\"NUMBER\",\"unique\":true},"
  "\"calc\":{\"type\":\"CALC\"},"
  "\"radio\":{\"type\":\"RADIO_BUTTON\",\"required\":true,\"options\":{"
  "\"b\":{\"label\":\"b\",\"index\":\"1\"},\"a\":{\"label\":\"a\",\"index\":\"0\"}}},"
  "\"drop\":{\"type\":\"DROP_DOWN\",\"options\":{\"a\":{},\"b\":{}}},"
  "\"check\":{\"type\":\"CHECK_BOX\",\"options\":{\"a\":{},\"b\":{}},"
  "\"defaultValue\":[\"a\"]},"
  "\"multi\":{\"type\":\"MULTI_SELECT\",\"options\":{\"a\":{},\"b\":{}}},"
  "\"date\":{\"type\":\"DATE\"},\"time\":{\"type\":\"TIME\"},"
  "\"moment\":{\"type\":\"DATETIME\"},"
  "\"made\":{\"type\":\"DATE\",\"defaultNowValue\":true},"
  "\"users\":{\"type\":\"USER_SELECT\"},\"groups\":{\"type\":\"GROUP_SELECT\"},"
  "\"files\":{\"type\":\"FILE\"},"
  "\"rows\":{\"type\":\"SUBTABLE\",\"fields\":{"
  "\"item\":{\"type\":\"SINGLE_LINE_TEXT\",\"required\":true},"
  "\"count\":{\"type\":\"NUMBER\"},"
  "\"kind\":{\"type\":\"DROP_DOWN\",\"options\":{\"x\":{},\"y\":{}}}}}}}";

static const char guest_app[] =
  "{\"app\":\"3\",\"name\":\"guest\",\"space\":\"7\",\"fields\":"
  "{\"t\":{\"type\":\"SINGLE_LINE_TEXT\",\"required\":true}}}";

/* ---- the child ---- */

static void kit_write(char *path, size_t n, const char *name,
                      const char *text) {
  FILE *f;

  snprintf(path, n, "%s/%s", kit.folder, name);
  f = fopen(path, "w");
  assert_non_null(f);
  assert_true(fputs(text, f) >= 0);
  assert_int_equal(fclose(f), 0);
}

static void kit_program(char path[300]) {
  const char *build = getenv("BUILD");

  snprintf(path, 300, "%s/kintone-sim", build != NULL ? build : "build");
}

/* Start it with further arguments (NULL at their end); its first line is the
** address. */
static void kit_spawn_with(const char *const *more) {
  const char *args[32] = {"kintone-sim", "--db", kit.db, "--token", "T", "--now",
    "2026-03-01T09:00:00+09:00", "--app",
    "contrib/kintone-sim/orders-ja.app.json", "--app", kit.types, "--app",
    kit.guest};
  size_t n = 13;
  char program[300], line[200];
  int out[2];
  FILE *f;

  while (more != NULL && *more != NULL)
    args[n++] = *more++;
  kit_program(program);
  assert_int_equal(pipe(out), 0);
  kit.pid = fork();
  assert_true(kit.pid >= 0);
  if (kit.pid == 0) {
    dup2(out[1], 1);
    close(out[0]);
    close(out[1]);
    execv(program, (char *const *)(uintptr_t)args);
    perror(program);
    _exit(127);
  }
  close(out[1]);
  f = fdopen(out[0], "r");
  assert_non_null(f);
  assert_non_null(fgets(line, sizeof line, f));
  fclose(f);
  assert_int_equal(sscanf(line, "http://localhost:%d\n", &kit.port), 1);
}

static void kit_spawn(void) {
  kit_spawn_with(NULL);
}

static int kit_end(int how) {
  int status;

  kill(kit.pid, how);
  assert_int_equal(waitpid(kit.pid, &status, 0), kit.pid);
  kit.pid = 0;
  return status;
}

static int kit_start(void **state) {
  const char *tmp = getenv("TMPDIR");

  (void)state;
  snprintf(kit.folder, sizeof kit.folder, "%s/kintone-sim-XXXXXX",
           tmp != NULL ? tmp : "/tmp");
  assert_non_null(mkdtemp(kit.folder));
  snprintf(kit.db, sizeof kit.db, "%s/sim.db", kit.folder);
  kit_write(kit.types, sizeof kit.types, "types.app.json", types_app);
  kit_write(kit.guest, sizeof kit.guest, "guest.app.json", guest_app);
  kit_spawn();
  return 0;
}

static int kit_stop(void **state) {
  static const char *const ends[] = {"", "-wal", "-shm"};
  char path[400];
  size_t i;
  int status = kit_end(SIGTERM);

  (void)state;
  for (i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s%s", kit.db, ends[i]);
    unlink(path);
  }
  unlink(kit.types);
  unlink(kit.guest);
  rmdir(kit.folder);
  /* a sanitizer's findings end it with another code */
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* ---- HTTP ---- */

typedef struct Answer {
  int status;                   /* 0: no complete answer */
  char *headers;
  char *body;
  size_t length;
  const ml_json *json;          /* NULL: the body is none */
} Answer;

static int kit_connect(void) {
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_port = htons((uint16_t)kit.port)};
  struct timeval patience = {PATIENCE_MS / 1000, 0};
  int fd = socket(AF_INET, SOCK_STREAM, 0);

  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_true(fd >= 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
  return fd;
}

static void kit_write_all(int fd, const char *p, size_t n) {
  while (n > 0) {
    ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

    assert_true(k > 0);
    p += k;
    n -= (size_t)k;
  }
}

/* `headers`: lines that each end in CRLF. */
static int kit_send(const char *method, const char *target,
                    const char *headers, const char *body) {
  ml_buf b = {0};
  int fd = kit_connect();

  ml_buf_printf(&b, "%s %s HTTP/1.1\r\nHost: localhost:%d\r\n"
                "Connection: close\r\n%s", method, target, kit.port, headers);
  if (body != NULL)
    ml_buf_printf(&b, "Content-Length: %zu\r\n", strlen(body));
  ml_buf_puts(&b, "\r\n");
  if (body != NULL)
    ml_buf_puts(&b, body);
  kit_write_all(fd, b.p, b.len);
  ml_buf_free(&b);
  return fd;
}

/* All bytes until the other side closes. */
static char *kit_read(int fd, size_t *len) {
  ml_buf b = {0};
  char *copy;
  ssize_t n;

  do {
    char *to = ml_buf_room(&b, 65536);

    assert_non_null(to);
    n = recv(fd, to, 65536, 0);
    if (n < 0 && errno == ECONNRESET)
      n = 0;
    assert_true(n >= 0);
    b.len += (size_t)n;
  } while (n > 0);
  close(fd);
  copy = ml_arena_dup(&kit.arena, b.p != NULL ? b.p : "", b.len);
  assert_non_null(copy);
  *len = b.len;
  ml_buf_free(&b);
  return copy;
}

static Answer kit_answer(int fd) {
  static const ml_json_limits wide = {.members = 4000000};
  Answer a = {0};
  size_t len;
  char *raw = kit_read(fd, &len), *end = strstr(raw, "\r\n\r\n"), *at;
  ml_json *json = NULL;

  if (end == NULL)
    return a;
  *end = '\0';
  a.headers = raw;
  a.body = end + 4;
  a.length = len - (size_t)(a.body - raw);
  at = strstr(raw, "Content-Length: ");
  if (at == NULL || (size_t)atol(at + 16) != a.length)
    return a;
  a.status = atoi(raw + strlen("HTTP/1.1 "));
  if (ml_json_parse(&kit.arena, a.body, a.length, &wide, &json, NULL) == ML_OK)
    a.json = json;
  return a;
}

#define TOKEN "X-Cybozu-API-Token: T\r\n"
#define JSON "Content-Type: application/json\r\n"
#define ENGLISH "Accept-Language: en-US\r\n"

static Answer kit_call(const char *method, const char *target,
                       const char *headers, const char *body) {
  return kit_answer(kit_send(method, target, headers, body));
}

/* With token T, in English; a body is JSON. */
static Answer api(const char *method, const char *target, const char *body) {
  char path[4096];

  snprintf(path, sizeof path, "/k/v1/%s", target);
  return kit_call(method, path, body != NULL ? TOKEN ENGLISH JSON
                                             : TOKEN ENGLISH, body);
}

static Answer control(const char *method, const char *name, const char *body) {
  char path[4096];
  Answer a;

  snprintf(path, sizeof path, "/control/%s", name);
  a = kit_call(method, path, "", body);
  if (a.status != 200)
    fail_msg("/control/%s: %d %s", name, a.status, a.body);
  return a;
}

/* ---- looking into answers ---- */

/* "records/0/$id/value" */
static const ml_json *at(const ml_json *o, const char *path) {
  while (o != NULL && *path != '\0') {
    const char *slash = strchrnul(path, '/');
    char name[200];

    snprintf(name, sizeof name, "%.*s", (int)(slash - path), path);
    o = o->type == ML_JARR ? ml_json_at(o, (size_t)atol(name))
                           : ml_json_get(o, name);
    path = *slash == '/' ? slash + 1 : slash;
  }
  return o;
}

/* The JSON text at a path; "(missing)" when there is nothing. */
static const char *shown(const ml_json *o, const char *path) {
  const ml_json *v = at(o, path);
  ml_buf b = {0};
  char *copy;

  if (v == NULL)
    return "(missing)";
  ml_json_print(&b, v);
  copy = ml_arena_dup(&kit.arena, b.p, b.len);
  assert_non_null(copy);
  ml_buf_free(&b);
  return copy;
}

static void expect_status(Answer a, int status) {
  if (a.status != status)
    fail_msg("status %d, not %d: %s", a.status, status,
             a.body != NULL ? a.body : "no answer");
}

#define expect_json(a, path, text) \
  assert_string_equal(shown((a).json, path), text)

static void expect_code(Answer a, int status, const char *code) {
  char quoted[64];

  expect_status(a, status);
  snprintf(quoted, sizeof quoted, "\"%s\"", code);
  expect_json(a, "code", quoted);
  assert_int_equal(strlen(shown(a.json, "id")), 22);
}

/* CB_VA01 with exactly these paths, in their order, joined by blanks. */
__attribute__((unused))
static void expect_errors(Answer a, const char *paths) {
  const ml_json *errors;
  ml_buf b = {0};
  uint32_t i;

  expect_code(a, 400, "CB_VA01");
  errors = at(a.json, "errors");
  assert_non_null(errors);
  for (i = 0; i < errors->count; i++)
    ml_buf_printf(&b, "%s%s", i > 0 ? " " : "", errors->obj[i].key.p);
  assert_string_equal(b.p, paths);
  ml_buf_free(&b);
}

/* Before each test: all as at the start. */
static int kit_fresh(void **state) {
  (void)state;
  control("POST", "clock", "{\"now\":\"2026-03-01T09:00:00+09:00\","
          "\"run\":false}");
  control("POST", "webhook-target", "{\"url\":\"\"}");
  control("POST", "reset", "{}");
  return 0;
}

static int kit_clean(void **state) {
  (void)state;
  ml_arena_free(&kit.arena);
  return 0;
}

#define kit_test(fn) cmocka_unit_test_setup_teardown(fn, kit_fresh, kit_clean)

/* An order in app 1; more: further members, or "". */
static void add_order(const char *id, const char *more) {
  char body[1000];

  snprintf(body, sizeof body, "{\"app\":1,\"record\":{\"k_id\":{\"value\":\"%s\"},"
           "\"k_氏名\":{\"value\":\"山田\"}%s}}", id, more);
  expect_status(api("POST", "record.json", body), 200);
}

#endif
