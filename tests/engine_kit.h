/*
** engine_kit.h - for tests that need the real program: `moonlane serve` as a
** process of its own, its API over the Unix socket, its script workers, and a
** peer (an HTTP server in a child) that scripts call.
**
** The program is $BUILD/moonlane (build/ without BUILD); files go to a folder
** of their own below TMPDIR.
*/
#ifndef TESTS_ENGINE_KIT_H
#define TESTS_ENGINE_KIT_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/server.h"

enum { KIT_WAIT_MS = 60000 };

typedef struct kit {
  char dir[200], program[300], flows[300], db[300], log[300];
  char socket[sizeof ((struct sockaddr_un *)0)->sun_path];
  pid_t engine, peer;
  int peer_port;
} kit;

static int64_t kit_ms(void) {
  return ml_clock_system()->mono_ms(ml_clock_system());
}

static void kit_die(const char *what) {
  fprintf(stderr, "engine_kit: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void kit_write(const char *path, const char *text) {
  FILE *f = fopen(path, "w");

  if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
    kit_die(path);
}

/* A whole file, appended. */
__attribute__((unused))
static void kit_read(const char *path, ml_buf *out) {
  FILE *f = fopen(path, "rb");
  char space[4096];
  size_t n;

  if (f == NULL)
    return;
  while ((n = fread(space, 1, sizeof space, f)) > 0)
    ml_buf_put(out, space, n);
  fclose(f);
}

/* A folder with one workflow of this name and source. */
static void kit_begin(kit *k, const char *name, const char *source) {
  const char *tmp = getenv("TMPDIR"), *build = getenv("BUILD");
  char path[400];

  memset(k, 0, sizeof *k);
  snprintf(k->dir, sizeof k->dir, "%s/kitXXXXXX", tmp != NULL ? tmp : "/tmp");
  if (mkdtemp(k->dir) == NULL)
    kit_die("a folder");
  snprintf(k->program, sizeof k->program, "%s/moonlane",
           build != NULL ? build : "build");
  snprintf(k->flows, sizeof k->flows, "%s/flows", k->dir);
  snprintf(k->db, sizeof k->db, "%s/engine.db", k->dir);
  if (snprintf(k->socket, sizeof k->socket, "%s/sock", k->dir) >=
      (int)sizeof k->socket)
    kit_die("TMPDIR is too long for a socket");
  snprintf(k->log, sizeof k->log, "%s/log", k->dir);
  snprintf(path, sizeof path, "%s/%s", k->flows, name);
  if (mkdir(k->flows, 0700) != 0 || mkdir(path, 0700) != 0)
    kit_die(path);
  snprintf(path, sizeof path, "%s/%s/workflow.lua", k->flows, name);
  kit_write(path, source);
}

/* ---- the peer ---- */

/* The child of this process that answers on a port of its own. */
static void kit_peer(kit *k, ml_server_fn *fn) {
  int p[2], port = 0;
  char bound[128];
  ml_loop *l;
  ml_server *s;
  ml_err e = {0};

  if (pipe(p) != 0 || (k->peer = fork()) < 0)
    kit_die("the peer");
  if (k->peer == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (ml_loop_new(NULL, &l) != ML_OK ||
        ml_server_new(l, &(ml_server_limits){.per_peer = 512}, fn, NULL, &s) !=
            ML_OK ||
        ml_server_listen(s, "127.0.0.1:0", bound, &e) != ML_OK)
      _exit(1);
    port = atoi(strrchr(bound, ':') + 1);
    if (write(p[1], &port, sizeof port) != (ssize_t)sizeof port)
      _exit(1);
    ml_loop_run(l);
    _exit(0);
  }
  close(p[1]);
  if (read(p[0], &k->peer_port, sizeof port) != (ssize_t)sizeof port)
    kit_die("the peer's port");
  close(p[0]);
}

/* ---- the engine ---- */

/* Start it; it may call the peer.  Its first line says that it is up. */
static void kit_serve(kit *k) {
  char allow[64], line[200];
  int p[2], log, n = 0;

  snprintf(allow, sizeof allow, "127.0.0.1:%d", k->peer_port);
  if (pipe(p) != 0 || (k->engine = fork()) < 0)
    kit_die("the engine");
  if (k->engine == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    log = open(k->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(p[1], 1);
    dup2(log, 2);
    execl(k->program, "moonlane", "serve", k->flows, "--db", k->db, "--listen",
          "127.0.0.1:0", "--socket", k->socket, "--allow", allow, (char *)NULL);
    _exit(127);
  }
  close(p[1]);
  while (n < (int)sizeof line - 1 && read(p[0], line + n, 1) == 1 &&
         line[n] != '\n')
    n++;
  if (n == 0)
    kit_die(k->program);
  /* the pipe stays open: what it prints later finds a reader */
}

static void kit_kill(pid_t *pid) {
  if (*pid > 0) {
    kill(*pid, SIGKILL);
    waitpid(*pid, NULL, 0);
  }
  *pid = 0;
}

static void kit_end(kit *k) {
  char command[300];

  kit_kill(&k->engine);
  kit_kill(&k->peer);
  snprintf(command, sizeof command, "rm -rf '%s'", k->dir);
  if (system(command) != 0)
    fprintf(stderr, "engine_kit: %s stays\n", k->dir);
}

/* One request; the answer's body replaces *out.  Gives the status, 0: none. */
static int kit_api(kit *k, const char *method, const char *path,
                   const char *body, ml_buf *out) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status = 0;
  ml_buf q = {0}, got = {0};
  struct pollfd p = {.fd = fd, .events = POLLIN};
  ssize_t n = 1;
  char *room, *end;

  memcpy(a.sun_path, k->socket, sizeof a.sun_path);
  ml_buf_printf(&q, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                method, path, body != NULL ? strlen(body) : 0,
                body != NULL ? body : "");
  if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
      send(fd, q.p, q.len, MSG_NOSIGNAL) == (ssize_t)q.len)
    while (n > 0 && poll(&p, 1, KIT_WAIT_MS) == 1 &&
           (room = ml_buf_room(&got, 65536)) != NULL) {
      n = recv(fd, room, 65536, 0);
      got.len += n > 0 ? (size_t)n : 0;
    }
  close(fd);
  ml_buf_reset(out);
  ml_buf_put(&got, "", 1);
  end = got.len > 1 ? strstr(got.p, "\r\n\r\n") : NULL;
  if (end != NULL && sscanf(got.p, "HTTP/1.1 %d", &status) == 1)
    ml_buf_put(out, end + 4, (size_t)(got.p + got.len - 1 - (end + 4)));
  ml_buf_put(out, "", 0);
  ml_buf_free(&q);
  ml_buf_free(&got);
  return status;
}

/* ---- its script workers ---- */

/* The processes whose parent is `parent`; gives how many, at most `most`. */
static int kit_children(pid_t parent, pid_t *out, int most) {
  DIR *d = opendir("/proc");
  struct dirent *e;
  int n = 0;

  while (d != NULL && n < most && (e = readdir(d)) != NULL) {
    char path[300], line[400];
    const char *after;
    int ppid;
    FILE *f;

    if (e->d_name[0] < '1' || e->d_name[0] > '9')
      continue;
    snprintf(path, sizeof path, "/proc/%.20s/stat", e->d_name);
    f = fopen(path, "r");
    if (f == NULL)
      continue;
    if (fgets(line, sizeof line, f) != NULL &&
        (after = strrchr(line, ')')) != NULL &&
        sscanf(after, ") %*c %d", &ppid) == 1 && ppid == parent)
      out[n++] = atoi(e->d_name);
    fclose(f);
  }
  if (d != NULL)
    closedir(d);
  return n;
}

/* The engine's only child is the template; its children are the workers. */
static int kit_workers(kit *k, pid_t *out, int most) {
  pid_t tmpl[4];

  return kit_children(k->engine, tmpl, 4) < 1
             ? 0 : kit_children(tmpl[0], out, most);
}

#endif
