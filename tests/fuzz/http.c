/* http.c - the request parser: the verdict does not depend on the pieces. */
#include "fuzz.h"
#include "net/http_parse.h"

static const ml_http_parse_limits limits = {200, 400, 8, 100, false};

typedef struct verdict {
  unsigned requests, refused;
  uint64_t sum;                  /* of what the requests said */
} verdict;

static uint64_t mix(uint64_t h, ml_str s) {
  h = (h ^ s.n) * 1099511628211u;
  for (size_t i = 0; i < s.n; i++)
    h = (h ^ (uint8_t)s.p[i]) * 1099511628211u;
  return h;
}

static void note(verdict *v, const ml_http_parse *p) {
  v->requests++;
  v->sum = mix(mix(mix(mix(mix(v->sum, p->method), p->path), p->query),
                   p->host), p->body);
  for (size_t i = 0; i < p->header_count; i++)
    v->sum = mix(mix(v->sum, p->headers[i].name), p->headers[i].value);
}

static verdict feed(const char *data, size_t n, size_t step) {
  ml_http_parse p;
  verdict v = {0};
  size_t at = 0, used, piece;
  ml_http_parse_end e = ML_PARSE_MORE;

  ml_http_parse_init(&p, &limits);
  while ((at < n || e == ML_PARSE_HEAD) && e != ML_PARSE_REFUSED) {
    piece = n - at < step ? n - at : step;
    e = ml_http_parse_feed(&p, data + at, piece, &used);
    HOLDS(used <= piece);
    HOLDS(e != ML_PARSE_MORE || used == piece);
    at += used;
    if (e == ML_PARSE_DONE) {
      note(&v, &p);
      ml_http_parse_reset(&p);
    } else if (e == ML_PARSE_REFUSED) {
      HOLDS(p.why != NULL && p.status >= 400 && p.status < 600);
      v.refused = (unsigned)p.status;
    }
  }
  ml_http_parse_done(&p);
  return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  verdict a = feed((const char *)data, n, n + 1),
          b = feed((const char *)data, n, 1),
          c = feed((const char *)data, n, 7);

  HOLDS(a.requests == b.requests && a.refused == b.refused && a.sum == b.sum);
  HOLDS(a.requests == c.requests && a.refused == c.refused && a.sum == c.sum);
  return 0;
}
