/*
** api_partner.c - links to other engines: their operators' side, and the one
** route over which partners speak.
**
** /partners/LINK is open to the internet: who holds the link's secret may speak,
** and everybody else is told the same 401, whether there is such a link or not.
*/
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/api_call.h"
#include "api/api_render.h"
#include "base/log.h"
#include "run/partner.h"

/* ---- what partners say ---- */

static ml_str header(const ml_request *q, const char *name) {
  for (size_t i = 0; i < q->header_count; i++)
    if (q->headers[i].name.n == strlen(name) &&
        strncasecmp(q->headers[i].name.p, name, strlen(name)) == 0)
      return q->headers[i].value;
  return ML_NOSTR;
}

static void took(void *arg, ml_rc rc, const ml_err *e, int status,
                 ml_str answer) {
  ml_call *c = arg;

  if (rc == ML_REFUSED && status == 401) {
    ml_log(ML_WARN, "bad-partner", "peer", c->q->peer.p, NULL);
    ml_call_problem(c, 401, NULL, NULL, NULL, "%s", "");
  } else if (rc != ML_OK) {
    ml_call_refuse(c, rc, e);
  } else {
    ml_jw_raw(&c->w, answer.n > 0 ? answer : ML_STR("{}"));
    ml_call_send(c, status);
  }
}

static void said(ml_call *c) {
  ml_partner_said s = {c->part[0], header(c->q, "webhook-id"),
                       header(c->q, "webhook-timestamp"),
                       header(c->q, "webhook-signature"), c->q->body};

  if (c->q->body.n > ML_PARTNER_BODY_MAX)
    ml_call_problem(c, 413, NULL, NULL, NULL,
                    "a partner's message has at most %d bytes",
                    ML_PARTNER_BODY_MAX);
  else
    ml_partner_take(c->run, &s, took, c);
}

/* ---- links ---- */

typedef struct waiting {        /* how many messages wait for each partner */
  int64_t count, oldest_ms;
} waiting;

static ml_rc read_waiting(ml_call *c, ml_read *r) {
  size_t n = ml_partner_count(c->run);
  waiting *w = c->state;
  ml_rc rc = ML_OK;

  for (size_t i = 0; i < n && i < ML_PARTNERS_MAX && rc == ML_OK; i++) {
    char queue[32];
    int len = snprintf(queue, sizeof queue, "partner:%u:",
                       ml_partner_at(c->run, i)->no);

    rc = ml_read_posts_of(r, (ml_str){queue, (size_t)len}, &w[i].count,
                          &w[i].oldest_ms);
  }
  return rc;
}

static void put_partner(ml_call *c, const ml_row_partner *p, const waiting *w) {
  ml_jw_obj(&c->w);
  ml_jw_kstr(&c->w, "name", p->name);
  ml_jw_kstr(&c->w, "link", p->link);
  ml_api_put_text(&c->w, "url", p->url);
  ml_jw_kstrz(&c->w, "state", ml_links_name(p->state));
  ml_jw_kint(&c->w, "made", p->made_ms);
  ml_jw_kint(&c->w, "waiting", w->count);
  ml_jw_key(&c->w, "oldest");
  if (w->oldest_ms > 0)
    ml_jw_int(&c->w, w->oldest_ms);
  else
    ml_jw_null(&c->w);
  ml_jw_end(&c->w);
}

static void send_partners(ml_call *c) {
  const waiting *w = c->state;

  ml_list_begin(c);
  for (size_t i = 0; i < ml_partner_count(c->run); i++)
    put_partner(c, ml_partner_at(c->run, i), &w[i]);
  ml_list_last(c);
  ml_list_send(c);
}

static void list_partners(ml_call *c) {
  size_t n = ml_partner_count(c->run);

  c->state = ml_call_alloc(c, (n + 1) * sizeof(waiting));
  if (c->state == NULL)
    return;
  memset(c->state, 0, (n + 1) * sizeof(waiting));
  ml_call_read(c, read_waiting, send_partners);
}

/* ---- changes ---- */

static void invited(void *arg, ml_rc rc, const ml_err *e, ml_str text) {
  ml_call *c = arg;

  if (rc != ML_OK) {
    ml_call_refuse(c, rc, e);
    return;
  }
  ml_jw_obj(&c->w);
  ml_jw_kstr(&c->w, "code", text);
  ml_jw_end(&c->w);
  ml_call_send(c, 201);
}

static void invite(ml_call *c) {
  ml_partner_invite(c->run, ml_json_str(c->body, "name"),
                    ml_json_str(c->body, "url"), c->who.name, invited, c);
}

static void linked(void *arg, ml_rc rc, const ml_err *e, ml_str text) {
  ml_call *c = arg;
  const ml_row_partner *p = rc == ML_OK ? ml_partner_named(c->run, text) : NULL;

  if (rc != ML_OK) {
    ml_call_refuse(c, rc, e);
    return;
  }
  ml_log(ML_INFO, "partner-changed", "who", c->who.name.p, NULL);
  if (p == NULL) {
    ml_call_send(c, 204);
    return;
  }
  put_partner(c, p, &(waiting){0, 0});
  ml_call_send(c, 200);
}

static void accept(ml_call *c) {
  ml_partner_accept(c->run, ml_json_str(c->body, "code"),
                    ml_json_str(c->body, "name"), ml_json_str(c->body, "url"),
                    c->who.name, linked, c);
}

static void rotate(ml_call *c) {
  ml_partner_rotate(c->run, c->part[0], c->who.name, linked, c);
}

static void revoke(ml_call *c) {
  ml_partner_revoke(c->run, c->part[0], c->who.name, linked, c);
}

/* ---- what was done to a link ---- */

typedef struct tolds {
  uint32_t partner;
  int64_t after;
  size_t limit, count;
  ml_row_partner_told *rows;
} tolds;

static ml_rc read_tolds(ml_call *c, ml_read *r) {
  tolds *t = c->state;

  return ml_read_partner_tolds(r, &c->arena, t->partner, t->after, t->limit + 1,
                               &t->rows, &t->count);
}

static void send_tolds(ml_call *c) {
  tolds *t = c->state;
  size_t n = t->count > t->limit ? t->limit : t->count;

  ml_list_begin(c);
  for (size_t i = 0; i < n; i++) {
    ml_jw_obj(&c->w);
    ml_jw_kint(&c->w, "no", t->rows[i].no);
    ml_jw_kint(&c->w, "at", t->rows[i].at_ms);
    ml_jw_kstr(&c->w, "what", t->rows[i].what);
    ml_api_put_text(&c->w, "who", t->rows[i].who);
    ml_api_put_text(&c->w, "text", t->rows[i].text);
    ml_jw_end(&c->w);
  }
  if (t->count > t->limit)
    ml_cursor_put(c, 'p', t->rows[n - 1].no, 0, ML_NOSTR);
  else
    ml_list_last(c);
  ml_list_send(c);
}

static void list_tolds(ml_call *c) {
  const ml_row_partner *p = ml_partner_named(c->run, c->part[0]);
  tolds *t;
  int64_t b;
  ml_str none;

  if (p == NULL) {
    ml_call_problem(c, 404, NULL, NULL, NULL, "there is no partner '%.100s'",
                    c->part[0].p);
    return;
  }
  t = ml_call_alloc(c, sizeof *t);
  if (t == NULL)
    return;
  *t = (tolds){.partner = p->no, .limit = ml_call_limit(c)};
  c->state = t;
  if (ml_cursor_get(c, 'p', &t->after, &b, &none))
    ml_call_read(c, read_tolds, send_tolds);
}

#define CHANGE ML_SCOPE_OPERATE | ML_SCOPE_ADMIN

static const ml_route rows[] = {
  {"POST", "/partners/{link}", 0, ML_ROUTE_OPEN | ML_ROUTE_RAW | ML_ROUTE_REPEAT,
   said, NULL, NULL, "200 Said/201 Said", "partnerSays",
   "A partner speaks, signed by Standard Webhooks with the link's secret"},
  {"GET", "/v1/partners", ML_SCOPE_READ | CHANGE, 0, list_partners, NULL, NULL,
   "200 [Partner]", "listPartners",
   "Links to other engines, and how many messages wait for each"},
  {"POST", "/v1/partners", CHANGE, ML_ROUTE_REPEAT, invite, NULL, "NewPartner",
   "201 Invitation", "invitePartner", "Make a link; its code is shown once"},
  {"POST", "/v1/partners/accept", CHANGE, ML_ROUTE_REPEAT, accept, NULL,
   "AcceptPartner", "200 Partner", "acceptPartner", "Take an invitation"},
  {"POST", "/v1/partners/{name}/rotate", CHANGE, ML_ROUTE_REPEAT, rotate, NULL,
   NULL, "200 Partner", "rotatePartner", "Agree on another secret"},
  {"POST", "/v1/partners/{name}/revoke", CHANGE, ML_ROUTE_REPEAT, revoke, NULL,
   NULL, "200 Partner", "revokePartner", "End a link, at once"},
  {"GET", "/v1/partners/{name}/told", ML_SCOPE_READ | CHANGE, 0, list_tolds,
   "limit cursor", NULL, "200 [PartnerTold]", "partnerTold",
   "Who did what to a link"}};

static const char shapes[] =
  "Partner { name:str, link:str, url:str?, state:str \"invited, accepting,"
  " active, revoked\", made:int, waiting:int \"messages for it\", oldest:int?"
  " \"when the oldest of them was made\" }"
  "NewPartner { name:str, url:str \"where the other side reaches this engine\" }"
  "Invitation { code:str }"
  "AcceptPartner { code:str, name:str, url:str }"
  "Said { process?:str }"
  "PartnerTold { no:int, at:int, what:str, who:str? \"null: the other side\","
  " text:str? }";

const ml_routes ml_routes_partner = {rows, sizeof rows / sizeof *rows, shapes};
