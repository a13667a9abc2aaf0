/*
** http_parse.c - the request parser's state machine.
**
** Each state has a function that takes at least one byte, or refuses; the
** functions stand below in the order in which a request passes them.  Texts
** are gathered in one buffer, each with a NUL, and known by offsets until the
** fields are complete, because the buffer moves while it grows.
**
** Every refusal goes through refuse(), which ends the machine for good.
*/
#include "net/http_parse.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define METHOD_MAX 32u
#define CHUNK_DIGITS_MAX 16u
#define CHUNK_EXT_MAX 1024u      /* all extensions of one body */
#define KEEP_BYTES 16384u        /* larger buffers are given back at reset */

enum state {
  S_START, S_START_LF, S_METHOD, S_TARGET, S_VERSION, S_VERSION_LF,
  S_LINE, S_NAME, S_VALUE_BEGIN, S_VALUE, S_VALUE_LF, S_BLANK_LF,
  S_BODY,
  S_SIZE_BEGIN, S_SIZE, S_EXT, S_EXT_QUOTED, S_EXT_ESCAPE, S_SIZE_LF,
  S_CHUNK, S_CHUNK_CR, S_CHUNK_LF,
  S_HEAD,                        /* from here on no function takes bytes */
  S_DONE,
  S_REFUSED
};

/* ---- characters ---- */

enum {
  TOKEN = 1,     /* RFC 9110 tchar */
  TARGET = 2,    /* RFC 3986, and what browsers do not encode: [ ] { } | ^ */
  VALUE = 4,     /* visible, blank, tab, above 0x7f */
  HOSTCH = 8     /* a name or an IPv4 address */
};
#define ALL (TOKEN | TARGET | VALUE | HOSTCH)

static const uint8_t classes[256] = {
  ['\t'] = VALUE,
  [' '] = VALUE,
  ['!'] = TOKEN | TARGET | VALUE,
  ['"'] = VALUE,
  ['#'] = TOKEN | VALUE,
  ['$' ... '\''] = TOKEN | TARGET | VALUE,
  ['(' ... ')'] = TARGET | VALUE,
  ['*' ... '+'] = TOKEN | TARGET | VALUE,
  [','] = TARGET | VALUE,
  ['-' ... '.'] = ALL,
  ['/'] = TARGET | VALUE,
  ['0' ... '9'] = ALL,
  [':' ... ';'] = TARGET | VALUE,
  ['<'] = VALUE,
  ['='] = TARGET | VALUE,
  ['>'] = VALUE,
  ['?' ... '@'] = TARGET | VALUE,
  ['A' ... 'Z'] = ALL,
  ['['] = TARGET | VALUE,
  ['\\'] = VALUE,
  [']'] = TARGET | VALUE,
  ['^'] = TOKEN | TARGET | VALUE,
  ['_'] = ALL,
  ['`'] = TOKEN | VALUE,
  ['a' ... 'z'] = ALL,
  ['{'] = TARGET | VALUE,
  ['|'] = TOKEN | TARGET | VALUE,
  ['}'] = TARGET | VALUE,
  ['~'] = ALL,
  [0x80 ... 0xff] = VALUE
};

static bool is(char c, int class) {
  return (classes[(unsigned char)c] & class) != 0;
}

static size_t span_of(const char *at, const char *end, int class) {
  const char *p = at;

  while (p < end && is(*p, class))
    p++;
  return (size_t)(p - at);
}

static int hex_of(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

static bool same(const char *p, size_t n, const char *lit) {
  return strlen(lit) == n && strncasecmp(p, lit, n) == 0;
}

bool ml_http_parse_is_token(ml_str s) {
  return s.n > 0 && span_of(s.p, s.p + s.n, TOKEN) == s.n;
}

bool ml_http_parse_is_value(ml_str s) {
  return s.n == 0 || span_of(s.p, s.p + s.n, VALUE) == s.n;
}

/* ---- texts ---- */

/* The result of a state's function that ends the machine. */
static const char *refuse(ml_http_parse *p, const char *at, int status,
                          const char *why) {
  p->status = status;
  p->why = why;
  p->state = S_REFUSED;
  return at;
}

static const char *no_memory(ml_http_parse *p, const char *at) {
  return refuse(p, at, 503, "the server is short of memory");
}

static const char *text_of(const ml_http_parse *p, ml_http_span s) {
  return p->text.p + s.at;
}

static ml_str str_of(const ml_http_parse *p, ml_http_span s) {
  return (ml_str){text_of(p, s), s.n};
}

/* End the item begun at mark: its span, and the mark of the next one. */
static ml_http_span item_end(ml_http_parse *p) {
  ml_http_span s = {p->mark, (uint32_t)p->text.len - p->mark};

  ml_buf_putc(&p->text, '\0');
  p->mark = (uint32_t)p->text.len;
  return s;
}

/* Count n bytes of the request line, or of the fields; false: too many. */
static bool line_count(ml_http_parse *p, size_t n) {
  p->line_bytes += (uint32_t)n;
  return p->line_bytes <= p->limits.line;
}

static bool head_count(ml_http_parse *p, size_t n) {
  p->head_bytes += (uint32_t)n;
  return p->head_bytes <= p->limits.header_bytes;
}

static const char *line_too_long(ml_http_parse *p, const char *at) {
  return refuse(p, at, 414, "the request line is too long");
}

static const char *head_too_long(ml_http_parse *p, const char *at) {
  return refuse(p, at, 431, "the header fields are too large");
}

/* Bytes of one class, at most one more than the limit still has room for. */
static size_t take(ml_http_parse *p, const char *at, const char *end,
                   int class, uint32_t limit, uint32_t used) {
  size_t room = (size_t)(limit - used) + 1;   /* used <= limit, always */
  size_t n;

  if ((size_t)(end - at) > room)
    end = at + room;
  n = span_of(at, end, class);
  ml_buf_put(&p->text, at, n);
  return n;
}

/* ---- the request line ---- */

static const char *on_start(ml_http_parse *p, const char *at,
                            const char *end) {
  (void)end;
  if (*at == '\r' && !p->started && p->line_bytes == 0) {
    p->line_bytes = 1;   /* the one empty line that is skipped */
    p->state = S_START_LF;
    return at + 1;
  }
  p->started = true;
  p->line_bytes = 0;
  if (*at < 'A' || *at > 'Z')
    return refuse(p, at, 400,
                  "a request begins with a method of capital letters");
  p->state = S_METHOD;
  return at;
}

static const char *on_start_lf(ml_http_parse *p, const char *at,
                               const char *end) {
  (void)end;
  if (*at != '\n')
    return refuse(p, at, 400, "a CR stands without its LF");
  p->state = S_START;
  return at + 1;
}

static const char *on_method(ml_http_parse *p, const char *at,
                             const char *end) {
  const char *q = at;

  while (q < end && *q >= 'A' && *q <= 'Z')
    q++;
  if (!line_count(p, (size_t)(q - at)))
    return line_too_long(p, at);
  if (p->line_bytes > METHOD_MAX)
    return refuse(p, at, 400, "the method is longer than 32 letters");
  ml_buf_put(&p->text, at, (size_t)(q - at));
  if (q == end)
    return q;
  if (*q != ' ')
    return refuse(p, q, 400, "a method is a word of capital letters, and one "
                             "blank stands behind it");
  if (!line_count(p, 1))
    return line_too_long(p, q);
  p->method_at = item_end(p);
  p->state = S_TARGET;
  return q + 1;
}

/* Where the path begins in an absolute-form target; 0: not one. */
static size_t scheme_of(const char *t, size_t n) {
  if (n > 7 && strncasecmp(t, "http://", 7) == 0)
    return 7;
  return n > 8 && strncasecmp(t, "https://", 8) == 0 ? 8 : 0;
}

static const char *escapes_fault(const char *t, size_t n) {
  const char *end = t + n;

  while ((t = memchr(t, '%', (size_t)(end - t))) != NULL) {
    if (end - t < 3 || hex_of(t[1]) < 0 || hex_of(t[2]) < 0)
      return "a '%' in the request target is not followed by two hex digits";
    t += 3;
  }
  return NULL;
}

/* Split the target: [scheme authority] path ['?' query].  The authority is
** kept in host_at until Host can be compared with it. */
static const char *target_split(ml_http_parse *p) {
  const char *t = text_of(p, p->target_at);
  uint32_t n = p->target_at.n, begin = 0, stop;
  size_t scheme;
  const char *mark;

  if (n == 1 && t[0] == '*' && strcmp(text_of(p, p->method_at), "OPTIONS") == 0) {
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
    p->path_at = item_end(p);
  } else if (p->has_query) {     /* a copy, for the NUL behind it */
    if (ml_buf_room(&p->text, stop - begin) != NULL)
      ml_buf_put(&p->text, p->text.p + p->path_at.at, stop - begin);
    p->path_at = item_end(p);
  }
  return NULL;
}

static const char *on_target(ml_http_parse *p, const char *at,
                             const char *end) {
  size_t n = take(p, at, end, TARGET, p->limits.line, p->line_bytes);
  const char *fault;

  if (!line_count(p, n))
    return line_too_long(p, at);
  at += n;
  if (at == end)
    return at;
  if (*at == '\r' || *at == '\n')
    return refuse(p, at, 400, "the request line ends without a version");
  if (*at != ' ')
    return refuse(p, at, 400, "the request target holds a byte that must be "
                              "percent-encoded");
  if (!line_count(p, 1))
    return line_too_long(p, at);
  if (p->text.bad)
    return no_memory(p, at);
  if (p->text.len == p->mark)
    return refuse(p, at, 400, "the request target is empty, or more than one "
                              "blank stands before it");
  p->target_at = item_end(p);
  if (p->text.bad)
    return no_memory(p, at);
  if (strcmp(text_of(p, p->method_at), "CONNECT") == 0)
    return refuse(p, at, 501, "this server makes no tunnels");
  fault = escapes_fault(text_of(p, p->target_at), p->target_at.n);
  if (fault == NULL)
    fault = target_split(p);
  if (fault != NULL)
    return refuse(p, at, 400, fault);
  p->state = S_VERSION;
  return at + 1;
}

static const char *on_version(ml_http_parse *p, const char *at,
                              const char *end) {
  static const char form[] = "HTTP/d.d";
  size_t i;
  const char *v;

  for (; at < end && (i = p->text.len - p->mark) < 8; at++) {
    if (form[i] == 'd' ? *at < '0' || *at > '9' : *at != form[i])
      return refuse(p, at, 400, "the request line does not end with "
                                "\"HTTP/1.1\" or \"HTTP/1.0\"");
    if (!line_count(p, 1))
      return line_too_long(p, at);
    ml_buf_putc(&p->text, *at);
    if (p->text.bad)
      return no_memory(p, at);
  }
  if (at == end)
    return at;
  v = p->text.p + p->mark;
  if (v[5] != '1' || v[7] > '1')
    return refuse(p, at, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  if (*at != '\r')
    return refuse(p, at, 400, *at == '\n' ? "a line ends with LF alone"
                                          : "the request line does not end "
                                            "behind the version");
  if (!line_count(p, 2))
    return line_too_long(p, at);
  p->http_1_0 = v[7] == '0';
  p->text.len = p->mark;
  p->state = S_VERSION_LF;
  return at + 1;
}

static const char *on_version_lf(ml_http_parse *p, const char *at,
                                 const char *end) {
  (void)end;
  if (*at != '\n')
    return refuse(p, at, 400, "a CR stands without its LF");
  p->state = S_LINE;
  return at + 1;
}

/* ---- fields whose meaning matters here ---- */

typedef const char *meaning(ml_http_parse *p, ml_http_span value);

static const char *host_fault(const char *h, size_t n) {
  const char *end = h + n;
  uint32_t port = 0;

  if (n > 0 && *h == '[') {
    for (h++; h < end && (hex_of(*h) >= 0 || *h == ':' || *h == '.'); h++)
      ;
    if (h == end || *h != ']')
      return "the host is not a proper IPv6 address in brackets";
    h++;
  } else {
    h += span_of(h, end, HOSTCH);
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

/* Fields that may stand once, and what they mean to framing. */
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

static const char *field_mean(ml_http_parse *p, ml_http_span name,
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
static const char *trailer_fault(const ml_http_parse *p, ml_http_span name) {
  const char *t = text_of(p, name);

  return same(t, name.n, "Content-Length") ||
                 same(t, name.n, "Transfer-Encoding") ||
                 same(t, name.n, "Host")
             ? "a trailer field may not say how the message is framed"
             : NULL;
}

/* ---- field lines ---- */

static const char *on_line(ml_http_parse *p, const char *at,
                           const char *end) {
  (void)end;
  if (*at == '\r') {
    if (!head_count(p, 2))
      return head_too_long(p, at);
    p->state = S_BLANK_LF;
    return at + 1;
  }
  if (*at == ' ' || *at == '\t')
    return refuse(p, at, 400, "a header line begins with a blank "
                              "(line folding is not allowed)");
  if (*at == '\n')
    return refuse(p, at, 400, "a line ends with LF alone");
  if (*at == ':')
    return refuse(p, at, 400, "a header field has no name");
  if (++p->field_count > p->limits.header_fields)
    return refuse(p, at, 431, "there are too many header fields");
  p->state = S_NAME;
  return at;
}

static bool field_push(ml_http_parse *p, ml_http_span name) {
  struct ml_http_field *fields;
  uint32_t cap;

  if (p->header_count == p->field_cap) {
    cap = p->field_cap > 0 ? p->field_cap * 2 : 16;
    fields = ml_mem_realloc(p->fields, cap * sizeof *fields);
    if (fields == NULL)
      return false;
    p->fields = fields;
    p->field_cap = cap;
    ml_mem_free(p->linked);
    p->linked = NULL;
  }
  p->fields[p->header_count].name = name;
  return true;
}

static const char *on_name(ml_http_parse *p, const char *at,
                           const char *end) {
  size_t n = take(p, at, end, TOKEN, p->limits.header_bytes, p->head_bytes);

  if (!head_count(p, n))
    return head_too_long(p, at);
  at += n;
  if (at == end)
    return at;
  if (*at != ':')
    return refuse(p, at, 400, *at == ' ' || *at == '\t'
                                  ? "a blank stands before a colon"
                                  : "a header name holds a byte that is not "
                                    "allowed, or no colon follows it");
  if (!head_count(p, 1))
    return head_too_long(p, at);
  if (!field_push(p, item_end(p)) || p->text.bad)
    return no_memory(p, at);
  p->value_at = p->mark;
  p->state = S_VALUE_BEGIN;
  return at + 1;
}

static const char *on_value_begin(ml_http_parse *p, const char *at,
                                  const char *end) {
  const char *q = at;

  while (q < end && (*q == ' ' || *q == '\t'))
    q++;
  if (!head_count(p, (size_t)(q - at)))
    return head_too_long(p, at);
  if (q < end)
    p->state = S_VALUE;
  return q;
}

static const char *on_value(ml_http_parse *p, const char *at,
                            const char *end) {
  size_t n = take(p, at, end, VALUE, p->limits.header_bytes, p->head_bytes);

  if (!head_count(p, n))
    return head_too_long(p, at);
  at += n;
  if (at == end)
    return at;
  if (*at != '\r')
    return refuse(p, at, 400, *at == '\n'
                                  ? "a line ends with LF alone"
                                  : "a header value holds a control byte");
  if (!head_count(p, 2))
    return head_too_long(p, at);
  p->state = S_VALUE_LF;
  return at + 1;
}

static const char *on_value_lf(ml_http_parse *p, const char *at,
                               const char *end) {
  ml_http_span value, name = p->fields[p->header_count].name;
  const char *fault;

  (void)end;
  if (*at != '\n')
    return refuse(p, at, 400, "a CR stands without its LF");
  if (p->text.bad)
    return no_memory(p, at);
  while (p->text.len > p->value_at && (p->text.p[p->text.len - 1] == ' ' ||
                                       p->text.p[p->text.len - 1] == '\t'))
    p->text.len--;
  value = item_end(p);
  if (p->text.bad)
    return no_memory(p, at);
  if (p->in_trailer) {
    fault = trailer_fault(p, name);
    p->text.len = p->mark = name.at;
  } else {
    fault = field_mean(p, name, value);
    p->fields[p->header_count++].value = value;
  }
  if (fault != NULL)
    return refuse(p, at, p->status != 0 ? p->status : 400, fault);
  p->state = S_LINE;
  return at + 1;
}

/* Turn spans into pointers: the texts do not grow any more. */
static bool link_texts(ml_http_parse *p) {
  size_t i;

  if (p->linked == NULL && p->field_cap > 0) {
    p->linked = ml_mem_alloc(p->field_cap * sizeof *p->linked);
    if (p->linked == NULL)
      return false;
  }
  for (i = 0; i < p->header_count; i++) {
    p->linked[i].name = str_of(p, p->fields[i].name);
    p->linked[i].value = str_of(p, p->fields[i].value);
  }
  p->headers = p->linked;
  p->method = str_of(p, p->method_at);
  p->target = str_of(p, p->target_at);
  p->path = str_of(p, p->path_at);
  p->query = p->has_query ? str_of(p, p->query_at) : ML_NOSTR;
  p->host = p->host_at.n > 0 ? str_of(p, p->host_at) : ML_NOSTR;
  return true;
}

/* An absolute-form target on 1.0 without Host: its authority is the host. */
static const char *host_from_target(ml_http_parse *p) {
  ml_http_span a = p->host_at;
  const char *fault = host_fault(text_of(p, a), a.n);

  if (fault != NULL)
    return fault;
  if (ml_buf_room(&p->text, a.n) != NULL)
    ml_buf_put(&p->text, text_of(p, a), a.n);
  p->host_at = item_end(p);
  return NULL;
}

/* The fields are complete: what do they say together? */
static const char *head_end(ml_http_parse *p, const char *at) {
  bool has_host = (p->seen & 1u) != 0;
  const char *fault = NULL;

  if (!has_host && !p->http_1_0 && !p->limits.host_optional)
    fault = "HTTP/1.1 asks for a Host field, and there is none";
  else if (p->chunked && p->has_length)
    fault = "Content-Length and Transfer-Encoding stand together";
  else if (p->chunked && p->http_1_0)
    fault = "HTTP/1.0 knows no Transfer-Encoding";
  else if (!has_host && p->host_at.n > 0)
    fault = host_from_target(p);
  if (fault != NULL)
    return refuse(p, at, 400, fault);
  if (p->has_length && p->left > p->limits.body)
    return refuse(p, at, 413, "the body is too large");
  if (p->text.bad || !link_texts(p))
    return no_memory(p, at);
  p->keep_alive = !p->wants_close && (!p->http_1_0 || p->wants_keep);
  p->has_body = p->chunked || p->left > 0;
  p->state = S_HEAD;
  return at + 1;
}

static const char *on_blank_lf(ml_http_parse *p, const char *at,
                               const char *end) {
  (void)end;
  if (*at != '\n')
    return refuse(p, at, 400, "a CR stands without its LF");
  if (!p->in_trailer)
    return head_end(p, at);
  if (!link_texts(p))   /* trailers may have moved the texts */
    return no_memory(p, at);
  p->state = S_DONE;
  return at + 1;
}

/* ---- the body ---- */

/* Take what belongs to the body, or to the chunk. */
static const char *body_take(ml_http_parse *p, const char *at,
                             const char *end) {
  size_t n = (size_t)(end - at);

  if (n > p->left)
    n = (size_t)p->left;
  ml_buf_put(&p->bytes, at, n);
  if (p->bytes.bad)
    return no_memory(p, at);
  p->left -= n;
  return at + n;
}

static const char *on_body(ml_http_parse *p, const char *at,
                           const char *end) {
  at = body_take(p, at, end);
  if (p->state == S_BODY && p->left == 0)
    p->state = S_DONE;
  return at;
}

static const char *on_size_begin(ml_http_parse *p, const char *at,
                                 const char *end) {
  (void)end;
  if (hex_of(*at) < 0)
    return refuse(p, at, 400, "a chunk does not begin with its size in hex "
                              "digits");
  p->left = 0;
  p->digits = 0;
  p->state = S_SIZE;
  return at;
}

/* Where a size line goes on, behind the size or an extension. */
static const char *size_end(ml_http_parse *p, const char *at) {
  if (*at == ';') {
    p->state = S_EXT;
    return at + 1;
  }
  if (*at != '\r')
    return refuse(p, at, 400, *at == '\n' ? "a line ends with LF alone"
                                          : "a chunk size holds a byte that "
                                            "is not a hex digit");
  p->state = S_SIZE_LF;
  return at + 1;
}

static const char *on_size(ml_http_parse *p, const char *at,
                           const char *end) {
  int digit;

  for (; at < end && (digit = hex_of(*at)) >= 0; at++) {
    if (++p->digits > CHUNK_DIGITS_MAX)
      return refuse(p, at, 400, "a chunk size has more than 16 digits");
    if (p->left > UINT64_MAX / 32)
      return refuse(p, at, 413, "the body is too large");
    p->left = p->left * 16 + (uint64_t)digit;
    if (p->left > p->limits.body - p->bytes.len)
      return refuse(p, at, 413, "the body is too large");
  }
  return at < end ? size_end(p, at) : at;
}

/* ;name=value;name="quoted": checked as far as nothing can hide, dropped. */
static const char *on_ext(ml_http_parse *p, const char *at,
                          const char *end) {
  (void)end;
  if (++p->ext_bytes > CHUNK_EXT_MAX)
    return refuse(p, at, 400, "the chunk extensions are too long");
  if (*at == '"') {
    p->state = S_EXT_QUOTED;
    return at + 1;
  }
  if (is(*at, TOKEN) || *at == '=')
    return at + 1;
  if (*at != ';' && *at != '\r' && *at != '\n')
    return refuse(p, at, 400, "a chunk extension holds a byte that is not "
                              "allowed");
  return size_end(p, at);
}

static const char *on_ext_quoted(ml_http_parse *p, const char *at,
                                 const char *end) {
  (void)end;
  if (++p->ext_bytes > CHUNK_EXT_MAX)
    return refuse(p, at, 400, "the chunk extensions are too long");
  if (!is(*at, VALUE))
    return refuse(p, at, 400, "a chunk extension holds a control byte");
  if (p->state == S_EXT_ESCAPE)
    p->state = S_EXT_QUOTED;
  else if (*at == '"')
    p->state = S_EXT;
  else if (*at == '\\')
    p->state = S_EXT_ESCAPE;
  return at + 1;
}

static const char *on_size_lf(ml_http_parse *p, const char *at,
                              const char *end) {
  (void)end;
  if (*at != '\n')
    return refuse(p, at, 400, "a CR stands without its LF");
  p->in_trailer = p->left == 0;
  p->state = p->in_trailer ? S_LINE : S_CHUNK;
  return at + 1;
}

static const char *on_chunk(ml_http_parse *p, const char *at,
                            const char *end) {
  at = body_take(p, at, end);
  if (p->state == S_CHUNK && p->left == 0)
    p->state = S_CHUNK_CR;
  return at;
}

static const char *on_chunk_end(ml_http_parse *p, const char *at,
                                const char *end) {
  (void)end;
  if (*at != (p->state == S_CHUNK_CR ? '\r' : '\n'))
    return refuse(p, at, 400, "a chunk is not as long as its size says");
  p->state = p->state == S_CHUNK_CR ? S_CHUNK_LF : S_SIZE_BEGIN;
  return at + 1;
}

/* ---- the machine ---- */

typedef const char *step(ml_http_parse *p, const char *at, const char *end);

static step *const steps[S_HEAD] = {
  [S_START] = on_start,
  [S_START_LF] = on_start_lf,
  [S_METHOD] = on_method,
  [S_TARGET] = on_target,
  [S_VERSION] = on_version,
  [S_VERSION_LF] = on_version_lf,
  [S_LINE] = on_line,
  [S_NAME] = on_name,
  [S_VALUE_BEGIN] = on_value_begin,
  [S_VALUE] = on_value,
  [S_VALUE_LF] = on_value_lf,
  [S_BLANK_LF] = on_blank_lf,
  [S_BODY] = on_body,
  [S_SIZE_BEGIN] = on_size_begin,
  [S_SIZE] = on_size,
  [S_EXT] = on_ext,
  [S_EXT_QUOTED] = on_ext_quoted,
  [S_EXT_ESCAPE] = on_ext_quoted,
  [S_SIZE_LF] = on_size_lf,
  [S_CHUNK] = on_chunk,
  [S_CHUNK_CR] = on_chunk_end,
  [S_CHUNK_LF] = on_chunk_end
};

ml_http_parse_end ml_http_parse_feed(ml_http_parse *p, const char *data,
                                     size_t n, size_t *used) {
  const char *at = data, *end = data + n;

  if (p->state == S_HEAD)
    p->state = p->chunked ? S_SIZE_BEGIN : p->left > 0 ? S_BODY : S_DONE;
  while (at < end && p->state < S_HEAD)
    at = steps[p->state](p, at, end);
  *used = (size_t)(at - data);
  switch (p->state) {
  case S_HEAD:
    return ML_PARSE_HEAD;
  case S_DONE:
    p->body = p->bytes.len > 0 ? (ml_str){p->bytes.p, p->bytes.len}
                               : ML_STR("");
    return ML_PARSE_DONE;
  case S_REFUSED:
    return ML_PARSE_REFUSED;
  default:
    return ML_PARSE_MORE;
  }
}

void ml_http_parse_init(ml_http_parse *p, const ml_http_parse_limits *limits) {
  *p = (ml_http_parse){.limits = *limits};
}

/* Empty, and not larger than what a common request needs. */
static ml_buf emptied(ml_buf b) {
  if (b.cap > KEEP_BYTES)
    ml_buf_free(&b);
  ml_buf_reset(&b);
  return b;
}

void ml_http_parse_reset(ml_http_parse *p) {
  *p = (ml_http_parse){.limits = p->limits,
                       .text = emptied(p->text),
                       .bytes = emptied(p->bytes),
                       .fields = p->fields,
                       .linked = p->linked,
                       .field_cap = p->field_cap};
}

void ml_http_parse_done(ml_http_parse *p) {
  ml_buf_free(&p->text);
  ml_buf_free(&p->bytes);
  ml_mem_free(p->fields);
  ml_mem_free(p->linked);
  p->fields = NULL;
  p->linked = NULL;
  p->field_cap = 0;
}
