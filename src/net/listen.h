/*
** listen.h - a listening socket from its address.
*/
#ifndef ML_NET_LISTEN_H
#define ML_NET_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/rc.h"

typedef struct ml_listen {
  int fd;                      /* non-blocking */
  bool is_unix;
  char path[108];              /* of a Unix socket, and which file it was */
  dev_t dev;
  ino_t ino;
} ml_listen;

/* Addresses as in ml_server_listen().  bound may be NULL. */
ml_rc ml_listen_open(const char *address, ml_listen *out, char bound[128],
                     ml_err *e);
/* Close; a Unix socket's file goes too, if it is still this one. */
void ml_listen_close(ml_listen *s);

#endif
