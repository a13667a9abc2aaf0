/* line.c - libedit on a terminal, plain reading elsewhere. */
#include "cmd/line.h"

#include <histedit.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { REMEMBERED = 500, SHOWN_MAX = 40 };

struct ml_line {
  ml_line_words *words;
  void *arg;
  EditLine *el;                  /* NULL: not a terminal */
  History *history;
  const char *prompt;
};

void ml_line_common(ml_line_words *words, void *arg, bool first, ml_str begin,
                    ml_buf *more, size_t *fitting) {
  size_t from = more->len;

  *fitting = 0;
  for (size_t i = 0;; i++) {
    ml_str w = words(arg, first, i);
    size_t n = 0;

    if (w.p == NULL)
      break;
    if (w.n < begin.n || memcmp(w.p, begin.p != NULL ? begin.p : "", begin.n)
                             != 0)
      continue;
    w.p += begin.n;
    w.n -= begin.n;
    if (++*fitting == 1) {
      ml_buf_put(more, w.p, w.n);
      continue;
    }
    while (from + n < more->len && n < w.n && more->p[from + n] == w.p[n])
      n++;
    more->len = from + n;
    if (more->p != NULL)
      more->p[more->len] = '\0';
  }
}

static void show_choices(ml_line *l, bool first, ml_str begin) {
  size_t shown = 0;

  fputc('\n', stdout);
  for (size_t i = 0; shown < SHOWN_MAX; i++) {
    ml_str w = l->words(l->arg, first, i);

    if (w.p == NULL)
      break;
    if (w.n < begin.n || memcmp(w.p, begin.p, begin.n) != 0)
      continue;
    printf("  %.*s\n", (int)w.n, w.p);
    shown++;
  }
  fflush(stdout);
}

static unsigned char complete(EditLine *el, int key) {
  const LineInfo *at = el_line(el);
  const char *from = at->cursor;
  ml_line *l = NULL;
  ml_buf more = {0};
  unsigned char did = CC_REFRESH;
  size_t fitting;
  bool first;
  ml_str begin;

  (void)key;
  el_get(el, EL_CLIENTDATA, &l);
  while (from > at->buffer && from[-1] != ' ')
    from--;
  first = strspn(at->buffer, " ") >= (size_t)(from - at->buffer);
  begin = (ml_str){from, (size_t)(at->cursor - from)};
  ml_line_common(l->words, l->arg, first, begin, &more, &fitting);
  if (fitting == 1)
    ml_buf_putc(&more, ' ');
  if (fitting == 0 || more.bad) {
    did = CC_REFRESH_BEEP;
  } else if (more.len > 0) {
    el_insertstr(el, more.p);
  } else {
    show_choices(l, first, begin);
    did = CC_REDISPLAY;
  }
  ml_buf_free(&more);
  return did;
}

static char *prompt(EditLine *el) {
  ml_line *l = NULL;

  el_get(el, EL_CLIENTDATA, &l);
  return (char *)l->prompt;
}

static bool open_terminal(ml_line *l) {
  HistEvent ev;

  setlocale(LC_CTYPE, "");
  l->history = history_init();
  l->el = el_init("moonlane", stdin, stdout, stderr);
  if (l->history == NULL || l->el == NULL)
    return false;
  history(l->history, &ev, H_SETSIZE, REMEMBERED);
  history(l->history, &ev, H_SETUNIQUE, 1);
  el_set(l->el, EL_CLIENTDATA, l);
  el_set(l->el, EL_PROMPT, prompt);
  el_set(l->el, EL_SIGNAL, 1);
  el_set(l->el, EL_EDITOR, "emacs");
  el_set(l->el, EL_HIST, history, l->history);
  el_set(l->el, EL_ADDFN, "ml-complete", "complete the word", complete);
  el_set(l->el, EL_BIND, "^I", "ml-complete", NULL);
  return true;
}

ml_line *ml_line_new(ml_line_words *words, void *arg) {
  ml_line *l = ml_mem_zero(sizeof *l);

  if (l == NULL)
    return NULL;
  l->words = words;
  l->arg = arg;
  if (isatty(0) && isatty(1) && !open_terminal(l)) {
    ml_line_free(l);
    return NULL;
  }
  return l;
}

void ml_line_free(ml_line *l) {
  if (l == NULL)
    return;
  if (l->el != NULL)
    el_end(l->el);
  if (l->history != NULL)
    history_end(l->history);
  ml_mem_free(l);
}

bool ml_line_typed(const ml_line *l) {
  return l->el != NULL;
}

static bool read_typed(ml_line *l, ml_buf *out) {
  HistEvent ev;
  int n = 0;
  const char *text = el_gets(l->el, &n);

  if (text == NULL || n <= 0)
    return false;
  if (strspn(text, " \t\r\n") < (size_t)n)
    history(l->history, &ev, H_ENTER, text);
  while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
    n--;
  ml_buf_put(out, text, (size_t)n);
  return true;
}

static bool read_piped(ml_buf *out) {
  int c = getc(stdin);

  if (c == EOF)
    return false;
  for (; c != EOF && c != '\n'; c = getc(stdin))
    ml_buf_putc(out, (char)c);
  if (out->len > 0 && out->p[out->len - 1] == '\r')
    out->p[--out->len] = '\0';
  return true;
}

bool ml_line_read(ml_line *l, const char *text, ml_buf *out) {
  l->prompt = text;
  ml_buf_put(out, "", 0);
  return l->el != NULL ? read_typed(l, out) : read_piped(out);
}
