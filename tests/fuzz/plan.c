/* plan.c - the texts that say when a schedule comes, zone names and zone files.
** Lines: d, w or m; the text; the name of a zone; then the bytes of a zone's
** file.  A plan that is read comes again and again, each time later. */
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "model/calendar.h"

static ml_str line(ml_str *rest) {
  const char *end = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;
  ml_str s = {rest->p, end != NULL ? (size_t)(end - rest->p) : rest->n};

  rest->p += end != NULL ? s.n + 1 : s.n;
  rest->n -= end != NULL ? s.n + 1 : s.n;
  return s;
}

/* Over a change of the clocks, and over a February that has 29 days. */
static void comes(ml_plan *p, const ml_zone *z) {
  static const int64_t from[] = {0, 1709000000000, 1774000000000, 4102444800000};

  p->zone = z;
  for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
    int64_t at = from[i];

    for (int n = 0; n < 8; n++) {
      int64_t next = ml_plan_next(p, 0, at);

      if (next == 0)
        break;
      HOLDS(next > at);
      HOLDS(ml_plan_next(p, 0, next - 1) == next);
      at = next;
    }
  }
}

static void local(const ml_zone *z) {
  for (int64_t t = 1700000000000; t < 1760000000000; t += 7000000000)
    ml_zone_utc(z, ml_zone_local(z, t));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  ml_str rest = {(const char *)data, n};
  ml_str way = line(&rest), text = line(&rest), name = line(&rest);
  const ml_zone *utc = NULL, *named = NULL, *read = NULL;
  ml_arena a = {0};
  ml_plan p = {.kind = ML_EVERY_DAY};
  ml_err e = {0}, none = {0};
  ml_rc rc;

  if (way.n > 0 && way.p[0] == 'w')
    p.kind = ML_EVERY_WEEK;
  if (way.n > 0 && way.p[0] == 'm')
    p.kind = ML_EVERY_MONTH;
  HOLDS(ml_zone_open(&a, ML_STR("UTC"), &utc, &none) == ML_OK);
  rc = ml_zone_open(&a, name, &named, &none);
  HOLDS(rc == ML_OK || (none.text[0] != '\0' &&
                        ml_text_utf8(ml_str_of(none.text))));
  if (rc == ML_OK)
    local(named);
  if (ml_zone_parse(&a, rest, &read) == ML_OK)
    local(read);
  rc = ml_plan_read(&p, text, &e);
  HOLDS(rc == ML_OK || rc == ML_INVALID);
  HOLDS(rc == ML_OK || (e.text[0] != '\0' && ml_text_utf8(ml_str_of(e.text))));
  if (rc == ML_OK) {
    HOLDS(p.count > 0 && p.count <= ML_PLAN_TIMES_MAX);
    comes(&p, utc);
    if (named != NULL)
      comes(&p, named);
    if (read != NULL)
      comes(&p, read);
  }
  ml_arena_free(&a);
  return 0;
}
