/* test_partner.c - the other side of links to partners, in tests.
**
** w:partner "supplier"        an active link; what goes there is faked as HTTP:
**                             w:http("POST", "/partners/supplier", { ... })
** w:hear("supplier", { type = "order", ... })
**                             what comes from there, signed: { status =, process =,
**                             refused = } */
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/sign.h"
#include "cmd/test_op.h"
#include "cmd/torture_world.h"
#include "run/partner.h"

static const uint8_t secret[ML_PARTNER_SECRET] = "both sides of a test know this";

static void linked(void *arg, ml_rc rc, const ml_err *e, ml_str text) {
  (void)text;
  ml_world_done(arg, rc, e);
}

ml_rc ml_op_partner(ml_op *o) {
  ml_came *c = ml_world_came(o->w);
  ml_str name;
  char *url;
  ml_rc rc = ml_op_text(o, 0, "the partner's name", &name);

  if (rc != ML_OK)
    return rc;
  url = ml_arena_printf(o->a, "https://%.*s.partner", (int)name.n, name.p);
  if (c == NULL || url == NULL)
    return ml_op_starved(o);
  ml_partner_pretend(o->w->run, name, name, ml_str_of(url), secret, linked, c);
  rc = ml_world_wait(o->w, c, &o->e);
  if (rc == ML_OK)
    ml_jw_null(o->out);
  return rc;
}

/* ---- what comes from there ---- */

typedef struct heard {
  ml_came came;                  /* first: ml_world_done() takes it */
  ml_arena *a;
  int status;
  char text[500];
  ml_json *answer;
} heard;

static void took(void *arg, ml_rc rc, const ml_err *e, int status,
                 ml_str answer) {
  heard *h = arg;

  h->status = status;
  if (rc != ML_OK) {
    h->status = rc == ML_REFUSED ? status != 0 ? status : 403 : 422;
    snprintf(h->text, sizeof h->text, "%s", e != NULL ? e->text : "");
  } else if (answer.n > 0) {
    ml_json_parse(h->a, answer.p, answer.n, NULL, &h->answer, NULL);
  }
  ml_world_done(&h->came, ML_OK, NULL);
}

/* Sign as that partner would: a repeat has the id it had and another moment.
** false: starved. */
static bool sign(ml_op *o, ml_str name, ml_str body, ml_partner_said *said) {
  ml_buf text = {0}, sig = {0};
  char *id = ml_arena_printf(o->a, "test-%llu",
                             (unsigned long long)++o->w->posts);
  int64_t now = ml_world_now(o->w) +
                (o->w->torture != NULL && o->w->torture->repeated ? 1000 : 0);
  char *at = ml_arena_printf(o->a, "%lld", (long long)(now / 1000));
  bool ok = id != NULL && at != NULL;
  ml_err e = {0};

  ml_sign_put_secret(&text, secret);
  ok = ok && !text.bad &&
       ml_sign_standard(&sig, (ml_str){text.p, text.len}, ml_str_of(id),
                        now, body, &e) == ML_OK;
  *said = (ml_partner_said){.link = name, .body = body};
  if (ok) {
    said->id = ml_str_of(id);
    said->timestamp = ml_str_of(at);
    said->signature = (ml_str){ml_arena_dup(o->a, sig.p, sig.len), sig.len};
    ok = said->signature.p != NULL;
  }
  ml_buf_free(&text);
  ml_buf_free(&sig);
  return ok;
}

static void put_heard(ml_op *o, const heard *h) {
  ml_str process = h->answer != NULL ? ml_json_str(h->answer, "process")
                                     : ML_NOSTR;

  ml_jw_obj(o->out);
  ml_jw_kint(o->out, "status", h->status);
  if (h->text[0] != '\0')
    ml_jw_kstrz(o->out, "refused", h->text);
  if (process.p != NULL) {
    ml_jw_key(o->out, "process");
    ml_op_put_id(o->out, process);
  }
  ml_jw_end(o->out);
}

ml_rc ml_op_hear(ml_op *o) {
  heard *h = ml_arena_zero(o->a, sizeof *h);
  const ml_json *message;
  ml_partner_said said;
  ml_str name;
  ml_buf b = {0};
  ml_rc rc = ml_op_text(o, 0, "the partner's name", &name);

  if (rc == ML_OK)
    rc = ml_op_table(o, 1, "the partner's message", &message);
  if (rc != ML_OK)
    return rc;
  if (message == NULL)
    return ml_err_set(&o->e, ML_INVALID, "", "the partner's message is a table");
  ml_json_print(&b, message);
  if (h == NULL || b.bad || !sign(o, name, (ml_str){b.p, b.len}, &said)) {
    ml_buf_free(&b);
    return ml_op_starved(o);
  }
  h->came.w = o->w;
  h->a = o->a;
  ml_partner_take(o->w->run, &said, took, h);
  rc = ml_world_wait(o->w, &h->came, &o->e);
  ml_buf_free(&b);
  if (rc == ML_OK)
    put_heard(o, h);
  return rc;
}
