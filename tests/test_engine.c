/*
** test_engine.c - the pure engine by itself: a virtual clock, a seeded random,
** no store, no script.  After each step the process is packed, unpacked and
** packed again: the bytes must be the same.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "engine/advance.h"
#include "model/flow.h"
#include "model/process.h"

typedef struct bench {
  ml_flow **flows;
  size_t count;
  ml_flow *f;
  ml_process *p;
  ml_rand_seeded rand;
  int64_t now;
  ml_made made;
  ml_err e;
  bool manned[8];
} bench;

static void tell_fault(void *arg, const char *at, const char *text) {
  (void)arg;
  print_message("%s: %s\n", at, text);
}

/* One workflow from the JSON of its members behind the name. */
static void open_bench(bench *b, const char *members) {
  ml_arena a = {0};
  ml_buf text = {0};
  ml_json *tree;

  memset(b, 0, sizeof *b);
  ml_buf_printf(&text, "{\"api\":1,\"workflows\":[{\"name\":\"w\",\"at\":"
                "\"workflow.lua:1\",%s}]}", members);
  assert_int_equal(ml_json_parse(&a, text.p, text.len, NULL, &tree, &b->e),
                   ML_OK);
  assert_int_equal(ml_flow_parse("w", tree, tell_fault, NULL, &b->flows,
                                 &b->count), ML_OK);
  b->f = b->flows[0];
  ml_rand_seed(&b->rand, 7);
  b->now = 1000000;
  memset(b->manned, true, sizeof b->manned);
  b->p = ml_process_new(b->f);
  assert_non_null(b->p);
  ml_process_make_id(b->p->id, b->now, 5, 9);
  b->p->n = 5;
  ml_arena_free(&a);
  ml_buf_free(&text);
}

static void close_bench(bench *b) {
  for (size_t i = 0; i < b->count; i++)
    ml_flow_free(b->flows[i]);
  ml_mem_free(b->flows);
  ml_process_free(b->p);
  ml_made_free(&b->made);
}

static void same_when_packed(bench *b) {
  ml_buf one = {0}, two = {0}, d1 = {0}, d2 = {0};
  ml_process *q = ml_process_new(b->f);

  ml_process_pack(b->p, b->f, &one);
  ml_process_pack_data(b->p, b->f, &d1);
  assert_int_equal(ml_process_unpack(q, b->f, (ml_str){one.p, one.len}), ML_OK);
  assert_int_equal(ml_process_unpack_data(q, b->f, (ml_str){d1.p, d1.len}),
                   ML_OK);
  ml_process_pack(q, b->f, &two);
  ml_process_pack_data(q, b->f, &d2);
  assert_int_equal(one.len, two.len);
  assert_memory_equal(one.p, two.p, one.len);
  assert_string_equal(d1.p, d2.p);
  ml_process_free(q);
  ml_buf_free(&one);
  ml_buf_free(&two);
  ml_buf_free(&d1);
  ml_buf_free(&d2);
}

static ml_rc step(bench *b, ml_event *ev) {
  ml_now now = {b->now, b->manned, &b->rand.base, 60000};
  uint64_t seq = b->p->seq;
  ml_rc rc;

  ml_made_reset(&b->made);
  memset(&b->e, 0, sizeof b->e);
  rc = ml_advance(b->f, b->p, ev, &now, &b->made, &b->e);
  if (rc == ML_OK)
    assert_int_equal(b->p->seq, seq + b->made.record_count);
  else
    assert_int_equal(b->p->seq, seq);
  if (b->p->seq > 0)
    same_when_packed(b);
  return rc;
}

static ml_rc start(bench *b, const char *json) {
  ml_arena a = {0};
  ml_json *data = NULL;
  ml_event ev = {.kind = ML_EV_STARTED};
  ml_rc rc;

  if (json != NULL)
    assert_int_equal(ml_json_parse(&a, json, strlen(json), NULL, &data, NULL),
                     ML_OK);
  ev.data = data;
  rc = step(b, &ev);
  ml_arena_free(&a);
  return rc;
}

static const ml_effect *made_effect(const bench *b, ml_effect_kind kind) {
  for (size_t i = 0; i < b->made.effect_count; i++)
    if (b->made.effects[i].kind == kind)
      return &b->made.effects[i];
  return NULL;
}

static size_t count_effects(const bench *b, ml_effect_kind kind) {
  size_t n = 0;

  for (size_t i = 0; i < b->made.effect_count; i++)
    n += b->made.effects[i].kind == kind;
  return n;
}

static bool was_told(const bench *b, ml_told told) {
  for (size_t i = 0; i < b->made.record_count; i++)
    if (b->made.records[i].told == told)
      return true;
  return false;
}

/* The live activity with that label; its test fails when there is none. */
static ml_act *act(bench *b, const char *label) {
  for (uint32_t i = 0; i < b->p->act_count; i++)
    if (!b->p->acts[i].aside &&
        ml_str_is(b->f->activities[b->p->acts[i].def].label, label))
      return &b->p->acts[i];
  return NULL;
}

static ml_rc attempted(bench *b, const char *label, ml_answer *r) {
  ml_act *a = act(b, label);
  ml_event ev = {.kind = ML_EV_ATTEMPTED, .answer = r};

  assert_non_null(a);
  ev.no = a->no;
  ev.slice = a->slice;
  return step(b, &ev);
}

static ml_rc returns(bench *b, const char *label, const char *outcome,
                     const char *data) {
  ml_answer r = {.end = ML_END_RETURNED, .text = ml_str_of(outcome),
                 .data = ml_str_of(data)};

  return attempted(b, label, &r);
}

static ml_rc ends(bench *b, const char *label, ml_end end, const char *text,
                  int64_t after) {
  ml_answer r = {.end = end, .text = ml_str_of(text), .after_ms = after};

  return attempted(b, label, &r);
}

static ml_rc wants(bench *b, const char *label, ml_callk kind, const char *call,
                   const char *json, uint8_t hash) {
  ml_answer r = {.end = ML_END_WANT, .want_kind = kind,
                 .want_call = ml_str_of(call), .want = ml_str_of(json)};

  r.want_hash[0] = hash;
  return attempted(b, label, &r);
}

static ml_rc judged(bench *b, int n, bool t1, bool t2) {
  const ml_effect *ef = made_effect(b, ML_DO_JUDGE);
  bool truths[2] = {t1, t2};
  ml_event ev = {.kind = ML_EV_JUDGED, .truths = truths,
                 .truth_count = (size_t)n};

  assert_non_null(ef);
  ev.no = ef->no;
  ev.slice = ef->slice;
  return step(b, &ev);
}

static ml_rc completes(bench *b, const char *label, const char *who, int lane,
                       const char *outcome, const char *json) {
  ml_arena a = {0};
  ml_json *data = NULL;
  int16_t lanes[1] = {(int16_t)lane};
  ml_event ev = {.kind = ML_EV_COMPLETED, .actor = {ml_str_of(who), lanes,
                 lane >= 0, who == NULL}, .outcome = ml_str_of(outcome)};
  ml_act *x = act(b, label);
  ml_rc rc;

  assert_non_null(x);
  for (uint32_t i = 0; i < b->p->task_count; i++)
    if (b->p->tasks[i].act == x->no)
      ev.no = b->p->tasks[i].no;
  if (json != NULL)
    assert_int_equal(ml_json_parse(&a, json, strlen(json), NULL, &data, NULL),
                     ML_OK);
  ev.data = data;
  rc = step(b, &ev);
  ml_arena_free(&a);
  return rc;
}

static ml_rc plain(bench *b, ml_event_kind kind) {
  ml_event ev = {.kind = kind, .actor = {ML_STR("op"), NULL, 0, true}};

  return step(b, &ev);
}

static ml_rc wake(bench *b, int64_t later_ms) {
  b->now += later_ms;
  return plain(b, ML_EV_WOKE);
}

#define LANES "\"lanes\":[{\"id\":\"sys\"},{\"id\":\"people\"},{\"id\":\"others\"}],"
#define FIELDS "\"fields\":[{\"id\":\"a\",\"type\":\"string\"}," \
  "{\"id\":\"k\",\"type\":\"string\",\"required\":true}," \
  "{\"id\":\"due\",\"type\":\"datetime\"}," \
  "{\"id\":\"secret\",\"type\":\"string\",\"sealed\":true}],"
#define AUTO(label, more) "{\"kind\":\"activity\",\"label\":\"" label \
  "\",\"run\":true,\"at\":\"workflow.lua:9\"" more "}"
#define PHASE(name, entries, more) "{\"name\":\"" name "\",\"at\":" \
  "\"workflow.lua:5\",\"entries\":[" entries "]" more "}"
#define TASK(label, lane, more) "{\"kind\":\"task\",\"label\":\"" label \
  "\",\"lane\":\"" lane "\",\"at\":\"workflow.lua:9\"" more "}"
#define DONE ",\"outcomes\":[{\"id\":\"done\"}]"

/* ---- the table of moves ---- */

static void every_pair_of_status_and_turn(void **state) {
  /* rows: from; columns: turns in order; -1 refused */
  static const int want[ML_ACT_COUNT][ML_TURN_COUNT] = {
    /* begun parked resumed returned refused broke retried skipped stopped */
    [ML_ACT_NEW] = {ML_ACT_IN_PROGRESS, -1, -1, -1, -1, -1, -1, -1,
                    ML_ACT_TERMINATED},
    [ML_ACT_IN_PROGRESS] = {-1, ML_ACT_WAITING, -1, ML_ACT_SUCCESS,
                            ML_ACT_FAILURE, ML_ACT_ERROR, -1, ML_ACT_SUCCESS,
                            ML_ACT_TERMINATED},
    [ML_ACT_WAITING] = {-1, -1, ML_ACT_IN_PROGRESS, -1, ML_ACT_FAILURE,
                        ML_ACT_ERROR, -1, ML_ACT_SUCCESS, ML_ACT_TERMINATED},
    [ML_ACT_SUCCESS] = {-1, -1, -1, -1, ML_ACT_FAILURE, -1, -1, -1, -1},
    [ML_ACT_FAILURE] = {-1, -1, -1, -1, -1, -1, ML_ACT_IN_PROGRESS,
                        ML_ACT_SUCCESS, ML_ACT_TERMINATED},
    [ML_ACT_ERROR] = {-1, -1, -1, -1, -1, -1, ML_ACT_IN_PROGRESS,
                      ML_ACT_SUCCESS, ML_ACT_TERMINATED},
    [ML_ACT_TERMINATED] = {-1, -1, -1, -1, -1, -1, ML_ACT_IN_PROGRESS,
                           ML_ACT_SUCCESS, -1},
  };

  (void)state;
  for (int from = 0; from < ML_ACT_COUNT; from++)
    for (int on = 0; on < ML_TURN_COUNT; on++)
      assert_int_equal(ml_move((ml_acts)from, (ml_turn)on), want[from][on]);
}

/* C6.5: all combinations of three activities. */
static void aggregation_of_three(void **state) {
  (void)state;
  for (int i = 0; i < ML_ACT_COUNT * ML_ACT_COUNT * ML_ACT_COUNT; i++) {
    ml_acts a[3] = {(ml_acts)(i % 7), (ml_acts)(i / 7 % 7),
                    (ml_acts)(i / 49)};
    bool error = false, failure = false;
    ml_runs want;

    for (int k = 0; k < 3; k++) {
      error = error || a[k] == ML_ACT_ERROR;
      failure = failure || a[k] == ML_ACT_FAILURE || a[k] == ML_ACT_TERMINATED;
    }
    want = error ? ML_RUN_ERROR : failure ? ML_RUN_FAILURE : ML_RUN_RUNNING;
    assert_int_equal(ml_move_aggregate(a, 3, true, false), want);
    if (!error && !failure) {
      assert_int_equal(ml_move_aggregate(a, 3, false, false), ML_RUN_NEW);
      assert_int_equal(ml_move_aggregate(a, 3, true, true), ML_RUN_COMPLETED);
    }
  }
}

/* ---- runs ---- */

static void two_phases_one_after_the_other(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LANES FIELDS "\"phases\":[" PHASE("one", AUTO("x", ""), "") ","
             PHASE("two", AUTO("y", ""), "") "]");
  assert_int_equal(start(&b, "{\"a\":\"v\"}"), ML_OK);
  assert_int_equal(count_effects(&b, ML_DO_RUN), 1);
  assert_null(act(&b, "y"));
  assert_int_equal(returns(&b, "x", NULL, "{\"a\":\"w\"}"), ML_OK);
  assert_true(ml_str_is(b.p->data[0], "\"w\""));
  assert_null(act(&b, "x"));
  assert_int_equal(b.p->status, ML_OPEN);
  assert_int_equal(returns(&b, "y", NULL, NULL), ML_OK);
  assert_int_equal(b.p->status, ML_COMPLETED);
  assert_int_equal(b.p->run, ML_RUN_COMPLETED);
  assert_int_equal(b.p->act_count, 0);
  assert_int_equal(ml_process_due(b.p, 99), 0);
  close_bench(&b);
}

static void activities_of_a_phase_start_together(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x", "") "," AUTO("y",
             ""), "") "," PHASE("two", AUTO("z", ""), "") "]");
  assert_int_equal(start(&b, NULL), ML_OK);
  assert_int_equal(count_effects(&b, ML_DO_RUN), 2);
  assert_int_equal(returns(&b, "y", NULL, NULL), ML_OK);
  assert_null(act(&b, "z"));
  assert_int_equal(returns(&b, "x", NULL, NULL), ML_OK);
  assert_non_null(act(&b, "z"));
  close_bench(&b);
}

static void an_answer_to_an_old_slice_is_stale(void **state) {
  bench b;
  ml_answer r = {.end = ML_END_RETURNED};
  ml_event ev = {.kind = ML_EV_ATTEMPTED, .answer = &r};

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x", ""), "") ","
             PHASE("two", AUTO("y", ""), "") "]");
  start(&b, NULL);
  ev.no = act(&b, "x")->no;
  ev.slice = act(&b, "x")->slice + 1;
  assert_int_equal(step(&b, &ev), ML_STALE);
  ev.slice--;
  assert_int_equal(step(&b, &ev), ML_OK);
  assert_int_equal(step(&b, &ev), ML_STALE);
  close_bench(&b);
}

static void outcomes_choose_the_phase(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x",
             ",\"outcomes\":[\"skip\"]"), ",\"next\":{\"skip\":\"three\"}") ","
             PHASE("two", AUTO("y", ""), ",\"next\":{\"kind\":\"finish\"}") ","
             PHASE("three", AUTO("z", ""), "") "]");
  start(&b, NULL);
  assert_int_equal(returns(&b, "x", "skip", NULL), ML_OK);
  assert_non_null(act(&b, "z"));
  assert_null(act(&b, "y"));
  close_bench(&b);
}

static void an_undeclared_outcome_is_an_error(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x", ""), "") "]");
  start(&b, NULL);
  assert_int_equal(returns(&b, "x", "odd", NULL), ML_OK);
  assert_int_equal(act(&b, "x")->status, ML_ACT_ERROR);
  assert_int_equal(b.p->run, ML_RUN_ERROR);
  close_bench(&b);
}

static void a_wrong_value_from_a_script_changes_nothing(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LANES FIELDS "\"phases\":[" PHASE("one", AUTO("x", ""), "")
             "]");
  start(&b, "{\"a\":\"v\",\"k\":\"key\"}");
  returns(&b, "x", NULL, "{\"a\":\"w\",\"due\":\"yesterday\"}");
  assert_int_equal(act(&b, "x")->status, ML_ACT_ERROR);
  assert_true(ml_str_is(b.p->data[0], "\"v\""));
  plain(&b, ML_EV_RETRIED);
  returns(&b, "x", NULL, "{\"nofield\":1}");
  assert_int_equal(act(&b, "x")->status, ML_ACT_ERROR);
  plain(&b, ML_EV_RETRIED);
  returns(&b, "x", NULL, "{\"k\":null}");      /* required, not cleared */
  assert_int_equal(act(&b, "x")->status, ML_ACT_ERROR);
  plain(&b, ML_EV_RETRIED);
  {
    ml_answer r = {.end = ML_END_RETURNED, .data = ML_STR("{\"k\":null}"),
                   .cleared = ML_STR("[\"k\"]")};

    assert_int_equal(attempted(&b, "x", &r), ML_OK);
  }
  assert_int_equal(b.p->status, ML_COMPLETED);
  assert_null(b.p->data[1].p);
  close_bench(&b);
}

#define BRANCHES LANES FIELDS "\"phases\":[" \
  PHASE("both", \
    "{\"kind\":\"branch\",\"name\":\"left\",\"at\":\"workflow.lua:6\"," \
      "\"phases\":[" PHASE("l1", AUTO("x", ""), "") "," \
                     PHASE("l2", AUTO("y", ""), "") "]}," \
    "{\"kind\":\"branch\",\"name\":\"right\",\"when\":true," \
      "\"at\":\"workflow.lua:7\",\"phases\":[" PHASE("r1", AUTO("z", ""), "") \
      "]}", "") "," PHASE("after", AUTO("end", ""), "") "]"

static void the_join_waits_for_started_branches_only(void **state) {
  bench b;

  (void)state;
  for (int with = 0; with < 2; with++) {
    open_bench(&b, BRANCHES);
    start(&b, NULL);
    assert_int_equal(count_effects(&b, ML_DO_RUN), 0);   /* conditions first */
    assert_int_equal(judged(&b, 1, with == 1, false), ML_OK);
    assert_int_equal(count_effects(&b, ML_DO_RUN), with == 1 ? 2 : 1);
    returns(&b, "x", NULL, NULL);
    returns(&b, "y", NULL, NULL);
    if (with == 1) {
      assert_null(act(&b, "end"));
      returns(&b, "z", NULL, NULL);
    }
    assert_non_null(act(&b, "end"));
    assert_int_equal(b.p->strand_count, 1);
    returns(&b, "end", NULL, NULL);
    assert_int_equal(b.p->status, ML_COMPLETED);
    close_bench(&b);
  }
}

static void a_condition_that_breaks_is_asked_again_on_retry(void **state) {
  bench b;
  const ml_effect *ef;
  ml_event ev = {.kind = ML_EV_MISJUDGED, .text = ML_STR("boom")};

  (void)state;
  open_bench(&b, BRANCHES);
  start(&b, NULL);
  ef = made_effect(&b, ML_DO_JUDGE);
  ev.no = ef->no;
  ev.slice = ef->slice;
  assert_int_equal(step(&b, &ev), ML_OK);
  assert_int_equal(b.p->run, ML_RUN_ERROR);
  assert_true(b.p->message.n > 0);
  assert_int_equal(plain(&b, ML_EV_RETRIED), ML_OK);
  assert_int_equal(judged(&b, 1, false, false), ML_OK);
  assert_int_equal(b.p->run, ML_RUN_RUNNING);
  close_bench(&b);
}

#define LOOP LANES FIELDS "\"phases\":[" \
  PHASE("work", TASK("t", "people", ",\"edit\":[\"a\",\"k\"],\"outcomes\":" \
    "[{\"id\":\"ok\"},{\"id\":\"again\",\"need\":[\"a\"]}]"), \
    ",\"next\":{\"again\":\"fix\",\"ok\":{\"kind\":\"finish\"}},\"max\":4") "," \
  PHASE("fix", TASK("f", "people", ",\"edit\":[\"a\"]" DONE), \
    ",\"next\":\"work\",\"max\":3") "]"

static void a_loop_is_bounded(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LOOP);
  start(&b, NULL);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(completes(&b, "t", "ben", 1, "again", "{\"a\":\"x\"}"),
                     ML_OK);
    assert_int_equal(completes(&b, "f", "ben", 1, "done", NULL), ML_OK);
  }
  assert_int_equal(completes(&b, "t", "ben", 1, "again", "{\"a\":\"x\"}"),
                   ML_OK);
  assert_int_equal(act(&b, "t")->status, ML_ACT_FAILURE);
  assert_int_equal(b.p->run, ML_RUN_FAILURE);
  assert_int_equal(b.p->task_count, 0);
  close_bench(&b);
}

static void what_a_task_takes(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LOOP);
  start(&b, NULL);
  assert_int_equal(completes(&b, "t", "ann", 2, "ok", "{\"k\":\"v\"}"),
                   ML_REFUSED);                       /* another lane */
  assert_int_equal(completes(&b, "t", "ben", 1, "odd", NULL), ML_INVALID);
  assert_string_equal(b.e.at, "/outcome");
  assert_int_equal(completes(&b, "t", "ben", 1, NULL, NULL), ML_INVALID);
  assert_int_equal(completes(&b, "t", "ben", 1, "ok", "{\"due\":1}"),
                   ML_INVALID);                       /* not editable here */
  assert_string_equal(b.e.at, "/data/due");
  assert_int_equal(completes(&b, "t", "ben", 1, "ok", "{\"zzz\":1}"),
                   ML_INVALID);                       /* no such field */
  assert_int_equal(completes(&b, "t", "ben", 1, "ok", NULL), ML_INVALID);
  assert_string_equal(b.e.at, "/data/k");             /* required */
  assert_int_equal(completes(&b, "t", "ben", 1, "again", NULL), ML_INVALID);
  assert_string_equal(b.e.at, "/data/a");             /* its own need */
  assert_int_equal(b.p->task_count, 1);
  assert_int_equal(completes(&b, "t", "ben", 1, "ok", "{\"k\":\"v\"}"), ML_OK);
  assert_int_equal(b.p->status, ML_COMPLETED);
  close_bench(&b);
}

static void the_lanes_first_person_gets_its_later_tasks(void **state) {
  bench b;
  int16_t lanes[] = {1};
  ml_event claim = {.kind = ML_EV_CLAIMED, .actor = {ML_STR("eve"), lanes, 1,
                    false}};

  (void)state;
  open_bench(&b, LOOP);
  start(&b, NULL);
  completes(&b, "t", "ben", 1, "again", "{\"a\":\"x\"}");
  assert_true(ml_str_is(b.p->tasks[0].assignee, "ben"));
  claim.no = b.p->tasks[0].no;
  assert_int_equal(step(&b, &claim), ML_CONFLICT);    /* accepted already */
  assert_int_equal(completes(&b, "f", "eve", 1, "done", NULL), ML_REFUSED);
  assert_int_equal(completes(&b, "f", "ben", 1, "done", NULL), ML_OK);
  close_bench(&b);
}

static void two_claims_one_wins(void **state) {
  bench b;
  int16_t lanes[] = {1};
  ml_event ev = {.kind = ML_EV_CLAIMED, .actor = {ML_STR("ben"), lanes, 1,
                 false}};

  (void)state;
  open_bench(&b, LOOP);
  start(&b, NULL);
  ev.no = b.p->tasks[0].no;
  assert_int_equal(step(&b, &ev), ML_OK);
  ev.actor.who = ML_STR("eve");
  assert_int_equal(step(&b, &ev), ML_CONFLICT);
  ev.kind = ML_EV_RELEASED;
  assert_int_equal(step(&b, &ev), ML_REFUSED);
  ev.actor.who = ML_STR("ben");
  assert_int_equal(step(&b, &ev), ML_OK);
  assert_null(b.p->tasks[0].assignee.p);
  close_bench(&b);
}

static void an_empty_lane_is_an_incident(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LOOP);
  b.manned[1] = false;
  start(&b, NULL);
  assert_int_equal(b.p->run, ML_RUN_ERROR);
  assert_int_equal(b.p->task_count, 0);
  assert_int_equal(plain(&b, ML_EV_RETRIED), ML_CONFLICT);
  b.manned[1] = true;
  assert_int_equal(plain(&b, ML_EV_RETRIED), ML_OK);
  assert_int_equal(b.p->task_count, 1);
  assert_int_equal(b.p->run, ML_RUN_RUNNING);
  close_bench(&b);
}

#define RETRY(policy, more) LANES "\"phases\":[" PHASE("one", AUTO("x", \
  ",\"retry\":" policy more), "") "]"

/* C6.10: 3 retries, 24 h apart: attempts at 0, 24, 48, 72 h, then Failure. */
static void retries_at_a_fixed_interval(void **state) {
  bench b;
  const int64_t day = 86400000;

  (void)state;
  open_bench(&b, RETRY("[3,\"24h\"]", ""));
  start(&b, NULL);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(ends(&b, "x", ML_END_RETRY, "not yet", -1), ML_OK);
    assert_int_equal(act(&b, "x")->status, ML_ACT_WAITING);
    assert_int_equal(ml_process_due(b.p, 1), b.now + day);
    wake(&b, day - 1);
    assert_int_equal(act(&b, "x")->status, ML_ACT_WAITING);   /* not early */
    wake(&b, 1);
    assert_int_equal(act(&b, "x")->status, ML_ACT_IN_PROGRESS);
    assert_int_equal(act(&b, "x")->attempt, (uint32_t)i + 2);
    assert_int_equal(count_effects(&b, ML_DO_NEW_ATTEMPT), 1);
  }
  assert_int_equal(ends(&b, "x", ML_END_RETRY, "not yet", -1), ML_OK);
  assert_int_equal(act(&b, "x")->status, ML_ACT_FAILURE);
  assert_int_equal(b.p->run, ML_RUN_FAILURE);
  close_bench(&b);
}

static void jitter_stays_inside_its_bounds(void **state) {
  bench b;
  int64_t top = 5000;
  bool differs = false;

  (void)state;
  open_bench(&b, RETRY("[10,\"5s..60s\"]", ""));
  start(&b, NULL);
  for (int i = 0; i < 10; i++) {
    int64_t wait;

    ends(&b, "x", ML_END_RETRY, "no", -1);
    wait = act(&b, "x")->due_ms - b.now;
    assert_in_range(wait, 5000, top);
    differs = differs || (wait != 5000 && wait != top);
    top = top * 2 > 60000 ? 60000 : top * 2;
    wake(&b, wait);
  }
  assert_true(differs);
  close_bench(&b);
}

static void without_retry_not_yet_is_an_error(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x", ""), "") "]");
  start(&b, NULL);
  ends(&b, "x", ML_END_RETRY, "no", -1);
  assert_int_equal(act(&b, "x")->status, ML_ACT_ERROR);
  close_bench(&b);
}

/* C6.11: at 72 h it fails, at 71 h 59 m it does not. */
static void give_up_counts_from_the_first_attempt(void **state) {
  bench b;
  const int64_t hour = 3600000;

  (void)state;
  open_bench(&b, RETRY("[99,\"1h\"]", ",\"give_up\":\"72h\""));
  start(&b, NULL);
  for (int i = 0; i < 71; i++) {
    ends(&b, "x", ML_END_RETRY, "no", -1);
    wake(&b, hour);
  }
  ends(&b, "x", ML_END_RETRY, "no", -1);
  wake(&b, hour - 60000);
  assert_int_equal(act(&b, "x")->status, ML_ACT_WAITING);
  wake(&b, 60000);
  assert_int_equal(act(&b, "x")->status, ML_ACT_FAILURE);
  close_bench(&b);
}

static void a_timeout_ends_the_attempt(void **state) {
  bench b;
  uint32_t slice;

  (void)state;
  open_bench(&b, RETRY("[1,\"1s\"]", ",\"timeout\":\"30s\""));
  start(&b, NULL);
  slice = act(&b, "x")->slice;
  assert_int_equal(ml_process_due(b.p, b.now + 60000), -(b.now + 30000));
  wake(&b, 30000);
  assert_int_equal(act(&b, "x")->status, ML_ACT_WAITING);
  assert_true(act(&b, "x")->slice > slice);           /* its answer is stale */
  close_bench(&b);
}

static void calls_are_asked_once_and_answered(void **state) {
  bench b;
  const ml_effect *ef;
  ml_event ev = {.kind = ML_EV_ANSWERED, .raw = ML_STR("{\"status\":200}"),
                 .text = ML_STR("put.1 200")};

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x", ""), "") "]");
  start(&b, NULL);
  assert_int_equal(wants(&b, "x", ML_CALL_PUT, "put.1", "{\"url\":\"u\"}", 7),
                   ML_OK);
  ef = made_effect(&b, ML_DO_CALL);
  assert_non_null(ef);
  assert_true(ml_process_in_flight(b.p));
  ev.no = ef->no;
  ev.slice = ef->slice + 1;
  assert_int_equal(step(&b, &ev), ML_STALE);
  ev.slice--;
  assert_int_equal(step(&b, &ev), ML_OK);
  ef = made_effect(&b, ML_DO_JOURNAL);
  assert_true(ml_str_is(ef->call, "put.1"));
  assert_int_equal(ef->hash[0], 7);
  assert_int_equal(count_effects(&b, ML_DO_RUN), 1);
  assert_int_equal(step(&b, &ev), ML_STALE);          /* twice: no */
  close_bench(&b);
}

static void another_request_under_the_same_name_is_a_mismatch(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x",
             ",\"retry\":[3,\"1s\"]"), "") "]");
  start(&b, NULL);
  wants(&b, "x", ML_CALL_PUT, "put.1", "{}", 7);
  {
    ml_event ev = {.kind = ML_EV_LOST, .text = ML_STR("timeout"),
                   .after_ms = -1, .no = act(&b, "x")->no,
                   .slice = act(&b, "x")->slice};

    assert_int_equal(step(&b, &ev), ML_OK);
  }
  wake(&b, 1000);
  wants(&b, "x", ML_CALL_PUT, "put.1", "{}", 8);
  assert_int_equal(count_effects(&b, ML_DO_CALL), 0);
  assert_int_equal(act(&b, "x")->status, ML_ACT_ERROR);
  assert_non_null(strstr(act(&b, "x")->message.p, "journal-mismatch"));
  close_bench(&b);
}

/* What was in flight is dispatched anew after a restart, nothing twice. */
static void recovery_dispatches_what_was_in_flight(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x", "") "," AUTO("y",
             "") "," TASK("t", "people", DONE), "") "]");
  start(&b, NULL);
  wants(&b, "y", ML_CALL_GET, "get.1", "{}", 1);
  assert_int_equal(plain(&b, ML_EV_RECOVERED), ML_OK);
  assert_int_equal(count_effects(&b, ML_DO_RUN), 2);  /* the task stays */
  assert_int_equal(b.made.record_count, 0);
  assert_int_equal(b.p->task_count, 1);
  close_bench(&b);
}

static ml_rc answer_asked(bench *b, const char *outcome, const char *data,
                          ml_err *e) {
  ml_arena a = {0};
  ml_json *j = NULL;
  ml_event ev = {.kind = ML_EV_COMPLETED, .no = b->p->tasks[0].no,
                 .outcome = ml_str_of(outcome),
                 .actor = {.operator_ = true, .who = ML_STR("op")}};
  ml_rc rc;

  assert_int_equal(ml_json_parse(&a, data, strlen(data), NULL, &j, NULL), ML_OK);
  ev.data = j;
  rc = step(b, &ev);
  *e = b->e;
  ml_arena_free(&a);
  return rc;
}

#define ASKED "{\"task\":{\"label\":\"ok?\",\"lane\":\"people\",\"edit\":[\"memo\"]," \
  "\"outcomes\":[{\"id\":\"yes\"},{\"id\":\"no\",\"need\":[\"memo\"],\"fails\":\"memo\"}]}," \
  "\"within_ms\":1000}"

/* ctx:ask within: nil when the time is over, and the task stays the same one. */
static void a_question_asked_again_keeps_its_task(void **state) {
  bench b;
  uint32_t no;
  ml_err e;

  (void)state;
  open_bench(&b, LANES "\"fields\":[{\"id\":\"memo\",\"type\":\"text\",\"max\":5}],"
             "\"phases\":[" PHASE("one", AUTO("x", ""), "") "]");
  start(&b, NULL);
  wants(&b, "x", ML_CALL_ASK, "ask.1", ASKED, 1);
  no = b.p->tasks[0].no;
  wake(&b, 999);
  assert_int_equal(count_effects(&b, ML_DO_RUN), 0);
  wake(&b, 1);
  assert_int_equal(count_effects(&b, ML_DO_JOURNAL), 1);
  assert_true(ml_str_is(made_effect(&b, ML_DO_JOURNAL)->text, "null"));
  assert_int_equal(b.p->task_count, 1);
  assert_int_equal(answer_asked(&b, "yes", "{}", &e), ML_CONFLICT);   /* at work */
  wants(&b, "x", ML_CALL_ASK, "ask.2", ASKED, 2);
  assert_int_equal(b.p->task_count, 1);
  assert_int_equal(b.p->tasks[0].no, no);
  assert_int_equal(answer_asked(&b, "yes", "{}", &e), ML_OK);
  assert_int_equal(b.p->task_count, 0);
  assert_int_equal(b.made.ended_count, 1);
  assert_false(b.made.ended[0].failed);
  assert_true(ml_str_is(made_effect(&b, ML_DO_JOURNAL)->call, "ask.2"));
  close_bench(&b);
}

#define NEW_FIRST LANES "\"new_first\":true,\"phases\":[" PHASE("one",        \
  AUTO("x", ""), "") "," PHASE("two", AUTO("y", ""), "") "]"

/* Stored as New it waits for nothing but the commit; what comes before that
** leaves it New, and it begins once. */
static void new_first_begins_when_it_is_stored(void **state) {
  static const ml_event_kind before[] = {ML_EV_RESET, ML_EV_RETRIED, ML_EV_EDITED};
  bench b;

  (void)state;
  open_bench(&b, NEW_FIRST);
  start(&b, NULL);
  assert_int_equal(b.p->run, ML_RUN_NEW);
  assert_int_equal(b.p->act_count, 0);
  assert_int_equal(count_effects(&b, ML_DO_BEGIN), 1);
  assert_int_equal(ml_process_due(b.p, 0), b.now);     /* found after a crash */
  same_when_packed(&b);
  for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
    plain(&b, before[i]);
    assert_int_equal(b.p->run, ML_RUN_NEW);
    assert_int_equal(count_effects(&b, ML_DO_RUN), 0);
  }
  assert_int_equal(plain(&b, ML_EV_WOKE), ML_OK);
  assert_int_equal(b.p->run, ML_RUN_RUNNING);
  assert_int_equal(count_effects(&b, ML_DO_RUN), 1);
  assert_int_equal(act(&b, "x")->status, ML_ACT_IN_PROGRESS);
  assert_int_equal(plain(&b, ML_EV_WOKE), ML_OK);      /* the row's moment, too */
  assert_int_equal(b.made.record_count, 0);
  assert_int_equal(b.p->act_count, 1);
  returns(&b, "x", NULL, NULL);
  returns(&b, "y", NULL, NULL);
  assert_int_equal(b.p->status, ML_COMPLETED);
  close_bench(&b);
}

static void new_first_may_end_before_it_began(void **state) {
  bench b;

  (void)state;
  open_bench(&b, NEW_FIRST);
  start(&b, NULL);
  assert_int_equal(plain(&b, ML_EV_CANCELLED), ML_OK);
  assert_int_equal(b.p->status, ML_CANCELLED);
  assert_int_equal(ml_process_due(b.p, 0), 0);
  assert_int_equal(plain(&b, ML_EV_WOKE), ML_OK);
  assert_int_equal(b.p->act_count, 0);
  assert_int_equal(b.made.record_count, 0);
  close_bench(&b);
}

/* The reason of a Failure is where its form has it. */
static void a_question_fails_for_a_field_of_its_form(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LANES "\"fields\":[{\"id\":\"memo\",\"type\":\"text\"},"
             "{\"id\":\"other\",\"type\":\"text\"}],"
             "\"phases\":[" PHASE("one", AUTO("x", ""), "") "]");
  start(&b, NULL);
  wants(&b, "x", ML_CALL_ASK, "ask.1", "{\"task\":{\"label\":\"ok?\",\"lane\":"
        "\"people\",\"edit\":[\"memo\"],\"outcomes\":[{\"id\":\"no\",\"fails\":"
        "\"other\"}]}}", 1);
  assert_int_equal(b.p->task_count, 0);
  assert_int_equal(b.p->acts[0].status, ML_ACT_ERROR);
  assert_non_null(strstr(b.p->message.p, "does not let edit"));
  close_bench(&b);
}

/* What a script's task lets edit is checked as those fields are. */
static void a_question_takes_what_its_form_says(void **state) {
  bench b;
  ml_err e;

  (void)state;
  open_bench(&b, LANES "\"fields\":[{\"id\":\"memo\",\"type\":\"text\",\"max\":5},"
             "{\"id\":\"other\",\"type\":\"text\"}],"
             "\"phases\":[" PHASE("one", AUTO("x", ""), "") "]");
  start(&b, "{\"memo\":\"old\"}");
  wants(&b, "x", ML_CALL_ASK, "ask.1", ASKED, 1);
  assert_int_equal(answer_asked(&b, "no", "{}", &e), ML_INVALID);
  assert_non_null(strstr(e.at, "memo"));      /* what the field holds is old */
  assert_int_equal(answer_asked(&b, "no", "{\"memo\":\"\"}", &e), ML_INVALID);
  assert_int_equal(answer_asked(&b, "no", "{\"memo\":\"123456\"}", &e), ML_INVALID);
  assert_int_equal(answer_asked(&b, "yes", "{\"other\":\"x\"}", &e), ML_INVALID);
  assert_int_equal(answer_asked(&b, "maybe", "{}", &e), ML_INVALID);
  assert_int_equal(b.p->task_count, 1);
  assert_int_equal(answer_asked(&b, "no", "{\"memo\":\"12345\"}", &e), ML_OK);
  assert_int_equal(b.p->task_count, 0);
  assert_int_equal(b.made.ended_count, 1);
  assert_true(b.made.ended[0].failed);      /* its outcome was declared so */
  close_bench(&b);
}

/* A form of a field that is not there is the script's mistake, before anyone
** sees it. */
static void a_question_about_no_field_is_an_error(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x", ""), "") "]");
  start(&b, NULL);
  wants(&b, "x", ML_CALL_ASK, "ask.1", ASKED, 1);
  assert_int_equal(b.p->task_count, 0);
  assert_int_equal(act(&b, "x")->status, ML_ACT_ERROR);
  close_bench(&b);
}

static void a_sleep_ends_at_its_moment(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x", ""), "") "]");
  start(&b, NULL);
  wants(&b, "x", ML_CALL_SLEEP, "sleep.1", "{\"ms\":7200000}", 1);
  assert_false(ml_process_in_flight(b.p));
  wake(&b, 7199999);
  assert_int_equal(count_effects(&b, ML_DO_RUN), 0);
  wake(&b, 1);
  assert_int_equal(count_effects(&b, ML_DO_RUN), 1);
  assert_int_equal(count_effects(&b, ML_DO_JOURNAL), 1);
  wake(&b, 1);
  assert_int_equal(count_effects(&b, ML_DO_RUN), 0);  /* once */
  close_bench(&b);
}

static ml_rc signal_named(bench *b, const char *name) {
  ml_event ev = {.kind = ML_EV_SIGNALLED, .text = ml_str_of(name)};

  return step(b, &ev);
}

static void signals_are_kept_until_awaited(void **state) {
  bench b;
  const ml_effect *ef;
  ml_event ev = {.kind = ML_EV_ANSWERED, .raw = ML_STR("1")};

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x", ""), "") "]");
  start(&b, NULL);
  assert_int_equal(signal_named(&b, "paid"), ML_OK);
  assert_int_equal(count_effects(&b, ML_DO_KEEP_MAIL), 1);
  assert_int_equal(signal_named(&b, "paid"), ML_OK);
  assert_int_equal(b.p->mail_count, 2);
  wants(&b, "x", ML_CALL_AWAIT, "await.1", "{\"signal\":\"paid\"}", 1);
  ef = made_effect(&b, ML_DO_TAKE_MAIL);
  assert_int_equal(ef->mail, b.p->mails[0].no);       /* the oldest */
  ev.no = ef->no;
  ev.slice = ef->slice;
  assert_int_equal(step(&b, &ev), ML_OK);
  assert_int_equal(count_effects(&b, ML_DO_DROP_MAIL), 1);
  assert_int_equal(b.p->mail_count, 1);
  for (int i = 1; i < ML_MAIL_MAX; i++)
    assert_int_equal(signal_named(&b, "other"), ML_OK);
  assert_int_equal(signal_named(&b, "other"), ML_LIMIT);
  close_bench(&b);
}

static void an_awaited_signal_is_given_at_once(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x", ""), "") "]");
  start(&b, NULL);
  wants(&b, "x", ML_CALL_AWAIT, "await.1",
        "{\"signal\":\"paid\",\"within_ms\":1000}", 1);
  assert_int_equal(signal_named(&b, "paid"), ML_OK);
  assert_int_equal(count_effects(&b, ML_DO_JOURNAL), 1);
  assert_int_equal(b.p->mail_count, 0);
  wants(&b, "x", ML_CALL_AWAIT, "await.2",
        "{\"signal\":\"paid\",\"within_ms\":1000}", 2);
  wake(&b, 1000);                                     /* nil after within */
  assert_true(ml_str_eq(made_effect(&b, ML_DO_JOURNAL)->text,
                        ML_AWAIT_OVER));
  close_bench(&b);
}

static void due_dates_are_told_once(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LANES FIELDS "\"phases\":[" PHASE("one", TASK("t", "people",
             ",\"due\":\"due\"" DONE), "") "]");
  start(&b, "{\"due\":1500000}");
  assert_int_equal(b.p->tasks[0].due_ms, 1500000);
  wake(&b, 499999);
  assert_false(was_told(&b, ML_TOLD_OVERDUE));
  wake(&b, 1);
  assert_true(was_told(&b, ML_TOLD_OVERDUE));
  wake(&b, 1);
  assert_false(was_told(&b, ML_TOLD_OVERDUE));
  assert_int_equal(ml_process_due(b.p, 1), 0);
  close_bench(&b);
}

/* C6.12, C6.13: siblings go on; a reset sets the failed one aside. */
static void reset_sets_failed_copies_aside(void **state) {
  bench b;
  uint32_t old;

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x", "") "," AUTO("y",
             "") "," AUTO("z", ""), "") "]");
  start(&b, NULL);
  ends(&b, "x", ML_END_FAILED, "rejected", 0);
  assert_int_equal(b.p->run, ML_RUN_FAILURE);
  returns(&b, "y", NULL, NULL);
  assert_int_equal(act(&b, "y")->status, ML_ACT_SUCCESS);
  assert_int_equal(b.p->run, ML_RUN_FAILURE);
  ends(&b, "z", ML_END_BROKE, "boom", 0);
  assert_int_equal(b.p->run, ML_RUN_ERROR);
  old = act(&b, "x")->no;
  assert_int_equal(plain(&b, ML_EV_RESET), ML_OK);
  assert_int_equal(b.p->act_count, 5);
  assert_int_equal(b.p->run, ML_RUN_RUNNING);
  assert_true(act(&b, "x")->no != old);
  assert_int_equal(act(&b, "x")->status, ML_ACT_IN_PROGRESS);
  assert_int_equal(plain(&b, ML_EV_RESET), ML_OK);    /* healthy: nothing */
  assert_int_equal(b.made.record_count, 0);
  returns(&b, "x", NULL, NULL);
  returns(&b, "z", NULL, NULL);
  assert_int_equal(b.p->status, ML_COMPLETED);
  close_bench(&b);
}

static void an_operator_retries_and_skips(void **state) {
  bench b;
  ml_event ev = {.kind = ML_EV_SKIPPED, .actor = {ML_STR("op"), NULL, 0, true}};

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x", ""), "") ","
             PHASE("two", AUTO("y", ""), "") "]");
  start(&b, NULL);
  assert_int_equal(plain(&b, ML_EV_RETRIED), ML_CONFLICT);
  ends(&b, "x", ML_END_BROKE, "boom", 0);
  assert_int_equal(plain(&b, ML_EV_RETRIED), ML_OK);
  ends(&b, "x", ML_END_BROKE, "boom", 0);
  ev.no = act(&b, "x")->no;
  assert_int_equal(step(&b, &ev), ML_OK);
  assert_non_null(act(&b, "y"));
  assert_int_equal(step(&b, &ev), ML_CONFLICT);       /* its phase is over */
  ev.no = 999;
  assert_int_equal(step(&b, &ev), ML_NOT_FOUND);
  close_bench(&b);
}

static void cancelling_ends_everything_at_once(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LOOP);
  start(&b, NULL);
  assert_int_equal(plain(&b, ML_EV_CANCELLED), ML_OK);
  assert_int_equal(b.p->status, ML_CANCELLED);
  assert_int_equal(b.made.ended_count, 1);
  assert_int_equal(b.made.ended[0].status, ML_TASK_CANCELLED);
  assert_int_equal(b.p->task_count + b.p->act_count + b.p->strand_count, 0);
  assert_int_equal(plain(&b, ML_EV_CANCELLED), ML_CONFLICT);
  assert_int_equal(signal_named(&b, "x"), ML_CONFLICT);
  close_bench(&b);
}

static void a_child_is_started_and_its_end_is_the_answer(void **state) {
  bench b;
  ml_event ev = {.kind = ML_EV_DELIVERED, .text = ML_STR("child-id")};

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x", ""), "") "]");
  start(&b, NULL);
  wants(&b, "x", ML_CALL_CALL, "call.1",
        "{\"workflow\":\"w2\",\"data\":{}}", 1);
  assert_int_equal(b.p->out_count, 1);
  assert_true(ml_process_in_flight(b.p));
  ev.no = b.p->outs[0].no;
  assert_int_equal(step(&b, &ev), ML_OK);
  assert_int_equal(b.p->out_count, 0);
  assert_int_equal(act(&b, "x")->wait, ML_WAIT_PROCESS);
  assert_int_equal(step(&b, &ev), ML_STALE);
  {
    ml_event end = {.kind = ML_EV_ANSWERED, .no = act(&b, "x")->no,
                    .outcome = ML_STR("call.1"), .raw = ML_STR("{}")};

    assert_int_equal(step(&b, &end), ML_OK);
    assert_int_equal(count_effects(&b, ML_DO_RUN), 1);
    assert_int_equal(step(&b, &end), ML_STALE);
  }
  close_bench(&b);
}

static void what_cannot_be_handed_over_is_tried_again(void **state) {
  bench b;
  ml_event ev = {.kind = ML_EV_UNDELIVERED, .after_ms = 1000};

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x", ""), "") "]");
  start(&b, NULL);
  wants(&b, "x", ML_CALL_START, "start.1", "{\"workflow\":\"w2\"}", 1);
  ev.no = b.p->outs[0].no;
  assert_int_equal(step(&b, &ev), ML_OK);
  assert_false(ml_process_in_flight(b.p));
  assert_int_equal(ml_process_due(b.p, 1), b.now + 1000);
  wake(&b, 999);
  assert_int_equal(count_effects(&b, ML_DO_SEND), 0);
  wake(&b, 1);
  assert_int_equal(count_effects(&b, ML_DO_SEND), 1);
  step(&b, &ev);
  assert_int_equal(ml_process_due(b.p, 1), b.now + 2000);   /* ever more */
  ev.after_ms = -1;
  ev.text = ML_STR("no workflow 'w2' is in force");
  assert_int_equal(step(&b, &ev), ML_OK);
  assert_int_equal(act(&b, "x")->status, ML_ACT_ERROR);
  close_bench(&b);
}

static void a_receive_step_is_strict(void **state) {
  bench b;
  ml_arena a = {0};
  ml_json *data;
  ml_event ev = {.kind = ML_EV_SIGNALLED, .text = ML_STR("paid")};

  (void)state;
  open_bench(&b, LANES FIELDS "\"phases\":[" PHASE("one", AUTO("x", ""), "") ","
             PHASE("two", "{\"kind\":\"receive\",\"label\":\"r\",\"signal\":"
             "\"paid\",\"edit\":[\"a\"],\"at\":\"workflow.lua:9\"}", "") "]");
  start(&b, NULL);
  assert_int_equal(step(&b, &ev), ML_CONFLICT);        /* nobody waits yet */
  returns(&b, "x", NULL, NULL);
  assert_int_equal(ml_json_parse(&a, "{\"due\":1}", 9, NULL, &data, NULL), ML_OK);
  ev.data = data;
  assert_int_equal(step(&b, &ev), ML_INVALID);         /* not its to write */
  assert_int_equal(ml_json_parse(&a, "{\"a\":\"v\"}", 9, NULL, &data, NULL),
                   ML_OK);
  ev.data = data;
  assert_int_equal(step(&b, &ev), ML_OK);
  assert_true(ml_str_is(b.p->data[0], "\"v\""));
  assert_int_equal(b.p->status, ML_COMPLETED);
  assert_int_equal(step(&b, &ev), ML_CONFLICT);        /* the second delivery */
  ml_arena_free(&a);
  close_bench(&b);
}

static void a_script_asks_a_person(void **state) {
  bench b;
  ml_arena a = {0};
  ml_json *data;
  int16_t lanes[] = {1};
  ml_event ev = {.kind = ML_EV_COMPLETED, .actor = {ML_STR("ben"), lanes, 1,
                 false}, .outcome = ML_STR("fine")};

  (void)state;
  open_bench(&b, LANES FIELDS "\"phases\":[" PHASE("one", AUTO("x", ""), "")
             "]");
  start(&b, NULL);
  wants(&b, "x", ML_CALL_ASK, "ask.1", "{\"task\":{\"title\":\"T\"}}", 1);
  assert_int_equal(act(&b, "x")->status, ML_ACT_ERROR);   /* no lane */
  plain(&b, ML_EV_RETRIED);
  wants(&b, "x", ML_CALL_ASK, "ask.1", "{\"task\":{\"title\":\"T\",\"lane\":"
        "\"people\",\"outcomes\":[\"fine\",\"bad\"]}}", 1);
  assert_int_equal(b.p->task_count, 1);
  ev.no = b.p->tasks[0].no;
  ev.outcome = ML_STR("odd");
  assert_int_equal(step(&b, &ev), ML_INVALID);
  ev.outcome = ML_STR("fine");
  assert_int_equal(ml_json_parse(&a, "{\"any\":1}", 9, NULL, &data, NULL), ML_OK);
  ev.data = data;
  assert_int_equal(step(&b, &ev), ML_OK);
  assert_true(ml_str_is(made_effect(&b, ML_DO_JOURNAL)->text,
              "{\"outcome\":\"fine\",\"who\":\"ben\",\"data\":{\"any\":1}}"));
  assert_int_equal(b.p->task_count, 0);
  ml_arena_free(&a);
  close_bench(&b);
}

/* P1.1, P2.2: the state graph; first assignment once, the last each time. */
static void edits_keep_to_the_graph(void **state) {
  bench b;
  ml_event ev = {.kind = ML_EV_EDITED, .state = ML_STR("done"),
                 .actor = {ML_STR("op"), NULL, 0, true}};

  (void)state;
  open_bench(&b, LANES FIELDS "\"states\":{\"list\":[{\"id\":\"new\"},{\"id\":"
             "\"busy\"},{\"id\":\"done\"}],\"start\":\"new\",\"moves\":[[\"new\","
             "\"busy\"],[\"busy\",\"done\"]]},\"phases\":[" PHASE("one",
             AUTO("x", ""), "") "]");
  start(&b, NULL);
  assert_true(ml_str_is(b.p->state, "new"));
  assert_int_equal(step(&b, &ev), ML_CONFLICT);
  assert_non_null(strstr(b.e.text, "busy"));
  assert_true(ml_str_is(b.p->state, "new"));
  ev.state = ML_STR("none");
  assert_int_equal(step(&b, &ev), ML_INVALID);
  ev.state = ML_STR("busy");
  assert_int_equal(step(&b, &ev), ML_OK);
  assert_int_equal(b.p->status, ML_OPEN);
  ev.state = ML_NOSTR;
  for (int i = 0; i < 3; i++) {
    ev.assign = i == 1 ? ML_STR("bob") : ML_STR("ann");
    b.now += 10;
    assert_int_equal(step(&b, &ev), ML_OK);
  }
  assert_true(ml_str_is(b.p->first_assigned_to, "ann"));
  assert_int_equal(b.p->first_assigned_ms, b.now - 20);
  assert_int_equal(b.p->last_assigned_ms, b.now);
  close_bench(&b);
}

static void sealed_values_stay_out_of_history(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LANES FIELDS "\"phases\":[" PHASE("one", AUTO("x", ""), "")
             "]");
  start(&b, "{\"secret\":\"hunter2\"}");
  for (size_t i = 0; i < b.made.record_count; i++) {
    ml_str d = b.made.records[i].data;

    assert_true(d.p == NULL || memmem(d.p, d.n, "hunter2", 7) == NULL);
  }
  assert_true(ml_str_is(b.p->data[3], "\"hunter2\""));
  close_bench(&b);
}

static void is_complete_is_asked_until_it_is_true(void **state) {
  bench b;

  (void)state;
  open_bench(&b, LANES "\"phases\":[" PHASE("one", AUTO("x",
             ",\"is_complete\":true,\"give_up\":\"72h\""), "") "]");
  start(&b, NULL);
  returns(&b, "x", NULL, NULL);
  assert_true(ml_str_is(made_effect(&b, ML_DO_RUN)->mode, "is_complete"));
  returns(&b, "x", "false", NULL);
  assert_int_equal(act(&b, "x")->status, ML_ACT_WAITING);
  assert_int_equal(b.p->run, ML_RUN_RUNNING);
  wake(&b, 300000);
  assert_int_equal(count_effects(&b, ML_DO_RUN), 1);
  assert_int_equal(wants(&b, "x", ML_CALL_POST, "post.1", "{}", 1), ML_OK);
  assert_int_equal(act(&b, "x")->status, ML_ACT_ERROR);   /* only GET */
  plain(&b, ML_EV_RETRIED);
  returns(&b, "x", "true", NULL);
  assert_int_equal(b.p->status, ML_COMPLETED);
  close_bench(&b);
}

static void damaged_rows_are_told_not_believed(void **state) {
  bench b;
  ml_buf packed = {0};

  (void)state;
  open_bench(&b, LOOP);
  start(&b, NULL);
  ml_process_pack(b.p, b.f, &packed);
  for (size_t n = 0; n < packed.len; n++) {
    ml_process *q = ml_process_new(b.f);

    assert_int_equal(ml_process_unpack(q, b.f, (ml_str){packed.p, n}),
                     ML_CORRUPT);
    ml_process_free(q);
    q = ml_process_new(b.f);
    packed.p[n] = (char)(packed.p[n] ^ 0x55);
    ml_process_unpack(q, b.f, (ml_str){packed.p, packed.len});
    packed.p[n] = (char)(packed.p[n] ^ 0x55);
    ml_process_free(q);
  }
  ml_buf_free(&packed);
  close_bench(&b);
}

static void ids_hold_their_number(void **state) {
  uint8_t id[16], back[16];
  char text[ML_ID_MAX];
  uint32_t no;

  (void)state;
  for (int64_t n = 1; n < (int64_t)1 << 40; n = n * 3 + 1) {
    ml_process_make_id(id, 1760000000000 + n, n, 0xDEADBEEFCAFE);
    assert_int_equal(ml_process_id_n(id), n);
    ml_id_text(text, id, (uint32_t)(n % 1000));
    assert_true(ml_id_of(ml_str_of(text), back, &no));
    assert_memory_equal(id, back, 16);
    assert_int_equal(no, n % 1000);
    assert_int_equal(text[14], '7');
  }
  assert_false(ml_id_of(ML_STR("nonsense"), back, &no));
  assert_false(ml_id_of(ML_STR(""), back, &no));
}

/* The clock stands before the last change: the wait of a retry moves with it,
** once, whichever event is the first; a refused one changes nothing. */
static void a_wait_moves_with_a_clock_that_went_back(void **state) {
  ml_event bad = {.kind = ML_EV_SKIPPED, .no = 777};
  const int64_t years = INT64_C(17) * 365 * 86400000;
  bench b;
  ml_act *a;
  int64_t due;

  (void)state;
  open_bench(&b, RETRY("[3,\"10s\"]", ""));
  b.now += years;
  start(&b, NULL);
  assert_int_equal(ends(&b, "x", ML_END_RETRY, "not yet", -1), ML_OK);
  a = act(&b, "x");
  due = a->due_ms;
  assert_int_equal(a->wait, ML_WAIT_RETRY);
  b.now -= years;
  assert_int_not_equal(step(&b, &bad), ML_OK);
  assert_true(a->due_ms == due);
  assert_int_equal(plain(&b, ML_EV_TURNED), ML_OK);
  assert_true(a->due_ms == due - years);
  assert_int_equal(plain(&b, ML_EV_WOKE), ML_OK);
  assert_true(a->due_ms == due - years);
  b.now -= 5;
  assert_int_equal(plain(&b, ML_EV_COMMENTED), ML_OK);
  assert_true(a->due_ms == due - years - 5);
  close_bench(&b);
}

/* Nothing is changed by a refusal, for every event in a started process. */
static void refusals_change_nothing(void **state) {
  bench b;
  ml_buf before = {0}, after = {0};

  (void)state;
  open_bench(&b, LOOP);
  start(&b, NULL);
  ml_process_pack(b.p, b.f, &before);
  for (int kind = 0; kind < ML_EV_COUNT; kind++) {
    ml_answer r = {.end = ML_END_RETURNED};
    ml_event ev = {.kind = (ml_event_kind)kind, .no = 777, .slice = 777,
                   .answer = &r, .outcome = ML_STR("x"), .text = ML_STR("")};

    if (kind == ML_EV_WOKE || kind == ML_EV_RECOVERED || kind == ML_EV_TURNED ||
        kind == ML_EV_CANCELLED || kind == ML_EV_COMMENTED ||
        kind == ML_EV_EDITED || kind == ML_EV_RESET ||
        kind == ML_EV_DERIVED || kind == ML_EV_SHARED ||
        kind == ML_EV_MENDED)
      continue;                             /* these are allowed here */
    assert_int_not_equal(step(&b, &ev), ML_OK);
    ml_buf_reset(&after);
    ml_process_pack(b.p, b.f, &after);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.p, after.p, before.len);
  }
  ml_buf_free(&before);
  ml_buf_free(&after);
  close_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_pair_of_status_and_turn),
    cmocka_unit_test(aggregation_of_three),
    cmocka_unit_test(two_phases_one_after_the_other),
    cmocka_unit_test(activities_of_a_phase_start_together),
    cmocka_unit_test(an_answer_to_an_old_slice_is_stale),
    cmocka_unit_test(outcomes_choose_the_phase),
    cmocka_unit_test(an_undeclared_outcome_is_an_error),
    cmocka_unit_test(a_wrong_value_from_a_script_changes_nothing),
    cmocka_unit_test(the_join_waits_for_started_branches_only),
    cmocka_unit_test(a_condition_that_breaks_is_asked_again_on_retry),
    cmocka_unit_test(a_loop_is_bounded),
    cmocka_unit_test(what_a_task_takes),
    cmocka_unit_test(the_lanes_first_person_gets_its_later_tasks),
    cmocka_unit_test(two_claims_one_wins),
    cmocka_unit_test(an_empty_lane_is_an_incident),
    cmocka_unit_test(retries_at_a_fixed_interval),
    cmocka_unit_test(jitter_stays_inside_its_bounds),
    cmocka_unit_test(without_retry_not_yet_is_an_error),
    cmocka_unit_test(give_up_counts_from_the_first_attempt),
    cmocka_unit_test(a_timeout_ends_the_attempt),
    cmocka_unit_test(calls_are_asked_once_and_answered),
    cmocka_unit_test(another_request_under_the_same_name_is_a_mismatch),
    cmocka_unit_test(recovery_dispatches_what_was_in_flight),
    cmocka_unit_test(a_question_asked_again_keeps_its_task),
    cmocka_unit_test(a_question_takes_what_its_form_says),
    cmocka_unit_test(new_first_begins_when_it_is_stored),
    cmocka_unit_test(new_first_may_end_before_it_began),
    cmocka_unit_test(a_question_fails_for_a_field_of_its_form),
    cmocka_unit_test(a_question_about_no_field_is_an_error),
    cmocka_unit_test(a_sleep_ends_at_its_moment),
    cmocka_unit_test(signals_are_kept_until_awaited),
    cmocka_unit_test(an_awaited_signal_is_given_at_once),
    cmocka_unit_test(due_dates_are_told_once),
    cmocka_unit_test(reset_sets_failed_copies_aside),
    cmocka_unit_test(an_operator_retries_and_skips),
    cmocka_unit_test(cancelling_ends_everything_at_once),
    cmocka_unit_test(a_child_is_started_and_its_end_is_the_answer),
    cmocka_unit_test(what_cannot_be_handed_over_is_tried_again),
    cmocka_unit_test(a_receive_step_is_strict),
    cmocka_unit_test(a_script_asks_a_person),
    cmocka_unit_test(edits_keep_to_the_graph),
    cmocka_unit_test(sealed_values_stay_out_of_history),
    cmocka_unit_test(is_complete_is_asked_until_it_is_true),
    cmocka_unit_test(damaged_rows_are_told_not_believed),
    cmocka_unit_test(ids_hold_their_number),
    cmocka_unit_test(refusals_change_nothing),
    cmocka_unit_test(a_wait_moves_with_a_clock_that_went_back),
  };

  return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
