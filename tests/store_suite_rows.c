/* store_suite_rows.c - rows go in and come back as they were. */
#include "store_suite_in.h"

#include "store/age.h"

/* ---- open and process ---- */

static void an_empty_store(void **state) {
  Fx *fx = *state;
  uint8_t key[16] = {0};
  Q q = {.n = 1, .limit = 10, .in = key, .act = 1,
         .text = {ML_STR("w"), ML_STR("t"), ML_STR("i")}};
  ml_read_fn *missing[] = {r_process, r_key, r_bundle, r_occurrence};
  ml_read_fn *empty[] = {r_journal, r_history, r_comments, r_mail, r_tasks_of,
                         r_due, r_bundles, r_workflows, r_triggers, r_lanes,
                         r_members, r_users, r_tokens, r_settings};

  assert_int_equal(ml_store_boot(fx->s), 1);
  assert_int_equal(ml_store_last_n(fx->s), 0);
  assert_int_equal(ml_store_pending(fx->s), 0);
  for (size_t i = 0; i < LEN(missing); i++)
    assert_rc(ask(fx, missing[i], &q), ML_NOT_FOUND);
  for (size_t i = 0; i < LEN(empty); i++) {
    assert_rc(ask(fx, empty[i], &q), ML_OK);
    assert_int_equal(q.count, 0);
  }
  assert_rc(ask(fx, r_next_due, &q), ML_OK);
  assert_int_equal(q.num[0], 0);
  assert_rc(ask(fx, r_comment_last, &q), ML_OK);
  assert_int_equal(q.u.no, 0);
  assert_rc(ask(fx, r_counts, &q), ML_OK);
  assert_int_equal(q.num[0] + q.num[1] + q.num[2], 0);
}

static void a_process_comes_back_as_it_was_put(void **state) {
  Fx *fx = *state;
  ml_row_process p = {
    .n = 7, .id = {1, 2, 0, 4, 255}, .workflow = 3, .bundle = UINT32_MAX,
    .flow_index = 65535, .status = ML_CANCELLED, .run = ML_RUN_ERROR,
    .deleted = true, .seq = 12, .created_ms = 1, .updated_ms = 2,
    .completed_ms = 3, .cancelled_ms = 4, .next_action_ms = 5,
    .first_assigned_ms = 6, .last_assigned_ms = 7, .due = -8, .parent_n = 9,
    .subject = ML_STR("受注"), .state = ML_STR("s"), .assigned_to = ML_STR("a"),
    .first_assigned_to = ML_STR("f"), .created_by = ML_STR("c"),
    .data = ML_STR("{\"a\":1}"), .rest = {"\0\1\2", 3},
  };
  ml_row_process q;

  assert_rc(put_process(fx, &p), ML_OK);
  q = get_process(fx, 7);
  assert_memory_equal(q.id, p.id, 16);
#define SAME(m) assert_true(q.m == p.m)
  SAME(n), SAME(workflow), SAME(bundle), SAME(flow_index), SAME(status);
  SAME(run), SAME(deleted), SAME(seq), SAME(created_ms), SAME(updated_ms);
  SAME(completed_ms), SAME(cancelled_ms), SAME(next_action_ms);
  SAME(first_assigned_ms), SAME(last_assigned_ms), SAME(due), SAME(parent_n);
#undef SAME
#define SAME(m) assert_true(ml_str_eq(q.m, p.m))
  SAME(subject), SAME(state), SAME(assigned_to), SAME(first_assigned_to);
  SAME(created_by), SAME(data), SAME(rest);
#undef SAME
  assert_int_equal(ml_store_last_n(fx->s), 7);
}

static void none_and_empty_stay_apart(void **state) {
  Fx *fx = *state;
  ml_row_process p = suite_process(1), q;

  p.subject = ML_STR("");
  p.rest = ML_STR("");
  p.data = ML_NOSTR;
  assert_rc(put_process(fx, &p), ML_OK);
  q = get_process(fx, 1);
  assert_str(q.subject, "");
  assert_str(q.rest, "");
  assert_none(q.data);
  assert_none(q.state);
  assert_none(q.assigned_to);
}

static void a_number_is_taken_once(void **state) {
  Fx *fx = *state;
  ml_row_process p = suite_process(1);

  assert_rc(put_process(fx, &p), ML_OK);
  p.subject = ML_STR("another");
  assert_rc(put_process(fx, &p), ML_EXISTS);
  assert_none(get_process(fx, 1).subject);
}

static void an_old_seq_is_stale(void **state) {
  Fx *fx = *state;
  ml_row_process p = suite_process(1);

  assert_rc(put_process(fx, &p), ML_OK);
  p.seq_was = 1;
  p.seq = 3;
  p.subject = ML_STR("first");
  assert_rc(put_process(fx, &p), ML_OK);
  p.seq = 5;
  p.subject = ML_STR("second");
  assert_rc(put_process(fx, &p), ML_STALE);      /* from seq 1 */
  assert_str(get_process(fx, 1).subject, "first");
  p.n = 2;
  assert_rc(put_process(fx, &p), ML_STALE);      /* not there at all */
}

/* Every column, also those that an index holds, one after the other; whatever
** was said of what differs. */
static void every_column_can_change(void **state) {
  Fx *fx = *state;
  ml_row_process p = suite_process(1), q;

  assert_rc(put_process(fx, &p), ML_OK);
  for (int i = 0; i < 48; i++) {
    p.seq_was = p.seq++;
    p.indexed = (ml_indexed)(i / 16);
    switch (i % 16) {
    case 0: p.status = ML_COMPLETED; break;
    case 1: p.status = ML_OPEN; break;
    case 2: p.run = ML_RUN_ERROR; break;
    case 3: p.deleted = true; break;
    case 4: p.state = ML_STR("s1"); break;
    case 5: p.state = ML_NOSTR; break;
    case 6: p.assigned_to = ML_STR("aiko"); break;
    case 7: p.workflow = 2; break;
    case 8: p.parent_n = 5; break;
    case 9: p.created_by = ML_STR("ben"); break;
    case 10: p.due = 99; break;
    case 11: p.due = -99; break;
    case 12: p.due = 0; break;
    case 13: p.bundle = 2; break;
    case 14: p.data = ML_STR("{\"x\":2}"); break;
    default: p.deleted = false; break;
    }
    assert_rc(put_process(fx, &p), ML_OK);
    q = get_process(fx, 1);
    assert_true(q.status == p.status && q.run == p.run && q.due == p.due);
    assert_true(q.deleted == p.deleted && q.workflow == p.workflow);
    assert_true(q.parent_n == p.parent_n && q.bundle == p.bundle);
    assert_true(q.seq == p.seq && ml_str_eq(q.state, p.state));
    assert_true(ml_str_eq(q.assigned_to, p.assigned_to));
    assert_true(ml_str_eq(q.created_by, p.created_by));
    assert_true(ml_str_eq(q.data, p.data));
  }
}

/* ---- what hangs on a process ---- */

static void history_is_read_from_any_record(void **state) {
  Fx *fx = *state;
  Q q = {.n = 1};
  uint64_t seq = 0;

  /* packs of 1, 2, ... 10 records, with another process in between */
  for (uint64_t size = 1; size <= 10; size++) {
    ml_batch *b = suite_batch(fx->s);

    for (uint64_t i = 0; i < size; i++) {
      char text[24];

      seq++;
      snprintf(text, sizeof text, "record %d", (int)seq);
      ml_batch_history(b, &(ml_row_history){
        .n = 1, .seq = seq, .at_ms = 5000 - (int64_t)seq,
        .told = (ml_told)(seq % ML_TOLD_COUNT), .no = (uint32_t)seq,
        .name = seq % 3 ? ML_STR("name") : ML_NOSTR, .who = ML_STR(""),
        .text = ml_str_of(text), .data = ML_STR("{}")});
    }
    ml_batch_history(b, &(ml_row_history){.n = 2, .seq = size});
    assert_rc(done(fx, b), ML_OK);
  }
  assert_int_equal(seq, 55);
  for (uint64_t after = 0; after <= 56; after++) {
    for (size_t limit = 1; limit <= 64; limit *= 4) {
      size_t left = after < 55 ? (size_t)(55 - after) : 0;
      ml_row_history *h;

      q.after = after;
      q.limit = limit;
      assert_rc(ask(fx, r_history, &q), ML_OK);
      h = q.out;
      assert_int_equal(q.count, left < limit ? left : limit);
      for (size_t i = 0; i < q.count; i++) {
        char text[24];
        uint64_t want = after + 1 + i;

        snprintf(text, sizeof text, "record %d", (int)want);
        assert_int_equal(h[i].seq, want);
        assert_int_equal(h[i].n, 1);
        assert_int_equal(h[i].at_ms, 5000 - (int64_t)want);
        assert_int_equal(h[i].told, want % ML_TOLD_COUNT);
        assert_int_equal(h[i].no, want);
        assert_str(h[i].text, text);
        assert_str(h[i].who, "");
        assert_true((h[i].name.p != NULL) == (want % 3 != 0));
      }
    }
  }
  q.after = UINT64_MAX;
  assert_rc(ask(fx, r_history, &q), ML_OK);
  assert_int_equal(q.count, 0);
}

static void history_ends_at_its_limit(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);
  Q q = {.n = 1, .after = ML_STORE_HISTORY_MAX - 1, .limit = 9};
  size_t last, over;

  last = ml_batch_unit(b);
  ml_batch_history(b, &(ml_row_history){.n = 1, .seq = ML_STORE_HISTORY_MAX});
  over = ml_batch_unit(b);
  ml_batch_history(b, &(ml_row_history){.n = 1, .seq = UINT64_C(1) << 24});
  assert_rc(suite_commit(fx->s, b), ML_OK);
  assert_rc(ml_batch_unit_rc(b, last), ML_OK);
  assert_rc(ml_batch_unit_rc(b, over), ML_LIMIT);
  ml_batch_free(b);
  assert_rc(ask(fx, r_history, &q), ML_OK);
  assert_int_equal(q.count, 1);
  assert_int_equal(((ml_row_history *)q.out)->seq, ML_STORE_HISTORY_MAX);
  q = (Q){.n = 2, .limit = 9};           /* which would be 1's next number */
  assert_rc(ask(fx, r_history, &q), ML_OK);
  assert_int_equal(q.count, 0);
  q.n = INT64_MAX;
  assert_rc(ask(fx, r_history, &q), ML_OK);
  assert_int_equal(q.count, 0);
}

static void long_history_in_one_commit(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);
  char text[1000];
  Q q = {.n = 1, .after = 777, .limit = 3};
  ml_row_history *h;

  memset(text, 'x', sizeof text);
  for (uint64_t i = 1; i <= 1000; i++)
    ml_batch_history(b, &(ml_row_history){.n = 1, .seq = i, .at_ms = (int64_t)i,
                                          .text = {text, sizeof text}});
  assert_rc(done(fx, b), ML_OK);
  assert_rc(ask(fx, r_history, &q), ML_OK);
  h = q.out;
  assert_int_equal(q.count, 3);
  assert_int_equal(h[0].seq, 778);
  assert_int_equal(h[2].at_ms, 780);
  q = (Q){.n = 1};                                  /* limit 0: all */
  assert_rc(ask(fx, r_history, &q), ML_OK);
  assert_int_equal(q.count, 1000);
}

static void a_record_is_written_once(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);

  ml_batch_history(b, &(ml_row_history){.n = 1, .seq = 1});
  assert_rc(done(fx, b), ML_OK);
  b = suite_batch(fx->s);
  ml_batch_history(b, &(ml_row_history){.n = 1, .seq = 1});
  assert_rc(suite_commit(fx->s, b), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 0), ML_EXISTS);
  ml_batch_free(b);
}

static void journal_in_the_order_it_was_made(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);
  const char *calls[] = {"put.1", "get.2", "get.1", "step.a.1"};
  Q q = {.n = 1};
  ml_row_journal *j;

  for (uint32_t i = 0; i < LEN(calls); i++)
    ml_batch_journal(b, &(ml_row_journal){
      .n = 1, .act = 2, .call = ml_str_of(calls[i]), .kind = ML_CALL_PUT,
      .attempt = 1, .place = i + 1, .hash = {(uint8_t)i}, .at_ms = 9,
      .answer = ML_STR("{\"status\":200}")});
  ml_batch_journal(b, &(ml_row_journal){.n = 1, .act = 1, .attempt = 1,
                                        .place = 1, .call = ML_STR("now.1")});
  ml_batch_journal(b, &(ml_row_journal){.n = 1, .act = 2, .attempt = 2,
                                        .place = 1, .call = ML_STR("a")});
  ml_batch_journal(b, &(ml_row_journal){.n = 2, .act = 2, .attempt = 1,
                                        .place = 1, .call = ML_STR("z")});
  assert_rc(done(fx, b), ML_OK);
  assert_rc(ask(fx, r_journal, &q), ML_OK);
  j = q.out;
  assert_int_equal(q.count, 6);
  assert_str(j[0].call, "now.1");
  assert_none(j[0].answer);
  for (size_t i = 0; i < LEN(calls); i++) {
    assert_str(j[1 + i].call, calls[i]);
    assert_int_equal(j[1 + i].hash[0], i);
    assert_int_equal(j[1 + i].kind, ML_CALL_PUT);
    assert_int_equal(j[1 + i].at_ms, 9);
  }
  assert_str(j[5].call, "a");
  q.act = 1;
  assert_rc(ask(fx, r_journal, &q), ML_OK);
  assert_int_equal(q.count, 1);
  /* replace one, drop another */
  b = suite_batch(fx->s);
  ml_batch_journal(b, &(ml_row_journal){.n = 1, .act = 2, .attempt = 3,
                                        .place = 1, .call = ML_STR("put.1"),
                                        .answer = ML_STR("2")});
  ml_batch_journal_drop(b, 1, 2, ML_STR("get.2"));
  ml_batch_journal_drop(b, 1, 2, ML_STR("never"));
  assert_rc(done(fx, b), ML_OK);
  q.act = 2;
  assert_rc(ask(fx, r_journal, &q), ML_OK);
  j = q.out;
  assert_int_equal(q.count, 4);
  assert_str(j[3].call, "put.1");
  assert_str(j[3].answer, "2");
}

static void comments_by_number(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);
  Q q = {.n = 1, .after = 2, .limit = 2};
  ml_row_comment *c;

  for (uint32_t i = 1; i <= 5; i++)
    ml_batch_comment(b, &(ml_row_comment){
      .n = 1, .no = i, .at_ms = i, .who = i % 2 ? ML_STR("aiko") : ML_NOSTR,
      .text = ML_STR("hello"), .visibility = ML_STR("shared")});
  assert_rc(done(fx, b), ML_OK);
  assert_rc(ask(fx, r_comments, &q), ML_OK);
  c = q.out;
  assert_int_equal(q.count, 2);
  assert_int_equal(c[0].no, 3);
  assert_str(c[0].who, "aiko");
  assert_none(c[1].who);
  assert_str(c[1].visibility, "shared");
  assert_rc(ask(fx, r_comment_last, &q), ML_OK);
  assert_int_equal(q.u.no, 5);
  b = suite_batch(fx->s);
  ml_batch_comment(b, &(ml_row_comment){.n = 1, .no = 5, .text = ML_STR("x")});
  assert_rc(suite_commit(fx->s, b), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 0), ML_EXISTS);
  ml_batch_free(b);
}

static void mail_waits_in_order(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);
  Q q = {.n = 1};
  ml_row_mail *m;

  for (uint32_t i = 3; i >= 1; i--)
    ml_batch_mail(b, &(ml_row_mail){.n = 1, .no = i, .at_ms = i,
                                    .name = ML_STR("paid"),
                                    .data = ML_STR("{}")});
  assert_rc(done(fx, b), ML_OK);
  b = suite_batch(fx->s);
  ml_batch_mail_drop(b, 1, 1);
  assert_rc(done(fx, b), ML_OK);
  assert_rc(ask(fx, r_mail, &q), ML_OK);
  m = q.out;
  assert_int_equal(q.count, 2);
  assert_int_equal(m[0].no, 2);
  assert_int_equal(m[1].no, 3);
  assert_str(m[0].name, "paid");
}

static void keys_are_taken_once_and_expire(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);
  ml_row_key k = {.body = {7}, .status = 201, .answer = ML_STR("{}")};
  Q q = {.in = k.key};

  for (uint8_t i = 0; i < 10; i++) {
    memset(k.key, i, sizeof k.key);
    k.age_ms = 100 + i;
    ml_batch_unit(b);
    ml_batch_key(b, &k);
  }
  assert_rc(done(fx, b), ML_OK);
  assert_rc(ask(fx, r_key, &q), ML_OK);
  assert_memory_equal(q.u.key.key, k.key, 16);
  assert_memory_equal(q.u.key.body, k.body, 16);
  assert_int_equal(q.u.key.age_ms, 109);
  assert_int_equal(q.u.key.status, 201);
  assert_str(q.u.key.answer, "{}");
  b = suite_batch(fx->s);
  ml_batch_key(b, &k);
  assert_rc(suite_commit(fx->s, b), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 0), ML_EXISTS);
  ml_batch_free(b);
  b = suite_batch(fx->s);
  ml_batch_keys_expire(b, 105, 100);
  assert_rc(done(fx, b), ML_OK);
  for (uint8_t i = 0; i < 10; i++) {
    memset(k.key, i, sizeof k.key);
    assert_rc(ask(fx, r_key, &q), i < 5 ? ML_NOT_FOUND : ML_OK);
  }
}

/* ---- small tables ---- */

static void bundles_and_workflows(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);
  Q q = {.act = 2};
  ml_row_bundle *bs;
  ml_row_workflow *ws;

  for (uint32_t i = 1; i <= 2; i++)
    ml_batch_bundle(b, &(ml_row_bundle){
      .no = i, .hash = {(uint8_t)i, 5}, .folder = ML_STR("order-delivery"),
      .sources = {"\0\1", 2}, .tree = ML_STR("{}"), .at_ms = i});
  ml_batch_workflow(b, &(ml_row_workflow){1, ML_STR("a"), 2, 3});
  ml_batch_workflow(b, &(ml_row_workflow){2, ML_STR("b"), 0, 0});
  ml_batch_workflow(b, &(ml_row_workflow){1, ML_STR("a"), 1, 4});
  ml_batch_unit(b);
  ml_batch_workflow(b, &(ml_row_workflow){3, ML_STR("b"), 1, 4});
  assert_rc(suite_commit(fx->s, b), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 0), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 1), ML_EXISTS);
  ml_batch_free(b);
  assert_rc(ask(fx, r_bundle, &q), ML_OK);
  assert_int_equal(q.u.bundle.hash[0], 2);
  assert_int_equal(q.u.bundle.sources.n, 2);
  assert_str(q.u.bundle.tree, "{}");
  assert_rc(ask(fx, r_bundles, &q), ML_OK);
  bs = q.out;
  assert_int_equal(q.count, 2);
  assert_str(bs[1].folder, "order-delivery");
  assert_none(bs[1].sources);
  assert_rc(ask(fx, r_workflows, &q), ML_OK);
  ws = q.out;
  assert_int_equal(q.count, 2);
  assert_int_equal(ws[0].bundle, 1);
  assert_int_equal(ws[0].flow_index, 4);
  assert_str(ws[1].name, "b");
  assert_int_equal(ws[1].bundle, 0);
}

static void triggers_and_what_they_saw(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);
  ml_str w = ML_STR("w"), t = ML_STR("changed");
  Q q = {.text = {w, t, ML_STR("42/7")}};
  ml_row_trigger *ts;

  ml_batch_trigger(b, &(ml_row_trigger){w, t, ML_STR("{}"), 5, 0});
  ml_batch_trigger(b, &(ml_row_trigger){w, t, ML_STR("{1}"), 0, 9});
  ml_batch_trigger(b, &(ml_row_trigger){w, ML_STR("a"), ML_NOSTR, 1, 0});
  ml_batch_unit(b);
  ml_batch_occurrence(b, w, t, ML_STR("42/7"), 1, 17);
  ml_batch_unit(b);
  ml_batch_occurrence(b, w, t, ML_STR("42/7"), 1, 18);
  assert_rc(suite_commit(fx->s, b), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 1), ML_OK);
  assert_rc(ml_batch_unit_rc(b, 2), ML_EXISTS);
  ml_batch_free(b);
  assert_rc(ask(fx, r_triggers, &q), ML_OK);
  ts = q.out;
  assert_int_equal(q.count, 2);
  assert_str(ts[1].state, "{1}");
  assert_int_equal(ts[1].due_ms, 0);
  assert_int_equal(ts[1].removed_ms, 9);
  assert_rc(ask(fx, r_occurrence, &q), ML_OK);
  assert_int_equal(q.num[0], 17);
  q.text[2] = ML_STR("42/8");
  assert_rc(ask(fx, r_occurrence, &q), ML_NOT_FOUND);
}

static void lanes_members_users(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);
  Q q = {0};
  ml_row_user *us;
  ml_row_member *ms;

  ml_batch_lane(b, &(ml_row_lane){1, ML_STR("w"), ML_STR("licensing")});
  ml_batch_lane(b, &(ml_row_lane){2, ML_STR("w"), ML_STR("mailing")});
  ml_batch_member(b, &(ml_row_member){1, ML_STR("aiko")}, true);
  ml_batch_member(b, &(ml_row_member){1, ML_STR("aiko")}, true);
  ml_batch_member(b, &(ml_row_member){1, ML_STR("ben")}, true);
  ml_batch_member(b, &(ml_row_member){2, ML_STR("ben")}, true);
  ml_batch_member(b, &(ml_row_member){1, ML_STR("ben")}, false);
  ml_batch_member(b, &(ml_row_member){9, ML_STR("nobody")}, false);
  ml_batch_user(b, &(ml_row_user){ML_STR("aiko"), ML_STR("Aiko"), ML_NOSTR, 1,
                                  ML_STR("east")});
  ml_batch_user(b, &(ml_row_user){ML_STR("aiko"), ML_STR("A."), ML_STR("a@b"),
                                  0, ML_STR("west")});
  assert_rc(done(fx, b), ML_OK);
  assert_rc(ask(fx, r_lanes, &q), ML_OK);
  assert_int_equal(q.count, 2);
  assert_str(((ml_row_lane *)q.out)[1].lane, "mailing");
  assert_rc(ask(fx, r_members, &q), ML_OK);
  ms = q.out;
  assert_int_equal(q.count, 2);
  assert_str(ms[0].user, "aiko");
  assert_int_equal(ms[1].lane, 2);
  assert_rc(ask(fx, r_users, &q), ML_OK);
  us = q.out;
  assert_int_equal(q.count, 1);
  assert_str(us[0].name, "A.");
  assert_str(us[0].email, "a@b");
  assert_false(us[0].active);
}

static void tokens_and_settings(void **state) {
  Fx *fx = *state;
  ml_batch *b = suite_batch(fx->s);
  Q q = {0};
  ml_row_token *ts;
  ml_row_setting *ss;

  ml_batch_token(b, &(ml_row_token){.id = ML_STR("t1"), .hash = {1},
                                    .user = ML_STR("aiko"),
                                    .scopes = ML_STR("read operate"),
                                    .created_ms = 1, .expires_ms = 2});
  ml_batch_token(b, &(ml_row_token){.id = ML_STR("t2"), .hash = {2},
                                    .scopes = ML_STR("admin")});
  ml_batch_token(b, &(ml_row_token){.id = ML_STR("t3"), .scopes = ML_STR("")});
  ml_batch_token_drop(b, ML_STR("t3"));
  ml_batch_setting(b, &(ml_row_setting){ML_STR("v"), ML_STR("k"), ML_STR("1"),
                                        false});
  ml_batch_setting(b, &(ml_row_setting){ML_STR("w"), ML_STR("k"), ML_STR("1"),
                                        false});
  ml_batch_setting(b, &(ml_row_setting){ML_STR("w"), ML_STR("k"),
                                        {"\0sealed", 7}, true});
  ml_batch_setting(b, &(ml_row_setting){ML_STR("w"), ML_STR("l"), ML_STR("1"),
                                        false});
  ml_batch_setting(b, &(ml_row_setting){ML_STR("w"), ML_STR("l"), ML_NOSTR,
                                        false});
  assert_rc(done(fx, b), ML_OK);
  assert_rc(ask(fx, r_tokens, &q), ML_OK);
  ts = q.out;
  assert_int_equal(q.count, 2);
  assert_str(ts[0].user, "aiko");
  assert_int_equal(ts[0].expires_ms, 2);
  assert_int_equal(ts[1].hash[0], 2);
  assert_none(ts[1].user);
  assert_str(ts[1].scopes, "admin");
  assert_rc(ask(fx, r_settings, &q), ML_OK);
  assert_int_equal(q.count, 2);
  q.text[0] = ML_STR("w");
  assert_rc(ask(fx, r_settings, &q), ML_OK);
  ss = q.out;
  assert_int_equal(q.count, 1);
  assert_true(ss[0].secret);
  assert_int_equal(ss[0].value.n, 7);
}

suite_part store_suite_rows(void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_empty_store),
    cmocka_unit_test(a_process_comes_back_as_it_was_put),
    cmocka_unit_test(none_and_empty_stay_apart),
    cmocka_unit_test(a_number_is_taken_once),
    cmocka_unit_test(an_old_seq_is_stale),
    cmocka_unit_test(every_column_can_change),
    cmocka_unit_test(history_is_read_from_any_record),
    cmocka_unit_test(history_ends_at_its_limit),
    cmocka_unit_test(long_history_in_one_commit),
    cmocka_unit_test(a_record_is_written_once),
    cmocka_unit_test(journal_in_the_order_it_was_made),
    cmocka_unit_test(comments_by_number),
    cmocka_unit_test(mail_waits_in_order),
    cmocka_unit_test(keys_are_taken_once_and_expire),
    cmocka_unit_test(bundles_and_workflows),
    cmocka_unit_test(triggers_and_what_they_saw),
    cmocka_unit_test(lanes_members_users),
    cmocka_unit_test(tokens_and_settings),
  };

  return (suite_part){tests, LEN(tests)};
}
