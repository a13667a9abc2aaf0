/*
** test_object.c - the Process object in the pure engine: state beside status,
** assignment, next action, deleting, ids of others, what is derived, rules and
** their activities, tasks that are no activity's; and definitions that say them.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/advance.h"
#include "model/flow.h"
#include "model/process.h"

#define LEAD \
  "\"fields\":[{\"id\":\"f_id\",\"short\":\"lead_id\",\"type\":\"string\"," \
  "\"required\":true},{\"id\":\"f_first\",\"short\":\"first\"," \
  "\"type\":\"string\"},{\"id\":\"f_size\",\"short\":\"size\"," \
  "\"type\":\"integer\",\"derive\":true}],\"primary_key\":\"lead_id\"," \
  "\"states\":{\"list\":[{\"id\":\"New\"},{\"id\":\"In-Progress\"}," \
  "{\"id\":\"Converted\"}],\"start\":\"New\",\"completed\":\"Converted\"," \
  "\"moves\":[[\"New\",\"In-Progress\"],[\"In-Progress\",\"Converted\"]]}," \
  "\"rules\":[{\"on\":\"after_update\",\"name\":\"tell\",\"entry\":" \
  "{\"kind\":\"activity\",\"label\":\"tell\",\"run\":true}}," \
  "{\"on\":\"after_update\",\"name\":\"off\",\"active\":false,\"entry\":" \
  "{\"kind\":\"activity\",\"label\":\"off\",\"run\":true}}," \
  "{\"on\":\"on_next_action\",\"name\":\"due\",\"entry\":" \
  "{\"kind\":\"activity\",\"label\":\"due\",\"run\":true}}]"

typedef struct bench {
  ml_flow **flows;
  size_t count;
  ml_flow *f;
  ml_process *p;
  ml_rand_seeded rand;
  int64_t now;
  ml_made made;
  ml_err e;
  char faults[2000];
} bench;

static void tell_fault(void *arg, const char *at, const char *text) {
  bench *b = arg;
  size_t n = strlen(b->faults);

  (void)at;
  snprintf(b->faults + n, sizeof b->faults - n, "%s\n", text);
}

static ml_rc parse(bench *b, const char *members) {
  ml_arena a = {0};
  char text[4000];
  ml_json *tree;
  ml_rc rc;

  memset(b, 0, sizeof *b);
  snprintf(text, sizeof text, "{\"api\":1,\"workflows\":[{\"name\":\"lead\","
           "\"at\":\"workflow.lua:1\",%s}]}", members);
  assert_int_equal(ml_json_parse(&a, text, strlen(text), NULL, &tree, NULL),
                   ML_OK);
  rc = ml_flow_parse("lead", tree, tell_fault, b, &b->flows, &b->count);
  ml_arena_free(&a);
  return rc;
}

static void close_bench(bench *b) {
  for (size_t i = 0; i < b->count; i++)
    ml_flow_free(b->flows[i]);
  ml_mem_free(b->flows);
  ml_process_free(b->p);
  ml_made_free(&b->made);
}

/* Packing what was unpacked gives the same bytes, ids of others included. */
static void same_when_packed(const bench *b) {
  ml_buf one = {0}, two = {0};
  ml_process *q = ml_process_new(b->f);
  ml_object o;

  ml_process_pack(b->p, b->f, &one);
  assert_int_equal(ml_process_unpack(q, b->f, (ml_str){one.p, one.len}), ML_OK);
  ml_process_pack(q, b->f, &two);
  assert_int_equal(one.len, two.len);
  assert_memory_equal(one.p, two.p, one.len);
  ml_process_peek((ml_str){one.p, one.len}, &o);
  assert_true(ml_str_eq(o.team, b->p->object.team));
  assert_true(ml_str_eq(o.booking, b->p->object.booking));
  ml_process_free(q);
  ml_buf_free(&one);
  ml_buf_free(&two);
}

static ml_rc step(bench *b, ml_event *ev) {
  ml_now now = {b->now, NULL, &b->rand.base, 60000};
  ml_rc rc;

  ml_made_reset(&b->made);
  memset(&b->e, 0, sizeof b->e);
  rc = ml_advance(b->f, b->p, ev, &now, &b->made, &b->e);
  if (b->p->seq > 0)
    same_when_packed(b);
  return rc;
}

static ml_rc with_data(bench *b, ml_event *ev, const char *json) {
  ml_arena a = {0};
  ml_json *data = NULL;
  ml_rc rc;

  if (json != NULL)
    assert_int_equal(ml_json_parse(&a, json, strlen(json), NULL, &data, NULL),
                     ML_OK);
  ev->data = data;
  rc = step(b, ev);
  ml_arena_free(&a);
  return rc;
}

static void open_lead(bench *b) {
  ml_event ev = {.kind = ML_EV_STARTED};

  assert_int_equal(parse(b, LEAD), ML_OK);
  b->f = b->flows[0];
  ml_rand_seed(&b->rand, 7);
  b->now = 1000000;
  b->p = ml_process_new(b->f);
  ml_process_make_id(b->p->id, b->now, 5, 9);
  b->p->n = 5;
  assert_int_equal(with_data(b, &ev, "{\"lead_id\":\"L-1\"}"), ML_OK);
}

static ml_rc edit_state(bench *b, const char *to) {
  ml_event ev = {.kind = ML_EV_EDITED, .state = ml_str_of(to)};

  return step(b, &ev);
}

static ml_rc edit_status(bench *b, ml_status to) {
  ml_event ev = {.kind = ML_EV_EDITED, .has_status = true, .status = to};

  return step(b, &ev);
}

static ml_act *act(bench *b, const char *label) {
  for (uint32_t i = 0; i < b->p->act_count; i++)
    if (ml_str_is(b->f->activities[b->p->acts[i].def].label, label))
      return &b->p->acts[i];
  return NULL;
}

static ml_rc returns(bench *b, ml_act *a) {
  ml_answer r = {.end = ML_END_RETURNED, .after_ms = -1};
  ml_event ev = {.kind = ML_EV_ATTEMPTED, .no = a->no, .slice = a->slice,
                 .answer = &r};

  return step(b, &ev);
}

static void P1_1_a_state_moves_where_the_graph_lets_it(void **state) {
  bench b;

  (void)state;
  open_lead(&b);
  assert_true(ml_str_is(b.p->state, "New"));
  b.now += 1000;
  assert_int_equal(edit_state(&b, "Converted"), ML_CONFLICT);
  assert_non_null(strstr(b.e.text, "allowed: New, In-Progress"));
  assert_true(ml_str_is(b.p->state, "New"));
  assert_int_equal(b.p->updated_ms, 1000000);
  assert_int_equal(edit_state(&b, "In-Progress"), ML_OK);
  assert_int_equal(b.p->updated_ms, 1001000);
  assert_int_equal(b.p->status, ML_OPEN);
  close_bench(&b);
}

static void P1_2_and_P2_3_status_completes_cancels_reopens(void **state) {
  bench b;

  (void)state;
  open_lead(&b);
  assert_int_equal(edit_status(&b, ML_COMPLETED), ML_OK);
  assert_true(ml_str_is(b.p->state, "New"));       /* the graph says no */
  assert_int_equal(b.p->completed_ms, b.now);
  assert_int_equal(b.p->cancelled_ms, 0);
  assert_int_equal(edit_status(&b, ML_CANCELLED), ML_CONFLICT);
  assert_int_equal(edit_status(&b, ML_OPEN), ML_OK);
  assert_int_equal(b.p->completed_ms, 0);
  assert_int_equal(b.p->run, ML_RUN_RUNNING);
  assert_int_equal(edit_state(&b, "In-Progress"), ML_OK);
  assert_int_equal(edit_status(&b, ML_CANCELLED), ML_OK);
  assert_int_equal(b.p->completed_ms, 0);
  assert_int_equal(b.p->cancelled_ms, b.now);
  assert_int_equal(edit_status(&b, ML_OPEN), ML_OK);
  assert_int_equal(edit_status(&b, ML_COMPLETED), ML_OK);
  assert_true(ml_str_is(b.p->state, "Converted"));
  close_bench(&b);
}

static void P2_4_next_action_starts_its_activity_once(void **state) {
  bench b;
  ml_event later = {.kind = ML_EV_EDITED, .has_next_action = true},
           woke = {.kind = ML_EV_WOKE};

  (void)state;
  open_lead(&b);
  later.next_action_ms = b.now + 1000;
  assert_int_equal(step(&b, &later), ML_OK);
  later.next_action_ms = b.now + 5000;             /* moved */
  assert_int_equal(step(&b, &later), ML_OK);
  assert_int_equal(ml_process_next_ms(b.p), b.now + 5000);
  b.now += 4999;
  assert_int_equal(step(&b, &woke), ML_OK);
  assert_null(act(&b, "due"));
  b.now += 100000;                                 /* it was down meanwhile */
  assert_int_equal(step(&b, &woke), ML_OK);
  assert_non_null(act(&b, "due"));
  assert_int_equal(b.p->next_action_ms, 0);
  assert_int_equal(step(&b, &woke), ML_OK);
  assert_int_equal(b.p->act_count, 1);             /* once */
  assert_int_equal(returns(&b, act(&b, "due")), ML_OK);
  assert_int_equal(b.p->act_count + b.p->strand_count, 0);
  assert_int_equal(b.p->status, ML_OPEN);          /* no phase was its */
  close_bench(&b);
}

static void P2_6_deleted_it_has_no_timer_and_takes_nothing(void **state) {
  bench b;
  ml_event gone = {.kind = ML_EV_EDITED, .has_deleted = true, .deleted = true,
                   .has_next_action = true, .next_action_ms = 1000500},
           woke = {.kind = ML_EV_WOKE},
           tell = {.kind = ML_EV_SIGNALLED, .text = ML_STR("x")};

  (void)state;
  open_lead(&b);
  assert_int_equal(step(&b, &gone), ML_OK);
  assert_int_equal(ml_process_due(b.p, 9999), 0);
  b.now += 10000;
  assert_int_equal(step(&b, &woke), ML_OK);
  assert_int_equal(b.p->next_action_ms, 1000500);
  assert_int_equal(step(&b, &tell), ML_NOT_FOUND);
  assert_int_equal(edit_state(&b, "In-Progress"), ML_NOT_FOUND);
  gone.deleted = gone.has_next_action = false;
  assert_int_equal(step(&b, &gone), ML_OK);
  assert_int_equal(ml_process_next_ms(b.p), 1000500);
  assert_int_equal(edit_state(&b, "In-Progress"), ML_OK);
  close_bench(&b);
}

static void P2_8_ids_of_others_are_kept_and_cost_nothing(void **state) {
  bench b;
  ml_buf before = {0}, after = {0};
  ml_event ev = {.kind = ML_EV_EDITED};

  (void)state;
  open_lead(&b);
  ml_process_pack(b.p, b.f, &before);
  assert_int_equal(before.p[0], 1);                /* as ever */
  ev.object.belongs_to = ML_STR("pod-7");
  ev.object.booking = ML_STR("book-8");
  assert_int_equal(step(&b, &ev), ML_OK);
  assert_true(b.p->object_changed);
  assert_true(ml_str_is(b.p->object.booking, "book-8"));
  ev.object.belongs_to = ev.object.booking = ML_STR("");
  assert_int_equal(step(&b, &ev), ML_OK);
  ml_process_pack(b.p, b.f, &after);
  assert_int_equal(before.len, after.len);
  assert_memory_equal(before.p, after.p, before.len);
  ev.object.record = ML_STR("\x01");
  assert_int_equal(step(&b, &ev), ML_INVALID);
  assert_string_equal(b.e.at, "/record");
  ml_buf_free(&before);
  ml_buf_free(&after);
  close_bench(&b);
}

static void P3_6_derived_values_come_from_rules_alone(void **state) {
  bench b;
  ml_event edit = {.kind = ML_EV_EDITED}, derive = {.kind = ML_EV_DERIVED};

  (void)state;
  open_lead(&b);
  assert_int_equal(with_data(&b, &edit, "{\"size\":3}"), ML_INVALID);
  assert_non_null(strstr(b.e.text, "'size'"));
  assert_int_equal(with_data(&b, &derive, "{\"f_size\":3}"), ML_OK);
  assert_true(ml_str_is(b.p->data[2], "3"));
  assert_int_equal(b.made.record_count, 1);
  assert_int_equal(with_data(&b, &derive, "{\"f_size\":3}"), ML_OK);
  assert_int_equal(b.made.record_count, 0);        /* nothing changed */
  assert_int_equal(with_data(&b, &derive, "{\"f_size\":\"x\"}"), ML_INVALID);
  assert_non_null(strstr(b.e.text, "f_size"));
  assert_int_equal(with_data(&b, &derive, "{\"f_size\":null}"), ML_OK);
  assert_null(b.p->data[2].p);
  close_bench(&b);
}

static void P3_7_what_a_rule_starts_goes_on_when_its_process_ends(void **state) {
  bench b;
  const bool both[] = {true, true};
  ml_event ev = {.kind = ML_EV_DERIVED, .truths = both, .truth_count = 2};

  (void)state;
  open_lead(&b);
  assert_int_equal(step(&b, &ev), ML_OK);
  assert_int_equal(b.p->act_count, 1);             /* the inactive one not */
  assert_non_null(act(&b, "tell"));
  assert_int_equal(edit_status(&b, ML_COMPLETED), ML_OK);
  assert_non_null(act(&b, "tell"));
  assert_true(ml_process_in_flight(b.p));
  assert_int_equal(returns(&b, act(&b, "tell")), ML_OK);
  assert_int_equal(b.p->act_count + b.p->strand_count, 0);
  assert_int_equal(b.p->status, ML_COMPLETED);
  ev.outcome = ML_STR("create");                   /* none is after_create */
  assert_int_equal(step(&b, &ev), ML_OK);
  assert_int_equal(b.p->act_count, 0);
  close_bench(&b);
}

static void P3_3_a_task_may_be_born_completed(void **state) {
  bench b;
  ml_errand x = {.title = ML_STR("Called"), .has_status = true,
                 .status = ML_TASK_COMPLETED, .at_ms = 500,
                 .more = ML_STR("{}")};
  ml_event ev = {.kind = ML_EV_ERRAND, .errand = &x},
           done = {.kind = ML_EV_COMPLETED, .actor = {.who = ML_STR("bob")}};

  (void)state;
  open_lead(&b);
  assert_int_equal(step(&b, &ev), ML_OK);
  assert_int_equal(b.p->task_count, 0);
  assert_int_equal(b.made.ended_count, 1);
  assert_int_equal(b.made.ended[0].at_ms, 500);
  assert_true(ml_str_is(b.made.ended[0].label, "Called"));
  x = (ml_errand){.title = ML_STR("Call"), .assignee = ML_STR("ann"),
                  .more = ML_STR("{}")};
  assert_int_equal(step(&b, &ev), ML_OK);
  done.no = b.made.more_no;
  assert_int_equal(step(&b, &done), ML_REFUSED);   /* it is ann's */
  done.actor.who = ML_STR("ann");
  assert_int_equal(step(&b, &done), ML_OK);
  assert_int_equal(b.p->task_count, 0);
  assert_int_equal(step(&b, &done), ML_CONFLICT);
  x = (ml_errand){.title = ML_STR(""), .more = ML_STR("{}")};
  assert_int_equal(step(&b, &ev), ML_INVALID);
  close_bench(&b);
}

static void P3_1_definitions_that_are_refused(void **state) {
  static const struct { const char *members, *told; } bad[] = {
    {"\"states\":{\"list\":[{\"id\":\"a\"}],\"start\":\"b\"}",
     "'start' names 'b', which is none of the states"},
    {"\"states\":{\"list\":[{\"id\":\"a\"}],\"completed\":\"b\"}",
     "'completed' names 'b'"},
    {"\"states\":{\"list\":[{\"id\":\"a\"}]},\"primary_key\":\"x\"", "'x'"},
    {"\"fields\":[{\"id\":\"x\",\"type\":\"boolean\"}],\"states\":{\"list\":"
     "[{\"id\":\"a\"}]},\"primary_key\":\"x\"", "must be a written field"},
    {"\"fields\":[{\"id\":\"x\",\"type\":\"string\",\"derive\":true,"
     "\"required\":true}],\"states\":{\"list\":[{\"id\":\"a\"}]}",
     "a derived field is computed"},
    {"\"fields\":[{\"id\":\"x\",\"type\":\"string\"}]", "has no phases"},
    {"\"states\":{\"list\":[{\"id\":\"a\"}]},\"rules\":[{\"on\":"
     "\"before_update\",\"name\":\"r\",\"refuse\":\"no\"}]",
     "'when' is missing: it would refuse everything"},
    {"\"states\":{\"list\":[{\"id\":\"a\"}]},\"rules\":[{\"on\":"
     "\"after_update\",\"name\":\"r\"}]", "'run' is missing"}};

  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    bench b;

    assert_int_equal(parse(&b, bad[i].members), ML_INVALID);
    if (strstr(b.faults, bad[i].told) == NULL)
      fail_msg("told: %s\nwanted: %s", b.faults, bad[i].told);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(P1_1_a_state_moves_where_the_graph_lets_it),
    cmocka_unit_test(P1_2_and_P2_3_status_completes_cancels_reopens),
    cmocka_unit_test(P2_4_next_action_starts_its_activity_once),
    cmocka_unit_test(P2_6_deleted_it_has_no_timer_and_takes_nothing),
    cmocka_unit_test(P2_8_ids_of_others_are_kept_and_cost_nothing),
    cmocka_unit_test(P3_6_derived_values_come_from_rules_alone),
    cmocka_unit_test(P3_7_what_a_rule_starts_goes_on_when_its_process_ends),
    cmocka_unit_test(P3_3_a_task_may_be_born_completed),
    cmocka_unit_test(P3_1_definitions_that_are_refused),
  };

  return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
