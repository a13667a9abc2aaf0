/* api_process.c - processes: start, look, change, tell, and what they were. */
#include "api/api_process.h"

#include <string.h>

#include "api/api_render.h"
#include "api/api_search.h"
#include "base/text.h"

enum { HISTORY_PAGE = 1000 };

/* ---- reading one ---- */

ml_rc ml_process_read_parent(ml_call *c, ml_read *r, ml_seen *s) {
  ml_row_process parent;
  ml_rc rc;

  memset(s->parent, 0, sizeof s->parent);   /* it may be read again */
  s->parent_workflow = 0;
  if (s->row.parent_n == 0)
    return ML_OK;
  rc = ml_read_process(r, &c->arena, s->row.parent_n, &parent);
  if (rc == ML_OK)
    memcpy(s->parent, parent.id, sizeof s->parent);
  s->parent_workflow = rc == ML_OK ? parent.workflow : 0;
  return rc == ML_NOT_FOUND ? ML_OK : rc;
}

ml_rc ml_process_read(ml_call *c, ml_read *r, ml_seen *s) {
  ml_rc rc = ml_read_process(r, &c->arena, s->n, &s->row);

  if (rc == ML_OK && (memcmp(s->row.id, s->id, sizeof s->id) != 0
                      || !ml_call_sees(c, s->row.rest)))
    rc = ML_NOT_FOUND;
  if (rc == ML_NOT_FOUND)
    return ml_err_set(&c->err, rc, NULL, "there is no process with this id");
  return rc == ML_OK ? ml_process_read_parent(c, r, s) : rc;
}

/* Everything that ever began, out of its history. */
static ml_rc read_past(ml_call *c, ml_read *r, ml_seen *s) {
  uint64_t after = 0;

  for (;;) {
    ml_row_history *rows;
    size_t count;
    ml_rc rc = ml_read_history(r, &c->arena, s->n, after, HISTORY_PAGE, &rows,
                               &count);
    if (rc == ML_OK)
      rc = ml_api_past_add(&s->past, &c->arena, rows, count);
    if (rc != ML_OK || count < HISTORY_PAGE)
      return rc;
    after = rows[count - 1].seq;
  }
}

static ml_rc read_seen(ml_call *c, ml_read *r) {
  ml_seen *s = c->state;
  ml_rc rc = ml_process_read(c, r, s);

  return rc == ML_OK && s->all ? read_past(c, r, s) : rc;
}

ml_str ml_process_workflow_name(const ml_call *c, const ml_row_process *row) {
  const ml_workflow *wf = ml_run_workflow_no(c->run, row->workflow);

  return wf != NULL ? wf->name : ML_STR("?");
}

/* The object of a row; columns alone when its definition cannot be read. */
void ml_process_put_seen(ml_call *c, const ml_seen *s) {
  const ml_flow *f = ml_run_flow(c->run, s->row.bundle, s->row.flow_index);
  static const uint8_t none[16];
  char parent[ML_ID_MAX];
  ml_api_view v = {.now_ms = ml_api_now(c->api), .sealed = s->sealed,
                   .all = s->all, .past = s->past.all,
                   .past_count = s->past.count};
  ml_process *p;
  ml_rc rc;

  v.version = ml_run_bundle_version(c->run, s->row.bundle);
  v.held = ml_run_quarantined(c->run, s->row.bundle) != 0;
  if (memcmp(s->parent, none, sizeof none) != 0) {
    ml_id_text(parent, s->parent, 0);
    v.parent = ml_str_of(parent);
  }
  p = ml_run_process_of(c->run, &s->row, &rc);
  if (p != NULL)
    ml_api_put_process(&c->w, p, f, &v);
  else if (rc == ML_NOMEM)
    c->out.bad = true;
  else
    ml_api_put_row(&c->w, &s->row, ml_process_workflow_name(c, &s->row), &v,
                   f == NULL ? "its bundle is not known here"
                             : "what is stored of it cannot be read");
  ml_process_free(p);
}

static void send_seen(ml_call *c, int status) {
  ml_seen *s = c->state;

  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  ml_process_put_seen(c, s);
  c->etag = (int64_t)s->row.seq;
  ml_call_send(c, status);
}

static void send_200(ml_call *c) {
  send_seen(c, 200);
}

/* ?sealed=1 is for operators.  false: refused and gone. */
static bool sealed_ok(ml_call *c, bool *sealed) {
  *sealed = ml_call_query_bool(c, "sealed");
  if (!*sealed || ml_call_may(c, ML_SCOPE_OPERATE))
    return true;
  ml_call_problem(c, 403, NULL, NULL, NULL,
                  "sealed values are shown with the scope operate only");
  return false;
}

static ml_seen *seen_of(ml_call *c) {
  ml_seen *s = ml_call_alloc(c, sizeof *s);
  uint32_t no;

  if (s == NULL || !ml_call_id(c, c->part[0], false, s->id, &s->n, &no))
    return NULL;
  c->state = s;
  return s;
}

static void get_process(ml_call *c) {
  ml_seen *s = seen_of(c);

  if (s == NULL)
    return;
  s->all = ml_call_query_bool(c, "all");
  if (sealed_ok(c, &s->sealed))
    ml_call_read(c, read_seen, send_200);
}

/* ---- listing ---- */

typedef struct found {
  ml_find_process want;
  ml_row_process *rows;
  ml_seen *seen;
  size_t count;
  int64_t more;               /* where the next page begins */
} found;

static ml_rc read_found(ml_call *c, ml_read *r) {
  found *l = c->state;
  ml_rc rc = ml_read_processes(r, &c->arena, &l->want, &l->rows, &l->count);

  if (rc != ML_OK)
    return rc;
  l->seen = ml_arena_zero(&c->arena, (l->count + 1) * sizeof *l->seen);
  if (l->seen == NULL)
    return ML_NOMEM;
  for (size_t i = 0; i < l->count && rc == ML_OK; i++) {
    l->seen[i].row = l->rows[i];
    rc = ml_process_read_parent(c, r, &l->seen[i]);
  }
  return rc;
}

static void send_found(ml_call *c) {
  found *l = c->state;

  ml_list_begin(c);
  for (size_t i = 0; i < l->count; i++)
    ml_process_put_seen(c, &l->seen[i]);
  if (l->more != 0)
    ml_cursor_put(c, 'p', l->more, 0, ML_NOSTR);
  else
    ml_list_last(c);
  ml_list_send(c);
}

/* ?workflow=, ?parent=: names and ids as numbers. */
static bool find_names(ml_call *c, ml_find_process *want) {
  ml_str name = ml_call_query(c, "workflow"), parent = ml_call_query(c, "parent");
  uint8_t id[16];
  uint32_t no;

  if (name.p != NULL) {
    const ml_workflow *wf = ml_run_workflow(c->run, name);
    if (wf == NULL) {
      ml_call_problem(c, 400, NULL, NULL, NULL,
                      "workflow: there is no workflow '%.100s'", name.p);
      return false;
    }
    want->workflow = wf->no;
  }
  if (parent.p != NULL) {
    if (!ml_id_of(parent, id, &no) || no != 0 || ml_process_id_n(id) == 0) {
      ml_call_problem(c, 400, NULL, NULL, NULL,
                      "parent: the id of a process is wanted");
      return false;
    }
    want->parent_n = ml_process_id_n(id);
  }
  return true;
}

static void list_by_columns(ml_call *c) {
  found *l = ml_call_alloc(c, sizeof *l);
  ml_str word;
  int64_t unused;
  ml_status status;
  ml_runs run;

  if (l == NULL)
    return;
  c->state = l;
  l->want.status = l->want.run = -1;
  if (ml_status_of(ml_call_query(c, "status"), &status))
    l->want.status = (int)status;
  if (ml_runs_of(ml_call_query(c, "run"), &run))
    l->want.run = (int)run;
  l->want.team = c->who.team;
  l->want.state = ml_call_query(c, "state");
  l->want.assigned_to = ml_call_query(c, "assigned_to");
  l->want.entity = ml_call_query(c, "entity");
  l->want.record = ml_call_query(c, "record");
  l->want.belongs_to = ml_call_query(c, "belongs_to");
  l->want.booking = ml_call_query(c, "booking");
  l->want.deleted = ml_call_query_bool(c, "deleted");
  l->want.limit = ml_call_limit(c);
  l->want.more = &l->more;
  if (find_names(c, &l->want)
      && ml_cursor_get(c, 'p', &l->want.before_n, &unused, &word))
    ml_call_read(c, read_found, send_found);
}

static void list_processes(ml_call *c) {
  if (ml_search_asked(c))
    ml_search_list(c);
  else
    list_by_columns(c);
}

/* ---- changing: the answer is what the process will be ---- */

/* What is kept of it, and its place; false: memory is short. */
static bool render_place(ml_call *c, const ml_process *p, ml_buf *keep) {
  char id[ML_ID_MAX];
  char *location;

  ml_id_text(id, p->id, 0);
  ml_buf_puts(keep, id);
  location = ml_arena_printf(&c->arena, "/v1/processes/%s", id);
  if (c->way->status == 201)
    c->location = ml_str_of(location);
  return location != NULL && !keep->bad;
}

enum { PROCESS_BYTES = 1500 };  /* about what the answer takes */

static void put_now(ml_call *c, const ml_process *p, const ml_flow *f) {
  ml_api_view v = {.now_ms = ml_api_now(c->api)};

  ml_buf_room(&c->out, PROCESS_BYTES);
  v.version = ml_run_bundle_version(c->run, p->bundle);
  v.held = ml_run_quarantined(c->run, p->bundle) != 0;
  ml_api_put_process(&c->w, p, f, &v);
  c->etag = (int64_t)p->seq;
}

static bool render_process(ml_call *c, const ml_process *p, const ml_flow *f,
                           const ml_made *made, ml_buf *keep) {
  (void)made;
  put_now(c, p, f);
  return render_place(c, p, keep);
}

/* One that waits is answered by what it has become. */
static bool render_started(ml_call *c, const ml_process *p, const ml_flow *f,
                           const ml_made *made, ml_buf *keep) {
  return ml_call_query_bool(c, "wait") ? render_place(c, p, keep)
                                       : render_process(c, p, f, made, keep);
}

static void send_way(ml_call *c) {
  ml_call_send(c, c->way->status);
}

static void send_seen_way(ml_call *c) {
  send_seen(c, c->way->status);
}

/* What is kept under a key is an id: the process is shown as it is now. */
static bool kept_seen(ml_call *c, ml_str kept) {
  ml_seen *s = ml_call_alloc(c, sizeof *s);
  uint32_t no;

  if (s == NULL)
    return false;
  c->state = s;
  if (!ml_id_of(kept, s->id, &no)) {
    ml_call_refuse(c, ML_CORRUPT, NULL);
    return false;
  }
  s->n = ml_process_id_n(s->id);
  if (c->way->status == 201)
    c->location = ml_str_of(ml_arena_printf(&c->arena, "/v1/processes/%.*s",
                                            (int)kept.n, kept.p));
  return true;
}

static void show_again(ml_call *c, ml_str kept) {
  if (kept_seen(c, kept))
    ml_call_read(c, read_seen, send_seen_way);
}

static const ml_way change_way = {200, render_process, send_way, show_again};

/* An input of this kind for the process in the path, by whoever calls. */
static ml_input *change(ml_call *c, ml_event_kind kind) {
  uint8_t id[16];
  ml_acting who;
  int64_t n;
  uint32_t no;

  if (!ml_call_id(c, c->part[0], false, id, &n, &no) || !ml_call_acting(c, &who))
    return NULL;
  return ml_call_input(c, n, id, kind, &who);
}

/* ---- start ---- */

static void rested(ml_call *c, const ml_process *p, const ml_flow *f) {
  if (p == NULL) {
    ml_call_read(c, read_seen, send_seen_way);
    return;
  }
  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  put_now(c, p, f);
  ml_call_send(c, c->way->status);
}

static void started(ml_call *c) {
  ml_seen *s;
  uint32_t no;

  if (!ml_call_query_bool(c, "wait")) {
    ml_call_send(c, 201);
    return;
  }
  s = ml_call_alloc(c, sizeof *s);
  if (s == NULL)
    return;
  c->state = s;
  if (ml_call_id(c, (ml_str){c->location.p + strlen("/v1/processes/"),
                             c->location.n - strlen("/v1/processes/")},
                 false, s->id, &s->n, &no))
    ml_call_rest(c, s->n, rested);
}

static const ml_way start_way = {201, render_started, started, show_again};

/* Members without the scope operate start what has a form for them. */
static bool has_form(const ml_flow *f) {
  for (uint16_t i = 0; i < f->trigger_count; i++)
    if (ml_str_is(f->triggers[i].kind, "form"))
      return true;
  return false;
}

static void start(ml_call *c) {
  const ml_workflow *wf = ml_run_workflow(c->run, c->part[0]);
  ml_acting who;
  ml_input *in;

  if (wf == NULL || wf->bundle == 0 || wf->flow == NULL) {
    ml_call_problem(c, 404, NULL, NULL, NULL,
                    "there is no workflow '%.100s' in force", c->part[0].p);
    return;
  }
  if (!ml_call_may(c, ML_SCOPE_OPERATE) && !has_form(wf->flow)) {
    ml_call_problem(c, 403, NULL, NULL, NULL,
                    "this workflow has no form that members start it by");
    return;
  }
  if (!ml_call_acting(c, &who))
    return;
  if (!ml_call_start_in_rate(c, wf->name))
    return;
  in = ml_call_input(c, 0, NULL, ML_EV_STARTED, &who);
  if (in == NULL)
    return;
  in->workflow = wf->name;
  in->patient = ml_call_query_bool(c, "wait");
  in->ev.data = ml_json_get(c->body, "data");
  in->ev.subject = ml_json_str(c->body, "subject");
  ml_call_put(c, in, &start_way);
}

/* ---- edits and orders ---- */

/* A member that is there: its text, "" when null; none when not there. */
static ml_str edit_text(const ml_json *body, const char *key) {
  const ml_json *v = ml_json_get(body, key);

  if (v == NULL)
    return ML_NOSTR;
  return v->type == ML_JSTR ? v->s : ML_STR("");
}

static bool edit_moment(ml_call *c, ml_event *ev) {
  const ml_json *v = ml_json_get(c->body, "nextActionAt");
  ml_err e = {0};

  if (v == NULL)
    return true;
  ev->has_next_action = true;
  if (v->type == ML_JINT && v->i >= 0)
    ev->next_action_ms = v->i;
  else if (v->type == ML_JSTR
           && ml_text_moment(v->s, &ev->next_action_ms, &e) == ML_OK)
    return true;
  else if (v->type != ML_JNULL) {
    ml_call_problem(c, 422, NULL, "/nextActionAt", NULL,
                    "milliseconds since 1970, a moment with a zone "
                    "(2026-03-01T09:00:00+09:00) or null is wanted");
    return false;
  }
  return true;
}

static void edit(ml_call *c) {
  ml_event ev = {0};
  ml_status status;
  ml_input *in;

  if (!edit_moment(c, &ev))
    return;
  in = change(c, ML_EV_EDITED);
  if (in == NULL)
    return;
  in->ev.has_next_action = ev.has_next_action;
  in->ev.next_action_ms = ev.next_action_ms;
  in->ev.data = ml_json_get(c->body, "data");
  in->ev.subject = edit_text(c->body, "subject");
  in->ev.state = edit_text(c->body, "state");
  in->ev.assign = edit_text(c->body, "assignedTo");
  in->ev.object.entity = edit_text(c->body, "entity");
  in->ev.object.record = edit_text(c->body, "record");
  in->ev.object.belongs_to = edit_text(c->body, "belongsTo");
  in->ev.object.booking = edit_text(c->body, "primaryBooking");
  in->ev.has_deleted = ml_json_get(c->body, "isDeleted") != NULL;
  in->ev.deleted = ml_json_bool(c->body, "isDeleted", false);
  if (ml_status_of(ml_json_str(c->body, "status"), &status)) {
    in->ev.has_status = true;
    in->ev.status = status;
  }
  ml_call_put(c, in, &change_way);
}

/* The body's "activity": an id of this process, or a number.  0: none given.
** false: refused and gone. */
static bool activity_no(ml_call *c, ml_str text, uint32_t *out) {
  uint8_t mine[16], id[16];
  uint32_t no;
  int64_t number;

  *out = 0;
  if (text.p == NULL)
    return true;
  if (ml_text_int(text, &number) && number > 0 && number <= UINT32_MAX) {
    *out = (uint32_t)number;
    return true;
  }
  if (ml_id_of(text, id, out) && *out != 0 && ml_id_of(c->part[0], mine, &no)
      && memcmp(id, mine, sizeof id) == 0)
    return true;
  ml_call_problem(c, 422, NULL, "/activity", NULL,
                  "the id of an activity of this process is wanted");
  return false;
}

static void order(ml_call *c, ml_event_kind kind) {
  uint32_t no;
  ml_input *in;

  if (!activity_no(c, ml_json_str(c->body, "activity"), &no))
    return;
  in = change(c, kind);
  if (in == NULL)
    return;
  in->ev.no = no;
  in->ev.outcome = ml_json_str(c->body, "outcome");
  in->ev.text = ml_json_str(c->body, "reason");
  ml_call_put(c, in, &change_way);
}

static void cancel(ml_call *c) {
  order(c, ML_EV_CANCELLED);
}

static void retry(ml_call *c) {
  order(c, ML_EV_RETRIED);
}

static void skip(ml_call *c) {
  order(c, ML_EV_SKIPPED);
}

/* Whoever is no operator is judged by the lanes of the definition that the
** process rests on (`reset` of the workflow). */
static void put_reset(ml_call *c) {
  const ml_seen *s = c->state;
  const ml_flow *f = ml_run_flow(c->run, s->row.bundle, s->row.flow_index);
  ml_input *in = change(c, ML_EV_RESET);
  ml_acting who;

  if (in == NULL)
    return;
  if (f == NULL) {
    ml_input_free(in);
    ml_call_problem(c, 409, NULL, NULL, NULL,
                    "the bundle of this process is not known here");
    return;
  }
  if (!ml_call_acting(c, &who) ||
      !ml_call_lanes(c, f, who.user, &in->ev.actor.lanes,
                     &in->ev.actor.lane_count)) {
    ml_input_free(in);
    return;
  }
  ml_call_put(c, in, &change_way);
}

static void reset(ml_call *c) {
  ml_seen *s = ml_call_alloc(c, sizeof *s);
  ml_acting who;
  uint32_t no;

  if (s == NULL || !ml_call_acting(c, &who))
    return;
  if (who.operator_) {
    order(c, ML_EV_RESET);
    return;
  }
  c->state = s;
  if (ml_call_id(c, c->part[0], false, s->id, &s->n, &no))
    ml_call_read(c, read_seen, put_reset);
}

/* ---- signals ---- */

static bool render_signal(ml_call *c, const ml_process *p, const ml_flow *f,
                          const ml_made *made, ml_buf *keep) {
  bool kept = false;

  (void)p;
  (void)f;
  for (size_t i = 0; i < made->effect_count; i++)
    kept = kept || made->effects[i].kind == ML_DO_KEEP_MAIL;
  ml_jw_obj(&c->w);
  ml_jw_kbool(&c->w, "kept", kept);
  ml_jw_end(&c->w);
  if (!c->out.bad)
    ml_buf_put(keep, c->out.p, c->out.len);
  return !keep->bad;
}

static void signal_again(ml_call *c, ml_str kept) {
  ml_jw_raw(&c->w, kept);
  ml_call_send(c, 202);
}

static const ml_way signal_way = {202, render_signal, send_way, signal_again};

/* It becomes an entry of a journal.  false: refused and gone. */
static bool signal_fits(ml_call *c) {
  uint64_t most = ml_run_limit(c->run, NULL, ML_BOUND_RESULT, NULL);
  const ml_json *data = ml_json_get(c->body, "data");
  ml_buf b = {0};
  bool fits = true;

  if (data != NULL && c->q->body.n > most) {
    ml_json_print(&b, data);
    fits = !b.bad && b.len <= most;
    ml_buf_free(&b);
  }
  if (!fits)
    ml_call_problem(c, 422, NULL, "/data", NULL,
                    "a signal holds at most %llu bytes (--script-result)",
                    (unsigned long long)most);
  return fits;
}

static void signal_to(ml_call *c, ml_str process) {
  ml_str name = ml_json_str(c->body, "name");
  uint8_t id[16];
  ml_acting who;
  ml_input *in;
  int64_t n;
  uint32_t no;

  if (!ml_text_is_name(name)) {
    ml_call_problem(c, 422, NULL, "/name", NULL,
                    "a signal's name is printable, of 1 to 200 bytes");
    return;
  }
  if (!signal_fits(c) || !ml_call_id(c, process, false, id, &n, &no)
      || !ml_call_acting(c, &who))
    return;
  in = ml_call_input(c, n, id, ML_EV_SIGNALLED, &who);
  if (in == NULL)
    return;
  in->ev.text = name;
  in->ev.data = ml_json_get(c->body, "data");
  ml_call_put(c, in, &signal_way);
}

static void signal_here(ml_call *c) {
  signal_to(c, c->part[0]);
}

static void signal_any(ml_call *c) {
  signal_to(c, ml_json_str(c->body, "process"));
}

/* ---- rows ---- */

static const ml_route rows[] = {
  {"POST", "/v1/workflows/{name}/processes", ML_SCOPE_OPERATE | ML_SCOPE_WORK,
   0, start, "wait as", "Start?", "201 Process", "startProcess",
   "Start a process"},
  {"GET", "/v1/processes", ML_SCOPE_READ | ML_SCOPE_OPERATE, 0, list_processes,
   "workflow status=OPEN|COMPLETED|CANCELLED "
   "run=New|Running|Completed|Failure|Error state assigned_to parent entity "
   "record belongs_to booking deleted limit cursor where order skip explain",
   NULL, "200 Found", "listProcesses",
   "Processes, the newest first, or by a filter and an order"},
  {"GET", "/v1/processes/{id}", ML_SCOPE_READ | ML_SCOPE_OPERATE, 0,
   get_process, "all sealed", NULL, "200 Process", "getProcess",
   "One process"},
  {"PATCH", "/v1/processes/{id}", ML_SCOPE_OPERATE, ML_ROUTE_MATCH, edit, "as",
   "Edit", "200 Process", "editProcess",
   "Write fields, subject, state, person, next moment or status"},
  {"POST", "/v1/processes/{id}/cancel", ML_SCOPE_OPERATE, ML_ROUTE_MATCH,
   cancel, NULL, "Cancel?", "200 Process", "cancelProcess", "Stop it for good"},
  {"POST", "/v1/processes/{id}/retry", ML_SCOPE_OPERATE, ML_ROUTE_MATCH, retry,
   NULL, "Retry?", "200 Process", "retryProcess",
   "Run again what failed: one activity, or all"},
  {"POST", "/v1/processes/{id}/skip", ML_SCOPE_OPERATE, ML_ROUTE_MATCH, skip,
   NULL, "Skip", "200 Process", "skipActivity",
   "Let an activity succeed without running it"},
  {"POST", "/v1/processes/{id}/reset", ML_SCOPE_OPERATE | ML_SCOPE_WORK,
   ML_ROUTE_MATCH, reset, "as", "Reset?", "200 Process", "resetProcess",
   "Set failed activities aside and begin copies of them"},
  {"POST", "/v1/processes/{id}/signals", ML_SCOPE_OPERATE, ML_ROUTE_MATCH,
   signal_here, NULL, "Signal", "202 Kept", "signalProcess",
   "Tell a process something"},
  {"POST", "/v1/signals", ML_SCOPE_OPERATE, ML_ROUTE_MATCH, signal_any, NULL,
   "SignalTo", "202 Kept", "signal", "Tell a process something, by its id"}};

static const char shapes[] =
  "Plan { plan:str \"how the list was found\", indexed:bool \"an index of search"
  " fields served\", lookedAt:int }"
  "Found { items:[Process], next:str? \"cursor of the next page; null: this was"
  " the last\", explain?:Plan }"
  "Start { data?:obj \"by short id or id\", subject?:str? }"
  "Edit { data?:obj \"null clears\", subject?:str?, state?:str?,"
  " assignedTo?:str?, nextActionAt?:any \"ms, a moment with a zone, or null\","
  " status?:OPEN|COMPLETED|CANCELLED, entity?:str?, record?:str?,"
  " belongsTo?:str?, primaryBooking?:str?, isDeleted?:bool }"
  "Cancel { reason?:str? }"
  "Retry { activity?:str? }"
  "Skip { activity:str, outcome?:str? }"
  "Reset { as?:str \"for this member\" }"
  "Signal { name:str, data?:any }"
  "SignalTo { process:str, name:str, data?:any }"
  "Kept { kept:bool \"nobody waits for it yet\" }";

const ml_routes ml_routes_process = {rows, sizeof rows / sizeof *rows, shapes};
