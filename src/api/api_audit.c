/*
** api_audit.c - the audit page by page, and setting right what it found.
**
** A page is a piece (run/audit.h) of its own snapshot; its cursor holds the
** whole place of the pass, so the engine keeps nothing between two of them.
*/
#include <stdio.h>
#include <string.h>

#include "api/api_call.h"
#include "api/api_render.h"
#include "base/log.h"
#include "base/text.h"
#include "run/audit.h"

enum { REPAIRS_MAX = 1000 };

static bool read_at(ml_call *c, ml_audit_at *at) {
  int64_t n, seq;
  ml_str text;
  int status = 0, run = 0;

  if (!ml_cursor_get(c, 'A', &n, &seq, &text))
    return false;
  if (text.p != NULL && sscanf(text.p, "%d %d", &status, &run) != 2)
    status = run = 0;
  *at = (ml_audit_at){n, {(uint64_t)seq, status, run}};
  return true;
}

static ml_rc read_piece(ml_call *c, ml_read *r) {
  return ml_audit_piece(c->state, r, &c->arena);
}

static void put_offender(ml_call *c, const ml_offender *o) {
  static const uint8_t none[16];

  ml_jw_obj(&c->w);
  if (memcmp(o->id, none, sizeof none) != 0)
    ml_api_put_id(&c->w, "process", o->id, 0);
  else
    ml_jw_kstr(&c->w, "process", ML_NOSTR);
  ml_jw_kint(&c->w, "number", o->n);
  ml_jw_kint(&c->w, "invariant", o->invariant);
  ml_jw_kstrz(&c->w, "what", o->what);
  ml_jw_end(&c->w);
}

static void put_sums(ml_jw *w, const ml_audit_sums *s) {
  ml_jw_key(w, "sums");
  ml_jw_obj(w);
  ml_jw_kint(w, "processes", s->processes);
  ml_jw_kint(w, "open", s->open);
  ml_jw_kint(w, "completed", s->completed);
  ml_jw_kint(w, "cancelled", s->cancelled);
  ml_jw_kint(w, "deleted", s->deleted);
  ml_jw_kint(w, "incidents", s->incidents);
  ml_jw_kint(w, "records", s->records);
  ml_jw_kint(w, "found", s->found);
  ml_jw_end(w);
}

static void send_piece(ml_call *c) {
  const ml_audit *a = c->state;
  char text[32];

  ml_list_begin(c);
  for (size_t i = 0; i < a->count; i++)
    put_offender(c, &a->found[i]);
  snprintf(text, sizeof text, "%d %d", a->at.trail.status, a->at.trail.run);
  if (a->over)
    ml_list_last(c);
  else
    ml_cursor_put(c, 'A', a->at.n, (int64_t)a->at.trail.seq, ml_str_of(text));
  put_sums(&c->w, &a->sums);
  ml_list_send(c);
}

static void audit(ml_call *c) {
  ml_audit *a = ml_call_sees_all(c) ? ml_call_alloc(c, sizeof *a) : NULL;

  if (a == NULL || !read_at(c, &a->at))
    return;
  a->flow = ml_run_flow_in;
  a->arg = ml_run_flow_list(c->run, &c->arena);
  if (a->arg == NULL) {
    ml_call_refuse(c, ML_NOMEM, NULL);
    return;
  }
  c->state = a;
  ml_call_read(c, read_piece, send_piece);
}

static void mended(void *arg, ml_rc rc, const ml_err *e, size_t count) {
  ml_call *c = arg;

  if (rc != ML_OK) {
    ml_call_refuse(c, rc, e);
    return;
  }
  ml_jw_obj(&c->w);
  ml_jw_kint(&c->w, "mended", (int64_t)count);
  ml_jw_end(&c->w);
  ml_call_send(c, 200);
}

static void repair(ml_call *c) {
  const ml_json *list = ml_json_get(c->body, "numbers");
  int64_t *ns;

  if (!ml_call_sees_all(c))
    return;
  if (list->count > REPAIRS_MAX) {
    ml_call_problem(c, 422, NULL, "/numbers", NULL, "at most %d at a time",
                    REPAIRS_MAX);
    return;
  }
  ns = ml_call_alloc(c, (list->count + 1) * sizeof *ns);
  if (ns == NULL)
    return;
  for (uint32_t i = 0; i < list->count; i++) {
    ns[i] = list->arr[i].i;
    if (ns[i] <= 0) {
      ml_call_problem(c, 422, NULL, "/numbers", NULL, "numbers of processes are "
                      "1 and more");
      return;
    }
  }
  ml_log(ML_INFO, "repair", "who", c->who.name.p, NULL);
  ml_run_mend(c->run, ns, list->count, mended, c);
}

static const ml_route rows[] = {
  {"GET", "/v1/audit", ML_SCOPE_OPERATE | ML_SCOPE_ADMIN, 0, audit, "cursor",
   NULL, "200 AuditPage", "audit",
   "Do the stored processes keep the invariants? One page of a pass"},
  {"POST", "/v1/audit/repairs", ML_SCOPE_ADMIN, ML_ROUTE_REPEAT, repair, NULL,
   "Repair", "200 Repaired", "repair",
   "Set right what the audit found, and let it go on"}};

static const char shapes[] =
  "Offender { process:str? \"its id, when its row says it\", number:int,"
  " invariant:int \"2 history, 7 one state, 8 a next thing\", what:str }"
  "AuditSums { processes:int, open:int, completed:int, cancelled:int,"
  " deleted:int, incidents:int, records:int, found:int }"
  "AuditPage { items:[Offender], next:str?, sums:AuditSums \"of this page\" }"
  "Repair { numbers:[int] \"of processes, as the audit gives them\" }"
  "Repaired { mended:int \"how many were written anew\" }";

const ml_routes ml_routes_audit = {rows, sizeof rows / sizeof *rows, shapes};
