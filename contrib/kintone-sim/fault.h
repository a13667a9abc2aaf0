/*
** fault.h - failures on demand: how a network and a busy kintone behave.
**
** A fault waits for requests that fit its method, path and app, and does its
** work on the next `count` of them.  See README.md for the members.
*/
#ifndef KS_FAULT_H
#define KS_FAULT_H

#include "api.h"

typedef enum ks_damage {
  KS_WHOLE,           /* a proper answer: the real or the fault's own */
  KS_CUT,             /* the connection ends without a byte */
  KS_HALF_HEADER,
  KS_SHORT_BODY,      /* half of the body promised */
  KS_GARBAGE          /* no HTTP at all */
} ks_damage;

typedef struct ks_fault {
  ml_arena arena;
  ml_str method, path;           /* none: any */
  int64_t app;                   /* 0: any */
  int64_t count;
  bool after;                    /* the request is carried out first */
  ks_damage damage;
  int status;                    /* 0: the real answer */
  ml_str code, body, type;
  int64_t delay_ms;
  bool hold;
  struct ks_fault *next;
} ks_fault;

/* Read one from a control request and let it wait. */
ml_rc ks_fault_add(ks_sim *sim, const ml_json *o, ml_err *e);
/* The fault for a request, one of its count used up; copied into *out (its
** texts into a).  False: none. */
bool ks_fault_take(ks_sim *sim, ml_str method, ml_str path, int64_t app,
                   ml_arena *a, ks_fault *out);
void ks_fault_put(const ks_sim *sim, ml_jw *w);      /* a list of those waiting */
void ks_fault_clear(ks_sim *sim);

/* ---- answers kept back (serve.c) ---- */
size_t ks_held(const ks_sim *sim);
size_t ks_release(ks_sim *sim);                      /* how many went out */

void ks_fault_init(ks_sim *sim);
void ks_fault_done(ks_sim *sim);

#endif
