/* api_auth.c - who calls: tokens, their scopes, and the Unix peer.
**
** A token is mlk_<id>_<secret>: 64 bits of id in hex, 256 random bits of
** secret in base64url.  Stored is SHA-256 of the secret's text.  An unknown
** id costs the same work as a wrong secret.  A peer that fails often waits. */
#include <string.h>
#include <unistd.h>

#include "api/api_call.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/plant.h"
#include "base/text.h"

enum {
  PEERS = 256,                /* remembered; the oldest makes room */
  FAILURES_MAX = 10,          /* a minute and peer */
  WINDOW_MS = 60000,
  DELAY_MS = 1000,
  ID_BYTES = 8, SECRET_BYTES = 32, SECRET_CHARS = 43
};

typedef struct peer {
  char name[64];
  int64_t since_ms;           /* monotonic; 0: free */
  uint32_t failures;
} peer;

struct ml_auth {
  peer peers[PEERS];
};

ml_auth *ml_auth_new(void) {
  return ml_mem_zero(sizeof(ml_auth));
}

void ml_auth_free(ml_auth *a) {
  ml_mem_free(a);
}

/* ---- scopes ---- */

static const struct { const char *name; unsigned bit; } scopes[] = {
  {"read", ML_SCOPE_READ}, {"operate", ML_SCOPE_OPERATE},
  {"deploy", ML_SCOPE_DEPLOY}, {"admin", ML_SCOPE_ADMIN},
  {"work", ML_SCOPE_WORK}, {"client", ML_SCOPE_CLIENT}};

static unsigned scope_bit(ml_str word) {
  for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++)
    if (ml_str_is(word, scopes[i].name))
      return scopes[i].bit;
  if (word.n > 5 && memcmp(word.p, "hook:", 5) == 0)
    return ML_SCOPE_HOOK;
  return 0;
}

bool ml_auth_scope_is(ml_str word) {
  return scope_bit(word) != 0 && memchr(word.p, ' ', word.n) == NULL
         && ml_text_printable(word);
}

unsigned ml_auth_scopes(ml_str text) {
  unsigned bits = 0;

  for (ml_str w = ml_shape_part(&text, ' '); w.p != NULL;
       w = ml_shape_part(&text, ' '))
    bits |= scope_bit(w);
  return bits;
}

/* ---- failures ---- */

/* The peer's address without its port. */
static ml_str address(ml_str p) {
  while (p.n > 0 && p.p[p.n - 1] != ':' && p.p[p.n - 1] != ']')
    p.n--;
  if (p.n > 0 && p.p[p.n - 1] == ':')
    p.n--;
  return p.n > 0 ? p : ML_STR("unix");
}

static peer *peer_of(ml_auth *a, ml_str name, int64_t now) {
  peer *oldest = &a->peers[0];

  if (name.n >= sizeof oldest->name)
    name.n = sizeof oldest->name - 1;
  for (size_t i = 0; i < PEERS; i++) {
    peer *p = &a->peers[i];
    if (p->since_ms != 0 && ml_str_eq(ml_str_of(p->name), name))
      return p;
    if (p->since_ms < oldest->since_ms)
      oldest = p;
  }
  memset(oldest, 0, sizeof *oldest);
  memcpy(oldest->name, name.p, name.n);
  oldest->since_ms = now;
  return oldest;
}

static void say_no(ml_call *c) {
  ml_call_problem(c, 401, NULL, NULL, NULL,
                  "send a valid token: Authorization: Bearer mlk_...");
}

static void say_bare_no(ml_call *c) {
  ml_call_problem(c, 401, NULL, NULL, NULL, "%s", "");
}

/* Count it; who fails too often in a minute is answered a second later. */
static void fail_with(ml_auth *a, ml_call *c, ml_call_fn *say) {
  ml_clock *clock = ml_api_conf_of(c->api)->clock;
  int64_t now = clock->mono_ms(clock) + 1;
  peer *p = peer_of(a, address(c->q->peer), now);

  if (now - p->since_ms >= WINDOW_MS) {
    p->since_ms = now;
    p->failures = 0;
  }
  p->failures++;
  if (p->failures > FAILURES_MAX)
    ml_call_later(c, DELAY_MS, say);
  else
    say(c);
}

static bool fail(ml_auth *a, ml_call *c) {
  ml_log(ML_WARN, "bad-token", "peer", c->q->peer.p, NULL);
  fail_with(a, c, say_no);
  return false;
}

void ml_auth_failed(ml_call *c) {
  fail_with(ml_api_auth(c->api), c, say_bare_no);
}

/* ---- tokens ---- */

/* "Bearer mlk_<id>_<secret>", the word Bearer in any case. */
static bool split(ml_str header, ml_str *id, ml_str *secret) {
  static const char prefix[] = "mlk_";
  const char *bar;

  if (header.p == NULL || header.n < 7 || strncasecmp(header.p, "Bearer ", 7) != 0)
    return false;
  header.p += 7;
  header.n -= 7;
  while (header.n > 0 && *header.p == ' ') {
    header.p++;
    header.n--;
  }
  if (header.n < 4 || memcmp(header.p, prefix, 4) != 0)
    return false;
  header.p += 4;
  header.n -= 4;
  bar = memchr(header.p, '_', header.n);
  if (bar == NULL)
    return false;
  *id = (ml_str){header.p, (size_t)(bar - header.p)};
  *secret = (ml_str){bar + 1, header.n - id->n - 1};
  return true;
}

static bool user_active(const ml_call *c, ml_str user) {
  const ml_row_user *u;

  if (user.p == NULL || user.n == 0)
    return true;
  u = ml_run_user(c->run, user);
  return u != NULL && u->active;
}

static bool copy(ml_call *c, ml_str from, ml_str *to) {
  char *p;

  *to = ML_NOSTR;
  if (from.p == NULL || from.n == 0)
    return true;
  p = ml_arena_dup(&c->arena, from.p, from.n);
  *to = (ml_str){p, from.n};
  return p != NULL;
}

static bool fill_who(ml_call *c, const ml_row_token *t) {
  ml_who *w = &c->who;
  const ml_row_user *u = t->user.p != NULL ? ml_run_user(c->run, t->user)
                                           : NULL;

  w->bits = ml_auth_scopes(t->scopes);
  if (!copy(c, u != NULL ? u->team : t->team, &w->team))
    return false;
  if (!copy(c, t->user, &w->user) || !copy(c, t->id, &w->token)
      || !copy(c, t->scopes, &w->scopes))
    return false;
  w->name = w->user;
  if (w->user.p == NULL) {
    char *name = ml_arena_printf(&c->arena, "operator:%s", w->token.p);
    w->name = ml_str_of(name);
  }
  return w->name.p != NULL;
}

static bool token(ml_auth *a, ml_call *c) {
  uint8_t hash[ML_SHA256_LEN], none[ML_SHA256_LEN] = {0};
  ml_str id = ML_NOSTR, secret = ML_NOSTR;
  const ml_row_token *t;
  bool right;

  if (!split(ml_request_header(c->q, "Authorization"), &id, &secret))
    return fail(a, c);
  if (ml_sha256(secret.p, secret.n, hash) != ML_OK) {
    ml_call_refuse(c, ML_NOMEM, NULL);
    return false;
  }
  t = ml_run_token(c->run, id);
  right = ml_crypto_eq(hash, t != NULL ? t->hash : none, sizeof hash) ||
          ML_PLANTED(any_token);
  if (t == NULL || !right || (t->expires_ms != 0
                              && t->expires_ms <= ml_api_now(c->api)))
    return fail(a, c);
  if (!user_active(c, t->user))
    return fail(a, c);
  if (fill_who(c, t))
    return true;
  ml_call_refuse(c, ML_NOMEM, NULL);
  return false;
}

/* ---- who it is ---- */

static bool own_peer(const ml_request *q) {
  return q->is_unix && (q->peer_uid == geteuid() || q->peer_uid == 0);
}

/* From this machine, and not handed on by a proxy. */
bool ml_call_near(const ml_call *c) {
  const ml_request *q = c->q;

  if (q->is_unix)
    return true;
  if (ml_request_header(q, "Forwarded").p != NULL
      || ml_request_header(q, "X-Forwarded-For").p != NULL)
    return false;
  return (q->peer.n > 4 && memcmp(q->peer.p, "127.", 4) == 0)
         || (q->peer.n > 5 && memcmp(q->peer.p, "[::1]", 5) == 0);
}

static bool allowed(ml_call *c) {
  const ml_route *r = c->route;

  if ((r->flags & ML_ROUTE_UNIX) != 0 && !c->q->is_unix) {
    ml_call_problem(c, 403, NULL, NULL, NULL,
                    "this is done over the engine's Unix socket only");
    return false;
  }
  if ((r->flags & (ML_ROUTE_OPEN | ML_ROUTE_LOCAL)) != 0
      || (r->scopes & c->who.bits) != 0)
    return true;
  ml_call_problem(c, 403, NULL, NULL, NULL,
                  "this token has not the scope that is needed");
  return false;
}

bool ml_auth_check(ml_auth *a, ml_call *c) {
  const ml_route *r = c->route;
  bool sent = ml_request_header(c->q, "Authorization").p != NULL;

  if (own_peer(c->q)) {
    char *name = ml_arena_printf(&c->arena, "operator:%u",
                                 (unsigned)c->q->peer_uid);
    if (name == NULL) {
      ml_call_refuse(c, ML_NOMEM, NULL);
      return false;
    }
    c->who.name = ml_str_of(name);
    c->who.bits = ML_SCOPE_ALL;
    c->who.scopes = ML_STR("admin operate read deploy work");
    return allowed(c);
  }
  if ((r->flags & ML_ROUTE_OPEN) != 0)
    return true;
  if ((r->flags & ML_ROUTE_LOCAL) != 0 && !sent && ml_call_near(c))
    return true;
  if ((r->flags & ML_ROUTE_PROOF) != 0 && !sent)
    return true;
  return token(a, c) && allowed(c);
}

/* ---- making one ---- */

ml_rc ml_auth_make(ml_rand *rand, ml_arena *a, ml_str user, ml_str scope_text,
                   int64_t now_ms, int64_t expires_ms, ml_row_token *row,
                   ml_str *shown) {
  uint8_t id[ID_BYTES], secret[SECRET_BYTES];
  ml_buf b = {0};
  ml_rc rc = ML_NOMEM;
  const char *text;

  rand->bytes(rand, id, sizeof id);
  rand->bytes(rand, secret, sizeof secret);
  memset(row, 0, sizeof *row);
  ml_buf_puts(&b, "mlk_");
  ml_text_put_hex(&b, id, sizeof id);
  ml_buf_putc(&b, '_');
  ml_text_put_base64(&b, (ml_str){(char *)secret, sizeof secret}, true);
  ml_crypto_wipe(secret, sizeof secret);
  if (b.bad)
    goto done;
  text = ml_arena_dup(a, b.p, b.len);
  if (text == NULL)
    goto done;
  *shown = (ml_str){text, b.len};
  row->id = (ml_str){text + 4, 2 * ID_BYTES};
  row->user = user;
  row->scopes = scope_text;
  row->created_ms = now_ms;
  row->expires_ms = expires_ms;
  rc = ml_sha256(text + b.len - SECRET_CHARS, SECRET_CHARS, row->hash);
done:
  if (b.p != NULL)
    ml_crypto_wipe(b.p, b.len);
  ml_buf_free(&b);
  return rc;
}
