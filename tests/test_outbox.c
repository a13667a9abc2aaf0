/*
** test_outbox.c - messages of the outbox: queue by queue, in order, again with
** the same key until they have arrived, over crashes and full disks.
*/
#include "run_kit.h"

#include "run/inside.h"

enum { SENT_MAX = 40 };

/* What the sender of this test was given, and holds. */
static struct {
  char key[SENT_MAX][16];
  size_t count;
  post *held[SENT_MAX];
  size_t held_count;
} sent;

static void hold(post *p) {
  assert_true(sent.count < SENT_MAX);
  snprintf(sent.key[sent.count++], sizeof *sent.key, "%.*s",
           (int)outbox_row(p)->key.n, outbox_row(p)->key.p);
  sent.held[sent.held_count++] = p;
}

static void turns(void) {
  for (int i = 0; i < 60; i++)
    kit_turn();
}

static uint32_t attempts;

/* In place of the engine's own sender of this kind, from the start. */
static void be_sender(void) {
  outbox_sender(kit.run, ML_POST_HOOK, &(outbox_kind){hold, attempts, 60000});
}

static void begin(uint32_t attempts_max) {
  attempts = attempts_max;
  kit.on_new = be_sender;
  kit_begin();
  turns();
}

static void forget(void) {
  sent.count = sent.held_count = 0;
}

static void crash(void) {
  forget();
  kit_crash();
}

typedef struct writing {
  const char *queue, *keys;
  int times;
  ml_rc rc;
} writing;

static void fill(void *arg, ml_batch *b) {
  const writing *w = arg;

  for (const char *k = w->keys; *k != '\0'; k++)
    ml_batch_post(b, &(ml_row_post){
        .kind = ML_POST_HOOK, .queue = ml_str_of(w->queue),
        .key = {k, 1}, .at_ms = kit.clock.wall, .due_ms = kit.clock.wall,
        .body = ML_STR("{}")});
}

static void written(void *arg, ml_rc rc, const ml_err *e) {
  writing *w = arg;

  (void)e;
  w->times++;
  w->rc = rc;
}

/* One message a letter of `keys`, in one commit. */
static void put(const char *queue, const char *keys) {
  writing w = {queue, keys, 0, ML_OK};

  write_quietly(kit.run, fill, written, &w);
  turns();
  assert_int_equal(w.times, 1);
  assert_int_equal(w.rc, ML_OK);
}

static void sent_are(const char *keys) {
  char got[SENT_MAX + 1] = "";

  for (size_t i = 0; i < sent.count; i++)
    got[i] = sent.key[i][0];
  got[sent.count] = '\0';
  assert_string_equal(got, keys);
}

static post *held(char key) {
  for (size_t i = 0; i < sent.held_count; i++)
    if (outbox_row(sent.held[i])->key.p[0] == key) {
      post *p = sent.held[i];

      sent.held[i] = sent.held[--sent.held_count];
      return p;
    }
  fail_msg("%c is not under way", key);
  return NULL;
}

static void end(char key, ml_post_end how) {
  outbox_end(held(key), how, how == ML_POST_DONE ? NULL : "refused");
  turns();
}

static struct { int64_t waiting, aside, oldest; ml_row_post *rows; size_t n; }
    counted;

static void count_work(void *arg, ml_read *r) {
  (void)arg;
  assert_int_equal(ml_read_post_counts(r, &counted.waiting, &counted.aside,
                                       &counted.oldest), ML_OK);
  assert_int_equal(ml_read_posts(r, &kit.arena, true, 0, 10, &counted.rows,
                                 &counted.n), ML_OK);
}

static void nothing(void *arg) {
  (void)arg;
}

static void count(int waiting, int aside) {
  assert_int_equal(ml_run_read(kit.run, count_work, nothing, NULL), ML_OK);
  turns();
  assert_int_equal(counted.waiting, waiting);
  assert_int_equal(counted.aside, aside);
}

/* ---- tests ---- */

static void a_queue_keeps_its_order_and_others_do_not_wait(void **state) {
  (void)state;
  begin(0);
  put("q1", "abc");
  put("q2", "xy");
  sent_are("ax");
  end('x', ML_POST_DONE);
  sent_are("axy");
  end('a', ML_POST_DONE);
  end('b', ML_POST_DONE);
  end('y', ML_POST_DONE);
  sent_are("axybc");
  end('c', ML_POST_DONE);
  count(0, 0);
  assert_true(ml_run_idle(kit.run));
}

static void what_was_not_ended_is_sent_again_after_a_crash(void **state) {
  (void)state;
  begin(0);
  put("q1", "ab");
  end('a', ML_POST_DONE);
  sent_are("ab");
  crash();
  begin(0);
  sent_are("b");                 /* the same key; `a` never again */
  end('b', ML_POST_DONE);
  crash();
  begin(0);
  sent_are("");
}

static void not_yet_waits_and_holds_its_queue_back(void **state) {
  int64_t due;

  (void)state;
  begin(0);
  put("q1", "ab");
  outbox_again(held('a'), "503", 5000);
  turns();
  sent_are("a");
  due = ml_run_next_due(kit.run);
  assert_true(due >= kit.clock.wall + 5000);
  ml_clock_fake_pass(&kit.clock, due - kit.clock.wall - 1);
  ml_run_tick(kit.run);
  turns();
  sent_are("a");                 /* never early */
  ml_clock_fake_pass(&kit.clock, 1);
  ml_run_tick(kit.run);
  turns();
  sent_are("aa");
  assert_int_equal(outbox_row(sent.held[0])->attempts, 1);
  assert_true(ml_str_is(outbox_row(sent.held[0])->why, "503"));
  end('a', ML_POST_DONE);
  sent_are("aab");
  end('b', ML_POST_DONE);
}

static void a_wait_outlives_a_crash(void **state) {
  (void)state;
  begin(0);
  put("q1", "a");
  outbox_again(held('a'), "503", 30000);
  turns();
  crash();
  begin(0);
  sent_are("");
  ml_clock_fake_pass(&kit.clock, 60000);
  ml_run_tick(kit.run);
  turns();
  sent_are("a");
  end('a', ML_POST_DONE);
}

/* The clock stood years ahead when an attempt failed: the next one does not wait
** for them; nor after a crash. */
static void a_wait_of_years_is_none(void **state) {
  const int64_t years = INT64_C(17) * 365 * 86400000;

  (void)state;
  begin(0);
  put("q1", "ab");
  put("q2", "x");
  kit.clock.wall += years;
  outbox_again(held('a'), "503", 30000);
  turns();
  ml_run_tick(kit.run);
  turns();
  sent_are("ax");
  kit.clock.wall -= years;
  ml_run_tick(kit.run);
  turns();
  sent_are("axa");
  kit.clock.wall += years;
  outbox_again(held('a'), "503", 30000);
  outbox_again(held('x'), "503", 30000);
  turns();
  kit.clock.wall -= years;
  crash();
  begin(0);
  assert_int_equal(sent.count, 2);
  end('a', ML_POST_DONE);
  end('b', ML_POST_DONE);
  end('x', ML_POST_DONE);
  count(0, 0);
}

static void used_up_is_set_aside_and_can_be_resent(void **state) {
  (void)state;
  begin(2);
  put("q1", "ab");
  outbox_again(held('a'), "500", -1);
  turns();
  ml_clock_fake_pass(&kit.clock, 60000);
  ml_run_tick(kit.run);
  turns();
  outbox_again(held('a'), "500", -1);
  turns();
  sent_are("aab");               /* the queue goes on */
  count(1, 1);
  assert_true(ml_str_is(counted.rows[0].why, "500"));
  assert_int_equal(counted.rows[0].attempts, 2);
  end('b', ML_POST_DONE);
  count(0, 1);
}

static struct { int64_t no; ml_str queue; } back;

static void fill_back(void *arg, ml_batch *b) {
  (void)arg;
  ml_batch_post_end(b, back.no, back.queue, ML_POST_RESEND, ML_NOSTR, 0,
                    kit.clock.wall);
}

static void resent_it_stands_before_what_came_later(void **state) {
  writing w = {NULL, NULL, 0, ML_OK};

  (void)state;
  begin(0);
  put("q1", "a");
  end('a', ML_POST_ASIDE);
  count(0, 1);
  back.no = counted.rows[0].no;
  back.queue = counted.rows[0].queue;
  put("q1", "bc");
  sent_are("ab");
  outbox_again(held('b'), "503", 10000);
  turns();
  write_quietly(kit.run, fill_back, written, &w);
  turns();
  assert_int_equal(w.rc, ML_OK);
  sent_are("aba");               /* before b, which waits behind it now */
  end('a', ML_POST_DONE);
  sent_are("abab");
  end('b', ML_POST_DONE);
  end('c', ML_POST_DONE);
  count(0, 0);
}

static void many_queues_leave_so_many_at_once(void **state) {
  char queue[16];

  (void)state;
  begin(0);
  for (int i = 0; i < 36; i++) {
    snprintf(queue, sizeof queue, "q%d", i);
    put(queue, "m");
  }
  assert_int_equal(sent.count, 32);
  end('m', ML_POST_DONE);
  assert_int_equal(sent.count, 33);
  while (sent.held_count > 0)
    end('m', ML_POST_DONE);
  assert_int_equal(sent.count, 36);
  count(0, 0);
}

static int open_kit(void **state) {
  (void)state;
  forget();
  return kit_setup(state);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_kit, kit_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
    T(a_queue_keeps_its_order_and_others_do_not_wait),
    T(what_was_not_ended_is_sent_again_after_a_crash),
    T(not_yet_waits_and_holds_its_queue_back),
    T(a_wait_outlives_a_crash),
    T(a_wait_of_years_is_none),
    T(used_up_is_set_aside_and_can_be_resent),
    T(resent_it_stands_before_what_came_later),
    T(many_queues_leave_so_many_at_once),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
