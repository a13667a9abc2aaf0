/*
** api_webhook.c - P3.11: who is told of changes, and what the outbox still
** holds: for webhooks, mails and partners alike.
*/
#include <stdio.h>
#include <string.h>

#include "api/api_call.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/sign.h"
#include "base/text.h"
#include "run/webhook.h"

/* ---- subscriptions ---- */

typedef struct hook {
  ml_row_webhook row;
  uint32_t no;
  char *secret;                  /* shown this once */
} hook;

/* The words of `events` as a list. */
static void put_events(ml_jw *w, ml_str events) {
  ml_jw_key(w, "events");
  ml_jw_arr(w);
  while (events.n > 0) {
    size_t n = 0;

    while (n < events.n && events.p[n] != ' ')
      n++;
    if (n > 0)
      ml_jw_str(w, (ml_str){events.p, n});
    n += n < events.n;
    events = (ml_str){events.p + n, events.n - n};
  }
  ml_jw_end(w);
}

static void put_hook(ml_call *c, const ml_row_webhook *row, const char *secret) {
  ml_jw_obj(&c->w);
  ml_jw_kint(&c->w, "no", row->no);
  ml_jw_kstr(&c->w, "url", row->url);
  ml_jw_kstr(&c->w, "workflow", row->workflow);
  put_events(&c->w, row->events);
  ml_jw_kbool(&c->w, "active", row->active);
  ml_jw_kstr(&c->w, "why", row->why);
  ml_jw_kint(&c->w, "createdAt", row->at_ms);
  if (secret != NULL)
    ml_jw_kstrz(&c->w, "secret", secret);
  ml_jw_end(&c->w);
}

/* ---- subscriptions: they and the outbox are of all teams ---- */

static void list_hooks(ml_call *c) {
  if (!ml_call_sees_all(c))
    return;
  ml_list_begin(c);
  for (size_t i = 0; i < ml_run_webhook_count(c->run); i++)
    if (!ml_run_webhook_at(c->run, i)->removed)
      put_hook(c, ml_run_webhook_at(c->run, i), NULL);
  ml_list_last(c);
  ml_list_send(c);
}

static void written(void *arg, ml_rc rc, const ml_err *e) {
  ml_call *c = arg;
  hook *h = c->state;
  const ml_row_webhook *row;

  if (rc != ML_OK) {
    ml_call_refuse(c, rc, e);
    return;
  }
  ml_log(ML_INFO, "webhook-changed", "who", c->who.name.p, NULL);
  row = ml_run_webhook(c->run, h->no);
  if (strcmp(c->route->method, "DELETE") == 0 || row == NULL) {
    ml_call_send(c, 204);
    return;
  }
  put_hook(c, row, h->secret);
  if (h->secret != NULL)
    ml_crypto_wipe(h->secret, strlen(h->secret));
  ml_call_send(c, c->route->method[0] == 'P' && c->route->method[1] == 'O'
                      ? 201 : 200);
}

/* "events": a list of words; empty or null: all.  NULL: refused and gone. */
static bool take_events(ml_call *c, ml_str *out) {
  const ml_json *v = ml_json_get(c->body, "events");
  ml_buf b = {0};
  char *text;

  if (v == NULL)
    return true;
  *out = ML_NOSTR;
  for (uint32_t i = 0; v->type == ML_JARR && i < v->count; i++) {
    ml_buf_puts(&b, i > 0 ? " " : "");
    ml_buf_put(&b, v->arr[i].s.p, v->arr[i].s.n);
  }
  if (b.len == 0 && !b.bad) {
    ml_buf_free(&b);
    return true;
  }
  text = b.bad ? NULL : ml_arena_dup(&c->arena, b.p, b.len);
  *out = (ml_str){text, b.len};
  ml_buf_free(&b);
  if (text == NULL)
    ml_call_refuse(c, ML_NOMEM, NULL);
  return text != NULL;
}

/* "workflow": one that is in force; null: all. */
static bool take_workflow(ml_call *c, ml_str *out) {
  const ml_json *v = ml_json_get(c->body, "workflow");

  if (v == NULL)
    return true;
  *out = v->type == ML_JSTR ? v->s : ML_NOSTR;
  if (out->p == NULL || ml_run_workflow(c->run, *out) != NULL)
    return true;
  ml_call_problem(c, 422, NULL, "/workflow", NULL,
                  "there is no workflow '%.100s'", out->p);
  return false;
}

static void make_hook(ml_call *c) {
  hook *h = ml_call_sees_all(c) ? ml_call_alloc(c, sizeof *h) : NULL;
  ml_str secret = ml_json_str(c->body, "secret");
  uint8_t key[32];
  ml_buf b = {0};

  if (h == NULL)
    return;
  c->state = h;
  h->row.url = ml_json_str(c->body, "url");
  h->row.active = true;
  if (!take_events(c, &h->row.events) || !take_workflow(c, &h->row.workflow))
    return;
  if (secret.p == NULL) {
    ml_rand *rand = ml_api_conf_of(c->api)->rand;

    rand->bytes(rand, key, sizeof key);
    ml_sign_put_secret(&b, key);
    ml_crypto_wipe(key, sizeof key);
    h->secret = b.bad ? NULL : ml_arena_dup(&c->arena, b.p, b.len);
    secret = ml_str_of(h->secret);
    if (b.p != NULL)
      ml_crypto_wipe(b.p, b.len);
    ml_buf_free(&b);
    if (h->secret == NULL) {
      ml_call_refuse(c, ML_NOMEM, NULL);
      return;
    }
  }
  h->row.secret = secret;
  ml_run_webhook_put(c->run, &h->row, &h->no, written, c);
}

/* The one in the path, as it is now. */
static hook *hook_of(ml_call *c) {
  const ml_row_webhook *row = NULL;
  int64_t no;
  hook *h;

  if (!ml_call_sees_all(c))
    return NULL;
  if (ml_text_int(c->part[0], &no) && no > 0 && no <= UINT32_MAX)
    row = ml_run_webhook(c->run, (uint32_t)no);
  if (row == NULL) {
    ml_call_problem(c, 404, NULL, NULL, NULL, "there is no webhook '%.40s'",
                    c->part[0].p);
    return NULL;
  }
  h = ml_call_alloc(c, sizeof *h);
  if (h == NULL)
    return NULL;
  c->state = h;
  h->row = *row;
  h->row.secret = ML_NOSTR;      /* stays */
  h->no = row->no;
  return h;
}

static void change_hook(ml_call *c) {
  hook *h = hook_of(c);

  if (h == NULL)
    return;
  if (ml_json_get(c->body, "url") != NULL)
    h->row.url = ml_json_str(c->body, "url");
  if (ml_json_get(c->body, "secret") != NULL)
    h->row.secret = ml_json_str(c->body, "secret");
  h->row.active = ml_json_bool(c->body, "active", h->row.active);
  if (h->row.active)
    h->row.why = ML_NOSTR;
  if (take_events(c, &h->row.events) && take_workflow(c, &h->row.workflow))
    ml_run_webhook_put(c->run, &h->row, NULL, written, c);
}

static void drop_hook(ml_call *c) {
  hook *h = hook_of(c);

  if (h == NULL)
    return;
  h->row = (ml_row_webhook){.no = h->no, .removed = true,
                            .at_ms = h->row.at_ms};
  ml_run_webhook_put(c->run, &h->row, NULL, written, c);
}

/* ---- the outbox ---- */

typedef struct posts {
  ml_row_post *rows;
  size_t count, limit;
  int64_t after, no, waiting, aside, oldest_ms;
  bool only_aside;
} posts;

static ml_rc read_posts(ml_call *c, ml_read *r) {
  posts *p = c->state;
  ml_rc rc = ml_read_posts(r, &c->arena, p->only_aside, p->after, p->limit + 1,
                           &p->rows, &p->count);

  return rc == ML_OK ? ml_read_post_counts(r, &p->waiting, &p->aside,
                                           &p->oldest_ms)
                     : rc;
}

static void put_post(ml_call *c, const ml_row_post *row) {
  ml_jw_obj(&c->w);
  ml_jw_kint(&c->w, "no", row->no);
  ml_jw_kstrz(&c->w, "kind", ml_postk_name(row->kind));
  ml_jw_kstr(&c->w, "queue", row->queue);
  ml_jw_kstr(&c->w, "key", row->key);
  ml_jw_kint(&c->w, "createdAt", row->at_ms);
  ml_jw_key(&c->w, "dueAt");
  if (row->due_ms != 0)
    ml_jw_int(&c->w, row->due_ms);
  else
    ml_jw_null(&c->w);
  ml_jw_kint(&c->w, "attempts", row->attempts);
  ml_jw_kbool(&c->w, "aside", row->aside);
  ml_jw_kstr(&c->w, "why", row->why);
  ml_jw_kint(&c->w, "bytes", (int64_t)row->body.n);
  ml_jw_end(&c->w);
}

static void send_posts(ml_call *c) {
  posts *p = c->state;
  bool more = p->count > p->limit;
  size_t count = more ? p->limit : p->count;

  ml_list_begin(c);
  for (size_t i = 0; i < count; i++)
    put_post(c, &p->rows[i]);
  if (more)
    ml_cursor_put(c, 'o', p->rows[count - 1].no, 0, ML_NOSTR);
  else
    ml_list_last(c);
  ml_jw_kint(&c->w, "waiting", p->waiting);
  ml_jw_kint(&c->w, "aside", p->aside);
  ml_jw_kint(&c->w, "oldestAge",
             p->oldest_ms > 0 ? ml_api_now(c->api) - p->oldest_ms : 0);
  ml_list_send(c);
}

static void list_posts(ml_call *c) {
  posts *p = ml_call_sees_all(c) ? ml_call_alloc(c, sizeof *p) : NULL;
  int64_t unused;
  ml_str text;

  if (p == NULL)
    return;
  c->state = p;
  p->only_aside = ml_call_query_bool(c, "aside");
  p->limit = ml_call_limit(c);
  if (ml_cursor_get(c, 'o', &p->after, &unused, &text))
    ml_call_read(c, read_posts, send_posts);
}

static ml_rc read_post(ml_call *c, ml_read *r) {
  posts *p = c->state;
  ml_row_post row;
  ml_rc rc = ml_read_post(r, &c->arena, p->no, &row);

  if (rc == ML_NOT_FOUND || (rc == ML_OK && !row.aside))
    return ml_err_set(&c->err, rc == ML_OK ? ML_CONFLICT : rc, NULL,
                      rc == ML_OK ? "this message has not been given up: it is "
                                    "sent by itself"
                                  : "there is no message with this number");
  if (rc != ML_OK)
    return rc;
  p->rows = ml_arena_alloc(&c->arena, sizeof row);
  if (p->rows == NULL)
    return ML_NOMEM;
  *p->rows = row;
  return ML_OK;
}

static void fill_resend(ml_call *c, ml_batch *b) {
  const posts *p = c->state;

  ml_batch_post_end(b, p->no, p->rows->queue, ML_POST_RESEND, ML_NOSTR,
                    ml_api_now(c->api), ml_api_now(c->api));
}

static void resent(ml_call *c) {
  ml_run_outbox_look(c->run);
  ml_call_send(c, 204);
}

static void write_resend(ml_call *c) {
  ml_call_write(c, fill_resend, resent);
}

static void resend(ml_call *c) {
  posts *p = ml_call_sees_all(c) ? ml_call_alloc(c, sizeof *p) : NULL;

  if (p == NULL)
    return;
  c->state = p;
  if (!ml_text_int(c->part[0], &p->no) || p->no <= 0) {
    ml_call_problem(c, 404, NULL, NULL, NULL,
                    "there is no message with this number");
    return;
  }
  ml_call_read(c, read_post, write_resend);
}

/* ---- the table ---- */

static const ml_route rows[] = {
  {"GET", "/v1/webhooks", ML_SCOPE_ADMIN | ML_SCOPE_OPERATE, 0, list_hooks,
   NULL, NULL, "200 [Webhook]", "listWebhooks", "Who is told of changes"},
  {"POST", "/v1/webhooks", ML_SCOPE_ADMIN, ML_ROUTE_REPEAT, make_hook, NULL,
   "MakeWebhook", "201 Webhook", "makeWebhook",
   "Tell a URL of changes; a secret made here is shown this once"},
  {"PATCH", "/v1/webhooks/{no}", ML_SCOPE_ADMIN, 0, change_hook, NULL,
   "EditWebhook", "200 Webhook/204", "editWebhook",
   "Change one, switch it on or off"},
  {"DELETE", "/v1/webhooks/{no}", ML_SCOPE_ADMIN, 0, drop_hook, NULL, NULL,
   "204", "dropWebhook", "Tell it no more"},
  {"GET", "/v1/outbox", ML_SCOPE_READ | ML_SCOPE_OPERATE, 0, list_posts,
   "aside limit cursor", NULL, "200 Outbox", "listOutbox",
   "Messages that have not arrived, the oldest first"},
  {"POST", "/v1/outbox/{no}/resend", ML_SCOPE_OPERATE, ML_ROUTE_REPEAT, resend,
   NULL, NULL, "204", "resendMessage",
   "Send one that was given up, at its place in its queue"}};

static const char shapes[] =
  "Webhook { no:int, url:str, workflow:str?, events:[str] \"empty: all\","
  " active:bool, why:str? \"why it is not active\", createdAt:int,"
  " secret?:str \"when it was made here: shown this once\" }"
  "MakeWebhook { url:str, workflow?:str?, events?:[str] \"words of the history:"
  " started, state, data, ...\", secret?:str? \"whsec_...; else one is made\" }"
  "EditWebhook { url?:str, workflow?:str?, events?:[str], secret?:str,"
  " active?:bool }"
  "Message { no:int, kind:mail|hook|partner, queue:str, key:str, createdAt:int,"
  " dueAt:int? \"null: another is before it, or it was given up\", attempts:int,"
  " aside:bool \"given up\", why:str?, bytes:int }"
  "Outbox { items:[Message], next:str?, waiting:int, aside:int,"
  " oldestAge:int \"ms\" }";

const ml_routes ml_routes_webhook = {rows, sizeof rows / sizeof *rows, shapes};
