/*
** replay.c - a signed request is taken once.
**
** Who was taken stands in the store, in the commit of what the request made;
** who is on the way stands here, from the first look until the answer.  So of
** two that come at once one goes on, and one that was taken is refused before
** anything is made of it.  A request that was refused, or whose commit failed,
** leaves nothing and may come again.
*/
#include <string.h>

#include "run/inside.h"

#include "base/plant.h"

struct seen {
  struct seen *next;
  ml_replay what;                /* texts behind the struct */
};

static uint32_t slot_of(const ml_replay *x) {
  uint32_t h = 2166136261u;

  for (size_t i = 0; i < x->scope.n; i++)
    h = (h ^ (uint8_t)x->scope.p[i]) * 16777619u;
  for (size_t i = 0; i < x->id.n; i++)
    h = (h ^ (uint8_t)x->id.p[i]) * 16777619u;
  return h % SEEN_SLOTS;
}

/* Where it stands, or the end of its slot's list. */
static seen **place(ml_run *r, const ml_replay *x) {
  seen **at = &r->seen[slot_of(x)];

  while (*at != NULL && (!ml_str_eq((*at)->what.scope, x->scope) ||
                         !ml_str_eq((*at)->what.id, x->id)))
    at = &(*at)->next;
  return at;
}

static seen *new_seen(const ml_replay *x) {
  seen *s = ml_mem_alloc(sizeof *s + x->scope.n + x->id.n + 1);
  char *text = (char *)(s + 1);

  if (s == NULL)
    return NULL;
  memcpy(text, x->scope.p, x->scope.n);
  memcpy(text + x->scope.n, x->id.p, x->id.n);
  s->next = NULL;
  s->what = (ml_replay){{text, x->scope.n}, {text + x->scope.n, x->id.n},
                        x->until_ms};
  return s;
}

void replay_release(ml_run *r, const ml_replay *x) {
  seen **at, *s;

  if (x->id.p == NULL)
    return;
  at = place(r, x);
  s = *at;
  if (s != NULL) {
    *at = s->next;
    ml_mem_free(s);
  }
}

void replays_free(ml_run *r) {
  for (size_t i = 0; i < SEEN_SLOTS; i++)
    while (r->seen[i] != NULL) {
      seen *s = r->seen[i];

      r->seen[i] = s->next;
      ml_mem_free(s);
    }
}

/* ---- the look ---- */

typedef struct looking {
  ml_run *r;
  const ml_replay *what;         /* of the entry here: stays until released */
  int64_t until_ms;
  ml_rc rc;
  ml_run_done_fn *done;
  void *arg;
} looking;

static ml_rc taken_already(ml_err *e) {
  if (ML_PLANTED(taken_again))
    return ML_OK;
  return ml_err_set(e, ML_EXISTS, "", "this request was taken already");
}

static void look_work(void *arg, ml_read *rd) {
  looking *l = arg;

  l->rc = ml_read_replay(rd, l->what->scope, l->what->id, &l->until_ms);
}

static void look_done(void *arg) {
  looking *l = arg;
  ml_run *r = l->r;
  ml_err e = {0};

  if (l->rc == ML_OK && l->until_ms > now_wall(r))
    l->rc = taken_already(&e);
  else if (l->rc == ML_NOT_FOUND)
    l->rc = ML_OK;
  else if (l->rc != ML_OK)
    ml_err_set(&e, l->rc, "", "it could not be read whether this request was "
               "taken already (%s)", ml_rc_name(l->rc));
  if (l->rc != ML_OK)
    replay_release(r, l->what);
  l->done(l->arg, l->rc, &e);
  busy_end(r);
  ml_mem_free(l);
}

void replay_hold(ml_run *r, const ml_replay *x, ml_run_done_fn *done,
                 void *arg) {
  seen **at = place(r, x);
  looking *l = NULL;
  seen *s = NULL;
  ml_err e = {0};
  ml_rc rc = ML_NOMEM;

  if (*at != NULL) {
    done(arg, taken_already(&e), &e);
    return;
  }
  l = ml_mem_zero(sizeof *l);
  s = new_seen(x);
  if (l != NULL && s != NULL) {
    *at = s;
    *l = (looking){r, &s->what, 0, ML_OK, done, arg};
    r->busy++;
    rc = ml_run_read(r, look_work, look_done, l);
    if (rc == ML_OK)
      return;
    r->busy--;
    *at = NULL;                  /* it was the last of its list */
  }
  ml_mem_free(l);
  ml_mem_free(s);
  done(arg, rc, (ml_err_set(&e, rc, "", "memory is short"), &e));
}

ml_row_replay replay_row(const ml_run *r, const ml_replay *x) {
  return (ml_row_replay){x->scope, x->id, now_wall(r), x->until_ms};
}

/* ---- a request that makes no process ---- */

typedef struct marking {
  ml_run *r;
  ml_arena arena;
  ml_replay what;
  ml_run_done_fn *done;
  void *arg;
} marking;

static void mark_end(marking *m, ml_rc rc, const ml_err *e) {
  m->done(m->arg, rc, e);
  ml_arena_free(&m->arena);
  ml_mem_free(m);
}

static void mark_fill(void *arg, ml_batch *b) {
  marking *m = arg;
  ml_row_replay row = replay_row(m->r, &m->what);

  ml_batch_replay(b, &row);
}

static void mark_written(void *arg, ml_rc rc, const ml_err *e) {
  marking *m = arg;

  replay_release(m->r, &m->what);
  mark_end(m, rc, e);
}

static void mark_held(void *arg, ml_rc rc, const ml_err *e) {
  marking *m = arg;

  if (rc == ML_OK)
    write_quietly(m->r, mark_fill, mark_written, m);
  else
    mark_end(m, rc, e);
}

void ml_run_replay(ml_run *r, const ml_replay *what, ml_run_done_fn *done,
                   void *arg) {
  marking *m = ml_mem_zero(sizeof *m);
  bool starved = m == NULL;
  ml_err e = {0};

  if (m != NULL) {
    *m = (marking){.r = r, .what.until_ms = what->until_ms, .done = done,
                   .arg = arg};
    m->what.scope = arena_str(&m->arena, what->scope, &starved);
    m->what.id = arena_str(&m->arena, what->id, &starved);
  }
  if (!starved) {
    replay_hold(r, &m->what, mark_held, m);
    return;
  }
  if (m != NULL)
    ml_arena_free(&m->arena);
  ml_mem_free(m);
  ml_err_set(&e, ML_NOMEM, "", "memory is short");
  done(arg, ML_NOMEM, &e);
}

/* ---- inputs ---- */

static void input_held(void *arg, ml_rc rc, const ml_err *e) {
  ml_input *in = arg;
  ml_run *r = in->run;

  if (rc == ML_OK) {
    in->held = true;
    ml_run_put(r, in);
  } else {
    input_answer(r, in, rc, e);
  }
}

void replay_hold_input(ml_run *r, ml_input *in) {
  in->run = r;
  replay_hold(r, &in->replay, input_held, in);
}

void replay_release_input(ml_run *r, ml_input *in) {
  if (in->held)
    replay_release(r, &in->replay);
  in->held = false;
}

void replay_keep(ml_run *r, load *l, const ml_input *in) {
  ml_row_replay *row = list_room(l->replays, l->replay_count, &l->replay_cap,
                                 sizeof *row);

  if (row == NULL) {
    l->starved = true;
    return;
  }
  l->replays = row;
  row += l->replay_count++;
  *row = replay_row(r, &in->replay);
  row->scope = arena_str(&l->arena, row->scope, &l->starved);
  row->id = arena_str(&l->arena, row->id, &l->starved);
}
