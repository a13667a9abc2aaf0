/*
** edge.h - the operator's limits of what comes over HTTP, from options and
** configuration: any value up to a hard maximum.
*/
#ifndef ML_CMD_EDGE_H
#define ML_CMD_EDGE_H

#include "base/rate.h"
#include "cmd/args.h"
#include "net/server.h"

/* Their rows in a list of options. */
#define ML_OPTS_EDGE \
  {"http-line", "SIZE", "of a request line, to 64KiB (8KiB)", 0}, \
  {"http-headers", "SIZE", "of the headers together, to 64KiB (16KiB)", 0}, \
  {"http-fields", "N", "headers, to 256 (64)", 0}, \
  {"http-body", "SIZE", "of a request's body, to 16MiB (1MiB)", 0}, \
  {"http-unread", "SIZE", "of answers that a peer leaves, to 64MiB (1MiB)", 0}, \
  {"header-time", "DURATION", "for all headers, to 60s (10s)", 0}, \
  {"body-time", "DURATION", "for a whole body, to 10m (30s)", 0}, \
  {"idle-time", "DURATION", "between two requests, to 10m (15s)", 0}, \
  {"request-time", "DURATION", "for a request with its answer, to 10m (60s)", 0}, \
  {"hook-rate", "RATE", "of a webhook without a rate of its own, as 50/s; at " \
   "once four times that (50/s)", 0}

/* What is given or configured into *out and *rate; the rest stays as it is.
** ML_INVALID names the option and what is allowed. */
ml_rc ml_edge_args(const ml_args *a, ml_server_limits *out, ml_rate *rate,
                   ml_err *e);

#endif
