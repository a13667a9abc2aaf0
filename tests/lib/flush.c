/*
** flush.c - a disk whose flushes fail while a file lies in the folder of the
** program that loads it (LD_PRELOAD).
**
**   flush-fails   all of them
**   copy-fails    those of a database file, which a checkpoint alone makes
*/
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_store(int fd) {
  char link[40], name[400];
  ssize_t n;

  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  n = readlink(link, name, sizeof name);
  return n > 3 && memcmp(name + n - 3, ".db", 3) == 0;
}

static int flush(long call, int fd) {
  if (access("flush-fails", F_OK) != 0 &&
      (access("copy-fails", F_OK) != 0 || !is_store(fd)))
    return (int)syscall(call, fd);
  errno = EIO;
  return -1;
}

int fsync(int fd) { return flush(SYS_fsync, fd); }
int fdatasync(int fd) { return flush(SYS_fdatasync, fd); }
