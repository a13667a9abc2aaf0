/* quest.c - one question under way. */
#include "script/quest.h"

#include <string.h>

#include "script/frame.h"

enum { FRAME_LENGTH = 4 };     /* its own bytes are not counted in it */

static ml_rc pack(ml_quest *q, const ml_ask *ask) {
  ml_buf b = {0};

  ml_ask_pack(&b, ask);
  if (b.bad) {
    ml_rc rc = b.len > ML_FRAME_MAX ? ML_LIMIT : ML_NOMEM;

    ml_buf_free(&b);
    return rc;
  }
  ml_buf_free(&q->frame);
  q->frame = b;
  return ML_OK;
}

static void quest_free(ml_quest *q) {
  ml_buf_free(&q->frame);
  ml_mem_free(q);
}

ml_rc ml_quest_new(const ml_ask *ask, uint64_t id, bool count, size_t most,
                   ml_answer_fn *fn, void *arg, ml_quest **out) {
  ml_quest *q = ml_mem_zero(sizeof *q);
  ml_ask copy = *ask;
  ml_rc rc;

  *out = NULL;
  if (q == NULL)
    return ML_NOMEM;
  *q = (ml_quest){.id = id, .theirs = ask->id, .kind = ask->kind,
                  .owner = ask->owner, .fn = fn,
                  .arg = arg, .counted = count || ask->count_units,
                  .carries = ask->source_count > 0};
  memcpy(q->bundle, ask->bundle, sizeof q->bundle);
  copy.id = id;
  copy.count_units = q->counted;
  rc = pack(q, &copy);
  if (rc == ML_OK && q->frame.len - FRAME_LENGTH > most)
    rc = ML_LIMIT;
  if (rc != ML_OK) {
    quest_free(q);
    return rc;
  }
  *out = q;
  return ML_OK;
}

static ml_rc ask_anew(ml_quest *q) {
  ml_arena a = {0};
  ml_ask ask;
  ml_rc rc = ml_ask_unpack(&a, q->kind, (ml_str){q->frame.p + ML_FRAME_HEAD,
                                                 q->frame.len - ML_FRAME_HEAD}, &ask);

  if (rc == ML_OK) {
    ask.count_units = q->counted;
    ask.link_count = 0;
    rc = pack(q, &ask);
  }
  ml_arena_free(&a);
  return rc;
}

ml_rc ml_quest_count(ml_quest *q) {
  q->counted = true;
  return ask_anew(q);
}

ml_rc ml_quest_alone(ml_quest *q) {
  return ask_anew(q);
}

void ml_quest_end(ml_quest *q, ml_rc rc, ml_answer *r) {
  ml_answer none = {0};

  if (r == NULL)
    r = &none;
  r->id = q->theirs;
  q->fn(q->arg, rc, r);
  quest_free(q);
}

/* ---- lists ---- */

void ml_quests_add(ml_quests *l, ml_quest *q) {
  q->next = NULL;
  if (l->tail != NULL)
    l->tail->next = q;
  else
    l->head = q;
  l->tail = q;
  l->n++;
}

void ml_quests_put_back(ml_quests *l, ml_quest *q) {
  ml_quest **p = &l->head;

  while (*p != NULL && (*p)->id < q->id)
    p = &(*p)->next;
  q->next = *p;
  *p = q;
  if (q->next == NULL)
    l->tail = q;
  l->n++;
}

ml_quest *ml_quests_take_after(ml_quests *l, ml_quest *before) {
  ml_quest **p = before != NULL ? &before->next : &l->head, *q = *p;

  if (q == NULL)
    return NULL;
  *p = q->next;
  if (l->tail == q)
    l->tail = before;
  l->n--;
  q->next = NULL;
  return q;
}

ml_quest *ml_quests_take(ml_quests *l) {
  return ml_quests_take_after(l, NULL);
}
