/* test_script.c - counted workers; definitions evaluated once. */
#include "cmd/test_script.h"

#include <string.h>

#include "base/crypto.h"

enum { KNOWN_MAX = 8 };

typedef struct known {
  bool has;
  uint8_t hash[32];              /* of the sources */
  ml_buf frame;                  /* the answer, packed */
} known;

typedef struct counted {
  ml_script api;                 /* first: an ml_script is one */
  ml_script *host;
  ml_loop *loop;
  known known[KNOWN_MAX];
  size_t next;                   /* to be overwritten */
  struct define *waiting;        /* answered at the end of the turn */
} counted;

typedef struct define {          /* one question, asked or answered here */
  struct define *next;
  counted *c;
  ml_answer_fn *fn;
  void *arg;
  uint64_t id;
  uint8_t hash[32];
} define;

static known *find_known(counted *c, const uint8_t hash[32]) {
  for (size_t i = 0; i < KNOWN_MAX; i++)
    if (c->known[i].has && memcmp(c->known[i].hash, hash, 32) == 0)
      return &c->known[i];
  return NULL;
}

/* Everything but the id that is echoed. */
static ml_rc hash_question(const ml_ask *q, uint8_t hash[32]) {
  ml_sha *h = ml_sha_open();

  for (size_t i = 0; i < q->source_count; i++) {
    ml_sha_add(h, &q->sources[i].name.n, sizeof q->sources[i].name.n);
    ml_sha_add(h, q->sources[i].name.p, q->sources[i].name.n);
    ml_sha_add(h, &q->sources[i].text.n, sizeof q->sources[i].text.n);
    ml_sha_add(h, q->sources[i].text.p, q->sources[i].text.n);
  }
  return ml_sha_close(h, hash);
}

/* The first answer goes on, and is kept when it is a good one. */
static void defined(void *arg, ml_rc rc, const ml_answer *r) {
  define *d = arg;
  known *k = &d->c->known[d->c->next];

  if (rc == ML_OK && r->end == ML_END_RETURNED) {
    ml_buf_reset(&k->frame);
    ml_answer_pack(&k->frame, r);
    k->has = !k->frame.bad;
    memcpy(k->hash, d->hash, 32);
    d->c->next = (d->c->next + 1) % KNOWN_MAX;
  }
  d->fn(d->arg, rc, r);
  ml_mem_free(d);
}

static void answer_known(void *arg) {
  counted *c = arg;
  define *d = c->waiting;

  c->waiting = NULL;
  while (d != NULL) {
    define *next = d->next;
    known *k = find_known(c, d->hash);
    ml_arena a = {0};
    ml_answer r = {0};
    ml_rc rc = k != NULL && k->frame.len > 5
                   ? ml_answer_unpack(&a, (ml_str){k->frame.p + 5,
                                                   k->frame.len - 5}, &r)
                   : ML_NOMEM;

    r.id = d->id;
    d->fn(d->arg, rc == ML_OK ? rc : ML_NOMEM, &r);
    ml_arena_free(&a);
    ml_mem_free(d);
    d = next;
  }
}

static ml_rc ask_define(counted *c, const ml_ask *q, ml_answer_fn *fn,
                        void *arg) {
  define *d = ml_mem_zero(sizeof *d);
  ml_rc rc = d != NULL ? hash_question(q, d->hash) : ML_NOMEM;

  if (rc != ML_OK) {
    ml_mem_free(d);
    return rc;
  }
  d->c = c;
  d->fn = fn;
  d->arg = arg;
  d->id = q->id;
  if (find_known(c, d->hash) != NULL &&
      ml_loop_later(c->loop, answer_known, c) == ML_OK) {
    d->next = c->waiting;
    c->waiting = d;
    return ML_OK;
  }
  rc = c->host->ask(c->host, q, defined, d);
  if (rc != ML_OK)
    ml_mem_free(d);
  return rc;
}

static ml_bounds timeless(const ml_bounds *s) {
  ml_bounds out = s != NULL ? *s : (ml_bounds){{0}};

  out.v[ML_BOUND_TIME] = out.v[ML_BOUND_RULE_TIME] = 0;
  return out;
}

static ml_rc ask_counted(ml_script *s, const ml_ask *q, ml_answer_fn *fn,
                         void *arg) {
  counted *c = (counted *)s;
  ml_ask own = *q;

  ml_bounds limits = timeless(q->limits);

  own.count_units = true;
  own.limits = &limits;
  if (q->kind == ML_ASK_DEFINE)
    return ask_define(c, &own, fn, arg);
  return c->host->ask(c->host, &own, fn, arg);
}

static ml_rc make_known(ml_script *s, const uint8_t hash[32],
                        const ml_source *src, size_t n) {
  ml_script *host = ((counted *)s)->host;

  return host->bundle(host, hash, src, n);
}

ml_rc ml_counted_new(ml_loop *l, bool insecure, const ml_bounds *limits,
                     ml_script **out, ml_err *e) {
  ml_host_conf conf = {.workers = 2, .insecure = insecure};
  counted *c = ml_mem_zero(sizeof *c);
  ml_rc rc;

  *out = NULL;
  conf.limits = timeless(limits);
  if (c == NULL)
    return ml_err_set(e, ML_NOMEM, "", "memory is short");
  c->api = (ml_script){.ask = ask_counted, .bundle = make_known};
  c->loop = l;
  rc = ml_host_new(l, &conf, &c->host, e);
  if (rc != ML_OK)
    ml_mem_free(c);
  else
    *out = &c->api;
  return rc;
}

/* Questions that this file would have answered end as the host's do. */
static void give_up(counted *c) {
  while (c->waiting != NULL) {
    define *d = c->waiting;
    ml_answer r = {.id = d->id};

    c->waiting = d->next;
    d->fn(d->arg, ML_AGAIN, &r);
    ml_mem_free(d);
  }
}

void ml_counted_free(ml_script *s) {
  counted *c = (counted *)s;

  if (c == NULL)
    return;
  ml_loop_later_cancel(c->loop, answer_known, c);
  give_up(c);
  ml_host_free(c->host);
  for (size_t i = 0; i < KNOWN_MAX; i++)
    ml_buf_free(&c->known[i].frame);
  ml_mem_free(c);
}
