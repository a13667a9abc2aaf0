/* hook.c - webhook notifications. */
#include "hook.h"

#include <stdio.h>
#include <string.h>

#include "api.h"
#include "base/rand.h"
#include "base/text.h"
#include "value.h"

static const char *const events[] = {"ADD_RECORD", "UPDATE_RECORD",
  "DELETE_RECORD", "ADD_RECORD_COMMENT", "UPDATE_STATUS"};
#define EVENT_COUNT (sizeof events / sizeof *events)
#define ALL_EVENTS ((1u << EVENT_COUNT) - 1)

typedef struct Target {
  ml_str url;
  int64_t app;                  /* 0: every app */
  unsigned events;
} Target;

/* One under way. */
typedef struct Delivery {
  struct ks_hooks *hooks;
  int64_t notice;
  uint64_t call;
  struct Delivery *next;
} Delivery;

struct ks_hooks {
  ks_sim *sim;
  ml_arena arena;
  Target target[KS_HOOK_TARGETS];
  size_t count;
  Delivery *under_way;
};

/* What a call has to tell, and to whom once it is stored. */
typedef struct Letter {
  int64_t notice;
  ml_str url;
  struct Letter *next;
} Letter;

struct ks_pending {
  const char *type;
  int64_t app, record;
  ml_str body;
  Letter *letters;
  struct ks_pending *next;
};

/* ---- what is told ---- */

static void begin(ks_call *c, ml_jw *w, ml_buf *b, const char *type,
                  const ks_app *app) {
  uint8_t id[16];
  ml_buf uuid = {0};

  ml_rand_system()->bytes(ml_rand_system(), id, sizeof id);
  ml_text_put_uuid(&uuid, id);
  ml_jw_init(w, b);
  ml_jw_obj(w);
  ml_jw_kstr(w, "id", ks_taken(c->a, &uuid));
  ml_jw_kstrz(w, "type", type);
  ml_jw_key(w, "app");
  ml_jw_obj(w);
  ks_put_int(w, "id", app->id);
  ml_jw_kstr(w, "name", app->name);
  ml_jw_end(w);
}

static ml_str page(ks_call *c, const ks_app *app, int64_t record) {
  ml_str space = app->space.p != NULL ? ks_fmt(c->a, "guest/%s/", app->space.p)
                                      : ML_STR("");

  return ks_fmt(c->a, "%s/k/%s%lld/show#record=%lld", c->sim->base, space.p,
                (long long)app->id, (long long)record);
}

static void add(ks_call *c, const char *type, const ks_app *app, int64_t record,
                ml_buf *body) {
  struct ks_pending *p = ks_new(c->a, sizeof *p), **at = &c->pending;

  p->type = type;
  p->app = app->id;
  p->record = record;
  p->body = ks_taken(c->a, body);
  while (*at != NULL)
    at = &(*at)->next;
  *at = p;
}

/* The first text that is not empty, else the record's number. */
static ml_str title(ks_call *c, const ks_app *app, const ks_record *r) {
  size_t i;

  for (i = 0; i < app->field_count; i++)
    if (!app->fields[i].type->system && app->fields[i].type->shape == KS_TEXT &&
        !ks_value_empty(r->value[i]))
      return r->value[i]->s;
  return ks_fmt(c->a, "%lld", (long long)r->id);
}

void ks_hook_record(ks_call *c, const char *type, const ks_app *app,
                    const ks_record *r) {
  ml_buf b = {0};
  ml_jw w;

  if (c->in_bulk)
    return;
  begin(c, &w, &b, type, app);
  ml_jw_key(&w, "record");
  ks_put_record(c, &w, app, r, NULL);
  ml_jw_kstr(&w, "recordTitle", title(c, app, r));
  ml_jw_kstr(&w, "url", page(c, app, r->id));
  ml_jw_end(&w);
  add(c, type, app, r->id, &b);
}

void ks_hook_delete(ks_call *c, const ks_app *app, int64_t record) {
  ml_buf b = {0}, at = {0};
  ml_jw w;

  begin(c, &w, &b, "DELETE_RECORD", app);
  ks_put_int(&w, "recordId", record);
  ml_jw_key(&w, "deletedBy");
  ks_put_person(&w, c->caller.who);
  ml_text_put_moment(&at, ks_now(c->sim) - ks_now(c->sim) % 1000);
  ml_jw_kstr(&w, "deletedAt", ks_taken(c->a, &at));
  ml_jw_end(&w);
  add(c, "DELETE_RECORD", app, record, &b);
}

void ks_hook_comment(ks_call *c, const ks_app *app, int64_t record,
                     const ks_comment *comment) {
  ml_buf b = {0};
  ml_jw w;

  begin(c, &w, &b, "ADD_RECORD_COMMENT", app);
  ks_put_int(&w, "recordId", record);
  ml_jw_key(&w, "comment");
  ks_put_comment(c, &w, comment);
  ml_jw_kstr(&w, "url", ks_fmt(c->a, "%s&comment=%lld", page(c, app, record).p,
                               (long long)comment->id));
  ml_jw_end(&w);
  add(c, "ADD_RECORD_COMMENT", app, record, &b);
}

/* ---- to whom ---- */

static unsigned event_bit(ml_str name) {
  size_t i;

  for (i = 0; i < EVENT_COUNT; i++)
    if (ml_str_is(name, events[i]))
      return 1u << i;
  return 0;
}

static bool wants(const Target *t, const struct ks_pending *p) {
  return (t->app == 0 || t->app == p->app) &&
         (t->events & event_bit(ml_str_of(p->type))) != 0;
}

static void store_one(ks_call *c, struct ks_pending *p, const Target *t) {
  ks_store *s = c->sim->store;
  ks_notice n = {.at_ms = ks_now(c->sim), .app = p->app, .record = p->record,
                 .type = ml_str_of(p->type), .url = t->url, .body = p->body,
                 .state = ML_STR("pending"), .why = ML_STR("")};
  Letter *l;

  if (p->body.n > KS_HOOK_BODY_MAX) {
    n.state = ML_STR("dropped");
    n.why = ML_STR("the body is over 1 MB");
  } else if (ks_store_notices_since(s, n.at_ms - 60000) >= KS_HOOK_PER_MINUTE) {
    n.state = ML_STR("dropped");
    n.why = ML_STR("GAIA_WT02");
  }
  n.n = ks_store_add_notice(s, &n);
  if (!ml_str_is(n.state, "pending"))
    return;
  l = ks_new(c->a, sizeof *l);
  l->notice = n.n;
  l->url = t->url;
  l->next = p->letters;
  p->letters = l;
}

void ks_hook_store(ks_call *c) {
  const struct ks_hooks *h = c->sim->hooks;
  struct ks_pending *p;
  size_t i;

  for (p = c->pending; p != NULL; p = p->next)
    for (i = 0; i < h->count; i++)
      if (wants(&h->target[i], p))
        store_one(c, p, &h->target[i]);
}

/* ---- sending ---- */

static void unlink_delivery(Delivery *d) {
  Delivery **at = &d->hooks->under_way;

  while (*at != d)
    at = &(*at)->next;
  *at = d->next;
}

static void delivered(void *arg, const ml_http_answer *a) {
  Delivery *d = arg;
  ks_sim *sim = d->hooks->sim;
  bool good = a->end == ML_HTTP_COMPLETE && a->status >= 200 && a->status < 300;

  ks_store_end_notice(sim->store, d->notice, good ? "sent" : "failed",
                      a->end == ML_HTTP_COMPLETE ? a->status : 0,
                      ml_str_of(good ? "" : a->why != NULL ? a->why
                                : "the answer was not 2xx"));
  unlink_delivery(d);
  ml_mem_free(d);
  ks_waiters_look(sim);
}

static void send_one(ks_sim *sim, const struct ks_pending *p,
                     const Letter *l) {
  static const ml_str headers[] = {ML_STR("Content-Type: application/json")};
  static const ml_str allow[] = {ML_STR("127.0.0.0/8:*"), ML_STR("[::1]:*")};
  ml_http_call call = {.method = ML_STR("POST"), .url = l->url,
                       .headers = headers, .header_count = 1, .body = p->body,
                       .timeout_ms = KS_HOOK_TIMEOUT_MS, .allow = allow,
                       .allow_count = 2};
  Delivery *d = ml_mem_zero(sizeof *d);
  ml_err e = {0};

  if (d == NULL)
    ks_die("out of memory");
  d->hooks = sim->hooks;
  d->notice = l->notice;
  d->next = sim->hooks->under_way;
  sim->hooks->under_way = d;
  if (sim->http->send(sim->http, &call, delivered, d, &d->call, &e) == ML_OK)
    return;
  ks_store_end_notice(sim->store, l->notice, "failed", 0, ml_str_of(e.text));
  unlink_delivery(d);
  ml_mem_free(d);
}

/* In the order in which they were written down. */
static void send_all(ks_sim *sim, const struct ks_pending *p, const Letter *l) {
  if (l == NULL)
    return;
  send_all(sim, p, l->next);
  send_one(sim, p, l);
}

void ks_hook_send(ks_call *c) {
  const struct ks_pending *p;

  for (p = c->pending; p != NULL; p = p->next)
    send_all(c->sim, p, p->letters);
  c->pending = NULL;
}

size_t ks_hook_waiting(const ks_sim *sim) {
  const Delivery *d;
  size_t n = 0;

  for (d = sim->hooks->under_way; d != NULL; d = d->next)
    n++;
  return n;
}

/* ---- targets ---- */

static ml_rc read_target(ml_arena *a, const ml_json *o, Target *t, ml_err *e) {
  const ml_json *list = ml_json_get(o, "events"), *app = ml_json_get(o, "app");
  ml_str url = ml_json_str(o, "url");
  uint32_t i;

  if (url.p != NULL && url.n > 0 && !ks_begins(url, "http://") &&
      !ks_begins(url, "https://"))
    return ml_err_set(e, ML_INVALID, "/url", "'%s' is no http or https URL",
                      url.p);
  t->url = ks_dup(a, url);
  t->app = 0;
  t->events = ALL_EVENTS;
  if (app != NULL && app->type == ML_JINT)
    t->app = app->i;
  else if (app != NULL && (app->type != ML_JSTR ||
                           !ml_text_int(app->s, &t->app)))
    return ml_err_set(e, ML_INVALID, "/app", "app is the number of an app");
  if (list == NULL)
    return ML_OK;
  t->events = 0;
  for (i = 0; list->type == ML_JARR && i < list->count; i++)
    t->events |= list->arr[i].type == ML_JSTR ? event_bit(list->arr[i].s) : 0;
  if (t->events == 0)
    return ml_err_set(e, ML_INVALID, "/events", "events is a list of ADD_RECORD, "
                      "UPDATE_RECORD, DELETE_RECORD, ADD_RECORD_COMMENT, "
                      "UPDATE_STATUS");
  return ML_OK;
}

ml_rc ks_hook_aim(ks_sim *sim, const ml_json *o, ml_err *e) {
  struct ks_hooks *h = sim->hooks;
  const ml_json *list = ml_json_get(o, "targets");
  Target next[KS_HOOK_TARGETS];
  size_t n = list != NULL ? list->count : 1, count = 0, i;
  ml_arena a = {0};
  ml_buf text = {0};

  if (list == NULL && ml_json_get(o, "url") == NULL)
    return ml_err_set(e, ML_INVALID, "", "\"url\" or \"targets\" is needed");
  if (n > KS_HOOK_TARGETS || (list != NULL && list->type != ML_JARR))
    return ml_err_set(e, ML_INVALID, "/targets", "a list of at most %d targets "
                      "is allowed", KS_HOOK_TARGETS);
  for (i = 0; i < n; i++) {
    ml_rc rc = read_target(&a, list != NULL ? ml_json_at(list, i) : o,
                           &next[count], e);

    if (rc != ML_OK) {
      ml_arena_free(&a);
      return rc;
    }
    count += next[count].url.n > 0;
  }
  ml_arena_free(&h->arena);
  h->arena = a;
  memcpy(h->target, next, count * sizeof *next);
  h->count = count;
  ml_json_print(&text, o);
  if (text.bad)
    ks_die("out of memory");
  ks_store_set(sim->store, "webhook", (ml_str){text.p, text.len});
  ml_buf_free(&text);
  return ML_OK;
}

void ks_hook_init(ks_sim *sim) {
  ml_arena a = {0};
  ml_str text = ks_store_setting(sim->store, "webhook", &a);

  sim->hooks = ml_mem_zero(sizeof *sim->hooks);
  if (sim->hooks == NULL)
    ks_die("out of memory");
  sim->hooks->sim = sim;
  ks_store_end_pending(sim->store);
  if (text.p != NULL)
    ks_hook_aim(sim, ks_json_parse(&a, text, NULL), NULL);
  ml_arena_free(&a);
}

void ks_hook_done(ks_sim *sim) {
  Delivery *d;

  if (sim->hooks == NULL)
    return;
  while ((d = sim->hooks->under_way) != NULL) {
    sim->hooks->under_way = d->next;
    ml_mem_free(d);
  }
  ml_arena_free(&sim->hooks->arena);
  ml_mem_free(sim->hooks);
  sim->hooks = NULL;
}
