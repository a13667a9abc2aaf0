/* api_task.c - tasks: what people see of a process, and what they do. */
#include <string.h>

#include "api/api_process.h"
#include "base/text.h"

enum { LANES_MAX = 64, PAGES_MAX = 20, NEXT_LOOKED_AT = 50 };

typedef struct item {         /* a task and the process it belongs to */
  ml_row_task task;
  ml_row_process process;
  ml_row_transaction transaction;   /* that started it; n 0: none */
} item;

typedef struct tasking {
  ml_seen seen;               /* first: the process of the task in the path */
  uint32_t no;
  ml_row_task task;
  ml_row_transaction transaction;
  ml_acting who;
  ml_str tenant;              /* lists: only of this one; none: any */
  /* lists, and what comes next */
  ml_find_task want;
  uint32_t lanes[LANES_MAX];
  uint32_t only_lane;         /* 0: any */
  item *items;
  size_t count;
  ml_task_at more;
} tasking;

/* ---- rendering ---- */

static void put_item(ml_call *c, const item *it) {
  const ml_flow *f = ml_run_flow(c->run, it->process.bundle,
                                 it->process.flow_index);
  ml_api_task t;

  ml_api_task_of_row(&it->task, &it->process,
                     ml_process_workflow_name(c, &it->process), f,
                     ml_run_lane(c->run, it->task.lane), &t);
  ml_api_put_task(&c->w, &t, ml_api_now(c->api));
  if (it->transaction.n == 0)
    return;
  ml_api_put_id(&c->w, "transaction", it->transaction.id, 0);
  ml_jw_kstr(&c->w, "transactionType", it->transaction.type);
  ml_jw_kstrz(&c->w, "transactionState", ml_txs_name(it->transaction.state));
  ml_api_put_text(&c->w, "tenant", it->transaction.tenant);
}

static void put_own(ml_call *c) {
  tasking *t = c->state;
  item it = {.task = t->task, .process = t->seen.row,
             .transaction = t->transaction};

  put_item(c, &it);
}

/* ---- one task ---- */

static tasking *tasking_of(ml_call *c) {
  tasking *t = ml_call_alloc(c, sizeof *t);

  if (t == NULL || !ml_call_acting(c, &t->who)
      || !ml_call_id(c, c->part[0], true, t->seen.id, &t->seen.n, &t->no))
    return NULL;
  c->state = t;
  return t;
}

/* The transaction that started a process; n 0: none did. */
static ml_rc read_transaction(ml_call *c, ml_read *r, int64_t n,
                              ml_row_transaction *out) {
  ml_rc rc = ml_read_transaction_of(r, &c->arena, n, out);

  if (rc != ML_NOT_FOUND)
    return rc;
  memset(out, 0, sizeof *out);
  return ML_OK;
}

/* The task and its process, as they are on disk. */
static ml_rc read_task(ml_call *c, ml_read *r) {
  tasking *t = c->state;
  ml_row_task *rows;
  size_t count;
  ml_rc rc = ml_process_read(c, r, &t->seen);

  if (rc == ML_OK)
    rc = ml_read_tasks_of(r, &c->arena, t->seen.n, &rows, &count);
  if (rc == ML_OK)
    rc = read_transaction(c, r, t->seen.n, &t->transaction);
  if (rc != ML_OK)
    return rc;
  for (size_t i = 0; i < count; i++)
    if (rows[i].no == t->no) {
      t->task = rows[i];
      return ML_OK;
    }
  return ml_err_set(&c->err, ML_NOT_FOUND, NULL,
                    "there is no task with this id");
}

/* Is it this person's, or one the person may take? */
static bool persons_task(const ml_call *c, const tasking *t) {
  if (t->who.user.p == NULL)
    return false;
  if (t->task.assignee.n > 0)
    return ml_str_eq(t->task.assignee, t->who.user);
  return ml_run_member(c->run, t->task.lane, t->who.user);
}

static void send_form(ml_call *c) {
  tasking *t = c->state;
  bool own = persons_task(c, t);
  const ml_flow *f;
  ml_process *p;
  ml_task *live = NULL;
  ml_rc rc;

  if (!own && !ml_call_may(c, ML_SCOPE_READ | ML_SCOPE_OPERATE)) {
    ml_call_problem(c, 404, NULL, NULL, NULL, "there is no task with this id");
    return;
  }
  p = ml_run_process_of(c->run, &t->seen.row, &rc);
  f = ml_run_flow(c->run, t->seen.row.bundle, t->seen.row.flow_index);
  if (p == NULL || f == NULL) {
    ml_process_free(p);
    ml_call_refuse(c, rc == ML_NOMEM ? ML_NOMEM : ML_CORRUPT, NULL);
    return;
  }
  if (t->task.status == ML_TASK_OPEN)
    live = ml_process_task(p, t->no);
  ml_jw_obj(&c->w);
  put_own(c);
  ml_api_put_form(&c->w, p, f, live, own);
  ml_jw_end(&c->w);
  ml_process_free(p);
  ml_call_send(c, 200);
}

static void get_task(ml_call *c) {
  if (tasking_of(c) != NULL)
    ml_call_read(c, read_task, send_form);
}

/* ---- lists ---- */

static ml_rc add_item(ml_call *c, ml_read *r, tasking *t,
                      const ml_row_task *row) {
  item *it = &t->items[t->count];
  ml_rc rc = ML_OK;

  if (t->count > 0 && t->items[t->count - 1].task.n == row->n)
    *it = t->items[t->count - 1];
  else
    rc = ml_read_process(r, &c->arena, row->n, &it->process);
  if (rc == ML_OK && it->transaction.process_n != row->n)
    rc = read_transaction(c, r, row->n, &it->transaction);
  if (rc == ML_OK && !it->process.deleted
      && ml_call_sees(c, it->process.rest)
      && (t->tenant.p == NULL
          || ml_str_eq(t->tenant, it->transaction.tenant))) {
    it->task = *row;
    t->count++;
  }
  return rc;
}

/* Pages of the store until ours is full; of a rare lane it may stay short. */
static ml_rc read_list(ml_call *c, ml_read *r) {
  tasking *t = c->state;
  size_t limit = t->want.limit;

  t->items = ml_arena_zero(&c->arena, (limit + 1) * sizeof *t->items);
  if (t->items == NULL)
    return ML_NOMEM;
  for (int page = 0; page < PAGES_MAX; page++) {
    ml_row_task *rows;
    size_t count;
    ml_rc rc;

    t->want.limit = limit - t->count;
    rc = ml_read_tasks(r, &c->arena, &t->want, &rows, &count);
    for (size_t i = 0; i < count && rc == ML_OK; i++)
      if (t->only_lane == 0 || rows[i].lane == t->only_lane)
        rc = add_item(c, r, t, &rows[i]);
    if (rc != ML_OK)
      return rc;
    if (t->more.n == 0 || t->count == limit)
      return ML_OK;
    t->want.after_n = t->more.n;
    t->want.after_no = t->more.no;
  }
  return ML_OK;
}

static void send_list(ml_call *c) {
  tasking *t = c->state;

  ml_list_begin(c);
  for (size_t i = 0; i < t->count; i++) {
    ml_jw_obj(&c->w);
    put_item(c, &t->items[i]);
    ml_jw_end(&c->w);
  }
  if (t->more.n != 0)
    ml_cursor_put(c, 't', t->more.n, t->more.no, ML_NOSTR);
  else
    ml_list_last(c);
  ml_list_send(c);
}

static bool wanted_lane(ml_call *c, tasking *t) {
  ml_str name = ml_call_query(c, "lane"), shown = name, workflow;

  if (name.p == NULL)
    return true;
  workflow = ml_shape_part(&name, '/');
  t->only_lane = ml_run_lane_no(c->run, workflow, name);
  if (t->only_lane != 0)
    return true;
  ml_call_problem(c, 400, NULL, NULL, NULL, "lane: there is no lane '%.200s'; "
                  "WORKFLOW/LANE is wanted", shown.p);
  return false;
}

static bool wanted_status(ml_call *c, tasking *t) {
  static const char *const words[] = {
    [ML_TASK_OPEN] = "OPEN", [ML_TASK_COMPLETED] = "COMPLETED",
    [ML_TASK_CANCELLED] = "CANCELLED"};
  ml_str word = ml_call_query(c, "status");

  t->want.status = word.p == NULL ? ML_TASK_OPEN : -1;
  for (int i = 0; i < ML_TASK_COUNT; i++)
    if (ml_str_is(word, words[i]))
      t->want.status = i;
  return true;
}

/* A person's: offered in the person's lanes, or allocated. */
static void want_mine(ml_call *c, tasking *t) {
  t->want.user = t->who.user;
  t->want.lane_count = ml_run_lane_nos_of(c->run, t->who.user, t->lanes,
                                          LANES_MAX);
  if (t->want.lane_count > LANES_MAX)
    t->want.lane_count = LANES_MAX;
  t->want.lanes = t->lanes;
}

static void list_tasks(ml_call *c) {
  tasking *t = ml_call_alloc(c, sizeof *t);
  bool mine = ml_call_query_bool(c, "mine") || ml_call_query(c, "as").p != NULL
              || !ml_call_may(c, ML_SCOPE_READ | ML_SCOPE_OPERATE);
  int64_t no;
  ml_str none;

  if (t == NULL || !ml_call_acting(c, &t->who))
    return;
  c->state = t;
  if (mine && t->who.user.p == NULL) {
    ml_call_problem(c, 400, NULL, NULL, NULL,
                    "mine: this token is nobody's; say whose tasks with as=");
    return;
  }
  if (!wanted_lane(c, t) || !wanted_status(c, t)
      || !ml_cursor_get(c, 't', &t->want.after_n, &no, &none))
    return;
  if (mine)
    want_mine(c, t);
  t->tenant = ml_call_query(c, "tenant");
  t->want.after_no = (uint32_t)no;
  t->want.limit = ml_call_limit(c);
  t->want.more = &t->more;
  t->want.team = c->who.team;
  ml_call_read(c, read_list, send_list);
}

/* ---- doing ---- */

static bool render_nothing(ml_call *c, const ml_process *p, const ml_flow *f,
                           const ml_made *made, ml_buf *keep) {
  (void)c;
  (void)p;
  (void)f;
  (void)made;
  ml_buf_puts(keep, "{}");   /* a replay reads the task in the path again */
  return !keep->bad;
}

static void send_task(ml_call *c) {
  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  ml_jw_obj(&c->w);
  put_own(c);
  ml_jw_end(&c->w);
  ml_call_send(c, 200);
}

static void show(ml_call *c) {
  ml_call_read(c, read_task, send_task);
}

static void show_again(ml_call *c, ml_str kept) {
  (void)kept;
  show(c);
}

static const ml_way task_way = {200, render_nothing, show, show_again};

/* The input of this kind for the task that was read: the actor gets the lanes
** that the person is in, by the definition the process rests on. */
static ml_input *doing(ml_call *c, ml_event_kind kind) {
  tasking *t = c->state;
  const ml_flow *f = ml_run_flow(c->run, t->seen.row.bundle,
                                 t->seen.row.flow_index);
  const int16_t *lanes = NULL;
  size_t count = 0;
  ml_input *in;

  if (f == NULL) {
    ml_call_problem(c, 409, NULL, NULL, NULL,
                    "the bundle of this process is not known here");
    return NULL;
  }
  if (!ml_call_lanes(c, f, t->who.user, &lanes, &count))
    return NULL;
  in = ml_call_input(c, t->seen.n, t->seen.id, kind, &t->who);
  if (in == NULL)
    return NULL;
  in->ev.no = t->no;
  in->ev.actor.lanes = lanes;
  in->ev.actor.lane_count = count;
  return in;
}

static void do_plain(ml_call *c, ml_event_kind kind) {
  ml_input *in = doing(c, kind);

  if (in != NULL)
    ml_call_put(c, in, &task_way);
}

/* ---- complete, and what comes next ---- */

static ml_rc choose_next(ml_call *c, ml_read *r, tasking *t) {
  ml_row_task *rows;
  size_t count, at = 0;
  ml_rc rc;

  if (t->who.user.p == NULL)
    return ML_OK;
  t->want.limit = NEXT_LOOKED_AT;
  t->want.team = c->who.team;
  rc = ml_read_tasks(r, &c->arena, &t->want, &rows, &count);
  if (rc != ML_OK || count == 0)
    return rc;
  for (size_t i = 0; i < count && rows[at].n != t->seen.n; i++)
    if (rows[i].n == t->seen.n)
      at = i;
  t->items = ml_arena_zero(&c->arena, sizeof *t->items);
  return t->items == NULL ? ML_NOMEM : add_item(c, r, t, &rows[at]);
}

static ml_rc read_after(ml_call *c, ml_read *r) {
  ml_rc rc = read_task(c, r);

  return rc == ML_OK ? choose_next(c, r, c->state) : rc;
}

static void looked(ml_call *c) {
  tasking *t = c->state;

  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "task");
  ml_jw_obj(&c->w);
  put_own(c);
  ml_jw_end(&c->w);
  ml_jw_key(&c->w, "next");
  if (t->count > 0) {
    ml_jw_obj(&c->w);
    put_item(c, &t->items[0]);
    ml_jw_end(&c->w);
  } else {
    ml_jw_null(&c->w);
  }
  ml_jw_end(&c->w);
  ml_call_send(c, 200);
}

static void rested(ml_call *c, const ml_process *p, const ml_flow *f) {
  (void)p;
  (void)f;
  ml_call_read(c, read_after, looked);
}

static void completed(ml_call *c) {
  tasking *t = c->state;

  if (!ml_call_query_bool(c, "next")) {
    show(c);
    return;
  }
  if (t->who.user.p != NULL)
    want_mine(c, t);
  t->want.status = ML_TASK_OPEN;
  ml_call_rest(c, t->seen.n, rested);
}

static void completed_again(ml_call *c, ml_str kept) {
  (void)kept;
  completed(c);
}

static const ml_way complete_way = {200, render_nothing, completed,
                                    completed_again};

static void complete_read(ml_call *c) {
  ml_input *in = doing(c, ML_EV_COMPLETED);

  if (in == NULL)
    return;
  in->ev.outcome = ml_json_str(c->body, "outcome");
  in->ev.data = ml_json_get(c->body, "data");
  ml_call_put(c, in, &complete_way);
}

static void complete(ml_call *c) {
  if (tasking_of(c) != NULL)
    ml_call_read(c, read_task, complete_read);
}

/* ---- claim, release, reassign ---- */

static void claim_read(ml_call *c) {
  do_plain(c, ML_EV_CLAIMED);
}

static void claim(ml_call *c) {
  tasking *t = tasking_of(c);

  if (t == NULL)
    return;
  if (t->who.user.p == NULL) {
    ml_call_problem(c, 422, NULL, "/as", NULL,
                    "a task is claimed for a person: say for whom");
    return;
  }
  ml_call_read(c, read_task, claim_read);
}

static void release_read(ml_call *c) {
  do_plain(c, ML_EV_RELEASED);
}

static void release(ml_call *c) {
  if (tasking_of(c) != NULL)
    ml_call_read(c, read_task, release_read);
}

static void reassign_read(ml_call *c) {
  tasking *t = c->state;
  ml_str to = ml_json_str(c->body, "to");
  const ml_row_lane *lane = ml_run_lane(c->run, t->task.lane);
  ml_input *in;

  if (!ml_run_member(c->run, t->task.lane, to)) {
    ml_call_problem(c, 422, NULL, "/to", NULL, "'%.100s' is no member of lane "
                    "'%.*s'", to.p, lane != NULL ? (int)lane->lane.n : 1,
                    lane != NULL ? lane->lane.p : "?");
    return;
  }
  in = doing(c, ML_EV_REASSIGNED);
  if (in == NULL)
    return;
  in->ev.to = to;
  ml_call_put(c, in, &task_way);
}

static void reassign(ml_call *c) {
  bool nobody = ml_json_str(c->body, "to").p == NULL;

  if (tasking_of(c) != NULL)
    ml_call_read(c, read_task, nobody ? release_read : reassign_read);
}

/* ---- rows ---- */

#define DO ML_SCOPE_OPERATE | ML_SCOPE_WORK

static const ml_route rows[] = {
  {"GET", "/v1/tasks", ML_SCOPE_READ | DO, 0, list_tasks,
   "mine as lane tenant status=OPEN|COMPLETED|CANCELLED|any limit cursor", NULL,
   "200 [Task]", "listTasks", "Tasks, the oldest first"},
  {"GET", "/v1/tasks/{id}", ML_SCOPE_READ | DO, 0, get_task, "as", NULL,
   "200 TaskForm", "getTask", "One task with its form"},
  {"POST", "/v1/tasks/{id}/complete", DO, ML_ROUTE_MATCH, complete, "next as",
   "Complete?", "200 Task/200 TaskNext", "completeTask", "Do a task"},
  {"POST", "/v1/tasks/{id}/claim", DO, ML_ROUTE_MATCH, claim, "as", "As?",
   "200 Task", "claimTask", "Take an offered task"},
  {"POST", "/v1/tasks/{id}/release", DO, ML_ROUTE_MATCH, release, "as", "As?",
   "200 Task", "releaseTask", "Offer it to the lane again"},
  {"POST", "/v1/tasks/{id}/reassign", ML_SCOPE_OPERATE, ML_ROUTE_MATCH,
   reassign, NULL, "Reassign", "200 Task", "reassignTask",
   "Give it to somebody of its lane"}};

static const char shapes[] =
  "Complete { outcome?:str? \"may be missing when there is one only\","
  " data?:obj, as?:str }"
  "As { as?:str }"
  "Reassign { to:str? \"null: nobody, offered again\" }"
  "TaskNext { task:Task, next:Task? \"that person's next one, one of the same"
  " process first\" }";

const ml_routes ml_routes_task = {rows, sizeof rows / sizeof *rows, shapes};
