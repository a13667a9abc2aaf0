/* inline.c - a worker in this process, behind the same interface. */
#include "script/host.h"
#include "script/frame.h"
#include "script/quest.h"
#include "script/stock.h"
#include "script/worker.h"

typedef struct inl {
  ml_script api;               /* first: an ml_script is an inl */
  ml_worker *w;
  ml_stock stock;
  ml_quests waiting;
  uint64_t last_id;
  ml_buf out;
  ml_bounds limits;            /* the operator's */
} inl;

static ml_rc ask(ml_script *s, const ml_ask *q, ml_answer_fn *fn, void *arg) {
  inl *i = (inl *)s;
  ml_quest *n;
  ml_rc rc;

  if (ml_stock_named(q->bundle) && q->source_count == 0 &&
      ml_stock_find(&i->stock, q->bundle) == NULL)
    return ML_NOT_FOUND;
  rc = ml_quest_new(q, ++i->last_id, true, ml_bounds_frame(&i->limits), fn, arg,
                    &n);
  if (rc == ML_OK)
    ml_quests_add(&i->waiting, n);
  return rc;
}

static ml_rc bundle(ml_script *s, const uint8_t hash[32], const ml_source *src,
                    size_t n) {
  return ml_stock_put(&((inl *)s)->stock, hash, src, n);
}

/* Handle a frame and give the record of its answer. */
static ml_rc handle(inl *i, const ml_buf *frame, int *kind, ml_str *record) {
  ml_rc rc;

  *kind = 0;
  ml_buf_reset(&i->out);
  rc = ml_worker_handle(i->w, (ml_str){frame->p, frame->len}, &i->out);
  if (rc == ML_OK && i->out.len > 0 &&
      ml_frame_next(i->out.p, i->out.len, kind, record) <= 0)
    rc = ML_CORRUPT;
  return rc;
}

static void one(inl *i, ml_quest *q) {
  ml_stock_item *it = ml_stock_find(&i->stock, q->bundle);
  ml_arena a = {0};
  ml_answer r;
  ml_str record;
  int kind;
  ml_rc rc = handle(i, &q->frame, &kind, &record);

  if (rc == ML_OK && kind == ML_ANSWER_NEED && it != NULL) {
    rc = handle(i, &it->frame, &kind, &record);
    if (rc == ML_OK)
      rc = handle(i, &q->frame, &kind, &record);
  }
  if (rc == ML_OK)
    rc = kind == ML_ANSWER_DONE ? ml_answer_unpack(&a, record, &r) : ML_CORRUPT;
  ml_quest_end(q, rc, rc == ML_OK ? &r : NULL);
  ml_arena_free(&a);
}

size_t ml_script_inline_turn(ml_script *s) {
  inl *i = (inl *)s;
  uint64_t last = i->last_id;
  size_t n = 0;

  while (i->waiting.head != NULL && i->waiting.head->id <= last) {
    one(i, ml_quests_take(&i->waiting));
    n++;
  }
  return n;
}

ml_rc ml_script_inline_new(const ml_bounds *limits, ml_script **out) {
  inl *i = ml_mem_zero(sizeof *i);
  ml_rc rc;

  *out = NULL;
  if (i == NULL)
    return ML_NOMEM;
  i->api = (ml_script){.ask = ask, .bundle = bundle};
  if (limits != NULL)
    i->limits = *limits;
  rc = ml_worker_new(&(ml_worker_conf){.counting = true, .limits = i->limits},
                     &i->w);
  if (rc != ML_OK) {
    ml_mem_free(i);
    return rc;
  }
  *out = &i->api;
  return ML_OK;
}

void ml_script_inline_free(ml_script *s) {
  inl *i = (inl *)s;
  ml_quest *q;

  if (i == NULL)
    return;
  while ((q = ml_quests_take(&i->waiting)) != NULL)
    ml_quest_end(q, ML_AGAIN, NULL);
  ml_worker_free(i->w);
  ml_stock_free(&i->stock);
  ml_buf_free(&i->out);
  ml_mem_free(i);
}
