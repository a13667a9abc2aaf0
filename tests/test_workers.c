/*
** test_workers.c - a script worker is killed every 50 ms under load, and no
** effect is lost or done twice.
**
**   test_workers            for 10 seconds
**   test_workers 60         for that many; `make check-chaos` gives 600
**
** Processes of four POSTs each are started all the while.  The peer keeps a
** ledger: for each POST (process and step) its Idempotency-Key and how often
** it came.  A worker's death is not the core's: nothing may even be sent again.
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/rand.h"
#include "engine_kit.h"

enum { SECONDS = 10, KILL_MS = 50, A_SECOND = 2000, STEPS = 4, OPEN_MOST = 40,
       KEY_MAX = 80 };

static const char flow[] =
    "local ml = require 'moonlane'\n"
    "local function post(ctx, i)\n"
    "  local n = 0\n"
    "  for k = 1, 20000 do n = n + k % 7 end\n"
    "  ctx.http.post(('%s/%d/%d'):format(ctx.settings.peer, ctx.data.n, i),\n"
    "    { json = { sum = n } })\n"
    "end\n"
    "local retry = { 100, '20ms..200ms' }\n"
    "return ml.workflow { 'pay', lanes = { l = 'L' },\n"
    "  settings = { peer = { 'url', required = true } },\n"
    "  fields = { { 'n', 'integer' } }, start = { ml.form { 'n' } },\n"
    "  phases = {\n"
    "    { 'three', ml.activity { 'a', lane = 'l', retry = retry,\n"
    "      run = function(ctx) for i = 0, 2 do post(ctx, i) end end } },\n"
    "    { 'one', ml.activity { 'b', lane = 'l', retry = retry,\n"
    "      run = function(ctx) post(ctx, 3) end }, next = ml.finish } } }\n";

typedef struct post {
  unsigned came;
  char key[KEY_MAX];
  bool other_key;
} post;

/* Shared with the peer; only what is written to takes memory. */
typedef struct ledger {
  unsigned strange;            /* requests that are none of the posts */
  post posts[][STEPS];         /* of each process: A_SECOND for each second */
} ledger;

static ledger *book;
static int seconds = SECONDS, room;

static void on_post(void *arg, ml_request *q) {
  int n = 0, step = 0;
  ml_str key = ml_request_header(q, "idempotency-key");

  (void)arg;
  if (sscanf(q->path.p, "/%d/%d", &n, &step) != 2 || n < 0 || n >= room ||
      step < 0 || step >= STEPS || key.n == 0 || key.n >= KEY_MAX ||
      !ml_str_is(q->method, "POST")) {
    book->strange++;
  } else {
    if (book->posts[n][step].came++ == 0)
      snprintf(book->posts[n][step].key, KEY_MAX, "%s", key.p);
    else if (!ml_str_is(key, book->posts[n][step].key))
      book->posts[n][step].other_key = true;
  }
  ml_reply(q, 200, NULL, ML_STR("{}"));
}

static unsigned open_processes(kit *k, ml_buf *b) {
  unsigned n = 0;

  assert_int_equal(kit_api(k, "GET", "/v1/processes?status=OPEN&limit=200",
                           NULL, b), 200);
  for (const char *p = b->p; (p = strstr(p, "\"status\":\"OPEN\"")) != NULL; p++)
    n++;
  return n;
}

static void start(kit *k, int n, ml_buf *b) {
  char body[60];

  snprintf(body, sizeof body, "{\"data\":{\"n\":%d}}", n);
  assert_int_equal(kit_api(k, "POST", "/v1/workflows/pay/processes", body, b),
                   201);
}

static bool kill_one(kit *k) {
  pid_t workers[16];
  int n = kit_workers(k, workers, 16);

  return n > 0 &&
         kill(workers[ml_rand_between(ml_rand_system(), 0, n - 1)], SIGKILL) == 0;
}

/* Load and kills until the time is over, or the ledger full; gives how many
** were started.  Says each minute how far it is. */
static int chaos(kit *k, int *kills, int64_t *ms) {
  int64_t from = kit_ms(), end = from + seconds * INT64_C(1000), next = from;
  int64_t tell = from + 60000;
  unsigned busy = 0;
  int started = 0;
  ml_buf b = {0};

  while (kit_ms() < end && started < room) {
    if (kit_ms() >= next) {
      *kills += kill_one(k);
      next += KILL_MS;
    }
    if (kit_ms() >= tell) {
      print_message("# after %d s: %d workers killed, %d processes\n",
                    (int)((tell - from) / 1000), *kills, started);
      tell += 60000;
    }
    if (started % 20 == 0)
      busy = open_processes(k, &b);
    if (busy < OPEN_MOST)
      start(k, started++, &b);
    else
      busy = open_processes(k, &b);
  }
  ml_buf_free(&b);
  *ms = kit_ms() - from;
  return started;
}

static void no_effect_is_lost_or_doubled(void **state) {
  kit k;
  ml_buf b = {0};
  char body[80];
  int started, kills = 0, lost = 0, doubled = 0, resent = 0;
  size_t size;
  int64_t end, ms;

  (void)state;
  room = seconds * A_SECOND;
  size = sizeof *book + (size_t)room * sizeof *book->posts;
  book = mmap(NULL, size, PROT_READ | PROT_WRITE,
              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  assert_true(book != MAP_FAILED);
  kit_begin(&k, "pay", flow);
  kit_peer(&k, on_post);
  kit_serve(&k);
  snprintf(body, sizeof body, "{\"value\":\"http://127.0.0.1:%d\"}",
           k.peer_port);
  assert_int_equal(kit_api(&k, "PUT", "/v1/workflows/pay/settings/peer", body,
                           &b), 200);
  started = chaos(&k, &kills, &ms);
  for (end = kit_ms() + KIT_WAIT_MS; open_processes(&k, &b) > 0; )
    if (kit_ms() > end)
      fail_msg("after %d s processes are still open: %.2000s", KIT_WAIT_MS / 1000,
               b.p);
  for (int n = 0; n < started; n++)
    for (int s = 0; s < STEPS; s++) {
      lost += book->posts[n][s].came == 0;
      doubled += book->posts[n][s].other_key;
      resent += book->posts[n][s].came > 1;
    }
  print_message("# %d workers killed in %d s; %d processes, %d effects: %d "
                "lost, %d doubled, %d sent again\n", kills, seconds, started,
                started * STEPS, lost, doubled, resent);
  assert_int_equal(lost, 0);
  assert_int_equal(doubled, 0);
  assert_int_equal(resent, 0);
  assert_int_equal(book->strange, 0);
  assert_true(started > 10 * seconds && started < room);
  assert_true(kills >= ms / KILL_MS / 2);
  assert_int_equal(kit_api(&k, "GET", "/v1/incidents", NULL, &b), 200);
  assert_non_null(strstr(b.p, "\"items\":[]"));
  ml_buf_free(&b);
  kit_end(&k);
  munmap(book, size);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(no_effect_is_lost_or_doubled),
  };

  if (argc > 1)
    seconds = atoi(argv[1]);
  if (seconds < 1 || seconds > INT32_MAX / A_SECOND) {
    fprintf(stderr, "for how many seconds? not '%s'\n", argv[1]);
    return 2;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
