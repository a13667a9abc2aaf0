/*
** main.c - smtp-capture: a mail server for demos and tests, and its HTTP face.
**
** The first line on standard output is the mail server, the second the HTTP
** address:
**   GET    /mails    what came: {"count":n,"items":[...]} (capture.h)
**   DELETE /mails    forget mails and faults
**   POST   /faults   {"at":"rcpt","what":"450","times":2} (capture.h)
*/
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "capture.h"
#include "net/server.h"

static const char usage[] =
  "smtp-capture - keeps the mail it is given; faults on demand\n"
  "\n"
  "  smtp-capture\n"
  "  smtp-capture --listen 127.0.0.1:2525 --http 127.0.0.1:2580 --login me:secret\n"
  "  smtp-capture --tls start --certificate FILE    or --tls at-once; makes FILE\n";

static const char *const json[] = {"Content-Type: application/json", NULL};

static bool begins(const char *s, const char *with) {
  return strncmp(s, with, strlen(with)) == 0;
}

static void set_fault(sc_capture *c, ml_request *q) {
  ml_arena a = {0};
  ml_json *v = NULL;
  bool ok = ml_json_parse(&a, q->body.p, q->body.n, NULL, &v, NULL) == ML_OK &&
            sc_capture_fault(c, ml_json_str(v, "at"), ml_json_str(v, "what"),
                             ml_json_int(v, "times", 1));

  ml_arena_free(&a);
  if (ok)
    ml_reply(q, 204, NULL, ML_STR(""));
  else
    ml_reply(q, 400, json, ML_STR("{\"error\":\"at: connect, tls, ehlo, auth, mail, "
                                  "rcpt, data or end; what: hang, drop or "
                                  "\\\"400\\\" to \\\"599\\\"\"}"));
}

static void serve(void *arg, ml_request *q) {
  sc_capture *c = arg;
  ml_buf b = {0};
  ml_jw w;

  if (ml_str_is(q->path, "/faults") && ml_str_is(q->method, "POST")) {
    set_fault(c, q);
  } else if (ml_str_is(q->path, "/mails") && ml_str_is(q->method, "DELETE")) {
    sc_capture_clear(c);
    ml_reply(q, 204, NULL, ML_STR(""));
  } else if (ml_str_is(q->path, "/mails") && ml_str_is(q->method, "GET")) {
    ml_jw_init(&w, &b);
    sc_capture_list(c, &w);
    ml_reply(q, b.bad ? 500 : 200, json, (ml_str){b.p, b.bad ? 0 : b.len});
  } else {
    ml_reply(q, 404, json, ML_STR("{\"error\":\"GET or DELETE /mails, POST "
                                  "/faults\"}"));
  }
  ml_buf_free(&b);
}

static void die(const char *what, const char *why) {
  fprintf(stderr, "smtp-capture: %s%s\n", what, why);
  exit(1);
}

static void on_signal(void *arg) {
  ml_loop_stop(arg);
}

static void run(ml_loop *l) {
  ml_loop_signal *term = ml_loop_signal_new(l, SIGTERM, on_signal, l);
  ml_loop_signal *intr = ml_loop_signal_new(l, SIGINT, on_signal, l);

  if (term == NULL || intr == NULL)
    die("the signals could not be watched", "");
  ml_loop_run(l);
  ml_loop_signal_free(term);
  ml_loop_signal_free(intr);
}

int main(int argc, char **argv) {
  static const struct option longs[] = {
    {"listen", required_argument, NULL, 'l'}, {"http", required_argument, NULL, 'h'},
    {"login", required_argument, NULL, 'p'}, {"tls", required_argument, NULL, 't'},
    {"certificate", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
  const char *smtp = "127.0.0.1:0", *http = "127.0.0.1:0", *pair = NULL;
  const char *tls = NULL, *path = NULL;
  char smtp_bound[128], http_bound[128];
  ml_server *server = NULL;
  sc_capture *c = NULL;
  ml_loop *l = NULL;
  ml_err e = {0};
  bool at_once;
  int o;

  while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
    if (o == '?') {
      fputs(usage, stderr);
      return 2;
    }
    *(o == 'l' ? &smtp : o == 'h' ? &http : o == 't' ? &tls : o == 'c' ? &path
                                                          : &pair) = optarg;
  }
  at_once = tls != NULL && strcmp(tls, "at-once") == 0;
  if ((tls == NULL) != (path == NULL) ||
      (tls != NULL && !at_once && strcmp(tls, "start") != 0)) {
    fputs(usage, stderr);
    return 2;
  }
  if (!(begins(smtp, "127.") || begins(smtp, "[::1]:")) ||
      !(begins(http, "127.") || begins(http, "[::1]:")))
    die("only loopback addresses are allowed", "");
  if (ml_loop_new(NULL, &l) != ML_OK ||
      sc_capture_new(l, smtp, pair, smtp_bound, &c, &e) != ML_OK)
    die("the mail server could not be made: ", e.text);
  if (path != NULL && sc_capture_tls(c, NULL, at_once, path, &e) != ML_OK)
    die("", e.text);
  if (ml_server_new(l, NULL, serve, c, &server) != ML_OK ||
      ml_server_listen(server, http, http_bound, &e) != ML_OK)
    die("the HTTP server could not be made: ", e.text);
  printf("%s://%s\nhttp://%s\n", at_once ? "smtps" : "smtp", smtp_bound,
         http_bound);
  fflush(stdout);
  run(l);
  ml_server_free(server);
  sc_capture_free(c);
  ml_loop_free(l);
  return 0;
}
