/*
** client.h - HTTP out: libcurl's multi interface driven by the loop.
**
** An answer counts only when it is complete: end of headers seen, body as
** long as promised or chunked to its end, within its limit.  libcurl alone
** reports success when a peer closes in the middle of the headers; we look.
** Where a call may go is judged on the resolved address, when connecting.
**
** ml_http is an interface: the real one here, a simulated one in tests.
*/
#ifndef ML_NET_CLIENT_H
#define ML_NET_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pack.h"
#include "base/rc.h"
#include "net/loop.h"

/* What to send.  Borrowed until ml_http_send() returns. */
typedef struct ml_http_call {
  ml_str method;                 /* GET HEAD POST PUT PATCH DELETE */
  ml_str url;                    /* http:// or https://, no user part */
  const ml_str *headers;         /* "Name: value"; no CR, LF, NUL */
  size_t header_count;
  ml_str body;
  int64_t timeout_ms;            /* total; 0: 30 s */
  int64_t connect_ms;            /* 0: 5 s */
  uint64_t body_max;             /* after decoding; 0: 8 MiB */
  const char *unix_path;         /* connect here instead (command line) */
  const ml_str *allow;           /* private addresses allowed: "127.0.0.1:8080",
                                    "10.0.0.0/8:443", "127.0.0.1:*",
                                    "[fd00::/8]:443" */
  size_t allow_count;
  uint32_t line;                 /* whose call it is, 0: nobody's, and how many */
  uint32_t line_most;            /* of those may be under way at once; more wait
                                    in order, for as long as it takes */
  bool journalled;               /* its answer is kept with the next commit (for
                                    those who play the peer in tests) */
} ml_http_call;

typedef enum ml_http_end {
  ML_HTTP_COMPLETE,              /* status, headers and body are all there */
  ML_HTTP_REFUSED,               /* by us: address, URL or header not allowed */
  ML_HTTP_NOT_SENT,              /* no connection: surely not done */
  ML_HTTP_LOST                   /* sent or perhaps sent, no complete answer */
} ml_http_end;

typedef struct ml_http_header {
  ml_str name, value;
} ml_http_header;

/* Borrowed during the call-back. */
typedef struct ml_http_answer {
  ml_http_end end;
  int status;                    /* COMPLETE only */
  const ml_http_header *headers;
  size_t header_count;
  ml_str body;
  const char *why;               /* else: a sentence */
} ml_http_answer;

typedef void ml_http_fn(void *arg, const ml_http_answer *answer);

typedef struct ml_http_stats {
  uint64_t open, waiting;        /* calls now */
  uint64_t resting;              /* hosts now: see client_health.h */
  uint64_t rests;                /* begun so far */
  uint64_t good, bad;            /* calls that ended, by client_health.h */
} ml_http_stats;

/* The interface.  send: fn is called exactly once, later, never inside send;
** on any rc but ML_OK it is not called.  *id (may be NULL) cancels. */
typedef struct ml_http {
  ml_rc (*send)(struct ml_http *h, const ml_http_call *call, ml_http_fn *fn,
                void *arg, uint64_t *id, ml_err *e);
  void (*cancel)(struct ml_http *h, uint64_t id);   /* fn is not called then */
  void (*stats)(struct ml_http *h, ml_http_stats *out);   /* or NULL */
} ml_http;

ml_str ml_http_header_of(const ml_http_answer *a, const char *name);

/* The real one.  max_open: calls under way at once (more wait in order),
** per_host: to one host and port.  0: 128 and 16.  A host that fails again and
** again rests (client_health.h); calls to it wait as long as their own time
** allows, those to other hosts go past them. */
ml_rc ml_client_new(ml_loop *l, uint32_t max_open, uint32_t per_host,
                    ml_http **out);
void ml_client_free(ml_http *h);   /* calls under way end without call-back */

/* Is this literal or resolved address one that only an operator may allow
** (loopback, private, link-local, ... SECURITY-NOTES.md 7)?  For tests too. */
struct sockaddr;
bool ml_client_address_private(const struct sockaddr *a);

#endif
