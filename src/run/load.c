/*
** load.c - a process's row and journals come into memory.
**
** Nothing of a process that was not here is under way in this engine: what its
** row says is in flight was so before a restart, and is dispatched anew.
*/
#include <string.h>

#include "run/inside.h"

typedef struct loading {
  ml_run *r;
  proc *pr;
  ml_arena arena;
  ml_row_process row;
  ml_row_journal *journal;
  size_t journal_count;
  ml_row_share *shares;
  size_t share_count;
  bool shared;                   /* there are partners: ask for shares */
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
  if (l->rc == ML_OK && l->shared && !l->second)
    l->rc = ml_read_shares(rd, &l->arena, l->pr->n, &l->shares,
                           &l->share_count);
}

/* The row as a process; NULL with *rc. */
ml_process *process_of_row(const ml_flow *f, const ml_row_process *row,
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
  return process_of_row(f, row, rc);
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
      pr->p = process_of_row(pr->f, &l->row, &l->rc);
    if (pr->p != NULL)
      l->rc = shares_keep(pr, l->shares, l->share_count);
    if (pr->p != NULL) {
      pr->seq_sent = pr->p->seq;
      pr->sent = row_sent_of(pr->p, l->row.due);
      if (pr->p->transaction_n != 0)
        pr->transaction_state = transaction_state_of(pr->p);
      proc_keep_primary(r, pr);
      if (pr->primary.bad)
        l->rc = ML_NOMEM;
      pr->arena_packed = pr->p->arena.total;
      r->stats.loaded++;
      if (l->rc == ML_OK && has_scripts(pr)) {
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
      quarantine_renew(r, pr, l->row.due);
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
  l->shared = r->people.partner_count > 0;
  pr->reads++;
  if (ml_run_read(r, load_work, load_done, l) != ML_OK) {
    pr->reads--;
    goto nomem;
  }
  return pr;
nomem:
  ml_mem_free(l);
  if (pr != NULL) {
    proc_unlink(r, pr);
    proc_free(pr);
  }
  return NULL;
}
