/*
** test_folder.c - what is read of a folder of workflows: plain files with plain
** names inside it; no link leads out, and nothing that is no file holds it up.
*/
#include "run_kit.h"

#define HEAD "local ml = require 'moonlane'\n"
#define FLOW(name, run) HEAD \
  "return ml.workflow { '" name "', phases = { { 'p', ml.activity { 'a',\n" \
  "  run = function(ctx) " run " end } } } }\n"

static char outside[300];        /* a folder beside that of the workflows */

static void put(const char *path, const char *text) {
  FILE *f = fopen(path, "w");

  assert_non_null(f);
  assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
  assert_int_equal(fclose(f), 0);
}

static void path_of(char path[600], const char *in, const char *name) {
  snprintf(path, 600, "%s/%s", in, name);
}

static void link_to(const char *from, const char *name) {
  char path[600], to[600];

  path_of(path, kit.flows, name);
  path_of(to, outside, from);
  assert_int_equal(symlink(to, path), 0);
}

static void begin(void) {
  char path[600];

  kit_begin();
  snprintf(outside, sizeof outside, "%s/outside", kit.dir);
  assert_int_equal(mkdir(outside, 0700), 0);
  path_of(path, outside, "workflow.lua");
  put(path, FLOW("outsider", ""));
  path_of(path, outside, "canary.lua");
  put(path, "canary-text-of-another-file = ");
}

static bool loaded(const char *name) {
  const ml_workflow *w = ml_run_workflow(kit.run, ml_str_of(name));

  return w != NULL && w->flow != NULL;
}

static void told(const char *at) {
  if (strstr(kit.faults, at) == NULL)
    fail_msg("not told: %s; but: %s", at, kit.faults);
  assert_null(strstr(kit.faults, "canary-text"));
}

static void no_link_is_followed(void **state) {
  (void)state;
  begin();
  kit_write("good", "workflow.lua", FLOW("good", ""));
  kit_write("bad", "workflow.lua", FLOW("bad", "require 'canary'"));
  link_to("canary.lua", "bad/canary.lua");
  assert_int_equal(kit_load(), ML_INVALID);
  told("bad");
  assert_true(loaded("good"));
  assert_false(loaded("bad"));

  kit_write("whole", "other.lua", "return 1\n");
  link_to("workflow.lua", "whole/workflow.lua");
  link_to("", "folder");
  kit_load();
  told("whole");
  assert_false(loaded("outsider"));

  kit_write("deep", "workflow.lua",
            HEAD "require 'sub.canary'\n" FLOW("deep", ""));
  link_to("", "deep/sub");
  kit_load();
  assert_false(loaded("deep"));
  told("deep");
  assert_true(loaded("good"));
}

/* It is opened without waiting for who writes into it. */
static void what_is_no_file_is_told(void **state) {
  char path[600];

  (void)state;
  begin();
  kit_write("pipe", "workflow.lua", FLOW("pipe", ""));
  path_of(path, kit.flows, "pipe/x.lua");
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(kit_load(), ML_INVALID);
  told("pipe");
  assert_false(loaded("pipe"));
  unlink(path);
  assert_int_equal(mkdir(path, 0700), 0);      /* a folder of that name */
  kit_load();
  assert_int_equal(rmdir(path), 0);
}

static const char *const hostile[] = {
  "A.lua", "x y.lua", "x..lua", "x.y.lua", "-x.lua", "_x.lua",
  "x'.lua", "x\".lua", "x;.lua", "x|.lua", "x&.lua", "x$.lua", "x`.lua",
  "x(.lua", "x*.lua", "x?.lua", "x\\.lua", "x:.lua", "x<.lua", "x>.lua",
  "x%.lua", "x%2e.lua", "x\n.lua", "x\t.lua", "x\r.lua", "x\x01.lua",
  "x\x1b[31m.lua", "x\x7f.lua", "x\xff.lua", "x\xc3\xa4.lua",
  "x\xe2\x80\xae.lua", "x\xe2\x80\xa8.lua", "x+.lua", "x=.lua", "x,.lua",
  "x#.lua", "x@.lua", "x!.lua", "x~.lua", "x{.lua",
  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.lua"};

static void names_are_plain(void **state) {
  char path[600], name[120];

  (void)state;
  begin();
  assert_true(sizeof hostile / sizeof *hostile >= 40);
  kit_write("f", "workflow.lua", FLOW("f", ""));
  for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
    snprintf(name, sizeof name, "f/%s", hostile[i]);
    path_of(path, kit.flows, name);
    put(path, "return 1\n");
    if (kit_load() != ML_INVALID || strstr(kit.faults, "no allowed name") == NULL)
      fail_msg("'%s' is taken: %s", hostile[i], kit.faults);
    assert_false(loaded("f"));
    assert_int_equal(unlink(path), 0);
  }
  assert_int_equal(kit_load(), ML_OK);
  assert_true(loaded("f"));
}

/* Nor does a name that a script gives lead out of its bundle. */
static void require_stays_inside(void **state) {
  static const char *const names[] = {
    "..canary", "../outside/canary", "/etc/passwd", "a/b", ".", "..", "",
    "outside.canary", "...outside.canary", "canary.lua", "workflow.lua",
    "moonlane.host", "moonlane.ctx", "moonlane..ctx", "moonlane/ctx", "io",
    "os", "debug", "package", "string.dump", "x\\0y", "good.workflow"};
  char text[600];

  (void)state;
  begin();
  kit_write("good", "workflow.lua", FLOW("good", ""));
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(text, sizeof text, "require '%s'\n" FLOW("f", ""), names[i]);
    kit_write("f", "workflow.lua", text);
    if (kit_load() != ML_INVALID || strstr(kit.faults, "not in this bundle") == NULL)
      fail_msg("require '%s': %s", names[i], kit.faults);
    told("f/workflow.lua:1");
  }
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
  const struct CMUnitTest tests[] = {
    T(no_link_is_followed),
    T(what_is_no_file_is_told),
    T(names_are_plain),
    T(require_stays_inside),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
