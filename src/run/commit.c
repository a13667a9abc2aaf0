/*
** commit.c - what a turn gathered becomes one batch; what it carries is
** released when it is on disk.
**
** Self-clocked: a batch goes to the store when none is on its way, so while
** one is flushed the next gathers; when that has enough in it, it goes too, and
** the writer need not wait for us.  A process is in one of them at a time, so
** what a batch that fails takes with it, no other has built on.
**
** A process whose script is being run is held back for a moment: what comes of
** that goes into the same commit, which saves a row, a record and, when nothing
** else is to be done, a flush.
*/
#include <string.h>

#include "base/plant.h"
#include "run/inside.h"
#include "store/keys.h"

/* ---- gathering ---- */

static void flush(void *arg);

void flush_soon(ml_run *r) {
  if (ml_loop_later(r->conf.loop, flush, r) != ML_OK)
    flush(r);
}

void mark_dirty(ml_run *r, proc *pr) {
  if (!pr->dirty && !pr->gone) {
    pr->dirty = true;
    pr->dirty_ms = now_mono(r);
    pr->next_dirty = NULL;
    *r->dirty_end = pr;
    r->dirty_end = &pr->next_dirty;
  }
  flush_soon(r);
}

static void put_object(ml_batch *b, proc *pr) {
  const ml_object *o = &pr->p->object;
  ml_row_object row = {pr->n, o->team, o->entity, o->record, o->belongs_to,
                       o->booking};

  if (pr->p->object_changed)
    ml_batch_object(b, &row);
  pr->p->object_changed = false;
}

/* The values of its primary key that are given up and taken in this commit,
** which refuses one that another process has.  Empty: none. */
typedef struct keys {
  ml_buf was, now;
  int32_t field;
  bool late;                     /* it was in memory when this became the key:
                                    what it has is not refused any more */
} keys;

static bool keys_of(const ml_run *r, const proc *pr, keys *k) {
  int32_t field = proc_primary(r, pr);
  ml_str now = field >= 0 ? pr->p->data[field] : ML_NOSTR;
  ml_str was = pr->primary.len > 0 && pr->primary_of == field
                   ? (ml_str){pr->primary.p, pr->primary.len} : ML_NOSTR;

  k->field = field;
  k->late = !pr->fresh && pr->primary_of != field;
  ml_buf_reset(&k->was);
  ml_buf_reset(&k->now);
  if (ml_str_eq(now, was))
    return true;
  if (was.p != NULL)
    ml_object_key(&k->was, pr->p->object.team, was);
  if (now.p != NULL)
    ml_object_key(&k->now, pr->p->object.team, now);
  return !k->was.bad && !k->now.bad;
}

static void put_keys(const ml_run *r, ml_batch *b, proc *pr, uint32_t workflow,
                     const keys *k) {
  ml_str was = {k->was.p, k->was.len}, now = {k->now.p, k->now.len}, field;

  if (was.n == 0 && now.n == 0)
    return;
  field = pr->f->fields[k->field].id;
  if (was.n > 0)
    ml_batch_unique_drop(b, workflow, field, was, pr->n);
  if (now.n > 0 && k->late)
    ml_batch_key_take(b, workflow, field, now, pr->n);
  else if (now.n > 0)
    ml_batch_unique(b, workflow, field, now, pr->n);
  proc_keep_primary(r, pr);
}

/* What changes with every step, as the row holds it; false: no memory. */
static bool pack_process(const proc *pr, ml_buf *data, ml_buf *rest) {
  ml_buf_reset(data);
  ml_buf_reset(rest);
  ml_process_pack_data(pr->p, pr->f, data);
  ml_process_pack(pr->p, pr->f, rest);
  return !data->bad && !rest->bad;
}

/* Its due, a lease's end negative.  While work goes on from step to step the
** lease is not drawn out by the millisecond: the one that is written stays as
** long as seven eighths of it are left. */
static int64_t due_of(const ml_run *r, const proc *pr) {
  int64_t lease = pr->b->quarantined_ms != 0 ? QUARANTINE_LEASE_MS
                                             : r->conf.lease_ms;
  int64_t due = ml_process_due(pr->p, now_wall(r) + lease);
  int64_t used = pr->sent.due - due;            /* both are leases */

  return due < 0 && pr->sent.due < 0 && used >= 0 && used <= lease / 8
             ? pr->sent.due : due;
}

row_sent row_sent_of(const ml_process *p, int64_t due) {
  return (row_sent){due, p->status, p->run, p->deleted, p->state.p,
                    p->assigned_to.p};
}

static ml_indexed what_differs(proc *pr, int64_t due) {
  row_sent was = pr->sent, now = row_sent_of(pr->p, due);
  bool same = now.status == was.status && now.run == was.run &&
              now.deleted == was.deleted && now.state == was.state &&
              now.assigned_to == was.assigned_to;

  pr->sent = now;
  return !same ? ML_INDEXED_ANY
               : due != was.due ? ML_INDEXED_DUE : ML_INDEXED_SAME;
}

/* Gives its due. */
static int64_t put_process(ml_run *r, ml_batch *b, proc *pr,
                           const ml_buf *data, const ml_buf *rest,
                           const keys *k) {
  const ml_process *p = pr->p;
  const ml_workflow *wf = ml_run_workflow(r, pr->f->name);
  ml_row_process row = {
    .n = p->n, .workflow = wf != NULL ? wf->no : 0, .bundle = p->bundle,
    .flow_index = p->flow_index, .status = p->status, .run = p->run,
    .deleted = p->deleted, .seq = p->seq,
    .seq_was = pr->fresh ? 0 : pr->seq_sent,
    .created_ms = p->created_ms, .updated_ms = p->updated_ms,
    .completed_ms = p->completed_ms, .cancelled_ms = p->cancelled_ms,
    .next_action_ms = p->next_action_ms,
    .first_assigned_ms = p->first_assigned_ms,
    .last_assigned_ms = p->last_assigned_ms, .parent_n = p->parent_n,
    .subject = p->subject, .state = p->state, .assigned_to = p->assigned_to,
    .first_assigned_to = p->first_assigned_to, .created_by = p->created_by,
  };

  memcpy(row.id, p->id, sizeof row.id);
  row.due = due_of(r, pr);
  if (ML_PLANTED(due_in_memory) && row.due > 0) {
    due_at(r, row.due);
    row.due = 0;
  }
  row.indexed = what_differs(pr, row.due);
  row.data = (ml_str){data->p, data->len};
  row.rest = (ml_str){rest->p, rest->len};
  ml_batch_process(b, &row);
  put_object(b, pr);
  put_keys(r, b, pr, row.workflow, k);
  return row.due;
}

/* The transaction goes where its process went, in the same commit. */
static void put_transaction(ml_batch *b, proc *pr, load *l) {
  const ml_process *p = pr->p;
  int state = transaction_state_of(p);
  int64_t ended = state != ML_TX_RUNNING ? p->updated_ms : 0;

  if (l->transaction != NULL) {
    l->transaction->state = (ml_txs)state;
    l->transaction->ended_ms = ended;
    l->transaction->message = p->message;
    ml_batch_transaction(b, l->transaction);
  } else if (state != pr->transaction_state) {
    ml_batch_transaction_state(b, p->transaction_n, (ml_txs)state, ended,
                               p->message);
  }
  pr->transaction_state = state;
}

static void put_load(const ml_run *r, ml_batch *b, const proc *pr, load *l) {
  for (size_t i = 0; i < l->history_count; i++)
    ml_batch_history(b, &l->history[i]);
  for (size_t i = 0; i < l->drop_count; i++)
    ml_batch_journal_drop(b, pr->n, l->drops[i].act, l->drops[i].call);
  for (size_t i = 0; i < l->journal_count; i++)
    ml_batch_journal(b, &l->journal[i]);
  for (size_t i = 0; i < l->task_count; i++)
    ml_batch_task(b, &l->tasks[i]);
  for (size_t i = 0; i < l->more_count; i++)
    ml_batch_task_more(b, &l->mores[i]);
  for (size_t i = 0; i < l->record_count; i++)
    ml_batch_record(b, &l->records[i]);
  for (size_t i = 0; i < l->mail_count; i++)
    ml_batch_mail(b, &l->mails[i]);
  for (size_t i = 0; i < l->mail_drop_count; i++)
    ml_batch_mail_drop(b, pr->n, l->mail_drops[i]);
  for (size_t i = 0; i < l->comment_count; i++)
    ml_batch_comment(b, &l->comments[i]);
  for (size_t i = 0; i < l->reworded_count; i++)
    ml_batch_comment_edit(b, pr->n, l->reworded[i].no, l->reworded[i].text,
                          l->reworded[i].at_ms);
  for (size_t i = 0; i < l->share_count; i++)
    ml_batch_share(b, &l->shares[i]);
  if (l->contact != NULL)
    ml_batch_contact(b, l->contact);
  for (size_t i = 0; i < l->post_count; i++)
    ml_batch_post(b, &l->posts[i]);
  if (l->identity.p != NULL)
    ml_batch_occurrence(b, pr->f->name, ML_STR(""), l->identity,
                        ml_run_age(r), pr->n);
  if (l->trigger != NULL)
    ml_batch_trigger(b, l->trigger);
  for (size_t i = 0; i < l->replay_count; i++)
    ml_batch_replay(b, &l->replays[i]);
  for (const ml_input *in = l->answers; in != NULL; in = in->next)
    bulk_put(b, in, pr->n);
  for (size_t i = 0; i < l->key_count; i++) {
    keyed *k = &l->keys[i];

    k->row.status = k->in->status;
    k->row.answer = (ml_str){k->in->out.p, k->in->out.len};
    ml_batch_key(b, &k->row);
  }
}

/* A dropped entry that the same batch writes again stays. */
static void prune_drops(load *l) {
  size_t to = 0;

  for (size_t i = 0; i < l->drop_count; i++) {
    bool again = false;

    for (size_t k = 0; k < l->journal_count; k++)
      again = again || (l->journal[k].act == l->drops[i].act &&
                        ml_str_eq(l->journal[k].call, l->drops[i].call));
    if (!again)
      l->drops[to++] = l->drops[i];
  }
  l->drop_count = to;
}

enum {
  PAUSE_MS = 1000,               /* the disk refused: no scan meanwhile */
  HOLD_MS = 2,                   /* by the clock: between 1 and 2 of them */
  HOLD_LONG_MS = 20,             /* where nobody waits for the commit itself */
  FLIGHTS = 4,                   /* batches on their way at once */
  ENOUGH = 12                    /* processes in each but the first */
};

static void landed(void *arg, ml_batch *b, ml_rc rc);
static void answer_all(ml_run *r, load *l, ml_rc rc);
static void release(ml_run *r, carried *c);
static void end_writes(ml_run *r, const ml_batch *b, writes *w, ml_rc rc);

static void fail_gathering(ml_run *r, ml_rc rc) {
  proc *pr = r->dirty;

  r->dirty = NULL;               /* who is told may mark others: a new list */
  r->dirty_end = &r->dirty;
  while (pr != NULL) {
    proc *next = pr->next_dirty;

    pr->dirty = false;
    proc_drop(r, pr, rc);
    pr = next;
  }
}

/* Is an answer of its script worth waiting for? */
static bool is_held(const proc *pr, int64_t now_ms) {
  int64_t most = pr->load == NULL || pr->load->hasty ? HOLD_MS : HOLD_LONG_MS;

  return pr->asked > 0 && !pr->gone && now_ms - pr->dirty_ms < most;
}

static bool stays(const proc *pr, int64_t now_ms) {
  return is_held(pr, now_ms) ||
         (pr->flying > 0 && !pr->gone && !ML_PLANTED(two_flights));
}

/* Beside those on their way?  Small writes lean on one another: they fly alone. */
static bool may_fly(const ml_run *r) {
  int64_t now = now_mono(r);
  int ready = 0;

  if (r->flights == 0)
    return true;
  if (r->flights >= FLIGHTS || r->alone || r->writing != NULL)
    return false;
  for (const proc *pr = r->dirty; pr != NULL && ready < ENOUGH;
       pr = pr->next_dirty)
    ready += !stays(pr, now);
  return ready == ENOUGH;
}

static bool all_held(ml_run *r) {
  int64_t now = now_mono(r);

  for (const proc *pr = r->dirty; pr != NULL; pr = pr->next_dirty)
    if (!is_held(pr, now))
      return false;
  return true;
}

void hold_over(void *run) {
  flush_soon(run);
}

/* Move every dirty proc's load into the batch, but for those that stay. */
static void gather(ml_run *r, ml_batch *b, flight *fl) {
  ml_buf data = {0}, rest = {0};
  proc *pr = r->dirty;
  int64_t now = now_mono(r);
  keys k = {{0}, {0}, -1, false};

  r->dirty = NULL;
  r->dirty_end = &r->dirty;
  while (pr != NULL) {
    proc *next = pr->next_dirty;
    carried *c;
    bool row = pr->changed || pr->fresh || pr->renew;

    if (stays(pr, now)) {
      pr->next_dirty = NULL;
      *r->dirty_end = pr;
      r->dirty_end = &pr->next_dirty;
      pr = next;
      continue;
    }
    c = pr->gone ? NULL : ml_mem_zero(sizeof *c);
    pr->dirty = false;
    if (!pr->gone && pr->load != NULL && r->people.webhook_count > 0)
      webhooks_make(r, pr, pr->load);
    if (!pr->gone && (c == NULL || pr->load == NULL || pr->load->starved ||
                      !keys_of(r, pr, &k) ||
                      (row && !pack_process(pr, &data, &rest)))) {
      ml_mem_free(c);
      proc_drop(r, pr, ML_NOMEM);
    } else if (!pr->gone) {
      c->n = pr->n;
      c->load = pr->load;
      pr->load = NULL;
      prune_drops(c->load);
      c->unit = ml_batch_unit(b);
      if (row)
        c->due = put_process(r, b, pr, &data, &rest, &k);
      if (pr->p->transaction_n != 0)
        put_transaction(b, pr, c->load);
      put_load(r, b, pr, c->load);
      pr->seq_sent = pr->p->seq;
      pr->fresh = pr->changed = pr->renew = false;
      pr->flying++;
      *fl->end = c;
      fl->end = &c->next;
    }
    pr = next;
  }
  ml_buf_free(&data);
  ml_buf_free(&rest);
  ml_buf_free(&k.was);
  ml_buf_free(&k.now);
}

static void flush(void *arg) {
  ml_run *r = arg;
  ml_batch *b;
  flight *fl;

  procs_bury(r);
  if (r->stopped || (r->dirty == NULL && r->writing == NULL) || !may_fly(r))
    return;
  if (r->writing == NULL && all_held(r)) {
    ml_loop_timer_set(r->hold, HOLD_MS);
    return;
  }
  b = ml_batch_new(r->conf.store);
  fl = ml_mem_zero(sizeof *fl);
  if (b == NULL || fl == NULL) {
    writes *w = r->writing;

    ml_batch_free(b);
    ml_mem_free(fl);
    r->writing = NULL;
    r->writing_end = &r->writing;
    end_writes(r, NULL, w, ML_NOMEM);
    fail_gathering(r, ML_NOMEM);
    return;
  }
  fl->run = r;
  fl->end = &fl->first;
  gather(r, b, fl);
  fl->writes = r->writing;
  r->writing = NULL;
  r->writing_end = &r->writing;
  for (writes *w = fl->writes; w != NULL; w = w->next) {
    w->unit = ml_batch_unit(b);
    if (w->fill != NULL)
      w->fill(w->arg, b);
  }
  r->flights++;
  r->alone = fl->writes != NULL;
  r->stats.batches++;
  for (carried *c = fl->first; c != NULL; c = c->next) {
    if (ML_PLANTED(ack_early))
      answer_all(r, c->load, ML_OK);
    if (ML_PLANTED(effect_early)) {
      release(r, c);
      c->load->effect_count = 0;
    }
  }
  ml_store_submit(r->conf.store, b, landed, fl);
  disk_lost(r, ml_store_state(r->conf.store));
  ml_store_reap(r->conf.store);             /* inline stores are done by now */
}

/* ---- landing ---- */

#define BESIDE "another request to this process was refused in the same moment; " \
  "nothing of this one was done, try again"

static void answer_all(ml_run *r, load *l, ml_rc rc) {
  ml_err e = {0};

  while (l->answers != NULL) {
    ml_input *in = l->answers;

    l->answers = in->next;
    if (rc != ML_OK) {
      ml_err_set(&e, full_told(rc), "", rc == ML_FULL
                 ? "the disk is full; nothing was changed, reading goes on"
                 : rc == ML_STALE ? "the process has moved on; try again"
                 : rc == ML_EXISTS
                 ? "another process has this primary key already"
                 : rc == ML_AGAIN ? BESIDE
                 : "the store could not write it (%s); nothing was changed",
                 ml_rc_name(rc));
      input_answer(r, in, e.rc, &e);
    } else {
      input_answer(r, in, in->refusal.rc,
                   in->refusal.rc != ML_OK ? &in->refusal : NULL);
    }
  }
}

static void release(ml_run *r, carried *c) {
  proc *pr = r->conf.still ? NULL : proc_find(r, c->n);

  for (size_t i = 0; i < c->load->effect_count && pr != NULL && !pr->gone &&
                     !pr->p->deleted; i++) {
    const ml_effect *ef = &c->load->effects[i];

    if (ef->kind == ML_DO_CALL) {
      call_send(r, pr, ef);
    } else if (ef->kind == ML_DO_RUN) {
      const ml_act *a = ml_process_act(pr->p, ef->no);

      if (a != NULL && a->slice == ef->slice)
        script_run(r, pr, ef);
    } else if (ef->kind == ML_DO_BEGIN) {
      proc_event(r, pr, &(ml_event){.kind = ML_EV_WOKE});
    } else {
      out_deliver(r, pr, ef);
    }
    pr = proc_find(r, c->n);
  }
}

static bool was_fresh(const load *l) {
  return l->history_count > 0 && l->history[0].seq == 1;
}

static void move_inputs(ml_input **from, ml_input ***end) {
  **end = *from;
  while (**end != NULL)
    *end = &(**end)->next;
  *from = NULL;
}

/* Those whose key it may be that is there already are asked about by themselves. */
static void replay_keyed(ml_run *r, load *l) {
  bool alone = l->answers != NULL && l->answers->next == NULL;

  for (size_t i = 0; i < l->key_count; i++) {
    ml_input *in = l->keys[i].in;
    ml_input **at = &l->answers;

    while (*at != NULL && *at != in)
      at = &(*at)->next;
    if (*at != in)
      continue;
    *at = in->next;
    in->next = NULL;
    if (!alone)
      ml_err_set(&in->refusal, ML_AGAIN, "", BESIDE);
    input_replay(r, in);
  }
}

/* Nothing of them was done, and for no reason of theirs. */
static void take_again(ml_run *r, ml_input *in) {
  ml_err e = {0};

  ml_err_set(&e, ML_AGAIN, "", BESIDE);
  while (in != NULL) {
    ml_input *next = in->next;

    if (!input_again(r, in))
      input_answer(r, in, ML_AGAIN, &e);
    in = next;
  }
}

/* A unit was left out.  A request under a key that is there already is answered
** as the first one was, and who stood beside it or came behind it is taken again;
** anything else is refused.  The process as it is on disk goes on: what it had in
** flight went with the memory, and its lease may be long. */
static void left_out(ml_run *r, carried *c, ml_rc rc) {
  proc *pr = proc_find(r, c->n);
  bool fresh = was_fresh(c->load);
  bool repeated = rc == ML_EXISTS && c->load->key_count > 0;
  ml_input *beside = NULL, **end = &beside;

  if (repeated)
    replay_keyed(r, c->load);
  if (repeated && !fresh) {
    move_inputs(&c->load->answers, &end);
    if (pr != NULL && pr->load != NULL) {
      move_inputs(&pr->load->answers, &end);
      pr->load->answers_end = &pr->load->answers;
    }
    if (pr != NULL) {
      move_inputs(&pr->first, &end);
      pr->end = &pr->first;
    }
  }
  answer_all(r, c->load, repeated ? ML_AGAIN : rc);
  if (pr != NULL)                /* who came behind had no part in it */
    proc_drop(r, pr, rc == ML_EXISTS ? ML_AGAIN : rc);
  if (pr != NULL && rc == ML_EXISTS && !fresh)
    proc_get(r, c->n);
  take_again(r, beside);
}

static void landed(void *arg, ml_batch *b, ml_rc rc) {
  flight *fl = arg;
  ml_run *r = fl->run;

  r->flights--;
  if (rc != ML_OK)
    r->pause_ms = now_wall(r) + PAUSE_MS;
  full_look(r, b, rc);
  if (disk_lost(r, rc))
    rc = ML_UNKNOWN;
  while (fl->first != NULL) {
    carried *c = fl->first;
    ml_rc urc = rc != ML_OK ? rc : ml_batch_unit_rc(b, c->unit);
    proc *pr = proc_find(r, c->n);

    fl->first = c->next;
    if (pr != NULL && pr->flying > 0)
      pr->flying--;
    else
      for (proc *g = r->grave; g != NULL; g = g->next_grave)
        if (g->n == c->n && g->flying > 0)
          g->flying--;
    if (rc == ML_UNKNOWN) {
      /* nobody is told anything that rests on it */
      while (c->load->answers != NULL) {
        ml_input *in = c->load->answers;

        c->load->answers = in->next;
        ml_input_free(in);
      }
    } else if (urc != ML_OK) {
      left_out(r, c, urc);
    } else {
      answer_all(r, c->load, ML_OK);
      release(r, c);
      if (c->due > 0)                       /* on disk: the scan finds it */
        due_at(r, c->due);
    }
    pr = proc_find(r, c->n);
    if (pr != NULL)
      proc_rest(r, pr);
    load_free(c->load);
    ml_mem_free(c);
  }
  end_writes(r, b, fl->writes, rc);
  if (rc == ML_OK && ml_batch_posts(b) > 0)
    outbox_kick(r);
  ml_batch_free(b);
  ml_mem_free(fl);
  if (r->dirty != NULL || r->writing != NULL || r->grave != NULL)
    flush_soon(r);
}

/* ---- small writes that ride along ---- */

static void write_end(ml_run *r, writes *w) {
  w->done(w->arg, w->rc, &w->e);
  ml_mem_free(w);
  busy_end(r);
}

static void reread(ml_run *r, void *arg, ml_rc rc) {
  writes *w = arg;

  if (w->rc == ML_OK && rc != ML_OK)
    w->rc = ml_err_set(&w->e, rc, "", "written, but it could not be read back");
  write_end(r, w);
}

static void end_writes(ml_run *r, const ml_batch *b, writes *w, ml_rc rc) {
  while (w != NULL) {
    writes *next = w->next;

    w->rc = rc != ML_OK ? rc : ml_batch_unit_rc(b, w->unit);
    if (w->rc != ML_OK)
      ml_err_set(&w->e, full_told(w->rc), "", "the store could not write it "
                 "(%s); nothing was changed", ml_rc_name(w->rc));
    w->rc = full_told(w->rc);
    if (w->rc == ML_OK && w->reread)
      people_read(r, reread, w);
    else
      write_end(r, w);
    w = next;
  }
}

static void queue_write(ml_run *r, ml_run_fill_fn *fill, ml_run_done_fn *done,
                        void *arg, bool again) {
  writes *w = ml_mem_zero(sizeof *w);
  ml_err e = {0};

  if (w == NULL || r->stopped) {
    ml_mem_free(w);
    ml_err_set(&e, ML_NOMEM, "", "memory is short");
    done(arg, ML_NOMEM, &e);
    return;
  }
  w->run = r;
  w->fill = fill;
  w->done = done;
  w->arg = arg;
  w->reread = again;
  r->busy++;
  *r->writing_end = w;
  r->writing_end = &w->next;
  flush_soon(r);
}

void ml_run_write(ml_run *r, ml_run_fill_fn *fill, ml_run_done_fn *done,
                  void *arg) {
  queue_write(r, fill, done, arg, true);
}

void write_quietly(ml_run *r, ml_run_fill_fn *fill, ml_run_done_fn *done,
                   void *arg) {
  queue_write(r, fill, done, arg, false);
}

void ml_run_write_rows(ml_run *r, ml_run_fill_fn *fill, ml_run_done_fn *done,
                       void *arg) {
  queue_write(r, fill, done, arg, false);
}
