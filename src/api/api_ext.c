/*
** api_ext.c - /v1/ext: procedures, and their processes one at a time.
**
** A change goes three steps: a read finds the process (by id, or by its primary
** key) and looks at the parent that is wanted; the input is judged by the
** engine; a second read, begun after the commit, gives the answer.
*/
#include <string.h>

#include "api/api_ext.h"
#include "base/text.h"
#include "model/field.h"
#include "store/keys.h"

enum { PARENTS_MAX = 64,         /* processes above one another */
       TURN_MS = 2 };

typedef struct ext {
  ml_seen seen;                  /* first: c->state is read as one too */
  const ml_workflow *wf;
  ml_str key;                    /* canonical JSON of a primary key; or none */
  ml_event ev;                   /* what is asked */
  bool parent_asked;
  ml_str parent;                 /* its id; none: no parent any more */
  ml_str parent_procedure;       /* short id or id; or none */
  int64_t parent_n;
  bool has_record;
  ml_row_record record;          /* made with it */
  ml_event_kind kind;
  const ml_way *way;
} ext;

const ml_workflow *ml_ext_procedure(ml_call *c) {
  const ml_workflow *wf = ml_run_workflow(c->run, c->part[0]);

  if (wf != NULL && wf->flow != NULL)
    return wf;
  ml_call_problem(c, 404, NULL, NULL, NULL, "there is no procedure '%.100s'",
                  c->part[0].p);
  return NULL;
}

/* ---- whom the path names ---- */

static ext *ext_of(ml_call *c) {
  const ml_workflow *wf = ml_ext_procedure(c);
  ext *x = wf != NULL ? ml_call_alloc(c, sizeof *x) : NULL;

  if (x == NULL)
    return NULL;
  x->wf = wf;
  c->state = x;
  return x;
}

static ext *by_id(ml_call *c) {
  ext *x = ext_of(c);
  uint32_t no;

  if (x == NULL
      || !ml_call_id(c, c->part[1], false, x->seen.id, &x->seen.n, &no))
    return NULL;
  return x;
}

/* The value in the path as the key's field would hold it. */
static bool key_value(ml_call *c, const ml_field *f, ml_str *out) {
  ml_json v = {.type = ML_JSTR, .s = c->part[2]};
  ml_buf b = {0};
  ml_err e = {0};
  ml_rc rc;

  if (f->type == ML_F_INTEGER && ml_text_int(c->part[2], &v.i))
    v.type = ML_JINT;
  rc = ml_field_check(f, &v, "", &b, &e);
  if (rc == ML_OK && b.len > 0)
    out->p = ml_arena_dup(&c->arena, b.p, b.len);
  out->n = b.len;
  if (b.bad || (rc == ML_OK && b.len > 0 && out->p == NULL))
    rc = ML_NOMEM;
  ml_buf_free(&b);
  if (rc == ML_NOMEM) {
    ml_call_refuse(c, rc, NULL);
    return false;
  }
  if (rc == ML_OK && out->p != NULL)
    return true;
  ml_call_problem(c, 404, NULL, NULL, NULL, "there is no process with this key");
  return false;
}

static ext *by_key(ml_call *c) {
  ext *x = ext_of(c);
  const ml_flow *f;

  if (x == NULL)
    return NULL;
  f = x->wf->flow;
  if (f->primary_key < 0
      || ml_flow_field(f, c->part[1]) != f->primary_key) {
    ml_call_problem(c, 404, NULL, NULL, NULL, f->primary_key < 0
                    ? "this procedure has no primary key"
                    : "'%.80s' is not the primary key of this procedure; that "
                      "is '%.80s'", c->part[1].p,
                    f->primary_key < 0 ? ""
                                       : f->fields[f->primary_key].short_id.p);
    return NULL;
  }
  return key_value(c, &f->fields[f->primary_key], &x->key) ? x : NULL;
}

static ml_rc no_process(ml_call *c) {
  return ml_err_set(&c->err, ML_NOT_FOUND, NULL,
                    "there is no such process of this procedure");
}

/* The key's process: its number and id.  Until the key of older processes is
** filled in, one that nobody has taken may be theirs. */
static ml_rc find_key(ml_call *c, ml_read *r, ext *x) {
  const ml_flow *f = x->wf->flow;
  ml_str field = f->fields[f->primary_key].id;
  ml_row_process row;
  ml_buf key = {0};
  bool complete = true;
  ml_rc rc = ML_NOMEM;

  ml_object_key(&key, c->who.team, x->key);
  if (!key.bad)
    rc = ml_read_by_key(r, &c->arena, x->wf->no, field,
                        (ml_str){key.p, key.len}, &row);
  ml_buf_free(&key);
  if (rc == ML_NOT_FOUND) {
    ml_rc known = ml_read_key_complete(r, x->wf->no, field, &complete);

    if (known != ML_OK)
      return known;
  }
  if (!complete)
    return ml_err_set(&c->err, ML_AGAIN, NULL, "no process is known to have this "
                      "key yet: the keys of older processes are being filled "
                      "in; ask again soon");
  if (rc == ML_OK) {
    x->seen.n = row.n;
    memcpy(x->seen.id, row.id, sizeof x->seen.id);
  }
  return rc == ML_NOT_FOUND ? no_process(c) : rc;
}

static ml_rc read_one(ml_call *c, ml_read *r) {
  ext *x = c->state;
  ml_rc rc = ML_OK;

  if (x->key.p != NULL && x->seen.n == 0)
    rc = find_key(c, r, x);
  if (rc == ML_OK)
    rc = ml_process_read(c, r, &x->seen);
  if (rc == ML_OK && x->seen.row.workflow != x->wf->no)
    rc = no_process(c);
  return rc;
}

/* ---- parents ---- */

static ml_rc bad_parent(ml_call *c, const char *why) {
  return ml_err_set(&c->err, ML_INVALID, "/parentProcess", "%s", why);
}

static bool is_procedure(ml_str given, ml_str workflow) {
  char id[ML_ID_MAX];

  ml_ext_procedure_id(id, workflow);
  return ml_str_eq(given, workflow) || ml_str_is(given, id);
}

/* The chain above must end, and not lead through the process itself. */
static ml_rc no_cycle(ml_call *c, ml_read *r, const ext *x, int64_t above) {
  for (int i = 0; above != 0; i++) {
    ml_row_process row;
    ml_rc rc;

    if (above == x->seen.n)
      return bad_parent(c, "it stands below this process: a process cannot be "
                        "its own parent");
    if (i == PARENTS_MAX)
      return bad_parent(c, "more than 64 processes would stand above one "
                        "another");
    rc = ml_read_process(r, &c->arena, above, &row);
    if (rc == ML_NOT_FOUND)
      return ML_OK;
    if (rc != ML_OK)
      return rc;
    above = row.parent_n;
  }
  return ML_OK;
}

static ml_rc read_parent(ml_call *c, ml_read *r, ext *x) {
  const ml_workflow *wf;
  ml_row_process row;
  uint8_t id[16];
  uint32_t no;
  ml_rc rc;

  if (!x->parent_asked || x->parent.p == NULL)
    return ML_OK;
  if (!ml_id_of(x->parent, id, &no) || no != 0 || ml_process_id_n(id) == 0)
    return bad_parent(c, "the id of a process is wanted");
  rc = ml_read_process(r, &c->arena, ml_process_id_n(id), &row);
  if (rc == ML_NOT_FOUND
      || (rc == ML_OK && (memcmp(row.id, id, sizeof id) != 0
                          || !ml_call_sees(c, row.rest))))
    return bad_parent(c, "there is no process with this id");
  if (rc != ML_OK)
    return rc;
  if (row.deleted)
    return bad_parent(c, "this process is deleted");
  wf = ml_run_workflow_no(c->run, row.workflow);
  if (x->parent_procedure.p != NULL
      && (wf == NULL || !is_procedure(x->parent_procedure, wf->name)))
    return ml_err_set(&c->err, ML_INVALID, "/parentProcedure",
                      "the parent is of procedure '%.*s'",
                      wf != NULL ? (int)wf->name.n : 1,
                      wf != NULL ? wf->name.p : "?");
  x->parent_n = row.n;
  return no_cycle(c, r, x, row.n);
}

/* The body's parent.  false: refused and gone. */
static bool take_parent(ml_call *c, ext *x) {
  const ml_json *v = ml_json_get(c->body, "parentProcess");

  x->parent = ml_json_str(c->body, "parentProcess");
  x->parent_procedure = ml_json_str(c->body, "parentProcedure");
  x->parent_asked = v != NULL;
  if (v != NULL || x->parent_procedure.p == NULL)
    return true;
  ml_call_problem(c, 422, NULL, "/parentProcedure", NULL,
                  "it is the procedure of parentProcess, which is not given");
  return false;
}

/* ---- answers ---- */

static void send_seen(ml_call *c, int status) {
  ext *x = c->state;

  ml_ext_begin(c);
  ml_ext_put_seen(c, &x->seen);
  ml_ext_meta(c);
  c->etag = (int64_t)x->seen.row.seq;
  ml_ext_end(c, status);
}

static void send_200(ml_call *c) {
  send_seen(c, 200);
}

static void send_way(ml_call *c) {
  send_seen(c, c->way->status);
}

static bool render_id(ml_call *c, const ml_process *p, const ml_flow *f,
                      const ml_made *made, ml_buf *keep) {
  ext *x = c->state;
  char id[ML_ID_MAX], *location;

  (void)made;
  ml_id_text(id, p->id, 0);
  ml_buf_puts(keep, id);
  memcpy(x->seen.id, p->id, sizeof x->seen.id);
  x->seen.n = p->n;
  location = ml_arena_printf(&c->arena, "/v1/ext/procedure/%.*s/process/%s",
                             (int)f->name.n, f->name.p, id);
  if (c->way->status == 201)
    c->location = ml_str_of(location);
  return location != NULL && !keep->bad;
}

static void committed(ml_call *c) {
  ml_call_read(c, read_one, send_way);
}

static void again(ml_call *c, ml_str kept) {
  ext *x = c->state;
  uint32_t no;

  if (!ml_id_of(kept, x->seen.id, &no)) {
    ml_call_refuse(c, ML_CORRUPT, NULL);
    return;
  }
  x->seen.n = ml_process_id_n(x->seen.id);
  ml_call_read(c, read_one, send_way);
}

static const ml_way made_way = {201, render_id, committed, again};
static const ml_way changed_way = {200, render_id, committed, again};

/* ---- changing ---- */

/* Everything of `x->ev`, by whoever calls. */
static void put_input(ml_call *c) {
  ext *x = c->state;
  bool start = x->kind == ML_EV_STARTED;
  ml_acting who;
  ml_actor actor;
  ml_str team;
  ml_input *in;

  if (!ml_call_acting(c, &who))
    return;
  if (start && !ml_call_start_in_rate(c, x->wf->name))
    return;
  in = ml_call_input(c, start ? 0 : x->seen.n, start ? NULL : x->seen.id,
                     x->kind, &who);
  if (in == NULL)
    return;
  actor = in->ev.actor;
  team = in->ev.object.team;
  in->ev = x->ev;
  in->ev.kind = x->kind;
  in->ev.actor = actor;
  in->ev.object.team = team;
  if (x->has_record)
    in->record = &x->record;
  if (start) {
    in->workflow = x->wf->name;
    in->parent_n = x->parent_n;
  } else if (x->parent_asked) {
    in->ev.has_parent = true;
    in->ev.parent_n = x->parent_n;
  }
  ml_call_put(c, in, x->way);
}

static ml_rc read_change(ml_call *c, ml_read *r) {
  ext *x = c->state;
  ml_rc rc = x->kind == ML_EV_STARTED ? ML_OK : read_one(c, r);

  return rc == ML_OK ? read_parent(c, r, x) : rc;
}

/* An object instead of an id: the record is made in the same commit. */
static ml_rc take_record(ml_call *c, ext *x, ml_err *e) {
  const ml_json *v = ml_json_get(c->body, "record");
  ml_rc rc;

  if (v == NULL || v->type == ML_JNULL || v->type == ML_JSTR)
    return ML_OK;
  if (v->type != ML_JOBJ)
    return ml_err_set(e, ML_INVALID, "/record", "an id is wanted, or an object "
                      "with entity and data to make a record of");
  rc = ml_ext_record(c, v, x->wf->flow->entity, &x->record, e);
  x->has_record = rc == ML_OK;
  x->ev.object.record = x->record.id;
  return rc;
}

static void find_and_put(ml_call *c) {
  const ext *x = c->state;

  if (x->parent.p != NULL && !ml_api_parents_turn(c->api, c))
    ml_call_later(c, TURN_MS, find_and_put);
  else
    ml_call_read(c, read_change, put_input);
}

static void change(ml_call *c, ext *x, ml_event_kind kind) {
  ml_err e = {0};
  ml_rc rc;

  if (x == NULL || !take_parent(c, x))
    return;
  x->kind = kind;
  x->way = kind == ML_EV_STARTED ? &made_way : &changed_way;
  rc = ml_ext_event(c, &c->arena, x->wf->flow, c->body, &x->ev, &e);
  if (rc == ML_OK)
    rc = take_record(c, x, &e);
  if (rc != ML_OK)
    ml_call_refuse(c, rc, &e);
  else if (kind == ML_EV_STARTED && !x->parent_asked)
    put_input(c);
  else
    find_and_put(c);
}

static void create(ml_call *c) {
  change(c, ext_of(c), ML_EV_STARTED);
}

static void update(ml_call *c) {
  change(c, by_id(c), ML_EV_EDITED);
}

static void update_key(ml_call *c) {
  change(c, by_key(c), ML_EV_EDITED);
}

/* ---- looking, deleting ---- */

static void get(ml_call *c) {
  if (by_id(c) != NULL)
    ml_call_read(c, read_one, send_200);
}

static void get_key(ml_call *c) {
  if (by_key(c) != NULL)
    ml_call_read(c, read_one, send_200);
}

/* Hidden and kept; deleting twice is no mistake. */
static void drop(ml_call *c, ext *x) {
  if (x == NULL)
    return;
  x->kind = ML_EV_EDITED;
  x->way = &changed_way;
  x->ev.has_deleted = x->ev.deleted = true;
  ml_call_read(c, read_change, put_input);
}

static void drop_id(ml_call *c) {
  drop(c, by_id(c));
}

static void drop_key(ml_call *c) {
  drop(c, by_key(c));
}

/* ---- rows ---- */

#define LOOK ML_SCOPE_READ | ML_SCOPE_OPERATE

static const ml_route rows[] = {
  {"POST", "/v1/ext/procedure/{procedure}/process", ML_SCOPE_OPERATE,
   ML_ROUTE_EXT, create, "as", "ExtUpdate", "201 ExtAnswer", "extCreate",
   "Create a process of a procedure"},
  {"GET", "/v1/ext/procedure/{procedure}/process/{id}", LOOK, ML_ROUTE_EXT,
   get, NULL, NULL, "200 ExtAnswer", "extGet", "A process in the external form"},
  {"PUT", "/v1/ext/procedure/{procedure}/process/{id}", ML_SCOPE_OPERATE,
   ML_ROUTE_EXT | ML_ROUTE_MATCH, update, "as", "ExtUpdate", "200 ExtAnswer",
   "extUpdate", "Change what is named, and only that"},
  {"DELETE", "/v1/ext/procedure/{procedure}/process/{id}", ML_SCOPE_OPERATE,
   ML_ROUTE_EXT | ML_ROUTE_MATCH, drop_id, NULL, NULL, "200 ExtAnswer",
   "extDelete", "Hide it; isDeleted: false brings it back"},
  {"GET", "/v1/ext/procedure/{procedure}/process/{key}/{value}", LOOK,
   ML_ROUTE_EXT, get_key, NULL, NULL, "200 ExtAnswer", "extGetByKey",
   "The process with this primary key"},
  {"PUT", "/v1/ext/procedure/{procedure}/process/{key}/{value}",
   ML_SCOPE_OPERATE, ML_ROUTE_EXT | ML_ROUTE_MATCH, update_key, "as",
   "ExtUpdate", "200 ExtAnswer", "extUpdateByKey", "Change it by its key"},
  {"DELETE", "/v1/ext/procedure/{procedure}/process/{key}/{value}",
   ML_SCOPE_OPERATE, ML_ROUTE_EXT | ML_ROUTE_MATCH, drop_key, NULL, NULL,
   "200 ExtAnswer", "extDeleteByKey", "Hide it by its key"}};

static const char shapes[] =
  "ExtProcess { id:str, team:str?, procedure:str, createdBy:str?,"
  " assignedTo:str?, belongsTo:str?, entity:str?, record:str?,"
  " status:OPEN|COMPLETED|CANCELLED, state:str? \"short id\","
  " data:obj? \"by short id\", derivedData:obj?, nextActionAt:int?,"
  " completedAt:int?, cancelledAt:int?, primaryBooking:str?,"
  " parentProcedure:str?, parentProcess:str?, firstAssignedTo:str?,"
  " firstAssignedAt:int?, lastAssignedAt:int?, createdAt:int?, updatedAt:int?,"
  " isDeleted:bool }"
  "ExtRefusal { _data:any, _meta:obj, _errors:[Problem] }"
  "ExtAnswer { _data:ExtProcess, _meta:obj, _errors:[Problem] }"
  "ExtUpdate { data?:obj \"short ids or ids; null clears\", state?:str"
  " \"short id\", status?:OPEN|COMPLETED|CANCELLED, nextActionAt?:any"
  " \"ms, a moment with a zone, or null\", assignedTo?:str?, belongsTo?:str?,"
  " entity?:str?, record?:any \"an id, or what to make one of\","
  " primaryBooking?:str?, parentProcess?:str?, parentProcedure?:str?,"
  " isDeleted?:bool }";

const ml_routes ml_routes_ext = {rows, sizeof rows / sizeof *rows, shapes};
