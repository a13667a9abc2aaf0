/*
** client_call.h - one call: what was asked, what libcurl is told, what came.
**
** For client.c, which keeps the calls; client_call.c looks after each.
*/
#ifndef ML_NET_CLIENT_CALL_H
#define ML_NET_CLIENT_CALL_H

#include <curl/curl.h>

#include "base/mem.h"
#include "net/client.h"
#include "net/client_answer.h"

typedef enum ml_client_phase {
  ML_CLIENT_WAITING,             /* in the queue of its host */
  ML_CLIENT_RUNNING,             /* libcurl has it */
  ML_CLIENT_REFUSED              /* its end is to be told */
} ml_client_phase;

typedef struct ml_client_call {
  struct ml_client *client;
  uint64_t id;                   /* slot + 1, generation << 32 */
  uint64_t seq;                  /* the order in which calls came */
  ml_client_phase phase;
  struct ml_client_call *prev, *next;   /* that wait, or are refused */
  struct ml_client_host *host;   /* NULL: refused */
  struct ml_client_line *line;   /* until its end; NULL: in none */
  struct ml_client_queue *queue; /* while it waits */
  ml_http_fn *fn;
  void *arg;
  ml_arena texts;                /* copies of what the caller lent */
  ml_http_call ask;              /* with those copies */
  const char *url;
  struct curl_slist *headers;    /* nodes in `texts` */
  CURL *easy;
  ml_loop_timer *timer;
  int64_t due_ms, connect_due_ms;
  bool opened;                   /* some address was tried */
  bool sent;                     /* or perhaps sent */
  ml_err refused;                /* .rc: an address was not allowed */
  ml_client_answer answer;
  char curl_says[CURL_ERROR_SIZE];
} ml_client_call;

/* A call with its defaults; what the caller lent is not copied yet.  `copy`:
** now it is, and the URL as ml_client_check() gave it.  False: no memory. */
ml_client_call *ml_client_call_new(const ml_http_call *ask, ml_http_fn *fn,
                                   void *arg);
bool ml_client_call_copy(ml_client_call *k, ml_str url);
void ml_client_call_free(ml_client_call *k);   /* NULL allowed */

/* Tell libcurl everything about the call.  False: no memory. */
bool ml_client_call_set(ml_client_call *k, CURL *easy);

#endif
