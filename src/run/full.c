/*
** full.c - the disk takes no more: said once, looked for again, gone on from;
** or it has lost something, and there is no going on.
**
** A refused write is a clean no, so nothing is lost by going on: what comes in
** is refused, reads are answered.  Once a second a small write asks whether
** there is room.  The first write that lands ends it: leases count as ended
** then, for what was in flight was dropped with the batch that failed.
*/
#include "base/log.h"
#include "run/inside.h"

enum { PROBE_MS = 1000 };

static void fill(void *arg, ml_batch *b) {
  (void)arg;
  ml_batch_probe(b);
}

static void probed(void *arg, ml_rc rc, const ml_err *e) {
  ml_run *r = arg;

  (void)rc, (void)e;             /* full_look() has seen it */
  if (r->full && !r->stopped)
    ml_loop_timer_set(r->full_timer, PROBE_MS);
}

static void probe(void *arg) {
  ml_run *r = arg;

  if (r->full && !r->stopped)
    write_quietly(r, fill, probed, r);
}

static void begin(ml_run *r, ml_rc rc) {
  ml_log(ML_WARN, "disk-refuses", "why", rc == ML_FULL ? "it is full"
                                                       : "a write failed",
         "now", "new work is refused, reading goes on", NULL);
  r->full = true;
  if (r->full_timer == NULL)
    r->full_timer = ml_loop_timer_new(r->conf.loop, probe, r);
  if (r->full_timer != NULL)
    ml_loop_timer_set(r->full_timer, PROBE_MS);
}

void full_look(ml_run *r, const ml_batch *b, ml_rc rc) {
  if (!r->full && (rc == ML_FULL || rc == ML_IO)) {
    begin(r, rc);
  } else if (r->full && rc == ML_OK && ml_batch_size(b) > 0) {
    r->full = false;
    r->pause_ms = 0;
    r->first_scan = true;
    ml_log(ML_INFO, "disk-again", NULL);
    due_look(r);
  }
}

/* Nothing is answered or sent from here on: what is on disk is not known. */
bool disk_lost(ml_run *r, ml_rc rc) {
  if (rc != ML_UNKNOWN || r->stopped)
    return r->stopped;
  r->stopped = true;
  if (r->conf.stopped != NULL)
    r->conf.stopped(r->conf.stopped_arg, rc, "a flush to disk failed: what "
                    "was being written may or may not be there");
  return true;
}

/* What a caller is told: a write that failed may do the next time. */
ml_rc full_told(ml_rc rc) {
  return rc == ML_IO ? ML_AGAIN : rc;
}
