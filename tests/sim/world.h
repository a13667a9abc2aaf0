/*
** world.h - a small world around the engine: the simulated disk and peer, a
** clock that is turned by hand, clients that remember what they were told.
**
** Everything happens in one thread, and all chance comes from one seed, so a
** run can be repeated.  The engine is the real one: store, run and scripts in
** their inline forms.  When the disk has died nothing counts any more: answers
** are not heard, calls do not leave; world_down() then takes the engine apart
** and world_up() starts it anew on what the disk kept.
*/
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/rand.h"
#include "net/client.h"
#include "net/loop.h"
#include "run/run.h"
#include "script/host.h"
#include "sim/disk.h"
#include "store/store.h"

typedef struct world world;

/* ---- what clients did and were told ---- */

typedef enum ask_kind { ASK_START, ASK_SIGNAL, ASK_COMPLETE, ASK_CANCEL,
                        ASK_CLAIM, ASK_RETRY, ASK_KINDS } ask_kind;
typedef enum ask_state {
  ASK_NEW,                     /* not sent yet */
  ASK_OUT,                     /* sent, no answer */
  ASK_ACKED,                   /* done, we were told */
  ASK_REFUSED,                 /* surely not done, we were told */
  ASK_UNKNOWN                  /* the connection was lost */
} ask_state;

typedef struct ask {
  ask_kind kind;
  ask_state state;
  int tag;                     /* its number; a start's `tag` field */
  const char *what;            /* workflow, signal */
  int of;                      /* tag of the start it is for; -1 */
  uint32_t task;               /* COMPLETE, CLAIM */
  ml_rc rc;                    /* last answer */
  int64_t n;                   /* START, acked: which process */
  uint8_t id[16];
  int64_t at_ms;               /* last sent */
  int64_t born_ms;             /* monotonic: first sent */
  int sent, open;              /* in all; without an answer */
  bool maybe;                  /* an earlier sending had no answer */
} ask;

/* ---- the peer ---- */

enum { PEER_KEY = 120 };

typedef struct effect_row {    /* its ledger: one line a key */
  char key[PEER_KEY];
  uint64_t hash;               /* of method, URL, body */
  uint32_t calls, done;        /* done: times the effect happened (0 or 1) */
} effect_row;

typedef enum peer_way {        /* how a call goes */
  PEER_GOOD, PEER_SLOW, PEER_500, PEER_429, PEER_400, PEER_LOST_BEFORE,
  PEER_LOST_AFTER, PEER_GARBAGE, PEER_NOT_SENT, PEER_WAYS
} peer_way;
const char *peer_way_name(peer_way w);

typedef struct call_out {
  struct call_out *next;
  uint64_t id;
  int64_t due;                 /* monotonic */
  peer_way way;
  int row;                     /* in the ledger; -1: none (GET) */
  ml_http_fn *fn;
  void *arg;
} call_out;

/* ---- the world ---- */

struct world {
  ml_http http;                /* first: an ml_http is a world */
  uint64_t seed;
  ml_rand_seeded rand;         /* the world's own choices */
  ml_rand_seeded engine_rand;
  ml_clock_fake clock;
  int64_t turned_back;         /* how far the wall clock was, in all */
  const char *flows;           /* folder of definitions */
  uint64_t log_max;
  int64_t key_life_ms;         /* keys are forgotten then, and clients know; 0:
                                  they are kept */
  /* the engine; all NULL when down */
  ml_loop *loop;
  ml_store *store;
  ml_script *script;
  ml_run *run;
  bool ready, stopped;         /* stopped: it said a flush failed */
  int begun;                   /* world_up's begin: 0 open, 1 done, -1 failed */
  ml_rc up_rc;
  ml_err up_err;
  bool clocked;                /* schedules start what they start (flows/tick);
                                  else they are held back */
  bool starved;                /* memory is short now and then */
  int64_t boot;                /* the highest number of a start so far */
  /* clients */
  ask *asks;
  size_t ask_count, ask_cap;
  /* the peer */
  effect_row *rows;
  size_t row_count, row_cap;
  call_out *calls;
  uint64_t call_id;
  peer_way (*way)(world *w, const char *url, uint32_t calls_before,
                  int64_t *delay_ms);
  uint64_t ways[PEER_WAYS];
  /* the record */
  uint64_t trace;
  uint64_t effects, answers, boots, checks, refusals, forgotten;
  bool tell;                   /* print the trace */
  int step;                    /* a scenario's own */
  void *own;                   /* likewise */
  int faults;                  /* broken promises */
  char first[800];
  int fault_max;               /* say so many at most; 0: 5 */
};

void world_init(world *w, uint64_t seed, const char *flows);
void world_free(world *w);

/* Start the engine on the disk as it is; false when it could not (up_rc, up_err)
** or the disk died.  With `load`, definitions and people are brought in first
** (once in the life of a disk). */
bool world_up(world *w, bool load);
/* Take it apart.  The disk should be dead, or the store closes in order. */
void world_down(world *w);
/* Stop it where it is, keep of the disk what `keep` says, start it anew. */
bool world_kill(world *w, disk_keep keep);
/* Is the engine there and the disk alive? */
bool world_alive(const world *w);

void world_settle(world *w);                 /* until nothing moves */
void world_pass(world *w, int64_t ms);       /* both hands, then settle */
/* Let time go by until no process is open any more, or nothing happens. */
void world_run_out(world *w);
/* One move: a turn of the loop, of the scripts, of the peer.  True when
** something happened. */
bool world_turn(world *w);

/* Clients.  The ask with this tag, made when new. */
ask *world_ask(world *w, ask_kind kind, int tag, const char *what, int of);
/* Again under the same key; nothing when that is over (or soon may be). */
bool world_key_is_over(const world *w, const ask *a);
void world_send(world *w, ask *a);
/* Send unless it was acknowledged, then settle. */
void world_ensure(world *w, ask *a);
/* Looks of the test's own: an open task's number, 0; open processes, -1. */
uint32_t world_task_of(world *w, int64_t n);
int64_t world_open(world *w);
bool world_is_open(world *w, int64_t n);
int64_t world_n_of(world *w, int tag);        /* process of a start; 0 */

void world_aside(bool on);                   /* a look of the test's own */
/* As an operator who sees the incidents: retry every open process. */
void world_retry_all(world *w);

/* A broken promise; printed, counted. */
void world_fault(world *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A line of the trace: into the hash, and printed when asked for. */
void world_trace(world *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* peer.c: the ml_http of the world */
void peer_init(world *w);
void peer_free(world *w);
size_t peer_deliver(world *w);                /* what is due; how many */
int64_t peer_next(const world *w);            /* monotonic; -1: none */
void peer_hang_up(world *w);                  /* every open call is lost */

/* check.c: the invariants of RELIABILITY.md 4 on an engine that is up.
** whole: nothing is under way and every ask has had its answer. */
void world_check(world *w, bool whole);
/* A call leaves now: had it the right to?  key: "<id>-<no>.<call>" */
void world_check_call(world *w, const char *key);

#endif
