/*
** check_http.c - the HTTP edge on real sockets, as `make check-http` runs it.
**
** A child process is the server: one with the small limits of http_cases.h,
** one with short deadlines, one as it is by default.  This process is every
** client: it sends raw bytes, whole and byte by byte, counts the answers, and
** looks when they came.  No connection may get more answers than it made
** requests, or other ones.
*/
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "http_cases.h"
#include "net/server.h"
#include "slow_build.h"

enum {
  HEADER_MS = 400, BODY_MS = 600, IDLE_MS = 300, REQUEST_MS = 1200,
  FEW = 8, FEW_PER_PEER = 5,
  ANSWER_MS = 10000,           /* for what must come; it comes at once */
  NARROW = 4096, SLOW_EACH = 100, SOUND = 60, SOUND_MOST_MS = 2000, BIG = 512 << 10,
  TIMED_LEAST = 12, RAW_LEAST = 150
};

static int ports[3];           /* small, short, default */
static int passed, failed;

static int64_t now_ms(void) {
  return ml_clock_system()->mono_ms(ml_clock_system());
}

/* ---- the server ---- */

static void on_request(void *arg, ml_request *q) {
  ml_buf b = {0};

  (void)arg;
  if (ml_str_is(q->path, "/never"))
    return;                    /* the deadline answers */
  if (ml_str_is(q->path, "/big")) {
    char *room = ml_buf_room(&b, BIG);

    if (room != NULL) {
      memset(room, 'b', BIG);
      b.len += BIG;
    }
  } else {
    ml_buf_printf(&b, "%s %s%s%s @%s #%zu '%.*s'", q->method.p, q->path.p,
                  q->query.p != NULL ? "?" : "",
                  q->query.p != NULL ? q->query.p : "",
                  q->host.p != NULL ? q->host.p : "-", q->header_count,
                  (int)q->body.n, q->body.p);
  }
  ml_reply(q, b.bad ? 500 : 200, NULL, (ml_str){b.p, b.len});
  ml_buf_free(&b);
}

static const ml_server_limits servers[3] = {
  {.line = LINE, .header_bytes = HEADER_BYTES, .header_fields = FIELDS,
   .body = BODY},
  {.header_ms = HEADER_MS, .body_ms = BODY_MS, .idle_ms = IDLE_MS,
   .request_ms = REQUEST_MS, .connections = FEW, .per_peer = FEW_PER_PEER},
  {.connections = 0}
};

/* Never returns.  Writes its ports, then serves until it is killed. */
static void serve(int out) {
  ml_loop *l;
  ml_server *s;
  char bound[128];
  ml_err e = {0};
  int port[3];

  ml_log_to(2, ML_ERROR_LEVEL);
  if (ml_loop_new(NULL, &l) != ML_OK)
    _exit(1);
  for (int i = 0; i < 3; i++) {
    if (ml_server_new(l, &servers[i], on_request, NULL, &s) != ML_OK ||
        ml_server_listen(s, "127.0.0.1:0", bound, &e) != ML_OK)
      _exit(1);
    port[i] = atoi(strrchr(bound, ':') + 1);
  }
  if (write(out, port, sizeof port) != (ssize_t)sizeof port)
    _exit(1);
  ml_loop_run(l);
  _exit(0);
}

/* ---- clients ---- */

static int dial_narrow(int port, unsigned source, int receive) {
  struct sockaddr_in a = {.sin_family = AF_INET};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

  if (fd < 0)
    return -1;
  if (receive > 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
  if (bind(fd, (struct sockaddr *)&a, sizeof a) == 0) {
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons((uint16_t)port);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
      return fd;
  }
  close(fd);
  return -1;
}

static int dial(int port, unsigned source) {
  return dial_narrow(port, source, 0);
}

/* The peer may have closed: what it said before is read all the same. */
static void put(int fd, const char *p, size_t n) {
  while (n > 0) {
    ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

    if (k < 0 && errno == EINTR)
      continue;
    if (k <= 0)
      return;
    p += k;
    n -= (size_t)k;
  }
}

static void puts_(int fd, const char *s) {
  put(fd, s, strlen(s));
}

/* Read until `until_ms`, or until the peer closed (true). */
static bool hear(int fd, ml_buf *got, int64_t until_ms) {
  struct pollfd p = {.fd = fd, .events = POLLIN};

  for (;;) {
    int64_t left = until_ms - now_ms();
    char *room = ml_buf_room(got, 65536);
    ssize_t n;

    if (room == NULL || left <= 0 || poll(&p, 1, (int)left) <= 0)
      return false;
    n = recv(fd, room, 65536, 0);
    if (n <= 0)
      return true;
    got->len += (size_t)n;
    room[n] = '\0';
  }
}

typedef struct answer {
  int status;
  const char *body;
  size_t n;
  bool closes;
} answer;

/* The next answer at *p, over 100s; 0: none, -1: no answer can look so. */
static int next_answer(const char **p, const char *end, bool head, answer *a) {
  const char *at = *p, *stop, *f;

  for (;;) {
    if (at == end)
      return 0;
    if (sscanf(at, "HTTP/1.1 %3d ", &a->status) != 1 ||
        (stop = strstr(at, "\r\n\r\n")) == NULL)
      return -1;
    if (a->status >= 200)
      break;
    at = stop + 4;
  }
  f = strcasestr(at, "\r\ncontent-length: ");
  a->n = f != NULL && f < stop && !head ? strtoul(f + 18, NULL, 10) : 0;
  f = strcasestr(at, "\r\nconnection: close");
  a->closes = f != NULL && f <= stop;
  a->body = stop + 4;
  if ((size_t)(end - a->body) < a->n)
    return -1;
  *p = a->body + a->n;
  return 1;
}

static void result(bool good, const char *name, const char *why) {
  if (good) {
    passed++;
    return;
  }
  failed++;
  printf("NOT GOOD: %s: %s\n", name, why);
}

/* ---- raw requests ---- */

/* One item of a verdict against one answer: NULL, or what is wrong. */
static const char *differs(const char *item, size_t n, const answer *a) {
  const char *tail;
  size_t m = n;

  if (n == 3 && strspn(item, "0123456789") >= 3) {
    if (a->status != atoi(item))
      return "another status";
    return a->closes ? NULL : "refused, but the connection is not closed";
  }
  if (a->status != 200)
    return "refused";
  tail = memrchr(item, '\'', n);
  if (tail != NULL)
    m = (size_t)(tail + 1 - item);
  if (a->n != m || memcmp(a->body, item, m) != 0)
    return "understood in another way";
  if (a->closes != (memmem(item + m, n - m, "close", 5) != NULL))
    return "keep-alive is another";
  return NULL;
}

static const char *judge(const char *verdict, const ml_buf *got) {
  const char *p = got->p != NULL ? got->p : "", *end = p + got->len;
  answer a;
  int is;

  for (const char *item = verdict; *item != '\0'; ) {
    size_t n = strcspn(item, ";");
    const char *why;

    if (n != 3 || memcmp(item, "...", 3) != 0) {
      is = next_answer(&p, end, false, &a);
      if (is <= 0)
        return is == 0 ? "an answer is missing" : "an answer is broken";
      why = differs(item, n, &a);
      if (why != NULL)
        return why;
    }
    item += n;
    item += strspn(item, "; ");
  }
  return p == end ? NULL : "more answers than requests";
}

static void raw(const http_case *c, size_t step, const char *how) {
  ml_buf got = {0};
  char name[300];
  int fd = dial(ports[0], 0);
  const char *why = "cannot connect";

  if (fd >= 0) {
    for (size_t at = 0; at < c->n; at += step)
      put(fd, c->raw + at, c->n - at < step ? c->n - at : step);
    shutdown(fd, SHUT_WR);
    why = hear(fd, &got, now_ms() + ANSWER_MS) ? judge(c->verdict, &got)
                                               : "the connection stays open";
    close(fd);
  }
  snprintf(name, sizeof name, "%s, wanted %s, of %.120s", how, c->verdict,
           c->raw);
  result(why == NULL, name, why != NULL ? why : "");
  ml_buf_free(&got);
}

static int raw_requests(void) {
  int n = 0;

  for (int i = 0; i < HTTP_CASES; i++) {
    if (http_cases[i].unix_socket)
      continue;
    raw(&http_cases[i], http_cases[i].n > 0 ? http_cases[i].n : 1, "whole");
    raw(&http_cases[i], 1, "byte by byte");
    n++;
  }
  return n;
}

/* ---- timed behaviours ---- */

typedef struct timed {
  const char *name;
  const char *at_once;         /* sent first */
  const char *drip;            /* then a byte of this, over and over, each */
  int drip_ms;
  int status;                  /* of the one answer; 0: none */
  int from_ms, to_ms;          /* when the connection must be closed */
} timed;

#define SLACK 1500               /* a busy machine */

static const timed timeds[] = {
  {"nothing is sent", "", NULL, 0, 0, IDLE_MS / 2, HEADER_MS + SLACK},
  {"half a request line, then nothing", "GET /", NULL, 0, 408, HEADER_MS - 50,
   HEADER_MS + SLACK},
  {"no end of the headers", "GET / HTTP/1.1\r\nHost: h\r\n", NULL, 0, 408,
   HEADER_MS - 50, HEADER_MS + SLACK},
  {"headers byte by byte", "GET / HTTP/1.1\r\nHost: h\r\nx: ", "y", 20, 408,
   HEADER_MS - 50, HEADER_MS + SLACK},
  {"empty fields line by line", "GET / HTTP/1.1\r\nHost: h\r\n", "a:\r\n", 20,
   408, HEADER_MS - 50, HEADER_MS + SLACK},
  {"a body that does not come", "POST / HTTP/1.1\r\nHost: h\r\n"
   "Content-Length: 10\r\n\r\n", NULL, 0, 408, BODY_MS - 50, BODY_MS + SLACK},
  {"a body byte by byte", "POST / HTTP/1.1\r\nHost: h\r\n"
   "Content-Length: 100000\r\n\r\n", "z", 20, 408, BODY_MS - 50,
   BODY_MS + SLACK},
  {"chunks byte by byte", "POST / HTTP/1.1\r\nHost: h\r\n"
   "Transfer-Encoding: chunked\r\n\r\n", "1\r\nz\r\n", 20, 408, BODY_MS - 50,
   BODY_MS + SLACK},
  {"a trailer without end", "POST / HTTP/1.1\r\nHost: h\r\n"
   "Transfer-Encoding: chunked\r\n\r\n0\r\n", "t: u\r\n", 20, 408, HEADER_MS - 50,
   BODY_MS + SLACK},
  {"a handler that never answers", "GET /never HTTP/1.1\r\nHost: h\r\n\r\n",
   NULL, 0, 503, REQUEST_MS - 50, REQUEST_MS + SLACK},
  {"idle after an answer", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", NULL, 0, 200,
   IDLE_MS - 50, IDLE_MS + SLACK},
  {"an answer, then half a request", "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET",
   NULL, 0, 200 * 1000 + 408, HEADER_MS - 50, HEADER_MS + SLACK},
  {"refused, and more behind it", "BAD\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
   NULL, 0, 400, 0, SLACK},
  {"closed as asked, and more behind it", "GET / HTTP/1.1\r\nHost: h\r\n"
   "Connection: close\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", NULL, 0, 200,
   0, SLACK},
  {"a smuggled request", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n"
   "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /in HTTP/1.1\r\nHost: h\r\n\r\n",
   NULL, 0, 400, 0, SLACK},
  {"a body announced too large, and sent", "POST / HTTP/1.1\r\nHost: h\r\n"
   "Content-Length: 99999999\r\n\r\n", "wwwwwwwwwwwwwwww", 1, 413, 0, SLACK}
};

/* The status of the one answer, of two a*1000+b, or 0; -1: broken. */
static int heard(const ml_buf *got) {
  const char *p = got->p != NULL ? got->p : "", *end = p + got->len;
  answer a;
  int all = 0, is;

  while ((is = next_answer(&p, end, false, &a)) == 1)
    all = all * 1000 + a.status;
  return is < 0 ? -1 : all;
}

static void behaviour(const timed *t) {
  ml_buf got = {0};
  int fd = dial(ports[1], 7);
  int64_t from = now_ms(), end = from + t->to_ms, took;
  bool over = false;
  char why[200] = "";

  if (fd < 0) {
    result(false, t->name, "cannot connect");
    return;
  }
  puts_(fd, t->at_once);
  while (!over && t->drip != NULL && now_ms() < end) {
    over = hear(fd, &got, now_ms() + t->drip_ms);
    puts_(fd, t->drip);
  }
  over = over || hear(fd, &got, end + 200);
  took = now_ms() - from;
  close(fd);
  if (!over)
    snprintf(why, sizeof why, "the connection is still open after %lld ms",
             (long long)took);
  else if (heard(&got) != t->status)
    snprintf(why, sizeof why, "answered %d, not %d", heard(&got), t->status);
  else if (took < t->from_ms)
    snprintf(why, sizeof why, "closed after %lld ms already", (long long)took);
  result(why[0] == '\0', t->name, why);
  ml_buf_free(&got);
}

/* One more than may be: it is answered 503, or closed; the others stand. */
static void crowd(const char *name, int most, unsigned sources) {
  int fd[FEW + 1], extra;
  ml_buf got = {0};
  int status;

  for (int i = 0; i < most; i++) {
    fd[i] = dial(ports[1], sources == 1 ? 20 : 20 + (unsigned)i);
    puts_(fd[i], "GET /x HTTP/1.1\r\nHost: h\r\n");
  }
  extra = dial(ports[1], sources == 1 ? 20 : 20 + (unsigned)most);
  result(hear(extra, &got, now_ms() + ANSWER_MS), name, "it is not closed");
  status = heard(&got);
  result(status == 503 || status == 0, name, "it is answered");
  ml_buf_reset(&got);
  puts_(fd[0], "Connection: close\r\n\r\n");
  result(hear(fd[0], &got, now_ms() + ANSWER_MS) && heard(&got) == 200, name,
         "who was there before is not answered");
  ml_buf_free(&got);
  for (int i = 0; i < most; i++)
    close(fd[i]);
  close(extra);
}

/* A server whose connections were closed by us forgets them soon: wait until
** a sound request is answered. */
static bool recovers(void) {
  int64_t end = now_ms() + ANSWER_MS;
  bool good = false;

  while (!good && now_ms() < end) {
    ml_buf got = {0};
    int fd = dial(ports[1], 30);

    puts_(fd, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    good = hear(fd, &got, end) && heard(&got) == 200;
    close(fd);
    ml_buf_free(&got);
  }
  return good;
}

/* ---- four hundred slow ones ---- */

static const char *const slow_first[4] = {
  "",                                               /* says nothing */
  "GET / HTTP/1.1\r\nHost: h\r\nx: ",                /* drips its headers */
  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\n",
  "GET /big HTTP/1.1\r\nHost: h\r\n\r\nGET /big HTTP/1.1\r\nHost: h\r\n\r\n"
};

static int64_t sound(void) {
  int64_t from = now_ms();
  ml_buf got = {0};
  int fd = dial(ports[2], 99);
  bool good;

  puts_(fd, "GET /sound HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  good = hear(fd, &got, from + ANSWER_MS) && heard(&got) == 200;
  close(fd);
  ml_buf_free(&got);
  return good ? now_ms() - from : ANSWER_MS;
}

static void slow_ones(void) {
  static int fd[4][SLOW_EACH];
  int64_t worst = 0, ms;
  char why[100];
  int open = 0;

  for (int k = 0; k < 4; k++)
    for (int i = 0; i < SLOW_EACH; i++) {
      fd[k][i] = dial_narrow(ports[2], 40 + (unsigned)(i / 10),
                             k == 3 ? NARROW : 0);
      open += fd[k][i] >= 0;
      puts_(fd[k][i], slow_first[k]);
    }
  for (int round = 0; round < SOUND; round++) {
    for (int i = 0; i < SLOW_EACH; i++) {
      put(fd[1][i], "y", 1);
      put(fd[2][i], "z", 1);
    }
    ms = sound();
    worst = ms > worst ? ms : worst;
  }
  snprintf(why, sizeof why, "%d slow ones, the worst sound request took %lld ms",
           open, (long long)worst);
  result(open == 4 * SLOW_EACH && worst < ANSWER_MS &&
             worst < SOUND_MOST_MS * SLOW_BUILD,
         "a sound request beside 400 slow connections", why);
  printf("beside %d slow connections a sound request took at most %lld ms\n",
         open, (long long)worst);
  for (int k = 0; k < 4; k++)
    for (int i = 0; i < SLOW_EACH; i++)
      close(fd[k][i]);
}

int main(void) {
  int p[2], n, timed_n = sizeof timeds / sizeof *timeds;
  pid_t child;

  setvbuf(stdout, NULL, _IOLBF, 0);
  if (pipe(p) != 0 || (child = fork()) < 0)
    return 1;
  if (child == 0)
    serve(p[1]);
  close(p[1]);
  if (read(p[0], ports, sizeof ports) != (ssize_t)sizeof ports) {
    fprintf(stderr, "the server does not start\n");
    return 1;
  }
  n = raw_requests();
  for (int i = 0; i < timed_n; i++)
    behaviour(&timeds[i]);
  crowd("more from one address than may be", FEW_PER_PEER, 1);
  result(recovers(), "after the crowd of one address", "no answer");
  crowd("more in all than may be", FEW, FEW);
  result(recovers(), "after the crowd of many", "no answer");
  slow_ones();
  result(n >= RAW_LEAST && timed_n >= TIMED_LEAST, "cases", "there are too few");
  result(waitpid(child, NULL, WNOHANG) == 0, "the server", "it died");
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  printf("%d raw requests, each in two ways, %d timed behaviours; %d results "
         "good, %d not\n", n, timed_n + 3, passed, failed);
  return failed == 0 ? 0 : 1;
}
