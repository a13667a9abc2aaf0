/*
** template.h - the process that makes script workers.
**
** The core starts it with exec before it holds anything secret, with an
** empty environment and one descriptor; it forks a worker for each order,
** gives it its end of a socketpair, and reports its death.  When the core
** goes away it ends, and its workers with it.
**
** Messages over a SOCK_SEQPACKET pair, one a packet, ml_tmsg each:
**   core to template   ML_T_MAKE serial + two descriptors (the worker's
**                      socket; its page, see worker.h)
**                      ML_T_KILL serial
**   template to core   ML_T_READY once: status is an ml_rc, text what is
**                      missing from the jail
**                      ML_T_BORN serial pid      ML_T_DIED serial status
**                      (a wait status; -1: it was not made at all)
*/
#ifndef ML_SCRIPT_TEMPLATE_H
#define ML_SCRIPT_TEMPLATE_H

#include <stdint.h>

enum { ML_T_MAKE = 1, ML_T_KILL, ML_T_READY, ML_T_BORN, ML_T_DIED };

typedef struct ml_tmsg {
  uint32_t what;
  uint32_t serial;
  int32_t pid;
  int32_t status;
  char text[240];
} ml_tmsg;

#define ML_TEMPLATE_ARG "--script-template"
#define ML_TEMPLATE_INSECURE "--insecure-scripts"
#define ML_TEMPLATE_FD 3
#define ML_PAGE_BYTES 4096       /* the shared page of a worker */

/* The whole life of the template; the exit status.  `insecure`: workers run
** on where the jail can not be entered.  The program calls it, before
** anything else, when argv[1] is ML_TEMPLATE_ARG; argv[2] may be
** ML_TEMPLATE_INSECURE. */
int ml_template_main(int fd, int insecure);

#endif
