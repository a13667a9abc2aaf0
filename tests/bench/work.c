/* work.c - starts, stretches, and the results read back. */
#include "work.h"

#include <stdio.h>
#include <string.h>

const char *work_text(void) {
  static char text[261];

  for (size_t i = 0; i + 1 < sizeof text; i++)
    text[i] = (char)('a' + i % 10);
  return text;
}

void work_start(void *arg, size_t i, ml_buf *out) {
  const starts *s = arg;
  char path[96], key[48], body[512];
  int n = snprintf(body, sizeof body, "{\"data\":{\"word\":\"" WORD "\","
                   "\"text\":\"%s\",\"count\":%zu}}", work_text(),
                   s->first + i);

  snprintf(path, sizeof path, "/v1/workflows/%s/processes%s", s->workflow,
           s->wait ? "?wait=1" : "");
  snprintf(key, sizeof key, "bench-%s-%zu", s->workflow, s->first + i);
  load_request(out, "POST", path, s->e->token, s->keys ? key : NULL, body,
               (size_t)n);
}

void work_run(load_conf *c, starts *s, cost *out, load_out *o) {
  usage before, after;
  double syncs = engine_metric(s->e, "store_syncs_total");
  int64_t from;

  c->port = s->e->port;
  c->make = work_start;
  c->arg = s;
  usage_of(s->e->pid, false, &before);
  from = now_us();
  load_run(c, o);
  engine_settle(s->e);
  out->seconds = (double)(now_us() - from) / 1e6;
  usage_of(s->e->pid, true, &after);
  if (o->wrong > 0)
    die("%zu starts of %s were refused, with status %d", o->wrong, s->workflow,
        o->wrong_status);
  if (o->again > 0)
    say("  %zu starts were sent again after a 503", o->again);
  out->done = o->answered;
  out->syncs = engine_metric(s->e, "store_syncs_total") - syncs;
  out->load_cpu_us = o->cpu_us;
  out->used = after;
  out->used.core_cpu_us -= before.core_cpu_us;
  out->used.worker_cpu_us -= before.worker_cpu_us;
  out->used.written -= before.written;
  s->first += o->answered;
}

double work_time(const load_out *o, double quantile) {
  samples s = {0};
  double v;

  for (size_t i = 0; i < o->answered + o->wrong; i++)
    samples_add(&s, o->us[i]);
  v = samples_at(&s, quantile);
  samples_free(&s);
  return v;
}

typedef struct counting {
  size_t n;
  void (*check)(void *arg, const ml_json *process);
  void *arg;
} counting;

static bool count_one(void *arg, const ml_json *process) {
  counting *c = arg;

  c->n++;
  if (c->check != NULL)
    c->check(c->arg, process);
  return true;
}

size_t work_count(const engine *e, const char *workflow, const char *status,
                  void (*check)(void *arg, const ml_json *process), void *arg) {
  counting c = {.check = check, .arg = arg};
  char path[128];

  snprintf(path, sizeof path, "/v1/processes?workflow=%s&status=%s&limit=200",
           workflow, status);
  engine_list(e, path, count_one, &c);
  return c.n;
}
