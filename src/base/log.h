/*
** log.h - one JSON line a record, to a descriptor (standard error).
**
** Only the top of a call logs, once.  Values are escaped: a record is one
** line whatever the text holds.  {"at":"2026-...","level":"warn",
** "what":"bad-token","peer":"127.0.0.1"}.  Safe from any thread.
*/
#ifndef ML_BASE_LOG_H
#define ML_BASE_LOG_H

#include <stdint.h>

typedef enum ml_level { ML_DEBUG, ML_INFO, ML_WARN, ML_ERROR_LEVEL } ml_level;

void ml_log_to(int fd, ml_level least);      /* at start; default 2, ML_INFO */

/*
** `what` is a short stable name; then pairs key, text, ended by NULL:
**   ml_log(ML_WARN, "checkpoint-busy", "pages", "120", NULL);
** A NULL value prints as null.
*/
void ml_log(ml_level level, const char *what, ...) __attribute__((sentinel));

#endif
