/* text_utf8.c - what a text is made of: well-formed, printable, how wide. */
#include "base/text.h"

#include <assert.h>
#include <string.h>

#include "base/utf8.h"

typedef struct range {
  uint32_t from, to;
} range;

/* Is c in one of the n ranges, which are in order? */
static bool within(uint32_t c, const range *t, size_t n) {
  size_t lo = 0;

  while (lo < n) {
    size_t mid = lo + (n - lo) / 2;

    if (c > t[mid].to)
      lo = mid + 1;
    else if (c < t[mid].from)
      n = mid;
    else
      return true;
  }
  return false;
}

#define WITHIN(c, t) within((c), (t), sizeof(t) / sizeof *(t))

bool ml_text_utf8(ml_str s) {
  const char *p = s.p, *end = ml_str_end(s);

  while (p < end) {
    size_t n = 8;

    if (end - p < 8 || (ml_utf8_word(p) & ML_UTF8_EACH(0x80)) != 0)
      n = ml_utf8_step(p, end);
    if (n == 0)
      return false;
    p += n;
  }
  return true;
}

size_t ml_text_chars(ml_str s) {
  size_t n = 0;

  for (size_t i = 0; i < s.n; i++)
    n += (s.p[i] & 0xC0) != 0x80;
  return n;
}

static bool printable(uint32_t c) {
  static const range no[] = {
    {0x00, 0x1F}, {0x7F, 0x9F}, {0x2028, 0x202E}, {0x2066, 0x2069},
  };

  return !WITHIN(c, no);
}

bool ml_text_printable(ml_str s) {
  const char *p = s.p, *end = ml_str_end(s);

  while (p < end) {
    size_t n = ml_utf8_step(p, end);

    if (n == 0 || !printable(ml_utf8_point(p, n)))
      return false;
    p += n;
  }
  return true;
}

void ml_text_excerpt(char *out, size_t size, ml_str s) {
  const char *p = s.p, *end = ml_str_end(s);
  size_t used = 0, fits = 0;   /* fits: where "..." still has room */

  assert(size >= 8);
  while (p < end) {
    size_t n = ml_utf8_step(p, end);
    bool show = n > 0 && printable(ml_utf8_point(p, n));
    size_t take = show ? n : 1;

    if (used + take + 1 > size) {
      memcpy(out + fits, "...", 4);
      return;
    }
    if (show)
      memcpy(out + used, p, n);
    else
      out[used] = '?';
    used += take;
    if (used + 4 <= size)
      fits = used;
    p += n > 0 ? n : 1;
  }
  out[used] = '\0';
}

/* ---- names ---- */

bool ml_text_is_filename(ml_str s) {
  if (s.n < 1 || s.n > 64)
    return false;
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i];
    bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

    if (!alnum && (i == 0 || (c != '_' && c != '-')))
      return false;
  }
  return true;
}

static bool blank(uint32_t c) {
  static const range blanks[] = {
    {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
    {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000},
  };

  return WITHIN(c, blanks);
}

bool ml_text_is_name(ml_str s) {
  const char *last;

  if (s.n < 1 || s.n > 200 || !ml_text_printable(s))
    return false;
  last = s.p + s.n - 1;
  while ((*last & 0xC0) == 0x80)
    last--;
  return !blank(ml_utf8_point(s.p, ml_utf8_step(s.p, s.p + s.n)))
         && !blank(ml_utf8_point(last, (size_t)(s.p + s.n - last)));
}

/* ---- width ---- */

/* Marks that sit on the character before them, joiners and variation
** selectors: the ones that texts of people hold. */
static const range zero_wide[] = {
  {0x0000, 0x001F},   {0x007F, 0x009F},   {0x0300, 0x036F},
  {0x0483, 0x0489},   {0x0591, 0x05BD},   {0x064B, 0x065F},
  {0x0E31, 0x0E31},   {0x0E34, 0x0E3A},   {0x0E47, 0x0E4E},
  {0x1AB0, 0x1AFF},   {0x1DC0, 0x1DFF},   {0x200B, 0x200F},
  {0x2028, 0x202E},   {0x2060, 0x206F},   {0x20D0, 0x20F0},
  {0x302A, 0x302D},   {0x3099, 0x309A},   {0xFE00, 0xFE0F},
  {0xFE20, 0xFE2F},   {0xFEFF, 0xFEFF},   {0xE0100, 0xE01EF},
};

/* East Asian Width W and F (Unicode annex 11), pictures included. */
static const range double_wide[] = {
  {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},
  {0x23E9, 0x23EC},   {0x23F0, 0x23F0},   {0x23F3, 0x23F3},
  {0x25FD, 0x25FE},   {0x2614, 0x2615},   {0x2648, 0x2653},
  {0x267F, 0x267F},   {0x2693, 0x2693},   {0x26A1, 0x26A1},
  {0x26AA, 0x26AB},   {0x26BD, 0x26BE},   {0x26C4, 0x26C5},
  {0x26CE, 0x26CE},   {0x26D4, 0x26D4},   {0x26EA, 0x26EA},
  {0x26F2, 0x26F3},   {0x26F5, 0x26F5},   {0x26FA, 0x26FA},
  {0x26FD, 0x26FD},   {0x2705, 0x2705},   {0x270A, 0x270B},
  {0x2728, 0x2728},   {0x274C, 0x274C},   {0x274E, 0x274E},
  {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},
  {0x27B0, 0x27B0},   {0x27BF, 0x27BF},   {0x2B1B, 0x2B1C},
  {0x2B50, 0x2B50},   {0x2B55, 0x2B55},   {0x2E80, 0x303E},
  {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0xA4CF},
  {0xA960, 0xA97F},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},
  {0xFE10, 0xFE19},   {0xFE30, 0xFE6F},   {0xFF01, 0xFF60},
  {0xFFE0, 0xFFE6},   {0x16FE0, 0x18DFF}, {0x1AFF0, 0x1B2FF},
  {0x1F004, 0x1F004}, {0x1F0CF, 0x1F0CF}, {0x1F18E, 0x1F18E},
  {0x1F191, 0x1F19A}, {0x1F200, 0x1F320}, {0x1F32D, 0x1F335},
  {0x1F337, 0x1F37C}, {0x1F37E, 0x1F393}, {0x1F3A0, 0x1F3CA},
  {0x1F3CF, 0x1F3D3}, {0x1F3E0, 0x1F3F0}, {0x1F3F4, 0x1F3F4},
  {0x1F3F8, 0x1F43E}, {0x1F440, 0x1F440}, {0x1F442, 0x1F4FC},
  {0x1F4FF, 0x1F53D}, {0x1F54B, 0x1F567}, {0x1F57A, 0x1F57A},
  {0x1F595, 0x1F596}, {0x1F5A4, 0x1F5A4}, {0x1F5FB, 0x1F64F},
  {0x1F680, 0x1F6C5}, {0x1F6CC, 0x1F6CC}, {0x1F6D0, 0x1F6D2},
  {0x1F6D5, 0x1F6D7}, {0x1F6DC, 0x1F6DF}, {0x1F6EB, 0x1F6EC},
  {0x1F6F4, 0x1F6FC}, {0x1F7E0, 0x1F7EB}, {0x1F7F0, 0x1F7F0},
  {0x1F90C, 0x1F93A}, {0x1F93C, 0x1F945}, {0x1F947, 0x1F9FF},
  {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD},
};

size_t ml_text_cells(ml_str s) {
  const char *p = s.p, *end = ml_str_end(s);
  size_t cells = 0;

  while (p < end) {
    size_t n = ml_utf8_step(p, end);
    uint32_t c = n > 0 ? ml_utf8_point(p, n) : 0xFFFD;

    if (c < 0x300)
      cells += c >= 0x20 && (c < 0x7F || c > 0x9F);
    else if (!WITHIN(c, zero_wide))
      cells += WITHIN(c, double_wide) ? 2 : 1;
    p += n > 0 ? n : 1;
  }
  return cells;
}
