/* buf.c - bytes that grow; a failed append sticks. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

char *ml_buf_room(ml_buf *b, size_t n) {
  size_t cap;
  char *p;

  if (b->bad)
    return NULL;
  if (n >= SIZE_MAX / 4 - b->len) {
    b->bad = true;
    return NULL;
  }
  if (b->len + n + 1 > b->cap) {
    cap = b->cap == 0 ? 256 : b->cap < 1024 ? b->cap * 4 : b->cap * 2;
    while (cap < b->len + n + 1)
      cap *= 2;
    p = ml_mem_realloc(b->p, cap);
    if (p == NULL) {
      b->bad = true;
      return NULL;
    }
    b->p = p;
    b->cap = cap;
    b->p[b->len] = '\0';
  }
  return b->p + b->len;
}

void ml_buf_put_more(ml_buf *b, const void *p, size_t n) {
  char *to = ml_buf_room(b, n);

  if (to == NULL)
    return;
  if (n > 0)
    memcpy(to, p, n);
  b->len += n;
  b->p[b->len] = '\0';
}

void ml_buf_puts(ml_buf *b, const char *s) {
  ml_buf_put(b, s, strlen(s));
}

void ml_buf_printf(ml_buf *b, const char *fmt, ...) {
  va_list ap;
  char *to;
  int n;

  va_start(ap, fmt);
  n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  to = n < 0 ? NULL : ml_buf_room(b, (size_t)n);
  if (to == NULL) {
    b->bad = true;
    return;
  }
  va_start(ap, fmt);
  vsnprintf(to, (size_t)n + 1, fmt, ap);
  va_end(ap);
  b->len += (size_t)n;
}

void ml_buf_reset(ml_buf *b) {
  b->len = 0;
  b->bad = false;
  if (b->p != NULL)
    b->p[0] = '\0';
}

void ml_buf_free(ml_buf *b) {
  ml_mem_free(b->p);
  memset(b, 0, sizeof *b);
}

char *ml_buf_take(ml_buf *b, size_t *len) {
  char *p;

  if (ml_buf_room(b, 0) == NULL)
    return NULL;
  p = b->p;
  if (len != NULL)
    *len = b->len;
  memset(b, 0, sizeof *b);
  return p;
}
