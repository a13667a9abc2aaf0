/*
** host.c - which worker is asked what, and what happens when one dies.
**
** A place holds one worker at a time:
**   EMPTY --order--> ALIVE --fell--> GONE --died--> EMPTY
** ALIVE   questions are sent to it, answers come in the order of asking.
** GONE    its line is closed and its questions are elsewhere; the template
**         has not reported its death yet.
** A worker that dies by itself goes from ALIVE to EMPTY in on_died.
**
** 1. A question is in the waiting list, or in exactly one flight, or ended.
** 2. A flight whose question was asked elsewhere has q == NULL; its answer is
**    read and dropped.
** 3. Call-backs of askers may ask; they never see a place being changed:
**    asking only puts into the waiting list, flush() hands out.
*/
#include "script/host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "script/crew.h"
#include "script/frame.h"
#include "script/quest.h"
#include "script/stock.h"

enum {
  PLACES_MAX = 8,
  WINDOW = 64,                 /* questions at one worker */
  WINDOW_BYTES = 256 << 10,
  DEATHS_MAX = 3,              /* on one slice */
  NEEDS_MAX = 8,               /* of a bundle, for one question */
  WATCH_MS = 10,               /* how often running slices are looked at */
  STUCK_MS = 10000,            /* a worker that begins nothing */
  LOOK_EVERY = 64,             /* answers between looks at a worker's size */
  RESPITE_MS_MIN = 100, RESPITE_MS_MAX = 5000,
  READ_BYTES = 64 << 10
};

typedef enum place_state { EMPTY, ALIVE, GONE } place_state;

/* Why a worker fell, and so whether the slice it ran is to blame. */
typedef enum fall { BY_CLOCK, BY_FRAME, BY_DEATH, BY_NOBODY } fall;

typedef struct flight {
  uint64_t id;
  size_t bytes;
  ml_ask_kind kind;
  ml_quest *q;
} flight;

typedef struct place {
  struct host *h;
  int i;
  place_state state;
  uint32_t serial;
  int pid;
  ml_crew_line line;
  ml_loop_fd *watch;
  ml_buf in, out;
  size_t out_at;               /* bytes of `out` already written */
  flight flights[WINDOW];      /* a ring: the oldest at `first` */
  unsigned first, n;
  size_t bytes;                /* of all flights */
  uint64_t at;                 /* the slice it runs; 0: none seen */
  int64_t at_ms;               /* since when */
  bool slow;                   /* what was behind it is asked elsewhere */
  bool retiring;               /* is given nothing more */
  bool useful;                 /* it has answered */
  unsigned answers;            /* since its size was looked at */
} place;

typedef struct host {
  ml_script api;
  ml_loop *loop;
  ml_host_conf conf;
  ml_crew *crew;
  ml_stock stock;
  ml_quests waiting;
  uint64_t last_id;
  unsigned place_count;
  place places[PLACES_MAX];
  ml_loop_timer *watch;        /* runs while anything is in flight */
  ml_loop_timer *respite;      /* after workers that were of no use */
  int64_t respite_ms;
  bool watching, resting;
  ml_host_stats stats;
} host;

static void flush(void *arg);

static host *host_of(const ml_script *s) {
  return (host *)s;            /* api is the first member */
}

static int64_t now_ms(const host *h) {
  ml_clock *k = ml_loop_clock(h->loop);

  return k->mono_ms(k);
}

/* Short of memory here the flush is lost; the watch makes up for it. */
static void flush_soon(host *h) {
  if (ml_loop_later(h->loop, flush, h) != ML_OK && !h->watching) {
    h->watching = true;
    ml_loop_timer_set(h->watch, WATCH_MS);
  }
}

/* ---- flights ---- */

static flight *flight_at(place *p, unsigned k) {
  return &p->flights[(p->first + k) % WINDOW];
}

static void flight_pop(place *p) {
  p->bytes -= p->flights[p->first].bytes;
  p->first = (p->first + 1) % WINDOW;
  p->n--;
}

static flight *flight_find(place *p, uint64_t id) {
  unsigned k;

  for (k = 0; k < p->n; k++)
    if (flight_at(p, k)->id == id)
      return flight_at(p, k);
  return NULL;
}

/* The slice that the worker says it runs; NULL: none that it may run. */
static flight *running(place *p) {
  uint64_t id;

  if (p->line.page == NULL)
    return NULL;
  id = atomic_load_explicit(p->line.page, memory_order_acquire);
  return id != 0 ? flight_find(p, id) : NULL;
}

static void ask_again(host *h, flight *f) {
  if (f->q == NULL)
    return;
  ml_quests_put_back(&h->waiting, f->q);
  f->q = NULL;
}

/* ---- blame ---- */

static void limit_text(char *out, size_t size, fall why, int status,
                       int64_t hard_ms) {
  if (why == BY_CLOCK)
    snprintf(out, size, "still running after %lld ms (hard clock)",
             (long long)hard_ms);
  else if (why == BY_FRAME)
    snprintf(out, size, "the worker answered something not well-formed");
  else if (WIFSIGNALED(status))
    snprintf(out, size, "the worker died of SIG%s",
             sigabbrev_np(WTERMSIG(status)) != NULL
                 ? sigabbrev_np(WTERMSIG(status)) : "?");
  else
    snprintf(out, size, "the worker ended with status %d",
             WEXITSTATUS(status));
}

/*
** One more death on this slice.  SEMANTICS.md 27 names the hard clock,
** SIGSEGV, SIGBUS, SIGSYS and the kernel's limits; an abort or a broken
** frame is counted with them, for a slice that always ends so would be asked
** for ever.  A SIGKILL or SIGTERM that we did not send is not.
*/
static void blame(host *h, flight *f, fall why, int status) {
  char text[160];
  ml_answer r = {.end = ML_END_BROKE};
  ml_quest *q = f->q;

  if (q == NULL)
    return;                    /* it is being asked elsewhere */
  h->stats.blamed++;
  if (++q->deaths < DEATHS_MAX)
    return;
  f->q = NULL;
  limit_text(text, sizeof text, why, status, h->conf.hard_ms[q->kind]);
  r.text = ml_str_of(text);
  h->stats.answered++;
  ml_quest_end(q, ML_LIMIT, &r);
}

static bool counts(fall why, int status) {
  if (why == BY_CLOCK || why == BY_FRAME)
    return true;
  if (why == BY_NOBODY || status == -1)
    return false;
  if (WIFSIGNALED(status))
    return WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM;
  return WEXITSTATUS(status) != 0;
}

/* ---- the end of a worker ---- */

/* Take everything from it: what it ran is blamed (or not), the rest is asked
** again.  Leaves the place without a line. */
static void strip(place *p, fall why, int status) {
  host *h = p->h;
  flight *f = why == BY_FRAME && p->n > 0 ? flight_at(p, 0) : running(p);
  unsigned k;

  if (f != NULL && counts(why, status))
    blame(h, f, why, status);
  for (k = 0; k < p->n; k++)
    ask_again(h, flight_at(p, k));
  p->first = p->n = 0;
  p->bytes = 0;
  p->at = 0;
  ml_loop_fd_free(p->watch);
  p->watch = NULL;
  ml_crew_line_close(&p->line);
  ml_buf_free(&p->in);
  ml_buf_free(&p->out);
  p->out_at = 0;
  ml_stock_unsent(&h->stock, p->i);
  flush_soon(h);
}

static void fell(place *p, fall why) {
  ml_crew_kill(p->h->crew, p->serial);
  p->state = GONE;
  strip(p, why, 0);
}

/* A worker that has nothing more to do and is to end: it sees its line
** closed and goes. */
static void retire(place *p) {
  p->state = GONE;
  p->h->stats.recycled++;
  strip(p, BY_NOBODY, 0);
}

/* ---- answers ---- */

static void use_up(place *p) {
  char path[64], text[64];
  unsigned long long total, pages = 0;
  struct timespec ts;
  clockid_t clk;
  int64_t cpu_ms = 0;
  ssize_t n;
  int fd;

  snprintf(path, sizeof path, "/proc/%d/statm", p->pid);
  fd = p->pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd >= 0) {
    n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    if (sscanf(text, "%llu %llu", &total, &pages) != 2)
      pages = 0;
  }
  if (p->pid > 0 && clock_getcpuclockid(p->pid, &clk) == 0 &&
      clock_gettime(clk, &ts) == 0)
    cpu_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
  if (pages * (uint64_t)sysconf(_SC_PAGESIZE) > p->h->conf.recycle_bytes ||
      cpu_ms > p->h->conf.recycle_cpu_ms)
    p->retiring = true;
}

/* The worker lacks the bundle: send it again.  False: it never has it. */
static bool needed(place *p, flight *f) {
  host *h = p->h;
  ml_quest *q = f->q;
  ml_stock_item *it;

  if (q == NULL)
    return true;
  it = ml_stock_find(&h->stock, q->bundle);
  if (it != NULL)
    it->sent &= ~(UINT64_C(1) << p->i);
  if (++q->needs > NEEDS_MAX)
    return false;
  ask_again(h, f);
  flush_soon(h);
  return true;
}

static void answered(host *h, ml_quest *q, ml_answer *r) {
  if (r->end == ML_END_CLOCK && !q->counted) {
    if (ml_quest_count(q) == ML_OK) {
      h->stats.counted++;
      ml_quests_put_back(&h->waiting, q);
      flush_soon(h);
      return;
    }
    h->stats.answered++;
    ml_quest_end(q, ML_NOMEM, NULL);
    return;
  }
  h->stats.answered++;
  ml_quest_end(q, ML_OK, r);
}

/* One frame.  False: nothing a sound worker says. */
static bool take(place *p, int kind, ml_str record) {
  host *h = p->h;
  ml_arena a = {0};
  ml_answer r;
  ml_quest *q;
  uint8_t hash[32];
  uint64_t id;
  ml_rc rc;

  if (p->n == 0)
    return false;
  if (kind == ML_ANSWER_NEED) {
    if (ml_answer_unpack_need(record, &id, hash) != ML_OK ||
        id != flight_at(p, 0)->id || !needed(p, flight_at(p, 0)))
      return false;
    flight_pop(p);
    return true;
  }
  rc = kind == ML_ANSWER_DONE ? ml_answer_unpack(&a, record, &r) : ML_CORRUPT;
  if (rc == ML_CORRUPT || (rc == ML_OK && r.id != flight_at(p, 0)->id)) {
    ml_arena_free(&a);
    return false;
  }
  q = flight_at(p, 0)->q;
  flight_pop(p);
  p->answers++;
  p->useful = true;
  h->respite_ms = 0;
  if (q != NULL && rc == ML_OK) {
    answered(h, q, &r);
  } else if (q != NULL) {
    h->stats.answered++;
    ml_quest_end(q, rc, NULL);
  }
  ml_arena_free(&a);
  return true;
}

/* All whole frames of `in`. */
static bool take_all(place *p) {
  size_t at = 0;
  ml_str record;
  int64_t n = 0;
  int kind;

  while (p->state == ALIVE) {
    n = ml_frame_next(p->in.p + at, p->in.len - at, &kind, &record);
    if (n <= 0 || !take(p, kind, record))
      break;
    at += (size_t)n;
  }
  if (n != 0)
    return false;
  if (at > 0)
    memmove(p->in.p, p->in.p + at, p->in.len - at);
  p->in.len -= at;
  if (p->in.len == 0 && p->in.cap > 4 * READ_BYTES)
    ml_buf_free(&p->in);
  return true;
}

/* Read what is there.  False when the other end is closed. */
static bool drain(place *p) {
  ssize_t n;
  char *to;

  for (;;) {
    to = ml_buf_room(&p->in, READ_BYTES);
    if (to == NULL) {          /* short of memory: begin anew with another */
      fell(p, BY_NOBODY);
      return true;
    }
    n = read(p->line.fd, to, READ_BYTES);
    if (n <= 0)
      return n < 0 && (errno == EAGAIN || errno == EINTR);
    p->in.len += (size_t)n;
    if (!take_all(p)) {
      p->h->stats.killed_frame++;
      ml_log(ML_WARN, "script-worker-frame", NULL);
      fell(p, BY_FRAME);
      return true;
    }
    if (n < READ_BYTES)
      return true;
  }
}

static void write_out(place *p);

static void on_line(void *arg, bool readable, bool writable) {
  place *p = arg;

  if (readable && !drain(p)) {
    /* closed: its death is about to be reported; nothing more is sent */
    ml_loop_fd_want(p->watch, false, false);
    ml_buf_free(&p->out);
    p->out_at = 0;
    p->retiring = true;
    return;
  }
  if (p->state == ALIVE && writable)
    write_out(p);
  if (p->state != ALIVE)
    return;
  if (p->answers >= LOOK_EVERY) {
    p->answers = 0;
    use_up(p);
  }
  if (p->retiring && p->n == 0)
    retire(p);
  else if (p->h->waiting.n > 0)
    flush_soon(p->h);
}

/* ---- questions ---- */

static void write_out(place *p) {
  ssize_t n;

  while (p->out_at < p->out.len) {
    n = send(p->line.fd, p->out.p + p->out_at, p->out.len - p->out_at,
             MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      break;                   /* full; or closed, which the read will see */
    p->out_at += (size_t)n;
  }
  if (p->out_at == p->out.len) {
    ml_buf_reset(&p->out);
    p->out_at = 0;
  }
  ml_loop_fd_want(p->watch, true, p->out.len > 0);
}

static bool has_room(const place *p, size_t bytes) {
  return p->state == ALIVE && !p->slow && !p->retiring && p->n < WINDOW &&
         (p->n == 0 || p->bytes + bytes <= WINDOW_BYTES);
}

/* The least busy; of equals one that has the bundle. */
static place *choose(host *h, const ml_quest *q, const ml_stock_item *it) {
  place *best = NULL, *p;
  unsigned i;
  bool knows, best_knows = false;

  for (i = 0; i < h->place_count; i++) {
    p = &h->places[i];
    if (!has_room(p, q->frame.len))
      continue;
    knows = it != NULL && (it->sent >> i & 1) != 0;
    if (best == NULL || p->n < best->n || (p->n == best->n && knows &&
                                           !best_knows)) {
      best = p;
      best_knows = knows;
    }
  }
  return best;
}

/* Append to what the worker will read; false when memory is short. */
static bool send_to(place *p, ml_quest *q, ml_stock_item *it) {
  size_t before = p->out.len;
  flight *f;

  if (it != NULL && (it->sent >> p->i & 1) == 0)
    ml_buf_put(&p->out, it->frame.p, it->frame.len);
  ml_buf_put(&p->out, q->frame.p, q->frame.len);
  if (p->out.bad) {
    p->out.bad = false;        /* a failed append left what was there */
    p->out.len = before;
    return false;
  }
  if (it != NULL)
    it->sent |= UINT64_C(1) << p->i;
  f = flight_at(p, p->n++);
  *f = (flight){.id = q->id, .bytes = q->frame.len, .kind = q->kind, .q = q};
  p->bytes += f->bytes;
  return true;
}

/* Its bundle was forgotten while it waited. */
static void end_lost(host *h, ml_quest *q) {
  ml_answer r = {.end = ML_END_BROKE,
                 .text = ML_STR("the bundle of this slice was forgotten")};

  h->stats.answered++;
  ml_quest_end(q, ML_LIMIT, &r);
}

static void hand_out(host *h) {
  ml_stock_item *it;
  ml_quest *q;
  place *p;

  while ((q = h->waiting.head) != NULL) {
    it = NULL;
    if (ml_stock_named(q->bundle) && !q->carries) {
      it = ml_stock_find(&h->stock, q->bundle);
      if (it == NULL) {
        end_lost(h, ml_quests_take(&h->waiting));
        continue;
      }
    }
    p = choose(h, q, it);
    if (p == NULL)
      return;
    ml_quests_take(&h->waiting);
    if (!send_to(p, q, it)) {
      ml_quests_put_back(&h->waiting, q);
      return;
    }
  }
}

static void flush(void *arg) {
  host *h = arg;
  unsigned i;
  bool any = false;

  hand_out(h);
  for (i = 0; i < h->place_count; i++) {
    if (h->places[i].state == ALIVE && h->places[i].out.len > 0)
      write_out(&h->places[i]);
    any = any || h->places[i].n > 0;
  }
  if ((any || h->waiting.n > 0) && !h->watching) {
    h->watching = true;
    ml_loop_timer_set(h->watch, WATCH_MS);
  }
}

static ml_rc ask(ml_script *s, const ml_ask *ask_, ml_answer_fn *fn,
                 void *arg) {
  host *h = host_of(s);
  ml_quest *q;
  ml_rc rc;

  if (ml_stock_named(ask_->bundle) && ask_->source_count == 0 &&
      ml_stock_find(&h->stock, ask_->bundle) == NULL)
    return ML_NOT_FOUND;
  rc = ml_quest_new(ask_, h->last_id + 1, false, fn, arg, &q);
  if (rc != ML_OK)
    return rc;
  h->last_id++;
  h->stats.asked++;
  ml_quests_add(&h->waiting, q);
  flush_soon(h);
  return ML_OK;
}

static ml_rc bundle(ml_script *s, const uint8_t hash[32], const ml_source *src,
                    size_t n) {
  return ml_stock_put(&host_of(s)->stock, hash, src, n);
}

/* ---- the watch over running slices ---- */

static bool other_is_free(const host *h, const place *not_this) {
  unsigned i;

  for (i = 0; i < h->place_count; i++)
    if (&h->places[i] != not_this && has_room(&h->places[i], 0))
      return true;
  return false;
}

/* What waits behind a long slice is asked elsewhere. */
static void steal(place *p, const flight *run) {
  flight *f;
  unsigned k;

  p->slow = true;
  for (k = 0; k < p->n; k++) {
    f = flight_at(p, k);
    if (f == run || f->q == NULL)
      continue;
    p->h->stats.stolen++;
    ask_again(p->h, f);
  }
  flush_soon(p->h);
}

static void look(place *p, int64_t now) {
  flight *f = running(p);
  uint64_t id = f != NULL ? f->id : 0;
  int64_t since;

  if (id != p->at || p->n == 0 || p->at_ms == 0) {
    p->at = id;
    p->at_ms = now;
    p->slow = false;
    return;
  }
  since = now - p->at_ms;
  if (f == NULL) {
    if (since >= STUCK_MS)
      fell(p, BY_NOBODY);
    return;
  }
  if (since >= p->h->conf.hard_ms[f->kind]) {
    p->h->stats.killed_clock++;
    ml_log(ML_WARN, "script-worker-clock", NULL);
    fell(p, BY_CLOCK);
  } else if (since >= p->h->conf.steal_ms && !p->slow && p->n > 1 &&
             other_is_free(p->h, p)) {
    steal(p, f);
  }
}

static void on_watch(void *arg) {
  host *h = arg;
  int64_t now = now_ms(h);
  unsigned i;

  h->watching = false;
  for (i = 0; i < h->place_count; i++)
    if (h->places[i].state == ALIVE)
      look(&h->places[i], now);
  flush(h);
}

/* ---- births and deaths ---- */

static place *place_of(host *h, uint32_t serial) {
  unsigned i;

  for (i = 0; i < h->place_count; i++)
    if (h->places[i].state != EMPTY && h->places[i].serial == serial)
      return &h->places[i];
  return NULL;
}

static void order(place *p) {
  host *h = p->h;

  if (ml_crew_order(h->crew, &p->serial, &p->line) != ML_OK)
    return;                    /* the crew says when it stands again */
  p->pid = 0;
  p->answers = 0;
  p->at = 0;
  p->at_ms = 0;
  p->slow = p->retiring = p->useful = false;
  p->watch = ml_loop_fd_new(h->loop, p->line.fd, on_line, p);
  p->state = ALIVE;
  h->stats.born++;
  if (p->watch == NULL) {
    fell(p, BY_NOBODY);
    return;
  }
  ml_loop_fd_want(p->watch, true, false);
  flush_soon(h);
}

static void fill(host *h) {
  unsigned i;

  if (h->resting)
    return;
  for (i = 0; i < h->place_count; i++)
    if (h->places[i].state == EMPTY)
      order(&h->places[i]);
}

static void on_respite(void *arg) {
  host *h = arg;

  h->resting = false;
  fill(h);
}

/* Workers that die before they were of any use: not too many of them. */
static void rest(host *h) {
  h->respite_ms = h->respite_ms == 0 ? RESPITE_MS_MIN
                  : h->respite_ms * 2 > RESPITE_MS_MAX ? RESPITE_MS_MAX
                                                       : h->respite_ms * 2;
  h->resting = true;
  ml_loop_timer_set(h->respite, h->respite_ms);
}

static void on_born(void *arg, uint32_t serial, int pid) {
  place *p = place_of(arg, serial);

  if (p != NULL)
    p->pid = pid;
}

static void log_death(int status) {
  char how[32];

  if (status == -1 || !WIFSIGNALED(status))
    snprintf(how, sizeof how, "status %d",
             status == -1 ? -1 : WEXITSTATUS(status));
  else
    snprintf(how, sizeof how, "signal %d", WTERMSIG(status));
  ml_log(ML_WARN, "script-worker-died", "of", how, NULL);
}

static void on_died(void *arg, uint32_t serial, int status) {
  host *h = arg;
  place *p = place_of(h, serial);
  uint64_t blamed = h->stats.blamed;

  h->stats.died++;
  if (p == NULL)
    return;
  if (p->state == ALIVE) {
    drain(p);                  /* answers that it still wrote */
    if (p->state == ALIVE) {
      log_death(status);
      strip(p, BY_DEATH, status);
    }
    if (!p->useful && h->stats.blamed == blamed && status != -1 &&
        !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
      rest(h);
  }
  p->state = EMPTY;
  p->pid = 0;
  fill(h);
}

static void on_ready(void *arg) {
  fill(arg);
}

/* ---- life ---- */

static void defaults(host *h, const ml_host_conf *conf) {
  static const ml_host_conf none;
  ml_host_conf *c = &h->conf;
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  int i;

  *c = conf != NULL ? *conf : none;
  if (c->workers == 0)
    c->workers = cores < 2 ? 2 : (uint32_t)cores;
  h->place_count = c->workers > PLACES_MAX ? PLACES_MAX : c->workers;
  for (i = 0; i < ML_ASK_COUNT; i++)
    if (c->hard_ms[i] == 0)
      c->hard_ms[i] = i == ML_ASK_RULE ? 200 : 2000;
  if (c->program == NULL)
    c->program = "/proc/self/exe";
  if (c->steal_ms == 0)
    c->steal_ms = 25;
  if (c->recycle_bytes == 0)
    c->recycle_bytes = 512u << 20;
  if (c->recycle_cpu_ms == 0)
    c->recycle_cpu_ms = 600000;
}

ml_rc ml_host_new(ml_loop *l, const ml_host_conf *conf, ml_script **out,
                  ml_err *e) {
  host *h = ml_mem_zero(sizeof *h);
  ml_rc rc = ML_NOMEM;
  unsigned i;

  *out = NULL;
  if (h == NULL)
    return ML_NOMEM;
  h->api = (ml_script){.ask = ask, .bundle = bundle};
  h->loop = l;
  defaults(h, conf);
  for (i = 0; i < h->place_count; i++)
    h->places[i] = (place){.h = h, .i = (int)i, .line = {.fd = -1}};
  h->watch = ml_loop_timer_new(l, on_watch, h);
  h->respite = ml_loop_timer_new(l, on_respite, h);
  if (h->watch == NULL || h->respite == NULL)
    goto fail;
  rc = ml_crew_new(l, h->conf.program, h->conf.insecure,
                   &(ml_crew_calls){on_born, on_died, on_ready, h}, &h->crew,
                   e);
  if (rc != ML_OK)
    goto fail;
  h->conf.program = NULL;      /* borrowed until here */
  *out = &h->api;
  return ML_OK;
fail:
  ml_host_free(&h->api);
  return rc;
}

static void end_waiting(host *h) {
  ml_quest *q;

  while ((q = ml_quests_take(&h->waiting)) != NULL)
    ml_quest_end(q, ML_AGAIN, NULL);
}

void ml_host_free(ml_script *s) {
  host *h = s != NULL ? host_of(s) : NULL;
  unsigned i;

  if (h == NULL)
    return;
  for (i = 0; i < h->place_count; i++)
    strip(&h->places[i], BY_NOBODY, 0);
  ml_crew_free(h->crew);
  end_waiting(h);
  ml_loop_later_cancel(h->loop, flush, h);
  ml_loop_timer_free(h->watch);
  ml_loop_timer_free(h->respite);
  ml_stock_free(&h->stock);
  ml_mem_free(h);
}

void ml_host_stats_get(const ml_script *s, ml_host_stats *out) {
  const host *h = host_of(s);
  unsigned i;

  *out = h->stats;
  out->waiting = h->waiting.n;
  out->templates = h->crew != NULL ? ml_crew_templates(h->crew) : 0;
  out->workers = 0;
  for (i = 0; i < h->place_count; i++) {
    out->workers += h->places[i].state == ALIVE;
    out->waiting += h->places[i].n;
  }
}

int ml_host_pid(const ml_script *s, int i) {
  const host *h = host_of(s);

  if (i < 0)
    return h->crew != NULL ? ml_crew_pid(h->crew) : 0;
  return (unsigned)i < h->place_count && h->places[i].state == ALIVE
             ? h->places[i].pid : 0;
}
