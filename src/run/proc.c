/*
** proc.c - processes in memory: found, loaded, advanced, let go.
*/
#include <string.h>

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
  pr->end = &pr->first;
  pr->chain = r->table[slot(n)];
  r->table[slot(n)] = pr;
  r->proc_count++;
  return pr;
}

void proc_free(proc *pr) {
  if (pr == NULL)
    return;
  ml_process_free(pr->p);
  load_free(pr->load);
  ml_mem_free(pr->journal);
  ml_arena_free(&pr->journal_arena);
  ml_mem_free(pr);
}

static void unlink_proc(ml_run *r, proc *pr) {
  proc **at = &r->table[slot(pr->n)];

  while (*at != pr)
    at = &(*at)->chain;
  *at = pr->chain;
  r->proc_count--;
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
  if (pr->p->seq > 0 && ml_process_in_flight(pr->p) &&
      pr->p->status == ML_OPEN && !pr->p->deleted)
    return;
  if (pr->p->seq > 0 && pr->p->status != ML_OPEN && pr->p->out_count > 0)
    return;
  unlink_proc(r, pr);
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
  unlink_proc(r, pr);
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
  pr->next_grave = r->grave;
  r->grave = pr;
  flush_soon(r);
}

/* ---- loading ---- */

typedef struct loading {
  ml_run *r;
  proc *pr;
  ml_arena arena;
  ml_row_process row;
  ml_row_journal *journal;
  size_t journal_count;
  uint32_t comment_last;
  bool second;
  ml_rc rc;
} loading;

static void load_work(void *arg, ml_read *rd) {
  loading *l = arg;

  if (l->second)
    l->rc = ml_read_journal(rd, &l->arena, l->pr->n, 0, &l->journal,
                            &l->journal_count);
  else
    l->rc = ml_read_process(rd, &l->arena, l->pr->n, &l->row);
}

/* The row as a process; NULL with *rc. */
static ml_process *from_row(const ml_flow *f, const ml_row_process *row,
                            ml_rc *rc) {
  ml_process *p = ml_process_new(f);
  bool ok = true;

  *rc = ML_NOMEM;
  if (p == NULL)
    return NULL;
  p->n = row->n;
  memcpy(p->id, row->id, sizeof p->id);
  p->bundle = row->bundle;
  p->flow_index = row->flow_index;
  p->status = row->status;
  p->run = row->run;
  p->seq = row->seq;
  p->created_ms = row->created_ms;
  p->updated_ms = row->updated_ms;
  p->completed_ms = row->completed_ms;
  p->cancelled_ms = row->cancelled_ms;
  p->next_action_ms = row->next_action_ms;
  p->first_assigned_ms = row->first_assigned_ms;
  p->last_assigned_ms = row->last_assigned_ms;
  p->deleted = row->deleted;
  p->parent_n = row->parent_n;
  p->subject = ml_process_text(p, row->subject, &ok);
  p->state = ml_process_text(p, row->state, &ok);
  p->assigned_to = ml_process_text(p, row->assigned_to, &ok);
  p->first_assigned_to = ml_process_text(p, row->first_assigned_to, &ok);
  p->created_by = ml_process_text(p, row->created_by, &ok);
  if (ok)
    *rc = ml_process_unpack(p, f, row->rest);
  if (ok && *rc == ML_OK)
    *rc = ml_process_unpack_data(p, f, row->data);
  if (*rc == ML_OK)
    return p;
  ml_process_free(p);
  return NULL;
}

ml_process *ml_run_process_of(const ml_run *r, const ml_row_process *row,
                              ml_rc *rc) {
  const ml_flow *f = ml_run_flow(r, row->bundle, row->flow_index);

  if (f == NULL) {
    *rc = ML_NOT_FOUND;
    return NULL;
  }
  return from_row(f, row, rc);
}

/* Are there scripts under way here, whose journals we need? */
static bool has_scripts(const proc *pr) {
  for (uint32_t i = 0; i < pr->p->act_count; i++) {
    const ml_act *a = &pr->p->acts[i];

    if (!a->aside && a->status != ML_ACT_SUCCESS &&
        pr->f->activities[a->def].kind == ML_AK_AUTO)
      return true;
  }
  return false;
}

static ml_rc keep_journal(ml_run *r, proc *pr, const loading *l) {
  for (size_t i = 0; i < l->journal_count; i++) {
    const ml_row_journal *j = &l->journal[i];
    ml_entry e = {j->call, j->kind, {0}, j->answer};
    ml_rc rc;

    if (ml_process_act(pr->p, j->act) == NULL)
      continue;
    memcpy(e.hash, j->hash, sizeof e.hash);
    rc = proc_add_entry(r, pr, j->act, &e, false);
    if (rc != ML_OK)
      return rc;
  }
  return ML_OK;
}

void proc_take_waiting(ml_run *r, proc *pr) {
  while (pr->first != NULL && !pr->gone && pr->reads == 0) {
    ml_input *in = pr->first;

    pr->first = in->next;
    if (pr->first == NULL)
      pr->end = &pr->first;
    in->next = NULL;
    proc_take(r, pr, in);
  }
}

static void load_done(void *arg) {
  loading *l = arg;
  ml_run *r = l->r;
  proc *pr = l->pr;

  pr->reads--;
  if (pr->gone)
    goto end;
  if (!l->second && l->rc == ML_OK) {
    pr->b = bundle_no(r, l->row.bundle);
    pr->f = ml_run_flow(r, l->row.bundle, l->row.flow_index);
    if (pr->f == NULL)
      l->rc = ML_CORRUPT;
    else
      pr->p = from_row(pr->f, &l->row, &l->rc);
    if (pr->p != NULL) {
      pr->seq_sent = pr->p->seq;
      pr->arena_packed = pr->p->arena.total;
      r->stats.loaded++;
      if (has_scripts(pr)) {
        l->second = true;
        ml_arena_free(&l->arena);
        pr->reads++;
        if (ml_run_read(r, load_work, load_done, l) == ML_OK)
          return;
        pr->reads--;
        l->rc = ML_NOMEM;
      }
    }
  } else if (l->second && l->rc == ML_OK) {
    l->rc = keep_journal(r, pr, l);
  }
  if (l->rc != ML_OK) {
    proc_drop(r, pr, l->rc);
  } else {
    if (ml_process_in_flight(pr->p)) {      /* elsewhere, before a restart */
      ml_event ev = {.kind = ML_EV_RECOVERED};

      proc_event(r, pr, &ev);
    }
    proc_take_waiting(r, pr);
    proc_rest(r, pr);
  }
end:
  ml_arena_free(&l->arena);
  ml_mem_free(l);
}

proc *proc_get(ml_run *r, int64_t n) {
  proc *pr = proc_find(r, n);
  loading *l;

  if (pr != NULL)
    return pr;
  pr = proc_new(r, n);
  l = ml_mem_zero(sizeof *l);
  if (pr == NULL || l == NULL)
    goto nomem;
  l->r = r;
  l->pr = pr;
  pr->reads++;
  if (ml_run_read(r, load_work, load_done, l) != ML_OK) {
    pr->reads--;
    goto nomem;
  }
  return pr;
nomem:
  ml_mem_free(l);
  if (pr != NULL) {
    unlink_proc(r, pr);
    proc_free(pr);
  }
  return NULL;
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
** nothing outside: it is asked anew, with its key and body. */
static bool kept(const ml_entry *e) {
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
  if (list == NULL)
    return ML_NOMEM;
  l->effects = list;
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
        break;
      }
      case ML_DO_NEW_ATTEMPT: rc = new_attempt(pr, ef->no); break;
      case ML_DO_KEEP_MAIL: rc = keep_mail_row(r, pr, ef); break;
      case ML_DO_DROP_MAIL: rc = drop_mail_row(pr, ef->mail); break;
      case ML_DO_CALL: case ML_DO_SEND: rc = keep_outside(pr, ef); break;
      default: break;
    }
  }
  return rc;
}

static void dispatch(ml_run *r, proc *pr, const ml_made *m) {
  for (size_t i = 0; i < m->effect_count && !pr->gone; i++) {
    const ml_effect *ef = &m->effects[i];

    if (ef->kind == ML_DO_RUN) {
      const ml_act *a = ml_process_act(pr->p, ef->no);

      if (a != NULL && a->slice == ef->slice)
        script_run(r, pr, ef);
    } else if (ef->kind == ML_DO_JUDGE) {
      script_judge(r, pr, ef);
    } else if (ef->kind == ML_DO_TAKE_MAIL) {
      mail_take(r, pr, ef);
    }
  }
}

/* A process that lives long in memory leaves dead texts behind: pack it. */
static void repack(proc *pr) {
  ml_process *p = pr->p, *q;
  ml_buf b = {0}, d = {0};
  bool ok = true;

  if (p->arena.total < 65536 || p->arena.total < pr->arena_packed * 4)
    return;
  q = ml_process_new(pr->f);
  ml_process_pack(p, pr->f, &b);
  ml_process_pack_data(p, pr->f, &d);
  if (q == NULL || b.bad || d.bad ||
      ml_process_unpack(q, pr->f, (ml_str){b.p, b.len}) != ML_OK ||
      ml_process_unpack_data(q, pr->f, (ml_str){d.p, d.len}) != ML_OK)
    goto end;
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
  q->parent_n = p->parent_n;
  q->subject = ml_process_text(q, p->subject, &ok);
  q->state = ml_process_text(q, p->state, &ok);
  q->assigned_to = ml_process_text(q, p->assigned_to, &ok);
  q->first_assigned_to = ml_process_text(q, p->first_assigned_to, &ok);
  q->created_by = ml_process_text(q, p->created_by, &ok);
  if (ok) {
    pr->p = q;
    q = p;
    pr->arena_packed = pr->p->arena.total;
  }
end:
  ml_process_free(q);
  ml_buf_free(&b);
  ml_buf_free(&d);
}

/* These change nothing when nothing is due; what a dispatch changes is not
** worth a commit, for a restart dispatches anew. */
static bool only_looks(ml_event_kind k) {
  return k == ML_EV_WOKE || k == ML_EV_RECOVERED;
}

/* One event: advance, keep the rows, dispatch what may run ahead. */
static ml_rc apply(ml_run *r, proc *pr, ml_event *ev, ml_made *made, ml_err *e) {
  ml_now now = {now_wall(r), NULL, r->conf.rand,
                r->conf.lease_ms};
  ml_rc rc;

  if (pr->b != NULL && pr->b->manned != NULL)
    now.manned = pr->b->manned[pr->p->flow_index];
  rc = ml_advance(pr->f, pr->p, ev, &now, made, e);
  if (rc == ML_NOMEM)
    return rc;                              /* spoiled: the caller drops it */
  if (rc != ML_OK)
    return rc;
  rows_of_made(r, pr, made, now.wall_ms);
  rc = keep_effects(r, pr, made);
  if (rc == ML_OK && (made->record_count > 0 || !only_looks(ev->kind)))
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
  k->row.at_ms = now_wall(r);
}

static bool is_incident(const ml_process *p) {
  return p->run == ML_RUN_ERROR || p->run == ML_RUN_FAILURE;
}

/* made lives on the stack of each call: dispatching may end a slice at once
** only through the loop, never inside, but answers render from it. */
static ml_rc run_event(ml_run *r, proc *pr, ml_event *ev, ml_input *in) {
  ml_made made = {0};
  ml_err e = {0};
  bool was = is_incident(pr->p), open = pr->p->status == ML_OPEN;
  ml_rc rc;

  r->stats.inputs++;
  rc = apply(r, pr, ev, &made, &e);
  if (rc == ML_OK) {
    if (is_incident(pr->p) && !was)
      r->stats.incidents++;
    if (open && pr->p->status == ML_COMPLETED)
      r->stats.completed++;
    if (in != NULL && in->render != NULL) {
      in->status = in->render(in->arg, pr->p, pr->f, &made, &in->out);
      if (in->out.bad)
        rc = ML_NOMEM;
    }
  }
  if (rc == ML_NOMEM) {
    ml_made_free(&made);
    if (in != NULL) {
      ml_err_set(&e, ML_NOMEM, "", "memory is short; nothing was changed");
      input_answer(r, in, rc, &e);
    }
    proc_drop(r, pr, ML_NOMEM);
    return rc;
  }
  if (rc != ML_OK) {
    r->stats.refused++;
    if (in != NULL) {
      load *l = pr->load;

      /* a refusal rests on what is pending: it waits for that commit too */
      if (l != NULL || pr->flying > 0) {
        l = load_of(pr);
        in->refusal = e;
        in->refusal.rc = rc;
        if (l != NULL) {
          *l->answers_end = in;
          l->answers_end = &in->next;
          in->next = NULL;
          mark_dirty(r, pr);
        } else {
          input_answer(r, in, rc, &e);
        }
      } else {
        input_answer(r, in, rc, &e);
      }
    }
    ml_made_free(&made);
    return rc;
  }
  if (in != NULL) {
    load *l = load_of(pr);

    if (l == NULL) {
      ml_made_free(&made);
      ml_err_set(&e, ML_NOMEM, "", "memory is short; nothing was changed");
      input_answer(r, in, ML_NOMEM, &e);
      proc_drop(r, pr, ML_NOMEM);
      return ML_NOMEM;
    }
    *l->answers_end = in;
    l->answers_end = &in->next;
    in->next = NULL;
    if (in->has_key)
      keep_key(r, l, in);
    mark_dirty(r, pr);
  }
  dispatch(r, pr, &made);
  ml_made_free(&made);
  if (!pr->gone)
    repack(pr);
  return ML_OK;
}

ml_rc proc_event(ml_run *r, proc *pr, ml_event *ev) {
  return run_event(r, pr, ev, NULL);
}

void proc_take(ml_run *r, proc *pr, ml_input *in) {
  ml_err e = {0};
  static const uint8_t none[16];

  if (memcmp(in->id, none, sizeof none) != 0 &&
      memcmp(in->id, pr->p->id, sizeof none) != 0) {
    ml_err_set(&e, ML_NOT_FOUND, "", "there is no such process");
    input_answer(r, in, ML_NOT_FOUND, &e);
    return;
  }
  if (in->if_seq >= 0 && (uint64_t)in->if_seq != pr->p->seq) {
    ml_err_set(&e, ML_CONFLICT, "", "the process has changed since: it is at "
               "\"%llu\" now", (unsigned long long)pr->p->seq);
    input_answer(r, in, ML_CONFLICT, &e);
    return;
  }
  run_event(r, pr, &in->ev, in);
}
