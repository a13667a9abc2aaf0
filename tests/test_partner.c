/*
** test_partner.c - who may speak over a link to a partner, and what they then may
** say.  The test is the other side: it holds the secret of the invitation.
*/
#include "run_kit.h"

#include "base/sign.h"
#include "run/inside.h"
#include "run/partner_link.h"

static const char taken[] =
  "local ml = require 'moonlane'\n"
  "return ml.workflow { 'taken', lanes = { office = 'Office' },\n"
  "  fields = { { 'memo', 'string' }, { 'inner', 'string' } },\n"
  "  start = { ml.partner { 'memo' } },\n"
  "  phases = { { 'do', ml.task { 'do', lane = 'office', outcomes = { 'done' } },\n"
  "    next = { ml.finish } } } }\n";

#define FAR "01890000-0000-7000-8000-000100000001"

/* The other side. */
static struct {
  char link[40], url[80];
  uint8_t secret[LINK_SECRET];
  unsigned said;                 /* messages so far, for their ids */
} other;

static struct {
  int times, status;
  ml_rc rc;
  char text[600], answer[600];
} came;

static void came_in(void *arg, ml_rc rc, const ml_err *e, int status,
                    ml_str answer) {
  (void)arg;
  came.times++;
  came.rc = rc;
  came.status = status;
  snprintf(came.text, sizeof came.text, "%s", e != NULL ? e->text : "");
  snprintf(came.answer, sizeof came.answer, "%.*s", (int)answer.n,
           answer.p != NULL ? answer.p : "");
}

static void link_came(void *arg, ml_rc rc, const ml_err *e, ml_str text) {
  (void)arg;
  came_in(NULL, rc, e, 0, text);
}

/* A request as it lies on the wire. */
typedef struct request {
  char link[40], id[64], at[24], signature[200], body[2000];
} request;

static request make_request(const uint8_t secret[LINK_SECRET], int64_t at_ms,
                            const char *body) {
  request q;
  ml_buf text = {0}, sig = {0};
  ml_err e = {0};

  snprintf(q.link, sizeof q.link, "%s", other.link);
  snprintf(q.id, sizeof q.id, "m-%u", ++other.said);
  snprintf(q.at, sizeof q.at, "%lld", (long long)(at_ms / 1000));
  snprintf(q.body, sizeof q.body, "%s", body);
  ml_sign_put_secret(&text, secret);
  assert_int_equal(ml_sign_standard(&sig, (ml_str){text.p, text.len},
                                    ml_str_of(q.id), at_ms, ml_str_of(q.body),
                                    &e), ML_OK);
  snprintf(q.signature, sizeof q.signature, "%.*s", (int)sig.len, sig.p);
  ml_buf_free(&text);
  ml_buf_free(&sig);
  return q;
}

static void send_request(const request *q) {
  ml_partner_said s = {ml_str_of(q->link), ml_str_of(q->id), ml_str_of(q->at),
                       ml_str_of(q->signature), ml_str_of(q->body)};

  memset(&came, 0, sizeof came);
  ml_partner_take(kit.run, &s, came_in, NULL);
  kit_settle();
  assert_int_equal(came.times, 1);
}

static void say(const char *body) {
  request q = make_request(other.secret, kit.clock.wall, body);

  send_request(&q);
}

static void is_let_in(int status) {
  if (came.rc != ML_OK)
    fail_msg("refused: %s", came.text);
  assert_int_equal(came.status, status);
}

/* 401 without a word, or 403 with one. */
static void is_kept_out(int status) {
  assert_int_equal(came.rc, ML_REFUSED);
  assert_int_equal(came.status, status == 401 ? 401 : 0);
  if (status == 401)
    assert_string_equal(came.text, "");
}

/* ---- what is stored ---- */

static struct { size_t processes, comments; } stored;

static void count_work(void *arg, ml_read *r) {
  ml_find_process f = {.status = -1, .run = -1, .deleted = true, .limit = 100};
  ml_row_process *rows = NULL;
  size_t n = 0;

  (void)arg;
  assert_int_equal(ml_read_processes(r, &kit.arena, &f, &rows, &n), ML_OK);
  stored.processes = n;
  stored.comments = 0;
  for (size_t i = 0; i < n; i++) {
    ml_row_comment *list = NULL;
    size_t k = 0;

    assert_int_equal(ml_read_comments(r, &kit.arena, rows[i].n, 0, 100, &list,
                                      &k), ML_OK);
    stored.comments += k;
  }
}

static void nothing(void *arg) {
  (void)arg;
}

static void stored_are(size_t processes, size_t comments) {
  assert_int_equal(ml_run_read(kit.run, count_work, nothing, NULL), ML_OK);
  kit_settle();
  assert_int_equal(stored.processes, processes);
  assert_int_equal(stored.comments, comments);
}

/* ---- a link ---- */

static void read_invitation(const char *code) {
  ml_buf json = {0}, secret = {0};
  ml_json *v;
  ml_str text;
  size_t n = strlen(LINK_CODE);

  assert_memory_equal(code, LINK_CODE, n);
  assert_int_equal(ml_text_base64(&json, ml_str_of(code + n), true), ML_OK);
  ml_buf_putc(&json, '\0');
  v = kit_json(&kit.arena, json.p);
  text = ml_json_str(v, "link");
  snprintf(other.link, sizeof other.link, "%.*s", (int)text.n, text.p);
  text = ml_json_str(v, "url");
  snprintf(other.url, sizeof other.url, "%.*s", (int)text.n, text.p);
  assert_int_equal(ml_text_base64(&secret, ml_json_str(v, "secret"), true),
                   ML_OK);
  assert_int_equal(secret.len, LINK_SECRET);
  memcpy(other.secret, secret.p, LINK_SECRET);
  ml_buf_free(&json);
  ml_buf_free(&secret);
}

/* The message that brings `secret`, sealed with the one both know. */
static void secret_message(char *out, size_t size, const char *type,
                           const uint8_t under[LINK_SECRET],
                           const uint8_t secret[LINK_SECRET]) {
  ml_arena a = {0};
  ml_str sealed = link_seal(kit.run, &a, under, ml_str_of(other.link), secret);
  ml_buf b = {0};

  ml_text_put_base64(&b, sealed, true);
  snprintf(out, size, "{\"type\":\"%s\",\"url\":\"https://other.example\","
           "\"secret\":\"%.*s\"}", type, (int)b.len, b.p);
  ml_buf_free(&b);
  ml_arena_free(&a);
}

static void invite(void) {
  kit_begin();
  kit_flow("taken", taken);
  kit_join("taken", "office");
  memset(&came, 0, sizeof came);
  ml_partner_invite(kit.run, ML_STR("other"), ML_STR("https://us.example"),
                    ML_STR("op"), link_came, NULL);
  kit_settle();
  is_let_in(0);
  read_invitation(came.answer);
}

static const uint8_t own[LINK_SECRET] = "a secret the other side made 123";

static void linked(void) {
  char body[600];

  invite();
  secret_message(body, sizeof body, "accept", other.secret, own);
  say(body);
  is_let_in(200);
  memcpy(other.secret, own, sizeof own);
}

static const char order[] =
  "{\"type\":\"order\",\"process\":\"" FAR "\",\"workflow\":\"taken\","
  "\"person\":\"member@us.example\",\"fields\":{\"memo\":\"m\"}}";

static void fill_user(void *arg, ml_batch *b) {
  (void)arg;
  ml_batch_user(b, &(ml_row_user){ML_STR("member"), ML_STR("Member"),
                                  ML_STR("member@us.example"), true, ML_NOSTR});
}

static void user_there(void) {
  kit_came c = {0};

  ml_run_write(kit.run, fill_user, kit_done, &c);
  kit_settle();
  assert_int_equal(c.rc, ML_OK);
}

/* ---- tests ---- */

static void an_order_is_taken_once(void **state) {
  (void)state;
  linked();
  user_there();
  say(order);
  is_let_in(201);
  stored_are(1, 0);
  say(order);                    /* another message, the same order */
  is_let_in(200);
  stored_are(1, 0);
}

static void a_repeat_of_ours_is_answered_as_the_first_was(void **state) {
  request q, again;
  char first[600];

  (void)state;
  linked();
  user_there();
  q = make_request(other.secret, kit.clock.wall, order);
  send_request(&q);
  is_let_in(201);
  snprintf(first, sizeof first, "%s", came.answer);
  other.said--;                  /* the same id, signed a minute later */
  again = make_request(other.secret, kit.clock.wall + 60000, order);
  send_request(&again);
  assert_int_equal(came.rc, ML_OK);
  assert_string_equal(came.answer, first);
  stored_are(1, 0);
}

static void a_copy_of_a_request_is_kept_out(void **state) {
  request q;

  (void)state;
  linked();
  user_there();
  q = make_request(other.secret, kit.clock.wall, order);
  send_request(&q);
  is_let_in(201);
  send_request(&q);
  is_kept_out(403);
  kit_crash();                   /* also after a restart */
  kit_begin();
  send_request(&q);
  is_kept_out(403);
  stored_are(1, 0);
}

static void unsigned_or_wrongly_signed_is_kept_out(void **state) {
  static const uint8_t wrong[LINK_SECRET] = "some other secret of 32 bytes 00";
  request q;

  (void)state;
  linked();
  user_there();
  q = make_request(other.secret, kit.clock.wall, order);
  q.signature[0] = '\0';
  send_request(&q);
  is_kept_out(401);
  q = make_request(wrong, kit.clock.wall, order);
  send_request(&q);
  is_kept_out(401);
  q = make_request(other.secret, kit.clock.wall, order);
  q.body[strlen(q.body) - 3] = 'n';         /* a byte changed on the way */
  send_request(&q);
  is_kept_out(401);
  q = make_request(other.secret, kit.clock.wall, order);
  snprintf(q.id, sizeof q.id, "m-900");     /* the id too is signed */
  send_request(&q);
  is_kept_out(401);
  q = make_request(other.secret, kit.clock.wall, order);
  snprintf(q.link, sizeof q.link, "00000000000000000000000000000000");
  send_request(&q);                         /* no such link: the same answer */
  is_kept_out(401);
  stored_are(0, 0);
}

static void late_or_early_is_kept_out(void **state) {
  request q;

  (void)state;
  linked();
  user_there();
  q = make_request(other.secret, kit.clock.wall - 301000, order);
  send_request(&q);
  is_kept_out(401);
  q = make_request(other.secret, kit.clock.wall + 302000, order);
  send_request(&q);
  is_kept_out(401);
  stored_are(0, 0);
  q = make_request(other.secret, kit.clock.wall - 290000, order);
  send_request(&q);
  is_let_in(201);
}

static void what_is_not_shared_over_the_link_is_kept_out(void **state) {
  char body[400], id[ML_ID_MAX];
  int64_t n;

  (void)state;
  linked();
  user_there();
  n = kit_start("taken", "{}");             /* ours alone */
  ml_id_text(id, kit_see(n).row.id, 0);
  snprintf(body, sizeof body, "{\"type\":\"comment\",\"process\":\"%s\",\"no\":1,"
           "\"at\":1,\"author\":\"X\",\"visibility\":\"shared\","
           "\"text\":\"hello\"}", id);
  say(body);
  is_kept_out(403);
  snprintf(body, sizeof body, "{\"type\":\"fields\",\"process\":\"%s\","
           "\"fields\":{\"memo\":\"x\"}}", id);
  say(body);
  is_kept_out(403);
  stored_are(1, 0);
}

static void a_comment_comes_once_and_can_be_reworded(void **state) {
  char body[400], id[60];

  (void)state;
  linked();
  user_there();
  say(order);
  is_let_in(201);
  snprintf(id, sizeof id, "%.36s", strchr(came.answer, ':') + 2);
  snprintf(body, sizeof body, "{\"type\":\"comment\",\"process\":\"%s\",\"no\":7,"
           "\"at\":1772441000000,\"author\":\"X\",\"visibility\":\"shared\","
           "\"text\":\"hello\"}", id);
  say(body);
  is_let_in(200);
  say(body);                     /* the number is there already */
  assert_int_not_equal(came.rc, ML_OK);
  stored_are(1, 1);
  snprintf(body, sizeof body, "{\"type\":\"reworded\",\"process\":\"%s\","
           "\"no\":8,\"text\":\"b\"}", id);
  say(body);
  assert_int_equal(came.rc, ML_CONFLICT);   /* not here yet: asked again */
  snprintf(body, sizeof body, "{\"type\":\"fields\",\"process\":\"%s\","
           "\"fields\":{\"inner\":\"x\"}}", id);
  say(body);
  assert_int_equal(came.rc, ML_INVALID);    /* a field that is not theirs */
  snprintf(body, sizeof body, "{\"type\":\"comment\",\"process\":\"%s\",\"no\":9,"
           "\"at\":1,\"author\":\"X\",\"visibility\":\"private\","
           "\"text\":\"hello\"}", id);
  say(body);
  assert_int_equal(came.rc, ML_INVALID);
  stored_are(1, 1);
}

static void an_invitation_is_accepted_once(void **state) {
  static const uint8_t thief[LINK_SECRET] = "a secret that a thief has made 1";
  uint8_t invited[LINK_SECRET];
  char body[600];

  (void)state;
  invite();
  memcpy(invited, other.secret, sizeof invited);
  say(order);                    /* not yet accepted: nothing else is heard */
  is_kept_out(403);
  secret_message(body, sizeof body, "accept", invited, own);
  say(body);
  is_let_in(200);
  say(body);                     /* its answer was lost: the same again */
  is_let_in(200);
  secret_message(body, sizeof body, "accept", invited, thief);
  say(body);                     /* the code was stolen afterwards */
  is_kept_out(403);
  say(order);                    /* it opens nothing any more, */
  is_kept_out(401);
  secret_message(body, sizeof body, "rotate", invited, thief);
  say(body);
  is_kept_out(401);
  say("{\"type\":\"revoke\"}");
  is_kept_out(401);
  ml_clock_fake_pass(&kit.clock, ML_PARTNER_BEFORE_MS + 1);
  say(order);                    /* nor later */
  is_kept_out(401);
  secret_message(body, sizeof body, "accept", invited, own);
  say(body);
  is_kept_out(401);
  stored_are(0, 0);
}

static void after_a_rotation_the_old_secret_ends(void **state) {
  static const uint8_t newer[LINK_SECRET] = "the secret after the rotation 12";
  uint8_t old[LINK_SECRET];
  char body[600];

  (void)state;
  linked();
  user_there();
  memcpy(old, other.secret, sizeof old);
  secret_message(body, sizeof body, "rotate", old, newer);
  say(body);
  is_let_in(200);
  say(order);                    /* what was under way with the old one */
  is_let_in(201);
  memcpy(other.secret, newer, sizeof newer);
  say(order);
  is_let_in(200);
  ml_clock_fake_pass(&kit.clock, ML_PARTNER_BEFORE_MS + 1);
  memcpy(other.secret, old, sizeof old);
  say(order);
  is_kept_out(401);
  memcpy(other.secret, newer, sizeof newer);
  say(order);
  is_let_in(200);
}

static void a_revoked_link_opens_nothing(void **state) {
  (void)state;
  linked();
  user_there();
  memset(&came, 0, sizeof came);
  kit.answer = "200 {}";
  ml_partner_revoke(kit.run, ML_STR("other"), ML_STR("op"), link_came, NULL);
  kit_settle();
  is_let_in(0);
  assert_int_equal(kit.call_count, 1);      /* the other side was told */
  assert_non_null(strstr(kit.calls[0].body, "revoke"));
  say(order);
  is_kept_out(401);
  kit_crash();
  kit_begin();
  say(order);
  is_kept_out(401);
  stored_are(0, 0);
}

static void bodies_that_are_no_messages_are_refused(void **state) {
  static const char *const bodies[] = {
    "", "[]", "{", "{\"type\":\"dance\"}", "{\"type\":7}", "{}",
    "{\"type\":\"order\"}", "{\"type\":\"order\",\"process\":\"x\"}",
    "{\"type\":\"comment\",\"process\":\"" FAR "\"}",
    "{\"type\":\"comment\",\"process\":\"" FAR "\",\"no\":0,\"text\":\"a\"}",
    "{\"type\":\"comment\",\"process\":\"" FAR "\",\"no\":1,\"text\":\"\"}",
    "{\"type\":\"fields\",\"process\":\"" FAR "\",\"fields\":[]}",
    "{\"type\":\"unsaid\",\"process\":\"" FAR "\",\"no\":1,\"text\":\"a\"}",
    "{\"type\":\"rotate\",\"secret\":\"AAAA\"}",
    "{\"type\":\"accept\",\"secret\":1}",
  };

  (void)state;
  linked();
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    say(bodies[i]);
    if (came.rc != ML_INVALID)
      fail_msg("%s: %s", bodies[i], ml_rc_name(came.rc));
    assert_true(strlen(came.text) > 10);
  }
  stored_are(0, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
    T(an_order_is_taken_once),
    T(a_repeat_of_ours_is_answered_as_the_first_was),
    T(a_copy_of_a_request_is_kept_out),
    T(unsigned_or_wrongly_signed_is_kept_out),
    T(late_or_early_is_kept_out),
    T(what_is_not_shared_over_the_link_is_kept_out),
    T(a_comment_comes_once_and_can_be_reworded),
    T(an_invitation_is_accepted_once),
    T(after_a_rotation_the_old_secret_ends),
    T(a_revoked_link_opens_nothing),
    T(bodies_that_are_no_messages_are_refused),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
