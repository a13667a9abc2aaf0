/*
** stacks.h - which moments of a run are alike: those reached by the same call
** stack while the engine was in the same state.
**
** A run is gone through once with stacks_note() at each moment; stacks_pick()
** then chooses some of each kind, so that nothing is left out but repeats.
** Stacks are those of this process: addresses mean nothing to another one.
*/
#ifndef SIM_STACKS_H
#define SIM_STACKS_H

#include <stddef.h>
#include <stdint.h>

typedef struct stacks {
  uint64_t *list;                /* what each moment is like */
  size_t n, cap, distinct;
} stacks;

/* The next moment; `state` is what else tells it from others. */
void stacks_note(stacks *s, uint64_t state);
/* The same, but of the stack only what is called from here: who called does not
** count.  `outer` is stacks_depth() of there. */
void stacks_note_within(stacks *s, uint64_t state, int outer);
int stacks_depth(void);
/* Moments of s that are also in `known` are of no kind: they are never picked. */
void stacks_leave_out(stacks *s, const stacks *known);
/* The numbers (from 1, ascending) of `each` moments of every kind, spread from
** its first to its last; all of a kind that has no more.  free() it. */
uint64_t *stacks_pick(stacks *s, size_t each, size_t *count);
void stacks_free(stacks *s);

#endif
