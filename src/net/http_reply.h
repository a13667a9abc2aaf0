/*
** http_reply.h - the bytes of an answer.
*/
#ifndef ML_NET_HTTP_REPLY_H
#define ML_NET_HTTP_REPLY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/pack.h"

typedef struct ml_http_reply {
  int status;                  /* 200 to 599 */
  const char *const *headers;  /* "Name: value", NULL-terminated; or NULL */
  ml_str body;
  ml_str date;                 /* "Sun, 06 Nov 1994 08:49:37 GMT" */
  bool is_head;                /* the length of the body, not the body */
  bool close;                  /* Connection: close */
  bool keep_1_0;               /* Connection: keep-alive, for a 1.0 peer */
} ml_http_reply;

/* Append the answer.  A status or header line that could break the framing
** (a control byte, no name, a Content-Length of its own) is a bug of the
** caller: false, and nothing is appended. */
bool ml_http_reply_put(ml_buf *out, const ml_http_reply *r);

/* "Not Found"; "Status" when unknown. */
const char *ml_http_reply_phrase(int status);

#endif
