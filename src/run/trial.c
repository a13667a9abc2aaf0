/*
** trial.c - events that scripts have a word in before they are taken: derived
** fields and the rules of a process's life (P3.6, P3.7).
**
** The event is tried on a copy.  A worker is shown what the process was and
** what it would be; its answer is given to the engine, still on the copy, and
** only then does the copy become the process, with one commit for all of it.
** A refusal leaves the process as it was, and so does a script that breaks or
** takes too long.  What comes from outside meanwhile waits in the process's
** queue; what comes from inside is taken at once, and then the trial is made
** again from its start.
*/
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "run/inside.h"
#include "script/frame.h"

typedef struct trial {
  ml_run *r;
  proc *pr;                      /* stays while pr->reads says so */
  int64_t n;
  int64_t now_ms;                /* both halves of it happen then */
  uint64_t turns;                /* of the process when the copy was made */
  ml_input *in;                  /* from outside, or: */
  ml_event ev;                   /*   ATTEMPTED, its answer in `bytes` */
  ml_buf bytes;
  ml_arena arena;
  ml_answer answer;
  ml_process *q;                 /* as it would be */
  ml_made made;
  bool was_incident, was_open;
} trial;

/* Rules are asked when people or programs write, not for what the workflow's
** own activities do; derived fields whenever fields may change. */
static bool rules_wanted(const ml_flow *f, ml_event_kind k) {
  return k == ML_EV_STARTED ? f->judges_create
                            : (k == ML_EV_EDITED || k == ML_EV_COMPLETED) &&
                                  f->judges_update;
}

bool trial_wanted(const ml_flow *f, const ml_event *ev) {
  if (rules_wanted(f, ev->kind))
    return true;
  if (!f->derives)
    return false;
  switch (ev->kind) {
    case ML_EV_STARTED: case ML_EV_EDITED: case ML_EV_COMPLETED:
    case ML_EV_SIGNALLED:
      return true;
    case ML_EV_ATTEMPTED:
      return ev->answer->data.n > 0 && ev->answer->end != ML_END_WANT;
    default:
      return false;
  }
}

static void trial_free(trial *t) {
  ml_process_free(t->q);
  ml_made_free(&t->made);
  ml_buf_free(&t->bytes);
  ml_arena_free(&t->arena);
  ml_mem_free(t);
}

static ml_event *event_of(trial *t) {
  return t->in != NULL ? &t->in->ev : &t->ev;
}

/* ---- the question ---- */

static void put_text(ml_jw *w, const char *key, ml_str s) {
  ml_jw_kstr(w, key, s.n > 0 ? s : ML_NOSTR);
}

static void put_moment(ml_jw *w, const char *key, int64_t ms) {
  ml_jw_key(w, key);
  if (ms > 0)
    ml_jw_int(w, ms);
  else
    ml_jw_null(w);
}

static void put_side(ml_jw *w, const ml_process *p, const ml_flow *f,
                     bool data) {
  ml_buf b = {0};

  ml_jw_obj(w);
  put_text(w, "state", p->state);
  ml_jw_kstrz(w, "status", ml_status_name(p->status));
  put_text(w, "assignedTo", p->assigned_to);
  put_moment(w, "nextActionAt", p->next_action_ms);
  if (data) {
    ml_process_pack_data(p, f, &b);
    ml_jw_key(w, "data");
    ml_jw_raw(w, (ml_str){b.p, b.len});
    w->b->bad = w->b->bad || b.bad;
  }
  ml_jw_end(w);
  ml_buf_free(&b);
}

static void put_question(ml_buf *out, const trial *t) {
  bool create = t->pr->p->seq == 0;
  ml_jw w;

  ml_jw_init(&w, out);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "on", create ? "create" : "update");
  ml_jw_kbool(&w, "rules",
              rules_wanted(t->pr->f, create ? ML_EV_STARTED
                                            : event_of((trial *)t)->kind));
  ml_jw_kint(&w, "now", now_wall(t->r));
  ml_jw_key(&w, "is");
  put_side(&w, t->q, t->pr->f, false);
  ml_jw_key(&w, "was");
  if (create)
    ml_jw_null(&w);
  else
    put_side(&w, t->pr->p, t->pr->f, true);
  ml_jw_end(&w);
}

static void put_process(ml_buf *out, const trial *t) {
  char id[ML_ID_MAX];
  ml_jw w;

  ml_id_text(id, t->q->id, 0);
  ml_jw_init(&w, out);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "id", id);
  ml_jw_kstr(&w, "workflow", t->pr->f->name);
  put_text(&w, "subject", t->q->subject);
  put_text(&w, "created_by", t->q->created_by);
  ml_jw_end(&w);
}

static void judged(void *arg, ml_rc rc, const ml_answer *a);

static ml_rc ask(trial *t) {
  ml_ask q = {.kind = ML_ASK_OBJECT};
  ml_bounds limits;
  ml_buf payload = {0}, data = {0}, process = {0};
  char key[ML_ID_MAX];
  ml_rc rc = ML_NOMEM;

  put_question(&payload, t);
  put_process(&process, t);
  ml_process_pack_data(t->q, t->pr->f, &data);
  ml_id_text(key, t->q->id, 0);
  memcpy(q.bundle, t->pr->b->hash, sizeof q.bundle);
  q.owner = owner_of(t->r, t->pr->b->folder);
  q.id = (uint64_t)t->n;
  q.flow = t->pr->f->index;
  limits_ask(t->r, t->pr->f->limits, &limits, &q);
  q.key = ml_str_of(key);
  q.now_ms = now_wall(t->r);
  q.settings = t->q->settings.p != NULL ? t->q->settings : ML_STR("{}");
  q.payload = (ml_str){payload.p, payload.len};
  q.data = (ml_str){data.p, data.len};
  q.process = (ml_str){process.p, process.len};
  if (!payload.bad && !data.bad && !process.bad)
    rc = t->r->conf.script->ask(t->r->conf.script, &q, judged, t);
  if (rc == ML_OK)
    t->r->stats.slices++;
  ml_buf_free(&payload);
  ml_buf_free(&data);
  ml_buf_free(&process);
  return rc;
}

/* ---- ends ---- */

/* What was refused is told; an activity's write that is refused is its Error. */
static void end_refused(trial *t, ml_rc rc, const ml_err *e) {
  ml_run *r = t->r;
  proc *pr = t->pr;
  ml_input *in = t->in;
  bool start = pr->p->seq == 0;

  t->in = NULL;
  if (in != NULL) {
    proc_refuse(r, pr, in, rc, e);
    if (start && !pr->gone)
      proc_drop(r, pr, rc);                 /* it never was */
    return;
  }
  {
    ml_event ev = {.kind = ML_EV_DIED, .no = t->ev.no, .slice = t->ev.slice,
                   .text = ml_str_of(e->text), .at = ml_str_of(e->at)};

    r->stats.refused++;
    proc_event(r, pr, &ev);
  }
}

/* Let go of the process, and let what waited for it in. */
static void end(trial *t) {
  ml_run *r = t->r;
  proc *pr = t->pr;
  int64_t n = t->n;

  trial_free(t);
  pr->reads--;
  if (!pr->gone) {
    proc_take_waiting(r, pr);
    pr = proc_find(r, n);
    if (pr != NULL)
      proc_rest(r, pr);
  }
  busy_end(r);
}

/* The process is as it was, so the event can be taken afresh. */
static void begin_again(trial *t) {
  ml_run *r = t->r;
  proc *pr = t->pr;
  ml_input *in = t->in;

  t->in = NULL;
  pr->reads--;
  if (in != NULL)
    proc_take(r, pr, in);                   /* If-Match is judged again */
  else
    proc_event(r, pr, &t->ev);
  pr->reads++;
}

/* ---- the answer ---- */

static ml_rc stopped(const trial *t, const ml_answer *a, ml_err *e) {
  uint64_t ms = ml_bound_twice(ML_BOUND_RULE_TIME,
                               limits_of(t->r, t->pr->f->limits,
                                         ML_BOUND_RULE_TIME));
  char at[200];
  ml_str where = a->at;

  snprintf(at, sizeof at, "%.*s", (int)(where.n > 190 ? 190 : where.n),
           where.p != NULL ? where.p : "");
  if (a->end == ML_END_CPU || a->end == ML_END_CLOCK)
    return ml_err_set(e, ML_INVALID, at, "what is derived from it, or a rule of "
                      "it, took longer than %llu ms, or its units, and was stopped; "
                      "nothing was written: %.*s", (unsigned long long)ms,
                      (int)(a->text.n > 200 ? 200 : a->text.n),
                      a->text.p != NULL ? a->text.p : "");
  if (a->end == ML_END_MEMORY)
    return ml_err_set(e, ML_INVALID, at, "what is derived from it, or a rule of "
                      "it, took too much memory and was stopped; nothing was "
                      "written: %.*s", (int)(a->text.n > 200 ? 200 : a->text.n),
                      a->text.p != NULL ? a->text.p : "");
  return ml_err_set(e, ML_INVALID, at, "a derived field or a rule broke; nothing "
                    "was written: %.*s", (int)(a->text.n > 300 ? 300 : a->text.n),
                    a->text.p != NULL ? a->text.p : "");
}

static bool truths_of(ml_arena *a, const ml_json *list, ml_event *ev) {
  size_t n = list != NULL && list->type == ML_JARR ? list->count : 0;
  bool *truths = ml_arena_zero(a, n + 1);

  for (size_t i = 0; truths != NULL && i < n; i++)
    truths[i] = list->arr[i].type == ML_JBOOL && list->arr[i].b;
  ev->truths = truths;
  ev->truth_count = n;
  return truths != NULL;
}

/* Give the engine what the scripts said, on the copy. */
static ml_rc take_answer(trial *t, const ml_answer *a, ml_err *e) {
  ml_event ev = {.kind = ML_EV_DERIVED};
  ml_json *j = NULL;
  ml_now now;
  ml_str why;

  if (ml_json_parse(&t->arena, a->text.p, a->text.n, NULL, &j, NULL) != ML_OK)
    return ml_err_set(e, ML_INVALID, "", "the rules gave no answer");
  why = ml_json_str(j, "refuse");
  if (why.p != NULL)
    return ml_err_set(e, ML_INVALID, "", "%.*s", (int)(why.n > 500 ? 500 : why.n),
                      why.p);
  ev.data = ml_json_get(j, "derived");
  ev.outcome = t->pr->p->seq == 0 ? ML_STR("create") : ML_NOSTR;
  if (!truths_of(&t->arena, ml_json_get(j, "after"), &ev))
    return ML_NOMEM;
  now_of(t->r, t->pr, &now);
  now.wall_ms = t->now_ms;
  return ml_advance(t->pr->f, t->q, &ev, &now, &t->made, e);
}

static void become(trial *t) {
  ml_input *in = t->in;
  const ml_event *ev = event_of(t);      /* the input's, or ours */

  t->in = NULL;
  ml_process_free(t->pr->p);
  t->pr->p = t->q;
  t->q = NULL;
  t->pr->arena_packed = t->pr->p->arena.total;
  proc_settle(t->r, t->pr, ev, in, &t->made, t->was_incident, t->was_open);
}

static void judged(void *arg, ml_rc rc, const ml_answer *a) {
  trial *t = arg;
  ml_err e = {0};

  if (rc == ML_AGAIN || t->pr->gone) {
    if (t->in != NULL) {
      ml_err_set(&e, ML_AGAIN, "", "the process has moved on; try again");
      input_answer(t->r, t->in, ML_AGAIN, &e);
      t->in = NULL;
    }
  } else if (t->turns != t->pr->turns) {
    begin_again(t);
  } else {
    if (rc == ML_LIMIT || (rc == ML_OK && a->end != ML_END_RETURNED))
      rc = stopped(t, a, &e);
    else if (rc == ML_OK)
      rc = take_answer(t, a, &e);
    if (rc == ML_OK) {
      become(t);
    } else {
      if (e.rc == ML_OK)
        ml_err_set(&e, rc, "", "memory is short; nothing was changed");
      end_refused(t, rc, &e);
    }
  }
  end(t);
}

/* ---- beginning ---- */

/* An event from inside borrows its answer from who is calling: keep it. */
static ml_rc keep_event(trial *t, const ml_event *ev) {
  ml_answer a = *ev->answer;
  int kind;
  ml_str record;

  ml_answer_pack(&t->bytes, &a);
  if (t->bytes.bad ||
      ml_frame_next(t->bytes.p, t->bytes.len, &kind, &record) < 0 ||
      ml_answer_unpack(&t->arena, record, &t->answer) != ML_OK)
    return ML_NOMEM;
  t->ev = *ev;
  t->ev.answer = &t->answer;
  return ML_OK;
}

ml_rc trial_begin(ml_run *r, proc *pr, ml_event *ev, ml_input *in) {
  trial *t = ml_mem_zero(sizeof *t);
  ml_err e = {0};
  ml_now now;
  ml_rc rc = quarantine_check(pr->b, &e);

  if (rc == ML_OK && t == NULL)
    rc = ml_err_set(&e, ML_NOMEM, "", "memory is short; nothing was changed");
  if (rc != ML_OK) {
    if (in != NULL)
      proc_refuse(r, pr, in, rc, &e);
    else
      flush_soon(r);                        /* its batch waited for the answer */
    ml_mem_free(t);
    return rc;
  }
  rc = ML_NOMEM;
  t->r = r;
  t->pr = pr;
  t->n = pr->n;
  t->turns = pr->turns;
  t->in = in;
  t->was_incident = is_incident(pr->p);
  t->was_open = pr->p->status == ML_OPEN;
  t->q = proc_copy(pr);
  if (t->q != NULL && (in != NULL || keep_event(t, ev) == ML_OK)) {
    now_of(r, pr, &now);
    t->now_ms = now.wall_ms;
    rc = ml_advance(pr->f, t->q, event_of(t), &now, &t->made, &e);
  }
  if (rc == ML_OK)
    rc = ask(t);
  if (rc == ML_OK) {
    pr->reads++;
    r->busy++;
    return ML_OK;
  }
  if (e.rc == ML_OK)
    ml_err_set(&e, rc, "", rc == ML_LIMIT
               ? "what its rules would be asked is larger than 16 MiB"
               : "memory is short; nothing was changed");
  if (in != NULL) {
    t->in = NULL;
    proc_refuse(r, pr, in, rc, &e);
  } else {
    r->stats.refused++;
  }
  trial_free(t);
  return rc;
}
