/*
** test_reach.c - which hosts a script may call: those of `hosts` and of its
** `url` settings, however the address is spelled; nothing leaves for others.
*/
#include "run_kit.h"

static const char flow[] =
  "local ml = require 'moonlane'\n"
  "return ml.workflow { 'caller', fields = { { 'url', 'string' } },\n"
  "  hosts = { 'any.example', 'one.example:8443', '[2001:db8::1]' },\n"
  "  settings = { api = { 'url' }, key = { 'secret' } },\n"
  "  phases = { { 'go', ml.activity { 'a', run = function(ctx)\n"
  "    local a = ctx.http.get(ctx.data.url,\n"
  "      { headers = { ['X-Key'] = ctx.settings.key } })\n"
  "    ctx.data.url = tostring(a.status) end } } } }\n";

static void open_caller(void) {
  kit_begin();
  kit_flow("caller", flow);
  assert_int_equal(kit_set("caller", "api", "\"https://set.example/base\""),
                   ML_OK);
  assert_int_equal(kit_set("caller", "key", "\"canary-5f1e\""), ML_OK);
}

static int64_t call(const char *url) {
  char data[500];

  snprintf(data, sizeof data, "{\"url\":\"%s\"}", url);
  return kit_start("caller", data);
}

static void what_is_named_is_reached(void **state) {
  static const char *const good[] = {
    "https://any.example/x", "http://any.example:81/", "https://ANY.example",
    "https://any.example?q=1",
    "https://one.example:8443/", "https://set.example/other/path",
    "https://Set.Example", "http://[2001:db8::1]/"};

  (void)state;
  open_caller();
  kit.answer = "200 {}";
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    size_t before = kit.call_count;
    int64_t n = call(good[i]);

    if (kit.call_count != before + 1)
      fail_msg("%s was not called", good[i]);
    kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  }
}

static void nothing_else_is(void **state) {
  static const char *const bad[] = {
    "https://other.example/", "https://any.example.other.example/",
    "https://xany.example/", "https://any.exampl/", "https://any.example./",
    "https://one.example/", "https://one.example:8444/",
    "https://one.example:08443/", "https://set.example:8443/",
    "https://any.example@other.example/", "https://any.example:x@other.example/",
    "https://other.example/any.example", "https://other.example?any.example",
    "https://other.example#@any.example", "//any.example/",
    "ftp://any.example/", "file:///etc/passwd", "any.example", "",
    "https://", "https:///any.example", "https:/any.example/",
    "https://any.example\\\\@other.example/", "https://any.example%2f@o.example/",
    "https://any%2eexample/", " https://any.example/",
    "https://[2001:db8::2]/", "https://2001:db8::1/", "https://127.0.0.1/",
    "https://localhost/", "https://\xc3\xa4ny.example/"};

  (void)state;
  open_caller();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int64_t n = call(bad[i]);
    kit_look l = kit_see(n);

    if (kit.call_count != 0)
      fail_msg("'%s' was called: %s", bad[i], kit.calls[0].url);
    if (l.row.run != ML_RUN_ERROR)
      fail_msg("'%s': %s", bad[i], ml_runs_name(l.row.run));
    for (size_t k = 0; k < l.history_count; k++)
      assert_null(l.history[k].text.p == NULL ? NULL
                      : memmem(l.history[k].text.p, l.history[k].text.n,
                               "canary-5f1e", 11));
  }
}

/* A setting that is changed opens its host, for processes that begin then. */
static void a_setting_is_looked_at_when_it_is_called(void **state) {
  int64_t n;

  (void)state;
  open_caller();
  kit.answer = "200 {}";
  kit_is(call("https://later.example/"), ML_OPEN, ML_RUN_ERROR);
  assert_int_equal(kit_set("caller", "api", "\"https://later.example\""), ML_OK);
  n = call("https://later.example/");
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  kit_is(call("https://set.example/"), ML_OPEN, ML_RUN_ERROR);
  assert_int_equal(kit.call_count, 1);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
  const struct CMUnitTest tests[] = {
    T(what_is_named_is_reached),
    T(nothing_else_is),
    T(a_setting_is_looked_at_when_it_is_called),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
