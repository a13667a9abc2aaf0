/* engine.c - putting the parts together, and taking them apart. */
#include "cmd/engine.h"

#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/log.h"
#include "cmd/args.h"
#include "cmd/files.h"
#include "store/backup.h"

enum { TURN_MS = 1000, PATROL_MS = 1000, FORGET_MS = 60000 };

static void tell_stopped(ml_rc rc, const char *why) {
  ml_log(ML_ERROR_LEVEL, "engine-stopped", "rc", ml_rc_name(rc), "why", why,
         NULL);
}

/* A flush failed: what is on disk is not known any more, and every further
** answer could be a lie.  The next start reads what is really there. */
static void stopped(void *arg, ml_rc rc, const char *why) {
  (void)arg;
  tell_stopped(rc, why);
  _exit(ML_EXIT_STOPPED);
}

static void notified(void *arg) {
  ml_loop_wake(arg);
}

static void reap(void *arg) {
  ml_engine *g = arg;

  if (g->run != NULL)
    ml_run_reap(g->run);
}

static ml_rc open_store(ml_engine *g, const ml_engine_conf *conf, ml_err *e) {
  bool memory = strcmp(conf->db, ":memory:") == 0;
  ml_store_conf sc = {.path = conf->db, .threaded = !memory,
                      .notify = notified, .notify_arg = g->reap};

  return ml_store_open(&sc, &g->store, e);
}

static ml_rc open_run(ml_engine *g, const ml_engine_conf *conf, ml_err *e) {
  ml_run_conf rc = {
    .loop = g->loop, .store = g->store, .http = g->http, .script = g->script,
    .clock = ml_clock_system(), .rand = ml_rand_system(), .allow = conf->allow,
    .allow_count = conf->allow_count, .step_commits = conf->step_commits,
    .limits = conf->limits, .hook_rate = conf->hook_rate,
    .history_max = conf->history_max, .queue_max = conf->queue_max,
    .keep_keys_ms = conf->keep_keys_ms, .keep_seen_ms = conf->keep_seen_ms,
    .forget_ms = FORGET_MS,
    .rules = conf->rules, .rule_count = conf->rule_count,
    .isolation = conf->isolation, .owners = conf->owners,
    .owner_count = conf->owner_count, .calls_max = conf->calls_max,
    .patrol_ms = PATROL_MS, .stopped = stopped, .mail = g->mail,
    .mail_server = conf->mail_server, .mail_from = conf->mail_from};
  ml_rand *rand = ml_rand_system();
  uint8_t fresh[sizeof rc.secret_key];
  ml_rc result = ML_OK;

  rand->bytes(rand, fresh, sizeof fresh);
  if (conf->key_file == NULL)
    memcpy(rc.secret_key, fresh, sizeof fresh);
  else
    result = ml_file_secret(conf->key_file, rc.secret_key, fresh, sizeof fresh,
                            e);
  if (result == ML_OK)
    result = ml_run_new(&rc, &g->run, e);
  ml_crypto_wipe(fresh, sizeof fresh);
  ml_crypto_wipe(&rc, sizeof rc);
  return result;
}

ml_rc ml_engine_open(ml_engine *g, const ml_engine_conf *conf, ml_err *e) {
  ml_host_conf hc = {.workers = conf->workers, .insecure = conf->insecure,
                     .limits = conf->limits};
  ml_rc rc;

  memset(g, 0, sizeof *g);
  rc = ml_loop_new(NULL, &g->loop);
  if (rc == ML_OK)
    rc = ml_host_new(g->loop, &hc, &g->script, e);
  if (rc == ML_OK) {
    if (e->text[0] != '\0')
      g->insecure = *e;
    g->reap = ml_loop_wakeup_new(g->loop, reap, g);
    rc = g->reap != NULL ? open_store(g, conf, e) : ML_NOMEM;
  }
  if (rc == ML_OK)
    rc = ml_client_new(g->loop, 0, 0, &g->http);
  if (rc == ML_OK && conf->mail_server != NULL &&
      conf->mail_server->url.p != NULL)
    rc = ml_mailer_new(g->loop, &g->mail);
  if (rc == ML_OK)
    rc = open_run(g, conf, e);
  if (rc != ML_OK && e->rc != rc)
    ml_err_set(e, rc, NULL, "the engine cannot start (%s)", ml_rc_name(rc));
  if (rc != ML_OK)
    ml_engine_close(g, NULL, NULL);
  return rc;
}

ml_rc ml_engine_open_still(ml_engine *g, const char *db, ml_err *e) {
  ml_store_conf sc = {.path = db};
  ml_run_conf rc = {.clock = ml_clock_system(), .rand = ml_rand_system(),
                    .still = true, .stopped = stopped};
  ml_engine_wait w = {0};
  ml_rc result;

  memset(g, 0, sizeof *g);
  result = ml_loop_new(NULL, &g->loop);
  if (result == ML_OK)
    result = ml_store_open(&sc, &g->store, e);
  rc.loop = g->loop;
  rc.store = g->store;
  if (result == ML_OK)
    result = ml_run_new(&rc, &g->run, e);
  if (result == ML_OK) {
    ml_run_begin(g->run, ml_engine_done, &w);
    ml_engine_until(g, &w);
    result = w.rc;
    *e = w.e;
  }
  if (result != ML_OK && e->rc != result)
    ml_err_set(e, result, NULL, "the store cannot be gone on with (%s)",
               ml_rc_name(result));
  if (result != ML_OK)
    ml_engine_close(g, NULL, NULL);
  return result;
}

ml_rc ml_engine_close(ml_engine *g, void (*after)(void *arg), void *arg) {
  ml_rc rc;

  ml_host_free(g->script);       /* its open questions end; the run hears it */
  if (g->store != NULL) {
    ml_store_backup_stop(g->store);
    ml_store_wait(g->store);
  }
  ml_mailer_free(g->mail);       /* its mails end, untold: they are in the store */
  ml_run_free(g->run);
  g->run = NULL;
  if (after != NULL)
    after(arg);
  ml_client_free(g->http);
  rc = ml_store_close(g->store);
  if (rc != ML_OK)
    tell_stopped(rc, "a flush to disk failed when the store was closed: its log "
                 "is left as it is, and the next start reads it");
  ml_loop_wakeup_free(g->reap);
  ml_loop_free(g->loop);
  memset(g, 0, sizeof *g);
  return rc;
}

void ml_engine_done(void *arg, ml_rc rc, const ml_err *e) {
  ml_engine_wait *w = arg;

  w->over = true;
  w->rc = rc;
  if (e != NULL)
    w->e = *e;
}

void ml_engine_until(ml_engine *g, ml_engine_wait *w) {
  while (!w->over) {
    ml_loop_turn(g->loop, TURN_MS);
    if (g->run != NULL)
      ml_run_reap(g->run);
  }
}
