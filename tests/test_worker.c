/* test_worker.c - a worker in this process: every kind of question, the calls
** of ctx, and what replays from a journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "run/library.h"
#include "script/frame.h"
#include "script/host.h"
#include "script/tick.h"
#include "script/worker.h"
#include "script/worker_inside.h"

/* ---- a bench: sources, a journal, a question ---- */

enum { SOURCES = 24, ENTRIES = 64 };

typedef struct bench {
  ml_worker *w;
  ml_arena arena;              /* of the last answer, and what tests keep */
  ml_source src[SOURCES];
  size_t src_n;
  ml_entry journal[ENTRIES];
  size_t journal_n;
  ml_ask q;
  ml_answer r;
  ml_buf out;
} bench;

static char *kept(char *p) {
  assert_non_null(p);
  return p;
}

#define keep(b, ...) kept(ml_arena_printf(&(b)->arena, __VA_ARGS__))

static void add(bench *b, const char *name, const char *text) {
  size_t i;

  for (i = 0; i < b->src_n; i++)
    if (ml_str_is(b->src[i].name, name)) {
      b->src[i].text = ml_str_of(text);
      return;
    }
  assert_true(b->src_n < SOURCES);
  b->src[b->src_n++] = (ml_source){ml_str_of(name), ml_str_of(text)};
}

/* The sources begin again with the library, or with nothing. */
static void stock(bench *b, bool library) {
  size_t i;

  b->src_n = 0;
  for (i = 0; library && i < ml_library_count; i++)
    b->src[b->src_n++] = ml_library[i];
}

static int setup(void **state) {
  bench *b = calloc(1, sizeof *b);

  if (b == NULL || ml_worker_new(&(ml_worker_conf){.counting = true}, &b->w) !=
                       ML_OK)
    return -1;
  stock(b, true);
  *state = b;
  return 0;
}

static int teardown(void **state) {
  bench *b = *state;

  ml_worker_free(b->w);
  ml_buf_free(&b->out);
  ml_arena_free(&b->arena);
  free(b);
  return 0;
}

/* Pack q, hand it over, unpack the answer. */
static ml_end ask(bench *b) {
  ml_buf frame = {0};
  ml_str record;
  int kind;

  b->q.sources = b->src;
  b->q.source_count = b->src_n;
  b->q.journal = b->journal;
  b->q.journal_count = b->journal_n;
  b->q.id++;
  ml_ask_pack(&frame, &b->q);
  assert_false(frame.bad);
  ml_buf_reset(&b->out);
  assert_int_equal(ml_worker_handle(b->w, (ml_str){frame.p, frame.len},
                                    &b->out), ML_OK);
  ml_buf_free(&frame);
  assert_int_equal(ml_frame_next(b->out.p, b->out.len, &kind, &record),
                   (int64_t)b->out.len);
  assert_int_equal(kind, ML_ANSWER_DONE);
  assert_int_equal(ml_answer_unpack(&b->arena, record, &b->r), ML_OK);
  assert_int_equal(b->r.id, b->q.id);
  return b->r.end;
}

static const char *text(bench *b, ml_str s) {
  return s.p != NULL ? keep(b, "%.*s", (int)s.n, s.p) : "(none)";
}

#define is(b, s, want) assert_string_equal(text(b, s), want)
#define holds(b, s, part)                                                   \
  do {                                                                      \
    if (strstr(text(b, s), part) == NULL)                                   \
      fail_msg("\"%s\" is not in \"%s\"", part, text(b, s));                \
  } while (0)

/* What failed is easier to see with its sentence. */
#define ends(b, e)                                                          \
  do {                                                                      \
    ml_end end_ = ask(b);                                                   \
    if (end_ != (e))                                                        \
      fail_msg("end %d, wanted %d: %s at %s\n%s", end_, e,                  \
               text(b, (b)->r.text), text(b, (b)->r.at),                    \
               text(b, (b)->r.traceback));                                  \
  } while (0)

#define FLOW_HEAD                                                           \
  "local ml = require 'moonlane'\n"                                         \
  "local function run(ctx)\n"
#define FLOW_TAIL                                                           \
  "\nend\n"                                                                 \
  "return ml.workflow { 'w', lanes = { system = 'System' },\n"              \
  " fields = { { 'q_name', 'string' }, { 'q_need', 'string', required = "   \
  "true }, { 'q_n', 'integer' }, { 'q_on', 'boolean' },\n"                  \
  "  { 'q_at', 'datetime' }, { 'q_pick', 'select', of = { { 'a', en = 'A' " \
  "}, { 'b', en = 'B' } } },\n"                                             \
  "  { 'q_many', 'multi', of = { { 'a' }, { 'b' } } }, { 'q_any', 'json' "  \
  "}, { 'q_num', 'number' }, { 'q_dec', 'decimal' } },\n"                   \
  " phases = { { 'one', ml.activity { 'act', lane = 'system', run = run, "  \
  "is_complete = run, undo = run } } } }\n"

/* The question: run `body` as the activity's function. */
static void body(bench *b, const char *lua) {
  add(b, "workflow.lua", keep(b, "%s%s%s", FLOW_HEAD, lua, FLOW_TAIL));
  b->q.kind = ML_ASK_ATTEMPT;
  b->q.path = ML_STR("1.1");
  b->q.mode = ML_STR("run");
  b->q.key = ML_STR("act-1");
  b->q.now_ms = 1700000000000;
}

static void did(bench *b, const char *call, ml_callk kind, const char *answer) {
  b->journal[b->journal_n++] = (ml_entry){.call = ml_str_of(keep(b, "%s", call)),
    .kind = kind, .answer = ml_str_of(keep(b, "%s", answer))};
}

/* Put what the last answer wanted into the journal, with this answer. */
static void reply(bench *b, const char *answer) {
  ml_entry *e = &b->journal[b->journal_n++];

  assert_int_equal(b->r.end, ML_END_WANT);
  *e = (ml_entry){.call = ml_str_of(keep(b, "%s", text(b, b->r.want_call))),
                  .kind = b->r.want_kind, .answer = ml_str_of(answer)};
  memcpy(e->hash, b->r.want_hash, sizeof e->hash);
}

/* The journal grows by what the script made itself. */
static void adopt(bench *b) {
  size_t i;

  for (i = 0; i < b->r.entry_count; i++)
    did(b, text(b, b->r.entries[i].call), b->r.entries[i].kind,
        text(b, b->r.entries[i].answer));
}

#define BENCH bench *b = *state

/* ---- ends ---- */

static void outcome_none_and_text(void **state) {
  BENCH;
  body(b, "for i = 1, 2000 do end");
  ends(b, ML_END_RETURNED);
  assert_null(b->r.text.p);
  assert_true(b->r.units > 0);
  body(b, "return 'skip'");
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "skip");
}

static void a_wrong_outcome_breaks(void **state) {
  BENCH;
  body(b, "return 42");
  ends(b, ML_END_BROKE);
  holds(b, b->r.text, "the number 42");
}

static void an_error_has_place_and_traceback(void **state) {
  BENCH;
  add(b, "activities/x.lua", "local M = {}\nfunction M.go()\n"
                             "  error 'no such thing'\nend\nreturn M\n");
  body(b, "require('activities.x').go()");
  ends(b, ML_END_BROKE);
  is(b, b->r.text, "no such thing");
  is(b, b->r.at, "activities/x.lua:3");
  holds(b, b->r.traceback, "workflow.lua:3");
}

static void a_syntax_error_names_its_file(void **state) {
  BENCH;
  add(b, "activities/x.lua", "return 1\n = 2");
  body(b, "require 'activities.x'");
  ends(b, ML_END_BROKE);
  is(b, b->r.at, "activities/x.lua:2");
}

static void a_broken_workflow_says_where(void **state) {
  BENCH;
  body(b, "end local function f()");
  add(b, "workflow.lua", "local x = nil\nreturn x.y");
  ends(b, ML_END_BROKE);
  is(b, b->r.at, "workflow.lua:2");
}

static void fail_is_not_caught(void **state) {
  BENCH;
  body(b, "ctx.data.q_name = 'x'\n"
          "pcall(function() ctx:fail 'over the limit' end)\nreturn 'no'");
  ends(b, ML_END_FAILED);
  is(b, b->r.text, "over the limit");
  is(b, b->r.at, "workflow.lua:4");
  is(b, b->r.data, "{\"q_name\":\"x\"}");    /* held back and kept */
}

static void fail_works_where_no_wait_can(void **state) {
  BENCH;
  body(b, "local co = coroutine.wrap(function() table.sort({ 3, 1, 2 }, "
          "function() pcall(ctx.fail, ctx, 'inside') return false end) end)\n"
          "xpcall(co, function() end)\nreturn 'no'");
  ends(b, ML_END_FAILED);
  is(b, b->r.text, "inside");
}

static void retry_is_not_caught(void **state) {
  BENCH;
  body(b, "ctx.data.q_name = 'x'\npcall(ctx.retry, ctx, 'not yet', '5m')");
  ends(b, ML_END_RETRY);
  is(b, b->r.text, "not yet");
  assert_int_equal(b->r.after_ms, 300000);
  assert_null(b->r.data.p);                  /* dropped */
  body(b, "ctx:retry 'later'");
  ends(b, ML_END_RETRY);
  assert_int_equal(b->r.after_ms, -1);
}

static void loops_and_memory_end(void **state) {
  BENCH;
  body(b, "while true do pcall(function() while true do end end) end");
  b->q.limits = &(ml_bounds){.v = {[ML_BOUND_UNITS] = 200000}};
  ends(b, ML_END_CPU);
  uint64_t first = b->r.units;
  ends(b, ML_END_CPU);
  assert_int_equal(b->r.units, first);       /* the same each time */
  holds(b, b->r.text, "200000 units");
  b->q.limits = NULL;
  body(b, "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end");
  ends(b, ML_END_MEMORY);
  body(b, "return 'fine'");
  ends(b, ML_END_RETURNED);
}

/* ---- ctx.data ---- */

static void data_reads_its_own_writes(void **state) {
  BENCH;
  body(b, "assert(ctx.data.q_name == 'old' and ctx.data.q_n == 7)\n"
          "ctx.data.q_name = 'new'\nctx.data.q_n = nil\n"
          "assert(ctx.data.q_name == 'new' and ctx.data.q_n == nil)\n"
          "ctx.data.q_on = false assert(ctx.data.q_on == false)\n"
          "local seen = {} for k in pairs(ctx.data) do seen[#seen + 1] = k "
          "end\nreturn table.concat(seen, ' ')");
  b->q.data = ML_STR("{\"q_name\":\"old\",\"q_n\":7}");
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "q_name q_on");
  is(b, b->r.data, "{\"q_name\":\"new\",\"q_n\":null,\"q_on\":false}");
  assert_null(b->r.cleared.p);
}

static void the_snapshot_in_the_journal_is_passed_over(void **state) {
  BENCH;
  body(b, "ctx:now() return ctx.data.q_name");
  b->q.data = ML_STR("{\"q_name\":\"then\"}");   /* the core took it from there */
  did(b, "data.1", ML_CALL_DATA, "{\"data\":{},\"process\":{}}");
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "then");
  assert_int_equal(b->r.entry_count, 1);
}

static void data_refuses(void **state) {
  static const char *const rows[][2] = {
    {"ctx.data.q_nmae = 1", "there is no field 'q_nmae'"},
    {"return ctx.data.q_nmae", "there is no field 'q_nmae'"},
    {"ctx.data.q_name = 1", "field 'q_name': a text is wanted, not the number 1"},
    {"ctx.data.q_name = ctx", "a text is wanted, not a table"},
    {"ctx.data.q_n = 1.5", "an integer is wanted"},
    {"ctx.data.q_n = '1'", "an integer is wanted"},
    {"ctx.data.q_on = 1", "true or false is wanted"},
    {"ctx.data.q_pick = 'c'", "'c' is none of its choices"},
    {"ctx.data.q_many = { 'a', 'z' }", "'z' is none of its choices"},
    {"ctx.data.q_at = 'tomorrow'", "field 'q_at'"},
    {"ctx.data.q_any = print", "field 'q_any'"},
    {"ctx.data.q_any = setmetatable({}, {})", "metatable"},
    {"ctx.data.q_need = nil", "field 'q_need' is required; ctx.data:clear"},
    {"ctx.data.q_need = ''", "is required"},
    {"ctx.data.q_name = ctx.settings.token", "a secret cannot be stored"},
    {"ctx.key = 'x'", "ctx.key cannot be written"},
    {"ctx.settings.url = 1", "ctx.settings.url cannot be written"},
    {"return ctx.nothing", "there is no ctx.nothing"},
    {"ctx.subject('x')", "ctx:subject(...), with a colon"},
    {"ctx:state(5)", "the state must be a text"},
    {"ctx:comment('x', { visibility = 'all' })", "visibility is"},
    {"ctx:sleep 'soon'", "ctx:sleep"},
    {"return ctx:sleep 'soon'", "ctx:sleep"},          /* a tail call */
    {"return ctx.http.get 'soon'", "must begin with"},
    {"ctx:ask { 'x', lone = 1 }", "there is no 'lone'"},
    {"ctx:sleep(-1)", "ctx:sleep must be a duration"},
    {"ctx:random(5, 1)", "ctx:random(m, n)"},
    {"ctx.http.get('ftp://x')", "must begin with http:// or https://"},
    {"ctx.http.get('http://x/a b')", "hold no blanks"},
    {"ctx.http.get('http://u@x/')", "must begin with http"},
    {"ctx.http.get('http://x', { jsno = 1 })", "there is no 'jsno'"},
    {"ctx.http.get('http://x', { headers = { ['a b'] = 'c' } })",
     "is not a header name"},
    {"ctx.http.get('http://x', { headers = { a = 'b\\nc' } })",
     "holds a line break"},
    {"ctx.http.put('http://x', { json = {}, body = '' })",
     "give one of json, form and body"},
    {"ctx.http:get('http://x')", "with a dot"},
    {"ctx.http.get('http://x', { accept = 'all' })", "accept must be a list"},
    {"ctx.http.put('http://x', { json = { f = print } })",
     "json.f: a function"},
  };
  BENCH;
  size_t i;

  b->q.settings = ML_STR("{\"token\":{\"$secret\":\"token\"},\"url\":\"u\"}");
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    body(b, rows[i][0]);
    ends(b, ML_END_BROKE);
    holds(b, b->r.text, rows[i][1]);
    is(b, b->r.at, "workflow.lua:3");
  }
}

static void data_takes(void **state) {
  BENCH;
  body(b, "local d = ctx.data\nd.q_n = 3.0 d.q_at = "
          "'2026-03-01T00:00:00Z' assert(d.q_at == 1772323200000)\n"
          "d.q_pick = 'a' d.q_many = ml.array {} d.q_any = { x = { 1, 2 }, "
          "y = ml.null }\nd.q_dec = '1.50' d.q_num = 1\n"
          "d:clear 'q_need' assert(d.q_need == nil)");
  b->q.data = ML_STR("{\"q_need\":\"x\"}");
  ends(b, ML_END_RETURNED);
  is(b, b->r.data,
     "{\"q_n\":3,\"q_at\":1772323200000,\"q_pick\":\"a\",\"q_many\":[],"
     "\"q_any\":{\"x\":[1,2],\"y\":null},\"q_dec\":\"1.50\",\"q_num\":1,"
     "\"q_need\":null}");
  is(b, b->r.cleared, "[\"q_need\"]");
}

static void the_rest_is_held_back(void **state) {
  BENCH;
  body(b, "ctx:subject 'S' ctx:state 'Converted' ctx:assign(nil)\n"
          "ctx:comment('hi', { visibility = 'shared' }) ctx:comment 'ho'\n"
          "ctx:log('a', 1, nil) print 'b'\nreturn ctx.process.id .. ctx.key");
  b->q.process = ML_STR("{\"id\":\"p-1\"}");
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "p-1act-1");
  is(b, b->r.subject, "S");
  is(b, b->r.state, "Converted");
  is(b, b->r.assign, "");
  assert_int_equal(b->r.comment_count, 2);
  is(b, b->r.comments[0].visibility, "shared");
  assert_null(b->r.comments[1].visibility.p);
  assert_int_equal(b->r.log_count, 2);
  is(b, b->r.logs[0].text, "a\t1\tnil");
  is(b, b->r.logs[1].text, "b");
  assert_int_equal(b->r.logs[1].seq, 2);
}

static void nothing_is_held_in_a_want(void **state) {
  BENCH;
  body(b, "ctx.data.q_name = 'x' ctx:subject 'S' ctx:log 'line' ctx:sleep '1s'");
  ends(b, ML_END_WANT);
  assert_null(b->r.data.p);
  assert_null(b->r.subject.p);
  assert_int_equal(b->r.log_count, 1);
}

static void log_has_limits(void **state) {
  BENCH;
  body(b, "for i = 1, 1500 do ctx:log(i) end");
  ends(b, ML_END_RETURNED);
  assert_int_equal(b->r.log_count, ML_LOG_LINES_MAX);
  holds(b, b->r.logs[ML_LOG_LINES_MAX - 1].text, "more lines");
  body(b, "ctx:log(('x'):rep(5000)) ctx:log '\\xff\\0z'");
  ends(b, ML_END_RETURNED);
  assert_int_equal(b->r.logs[0].text.n, ML_LOG_LINE_MAX);
  is(b, b->r.logs[1].text, "\?\?z");
}

/* ---- durable calls ---- */

static void http_wants_and_replays(void **state) {
  BENCH;
  body(b, "local a = ctx.http.put('https://k.example/v1', { query = { id = 1, "
          "z = 'ä b' }, json = { b = 1, a = 'x' }, headers = { ['X-A'] = 'y' "
          "}, timeout = '5s' })\n"
          "assert(a.status == 200 and a.headers['content-type'] == 'text')\n"
          "assert(a.json.ok == true and a.json == a.json)\n"
          "ctx.http.get('https://k.example/2', { raw = true, keep = true, "
          "name = 'again', accept = { 520 } })\nreturn a.body");
  ends(b, ML_END_WANT);
  is(b, b->r.want_call, "put.1");
  assert_int_equal(b->r.want_kind, ML_CALL_PUT);
  is(b, b->r.want,
     "{\"body\":\"{\\\"a\\\":\\\"x\\\",\\\"b\\\":1}\",\"headers\":"
     "[[\"X-A\",\"y\"],[\"Content-Type\",\"application/json\"]],\"method\":"
     "\"PUT\",\"timeout_ms\":5000,\"url\":"
     "\"https://k.example/v1?id=1&z=%C3%A4%20b\"}");
  reply(b, "{\"status\":200,\"headers\":[[\"Content-Type\",\"text\"]],"
           "\"body\":\"{\\\"ok\\\":true}\"}");
  ends(b, ML_END_WANT);
  is(b, b->r.want_call, "get.again.1");
  holds(b, b->r.want, "\"raw\":true");
  holds(b, b->r.want, "\"keep\":true");
  holds(b, b->r.want, "\"accept\":[520]");
  reply(b, "{\"status\":503,\"headers\":{\"Retry-After\":\"7\"}}");
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "{\"ok\":true}");
  assert_int_equal(b->r.entry_count, 0);
}

static void another_request_is_a_mismatch(void **state) {
  BENCH;
  body(b, "pcall(ctx.http.post, 'https://k.example/' .. ctx.data.q_name, { "
          "json = { 1 } })\nreturn 'no'");
  b->q.data = ML_STR("{\"q_name\":\"one\"}");
  ends(b, ML_END_WANT);
  reply(b, "{\"status\":200}");
  ends(b, ML_END_RETURNED);
  b->q.data = ML_STR("{\"q_name\":\"two\"}");
  ends(b, ML_END_MISMATCH);
  holds(b, b->r.text, "journal-mismatch: post.1");
  holds(b, b->r.text, "POST https://k.example/two");
  memset(b->journal[0].hash, 0, sizeof b->journal[0].hash);
  ends(b, ML_END_RETURNED);                  /* zeros are not compared */
}

static void header_order_is_not_a_mismatch(void **state) {
  BENCH;
  uint8_t hash[16];

  body(b, "ctx.http.get('http://x/', { headers = { b = 1, A = 2 } })");
  ends(b, ML_END_WANT);
  memcpy(hash, b->r.want_hash, 16);
  body(b, "ctx.http.get('http://x/', { headers = { B = 1, a = 2 }, timeout = "
          "'9s' })");
  ends(b, ML_END_WANT);
  assert_memory_equal(hash, b->r.want_hash, 16);
  body(b, "ctx.http.get('http://x/', { headers = { B = 1, a = 3 } })");
  ends(b, ML_END_WANT);
  assert_memory_not_equal(hash, b->r.want_hash, 16);
}

static void secrets_go_as_handles(void **state) {
  BENCH;
  b->q.settings = ML_STR("{\"token\":{\"$secret\":\"token\"}}");
  body(b, "local s = ctx.settings.token\n"
          "assert(tostring(s) == '[secret token]')\n"
          "assert(tostring('Bearer ' .. s) == 'Bearer [secret token]')\n"
          "ctx:log(s)\n"
          "ctx.http.post('http://x/', { headers = { A = s, B = 'Bearer ' .. s "
          "}, query = { q = s }, json = { k = s, l = { s } }, auth = { 'u', s } "
          "})");
  ends(b, ML_END_WANT);
  is(b, b->r.logs[0].text, "[secret token]");
  holds(b, b->r.want, "[\"A\",\"\\u0001secret:token\\u0001\"]");
  holds(b, b->r.want, "[\"B\",\"Bearer \\u0001secret:token\\u0001\"]");
  holds(b, b->r.want, "http://x/?q=\\u0001secret:token\\u0001");
  holds(b, b->r.want, "{\\\"k\\\":\\\"\\u0001secret:token\\u0001\\\",\\\"l\\\":"
                      "[\\\"\\u0001secret:token\\u0001\\\"]}");
  holds(b, b->r.want, "\"auth\":[\"u\",\"\\u0001secret:token\\u0001\"]");
  body(b, "ctx.http.get('http://x/', { auth = { 'u', 'p' } })");
  ends(b, ML_END_WANT);
  holds(b, b->r.want, "Basic dTpw");
  body(b, "ctx.http.post('http://x/', { form = { a = { 1, 2 }, b = 'x&y' } })");
  ends(b, ML_END_WANT);
  holds(b, b->r.want, "\"body\":\"a=1&a=2&b=x%26y\"");
}

static void bad_json_in_an_answer_is_told_when_read(void **state) {
  BENCH;
  body(b, "local a = ctx.http.get 'http://x/'\nassert(a.status == 200)\n"
          "return a.json");
  ends(b, ML_END_WANT);
  reply(b, "{\"status\":200,\"body\":\"<html>\"}");
  ends(b, ML_END_BROKE);
  holds(b, b->r.text, "get.1: the answer is not JSON");
  is(b, b->r.at, "workflow.lua:5");
}

static void own_entries_are_made_and_replayed(void **state) {
  BENCH;
  char *first;

  body(b, "local n, u, r = ctx:now(), ctx:uuid(), ctx:random(1, 6)\n"
          "assert(n == 1700000000000 and #u == 36 and r >= 1 and r <= 6)\n"
          "local v = ctx:random() assert(v >= 0 and v < 1)\n"
          "ctx:sleep '2h'\nreturn u .. r .. v .. n");
  ends(b, ML_END_WANT);
  is(b, b->r.want_call, "sleep.1");
  is(b, b->r.want, "{\"ms\":7200000}");
  assert_int_equal(b->r.entry_count, 4);
  is(b, b->r.entries[0].call, "now.1");
  is(b, b->r.entries[0].answer, "1700000000000");
  is(b, b->r.entries[3].call, "random.2");
  adopt(b);
  reply(b, "null");
  b->q.now_ms += 7200000;
  ends(b, ML_END_RETURNED);
  assert_int_equal(b->r.entry_count, 0);
  first = keep(b, "%s", text(b, b->r.text));
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, first);
  b->q.key = ML_STR("act-2");                /* another activity, other values */
  b->journal_n = 0;
  b->q.now_ms -= 7200000;
  did(b, "sleep.1", ML_CALL_SLEEP, "null");
  ends(b, ML_END_RETURNED);
  assert_string_not_equal(text(b, b->r.text), first);
}

static void await_ask_call_start(void **state) {
  BENCH;
  body(b, "local s = ctx:await('paid', { within = '3d' })\n"
          "local t = ctx:ask { 'sign', lane = 'l', outcomes = { 'yes', { 'no', en "
          "= 'No', need = { 'q_n' } } } }\n"
          "local c = ctx:call('child', { x = 1 })\nlocal n = ctx:start 'other'\n"
          "local none = ctx:await 'x'\n"
          "return s.by .. t.outcome .. c.y .. n .. tostring(none)");
  ends(b, ML_END_WANT);
  is(b, b->r.want, "{\"signal\":\"paid\",\"within_ms\":259200000}");
  reply(b, "{\"by\":\"ann \"}");
  ends(b, ML_END_WANT);
  is(b, b->r.want, "{\"task\":{\"kind\":\"task\",\"label\":\"sign\",\"lane\":"
                   "\"l\",\"outcomes\":[{\"id\":\"yes\"},{\"id\":\"no\","
                   "\"label\":{\"en\":\"No\"},\"need\":[\"q_n\"]}]}}");
  reply(b, "{\"outcome\":\"yes \",\"data\":{}}");
  ends(b, ML_END_WANT);
  is(b, b->r.want, "{\"data\":{\"x\":1},\"workflow\":\"child\"}");
  reply(b, "{\"y\":2}");
  ends(b, ML_END_WANT);
  is(b, b->r.want_call, "start.1");
  reply(b, "\" p-2 \"");
  ends(b, ML_END_WANT);
  is(b, b->r.want_call, "await.2");
  reply(b, "null");
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "ann yes 2 p-2 nil");
}

static void a_wait_in_a_coroutine_is_an_error(void **state) {
  BENCH;
  body(b, "local ok, why = coroutine.resume(coroutine.create(function() "
          "ctx:sleep '1s' end))\nassert(not ok)\nreturn why");
  ends(b, ML_END_RETURNED);
  holds(b, b->r.text, "coroutine");
  body(b, "table.sort({ 2, 1 }, function() ctx:sleep '1s' end)");
  ends(b, ML_END_BROKE);
  holds(b, b->r.text, "table.sort");
  body(b, "pcall(function() ctx:sleep '1s' end) return 'after'");
  ends(b, ML_END_WANT);                      /* but pcall is no hindrance */
  reply(b, "null");
  ends(b, ML_END_RETURNED);
}

/* ---- steps ---- */

static void a_step_runs_once(void **state) {
  BENCH;
  body(b, "local v = ctx:step('total', function() ctx:log 'in' return { sum = "
          "3, list = ml.array {} } end)\nctx:log 'out'\nctx:sleep '1s'\n"
          "local w = ctx:step('total', function() return nil end)\n"
          "return v.sum .. tostring(w)");
  ends(b, ML_END_WANT);
  assert_int_equal(b->r.entry_count, 1);
  is(b, b->r.entries[0].call, "step.total.1");
  holds(b, b->r.entries[0].answer, "\"value\":{\"list\":[],\"sum\":3}");
  assert_int_equal(b->r.log_count, 2);
  adopt(b);
  reply(b, "null");
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "3nil");
  assert_int_equal(b->r.log_count, 1);       /* "out", with its old number */
  assert_int_equal(b->r.logs[0].seq, 2);
  assert_int_equal(b->r.entry_count, 1);
  is(b, b->r.entries[0].call, "step.total.2");
  is(b, b->r.entries[0].answer, "null");
}

static void a_step_refuses(void **state) {
  static const char *const rows[][2] = {
    {"ctx:step('a', function() return print end)", "what step 'a' returned"},
    {"ctx:step('a', function() ctx:step('b', function() end) end)",
     "inside ctx:step"},
    {"ctx:step('a', function() ctx:sleep '1s' end)", "inside ctx:step"},
    {"ctx:step('a', function() ctx:now() end)", "inside ctx:step"},
    {"ctx:step('a', function() ctx.data.q_n = 1 end)", "inside ctx:step"},
    {"ctx:step('a', function() ctx:comment 'x' end)", "inside ctx:step"},
    {"ctx:step('', function() end)", "the name of a call"},
    {"ctx:step('a')", "fn must be a function"},
    {"ctx:step('a', function() error 'oops' end)", "oops"},
  };
  BENCH;
  size_t i;

  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    body(b, rows[i][0]);
    ends(b, ML_END_BROKE);
    holds(b, b->r.text, rows[i][1]);
    assert_int_equal(b->r.entry_count, 0);
  }
  body(b, "pcall(ctx.step, ctx, 'a', function() error 'x' end)\n"
          "ctx:sleep '1s'");                 /* the step is over */
  ends(b, ML_END_WANT);
}

static void fail_in_a_step(void **state) {
  BENCH;
  body(b, "ctx:step('a', function() ctx:fail 'no' end)");
  ends(b, ML_END_FAILED);
  is(b, b->r.text, "no");
}

static void a_call_has_limits(void **state) {
  BENCH;
  body(b, "for i = 1, 3000 do ctx:now() end");
  ends(b, ML_END_BROKE);
  holds(b, b->r.text, "2000");
  body(b, "ctx:step('big', function() return ('x'):rep(1200000) end)");
  ends(b, ML_END_BROKE);
  holds(b, b->r.text, "step 'big'");
}

/* ---- other modes ---- */

static void is_complete_and_undo(void **state) {
  BENCH;
  body(b, "return ctx.http.get('http://x/').status == 200");
  b->q.mode = ML_STR("is_complete");
  ends(b, ML_END_WANT);
  reply(b, "{\"status\":404}");
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "false");
  body(b, "ctx.http.post('http://x/')");
  b->q.mode = ML_STR("is_complete");
  ends(b, ML_END_BROKE);
  holds(b, b->r.text, "ctx.http.post cannot be called in is_complete");
  body(b, "return 1");
  b->q.mode = ML_STR("is_complete");
  ends(b, ML_END_BROKE);
  holds(b, b->r.text, "true or false");
  body(b, "return nil");
  b->q.mode = ML_STR("undo");
  ends(b, ML_END_RETURNED);
  b->q.path = ML_STR("7.7");
  ends(b, ML_END_BROKE);
}

#define JUDGE_FLOW                                                          \
  "local ml = require 'moonlane'\n"                                         \
  "local act = ml.activity { 'a', lane = 'l', run = function() end }\n"     \
  "return ml.workflow { 'w', lanes = { l = 'L' }, fields = { { 'q', "       \
  "'string' } }, phases = {\n"                                              \
  " { 'one', ml.branch { 'x', when = function(p) return p.data.q == 'y' "   \
  "end, phases = { { 'p', act } } },\n"                                     \
  "  ml.branch { 'z', when = function(p) return p.settings.s == 1 and "     \
  "p.process.id == 'i' end, phases = { { 'p', act } } } },\n"               \
  " { 'two', act, when = function(p) return p.data.q end },\n"              \
  " { 'three', act, when = function(p) p.data.q = 'no' return true end } "  \
  "} }\n"

static void judge_answers_a_list(void **state) {
  BENCH;
  add(b, "workflow.lua", JUDGE_FLOW);
  b->q = (ml_ask){.kind = ML_ASK_JUDGE, .path = ML_STR("1.1 1.2"),
                  .data = ML_STR("{\"q\":\"y\"}"),
                  .settings = ML_STR("{\"s\":2}"),
                  .process = ML_STR("{\"id\":\"i\"}")};
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "[true,false]");
  b->q.path = ML_STR("2");
  ends(b, ML_END_BROKE);
  holds(b, b->r.text, "'when' at 2 must return true or false");
  b->q.path = ML_STR("3");
  ends(b, ML_END_BROKE);
  holds(b, b->r.text, "cannot be written in when");
}

#define RULES                                                               \
  "local ml = require 'moonlane'\n"                                         \
  "return ml.rules {\n"                                                     \
  " { 'change', to = 'one', when = function(tx) return tx.state.name == "   \
  "'ACTIVE' end, data = function(tx) return { t = tx.tenant, n = tx.none "  \
  "== ml.null } end },\n"                                                   \
  " { 'change', to = 'two' }, { 'odd', to = 'three', when = function() "    \
  "return 1 end } }\n"

static void rules_match_in_order(void **state) {
  BENCH;
  add(b, "rules.lua", RULES);
  b->q = (ml_ask){.kind = ML_ASK_RULE};
  b->q.payload = ML_STR("{\"type\":\"change\",\"payload\":{\"state\":{\"name\":"
                        "\"ACTIVE\"},\"tenant\":{\"id\":[1,{}]},\"none\":null"
                        "}}");
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "{\"data\":{\"n\":true,\"t\":{\"id\":[1,{}]}},\"rule\":1,"
                   "\"to\":\"one\"}");
  b->q.payload = ML_STR("{\"type\":\"change\",\"payload\":{\"state\":{\"name\":"
                        "\"X\"}}}");
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "{\"data\":{},\"rule\":2,\"to\":\"two\"}");
  b->q.payload = ML_STR("{\"type\":\"change\",\"payload\":{\"state\":{}}}");
  ends(b, ML_END_BROKE);
  holds(b, b->r.text, "the transaction has no tx.state.name");
  is(b, b->r.at, "rules.lua:3");
  b->q.payload = ML_STR("{\"type\":\"other\",\"payload\":{}}");
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "null");
  b->q.payload = ML_STR("{\"type\":\"odd\",\"payload\":{}}");
  ends(b, ML_END_BROKE);
  holds(b, b->r.text, "rule 3 must return true or false");
}

#define TRIGGER_FLOW                                                        \
  "local ml = require 'moonlane'\n"                                         \
  "return ml.workflow { 'w', lanes = { l = 'L' }, fields = { { 'q', "       \
  "'string' } }, start = { { kind = 'poll', name = 'c', every = '15m', run" \
  " = function(ctx, state)\n"                                               \
  "  ctx:log 'x' local a = ctx.http.get(ctx.settings.url)\n"                \
  "  return { state = { n = (state and state.n or 0) + 1 }, transactions "  \
  "= ml.array { { identity = 'i' .. a.status, data = { q = '4' } } } } "    \
  "end },\n"                                                                \
  " { kind = 'webhook', name = 'h', receive = function(ctx, r) ctx:sleep "  \
  "'1s' end } },\n"                                                         \
  " phases = { { 'one', ml.activity { 'a', lane = 'l', run = function() "   \
  "end } } } }\n"

static void triggers_run(void **state) {
  BENCH;
  add(b, "workflow.lua", TRIGGER_FLOW);
  b->q = (ml_ask){.kind = ML_ASK_TRIGGER, .path = ML_STR("1"),
                  .mode = ML_STR("run"),
                  .settings = ML_STR("{\"url\":\"http://x/\"}")};
  ends(b, ML_END_WANT);
  reply(b, "{\"status\":200}");
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "{\"state\":{\"n\":1},\"transactions\":[{\"data\":{\"q\":"
                   "\"4\"},\"identity\":\"i200\"}]}");
  b->q.payload = ML_STR("{\"n\":5}");
  ends(b, ML_END_RETURNED);
  holds(b, b->r.text, "{\"n\":6}");
  b->q.path = ML_STR("2");
  b->q.mode = ML_STR("receive");
  ends(b, ML_END_BROKE);
  holds(b, b->r.text, "ctx:sleep cannot be called in a trigger");
}

static void define_gives_a_tree(void **state) {
  BENCH;
  add(b, "workflow.lua", JUDGE_FLOW);
  b->q = (ml_ask){.kind = ML_ASK_DEFINE};
  ends(b, ML_END_RETURNED);
  holds(b, b->r.text, "\"name\":\"w\"");
  add(b, "workflow.lua", "local ml = require 'moonlane'\nerror 'broken'");
  ends(b, ML_END_BROKE);
  is(b, b->r.text, "broken");
  is(b, b->r.at, "workflow.lua:2");
  add(b, "workflow.lua", "return {");
  ends(b, ML_END_BROKE);
  holds(b, b->r.at, "workflow.lua:1");
}

static void eval_and_try(void **state) {
  static const char *const rows[][2] = {
    {"1 + 1", "2"}, {"p.data.x", "[1]"}, {"'a', nil", "[\"a\",null]"},
    {"local x = 3 return x", "3"}, {"y = 5", ""},
    {"print", "\"function: hidden\""}, {"{ a = { true } }", "{\"a\":[true]}"},
  };
  BENCH;
  size_t i;

  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    stock(b, i % 2 == 0);                    /* it needs no library */
    add(b, "line", rows[i][0]);
    b->q = (ml_ask){.kind = ML_ASK_EVAL,
                    .payload = ML_STR("{\"p\":{\"data\":{\"x\":[1]}}}")};
    ends(b, ML_END_RETURNED);
    is(b, b->r.text, rows[i][1]);
  }
  stock(b, false);
  add(b, "line", "print 'seen' io.open 'x'");
  ends(b, ML_END_BROKE);
  is(b, b->r.logs[0].text, "seen");
  holds(b, b->r.text, "line:1: attempt to index a nil value (global 'io')");
  add(b, "line", "1 +");
  ends(b, ML_END_BROKE);
  add(b, "line", "1");
  b->q.payload = ML_STR("[1");
  ends(b, ML_END_BROKE);
  holds(b, b->r.text, "must be a JSON object");
  stock(b, true);
  add(b, "line", "require('moonlane.time') ~= nil");
  b->q.payload = ML_NOSTR;
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "true");
  stock(b, true);
  add(b, "one.lua", "return function(ctx) ctx.data.any = ctx.settings.a\n"
                    "return ctx.http.get('http://x/').status end");
  b->q = (ml_ask){.kind = ML_ASK_EVAL, .mode = ML_STR("try"),
                  .path = ML_STR("one.lua"), .settings = ML_STR("{\"a\":1}")};
  ends(b, ML_END_WANT);
  reply(b, "{\"status\":204}");
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "204");
  is(b, b->r.data, "{\"any\":1}");
}

/* ---- tests of workflows ---- */

#define TESTS                                                               \
  "local t = require 'moonlane.test'\n"                                     \
  "t.it('runs', function(w)\n"                                              \
  " w:settings { a = 1 }\n local p = w:start('flow', { q = '42' })\n"       \
  " w:as('aiko'):complete('1-1', { k = 'v' })\n w:pass '3d'\n"              \
  " t.eq(p.status, 'COMPLETED')\n t.eq(p:tasks(), {})\n"                    \
  "end)\n"                                                                  \
  "t.it('fails', function(w)\n"                                             \
  " t.eq({ a = 1, b = { 'x' } }, { a = 1, b = { 'y' } }, 'both') end)\n"    \
  "t.it('raises', function(w)\n t.raises(function() error 'deep blue' end, "\
  "'blue')\n t.raises(function() end) end)\n"

static void op(bench *b, const char *call, const char *want,
               const char *answer) {
  ends(b, ML_END_WANT);
  is(b, b->r.want_call, call);
  assert_int_equal(b->r.want_kind, ML_CALL_OP);
  is(b, b->r.want, want);
  reply(b, answer);
}

static void a_test_replays_its_operations(void **state) {
  BENCH;
  add(b, "test.lua", TESTS);
  b->q = (ml_ask){.kind = ML_ASK_TEST, .mode = ML_STR("list")};
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "[\"runs\",\"fails\",\"raises\"]");
  b->q.mode = ML_STR("run");
  b->q.path = ML_STR("1");
  op(b, "op.1", "{\"args\":[{\"a\":1}],\"op\":\"settings\"}", "{}");
  op(b, "op.2", "{\"args\":[\"flow\",{\"q\":\"42\"}],\"op\":\"start\"}",
     "{\"ok\":{\"$process\":\"p1\"}}");
  op(b, "op.3", "{\"args\":[\"1-1\",{\"k\":\"v\"}],\"as\":\"aiko\",\"op\":"
                "\"complete\"}", "{\"ok\":null}");
  op(b, "op.4", "{\"args\":[259200000],\"op\":\"pass\"}", "{\"ok\":null}");
  op(b, "op.5", "{\"args\":[\"status\"],\"op\":\"read\",\"process\":\"p1\"}",
     "{\"ok\":\"COMPLETED\"}");
  op(b, "op.6", "{\"args\":[],\"op\":\"tasks\",\"process\":\"p1\"}",
     "{\"ok\":[]}");
  ends(b, ML_END_RETURNED);
  b->journal_n = 2;
  ends(b, ML_END_WANT);
  reply(b, "{\"error\":\"nobody called aiko is in the lane\"}");
  ends(b, ML_END_BROKE);
  is(b, b->r.text, "complete: nobody called aiko is in the lane");
  is(b, b->r.at, "test.lua:5");
}

static void a_failed_comparison_shows_both(void **state) {
  BENCH;
  add(b, "test.lua", TESTS);
  b->q = (ml_ask){.kind = ML_ASK_TEST, .mode = ML_STR("run"),
                  .path = ML_STR("2")};
  ends(b, ML_END_BROKE);
  is(b, b->r.at, "test.lua:11");
  is(b, b->r.text, "both: not equal\n   got: { a = 1, b = { \"x\" } }\n"
                   "wanted: { a = 1, b = { \"y\" } }");
  b->q.path = ML_STR("3");
  ends(b, ML_END_BROKE);
  is(b, b->r.text, "nothing was raised");
  b->q.path = ML_STR("9");
  ends(b, ML_END_BROKE);
  holds(b, b->r.text, "there is no test 9");
}

/* ---- the state between slices ---- */

static void each_slice_begins_fresh(void **state) {
  BENCH;
  body(b, "count = (count or 0) + 1\nlocal r = math.random(1, 1 << 40)\n"
          "return count .. ' ' .. r");
  ends(b, ML_END_RETURNED);
  char *first = keep(b, "%s", text(b, b->r.text));
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, first);
  holds(b, b->r.text, "1 ");
  b->q.key = ML_STR("act-9");
  ends(b, ML_END_RETURNED);
  assert_string_not_equal(text(b, b->r.text), first);
}

static void scripts_have_no_host(void **state) {
  BENCH;
  body(b, "assert(not pcall(require, 'moonlane.host'))\nassert(host == nil)\n"
          "local ok, why = pcall(function() ctx.http.get = 1 end)\n"
          "assert(not ok and why:find 'read%-only', why)");
  ends(b, ML_END_RETURNED);
}

/* ---- bundles ---- */

static void a_bundle_is_asked_for(void **state) {
  BENCH;
  ml_buf frame = {0};
  ml_str record;
  uint8_t hash[32] = {1, 2, 3}, got[32];
  uint64_t id;
  int kind;

  body(b, "return 'from the bundle'");
  b->q.id = 77;
  memcpy(b->q.bundle, hash, 32);
  ml_ask_pack(&frame, &b->q);
  ml_buf_reset(&b->out);
  assert_int_equal(ml_worker_handle(b->w, (ml_str){frame.p, frame.len},
                                    &b->out), ML_OK);
  assert_true(ml_frame_next(b->out.p, b->out.len, &kind, &record) > 0);
  assert_int_equal(kind, ML_ANSWER_NEED);
  assert_int_equal(ml_answer_unpack_need(record, &id, got), ML_OK);
  assert_int_equal(id, 77);
  assert_memory_equal(got, hash, 32);
  assert_int_equal(ml_worker_handle(b->w, (ml_str){frame.p, frame.len - 1},
                                    &b->out), ML_CORRUPT);
  ml_buf_free(&frame);
  ends(b, ML_END_RETURNED);                  /* sent along, kept by its hash */
  b->src_n = 0;
  ends(b, ML_END_RETURNED);
  is(b, b->r.text, "from the bundle");
}

static void many_bundles_take_turns(void **state) {
  BENCH;
  ml_worker *small;
  int i, round;

  assert_int_equal(ml_worker_new(&(ml_worker_conf){.bundles = 3, .images = 2,
                                                   .counting = true}, &small),
                   ML_OK);
  ml_worker_free(b->w);
  b->w = small;
  for (round = 0; round < 2; round++)
    for (i = 0; i < 5; i++) {
      body(b, keep(b, "return 'b%d'", i));
      ends(b, ML_END_RETURNED);
      is(b, b->r.text, keep(b, "b%d", i));
    }
}

/* An activity that reads and writes: what its slices write to lies together, so
** that a restore copies the allocator's page, the names and little else. */
static bool writes_to_few_pages(bench *b) {
  size_t all, copied;
  ml_err e = {0};

  ml_worker_free(b->w);
  if (ml_box_tick_start(&e) != ML_OK || ml_worker_new(NULL, &b->w) != ML_OK)
    return false;
  body(b, "local d = ctx.data d.q_name = d.q_name .. '!' ctx:log(ctx.key)\n"
          "d.q_n = math.random(9) d.q_any = { a = { 1 }, b = ctx.process.id }");
  b->q.data = ML_STR("{\"q_name\":\"x\"}");
  b->q.process = ML_STR("{\"id\":\"p\"}");
  for (int i = 0; i < 5; i++)
    if (ask(b) != ML_END_RETURNED)
      return false;
  copied = ml_box_copied(b->w->images->box, &all);
  return all > 25 * 4096 && copied <= 6 * 4096;
}

static void a_slice_writes_to_few_pages(void **state) {
  BENCH;
  int status;
  pid_t pid = fork();            /* for the signal's sake */

  assert_true(pid >= 0);
  if (pid == 0)
    _exit(writes_to_few_pages(b) ? 0 : 1);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
}

/* ---- memory runs out ---- */

static void no_allocation_is_taken_for_granted(void **state) {
  BENCH;
  ml_worker_conf conf = {.counting = true};
  ml_buf frame = {0}, out = {0};
  uint64_t n, before, all = 1;
  ml_worker *w;
  int broke = 0;
  ml_rc rc;

  body(b, "ctx.data.q_name = 'x' ctx:log 'l' ctx:comment 'c' ctx:now()\n"
          "ctx:step('s', function() return { 1 } end) return 'fine'");
  b->q.sources = b->src;
  b->q.source_count = b->src_n;
  ml_ask_pack(&frame, &b->q);
  for (n = 0; n <= all; n++) {
    assert_int_equal(ml_worker_new(&conf, &w), ML_OK);
    ml_buf_free(&out);
    before = ml_mem_count();
    ml_mem_fail_at(n, 0);                    /* 0: none, to count them */
    rc = ml_worker_handle(w, (ml_str){frame.p, frame.len}, &out);
    ml_mem_fail_at(0, 0);
    if (n == 0)
      all = ml_mem_count() - before;
    assert_true(rc == ML_OK || (n > 0 && rc == ML_NOMEM));
    if (rc == ML_OK && memmem(out.p, out.len, "fine", 4) == NULL) {
      assert_non_null(memmem(out.p, out.len, "short of memory", 15));
      broke++;
    }
    ml_buf_free(&out);
    assert_int_equal(ml_worker_handle(w, (ml_str){frame.p, frame.len}, &out),
                     ML_OK);
    assert_non_null(memmem(out.p, out.len, "fine", 4));
    ml_worker_free(w);
  }
  assert_true(all > 20);
  assert_true(broke > 0);
  ml_buf_free(&frame);
  ml_buf_free(&out);
}

/* ---- the inline script ---- */

typedef struct got {
  int n;
  ml_rc rc;
  ml_end end;
  uint64_t id;
  char text[200];
} got;

static void on_answer(void *arg, ml_rc rc, const ml_answer *r) {
  got *g = arg;

  g->n++;
  g->rc = rc;
  g->end = r->end;
  g->id = r->id;
  snprintf(g->text, sizeof g->text, "%.*s", (int)r->text.n,
           r->text.p != NULL ? r->text.p : "");
}

static void inline_answers_later(void **state) {
  BENCH;
  ml_script *s;
  uint8_t hash[32] = {9};
  got g[3] = {{0}};
  ml_ask q;

  body(b, "while ctx.data.q_name == 'loop' do end return 'in'");
  assert_int_equal(ml_script_inline_new(NULL, &s), ML_OK);
  q = (ml_ask){.kind = ML_ASK_ATTEMPT, .id = 5, .path = ML_STR("1.1"),
               .mode = ML_STR("run")};
  memcpy(q.bundle, hash, 32);
  assert_int_equal(s->ask(s, &q, on_answer, &g[0]), ML_NOT_FOUND);
  assert_int_equal(s->bundle(s, hash, b->src, b->src_n), ML_OK);
  assert_int_equal(s->ask(s, &q, on_answer, &g[0]), ML_OK);
  q.data = ML_STR("{\"q_name\":\"loop\"}");
  q.limits = &(ml_bounds){.v = {[ML_BOUND_UNITS] = 100000}};
  assert_int_equal(s->ask(s, &q, on_answer, &g[1]), ML_OK);
  assert_int_equal(g[0].n, 0);
  assert_int_equal(ml_script_inline_turn(s), 2);
  assert_int_equal(ml_script_inline_turn(s), 0);
  assert_int_equal(g[0].n, 1);
  assert_int_equal(g[0].id, 5);
  assert_string_equal(g[0].text, "in");
  assert_int_equal(g[1].end, ML_END_CPU);
  assert_int_equal(s->ask(s, &q, on_answer, &g[2]), ML_OK);
  ml_script_inline_free(s);
  assert_int_equal(g[2].n, 1);
  assert_int_equal(g[2].rc, ML_AGAIN);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
    T(outcome_none_and_text), T(a_wrong_outcome_breaks),
    T(an_error_has_place_and_traceback), T(a_syntax_error_names_its_file),
    T(a_broken_workflow_says_where), T(fail_is_not_caught),
    T(fail_works_where_no_wait_can), T(retry_is_not_caught),
    T(loops_and_memory_end), T(data_reads_its_own_writes),
    T(the_snapshot_in_the_journal_is_passed_over), T(data_refuses), T(data_takes),
    T(the_rest_is_held_back), T(nothing_is_held_in_a_want), T(log_has_limits),
    T(http_wants_and_replays), T(another_request_is_a_mismatch),
    T(header_order_is_not_a_mismatch), T(secrets_go_as_handles),
    T(bad_json_in_an_answer_is_told_when_read),
    T(own_entries_are_made_and_replayed), T(await_ask_call_start),
    T(a_wait_in_a_coroutine_is_an_error), T(a_step_runs_once),
    T(a_step_refuses), T(fail_in_a_step), T(a_call_has_limits),
    T(is_complete_and_undo), T(judge_answers_a_list), T(rules_match_in_order),
    T(triggers_run), T(define_gives_a_tree), T(eval_and_try),
    T(a_test_replays_its_operations), T(a_failed_comparison_shows_both),
    T(each_slice_begins_fresh), T(scripts_have_no_host),
    T(a_bundle_is_asked_for), T(many_bundles_take_turns),
    T(a_slice_writes_to_few_pages),
    T(no_allocation_is_taken_for_granted), T(inline_answers_later),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
