/*
** cmd_repl.c - looking around and repairing, line by line.
**
** A command is a verb of the command line, with its options; ids may be cut
** to an end of any id shown so far, and after `use ID` left out.  Whatever
** is no command is Lua: the engine runs it in the sandbox, with the used
** process as the global `process`.
*/
#include <stdio.h>
#include <string.h>

#include "cmd/line.h"
#include "cmd/out.h"
#include "cmd/verbs.h"
#include "cmd/view.h"
#include "model/process.h"

enum { WORDS_MAX = 64, SEEN_MAX = 1000, LINE_MAX_ = 64 << 10, SHORTEST = 2 };

typedef struct repl {
  ml_talk *q;                    /* its connection, and its arena for ids */
  ml_line *line;
  char used[ML_ID_TEXT];         /* or "" */
  ml_str seen[SEEN_MAX];         /* ids shown, a ring */
  size_t seen_count;
  ml_buf lua;                    /* lines of a chunk that is not yet whole */
  int worst;                     /* exit code of what failed first */
  bool over;
} repl;

typedef int command_fn(repl *r, size_t n, const char *const *words);

static int do_data(repl *r, size_t n, const char *const *words);
static int do_where(repl *r, size_t n, const char *const *words);
static int do_use(repl *r, size_t n, const char *const *words);
static int do_help(repl *r, size_t n, const char *const *words);
static int do_quit(repl *r, size_t n, const char *const *words);

/* fn NULL: a verb of the command line.  id: its first word is one. */
static const struct command {
  const char *name, *usage, *help;
  command_fn *fn;
  bool id;
} commands[] = {
  {"ls", "[processes|workflows|incidents|transactions]", "list; as moonlane ls", NULL, false},
  {"show", "[ID]", "everything about a process", NULL, true},
  {"data", "[ID]", "its fields", do_data, true},
  {"tasks", "[--as USER]", "open tasks", NULL, false},
  {"where", "[ID]", "where it stands", do_where, true},
  {"why", "[ID]", "what it waits for", NULL, true},
  {"history", "[ID]", "what happened", NULL, true},
  {"journal", "[ID]", "what its activities have done", NULL, true},
  {"retry", "[ID] [--activity N]", "run again what failed", NULL, true},
  {"skip", "[ID] [OUTCOME] [--activity N]", "pass over an activity", NULL, true},
  {"reset", "[ID]", "begin copies of what failed", NULL, true},
  {"cancel", "[ID] [--reason TEXT]", "stop it for good", NULL, true},
  {"comment", "[ID] TEXT", "say something to it", NULL, true},
  {"signal", "[ID] NAME [FIELD=VALUE]", "tell it something", NULL, true},
  {"start", "WORKFLOW [FIELD=VALUE]", "start a process", NULL, false},
  {"emit", "TYPE [MEMBER=TEXT]", "let the rules say what begins", NULL, false},
  {"complete", "TASK [OUTCOME] [FIELD=VALUE]", "do a task", NULL, false},
  {"use", "[ID]", "the process that is meant from now on", do_use, false},
  {"help", "", "this", do_help, false},
  {"quit", "", "leave", do_quit, false}};

enum { COMMANDS = sizeof commands / sizeof *commands };

/* ---- ids that were shown ---- */

static void seen(void *arg, ml_str id) {
  repl *r = arg;
  size_t n = r->seen_count < SEEN_MAX ? r->seen_count : SEEN_MAX;
  char *copy;

  for (size_t i = 0; i < n; i++)
    if (ml_str_eq(r->seen[i], id))
      return;
  copy = ml_arena_dup(&r->q->arena, id.p, id.n);
  if (copy != NULL)
    r->seen[r->seen_count++ % SEEN_MAX] = (ml_str){copy, id.n};
}

static bool ends_with(ml_str id, const char *word) {
  size_t n = strlen(word);

  return n >= SHORTEST && n <= id.n
         && (memcmp(id.p, word, n) == 0
             || memcmp(id.p + id.n - n, word, n) == 0);
}

/* The full id among those shown, or the word itself when none fits or several
** do: the engine is asked then. */
static const char *expand(repl *r, const char *word) {
  size_t n = r->seen_count < SEEN_MAX ? r->seen_count : SEEN_MAX, found = 0;
  const char *full = word;

  for (size_t i = 0; i < n; i++)
    if (ends_with(r->seen[i], word)) {
      found++;
      full = r->seen[i].p;
    }
  return found == 1 ? full : word;
}

static bool is_id(const char *word) {
  uint8_t id[16];
  uint32_t no;

  return ml_id_of(ml_str_of(word), id, &no);
}

/* The process that is meant: the word, or the used one. */
static int process_of(repl *r, const char *word, char id[ML_ID_TEXT]) {
  if (word != NULL)
    return ml_remote_process(r->q->remote, expand(r, word), id);
  if (r->used[0] == '\0')
    return ml_out_fail(ML_EXIT_USAGE, "which process? Give its id, or say `use "
                       "ID` first");
  snprintf(id, ML_ID_TEXT, "%s", r->used);
  return ML_EXIT_FINE;
}

/* ---- own commands ---- */

static int get_process(repl *r, const char *word, ml_talk *t, ml_json **p) {
  char id[ML_ID_TEXT];
  int code = process_of(r, word, id);

  if (code != ML_EXIT_FINE)
    return code;
  ml_path(&t->path, "/v1/processes/{}", id);
  return ml_talk_send(t, "GET", p);
}

/* A talk over the same connection, with an arena of its own. */
static ml_talk talk_of(repl *r) {
  ml_talk t = {.args = r->q->args, .remote = r->q->remote, .form = r->q->form,
               .seen = seen, .seen_arg = r};

  return t;
}

static void talk_end(ml_talk *t) {
  t->remote = NULL;              /* it is the repl's */
  ml_talk_end(t);
}

static int view_process(repl *r, const char *word, bool data) {
  ml_talk t = talk_of(r);
  ml_json *p;
  ml_buf b = {0};
  int code;

  ml_jw_init(&t.w, &t.body);
  code = get_process(r, word, &t, &p);
  if (code == ML_EXIT_FINE) {
    if (data)
      ml_view_data(&b, ml_json_get(p, "data"));
    else
      ml_view_where(&b, p);
    code = ml_out_send(&b);
  }
  talk_end(&t);
  return code;
}

static int do_data(repl *r, size_t n, const char *const *words) {
  return view_process(r, n > 1 ? words[1] : NULL, true);
}

static int do_where(repl *r, size_t n, const char *const *words) {
  return view_process(r, n > 1 ? words[1] : NULL, false);
}

static int do_use(repl *r, size_t n, const char *const *words) {
  char id[ML_ID_TEXT];
  ml_talk t = talk_of(r);
  ml_json *p;
  int code;

  if (n < 2) {
    r->used[0] = '\0';
    return ML_EXIT_FINE;
  }
  ml_jw_init(&t.w, &t.body);
  code = get_process(r, words[1], &t, &p);
  if (code == ML_EXIT_FINE && process_of(r, words[1], id) == ML_EXIT_FINE)
    snprintf(r->used, sizeof r->used, "%s", id);
  talk_end(&t);
  return code;
}

static int do_help(repl *r, size_t n, const char *const *words) {
  ml_buf b = {0};

  (void)r;
  (void)n;
  (void)words;
  for (size_t i = 0; i < COMMANDS; i++) {
    size_t from = b.len;

    ml_buf_printf(&b, "  %s %s", commands[i].name, commands[i].usage);
    while (b.len - from < 42)
      ml_buf_putc(&b, ' ');
    ml_buf_printf(&b, " %s\n", commands[i].help);
  }
  ml_buf_puts(&b, "An id may be cut to a beginning or end of it. Anything else "
                  "is Lua, run by the\nengine in the sandbox; `process` is the "
                  "used process.\n");
  return ml_out_send(&b);
}

static int do_quit(repl *r, size_t n, const char *const *words) {
  (void)n;
  (void)words;
  r->over = true;
  return ML_EXIT_FINE;
}

/* ---- verbs ---- */

static int run_verb(repl *r, const ml_verb *v, size_t n,
                    const char *const *words) {
  static const ml_opt form[] = {
    {"output", "FORM", "table, json or jsonl", 'o'}, {NULL, NULL, NULL, 0}};
  const ml_opt *lists[] = {v->opts, form, NULL};
  ml_talk t = talk_of(r);
  ml_args a;
  ml_err e = {0};
  int code = ML_EXIT_FINE;

  ml_jw_init(&t.w, &t.body);
  if (ml_args_read(&a, lists, (int)n, words, &e) != ML_OK) {
    code = ml_out_error(ML_EXIT_USAGE, &e);
  } else {
    a.verb = v;
    t.args = &a;
    if (ml_args_given(&a, "output") != NULL
        && ml_out_form(&a, &t.form, &e) != ML_OK)
      code = ml_out_error(ML_EXIT_USAGE, &e);
    else if (a.word_count < v->words_min || a.word_count > v->words_max)
      code = ml_out_fail(ML_EXIT_USAGE, "usage: %s %s", v->name, v->usage);
    else
      code = v->ask(&t);
  }
  talk_end(&t);
  ml_args_done(&a);
  return code;
}

/* Is there no id where this command wants one, so that the used process is
** meant?  A word that is no id may be what follows the id. */
static bool wants_used(repl *r, const struct command *c, const ml_verb *v,
                       size_t n, const char *const *words) {
  const char *first = n > 1 ? words[1] : NULL;

  if (!c->id || r->used[0] == '\0')
    return false;
  return first == NULL || first[0] == '-'
         || (v->words_max > 1 && !is_id(expand(r, first)));
}

/* What is said needs no quotes: all words from `at` on as one. */
static size_t join(ml_buf *b, const char **words, size_t n, size_t at) {
  if (n <= at + 1 || words[at][0] == '-')
    return n;
  for (size_t i = at; i < n; i++) {
    ml_buf_puts(b, i > at ? " " : "");
    ml_buf_puts(b, words[i]);
  }
  if (b->bad)
    return n;
  words[at] = b->p;
  return at + 1;
}

static int run_command(repl *r, const struct command *c, size_t n,
                       const char *const *words) {
  const char *with_id[WORDS_MAX + 1];
  const ml_verb *v = c->fn == NULL ? ml_verb_find(c->name) : NULL;
  ml_buf said = {0};
  size_t k = 0;
  int code;

  if (v == NULL)
    return c->fn(r, n, words);
  if (wants_used(r, c, v, n, words))
    with_id[k++] = r->used;
  for (size_t i = 1; i < n && k < WORDS_MAX; i++)
    with_id[k++] = i == 1 ? expand(r, words[i]) : words[i];
  if (v->ask == ml_cmd_comment)
    k = join(&said, with_id, k, 1);
  code = run_verb(r, v, k, with_id);
  ml_buf_free(&said);
  return code;
}

/* ---- Lua ---- */

static int put_result(const ml_json *v) {
  ml_buf b = {0};

  if (v == NULL || v->type == ML_JNULL)
    return ML_EXIT_FINE;
  if (v->type == ML_JSTR) {
    const char *p = v->s.p, *end = ml_str_end(v->s);

    while (p < end) {
      const char *nl = memchr(p, '\n', (size_t)(end - p));

      ml_out_clean(&b, (ml_str){p, (size_t)((nl != NULL ? nl : end) - p)});
      ml_buf_putc(&b, '\n');
      p = nl != NULL ? nl + 1 : end;
    }
  } else {
    ml_json_pretty(&b, v);
    if (b.len > 0 && b.p[b.len - 1] != '\n')
      ml_buf_putc(&b, '\n');
  }
  return ml_out_send(&b);
}

/* The parser came to the end and wanted more. */
static bool is_unfinished(const ml_json *problem) {
  ml_str text = ml_json_str(problem, "detail");

  return text.n > 0 && memmem(text.p, text.n, "<eof>", 5) != NULL;
}

/* Run what was gathered; when it is not whole and there may be more, keep. */
static int run_lua(repl *r, bool last) {
  ml_talk t = talk_of(r);
  ml_json *v = NULL;
  int status = 0, code;

  ml_jw_init(&t.w, &t.body);
  ml_path(&t.path, "/v1/eval");
  ml_jw_obj(&t.w);
  ml_jw_kstr(&t.w, "source", (ml_str){r->lua.p, r->lua.len});
  if (r->used[0] != '\0')
    ml_jw_kstrz(&t.w, "process", r->used);
  ml_jw_end(&t.w);
  code = ml_remote_ask(t.remote, &t.arena, "POST", &t.path, &t.body, &status,
                       &v);
  if (code == ML_EXIT_FINE && status != 200 && is_unfinished(v) && !last
      && r->lua.len < LINE_MAX_) {
    ml_buf_putc(&r->lua, '\n');
  } else {
    ml_buf_reset(&r->lua);
    if (code == ML_EXIT_FINE)
      code = status == 200 ? put_result(v) : ml_remote_problem(status, v);
  }
  talk_end(&t);
  return code;
}

/* ---- lines ---- */

/* Split at blanks; 'a b' and "a b" are one word.  In place. */
static size_t split(char *p, const char *words[WORDS_MAX]) {
  size_t n = 0;

  for (p += strspn(p, " \t"); *p != '\0' && n < WORDS_MAX;
       p += strspn(p, " \t")) {
    char *to = p, quote = '\0';

    words[n++] = p;
    for (; *p != '\0' && (quote != '\0' || (*p != ' ' && *p != '\t')); p++)
      if (quote != '\0' ? *p == quote : *p == '\'' || *p == '"')
        quote = quote != '\0' ? '\0' : *p;
      else
        *to++ = *p;
    if (*p != '\0')
      p++;
    *to = '\0';
  }
  return n;
}

/* The command a line begins with; "data.x", "use = 1", "show(1)" are Lua. */
static const struct command *command_of(const char *text) {
  size_t n;

  text += strspn(text, " \t");
  n = strspn(text, "abcdefghijklmnopqrstuvwxyz");
  if (strchr(" \t", text[n]) == NULL
      || (text[n] != '\0'
          && strchr("=(:[.,{", text[n + strspn(text + n, " \t")]) != NULL
          && text[n + strspn(text + n, " \t")] != '\0'))
    return NULL;
  for (size_t i = 0; i < COMMANDS; i++)
    if (strlen(commands[i].name) == n && memcmp(commands[i].name, text, n) == 0)
      return &commands[i];
  return NULL;
}

static int run_line(repl *r, ml_buf *text) {
  const struct command *c = r->lua.len == 0 ? command_of(text->p) : NULL;
  const char *words[WORDS_MAX];
  size_t n;

  if (r->lua.len == 0 && text->p[strspn(text->p, " \t")] == '\0')
    return ML_EXIT_FINE;
  if (c == NULL) {
    ml_buf_put(&r->lua, text->p, text->len);
    return run_lua(r, false);
  }
  n = split(text->p, words);
  return run_command(r, c, n, words);
}

static ml_str completions(void *arg, bool first, size_t i) {
  repl *r = arg;
  size_t n = r->seen_count < SEEN_MAX ? r->seen_count : SEEN_MAX;

  if (first)
    return i < COMMANDS ? ml_str_of(commands[i].name) : ML_NOSTR;
  return i < n ? r->seen[i] : ML_NOSTR;
}

static void note(repl *r, int code) {
  if (code != ML_EXIT_FINE && r->worst == ML_EXIT_FINE)
    r->worst = code;
}

static void loop(repl *r) {
  ml_buf text = {0};

  while (!r->over
         && ml_line_read(r->line, r->lua.len > 0 ? ">> " : "> ", &text)) {
    if (text.bad || r->lua.bad) {
      note(r, ml_out_fail(ML_EXIT_FALSE, "out of memory"));
      break;
    }
    note(r, run_line(r, &text));
    ml_buf_reset(&text);
  }
  if (r->lua.len > 0)
    note(r, run_lua(r, true));
  ml_buf_free(&text);
}

int ml_cmd_repl(ml_talk *q) {
  const char *id = ml_args_word(q->args, 0);
  const char *words[] = {"use", id};
  repl *r = ml_mem_zero(sizeof *r);
  int code = ML_EXIT_FINE;

  if (r == NULL)
    return ml_out_fail(ML_EXIT_FALSE, "out of memory");
  r->q = q;
  if (ml_args_get(q->args, "output") == NULL)
    q->form = ML_FORM_TABLE;
  r->line = ml_line_new(completions, r);
  if (r->line == NULL)
    code = ml_out_fail(ML_EXIT_FALSE, "the terminal cannot be used");
  if (code == ML_EXIT_FINE && id != NULL)
    code = do_use(r, 2, words);
  if (code == ML_EXIT_FINE) {
    loop(r);
    code = ml_line_typed(r->line) ? ML_EXIT_FINE : r->worst;
  }
  ml_line_free(r->line);
  ml_buf_free(&r->lua);
  ml_mem_free(r);
  return code;
}
