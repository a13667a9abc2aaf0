/*
** mail.c - one mail: what libcurl is told, and what its end means.
**
** The loop's thread copies a mail into the list `waiting` and tells its end from
** the list `ended`; the mailer's thread takes it from the one to the other.
** Everything those two share is in struct mailer and behind its lock; a mail
** belongs to the thread that took it out of a list.
**
** To stop, the loop's thread sets `stop` and shuts down the connection, which
** ends whatever libcurl waits for.
*/
#include "net/mail.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/address.h"
#include "net/mail_text.h"

#define TIMEOUT_MS 120000
#define CONNECT_MS 10000
#define ANSWER_S 60L             /* each answer, the one to QUIT too */
#define SAID_MAX 300u            /* of the server's last line */

typedef struct mailer mailer;

typedef struct mail {
  mailer *mailer;
  struct mail *next;
  ml_mail_fn *fn;
  void *arg;
  ml_arena texts;
  ml_str message;
  size_t sent;                   /* of the message */
  const char *url, *user, *password, *ca_file;
  ml_mail_tls tls;
  int64_t timeout_ms;
  ml_str *allow;
  size_t allow_count;
  struct curl_slist to;
  const char *from;
  ml_err refused;                /* rc set: its address was not allowed */
  int code;
  char said[SAID_MAX];
  char curl_says[CURL_ERROR_SIZE];
  ml_mail_end end;
  char why[SAID_MAX + CURL_ERROR_SIZE + 40];
} mail;

typedef struct list {
  mail *first, **end;
} list;

struct mailer {
  ml_mailer face;                /* first */
  ml_loop_wakeup *wakeup;
  pthread_mutex_t lock;
  pthread_cond_t more;
  pthread_t thread;
  bool begun;                    /* the thread */
  /* behind the lock */
  list waiting, ended;
  bool stop;
  int fd;                        /* the open connection; -1 none */
};

static void list_add(list *l, mail *k) {
  k->next = NULL;
  *l->end = k;
  l->end = &k->next;
}

static mail *list_take(list *l) {
  mail *k = l->first;

  if (k != NULL) {
    l->first = k->next;
    if (l->first == NULL)
      l->end = &l->first;
  }
  return k;
}

/* ---- the server ---- */

static bool begins(ml_str s, const char *with) {
  return s.n >= strlen(with) && strncasecmp(s.p, with, strlen(with)) == 0;
}

/* host[:port] and nothing else behind the scheme. */
static bool place_ok(ml_str place) {
  size_t i;

  for (i = 0; i < place.n; i++)
    if (place.p[i] <= ' ' || place.p[i] > '~' ||
        strchr("/@?#\\", place.p[i]) != NULL)
      return false;
  return place.n > 0 && place.n <= 255;
}

ml_rc ml_mail_server_check(const ml_mail_server *s, ml_err *e) {
  bool tls = begins(s->url, "smtps://");
  size_t skip = tls ? 8 : 7;
  ml_str place;
  char shown[80];

  ml_text_excerpt(shown, sizeof shown, s->url);
  if (!tls && !begins(s->url, "smtp://"))
    return ml_err_set(e, ML_INVALID, "", "'%s' is no mail server: smtp://host:"
                      "port or smtps://host:port", shown);
  place = (ml_str){s->url.p + skip, s->url.n - skip};
  if (place.n > 0 && place.p[place.n - 1] == '/')
    place.n--;
  if (!place_ok(place))
    return ml_err_set(e, ML_INVALID, "", "'%s' is no mail server: behind the "
                      "scheme stand a host and a port only; user and password "
                      "have keys of their own", shown);
  if ((s->user.p == NULL) != (s->password.p == NULL))
    return ml_err_set(e, ML_INVALID, "", "a mail server is given both a user "
                      "and a password, or neither");
  if (s->password.p != NULL && s->tls == ML_MAIL_TLS_TRY && !tls)
    return ml_err_set(e, ML_INVALID, "", "with a password the mail server must "
                      "offer TLS: 'require' it, or say 'none' to send the "
                      "password in the open");
  return ML_OK;
}

/* Judge where the connection goes.  The ports of mail need no exception: who
** names the server is the operator. */
static bool address_ok(mail *k, const struct sockaddr *sa) {
  char text[ML_ADDRESS_TEXT];
  bool listed = false, exact;
  ml_address a;
  uint16_t port;

  if (!ml_address_of(sa, &a, &port)) {
    ml_err_set(&k->refused, ML_REFUSED, "", "the mail server has neither an "
               "IPv4 nor an IPv6 address");
    return false;
  }
  for (size_t i = 0; i < k->allow_count; i++)
    listed = listed || ml_address_allowed(k->allow[i], &a, port, &exact);
  if (listed || !ml_address_private(&a))
    return true;
  ml_address_print(&a, port, text);
  ml_err_set(&k->refused, ML_REFUSED, "", "%s is a private address: an operator "
             "may list it, with its port, under allow_addresses", text);
  return false;
}

/* ---- what libcurl calls, on the mailer's thread ---- */

static curl_socket_t on_open(void *arg, curlsocktype purpose,
                             struct curl_sockaddr *a) {
  mail *k = arg;
  mailer *m = k->mailer;
  int fd;

  if (purpose != CURLSOCKTYPE_IPCXN || !address_ok(k, &a->addr))
    return CURL_SOCKET_BAD;
  fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
  pthread_mutex_lock(&m->lock);
  m->fd = fd;
  pthread_mutex_unlock(&m->lock);
  return fd;
}

static int on_close(void *arg, curl_socket_t fd) {
  mailer *m = arg;

  pthread_mutex_lock(&m->lock);
  if (m->fd == fd)
    m->fd = -1;
  pthread_mutex_unlock(&m->lock);
  return close(fd);
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c,
                       curl_off_t d) {
  mailer *m = arg;
  bool stop;

  (void)a, (void)b, (void)c, (void)d;
  pthread_mutex_lock(&m->lock);
  stop = m->stop;
  pthread_mutex_unlock(&m->lock);
  return stop ? 1 : 0;
}

/* The lines of the server come as headers.  Behind a refusal there is only its
** good-bye. */
static size_t on_line(char *p, size_t size, size_t n, void *arg) {
  mail *k = arg;
  ml_str line = {p, size * n};

  if (k->code >= 400)
    return size * n;
  while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
    line.n--;
  ml_text_excerpt(k->said, sizeof k->said, line);
  if (line.n >= 3 && line.p[0] >= '2' && line.p[0] <= '5')
    k->code = (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + line.p[2] - '0';
  return size * n;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg) {
  mail *k = arg;
  size_t left = k->message.n - k->sent;

  n = size * n < left ? size * n : left;
  memcpy(p, k->message.p + k->sent, n);
  k->sent += n;
  return n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg) {
  (void)p;
  (void)arg;
  return size * n;
}

static bool set_options(mail *k, CURL *e) {
  long answer_s = k->timeout_ms < ANSWER_S * 1000 ? k->timeout_ms / 1000 + 1
                                                  : ANSWER_S;
  long tls = k->tls == ML_MAIL_TLS_REQUIRE ? CURLUSESSL_ALL
             : k->tls == ML_MAIL_TLS_TRY ? CURLUSESSL_TRY : CURLUSESSL_NONE;
  bool ok = true;

  ok &= !curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  ok &= !curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  ok &= !curl_easy_setopt(e, CURLOPT_PROXY, "");
  ok &= !curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  ok &= !curl_easy_setopt(e, CURLOPT_URL, k->url);
  ok &= !curl_easy_setopt(e, CURLOPT_USE_SSL, tls);
  ok &= !curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
  ok &= !curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
  ok &= !curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  ok &= !curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
  ok &= !curl_easy_setopt(e, CURLOPT_SERVER_RESPONSE_TIMEOUT,
                          answer_s);
  ok &= !curl_easy_setopt(e, CURLOPT_MAIL_FROM, k->from);
  ok &= !curl_easy_setopt(e, CURLOPT_MAIL_RCPT, &k->to);
  ok &= !curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
  ok &= !curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE,
                          (curl_off_t)k->message.n);
  ok &= !curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
  ok &= !curl_easy_setopt(e, CURLOPT_READDATA, k);
  ok &= !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
  ok &= !curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_line);
  ok &= !curl_easy_setopt(e, CURLOPT_HEADERDATA, k);
  ok &= !curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
  ok &= !curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, k);
  ok &= !curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  ok &= !curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, k->mailer);
  ok &= !curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
  ok &= !curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
  ok &= !curl_easy_setopt(e, CURLOPT_XFERINFODATA, k->mailer);
  ok &= !curl_easy_setopt(e, CURLOPT_ERRORBUFFER, k->curl_says);
  ok &= !curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                          k->timeout_ms < CONNECT_MS ? (long)k->timeout_ms
                                                     : (long)CONNECT_MS);
  ok &= !curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)k->timeout_ms);
  if (k->ca_file != NULL)
    ok &= !curl_easy_setopt(e, CURLOPT_CAINFO, k->ca_file);
  if (k->user != NULL) {
    ok &= !curl_easy_setopt(e, CURLOPT_USERNAME, k->user);
    ok &= !curl_easy_setopt(e, CURLOPT_PASSWORD, k->password);
  }
  return ok;
}

/* ---- the mailer's thread ---- */

/* A refusal of this mail, told by the server, is for good; what stands in the
** way of any mail (no TLS, a wrong password) is not. */
static bool for_good(const mail *k, CURLcode code) {
  return k->code >= 500 && code != CURLE_LOGIN_DENIED &&
         code != CURLE_USE_SSL_FAILED && k->code != 530 && k->code != 535;
}

static void judge(mail *k, CURLcode code) {
  if (code == CURLE_OK) {
    k->end = ML_MAIL_TAKEN;
  } else if (k->refused.rc != ML_OK && k->code == 0) {
    k->end = ML_MAIL_REFUSED;
    snprintf(k->why, sizeof k->why, "%s", k->refused.text);
  } else if (k->code >= 400) {
    k->end = for_good(k, code) ? ML_MAIL_REFUSED : ML_MAIL_NOT_YET;
    snprintf(k->why, sizeof k->why, "the mail server says: %s", k->said);
  } else {
    k->end = ML_MAIL_NOT_YET;
    snprintf(k->why, sizeof k->why, "no mail server took it: %s",
             k->curl_says[0] != '\0' ? k->curl_says : curl_easy_strerror(code));
  }
}

static void transfer(mail *k) {
  CURL *easy = curl_easy_init();

  judge(k, easy != NULL && set_options(k, easy) ? curl_easy_perform(easy)
                                                : CURLE_OUT_OF_MEMORY);
  curl_easy_cleanup(easy);
}

static void *work(void *arg) {
  mailer *m = arg;
  mail *k;

  pthread_mutex_lock(&m->lock);
  while (!m->stop) {
    k = list_take(&m->waiting);
    if (k == NULL) {
      pthread_cond_wait(&m->more, &m->lock);
      continue;
    }
    pthread_mutex_unlock(&m->lock);
    transfer(k);
    pthread_mutex_lock(&m->lock);
    list_add(&m->ended, k);
    ml_loop_wake(m->wakeup);
  }
  pthread_mutex_unlock(&m->lock);
  return NULL;
}

/* Begun with all signals blocked: they are the loop's. */
static bool begin(mailer *m) {
  sigset_t all, before;

  if (m->begun)
    return true;
  sigfillset(&all);
  if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
    return false;
  m->begun = pthread_create(&m->thread, NULL, work, m) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return m->begun;
}

/* ---- the loop's thread ---- */

static void mail_free(mail *k) {
  if (k == NULL)
    return;
  if (k->password != NULL)
    ml_crypto_wipe((char *)k->password, strlen(k->password));
  ml_arena_free(&k->texts);
  ml_mem_free(k);
}

static void on_ended(void *arg) {
  mailer *m = arg;
  mail *k;

  for (;;) {
    pthread_mutex_lock(&m->lock);
    k = list_take(&m->ended);
    pthread_mutex_unlock(&m->lock);
    if (k == NULL)
      return;
    k->fn(k->arg, &(ml_mail_answer){k->end, k->code,
                                    k->end == ML_MAIL_TAKEN ? NULL : k->why});
    mail_free(k);
  }
}

static const char *copy(mail *k, ml_str s) {
  return ml_arena_dup(&k->texts, s.n > 0 ? s.p : "", s.n);
}

/* The greeting names the sender's own host, not this machine. */
static const char *url_of(mail *k, const ml_mail_call *call) {
  const char *at = memrchr(call->from.p, '@', call->from.n);
  ml_str url = call->server->url;

  while (url.n > 0 && url.p[url.n - 1] == '/')
    url.n--;
  return ml_arena_printf(&k->texts, "%.*s/%.*s", (int)url.n, url.p,
                         (int)(call->from.p + call->from.n - at - 1), at + 1);
}

static bool copy_all(mail *k, const ml_mail_call *call) {
  const ml_mail_server *s = call->server;
  size_t i;

  k->url = url_of(k, call);
  k->message = (ml_str){copy(k, call->message), call->message.n};
  k->from = ml_arena_printf(&k->texts, "<%.*s>", (int)call->from.n,
                            call->from.p);
  k->to.data = ml_arena_printf(&k->texts, "<%.*s>", (int)call->to.n, call->to.p);
  k->allow = ml_arena_alloc(&k->texts, (s->allow_count + 1) * sizeof *k->allow);
  if (k->url == NULL || k->message.p == NULL || k->from == NULL ||
      k->to.data == NULL || k->allow == NULL)
    return false;
  for (i = 0; i < s->allow_count; i++) {
    k->allow[i] = (ml_str){copy(k, s->allow[i]), s->allow[i].n};
    if (k->allow[i].p == NULL)
      return false;
  }
  k->allow_count = s->allow_count;
  if (s->ca_file.p != NULL && (k->ca_file = copy(k, s->ca_file)) == NULL)
    return false;
  if (s->user.p != NULL) {
    k->user = copy(k, s->user);
    k->password = copy(k, s->password);
    return k->user != NULL && k->password != NULL;
  }
  return true;
}

static ml_rc mailer_send(ml_mailer *face, const ml_mail_call *call,
                         ml_mail_fn *fn, void *arg, ml_err *e) {
  mailer *m = (mailer *)face;
  mail *k;
  ml_rc rc = ml_mail_server_check(call->server, e);

  if (rc == ML_OK &&
      (!ml_mail_is_address(call->from) || !ml_mail_is_address(call->to)))
    rc = ml_err_set(e, ML_INVALID, "", "a mail has a sender and a receiver");
  if (rc != ML_OK)
    return rc;
  k = ml_mem_zero(sizeof *k);
  if (k == NULL || !copy_all(k, call) || !begin(m)) {
    mail_free(k);
    return ml_err_set(e, ML_NOMEM, "", "out of memory");
  }
  k->mailer = m;
  k->fn = fn;
  k->arg = arg;
  k->tls = call->server->tls;
  k->timeout_ms = call->server->timeout_ms > 0 ? call->server->timeout_ms
                                               : TIMEOUT_MS;
  pthread_mutex_lock(&m->lock);
  list_add(&m->waiting, k);
  pthread_cond_signal(&m->more);
  pthread_mutex_unlock(&m->lock);
  return ML_OK;
}

ml_rc ml_mailer_new(ml_loop *l, ml_mailer **out) {
  mailer *m = ml_mem_zero(sizeof *m);

  *out = NULL;
  if (m == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    ml_mem_free(m);
    return ML_NOMEM;
  }
  m->face.send = mailer_send;
  m->waiting.end = &m->waiting.first;
  m->ended.end = &m->ended.first;
  m->fd = -1;
  m->wakeup = ml_loop_wakeup_new(l, on_ended, m);
  if (m->wakeup == NULL || pthread_mutex_init(&m->lock, NULL) != 0) {
    ml_loop_wakeup_free(m->wakeup);
    ml_mem_free(m);
    curl_global_cleanup();
    return ML_NOMEM;
  }
  pthread_cond_init(&m->more, NULL);   /* cannot fail without attributes */
  *out = &m->face;
  return ML_OK;
}

static void stop(mailer *m) {
  pthread_mutex_lock(&m->lock);
  m->stop = true;
  if (m->fd >= 0)
    shutdown(m->fd, SHUT_RDWR);
  pthread_cond_signal(&m->more);
  pthread_mutex_unlock(&m->lock);
  if (m->begun)
    pthread_join(m->thread, NULL);
}

void ml_mailer_free(ml_mailer *face) {
  mailer *m = (mailer *)face;
  mail *k;

  if (m == NULL)
    return;
  stop(m);
  while ((k = list_take(&m->waiting)) != NULL || (k = list_take(&m->ended)) != NULL)
    mail_free(k);
  ml_loop_wakeup_free(m->wakeup);
  pthread_cond_destroy(&m->more);
  pthread_mutex_destroy(&m->lock);
  ml_mem_free(m);
  curl_global_cleanup();
}
