/*
** proc.c - processes in memory: found, advanced, let go.
*/
#include <string.h>

#include "base/plant.h"
#include "run/inside.h"

static size_t slot(int64_t n) {
  return (size_t)((uint64_t)n * 0x9E3779B97F4A7C15u >> 52) % TABLE_SIZE;
}

proc *proc_find(ml_run *r, int64_t n) {
  proc *pr = r->table[slot(n)];

  while (pr != NULL && pr->n != n)
    pr = pr->chain;
  return pr;
}

proc *proc_new(ml_run *r, int64_t n) {
  proc *pr = ml_mem_zero(sizeof *pr);

  if (pr == NULL)
    return NULL;
  pr->n = n;
  pr->transaction_state = -1;
  pr->end = &pr->first;
  pr->chain = r->table[slot(n)];
  r->table[slot(n)] = pr;
  r->proc_count++;
  return pr;
}

static void resting_free(resting *list) {
  while (list != NULL) {
    resting *w = list;

    list = w->next;
    ml_mem_free(w);
  }
}

/* It has left the table: what these ask for now loads it anew. */
static void tell_resting(proc *pr, const ml_process *p) {
  while (pr->resting != NULL) {
    resting *w = pr->resting;

    pr->resting = w->next;
    w->fn(w->arg, p, p != NULL ? pr->f : NULL);
    ml_mem_free(w);
  }
}

ml_rc ml_run_rest(ml_run *r, int64_t n, ml_run_rest_fn *fn, void *arg) {
  proc *pr = proc_find(r, n);
  resting *w;

  if (pr == NULL) {
    fn(arg, NULL, NULL);
    return ML_OK;
  }
  w = ml_mem_alloc(sizeof *w);
  if (w == NULL)
    return ML_NOMEM;
  *w = (resting){pr->resting, fn, arg};
  pr->resting = w;
  return ML_OK;
}

void ml_run_rest_cancel(ml_run *r, int64_t n, void *arg) {
  proc *pr = proc_find(r, n);
  resting **at = pr != NULL ? &pr->resting : NULL;

  while (at != NULL && *at != NULL && (*at)->arg != arg)
    at = &(*at)->next;
  if (at != NULL && *at != NULL) {
    resting *w = *at;

    *at = w->next;
    ml_mem_free(w);
  }
}

void proc_free(proc *pr) {
  if (pr == NULL)
    return;
  resting_free(pr->resting);
  ml_process_free(pr->p);
  load_free(pr->load);
  ml_mem_free(pr->journal);
  ml_arena_free(&pr->journal_arena);
  ml_arena_free(&pr->share_arena);
  ml_buf_free(&pr->primary);
  ml_mem_free(pr);
}

int32_t proc_primary(const ml_run *r, const proc *pr) {
  const ml_workflow *wf = ml_run_workflow(r, pr->f->name);
  const ml_flow *now = wf != NULL ? wf->flow : NULL;

  if (now == NULL || now == pr->f)
    return pr->f->primary_key;
  for (int32_t i = 0; now->primary_key >= 0 && i < pr->f->field_count; i++)
    if (ml_str_eq(pr->f->fields[i].id, now->fields[now->primary_key].id))
      return i;
  return -1;
}

void proc_keep_primary(const ml_run *r, proc *pr) {
  int32_t field = proc_primary(r, pr);

  pr->primary_of = field;
  ml_buf_reset(&pr->primary);
  if (field >= 0 && pr->p->data[field].p != NULL)
    ml_buf_put(&pr->primary, pr->p->data[field].p, pr->p->data[field].n);
}

void proc_unlink(ml_run *r, proc *pr) {
  proc **at = &r->table[slot(pr->n)];

  while (*at != pr)
    at = &(*at)->chain;
  *at = pr->chain;
  r->proc_count--;
  due_room(r);
}

/* A gone one leaves the table at once; its memory at the end of a turn in
** which nothing points to it any more. */
void procs_bury(ml_run *r) {
  proc **at = &r->grave;

  while (*at != NULL) {
    proc *pr = *at;

    if (pr->dirty || pr->flying > 0 || pr->reads > 0) {
      at = &pr->next_grave;
      continue;
    }
    *at = pr->next_grave;
    proc_free(pr);
  }
}

void proc_rest(ml_run *r, proc *pr) {
  if (pr->gone)
    return;
  if (pr->p == NULL || pr->dirty || pr->flying > 0 || pr->reads > 0 ||
      pr->first != NULL || pr->load != NULL)
    return;
  if (pr->p->seq > 0 && ml_process_in_flight(pr->p) && !pr->p->deleted &&
      !quarantine_lets_go(pr))
    return;
  if (pr->p->seq > 0 && pr->p->status != ML_OPEN && pr->p->out_count > 0)
    return;
  proc_unlink(r, pr);
  tell_resting(pr, pr->p);
  proc_free(pr);
}

/* Answers to the inputs of a load that will never be on disk. */
static void refuse_answers(ml_run *r, load *l, ml_rc rc) {
  ml_err e = {0};

  ml_err_set(&e, rc, "", "%s", rc == ML_STALE
             ? "the process has moved on; try again"
             : "the store could not write it");
  while (l != NULL && l->answers != NULL) {
    ml_input *in = l->answers;

    l->answers = in->next;
    input_answer(r, in, rc, &e);
  }
}

void proc_drop(ml_run *r, proc *pr, ml_rc rc) {
  ml_err e = {0};

  if (pr->gone)
    return;
  pr->gone = true;
  proc_unlink(r, pr);
  ml_err_set(&e, rc, "", rc == ML_NOT_FOUND
             ? "there is no such process"
             : "the process could not be read or written (%s)", ml_rc_name(rc));
  while (pr->first != NULL) {
    ml_input *in = pr->first;

    pr->first = in->next;
    input_answer(r, in, rc, &e);
  }
  pr->end = &pr->first;
  refuse_answers(r, pr->load, rc);
  load_free(pr->load);
  pr->load = NULL;
  tell_resting(pr, NULL);
  pr->next_grave = r->grave;
  r->grave = pr;
  flush_soon(r);
}

void proc_queue(ml_run *r, proc *pr, ml_input *in) {
  in->next = NULL;
  if (pr->p != NULL && pr->reads == 0) {
    proc_take(r, pr, in);
    return;
  }
  *pr->end = in;
  pr->end = &in->next;
}

/* ---- journals in memory ---- */

ml_rc proc_add_entry(ml_run *r, proc *pr, uint32_t act, const ml_entry *e,
                     bool store) {
  entry *list = list_room(pr->journal, pr->journal_count, &pr->journal_cap,
                          sizeof *list);
  bool starved = false;
  uint32_t place = 1;

  if (list == NULL)
    return ML_NOMEM;
  pr->journal = list;
  for (size_t i = 0; i < pr->journal_count; i++)
    if (list[i].act == act)
      place = list[i].place + 1;
  list += pr->journal_count;
  list->act = act;
  list->place = place;
  list->e = *e;
  list->e.call = arena_str(&pr->journal_arena, e->call, &starved);
  list->e.answer = arena_str(&pr->journal_arena, e->answer, &starved);
  if (starved)
    return ML_NOMEM;
  pr->journal_count++;
  if (store) {
    load *l = load_of(pr);
    ml_row_journal *rows;

    if (l == NULL)
      return ML_NOMEM;
    rows = list_room(l->journal, l->journal_count, &l->journal_cap,
                     sizeof *rows);
    if (rows == NULL)
      return ML_NOMEM;
    l->journal = rows;
    rows += l->journal_count++;
    memset(rows, 0, sizeof *rows);
    rows->n = pr->n;
    rows->act = act;
    rows->call = arena_str(&l->arena, e->call, &l->starved);
    rows->kind = e->kind;
    rows->place = place;
    rows->at_ms = now_wall(r);
    memcpy(rows->hash, e->hash, sizeof rows->hash);
    rows->answer = arena_str(&l->arena, e->answer, &l->starved);
    if (ml_process_act(pr->p, act) != NULL)
      rows->attempt = ml_process_act(pr->p, act)->attempt;
  }
  return ML_OK;
}

static bool begins(ml_str s, const char *with) {
  size_t n = strlen(with);

  return s.n >= n && memcmp(s.p, with, n) == 0;
}

/* Does a finished call stand in a new attempt?  A GET that said keep chose
** something: its answer has a mark.  A POST that was answered 400 changed
** nothing outside: it is asked anew, with its key and body.  A signal comes
** once: the await that got it stands, one whose time was over waits anew. */
static bool kept(const ml_entry *e) {
  if (e->kind == ML_CALL_AWAIT)
    return !ml_str_eq(e->answer, ML_AWAIT_OVER);
  if (begins(e->answer, "{\"keep\":true,"))
    return true;
  if (ml_callk_http(e->kind) && ml_callk_kept(e->kind))
    return begins(e->answer, "{\"status\":2") ||
           begins(e->answer, "{\"status\":3");
  return ml_callk_kept(e->kind);
}

/* A new attempt asks anew what only looked (SEMANTICS.md 1). */
static ml_rc new_attempt(proc *pr, uint32_t act) {
  load *l = load_of(pr);
  size_t to = 0;

  if (l == NULL)
    return ML_NOMEM;
  for (size_t i = 0; i < pr->journal_count; i++) {
    entry *en = &pr->journal[i];
    ml_row_journal *d;

    if (en->act != act || kept(&en->e)) {
      pr->journal[to++] = *en;
      continue;
    }
    d = list_room(l->drops, l->drop_count, &l->drop_cap, sizeof *d);
    if (d == NULL)
      return ML_NOMEM;
    l->drops = d;
    memset(&d[l->drop_count], 0, sizeof *d);
    d[l->drop_count].act = act;
    d[l->drop_count++].call = arena_str(&l->arena, en->e.call, &l->starved);
  }
  pr->journal_count = to;
  return ML_OK;
}

/* ---- advancing ---- */

static ml_rc keep_outside(proc *pr, const ml_effect *ef) {
  load *l = load_of(pr);
  ml_effect *list;

  if (l == NULL)
    return ML_NOMEM;
  list = list_room(l->effects, l->effect_count, &l->effect_cap, sizeof *list);
  if (list == NULL && !ML_PLANTED(unchecked_alloc))
    return ML_NOMEM;
  l->effects = list;
  l->hasty = true;
  list += l->effect_count++;
  *list = *ef;
  list->call = arena_str(&l->arena, ef->call, &l->starved);
  list->text = arena_str(&l->arena, ef->text, &l->starved);
  return ML_OK;
}

static ml_rc keep_mail_row(ml_run *r, proc *pr, const ml_effect *ef) {
  load *l = load_of(pr);
  ml_row_mail *m;

  if (l == NULL)
    return ML_NOMEM;
  m = list_room(l->mails, l->mail_count, &l->mail_cap, sizeof *m);
  if (m == NULL)
    return ML_NOMEM;
  l->mails = m;
  m += l->mail_count++;
  *m = (ml_row_mail){pr->n, ef->mail, now_wall(r),
                     arena_str(&l->arena, ef->call, &l->starved),
                     arena_str(&l->arena, ef->text, &l->starved)};
  return ML_OK;
}

static ml_rc drop_mail_row(proc *pr, uint32_t no) {
  load *l = load_of(pr);
  uint32_t *d;

  if (l == NULL)
    return ML_NOMEM;
  d = list_room(l->mail_drops, l->mail_drop_count, &l->mail_drop_cap,
                sizeof *d);
  if (d == NULL)
    return ML_NOMEM;
  l->mail_drops = d;
  d[l->mail_drop_count++] = no;
  return ML_OK;
}

/* First pass over the effects: what changes rows and journals.  Slices are
** dispatched in a second one, when all of that is known. */
static ml_rc keep_effects(ml_run *r, proc *pr, const ml_made *m) {
  ml_rc rc = ML_OK;

  for (size_t i = 0; i < m->effect_count && rc == ML_OK; i++) {
    const ml_effect *ef = &m->effects[i];

    switch (ef->kind) {
      case ML_DO_JOURNAL: {
        ml_entry e = {ef->call, ef->call_kind, {0}, ef->text};

        memcpy(e.hash, ef->hash, sizeof e.hash);
        rc = proc_add_entry(r, pr, ef->no, &e, true);
        if (rc == ML_OK && e.kind == ML_CALL_MAIL)
          rc = mail_of_entry(r, pr, ef);
        break;
      }
      case ML_DO_NEW_ATTEMPT: rc = new_attempt(pr, ef->no); break;
      case ML_DO_KEEP_MAIL: rc = keep_mail_row(r, pr, ef); break;
      case ML_DO_DROP_MAIL: rc = drop_mail_row(pr, ef->mail); break;
      case ML_DO_CALL: case ML_DO_SEND: case ML_DO_BEGIN:
        rc = keep_outside(pr, ef);
        break;
      default: break;
    }
  }
  return rc;
}

/* Nothing runs for one that is deleted: it begins anew when it is restored. */
static void dispatch(ml_run *r, proc *pr, const ml_made *m) {
  for (size_t i = 0; i < m->effect_count && !pr->gone && !pr->p->deleted; i++) {
    const ml_effect *ef = &m->effects[i];

    if (r->conf.still && (ef->kind == ML_DO_RUN || ef->kind == ML_DO_JUDGE))
      continue;
    if (ef->kind == ML_DO_RUN) {
      const ml_act *a = ml_process_act(pr->p, ef->no);

      if (a == NULL || a->slice != ef->slice || script_was_ahead(r, pr, ef))
        continue;
      if (!r->conf.step_commits)
        script_run(r, pr, ef);
      else if (keep_outside(pr, ef) == ML_OK)
        mark_dirty(r, pr);                  /* begun when all this is on disk */
      else
        proc_drop(r, pr, ML_NOMEM);
    } else if (ef->kind == ML_DO_JUDGE) {
      script_judge(r, pr, ef);
    } else if (ef->kind == ML_DO_TAKE_MAIL) {
      mail_take(r, pr, ef);
    }
  }
}

ml_process *proc_copy(const proc *pr) {
  const ml_process *p = pr->p;
  ml_process *q = ml_process_new(pr->f);
  ml_buf b = {0}, d = {0};
  bool ok = q != NULL;

  ml_process_pack(p, pr->f, &b);
  ml_process_pack_data(p, pr->f, &d);
  if (!ok || b.bad || d.bad ||
      ml_process_unpack(q, pr->f, (ml_str){b.p, b.len}) != ML_OK ||
      ml_process_unpack_data(q, pr->f, (ml_str){d.p, d.len}) != ML_OK) {
    ok = false;
    goto end;
  }
  q->n = p->n;
  memcpy(q->id, p->id, sizeof q->id);
  q->bundle = p->bundle;
  q->flow_index = p->flow_index;
  q->status = p->status;
  q->run = p->run;
  q->seq = p->seq;
  q->created_ms = p->created_ms;
  q->updated_ms = p->updated_ms;
  q->completed_ms = p->completed_ms;
  q->cancelled_ms = p->cancelled_ms;
  q->first_assigned_ms = p->first_assigned_ms;
  q->last_assigned_ms = p->last_assigned_ms;
  q->next_action_ms = p->next_action_ms;
  q->deleted = p->deleted;
  q->object_changed = p->object_changed;
  q->parent_n = p->parent_n;
  q->subject = ml_process_text(q, p->subject, &ok);
  q->state = ml_process_text(q, p->state, &ok);
  q->assigned_to = ml_process_text(q, p->assigned_to, &ok);
  q->first_assigned_to = ml_process_text(q, p->first_assigned_to, &ok);
  q->created_by = ml_process_text(q, p->created_by, &ok);
end:
  ml_buf_free(&b);
  ml_buf_free(&d);
  if (ok)
    return q;
  ml_process_free(q);
  return NULL;
}

/* A process that lives long in memory leaves dead texts behind: pack it. */
static void repack(proc *pr) {
  ml_process *q;

  if (pr->p->arena.total < 65536 ||
      pr->p->arena.total < pr->arena_packed * 4)
    return;
  q = proc_copy(pr);
  if (q == NULL)
    return;
  ml_process_free(pr->p);
  pr->p = q;
  pr->arena_packed = q->arena.total;
}

/* These change nothing when nothing is due; what a dispatch changes is not
** worth a commit, for a restart dispatches anew. */
static bool only_looks(ml_event_kind k) {
  return k == ML_EV_WOKE || k == ML_EV_RECOVERED;
}

void now_of(const ml_run *r, const proc *pr, ml_now *now) {
  *now = (ml_now){now_wall(r), NULL, r->conf.rand, r->conf.lease_ms};
  if (pr->b != NULL && pr->b->manned != NULL)
    now->manned = pr->b->manned[pr->p->flow_index];
}

/* What an event made becomes rows to write; the process has taken it. */
static ml_rc keep_made(ml_run *r, proc *pr, ml_event_kind kind,
                       const ml_made *made) {
  ml_rc rc;

  rc = rows_of_made(r, pr, made, pr->p->updated_ms);
  if (rc != ML_OK)
    return rc;                              /* the caller drops it */
  mail_notify(r, pr, made, pr->p->updated_ms);
  pr->turns++;
  rc = keep_effects(r, pr, made);
  if (rc == ML_OK && (made->record_count > 0 || !only_looks(kind)))
    pr->changed = true;
  if (rc == ML_OK && pr->changed && load_of(pr) == NULL)
    rc = ML_NOMEM;
  if (rc == ML_OK && pr->load != NULL && pr->load->starved)
    rc = ML_NOMEM;
  if (rc == ML_OK && pr->load != NULL)
    mark_dirty(r, pr);
  return rc;
}

/* The answer will be found under the key; no room: the batch fails. */
static void keep_key(ml_run *r, load *l, ml_input *in) {
  keyed *k = list_room(l->keys, l->key_count, &l->key_cap, sizeof *k);

  if (k == NULL) {
    l->starved = true;
    return;
  }
  l->keys = k;
  k += l->key_count++;
  memset(k, 0, sizeof *k);
  k->in = in;
  memcpy(k->row.key, in->key, sizeof k->row.key);
  memcpy(k->row.body, in->body_hash, sizeof k->row.body);
  k->row.age_ms = ml_run_age(r);
}

bool is_incident(const ml_process *p) {
  return p->run == ML_RUN_ERROR || p->run == ML_RUN_FAILURE;
}

void out_of_memory(ml_run *r, proc *pr, ml_input *in) {
  ml_err e = {0};

  if (in != NULL) {
    ml_err_set(&e, ML_NOMEM, "", "memory is short; nothing was changed");
    input_answer(r, in, ML_NOMEM, &e);
  }
  proc_drop(r, pr, ML_NOMEM);
}

/* The input is told when what it rests on is on disk.  false: no memory. */
static bool answer_later(ml_run *r, proc *pr, ml_input *in) {
  load *l = load_of(pr);

  if (l == NULL)
    return false;
  l->hasty = l->hasty || !in->patient;
  *l->answers_end = in;
  l->answers_end = &in->next;
  in->next = NULL;
  mark_dirty(r, pr);
  return true;
}

/* A refusal rests on what is pending: it waits for that commit too.  A process
** that never began has nothing pending. */
void proc_refuse(ml_run *r, proc *pr, ml_input *in, ml_rc rc, const ml_err *e) {
  bool pending = pr->p->seq > 0 && (pr->load != NULL || pr->flying > 0);

  r->stats.refused++;
  if (!pending) {
    input_answer(r, in, rc, e);
    return;
  }
  in->refusal = *e;
  in->refusal.rc = rc;
  if (!answer_later(r, pr, in))
    out_of_memory(r, pr, in);
}

/* Count what the event changed, and let the input write its answer. */
static ml_rc taken(ml_run *r, const proc *pr, ml_input *in, const ml_made *made,
                   bool was_incident, bool was_open) {
  if (is_incident(pr->p) && !was_incident)
    r->stats.incidents++;
  if (was_open && pr->p->status == ML_COMPLETED)
    r->stats.completed++;
  if (in == NULL || in->render == NULL)
    return ML_OK;
  in->status = in->render(in->arg, pr->p, pr->f, made, &in->out);
  return in->out.bad ? ML_NOMEM : ML_OK;
}

void proc_settle(ml_run *r, proc *pr, const ml_event *ev, ml_input *in,
                 ml_made *made, bool was_incident, bool was_open) {
  const ml_answer *answer = ev->answer;
  ml_rc rc;

  pr->taking = in;
  rc = keep_made(r, pr, ev->kind, made);
  pr->taking = NULL;

  if (rc == ML_OK && in != NULL && in->record != NULL &&
      (load_of(pr) == NULL || !load_record(pr->load, in->record)))
    rc = ML_NOMEM;
  if (rc == ML_OK)
    rc = taken(r, pr, in, made, was_incident, was_open);
  if (rc == ML_OK && in != NULL) {
    if (!answer_later(r, pr, in))
      rc = ML_NOMEM;
    else if (in->has_key)
      keep_key(r, pr->load, in);
    if (rc == ML_OK && in->held)
      replay_keep(r, pr->load, in);
  }
  if (rc != ML_OK) {
    out_of_memory(r, pr, in);
    return;
  }
  if (answer != NULL)
    script_compare(r, made, answer);
  dispatch(r, pr, made);
  if (!pr->gone)
    repack(pr);
}

/* made is of this call alone: dispatching may lead here again. */
static ml_rc run_event(ml_run *r, proc *pr, ml_event *ev, ml_input *in) {
  ml_made made = {0};
  ml_err e = {0};
  ml_now now;
  bool incident = is_incident(pr->p), open = pr->p->status == ML_OPEN;
  ml_rc rc;

  r->stats.inputs++;
  if (trial_wanted(pr->f, ev))
    return trial_begin(r, pr, ev, in);
  now_of(r, pr, &now);
  rc = ml_advance(pr->f, pr->p, ev, &now, &made, &e);
  if (rc == ML_OK) {
    proc_settle(r, pr, ev, in, &made, incident, open);
  } else if (rc == ML_NOMEM) {
    out_of_memory(r, pr, in);               /* spoiled: it is dropped */
  } else if (in != NULL) {
    proc_refuse(r, pr, in, rc, &e);
  } else {
    r->stats.refused++;
  }
  ml_made_free(&made);
  return rc;
}

ml_rc proc_event(ml_run *r, proc *pr, ml_event *ev) {
  return run_event(r, pr, ev, NULL);
}

bool proc_is_long(const ml_run *r, const proc *pr) {
  return pr->p->seq >= r->conf.history_max;
}

/* Of what comes from outside: it adds records, and ends nothing. */
static bool only_adds(ml_event_kind k) {
  return k == ML_EV_COMMENTED || k == ML_EV_SIGNALLED || k == ML_EV_EDITED ||
         k == ML_EV_CLAIMED || k == ML_EV_RELEASED || k == ML_EV_REASSIGNED;
}

void proc_take(ml_run *r, proc *pr, ml_input *in) {
  ml_err e = {0};
  static const uint8_t none[16];

  if (memcmp(in->id, none, sizeof none) != 0 &&
      (memcmp(in->id, pr->p->id, sizeof none) != 0 ||
       (in->team.p != NULL && !ml_str_eq(in->team, pr->p->object.team)))) {
    ml_err_set(&e, ML_NOT_FOUND, "", "there is no such process");
    input_answer(r, in, ML_NOT_FOUND, &e);
    return;
  }
  if (in->if_seq >= 0 && (uint64_t)in->if_seq != pr->p->seq) {
    ml_err_set(&e, ML_CONFLICT, "", "the process has changed since: it is at "
               "\"%llu\" now", (unsigned long long)pr->p->seq);
    proc_refuse(r, pr, in, ML_CONFLICT, &e);
    return;
  }
  if (in->partner != 0 && in->share == NULL &&
      share_of(pr, in->partner) == NULL) {
    ml_err_set(&e, ML_REFUSED, "", "this process is not shared over this link");
    proc_refuse(r, pr, in, ML_REFUSED, &e);
    return;
  }
  if (proc_is_long(r, pr) && only_adds(in->ev.kind)) {
    ml_err_set(&e, ML_LIMIT, "", "the history of this process has %llu records, "
               "the most there may be: complete it or cancel it",
               (unsigned long long)pr->p->seq);
    proc_refuse(r, pr, in, ML_LIMIT, &e);
    return;
  }
  run_event(r, pr, &in->ev, in);
}
