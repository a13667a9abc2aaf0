/*
** server.h - HTTP/1.1 in: a strict parser on libevent's events.
**
** One request at a time a connection; its answer may come at once or much
** later (ml_reply_*), pipelined requests wait their turn.  Anything that is
** not exactly RFC 9112 in framing (two or odd Content-Length, any
** Transfer-Encoding but one "chunked", obs-fold, NUL or control bytes, bare
** LF, no or two Hosts on 1.1, absolute-form with another host, ...) gets one
** 400 and the connection is closed: never two answers to one request.
** Deadlines are total, not idle: a byte a second does not help a slow peer.
**
** Speaks TCP and Unix stream sockets.  No TLS: a reverse proxy does that.
*/
#ifndef ML_NET_SERVER_H
#define ML_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/pack.h"
#include "base/rc.h"
#include "net/loop.h"

/* Limits; 0 stands for the default (SECURITY-NOTES.md 5). */
typedef struct ml_server_limits {
  uint32_t line;              /* request line, 8 KiB: longer 414 */
  uint32_t header_bytes;      /* header block, 16 KiB: more 431 */
  uint32_t header_fields;     /* 64: more 431 */
  uint64_t body;              /* 1 MiB: more 413, before it is read */
  uint32_t header_ms;         /* first byte to end of headers, 10 s: 408 */
  uint32_t body_ms;           /* 30 s: 408 */
  uint32_t body_rate;         /* and at least 1 KiB/s after 5 s */
  uint32_t idle_ms;           /* between requests, 15 s: closed */
  uint32_t request_ms;        /* handler included, 60 s: 503 and closed */
  uint32_t connections;       /* 1024 in all: more 503 and closed */
  uint32_t per_peer;          /* 64 from one address (TCP only) */
  uint32_t unread;            /* answer bytes a peer leaves, 1 MiB: above, no
                                 next request is begun; after request_ms
                                 without reading: closed */
} ml_server_limits;

typedef struct ml_header {
  ml_str name;                /* as sent; compare without case */
  ml_str value;               /* trimmed */
} ml_header;

/* A request, complete with body; valid until its reply is sent.  All texts
** are borrowed from it and NUL-terminated. */
typedef struct ml_request {
  ml_str method;              /* "GET"; a token of capital letters */
  ml_str target;              /* as sent: "/v1/x%20y?a=b" */
  ml_str path;                /* before '?', still encoded */
  ml_str query;               /* after '?', or none */
  ml_str host;                /* Host as sent (Unix socket: may be none) */
  const ml_header *headers;
  size_t header_count;
  ml_str body;                /* dechunked; "" when there is none */
  ml_str peer;                /* "127.0.0.1:4711", "unix" */
  bool is_unix;
  uid_t peer_uid;             /* Unix socket: who is there */
  void *private_;             /* the connection; not for you */
} ml_request;

/* Header by name without regard to case; none when missing.  A header that
** may stand once only and stands twice was refused before (Host,
** Content-Length, Content-Type, Authorization, Idempotency-Key, If-Match,
** Origin, Sec-Fetch-Site, Transfer-Encoding, Expect). */
ml_str ml_request_header(const ml_request *q, const char *name);

/*
** Called for each complete request.  The handler calls ml_reply() exactly
** once, now or later, on the loop's thread.  When the peer goes away first,
** the later reply is dropped silently; the request stays valid until then.
*/
typedef void ml_server_fn(void *arg, ml_request *q);

/* `headers` are complete lines "Name: value" without CRLF, NULL-terminated
** array, or NULL.  Content-Length, Date and Connection are added.  The body
** is copied.  HEAD and 204/304 send no body.  ends *q.  A line that is none,
** or one of the three, or a status outside 200..599, is sent as a bare 500. */
void ml_reply(ml_request *q, int status, const char *const *headers,
              ml_str body);

/* For simulators and tests of clients, never for a service: in the place of
** an answer write `raw` as it stands (it may be empty, half a header, no HTTP
** at all), then close the connection.  ends *q. */
void ml_reply_cut(ml_request *q, ml_str raw);

typedef struct ml_server ml_server;

/* Called when a request is refused before a handler sees it: makes the body
** (say problem+json) for `status`; NULL: text/plain with the reason. */
typedef void ml_server_refuse_fn(void *arg, int status, const char *why,
                                 ml_buf *body, const char **content_type);

ml_rc ml_server_new(ml_loop *l, const ml_server_limits *limits,
                    ml_server_fn *fn, void *arg, ml_server **out);
void ml_server_on_refuse(ml_server *s, ml_server_refuse_fn *fn, void *arg);

/* "127.0.0.1:0", "[::1]:8080", ":8080" (loopback), or "unix:PATH" (mode 0600;
** a stale socket file is replaced, a live one is ML_EXISTS).  May be called
** several times.  bound (may be NULL) gets the real address. */
ml_rc ml_server_listen(ml_server *s, const char *address, char bound[128],
                       ml_err *e);
/* No new connections; idle ones are closed, running requests may end, their
** answers say Connection: close. */
void ml_server_drain(ml_server *s);
size_t ml_server_busy(const ml_server *s);    /* requests without an answer */
size_t ml_server_connections(const ml_server *s);
/* NULL allowed; closes all.  Requests without an answer stay valid until
** their ml_reply(), which then only frees them.  Not from inside a handler. */
void ml_server_free(ml_server *s);

#endif
