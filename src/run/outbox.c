/*
** outbox.c - messages leave after the commit that made them, queue by queue.
**
** A message is a row until it has arrived; memory only knows which are under
** way.  The head of each queue is given to its kind's sender, at most
** OUTBOX_OPEN at once; the sender ends it with outbox_end().  A crash while it
** is under way, or an end that could not be written, sends it once more with the
** same key.
**
** A wait is never longer than its kind's cap: a head that is to be sent later
** than that was given its moment by a clock that has been turned back since, and
** is sent now.
*/
#include <string.h>

#include "base/plant.h"
#include "run/inside.h"

enum {
  OUTBOX_OPEN = 32,              /* under way at once, all kinds */
  OUTBOX_READ = 64,              /* heads looked at in one pass */
  OUTBOX_FIRST_MS = 2000,        /* the first wait; doubled at each attempt, ... */
  OUTBOX_PAUSE_MS = 1000         /* an end could not be written */
};

struct post {
  struct post *next;
  ml_run *r;
  ml_arena arena;
  ml_row_post row;
  ml_post_end end;               /* being written */
  ml_str why;
  int64_t due_ms;
  bool ended;                    /* stays until the pass under way is over: that
                                    may have read it before its end */
};

void outbox_sender(ml_run *r, ml_postk kind, const outbox_kind *k) {
  r->outbox.kinds[kind] = *k;
}

static bool under_way(const outbox *o, int64_t no) {
  for (const post *p = o->open; p != NULL; p = p->next)
    if (p->row.no == no)
      return true;
  return false;
}

static void post_free(post *p) {
  ml_arena_free(&p->arena);
  ml_mem_free(p);
}

/* Those that have ended, once no pass is under way. */
static void bury(outbox *o) {
  post **at = &o->open;

  while (!o->reading && *at != NULL) {
    post *p = *at;

    if (p->ended) {
      *at = p->next;
      post_free(p);
    } else {
      at = &p->next;
    }
  }
}

/* ---- ends ---- */

static void fill_end(void *arg, ml_batch *b) {
  const post *p = arg;

  ml_batch_post_end(b, p->row.no, p->row.queue, p->end, p->why, p->due_ms,
                    now_wall(p->r));
}

static void end_written(void *arg, ml_rc rc, const ml_err *e) {
  post *p = arg;
  ml_run *r = p->r;

  (void)e;
  p->ended = true;
  r->outbox.open_count--;
  bury(&r->outbox);
  if (!r->stopped && rc != ML_OK)
    outbox_at(r, now_wall(r) + OUTBOX_PAUSE_MS);
  else if (!r->stopped)
    outbox_kick(r);
  busy_end(r);
}

void outbox_end(post *p, ml_post_end end, const char *why) {
  bool starved = false;

  p->end = end;
  p->why = why != NULL ? arena_str(&p->arena, ml_str_of(why), &starved)
                       : ML_NOSTR;
  write_quietly(p->r, fill_end, end_written, p);
}

/* Full jitter above a floor: what failed together does not return together. */
static int64_t wait_ms(const post *p, const outbox_kind *k) {
  int64_t top = OUTBOX_FIRST_MS;

  for (uint32_t i = 0; i < p->row.attempts && top < k->cap_ms; i++)
    top *= 2;
  if (top > k->cap_ms)
    top = k->cap_ms;
  return ml_rand_between(p->r->conf.rand, top / 4, top);
}

void outbox_again(post *p, const char *why, int64_t after_ms) {
  const outbox_kind *k = &p->r->outbox.kinds[p->row.kind];
  int64_t wait = wait_ms(p, k);

  if (k->attempts_max > 0 && p->row.attempts + 1 >= k->attempts_max) {
    outbox_end(p, ML_POST_ASIDE, why);
    return;
  }
  if (after_ms > wait)
    wait = after_ms < k->cap_ms ? after_ms : k->cap_ms;
  p->due_ms = now_wall(p->r) + wait;
  outbox_end(p, ML_POST_AGAIN, why);
}

const ml_row_post *outbox_row(const post *p) {
  return &p->row;
}

ml_run *outbox_run(const post *p) {
  return p->r;
}

/* ---- passes ---- */

typedef struct heads {
  ml_run *r;
  ml_arena arena;
  ml_row_post *rows;
  size_t count;
  int64_t now_ms, wait_ms, next_ms;
  ml_rc rc;
} heads;

/* The longest wait there is. */
static int64_t wait_max(const ml_run *r) {
  int64_t ms = ML_PLANTED(clock_believed) ? INT64_MAX / 4 : OUTBOX_FIRST_MS;

  for (int i = 0; i < ML_POST_KINDS; i++)
    if (r->outbox.kinds[i].cap_ms > ms)
      ms = r->outbox.kinds[i].cap_ms;
  return ms;
}

static void work(void *arg, ml_read *rd) {
  heads *h = arg;

  h->rc = ml_read_posts_due(rd, &h->arena, h->now_ms, h->wait_ms,
                            OUTBOX_READ, &h->rows, &h->count);
  if (h->rc == ML_OK)
    h->rc = ml_read_post_next(rd, h->now_ms, &h->next_ms);
}

static post *post_of(ml_run *r, const ml_row_post *row) {
  post *p = ml_mem_zero(sizeof *p);
  bool starved = false;

  if (p == NULL)
    return NULL;
  p->r = r;
  p->row = *row;
  p->row.queue = arena_str(&p->arena, row->queue, &starved);
  p->row.key = arena_str(&p->arena, row->key, &starved);
  p->row.why = arena_str(&p->arena, row->why, &starved);
  p->row.body = arena_str(&p->arena, row->body, &starved);
  if (starved) {
    post_free(p);
    return NULL;
  }
  return p;
}

static bool send_one(ml_run *r, const ml_row_post *row) {
  const outbox_kind *k = &r->outbox.kinds[row->kind];
  post *p;

  if (k->send == NULL)
    return true;                 /* nobody sends these: they wait */
  p = post_of(r, row);
  if (p == NULL)
    return false;
  p->next = r->outbox.open;
  r->outbox.open = p;
  r->outbox.open_count++;
  r->busy++;
  k->send(p);
  return true;
}

static void done(void *arg) {
  heads *h = arg;
  ml_run *r = h->r;
  outbox *o = &r->outbox;
  bool short_of = h->rc != ML_OK;

  o->reading = false;
  if (!r->stopped && !r->draining) {
    for (size_t i = 0; i < h->count && o->open_count < OUTBOX_OPEN; i++)
      if (!under_way(o, h->rows[i].no))
        short_of = !send_one(r, &h->rows[i]) || short_of;
    o->due_ms = 0;
    if (h->next_ms > 0 && h->next_ms <= h->now_ms + h->wait_ms)
      outbox_at(r, h->next_ms);
    if (short_of)
      outbox_at(r, h->now_ms + OUTBOX_PAUSE_MS);
  }
  bury(o);
  if (o->again && o->open_count < OUTBOX_OPEN)
    outbox_kick(r);
  ml_arena_free(&h->arena);
  ml_mem_free(h);
  busy_end(r);
}

void outbox_kick(ml_run *r) {
  heads *h;

  if (r->outbox.reading || !r->begun || r->stopped || r->draining ||
      r->conf.still) {
    r->outbox.again = true;
    return;
  }
  r->outbox.again = false;
  h = ml_mem_zero(sizeof *h);
  if (h != NULL) {
    h->r = r;
    h->now_ms = now_wall(r);
    h->wait_ms = wait_max(r);
    r->outbox.reading = true;
    r->busy++;
    if (ml_run_read(r, work, done, h) == ML_OK)
      return;
    r->outbox.reading = false;
    r->busy--;
    ml_mem_free(h);
  }
  outbox_at(r, now_wall(r) + OUTBOX_PAUSE_MS);
}

void outbox_at(ml_run *r, int64_t ms) {
  if (r->outbox.due_ms == 0 || ms < r->outbox.due_ms) {
    r->outbox.due_ms = ms;
    due_arm(r);
  }
}

int64_t outbox_due(ml_run *r, int64_t now_ms) {
  if (now_ms > 0 && r->outbox.due_ms > 0 &&
      (r->outbox.due_ms <= now_ms ||
       r->outbox.due_ms > now_ms + wait_max(r))) {
    r->outbox.due_ms = 0;
    outbox_kick(r);
  }
  return r->outbox.due_ms;
}

void outbox_free(ml_run *r) {
  while (r->outbox.open != NULL) {
    post *p = r->outbox.open;

    r->outbox.open = p->next;
    post_free(p);
  }
}
