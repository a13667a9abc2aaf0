/* files.c - small files, whole. */
#include "cmd/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int ml_file_write(int fd, const void *p, size_t n) {
  const char *at = p;

  while (n > 0) {
    ssize_t k = write(fd, at, n);

    if (k < 0 && errno == EINTR)
      continue;
    if (k <= 0)
      return 0;
    at += k;
    n -= (size_t)k;
  }
  return 1;
}

static ml_rc io(ml_err *e, const char *path, const char *what) {
  return ml_err_set(e, errno == ENOENT ? ML_NOT_FOUND : ML_IO, path,
                    "%s: %s", what, strerror(errno));
}

static ml_rc read_all(int fd, size_t max, ml_buf *out, const char *path,
                      ml_err *e) {
  size_t from = out->len;

  for (;;) {
    char *room = ml_buf_room(out, 4096);
    ssize_t n;

    if (room == NULL)
      return ml_err_set(e, ML_NOMEM, path, "out of memory");
    n = read(fd, room, 4096);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return io(e, path, "cannot be read");
    if (n == 0)
      break;
    out->len += (size_t)n;
    if (out->len - from > max)
      return ml_err_set(e, ML_LIMIT, path, "is longer than %zu bytes", max);
  }
  ml_buf_put(out, "", 0);      /* a NUL behind, even when it is empty */
  return out->bad ? ml_err_set(e, ML_NOMEM, path, "out of memory") : ML_OK;
}

ml_rc ml_file_read(const char *path, size_t max, ml_buf *out, ml_err *e) {
  struct stat st;
  ml_rc rc;
  int fd;

  if (strcmp(path, "-") == 0)
    return read_all(0, max, out, "standard input", e);
  fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return io(e, path, "cannot be opened");
  if (fstat(fd, &st) != 0)
    rc = io(e, path, "cannot be looked at");
  else if (S_ISDIR(st.st_mode))
    rc = ml_err_set(e, ML_INVALID, path, "is a folder, a file is wanted");
  else
    rc = read_all(fd, max, out, path, e);
  close(fd);
  return rc;
}

static ml_rc judge(int fd, const char *path, size_t n, ml_err *e) {
  struct stat st;

  if (fstat(fd, &st) != 0)
    return io(e, path, "cannot be looked at");
  if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()
      || (st.st_mode & 077) != 0)
    return ml_err_set(e, ML_REFUSED, path, "must be a plain file of this user "
                      "that nobody else may read (mode 0600)");
  if (st.st_size != (off_t)n)
    return ml_err_set(e, ML_CORRUPT, path, "must hold exactly %zu bytes, it "
                      "holds %lld", n, (long long)st.st_size);
  return ML_OK;
}

static ml_rc read_secret(int fd, const char *path, void *out, size_t n,
                         ml_err *e) {
  ml_rc rc = judge(fd, path, n, e);
  ssize_t k;

  if (rc != ML_OK)
    return rc;
  do {
    k = pread(fd, out, n, 0);
  } while (k < 0 && errno == EINTR);
  return k == (ssize_t)n ? ML_OK : io(e, path, "cannot be read");
}

ml_rc ml_file_secret(const char *path, void *out, const void *fresh, size_t n,
                     ml_err *e) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  bool ok;

  if (fd >= 0) {
    ml_rc rc = read_secret(fd, path, out, n, e);

    close(fd);
    return rc;
  }
  if (errno != ENOENT)
    return io(e, path, "cannot be opened");
  fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return io(e, path, "cannot be made");
  ok = ml_file_write(fd, fresh, n) && fsync(fd) == 0;
  ok = close(fd) == 0 && ok;
  if (!ok) {
    ml_err_set(e, ML_IO, path, "cannot be written: %s", strerror(errno));
    unlink(path);
    return ML_IO;
  }
  memcpy(out, fresh, n);
  return ML_OK;
}
