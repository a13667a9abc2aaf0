/* api_ops.c - what operators and their machines ask: health, counters, what
** is broken, a reload, a line of Lua, this API's own description. */
#include <stdio.h>
#include <string.h>

#include "api/api_process.h"
#include "base/log.h"
#include "base/text.h"
#include "run/audit.h"

/* ---- health ---- */

static void livez(ml_call *c) {
  ml_jw_raw(&c->w, ML_STR("{\"live\":true}"));
  ml_call_send(c, 200);
}

/* Folders that were refused are named (SEMANTICS.md 21): how many to anyone,
** which and why to this machine and to the Unix socket. */
static void readyz(ml_call *c) {
  bool ready = ml_api_is_ready(c->api), near = ml_call_near(c);
  ml_str broken = ml_run_broken(c->run);
  int64_t n = 0;

  ml_jw_obj(&c->w);
  ml_jw_kbool(&c->w, "ready", ready);
  if (near) {
    ml_jw_key(&c->w, "broken");
    ml_jw_arr(&c->w);
  }
  for (ml_str line = ml_shape_part(&broken, '\n'); line.p != NULL;
       line = ml_shape_part(&broken, '\n')) {
    if (line.n == 0)
      continue;
    n++;
    if (near)
      ml_jw_str(&c->w, line);
  }
  if (near)
    ml_jw_end(&c->w);
  ml_jw_kint(&c->w, "faults", n);
  ml_jw_kint(&c->w, "quarantined", (int64_t)ml_run_quarantine_count(c->run));
  ml_jw_end(&c->w);
  ml_call_send(c, ready ? 200 : 503);
}

/* ---- counters ---- */

typedef struct counts {
  int64_t open, tasks, incidents;
} counts;

static ml_rc read_counts(ml_call *c, ml_read *r) {
  counts *n = c->state;

  return ml_read_counts(r, &n->open, &n->tasks, &n->incidents);
}

static void put_metric(ml_buf *b, const char *name, const char *type,
                       const char *help, int64_t value) {
  ml_buf_printf(b, "# HELP moonlane_%s %s\n# TYPE moonlane_%s %s\n"
                "moonlane_%s %lld\n", name, help, name, type, name,
                (long long)value);
}

static void put_run_metrics(ml_buf *b, const ml_run_stats *s) {
  const struct { const char *name, *type, *help; int64_t value; } rows[] = {
    {"inputs_total", "counter", "Events taken.", (int64_t)s->inputs},
    {"starts_total", "counter", "Processes started.", (int64_t)s->starts},
    {"completed_total", "counter", "Processes completed.",
     (int64_t)s->completed},
    {"slices_total", "counter", "Slices of scripts run.", (int64_t)s->slices},
    {"calls_total", "counter", "HTTP calls sent for scripts.",
     (int64_t)s->calls},
    {"batches_total", "counter", "Batches committed.", (int64_t)s->batches},
    {"refused_total", "counter", "Inputs refused.", (int64_t)s->refused},
    {"incidents_total", "counter", "Processes that came to a halt.",
     (int64_t)s->incidents},
    {"loaded_total", "counter", "Processes loaded into memory.",
     (int64_t)s->loaded},
    {"in_memory", "gauge", "Processes in memory.", (int64_t)s->in_memory},
    {"queued", "gauge", "Inputs that wait.", (int64_t)s->queued},
    {"due_waits_total", "counter", "Passes over what is due that waited for "
     "room.", (int64_t)s->admit_waits},
    {"forgotten_total", "counter", "Idempotency keys and occurrences whose time "
     "was over.", (int64_t)s->forgotten},
    {"calls_open", "gauge", "Outgoing calls under way.",
     (int64_t)s->http.open},
    {"calls_waiting", "gauge", "Outgoing calls that wait for their host.",
     (int64_t)s->http.waiting},
    {"calls_good_total", "counter", "Outgoing calls that were answered.",
     (int64_t)s->http.good},
    {"calls_bad_total", "counter", "Outgoing calls without an answer, or with "
     "429, 502, 503, 504.", (int64_t)s->http.bad},
    {"hosts_resting", "gauge", "Hosts that rest after many failures in a row.",
     (int64_t)s->http.resting},
    {"host_rests_total", "counter", "Rests of hosts.", (int64_t)s->http.rests},
    {"oldest_wait_milliseconds", "gauge", "Age of the oldest that waits.",
     s->oldest_wait_ms}};

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    put_metric(b, rows[i].name, rows[i].type, rows[i].help, rows[i].value);
}

static void put_store_metrics(ml_buf *b, const ml_store_stats *s) {
  const struct { const char *name, *type, *help; uint64_t value; } rows[] = {
    {"store_commits_total", "counter", "Transactions committed.", s->commits},
    {"store_syncs_total", "counter", "Flushes to disk.", s->syncs},
    {"store_rows_total", "counter", "Rows written.", s->rows},
    {"store_reads_total", "counter", "Reader jobs.", s->reads},
    {"store_checkpoints_total", "counter", "Checkpoints.", s->checkpoints},
    {"store_checkpoint_busy_total", "counter", "Checkpoints held up.",
     s->checkpoint_busy},
    {"store_log_bytes", "gauge", "Size of the write-ahead log.", s->log_bytes},
    {"store_bytes", "gauge", "Size of the store.", s->db_bytes}};

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    put_metric(b, rows[i].name, rows[i].type, rows[i].help,
               (int64_t)rows[i].value);
}

static void put_audit_metrics(ml_buf *b, const ml_run *run) {
  ml_patrol_stats s;

  ml_patrol_stats_get(run, &s);
  put_metric(b, "audit_passes_total", "counter", "Passes of the audit.",
             (int64_t)s.passes);
  put_metric(b, "audit_processes_total", "counter", "Processes it looked at.",
             (int64_t)s.processes);
  put_metric(b, "audit_found_total", "counter", "Broken things it told of.",
             (int64_t)s.found);
  put_metric(b, "audit_offenders", "gauge", "Broken things there are.",
             s.offenders);
  put_metric(b, "audit_mended_total", "counter", "Processes set right.",
             (int64_t)s.mended);
}

static void send_metrics(ml_call *c) {
  counts *n = c->state;
  ml_run_stats run;
  ml_store_stats store;

  ml_run_stats_get(c->run, &run);
  put_run_metrics(&c->out, &run);
  put_audit_metrics(&c->out, c->run);
  if (ml_api_conf_of(c->api)->store != NULL) {
    ml_store_stats_get(ml_api_conf_of(c->api)->store, &store);
    put_store_metrics(&c->out, &store);
  }
  put_metric(&c->out, "processes_open", "gauge", "Open processes.", n->open);
  put_metric(&c->out, "tasks_open", "gauge", "Open tasks.", n->tasks);
  put_metric(&c->out, "incidents_open", "gauge", "Processes at a halt.",
             n->incidents);
  put_metric(&c->out, "bundles_quarantined", "gauge", "Bundles whose scripts are "
             "not run.", (int64_t)ml_run_quarantine_count(c->run));
  put_metric(&c->out, "connections", "gauge", "Open connections.",
             (int64_t)ml_server_connections(ml_api_server(c->api)));
  put_metric(&c->out, "ready", "gauge", "Ready to serve.",
             ml_api_is_ready(c->api) ? 1 : 0);
  ml_call_send_as(c, 200, "text/plain; version=0.0.4; charset=utf-8");
}

static void metrics(ml_call *c) {
  c->state = ml_call_alloc(c, sizeof(counts));
  if (c->state != NULL)
    ml_call_read(c, read_counts, send_metrics);
}

static void openapi(ml_call *c) {
  ml_jw_raw(&c->w, ml_api_document(c->api));
  ml_call_send(c, 200);
}

/* ---- incidents ---- */

enum { KINDS = 2 };           /* Error, Failure: two lists, merged */

typedef struct incidents {
  ml_find_process want;
  ml_row_process *rows[KINDS];
  size_t count[KINDS], at[KINDS];
  int64_t more[KINDS];
  int64_t last;               /* number of the process shown last */
} incidents;

static ml_rc read_incidents(ml_call *c, ml_read *r) {
  static const ml_runs kinds[KINDS] = {ML_RUN_ERROR, ML_RUN_FAILURE};
  incidents *l = c->state;
  ml_rc rc = ML_OK;

  for (int k = 0; k < KINDS && rc == ML_OK; k++) {
    l->want.run = (int)kinds[k];
    l->want.more = &l->more[k];
    rc = ml_read_processes(r, &c->arena, &l->want, &l->rows[k], &l->count[k]);
  }
  return rc;
}

static void put_can(ml_jw *w, bool act, bool known) {
  ml_jw_key(w, "can");
  ml_jw_arr(w);
  if (known)
    ml_jw_strz(w, "retry");
  if (act)
    ml_jw_strz(w, "skip");
  if (known)
    ml_jw_strz(w, "cancel");
  if (act)
    ml_jw_strz(w, "reset");
  ml_jw_end(w);
}

static void put_incident(ml_call *c, const ml_row_process *row,
                         const ml_process *p, const ml_flow *f,
                         const ml_act *a, ml_str message) {
  ml_jw *w = &c->w;

  ml_jw_obj(w);
  ml_api_put_id(w, "process", row->id, 0);
  if (a != NULL)
    ml_api_put_id(w, "activity", row->id, a->no);
  else
    ml_jw_kstr(w, "activity", ML_NOSTR);
  ml_jw_kstr(w, "label", a != NULL ? f->activities[a->def].label : ML_NOSTR);
  ml_jw_kstr(w, "workflow", ml_process_workflow_name(c, row));
  ml_api_put_text(w, "subject", row->subject);
  ml_jw_kstrz(w, "status", a != NULL ? ml_acts_name(a->status)
                                     : ml_runs_name(row->run));
  ml_api_put_text(w, "message", message);
  ml_api_put_text(w, "at", a != NULL ? a->at : ML_NOSTR);
  ml_api_put_time(w, "since", row->updated_ms);
  put_can(w, a != NULL, p != NULL);
  ml_jw_end(w);
}

/* Its activities that failed; or, when none did, the process itself. */
static void put_incidents_of(ml_call *c, const ml_row_process *row) {
  const ml_flow *f = ml_run_flow(c->run, row->bundle, row->flow_index);
  bool shown = false;
  ml_rc rc;
  ml_process *p = ml_run_process_of(c->run, row, &rc);

  for (uint32_t i = 0; p != NULL && f != NULL && i < p->act_count; i++) {
    const ml_act *a = &p->acts[i];

    if (a->aside || (a->status != ML_ACT_ERROR && a->status != ML_ACT_FAILURE))
      continue;
    put_incident(c, row, p, f, a, a->message);
    shown = true;
  }
  if (!shown)
    put_incident(c, row, p, f, NULL, p != NULL ? p->message
                 : ML_STR("its bundle is not known here, or it cannot be read"));
  ml_process_free(p);
}

/* The newer one of the two lists' next; NULL at the end of what is known: a
** list that was cut says nothing about what lies below its cut. */
static const ml_row_process *next_incident(incidents *l) {
  const ml_row_process *best = NULL;
  int64_t cut = l->more[0] > l->more[1] ? l->more[0] : l->more[1];
  int which = 0;

  for (int k = 0; k < KINDS; k++)
    if (l->at[k] < l->count[k]
        && (best == NULL || l->rows[k][l->at[k]].n > best->n)) {
      best = &l->rows[k][l->at[k]];
      which = k;
    }
  if (best == NULL || best->n < cut)
    return NULL;
  l->at[which]++;
  return best;
}

static void send_incidents(ml_call *c) {
  incidents *l = c->state;
  const ml_row_process *row = NULL;
  int64_t cut = l->more[0] > l->more[1] ? l->more[0] : l->more[1];
  size_t shown = 0;

  ml_list_begin(c);
  while (shown < l->want.limit && (row = next_incident(l)) != NULL) {
    put_incidents_of(c, row);
    l->last = row->n;
    shown++;
  }
  if (shown == l->want.limit && next_incident(l) != NULL)
    ml_cursor_put(c, 'i', l->last, 0, ML_NOSTR);
  else if (cut != 0)
    ml_cursor_put(c, 'i', cut, 0, ML_NOSTR);
  else
    ml_list_last(c);
  ml_list_send(c);
}

static void list_incidents(ml_call *c) {
  incidents *l = ml_call_alloc(c, sizeof *l);
  int64_t b;
  ml_str none;

  if (l == NULL || !ml_cursor_get(c, 'i', &l->want.before_n, &b, &none))
    return;
  c->state = l;
  l->want.status = ML_OPEN;
  l->want.limit = ml_call_limit(c);
  l->want.team = c->who.team;
  ml_call_read(c, read_incidents, send_incidents);
}

/* ---- reload ---- */

static void add_fault(void *arg, const char *at, const char *text) {
  ml_call *c = arg;

  ml_jw_obj(&c->w);
  ml_jw_kstrz(&c->w, "at", at);
  ml_jw_kstrz(&c->w, "text", text);
  ml_jw_end(&c->w);
}

static void reloaded(void *arg, ml_rc rc, const ml_err *e) {
  ml_call *c = arg;

  if (rc != ML_OK && rc != ML_INVALID) {
    ml_call_refuse(c, rc, e);
    return;
  }
  ml_jw_end(&c->w);
  ml_jw_end(&c->w);
  ml_log(ML_INFO, "reloaded", "who", c->who.name.p, NULL);
  ml_call_send(c, 200);
}

static void reload(ml_call *c) {
  const char *folder = ml_api_conf_of(c->api)->folder;

  if (folder == NULL) {
    ml_call_problem(c, 409, NULL, NULL, NULL,
                    "this engine was started without a folder of workflows");
    return;
  }
  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "broken");
  ml_jw_arr(&c->w);
  ml_run_load(c->run, folder, add_fault, reloaded, c);
}

/* ---- a line of Lua ---- */

static void evaluated(void *arg, ml_rc rc, const ml_err *e, ml_str answer) {
  ml_call *c = arg;

  if (rc != ML_OK) {
    ml_call_refuse(c, rc, e);
    return;
  }
  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  ml_jw_raw(&c->w, answer.n > 0 ? answer : ML_STR("null"));
  ml_call_send(c, 200);
}

static void evaluate(ml_call *c, const ml_seen *s) {
  ml_buf b = {0};
  char *globals = NULL;

  ml_jw_init(&c->w, &b);
  ml_jw_obj(&c->w);
  if (s != NULL) {
    ml_jw_key(&c->w, "process");
    ml_process_put_seen(c, s);
  }
  ml_jw_end(&c->w);
  if (!b.bad)
    globals = ml_arena_dup(&c->arena, b.p, b.len);
  if (globals == NULL)
    ml_call_refuse(c, ML_NOMEM, NULL);
  else
    ml_run_eval(c->run, ml_json_str(c->body, "source"),
                (ml_str){globals, b.len}, evaluated, c);
  ml_buf_free(&b);
}

static ml_rc read_seen(ml_call *c, ml_read *r) {
  return ml_process_read(c, r, c->state);
}

static void eval_seen(ml_call *c) {
  evaluate(c, c->state);
}

static void eval(ml_call *c) {
  ml_str id = ml_json_str(c->body, "process");
  char shown[400];
  ml_seen *s;
  uint32_t no;

  ml_text_excerpt(shown, sizeof shown, ml_json_str(c->body, "source"));
  ml_log(ML_INFO, "eval", "who", c->who.name.p, "source", shown, NULL);
  if (id.p == NULL) {
    evaluate(c, NULL);
    return;
  }
  s = ml_call_alloc(c, sizeof *s);
  if (s == NULL || !ml_call_id(c, id, false, s->id, &s->n, &no))
    return;
  c->state = s;
  ml_call_read(c, read_seen, eval_seen);
}

/* ---- rows ---- */

static const ml_route rows[] = {
  {"GET", "/livez", 0, ML_ROUTE_OPEN, livez, NULL, NULL, "200 Live", "livez",
   "Is it there?"},
  {"GET", "/readyz", 0, ML_ROUTE_OPEN, readyz, NULL, NULL,
   "200 Ready/503 Ready", "readyz", "Is it ready to serve?"},
  {"GET", "/metrics", 0, ML_ROUTE_LOCAL, metrics, NULL, NULL, "200 text",
   "metrics", "Counters, for Prometheus; no token from this machine"},
  {"GET", "/openapi.json", 0, ML_ROUTE_LOCAL, openapi, NULL, NULL, "200 any",
   "openapi", "This document; no token from this machine"},
  {"GET", "/v1/incidents", ML_SCOPE_READ | ML_SCOPE_OPERATE, 0, list_incidents,
   "limit cursor", NULL, "200 [Incident]", "listIncidents",
   "What came to a halt and waits for an operator"},
  {"POST", "/v1/reload", ML_SCOPE_DEPLOY, ML_ROUTE_REPEAT, reload, NULL, NULL,
   "200 Reloaded", "reload", "Load the folder of workflows again"},
  {"POST", "/v1/eval", ML_SCOPE_OPERATE, ML_ROUTE_UNIX | ML_ROUTE_REPEAT, eval,
   NULL, "Eval", "200 any", "eval", "Run a line of Lua in the sandbox"}};

static const char shapes[] =
  "Live { live:bool }"
  "Ready { ready:bool, faults:int, quarantined:int \"bundles whose scripts are"
  " not run\", broken?:[str] \"folders refused at the last"
  " load\" }"
  "Incident { process:str, activity:str?, label:str?, workflow:str,"
  " subject:str?, status:str, message:str?, at:str?, since:int?,"
  " can:[str] \"retry, skip, cancel, reset\" }"
  "Reloaded { broken:[Fault] \"what was refused; in force is what was\" }"
  "Fault { at:str, text:str }"
  "Eval { source:str, process?:str? }";

const ml_routes ml_routes_ops = {rows, sizeof rows / sizeof *rows, shapes};
