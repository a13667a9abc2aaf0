/*
** serve.c - start, serve, drain.
**
** Start is a straight line, each step waited for with the loop running:
** workers, store, run, folder, listeners, first token, ready.  From then on
** only signals and changes of the folder come in here.
*/
#include "cmd/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/api.h"
#include "base/log.h"
#include "cmd/bounds.h"
#include "cmd/edge.h"
#include "cmd/engine.h"
#include "cmd/files.h"
#include "cmd/mail_conf.h"
#include "cmd/out.h"
#include "cmd/verbs.h"
#include "cmd/watch.h"
#include "net/address.h"

enum { LIST_MAX = 64, WORKERS_MAX = 64, CALLS_MAX = 128, DRAIN_MS = 30000, LAST_ANSWERS_MS = 1000,
       LAST_TURNS = 20 };
enum { HISTORY_LEAST = 100, HISTORY_MOST = 10000000, QUEUE_MOST = 1000000,
       CONNECTIONS_MOST = 16384, LIFE_LEAST_MS = 3600000 };
_Static_assert(HISTORY_MOST < ML_STORE_HISTORY_MAX / 3 * 2, "what ends a process "
               "that is full adds records too");

typedef struct serving {
  const ml_serve_conf *conf;
  ml_engine engine;
  ml_api *api;
  ml_watch *watch;
  ml_loop_signal *term, *intr, *hup;
  ml_str allow[LIST_MAX], hosts[LIST_MAX], rules[LIST_MAX], owners[LIST_MAX];
  size_t allow_count, host_count, rule_count, owner_count;
  ml_mail_conf mail;
  int64_t drain_ms;
  ml_server_limits limits;
  unsigned ends;                 /* TERM and INT that came */
  bool loading, load_again;
  size_t faults;                 /* of the load under way */
  ml_engine_wait first;          /* load: waited for */
} serving;

/* ---- what is asked for ---- */

static ml_rc read_list(const ml_args *a, const char *name, ml_str *out,
                       size_t *count, ml_err *e) {
  *count = ml_args_count(a, name);
  if (*count > LIST_MAX)
    return ml_err_set(e, ML_LIMIT, NULL, "--%s may stand %d times at most",
                      name, LIST_MAX);
  for (size_t i = 0; i < *count; i++)
    out[i] = ml_str_of(ml_args_nth(a, name, i));
  return ML_OK;
}

static ml_rc read_owners(serving *s, const ml_args *a, ml_isolation *apart,
                         ml_err *e) {
  const char *text = ml_args_get(a, "isolation");
  ml_rc rc = read_list(a, "owner", s->owners, &s->owner_count, e);

  for (size_t i = 0; rc == ML_OK && i < s->owner_count; i++)
    if (!ml_run_owner_ok(s->owners[i]))
      rc = ml_err_set(e, ML_INVALID, NULL, "--owner wants FOLDER=OWNER, as "
                      "order-delivery=sales, not '%.80s'", s->owners[i].p);
  if (rc != ML_OK || text == NULL)
    return rc;
  *apart = strcmp(text, "author") == 0 ? ML_ISOLATE_AUTHOR
           : strcmp(text, "none") == 0 ? ML_ISOLATE_NONE : ML_ISOLATE_DEFAULT;
  return *apart != ML_ISOLATE_DEFAULT ? ML_OK
         : ml_err_set(e, ML_INVALID, NULL, "--isolation may be author or none, "
                      "not '%.80s'", text);
}

/* A key must outlive the retries of whoever sent it. */
static ml_rc read_life(const ml_args *a, const char *name, int64_t *out,
                       ml_err *e) {
  ml_rc rc = ml_args_duration(a, name, 0, out, e);

  if (rc == ML_OK && ml_args_get(a, name) != NULL && *out < LIFE_LEAST_MS)
    rc = ml_err_set(e, ML_INVALID, NULL, "--%s: an hour is the least (1h)", name);
  return rc;
}

/* How much there may be; 0, the default, is the engine's own. */
static ml_rc read_limits(serving *s, const ml_args *a, ml_engine_conf *ec,
                         ml_err *e) {
  int64_t history = 0, queue = 0, all = 0, peer = 0;
  ml_rc rc = ml_args_int(a, "history-max", HISTORY_LEAST, HISTORY_MOST, 0,
                         &history, e);

  if (rc == ML_OK)
    rc = ml_args_int(a, "queue-max", 1, QUEUE_MOST, 0, &queue, e);
  if (rc == ML_OK)
    rc = ml_args_int(a, "connections", 1, CONNECTIONS_MOST, 0, &all, e);
  if (rc == ML_OK)
    rc = ml_args_int(a, "peer-connections", 1, CONNECTIONS_MOST, 0, &peer, e);
  if (rc == ML_OK)
    rc = ml_bounds_args(a, &ec->limits, e);
  if (rc == ML_OK)
    rc = ml_edge_args(a, &s->limits, &ec->hook_rate, e);
  if (rc == ML_OK)
    rc = read_life(a, "keep-keys", &ec->keep_keys_ms, e);
  if (rc == ML_OK)
    rc = read_life(a, "keep-occurrences", &ec->keep_seen_ms, e);
  ec->history_max = (uint64_t)history;
  ec->queue_max = (uint32_t)queue;
  s->limits.connections = (uint32_t)all;
  s->limits.per_peer = (uint32_t)peer;
  return rc;
}

static ml_rc read_args(serving *s, const ml_args *a, ml_engine_conf *ec,
                       ml_err *e) {
  int64_t workers = 0, calls = 0;
  ml_isolation apart = ML_ISOLATE_DEFAULT;
  ml_rc rc = read_list(a, "allow", s->allow, &s->allow_count, e);

  for (size_t i = 0; rc == ML_OK && i < s->allow_count; i++)
    if (!ml_address_entry_ok(s->allow[i]))
      rc = ml_err_set(e, ML_INVALID, NULL, "--allow wants ADDRESS:PORT, as "
                      "127.0.0.1:8080, 10.0.0.0/8:443 or [::1]:*, not '%.80s'",
                      s->allow[i].p);
  if (rc == ML_OK)
    rc = read_list(a, "host", s->hosts, &s->host_count, e);
  if (rc == ML_OK)
    rc = read_list(a, "rules", s->rules, &s->rule_count, e);
  if (rc == ML_OK)
    rc = ml_args_int(a, "workers", 1, WORKERS_MAX, 0, &workers, e);
  if (rc == ML_OK)
    rc = ml_args_int(a, "workflow-calls", 1, CALLS_MAX, 0, &calls, e);
  if (rc == ML_OK)
    rc = ml_args_duration(a, "drain", DRAIN_MS, &s->drain_ms, e);
  if (rc == ML_OK)
    rc = ml_mail_conf_read(&s->mail, a, s->allow, s->allow_count, e);
  if (rc == ML_OK)
    rc = read_owners(s, a, &apart, e);
  *ec = (ml_engine_conf){
    .db = s->conf->db, .key_file = s->conf->key_file, .allow = s->allow,
    .allow_count = s->allow_count, .rules = s->rules,
    .rule_count = s->rule_count, .workers = (uint32_t)workers,
    .calls_max = (uint32_t)calls,
    .mail_server = &s->mail.server, .mail_from = s->mail.from,
    .isolation = apart, .owners = s->owners, .owner_count = s->owner_count,
    .insecure = ml_args_flag(a, "insecure-scripts"),
    .step_commits = ml_args_flag(a, "step-commits")};
  return rc == ML_OK ? read_limits(s, a, ec, e) : rc;
}

/* ---- saying things ---- */

static void say(const char *name, const char *text) {
  ml_buf b = {0};

  ml_buf_printf(&b, "%-9s ", name);
  ml_out_clean(&b, ml_str_of(text));
  ml_buf_putc(&b, '\n');
  ml_out_send(&b);
}

static void fault(void *arg, const char *at, const char *text) {
  serving *s = arg;

  s->faults++;
  ml_out_fail(0, "%s: %s", at, text);
}

static void say_workflows(const serving *s) {
  for (size_t i = 0; i < ml_run_workflow_count(s->engine.run); i++) {
    const ml_workflow *w = ml_run_workflow_at(s->engine.run, i);
    char text[300];

    if (w->bundle == 0)
      continue;
    snprintf(text, sizeof text, "%.*s %.12s", (int)w->name.n, w->name.p,
             ml_run_bundle_version(s->engine.run, w->bundle).p);
    say("workflow", text);
  }
}

static void say_broken(const serving *s) {
  ml_str broken = ml_run_broken(s->engine.run);
  const char *p = broken.p, *end = ml_str_end(broken);

  while (p < end) {
    const char *nl = memchr(p, '\n', (size_t)(end - p));
    size_t n = (size_t)((nl != NULL ? nl : end) - p);
    char text[800];

    snprintf(text, sizeof text, "%.*s", (int)n, p);
    if (n > 0)
      say("broken", text);
    p += n + (nl != NULL);
  }
}

/* ---- loading ---- */

static void load(serving *s);

static void loaded(void *arg, ml_rc rc, const ml_err *e) {
  serving *s = arg;

  s->loading = false;
  if (rc != ML_OK && s->faults == 0 && e != NULL)
    ml_out_error(0, e);
  ml_log(rc == ML_OK ? ML_INFO : ML_WARN, "folder-loaded", "folder",
         s->conf->folder, "rc", ml_rc_name(rc), NULL);
  if (s->conf->watch)
    say(rc == ML_OK ? "loaded" : "broken",
        rc == ML_OK ? s->conf->folder : "the old version stays in force");
  if (s->load_again)
    load(s);
}

static void load(serving *s) {
  s->load_again = s->loading;
  if (s->loading || s->ends > 0)
    return;
  s->loading = true;
  s->faults = 0;
  ml_run_load(s->engine.run, s->conf->folder, fault, loaded, s);
}

static void on_change(void *arg) {
  load(arg);
}

/* ---- ending ---- */

static void drained(void *arg, ml_rc rc, const ml_err *e) {
  serving *s = arg;

  if (rc != ML_OK)
    ml_log(ML_WARN, "drain-cut", "why", e != NULL ? e->text : "", NULL);
  ml_loop_stop(s->engine.loop);
}

/* The first ends in order, the second at once: what was acknowledged is on disk
** in either case. */
static void on_end(void *arg) {
  serving *s = arg;

  if (++s->ends > 1) {
    ml_log(ML_WARN, "stopped-at-once", NULL);
    _exit(ML_EXIT_FALSE);
  }
  ml_log(ML_INFO, "draining", NULL);
  if (s->api != NULL) {
    ml_api_drain(s->api);
    ml_run_drain(s->engine.run, s->drain_ms, drained, s);
  }
}

/* Let answers that wait for nothing more go out. */
static void last_answers(serving *s) {
  ml_clock *clock = ml_loop_clock(s->engine.loop);
  int64_t end = clock->mono_ms(clock) + LAST_ANSWERS_MS;

  while (ml_api_busy(s->api) > 0 && clock->mono_ms(clock) < end)
    ml_loop_turn(s->engine.loop, 10);
  for (int i = 0; i < LAST_TURNS; i++)
    ml_loop_turn(s->engine.loop, 0);
}

static ml_rc signals(serving *s) {
  ml_loop *l = s->engine.loop;

  s->term = ml_loop_signal_new(l, SIGTERM, on_end, s);
  s->intr = ml_loop_signal_new(l, SIGINT, on_end, s);
  s->hup = ml_loop_signal_new(l, SIGHUP, on_change, s);
  return s->term != NULL && s->intr != NULL && s->hup != NULL ? ML_OK
                                                              : ML_NOMEM;
}

static void free_api(void *api) {
  ml_api_free(api);
}

static ml_rc end(serving *s) {
  ml_rc rc;

  ml_watch_free(s->watch);
  if (s->term != NULL)
    ml_loop_signal_free(s->term);
  if (s->intr != NULL)
    ml_loop_signal_free(s->intr);
  if (s->hup != NULL)
    ml_loop_signal_free(s->hup);
  rc = ml_engine_close(&s->engine, free_api, s->api);
  ml_mail_conf_done(&s->mail);
  return rc;
}

/* ---- start ---- */

static ml_rc begin(serving *s, ml_err *e) {
  ml_engine_wait w = {0};

  ml_run_begin(s->engine.run, ml_engine_done, &w);
  ml_engine_until(&s->engine, &w);
  *e = w.e;
  return w.rc;
}

static void first_loaded(void *arg, ml_rc rc, const ml_err *e) {
  serving *s = arg;

  ml_engine_done(&s->first, rc, e);
}

static ml_rc first_load(serving *s, ml_err *e) {
  s->loading = true;
  ml_run_load(s->engine.run, s->conf->folder, fault, first_loaded, s);
  ml_engine_until(&s->engine, &s->first);
  s->loading = false;
  if (s->first.rc == ML_OK || s->first.rc == ML_INVALID)
    return ML_OK;                /* a broken folder: its processes go on */
  *e = s->first.e;
  return s->first.rc;
}

static ml_rc listen_all(serving *s, char bound[128], ml_err *e) {
  ml_api_conf ac = {
    .loop = s->engine.loop, .run = s->engine.run, .store = s->engine.store,
    .clock = ml_clock_system(), .rand = ml_rand_system(), .hosts = s->hosts,
    .host_count = s->host_count, .folder = s->conf->folder,
    .limits = &s->limits,
    .version = ML_VERSION};
  char address[160];
  ml_rc rc = ml_api_new(&ac, &s->api, e);

  if (rc == ML_OK)
    rc = ml_api_listen(s->api, s->conf->listen, bound, e);
  snprintf(address, sizeof address, "unix:%s", s->conf->socket);
  if (rc == ML_OK)
    rc = ml_api_listen(s->api, address, NULL, e);
  return rc;
}

typedef struct token_wait {
  ml_engine_wait wait;
  bool made;
} token_wait;

static void token_made(void *arg, ml_rc rc, const ml_err *e, const char *path) {
  token_wait *t = arg;

  t->made = rc == ML_OK && path != NULL;
  ml_engine_done(&t->wait, rc == ML_EXISTS ? ML_OK : rc, e);
}

static ml_rc first_token(serving *s, bool *made, ml_err *e) {
  token_wait t = {.made = false};

  ml_api_first_token(s->api, s->conf->token_file, token_made, &t);
  ml_engine_until(&s->engine, &t.wait);
  *made = t.made;
  if (t.wait.rc != ML_OK)
    *e = t.wait.e;
  return t.wait.rc;
}

static void banner(serving *s, const char *bound, bool token) {
  ml_buf b = {0};

  ml_buf_printf(&b, "http://%s\n", bound);
  ml_out_send(&b);
  say("socket", s->conf->socket);
  if (token)
    say("token", s->conf->token_file);
  if (s->engine.insecure.text[0] != '\0')
    say("INSECURE", s->engine.insecure.text);
  say_workflows(s);
  say_broken(s);
}

static ml_rc start(serving *s, const ml_engine_conf *ec, ml_err *e) {
  char bound[128];
  bool token = false;
  ml_rc rc = ml_engine_open(&s->engine, ec, e);

  if (rc == ML_OK)
    rc = signals(s);
  if (rc == ML_OK)
    rc = begin(s, e);
  if (rc == ML_OK)
    rc = first_load(s, e);
  if (rc == ML_OK)
    rc = listen_all(s, bound, e);
  if (rc == ML_OK)
    rc = first_token(s, &token, e);
  if (rc == ML_OK && s->conf->watch) {
    s->watch = ml_watch_new(s->engine.loop, s->conf->folder, false, on_change,
                            s);
    rc = s->watch != NULL ? ML_OK : ML_NOMEM;
  }
  if (rc != ML_OK)
    return rc;
  ml_api_ready(s->api, true);
  banner(s, bound, token);
  if (s->load_again)
    load(s);
  return ML_OK;
}

/* Its memory holds secrets while they are sent: a crash leaves no core file, and
** no program of the same user may look into it.  (The sanitizers' own watcher is
** one.) */
static void leave_no_core(void) {
  static const struct rlimit none = {0, 0};

  if (setrlimit(RLIMIT_CORE, &none) != 0)
    ml_log(ML_WARN, "core-files-not-off", "why", strerror(errno), NULL);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    ml_log(ML_WARN, "core-files-not-off", "why", strerror(errno), NULL);
#endif
}

int ml_serve(const ml_args *a, const ml_serve_conf *conf) {
  serving s = {.conf = conf};
  ml_engine_conf ec;
  ml_err e = {0};
  ml_rc rc = read_args(&s, a, &ec, &e), last;

  if (rc != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  leave_no_core();
  rc = start(&s, &ec, &e);
  if (rc != ML_OK && e.text[0] == '\0')
    ml_err_set(&e, rc, NULL, "the engine cannot start (%s)", ml_rc_name(rc));
  if (rc == ML_OK && s.ends == 0) {
    ml_loop_run(s.engine.loop);
    last_answers(&s);
  }
  last = end(&s);
  if (rc != ML_OK)
    return ml_out_error(ml_out_code(rc), &e);
  return last == ML_OK ? ML_EXIT_FINE : ML_EXIT_STOPPED;
}
