/* api_list.c - lists by pages: {"items":[...],"next":cursor or null}.
**
** A cursor is base64url of a packed record: the list's kind, a digest of the
** filters it was made under, and the place.  It is opaque, not secret: who
** makes one up gets a page that was open to them anyway, or 400. */
#include <stdlib.h>
#include <string.h>

#include "api/api_call.h"
#include "base/text.h"

enum { CURSOR_FORM = 1, CURSOR_MAX = 1024 };

static uint32_t mix(uint32_t h, ml_str s) {
  for (size_t i = 0; i < s.n; i++)
    h = (h ^ (uint8_t)s.p[i]) * 16777619u;
  return (h ^ 0xFFu) * 16777619u;
}

/* Same path and filters, same digest, in whatever order they stand. */
static uint32_t filters(const ml_call *c) {
  uint32_t sum = mix(2166136261u, c->q->path);

  for (size_t i = 0; i < c->query_count; i++) {
    uint32_t h;
    if (ml_str_is(c->query[i].name, "cursor")
        || ml_str_is(c->query[i].name, "limit"))
      continue;
    h = mix(2166136261u, c->query[i].name);
    sum += mix(h, c->query[i].value);
  }
  return sum;
}

void ml_cursor_put(ml_call *c, char kind, int64_t a, int64_t b, ml_str text) {
  ml_buf raw = {0}, shown = {0};

  ml_pack_u64(&raw, CURSOR_FORM);
  ml_pack_u64(&raw, (uint8_t)kind);
  ml_pack_u64(&raw, filters(c));
  ml_pack_i64(&raw, a);
  ml_pack_i64(&raw, b);
  ml_pack_str(&raw, text);
  if (!raw.bad)
    ml_text_put_base64(&shown, (ml_str){raw.p, raw.len}, true);
  if (raw.bad || shown.bad)
    c->out.bad = true;
  ml_jw_end(&c->w);
  ml_jw_kstr(&c->w, "next", (ml_str){shown.p, shown.len});
  ml_buf_free(&raw);
  ml_buf_free(&shown);
}

static bool unpack(ml_call *c, char kind, ml_str raw, int64_t *a, int64_t *b,
                   ml_str *text) {
  ml_unpack r = ml_unpack_of(raw.p, raw.n);
  bool ours = ml_unpack_u64(&r) == CURSOR_FORM
              && ml_unpack_u64(&r) == (uint8_t)kind
              && ml_unpack_u64(&r) == filters(c);

  if (!ours)
    return false;
  *a = ml_unpack_i64(&r);
  *b = ml_unpack_i64(&r);
  *text = ml_unpack_str(&r);
  return ml_unpack_end(&r) && *a >= 0 && *b >= 0 && *b <= UINT32_MAX;
}

bool ml_cursor_get(ml_call *c, char kind, int64_t *a, int64_t *b, ml_str *text) {
  ml_str given = ml_call_query(c, "cursor");
  ml_buf raw = {0};
  bool ok = false;

  *a = *b = 0;
  *text = ML_NOSTR;
  if (given.p == NULL)
    return true;
  if (given.n <= CURSOR_MAX && ml_text_base64(&raw, given, true) == ML_OK) {
    char *kept = ml_arena_dup(&c->arena, raw.p != NULL ? raw.p : "", raw.len);
    ok = kept != NULL
         && unpack(c, kind, (ml_str){kept, raw.len}, a, b, text);
  }
  ml_buf_free(&raw);
  if (!ok)
    ml_call_problem(c, 400, NULL, NULL, NULL,
                    "cursor: this is no cursor of this list and its filters; "
                    "take it from \"next\" of the page before");
  return ok;
}

void ml_list_begin(ml_call *c) {
  ml_buf_reset(&c->out);
  ml_jw_init(&c->w, &c->out);
  ml_jw_obj(&c->w);
  ml_jw_key(&c->w, "items");
  ml_jw_arr(&c->w);
}

void ml_list_last(ml_call *c) {
  ml_jw_end(&c->w);
  ml_jw_key(&c->w, "next");
  ml_jw_null(&c->w);
}

void ml_list_send(ml_call *c) {
  ml_jw_end(&c->w);
  ml_call_send(c, 200);
}
