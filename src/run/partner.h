/*
** partner.h - other engines with which processes and comments are shared.
**
** A link joins two engines.  An operator of one invites, an operator of the
** other accepts with the code of the invitation; from then on both sign what
** they say to each other with a secret that only this link has (Standard
** Webhooks 1.0: webhook-id, webhook-timestamp, webhook-signature).  A link
** opens nothing but this: to have a process made in a workflow that lets
** partners start it, and to speak about processes that are shared over it.
**
** What leaves
**   An activity asks for a process there (moonlane's ml.partner_sync); its call
**   is one like others: journalled, repeated with its key until it is answered.
**   With the answer the process becomes shared, and the comments made before go
**   along.  From then on each commit of a shared process puts what the partner is
**   told into the outbox, in the same commit: comments that may cross, and, from
**   the side where it began, fields that are mapped.  A queue a process keeps
**   the order; nothing private is ever in a message.
** What comes in
**   is judged like a form of a stranger: signature, time, replay, link; then
**   workflow, person, state and fields by name; a process that is not shared over
**   this link is refused.  What came from a partner is not sent on.
*/
#ifndef ML_RUN_PARTNER_H
#define ML_RUN_PARTNER_H

#include "run/run.h"

enum {
  ML_PARTNERS_MAX = 1000,
  ML_PARTNER_BODY_MAX = 1 << 20, /* bytes of a message */
  ML_PARTNER_BEFORE_MS = 3600000 /* after a rotation the old secret is taken */
};

/* ---- links ---- */

size_t ml_partner_count(const ml_run *r);
const ml_row_partner *ml_partner_at(const ml_run *r, size_t i);
const ml_row_partner *ml_partner_named(const ml_run *r, ml_str name);

/* rc; *e says why not; text: what there is to show (invite: the code). */
typedef void ml_partner_fn(void *arg, ml_rc rc, const ml_err *e, ml_str text);

/* A new link; the code holds our url and a secret: it goes to the other side's
** operator by a safe way, and opens nothing once it was accepted. */
void ml_partner_invite(ml_run *r, ml_str name, ml_str url, ml_str who,
                       ml_partner_fn *fn, void *arg);
/* Take an invitation: ask the engine that made it, then the link is active on
** both sides.  Doing it again after a lost answer is safe. */
void ml_partner_accept(ml_run *r, ml_str code, ml_str name, ml_str url,
                       ml_str who, ml_partner_fn *fn, void *arg);
/* Another secret, agreed with the other side, who must answer. */
void ml_partner_rotate(ml_run *r, ml_str name, ml_str who, ml_partner_fn *fn,
                       void *arg);
/* The end of a link, at once on our side; the other is told if it answers. */
void ml_partner_revoke(ml_run *r, ml_str name, ml_str who, ml_partner_fn *fn,
                       void *arg);

/* An active link whose secret the caller knows: for the tests of workflows, which
** play the other side. */
enum { ML_PARTNER_SECRET = 32 };
void ml_partner_pretend(ml_run *r, ml_str name, ml_str link, ml_str url,
                        const uint8_t secret[ML_PARTNER_SECRET],
                        ml_partner_fn *fn, void *arg);

/* ---- what comes in ---- */

/* A request to /partners/LINK as it came; header values or none. */
typedef struct ml_partner_said {
  ml_str link, id, timestamp, signature, body;
} ml_partner_said;

/* After the commit of what it made: the HTTP status and a JSON answer; or
** rc and *e.  401: not signed by this link (also: no such link), late; 403:
** replayed, revoked, not shared over this link. */
typedef void ml_partner_took_fn(void *arg, ml_rc rc, const ml_err *e, int status,
                                ml_str answer);
void ml_partner_take(ml_run *r, const ml_partner_said *said,
                     ml_partner_took_fn *fn, void *arg);

#endif
