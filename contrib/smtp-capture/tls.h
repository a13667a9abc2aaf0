/*
** tls.h - the server's side of TLS for smtp-capture, over buffers: it reads and
** writes no socket.
**
** The certificate is made when it is asked for: self-signed, for 127.0.0.1, ::1
** and localhost, good for a day.  Who is to believe it gets it as a file.
*/
#ifndef SC_TLS_H
#define SC_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

typedef struct sc_tls sc_tls;            /* a certificate and its key */
typedef struct sc_tls_link sc_tls_link;  /* one connection */

/* For another host than its own when `host` is given; NULL: cannot be made. */
sc_tls *sc_tls_new(const char *host);
void sc_tls_free(sc_tls *t);             /* NULL allowed */
bool sc_tls_save(const sc_tls *t, const char *path);   /* the certificate, PEM */

sc_tls_link *sc_tls_open(sc_tls *t);     /* NULL: out of memory */
void sc_tls_close(sc_tls_link *k);       /* NULL allowed */
/* What came from the client: `plain` gets what it says, `out` what must be sent
** to it.  false: it is no TLS, or the client gave up; `out` may hold an alert. */
bool sc_tls_take(sc_tls_link *k, const char *bytes, size_t n, ml_buf *plain,
                 ml_buf *out);
bool sc_tls_is_up(const sc_tls_link *k); /* the handshake is over */
/* What is said to the client, as `out` to be sent. */
bool sc_tls_say(sc_tls_link *k, const char *text, size_t n, ml_buf *out);

#endif
