/* openapi.c - the OpenAPI 3.1 document, written from the table of routes. */
#include <stdio.h>
#include <string.h>

#include "api/api_call.h"
#include "base/text.h"

bool ml_openapi_gives(const char **gives, int *status, ml_str *what) {
  ml_str all = ml_str_of(*gives), one;
  int64_t n;

  one = ml_shape_part(&all, '/');
  if (one.p == NULL)
    return false;
  *gives = all.p;
  *what = one;
  *status = ml_text_int(ml_shape_part(what, ' '), &n) ? (int)n : 0;
  return true;
}

/* ---- schemas ---- */

static void put_ref(ml_jw *w, ml_str name) {
  char ref[120];

  snprintf(ref, sizeof ref, "#/components/schemas/%.*s", (int)name.n, name.p);
  ml_jw_obj(w);
  ml_jw_kstrz(w, "$ref", ref);
  ml_jw_end(w);
}

static void put_list(ml_jw *w, ml_str name) {
  ml_jw_obj(w);
  ml_jw_kstrz(w, "type", "object");
  ml_jw_key(w, "properties");
  ml_jw_obj(w);
  ml_jw_key(w, "items");
  ml_jw_obj(w);
  ml_jw_kstrz(w, "type", "array");
  ml_jw_key(w, "items");
  put_ref(w, name);
  ml_jw_end(w);
  ml_jw_key(w, "next");
  ml_jw_raw(w, ML_STR("{\"type\":[\"string\",\"null\"],\"description\":"
                      "\"cursor of the next page; null: this was the last\"}"));
  ml_jw_end(w);
  ml_jw_key(w, "required");
  ml_jw_raw(w, ML_STR("[\"items\",\"next\"]"));
  ml_jw_kbool(w, "additionalProperties", false);
  ml_jw_end(w);
}

/* "Task", "[Task]" or "any". */
static void put_what(ml_jw *w, ml_str what) {
  if (what.p[0] == '[')
    put_list(w, (ml_str){what.p + 1, what.n - 2});
  else if (ml_str_is(what, "any"))
    ml_jw_raw(w, ML_STR("{}"));
  else
    put_ref(w, what);
}

/* ---- parameters ---- */

static void put_param(ml_jw *w, ml_str name, const char *in, const char *schema,
                      bool required, const char *about) {
  ml_jw_obj(w);
  ml_jw_kstr(w, "name", name);
  ml_jw_kstrz(w, "in", in);
  ml_jw_kbool(w, "required", required);
  ml_jw_key(w, "schema");
  ml_jw_raw(w, ml_str_of(schema));
  if (about != NULL)
    ml_jw_kstrz(w, "description", about);
  ml_jw_end(w);
}

static void put_path_params(ml_jw *w, const char *pattern) {
  for (const char *p = strchr(pattern, '{'); p != NULL; p = strchr(p + 1, '{'))
    put_param(w, (ml_str){p + 1, strcspn(p + 1, "}")}, "path",
              "{\"type\":\"string\"}", true, NULL);
}

static void put_query_param(ml_jw *w, ml_str name, ml_str words) {
  const ml_param *p = ml_param_find(name);
  char schema[400];
  size_t n;

  if (p->type == 'i') {
    snprintf(schema, sizeof schema,
             "{\"type\":\"integer\",\"minimum\":%lld,\"maximum\":%lld}",
             (long long)p->least, (long long)p->most);
  } else if (p->type == 'b') {
    snprintf(schema, sizeof schema, "{\"type\":\"string\",\"enum\":[\"0\",\"1\"]}");
  } else if (words.n > 0) {
    n = (size_t)snprintf(schema, sizeof schema,
                         "{\"type\":\"string\",\"enum\":[");
    for (ml_str one = ml_shape_part(&words, '|'); one.p != NULL && n < 300;
         one = ml_shape_part(&words, '|'))
      n += (size_t)snprintf(schema + n, sizeof schema - n, "\"%.*s\"%s",
                            (int)one.n, one.p, words.p != NULL ? "," : "");
    snprintf(schema + n, sizeof schema - n, "]}");
  } else {
    snprintf(schema, sizeof schema, "{\"type\":\"string\"}");
  }
  put_param(w, name, "query", schema, false, p->about);
}

static void put_params(ml_jw *w, const ml_route *r) {
  ml_str all = ml_str_of(r->query);

  ml_jw_key(w, "parameters");
  ml_jw_arr(w);
  put_path_params(w, r->pattern);
  if (ml_str_is(all, "*"))
    all = ML_NOSTR;
  for (ml_str one = ml_shape_part(&all, ' '); one.p != NULL;
       one = ml_shape_part(&all, ' ')) {
    ml_str words = one, name = ml_shape_part(&words, '=');
    put_query_param(w, name, words);
  }
  if (strcmp(r->method, "POST") == 0 && (r->flags & ML_ROUTE_OPEN) == 0)
    put_param(w, ML_STR("Idempotency-Key"), "header",
              "{\"type\":\"string\",\"minLength\":1,\"maxLength\":255}", false,
              (r->flags & ML_ROUTE_REPEAT) != 0
                ? "taken, not needed: a repetition does no harm"
                : "the same key and request again gives the first answer again, for 30 "
                  "days of running unless the operator says otherwise");
  if ((r->flags & ML_ROUTE_MATCH) != 0)
    put_param(w, ML_STR("If-Match"), "header", "{\"type\":\"string\"}", false,
              "only when the process is at this ETag; else 412");
  ml_jw_end(w);
}

/* ---- bodies and answers ---- */

static void put_body(ml_jw *w, const ml_route *r) {
  ml_str name = ml_str_of(r->takes);
  bool optional = name.n > 0 && name.p[name.n - 1] == '?';

  if ((r->flags & ML_ROUTE_RAW) != 0) {
    ml_jw_key(w, "requestBody");
    ml_jw_raw(w, ML_STR("{\"required\":false,\"content\":{\"*/*\":{}}}"));
    return;
  }
  if (name.p == NULL)
    return;
  if (optional)
    name.n--;
  ml_jw_key(w, "requestBody");
  ml_jw_obj(w);
  ml_jw_kbool(w, "required", !optional);
  ml_jw_key(w, "content");
  ml_jw_obj(w);
  ml_jw_key(w, "application/json");
  ml_jw_obj(w);
  ml_jw_key(w, "schema");
  put_ref(w, name);
  ml_jw_end(w);
  ml_jw_end(w);
  ml_jw_end(w);
}

static const char *status_text(int status) {
  switch (status) {
  case 200: return "Done";
  case 201: return "Made";
  case 202: return "Accepted, and on disk";
  case 204: return "Done; there is nothing to say";
  default: return "Not ready";
  }
}

/* All answers of one status: several shapes are alternatives. */
static void put_status(ml_jw *w, const char *gives, int wanted) {
  ml_str what[4];
  size_t n = 0;
  int status;
  ml_str one;

  while (n < 4 && ml_openapi_gives(&gives, &status, &one))
    if (status == wanted)
      what[n++] = one;
  ml_jw_obj(w);
  ml_jw_kstrz(w, "description", status_text(wanted));
  if (n > 0 && what[0].n > 0) {
    ml_jw_key(w, "content");
    ml_jw_obj(w);
    ml_jw_key(w, ml_str_is(what[0], "text") ? "text/plain" : "application/json");
    ml_jw_obj(w);
    ml_jw_key(w, "schema");
    if (ml_str_is(what[0], "text")) {
      ml_jw_raw(w, ML_STR("{\"type\":\"string\"}"));
    } else if (n == 1) {
      put_what(w, what[0]);
    } else {
      ml_jw_obj(w);
      ml_jw_key(w, "anyOf");
      ml_jw_arr(w);
      for (size_t i = 0; i < n; i++)
        put_what(w, what[i]);
      ml_jw_end(w);
      ml_jw_end(w);
    }
    ml_jw_end(w);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

static void put_answers(ml_jw *w, const ml_route *r) {
  const char *gives = r->gives;
  int status, done = 0;
  ml_str what;

  ml_jw_key(w, "responses");
  ml_jw_obj(w);
  while (ml_openapi_gives(&gives, &status, &what)) {
    char key[16];
    if (status == done)
      continue;
    done = status;
    snprintf(key, sizeof key, "%d", status);
    ml_jw_key(w, key);
    put_status(w, r->gives, status);
  }
  ml_jw_key(w, "default");
  ml_jw_raw(w, (r->flags & ML_ROUTE_EXT) != 0
                   ? ML_STR("{\"$ref\":\"#/components/responses/ExtRefusal\"}")
                   : ML_STR("{\"$ref\":\"#/components/responses/Problem\"}"));
  ml_jw_end(w);
}

/* ---- operations ---- */

static void put_security(ml_jw *w, const ml_route *r) {
  static const struct { unsigned bit; const char *name; } names[] = {
    {ML_SCOPE_READ, "read"}, {ML_SCOPE_OPERATE, "operate"},
    {ML_SCOPE_DEPLOY, "deploy"}, {ML_SCOPE_ADMIN, "admin"},
    {ML_SCOPE_WORK, "work"}, {ML_SCOPE_HOOK, "hook:NAME"}};

  if ((r->flags & ML_ROUTE_OPEN) != 0) {
    ml_jw_key(w, "security");
    ml_jw_raw(w, ML_STR("[]"));
    return;
  }
  if ((r->flags & ML_ROUTE_PROOF) != 0) {   /* a token, or a signature */
    ml_jw_key(w, "security");
    ml_jw_raw(w, ML_STR("[{\"token\":[]},{}]"));
  }
  ml_jw_key(w, "x-scopes");
  ml_jw_arr(w);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if ((r->scopes & names[i].bit) != 0)
      ml_jw_strz(w, names[i].name);
  ml_jw_end(w);
}

static void put_operation(ml_jw *w, const ml_route *r) {
  char method[16];
  size_t i;

  for (i = 0; r->method[i] != '\0' && i < sizeof method - 1; i++)
    method[i] = (char)(r->method[i] + 32);
  method[i] = '\0';
  ml_jw_key(w, method);
  ml_jw_obj(w);
  ml_jw_kstrz(w, "operationId", r->id);
  ml_jw_kstrz(w, "summary", r->about);
  if ((r->flags & ML_ROUTE_UNIX) != 0)
    ml_jw_kstrz(w, "description", "Over the engine's Unix socket only.");
  put_security(w, r);
  put_params(w, r);
  put_body(w, r);
  put_answers(w, r);
  ml_jw_end(w);
}

/* ---- the document ---- */

static const ml_route *row_at(size_t at) {
  const ml_routes *const *all;
  size_t n = ml_api_routes(&all);

  for (size_t i = 0; i < n; i++) {
    if (at < all[i]->count)
      return &all[i]->rows[at];
    at -= all[i]->count;
  }
  return NULL;
}

static bool path_seen(size_t before, const char *pattern) {
  for (size_t i = 0; i < before; i++)
    if (strcmp(row_at(i)->pattern, pattern) == 0)
      return true;
  return false;
}

static void put_paths(ml_jw *w) {
  ml_jw_key(w, "paths");
  ml_jw_obj(w);
  for (size_t i = 0; row_at(i) != NULL; i++) {
    const char *pattern = row_at(i)->pattern;

    if (path_seen(i, pattern))
      continue;
    ml_jw_key(w, pattern);
    ml_jw_obj(w);
    for (size_t k = i; row_at(k) != NULL; k++)
      if (strcmp(row_at(k)->pattern, pattern) == 0)
        put_operation(w, row_at(k));
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

static void put_components(ml_jw *w, const ml_shapes *shapes) {
  ml_jw_key(w, "components");
  ml_jw_obj(w);
  ml_jw_key(w, "schemas");
  ml_jw_obj(w);
  for (size_t i = 0; i < shapes->count; i++) {
    ml_jw_keyn(w, shapes->all[i].name);
    ml_shape_put_schema(w, &shapes->all[i]);
  }
  ml_jw_end(w);
  ml_jw_key(w, "responses");
  ml_jw_raw(w, ML_STR(
      "{\"Problem\":{\"description\":\"What went wrong (RFC 9457)\","
      "\"content\":{\"application/problem+json\":{\"schema\":"
      "{\"$ref\":\"#/components/schemas/Problem\"}}}},"
      "\"ExtRefusal\":{\"description\":\"What went wrong, in the external"
      " form\",\"content\":{\"application/json\":{\"schema\":"
      "{\"$ref\":\"#/components/schemas/ExtRefusal\"}}}}}"));
  ml_jw_key(w, "securitySchemes");
  ml_jw_raw(w, ML_STR(
      "{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":"
      "\"mlk_<id>_<secret>; not needed on the Unix socket by the engine's own"
      " user\"}}"));
  ml_jw_end(w);
}

/* What a row names must be there. */
static ml_rc check_row(const ml_route *r, const ml_shapes *shapes, ml_err *e) {
  const char *gives = r->gives;
  ml_str takes = ml_str_of(r->takes), query = ml_str_of(r->query), what;
  int status;

  if (takes.n > 0 && takes.p[takes.n - 1] == '?')
    takes.n--;
  if (takes.n > 0 && ml_shapes_find(shapes, takes) == NULL)
    return ml_err_set(e, ML_INVALID, r->pattern, "there is no shape '%s'",
                      r->takes);
  while (ml_openapi_gives(&gives, &status, &what)) {
    if (what.n > 2 && what.p[0] == '[')
      what = (ml_str){what.p + 1, what.n - 2};
    if (status < 200 || (what.n > 0 && !ml_str_is(what, "any")
                         && !ml_str_is(what, "text")
                         && ml_shapes_find(shapes, what) == NULL))
      return ml_err_set(e, ML_INVALID, r->pattern, "there is no shape for '%s'",
                        r->gives);
  }
  for (ml_str one = ml_shape_part(&query, ' '); one.p != NULL;
       one = ml_shape_part(&query, ' ')) {
    ml_str words = one, name = ml_shape_part(&words, '=');
    if (!ml_str_is(name, "*") && ml_param_find(name) == NULL)
      return ml_err_set(e, ML_INVALID, r->pattern,
                        "there is no query parameter '%.*s'", (int)name.n,
                        name.p);
  }
  return ML_OK;
}

ml_rc ml_openapi_write(ml_buf *out, const ml_shapes *shapes,
                       const char *version, ml_err *e) {
  ml_jw w;

  for (size_t i = 0; row_at(i) != NULL; i++) {
    ml_rc rc = check_row(row_at(i), shapes, e);
    if (rc != ML_OK)
      return rc;
  }
  ml_jw_init(&w, out);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "openapi", "3.1.0");
  ml_jw_key(&w, "info");
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "title", "moonlane");
  ml_jw_kstrz(&w, "version", version);
  ml_jw_end(&w);
  ml_jw_key(&w, "security");
  ml_jw_raw(&w, ML_STR("[{\"token\":[]}]"));
  put_paths(&w);
  put_components(&w, shapes);
  ml_jw_end(&w);
  return out->bad ? ML_NOMEM : ML_OK;
}
