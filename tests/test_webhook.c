/*
** test_webhook.c - P3.11: who subscribes is told of every change, signed, at
** least once, in the order of each process, over restarts and a receiver that
** fails; what was given up can be resent.
*/
#include "run_kit.h"

#include "base/sign.h"
#include "run/webhook.h"

static const char secret[] = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

static const char flow[] =
  "local ml = require 'moonlane'\n"
  "return ml.workflow { 'lead', lanes = { sales = 'Sales' },\n"
  "  fields = { { 'lead_id', 'string', short = 'lead' },\n"
  "             { 'pin', 'string', sealed = true }, { 'score', 'integer' } },\n"
  "  start = { ml.form { 'lead_id', 'pin', 'score' } },\n"
  "  phases = { { 'work', ml.task { 'call', lane = 'sales',\n"
  "    outcomes = { 'won' } }, next = ml.finish } } }\n";

/* ---- a subscription ---- */

typedef struct Put {
  kit_came came;
  uint32_t no;
} Put;

static uint32_t subscribe(ml_row_webhook row) {
  Put p = {.came = {0}};

  if (row.url.p == NULL && !row.removed)
    row.url = ML_STR("https://crm.example/hook");
  if (row.no == 0)
    row.secret = ml_str_of(secret);
  ml_run_webhook_put(kit.run, &row, &p.no, kit_done, &p.came);
  kit_settle();
  assert_int_equal(p.came.times, 1);
  if (p.came.rc != ML_OK)
    fail_msg("%s", p.came.e.text);
  return p.no;
}

static void up(void) {
  kit_begin();
  kit_flow("lead", flow);
}

static void edit(int64_t n, const char *data) {
  kit_came c;

  kit_put(kit_input(ML_EV_EDITED, n, data, &c));
  assert_int_equal(c.times, 1);
  if (c.rc != ML_OK)
    fail_msg("%s", c.e.text);
}

/* ---- what came ---- */

typedef struct Message {
  char id[120], process[40];
  int64_t first, last;           /* seqs of its changes */
  char *body;
} Message;

static Message seen_of(const kit_call *c) {
  ml_arena a = {0};
  ml_json *v = NULL;
  const ml_json *data, *changes;
  const char *id = strstr(c->headers, "webhook-id: ");
  Message m = {.body = c->body};

  assert_non_null(id);
  snprintf(m.id, sizeof m.id, "%.*s", (int)strcspn(id + 12, "\n"), id + 12);
  assert_int_equal(ml_json_parse(&a, c->body, strlen(c->body), NULL, &v, NULL),
                   ML_OK);
  data = ml_json_get(v, "data");
  changes = ml_json_get(data, "changes");
  snprintf(m.process, sizeof m.process, "%s", ml_json_str(data, "id").p);
  m.first = ml_json_int(&changes->arr[0], "seq", 0);
  m.last = ml_json_int(&changes->arr[changes->count - 1], "seq", 0);
  assert_int_equal(m.last, ml_json_int(data, "seq", 0));
  ml_arena_free(&a);
  return m;
}

static void is_signed(const kit_call *c) {
  ml_signed s = {0};
  ml_err e = {0};
  struct { const char *name; ml_str *to; } all[] = {
    {"\nwebhook-id: ", &s.id}, {"\nwebhook-timestamp: ", &s.timestamp},
    {"\nwebhook-signature: ", &s.signature}};

  for (size_t i = 0; i < 3; i++) {
    const char *at = strstr(c->headers, all[i].name);

    assert_non_null(at);
    at += strlen(all[i].name);
    *all[i].to = (ml_str){at, strcspn(at, "\n")};
  }
  if (ml_sign_verify(ml_str_of(secret), &s, ml_str_of(c->body), kit.clock.wall,
                     NULL, &e) != ML_OK)
    fail_msg("%s: %s", e.at, e.text);
}

/* ---- tests ---- */

static void P3_11_a_change_is_told_signed(void **state) {
  int64_t n;

  (void)state;
  up();
  subscribe((ml_row_webhook){.active = true});
  kit.answer = "204 ";
  n = kit_start("lead", "{\"lead_id\":\"LEAD-910\",\"pin\":\"pin-of-9\"}");
  assert_true(n > 0);
  assert_int_equal(kit.call_count, 1);
  is_signed(&kit.calls[0]);
  assert_string_equal(kit.calls[0].method, "POST");
  assert_string_equal(kit.calls[0].url, "https://crm.example/hook");
  assert_non_null(strstr(kit.calls[0].body, "\"type\":\"process.changed\""));
  assert_non_null(strstr(kit.calls[0].body, "\"lead\":\"LEAD-910\""));
  assert_non_null(strstr(kit.calls[0].body, "\"pin\":\"[sealed]\""));
  assert_null(strstr(kit.calls[0].body, "pin-of-9"));
  assert_non_null(strstr(kit.calls[0].body, "\"what\":\"started\""));
  edit(n, "{\"score\":3}");
  assert_int_equal(kit.call_count, 2);
  assert_non_null(strstr(kit.calls[1].body, "\"score\":3"));
}

static void P3_11_only_who_wants_it(void **state) {
  ml_row_webhook w = {.active = true};
  int64_t n;

  (void)state;
  up();
  kit.answer = "200 ";
  w.workflow = ML_STR("other");
  subscribe(w);
  w.workflow = ML_NOSTR;
  w.events = ML_STR("subject completed");
  subscribe(w);
  kit_join("lead", "sales");
  n = kit_start("lead", "{\"lead_id\":\"a\"}");
  edit(n, "{\"score\":1}");
  assert_int_equal(kit.call_count, 0);
  assert_int_equal(kit_complete(n, "call", "won", NULL).rc, ML_OK);
  assert_int_equal(kit.call_count, 1);
  assert_non_null(strstr(kit.calls[0].body, "\"status\":\"COMPLETED\""));
  assert_true(ml_run_webhook_events(ML_STR("started state")));
  assert_false(ml_run_webhook_events(ML_STR("started nothing")));
}

static void P3_11_gone_switches_off(void **state) {
  uint32_t no;
  int64_t n;

  (void)state;
  up();
  no = subscribe((ml_row_webhook){.active = true});
  kit.answer = "410 ";
  n = kit_start("lead", "{\"lead_id\":\"a\"}");
  assert_int_equal(kit.call_count, 1);
  assert_false(ml_run_webhook(kit.run, no)->active);
  assert_non_null(strstr(ml_run_webhook(kit.run, no)->why.p, "410"));
  edit(n, "{\"score\":1}");
  kit_pass(60000);
  assert_int_equal(kit.call_count, 1);
}

static void P3_11_removed_is_told_no_more(void **state) {
  uint32_t no, next;

  (void)state;
  up();
  no = subscribe((ml_row_webhook){.active = true});
  kit.answer = "500 ";
  kit_start("lead", "{\"lead_id\":\"a\"}");
  assert_int_equal(kit.call_count, 1);
  subscribe((ml_row_webhook){.no = no, .removed = true});
  next = subscribe((ml_row_webhook){.active = true,
                                    .url = ML_STR("https://b.example/")});
  assert_int_not_equal(next, no);
  kit.answer = "200 ";
  kit_pass(3600000);
  assert_int_equal(kit.call_count, 1);
}

typedef struct Posts {
  ml_arena a;
  ml_row_post *rows;
  size_t count;
  int64_t waiting, aside, oldest;
} Posts;

static void read_posts(void *arg, ml_read *r) {
  Posts *p = arg;

  assert_int_equal(ml_read_posts(r, &p->a, true, 0, 100, &p->rows, &p->count),
                   ML_OK);
  assert_int_equal(ml_read_post_counts(r, &p->waiting, &p->aside, &p->oldest),
                   ML_OK);
}

static void looked(void *arg) { (void)arg; }

typedef struct Back {
  kit_came came;                 /* first: what kit_done() takes */
  const ml_row_post *row;
} Back;

static void fill_resend(void *arg, ml_batch *b) {
  const ml_row_post *row = ((const Back *)arg)->row;

  ml_batch_post_end(b, row->no, row->queue, ML_POST_RESEND, ML_NOSTR, 0,
                    kit.clock.wall);
}

static void P3_11_given_up_is_kept_and_resent(void **state) {
  Posts p = {0};
  Back c = {0};
  size_t tries;
  char body[2000];

  (void)state;
  up();
  subscribe((ml_row_webhook){.active = true});
  kit.answer = "503 ";
  kit_start("lead", "{\"lead_id\":\"a\"}");
  kit_pass(INT64_C(10) * 86400000);
  tries = kit.call_count;
  assert_int_equal(tries, 16);
  for (size_t i = 1; i < tries; i++)
    assert_string_equal(kit.calls[i].body, kit.calls[0].body);
  snprintf(body, sizeof body, "%s", kit.calls[0].body);
  assert_int_equal(ml_run_read(kit.run, read_posts, looked, &p), ML_OK);
  kit_settle();
  assert_int_equal(p.aside, 1);
  assert_int_equal(p.waiting, 0);
  assert_true(ml_str_is(p.rows[0].why, "it answered 503"));
  kit.answer = "200 ";
  c.row = &p.rows[0];
  ml_run_write(kit.run, fill_resend, kit_done, &c);
  kit_settle();
  assert_int_equal(c.came.times, 1);
  assert_int_equal(c.came.rc, ML_OK);
  ml_run_outbox_look(kit.run);
  kit_settle();
  assert_int_equal(kit.call_count, tries + 1);
  assert_string_equal(kit.calls[tries].body, body);
  is_signed(&kit.calls[tries]);  /* of now */
  ml_arena_free(&p.a);
}

static void P3_11_what_is_wrong_is_refused(void **state) {
  struct { ml_row_webhook row; const char *why; } bad[] = {
    {{.url = ML_STR("ftp://x")}, "http"},
    {{.url = ML_STR("")}, "URL"},
    {{.events = ML_STR("started and")}, "word"},
    {{.secret = ML_STR("whsec_short")}, "whsec_"}};

  (void)state;
  up();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    kit_came c = {0};

    if (bad[i].row.url.p == NULL)
      bad[i].row.url = ML_STR("https://a.example/");
    if (bad[i].row.secret.p == NULL)
      bad[i].row.secret = ml_str_of(secret);
    ml_run_webhook_put(kit.run, &bad[i].row, NULL, kit_done, &c);
    kit_settle();
    assert_int_equal(c.rc, ML_INVALID);
    if (strstr(c.e.text, bad[i].why) == NULL)
      fail_msg("'%s' is not in '%s'", bad[i].why, c.e.text);
  }
  assert_int_equal(ml_run_webhook_count(kit.run), 0);
}

/* ---- a receiver that flaps, an engine that falls ---- */

enum { PROCESSES = 3, ROUNDS = 150, MESSAGES = 800 };

static struct {
  Message all[MESSAGES];         /* each accepted once at least */
  size_t count;
  int64_t upto[PROCESSES];       /* changes told without a gap */
  char ids[PROCESSES][40];
  size_t tries, twice;
} told;

static size_t which(const char *process) {
  size_t i = 0;

  while (i < PROCESSES && told.ids[i][0] != '\0' &&
         strcmp(told.ids[i], process) != 0)
    i++;
  assert_true(i < PROCESSES);
  snprintf(told.ids[i], sizeof told.ids[i], "%s", process);
  return i;
}

/* Nothing is told before what was before it in its process has arrived. */
static void judge(const kit_call *c) {
  Message m = seen_of(c);
  size_t p = which(m.process);

  told.tries++;
  is_signed(c);
  for (size_t i = 0; i < told.count; i++)
    if (strcmp(told.all[i].id, m.id) == 0) {   /* again: the very same */
      assert_int_equal(told.all[i].last, m.last);
      told.twice++;
      return;
    }
  assert_int_equal(m.first, told.upto[p] + 1);
}

static void accept(const kit_call *c) {
  Message m = seen_of(c);
  size_t p = which(m.process);

  for (size_t i = 0; i < told.count; i++)
    if (strcmp(told.all[i].id, m.id) == 0)
      return;
  assert_true(told.count < MESSAGES);
  told.all[told.count++] = m;
  told.upto[p] = m.last;
}

static void answer_some(void) {
  for (size_t i = 0; i < kit.call_count; i++) {
    kit_call *c = &kit.calls[i];
    int64_t how = ml_rand_between(&kit.rand.base, 0, 9);

    if (c->answered || how == 0)
      continue;
    if (how >= 4)
      accept(c);
    kit_answer(c, how >= 4 ? "200 " : how == 1 ? "lost" : how == 2 ? "500 "
                                                                   : "429 ");
  }
  kit_settle();
}

static void P3_11_in_order_over_crashes_and_failures(void **state) {
  int64_t n[PROCESSES];
  int crashes = 0;

  (void)state;
  memset(&told, 0, sizeof told);
  kit.on_send = judge;
  up();
  subscribe((ml_row_webhook){.active = true});
  for (int i = 0; i < PROCESSES; i++)
    n[i] = kit_start("lead", "{\"lead_id\":\"a\"}");
  for (int round = 0; round < ROUNDS; round++) {
    size_t p = (size_t)ml_rand_between(&kit.rand.base, 0, PROCESSES - 1);
    char data[40];

    snprintf(data, sizeof data, "{\"score\":%d}", round);
    edit(n[p], data);
    answer_some();
    if (ml_rand_between(&kit.rand.base, 0, 9) == 0) {
      /* it has arrived, and the engine falls before it knows */
      for (size_t i = 0; i < kit.call_count; i++)
        if (!kit.calls[i].answered)
          accept(&kit.calls[i]);
      kit_crash();
      kit_begin();
      kit_settle();
      crashes++;
    } else if (kit_open_calls() == 0) {
      size_t count = kit.call_count;

      if (count > KIT_CALLS / 2)
        kit.call_count = 0;      /* all are answered */
      kit_pass(ml_rand_between(&kit.rand.base, 0, 8000));
    }
  }
  kit.answer = NULL;
  for (int i = 0; i < 200; i++) {              /* the receiver is well again */
    for (size_t k = 0; k < kit.call_count; k++)
      if (!kit.calls[k].answered) {
        accept(&kit.calls[k]);
        kit_answer(&kit.calls[k], "200 ");
      }
    kit.call_count = 0;
    kit_pass(3600000);
  }
  assert_true(crashes > 3);
  assert_true(told.twice > 10);
  for (int i = 0; i < PROCESSES; i++) {
    kit_look l = kit_see(n[i]);
    size_t p;
    char id[ML_ID_MAX];

    ml_id_text(id, l.row.id, 0);
    p = which(id);
    assert_int_equal(told.upto[p], (int64_t)l.row.seq);
  }
}

#define T(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
    T(P3_11_a_change_is_told_signed),
    T(P3_11_only_who_wants_it),
    T(P3_11_gone_switches_off),
    T(P3_11_removed_is_told_no_more),
    T(P3_11_given_up_is_kept_and_resent),
    T(P3_11_what_is_wrong_is_refused),
    T(P3_11_in_order_over_crashes_and_failures),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
