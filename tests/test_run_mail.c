/*
** test_run_mail.c - mails that scripts and notifications make: with their
** commit, once, from a template the operator may change, and again until sent.
*/
#include "run_kit.h"

#include "net/mail.h"
#include "run/inside.h"

/* ---- a mailer that keeps what it is given ---- */

static struct {
  ml_mailer face;
  ml_mail_server server;
  size_t count;
  char to[20][80], message[20][4000];
  ml_mail_fn *fn[20];
  void *arg[20];
} box;

static ml_rc take(ml_mailer *m, const ml_mail_call *call, ml_mail_fn *fn,
                  void *arg, ml_err *e) {
  (void)m;
  (void)e;
  assert_true(box.count < 20);
  snprintf(box.to[box.count], sizeof *box.to, "%.*s", (int)call->to.n, call->to.p);
  snprintf(box.message[box.count], sizeof *box.message, "%.*s",
           (int)call->message.n, call->message.p);
  box.fn[box.count] = fn;
  box.arg[box.count++] = arg;
  return ML_OK;
}

static void turns(void) {
  for (int i = 0; i < 100; i++)
    kit_turn();
}

static void begin(bool mailer) {
  memset(&box, 0, sizeof box);
  box.face.send = take;
  kit.mail = mailer ? &box.face : NULL;
  kit.mail_server = &box.server;
  kit_begin();
  turns();
}

static void answer(size_t i, ml_mail_end end, const char *why) {
  ml_mail_answer a = {.end = end, .why = why};

  box.fn[i](box.arg[i], &a);
  turns();
}

static struct { ml_row_post *aside; size_t count; int64_t waiting, set_aside; } out;

static void look_work(void *arg, ml_read *r) {
  int64_t oldest;

  (void)arg;
  assert_int_equal(ml_read_posts(r, &kit.arena, true, 0, 50, &out.aside,
                                 &out.count), ML_OK);
  assert_int_equal(ml_read_post_counts(r, &out.waiting, &out.set_aside, &oldest),
                   ML_OK);
}

static void nothing(void *arg) {
  (void)arg;
}

static void look(void) {
  assert_int_equal(ml_run_read(kit.run, look_work, nothing, NULL), ML_OK);
  turns();
}

static void start(const char *data) {
  kit_came c;

  ml_run_put(kit.run, kit_start_input("m", data, &c));
  turns();
  assert_int_equal(c.rc, ML_OK);
}

#define FLOW(script, more) \
  "local ml = require 'moonlane'\n" \
  "return ml.workflow { 'm', lanes = { system = 's' },\n" \
  "  fields = { { 'person', 'json' }, { 'user', 'string' } },\n" \
  "  settings = { HELLO = { 'text', default = 'Subject: Hi {{who}}\\n\\nx{{n}}' } },\n" \
  "  start = { ml.form { 'person', 'user' } }, " more "\n" \
  "  phases = { { 'one', ml.activity { 'a', lane = 'system', retry = { 2, '1h' },\n" \
  "    run = function(ctx) " script " end } } } }\n"
#define NOTIFY "notify = { template = 'HELLO', to = { 'user', 'person' } },"
#define MAIL "ctx:mail { to = 'a@x.example', template = 'HELLO'," \
             " data = { who = 'lee', n = 3 } } "

/* ---- tests ---- */

static void a_mail_leaves_after_its_commit_and_once(void **state) {
  char first[4000];

  (void)state;
  begin(true);
  kit_flow("m", FLOW(MAIL "ctx.http.get('https://x.example/')",
                     "hosts = { 'x.example' },"));
  start(NULL);
  assert_int_equal(box.count, 1);
  assert_string_equal(box.to[0], "a@x.example");
  assert_non_null(strstr(box.message[0], "Subject: Hi lee\r\n"));
  assert_non_null(strstr(box.message[0], "eDMNCg=="));       /* x3 */
  snprintf(first, sizeof first, "%s", box.message[0]);
  kit_crash();                   /* its answer never comes */
  begin(true);
  assert_int_equal(box.count, 1);
  assert_string_equal(box.message[0], first);   /* the same, Message-ID too */
  answer(0, ML_MAIL_TAKEN, NULL);
  kit_crash();                   /* the script runs again from its start */
  begin(true);
  assert_int_equal(box.count, 0);
  look();
  assert_int_equal(out.waiting + out.set_aside, 0);
}

static void attempts_make_one_mail_unless_named(void **state) {
  (void)state;
  begin(false);
  kit_flow("m", FLOW(MAIL "ctx:mail { to = 'b@x.example', subject = 's', body = 'b',"
                     " name = 'at ' .. ctx:now() } ctx:retry 'no'", ""));
  start(NULL);
  kit_pass(3 * 3600000);
  look();
  assert_int_equal(out.set_aside, 4);   /* one, and one of each attempt */
}

static void refused_and_not_yet_are_told_apart(void **state) {
  (void)state;
  begin(true);
  kit_flow("m", FLOW(MAIL, ""));
  start(NULL);
  answer(0, ML_MAIL_NOT_YET, "450 later");
  look();
  assert_int_equal(out.waiting, 1);
  ml_clock_fake_pass(&kit.clock, 3600000);
  ml_run_tick(kit.run);
  turns();
  assert_int_equal(box.count, 2);
  answer(1, ML_MAIL_REFUSED, "550 never");
  look();
  assert_int_equal(out.waiting, 0);
  assert_int_equal(out.set_aside, 1);
  assert_true(ml_str_is(out.aside[0].why, "550 never"));
}

static void without_a_server_the_operator_sees_why(void **state) {
  (void)state;
  begin(false);
  kit_flow("m", FLOW(MAIL, ""));
  start(NULL);
  look();
  assert_int_equal(out.set_aside, 1);
  assert_non_null(strstr(out.aside[0].why.p, "mail_url"));
}

static void what_cannot_be_a_mail_is_set_aside_with_its_reason(void **state) {
  (void)state;
  begin(true);
  kit_flow("m", FLOW("ctx:mail { to = 'a@x.example', template = 'NONE' } "
                     "ctx:mail { to = 'not an address', subject = 's', body = 'b' } "
                     "ctx:mail { to = 'a@x.example\\r\\nBcc: e@x.example', subject = 's',"
                     " body = 'b' }", ""));
  start(NULL);
  look();
  assert_int_equal(box.count, 0);
  assert_int_equal(out.set_aside, 3);
  assert_non_null(strstr(out.aside[0].why.p, "no text setting"));
  assert_non_null(strstr(out.aside[1].why.p, "no mail address"));
}

static void a_script_mails_so_much_and_no_more(void **state) {
  (void)state;
  begin(false);
  kit_flow("m", FLOW("for i = 1, 40 do " MAIL " end", ""));
  start(NULL);
  look();
  assert_int_equal(out.set_aside, 40);
  kit_flow("m", FLOW("for i = 1, 101 do " MAIL " end", ""));
  start(NULL);
  kit_is(2, ML_OPEN, ML_RUN_ERROR);
  kit_flow("m", FLOW("local to = {} for i = 1, 21 do to[i] = 'a' .. i .. '@x.example' end "
                     "ctx:mail { to = to, subject = 's', body = 'b' }", ""));
  start(NULL);
  kit_is(3, ML_OPEN, ML_RUN_ERROR);
}

#define GOOD "{\"person\":{\"email\":\"p@x.example\",\"active\":true,\"emailVerified\":true}}"

/* C6.17: start, the end of an activity; the operator's template, an emptied one. */
static void notifications_follow_the_template(void **state) {
  (void)state;
  begin(true);
  kit_flow("m", FLOW("", NOTIFY));
  start(GOOD);
  assert_int_equal(box.count, 1);            /* one queue: the next waits */
  answer(0, ML_MAIL_TAKEN, NULL);
  assert_int_equal(box.count, 2);
  answer(1, ML_MAIL_TAKEN, NULL);
  assert_int_equal(kit_set("m", "HELLO", "\"Subject: ours {{event}}\\n\\n{{activities}}\""),
                   ML_OK);
  start(GOOD);
  assert_non_null(strstr(box.message[2], "Subject: ours started\r\n"));
  answer(2, ML_MAIL_TAKEN, NULL);
  assert_non_null(strstr(box.message[3], "Subject: ours Success\r\n"));
  answer(3, ML_MAIL_TAKEN, NULL);
  assert_int_equal(kit_set("m", "HELLO", "\"\""), ML_OK);
  start(GOOD);
  assert_int_equal(box.count, 4);            /* turned off */
  assert_int_equal(kit_set("m", "HELLO", "\"no subject\""), ML_INVALID);
  assert_int_equal(kit_set("m", "HELLO", "null"), ML_OK);
  start(GOOD);
  assert_int_equal(box.count, 5);            /* the default again */
  answer(4, ML_MAIL_TAKEN, NULL);
  answer(5, ML_MAIL_TAKEN, NULL);
}

/* C6.17: nobody who may not be written to is. */
static void notifications_go_to_who_may_be_written_to(void **state) {
  static const char *const nobody[] = {
    "{}", "{\"person\":{\"email\":\"p@x.example\",\"active\":false,\"emailVerified\":true}}",
    "{\"person\":{\"email\":\"p@x.example\",\"active\":true,\"emailVerified\":false}}",
    "{\"person\":{\"email\":\"p@x.example\"}}", "{\"person\":{\"active\":true}}",
    "{\"person\":\"p@x.example\"}", "{\"user\":\"stranger\"}",
    "{\"person\":{\"email\":\"p@x.example\\r\\nBcc: e@x.example\",\"active\":true,"
    "\"emailVerified\":true}}", NULL};

  (void)state;
  begin(false);
  kit_flow("m", FLOW("", NOTIFY));
  for (size_t i = 0; nobody[i] != NULL; i++)
    start(nobody[i]);
  look();
  assert_int_equal(out.waiting + out.set_aside, 0);
  start(GOOD);
  look();
  assert_int_equal(out.set_aside, 2);
}

/* Killed after any turn: in the end each mail was made once. */
static void a_crash_at_any_turn_makes_each_mail_once(void **state) {
  (void)state;
  begin(false);
  kit_flow("m", FLOW(MAIL, NOTIFY));
  for (int turn = 0; turn < 25; turn++) {
    kit_came c;

    ml_run_put(kit.run, kit_start_input("m", GOOD, &c));
    for (int i = 0; i < turn; i++)
      kit_turn();
    if (c.times == 0 || c.rc != ML_OK) {     /* not yet acknowledged: let it be */
      kit_settle();
      assert_int_equal(c.rc, ML_OK);
    }
    kit_crash();
    begin(false);
    kit_settle();
    look();
    assert_int_equal(out.waiting, 0);
    assert_int_equal(out.set_aside, 3 * (turn + 1));
  }
  assert_int_equal(out.set_aside, 75);       /* ctx:mail, started, Success */
}

static void a_bad_template_is_told_when_loaded(void **state) {
  (void)state;
  begin(false);
  kit_write("m", "workflow.lua", "local ml = require 'moonlane'\n"
    "return ml.workflow { 'm', lanes = { system = 's' },\n"
    "  settings = { A = { 'text', default = 'Subject: x\\n\\n{{os.exit()}}' } },\n"
    "  notify = { template = 'A', to = { 'nofield' } },\n"
    "  phases = { { 'one', ml.activity { 'a', lane = 'system', run = function() end } } } }\n");
  assert_int_equal(kit_load(), ML_INVALID);
  assert_non_null(strstr(kit.faults, "line 3: '{{os.exit()}}' names no value"));
  assert_non_null(strstr(kit.faults, "nofield"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
    T(a_mail_leaves_after_its_commit_and_once),
    T(attempts_make_one_mail_unless_named),
    T(refused_and_not_yet_are_told_apart),
    T(without_a_server_the_operator_sees_why),
    T(what_cannot_be_a_mail_is_set_aside_with_its_reason),
    T(a_script_mails_so_much_and_no_more),
    T(notifications_follow_the_template),
    T(notifications_go_to_who_may_be_written_to),
    T(a_crash_at_any_turn_makes_each_mail_once),
    T(a_bad_template_is_told_when_loaded),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
