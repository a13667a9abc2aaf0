/* test_cmd.c - the parts of the command line that need no engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cmd/args.h"
#include "cmd/config.h"
#include "cmd/files.h"
#include "cmd/line.h"
#include "cmd/literal.h"
#include "cmd/out.h"
#include "cmd/talk.h"
#include "cmd/verbs.h"
#include "cmd/view.h"
#include "cmd/watch.h"

/* ---- moonlane.lua as data ---- */

static ml_rc read_as_json(const char *text, size_t n, ml_buf *out, ml_err *e) {
  ml_arena a = {0};
  ml_json *v;
  ml_rc rc = ml_literal_read(&a, "m.lua", (ml_str){text, n}, &v, e);

  if (rc == ML_OK)
    ml_json_print(out, v);
  else
    assert_null(v);
  ml_arena_free(&a);
  return rc;
}

static void literals_are_read(void **state) {
  static const struct { const char *text, *json; } good[] = {
    {"{}", "[]"},
    {"return { a = 1 }", "{\"a\":1}"},
    {"-- c\nreturn{a=1;b=2,}", "{\"a\":1,\"b\":2}"},
    {"--[[ a\n]] { 1, 2, 3 } ;", "[1,2,3]"},
    {"--[==[ ]] ]==]{true,false}", "[true,false]"},
    {"{['a b']=\"x\"}", "{\"a b\":\"x\"}"},
    {"{ [ [[k]] ] = 'v' }", "{\"k\":\"v\"}"},
    {"{ [==[a]]b]==] }", "[\"a]]b\"]"},
    {"{ [[\nfirst newline goes]] }", "[\"first newline goes\"]"},
    {"{'\\65\\x42\\u{3A9}\\z  \n  c\\\n\\t'}", "[\"AB\xCE\xA9" "c\\n\\t\"]"},
    {"{0x10, -5, 1.5, 1e3, .5, -0x7}", "[16,-5,1.5,1000.0,0.5,-7]"},
    {"{9223372036854775807}", "[9223372036854775807]"},
    {"{a={b={c={}}}}", "{\"a\":{\"b\":{\"c\":[]}}}"},
    {"{ trueish = 1, falsey = 2 }", "{\"trueish\":1,\"falsey\":2}"},
    {"{ listen = '127.0.0.1:0', -- here\n allow = { 'a', 'b' } }",
     "{\"listen\":\"127.0.0.1:0\",\"allow\":[\"a\",\"b\"]}"}};

  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    ml_buf out = {0};
    ml_err e = {0};

    if (read_as_json(good[i].text, strlen(good[i].text), &out, &e) != ML_OK)
      fail_msg("%s: %s: %s", good[i].text, e.at, e.text);
    assert_string_equal(out.p, good[i].json);
    ml_buf_free(&out);
  }
}

static void code_is_refused(void **state) {
  static const struct { const char *text, *says; int line; } bad[] = {
    {"", "a table is wanted", 1},
    {"return", "a table is wanted", 1},
    {"return 5", "a table is wanted", 1},
    {"local x = 1 return {}", "a table is wanted", 1},
    {"{ a = os.execute('x') }", "nothing else is read", 1},
    {"{ a = function() end }", "nothing else is read", 1},
    {"{ os.exit() }", "stands for nothing", 1},
    {"{ a }", "stands for nothing", 1},
    {"{ a = 1 + 1 }", "'}' is wanted", 1},
    {"{ a = 'x' .. 'y' }", "'}' is wanted", 1},
    {"{ a = #'x' }", "nothing else is read", 1},
    {"{ a = (1) }", "nothing else is read", 1},
    {"{ a = nil }", "nothing else is read", 1},
    {"{ [1] = 2 }", "a text in quotes is wanted", 1},
    {"{ ['a'] }", "'=' is wanted", 1},
    {"{ 1, a = 2 }", "not both", 1},
    {"{ a = 2, 1 }", "not both", 1},
    {"{ a = 1,\n a = 2 }", "twice", 2},
    {"{\n\n a = 'x\n' }", "not closed", 3},
    {"{ 'x", "not closed", 1},
    {"{ 'x\\", "not closed", 1},
    {"{ [[x }", "not closed", 1},
    {"{ --[[x }", "not closed", 1},
    {"{ 1", "not closed", 1},
    {"{ a =", "missing at the end", 1},
    {"{ '\\q' }", "escape", 1},
    {"{ '\\x4' }", "hexadecimal", 1},
    {"{ '\\300' }", "at most 255", 1},
    {"{ '\\u{110000}' }", "beyond", 1},
    {"{ '\\u{D800}' }", "not a character", 1},
    {"{ '\\u{}' }", "not a character", 1},
    {"{ '\\xff' }", "UTF-8", 1},
    {"{ '\\0' }", "zero byte", 1},
    {"{ 1e }", "not a number", 1},
    {"{ 0x }", "not a number", 1},
    {"{ - 1 }", "not a number", 1},
    {"{ -- 1 }", "not closed", 1},
    {"{ 1.2.3 }", "not a number", 1},
    {"{ -nan }", "not a number", 1},
    {"{ -inf }", "not a number", 1},
    {"{ 0x1p }", "not a number", 1},
    {"{ 9223372036854775808 }", "too large", 1},
    {"{ 1e999 }", "too large", 1},
    {"{} {}", "behind the table", 1},
    {"{} return", "behind the table", 1},
    {"{,}", "is wanted here", 1},
    {"\x1bLua", "a table is wanted", 1}};

  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ml_buf out = {0};
    ml_err e = {0};
    char at[32];

    if (read_as_json(bad[i].text, strlen(bad[i].text), &out, &e) != ML_INVALID)
      fail_msg("not refused: %s", bad[i].text);
    if (strstr(e.text, bad[i].says) == NULL)
      fail_msg("%s: says '%s', not '%s'", bad[i].text, e.text, bad[i].says);
    snprintf(at, sizeof at, "m.lua:%d", bad[i].line);
    assert_string_equal(e.at, at);
    ml_buf_free(&out);
  }
}

static void literals_have_limits(void **state) {
  ml_buf text = {0}, out = {0};
  ml_err e = {0};

  (void)state;
  for (int i = 0; i < ML_LITERAL_DEPTH; i++)
    ml_buf_puts(&text, "{");
  for (int i = 0; i < ML_LITERAL_DEPTH; i++)
    ml_buf_puts(&text, "}");
  assert_int_equal(read_as_json(text.p, text.len, &out, &e), ML_OK);
  ml_buf_reset(&text);
  for (int i = 0; i < 100000; i++)
    ml_buf_puts(&text, "{");
  assert_int_equal(read_as_json(text.p, text.len, &out, &e), ML_LIMIT);
  ml_buf_reset(&text);
  ml_buf_puts(&text, "{");
  for (int i = 0; i <= ML_LITERAL_VALUES; i++)
    ml_buf_puts(&text, "1,");
  ml_buf_puts(&text, "}");
  assert_int_equal(read_as_json(text.p, text.len, &out, &e), ML_LIMIT);
  ml_buf_reset(&text);
  for (size_t i = 0; i <= ML_LITERAL_BYTES; i++)
    ml_buf_putc(&text, ' ');
  assert_int_equal(read_as_json(text.p, text.len, &out, &e), ML_LIMIT);
  ml_buf_free(&text);
  ml_buf_free(&out);
}

/* Every cut and every changed byte of a file either reads or is refused; what
** it never does is read beyond the end (the sanitizers look). */
static void hostile_bytes_are_survived(void **state) {
  static const char file[] =
    "--[=[ c ]=] return { ['k\\x41'] = \"\\u{1F600}\\z\n x\", l = { 1, -2.5e3,"
    " 0xFF, [==[ a ]=] b ]==], true }; n = {} } -- end";
  size_t n = sizeof file - 1;
  size_t ok = 0, refused = 0;

  (void)state;
  for (size_t cut = 0; cut <= n; cut++) {
    char *exact = ml_mem_alloc(cut + 1);   /* a cut text ends at its memory */
    ml_buf out = {0};
    ml_err e = {0};
    ml_rc rc;

    memcpy(exact, file, cut);
    rc = read_as_json(exact, cut, &out, &e);
    assert_true(rc == ML_OK || rc == ML_INVALID);
    *(rc == ML_OK ? &ok : &refused) += 1;
    ml_buf_free(&out);
    ml_mem_free(exact);
  }
  assert_true(ok > 0 && refused > 100);
  for (size_t i = 0; i < n; i++)
    for (int c = 0; c < 256; c++) {
      char copy[sizeof file];
      ml_buf out = {0};
      ml_err e = {0};
      ml_rc rc;

      memcpy(copy, file, sizeof file);
      copy[i] = (char)c;
      rc = read_as_json(copy, n, &out, &e);
      assert_true(rc == ML_OK || rc == ML_INVALID);
      ml_buf_free(&out);
    }
}

static void literals_survive_want_of_memory(void **state) {
  static const char text[] = "{ a = { 'x', [[y]] }, b = \"\\65\", c = 1 }";
  bool read = false;

  (void)state;
  for (uint64_t n = 1; n < 200 && !read; n++) {
    ml_buf out = {0};
    ml_err e = {0};
    ml_rc rc;

    ml_mem_fail_at(n, 0);
    rc = read_as_json(text, sizeof text - 1, &out, &e);
    ml_mem_fail_at(0, 0);
    assert_true(rc == ML_OK || rc == ML_NOMEM);
    read = rc == ML_OK && !out.bad;
    ml_buf_free(&out);
  }
  assert_true(read);
}

/* ---- configuration ---- */

static char folder[256];

static const char *file_with(const char *name, const char *text) {
  static char path[512];
  FILE *f;

  snprintf(path, sizeof path, "%s/%s", folder, name);
  f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
  return path;
}

static void config_comes_from_file_and_environment(void **state) {
  const char *path = file_with("m.lua", "return { db = 'a.db', workers = 3,\n"
    "allow = { '127.0.0.1:1', '[::1]:2' }, insecure_scripts = true }");
  char *env[] = {"MOONLANE_DB=b.db", "MOONLANE_HOST=a,b.example", "PATH=x",
                 "MOONLANE_SERVICE_PORT=7", "MOONLANE_URL=", NULL};
  const char *const *texts;
  ml_config c;
  ml_err e = {0};

  (void)state;
  assert_int_equal(ml_config_read(&c, path, env, &e), ML_OK);
  assert_int_equal(ml_config_get(&c, "db", &texts), 1);
  assert_string_equal(texts[0], "b.db");
  assert_int_equal(ml_config_get(&c, "workers", &texts), 1);
  assert_string_equal(texts[0], "3");
  assert_int_equal(ml_config_get(&c, "allow", &texts), 2);
  assert_string_equal(texts[1], "[::1]:2");
  assert_int_equal(ml_config_get(&c, "host", &texts), 2);
  assert_string_equal(texts[1], "b.example");
  assert_int_equal(ml_config_get(&c, "insecure-scripts", &texts), 1);
  assert_string_equal(texts[0], "true");
  assert_int_equal(ml_config_get(&c, "url", &texts), 0);
  assert_int_equal(ml_config_get(&c, "no-such", &texts), 0);
  ml_config_done(&c);
}

static void config_refuses_what_it_does_not_know(void **state) {
  static const struct { const char *file, *env, *says; } bad[] = {
    {"{ lisen = 'x' }", NULL, "no key 'lisen'; the keys are: folder, db"},
    {"{ db = 5 }", NULL, "'db' wants a text"},
    {"{ workers = '5' }", NULL, "'workers' wants an integer"},
    {"{ insecure_scripts = 1 }", NULL, "wants true or false"},
    {"{ allow = { 1 } }", NULL, "a list of texts"},
    {"{ allow = { a = 'x' } }", NULL, "a list of texts"},
    {"{ 'db' }", NULL, "a table with keys"},
    {"{ db = os.getenv('HOME') }", NULL, "nothing else is read"},
    {"{}", "MOONLANE_WORKERS=many", "'workers' wants an integer"},
    {"{}", "MOONLANE_INSECURE_SCRIPTS=yes", "wants true or false"}};

  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const char *path = file_with("bad.lua", bad[i].file);
    char *env[] = {(char *)bad[i].env, NULL};
    ml_config c;
    ml_err e = {0};

    assert_int_equal(ml_config_read(&c, path, env, &e), ML_INVALID);
    if (strstr(e.text, bad[i].says) == NULL)
      fail_msg("'%s' says '%s'", bad[i].file, e.text);
    ml_config_done(&c);
  }
}

static void a_named_config_must_be_there(void **state) {
  char path[512], entry[600];
  char *env[] = {entry, NULL};
  ml_config c;
  ml_err e = {0};

  (void)state;
  snprintf(path, sizeof path, "%s/missing.lua", folder);
  assert_int_equal(ml_config_read(&c, path, NULL, &e), ML_NOT_FOUND);
  ml_config_done(&c);
  snprintf(entry, sizeof entry, "MOONLANE_CONFIG=%s", path);
  assert_int_equal(ml_config_read(&c, NULL, env, &e), ML_NOT_FOUND);
  ml_config_done(&c);
}

/* ---- options ---- */

static const ml_opt opts[] = {
  {"output", "FORM", "", 'o'}, {"wait", NULL, "", 'w'},
  {"allow", "ADDRESS", "", 0}, {"workers", "N", "", 0},
  {"drain", "DURATION", "", 0}, {NULL, NULL, NULL, 0}};
static const ml_opt *const opt_lists[] = {opts, NULL};

static ml_rc read_words(ml_args *a, ml_err *e, int n, const char *const *words) {
  memset(e, 0, sizeof *e);
  return ml_args_read(a, opt_lists, n, words, e);
}

static void options_are_read_in_every_form(void **state) {
  const char *words[] = {"a", "--output", "json", "--allow=x", "--allow", "y=z",
                         "-w", "-", "-otable", "--", "--wait", "-q"};
  ml_args a;
  ml_err e;

  (void)state;
  assert_int_equal(read_words(&a, &e, 12, words), ML_OK);
  assert_int_equal(a.word_count, 4);
  assert_string_equal(a.words[1], "-");
  assert_string_equal(a.words[2], "--wait");
  assert_string_equal(a.words[3], "-q");
  assert_null(ml_args_word(&a, 4));
  assert_string_equal(ml_args_get(&a, "output"), "table");
  assert_true(ml_args_flag(&a, "wait"));
  assert_false(ml_args_flag(&a, "drain"));
  assert_int_equal(ml_args_count(&a, "allow"), 2);
  assert_string_equal(ml_args_nth(&a, "allow", 0), "x");
  assert_string_equal(ml_args_nth(&a, "allow", 1), "y=z");
  assert_null(ml_args_nth(&a, "allow", 2));
  ml_args_done(&a);
}

static void wrong_options_name_the_nearest(void **state) {
  static const struct { const char *word, *says; } bad[] = {
    {"--alow", "did you mean --allow?"},
    {"--ouptut=json", "did you mean --output?"},
    {"--worker", "did you mean --workers?"},
    {"--quite-another", "there is no option '--quite-another'"},
    {"-x", "there is no option '-x'"},
    {"-wx", "there is no option '-wx'"},
    {"--wait=1", "takes no value"},
    {"--allow", "wants a value: ADDRESS"},
    {"-o", "wants a value: FORM"}};

  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ml_args a;
    ml_err e;

    assert_int_equal(read_words(&a, &e, 1, &bad[i].word), ML_INVALID);
    if (strstr(e.text, bad[i].says) == NULL)
      fail_msg("%s says '%s'", bad[i].word, e.text);
    ml_args_done(&a);
  }
}

static void numbers_and_durations_have_bounds(void **state) {
  const char *words[] = {"--workers=9", "--drain", "2m"};
  const char *wrong[] = {"--workers=x", "--drain=soon"};
  ml_args a;
  ml_err e;
  int64_t n;

  (void)state;
  assert_int_equal(read_words(&a, &e, 3, words), ML_OK);
  assert_int_equal(ml_args_int(&a, "workers", 1, 9, 0, &n, &e), ML_OK);
  assert_int_equal(n, 9);
  assert_int_equal(ml_args_int(&a, "workers", 1, 8, 0, &n, &e), ML_INVALID);
  assert_int_equal(ml_args_int(&a, "limit", 1, 8, 5, &n, &e), ML_OK);
  assert_int_equal(n, 5);
  assert_int_equal(ml_args_duration(&a, "drain", 0, &n, &e), ML_OK);
  assert_int_equal(n, 120000);
  ml_args_done(&a);
  assert_int_equal(read_words(&a, &e, 2, wrong), ML_OK);
  assert_int_equal(ml_args_int(&a, "workers", 1, 9, 0, &n, &e), ML_INVALID);
  assert_int_equal(ml_args_duration(&a, "drain", 0, &n, &e), ML_INVALID);
  ml_args_done(&a);
}

static void an_option_wins_over_the_configuration(void **state) {
  char *env[] = {"MOONLANE_ALLOW=p,q", "MOONLANE_WORKERS=2",
                 "MOONLANE_INSECURE_SCRIPTS=false", NULL};
  const char *path = file_with("empty.lua", "{}");
  const char *words[] = {"--workers", "4"};
  ml_config c;
  ml_args a;
  ml_err e = {0};

  (void)state;
  assert_int_equal(ml_config_read(&c, path, env, &e), ML_OK);
  assert_int_equal(read_words(&a, &e, 2, words), ML_OK);
  a.config = &c;
  assert_string_equal(ml_args_get(&a, "workers"), "4");
  assert_null(ml_args_given(&a, "allow"));
  assert_int_equal(ml_args_count(&a, "allow"), 2);
  assert_string_equal(ml_args_nth(&a, "allow", 1), "q");
  assert_false(ml_args_flag(&a, "insecure-scripts"));
  ml_args_done(&a);
  ml_config_done(&c);
}

/* ---- verbs ---- */

static void every_verb_has_help_with_examples(void **state) {
  (void)state;
  assert_true(ml_verb_count() > 20);
  for (size_t i = 0; i < ml_verb_count(); i++) {
    const ml_verb *v = ml_verb_at(i);
    const char *nl;
    char begin[64];
    ml_buf b = {0};

    assert_ptr_equal(ml_verb_find(v->name), v);
    assert_true(v->fn != NULL || v->ask != NULL);
    assert_non_null(v->opts);
    nl = strchr(v->examples, '\n');
    if (nl == NULL)
      fail_msg("%s has one example only", v->name);
    snprintf(begin, sizeof begin, "moonlane %s", v->name);
    assert_memory_equal(v->examples, begin, strlen(begin));
    assert_memory_equal(nl + 1, begin, strlen(begin));
    ml_help_verb(&b, v);
    assert_non_null(strstr(b.p, "\nOptions\n"));
    assert_non_null(strstr(b.p, "--help"));
    assert_non_null(strstr(b.p, v->help));
    ml_buf_free(&b);
  }
}

/* ---- tables ---- */

static void put_table(ml_buf *out, size_t width) {
  static const char *const titles[] = {"ID", "SUBJECT", "RUN"};
  ml_table t;

  ml_table_init(&t, titles, 3, 1);
  ml_table_cellz(&t, "1");
  ml_table_cellz(&t, "\xE5\x8F\x97\xE6\xB3\xA8\xE7\xB4\x8D\xE5\x93\x81");
  ml_table_cellz(&t, "Running");
  ml_table_cellz(&t, "22");
  ml_table_cellz(&t, "a long subject");
  ml_table_cellz(&t, "");
  ml_table_put(&t, width, out);
}

static void tables_line_up_wide_characters(void **state) {
  ml_buf out = {0};

  (void)state;
  put_table(&out, 0);
  assert_string_equal(out.p,
    "ID  SUBJECT         RUN\n"
    "1   \xE5\x8F\x97\xE6\xB3\xA8\xE7\xB4\x8D\xE5\x93\x81        Running\n"
    "22  a long subject\n");
  ml_buf_free(&out);
}

static void a_tight_table_cuts_its_wide_column(void **state) {
  ml_buf out = {0};

  (void)state;
  put_table(&out, 21);     /* 2 + 2 + 8 + 2 + 7: one character must not split */
  assert_string_equal(out.p,
    "ID  SUBJECT   RUN\n"
    "1   \xE5\x8F\x97\xE6\xB3\xA8\xE7\xB4\x8D\xE5\x93\x81  Running\n"
    "22  a long \xE2\x80\xA6\n");
  ml_buf_free(&out);
}

static void nothing_reaches_a_terminal_unclean(void **state) {
  static const char evil[] =
    "a\x1b[2Jb\nc\td\x7f" "e\xC2\x9B" "f\xE2\x80\xAE" "g\xFFh";
  ml_buf out = {0};

  (void)state;
  ml_out_clean(&out, (ml_str){evil, sizeof evil});   /* with its NUL */
  assert_string_equal(out.p, "a?[2Jb c d?e?f?g?h?");
  ml_buf_free(&out);
}

/* ---- data from words ---- */

static const ml_json *parse(ml_arena *a, const char *text) {
  ml_json *v;
  ml_err e = {0};

  if (ml_json_parse(a, text, strlen(text), NULL, &v, &e) != ML_OK)
    fail_msg("%s: %s", text, e.text);
  return v;
}

static const char fields[] =
  "[{\"id\":\"t/q_name\",\"short\":\"q_name\",\"type\":\"string\"},"
  "{\"id\":\"n\",\"short\":\"n\",\"type\":\"integer\"},"
  "{\"id\":\"f\",\"short\":\"f\",\"type\":\"number\"},"
  "{\"id\":\"b\",\"short\":\"b\",\"type\":\"boolean\"},"
  "{\"id\":\"m\",\"short\":\"m\",\"type\":\"multi\"},"
  "{\"id\":\"d\",\"short\":\"d\",\"type\":\"datetime\"},"
  "{\"id\":\"j\",\"short\":\"j\",\"type\":\"json\"}]";

static void words_become_data_by_type(void **state) {
  const char *words[] = {"q_name=5", "n=5", "f=1.5", "b=true", "m=x,y",
                         "d=2026-03-01T00:00:00Z", "j=[1]", "other=7",
                         "raw:={\"a\":null}", "eq=a=b", "n2:=7"};
  ml_arena a = {0};
  ml_buf out = {0};
  ml_err e = {0};
  ml_jw w;

  (void)state;
  ml_jw_init(&w, &out);
  ml_jw_obj(&w);
  assert_int_equal(ml_talk_pairs(&w, parse(&a, fields), words, 11, &e), ML_OK);
  ml_jw_end(&w);
  assert_string_equal(out.p,
    "{\"q_name\":\"5\",\"n\":5,\"f\":1.5,\"b\":true,\"m\":[\"x\",\"y\"],"
    "\"d\":\"2026-03-01T00:00:00Z\",\"j\":[1],\"other\":\"7\","
    "\"raw\":{\"a\":null},\"eq\":\"a=b\",\"n2\":7}");
  ml_buf_free(&out);
  ml_arena_free(&a);
}

static void wrong_words_are_named(void **state) {
  static const char *const bad[] = {"plain", "=x", ":=1", "n=five", "b=yes",
                                    "raw:={", "x=\xFF"};
  ml_arena a = {0};

  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ml_buf out = {0};
    ml_err e = {0};
    ml_jw w;

    ml_jw_init(&w, &out);
    ml_jw_obj(&w);
    if (ml_talk_pairs(&w, parse(&a, fields), &bad[i], 1, &e) != ML_INVALID)
      fail_msg("not refused: %s", bad[i]);
    assert_true(e.text[0] != '\0');
    ml_buf_free(&out);
  }
  ml_arena_free(&a);
}

static void paths_are_encoded(void **state) {
  ml_buf b = {0};

  (void)state;
  ml_path(&b, "/v1/workflows/{}/settings/{}", "a b/../c?", "k");
  ml_path_query(&b, "x", NULL);
  ml_path_query(&b, "as", "a&b");
  ml_path_query(&b, "n", "1");
  assert_string_equal(b.p,
    "/v1/workflows/a%20b%2F..%2Fc%3F/settings/k?as=a%26b&n=1");
  ml_buf_free(&b);
}

/* ---- views ---- */

static void histories_are_indented_by_phase(void **state) {
  static const char items[] =
    "[{\"at\":1000,\"told\":\"started\",\"who\":\"operator:0\"},"
    "{\"at\":1000,\"told\":\"phase\",\"no\":1,\"name\":\"deliver\"},"
    "{\"at\":1000,\"told\":\"branch\",\"no\":2,\"name\":\"north\"},"
    "{\"at\":1000,\"told\":\"phase\",\"no\":2,\"name\":\"build\"},"
    "{\"at\":1000,\"told\":\"began\",\"no\":3,\"name\":\"1-2\"},"
    "{\"at\":1000,\"told\":\"branch\",\"no\":4,\"name\":\"south\"},"
    "{\"at\":1000,\"told\":\"phase\",\"no\":4,\"name\":\"mail\"},"
    "{\"at\":2000,\"told\":\"done\",\"no\":5,\"name\":\"1-2\","
    "\"text\":\"built\",\"who\":\"ben\"},"
    "{\"at\":2000,\"told\":\"data\",\"data\":{\"a\":1,\"b\":\"x\"}},"
    "{\"at\":2000,\"told\":\"phase\",\"no\":1,\"name\":\"conclude\"},"
    "{\"at\":3000,\"told\":\"completed\"},"
    "{\"at\":3000,\"told\":\"unheard-of\",\"name\":\"n\",\"text\":\"t\"}]";
  ml_arena a = {0};
  ml_buf b = {0};

  (void)state;
  setenv("TZ", "UTC", 1);
  ml_view_history(&b, parse(&a, items));
  assert_string_equal(b.p,
    "1970-01-01 00:00:01  started  (operator:0)\n"
    "1970-01-01 00:00:01  phase deliver\n"
    "1970-01-01 00:00:01    branch north\n"
    "1970-01-01 00:00:01      phase build\n"
    "1970-01-01 00:00:01        1-2 begins\n"
    "1970-01-01 00:00:01    branch south\n"
    "1970-01-01 00:00:01      phase mail\n"
    "1970-01-01 00:00:02        1-2 is done: built  (ben)\n"
    "1970-01-01 00:00:02        data a = 1, b = x\n"
    "1970-01-01 00:00:02  phase conclude\n"
    "1970-01-01 00:00:03  completed\n"
    "1970-01-01 00:00:03    unheard-of n t\n");
  ml_buf_free(&b);
  ml_arena_free(&a);
}

#define ID "0192f0aa-0000-7000-8000-000000000001"

static void why_says_what_is_waited_for(void **state) {
  static const char process[] =
    "{\"id\":\"" ID "\",\"status\":\"OPEN\",\"activities\":["
    "{\"id\":\"" ID "-3\",\"label\":\"1-1\",\"title\":{\"ja\":\"x\",\"en\":"
    "\"Key\"},\"status\":\"Waiting\",\"wait\":\"task\"},"
    "{\"id\":\"" ID "-4\",\"label\":\"x2\",\"status\":\"Waiting\","
    "\"wait\":\"retry\",\"due\":60000,\"message\":\"bureau is away\"},"
    "{\"id\":\"" ID "-5\",\"label\":\"x3\",\"status\":\"Error\","
    "\"message\":\"boom\",\"at\":\"a.lua:3\"},"
    "{\"id\":\"" ID "-6\",\"label\":\"x4\",\"status\":\"Success\"}],"
    "\"tasks\":[{\"id\":\"" ID "-7\",\"label\":\"1-1\",\"lane\":\"o/l\"}]}";
  static const char history[] =
    "[{\"at\":1000,\"told\":\"began\",\"no\":3,\"name\":\"1-1\"},"
    "{\"at\":2000,\"told\":\"offered\",\"no\":7,\"name\":\"1-1\"},"
    "{\"at\":3000,\"told\":\"broke\",\"no\":5,\"name\":\"x3\"}]";
  ml_arena a = {0};
  ml_buf b = {0};

  (void)state;
  setenv("TZ", "UTC", 1);
  setenv("LC_ALL", "C", 1);
  ml_view_why(&b, parse(&a, process), parse(&a, history), 7202000);
  assert_string_equal(b.p,
    "1-1 Key waits for a person of the lane o/l; nobody has taken it (task "
    ID "-7), since 1970-01-01 00:00:02 (2 h).\n"
    "x2 is tried again at 1970-01-01 00:01:00.\n"
    "  It said: bureau is away\n"
    "x3 broke and waits for an operator, since 1970-01-01 00:00:03 (1 h 59 min)"
    ".\n"
    "  It said: boom (a.lua:3)\n"
    "  It may be run again (moonlane retry), passed over (moonlane skip), begun "
    "anew (moonlane reset), or the process ended (moonlane cancel).\n");
  ml_buf_free(&b);
  ml_arena_free(&a);
}

static void labels_follow_the_language(void **state) {
  ml_arena a = {0};
  const ml_json *v = parse(&a, "{\"en\":\"Key\",\"ja\":\"Kagi\"}");
  const ml_json *one = parse(&a, "{\"de\":\"Schluessel\"}");

  (void)state;
  setenv("LC_ALL", "ja_JP.UTF-8", 1);
  assert_true(ml_str_is(ml_out_label(v), "Kagi"));
  assert_true(ml_str_is(ml_out_label(one), "Schluessel"));
  setenv("LC_ALL", "fr_FR.UTF-8", 1);
  assert_true(ml_str_is(ml_out_label(v), "Key"));
  assert_true(ml_str_is(ml_out_label(NULL), ""));
  ml_arena_free(&a);
}

/* ---- files ---- */

static void secrets_are_made_once_and_guarded(void **state) {
  uint8_t fresh[32], got[32];
  char path[512];
  struct stat st;
  ml_err e = {0};

  (void)state;
  memset(fresh, 7, sizeof fresh);
  snprintf(path, sizeof path, "%s/x.key", folder);
  assert_int_equal(ml_file_secret(path, got, fresh, 32, &e), ML_OK);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 07777, 0600);
  memset(fresh, 9, sizeof fresh);
  assert_int_equal(ml_file_secret(path, got, fresh, 32, &e), ML_OK);
  assert_int_equal(got[0], 7);
  assert_int_equal(ml_file_secret(path, got, fresh, 31, &e), ML_CORRUPT);
  assert_int_equal(chmod(path, 0640), 0);
  assert_int_equal(ml_file_secret(path, got, fresh, 32, &e), ML_REFUSED);
  assert_int_equal(chmod(path, 0600), 0);
  snprintf(path, sizeof path, "%s/link.key", folder);
  assert_int_equal(symlink("x.key", path), 0);
  assert_int_not_equal(ml_file_secret(path, got, fresh, 32, &e), ML_OK);
}

static void files_have_a_length(void **state) {
  const char *path = file_with("long", "0123456789");
  ml_buf b = {0};
  ml_err e = {0};

  (void)state;
  assert_int_equal(ml_file_read(path, 10, &b, &e), ML_OK);
  assert_string_equal(b.p, "0123456789");
  ml_buf_reset(&b);
  assert_int_equal(ml_file_read(path, 9, &b, &e), ML_LIMIT);
  assert_int_equal(ml_file_read(folder, 9, &b, &e), ML_INVALID);
  ml_buf_free(&b);
}

/* ---- completion ---- */

static ml_str words_of(void *arg, bool first, size_t i) {
  static const char *const all[] = {"show", "start", "skip", "sh"};

  (void)arg;
  (void)first;
  return i < 4 ? ml_str_of(all[i]) : ML_NOSTR;
}

static void completion_finds_what_is_shared(void **state) {
  static const struct { const char *begin, *more; size_t fitting; } rows[] = {
    {"sk", "ip", 1}, {"st", "art", 1}, {"sh", "", 2}, {"s", "", 4},
    {"x", "", 0}, {"show", "", 1}};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ml_buf more = {0};
    size_t fitting;

    ml_line_common(words_of, NULL, true, ml_str_of(rows[i].begin), &more,
                   &fitting);
    assert_int_equal(fitting, rows[i].fitting);
    assert_string_equal(more.p != NULL ? more.p : "", rows[i].more);
    ml_buf_free(&more);
  }
}

/* ---- watching ---- */

static void changed(void *arg) {
  *(int *)arg += 1;
}

/* Turn the loop until something was told; the runner's time limit is the
** end of a test that waits in vain. */
static void wait_for(ml_loop *l, const int *count, int n) {
  while (*count < n)
    ml_loop_turn(l, 100);
}

static void watch_a_folder(bool poll) {
  ml_loop *l;
  ml_watch *w;
  char dir[512], path[600];
  int count = 0;

  snprintf(dir, sizeof dir, "%s/watched-%d", folder, poll);
  assert_int_equal(mkdir(dir, 0700), 0);
  assert_int_equal(ml_loop_new(NULL, &l), ML_OK);
  w = ml_watch_new(l, dir, poll, changed, &count);
  assert_non_null(w);
  snprintf(path, sizeof path, "watched-%d/a.lua", poll);
  file_with(path, "one");
  wait_for(l, &count, 1);
  file_with(path, "other text");
  wait_for(l, &count, 2);
  snprintf(path, sizeof path, "%s/sub", dir);
  assert_int_equal(mkdir(path, 0700), 0);
  snprintf(path, sizeof path, "watched-%d/sub/b.lua", poll);
  file_with(path, "in a new folder");
  wait_for(l, &count, 3);
  file_with(path, "changed there");
  wait_for(l, &count, 4);
  ml_watch_free(w);
  ml_loop_free(l);
}

static void inotify_tells_of_changes(void **state) {
  (void)state;
  watch_a_folder(false);
}

static void looking_tells_of_changes(void **state) {
  (void)state;
  watch_a_folder(true);
}

/* ---- all ---- */

static int make_folder(void **state) {
  const char *tmp = getenv("TMPDIR");

  (void)state;
  snprintf(folder, sizeof folder, "%s/test_cmd-XXXXXX",
           tmp != NULL ? tmp : "/tmp");
  return mkdtemp(folder) != NULL ? 0 : -1;
}

static int drop_folder(void **state) {
  char command[300];

  (void)state;
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(literals_are_read),
    cmocka_unit_test(code_is_refused),
    cmocka_unit_test(literals_have_limits),
    cmocka_unit_test(hostile_bytes_are_survived),
    cmocka_unit_test(literals_survive_want_of_memory),
    cmocka_unit_test(config_comes_from_file_and_environment),
    cmocka_unit_test(config_refuses_what_it_does_not_know),
    cmocka_unit_test(a_named_config_must_be_there),
    cmocka_unit_test(options_are_read_in_every_form),
    cmocka_unit_test(wrong_options_name_the_nearest),
    cmocka_unit_test(numbers_and_durations_have_bounds),
    cmocka_unit_test(an_option_wins_over_the_configuration),
    cmocka_unit_test(every_verb_has_help_with_examples),
    cmocka_unit_test(tables_line_up_wide_characters),
    cmocka_unit_test(a_tight_table_cuts_its_wide_column),
    cmocka_unit_test(nothing_reaches_a_terminal_unclean),
    cmocka_unit_test(words_become_data_by_type),
    cmocka_unit_test(wrong_words_are_named),
    cmocka_unit_test(paths_are_encoded),
    cmocka_unit_test(histories_are_indented_by_phase),
    cmocka_unit_test(why_says_what_is_waited_for),
    cmocka_unit_test(labels_follow_the_language),
    cmocka_unit_test(secrets_are_made_once_and_guarded),
    cmocka_unit_test(files_have_a_length),
    cmocka_unit_test(completion_finds_what_is_shared),
    cmocka_unit_test(inotify_tells_of_changes),
    cmocka_unit_test(looking_tells_of_changes)};

  return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
