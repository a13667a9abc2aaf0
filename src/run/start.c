/*
** start.c - inputs come in: starts, and events for processes that are there.
*/
#include <string.h>

#include "base/text.h"
#include "model/field.h"
#include "run/inside.h"

ml_input *ml_input_new(void) {
  ml_input *in = ml_mem_zero(sizeof *in);

  if (in != NULL)
    in->if_seq = -1;
  return in;
}

void ml_input_free(ml_input *in) {
  if (in == NULL)
    return;
  ml_buf_free(&in->out);
  ml_arena_free(&in->arena);
  ml_mem_free(in);
}

void input_answer(ml_run *r, ml_input *in, ml_rc rc, const ml_err *e) {
  replay_release_input(r, in);
  if (in->done != NULL)
    in->done(in->arg, rc, e, in->status, &in->out, false);
  ml_input_free(in);
}

/* It stood beside a request that was left out, and was left out with it: it is
** taken once more.  False: it was already, or begins a process. */
bool input_again(ml_run *r, ml_input *in) {
  if (in->again || in->ev.kind == ML_EV_STARTED)
    return false;
  in->again = true;
  ml_buf_reset(&in->out);
  in->status = 0;
  in->refusal = (ml_err){0};
  ml_run_put(r, in);
  return true;
}

/* ---- an Idempotency-Key that was there already ---- */

typedef struct replay {
  ml_run *r;
  ml_input *in;
  ml_arena arena;
  ml_row_key row;
  ml_rc rc;
} replay;

static void replay_work(void *arg, ml_read *rd) {
  replay *rp = arg;

  rp->rc = ml_read_key(rd, &rp->arena, rp->in->key, &rp->row);
}

static void replay_done(void *arg) {
  replay *rp = arg;
  ml_input *in = rp->in;
  ml_err e = {0};
  bool beside = rp->rc == ML_NOT_FOUND && in->refusal.rc == ML_AGAIN;

  if (beside && input_again(rp->r, in))
    goto end;
  replay_release_input(rp->r, in);
  if (beside) {
    rp->rc = ML_AGAIN;
    e = in->refusal;
  } else if (rp->rc == ML_NOT_FOUND) {   /* not its key was there, something
                                            else */
    rp->rc = ml_err_set(&e, ML_EXISTS, "", "%s",
                        in->identity.p == NULL && in->replay.id.p == NULL
                            ? "another process has this primary key already"
                            : "what it would make is there already");
  } else if (rp->rc != ML_OK) {
    ml_err_set(&e, rp->rc, "", "the earlier request under this key could not "
               "be read");
  } else if (memcmp(rp->row.body, in->body_hash, sizeof rp->row.body) != 0) {
    rp->rc = ml_err_set(&e, ML_INVALID, "/Idempotency-Key",
                        "this key was used before with another request");
  } else {
    ml_buf_reset(&in->out);
    ml_buf_put(&in->out, rp->row.answer.p, rp->row.answer.n);
    if (in->out.bad)
      rp->rc = ml_err_set(&e, ML_NOMEM, "", "memory is short");
  }
  if (in->done != NULL)
    in->done(in->arg, rp->rc, &e, rp->row.status, &in->out, rp->rc == ML_OK);
  ml_input_free(in);
end:
  busy_end(rp->r);
  ml_arena_free(&rp->arena);
  ml_mem_free(rp);
}

void input_replay(ml_run *r, ml_input *in) {
  replay *rp = ml_mem_zero(sizeof *rp);
  ml_err e = {0};

  if (rp != NULL) {
    rp->r = r;
    rp->in = in;
    r->busy++;
    if (ml_run_read(r, replay_work, replay_done, rp) == ML_OK)
      return;
    r->busy--;
    ml_mem_free(rp);
  }
  ml_err_set(&e, ML_NOMEM, "", "memory is short");
  input_answer(r, in, ML_NOMEM, &e);
}

/* ---- starts ---- */

/* The settings a process begins with: values as set, defaults, secrets as
** handles.  None when the workflow has none. */
ml_str process_settings(ml_run *r, ml_arena *a, const ml_flow *f, ml_err *e) {
  ml_buf b = {0};
  ml_jw w;
  ml_str out = ML_NOSTR;

  if (f->setting_count == 0)
    return out;
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  for (uint16_t i = 0; i < f->setting_count; i++) {
    const ml_setting *s = &f->settings[i];
    ml_str v = ml_run_setting(r, a, f->name, s->id);

    if (v.p == NULL)
      v = s->dflt;
    if (v.p == NULL && s->required) {
      ml_err_set(e, ML_CONFLICT, "", "setting '%.*s' of workflow '%.*s' has no "
                 "value yet (moonlane setting %.*s %.*s VALUE)", (int)s->id.n,
                 s->id.p, (int)f->name.n, f->name.p, (int)f->name.n, f->name.p,
                 (int)s->id.n, s->id.p);
      ml_buf_free(&b);
      return out;
    }
    if (v.p == NULL)
      continue;
    ml_jw_keyn(&w, s->id);
    if (s->type == ML_F_SECRET) {
      ml_jw_obj(&w);
      ml_jw_kstr(&w, "$secret", s->id);
      ml_jw_end(&w);
    } else {
      ml_jw_raw(&w, v);
    }
  }
  ml_jw_end(&w);
  if (!b.bad)
    out.p = ml_arena_dup(a, b.p, b.len);
  if (out.p == NULL)
    ml_err_set(e, ML_NOMEM, "", "memory is short");
  else
    out.n = b.len;
  ml_buf_free(&b);
  return out;
}

/* Make the process of a start; NULL with *e. */
static proc *make(ml_run *r, const ml_workflow *wf, const ml_input *in,
                  ml_err *e) {
  const bundle *b = bundle_no(r, wf->bundle);
  ml_process *p = ml_process_new(wf->flow);
  proc *pr = p != NULL ? proc_new(r, r->next_n) : NULL;
  bool ok = true;

  if (pr == NULL) {
    ml_process_free(p);
    ml_err_set(e, ML_NOMEM, "", "memory is short");
    return NULL;
  }
  p->n = r->next_n++;
  ml_process_make_id(p->id, now_wall(r), p->n, ml_rand_u64(r->conf.rand));
  p->bundle = wf->bundle;
  p->flow_index = wf->flow->index;
  p->parent_n = in->parent_n;
  p->parent_act = ml_process_text(p, in->parent_act, &ok);
  p->parent_call = ml_process_text(p, in->parent_call, &ok);
  pr->p = p;
  pr->f = wf->flow;
  pr->b = b;
  pr->fresh = true;
  if (!ok) {
    proc_drop(r, pr, ML_NOMEM);
    ml_err_set(e, ML_NOMEM, "", "memory is short");
    return NULL;
  }
  return pr;
}

static const ml_trigger *start_form(const ml_flow *f) {
  for (uint16_t i = 0; i < f->trigger_count; i++)
    if (ml_str_is(f->triggers[i].kind, "form"))
      return &f->triggers[i];
  return NULL;
}

/* A process that begins shared with a partner, and the client it brought. */
static bool start_shared(proc *pr, const ml_input *in) {
  ml_row_share row;
  load *l;

  if (in->share == NULL)
    return true;
  row = *in->share;
  row.n = pr->n;
  l = load_of(pr);
  if (l == NULL || share_add(pr, &row) != ML_OK)
    return false;
  if (in->contact != NULL) {
    l->contact = ml_arena_zero(&l->arena, sizeof *l->contact);
    if (l->contact == NULL)
      return false;
    l->contact->no = in->contact->no;
    l->contact->name = arena_str(&l->arena, in->contact->name, &l->starved);
    l->contact->email = arena_str(&l->arena, in->contact->email, &l->starved);
    l->contact->phone = arena_str(&l->arena, in->contact->phone, &l->starved);
  }
  return !l->starved;
}

/* The row of the transaction that starts it goes into its first commit. */
static bool keep_transaction(proc *pr, const ml_workflow *wf,
                             const ml_input *in) {
  const ml_row_transaction *t = in->transaction;
  load *l = load_of(pr);
  ml_row_transaction *own = l != NULL ? ml_arena_alloc(&l->arena, sizeof *own)
                                      : NULL;

  if (own == NULL)
    return false;
  *own = *t;
  own->process_n = pr->n;
  own->workflow = wf->no;
  own->type = arena_str(&l->arena, t->type, &l->starved);
  own->tenant = arena_str(&l->arena, t->tenant, &l->starved);
  own->rule = arena_str(&l->arena, t->rule, &l->starved);
  own->who = arena_str(&l->arena, t->who, &l->starved);
  own->once = arena_str(&l->arena, t->once, &l->starved);
  own->payload = arena_str(&l->arena, t->payload, &l->starved);
  l->transaction = own;
  pr->p->transaction_n = t->n;
  return !l->starved;
}

/* So does the next moment of the schedule that starts it. */
static bool keep_trigger(proc *pr, const ml_input *in) {
  load *l = load_of(pr);
  ml_row_trigger *own = l != NULL ? ml_arena_alloc(&l->arena, sizeof *own)
                                  : NULL;

  if (own == NULL)
    return false;
  *own = *in->trigger_row;
  own->workflow = arena_str(&l->arena, own->workflow, &l->starved);
  own->name = arena_str(&l->arena, own->name, &l->starved);
  own->state = arena_str(&l->arena, own->state, &l->starved);
  l->trigger = own;
  return !l->starved;
}

void start_take(ml_run *r, ml_input *in) {
  const ml_workflow *wf = ml_run_workflow(r, in->workflow);
  const ml_trigger *form;
  ml_err e = {0};
  proc *pr;
  bool starved = false;

  if (r->proc_count >= r->conf.queue_max) {
    ml_err_set(&e, ML_AGAIN, "", "%u starts are under way; try again soon",
               r->conf.queue_max);
    goto refuse;
  }
  if (wf == NULL || wf->flow == NULL) {
    ml_err_set(&e, ML_NOT_FOUND, "", "no workflow '%.*s' is in force",
               (int)(in->workflow.n > 80 ? 80 : in->workflow.n),
               in->workflow.p != NULL ? in->workflow.p : "");
    goto refuse;
  }
  in->ev.settings = process_settings(r, &in->arena, wf->flow, &e);
  if (e.rc != ML_OK)
    goto refuse;
  form = start_form(wf->flow);
  if (form != NULL && in->trigger.p == NULL) {
    in->ev.form = form->form;
    in->ev.form_count = form->form_count;
  }
  in->ev.kind = ML_EV_STARTED;
  pr = make(r, wf, in, &e);
  if (pr == NULL)
    goto refuse;
  if (in->transaction != NULL && !keep_transaction(pr, wf, in)) {
    proc_drop(r, pr, ML_NOMEM);
    ml_err_set(&e, ML_NOMEM, "", "memory is short");
    goto refuse;
  }
  if (in->identity.p != NULL) {
    load *l = load_of(pr);

    if (l != NULL)
      l->identity = arena_str(&l->arena, in->identity, &starved);
    if (l == NULL || starved) {
      proc_drop(r, pr, ML_NOMEM);
      ml_err_set(&e, ML_NOMEM, "", "memory is short");
      goto refuse;
    }
  }
  if (in->trigger_row != NULL && !keep_trigger(pr, in)) {
    proc_drop(r, pr, ML_NOMEM);
    ml_err_set(&e, ML_NOMEM, "", "memory is short");
    goto refuse;
  }
  if (!start_shared(pr, in)) {
    proc_drop(r, pr, ML_NOMEM);
    ml_err_set(&e, ML_NOMEM, "", "memory is short");
    goto refuse;
  }
  r->stats.starts++;
  {
    int64_t n = pr->n;

    proc_take(r, pr, in);
    pr = proc_find(r, n);
    if (pr != NULL && pr->p != NULL && pr->p->seq == 0 && pr->reads == 0)
      proc_drop(r, pr, ML_INVALID);         /* refused: it never was */
  }
  return;
refuse:
  input_answer(r, in, e.rc, &e);
}

void ml_run_put(ml_run *r, ml_input *in) {
  ml_err e = {0};
  proc *pr;

  in->next = NULL;
  if (r->stopped || r->draining) {
    ml_err_set(&e, ML_AGAIN, "", "the engine is stopping");
    input_answer(r, in, ML_AGAIN, &e);
    return;
  }
  if (in->replay.id.p != NULL && !in->held) {
    replay_hold_input(r, in);
    return;
  }
  if (in->n == 0 && in->ev.kind == ML_EV_STARTED) {
    start_take(r, in);
    return;
  }
  if (in->n <= 0 || in->n >= r->next_n) {
    ml_err_set(&e, ML_NOT_FOUND, "", "there is no such process");
    input_answer(r, in, ML_NOT_FOUND, &e);
    return;
  }
  pr = proc_get(r, in->n);
  if (pr == NULL) {
    ml_err_set(&e, ML_NOMEM, "", "memory is short; nothing was changed");
    input_answer(r, in, ML_NOMEM, &e);
    return;
  }
  {
    int64_t n = in->n;

    proc_queue(r, pr, in);
    pr = proc_find(r, n);
    if (pr != NULL)
      proc_rest(r, pr);
  }
}
