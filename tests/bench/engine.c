/* engine.c - start, stop, ask the engine. */
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

enum { READY_US = 60000000, SETTLE_US = 120000000 };

static char build[200];

void engine_place(const char *dir) {
  snprintf(build, sizeof build, "%s", dir);
}

const char *engine_build(void) {
  return build;
}

/* ---- processes ---- */

/* Past the lines of an answer to the first that is an address. */
static uint16_t read_port(int fd) {
  char line[512];
  size_t n = 0;

  while (n + 1 < sizeof line && read(fd, line + n, 1) == 1)
    if (line[n++] == '\n') {
      char *colon;

      line[n - 1] = '\0';
      colon = strrchr(line, ':');
      if (strncmp(line, "http://", 7) == 0 && colon != NULL)
        return (uint16_t)strtoul(colon + 1, NULL, 10);
      n = 0;
    }
  return 0;
}

pid_t engine_spawn(const char *const *argv, const char *log, int *out,
                   uint16_t *port) {
  int p[2];
  pid_t pid, parent = getpid();

  if (pipe2(p, O_CLOEXEC) != 0 || (pid = fork()) < 0)
    die("%s cannot be started: %s", argv[0], strerror(errno));
  if (pid == 0) {
    int err = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || err < 0 || dup2(p[1], 1) < 0 ||
        dup2(err, 2) < 0)
      _exit(127);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
  }
  close(p[1]);
  *out = p[0];
  *port = read_port(p[0]);
  if (*port == 0)
    die("%s did not say its address; see %s", argv[0], log);
  return pid;
}

static void wait_ready(const engine *e) {
  ml_buf q = {0}, answer = {0};
  int64_t end = now_us() + READY_US;

  load_request(&q, "GET", "/readyz", NULL, NULL, NULL, 0);
  while (load_ask(e->port, &q, &answer) != 200) {
    if (now_us() > end)
      die("the engine does not become ready; see %s/log", e->dir);
    pause_us(200);
  }
  ml_buf_free(&q);
  ml_buf_free(&answer);
}

static void read_token(engine *e) {
  char path[320];
  ml_buf b = {0};

  snprintf(path, sizeof path, "%s.token", e->db);
  read_file(path, &b);
  snprintf(e->token, sizeof e->token, "%s", b.p != NULL ? b.p : "");
  e->token[strcspn(e->token, "\r\n")] = '\0';
  ml_buf_free(&b);
}

int64_t engine_start(engine *e, const char *name, bool again) {
  char program[256], log[300];
  const char *argv[] = {program, "serve", "tests/bench/flows", "--db", NULL,
                        "--listen", "127.0.0.1:0", "--allow", "127.0.0.1:*",
                        "--allow", "[::1]:*",
                        e->by_step ? "--step-commits" : NULL, NULL};
  int64_t from = now_us();

  if (!again) {
    snprintf(e->dir, sizeof e->dir, "%s/bench.tmp/%s", build, name);
    snprintf(e->db, sizeof e->db, "%s/store.db", e->dir);
    if (mkdir(e->dir, 0700) != 0)
      die("%s cannot be made: %s", e->dir, strerror(errno));
  }
  snprintf(program, sizeof program, "%s/moonlane", build);
  snprintf(log, sizeof log, "%s/log", e->dir);
  argv[4] = e->db;
  e->pid = engine_spawn(argv, log, &e->out, &e->port);
  wait_ready(e);
  if (!again)
    read_token(e);
  return now_us() - from;
}

static void end_by(engine *e, int signo) {
  if (e->pid <= 0)
    return;
  ours(e->pid);
  kill(e->pid, signo);
  waitpid(e->pid, NULL, 0);
  close(e->out);
  e->pid = 0;
}

void engine_kill(engine *e) { end_by(e, SIGKILL); }
void engine_end(engine *e) { end_by(e, SIGTERM); }

void engine_forget(engine *e) {
  static const char *const ends[] = {"", "-wal", "-shm", ".lock", ".sock",
                                     ".key", ".token"};
  char path[340];

  engine_end(e);
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    snprintf(path, sizeof path, "%s%s", e->db, ends[i]);
    unlink(path);
  }
  snprintf(path, sizeof path, "%s/log", e->dir);
  unlink(path);
  rmdir(e->dir);
}

/* ---- questions ---- */

void engine_ask(const engine *e, const char *method, const char *path,
                const char *body, ml_buf *answer) {
  ml_buf q = {0};
  int status;

  load_request(&q, method, path, e->token, NULL, body,
               body != NULL ? strlen(body) : 0);
  status = load_ask(e->port, &q, answer);
  if (status < 200 || status > 299)
    die("%s %s: status %d %.*s", method, path, status,
        (int)(answer->len < 500 ? answer->len : 500),
        answer->p != NULL ? answer->p : "");
  ml_buf_free(&q);
}

double engine_metric(const engine *e, const char *name) {
  ml_buf b = {0};
  char line[100];
  const char *p;
  double v;

  engine_ask(e, "GET", "/metrics", NULL, &b);
  ml_buf_putc(&b, '\0');
  snprintf(line, sizeof line, "\nmoonlane_%s ", name);
  p = b.p != NULL ? strstr(b.p, line) : NULL;
  if (p == NULL)
    die("the engine has no metric %s", name);
  v = strtod(p + strlen(line), NULL);
  ml_buf_free(&b);
  return v;
}

void engine_settle(const engine *e) {
  int64_t end = now_us() + SETTLE_US;

  while (engine_metric(e, "in_memory") > 0) {
    if (now_us() > end)
      die("after two minutes processes are still in memory");
    pause_us(1000);
  }
}

static const ml_json *page(const engine *e, const char *path,
                           const char *cursor, ml_arena *a) {
  ml_buf b = {0};
  ml_err why;
  ml_json *v = NULL;
  char *full = need(ml_arena_printf(a, "%s%s%s", path,
                                    cursor[0] != '\0' ? "&cursor=" : "",
                                    cursor));

  engine_ask(e, "GET", full, NULL, &b);
  if (ml_json_parse(a, b.p, b.len, NULL, &v, &why) != ML_OK)
    die("%s: %s", path, why.text);
  ml_buf_free(&b);
  return v;
}

void engine_list(const engine *e, const char *path,
                 bool (*fn)(void *arg, const ml_json *item), void *arg) {
  char cursor[300] = "";
  bool more = true;

  while (more) {
    ml_arena a = {0};
    const ml_json *v = page(e, path, cursor, &a);
    const ml_json *items = ml_json_get(v, "items");
    ml_str next = ml_json_str(v, "next");

    for (uint32_t i = 0; items != NULL && i < items->count && more; i++)
      more = fn(arg, ml_json_at(items, i));
    more = more && next.n > 0 && next.n < sizeof cursor;
    snprintf(cursor, sizeof cursor, "%.*s", (int)next.n,
             next.p != NULL ? next.p : "");
    ml_arena_free(&a);
  }
}
