/*
** load.h - a load generator for HTTP/1.1 over keep-alive connections.
**
** One thread, epoll, one request at a time a connection; it must cost little,
** for it shares the machine with what it measures.  Closed: each connection
** sends its next request when it has its answer.  Open (rate > 0): request i
** is due at i/rate, whoever is free sends it, and its time counts from when it
** was due.  A 503 is sent again after a pause, and counted.
*/
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "tool.h"

typedef struct load_conf {
  uint16_t port;
  int connections;
  size_t total;                  /* requests at most; 0: any number */
  int64_t ms;                    /* none is begun later; 0: no end */
  double rate;
  bool from_sent;                /* open: time counts from when it was sent */
  /* Writes request i, whole. */
  void (*make)(void *arg, size_t i, ml_buf *out);
  /* NULL allowed.  Answers come in any order. */
  void (*got)(void *arg, size_t i, int status, const char *body, size_t n);
  void *arg;
} load_conf;

typedef struct load_out {
  size_t answered;               /* with 2xx */
  size_t wrong;                  /* any other status but 503 */
  size_t again;                  /* 503s */
  int wrong_status;              /* the first of them */
  double seconds;                /* first request to last answer */
  double *us;                    /* time of request i, `answered + wrong` */
  double cpu_us;                 /* the generator's own */
} load_out;

void load_run(const load_conf *c, load_out *out);   /* dies when a peer breaks */
void load_out_free(load_out *out);

/* One request on a connection of its own; the answer's body is appended.
** Gives the status; 0: no connection. */
int load_ask(uint16_t port, const ml_buf *request, ml_buf *body);

/* Write a request.  token and key (Idempotency-Key) may be NULL. */
void load_request(ml_buf *out, const char *method, const char *path,
                  const char *token, const char *key, const char *body,
                  size_t n);

#endif
