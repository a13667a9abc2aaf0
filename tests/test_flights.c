/*
** test_flights.c - batches on their way at once: what goes beside one that is
** being written, what must not, and what becomes of it when that one fails.
**
** The disk is a gate: the writer stands at its first byte until it is let
** through, so what the run does meanwhile does not hang on time.
*/
#include "run_kit.h"

#include "vfs_kit.h"

enum { MANY = 200 };

/* A task of a person: a start is one commit, without a script. */
static const char desk[] =
  "local ml = require 'moonlane'\n"
  "return ml.workflow { 'desk', lanes = { office = 'Office' },\n"
  "  fields = { { 'x', 'string' } },\n"
  "  phases = { { 'ask', ml.task { 't', lane = 'office' } } } }\n";

/* ---- the gate ---- */

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static bool shut, stands, flush_fails;
static int refusals;             /* so many writes find no room */

static int gate_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
  bool refused;

  pthread_mutex_lock(&mu);
  while (shut) {
    stands = true;
    pthread_cond_broadcast(&moved);
    pthread_cond_wait(&moved, &mu);
  }
  stands = false;
  refused = refusals > 0 && refusals-- > 0;
  pthread_mutex_unlock(&mu);
  return refused ? SQLITE_FULL : vfs_kit_real(f)->xWrite(f, p, n, at);
}

static int gate_sync(sqlite3_file *f, int how) {
  bool fails;

  pthread_mutex_lock(&mu);
  fails = flush_fails;
  pthread_mutex_unlock(&mu);
  return fails ? SQLITE_IOERR_FSYNC : vfs_kit_real(f)->xSync(f, how);
}

static void change(sqlite3_io_methods *own) {
  own->xWrite = gate_write;
  own->xSync = gate_sync;
}

static void gate(bool is_shut, int refuse, bool failing) {
  pthread_mutex_lock(&mu);
  shut = is_shut;
  refusals = refuse;
  flush_fails = failing;
  pthread_cond_broadcast(&moved);
  pthread_mutex_unlock(&mu);
}

/* Until the writer stands at the gate with the only batch. */
static void writer_stands(void) {
  while (ml_store_pending(kit.store) == 0)
    kit_turn();                  /* a process may have to be read first */
  assert_int_equal(ml_store_pending(kit.store), 1);
  pthread_mutex_lock(&mu);
  while (!stands)
    pthread_cond_wait(&moved, &mu);
  pthread_mutex_unlock(&mu);
}

static int setup(void **state) {
  if (kit_setup(state) != 0)
    return -1;
  if (vfs_kit.under == NULL && !vfs_kit_begin("gate", false, change))
    return -1;
  kit.vfs = "gate";
  kit.threaded = true;
  kit_begin();
  kit_flow("desk", desk);
  kit_join("desk", "office");
  return 0;
}

static int teardown(void **state) {
  gate(false, 0, false);
  return kit_teardown(state);
}

/* ---- what is put ---- */

static kit_came came[MANY];

static void turns(void) {
  for (int i = 0; i < 10; i++)
    kit_turn();
}

/* Starts `from` and so on; their turn comes. */
static void starts(int from, int count) {
  for (int i = from; i < from + count; i++)
    ml_run_put(kit.run, kit_start_input("desk", "{}", &came[i]));
  turns();
}

static int told(int from, int count, ml_rc rc) {
  int n = 0;

  for (int i = from; i < from + count; i++)
    n += came[i].times == 1 && came[i].rc == rc;
  return n;
}

static void comment(int64_t n, const char *text, kit_came *c) {
  ml_input *in = kit_input(ML_EV_COMMENTED, n, NULL, c);

  in->ev.text = ml_str_of(text);
  ml_run_put(kit.run, in);
  turns();
}

static uint64_t syncs(void) {
  ml_store_stats s;

  ml_store_stats_get(kit.store, &s);
  return s.syncs;
}

typedef struct comments {
  int64_t n;
  ml_rc rc;
  ml_row_comment *rows;
  size_t count;
} comments;

static void read_comments(void *arg, ml_read *rd) {
  comments *c = arg;

  c->rc = ml_read_comments(rd, &kit.arena, c->n, 0, 100, &c->rows, &c->count);
}

static comments comments_of(int64_t n) {
  comments c = {.n = n, .rc = ML_IO};

  assert_int_equal(ml_store_read(kit.store, read_comments, kit_look_done, &c),
                   ML_OK);
  ml_store_wait(kit.store);
  assert_int_equal(c.rc, ML_OK);
  return c;
}

/* ---- what flies ---- */

/* The writer finds what has gathered, and writes it with one flush. */
static void enough_goes_beside_the_one_that_is_written(void **state) {
  uint64_t before = syncs();

  (void)state;
  gate(true, 0, false);
  starts(0, 1);
  writer_stands();
  assert_int_equal(ml_store_pending(kit.store), 1);
  starts(1, 11);
  assert_int_equal(ml_store_pending(kit.store), 1);      /* too few */
  starts(12, 1);
  assert_int_equal(ml_store_pending(kit.store), 2);
  for (int i = 13; i < 73; i += 12)
    starts(i, 12);
  assert_int_equal(ml_store_pending(kit.store), 4);      /* that many, no more */
  assert_int_equal(told(0, 73, ML_OK), 0);
  gate(false, 0, false);
  kit_settle();
  assert_int_equal(told(0, 73, ML_OK), 73);
  assert_int_equal(kit_see(0).all_count, 73);
  assert_int_equal(syncs() - before, 3);   /* the first, three together, the rest */
}

/* The second of two comments waits for the first, whatever goes beside it. */
static void a_process_is_in_one_at_a_time(void **state) {
  int64_t n = kit_start("desk", "{}");
  uint64_t seq = kit_see(n).row.seq;
  kit_came one, two;
  comments c;

  (void)state;
  gate(true, 0, false);
  comment(n, "one", &one);
  writer_stands();
  comment(n, "two", &two);
  starts(0, 12);
  assert_int_equal(ml_store_pending(kit.store), 2);
  gate(false, 0, false);
  ml_store_wait(kit.store);                 /* both of them, nothing more yet */
  assert_int_equal(one.times, 1);
  assert_int_equal(told(0, 12, ML_OK), 12);
  assert_int_equal(two.times, 0);
  kit_settle();
  assert_int_equal(two.times, 1);
  assert_int_equal(two.rc, ML_OK);
  c = comments_of(n);
  assert_int_equal(c.count, 2);
  assert_true(ml_str_is(c.rows[0].text, "one"));
  assert_true(ml_str_is(c.rows[1].text, "two"));
  assert_int_equal(kit_see(n).row.seq, seq + 2);
}

/* Refused is what was in it and what would have built on it; no more. */
static void one_that_fails_takes_no_other_with_it(void **state) {
  int64_t n = kit_start("desk", "{}");
  kit_came one, two, three;
  uint64_t seq = kit_see(n).row.seq;
  comments c;

  (void)state;
  gate(true, 1, false);
  comment(n, "one", &one);
  writer_stands();
  comment(n, "two", &two);
  starts(0, 12);
  assert_int_equal(ml_store_pending(kit.store), 2);
  gate(false, 1, false);
  kit_settle();
  assert_int_equal(one.times, 1);
  assert_int_equal(one.rc, ML_FULL);
  assert_int_equal(two.times, 1);
  assert_int_equal(two.rc, ML_FULL);
  assert_int_equal(told(0, 12, ML_OK), 12);
  assert_int_equal(kit_see(0).all_count, 13);
  assert_int_equal(kit_see(n).row.seq, seq);
  assert_int_equal(kit.stopped, ML_OK);
  kit_pass(5000);
  comment(n, "three", &three);
  kit_settle();
  assert_int_equal(three.rc, ML_OK);
  c = comments_of(n);
  assert_int_equal(c.count, 1);
  assert_true(ml_str_is(c.rows[0].text, "three"));
  assert_int_equal(kit_see(n).row.seq, seq + 1);
}

/* Rows that are not a process's lean on one another. */
static void small_writes_fly_alone(void **state) {
  uint32_t lane = ml_run_lane_no(kit.run, ML_STR("desk"), ML_STR("office"));
  kit_joining j = {.lane = lane};

  (void)state;
  gate(true, 0, false);
  starts(0, 1);
  writer_stands();
  ml_run_write(kit.run, kit_fill_person, kit_done, &j);
  starts(1, 30);
  assert_int_equal(ml_store_pending(kit.store), 1);
  gate(false, 0, false);
  while (told(0, 1, ML_OK) == 0) {          /* the first; then the one behind it */
    gate(false, 0, false);
    ml_store_wait(kit.store);
  }
  gate(true, 0, false);
  turns();
  writer_stands();
  assert_int_equal(ml_store_pending(kit.store), 1);
  starts(31, 30);
  assert_int_equal(ml_store_pending(kit.store), 1);
  gate(false, 0, false);
  kit_settle();
  assert_int_equal(told(0, 61, ML_OK), 61);
  assert_int_equal(j.came.times, 1);
  assert_int_equal(j.came.rc, ML_OK);
}

/* A flush that fails: none of them is told, whichever it was in. */
static void a_flush_that_fails_ends_all_of_them(void **state) {
  (void)state;
  gate(true, 0, true);
  starts(0, 1);
  writer_stands();
  starts(1, 12);
  starts(13, 12);
  assert_int_equal(ml_store_pending(kit.store), 3);
  gate(false, 0, true);
  ml_store_wait(kit.store);
  turns();
  assert_int_equal(kit.stopped, ML_UNKNOWN);
  assert_int_equal(told(0, 25, ML_OK), 0);
  for (int i = 0; i < 25; i++)
    assert_int_equal(came[i].times, 0);
  gate(false, 0, false);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
    T(enough_goes_beside_the_one_that_is_written),
    T(a_process_is_in_one_at_a_time),
    T(one_that_fails_takes_no_other_with_it),
    T(small_writes_fly_alone),
    T(a_flush_that_fails_ends_all_of_them),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
