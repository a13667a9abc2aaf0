/*
** host_inside.h - what host.c (who is asked what, and when it took too long)
** and host_place.c (one worker: its answers, its death) share.
**
** A place holds one worker at a time:
**   EMPTY --order--> ALIVE --fell--> GONE --died--> EMPTY
** ALIVE   questions are sent to it, answers come in the order of asking.
** GONE    its line is closed and its questions are elsewhere; the template
**         has not reported its death yet.
** A worker that dies by itself goes from ALIVE to EMPTY in on_died.
**
** 1. A question is in the waiting list, or in exactly one flight, or ended.
** 2. A flight whose question was asked elsewhere has q == NULL; its answer is
**    read and dropped.
** 3. Call-backs of askers may ask; they never see a place being changed:
**    asking only puts into the waiting list, the flush hands out.
** 4. A worker that has run a slice of one owner is given none of another: it is
**    replaced, and the next one is promised to who waits.
*/
#ifndef ML_SCRIPT_HOST_INSIDE_H
#define ML_SCRIPT_HOST_INSIDE_H

#include "script/crew.h"
#include "script/host.h"
#include "script/quest.h"
#include "script/stock.h"

enum {
  WORKERS_MAX = 8,
  PLACES_MAX = 12,             /* for those, and in reserve */
  SPARE = 2,                   /* of them, kept from bundles that ran long ... */
  SLOW_MS = 30000,             /* ... within this time */
  WINDOW = 64,                 /* questions at one worker */
  WINDOW_BYTES = 256 << 10,
  DEATHS_MAX = 3,              /* on one slice */
  NEEDS_MAX = 8,               /* of a bundle, for one question */
  WATCH_MS = 10,               /* how often running slices are looked at */
  STUCK_MS = 10000,            /* a worker that begins nothing */
  UNFAIR = 3,                  /* times its hard clock that a slice may take
                                  when the machine gives its worker no CPU */
  LOOK_EVERY = 64,             /* answers between looks at a worker's size */
  RESPITE_MS_MIN = 100, RESPITE_MS_MAX = 5000,
  READ_BYTES = 64 << 10
};

typedef enum place_state { EMPTY, ALIVE, GONE } place_state;

/* Why a worker fell, and so whether the slice it ran is to blame. */
typedef enum fall { BY_CLOCK, BY_FRAME, BY_DEATH, BY_NOBODY } fall;

typedef struct flight {
  uint64_t id;
  size_t bytes;
  ml_ask_kind kind;
  ml_quest *q;
} flight;

typedef struct place {
  struct host *h;
  int i;
  place_state state;
  uint32_t serial;
  int pid;
  uint64_t owner;              /* whose slices its worker runs; 0: it is new,
                                  or serves anybody */
  uint64_t promised;           /* the owner of its next worker; 0: whoever */
  ml_crew_line line;
  ml_loop_fd *watch;
  ml_buf in, out;
  size_t out_at;               /* bytes of `out` already written */
  flight flights[WINDOW];      /* a ring: the oldest at `first` */
  unsigned first, n;
  size_t bytes;                /* of all flights */
  uint64_t sent;               /* questions, in this worker's life */
  uint64_t at;                 /* the slice it runs; 0: none seen */
  int64_t at_ms;               /* since when */
  int64_t at_cpu_ms;           /* CPU time of the worker then; -1: unknown */
  bool slow;                   /* what was behind it is asked elsewhere, and
                                  it is given nothing until it has answered */
  bool retiring;               /* is given nothing more */
  bool useful;                 /* it has answered */
  unsigned answers;            /* since its size was looked at */
} place;

typedef struct host {
  ml_script api;
  ml_loop *loop;
  ml_host_conf conf;
  ml_crew *crew;
  ml_stock stock;
  ml_quests waiting;
  uint64_t last_id;
  ml_buf hello;                /* the operator's limits, for every new worker */
  size_t frame_max;
  unsigned place_count;        /* that are to be filled: as many as workers,
                                  more while all of those are slow */
  place places[PLACES_MAX];
  ml_loop_timer *watch;        /* runs while anything is in flight */
  ml_loop_timer *respite;      /* after workers that were of no use */
  int64_t respite_ms;
  bool watching, resting;
  ml_host_stats stats;
} host;

/* ---- host.c ---- */

void ml_host_flush_soon(host *h);

/* ---- host_place.c ---- */

flight *ml_host_flight(place *p, unsigned k);        /* the k-th oldest */
/* The slice that the worker says it runs; NULL: none that it may run. */
flight *ml_host_running(place *p);
/* Put its question back into the waiting list. */
void ml_host_ask_again(host *h, flight *f);
/* Take everything from a place: what it ran is blamed (or not), the rest is
** asked again.  Leaves it without a line. */
void ml_host_strip(place *p, fall why, int status);
void ml_host_fell(place *p, fall why);               /* kill it */
void ml_host_retire(place *p);                       /* it has nothing to do */
int64_t ml_host_cpu_ms(const place *p);              /* -1: unknown */
void ml_host_write(place *p);
void ml_host_fill(host *h);                          /* order what is missing */
/* For the crew, with the host as arg; and of the timer `respite`. */
void ml_host_born(void *arg, uint32_t serial, int pid);
void ml_host_died(void *arg, uint32_t serial, int status);
void ml_host_ready(void *arg);
void ml_host_respite(void *arg);

#endif
