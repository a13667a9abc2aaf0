/*
** main.c - account-sim: arguments, start, stop.  sim.h is the manual.
**
** The first line on standard output is the address.
*/
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static const char usage[] =
  "account-sim - the accounts of a cloud portal, for demos and tests\n"
  "\n"
  "  account-sim --token T\n"
  "  account-sim --listen 127.0.0.1:8098 --db accounts.db --token T\n";

static void on_signal(void *arg) {
  ml_loop_stop(arg);
}

static void run(ml_loop *l) {
  ml_loop_signal *term = ml_loop_signal_new(l, SIGTERM, on_signal, l);
  ml_loop_signal *intr = ml_loop_signal_new(l, SIGINT, on_signal, l);

  if (term == NULL || intr == NULL)
    as_die("the signals could not be watched");
  ml_loop_run(l);
  ml_loop_signal_free(term);
  ml_loop_signal_free(intr);
}

int main(int argc, char **argv) {
  static const struct option longs[] = {
    {"listen", required_argument, NULL, 'l'}, {"db", required_argument, NULL, 'd'},
    {"token", required_argument, NULL, 't'}, {NULL, 0, NULL, 0}};
  const char *listen = "127.0.0.1:0", *db = ":memory:";
  static as_sim sim;
  char bound[128];
  ml_err e = {0};
  int o;

  while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
    if (o == '?') {
      fputs(usage, stderr);
      return 2;
    }
    *(o == 'l' ? &listen : o == 'd' ? &db : &sim.token) = optarg;
  }
  if (sim.token == NULL || optind != argc) {
    fputs(usage, stderr);
    return 2;
  }
  if (strncmp(listen, "127.", 4) != 0 && strncmp(listen, "[::1]:", 6) != 0)
    as_die("--listen %s: only loopback addresses are allowed", listen);
  as_open(&sim, db);
  if (ml_loop_new(NULL, &sim.loop) != ML_OK ||
      ml_client_new(sim.loop, 0, 0, &sim.http) != ML_OK ||
      (sim.timer = ml_loop_timer_new(sim.loop, as_portal_look, &sim)) == NULL ||
      ml_server_new(sim.loop, NULL, as_serve, &sim, &sim.server) != ML_OK)
    as_die("out of memory");
  if (ml_server_listen(sim.server, listen, bound, &e) != ML_OK)
    as_die("--listen: %s", e.text);
  printf("http://%s\n", bound);
  fflush(stdout);
  run(sim.loop);
  ml_server_free(sim.server);
  ml_client_free(sim.http);
  ml_loop_timer_free(sim.timer);
  ml_loop_free(sim.loop);
  sqlite3_close(sim.db);
  return 0;
}
