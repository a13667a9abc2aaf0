/*
** act.c - an activity's life: it begins, runs, waits, ends.
**
** What it waits for is one column (`wait`) changed with its status; when that
** ends by itself is another (`due_ms`).  Nothing else says what is next.
*/
#include <string.h>

#include "engine/inside.h"

const ml_activity *act_def(const step *s, const ml_act *a) {
  return &s->f->activities[a->def];
}

static int64_t later(const step *s, int64_t ms) {
  return ms > 0 ? s->now->wall_ms + ms : 0;
}

/* Its moment now: a duration from now, or what a field holds (0: nothing). */
int64_t due_moment(const step *s, const ml_due *d) {
  int64_t ms = 0;
  ml_str v;

  if (!d->given)
    return 0;
  if (d->field < 0)
    return later(s, d->ms);
  v = s->p->data[d->field];
  for (size_t i = 0; i < v.n; i++) {        /* canonical: digits, maybe '-' */
    if (v.p[i] < '0' || v.p[i] > '9')
      return 0;
    ms = ms * 10 + (v.p[i] - '0');
  }
  return ms;
}

/* A slice of its script, to be dispatched. */
void act_run(step *s, ml_act *a, const char *mode) {
  ml_effect *ef;

  a->wait = ML_WAIT_SCRIPT;
  a->due_ms = 0;
  a->slice++;
  ef = effect(s, ML_DO_RUN, a->no);
  ef->slice = a->slice;
  ef->mode = ml_str_of(mode);
}

/* It starts with an empty journal each time (SEMANTICS.md 10). */
void act_ask(step *s, ml_act *a) {
  effect(s, ML_DO_NEW_ATTEMPT, a->no);
  act_run(s, a, "is_complete");
}

void act_attempt(step *s, ml_act *a) {
  const ml_activity *def = act_def(s, a);

  a->attempt++;
  a->logged = 0;
  a->mail = 0;
  a->call = ML_NOSTR;
  a->call_arg = ML_NOSTR;
  a->message = ML_NOSTR;
  a->at = ML_NOSTR;
  a->limit_ms = def->timeout_ms > 0 ? later(s, def->timeout_ms)
                                    : due_moment(s, &def->timeout_due);
  if (a->attempt > 1)
    effect(s, ML_DO_NEW_ATTEMPT, a->no);
  act_run(s, a, a->asking ? "is_complete" : "run");
}

void act_begin(step *s, ml_act *a) {
  const ml_activity *def = act_def(s, a);
  bool manned = def->lane < 0 || s->now->manned == NULL ||
                s->now->manned[def->lane];

  act_move(s, a, ML_TURN_BEGUN);
  a->began_ms = s->now->wall_ms;
  a->give_up_ms = later(s, give_up_of(s, def));
  switch (def->kind) {
    case ML_AK_AUTO:
      act_attempt(s, a);
      return;
    case ML_AK_RECEIVE:
      a->call_arg = keep(s, def->signal);
      act_rest(s, a, ML_WAIT_SIGNAL, def->timeout_ms > 0
                                         ? later(s, def->timeout_ms) : 0);
      return;
    case ML_AK_TASK:
      if (!manned) {
        ml_str lane = s->f->lanes[def->lane].id;

        act_break(s, a, keepf(s, "nobody can take this task: lane '%.*s' has no "
                              "members", (int)lane.n, lane.p), ML_NOSTR);
        return;
      }
      task_open(s, a, ML_NOSTR);
      act_rest(s, a, ML_WAIT_TASK, 0);
      return;
  }
}

void act_rest(step *s, ml_act *a, ml_wait wait, int64_t due_ms) {
  if (a->status != ML_ACT_WAITING)
    act_move(s, a, ML_TURN_PARKED);
  a->wait = wait;
  a->due_ms = due_ms;
}

void act_drop_tasks(step *s, ml_act *a) {
  uint32_t no = a->no;

  for (uint32_t i = s->p->task_count; i-- > 0;)
    if (s->p->tasks[i].act == no)
      task_end(s, &s->p->tasks[i], ML_TASK_CANCELLED, ML_NOSTR, ML_NOSTR);
}

/* Nothing of it is under way or timed any more. */
static void quiet(step *s, ml_act *a, ml_wait wait) {
  act_drop_tasks(s, a);
  a->slice++;
  a->wait = wait;
  a->due_ms = a->limit_ms = 0;
  a->call = ML_NOSTR;
  a->call_arg = ML_NOSTR;
  a->mail = 0;
}

/* data: JSON of the fields it wrote, for its record; or none. */
void act_succeed(step *s, ml_act *a, ml_str outcome, ml_str data) {
  uint32_t strand = a->strand;
  ml_record *r;

  if (a->status == ML_ACT_WAITING)
    act_move(s, a, ML_TURN_RESUMED);
  act_move(s, a, ML_TURN_RETURNED);
  quiet(s, a, ML_WAIT_NONE);
  a->give_up_ms = 0;
  a->outcome = keep(s, outcome);
  r = tell(s, ML_TOLD_SUCCEEDED, a->no, a->def,
           ml_str_is(outcome, "done") ? ML_NOSTR : outcome);
  r->data = data;
  phase_settle(s, strand);
}

void act_fail(step *s, ml_act *a, ml_str why) {
  act_move(s, a, ML_TURN_REFUSED);
  quiet(s, a, ML_WAIT_OPERATOR);
  a->give_up_ms = 0;
  a->message = why;
  tell(s, ML_TOLD_FAILED, a->no, a->def, why);
}

void act_break(step *s, ml_act *a, ml_str why, ml_str at) {
  ml_record *r;

  act_move(s, a, ML_TURN_BROKE);
  quiet(s, a, ML_WAIT_OPERATOR);
  a->give_up_ms = 0;
  a->message = why;
  a->at = at;
  r = tell(s, ML_TOLD_BROKE, a->no, a->def, why);
  if (at.p != NULL) {
    ml_buf b = {0};
    ml_jw w;

    ml_jw_init(&w, &b);
    ml_jw_obj(&w);
    ml_jw_kstr(&w, "at", at);
    ml_jw_end(&w);
    if (!b.bad)
      r->data = (ml_str){ml_arena_dup(&s->out->arena, b.p, b.len), b.len};
    if (r->data.p == NULL) {
      r->data = ML_NOSTR;
      s->starved = true;
    }
    ml_buf_free(&b);
  }
}

/* An attempt ended as "not yet": again later, or, when the retries are used
** up, Failure; without a `retry`, Error (SEMANTICS.md 6, 9). */
void act_not_yet(step *s, ml_act *a, ml_str why, int64_t after_ms) {
  ml_retry retry = retry_of(s, act_def(s, a));
  int64_t wait;

  if (!retry.given) {
    act_break(s, a, keepf(s, "%.*s (and no retry is declared)",
                          (int)(why.n > 600 ? 600 : why.n), why.p), ML_NOSTR);
    return;
  }
  if (a->retries >= retry.n) {
    act_fail(s, a, keepf(s, "not done after %u attempts: %.*s", a->attempt,
                         (int)(why.n > 600 ? 600 : why.n), why.p));
    return;
  }
  wait = retry_wait(&retry, a->retries, s->now->rand);
  if (after_ms >= 0 && (after_ms > wait || retry.min_ms < retry.max_ms))
    wait = after_ms;
  a->retries++;
  quiet(s, a, ML_WAIT_RETRY);
  a->message = why;
  tell(s, ML_TOLD_NOT_YET, a->no, a->def, why);
  act_rest(s, a, ML_WAIT_RETRY, s->now->wall_ms + (wait > 0 ? wait : 1));
}

static void forget_asked(ml_act *a, ml_str call) {
  for (uint32_t i = 0; i < a->asked_count; i++)
    if (ml_str_eq(a->asked[i].call, call)) {
      memmove(&a->asked[i], &a->asked[i + 1],
              (a->asked_count - i - 1) * sizeof *a->asked);
      a->asked_count--;
      return;
    }
}

/* Its open call has its answer: into the journal, and on with the script. */
void act_answer(step *s, ml_act *a, ml_str json) {
  ml_effect *ef = effect(s, ML_DO_JOURNAL, a->no);

  ef->call = a->call;
  ef->call_kind = a->call_kind;
  for (uint32_t i = 0; i < a->asked_count; i++)
    if (ml_str_eq(a->asked[i].call, a->call))
      memcpy(ef->hash, a->asked[i].hash, sizeof ef->hash);
  ef->text.p = ml_arena_dup(&s->out->arena, json.p, json.n);
  ef->text.n = json.n;
  if (ef->text.p == NULL)
    s->starved = true;
  forget_asked(a, a->call);
  if (a->status == ML_ACT_WAITING)
    act_move(s, a, ML_TURN_RESUMED);
  a->call = ML_NOSTR;
  a->call_arg = ML_NOSTR;
  act_run(s, a, a->asking ? "is_complete" : "run");
}
