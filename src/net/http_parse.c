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

#include "base/mem.h"
#include "net/http_char.h"
#include "net/http_mean.h"

#define METHOD_MAX 32u
#define CHUNK_DIGITS_MAX 16u
#define CHUNK_EXT_MAX 1024u      /* all extensions of one body */
#define KEEP_BYTES 16384u        /* larger buffers are given back at reset */

enum state {
  S_START, S_START_LF, S_METHOD, S_TARGET, S_VERSION, S_VERSION_LF,
  S_LINE, S_NAME, S_VALUE_BEGIN, S_VALUE, S_VALUE_LF, S_BLANK_LF,
  S_BODY,
  S_SIZE_BEGIN, S_SIZE, S_EXT_BEGIN, S_EXT, S_EXT_VALUE_BEGIN, S_EXT_VALUE,
  S_EXT_QUOTED, S_EXT_ESCAPE, S_EXT_END, S_SIZE_LF,
  S_CHUNK, S_CHUNK_CR, S_CHUNK_LF,
  S_HEAD,                        /* from here on no function takes bytes */
  S_DONE,
  S_REFUSED
};

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

/* Bytes of one kind, at most one more than the limit still has room for. */
static size_t take(ml_http_parse *p, const char *at, const char *end,
                   ml_http_char kind, uint32_t limit, uint32_t used) {
  size_t room = (size_t)(limit - used) + 1;   /* used <= limit, always */
  size_t n;

  if ((size_t)(end - at) > room)
    end = at + room;
  n = ml_http_char_span(at, end, kind);
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

  while (q < end && *q >= 'A' && *q <= 'Z') {
    if (p->line_bytes + (size_t)(++q - at) > METHOD_MAX)
      return refuse(p, at, 400, "the method is longer than 32 letters");
  }
  if (!line_count(p, (size_t)(q - at)))
    return line_too_long(p, at);
  ml_buf_put(&p->text, at, (size_t)(q - at));
  if (q == end)
    return q;
  if (*q != ' ')
    return refuse(p, q, 400, "a method is a word of capital letters, and one "
                             "blank stands behind it");
  if (!line_count(p, 1))
    return line_too_long(p, q);
  p->method_at = ml_http_item_end(p);
  p->state = S_TARGET;
  return q + 1;
}

static const char *on_target(ml_http_parse *p, const char *at,
                             const char *end) {
  size_t n = take(p, at, end, ML_HTTP_TARGET, p->limits.line, p->line_bytes);
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
  p->target_at = ml_http_item_end(p);
  if (p->text.bad)
    return no_memory(p, at);
  if (strcmp(text_of(p, p->method_at), "CONNECT") == 0)
    return refuse(p, at, 501, "this server makes no tunnels");
  fault = ml_http_mean_target(p);
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
  size_t n = take(p, at, end, ML_HTTP_TOKEN, p->limits.header_bytes, p->head_bytes);

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
  if (!field_push(p, ml_http_item_end(p)) || p->text.bad)
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
  size_t n = take(p, at, end, ML_HTTP_VALUE, p->limits.header_bytes, p->head_bytes);

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
  value = ml_http_item_end(p);
  if (p->text.bad)
    return no_memory(p, at);
  if (p->in_trailer) {
    fault = ml_http_mean_trailer(p, name);
    p->text.len = p->mark = name.at;
  } else {
    fault = ml_http_mean_field(p, name, value);
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

/* The fields are complete: what do they say together? */
static const char *head_end(ml_http_parse *p, const char *at) {
  const char *fault = ml_http_mean_head(p);

  if (fault != NULL)
    return refuse(p, at, 400, fault);
  if (p->has_length && p->left > p->limits.body)
    return refuse(p, at, 413, "the body is too large");
  if (p->text.bad || !link_texts(p))
    return no_memory(p, at);
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
  if (ml_http_char_hex(*at) < 0)
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
    p->state = S_EXT_BEGIN;
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

  for (; at < end && (digit = ml_http_char_hex(*at)) >= 0; at++) {
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

/* What an extension's text comes to with one more byte; S_SIZE: what stands
** there may only be the end of the extension; S_REFUSED: nothing may. */
static int ext_next(int state, char c) {
  bool token = ml_http_char_is(c, ML_HTTP_TOKEN);

  switch (state) {
  case S_EXT_BEGIN:
    return token ? S_EXT : S_REFUSED;
  case S_EXT:
    return token ? S_EXT : c == '=' ? S_EXT_VALUE_BEGIN : S_SIZE;
  case S_EXT_VALUE_BEGIN:
    return token ? S_EXT_VALUE : c == '"' ? S_EXT_QUOTED : S_REFUSED;
  case S_EXT_VALUE:
    return token ? S_EXT_VALUE : S_SIZE;
  default:                       /* behind the quotes */
    return S_SIZE;
  }
}

/* ;name, ;name=value or ;name="quoted", and the next: checked, dropped. */
static const char *on_ext(ml_http_parse *p, const char *at,
                          const char *end) {
  int next = ext_next(p->state, *at);

  (void)end;
  if (++p->ext_bytes > CHUNK_EXT_MAX)
    return refuse(p, at, 400, "the chunk extensions are too long");
  if (next == S_SIZE && (*at == ';' || *at == '\r' || *at == '\n'))
    return size_end(p, at);
  if (next == S_SIZE || next == S_REFUSED)
    return refuse(p, at, 400, "a chunk extension is not a name, or a name and "
                              "its value");
  p->state = next;
  return at + 1;
}

static const char *on_ext_quoted(ml_http_parse *p, const char *at,
                                 const char *end) {
  (void)end;
  if (++p->ext_bytes > CHUNK_EXT_MAX)
    return refuse(p, at, 400, "the chunk extensions are too long");
  if (!ml_http_char_is(*at, ML_HTTP_VALUE))
    return refuse(p, at, 400, "a chunk extension holds a control byte");
  if (p->state == S_EXT_ESCAPE)
    p->state = S_EXT_QUOTED;
  else if (*at == '"')
    p->state = S_EXT_END;
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
  [S_EXT_BEGIN] = on_ext,
  [S_EXT] = on_ext,
  [S_EXT_VALUE_BEGIN] = on_ext,
  [S_EXT_VALUE] = on_ext,
  [S_EXT_QUOTED] = on_ext_quoted,
  [S_EXT_ESCAPE] = on_ext_quoted,
  [S_EXT_END] = on_ext,
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
