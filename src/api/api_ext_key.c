/*
** api_ext_key.c - a procedure's primary key: is it filled in for the processes
** that are older than it, and which of those could not get theirs.
*/
#include <stdio.h>
#include <string.h>

#include "api/api_ext.h"
#include "base/text.h"
#include "store/keys.h"

typedef struct keys {
  const ml_workflow *wf;
  const ml_field *field;
  int64_t after;
  size_t limit;
  bool complete;
  ml_key_clash *list;
  ml_row_process *rows, *holders;            /* beside list; n 0: none */
  size_t count;
} keys;

/* Without whose it is; p NULL: another team's. */
static ml_str value_for(const ml_call *c, ml_str stored) {
  const char *end = memchr(stored.p, '\n', stored.n);
  ml_str team = ML_NOSTR;

  if (end != NULL)
    team = (ml_str){stored.p, (size_t)(end - stored.p)};
  if (c->who.team.p != NULL && !ml_str_eq(c->who.team, team))
    return ML_NOSTR;
  if (end == NULL)
    return stored;
  return (ml_str){end + 1, stored.n - team.n - 1};
}

static ml_rc read_row(ml_call *c, ml_read *r, int64_t n, ml_row_process *out) {
  ml_rc rc = n != 0 ? ml_read_process(r, &c->arena, n, out) : ML_OK;

  return rc == ML_NOT_FOUND ? ML_OK : rc;
}

static ml_rc read_keys(ml_call *c, ml_read *r) {
  keys *k = c->state;
  ml_rc rc = ml_read_key_complete(r, k->wf->no, k->field->id, &k->complete);

  if (rc == ML_OK)
    rc = ml_read_key_clashes(r, &c->arena, k->wf->no, k->field->id, k->after,
                             k->limit + 1, &k->list, &k->count);
  if (rc != ML_OK)
    return rc;
  k->rows = ml_arena_zero(&c->arena, (k->count + 1) * sizeof *k->rows);
  k->holders = ml_arena_zero(&c->arena, (k->count + 1) * sizeof *k->holders);
  if (k->rows == NULL || k->holders == NULL)
    return ML_NOMEM;
  for (size_t i = 0; i < k->count && rc == ML_OK; i++) {
    rc = read_row(c, r, k->list[i].n, &k->rows[i]);
    if (rc == ML_OK)
      rc = read_row(c, r, k->list[i].holder, &k->holders[i]);
  }
  return rc;
}

static void put_id(ml_call *c, const char *key, const ml_row_process *p) {
  char id[ML_ID_MAX];

  ml_id_text(id, p->id, 0);
  ml_jw_kstr(&c->w, key, p->n != 0 ? ml_str_of(id) : ML_NOSTR);
}

static void send_keys(ml_call *c) {
  keys *k = c->state;
  bool more = k->count > k->limit;
  char cursor[24];

  if (more)
    k->count = k->limit;
  ml_ext_begin(c);
  ml_jw_obj(&c->w);
  ml_jw_kstr(&c->w, "primaryKey", k->field->short_id);
  ml_jw_kbool(&c->w, "complete", k->complete);
  ml_jw_key(&c->w, "clashes");
  ml_jw_arr(&c->w);
  for (size_t i = 0; i < k->count; i++) {
    ml_str value = value_for(c, k->list[i].value);

    if (value.p == NULL)
      continue;
    ml_jw_obj(&c->w);
    ml_jw_key(&c->w, "value");
    ml_jw_raw(&c->w, value);
    put_id(c, "process", &k->rows[i]);
    put_id(c, "holder", &k->holders[i]);
    ml_jw_end(&c->w);
  }
  ml_jw_end(&c->w);
  ml_jw_end(&c->w);
  ml_ext_meta(c);
  ml_jw_kbool(&c->w, "hasMore", more);
  snprintf(cursor, sizeof cursor, "%lld",
           k->count > 0 ? (long long)k->list[k->count - 1].n : 0);
  ml_jw_kstr(&c->w, "cursor", more ? ml_str_of(cursor) : ML_NOSTR);
  ml_ext_end(c, 200);
}

static void get_keys(ml_call *c) {
  const ml_workflow *wf = ml_ext_procedure(c);
  keys *k = wf != NULL ? ml_call_alloc(c, sizeof *k) : NULL;
  ml_str cursor;

  if (k == NULL)
    return;                                 /* and the call is over */
  c->state = k;
  cursor = ml_call_query(c, "cursor");
  if (wf->flow->primary_key < 0) {
    ml_call_problem(c, 404, NULL, NULL, NULL, "this procedure has no primary key");
    return;
  }
  if (cursor.p != NULL && (!ml_text_int(cursor, &k->after) || k->after < 0)) {
    ml_call_problem(c, 400, NULL, NULL, NULL,
                    "cursor: take it from \"_meta\" of the page before");
    return;
  }
  k->wf = wf;
  k->field = &wf->flow->fields[wf->flow->primary_key];
  k->limit = ml_call_limit(c);
  ml_call_read(c, read_keys, send_keys);
}

static const ml_route rows[] = {
  {"GET", "/v1/ext/procedure/{procedure}/key", ML_SCOPE_READ | ML_SCOPE_OPERATE,
   ML_ROUTE_EXT, get_keys, "limit cursor", NULL, "200 ExtKeyAnswer", "extKey",
   "Its primary key: is it filled in, and which processes want one that is taken"}};

static const char shapes[] =
  "ExtClash { value:any, process:str, holder:str? \"who has it\" }"
  "ExtKey { primaryKey:str, complete:bool \"all older processes are in\","
  " clashes:[ExtClash] }"
  "ExtKeyPage { hasMore:bool, cursor:str? }"
  "ExtKeyAnswer { _data:ExtKey, _meta:ExtKeyPage, _errors:[Problem] }";

const ml_routes ml_routes_ext_key = {rows, sizeof rows / sizeof *rows, shapes};
