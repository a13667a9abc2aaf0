/*
** lib_string.c - string: Lua's own functions where they are linear and their
** result is charged by the allocator; ours for format (no addresses), rep
** (bounded), byte (charged) and, in lib_match.c, patterns.  No dump, pack, packsize, unpack.
*/
#include <ctype.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "script/box_private.h"

#define FORM_MAX 22       /* characters of one conversion, as in Lua */
#define ITEM_MAX 120      /* of one printed item but %f */
#define ITEM_MAX_F (110 + DBL_MAX_10_EXP)
#define DIGITS "0123456789"

/* ---- rep ---- */

/* string.rep(s, n [, sep]) -> string */
static int s_rep(lua_State *L) {
  size_t n, sep_n, all, limit = ml_box_of(L)->limits.block / 2;
  const char *s = luaL_checklstring(L, 1, &n);
  lua_Integer times = luaL_checkinteger(L, 2), i;
  const char *sep = luaL_optlstring(L, 3, "", &sep_n);
  luaL_Buffer b;
  char *to;

  if (times <= 0 || n + sep_n == 0) {
    lua_pushliteral(L, "");
    return 1;
  }
  if ((lua_Unsigned)times > limit / (n + sep_n) + 1)
    return luaL_error(L, "resulting string too large");
  all = (size_t)times * n + (size_t)(times - 1) * sep_n;
  if (all > limit)
    return luaL_error(L, "resulting string too large");
  ml_box_charge(L, (uint64_t)times / 16 + all / 64);
  to = luaL_buffinitsize(L, &b, all);
  for (i = 0; i < times; i++) {
    memcpy(to, s, n);
    to += n;
    if (i + 1 < times && sep_n > 0) {
      memcpy(to, sep, sep_n);
      to += sep_n;
    }
  }
  luaL_pushresultsize(&b, all);
  return 1;
}

/* ---- byte ---- */

/* A position, counted from the end when negative; the least is `least`. */
static size_t position(lua_Integer i, size_t n, size_t least) {
  if (i > 0)
    return (size_t)i;
  if (i == 0 || i < -(lua_Integer)n)
    return least;
  return n + (size_t)i + 1;
}

/* string.byte(s [, i [, j]]) -> the bytes i to j */
static int s_byte(lua_State *L) {
  size_t n, from, to, i;
  const char *s = luaL_checklstring(L, 1, &n);
  lua_Integer first = luaL_optinteger(L, 2, 1);
  lua_Integer last;

  if (first > 0 && (size_t)first <= n && lua_gettop(L) < 3) {
    lua_pushinteger(L, (unsigned char)s[first - 1]);
    return 1;                    /* one, as in most loops */
  }
  last = luaL_optinteger(L, 3, first);
  from = position(first, n, 1);
  to = position(last, n, 0);
  if (to > n)
    to = n;
  if (from > to)
    return 0;
  ml_box_charge(L, (to - from) / 8);
  if (to - from >= INT_MAX || !lua_checkstack(L, (int)(to - from) + 1))
    return luaL_error(L, "string slice too long");
  for (i = from; i <= to; i++)
    lua_pushinteger(L, (unsigned char)s[i - 1]);
  return (int)(to - from) + 1;
}

/* ---- format ---- */

/* Copy one conversion, from behind the '%', to form; its last character. */
static const char *get_form(lua_State *L, const char *p, char *form) {
  size_t n = strspn(p, "-+ #.0123456789") + 1;

  if (n >= FORM_MAX)
    luaL_error(L, "invalid format (too long)");
  *form++ = '%';
  memcpy(form, p, n);
  form[n] = '\0';
  return p + n - 1;
}

static const char *two_digits(const char *p) {
  if (isdigit((unsigned char)*p))
    p++;
  if (isdigit((unsigned char)*p))
    p++;
  return p;
}

/* Flags, a width and a precision of two digits; nothing else. */
static void check_form(lua_State *L, const char *form, const char *flags,
                       bool precision) {
  const char *p = form + 1;

  p += strspn(p, flags);
  if (*p != '0') {
    p = two_digits(p);
    if (*p == '.' && precision)
      p = two_digits(p + 1);
  }
  if (!isalpha((unsigned char)*p))
    luaL_error(L, "invalid conversion specification: '%s'", form);
}

/* Put "ll" in front of the conversion's letter. */
static void add_long(char *form) {
  size_t n = strlen(form);
  char letter = form[n - 1];

  memcpy(form + n - 1, "ll", 2);
  form[n + 1] = letter;
  form[n + 2] = '\0';
}

static void quote_text(luaL_Buffer *b, const char *s, size_t n) {
  luaL_addchar(b, '"');
  for (; n > 0; s++, n--) {
    if (*s == '"' || *s == '\\' || *s == '\n') {
      luaL_addchar(b, '\\');
      luaL_addchar(b, *s);
    } else if (iscntrl((unsigned char)*s)) {
      char code[8];

      snprintf(code, sizeof code,
               n > 1 && isdigit((unsigned char)s[1]) ? "\\%03d" : "\\%d",
               (unsigned char)*s);
      luaL_addstring(b, code);
    } else {
      luaL_addchar(b, *s);
    }
  }
  luaL_addchar(b, '"');
}

static void quote_number(lua_State *L, luaL_Buffer *b, int arg) {
  char *to = luaL_prepbuffsize(b, ITEM_MAX);
  int n;

  if (lua_isinteger(L, arg)) {
    lua_Integer i = lua_tointeger(L, arg);

    n = snprintf(to, ITEM_MAX, i == LUA_MININTEGER ? "0x%llx" : "%lld",
                 (long long)i);
  } else {
    lua_Number d = lua_tonumber(L, arg);

    if (isinf(d))
      n = snprintf(to, ITEM_MAX, d > 0 ? "1e9999" : "-1e9999");
    else if (isnan(d))
      n = snprintf(to, ITEM_MAX, "(0/0)");
    else
      n = snprintf(to, ITEM_MAX, "%a", d);
  }
  luaL_addsize(b, (size_t)n);
}

/* %q: a literal that Lua reads back */
static void add_literal(lua_State *L, luaL_Buffer *b, int arg) {
  size_t n;
  const char *s;

  switch (lua_type(L, arg)) {
  case LUA_TSTRING:
    s = lua_tolstring(L, arg, &n);
    ml_box_charge(L, n / 8);
    quote_text(b, s, n);
    break;
  case LUA_TNUMBER:
    quote_number(L, b, arg);
    break;
  case LUA_TNIL: case LUA_TBOOLEAN:
    luaL_tolstring(L, arg, NULL);
    luaL_addvalue(b);
    break;
  default:
    luaL_argerror(L, arg, "value has no literal form");
  }
}

/* %s */
static void add_string(lua_State *L, luaL_Buffer *b, int arg,
                       const char *form) {
  size_t n;
  const char *s = ml_box_tolstring(L, arg, &n);
  char *to;

  ml_box_charge(L, n / 64);
  if (form[2] == '\0') {
    luaL_addvalue(b);
    return;
  }
  luaL_argcheck(L, n == strlen(s), arg, "string contains zeros");
  check_form(L, form, "-", true);
  if (strchr(form, '.') == NULL && n >= 100) {
    luaL_addvalue(b);
    return;
  }
  /* with a precision at most 99 bytes, without at most 99: fits an item */
  to = luaL_prepbuffsize(b, ITEM_MAX);
  luaL_addsize(b, (size_t)snprintf(to, ITEM_MAX, form, s));
  lua_pop(L, 1);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"   /* checked above */

static void add_integer(lua_State *L, luaL_Buffer *b, int arg, char *form,
                        const char *flags) {
  lua_Integer i = luaL_checkinteger(L, arg);
  char *to = luaL_prepbuffsize(b, ITEM_MAX);

  check_form(L, form, flags, true);
  add_long(form);
  luaL_addsize(b, (size_t)snprintf(to, ITEM_MAX, form, (long long)i));
}

static void add_float(lua_State *L, luaL_Buffer *b, int arg, const char *form) {
  lua_Number d = luaL_checknumber(L, arg);
  char *to = luaL_prepbuffsize(b, ITEM_MAX_F);

  check_form(L, form, "-+ #0", true);
  luaL_addsize(b, (size_t)snprintf(to, ITEM_MAX_F, form, d));
}

static void add_char(lua_State *L, luaL_Buffer *b, int arg, const char *form) {
  char *to = luaL_prepbuffsize(b, ITEM_MAX);

  check_form(L, form, "-", false);
  luaL_addsize(b, (size_t)snprintf(to, ITEM_MAX, form,
                                   (int)luaL_checkinteger(L, arg)));
}

#pragma GCC diagnostic pop

static void add_item(lua_State *L, luaL_Buffer *b, int arg, char *form) {
  switch (form[strlen(form) - 1]) {
  case 'c': add_char(L, b, arg, form); break;
  case 'd': case 'i': add_integer(L, b, arg, form, "-+0 "); break;
  case 'u': add_integer(L, b, arg, form, "-0"); break;
  case 'o': case 'x': case 'X': add_integer(L, b, arg, form, "-#0"); break;
  case 'a': case 'A': case 'f': case 'e': case 'E': case 'g': case 'G':
    add_float(L, b, arg, form);
    break;
  case 's': add_string(L, b, arg, form); break;
  case 'q':
    if (form[2] != '\0')
      luaL_error(L, "specifier '%%q' cannot have modifiers");
    add_literal(L, b, arg);
    break;
  default:                   /* %p too: a script sees no addresses */
    luaL_error(L, "invalid conversion '%s' to 'format'", form);
  }
}

/* string.format(form, ...) -> string */
static int s_format(lua_State *L) {
  int top = lua_gettop(L), arg = 1;
  size_t n;
  const char *p = luaL_checklstring(L, 1, &n), *end = p + n;
  char form[FORM_MAX + 10];
  luaL_Buffer b;

  ml_box_charge(L, 1 + n / 16);
  luaL_buffinit(L, &b);
  while (p < end) {
    if (*p != '%') {
      luaL_addchar(&b, *p++);
    } else if (*++p == '%') {
      luaL_addchar(&b, *p++);
    } else {
      if (++arg > top)
        return luaL_argerror(L, arg, "no value");
      p = get_form(L, p, form) + 1;
      ml_box_charge(L, 1);
      add_item(L, &b, arg, form);
    }
  }
  luaL_pushresult(&b);
  return 1;
}

/* ---- the table and the metatable of strings ---- */

/* Arithmetic on texts that read as numbers; the stock metatable has it. */
static void set_metatable(lua_State *L) {
  static const char *const operators[] = {
    "__add", "__sub", "__mul", "__mod", "__pow", "__div", "__idiv", "__unm",
    NULL,
  };

  lua_createtable(L, 0, 10);
  lua_pushliteral(L, "");
  lua_getmetatable(L, -1);                 /* library, ours, "", stock */
  ml_lib_charged(L, -1, -3, operators);
  lua_pop(L, 1);
  lua_pushvalue(L, -3);
  lua_setfield(L, -3, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -3, "__metatable");
  lua_pushvalue(L, -2);
  lua_setmetatable(L, -2);
  lua_pop(L, 2);
}

/* s:byte() finds its function behind the frozen table at once: what it finds
** there is all that a script can get of it.  Stack: ..., library. */
static void shorten_methods(lua_State *L) {
  lua_pushliteral(L, "");
  lua_getmetatable(L, -1);
  ml_box_push_frozen(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 2);
}

void ml_lib_string(lua_State *L) {
  static const char *const stock[] = {
    "char", "len", "lower", "reverse", "sub", "upper", NULL,
  };
  static const luaL_Reg own[] = {
    {"byte", s_byte}, {"format", s_format}, {"rep", s_rep}, {NULL, NULL},
  };

  lua_createtable(L, 0, 13);
  ml_lib_stock(L, LUA_STRLIBNAME, luaopen_string);
  ml_lib_copy(L, -1, -2, stock);
  lua_pop(L, 1);
  luaL_setfuncs(L, own, 0);
  ml_lib_match(L);
  set_metatable(L);
  ml_box_freeze_table(L, -1);
  shorten_methods(L);
  lua_setfield(L, -2, LUA_STRLIBNAME);
}
