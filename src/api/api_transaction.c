/* api_transaction.c - transactions come in, and are looked at. */
#include <string.h>

#include "api/api_call.h"
#include "api/api_render.h"
#include "base/text.h"
#include "model/ruleset.h"
#include "run/transact.h"

enum { HISTORY_PAGE = 1000 };

/* One transaction as it is shown, and what is read for it. */
typedef struct shown {
  ml_row_transaction row;
  uint8_t process[16];           /* zero: none */
  bool has_active;
  ml_row_transaction active;     /* another one under way; with has_active */
  uint8_t active_process[16];
  ml_row_history *told;          /* of its process; with `whole` */
  size_t told_count, told_cap;
  bool whole;
} shown;

static const uint8_t no_id[16];

static void put_id(ml_jw *w, const char *key, const uint8_t id[16]) {
  if (memcmp(id, no_id, sizeof no_id) != 0) {
    ml_api_put_id(w, key, id, 0);
  } else {
    ml_jw_key(w, key);
    ml_jw_null(w);
  }
}

/* ---- reading ---- */

static ml_rc process_id(ml_call *c, ml_read *r, int64_t n, uint8_t id[16]) {
  ml_row_process p;
  ml_rc rc = n != 0 ? ml_read_process(r, &c->arena, n, &p) : ML_NOT_FOUND;

  if (rc == ML_OK)
    memcpy(id, p.id, 16);
  return rc == ML_NOT_FOUND ? ML_OK : rc;
}

static bool worth_telling(ml_told told) {
  return told == ML_TOLD_RUN || told == ML_TOLD_RESET ||
         told == ML_TOLD_RETRIED || told == ML_TOLD_COMPLETED ||
         told == ML_TOLD_CANCELLED || told == ML_TOLD_REOPENED;
}

static ml_rc keep_told(ml_call *c, shown *s, const ml_row_history *h) {
  if (s->told_count == s->told_cap) {
    size_t cap = s->told_cap > 0 ? s->told_cap * 2 : 16;
    ml_row_history *list = ml_arena_alloc(&c->arena, cap * sizeof *list);

    if (list == NULL)
      return ML_NOMEM;
    if (s->told_count > 0)
      memcpy(list, s->told, s->told_count * sizeof *list);
    s->told = list;
    s->told_cap = cap;
  }
  s->told[s->told_count++] = *h;
  return ML_OK;
}

static ml_rc read_told(ml_call *c, ml_read *r, shown *s) {
  uint64_t after = 0;
  ml_rc rc = ML_OK;

  while (rc == ML_OK) {
    ml_row_history *rows;
    size_t count;

    rc = ml_read_history(r, &c->arena, s->row.process_n, after, HISTORY_PAGE,
                         &rows, &count);
    for (size_t i = 0; rc == ML_OK && i < count; i++)
      if (worth_telling(rows[i].told))
        rc = keep_told(c, s, &rows[i]);
    if (rc != ML_OK || count < HISTORY_PAGE)
      return rc;
    after = rows[count - 1].seq;
  }
  return rc;
}

/* Is another one of this tenant and type under way (C6.18)? */
static ml_rc read_active(ml_call *c, ml_read *r, shown *s) {
  int64_t n;
  ml_rc rc;

  if (s->row.tenant.p == NULL)
    return ML_OK;
  rc = ml_read_transaction_active(r, s->row.tenant, s->row.type, s->row.n, &n);
  if (rc == ML_OK)
    rc = ml_read_transaction(r, &c->arena, n, &s->active);
  if (rc == ML_OK) {
    s->has_active = true;
    rc = process_id(c, r, s->active.process_n, s->active_process);
  }
  return rc == ML_NOT_FOUND ? ML_OK : rc;
}

static ml_rc read_rest(ml_call *c, ml_read *r, shown *s) {
  ml_rc rc = process_id(c, r, s->row.process_n, s->process);

  if (rc == ML_OK && s->whole)
    rc = read_active(c, r, s);
  return rc == ML_OK && s->whole && s->row.process_n != 0 ? read_told(c, r, s)
                                                          : rc;
}

static ml_rc read_one(ml_call *c, ml_read *r) {
  shown *s = c->state;
  uint8_t id[16];
  ml_rc rc;

  memcpy(id, s->row.id, sizeof id);
  rc = ml_read_transaction(r, &c->arena, ml_process_id_n(id), &s->row);
  if (rc == ML_OK && memcmp(id, s->row.id, sizeof id) != 0)
    rc = ML_NOT_FOUND;
  if (rc == ML_NOT_FOUND)
    return ml_err_set(&c->err, rc, NULL, "there is no transaction with this id");
  return rc == ML_OK ? read_rest(c, r, s) : rc;
}

/* ---- showing ---- */

static void put_event(ml_jw *w, int64_t at, const char *what, ml_str text) {
  ml_jw_obj(w);
  ml_api_put_time(w, "at", at);
  ml_jw_kstrz(w, "what", what);
  ml_api_put_text(w, "text", text);
  ml_jw_end(w);
}

/* Both outcomes are seen here (C1.3): which rule took it where, or that none
** did; then what became of its process. */
static void put_history(ml_call *c, const shown *s, ml_str workflow) {
  const ml_row_transaction *t = &s->row;
  ml_jw *w = &c->w;

  ml_jw_key(w, "history");
  ml_jw_arr(w);
  put_event(w, t->created_ms, "received", t->who);
  if (t->process_n != 0) {
    char *text = ml_arena_printf(&c->arena, "%.*s -> %.*s", (int)t->rule.n,
                                 t->rule.p != NULL ? t->rule.p : "",
                                 (int)workflow.n, workflow.p);

    put_event(w, t->created_ms, "matched", ml_str_of(text));
  } else if (t->state == ML_TX_ERROR) {
    put_event(w, t->ended_ms, "error", t->message);
  } else {
    put_event(w, t->ended_ms, t->message.p != NULL ? "skipped" : "not-matched",
              t->message);
    put_event(w, t->ended_ms, "completed", ML_NOSTR);
  }
  for (size_t i = 0; i < s->told_count; i++)
    put_event(w, s->told[i].at_ms, ml_told_name(s->told[i].told),
              s->told[i].text);
  ml_jw_end(w);
}

static void put_warning(ml_call *c, const shown *s) {
  char id[ML_ID_MAX];
  char *text;

  ml_jw_key(&c->w, "warning");
  if (!s->has_active) {
    ml_jw_null(&c->w);
    return;
  }
  ml_id_text(id, s->active.id, 0);
  text = ml_arena_printf(&c->arena, "another %.*s of tenant '%.*s' is under way: "
                         "transaction %s", (int)s->row.type.n, s->row.type.p,
                         (int)s->row.tenant.n, s->row.tenant.p, id);
  ml_jw_obj(&c->w);
  ml_jw_kstrz(&c->w, "text", text);
  ml_jw_kstrz(&c->w, "transaction", id);
  put_id(&c->w, "process", s->active_process);
  ml_jw_end(&c->w);
}

static void put_shown(ml_call *c, const shown *s) {
  const ml_row_transaction *t = &s->row;
  const ml_workflow *wf = ml_run_workflow_no(c->run, t->workflow);
  ml_str workflow = wf != NULL ? wf->name : ML_NOSTR;
  ml_jw *w = &c->w;

  ml_jw_obj(w);
  ml_api_put_id(w, "id", t->id, 0);
  ml_jw_kint(w, "number", t->n);
  ml_jw_kstr(w, "type", t->type);
  ml_api_put_text(w, "tenant", t->tenant);
  ml_jw_kstrz(w, "state", ml_txs_name(t->state));
  ml_jw_kbool(w, "matched", t->process_n != 0);
  ml_api_put_text(w, "rule", t->rule);
  ml_api_put_text(w, "workflow", workflow);
  put_id(w, "process", s->process);
  ml_api_put_text(w, "message", t->message);
  ml_api_put_text(w, "createdBy", t->who);
  ml_api_put_time(w, "createdAt", t->created_ms);
  ml_api_put_time(w, "endedAt", t->ended_ms);
  if (s->whole) {
    ml_jw_key(w, "data");
    ml_jw_raw(w, t->payload.p != NULL ? t->payload : ML_STR("{}"));
    put_history(c, s, workflow);
    put_warning(c, s);
  }
  ml_jw_end(w);
}

static void send_one(ml_call *c, int status) {
  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  put_shown(c, c->state);
  ml_call_send(c, status);
}

static void send_200(ml_call *c) { send_one(c, 200); }
static void send_201(ml_call *c) { send_one(c, 201); }

static shown *shown_of(ml_call *c, const uint8_t id[16]) {
  shown *s = ml_call_alloc(c, sizeof *s);

  if (s == NULL)
    return NULL;
  memset(s, 0, sizeof *s);
  memcpy(s->row.id, id, sizeof s->row.id);
  s->whole = true;
  c->state = s;
  return s;
}

static void get_one(ml_call *c) {
  uint8_t id[16];
  int64_t n;
  uint32_t no;

  if (ml_call_id(c, c->part[0], false, id, &n, &no) &&
      shown_of(c, id) != NULL)
    ml_call_read(c, read_one, send_200);
}

/* ---- lists ---- */

typedef struct found {
  ml_find_transaction want;
  ml_row_transaction *rows;
  shown *all;
  size_t count;
  int64_t more;
} found;

static ml_rc read_found(ml_call *c, ml_read *r) {
  found *l = c->state;
  ml_rc rc = ml_read_transactions(r, &c->arena, &l->want, &l->rows, &l->count);

  if (rc != ML_OK)
    return rc;
  l->all = ml_arena_zero(&c->arena, (l->count + 1) * sizeof *l->all);
  if (l->all == NULL)
    return ML_NOMEM;
  for (size_t i = 0; i < l->count && rc == ML_OK; i++) {
    l->all[i].row = l->rows[i];
    rc = read_rest(c, r, &l->all[i]);
  }
  return rc;
}

static void send_found(ml_call *c) {
  found *l = c->state;

  ml_list_begin(c);
  for (size_t i = 0; i < l->count; i++)
    put_shown(c, &l->all[i]);
  if (l->more != 0)
    ml_cursor_put(c, 'x', l->more, 0, ML_NOSTR);
  else
    ml_list_last(c);
  ml_list_send(c);
}

static void list(ml_call *c) {
  found *l = ml_call_alloc(c, sizeof *l);
  int64_t unused;
  ml_str word;
  ml_txs state;

  if (l == NULL)
    return;
  memset(l, 0, sizeof *l);
  c->state = l;
  l->want.state = -1;
  l->want.type = ml_ruleset_bare(ml_call_query(c, "type"));
  l->want.tenant = ml_call_query(c, "tenant");
  word = ml_call_query(c, "state");
  if (word.p != NULL && !ml_txs_of(word, &state)) {
    ml_call_problem(c, 400, NULL, NULL, "Running|Completed|Failure|Error",
                    "state: there is no state '%.60s' of transactions", word.p);
    return;
  }
  if (word.p != NULL)
    l->want.state = (int)state;
  l->want.limit = ml_call_limit(c);
  l->want.more = &l->more;
  if (ml_cursor_get(c, 'x', &l->want.before_n, &unused, &word))
    ml_call_read(c, read_found, send_found);
}

/* ---- coming in ---- */

static void taken(void *arg, ml_rc rc, const ml_err *e, const uint8_t id[16],
                  bool replayed) {
  ml_call *c = arg;
  char text[ML_ID_MAX];

  if (rc != ML_OK) {
    ml_call_refuse(c, rc, e);
    return;
  }
  c->replayed = replayed;
  ml_id_text(text, id, 0);
  c->location = ml_str_of(ml_arena_printf(&c->arena, "/v1/transactions/%s",
                                          text));
  if (shown_of(c, id) != NULL)
    ml_call_read(c, read_one, send_201);
}

/* Out of the body; what it points to lives as long as the call, which outlives
** the transaction's way.  NULL: the call is gone. */
static ml_transact *transact_of(ml_call *c) {
  ml_acting who;
  ml_transact *t;

  if (!ml_call_acting(c, &who))
    return NULL;
  t = ml_transact_new();
  if (t == NULL) {
    ml_call_refuse(c, ML_NOMEM, NULL);
    return NULL;
  }
  t->type = ml_json_str(c->body, "type");
  t->tenant = ml_json_str(c->body, "tenant");
  t->payload = ml_json_get(c->body, "data");
  t->who = who.who;
  t->arg = c;
  return t;
}

static void post(ml_call *c) {
  ml_transact *t = transact_of(c);

  if (t == NULL)
    return;
  t->has_key = c->has_key;
  memcpy(t->key, c->key, sizeof t->key);
  memcpy(t->body_hash, c->body_hash, sizeof t->body_hash);
  t->done = taken;
  ml_run_transact(c->run, t);
}

/* ---- what the rules would say ---- */

static void tried(void *arg, ml_rc rc, const ml_err *e, ml_str lines) {
  ml_call *c = arg;

  (void)e;
  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "rules");
  ml_jw_raw(&c->w, lines);
  ml_jw_end(&c->w);
  if (rc != ML_OK)
    c->out.bad = true;
}

static void try_done(void *arg, ml_rc rc, const ml_err *e,
                     const uint8_t id[16], bool replayed) {
  ml_call *c = arg;

  (void)id;
  (void)replayed;
  if (rc != ML_OK)
    ml_call_refuse(c, rc, e);
  else
    ml_call_send(c, 200);
}

static void try_rules(ml_call *c) {
  ml_transact *t = transact_of(c);

  if (t == NULL)
    return;
  t->done = try_done;
  ml_run_rule_try(c->run, t, tried);
}

/* ---- rows ---- */

static const ml_route rows[] = {
  {"POST", "/v1/transactions", ML_SCOPE_OPERATE, 0, post, "as",
   "StartTransaction", "201 Transaction", "startTransaction",
   "Something happened: let the rules say which workflow begins"},
  {"GET", "/v1/transactions", ML_SCOPE_READ | ML_SCOPE_OPERATE, 0, list,
   "type tenant state limit cursor", NULL, "200 [TransactionRow]",
   "listTransactions", "Transactions, the newest first"},
  {"GET", "/v1/transactions/{id}", ML_SCOPE_READ | ML_SCOPE_OPERATE, 0, get_one,
   NULL, NULL, "200 Transaction", "getTransaction", "One transaction"},
  {"POST", "/v1/rules/test", ML_SCOPE_READ | ML_SCOPE_OPERATE, ML_ROUTE_REPEAT,
   try_rules, "as", "StartTransaction", "200 RuleTest", "testRules",
   "What the rules would say to a transaction; nothing is started"}};

static const char shapes[] =
  "StartTransaction { type:str \"bare, or followed by ' Transaction'\","
  " tenant?:str? \"null: the data's tenant.id\","
  " data?:obj \"what its rules look at\" }"
  "TransactionRow { id:str, number:int, type:str, tenant:str?,"
  " state:Running|Completed|Failure|Error, matched:bool,"
  " rule:str? \"file:line of the rule that decided\", workflow:str?,"
  " process:str?, message:str?, createdBy:str?, createdAt:int?, endedAt:int? }"
  "Transaction { ...TransactionRow, data:obj, history:[TransactionTold],"
  " warning:TransactionWarning? \"another one is under way for the tenant\" }"
  "TransactionTold { at:int?, what:str, text:str? }"
  "TransactionWarning { text:str, transaction:str, process:str? }"
  "RuleTest { rules:[RuleSaid] \"those that were asked, in order; none said"
  " true: it would complete at once\" }"
  "RuleSaid { at:str, type:str, to:str, rule?:str, said:true|false|error,"
  " why?:str }";

const ml_routes ml_routes_transaction = {rows, sizeof rows / sizeof *rows,
                                         shapes};
