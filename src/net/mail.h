/*
** mail.h - mail out: one message to one mailbox, over SMTP by libcurl.
**
** A server's 250 behind the last dot is the only success.  Whether it took the
** message when the connection breaks there nobody knows: that is "not yet", and
** the repeat has the same Message-ID.  Where a connection goes is judged on the
** resolved address, as for HTTP (client.h).
**
** Mails leave from one thread of their own, one after the other, begun at the
** first mail.  On the loop they could not: also from its multi interface
** libcurl blocks for the server's answer behind the last dot, and for the one
** to QUIT, so a server that is slow there would hold up every process.
**
** ml_mailer is an interface: the real one here, a simulated one in tests.
*/
#ifndef ML_NET_MAIL_H
#define ML_NET_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pack.h"
#include "base/rc.h"
#include "net/loop.h"

typedef enum ml_mail_tls {
  ML_MAIL_TLS_REQUIRE,           /* smtps, or STARTTLS; else nothing is sent */
  ML_MAIL_TLS_TRY,               /* STARTTLS if the server offers it */
  ML_MAIL_TLS_NONE
} ml_mail_tls;

/* Where mail goes: the operator's, the same for every message. */
typedef struct ml_mail_server {
  ml_str url;                    /* smtp://host:port, smtps://host:port */
  ml_str user, password;         /* none: not logged in */
  ml_mail_tls tls;
  ml_str ca_file;                /* PEM of who vouches for it; none: the system's */
  int64_t timeout_ms;            /* one message; 0: 120 s */
  const ml_str *allow;           /* private addresses, as in ml_http_call */
  size_t allow_count;
} ml_mail_server;

/* Is it a server we can use?  ML_INVALID: e says what is allowed.  A password
** is never offered where TLS might be missing: that needs TLS_REQUIRE, or the
** plain word TLS_NONE. */
ml_rc ml_mail_server_check(const ml_mail_server *s, ml_err *e);

/* Borrowed until send returns. */
typedef struct ml_mail_call {
  const ml_mail_server *server;
  ml_str from, to;               /* bare addresses */
  ml_str message;                /* ml_mail_write() */
} ml_mail_call;

typedef enum ml_mail_end {
  ML_MAIL_TAKEN,
  ML_MAIL_NOT_YET,               /* no connection, 4xx, no answer, no TLS, not
                                    logged in: the same mail may go later */
  ML_MAIL_REFUSED                /* 5xx to this mail, or refused by us */
} ml_mail_end;

/* Borrowed during the call-back. */
typedef struct ml_mail_answer {
  ml_mail_end end;
  int code;                      /* the server's last; 0: none */
  const char *why;               /* a sentence; NULL when taken */
} ml_mail_answer;

typedef void ml_mail_fn(void *arg, const ml_mail_answer *answer);

/* send: fn is called exactly once, later; on any rc but ML_OK it is not. */
typedef struct ml_mailer {
  ml_rc (*send)(struct ml_mailer *m, const ml_mail_call *call, ml_mail_fn *fn,
                void *arg, ml_err *e);
} ml_mailer;

ml_rc ml_mailer_new(ml_loop *l, ml_mailer **out);
void ml_mailer_free(ml_mailer *m);   /* mails under way end without call-back */

#endif
