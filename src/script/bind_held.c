/*
** bind_held.c - what is held back until the attempt ends (fields, subject,
** state, comments), and the log.
*/
#include <string.h>

#include "base/text.h"
#include "script/bind.h"

/* ---- fields ---- */

static ml_held *held_of(lua_State *L, ml_str id) {
  ml_slice *s = ml_bind_slice(L);
  size_t i;
  ml_held *h;

  for (i = 0; i < s->held_n; i++) {
    h = &s->held[i];
    if (h->id.len == id.n && memcmp(h->id.p, id.p, id.n) == 0)
      return h;
  }
  s->held = ml_bind_grow(L, s->held, s->held_n, sizeof *s->held,
                         ML_HELD_FIELDS_MAX, "different fields assigned");
  h = &s->held[s->held_n++];
  *h = (ml_held){0};
  ml_buf_put(&h->id, id.p, id.n);
  return h;
}

static size_t held_max(const ml_slice *s) {
  size_t eight = 8 * (size_t)ml_bind_bound(s, ML_BOUND_RESULT);

  return eight > ML_HELD_BYTES_MAX ? eight : ML_HELD_BYTES_MAX;
}

/* set(id, JSON): the field's value; "null" clears */
static int host_set(lua_State *L) {
  ml_slice *s = ml_bind_slice(L);
  ml_str id = ml_bind_text(L, 1), json = ml_bind_text(L, 2);
  ml_held *h;

  ml_bind_not_in_step(L, "ctx.data");
  ml_box_charge_bytes(L, json.n);
  if (!ml_text_utf8(id) || id.n > 200)
    return ml_bind_raise(L, "a field's id is at most 200 bytes of text");
  h = held_of(L, id);
  if (s->held_bytes - h->json.len + json.n > held_max(s))
    return ml_bind_raise(L, "what is assigned to ctx.data is more than %d MiB",
                         (int)(held_max(s) >> 20));
  s->held_bytes = s->held_bytes - h->json.len + json.n;
  ml_buf_reset(&h->json);
  ml_buf_put(&h->json, json.p, json.n);
  h->cleared = false;
  if (h->json.bad || h->id.bad)
    return luaL_error(L, "the worker is short of memory");
  return 0;
}

/* clear(id): the field may be emptied although it is required */
static int host_clear(lua_State *L) {
  held_of(L, ml_bind_text(L, 1))->cleared = true;
  return 0;
}

/* ---- one text each ---- */

static int hold(lua_State *L, ml_buf *b, bool *has, const char *what) {
  ml_str t = ml_bind_text(L, 1);

  ml_bind_not_in_step(L, what);
  if (t.n > ML_ERROR_MAX || !ml_text_utf8(t))
    return ml_bind_raise(L, "%s takes at most %d bytes of valid text", what,
                         ML_ERROR_MAX);
  ml_buf_reset(b);
  ml_buf_put(b, t.p, t.n);
  if (b->bad)
    return luaL_error(L, "the worker is short of memory");
  *has = true;
  return 0;
}

static int host_subject(lua_State *L) {
  ml_slice *s = ml_bind_slice(L);

  return hold(L, &s->subject, &s->has_subject, "ctx:subject");
}

static int host_state(lua_State *L) {
  ml_slice *s = ml_bind_slice(L);

  return hold(L, &s->state, &s->has_state, "ctx:state");
}

/* assign(user): "" is nobody */
static int host_assign(lua_State *L) {
  ml_slice *s = ml_bind_slice(L);

  return hold(L, &s->assign, &s->has_assign, "ctx:assign");
}

/* comment(text, visibility or nil) */
static int host_comment(lua_State *L) {
  ml_slice *s = ml_bind_slice(L);
  ml_str t = ml_bind_text(L, 1);
  ml_comment_out c = {ML_NOSTR, ML_NOSTR};

  ml_bind_not_in_step(L, "ctx:comment");
  if (t.n > ML_COMMENT_MAX || !ml_text_utf8(t))
    return ml_bind_raise(L, "a comment is at most %d KiB of valid text",
                         ML_COMMENT_MAX >> 10);
  c.text = ml_bind_keep(L, t);
  if (!lua_isnoneornil(L, 2))
    c.visibility = ml_bind_keep(L, ml_bind_text(L, 2));
  s->comments = ml_bind_grow(L, s->comments, s->comment_n, sizeof *s->comments,
                             ML_COMMENTS_MAX, "comments");
  s->comments[s->comment_n++] = c;
  return 0;
}

/* ---- the log ---- */

/* One line.  Beyond the limits lines are only counted; the last one kept says
** so. */
static void add_line(lua_State *L, ml_str line) {
  static const ml_str full = {"(more lines than a slice may log)", 33};
  ml_slice *s = ml_bind_slice(L);

  ml_box_charge_bytes(L, line.n);
  s->lines++;
  if (s->log_n >= ML_LOG_LINES_MAX || s->log_bytes > ML_LOG_BYTES_MAX)
    return;
  if (s->log_n == ML_LOG_LINES_MAX - 1 ||
      s->log_bytes + line.n > ML_LOG_BYTES_MAX) {
    line = full;
    s->log_bytes = ML_LOG_BYTES_MAX + 1;
  }
  line = ml_bind_clean(L, line, ML_LOG_LINE_MAX);
  s->logs = ml_bind_grow(L, s->logs, s->log_n, sizeof *s->logs,
                         ML_LOG_LINES_MAX, "lines");
  s->logs[s->log_n++] = (ml_log_line){.seq = s->lines, .text = line};
  s->log_bytes += line.n;
}

static int host_log(lua_State *L) {
  add_line(L, ml_bind_text(L, 1));
  return 0;
}

/* skip_lines(n): what a step that is replayed had logged */
static int host_skip_lines(lua_State *L) {
  ml_slice *s = ml_bind_slice(L);
  lua_Integer n = luaL_checkinteger(L, 1);

  if (n > 0 && n < 1000000 && s->lines < UINT32_MAX / 2)
    s->lines += (uint32_t)n;
  return 0;
}

void ml_bind_print(void *ud, lua_State *L, ml_str line) {
  (void)ud;
  add_line(L, line);
}

const luaL_Reg ml_bind_helds[] = {
  {"set", host_set}, {"clear", host_clear}, {"subject", host_subject},
  {"state", host_state}, {"assign", host_assign}, {"comment", host_comment},
  {"log", host_log}, {"skip_lines", host_skip_lines}, {NULL, NULL}
};
