/* world.c - the engine started, moved, stopped; its clients. */
#include "sim/world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define STORE "world.db"

enum { ROUNDS_MAX = 5000, QUIET = 3, MOMENTS_MAX = 26, LATE_MAX = 10,
       FORGET_MS = 60000, LIFE_LEFT_MS = 1800000 };

/* ---- the record ---- */

static void put_trace(world *w, const char *text) {
  for (const char *p = text; *p != '\0'; p++)
    w->trace = (w->trace ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
  w->trace = (w->trace ^ 10) * UINT64_C(0x100000001b3);
  if (w->tell)
    printf("%lld %s\n", (long long)w->clock.wall, text);
}

void world_trace(world *w, const char *fmt, ...) {
  char text[600];
  va_list ap;

  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  put_trace(w, text);
}

void world_fault(world *w, const char *fmt, ...) {
  char text[800];
  va_list ap;

  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  if (w->faults++ == 0)
    snprintf(w->first, sizeof w->first, "%s", text);
  if (w->faults <= (w->fault_max > 0 ? w->fault_max : 5))
    fprintf(stderr, "# broken: %s\n", text);
}

/* What the test does for itself: no fault hits it. */
void world_aside(bool on) {
  disk.aside = on;
  ml_mem_aside(on);
}

/* ---- up and down ---- */

void world_init(world *w, uint64_t seed, const char *flows) {
  memset(w, 0, sizeof *w);
  w->seed = seed;
  w->flows = flows;
  w->trace = UINT64_C(0xcbf29ce484222325);
  ml_rand_seed(&w->rand, seed * 2 + 1);
  ml_rand_seed(&w->engine_rand, seed * 2 + 2);
  ml_clock_fake_init(&w->clock, INT64_C(1772323200000));
  w->clock.mono = 1000;
  peer_init(w);
}

void world_free(world *w) {
  world_down(w);
  peer_free(w);
  free(w->asks);
  w->asks = NULL;
}

bool world_alive(const world *w) {
  return w->run != NULL && !disk.dead && !w->stopped;
}

static void on_stopped(void *arg, ml_rc rc, const char *why) {
  world *w = arg;

  (void)why;
  if (rc != ML_UNKNOWN)
    world_fault(w, "stopped with '%s'", ml_rc_name(rc));
  if (!disk.dead)
    world_trace(w, "stopped: %s", ml_rc_name(rc));
  w->stopped = true;
}

static void on_done(void *arg, ml_rc rc, const ml_err *e) {
  world *w = arg;

  w->up_rc = rc;
  if (e != NULL)
    w->up_err = *e;
  w->begun = rc == ML_OK ? 1 : -1;
}

static bool wait_for(world *w) {
  for (int i = 0; w->begun == 0 && i < ROUNDS_MAX; i++) {
    world_turn(w);
    if (!world_alive(w))
      return false;
  }
  if (w->begun == 0)
    world_fault(w, "no answer while starting: it hangs");
  return w->begun > 0 && world_alive(w);
}

static void tell_fault(void *arg, const char *at, const char *text) {
  world *w = arg;

  if (text[0] == '\0')
    world_fault(w, "%s: a fault without a word", at);
  if (!w->starved)
    world_fault(w, "%s: %s", at, text);
}

/* aiko is in every lane. */
static void fill_people(void *arg, ml_batch *b) {
  world *w = arg;
  ml_row_user user = {.id = ML_STR("aiko"), .name = ML_STR("Aiko"),
                      .email = ML_STR("aiko@example.test"), .active = true};

  ml_batch_user(b, &user);
  for (uint32_t no = 1; ml_run_lane(w->run, no) != NULL; no++) {
    ml_row_member m = {no, ML_STR("aiko")};

    ml_batch_member(b, &m, true);
  }
}

static bool bring_in(world *w) {
  w->begun = 0;
  ml_run_load(w->run, w->flows, tell_fault, on_done, w);
  if (!wait_for(w))
    return false;
  w->begun = 0;
  ml_run_write(w->run, fill_people, on_done, w);
  return wait_for(w);
}

/* A start has its own number for good: whatever dies after it. */
static void check_boot(world *w) {
  int64_t boot = ml_store_boot(w->store);

  if (boot <= w->boot)
    world_fault(w, "this start has number %lld, an earlier one had %lld",
                (long long)boot, (long long)w->boot);
  if (!disk.dead)
    w->boot = boot;
}

/* What each part may leave open is on its way down in world_down(). */
bool world_up(world *w, bool load) {
  ml_store_conf sc = {.path = STORE, .vfs = "sim", .clock = &w->clock.base,
                      .log_max = w->log_max};
  ml_run_conf rc = {.clock = &w->clock.base, .rand = &w->engine_rand.base,
                    .http = &w->http, .stopped = on_stopped,
                    .keep_keys_ms = w->key_life_ms > 0 ? w->key_life_ms : -1,
                    .forget_ms = w->key_life_ms > 0 ? FORGET_MS : 0,
                    .stopped_arg = w};

  w->boots++;
  w->stopped = w->ready = false;
  memset(&w->up_err, 0, sizeof w->up_err);
  w->up_rc = ml_loop_new(&w->clock.base, &w->loop);
  if (w->up_rc == ML_OK)
    w->up_rc = ml_script_inline_new(NULL, &w->script);
  if (w->up_rc != ML_OK)
    return false;
  w->up_rc = ml_store_open(&sc, &w->store, &w->up_err);
  if (w->up_rc != ML_OK)
    return false;
  check_boot(w);
  rc.loop = w->loop;
  rc.store = w->store;
  rc.script = w->script;
  w->up_rc = ml_run_new(&rc, &w->run, &w->up_err);
  if (w->up_rc != ML_OK)
    return false;
  ml_run_hold_schedules(w->run, !w->clocked);
  w->begun = 0;
  ml_run_begin(w->run, on_done, w);
  if (!wait_for(w) || (load && !bring_in(w)))
    return false;
  w->ready = true;
  world_trace(w, "up: boot %lld", (long long)ml_store_boot(w->store));
  return true;
}

static void count_forgotten(world *w) {
  ml_run_stats s;

  if (w->run == NULL)
    return;
  ml_run_stats_get(w->run, &s);
  w->forgotten += s.forgotten;
}

void world_down(world *w) {
  bool alive = world_alive(w);

  count_forgotten(w);
  for (size_t i = 0; i < w->ask_count; i++)
    if (w->asks[i].open > 0) {
      w->asks[i].open = 0;
      w->asks[i].maybe = true;
      if (w->asks[i].state != ASK_ACKED)
        w->asks[i].state = ASK_UNKNOWN;
    }
  w->ready = false;
  w->stopped = true;               /* nothing is heard from here on */
  peer_hang_up(w);
  if (w->store != NULL)
    ml_store_wait(w->store);       /* its call-backs may still ask a script */
  ml_script_inline_free(w->script);
  w->script = NULL;
  ml_run_free(w->run);
  w->run = NULL;
  ml_store_close(w->store);
  w->store = NULL;
  ml_loop_free(w->loop);
  w->loop = NULL;
  w->stopped = false;
  if (alive)
    world_trace(w, "down");
}

bool world_kill(world *w, disk_keep keep) {
  world_trace(w, "killed: %s", disk_keep_name(keep));
  disk.dead = true;
  world_down(w);
  disk_crash(keep, &w->rand.base);
  return world_up(w, false);
}

/* ---- moving ---- */

bool world_turn(world *w) {
  ml_run_stats before, after;
  size_t moved;

  if (w->run == NULL)
    return false;
  ml_run_stats_get(w->run, &before);
  ml_loop_turn(w->loop, 0);
  moved = world_alive(w) ? ml_script_inline_turn(w->script) : 0;
  if (world_alive(w))
    moved += peer_deliver(w);
  ml_run_stats_get(w->run, &after);
  disk.state = (disk.state >> 48 << 48) | (w->boots & 0xffff) << 32 |
               (uint32_t)after.batches;
  return moved > 0 || before.inputs != after.inputs ||
         before.batches != after.batches || before.slices != after.slices ||
         before.loaded != after.loaded;
}

void world_settle(world *w) {
  int quiet = 0;

  for (int i = 0; i < ROUNDS_MAX && world_alive(w); i++) {
    quiet = world_turn(w) ? 0 : quiet + 1;
    if (quiet >= QUIET)
      return;
  }
  if (world_alive(w))
    world_fault(w, "it does not come to rest");
}

void world_pass(world *w, int64_t ms) {
  if (!world_alive(w))
    return;
  ml_clock_fake_pass(&w->clock, ms);
  ml_run_tick(w->run);
  world_settle(w);
}

/* How long until something happens by itself; 0: never. */
static int64_t until_next(world *w) {
  int64_t due = ml_run_next_due(w->run), ms = 0;
  int64_t peer = peer_next(w);

  if (due > 0)
    ms = due > w->clock.wall ? due - w->clock.wall : 1;
  if (peer >= 0) {
    int64_t p = peer > w->clock.mono ? peer - w->clock.mono : 1;

    ms = ms == 0 || p < ms ? p : ms;
  }
  return ms;
}

static bool only_incidents(world *w);

/* A schedule never runs out: with nothing open but incidents a day of it is
** enough.  What is due and does not come (the engine pauses after a refusal) is
** waited for in ever longer steps. */
void world_run_out(world *w) {
  int idle = 0, moments = 0, late = 0;

  for (int i = 0; i < 600 && world_alive(w); i++) {
    int64_t ms;

    world_settle(w);
    if (!world_alive(w) || world_open(w) == 0)
      return;
    ms = until_next(w);
    late = ms == 1 ? late + 1 : 0;
    if (late > 1)
      ms = 1 << (late < LATE_MAX ? late : LATE_MAX);
    if (ms == 0 || ms > 61000) {
      /* leases end within a minute: look so often before a long leap */
      idle++;
      if (w->clocked && only_incidents(w))
        moments++;
      if ((ms == 0 && idle > 4) || moments > MOMENTS_MAX)
        return;
    } else {
      idle = 0;
    }
    world_pass(w, ms == 0 ? 61000 : ms);
  }
}

/* ---- reading ---- */

typedef struct look {
  ml_rc rc;
  int64_t n, open, tasks, incidents;
  uint32_t task;
  const uint8_t *key;
  bool found;
  char answer[80];
} look;

static void nothing(void *arg) {
  (void)arg;
}

static void work_counts(void *arg, ml_read *r) {
  look *l = arg;

  l->rc = ml_read_counts(r, &l->open, &l->tasks, &l->incidents);
}

static look read_counts(world *w) {
  look l = {.rc = ML_IO};

  world_aside(true);
  if (ml_store_read(w->store, work_counts, nothing, &l) != ML_OK ||
      l.rc != ML_OK)
    l.open = -1;
  world_aside(false);
  return l;
}

int64_t world_open(world *w) {
  return read_counts(w).open;
}

static bool only_incidents(world *w) {
  look l = read_counts(w);

  return l.open >= 0 && l.open <= l.incidents;
}

static void work_status(void *arg, ml_read *r) {
  look *l = arg;
  ml_arena a = {0};
  ml_row_process row;

  l->rc = ml_read_process(r, &a, l->n, &row);
  l->found = l->rc == ML_OK && row.status == ML_OPEN;
  ml_arena_free(&a);
}

bool world_is_open(world *w, int64_t n) {
  look l = {.n = n};

  if (!world_alive(w))
    return false;
  world_aside(true);
  if (ml_store_read(w->store, work_status, nothing, &l) != ML_OK)
    l.found = false;
  world_aside(false);
  return l.found;
}

static void work_task(void *arg, ml_read *r) {
  look *l = arg;
  ml_arena a = {0};
  ml_row_task *rows;
  size_t count = 0;

  l->rc = ml_read_tasks_of(r, &a, l->n, &rows, &count);
  for (size_t i = 0; l->rc == ML_OK && i < count; i++)
    if (rows[i].status == ML_TASK_OPEN && l->task == 0)
      l->task = rows[i].no;
  ml_arena_free(&a);
}

uint32_t world_task_of(world *w, int64_t n) {
  look l = {.n = n};

  if (!world_alive(w))
    return 0;
  world_aside(true);
  if (ml_store_read(w->store, work_task, nothing, &l) != ML_OK)
    l.task = 0;
  world_aside(false);
  return l.task;
}

static void work_key(void *arg, ml_read *r) {
  look *l = arg;
  ml_arena a = {0};
  ml_row_key row;

  l->rc = ml_read_key(r, &a, l->key, &row);
  l->found = l->rc == ML_OK;
  if (l->found)
    snprintf(l->answer, sizeof l->answer, "%.*s", (int)row.answer.n,
             row.answer.p != NULL ? row.answer.p : "");
  ml_arena_free(&a);
}

/* ---- clients ---- */

ask *world_ask(world *w, ask_kind kind, int tag, const char *what, int of) {
  ask *a;

  for (size_t i = 0; i < w->ask_count; i++)
    if (w->asks[i].tag == tag)
      return &w->asks[i];
  if (w->ask_count == w->ask_cap) {
    w->ask_cap = w->ask_cap * 2 + 16;
    w->asks = realloc(w->asks, w->ask_cap * sizeof *w->asks);
    if (w->asks == NULL)
      abort();
  }
  a = &w->asks[w->ask_count++];
  memset(a, 0, sizeof *a);
  a->kind = kind;
  a->tag = tag;
  a->what = what;
  a->of = of;
  return a;
}

static ask *ask_tagged(world *w, int tag) {
  for (size_t i = 0; i < w->ask_count; i++)
    if (w->asks[i].tag == tag)
      return &w->asks[i];
  return NULL;
}

int64_t world_n_of(world *w, int tag) {
  const ask *a = ask_tagged(w, tag);

  return a != NULL ? a->n : 0;
}

typedef struct hearing {
  world *w;
  int tag;
} hearing;

static void read_answer(ask *a, ml_str text) {
  uint32_t no;

  if (text.n >= 36 && ml_id_of((ml_str){text.p, 36}, a->id, &no))
    a->n = ml_process_id_n(a->id);
}

static bool clean_no(ml_rc rc) {
  return rc != ML_OK && rc != ML_UNKNOWN;
}

static void hear(world *w, ask *a, ml_rc rc, ml_str text) {
  int64_t had = a->n;

  a->rc = rc;
  a->open--;
  w->answers++;
  world_trace(w, "answer %d: %s %.*s", a->tag, ml_rc_name(rc), (int)text.n,
              text.p != NULL ? text.p : "");
  if (rc == ML_OK) {
    a->state = ASK_ACKED;
    read_answer(a, text);
    if (a->kind == ASK_START && had != 0 && had != a->n)
      world_fault(w, "ask %d: one key gave process %lld, then %lld", a->tag,
                  (long long)had, (long long)a->n);
    if (a->kind == ASK_START && a->n == 0)
      world_fault(w, "ask %d was answered without an id", a->tag);
  } else if (a->state != ASK_ACKED) {
    w->refusals++;
    a->state = a->open > 0 ? ASK_OUT
               : clean_no(rc) && !a->maybe ? ASK_REFUSED : ASK_UNKNOWN;
    if (rc == ML_UNKNOWN)
      world_fault(w, "ask %d was answered though nobody can know", a->tag);
  }
}

static void on_answer(void *arg, ml_rc rc, const ml_err *e, int status,
                      const ml_buf *out, bool replayed) {
  hearing *h = arg;
  ask *a = ask_tagged(h->w, h->tag);

  (void)e;
  (void)status;
  (void)replayed;
  if (world_alive(h->w))
    hear(h->w, a, rc, (ml_str){out->p, out->len});
  else if (h->w->stopped && h->w->ready && !disk.dead && rc == ML_OK)
    world_fault(h->w, "ask %d was acknowledged after a failed flush", a->tag);
}

static int render(void *arg, const ml_process *p, const ml_flow *f,
                  const ml_made *made, ml_buf *out) {
  char id[ML_ID_MAX];

  (void)arg;
  (void)f;
  (void)made;
  ml_id_text(id, p->id, 0);
  ml_buf_puts(out, id);
  return 200;
}

/* As the edge does: a key that is on disk is answered from there. */
static bool replayed(world *w, ask *a, const uint8_t key[16]) {
  look l = {.key = key};

  if (ml_store_read(w->store, work_key, nothing, &l) != ML_OK)
    l.rc = ML_NOMEM;
  if (l.rc == ML_NOT_FOUND)
    return false;
  if (world_alive(w))
    hear(w, a, l.rc, ml_str_of(l.answer));
  return true;
}

static void fill(world *w, const ask *a, ml_input *in) {
  const ask *of = a->of >= 0 ? ask_tagged(w, a->of) : NULL;
  char *data = NULL;
  ml_json *json = NULL;

  if (of != NULL)
    in->n = of->n;
  switch (a->kind) {
    case ASK_START:
      in->ev.kind = ML_EV_STARTED;
      in->workflow = ml_str_of(a->what);
      data = strcmp(a->what, "split") == 0
                 ? ml_arena_printf(&in->arena, "{\"tag\":\"%d\",\"size\":%d}",
                                   a->tag, a->tag % 2 == 0 ? 9 : 2)
                 : ml_arena_printf(&in->arena, "{\"tag\":\"%d\"}", a->tag);
      break;
    case ASK_SIGNAL:
      in->ev.kind = ML_EV_SIGNALLED;
      in->ev.text = ml_str_of(a->what);
      data = strcmp(a->what, "paid") == 0
                 ? ml_arena_printf(&in->arena, "{\"sum\":%d}", a->tag)
                 : ml_arena_printf(&in->arena, "{\"text\":\"%d\"}", a->tag);
      break;
    case ASK_COMPLETE:
      in->ev.kind = ML_EV_COMPLETED;
      in->ev.no = a->task;
      in->ev.outcome = ml_str_of(a->what);
      in->ev.actor.operator_ = true;
      in->ev.actor.who = ML_STR("aiko");
      break;
    case ASK_CLAIM:
      in->ev.kind = ML_EV_CLAIMED;
      in->ev.no = a->task;
      in->ev.actor.who = ML_STR("aiko");
      break;
    case ASK_CANCEL:
      in->ev.kind = ML_EV_CANCELLED;
      in->ev.text = ML_STR("not wanted any more");
      break;
    default:
      in->ev.kind = ML_EV_RETRIED;
      in->ev.actor.operator_ = true;
      break;
  }
  if (data != NULL && ml_json_parse(&in->arena, data, strlen(data), NULL, &json,
                                    NULL) != ML_OK)
    abort();
  in->ev.data = json;
}

bool world_key_is_over(const world *w, const ask *a) {
  return w->key_life_ms > 0 &&
         w->clock.mono - a->born_ms > w->key_life_ms - LIFE_LEFT_MS;
}

void world_send(world *w, ask *a) {
  static const int16_t lanes[] = {0, 1, 2};
  ml_input *in;
  hearing *h;

  if (!world_alive(w))
    return;
  if (a->sent == 0)
    a->born_ms = w->clock.mono;
  else if (world_key_is_over(w, a))
    return;
  world_aside(true);
  in = ml_input_new();
  h = in != NULL ? ml_arena_alloc(&in->arena, sizeof *h) : NULL;
  if (h == NULL)
    abort();
  h->w = w;
  h->tag = a->tag;
  in->key[0] = 1;
  memcpy(in->key + 8, &a->tag, sizeof a->tag);
  in->body_hash[0] = (uint8_t)a->kind;
  in->has_key = true;
  fill(w, a, in);
  in->ev.actor.lanes = lanes;
  in->ev.actor.lane_count = 1;
  in->render = render;
  in->done = on_answer;
  in->arg = h;
  world_aside(false);
  if (a->state != ASK_ACKED)
    a->state = ASK_OUT;
  a->at_ms = w->clock.wall;
  a->sent++;
  a->open++;
  world_trace(w, "send %d %s", a->tag, a->what != NULL ? a->what : "");
  if (replayed(w, a, in->key)) {
    ml_input_free(in);
    return;
  }
  ml_run_put(w->run, in);
}

/* ---- the operator ---- */

typedef struct open_ones {
  int64_t list[100];
  size_t count;
} open_ones;

static void work_open_ones(void *arg, ml_read *r) {
  open_ones *o = arg;
  ml_find_process f = {.status = ML_OPEN, .run = -1, .limit = 100};
  ml_row_process *list = NULL;
  ml_arena a = {0};

  if (ml_read_processes(r, &a, &f, &list, &o->count) != ML_OK)
    o->count = 0;
  for (size_t i = 0; i < o->count; i++)
    o->list[i] = list[i].n;
  ml_arena_free(&a);
}

static void on_retried(void *arg, ml_rc rc, const ml_err *e, int status,
                       const ml_buf *out, bool again) {
  (void)arg;
  (void)rc;
  (void)e;
  (void)status;
  (void)out;
  (void)again;
}

void world_retry_all(world *w) {
  open_ones o = {.count = 0};

  if (!world_alive(w))
    return;
  world_aside(true);
  if (ml_store_read(w->store, work_open_ones, nothing, &o) != ML_OK)
    o.count = 0;
  world_aside(false);
  for (size_t i = 0; i < o.count && world_alive(w); i++) {
    ml_input *in = ml_input_new();

    if (in == NULL)
      return;
    in->n = o.list[i];
    in->ev.kind = ML_EV_RETRIED;
    in->ev.actor.operator_ = true;
    in->done = on_retried;
    ml_run_put(w->run, in);
    world_settle(w);
  }
}

void world_ensure(world *w, ask *a) {
  int tag = a->tag;

  if (!world_alive(w) || a->state == ASK_ACKED)
    return;
  world_send(w, a);
  world_settle(w);
  a = ask_tagged(w, tag);
  if (world_alive(w) && a->state == ASK_OUT)
    world_fault(w, "ask %d has no answer: it hangs", tag);
}
