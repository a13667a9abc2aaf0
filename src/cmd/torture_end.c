/*
** torture_end.c - where a world has come to: w:ends().
**
** Held against each other are, of a run with a fault and one without:
**   processes     in the order of their numbers: workflow, status, run, state,
**                 subject, message, assigned_to, fields, the phases they stand
**                 in, live activities (label, status, outcome, message), tasks
**                 (label, status, outcome, assignee), comments
**   effects       what was asked of peers but to read: method, URL, key, body;
**                 each once, however often it was repeated
**   mails         to whom, what about, the text
**   transactions  type, tenant, state, rule, message, process
** Left out is what may rightly differ: moments, attempts, the length of
** histories, requests that only read, the order of effects.  Ids and numbers of
** processes and transactions are drawn, and numbers may have gaps: they stand as
** <1>, <2> in their order, wherever an id is written, or a process's number
** behind '#' or with a zero in front.  So do comments' numbers in what partners
** are told.
*/
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/test_op.h"
#include "run/transact.h"

enum { ROWS_MAX = 1000 };

typedef struct drawn {           /* ids, in the order of their numbers */
  char (*list)[ML_ID_MAX];
  size_t count;
  const ml_row_process *processes;         /* the first of them */
  size_t process_count;
} drawn;

typedef struct rows {            /* of one process, or of all */
  ml_op *o;
  const drawn *ids;
  int64_t n;
  ml_rc rc;
  ml_row_task *tasks;              size_t task_count;
  ml_row_comment *comments;        size_t comment_count;
  ml_row_post *posts;              size_t post_count;
  ml_row_transaction *transactions; size_t transaction_count;
} rows;

static void work_process(void *arg, ml_read *rd) {
  rows *r = arg;

  r->rc = ml_read_tasks_of(rd, r->o->a, r->n, &r->tasks, &r->task_count);
  if (r->rc == ML_OK)
    r->rc = ml_read_comments(rd, r->o->a, r->n, 0, ROWS_MAX, &r->comments,
                             &r->comment_count);
}

static void work_world(void *arg, ml_read *rd) {
  rows *r = arg;
  ml_find_transaction all = {.state = -1, .limit = ROWS_MAX};

  r->rc = ml_read_posts(rd, r->o->a, true, 0, ROWS_MAX, &r->posts,
                        &r->post_count);
  if (r->rc == ML_OK)
    r->rc = ml_read_transactions(rd, r->o->a, &all, &r->transactions,
                                 &r->transaction_count);
}

/* ---- lists without an order ---- */

static size_t id_at(const drawn *ids, const char *p, const char *end,
                    size_t *which) {
  for (*which = 0; *which < ids->count; ++*which) {
    size_t n = strlen(ids->list[*which]);

    if ((size_t)(end - p) >= n && memcmp(p, ids->list[*which], n) == 0)
      return n;
  }
  return 0;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* A process's number, not somebody's 7: "#7" or "000007". */
static size_t number_at(const drawn *ids, const char *text, const char *p,
                        const char *end, size_t *which) {
  size_t n = 0;
  int64_t value = 0;

  while (p + n < end && is_digit(p[n]) && n < 18)
    value = value * 10 + (p[n++] - '0');
  if (n == 0 || (p > text && is_digit(p[-1])) ||
      !(p[0] == '0' || (p > text && p[-1] == '#')))
    return 0;
  for (*which = 0; *which < ids->process_count; ++*which)
    if (ids->processes[*which].n == value)
      return n;
  return 0;
}

/* What is drawn, as its place among its like; none: starved. */
static ml_str without_ids(ml_op *o, const drawn *ids, ml_str text) {
  ml_buf b = {0};
  const char *p = text.p, *end = ml_str_end(text);
  ml_str out;

  while (p < end) {
    size_t which = 0, n = id_at(ids, p, end, &which);

    if (n == 0)
      n = number_at(ids, text.p, p, end, &which);
    if (n > 0) {
      ml_buf_printf(&b, "<%zu>", which + 1);
      p += n;
    } else {
      ml_buf_putc(&b, *p++);
    }
  }
  out = (ml_str){b.bad ? NULL : ml_arena_dup(o->a, b.p != NULL ? b.p : "",
                                             b.len), b.len};
  ml_buf_free(&b);
  return out;
}

typedef struct texts {
  ml_str *list;
  size_t count;
} texts;

static bool make_texts(ml_op *o, texts *t, size_t most) {
  t->list = ml_arena_alloc(o->a, sizeof *t->list * (most + 1));
  t->count = 0;
  return t->list != NULL;
}

static bool add_text(const rows *r, texts *t, ml_str text) {
  ml_str kept = without_ids(r->o, r->ids, text);

  t->list[t->count] = kept;
  t->count += kept.p != NULL;
  return kept.p != NULL;
}

static int by_bytes(const void *a, const void *b) {
  const ml_str *x = a, *y = b;
  int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

  return c != 0 ? c : x->n < y->n ? -1 : x->n > y->n;
}

/* Each once when `once`; JSON values when `raw`. */
static void put_texts(ml_jw *w, const char *key, texts *t, bool once,
                      bool raw) {
  if (t->count > 0)
    qsort(t->list, t->count, sizeof *t->list, by_bytes);
  ml_jw_key(w, key);
  ml_jw_arr(w);
  for (size_t i = 0; i < t->count; i++) {
    if (once && i > 0 && ml_str_eq(t->list[i], t->list[i - 1]))
      continue;
    if (raw)
      ml_jw_raw(w, t->list[i]);
    else
      ml_jw_str(w, t->list[i]);
  }
  ml_jw_end(w);
}

/* What was written into b is the next text. */
static bool keep_text(const rows *r, texts *t, ml_buf *b) {
  bool ok = !b->bad && add_text(r, t, (ml_str){b->p, b->len});

  ml_buf_free(b);
  return ok;
}

/* ---- a process ---- */

static bool put_tasks(ml_jw *w, const rows *r) {
  texts t;

  if (!make_texts(r->o, &t, r->task_count))
    return false;
  for (size_t i = 0; i < r->task_count; i++) {
    const ml_row_task *row = &r->tasks[i];
    ml_buf b = {0};
    ml_jw one;

    ml_jw_init(&one, &b);
    ml_jw_obj(&one);
    ml_jw_kstr(&one, "label", row->label);
    ml_jw_kstrz(&one, "status", ml_tasks_name(row->status));
    ml_jw_kstr(&one, "outcome", row->outcome);
    ml_jw_kstr(&one, "assignee", row->assignee);
    ml_jw_end(&one);
    if (!keep_text(r, &t, &b))
      return false;
  }
  put_texts(w, "tasks", &t, false, true);
  return true;
}

static bool put_acts(ml_jw *w, const rows *r, const ml_op_state *s) {
  texts t;

  if (!make_texts(r->o, &t, s->p->act_count))
    return false;
  for (uint32_t i = 0; i < s->p->act_count; i++) {
    const ml_act *a = &s->p->acts[i];
    ml_buf b = {0};
    ml_jw one;

    if (a->aside)
      continue;
    ml_jw_init(&one, &b);
    ml_jw_obj(&one);
    ml_jw_kstr(&one, "label", s->f->activities[a->def].label);
    ml_jw_kstrz(&one, "status", ml_acts_name(a->status));
    ml_jw_kstr(&one, "outcome", a->outcome);
    ml_jw_kstr(&one, "message", a->message);
    ml_jw_end(&one);
    if (!keep_text(r, &t, &b))
      return false;
  }
  put_texts(w, "activities", &t, false, true);
  return true;
}

static bool put_comments(ml_jw *w, const rows *r) {
  texts t;

  if (!make_texts(r->o, &t, r->comment_count))
    return false;
  for (size_t i = 0; i < r->comment_count; i++) {
    const ml_row_comment *c = &r->comments[i];
    ml_buf b = {0};
    ml_jw one;

    ml_jw_init(&one, &b);
    ml_jw_obj(&one);
    ml_jw_kstr(&one, "who", c->who);
    ml_jw_kstr(&one, "text", c->text);
    ml_jw_kstr(&one, "visibility", c->visibility);
    ml_jw_end(&one);
    if (!keep_text(r, &t, &b))
      return false;
  }
  put_texts(w, "comments", &t, false, true);
  return true;
}

static void put_fields(ml_jw *w, const ml_op_state *s) {
  ml_jw_key(w, "data");
  ml_jw_obj(w);
  for (uint16_t i = 0; i < s->f->field_count; i++)
    if (s->p->data[i].p != NULL) {
      ml_jw_keyn(w, s->f->fields[i].short_id);
      ml_jw_raw(w, s->p->data[i]);
    }
  ml_jw_end(w);
}

static void put_phases(ml_jw *w, const ml_op_state *s) {
  ml_jw_key(w, "phases");
  ml_jw_arr(w);
  for (uint32_t i = 0; i < s->p->strand_count; i++)
    if (!s->p->strands[i].ended)
      ml_jw_str(w, s->f->phases[s->p->strands[i].phase].name);
  ml_jw_end(w);
}

static ml_rc put_process(ml_op *o, ml_jw *w, const drawn *ids, int64_t n) {
  rows r = {.o = o, .ids = ids, .n = n, .rc = ML_IO};
  ml_op_state s = {0};
  bool ok;
  ml_rc rc = ml_world_read(o->w, work_process, &r);

  if (rc == ML_OK)
    rc = r.rc;
  if (rc != ML_OK)
    return ml_err_set(&o->e, rc, "", "a process cannot be read");
  rc = ml_op_read(o, n, &s);
  if (rc != ML_OK)
    return rc;
  ml_jw_obj(w);
  ml_jw_kstr(w, "workflow", s.f->name);
  ml_jw_kstrz(w, "status", ml_status_name(s.p->status));
  ml_jw_kstrz(w, "run", ml_runs_name(s.p->run));
  ml_jw_kstr(w, "state", s.p->state);
  ml_jw_kstr(w, "subject", s.p->subject);
  ml_jw_kstr(w, "message", s.p->message);
  ml_jw_kstr(w, "assignedTo", s.p->assigned_to);
  put_fields(w, &s);
  put_phases(w, &s);
  ok = put_acts(w, &r, &s) && put_tasks(w, &r) && put_comments(w, &r);
  ml_jw_end(w);
  ml_process_free(s.p);
  return ok ? ML_OK : ml_op_starved(o);
}

/* ---- the world ---- */

static ml_rc put_mails(ml_jw *w, const rows *r) {
  texts t;

  if (!make_texts(r->o, &t, r->post_count))
    return ml_op_starved(r->o);
  for (size_t i = 0; i < r->post_count; i++)
    if (r->posts[i].kind == ML_POST_MAIL &&
        !add_text(r, &t, r->posts[i].body))
      return ml_op_starved(r->o);
  put_texts(w, "mails", &t, false, true);
  return ML_OK;
}

static void put_transactions(ml_jw *w, const rows *r) {
  ml_jw_key(w, "transactions");
  ml_jw_arr(w);
  for (size_t i = r->transaction_count; i-- > 0;) {
    const ml_row_transaction *t = &r->transactions[i];

    ml_jw_obj(w);
    ml_jw_kstr(w, "type", t->type);
    ml_jw_kstr(w, "tenant", t->tenant);
    ml_jw_kstrz(w, "state", ml_txs_name(t->state));
    ml_jw_kstr(w, "rule", t->rule);
    ml_jw_kstr(w, "message", t->message);
    ml_jw_kbool(w, "matched", t->process_n != 0);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

static ml_rc put_effects(ml_jw *w, const rows *r) {
  ml_op *o = r->o;
  ml_buf b = {0};
  ml_json *v = NULL;
  texts t = {0};
  ml_jw list;
  ml_rc rc;

  ml_jw_init(&list, &b);
  ml_fake_effects(o->w->fake, &list);
  rc = b.bad ? ML_NOMEM : ml_json_parse(o->a, b.p, b.len, NULL, &v, &o->e);
  ml_buf_free(&b);
  if (rc != ML_OK)
    return rc;
  if (!make_texts(o, &t, v->count))
    return ml_op_starved(o);
  for (uint32_t i = 0; i < v->count; i++)
    if (!add_text(r, &t, v->arr[i].s))
      return ml_op_starved(o);
  put_texts(w, "effects", &t, true, false);
  return ML_OK;
}

static ml_rc write_world(ml_op *o, ml_jw *w, const ml_row_process *list,
                         size_t count, const rows *r) {
  ml_rc rc = ML_OK;

  ml_jw_obj(w);
  ml_jw_key(w, "processes");
  ml_jw_arr(w);
  for (size_t i = 0; rc == ML_OK && i < count; i++)
    rc = put_process(o, w, r->ids, list[i].n);
  ml_jw_end(w);
  if (rc == ML_OK)
    rc = put_effects(w, r);
  if (rc == ML_OK)
    rc = put_mails(w, r);
  if (rc == ML_OK)
    put_transactions(w, r);
  ml_jw_end(w);
  return rc;
}

static bool draw(drawn *ids, const rows *r, const ml_row_process *list,
                 size_t count) {
  ids->list = ml_arena_alloc(r->o->a, sizeof *ids->list *
                                      (count + r->transaction_count + 1));
  ids->processes = list;
  ids->process_count = count;
  if (ids->list == NULL)
    return false;
  for (size_t i = 0; i < count; i++)
    ml_id_text(ids->list[ids->count++], list[i].id, 0);
  for (size_t i = r->transaction_count; i-- > 0;)
    ml_id_text(ids->list[ids->count++], r->transactions[i].id, 0);
  return true;
}

/* w:ends(): where everything has come to, as it is compared under torture */
ml_rc ml_op_ends(ml_op *o) {
  ml_row_process *list;
  size_t count;
  drawn ids = {0};
  rows r = {.o = o, .ids = &ids, .rc = ML_IO};
  ml_str text = ML_NOSTR;
  ml_buf b = {0};
  ml_jw w;
  ml_rc rc = ml_op_read_all(o, &list, &count);

  if (rc == ML_OK)
    rc = ml_world_read(o->w, work_world, &r);
  if (rc == ML_OK)
    rc = r.rc;
  if (rc == ML_OK && !draw(&ids, &r, list, count))
    rc = ml_op_starved(o);
  if (rc != ML_OK)
    return rc;
  ml_jw_init(&w, &b);
  rc = write_world(o, &w, list, count, &r);
  if (rc == ML_OK && !b.bad)
    text = without_ids(o, &ids, (ml_str){b.p, b.len});
  if (rc == ML_OK && text.p == NULL)
    rc = ml_op_starved(o);
  if (rc == ML_OK)
    ml_jw_raw(o->out, text);
  ml_buf_free(&b);
  return rc;
}
