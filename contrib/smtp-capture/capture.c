/*
** capture.c - sessions, the mails they brought, and the faults on the way.
*/
#include "capture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/listen.h"
#include "tls.h"

#define LINE_MAX_ 4096u
#define MAIL_MAX (4u << 20)
#define FAULTS 16

typedef struct mail {
  struct mail *next;
  ml_buf from, to, raw;
  bool tls, known;               /* how it came */
} mail;

typedef enum state { S_NEW, S_GREETED, S_MAIL, S_RCPT, S_DATA, S_AUTH } state;

typedef struct session {
  struct session *next, *prev;
  sc_capture *c;
  int fd;
  ml_loop_fd *watch;
  state at;
  bool known;                    /* logged in */
  bool greeted;
  sc_tls_link *tls;              /* NULL: in the open */
  bool stuck;                    /* a fault: no answer ever */
  ml_buf in;
  mail *mail;
} session;

typedef struct fault {
  char at[8], what[8];
  int64_t times;
} fault;

struct sc_capture {
  ml_loop *loop;
  ml_listen listen;
  ml_loop_fd *watch;
  char *pair;
  sc_tls *tls;                   /* NULL: none */
  bool tls_at_once;              /* no STARTTLS: from the first byte */
  session *sessions;
  size_t session_count;
  mail *first, **end;
  size_t count;
  fault faults[FAULTS];
};

static void mail_free(mail *m) {
  if (m == NULL)
    return;
  ml_buf_free(&m->from);
  ml_buf_free(&m->to);
  ml_buf_free(&m->raw);
  ml_mem_free(m);
}

static void session_free(session *s) {
  if (s->prev != NULL)
    s->prev->next = s->next;
  else
    s->c->sessions = s->next;
  if (s->next != NULL)
    s->next->prev = s->prev;
  ml_loop_fd_free(s->watch);
  close(s->fd);
  ml_buf_free(&s->in);
  mail_free(s->mail);
  sc_tls_close(s->tls);
  ml_mem_free(s);
}

/* Answers are short: a client that does not take one at once has gone. */
static bool put(session *s, const char *bytes, size_t n) {
  return n == 0 || send(s->fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static bool say(session *s, const char *line) {
  ml_buf b = {0};
  bool ok = true;

  if (!s->stuck && s->tls == NULL)
    ok = put(s, line, strlen(line));
  else if (!s->stuck)
    ok = sc_tls_say(s->tls, line, strlen(line), &b) && put(s, b.p, b.len);
  ml_buf_free(&b);
  if (!ok)
    session_free(s);
  return ok;
}

/* ---- faults ---- */

static bool is_place(ml_str at) {
  static const char *const places[] = {"connect", "tls", "ehlo", "auth",
                                       "mail", "rcpt", "data", "end"};

  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (ml_str_is(at, places[i]))
      return true;
  return false;
}

bool sc_capture_fault(sc_capture *c, ml_str at, ml_str what, int64_t times) {
  int64_t code;
  bool ok = ml_str_is(what, "hang") || ml_str_is(what, "drop") ||
            (ml_text_int(what, &code) && code >= 400 && code <= 599);

  for (size_t i = 0; ok && is_place(at) && times > 0 && i < FAULTS; i++)
    if (c->faults[i].times == 0) {
      snprintf(c->faults[i].at, sizeof c->faults[i].at, "%.*s", (int)at.n, at.p);
      snprintf(c->faults[i].what, sizeof c->faults[i].what, "%.*s", (int)what.n,
               what.p);
      c->faults[i].times = times;
      return true;
    }
  return false;
}

static void keep(session *s) {
  sc_capture *c = s->c;

  s->mail->tls = s->tls != NULL;
  s->mail->known = s->known;
  *c->end = s->mail;
  c->end = &s->mail->next;
  c->count++;
  s->mail = NULL;
}

/* Is something wrong here?  Then it has been done.  *gone: so is the session. */
static bool goes_wrong(session *s, const char *at, bool *gone) {
  fault *f = s->c->faults;
  char line[64];
  size_t i;

  *gone = false;
  for (i = 0; i < FAULTS && (f[i].times == 0 || strcmp(f[i].at, at) != 0); i++)
    ;
  if (i == FAULTS)
    return false;
  f[i].times--;
  if (strcmp(f[i].what, "hang") == 0) {
    s->stuck = true;
  } else if (strcmp(f[i].what, "drop") == 0) {
    if (strcmp(at, "end") == 0)
      keep(s);
    session_free(s);
    *gone = true;
  } else {
    snprintf(line, sizeof line, "%s told to say so\r\n", f[i].what);
    *gone = !say(s, line);
  }
  return true;
}

/* ---- commands: each gives false when the session is gone ---- */

static bool is_verb(ml_str line, const char *verb) {
  size_t n = strlen(verb);

  return line.n >= n && strncasecmp(line.p, verb, n) == 0 &&
         (line.n == n || line.p[n] == ' ' || verb[n - 1] == ':');
}

/* Logging in is offered only where the password is not seen. */
static bool may_log_in(const session *s) {
  return s->c->pair != NULL && (s->c->tls == NULL || s->tls != NULL);
}

static bool greet(session *s, ml_str line) {
  char text[120];
  bool gone;

  if (goes_wrong(s, "ehlo", &gone))
    return !gone;
  s->at = S_GREETED;
  if (is_verb(line, "HELO"))
    return say(s, "250 smtp-capture\r\n");
  snprintf(text, sizeof text, "250-smtp-capture\r\n%s%s250 8BITMIME\r\n",
           s->c->tls != NULL && s->tls == NULL ? "250-STARTTLS\r\n" : "",
           may_log_in(s) ? "250-AUTH PLAIN\r\n" : "");
  return say(s, text);
}

/* What was said in the open is forgotten. */
static bool start_tls(session *s) {
  bool gone;

  if (s->c->tls == NULL || s->tls != NULL || s->at == S_NEW)
    return say(s, "503 not now\r\n");
  if (goes_wrong(s, "tls", &gone))
    return !gone;
  if (!say(s, "220 go on\r\n"))
    return false;
  s->tls = sc_tls_open(s->c->tls);
  if (s->tls == NULL) {
    session_free(s);
    return false;
  }
  s->at = S_NEW;
  s->known = false;
  return true;
}

/* NUL user NUL password, in base64. */
static bool log_in(session *s, ml_str word) {
  ml_buf pair = {0};
  bool gone;
  char *nul;

  s->at = S_GREETED;
  if (goes_wrong(s, "auth", &gone))
    return !gone;
  s->known = ml_text_base64(&pair, word, false) == ML_OK && pair.len > 1 &&
             pair.p[0] == '\0' &&
             (nul = memchr(pair.p + 1, '\0', pair.len - 1)) != NULL;
  if (s->known) {
    *nul = ':';
    s->known = ml_str_is((ml_str){pair.p + 1, pair.len - 1}, s->c->pair);
  }
  ml_buf_free(&pair);
  return say(s, s->known ? "235 welcome\r\n" : "535 who are you\r\n");
}

static bool auth(session *s, ml_str line) {
  ml_str word = {line.p + 10, line.n > 10 ? line.n - 10 : 0};

  if (s->c->pair == NULL || !is_verb(line, "AUTH PLAIN"))
    return say(s, "504 no such way\r\n");
  if (!may_log_in(s))
    return say(s, "538 not in the open\r\n");
  if (word.n > 1)
    return log_in(s, (ml_str){word.p + 1, word.n - 1});
  s->at = S_AUTH;
  return say(s, "334 \r\n");
}

/* The address between the angle brackets. */
static bool bracketed(ml_str line, ml_buf *out) {
  const char *a = memchr(line.p, '<', line.n);
  const char *b = a != NULL ? memchr(a, '>', line.n - (size_t)(a - line.p))
                            : NULL;

  if (b == NULL)
    return false;
  ml_buf_put(out, a + 1, (size_t)(b - a - 1));
  return true;
}

static bool sender(session *s, ml_str line) {
  bool gone;

  if (s->at != S_GREETED)
    return say(s, "503 not now\r\n");
  if (s->c->pair != NULL && !s->known)
    return say(s, "530 log in first\r\n");
  if (goes_wrong(s, "mail", &gone))
    return !gone;
  mail_free(s->mail);
  s->mail = ml_mem_zero(sizeof *s->mail);
  if (s->mail == NULL || !bracketed(line, &s->mail->from))
    return say(s, "501 no address\r\n");
  s->at = S_MAIL;
  return say(s, "250 ok\r\n");
}

static bool receiver(session *s, ml_str line) {
  bool gone;

  if (s->at != S_MAIL && s->at != S_RCPT)
    return say(s, "503 not now\r\n");
  if (goes_wrong(s, "rcpt", &gone))
    return !gone;
  if (s->mail->to.len > 0)
    ml_buf_putc(&s->mail->to, ',');
  if (!bracketed(line, &s->mail->to))
    return say(s, "501 no address\r\n");
  s->at = S_RCPT;
  return say(s, "250 ok\r\n");
}

static bool data(session *s) {
  bool gone;

  if (s->at != S_RCPT)
    return say(s, "503 not now\r\n");
  if (goes_wrong(s, "data", &gone))
    return !gone;
  s->at = S_DATA;
  return say(s, "354 go on\r\n");
}

static bool command(session *s, ml_str line) {
  if (is_verb(line, "EHLO") || is_verb(line, "HELO"))
    return greet(s, line);
  if (is_verb(line, "STARTTLS"))
    return start_tls(s);
  if (is_verb(line, "AUTH"))
    return auth(s, line);
  if (is_verb(line, "MAIL FROM:"))
    return sender(s, line);
  if (is_verb(line, "RCPT TO:"))
    return receiver(s, line);
  if (is_verb(line, "DATA"))
    return data(s);
  if (is_verb(line, "NOOP"))
    return say(s, "250 ok\r\n");
  if (is_verb(line, "RSET")) {
    s->at = s->at == S_NEW ? S_NEW : S_GREETED;
    return say(s, "250 ok\r\n");
  }
  if (is_verb(line, "QUIT")) {
    if (say(s, "221 bye\r\n"))
      session_free(s);
    return false;
  }
  return say(s, "502 no such command\r\n");
}

/* A line of the mail; the single dot ends it. */
static bool content(session *s, ml_str line) {
  bool gone;

  if (ml_str_is(line, ".")) {
    s->at = S_GREETED;
    if (s->mail->raw.bad || s->mail->raw.len > MAIL_MAX)
      return say(s, "552 too long\r\n");
    if (goes_wrong(s, "end", &gone))
      return !gone;
    keep(s);
    return say(s, "250 kept\r\n");
  }
  if (line.n > 0 && line.p[0] == '.')
    line.p++, line.n--;
  if (s->mail->raw.len <= MAIL_MAX) {
    ml_buf_put(&s->mail->raw, line.p, line.n);
    ml_buf_puts(&s->mail->raw, "\r\n");
  }
  return true;
}

static bool take_line(session *s, ml_str line) {
  switch (s->at) {
  case S_DATA:
    return content(s, line);
  case S_AUTH:
    return log_in(s, line);
  default:
    return command(s, line);
  }
}

/* ---- sockets ---- */

/* The first words; with TLS from the first byte they wait for its handshake. */
static bool welcome(session *s) {
  bool gone;

  if (s->greeted || s->stuck || (s->tls != NULL && !sc_tls_is_up(s->tls)))
    return true;
  s->greeted = true;
  if (goes_wrong(s, "connect", &gone))
    return !gone;
  return say(s, "220 smtp-capture\r\n");
}

/* What came, as plain lines.  false: the session is to end. */
static bool receive(session *s, const char *bytes, size_t n) {
  ml_buf out = {0};
  bool ok = true;

  if (s->tls == NULL) {
    ml_buf_put(&s->in, bytes, n);
  } else {
    ok = sc_tls_take(s->tls, bytes, n, &s->in, &out);
    ok = put(s, out.p, out.len) && ok;
  }
  ml_buf_free(&out);
  return ok && !s->in.bad;
}

static void on_input(void *arg, bool readable, bool writable) {
  session *s = arg;
  char bytes[16384];
  ssize_t n = recv(s->fd, bytes, sizeof bytes, 0);
  const char *nl;
  size_t used = 0;
  bool open;

  (void)readable;
  (void)writable;
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  open = n > 0 && (s->stuck || receive(s, bytes, (size_t)n));
  if (open && !welcome(s))
    return;
  while (!s->stuck && s->in.len > used &&
         (nl = memmem(s->in.p + used, s->in.len - used, "\r\n", 2)) != NULL) {
    ml_str line = {s->in.p + used, (size_t)(nl - s->in.p) - used};
    bool opened = s->tls == NULL;

    used += line.n + 2;
    if (!take_line(s, line))
      return;
    if (opened && s->tls != NULL)
      used = s->in.len;            /* nothing of before counts behind it */
  }
  if (used > 0)
    memmove(s->in.p, s->in.p + used, s->in.len - used);
  s->in.len -= used;
  if (!open || s->in.len > LINE_MAX_)
    session_free(s);
}

static void on_client(void *arg, bool readable, bool writable) {
  sc_capture *c = arg;
  int fd = accept4(c->listen.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  session *s;
  bool gone;

  (void)readable;
  (void)writable;
  if (fd < 0)
    return;
  s = ml_mem_zero(sizeof *s);
  if (s != NULL)
    s->watch = ml_loop_fd_new(c->loop, fd, on_input, s);
  if (s == NULL || s->watch == NULL) {
    ml_mem_free(s);
    close(fd);
    return;
  }
  s->c = c;
  s->fd = fd;
  s->next = c->sessions;
  if (s->next != NULL)
    s->next->prev = s;
  c->sessions = s;
  c->session_count++;
  ml_loop_fd_want(s->watch, true, false);
  if (c->tls_at_once && goes_wrong(s, "tls", &gone))
    return;
  if (c->tls_at_once && (s->tls = sc_tls_open(c->tls)) == NULL)
    session_free(s);
  else
    welcome(s);
}

ml_rc sc_capture_new(ml_loop *l, const char *address, const char *pair,
                     char bound[128], sc_capture **out, ml_err *e) {
  sc_capture *c = ml_mem_zero(sizeof *c);
  ml_rc rc;

  *out = NULL;
  if (c == NULL)
    return ml_err_set(e, ML_NOMEM, "", "out of memory");
  rc = ml_listen_open(address, &c->listen, bound, e);
  if (rc != ML_OK) {
    ml_mem_free(c);
    return rc;
  }
  c->loop = l;
  c->end = &c->first;
  c->pair = pair != NULL ? ml_mem_strdup(pair) : NULL;
  c->watch = ml_loop_fd_new(l, c->listen.fd, on_client, c);
  if (c->watch == NULL || (pair != NULL && c->pair == NULL)) {
    sc_capture_free(c);
    return ml_err_set(e, ML_NOMEM, "", "out of memory");
  }
  ml_loop_fd_want(c->watch, true, false);
  *out = c;
  return ML_OK;
}

ml_rc sc_capture_tls(sc_capture *c, const char *host, bool at_once,
                     const char *path, ml_err *e) {
  sc_tls *t = sc_tls_new(host);

  if (t == NULL || !sc_tls_save(t, path)) {
    sc_tls_free(t);
    return ml_err_set(e, ML_IO, "", "no certificate could be made at %s", path);
  }
  sc_tls_free(c->tls);
  c->tls = t;
  c->tls_at_once = at_once;
  return ML_OK;
}

void sc_capture_clear(sc_capture *c) {
  mail *m;

  while ((m = c->first) != NULL) {
    c->first = m->next;
    mail_free(m);
  }
  c->end = &c->first;
  c->count = 0;
  memset(c->faults, 0, sizeof c->faults);
}

void sc_capture_free(sc_capture *c) {
  if (c == NULL)
    return;
  while (c->sessions != NULL)
    session_free(c->sessions);
  sc_capture_clear(c);
  ml_loop_fd_free(c->watch);
  ml_listen_close(&c->listen);
  ml_mem_free(c->pair);
  sc_tls_free(c->tls);
  ml_mem_free(c);
}

/* ---- what came ---- */

size_t sc_capture_count(const sc_capture *c) {
  return c->count;
}

size_t sc_capture_sessions(const sc_capture *c) {
  return c->session_count;
}

ml_str sc_capture_raw(const sc_capture *c, size_t i) {
  const mail *m = c->first;

  while (m != NULL && i-- > 0)
    m = m->next;
  return m != NULL ? (ml_str){m->raw.p, m->raw.len} : ML_STR("");
}

/* The value of a header, unfolded. */
static void header_of(ml_str raw, const char *name, ml_buf *out) {
  size_t n = strlen(name);
  const char *p = raw.p, *end = raw.p + raw.n, *nl;
  bool in = false;

  for (; p < end && (nl = memmem(p, (size_t)(end - p), "\r\n", 2)) != NULL && nl > p;
       p = nl + 2) {
    if (*p == ' ' && in) {
      ml_buf_put(out, p, (size_t)(nl - p));
      continue;
    }
    in = (size_t)(nl - p) > n && strncasecmp(p, name, n) == 0 && p[n] == ':';
    if (in) {
      p += n + 1;
      p += p < nl && *p == ' ';
      ml_buf_put(out, p, (size_t)(nl - p));
    }
  }
}

/* Encoded words in UTF-8 and base64 as text; blanks between two go. */
static void decode_words(ml_str s, ml_buf *out) {
  static const char open[] = "=?UTF-8?B?";
  const char *p = s.p, *end = s.p + s.n, *stop;
  bool word = false;

  while (p < end) {
    const char *q = p;

    while (word && q < end && *q == ' ')
      q++;
    if ((size_t)(end - q) > 12 && memcmp(q, open, 10) == 0 &&
        (stop = memmem(q + 10, (size_t)(end - q - 10), "?=", 2)) != NULL &&
        ml_text_base64(out, (ml_str){q + 10, (size_t)(stop - q - 10)}, false) ==
            ML_OK) {
      p = stop + 2;
      word = true;
      continue;
    }
    ml_buf_putc(out, *p++);
    word = false;
  }
}

/* The body: base64 without its line ends. */
static void decode_body(ml_str raw, ml_buf *out) {
  const char *body = memmem(raw.p, raw.n, "\r\n\r\n", 4);
  ml_buf b = {0};

  for (const char *p = body != NULL ? body + 4 : raw.p + raw.n;
       p < raw.p + raw.n; p++)
    if (*p != '\r' && *p != '\n')
      ml_buf_putc(&b, *p);
  if (ml_text_base64(out, (ml_str){b.p != NULL ? b.p : "", b.len}, false) != ML_OK)
    ml_buf_puts(out, "(not base64)");
  ml_buf_free(&b);
}

static void put_buf(ml_jw *w, const char *key, ml_buf *b) {
  ml_jw_kstr(w, key, (ml_str){b->p != NULL ? b->p : "", b->len});
  ml_buf_free(b);
}

static void put_mail(ml_jw *w, const mail *m) {
  ml_str raw = {m->raw.p != NULL ? m->raw.p : "", m->raw.len};
  ml_buf id = {0}, coded = {0}, subject = {0}, body = {0};

  header_of(raw, "Message-ID", &id);
  header_of(raw, "Subject", &coded);
  decode_words((ml_str){coded.p, coded.len}, &subject);
  decode_body(raw, &body);
  ml_jw_obj(w);
  ml_jw_kstr(w, "from", (ml_str){m->from.p, m->from.len});
  ml_jw_kstr(w, "to", (ml_str){m->to.p, m->to.len});
  put_buf(w, "id", &id);
  put_buf(w, "subject", &subject);
  put_buf(w, "body", &body);
  ml_jw_kbool(w, "tls", m->tls);
  ml_jw_kbool(w, "login", m->known);
  ml_jw_kstr(w, "raw", raw);
  ml_jw_end(w);
  ml_buf_free(&coded);
}

void sc_capture_list(const sc_capture *c, ml_jw *w) {
  ml_jw_obj(w);
  ml_jw_kint(w, "count", (int64_t)c->count);
  ml_jw_key(w, "items");
  ml_jw_arr(w);
  for (const mail *m = c->first; m != NULL; m = m->next)
    put_mail(w, m);
  ml_jw_end(w);
  ml_jw_end(w);
}
