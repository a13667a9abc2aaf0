/*
** bind_call.c - durable calls: what the journal has is given back, the first
** call that it lacks ends the slice.
*/
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "script/bind.h"

enum { COST_CALL = 50 };

/* ---- names ---- */

static ml_callk kind_arg(lua_State *L, int arg) {
  ml_callk k = ML_CALL_GET;

  if (!ml_callk_of(ml_bind_text(L, arg), &k))
    luaL_error(L, "'%s' is no kind of call", lua_tostring(L, arg));
  return k;
}

static ml_str name_arg(lua_State *L, int arg) {
  ml_str name = ML_NOSTR;

  if (lua_isnoneornil(L, arg))
    return name;
  name = ml_bind_text(L, arg);
  if (!ml_text_is_name(name))
    ml_bind_raise(L, "the name of a call is 1 to 200 bytes of printable text "
                     "without blanks at its ends");
  return name;
}

static ml_count *count_of(lua_State *L, ml_callk kind, ml_str name) {
  ml_slice *s = ml_bind_slice(L);
  size_t i;

  for (i = 0; i < s->count_n; i++)
    if (s->counts[i].kind == kind && ml_str_eq(s->counts[i].name, name))
      return &s->counts[i];
  if (name.p != NULL)
    name = ml_bind_keep(L, name);
  s->counts = ml_bind_grow(L, s->counts, s->count_n, sizeof *s->counts,
                           ML_ENTRIES_MAX, "different durable calls");
  s->counts[s->count_n] = (ml_count){.kind = kind, .name = name};
  return &s->counts[s->count_n++];
}

/* "<kind>[.<name>].<n>" of the next call, in the arena. */
static ml_str next_call(lua_State *L, ml_callk kind, ml_str name) {
  ml_slice *s = ml_bind_slice(L);
  ml_count *c;
  char *p;

  ml_box_charge(L, COST_CALL);
  c = count_of(L, kind, name);
  if (++c->n > ML_ENTRIES_MAX)
    ml_bind_raise(L, "more than %d calls of ctx:%s", ML_ENTRIES_MAX,
                  ml_callk_name(kind));
  p = ml_arena_printf(&s->arena, "%s%s%.*s.%u", ml_callk_name(kind),
                      name.p != NULL ? "." : "", (int)name.n,
                      name.p != NULL ? name.p : "", c->n);
  if (p == NULL)
    luaL_error(L, "the worker is short of memory");
  return ml_str_of(p);
}

/* ---- the journal ---- */

static const ml_entry *find(ml_slice *s, ml_str call) {
  const ml_ask *q = s->q;
  size_t i, at;

  for (i = 0; i < q->journal_count; i++) {
    at = (s->cursor + i) % q->journal_count;
    if (ml_str_eq(q->journal[at].call, call)) {
      s->cursor = at + 1;
      return &q->journal[at];
    }
  }
  return NULL;
}

static bool no_hash(const uint8_t h[16]) {
  static const uint8_t zero[16];

  return memcmp(h, zero, 16) == 0;
}

static void mismatch(lua_State *L, ml_str call, const ml_entry *e,
                     const uint8_t asked[16], ml_str shown) {
  char text[900], what[400];

  ml_text_excerpt(what, sizeof what, shown);
  snprintf(text, sizeof text,
           "journal-mismatch: %.*s is recorded as a %s request "
           "%02x%02x%02x%02x; the script now asks %s, which is "
           "%02x%02x%02x%02x; nothing was sent",
           (int)call.n, call.p, ml_callk_name(e->kind), e->hash[0], e->hash[1],
           e->hash[2], e->hash[3], what, asked[0], asked[1], asked[2],
           asked[3]);
  ml_bind_end(L, ML_END_MISMATCH, ml_str_of(text));
}

static void hash_of(lua_State *L, ml_callk kind, ml_str text,
                    uint8_t out[16]) {
  uint8_t full[ML_SHA256_LEN];
  const char *word = ml_callk_name(kind);
  ml_sha *h;
  ml_rc rc;

  ml_box_charge_bytes(L, text.n);
  h = ml_sha_open();
  ml_sha_add(h, word, strlen(word) + 1);
  ml_sha_add(h, text.p, text.n);
  rc = ml_sha_close(h, full);
  if (rc != ML_OK)
    luaL_error(L, "the worker is short of memory");
  memcpy(out, full, 16);
}

static void room_for_one(lua_State *L, const ml_slice *s) {
  if (s->q->journal_count + s->entry_n >= ml_bind_bound(s, ML_BOUND_ENTRIES))
    ml_bind_raise(L, "the journal has no room for one more entry (%s)",
                  ml_bind_told(s, ML_BOUND_ENTRIES));
}

/* Of the question's and of those the slice has made. */
static size_t journal_bytes(ml_slice *s) {
  for (size_t i = 0; !s->entries_summed && i < s->q->journal_count; i++)
    s->entry_bytes += s->q->journal[i].call.n + s->q->journal[i].answer.n;
  s->entries_summed = true;
  return s->entry_bytes;
}

/*
** call(kind, name or nil, want, hashed or nil, shown or nil)
**   -> answer (JSON), call name
** `want` is what the core is asked, JSON; `hashed` what makes it the same
** request (else want itself); `shown` how a person names it.
*/
static int host_call(lua_State *L) {
  ml_slice *s = ml_bind_slice(L);
  ml_callk kind = kind_arg(L, 1);
  ml_str name = name_arg(L, 2), want = ml_bind_text(L, 3), call;
  ml_str hashed = lua_isnoneornil(L, 4) ? want : ml_bind_text(L, 4);
  ml_str shown = lua_isnoneornil(L, 5) ? want : ml_bind_text(L, 5);
  const ml_entry *e;
  uint8_t hash[16];

  ml_bind_not_in_step(L, "a durable call");
  call = next_call(L, kind, name);
  hash_of(L, kind, hashed, hash);
  e = find(s, call);
  if (e == NULL)
    room_for_one(L, s);
  if (e == NULL) {
    s->want_call = call;
    s->want_kind = kind;
    memcpy(s->want_hash, hash, 16);
    s->want = ml_bind_keep(L, want);
    s->wants = true;
    return ml_box_wait(L, 0, 0, NULL);
  }
  if (e->kind != kind || (!no_hash(e->hash) && memcmp(e->hash, hash, 16) != 0))
    mismatch(L, call, e, hash, shown);
  ml_box_charge_bytes(L, e->answer.n);
  lua_pushlstring(L, e->answer.p != NULL ? e->answer.p : "null",
                  e->answer.p != NULL ? e->answer.n : 4);
  lua_pushlstring(L, call.p, call.n);
  return 2;
}

/* note(kind, name or nil) -> call name, answer (JSON) or nil: of a call that
** the script answers itself */
static int host_note(lua_State *L) {
  ml_slice *s = ml_bind_slice(L);
  ml_callk kind = kind_arg(L, 1);
  ml_str call;
  const ml_entry *e;

  ml_bind_not_in_step(L, "a durable call");
  call = next_call(L, kind, name_arg(L, 2));
  e = find(s, call);
  lua_pushlstring(L, call.p, call.n);
  if (e == NULL)
    return 1;
  if (e->kind != kind) {
    static const uint8_t zero[16];

    mismatch(L, call, e, zero, call);
  }
  ml_box_charge_bytes(L, e->answer.n);
  lua_pushlstring(L, e->answer.p != NULL ? e->answer.p : "null",
                  e->answer.p != NULL ? e->answer.n : 4);
  return 2;
}

/* entry(kind, call name, answer): put it into the journal */
static int host_entry(lua_State *L) {
  ml_slice *s = ml_bind_slice(L);
  ml_entry e = {.kind = kind_arg(L, 1)};
  size_t n = s->entry_n;

  room_for_one(L, s);
  e.call = ml_bind_text(L, 2);
  e.answer = ml_bind_text(L, 3);
  if (e.answer.n > ml_bind_bound(s, ML_BOUND_RESULT))
    return ml_bind_raise(L, "an entry of the journal would have %d bytes (%s)",
                         (int)e.answer.n, ml_bind_told(s, ML_BOUND_RESULT));
  if (journal_bytes(s) + e.answer.n + e.call.n >
      ml_bind_bound(s, ML_BOUND_JOURNAL))
    return ml_bind_raise(L, "the journal would grow too long (%s)",
                         ml_bind_told(s, ML_BOUND_JOURNAL));
  ml_box_charge_bytes(L, e.answer.n);
  e.call = ml_bind_keep(L, e.call);
  e.answer = ml_bind_keep(L, e.answer);
  s->entries = ml_bind_grow(L, s->entries, n, sizeof *s->entries,
                            ML_ENTRIES_MAX, "entries in the journal");
  s->entries[s->entry_n++] = e;
  s->entry_bytes += e.answer.n + e.call.n;
  return 0;
}

/* step(begins) -> log lines so far.  Nested: an error. */
static int host_step(lua_State *L) {
  ml_slice *s = ml_bind_slice(L);
  bool begins = lua_toboolean(L, 1);

  if (begins)
    ml_bind_not_in_step(L, "ctx:step");
  s->in_step = begins;
  lua_pushinteger(L, s->lines);
  return 1;
}

/* ---- chosen values: the same for this activity and call, for ever ---- */

static void chosen(lua_State *L, const char *what, uint8_t out[32]) {
  ml_slice *s = ml_bind_slice(L);
  ml_str call = ml_bind_text(L, 1);
  ml_sha *h = ml_sha_open();

  ml_sha_add(h, what, strlen(what) + 1);
  ml_sha_add(h, s->q->key.p, s->q->key.p != NULL ? s->q->key.n : 0);
  ml_sha_add(h, "", 1);
  ml_sha_add(h, call.p, call.n);
  if (ml_sha_close(h, out) != ML_OK)
    luaL_error(L, "the worker is short of memory");
}

/* uuid(call name) -> text */
static int host_uuid(lua_State *L) {
  uint8_t d[32];
  char text[37];

  chosen(L, "uuid", d);
  d[6] = (uint8_t)((d[6] & 0x0F) | 0x80);       /* version 8: of our making */
  d[8] = (uint8_t)((d[8] & 0x3F) | 0x80);
  snprintf(text, sizeof text,
           "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
           "%02x%02x%02x%02x%02x%02x",
           d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10],
           d[11], d[12], d[13], d[14], d[15]);
  lua_pushstring(L, text);
  return 1;
}

/* random(call name) -> number in [0, 1) */
static int host_random(lua_State *L) {
  uint8_t d[32];
  uint64_t v = 0;
  int i;

  chosen(L, "random", d);
  for (i = 0; i < 8; i++)
    v = v << 8 | d[i];
  lua_pushnumber(L, (double)(v >> 11) * 0x1p-53);
  return 1;
}

/* now() -> ms: the moment at which the slice was asked for */
static int host_now(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)ml_bind_slice(L)->q->now_ms);
  return 1;
}

/* ---- ends ---- */

/* fail(reason): business says no.  Does not return. */
static int host_fail(lua_State *L) {
  return ml_bind_end(L, ML_END_FAILED, ml_bind_text(L, 1));
}

/* retry(reason, after ms or -1): not yet.  Does not return. */
static int host_retry(lua_State *L) {
  ml_slice *s = ml_bind_slice(L);
  lua_Integer after = luaL_optinteger(L, 2, -1);

  s->after_ms = after < -1 ? -1 : (int64_t)after;
  return ml_bind_end(L, ML_END_RETRY, ml_bind_text(L, 1));
}

const luaL_Reg ml_bind_calls[] = {
  {"call", host_call}, {"note", host_note}, {"entry", host_entry},
  {"step", host_step}, {"uuid", host_uuid}, {"random", host_random},
  {"now", host_now}, {"fail", host_fail}, {"retry", host_retry},
  {NULL, NULL}
};
