/* log.c - a record is one line of JSON, written with one call. */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"

static atomic_int log_fd = 2;
static atomic_int log_least = ML_INFO;
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

static const char *const levels[] = {"debug", "info", "warn", "error"};

void ml_log_to(int fd, ml_level least) {
  atomic_store(&log_fd, fd);
  atomic_store(&log_least, (int)least);
}

/*
** The record as it is shown.  JSON's own escapes keep it one line for programs;
** this keeps it one line for terminals and editors too, which also break at
** U+2028, obey U+009B and turn the order of letters at a bidi mark.
*/
static void put_shown(ml_buf *out, ml_str json) {
  const char *p = json.p, *run = p, *end = ml_str_end(json);

  while (p < end) {
    size_t n = ml_utf8_step(p, end);
    ml_str c = {p, n};

    if (!ml_text_printable(c) || (n == 3 && ml_utf8_point(p, n) == 0xFEFF)) {
      ml_buf_put(out, run, (size_t)(p - run));
      ml_buf_printf(out, "\\u%04x", (unsigned)ml_utf8_point(p, n));
      run = p + n;
    }
    p += n;
  }
  ml_buf_put(out, run, (size_t)(p - run));
}

/* All of it, in one write unless the descriptor takes less; records of
** several threads do not mix.  There is nobody to tell when it fails. */
static void write_line(const char *p, size_t n) {
  int fd = atomic_load(&log_fd);

  pthread_mutex_lock(&writing);
  while (n > 0) {
    ssize_t done = write(fd, p, n);

    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      break;
    p += done;
    n -= (size_t)done;
  }
  pthread_mutex_unlock(&writing);
}

static void put_record(ml_buf *b, ml_level level, const char *what,
                       va_list pairs) {
  ml_buf at = {0};
  const char *key;
  ml_jw w;

  ml_text_put_moment(&at, ml_clock_system()->wall_ms(ml_clock_system()));
  ml_jw_init(&w, b);
  ml_jw_obj(&w);
  ml_jw_kstr(&w, "at", (ml_str){at.p, at.len});
  ml_jw_kstrz(&w, "level", levels[level]);
  ml_jw_kstrz(&w, "what", what);
  while ((key = va_arg(pairs, const char *)) != NULL)
    ml_jw_kstrz(&w, key, va_arg(pairs, const char *));
  ml_jw_end(&w);
  if (at.bad)
    b->bad = true;
  ml_buf_free(&at);
}

void ml_log(ml_level level, const char *what, ...) {
  static const char short_of_memory[] =
      "{\"level\":\"error\",\"what\":\"log-nomem\"}\n";
  ml_buf json = {0}, line = {0};
  va_list pairs;

  if ((int)level < atomic_load(&log_least) || level > ML_ERROR_LEVEL)
    return;
  va_start(pairs, what);
  put_record(&json, level, what, pairs);
  va_end(pairs);
  if (!json.bad)
    put_shown(&line, (ml_str){json.p, json.len});
  ml_buf_putc(&line, '\n');
  if (json.bad || line.bad)
    write_line(short_of_memory, sizeof short_of_memory - 1);
  else
    write_line(line.p, line.len);
  ml_buf_free(&line);
  ml_buf_free(&json);
}
