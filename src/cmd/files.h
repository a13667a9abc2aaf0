/*
** files.h - small files, whole: read, and made secret.
*/
#ifndef ML_CMD_FILES_H
#define ML_CMD_FILES_H

#include <stddef.h>

#include "base/buf.h"
#include "base/rc.h"

/* A regular file (or "-": standard input) of at most `max` bytes, appended.
** ML_NOT_FOUND, ML_LIMIT, ML_IO; *e says why. */
ml_rc ml_file_read(const char *path, size_t max, ml_buf *out, ml_err *e);

/* A file of exactly n bytes that only its owner may read: read it, or make it
** (0600, flushed) with `fresh`.  ML_REFUSED: others may read it, or it is
** not ours; ML_CORRUPT: another length. */
ml_rc ml_file_secret(const char *path, void *out, const void *fresh, size_t n,
                     ml_err *e);

/* Write all; false with errno. */
int ml_file_write(int fd, const void *p, size_t n);

#endif
