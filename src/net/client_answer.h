/*
** client_answer.h - an answer as it comes in, and whether it is whole.
**
** Pure: header lines and decoded body bytes go in, as libcurl hands them
** over; the verdict comes out.  libcurl calls an answer a success when the
** peer closes in the middle of the headers, and takes the end of the
** connection for the end of a body that nobody measured.  Here both are
** incomplete.
*/
#ifndef ML_NET_CLIENT_ANSWER_H
#define ML_NET_CLIENT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/client.h"

typedef struct ml_client_answer {
  int status;                  /* of the last status line; 0: none yet */
  bool whole_head;             /* the blank line behind it was seen */
  const char *fault;           /* static sentence: why it was given up */
  ml_buf body;

  /* private */
  uint64_t body_max;
  bool is_head;                /* the request was HEAD: no body */
  bool has_length, chunked;
  uint64_t length;
  uint32_t head_bytes;
  ml_buf text;                 /* "name\0value\0..." */
  size_t fields;
  ml_http_header *headers;     /* made by ml_client_answer_headers() */
} ml_client_answer;

/* The struct is zeroed; then body_max and is_head are set. */
void ml_client_answer_done(ml_client_answer *a);

/* Take one header line with its end, or body bytes.  False: a->fault. */
bool ml_client_answer_line(ml_client_answer *a, const char *p, size_t n);
bool ml_client_answer_body(ml_client_answer *a, const char *p, size_t n);

/* libcurl says that the transfer went well.  NULL: the answer is complete;
** else a sentence. */
const char *ml_client_answer_judge(const ml_client_answer *a);

/* The fields of the final answer, *n of them; NULL with *n > 0: no memory. */
const ml_http_header *ml_client_answer_headers(ml_client_answer *a, size_t *n);

#endif
