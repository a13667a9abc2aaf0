/* host_place.c - one worker: what it is at, its answers, its end. */
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
#include "base/plant.h"
#include "script/frame.h"
#include "script/host_inside.h"

/* ---- flights ---- */

flight *ml_host_flight(place *p, unsigned k) {
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
    if (ml_host_flight(p, k)->id == id)
      return ml_host_flight(p, k);
  return NULL;
}

flight *ml_host_running(place *p) {
  uint64_t id;

  if (p->line.page == NULL)
    return NULL;
  id = atomic_load_explicit(p->line.page, memory_order_acquire);
  return id != 0 ? flight_find(p, id) : NULL;
}

void ml_host_ask_again(host *h, flight *f) {
  if (f->q == NULL)
    return;
  ml_quests_put_back(&h->waiting, f->q);
  f->q = NULL;
}

/* ---- blame ---- */

static void limit_text(char *out, size_t size, const host *h, ml_ask_kind kind,
                       fall why, int status) {
  bool rule = kind == ML_ASK_RULE || kind == ML_ASK_OBJECT;

  if (why == BY_CLOCK)
    snprintf(out, size, "still running after %lld ms (hard clock; %s)",
             (long long)h->conf.hard_ms[kind],
             ml_bound_told(NULL, &h->conf.limits,
                           rule ? ML_BOUND_RULE_TIME : ML_BOUND_TIME));
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
  char text[240];
  ml_answer r = {.end = ML_END_BROKE};
  ml_quest *q = f->q;

  if (q == NULL)
    return;                    /* it is being asked elsewhere */
  h->stats.blamed++;
  if (++q->deaths < DEATHS_MAX) {
    ml_quest_alone(q);         /* short of memory it stays as it is */
    return;
  }
  f->q = NULL;
  limit_text(text, sizeof text, h, q->kind, why, status);
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

void ml_host_strip(place *p, fall why, int status) {
  host *h = p->h;
  flight *f = why == BY_FRAME && p->n > 0 ? ml_host_flight(p, 0)
                                          : ml_host_running(p);
  unsigned k;

  if (f != NULL && counts(why, status))
    blame(h, f, why, status);
  for (k = 0; k < p->n; k++)
    ml_host_ask_again(h, ml_host_flight(p, k));
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
  ml_host_flush_soon(h);
}

void ml_host_fell(place *p, fall why) {
  ml_crew_kill(p->h->crew, p->serial);
  p->state = GONE;
  ml_host_strip(p, why, 0);
}

/* A worker that has nothing more to do and is to end: it sees its line
** closed and goes. */
void ml_host_retire(place *p) {
  p->state = GONE;
  p->h->stats.recycled++;
  ml_host_strip(p, BY_NOBODY, 0);
}

/* ---- answers ---- */

int64_t ml_host_cpu_ms(const place *p) {
  struct timespec ts;
  clockid_t clk;

  if (p->pid <= 0 || clock_getcpuclockid(p->pid, &clk) != 0 ||
      clock_gettime(clk, &ts) != 0)
    return -1;
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void use_up(place *p) {
  char path[64], text[64];
  unsigned long long total, pages = 0;
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
  if (pages * (uint64_t)sysconf(_SC_PAGESIZE) > p->h->conf.recycle_bytes ||
      ml_host_cpu_ms(p) > p->h->conf.recycle_cpu_ms)
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
  ml_host_ask_again(h, f);
  ml_host_flush_soon(h);
  return true;
}

static void answered(host *h, ml_quest *q, ml_answer *r) {
  if (r->end == ML_END_CLOCK && !q->counted) {
    if (ml_quest_count(q) == ML_OK) {
      h->stats.counted++;
      ml_quests_put_back(&h->waiting, q);
      ml_host_flush_soon(h);
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
        id != ml_host_flight(p, 0)->id || !needed(p, ml_host_flight(p, 0)))
      return false;
    flight_pop(p);
    return true;
  }
  rc = kind == ML_ANSWER_DONE ? ml_answer_unpack(&a, record, &r) : ML_CORRUPT;
  if (rc == ML_OK && !ml_answer_within(&r, &h->conf.limits))
    rc = ML_CORRUPT;
  if (rc == ML_CORRUPT || (rc == ML_OK && r.id != ml_host_flight(p, 0)->id &&
                           !ML_PLANTED(worker_trusted))) {
    ml_arena_free(&a);
    return false;
  }
  q = ml_host_flight(p, 0)->q;
  flight_pop(p);
  if (p->slow && ml_host_running(p) == NULL)
    p->slow = false;             /* what it was at is over */
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
    n = ml_frame_within(p->in.p + at, p->in.len - at, p->h->frame_max, &kind,
                        &record);
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
      ml_host_fell(p, BY_NOBODY);
      return true;
    }
    n = read(p->line.fd, to, READ_BYTES);
    if (n <= 0)
      return n < 0 && (errno == EAGAIN || errno == EINTR);
    p->in.len += (size_t)n;
    if (!take_all(p)) {
      p->h->stats.killed_frame++;
      ml_log(ML_WARN, "script-worker-frame", NULL);
      ml_host_fell(p, BY_FRAME);
      return true;
    }
    if (n < READ_BYTES)
      return true;
  }
}

void ml_host_write(place *p) {
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
    ml_host_write(p);
  if (p->state != ALIVE)
    return;
  if (p->answers >= LOOK_EVERY) {
    p->answers = 0;
    use_up(p);
  }
  if (p->retiring && p->n == 0)
    ml_host_retire(p);
  else if (p->h->waiting.n > 0)
    ml_host_flush_soon(p->h);
}

/* ---- births and deaths ---- */

static place *place_of(host *h, uint32_t serial) {
  unsigned i;

  for (i = 0; i < PLACES_MAX; i++)
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
  p->sent = 0;
  p->owner = p->promised;
  p->promised = 0;
  p->slow = p->retiring = p->useful = false;
  p->watch = ml_loop_fd_new(h->loop, p->line.fd, on_line, p);
  p->state = ALIVE;
  ml_buf_put(&p->out, h->hello.p, h->hello.len);
  h->stats.born++;
  if (p->watch == NULL || p->out.bad) {
    ml_host_fell(p, BY_NOBODY);
    return;
  }
  ml_loop_fd_want(p->watch, true, false);
  ml_host_flush_soon(h);
}

void ml_host_fill(host *h) {
  unsigned i;

  if (h->resting)
    return;
  for (i = 0; i < h->place_count; i++)
    if (h->places[i].state == EMPTY)
      order(&h->places[i]);
}

void ml_host_respite(void *arg) {
  host *h = arg;

  h->resting = false;
  ml_host_fill(h);
}

/* Workers that die before they were of any use: not too many of them. */
static void rest(host *h) {
  h->respite_ms = h->respite_ms == 0 ? RESPITE_MS_MIN
                  : h->respite_ms * 2 > RESPITE_MS_MAX ? RESPITE_MS_MAX
                                                       : h->respite_ms * 2;
  h->resting = true;
  ml_loop_timer_set(h->respite, h->respite_ms);
}

void ml_host_born(void *arg, uint32_t serial, int pid) {
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

void ml_host_died(void *arg, uint32_t serial, int status) {
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
      ml_host_strip(p, BY_DEATH, status);
    }
    if (!p->useful && h->stats.blamed == blamed && status != -1 &&
        !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
      rest(h);
  }
  p->state = EMPTY;
  p->pid = 0;
  ml_host_fill(h);
}

void ml_host_ready(void *arg) {
  ml_host_fill(arg);
}
