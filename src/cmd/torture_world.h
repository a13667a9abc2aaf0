/*
** torture_world.h - a world in which the engine can be killed.
**
** Its store lies in memory that keeps what was flushed (store/ram.h); nothing
** in it depends on how fast the machine is: scripts are answered in the order
** in which they were asked, peers one call after the other, and each step waits
** for the commit of the one before.  So the boundaries of a run are the same
** each time, and a fault "at commit 7" is one thing.
**
** Killed means: nothing is written any more, nobody is told anything, open calls
** are gone; then a new engine begins on what was flushed and loads the folders,
** as `moonlane serve` does.
*/
#ifndef ML_CMD_TORTURE_WORLD_H
#define ML_CMD_TORTURE_WORLD_H

#include "cmd/test_world.h"
#include "cmd/torture_fault.h"
#include "cmd/torture_script.h"
#include "store/ram.h"

enum { ML_TORTURE_FOLDERS = 16 };

typedef struct ml_torture {
  ml_clock clock;                /* first: the engine's; see torture_world.c */
  ml_fault fault;
  bool fired;                    /* it has happened */
  const char *unfit;             /* why it says nothing here; or NULL */
  uint32_t met[ML_AT_KINDS];     /* boundaries so far */
  bool counting;                 /* boundaries count now */
  uint32_t op;                   /* operations so far */
  uint32_t fired_op, fired_nth;  /* in which one, at its how manieth boundary */
  uint32_t op_met;               /* boundaries of the fault's kind before it */
  bool again;                    /* the operation had no answer: ask again */
  bool repeated;                 /* that is being done, or was */
  int64_t n_before;              /* highest process before the operation */
  ml_str poll_state;             /* of the poll it runs, before */
  int64_t poll_due_ms;
  bool polls;                    /* they run when they are due */
  uint32_t flushed;              /* commits on disk */
  /* torture_world.c's */
  ml_world *w;
  ml_lab *lab;
  int64_t mono_ms;
  ml_ram *ram;
  ml_loop *loop;
  ml_turns *turns;
  bool raising, deaf, interrupted;
  uint32_t puts;                 /* inputs of this operation */
  const char *folders[ML_TORTURE_FOLDERS];
  size_t folder_count;
} ml_torture;

/* For ml_world_new(): what a world like that begins with, and its end. */
ml_rc ml_torture_new(ml_world *w, const ml_fault *fault);
void ml_torture_free(ml_torture *x);        /* the engine is gone; or NULL */
/* The engine of this life has a loop of its own. */
ml_rc ml_torture_loop(ml_torture *x);

/* As ml_world_settle() and _put(). */
ml_rc ml_torture_settle(ml_world *w, ml_err *e);
ml_rc ml_torture_put(ml_world *w, ml_input *in, ml_came *c, ml_err *e);
/* Is nobody to hear what the engine says: it is dead? */
bool ml_torture_is_deaf(const ml_torture *x);
/* What this operation hands over says when it was made (a signature): a leap of
** the clock around it rightly makes a difference. */
void ml_torture_dated(ml_torture *x);
/* A call that was made now: its number, 0 when none counts. */
uint32_t ml_torture_call(ml_torture *x);
/* A key for what this operation hands over; NULL: none is wanted. */
void ml_torture_key(ml_torture *x, uint8_t key[16], uint8_t body[16]);

/* An operation begins (its name), and has ended. */
void ml_torture_op(ml_world *w, ml_str name);
void ml_torture_op_end(ml_world *w);
/* Is this a delivery at which `kind` is to happen? */
bool ml_torture_now(const ml_torture *x, ml_fault_kind kind);
void ml_torture_fire(ml_torture *x);
/* Around a delivery: the clock's leaps. */
ml_rc ml_torture_leap(ml_world *w, bool before, ml_err *e);

#endif
