/* test_define.c - the builders and moonlane.define in a plain Lua state, and
** what the core says of the tree: every folder of tests/definitions has one
** mistake and tells it at its line, or none. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "base/rand.h"
#include "base/text.h"
#include "model/flow.h"
#include "script/convert.h"
#include "script/place.h"

#define ROOT "tests/definitions"
#define LEN(a) (sizeof(a) / sizeof *(a))

/* ---- a plain state with the modules that define needs ---- */

static int host_object(lua_State *L) {
  lua_settop(L, 0);
  lua_newtable(L);
  return 1;
}

/* Without the charge that the sandbox's own asks; lists have no gaps. */
static int host_array(lua_State *L) {
  lua_Integer n;

  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_newtable(L);
    lua_replace(L, 1);
  }
  n = luaL_len(L, 1);
  lua_pushnil(L);
  while (lua_next(L, 1) != 0) {
    luaL_argcheck(L, lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1
                     && lua_tointeger(L, -2) <= n, 1, "no list");
    lua_pop(L, 1);
  }
  ml_convert_mark_array(L, 1);
  return 1;
}

static char *read_text(const char *folder, const char *name, size_t *size);

/* A file of the folder (upvalue 1), nil for none. */
static int host_source(lua_State *L) {
  size_t n;
  char *text = read_text(lua_tostring(L, lua_upvalueindex(1)),
                         luaL_checkstring(L, 1), &n);

  if (text != NULL)
    lua_pushlstring(L, text, n);
  else
    lua_pushnil(L);
  free(text);
  return 1;
}

static void push_host(lua_State *L) {
  static const luaL_Reg host[] = {{"placed", ml_place_placed},
                                  {"array", host_array},
                                  {"object", host_object}, {NULL, NULL}};

  luaL_newlib(L, host);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushcclosure(L, host_source, 1);
  lua_setfield(L, -2, "source");
  ml_convert_push_null(L);
  lua_setfield(L, -2, "null");
}

/* "moonlane.x" from lua/, anything else from the folder (upvalue 1). */
static int search(lua_State *L) {
  const char *name = luaL_checkstring(L, 1), *rel;
  char path[400];

  if (strcmp(name, "moonlane.host") == 0) {
    push_host(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "host");
    return luaL_loadstring(L, "return debug.getregistry().host") == LUA_OK;
  }
  rel = luaL_gsub(L, name, ".", "/");
  if (strcmp(name, "moonlane") == 0)
    snprintf(path, sizeof path, "lua/moonlane/init.lua");
  else if (strncmp(name, "moonlane.", 9) == 0)
    snprintf(path, sizeof path, "lua/%s.lua", rel);
  else
    snprintf(path, sizeof path, "%s/%s.lua", lua_tostring(L, lua_upvalueindex(1)),
             rel);
  lua_pushfstring(L, "@%s.lua", strcmp(name, "moonlane") == 0 ? "moonlane" : rel);
  {
    FILE *f = fopen(path, "rb");
    char text[65536];
    size_t n;

    if (f == NULL)
      return luaL_error(L, "no file %s", path);
    n = fread(text, 1, sizeof text, f);
    fclose(f);
    if (luaL_loadbuffer(L, text, n, lua_tostring(L, -1)) != LUA_OK)
      return lua_error(L);
  }
  return 1;
}

static lua_State *open_state(const char *folder) {
  lua_State *L = luaL_newstate();

  assert_non_null(L);
  luaL_openlibs(L);
  ml_convert_open(L);
  lua_getglobal(L, "package");
  lua_newtable(L);
  lua_pushstring(L, folder);
  lua_pushcclosure(L, search, 1);
  lua_rawseti(L, -2, 1);
  lua_setfield(L, -2, "searchers");
  lua_settop(L, 0);
  return L;
}

static char *read_text(const char *folder, const char *name, size_t *size) {
  char path[300];
  FILE *f;
  char *p = malloc(65536);
  size_t n;

  assert_non_null(p);
  snprintf(path, sizeof path, "%s/%s", folder, name);
  f = fopen(path, "rb");
  if (f == NULL) {
    free(p);
    return NULL;
  }
  n = fread(p, 1, 65535, f);
  fclose(f);
  p[n] = '\0';
  if (size != NULL)
    *size = n;
  return p;
}

/* ---- the faults of one folder ---- */

typedef struct faults {
  size_t n;
  char at[200][300];
  char text[200][700];
} faults;

static void note(void *arg, const char *at, const char *text) {
  faults *f = arg;

  assert_true(f->n < LEN(f->at));
  snprintf(f->at[f->n], sizeof f->at[0], "%s", at);
  snprintf(f->text[f->n++], sizeof f->text[0], "%s", text);
}

/* Evaluate; the tree's JSON, or NULL with the Lua error as a fault. */
static char *define(lua_State *L, const char *folder, faults *f) {
  size_t n = 0;
  char *source = read_text(folder, "workflow.lua", &n);
  ml_buf b = {0};
  ml_err e = {0};

  assert_non_null(source);
  lua_settop(L, 0);
  assert_int_equal(luaL_dostring(L,
    "return function(source)\n"
    "  flows = require 'workflow'\n"
    "  return require 'moonlane.define'(flows, source)\n"
    "end"), LUA_OK);
  lua_pushlstring(L, source, n);
  free(source);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    const char *message = lua_tostring(L, -1), *colon = strstr(message, ": ");
    char at[400];

    if (colon == NULL)
      fail_msg("%s: %s", folder, message);
    snprintf(at, sizeof at, "%s/%.*s", strrchr(folder, '/') + 1,
             (int)(colon - message), message);
    note(f, at, colon + 2);
    return NULL;
  }
  if (ml_convert_to_json(L, -1, "the definition", NULL, &b, &e) != ML_OK)
    fail_msg("%s: %s", folder, e.text);
  return ml_buf_take(&b, &n);
}

/* Parse what a folder defines. */
static ml_flow **load(lua_State *L, const char *folder, faults *f,
                      size_t *count) {
  char *json = define(L, folder, f);
  ml_arena a = {0};
  ml_json *tree = NULL;
  ml_flow **flows = NULL;
  ml_err e = {0};
  ml_rc rc;

  *count = 0;
  if (json == NULL)
    return NULL;
  if (ml_json_parse(&a, json, strlen(json), NULL, &tree, &e) != ML_OK)
    fail_msg("%s: %s", folder, e.text);
  rc = ml_flow_parse(strrchr(folder, '/') + 1, tree, note, f, &flows, count);
  assert_int_equal(rc, f->n == 0 ? ML_OK : ML_INVALID);
  assert_int_equal(rc == ML_OK, flows != NULL);
  ml_arena_free(&a);
  ml_mem_free(json);
  return flows;
}

static void free_flows(ml_flow **flows, size_t n) {
  for (size_t i = 0; flows != NULL && i < n; i++)
    ml_flow_free(flows[i]);
  ml_mem_free(flows);
}

/* ---- every folder ---- */

/* One line of `expect`: "workflow.lua:9 part of the sentence". */
static void expect_line(const char *name, const faults *f, char *line,
                        size_t i) {
  char *blank = strchr(line, ' ');
  char at[300];

  assert_non_null(blank);
  *blank = '\0';
  snprintf(at, sizeof at, "%s/%s", name, line);
  for (size_t k = 0; k < f->n; k++)
    if (strcmp(f->at[k], at) == 0 && strstr(f->text[k], blank + 1) != NULL)
      return;
  for (size_t k = 0; k < f->n; k++)
    print_message("# told: %s %s\n", f->at[k], f->text[k]);
  fail_msg("%s: line %zu of expect was not told: %s %s", name, i + 1, at,
           blank + 1);
}

static void check_folder(const char *name) {
  char folder[300];
  char *expect, *save = NULL;
  faults *f = calloc(1, sizeof *f);
  ml_flow **flows;
  size_t count = 0, lines = 0;
  lua_State *L;

  assert_non_null(f);
  snprintf(folder, sizeof folder, "%s/%s", ROOT, name);
  L = open_state(folder);
  flows = load(L, folder, f, &count);
  expect = read_text(folder, "expect", NULL);
  assert_int_equal(expect == NULL, strncmp(name, "good-", 5) == 0);
  for (char *line = expect != NULL ? strtok_r(expect, "\n", &save) : NULL;
       line != NULL; line = strtok_r(NULL, "\n", &save))
    if (strncmp(line, "templates/", 10) != 0)   /* told by the loading: t_definitions */
      expect_line(name, f, line, lines++);
  if (f->n != lines) {   /* one mistake is one sentence */
    for (size_t k = 0; k < f->n; k++)
      print_message("# told: %s %s\n", f->at[k], f->text[k]);
    fail_msg("%s: %zu sentences for %zu mistakes", name, f->n, lines);
  }
  if (lines == 0)
    assert_true(count > 0);
  free_flows(flows, count);
  lua_close(L);
  free(expect);
  free(f);
}

static void folders(void **state) {
  struct dirent **list = NULL;
  int n = scandir(ROOT, &list, NULL, alphasort), seen = 0;

  (void)state;
  assert_true(n > 0);
  for (int i = 0; i < n; i++) {
    if (list[i]->d_name[0] != '.') {
      check_folder(list[i]->d_name);
      seen++;
    }
    free(list[i]);
  }
  free(list);
  assert_true(seen >= 20);
}

/* ---- the order delivery, as read ---- */

static const ml_activity *by_label(const ml_flow *f, const char *label) {
  for (int i = 0; i < f->activity_count; i++)
    if (ml_str_is(f->activities[i].label, label))
      return &f->activities[i];
  fail_msg("no activity %s", label);
  return NULL;
}

static const ml_phase *phase_named(const ml_flow *f, const char *name) {
  for (int i = 0; i < f->phase_count; i++)
    if (ml_str_is(f->phases[i].name, name))
      return &f->phases[i];
  fail_msg("no phase %s", name);
  return NULL;
}

static void order_delivery(void **state) {
  static const char *const lanes[] = {"system", "licensing", "construction",
                                      "mailing"};
  lua_State *L = open_state(ROOT "/good-order-delivery");
  faults *fa = calloc(1, sizeof *fa);
  size_t count;
  ml_flow **flows = load(L, ROOT "/good-order-delivery", fa, &count);
  const ml_flow *f;
  const ml_activity *a;
  const ml_phase *ph;

  (void)state;
  assert_int_equal(count, 1);
  f = flows[0];
  assert_int_equal(f->field_count, 17);
  assert_int_equal(f->lane_count, 4);
  for (int i = 0; i < 4; i++)   /* in the order of the source */
    assert_true(ml_str_is(f->lanes[i].id, lanes[i]));
  assert_true(ml_str_is(f->lanes[1].title,
                        "{\"en\":\"Licensing officer\",\"ja\":\"ライセンス担当\"}"));
  assert_int_equal(f->setting_count, 4);
  assert_true(ml_str_is(f->settings[3].dflt, "900000"));
  assert_int_equal(f->list_count, 3);
  assert_int_equal(f->phase_count, 7 + 3 + 1);
  assert_int_equal(f->activity_count, 10);
  assert_int_equal(f->trigger_count, 3);
  assert_true(ml_str_is(f->triggers[0].every_setting, "poll_every"));
  assert_true(ml_str_is(f->triggers[2].kind, "form"));
  assert_int_equal(f->triggers[2].form_count, 1);
  assert_true(f->triggers[2].form[0].need);

  a = by_label(f, "1-2");
  assert_true(ml_str_is(a->path, "4.1.2.1"));
  assert_int_equal(a->kind, ML_AK_TASK);
  assert_int_equal(a->node, 6);
  assert_int_equal(a->lane, 2);
  assert_int_equal(a->form_count, 5);
  assert_false(a->form[1].edit);
  assert_true(a->form[2].edit && a->form[2].need);    /* required */
  assert_true(a->form[4].edit && !a->form[4].need);
  assert_int_equal(a->outcome_count, 2);
  assert_true(a->outcomes[1].has_need);
  assert_int_equal(a->due.field, ml_flow_field(f, ML_STR("q_taskLimitDatetime")));
  a = by_label(f, "x3");
  assert_true(a->retry.given);
  assert_int_equal(a->retry.n, 8);
  assert_int_equal(a->retry.min_ms, 5000);
  assert_int_equal(a->retry.max_ms, 600000);
  assert_int_equal(a->timeout_ms, 30000);
  by_label(f, "x2′");
  by_label(f, "1-1′");

  ph = phase_named(f, "build");
  assert_int_equal(ph->next_count, 2);
  assert_int_equal(ph->decider, (int)(by_label(f, "1-2") - f->activities));
  for (int i = 0; i < 2; i++)
    if (ml_str_is(ph->next[i].outcome, "built"))
      assert_int_equal(ph->next[i].to, ML_TO_JOIN);
    else
      assert_int_equal(ph->next[i].to,
                       (int)(phase_named(f, "fix") - f->phases));
  assert_int_equal(phase_named(f, "fix")->max, 20);
  assert_int_equal(phase_named(f, "record")->next[0].to, ML_TO_FINISH);
  assert_int_equal(phase_named(f, "deliver")->branch_count, 2);
  assert_true(f->branches[1].when && !f->branches[0].when);
  assert_true(ml_str_is(f->branches[1].path, "4.2"));
  free_flows(flows, count);
  free(fa);
  lua_close(L);
}

static void shapes(void **state) {
  lua_State *L = open_state(ROOT "/good-shapes");
  faults *fa = calloc(1, sizeof *fa);
  size_t count;
  ml_flow **flows = load(L, ROOT "/good-shapes", fa, &count);
  const ml_flow *f;
  const ml_activity *a;

  (void)state;
  assert_int_equal(count, 1);
  f = flows[0];
  assert_int_equal(ml_flow_field(f, ML_STR("t")), 0);
  assert_true(ml_str_is(f->fields[1].initial, "[\"a\",\"b\"]"));
  assert_true(ml_str_is(f->fields[2].initial, "1772325000000"));
  assert_true(ml_str_is(f->fields[3].initial, "{\"a\":[true,null],\"b\":1}"));
  assert_true(ml_str_is(f->fields[4].initial, "[]"));
  assert_int_equal(f->state_count, 3);
  assert_int_equal(f->start_state, 0);
  assert_int_equal(f->move_count, 3);
  assert_int_equal(f->host_count, 2);
  assert_int_equal(f->trigger_count, 5);
  assert_true(ml_str_is(f->triggers[0].name, "begin"));
  assert_int_equal(f->triggers[1].form_count, 2);
  assert_int_equal(f->triggers[2].form_count, 1);
  a = by_label(f, "hold");
  assert_true(a->has_is_complete && a->has_undo);
  assert_int_equal(a->outcome_count, 3);
  assert_int_equal(a->ask_ms, 60000);
  assert_int_equal(a->give_up_ms, 72 * 3600 * 1000);
  assert_int_equal(a->timeout_due.field, 2);
  assert_int_equal(a->timeout_ms, 0);
  assert_int_equal(phase_named(f, "hold")->next_count, 3);
  assert_true(phase_named(f, "maybe")->when);
  a = by_label(f, "pick");
  assert_int_equal(a->exclude, 1);
  assert_true(a->anew);
  assert_true(a->outcomes[1].has_need && a->outcomes[1].need_count == 0);
  assert_true(ml_str_is(by_label(f, "paid")->signal, "paid"));
  free_flows(flows, count);
  free(fa);
  lua_close(L);
}

/* ---- the tree repeats; its paths lead back ---- */

static void repeats(void **state) {
  static const char *const names[] = {ROOT "/good-order-delivery",
                                      ROOT "/good-shapes"};

  (void)state;
  for (size_t i = 0; i < LEN(names); i++) {
    faults *f = calloc(1, sizeof *f);
    lua_State *L = open_state(names[i]), *M = open_state(names[i]);
    char *one = define(L, names[i], f), *two = define(M, names[i], f);

    assert_string_equal(one, two);
    ml_mem_free(one);
    ml_mem_free(two);
    lua_close(L);
    lua_close(M);
    free(f);
  }
}

static const char *find_label(lua_State *L, const char *path) {
  const char *s = NULL;

  lua_settop(L, 0);
  assert_int_equal(luaL_dostring(L, "return require('moonlane.define').find"),
                   LUA_OK);
  lua_getglobal(L, "flows");
  lua_pushinteger(L, 0);
  lua_pushstring(L, path);
  assert_int_equal(lua_pcall(L, 3, 1, 0), LUA_OK);
  if (!lua_istable(L, -1))
    return NULL;
  lua_rawgeti(L, -1, 1);
  s = lua_tostring(L, -1);
  return s != NULL ? s : "?";
}

static void paths(void **state) {
  static const char *const nowhere[] = {"9", "1.9", "4.1.2.9", "4.1.2.1.1", "0",
                                        "start.9", "1.1.1"};
  lua_State *L = open_state(ROOT "/good-order-delivery");
  faults *fa = calloc(1, sizeof *fa);
  size_t count;
  ml_flow **flows = load(L, ROOT "/good-order-delivery", fa, &count);

  (void)state;
  assert_int_equal(count, 1);
  for (int i = 0; i < flows[0]->activity_count; i++) {
    const ml_activity *a = &flows[0]->activities[i];

    assert_string_equal(find_label(L, a->path.p), a->label.p);
  }
  for (int i = 0; i < flows[0]->phase_count; i++)
    assert_string_equal(find_label(L, flows[0]->phases[i].path.p),
                        flows[0]->phases[i].name.p);
  for (int i = 0; i < flows[0]->branch_count; i++)
    assert_string_equal(find_label(L, flows[0]->branches[i].path.p),
                        flows[0]->branches[i].name.p);
  assert_string_equal(find_label(L, "start.3"), "q_kintoneId!");
  for (size_t i = 0; i < LEN(nowhere); i++)
    assert_null(find_label(L, nowhere[i]));
  free_flows(flows, count);
  free(fa);
  lua_close(L);
}

/* ---- single pieces in Lua ---- */

static void run_lua(const char *code) {
  lua_State *L = open_state(ROOT "/good-several");

  if (luaL_dostring(L, code) != LUA_OK)
    fail_msg("%s", lua_tostring(L, -1));
  lua_close(L);
}

static void scanner(void **state) {
  (void)state;
  run_lua(
    "local scan = require 'moonlane.scan'\n"
    "local ts = scan.source [==[\n"                            /* line 1 */
    "-- { 'w' in a comment\n"
    "--[[ { 'w',\n fields = {} } ]]\n"
    "local s = [[ { 'w' ]] local q = '{ \\'w' return x { 'w',\n" /* line 4 */
    "  f = function(a, b) local t = { 'no', 1 } if a then return b, 2 end end,\n"
    "  ['g'] = { 'deep', { 'x' } },\n"
    "  fields = { { 'a' },\n"
    "    { 'b', y == 3 and 'z' }; g.h { 'c' },\n"
    "    { 'a' } } }\n"
    "]==]\n"
    "local n = assert(scan.constructor(ts, 4, 'w'))\n"
    "assert(n.line == 4 and n.first == 'w')\n"
    "assert(scan.key_line(n, 'f') == 5 and scan.key_line(n, 'g') == 6)\n"
    "local f = assert(scan.section(n, 'fields'))\n"
    "assert(#f.items == 4)\n"
    "assert(scan.item(f, 1, 'a') == 7 and scan.item(f, 2, 'b') == 8)\n"
    "assert(scan.item(f, 3, 'c') == 8 and scan.item(f, 4, 'a') == 9)\n"
    "assert(scan.item(f, 9, 'b') == 8 and scan.item(f, 9, 'q') == nil)\n"
    "assert(scan.anywhere(ts, 'deep') == 6)\n"
    /* nothing it is given may keep it from ending */
    "for _, s in ipairs { '', '{', '}', '{{{', '{,,;}', '{)}', '\"', '[[', '--[[',\n"
    "    '{ a = ', '{ [\"a\"] = ', 'x = {function', '{ a = }', \"'\\\\\" } do\n"
    "  local t = scan.source(s)\n"
    "  for i = 0, 3 do scan.constructor(t, i, nil) scan.constructor(t, i, 'a') end\n"
    "end\n");
}

static void builders(void **state) {
  (void)state;
  run_lua(
    "local ml = require 'moonlane'\n"
    "local function make(label) return ml.activity { label } end\n"  /* 2 */
    "local a = make 'x'\n"
    "assert(a['@kind'] == 'activity' and a['@at']:match ':2$', a['@at'])\n"
    "local ok, e = pcall(ml.task, 'x')\n"
    "assert(not ok and e:find 'ml.task takes one table', e)\n"
    "ok, e = pcall(ml.branch, a)\n"
    "assert(not ok and e:find 'ml.branch was given what ml.activity made', e)\n"
    "ok, e = pcall(ml.setting, {})\n"
    "assert(not ok and e:find 'takes the name of a setting', e)\n"
    "local define = require 'moonlane.define'\n"
    "ok, e = pcall(define, true, '')\n"
    "assert(not ok and e:find 'workflow.lua must return', e)\n"
    "ok, e = pcall(define, 7, '')\n"
    "assert(not ok and e:find 'it returned a number', e)\n"
    /* what is no data is named, not lost; what is deep or round ends */
    "local round = {} round.x = round\n"
    "local t = define(ml.workflow { 'w', title = print, hosts = { 0/0, round,\n"
    "  '\\xff', [4] = { 1, a = 2 } } }, '').workflows[1]\n"
    "assert(t.title['$not_data'] == 'a function')\n"
    "assert(t.hosts[1]['$not_data'] == 'a number that is not finite')\n"
    "assert(t.hosts[3]['$not_data'] == 'a text that is not valid UTF-8')\n"
    "assert(t.hosts[4]['$not_data'] == 'a table with both positions and names')\n"
    "local d, v = 0, t.hosts[2]\n"
    "while v.x do v, d = v.x, d + 1 end\n"
    "assert(v['$not_data'] == 'a table nested too deeply' and d < 30)\n"
    "local far = define(ml.workflow { 'w', fields = { [1 << 40] = {} } }, '')\n"
    "assert(far.workflows[1].fields['$not_data'] == 'a table with a hole')\n"
    "local hole = define(ml.workflow { 'w', phases = { nil, { 'b' } } }, '')\n"
    "assert(hole.workflows[1].phases[1]['$not_data'] == 'nothing')\n");
}

static void times(void **state) {
  (void)state;
  run_lua(
    "local time = require 'moonlane.time'\n"
    "local ms = time.parse '2026-03-01T09:30:00+09:00'\n"
    "assert(ms == 1772325000000 and math.type(ms) == 'integer')\n"
    "assert(time.print(ms) == '2026-03-01T00:30:00Z')\n"
    "assert(time.print(ms, '+09:00') == '2026-03-01T09:30:00+09:00')\n"
    "assert(time.print(ms + 7, '-03:30') == '2026-02-28T21:00:00.007-03:30')\n"
    "assert(time.date(ms, '-01') == '2026-02-28')\n"
    "assert(time.add(ms, '3 days') == ms + 259200000)\n"
    "assert(time.add(ms, '-1h30m') == ms - 5400000 and time.add(ms, -5) == ms - 5)\n"
    "assert(time.print(time.months(time.parse '2024-01-31T10:00Z', 1))\n"
    "       == '2024-02-29T10:00:00Z')\n"
    "assert(time.print(time.months(time.parse '2024-01-31T10:00Z', -2))\n"
    "       == '2023-11-30T10:00:00Z')\n"
    "local p = time.parts(ms, '+09:00')\n"
    "assert(p.year == 2026 and p.month == 3 and p.day == 1 and p.hour == 9\n"
    "       and p.min == 30 and p.sec == 0 and p.ms == 0 and p.weekday == 7)\n"
    "assert(time.at { year = 2026, month = 3, day = 1, hour = 9, min = 30,\n"
    "                 zone = '+09:00' } == ms)\n"
    "assert(time.show(5400000) == '1h30m' and time.show(604800000) == '1w')\n"
    "for _, bad in ipairs { 5, 'x', '2026-02-29T00:00Z', '2026-03-01T09:30:00',\n"
    "    '2026-03-01T24:00Z', '2026-03-01', '2026-03-01T09:30Zx', '0000-01-01T00:00Z',\n"
    "    '2026-03-01T09:30:60Z' } do\n"
    "  local v, why = time.try(bad)\n"
    "  assert(v == nil and type(why) == 'string', tostring(bad))\n"
    "  assert(not pcall(time.parse, bad))\n"
    "end\n"
    "for _, f in ipairs { function() time.print(1.5) end, function() time.print {} end,\n"
    "    function() time.print(0, 'JST') end, function() time.add(0, '5 parsecs') end,\n"
    "    function() time.at { year = 2026, month = 2, day = 30 } end,\n"
    "    function() time.duration '' end, function() time.duration '1m1h' end } do\n"
    "  assert(not pcall(f))\n"
    "end\n");
}

/* The library and the core read and print the same. */
static void times_as_in_c(void **state) {
  static const char *const durations[] = {
    "0", "250ms", "5s", "15m", "72h", "3d", "2w", "1h30m", "3 days",
    "15 minutes", "1 day", "1h 30m", "", " 5s", "5", "5x", "1m1h", "5s5s",
    "99999999w", "36525d", "36526d", "1 h ", "-5s", "5.5s", "1week2days",
    "99999999999999999999ms"};
  static const char *const moments[] = {
    "2026-03-01T04:05:06.789Z", "2026-03-01T04:05:06.7891Z",
    "2026-03-01t04:05z", "2026-03-01 04:05+09", "2016-12-31T23:59:60Z",
    "2017-01-01T08:59:60+09:00", "0001-01-01T00:00+09:00",
    "9999-12-31T23:59:59.999Z", "9999-12-31T23:59-01:00", "1900-02-29T00:00Z",
    "2000-02-29T00:00Z", "2026-13-01T00:00Z", "2026-03-01T04:05:06.Z",
    "2026-03-01T04:05+24:00", "2026-03-01T04:05+0900"};
  lua_State *L = open_state(ROOT "/good-several");
  ml_rand_seeded rand;

  (void)state;
  assert_int_equal(luaL_dostring(L,
    "local time = require 'moonlane.time'\n"
    "function dur(s) local ok, v = pcall(time.duration, s) return ok and v or -1 end\n"
    "function mom(s) return time.try(s) or -1 end\n"
    "function show(ms) return time.print(ms) end\n"
    "function showd(ms) return time.show(ms) end"), LUA_OK);
  for (size_t i = 0; i < LEN(durations) + LEN(moments); i++) {
    bool d = i < LEN(durations);
    const char *s = d ? durations[i] : moments[i - LEN(durations)];
    int64_t ms = -1;
    ml_err e = {0};
    ml_rc rc = d ? ml_text_duration(ml_str_of(s), &ms, &e)
                 : ml_text_moment(ml_str_of(s), &ms, &e);

    lua_getglobal(L, d ? "dur" : "mom");
    lua_pushstring(L, s);
    assert_int_equal(lua_pcall(L, 1, 1, 0), LUA_OK);
    if (lua_tointeger(L, -1) != (rc == ML_OK ? ms : -1))
      fail_msg("'%s': C %lld, Lua %lld", s, (long long)(rc == ML_OK ? ms : -1),
               (long long)lua_tointeger(L, -1));
    lua_settop(L, 0);
  }
  ml_rand_seed(&rand, 11);
  for (int i = 0; i < 3000; i++) {
    int64_t ms = ml_rand_between(&rand.base, -62135596800000, 253402300799999);
    ml_buf b = {0};

    ml_text_put_moment(&b, ms);
    lua_getglobal(L, "show");
    lua_pushinteger(L, ms);
    assert_int_equal(lua_pcall(L, 1, 1, 0), LUA_OK);
    assert_string_equal(lua_tostring(L, -1), b.p);
    lua_getglobal(L, "mom");
    lua_pushstring(L, b.p);
    assert_int_equal(lua_pcall(L, 1, 1, 0), LUA_OK);
    assert_true(lua_tointeger(L, -1) == ms);
    ml_buf_reset(&b);
    ms = ml_rand_between(&rand.base, 0, 3155760000000) >> (i % 40);
    ml_text_put_duration(&b, ms);
    lua_getglobal(L, "showd");
    lua_pushinteger(L, ms);
    assert_int_equal(lua_pcall(L, 1, 1, 0), LUA_OK);
    assert_string_equal(lua_tostring(L, -1), b.p);
    lua_settop(L, 0);
    ml_buf_free(&b);
  }
  lua_close(L);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(folders),  cmocka_unit_test(order_delivery),
    cmocka_unit_test(shapes),   cmocka_unit_test(repeats),
    cmocka_unit_test(paths),    cmocka_unit_test(scanner),
    cmocka_unit_test(builders), cmocka_unit_test(times),
    cmocka_unit_test(times_as_in_c),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
