/* worker_main.c - the process around a worker. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/attempt.h"
#include "script/box.h"
#include "script/jail.h"
#include "script/frame.h"
#include "script/template.h"
#include "script/worker.h"

enum {
  READ_BYTES = 64 << 10,
  BATCH = 32,                  /* answers a write holds at most */
  BATCH_BYTES = 256 << 10,
  BATCH_MS = 1,                /* and how old its first one may grow */
  STATES = 64,
  EXIT_JAIL = 78, EXIT_FRAME = 65, EXIT_MEMORY = 71
};

typedef struct line {
  int fd;
  _Atomic uint64_t *page;
  ml_worker *w;
  ml_buf in, out;
  uint64_t asked;              /* questions read */
  unsigned answers;            /* in `out` */
  int64_t since_ms;            /* when the first of them was ready */
} line;

static int64_t now_ms(void) {
  ml_clock *c = ml_clock_system();

  return c->mono_ms(c);
}

/* False: the core is gone. */
static bool flush(line *l) {
  size_t at = 0;
  ssize_t n;

  while (at < l->out.len) {
    n = write(l->fd, l->out.p + at, l->out.len - at);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    at += (size_t)n;
  }
  ml_buf_reset(&l->out);
  if (l->out.cap > 4 * BATCH_BYTES)
    ml_buf_free(&l->out);
  l->answers = 0;
  return true;
}

/* The id stands right behind the kind, in every question. */
static uint64_t id_of(ml_str record) {
  ml_unpack r = ml_unpack_of(record.p, record.n);

  return ml_unpack_u64(&r);
}

/* Is it a question that was asked elsewhere since it was sent? */
static bool is_stale(line *l, int kind) {
  if (kind == ML_ASK_BUNDLE || kind == ML_ASK_FORGET || kind == ML_ASK_LIMITS)
    return false;
  return ++l->asked <= atomic_load_explicit(l->page + 1, memory_order_acquire);
}

static ml_rc run(line *l, ml_str frame, ml_str record) {
  ml_rc rc;

  atomic_store_explicit(l->page, id_of(record), memory_order_release);
  rc = ml_worker_handle(l->w, frame, &l->out);
  atomic_store_explicit(l->page, 0, memory_order_release);
  return rc;
}

/* One frame.  0, or how to end. */
static int handle(line *l, ml_str frame, ml_str record, int kind) {
  size_t before = l->out.len;
  ml_answer stale = {.end = ML_END_BROKE, .text = ML_STR("asked elsewhere"),
                     .after_ms = -1};
  ml_rc rc = ML_OK;

  if (is_stale(l, kind)) {
    stale.id = id_of(record);
    ml_answer_pack(&l->out, &stale);
    rc = l->out.bad ? ML_NOMEM : ML_OK;
  } else {
    rc = run(l, frame, record);
  }
  if (rc != ML_OK)
    return rc == ML_NOMEM ? EXIT_MEMORY : EXIT_FRAME;
  if (l->out.len == before)
    return 0;
  if (l->answers++ == 0)
    l->since_ms = now_ms();
  else if (l->answers < BATCH && l->out.len < BATCH_BYTES &&
           now_ms() - l->since_ms < BATCH_MS)
    return 0;
  else if (!flush(l))
    return -1;
  return 0;
}

/* All whole frames that were read. */
static int handle_all(line *l) {
  size_t at = 0;
  ml_str record;
  int64_t n;
  int kind, end;

  while ((n = ml_frame_within(l->in.p + at, l->in.len - at,
                              ml_worker_frame(l->w), &kind, &record)) > 0) {
    end = handle(l, (ml_str){l->in.p + at, (size_t)n}, record, kind);
    if (end != 0)
      return end;
    at += (size_t)n;
  }
  if (n < 0)
    return EXIT_FRAME;
  memmove(l->in.p, l->in.p + at, l->in.len - at);
  l->in.len -= at;
  if (l->in.len == 0 && l->in.cap > 4 * BATCH_BYTES)
    ml_buf_free(&l->in);
  return 0;
}

static int serve(line *l) {
  char *to;
  ssize_t n;
  int end = 0;

  while (end == 0) {
    to = ml_buf_room(&l->in, READ_BYTES);
    if (to == NULL)
      return EXIT_MEMORY;
    n = read(l->fd, to, READ_BYTES);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return 0;
    l->in.len += (size_t)n;
    end = handle_all(l);
    if (end == 0 && !flush(l))
      return 0;
  }
  return end > 0 ? end : 0;
}

int ml_worker_main(int fd, int page, int insecure) {
  const int keep[] = {fd};
  ml_jail_conf jail = {.states = STATES};
  line l = {.fd = fd};
  ml_err e = {0};
  void *p = mmap(NULL, ML_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, page,
                 0);

  if (p == MAP_FAILED || close(page) != 0)
    return EXIT_MEMORY;
  l.page = p;
  if (!ml_jail_is_wide()) {    /* sanitizers keep standard error */
    jail.keep = keep;
    jail.keep_n = 1;
  }
  if (ml_worker_new(NULL, &l.w) != ML_OK || ml_box_tick_start(&e) != ML_OK)
    return EXIT_MEMORY;
  if (ml_jail_enter(&jail, &e) != ML_OK && !insecure)
    return EXIT_JAIL;
  return serve(&l);
}
