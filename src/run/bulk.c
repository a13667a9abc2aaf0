/*
** bulk.c - jobs of many entries are worked off a piece at a time, in order.
**
** The entries of a piece are inputs like any other; an entry that was taken has
** its SUCCESS in the commit of what it did (put_load), one that was refused gets
** its end in a commit of its own.  The next piece is read when all of this one
** are on disk, so other work goes on between, and whatever a crash leaves
** NOT_STARTED is surely not done.
*/
#include <string.h>

#include "model/field.h"
#include "run/inside.h"
#include "store/bulk.h"
#include "store/keys.h"

enum {
  BULK_PIECE = 50,               /* entries under way at once */
  BULK_PAUSE_MS = 1000           /* after one that could not be done now */
};

typedef struct item {
  struct piece *piece;
  ml_row_entry row;
  ml_json *body;                 /* NULL: no JSON */
  uint8_t id[16];
  int64_t n;                     /* update: the process; 0: not found */
  uint32_t bundle;               /* whose scripts may be asked */
  ml_err e;                      /* why it was not */
} item;

typedef struct in_force {        /* what the reader's thread may look at */
  uint32_t workflow;
  const ml_flow *flow;           /* never changes */
} in_force;

typedef struct piece {
  ml_run *r;
  ml_arena arena;
  ml_row_job job;
  in_force *flows;
  size_t flow_count;
  item *items;
  size_t count, left;
  bool pause;
  ml_rc rc;
} piece;

void ml_run_bulk_reader(ml_run *r, ml_run_entry_fn *fn, void *arg) {
  r->bulk.read = fn;
  r->bulk.arg = arg;
}

static void piece_free(piece *p) {
  ml_arena_free(&p->arena);
  ml_mem_free(p);
}

static void bulk_late(void *run) {
  ml_run_bulk_look(run);
}

/* Over: on with the next one, at once or after a while. */
static void piece_end(piece *p) {
  ml_run *r = p->r;
  bool pause = p->pause;

  piece_free(p);
  r->bulk.busy = false;
  if (r->stopped || r->draining)
    return;
  if (!pause) {
    ml_run_bulk_look(r);
    return;
  }
  if (r->bulk.timer == NULL)
    r->bulk.timer = ml_loop_timer_new(r->conf.loop, bulk_late, r);
  if (r->bulk.timer != NULL)
    ml_loop_timer_set(r->bulk.timer, BULK_PAUSE_MS);
}

static void item_over(piece *p) {
  if (--p->left == 0)
    piece_end(p);
}

/* ---- ends ---- */

static void fill_end(void *arg, ml_batch *b) {
  const item *it = arg;

  ml_batch_entry_end(b, &it->row);
}

static void end_written(void *arg, ml_rc rc, const ml_err *e) {
  item *it = arg;

  (void)e;
  it->piece->pause = it->piece->pause || rc != ML_OK;
  item_over(it->piece);
}

/* Not of the entry but of the moment: it stays NOT_STARTED. */
static bool may_do_later(ml_rc rc) {
  return rc == ML_AGAIN || rc == ML_FULL || rc == ML_IO || rc == ML_NOMEM ||
         rc == ML_UNKNOWN || rc == ML_TIMEOUT || rc == ML_STALE;
}

static void refused(item *it, ml_rc rc, const ml_err *e) {
  bool starved = false;
  char *why = ml_arena_printf(&it->piece->arena, "%s%s%s",
                              e->at[0] != '\0' ? e->at : "",
                              e->at[0] != '\0' ? ": " : "", e->text);

  it->row.status = rc == ML_INVALID || rc == ML_NOT_FOUND ||
                           rc == ML_CONFLICT || rc == ML_REFUSED ||
                           rc == ML_LIMIT || rc == ML_EXISTS
                       ? ML_ENTRY_INVALID : ML_ENTRY_ERROR;
  it->row.n = it->piece->job.kind == ML_JOB_UPDATE ? it->n : 0;
  it->row.why = why != NULL ? ml_str_of(why)
                            : arena_str(&it->piece->arena,
                                        ml_str_of(ml_rc_name(rc)), &starved);
  write_quietly(it->piece->r, fill_end, end_written, it);
}

static void done(void *arg, ml_rc rc, const ml_err *e, int status,
                 const ml_buf *out, bool replayed) {
  item *it = arg;
  ml_err none = {0};
  /* in quarantine it would hold up the jobs behind it: it ends, and says why */
  bool held = rc == ML_AGAIN && !it->piece->r->draining
              && ml_run_quarantined(it->piece->r, it->bundle) != 0;

  (void)status;
  (void)out;
  (void)replayed;
  if (rc == ML_OK || (may_do_later(rc) && !held)) {
    it->piece->pause = it->piece->pause || rc != ML_OK;
    item_over(it->piece);
    return;
  }
  refused(it, rc, e != NULL ? e : &none);
}

/* ---- beginning ---- */

static void begin(item *it, const ml_workflow *wf) {
  piece *p = it->piece;
  ml_run *r = p->r;
  ml_input *in = ml_input_new();
  bool starved = false;
  ml_err e = {0};
  ml_json *body;
  ml_rc rc = ML_OK;

  if (in == NULL) {
    done(it, ML_NOMEM, NULL, 0, NULL, false);
    return;
  }
  in->job = it->row.job;
  in->job_entry = it->row.no;
  in->if_seq = -1;
  in->done = done;
  in->arg = it;
  in->ev.actor.who = arena_str(&in->arena, p->job.who, &starved);
  in->ev.actor.operator_ = true;
  in->team = in->ev.object.team = arena_str(&in->arena, p->job.team, &starved);
  if (wf == NULL || wf->flow == NULL)
    rc = ml_err_set(&e, ML_INVALID, "", "its workflow is not in force");
  if (rc == ML_OK)               /* its texts live as long as the input */
    rc = ml_json_parse(&in->arena, it->row.body.p, it->row.body.n, NULL, &body,
                       &e);
  if (rc == ML_OK && p->job.kind == ML_JOB_CREATE) {
    in->ev.kind = ML_EV_STARTED;
    in->workflow = arena_str(&in->arena, wf->name, &starved);
    it->bundle = wf->bundle;
  } else if (rc == ML_OK) {
    in->ev.kind = ML_EV_EDITED;
    in->n = it->n;
    memcpy(in->id, it->id, sizeof in->id);
  }
  if (rc == ML_OK)
    rc = r->bulk.read(r->bulk.arg, in, wf->flow, p->job.kind, body, &e);
  if (rc == ML_OK && p->job.kind == ML_JOB_UPDATE && it->n == 0) {
    e = it->e;
    rc = e.rc;
  }
  if (rc == ML_OK && starved)
    rc = ML_NOMEM;
  if (rc == ML_OK) {
    ml_run_put(r, in);
    return;
  }
  ml_input_free(in);
  done(it, rc, &e, 0, NULL, false);
}

static void fill_done(void *arg, ml_batch *b) {
  const piece *p = arg;

  ml_batch_job_done(b, p->job.no, now_wall(p->r));
}

static void done_written(void *arg, ml_rc rc, const ml_err *e) {
  piece *p = arg;

  (void)e;
  p->pause = rc != ML_OK;
  piece_end(p);
}

static void looked(void *arg) {
  piece *p = arg;
  ml_run *r = p->r;
  const ml_workflow *wf;

  r->busy--;
  if (p->rc != ML_OK || r->stopped || r->draining) {
    p->pause = p->rc != ML_NOT_FOUND;
    if (p->rc == ML_NOT_FOUND && !r->bulk.again) {
      r->bulk.busy = false;      /* no job is open */
      piece_free(p);
      return;
    }
    piece_end(p);
    return;
  }
  if (p->count == 0) {
    write_quietly(r, fill_done, done_written, p);
    return;
  }
  wf = ml_run_workflow_no(r, p->job.workflow);
  p->left = p->count + 1;
  for (size_t i = 0; i < p->count; i++)
    begin(&p->items[i], wf);
  item_over(p);
}

/* ---- which process an update is about: on the reader ---- */

static void not_found(item *it, ml_rc rc, const char *at, const char *why) {
  ml_err_set(&it->e, rc, at, "%s", why);
}

/* {"lead_id": "LEAD-910"}: the value as its field holds it.  false: told. */
static bool key_of(piece *p, const ml_flow *f, item *it, ml_buf *out) {
  const ml_json *key = ml_json_get(it->body, "key");
  const ml_field *field = f != NULL && f->primary_key >= 0
                              ? &f->fields[f->primary_key] : NULL;
  ml_buf value = {0};
  ml_err e = {0};
  ml_rc rc;

  if (field == NULL) {
    not_found(it, ML_INVALID, "/key", "this workflow has no primary key");
    return false;
  }
  if (key->type != ML_JOBJ || key->count != 1 ||
      ml_flow_field(f, key->obj[0].key) != f->primary_key) {
    ml_err_set(&it->e, ML_INVALID, "/key", "one member is wanted: the primary key"
               ", which is '%.*s'", (int)field->short_id.n, field->short_id.p);
    return false;
  }
  rc = ml_field_check(field, &key->obj[0].value, "/key", &value, &e);
  if (rc == ML_OK && (value.bad || value.len == 0))
    rc = value.bad ? ML_NOMEM : ml_err_set(&e, ML_INVALID, "/key",
                                           "a value is wanted");
  if (rc == ML_OK)
    ml_object_key(out, p->job.team, (ml_str){value.p, value.len});
  else
    it->e = e;
  ml_buf_free(&value);
  return rc == ML_OK;
}

/* As the keys are when its piece begins. */
static ml_rc find_by_key(piece *p, ml_read *rd, item *it, int64_t *n) {
  const ml_flow *f = NULL;
  ml_buf key = {0};
  bool complete = false;
  ml_str field;
  ml_rc rc;

  for (size_t i = 0; i < p->flow_count; i++)
    if (p->flows[i].workflow == p->job.workflow)
      f = p->flows[i].flow;
  if (!key_of(p, f, it, &key)) {
    ml_buf_free(&key);
    return it->e.rc == ML_NOMEM ? ML_NOMEM : ML_NOT_FOUND;
  }
  field = f->fields[f->primary_key].id;
  rc = key.bad ? ML_NOMEM
               : ml_read_unique(rd, p->job.workflow, field,
                                (ml_str){key.p, key.len}, n);
  ml_buf_free(&key);
  if (rc != ML_NOT_FOUND)
    return rc;
  rc = ml_read_key_complete(rd, p->job.workflow, field, &complete);
  if (rc != ML_OK)
    return rc;
  not_found(it, complete ? ML_NOT_FOUND : ML_AGAIN, "/key", complete
            ? "there is no process with this key"
            : "the keys of older processes are being filled in");
  return ML_NOT_FOUND;
}

static ml_rc find_process(piece *p, ml_read *rd, item *it) {
  ml_str text = ml_json_str(it->body, "id");
  bool by_key = ml_json_get(it->body, "key") != NULL;
  ml_row_process row;
  uint32_t no;
  int64_t n = 0;
  ml_rc rc = ML_OK;

  if (p->job.kind != ML_JOB_UPDATE)
    return ML_OK;
  not_found(it, ML_NOT_FOUND, by_key ? "/key" : "/id",
            "there is no such process in this workflow");
  if (by_key)
    rc = find_by_key(p, rd, it, &n);
  else if (ml_id_of(text, it->id, &no) && no == 0)
    n = ml_process_id_n(it->id);
  if (rc == ML_OK)
    rc = n > 0 ? ml_read_process(rd, &p->arena, n, &row) : ML_NOT_FOUND;
  if (rc == ML_OK && row.workflow == p->job.workflow &&
      (by_key || memcmp(row.id, it->id, sizeof it->id) == 0)) {
    memcpy(it->id, row.id, sizeof it->id);
    it->n = n;
    it->bundle = row.bundle;
  }
  return rc == ML_NOT_FOUND ? ML_OK : rc;
}

static void work(void *arg, ml_read *rd) {
  piece *p = arg;
  ml_row_entry *rows;

  p->rc = ml_read_job_open(rd, &p->arena, &p->job);
  if (p->rc == ML_OK)
    p->rc = ml_read_entries(rd, &p->arena, p->job.no, ML_ENTRY_NOT_STARTED, 0,
                            BULK_PIECE, &rows, &p->count);
  if (p->rc != ML_OK)
    return;
  p->items = ml_arena_zero(&p->arena, (p->count + 1) * sizeof *p->items);
  if (p->items == NULL)
    p->rc = ML_NOMEM;
  for (size_t i = 0; i < p->count && p->rc == ML_OK; i++) {
    item *it = &p->items[i];

    it->piece = p;
    it->row = rows[i];
    p->rc = ml_json_parse(&p->arena, it->row.body.p, it->row.body.n, NULL,
                          &it->body, NULL);
    if (p->rc != ML_NOMEM)
      p->rc = find_process(p, rd, it);
  }
}

void ml_run_bulk_look(ml_run *r) {
  piece *p;

  if (!r->begun || r->stopped || r->draining || r->bulk.read == NULL)
    return;
  if (r->bulk.busy) {
    r->bulk.again = true;
    return;
  }
  r->bulk.again = false;
  p = ml_mem_zero(sizeof *p);
  if (p == NULL)
    return;                      /* the next job or start looks again */
  p->r = r;
  p->flows = ml_arena_zero(&p->arena,
                           (r->workflow_count + 1) * sizeof *p->flows);
  if (p->flows == NULL) {
    piece_free(p);
    return;
  }
  for (size_t i = 0; i < r->workflow_count; i++)
    p->flows[p->flow_count++] = (in_force){r->workflows[i].no,
                                           r->workflows[i].flow};
  r->bulk.busy = true;
  r->busy++;
  if (ml_run_read(r, work, looked, p) == ML_OK)
    return;
  r->busy--;
  r->bulk.busy = false;
  piece_free(p);
}

void bulk_put(ml_batch *b, const ml_input *in, int64_t n) {
  ml_row_entry row = {.job = in->job, .no = in->job_entry,
                      .status = ML_ENTRY_SUCCESS, .n = n};

  if (in->job != 0 && in->refusal.rc == ML_OK)
    ml_batch_entry_end(b, &row);
}
