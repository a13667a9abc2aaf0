/* client_answer.c - gather an answer and judge it strictly. */
#include "net/client_answer.h"

#include <string.h>

#include "base/mem.h"
#include "net/http_char.h"

#define HEAD_BYTES_MAX 65536u    /* all lines, informational answers too */
#define FIELDS_MAX 256u

void ml_client_answer_done(ml_client_answer *a) {
  ml_buf_free(&a->body);
  ml_buf_free(&a->text);
  ml_mem_free(a->headers);
  a->headers = NULL;
}

static bool fault(ml_client_answer *a, const char *why) {
  a->fault = why;
  return false;
}

/* "HTTP/1.1 200 OK": forget what an informational answer said before. */
static bool status_line(ml_client_answer *a, const char *p, size_t n) {
  int i, status = 0;

  if (n < 12 || p[8] != ' ' || (n > 12 && p[12] != ' '))
    return fault(a, "the status line is not HTTP");
  for (i = 9; i < 12; i++) {
    if (p[i] < '0' || p[i] > '9')
      return fault(a, "the status line is not HTTP");
    status = status * 10 + (p[i] - '0');
  }
  if (status < 100 || status > 599 || status == 101)
    return fault(a, "the status is not one that an answer may have");
  ml_buf_reset(&a->text);
  a->status = status;
  a->fields = 0;
  a->has_length = a->chunked = false;
  return true;
}

static bool length_field(ml_client_answer *a, ml_str v) {
  uint64_t n = 0;
  size_t i;

  if (v.n == 0 || v.n > 18)
    return fault(a, "the answer's Content-Length is not a number");
  for (i = 0; i < v.n; i++) {
    if (v.p[i] < '0' || v.p[i] > '9')
      return fault(a, "the answer's Content-Length is not a number");
    n = n * 10 + (uint64_t)(v.p[i] - '0');
  }
  if (a->has_length && n != a->length)
    return fault(a, "the answer has two different Content-Length fields");
  a->has_length = true;
  a->length = n;
  return true;
}

static bool field(ml_client_answer *a, const char *p, size_t n) {
  const char *colon = memchr(p, ':', n);
  ml_str name, value;

  if (colon == NULL)
    return fault(a, "a header line of the answer has no colon");
  name = (ml_str){p, (size_t)(colon - p)};
  value = (ml_str){colon + 1, n - name.n - 1};
  while (value.n > 0 && (value.p[0] == ' ' || value.p[0] == '\t')) {
    value.p++;
    value.n--;
  }
  while (value.n > 0 && (value.p[value.n - 1] == ' ' ||
                         value.p[value.n - 1] == '\t'))
    value.n--;
  if (!ml_http_is_token(name) || !ml_http_is_value(value))
    return fault(a, "a header line of the answer holds a byte that is not "
                    "allowed");
  if (++a->fields > FIELDS_MAX)
    return fault(a, "the answer has more than 256 header fields");
  if (ml_http_is_same(name, "Transfer-Encoding")) {
    if (!ml_http_is_same(value, "chunked") || a->chunked)
      return fault(a, "the answer's Transfer-Encoding is not \"chunked\" alone");
    a->chunked = true;
  }
  if (ml_http_is_same(name, "Content-Length") && !length_field(a, value))
    return false;
  ml_buf_put(&a->text, name.p, name.n);
  ml_buf_putc(&a->text, '\0');
  ml_buf_put(&a->text, value.p, value.n);
  ml_buf_putc(&a->text, '\0');
  return a->text.bad ? fault(a, "out of memory") : true;
}

bool ml_client_answer_line(ml_client_answer *a, const char *p, size_t n) {
  if (n > HEAD_BYTES_MAX - a->head_bytes)
    return fault(a, "the answer's headers are larger than 64 KiB");
  a->head_bytes += (uint32_t)n;
  if (n == 0 || p[n - 1] != '\n')
    return fault(a, "a header line of the answer is cut");
  n -= n >= 2 && p[n - 2] == '\r' ? 2 : 1;
  if (a->whole_head)
    return true;                 /* a trailer: dropped */
  if (n >= 5 && memcmp(p, "HTTP/", 5) == 0)
    return status_line(a, p, n);
  if (a->status == 0)
    return fault(a, "the answer does not begin with a status line");
  if (n == 0) {
    a->whole_head = a->status >= 200;
    if (a->whole_head && a->chunked && a->has_length)
      return fault(a, "the answer has both Content-Length and "
                      "Transfer-Encoding");
    return true;
  }
  return field(a, p, n);
}

bool ml_client_answer_body(ml_client_answer *a, const char *p, size_t n) {
  if (n > a->body_max - a->body.len)
    return fault(a, "the answer's body is larger than allowed");
  ml_buf_put(&a->body, p, n);
  return a->body.bad ? fault(a, "out of memory") : true;
}

const char *ml_client_answer_judge(const ml_client_answer *a) {
  if (a->fault != NULL)
    return a->fault;
  if (!a->whole_head)
    return "the connection ended before the end of the answer's headers";
  if (a->is_head || a->status == 204 || a->status == 304)
    return NULL;
  if (!a->chunked && !a->has_length)
    return "the answer says neither how long it is nor comes in chunks: "
           "nobody can tell whether it is whole";
  return NULL;
}

const ml_http_header *ml_client_answer_headers(ml_client_answer *a,
                                               size_t *n) {
  static const ml_http_header none;
  const char *p = a->text.p;
  size_t i;

  *n = a->fields;
  if (a->fields == 0)
    return &none;
  a->headers = ml_mem_alloc(a->fields * sizeof *a->headers);
  if (a->headers == NULL)
    return NULL;
  for (i = 0; i < a->fields; i++) {
    a->headers[i].name = ml_str_of(p);
    p += a->headers[i].name.n + 1;
    a->headers[i].value = ml_str_of(p);
    p += a->headers[i].value.n + 1;
  }
  return a->headers;
}
