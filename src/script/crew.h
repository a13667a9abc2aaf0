/*
** crew.h - the core's line to the template process: order workers, kill
** them, hear of their deaths.
**
** A template that dies takes its workers along; each is reported dead (with
** a status of -1, which blames nobody) and another template is started, at
** once the first time and ever more slowly when it goes on dying.
*/
#ifndef ML_SCRIPT_CREW_H
#define ML_SCRIPT_CREW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdatomic.h>

#include "base/rc.h"
#include "net/loop.h"

typedef struct ml_crew ml_crew;

/* Call-backs run on the loop, never inside a function of this header. */
typedef struct ml_crew_calls {
  void (*born)(void *arg, uint32_t serial, int pid);
  void (*died)(void *arg, uint32_t serial, int status);  /* -1: see above */
  void (*ready)(void *arg);    /* a template stands: workers may be ordered */
  void *arg;
} ml_crew_calls;

/* Start the template and wait for its word about the jail, as
** ml_host_new() says.  `ready` is called for each template, the first too. */
ml_rc ml_crew_new(ml_loop *l, const char *program, bool insecure,
                  const ml_crew_calls *calls, ml_crew **out, ml_err *e);
void ml_crew_free(ml_crew *c);

/* The core's hold on one worker: its socket, and the page of worker.h. */
typedef struct ml_crew_line {
  int fd;                      /* non-blocking */
  _Atomic uint64_t *page;
} ml_crew_line;

/* Order a worker.  ML_OK: `died` will be called for this serial some day. */
ml_rc ml_crew_order(ml_crew *c, uint32_t *serial, ml_crew_line *line);
void ml_crew_line_close(ml_crew_line *line);
void ml_crew_kill(ml_crew *c, uint32_t serial);
int ml_crew_pid(const ml_crew *c);           /* of the template; 0: none now */
uint64_t ml_crew_templates(const ml_crew *c);   /* started so far */

#endif
