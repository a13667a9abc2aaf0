/*
** api_ext_list.c - P3.9: processes of a procedure by a `where`, in the external
** form.
**
** limit is 10 unless given, 100 at most: more is refused, not cut.  `skip` as
** published; who goes far takes `cursor` out of "_meta", which costs nothing.
*/
#include <stdio.h>
#include <string.h>

#include "api/api_ext.h"
#include "api/api_search.h"
#include "base/text.h"

enum { LIMIT = 10, LIMIT_MAX = 100 };

/* "skip", "limit": an integer in its bounds.  false: refused and gone. */
static bool whole(ml_call *c, const char *key, int64_t least, int64_t most,
                  int64_t dflt, size_t *out) {
  int64_t v = ml_json_int(c->body, key, dflt);
  char at[20];

  snprintf(at, sizeof at, "/%s", key);
  *out = (size_t)v;
  if (v >= least && v <= most)
    return true;
  ml_call_problem(c, 422, NULL, at, NULL, "%s is %lld to %lld, not %lld", key,
                  (long long)least, (long long)most, (long long)v);
  return false;
}

/* The body's cursor: base64url of the order's value and the number. */
static bool take_cursor(ml_call *c, ml_finding *f) {
  ml_str given = ml_json_str(c->body, "cursor");
  ml_buf raw = {0};
  ml_unpack u;
  char *kept = NULL;
  bool ok = false;

  if (given.p == NULL)
    return true;
  if (given.n <= 1024 && ml_text_base64(&raw, given, true) == ML_OK &&
      raw.len > 0)
    kept = ml_arena_dup(&c->arena, raw.p, raw.len);
  if (kept != NULL) {
    u = ml_unpack_of(kept, raw.len);
    f->want.after_n = ml_unpack_i64(&u);
    ok = ml_skey_unpack(&u, &f->want.after) && ml_unpack_end(&u) &&
         f->want.after_n > 0;
  }
  ml_buf_free(&raw);
  f->want.from = true;
  if (!ok)
    ml_call_problem(c, 422, NULL, "/cursor", NULL,
                    "take it from \"_meta\" of the page before");
  return ok;
}

static void put_cursor(ml_call *c, const ml_finding *f) {
  ml_buf raw = {0}, shown = {0};

  ml_pack_i64(&raw, f->out.next_n);
  ml_skey_pack(&raw, &f->out.next);
  if (!raw.bad)
    ml_text_put_base64(&shown, (ml_str){raw.p, raw.len}, true);
  if (raw.bad || shown.bad)
    c->out.bad = true;
  ml_jw_kstr(&c->w, "cursor", (ml_str){shown.p, shown.len});
  ml_buf_free(&raw);
  ml_buf_free(&shown);
}

static void send_page(ml_call *c) {
  ml_finding *f = c->state;

  ml_ext_begin(c);
  ml_jw_arr(&c->w);
  for (size_t i = 0; i < f->out.count; i++)
    ml_ext_put_seen(c, &f->seen[i]);
  ml_jw_end(&c->w);
  ml_ext_meta(c);
  ml_jw_kbool(&c->w, "hasMore", f->out.more);
  if (f->out.more)
    put_cursor(c, f);
  else
    ml_jw_kstr(&c->w, "cursor", ML_NOSTR);
  if (ml_json_bool(c->body, "explain", false)) {
    ml_jw_kstr(&c->w, "plan", f->out.plan);
    ml_jw_kbool(&c->w, "indexed", f->out.indexed);
    ml_jw_kint(&c->w, "lookedAt", (int64_t)f->out.looked);
  }
  ml_ext_end(c, 200);
}

static void list(ml_call *c) {
  const ml_workflow *wf = ml_ext_procedure(c);
  ml_finding *f = wf != NULL ? ml_call_alloc(c, sizeof *f) : NULL;
  ml_rc rc;

  if (f == NULL)
    return;
  c->state = f;
  if (!whole(c, "limit", 1, LIMIT_MAX, LIMIT, &f->want.limit) ||
      !whole(c, "skip", 0, ML_SEARCH_SKIP_MAX, 0, &f->want.skip))
    return;
  rc = ml_finding_make(c, wf, ML_NOSTR, ml_json_get(c->body, "where"),
                       ml_json_str(c->body, "order"), f);
  if (rc == ML_INVALID || rc == ML_LIMIT)
    ml_call_problem(c, 422, NULL, strncmp(c->err.at, "order", 5) == 0
                                      ? "/order" : "/where",
                    NULL, "%s: %s", c->err.at, c->err.text);
  else if (rc != ML_OK)
    ml_call_refuse(c, rc, &c->err);
  else if (take_cursor(c, f))
    ml_call_read(c, ml_finding_read, send_page);
}

static const ml_route rows[] = {
  {"POST", "/v1/ext/procedure/{procedure}/process/list",
   ML_SCOPE_READ | ML_SCOPE_OPERATE, ML_ROUTE_EXT | ML_ROUTE_REPEAT, list, NULL,
   "ExtWhere?", "200 ExtList", "extList",
   "Processes of a procedure by a filter and an order"}};

static const char shapes[] =
  "ExtWhere { where?:any \"{field: value}, {field: {'>=': 3}}, and, or; or the"
  " text form\", order?:str? \"a field; - in front: the greatest first\","
  " skip?:int, limit?:int \"10; at most 100\", cursor?:str?, explain?:bool }"
  "ExtPage { hasMore:bool, cursor:str?, plan?:str, indexed?:bool,"
  " lookedAt?:int }"
  "ExtList { _data:[ExtProcess], _meta:ExtPage, _errors:[Problem] }";

const ml_routes ml_routes_ext_list = {rows, sizeof rows / sizeof *rows, shapes};
