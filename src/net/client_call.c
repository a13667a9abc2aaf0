/*
** client_call.c - one call: copies of what was asked, libcurl's options, and
** what libcurl calls while it transfers.
**
** Where a connection goes is judged when it is made, on_open(), and again when
** one is used, on_ready_to_send(): a connection that stands open was perhaps
** allowed to another call only.
**
** Whether anything was sent is exact: on_ready_to_send() comes before the
** first byte.  libcurl sends again by itself when a kept connection turns out
** to be dead.  For POST and PATCH that is refused: who asked decides whether
** to repeat.
*/
#include "net/client_call.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/plant.h"
#include "net/address.h"
#include "net/client_check.h"

#define TIMEOUT_MS 30000
#define CONNECT_MS 5000
#define BODY_MAX (8u << 20)
#define IDLE_S 10L               /* a kept connection is used again within */

typedef ml_client_call call;

/* ---- a new call ---- */

call *ml_client_call_new(const ml_http_call *ask, ml_http_fn *fn,
                         void *arg) {
  call *k = ml_mem_zero(sizeof *k);

  if (k == NULL)
    return NULL;
  k->fn = fn;
  k->arg = arg;
  k->ask = *ask;
  if (k->ask.timeout_ms <= 0)
    k->ask.timeout_ms = TIMEOUT_MS;
  if (k->ask.connect_ms <= 0)
    k->ask.connect_ms = CONNECT_MS;
  if (k->ask.body_max == 0)
    k->ask.body_max = BODY_MAX;
  k->answer.body_max = k->ask.body_max;
  k->answer.is_head = ml_str_is(ask->method, "HEAD");
  return k;
}

static const char *copy(call *k, ml_str s) {
  return ml_arena_dup(&k->texts, s.n > 0 ? s.p : "", s.n);
}

/* One header line for libcurl; "Name;" is how it wants an empty value. */
static const char *header_copy(call *k, ml_str h) {
  size_t name = (size_t)((const char *)memchr(h.p, ':', h.n) - h.p);
  size_t n = h.n;
  char *line;

  while (n > name + 1 && (h.p[n - 1] == ' ' || h.p[n - 1] == '\t'))
    n--;
  line = ml_arena_dup(&k->texts, h.p, n);
  if (line != NULL && n == name + 1)
    line[name] = ';';
  return line;
}

static bool header_push(call *k, const char *line) {
  struct curl_slist *node;

  if (line == NULL)
    return false;
  node = ml_arena_zero(&k->texts, sizeof *node);
  if (node == NULL)
    return false;
  node->data = (char *)line;     /* libcurl only reads it */
  node->next = k->headers;
  k->headers = node;
  return true;
}

/* The caller's headers in their order, and what libcurl must not add. */
static bool copy_headers(call *k, const ml_http_call *ask) {
  bool typed = false;
  size_t i;

  for (i = ask->header_count; i > 0; i--) {
    if (!header_push(k, header_copy(k, ask->headers[i - 1])))
      return false;
    typed |= ask->headers[i - 1].n >= 13 &&
             strncasecmp(ask->headers[i - 1].p, "Content-Type:", 13) == 0;
  }
  return header_push(k, "Expect:") &&
         (typed || header_push(k, "Content-Type:"));
}

static bool copy_allow(call *k, const ml_http_call *ask) {
  ml_str *allow = ml_arena_alloc(&k->texts,
                                 (ask->allow_count + 1) * sizeof *allow);
  size_t i;

  if (allow == NULL)
    return false;
  for (i = 0; i < ask->allow_count; i++) {
    allow[i] = (ml_str){copy(k, ask->allow[i]), ask->allow[i].n};
    if (allow[i].p == NULL)
      return false;
  }
  k->ask.allow = allow;
  return true;
}

bool ml_client_call_copy(call *k, ml_str url) {
  const ml_http_call *ask = &k->ask;   /* the caller's pointers, till now */

  k->url = copy(k, url);
  k->ask.method.p = copy(k, ask->method);
  k->ask.body.p = copy(k, ask->body);
  if (k->url == NULL || k->ask.method.p == NULL || k->ask.body.p == NULL)
    return false;
  if (ask->unix_path != NULL &&
      (k->ask.unix_path = copy(k, ml_str_of(ask->unix_path))) == NULL)
    return false;
  return copy_allow(k, ask) && copy_headers(k, ask);
}

void ml_client_call_free(call *k) {
  if (k == NULL)
    return;
  ml_loop_timer_free(k->timer);
  ml_client_answer_done(&k->answer);
  ml_arena_free(&k->texts);
  ml_mem_free(k);
}

/* ---- what libcurl calls during a transfer ---- */

static ml_rc judge_address(call *k, const struct sockaddr *sa) {
  return ml_client_check_address(sa, k->ask.allow, k->ask.allow_count,
                                 &k->refused);
}

static curl_socket_t on_open(void *arg, curlsocktype purpose,
                             struct curl_sockaddr *a) {
  call *k = arg;
  bool ok = purpose == CURLSOCKTYPE_IPCXN;

  if (ok && a->family == AF_UNIX)
    ok = k->ask.unix_path != NULL;
  else if (ok)
    ok = k->ask.unix_path == NULL && (judge_address(k, &a->addr) == ML_OK ||
                                        ML_PLANTED(any_address));
  if (!ok)
    return CURL_SOCKET_BAD;
  k->opened = true;
  return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* Judge the address of the connection that will be used. */
static bool judge_connection(call *k, const char *ip, int port) {
  struct sockaddr_storage sa;
  char text[ML_ADDRESS_TEXT];
  socklen_t len;

  if (k->ask.unix_path != NULL)
    return true;
  snprintf(text, sizeof text, strchr(ip, ':') != NULL ? "[%s]:%d" : "%s:%d", ip,
           port);
  if (ml_address_listen(ml_str_of(text), &sa, &len, &k->refused) != ML_OK)
    return false;
  return judge_address(k, (struct sockaddr *)&sa) == ML_OK;
}

static int on_ready_to_send(void *arg, char *ip, char *local_ip, int port,
                            int local_port) {
  call *k = arg;
  bool repeats = !ml_str_is(k->ask.method, "POST") &&
                 !ml_str_is(k->ask.method, "PATCH");

  (void)local_ip;
  (void)local_port;
  if (k->sent && !repeats) {
    k->answer.fault = "the connection ended before an answer came";
    return CURL_PREREQFUNC_ABORT;
  }
  if (!judge_connection(k, ip, port)) {
    k->opened = k->sent;         /* nothing of this try was sent */
    return CURL_PREREQFUNC_ABORT;
  }
  k->sent = true;
  return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg) {
  call *k = arg;

  return ml_client_answer_line(&k->answer, p, size * n) ? size * n : 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg) {
  call *k = arg;

  return ml_client_answer_body(&k->answer, p, size * n) ? size * n : 0;
}

/* ---- options ---- */

/* Everything that does not depend on the call.  What is not listed here is
** off by default: cookies, .netrc by URL, alt-svc, HSTS, redirects. */
static bool set_fixed(CURL *e) {
  bool ok = true;

  ok &= !curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  ok &= !curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
  ok &= !curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  ok &= !curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
  ok &= !curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
                          (long)CURL_HTTP_VERSION_1_1);
  ok &= !curl_easy_setopt(e, CURLOPT_HTTP09_ALLOWED, 0L);
  ok &= !curl_easy_setopt(e, CURLOPT_PROXY, "");
  ok &= !curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
  ok &= !curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  ok &= !curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  ok &= !curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
  ok &= !curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
  ok &= !curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  ok &= !curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
  ok &= !curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, IDLE_S);
  ok &= !curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");
  ok &= !curl_easy_setopt(e, CURLOPT_USERAGENT, "moonlane");
  ok &= !curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
  ok &= !curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_ready_to_send);
  ok &= !curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
  ok &= !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
  return ok;
}

static bool set_method(call *k, CURL *e) {
  bool ok = true;

  if (ml_str_is(k->ask.method, "HEAD"))
    return !curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
  if (k->ask.body.n > 0 || (!ml_str_is(k->ask.method, "GET") &&
                            !ml_str_is(k->ask.method, "DELETE"))) {
    ok &= !curl_easy_setopt(e, CURLOPT_POST, 1L);
    ok &= !curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
                            (curl_off_t)k->ask.body.n);
    ok &= !curl_easy_setopt(e, CURLOPT_POSTFIELDS,
                            k->ask.body.n > 0 ? k->ask.body.p : "");
  } else {
    ok &= !curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
  }
  ok &= !curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, k->ask.method.p);
  return ok;
}

static bool set_own(call *k, CURL *e) {
  bool ok = true;

  ok &= !curl_easy_setopt(e, CURLOPT_URL, k->url);
  ok &= !curl_easy_setopt(e, CURLOPT_HTTPHEADER, k->headers);
  ok &= !curl_easy_setopt(e, CURLOPT_PRIVATE, k);
  ok &= !curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, k);
  ok &= !curl_easy_setopt(e, CURLOPT_PREREQDATA, k);
  ok &= !curl_easy_setopt(e, CURLOPT_HEADERDATA, k);
  ok &= !curl_easy_setopt(e, CURLOPT_WRITEDATA, k);
  ok &= !curl_easy_setopt(e, CURLOPT_ERRORBUFFER, k->curl_says);
  ok &= !curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                          (long)k->ask.connect_ms);
  if (k->ask.unix_path != NULL)
    ok &= !curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, k->ask.unix_path);
  return ok && set_method(k, e);
}

bool ml_client_call_set(call *k, CURL *easy) {
  return set_fixed(easy) && set_own(k, easy);
}
