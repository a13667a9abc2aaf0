/*
** check_http_other.c - the request parser beside another one: Node's (llhttp).
**
**   check_http_other [--streams N] [--seed S] [--show REASON]
**
** --show: also the streams at whose end one of the two gave this reason.
** Every raw request of http_cases.h, and N streams made of them: several on one
** connection, with bytes changed, lines doubled, ends of lines, blanks, lengths
** and chunk sizes varied, cut, spliced.  Each is given to both.  What matters is
** that two programs on one connection never see different requests (request
** smuggling): wherever we take a request, the other one takes the same (method,
** target, version, fields in order, body), or refuses; and where both wait for
** more, both wait for the same.  Where we refuse the other may do as it likes:
** that is counted by our reason; and where it alone refuses, by its own: UPGRADE
** (we read on), methods it does not know, a tab behind a length (RFC 9112 allows it),
** and Proxy-Connection, which it believes, are what is left of that.
**
** tests/http_other.mjs says what the other one understood, a line a stream.
*/
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rand.h"
#include "http_cases.h"
#include "net/http_parse.h"

enum { BATCH = 5000, STREAM_MOST = 4000, REASONS = 100, SHOWN = 10 };

/* Limits that no stream meets: the other one has other limits. */
static const ml_http_parse_limits limits = {8192, 16384, 512, 1 << 20, false};

/* ---- streams ---- */

/* Complete requests, beside those of http_cases.h. */
static const http_case more[] = {
  R(GET "Upgrade: x\r\nConnection: upgrade\r\n\r\n", ""),
  R(POST "Upgrade: x\r\nConnection: upgrade\r\nContent-Length: 3\r\n\r\nabc", ""),
  R(GET "Upgrade: h2c\r\n\r\n", ""),
  R(GET "Proxy-Connection: close\r\n\r\n", ""),
  R("HEAD / HTTP/1.1\r\n" H "\r\n", ""),
  R("DELETE /x HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx", ""),
  R("PATCH /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
    "3\r\nGET\r\n0\r\n\r\n", ""),
  R("PUT /x HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc",
    ""),
  R("GET / HTTP/1.1\r\n" H "Content-Length: 30\r\n\r\n"
    "GET /inner HTTP/1.1\r\n" H "\r\n123456", ""),
  R("GET / HTTP/1.1\r\n" H "Content-Length: 4294967301\r\n\r\nhello", ""),
  R(POST "Content-Length: 4294967296\r\n\r\n", ""),
  R(CHUNKED "1e\r\nPOST /inner HTTP/1.1\r\n" H "\r\n\r\n0\r\n\r\n", ""),
  R(CHUNKED "100000005\r\nhello\r\n0\r\n\r\n", ""),
  R(CHUNKED "5;a=\"0\r\n\r\n\"\r\nhello\r\n0\r\n\r\n", ""),
  R(CHUNKED "0;a=\"x\"\r\nx: y\r\n\r\n", ""),
  R(GET "x: y\r\nCookie: a=b; c=d\r\nCookie: e=f\r\nAccept: */*\r\n\r\n", "")
};

enum { MORE = sizeof more / sizeof *more, RAW = HTTP_CASES + MORE };

static const http_case *case_of(int i) {
  return i < HTTP_CASES ? &http_cases[i] : &more[i - HTTP_CASES];
}

/* Lines that frame, or seem to. */
static const char *const lines[] = {
  "Content-Length: 5\r\n", "Content-Length: 0\r\n", "content-length: 05\r\n",
  "Content-Length: 4294967301\r\n", "Content-Length : 5\r\n",
  "Content-Length: 5, 5\r\n", "Content_Length: 5\r\n", "Content-Length:\r\n",
  "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n",
  "Transfer-Encoding: \tchunked \r\n", "Transfer-Encoding:\r\n chunked\r\n",
  "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked, x\r\n",
  "Transfer-Encoding : chunked\r\n", "transfer-encoding: CHUNKED\r\n",
  "Transfer-Encodin: chunked\r\n", "Host: other\r\n", "Host:\r\n",
  "Connection: close\r\n", "Connection: keep-alive\r\n", "Connection: x\r\n",
  "Connection: close, keep-alive\r\n", "Connection: Content-Length\r\n",
  "Connection: upgrade\r\n", "Upgrade: x\r\n", "Expect: 100-continue\r\n",
  "x: y\r\n", "x:\r\n", " x\r\n", "\r\n", "0\r\n\r\n", "5\r\nhello\r\n",
  "GET /in HTTP/1.1\r\nHost: h\r\n\r\n", "Trailer: x\r\n", "TE: trailers\r\n"
};

/* What stands in the place of a number. */
static const char *const numbers[] = {
  "0", "1", "2", "4", "5", "6", "00", "05", "+5", "-5", " 5", "5 ", "0x5", "5;",
  "5;a", "5;a=b", "5; a=b", "5,5", "5.0", "a", "A", "", "4294967301", "5\t",
  "18446744073709551621", "100000005", "0000000000000000005", "1_0", "5;a=\"b"
};

static const char *const ends[] = {"\n", "\r", "\r\r\n", " \r\n", "\r\n\r\n", ""};

static const char odd[] = "\r\n \t\0\v\f:,;=\"\\\x7f\x80\xff%#?/+-0159aAgZ_.";

#define ANY(list) ((list)[pick(r, sizeof (list) / sizeof *(list))])

static size_t pick(ml_rand *r, size_t n) {
  return (size_t)ml_rand_between(r, 0, (int64_t)n - 1);
}

static void cut(ml_buf *b, size_t n) {
  b->len = n;
  b->p[n] = '\0';
}

/* Put n bytes in the place of `old` bytes at `at`. */
static void put_at(ml_buf *b, size_t at, size_t old, const char *p, size_t n) {
  char *tail = ml_mem_dup(b->p + at + old, b->len - at - old);
  size_t rest = b->len - at - old;

  if (tail == NULL)
    abort();
  cut(b, at);
  ml_buf_put(b, p, n);
  ml_buf_put(b, tail, rest);
  ml_mem_free(tail);
}

/* The line a place stands in: where it begins, and *n bytes with its LF. */
static size_t line_at(const ml_buf *b, size_t at, size_t *n) {
  const char *lf;
  size_t from = at;

  while (from > 0 && b->p[from - 1] != '\n')
    from--;
  lf = memchr(b->p + at, '\n', b->len - at);
  *n = (lf != NULL ? (size_t)(lf + 1 - b->p) : b->len) - from;
  return from;
}

/* A run of hex digits at or behind a place that begins a line or follows a
** blank: lengths, sizes, and what looks like them. */
static bool number_at(const ml_buf *b, size_t at, size_t *from, size_t *n) {
  for (; at < b->len; at++) {
    if (at > 0 && strchr("\n ", b->p[at - 1]) == NULL)
      continue;
    *n = strspn(b->p + at, "0123456789abcdefABCDEF");
    *from = at;
    if (*n > 0)
      return true;
  }
  return false;
}

static void take_any(ml_buf *b, ml_rand *r) {
  const http_case *c = case_of((int)pick(r, RAW));

  ml_buf_put(b, c->raw, c->n);
}

/* One that we take whole, most of the time: what follows is then looked at. */
static void take_good(ml_buf *b, ml_rand *r) {
  const http_case *c;

  do
    c = case_of((int)pick(r, RAW));
  while (c->unix_socket || strstr(c->verdict, "close") != NULL ||
         strspn(c->verdict, "0123456789.") > 0);
  ml_buf_put(b, c->raw, c->n);
}

static void change_lines(ml_buf *b, ml_rand *r, size_t at, size_t how) {
  const char *line = ANY(lines);
  size_t n, from = line_at(b, at, &n);
  char *copy = ml_mem_dup(b->p + from, n);

  if (copy == NULL)
    abort();
  switch (how) {
  case 0:                      /* doubled */
    put_at(b, from, 0, copy, n);
    break;
  case 1:                      /* moved */
    put_at(b, from, n, "", 0);
    at = pick(r, b->len + 1);
    from = at < b->len ? line_at(b, at, &at) : at;
    put_at(b, from, 0, copy, n);
    break;
  case 2:                      /* another one */
    put_at(b, from, n, line, strlen(line));
    break;
  case 3:                      /* folded */
    put_at(b, from, 0, pick(r, 2) == 0 ? " " : "\t", 1);
    break;
  case 4:                      /* another end */
    line = ANY(ends);
    if (n >= 2 && copy[n - 2] == '\r')
      put_at(b, from + n - 2, 2, line, strlen(line));
    break;
  default:
    put_at(b, from, 0, line, strlen(line));
  }
  ml_mem_free(copy);
}

static void change(ml_buf *b, ml_rand *r) {
  size_t at = pick(r, b->len), n, how = pick(r, 16);
  const char *number = ANY(numbers);

  switch (how) {
  case 0:
    b->p[at] = (char)pick(r, 256);
    break;
  case 1:
    b->p[at] = odd[pick(r, sizeof odd - 1)];
    break;
  case 2:
    put_at(b, at, 0, &odd[pick(r, sizeof odd - 1)], 1);
    break;
  case 3:
    n = 1 + pick(r, 4);
    put_at(b, at, n < b->len - at ? n : b->len - at, "", 0);
    break;
  case 4: case 5: case 6:
    if (number_at(b, at, &at, &n))
      put_at(b, at, n, number, strlen(number));
    break;
  case 7:
    b->p[at] ^= 0x20;
    break;
  case 8:
    cut(b, at + 1);
    break;
  case 9: {
    ml_buf in = {0};

    take_any(&in, r);
    put_at(b, at, 0, in.p, in.len);
    ml_buf_free(&in);
    break;
  }
  default:
    change_lines(b, r, at, how - 10);
  }
}

/* The stream of a number: first the raw requests, then what is made of them. */
static void make_stream(ml_buf *b, uint64_t seed, int i) {
  ml_rand_seeded s;
  ml_rand *r = &s.base;
  size_t pieces, changes;

  ml_buf_reset(b);
  ml_buf_put(b, "", 0);
  if (i < RAW) {
    ml_buf_put(b, case_of(i)->raw, case_of(i)->n);
    return;
  }
  ml_rand_seed(&s, seed * 1000003 + (uint64_t)i);
  for (pieces = 1 + pick(r, 3); pieces > 0; pieces--) {
    if (pick(r, 10) == 0)
      take_any(b, r);
    else
      take_good(b, r);
  }
  for (changes = pick(r, 3); changes > 0 && b->len > 0; changes--)
    change(b, r);
  if (b->len > STREAM_MOST)
    cut(b, STREAM_MOST);
}

/* ---- what we understand ---- */

typedef struct ours {
  ml_buf text;                 /* requests as tests/http_other.mjs writes them */
  const char *why;             /* NULL: not refused */
  bool closed;                 /* as a request asked: what follows is not read */
  bool within;                 /* the stream ends within a request */
} ours;

static void quote(ml_buf *out, ml_str s) {
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];

    if (c > 0x20 && c < 0x7f && c != '%' && c != '=' && c != '\'')
      ml_buf_putc(out, (char)c);
    else
      ml_buf_printf(out, "%%%02X", c);
  }
}

static void say(ml_buf *out, const ml_http_parse *p) {
  ml_buf_putc(out, '\t');
  quote(out, p->method);
  ml_buf_putc(out, ' ');
  quote(out, p->target);
  ml_buf_puts(out, p->http_1_0 ? " 1.0" : " 1.1");
  for (size_t i = 0; i < p->header_count; i++) {
    ml_buf_putc(out, ' ');
    quote(out, p->headers[i].name);
    ml_buf_putc(out, '=');
    quote(out, p->headers[i].value);
  }
  ml_buf_puts(out, " '");
  quote(out, p->body);
  ml_buf_putc(out, '\'');
}

static void understand(ours *o, const ml_buf *b) {
  ml_http_parse p;
  ml_http_parse_end e = ML_PARSE_MORE;
  size_t at = 0, used;

  ml_buf_reset(&o->text);
  ml_buf_put(&o->text, "", 0);
  o->why = NULL;
  o->closed = false;
  ml_http_parse_init(&p, &limits);
  while ((at < b->len || e == ML_PARSE_HEAD) && o->why == NULL && !o->closed) {
    e = ml_http_parse_feed(&p, b->p + at, b->len - at, &used);
    at += used;
    if (e == ML_PARSE_REFUSED)
      o->why = p.why;
    if (e == ML_PARSE_DONE) {
      say(&o->text, &p);
      o->closed = !p.keep_alive;
      ml_http_parse_reset(&p);
    }
  }
  o->within = e == ML_PARSE_MORE && p.started;
  ml_http_parse_done(&p);
}

/* ---- both beside each other ---- */

typedef struct reason {
  const char *what;            /* a copy */
  long n;
} reason;

typedef struct tally {
  long streams, alike, requests, we_refuse, it_refuses, both_refuse, we_close;
  long differ;
  reason ours[REASONS], theirs[REASONS], early[REASONS];
} tally;

static const char *wanted;     /* --show */
static bool is_wanted;

static void count(reason *list, const char *what, size_t n) {
  is_wanted = wanted != NULL && strlen(wanted) == n && memcmp(wanted, what, n) == 0;
  for (int i = 0; i < REASONS; i++) {
    if (list[i].what == NULL &&
        (list[i].what = ml_mem_dup(what, n)) == NULL)
      abort();
    if (strlen(list[i].what) == n && memcmp(list[i].what, what, n) == 0) {
      list[i].n++;
      return;
    }
  }
  abort();
}

/* What the other one said at the end of a stream: it goes no further. */
static bool is_refusal(const char *end, size_t n) {
  return !(n == 1 && end[0] == '-') && !(n == 3 && memcmp(end, "EOF", 3) == 0);
}

/* NULL, or how the two differ where they may not. */
static const char *judge(tally *t, const ours *o, const char *line) {
  const char *mine = o->text.p, *its = line + strcspn(line, "\t");
  size_t end_n = (size_t)(its - line), n;
  bool refuses = is_refusal(line, end_n), within = end_n == 3;

  while (*mine != '\0' && *its != '\0') {
    n = 1 + strcspn(mine + 1, "\t");
    if (1 + strcspn(its + 1, "\t") != n || memcmp(mine, its, n) != 0)
      return "another request";
    mine += n;
    its += n;
    t->requests++;
  }
  if (*mine != '\0') {         /* we take one that it does not */
    if (!refuses)
      return "we take a request that it does not see";
    t->it_refuses++;
    count(t->theirs, line, end_n);
  } else if (o->why != NULL) {
    if (refuses && *its == '\0') {
      t->both_refuse++;
      return NULL;
    }
    t->we_refuse++;
    count(t->ours, o->why, strlen(o->why));
  } else if (o->closed) {
    t->we_close++;
  } else if (*its != '\0') {
    return "it sees a request where we wait for more";
  } else if (refuses) {
    t->it_refuses++;
    count(t->early, line, end_n);
  } else if (within != o->within) {
    return within ? "it waits for more, we do not" : "we wait for more, it does not";
  } else {
    t->alike++;
  }
  return NULL;
}

static void show(const char *why, int i, const ml_buf *b, const ours *o,
                 const char *line) {
  ml_buf raw = {0};

  for (size_t k = 0; k < b->len; k++) {
    char c = b->p[k];

    if (c == '\n')
      ml_buf_puts(&raw, "\\n");
    else if (c == '\r')
      ml_buf_puts(&raw, "\\r");
    else if (c >= 0x20 && c < 0x7f)
      ml_buf_putc(&raw, c);
    else
      ml_buf_printf(&raw, "\\x%02x", (unsigned char)c);
  }
  printf("# stream %d: %s\n#   raw  %s\n#   ours %s%s\n#   its  %s\n", i, why,
         raw.p, o->why != NULL ? o->why : o->closed ? "CLOSED"
                                      : o->within ? "EOF" : "-", o->text.p, line);
  ml_buf_free(&raw);
}

static void put_stream(FILE *f, const ml_buf *b) {
  unsigned char n[4] = {(unsigned char)b->len, (unsigned char)(b->len >> 8)};

  if (fwrite(n, 1, 4, f) != 4 || fwrite(b->p, 1, b->len, f) != b->len) {
    perror("check_http_other: write");
    exit(2);
  }
}

static void chomp(char *line) {
  line[strcspn(line, "\n")] = '\0';
}

/* Streams [from, to): written down, understood by both, judged. */
static void batch(tally *t, uint64_t seed, int from, int to) {
  static ml_buf b;
  static ours o;
  char path[300], command[400], *line = NULL;
  const char *tmp = getenv("TMPDIR"), *why;
  size_t room = 0;
  FILE *f;
  int fd;

  snprintf(path, sizeof path, "%s/streamsXXXXXX", tmp != NULL ? tmp : "/tmp");
  if ((fd = mkstemp(path)) < 0 || (f = fdopen(fd, "wb")) == NULL) {
    perror(path);
    exit(2);
  }
  for (int i = from; i < to; i++) {
    make_stream(&b, seed, i);
    put_stream(f, &b);
  }
  snprintf(command, sizeof command, "node tests/http_other.mjs '%s'", path);
  if (fclose(f) != 0 || (f = popen(command, "r")) == NULL) {
    perror(command);
    exit(2);
  }
  for (int i = from; i < to; i++) {
    if (getline(&line, &room, f) < 0) {
      fprintf(stderr, "check_http_other: node says nothing of stream %d\n", i);
      unlink(path);
      exit(2);
    }
    chomp(line);
    make_stream(&b, seed, i);
    understand(&o, &b);
    t->streams++;
    is_wanted = false;
    why = judge(t, &o, line);
    if (why != NULL && t->differ++ < SHOWN)
      show(why, i, &b, &o, line);
    else if (is_wanted)
      show(wanted, i, &b, &o, line);
  }
  unlink(path);
  free(line);
  if (pclose(f) != 0) {
    fprintf(stderr, "check_http_other: node failed\n");
    exit(2);
  }
}

static int by_count(const void *a, const void *b) {
  const reason *x = a, *y = b;

  return x->n < y->n ? 1 : x->n > y->n ? -1 : 0;
}

static void list_reasons(const char *title, reason *list) {
  qsort(list, REASONS, sizeof *list, by_count);
  printf("# %s\n", title);
  for (int i = 0; i < REASONS && list[i].n > 0; i++)
    printf("# %8ld  %s\n", list[i].n, list[i].what);
}

int main(int argc, char **argv) {
  static tally t;
  long streams = 20000;
  uint64_t seed = 1;

  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--streams") == 0)
      streams = atol(argv[i + 1]);
    else if (strcmp(argv[i], "--seed") == 0)
      seed = strtoull(argv[i + 1], NULL, 10);
    else if (strcmp(argv[i], "--show") == 0)
      wanted = argv[i + 1];
    else
      streams = 0;
  }
  if (argc % 2 == 0 || streams < 1 || streams > 100000000) {
    fprintf(stderr, "usage: check_http_other [--streams N] [--seed S] "
                    "[--show REASON]\n");
    return 2;
  }
  streams += RAW;
  for (int from = 0; from < streams; from += BATCH)
    batch(&t, seed, from, from + BATCH < streams ? from + BATCH : (int)streams);
  list_reasons("we refuse, the other one goes on:", t.ours);
  list_reasons("we wait for more, the other one refuses already:", t.early);
  list_reasons("we take it, the other one refuses (each is to be known: does RFC "
               "9112 allow it?):", t.theirs);
  printf("%ld streams of seed %llu: %ld understood alike, %ld we refuse, %ld it "
         "refuses, %ld both, %ld closed; %ld requests compared, %ld differ\n",
         t.streams, (unsigned long long)seed, t.alike, t.we_refuse, t.it_refuses,
         t.both_refuse, t.we_close, t.requests, t.differ);
  return t.differ == 0 ? 0 : 1;
}
