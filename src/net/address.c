/*
** address.c - addresses as 16 bytes, so that one list of ranges judges both
** families, however an address was spelled or wrapped.
*/
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_v4(const ml_address *a) {
  return memcmp(a->b, v4_prefix, sizeof v4_prefix) == 0;
}

static ml_address v4_of(const uint8_t *b4) {
  ml_address a;

  memcpy(a.b, v4_prefix, sizeof v4_prefix);
  memcpy(a.b + 12, b4, 4);
  return a;
}

bool ml_address_of(const struct sockaddr *sa, ml_address *a, uint16_t *port) {
  struct sockaddr_in in;
  struct sockaddr_in6 in6;

  switch (sa->sa_family) {
  case AF_INET:
    memcpy(&in, sa, sizeof in);
    *a = v4_of((const uint8_t *)&in.sin_addr);
    *port = ntohs(in.sin_port);
    return true;
  case AF_INET6:
    memcpy(&in6, sa, sizeof in6);
    memcpy(a->b, &in6.sin6_addr, sizeof a->b);
    *port = ntohs(in6.sin6_port);
    return true;
  default:
    return false;
  }
}

bool ml_address_parse(ml_str text, ml_address *a) {
  char buf[INET6_ADDRSTRLEN + 1];
  struct in_addr in;

  if (text.n == 0 || text.n >= sizeof buf ||
      memchr(text.p, '\0', text.n) != NULL)
    return false;
  memcpy(buf, text.p, text.n);
  buf[text.n] = '\0';
  if (inet_pton(AF_INET, buf, &in) == 1) {
    *a = v4_of((const uint8_t *)&in);
    return true;
  }
  return inet_pton(AF_INET6, buf, a->b) == 1;
}

void ml_address_print(const ml_address *a, uint16_t port,
                      char out[ML_ADDRESS_TEXT]) {
  char text[INET6_ADDRSTRLEN];
  bool v4 = is_v4(a);

  if (inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a->b + 12 : a->b, text,
                sizeof text) == NULL)
    text[0] = '\0';
  snprintf(out, ML_ADDRESS_TEXT, v4 ? "%s:%u" : "[%s]:%u", text,
           (unsigned)port);
}

/* ---- ranges ---- */

static bool in_range(const ml_address *a, const uint8_t *net, unsigned bits) {
  unsigned whole = bits / 8, rest = bits % 8;

  if (memcmp(a->b, net, whole) != 0)
    return false;
  return rest == 0 || (a->b[whole] ^ net[whole]) >> (8 - rest) == 0;
}

typedef struct range {
  uint8_t net[16];
  uint8_t bits;
} range;

#define V4(a, b, c, d, bits) \
  {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + (bits)}

static const range forbidden[] = {
  V4(0, 0, 0, 0, 8),        /* this network */
  V4(10, 0, 0, 0, 8),
  V4(100, 64, 0, 0, 10),    /* carriers' own */
  V4(127, 0, 0, 0, 8),
  V4(169, 254, 0, 0, 16),   /* link-local, cloud metadata */
  V4(172, 16, 0, 0, 12),
  V4(192, 0, 0, 0, 24),
  V4(192, 168, 0, 0, 16),
  V4(198, 18, 0, 0, 15),    /* benchmarks */
  V4(224, 0, 0, 0, 3),      /* multicast, reserved, broadcast */
  {{0}, 127},               /* :: and ::1 */
  {{0xfe, 0x80}, 10},       /* link-local */
  {{0xfe, 0xc0}, 10},       /* site-local, old */
  {{0xfc}, 7},              /* unique local */
  {{0xff}, 8},              /* multicast */
  {{0x00, 0x64, 0xff, 0x9b, 0, 1}, 48},   /* NAT64 inside a network */
  {{0x20, 0x01, 0, 0}, 32}  /* Teredo: ends at an IPv4 address we cannot see */
};

/* The IPv4 address that an IPv6 one leads to, as a mapped one. */
static ml_address unwrapped(const ml_address *a) {
  static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
  static const uint8_t translated[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static const uint8_t compatible[12] = {0};

  if (memcmp(a->b, nat64, 12) == 0 || memcmp(a->b, translated, 12) == 0)
    return v4_of(a->b + 12);
  if (a->b[0] == 0x20 && a->b[1] == 0x02)   /* 6to4 */
    return v4_of(a->b + 2);
  if (memcmp(a->b, compatible, 12) == 0)   /* :: and ::1 become 0.0.0.x */
    return v4_of(a->b + 12);
  return *a;
}

bool ml_address_private(const ml_address *address) {
  ml_address a = unwrapped(address);
  size_t i;

  for (i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
    if (in_range(&a, forbidden[i].net, forbidden[i].bits))
      return true;
  }
  return false;
}

/* ---- entries of an allow list ---- */

/* A number of digits only, at most max; -1: not one. */
static int32_t number(const char *p, const char *end, int32_t max) {
  int32_t v = 0;

  if (p == end)
    return -1;
  for (; p < end; p++) {
    if (*p < '0' || *p > '9')
      return -1;
    v = v * 10 + (*p - '0');
    if (v > max)
      return -1;
  }
  return v;
}

static const char *find_last(const char *p, const char *end, char c) {
  while (end > p)
    if (*--end == c)
      return end;
  return NULL;
}

/* Split "HOST:PORT" or "[HOST]:PORT"; false: neither. */
static bool split_port(ml_str s, ml_str *host, ml_str *port) {
  const char *end = s.p + s.n, *colon;

  if (s.n == 0 || (colon = find_last(s.p, end, ':')) == NULL)
    return false;
  *host = (ml_str){s.p, (size_t)(colon - s.p)};
  *port = (ml_str){colon + 1, (size_t)(end - colon - 1)};
  if (host->n >= 2 && host->p[0] == '[') {
    if (host->p[host->n - 1] != ']')
      return false;
    host->p++;
    host->n -= 2;
    return memchr(host->p, ':', host->n) != NULL;
  }
  return memchr(host->p, ':', host->n) == NULL;
}

typedef struct entry {
  ml_address net;
  unsigned bits;      /* of all 128 */
  int32_t port;       /* -1: any */
} entry;

static bool entry_parse(ml_str s, entry *e) {
  ml_str host, port;
  const char *slash;
  int32_t bits = -1;

  if (!split_port(s, &host, &port))
    return false;
  slash = memchr(host.p, '/', host.n);
  if (slash != NULL) {
    bits = number(slash + 1, host.p + host.n, 128);
    if (bits < 0)
      return false;
    host.n = (size_t)(slash - host.p);
  }
  if (!ml_address_parse(host, &e->net))
    return false;
  if (slash != NULL && is_v4(&e->net) && memchr(host.p, ':', host.n) == NULL) {
    if (bits > 32)
      return false;
    bits += 96;
  }
  e->bits = slash != NULL ? (unsigned)bits : 128;
  e->port = -1;
  if (port.n == 1 && port.p[0] == '*')
    return true;
  e->port = number(port.p, port.p + port.n, 65535);
  return e->port > 0;
}

bool ml_address_entry_ok(ml_str text) {
  entry e;

  return entry_parse(text, &e);
}

bool ml_address_allowed(ml_str text, const ml_address *a, uint16_t port,
                        bool *exact) {
  ml_address plain = unwrapped(a);
  entry e;

  *exact = false;
  if (!entry_parse(text, &e) || (e.port >= 0 && e.port != port) ||
      !(in_range(a, e.net.b, e.bits) || in_range(&plain, e.net.b, e.bits)))
    return false;
  *exact = e.port >= 0;
  return true;
}

/* ---- where to listen ---- */

ml_rc ml_address_listen(ml_str text, struct sockaddr_storage *sa,
                        socklen_t *len, ml_err *e) {
  struct sockaddr_in in = {.sin_family = AF_INET};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  ml_address a;
  ml_str host, port;
  int32_t n;

  if (!split_port(text, &host, &port) ||
      (n = number(port.p, port.p + port.n, 65535)) < 0)
    goto bad;
  if (host.n == 0 || ml_str_is(host, "localhost"))
    host = ML_STR("127.0.0.1");
  if (!ml_address_parse(host, &a))
    goto bad;
  memset(sa, 0, sizeof *sa);
  if (is_v4(&a)) {
    in.sin_port = htons((uint16_t)n);
    memcpy(&in.sin_addr, a.b + 12, 4);
    memcpy(sa, &in, *len = sizeof in);
  } else {
    in6.sin6_port = htons((uint16_t)n);
    memcpy(&in6.sin6_addr, a.b, 16);
    memcpy(sa, &in6, *len = sizeof in6);
  }
  return ML_OK;
bad:
  return ml_err_set(e, ML_INVALID, "", "'%.*s' is not an address to listen on: "
                    "allowed are 127.0.0.1:8080, [::1]:8080, :8080 and "
                    "unix:PATH", (int)text.n, text.p);
}
