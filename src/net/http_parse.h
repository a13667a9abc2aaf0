/*
** http_parse.h - a strict HTTP/1.x request parser: bytes in, a request out.
**
** A state machine without I/O.  It is fed whatever arrived, in pieces of any
** size; the pieces make no difference to the verdict.  What RFC 9112 leaves
** to the recipient's mercy is refused: two or odd Content-Length, any
** Transfer-Encoding but one "chunked", both together, obs-fold, NUL and
** other control bytes, bare CR or LF, a blank before a colon, no or two Hosts
** on 1.1, an absolute-form target that names another host than Host.
**
**   for (;;)
**     switch (ml_http_parse_feed(p, data, n, &used)) {  data += used, n -= used
**     case ML_PARSE_MORE:     all was used; feed again when more arrives
**     case ML_PARSE_HEAD:     the fields are there: judge them, feed on (n may
**                             be 0; the body may be complete already)
**     case ML_PARSE_DONE:     the request with its body; n bytes belong to the
**                             next one: ml_http_parse_reset(), then feed on
**     case ML_PARSE_REFUSED:  p->status and p->why; never feed on
**     }
**
** One empty line before a request is skipped.  Chunk extensions are checked
** and dropped, trailers too; both count towards limits.
*/
#ifndef ML_NET_HTTP_PARSE_H
#define ML_NET_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/pack.h"
#include "net/server.h"   /* ml_header */

typedef struct ml_http_parse_limits {
  uint32_t line;              /* request line with CRLF: more 414 */
  uint32_t header_bytes;      /* all field lines, trailers too: more 431 */
  uint32_t header_fields;     /* likewise */
  uint64_t body;              /* more 413, as soon as it is announced */
  bool host_optional;         /* a Unix socket: no Host is no fault */
} ml_http_parse_limits;

typedef enum ml_http_parse_end {
  ML_PARSE_MORE,
  ML_PARSE_HEAD,
  ML_PARSE_DONE,
  ML_PARSE_REFUSED
} ml_http_parse_end;

/* Where a text stands in ml_http_parse.text. */
typedef struct ml_http_span {
  uint32_t at, n;
} ml_http_span;

typedef struct ml_http_parse {
  /* the request, from ML_PARSE_HEAD on; NUL-terminated texts, borrowed until
  ** reset; they may move between HEAD and DONE */
  ml_str method, target, path, query, host;
  const ml_header *headers;
  size_t header_count;
  ml_str body;                /* from ML_PARSE_DONE on */
  bool keep_alive;            /* what version and Connection ask for */
  bool http_1_0;
  bool expects;               /* Expect: 100-continue, on 1.1 */
  bool has_body;              /* more than nothing is announced */
  bool started;               /* the first byte of a request was seen */

  /* the refusal */
  int status;
  const char *why;            /* static sentence */

  /* private */
  ml_http_parse_limits limits;
  int state;
  uint32_t seen;              /* single-only fields seen, a bit each */
  uint32_t line_bytes, head_bytes, field_count, ext_bytes;
  uint32_t mark;              /* where the present item begins in text */
  uint32_t value_at;          /* where the present field's value begins */
  uint32_t digits;            /* of the present chunk size */
  ml_http_span method_at, target_at, path_at, query_at, host_at;
  bool has_query, chunked, has_length;
  bool wants_close, wants_keep;
  bool in_trailer;
  uint64_t left;              /* of the body or the chunk */
  ml_buf text;                /* the texts, with their NULs */
  ml_buf bytes;               /* the body */
  struct ml_http_field { ml_http_span name, value; } *fields;
  ml_header *linked;          /* `fields` with pointers */
  uint32_t field_cap;
} ml_http_parse;

/* Allocates nothing.  done: frees what feeding allocated. */
void ml_http_parse_init(ml_http_parse *p, const ml_http_parse_limits *limits);
void ml_http_parse_done(ml_http_parse *p);

/* Ready for the next request on the connection; keeps small buffers. */
void ml_http_parse_reset(ml_http_parse *p);

ml_http_parse_end ml_http_parse_feed(ml_http_parse *p, const char *data,
                                     size_t n, size_t *used);

#endif
