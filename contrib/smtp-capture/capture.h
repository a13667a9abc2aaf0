/*
** capture.h - a mail server that keeps what it is given, and misbehaves when
** told to.  For demos and tests; listens on loopback only.
**
** Speaks EHLO, HELO, STARTTLS, AUTH PLAIN, MAIL, RCPT, DATA, RSET, NOOP and QUIT,
** strictly enough that a client which does not keep the order is told so.
*/
#ifndef SC_CAPTURE_H
#define SC_CAPTURE_H

#include "base/buf.h"
#include "base/json.h"
#include "net/loop.h"

typedef struct sc_capture sc_capture;

/* `pair`: "user:password" that a client must log in with; NULL: anybody.
** bound gets "127.0.0.1:PORT". */
ml_rc sc_capture_new(ml_loop *l, const char *address, const char *pair,
                     char bound[128], sc_capture **out, ml_err *e);
void sc_capture_free(sc_capture *c);

/*
** From now on it speaks TLS with a certificate made for `host` (NULL: for where
** it listens), which is put at `path` for who is to believe it: from the first
** byte, or when the client says STARTTLS; nobody logs in without.
*/
ml_rc sc_capture_tls(sc_capture *c, const char *host, bool at_once,
                     const char *path, ml_err *e);

/*
** The next `times` clients that come to `at` ("connect", "tls", "ehlo", "auth",
** "mail", "rcpt", "data": the command, "end": the last dot) find:
**   a number from 400 to 599   that answer, and nothing is kept
**   "hang"                     no answer at all
**   "drop"                     the connection is closed without an answer; at
**                              "end" the mail is kept all the same
** False: not such a fault.
*/
bool sc_capture_fault(sc_capture *c, ml_str at, ml_str what, int64_t times);

size_t sc_capture_count(const sc_capture *c);
size_t sc_capture_sessions(const sc_capture *c);   /* connections accepted */
/* Mail i as it came, from 0; "" when there is none. */
ml_str sc_capture_raw(const sc_capture *c, size_t i);
/* {"count":n,"items":[{"from","to","id","subject","body","tls","login",
** "raw"}]}: envelope, Message-ID, subject and body decoded, and how it came. */
void sc_capture_list(const sc_capture *c, ml_jw *w);
void sc_capture_clear(sc_capture *c);          /* mails and faults */

#endif
