/* verbs.c - the table of verbs, and the way to one of them. */
#include "cmd/verbs.h"

#include <signal.h>
#include <string.h>

#include "cmd/cmd_import.h"
#include "cmd/out.h"

static const ml_opt none[] = {{NULL, NULL, NULL, 0}};
static const ml_opt common[] = {
  {"output", "FORM", "table, json or jsonl; a table on a terminal, else json",
   'o'},
  {"config", "FILE", "read this instead of moonlane.lua", 0},
  {"help", NULL, "show this", 'h'},
  {NULL, NULL, NULL, 0}};

static const ml_verb verbs[] = {
  {"serve", "[FOLDER]", "run the engine over a folder of workflows",
   "The first line on standard output is the engine's address. TERM or INT lets "
   "what runs end (at most --drain), a second one stops at once; HUP loads the "
   "folder again. A folder that is broken leaves what was in force as it is.",
   "moonlane serve workflows --db moonlane.db\n"
   "moonlane serve workflows --db /var/lib/moonlane/db --listen 127.0.0.1:8080 "
   "--allow 127.0.0.1:9000", ml_opts_serve, 0, 1, ml_cmd_serve, NULL},
  {"dev", "[FOLDER]", "serve, and load the folder again when a file changes",
   "Without --db everything is kept in a temporary folder and gone at the end. "
   "Each change prints what the check says; a broken folder leaves the old "
   "version in force.",
   "moonlane dev workflows\nmoonlane dev workflows --db try.db",
   ml_opts_dev, 0, 1, ml_cmd_dev, NULL},
  {"check", "[FOLDER]", "check a folder of workflows whole, without an engine",
   "Silent when all is well; else each mistake as FILE:LINE: sentence, and exit "
   "code 1. Who is in a lane stands in the store (--db, else the configured one, "
   "else moonlane.db if it is there): an empty lane is warned of, which is no "
   "mistake.",
   "moonlane check workflows\nmoonlane check workflows/order-delivery -o json",
   ml_opts_check, 0, 1, ml_cmd_check, NULL},
  {"test", "[FOLDER|FILE ...]", "run the workflows' own tests on a virtual clock",
   "Each test of a folder's test.lua runs in a world of its own: no network, no "
   "real time, people as actors. -o tap prints TAP, -o json every test. With "
   "--torture a test that passes runs again, each time with one fault: the "
   "engine is killed before or after a commit or with the answer of a call, an "
   "answer comes late, what is delivered comes twice, the clock leaps an hour; "
   "it must come to the same end. A failure becomes a short test file. A FILE "
   "says in its first line which folder it tests: -- tests FOLDER.",
   "moonlane test workflows\n"
   "moonlane test workflows/order-delivery --only 'Q3.7' -o tap\n"
   "moonlane test workflows --torture --seed 7\n"
   "moonlane test workflows/lead --torture --runs all\n"
   "moonlane test workflows/lead --only web --fault crash-after:1",
   ml_opts_test, 0, ML_MANY, ml_cmd_test, NULL},
  {"try", "FILE.lua", "run one function(ctx) in the sandbox, without an engine",
   "FILE.lua returns function(ctx). The answer's class is ok, cpu-limit, "
   "memory-limit, error or killed; the exit code is 0 for ok, else 1. It runs "
   "under the same limits as an activity; units are the same each time.",
   "moonlane try activities/price.lua --data '{\"quantity\": 3}'\n"
   "moonlane try activities/price.lua -o json",
   ml_opts_try, 1, 1, ml_cmd_try, NULL},
  {"import", "cpbm --map FILE --workflows FILE [--beans FILE]",
   "make a folder of workflows of CloudPortal's files",
   "Both files load together or not at all; mistakes are told as FILE:LINE: "
   "sentence. --check writes nothing; -o DIR makes the folder DIR/cpbm, or "
   "DIR/NAME with --name.",
   "moonlane import cpbm --map transactionWorkflowMap.xml --workflows "
   "workflows.xml --check\n"
   "moonlane import cpbm --map map.xml --workflows workflows.xml --beans "
   "beans.xml -o workflows", ml_opts_import, 1, 1, ml_cmd_import, NULL},
  {"export", "cpbm FOLDER --map FILE --workflows FILE [--beans FILE]",
   "write CloudPortal's files of an imported folder", NULL,
   "moonlane export cpbm workflows/cpbm --map map.xml --workflows "
   "workflows.xml\n"
   "moonlane export cpbm workflows/cpbm --map m.xml --workflows w.xml --beans "
   "b.xml", ml_opts_export, 2, 2, ml_cmd_export, NULL},
  {"rule", "test TX.json", "say which rule takes a transaction, and why",
   "TX.json: {\"type\", \"tenant\", \"data\"} as it would be posted. Asks the "
   "running engine; with --map and --workflows it asks a pair of CloudPortal "
   "files instead, and TX.json is the transaction itself.",
   "moonlane rule test tx.json\n"
   "moonlane rule test tx.json --map map.xml --workflows workflows.xml -o json",
   ml_opts_rule, 2, 2, ml_cmd_rule, ml_cmd_rule_engine},
  {"emit", "TYPE [MEMBER=TEXT ...]", "let the rules say what a transaction starts",
   "TYPE is one of the built-in types, or one that a file of rules or a workflow "
   "registers. The answer names the rule that was true and the process it "
   "started; with none the transaction is completed.",
   "moonlane emit tenantStateChange --tenant t-1\n"
   "moonlane emit orderPlaced --tenant t-1 --data '{\"total\": 12}'",
   ml_opts_emit, 1, ML_MANY, NULL, ml_cmd_emit},
  {"start", "WORKFLOW [FIELD=VALUE ...]", "start a process",
   "A value is read by its field's type; FIELD:=JSON is JSON in any case.",
   "moonlane start order-delivery q_kintoneId=42\n"
   "moonlane start order-delivery --data '{\"q_kintoneId\": \"42\"}' --wait",
   ml_opts_start, 1, ML_MANY, NULL, ml_cmd_start},
  {"ls", "[processes|workflows|incidents|transactions]",
   "list processes, the newest first",
   NULL, "moonlane ls --status OPEN --run Error\nmoonlane ls incidents\n"
   "moonlane ls -w lead --where \"score >= 50 and state = 'New'\" --order -score",
   ml_opts_ls, 0, 1, NULL, ml_cmd_ls},
  {"show", "ID", "show a process: where it stands, data, tasks, incidents",
   "An id may be cut to a beginning or end of it, of 4 characters at least.",
   "moonlane show 9f3c2a71\nmoonlane show 9f3c2a71 --all -o json",
   ml_opts_show, 1, 1, NULL, ml_cmd_show},
  {"history", "[ID]", "what happened to a process, in order; or to all",
   "--all prints everything of all processes, one JSON object a line, from the "
   "running engine or from the file; contrib/history.md says what stands in them.",
   "moonlane history 9f3c2a71\nmoonlane history 9f3c2a71 --after 40 -o jsonl\n"
   "moonlane history --all -o jsonl > all.jsonl",
   ml_opts_history, 0, 1, ml_cmd_history_way, ml_cmd_history},
  {"why", "ID", "say what a process waits for, and since when", NULL,
   "moonlane why 9f3c2a71\nmoonlane why 9f3c2a71 -o json", none, 1, 1, NULL,
   ml_cmd_why},
  {"journal", "ID", "what its activities have done and will not do again", NULL,
   "moonlane journal 9f3c2a71\nmoonlane journal 9f3c2a71 --activity 7 -o jsonl",
   ml_opts_journal, 1, 1, NULL, ml_cmd_journal},
  {"tasks", "", "list tasks, the oldest first", NULL,
   "moonlane tasks --as aiko\n"
   "moonlane tasks --lane order-delivery/licensing --status any",
   ml_opts_tasks, 0, 0, NULL, ml_cmd_tasks},
  {"complete", "TASK [OUTCOME] [FIELD=VALUE ...]", "do a task",
   "TASK is an id, an end of one, or the label of one open task. The outcome may "
   "be left out when there is one only.",
   "moonlane complete 9f3c2a71-7 built q_accessUrl=https://a.example --as ben\n"
   "moonlane complete 1-1 q_licenseKey=K-1 --as aiko --next",
   ml_opts_complete, 1, ML_MANY, NULL, ml_cmd_complete},
  {"claim", "TASK", "take an offered task for a person", NULL,
   "moonlane claim 9f3c2a71-7 --as ben\nmoonlane claim 1-2 --as ben",
   ml_opts_as, 1, 1, NULL, ml_cmd_claim},
  {"release", "TASK", "offer a task to its lane again", NULL,
   "moonlane release 9f3c2a71-7\nmoonlane release 1-2 --as ben", ml_opts_as, 1,
   1, NULL, ml_cmd_release},
  {"signal", "ID NAME [FIELD=VALUE ...]", "tell a process something", NULL,
   "moonlane signal 9f3c2a71 paid amount:=500\n"
   "moonlane signal 9f3c2a71 paid --data '{\"amount\": 500}'",
   ml_opts_signal, 2, ML_MANY, NULL, ml_cmd_signal},
  {"retry", "ID", "run again what failed: one activity, or all",
   "ID is that of a process, or of one activity (PROCESS-NUMBER).",
   "moonlane retry 9f3c2a71\nmoonlane retry 9f3c2a71 --activity 7",
   ml_opts_retry, 1, 1, NULL, ml_cmd_retry},
  {"skip", "ID [OUTCOME]", "let an activity succeed without running it",
   "ID is that of an activity, or of a process with --activity.",
   "moonlane skip 9f3c2a71 --activity 7\n"
   "moonlane skip 9f3c2a71 built --activity 7",
   ml_opts_skip, 1, 2, NULL, ml_cmd_skip},
  {"cancel", "ID", "stop a process for good", NULL,
   "moonlane cancel 9f3c2a71 --reason 'ordered twice'\n"
   "moonlane cancel 9f3c2a71", ml_opts_cancel, 1, 1, NULL, ml_cmd_cancel},
  {"reset", "ID", "set failed activities aside and begin copies of them", NULL,
   "moonlane reset 9f3c2a71\nmoonlane reset 9f3c2a71 --as mia", ml_opts_reset, 1,
   1, NULL, ml_cmd_reset},
  {"comment", "ID [TEXT]", "say something to a process; without TEXT, read",
   "--change gives a comment the new TEXT; without TEXT it is taken away.",
   "moonlane comment 9f3c2a71 'called the customer'\n"
   "moonlane comment 9f3c2a71\n"
   "moonlane comment 9f3c2a71 --change 12 'called the customer twice'", ml_opts_comment, 1, 2, NULL, ml_cmd_comment},
  {"poll", "WORKFLOW TRIGGER", "run a poll now", NULL,
   "moonlane poll order-delivery changed\n"
   "moonlane poll order-delivery changed -o json", none, 2, 2, NULL,
   ml_cmd_poll},
  {"lift", "WORKFLOW", "let scripts run that are in quarantine",
   "A bundle is in quarantine when more than ten of its processes killed their "
   "workers three times each within ten minutes. Its processes stay where they "
   "are until it is lifted; what had failed is then for `moonlane retry`.",
   "moonlane lift order-delivery\nmoonlane lift order-delivery -o json", none, 1,
   1, NULL, ml_cmd_lift},
  {"reload", "", "let the engine load its folder again", NULL,
   "moonlane reload\nmoonlane reload -o json", none, 0, 0, NULL, ml_cmd_reload},
  {"user", "ls | show ID | add ID | off ID", "members, and their lanes",
   "`add` makes or changes a member; what is not given stays. --lane may stand "
   "several times, and then names all lanes of the member. `off` takes a member "
   "out of every lane.",
   "moonlane user add aiko --name 'Aiko Mori' --lane order-delivery/licensing\n"
   "moonlane user ls", ml_opts_user, 1, 2, NULL, ml_cmd_user},
  {"lane", "ls | add LANE USER | remove LANE USER",
   "lanes (WORKFLOW/LANE), and who is in them", NULL,
   "moonlane lane ls\nmoonlane lane add order-delivery/licensing aiko",
   none, 1, 3, NULL, ml_cmd_lane},
  {"token", "ls | new | drop ID", "tokens for the HTTP API",
   "A new token is shown once. Scopes: read, operate, deploy, admin, work (the "
   "tasks of --user), hook:NAME.",
   "moonlane token new --scopes read,operate --expires 90d\n"
   "moonlane token new --scopes work --user aiko", ml_opts_token, 1, 2, NULL,
   ml_cmd_token},
  {"webhook", "ls | add URL | rm NO | on NO | off NO | dead | resend NO",
   "tell URLs of changes; what did not arrive",
   "Messages are signed by Standard Webhooks and come in the order of their "
   "process, each at least once. dead lists those that were given up.",
   "moonlane webhook add https://crm.example/hook -w lead --events state\n"
   "moonlane webhook dead\nmoonlane webhook resend 17", ml_opts_webhook, 1, 2,
   NULL, ml_cmd_webhook},
  {"setting", "WORKFLOW [KEY [VALUE]]", "look at settings of a workflow, or set",
   "A secret is read from --file (- is standard input), never from the command "
   "line, and never shown.",
   "moonlane setting order-delivery kintone_url https://k.example\n"
   "moonlane setting order-delivery kintone_token --file token.txt\n"
   "moonlane setting order-delivery kintone_token --file - < token.txt",
   ml_opts_setting, 1, 3, NULL, ml_cmd_setting},
  {"partner", "ls | invite NAME | accept NAME | rotate NAME | revoke NAME | "
   "log NAME", "links to other engines",
   "One side invites and shows a code, once; the other accepts with it. NAME is "
   "what this side calls the other. A link lets each have processes made in "
   "workflows that say ml.partner, and nothing else.",
   "moonlane partner invite acme --our-url https://box.example\n"
   "moonlane partner accept boss --our-url https://acme.example --code code.txt\n"
   "moonlane partner ls\nmoonlane partner revoke acme",
   ml_opts_partner, 1, 2, NULL, ml_cmd_partner},
  {"backup", "FILE", "copy the store to a file, while it is in use or not",
   "The copy is of one moment, checked whole before it gets its name, and "
   "replaces nothing. With an engine running it is the engine that writes it. "
   "The key of sealed settings (the store's FILE.key) is not in it: keep it "
   "apart. To go back: stop the engine, put the copy in the store's place "
   "(without -wal and -shm), start.",
   "moonlane backup /var/backups/moonlane-monday.db\n"
   "moonlane backup monday.db --db /var/lib/moonlane/db",
   ml_opts_backup, 1, 1, ml_cmd_backup, NULL},
  {"verify", "FILE", "is this file, a store or a backup, sound?",
   "Every page, the schema, and the invariants of the audit; read only. Exit code "
   "0 when it is sound, else 1, and each fault is told.",
   "moonlane verify monday.db\nmoonlane verify monday.db -o json",
   ml_opts_verify, 1, 1, ml_cmd_verify, NULL},
  {"audit", "", "do the stored processes keep the invariants?",
   "2: history without a gap, and the row says what it says; 7: one state each; "
   "8: a next thing each. One line an offender, and exit code 1 when there are "
   "any. Asks the running engine, which goes on meanwhile, or reads the file. "
   "--repair sets right what can be and looks again: by the engine, or in the file; "
   "what follows from it is done by the next start.",
   "moonlane audit\nmoonlane audit --repair\nmoonlane audit --db store.db -o json",
   ml_opts_audit, 0, 0, ml_cmd_audit, NULL},
  {"repl", "[ID]", "look around and repair, line by line",
   "help lists its commands; anything else is Lua, run by the engine in the "
   "sandbox.",
   "moonlane repl\nmoonlane repl 9f3c2a71", none, 0, 1, NULL, ml_cmd_repl},
  {"version", "", "say which version this is", NULL,
   "moonlane version\nmoonlane version -o json", none, 0, 0, ml_cmd_version,
   NULL},
  {"help", "[VERB]", "say what there is, or how a verb is used", NULL,
   "moonlane help\nmoonlane help start", none, 0, 1, ml_cmd_help, NULL}};

enum { VERBS = sizeof verbs / sizeof *verbs };

size_t ml_verb_count(void) {
  return VERBS;
}

const ml_verb *ml_verb_at(size_t i) {
  return &verbs[i];
}

const ml_verb *ml_verb_find(const char *name) {
  for (size_t i = 0; i < VERBS; i++)
    if (strcmp(verbs[i].name, name) == 0)
      return &verbs[i];
  return NULL;
}

/* ---- help ---- */

static void put_wrapped(ml_buf *b, const char *text, size_t width) {
  size_t at = 0;

  while (*text != '\0') {
    size_t n = strcspn(text, " ");

    if (at > 0 && at + 1 + n > width) {
      ml_buf_putc(b, '\n');
      at = 0;
    }
    if (at > 0)
      ml_buf_putc(b, ' ');
    at += n + (at > 0);
    ml_buf_put(b, text, n);
    text += n;
    text += strspn(text, " ");
  }
  ml_buf_putc(b, '\n');
}

static void put_opts(ml_buf *b, const ml_opt *o) {
  for (; o->name != NULL; o++) {
    size_t from = b->len;

    if (o->letter != 0)
      ml_buf_printf(b, "  -%c, --%s", o->letter, o->name);
    else
      ml_buf_printf(b, "      --%s", o->name);
    if (o->value != NULL)
      ml_buf_printf(b, " %s", o->value);
    for (size_t n = b->len - from; n < 29; n++)
      ml_buf_putc(b, ' ');
    ml_buf_printf(b, " %s\n", o->help);
  }
}

void ml_help_verb(ml_buf *b, const ml_verb *v) {
  ml_buf_printf(b, "moonlane %s%s%s - %s\n", v->name,
                v->usage[0] != '\0' ? " " : "", v->usage, v->help);
  if (v->more != NULL) {
    ml_buf_putc(b, '\n');
    put_wrapped(b, v->more, 79);
  }
  ml_buf_puts(b, "\nOptions\n");
  put_opts(b, v->opts);
  if (v->ask != NULL)
    put_opts(b, ml_remote_opts);
  put_opts(b, common);
  ml_buf_puts(b, "\nExamples\n");
  for (const char *p = v->examples; p != NULL && *p != '\0';) {
    size_t n = strcspn(p, "\n");

    ml_buf_puts(b, "  ");
    ml_buf_put(b, p, n);
    ml_buf_putc(b, '\n');
    p += n + (p[n] == '\n');
  }
}

void ml_help_all(ml_buf *b) {
  ml_buf_puts(b, "moonlane - a scriptable workflow engine\n\n"
                 "moonlane VERB [WORDS] [OPTIONS]\n\n");
  for (size_t i = 0; i < VERBS; i++)
    ml_buf_printf(b, "  %-9s %s\n", verbs[i].name, verbs[i].help);
  ml_buf_puts(b, "\nmoonlane VERB --help says more, with examples.\n"
                 "Values that stay the same: moonlane.lua, a table, or "
                 "MOONLANE_* in the environment.\n"
                 "Exit codes: 0 fine, 1 false or failed, 2 usage, 3 not found, "
                 "4 refused, 5 conflict,\n6 unreachable, 7 timed out, 70 the "
                 "disk failed the engine.\n");
}

/* ---- the way ---- */

static int unknown_verb(const char *name) {
  const char *names[VERBS + 1], *near;

  for (size_t i = 0; i < VERBS; i++)
    names[i] = verbs[i].name;
  names[VERBS] = NULL;
  near = ml_args_nearest(name, names);
  if (near != NULL)
    return ml_out_fail(ML_EXIT_USAGE, "there is no verb '%.80s'; did you mean "
                       "%s? See moonlane help", name, near);
  return ml_out_fail(ML_EXIT_USAGE, "there is no verb '%.80s'; see moonlane "
                     "help", name);
}

static int run_asking(const ml_args *a) {
  ml_talk q;
  int code = ml_talk_begin(&q, a);

  if (code == ML_EXIT_FINE)
    code = a->verb->ask(&q);
  ml_talk_end(&q);
  return code;
}

static int check_words(const ml_args *a) {
  const ml_verb *v = a->verb;

  if (a->word_count >= v->words_min && a->word_count <= v->words_max)
    return ML_EXIT_FINE;
  return ml_out_fail(ML_EXIT_USAGE, "%s: usage: moonlane %s%s%s",
                     a->word_count < v->words_min ? "something is missing"
                                                  : "there are too many words",
                     v->name, v->usage[0] != '\0' ? " " : "", v->usage);
}

static int run_verb(ml_args *a, char **env) {
  ml_config config = {0};
  ml_err e = {0};
  int code;

  if (ml_args_given(a, "help") != NULL) {
    ml_buf b = {0};
    ml_help_verb(&b, a->verb);
    return ml_out_send(&b);
  }
  code = check_words(a);
  if (code != ML_EXIT_FINE)
    return code;
  if (ml_config_read(&config, ml_args_given(a, "config"), env, &e) != ML_OK) {
    code = ml_out_error(ML_EXIT_USAGE, &e);
  } else {
    a->config = &config;
    code = a->verb->fn != NULL ? a->verb->fn(a) : run_asking(a);
  }
  ml_config_done(&config);
  return code;
}

int ml_cmd_main(int argc, char **argv, char **env) {
  const ml_opt *lists[4] = {common, NULL, NULL, NULL};
  const char *name = argc > 1 ? argv[1] : "help";
  const ml_verb *v;
  ml_args a;
  ml_err e = {0};
  int code;

  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);    /* a limit on files is a full disk, not an end */
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
    name = "help";
  if (strcmp(name, "--version") == 0)
    name = "version";
  v = ml_verb_find(name);
  if (v == NULL)
    return unknown_verb(name);
  lists[1] = v->opts;
  if (v->ask != NULL)
    lists[2] = ml_remote_opts;
  if (ml_args_read(&a, lists, argc > 2 ? argc - 2 : 0,
                   (const char *const *)argv + (argc > 2 ? 2 : argc), &e)
      != ML_OK) {
    code = ml_out_fail(ML_EXIT_USAGE, "%s; see moonlane %s --help", e.text,
                       v->name);
  } else {
    a.verb = v;
    code = run_verb(&a, env);
  }
  ml_args_done(&a);
  return code;
}
