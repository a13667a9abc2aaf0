/*
** test_transact.c - transactions and rules (SEEDS C1, C2, C3.9, C6.18):
** matched in order, written with what they start, once.
*/
#include "run_kit.h"

#include "run/transact.h"
#include "slow_build.h"

/* ---- transactions ---- */

typedef struct got {
  int times;
  ml_rc rc;
  ml_err e;
  uint8_t id[16];
  bool replayed;
} got;

static void tx_done(void *arg, ml_rc rc, const ml_err *e, const uint8_t id[16],
                    bool replayed) {
  got *g = arg;

  g->times++;
  g->rc = rc;
  g->replayed = replayed;
  memcpy(g->id, id, sizeof g->id);
  if (e != NULL)
    g->e = *e;
}

static ml_transact *tx_new(const char *type, const char *data, got *g) {
  ml_transact *t = ml_transact_new();

  assert_non_null(t);
  memset(g, 0, sizeof *g);
  t->type = ml_str_of(type);
  t->payload = kit_json(&t->arena, data);
  t->who = ML_STR("portal");
  t->done = tx_done;
  t->arg = g;
  return t;
}

static void tx_key(ml_transact *t, uint8_t key, uint8_t body) {
  t->has_key = true;
  memset(t->key, key, sizeof t->key);
  memset(t->body_hash, body, sizeof t->body_hash);
}

typedef struct look {
  int64_t n;
  ml_rc rc;
  ml_row_transaction row;
  size_t count;
} look;

static void look_work(void *arg, ml_read *rd) {
  look *l = arg;
  ml_find_transaction all = {.state = -1, .limit = 1000};
  ml_row_transaction *rows;

  l->rc = ml_read_transactions(rd, &kit.arena, &all, &rows, &l->count);
  if (l->rc == ML_OK && l->n > 0)
    l->rc = ml_read_transaction(rd, &kit.arena, l->n, &l->row);
}

static look tx_see(int64_t n) {
  look l = {.n = n, .rc = ML_IO};

  assert_int_equal(ml_store_read(kit.store, look_work, kit_look_done, &l),
                   ML_OK);
  ml_store_reap(kit.store);
  assert_int_equal(l.rc, ML_OK);
  return l;
}

/* One comes in; its row as it is on disk. */
static ml_row_transaction tx(const char *type, const char *data) {
  got g;

  ml_run_transact(kit.run, tx_new(type, data, &g));
  kit_settle();
  assert_int_equal(g.times, 1);
  if (g.rc != ML_OK)
    fail_msg("%s", g.e.text);
  return tx_see(ml_process_id_n(g.id)).row;
}

static got tx_refused(const char *type, const char *data) {
  got g;

  ml_run_transact(kit.run, tx_new(type, data, &g));
  kit_settle();
  assert_int_equal(g.times, 1);
  assert_int_not_equal(g.rc, ML_OK);
  return g;
}

static void went_to(const ml_row_transaction *t, const char *workflow) {
  const ml_workflow *w = ml_run_workflow_no(kit.run, t->workflow);

  if (t->message.p != NULL)
    printf("# %.*s\n", (int)t->message.n, t->message.p);
  assert_non_null(w);
  assert_string_equal(w->name.p, workflow);
  assert_int_not_equal(t->process_n, 0);
}

static void says(const ml_row_transaction *t, ml_txs state, const char *part) {
  if (t->state != state || (part != NULL && (t->message.p == NULL ||
      memmem(t->message.p, t->message.n, part, strlen(part)) == NULL)))
    fail_msg("%s: %.*s; wanted %s: %s", ml_txs_name(t->state),
             (int)t->message.n, t->message.p != NULL ? t->message.p : "",
             ml_txs_name(state), part != NULL ? part : "");
}

static void text_is(ml_str s, const char *want) {
  if (!ml_str_is(s, want))
    fail_msg("'%.*s', wanted '%s'", (int)s.n, s.p != NULL ? s.p : "", want);
}

/* ---- definitions ---- */

#define HEAD "local ml = require 'moonlane'\n"
#define FLOW(name)                                                          \
  "ml.workflow { '" name "', lanes = { sys = 'S', desk = 'D' },\n"          \
  "  fields = { { 'tenant', 'string' }, { 'transaction', 'json' },\n"       \
  "             { 'memo', 'text', chars = 255 }, { 'n', 'integer' } },\n"   \
  "  phases = { { 'ask', ml.task { 'approve', lane = 'desk', anew = true,\n" \
  "    edit = { 'memo' }, outcomes = { 'yes', { 'no', need = { 'memo' },\n" \
  "    fails = 'memo' } } } },\n"                                           \
  "    { 'end', ml.activity { 'finish', lane = 'sys', run = function() "    \
  "end } } } }"

static ml_rc load(const char *rules) {
  kit_write("f", "workflow.lua", HEAD "return { " FLOW("a") ", " FLOW("b")
            " }\n");
  kit_write("f", "rules.lua", rules);
  return kit_load();
}

static void open_with(const char *rules) {
  kit_begin();
  if (load(rules) != ML_OK)
    fail_msg("%s", kit.faults);
  kit_join("a", "desk");
  kit_join("b", "desk");
}

#define BOTH_TRUE(x, y) HEAD "return ml.rules {\n"                          \
  "{ 'tenantStateChange', to = '" x "' },\n"                                \
  "{ 'tenantStateChange', to = '" y "', when = function(tx) return true "   \
  "end } }\n"

/* ---- C1, C2: which rule ---- */

static void the_upper_of_two_true_rules_wins(void **state) {
  ml_row_transaction t;

  (void)state;
  open_with(BOTH_TRUE("a", "b"));
  t = tx("tenantStateChange", "{}");
  went_to(&t, "a");
  text_is(t.rule, "f/rules.lua:3");
  assert_int_equal(load(BOTH_TRUE("b", "a")), ML_OK);
  t = tx("tenantStateChange", "{}");
  went_to(&t, "b");
}

static void without_a_match_it_is_completed_at_once(void **state) {
  ml_row_transaction t;

  (void)state;
  open_with(HEAD "return ml.rules { { 'paymentInfoChange', to = 'a' },\n"
            "{ 'tenantStateChange', to = 'b', when = function(tx) return "
            "tx.x == 1 end } }\n");
  t = tx("tenantStateChange", "{\"x\":2}");
  says(&t, ML_TX_COMPLETED, NULL);
  assert_int_equal(t.process_n, 0);
  assert_int_equal(t.workflow, 0);
  assert_true(t.ended_ms >= t.created_ms && t.ended_ms > 0);
  assert_null(t.message.p);
  assert_null(t.rule.p);
  assert_int_equal(kit_see(0).all_count, 0);
}

static void both_spellings_are_one_type(void **state) {
  static const char *const types[] = {
    "tenantStateChange", "tenantAccountTypeConversion",
    "subscriptionActivation", "paymentInfoChange", "cloudServiceActivation"};
  char data[200], suffixed[100];

  (void)state;
  open_with(HEAD "local r = {}\nfor i, t in ipairs { 'tenantStateChange', "
            "'tenantAccountTypeConversion Transaction', "
            "'subscriptionActivation', 'paymentInfoChange Transaction', "
            "'cloudServiceActivation' } do r[i] = { t, to = 'a', data = "
            "function(tx) return { n = i } end } end\nreturn ml.rules(r)\n");
  for (int i = 0; i < 5; i++) {
    ml_row_transaction t = tx(types[i], "{}");

    snprintf(data, sizeof data, "{\"n\":%d}", i + 1);
    kit_data(t.process_n, data);
    snprintf(suffixed, sizeof suffixed, "%s Transaction", types[i]);
    t = tx(suffixed, "{}");
    text_is(t.type, types[i]);
    kit_data(t.process_n, data);
  }
}

static void another_word_is_refused_unless_registered(void **state) {
  ml_row_transaction t;
  got g;

  (void)state;
  open_with(BOTH_TRUE("a", "b"));
  g = tx_refused("orderPlaced", "{}");
  assert_int_equal(g.rc, ML_INVALID);
  assert_string_equal(g.e.at, "/type");
  assert_non_null(strstr(g.e.text, "orderPlaced"));
  assert_int_equal(tx_see(0).count, 0);
  /* a rule of such a type is refused where it stands */
  assert_int_equal(load(HEAD "return ml.rules {\n\n{ 'orderPlaced', to = 'a' "
                        "} }\n"), ML_INVALID);
  assert_non_null(strstr(kit.faults, "f/rules.lua:4: 'orderPlaced' is no type"));
  assert_int_equal(load(HEAD "return ml.rules { ml.transaction 'orderPlaced',\n"
                        "{ 'orderPlaced', to = 'a' } }\n"), ML_OK);
  t = tx("orderPlaced Transaction", "{}");
  went_to(&t, "a");
  /* or by a workflow */
  kit_write("f", "workflow.lua", HEAD "ml.transaction 'orderShipped'\nreturn { "
            FLOW("a") ", " FLOW("b") " }\n");
  kit_write("f", "rules.lua", HEAD "return ml.rules { { 'orderShipped', to = "
            "'b' } }\n");
  assert_int_equal(kit_load(), ML_OK);
  t = tx("orderShipped", "{}");
  went_to(&t, "b");
  assert_int_equal(tx_refused("orderPlaced", "{}").rc, ML_INVALID);
}

#define TENANT "\"tenantInitialState\":{\"name\":\"NEW\"},"                   \
  "\"tenantTargetState\":{\"name\":\"ACTIVE\"},\"tenant\":{\"id\":\"t-7\","  \
  "\"accountType\":{\"paymentModes\":2,\"trial\":null}}"

static void every_property_can_be_read(void **state) {
  ml_row_transaction t;

  (void)state;
  open_with(HEAD "return ml.rules {\n"
    "{ 'tenantStateChange', to = 'a', when = function(tx)\n"
    "  return tx.tenantInitialState.name == 'NEW' and "
    "tx.tenantTargetState.name == 'ACTIVE'\n"
    "  and tx.tenant.accountType.paymentModes == 2 and "
    "tx.tenant.accountType.trial == ml.null\n"
    "  and #tx.id == 36 and tx.type.name == 'tenantStateChange' and "
    "tx.state.name == 'Running'\n"
    "  and tx.startDate > 0 and tx.endDate == ml.null and tx.workflowId == "
    "ml.null end,\n"
    "  data = function(tx) return { tenant = tx.tenant.id } end },\n"
    "{ 'paymentInfoChange', to = 'a', rule = \"{#transaction.type.name == "
    "'paymentInfoChange' and #transaction.state.name == 'Running' and "
    "#transaction.paymentInfo.cards == 2 and #transaction.tenant.id == 't-9' "
    "and #transaction.endDate == null}\" } }\n");
  t = tx("tenantStateChange", "{" TENANT "}");
  says(&t, ML_TX_RUNNING, NULL);
  went_to(&t, "a");
  text_is(t.tenant, "t-7");
  text_is(t.who, "portal");
  kit_data(t.process_n, "{\"tenant\":\"t-7\"}");
  t = tx("paymentInfoChange", "{\"paymentInfo\":{\"cards\":2},\"tenant\":"
         "{\"id\":\"t-9\"}}");
  says(&t, ML_TX_RUNNING, NULL);
  went_to(&t, "a");
}

static void a_rule_without_data_gives_the_whole_transaction(void **state) {
  ml_row_transaction t;
  kit_look l;

  (void)state;
  open_with(HEAD "return ml.rules { { 'tenantStateChange', to = 'a', rule = "
            "'{#transaction.tenant.id == \"t-7\"}' } }\n");
  t = tx("tenantStateChange", "{" TENANT "}");
  went_to(&t, "a");
  l = kit_see(t.process_n);
  assert_non_null(memmem(l.row.data.p, l.row.data.n, "\"tenant\":\"t-7\"", 14));
  assert_non_null(memmem(l.row.data.p, l.row.data.n, "\"paymentModes\":2", 16));
}

/* ---- C2.6, X5: a rule that is an error ---- */

static void a_missing_key_is_an_error_and_null_is_none(void **state) {
  ml_row_transaction t;

  (void)state;
  open_with(HEAD "return ml.rules {\n"
            "{ 'paymentInfoChange', to = 'a', rule = '{#transaction.a.b == "
            "null}' },\n"
            "{ 'tenantStateChange', to = 'a', when = function(tx) return "
            "tx.x == 2 end },\n"
            "{ 'tenantStateChange', to = 'b',\n  when = function(tx)\n"
            "    return tx.tennant.id == 1 end },\n"
            "{ 'tenantStateChange', to = 'a' } }\n");
  t = tx("tenantStateChange", "{\"x\":1}");
  says(&t, ML_TX_ERROR, "f/rules.lua:7: the transaction has no tx.tennant");
  text_is(t.rule, "f/rules.lua:5");
  assert_int_equal(t.process_n, 0);
  t = tx("paymentInfoChange", "{\"a\":{}}");
  says(&t, ML_TX_ERROR, "f/rules.lua:3: in this rule, line 1, column");
  t = tx("paymentInfoChange", "{\"a\":{\"b\":null}}");
  went_to(&t, "a");
  assert_int_equal(kit_see(0).all_count, 1);
}

static void a_rule_that_does_more_than_look_is_stopped(void **state) {
  static const struct {
    const char *body, *says;
  } bad[] = {
    {"tx.x = 2 return true", "changes nothing"},
    {"tx.y = 2 return true", "changes nothing"},
    {"tx.list[1] = 2 return true", "changes nothing"},
    {"while true do end", "units"},
    {"local s = 'x' while true do s = s .. s end", "f/rules.lua:3"},
    {"ml.emit('tenantStateChange', {}) return true", "f/rules.lua:3"},
    {"require 'moonlane.ctx'.emit('x') return true", "f/rules.lua:3"},
    {"coroutine.yield() return true", "f/rules.lua:3"},
    {"return 1", "true or false"},
    {"return nil", "true or false"},
    {"error 'no'", "no"},
  };

  (void)state;
  kit_begin();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char rules[500];
    ml_row_transaction t;

    snprintf(rules, sizeof rules, HEAD "return ml.rules {\n{ "
             "'tenantStateChange', to = 'a', when = function(tx) %s end },\n"
             "{ 'tenantStateChange', to = 'a' } }\n", bad[i].body);
    if (load(rules) != ML_OK)
      fail_msg("%s: %s", bad[i].body, kit.faults);
    t = tx("tenantStateChange", "{\"x\":1,\"list\":[1]}");
    says(&t, ML_TX_ERROR, bad[i].says);
    text_is(t.rule, "f/rules.lua:3");
    assert_int_equal(kit_see(0).all_count, 0);
  }
}

/* Lists, lengths and pairs of a transaction are as in any table. */
static void a_rule_may_walk_what_it_sees(void **state) {
  ml_row_transaction t;

  (void)state;
  open_with(HEAD "return ml.rules { { 'tenantStateChange', to = 'a', when = "
            "function(tx)\n  local n, names = 0, {}\n"
            "  for i, v in ipairs(tx.list) do n = n + v.k * i end\n"
            "  for k in pairs(tx.map) do names[#names + 1] = k end\n"
            "  return n == 8 and #tx.list == 2 and table.concat(names, ',') == "
            "'a,b' and tx.list[3] == nil end,\n"
            "  data = function(tx) return { transaction = { l = tx.list, m = "
            "tx.map } } end } }\n");
  t = tx("tenantStateChange", "{\"list\":[{\"k\":2},{\"k\":3}],\"map\":"
         "{\"b\":[],\"a\":{}}}");
  says(&t, ML_TX_RUNNING, NULL);
  kit_data(t.process_n, "{\"transaction\":{\"l\":[{\"k\":2},{\"k\":3}],\"m\":"
           "{\"a\":{},\"b\":[]}}}");
}

static void a_start_that_is_refused_is_an_error(void **state) {
  ml_row_transaction t;

  (void)state;
  open_with(HEAD "return ml.rules { { 'tenantStateChange', to = 'a', data = "
            "function(tx) return { n = 'many' } end } }\n");
  t = tx("tenantStateChange", "{}");
  says(&t, ML_TX_ERROR, "workflow 'a' could not be started: /data/n");
  text_is(t.rule, "f/rules.lua:2");
  assert_int_equal(kit_see(0).all_count, 0);
}

/* What a rule does to its own view, the next one does not see. */
static void no_rule_tells_another(void **state) {
  ml_row_transaction t;

  (void)state;
  open_with(HEAD "return ml.rules {\n"
            "{ 'tenantStateChange', to = 'a', when = function(tx) "
            "pcall(rawset, tx, 'x', 3) return false end },\n"
            "{ 'tenantStateChange', to = 'b', when = function(tx) return tx.x "
            "== 1 end } }\n");
  t = tx("tenantStateChange", "{\"x\":1}");
  went_to(&t, "b");
}

/* ---- which rules are in force ---- */

static void a_folder_names_its_own_workflows_only(void **state) {
  ml_row_transaction t;

  (void)state;
  open_with(BOTH_TRUE("a", "b"));
  kit_write("g", "workflow.lua", HEAD "return " FLOW("c") "\n");
  kit_write("g", "rules.lua", HEAD "return ml.rules {\n\n{ 'paymentInfoChange',"
            " to = 'a' } }\n");
  assert_int_equal(kit_load(), ML_INVALID);
  assert_non_null(strstr(kit.faults, "g/rules.lua:4: the rules of a folder name "
                         "its own workflows only, not 'a'; it has: 'c'"));
  assert_null(ml_run_workflow(kit.run, ML_STR("c")));
  t = tx("tenantStateChange", "{}");
  went_to(&t, "a");
}

static void broken_rules_leave_routing_as_it_was(void **state) {
  static const char *const broken[] = {
    HEAD "return ml.rules { { 'tenantStateChange', to = 'b' }, oops }\n",
    HEAD "return ml.rules {\n{ 'tenantStateChange', to = 'nowhere' } }\n",
    HEAD "return ml.rules {\n{ 'tenantStateChange', to = 'b', rule = "
    "'{T(x).y()}' } }\n",
    HEAD "return ml.rules {\n{ 'tenantStateChange', to = 'b', when = true } "
    "}\n",
    HEAD "return ml.rules {\n{ 'tenantStateChange', to = 'b', wen = 1 } }\n",
    HEAD "return ml.rules {\n{ to = 'b' } }\n",
    HEAD "return ml.rules {\n{ 'tenantStateChange' } }\n",
    HEAD "return ml.rules {\n{ 'tenantStateChange', to = 'b', when = "
    "function() end, rule = '{true}' } }\n",
    HEAD "return { { 'tenantStateChange', to = 'b' } }\n",
    HEAD "error 'no rules today'\n", "return (\n",
  };

  (void)state;
  open_with(BOTH_TRUE("a", "b"));
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    ml_row_transaction t;

    if (i == 0) {                /* a hole is no rule */
      assert_int_equal(load(broken[i]), ML_OK);
      assert_int_equal(load(BOTH_TRUE("a", "b")), ML_OK);
      continue;
    }
    if (load(broken[i]) != ML_INVALID)
      fail_msg("taken: %s", broken[i]);
    if (strstr(kit.faults, "f/rules.lua") == NULL)
      fail_msg("%s: %s", broken[i], kit.faults);
    t = tx("tenantStateChange", "{}");
    went_to(&t, "a");
  }
  /* and so do a broken workflow beside good rules, and a start anew */
  kit_write("f", "workflow.lua", "return (\n");
  kit_write("f", "rules.lua", BOTH_TRUE("b", "a"));
  assert_int_equal(kit_load(), ML_INVALID);
  kit_crash();
  kit_begin();
  assert_int_equal(kit_load(), ML_INVALID);
  {
    ml_row_transaction t = tx("tenantStateChange", "{}");

    went_to(&t, "a");
  }
}

static void write_file(const char *name, const char *text) {
  char path[600];
  FILE *f;

  snprintf(path, sizeof path, "%s/%s", kit.dir, name);
  f = fopen(path, "w");
  assert_non_null(f);
  assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
  assert_int_equal(fclose(f), 0);
}

static void files_of_the_configuration_come_first(void **state) {
  char one[300], two[300], want[400];
  ml_str files[2];
  ml_row_transaction t;

  (void)state;
  snprintf(one, sizeof one, "%s/one.lua", kit.dir);
  snprintf(two, sizeof two, "%s/two.lua", kit.dir);
  files[0] = ml_str_of(one);
  files[1] = ml_str_of(two);
  kit.rules = files;
  kit.rule_count = 2;
  write_file("one.lua", HEAD "return ml.rules { ml.transaction 'x',\n"
             "{ 'tenantStateChange', to = 'b', when = function(tx) return tx.n "
             "== 1 end } }\n");
  write_file("two.lua", HEAD "return ml.rules { { 'tenantStateChange', to = "
             "'b', when = function(tx) return tx.n <= 2 end }, { 'x', to = 'a' "
             "} }\n");
  open_with(BOTH_TRUE("a", "b"));
  t = tx("tenantStateChange", "{\"n\":1}");
  snprintf(want, sizeof want, "%s:3", one);
  text_is(t.rule, want);
  t = tx("tenantStateChange", "{\"n\":2}");
  snprintf(want, sizeof want, "%s:2", two);
  text_is(t.rule, want);
  t = tx("tenantStateChange", "{\"n\":3}");
  text_is(t.rule, "f/rules.lua:3");
  t = tx("x", "{}");
  went_to(&t, "a");
  /* one of them broken, or naming what is not: all stay as they were */
  write_file("two.lua", HEAD "return ml.rules {\n{ 'tenantStateChange', to = "
             "'nowhere' } }\n");
  assert_int_equal(kit_load(), ML_INVALID);
  assert_non_null(strstr(kit.faults, "two.lua:3: no workflow in force is called "
                         "'nowhere'; there are: 'a', 'b'"));
  t = tx("tenantStateChange", "{\"n\":2}");
  went_to(&t, "b");
  write_file("two.lua", "return (\n");
  assert_int_equal(kit_load(), ML_INVALID);
  assert_non_null(strstr(kit.faults, "two.lua:"));
  t = tx("tenantStateChange", "{\"n\":2}");
  went_to(&t, "b");
  assert_int_equal(unlink(two), 0);
  assert_int_equal(kit_load(), ML_INVALID);
  t = tx("tenantStateChange", "{\"n\":2}");
  went_to(&t, "b");
  /* a start with a broken one takes no transaction, rather than lose it */
  kit_crash();
  kit_begin();
  assert_int_equal(kit_load(), ML_INVALID);
  assert_int_equal(tx_refused("tenantStateChange", "{}").rc, ML_AGAIN);
  write_file("two.lua", HEAD "return ml.rules {}\n");
  assert_int_equal(kit_load(), ML_OK);
  t = tx("tenantStateChange", "{\"n\":2}");
  went_to(&t, "a");
}

/* ---- its state is its process's ---- */

static void reset(int64_t n) {
  kit_came c;
  ml_input *in = kit_input(ML_EV_RESET, n, NULL, &c);

  kit_put(in);
  assert_int_equal(c.rc, ML_OK);
}

static void again(void) {
  kit_crash();
  kit_begin();
  assert_int_equal(kit_load(), ML_OK);
}

static void its_state_follows_its_process(void **state) {
  ml_row_transaction t;
  int64_t n, p;

  (void)state;
  open_with(BOTH_TRUE("a", "b"));
  t = tx("tenantStateChange", "{}");
  n = t.n;
  p = t.process_n;
  says(&t, ML_TX_RUNNING, NULL);
  assert_int_equal(t.ended_ms, 0);
  again();
  assert_int_equal(kit_complete(p, "approve", "no", "{\"memo\":\"no card\"}").rc,
                   ML_OK);
  t = tx_see(n).row;
  says(&t, ML_TX_FAILURE, "no card");
  assert_true(t.ended_ms > 0);
  again();
  reset(p);
  t = tx_see(n).row;
  says(&t, ML_TX_RUNNING, NULL);
  assert_null(t.message.p);
  assert_int_equal(t.ended_ms, 0);
  again();
  assert_int_equal(kit_complete(p, "approve", "yes", NULL).rc, ML_OK);
  kit_is(p, ML_COMPLETED, ML_RUN_COMPLETED);
  t = tx_see(n).row;
  says(&t, ML_TX_COMPLETED, NULL);
  assert_true(t.ended_ms > 0);
  assert_int_equal(t.process_n, p);
  assert_int_equal(tx_see(0).count, 1);
}

static void a_cancelled_process_is_a_failure(void **state) {
  ml_row_transaction t;
  kit_came c;

  (void)state;
  open_with(BOTH_TRUE("a", "b"));
  t = tx("tenantStateChange", "{}");
  kit_put(kit_input(ML_EV_CANCELLED, t.process_n, NULL, &c));
  assert_int_equal(c.rc, ML_OK);
  t = tx_see(t.n).row;
  says(&t, ML_TX_FAILURE, NULL);
}

/* ---- once ---- */

static got tx_with_key(const char *data, uint8_t key, uint8_t body) {
  got g;
  ml_transact *t = tx_new("tenantStateChange", data, &g);

  tx_key(t, key, body);
  ml_run_transact(kit.run, t);
  kit_settle();
  assert_int_equal(g.times, 1);
  return g;
}

static void a_key_is_obeyed_with_and_without_a_match(void **state) {
  (void)state;
  open_with(HEAD "return ml.rules { { 'tenantStateChange', to = 'a', when = "
            "function(tx) return tx.n == 1 end } }\n");
  for (uint8_t i = 1; i <= 3; i++) {        /* matched, not matched, Error */
    const char *data = i == 1 ? "{\"n\":1}" : i == 2 ? "{\"n\":2}" : "{}";
    got first = tx_with_key(data, i, 1), second;

    assert_int_equal(first.rc, ML_OK);
    assert_false(first.replayed);
    if (i == 2)
      again();
    second = tx_with_key(data, i, 1);
    assert_int_equal(second.rc, ML_OK);
    assert_true(second.replayed);
    assert_memory_equal(first.id, second.id, 16);
    second = tx_with_key(data, i, 2);
    assert_int_equal(second.rc, ML_INVALID);
    assert_int_equal(tx_see(0).count, i);
  }
  assert_int_equal(kit_see(0).all_count, 1);
}

#define SERVICE(x) "{\"tenant\":{\"id\":\"t\"},\"serviceInstance\":"         \
  "{\"service\":{\"id\":\"" x "\"}}}"

static void a_service_is_enabled_by_a_workflow_once(void **state) {
  ml_row_transaction t, u;

  (void)state;
  open_with(HEAD "return ml.rules { { 'cloudServiceActivation', to = 'a' } }\n");
  t = tx("cloudServiceActivation", SERVICE("dns"));
  went_to(&t, "a");
  u = tx("cloudServiceActivation", SERVICE("dns"));   /* none succeeded yet */
  went_to(&u, "a");
  assert_int_equal(kit_complete(u.process_n, "approve", "no",
                                "{\"memo\":\"no\"}").rc, ML_OK);
  u = tx("cloudServiceActivation", SERVICE("dns"));
  went_to(&u, "a");
  assert_int_equal(kit_complete(t.process_n, "approve", "yes", NULL).rc, ML_OK);
  u = tx("cloudServiceActivation", SERVICE("dns"));
  says(&u, ML_TX_COMPLETED, "enabled already by transaction ");
  assert_int_equal(u.process_n, 0);
  u = tx("cloudServiceActivation", SERVICE("mail"));
  went_to(&u, "a");
  u = tx("cloudServiceActivation", "{\"tenant\":{\"id\":\"t2\"},\"service\":"
         "\"dns\"}");
  went_to(&u, "a");
}

/* ---- from a script ---- */

#define SENDER                                                              \
  HEAD "return ml.workflow { 'sender', lanes = { sys = 'S' },\n"            \
  "  fields = { { 'got', 'string' }, { 'kind', 'string' } },\n"             \
  "  phases = { { 'one', ml.activity { 'send', lane = 'sys', run = "        \
  "function(ctx)\n"                                                         \
  "    local id = ctx:emit(ctx.data.kind, { x = 1 }, { tenant = 't' })\n"   \
  "    ml.emit(ctx.data.kind, { x = 2 })\n"                                 \
  "    ctx.data.got = id end } } } }\n"

static void a_script_emits_once(void **state) {
  int64_t n;
  kit_look l;
  char want[100];
  look first;

  (void)state;
  kit_write("s", "workflow.lua", SENDER);
  open_with(HEAD "return ml.rules { { 'tenantStateChange', to = 'a', when = "
            "function(tx) return tx.x == 1 end } }\n");
  n = kit_start("sender", "{\"kind\":\"tenantStateChange\"}");
  kit_settle();
  kit_is(n, ML_COMPLETED, ML_RUN_COMPLETED);
  assert_int_equal(tx_see(0).count, 2);
  first = tx_see(1);
  went_to(&first.row, "a");
  text_is(first.row.tenant, "t");
  assert_int_equal(tx_see(2).row.process_n, 0);
  snprintf(want, sizeof want, "{\"kind\":\"tenantStateChange\",\"got\":\"");
  ml_id_text(want + strlen(want), first.row.id, 0);
  strcat(want, "\"}");
  kit_data(n, want);
  /* who sent it is who triggered it */
  l = kit_see(n);
  ml_id_text(want, l.row.id, 0);
  text_is(first.row.who, want);
  /* a type that nobody knows is the script's Error */
  n = kit_start("sender", "{\"kind\":\"nobody\"}");
  kit_settle();
  kit_is(n, ML_OPEN, ML_RUN_ERROR);
  assert_int_equal(tx_see(0).count, 2);
}

/* Crash at every turn: each transaction is there once at the end. */
static void emitted_once_over_crashes(void **state) {
  (void)state;
  for (int at = 1; at < 24; at++) {
    int64_t n;
    kit_came c;

    kit_write("s", "workflow.lua", SENDER);
    open_with(HEAD "return ml.rules { { 'tenantStateChange', to = 'a', when = "
              "function(tx) return tx.x == 1 end } }\n");
    n = kit_see(0).all_count > 0 ? kit_see(0).all[0].n : 0;
    ml_run_put(kit.run, kit_start_input("sender", "{\"kind\":"
                                        "\"tenantStateChange\"}", &c));
    for (int i = 0; i < at; i++)
      kit_turn();
    kit_crash();
    kit_begin();
    assert_int_equal(kit_load(), ML_OK);
    kit_settle();
    kit_pass(120000);
    {
      kit_look l = kit_see(0);
      size_t senders = 0;

      (void)n;
      for (size_t i = 0; i < l.all_count; i++)
        senders += ml_run_workflow(kit.run, ML_STR("sender"))->no ==
                   l.all[i].workflow;
      assert_true(senders <= 1);
      assert_int_equal(tx_see(0).count, 2 * senders);
      assert_int_equal(l.all_count, 2 * senders);
    }
    kit_crash();
    assert_int_equal(unlink(kit.db), 0);
    kit_begin();
    kit_crash();
    assert_int_equal(unlink(kit.db), 0);
  }
  kit_begin();
}

/* ---- rule test ---- */

static char tried[4000];

static void try_said(void *arg, ml_rc rc, const ml_err *e, ml_str lines) {
  (void)arg;
  (void)e;
  assert_int_equal(rc, ML_OK);
  snprintf(tried, sizeof tried, "%.*s", (int)lines.n, lines.p);
}

static void a_rule_test_starts_nothing(void **state) {
  got g;

  (void)state;
  open_with(HEAD "return ml.rules {\n"
            "{ 'tenantStateChange', to = 'a', when = function(tx) return "
            "tx.x == 2 end },\n"
            "{ 'tenantStateChange', to = 'b', rule = '{#transaction.x == 3}' "
            "},\n{ 'paymentInfoChange', to = 'a' },\n"
            "{ 'tenantStateChange', to = 'b', when = function(tx) return tx.y "
            "end } }\n");
  ml_run_rule_try(kit.run, tx_new("tenantStateChange", "{\"x\":1,\"y\":true}",
                                  &g), try_said);
  kit_settle();
  assert_int_equal(g.times, 1);
  assert_int_equal(g.rc, ML_OK);
  assert_string_equal(tried, "[{\"at\":\"f/rules.lua:3\",\"type\":"
    "\"tenantStateChange\",\"to\":\"a\",\"said\":\"false\"},"
    "{\"at\":\"f/rules.lua:4\",\"type\":\"tenantStateChange\",\"to\":\"b\","
    "\"rule\":\"{#transaction.x == 3}\",\"said\":\"false\"},"
    "{\"at\":\"f/rules.lua:6\",\"type\":\"tenantStateChange\",\"to\":\"b\","
    "\"said\":\"true\"}]");
  ml_run_rule_try(kit.run, tx_new("tenantStateChange", "{\"x\":1}", &g),
                  try_said);
  kit_settle();
  assert_non_null(strstr(tried, "\"said\":\"error\",\"why\":\"f/rules.lua:6: the "
                         "transaction has no tx.y\""));
  assert_int_equal(tx_see(0).count, 0);
  assert_int_equal(kit_see(0).all_count, 0);
}

/* ---- size ---- */

/* Whole objects compared, often: other work comes in between, one rule alone is
** stopped, and so are all of them together. */
static void dear_rules_let_others_have_the_loop(void **state) {
  ml_buf rules = {0}, data = {0};
  kit_came c;
  got g;

  (void)state;
  ml_buf_puts(&rules, HEAD "local all = {}\nfor i = 1, 60 do all[i] = { "
              "'tenantStateChange', to = 'a', rule = '{#transaction != "
              "#transaction}' } end\nall[#all + 1] = { 'paymentInfoChange', to = "
              "'a', rule = '{' .. ('#transaction == #transaction and '):rep(100) "
              ".. 'true}' }\nreturn ml.rules(all)\n");
  open_with(rules.p);
  ml_buf_puts(&data, "{\"a\":0");
  for (int i = 0; i < 20000; i++)
    ml_buf_printf(&data, ",\"k%d\":%d", i, i);
  ml_buf_puts(&data, "}");
  tried[0] = '\0';
  ml_run_rule_try(kit.run, tx_new("tenantStateChange", data.p, &g), try_said);
  ml_run_put(kit.run, kit_start_input("b", NULL, &c));
  while (c.times == 0)
    kit_turn();
  assert_int_equal(c.rc, ML_OK);
  assert_string_equal(tried, "");            /* still at it */
  kit_settle();
  assert_non_null(strstr(tried, "\"said\":\"false\""));
  assert_null(strstr(tried, "\"said\":\"error\""));
  ml_run_rule_try(kit.run, tx_new("paymentInfoChange", data.p, &g), try_said);
  kit_settle();
  assert_non_null(strstr(tried, "too many steps (rule-steps)"));
  ml_buf_free(&rules);
  ml_buf_free(&data);
}

static void ten_thousand_rules_are_asked_in_20_ms(void **state) {
  ml_clock *clock = ml_clock_system();
  ml_buf b = {0};
  int64_t best = INT64_MAX;
  ml_row_transaction t;

  (void)state;
  for (int k = 0; k < 20; k++) {
    char name[40];

    ml_buf_reset(&b);
    ml_buf_puts(&b, "return {\n");
    for (int i = 0; i < 500; i++)
      ml_buf_printf(&b, "{ 'tenantStateChange', to = '%s', rule = \"{"
                    "#transaction.tenant.accountType.paymentModes == 2 and "
                    "#transaction.x == %d}\" },\n",
                    k * 500 + i == 9999 ? "b" : "a", k * 500 + i);
    ml_buf_puts(&b, "}\n");
    assert_false(b.bad);
    snprintf(name, sizeof name, "r%d.lua", k);
    kit_write("f", name, b.p);
  }
  ml_buf_free(&b);
  open_with(HEAD "local all = {}\nfor k = 0, 19 do for _, r in ipairs(require("
            "'r' .. k)) do all[#all + 1] = r end end\nreturn ml.rules(all)\n");
  for (int i = 0; i < 5; i++) {
    int64_t from = clock->mono_ms(clock), took;

    t = tx("tenantStateChange", "{" TENANT ",\"x\":9999}");
    took = clock->mono_ms(clock) - from;
    went_to(&t, "b");
    if (took < best)
      best = took;
  }
  if (best >= 20 * SLOW_BUILD)
    fail_msg("%d ms", (int)best);
}

#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
    T(the_upper_of_two_true_rules_wins),
    T(without_a_match_it_is_completed_at_once),
    T(both_spellings_are_one_type),
    T(another_word_is_refused_unless_registered),
    T(every_property_can_be_read),
    T(a_rule_without_data_gives_the_whole_transaction),
    T(a_missing_key_is_an_error_and_null_is_none),
    T(a_rule_that_does_more_than_look_is_stopped),
    T(a_rule_may_walk_what_it_sees),
    T(no_rule_tells_another),
    T(a_start_that_is_refused_is_an_error),
    T(a_folder_names_its_own_workflows_only),
    T(broken_rules_leave_routing_as_it_was),
    T(files_of_the_configuration_come_first),
    T(its_state_follows_its_process),
    T(a_cancelled_process_is_a_failure),
    T(a_key_is_obeyed_with_and_without_a_match),
    T(a_service_is_enabled_by_a_workflow_once),
    T(a_script_emits_once),
    T(emitted_once_over_crashes),
    T(a_rule_test_starts_nothing),
    T(dear_rules_let_others_have_the_loop),
    T(ten_thousand_rules_are_asked_in_20_ms),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
