/* remote.c - a synchronous HTTP client on the project's own. */
#include "cmd/remote.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/rand.h"
#include "base/text.h"
#include "cmd/files.h"
#include "cmd/out.h"
#include "net/client.h"
#include "net/loop.h"

#define SOCKET_HERE "moonlane.db.sock"
enum { TIMEOUT_MS = 65000, TOKEN_BYTES = 512, PAGE = 200,
       BODY_MAX = 64 << 20, MEMBERS_MAX = 2000000 };

struct ml_remote {
  ml_loop *loop;
  ml_http *http;
  ml_arena arena;
  const char *socket;            /* or NULL: over url */
  const char *base;              /* "http://127.0.0.1:8080" */
  const char *bearer;            /* "Authorization: Bearer ..." or NULL */
  int64_t timeout_ms;
};

const ml_opt ml_remote_opts[] = {
  {"socket", "PATH", "the engine's Unix socket (also MOONLANE_SOCKET)", 0},
  {"url", "URL", "ask over HTTP instead, as http://127.0.0.1:8080", 0},
  {"token", "TOKEN", "for --url; better MOONLANE_TOKEN or --token-file", 0},
  {"token-file", "FILE", "read the token from a file", 0},
  {"timeout", "DURATION", "how long to wait for an answer (65s)", 0},
  {NULL, NULL, NULL, 0}};

/* ---- where the engine is ---- */

static bool is_socket(const char *path) {
  struct stat st;

  return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* The only *.sock here; *n says how many there are. */
static const char *only_socket(ml_arena *a, size_t *n) {
  DIR *d = opendir(".");
  struct dirent *entry;
  const char *found = NULL;

  *n = 0;
  while (d != NULL && (entry = readdir(d)) != NULL) {
    size_t len = strlen(entry->d_name);

    if (len < 6 || strcmp(entry->d_name + len - 5, ".sock") != 0
        || !is_socket(entry->d_name))
      continue;
    if (++*n == 1)
      found = ml_arena_printf(a, "%s", entry->d_name);
  }
  if (d != NULL)
    closedir(d);
  return *n == 1 ? found : NULL;
}

static int find_socket(ml_remote *r, const char *path) {
  size_t n = 0;

  if (path != NULL && !is_socket(path))
    return ml_out_fail(ML_EXIT_UNREACHABLE, "no engine runs at %s: there is no "
                       "such socket; start one with: moonlane serve FOLDER "
                       "--socket %s", path, path);
  if (path == NULL && is_socket(SOCKET_HERE))
    path = SOCKET_HERE;
  if (path == NULL)
    path = only_socket(&r->arena, &n);
  if (path == NULL && n > 1)
    return ml_out_fail(ML_EXIT_UNREACHABLE, "there are %zu sockets in this "
                       "folder; say which one with --socket PATH", n);
  if (path == NULL)
    return ml_out_fail(ML_EXIT_UNREACHABLE, "no engine runs here: there is no "
                       "%s and no other *.sock in this folder; give --socket "
                       "PATH, set MOONLANE_SOCKET, or start one with: moonlane "
                       "serve FOLDER", SOCKET_HERE);
  if (strlen(path) >= sizeof ((struct sockaddr_un *)0)->sun_path)
    return ml_out_fail(ML_EXIT_USAGE, "the path of a socket has at most %zu "
                       "bytes: %s",
                       sizeof ((struct sockaddr_un *)0)->sun_path - 1, path);
  r->socket = ml_arena_printf(&r->arena, "%s", path);
  r->base = "http://localhost";
  return r->socket != NULL ? ML_EXIT_FINE
                           : ml_out_fail(ML_EXIT_FALSE, "out of memory");
}

static int set_url(ml_remote *r, const char *url) {
  size_t n = strlen(url);

  if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
    return ml_out_fail(ML_EXIT_USAGE, "--url wants http://HOST:PORT or "
                       "https://HOST, not '%s'", url);
  while (n > 0 && url[n - 1] == '/')
    n--;
  r->base = ml_arena_printf(&r->arena, "%.*s", (int)n, url);
  return r->base != NULL ? ML_EXIT_FINE
                         : ml_out_fail(ML_EXIT_FALSE, "out of memory");
}

static int token_of_file(const char *path, ml_buf *out) {
  ml_err e = {0};
  ml_rc rc = ml_file_read(path, TOKEN_BYTES, out, &e);

  if (rc != ML_OK)
    return ml_out_error(ml_out_code(rc), &e);
  while (out->len > 0 && strchr(" \t\r\n", out->p[out->len - 1]) != NULL)
    out->p[--out->len] = '\0';
  return ML_EXIT_FINE;
}

static int set_token(ml_remote *r, const ml_args *a) {
  bool configured = r->socket == NULL;
  const char *token = configured ? ml_args_get(a, "token")
                                 : ml_args_given(a, "token");
  const char *file = configured ? ml_args_get(a, "token-file")
                                : ml_args_given(a, "token-file");
  ml_buf text = {0};
  int code = ML_EXIT_FINE;

  if (token != NULL)
    ml_buf_puts(&text, token);
  else if (file != NULL)
    code = token_of_file(file, &text);
  if (code == ML_EXIT_FINE && text.len > 0) {
    r->bearer = ml_arena_printf(&r->arena, "Authorization: Bearer %s", text.p);
    if (r->bearer == NULL)
      code = ml_out_fail(ML_EXIT_FALSE, "out of memory");
  }
  ml_buf_free(&text);
  return code;
}

int ml_remote_open(const ml_args *a, ml_remote **out) {
  return ml_remote_open_at(a, NULL, out);
}

int ml_remote_open_at(const ml_args *a, const char *socket, ml_remote **out) {
  ml_remote *r = ml_mem_zero(sizeof *r);
  const char *url = ml_args_get(a, "url");
  ml_err e = {0};
  int code;

  *out = NULL;
  if (r == NULL)
    return ml_out_fail(ML_EXIT_FALSE, "out of memory");
  if (socket != NULL ||
      (ml_args_given(a, "socket") != NULL && ml_args_given(a, "url") == NULL))
    url = NULL;                  /* an option wins over the configuration */
  if (socket == NULL)
    socket = ml_args_get(a, "socket");
  code = url != NULL ? set_url(r, url) : find_socket(r, socket);
  if (code == ML_EXIT_FINE)
    code = set_token(r, a);
  if (code == ML_EXIT_FINE
      && ml_args_duration(a, "timeout", TIMEOUT_MS, &r->timeout_ms, &e) != ML_OK)
    code = ml_out_error(ML_EXIT_USAGE, &e);
  if (code == ML_EXIT_FINE && (ml_loop_new(NULL, &r->loop) != ML_OK
                               || ml_client_new(r->loop, 0, 0, &r->http) != ML_OK))
    code = ml_out_fail(ML_EXIT_FALSE, "out of memory");
  if (code == ML_EXIT_FINE)
    *out = r;
  else
    ml_remote_close(r);
  return code;
}

void ml_remote_close(ml_remote *r) {
  if (r == NULL)
    return;
  ml_client_free(r->http);
  ml_loop_free(r->loop);
  ml_arena_free(&r->arena);
  ml_mem_free(r);
}

/* ---- one call ---- */

typedef struct asked {
  ml_remote *r;
  int64_t since_ms;
  bool over, late;
  ml_http_end end;
  int status;
  ml_buf body;
  char why[300];
} asked;

static void answered(void *arg, const ml_http_answer *answer) {
  asked *q = arg;

  ml_clock *clock = ml_loop_clock(q->r->loop);

  q->over = true;
  q->late = clock->mono_ms(clock) - q->since_ms >= q->r->timeout_ms;
  q->end = answer->end;
  q->status = answer->status;
  if (answer->end == ML_HTTP_COMPLETE)
    ml_buf_put(&q->body, answer->body.p, answer->body.n);
  else
    snprintf(q->why, sizeof q->why, "%s", answer->why);
  ml_loop_stop(q->r->loop);
}

/* The operator says where the engine is: any address, at this very port. */
static void allow_url(const char *base, char text[2][24], ml_str allow[2]) {
  const char *host = strstr(base, "://") + 3;
  const char *end = host + strcspn(host, "/?#"), *port = end;

  while (port > host && port[-1] >= '0' && port[-1] <= '9')
    port--;
  if (port == host || port[-1] != ':' || port == end || end - port > 5)
    port = "*", end = port + 1;
  snprintf(text[0], 24, "0.0.0.0/0:%.*s", (int)(end - port), port);
  snprintf(text[1], 24, "[::/0]:%.*s", (int)(end - port), port);
  allow[0] = ml_str_of(text[0]);
  allow[1] = ml_str_of(text[1]);
}

static ml_rc send_call(asked *q, const char *method, const ml_buf *path,
                       const ml_buf *body, ml_err *e) {
  ml_remote *r = q->r;
  char where[2][24];
  ml_str anywhere[2];
  ml_http_call call = {.method = ml_str_of(method), .timeout_ms = r->timeout_ms,
                       .body_max = BODY_MAX, .unix_path = r->socket};
  ml_str headers[4];
  char key[64];
  ml_buf url = {0};
  ml_rc rc;

  ml_buf_puts(&url, r->base);
  ml_buf_put(&url, path->p, path->len);
  headers[call.header_count++] = ML_STR("Accept: application/json");
  if (r->bearer != NULL)
    headers[call.header_count++] = ml_str_of(r->bearer);
  if (body != NULL)
    headers[call.header_count++] = ML_STR("Content-Type: application/json");
  if (strcmp(method, "POST") == 0) {
    snprintf(key, sizeof key, "Idempotency-Key: cli-%016llx%016llx",
             (unsigned long long)ml_rand_u64(ml_rand_system()),
             (unsigned long long)ml_rand_u64(ml_rand_system()));
    headers[call.header_count++] = ml_str_of(key);
  }
  call.headers = headers;
  if (body != NULL)
    call.body = (ml_str){body->p, body->len};
  if (r->socket == NULL) {
    allow_url(r->base, where, anywhere);
    call.allow = anywhere;
    call.allow_count = 2;
  }
  call.url = (ml_str){url.p, url.len};
  rc = url.bad ? ML_NOMEM : r->http->send(r->http, &call, answered, q, NULL, e);
  ml_buf_free(&url);
  return rc;
}

static int no_answer(const asked *q) {
  const ml_remote *r = q->r;
  const char *where = r->socket != NULL ? r->socket : r->base;

  if (q->end == ML_HTTP_REFUSED)
    return ml_out_fail(ML_EXIT_REFUSED, "%s: %s", where, q->why);
  if (q->end == ML_HTTP_NOT_SENT && r->socket != NULL)
    return ml_out_fail(ML_EXIT_UNREACHABLE, "no engine answers at %s: it is "
                       "not running, or belongs to another user (%s)", where,
                       q->why);
  if (q->end == ML_HTTP_NOT_SENT)
    return ml_out_fail(ML_EXIT_UNREACHABLE, "%s cannot be reached: %s", where,
                       q->why);
  if (q->late)
    return ml_out_fail(ML_EXIT_TIMEOUT, "%s: %s; it may be done or not", where,
                       q->why);
  return ml_out_fail(ML_EXIT_UNREACHABLE, "%s gave no complete answer: %s; it "
                     "may be done or not", where, q->why);
}

static int read_body(const asked *q, ml_arena *a, ml_json **out) {
  ml_json_limits limits = {.members = MEMBERS_MAX};
  ml_err e = {0};
  ml_rc rc;

  if (q->body.bad)
    return ml_out_fail(ML_EXIT_FALSE, "out of memory");
  if (q->body.len == 0)
    return ML_EXIT_FINE;
  rc = ml_json_parse(a, q->body.p, q->body.len, &limits, out, &e);
  if (rc == ML_OK)
    return ML_EXIT_FINE;
  return ml_out_fail(ML_EXIT_UNREACHABLE, "status %d with an answer that is "
                     "no JSON (%s): is this a moonlane engine?", q->status,
                     e.text);
}

int ml_remote_ask(ml_remote *r, ml_arena *a, const char *method,
                  const ml_buf *path, const ml_buf *body, int *status,
                  ml_json **out) {
  ml_clock *clock = ml_loop_clock(r->loop);
  asked q = {.r = r, .since_ms = clock->mono_ms(clock)};
  ml_err e = {0};
  ml_rc rc = ML_NOMEM;
  int code;

  *out = NULL;
  if (!path->bad && (body == NULL || !body->bad))
    rc = send_call(&q, method, path, body, &e);
  if (rc == ML_REFUSED)
    return ml_out_error(ML_EXIT_USAGE, &e);
  if (rc != ML_OK)
    return ml_out_fail(ML_EXIT_FALSE, "out of memory");
  while (!q.over)
    ml_loop_run(r->loop);
  *status = q.status;
  code = q.end == ML_HTTP_COMPLETE ? read_body(&q, a, out) : no_answer(&q);
  ml_buf_free(&q.body);
  return code;
}

/* ---- problems ---- */

static int code_of(int status) {
  switch (status) {
  case 400: case 405: case 413: case 414: case 415: case 422: case 431:
    return ML_EXIT_USAGE;
  case 401: case 403: case 421:
    return ML_EXIT_REFUSED;
  case 404:
    return ML_EXIT_NOT_FOUND;
  case 409: case 412:
    return ML_EXIT_CONFLICT;
  case 408: case 504:
    return ML_EXIT_TIMEOUT;
  case 502: case 503:
    return ML_EXIT_UNREACHABLE;
  default:
    return ML_EXIT_FALSE;
  }
}

int ml_remote_problem(int status, const ml_json *problem) {
  ml_str title = ml_json_str(problem, "title");
  ml_str detail = ml_json_str(problem, "detail");
  ml_str at = ml_json_str(problem, "pointer");
  const ml_json *allowed = ml_json_get(problem, "allowed");
  ml_buf b = {0};
  int code = code_of(status);

  if (at.p == NULL)
    at = ml_json_str(problem, "at");
  if (at.n > 0)
    ml_buf_printf(&b, "%.*s: ", (int)at.n, at.p);
  if (detail.n == 0)
    detail = title;
  if (detail.n > 0)
    ml_buf_put(&b, detail.p, detail.n);
  else
    ml_buf_printf(&b, "the engine answered with status %d", status);
  for (uint32_t i = 0; allowed != NULL && allowed->type == ML_JARR
                       && i < allowed->count; i++) {
    ml_buf_puts(&b, i == 0 ? "; allowed: " : ", ");
    ml_out_value(&b, &allowed->arr[i]);
  }
  ml_out_fail(code, "%s", b.p != NULL ? b.p : "out of memory");
  ml_buf_free(&b);
  return code;
}

int ml_remote_call(ml_remote *r, ml_arena *a, const char *method,
                   const ml_buf *path, const ml_buf *body, ml_json **out) {
  ml_json *answer = NULL;
  int status = 0;
  int code = ml_remote_ask(r, a, method, path, body, &status, &answer);

  if (code == ML_EXIT_FINE && (status < 200 || status > 299))
    code = ml_remote_problem(status, answer);
  if (out != NULL)
    *out = answer;
  return code;
}

int ml_remote_get(ml_remote *r, ml_arena *a, const ml_buf *path,
                  ml_json **out) {
  int code = ml_remote_call(r, a, "GET", path, NULL, out);

  if (code == ML_EXIT_FINE && *out == NULL)
    code = ml_out_fail(ML_EXIT_UNREACHABLE, "the answer is empty: is this a "
                       "moonlane engine?");
  return code;
}

/* ---- lists ---- */

/* Append the items of a page. */
static bool add_page(ml_arena *a, ml_json *all, const ml_json *page,
                     size_t limit) {
  uint32_t n = page->count;
  ml_json *more;

  if (n > limit - all->count)
    n = (uint32_t)(limit - all->count);
  more = ml_arena_alloc(a, (all->count + (size_t)n + 1) * sizeof *more);
  if (more == NULL)
    return false;
  if (all->count > 0)
    memcpy(more, all->arr, all->count * sizeof *more);
  if (n > 0)
    memcpy(more + all->count, page->arr, n * sizeof *more);
  all->arr = more;
  all->count += n;
  return true;
}

static ml_json *list_new(ml_arena *a) {
  ml_json *list = ml_arena_zero(a, sizeof *list);

  if (list == NULL)
    return NULL;
  list->type = ML_JOBJ;
  list->count = 2;
  list->obj = ml_arena_zero(a, 2 * sizeof *list->obj);
  if (list->obj == NULL)
    return NULL;
  list->obj[0].key = ML_STR("items");
  list->obj[0].value.type = ML_JARR;
  list->obj[1].key = ML_STR("next");
  list->obj[1].value.type = ML_JNULL;
  return list;
}

int ml_remote_list(ml_remote *r, ml_arena *a, const ml_buf *path, size_t limit,
                   ml_json **out) {
  ml_json *list = list_new(a), *page;
  ml_str next = ML_NOSTR;
  int code = ML_EXIT_FINE;

  *out = NULL;
  if (list == NULL)
    return ml_out_fail(ML_EXIT_FALSE, "out of memory");
  do {
    ml_json *items = &list->obj[0].value;
    size_t left = limit - items->count;
    ml_buf at = {0};
    char n[24];
    const ml_json *got;

    snprintf(n, sizeof n, "%zu", left > PAGE ? (size_t)PAGE : left);
    ml_buf_put(&at, path->p, path->len);
    ml_path_query(&at, "limit", n);
    ml_path_query(&at, "cursor", next.p);
    code = ml_remote_get(r, a, &at, &page);
    ml_buf_free(&at);
    if (code != ML_EXIT_FINE)
      return code;
    got = ml_json_get(page, "items");
    if (got == NULL || got->type != ML_JARR)
      return ml_out_fail(ML_EXIT_UNREACHABLE, "the answer is no list: is this "
                         "a moonlane engine?");
    if (!add_page(a, items, got, limit))
      return ml_out_fail(ML_EXIT_FALSE, "out of memory");
    next = ml_json_str(page, "next");
  } while (next.p != NULL && list->obj[0].value.count < limit);
  if (next.p != NULL) {
    list->obj[1].value.type = ML_JSTR;
    list->obj[1].value.s = next;
  }
  *out = list;
  return ML_EXIT_FINE;
}

/* ---- paths ---- */

void ml_path(ml_buf *b, const char *pattern, ...) {
  va_list ap;

  va_start(ap, pattern);
  for (const char *p = pattern; *p != '\0'; p++)
    if (p[0] == '{' && p[1] == '}') {
      ml_text_put_url(b, ml_str_of(va_arg(ap, const char *)));
      p++;
    } else {
      ml_buf_putc(b, *p);
    }
  va_end(ap);
}

void ml_path_query(ml_buf *b, const char *name, const char *value) {
  bool first;

  if (value == NULL || b->bad)
    return;
  first = b->p == NULL || strchr(b->p, '?') == NULL;
  ml_buf_printf(b, "%c%s=", first ? '?' : '&', name);
  ml_text_put_url(b, ml_str_of(value));
}
