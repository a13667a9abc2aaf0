/*
** api_kit.h - the API over a real socket, on a real run and store, with a
** worker that answers as told.
**
** Nothing runs beside: loop, store and client share one thread, the clock
** stands unless a request waits (then a millisecond passes a turn).  Every
** answer is checked against /openapi.json's own shapes: an answer that is not
** documented fails the test that asked.
*/
#ifndef API_KIT_H
#define API_KIT_H

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
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/api.h"
#include "api/api_call.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define KIT_START INT64_C(1772323200000)     /* 2026-03-01T00:00:00Z */
enum { KIT_TURNS = 20000, KIT_ASKS = 512 };

/* The workflow of all tests: a form, a poll and a webhook start it; "get" runs,
** two tasks follow side by side with a branch, "put" ends it. */
static const char kit_tree[] =
  "{\"api\":1,\"workflows\":[{\"name\":\"orders\",\"at\":\"workflow.lua:1\","
  "\"title\":{\"en\":\"Orders\",\"ja\":\"受注\"},"
  "\"lanes\":[{\"id\":\"office\",\"title\":\"Office\",\"at\":\"w:1\"},"
  "{\"id\":\"build\",\"at\":\"w:2\"}],"
  "\"settings\":[{\"id\":\"url\",\"type\":\"url\",\"at\":\"w:3\"},"
  "{\"id\":\"key\",\"type\":\"secret\",\"at\":\"w:4\"},"
  "{\"id\":\"every\",\"type\":\"duration\",\"default\":\"15m\",\"at\":\"w:5\"}],"
  "\"fields\":[{\"id\":\"q_name\",\"short\":\"name\",\"type\":\"string\",\"no\":1,"
  "\"label\":\"Name\",\"at\":\"w:6\"},"
  "{\"id\":\"q_pass\",\"type\":\"string\",\"sealed\":true,\"at\":\"w:7\"},"
  "{\"id\":\"q_kind\",\"type\":\"select\",\"of\":[{\"id\":\"a\",\"label\":\"A\"},"
  "{\"id\":\"b\"}],\"at\":\"w:8\"}],"
  "\"states\":{\"list\":[{\"id\":\"new\"},{\"id\":\"old\"}],\"start\":\"new\","
  "\"moves\":[[\"new\",\"old\"]]},"
  "\"start\":[{\"kind\":\"form\",\"name\":\"by hand\","
  "\"form\":[\"q_name\",\"q_pass\",\"q_kind\"],\"at\":\"w:9\"},"
  "{\"kind\":\"poll\",\"name\":\"changed\",\"every\":\"15m\",\"run\":true,"
  "\"at\":\"w:10\"},"
  "{\"kind\":\"webhook\",\"name\":\"orders\",\"receive\":true,\"at\":\"w:11\"}],"
  "\"phases\":["
  "{\"name\":\"get\",\"at\":\"w:12\",\"entries\":[{\"kind\":\"activity\","
  "\"label\":\"x1\",\"run\":true,\"node\":3,\"at\":\"w:13\"}]},"
  "{\"name\":\"deliver\",\"at\":\"w:14\",\"next\":{\"built\":\"put\"},\"entries\":["
  "{\"kind\":\"task\",\"label\":\"1-1\",\"title\":\"License\",\"lane\":\"office\","
  "\"node\":6,\"show\":[\"q_kind\"],\"edit\":[\"q_name!\",\"q_pass\"],"
  "\"outcomes\":[{\"id\":\"built\",\"label\":{\"en\":\"Built\"},"
  "\"need\":[\"q_name\"]}],\"at\":\"w:15\"},"
  "{\"kind\":\"branch\",\"name\":\"side\",\"at\":\"w:16\",\"phases\":["
  "{\"name\":\"wait\",\"at\":\"w:17\",\"entries\":[{\"kind\":\"task\","
  "\"label\":\"1-2\",\"lane\":\"build\",\"outcomes\":[{\"id\":\"done\"}],"
  "\"at\":\"w:18\"}]}]}]},"
  "{\"name\":\"put\",\"at\":\"w:19\",\"next\":{\"kind\":\"finish\"},"
  "\"entries\":[{\"kind\":\"activity\",\"label\":\"x3\",\"run\":true,"
  "\"at\":\"w:20\"}]}]}]}";

typedef struct kit_ask {
  uint64_t id;
  ml_ask_kind kind;
  ml_answer_fn *fn;
  void *arg;
} kit_ask;

/* What a request came to. */
typedef struct kit_answer {
  int status;
  char *head;                  /* lines, in the arena */
  ml_str body;
  ml_json *json;               /* NULL: the body is no JSON */
} kit_answer;

static struct {
  ml_clock_fake clock;
  ml_rand_seeded rand;
  ml_loop *loop;
  ml_store *store;
  ml_script script;
  ml_http http;
  ml_run *run;
  ml_api *api;
  char folder[64], unix_at[100];
  int port;
  kit_ask asks[KIT_ASKS];
  size_t ask_count;
  bool attempts_break;         /* activities raise */
  bool silent;                 /* attempts are not answered: in flight */
  char *define;                /* other tree; or NULL */
  ml_str trigger;              /* what a trigger gives */
  ml_arena arena;              /* everything of one test */
  char admin[128];             /* tokens: "mlk_..." */
  ml_str seen_payload;         /* of the last trigger asked */
} kit;

/* ---- the worker ---- */

static ml_rc kit_script_ask(ml_script *s, const ml_ask *q, ml_answer_fn *fn,
                            void *arg) {
  (void)s;
  assert_true(kit.ask_count < KIT_ASKS);
  kit.asks[kit.ask_count++] = (kit_ask){q->id, q->kind, fn, arg};
  if (q->kind == ML_ASK_TRIGGER)
    kit.seen_payload = (ml_str){
      ml_arena_dup(&kit.arena, q->payload.p != NULL ? q->payload.p : "",
                   q->payload.n), q->payload.n};
  return ML_OK;
}

static ml_rc kit_script_bundle(ml_script *s, const uint8_t hash[32],
                               const ml_source *src, size_t n) {
  (void)s;
  (void)hash;
  (void)src;
  (void)n;
  return ML_OK;
}

static ml_rc kit_http_send(ml_http *h, const ml_http_call *call, ml_http_fn *fn,
                           void *arg, uint64_t *id, ml_err *e) {
  (void)h;
  (void)call;
  (void)fn;
  (void)arg;
  (void)id;
  return ml_err_set(e, ML_REFUSED, NULL, "nothing is sent here");
}

static void kit_http_cancel(ml_http *h, uint64_t id) {
  (void)h;
  (void)id;
}

static void kit_answer_ask(kit_ask a) {
  ml_answer r = {.id = a.id, .end = ML_END_RETURNED, .after_ms = -1};

  switch (a.kind) {
  case ML_ASK_DEFINE:
    r.text = ml_str_of(kit.define != NULL ? kit.define : kit_tree);
    break;
  case ML_ASK_ATTEMPT:
    if (kit.attempts_break) {
      r.end = ML_END_BROKE;
      r.text = ML_STR("no such record");
      r.at = ML_STR("activities/get.lua:7");
    }
    break;
  case ML_ASK_TRIGGER:
    r.text = kit.trigger;
    break;
  case ML_ASK_EVAL:
    r.text = ML_STR("{\"value\":42}");
    break;
  default:
    break;
  }
  a.fn(a.arg, ML_OK, &r);
}

/* Everything that is ready; attempts stay in flight while silent. */
static void kit_turn(void) {
  size_t n = kit.ask_count;
  kit_ask now[KIT_ASKS];
  size_t kept = 0;

  memcpy(now, kit.asks, n * sizeof *now);
  kit.ask_count = 0;
  for (size_t i = 0; i < n; i++)
    if (kit.silent && now[i].kind == ML_ASK_ATTEMPT)
      kit.asks[kept++] = now[i];
  kit.ask_count = kept;
  for (size_t i = 0; i < n; i++)
    if (!(kit.silent && now[i].kind == ML_ASK_ATTEMPT))
      kit_answer_ask(now[i]);
  ml_run_reap(kit.run);
  ml_loop_turn(kit.loop, 0);
  ml_run_reap(kit.run);
}

/* ---- a request ---- */

static int kit_connect(bool over_unix) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)kit.port)};
  struct sockaddr_un un = {.sun_family = AF_UNIX};
  int fd = socket(over_unix ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
  int rc;

  assert_true(fd >= 0);
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  snprintf(un.sun_path, sizeof un.sun_path, "%s", kit.unix_at);
  rc = over_unix ? connect(fd, (struct sockaddr *)&un, sizeof un)
                 : connect(fd, (struct sockaddr *)&in, sizeof in);
  assert_int_equal(rc, 0);
  assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
  return fd;
}

static void kit_split(ml_buf *b, kit_answer *a) {
  char *end = b->p != NULL ? strstr(b->p, "\r\n\r\n") : NULL;
  ml_err e;

  assert_non_null(end);
  a->head = ml_arena_dup(&kit.arena, b->p, (size_t)(end + 2 - b->p));
  a->body.n = b->len - (size_t)(end + 4 - b->p);
  a->body.p = ml_arena_dup(&kit.arena, end + 4, a->body.n);
  assert_int_equal(sscanf(a->head, "HTTP/1.1 %d", &a->status), 1);
  if (ml_json_parse(&kit.arena, a->body.p, a->body.n, NULL, &a->json, &e) != ML_OK)
    a->json = NULL;
}

static const char *kit_header(const kit_answer *a, const char *name) {
  size_t n = strlen(name);

  for (const char *p = strstr(a->head, "\r\n"); p != NULL; p = strstr(p, "\r\n")) {
    p += 2;
    if (strncasecmp(p, name, n) == 0 && p[n] == ':') {
      p += n + 2;
      return ml_arena_printf(&kit.arena, "%.*s", (int)strcspn(p, "\r"), p);
    }
  }
  return NULL;
}

/* Send these bytes, read to the end of the connection. */
static kit_answer kit_raw(bool over_unix, const char *bytes, size_t n) {
  int fd = kit_connect(over_unix);
  kit_answer a = {0};
  ml_buf b = {0};
  size_t sent = 0;
  int turn;

  for (turn = 0; turn < KIT_TURNS; turn++) {
    ssize_t got;
    char *to;

    if (sent < n) {
      ssize_t k = send(fd, bytes + sent, n - sent, MSG_NOSIGNAL);
      if (k > 0)
        sent += (size_t)k;
    }
    kit_turn();
    to = ml_buf_room(&b, 65536);
    assert_non_null(to);
    got = recv(fd, to, 65536, 0);
    if (got > 0)
      b.len += (size_t)got;
    if (got == 0)
      break;
    if (got < 0 && turn > 50)
      ml_clock_fake_pass(&kit.clock, 1);
  }
  close(fd);
  if (turn == KIT_TURNS)
    fail_msg("no answer to %.100s", bytes);
  ml_buf_putc(&b, '\0');
  b.len--;
  kit_split(&b, &a);
  ml_buf_free(&b);
  return a;
}

/* ---- what is documented ---- */

static bool kit_asked[256];    /* rows of the table that a test asked for */

static const ml_route *kit_route_at(size_t at) {
  const ml_routes *const *all;
  size_t n = ml_api_routes(&all);

  for (size_t i = 0; i < n; i++) {
    if (at < all[i]->count)
      return &all[i]->rows[at];
    at -= all[i]->count;
  }
  return NULL;
}

static bool kit_fits(const char *pattern, const char *path) {
  while (*pattern != '\0' && *path != '\0' && *path != '?') {
    if (*pattern == '{') {
      pattern += strcspn(pattern, "}") + 1;
      path += strcspn(path, "/?");
    } else if (*pattern++ != *path++) {
      return false;
    }
  }
  return *pattern == '\0' && (*path == '\0' || *path == '?');
}

static void kit_check_list(const ml_shape *item, const ml_json *v,
                           const char *what) {
  const ml_json *items = ml_json_get(v, "items"), *next = ml_json_get(v, "next");
  ml_err e = {0};

  assert_non_null(items);
  assert_non_null(next);
  assert_int_equal(v->count, 2);
  assert_int_equal(items->type, ML_JARR);
  assert_true(next->type == ML_JNULL || next->type == ML_JSTR);
  for (uint32_t i = 0; i < items->count; i++)
    if (ml_shape_check(item, &items->arr[i], &e) != ML_OK)
      fail_msg("%s: item %u: %s at %s", what, i, e.text, e.at);
}

/* Does the answer have one of the shapes of its row? */
static void kit_check(const char *method, const char *path,
                      const kit_answer *a) {
  const ml_shapes *shapes = ml_api_shapes(kit.api);
  const ml_route *r = NULL;
  const char *gives, *type = kit_header(a, "Content-Type");
  bool documented = false;
  int status;
  ml_str what;
  ml_err e = {0};

  for (size_t i = 0; kit_route_at(i) != NULL; i++)
    if (strcmp(kit_route_at(i)->method, method) == 0
        && kit_fits(kit_route_at(i)->pattern, path)) {
      r = kit_route_at(i);
      kit_asked[i] = true;
    }
  if (type != NULL && strcmp(type, "application/problem+json") == 0) {
    assert_true(a->status >= 400);
    assert_non_null(a->json);
    if (ml_shape_check(ml_shapes_find(shapes, ML_STR("Problem")), a->json, &e)
        != ML_OK)
      fail_msg("%s %s: problem: %s at %s", method, path, e.text, e.at);
    assert_int_equal(ml_json_int(a->json, "status", 0), a->status);
    return;
  }
  assert_non_null(r);
  if ((r->flags & ML_ROUTE_EXT) != 0 && a->status >= 400) {
    assert_non_null(a->json);
    if (ml_shape_check(ml_shapes_find(shapes, ML_STR("ExtRefusal")), a->json,
                       &e) != ML_OK)
      fail_msg("%s %s: refusal: %s at %s", method, path, e.text, e.at);
    return;
  }
  for (gives = r->gives; ml_openapi_gives(&gives, &status, &what);) {
    if (status != a->status)
      continue;
    if (what.n == 0) {
      assert_int_equal(a->body.n, 0);
      return;
    }
    if (ml_str_is(what, "text") || ml_str_is(what, "any"))
      return;
    assert_non_null(a->json);
    if (what.p[0] == '[') {
      what = (ml_str){what.p + 1, what.n - 2};
      kit_check_list(ml_shapes_find(shapes, what), a->json, path);
      return;
    }
    documented = true;
    if (ml_shape_check(ml_shapes_find(shapes, what), a->json, &e) == ML_OK)
      return;
  }
  fail_msg("%s %s: %d %s: %s (%s at %s)", method, path, a->status,
           documented ? "is not of its shape" : "is not documented",
           a->body.p, e.text, e.at);
}

/* headers: lines ending in CRLF, or "".  token: NULL none, "unix": there. */
static kit_answer kit_ask_as(const char *token, const char *method,
                             const char *path, const char *headers,
                             const char *body) {
  bool over_unix = token != NULL && strcmp(token, "unix") == 0;
  ml_buf b = {0};
  kit_answer a;

  ml_buf_printf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n",
                method, path);
  if (token != NULL && !over_unix)
    ml_buf_printf(&b, "Authorization: Bearer %s\r\n", token);
  ml_buf_puts(&b, headers);
  if (body != NULL)
    ml_buf_printf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                  strlen(body));
  ml_buf_printf(&b, "\r\n%s", body != NULL ? body : "");
  assert_false(b.bad);
  a = kit_raw(over_unix, b.p, b.len);
  ml_buf_free(&b);
  kit_check(method, path, &a);
  return a;
}

/* As the operator on the Unix socket. */
static kit_answer kit_do(const char *method, const char *path,
                         const char *body) {
  return kit_ask_as("unix", method, path, "", body);
}

/* A path made as printf does. */
__attribute__((format(printf, 1, 2)))
static const char *at(const char *fmt, ...) {
  char text[600];
  va_list ap;

  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return ml_arena_printf(&kit.arena, "%s", text);
}

static const char *text_of(const ml_json *o, const char *key) {
  ml_str s = ml_json_str(o, key);

  return s.p != NULL ? s.p : "(none)";
}

/* ---- what many tests begin with ---- */

static const char *kit_start(const char *data) {
  kit_answer a = kit_do("POST", "/v1/workflows/orders/processes?wait=1",
                        at("{\"data\":%s}", data));

  if (a.status != 201)
    fail_msg("start: %d %s", a.status, a.body.p);
  return text_of(a.json, "id");
}

static void kit_person(const char *id, const char *lane) {
  kit_answer a = kit_do("PUT", at("/v1/users/%s", id),
                        at("{\"name\":\"%s\",\"lanes\":[\"orders/%s\"]}", id,
                           lane));

  if (a.status != 200)
    fail_msg("person: %d %s", a.status, a.body.p);
}

/* ---- up and down ---- */

typedef struct kit_flag {
  bool done;
  ml_rc rc;
} kit_flag;

static void kit_done(void *arg, ml_rc rc, const ml_err *e) {
  kit_flag *f = arg;

  if (rc != ML_OK)
    print_message("%s at %s\n", e != NULL ? e->text : "?", e != NULL ? e->at : "");
  f->done = true;
  f->rc = rc;
}

static void kit_token_done(void *arg, ml_rc rc, const ml_err *e,
                           const char *path) {
  (void)path;
  kit_done(arg, rc, e);
}

static void kit_wait(kit_flag *f) {
  for (int i = 0; i < KIT_TURNS && !f->done; i++)
    kit_turn();
  assert_true(f->done);
}

static void kit_fault(void *arg, const char *place, const char *text) {
  (void)arg;
  print_message("%s: %s\n", place, text);
}

static void kit_write(const char *name, const char *text) {
  const char *path = at("%s/%s", kit.folder, name);
  FILE *f = fopen(path, "w");

  assert_non_null(f);
  assert_true(fputs(text, f) >= 0);
  assert_int_equal(fclose(f), 0);
}

static void kit_load(void) {
  kit_flag f = {0};

  ml_run_load(kit.run, at("%s/flows", kit.folder), kit_fault, kit_done, &f);
  kit_wait(&f);
  assert_int_equal(f.rc, ML_OK);
}

static void kit_first_token(void) {
  const char *path = at("%s/token", kit.folder);
  kit_flag f = {0};
  struct stat st;
  FILE *in;

  ml_api_first_token(kit.api, path, kit_token_done, &f);
  kit_wait(&f);
  assert_int_equal(f.rc, ML_OK);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  in = fopen(path, "r");
  assert_non_null(in);
  assert_non_null(fgets(kit.admin, sizeof kit.admin, in));
  fclose(in);
  kit.admin[strcspn(kit.admin, "\n")] = '\0';
}

static int kit_up(void **state) {
  ml_store_conf sc = {.path = ":memory:", .clock = &kit.clock.base};
  ml_run_conf rc = {0};
  ml_api_conf ac = {0};
  static const ml_str hosts[] = {{"flow.example", 12}};
  char bound[128];
  kit_flag f = {0};
  ml_err e = {0};

  (void)state;
  memset(&kit, 0, sizeof kit);
  ml_log_to(2, ML_ERROR_LEVEL);
  ml_clock_fake_init(&kit.clock, KIT_START);
  sc.clock = &kit.clock.base;
  ml_rand_seed(&kit.rand, 7);
  kit.trigger = ML_STR("{\"state\":{},\"transactions\":[]}");
  kit.script = (ml_script){kit_script_ask, kit_script_bundle};
  kit.http = (ml_http){.send = kit_http_send, .cancel = kit_http_cancel};
  snprintf(kit.folder, sizeof kit.folder, "/tmp/ml_api_XXXXXX");
  assert_non_null(mkdtemp(kit.folder));
  assert_int_equal(mkdir(at("%s/flows", kit.folder), 0700), 0);
  assert_int_equal(mkdir(at("%s/flows/orders", kit.folder), 0700), 0);
  kit_write("flows/orders/workflow.lua", "return {}\n");
  assert_int_equal(ml_loop_new(&kit.clock.base, &kit.loop), ML_OK);
  assert_int_equal(ml_store_open(&sc, &kit.store, &e), ML_OK);
  rc.loop = kit.loop;
  rc.store = kit.store;
  rc.http = &kit.http;
  rc.script = &kit.script;
  rc.clock = &kit.clock.base;
  rc.rand = &kit.rand.base;
  assert_int_equal(ml_run_new(&rc, &kit.run, &e), ML_OK);
  ml_run_begin(kit.run, kit_done, &f);
  ac.loop = kit.loop;
  ac.run = kit.run;
  ac.store = kit.store;
  ac.clock = &kit.clock.base;
  ac.rand = &kit.rand.base;
  ac.hosts = hosts;
  ac.host_count = 1;
  ac.folder = at("%s/flows", kit.folder);
  ac.version = "1.0-test";
  if (ml_api_new(&ac, &kit.api, &e) != ML_OK)
    fail_msg("%s at %s", e.text, e.at);
  kit_wait(&f);
  kit_load();
  snprintf(kit.unix_at, sizeof kit.unix_at, "%s/sock", kit.folder);
  assert_int_equal(ml_api_listen(kit.api, at("unix:%s", kit.unix_at), bound, &e),
                   ML_OK);
  assert_int_equal(ml_api_listen(kit.api, "127.0.0.1:0", bound, &e), ML_OK);
  kit.port = atoi(strrchr(bound, ':') + 1);
  kit_first_token();
  ml_api_ready(kit.api, true);
  kit_person("olga", "office");  /* a lane without members is an incident */
  kit_person("otto", "build");
  return 0;
}

static int kit_down(void **state) {
  (void)state;
  for (size_t i = 0; i < kit.ask_count; i++) {
    ml_answer r = {.id = kit.asks[i].id};
    kit.asks[i].fn(kit.asks[i].arg, ML_AGAIN, &r);
  }
  kit.ask_count = 0;
  for (int i = 0; i < 20; i++)
    kit_turn();
  assert_int_equal(ml_api_busy(kit.api), 0);
  ml_run_free(kit.run);
  ml_api_free(kit.api);
  ml_store_close(kit.store);
  ml_loop_free(kit.loop);
  unlink(at("%s/flows/orders/workflow.lua", kit.folder));
  rmdir(at("%s/flows/orders", kit.folder));
  rmdir(at("%s/flows", kit.folder));
  unlink(at("%s/token", kit.folder));
  unlink(kit.unix_at);
  rmdir(kit.folder);
  ml_arena_free(&kit.arena);
  return 0;
}

/* A token with these scopes (JSON list), of this person or of none. */
static const char *kit_token(const char *user, const char *scopes) {
  kit_answer a = kit_do("POST", "/v1/tokens",
                        at("{\"user\":%s,\"scopes\":%s}",
                           user != NULL ? at("\"%s\"", user) : "null", scopes));

  if (a.status != 201)
    fail_msg("token: %d %s", a.status, a.body.p);
  return text_of(a.json, "token");
}

/* The id of the open task with this label. */
static const char *kit_task(const char *process, const char *label) {
  kit_answer a = kit_do("GET", at("/v1/processes/%s", process), NULL);
  const ml_json *tasks = ml_json_get(a.json, "tasks");

  for (uint32_t i = 0; tasks != NULL && i < tasks->count; i++)
    if (strcmp(text_of(&tasks->arr[i], "label"), label) == 0)
      return text_of(&tasks->arr[i], "id");
  fail_msg("no open task '%s': %s", label, a.body.p);
  return NULL;
}

#endif
