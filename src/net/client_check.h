/*
** client_check.h - is a call allowed, before anything is sent?
*/
#ifndef ML_NET_CLIENT_CHECK_H
#define ML_NET_CLIENT_CHECK_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/rc.h"
#include "net/client.h"

/*
** Judge method, URL and headers.  ML_OK: `url` holds the URL without a
** fragment, `host` "scheme://host:port" in small letters, both
** NUL-terminated.  ML_REFUSED: e says why.
*/
ml_rc ml_client_check(const ml_http_call *call, ml_buf *url, ml_buf *host,
                      ml_err *e);

/* Judge where a connection goes.  NULL: allowed.  Else a sentence, in e. */
ml_rc ml_client_check_address(const struct sockaddr *sa, const ml_str *allow,
                              size_t allow_count, ml_err *e);

#endif
