/* test_emit.c - operations on transactions: emit one, look at them. */
#include <string.h>

#include "cmd/test_op.h"
#include "cmd/torture_world.h"
#include "run/transact.h"

static void emitted(void *arg, ml_rc rc, const ml_err *e, const uint8_t id[16],
                    bool replayed) {
  ml_came *c = arg;
  char *text = ml_arena_alloc(&c->w->arena, ML_ID_MAX);

  (void)replayed;
  if (text != NULL)
    ml_id_text(text, id, 0);
  ml_world_hooked(arg, text != NULL ? rc : ML_NOMEM, e, ml_str_of(text));
}

typedef struct reading {
  ml_arena *a;
  int64_t n;                     /* 0: all */
  ml_row_transaction *rows;
  size_t count;
  ml_rc rc;
} reading;

static void read_work(void *arg, ml_read *r) {
  reading *x = arg;
  ml_find_transaction all = {.state = -1, .limit = 1000};

  if (x->n == 0) {
    x->rc = ml_read_transactions(r, x->a, &all, &x->rows, &x->count);
    return;
  }
  x->rows = ml_arena_zero(x->a, sizeof *x->rows);
  x->count = 1;
  x->rc = x->rows != NULL ? ml_read_transaction(r, x->a, x->n, x->rows)
                          : ML_NOMEM;
}

static void read_id(void *arg, ml_read *r) {
  reading *x = arg;
  ml_row_process p;

  x->rc = ml_read_process(r, x->a, x->n, &p);
  if (x->rc == ML_OK) {
    x->rows = ml_arena_zero(x->a, sizeof *x->rows);
    if (x->rows == NULL)
      x->rc = ML_NOMEM;
    else
      memcpy(x->rows->id, p.id, sizeof p.id);
  }
}

static ml_rc read_rows(ml_op *o, int64_t n, reading *x) {
  ml_rc rc;

  *x = (reading){.a = o->a, .n = n};
  rc = ml_world_read(o->w, read_work, x);
  if (rc == ML_OK)
    rc = x->rc;
  return rc == ML_OK ? rc : ml_err_set(&o->e, rc, "", "there is no such "
                                       "transaction");
}

static ml_rc put_process(ml_op *o, int64_t n) {
  reading x = {.a = o->a, .n = n};
  char id[ML_ID_MAX];
  ml_rc rc;

  ml_jw_key(o->out, "process");
  if (n == 0) {
    ml_jw_null(o->out);
    return ML_OK;
  }
  rc = ml_world_read(o->w, read_id, &x);
  if (rc == ML_OK)
    rc = x.rc;
  if (rc != ML_OK)
    return ml_err_set(&o->e, rc, "", "its process cannot be read");
  ml_id_text(id, x.rows->id, 0);
  ml_op_put_id(o->out, ml_str_of(id));
  return ML_OK;
}

static ml_rc put_transaction(ml_op *o, const ml_row_transaction *t) {
  const ml_workflow *wf = ml_run_workflow_no(o->w->run, t->workflow);
  char id[ML_ID_MAX];
  ml_rc rc;

  ml_id_text(id, t->id, 0);
  ml_jw_obj(o->out);
  ml_jw_kstrz(o->out, "id", id);
  ml_jw_kstr(o->out, "type", t->type);
  ml_jw_kstr(o->out, "tenant", t->tenant);
  ml_jw_kstrz(o->out, "state", ml_txs_name(t->state));
  ml_jw_kbool(o->out, "matched", t->process_n != 0);
  ml_jw_kstr(o->out, "rule", t->rule);
  ml_jw_kstr(o->out, "message", t->message);
  ml_jw_kstr(o->out, "who", t->who);
  ml_jw_kstr(o->out, "workflow", wf != NULL ? wf->name : ML_NOSTR);
  rc = put_process(o, t->process_n);
  ml_jw_end(o->out);
  return rc;
}

/* w:emit("type", { data }, { tenant = }): the transaction */
ml_rc ml_op_emit(ml_op *o) {
  ml_came *c = ml_world_came(o->w);
  ml_transact *t = c != NULL ? ml_transact_new() : NULL;
  const ml_json *opts;
  uint8_t id[16];
  uint32_t no;
  reading x;
  ml_rc rc;

  if (t == NULL)
    return ml_op_starved(o);
  rc = ml_op_text(o, 0, "the type of the transaction", &t->type);
  if (rc == ML_OK)
    rc = ml_op_table(o, 1, "the transaction's data", &t->payload);
  if (rc == ML_OK)
    rc = ml_op_table(o, 2, "w:emit's options", &opts);
  if (rc != ML_OK) {
    ml_transact_free(t);
    return rc;
  }
  t->tenant = ml_json_str(opts, "tenant");
  t->who = o->who;
  t->done = emitted;
  t->arg = c;
  t->has_key = o->w->torture != NULL;
  if (t->has_key)
    ml_torture_key(o->w->torture, t->key, t->body_hash);
  ml_run_transact(o->w->run, t);
  rc = ml_world_wait(o->w, c, &o->e);
  if (rc == ML_OK && !ml_id_of(c->text, id, &no))
    rc = ml_op_starved(o);
  if (rc == ML_OK)
    rc = read_rows(o, ml_process_id_n(id), &x);
  return rc == ML_OK ? put_transaction(o, x.rows) : rc;
}

/* w:transaction(id): one, as it is now */
ml_rc ml_op_transaction(ml_op *o) {
  ml_str text;
  uint8_t id[16];
  uint32_t no;
  reading x;
  ml_rc rc = ml_op_text(o, 0, "the id of a transaction", &text);

  if (rc == ML_OK && (!ml_id_of(text, id, &no) || no != 0))
    rc = ml_err_set(&o->e, ML_INVALID, "", "the id of a transaction is wanted");
  if (rc == ML_OK)
    rc = read_rows(o, ml_process_id_n(id), &x);
  return rc == ML_OK ? put_transaction(o, x.rows) : rc;
}

/* w:transactions(): all, the oldest first */
ml_rc ml_op_transactions(ml_op *o) {
  reading x;
  ml_rc rc = read_rows(o, 0, &x);

  if (rc != ML_OK)
    return rc;
  ml_jw_arr(o->out);
  for (size_t i = x.count; i-- > 0 && rc == ML_OK;)
    rc = put_transaction(o, &x.rows[i]);
  ml_jw_end(o->out);
  return rc;
}
