/*
** test_kill.c - the engine is killed again and again under load, and judged
** from outside: by what clients were told, by what the peer's ledger holds, and
** by `moonlane history --all`.
**
**   test_kill                 10 kills, as TAP
**   test_kill --kills 100     make check-kill; prints what it counted
**   test_kill --seed 7        another order of things
**
** One thread: clients, peer and the killer share a loop; the engine is the real
** program on one store.  A fifth of the kills come while it starts.
** time-limit: 300
*/
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "net/client.h"
#include "net/loop.h"
#include "net/server.h"

enum { JOBS_MAX = 20000, OPEN_MAX = 16, KEYS_MAX = 4 * JOBS_MAX,
       TABLE = 1 << 17, READY_MS = 30000, REST_MS = 45000 };

static const char flow[] =
  "local ml = require 'moonlane'\n"
  "local again = { 1000, '20ms..200ms' }\n"
  "local function call(name)\n"
  "  return function(ctx)\n"
  "    ctx.http.post(ctx.data.url .. '/' .. name,\n"
  "      { json = { tag = ctx.data.tag, act = name } })\n"
  "  end\n"
  "end\n"
  "return ml.workflow { 'kill', lanes = { system = 'S', desk = 'D' },\n"
  "  hosts = { '127.0.0.1' },\n"
  "  fields = { { 'tag', 'string' }, { 'url', 'string' }, { 'sum', 'integer' } },\n"
  "  start = { ml.form { 'tag!', 'url!' } },\n"
  "  phases = {\n"
  "    { 'first', ml.activity { 'one', retry = again, run = call 'one' },\n"
  "               ml.activity { 'two', retry = again, run = call 'two' } },\n"
  "    { 'ask', ml.task { 'ask', lane = 'desk', outcomes = { 'ok' } },\n"
  "      next = { ok = 'then' } },\n"
  "    { 'then', ml.activity { 'three', retry = again, run = function(ctx)\n"
  "        ctx.data.sum = ctx:await('go').sum\n"
  "        call 'three' (ctx)\n"
  "      end } },\n"
  "    { 'nap', ml.activity { 'nap', run = function(ctx) ctx:sleep '30ms' end },\n"
  "      next = ml.finish } } }\n";

/* ---- what clients did and were told ---- */

typedef enum deed { START, SIGNAL, COMPLETE, CANCEL, DEEDS } deed;

typedef struct asked {
  int sent;
  bool out, acked, refused;
} asked;

typedef struct job {
  char tag[16], id[40], task[52];
  bool to_cancel;
  asked ask[DEEDS];
  bool one, two, three;          /* at the peer: done */
  /* judged */
  int processes, signals, done, succeeded;
  bool ended, cancelled;
} job;

typedef struct effect {          /* the peer's ledger: one line a key */
  char key[64];
  char act[8];
  int job;
  uint64_t body;
  unsigned calls;
} effect;

static struct {
  char dir[200], db[240], sock[260], flows[240];
  const char *program;
  ml_loop *loop;
  ml_http *http;
  ml_server *peer;
  char peer_at[128];
  ml_clock *clock;
  ml_rand_seeded rand;
  pid_t engine;
  int out;                       /* its standard output */
  job *jobs;
  int job_count;
  effect *effects;
  int effect_count;
  int *by_key, *by_id;           /* hash tables: index + 1 */
  int open;                      /* calls under way */
  bool listing, loading;
  int64_t list_at;
  int left;                      /* open processes at the last count; -1 */
  unsigned kills, early_kills, replays, peer_calls, faults;
} k;

static void broken(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void broken(const char *fmt, ...) {
  va_list args;

  if (++k.faults > 30)
    return;
  printf("# ");
  va_start(args, fmt);
  vprintf(fmt, args);
  va_end(args);
  printf("\n");
}

__attribute__((noreturn, format(printf, 1, 2)))
static void bail(const char *fmt, ...) {
  va_list args;

  printf("Bail out! ");
  va_start(args, fmt);
  vprintf(fmt, args);
  va_end(args);
  printf(" (%s)\n", k.dir);
  if (k.engine > 0)
    kill(k.engine, SIGKILL);
  exit(1);
}

static int64_t now(void) {
  return k.clock->mono_ms(k.clock);
}

static uint64_t below(uint64_t n) {
  return ml_rand_u64(&k.rand.base) % n;
}

static uint64_t hash_of(ml_str s) {
  uint64_t h = 14695981039346656037u;

  for (size_t i = 0; i < s.n; i++)
    h = (h ^ (uint8_t)s.p[i]) * 1099511628211u;
  return h;
}

/* ---- the peer ---- */

static effect *effect_of(ml_str key) {
  size_t at = hash_of(key) % TABLE;

  while (k.by_key[at] != 0) {
    effect *e = &k.effects[k.by_key[at] - 1];

    if (ml_str_is(key, e->key))
      return e;
    at = (at + 1) % TABLE;
  }
  if (k.effect_count == KEYS_MAX || key.n >= sizeof k.effects->key)
    bail("too many keys, or one too long");
  k.by_key[at] = ++k.effect_count;
  memcpy(k.effects[k.effect_count - 1].key, key.p, key.n);
  return &k.effects[k.effect_count - 1];
}

/* What arrives is an effect from now on: does it come in its turn? */
static void happen(effect *e, const ml_json *body) {
  ml_str tag = ml_json_str(body, "tag"), act = ml_json_str(body, "act");
  int n = tag.n > 1 ? atoi(tag.p + 1) : -1;
  job *j = n >= 0 && n < k.job_count ? &k.jobs[n] : NULL;

  if (j == NULL || !ml_str_is(tag, j->tag)) {
    broken("a call for a tag that nobody sent: %.*s", (int)tag.n, tag.p);
    return;
  }
  if (e->calls == 1) {
    bool *done = ml_str_is(act, "one") ? &j->one
                 : ml_str_is(act, "two") ? &j->two : &j->three;

    e->job = n;
    snprintf(e->act, sizeof e->act, "%.*s", (int)act.n, act.p);
    if (*done)
      broken("%s: '%s' was done under two keys", j->tag, e->act);
    *done = true;
  }
  if (ml_str_is(act, "three") &&
      (!j->one || !j->two || j->ask[COMPLETE].sent == 0 ||
       j->ask[SIGNAL].sent == 0))
    broken("%s: 'three' came before what it waits for", j->tag);
}

typedef struct late {
  ml_request *q;
  ml_loop_timer *timer;
} late;

static const char *const json_type[] = {"Content-Type: application/json", NULL};

static void reply_late(void *arg) {
  late *l = arg;

  ml_reply(l->q, 200, json_type, ML_STR("{\"ok\":true}"));
  ml_loop_timer_free(l->timer);
  ml_mem_free(l);
}

static void reply(ml_request *q) {
  late *l;

  switch (below(10)) {
    case 0:                      /* done, and nobody is told */
      ml_reply_cut(q, ML_STR(""));
      return;
    case 1: case 2: case 3:
      l = ml_mem_zero(sizeof *l);
      if (l == NULL)
        bail("memory is short");
      l->q = q;
      l->timer = ml_loop_timer_new(k.loop, reply_late, l);
      if (l->timer == NULL)
        bail("memory is short");
      ml_loop_timer_set(l->timer, 1 + (int64_t)below(40));
      return;
    default:
      ml_reply(q, 200, json_type, ML_STR("{\"ok\":true}"));
      return;
  }
}

static void on_call(void *arg, ml_request *q) {
  ml_str key = ml_request_header(q, "Idempotency-Key");
  ml_arena a = {0};
  ml_json *body = NULL;
  effect *e;

  (void)arg;
  k.peer_calls++;
  if (key.n == 0 ||
      ml_json_parse(&a, q->body.p, q->body.n, NULL, &body, NULL) != ML_OK) {
    broken("a call without a key or a body");
    ml_reply(q, 400, NULL, ML_STR(""));
  } else {
    e = effect_of(key);
    if (e->calls > 0 && e->body != hash_of(q->body))
      broken("%s: one key, two bodies", e->key);
    e->body = hash_of(q->body);
    if (below(10) == 0) {        /* not done, and said so */
      ml_reply(q, 503, NULL, ML_STR("not now"));
    } else {
      e->calls++;
      happen(e, body);
      reply(q);
    }
  }
  ml_arena_free(&a);
}

/* ---- clients ---- */

typedef struct call {
  deed deed;
  int job;                       /* -1: a list */
  void (*fn)(struct call *c, int status, const ml_json *body);
} call;

static void came(void *arg, const ml_http_answer *answer) {
  call *c = arg;
  ml_arena a = {0};
  ml_json *body = NULL;
  ml_json_limits limits = {.members = 1000000};
  bool whole = answer->end == ML_HTTP_COMPLETE;

  k.open--;
  if (whole && answer->body.n > 0)
    ml_json_parse(&a, answer->body.p, answer->body.n, &limits, &body, NULL);
  if (whole && strncmp(ml_http_header_of(answer, "Idempotency-Replayed").p != NULL
                           ? ml_http_header_of(answer, "Idempotency-Replayed").p
                           : "", "true", 4) == 0)
    k.replays++;
  c->fn(c, whole ? answer->status : 0, body);
  ml_arena_free(&a);
  ml_mem_free(c);
}

static void ask(const call *what, const char *method, const char *path,
                const char *body) {
  ml_str headers[2] = {ML_STR("Content-Type: application/json")};
  ml_http_call h = {.method = ml_str_of(method), .headers = headers,
                    .header_count = body != NULL, .body = ml_str_of(body),
                    .timeout_ms = 20000, .unix_path = k.sock};
  char url[256], key[64];
  call *c = ml_mem_alloc(sizeof *c);

  if (c == NULL)
    bail("memory is short");
  *c = *what;
  snprintf(url, sizeof url, "http://localhost%s", path);
  h.url = ml_str_of(url);
  if (c->job >= 0) {
    snprintf(key, sizeof key, "Idempotency-Key: %d-%s", (int)c->deed,
             k.jobs[c->job].tag);
    headers[h.header_count++] = ml_str_of(key);
  }
  if (k.http->send(k.http, &h, came, c, NULL, NULL) != ML_OK)
    bail("a call cannot be sent");
  k.open++;
}

/* Told: done, refused for good, or nothing, and then it is asked again. */
static void heard(call *c, int status, const ml_json *body) {
  job *j = &k.jobs[c->job];
  asked *x = &j->ask[c->deed];
  ml_str id = ml_json_str(body, "id");

  x->out = false;
  if (status >= 200 && status < 300) {
    if (c->deed == START) {
      if (id.n != 36)
        bail("a start was answered without an id");
      if (j->id[0] != '\0' && !ml_str_is(id, j->id))
        broken("%s: started as %s, and again as %.*s", j->tag, j->id, 36, id.p);
      snprintf(j->id, sizeof j->id, "%.36s", id.p);
      for (size_t at = hash_of(id) % TABLE;; at = (at + 1) % TABLE)
        if (k.by_id[at] == 0 || k.by_id[at] == c->job + 1) {
          k.by_id[at] = c->job + 1;
          break;
        }
    }
    x->acked = true;
  } else if (status == 404 || status == 409 || status == 422) {
    if (c->deed == START && status != 409)
      broken("%s: the start was refused with %d", j->tag, status);
    x->refused = c->deed != START;
  }
}

static void put_deed(int n, deed d) {
  job *j = &k.jobs[n];
  call c = {d, n, heard};
  char path[200], body[200];

  j->ask[d].out = true;
  j->ask[d].sent++;
  switch (d) {
    case START:
      snprintf(body, sizeof body, "{\"data\":{\"tag\":\"%s\",\"url\":"
               "\"http://%s\"}}", j->tag, k.peer_at);
      ask(&c, "POST", "/v1/workflows/kill/processes", body);
      return;
    case SIGNAL:
      snprintf(path, sizeof path, "/v1/processes/%s/signals", j->id);
      ask(&c, "POST", path, "{\"name\":\"go\",\"data\":{\"sum\":5}}");
      return;
    case COMPLETE:
      snprintf(path, sizeof path, "/v1/tasks/%s/complete", j->task);
      ask(&c, "POST", path, "{\"outcome\":\"ok\",\"as\":\"kim\"}");
      return;
    default:
      snprintf(path, sizeof path, "/v1/processes/%s/cancel", j->id);
      ask(&c, "POST", path, "{\"reason\":\"not wanted\"}");
      return;
  }
}

static job *job_of_id(ml_str id) {
  for (size_t at = hash_of(id) % TABLE; k.by_id[at] != 0; at = (at + 1) % TABLE)
    if (ml_str_is(id, k.jobs[k.by_id[at] - 1].id))
      return &k.jobs[k.by_id[at] - 1];
  return NULL;
}

static void listed(call *c, int status, const ml_json *body) {
  const ml_json *items = ml_json_get(body, "items");

  (void)c;
  k.listing = false;
  for (uint32_t i = 0; status == 200 && items != NULL && i < items->count; i++) {
    job *j = job_of_id(ml_json_str(&items->arr[i], "process"));
    ml_str id = ml_json_str(&items->arr[i], "id");

    if (j != NULL)
      snprintf(j->task, sizeof j->task, "%.*s", (int)id.n, id.p);
  }
}

static void counted(call *c, int status, const ml_json *body) {
  const ml_json *items = ml_json_get(body, "items");

  (void)c;
  k.listing = false;
  if (status == 200 && items != NULL)
    k.left = (int)items->count + (ml_json_str(body, "next").p != NULL);
}

/* What this job wants next; DEEDS: nothing just now. */
static deed wants(const job *j) {
  const asked *a = j->ask;

  if (!a[START].acked)
    return a[START].out ? DEEDS : START;
  if (j->to_cancel && a[SIGNAL].acked && !a[CANCEL].acked && !a[CANCEL].refused)
    return a[CANCEL].out ? DEEDS : CANCEL;
  if (!a[SIGNAL].acked && !a[SIGNAL].refused)
    return a[SIGNAL].out ? DEEDS : SIGNAL;
  if (j->task[0] != '\0' && !a[COMPLETE].acked && !a[COMPLETE].refused)
    return a[COMPLETE].out ? DEEDS : COMPLETE;
  return DEEDS;
}

static bool resolved(const job *j) {
  return j->ask[START].acked && (j->ask[SIGNAL].acked || j->ask[SIGNAL].refused) &&
         (!j->to_cancel || j->ask[CANCEL].acked || j->ask[CANCEL].refused);
}

static int first_job;            /* before it all is resolved and done */

static void push(void) {
  while (first_job < k.job_count && resolved(&k.jobs[first_job]) &&
         k.jobs[first_job].ask[COMPLETE].acked)
    first_job++;
  for (int n = first_job; n < k.job_count && k.open < OPEN_MAX; n++) {
    deed d = wants(&k.jobs[n]);

    if (d != DEEDS)
      put_deed(n, d);
  }
  if (!k.listing && now() >= k.list_at) {
    call tasks = {DEEDS, -1, listed}, open = {DEEDS, -1, counted};
    static bool turn;

    k.listing = true;
    k.list_at = now() + 15;
    turn = !turn;
    if (turn || k.loading)
      ask(&tasks, "GET", "/v1/tasks?limit=200", NULL);
    else
      ask(&open, "GET", "/v1/processes?status=OPEN&limit=200", NULL);
  }
  while (k.loading && k.open < OPEN_MAX && k.job_count < JOBS_MAX) {
    job *j = &k.jobs[k.job_count];

    snprintf(j->tag, sizeof j->tag, "t%d", k.job_count);
    j->to_cancel = below(10) == 0;
    put_deed(k.job_count++, START);
  }
}

/* ---- the engine ---- */

static void spawn(void) {
  int fds[2];
  int err = open("/dev/null", O_WRONLY | O_CLOEXEC);

  if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
    bail("no pipe: %s", strerror(errno));
  k.engine = fork();
  if (k.engine == 0) {
    char allow[160];
    char log[300];

    snprintf(log, sizeof log, "%s/engine.err", k.dir);
    err = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    snprintf(allow, sizeof allow, "%s", k.peer_at);
    dup2(fds[1], 1);
    dup2(err, 2);
    execl(k.program, "moonlane", "serve", k.flows, "--db", k.db, "--listen",
          "127.0.0.1:0", "--workers", "2", "--allow", allow, (char *)NULL);
    _exit(127);
  }
  close(fds[1]);
  close(err);
  if (k.engine < 0)
    bail("no process: %s", strerror(errno));
  k.out = fds[0];
}

/* Did it print its first line?  Others may follow. */
static bool is_up(void) {
  char b[512];
  ssize_t n = read(k.out, b, sizeof b);
  int status;

  if (n == 0 || (n < 0 && errno != EAGAIN))
    bail("the engine ended by itself (%d)",
         waitpid(k.engine, &status, 0) > 0 ? status : -1);
  return n > 0;
}

static bool up_within(int64_t ms) {
  int64_t end = now() + ms;

  while (now() < end) {
    ml_loop_turn(k.loop, 1);
    if (is_up())
      return true;
  }
  return false;
}

static void load_for(int64_t ms) {
  int64_t end = now() + ms;
  char b[512];

  while (now() < end) {
    push();
    ml_loop_turn(k.loop, 1);
    while (read(k.out, b, sizeof b) > 0)
      ;
  }
}

static void shoot(void) {
  int status;

  if (kill(k.engine, SIGKILL) != 0 || waitpid(k.engine, &status, 0) < 0)
    bail("the engine cannot be killed");
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
    broken("the engine had ended by itself: status %d", status);
  k.engine = 0;
  close(k.out);
  k.kills++;
  for (int64_t end = now() + 20000; k.open > 0 && now() < end;)
    ml_loop_turn(k.loop, 1);     /* what was under way is lost */
  if (k.open > 0)
    bail("%d calls hang after the engine was killed", k.open);
}

/* ---- the judge ---- */

static void judge_line(const ml_json *j, int *line_count) {
  static int current;            /* job + 1 */
  static uint64_t seq;
  static bool called_early;
  ml_str kind = ml_json_str(j, "kind"), told = ml_json_str(j, "told");
  ml_str name = ml_json_str(j, "name");
  job *x;

  ++*line_count;
  if (ml_str_is(kind, "process")) {
    ml_str id = ml_json_str(j, "process"), status = ml_json_str(j, "status");

    current = 0;
    seq = 0;
    called_early = false;
    x = job_of_id(id);
    if (x == NULL)
      return;                    /* judged by its tag, below */
    current = (int)(x - k.jobs) + 1;
    x->processes++;
    x->ended = !ml_str_is(status, "OPEN");
    x->cancelled = ml_str_is(status, "CANCELLED");
    if (!x->ended)
      broken("%s: stuck (run %.*s; signal %d %d, task %d %d)", x->tag,
             (int)ml_json_str(j, "run").n, ml_json_str(j, "run").p,
             x->ask[SIGNAL].acked, x->ask[SIGNAL].refused, x->ask[COMPLETE].acked,
             x->ask[COMPLETE].refused);
    return;
  }
  if (!ml_str_is(kind, "transition"))
    return;
  if ((uint64_t)ml_json_int(j, "seq", 0) != ++seq)
    broken("a history has a gap before %lld",
           (long long)ml_json_int(j, "seq", 0));
  if (ml_str_is(told, "started")) {
    ml_str tag = ml_json_str(ml_json_get(j, "data"), "tag");
    int n = tag.n > 1 ? atoi(tag.p + 1) : -1;

    if (n < 0 || n >= k.job_count || current != n + 1)
      broken("a process for tag %.*s that no client knows", (int)tag.n, tag.p);
  }
  x = current > 0 ? &k.jobs[current - 1] : NULL;
  if (x == NULL)
    return;
  x->signals += ml_str_is(told, "signal");
  x->done += ml_str_is(told, "done");
  x->succeeded += ml_str_is(told, "succeeded");
  if (ml_str_is(told, "called") && ml_str_is(name, "three") &&
      (x->succeeded < 3 || x->done == 0) && !called_early) {
    broken("%s: 'three' called before the phases before it had ended", x->tag);
    called_early = true;
  }
}

static int read_history(void) {
  char command[600];
  ml_buf line = {0};
  int c, lines = 0;
  bool whole = false;
  FILE *f;

  snprintf(command, sizeof command, "'%s' history --all -o jsonl --db '%s'",
           k.program, k.db);
  f = popen(command, "r");
  if (f == NULL)
    bail("no history: %s", strerror(errno));
  while ((c = getc(f)) != EOF) {
    ml_arena a = {0};
    ml_json *j = NULL;

    if (c != '\n') {
      ml_buf_putc(&line, (char)c);
      continue;
    }
    if (ml_json_parse(&a, line.p, line.len, NULL, &j, NULL) != ML_OK)
      bail("a line of the history is no JSON");
    if (ml_str_is(ml_json_str(j, "kind"), "end"))
      whole = ml_json_int(j, "lines", -1) == lines;
    else
      judge_line(j, &lines);
    ml_buf_reset(&line);
    ml_arena_free(&a);
  }
  if (pclose(f) != 0 || !whole)
    bail("the history was cut");
  ml_buf_free(&line);
  return lines;
}

typedef struct verdict {
  unsigned starts, lost, doubled, signals, completes, cancels, wrong;
} verdict;

static void judge_job(const job *j, verdict *v) {
  v->starts += j->ask[START].acked;
  v->lost += j->ask[START].acked && j->processes == 0;
  v->doubled += j->processes > 1;
  v->signals += j->ask[SIGNAL].acked;
  v->completes += j->ask[COMPLETE].acked;
  v->cancels += j->ask[CANCEL].acked;
  if (j->signals != (j->ask[SIGNAL].acked ? 1 : j->signals > 1 ? 0 : j->signals)) {
    v->wrong++;
    broken("%s: %d signals, acknowledged %d", j->tag, j->signals,
           j->ask[SIGNAL].acked);
  }
  if (j->done > 1 || (j->ask[COMPLETE].acked && j->done != 1)) {
    v->wrong++;
    broken("%s: completed %d times, acknowledged %d", j->tag, j->done,
           j->ask[COMPLETE].acked);
  }
  if (j->ask[CANCEL].acked && !j->cancelled) {
    v->wrong++;
    broken("%s: the cancel was acknowledged", j->tag);
  }
  if (!j->cancelled && (j->ask[SIGNAL].refused || j->ask[COMPLETE].refused)) {
    v->wrong++;
    broken("%s: refused what should have been done", j->tag);
  }
  if (j->ended && !j->cancelled && (!j->one || !j->two || !j->three)) {
    v->wrong++;
    broken("%s: completed, and the peer was not called", j->tag);
  }
}

/* ---- a run ---- */

static void set_up(const char *build, uint64_t seed) {
  const char *tmp = getenv("TMPDIR");
  static char program[300];
  char path[400];
  ml_err e = {0};
  FILE *f;

  snprintf(k.dir, sizeof k.dir, "%s/kill-XXXXXX", tmp != NULL ? tmp : "/tmp");
  if (mkdtemp(k.dir) == NULL)
    bail("no folder: %s", strerror(errno));
  snprintf(program, sizeof program, "%s/moonlane", build);
  k.program = program;
  snprintf(k.db, sizeof k.db, "%s/m.db", k.dir);
  snprintf(k.sock, sizeof k.sock, "%s.sock", k.db);
  snprintf(k.flows, sizeof k.flows, "%s/flows", k.dir);
  snprintf(path, sizeof path, "%s/kill", k.flows);
  if (mkdir(k.flows, 0700) != 0 || mkdir(path, 0700) != 0)
    bail("no folder: %s", strerror(errno));
  strcat(path, "/workflow.lua");
  f = fopen(path, "w");
  if (f == NULL || fputs(flow, f) < 0 || fclose(f) != 0)
    bail("the workflow cannot be written");
  k.clock = ml_clock_system();
  ml_rand_seed(&k.rand, seed);
  k.jobs = calloc(JOBS_MAX, sizeof *k.jobs);
  k.effects = calloc(KEYS_MAX, sizeof *k.effects);
  k.by_key = calloc(TABLE, sizeof *k.by_key);
  k.by_id = calloc(TABLE, sizeof *k.by_id);
  if (k.jobs == NULL || k.effects == NULL || k.by_key == NULL ||
      k.by_id == NULL || ml_loop_new(NULL, &k.loop) != ML_OK ||
      ml_client_new(k.loop, 64, 64, &k.http) != ML_OK ||
      ml_server_new(k.loop, NULL, on_call, NULL, &k.peer) != ML_OK ||
      ml_server_listen(k.peer, "127.0.0.1:0", k.peer_at, &e) != ML_OK)
    bail("the world cannot be made: %s", e.text);
}

static bool member_there;
static void member(call *c, int status, const ml_json *body) {
  (void)c;
  (void)body;
  member_there = status >= 200 && status < 300;
}

static void first_start(void) {
  call c = {DEEDS, -1, member};

  spawn();
  if (!up_within(READY_MS))
    bail("the engine does not start");
  ask(&c, "PUT", "/v1/users/kim", "{\"lanes\":[\"kill/desk\"]}");
  while (k.open > 0)
    ml_loop_turn(k.loop, 10);
  if (!member_there)
    bail("the member was not made");
}

static bool all_resolved(void) {
  for (int n = first_job; n < k.job_count; n++)
    if (!resolved(&k.jobs[n]))
      return false;
  return true;
}

/* Nothing new; until all is answered and every process is at its end. */
static void come_to_rest(void) {
  int64_t end = now() + REST_MS;

  k.loading = false;
  k.left = -1;
  while (now() < end) {
    load_for(20);
    if (all_resolved() && k.left == 0)
      return;
    if (!all_resolved())
      k.left = -1;
  }
  broken("not at rest after %d s: %d open", REST_MS / 1000, k.left);
}

static void stop_in_order(void) {
  int status;

  kill(k.engine, SIGTERM);
  if (waitpid(k.engine, &status, 0) < 0 || !WIFEXITED(status) ||
      WEXITSTATUS(status) != 0)
    broken("TERM: status %d", status);
  k.engine = 0;
}

static int audit(void) {
  char command[600];
  int status;

  snprintf(command, sizeof command, "'%s' verify '%s' > '%s/verify'", k.program,
           k.db, k.dir);
  status = system(command);
  if (status != 0)
    broken("verify: status %d", status);
  return status;
}

static void tidy(void) {
  char command[300];

  ml_server_free(k.peer);
  ml_client_free(k.http);
  ml_loop_free(k.loop);
  if (getenv("KEEP") != NULL) {
    printf("# everything is in %s\n", k.dir);
    return;
  }
  snprintf(command, sizeof command, "rm -rf '%s'", k.dir);
  if (system(command) != 0)
    printf("# %s is left\n", k.dir);
}

int main(int argc, char **argv) {
  const char *build = getenv("BUILD");
  int kills = 10, bodies;
  uint64_t seed = 1;
  verdict v = {0};

  for (int i = 1; i + 1 < argc; i += 2)
    if (strcmp(argv[i], "--kills") == 0)
      kills = atoi(argv[i + 1]);
    else if (strcmp(argv[i], "--seed") == 0)
      seed = strtoull(argv[i + 1], NULL, 10);
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGPIPE, SIG_IGN);
  set_up(build != NULL ? build : "build", seed);
  k.loading = true;
  first_start();
  for (int i = 1; i <= kills; i++) {
    if (i > 1)
      spawn();
    if (i % 5 == 0) {            /* while it starts, or just after */
      up_within((int64_t)below(250));
      k.early_kills++;
    } else {
      if (i > 1 && !up_within(READY_MS))
        bail("the engine does not start after kill %d", i - 1);
      load_for(30 + (int64_t)below(200));
    }
    shoot();
  }
  spawn();
  if (!up_within(READY_MS))
    bail("the engine does not start after the last kill");
  come_to_rest();
  stop_in_order();
  read_history();
  for (int n = 0; n < k.job_count; n++)
    judge_job(&k.jobs[n], &v);
  bodies = k.effect_count;
  audit();
  printf("# %u kills, %u of them while it started; %u starts, %u signals, %u "
         "completions, %u cancels acknowledged; %u answers replayed; %d keys, %u "
         "calls at the peer\n", k.kills, k.early_kills, v.starts, v.signals,
         v.completes, v.cancels, k.replays, bodies, k.peer_calls);
  printf("# lost %u, doubled %u, told otherwise %u, faults in all %u\n", v.lost,
         v.doubled, v.wrong, k.faults);
  printf("%sok 1 - no acknowledged start is lost\n", v.lost > 0 ? "not " : "");
  printf("%sok 2 - none is there twice\n", v.doubled > 0 ? "not " : "");
  printf("%sok 3 - signals, completions and cancels are as acknowledged\n",
         v.wrong > 0 ? "not " : "");
  printf("%sok 4 - no phase early, one key one body, nothing stuck\n",
         k.faults > 0 ? "not " : "");
  printf("%sok 5 - there was load: starts, signals, completions, keys\n",
         v.starts > (unsigned)kills && v.signals > 0 && v.completes > 0 &&
                 bodies > 0 && k.kills == (unsigned)kills ? "" : "not ");
  printf("1..5\n");
  tidy();
  return v.lost + v.doubled + v.wrong + k.faults > 0;
}
