/* test_attempt.c - questions and answers over the wire: what is packed comes
** back the same, and no bytes of an enemy do harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "model/attempt.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

/* The record in a frame: behind length and kind; in a block of exactly its
** size, so that a sanitizer sees a read beyond. */
static ml_str record(const ml_buf *b, unsigned kind) {
  const unsigned char *u = (const unsigned char *)b->p;
  size_t n;
  char *p;

  assert_false(b->bad);
  assert_true(b->len >= 5);
  n = (size_t)u[0] | (size_t)u[1] << 8 | (size_t)u[2] << 16 | (size_t)u[3] << 24;
  assert_int_equal(n, b->len - 4);
  assert_int_equal(u[4], kind);
  p = malloc(n);   /* at least 1: the kind */
  assert_non_null(p);
  memcpy(p, b->p + 5, n - 1);
  return (ml_str){p, n - 1};
}

static const uint8_t HASH[16] = {1, 0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                                 15, 0};
static const ml_source sources[] = {
  {{"workflow.lua", 12}, {"return 1", 8}},
  {{"activities/x.lua", 16}, {"", 0}},
};
static const ml_entry journal[] = {
  {{"data.1", 6}, ML_CALL_DATA, {0}, {"{}", 2}},
  {{"get.1", 5}, ML_CALL_GET, {7}, {"{\"status\":200}", 14}},
};
static const ml_entry own[] = {
  {{"step.total.1", 12}, ML_CALL_STEP, {0}, {"7", 1}},
  {{"now.1", 5}, ML_CALL_NOW, {0}, {"1700000000000", 13}},
};
static const ml_comment_out comments[] = {
  {{"seen", 4}, {"private", 7}}, {{"", 0}, {NULL, 0}},
};
static const ml_behind behind[] = {
  {{"2.1", 3}, {"0190-2", 6}, {"B", 1}}, {{"3.1", 3}, {"0190-3", 6}, {"", 0}},
};
static const ml_log_line logs[] = {{1, {"a", 1}}, {4, {"b\n", 2}}};

static const ml_bounds limits = {.v = {[ML_BOUND_UNITS] = 1000000,
                                       [ML_BOUND_TIME] = 250,
                                       [ML_BOUND_SOURCE] = 1}};

static ml_ask full_ask(void) {
  ml_ask q = {0};

  q.kind = ML_ASK_ATTEMPT;
  q.id = UINT64_MAX;
  memset(q.bundle, 0xAB, sizeof q.bundle);
  q.sources = sources;
  q.source_count = LEN(sources);
  q.flow = 3;
  q.path = ML_STR("4.1.2.1");
  q.mode = ML_STR("run");
  q.key = ML_STR("0190-1");
  q.process = ML_STR("{}");
  q.data = ML_STR("{\"q_plan\":\"A\"}");
  q.settings = ML_STR("");
  q.now_ms = -5;
  q.attempt = 2;
  q.journal = journal;
  q.journal_count = LEN(journal);
  q.activity = ML_STR("A");
  q.links = behind;
  q.link_count = LEN(behind);
  q.count_units = true;
  q.limits = &limits;
  return q;
}

static ml_answer full_answer(void) {
  ml_answer r = {0};

  r.id = 77;
  r.end = ML_END_RETURNED;
  r.text = ML_STR("skip");
  r.at = ML_STR("activities/x.lua:12");
  r.after_ms = -1;
  r.entries = own;
  r.entry_count = LEN(own);
  r.data = ML_STR("{\"q_memo\":null}");
  r.cleared = ML_STR("[\"q_id\"]");
  r.subject = ML_STR("");
  r.state = ML_STR("open");
  r.comments = comments;
  r.comment_count = LEN(comments);
  r.logs = logs;
  r.log_count = LEN(logs);
  r.units = 12345;
  r.used_us = 99;
  return r;
}

static ml_answer want_answer(void) {
  ml_answer r = {0};

  r.id = 1;
  r.end = ML_END_WANT;
  r.want_call = ML_STR("put.charge.2");
  r.want_kind = ML_CALL_PUT;
  memcpy(r.want_hash, HASH, sizeof HASH);
  r.want = ML_STR("{\"method\":\"PUT\"}");
  return r;
}

static void same_str(ml_str a, ml_str b) {
  assert_true(ml_str_eq(a, b));
}

static void same_entries(const ml_entry *a, size_t na, const ml_entry *b,
                         size_t nb) {
  assert_int_equal(na, nb);
  for (size_t i = 0; i < na; i++) {
    same_str(a[i].call, b[i].call);
    assert_int_equal(a[i].kind, b[i].kind);
    assert_memory_equal(a[i].hash, b[i].hash, 16);
    same_str(a[i].answer, b[i].answer);
  }
}

/* ---- round trips ---- */

static void ask_round(void **state) {
  ml_ask q = full_ask(), back;
  ml_buf b = {0}, again = {0};
  ml_arena a = {0};
  ml_str rec;

  (void)state;
  ml_ask_pack(&b, &q);
  rec = record(&b, ML_ASK_ATTEMPT);
  assert_int_equal(ml_ask_unpack(&a, ML_ASK_ATTEMPT, rec, &back), ML_OK);
  assert_true(back.id == q.id);
  assert_memory_equal(back.bundle, q.bundle, 32);
  assert_int_equal(back.source_count, 2);
  same_str(back.sources[0].name, sources[0].name);
  same_str(back.sources[1].text, ML_STR(""));
  assert_int_equal(back.flow, 3);
  same_str(back.path, q.path);
  same_str(back.settings, ML_STR(""));
  same_str(back.payload, ML_NOSTR);
  assert_int_equal(back.now_ms, -5);
  same_entries(back.journal, back.journal_count, journal, LEN(journal));
  same_str(back.activity, q.activity);
  assert_int_equal(back.link_count, 2);
  same_str(back.links[0].path, behind[0].path);
  same_str(back.links[0].key, behind[0].key);
  same_str(back.links[1].activity, ML_STR(""));
  assert_true(back.count_units);
  assert_memory_equal(back.limits, &limits, sizeof limits);
  ml_ask_pack(&again, &back);
  assert_int_equal(again.len, b.len);
  assert_memory_equal(again.p, b.p, b.len);
  free((void *)rec.p);
  ml_arena_free(&a);
  ml_buf_free(&b);
  ml_buf_free(&again);
}

static void answer_round_of(ml_answer r) {
  ml_answer back;
  ml_buf b = {0}, again = {0};
  ml_arena a = {0};
  ml_str rec;

  ml_answer_pack(&b, &r);
  rec = record(&b, ML_ANSWER_DONE);
  assert_int_equal(ml_answer_unpack(&a, rec, &back), ML_OK);
  assert_int_equal(back.id, r.id);
  assert_int_equal(back.end, r.end);
  same_str(back.text, r.text);
  same_str(back.subject, r.subject);
  same_str(back.assign, r.assign);
  assert_memory_equal(back.want_hash, r.want_hash, 16);
  same_entries(back.entries, back.entry_count, r.entries, r.entry_count);
  assert_int_equal(back.comment_count, r.comment_count);
  assert_int_equal(back.log_count, r.log_count);
  if (r.log_count > 1)
    assert_int_equal(back.logs[1].seq, 4);
  assert_int_equal(back.link_count, r.link_count);
  for (size_t i = 0; i < r.link_count; i++) {
    assert_int_equal(back.links[i].end, r.links[i].end);
    same_str(back.links[i].text, r.links[i].text);
  }
  ml_answer_pack(&again, &back);
  assert_int_equal(again.len, b.len);
  assert_memory_equal(again.p, b.p, b.len);
  free((void *)rec.p);
  ml_arena_free(&a);
  ml_buf_free(&b);
  ml_buf_free(&again);
}

static void answer_round(void **state) {
  ml_answer empty = {0}, links[] = {full_answer(), want_answer()};
  ml_answer many = full_answer();

  (void)state;
  answer_round_of(full_answer());
  answer_round_of(want_answer());
  answer_round_of(empty);
  many.links = links;
  many.link_count = LEN(links);
  answer_round_of(many);
}

/* A link is believed no more than the first. */
static void answer_links_are_checked(void **state) {
  ml_answer r = full_answer(), bad = want_answer(), back;
  ml_buf b = {0};
  ml_arena a = {0};
  ml_str rec;

  (void)state;
  bad.data = ML_STR("{}");       /* a want brings no data */
  r.links = &bad;
  r.link_count = 1;
  ml_answer_pack(&b, &r);
  rec = record(&b, ML_ANSWER_DONE);
  assert_int_equal(ml_answer_unpack(&a, rec, &back), ML_CORRUPT);
  free((void *)rec.p);
  ml_arena_free(&a);
  ml_buf_free(&b);
}

static void need_round(void **state) {
  uint8_t bundle[32], back[32];
  uint64_t id = 0;
  ml_buf b = {0};
  ml_str rec;

  (void)state;
  memset(bundle, 9, sizeof bundle);
  ml_answer_pack_need(&b, 41, bundle);
  rec = record(&b, ML_ANSWER_NEED);
  assert_int_equal(ml_answer_unpack_need(rec, &id, back), ML_OK);
  assert_int_equal(id, 41);
  assert_memory_equal(bundle, back, 32);
  for (size_t n = 0; n < rec.n; n++)
    assert_int_equal(ml_answer_unpack_need((ml_str){rec.p, n}, &id, back),
                     ML_CORRUPT);
  free((void *)rec.p);
  ml_buf_free(&b);
}

/* ---- damage ---- */

/* Unpack exactly these bytes, either way. */
static ml_rc take(bool ask, const char *p, size_t n) {
  ml_arena a = {0};
  ml_ask q;
  ml_answer r;
  char *copy = malloc(n > 0 ? n : 1);
  ml_rc rc;

  assert_non_null(copy);
  memcpy(copy, p, n);
  rc = ask ? ml_ask_unpack(&a, ML_ASK_ATTEMPT, (ml_str){copy, n}, &q)
           : ml_answer_unpack(&a, (ml_str){copy, n}, &r);
  ml_arena_free(&a);
  free(copy);
  return rc;
}

static void damage(bool ask, const ml_buf *b) {
  ml_str rec = record(b, ask ? ML_ASK_ATTEMPT : ML_ANSWER_DONE);
  char *p = (char *)rec.p;
  ml_rand_seeded rand;

  assert_int_equal(take(ask, p, rec.n), ML_OK);
  for (size_t n = 0; n < rec.n; n++)
    assert_int_equal(take(ask, p, n), ML_CORRUPT);
  for (size_t i = 0; i < rec.n * 8; i++) {
    ml_rc rc;

    p[i / 8] = (char)(p[i / 8] ^ (1 << i % 8));
    rc = take(ask, p, rec.n);
    assert_true(rc == ML_OK || rc == ML_CORRUPT);
    p[i / 8] = (char)(p[i / 8] ^ (1 << i % 8));
  }
  ml_rand_seed(&rand, 5);
  for (int i = 0; i < 20000; i++) {   /* several bytes at once */
    char *copy = malloc(rec.n);
    ml_rc rc;

    assert_non_null(copy);
    memcpy(copy, p, rec.n);
    for (int k = 0; k < 3; k++)
      copy[ml_rand_u64(&rand.base) % rec.n] = (char)ml_rand_u64(&rand.base);
    rc = take(ask, copy, rec.n);
    assert_true(rc == ML_OK || rc == ML_CORRUPT);
    free(copy);
  }
  free(p);
}

static void damaged(void **state) {
  ml_ask q = full_ask();
  ml_answer r = full_answer(), w = want_answer();
  ml_buf b = {0};

  (void)state;
  ml_ask_pack(&b, &q);
  damage(true, &b);
  ml_buf_reset(&b);
  ml_answer_pack(&b, &r);
  damage(false, &b);
  ml_buf_reset(&b);
  ml_answer_pack(&b, &w);
  damage(false, &b);
  ml_buf_free(&b);
}

/* A count far above what follows must not become an allocation. */
static void hostile_counts(void **state) {
  static const uint64_t counts[] = {1, 100, 1000, 2000, 2001, UINT32_MAX,
                                    UINT64_MAX};
  uint64_t before, cost;

  (void)state;
  for (size_t i = 0; i < LEN(counts); i++) {
    ml_buf b = {0};

    ml_pack_u64(&b, 1);      /* id */
    ml_pack_u64(&b, ML_END_RETURNED);
    for (int k = 0; k < 3; k++)
      ml_pack_str(&b, ML_NOSTR);
    ml_pack_i64(&b, 0);
    ml_pack_str(&b, ML_NOSTR);
    ml_pack_u64(&b, 0);
    ml_pack_str(&b, ML_NOSTR);
    ml_pack_str(&b, ML_NOSTR);
    ml_pack_u64(&b, counts[i]);   /* entries; nothing follows */
    before = ml_mem_count();
    assert_int_equal(take(false, b.p, b.len), ML_CORRUPT);
    cost = ml_mem_count() - before;
    assert_int_equal(cost, 0);
    ml_buf_free(&b);
  }
}

/* ---- what an enemy may not say ---- */

static ml_rc answer_rc(const ml_answer *r) {
  ml_buf b = {0};
  ml_str rec;
  ml_rc rc;

  ml_answer_pack(&b, r);
  rec = record(&b, ML_ANSWER_DONE);
  rc = take(false, rec.p, rec.n);
  free((void *)rec.p);
  ml_buf_free(&b);
  return rc;
}

static void call_names(void **state) {
  static const struct { const char *call; ml_callk kind; bool ok; } rows[] = {
    {"put.1", ML_CALL_PUT, true}, {"put.a b.12", ML_CALL_PUT, true},
    {"post.charge.1", ML_CALL_POST, true}, {"ask.請求.3", ML_CALL_ASK, true},
    {"put.a.b.1", ML_CALL_PUT, true}, {"op.1", ML_CALL_OP, true},
    {"put", ML_CALL_PUT, false}, {"put.", ML_CALL_PUT, false},
    {"put.0", ML_CALL_PUT, false}, {"put.01", ML_CALL_PUT, false},
    {"put.-1", ML_CALL_PUT, false}, {"put..1", ML_CALL_PUT, false},
    {"put.x", ML_CALL_PUT, false}, {"put.1.", ML_CALL_PUT, false},
    {"put.4294967296", ML_CALL_PUT, false}, {"put.\n.1", ML_CALL_PUT, false},
    {"put.\xff.1", ML_CALL_PUT, false}, {"post.1", ML_CALL_PUT, false},
    {"puts.1", ML_CALL_PUT, false}, {"", ML_CALL_PUT, false},
    {NULL, ML_CALL_PUT, false},
    /* what a script makes by itself is no wish */
    {"step.a.1", ML_CALL_STEP, false}, {"data.1", ML_CALL_DATA, false},
  };

  (void)state;
  for (size_t i = 0; i < LEN(rows); i++) {
    ml_answer r = want_answer();
    ml_rc rc;

    r.want_call = ml_str_of(rows[i].call);
    r.want_kind = rows[i].kind;
    rc = answer_rc(&r);
    if (rc != (rows[i].ok ? ML_OK : ML_CORRUPT))
      fail_msg("%s: %s", rows[i].call, ml_rc_name(rc));
  }
}

static char *big(size_t n) {
  char *p = malloc(n);

  assert_non_null(p);
  memset(p, 'x', n);
  return p;
}

static void sizes(void **state) {
  char *x = big(ML_ENTRY_MAX + 1);
  ml_entry many[9];
  char names[9][32];
  ml_answer r;

  (void)state;
  r = (ml_answer){.end = ML_END_BROKE, .text = {x, ML_ERROR_MAX}};
  assert_int_equal(answer_rc(&r), ML_OK);
  r.text.n++;
  assert_int_equal(answer_rc(&r), ML_CORRUPT);
  r.end = ML_END_RETURNED;   /* a result may be long */
  assert_int_equal(answer_rc(&r), ML_OK);

  r = (ml_answer){.end = ML_END_RETURNED};
  for (int i = 0; i < 9; i++) {
    snprintf(names[i], sizeof names[i], "step.s.%d", i + 1);
    many[i] = (ml_entry){ml_str_of(names[i]), ML_CALL_STEP, {0},
                         {x, ML_ENTRY_MAX}};
  }
  r.entries = many;
  r.entry_count = 1;
  assert_int_equal(answer_rc(&r), ML_OK);
  many[0].answer.n++;
  assert_int_equal(answer_rc(&r), ML_CORRUPT);
  many[0].answer.n--;
  r.entry_count = 9;         /* together above the journal's size */
  assert_int_equal(answer_rc(&r), ML_CORRUPT);
  free(x);
}

static void too_large_a_frame(void **state) {
  char *x = big(ML_FRAME_MAX + 1);
  ml_answer r = {.end = ML_END_RETURNED, .text = {x, ML_FRAME_MAX + 1}};
  ml_buf b = {0};

  (void)state;
  ml_answer_pack(&b, &r);
  assert_true(b.bad);
  ml_buf_free(&b);
  free(x);
}

static void refused(void **state) {
  ml_entry twice[2] = {own[0], own[0]};
  ml_entry forged = {{"get.1", 5}, ML_CALL_GET, {0}, {"{}", 2}};
  ml_log_line back[2] = {{2, {"a", 1}}, {2, {"b", 1}}};
  ml_log_line zero = {0, {"a", 1}};
  ml_log_line lines[ML_LOG_LINES_MAX + 1];
  ml_comment_out open = {{"a", 1}, {"public", 6}};
  ml_answer r;

  (void)state;
  r = full_answer();
  r.entries = twice;
  assert_int_equal(answer_rc(&r), ML_CORRUPT);
  r = full_answer();
  r.entries = &forged;       /* an HTTP answer nobody gave */
  r.entry_count = 1;
  assert_int_equal(answer_rc(&r), ML_CORRUPT);
  r = full_answer();
  r.text = (ml_str){"\xc3", 1};
  assert_int_equal(answer_rc(&r), ML_CORRUPT);
  r = full_answer();
  r.logs = back;
  assert_int_equal(answer_rc(&r), ML_CORRUPT);
  r.logs = &zero;
  r.log_count = 1;
  assert_int_equal(answer_rc(&r), ML_CORRUPT);
  for (int i = 0; i <= ML_LOG_LINES_MAX; i++)
    lines[i] = (ml_log_line){(uint32_t)i + 1, {"a", 1}};
  r.logs = lines;
  r.log_count = ML_LOG_LINES_MAX;
  assert_int_equal(answer_rc(&r), ML_OK);
  r.log_count++;
  assert_int_equal(answer_rc(&r), ML_CORRUPT);
  r = full_answer();
  r.comments = &open;
  r.comment_count = 1;
  assert_int_equal(answer_rc(&r), ML_CORRUPT);
  r = full_answer();
  r.after_ms = -2;
  assert_int_equal(answer_rc(&r), ML_CORRUPT);
  r = full_answer();
  r.want_call = ML_STR("put.1");   /* a wish at an end */
  assert_int_equal(answer_rc(&r), ML_CORRUPT);
  r = want_answer();
  r.data = ML_STR("{}");           /* written before the end */
  assert_int_equal(answer_rc(&r), ML_CORRUPT);
}

static void short_memory(void **state) {
  ml_ask q = full_ask();
  ml_answer r = full_answer();
  ml_buf b = {0};
  ml_str rec;

  (void)state;
  ml_ask_pack(&b, &q);
  rec = record(&b, ML_ASK_ATTEMPT);
  ml_mem_fail_at(1, 0);
  assert_int_equal(take(true, rec.p, rec.n), ML_NOMEM);
  ml_mem_fail_at(0, 0);
  free((void *)rec.p);
  ml_buf_reset(&b);
  ml_answer_pack(&b, &r);
  rec = record(&b, ML_ANSWER_DONE);
  ml_mem_fail_at(1, 0);
  assert_int_equal(take(false, rec.p, rec.n), ML_NOMEM);
  ml_mem_fail_at(0, 0);
  free((void *)rec.p);
  ml_buf_free(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(ask_round),
    cmocka_unit_test(answer_round),
    cmocka_unit_test(answer_links_are_checked),
    cmocka_unit_test(need_round),
    cmocka_unit_test(damaged),
    cmocka_unit_test(hostile_counts),
    cmocka_unit_test(call_names),
    cmocka_unit_test(sizes),
    cmocka_unit_test(too_large_a_frame),
    cmocka_unit_test(refused),
    cmocka_unit_test(short_memory),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
