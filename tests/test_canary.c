/*
** test_canary.c - a secret that a workflow uses, with a peer that gives back
** all it was sent: the secret is found nowhere but at the peer.
**
** Looked through: the database with its log, what the engine logs, every
** answer of the API that concerns the process, the output of the command line
** and of the REPL, what Lua in the REPL can say, and core files of the script
** workers and their template.  (The engine's own memory has to hold it while a
** request is sent, so it leaves no core file.)  Forms looked for: as it is, base64, percent-encoded, hex,
** reversed.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/rand.h"
#include "base/text.h"
#include "engine_kit.h"
#include "script/jail.h"

static const char flow[] =
    "local ml = require 'moonlane'\n"
    "local function seen(a)\n"
    "  local t = { a.body }\n"
    "  for k, v in pairs(a.headers) do t[#t + 1] = k .. '=' .. v end\n"
    "  return table.concat(t, ' ')\n"
    "end\n"
    "return ml.workflow { 'spy', lanes = { l = 'L' },\n"
    "  settings = { peer = { 'url', required = true },\n"
    "               token = { 'secret', required = true } },\n"
    "  fields = { { 'all', 'json' }, { 'text', 'text' } },\n"
    "  start = { ml.form {} },\n"
    "  phases = { { 'one', ml.activity { 'a', lane = 'l', run = function(ctx)\n"
    "    local s, http = ctx.settings, ctx.http\n"
    "    local got = {}\n"
    "    local function note(a) got[#got + 1] = seen(a) end\n"
    "    note(http.post(s.peer .. '/body', { json = { token = s.token, deep =\n"
    "      { 'x ' .. s.token .. ' y' } } }))\n"
    "    note(http.post(s.peer .. '/form', { form = { token = s.token } }))\n"
    "    note(http.get(s.peer .. '/head', { headers =\n"
    "      { Authorization = 'Bearer ' .. s.token } }))\n"
    "    note(http.get(s.peer .. '/auth', { auth = { 'user', s.token } }))\n"
    "    note(http.get(s.peer .. '/query', { query = { t = s.token } }))\n"
    "    note(http.post(s.peer .. '/raw', { body = s.token }))\n"
    "    got[#got + 1] = tostring(s.token) .. tostring('a' .. s.token)\n"
    "    ctx.data.all = got\n"
    "    ctx.data.text = table.concat(got, ' / ')\n"
    "    ctx:log(ctx.data.text)\n"
    "    ctx:comment(ctx.data.text:sub(1, 2000))\n"
    "    ctx:subject(got[1]:sub(1, 150))\n"
    "  end } },\n"
    "  { 'two', ml.activity { 'b', lane = 'l', run = function(ctx)\n"
    "    error(seen(ctx.http.post(ctx.settings.peer .. '/err', { body =\n"
    "      'in an error ' .. ctx.settings.token }))) end } } } }\n";

/* Shared with the peer. */
typedef struct sight {
  char canary[64];
  unsigned requests, in_body, in_head, in_target, encoded;
} sight;

static sight *shared;

static bool has(ml_str s, const char *what) {
  return s.n > 0 && memmem(s.p, s.n, what, strlen(what)) != NULL;
}

/* Give it all back: target, fields and body, in a body and in fields. */
static void on_request(void *arg, ml_request *q) {
  ml_buf b = {0}, line = {0}, mark = {0};
  const char *headers[3] = {NULL, NULL, NULL};

  (void)arg;
  shared->requests++;
  shared->in_body += has(q->body, shared->canary);
  shared->in_target += has(q->target, shared->canary);
  ml_buf_puts(&b, "target ");
  ml_buf_put(&b, q->target.p, q->target.n);
  for (size_t i = 0; i < q->header_count; i++) {
    ml_str v = q->headers[i].value;

    shared->in_head += has(v, shared->canary);
    shared->encoded += v.n > 6 && memcmp(v.p, "Basic ", 6) == 0;
    ml_buf_printf(&b, "\n%s: %s", q->headers[i].name.p, v.p);
    if (strcasecmp(q->headers[i].name.p, "authorization") == 0)
      ml_buf_printf(&line, "X-Echo: %s", v.p);
  }
  ml_buf_printf(&b, "\n\n%.*s", (int)q->body.n, q->body.p);
  ml_buf_printf(&mark, "X-Secret: %s", shared->canary);
  headers[0] = mark.p;
  headers[1] = line.p;
  ml_reply(q, 200, headers, (ml_str){b.p, b.len});
  ml_buf_free(&b);
  ml_buf_free(&line);
  ml_buf_free(&mark);
}

/* ---- looking ---- */

enum { FORMS = 5 };

static char forms[FORMS][200];

static void make_forms(void) {
  uint8_t bytes[12];
  ml_buf b = {0};
  size_t n;

  ml_rand_system()->bytes(ml_rand_system(), bytes, sizeof bytes);
  ml_buf_puts(&b, "Ca+/");     /* what percent-encoding changes */
  ml_text_put_hex(&b, bytes, sizeof bytes);
  snprintf(shared->canary, sizeof shared->canary, "%s", b.p);
  n = b.len;
  snprintf(forms[0], sizeof forms[0], "%s", b.p);
  for (size_t i = 0; i < n; i++)
    forms[1][i] = b.p[n - 1 - i];
  ml_buf_reset(&b);
  ml_text_put_url(&b, ml_str_of(shared->canary));
  snprintf(forms[2], sizeof forms[2], "%s", b.p);
  ml_buf_reset(&b);
  ml_text_put_hex(&b, shared->canary, n);
  snprintf(forms[3], sizeof forms[3], "%s", b.p);
  /* "user:" and "x" before it give other base64: what lies in between whole
  ** groups is the same, so a piece of it is looked for, at each of 3 places */
  snprintf(forms[4], sizeof forms[4], "%.20s", forms[0] + 4);
  ml_buf_free(&b);
}

/* Standard base64 of n bytes, without padding. */
static void base64(char *out, const char *p, size_t n) {
  static const char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  for (size_t i = 0; i + 2 < n; i += 3) {
    unsigned v = (unsigned)(uint8_t)p[i] << 16 |
                 (unsigned)(uint8_t)p[i + 1] << 8 | (uint8_t)p[i + 2];

    for (int k = 3; k >= 0; k--)
      *out++ = digits[v >> 6 * k & 63];
  }
  *out = '\0';
}

static void clean(const char *where, const ml_buf *b) {
  ml_str s = {b->p, b->len};
  char coded[100];

  assert_false(b->bad);
  for (int i = 0; i < FORMS; i++)
    if (has(s, forms[i]))
      fail_msg("%s holds the secret, as form %d", where, i);
  for (size_t skip = 0; skip < 3; skip++) {
    base64(coded, shared->canary + skip, strlen(shared->canary) - skip);
    if (has(s, coded))
      fail_msg("%s holds the secret, in base64 after %zu", where, skip);
  }
}

static void clean_file(kit *k, const char *name, bool must) {
  char path[400];
  ml_buf b = {0};

  snprintf(path, sizeof path, "%s/%s", k->dir, name);
  kit_read(path, &b);
  assert_true(b.len > 0 || !must);
  clean(name, &b);
  ml_buf_free(&b);
}

/* Each answer of the API; "%s" is the process. */
static void clean_api(kit *k, const char *id) {
  static const char *const paths[] = {
    "/v1/processes/%s", "/v1/processes/%s/history",
    "/v1/processes/%s/journal", "/v1/processes/%s/comments",
    "/v1/processes/%s/why", "/v1/processes?limit=200", "/v1/incidents",
    "/v1/tasks?status=any", "/v1/workflows", "/v1/workflows/spy",
    "/v1/workflows/spy/settings", "/v1/tokens", "/metrics", "/openapi.json"};
  ml_buf b = {0};
  char path[200];
  int good = 0;

  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    snprintf(path, sizeof path, paths[i], id);
    good += kit_api(k, "GET", path, NULL, &b) == 200;
    clean(path, &b);
  }
  assert_true(good >= 8);
  ml_buf_free(&b);
}

/* What a command prints, on both outputs. */
static void clean_command(kit *k, const char *shape, const char *id,
                          const char *must_hold) {
  char words[1200], command[2000];
  ml_buf b = {0};
  FILE *f;
  char space[4096];
  size_t n;

  snprintf(words, sizeof words, shape, id, id, id);
  snprintf(command, sizeof command, "M='%s'; S='--socket %s'; { %s; } 2>&1",
           k->program, k->socket, words);
  f = popen(command, "r");
  assert_non_null(f);
  while ((n = fread(space, 1, sizeof space, f)) > 0)
    ml_buf_put(&b, space, n);
  pclose(f);
  if (!has((ml_str){b.p, b.len}, must_hold))
    fail_msg("%s does not say '%s' but: %.600s", words, must_hold,
             b.p != NULL ? b.p : "");
  clean(words, &b);
  ml_buf_free(&b);
}

/* A core file of a process; false when none can be made here. */
static bool clean_core(kit *k, pid_t pid) {
  char command[600], name[60];

  snprintf(command, sizeof command, "gcore -o '%s/core' %d > /dev/null 2>&1",
           k->dir, (int)pid);
  snprintf(name, sizeof name, "core.%d", (int)pid);
  if (system(command) != 0)
    return false;
  clean_file(k, name, true);
  return true;
}

/* The engine itself is not dumped: no core file by the kernel, none by another
** program of its user. */
static void engine_leaves_no_core(const kit *k) {
  char path[60], line[200];
  struct stat s;
  bool none = false;
  FILE *f;

  snprintf(path, sizeof path, "/proc/%d/limits", (int)k->engine);
  f = fopen(path, "r");
  assert_non_null(f);
  while (fgets(line, sizeof line, f) != NULL)
    none = none || (strstr(line, "Max core file size") == line &&
                    strtol(line + strlen("Max core file size"), NULL, 10) == 0 &&
                    strstr(line, "unlimited") == NULL);
  fclose(f);
  assert_true(none);
  snprintf(path, sizeof path, "/proc/%d/environ", (int)k->engine);
  assert_int_equal(stat(path, &s), 0);
  if (!ml_jail_is_wide())
    assert_int_equal(s.st_uid, 0);             /* whose it is then */
}

static void clean_cores(kit *k) {
  pid_t pids[16];
  int n = kit_children(k->engine, pids, 1), cores = 0;

  assert_int_equal(n, 1);
  n += kit_workers(k, pids + 1, 15);
  assert_true(n >= 2);
  for (int i = 0; i < n && !ml_jail_is_wide(); i++)
    cores += clean_core(k, pids[i]);
  if (cores == 0)
    print_message("# NOT LOOKED AT: core files (gcore is not here, or may not "
                  "trace, or this is a sanitizer build, whose cores are "
                  "terabytes); test_host reads the memory of workers\n");
  else
    assert_int_equal(cores, n);
}

/* ---- the test ---- */

static void set(kit *k, const char *key, const char *value) {
  char path[200], body[300];
  ml_buf b = {0};

  snprintf(path, sizeof path, "/v1/workflows/spy/settings/%s", key);
  snprintf(body, sizeof body, "{\"value\":\"%s\"}", value);
  assert_int_equal(kit_api(k, "PUT", path, body, &b), 200);
  clean(path, &b);
  ml_buf_free(&b);
}

/* Start one and wait until it is in error; its id. */
static void run(kit *k, char id[40]) {
  ml_buf b = {0};
  char path[100];
  const char *p;
  int64_t end = kit_ms() + KIT_WAIT_MS;

  assert_int_equal(kit_api(k, "POST", "/v1/workflows/spy/processes", "{}", &b),
                   201);
  p = strstr(b.p, "\"id\":\"");
  assert_non_null(p);
  snprintf(id, 40, "%.36s", p + 6);
  snprintf(path, sizeof path, "/v1/processes/%s", id);
  do {
    assert_true(kit_ms() < end);
    assert_int_equal(kit_api(k, "GET", path, NULL, &b), 200);
  } while (strstr(b.p, "\"run\":\"Error\"") == NULL);
  if (strstr(b.p, "in an error ") == NULL ||
      strstr(b.p, "[secret") == NULL)
    fail_msg("the process is not where it should be: %.2000s", b.p);
  ml_buf_free(&b);
}

static void the_secret_is_at_the_peer_only(void **state) {
  kit k;
  char url[60], id[40];

  (void)state;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(shared != MAP_FAILED);
  make_forms();
  kit_begin(&k, "spy", flow);
  kit_peer(&k, on_request);
  kit_serve(&k);
  snprintf(url, sizeof url, "http://127.0.0.1:%d", k.peer_port);
  set(&k, "peer", url);
  set(&k, "token", shared->canary);
  run(&k, id);
  assert_int_equal(shared->requests, 7);     /* and it did get it */
  assert_true(shared->in_body >= 3 && shared->in_head >= 1);
  assert_int_equal(shared->encoded, 1);
  clean_api(&k, id);
  clean_command(&k, "$M show %s --all $S -o json; $M history %s $S; "
                "$M journal %s $S -o jsonl", id, "body");
  clean_command(&k, "$M why %s $S; $M setting spy $S; $M setting spy token $S",
                id, "token");
  clean_command(&k, "printf 'use %s\\nshow\\ndata\\njournal\\nhistory\\nprocess\\n"
                "process.data\\nsettings\\n' | $M repl $S", id, "secret");
  clean_cores(&k);
  engine_leaves_no_core(&k);
  kill(k.engine, SIGTERM);
  waitpid(k.engine, NULL, 0);
  k.engine = 0;
  clean_file(&k, "engine.db", true);
  clean_file(&k, "engine.db-wal", false);
  clean_file(&k, "log", false);
  kit_serve(&k);                             /* kept, and still usable */
  run(&k, id);
  assert_int_equal(shared->requests, 14);
  kit_kill(&k.engine);                       /* the log of the database whole */
  clean_file(&k, "engine.db", true);
  clean_file(&k, "engine.db-wal", true);
  clean_file(&k, "log", false);
  kit_end(&k);
  munmap(shared, sizeof *shared);
}

/* Each form that is looked for is found where it is. */
static void the_search_finds(void **state) {
  char coded[100], text[300];
  bool found = false;

  (void)state;
  snprintf(text, sizeof text, "user:%s", "Ca+/0123456789abcdef01234567");
  base64(coded, text, strlen(text));
  for (size_t skip = 0; skip < 3; skip++) {
    char part[100];

    base64(part, text + 5 + skip, strlen(text) - 5 - skip);
    found = found || strstr(coded, part) != NULL;
  }
  assert_true(found);
  assert_true(has(ML_STR("xxCa+/yy"), "Ca+/"));
  assert_false(has(ML_STR("xxCa+-yy"), "Ca+/"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_search_finds),
    cmocka_unit_test(the_secret_is_at_the_peer_only),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
