/* edge.c - the operator's limits of what comes over HTTP. */
#include "cmd/edge.h"

#include <string.h>

#include "base/text.h"

#define KIB(n) ((int64_t)(n) << 10)
#define MIB(n) ((int64_t)(n) << 20)

typedef enum unit { COUNT, BYTES, TIME } unit;

static const struct row {
  const char *option;
  unit unit;
  int64_t least, most;
  size_t at;                     /* in ml_server_limits */
  const char *allowed;
} rows[] = {
  {"http-line", BYTES, 256, KIB(64), offsetof(ml_server_limits, line),
   "a size from 256 to 64KiB"},
  {"http-headers", BYTES, KIB(1), KIB(64), offsetof(ml_server_limits, header_bytes),
   "a size from 1KiB to 64KiB"},
  {"http-fields", COUNT, 8, 256, offsetof(ml_server_limits, header_fields),
   "an integer from 8 to 256"},
  {"http-body", BYTES, KIB(1), MIB(16), offsetof(ml_server_limits, body),
   "a size from 1KiB to 16MiB"},
  {"http-unread", BYTES, KIB(64), MIB(64), offsetof(ml_server_limits, unread),
   "a size from 64KiB to 64MiB"},
  {"header-time", TIME, 100, 60000, offsetof(ml_server_limits, header_ms),
   "a duration from 100ms to 60s"},
  {"body-time", TIME, 100, 600000, offsetof(ml_server_limits, body_ms),
   "a duration from 100ms to 10m"},
  {"idle-time", TIME, 100, 600000, offsetof(ml_server_limits, idle_ms),
   "a duration from 100ms to 10m"},
  {"request-time", TIME, 1000, 600000, offsetof(ml_server_limits, request_ms),
   "a duration from 1s to 10m"},
};

static bool read_value(unit u, ml_str text, int64_t *n) {
  switch (u) {
  case BYTES:
    return ml_text_size(text, n);
  case TIME:
    return ml_text_duration(text, n, NULL) == ML_OK;
  default:
    return ml_text_int(text, n);
  }
}

static void put(ml_server_limits *out, size_t at, int64_t n) {
  uint32_t short_ = (uint32_t)n;
  uint64_t long_ = (uint64_t)n;

  if (at == offsetof(ml_server_limits, body))
    memcpy((char *)out + at, &long_, sizeof long_);
  else
    memcpy((char *)out + at, &short_, sizeof short_);
}

ml_rc ml_edge_args(const ml_args *a, ml_server_limits *out, ml_rate *rate,
                   ml_err *e) {
  const char *text;
  int64_t n;

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    text = ml_args_get(a, rows[i].option);
    if (text == NULL)
      continue;
    if (!read_value(rows[i].unit, ml_str_of(text), &n) || n < rows[i].least
        || n > rows[i].most)
      return ml_err_set(e, ML_INVALID, NULL, "--%s wants %s", rows[i].option,
                        rows[i].allowed);
    put(out, rows[i].at, n);
  }
  text = ml_args_get(a, "hook-rate");
  if (text != NULL && ml_rate_parse(ml_str_of(text), rate) != ML_OK)
    return ml_err_set(e, ML_INVALID, NULL, "--hook-rate wants a rate as 50/s, "
                      "600/m, 1000/h or 10/d, of 1 to %d", ML_RATE_MAX);
  if (text != NULL)
    rate->burst = 4 * rate->n;
  return ML_OK;
}
