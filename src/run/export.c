/*
** export.c - one process after the other as JSON objects: itself, what
** happened, what its activities did under which keys, what waits.
**
** No value of a field and no answer of a peer is in it but what the history
** shows (sealed ones masked): who did what under which key is told by names,
** numbers and hashes.
*/
#include "run/export.h"

#include <string.h>

#include "base/text.h"
#include "run/inside.h"
#include "store/audit.h"

typedef struct exporter {
  ml_export *x;
  ml_read *r;
  ml_arena *arena;
  const ml_row_process *p;
  ml_row_workflow *workflows;
  size_t workflow_count;
  ml_buf b;
  ml_jw w;
  size_t bytes, records;
  bool starved;
} exporter;

/* ---- one object ---- */

static void put_id(exporter *e, const char *key, uint32_t no) {
  char id[ML_ID_MAX];

  ml_id_text(id, e->p->id, no);
  ml_jw_kstrz(&e->w, key, id);
}

static void begin(exporter *e, const char *kind) {
  ml_buf_reset(&e->b);
  ml_jw_init(&e->w, &e->b);
  ml_jw_obj(&e->w);
  ml_jw_kstrz(&e->w, "kind", kind);
  put_id(e, "process", 0);
}

static void end(exporter *e) {
  ml_jw_end(&e->w);
  if (e->b.bad) {
    e->starved = true;
    return;
  }
  e->bytes += e->b.len;
  e->x->item(e->x->to, (ml_str){e->b.p, e->b.len});
}

static void put_ms(exporter *e, const char *key, int64_t ms) {
  ml_jw_key(&e->w, key);
  if (ms > 0)
    ml_jw_int(&e->w, ms);
  else
    ml_jw_null(&e->w);
}

/* ---- kinds ---- */

static ml_str workflow_name(const exporter *e) {
  for (size_t i = 0; i < e->workflow_count; i++)
    if (e->workflows[i].no == e->p->workflow)
      return e->workflows[i].name;
  return ML_NOSTR;
}

static void put_process(exporter *e, const ml_audit_row *row) {
  const ml_row_process *p = e->p;

  begin(e, "process");
  ml_jw_kint(&e->w, "number", p->n);
  ml_jw_kstr(&e->w, "workflow", workflow_name(e));
  ml_jw_kstrz(&e->w, "status", row->odd == NULL ? ml_status_name(p->status)
                                                : "?");
  ml_jw_kstrz(&e->w, "run", row->odd == NULL ? ml_runs_name(p->run) : "?");
  ml_jw_kint(&e->w, "seq", (int64_t)p->seq);
  put_ms(e, "created", p->created_ms);
  put_ms(e, "completed", p->completed_ms);
  put_ms(e, "cancelled", p->cancelled_ms);
  ml_jw_kbool(&e->w, "deleted", p->deleted);
  ml_jw_key(&e->w, "parent");
  if (p->parent_n > 0)
    ml_jw_int(&e->w, p->parent_n);
  else
    ml_jw_null(&e->w);
  ml_jw_key(&e->w, "due");
  if (p->due != 0)
    ml_jw_int(&e->w, p->due < 0 ? -p->due : p->due);
  else
    ml_jw_null(&e->w);
  ml_jw_kbool(&e->w, "inFlight", p->due < 0);
  end(e);
}

static void put_transition(exporter *e, const ml_row_history *h) {
  begin(e, "transition");
  ml_jw_kint(&e->w, "seq", (int64_t)h->seq);
  ml_jw_kint(&e->w, "at", h->at_ms);
  ml_jw_kstrz(&e->w, "told", ml_told_name(h->told));
  ml_jw_key(&e->w, "no");
  if (h->no != 0)
    ml_jw_int(&e->w, h->no);
  else
    ml_jw_null(&e->w);
  ml_jw_kstr(&e->w, "name", h->name);
  ml_jw_kstr(&e->w, "who", h->who);
  ml_jw_kstr(&e->w, "text", h->text);
  ml_jw_key(&e->w, "data");
  ml_jw_raw(&e->w, h->data.n > 0 ? h->data : ML_NOSTR);
  end(e);
}

/* "status" of an HTTP answer as the journal keeps it. */
static void put_status(exporter *e, const ml_row_journal *j) {
  ml_jread in;
  ml_jtok t;
  int64_t status = 0;

  ml_jread_init(&in, j->answer.p != NULL ? j->answer.p : "", j->answer.n, NULL);
  if (ml_callk_http(j->kind))
    while ((t = ml_jread_next(&in)) != ML_JT_END && t != ML_JT_ERROR)
      if (t == ML_JT_KEY && in.depth == 1 && ml_str_is(in.str, "status")) {
        if (ml_jread_next(&in) == ML_JT_INT)
          status = in.i;
        break;
      }
  ml_jread_done(&in);
  ml_jw_key(&e->w, "status");
  if (status > 0)
    ml_jw_int(&e->w, status);
  else
    ml_jw_null(&e->w);
}

static void put_call(exporter *e, const ml_row_journal *j) {
  char id[ML_ID_MAX];
  ml_buf key = {0}, hash = {0};

  ml_id_text(id, e->p->id, j->act);
  ml_buf_printf(&key, "%s.%.*s", id, (int)j->call.n, j->call.p);
  ml_text_put_hex(&hash, j->hash, sizeof j->hash);
  if (key.bad || hash.bad)
    e->starved = true;
  begin(e, "call");
  ml_jw_kstrz(&e->w, "activity", id);
  ml_jw_kstr(&e->w, "key", (ml_str){key.p, key.len});
  ml_jw_kstrz(&e->w, "call", ml_callk_name(j->kind));
  ml_jw_kint(&e->w, "attempt", j->attempt);
  ml_jw_kint(&e->w, "place", j->place);
  ml_jw_kint(&e->w, "at", j->at_ms);
  ml_jw_kstr(&e->w, "request", (ml_str){hash.p, hash.len});
  put_status(e, j);
  end(e);
  ml_buf_free(&key);
  ml_buf_free(&hash);
}

static void put_task(exporter *e, const ml_row_task *t) {
  begin(e, "task");
  put_id(e, "task", t->no);
  put_id(e, "activity", t->act);
  ml_jw_kstr(&e->w, "label", t->label);
  ml_jw_kstrz(&e->w, "status", ml_tasks_name(t->status));
  ml_jw_kstr(&e->w, "assignee", t->assignee);
  ml_jw_kstr(&e->w, "outcome", t->outcome);
  put_ms(e, "created", t->created_ms);
  put_ms(e, "due", t->due_ms);
  put_ms(e, "ended", t->ended_ms);
  end(e);
}

static void put_signal(exporter *e, const ml_row_mail *m) {
  begin(e, "signal");
  ml_jw_kint(&e->w, "no", m->no);
  ml_jw_kint(&e->w, "at", m->at_ms);
  ml_jw_kstr(&e->w, "name", m->name);
  ml_jw_key(&e->w, "data");
  ml_jw_raw(&e->w, m->data.n > 0 ? m->data : ML_NOSTR);
  end(e);
}

static void put_timer(exporter *e, const char *of, uint32_t no, const char *what,
                      int64_t ms) {
  if (ms <= 0)
    return;
  begin(e, "timer");
  put_id(e, of, no);
  ml_jw_kstrz(&e->w, "what", what);
  ml_jw_kint(&e->w, "due", ms);
  end(e);
}

static void put_attempt(exporter *e, const ml_act *a, const ml_flow *f) {
  begin(e, "activity");
  put_id(e, "activity", a->no);
  ml_jw_kstr(&e->w, "label", f->activities[a->def].label);
  ml_jw_kstrz(&e->w, "status", ml_acts_name(a->status));
  ml_jw_kstrz(&e->w, "waits", ml_wait_name(a->wait));
  ml_jw_kint(&e->w, "attempt", a->attempt);
  ml_jw_kbool(&e->w, "aside", a->aside);
  put_ms(e, "began", a->began_ms);
  ml_jw_kstr(&e->w, "open", a->call);
  ml_jw_kstr(&e->w, "message", a->message);
  end(e);
}

/* What is packed: the activities of the current phases, and what is timed. */
static ml_rc put_state(exporter *e) {
  const ml_flow *f = e->x->flow != NULL
                         ? e->x->flow(e->x->arg, e->p->bundle, e->p->flow_index)
                         : NULL;
  ml_rc rc = ML_OK;
  ml_process *p = f != NULL ? process_of_row(f, e->p, &rc) : NULL;

  if (p == NULL)
    return rc == ML_NOMEM ? rc : ML_OK;
  for (uint32_t i = 0; i < p->act_count; i++) {
    const ml_act *a = &p->acts[i];

    put_attempt(e, a, f);
    put_timer(e, "activity", a->no, ml_wait_name(a->wait), a->due_ms);
    put_timer(e, "activity", a->no, "timeout", a->limit_ms);
    put_timer(e, "activity", a->no, "give_up", a->give_up_ms);
  }
  for (uint32_t i = 0; i < p->task_count; i++) {
    put_timer(e, "task", p->tasks[i].no, "due", p->tasks[i].due_ms);
    put_timer(e, "task", p->tasks[i].no, "remind", p->tasks[i].remind_ms);
    put_timer(e, "task", p->tasks[i].no, "escalate", p->tasks[i].escalate_ms);
  }
  ml_process_free(p);
  return ML_OK;
}

/* ---- a process ---- */

static bool is_full(const exporter *e) {
  return e->records >= ML_EXPORT_RECORDS || e->bytes >= ML_EXPORT_BYTES;
}

/* *ended: all its records are out. */
static ml_rc put_history(exporter *e, bool *ended) {
  enum { CHUNK = 200 };
  ml_export_at *at = &e->x->at;

  *ended = false;
  while (!*ended && !is_full(e)) {
    ml_row_history *h;
    size_t count;
    ml_rc rc = ml_read_history(e->r, e->arena, e->p->n, at->seq, CHUNK, &h,
                               &count);

    if (rc != ML_OK)
      return rc;
    for (size_t i = 0; i < count; i++) {
      put_transition(e, &h[i]);
      if (h[i].seq > at->seq)
        at->seq = h[i].seq;
    }
    e->records += count;
    *ended = count < CHUNK;
  }
  return ML_OK;
}

static ml_rc put_rest(exporter *e) {
  ml_row_journal *calls;
  ml_row_task *tasks;
  ml_row_mail *mails;
  size_t n;
  ml_rc rc = ml_read_journal(e->r, e->arena, e->p->n, 0, &calls, &n);

  for (size_t i = 0; rc == ML_OK && i < n; i++)
    put_call(e, &calls[i]);
  if (rc == ML_OK)
    rc = ml_read_tasks_of(e->r, e->arena, e->p->n, &tasks, &n);
  for (size_t i = 0; rc == ML_OK && i < n; i++)
    put_task(e, &tasks[i]);
  if (rc == ML_OK)
    rc = ml_read_mail(e->r, e->arena, e->p->n, &mails, &n);
  for (size_t i = 0; rc == ML_OK && i < n; i++)
    put_signal(e, &mails[i]);
  return rc == ML_OK ? put_state(e) : rc;
}

static ml_rc put_one(exporter *e, const ml_audit_row *row, bool *ended) {
  ml_rc rc;

  e->p = &row->p;
  if (e->x->at.seq == 0)
    put_process(e, row);
  rc = put_history(e, ended);
  if (rc == ML_OK && *ended)
    rc = put_rest(e);
  e->records++;                  /* one without a history counts too */
  return rc;
}

ml_rc ml_export_piece(ml_export *x, ml_read *r, ml_arena *arena) {
  exporter e = {.x = x, .r = r, .arena = arena};
  ml_audit_row *rows;
  size_t count, i;
  bool ended = true;
  ml_rc rc = ml_read_workflows(r, arena, &e.workflows, &e.workflow_count);

  if (rc == ML_OK)
    rc = ml_read_audit(r, arena, x->at.n, ML_EXPORT_ROWS, &rows, &count);
  for (i = 0; rc == ML_OK && i < count && !is_full(&e); i++) {
    rc = put_one(&e, &rows[i], &ended);
    if (rc != ML_OK || !ended)
      break;
    x->at = (ml_export_at){rows[i].p.n, 0};
  }
  x->over = rc == ML_OK && i == count && count < ML_EXPORT_ROWS;
  ml_buf_free(&e.b);
  return e.starved ? ML_NOMEM : rc;
}
