/* torture.c - which faults, what came of them, what is told. */
#include "cmd/torture.h"

#include <stdio.h>
#include <string.h>

#include "base/rand.h"

enum { SOME = 7, SOME_LONG = 2, LONG = 500 };
#define SHIFT_MS INT64_C(3600000)

typedef struct work {
  ml_suite *s;
  ml_str name;
  size_t number;
  const ml_play *still;          /* the run without a fault */
  ml_tortured told;
  ml_buf text;                   /* of the first failure */
  ml_buf timeline;
  ml_str at;
  ml_play first;                 /* the run that failed first */
  ml_arena arena;
} work;

/* ---- choosing ---- */

typedef struct kind_plan {
  uint32_t *order;               /* boundaries 1..n, drawn */
  uint32_t n, at;
} kind_plan;

static uint64_t mix(uint64_t seed, ml_str name) {
  uint64_t h = UINT64_C(0xcbf29ce484222325) ^ seed;

  for (size_t i = 0; i < name.n; i++)
    h = (h ^ (uint8_t)name.p[i]) * UINT64_C(0x100000001b3);
  return h;
}

static bool draw(kind_plan *k, ml_arena *a, uint32_t n, ml_rand *rand) {
  k->order = ml_arena_alloc(a, sizeof *k->order * (n + 1));
  k->n = n;
  k->at = 0;
  for (uint32_t i = 0; k->order != NULL && i < n; i++) {
    uint32_t j = (uint32_t)ml_rand_between(rand, 0, i);

    k->order[i] = k->order[j];
    k->order[j] = i + 1;
  }
  return k->order != NULL;
}

/* ---- trying ---- */

static bool differs(const work *k, ml_play *p, ml_buf *out) {
  if (p->why.len > 0) {
    ml_buf_puts(out, "the test fails: ");
    ml_buf_put(out, p->why.p, p->why.len);
  } else {
    ml_torture_compare(&k->still->end, &p->end,
                       p->fault->kind, out);
  }
  return out->len > 0;
}

static bool is_leap(ml_fault_kind kind) {
  return kind == ML_FAULT_AHEAD || kind == ML_FAULT_BACK;
}

/* Does it come to the same end an hour elsewhere, without a leap? */
static bool rests_on_clock(work *k, ml_fault_kind kind) {
  static const ml_fault none;
  ml_play p = {.fault = &none, .wants_end = true,
               .shift_ms = kind == ML_FAULT_AHEAD ? SHIFT_MS : -SHIFT_MS};
  ml_buf text = {0};
  bool rests = ml_suite_play(k->s, k->name, k->number, &p) &&
               differs(k, &p, &text);

  ml_buf_free(&text);
  ml_play_free(&p);
  return rests;
}

static void unfit(work *k, const char *why) {
  k->told.unfit++;
  k->told.why_unfit = why;
}

static void fail(work *k, const ml_fault *f, ml_play *p, ml_buf *text) {
  if (k->told.failed++ > 0) {
    ml_play_free(p);
    ml_buf_free(text);
    return;
  }
  k->told.fault = *f;
  k->told.of = k->still->met[ml_fault_where(f->kind)];
  k->told.op = p->fired_op;
  k->told.nth = p->fired_nth;
  k->text = *text;
  k->timeline = p->timeline;
  k->at = p->at;
  k->first = *p;
  k->first.fault = &k->told.fault;
  k->first.timeline = (ml_buf){0};
}

/* false: nothing more can be run. */
static bool try_one(work *k, const ml_fault *f) {
  ml_play p = {.fault = f, .wants_end = true};
  ml_buf text = {0};

  k->told.tried[f->kind]++;
  if (!ml_suite_play(k->s, k->name, k->number, &p) || k->s->t->lost) {
    ml_buf_puts(&text, "the world does not come to rest");
    fail(k, f, &p, &text);
    return false;
  }
  if (p.unfit == NULL && differs(k, &p, &text)) {
    if (is_leap(f->kind) && p.why.len > 0 &&
        ml_torture_ends_same(k->s, k->still, f))
      p.unfit = "an assertion compares moments";
    else if (is_leap(f->kind) && rests_on_clock(k, f->kind))
      p.unfit = "the test rests on the time of day";
    if (p.unfit == NULL || k->s->t->lost) {
      fail(k, f, &p, &text);
      return !k->s->t->lost;
    }
  }
  if (p.unfit != NULL)
    unfit(k, p.unfit);
  ml_buf_free(&text);
  ml_play_free(&p);
  return true;
}

static uint32_t how_many(const work *k) {
  uint32_t there = 0;

  for (int i = 0; i < ML_FAULT_KINDS; i++)
    there += k->told.there[i];
  if (k->s->torture->runs != ML_TORTURE_SOME)
    return k->s->torture->runs;
  return there > LONG ? SOME_LONG : SOME;
}

/* A kind at a time, a boundary of each, until enough were tried. */
static void try_all(work *k) {
  kind_plan plans[ML_FAULT_KINDS] = {{0}};
  ml_rand_seeded rand;
  uint32_t left;
  bool more = true;

  ml_rand_seed(&rand, mix(k->s->torture->seed, k->name));
  for (int i = ML_FAULT_NONE + 1; i < ML_FAULT_KINDS; i++) {
    uint32_t n = k->still->met[ml_fault_where((ml_fault_kind)i)];

    k->told.there[i] = n;
    if (!draw(&plans[i], &k->arena, n, &rand.base))
      return;
  }
  left = how_many(k);
  while (more && left > 0) {
    more = false;
    for (int i = ML_FAULT_NONE + 1; i < ML_FAULT_KINDS && left > 0; i++) {
      ml_fault f = {(ml_fault_kind)i, 0};

      if (plans[i].at == plans[i].n)
        continue;
      f.n = plans[i].order[plans[i].at++];
      more = true;
      left--;
      if (!try_one(k, &f))
        return;
    }
  }
}

static void try_this(work *k) {
  const ml_fault *f = &k->s->torture->only;

  k->told.there[f->kind] = k->still->met[ml_fault_where(f->kind)];
  if (f->n > k->told.there[f->kind]) {
    ml_buf_printf(&k->text, "it has no %s %u, but %u of them",
                  ml_fault_at_name(ml_fault_where(f->kind)), f->n,
                  k->told.there[f->kind]);
    return;
  }
  try_one(k, f);
}

/* ---- telling ---- */

static void describe(work *k, ml_buf *b) {
  const ml_fault *f = &k->told.fault;

  ml_buf_printf(b, "%s at %s %u of %u", ml_fault_name(f->kind),
                ml_fault_at_name(ml_fault_where(f->kind)), f->n, k->told.of);
  if (k->told.op > 0)
    ml_buf_printf(b, " (the %u. of operation %u)", k->told.nth, k->told.op);
  ml_buf_printf(b, "\n%.*s", (int)k->text.len, k->text.p);
  if (k->told.failed > 1)
    ml_buf_printf(b, "\n%u more of the faults tried fail it",
                  k->told.failed - 1);
}

/* One word of a shell's command. */
static void put_word(ml_buf *b, ml_str s) {
  ml_buf_putc(b, '\'');
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] == '\'')
      ml_buf_puts(b, "'\\''");
    else
      ml_buf_putc(b, s.p[i]);
  ml_buf_putc(b, '\'');
}

static void put_again(const work *k, ml_buf *b) {
  size_t n = strlen(k->s->file);
  bool own = n > 9 && strcmp(k->s->file + n - 9, "/test.lua") == 0;

  ml_buf_puts(b, "\nagain: moonlane test ");
  put_word(b, ml_str_of(own ? k->s->dir : k->s->file));
  ml_buf_puts(b, " --only ");
  put_word(b, k->name);
  ml_buf_printf(b, " --fault %s:%u", ml_fault_name(k->told.fault.kind),
                k->told.fault.n);
}

static void tell(work *k, int64_t since_ms) {
  ml_buf b = {0};
  const char *why = NULL;

  if (k->told.failed > 0) {
    describe(k, &b);
    if (!k->s->t->lost)
      k->told.file = ml_torture_shrink(k->s, k->name, k->still, &k->first,
                                       &k->arena, &why);
    if (k->told.file != NULL)
      ml_buf_printf(&b, "\nshorter: %s", k->told.file);
    else if (why != NULL)
      ml_buf_printf(&b, "\nnot made shorter: %s", why);
    put_again(k, &b);
  } else if (k->text.len > 0) {
    ml_buf_put(&b, k->text.p, k->text.len);
  }
  ml_suite_tell(k->s, k->name, since_ms, k->at.p != NULL ? k->at : ML_STR(""),
                b.len > 0 ? (ml_str){b.p, b.len} : ML_NOSTR,
                (ml_str){k->timeline.p, k->timeline.len}, &k->told);
  ml_buf_free(&b);
}

void ml_torture_test(ml_suite *s, ml_str name, size_t number, int64_t since_ms,
                     const ml_buf *end) {
  static const ml_fault none;
  work k = {.s = s, .name = name, .number = number};
  ml_play still = {.fault = &none, .wants_end = true, .record = &k.arena};

  k.still = &still;
  if (!ml_suite_play(s, name, number, &still))
    return;
  if (still.why.len > 0) {
    ml_buf_printf(&k.text, "in a world that can be tortured, without a fault:\n"
                  "%.*s", (int)still.why.len, still.why.p);
    k.at = still.at;
  } else {
    ml_torture_compare(end, &still.end, ML_FAULT_NONE, &k.text);
  }
  if (k.text.len == 0 && s->torture->only.kind != ML_FAULT_NONE)
    try_this(&k);
  else if (k.text.len == 0)
    try_all(&k);
  tell(&k, since_ms);
  ml_play_free(&k.first);
  ml_play_free(&still);
  ml_buf_free(&k.text);
  ml_buf_free(&k.timeline);
  ml_arena_free(&k.arena);
}
