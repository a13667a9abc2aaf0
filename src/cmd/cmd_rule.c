/*
** cmd_rule.c - moonlane rule test: which rule takes a transaction, and why.
**
** Of a running engine, which is asked what its rules would say to
** {"type","tenant","data"}; or with --map and --workflows over a pair of CloudPortal files, without an engine.  The transaction is a
** JSON object; its "type" (or "type": {"name": ..}) says which rules are asked.
**   {"workflow":"retail-onboarding"}   a rule was true
**   {"workflow":null}                  none was: it completes at once
**   {"error":"...","line":7}           the Match in line 7 is an error on it
** As a table, each rule that was asked, and what it said.
*/
#include <string.h>

#include "cmd/cmd_import.h"
#include "cmd/cpbm_args.h"
#include "cmd/files.h"
#include "cmd/out.h"
#include "cmd/verbs.h"

const ml_opt ml_opts_rule[] = {ML_CPBM_OPTS, {NULL, NULL, NULL, 0}};

enum { TRANSACTION_BYTES = 1 << 20 };

typedef struct testing {
  const ml_args *args;
  ml_form form;
  ml_buf lines;                  /* mistakes of the pair, as sentences */
  bool any;                      /* of them; the first: */
  ml_buf text, file;
  uint32_t line;
} testing;

static void fault(void *arg, ml_str file, uint32_t line, const char *text,
                  bool warning) {
  testing *t = arg;

  ml_cpbm_fault_line(&t->lines, file, line, text, warning);
  if (warning || t->any)
    return;
  t->any = true;
  t->line = line;
  ml_buf_puts(&t->text, text);
  ml_buf_put(&t->file, file.p, file.n);
}

/* ---- answers ---- */

static int send_error(const testing *t, ml_str text, uint32_t line,
                      const ml_buf *file) {
  ml_buf b = {0};
  ml_jw w;

  if (t->form == ML_FORM_TABLE)
    return ML_EXIT_FALSE;
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kstr(&w, "error", text);
  ml_jw_kint(&w, "line", line);
  if (file != NULL)
    ml_jw_kstr(&w, "file", (ml_str){file->p, file->len});
  ml_jw_end(&w);
  ml_buf_putc(&b, '\n');
  ml_out_send(&b);
  return ML_EXIT_FALSE;
}

static int send_workflow(const ml_cpbm *c, const ml_cpbm_rule *r) {
  ml_buf b = {0};
  ml_jw w;

  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kstr(&w, "workflow",
             r != NULL ? c->workflows[r->workflow].name : ML_NOSTR);
  ml_jw_end(&w);
  ml_buf_putc(&b, '\n');
  return ml_out_send(&b);
}

/* What each rule up to `end` said: those before it false, and `end` (NULL: none
** was true) what `said` says. */
static int send_table(const ml_cpbm *c, ml_str type, const ml_cpbm_rule *end,
                      const char *said) {
  static const char *const titles[] = {"LINE", "WORKFLOW", "SAID", "RULE"};
  ml_table t;
  ml_buf b = {0}, rule = {0};
  char line[16];

  ml_table_init(&t, titles, 4, 3);
  for (uint32_t i = 0; i < c->rule_count; i++) {
    const ml_cpbm_rule *r = &c->rules[i];
    ml_buf n = {0};

    if (!ml_str_eq(r->type, type))
      continue;
    ml_buf_printf(&n, "%u", (unsigned)r->line);
    memcpy(line, n.bad ? "?" : n.p, n.bad ? 2 : n.len + 1);
    ml_buf_free(&n);
    ml_table_cellz(&t, line);
    ml_table_cell(&t, c->workflows[r->workflow].name);
    ml_table_cellz(&t, r == end ? said : "false");
    ml_buf_reset(&rule);
    ml_rule_print(&rule, r->rule);
    ml_table_cell(&t, rule.bad ? ML_STR("") : (ml_str){rule.p, rule.len});
    if (r == end)
      break;
  }
  ml_table_put(&t, ml_out_width(), &b);
  ml_buf_free(&rule);
  if (end == NULL)
    ml_buf_puts(&b, "no rule is true: the transaction completes at once\n");
  return ml_out_send(&b);
}

/* ---- the transaction ---- */

static int read_transaction(const char *path, ml_arena *a, ml_json **out) {
  ml_buf b = {0};
  ml_err e = {0};
  ml_rc rc = ml_file_read(path, TRANSACTION_BYTES, &b, &e);
  int code = ML_EXIT_FINE;

  *out = NULL;
  if (rc != ML_OK)
    code = ml_out_error(ml_out_code(rc), &e);
  else if (ml_json_parse(a, b.p, b.len, NULL, out, &e) != ML_OK)
    code = ml_out_fail(ML_EXIT_USAGE, "%s: %s: %s", path, e.at, e.text);
  else if ((*out)->type != ML_JOBJ)
    code = ml_out_fail(ML_EXIT_USAGE, "%s: a transaction is a JSON object", path);
  ml_buf_free(&b);
  return code;
}

static ml_str type_of(const ml_json *tx) {
  ml_str type = ml_json_str(tx, "type");

  return type.p != NULL ? type : ml_json_str(ml_json_get(tx, "type"), "name");
}

static int match(testing *t, const ml_cpbm *c, const ml_json *tx) {
  ml_str type = ml_ruleset_bare(type_of(tx));
  const ml_cpbm_rule *r;
  ml_err e = {0};

  if (type.p == NULL)
    return ml_out_fail(ML_EXIT_USAGE, "the transaction has no \"type\", such as "
                       "\"tenantStateChange\"");
  if (ml_cpbm_match(c, type, tx, &r, &e) == ML_OK)
    return t->form == ML_FORM_TABLE ? send_table(c, type, r, "true")
                                    : send_workflow(c, r);
  if (t->form == ML_FORM_TABLE && send_table(c, type, r, "error") != ML_EXIT_FINE)
    return ML_EXIT_FALSE;
  ml_out_fail(ML_EXIT_FALSE, "%s:%u: in this Rule, %s: %s",
              ml_args_get(t->args, "map"), (unsigned)r->line, e.at, e.text);
  return send_error(t, ml_str_of(e.text), r->line, NULL);
}

/* ---- of an engine ---- */

static int engine_table(const ml_json *rules) {
  static const char *const titles[] = {"RULE", "WORKFLOW", "SAID", "WHY"};
  ml_table t;
  ml_buf b = {0};
  bool decided = false;

  ml_table_init(&t, titles, 4, 3);
  for (uint32_t i = 0; rules != NULL && i < rules->count; i++) {
    const ml_json *r = &rules->arr[i];
    ml_str said = ml_json_str(r, "said"), why = ml_json_str(r, "why");

    ml_table_cell(&t, ml_json_str(r, "at"));
    ml_table_cell(&t, ml_json_str(r, "to"));
    ml_table_cell(&t, said);
    ml_table_cell(&t, why.p != NULL ? why : ml_json_str(r, "rule"));
    decided = decided || !ml_str_is(said, "false");
  }
  ml_table_put(&t, ml_out_width(), &b);
  if (!decided)
    ml_buf_puts(&b, "no rule is true: the transaction completes at once\n");
  return ml_out_send(&b);
}

int ml_cmd_rule_engine(ml_talk *q) {
  const char *word = ml_args_word(q->args, 0);
  const char *path = ml_args_word(q->args, 1);
  const ml_json *rules, *last;
  ml_json *tx = NULL, *answer;
  int code;

  if (word == NULL || strcmp(word, "test") != 0 || path == NULL)
    return ml_out_fail(ML_EXIT_USAGE, "usage: moonlane rule test TX.json");
  code = read_transaction(path, &q->arena, &tx);
  if (code != ML_EXIT_FINE)
    return code;
  ml_path(&q->path, "/v1/rules/test");
  ml_jw_json(&q->w, tx);
  code = ml_talk_send(q, "POST", &answer);
  if (code != ML_EXIT_FINE)
    return code;
  rules = ml_json_get(answer, "rules");
  code = q->form == ML_FORM_TABLE ? engine_table(rules)
                                  : ml_out_json(answer, q->form);
  last = rules != NULL && rules->count > 0 ? ml_json_at(rules, rules->count - 1)
                                           : NULL;
  return code == ML_EXIT_FINE && ml_str_is(ml_json_str(last, "said"), "error")
             ? ML_EXIT_FALSE : code;
}

static int ask_engine(const ml_args *a) {
  ml_talk q;
  int code = ml_talk_begin(&q, a);

  if (code == ML_EXIT_FINE)
    code = ml_cmd_rule_engine(&q);
  ml_talk_end(&q);
  return code;
}

/* ---- the verb ---- */

static int test(testing *t, ml_cpbm_asked *q) {
  ml_arena a = {0};
  ml_json *tx = NULL;
  ml_cpbm *c = NULL;
  int code = read_transaction(ml_args_word(t->args, 1), &a, &tx);

  if (code == ML_EXIT_FINE)
    code = ml_cpbm_open(t->args, q, fault, t, &c);
  ml_cpbm_say(&t->lines);
  if (t->any)
    code = send_error(t, (ml_str){t->text.p, t->text.len}, t->line, &t->file);
  else if (code == ML_EXIT_FINE)
    code = match(t, c, tx);
  ml_cpbm_free(c);
  ml_arena_free(&a);
  return code;
}

int ml_cmd_rule(const ml_args *a) {
  const char *word = ml_args_word(a, 0);
  testing t = {.args = a};
  ml_cpbm_asked q = {0};
  ml_err e = {0};
  int code;

  if (word == NULL || strcmp(word, "test") != 0 || ml_args_word(a, 1) == NULL)
    return ml_out_fail(ML_EXIT_USAGE, "usage: moonlane rule test TX.json [--map "
                       "FILE --workflows FILE]");
  if (ml_args_given(a, "map") == NULL && ml_args_given(a, "workflows") == NULL)
    return ask_engine(a);
  if (ml_out_form(a, &t.form, &e) != ML_OK)
    return ml_out_error(ML_EXIT_USAGE, &e);
  code = ml_cpbm_ask(a, &q);
  if (code == ML_EXIT_FINE)
    code = test(&t, &q);
  ml_cpbm_asked_done(&q);
  ml_buf_free(&t.lines);
  ml_buf_free(&t.text);
  ml_buf_free(&t.file);
  return code;
}
