/*
** turned.c - the wall clock was turned back: whose waits began in the future?
**
** A process that was changed while the clock stood ahead may wait until years
** ahead for what should be tried again in a minute.  Its row says when it was
** changed, so all rows with a moment are gone through once, page by page, and
** those that were changed at a moment yet to come are told: the engine moves
** their waits back with the clock (engine/turned.c).  Leases, the outbox and
** polls need no such pass: they have bounds.
**
** Noticed while the engine runs, and at a start that comes before the last one.
*/
#include "run/inside.h"

enum { PAGE = 500, TURNED_MS = 1000, AT_WORK_MAX = 2000 };

typedef struct page {
  ml_run *r;
  uint32_t round;
  int64_t now_ms;
  ml_due_item at, items[PAGE];
  size_t count;
  bool ahead[PAGE];              /* changed at a moment yet to come */
  ml_rc rc;
} page;

static void work(void *arg, ml_read *rd) {
  page *p = arg;

  p->rc = ml_read_due(rd, INT64_MAX, 0, p->at, p->items, PAGE, &p->count);
  for (size_t i = 0; p->rc == ML_OK && i < p->count; i++) {
    int64_t ms;

    p->rc = ml_read_updated(rd, p->items[i].n, &ms);
    p->ahead[i] = p->rc == ML_OK && ms > p->now_ms;
    if (p->rc == ML_NOT_FOUND)
      p->rc = ML_OK;
  }
}

static void tell(ml_run *r, int64_t n) {
  proc *pr = proc_get(r, n);
  ml_input *in = ml_input_new();

  if (pr == NULL || in == NULL) {
    ml_input_free(in);
    return;
  }
  in->n = n;
  in->ev.kind = ML_EV_TURNED;
  proc_queue(r, pr, in);
  pr = proc_find(r, n);
  if (pr != NULL)
    proc_rest(r, pr);
}

static void done(void *arg) {
  page *p = arg;
  ml_run *r = p->r;

  r->turned.reading = false;
  if (!r->stopped && p->rc == ML_OK && p->round == r->turned.round) {
    for (size_t i = 0; i < p->count; i++)
      if (p->ahead[i])
        tell(r, p->items[i].n);
    if (p->count > 0)
      r->turned.at = p->items[p->count - 1];
    r->turned.on = p->count == PAGE;
  }
  if (p->rc == ML_OK)            /* else at the next look */
    turned_go_on(r);
  ml_mem_free(p);
  busy_end(r);
}

void turned_go_on(ml_run *r) {
  page *p;

  if (!r->turned.on || r->turned.reading || r->stopped || r->draining ||
      r->proc_count >= AT_WORK_MAX)
    return;
  p = ml_mem_zero(sizeof *p);
  if (p == NULL)
    return;
  p->r = r;
  p->round = r->turned.round;
  p->now_ms = now_wall(r);
  p->at = r->turned.at;
  r->turned.reading = true;
  r->busy++;
  if (ml_run_read(r, work, done, p) == ML_OK)
    return;
  r->turned.reading = false;
  r->busy--;
  ml_mem_free(p);
}

void turned_look(ml_run *r, int64_t now_ms) {
  if (now_ms < r->turned.seen_ms - TURNED_MS) {
    r->turned.on = true;
    r->turned.round++;
    r->turned.at = (ml_due_item){now_ms, 0};
  }
  r->turned.seen_ms = now_ms;
  turned_go_on(r);
}
