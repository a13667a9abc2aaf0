/* run.c - the run as a whole: made, begun, looked at, drained, freed. */
#include <string.h>

#include "run/inside.h"
#include "store/age.h"

int64_t now_wall(const ml_run *r) {
  return r->conf.clock->wall_ms(r->conf.clock);
}

int64_t now_mono(const ml_run *r) {
  return r->conf.clock->mono_ms(r->conf.clock);
}

int64_t ml_run_age(const ml_run *r) {
  return ml_store_age(r->conf.store);
}

static void look_drained(ml_run *r);

void busy_end(ml_run *r) {
  r->busy--;
  look_drained(r);
}

ml_rc ml_run_new(const ml_run_conf *conf, ml_run **out, ml_err *e) {
  ml_run *r = ml_mem_zero(sizeof *r);

  *out = NULL;
  if (r == NULL)
    return ml_err_set(e, ML_NOMEM, "", "memory is short");
  r->conf = *conf;
  if (r->conf.clock == NULL)
    r->conf.clock = ml_clock_system();
  if (r->conf.rand == NULL)
    r->conf.rand = ml_rand_system();
  if (r->conf.lease_ms == 0)
    r->conf.lease_ms = 60000;
  if (r->conf.history_max == 0)
    r->conf.history_max = ML_HISTORY_MAX;
  if (r->conf.keep_keys_ms == 0)
    r->conf.keep_keys_ms = ML_KEEP_KEYS_MS;
  if (r->conf.keep_seen_ms == 0)
    r->conf.keep_seen_ms = ML_KEEP_SEEN_MS;
  if (r->conf.queue_max == 0)
    r->conf.queue_max = 10000;
  if (r->conf.calls_max == 0)
    r->conf.calls_max = ML_CALLS_AT_ONCE;
  r->dirty_end = &r->dirty;
  r->writing_end = &r->writing;
  r->next_n = ml_store_last_n(conf->store) + 1;
  r->next_transaction = ml_store_last_transaction(conf->store) + 1;
  due_begin(r);
  r->hold = ml_loop_timer_new(conf->loop, hold_over, r);
  partner_begin(r);
  if (r->timer == NULL || r->hold == NULL) {
    ml_run_free(r);
    return ml_err_set(e, ML_NOMEM, "", "memory is short");
  }
  webhooks_begin(r);
  *out = r;
  return ML_OK;
}

static void free_answers(load *l) {
  while (l != NULL && l->answers != NULL) {
    ml_input *in = l->answers;

    l->answers = in->next;
    ml_input_free(in);
  }
}

void ml_run_free(ml_run *r) {
  if (r == NULL)
    return;
  r->stopped = true;
  for (size_t i = 0; i < TABLE_SIZE; i++)
    while (r->table[i] != NULL) {
      proc *pr = r->table[i];

      r->table[i] = pr->chain;
      while (pr->first != NULL) {
        ml_input *in = pr->first;

        pr->first = in->next;
        ml_input_free(in);
      }
      free_answers(pr->load);
      proc_free(pr);
    }
  while (r->grave != NULL) {
    proc *pr = r->grave;

    r->grave = pr->next_grave;
    proc_free(pr);
  }
  while (r->writing != NULL) {
    writes *w = r->writing;

    r->writing = w->next;
    ml_mem_free(w);
  }
  while (r->owed != NULL) {
    owed *o = r->owed;

    owed_drop(o);
    o->forget(o);
  }
  triggers_free(r);
  outbox_free(r);
  replays_free(r);
  transacts_free(r);
  rulebook_drop(r->book);
  for (size_t i = 0; i < r->rule_bundle_count; i++)
    bundle_free(r->rule_bundles[i]);
  ml_mem_free(r->rule_bundles);
  for (size_t i = 0; i < r->old_rule_count; i++)
    bundle_free(r->old_rules[i]);
  ml_mem_free(r->old_rules);
  patrol_free(r);
  forget_free(r);
  ml_loop_timer_free(r->full_timer);
  for (size_t i = 0; i < r->bundle_count; i++)
    bundle_free(r->bundles[i]);
  ml_mem_free(r->bundles);
  ml_mem_free(r->workflows);
  ml_arena_free(&r->names);
  ml_arena_free(&r->people.arena);
  ml_buf_free(&r->broken);
  ml_loop_timer_free(r->timer);
  ml_loop_timer_free(r->hold);
  ml_loop_timer_free(r->drain_timer);
  ml_loop_timer_free(r->search_timer);
  ml_loop_timer_free(r->bulk.timer);
  ml_mem_free(r);
}

void owed_add(ml_run *r, owed *o, void (*forget)(owed *o)) {
  o->forget = forget;
  o->next = r->owed;
  o->at = &r->owed;
  if (o->next != NULL)
    o->next->at = &o->next;
  r->owed = o;
}

void owed_drop(owed *o) {
  if (o->at == NULL)
    return;
  *o->at = o->next;
  if (o->next != NULL)
    o->next->at = o->at;
  o->at = NULL;
}

ml_rc ml_run_read(ml_run *r, ml_read_fn *work, ml_read_done_fn *done,
                  void *arg) {
  ml_rc rc = ml_loop_later(r->conf.loop, (ml_loop_fn *)ml_run_reap, r);

  if (rc == ML_OK)               /* who reaps is sure first: else none reads */
    rc = ml_store_read(r->conf.store, work, done, arg);
  return rc;
}

void ml_run_reap(ml_run *r) {
  disk_lost(r, ml_store_state(r->conf.store));
  ml_store_reap(r->conf.store);
  look_drained(r);
}

/* ---- begin ---- */

typedef struct beginning {
  ml_run *r;
  ml_run_done_fn *done;
  void *arg;
  ml_arena arena;
  ml_row_bundle *bundles;
  size_t bundle_count;
  ml_row_workflow *workflows;
  size_t workflow_count;
  ml_row_quarantine *quarantines;
  size_t quarantine_count;
  ml_rc rc;
} beginning;

static void begin_work(void *arg, ml_read *rd) {
  beginning *b = arg;
  ml_row_bundle *list = NULL;

  b->rc = ml_read_bundles(rd, &b->arena, &list, &b->bundle_count);
  if (b->rc == ML_OK) {
    b->bundles = ml_arena_alloc(&b->arena,
                                sizeof *b->bundles * (b->bundle_count + 1));
    if (b->bundles == NULL)
      b->rc = ML_NOMEM;
  }
  for (size_t i = 0; b->rc == ML_OK && i < b->bundle_count; i++)
    b->rc = ml_read_bundle(rd, &b->arena, list[i].no, &b->bundles[i]);
  if (b->rc == ML_OK)
    b->rc = ml_read_workflows(rd, &b->arena, &b->workflows,
                              &b->workflow_count);
  if (b->rc == ML_OK)
    b->rc = ml_read_quarantines(rd, &b->arena, &b->quarantines,
                                &b->quarantine_count);
  if (b->rc == ML_OK)
    b->rc = triggers_load(b->r, rd);
}

static ml_rc take_workflows(ml_run *r, const beginning *b) {
  for (size_t i = 0; i < b->workflow_count; i++) {
    ml_workflow *w = workflow_named(r, b->workflows[i].name, true);

    if (w == NULL)
      return ML_NOMEM;
    w->no = b->workflows[i].no;
    w->bundle = b->workflows[i].bundle;
    w->flow = ml_run_flow(r, w->bundle, b->workflows[i].flow_index);
  }
  return ML_OK;
}

static void begin_end(beginning *b, const ml_err *e) {
  b->done(b->arg, b->rc, e);
  ml_arena_free(&b->arena);
  busy_end(b->r);
  ml_mem_free(b);
}

static void begin_people(ml_run *r, void *arg, ml_rc rc) {
  beginning *b = arg;
  ml_err e = {0};

  if (rc == ML_OK && r->conf.rule_count == 0)
    rc = rulebook_swap(r);
  b->rc = rc;
  if (rc != ML_OK)
    ml_err_set(&e, rc, "", "the store's small tables cannot be read");
  else if (!r->conf.still)
    triggers_swap(r);
  r->begun = rc == ML_OK;
  if (r->begun && !r->conf.still) {
    due_look(r);
    outbox_kick(r);
    search_look(r);
    ml_run_bulk_look(r);
    patrol_begin(r);
    forget_begin(r);
  }
  begin_end(b, &e);
}

static void begin_done(void *arg) {
  beginning *b = arg;
  ml_run *r = b->r;
  ml_err e = {0};

  for (size_t i = 0; b->rc == ML_OK && i < b->bundle_count; i++)
    b->rc = bundle_from_row(r, &b->bundles[i], &e);
  if (b->rc == ML_OK)
    quarantine_take(r, b->quarantines, b->quarantine_count);
  if (b->rc == ML_OK)
    b->rc = take_workflows(r, b);
  if (b->rc != ML_OK) {
    if (e.rc == ML_OK)
      ml_err_set(&e, b->rc, "", "the stored workflows cannot be read (%s)",
                 ml_rc_name(b->rc));
    begin_end(b, &e);
    return;
  }
  people_read(r, begin_people, b);
}

void ml_run_begin(ml_run *r, ml_run_done_fn *done, void *arg) {
  beginning *b = ml_mem_zero(sizeof *b);
  ml_err e = {0};

  mail_begin(r);
  if (b != NULL) {
    b->r = r;
    b->done = done;
    b->arg = arg;
    r->busy++;
    if (ml_run_read(r, begin_work, begin_done, b) == ML_OK)
      return;
    r->busy--;
    ml_mem_free(b);
  }
  ml_err_set(&e, ML_NOMEM, "", "memory is short");
  done(arg, ML_NOMEM, &e);
}

/* ---- looking ---- */

bool ml_run_idle(const ml_run *r) {
  return r->busy == 0 && r->proc_count == 0 && r->flights == 0 &&
         r->dirty == NULL && r->writing == NULL && r->grave == NULL &&
         !r->scanning && r->paused_ms == 0 && ml_store_pending(r->conf.store) == 0;
}

int64_t ml_run_next_due(const ml_run *r) {
  int64_t due = triggers_due((ml_run *)r, 0);

  if (r->next_due_ms > 0 && (due == 0 || r->next_due_ms < due))
    due = r->next_due_ms;
  if (r->outbox.due_ms > 0 && (due == 0 || r->outbox.due_ms < due))
    due = r->outbox.due_ms;
  if (r->paused_ms > 0 && (due == 0 || r->paused_ms < due))
    due = r->paused_ms;
  return due;
}

void ml_run_tick(ml_run *r) {
  due_look(r);
}

void ml_run_stats_get(const ml_run *r, ml_run_stats *out) {
  *out = r->stats;
  out->in_memory = r->proc_count;
  out->queued = r->proc_count;
  if (r->conf.http != NULL && r->conf.http->stats != NULL)
    r->conf.http->stats(r->conf.http, &out->http);
}

/* ---- leaving ---- */

static void drain_over(ml_run *r, ml_rc rc) {
  ml_run_done_fn *fn = r->drained;
  ml_err e = {0};

  r->drained = NULL;
  ml_loop_timer_stop(r->drain_timer);
  if (rc != ML_OK)
    ml_err_set(&e, rc, "", "%zu processes still had something under way; they "
               "go on at the next start", r->proc_count);
  fn(r->drained_arg, rc, &e);
}

static void look_drained(ml_run *r) {
  if (r->drained != NULL && ml_run_idle(r))
    drain_over(r, ML_OK);
}

static void drain_late(void *arg) {
  ml_run *r = arg;

  if (r->drained != NULL)
    drain_over(r, ML_TIMEOUT);
}

static void drain_first(void *arg) {
  look_drained(arg);
}

void ml_run_drain(ml_run *r, int64_t limit_ms, ml_run_done_fn *done,
                  void *arg) {
  r->draining = true;
  r->drained = done;
  r->drained_arg = arg;
  r->drain_timer = ml_loop_timer_new(r->conf.loop, drain_late, r);
  if (r->drain_timer == NULL) {
    drain_late(r);
    return;
  }
  ml_loop_timer_set(r->drain_timer, limit_ms);
  ml_loop_later(r->conf.loop, drain_first, r);
}

/* ---- Lua typed by an operator ---- */

typedef struct eval {
  ml_run *r;
  ml_run_hook_fn *fn;
  void *arg;
} eval;

static void evaluated(void *arg, ml_rc rc, const ml_answer *a) {
  eval *x = arg;
  ml_err e = {0};

  if (rc == ML_OK && a->end == ML_END_RETURNED) {
    x->fn(x->arg, ML_OK, &e, a->text);
  } else {
    if (rc == ML_OK)
      rc = ML_INVALID;
    ml_err_set(&e, rc, "", "%.*s", (int)(a->text.n > 400 ? 400 : a->text.n),
               a->text.p != NULL ? a->text.p : "");
    x->fn(x->arg, rc, &e, ML_NOSTR);
  }
  busy_end(x->r);
  ml_mem_free(x);
}

void ml_run_eval(ml_run *r, ml_str source, ml_str globals, ml_run_hook_fn *fn,
                 void *arg) {
  ml_source src = {ML_STR("line"), source};
  ml_ask q = {.kind = ML_ASK_EVAL, .sources = &src, .source_count = 1,
              .payload = globals, .key = ML_STR("repl"),
              .count_units = true};
  eval *x = ml_mem_zero(sizeof *x);
  ml_err e = {0};
  ml_rc rc = ML_NOMEM;

  q.now_ms = now_wall(r);
  q.owner = owner_operator(r);
  if (x != NULL) {
    x->r = r;
    x->fn = fn;
    x->arg = arg;
    rc = r->conf.script->ask(r->conf.script, &q, evaluated, x);
  }
  if (rc == ML_OK) {
    r->busy++;
    return;
  }
  ml_mem_free(x);
  ml_err_set(&e, rc, "", "it could not be asked (%s)", ml_rc_name(rc));
  fn(arg, rc, &e, ML_NOSTR);
}
