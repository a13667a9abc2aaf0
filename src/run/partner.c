/*
** partner.c - links: invited, accepted, rotated, revoked; and messages signed
** and sent.
**
** Secrets lie sealed in their rows, bound to the link, and are opened for one
** signature at a time.  Of two that are taken at once (an acceptance or a
** rotation whose answer was lost) the row keeps both: `secret` signs, `before` is
** taken as well.
*/
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "run/inside.h"
#include "run/partner_link.h"

/* ---- the table ---- */

size_t ml_partner_count(const ml_run *r) { return r->people.partner_count; }

const ml_row_partner *ml_partner_at(const ml_run *r, size_t i) {
  return i < r->people.partner_count ? &r->people.partners[i] : NULL;
}

const ml_row_partner *ml_partner_named(const ml_run *r, ml_str name) {
  for (size_t i = 0; i < r->people.partner_count; i++)
    if (ml_str_eq(r->people.partners[i].name, name))
      return &r->people.partners[i];
  return NULL;
}

const ml_row_partner *partner_no(const ml_run *r, uint32_t no) {
  for (size_t i = 0; i < r->people.partner_count; i++)
    if (r->people.partners[i].no == no)
      return &r->people.partners[i];
  return NULL;
}

const ml_row_partner *link_named(const ml_run *r, ml_str link) {
  for (size_t i = 0; i < r->people.partner_count; i++)
    if (ml_str_eq(r->people.partners[i].link, link))
      return &r->people.partners[i];
  return NULL;
}

/* ---- secrets ---- */

static ml_str context(ml_arena *a, ml_str link) {
  char *s = ml_arena_printf(a, "partner/%.*s", (int)link.n, link.p);

  return s != NULL ? ml_str_of(s) : ML_NOSTR;
}

/* Nonce and sealed bytes, in the arena; none: memory. */
ml_str link_seal(ml_run *r, ml_arena *a, const uint8_t key[32], ml_str link,
                 const uint8_t secret[LINK_SECRET]) {
  uint8_t nonce[ML_AES_NONCE_LEN];
  ml_str more = context(a, link), out = ML_NOSTR;
  ml_buf b = {0};

  r->conf.rand->bytes(r->conf.rand, nonce, sizeof nonce);
  ml_buf_put(&b, nonce, sizeof nonce);
  if (more.p != NULL && !b.bad &&
      ml_aes_gcm_seal(&b, key, nonce, more,
                      (ml_str){(const char *)secret, LINK_SECRET}) == ML_OK &&
      !b.bad)
    out.p = ml_arena_dup(a, b.p, b.len);
  out.n = out.p != NULL ? b.len : 0;
  ml_buf_free(&b);
  return out;
}

bool link_open(const uint8_t key[32], ml_str link, ml_str sealed,
               uint8_t secret[LINK_SECRET]) {
  ml_arena a = {0};
  ml_str more = context(&a, link);
  ml_buf b = {0};
  bool ok = sealed.n > ML_AES_NONCE_LEN && more.p != NULL &&
            ml_aes_gcm_open(&b, key, (const uint8_t *)sealed.p, more,
                            (ml_str){sealed.p + ML_AES_NONCE_LEN,
                                     sealed.n - ML_AES_NONCE_LEN}) == ML_OK &&
            b.len == LINK_SECRET;

  if (ok)
    memcpy(secret, b.p, LINK_SECRET);
  if (b.p != NULL)
    ml_crypto_wipe(b.p, b.len);
  ml_buf_free(&b);
  ml_arena_free(&a);
  return ok;
}

/* ---- signing ---- */

static ml_rc sign_with(ml_run *r, ml_arena *a,
                       const uint8_t secret[LINK_SECRET], ml_str link,
                       ml_str url, ml_str key, ml_str body, ml_http_call *out,
                       ml_err *e) {
  ml_str *h = ml_arena_alloc(a, sizeof *h * 4);
  int64_t now = now_wall(r);
  ml_buf sig = {0}, text = {0};
  char *to, *line[3];
  char *id = ml_arena_dup(a, key.p, key.n);

  for (size_t i = 0; id != NULL && i < key.n; i++)
    if (id[i] == '.')            /* it parts the signed text */
      id[i] = ':';
  ml_sign_put_secret(&text, secret);
  if (id == NULL || text.bad ||
      ml_sign_standard(&sig, (ml_str){text.p, text.len}, (ml_str){id, key.n},
                       now, body, e) != ML_OK)
    sig.bad = true;
  if (text.p != NULL)
    ml_crypto_wipe(text.p, text.len);
  ml_buf_free(&text);
  line[0] = ml_arena_printf(a, ML_SIGN_ID ": %.*s", (int)key.n, id);
  line[1] = ml_arena_printf(a, ML_SIGN_TIMESTAMP ": %lld",
                            (long long)(now / 1000));
  line[2] = sig.bad ? NULL
                    : ml_arena_printf(a, ML_SIGN_SIGNATURE ": %.*s",
                                      (int)sig.len, sig.p);
  to = ml_arena_printf(a, "%.*s/partners/%.*s", (int)url.n, url.p, (int)link.n,
                       link.p);
  ml_buf_free(&sig);
  if (h == NULL || line[0] == NULL || line[1] == NULL || line[2] == NULL ||
      to == NULL)
    return ml_err_set(e, ML_NOMEM, "", "memory is short");
  h[0] = ML_STR("Content-Type: application/json");
  for (int i = 0; i < 3; i++)
    h[i + 1] = ml_str_of(line[i]);
  memset(out, 0, sizeof *out);
  out->method = ML_STR("POST");
  out->url = ml_str_of(to);
  out->headers = h;
  out->header_count = 4;
  out->body = body;
  out->allow = r->conf.allow;
  out->allow_count = r->conf.allow_count;
  return ML_OK;
}

ml_rc partner_sign(ml_run *r, ml_arena *a, const ml_row_partner *p, ml_str key,
                   ml_str body, ml_http_call *out, ml_err *e) {
  uint8_t secret[LINK_SECRET];
  ml_rc rc;

  if (p->url.p == NULL || p->secret.p == NULL ||
      !link_open(r->conf.secret_key, p->link, p->secret, secret))
    return ml_err_set(e, ML_REFUSED, "", "the link to '%.*s' is %s",
                      (int)p->name.n, p->name.p, ml_links_name(p->state));
  rc = sign_with(r, a, secret, p->link, p->url, key, body, out, e);
  ml_crypto_wipe(secret, sizeof secret);
  return rc;
}

/* ---- the outbox's sender ---- */

/* What the other side said to a message. */
static void arrived(void *arg, const ml_http_answer *a) {
  post *p = arg;
  ml_str after = a->end == ML_HTTP_COMPLETE
                     ? ml_http_header_of(a, "Retry-After") : ML_NOSTR;
  int64_t seconds = -1;
  char why[200];

  if (after.p == NULL || !ml_text_int(after, &seconds) || seconds < 0 ||
      seconds > 86400)
    seconds = -1;
  if (a->end != ML_HTTP_COMPLETE)
    outbox_again(p, a->why != NULL ? a->why : "no answer", -1);
  else if (a->status < 300)
    outbox_end(p, ML_POST_DONE, NULL);
  else {
    snprintf(why, sizeof why, "answered %d %.*s", a->status,
             (int)(a->body.n > 150 ? 150 : a->body.n),
             a->body.p != NULL ? a->body.p : "");
    for (char *c = why; *c != '\0'; c++)
      if ((unsigned char)*c < ' ' || (unsigned char)*c >= 127)
        *c = '?';
    /* Refused for what it says: no repeat helps.  All else may pass by. */
    if (a->status == 422 || a->status == 400 || a->status == 413 ||
        a->status == 410)
      outbox_end(p, ML_POST_ASIDE, why);
    else
      outbox_again(p, why, seconds >= 0 ? seconds * 1000 : -1);
  }
}

static void send_post(post *p) {
  ml_run *r = outbox_run(p);
  const ml_row_post *row = outbox_row(p);
  unsigned no = 0;
  const ml_row_partner *to;
  ml_arena a = {0};
  ml_http_call hc;
  ml_err e = {0};
  ml_rc rc;

  sscanf(row->queue.p, "partner:%u:", &no);
  to = partner_no(r, no);
  if (to == NULL || to->state == ML_LINK_REVOKED) {
    outbox_end(p, ML_POST_ASIDE, "the link was revoked");
    return;
  }
  rc = partner_sign(r, &a, to, row->key, row->body, &hc, &e);
  if (rc == ML_OK)
    rc = r->conf.http->send(r->conf.http, &hc, arrived, p, NULL, &e);
  if (rc != ML_OK)
    outbox_again(p, e.text[0] != '\0' ? e.text : ml_rc_name(rc), -1);
  ml_arena_free(&a);
}

void partner_begin(ml_run *r) {
  r->orders_end = &r->orders;
  outbox_sender(r, ML_POST_PARTNER, &(outbox_kind){send_post, 0, 900000});
}

/* ---- a change of a link, written and told ---- */

struct linking {
  owed owed;
  ml_run *r;
  ml_arena arena;
  ml_row_partner row;
  ml_row_partner_told told;
  ml_partner_fn *fn;
  void *arg;
  ml_str text;
  void (*then)(linking *k);      /* after the commit, instead of fn */
  void (*answered)(linking *k, const ml_http_answer *a);
  uint8_t sign[LINK_SECRET];     /* signs the request under way */
};

static void linking_free(linking *k) {
  owed_drop(&k->owed);
  ml_crypto_wipe(k->sign, sizeof k->sign);
  ml_arena_free(&k->arena);
  ml_mem_free(k);
}

static void linking_forget(owed *o) {
  linking_free((linking *)o);
}

static void link_end(linking *k, ml_rc rc, const ml_err *e) {
  ml_run *r = k->r;

  k->fn(k->arg, rc, e, rc == ML_OK ? k->text : ML_NOSTR);
  linking_free(k);
  busy_end(r);
}

void link_fail(linking *k, ml_rc rc, const char *text) {
  ml_err e = {0};

  ml_err_set(&e, rc, "", "%s", text);
  link_end(k, rc, &e);
}

static void fill_link(void *arg, ml_batch *b) {
  linking *k = arg;

  ml_batch_partner(b, &k->row);
  ml_batch_partner_told(b, &k->told);
}

static void link_written(void *arg, ml_rc rc, const ml_err *e) {
  linking *k = arg;

  if (rc == ML_OK && k->then != NULL)
    k->then(k);
  else
    link_end(k, rc, e);
}

void link_write(linking *k, const char *what, ml_str who, const char *text) {
  bool starved = false;

  k->told = (ml_row_partner_told){
      .partner = k->row.no, .at_ms = now_wall(k->r), .what = ml_str_of(what),
      .who = arena_str(&k->arena, who, &starved), .text = ml_str_of(text)};
  ml_log(ML_INFO, "partner", "what", what, "link", k->row.link.p, NULL);
  ml_run_write(k->r, fill_link, link_written, k);
}

/* A change to begin; texts of `row` are copied.  NULL: fn was told. */
linking *linking_new(ml_run *r, const ml_row_partner *row, ml_partner_fn *fn,
                     void *arg) {
  linking *k = ml_mem_zero(sizeof *k);
  bool starved = false;
  ml_err e = {0};

  if (k != NULL) {
    k->r = r;
    k->fn = fn;
    k->arg = arg;
    k->row = *row;
    k->row.link = arena_str(&k->arena, row->link, &starved);
    k->row.name = arena_str(&k->arena, row->name, &starved);
    k->row.url = arena_str(&k->arena, row->url, &starved);
    k->row.secret = arena_str(&k->arena, row->secret, &starved);
    k->row.before = arena_str(&k->arena, row->before, &starved);
    if (!starved) {
      owed_add(r, &k->owed, linking_forget);
      r->busy++;
      return k;
    }
    linking_free(k);
  }
  ml_err_set(&e, ML_NOMEM, "", "memory is short");
  fn(arg, ML_NOMEM, &e, ML_NOSTR);
  return NULL;
}

static void link_heard(void *arg, const ml_http_answer *a) {
  linking *k = arg;

  k->answered(k, a);
}

/* Ask the other side about the link itself. */
static void link_ask(linking *k, const char *type, ml_str message,
                     void (*fn)(linking *k, const ml_http_answer *a)) {
  char *key = ml_arena_printf(&k->arena, "%.*s.%s.%016llx",
                              (int)k->row.link.n, k->row.link.p, type,
                              (unsigned long long)ml_rand_u64(k->r->conf.rand));
  ml_http_call hc;
  ml_err e = {0};
  ml_rc rc = key == NULL || message.p == NULL ? ML_NOMEM : ML_OK;

  k->answered = fn;
  if (rc == ML_OK)
    rc = sign_with(k->r, &k->arena, k->sign, k->row.link, k->row.url,
                   ml_str_of(key), message, &hc, &e);
  if (rc == ML_OK)
    rc = k->r->conf.http->send(k->r->conf.http, &hc, link_heard, k, NULL, &e);
  if (rc != ML_OK)
    link_fail(k, rc, e.text[0] != '\0' ? e.text : "memory is short");
}

/* The sentence of a refusal. */
static void not_agreed(linking *k, const ml_http_answer *a) {
  char text[300];

  if (a->end != ML_HTTP_COMPLETE)
    snprintf(text, sizeof text, "the other side gave no answer: %.200s",
             a->why != NULL ? a->why : "lost");
  else
    snprintf(text, sizeof text, "the other side answered %d: %.*s", a->status,
             (int)(a->body.n > 200 ? 200 : a->body.n),
             a->body.p != NULL ? a->body.p : "");
  link_fail(k, a->end == ML_HTTP_COMPLETE && a->status < 500 ? ML_REFUSED
                                                             : ML_AGAIN, text);
}

static bool is_agreed(const ml_http_answer *a) {
  return a->end == ML_HTTP_COMPLETE && a->status >= 200 && a->status < 300;
}

/* ---- inviting ---- */

static uint32_t next_partner(const ml_run *r) {
  uint32_t no = 1;

  for (size_t i = 0; i < r->people.partner_count; i++)
    if (r->people.partners[i].no >= no)
      no = r->people.partners[i].no + 1;
  return no;
}

static ml_rc check_name_url(const ml_run *r, ml_str name, ml_str url,
                            ml_err *e) {
  if (!ml_text_is_filename(name))
    return ml_err_set(e, ML_INVALID, "/name", "a partner's name is 1 to 64 of "
                      "a-z, 0-9, '-' and '_', and begins with a letter or digit");
  if (!((url.n > 8 && memcmp(url.p, "https://", 8) == 0) ||
        (url.n > 7 && memcmp(url.p, "http://", 7) == 0)) ||
      url.n > 500 || url.p[url.n - 1] == '/' || !ml_text_printable(url) ||
      memchr(url.p, ' ', url.n) != NULL || memchr(url.p, '@', url.n) != NULL)
    return ml_err_set(e, ML_INVALID, "/url", "the URL at which the other side "
                      "reaches this engine is wanted: https://HOST[:PORT], "
                      "without a slash at its end");
  if (r->people.partner_count >= ML_PARTNERS_MAX)
    return ml_err_set(e, ML_LIMIT, "", "there are %d partners; no more are "
                      "taken", ML_PARTNERS_MAX);
  return ML_OK;
}

static ml_str invitation(linking *k, ml_str url,
                         const uint8_t secret[LINK_SECRET]) {
  ml_buf json = {0}, b = {0}, s = {0};
  ml_str out = ML_NOSTR;
  ml_jw w;

  ml_text_put_base64(&s, (ml_str){(const char *)secret, LINK_SECRET}, true);
  ml_jw_init(&w, &json);
  ml_jw_obj(&w);
  ml_jw_kstr(&w, "link", k->row.link);
  ml_jw_kstr(&w, "url", url);
  ml_jw_kstr(&w, "secret", (ml_str){s.p, s.len});
  ml_jw_end(&w);
  ml_buf_puts(&b, LINK_CODE);
  ml_text_put_base64(&b, (ml_str){json.p, json.len}, true);
  if (!json.bad && !b.bad && !s.bad)
    out.p = ml_arena_dup(&k->arena, b.p, b.len);
  out.n = out.p != NULL ? b.len : 0;
  if (json.p != NULL)
    ml_crypto_wipe(json.p, json.len);
  ml_buf_free(&json);
  ml_buf_free(&b);
  ml_buf_free(&s);
  return out;
}

void ml_partner_invite(ml_run *r, ml_str name, ml_str url, ml_str who,
                       ml_partner_fn *fn, void *arg) {
  ml_row_partner row = {.name = name, .state = ML_LINK_INVITED};
  uint8_t id[16], secret[LINK_SECRET];
  ml_err e = {0};
  linking *k;
  ml_buf hex = {0};

  if (check_name_url(r, name, url, &e) == ML_OK &&
      ml_partner_named(r, name) != NULL)
    ml_err_set(&e, ML_EXISTS, "/name", "there is a partner '%.*s' already",
               (int)name.n, name.p);
  if (e.rc != ML_OK) {
    fn(arg, e.rc, &e, ML_NOSTR);
    return;
  }
  r->conf.rand->bytes(r->conf.rand, id, sizeof id);
  r->conf.rand->bytes(r->conf.rand, secret, sizeof secret);
  ml_text_put_hex(&hex, id, sizeof id);
  row.no = next_partner(r);
  row.link = (ml_str){hex.p, hex.len};
  row.made_ms = now_wall(r);
  k = linking_new(r, &row, fn, arg);
  ml_buf_free(&hex);
  if (k == NULL)
    return;
  k->row.secret = link_seal(r, &k->arena, r->conf.secret_key, k->row.link,
                            secret);
  k->text = invitation(k, url, secret);
  ml_crypto_wipe(secret, sizeof secret);
  if (k->row.secret.p == NULL || k->text.p == NULL)
    link_fail(k, ML_NOMEM, "memory is short");
  else
    link_write(k, "invited", who, NULL);
}

void ml_partner_pretend(ml_run *r, ml_str name, ml_str link, ml_str url,
                        const uint8_t secret[ML_PARTNER_SECRET],
                        ml_partner_fn *fn, void *arg) {
  ml_row_partner row = {.name = name, .link = link, .url = url,
                        .state = ML_LINK_ACTIVE, .made_ms = now_wall(r)};
  linking *k;

  row.no = next_partner(r);
  k = linking_new(r, &row, fn, arg);
  if (k == NULL)
    return;
  k->row.secret = link_seal(r, &k->arena, r->conf.secret_key, k->row.link,
                            secret);
  if (k->row.secret.p == NULL)
    link_fail(k, ML_NOMEM, "memory is short");
  else
    link_write(k, "active", ML_NOSTR, NULL);
}

/* ---- accepting ---- */

typedef struct code {
  ml_str link, url;
  uint8_t secret[LINK_SECRET];
} code;

static bool read_code(ml_arena *a, ml_str text, code *out) {
  size_t n = strlen(LINK_CODE);
  ml_buf b = {0}, s = {0};
  ml_json *v = NULL;
  ml_str secret;
  bool ok;

  while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == ' '))
    text.n--;
  ok = text.n > n && memcmp(text.p, LINK_CODE, n) == 0 &&
       ml_text_base64(&b, (ml_str){text.p + n, text.n - n}, true) == ML_OK &&
       ml_json_parse(a, b.p, b.len, NULL, &v, NULL) == ML_OK;
  if (ok) {
    out->link = ml_json_str(v, "link");
    out->url = ml_json_str(v, "url");
    secret = ml_json_str(v, "secret");
    ok = out->link.n == 32 && out->url.n > 0 && secret.p != NULL &&
         ml_text_base64(&s, secret, true) == ML_OK && s.len == LINK_SECRET;
  }
  if (ok)
    memcpy(out->secret, s.p, LINK_SECRET);
  ml_buf_free(&b);
  ml_buf_free(&s);
  return ok;
}

static void accept_heard(linking *k, const ml_http_answer *a) {
  if (!is_agreed(a)) {
    not_agreed(k, a);
    return;
  }
  k->then = NULL;
  k->row.state = ML_LINK_ACTIVE;
  k->row.before = ML_NOSTR;
  k->text = k->row.name;
  link_write(k, "active", ML_NOSTR, NULL);
}

/* A secret for the other side, under the one we both know; as message. */
static ml_str secret_message(linking *k, const char *type, ml_str our_url,
                             const uint8_t secret[LINK_SECRET]) {
  ml_str sealed = link_seal(k->r, &k->arena, k->sign, k->row.link, secret);
  ml_buf b = {0}, s = {0};
  ml_str out = ML_NOSTR;
  ml_jw w;

  ml_text_put_base64(&s, sealed, true);
  ml_jw_init(&w, &b);
  ml_jw_obj(&w);
  ml_jw_kstrz(&w, "type", type);
  if (our_url.p != NULL)
    ml_jw_kstr(&w, "url", our_url);
  ml_jw_kstr(&w, "secret", (ml_str){s.p, s.len});
  ml_jw_end(&w);
  if (sealed.p != NULL && !b.bad && !s.bad)
    out.p = ml_arena_dup(&k->arena, b.p, b.len);
  out.n = out.p != NULL ? b.len : 0;
  ml_buf_free(&b);
  ml_buf_free(&s);
  return out;
}

static void accept_ask(linking *k) {
  uint8_t secret[LINK_SECRET];
  ml_str message = ML_NOSTR;

  if (link_open(k->r->conf.secret_key, k->row.link, k->row.secret, secret))
    message = secret_message(k, "accept", k->text, secret);
  ml_crypto_wipe(secret, sizeof secret);
  link_ask(k, "accept", message, accept_heard);
}

void ml_partner_accept(ml_run *r, ml_str code_text, ml_str name, ml_str url,
                       ml_str who, ml_partner_fn *fn, void *arg) {
  ml_row_partner row = {.name = name, .state = ML_LINK_ACCEPTING};
  const ml_row_partner *there;
  uint8_t secret[LINK_SECRET];
  ml_arena a = {0};
  ml_err e = {0};
  linking *k = NULL;
  code c = {0};
  bool starved = false;

  if (check_name_url(r, name, url, &e) == ML_OK && !read_code(&a, code_text, &c))
    ml_err_set(&e, ML_INVALID, "/code", "this is no code of an invitation "
               "(%s...)", LINK_CODE);
  there = e.rc == ML_OK ? link_named(r, c.link) : NULL;
  if (there != NULL && there->state != ML_LINK_ACCEPTING)
    ml_err_set(&e, ML_EXISTS, "/code", "this link is here already: partner "
               "'%.*s', %s", (int)there->name.n, there->name.p,
               ml_links_name(there->state));
  else if (e.rc == ML_OK && ml_partner_named(r, name) != there)
    ml_err_set(&e, ML_EXISTS, "/name", "there is a partner '%.*s' already",
               (int)name.n, name.p);
  if (e.rc != ML_OK) {
    fn(arg, e.rc, &e, ML_NOSTR);
    goto end;
  }
  row.no = next_partner(r);
  row.made_ms = now_wall(r);
  row.link = c.link;
  row.url = c.url;
  k = linking_new(r, there != NULL ? there : &row, fn, arg);
  if (k == NULL)
    goto end;
  memcpy(k->sign, c.secret, sizeof k->sign);
  if (there == NULL) {
    r->conf.rand->bytes(r->conf.rand, secret, sizeof secret);
    k->row.secret = link_seal(r, &k->arena, r->conf.secret_key, k->row.link,
                              secret);
    ml_crypto_wipe(secret, sizeof secret);
  }
  k->text = arena_str(&k->arena, url, &starved);
  k->then = accept_ask;
  if (k->row.secret.p == NULL || starved)
    link_fail(k, ML_NOMEM, "memory is short");
  else
    link_write(k, "accepting", who, NULL);
end:
  ml_crypto_wipe(&c.secret, sizeof c.secret);
  ml_arena_free(&a);
}

/* ---- rotating ---- */

static void rotate_heard(linking *k, const ml_http_answer *a) {
  ml_str mine = k->row.secret;

  if (!is_agreed(a)) {
    not_agreed(k, a);
    return;
  }
  k->then = NULL;
  k->row.secret = k->row.before;            /* the new one signs from now on */
  k->row.before = mine;
  k->row.before_ms = now_wall(k->r) + ML_PARTNER_BEFORE_MS;
  k->text = k->row.name;
  link_write(k, "rotated", ML_NOSTR, NULL);
}

static void rotate_ask(linking *k) {
  uint8_t secret[LINK_SECRET];
  ml_str message = ML_NOSTR;

  if (link_open(k->r->conf.secret_key, k->row.link, k->row.before, secret))
    message = secret_message(k, "rotate", ML_NOSTR, secret);
  ml_crypto_wipe(secret, sizeof secret);
  link_ask(k, "rotate", message, rotate_heard);
}

/* The change of an active link; NULL: fn was told. */
static linking *change_active(ml_run *r, ml_str name, ml_partner_fn *fn,
                              void *arg) {
  const ml_row_partner *p = ml_partner_named(r, name);
  ml_err e = {0};
  linking *k;

  if (p == NULL || p->state != ML_LINK_ACTIVE) {
    ml_err_set(&e, p == NULL ? ML_NOT_FOUND : ML_CONFLICT, "/name",
               p == NULL ? "there is no partner '%.*s'"
                         : "the link to '%.*s' is not active",
               (int)(name.n > 64 ? 64 : name.n), name.p);
    fn(arg, e.rc, &e, ML_NOSTR);
    return NULL;
  }
  k = linking_new(r, p, fn, arg);
  if (k != NULL && !link_open(r->conf.secret_key, p->link, p->secret,
                              k->sign)) {
    link_fail(k, ML_CORRUPT, "the secret of the link cannot be opened: is this "
              "the key file it was sealed with?");
    return NULL;
  }
  return k;
}

void ml_partner_rotate(ml_run *r, ml_str name, ml_str who, ml_partner_fn *fn,
                       void *arg) {
  linking *k = change_active(r, name, fn, arg);
  uint8_t secret[LINK_SECRET];

  if (k == NULL)
    return;
  /* taken from now on, for the other side may sign with it before we hear */
  r->conf.rand->bytes(r->conf.rand, secret, sizeof secret);
  k->row.before = link_seal(r, &k->arena, r->conf.secret_key, k->row.link,
                            secret);
  k->row.before_ms = now_wall(r) + ML_PARTNER_BEFORE_MS;
  ml_crypto_wipe(secret, sizeof secret);
  k->then = rotate_ask;
  if (k->row.before.p == NULL)
    link_fail(k, ML_NOMEM, "memory is short");
  else
    link_write(k, "rotating", who, NULL);
}

/* ---- revoking ---- */

static void revoke_heard(linking *k, const ml_http_answer *a) {
  (void)a;                                  /* ours is over in any case */
  k->text = k->row.name;
  link_end(k, ML_OK, NULL);
}

static void revoke_ask(linking *k) {
  if (k->row.url.p == NULL) {
    k->text = k->row.name;
    link_end(k, ML_OK, NULL);
    return;
  }
  link_ask(k, "revoke", ML_STR("{\"type\":\"revoke\"}"), revoke_heard);
}

void ml_partner_revoke(ml_run *r, ml_str name, ml_str who, ml_partner_fn *fn,
                       void *arg) {
  const ml_row_partner *p = ml_partner_named(r, name);
  ml_err e = {0};
  linking *k;

  if (p == NULL || p->state == ML_LINK_REVOKED) {
    ml_err_set(&e, p == NULL ? ML_NOT_FOUND : ML_CONFLICT, "/name",
               p == NULL ? "there is no partner '%.*s'"
                         : "the link to '%.*s' is revoked already",
               (int)(name.n > 64 ? 64 : name.n), name.p);
    fn(arg, e.rc, &e, ML_NOSTR);
    return;
  }
  k = linking_new(r, p, fn, arg);
  if (k == NULL)
    return;
  if (p->secret.p != NULL)
    link_open(r->conf.secret_key, p->link, p->secret, k->sign);
  k->row.state = ML_LINK_REVOKED;
  k->row.secret = k->row.before = ML_NOSTR;
  k->row.before_ms = 0;
  k->then = revoke_ask;
  link_write(k, "revoked", who, NULL);
}

/* ---- for changes that the other side asks for ---- */

ml_row_partner *linking_row(linking *k) { return &k->row; }
ml_arena *linking_arena(linking *k) { return &k->arena; }
