/*
** deliver.c - from one process to another: starts, ends told to who called,
** kept signals given to who awaits them.
**
** What must reach another process is kept in the sender (ml_outgoing) until
** the receiver's commit; repeating it does nothing twice, for a start has a key
** and an answer names the open call.
*/
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "run/inside.h"

enum { AGAIN_MS = 1000 };        /* what could not be handed over now */

typedef struct delivery {        /* in the arena of its input or transaction */
  ml_run *r;
  int64_t n;                     /* the sender */
  uint32_t no;                   /* its outgoing */
  char id[ML_ID_MAX];            /* START: the process made */
} delivery;

/* after_ms >= 0: not yet; it is tried again then. */
static void told_sender(delivery *d, ml_event_kind kind, ml_str text,
                        int64_t after_ms) {
  proc *pr = proc_get(d->r, d->n);
  ml_input *in = ml_input_new();

  if (pr == NULL || in == NULL) {           /* its lease ends: sent again */
    ml_input_free(in);
    if (pr != NULL)
      proc_drop(d->r, pr, ML_NOMEM);
    return;
  }
  in->n = d->n;
  in->ev.kind = kind;
  in->ev.no = d->no;
  in->ev.after_ms = after_ms;
  in->ev.text.p = ml_arena_dup(&in->arena, text.p, text.n);
  in->ev.text.n = in->ev.text.p != NULL ? text.n : 0;
  proc_queue(d->r, pr, in);
  pr = proc_find(d->r, d->n);
  if (pr != NULL)
    proc_rest(d->r, pr);
}

static int render_id(void *arg, const ml_process *p, const ml_flow *f,
                     const ml_made *made, ml_buf *out) {
  delivery *d = arg;

  (void)f;
  (void)made;
  ml_id_text(d->id, p->id, 0);
  ml_buf_puts(out, d->id);
  return 201;
}

static void started(void *arg, ml_rc rc, const ml_err *e, int status,
                    const ml_buf *out, bool replayed) {
  delivery *d = arg;

  (void)status;
  (void)replayed;
  if (rc == ML_OK) {
    told_sender(d, ML_EV_DELIVERED, (ml_str){out->p, out->len}, -1);
  } else if (rc == ML_NOT_FOUND || rc == ML_INVALID || rc == ML_CONFLICT) {
    told_sender(d, ML_EV_UNDELIVERED,
                ml_str_of(e != NULL ? e->text : "it was refused"), -1);
  } else {
    told_sender(d, ML_EV_UNDELIVERED, ML_STR(""), AGAIN_MS);
  }
  busy_end(d->r);
}

static void told(void *arg, ml_rc rc, const ml_err *e, int status,
                 const ml_buf *out, bool replayed) {
  delivery *d = arg;

  (void)e;
  (void)status;
  (void)out;
  (void)replayed;
  if (rc == ML_OK || rc == ML_STALE || rc == ML_NOT_FOUND || rc == ML_CONFLICT)
    told_sender(d, ML_EV_DELIVERED, ML_STR(""), -1);
  else
    told_sender(d, ML_EV_UNDELIVERED, ML_STR(""), AGAIN_MS);
  busy_end(d->r);
}

static bool fill_start(const proc *pr, const ml_outgoing *o, ml_input *in) {
  char id[ML_ID_MAX];
  uint8_t hash[32];
  bool starved = false;
  ml_json *data = NULL;

  ml_id_text(id, pr->p->id, o->act);
  in->workflow = arena_str(&in->arena, o->name, &starved);
  in->ev.object.team = arena_str(&in->arena, pr->p->object.team, &starved);
  in->parent_n = pr->n;
  in->parent_act = arena_str(&in->arena, ml_str_of(id), &starved);
  if (ml_process_act(pr->p, o->act) != NULL &&
      ml_process_act(pr->p, o->act)->call_kind == ML_CALL_CALL)
    in->parent_call = arena_str(
        &in->arena, ml_process_act(pr->p, o->act)->call, &starved);
  in->ev.kind = ML_EV_STARTED;
  if (starved || ml_json_parse(&in->arena, o->payload.p, o->payload.n, NULL,
                               &data, NULL) != ML_OK)
    return false;
  in->ev.data = data;
  in->has_key = true;
  if (ml_sha256(o->key.p, o->key.n, hash) != ML_OK)
    return false;
  memcpy(in->key, hash, sizeof in->key);
  if (ml_sha256(o->payload.p, o->payload.n, hash) != ML_OK)
    return false;
  memcpy(in->body_hash, hash, sizeof in->body_hash);
  in->render = render_id;
  in->done = started;
  return true;
}

static bool fill_tell(const ml_outgoing *o, ml_input *in) {
  bool starved = false;
  uint8_t id[16];
  uint32_t no;

  if (!ml_id_of(o->name, id, &no))
    return false;
  in->n = ml_process_id_n(id);
  memcpy(in->id, id, sizeof in->id);
  in->ev.kind = ML_EV_ANSWERED;
  in->ev.no = no;
  in->ev.outcome = arena_str(&in->arena, o->key, &starved);
  in->ev.raw = arena_str(&in->arena, o->payload, &starved);
  in->done = told;
  return !starved;
}

static void emitted(void *arg, ml_rc rc, const ml_err *e, const uint8_t id[16],
                    bool replayed) {
  delivery *d = arg;
  char text[ML_ID_MAX];

  (void)replayed;
  ml_id_text(text, id, 0);
  if (rc == ML_OK)
    told_sender(d, ML_EV_DELIVERED, ml_str_of(text), -1);
  else if (rc == ML_INVALID || rc == ML_LIMIT)
    told_sender(d, ML_EV_UNDELIVERED,
                ml_str_of(e != NULL ? e->text : "it was refused"), -1);
  else
    told_sender(d, ML_EV_UNDELIVERED, ML_STR(""), AGAIN_MS);
  busy_end(d->r);
}

/* A transaction from a script: once, by the key of its call.  false: memory. */
static bool emit(ml_run *r, const proc *pr, const ml_outgoing *o) {
  ml_transact *t = ml_transact_new();
  delivery *d = t != NULL ? ml_arena_zero(&t->arena, sizeof *d) : NULL;
  ml_json *want = NULL;
  uint8_t hash[32];
  char id[ML_ID_MAX];
  bool starved = false;

  if (d == NULL ||
      ml_json_parse(&t->arena, o->payload.p, o->payload.n, NULL, &want, NULL) !=
          ML_OK ||
      ml_sha256(o->key.p, o->key.n, hash) != ML_OK)
    goto fail;
  memcpy(t->key, hash, sizeof t->key);
  if (ml_sha256(o->payload.p, o->payload.n, hash) != ML_OK)
    goto fail;
  memcpy(t->body_hash, hash, sizeof t->body_hash);
  t->has_key = true;
  *d = (delivery){.r = r, .n = pr->n, .no = o->no};
  ml_id_text(id, pr->p->id, 0);
  t->who = arena_str(&t->arena, ml_str_of(id), &starved);
  t->type = ml_json_str(want, "type");
  t->tenant = ml_json_str(want, "tenant");
  t->payload = ml_json_get(want, "data");
  t->done = emitted;
  t->arg = d;
  if (starved)
    goto fail;
  r->busy++;
  ml_run_transact(r, t);
  return true;
fail:
  ml_transact_free(t);
  return false;
}

void out_deliver(ml_run *r, proc *pr, const ml_effect *ef) {
  const ml_outgoing *o = NULL;
  ml_input *in = NULL;
  delivery *d;

  for (uint32_t i = 0; i < pr->p->out_count; i++)
    if (pr->p->outs[i].no == ef->no)
      o = &pr->p->outs[i];
  if (o == NULL)
    return;
  if (o->kind == ML_OUT_EMIT) {
    if (!emit(r, pr, o))
      goto fail;
    return;
  }
  in = ml_input_new();
  d = in != NULL ? ml_arena_zero(&in->arena, sizeof *d) : NULL;
  if (d == NULL)
    goto fail;
  *d = (delivery){.r = r, .n = pr->n, .no = ef->no};
  in->arg = d;
  if (o->kind == ML_OUT_START ? !fill_start(pr, o, in) : !fill_tell(o, in))
    goto fail;
  r->busy++;
  ml_run_put(r, in);
  return;
fail:
  ml_input_free(in);
  proc_event(r, pr, &(ml_event){.kind = ML_EV_UNDELIVERED, .no = ef->no,
                                .text = ML_STR(""), .after_ms = AGAIN_MS});
}

/* ---- kept signals ---- */

typedef struct giving {
  ml_run *r;
  proc *pr;                      /* stays while it is being read for */
  int64_t n;
  uint32_t act, slice, mail;
  ml_arena arena;
  ml_row_mail *rows;
  size_t count;
  ml_rc rc;
} giving;

static void take_work(void *arg, ml_read *rd) {
  giving *t = arg;

  t->rc = ml_read_mail(rd, &t->arena, t->n, &t->rows, &t->count);
}

static void take_done(void *arg) {
  giving *t = arg;
  proc *pr = t->pr;
  ml_event ev = {.kind = ML_EV_ANSWERED, .no = t->act, .slice = t->slice};
  bool given = false;

  pr->reads--;
  for (size_t i = 0; t->rc == ML_OK && !pr->gone && i < t->count && !given;
       i++)
    if (t->rows[i].no == t->mail) {
      ev.raw = t->rows[i].data;
      proc_event(t->r, pr, &ev);
      given = true;
    }
  if (!given && !pr->gone && pr->flying > 0) {
    pr->reads++;                            /* its row is on its way to disk */
    ml_arena_free(&t->arena);
    if (ml_run_read(t->r, take_work, take_done, t) == ML_OK)
      return;
    pr->reads--;
  }
  if (!pr->gone)
    proc_take_waiting(t->r, pr);
  if (!pr->gone)
    proc_rest(t->r, pr);
  ml_arena_free(&t->arena);
  ml_mem_free(t);
}

/* Kept in this very batch: its row is not on disk yet. */
static const ml_row_mail *unwritten(const proc *pr, uint32_t no) {
  for (size_t i = 0; pr->load != NULL && i < pr->load->mail_count; i++)
    if (pr->load->mails[i].no == no)
      return &pr->load->mails[i];
  return NULL;
}

void mail_take(ml_run *r, proc *pr, const ml_effect *ef) {
  const ml_row_mail *m = unwritten(pr, ef->mail);
  giving *t;

  if (m != NULL) {
    ml_event ev = {.kind = ML_EV_ANSWERED, .no = ef->no, .slice = ef->slice};

    ev.raw = m->data;
    proc_event(r, pr, &ev);
    return;
  }
  t = ml_mem_zero(sizeof *t);
  if (t == NULL) {
    proc_drop(r, pr, ML_NOMEM);             /* its lease ends: taken again */
    return;
  }
  t->r = r;
  t->pr = pr;
  t->n = pr->n;
  t->act = ef->no;
  t->slice = ef->slice;
  t->mail = ef->mail;
  pr->reads++;
  if (ml_run_read(r, take_work, take_done, t) != ML_OK) {
    pr->reads--;
    ml_mem_free(t);
    proc_drop(r, pr, ML_NOMEM);
  }
}
