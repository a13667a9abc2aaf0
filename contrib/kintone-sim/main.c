/*
** main.c - kintone-sim: arguments, start, stop.
**
** The first line on standard output is the address.  It listens on loopback
** only: whoever reaches it may do everything through /control/.
*/
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/text.h"
#include "fault.h"
#include "hook.h"
#include "zone.h"

#define APPS_MAX 64

static const char usage[] =
  "kintone-sim - a small kintone for demos and tests\n"
  "\n"
  "  kintone-sim --app orders-ja.app.json --token T\n"
  "  kintone-sim --listen 127.0.0.1:8099 --db ledger.db --app a.json --app b.json\n"
  "\n"
  "  --listen ADDRESS  127.0.0.1:PORT or [::1]:PORT; default 127.0.0.1:0\n"
  "  --db FILE         keeps everything; default: in memory\n"
  "  --app FILE        an app.json; may be repeated, at most 64\n"
  "  --token T         an API token with all rights on all apps\n"
  "  --webhook URL     where notifications of all apps go\n"
  "  --guest S         all apps given are in guest space S\n"
  "  --now MOMENT      the clock stands at it, say 2026-03-01T09:00:00+09:00\n"
  "  --zone NAME       of TODAY() and its like; default Asia/Tokyo\n"
  "  --help\n";

typedef struct Options {
  const char *listen, *db, *token, *webhook, *guest, *now, *zone;
  const char *app[APPS_MAX];
  size_t app_count;
} Options;

/* ---- arguments ---- */

static bool read_options(int argc, char **argv, Options *o) {
  static const struct option longs[] = {
    {"listen", required_argument, NULL, 'l'}, {"db", required_argument, NULL, 'd'},
    {"app", required_argument, NULL, 'a'}, {"token", required_argument, NULL, 't'},
    {"webhook", required_argument, NULL, 'w'},
    {"guest", required_argument, NULL, 'g'}, {"now", required_argument, NULL, 'n'},
    {"zone", required_argument, NULL, 'z'}, {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0}};
  int c;

  while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
    switch (c) {
      case 'l': o->listen = optarg; break;
      case 'd': o->db = optarg; break;
      case 't': o->token = optarg; break;
      case 'w': o->webhook = optarg; break;
      case 'g': o->guest = optarg; break;
      case 'n': o->now = optarg; break;
      case 'z': o->zone = optarg; break;
      case 'a':
        if (o->app_count == APPS_MAX)
          return false;
        o->app[o->app_count++] = optarg;
        break;
      case 'h':
        fputs(usage, stdout);
        exit(0);
      default:
        return false;
    }
  }
  return optind == argc;
}

static bool is_loopback(const char *address) {
  ml_str s = ml_str_of(address);

  return ks_begins(s, "127.") || ks_begins(s, "[::1]:") || ks_begins(s, ":") ||
         ks_begins(s, "unix:");
}

/* ---- start ---- */

static ml_str read_file(const char *path, ml_buf *b) {
  FILE *f = fopen(path, "rb");
  size_t n = 1;

  if (f == NULL)
    ks_die("%s cannot be read: %s", path, strerror(errno));
  while (n > 0) {
    char *to = ml_buf_room(b, 65536);

    if (to == NULL)
      ks_die("out of memory");
    n = fread(to, 1, 65536, f);
    b->len += n;
  }
  if (ferror(f))
    ks_die("%s cannot be read: %s", path, strerror(errno));
  fclose(f);
  return (ml_str){b->p, b->len};
}

/* The text with "space" set, for --guest. */
static ml_str in_space(ml_arena *a, ml_str text, const char *space) {
  ml_json *def = ks_json_parse(a, text, NULL);
  ml_jmember *m;
  ml_buf b = {0};

  if (space == NULL || def == NULL || def->type != ML_JOBJ ||
      ml_json_get(def, "space") != NULL)
    return text;
  m = ks_new(a, (def->count + 1) * sizeof *m);
  memcpy(m, def->obj, def->count * sizeof *m);
  m[def->count].key = ML_STR("space");
  m[def->count].value.type = ML_JSTR;
  m[def->count].value.s = ml_str_of(space);
  def->obj = m;
  def->count++;
  ml_json_print(&b, def);
  return ks_taken(a, &b);
}

static void take_apps(ks_sim *sim, const Options *o) {
  size_t i;

  for (i = 0; i < o->app_count; i++) {
    ml_arena a = {0};
    ml_buf b = {0};
    ml_str text = in_space(&a, read_file(o->app[i], &b), o->guest);
    int64_t id;
    ml_err e = {0};

    if (ks_sim_take_app(sim, text, false, &id, &e) != ML_OK)
      ks_die("%s: %s: %s", o->app[i], e.at, e.text);
    ml_buf_free(&b);
    ml_arena_free(&a);
  }
}

static void aim_webhook(ks_sim *sim, const char *url) {
  ml_arena a = {0};
  ml_buf b = {0};
  ml_jw w;
  ml_err e = {0};

  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "url", url);
  ml_jw_end(&w);
  if (ks_hook_aim(sim, ks_json_parse(&a, ks_taken(&a, &b), &e), &e) != ML_OK)
    ks_die("--webhook: %s", e.text);
  ml_arena_free(&a);
}

static void set_clock(ks_sim *sim, const Options *o) {
  int64_t ms;
  ml_err e = {0};

  if (!ks_zone_use(o->zone))
    ks_die("--zone: there is no zone '%s'", o->zone);
  if (o->now == NULL)
    return;
  if (ml_text_moment(ml_str_of(o->now), &ms, &e) != ML_OK)
    ks_die("--now: %s", e.text);
  ks_clock_run(sim, false);
  ks_clock_set(sim, ms);
}

static void listen_on(ks_sim *sim, const char *address) {
  /* all callers are on this machine, and a held answer may take its time */
  static const ml_server_limits limits = {
    .line = 8192, .body = 64 * 1024 * 1024, .request_ms = 86400000,
    .connections = 1024, .per_peer = 1024, .idle_ms = 300000,
    .unread = 64 * 1024 * 1024};
  char bound[128];
  const char *port;
  ml_err e = {0};

  if (ml_server_new(sim->loop, &limits, ks_serve, sim, &sim->server) != ML_OK)
    ks_die("the server could not be made");
  if (ml_server_listen(sim->server, address, bound, &e) != ML_OK)
    ks_die("--listen: %s", e.text);
  port = strrchr(bound, ':');
  /* by name: the official client allows http for "localhost" only */
  snprintf(sim->base, sizeof sim->base, "http://localhost%s",
           port != NULL && strncmp(bound, "unix:", 5) != 0 ? port : "");
}

static void on_signal(void *arg) {
  ml_loop_stop(arg);
}

static void run(ks_sim *sim) {
  ml_loop_signal *term = ml_loop_signal_new(sim->loop, SIGTERM, on_signal,
                                            sim->loop);
  ml_loop_signal *intr = ml_loop_signal_new(sim->loop, SIGINT, on_signal,
                                            sim->loop);

  if (term == NULL || intr == NULL)
    ks_die("the signals could not be watched");
  ml_loop_run(sim->loop);
  ml_loop_signal_free(term);
  ml_loop_signal_free(intr);
}

static void stop(ks_sim *sim) {
  ks_serve_stop(sim);
  ks_waiters_stop(sim);
  ml_server_free(sim->server);
  ml_client_free(sim->http);
  ks_hook_done(sim);
  ks_fault_done(sim);
  ks_cursors_done(sim);
  ks_sim_free_apps(sim);
  ks_store_close(sim->store);
  ml_loop_free(sim->loop);
}

int main(int argc, char **argv) {
  Options o = {.listen = "127.0.0.1:0", .db = ":memory:", .zone = "Asia/Tokyo"};
  static ks_sim sim;

  if (!read_options(argc, argv, &o)) {
    fputs(usage, stderr);
    return 2;
  }
  if (!is_loopback(o.listen))
    ks_die("--listen %s: only loopback addresses are allowed", o.listen);
  set_clock(&sim, &o);
  if (ml_loop_new(NULL, &sim.loop) != ML_OK ||
      ml_client_new(sim.loop, 0, 0, &sim.http) != ML_OK)
    ks_die("the event loop could not be made");
  sim.store = ks_store_open(o.db);
  sim.master = ml_str_of(o.token);
  ks_hook_init(&sim);
  ks_fault_init(&sim);
  ks_sim_load_apps(&sim);
  take_apps(&sim, &o);
  if (o.webhook != NULL)
    aim_webhook(&sim, o.webhook);
  listen_on(&sim, o.listen);
  printf("%s\n", sim.base);
  fflush(stdout);
  run(&sim);
  stop(&sim);
  return 0;
}
