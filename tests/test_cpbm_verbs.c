/* test_cpbm_verbs.c - moonlane import cpbm, export cpbm and rule test: exit
** codes, what is printed, and folders that hold data and no code. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

#include "cmd/args.h"
#include "cmd/cmd_import.h"
#include "cmd/literal.h"
#include "cpbm_faults.h"
#include "cpbm_kit.h"

#define PAIR "--map", SAMPLES "transactionWorkflowMap.xml", "--workflows", \
  SAMPLES "workflows.xml"
#define BEANS "--beans", SAMPLES "applicationContext-workflow-customizations.xml"

static char work[200];           /* a folder of this program's */

static int make_work(void **state) {
  const char *base = getenv("TMPDIR");

  (void)state;
  snprintf(work, sizeof work, "%.150s/cpbm.XXXXXX", base != NULL ? base : "/tmp");
  return mkdtemp(work) != NULL ? 0 : -1;
}

static void empty(const char *dir) {
  DIR *d = opendir(dir);
  struct dirent *de;

  while (d != NULL && (de = readdir(d)) != NULL) {
    char path[600];

    if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
      continue;
    snprintf(path, sizeof path, "%.300s/%.250s", dir, de->d_name);
    if (unlink(path) != 0)
      empty(path);
  }
  if (d != NULL)
    closedir(d);
  rmdir(dir);
}

static int drop_work(void **state) {
  (void)state;
  empty(work);
  return 0;
}

static const char *in_work(const char *name) {
  static char path[8][300];
  static int next;

  next = (next + 1) % 8;
  snprintf(path[next], sizeof path[next], "%s/%s", work, name);
  return path[next];
}

static void put_file(const char *path, ml_str s) {
  FILE *f = fopen(path, "w");

  assert_non_null(f);
  assert_int_equal(fwrite(s.p, 1, s.n, f), s.n);
  assert_int_equal(fclose(f), 0);
}

static void get_file(const char *path, ml_buf *b) {
  ml_err e = {0};

  ml_buf_reset(b);
  if (ml_file_read(path, 1 << 26, b, &e) != ML_OK)
    fail_msg("%s: %s", e.at, e.text);
}

/* ---- running a verb ---- */

static ml_buf out, err;          /* what the last one printed */

static int swap(int fd, int with) {
  int old = dup(fd);

  fflush(NULL);
  assert_true(old >= 0 && dup2(with, fd) == fd);
  return old;
}

static void collect(int fd, ml_buf *b) {
  char piece[4096];
  ssize_t n;

  ml_buf_reset(b);
  assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
  while ((n = read(fd, piece, sizeof piece)) > 0)
    ml_buf_put(b, piece, (size_t)n);
  ml_buf_put(b, "", 0);
  close(fd);
}

static int run(int (*fn)(const ml_args *), const ml_opt *opts,
               const char *const *words) {
  static const ml_opt common[] = {{"output", "FORM", "", 'o'},
                                  {NULL, NULL, NULL, 0}};
  const ml_opt *const lists[] = {common, opts, NULL};
  int o = memfd_create("out", 0), e = memfd_create("err", 0), n = 0, code;
  int old_out, old_err;
  ml_args a;
  ml_err why = {0};

  while (words[n] != NULL)
    n++;
  if (ml_args_read(&a, lists, n, words, &why) != ML_OK)
    fail_msg("%s", why.text);
  old_out = swap(1, o);
  old_err = swap(2, e);
  code = fn(&a);
  close(swap(1, old_out));
  close(swap(2, old_err));
  close(old_out);
  close(old_err);
  ml_args_done(&a);
  collect(o, &out);
  collect(e, &err);
  return code;
}

#define IMPORT(...) run(ml_cmd_import, ml_opts_import, \
                        (const char *const[]){__VA_ARGS__, NULL})
#define EXPORT(...) run(ml_cmd_export, ml_opts_export, \
                        (const char *const[]){__VA_ARGS__, NULL})
#define RULE(...) run(ml_cmd_rule, ml_opts_rule, \
                      (const char *const[]){__VA_ARGS__, NULL})

/* ---- import --check ---- */

static void check(void **state) {
  ml_buf map = {0}, edited = {0};

  (void)state;
  assert_int_equal(IMPORT("cpbm", PAIR, "--check"), 0);
  assert_int_equal(out.len + err.len, 0);
  assert_int_equal(IMPORT("cpbm", PAIR, BEANS, "--check"), 0);
  sample("transactionWorkflowMap.xml", &map);
  replace_in(&edited, text_of(&map), "paymentModes == 2", "paymentModes = 2");
  put_file(in_work("bad.xml"), text_of(&edited));
  assert_int_equal(IMPORT("cpbm", "--map", in_work("bad.xml"), "--workflows",
                          SAMPLES "workflows.xml", "--check"), 1);
  ml_buf_reset(&edited);
  ml_buf_printf(&edited, "%s:6: in this Rule, line 2, column 61: '=' assigns; "
                "equality is written ==\n", in_work("bad.xml"));
  assert_string_equal(err.p, edited.p);
  assert_int_equal(out.len, 0);
  ml_buf_reset(&edited);
  replace_in(&edited, text_of(&map), "<Match ", "<Match hint='x' ");
  put_file(in_work("odd.xml"), text_of(&edited));
  assert_int_equal(IMPORT("cpbm", "--map", in_work("odd.xml"), "--workflows",
                          SAMPLES "workflows.xml", "--check"), 0);
  assert_non_null(strstr(err.p, "odd.xml:4: warning: Match has an unknown"));
  ml_buf_free(&map);
  ml_buf_free(&edited);
}

/* Each variant of the pair with one mistake: exit 1, and file:line: reason. */
static void every_single_fault(void **state) {
  static const char *const paths[3] = {"map", "workflows", "beans"};
  static const char *const names[3] = {
    "transactionWorkflowMap.xml", "workflows.xml",
    "applicationContext-workflow-customizations.xml"};
  size_t pair = 0;
  int here = open(".", O_RDONLY | O_DIRECTORY);

  (void)state;
  assert_true(here >= 0);
  for (size_t i = 0; i < LEN(faults); i++) {
    size_t k = faults[i].file == 'm' ? 0 : faults[i].file == 'w' ? 1 : 2;
    char at[320], *line;

    for (size_t f = 0; f < 3; f++) {
      ml_buf text = {0}, edited = {0};

      sample(names[f], &text);
      if (f == k)
        replace_in(&edited, text_of(&text), faults[i].find, faults[i].with);
      put_file(in_work(paths[f]), text_of(f == k ? &edited : &text));
      ml_buf_free(&text);
      ml_buf_free(&edited);
    }
    assert_int_equal(chdir(work), 0);
    assert_int_equal(IMPORT("cpbm", "--map", paths[0], "--workflows", paths[1],
                            "--beans", paths[2], "--check"), 1);
    assert_int_equal(fchdir(here), 0);
    snprintf(at, sizeof at, "%s:%u: ", paths[k], faults[i].line);
    line = strstr(err.p, at);
    if (line == NULL || strstr(line, faults[i].has) == NULL)
      fail_msg("%zu: '%s': wanted '%s...%s', got %s", i, faults[i].with, at,
               faults[i].has, err.p);
    assert_int_equal(out.len, 0);
    pair += k < 2;
  }
  close(here);
  fprintf(stderr, "# %zu variants of the pair, %zu with beans: exit 1 each\n", pair,
          LEN(faults));
  assert_true(pair >= 60);
}

static void usage(void **state) {
  (void)state;
  assert_int_equal(IMPORT("cpbm", "--check"), 2);
  assert_int_equal(IMPORT("cpbm", "--map", SAMPLES "workflows.xml", "--check"), 2);
  assert_non_null(strstr(err.p, "both wanted"));
  assert_int_equal(IMPORT("bpmn", PAIR, "--check"), 2);
  assert_int_equal(IMPORT("cpbm", PAIR), 2);
  assert_int_equal(IMPORT("cpbm", PAIR, "--check", "--max-depth", "0"), 2);
  assert_int_equal(IMPORT("cpbm", PAIR, "--check", "--max-rule-depth", "257"), 2);
  assert_int_equal(IMPORT("cpbm", PAIR, "-o", in_work("d"), "--name", "../x"), 2);
  assert_int_equal(IMPORT("cpbm", "--map", in_work("none.xml"), "--workflows",
                          SAMPLES "workflows.xml", "--check"), 3);
  assert_int_equal(EXPORT("cpbm", work), 2);
  assert_int_equal(EXPORT("cpbm", in_work("none"), PAIR), 3);
  assert_int_equal(RULE("test"), 2);
  assert_int_equal(RULE("prove", "x", PAIR), 2);
  assert_int_equal(RULE("test", in_work("none.json"), PAIR), 3);
}

static void bounds(void **state) {
  static const struct { const char *option, *value, *has; } cases[] = {
    {"--max-file", "100", ":1: the file is longer than 100 bytes (max-file)"},
    {"--max-depth", "2", "more than 2 deep (max-depth)"},
    {"--max-attribute", "5", "longer than 5 bytes (max-attribute)"},
    {"--max-rule", "20", "longer than 20 bytes (max-rule)"},
    {"--max-matches", "2", "more than 2 matches (max-matches)"},
    {"--max-workflows", "2", "more than 2 workflows (max-workflows)"}};

  (void)state;
  for (size_t i = 0; i < LEN(cases); i++) {
    assert_int_equal(IMPORT("cpbm", PAIR, "--check", cases[i].option,
                            cases[i].value), 1);
    if (strstr(err.p, cases[i].has) == NULL)
      fail_msg("%s: %s", cases[i].option, err.p);
  }
}

static void own_words(void **state) {
  ml_buf b = {0};

  (void)state;
  ml_buf_puts(&b, "<TransactionWorkflowMap><Match type='orderPlaced' "
              "workflow='w'><Rule>{true}</Rule></Match></TransactionWorkflowMap>");
  put_file(in_work("own.xml"), text_of(&b));
  ml_buf_reset(&b);
  ml_buf_puts(&b, "<Workflows><Workflow name='w'><Bucket order='1'><Activity "
              "name='a' ref='mine'/></Bucket></Workflow></Workflows>");
  put_file(in_work("ownflows.xml"), text_of(&b));
  assert_int_equal(IMPORT("cpbm", "--map", in_work("own.xml"), "--workflows",
                          in_work("ownflows.xml"), "--check"), 1);
  assert_int_equal(IMPORT("cpbm", "--map", in_work("own.xml"), "--workflows",
                          in_work("ownflows.xml"), "--check", "--type", "other",
                          "--type", "orderPlaced", "--activity", "mine"), 0);
  assert_int_equal(IMPORT("cpbm", "--map", in_work("own.xml"), "--workflows",
                          in_work("ownflows.xml"), "--type", "orderPlaced",
                          "--activity", "mine", "-o", work, "--name", "own"), 0);
  /* back without naming the words again */
  assert_int_equal(EXPORT("cpbm", in_work("own"), "--map", in_work("o1"),
                          "--workflows", in_work("o2")), 0);
  ml_buf_free(&b);
}

/* ---- folders ---- */

static void round_trip(void **state) {
  ml_buf a = {0}, b = {0}, given[3] = {{0}}, got[3] = {{0}};
  told t;
  ml_cpbm *c;
  struct stat st;

  (void)state;
  assert_int_equal(IMPORT("cpbm", PAIR, BEANS, "-o", in_work("flows")), 0);
  assert_non_null(strstr(out.p, "flows/cpbm: 3 workflows, 3 rules"));
  assert_int_equal(stat(in_work("flows/.cpbm.new"), &st), -1);
  assert_int_equal(EXPORT("cpbm", in_work("flows/cpbm"), "--map", in_work("m"),
                          "--workflows", in_work("w"), "--beans", in_work("b")),
                   0);
  assert_int_equal(stat(in_work("m.new"), &st), -1);
  get_file(in_work("m"), &got[0]);
  get_file(in_work("w"), &got[1]);
  get_file(in_work("b"), &got[2]);
  sample("transactionWorkflowMap.xml", &given[0]);
  sample("workflows.xml", &given[1]);
  sample("applicationContext-workflow-customizations.xml", &given[2]);
  assert_int_equal(load_with(NULL, text_of(&given[0]), text_of(&given[1]),
                             text_of(&given[2]), &t, &c), ML_OK);
  print_pair(&a, c);
  ml_cpbm_free(c);
  assert_int_equal(load_with(NULL, text_of(&got[0]), text_of(&got[1]),
                             text_of(&got[2]), &t, &c), ML_OK);
  print_pair(&b, c);
  ml_cpbm_free(c);
  assert_string_equal(a.p, b.p);
  /* what is there is not overwritten, and a broken pair makes nothing */
  assert_int_equal(IMPORT("cpbm", PAIR, "-o", in_work("flows")), 5);
  assert_non_null(strstr(err.p, "is there already"));
  assert_int_equal(IMPORT("cpbm", PAIR, "-o", in_work("flows"), "--name", "n2",
                          "--max-matches", "1"), 1);
  assert_int_equal(stat(in_work("flows/n2"), &st), -1);
  for (int i = 0; i < 3; i++) {
    ml_buf_free(&given[i]);
    ml_buf_free(&got[i]);
  }
  ml_buf_free(&a);
  ml_buf_free(&b);
}

/* A name of every printable kind of byte, and what would close any quote. */
static const char *const hostile[] = {
  "]] os.exit(1) --", "\\\" } os.exit(1) --", "' .. os.exit(1) .. '",
  "--[==[ ]==] os.exit(1)", "]==] ]=] \\", "\\x41\\065\\z", "受注 1-1′ Ω",
  "%q %s %d ${x} `id`"};

static void hostile_pair(ml_buf *map, ml_buf *flows) {
  ml_buf_puts(map, "<TransactionWorkflowMap>");
  ml_buf_puts(flows, "<Workflows>");
  for (size_t i = 0; i < LEN(hostile); i++) {
    ml_buf name = {0};

    for (const char *p = hostile[i]; *p != '\0'; p++) {
      if (*p == '"')
        ml_buf_puts(&name, "&quot;");
      else
        ml_buf_putc(&name, *p);
    }
    ml_buf_printf(map, "<Match type='paymentInfoChange' workflow=\"%s\"><Rule>"
                  "{#transaction.x == \"]] os.exit(1) --\\\" }</Rule></Match>",
                  name.p);
    ml_buf_printf(flows, "<Workflow name=\"%s\"><Bucket order='1' name=\"%s\">"
                  "<Activity name=\"%s\" ref='dummyActivity'/></Bucket>"
                  "</Workflow>", name.p, name.p, name.p);
    ml_buf_free(&name);
  }
  ml_buf_puts(map, "</TransactionWorkflowMap>");
  ml_buf_puts(flows, "</Workflows>");
}

/* Run a data file in a Lua that has no library at all: it can but be data. */
static void check_lua(ml_str text) {
  lua_State *L = luaL_newstate();

  assert_non_null(L);
  if (luaL_loadbufferx(L, text.p, text.n, "=data", "t") != LUA_OK
      || lua_pcall(L, 0, 1, 0) != LUA_OK)
    fail_msg("%s", lua_tostring(L, -1));
  assert_int_equal(lua_getfield(L, -1, "workflows"), LUA_TTABLE);
  for (size_t i = 0; i < LEN(hostile); i++) {
    assert_int_equal(lua_geti(L, -1, (lua_Integer)i + 1), LUA_TTABLE);
    assert_int_equal(lua_getfield(L, -1, "name"), LUA_TSTRING);
    assert_string_equal(lua_tostring(L, -1), hostile[i]);
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
  assert_int_equal(lua_getfield(L, -1, "rules"), LUA_TTABLE);
  assert_int_equal(lua_geti(L, -1, 1), LUA_TTABLE);
  assert_int_equal(lua_getfield(L, -1, "rule"), LUA_TSTRING);
  assert_string_equal(lua_tostring(L, -1),
                      "{#transaction.x == \"]] os.exit(1) --\\\" }");
  lua_close(L);
}

/* Between quotes nothing but harmless characters and \ddd. */
static void check_quotes(ml_str s) {
  bool inside = false;

  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];

    if (c == '"') {
      inside = !inside;
    } else if (inside && c == '\\') {
      for (size_t k = 1; k <= 3; k++)
        assert_true(i + k < s.n && s.p[i + k] >= '0' && s.p[i + k] <= '9');
      i += 3;
    } else {
      assert_true(inside ? c >= ' ' && c < 127 && c != '[' && c != ']'
                         : c == '\n' || (c >= ' ' && c < 127));
    }
  }
  assert_false(inside);
}

static void names_are_data(void **state) {
  ml_buf map = {0}, flows = {0}, a = {0}, b = {0};
  static const char *const code[] = {"workflow.lua", "rules.lua"};

  (void)state;
  hostile_pair(&map, &flows);
  put_file(in_work("hm.xml"), text_of(&map));
  put_file(in_work("hw.xml"), text_of(&flows));
  assert_int_equal(IMPORT("cpbm", "--map", in_work("hm.xml"), "--workflows",
                          in_work("hw.xml"), "-o", work, "--name", "hostile"), 0);
  assert_int_equal(IMPORT("cpbm", PAIR, "-o", work, "--name", "tame"), 0);
  for (size_t i = 0; i < LEN(code); i++) {
    char path[60];

    snprintf(path, sizeof path, "hostile/%s", code[i]);
    get_file(in_work(path), &a);
    snprintf(path, sizeof path, "tame/%s", code[i]);
    get_file(in_work(path), &b);
    assert_string_equal(a.p, b.p);
    assert_non_null(strstr(a.p, "require \"cpbm_1\""));
  }
  get_file(in_work("hostile/cpbm_1.lua"), &a);
  check_quotes(text_of(&a));
  check_lua(text_of(&a));
  assert_int_equal(EXPORT("cpbm", in_work("hostile"), "--map", in_work("hm2"),
                          "--workflows", in_work("hw2")), 0);
  assert_int_equal(IMPORT("cpbm", "--map", in_work("hm2"), "--workflows",
                          in_work("hw2"), "-o", work, "--name", "hostile2"), 0);
  get_file(in_work("hostile2/cpbm_1.lua"), &b);
  check_lua(text_of(&b));
  assert_int_equal(EXPORT("cpbm", in_work("hostile2"), "--map", in_work("hm3"),
                          "--workflows", in_work("hw3")), 0);
  get_file(in_work("hm2"), &a);
  get_file(in_work("hm3"), &b);
  assert_string_equal(a.p, b.p);
  get_file(in_work("hw2"), &a);
  get_file(in_work("hw3"), &b);
  assert_string_equal(a.p, b.p);
  ml_buf_free(&map);
  ml_buf_free(&flows);
  ml_buf_free(&a);
  ml_buf_free(&b);
}

static void names_no_folder_can_hold(void **state) {
  ml_buf b = {0};

  (void)state;
  ml_buf_puts(&b, "<Workflows><Workflow name='");
  for (int i = 0; i < 201; i++)
    ml_buf_putc(&b, 'n');
  ml_buf_puts(&b, "'><Bucket order='1'/></Workflow></Workflows>");
  put_file(in_work("long.xml"), text_of(&b));
  put_file(in_work("nomap.xml"), ML_STR("<TransactionWorkflowMap/>"));
  assert_int_equal(IMPORT("cpbm", "--map", in_work("nomap.xml"), "--workflows",
                          in_work("long.xml"), "-o", work, "--name", "long"), 1);
  assert_non_null(strstr(err.p, "1 to 200 bytes"));
  assert_int_not_equal(access(in_work("long"), F_OK), 0);
  ml_buf_free(&b);
}

/* Phases as they run: sorted, joined when equal, each with a name of its own. */
static void phases(void **state) {
  ml_buf b = {0};

  (void)state;
  put_file(in_work("phases.xml"), ML_STR(
    "<Workflows><Workflow name='w'><Bucket order='30' name='x'/><Bucket order='2'/>"
    "<Bucket order='10' name='x'/><Bucket order='2' name='y'/>"
    "<Bucket order='40' name='x (30)'/></Workflow></Workflows>"));
  put_file(in_work("nomap.xml"), ML_STR("<TransactionWorkflowMap/>"));
  assert_int_equal(IMPORT("cpbm", "--map", in_work("nomap.xml"), "--workflows",
                          in_work("phases.xml"), "-o", work, "--name", "phases"),
                   0);
  get_file(in_work("phases/cpbm_1.lua"), &b);
  assert_non_null(strstr(b.p,
    "      phases = {\n"
    "        { name = \"Phase 2 \\043 y\", buckets = { 2, 4, } },\n"
    "        { name = \"x\", buckets = { 3, } },\n"
    "        { name = \"x (30)\", buckets = { 1, } },\n"
    "        { name = \"x (30) (40)\", buckets = { 5, } },\n"
    "      },\n"));
  ml_buf_free(&b);
}

static void ten_thousand(void **state) {
  enum { N = 10000 };
  ml_buf map = {0}, flows = {0}, a = {0}, b = {0};
  struct timespec from;

  (void)state;
  ml_buf_puts(&map, "<TransactionWorkflowMap>\n");
  ml_buf_puts(&flows, "<Workflows>\n");
  for (int i = 0; i < N; i++) {
    ml_buf_printf(&map, "  <Match type=\"tenantStateChange\" workflow=\"w%d\">\n"
                  "    <Rule>{#transaction.n == %d}</Rule>\n  </Match>\n", i, i);
    ml_buf_printf(&flows, "  <Workflow name=\"w%d\">\n    <Bucket order=\"1\">\n"
                  "      <Activity name=\"a\" ref=\"dummyActivity\"/>\n"
                  "    </Bucket>\n  </Workflow>\n", i);
  }
  ml_buf_puts(&map, "</TransactionWorkflowMap>\n");
  ml_buf_puts(&flows, "</Workflows>\n");
  put_file(in_work("tm.xml"), text_of(&map));
  put_file(in_work("tw.xml"), text_of(&flows));
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
  assert_int_equal(IMPORT("cpbm", "--map", in_work("tm.xml"), "--workflows",
                          in_work("tw.xml"), "-o", work, "--name", "ten"), 0);
  assert_non_null(strstr(err.p, "tw.xml:322: warning: from this one on"));
  assert_int_equal(EXPORT("cpbm", in_work("ten"), "--map", in_work("tm2"),
                          "--workflows", in_work("tw2")), 0);
  fprintf(stderr, "# 10,000 imported to a folder and back: %.0f ms\n",
          ms_since(&from));
  assert_true(ms_since(&from) < 20000);
  assert_int_equal(access(in_work("ten/cpbm_2.lua"), F_OK), 0);
  get_file(in_work("tm2"), &a);
  assert_string_equal(strchr(a.p, '\n') + 1, map.p);
  get_file(in_work("tw2"), &b);
  assert_string_equal(strchr(b.p, '\n') + 1, flows.p);
  ml_buf_free(&map);
  ml_buf_free(&flows);
  ml_buf_free(&a);
  ml_buf_free(&b);
}

static void folders_of_others(void **state) {
  static const char *const bad[] = {
    "return {}", "return { format = 2 }", "x", "return { format = 1, rules = 7 }",
    "return { format = 1, rules = { 7 } }", "return { format = os.exit(1) }",
    "return { format = 1, workflows = { { name = 'a' } } }",
    "return { format = 1, workflows = { { name = 'a', buckets = { { order = 'x' } "
    "} } } }",
    "return { format = 1, rules = { { type = 'paymentInfoChange', to = 'a', rule "
    "= '{true}' } } }",
    "return { format = 1, workflows = { { name = 'a\\0b', buckets = { { order = 1 "
    "} } } } }",
    "return { format = 1, activities = { { ref = 'x', settings = { { 'a' } } } } }"};
  ml_buf before = {0}, after = {0};

  (void)state;
  assert_int_equal(mkdir(in_work("other"), 0777), 0);
  put_file(in_work("keep.m"), ML_STR("as it was"));
  get_file(in_work("keep.m"), &before);
  for (size_t i = 0; i < LEN(bad); i++) {
    put_file(in_work("other/cpbm_1.lua"), ml_str_of(bad[i]));
    if (EXPORT("cpbm", in_work("other"), "--map", in_work("keep.m"),
               "--workflows", in_work("keep.w")) != 1)
      fail_msg("%s", bad[i]);
    assert_true(err.len > 20);
    get_file(in_work("keep.m"), &after);
    assert_string_equal(before.p, after.p);
    assert_int_not_equal(access(in_work("keep.w"), F_OK), 0);
  }
  ml_buf_free(&before);
  ml_buf_free(&after);
}

/* ---- rule test ---- */

static void rule_test(void **state) {
  static const struct { const char *tx; int code; const char *json; } cases[] = {
    {"{\"type\":\"tenantStateChange\",\"tenantInitialState\":{\"name\":\"OLD\"}}",
     0, "{\"workflow\":null}\n"},
    {"{\"type\":\"paymentInfoChange\"}", 0, "{\"workflow\":null}\n"},
    {"{\"type\":{\"name\":\"subscriptionActivation\"},\"tenant\":{\"accountType\":"
     "{\"preAuthRequired\":true}}}", 0, "{\"workflow\":\"reserve-funds\"}\n"},
    {"{\"type\":\"subscriptionActivation\",\"tenant\":{\"accountType\":"
     "{\"preAuthRequired\":null}}}", 0, "{\"workflow\":null}\n"},
    {"{\"type\":\"subscriptionActivation\",\"tenant\":{\"accountType\":{}}}", 1,
     "{\"error\":\"there is no property 'preAuthRequired' in "
     "#transaction.tenant.accountType\",\"line\":11}\n"},
    {"{\"type\":\"subscriptionActivation\",\"tenant\":null}", 1,
     "{\"error\":\"'.accountType' is asked of null; '?.accountType' would give "
     "null there\",\"line\":11}\n"},
    {"{\"id\":\"x\"}", 2, ""}, {"[]", 2, ""}, {"{", 2, ""}};

  (void)state;
  assert_int_equal(RULE("test", PAIR, SAMPLES "tenant-pays-by-card.json", "-o",
                        "json"), 0);
  assert_string_equal(out.p, "{\"workflow\":\"retail-onboarding\"}\n");
  assert_int_equal(RULE("test", PAIR, SAMPLES "subscription-without-preauth.json",
                        "-o", "json"), 0);
  assert_string_equal(out.p, "{\"workflow\":null}\n");
  for (size_t i = 0; i < LEN(cases); i++) {
    put_file(in_work("tx.json"), ml_str_of(cases[i].tx));
    if (RULE("test", PAIR, in_work("tx.json"), "-o", "json") != cases[i].code
        || strcmp(out.p != NULL ? out.p : "", cases[i].json) != 0)
      fail_msg("%s: %s", cases[i].tx, out.p);
  }
}

static void rule_test_of_a_broken_pair(void **state) {
  (void)state;
  put_file(in_work("broken.xml"), ML_STR("<TransactionWorkflowMap>\n<Match "
           "type='paymentInfoChange' workflow='x'/>\n</TransactionWorkflowMap>"));
  assert_int_equal(RULE("test", "--map", in_work("broken.xml"), "--workflows",
                        SAMPLES "workflows.xml",
                        SAMPLES "tenant-pays-by-card.json", "-o", "json"), 1);
  assert_non_null(strstr(out.p, "{\"error\":\"this Match has no Rule\",\"line\":2,"
                         "\"file\":"));
  assert_non_null(strstr(err.p, "broken.xml:2: this Match has no Rule\n"));
}

static void rule_table(void **state) {
  (void)state;
  put_file(in_work("tx.json"), ML_STR("{\"type\":\"tenantStateChange\","
    "\"tenantInitialState\":{\"name\":\"NEW\"},\"tenantTargetState\":{\"name\":"
    "\"ACTIVE\"},\"tenant\":{\"accountType\":{\"paymentModes\":1}}}"));
  assert_int_equal(RULE("test", PAIR, in_work("tx.json"), "-o", "table"), 0);
  assert_non_null(strstr(out.p, "retail-onboarding  false"));
  assert_non_null(strstr(out.p, "basic-onboarding   true"));
  assert_null(strstr(out.p, "reserve-funds"));
  put_file(in_work("tx.json"), ML_STR("{\"type\":\"tenantStateChange\"}"));
  assert_int_equal(RULE("test", PAIR, in_work("tx.json"), "-o", "table"), 1);
  assert_non_null(strstr(out.p, "retail-onboarding  error"));
  assert_null(strstr(out.p, "basic-onboarding"));
  assert_non_null(strstr(err.p, "transactionWorkflowMap.xml:4: in this Rule, line "
                         "1, column 15: there is no property"));
  put_file(in_work("tx.json"), ML_STR("{\"type\":\"paymentInfoChange\"}"));
  assert_int_equal(RULE("test", PAIR, in_work("tx.json"), "-o", "table"), 0);
  assert_non_null(strstr(out.p, "completes at once"));
}

/* ---- memory that ends ---- */

static void memory_ends(void **state) {
  ml_buf in[3] = {{0}};
  uint64_t n = 1;
  ml_rc rc;
  told t;
  ml_cpbm *c;

  (void)state;
  sample("transactionWorkflowMap.xml", &in[0]);
  sample("workflows.xml", &in[1]);
  sample("applicationContext-workflow-customizations.xml", &in[2]);
  assert_int_equal(load_with(NULL, text_of(&in[0]), text_of(&in[1]),
                             text_of(&in[2]), &t, &c), ML_OK);
  do {
    ml_cpbm_text *files = NULL;
    ml_buf xml[3] = {{0}};
    size_t count = 0;
    ml_err e = {0};

    ml_mem_fail_at(n++, 1);
    rc = ml_cpbm_put_folder(c, ML_STR("map.xml"), &files, &count, &e);
    if (rc == ML_OK) {
      ml_cpbm_file data = {ML_STR("cpbm_1.lua"), text_of(&files[0].text)};

      rc = ml_cpbm_get_folder(&data, 1, &xml[0], &xml[1], &xml[2], &e);
    }
    ml_mem_fail_at(0, 0);
    assert_true(rc == ML_OK || rc == ML_NOMEM);
    ml_cpbm_free_folder(files, count);
    for (int i = 0; i < 3; i++)
      ml_buf_free(&xml[i]);
    assert_true(n < 10000);
  } while (rc != ML_OK);
  assert_true(n > 10);
  ml_cpbm_free(c);
  for (int i = 0; i < 3; i++)
    ml_buf_free(&in[i]);
}

static int finish(void **state) {
  ml_buf_free(&out);
  ml_buf_free(&err);
  return drop_work(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(check), cmocka_unit_test(every_single_fault), cmocka_unit_test(usage), cmocka_unit_test(bounds),
    cmocka_unit_test(own_words), cmocka_unit_test(round_trip),
    cmocka_unit_test(names_are_data),
    cmocka_unit_test(names_no_folder_can_hold), cmocka_unit_test(phases),
    cmocka_unit_test(ten_thousand), cmocka_unit_test(folders_of_others),
    cmocka_unit_test(rule_test), cmocka_unit_test(rule_test_of_a_broken_pair),
    cmocka_unit_test(rule_table), cmocka_unit_test(memory_ends)};

  return cmocka_run_group_tests(tests, make_work, finish);
}
