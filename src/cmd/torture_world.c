/* torture_world.c - engines that are killed and begin anew. */
#include "cmd/torture_world.h"

#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "cmd/test_life.h"

enum { REST_MS = 20000, WAIT_MS = 100, QUIET = 3, STEP_MS = 10 };
#define LEAP_MS INT64_C(3600000)

static int64_t real_ms(void) {
  ml_clock *k = ml_clock_system();

  return k->mono_ms(k);
}

/* ---- its clock: the lab's wall; monotonic time goes by when nothing else
** happens, and with the wall ---- */

static int64_t wall(ml_clock *c) { return ((ml_torture *)c)->lab->wall_ms; }

static int64_t mono(ml_clock *c) {
  const ml_torture *x = (const ml_torture *)c;

  return x->mono_ms + x->lab->ahead_ms;
}

/* ---- boundaries ---- */

void ml_torture_fire(ml_torture *x) {
  x->fired = true;
  x->fired_op = x->op;
  x->fired_nth = x->met[ml_fault_where(x->fault.kind)] - x->op_met;
}

/* One more of these; is it the one of the fault? */
static bool meet(ml_torture *x, ml_fault_at at) {
  if (!x->counting || x->raising)
    return false;
  x->met[at]++;
  return !x->fired && x->fault.kind != ML_FAULT_NONE &&
         ml_fault_where(x->fault.kind) == at && x->fault.n == x->met[at];
}

static ml_ram_cut gate(void *arg) {
  ml_torture *x = arg;

  if (!meet(x, ML_AT_COMMIT)) {
    x->flushed++;
    return ML_RAM_GO;
  }
  ml_torture_fire(x);
  if (x->fault.kind == ML_FAULT_BEFORE)
    return ML_RAM_BEFORE;
  x->flushed++;
  return ML_RAM_AFTER;
}

/* Numbered when it is made; what happens to it is decided by its number. */
uint32_t ml_torture_call(ml_torture *x) {
  uint32_t before = x->met[ML_AT_CALL];
  bool now = meet(x, ML_AT_CALL);

  if (now && x->fault.kind == ML_FAULT_LATE)
    ml_torture_fire(x);
  return x->met[ML_AT_CALL] > before ? x->met[ML_AT_CALL] : 0;
}

static bool in_list(ml_str name, const char *const *list) {
  for (; *list != NULL; list++)
    if (ml_str_is(name, *list))
      return true;
  return false;
}

static const char *const making[] = {"settings", "people", "http", "fixture",
  "load", "partner", "polls", "fault", NULL};
static const char *const deliveries[] = {"start", "signal", "complete", "claim",
  "release", "cancel", "reset", "retry", "skip", "comment", "set", "post",
  "emit", "hear", NULL};

void ml_torture_op(ml_world *w, ml_str name) {
  ml_torture *x = w->torture;

  x->op++;
  x->op_met = x->met[ml_fault_where(x->fault.kind)];
  x->counting = !in_list(name, making);
  x->again = x->repeated = x->interrupted = false;
  x->puts = 0;
  x->n_before = ml_store_last_n(w->store);
  if (in_list(name, deliveries) && meet(x, ML_AT_DELIVERY))
    ml_torture_fire(x);
}

void ml_torture_op_end(ml_world *w) {
  w->torture->counting = false;
  ml_fake_known(w->fake);
}

bool ml_torture_now(const ml_torture *x, ml_fault_kind kind) {
  return x != NULL && x->fired && x->fired_op == x->op && x->unfit == NULL &&
         x->fault.kind == kind;
}

/* ---- the clock leaps ---- */

static ml_rc leap(ml_world *w, int64_t ms, ml_err *e) {
  w->lab->wall_ms += ms;
  ml_run_tick(w->run);
  return ml_world_settle(w, e);
}

/* What comes due while the clock stands elsewhere rightly happens: then the end
** may be another, and the leap says nothing. */
static bool due_by(ml_world *w, int64_t ms) {
  int64_t due = ml_run_next_due(w->run);

  return due > 0 && due <= ms;
}

ml_rc ml_torture_leap(ml_world *w, bool before, ml_err *e) {
  static const char due[] = "something is due within the hour";
  ml_torture *x = w->torture;
  int64_t there = ml_torture_now(x, ML_FAULT_AHEAD)  ? LEAP_MS
                  : ml_torture_now(x, ML_FAULT_BACK) ? -LEAP_MS : 0;
  int64_t now = ml_world_now(w);

  if (there == 0)
    return ML_OK;
  if (before && there > 0 && due_by(w, now + LEAP_MS)) {
    x->unfit = due;
    return ML_OK;
  }
  if (!before && there < 0 && due_by(w, now + LEAP_MS))
    x->unfit = due;                        /* still it goes on again */
  return leap(w, before ? there : -there, e);
}

void ml_torture_dated(ml_torture *x) {
  if (ml_torture_now(x, ML_FAULT_AHEAD) || ml_torture_now(x, ML_FAULT_BACK))
    x->unfit = "a signature says when it was made";
}

/* ---- killed, and up again ---- */

bool ml_torture_is_deaf(const ml_torture *x) {
  return x != NULL && (x->deaf || ml_ram_is_off(x->ram));
}

ml_rc ml_torture_loop(ml_torture *x) {
  return ml_loop_new(&x->clock, &x->loop);
}

static void down(ml_world *w) {
  ml_torture *x = w->torture;

  x->deaf = true;
  ml_turns_forget(x->turns);
  ml_fake_killed(w->fake, x->flushed);
  ml_store_wait(w->store);
  ml_run_free(w->run);
  ml_store_close(w->store);
  ml_loop_free(x->loop);
  ml_turns_forget(x->turns);
  w->run = NULL;
  w->store = NULL;
  x->loop = NULL;
  ml_ram_back(x->ram);
  x->deaf = false;
}

static ml_rc raise_(ml_world *w, ml_err *e) {
  ml_torture *x = w->torture;
  ml_rc rc;

  x->raising = true;
  down(w);
  rc = ml_torture_loop(x);
  if (rc == ML_OK)
    rc = ml_life_begin(w, e);
  for (size_t i = 0; rc == ML_OK && i < x->folder_count; i++)
    rc = ml_life_load(w, x->folders[i], NULL, NULL, e);
  if (rc == ML_OK)
    rc = ml_torture_settle(w, e);
  x->raising = false;
  x->interrupted = true;
  if (rc != ML_OK)
    w->lost = true;
  return rc;
}

/* ---- moving ---- */

static bool turn(ml_world *w) {
  ml_run_stats was, is;

  ml_run_stats_get(w->run, &was);
  ml_loop_turn(w->torture->loop, 0);
  ml_run_reap(w->run);
  ml_run_stats_get(w->run, &is);
  return was.inputs != is.inputs || was.batches != is.batches ||
         was.slices != is.slices || was.loaded != is.loaded ||
         was.calls != is.calls;
}

static void await_script(ml_world *w, int64_t until) {
  ml_torture *x = w->torture;

  while (!ml_turns_here(x->turns) && real_ms() <= until)
    ml_loop_turn(w->lab->loop, WAIT_MS);
  if (ml_turns_here(x->turns))
    ml_turns_give(x->turns);
}

/* A peer answers, the late one last; false: none does. */
static bool answer(ml_world *w) {
  ml_torture *x = w->torture;
  bool killing = x->fault.kind == ML_FAULT_LOST && !x->fired;
  uint32_t late = x->fault.kind == ML_FAULT_LATE ? x->fault.n : 0;
  uint32_t no;

  if (!ml_fake_next(w->fake, late, &no))
    return false;
  if (killing && no != 0 && no == x->fault.n) {
    ml_torture_fire(x);
    ml_ram_off(x->ram);
    return true;
  }
  ml_fake_give(w->fake, late, x->flushed);
  return true;
}

ml_rc ml_torture_settle(ml_world *w, ml_err *e) {
  ml_torture *x = w->torture;
  int64_t until = real_ms() + REST_MS;
  int quiet = 0;

  while (!w->lost) {
    if (ml_ram_is_off(x->ram)) {
      ml_rc rc = raise_(w, e);

      if (rc != ML_OK)
        return rc;
      quiet = 0;
      continue;
    }
    quiet = turn(w) ? 0 : quiet + 1;
    if (real_ms() > until)
      w->lost = true;
    else if (quiet < QUIET || ml_ram_is_off(x->ram))
      continue;
    else if (ml_turns_open(x->turns))
      await_script(w, until);
    else if (answer(w))
      quiet = 0;
    else if (ml_run_idle(w->run))
      return ML_OK;
    else
      x->mono_ms += STEP_MS;
    quiet = 0;
  }
  return ml_err_set(e, ML_TIMEOUT, "", "the workflow did not come to rest "
                    "within %d s of real time", REST_MS / 1000);
}

/* ---- what is handed over, and again ---- */

void ml_torture_key(ml_torture *x, uint8_t key[16], uint8_t body[16]) {
  uint8_t hash[32] = {0};
  char text[60];
  int n = snprintf(text, sizeof text, "operation %u.%u", x->op, x->puts);

  ml_sha256(text, (size_t)n, hash);
  memcpy(key, hash, 16);
  memcpy(body, hash + 16, 16);
}

typedef struct sent {            /* enough of an input to make it again */
  int64_t n;
  ml_str workflow;
  ml_event ev;
  int (*render)(void *, const ml_process *, const ml_flow *, const ml_made *,
                ml_buf *);
  uint8_t key[16], body_hash[16];
} sent;

static void fill(ml_input *in, const sent *s) {
  in->n = s->n;
  in->workflow = s->workflow;
  in->ev = s->ev;
  in->render = s->render;
  in->has_key = true;
  memcpy(in->key, s->key, sizeof in->key);
  memcpy(in->body_hash, s->body_hash, sizeof in->body_hash);
}

typedef struct look {
  ml_arena *a;
  const uint8_t *key;
  ml_row_key row;
  ml_rc rc;
} look;

static void look_key(void *arg, ml_read *rd) {
  look *l = arg;

  l->rc = ml_read_key(rd, l->a, l->key, &l->row);
}

/* A request that was done before may be refused by what it did: then its key
** is there, as the API finds (api_call.c). */
static ml_rc refused(ml_world *w, const sent *s, ml_came *c, ml_rc rc,
                     ml_err *e) {
  look l = {.a = &w->arena, .key = s->key, .rc = ML_IO};

  if (rc != ML_CONFLICT && rc != ML_INVALID && rc != ML_REFUSED &&
      rc != ML_NOT_FOUND)
    return rc;
  if (ml_world_read(w, look_key, &l) != ML_OK || l.rc != ML_OK)
    return rc;
  c->text = l.row.answer;
  memset(e, 0, sizeof *e);
  return ML_OK;
}

static ml_rc send_again(ml_world *w, const sent *s, ml_came *c, ml_err *e) {
  ml_input *in = ml_input_new();
  ml_rc rc;

  if (in == NULL)
    return ml_err_set(e, ML_NOMEM, "", "memory is short");
  memset(e, 0, sizeof *e);
  *c = (ml_came){.w = w};
  fill(in, s);
  rc = ml_life_put(w, in, c, e);
  return rc != ML_OK ? refused(w, s, c, rc, e) : rc;
}

ml_rc ml_torture_put(ml_world *w, ml_input *in, ml_came *c, ml_err *e) {
  ml_torture *x = w->torture;
  sent s = {.n = in->n, .workflow = in->workflow, .ev = in->ev,
            .render = in->render};
  ml_rc rc;

  x->puts++;
  ml_torture_key(x, s.key, s.body_hash);
  fill(in, &s);
  rc = ml_life_put(w, in, c, e);
  if (rc == ML_UNKNOWN && x->again) {
    x->again = false;
    rc = send_again(w, &s, c, e);
  }
  if (rc == ML_OK && ml_torture_now(x, ML_FAULT_TWICE)) {
    ml_came *second = ml_world_came(w);

    rc = second != NULL ? send_again(w, &s, second, e)
                        : ml_err_set(e, ML_NOMEM, "", "memory is short");
  }
  return rc;
}

/* ---- its life ---- */

ml_rc ml_torture_new(ml_world *w, const ml_fault *fault) {
  ml_torture *x = ml_mem_zero(sizeof *x);
  ml_rc rc;

  w->torture = x;
  if (x == NULL)
    return ML_NOMEM;
  x->clock = (ml_clock){wall, mono};
  x->w = w;
  x->lab = w->lab;
  x->mono_ms = 1000;
  x->fault = *fault;
  rc = ml_ram_new(gate, x, &x->ram);
  if (rc == ML_OK)
    rc = ml_turns_new(w->lab->script, &x->turns);
  if (rc == ML_OK)
    rc = ml_torture_loop(x);
  return rc;
}

void ml_torture_free(ml_torture *x) {
  if (x == NULL)
    return;
  ml_turns_free(x->turns);
  ml_loop_free(x->loop);
  ml_ram_free(x->ram);
  ml_mem_free(x);
}
