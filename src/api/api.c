/* api.c - from a request to its route: host, path, caller, parameters, body. */
#include "api/api.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/api_call.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/plant.h"
#include "base/text.h"

enum { HOSTS_MAX = 32, KEY_MAX = 255 };

struct ml_api {
  ml_api_conf conf;
  ml_arena arena;             /* copies of what conf pointed to */
  ml_shapes shapes;
  ml_buf document;
  ml_server *server;
  ml_auth *auth;
  bool ready;
  ml_call *calls;
  const ml_call *parents;     /* whose turn it is to change one */
};

size_t ml_api_routes(const ml_routes *const **out) {
  static const ml_routes *const all[] = {
    &ml_routes_process,
    &ml_routes_transaction,
    &ml_routes_history,
    &ml_routes_task,
    &ml_routes_workflow,
    &ml_routes_setting,
    &ml_routes_people,
    &ml_routes_token,
    &ml_routes_hook,
    &ml_routes_partner,
    &ml_routes_comment,
    &ml_routes_ops,
    &ml_routes_backup,
    &ml_routes_ext,
    &ml_routes_ext_procedure,
    &ml_routes_ext_key,
    &ml_routes_ext_task,
    &ml_routes_ext_record,
    &ml_routes_ext_list,
    &ml_routes_bulk,
    &ml_routes_webhook,
    &ml_routes_audit,
    &ml_routes_export,
  };

  *out = all;
  return sizeof all / sizeof *all;
}

/* ---- beginning and end ---- */

static ml_rc add_shapes(ml_api *a, ml_err *e) {
  const ml_routes *const *all;
  size_t n = ml_api_routes(&all);
  ml_rc rc = ml_shapes_add(&a->shapes, ml_render_shapes, e);

  for (size_t i = 0; i < n && rc == ML_OK; i++)
    rc = ml_shapes_add(&a->shapes, all[i]->shapes, e);
  if (rc == ML_OK)
    rc = ml_shapes_bind(&a->shapes, e);
  return rc;
}

static void refused_before(void *arg, int status, const char *why, ml_buf *body,
                           const char **type) {
  (void)arg;
  ml_problem_put(body, status, NULL, why, NULL, NULL);
  *type = "application/problem+json";
}

static ml_rc copy_conf(ml_api *a, const ml_api_conf *conf) {
  ml_str *hosts;

  a->conf = *conf;
  a->conf.folder = NULL;
  a->conf.limits = NULL;
  a->conf.version = ml_arena_printf(&a->arena, "%s", conf->version != NULL
                                                         ? conf->version : "0");
  hosts = ml_arena_zero(&a->arena, (conf->host_count + 1) * sizeof *hosts);
  if (hosts == NULL || a->conf.version == NULL)
    return ML_NOMEM;
  for (size_t i = 0; i < conf->host_count; i++) {
    hosts[i].p = ml_arena_dup(&a->arena, conf->hosts[i].p, conf->hosts[i].n);
    hosts[i].n = conf->hosts[i].n;
    if (hosts[i].p == NULL)
      return ML_NOMEM;
  }
  a->conf.hosts = hosts;
  if (conf->folder != NULL) {
    a->conf.folder = ml_arena_printf(&a->arena, "%s", conf->folder);
    if (a->conf.folder == NULL)
      return ML_NOMEM;
  }
  return ML_OK;
}

ml_rc ml_api_new(const ml_api_conf *conf, ml_api **out, ml_err *e) {
  ml_api *a = ml_mem_zero(sizeof *a);
  ml_rc rc = ML_NOMEM;

  *out = NULL;
  if (a == NULL)
    return ML_NOMEM;
  if (copy_conf(a, conf) != ML_OK)
    goto fail;
  a->auth = ml_auth_new();
  if (a->auth == NULL)
    goto fail;
  rc = add_shapes(a, e);
  if (rc == ML_OK)
    rc = ml_openapi_write(&a->document, &a->shapes, a->conf.version, e);
  if (rc == ML_OK)
    rc = ml_server_new(conf->loop, conf->limits, ml_api_handle, a, &a->server);
  if (rc != ML_OK)
    goto fail;
  ml_server_on_refuse(a->server, refused_before, a);
  ml_run_bulk_reader(a->conf.run, ml_api_entry, a);
  ml_run_bulk_look(a->conf.run);
  *out = a;
  return ML_OK;
fail:
  ml_api_free(a);
  return rc;
}

void ml_api_free(ml_api *a) {
  if (a == NULL)
    return;
  while (a->calls != NULL) {
    ml_call *c = a->calls;
    a->calls = c->next;
    ml_loop_timer_free(c->timer);
    ml_buf_free(&c->out);
    ml_arena_free(&c->arena);
    ml_mem_free(c);
  }
  ml_server_free(a->server);
  ml_auth_free(a->auth);
  ml_shapes_done(&a->shapes);
  ml_buf_free(&a->document);
  ml_arena_free(&a->arena);
  ml_mem_free(a);
}

ml_rc ml_api_listen(ml_api *a, const char *address, char bound[128], ml_err *e) {
  return ml_server_listen(a->server, address, bound, e);
}

void ml_api_ready(ml_api *a, bool ready) {
  a->ready = ready;
}

void ml_api_drain(ml_api *a) {
  a->ready = false;
  ml_server_drain(a->server);
}

size_t ml_api_busy(const ml_api *a) {
  size_t n = 0;

  for (const ml_call *c = a->calls; c != NULL; c = c->next)
    n++;
  return n;
}

int64_t ml_api_now(const ml_api *a) {
  return a->conf.clock->wall_ms(a->conf.clock);
}

const ml_api_conf *ml_api_conf_of(const ml_api *a) {
  return &a->conf;
}

const ml_shapes *ml_api_shapes(const ml_api *a) {
  return &a->shapes;
}

ml_server *ml_api_server(const ml_api *a) {
  return a->server;
}

ml_auth *ml_api_auth(const ml_api *a) {
  return a->auth;
}

bool ml_api_is_ready(const ml_api *a) {
  return a->ready;
}

ml_str ml_api_document(const ml_api *a) {
  return (ml_str){a->document.p, a->document.len};
}

bool ml_api_parents_turn(ml_api *a, const ml_call *c) {
  if (a->parents == NULL)
    a->parents = c;
  return a->parents == c;
}

void ml_api_forget(ml_api *a, ml_call *c) {
  if (a->parents == c)
    a->parents = NULL;
  if (c->prev != NULL)
    c->prev->next = c->next;
  else
    a->calls = c->next;
  if (c->next != NULL)
    c->next->prev = c->prev;
}

static ml_call *call_new(ml_api *a, ml_request *q) {
  ml_call *c = ml_mem_zero(sizeof *c);

  if (c == NULL)
    return NULL;
  c->api = a;
  c->run = a->conf.run;
  c->q = q;
  c->etag = -1;
  c->match_seq = -1;
  ml_jw_init(&c->w, &c->out);
  c->next = a->calls;
  if (c->next != NULL)
    c->next->prev = c;
  a->calls = c;
  return c;
}

/* ---- host ---- */

static bool same_name(ml_str a, ml_str b) {
  return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* Browsers can be led to any address by a name (DNS rebinding): only names
** that we were told are ours are served. */
static bool host_ok(const ml_api *a, const ml_request *q) {
  static const char *const loopback[] = {"localhost", "127.0.0.1", "[::1]"};
  ml_str host = q->host, name = host;
  const char *colon;

  if (q->is_unix)
    return true;
  if (host.p == NULL || host.n == 0)
    return false;
  colon = memrchr(host.p, ':', host.n);
  if (colon != NULL && memchr(colon, ']', host.n - (size_t)(colon - host.p)) == NULL)
    name.n = (size_t)(colon - host.p);
  for (size_t i = 0; i < sizeof loopback / sizeof *loopback; i++)
    if (same_name(name, ml_str_of(loopback[i])))
      return true;
  for (size_t i = 0; i < a->conf.host_count; i++)
    if (same_name(a->conf.hosts[i], host) || same_name(a->conf.hosts[i], name))
      return true;
  return false;
}

/* ---- path ---- */

static ml_rc decode(ml_call *c, ml_str s, bool form, ml_str *out) {
  ml_buf b = {0};
  ml_rc rc = ml_text_unurl(&b, s, form);
  const char *p;

  if (b.bad)
    rc = ML_NOMEM;
  if (rc == ML_OK) {
    *out = (ml_str){b.p != NULL ? b.p : "", b.len};
    if (!ml_text_utf8(*out) || memchr(out->p, '\0', out->n) != NULL)
      rc = ML_INVALID;
  }
  if (rc == ML_OK) {
    p = ml_arena_dup(&c->arena, out->p, out->n);
    *out = (ml_str){p, out->n};
    rc = p == NULL ? ML_NOMEM : ML_OK;
  }
  ml_buf_free(&b);
  return rc;
}

/* Does the path fit the pattern?  Parts come out still encoded. */
static bool fits(const char *pattern, ml_str path, ml_str part[ML_PARTS_MAX]) {
  ml_str want = ml_str_of(pattern);
  size_t n = 0;

  if (path.n == 0 || path.p[path.n - 1] == '/')
    return false;
  for (;;) {
    ml_str w = ml_shape_part(&want, '/'), p = ml_shape_part(&path, '/');
    if (w.p == NULL || p.p == NULL)
      return w.p == NULL && p.p == NULL;
    if (w.n > 0 && w.p[0] == '{') {
      if (p.n == 0 || n == ML_PARTS_MAX)
        return false;
      part[n++] = p;
    } else if (!ml_str_eq(w, p)) {
      return false;
    }
  }
}

/* HEAD is answered as GET; the server leaves the body out. */
static bool same_method(const ml_route *r, ml_str method) {
  return ml_str_is(method, r->method)
         || (ml_str_is(method, "HEAD") && strcmp(r->method, "GET") == 0);
}

static ml_rc decode_parts(ml_call *c, const ml_str part[ML_PARTS_MAX]) {
  ml_rc rc = ML_OK;

  for (size_t j = 0; j < ML_PARTS_MAX && rc == ML_OK; j++)
    if (part[j].p != NULL)
      rc = decode(c, part[j], false, &c->part[j]);
  return rc;
}

static bool find_route(ml_call *c) {
  const ml_routes *const *all;
  size_t n = ml_api_routes(&all);
  ml_str part[ML_PARTS_MAX];
  ml_rc rc = ML_INVALID;

  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < all[i]->count; k++) {
      const ml_route *r = &all[i]->rows[k];
      memset(part, 0, sizeof part);
      if (!fits(r->pattern, c->q->path, part))
        continue;
      c->route = r;
      if (!same_method(r, c->q->method))
        continue;
      rc = decode_parts(c, part);
      if (rc == ML_OK)
        return true;
      goto none;
    }
  if (c->route != NULL) {
    ml_call_problem(c, 405, NULL, NULL, NULL, "%s is not taken here",
                    c->q->method.p);
    return false;
  }
none:
  if (rc == ML_NOMEM)
    ml_call_refuse(c, rc, NULL);
  else
    ml_call_problem(c, 404, NULL, NULL, NULL, "there is nothing at this path");
  return false;
}

/* ---- query ---- */

static const char *param_words(const ml_route *r, ml_str name, char *words,
                               size_t size) {
  ml_str all = ml_str_of(r->query);

  for (ml_str one = ml_shape_part(&all, ' '); one.p != NULL;
       one = ml_shape_part(&all, ' ')) {
    ml_str id = ml_shape_part(&one, '=');
    if (!ml_str_eq(id, name))
      continue;
    snprintf(words, size, "%.*s", (int)one.n, one.n > 0 ? one.p : "");
    return words;
  }
  return NULL;
}

/* The names of a route's parameters as "a|b". */
static void param_names(const ml_route *r, char *out, size_t size) {
  ml_str all = ml_str_of(r->query);
  size_t at = 0;

  out[0] = '\0';
  for (ml_str one = ml_shape_part(&all, ' '); one.p != NULL && at < size;
       one = ml_shape_part(&all, ' ')) {
    ml_str id = ml_shape_part(&one, '=');
    at += (size_t)snprintf(out + at, size - at, "%s%.*s", at > 0 ? "|" : "",
                           (int)id.n, id.p);
  }
}

static bool in_words(ml_str words, ml_str v) {
  for (ml_str w = ml_shape_part(&words, '|'); w.p != NULL;
       w = ml_shape_part(&words, '|'))
    if (ml_str_eq(w, v))
      return true;
  return false;
}

static bool check_param(ml_call *c, ml_str name, ml_str value) {
  const ml_param *p = ml_param_find(name);
  char words[256], shown[80];
  int64_t v;

  if (p == NULL || param_words(c->route, name, words, sizeof words) == NULL) {
    ml_text_excerpt(shown, sizeof shown, name);
    param_names(c->route, words, sizeof words);
    ml_call_problem(c, 400, NULL, NULL, words,
                    "there is no query parameter '%s' here", shown);
    return false;
  }
  if (words[0] != '\0' && !in_words(ml_str_of(words), value)) {
    ml_call_problem(c, 400, NULL, NULL, words, "%s: not one of the words allowed",
                    p->name);
    return false;
  }
  if (p->type == 'b' && !ml_str_is(value, "0") && !ml_str_is(value, "1")) {
    ml_call_problem(c, 400, NULL, NULL, "0|1", "%s: 0 or 1 is wanted", p->name);
    return false;
  }
  if (p->type == 'i'
      && (!ml_text_int(value, &v) || v < p->least || v > p->most)) {
    ml_call_problem(c, 400, NULL, NULL, NULL,
                    "%s: an integer from %lld to %lld is wanted", p->name,
                    (long long)p->least, (long long)p->most);
    return false;
  }
  return true;
}

static bool read_query(ml_call *c) {
  ml_str all = c->q->query;

  if (c->route->query != NULL && strcmp(c->route->query, "*") == 0)
    return true;            /* whatever is sent, for the trigger to see */
  for (ml_str one = ml_shape_part(&all, '&'); one.p != NULL;
       one = ml_shape_part(&all, '&')) {
    ml_str name, value = one, raw_name = ml_shape_part(&value, '=');
    ml_rc rc;

    if (one.n == 0)
      continue;
    rc = decode(c, raw_name, true, &name);
    if (rc == ML_OK)
      rc = decode(c, value.p != NULL ? value : ML_STR(""), true, &value);
    if (rc == ML_NOMEM) {
      ml_call_refuse(c, rc, NULL);
      return false;
    }
    if (rc != ML_OK) {
      ml_call_problem(c, 400, NULL, NULL, NULL,
                      "the query is not well encoded UTF-8");
      return false;
    }
    if (!check_param(c, name, value))
      return false;
    if (ml_call_query(c, name.p).p != NULL || c->query_count == ML_QUERY_MAX) {
      ml_call_problem(c, 400, NULL, NULL, NULL, "%s: stands twice in the query",
                      name.p);
      return false;
    }
    c->query[c->query_count].name = name;
    c->query[c->query_count++].value = value;
  }
  return true;
}

/* ---- body ---- */

static bool type_is_json(ml_str type) {
  static const char json[] = "application/json";
  size_t n = sizeof json - 1;

  return type.p != NULL && type.n >= n && strncasecmp(type.p, json, n) == 0
         && (type.n == n || type.p[n] == ';' || type.p[n] == ' ');
}

static bool check_body(ml_call *c, const ml_json *body, const char *takes) {
  ml_str name = ml_str_of(takes);
  const ml_shape *shape;
  ml_err e = {0};
  ml_rc rc;

  if (name.p[name.n - 1] == '?')
    name.n--;
  shape = ml_shapes_find(&c->api->shapes, name);
  if (shape == NULL) {
    ml_call_refuse(c, ML_CORRUPT, NULL);
    return false;
  }
  rc = ml_shape_check(shape, body, &e);
  if (rc != ML_OK) {
    ml_call_refuse(c, rc, &e);
    return false;
  }
  c->body = body;
  return true;
}

static bool read_body(ml_call *c) {
  const char *takes = c->route->takes;
  ml_str body = c->q->body;
  ml_json *tree = NULL;
  ml_err e = {0};
  ml_rc rc;

  if ((c->route->flags & ML_ROUTE_RAW) != 0)
    return true;
  if (body.n == 0) {
    if (takes == NULL || takes[strlen(takes) - 1] == '?')
      return true;
    ml_call_problem(c, 400, NULL, NULL, NULL, "a JSON body is wanted here");
    return false;
  }
  if (!type_is_json(ml_request_header(c->q, "Content-Type"))) {
    ml_call_problem(c, 415, NULL, NULL, "application/json",
                    "say Content-Type: application/json");
    return false;
  }
  if (takes == NULL) {
    ml_call_problem(c, 400, NULL, NULL, NULL, "no body is taken here");
    return false;
  }
  rc = ml_json_parse(&c->arena, body.p, body.n, NULL, &tree, &e);
  if (rc == ML_NOMEM) {
    ml_call_refuse(c, rc, NULL);
    return false;
  }
  if (rc != ML_OK) {
    ml_call_problem(c, 400, NULL, NULL, NULL, "the body is no JSON: %s%s%s",
                    e.text, e.at[0] != '\0' ? ", " : "", e.at);
    return false;
  }
  return check_body(c, tree, takes);
}

/* ---- Idempotency-Key and If-Match ---- */

static void hash_part(ml_sha *h, ml_str s) {
  uint64_t n = s.n;

  ml_sha_add(h, &n, sizeof n);
  if (s.n > 0)
    ml_sha_add(h, s.p, s.n);
}

/* A key belongs to who sends it and to the path; the request is what came
** under it: query and body. */
static ml_rc hash_key(ml_call *c, ml_str key) {
  uint8_t sum[ML_SHA256_LEN];
  ml_sha *h = ml_sha_open();
  ml_rc rc;

  hash_part(h, c->who.token.p != NULL ? c->who.token : c->who.name);
  hash_part(h, c->q->path);
  hash_part(h, key);
  rc = ml_sha_close(h, sum);
  if (rc != ML_OK)
    return rc;
  memcpy(c->key, sum, sizeof c->key);
  h = ml_sha_open();
  hash_part(h, c->q->query);
  hash_part(h, c->q->body);
  rc = ml_sha_close(h, sum);
  memcpy(c->body_hash, sum, sizeof c->body_hash);
  return rc;
}

static bool read_key(ml_call *c) {
  ml_str key = ml_request_header(c->q, "Idempotency-Key");
  bool ok = (key.n >= 1 || ML_PLANTED(empty_id)) && key.n <= KEY_MAX;
  ml_rc rc;

  if (key.p == NULL || strcmp(c->route->method, "POST") != 0
      || (c->route->flags & ML_ROUTE_OPEN) != 0)
    return true;
  for (size_t i = 0; i < key.n && ok; i++)
    ok = key.p[i] >= 0x20 && key.p[i] < 0x7F;
  if (!ok) {
    ml_call_problem(c, 400, NULL, NULL, NULL,
                    "Idempotency-Key: 1 to %d printable ASCII characters are "
                    "wanted", KEY_MAX);
    return false;
  }
  rc = hash_key(c, key);
  if (rc != ML_OK) {
    ml_call_refuse(c, rc, NULL);
    return false;
  }
  c->has_key = true;
  return true;
}

static bool read_match(ml_call *c) {
  ml_str m = ml_request_header(c->q, "If-Match");
  int64_t seq;

  if (m.p == NULL || (c->route->flags & ML_ROUTE_MATCH) == 0
      || ml_str_is(m, "*"))
    return true;
  if (m.n >= 3 && m.p[0] == '"' && m.p[m.n - 1] == '"'
      && ml_text_int((ml_str){m.p + 1, m.n - 2}, &seq) && seq >= 0) {
    c->has_match = true;
    c->match_seq = seq;
    return true;
  }
  ml_call_problem(c, 400, NULL, NULL, NULL,
                  "If-Match: the ETag of the process is wanted, as \"12\"");
  return false;
}

/* ---- one request ---- */

static void no_memory(ml_request *q) {
  static const char *const headers[] = {
    "Content-Type: application/problem+json", "Retry-After: 1", NULL};

  ml_reply(q, 503, headers,
           ML_STR("{\"type\":\"urn:moonlane:problem:out-of-memory\","
                  "\"title\":\"Memory is short; try again\",\"status\":503}"));
}

void ml_api_handle(void *arg, ml_request *q) {
  ml_api *a = arg;
  ml_call *c = call_new(a, q);

  if (c == NULL) {
    no_memory(q);
    return;
  }
  if (!host_ok(a, q)) {
    ml_call_problem(c, 421, NULL, NULL, NULL,
                    "name this host in the configuration (hosts) to serve it");
    return;
  }
  if (find_route(c) && ml_auth_check(a->auth, c) && read_query(c)
      && read_body(c) && read_key(c) && read_match(c))
    c->route->fn(c);
}
