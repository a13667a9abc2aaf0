/*
** buf.h - bytes that grow.
**
** A failed append makes the buffer "bad" and every later append a no-op,
** so a writer appends freely and asks once, at the end:
**   ml_buf b = {0};
**   ml_buf_puts(&b, "a"); ml_buf_printf(&b, "%d", 1);
**   if (b.bad) ...            (ran out of memory)
**   ml_buf_free(&b);
** b.p is NUL-terminated whenever it is not NULL (the NUL is not in b.len).
*/
#ifndef ML_BASE_BUF_H
#define ML_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct ml_buf {
  char *p;
  size_t len;
  size_t cap;
  bool bad;
} ml_buf;

void ml_buf_put_more(ml_buf *b, const void *p, size_t n);   /* grows if need be */

/* Most appends find room: these are in everybody's way, so they are here. */
static inline void ml_buf_put(ml_buf *b, const void *p, size_t n) {
  if (b->bad || n == 0 || n >= b->cap - b->len) {
    ml_buf_put_more(b, p, n);
    return;
  }
  memcpy(b->p + b->len, p, n);
  b->len += n;
  b->p[b->len] = '\0';
}

static inline void ml_buf_putc(ml_buf *b, char c) {
  if (b->bad || b->cap - b->len < 2) {
    ml_buf_put_more(b, &c, 1);
    return;
  }
  b->p[b->len++] = c;
  b->p[b->len] = '\0';
}

void ml_buf_puts(ml_buf *b, const char *s);
void ml_buf_printf(ml_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Room for n more bytes: where they go, or NULL (bad).  Then b->len += used.
** Who knows about how much will come spares growing by calling it first. */
char *ml_buf_room(ml_buf *b, size_t n);

void ml_buf_reset(ml_buf *b);   /* empty, keeps the memory, clears bad */
void ml_buf_free(ml_buf *b);    /* also usable again */

/* Hand over the bytes (NUL-terminated, free with ml_mem_free) and become
** empty; NULL when bad or out of memory. */
char *ml_buf_take(ml_buf *b, size_t *len);

#endif
