/*
** mail_text.h - a mail as bytes: RFC 5322, built strictly.
**
** Whatever comes in, what goes out is ASCII lines of at most 76 characters (an
** address is not broken: its line is as long as it is) with CRLF: names and subject as encoded words (RFC 2047) when they are not
** plain, the body always as base64.  So no value can begin a header, end the
** message, or be cut at a wrong place on its way.
*/
#ifndef ML_NET_MAIL_TEXT_H
#define ML_NET_MAIL_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/pack.h"
#include "base/rc.h"

enum {
  ML_MAIL_SUBJECT_MAX = 1000,    /* bytes */
  ML_MAIL_BODY_MAX = 64 << 10,
  ML_MAIL_NAME_MAX = 200,        /* of a person, before the address */
  ML_MAIL_ADDRESS_MAX = 254
};

/* "a.name@host.example": a dot-atom and a host name, ASCII.  No quotes, no
** comments, no address literals: nothing a mailbox of our days needs. */
bool ml_mail_is_address(ml_str s);

/* "a@b.example" or "A name <a@b.example>" in its parts; *name is none when
** there is none.  ML_INVALID: e says what is wrong. */
ml_rc ml_mail_mailbox(ml_str text, ml_str *name, ml_str *address, ml_err *e);

typedef struct ml_mail_text {
  ml_str from, to;               /* mailboxes as above */
  ml_str subject;                /* control characters become blanks */
  ml_str body;                   /* UTF-8, lines end with LF or CRLF */
  ml_str key;                    /* makes the Message-ID: the same key gives
                                    the same one, so a repeat can be told */
  int64_t at_ms;                 /* Date */
} ml_mail_text;

/* ML_INVALID: an address, or text that is no UTF-8; ML_LIMIT: too long;
** ML_NOMEM.  Nothing was appended then. */
ml_rc ml_mail_write(ml_buf *out, const ml_mail_text *m, ml_err *e);

#endif
