/*
** lib_match.c - find, match, gmatch, gsub: Lua's patterns, counted.
**
** Lua's own matcher can run for hours on forty bytes, and no hook fires in
** it.  This one gives the same results and errors, and pays a unit for every
** step: a place where an item of the pattern is tried, more for long sets,
** %b and back references.  A search without magic uses memmem, which is
** linear.
*/
#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "script/box_private.h"

#include "base/plant.h"

#define CAPTURES 32
#define NESTING 200              /* as deep as Lua's matcher goes */
#define BATCH 1024               /* steps between two charges */
#define MAGIC "^$*+?.([%-"

enum { OPEN = -1, POSITION = -2 };

typedef struct matcher {
  lua_State *L;
  const char *text, *text_end;
  const char *pattern_end;
  int nesting;
  int count;                     /* captures begun */
  uint64_t steps;
  struct {
    const char *start;
    ptrdiff_t len;               /* or OPEN, POSITION */
  } capture[CAPTURES];
} matcher;

static const char *match_here(matcher *m, const char *s, const char *p);

static void step(matcher *m, size_t n) {
  m->steps += n;
  if (m->steps >= BATCH) {
    uint64_t steps = m->steps;

    m->steps = 0;
    ml_box_charge(m->L, ML_PLANTED(steps_free) ? 0 : steps);
  }
}

static unsigned char byte(const char *p) {
  return (unsigned char)*p;
}

/* ---- single characters ---- */

/* The end of the item at p: a character, a class, a set. */
static const char *item_end(matcher *m, const char *p) {
  if (p == m->pattern_end)
    luaL_error(m->L, "malformed pattern (ends with '%%')");
  switch (*p++) {
  case '%':
    if (p == m->pattern_end)
      luaL_error(m->L, "malformed pattern (ends with '%%')");
    return p + 1;
  case '[':
    if (*p == '^')
      p++;
    do {                         /* a ']' that stands first is a member */
      if (p == m->pattern_end)
        luaL_error(m->L, "malformed pattern (missing ']')");
      if (*p++ == '%' && p < m->pattern_end)
        p++;
    } while (p == m->pattern_end || *p != ']');
    return p + 1;
  default:
    return p;
  }
}

static bool in_class(int c, int name) {
  bool is;

  switch (tolower(name)) {
  case 'a': is = isalpha(c) != 0; break;
  case 'c': is = iscntrl(c) != 0; break;
  case 'd': is = isdigit(c) != 0; break;
  case 'g': is = isgraph(c) != 0; break;
  case 'l': is = islower(c) != 0; break;
  case 'p': is = ispunct(c) != 0; break;
  case 's': is = isspace(c) != 0; break;
  case 'u': is = isupper(c) != 0; break;
  case 'w': is = isalnum(c) != 0; break;
  case 'x': is = isxdigit(c) != 0; break;
  case 'z': is = c == 0; break;
  default: return name == c;
  }
  return isupper(name) ? !is : is;
}

/* Whether c is in the set from '[' at p to ']' at last. */
static bool in_set(int c, const char *p, const char *last) {
  bool member = true;

  p++;
  if (*p == '^') {
    member = false;
    p++;
  }
  for (; p < last; p++) {
    if (*p == '%') {
      p++;
      if (in_class(c, byte(p)))
        return member;
    } else if (p[1] == '-' && p + 2 < last) {
      if (byte(p) <= c && c <= byte(p + 2))
        return member;
      p += 2;
    } else if (byte(p) == c) {
      return member;
    }
  }
  return !member;
}

/* Whether the character at s fits the item [p, end). */
static bool fits(matcher *m, const char *s, const char *p, const char *end) {
  if (s >= m->text_end)
    return false;
  switch (*p) {
  case '.': return true;
  case '%': return in_class(byte(s), byte(p + 1));
  case '[':
    step(m, (size_t)(end - p) / 8);
    return in_set(byte(s), p, end - 1);
  default: return *p == *s;
  }
}

/* ---- parts of a pattern ---- */

static const char *match_balance(matcher *m, const char *s, const char *p) {
  const char *from = s;
  int depth = 1;

  if (p >= m->pattern_end - 1)
    luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
  if (s >= m->text_end || *s != *p)
    return NULL;
  while (++s < m->text_end) {
    if (*s == p[1]) {
      if (--depth == 0) {
        step(m, (size_t)(s - from) / 4);
        return s + 1;
      }
    } else if (*s == *p) {
      depth++;
    }
  }
  step(m, (size_t)(s - from) / 4);
  return NULL;
}

/* As many as possible, then fewer. */
static const char *match_most(matcher *m, const char *s, const char *p,
                              const char *end) {
  ptrdiff_t n = 0;

  while (fits(m, s + n, p, end)) {
    n++;
    step(m, 1);
  }
  for (; n >= 0; n--) {
    const char *r = match_here(m, s + n, end + 1);

    if (r != NULL)
      return r;
  }
  return NULL;
}

/* As few as possible, then more. */
static const char *match_least(matcher *m, const char *s, const char *p,
                               const char *end) {
  for (;; s++) {
    const char *r = match_here(m, s, end + 1);

    if (r != NULL)
      return r;
    if (!fits(m, s, p, end))
      return NULL;
    step(m, 1);
  }
}

static const char *match_open(matcher *m, const char *s, const char *p,
                              int what) {
  const char *r;

  if (m->count >= CAPTURES)
    luaL_error(m->L, "too many captures");
  m->capture[m->count].start = s;
  m->capture[m->count].len = what;
  m->count++;
  r = match_here(m, s, p);
  if (r == NULL)
    m->count--;
  return r;
}

static const char *match_close(matcher *m, const char *s, const char *p) {
  int i = m->count - 1;
  const char *r;

  while (i >= 0 && m->capture[i].len != OPEN)
    i--;
  if (i < 0)
    luaL_error(m->L, "invalid pattern capture");
  m->capture[i].len = s - m->capture[i].start;
  r = match_here(m, s, p);
  if (r == NULL)
    m->capture[i].len = OPEN;
  return r;
}

static const char *match_back(matcher *m, const char *s, int digit) {
  int i = digit - '1';
  size_t n;

  if (i < 0 || i >= m->count || m->capture[i].len == OPEN)
    luaL_error(m->L, "invalid capture index %%%d", i + 1);
  /* a position has length -2: more than any text */
  n = (size_t)m->capture[i].len;
  if ((size_t)(m->text_end - s) < n)
    return NULL;
  step(m, n / 16);
  return memcmp(m->capture[i].start, s, n) == 0 ? s + n : NULL;
}

/* %f[set]: between a character outside the set and one inside; *p is moved
** behind it. */
static bool match_frontier(matcher *m, const char *s, const char **p) {
  const char *set = *p + 2, *end;
  int before = s == m->text ? '\0' : byte(s - 1);
  int here = s < m->text_end ? byte(s) : '\0';

  if (*set != '[')
    luaL_error(m->L, "missing '[' after '%%f' in pattern");
  end = item_end(m, set);
  step(m, (size_t)(end - set) / 8);
  *p = end;
  return !in_set(before, set, end - 1) && in_set(here, set, end - 1);
}

/* A single item, maybe repeated.  False: *s is the result; true: go on. */
static bool match_item(matcher *m, const char **s, const char **p) {
  const char *end = item_end(m, *p), *r;
  int suffix = end < m->pattern_end ? *end : '\0';

  step(m, 1 + (size_t)(end - *p) / 8);
  if (suffix == '*' || suffix == '-') {
    *s = (suffix == '*' ? match_most : match_least)(m, *s, *p, end);
    return false;
  }
  if (!fits(m, *s, *p, end)) {
    if (suffix == '?') {
      *p = end + 1;
      return true;
    }
    *s = NULL;
    return false;
  }
  if (suffix == '+') {
    *s = match_most(m, *s + 1, *p, end);
    return false;
  }
  if (suffix == '?') {
    r = match_here(m, *s + 1, end + 1);
    if (r != NULL) {
      *s = r;
      return false;
    }
    *p = end + 1;
    return true;
  }
  ++*s;
  *p = end;
  return true;
}

/* Match the pattern from p on at s: the end of the match, or NULL. */
static const char *match_here(matcher *m, const char *s, const char *p) {
  bool go_on = true;

  if (m->nesting-- == 0)
    luaL_error(m->L, "pattern too complex");
  while (go_on && p != m->pattern_end) {
    if (*p == '(') {
      bool empty = p + 1 < m->pattern_end && p[1] == ')';

      s = match_open(m, s, p + (empty ? 2 : 1), empty ? POSITION : OPEN);
      go_on = false;
    } else if (*p == ')') {
      s = match_close(m, s, p + 1);
      go_on = false;
    } else if (*p == '$' && p + 1 == m->pattern_end) {
      s = s == m->text_end ? s : NULL;
      go_on = false;
    } else if (*p == '%' && p + 1 < m->pattern_end && p[1] == 'b') {
      s = match_balance(m, s, p + 2);
      p += 4;
      go_on = s != NULL;
    } else if (*p == '%' && p + 1 < m->pattern_end && p[1] == 'f') {
      go_on = match_frontier(m, s, &p);
      if (!go_on)
        s = NULL;
    } else if (*p == '%' && p + 1 < m->pattern_end && isdigit(byte(p + 1))) {
      s = match_back(m, s, byte(p + 1));
      p += 2;
      go_on = s != NULL;
    } else {
      go_on = match_item(m, &s, &p);
    }
    step(m, 1);
  }
  m->nesting++;
  return s;
}

/* ---- captures ---- */

static void prepare(matcher *m, lua_State *L, const char *s, size_t n,
                    const char *p, size_t pn) {
  m->L = L;
  m->text = s;
  m->text_end = s + n;
  m->pattern_end = p + pn;
  m->steps = 0;
}

static const char *match_at(matcher *m, const char *s, const char *p) {
  m->count = 0;
  m->nesting = NESTING;
  return match_here(m, s, p);
}

/* Push capture i of the match [s, e); 0 without captures is all of it. */
static void push_capture(matcher *m, int i, const char *s, const char *e) {
  if (i >= m->count) {
    if (i != 0)
      luaL_error(m->L, "invalid capture index %%%d", i + 1);
    lua_pushlstring(m->L, s, (size_t)(e - s));
  } else if (m->capture[i].len == POSITION) {
    lua_pushinteger(m->L, m->capture[i].start - m->text + 1);
  } else {
    if (m->capture[i].len == OPEN)
      luaL_error(m->L, "unfinished capture");
    lua_pushlstring(m->L, m->capture[i].start, (size_t)m->capture[i].len);
  }
}

/* All captures; the whole match when there are none and s is given. */
static int push_captures(matcher *m, const char *s, const char *e) {
  int i, n = m->count == 0 && s != NULL ? 1 : m->count;

  luaL_checkstack(m->L, n, "too many captures");
  for (i = 0; i < n; i++)
    push_capture(m, i, s, e);
  return n;
}

/* ---- find, match ---- */

/* Where a search from `init` begins: an offset, at most n + 1. */
static size_t first_byte(lua_Integer init, size_t n) {
  if (init > 0)
    return (size_t)init - 1;
  if (init == 0 || init < -(lua_Integer)n)
    return 0;
  return n - (size_t)-init;
}

static int no_magic(const char *p, size_t n) {
  size_t i;

  for (i = 0; i < n; i++)
    if (p[i] != '\0' && strchr(MAGIC, p[i]) != NULL)
      return 0;
  return 1;
}

static int plain_find(lua_State *L, const char *s, size_t n, size_t from,
                      const char *p, size_t pn) {
  const char *at;

  at = pn == 0 ? s + from : memmem(s + from, n - from, p, pn);
  /* by how far it looked: a text is searched line by line, too */
  ml_box_charge(L, 1 + pn / 64 +
                   (at != NULL ? (size_t)(at - s) - from : n - from) / 64);
  if (at == NULL) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, at - s + 1);
  lua_pushinteger(L, at - s + (lua_Integer)pn);
  return 2;
}

static int search(lua_State *L, bool find) {
  size_t n, pn, from;
  const char *s = luaL_checklstring(L, 1, &n);
  const char *p = luaL_checklstring(L, 2, &pn);
  const char *at, *end;
  bool anchored;
  matcher m;

  from = first_byte(luaL_optinteger(L, 3, 1), n);
  if (from > n) {
    lua_pushnil(L);
    return 1;
  }
  ml_box_charge(L, 1 + pn / 64);
  if (find && (lua_toboolean(L, 4) || no_magic(p, pn)))
    return plain_find(L, s, n, from, p, pn);
  anchored = pn > 0 && *p == '^';
  prepare(&m, L, s, n, p, pn);
  if (anchored)
    p++;
  for (at = s + from; ; at++) {
    end = match_at(&m, at, p);
    if (end != NULL || anchored || at == m.text_end)
      break;
  }
  ml_box_charge(L, m.steps);
  if (end == NULL) {
    lua_pushnil(L);
    return 1;
  }
  if (!find)
    return push_captures(&m, at, end);
  lua_pushinteger(L, at - s + 1);
  lua_pushinteger(L, end - s);
  return push_captures(&m, NULL, NULL) + 2;
}

/* string.find(s, pattern [, init [, plain]]) -> from, to, captures | nil */
static int s_find(lua_State *L) {
  return search(L, true);
}

/* string.match(s, pattern [, init]) -> captures | nil */
static int s_match(lua_State *L) {
  return search(L, false);
}

/* ---- gmatch ---- */

/* Upvalues: text, pattern, offset to go on, end of the last match + 1. */
static int next_match(lua_State *L) {
  size_t n, pn;
  const char *s = lua_tolstring(L, lua_upvalueindex(1), &n);
  const char *p = lua_tolstring(L, lua_upvalueindex(2), &pn);
  const char *at = s + lua_tointeger(L, lua_upvalueindex(3));
  lua_Integer last = lua_tointeger(L, lua_upvalueindex(4));
  const char *end;
  matcher m;

  prepare(&m, L, s, n, p, pn);
  for (; at <= m.text_end; at++) {
    end = match_at(&m, at, p);
    if (end != NULL && end - s + 1 != last) {
      ml_box_charge(L, m.steps);
      lua_pushinteger(L, end - s);
      lua_replace(L, lua_upvalueindex(3));
      lua_pushinteger(L, end - s + 1);
      lua_replace(L, lua_upvalueindex(4));
      return push_captures(&m, at, end);
    }
  }
  ml_box_charge(L, m.steps);
  return 0;
}

/* string.gmatch(s, pattern [, init]) -> iterator */
static int s_gmatch(lua_State *L) {
  size_t n, pn, from;

  luaL_checklstring(L, 1, &n);
  luaL_checklstring(L, 2, &pn);
  from = first_byte(luaL_optinteger(L, 3, 1), n);
  if (from > n)
    from = n + 1;
  ml_box_charge(L, 1 + pn / 64);
  lua_settop(L, 2);
  lua_pushinteger(L, (lua_Integer)from);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, next_match, 4);
  return 1;
}

/* ---- gsub ---- */

/* Add the replacement text for the match [s, e). */
static void add_text(matcher *m, luaL_Buffer *b, const char *s, const char *e) {
  lua_State *L = m->L;
  size_t n;
  const char *r = lua_tolstring(L, 3, &n), *p;

  while ((p = memchr(r, '%', n)) != NULL) {
    luaL_addlstring(b, r, (size_t)(p - r));
    p++;
    if (*p == '%') {
      luaL_addchar(b, '%');
    } else if (*p == '0') {
      luaL_addlstring(b, s, (size_t)(e - s));
    } else if (isdigit(byte(p))) {
      push_capture(m, *p - '1', s, e);
      luaL_tolstring(L, -1, NULL);       /* a position is a number */
      lua_remove(L, -2);
      luaL_addvalue(b);
    } else {
      luaL_error(L, "invalid use of '%%' in replacement string");
    }
    n -= (size_t)(p + 1 - r);
    r = p + 1;
  }
  luaL_addlstring(b, r, n);
}

/* Add what stands for the match [s, e); true when it is something else. */
static bool add_value(matcher *m, luaL_Buffer *b, const char *s, const char *e,
                      int type) {
  lua_State *L = m->L;

  switch (type) {
  case LUA_TFUNCTION:
    lua_pushvalue(L, 3);
    lua_call(L, push_captures(m, s, e), 1);
    break;
  case LUA_TTABLE:
    push_capture(m, 0, s, e);
    lua_gettable(L, 3);
    break;
  default:
    add_text(m, b, s, e);
    return true;
  }
  if (!lua_toboolean(L, -1)) {
    lua_pop(L, 1);
    luaL_addlstring(b, s, (size_t)(e - s));
    return false;
  }
  if (!lua_isstring(L, -1))
    luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  luaL_addvalue(b);
  return true;
}

/* string.gsub(s, pattern, replacement [, n]) -> string, count */
static int s_gsub(lua_State *L) {
  size_t n, pn;
  const char *s = luaL_checklstring(L, 1, &n);
  const char *p = luaL_checklstring(L, 2, &pn);
  const char *last = NULL, *end, *at = s;
  int type = lua_type(L, 3);
  lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)n + 1), done = 0;
  bool anchored = pn > 0 && *p == '^', changed = false;
  luaL_Buffer b;
  matcher m;

  luaL_argexpected(L, type == LUA_TNUMBER || type == LUA_TSTRING ||
                      type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
                   "string/function/table");
  ml_box_charge(L, 1 + pn / 64);
  prepare(&m, L, s, n, p, pn);
  if (anchored)
    p++;
  luaL_buffinit(L, &b);
  while (done < most) {
    end = match_at(&m, at, p);
    if (end != NULL && end != last) {
      done++;
      changed |= add_value(&m, &b, at, end, type);
      at = last = end;
      step(&m, 1 + luaL_bufflen(&b) / BATCH);
    } else if (at < m.text_end) {
      luaL_addchar(&b, *at++);
    } else {
      break;
    }
    if (anchored)
      break;
  }
  if (changed) {
    luaL_addlstring(&b, at, (size_t)(m.text_end - at));
    luaL_pushresult(&b);
  } else {
    lua_pushvalue(L, 1);
  }
  ml_box_charge(L, m.steps);
  lua_pushinteger(L, done);
  return 2;
}

void ml_lib_match(lua_State *L) {
  static const luaL_Reg own[] = {
    {"find", s_find}, {"gmatch", s_gmatch}, {"gsub", s_gsub},
    {"match", s_match}, {NULL, NULL},
  };

  luaL_setfuncs(L, own, 0);
}
