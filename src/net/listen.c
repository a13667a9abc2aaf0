/*
** listen.c - listening sockets, TCP and Unix.
**
** A Unix socket's file has mode 0600 from its first moment: the mode is set
** on the descriptor before bind().  A file left by a dead server is replaced,
** which is found out by connecting to it.
*/
#include "net/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/address.h"

#define BACKLOG 1024

static ml_rc io_error(ml_err *e, const char *address, const char *what) {
  int no = errno;

  return ml_err_set(e, no == EADDRINUSE ? ML_EXISTS : ML_IO, "",
                    "cannot listen on %s: %s: %s", address, what,
                    strerror(no));
}

static int new_socket(int family) {
  return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* ---- TCP ---- */

static ml_rc tcp_open(const char *address, ml_listen *s, char bound[128],
                      ml_err *e) {
  struct sockaddr_storage sa;
  socklen_t len;
  ml_address a;
  uint16_t port;
  int one = 1;
  ml_rc rc = ml_address_listen(ml_str_of(address), &sa, &len, e);

  if (rc != ML_OK)
    return rc;
  s->fd = new_socket(sa.ss_family);
  if (s->fd < 0)
    return io_error(e, address, "socket");
  if (setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0)
    return io_error(e, address, "SO_REUSEADDR");
  /* accepted sockets inherit it: an answer is one send, so nothing is small */
  if (setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
    return io_error(e, address, "TCP_NODELAY");
  if (sa.ss_family == AF_INET6 &&
      setsockopt(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0)
    return io_error(e, address, "IPV6_V6ONLY");
  if (bind(s->fd, (struct sockaddr *)&sa, len) != 0)
    return io_error(e, address, "bind");
  if (listen(s->fd, BACKLOG) != 0)
    return io_error(e, address, "listen");
  if (getsockname(s->fd, (struct sockaddr *)&sa, &len) != 0)
    return io_error(e, address, "getsockname");
  if (bound != NULL && ml_address_of((struct sockaddr *)&sa, &a, &port))
    ml_address_print(&a, port, bound);
  return ML_OK;
}

/* ---- Unix ---- */

/* Remove a socket file that nobody listens on.  ML_OK: bind again. */
static ml_rc unix_clear(const char *address, const struct sockaddr_un *sa,
                        ml_err *e) {
  struct stat st;
  int fd, rc;

  if (lstat(sa->sun_path, &st) != 0)
    return errno == ENOENT ? ML_OK : io_error(e, address, "lstat");
  if (!S_ISSOCK(st.st_mode))
    return ml_err_set(e, ML_EXISTS, "", "cannot listen on %s: the file is "
                      "there and is no socket", address);
  fd = new_socket(AF_UNIX);
  if (fd < 0)
    return io_error(e, address, "socket");
  rc = connect(fd, (const struct sockaddr *)sa, sizeof *sa) == 0 ? 0 : errno;
  close(fd);
  if (rc != ECONNREFUSED)   /* 0, or EAGAIN: its queue is full */
    return ml_err_set(e, ML_EXISTS, "", "cannot listen on %s: another "
                      "server listens there", address);
  if (unlink(sa->sun_path) != 0 && errno != ENOENT)
    return io_error(e, address, "unlink");
  return ML_OK;
}

static ml_rc unix_open(const char *address, ml_listen *s, char bound[128],
                       ml_err *e) {
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  const char *path = address + strlen("unix:");
  struct stat st;
  ml_rc rc;

  if (path[0] == '\0' || strlen(path) >= sizeof sa.sun_path)
    return ml_err_set(e, ML_INVALID, "", "'%s' is not a socket path: 1 to %zu "
                      "bytes are allowed", path, sizeof sa.sun_path - 1);
  memcpy(sa.sun_path, path, strlen(path) + 1);
  s->is_unix = true;
  s->fd = new_socket(AF_UNIX);
  if (s->fd < 0)
    return io_error(e, address, "socket");
  if (fchmod(s->fd, 0600) != 0)
    return io_error(e, address, "fchmod");
  if (bind(s->fd, (struct sockaddr *)&sa, sizeof sa) != 0) {
    if (errno != EADDRINUSE)
      return io_error(e, address, "bind");
    rc = unix_clear(address, &sa, e);
    if (rc != ML_OK)
      return rc;
    if (bind(s->fd, (struct sockaddr *)&sa, sizeof sa) != 0)
      return io_error(e, address, "bind");
  }
  if (lstat(path, &st) != 0)
    return io_error(e, address, "lstat");
  memcpy(s->path, sa.sun_path, sizeof s->path);
  s->dev = st.st_dev;
  s->ino = st.st_ino;
  if ((st.st_mode & 0777) != 0600 && chmod(path, 0600) != 0)
    return io_error(e, address, "chmod");
  if (listen(s->fd, BACKLOG) != 0)
    return io_error(e, address, "listen");
  if (bound != NULL)
    snprintf(bound, 128, "%s", address);
  return ML_OK;
}

ml_rc ml_listen_open(const char *address, ml_listen *out, char bound[128],
                     ml_err *e) {
  ml_rc rc;

  *out = (ml_listen){.fd = -1};
  rc = strncmp(address, "unix:", 5) == 0 ? unix_open(address, out, bound, e)
                                         : tcp_open(address, out, bound, e);
  if (rc != ML_OK)
    ml_listen_close(out);
  return rc;
}

void ml_listen_close(ml_listen *s) {
  struct stat st;

  if (s->path[0] != '\0' && lstat(s->path, &st) == 0 &&
      st.st_dev == s->dev && st.st_ino == s->ino)
    unlink(s->path);
  s->path[0] = '\0';
  if (s->fd >= 0)
    close(s->fd);
  s->fd = -1;
}
