/* attempt.c - questions to a script worker and its answers, as frames. */
#include "model/attempt.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

/* ---- frames ---- */

enum { HEAD = 5 };   /* length and kind */

/* Begin a frame; gives where it starts. */
static size_t frame_begin(ml_buf *out, unsigned kind) {
  size_t start = out->len;
  char head[HEAD] = {0, 0, 0, 0, (char)kind};

  ml_buf_put(out, head, HEAD);
  return start;
}

/* Write the length.  A frame no reader would take never leaves: bad. */
static void frame_end(ml_buf *out, size_t start) {
  size_t n;

  if (out->bad)
    return;
  n = out->len - start - 4;
  if (n > ML_FRAME_MAX) {
    out->bad = true;
    return;
  }
  for (int i = 0; i < 4; i++)
    out->p[start + (size_t)i] = (char)(n >> (8 * i) & 0xFF);
}

/* ---- items both sides use ---- */

/* Fixed bytes as a text; all zero is "none". */
static void put_bytes(ml_buf *out, const uint8_t *p, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (p[i] != 0) {
      ml_pack_str(out, (ml_str){(const char *)p, n});
      return;
    }
  ml_pack_str(out, ML_NOSTR);
}

static void get_bytes(ml_unpack *r, uint8_t *p, size_t n) {
  ml_str s = ml_unpack_str(r);

  memset(p, 0, n);
  if (s.p == NULL)
    return;
  if (s.n != n)
    r->bad = true;
  else
    memcpy(p, s.p, n);
}

static void put_entry(ml_buf *out, const ml_entry *e) {
  ml_pack_str(out, e->call);
  ml_pack_u64(out, e->kind);
  put_bytes(out, e->hash, sizeof e->hash);
  ml_pack_str(out, e->answer);
}

static void get_entry(ml_unpack *r, ml_entry *e) {
  e->call = ml_unpack_str(r);
  e->kind = (ml_callk)ml_unpack_u32(r, ML_CALL_COUNT - 1);
  get_bytes(r, e->hash, sizeof e->hash);
  e->answer = ml_unpack_str(r);
}

/* A count that the bytes left can hold (an item takes at least one), or bad. */
static size_t get_count(ml_unpack *r, uint32_t max) {
  uint32_t n = ml_unpack_u32(r, max);

  if (!r->bad && n > (size_t)(r->end - r->p))
    r->bad = true;
  return r->bad ? 0 : n;
}

/* Room for n items; NULL with *short_ when memory is short. */
static void *room(ml_arena *a, size_t n, size_t size, bool *short_) {
  void *p = n > 0 ? ml_arena_zero(a, n * size) : NULL;

  if (n > 0 && p == NULL)
    *short_ = true;
  return p;
}

static const ml_entry *get_entries(ml_unpack *r, ml_arena *a, size_t *count,
                                   bool *short_) {
  size_t n = get_count(r, ML_ENTRIES_MAX);
  ml_entry *list = room(a, n, sizeof *list, short_);

  for (size_t i = 0; list != NULL && i < n; i++)
    get_entry(r, &list[i]);
  *count = list != NULL ? n : 0;
  return list;
}

/* ---- questions ---- */

/* About what a question takes, but for sources and journal. */
static size_t ask_bytes(const ml_ask *q) {
  return 200 + q->process.n + q->data.n + q->settings.n + q->payload.n +
         100 * q->link_count;
}

/* Which are set, a bit each, and those. */
static void put_limits(ml_buf *out, const ml_bounds *s) {
  uint64_t set = 0;

  for (int b = 0; s != NULL && b < ML_BOUND_COUNT; b++)
    set |= s->v[b] != 0 ? UINT64_C(1) << b : 0;
  ml_pack_u64(out, set);
  for (int b = 0; set >> b != 0; b++)
    if ((set >> b & 1) != 0)
      ml_pack_u64(out, s->v[b]);
}

static const ml_bounds *get_limits(ml_unpack *r, ml_arena *a, bool *short_) {
  uint64_t set = ml_unpack_u64(r);
  ml_bounds *s;

  if (set == 0 || r->bad)
    return NULL;
  if (set >> ML_BOUND_COUNT != 0) {
    r->bad = true;
    return NULL;
  }
  s = room(a, 1, sizeof *s, short_);
  for (int b = 0; s != NULL && b < ML_BOUND_COUNT; b++)
    if ((set >> b & 1) != 0)
      s->v[b] = ml_unpack_u64(r);
  return s;
}

void ml_ask_pack(ml_buf *out, const ml_ask *q) {
  size_t start;

  ml_buf_room(out, ask_bytes(q));
  start = frame_begin(out, q->kind);

  ml_pack_u64(out, q->id);
  put_bytes(out, q->bundle, sizeof q->bundle);
  ml_pack_u64(out, q->source_count);
  for (size_t i = 0; i < q->source_count; i++) {
    ml_pack_str(out, q->sources[i].name);
    ml_pack_str(out, q->sources[i].text);
  }
  ml_pack_u64(out, q->flow);
  ml_pack_str(out, q->path);
  ml_pack_str(out, q->mode);
  ml_pack_str(out, q->key);
  ml_pack_str(out, q->activity);
  ml_pack_str(out, q->process);
  ml_pack_str(out, q->data);
  ml_pack_str(out, q->settings);
  ml_pack_str(out, q->payload);
  ml_pack_i64(out, q->now_ms);
  ml_pack_u64(out, q->attempt);
  ml_pack_u64(out, q->journal_count);
  for (size_t i = 0; i < q->journal_count; i++)
    put_entry(out, &q->journal[i]);
  ml_pack_u64(out, q->link_count);
  for (size_t i = 0; i < q->link_count; i++) {
    ml_pack_str(out, q->links[i].path);
    ml_pack_str(out, q->links[i].key);
    ml_pack_str(out, q->links[i].activity);
  }
  ml_pack_bool(out, q->count_units);
  put_limits(out, q->limits);
  frame_end(out, start);
}

static void get_links(ml_unpack *r, ml_arena *a, ml_ask *q, bool *short_) {
  size_t n = get_count(r, ML_LINKS_MAX);
  ml_behind *list = room(a, n, sizeof *list, short_);

  for (size_t i = 0; list != NULL && i < n; i++) {
    list[i].path = ml_unpack_str(r);
    list[i].key = ml_unpack_str(r);
    list[i].activity = ml_unpack_str(r);
  }
  q->links = list;
  q->link_count = list != NULL ? n : 0;
}

static void get_sources(ml_unpack *r, ml_arena *a, ml_ask *q, bool *short_) {
  size_t n = get_count(r, ML_SOURCES_MAX);
  ml_source *list = room(a, n, sizeof *list, short_);

  for (size_t i = 0; list != NULL && i < n; i++) {
    list[i].name = ml_unpack_str(r);
    list[i].text = ml_unpack_str(r);
  }
  q->sources = list;
  q->source_count = list != NULL ? n : 0;
}

ml_rc ml_ask_unpack(ml_arena *a, ml_ask_kind kind, ml_str bytes, ml_ask *q) {
  ml_unpack r = ml_unpack_of(bytes.p, bytes.n);
  bool short_ = false;

  memset(q, 0, sizeof *q);
  if ((int)kind < ML_ASK_BUNDLE || kind >= ML_ASK_COUNT)
    return ML_CORRUPT;
  q->kind = kind;
  q->id = ml_unpack_u64(&r);
  get_bytes(&r, q->bundle, sizeof q->bundle);
  get_sources(&r, a, q, &short_);
  q->flow = ml_unpack_u32(&r, UINT32_MAX);
  q->path = ml_unpack_str(&r);
  q->mode = ml_unpack_str(&r);
  q->key = ml_unpack_str(&r);
  q->activity = ml_unpack_str(&r);
  q->process = ml_unpack_str(&r);
  q->data = ml_unpack_str(&r);
  q->settings = ml_unpack_str(&r);
  q->payload = ml_unpack_str(&r);
  q->now_ms = ml_unpack_i64(&r);
  q->attempt = ml_unpack_u32(&r, UINT32_MAX);
  q->journal = get_entries(&r, a, &q->journal_count, &short_);
  get_links(&r, a, q, &short_);
  q->count_units = ml_unpack_bool(&r);
  q->limits = get_limits(&r, a, &short_);
  if (short_)
    return ML_NOMEM;
  return ml_unpack_end(&r) ? ML_OK : ML_CORRUPT;
}

/* ---- answers ---- */

static void put_answer(ml_buf *out, const ml_answer *r) {
  ml_pack_u64(out, r->id);
  ml_pack_u64(out, r->end);
  ml_pack_str(out, r->text);
  ml_pack_str(out, r->at);
  ml_pack_str(out, r->traceback);
  ml_pack_i64(out, r->after_ms);
  ml_pack_str(out, r->want_call);
  ml_pack_u64(out, r->want_kind);
  put_bytes(out, r->want_hash, sizeof r->want_hash);
  ml_pack_str(out, r->want);
  ml_pack_u64(out, r->entry_count);
  for (size_t i = 0; i < r->entry_count; i++)
    put_entry(out, &r->entries[i]);
  ml_pack_str(out, r->data);
  ml_pack_str(out, r->cleared);
  ml_pack_str(out, r->subject);
  ml_pack_str(out, r->state);
  ml_pack_str(out, r->assign);
  ml_pack_u64(out, r->comment_count);
  for (size_t i = 0; i < r->comment_count; i++) {
    ml_pack_str(out, r->comments[i].text);
    ml_pack_str(out, r->comments[i].visibility);
  }
  ml_pack_u64(out, r->log_count);
  for (size_t i = 0; i < r->log_count; i++) {
    ml_pack_u64(out, r->logs[i].seq);
    ml_pack_str(out, r->logs[i].text);
  }
  ml_pack_u64(out, r->units);
  ml_pack_i64(out, r->used_us);
}

void ml_answer_pack(ml_buf *out, const ml_answer *r) {
  size_t start = frame_begin(out, ML_ANSWER_DONE);

  put_answer(out, r);
  ml_pack_u64(out, r->link_count);
  for (size_t i = 0; i < r->link_count; i++)
    put_answer(out, &r->links[i]);
  frame_end(out, start);
}

void ml_answer_pack_need(ml_buf *out, uint64_t id, const uint8_t bundle[32]) {
  size_t start = frame_begin(out, ML_ANSWER_NEED);

  ml_pack_u64(out, id);
  ml_pack_str(out, (ml_str){(const char *)bundle, 32});
  frame_end(out, start);
}

ml_rc ml_answer_unpack_need(ml_str bytes, uint64_t *id, uint8_t bundle[32]) {
  ml_unpack r = ml_unpack_of(bytes.p, bytes.n);
  ml_str s;

  *id = ml_unpack_u64(&r);
  s = ml_unpack_str(&r);
  if (!ml_unpack_end(&r) || s.p == NULL || s.n != 32)
    return ML_CORRUPT;
  memcpy(bundle, s.p, 32);
  return ML_OK;
}

static void get_comments(ml_unpack *r, ml_arena *a, ml_answer *w,
                         bool *short_) {
  size_t n = get_count(r, ML_COMMENTS_MAX);
  ml_comment_out *list = room(a, n, sizeof *list, short_);

  for (size_t i = 0; list != NULL && i < n; i++) {
    list[i].text = ml_unpack_str(r);
    list[i].visibility = ml_unpack_str(r);
  }
  w->comments = list;
  w->comment_count = list != NULL ? n : 0;
}

static void get_logs(ml_unpack *r, ml_arena *a, ml_answer *w, bool *short_) {
  size_t n = get_count(r, ML_LOG_LINES_MAX);
  ml_log_line *list = room(a, n, sizeof *list, short_);

  for (size_t i = 0; list != NULL && i < n; i++) {
    list[i].seq = ml_unpack_u32(r, UINT32_MAX);
    list[i].text = ml_unpack_str(r);
  }
  w->logs = list;
  w->log_count = list != NULL ? n : 0;
}

/* A text that is none, or valid and not above `max` bytes. */
static bool text_ok(ml_str s, size_t max) {
  return s.p == NULL || (s.n <= max && ml_text_utf8(s));
}

/* "<kind>[.<name>].<n>": the kind's own word, a printable name, a count from 1
** without a leading zero. */
static bool call_ok(ml_str call, ml_callk kind) {
  ml_str word = ml_str_of(ml_callk_name(kind));
  size_t dot;
  int64_t n;

  if (call.p == NULL || call.n < word.n + 2 || call.n > ML_CALL_NAME_MAX
      || memcmp(call.p, word.p, word.n) != 0 || call.p[word.n] != '.')
    return false;
  dot = call.n - 1;
  while (call.p[dot] != '.')
    dot--;
  if (call.p[dot + 1 < call.n ? dot + 1 : dot] == '0'
      || !ml_text_int((ml_str){call.p + dot + 1, call.n - dot - 1}, &n)
      || n < 1 || n > UINT32_MAX)
    return false;
  return dot == word.n
         || (dot > word.n + 1
             && ml_text_printable((ml_str){call.p + word.n + 1,
                                           dot - word.n - 1}));
}

/* What a script makes without the core. */
static bool own_kind(ml_callk k) {
  return k == ML_CALL_STEP || k == ML_CALL_NOW || k == ML_CALL_UUID
         || k == ML_CALL_RANDOM || k == ML_CALL_DATA || k == ML_CALL_MAIL;
}

static int by_call(const void *x, const void *y) {
  const ml_str *a = x, *b = y;

  if (a->n != b->n)
    return a->n < b->n ? -1 : 1;
  return memcmp(a->p, b->p, a->n);
}

/* Each entry well-formed, no call twice, all within the journal's size. */
static ml_rc check_entries(ml_arena *a, const ml_answer *w) {
  bool short_ = false;
  size_t total = 0;
  ml_str *calls = room(a, w->entry_count, sizeof *calls, &short_);

  if (short_)
    return ML_NOMEM;
  for (size_t i = 0; i < w->entry_count; i++) {
    const ml_entry *e = &w->entries[i];

    if (!own_kind(e->kind) || !call_ok(e->call, e->kind)
        || !text_ok(e->answer, ML_ENTRY_MAX))
      return ML_CORRUPT;
    total += e->call.n + e->answer.n;
    calls[i] = e->call;
  }
  if (total > ML_JOURNAL_MAX)
    return ML_CORRUPT;
  if (w->entry_count > 1)
    qsort(calls, w->entry_count, sizeof *calls, by_call);
  for (size_t i = 1; i < w->entry_count; i++)
    if (by_call(&calls[i - 1], &calls[i]) == 0)
      return ML_CORRUPT;
  return ML_OK;
}

static bool visibility_ok(ml_str s) {
  return s.p == NULL || ml_str_is(s, "private") || ml_str_is(s, "client")
         || ml_str_is(s, "shared");
}

static bool lists_ok(const ml_answer *w) {
  for (size_t i = 0; i < w->comment_count; i++)
    if (w->comments[i].text.p == NULL
        || !text_ok(w->comments[i].text, ML_COMMENT_MAX)
        || !visibility_ok(w->comments[i].visibility))
      return false;
  for (size_t i = 0; i < w->log_count; i++)
    if (w->logs[i].text.p == NULL || !text_ok(w->logs[i].text, ML_LOG_LINE_MAX)
        || w->logs[i].seq <= (i > 0 ? w->logs[i - 1].seq : 0))
      return false;
  return true;
}

/* The members that belong to one end only. */
static bool want_ok(const ml_answer *w) {
  if (w->end != ML_END_WANT)
    return w->want_call.p == NULL && w->want.p == NULL;
  return call_ok(w->want_call, w->want_kind) && !own_kind(w->want_kind)
         && w->want.p != NULL && text_ok(w->want, ML_FRAME_MAX)
         && w->data.p == NULL && w->cleared.p == NULL && w->subject.p == NULL
         && w->state.p == NULL && w->assign.p == NULL && w->comment_count == 0;
}

static bool texts_ok(const ml_answer *w) {
  /* a result may be long; what tells of an end may not */
  size_t max = w->end == ML_END_RETURNED ? ML_FRAME_MAX : ML_ERROR_MAX;

  return text_ok(w->text, max) && text_ok(w->at, ML_ERROR_MAX)
         && text_ok(w->traceback, ML_ERROR_MAX)
         && text_ok(w->data, ML_FRAME_MAX) && text_ok(w->cleared, ML_FRAME_MAX)
         && text_ok(w->subject, ML_ERROR_MAX) && text_ok(w->state, ML_ERROR_MAX)
         && text_ok(w->assign, ML_ERROR_MAX);
}

static ml_rc get_answer(ml_unpack *r, ml_arena *a, ml_answer *w) {
  bool short_ = false;

  memset(w, 0, sizeof *w);
  w->id = ml_unpack_u64(r);
  w->end = (ml_end)ml_unpack_u32(r, ML_END_COUNT - 1);
  w->text = ml_unpack_str(r);
  w->at = ml_unpack_str(r);
  w->traceback = ml_unpack_str(r);
  w->after_ms = ml_unpack_i64(r);
  w->want_call = ml_unpack_str(r);
  w->want_kind = (ml_callk)ml_unpack_u32(r, ML_CALL_COUNT - 1);
  get_bytes(r, w->want_hash, sizeof w->want_hash);
  w->want = ml_unpack_str(r);
  w->entries = get_entries(r, a, &w->entry_count, &short_);
  w->data = ml_unpack_str(r);
  w->cleared = ml_unpack_str(r);
  w->subject = ml_unpack_str(r);
  w->state = ml_unpack_str(r);
  w->assign = ml_unpack_str(r);
  get_comments(r, a, w, &short_);
  get_logs(r, a, w, &short_);
  w->units = ml_unpack_u64(r);
  w->used_us = ml_unpack_i64(r);
  if (short_)
    return ML_NOMEM;
  if (r->bad || w->after_ms < -1 || w->used_us < 0 || !want_ok(w)
      || !texts_ok(w) || !lists_ok(w))
    return ML_CORRUPT;
  return check_entries(a, w);
}

/* The answers of the links, and nothing behind them. */
static ml_rc get_rest(ml_unpack *r, ml_arena *a, ml_answer *w) {
  bool short_ = false;
  size_t n = get_count(r, ML_LINKS_MAX);
  ml_answer *list = room(a, n, sizeof *list, &short_);

  if (short_)
    return ML_NOMEM;
  for (size_t i = 0; i < n; i++) {
    ml_rc rc = get_answer(r, a, &list[i]);

    if (rc != ML_OK)
      return rc;
  }
  w->links = list;
  w->link_count = n;
  return ml_unpack_end(r) ? ML_OK : ML_CORRUPT;
}

ml_rc ml_answer_unpack(ml_arena *a, ml_str bytes, ml_answer *w) {
  ml_unpack r = ml_unpack_of(bytes.p, bytes.n);
  ml_rc rc = get_answer(&r, a, w);

  return rc == ML_OK ? get_rest(&r, a, w) : rc;
}

static bool entries_within(const ml_answer *r, const ml_bounds *s) {
  uint64_t each = ml_bound_of(NULL, s, ML_BOUND_RESULT, NULL), bytes = 0;

  for (size_t i = 0; i < r->entry_count; i++) {
    if (r->entries[i].answer.n > each)
      return false;
    bytes += r->entries[i].call.n + r->entries[i].answer.n;
  }
  return bytes <= ml_bound_of(NULL, s, ML_BOUND_JOURNAL, NULL) &&
         r->entry_count <= ml_bound_of(NULL, s, ML_BOUND_ENTRIES, NULL);
}

bool ml_answer_within(const ml_answer *r, const ml_bounds *operator_) {
  if (!entries_within(r, operator_))
    return false;
  for (size_t i = 0; i < r->link_count; i++)
    if (!entries_within(&r->links[i], operator_))
      return false;
  return true;
}
