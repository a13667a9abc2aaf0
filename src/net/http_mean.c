/*
** http_mean.c - the request target, and the fields that frame a request.
**
** Each function gives NULL or a sentence: why the request is refused.
*/
#include "net/http_mean.h"

#include <string.h>
#include <strings.h>

#include "base/plant.h"
#include "net/http_char.h"

static const char *text_of(const ml_http_parse *p, ml_http_span s) {
  return p->text.p + s.at;
}

static bool same(const char *p, size_t n, const char *lit) {
  return ml_http_is_same((ml_str){p, n}, lit);
}

/* End the item begun at mark: its span, and the mark of the next one. */
ml_http_span ml_http_item_end(ml_http_parse *p) {
  ml_http_span s = {p->mark, (uint32_t)p->text.len - p->mark};

  ml_buf_putc(&p->text, '\0');
  p->mark = (uint32_t)p->text.len;
  return s;
}

/* A copy of a text that stands in the buffer already, with its own NUL. */
static ml_http_span copy_of(ml_http_parse *p, ml_http_span s) {
  if (ml_buf_room(&p->text, s.n) != NULL)   /* it moves before we look */
    ml_buf_put(&p->text, text_of(p, s), s.n);
  return ml_http_item_end(p);
}

/* ---- the target ---- */

/* Where the path begins in an absolute-form target; 0: not one. */
static size_t scheme_of(const char *t, size_t n) {
  if (n > 7 && strncasecmp(t, "http://", 7) == 0)
    return 7;
  return n > 8 && strncasecmp(t, "https://", 8) == 0 ? 8 : 0;
}

static const char *escapes_fault(const char *t, size_t n) {
  const char *end = t + n;

  while ((t = memchr(t, '%', (size_t)(end - t))) != NULL) {
    if (end - t < 3 || ml_http_char_hex(t[1]) < 0 || ml_http_char_hex(t[2]) < 0)
      return "a '%' in the request target is not followed by two hex digits";
    t += 3;
  }
  return NULL;
}

/* Split the target: [scheme authority] path ['?' query].  The authority is
** kept in host_at until Host can be compared with it. */
static const char *split(ml_http_parse *p) {
  const char *t = text_of(p, p->target_at);
  uint32_t n = p->target_at.n, begin = 0, stop;
  size_t scheme;
  const char *mark;

  if (n == 1 && t[0] == '*' &&
      strcmp(text_of(p, p->method_at), "OPTIONS") == 0) {
    p->path_at = p->target_at;
    return NULL;
  }
  scheme = scheme_of(t, n);
  if (scheme > 0) {
    begin = (uint32_t)(scheme + strcspn(t + scheme, "/?"));
    p->host_at = (ml_http_span){p->target_at.at + (uint32_t)scheme,
                                begin - (uint32_t)scheme};
    if (begin == scheme)
      return "the request target names no host";
  } else if (t[0] != '/') {
    return "the request target does not begin with '/'";
  }
  mark = memchr(t + begin, '?', n - begin);
  stop = mark != NULL ? (uint32_t)(mark - t) : n;
  p->has_query = mark != NULL;
  if (p->has_query)
    p->query_at = (ml_http_span){p->target_at.at + stop + 1, n - stop - 1};
  p->path_at = (ml_http_span){p->target_at.at + begin, stop - begin};
  if (begin == stop) {           /* "http://host": the path is "/" */
    ml_buf_putc(&p->text, '/');
    p->path_at = ml_http_item_end(p);
  } else if (p->has_query) {     /* a copy, for the NUL behind it */
    p->path_at = copy_of(p, p->path_at);
  }
  return NULL;
}

const char *ml_http_mean_target(ml_http_parse *p) {
  const char *fault = escapes_fault(text_of(p, p->target_at), p->target_at.n);

  return fault != NULL ? fault : split(p);
}

/* ---- fields whose meaning matters here ---- */

typedef const char *meaning(ml_http_parse *p, ml_http_span value);

static const char *host_fault(const char *h, size_t n) {
  const char *end = h + n;
  uint32_t port = 0;

  if (n > 0 && *h == '[') {
    h++;
    while (h < end && (ml_http_char_hex(*h) >= 0 || *h == ':' || *h == '.'))
      h++;
    if (h == end || *h != ']')
      return "the host is not a proper IPv6 address in brackets";
    h++;
  } else {
    h += ml_http_char_span(h, end, ML_HTTP_HOST);
    if (h == end - n)
      return "the host is empty";
  }
  if (h < end && *h == ':') {
    for (h++; h < end && *h >= '0' && *h <= '9' && port <= 65535; h++)
      port = port * 10 + (uint32_t)(*h - '0');
  }
  return h == end && port <= 65535 ? NULL
                                   : "the host is not a name or an address "
                                     "with at most a port";
}

/* The host of an absolute-form target, kept in host_at, must be the same. */
static const char *mean_host(ml_http_parse *p, ml_http_span v) {
  const char *fault = NULL;

  if (v.n > 0 || !p->limits.host_optional)
    fault = host_fault(text_of(p, v), v.n);
  if (fault == NULL && p->host_at.n > 0 &&
      (p->host_at.n != v.n ||
       strncasecmp(text_of(p, p->host_at), text_of(p, v), v.n) != 0))
    fault = "the request target names another host than Host";
  p->host_at = v;
  return fault;
}

static const char *mean_length(ml_http_parse *p, ml_http_span v) {
  const char *t = text_of(p, v);
  uint32_t i;

  if (v.n == 0)
    return "Content-Length is empty";
  p->left = 0;
  for (i = 0; i < v.n; i++) {
    if (t[i] < '0' || t[i] > '9')
      return "Content-Length is not one decimal number";
    p->left = p->left > UINT64_MAX / 16 ? UINT64_MAX / 16 + 1
                                        : p->left * 10 + (uint64_t)(t[i] - '0');
  }
  if (ML_PLANTED(short_length))
    p->left = (uint32_t)p->left;
  p->has_length = true;
  return NULL;
}

static const char *mean_coding(ml_http_parse *p, ml_http_span v) {
  if (!same(text_of(p, v), v.n, "chunked"))
    return "Transfer-Encoding is not \"chunked\" alone";
  p->chunked = true;
  return NULL;
}

static const char *mean_connection(ml_http_parse *p, ml_http_span v) {
  const char *t = text_of(p, v), *end = t + v.n;
  size_t n;

  for (;;) {
    t += strspn(t, " \t,");
    if (t >= end)
      return NULL;
    n = strcspn(t, " \t,");
    p->wants_close |= same(t, n, "close");
    p->wants_keep |= same(t, n, "keep-alive");
    t += n;
  }
}

static const char *mean_expect(ml_http_parse *p, ml_http_span v) {
  if (p->http_1_0)
    return NULL;
  if (!same(text_of(p, v), v.n, "100-continue")) {
    p->status = 417;
    return "the only expectation met here is 100-continue";
  }
  p->expects = true;
  return NULL;
}

/* Fields that may stand once (Host is the first), and what they mean to framing. */
static const struct single {
  const char *name;
  uint32_t n;
  meaning *mean;
} singles[] = {
#define SINGLE(name, mean) {name, sizeof(name) - 1, mean}
  SINGLE("Host", mean_host),
  SINGLE("Content-Length", mean_length),
  SINGLE("Transfer-Encoding", mean_coding),
  SINGLE("Expect", mean_expect),
  SINGLE("Content-Type", NULL),
  SINGLE("Authorization", NULL),
  SINGLE("Idempotency-Key", NULL),
  SINGLE("If-Match", NULL),
  SINGLE("Origin", NULL),
  SINGLE("Sec-Fetch-Site", NULL),
#undef SINGLE
};

const char *ml_http_mean_field(ml_http_parse *p, ml_http_span name,
                               ml_http_span value) {
  const char *t = text_of(p, name);
  size_t i;

  if (same(t, name.n, "Connection"))
    return mean_connection(p, value);
  for (i = 0; i < sizeof singles / sizeof *singles; i++) {
    if (singles[i].n != name.n || strncasecmp(t, singles[i].name, name.n) != 0)
      continue;
    if ((p->seen & 1u << i) != 0)
      return "a header field that may stand once stands twice";
    p->seen |= 1u << i;
    return singles[i].mean != NULL ? singles[i].mean(p, value) : NULL;
  }
  return NULL;
}

/* Trailers are dropped, but none may pretend to frame the message. */
const char *ml_http_mean_trailer(const ml_http_parse *p, ml_http_span name) {
  const char *t = text_of(p, name);

  return same(t, name.n, "Content-Length") ||
                 same(t, name.n, "Transfer-Encoding") ||
                 same(t, name.n, "Host")
             ? "a trailer field may not say how the message is framed"
             : NULL;
}

/* ---- all together ---- */

/* An absolute-form target on 1.0 without Host: its authority is the host. */
static const char *host_from_target(ml_http_parse *p) {
  ml_http_span a = p->host_at;
  const char *fault = host_fault(text_of(p, a), a.n);

  if (fault == NULL)
    p->host_at = copy_of(p, a);
  return fault;
}

const char *ml_http_mean_head(ml_http_parse *p) {
  bool has_host = (p->seen & 1u) != 0;   /* the first of `singles` */

  if (!has_host && !p->http_1_0 && !p->limits.host_optional)
    return "HTTP/1.1 asks for a Host field, and there is none";
  if (p->chunked && p->has_length && !ML_PLANTED(two_framings))
    return "Content-Length and Transfer-Encoding stand together";
  if (p->chunked && p->http_1_0)
    return "HTTP/1.0 knows no Transfer-Encoding";
  p->keep_alive = !p->wants_close && (!p->http_1_0 || p->wants_keep);
  p->has_body = p->chunked || p->left > 0;
  return !has_host && p->host_at.n > 0 ? host_from_target(p) : NULL;
}

