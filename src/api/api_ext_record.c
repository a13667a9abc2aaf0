/*
** api_ext_record.c - records (P3.4): what a process is about, without a state.
**
** One is made by itself, or in the same commit as the process that is about it
** (ml_ext_record).  A change names the version it was computed from; when
** somebody was faster it is computed again.
*/
#include <string.h>

#include "api/api_ext.h"
#include "base/text.h"

enum { TRIES_MAX = 8 };

typedef struct recording {
  ml_row_record row;
  ml_str id;
  int tries;
} recording;

/* A random UUID, version 4. */
static char *new_id(ml_call *c) {
  ml_rand *rand = ml_api_conf_of(c->api)->rand;
  char *text = ml_arena_alloc(&c->arena, ML_ID_MAX);
  uint8_t id[16];

  rand->bytes(rand, id, sizeof id);
  id[6] = (uint8_t)((id[6] & 0x0F) | 0x40);
  id[8] = (uint8_t)((id[8] & 0x3F) | 0x80);
  if (text != NULL)
    ml_id_text(text, id, 0);
  return text;
}

static bool print(ml_call *c, const ml_json *v, ml_str *out) {
  ml_buf b = {0};

  if (v != NULL)
    ml_json_print(&b, v);
  else
    ml_buf_puts(&b, "{}");
  out->p = b.bad ? NULL : ml_arena_dup(&c->arena, b.p, b.len);
  out->n = b.len;
  ml_buf_free(&b);
  return out->p != NULL;
}

ml_rc ml_ext_record(ml_call *c, const ml_json *body, ml_str entity,
                    ml_row_record *out, ml_err *e) {
  const ml_json *data = ml_json_get(body, "data");
  ml_str own = ml_json_str(body, "entity");
  char *id = new_id(c);

  for (uint32_t i = 0; i < body->count; i++)
    if (!ml_str_is(body->obj[i].key, "data")
        && !ml_str_is(body->obj[i].key, "entity"))
      return ml_err_set(e, ML_INVALID, "/record", "a record is made of entity "
                        "and data; there is no '%.*s'",
                        (int)(body->obj[i].key.n > 60 ? 60 : body->obj[i].key.n),
                        body->obj[i].key.p);
  if (data != NULL && data->type != ML_JOBJ)
    return ml_err_set(e, ML_INVALID, "/record/data", "an object is wanted");
  if (own.p == NULL)
    own = entity;
  if (!ml_text_is_name(own))
    return ml_err_set(e, ML_INVALID, "/record/entity", "a name of 1 to 200 "
                      "bytes is wanted: the procedure has no entity");
  *out = (ml_row_record){.entity = own, .team = c->who.team,
                         .created_by = c->who.name,
                         .created_ms = ml_api_now(c->api)};
  out->updated_ms = out->created_ms;
  if (id == NULL || !print(c, data, &out->data))
    return ML_NOMEM;
  out->id = ml_str_of(id);
  return ML_OK;
}

/* ---- looking ---- */

static ml_rc read_record(ml_call *c, ml_read *r) {
  recording *x = c->state;
  ml_rc rc = ml_read_record(r, &c->arena, x->id, &x->row);

  if (rc == ML_OK && c->who.team.p != NULL
      && !ml_str_eq(c->who.team, x->row.team))
    rc = ML_NOT_FOUND;
  return rc == ML_NOT_FOUND ? ml_err_set(&c->err, rc, NULL,
                                         "there is no record with this id") : rc;
}

static void send_record(ml_call *c, int status) {
  const ml_row_record *r = &((recording *)c->state)->row;
  ml_jw *w = &c->w;

  ml_ext_begin(c);
  ml_jw_obj(w);
  ml_jw_kstr(w, "id", r->id);
  ml_jw_kstr(w, "entity", r->entity);
  ml_api_put_text(w, "team", r->team);
  ml_api_put_text(w, "createdBy", r->created_by);
  ml_jw_key(w, "data");
  ml_jw_raw(w, r->data);
  ml_jw_key(w, "derivedData");
  ml_jw_raw(w, r->derived.p != NULL ? r->derived : ML_STR("{}"));
  ml_api_put_time(w, "createdAt", r->created_ms);
  ml_api_put_time(w, "updatedAt", r->updated_ms);
  ml_jw_kbool(w, "isDeleted", r->deleted);
  ml_jw_end(w);
  ml_ext_meta(c);
  ml_ext_end(c, status);
}

static void send_200(ml_call *c) {
  send_record(c, 200);
}

static recording *recording_of(ml_call *c) {
  recording *x = ml_call_alloc(c, sizeof *x);

  if (x == NULL)
    return NULL;
  x->id = c->part[0];
  c->state = x;
  return x;
}

static void get_record(ml_call *c) {
  if (recording_of(c) != NULL)
    ml_call_read(c, read_record, send_200);
}

/* ---- writing ---- */

static void fill(ml_call *c, ml_batch *b) {
  ml_batch_record(b, &((recording *)c->state)->row);
}

static void made(ml_call *c) {
  if (c->rc != ML_OK)
    ml_call_refuse(c, c->rc, &c->err);
  else
    send_record(c, 201);
}

static void make_record(ml_call *c) {
  recording *x = recording_of(c);
  ml_err e = {0};
  ml_rc rc;

  if (x == NULL)
    return;
  rc = ml_ext_record(c, c->body, ML_NOSTR, &x->row, &e);
  if (rc != ML_OK)
    ml_call_refuse(c, rc, &e);
  else
    ml_call_write_rows(c, fill, made);
}

/* The members of `add` over those of `was`; null takes one away. */
static bool merge(ml_call *c, ml_str was, const ml_json *add, ml_str *out) {
  ml_json *old = NULL;
  ml_buf b = {0};
  ml_jw w;

  if (ml_json_parse(&c->arena, was.p, was.n, NULL, &old, NULL) != ML_OK)
    return false;
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  for (uint32_t i = 0; i < old->count; i++) {
    bool again = false;

    for (uint32_t k = 0; k < add->count; k++)
      again = again || ml_str_eq(add->obj[k].key, old->obj[i].key);
    if (again)
      continue;
    ml_jw_keyn(&w, old->obj[i].key);
    ml_jw_json(&w, &old->obj[i].value);
  }
  for (uint32_t k = 0; k < add->count; k++)
    if (add->obj[k].value.type != ML_JNULL) {
      ml_jw_keyn(&w, add->obj[k].key);
      ml_jw_json(&w, &add->obj[k].value);
    }
  ml_jw_end(&w);
  out->p = b.bad ? NULL : ml_arena_dup(&c->arena, b.p, b.len);
  out->n = b.len;
  ml_buf_free(&b);
  return out->p != NULL;
}

static void write_change(ml_call *c);

static void changed(ml_call *c) {
  recording *x = c->state;

  if (c->rc == ML_STALE && ++x->tries < TRIES_MAX)
    ml_call_read(c, read_record, write_change);
  else if (c->rc != ML_OK)
    ml_call_refuse(c, c->rc, &c->err);
  else
    send_record(c, 200);
}

static void write_change(ml_call *c) {
  recording *x = c->state;
  const ml_json *data = ml_json_get(c->body, "data");
  int64_t now = ml_api_now(c->api);

  if (data != NULL && !merge(c, x->row.data, data, &x->row.data)) {
    ml_call_refuse(c, ML_NOMEM, NULL);
    return;
  }
  x->row.deleted = ml_json_bool(c->body, "isDeleted", x->row.deleted);
  x->row.was_ms = x->row.updated_ms;
  x->row.updated_ms = now > x->row.was_ms ? now : x->row.was_ms + 1;
  ml_call_write_rows(c, fill, changed);
}

static void set_record(ml_call *c) {
  if (recording_of(c) != NULL)
    ml_call_read(c, read_record, write_change);
}

/* ---- rows ---- */

static const ml_route rows[] = {
  {"POST", "/v1/ext/record", ML_SCOPE_OPERATE, ML_ROUTE_EXT, make_record, NULL,
   "ExtMakeRecord", "201 ExtRecordAnswer", "extMakeRecord", "A record by itself"},
  {"GET", "/v1/ext/record/{id}", ML_SCOPE_READ | ML_SCOPE_OPERATE, ML_ROUTE_EXT,
   get_record, NULL, NULL, "200 ExtRecordAnswer", "extGetRecord", "One record"},
  {"PUT", "/v1/ext/record/{id}", ML_SCOPE_OPERATE, ML_ROUTE_EXT, set_record,
   NULL, "ExtSetRecord", "200 ExtRecordAnswer", "extSetRecord",
   "Change the members of data that are named; hide it, bring it back"}};

static const char shapes[] =
  "ExtRecord { id:str, entity:str, team:str?, createdBy:str?, data:obj,"
  " derivedData:obj, createdAt:int?, updatedAt:int?, isDeleted:bool }"
  "ExtRecordAnswer { _data:ExtRecord, _meta:obj, _errors:[Problem] }"
  "ExtMakeRecord { entity:str, data?:obj }"
  "ExtSetRecord { data?:obj \"null takes one away\", isDeleted?:bool }";

const ml_routes ml_routes_ext_record = {rows, sizeof rows / sizeof *rows,
                                        shapes};
