/*
** host.h - the core's side of the script workers.
**
** The core asks (ml_ask), an answer comes later (ml_answer).  ml_script is
** an interface: the real host below keeps worker processes; the inline one
** runs the same worker code in this process, for simulations and tests.
**
** What the real host promises:
** - A question is answered exactly once, however many workers die over it.
** - A death counts only against the slice that the worker was running, and
**   only when the host's hard clock, a fault signal or a limit of the kernel
**   ended it (SEMANTICS.md 27); what else the worker held is asked again.
** - A slice stopped by its clock is asked once more under the counting hook,
**   and that verdict is delivered (SEMANTICS.md 28).
** - A worker that says anything not well-formed is killed.
** - A slice that runs long does not hold up what was queued behind it: that
**   is asked elsewhere after steal_ms (a question may be asked twice, its
**   answer depends on nothing but itself).  While all workers are at long
**   slices more are made, a few; a bundle with such slices keeps to as many
**   workers as there are otherwise, to one when others have some too, and the
**   last of those made are kept from bundles that ran long lately.
** - A slice with a time of its author's or the operator's own is ended at it, by
**   the counted run too: the clock decides then, not only the units.
** - The hard clock is of time that the worker was given: on a full machine a
**   slice may take up to three times as long before it is killed.
**
** A bundle's sources hold the library files it uses ("moonlane/....lua");
** besides what scripts require these are moonlane/define.lua,
** moonlane/ctx.lua, moonlane/slice.lua, and for TEST moonlane/test.lua.
*/
#ifndef ML_SCRIPT_HOST_H
#define ML_SCRIPT_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "model/attempt.h"
#include "net/loop.h"

/*
** What a question came to.  Called exactly once for each accepted question,
** on the loop, never inside ask.
**   ML_OK      r is the answer; borrowed during the call
**   ML_LIMIT   three deaths on this slice; r->text says of what
**   ML_NOMEM   memory is short here
**   ML_AGAIN   the host is being freed
** r is never NULL; for the last two it holds only the id.
*/
typedef void ml_answer_fn(void *arg, ml_rc rc, const ml_answer *r);

typedef struct ml_script {
  /*
  ** Ask; q is copied, q->id is the caller's and comes back in r->id.  On any
  ** result but ML_OK fn is not called: ML_NOMEM, ML_LIMIT (longer than a
  ** frame), ML_NOT_FOUND (q->bundle is set and not known).
  */
  ml_rc (*ask)(struct ml_script *s, const ml_ask *q, ml_answer_fn *fn,
               void *arg);
  /* Make the sources of a bundle known: copied, kept, sent to any worker that
  ** needs them.  Known already: nothing happens.  n = 0: forget it. */
  ml_rc (*bundle)(struct ml_script *s, const uint8_t hash[32],
                  const ml_source *src, size_t n);
} ml_script;

/* A field of 0 (or NULL, false) stands for the default. */
typedef struct ml_host_conf {
  uint32_t workers;            /* as many as cores, 2 to 8 */
  const char *program;         /* "/proc/self/exe"; run with the argument
                                  --script-template: ml_template_main(3) */
  bool insecure;               /* go on where the kernel has no jail */
  ml_bounds limits;            /* the operator's (model/bound.h) */
  int64_t hard_ms[ML_ASK_COUNT];   /* of one slice; as its time says: 2,000, a
                                  rule 200, what is derived and its rules 400.
                                  A time below the default ends a slice sooner,
                                  this stays */
  int64_t steal_ms;            /* 25 */
  uint64_t recycle_bytes;      /* resident; 512 MiB, or four states */
  int64_t recycle_cpu_ms;      /* 600,000 */
} ml_host_conf;

typedef struct ml_host_stats {
  uint64_t asked, answered, waiting;
  uint64_t workers;            /* alive */
  uint64_t born, died;         /* workers, in all */
  uint64_t blamed;             /* deaths that counted against a slice */
  uint64_t killed_clock, killed_frame;
  uint64_t stolen, counted, recycled, templates;
} ml_host_stats;

/*
** Start the template process and order the workers.  Call before the store
** is opened, a secret read, a thread started.  Waits until the template has
** tried the jail: ML_REFUSED when it does not hold and not conf->insecure.
** insecure: *e then says what is missing, with ML_OK (else e->text is "").
*/
ml_rc ml_host_new(ml_loop *l, const ml_host_conf *conf, ml_script **out,
                  ml_err *e);
/* Open questions end with ML_AGAIN; the processes end.  NULL allowed. */
void ml_host_free(ml_script *s);
void ml_host_stats_get(const ml_script *s, ml_host_stats *out);
/* Process id of worker i (0, 1, ...) or of the template (-1); 0: none now. */
int ml_host_pid(const ml_script *s, int i);

/*
** The same worker in this process, without a jail.  Everything runs under
** the counting hook, so that results do not depend on time.  Answers are
** delivered by _turn, which gives how many; it takes what was asked before
** and leaves what its call-backs ask to the next turn.  limits: the operator's,
** or NULL.
*/
ml_rc ml_script_inline_new(const ml_bounds *limits, ml_script **out);
size_t ml_script_inline_turn(ml_script *s);
void ml_script_inline_free(ml_script *s);        /* NULL allowed */

#endif
