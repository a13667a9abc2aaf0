/* sim.c - the clock, the apps, and a call's transaction. */
#include "sim.h"

#include <string.h>

#include "api.h"
#include "base/clock.h"
#include "fault.h"
#include "hook.h"

/* ---- the clock ---- */

static int64_t real_ms(void) {
  ml_clock *clock = ml_clock_system();

  return clock->wall_ms(clock);
}

int64_t ks_now(const ks_sim *sim) {
  return sim->stopped ? sim->clock_ms : real_ms() + sim->clock_ms;
}

void ks_clock_set(ks_sim *sim, int64_t ms) {
  sim->clock_ms = sim->stopped ? ms : ms - real_ms();
}

void ks_clock_run(ks_sim *sim, bool run) {
  int64_t now = ks_now(sim);

  sim->stopped = !run;
  ks_clock_set(sim, now);
}

/* ---- calls ---- */

void ks_call_init(ks_call *c, ks_sim *sim, ml_arena *a) {
  memset(c, 0, sizeof *c);
  c->sim = sim;
  c->a = a;
  c->status = 200;
  ml_jw_init(&c->w, &c->out);
}

void ks_call_person(ks_call *c, ml_str code, ml_str name) {
  c->caller.login = true;
  c->caller.who.code = code.p != NULL ? code : ML_STR("Administrator");
  c->caller.who.name = name.p != NULL ? name : c->caller.who.code;
}

void ks_call_begin(ks_call *c) {
  ks_store_begin(c->sim->store);
}

void ks_call_end(ks_call *c, const ks_log *log) {
  ks_store *s = c->sim->store;

  if (c->failed) {
    ks_store_rollback(s);
    ks_store_begin(s);
  } else {
    ks_hook_store(c);
  }
  if (log != NULL)
    ks_store_add_log(s, log);
  ks_store_commit(s);
  if (!c->failed)
    ks_hook_send(c);
}

void ks_call_done(ks_call *c) {
  ml_buf_free(&c->out);
}

/* ---- apps ---- */

ks_app *ks_sim_app(const ks_sim *sim, int64_t id) {
  ks_app *app;

  for (app = sim->apps; app != NULL; app = app->next)
    if (app->id == id)
      return app;
  return NULL;
}

/* Put it in the place of the one with its number, or beside the others. */
static void put_app(ks_sim *sim, ks_app *app) {
  ks_app **at = &sim->apps, *old;

  while (*at != NULL && (*at)->id < app->id)
    at = &(*at)->next;
  old = *at != NULL && (*at)->id == app->id ? *at : NULL;
  app->next = old != NULL ? old->next : *at;
  *at = app;
  ks_app_free(old);
}

/* The records of an app.json; false: the call has failed. */
static bool add_records(ks_call *c, ks_app *app, ml_err *e) {
  const ml_json *list = ml_json_get(app->def, "records");
  uint32_t i;

  c->in_bulk = true;            /* nobody is told */
  for (i = 0; list != NULL && i < list->count; i++) {
    ks_record_add(c, app, ml_json_at(list, i));
    if (c->failed) {
      ml_str at = ks_fmt(c->a, "/records/%u", i);

      ml_err_set(e, ML_INVALID, at.p, "%s: %s", c->problems != NULL
                 ? c->problems->path.p : c->code, c->problems != NULL
                 ? c->problems->text.p : c->message.p);
      return false;
    }
  }
  return true;
}

/* Store `app`; with its first records when it is `fresh`. */
static ml_rc store_app(ks_sim *sim, ks_app *app, ml_str text, bool fresh,
                       ml_err *e) {
  ml_arena a = {0};
  ks_call c;
  bool good = true;

  ks_call_init(&c, sim, &a);
  ks_call_person(&c, ML_NOSTR, ML_NOSTR);
  c.english = true;
  ks_call_begin(&c);
  ks_store_save_app(sim->store, app->id, text);
  if (fresh) {
    ks_store_empty_app(sim->store, app->id);
    good = add_records(&c, app, e);
  }
  ks_call_end(&c, NULL);
  ks_call_done(&c);
  ml_arena_free(&a);
  return good ? ML_OK : ML_INVALID;
}

ml_rc ks_sim_take_app(ks_sim *sim, ml_str text, bool anew, int64_t *id,
                      ml_err *e) {
  ks_app *app;
  ml_rc rc = ks_app_parse(text, ks_store_next_app(sim->store), &app, e);

  if (rc != ML_OK)
    return rc;
  rc = store_app(sim, app, text, anew || ks_sim_app(sim, app->id) == NULL, e);
  if (rc != ML_OK) {
    ks_app_free(app);
    return rc;
  }
  *id = app->id;
  put_app(sim, app);
  return ML_OK;
}

static void load_app(void *arg, int64_t id, ml_str def) {
  ks_app *app;
  ml_err e;

  if (ks_app_parse(def, id, &app, &e) != ML_OK)
    ks_die("app %lld in the database is damaged: %s (%s)", (long long)id, e.text,
           e.at);
  put_app(arg, app);
}

void ks_sim_load_apps(ks_sim *sim) {
  ks_store_apps(sim->store, load_app, sim);
}

void ks_sim_reset(ks_sim *sim) {
  ks_app *app;

  ks_cursors_done(sim);
  ks_fault_clear(sim);
  ks_store_forget(sim->store);
  for (app = sim->apps; app != NULL; app = app->next) {
    ml_buf b = {0};
    ml_err e;

    ml_json_print(&b, app->def);
    if (b.bad)
      ks_die("out of memory");
    if (store_app(sim, app, (ml_str){b.p, b.len}, true, &e) != ML_OK)
      ks_die("app %lld cannot be reset: %s", (long long)app->id, e.text);
    ml_buf_free(&b);
  }
}

void ks_sim_free_apps(ks_sim *sim) {
  ks_app *app;

  while ((app = sim->apps) != NULL) {
    sim->apps = app->next;
    ks_app_free(app);
  }
}
