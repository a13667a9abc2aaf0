/* torture_script.c - questions in a line. */
#include "cmd/torture_script.h"

#include "base/buf.h"
#include "base/mem.h"

enum { FRAME_HEAD = 5 };         /* bytes of a packed answer before its body */

typedef struct asked {
  struct asked *next;
  ml_turns *t;                   /* NULL: nobody waits for it */
  ml_answer_fn *fn;
  void *arg;
  bool here;
  ml_rc rc;
  uint64_t id;
  ml_buf frame;
} asked;

struct ml_turns {
  ml_script api;                 /* first: an ml_script is one */
  ml_script *inner;
  asked *first, **end;
};

static void release(asked *x) {
  ml_buf_free(&x->frame);
  ml_mem_free(x);
}

static void answered(void *arg, ml_rc rc, const ml_answer *r) {
  asked *x = arg;

  if (x->t == NULL) {
    release(x);
    return;
  }
  x->here = true;
  x->rc = rc;
  x->id = r->id;
  if (rc == ML_OK || rc == ML_LIMIT)
    ml_answer_pack(&x->frame, r);
}

static ml_rc ask(ml_script *s, const ml_ask *q, ml_answer_fn *fn, void *arg) {
  ml_turns *t = (ml_turns *)s;
  asked *x = ml_mem_zero(sizeof *x);
  ml_rc rc;

  if (x == NULL)
    return ML_NOMEM;
  x->t = t;
  x->fn = fn;
  x->arg = arg;
  rc = t->inner->ask(t->inner, q, answered, x);
  if (rc != ML_OK) {
    ml_mem_free(x);
    return rc;
  }
  *t->end = x;
  t->end = &x->next;
  return ML_OK;
}

static ml_rc bundle(ml_script *s, const uint8_t hash[32], const ml_source *src,
                    size_t n) {
  ml_turns *t = (ml_turns *)s;

  return t->inner->bundle(t->inner, hash, src, n);
}

bool ml_turns_open(const ml_turns *t) { return t->first != NULL; }

bool ml_turns_here(const ml_turns *t) {
  return t->first != NULL && t->first->here;
}

void ml_turns_give(ml_turns *t) {
  asked *x = t->first;
  ml_arena a = {0};
  ml_answer r = {0};
  ml_rc rc = x->rc;

  t->first = x->next;
  if (t->first == NULL)
    t->end = &t->first;
  if (rc == ML_OK || rc == ML_LIMIT) {
    ml_rc read = x->frame.bad || x->frame.len < FRAME_HEAD
                     ? ML_NOMEM
                     : ml_answer_unpack(&a, (ml_str){x->frame.p + FRAME_HEAD,
                                                     x->frame.len - FRAME_HEAD},
                                        &r);

    if (read != ML_OK)
      rc = ML_NOMEM;
  }
  r.id = x->id;
  x->fn(x->arg, rc, &r);
  ml_arena_free(&a);
  release(x);
}

void ml_turns_forget(ml_turns *t) {
  while (t->first != NULL) {
    asked *x = t->first;

    t->first = x->next;
    x->t = NULL;
    if (x->here)
      release(x);
  }
  t->end = &t->first;
}

ml_script *ml_turns_script(ml_turns *t) { return &t->api; }

ml_rc ml_turns_new(ml_script *inner, ml_turns **out) {
  ml_turns *t = ml_mem_zero(sizeof *t);

  *out = t;
  if (t == NULL)
    return ML_NOMEM;
  t->api = (ml_script){.ask = ask, .bundle = bundle};
  t->inner = inner;
  t->end = &t->first;
  return ML_OK;
}

void ml_turns_free(ml_turns *t) {
  if (t == NULL)
    return;
  ml_turns_forget(t);
  ml_mem_free(t);
}
