/* http_reply.c - status line, fields and body of an answer. */
#include "net/http_reply.h"

#include <string.h>

#include "net/http_char.h"

static const struct {
  int status;
  const char *phrase;
} phrases[] = {
  {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"},
  {206, "Partial Content"}, {301, "Moved Permanently"}, {302, "Found"},
  {303, "See Other"}, {304, "Not Modified"}, {307, "Temporary Redirect"},
  {308, "Permanent Redirect"}, {400, "Bad Request"}, {401, "Unauthorized"},
  {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
  {406, "Not Acceptable"}, {408, "Request Timeout"}, {409, "Conflict"},
  {410, "Gone"}, {411, "Length Required"}, {412, "Precondition Failed"},
  {413, "Content Too Large"}, {414, "URI Too Long"},
  {415, "Unsupported Media Type"}, {417, "Expectation Failed"},
  {421, "Misdirected Request"}, {422, "Unprocessable Content"},
  {425, "Too Early"}, {428, "Precondition Required"},
  {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"},
  {500, "Internal Server Error"}, {501, "Not Implemented"},
  {502, "Bad Gateway"}, {503, "Service Unavailable"},
  {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"},
  {507, "Insufficient Storage"}
};

const char *ml_http_reply_phrase(int status) {
  size_t i;

  for (i = 0; i < sizeof phrases / sizeof *phrases; i++) {
    if (phrases[i].status == status)
      return phrases[i].phrase;
  }
  return "Status";
}

/* Names whose fields are made here and nowhere else. */
static bool is_ours(ml_str name) {
  static const char *const ours[] = {"Content-Length", "Transfer-Encoding",
                                     "Connection", "Date"};
  size_t i;

  for (i = 0; i < sizeof ours / sizeof *ours; i++) {
    if (ml_http_is_same(name, ours[i]))
      return true;
  }
  return false;
}

static bool line_ok(const char *line) {
  const char *colon = strchr(line, ':');
  ml_str name;

  if (colon == NULL)
    return false;
  name = (ml_str){line, (size_t)(colon - line)};
  return ml_http_is_token(name) && !is_ours(name) &&
         ml_http_is_value(ml_str_of(colon + 1));
}

static bool reply_ok(const ml_http_reply *r) {
  const char *const *h = r->headers;

  if (r->status < 200 || r->status > 599)
    return false;
  for (; h != NULL && *h != NULL; h++) {
    if (!line_ok(*h))
      return false;
  }
  return true;
}

static void put_number(ml_buf *out, uint64_t n) {
  char digits[20];
  size_t i = sizeof digits;

  do
    digits[--i] = (char)('0' + n % 10);
  while ((n /= 10) > 0);
  ml_buf_put(out, digits + i, sizeof digits - i);
}

bool ml_http_reply_put(ml_buf *out, const ml_http_reply *r) {
  const char *const *h = r->headers;
  bool bodiless = r->status == 204 || r->status == 304;

  if (!reply_ok(r))
    return false;
  ml_buf_put(out, "HTTP/1.1 ", 9);
  put_number(out, (uint64_t)r->status);
  ml_buf_putc(out, ' ');
  ml_buf_puts(out, ml_http_reply_phrase(r->status));
  ml_buf_put(out, "\r\nDate: ", 8);
  ml_buf_put(out, r->date.p, r->date.n);
  if (!bodiless) {
    ml_buf_put(out, "\r\nContent-Length: ", 18);
    put_number(out, r->body.n);
  }
  if (r->close)
    ml_buf_puts(out, "\r\nConnection: close");
  else if (r->keep_1_0)
    ml_buf_puts(out, "\r\nConnection: keep-alive");
  for (; h != NULL && *h != NULL; h++) {
    ml_buf_put(out, "\r\n", 2);
    ml_buf_puts(out, *h);
  }
  ml_buf_put(out, "\r\n\r\n", 4);
  if (!bodiless && !r->is_head)
    ml_buf_put(out, r->body.p, r->body.n);
  return true;
}
