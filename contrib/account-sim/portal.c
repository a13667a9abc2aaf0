/*
** portal.c - what the portal wants done: posted to the engine as a transaction,
** looked after until it has ended, and applied only if it has succeeded.
**
** A wish is a row: New until the engine has taken it (posted again with the same
** key until then), then as the engine says it.  So the simulator may be killed
** too.
*/
#include <stdio.h>
#include <string.h>

#include "sim.h"

enum { LOOK_MS = 100, ASKING_MAX = 8, TIMEOUT_MS = 10000 };

static const ml_str loopback[] = {{"127.0.0.1:*", 11}, {"[::1]:*", 7}};

/* ---- wishes ---- */

static bool is_own(ml_str key) {
  return ml_str_is(key, "type") || ml_str_is(key, "tenant") ||
         ml_str_is(key, "target");
}

/* {"type","tenant","data"} as the engine takes it: the tenant as it is now, who
** wished it, and what else was given. */
static ml_str payload_of(as_call *c, ml_str type, ml_str tenant, ml_str body) {
  const ml_json *user;
  ml_json *t = NULL;
  ml_buf b = {0};
  ml_str out;
  ml_jw w;

  if (ml_json_parse(&c->a, body.p, body.n, NULL, &t, NULL) != ML_OK)
    as_die("a tenant is damaged");
  user = ml_json_get(t, "user");
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kstr(&w, "type", type);
  ml_jw_kstr(&w, "tenant", tenant);
  ml_jw_key(&w, "data");
  ml_jw_obj(&w);
  ml_jw_key(&w, "tenant");
  ml_jw_json(&w, t);
  if (user != NULL && ml_json_get(c->body, "user") == NULL) {
    ml_jw_key(&w, "user");
    ml_jw_json(&w, user);
  }
  for (uint32_t i = 0; i < c->body->count; i++)
    if (!is_own(c->body->obj[i].key)) {
      ml_jw_keyn(&w, c->body->obj[i].key);
      ml_jw_json(&w, &c->body->obj[i].value);
    }
  ml_jw_end(&w);
  ml_jw_end(&w);
  if (b.bad)
    as_die("out of memory");
  out = as_keep(&c->a, (ml_str){b.p, b.len});
  ml_buf_free(&b);
  return out;
}

static void bad(as_call *c, const char *why) {
  c->status = 400;
  ml_jw_obj(&c->w);
  ml_jw_kstrz(&c->w, "error", why);
  ml_jw_end(&c->w);
}

void as_portal_post(as_call *c) {
  ml_str type = ml_json_str(c->body, "type"), tenant = ml_json_str(c->body, "tenant");
  ml_str sub = ml_json_str(ml_json_get(c->body, "subscription"), "id");
  ml_str service = ml_json_str(ml_json_get(c->body, "serviceInstance"), "id");
  ml_str body = as_thing(c->sim, &c->a, ML_STR("tenants"), tenant);
  const ml_json *target = ml_json_get(c->body, "target");
  ml_buf t = {0};

  if (type.n == 0 || body.p == NULL || target == NULL || target->type != ML_JOBJ) {
    bad(c, "a type, the id of a tenant and a target are wanted");
    return;
  }
  ml_json_print(&t, target);
  as_do(c->sim, "INSERT INTO wish (type, tenant, kind, about, target, payload, "
        "state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'New')", "ssssss", type, tenant,
        sub.n > 0 ? ML_STR("subscriptions")
        : service.n > 0 ? ML_STR("services") : ML_STR("tenants"),
        sub.n > 0 ? sub : service.n > 0 ? service : tenant,
        (ml_str){t.p, t.len}, payload_of(c, type, tenant, body));
  ml_buf_free(&t);
  c->status = 201;
  ml_jw_obj(&c->w);
  ml_jw_kint(&c->w, "id", sqlite3_last_insert_rowid(c->sim->db));
  ml_jw_end(&c->w);
  ml_loop_timer_set(c->sim->timer, 0);
}

void as_portal_list(as_call *c) {
  static const char *const names[] = {"type", "tenant", "state", "transaction",
                                      "process", "message"};
  sqlite3_stmt *st = as_sql(c->sim, "SELECT no, type, tenant, state, transact, "
                            "process, message FROM wish ORDER BY no", "");

  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "items");
  ml_jw_arr(&c->w);
  while (as_row(c->sim, st)) {
    ml_jw_obj(&c->w);
    ml_jw_kint(&c->w, "id", sqlite3_column_int64(st, 0));
    for (int i = 0; i < 6; i++)
      ml_jw_kstr(&c->w, names[i],
                 sqlite3_column_type(st, i + 1) != SQLITE_NULL ? as_text(st, i + 1)
                                                               : ML_NOSTR);
    ml_jw_end(&c->w);
  }
  sqlite3_finalize(st);
  ml_jw_end(&c->w);
  ml_jw_end(&c->w);
}

/* ---- the engine ---- */

typedef struct asking {
  as_sim *sim;
  int64_t no;                    /* of the wish; 0: nobody waits for it */
  unsigned era;
} asking;

/* What the wish was about becomes what was wished. */
static void apply(as_sim *sim, int64_t no) {
  ml_arena a = {0};
  ml_str kind, about, target;
  sqlite3_stmt *st = as_sql(sim, "SELECT kind, about, target FROM wish WHERE no = ?1",
                            "i", no);

  as_row(sim, st);
  kind = as_keep(&a, as_text(st, 0));
  about = as_keep(&a, as_text(st, 1));
  target = as_keep(&a, as_text(st, 2));
  sqlite3_finalize(st);
  as_thing_patch(sim, kind, about, target);
  ml_arena_free(&a);
}

static void take_state(as_sim *sim, int64_t no, const ml_json *v) {
  ml_str state = ml_json_str(v, "state"), process = ml_json_str(v, "process");

  if (state.n == 0)
    return;
  as_do(sim, "BEGIN IMMEDIATE", "");
  as_do(sim, "UPDATE wish SET state = ?2, transact = ?3, process = nullif(?4, ''), "
        "message = nullif(?5, '') WHERE no = ?1", "issss", no, state,
        ml_json_str(v, "id"), process, ml_json_str(v, "message"));
  if (ml_str_is(state, "Completed"))
    apply(sim, no);
  as_do(sim, "COMMIT", "");
}

static void answered(void *arg, const ml_http_answer *answer) {
  asking *k = arg;
  ml_arena a = {0};
  ml_json *v = NULL;

  if (k->era != k->sim->era) {
    ml_mem_free(k);
    return;
  }
  k->sim->asking--;
  if (k->no != 0 && answer->end == ML_HTTP_COMPLETE && answer->status < 300 &&
      ml_json_parse(&a, answer->body.p, answer->body.n, NULL, &v, NULL) == ML_OK)
    take_state(k->sim, k->no, v);
  else if (k->no != 0 && answer->end == ML_HTTP_COMPLETE && answer->status < 500)
    fprintf(stderr, "account-sim: the engine answered %d: %.*s\n", answer->status,
            (int)answer->body.n, answer->body.p);
  ml_arena_free(&a);
  ml_mem_free(k);
}

static void ask(as_sim *sim, int64_t no, const char *method, const char *path,
                ml_str body, const char *key) {
  char url[600], auth[340], key_line[80];
  ml_str headers[3];
  ml_http_call call = {.method = ml_str_of(method), .body = body, .headers = headers,
                       .allow = loopback, .allow_count = 2,
                       .timeout_ms = TIMEOUT_MS};
  asking *k = ml_mem_zero(sizeof *k);

  if (k == NULL)
    return;
  snprintf(url, sizeof url, "%s%s", sim->engine, path);
  snprintf(auth, sizeof auth, "Authorization: Bearer %s", sim->engine_token);
  snprintf(key_line, sizeof key_line, "Idempotency-Key: %s", key);
  call.url = ml_str_of(url);
  headers[call.header_count++] = ml_str_of(auth);
  if (body.n > 0)
    headers[call.header_count++] = ML_STR("Content-Type: application/json");
  if (key[0] != '\0')
    headers[call.header_count++] = ml_str_of(key_line);
  k->sim = sim;
  k->no = no;
  k->era = sim->era;
  sim->asking++;
  if (sim->http->send(sim->http, &call, answered, k, NULL, NULL) != ML_OK) {
    sim->asking--;
    ml_mem_free(k);
  }
}

/* Every wish that has not ended, once in a while; the engine is asked for one
** after the other. */
void as_portal_look(void *arg) {
  as_sim *sim = arg;
  sqlite3_stmt *st;
  size_t rows = 0;

  if (sim->engine[0] == '\0')
    return;
  if (sim->asking == 0) {
    st = as_sql(sim, "SELECT no, payload, transact FROM wish WHERE state NOT IN "
                "('Completed') ORDER BY no", "");
    while (as_row(sim, st) && sim->asking < ASKING_MAX * 64) {
      int64_t no = sqlite3_column_int64(st, 0);
      char key[40], path[200];

      rows++;
      snprintf(key, sizeof key, "portal-%lld", (long long)no);
      if (sqlite3_column_type(st, 2) == SQLITE_NULL) {
        ask(sim, no, "POST", "/v1/transactions", as_text(st, 1), key);
      } else {
        snprintf(path, sizeof path, "/v1/transactions/%.*s",
                 (int)as_text(st, 2).n, as_text(st, 2).p);
        ask(sim, no, "GET", path, ML_NOSTR, "");
      }
    }
    sqlite3_finalize(st);
  }
  if (rows > 0 || sim->asking > 0)
    ml_loop_timer_set(sim->timer, LOOK_MS);
}

void as_portal_tell(as_sim *sim, ml_str tenant) {
  sqlite3_stmt *st;

  if (sim->engine[0] == '\0')
    return;
  st = as_sql(sim, "SELECT process FROM wish WHERE tenant = ?1 AND process IS NOT "
              "NULL AND state = 'Running'", "s", tenant);
  while (as_row(sim, st)) {
    char path[200];

    snprintf(path, sizeof path, "/v1/processes/%.*s/signals",
             (int)as_text(st, 0).n, as_text(st, 0).p);
    ask(sim, 0, "POST", path, ML_STR("{\"name\":\"account-changed\"}"), "");
  }
  sqlite3_finalize(st);
}
