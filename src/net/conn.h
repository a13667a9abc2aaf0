/*
** conn.h - what server.c, conn.c and exchange.c share.
**
**   server.c     listens, admits connections, holds limits
**   conn.c       a connection: its deadlines, its buffers, its states
**   exchange.c   a request from its first byte to its answer
*/
#ifndef ML_NET_CONN_H
#define ML_NET_CONN_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "net/address.h"
#include "net/http_parse.h"
#include "net/listen.h"
#include "net/server.h"

#define ML_CONN_SCRATCH 65536u   /* one read */
#define ML_CONN_BUCKETS 256u

typedef struct ml_conn ml_conn;

typedef struct ml_exchange {
  ml_request q;
  ml_http_parse parse;
  ml_conn *conn;                 /* NULL: nobody waits for the answer */
  ml_server *server;             /* NULL: it is gone */
  struct ml_exchange *prev, *next;   /* with the handler; or the pool (next) */
  char peer[ML_ADDRESS_TEXT];
} ml_exchange;

struct ml_conn {
  ml_server *server;
  int fd;
  struct event rd, wr;
  bool reading, writing;         /* which events are added */
  ml_conn *prev, *next;          /* all connections */
  ml_conn *bucket_prev, *bucket_next;
  bool counted;                  /* is in a bucket */
  ml_conn *ready_prev, *ready_next;
  bool ready;                    /* is in the list of ready ones */
  ml_address address;
  uint16_t port;
  char peer[ML_ADDRESS_TEXT];    /* both as text, when a request has asked */
  bool is_unix;
  uid_t uid;

  ml_exchange *x;                /* being read, or with the handler */
  bool busy;                     /* the handler has x */
  bool in_run;
  bool has_begun, has_head;      /* x: head_ms, body_ms are set */
  bool closing;                  /* no further request */
  bool lingering;
  bool eof;                      /* the peer sends no more */
  bool dead;                     /* to be freed at the end of the run */
  ml_buf in, out;
  size_t in_at, out_at;          /* how far they are used up */
  size_t out_mark;               /* up to here they have waited since out_ms */
  uint64_t lingered;

  ml_loop_timer *timer;
  int64_t timer_ms;              /* when it fires; INT64_MAX: it is not set */
  int64_t idle_ms, head_ms, body_ms, out_ms, linger_ms;   /* since when */
};

struct ml_server {
  ml_loop *loop;
  ml_server_limits limits;
  ml_server_fn *fn;
  void *arg;
  ml_server_refuse_fn *refuse;
  void *refuse_arg;
  struct listener *listeners;    /* server.c */
  ml_conn *conns;
  ml_conn *ready, *ready_last;   /* who became so first is served first */
  ml_conn *bucket[ML_CONN_BUCKETS];
  ml_exchange *busy, *pool;
  size_t conn_count, busy_count, pool_count;
  bool draining;
  bool paused;                   /* listeners: no descriptors left */
  ml_loop_timer *nudge;          /* looks at `paused` and `ready` */
  int64_t date_s;
  char date[32];
  char scratch[ML_CONN_SCRATCH];
};

static inline int64_t ml_server_mono(const ml_server *s) {
  ml_clock *clock = ml_loop_clock(s->loop);

  return clock->mono_ms(clock);
}

/* Bytes that wait to be sent. */
static inline size_t ml_conn_pending(const ml_conn *c) {
  return c->out.len - c->out_at;
}

/* ---- conn.c ---- */

/* Takes the descriptor, also when it fails. */
ml_conn *ml_conn_new(ml_server *s, int fd);
void ml_conn_free(ml_conn *c);
/* Count it under its address; how many are there already? */
void ml_conn_count(ml_conn *c);
bool ml_conn_peer_is_full(const ml_server *s, const ml_address *a);
/* Do what can be done, with n new bytes.  May free it. */
void ml_conn_run(ml_conn *c, const char *data, size_t n);
/* List it for the end of the turn; run what is listed (arg: the server). */
void ml_conn_ready(ml_conn *c);
void ml_conn_run_ready(void *arg);
/* No request under way, nothing to say. */
bool ml_conn_is_quiet(const ml_conn *c);

/* ---- exchange.c ---- */

ml_exchange *ml_exchange_get(ml_conn *c);      /* NULL: no memory */
/* c->x is complete: to the handler, which has it until ml_reply(). */
void ml_exchange_dispatch(ml_conn *c);
/* The connection has no x any more; the handler may still have it. */
void ml_exchange_leave(ml_conn *c);
/* One answer that says why, and no further request. */
void ml_exchange_refuse(ml_conn *c, int status, const char *why);
/* The server ends: its pool goes, the handler's exchanges are on their own. */
void ml_exchange_end(ml_server *s);

#endif
