/*
** api_bulk.c - P3.10: many updates or creates as one job, its progress, its
** entries, its end before its time.
**
** Only the outside of an entry is looked at here (an object each, not too many):
** what is wrong inside one is that entry's INVALID, and stops no other.
*/
#include <stdio.h>
#include <string.h>

#include "api/api_ext.h"
#include "base/text.h"
#include "store/bulk.h"

enum { BULK_ENTRIES_MAX = 10000 };

typedef struct bulk {
  ml_row_job job;
  const ml_json *entries;
  ml_str *bodies;
} bulk;

/* ---- answers ---- */

static void put_no(ml_call *c, const char *key, int64_t no) {
  char text[24];

  snprintf(text, sizeof text, "%lld", (long long)no);
  ml_jw_kstrz(&c->w, key, text);
}

static void put_counts(ml_call *c, const int64_t counts[ML_ENTRY_STATUSES]) {
  ml_jw_key(&c->w, "counts");
  ml_jw_obj(&c->w);
  for (int i = 0; i < ML_ENTRY_STATUSES; i++)
    ml_jw_kint(&c->w, ml_entrys_name((ml_entrys)i), counts[i]);
  ml_jw_end(&c->w);
}

static void put_job(ml_call *c, const ml_row_job *j,
                    const int64_t counts[ML_ENTRY_STATUSES]) {
  const ml_workflow *wf = ml_run_workflow_no(c->run, j->workflow);

  ml_jw_obj(&c->w);
  put_no(c, "id", j->no);
  ml_jw_kstrz(&c->w, "kind", j->kind == ML_JOB_UPDATE ? "update" : "create");
  ml_jw_kstr(&c->w, "procedure", wf != NULL ? wf->name : ML_NOSTR);
  ml_jw_kstrz(&c->w, "completionStatus",
              j->cancelled_by.p != NULL ? "CANCELLED"
              : j->done_ms != 0         ? "COMPLETED" : "IN_PROGRESS");
  ml_jw_kint(&c->w, "total", j->total);
  put_counts(c, counts);
  ml_jw_kint(&c->w, "createdAt", j->at_ms);
  ml_jw_key(&c->w, "completedAt");
  if (j->done_ms != 0)
    ml_jw_int(&c->w, j->done_ms);
  else
    ml_jw_null(&c->w);
  ml_jw_kstr(&c->w, "createdBy", j->who);
  ml_jw_kstr(&c->w, "cancelledBy", j->cancelled_by);
  ml_jw_end(&c->w);
}

static void send_one(ml_call *c, const ml_row_job *j,
                     const int64_t counts[ML_ENTRY_STATUSES], int status) {
  ml_ext_begin(c);
  put_job(c, j, counts);
  ml_ext_meta(c);
  ml_ext_end(c, status);
}

/* ---- a new job ---- */

static void fill_job(ml_call *c, ml_batch *b) {
  const bulk *k = c->state;

  ml_batch_job(b, &k->job);
  for (uint32_t i = 0; i < k->job.total; i++) {
    ml_row_entry row = {.job = k->job.no, .no = i + 1, .body = k->bodies[i]};

    ml_batch_entry(b, &row);
  }
}

static void send_new(ml_call *c) {
  const bulk *k = c->state;
  int64_t counts[ML_ENTRY_STATUSES] = {k->job.total};

  ml_run_bulk_look(c->run);
  send_one(c, &k->job, counts, 202);
}

/* Each entry as a text of its own. */
static bool keep_bodies(ml_call *c, bulk *k) {
  ml_buf one = {0};
  bool ok = true;

  k->bodies = ml_arena_alloc(&c->arena,
                             (k->entries->count + 1) * sizeof *k->bodies);
  for (uint32_t i = 0; ok && k->bodies != NULL && i < k->entries->count; i++) {
    char *text;

    ml_buf_reset(&one);
    ml_json_print(&one, &k->entries->arr[i]);
    text = one.bad ? NULL : ml_arena_dup(&c->arena, one.p, one.len);
    k->bodies[i] = (ml_str){text, one.len};
    ok = text != NULL;
  }
  ml_buf_free(&one);
  return ok && k->bodies != NULL;
}

static void new_job(ml_call *c, ml_jobk kind) {
  const ml_workflow *wf = ml_ext_procedure(c);
  bulk *k = wf != NULL ? ml_call_alloc(c, sizeof *k) : NULL;
  ml_acting who;

  if (k == NULL || !ml_call_acting(c, &who))
    return;
  c->state = k;
  k->entries = ml_json_get(c->body, "entries");
  if (k->entries->count == 0 || k->entries->count > BULK_ENTRIES_MAX) {
    ml_call_problem(c, 422, NULL, "/entries", NULL,
                    "1 to %d entries are wanted, not %u", BULK_ENTRIES_MAX,
                    k->entries->count);
    return;
  }
  /* a number that grows, so that jobs are worked off in their order */
  k->job = (ml_row_job){
    .no = (ml_api_now(c->api) << 10)
          | ml_rand_between(ml_api_conf_of(c->api)->rand, 0, 1023),
    .kind = kind, .workflow = wf->no, .total = k->entries->count,
    .at_ms = ml_api_now(c->api), .who = who.who, .team = c->who.team};
  if (!keep_bodies(c, k)) {
    ml_call_refuse(c, ML_NOMEM, NULL);
    return;
  }
  ml_call_write(c, fill_job, send_new);
}

static void bulk_update(ml_call *c) {
  new_job(c, ML_JOB_UPDATE);
}

static void bulk_create(ml_call *c) {
  new_job(c, ML_JOB_CREATE);
}

/* ---- looking ---- */

typedef struct job_seen {
  ml_row_job job;
  int64_t no, counts[ML_ENTRY_STATUSES];
  ml_str who;                    /* cancels it */
  int status;
  uint32_t after;
  size_t limit;
  ml_row_entry *rows;
  ml_row_process *processes;     /* of the rows: their ids */
  size_t count;
} job_seen;

static job_seen *job_of(ml_call *c) {
  job_seen *s = ml_call_alloc(c, sizeof *s);

  if (s == NULL)
    return NULL;
  c->state = s;
  if (ml_text_int(c->part[0], &s->no) && s->no > 0)
    return s;
  ml_call_problem(c, 404, NULL, NULL, NULL, "there is no job with this id");
  return NULL;
}

static ml_rc read_job(ml_call *c, ml_read *r) {
  job_seen *s = c->state;
  ml_rc rc = ml_read_job(r, &c->arena, s->no, &s->job);

  if (rc == ML_OK && c->who.team.p != NULL
      && !ml_str_eq(c->who.team, s->job.team))
    rc = ML_NOT_FOUND;           /* another team's */

  if (rc == ML_NOT_FOUND)
    return ml_err_set(&c->err, rc, NULL, "there is no job with this id");
  return rc == ML_OK ? ml_read_entry_counts(r, s->no, s->counts) : rc;
}

static void send_job(ml_call *c) {
  job_seen *s = c->state;

  send_one(c, &s->job, s->counts, 200);
}

static void get_job(ml_call *c) {
  if (job_of(c) != NULL)
    ml_call_read(c, read_job, send_job);
}

/* ---- cancelling ---- */

static void fill_cancel(ml_call *c, ml_batch *b) {
  const job_seen *s = c->state;

  ml_batch_job_cancel(b, s->no, ml_api_now(c->api), s->who);
}

static void cancelled(ml_call *c) {
  ml_call_read(c, read_job, send_job);
}

/* One that is cancelled already is so. */
static void write_cancel(ml_call *c) {
  job_seen *s = c->state;

  if (s->job.cancelled_by.p != NULL)
    send_job(c);
  else if (s->job.done_ms != 0)
    ml_call_problem(c, 409, NULL, NULL, NULL,
                    "this job has ended: there is nothing left to cancel");
  else
    ml_call_write_rows(c, fill_cancel, cancelled);
}

static void cancel_job(ml_call *c) {
  job_seen *s = job_of(c);
  ml_acting who;

  if (s == NULL || !ml_call_acting(c, &who))
    return;
  s->who = who.who;
  ml_call_read(c, read_job, write_cancel);
}

/* ---- entries ---- */

static ml_rc read_entries(ml_call *c, ml_read *r) {
  job_seen *s = c->state;
  ml_rc rc = read_job(c, r);

  if (rc == ML_OK)
    rc = ml_read_entries(r, &c->arena, s->no, s->status, s->after, s->limit + 1,
                         &s->rows, &s->count);
  if (rc == ML_OK) {
    s->processes = ml_arena_zero(&c->arena,
                                 (s->count + 1) * sizeof *s->processes);
    rc = s->processes != NULL ? ML_OK : ML_NOMEM;
  }
  for (size_t i = 0; i < s->count && rc == ML_OK; i++)
    if (s->rows[i].n != 0) {
      rc = ml_read_process(r, &c->arena, s->rows[i].n, &s->processes[i]);
      if (rc == ML_NOT_FOUND)
        rc = ML_OK;
    }
  return rc;
}

static void put_entry(ml_call *c, const ml_row_entry *e,
                      const ml_row_process *p) {
  char id[ML_ID_MAX];

  ml_jw_obj(&c->w);
  ml_jw_kint(&c->w, "no", e->no);
  ml_jw_kstrz(&c->w, "status", ml_entrys_name(e->status));
  ml_id_text(id, p->id, 0);
  ml_jw_kstr(&c->w, "process", p->n != 0 ? ml_str_of(id) : ML_NOSTR);
  ml_jw_kstr(&c->w, "error", e->why);
  ml_jw_key(&c->w, "entry");
  ml_jw_raw(&c->w, e->body);
  ml_jw_end(&c->w);
}

/* The cursor is the number of the last entry: entries never move. */
static void send_entries(ml_call *c) {
  job_seen *s = c->state;
  bool more = s->count > s->limit;
  size_t count = more ? s->limit : s->count;

  ml_ext_begin(c);
  ml_jw_arr(&c->w);
  for (size_t i = 0; i < count; i++)
    put_entry(c, &s->rows[i], &s->processes[i]);
  ml_jw_end(&c->w);
  ml_ext_meta(c);
  ml_jw_kbool(&c->w, "hasMore", more);
  if (more)
    put_no(c, "cursor", s->rows[count - 1].no);
  else
    ml_jw_kstr(&c->w, "cursor", ML_NOSTR);
  put_counts(c, s->counts);
  ml_ext_end(c, 200);
}

static void get_entries(ml_call *c) {
  job_seen *s = job_of(c);
  ml_str cursor;
  ml_entrys status;
  int64_t after = 0;

  if (s == NULL)
    return;                      /* the call is gone */
  cursor = ml_call_query(c, "cursor");
  s->status = ml_entrys_of(ml_call_query(c, "status"), &status) ? (int)status
                                                                : -1;
  s->limit = ml_call_limit(c);
  if (cursor.p != NULL && (!ml_text_int(cursor, &after) || after < 0
                           || after > UINT32_MAX)) {
    ml_call_problem(c, 400, NULL, NULL, NULL,
                    "cursor: take it from \"_meta\" of the page before");
    return;
  }
  s->after = (uint32_t)after;
  ml_call_read(c, read_entries, send_entries);
}

/* ---- what an entry asks ---- */

/* As PUT and POST of one process take it, but for what only those can look up. */
ml_rc ml_api_entry(void *arg, ml_input *in, const ml_flow *f, int kind,
                   const ml_json *body, ml_err *e) {
  ml_api *a = arg;
  ml_call nobody = {.api = a, .run = ml_api_conf_of(a)->run};
  ml_str subject = ml_json_str(body, "subject");
  const ml_json *record = ml_json_get(body, "record");
  ml_rc rc = ml_shape_check(ml_shapes_find(ml_api_shapes(a),
                                           kind == ML_JOB_UPDATE
                                               ? ML_STR("BulkUpdate")
                                               : ML_STR("BulkCreate")),
                            body, e);

  if (rc != ML_OK)
    return rc;
  if (kind == ML_JOB_UPDATE && (ml_json_get(body, "id") == NULL) ==
                                   (ml_json_get(body, "key") == NULL))
    return ml_err_set(e, ML_INVALID, "", "an entry names its process by \"id\" or"
                      " by \"key\", and by one of them alone");
  if ((record != NULL && record->type == ML_JOBJ) ||
      ml_json_get(body, "parentProcess") != NULL ||
      ml_json_get(body, "parentProcedure") != NULL)
    return ml_err_set(e, ML_INVALID, "", "a job sets no parent and makes no "
                      "record; do it one by one");
  nobody.who.team = in->team;
  rc = ml_ext_event(&nobody, &in->arena, f, body, &in->ev, e);
  in->ev.subject = ml_json_get(body, "subject") == NULL ? ML_NOSTR
                   : subject.p != NULL ? subject : ML_STR("");
  return rc;
}

/* ---- the table ---- */

static const ml_route rows[] = {
  {"PATCH", "/v1/ext/procedure/{procedure}/process", ML_SCOPE_OPERATE,
   ML_ROUTE_REPEAT | ML_ROUTE_EXT, bulk_update, "as", "Bulk", "202 JobAnswer",
   "bulkUpdate",
   "Update many processes, each by its id, as a job in the background"},
  {"POST", "/v1/ext/procedure/{procedure}/process/bulk-create",
   ML_SCOPE_OPERATE, ML_ROUTE_REPEAT | ML_ROUTE_EXT, bulk_create, "as", "Bulk",
   "202 JobAnswer", "bulkCreate",
   "Create many processes as a job in the background"},
  {"GET", "/v1/ext/job/{id}", ML_SCOPE_READ | ML_SCOPE_OPERATE, ML_ROUTE_EXT, get_job,
   NULL, NULL, "200 JobAnswer", "getJob", "How far a job is"},
  {"POST", "/v1/ext/job/{id}/cancel", ML_SCOPE_OPERATE, ML_ROUTE_EXT, cancel_job,
   "as", NULL, "200 JobAnswer", "cancelJob",
   "Stop a job: what is not begun becomes CANCELLED, what is done stays"},
  {"GET", "/v1/ext/job/{id}/entries", ML_SCOPE_READ | ML_SCOPE_OPERATE,
   ML_ROUTE_EXT,
   get_entries, "status=NOT_STARTED|SUCCESS|INVALID|ERROR|CANCELLED limit cursor", NULL,
   "200 JobEntries", "listJobEntries",
   "The entries of a job, in their order, each with what became of it"}};

static const char shapes[] =
  "BulkUpdate { ...ExtUpdate, id?:str, key?:obj \"instead of id: the primary"
  " key's short id and its value\", subject?:str? }"
  "BulkCreate { ...ExtUpdate, subject?:str? }"
  "Bulk { entries:[obj] \"1 to 10,000, each a BulkUpdate or a BulkCreate\" }"
  "JobCounts { NOT_STARTED:int, SUCCESS:int, INVALID:int, ERROR:int,"
  " CANCELLED:int }"
  "Job { id:str, kind:update|create, procedure:str?,"
  " completionStatus:IN_PROGRESS|COMPLETED|CANCELLED, total:int, counts:JobCounts,"
  " createdAt:int, completedAt:int?, createdBy:str?,"
  " cancelledBy:str? }"
  "JobAnswer { _data:Job, _meta:obj, _errors:[obj] }"
  "JobEntry { no:int, status:NOT_STARTED|SUCCESS|INVALID|ERROR|CANCELLED, process:str?,"
  " error:str?, entry:obj }"
  "JobPage { hasMore:bool, cursor:str?, counts:JobCounts }"
  "JobEntries { _data:[JobEntry], _meta:JobPage, _errors:[obj] }";

const ml_routes ml_routes_bulk = {rows, sizeof rows / sizeof *rows, shapes};
