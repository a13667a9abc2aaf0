/*
** floors.h - what the machine can do when only the work itself is done:
** SQLite, HTTP, Lua, each bare.  Each puts its rows.  A disk and a machine change
** within minutes: the floors of SQLite are taken once more beside what is
** measured against them.
*/
#ifndef BENCH_FLOORS_H
#define BENCH_FLOORS_H

#include "tool.h"

void floor_sqlite(void);         /* its rows, and the starts alone */
void floor_sync(void);
void floor_hops(void);           /* a lone workflow's way, nothing done on it */
void floor_http(int repeat);
void floor_lua(int repeat);

/* A peer that answers every request with a JSON text of 100 bytes, on our
** own server code, in a process of its own. */
typedef struct peer {
  pid_t pid;
  uint16_t port;
} peer;
void peer_start(peer *p);
void peer_end(peer *p);

#endif
