/*
** test_jail.c - the jail of script workers: each forbidden call ends the
** process that tries it, and Lua still runs inside.
**
** Where the kernel has no jail, every test but the first is skipped.
*/
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <lua.h>

#include "script/box.h"
#include "script/jail.h"

enum { SOCK = 3 };      /* the descriptor that is kept */

typedef int attempt(void);       /* in the jail; its result: the exit status */

/* Run f in a child inside the jail; the wait status. */
static int in_jail(attempt *f) {
  static const int keep[] = {SOCK, 2};
  int pair[2], status;
  pid_t pid;

  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  fflush(NULL);
  pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    ml_jail_conf conf = {.states = 2, .keep = keep,
                         .keep_n = ml_jail_is_wide() ? 2 : 1};
    ml_err e = {0};

    if (dup2(pair[1], SOCK) != SOCK)
      _exit(90);
    if (ml_jail_enter(&conf, &e) != ML_OK)
      _exit(91);
    _exit(f());
  }
  close(pair[1]);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  close(pair[0]);
  return status;
}

static void skip_without_jail(void) {
  if (!ml_jail_supported(NULL))
    skip();
}

/* ---- what ends the process ---- */

static int try_open(void) { return open("/etc/passwd", O_RDONLY) >= 0; }
static int try_create(void) { return creat("/tmp/ml-jail", 0600) >= 0; }
static int try_socket(void) { return socket(AF_INET, SOCK_STREAM, 0) >= 0; }
static int try_pair(void) {
  int p[2];

  return socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0;
}
static int try_connect(void) {
  struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/tmp/x"};

  return connect(SOCK, (struct sockaddr *)&a, sizeof a) == 0;
}
static int try_sendto(void) {
  struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/tmp/x"};

  return sendto(SOCK, "x", 1, 0, (struct sockaddr *)&a, sizeof a) == 1;
}
static int try_exec(void) {
  char *args[] = {(char *)"true", NULL};

  execv("/bin/true", args);
  return 0;
}
static int try_fork(void) { return fork() < 0; }
static int try_thread(void) {
  return (int)syscall(SYS_clone3, NULL, 0) < 0;
}
static int try_kill(void) { return kill(1, 0) == 0; }
static int try_kill_all(void) { return (int)syscall(SYS_kill, -1, 0); }
static int try_signal_self(void) { return (int)syscall(SYS_tkill, 1, 0); }
static int try_ptrace(void) {
  return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
static int try_vm_read(void) {
  return (int)syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0);
}
static int try_exec_memory(void) {
  return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}
static int try_make_executable(void) {
  void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}
static int try_prctl(void) { return (int)syscall(SYS_prctl, 1, 0, 0, 0, 0); }
static int try_unlink(void) { return unlink("/tmp/ml-jail"); }
static int try_chdir(void) { return chdir("/"); }
static int try_dup(void) { return dup(SOCK); }
static int try_rlimit(void) {
  struct rlimit l = {1, 1};

  return (int)syscall(SYS_setrlimit, RLIMIT_CORE, &l);
}
static int try_uring(void) { return (int)syscall(SYS_io_uring_setup, 1, NULL); }
static int try_bpf(void) { return (int)syscall(SYS_bpf, 0, NULL, 0); }
static int try_mount(void) { return (int)syscall(SYS_mount, "", "", "", 0, ""); }
static int try_setuid(void) { return (int)syscall(SYS_setuid, 0); }
static int try_memfd(void) { return (int)syscall(SYS_memfd_create, "x", 0); }

static void forbidden_calls_kill(void **state) {
  static const struct { const char *name; attempt *f; } rows[] = {
    {"open", try_open}, {"creat", try_create}, {"socket", try_socket},
    {"socketpair", try_pair}, {"connect", try_connect},
    {"sendto with an address", try_sendto}, {"execve", try_exec},
    {"fork", try_fork}, {"clone3", try_thread}, {"kill", try_kill},
    {"kill all", try_kill_all}, {"tkill", try_signal_self},
    {"ptrace", try_ptrace}, {"process_vm_readv", try_vm_read},
    {"mmap executable", try_exec_memory},
    {"mprotect executable", try_make_executable}, {"prctl", try_prctl},
    {"unlink", try_unlink}, {"chdir", try_chdir}, {"dup", try_dup},
    {"setrlimit", try_rlimit}, {"io_uring_setup", try_uring},
    {"bpf", try_bpf}, {"mount", try_mount}, {"setuid", try_setuid},
    {"memfd_create", try_memfd},
  };
  size_t i;

  (void)state;
  skip_without_jail();
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    int status = in_jail(rows[i].f);

    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
      fail_msg("%s: status %x", rows[i].name, (unsigned)status);
  }
}

/* ---- what goes on ---- */

static int run_lua(void) {
  static const char source[] =
      "local t = {}\n"
      "for i = 1, 50000 do t[i] = { i, tostring(i) } end\n"
      "table.sort(t, function(a, b) return a[1] > b[1] end)\n"
      "local s = require('cjson').encode({ t[1][1], ('x'):rep(200000) })\n"
      "return #s, ('key=value'):gsub('%w+', string.upper)\n";
  ml_box_limits limits = {.counting = false};
  ml_err e = {0};
  ml_box *b;
  int n;

  if (ml_box_new(&(ml_box_limits){.counting = true}, &b) != ML_OK)
    return 1;
  ml_box_set_limits(b, &limits);
  ml_box_add_source(b, "x.lua", ml_str_of(source));
  if (ml_box_load(b, ml_box_thread(b), "x.lua", &e) != ML_BOX_OK)
    return 2;
  if (ml_box_freeze(b) != ML_OK)
    return 3;
  ml_box_restore(b);
  if (ml_box_resume(b, ml_box_thread(b), 0, &n, &e) != ML_BOX_OK || n != 3)
    return 4;
  ml_box_free(b);
  return write(SOCK, "done", 4) == 4 ? 0 : 5;
}

static void lua_runs_inside(void **state) {
  (void)state;
  skip_without_jail();
  assert_int_equal(in_jail(run_lua), 0);
}

static int stop_a_loop(void) {
  ml_err e = {0};
  ml_box *b;
  int n;

  if (ml_box_new(&(ml_box_limits){.soft_ms = 20}, &b) != ML_OK)
    return 1;
  ml_box_add_source(b, "x.lua", ML_STR("while true do end"));
  if (ml_box_load(b, ml_box_thread(b), "x.lua", &e) != ML_BOX_OK)
    return 2;
  return ml_box_resume(b, ml_box_thread(b), 0, &n, &e) == ML_BOX_CLOCK ? 0 : 3;
}

/* The timer is made before the jail, the signal comes inside. */
static void the_tick_works_inside(void **state) {
  int pair[2], status;
  pid_t pid;

  (void)state;
  skip_without_jail();
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    ml_err e = {0};

    if (ml_box_tick_start(&e) != ML_OK ||
        ml_jail_enter(&(ml_jail_conf){.states = 2}, &e) != ML_OK)
      _exit(91);
    _exit(stop_a_loop());
  }
  close(pair[0]);
  close(pair[1]);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
}

static int look_around(void) {
  char c;

  if (getenv("PATH") != NULL || getenv("HOME") != NULL)
    return 1;
  if (!ml_jail_is_wide() && (write(2, "", 0) == 0 || errno != EBADF))
    return 2;                    /* standard error is closed */
  if (read(0, &c, 1) >= 0 || errno != EBADF)
    return 3;
  return write(SOCK, "x", 1) == 1 ? 0 : 4;
}

static void only_the_socket_is_left(void **state) {
  (void)state;
  skip_without_jail();
  assert_int_equal(in_jail(look_around), 0);
}

static int eat_memory(void) {
  size_t total = 0;

  while (total < (size_t)4 << 30) {
    void *p = mmap(NULL, (size_t)16 << 20, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
      return total < (size_t)280 << 20 ? 0 : 1;
    total += (size_t)16 << 20;
  }
  return 2;
}

static void address_space_ends(void **state) {
  (void)state;
  skip_without_jail();
  if (ml_jail_is_wide())
    skip();
  assert_int_equal(in_jail(eat_memory), 0);     /* 2 * 72 + 128 MiB */
}

static void support_is_told(void **state) {
  ml_err e = {0};

  (void)state;
  if (ml_jail_supported(&e))
    assert_string_equal(e.text, "");
  else
    assert_non_null(strstr(e.text, "the kernel has no "));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(support_is_told),
    cmocka_unit_test(forbidden_calls_kill),
    cmocka_unit_test(lua_runs_inside),
    cmocka_unit_test(the_tick_works_inside),
    cmocka_unit_test(only_the_socket_is_left),
    cmocka_unit_test(address_space_ends),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
