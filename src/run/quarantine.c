/*
** quarantine.c - a bundle whose scripts keep killing their workers.
**
** Three deaths on one slice are an incident of that process (SEMANTICS.md 27).
** More than QUARANTINE_PROCESSES different processes of one bundle with such an
** incident within QUARANTINE_MS, and none of its scripts runs any more, so that
** the workers are there for the others.  The mark is a row, so a restart changes
** nothing; an operator takes it away, and everything that was held goes on from
** its rows.  Meanwhile:
**
**   an activity, a condition   is not begun; its process stays where it is
**   a trigger                  rests; a webhook is answered 503
**   derived fields, the rules of a process's life
**                              what they would judge is refused (503) and
**                              changes nothing; an answer of a script that
**                              was on its way counts as lost, and is given
**                              again from the journal
**   a rule for transactions    the transaction is refused (503): without its
**                              answer nobody knows where it belongs
**   its folder, at a load      is not evaluated: it is what it was when it was
**                              stored; another version of it is another bundle
*/
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/plant.h"
#include "run/inside.h"

static void tell(const char *what, const bundle *b) {
  char name[80];

  snprintf(name, sizeof name, "%.*s", (int)b->folder.n, b->folder.p);
  ml_log(ML_WARN, what, "folder", name, "version", b->version, NULL);
}

/* ---- the mark ---- */

typedef struct marking {
  ml_run *r;
  uint32_t bundle;
  int64_t at_ms;                 /* 0: taken away */
  ml_run_done_fn *done;
  void *arg;
} marking;

static void fill(void *arg, ml_batch *b) {
  const marking *m = arg;

  ml_batch_quarantine(b, m->bundle, m->at_ms);
}

/* Not written, it holds in this run all the same, and is written with the next
** incident; for an operator who lifts it the answer says so. */
static void written(void *arg, ml_rc rc, const ml_err *e) {
  marking *m = arg;

  if (rc != ML_OK)
    ml_log(ML_WARN, "quarantine-not-written", "why",
           e != NULL ? e->text : ml_rc_name(rc), NULL);
  if (m->done != NULL)
    m->done(m->arg, rc, e);
  ml_mem_free(m);
}

static bool mark(ml_run *r, bundle *b, int64_t at_ms, ml_run_done_fn *done,
                 void *arg) {
  marking *m = ml_mem_zero(sizeof *m);

  if (m == NULL)
    return false;
  *m = (marking){r, b->no, at_ms, done, arg};
  write_quietly(r, fill, written, m);
  return true;
}

/* ---- counting ---- */

/* Keep the last one of each process that is still young; how many. */
static size_t note(bundle *b, int64_t n, int64_t now) {
  size_t to = 0;

  for (size_t i = 0; i < b->death_count; i++)
    if (b->deaths[i].n != n && now - b->deaths[i].at_ms < QUARANTINE_MS)
      b->deaths[to++] = b->deaths[i];
  if (to == QUARANTINE_PROCESSES + 1)          /* full: the oldest goes */
    memmove(b->deaths, b->deaths + 1, --to * sizeof *b->deaths);
  b->deaths[to].n = n;
  b->deaths[to].at_ms = now;
  b->death_count = to + 1;
  return b->death_count;
}

void quarantine_note(ml_run *r, const bundle *of, int64_t n) {
  bundle *b = bundle_no(r, of->no);
  int64_t now = now_wall(r);

  if (b == NULL)
    return;
  if (note(b, n, now_mono(r)) <= QUARANTINE_PROCESSES)
    return;
  if (b->quarantined_ms == 0)
    tell("bundle-quarantined", b);
  b->quarantined_ms = now;
  mark(r, b, now, NULL, NULL);
}

ml_rc quarantine_check(const bundle *b, ml_err *e) {
  ml_str name = b->flow_count > 0 ? b->flows[0]->name : b->folder;

  if (b->quarantined_ms == 0 || ML_PLANTED(quarantine_blind))
    return ML_OK;
  if (name.n > 60)
    name.n = 60;
  e->after_s = QUARANTINE_AFTER_S;
  return ml_err_set(e, ML_AGAIN, "", "the scripts of '%.*s' are in quarantine, "
                    "for they ended the workers of more than %d processes; "
                    "`moonlane lift %.*s`, or a mended version, lets them run "
                    "again", (int)name.n, name.p, QUARANTINE_PROCESSES,
                    (int)name.n, name.p);
}

bool quarantine_lets_go(const proc *pr) {
  if (pr->b == NULL || pr->b->quarantined_ms == 0)
    return false;
  for (size_t i = 0; i < pr->p->act_count; i++)
    if (pr->p->acts[i].wait == ML_WAIT_CALL)
      return false;                            /* its answer will be recorded */
  return true;
}

void quarantine_renew(ml_run *r, proc *pr, int64_t due) {
  if (pr->gone || pr->b->quarantined_ms == 0 || due > 0 ||
      -due > now_wall(r) || load_of(pr) == NULL)
    return;
  pr->renew = true;
  mark_dirty(r, pr);
}

/* ---- after a start ---- */

void quarantine_take(ml_run *r, const ml_row_quarantine *list, size_t n) {
  for (size_t i = 0; i < n; i++) {
    bundle *b = bundle_no(r, list[i].bundle);

    if (b == NULL)
      continue;
    b->quarantined_ms = list[i].at_ms;
    tell("bundle-in-quarantine", b);
  }
}

/* ---- looking, lifting ---- */

int64_t ml_run_quarantined(const ml_run *r, uint32_t no) {
  const bundle *b = bundle_no(r, no);

  return b != NULL ? b->quarantined_ms : 0;
}

size_t ml_run_quarantine_count(const ml_run *r) {
  size_t n = 0;

  for (size_t i = 0; i < r->bundle_count; i++)
    n += r->bundles[i]->quarantined_ms != 0;
  return n;
}

static bool has_workflow(const bundle *b, ml_str workflow) {
  for (size_t i = 0; i < b->flow_count; i++)
    if (ml_str_eq(b->flows[i]->name, workflow))
      return true;
  return false;
}

typedef struct lifting {
  ml_run *r;
  size_t open, lifted;
  ml_rc rc;
  ml_err e;
  void (*done)(void *arg, ml_rc rc, const ml_err *e, size_t lifted);
  void *arg;
} lifting;

static void lift_end(lifting *l) {
  if (--l->open > 0)
    return;
  l->done(l->arg, l->rc, &l->e, l->lifted);
  ml_mem_free(l);
}

static void lifted(void *arg, ml_rc rc, const ml_err *e) {
  lifting *l = arg;

  if (rc != ML_OK && l->rc == ML_OK) {
    l->rc = rc;
    if (e != NULL)
      l->e = *e;
  }
  if (rc == ML_OK)
    due_all(l->r);                             /* what was held is dispatched */
  lift_end(l);
}

void ml_run_lift(ml_run *r, ml_str workflow,
                 void (*done)(void *arg, ml_rc rc, const ml_err *e,
                              size_t lifted), void *arg) {
  lifting *l = ml_mem_zero(sizeof *l);
  ml_err e = {0};

  if (l == NULL) {
    ml_err_set(&e, ML_NOMEM, "", "memory is short");
    done(arg, ML_NOMEM, &e, 0);
    return;
  }
  *l = (lifting){.r = r, .open = 1, .done = done, .arg = arg};
  for (size_t i = 0; i < r->bundle_count; i++) {
    bundle *b = r->bundles[i];

    if (b->quarantined_ms == 0 || !has_workflow(b, workflow))
      continue;
    l->open++;
    if (!mark(r, b, 0, lifted, l)) {
      l->open--;
      l->rc = ml_err_set(&l->e, ML_NOMEM, "", "memory is short");
      continue;
    }
    b->quarantined_ms = 0;
    b->death_count = 0;
    l->lifted++;
    tell("bundle-lifted", b);
  }
  lift_end(l);
}
