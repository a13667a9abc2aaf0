/*
** hook.h - how a webhook proves who sent it, and how often it may come.
**
** In workflow.lua, in one line:
**   ml.webhook { "paid", receive = function(ctx, request) ... end,
**     verify = ml.signature { "standard", secret = ml.setting "hook_secret" },
**     rate = "60/m" }
** Schemes: standard (webhook-id, webhook-timestamp, webhook-signature; see
** base/sign.h) and those of senders, all HMACs over the raw body:
**   github   X-Hub-Signature-256: sha256=<hex>
**   stripe   Stripe-Signature: t=<seconds>,v1=<hex>,..  over t.body
**   shopify  X-Shopify-Hmac-Sha256: <base64>
**   slack    X-Slack-Signature: v0=<hex>, X-Slack-Request-Timestamp
** Any other is spelled out:
**   ml.signature { header = "X-Sign", algorithm = "sha256", encoding = "hex",
**     prefix = "v1=", timestamp = "X-Time", signed = "{timestamp}.{body}",
**     secret = ml.setting "key" }
** algorithm: sha256 (default), sha512, sha1; encoding: hex (default), base64;
** prefix: what stands before it; timestamp: the header with the seconds;
** signed: what was signed, "{body}" unless told.
**
** With a timestamp a request is good for five minutes each way; without one it
** is known by what was signed, and refused a second time for a day.
** The tree (model/flow.h): {"verify":{"scheme"|"header",..,"secret":
** {"setting"},"at"},"rate":"60/m"}.
*/
#ifndef ML_MODEL_HOOK_H
#define ML_MODEL_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pack.h"
#include "base/rate.h"
#include "base/sign.h"

typedef struct ml_verify {
  uint16_t setting;              /* the workflow's, of type secret */
  bool standard;                 /* all below is not looked at */
  ml_digest digest;
  ml_sign_text text;
  ml_str header;
  ml_str prefix;                 /* none: "" */
  ml_str timestamp;              /* its header; none: it has none */
  ml_str pair_time, pair_sign;   /* the header is a list "t=..,v1=..": names */
  ml_str signed_;                /* "{timestamp}.{body}" */
} ml_verify;

/* A piece of `signed_`: a text, or one of the two that vary. */
typedef enum ml_signed_kind { ML_SIGNED_TEXT, ML_SIGNED_TIME, ML_SIGNED_BODY }
    ml_signed_kind;
/* The next piece; false at the end.  *rest begins as the whole. */
bool ml_verify_piece(ml_str *rest, ml_signed_kind *kind, ml_str *text);

enum { ML_VERIFY_PIECES_MAX = 16 };

/* A scheme by name, without its setting; false: there is none such. */
bool ml_verify_scheme(ml_str name, ml_verify *out);

#endif
