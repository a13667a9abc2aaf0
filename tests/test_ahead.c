/*
** test_ahead.c - steps that a worker runs one behind the other: what comes of
** them is what comes of a step a commit, and what was guessed wrong is asked.
*/
/* the kit has more than is needed here */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "run_kit.h"

#define HEAD "local ml = require 'moonlane'\nlocal U = 'https://api.example'\n"

/* Each step sees what the one before left; `skip` when x says so. */
static const char steps[] = HEAD
  "local function step(n, more, outcomes)\n"
  "  return ml.activity { 's' .. n, outcomes = outcomes, run = function(ctx)\n"
  "    local d = ctx.data\n"
  "    ctx:log('step ' .. n .. ' sees ' .. tostring(d.trail))\n"
  "    d.trail = (d.trail or '') .. n .. ctx.process.activity .. ctx.key:sub(-2)\n"
  "    return more and more(ctx)\n"
  "  end }\n"
  "end\n"
  "return ml.workflow { 'steps',\n"
  "  fields = { { 'x', 'string' }, { 'trail', 'string' }, { 'd', 'decimal' },\n"
  "    { 'n', 'integer' }, { 'gone', 'string' }, { 'random', 'number' } },\n"
  "  phases = {\n"
  "    { 'one', step(1, function(ctx) ctx.data.gone = nil; ctx.data.n = 7 end) },\n"
  "    { 'two', step(2, function(ctx) ctx.data.random = math.random() end) },\n"
  "    { 'three', step(3, function(ctx)\n"
  "        if ctx.data.x == 'skip' then return 'skip' end\n"
  "        if ctx.data.x == 'decimal' then ctx.data.d = '007.50' end\n"
  "        if ctx.data.x == 'subject' then ctx:subject 'S' end\n"
  "        if ctx.data.x == 'break' then error 'on purpose' end\n"
  "      end, { 'skip' }), next = { skip = 'five' } },\n"
  "    { 'four', step(4, function(ctx)\n"
  "        local n = 0\n"
  "        for k, v in pairs(ctx.data) do n = n + 1 end\n"
  "        ctx.data.trail = ctx.data.trail .. tostring(ctx.data.gone) .. n\n"
  "          .. tostring(ctx.data.d) .. tostring(ctx.process.subject)\n"
  "      end) },\n"
  "    { 'five', step(5), next = ml.finish } } }\n";

/* What a process came to: its data and its whole history, as text. */
static const char *story(int64_t n) {
  kit_look l = kit_see(n);
  ml_buf b = {0};
  const char *text;

  assert_int_equal(l.rc, ML_OK);
  ml_buf_printf(&b, "%s %s %.*s\n", ml_status_name(l.row.status),
                ml_runs_name(l.row.run), (int)l.row.data.n, l.row.data.p);
  for (size_t i = 0; i < l.history_count; i++) {
    const ml_row_history *h = &l.history[i];
    ml_str parts[] = {h->name, h->who, h->text, h->data};

    ml_buf_printf(&b, "%llu %s %u", (unsigned long long)h->seq,
                  ml_told_name(h->told), h->no);
    for (size_t k = 0; k < 4; k++)
      ml_buf_printf(&b, " [%.*s]", (int)parts[k].n,
                    parts[k].p != NULL ? parts[k].p : "");
    ml_buf_putc(&b, '\n');
  }
  assert_false(b.bad);
  ml_buf_putc(&b, '\0');
  text = ml_arena_dup(&kit.arena, b.p, b.len);
  ml_buf_free(&b);
  return text;
}

/* The end of one start of `steps`, and how many slices it took. */
static const char *told_of(bool step_commits, const char *data,
                           uint64_t *slices, uint64_t *batches) {
  ml_run_stats before, after;
  const char *text;
  int64_t n;

  kit.step_commits = step_commits;
  kit_begin();
  kit_flow("steps", steps);
  ml_run_stats_get(kit.run, &before);
  n = kit_start("steps", data);
  ml_run_stats_get(kit.run, &after);
  *slices = after.slices - before.slices;
  *batches = after.batches - before.batches;
  text = story(n);
  kit_crash();
  return text;
}

static void same(const char *data, uint64_t asked, uint64_t alone) {
  uint64_t s, b, s1, b1;
  const char *by_step, *ahead;

  ml_rand_seed(&kit.rand, 3);
  by_step = told_of(true, data, &s1, &b1);
  ml_rand_seed(&kit.rand, 3);
  ahead = told_of(false, data, &s, &b);
  assert_string_equal(ahead, by_step);
  assert_int_equal(s1, alone);
  assert_int_equal(b1, alone + 1);
  assert_int_equal(s, asked);
  assert_true(b < b1);
  kit_begin();                   /* for the teardown */
}

static void a_chain_is_one_question(void **state) {
  (void)state;
  kit.memory = true;
  same("{\"x\":\"a \\\"word\\\"\",\"gone\":\"g\"}", 1, 5);
}

static void another_outcome_ends_it(void **state) {
  (void)state;
  kit.memory = true;
  same("{\"x\":\"skip\"}", 2, 4);
}

static void a_subject_ends_it(void **state) {
  (void)state;
  kit.memory = true;
  same("{\"x\":\"subject\"}", 2, 5);
}

/* A value that the engine writes otherwise is seen as it was written. */
static void a_canonical_value_is_seen(void **state) {
  (void)state;
  kit.memory = true;
  same("{\"x\":\"decimal\"}", 2, 5);
}

static void an_error_is_its_step_s(void **state) {
  (void)state;
  kit.memory = true;
  same("{\"x\":\"break\"}", 1, 3);
}

static void an_edit_in_between_is_seen(void **state) {
  kit_came a, b;
  ml_run_stats s;
  const char *text;
  ml_input *in;

  (void)state;
  kit.memory = true;
  kit_begin();
  kit_flow("steps", steps);
  ml_run_put(kit.run, kit_start_input("steps", "{\"x\":\"a\"}", &a));
  in = kit_input(ML_EV_EDITED, 1, "{\"trail\":\"edited\"}", &b);
  ml_run_put(kit.run, in);       /* while the first step is being run */
  kit_settle();
  assert_int_equal(b.rc, ML_OK);
  ml_run_stats_get(kit.run, &s);
  text = story(1);
  if (strstr(text, "[step 1 sees nil]") == NULL ||
      strstr(text, "[step 2 sees 1s1-2]") == NULL)
    fail_msg("%s", text);
  kit_is(1, ML_COMPLETED, ML_RUN_COMPLETED);
}

/* The third step calls: the two before it are on disk when it leaves. */
static const char calling[] = HEAD
  "return ml.workflow { 'calling', hosts = { 'api.example' },\n"
  "  fields = { { 'a', 'string' }, { 'b', 'string' }, { 'got', 'json' } },\n"
  "  phases = {\n"
  "    { 'one', ml.activity { 'one', run = function(ctx) ctx.data.a = 'A' end } },\n"
  "    { 'two', ml.activity { 'two', run = function(ctx) ctx.data.b = ctx.data.a .. "
    "'B' end } },\n"
  "    { 'three', ml.activity { 'three', run = function(ctx)\n"
  "        local r = ctx.http.post(U .. '/x', { json = { b = ctx.data.b } })\n"
  "        ctx.data.got = { r.json.v, ctx.data.b, ctx.process.activity }\n"
  "      end } },\n"
  "    { 'four', ml.activity { 'four', run = function(ctx) ctx.data.a = 'Z' end },\n"
  "      next = ml.finish } } }\n";

static void is_stored(const kit_call *c) {
  kit_look l = kit_see(1);

  (void)c;
  assert_int_equal(l.rc, ML_OK);
  assert_int_equal(kit_told(&l, ML_TOLD_SUCCEEDED, NULL), 2);
  assert_int_equal(kit_told(&l, ML_TOLD_CALLED, NULL), 1);
}

static void a_call_in_a_chain_leaves_after_its_commit(void **state) {
  (void)state;
  kit_begin();
  kit_flow("calling", calling);
  kit.on_send = is_stored;
  kit_start("calling", "{}");
  assert_int_equal(kit.call_count, 1);
  assert_string_equal(kit.calls[0].body, "{\"b\":\"AB\"}");
  kit_crash();                   /* and what it saw is there again */
  kit.on_send = NULL;
  kit_begin();
  kit.answer = "200 {\"v\":5}";
  kit_settle();
  kit_is(1, ML_COMPLETED, ML_RUN_COMPLETED);
  kit_data(1, "{\"a\":\"Z\",\"b\":\"AB\",\"got\":[5,\"AB\",\"three\"]}");
}

#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
    T(a_chain_is_one_question), T(another_outcome_ends_it),
    T(a_subject_ends_it), T(a_canonical_value_is_seen),
    T(an_error_is_its_step_s), T(an_edit_in_between_is_seen),
    T(a_call_in_a_chain_leaves_after_its_commit),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
