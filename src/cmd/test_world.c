/* test_world.c - worlds for tests: made, moved, looked at, ended. */
#include "cmd/test_world.h"

#include <string.h>

#include "base/log.h"
#include "cmd/test_life.h"
#include "cmd/test_script.h"
#include "cmd/torture_world.h"

enum { REST_MS = 20000, WAIT_MS = 100 };

/* ---- the lab ---- */

static int64_t real_ms(void) {
  ml_clock *k = ml_clock_system();

  return k->mono_ms(k);
}

static int64_t lab_wall(ml_clock *c) { return ((ml_lab *)c)->wall_ms; }

/* Real time goes on for who waits for a worker, so that a worker that hangs
** is found out; turning the wall clock turns this one too. */
static int64_t lab_mono(ml_clock *c) {
  return real_ms() + ((ml_lab *)c)->ahead_ms;
}

ml_rc ml_lab_open(ml_lab *lab, bool insecure, const ml_bounds *limits,
                  ml_err *e) {
  ml_rc rc;

  memset(lab, 0, sizeof *lab);
  ml_log_to(2, ML_ERROR_LEVEL);            /* what matters a test is told */
  lab->clock = (ml_clock){lab_wall, lab_mono};
  lab->wall_ms = ML_WORLD_BEGIN;
  lab->limits = *limits;
  rc = ml_loop_new(&lab->clock, &lab->loop);
  if (rc != ML_OK)
    return ml_err_set(e, rc, "", "memory is short");
  rc = ml_counted_new(lab->loop, insecure, limits, &lab->script, e);
  if (rc != ML_OK)
    ml_lab_close(lab);
  return rc;
}

void ml_lab_close(ml_lab *lab) {
  ml_counted_free(lab->script);
  ml_loop_free(lab->loop);
  lab->script = NULL;
  lab->loop = NULL;
}

typedef struct asked {
  bool done;
  ml_rc rc;
  ml_buf frame;                  /* the answer, packed: it outlives the call */
} asked;

static void answered(void *arg, ml_rc rc, const ml_answer *r) {
  asked *x = arg;

  x->done = true;
  x->rc = rc;
  ml_answer_pack(&x->frame, r);
}

ml_rc ml_lab_ask(ml_lab *lab, const ml_ask *q, ml_arena *a, ml_answer *out) {
  asked *x = ml_arena_zero(a, sizeof *x);
  int64_t until = real_ms() + REST_MS;
  char *copy;
  ml_rc rc;

  if (x == NULL)
    return ML_NOMEM;
  rc = lab->script->ask(lab->script, q, answered, x);
  while (rc == ML_OK && !x->done && real_ms() < until)
    ml_loop_turn(lab->loop, WAIT_MS);
  if (rc == ML_OK && !x->done)
    return ML_TIMEOUT;
  if (rc == ML_OK && x->rc != ML_OK && x->rc != ML_LIMIT)
    rc = x->rc;
  if (rc == ML_OK && (x->frame.bad || x->frame.len < 5))
    rc = ML_NOMEM;
  copy = rc == ML_OK ? ml_arena_dup(a, x->frame.p + 5, x->frame.len - 5) : NULL;
  if (rc == ML_OK && copy == NULL)
    rc = ML_NOMEM;
  if (rc == ML_OK)
    rc = ml_answer_unpack(a, (ml_str){copy, x->frame.len - 5}, out);
  if (rc == ML_OK && x->rc == ML_LIMIT)
    out->end = ML_END_BROKE;               /* its worker died of it */
  ml_buf_free(&x->frame);
  return rc;
}

/* ---- a world ---- */

int64_t ml_world_now(const ml_world *w) { return w->lab->wall_ms; }

static ml_rc begin(ml_world *w, ml_err *e) {
  ml_came *c = ml_world_came(w);

  if (c == NULL)
    return ml_err_set(e, ML_NOMEM, "", "memory is short");
  ml_run_begin(w->run, ml_world_done, c);
  return ml_world_wait(w, c, e);
}

typedef struct loading {
  ml_came came;                  /* first: ml_world_done() takes it */
  ml_flow_fault_fn *fault;
  void *arg;
} loading;

static void load_fault(void *arg, const char *at, const char *text) {
  loading *l = arg;

  if (l->fault != NULL)
    l->fault(l->arg, at, text);
}

ml_rc ml_life_load(ml_world *w, const char *dir, ml_flow_fault_fn *fault,
                   void *arg, ml_err *e) {
  loading *l = ml_arena_zero(&w->arena, sizeof *l);

  if (l == NULL)
    return ml_err_set(e, ML_NOMEM, "", "memory is short");
  l->came.w = w;
  l->fault = fault;
  l->arg = arg;
  ml_run_load(w->run, dir, load_fault, ml_world_done, l);
  return ml_world_wait(w, &l->came, e);
}

ml_rc ml_world_load(ml_world *w, const char *dir, ml_flow_fault_fn *fault,
                    void *arg, ml_err *e) {
  ml_torture *x = w->torture;
  ml_rc rc = ml_life_load(w, dir, fault, arg, e);

  if (rc != ML_OK || x == NULL)
    return rc;
  if (x->folder_count == ML_TORTURE_FOLDERS)
    return ml_err_set(e, ML_LIMIT, "", "a test under torture has at most %d "
                      "folders in force", ML_TORTURE_FOLDERS);
  x->folders[x->folder_count] = ml_arena_dup(&w->arena, dir, strlen(dir) + 1);
  if (x->folders[x->folder_count++] == NULL)
    return ml_err_set(e, ML_NOMEM, "", "memory is short");
  return ML_OK;
}

ml_rc ml_life_begin(ml_world *w, ml_err *e) {
  ml_lab *lab = w->lab;
  ml_torture *x = w->torture;
  ml_store_conf store = {.path = ":memory:", .clock = &lab->clock};
  ml_run_conf conf = {.loop = lab->loop, .script = lab->script,
                      .clock = &lab->clock, .hold_polls = true,
                      .limits = lab->limits};
  ml_rc rc;

  if (x != NULL) {
    store = (ml_store_conf){.path = "world.db", .vfs = ml_ram_name(x->ram),
                            .clock = &x->clock};
    conf.loop = x->loop;
    conf.script = ml_turns_script(x->turns);
    conf.clock = &x->clock;
    conf.step_commits = true;
    conf.hold_polls = !x->polls;
  }
  rc = ml_store_open(&store, &w->store, e);
  if (rc != ML_OK)
    return rc;
  conf.store = w->store;
  conf.http = ml_fake_http(w->fake);
  conf.rand = &w->rand.base;
  rc = ml_run_new(&conf, &w->run, e);
  return rc == ML_OK ? begin(w, e) : rc;
}

/* What a world is made of, and its first engine. */
static ml_rc make(ml_world *w, const ml_fault *torture, ml_err *e) {
  ml_rc rc = ML_OK;

  w->lab->wall_ms = ML_WORLD_BEGIN + w->lab->shift_ms;
  ml_rand_seed(&w->rand, 1);
  if (torture != NULL)
    rc = ml_torture_new(w, torture);
  if (rc == ML_OK)
    rc = ml_fake_new(w->lab->loop, &w->fake);
  if (rc != ML_OK)
    return ml_err_set(e, rc, "", "memory is short");
  if (torture != NULL)
    ml_fake_torture(w->fake, w->torture);
  return ml_life_begin(w, e);
}

static void unmake(ml_world *w) {
  ml_run_free(w->run);
  ml_fake_free(w->fake);
  ml_store_close(w->store);
  ml_torture_free(w->torture);
  w->run = NULL;
  w->fake = NULL;
  w->store = NULL;
  w->torture = NULL;
}

ml_rc ml_world_new(ml_lab *lab, const char *dir, const ml_fault *torture,
                   ml_flow_fault_fn *fault, void *arg, ml_world **out,
                   ml_err *e) {
  ml_world *w = ml_mem_zero(sizeof *w);
  ml_rc rc;

  *out = NULL;
  if (w == NULL)
    return ml_err_set(e, ML_NOMEM, "", "memory is short");
  w->lab = lab;
  w->dir = dir;
  rc = make(w, torture, e);
  if (rc == ML_OK)
    rc = ml_world_load(w, dir, fault, arg, e);
  if (rc != ML_OK) {
    if (w->lost)
      return rc;                           /* it may still be called: kept */
    ml_world_free(w);
    return rc;
  }
  *out = w;
  return ML_OK;
}

ml_rc ml_world_torture(ml_world *w, const ml_fault *torture, ml_err *e) {
  ml_rc rc;

  unmake(w);
  rc = make(w, torture, e);
  return rc == ML_OK ? ml_world_load(w, w->dir, NULL, NULL, e) : rc;
}

bool ml_world_free(ml_world *w) {
  if (w == NULL)
    return true;
  if (w->lost)
    return false;
  unmake(w);
  ml_arena_free(&w->arena);
  ml_mem_free(w);
  return true;
}

/* ---- moving ---- */

ml_rc ml_world_settle(ml_world *w, ml_err *e) {
  int64_t until = real_ms() + REST_MS;

  if (w->torture != NULL)
    return ml_torture_settle(w, e);
  while (!w->lost && !(ml_run_idle(w->run) && ml_fake_idle(w->fake))) {
    ml_loop_turn(w->lab->loop, WAIT_MS);
    ml_run_reap(w->run);
    if (real_ms() > until)
      w->lost = true;
  }
  if (!w->lost)
    return ML_OK;
  return ml_err_set(e, ML_TIMEOUT, "", "the workflow did not come to rest "
                    "within %d s of real time", REST_MS / 1000);
}

static void turn_to(ml_world *w, int64_t ms) {
  ml_lab *lab = w->lab;

  if (ms <= lab->wall_ms)
    return;
  lab->ahead_ms += ms - lab->wall_ms;
  lab->wall_ms = ms;
}

ml_rc ml_world_step(ml_world *w, int64_t until_ms, bool *moved, ml_err *e) {
  int64_t due = ml_run_next_due(w->run);

  *moved = due > 0 && due <= until_ms;
  if (!*moved)
    return ML_OK;
  turn_to(w, due);
  ml_run_tick(w->run);
  return ml_world_settle(w, e);
}

/* What is due and does not go away would hold us for ever: a moment may come
** so often, not more. */
ml_rc ml_world_pass(ml_world *w, int64_t ms, ml_err *e) {
  int64_t until = ml_world_now(w) + ms, before;
  bool moved = true;
  int standing = 0;
  ml_rc rc = ml_world_settle(w, e);

  while (rc == ML_OK && moved) {
    before = ml_world_now(w);
    rc = ml_world_step(w, until, &moved, e);
    standing = ml_world_now(w) > before ? 0 : standing + 1;
    if (rc == ML_OK && standing > 1000)
      return ml_err_set(e, ML_TIMEOUT, "", "something is due again and again "
                        "without time going by");
  }
  if (rc != ML_OK)
    return rc;
  turn_to(w, until);
  ml_run_tick(w->run);
  return ml_world_settle(w, e);
}

/* ---- requests ---- */

ml_came *ml_world_came(ml_world *w) {
  ml_came *c = ml_arena_zero(&w->arena, sizeof *c);

  if (c != NULL)
    c->w = w;
  return c;
}

static void came(ml_came *c, ml_rc rc, const ml_err *e, int status,
                 ml_str text) {
  if (ml_torture_is_deaf(c->w->torture))
    return;                                /* the connection is gone */
  c->done = true;
  c->rc = rc;
  c->status = status;
  if (e != NULL)
    c->e = *e;
  c->text.p = ml_arena_dup(&c->w->arena, text.p != NULL ? text.p : "", text.n);
  c->text.n = c->text.p != NULL ? text.n : 0;
}

void ml_world_done(void *arg, ml_rc rc, const ml_err *e) {
  came(arg, rc, e, 0, ML_NOSTR);
}

void ml_world_hooked(void *arg, ml_rc rc, const ml_err *e, ml_str answer) {
  came(arg, rc, e, 0, answer);
}

static void put_done(void *arg, ml_rc rc, const ml_err *e, int status,
                     const ml_buf *out, bool replayed) {
  (void)replayed;
  came(arg, rc, e, status, (ml_str){out->p, out->len});
}

ml_rc ml_world_wait(ml_world *w, ml_came *c, ml_err *e) {
  ml_torture *x = w->torture;
  ml_rc rc = ml_world_settle(w, e);

  if (rc == ML_OK && !c->done && x != NULL && x->interrupted) {
    x->interrupted = false;
    x->again = x->repeated = true;
    return ml_err_set(e, ML_UNKNOWN, "", "the engine was killed before it "
                      "answered");
  }
  if (rc == ML_OK && !c->done) {
    w->lost = true;
    return ml_err_set(e, ML_TIMEOUT, "", "the engine is at rest and has not "
                      "answered");
  }
  if (rc == ML_OK && c->rc != ML_OK) {
    if (c->e.rc == ML_OK)
      ml_err_set(&c->e, c->rc, "", "it was refused (%s)", ml_rc_name(c->rc));
    *e = c->e;
    rc = c->rc;
  }
  return rc;
}

ml_rc ml_life_put(ml_world *w, ml_input *in, ml_came *c, ml_err *e) {
  in->done = put_done;
  in->arg = c;
  ml_run_put(w->run, in);
  return ml_world_wait(w, c, e);
}

ml_rc ml_world_put(ml_world *w, ml_input *in, ml_came *c, ml_err *e) {
  return w->torture != NULL ? ml_torture_put(w, in, c, e)
                            : ml_life_put(w, in, c, e);
}

static void read_done(void *arg) { (void)arg; }

ml_rc ml_world_read(ml_world *w, ml_read_fn *work, void *arg) {
  ml_rc rc = ml_store_read(w->store, work, read_done, arg);

  ml_store_reap(w->store);
  return rc;
}
