/*
** phase.c - how a run goes on: phases are entered, end, lead to others.
**
** A strand is a running list of phases.  Entering a phase starts all of its
** activities and branches together; when all have succeeded the strand moves
** as the phase's `next` says.  A branch that ran off its end (or says join) has
** ended; the phase it stands in waits for it if it was started, so the join is
** inclusive.  Pointers into the process's lists die whenever one grows: here
** strands are named by number and looked up again.
*/
#include <string.h>

#include "base/plant.h"
#include "engine/inside.h"

/* Is phase k of the list the strand runs inside the bounds `max` gives? */
static bool may_enter(const step *s, const ml_strand *st, int32_t phase) {
  const ml_phase *ph = &s->f->phases[phase];
  uint16_t k = (uint16_t)(phase - s->f->lists[st->list].first_phase);

  return ph->max == 0 || st->entered[k] < ph->max;
}

bool phase_has_conditions(const ml_flow *f, const ml_phase *ph) {
  if (ph->when)
    return true;
  for (uint16_t i = 0; i < ph->branch_count; i++)
    if (f->branches[ph->first_branch + i].when)
      return true;
  return false;
}

/* Ask the `when`s of the phase where the strand stands. */
void phase_ask_when(step *s, ml_strand *st) {
  const ml_phase *ph = &s->f->phases[st->phase];
  ml_buf paths = {0};
  ml_effect *ef;

  if (ph->when)
    ml_buf_put(&paths, ph->path.p, ph->path.n);
  for (uint16_t i = 0; i < ph->branch_count; i++) {
    const ml_branch *br = &s->f->branches[ph->first_branch + i];

    if (!br->when)
      continue;
    if (paths.len > 0)
      ml_buf_putc(&paths, ' ');
    ml_buf_put(&paths, br->path.p, br->path.n);
  }
  st->judging = true;
  st->stuck = false;
  st->slice++;
  ef = effect(s, ML_DO_JUDGE, st->no);
  ef->slice = st->slice;
  ef->text.p = paths.bad ? NULL
                         : ml_arena_dup(&s->out->arena, paths.p, paths.len);
  ef->text.n = paths.len;
  if (ef->text.p == NULL)
    s->starved = true;
  ml_buf_free(&paths);
}

/* Make the activities of a phase, New, and begin them all. */
static void start_activities(step *s, uint32_t strand_no, const ml_phase *ph) {
  uint32_t first = s->p->next_no;

  for (uint16_t i = 0; i < ph->activity_count && !s->starved; i++) {
    ml_act *a = ml_process_add_act(s->p);

    if (a == NULL) {
      s->starved = true;
      return;
    }
    a->no = s->p->next_no++;
    a->strand = strand_no;
    a->def = (uint16_t)(ph->first_activity + i);
    a->status = ML_ACT_NEW;
  }
  for (uint32_t i = 0; i < ph->activity_count && !s->starved; i++)
    act_begin(s, ml_process_act(s->p, first + i));
}

static void start_branch(step *s, uint32_t parent, uint16_t branch) {
  const ml_branch *br = &s->f->branches[branch];
  ml_strand *st = ml_process_add_strand(s->p, s->f, br->list);

  if (st == NULL) {
    s->starved = true;
    return;
  }
  st->no = s->p->next_no++;
  st->parent = parent;
  st->phase = s->f->lists[br->list].first_phase;
  tell(s, ML_TOLD_BRANCH, st->no, branch, br->name);
  phase_enter(s, st->no, st->phase, NULL);
}

/* All `when`s are known: start what is to be started.  truths: the phase's
** own first if it has one, then the branches' that have one, in order. */
static void phase_start(step *s, uint32_t strand_no, const bool *truths) {
  ml_strand *st = ml_process_strand(s->p, strand_no);
  const ml_phase *ph = &s->f->phases[st->phase];
  uint32_t parent = st->no;
  size_t t = 0;

  if (ph->when && !truths[t++]) {           /* skipped: look at the next one */
    const ml_list *l = &s->f->lists[st->list];
    int32_t next = st->phase + 1;

    if (next < l->first_phase + l->phase_count)
      phase_enter(s, parent, next, NULL);
    else
      phase_enter(s, parent, l->branch == ML_LIST_OWN ? ML_TO_FINISH : ML_TO_JOIN, NULL);
    return;
  }
  st->entered[st->phase - s->f->lists[st->list].first_phase]++;
  tell(s, ML_TOLD_PHASE, parent, st->phase, ph->name);
  start_activities(s, parent, ph);
  for (uint16_t i = 0; i < ph->branch_count && !s->starved; i++) {
    uint16_t b = (uint16_t)(ph->first_branch + i);

    if (!s->f->branches[b].when || truths[t++])
      start_branch(s, parent, b);
  }
  phase_settle(s, parent);
}

void phase_judged(step *s, ml_strand *st, const bool *truths) {
  st->judging = false;
  phase_start(s, st->no, truths);
}

/* A bound is passed and no activity led here: the list of phases stands still
** before the phase, the run is in Error. */
static void phase_bound(step *s, ml_strand *st, int32_t phase) {
  const ml_phase *ph = &s->f->phases[phase];

  st->phase = (uint16_t)phase;
  st->stuck = true;
  s->p->message = keepf(s, "phase '%.*s' may be entered %u times, not more",
                        (int)ph->name.n, ph->name.p, ph->max);
  tell(s, ML_TOLD_BROKE, st->no, -1, s->p->message);   /* no activity's */
}

/* Before a phase that could not be entered: once more. */
void phase_again(step *s, ml_strand *st) {
  st->stuck = false;
  phase_enter(s, st->no, st->phase, NULL);
}

/* Move the strand to a phase, or to its end (ML_TO_JOIN, ML_TO_FINISH).  `by`:
** the activity whose outcome led there, Failure when a bound is passed. */
void phase_enter(step *s, uint32_t strand_no, int32_t phase, ml_act *by) {
  ml_strand *st = ml_process_strand(s->p, strand_no);

  if (s->starved || st == NULL)
    return;
  if (phase == ML_TO_FINISH) {
    run_end(s, ML_COMPLETED, ML_NOSTR);
    return;
  }
  if (phase == ML_TO_JOIN && s->f->lists[st->list].branch == ML_LIST_HOOK) {
    ml_process_drop_strand(s->p, strand_no);   /* its activity is over */
    return;
  }
  if (phase == ML_TO_JOIN) {
    uint32_t parent = st->parent;

    st->ended = true;
    tell(s, ML_TOLD_JOINED, st->no, s->f->lists[st->list].branch,
         s->f->branches[s->f->lists[st->list].branch].name);
    phase_settle(s, parent);
    return;
  }
  if (!may_enter(s, st, phase) && by == NULL) {
    phase_bound(s, st, phase);
    return;
  }
  if (!may_enter(s, st, phase)) {
    ml_str name = s->f->phases[phase].name;

    act_fail(s, by, keepf(s, "phase '%.*s' may be entered %u times, not more",
                          (int)name.n, name.p, s->f->phases[phase].max));
    return;
  }
  st->phase = (uint16_t)phase;
  if (phase_has_conditions(s->f, &s->f->phases[phase]))
    phase_ask_when(s, st);
  else
    phase_start(s, strand_no, NULL);
}

/* Have all activities and branches that the phase started succeeded? */
static bool phase_done(const step *s, const ml_strand *st) {
  if (st->judging || st->stuck || st->ended)
    return false;
  for (uint32_t i = 0; i < s->p->act_count; i++) {
    const ml_act *a = &s->p->acts[i];

    if (ML_PLANTED(phase_early) && a->strand == st->no &&
        a->status == ML_ACT_SUCCESS)
      return true;
    if (a->strand == st->no && !a->aside && a->status != ML_ACT_SUCCESS)
      return false;
  }
  for (uint32_t i = 0; i < s->p->strand_count; i++)
    if (s->p->strands[i].parent == st->no && !s->p->strands[i].ended)
      return false;
  return true;
}

int32_t phase_next(const ml_flow *f, uint16_t phase, ml_str outcome) {
  const ml_phase *ph = &f->phases[phase];
  const ml_list *l = &f->lists[ph->list];
  int32_t to = ML_TO_NEXT;

  for (uint16_t i = 0; i < ph->next_count; i++)
    if (ml_str_eq(ph->next[i].outcome, outcome)) {
      to = ph->next[i].to;
      break;
    } else if (ph->next[i].outcome.p == NULL) {
      to = ph->next[i].to;                  /* unless its own entry follows */
    }
  if (to != ML_TO_NEXT)
    return to;
  if (phase + 1 < l->first_phase + l->phase_count)
    return phase + 1;
  return l->branch == ML_LIST_OWN ? ML_TO_FINISH : ML_TO_JOIN;
}

/* Forget what the phase held; history has it. */
static void phase_clear(step *s, uint32_t strand_no, uint32_t but) {
  for (uint32_t i = s->p->act_count; i-- > 0;)
    if (s->p->acts[i].strand == strand_no && s->p->acts[i].no != but)
      ml_process_drop_act(s->p, s->p->acts[i].no);
  for (uint32_t i = s->p->strand_count; i-- > 0;)
    if (s->p->strands[i].parent == strand_no)
      ml_process_drop_strand(s->p, s->p->strands[i].no);
}

void phase_settle(step *s, uint32_t strand_no) {
  ml_strand *st = ml_process_strand(s->p, strand_no);
  const ml_phase *ph;
  ml_str outcome = ML_NOSTR;
  uint32_t last = 0;             /* the decider, or the last activity */
  bool decided = false;
  int32_t to;

  if (s->starved || st == NULL || !phase_done(s, st) ||
      (s->p->status != ML_OPEN && !is_hook(s, strand_no)))
    return;
  ph = &s->f->phases[st->phase];
  for (uint32_t i = 0; i < s->p->act_count; i++) {
    const ml_act *a = &s->p->acts[i];

    if (a->strand != strand_no || a->aside || decided)
      continue;
    last = a->no;
    decided = (int32_t)a->def == ph->decider;
    if (decided)
      outcome = a->outcome;
  }
  to = phase_next(s->f, st->phase, outcome);
  if (to >= 0 && !may_enter(s, st, to) && last != 0) {
    phase_enter(s, strand_no, to, ml_process_act(s->p, last));
    return;                                 /* its Failure keeps it here */
  }
  phase_clear(s, strand_no, 0);
  phase_enter(s, strand_no, to, NULL);
}

/* ---- the run as a whole ---- */

void run_update(step *s) {
  ml_acts few[64], *acts = few;
  size_t n = 0;
  ml_runs run;
  ml_str why = ML_NOSTR;

  if (s->p->status != ML_OPEN || s->p->run == ML_RUN_NEW)
    return;
  if (s->p->act_count > 64)
    acts = ml_arena_alloc(&s->out->arena, sizeof *acts * s->p->act_count);
  if (acts == NULL) {
    s->starved = true;
    return;
  }
  for (uint32_t i = 0; i < s->p->act_count; i++)
    if (!s->p->acts[i].aside)
      acts[n++] = s->p->acts[i].status;
  run = ml_move_aggregate(acts, n, true, false);
  for (uint32_t i = 0; i < s->p->strand_count; i++)
    if (s->p->strands[i].stuck) {
      run = ML_RUN_ERROR;
      why = s->p->message;
    }
  for (uint32_t i = 0; i < s->p->act_count && why.p == NULL; i++) {
    const ml_act *a = &s->p->acts[i];

    if (!a->aside && ((run == ML_RUN_ERROR && a->status == ML_ACT_ERROR) ||
                      (run == ML_RUN_FAILURE && (a->status == ML_ACT_FAILURE ||
                                          a->status == ML_ACT_TERMINATED))))
      why = a->message;
  }
  s->p->message = why;
  if (run != s->p->run) {
    s->p->run = run;
    if (run != ML_RUN_RUNNING || s->p->seq > 1)
      tell(s, ML_TOLD_RUN, 0, -1, ml_str_of(ml_runs_name(run)));
  }
}

/* To the one that called us: our end is its answer. */
static void tell_parent(step *s) {
  ml_outgoing *o;
  ml_buf b = {0};
  ml_jw w;

  if (s->p->parent_act.p == NULL || s->p->parent_call.p == NULL)
    return;
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "status", ml_status_name(s->p->status));
  ml_jw_key(&w, "data");
  {
    ml_buf d = {0};

    ml_process_pack_data(s->p, s->f, &d);
    ml_jw_raw(&w, (ml_str){d.p, d.len});
    if (d.bad)
      s->starved = true;
    ml_buf_free(&d);
  }
  ml_jw_end(&w);
  o = ml_process_add_out(s->p);
  if (o == NULL || b.bad) {
    s->starved = true;
  } else {
    o->no = s->p->next_no++;
    o->kind = ML_OUT_TELL;
    o->name = s->p->parent_act;
    o->key = s->p->parent_call;
    o->payload = keep(s, (ml_str){b.p, b.len});
    effect(s, ML_DO_SEND, o->no);
  }
  ml_buf_free(&b);
}

void run_end(step *s, ml_status status, ml_str why) {
  ml_process *p = s->p;

  for (uint32_t i = p->task_count; i-- > 0 && !s->starved;)
    if (!is_hook_act(s, p->tasks[i].act))
      task_end(s, &p->tasks[i], ML_TASK_CANCELLED, ML_NOSTR, ML_NOSTR);
  for (uint32_t i = p->act_count; i-- > 0;)
    if (!is_hook(s, p->acts[i].strand))
      ml_process_drop_act(p, p->acts[i].no);
  for (uint32_t i = p->strand_count; i-- > 0;)
    if (!is_hook(s, p->strands[i].no))
      ml_process_drop_strand(p, p->strands[i].no);
  p->status = status;
  p->message = why;
  p->next_action_ms = 0;
  if (status == ML_COMPLETED) {
    p->run = ML_RUN_COMPLETED;
    p->completed_ms = s->now->wall_ms;
    tell(s, ML_TOLD_COMPLETED, 0, -1, ML_NOSTR);
  } else {
    p->cancelled_ms = s->now->wall_ms;
    tell(s, ML_TOLD_CANCELLED, 0, -1, why);
  }
  tell_parent(s);
}
