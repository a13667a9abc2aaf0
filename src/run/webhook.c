/*
** webhook.c - who is told of changes, and what they are told.
**
** The message is made from what a commit carries and rides in it (the outbox of
** outbox.c), one queue a subscription and process; so they come in the order of
** the process's commits, and again with the same id until they have arrived.
** The address and the key are looked up when it is sent.
**
** A message holds no text of the history and no sealed value: who is told more
** than that it changed asks for it with a token.
*/
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/sign.h"
#include "base/text.h"
#include "model/field.h"
#include "run/inside.h"
#include "run/webhook.h"

enum {
  HOOK_ATTEMPTS = 16,            /* then it is set aside: about three days */
  HOOK_CAP_MS = 6 * 3600 * 1000, /* longest wait between two attempts */
  HOOK_TIMEOUT_MS = 15000
};

/* ---- looking ---- */

size_t ml_run_webhook_count(const ml_run *r) {
  return r->people.webhook_count;
}

const ml_row_webhook *ml_run_webhook_at(const ml_run *r, size_t i) {
  return i < r->people.webhook_count ? &r->people.webhooks[i] : NULL;
}

const ml_row_webhook *ml_run_webhook(const ml_run *r, uint32_t no) {
  for (size_t i = 0; i < r->people.webhook_count; i++)
    if (r->people.webhooks[i].no == no && !r->people.webhooks[i].removed)
      return &r->people.webhooks[i];
  return NULL;
}

static bool next_word(ml_str *rest, ml_str *word) {
  size_t n = 0;

  while (rest->n > 0 && *rest->p == ' ')
    *rest = (ml_str){rest->p + 1, rest->n - 1};
  while (n < rest->n && rest->p[n] != ' ')
    n++;
  *word = (ml_str){rest->p, n};
  if (n > 0)
    *rest = (ml_str){rest->p + n, rest->n - n};
  return n > 0;
}

bool ml_run_webhook_events(ml_str events) {
  ml_str word;

  while (next_word(&events, &word)) {
    bool known = false;

    for (int i = 0; i < ML_TOLD_COUNT; i++)
      known = known || ml_str_is(word, ml_told_name((ml_told)i));
    if (!known)
      return false;
  }
  return true;
}

/* ---- keys ---- */

static ml_str context(ml_arena *a, uint32_t no) {
  return ml_str_of(ml_arena_printf(a, "webhook %" PRIu32, no));
}

static ml_rc seal(ml_run *r, ml_arena *a, uint32_t no, ml_str plain,
                  ml_str *out) {
  uint8_t nonce[ML_AES_NONCE_LEN];
  ml_str more = context(a, no);
  ml_buf b = {0};
  ml_rc rc;

  if (more.p == NULL)
    return ML_NOMEM;
  r->conf.rand->bytes(r->conf.rand, nonce, sizeof nonce);
  ml_buf_put(&b, nonce, sizeof nonce);
  rc = ml_aes_gcm_seal(&b, r->conf.secret_key, nonce, more, plain);
  if (rc == ML_OK) {
    out->p = b.bad ? NULL : ml_arena_dup(a, b.p, b.len);
    out->n = b.len;
    rc = out->p != NULL ? ML_OK : ML_NOMEM;
  }
  ml_buf_free(&b);
  return rc;
}

static ml_rc open_secret(ml_run *r, ml_arena *a, const ml_row_webhook *w,
                         ml_buf *out) {
  ml_str more = context(a, w->no);

  if (more.p == NULL)
    return ML_NOMEM;
  if (w->secret.n <= ML_AES_NONCE_LEN)
    return ML_CORRUPT;
  return ml_aes_gcm_open(out, r->conf.secret_key, (const uint8_t *)w->secret.p,
                         more, (ml_str){w->secret.p + ML_AES_NONCE_LEN,
                                        w->secret.n - ML_AES_NONCE_LEN});
}

/* ---- writing ---- */

typedef struct putting {
  ml_run *r;
  ml_arena arena;
  ml_row_webhook row;
  uint32_t *no;
  ml_run_done_fn *done;
  void *arg;
} putting;

static void fill(void *arg, ml_batch *b) {
  const putting *x = arg;

  ml_batch_webhook(b, &x->row);
}

static void put_end(void *arg, ml_rc rc, const ml_err *e) {
  putting *x = arg;

  if (rc == ML_OK && x->no != NULL)
    *x->no = x->row.no;
  x->done(x->arg, rc, e);
  ml_arena_free(&x->arena);
  ml_mem_free(x);
}

static ml_rc check(const ml_row_webhook *row, ml_err *e) {
  ml_field url = {.id = ML_STR("url"), .type = ML_F_URL, .max = 2000};
  ml_json v = {.type = ML_JSTR};
  ml_buf unused = {0};
  ml_rc rc;

  if (row->removed)
    return ML_OK;
  v.s = row->url;
  rc = row->url.n > 0 ? ml_field_check(&url, &v, "", &unused, e)
                      : ml_err_set(e, ML_INVALID, "/url", "a URL is wanted");
  ml_buf_free(&unused);
  if (rc == ML_OK && row->secret.p != NULL)
    rc = ml_sign_secret_check(row->secret, e);
  if (rc == ML_OK && !ml_run_webhook_events(row->events))
    rc = ml_err_set(e, ML_INVALID, "/events", "an event is a word of the "
                    "history, such as started, state, data, completed");
  return rc;
}

static uint32_t next_no(const ml_run *r, size_t *in_force) {
  uint32_t no = 0;

  *in_force = 0;
  for (size_t i = 0; i < r->people.webhook_count; i++) {
    if (r->people.webhooks[i].no > no)
      no = r->people.webhooks[i].no;
    *in_force += !r->people.webhooks[i].removed;
  }
  return no + 1;
}

static ml_rc prepare(ml_run *r, putting *x, const ml_row_webhook *row,
                     ml_err *e) {
  const ml_row_webhook *old = ml_run_webhook(r, row->no);
  bool starved = false;
  size_t in_force;
  ml_rc rc = check(row, e);

  if (rc != ML_OK)
    return rc;
  x->row = *row;
  if (row->no == 0) {
    x->row.no = next_no(r, &in_force);
    if (x->row.no <= r->webhook_last)          /* another is on its way */
      x->row.no = r->webhook_last + 1;
    r->webhook_last = x->row.no;
    x->row.at_ms = now_wall(r);
    if (in_force >= ML_WEBHOOKS_MAX)
      return ml_err_set(e, ML_LIMIT, "", "there are %d webhooks; remove one first",
                        ML_WEBHOOKS_MAX);
  }
  x->row.url = arena_str(&x->arena, row->url, &starved);
  x->row.workflow = arena_str(&x->arena, row->workflow, &starved);
  x->row.events = arena_str(&x->arena, row->events, &starved);
  x->row.why = arena_str(&x->arena, row->why, &starved);
  x->row.secret = ML_NOSTR;
  if (row->secret.p != NULL)
    rc = seal(r, &x->arena, x->row.no, row->secret, &x->row.secret);
  else if (old != NULL && !row->removed)
    x->row.secret = arena_str(&x->arena, old->secret, &starved);
  return rc == ML_OK && starved ? ML_NOMEM : rc;
}

void ml_run_webhook_put(ml_run *r, const ml_row_webhook *row, uint32_t *no,
                        ml_run_done_fn *done, void *arg) {
  putting *x = ml_mem_zero(sizeof *x);
  ml_err e = {0};
  ml_rc rc;

  if (x == NULL) {
    ml_err_set(&e, ML_NOMEM, "", "memory is short");
    done(arg, ML_NOMEM, &e);
    return;
  }
  x->r = r;
  x->no = no;
  x->done = done;
  x->arg = arg;
  rc = prepare(r, x, row, &e);
  if (rc == ML_OK) {
    ml_run_write(r, fill, put_end, x);
    return;
  }
  if (e.rc == ML_OK)
    ml_err_set(&e, rc, "", "memory is short");
  put_end(x, rc, &e);
}

/* ---- messages ---- */

static bool wants(const ml_row_webhook *w, const proc *pr, const load *l) {
  ml_str events = w->events, word;

  if (!w->active || w->removed ||
      (w->workflow.p != NULL && !ml_str_eq(w->workflow, pr->f->name)))
    return false;
  if (events.p == NULL)
    return true;
  while (next_word(&events, &word))
    for (size_t i = 0; i < l->history_count; i++)
      if (ml_str_is(word, ml_told_name(l->history[i].told)))
        return true;
  return false;
}

static void put_data(ml_jw *w, const ml_process *p, const ml_flow *f) {
  size_t bytes = 0;

  for (uint16_t i = 0; i < f->field_count && i < p->field_count; i++)
    bytes += p->data[i].n;
  if (bytes > ML_WEBHOOK_DATA_MAX) {
    ml_jw_kbool(w, "dataLeftOut", true);
    return;
  }
  ml_jw_key(w, "data");
  ml_jw_obj(w);
  for (uint16_t i = 0; i < f->field_count && i < p->field_count; i++) {
    if (p->data[i].p == NULL)
      continue;
    ml_jw_keyn(w, f->fields[i].short_id);
    if (f->fields[i].sealed)
      ml_jw_strz(w, "[sealed]");
    else
      ml_jw_raw(w, p->data[i]);
  }
  ml_jw_end(w);
}

static void put_records(ml_jw *w, const load *l) {
  ml_jw_key(w, "changes");
  ml_jw_arr(w);
  for (size_t i = 0; i < l->history_count; i++) {
    const ml_row_history *h = &l->history[i];

    ml_jw_obj(w);
    ml_jw_kint(w, "seq", (int64_t)h->seq);
    ml_jw_kint(w, "at", h->at_ms);
    ml_jw_kstrz(w, "what", ml_told_name(h->told));
    ml_jw_kstr(w, "name", h->name);
    ml_jw_kstr(w, "who", h->who);
    ml_jw_end(w);
  }
  ml_jw_end(w);
}

static void put_message(ml_buf *b, const proc *pr, const load *l,
                        const char *id, int64_t now_ms) {
  const ml_process *p = pr->p;
  ml_buf at = {0};
  ml_jw w;

  ml_text_put_moment(&at, now_ms);
  ml_jw_init(&w, b);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "type", "process.changed");
  ml_jw_kstr(&w, "timestamp", (ml_str){at.p, at.len});
  ml_jw_key(&w, "data");
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "id", id);
  ml_jw_kstr(&w, "workflow", pr->f->name);
  ml_jw_kint(&w, "seq", (int64_t)p->seq);
  ml_jw_kstrz(&w, "status", ml_status_name(p->status));
  ml_jw_kstrz(&w, "run", ml_runs_name(p->run));
  ml_jw_kstr(&w, "state", p->state);
  ml_jw_kstr(&w, "subject", p->subject);
  ml_jw_kstr(&w, "assignedTo", p->assigned_to);
  ml_jw_kbool(&w, "isDeleted", p->deleted);
  put_data(&w, p, pr->f);
  put_records(&w, l);
  ml_jw_end(&w);
  ml_jw_end(&w);
  if (at.bad)
    b->bad = true;
  ml_buf_free(&at);
}

/* The load of a process about to be committed: a message for each that wants
** to know. */
void webhooks_make(ml_run *r, proc *pr, load *l) {
  int64_t now = now_wall(r);
  char id[ML_ID_MAX], queue[48], key[ML_ID_MAX + 40];
  ml_buf body = {0};

  if (l->history_count == 0)
    return;
  for (size_t i = 0; i < r->people.webhook_count; i++) {
    const ml_row_webhook *w = &r->people.webhooks[i];

    if (!wants(w, pr, l))
      continue;
    if (body.len == 0) {
      ml_id_text(id, pr->p->id, 0);
      put_message(&body, pr, l, id, now);
    }
    snprintf(queue, sizeof queue, "hook:%" PRIu32 ":%" PRId64, w->no, pr->n);
    snprintf(key, sizeof key, "%s_%" PRIu64 "_%" PRIu32, id, pr->p->seq, w->no);
    if (body.bad)
      l->starved = true;
    else
      load_post(l, &(ml_row_post){.kind = ML_POST_HOOK,
                                  .queue = ml_str_of(queue), .n = pr->n,
                                  .key = ml_str_of(key), .at_ms = now,
                                  .due_ms = now,
                                  .body = {body.p, body.len}});
  }
  ml_buf_free(&body);
}

/* ---- sending ---- */

static uint32_t subscription_of(ml_str queue) {
  unsigned no = 0;
  char text[48];

  snprintf(text, sizeof text, "%.*s", (int)queue.n, queue.p);
  return sscanf(text, "hook:%u:", &no) == 1 ? no : 0;
}

static void off_done(void *arg, ml_rc rc, const ml_err *e) {
  (void)arg;
  (void)rc;
  (void)e;                       /* not written: the next 410 says it again */
}

/* 410: whoever is there wants no more of it. */
static void switch_off(ml_run *r, uint32_t no) {
  const ml_row_webhook *w = ml_run_webhook(r, no);
  ml_row_webhook row;

  if (w == NULL || !w->active)
    return;
  row = *w;
  row.secret = ML_NOSTR;         /* the one it has */
  row.active = false;
  row.why = ML_STR("it answered 410 Gone");
  ml_run_webhook_put(r, &row, NULL, off_done, NULL);
}

static void answered(void *arg, const ml_http_answer *answer) {
  post *p = arg;
  ml_str after = ml_http_header_of(answer, "Retry-After");
  int64_t seconds = 0;
  char why[200];

  if (answer->end == ML_HTTP_COMPLETE && answer->status >= 200 &&
      answer->status < 300) {
    outbox_end(p, ML_POST_DONE, NULL);
    return;
  }
  if (answer->end == ML_HTTP_COMPLETE && answer->status == 410) {
    switch_off(outbox_run(p), subscription_of(outbox_row(p)->queue));
    outbox_end(p, ML_POST_ASIDE, "410 Gone: the webhook has been switched off");
    return;
  }
  if (answer->end == ML_HTTP_COMPLETE)
    snprintf(why, sizeof why, "it answered %d", answer->status);
  else
    snprintf(why, sizeof why, "%.180s", answer->why != NULL ? answer->why : "?");
  if (!ml_text_int(after, &seconds) || seconds < 0 || seconds > 86400)
    seconds = 0;
  outbox_again(p, why, seconds * 1000);
}

typedef struct request {
  ml_arena arena;
  ml_buf secret, sign;
  ml_str headers[4];
} request;

static ml_rc build(ml_run *r, request *q, const ml_row_webhook *w,
                   const ml_row_post *row, ml_http_call *out, ml_err *e) {
  int64_t now = now_wall(r);
  ml_rc rc = open_secret(r, &q->arena, w, &q->secret);

  if (rc == ML_CORRUPT || rc == ML_REFUSED)
    return ml_err_set(e, ML_CORRUPT, "", "its secret cannot be opened: was the "
                      "engine's key changed?");
  if (rc == ML_OK)
    rc = ml_sign_standard(&q->sign, (ml_str){q->secret.p, q->secret.len},
                          row->key, now, row->body, e);
  if (rc != ML_OK)
    return rc;
  q->headers[0] = ML_STR("Content-Type: application/json");
  q->headers[1] = ml_str_of(ml_arena_printf(&q->arena, ML_SIGN_ID ": %.*s",
                                            (int)row->key.n, row->key.p));
  q->headers[2] = ml_str_of(ml_arena_printf(&q->arena, ML_SIGN_TIMESTAMP
                                            ": %" PRId64, now / 1000));
  q->headers[3] = ml_str_of(ml_arena_printf(&q->arena, ML_SIGN_SIGNATURE
                                            ": %.*s", (int)q->sign.len,
                                            q->sign.p));
  for (int i = 0; i < 4; i++)
    if (q->headers[i].p == NULL)
      return ML_NOMEM;
  *out = (ml_http_call){.method = ML_STR("POST"), .url = w->url,
                        .headers = q->headers, .header_count = 4,
                        .body = row->body, .timeout_ms = HOOK_TIMEOUT_MS,
                        .body_max = 64 << 10, .allow = r->conf.allow,
                        .allow_count = r->conf.allow_count};
  return ML_OK;
}

static void send(post *p) {
  ml_run *r = outbox_run(p);
  const ml_row_post *row = outbox_row(p);
  const ml_row_webhook *w = ml_run_webhook(r, subscription_of(row->queue));
  ml_http_call call;
  request q = {0};
  ml_err e = {0};
  ml_rc rc;

  if (w == NULL) {
    outbox_end(p, ML_POST_DONE, NULL);         /* removed: nobody waits for it */
    return;
  }
  if (!w->active) {
    outbox_end(p, ML_POST_ASIDE, "the webhook is switched off");
    return;
  }
  rc = build(r, &q, w, row, &call, &e);
  if (rc == ML_OK)
    rc = r->conf.http->send(r->conf.http, &call, answered, p, NULL, &e);
  if (rc != ML_OK)
    outbox_again(p, e.text[0] != '\0' ? e.text : "memory is short", 0);
  if (q.secret.p != NULL)
    ml_crypto_wipe(q.secret.p, q.secret.len);
  ml_buf_free(&q.secret);
  ml_buf_free(&q.sign);
  ml_arena_free(&q.arena);
}

void webhooks_begin(ml_run *r) {
  static const outbox_kind kind = {send, HOOK_ATTEMPTS, HOOK_CAP_MS};

  outbox_sender(r, ML_POST_HOOK, &kind);
}

void ml_run_outbox_look(ml_run *r) {
  outbox_kick(r);
}
