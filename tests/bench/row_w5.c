/*
** row_w5.c - W5: how late timers fire, 1,000 a second, while many others wait
** for later.  The workflow itself says how late it woke.
*/
#include <stdio.h>
#include <string.h>

#include "rows.h"
#include "work.h"

enum { CONNECTIONS = 64, PER_SECOND = 1000, LEAD_MS = 2000, HOUR_MS = 3600000,
       PATIENCE_MS = 60000 };

typedef struct naps {
  const engine *e;
  int64_t at_ms;                 /* of the first */
  bool same;                     /* all then; else one a millisecond */
} naps;

static void make(void *arg, size_t i, ml_buf *out) {
  const naps *n = arg;
  char body[64];
  int64_t at = n->at_ms + (n->same ? 0 : (int64_t)i * 1000 / PER_SECOND);
  int len = snprintf(body, sizeof body, "{\"data\":{\"at\":%lld}}",
                     (long long)at);

  load_request(out, "POST", "/v1/workflows/nap/processes", n->e->token, NULL,
               body, (size_t)len);
}

/* Gives the milliseconds that each took. */
static double start(naps *n, size_t count) {
  double each;
  load_conf c = {.port = n->e->port, .connections = CONNECTIONS,
                 .total = count, .make = make, .arg = n};
  load_out o;

  load_run(&c, &o);
  if (o.wrong > 0)
    die("%zu timers were refused, with status %d", o.wrong, o.wrong_status);
  each = o.seconds * 1000 / (double)count;
  load_out_free(&o);
  return each;
}

static void keep_late(void *arg, const ml_json *process) {
  int64_t late = ml_json_int(ml_json_get(process, "data"), "late", -1);

  if (late < 0)
    die("a timer fired %lld ms too early", (long long)-late);
  samples_add(arg, (double)late);
}

/* Nothing is asked before all are due: /metrics counts what is open, which with
** a million waiting takes the reader some 20 ms. */
static void wait_fired(const engine *e, size_t count, int64_t last_ms) {
  while (wall_ms() < last_ms)
    pause_us(20000);
  while (engine_metric(e, "completed_total") < (double)count) {
    if (wall_ms() > last_ms + PATIENCE_MS)
      die("a minute after the last timer was due not all have fired");
    pause_us(20000);
  }
  engine_settle(e);
}

void row_w5(const amount *a) {
  engine e = {0};
  naps n = {.e = &e, .same = true};
  samples late = {0};
  int64_t last, from;
  double each;
  size_t fired;

  engine_start(&e, "w5", false);
  n.at_ms = wall_ms() + HOUR_MS;
  each = start(&n, a->timers - a->fired);
  engine_settle(&e);
  from = wall_ms() + LEAD_MS + (int64_t)(2 * each * (double)a->fired);
  n = (naps){.e = &e, .at_ms = from};
  start(&n, a->fired);
  if (wall_ms() > from)
    row_note("W5: the timers that were to fire took longer to start than "
             "planned; the first of them were late before they were stored.");
  last = from + (int64_t)a->fired * 1000 / PER_SECOND;
  wait_fired(&e, a->fired, last);
  row_put("w5.rate", (double)a->fired * 1000 / (double)(wall_ms() - from));
  row_put("w5.timers", (double)a->timers);
  fired = work_count(&e, "nap", "COMPLETED", keep_late, &late);
  if (fired != a->fired)
    die("%zu timers were to fire, %zu did", a->fired, fired);
  row_put("w5.p50", samples_at(&late, 0.5));
  row_put("w5.p99", samples_at(&late, 0.99));
  samples_free(&late);
  engine_forget(&e);
}
