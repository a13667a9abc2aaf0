/* api_problem.c - what went wrong, as application/problem+json (RFC 9457).
** Types are stable: "urn:moonlane:problem:<slug>". */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/api_call.h"
#include "base/text.h"

/* Every problem there is: its status, type and title. */
static const struct problem {
  int status;
  const char *slug, *title;
} problems[] = {
  {400, "bad-request", "The request cannot be understood"},
  {401, "unauthorized", "A valid token is needed"},
  {403, "refused", "Not allowed to this caller"},
  {404, "not-found", "There is no such thing"},
  {405, "method-not-allowed", "This path does not take this method"},
  {408, "request-timeout", "The request took too long to arrive"},
  {409, "conflict", "The thing is in another state"},
  {409, "exists", "It is there already"},
  {409, "stale", "It has changed meanwhile"},
  {412, "precondition-failed", "It is not at the version of If-Match"},
  {413, "too-large", "The body is too large"},
  {414, "target-too-long", "The request line is too long"},
  {415, "unsupported-type", "The body must be application/json"},
  {421, "misdirected", "This host name is not served here"},
  {422, "invalid-input", "The input is not valid"},
  {422, "key-reused", "The Idempotency-Key was used for another request"},
  {429, "limit", "A limit was reached"},
  {431, "header-too-large", "The header is too large"},
  {500, "internal", "Something went wrong inside"},
  {501, "not-implemented", "This is not done here"},
  {502, "unreachable", "The other side did not answer"},
  {503, "try-again", "Not now; try again"},
  {503, "out-of-memory", "Memory is short; try again"},
  {504, "timeout", "It took too long"},
  {505, "http-version", "Only HTTP/1.0 and HTTP/1.1 are spoken"},
  {507, "storage-full", "There is no room on disk"}};

static const struct { int status; const char *slug; } by_rc[ML_RC_COUNT] = {
  [ML_OK] = {500, "internal"},          [ML_NOMEM] = {503, "out-of-memory"},
  [ML_INVALID] = {422, "invalid-input"}, [ML_NOT_FOUND] = {404, "not-found"},
  [ML_EXISTS] = {409, "exists"},        [ML_CONFLICT] = {409, "conflict"},
  [ML_STALE] = {409, "stale"},          [ML_REFUSED] = {403, "refused"},
  [ML_LIMIT] = {429, "limit"},          [ML_FULL] = {507, "storage-full"},
  [ML_IO] = {500, "internal"},          [ML_UNKNOWN] = {500, "internal"},
  [ML_CORRUPT] = {500, "internal"},     [ML_UNREACHABLE] = {502, "unreachable"},
  [ML_TIMEOUT] = {504, "timeout"},      [ML_AGAIN] = {503, "try-again"}};

static const struct problem *find(int status, const char *slug) {
  const struct problem *first = NULL;

  for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
    if (problems[i].status != status)
      continue;
    if (slug != NULL && strcmp(problems[i].slug, slug) == 0)
      return &problems[i];
    if (first == NULL)
      first = &problems[i];
  }
  return first;
}

const char *ml_problem_slug(int status) {
  const struct problem *p = find(status, NULL);

  return p != NULL ? p->slug : "bad-request";
}

static void put_allowed(ml_jw *w, const char *allowed) {
  ml_str words = ml_str_of(allowed);

  ml_jw_key(w, "allowed");
  ml_jw_arr(w);
  for (ml_str one = ml_shape_part(&words, '|'); one.p != NULL;
       one = ml_shape_part(&words, '|'))
    ml_jw_str(w, one);
  ml_jw_end(w);
}

/* A place is a JSON pointer into the input, or a script's file:line. */
static void put_at(ml_jw *w, const char *at) {
  if (at == NULL || at[0] == '\0')
    return;
  ml_jw_kstrz(w, at[0] == '/' ? "pointer" : "at", at);
}

void ml_problem_put(ml_buf *out, int status, const char *slug,
                    const char *detail, const char *at, const char *allowed) {
  const struct problem *p = find(status, slug);
  char type[96];
  ml_jw w;

  snprintf(type, sizeof type, "urn:moonlane:problem:%s",
           slug != NULL ? slug : ml_problem_slug(status));
  ml_jw_init(&w, out);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "type", type);
  ml_jw_kstrz(&w, "title", p != NULL ? p->title : "The request was refused");
  ml_jw_kint(&w, "status", status);
  if (detail != NULL && detail[0] != '\0')
    ml_jw_kstrz(&w, "detail", detail);
  put_at(&w, at);
  if (allowed != NULL)
    put_allowed(&w, allowed);
  ml_jw_end(&w);
}

void ml_call_problem(ml_call *c, int status, const char *slug, const char *at,
                     const char *allowed, const char *fmt, ...) {
  char detail[600];
  va_list ap;

  va_start(ap, fmt);
  vsnprintf(detail, sizeof detail, fmt, ap);
  va_end(ap);
  ml_buf_reset(&c->out);
  if (c->route != NULL && (c->route->flags & ML_ROUTE_EXT) != 0) {
    ml_buf_puts(&c->out, "{\"_data\":null,\"_meta\":{},\"_errors\":[");
    ml_problem_put(&c->out, status, slug, detail, at, allowed);
    ml_buf_puts(&c->out, "]}");
    ml_call_send_as(c, status, "application/json");
    return;
  }
  ml_problem_put(&c->out, status, slug, detail, at, allowed);
  ml_call_send_as(c, status, "application/problem+json");
}

void ml_call_refuse(ml_call *c, ml_rc rc, const ml_err *e) {
  int status = by_rc[rc].status;
  const char *slug = by_rc[rc].slug;
  const char *text = e != NULL && e->text[0] != '\0' ? e->text : "";
  const char *at = e != NULL ? e->at : NULL;

  if (rc == ML_AGAIN && e != NULL && c->retry_s == 0)
    c->retry_s = e->after_s;
  if (c->has_match && (rc == ML_CONFLICT || rc == ML_STALE)) {
    status = 412;
    slug = "precondition-failed";
  }
  if (rc == ML_INVALID && c->has_key && at != NULL
      && strcmp(at, "/Idempotency-Key") == 0) {
    slug = "key-reused";
    at = NULL;
  }
  ml_call_problem(c, status, slug, at, NULL, "%s", text);
}
