/*
** address.h - network addresses: text to sockaddr and back, and which ones
** a workflow may not reach unless an operator lists them.
*/
#ifndef ML_NET_ADDRESS_H
#define ML_NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/pack.h"
#include "base/rc.h"

#define ML_ADDRESS_TEXT 64     /* "[1111:...:8888]:65535" and a NUL */

/* An IPv4 or IPv6 address as 16 bytes, IPv4 as ::ffff:a.b.c.d. */
typedef struct ml_address {
  uint8_t b[16];
} ml_address;

/* False: neither IPv4 nor IPv6. */
bool ml_address_of(const struct sockaddr *sa, ml_address *a, uint16_t *port);
/* A literal without port or brackets: "10.0.0.1", "::1". */
bool ml_address_parse(ml_str text, ml_address *a);
/* "127.0.0.1:80", "[::1]:80". */
void ml_address_print(const ml_address *a, uint16_t port,
                      char out[ML_ADDRESS_TEXT]);

/* Loopback, private, link-local, multicast, ...: SECURITY-NOTES.md 7.
** Addresses that hold an IPv4 address (mapped, NAT64, 6to4) are judged by it. */
bool ml_address_private(const ml_address *a);

/* Does an entry of an allow list cover this address and port?  Entries:
** "127.0.0.1:8080", "10.0.0.0/8:443", "127.0.0.1:*", "[::1]:80",
** "[fd00::/8]:443".  *exact: the entry names this very port. */
bool ml_address_allowed(ml_str entry, const ml_address *a, uint16_t port,
                        bool *exact);
/* Is it such an entry at all?  For whoever reads a configuration. */
bool ml_address_entry_ok(ml_str entry);

/* Where to listen: "127.0.0.1:0", "[::1]:8080", ":8080" (loopback). */
ml_rc ml_address_listen(ml_str text, struct sockaddr_storage *sa,
                        socklen_t *len, ml_err *e);

#endif
